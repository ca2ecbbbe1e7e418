"""The HTML page of a run: complete, by vault, harmless whatever an input contains, and readable on every screen."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.linter.rule_tests import expand
from tests.reporters.browser import Parsed, dumped, find_chromium, results

if TYPE_CHECKING:
    from tests.conftest import Run

pytestmark = pytest.mark.slow(8)

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
CARELESS = SAMPLES / "careless" / "main.tf"
SECRET = "correct-horse-battery-staple"
HOSTILE = "</style></script><script>alert(1)</script><img src=x onerror=alert(2)>\"'`&amp;"
# With what templates of pages evaluate.
IN_NAMES = f"{HOSTILE}{{{{ 7 * 7 }}}}{{% raw %}}"
# The elements of the page. None of them loads or submits anything.
ELEMENTS = {
    "html", "head", "meta", "title", "style", "body", "main", "header", "h1", "h2", "h3", "p", "ul", "li", "b", "i",
    "a", "code", "span", "div", "section", "article", "details", "summary", "pre", "mark", "fieldset", "legend",
    "label", "input", "select", "option", "output", "button", "script",
}  # fmt: skip
VAULT = """
resource "azurerm_key_vault" "{0}" {{
  name                       = "{1}"
  purge_protection_enabled   = {2}
  rbac_authorization_enabled = true
}}
"""


def both(run: Run, *words: str | Path, cwd: Path | None = None) -> tuple[str, dict[str, Any]]:
    """Return the page and the JSON report of one run."""
    folder = cwd or Path.cwd()
    ran = run("-f", "html", "-f", f"json={folder / 'report.json'}", "--as-of", "2026-11-01", *words, cwd=cwd)
    assert ran.code in (0, 1, 3), ran.err
    return ran.out, json.loads((folder / "report.json").read_text(encoding="utf-8"))


def section(page: str, title: str) -> str:
    """Return the text of the section with a heading."""
    matching = [part for part in sections(page) if f"<h2>{title}" in part]
    assert len(matching) == 1, title
    return words(matching[0])


def sections(page: str) -> list[str]:
    return re.findall(r'<section class="vault".*?</section>', page, re.DOTALL)


def words(page: str) -> str:
    return " ".join(unescape(re.sub("<[^>]*>", " ", page)).split())


def articles(page: str) -> list[dict[str, str | None]]:
    return [attributes for tag, attributes in Parsed(page).elements if tag == "article"]


@pytest.fixture(scope="module")
def cache() -> dict[str, tuple[str, dict[str, Any]]]:
    return {}


@pytest.fixture
def careless(run: Run, tmp_path: Path, cache: dict[str, tuple[str, dict[str, Any]]]) -> tuple[str, dict[str, Any]]:
    """Return the page and the JSON report of the careless sample, from one run for all tests."""
    if "careless" not in cache:
        cache["careless"] = both(run, CARELESS, cwd=tmp_path)
    return cache["careless"]


# --- what the page contains -------------------------------------------------------------------------------------------


def test_all_results_are_in_the_page(careless: tuple[str, dict[str, Any]]) -> None:
    page, report = careless
    text = words(page)
    found = report["findings"] + report["unknown"]
    for one in found:
        place = "{path}:{line}:{column}".format(**one["location"])
        assert f"{one['ruleId']} " in text
        assert one["resource"] in text
        assert Path(place).name in text
    for one in report["findings"]:
        assert words(one["message"].replace("`", " ")) in " ".join(text.replace("`", " ").split())
        if one["ruleId"] not in {"KV006", "KV307"}:  # findings with the cause of another
            assert words(one["label"].replace("`", " ")) in text
    assert sum(int(one["data-count"] or 0) for one in articles(page)) == len(found)
    assert "Found 16 issues (1 critical, 4 high, 9 medium, 2 low) in 2 key vaults." in text
    assert "--show-unknown" not in text


def test_findings_are_grouped_by_vault(careless: tuple[str, dict[str, Any]]) -> None:
    page, _ = careless
    app, data = section(page, "kv-app-careless"), section(page, "kv-data-careless")
    assert "Network exposure: all networks" in app
    assert "Network exposure: unknown" in data
    # Of the vault itself, of its secret and of its key; the worst is first.
    assert set(re.findall(r"critical (KV\d+)", app)) == {"KV610"}
    assert all(rule in app for rule in ("KV101", "KV601", "KV501"))
    assert "KV202" not in app
    assert "KV202" in data
    assert "3 checks of this vault are unknown." in data
    assert "KV402" in section(page, "Other resources")


def test_unknown_results_are_grouped_by_cause(careless: tuple[str, dict[str, Any]]) -> None:
    text = section(careless[0], "Unknown results")
    place = "samples/careless/main.tf:90:22"
    reason = f"terraform_data.firewall.output is known after apply {place}"
    assert f"{reason} To decide check a plan that is created after the first apply" in text
    assert re.findall(r"KV\d+", text.partition("3 checks")[2]) == ["KV101", "KV102", "KV104"]
    assert "KV051" in section(careless[0], "Minor unknown results: 1")


def test_findings_with_the_same_cause_are_folded(careless: tuple[str, dict[str, Any]]) -> None:
    page, _ = careless
    (block,) = [one for one in articles(page) if "KV001" in (one["data-rule"] or "").split()]
    assert block["data-rule"] == "KV001 KV006 KV307"
    assert block["data-count"] == "3"
    assert section(page, "kv-app-careless").count("Same cause:") == 2


def test_a_finding_has_source_fix_link_and_controls(careless: tuple[str, dict[str, Any]]) -> None:
    page, _ = careless
    block = page.partition(">KV001</a>")[2].partition("</article>")[0]
    assert '<mark>resource &#34;azurerm_key_vault&#34; &#34;app&#34;</mark> {<span class="label">' in block
    assert "<b>Fix</b>Set <code>purge_protection_enabled = true</code>." in block
    assert "<li>CIS 6.0.0 8.3.5</li>" in block
    assert re.search(r'<a href="https://[^"]*/rules/[^"]*KV001[^"]*" rel="noreferrer">KV001</a>', page)


def test_fixes_are_in_the_language_of_the_input(run: Run, tmp_path: Path) -> None:
    page, _ = both(run, SAMPLES / "careless" / "main.bicep", cwd=tmp_path)
    assert "<code>enablePurgeProtection: true</code>" in page
    assert "purge_protection_enabled" not in page


def test_the_page_has_no_secret(careless: tuple[str, dict[str, Any]]) -> None:
    assert SECRET not in careless[0]


def test_many_findings_of_one_rule_are_one_block_for_each_vault(run: Run, tmp_path: Path) -> None:
    secrets = "".join(
        f'resource "azurerm_key_vault_secret" "s{number}" {{\n  name = "s{number}"\n  value_wo = "x"\n'
        f"  key_vault_id = azurerm_key_vault.kv{number % 2}.id\n}}\n"
        for number in range(40)
    )
    vaults = VAULT.format("kv0", "kv-even", "true") + VAULT.format("kv1", "kv-odd", "true")
    (tmp_path / "main.tf").write_text(vaults + secrets, encoding="utf-8")
    page, _ = both(run, ".", "--select", "KV601", cwd=tmp_path)
    assert [one["data-count"] for one in articles(page)] == ["20", "20"]
    even, odd = section(page, "kv-even"), section(page, "kv-odd")
    assert "19 more resources" in even
    assert all(f"azurerm_key_vault_secret.s{number} (kv-even/s{number})" in even for number in range(2, 40, 2))
    assert all(f"(kv-odd/s{number})" in odd for number in range(3, 40, 2))


def test_a_vault_without_findings_is_listed(run: Run, tmp_path: Path) -> None:
    vaults = VAULT.format("good", "kv-good", "true") + VAULT.format("bad", "kv-bad", "false")
    (tmp_path / "main.tf").write_text(f"{vaults}{VAULT.format('maybe', 'kv-maybe', 'var.purge')}\n", encoding="utf-8")
    (tmp_path / "variables.tf").write_text('variable "purge" {\n  type = bool\n}\n', encoding="utf-8")
    page, _ = both(run, ".", "--select", "KV001", cwd=tmp_path)
    rows = [words(row) for row in re.findall("<li><span>.*?</li>", page)]
    assert rows == [
        "kv-bad main.tf:8:1 1 high",
        "kv-good main.tf:2:1 no issues",
        "kv-maybe main.tf:14:1 no issues, 1 unknown",
    ]
    assert "azurerm_key_vault.maybe" in section(page, "Unknown results")
    assert "kv-good" not in "".join(sections(page)[:1])


def test_vaults_with_one_name_are_distinguished_by_file(run: Run, tmp_path: Path) -> None:
    """Each finding about a secret is in the section of the vault in its file."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        secret = 'resource "azurerm_key_vault_secret" "s" {\n  key_vault_id = azurerm_key_vault.kv.id\n}\n'
        (tmp_path / folder / "main.tf").write_text(VAULT.format("kv", "kv-same", "true") + secret, encoding="utf-8")
    page, _ = both(run, "a", "b", "--select", "KV001,KV601", cwd=tmp_path)
    for part in sections(page)[:2]:
        (folder,) = set(re.findall("([ab])/main.tf:[0-9]", part))
        assert f"{folder}/main.tf:2:1" in part
        assert f"{folder}/main.tf:7:1" in part


def test_the_exposure_of_some_instances_names_them(run: Run, tmp_path: Path) -> None:
    plan = """
azurerm_key_vault.kv["open"]: {name: kv-open}
azurerm_key_vault.kv["shut"]: {name: kv-shut, public_network_access_enabled: false}
"""
    (tmp_path / "plan.json").write_bytes(expand(plan))
    page, _ = both(run, "plan.json", "--select", "KV101", cwd=tmp_path)
    exposed = re.findall(r"Network exposure: ([^<]*)", page)
    assert all("shut" not in one for one in exposed)
    assert len(exposed) == 1


def test_skipped_resources_suppressed_findings_and_problems_are_in_the_page(run: Run, tmp_path: Path) -> None:
    ignored = "# kvlint: ignore[KV001] a sandbox\n" + VAULT.format("sandbox", "kv-sandbox", "false").lstrip()
    skipped = 'resource "azurerm_key_vault" "off" {\n  count = 0\n  name  = "kv-off"\n}\n'
    (tmp_path / "main.tf").write_text(ignored + skipped, encoding="utf-8")
    (tmp_path / "examples" / "one").mkdir(parents=True)
    (tmp_path / "examples" / "one" / "main.tf").write_text(VAULT.format("kv", "kv-example", "false"), encoding="utf-8")
    (tmp_path / "broken.json").write_text('{"a": ', encoding="utf-8")
    page, report = both(run, ".", "broken.json", "--select", "KV001", cwd=tmp_path)
    assert report["skipped"]
    assert "a sandbox [main.tf:1:3]" in section(page, "Suppressed: 1")
    assert "kv-example" not in words("".join(part for part in sections(page) if "In tests and examples" not in part))
    assert "examples/one/main.tf:4:3" in section(page, "In tests and examples: 1")
    assert "azurerm_key_vault.off" in section(page, "Not evaluated: 1")
    assert report["skipped"][0]["reason"].replace("`", "") in section(page, "Not evaluated: 1")
    assert "azurerm_key_vault.sandbox" in section(page, "Evaluated: 2")
    problems = page.partition('role="alert"')[2].partition("</div>")[0]
    assert "Analysis incomplete" in problems
    assert "broken.json:1:7: error[KVE001]" in problems


def test_run_without_findings_has_a_page(run: Run, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(VAULT.format("kv", "kv", "true"), encoding="utf-8")
    page, _ = both(run, ".", "--select", "KV001", cwd=tmp_path)
    parsed = Parsed(page)
    assert parsed.open == []
    assert "No issues found in 1 key vault." in parsed.text
    assert 'class="filters"' not in page


def test_equal_runs_write_equal_pages(run: Run, tmp_path: Path) -> None:
    inputs = [str(CARELESS), str(SAMPLES / "careless" / "main.json")]
    first = run("-f", "html", "--as-of", "2026-11-01", *inputs, env={"PYTHONHASHSEED": "1"}, cwd=tmp_path)
    second = run("-f", "html", "--as-of", "2026-11-01", *inputs[::-1], env={"PYTHONHASHSEED": "2"}, cwd=tmp_path)
    assert first == second


# --- hostile inputs ---------------------------------------------------------------------------------------------------


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder in which names, values, source lines and file names are markup."""
    name = json.dumps(IN_NAMES)
    plan = f"""
azurerm_key_vault.kv[{name}]: {{name: {name}, sku_name: {name}}}
azurerm_key_vault_secret.s[{name}]: {{name: {name}, key_vault_id: {name}}}
"""
    (tmp_path / "a<b>&'\"c.json").write_bytes(expand(plan))
    source = VAULT.format("kv", IN_NAMES.replace('"', '\\"'), "false").replace(" {", f" {{ # {IN_NAMES}", 1)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "<img src=x>.tf").write_text(f"# kvlint: ignore[KV101] {HOSTILE}\n{source}", encoding="utf-8")
    return tmp_path


def test_input_is_text(hostile: Path, run: Run) -> None:
    page, report = both(run, "a<b>&'\"c.json", "in", "--profile", "all", cwd=hostile)
    assert len(report["findings"]) > 5
    parsed = Parsed(page)
    assert parsed.open == []
    tags = [tag for tag, _ in parsed.elements]
    assert set(tags) <= ELEMENTS
    assert (tags.count("script"), tags.count("style"), tags.count("meta")) == (1, 1, 5)
    assert not [name for _, attributes in parsed.elements for name in attributes if name.startswith("on")]
    assert IN_NAMES in parsed.text
    assert "<img src=x>.tf" in parsed.text
    paths = {path for one in articles(page) for path in [one["data-path"]]}
    assert paths >= {"a<b>&'\"c.json", "in/<img src=x>.tf"}


def test_a_hostile_rule_is_text(hostile: Path, run: Run) -> None:
    rule = {
        "id": "ACME-1", "name": "acme", "title": HOSTILE, "severity": "high", "category": "network",
        "resource": ["Microsoft.KeyVault/vaults"], "require": {"attribute": "name", "equals": "x"},
        "message": f"{HOSTILE} {{resource}}", "why": HOSTILE, "fix": HOSTILE,
        "references": ['https://example.com/"><script>alert(3)</script>'],
        "examples": [
            {"fails": HOSTILE, "terraform": 'resource "azurerm_key_vault" "kv" { # <- ACME-1\n  name = "y"\n}\n'},
            {"passes": HOSTILE, "terraform": 'resource "azurerm_key_vault" "kv" {\n  name = "x"\n}\n'},
        ],
    }  # fmt: skip
    (hostile / "ACME-1-acme.yaml").write_text(json.dumps(rule), encoding="utf-8")
    ran = run("in", "-f", "html", "--rules", "ACME-1-acme.yaml", "--select", "ACME-1", cwd=hostile)
    assert ran.code == 1, ran.err
    parsed = Parsed(ran.out)
    assert [tag for tag, _ in parsed.elements].count("script") == 1
    assert {tag for tag, _ in parsed.elements} <= ELEMENTS
    assert parsed.text.count(HOSTILE) > 3


def test_page_loads_no_resources_and_runs_only_the_filters(careless: tuple[str, dict[str, Any]]) -> None:
    page, _ = careless
    parsed = Parsed(page)
    (policy,) = [one["content"] for _, one in parsed.elements if one.get("http-equiv") == "Content-Security-Policy"]
    (script,) = re.findall("<script>(.*?)</script>", page, re.DOTALL)
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy == (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
        f"script-src 'sha256-{digest}'"
    )
    links = [one["href"] or "" for _, one in parsed.elements if "href" in one]
    assert all(link.startswith(("https://", "#")) for link in links)
    assert not [one for _, one in parsed.elements if {"src", "srcset", "action", "data", "poster"} & set(one)]
    assert "url(" not in page
    assert "@import" not in page
    ids = {one.get("id") for _, one in parsed.elements}
    assert {link[1:] for link in links if link.startswith("#")} <= ids


def test_a_found_configuration_overwrites_only_reports(run: Run, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(VAULT.format("kv", "kv", "false"), encoding="utf-8")
    (tmp_path / "kvlint.toml").write_text("format = ['html=report.html']", encoding="utf-8")
    for _ in range(2):
        assert run(".", cwd=tmp_path).code == 1
    (tmp_path / "report.html").write_text('<!doctype html><p>name="generator" content="kvlint 1"', encoding="utf-8")
    refused = run(".", cwd=tmp_path)
    assert (refused.code, "'report.html' is not written" in refused.err) == (2, True)


# --- filters ----------------------------------------------------------------------------------------------------------


def test_results_have_the_attributes_that_filters_compare(careless: tuple[str, dict[str, Any]]) -> None:
    page, report = careless
    found = report["findings"] + report["unknown"]
    blocks = articles(page)
    for name, expected in (
        ("rule", {one["ruleId"] for one in found}),
        ("category", {one["category"] for one in found}),
        ("severity", {one["severity"] for one in found}),
    ):
        values = {value for block in blocks for value in (block[f"data-{name}"] or "").split()}
        assert values == expected
        offered = {
            one["value"] for tag, one in Parsed(page).elements if tag in {"option", "input"} and one.get("value")
        }
        assert values <= offered
    # Without its script, the page shows all results and no filters.
    assert '<div class="filters" role="search" aria-label="Filters" hidden>' in page
    assert not [block for block in blocks if "hidden" in block]


FILTER = """
() => {
  const filters = document.querySelector('.filters');
  const [category, rule, path] = filters.querySelectorAll('select, [type="search"]');
  const shown = () => ({
    rules: [...document.querySelectorAll('article')].filter(one => one.offsetParent).map(one => one.dataset.rule),
    sections: [...document.querySelectorAll('section h2')].filter(one => one.offsetParent).map(one => one.textContent),
    text: filters.querySelector('output').textContent,
  });
  const change = (node, value) => {
    node.value = value;
    node.dispatchEvent(new Event('input', {bubbles: true}));
    return shown();
  };
  const found = {visible: !filters.hidden, all: shown()};
  found.rule = change(rule, 'KV307');
  change(rule, '');
  found.path = change(path, 'GRANT/');
  change(path, '');
  found.category = change(category, 'logging');
  filters.querySelector('button').click();
  found.cleared = shown();
  for (const one of filters.querySelectorAll('[value="high"], [value="medium"], [value="low"]')) one.click();
  found.critical = shown();
  return found;
}
"""
# What a reader would see: what is wider than the screen, what is cut off, and what is too small to read.
MEASURE = """
() => {
  document.querySelectorAll('details').forEach(one => one.open = true);
  const all = [...document.querySelectorAll('body *')].filter(one => one.getBoundingClientRect().width);
  const wide = all.filter(one => one.getBoundingClientRect().right > innerWidth + 1);
  const cut = all.filter(one => getComputedStyle(one).overflow !== 'visible' && one.textContent.trim() &&
    !one.matches('select, input') && one.scrollWidth > one.clientWidth + 1);
  const small = all.filter(one => one.textContent.trim() && parseFloat(getComputedStyle(one).fontSize) < 11);
  const name = one => one.tagName + '.' + one.className + ': ' + one.textContent.trim().slice(0, 60);
  return {width: innerWidth, page: document.documentElement.scrollWidth,
    wide: wide.map(name), cut: cut.map(name), small: small.map(name)};
}
"""


@pytest.fixture(scope="module")
def chromium() -> str:
    return find_chromium()


def test_filters_hide_results_and_empty_sections(
    careless: tuple[str, dict[str, Any]], chromium: str, tmp_path: Path
) -> None:
    (seen,) = results(chromium, tmp_path, FILTER, (careless[0], 1280))
    assert seen["visible"]
    assert seen["all"]["text"] == "20 of 20 results shown"
    assert seen["rule"]["rules"] == ["KV001 KV006 KV307"]
    assert seen["rule"]["sections"][:1] == ["kv-app-careless"]
    assert not {"kv-data-careless", "Other resources", "Unknown results"} & set(seen["rule"]["sections"])
    assert seen["path"]["rules"] == ["KV403"]
    assert seen["category"]["rules"] == ["KV201", "KV202"]
    assert seen["cleared"] == seen["all"]
    assert seen["critical"]["rules"] == ["KV610"]


def test_the_policy_lets_the_filters_run(careless: tuple[str, dict[str, Any]], chromium: str, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(careless[0], encoding="utf-8")
    dump = dumped(chromium, tmp_path, file)
    assert "20 of 20 results shown" in dump


@pytest.mark.parametrize("name", ["careless", "hostile"])
def test_page_is_readable_on_every_screen(name: str, chromium: str, tmp_path: Path, hostile: Path, run: Run) -> None:
    inputs = [CARELESS] if name == "careless" else ["a<b>&'\"c.json", "in", "--profile", "all"]
    page, _ = both(run, *inputs, cwd=hostile)
    for width, seen in zip((1280, 390), results(chromium, tmp_path, MEASURE, (page, 1280), (page, 390)), strict=True):
        assert (seen["width"], seen["page"]) == (width, width)
        assert (seen["wide"], seen["cut"], seen["small"]) == ([], [], [])


def test_a_thousand_findings_fit_into_a_small_page(run: Run, tmp_path: Path) -> None:
    """All in different vaults, so that none are folded into one block."""
    plan = "".join(f"azurerm_key_vault.kv{number}: {{name: kv-{number}}}\n" for number in range(250))
    (tmp_path / "plan.json").write_bytes(expand(plan))
    page, report = both(run, "plan.json", cwd=tmp_path)
    assert len(report["findings"]) >= 1000
    assert len(page) < 2_000_000
    assert len(sections(page)) >= 250
