"""Hooks of MkDocs: pages that are generated from rules and from files outside of docs/."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from azkvlint.engine.framework_loader import sheets_of
from azkvlint.engine.rule_store import builtin_frameworks, builtin_rules
from sitegen.markup import ROOT, relinked, with_links
from sitegen.overviews import by_severity, by_topic, frameworks, topics
from sitegen.rule_pages import Context, rule_page

# The pages that are generated from files and folders outside of docs/.
_PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "rules": "rules/index.md",
    "rules/controls": "frameworks.md",
}
_YAML = re.compile(r"```yaml\n.*?\n```", re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add a section for each topic to the rules in the navigation."""
    nav: list[Any] = config.nav or []
    (rules,) = (item["Rules"] for item in nav if "Rules" in item)
    rules.extend(
        {title: [{f"{rule.id} {rule.name}": f"rules/{rule.id}.md"} for rule in of]}
        for title, of in topics(builtin_rules()).items()
    )
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    for path, text in _generated().items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Change links out of docs/ to their targets on the site, and complete the front page."""
    if page.file.generated_by is None:
        markdown = relinked(markdown, "docs", _PAGES)
    if page.file.src_uri == "index.md":
        markdown = markdown.replace("<!-- workflow -->", _workflow())
        markdown = markdown.replace("<!-- rules -->", str(len(builtin_rules())))
    return markdown


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Make links of rule IDs."""
    urls = {}
    for rule in builtin_rules():
        file = files.get_file_from_path(f"rules/{rule.id}.md")
        if file is not None and file is not page.file:
            urls[rule.id] = file.url_relative_to(page.file)
    return with_links(html, urls)


@cache
def _generated() -> Mapping[str, str]:
    """Return the Markdown of the generated pages by path."""
    rules = builtin_rules()
    sheets = sheets_of(builtin_frameworks(rules), rules)
    titles = {sheet.framework.name: sheet.framework.title for sheet in sheets}
    context = Context(frameworks=titles)
    pages = {f"rules/{rule.id}.md": rule_page(rule, context) for rule in rules}
    pages |= {"rules/index.md": by_topic(rules), "rules/by-severity.md": by_severity(rules)}
    pages["frameworks.md"] = frameworks(sheets)
    for name in ("ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"):
        pages[_PAGES[name]] = relinked((ROOT / name).read_text(encoding="utf-8"), "", _PAGES)
    return pages


def _workflow() -> str:
    """Return the GitHub workflow on the page of the action, its first block of YAML."""
    found = _YAML.search((ROOT / "docs" / "github-action.md").read_text(encoding="utf-8"))
    if found is None:
        raise RuntimeError("docs/github-action.md has no workflow for the front page")
    return found[0]
