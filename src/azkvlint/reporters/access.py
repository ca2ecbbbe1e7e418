"""Render who can reach what as text, Markdown, JSON or CSV. The HTML page has a module of its own.

Text has a matrix of principals for each group of vaults, then their paths; Markdown folds the paths. JSON is version 1
of the document in docs/access.md: within a version, fields are added but never removed, renamed or redefined. CSV has
one line for each path of a principal to a permission, as in RFC 4180.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any, TypeAlias

import msgspec

from azkvlint.model.access import AccessReport, AccessVault, Breach, Path, Principal, Row, Step
from azkvlint.model.finding import without_notes
from azkvlint.reporters import Options, lazy_reporters
from azkvlint.reporters.findings.json import location, problem
from azkvlint.reporters.gfm import code, plain
from azkvlint.reporters.phrases import place, problem_line
from azkvlint.util.text import encode, pluralize, visible

AccessReporter: TypeAlias = Callable[[AccessReport, Options], str | bytes]
_WIDEST = 120
_MOST_VAULTS = 10
_MARKS = {"yes": "●", "?": "?", "-": ""}
FORMAT_VERSION = 1
_CSV_HEAD = (
    "vaults", "names", "root", "parameters", "principal", "kind", "permission", "certainty", "decided by", "path",
    "edit",
)  # fmt: skip
# A spreadsheet evaluates a cell that begins with one of these characters as a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_YES, _PERHAPS = "yes", "perhaps"
_NO_VAULT = "No key vault or managed HSM found."
_INCOMPLETE = "Other deployments can give more access: the input is not the whole deployment of"
# The headings of columns, where a capability has a shorter name than its own.
_HEADINGS: Mapping[str, str] = {"secrets/get": "secrets", "keys/use": "keys", "certificates/get": "certs"}
_NAMED = 4


def text(report: AccessReport, options: Options) -> str:
    """Return the matrix as text that ends with a line break."""
    width = min(max(options.width, 40), _WIDEST) if options.terminal else _WIDEST
    return "".join(f"{line}\n" for line in _text_lines(report, width))


def _text_lines(report: AccessReport, width: int) -> Iterator[str]:
    for section in sections(report):
        yield title(section)
        for vault in section.vaults[:_MOST_VAULTS]:
            yield f"  {vault_facts(vault)}"
        if len(section.vaults) > _MOST_VAULTS:
            yield f"  and {len(section.vaults) - _MOST_VAULTS} more"
        if section.wider:
            yield from _wrapped(wider_text(section), width, "  ")
        yield ""
        yield from _matrix(section, report)
        yield ""
        for row in section.rows:
            yield from _paths(row, width)
        yield ""
    for vault in without_access(report):
        yield f"{vault_facts(vault)}: no access"
    for note in notes(report):
        yield from wrap(note, width, break_long_words=False, break_on_hyphens=False)
    yield from map(problem_line, without_notes(report.problems))
    for breach in report.breaches:
        yield breach_text(breach, report)
    yield summary(report)


def _matrix(section: Section, report: AccessReport) -> Iterator[str]:
    headings = [heading(one.name) for one in report.capabilities]
    yield f"  {' '.join(headings)}  principal"
    for row in section.rows:
        cells = [
            mark(row.cells, one.name).ljust(len(name)) for one, name in zip(report.capabilities, headings, strict=True)
        ]
        yield f"  {' '.join(cells)}  {principal_text(row.principal)}"


def _paths(row: PrincipalAccess, width: int) -> Iterator[str]:
    yield principal_text(row.principal)
    for group in row.paths:
        head = f"{certainty(group.path)} {', '.join(group.capabilities)}: {path_text(group.path)}"
        yield from _wrapped(head, width, "  ")
        if group.path.doubt:
            yield from _wrapped(f"decided by: {group.path.doubt}", width, "    ")
        for capabilities, edit in group.edits:
            yield from _wrapped(f"edit{f' for {capabilities}' if capabilities else ''}: {edit}", width, "    ")


def _wrapped(line: str, width: int, indent: str) -> list[str]:
    return wrap(
        visible(line), width, initial_indent=indent, subsequent_indent=f"{indent}  ", break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip


def markdown(report: AccessReport, options: Options) -> str:
    """Return the matrix as Markdown that ends with a line break."""
    return "".join(f"{line}\n" for line in _markdown_lines(report))


def _markdown_lines(report: AccessReport) -> Iterator[str]:
    yield "# Access to key vaults"
    yield ""
    yield plain(summary(report))
    if report.breaches:
        yield ""
        yield from (f"- ❌ {plain(breach_text(breach, report))}" for breach in report.breaches)
    for section in sections(report):
        yield ""
        yield from _markdown_section(section, report)
    for vault in without_access(report):
        yield ""
        yield f"{code(vault_facts(vault), cell=False)}: no access"
    for note in notes(report):
        yield ""
        yield plain(note)
    found = without_notes(report.problems)
    if found:
        yield ""
        yield "## Analysis incomplete"
        yield ""
        yield from (f"- {plain(problem_line(problem))}" for problem in found)


def _markdown_section(section: Section, report: AccessReport) -> Iterator[str]:
    yield f"## {plain(title(section))}"
    yield ""
    for vault in section.vaults:
        address, at = code(visible(vault.place), cell=False), code(place(vault.at), cell=False)
        condition = f" · {plain(visible(vault.condition))}" if vault.condition else ""
        yield f"- {address} · {plain(vault.model)} · {at}{condition}"
    if section.wider:
        yield f"- {plain(wider_text(section))}"
    yield ""
    yield f"| Principal | {' | '.join(plain(heading(one.name)) for one in report.capabilities)} |"
    yield f"|---|{':-:|' * len(report.capabilities)}"
    for row in section.rows:
        cells = [_MARKS[mark(row.cells, one.name)] for one in report.capabilities]
        kind = f" {plain(row.principal.kind)}" if row.principal.kind else ""
        yield f"| {code(visible(row.principal.label))}{kind} | {' | '.join(cells)} |"
    yield ""
    yield "● yes · ? perhaps"
    yield ""
    yield "<details><summary>Paths</summary>"
    yield ""
    for row in section.rows:
        yield f"- {code(visible(row.principal.label), cell=False)}"
        for group in row.paths:
            names = ", ".join(group.capabilities)
            yield f"  - **{certainty(group.path)}** {plain(names)}: {plain(path_text(group.path))}"
            if group.path.doubt:
                yield f"    - decided by: {plain(visible(group.path.doubt))}"
            for capabilities, edit in group.edits:
                what = f" for {plain(capabilities)}" if capabilities else ""
                yield f"    - edit{what}: {plain(visible(edit))}"
    yield ""
    yield "</details>"


def json(report: AccessReport, options: Options) -> bytes:
    """Return the matrix as UTF-8; equal reports result in equal bytes."""
    principals = {_principal_id(row, report): row for row in report.rows}
    sets = {vaults: number for number, vaults in enumerate(dict.fromkeys(row.vaults for row in report.rows))}
    return encode(
        {
            "version": FORMAT_VERSION,
            "tool": {"name": "kvlint", "version": report.version},
            "repository": report.repository,
            "sources": report.sources,
            "permissions": [
                {"name": one.name, "label": one.label, "words": sorted(one.words)} for one in report.capabilities
            ],
            "vaults": [_vault_json(one) for one in report.vaults],
            "principals": [_principal_json(key, row, report) for key, row in principals.items()],
            "vaultSets": list(sets),
            "rows": [_row_json(row, report, sets[row.vaults]) for row in report.rows],
            "gates": [
                {"gate": one.gate, "vaults": one.vaults, "principals": one.principals} for one in report.breaches
            ],
            "problems": [problem(one) for one in report.problems],
        }
    )


def _vault_json(vault: AccessVault) -> dict[str, Any]:
    return {
        "name": vault.name,
        "resource": vault.address,
        "type": vault.type,
        "permissionModel": vault.model,
        "root": vault.root,
        "world": vault.world or None,
        "deployed": vault.is_deployed,
        "complete": vault.is_complete,
        "condition": vault.condition or None,
        "location": location(vault.at),
    }


def _principal_id(row: Row, report: AccessReport) -> str:
    """Return the key of a principal, which in reports of several roots and base worlds names that of the principal."""
    own = row.principal
    return own.key if own.is_known_everywhere else f"{own.key}{report.vaults[row.vaults[0]].origin}"


def _principal_json(key: str, row: Row, report: AccessReport) -> dict[str, Any]:
    principal, vault = row.principal, report.vaults[row.vaults[0]]
    return {
        "key": key,
        "label": principal.label,
        "kind": principal.kind,
        "root": None if principal.is_known_everywhere else vault.root,
        "world": None if principal.is_known_everywhere else vault.world or None,
        "location": None if principal.at is None else location(principal.at),
    }


def _row_json(row: Row, report: AccessReport, vault_set: int) -> dict[str, Any]:
    return {
        "principal": _principal_id(row, report),
        "permission": row.capability,
        "certainty": certainty(row.path),
        "decidedBy": row.path.doubt,
        "vaultSet": vault_set,
        "path": [_step_json(step) for step in row.path.steps],
        "edit": row.path.edit,
    }


def _step_json(step: Step) -> dict[str, Any]:
    return {"kind": step.kind, "text": step.text, "location": None if step.at is None else location(step.at)}


def csv(report: AccessReport, options: Options) -> str:
    """Return the rows with a heading. Lines end with a line feed, as in all reports."""
    return csv_table([_CSV_HEAD, *(_csv_cells(row, report) for row in report.rows)])


def csv_table(rows: Iterable[Sequence[str]]) -> str:
    """Return rows of cells as CSV."""
    return "".join(f"{','.join(map(_csv_quoted, row))}\n" for row in rows)


def _csv_cells(row: Row, report: AccessReport) -> tuple[str, ...]:
    vaults = [report.vaults[number] for number in row.vaults]
    principal = row.principal
    path = row.path
    return (
        listed([vault.address for vault in vaults]), listed([vault.name for vault in vaults]), vaults[0].root,
        vaults[0].world, principal.label, principal.kind, row.capability, certainty(path), path.doubt,
        path_text(path), path.edit,
    )  # fmt: skip


def _csv_quoted(cell: str) -> str:
    cell = visible(cell)
    if cell.startswith(_FORMULA):
        cell = f"'{cell}"
    return '"' + cell.replace('"', '""') + '"' if any(one in cell for one in ',"\n') else cell


class _PathGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A path with all capabilities that a principal has by it, and the edit that removes each."""

    path: Path
    capabilities: tuple[str, ...]
    edits: tuple[tuple[str, str], ...]


class PrincipalAccess(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the matrix: a principal, whether it certainly has each of its capabilities, and the paths."""

    principal: Principal
    cells: Mapping[str, bool]
    paths: tuple[_PathGroup, ...]


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """The matrix of vaults that the same policies and roles apply to.

    ``wider`` are the titles of sections that also apply to these vaults, with their numbers of principals.
    """

    vaults: tuple[AccessVault, ...]
    rows: tuple[PrincipalAccess, ...]
    wider: tuple[tuple[str, int], ...] = ()


def heading(capability: str) -> str:
    """Return the heading of a column."""
    return _HEADINGS.get(capability, capability)


def sections(report: AccessReport) -> Iterator[Section]:
    """Yield the sections: what applies to most vaults first, and last the vaults without access."""
    by_vaults: dict[tuple[int, ...], dict[str, list[Row]]] = {}
    for row in report.rows:
        by_vaults.setdefault(row.vaults, {}).setdefault(row.principal.key, []).append(row)
    wider: dict[int, list[tuple[frozenset[int], str, int]]] = {}
    for vaults, principals in sorted(by_vaults.items(), key=lambda item: (-len(item[0]), item[0])):
        section = Section(
            vaults=tuple(report.vaults[number] for number in vaults),
            rows=tuple(_of_principal(rows) for rows in principals.values()),
            wider=tuple((name, count) for all_, name, count in wider.get(vaults[0], ()) if all_.issuperset(vaults)),
        )
        yield section
        if len(vaults) > 1:
            one = frozenset(vaults), title(section), len(principals)
            for vault in vaults:
                wider.setdefault(vault, []).append(one)


def without_access(report: AccessReport) -> list[AccessVault]:
    """Return the vaults that the input creates and no row concerns."""
    reached = {vault for vaults in {row.vaults for row in report.rows} for vault in vaults}
    return [vault for number, vault in enumerate(report.vaults) if number not in reached and vault.is_deployed]


def _of_principal(rows: Sequence[Row]) -> PrincipalAccess:
    cells: dict[str, bool] = {}
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        path = row.path
        cells[row.capability] = cells.get(row.capability, False) or path.is_certain
        key = path.is_certain, path.doubt, tuple((step.kind, step.text) for step in path.steps)
        groups.setdefault(key, []).append(row)
    paths = sorted(
        (
            _PathGroup(path=group[0].path, capabilities=tuple(dict.fromkeys(row.capability for row in group)),
                      edits=_edits(group))
            for group in groups.values()
        ),
        key=lambda group: not group.path.is_certain,
    )  # fmt: skip
    return PrincipalAccess(principal=rows[0].principal, cells=cells, paths=tuple(paths))


def _edits(rows: Sequence[Row]) -> tuple[tuple[str, str], ...]:
    """Return the edits, each with the capabilities that it removes; these are empty if one edit removes all."""
    by_edit: dict[str, list[str]] = {}
    for row in rows:
        by_edit.setdefault(row.path.edit, []).append(row.capability)
    if len(by_edit) == 1:
        return (("", next(iter(by_edit))),)
    return tuple((", ".join(dict.fromkeys(names)), edit) for edit, names in by_edit.items())


def title(section: Section) -> str:
    """Return the names of the vaults of a section."""
    names = [vault.label for vault in section.vaults]
    return visible(names[0]) if len(names) == 1 else f"{len(names)} vaults: {listed(names)}"


def wider_text(section: Section) -> str:
    """Return which other sections apply to the vaults of a section too; empty if none does."""
    if not section.wider:
        return ""
    return "See also " + "; ".join(
        f"{pluralize(count, 'principal')} on {name}" for name, count in section.wider[:_NAMED]
    )


def vault_facts(vault: AccessVault) -> str:
    """Return the address, permission model and place of a vault, and its condition."""
    condition = f" ({visible(vault.condition)})" if vault.condition else ""
    return f"{visible(vault.place)}, {visible(vault.model)}, {place(vault.at)}{condition}"


def principal_text(principal: Principal) -> str:
    """Return a principal with its kind."""
    return visible(f"{principal.label} ({principal.kind})" if principal.kind else principal.label)


def path_text(path: Path) -> str:
    """Return the steps of a path in one line. Of steps at one place, only the first has it."""
    parts: list[str] = []
    last = ""
    for step in path.steps:
        here = "" if step.at is None else place(step.at)
        parts.append(visible(step.text) if not here or here == last else f"{visible(step.text)} [{here}]")
        last = here or last
    return " -> ".join(parts)


def certainty(path: Path) -> str:
    """Return ``yes`` or ``perhaps``."""
    return _YES if path.is_certain else _PERHAPS


def mark(cells: Mapping[str, bool], capability: str) -> str:
    """Return the text of a cell: yes, ? or -."""
    found = cells.get(capability)
    return "-" if found is None else _YES if found else "?"


def breach_text(breach: Breach, report: AccessReport) -> str:
    """Return which vaults break a gate, and by which principals."""
    vaults = listed([report.vaults[number].place for number in breach.vaults])
    number = pluralize(len(breach.principals), "principal")
    return f"{visible(breach.gate)}: {number} on {vaults}: {listed(breach.principals)}"


def listed(names: Sequence[str]) -> str:
    """Return the first names of several, and the number of others."""
    shown = [visible(name) for name in names[:_NAMED]]
    return ", ".join([*shown, f"{len(names) - _NAMED} more"] if len(names) > _NAMED else shown)


def notes(report: AccessReport) -> Iterator[str]:
    """Yield what limits the report."""
    open_ = [vault.place for vault in report.vaults if not vault.is_complete]
    if open_:
        yield f"{_INCOMPLETE} {listed(open_)}."


def summary(report: AccessReport) -> str:
    """Return the numbers of principals, vaults and broken gates in one sentence."""
    if not report.vaults:
        return _NO_VAULT
    certain = len({_principal_id(row, report) for row in report.rows if row.path.is_certain})
    possible = len({_principal_id(row, report) for row in report.rows}) - certain
    verb = "has" if certain == 1 else "have"
    reached = len({vault for row in report.rows for vault in row.vaults})
    part = f"{reached} of " if 0 < reached < len(report.vaults) else ""
    line = f"{pluralize(certain, 'principal')} {verb} access to {part}{pluralize(len(report.vaults), 'vault')}"
    line += f", {possible} more perhaps." if possible else "."
    if report.breaches:
        line += f" {pluralize(len({one.gate for one in report.breaches}), 'gate')} broken."
    return line


ACCESS_REPORTERS: Mapping[str, AccessReporter] = {
    "text": text,
    "json": json,
    "markdown": markdown,
    **lazy_reporters({"html": "access_html"}),
    "csv": csv,
}
"""All formats of ``kvlint access`` by their names in ``--format``."""
