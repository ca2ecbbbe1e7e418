"""A report as one document of sections, tables, lists and code, which one writer for each format renders.

To use it, a report imports this module as ``doc``, builds a ``Document`` from its result and hands it to the writers::

    document = doc.Document(title="Access", summary="2 principals have access.", blocks=(
        doc.Section(title="kv-app of envs/dev", about=(doc.Span("module.kv", doc.CODE), " · Azure RBAC"), blocks=(
            doc.Table(columns=(doc.Column("Principal"), doc.Column("secrets", kind=doc.STATE)), rows=(
                doc.Row((doc.Cell("app"), doc.Cell("yes", state=doc.BAD)), details=(doc.Paragraph("role"),)),
            )),
        )),
    ))
    text.text(document, options)    # in pipes and files; on a terminal, terminal.py with rich
    markdown.markdown(document); html.html(document); csv.csv(table)

Strings are as the input has them: each writer escapes control characters and what is active in its format. A string
with code in backquotes is ``Span(text, PROSE)``. In JSON, each command has a schema of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from azkvlint.model.finding import Repository

# The state of a cell, item or count, which decides its color and sign. In HTML, it is the class of the element.
BAD, OPEN, GOOD, GIVEN, NEUTRAL = "bad", "open", "good", "given", "none"

# The style of a span. PROSE is a sentence with code in backquotes; the others apply to the whole text.
PLAIN, CODE, STRONG, EMPHASIS, PROSE = "", "code", "strong", "emphasis", "prose"

# The kind of a column. TEXT takes the width that is left. STATE and SHORT never wrap and come first in text; the cells
# of STATE are words with a sign and color. BELOW has a column in Markdown and HTML, and in text the lines below TEXT.
TEXT, SHORT, STATE, BELOW = "text", "short", "state", "below"


_LEARN = "https://learn.microsoft.com"
# Titles of the pages that the built-in frameworks refer to.
_TITLES: Mapping[str, str] = {
    f"{_LEARN}/azure/azure-monitor/platform/activity-log": "Azure Monitor: Activity log",
    f"{_LEARN}/azure/azure-resource-manager/management/tls-support": "Azure Resource Manager: TLS versions",
    f"{_LEARN}/azure/governance/policy/samples/nist-sp-800-53-r5": "Azure Policy: NIST SP 800-53 Rev. 5",
    f"{_LEARN}/azure/governance/policy/samples/pci-dss-4-0": "Azure Policy: PCI DSS 4.0",
    f"{_LEARN}/azure/key-vault/general/authentication": "Key Vault: Authentication",
    f"{_LEARN}/azure/key-vault/general/authentication-requests-and-responses": "Key Vault: Authenticated requests",
    f"{_LEARN}/azure/key-vault/general/network-security": "Key Vault: Network security",
    f"{_LEARN}/azure/key-vault/general/overview-vnet-service-endpoints": "Key Vault: Virtual network service endpoints",
    f"{_LEARN}/azure/key-vault/general/private-link-service": "Key Vault: Private Link",
    f"{_LEARN}/azure/key-vault/general/rbac-access-policy": "Key Vault: Azure RBAC and access policies",
    f"{_LEARN}/azure/key-vault/general/rbac-guide": "Key Vault: Azure RBAC",
    f"{_LEARN}/azure/key-vault/managed-hsm/access-control": "Managed HSM: Access control",
    f"{_LEARN}/azure/security/fundamentals/encryption-atrest": "Azure: Encryption at rest",
    f"{_LEARN}/security/benchmark/azure/baselines/key-vault-managed-hsm-security-baseline": (
        "Security baseline of Managed HSM"
    ),
    f"{_LEARN}/security/benchmark/azure/baselines/key-vault-security-baseline": "Security baseline of Key Vault",
    f"{_LEARN}/security/benchmark/azure/overview": "Microsoft cloud security benchmark",
    f"{_LEARN}/sql/relational-databases/security/encryption/always-encrypted-database-engine": (
        "SQL Server: Always Encrypted"
    ),
    "https://csrc.nist.gov/pubs/sp/800/53/r5/upd1/final": "NIST SP 800-53 Rev. 5",
    (
        "https://github.com/Azure/azure-policy/blob/master/built-in-policies/policySetDefinitions/"
        "Security%20Center/MCSBv2.json"
    ): "Azure Policy: Microsoft cloud security benchmark v2",
    "https://www.cisecurity.org/benchmark/azure": "CIS Microsoft Azure Foundations Benchmark",
    "https://www.iso.org/standard/75652.html": "ISO/IEC 27002:2022",
    "https://www.pcisecuritystandards.org/document_library/": "PCI DSS document library",
}


class Span(msgspec.Struct, frozen=True):
    """A part of a line. ``link`` is an address on the web, or ``#`` and the anchor of a section."""

    text: str
    style: str = PLAIN
    link: str = ""
    state: str = ""


Content: TypeAlias = str | Span | tuple[str | Span, ...]


class ListItem(msgspec.Struct, frozen=True):
    """An item of a list, with the items below it."""

    content: Content
    state: str = ""
    items: tuple[ListItem, ...] = ()


class ItemList(msgspec.Struct, frozen=True):
    """A list, or a tree if its items have items."""

    items: tuple[ListItem, ...]


class Paragraph(msgspec.Struct, frozen=True):
    """Content of its own; with a state, a note that stands out."""

    content: Content
    state: str = ""


class CodeBlock(msgspec.Struct, frozen=True):
    """Lines in a fixed-width font, below their title. ``language`` is the one of a fence in Markdown."""

    text: str
    language: str = ""
    title: Content = ""


class Figure(msgspec.Struct, frozen=True):
    """A drawing, in HTML only. ``name`` is that of its template, style and script, ``values`` are what it shows."""

    name: str
    values: Mapping[str, Any]
    caption: Content = ""


class Column(msgspec.Struct, frozen=True):
    """A column. ``hint`` explains the title where a reader can point at it; ``width`` is that of the column in HTML."""

    title: str
    kind: str = TEXT
    hint: str = ""
    width: str = ""
    is_number: bool = False

    @property
    def is_short(self) -> bool:
        """Return whether the cells never wrap."""
        return self.kind in (SHORT, STATE)


class Cell(msgspec.Struct, frozen=True):
    """A cell: its content, then its items, one a line. ``links`` are addresses of documentation."""

    content: Content = ""
    state: str = ""
    items: tuple[ListItem, ...] = ()
    links: tuple[str, ...] = ()


class Row(msgspec.Struct, frozen=True):
    """A row. ``group`` is the heading above it, where it differs from that of the row before.

    ``details`` open below the row in HTML, are folded below the table in Markdown, and follow the table in text.
    """

    cells: tuple[Cell, ...]
    state: str = ""
    group: str = ""
    details: tuple[Block, ...] = ()


class Table(msgspec.Struct, frozen=True):
    """A table. ``details`` names what its rows open to; text has no line of titles unless ``is_headed``."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    details: str = "Details"
    is_headed: bool = True


class Count(msgspec.Struct, frozen=True):
    """A number with its word, a part of a bar."""

    number: int
    word: str
    state: str = NEUTRAL


class Mark(msgspec.Struct, frozen=True):
    """A cell of a matrix: the short title of what has the state, and the state in words where a reader points at it."""

    title: str
    state: str
    hint: str


class Marks(msgspec.Struct, frozen=True):
    """A part of a row of a matrix. All rows have the same parts with the same titles of marks."""

    title: str
    marks: tuple[Mark, ...]


class Section(msgspec.Struct, frozen=True):
    """A part with a heading. ``about`` are lines below the heading.

    The sections of a document that have an anchor are its contents in HTML: each with the first line about it, and a
    bar of its counts. With ``marks``, the contents are a matrix with a row for each section. ``is_folded`` hides the
    content of a section until a reader opens it.
    """

    title: Content
    blocks: tuple[Block, ...] = ()
    about: tuple[Content, ...] = ()
    anchor: str = ""
    counts: tuple[Count, ...] = ()
    is_folded: bool = False
    marks: tuple[Marks, ...] = ()


Block: TypeAlias = Section | Table | ItemList | Paragraph | CodeBlock | Figure


class Word(msgspec.Struct, frozen=True):
    """A word of the report with its meaning."""

    word: str
    meaning: Content
    state: str = ""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A report. ``summary`` is below the title, and the last line of text.

    ``head`` are the first lines of text, which has no title. ``about`` and ``facts`` are below the title in HTML;
    ``counts``, ``words`` and ``links`` are in HTML only. ``failures`` are reasons of a failed gate, ``notes`` limit the
    report, and ``problems`` are what could not be read. ``heading`` is that of the title in Markdown. ``width``
    is that of text in pipes; if it is 0, no line wraps.
    """

    title: str
    summary: Content
    version: str = ""
    head: tuple[Content, ...] = ()
    about: Content = ""
    facts: tuple[Content, ...] = ()
    counts: tuple[Count, ...] = ()
    failures: tuple[Content, ...] = ()
    notes: tuple[Content, ...] = ()
    problems: tuple[str, ...] = ()
    problems_title: str = "Analysis incomplete"
    blocks: tuple[Block, ...] = ()
    words: tuple[Word, ...] = ()
    links: tuple[str, ...] = ()
    heading: int = 1
    width: int = 120


def spans(content: Content) -> tuple[Span, ...]:
    """Return content as spans, without empty ones."""
    parts = content if isinstance(content, tuple) else (content,)
    every = (Span(part) if isinstance(part, str) else part for part in parts)
    return tuple(part for part in every if part.text)


def between(parts: tuple[Content, ...], separator: str = " · ") -> Content:
    """Return contents as one, with a separator between those that are not empty."""
    joined: list[str | Span] = []
    for part in filter(None, map(spans, parts)):
        joined += [separator, *part] if joined else part
    return tuple(joined)


def link_title(address: str) -> str:
    """Return the title of a page that built-in frameworks refer to; of another one, its address without the scheme."""
    return _TITLES.get(address) or address.partition("://")[2].rstrip("/") or address


def is_web_address(link: str) -> bool:
    """Return whether a link leads to a website. Another one, unless to an anchor, is written as text only."""
    return link.startswith(("https://", "http://"))


def counts_text(counts: tuple[Count, ...]) -> str:
    """Return counts in words, without those that are 0."""
    return ", ".join(f"{one.number} {one.word}" for one in counts if one.number)


def run_facts(repository: Repository | None, sources: tuple[str, ...], version: str) -> tuple[Content, ...]:
    """Return the checkout, the inputs and the version, for the line below the title."""
    found: list[Content] = []
    if repository is not None:
        found += [repository.uri.removeprefix("https://"), ("commit ", Span(repository.revision[:12], CODE))]
    if sources:
        found.append(Span(sources[0], CODE) if len(sources) == 1 else f"{len(sources)} inputs")
    return (*found, f"kvlint {version}")
