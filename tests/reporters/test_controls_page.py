"""The HTML page of an assessment: harmless whatever an input holds, complete, and readable on every screen.

Its layout is looked at in Chromium, where that is installed.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.engine.rule_store import builtin_frameworks, builtin_rules
from azkvlint.linter.rule_tests import expand
from azkvlint.reporters.document import link_title
from tests.reporters.browser import Parsed, find_chromium, results

if TYPE_CHECKING:
    from tests.conftest import Run

pytestmark = pytest.mark.slow(8)

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
ROWS = 16
HOSTILE = "</style><script>alert(1)</script><img src=x onerror=alert(2)>\"'`&amp;|**x**"


def page_of(run: Run, *words: str | Path, cwd: Path | None = None) -> str:
    ran = run("controls", "-f", "html", "--as-of", "2026-11-01", *words, cwd=cwd)
    assert ran.code in (0, 1), ran.err
    return ran.out


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture
def hostile(folder: Path) -> Path:
    """A plan in which everything that can hold text holds what HTML and Markdown would act on."""
    name = json.dumps(HOSTILE)
    plan = f"""
azurerm_key_vault.kv[{name}]: {{name: {name}, sku_name: {name}}}
azurerm_key_vault_secret.s: {{name: {name}, value: x, key_vault_id: {name}}}
"""
    file = folder / "a<b>&'c.json"
    file.write_bytes(expand(plan))
    return file


def test_strings_of_the_input_are_text_in_the_page(hostile: Path, run: Run) -> None:
    page = page_of(run, hostile.name, "--framework", "all", cwd=hostile.parent)
    parsed = Parsed(page)
    assert parsed.open == []
    names = {tag for tag, _ in parsed.elements}
    assert names.isdisjoint({"script", "img", "iframe", "object", "link", "base", "form", "svg"})
    assert not [name for _, attributes in parsed.elements for name in attributes if name.startswith("on")]
    assert HOSTILE in parsed.text
    assert hostile.name in parsed.text


def test_strings_of_the_input_are_text_in_markdown(hostile: Path, run: Run) -> None:
    ran = run("controls", "-f", "markdown", hostile.name, cwd=hostile.parent)
    assert "<script" not in re.sub(r"(`+)(.*?)\1", "", ran.out)
    assert "<img" not in re.sub(r"(`+)(.*?)\1", "", ran.out)
    # Every row of a table has its four cells.
    rows = [line for line in ran.out.splitlines() if line.startswith("| ")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in rows} == {5}


def test_page_loads_no_resources_and_runs_no_scripts(run: Run) -> None:
    parsed = Parsed(page_of(run, SAMPLES / "careless", "--framework", "all"))
    (policy,) = [one["content"] for tag, one in parsed.elements if one.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert "default-src 'none'" in policy
    links = [one["href"] for tag, one in parsed.elements if "href" in one]
    assert all(link is not None and link.startswith(("https://", "#")) for link in links)
    assert not [one for _, one in parsed.elements if "src" in one]
    anchors = {one.get("id") for _, one in parsed.elements}
    assert {link[1:] for link in links if link is not None and link.startswith("#")} <= anchors


def test_page_has_the_content_of_the_report(run: Run) -> None:
    parsed = Parsed(page_of(run, SAMPLES / "careless"))
    said = json.loads(run("controls", "-f", "json", "--as-of", "2026-11-01", SAMPLES / "careless").out)
    rows = [row for vault in said["vaults"] for row in vault["frameworks"][0]["controls"]]
    shown = [one for tag, one in parsed.elements if tag == "tr" and (one.get("class") or "").startswith("row ")]
    assert len(shown) == len(rows) == ROWS * len(said["vaults"])
    text = " ".join(parsed.text.split())
    for row in rows:
        for evidence in row["evidence"][:3]:
            if evidence["outcome"] == "fail":
                assert " ".join(evidence["message"].replace("`", "").split()) in text


def test_controls_without_action_are_folded_below_the_others(run: Run) -> None:
    parsed = Parsed(page_of(run, SAMPLES / "careless" / "main.tf"))
    text = " ".join(parsed.text.split())
    first = text.index("9 controls without action: 5 guaranteed, 4 not applicable")
    assert text.index("Logging and audit of the data plane") < first < text.index("Encryption in transit")
    assert "Legend Not met" in text


def test_matrix_has_the_status_of_each_control_of_each_vault(run: Run) -> None:
    parsed = Parsed(page_of(run, SAMPLES / "careless", "--framework", "key-vault,mcsb"))
    said = json.loads(
        run(
            "controls", "-f", "json", "--framework", "key-vault,mcsb", "--as-of", "2026-11-01", SAMPLES / "careless"
        ).out
    )
    titles = [{one["id"]: one["title"] for one in framework["controls"]} for framework in said["frameworks"]]
    marks = [one["aria-label"] for tag, one in parsed.elements if tag == "li" and "aria-label" in one]
    assert marks == [
        f"{row['id']} {titles[number][row['id']]}: {row['status'].removesuffix(' by the platform')}"
        for vault in said["vaults"]
        for number, framework in enumerate(vault["frameworks"])
        for row in framework["controls"]
    ]


def test_links_of_built_in_frameworks_have_titles() -> None:
    references = {
        address
        for framework in builtin_frameworks(builtin_rules())
        for address in (
            *framework.references,
            *(link for one in framework.controls if one.platform is not None for link in one.platform.references),
        )
    }
    assert references
    untitled = [address for address in references if link_title(address) == address.partition("://")[2].rstrip("/")]
    assert untitled == []
    assert link_title("https://example.org/a/tls-support/") == "example.org/a/tls-support"


# --- in a browser -----------------------------------------------------------------------------------------------------

# What a reader would see: what is wider than the screen, what is cut off, and which rows are there to be read.
MEASURE = """
() => {
  for (const one of document.querySelectorAll('details')) one.open = true;
  const wide = [...document.querySelectorAll('body *')].filter(one => {
    const box = one.getBoundingClientRect();
    return box.width && (box.right > innerWidth + 1 || box.left < -1);
  });
  const cut = [...document.querySelectorAll('main *')].filter(one =>
    one.closest('thead') === null && getComputedStyle(one).overflow !== 'visible' && one.textContent.trim() &&
    (one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1));
  const small = [...document.querySelectorAll('main *')].filter(one =>
    one.textContent.trim() && parseFloat(getComputedStyle(one).fontSize) < 11);
  const overlap = [...document.querySelectorAll('tr.row')].filter(row => {
    const boxes = [...row.children].map(cell => cell.getBoundingClientRect()).filter(box => box.width);
    const apart = (one, other) => one.right <= other.left + 1 || one.bottom <= other.top + 1;
    return boxes.some((one, at) => boxes.slice(at + 1).some(other => !apart(one, other) && !apart(other, one)));
  });
  const rows = [...document.querySelectorAll('section.vault')].map(vault =>
    [...vault.querySelectorAll('tr.row')].filter(row =>
      row.getBoundingClientRect().height > 10 && row.querySelector('.pill').getBoundingClientRect().width > 10 &&
      row.querySelector('th').getBoundingClientRect().width > 40).length);
  const name = one => one.tagName + '.' + one.className + ': ' + one.textContent.trim().slice(0, 60);
  return {
    width: innerWidth, page: document.documentElement.scrollWidth, wide: wide.map(name), cut: cut.map(name),
    small: small.map(name), overlap: overlap.map(name), rows: rows,
  };
}
"""


@pytest.fixture(scope="module")
def chromium() -> str:
    return find_chromium()


def measured(chromium: str, folder: Path, *frames: tuple[str, int]) -> list[dict[str, Any]]:
    return results(chromium, folder, MEASURE, *frames)


@pytest.mark.parametrize("name", ["careless", "hardened"])
def test_page_is_readable_on_every_screen(name: str, chromium: str, tmp_path: Path, run: Run) -> None:
    page = page_of(run, SAMPLES / name)
    widths = (1280, 768, 390)
    for width, seen in zip(widths, measured(chromium, tmp_path, *((page, width) for width in widths)), strict=True):
        assert seen["width"] == width
        assert seen["page"] <= width
        assert (seen["wide"], seen["cut"], seen["small"], seen["overlap"]) == ([], [], [], [])
        assert seen["rows"] == [ROWS] * page.count('<section class="vault"')


def test_long_names_break(chromium: str, tmp_path: Path, hostile: Path, run: Run) -> None:
    page = page_of(run, hostile, "--framework", "all")
    for width, seen in zip((1280, 390), measured(chromium, tmp_path, (page, 1280), (page, 390)), strict=True):
        assert (seen["page"] <= width, seen["wide"], seen["cut"], seen["overlap"]) == (True, [], [], [])


def test_browser_detects_planted_faults(chromium: str, tmp_path: Path, run: Run) -> None:
    page = page_of(run, SAMPLES / "hardened" / "main.tf")
    faults = {
        "wide": ".vault { width: 600px; }",
        "cut": ".c-below { height: 1rem; overflow: hidden; }",
        "small": ".c-below { font-size: 9px; }",
        "overlap": ".c-state { margin-top: -1.5rem; }",
    }
    pages = [(page.replace("</style>", f"{style}</style>"), 390) for style in faults.values()]
    for fault, seen in zip(faults, measured(chromium, tmp_path, *pages), strict=True):
        assert seen[fault]
