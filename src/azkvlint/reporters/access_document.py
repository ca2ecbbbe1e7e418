"""The document of an access report: a matrix for each group of vaults, or the answer to a question.

A question about principals has a section for each of them; one about a principal and a vault has a section for each of
its paths, edge by edge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from azkvlint.model.access import AccessReport, AccessVault, Capability, Principal, VaultObject
from azkvlint.model.finding import without_notes
from azkvlint.reporters import Options
from azkvlint.reporters import document as doc
from azkvlint.reporters.access import breach_text, certainty, listed, path_text, step_texts, summary, vault_of
from azkvlint.reporters.access_sections import (
    AccessSection,
    PathGroup,
    PrincipalAccess,
    by_principal,
    folded,
    sections,
    title,
    wider_text,
    without_access,
)
from azkvlint.reporters.phrases import place, problem_line
from azkvlint.reporters.text_content import short_address
from azkvlint.util.text import pluralize

_TITLE = "Access to key vaults"
_MOST_VAULTS = 10
# On a terminal, a longer matrix is shown without the paths, and a row of the matrix names so many principals.
_MOST_ROWS, _MOST_IN_ALL, _MOST_FOLDED, _WIDEST_LABEL = 12, 30, 40, 60
_MOST_EDITS = 4
_INCOMPLETE = "Other deployments can give more access: the input is not the whole deployment of"
_WHY = "Paths are left out. `--why PRINCIPAL VAULT` shows those of one principal, and `-f html` all."
# The headings of columns, where a capability has a shorter name than its own.
_HEADINGS: Mapping[str, str] = {"secrets/get": "secrets", "keys/use": "keys", "certificates/get": "certs"}
_KINDS: Mapping[str, str] = {"secrets": "secret", "keys": "key", "certificates": "certificate"}
_MEANINGS = (
    doc.Word("yes", "The scanned files give this access.", doc.BAD),
    doc.Word("?", "Perhaps: it depends on a value or resource that is not known.", doc.OPEN),
    doc.Word("one: NAME", "Only to this secret, key or certificate.", doc.BAD),
)


class _Layout(NamedTuple):
    """How a document is laid out: for text, and for a screen, where rows are folded and labels are short."""

    is_text: bool = False
    is_screen: bool = False


def text(report: AccessReport, options: Options) -> str:
    """Return the report as text that ends with a line break. On a terminal, equal principals share a row."""
    from azkvlint.reporters.document.text import text as written

    return written(
        _AccessDocumentBuilder(report, _Layout(is_text=True, is_screen=options.terminal)).document(), options
    )


def markdown(report: AccessReport, options: Options) -> str:
    """Return the report as Markdown that ends with a line break."""
    from azkvlint.reporters.document.markdown import markdown as written

    return written(_AccessDocumentBuilder(report, _Layout()).document())


def html(report: AccessReport, options: Options) -> str:
    """Return the report as a page that ends with a line break."""
    from azkvlint.reporters.access_picture import picture
    from azkvlint.reporters.document.html import html as written

    document = _AccessDocumentBuilder(report, _Layout()).document()
    if not report.rows:
        return written(document)
    drawn = doc.Section(title="Who reaches what", blocks=(picture(report),))
    return written(msgspec.structs.replace(document, blocks=(drawn, *document.blocks)))


class _AccessDocumentBuilder:
    """Builds the document of one report."""

    def __init__(self, report: AccessReport, layout: _Layout) -> None:
        self._report, self._layout = report, layout
        # The columns of the table that is built.
        self._shown = report.capabilities
        self._is_long = False
        paths = {id(row.path): row.path for row in report.rows}.values()
        self._doubts: dict[str, int] = {}
        self._uses = Counter(path.doubt for path in paths if path.doubt) if layout.is_text else Counter[str]()

    def document(self) -> doc.Document:
        report = self._report
        blocks = [*self._answer(), *self._without_access(), *self._roles()]
        return doc.Document(
            title=_TITLE,
            summary=summary(report),
            version=report.version,
            facts=tuple(_facts(report)),
            failures=tuple(breach_text(one, report) for one in report.breaches),
            notes=(*self._footnotes(), *self._notes()),
            problems=tuple(map(problem_line, without_notes(report.problems))),
            blocks=tuple(blocks),
            words=(*_MEANINGS, *(doc.Word(_heading(one.name), one.label) for one in report.capabilities)),
        )

    def _answer(self) -> Iterator[doc.Block]:
        question = self._report.question
        for selected in question.objects:
            yield doc.Paragraph(self._object(selected))
        if question.is_why:
            yield from self._whys()
        elif question.principals:
            yield from self._of_principals()
        else:
            found = [folded(one) if self._layout.is_screen else one for one in sections(self._report)]
            self._is_long = sum(len(one.rows) for one in found) > _MOST_IN_ALL
            yield from (self._section(section, number) for number, section in enumerate(found, 1))
            if self._layout.is_screen and (self._is_long or any(len(one.rows) > _MOST_ROWS for one in found)):
                yield doc.Paragraph(doc.Span(_WHY, doc.PROSE))

    def _object(self, selected: VaultObject) -> doc.Content:
        number = vault_of(selected, self._report)
        vault = selected.vault if number is None else self._report.vaults[number].label
        own = (
            (doc.Span(f" {selected.address}", doc.CODE),)
            if selected.address
            else (" (only a role assignment names it)",)
        )
        return (f"{_KINDS[selected.kind]} {selected.name} of {vault}:", *own, f" [{place(selected.at)}]")

    # --- the matrix

    def _section(self, section: AccessSection, number: int) -> doc.Section:
        is_short = self._layout.is_screen and (self._is_long or len(section.rows) > _MOST_ROWS)
        self._shown = self._with_access(section.rows)
        table = doc.Table(
            columns=(doc.Column("principal" if self._layout.is_text else "Principal"), *self._columns()),
            rows=tuple(self._row(row, is_short=is_short) for row in section.rows),
            details="Paths",
        )
        about = tuple(self._about(section))
        return doc.Section(title=title(section.vaults), about=about, blocks=(table,), anchor=f"vaults-{number}")

    def _about(self, section: AccessSection) -> Iterator[doc.Content]:
        shown = section.vaults[:_MOST_VAULTS] if self._layout.is_text else section.vaults
        yield from map(_vault_facts, shown)
        if len(section.vaults) > len(shown):
            yield f"and {len(section.vaults) - len(shown)} more"
        if section.wider:
            yield wider_text(section)
        left_out = [one.label for one in self._report.capabilities if one not in self._shown]
        if left_out:
            yield f"Without any principal: {', '.join(left_out)}"

    def _with_access(self, rows: Sequence[PrincipalAccess]) -> tuple[Capability, ...]:
        """Return the columns; on a screen, those in which a row has something."""
        every = self._report.capabilities
        if not self._layout.is_screen:
            return every
        return tuple(one for one in every if any(one.name in row.cells for row in rows))

    def _columns(self) -> Iterator[doc.Column]:
        # In text, the cells of states are in capitals, but these may contain names.
        kind = doc.SHORT if self._layout.is_text else doc.STATE
        return (doc.Column(_heading(one.name), kind=kind, hint=one.label) for one in self._shown)

    def _row(self, row: PrincipalAccess, *, is_short: bool) -> doc.Row:
        details: list[doc.Block] = []
        if row.others:
            details.append(doc.Paragraph(self._names(row)))
        if not is_short:
            details.append(doc.ItemList(tuple(self._path(number, row) for number in range(len(row.paths)))))
        return doc.Row(cells=(doc.Cell(self._who(row)), *self._cells(row)), details=tuple(details))

    def _cells(self, row: PrincipalAccess) -> Iterator[doc.Cell]:
        for one in self._shown:
            text = row.cells.get(one.name, "-")
            state = doc.NEUTRAL if text == "-" else doc.OPEN if text.startswith("?") or text.endswith("?") else doc.BAD
            yield doc.Cell(text if text != "-" or self._layout.is_text else "", state=state)

    def _who(self, row: PrincipalAccess) -> doc.Content:
        kind = row.principal.kind
        if not self._layout.is_text:
            return _with_kind(row.principal, kind)
        label = self._label(row.principal)
        if row.others:
            label = f"{label} and {len(row.others)} more"
        return f"{label} ({kind})" if kind else label

    def _names(self, row: PrincipalAccess) -> str:
        """Return the names of the principals that share a row."""
        names = [self._label(one.principal) for one in (row, *row.others)]
        more = f" and {len(names) - _MOST_FOLDED} more (`-f csv` has all)" if len(names) > _MOST_FOLDED else ""
        return f"{', '.join(names[:_MOST_FOLDED])}{more}"

    def _label(self, principal: Principal) -> str:
        """Return the label of a principal; on a screen, the middle of a long one is left out."""
        label = short_address(principal.label) if self._layout.is_screen else principal.label
        if not self._layout.is_screen or len(label) <= _WIDEST_LABEL:
            return label
        return f"{label[: _WIDEST_LABEL // 2]}...{label[-_WIDEST_LABEL // 2 + 3 :]}"

    def _path(self, number: int, row: PrincipalAccess) -> doc.ListItem:
        group = row.paths[number]
        items = [doc.ListItem(one) for one in self._doubt(group)]
        items += [doc.ListItem(doc.Span(text, doc.PROSE)) for text in self._edits(number, row)]
        head = (doc.Span(certainty(group.path), doc.STRONG), f" {', '.join(group.capabilities)}{_only(group)}: ")
        return doc.ListItem((*head, doc.Span(path_text(group.path), doc.PROSE)), _state(group), tuple(items))

    def _doubt(self, group: PathGroup) -> Iterator[doc.Content]:
        """Yield what would decide a path. Text has what decides several paths once, at its end."""
        doubt = group.path.doubt
        if not doubt:
            return
        if self._uses[doubt] > 1:
            number = self._doubts.setdefault(doubt, len(self._doubts) + 1)
            yield f"decided by: [{number}]"
        else:
            yield doc.Span(f"decided by: {doubt}", doc.PROSE)

    def _footnotes(self) -> Iterator[doc.Content]:
        for doubt, number in self._doubts.items():
            yield (f"[{number}] ", doc.Span(doubt, doc.PROSE))

    def _edits(self, number: int, row: PrincipalAccess) -> Iterator[str]:
        """Yield the edits of a path, with those of the same path of other principals."""
        for at, (capabilities, edit) in enumerate(row.paths[number].edits):
            every = [edit, *(one.paths[number].edits[at][1] for one in row.others)]
            unique = list(dict.fromkeys(every))
            more = f"; and {len(unique) - _MOST_EDITS} more" if len(unique) > _MOST_EDITS else ""
            yield f"edit{f' for {capabilities}' if capabilities else ''}: {'; '.join(unique[:_MOST_EDITS])}{more}"

    # --- questions about principals

    def _of_principals(self) -> Iterator[doc.Block]:
        for principal, reached in by_principal(self._report):
            self._shown = self._with_access([row for _, row in reached])
            rows = []
            for section, row in reached:
                details = (doc.ItemList(tuple(self._path(number, row) for number in range(len(row.paths)))),)
                rows.append(doc.Row(cells=(doc.Cell(_vaults_line(section)), *self._cells(row)), details=details))
            about = () if principal.at is None else (place(principal.at),)
            table = doc.Table(columns=(doc.Column("vault"), *self._columns()), rows=tuple(rows), details="Paths")
            yield doc.Section(title=_named(principal), about=about, blocks=(table,))

    def _whys(self) -> Iterator[doc.Block]:
        for principal, reached in by_principal(self._report):
            for section, row in reached:
                self._shown = self._with_access([row])
                table = doc.Table(
                    columns=(doc.Column("access"), *self._columns()),
                    rows=(doc.Row(cells=(doc.Cell(_named(principal)), *self._cells(row))),),
                )
                paths = [self._edges(number, group) for number, group in enumerate(row.paths, 1)]
                about = tuple(self._about(section))
                yield doc.Section(
                    title=f"{principal.label} on {title(section.vaults)}",
                    about=about,
                    blocks=(table, *paths, *_removal(row)),
                )

    def _edges(self, number: int, group: PathGroup) -> doc.Section:
        items = [doc.ListItem(doc.Span(text, doc.PROSE)) for text in step_texts(group.path)]
        items += (
            [doc.ListItem(doc.Span(f"decided by: {group.path.doubt}", doc.PROSE), doc.OPEN)] if group.path.doubt else []
        )
        first = group.path.steps[0].at if group.path.steps else None
        where = "" if first is None else f" [{place(first)}]"
        for capabilities, edit in group.edits:
            what = f"to remove {capabilities}" if capabilities else "to remove it"
            items.append(doc.ListItem(doc.Span(f"{what}: {edit}{where}", doc.PROSE)))
        head = (
            f"{number}. ",
            doc.Span(certainty(group.path), doc.STRONG),
            f" {', '.join(group.capabilities)}{_only(group)}",
        )
        return doc.Section(title=head, blocks=(doc.ItemList(tuple(items)),))

    # --- what ends a report

    def _without_access(self) -> Iterator[doc.Block]:
        question = self._report.question
        vaults = without_access(self._report)
        if question.is_why or question.principals or any(kind == "principal" for kind, _ in question.missing):
            reached = {row.principal.label for row in self._report.rows}
            for label in question.principals:
                if vaults and label not in reached:
                    yield doc.Paragraph(
                        (doc.Span(label, doc.CODE), f": no access to {listed([one.label for one in vaults])}")
                    )
            return
        nothing = ": no role at this scope or above" if question.scopes else ": no access"
        for vault in vaults:
            yield doc.Paragraph((*_vault_facts(vault), nothing))

    def _roles(self) -> Iterator[doc.Block]:
        if self._report.roles:
            items = (doc.ListItem((doc.Span(name, doc.CODE), f": {text}")) for name, text in self._report.roles)
            yield doc.Section(title="Roles", blocks=(doc.ItemList(tuple(items)),))

    def _notes(self) -> Iterator[doc.Content]:
        """Yield what limits the report."""
        for one in self._report.unfollowed:
            yield (doc.Span(one.text, doc.PROSE), f": {listed(one.resources)} [{place(one.at)}].")
        open_ = [vault.place for vault in self._report.vaults if not vault.is_complete]
        if open_:
            yield f"{_INCOMPLETE} {listed(open_)}."


def _heading(capability: str) -> str:
    """Return the heading of a column."""
    return _HEADINGS.get(capability, capability)


def _named(principal: Principal) -> doc.Content:
    return _with_kind(principal, f"({principal.kind})" if principal.kind else "")


def _with_kind(principal: Principal, kind: str) -> doc.Content:
    label = doc.Span(principal.label, doc.CODE)
    return (label, " ", doc.Span(kind, doc.EMPHASIS)) if kind else label


def _vault_facts(vault: AccessVault) -> tuple[str | doc.Span, ...]:
    """Return the address, permission model, network and place of a vault, and its condition."""
    parts = [", ", vault.model]
    parts += [", network: ", vault.network] if vault.network else []
    condition = f" ({vault.condition})" if vault.condition else ""
    return (doc.Span(vault.place, doc.CODE), "".join(parts), ", ", doc.Span(place(vault.at), doc.CODE), condition)


def _vaults_line(section: AccessSection) -> doc.Content:
    """Return the vaults of a row; a single one with its model and network."""
    if len(section.vaults) > 1:
        return title(section.vaults)
    vault = section.vaults[0]
    return doc.between((title(section.vaults), vault.model, vault.network), ", ")


def _only(group: PathGroup) -> str:
    return f" (only {listed(group.path.only)})" if group.path.only else ""


def _state(group: PathGroup) -> str:
    return doc.BAD if group.path.is_certain else doc.OPEN


def _removal(row: PrincipalAccess) -> Iterator[doc.Block]:
    """Yield the edits that together remove all access of a row, if these are several."""
    edits: dict[str, None] = {}
    for group in row.paths:
        first = group.path.steps[0].at if group.path.steps else None
        where = "" if first is None else f" [{place(first)}]"
        edits |= dict.fromkeys(f"{edit}{where}" for _, edit in group.edits)
    if len(edits) > 1:
        yield doc.Paragraph(f"All of this access ends with {pluralize(len(edits), 'edit')}:")
        yield doc.ItemList(tuple(doc.ListItem(doc.Span(edit, doc.PROSE)) for edit in edits))


def _facts(report: AccessReport) -> Iterator[doc.Content]:
    """Yield the checkout, the inputs and the version, for the line below the heading."""
    if report.repository is not None:
        yield report.repository.uri.removeprefix("https://")
        yield ("commit ", doc.Span(report.repository.revision[:12], doc.CODE))
    if report.sources:
        yield doc.Span(report.sources[0], doc.CODE) if len(report.sources) == 1 else f"{len(report.sources)} inputs"
    yield f"kvlint {report.version}"
