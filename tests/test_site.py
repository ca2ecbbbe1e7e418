"""The site of the documentation: built as make docs builds it, whole, free of dead links, and readable everywhere.

It is looked at in Chromium, where that is installed (tests/test_site_in_browser.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest

from azkvlint.engine.rule_store import builtin_frameworks, builtin_rules
from azkvlint.model.rule import Rule
from sitegen.catalogue import TOOLS, catalogue
from sitegen.links import link_title
from sitegen.markup import ROOT, code, plain, prose, relinked, table, with_links
from sitegen.overviews import topics
from sitegen.rule_pages import unmarked

from .pages import Parsed

pytestmark = pytest.mark.slow(3)

RULES = builtin_rules()
SITE = "http://site/"
REGISTRY = "https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs"
HOSTILE = (
    "<script>alert(1)</script>",
    "a|b \\| c",
    "[x](javascript:alert(1)) ![y](z)",
    "**bold** _it_ ~~s~~ {: .x } { #y }",
    "&lt; &amp; &#60;",
    "* no list",
    "1. no list",
    "# no head",
    "> no quote",
    "a ``b` c",
    "\x1b[31mred\x1b[0m",
    '<a href="',
    "http://x.invalid <http://x.invalid>",
)


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Parsed]:
    """Every page of the site by its path: ``rules/KV001/index.html``."""
    files = (file for file in site.rglob("*.html"))
    return {file.relative_to(site).as_posix(): Parsed(file.read_text(encoding="utf-8")) for file in files}


def flat(text: str) -> str:
    return " ".join(text.replace("`", "").split())


# --- what it says -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", range(8))
def test_page_contains_every_fact_about_its_rule(part: int, pages: Mapping[str, Parsed]) -> None:
    for rule in RULES[part::8]:
        page = pages[f"rules/{rule.id}/index.html"]
        text = flat(page.text)
        missing = [fact for fact in facts(rule) if flat(fact) not in text]
        assert (rule.id, missing) == (rule.id, [])
        hrefs = {urljoin(SITE, href) for href in page.links}
        assert {urljoin(SITE, link) for link in rule.references} <= hrefs
        assert {f"https://cwe.mitre.org/data/definitions/{cwe}.html" for cwe in rule.cwe} <= hrefs


def facts(rule: Rule) -> list[str]:
    """What the page of a rule has to say, in words."""
    told = [rule.id, rule.title, rule.name, rule.severity.label, rule.category, rule.why, *rule.fixes.values()]
    told += [type_ for type_ in rule.resources if type_.startswith("Microsoft.") and not type_.endswith("/outputs")]
    told += [f"kvlint: ignore[{rule.id}]", f"--ignore {rule.id}", *(f"CWE-{cwe}" for cwe in rule.cwe)]
    for parameter in rule.parameters:
        default = parameter.default
        told += [parameter.name, parameter.about, *map(str, default if isinstance(default, tuple) else (default,))]
    told += [id_ for ids in rule.controls.values() for id_ in ids]
    told += [fact for tool, ids in rule.peers.items() for fact in (TOOLS[tool], *ids)]
    told += [fact for pair in rule.differs.items() for fact in pair]
    told += [] if rule.profile == "default" else [f"--profile {rule.profile}"]
    return told


def test_a_page_shows_an_example_that_fails_and_one_that_passes_in_each_language(pages: Mapping[str, Parsed]) -> None:
    for rule in RULES:
        page = pages[f"rules/{rule.id}/index.html"]
        shown = [flat(one) for one in page.blocks]
        marked = [line.strip() for line in page.marked]
        for language in {language for example in rule.examples for language in example.sources}:
            for expect in ("fails", "passes"):
                of = [one for one in rule.examples if one.expect == expect and language in one.sources]
                if not of:
                    continue
                text, lines = unmarked(of[0].sources[language], rule.id)
                assert flat(text) in shown, (rule.id, language, expect)
                assert {text.splitlines()[line - 1].strip() for line in lines} <= set(marked), (rule.id, language)
                assert bool(lines) == (expect == "fails"), (rule.id, language, expect)
        assert "<- KV" not in page.text


def test_a_page_has_the_messages_of_its_examples(pages: Mapping[str, Parsed]) -> None:
    page = flat(pages["rules/KV001/index.html"].text)
    assert "high KV001 Purge protection is not enabled on azurerm_key_vault.kv" in page
    for rule in RULES:
        text = flat(pages[f"rules/{rule.id}/index.html"].text)
        constant = [max(re.split(r"\{[\w.]+\}", flat(one)), key=len) for one in (rule.message, rule.absent) if one]
        assert any(part.strip() in text for part in constant), rule.id


def test_titles_in_the_navigation_have_at_most_four_words(pages: Mapping[str, Parsed]) -> None:
    titles = re.findall(r"^\s+- ([^:\n]+): ", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert "Get started" in titles
    assert [title for title in (*titles, *topics(RULES)) if len(title.split()) > 4] == []


def test_no_page_shows_internal_names(pages: Mapping[str, Parsed]) -> None:
    """The rule language is the only place in which users meet derived attributes, and the catalog has no IDs there."""
    internal = re.compile(rf"\bderived\.\w+|(?<![\w-])(?:{'|'.join(catalogue()[0])})\b")
    for path, page in pages.items():
        if not path.startswith(("rules-language/", "contributing/", "changelog/", "architecture/")):
            assert internal.findall(page.text) == [], path


def test_a_reference_has_a_title() -> None:
    assert link_title("https://learn.microsoft.com/azure/key-vault/general/logging") == "Key Vault: Logging"
    assert link_title(f"{REGISTRY}/resources/key_vault") == "Terraform Registry: azurerm_key_vault"
    assert link_title(f"{REGISTRY}/data-sources/key_vault") == "Terraform Registry: azurerm_key_vault (data source)"
    assert link_title("https://learn.microsoft.com/azure/templates/microsoft.keyvault/vaults") == (
        "Template reference: microsoft.keyvault/vaults"
    )
    assert link_title("https://example.com/a/page") == "example.com: page"


@pytest.mark.parametrize("index", ["rules/index.html", "rules/by-severity/index.html"])
def test_an_index_leads_to_every_rule(index: str, pages: Mapping[str, Parsed]) -> None:
    page = pages[index]
    for rule in RULES:
        assert page.rows.count(f"{rule.id} {flat(rule.title)} {severity_cell(rule)}") == 1, rule.id
    base = urljoin(SITE, index)
    assert {urljoin(SITE, f"rules/{rule.id}/") for rule in RULES} <= {urljoin(base, href) for href in page.links}


def severity_cell(rule: Rule) -> str:
    return rule.severity.label if rule.profile == "default" else f"{rule.profile} {rule.severity.label}"


def test_page_of_frameworks_lists_every_control(pages: Mapping[str, Parsed]) -> None:
    page = pages["frameworks/index.html"]
    for framework in builtin_frameworks(RULES):
        assert framework.title in page.text
        for control in framework.controls:
            assert any(row.startswith(f"{control.id} ") and flat(control.title) in row for row in page.rows)


def test_front_page_shows_commands_and_counts(pages: Mapping[str, Parsed]) -> None:
    page = pages["index.html"]
    assert {"assets/terminal.svg", "assets/terminal-narrow.svg"} <= set(page.assets)
    assert f"{len(RULES)} rules" in page.text
    assert any("runs-on: ubuntu-latest" in block for block in page.blocks)


def test_search_finds_rules_by_ids_of_other_tools(site: Path) -> None:
    found = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))["docs"]
    assert any(one["location"].startswith("rules/KV001/") and "CKV_AZURE_110" in one["text"] for one in found)


# --- where it leads ---------------------------------------------------------------------------------------------------


def dead_links(some: Mapping[str, Parsed], pages: Mapping[str, Parsed], site: Path) -> list[str]:
    """Every reference of ``some`` pages to what the site does not have, and every external one of a wrong form."""
    found = []
    for path, page in some.items():
        base = urljoin(SITE, path.removesuffix("index.html"))
        for reference in (*page.links, *page.assets):
            target, anchor = urldefrag(urljoin(base, reference))
            parts = urlsplit(target)
            if not target.startswith(SITE):
                sound = parts.scheme == "https" and re.fullmatch(r"[\w-]+(\.[\w-]+)+", parts.netloc)
                found += [] if sound else [f"{path}: {reference}"]
                continue
            name = unquote(parts.path).removeprefix("/")
            file = f"{name}index.html" if name.endswith("/") or not name else name
            there = (site / file).is_file() and (not anchor or file not in pages or unquote(anchor) in pages[file].ids)
            found += [] if there else [f"{path}: {reference}"]
    return found


def test_no_link_is_dead(pages: Mapping[str, Parsed], site: Path) -> None:
    assert len(pages) > len(RULES)
    assert dead_links(pages, pages, site) == []


@pytest.mark.parametrize(
    "reference",
    ["../KV99/", "../../frameworks/#none", "/assets/none.css", "http://example.com/", "https://nohost", "#nothing"],
)
def test_dead_link_is_detected(reference: str, pages: Mapping[str, Parsed], site: Path) -> None:
    some = {"rules/KV001/index.html": Parsed(f'<a href="{reference}">x</a><a href="../KV002/#examples">y</a>')}
    assert dead_links(some, pages, site) == [f"rules/KV001/index.html: {reference}"]


@pytest.mark.parametrize("file", [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")], ids=lambda file: file.name)
def test_links_between_documentation_files_are_valid(file: Path) -> None:
    targets = re.findall(r"\]\(([^)\s#:]+)(?:#[^)\s]*)?\)", file.read_text(encoding="utf-8"))
    assert [target for target in targets if not (file.parent / target).exists()] == []


def test_pages_load_no_external_resources(pages: Mapping[str, Parsed], site: Path) -> None:
    for path, page in pages.items():
        assert [asset for asset in page.assets if urlsplit(asset).netloc] == [], path
    for sheet in site.rglob("*.css"):
        assert not re.search(r"@import|url\(\s*['\"]?(?:https?:)?//", sheet.read_text(encoding="utf-8")), sheet


def test_ids_of_rules_are_links_in_other_pages(pages: Mapping[str, Parsed]) -> None:
    assert "../rules/KV001/" in pages["migrate/index.html"].links
    assert "../rules/KV001/" in pages["coverage/index.html"].links


# --- text stays text --------------------------------------------------------------------------------------------------


def rendered(markdown_text: str) -> Parsed:
    markdown = pytest.importorskip("markdown", reason="MkDocs is not installed")
    extensions = ["attr_list", "md_in_html", "tables", "pymdownx.superfences", "pymdownx.highlight"]
    return Parsed(markdown.markdown(markdown_text, extensions=extensions))


@pytest.mark.parametrize("text", HOSTILE)
def test_prose_is_rendered_as_text(text: str) -> None:
    page = rendered(prose(text))
    assert page.text.strip() == re.sub(r"`([^`]+)`", r"\1", " ".join(text.split()))
    assert {tag for tag, _ in page.elements} <= {"p", "code"}
    cells = rendered("\n".join(table(("a", "b"), [(plain(text), code(text))])))
    assert cells.rows == ["a b", f"{' '.join(text.split())} {' '.join(text.split())}"]
    assert {tag for tag, _ in cells.elements} <= {"table", "thead", "tbody", "tr", "th", "td", "code"}


def test_rule_ids_outside_of_code_and_links_become_links() -> None:
    made = with_links(
        '<p title="KV001>">KV001 &amp; <code>KV001</code> <code>--select KV001</code> <a href="x">KV001</a> XKV001'
        " KV0011 KV999</p><pre><code>KV001</code></pre><h2><code>KV001</code></h2><!-- KV001 --><br/>&#60;KV001 < ",
        {"KV001": "../KV001/"},
    )
    link = '<a href="../KV001/">KV001</a>'
    assert made == (
        f'<p title="KV001>">{link} &amp; <code>{link}</code> <code>--select KV001</code> <a href="x">KV001</a> XKV001'
        f" KV0011 KV999</p><pre><code>KV001</code></pre><h2><code>KV001</code></h2><!-- KV001 --><br/>&#60;{link} < "
    )


def test_links_out_of_the_folder_lead_where_they_should() -> None:
    pages = {"README.md": "index.md", "rules": "rules/index.md"}
    led = {
        "../README.md#install": "index.md#install",
        "../rules": "rules/index.md",
        "../rules/vault/KV001-purge-protection.yaml": "rules/KV001.md",
        "json.md#problems": "json.md#problems",
        "../LICENSE": "https://github.com/kvlint/kvlint/blob/main/LICENSE",
        "../samples": "https://github.com/kvlint/kvlint/tree/main/samples",
        "../nowhere.md": "../nowhere.md",
        "https://example.com/README.md": "https://example.com/README.md",
    }
    for written, wanted in led.items():
        assert relinked(f"[x]({written})", "docs", pages) == f"[x]({wanted})"
