"""The matrix of a report in sections, and phrases that all formats share, each on one line and safe to print."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from azkvlint.model.access import AccessReport, AccessVault, Breach, Path, Principal, Row, Step
from azkvlint.model.finding import Problem
from azkvlint.reporters.phrases import place
from azkvlint.util.text import pluralize, visible

YES, PERHAPS = "yes", "perhaps"
NO_VAULT = "No key vault or managed HSM found."
NO_ACCESS = "No principal has access to the vaults by the scanned files."
_INCOMPLETE = "Other deployments can give more access: the input is not the whole deployment of"
# The headings of columns, where a capability has a shorter name than its own.
_HEADINGS: Mapping[str, str] = {"secrets/get": "secrets", "keys/use": "keys", "certificates/get": "certs"}
_NAMED = 4


class PathGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A path with all capabilities that a principal has by it, and the edit that removes each."""

    path: Path
    capabilities: tuple[str, ...]
    edits: tuple[tuple[str, str], ...]


class PrincipalAccess(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the matrix: a principal, whether it certainly has each of its capabilities, and the paths."""

    principal: Principal
    cells: Mapping[str, bool]
    paths: tuple[PathGroup, ...]


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
            PathGroup(path=group[0].path, capabilities=tuple(dict.fromkeys(row.capability for row in group)),
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
    names = [vault.name for vault in section.vaults]
    return visible(names[0]) if len(names) == 1 else f"{len(names)} vaults: {listed(names)}"


def wider_text(section: Section) -> str:
    """Return which other sections apply to the vaults of a section too; empty if none does."""
    if not section.wider:
        return ""
    return "See also " + "; ".join(
        f"{pluralize(count, 'principal')} on {name}" for name, count in section.wider[:_NAMED]
    )


def vault_facts(vault: AccessVault) -> str:
    """Return the address, permission model and place of a vault."""
    return f"{visible(vault.address)}, {visible(vault.model)}, {place(vault.at)}"


def principal_text(principal: Principal) -> str:
    """Return a principal with its kind."""
    return visible(f"{principal.label} ({principal.kind})" if principal.kind else principal.label)


def step_text(step: Step) -> str:
    """Return a step with its place."""
    return visible(step.text) if step.at is None else f"{visible(step.text)} [{place(step.at)}]"


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
    return YES if path.is_certain else PERHAPS


def mark(cells: Mapping[str, bool], capability: str) -> str:
    """Return the text of a cell: yes, ? or -."""
    found = cells.get(capability)
    return "-" if found is None else YES if found else "?"


def breach_text(breach: Breach, report: AccessReport) -> str:
    """Return which vaults break a gate, and by which principals."""
    vaults = listed([report.vaults[number].address for number in breach.vaults])
    number = pluralize(len(breach.principals), "principal")
    return f"{visible(breach.gate)}: {number} on {vaults}: {listed(breach.principals)}"


def listed(names: Sequence[str]) -> str:
    """Return the first names of several, and the number of others."""
    shown = [visible(name) for name in names[:_NAMED]]
    return ", ".join([*shown, f"{len(names) - _NAMED} more"] if len(names) > _NAMED else shown)


def notes(report: AccessReport) -> Iterator[str]:
    """Yield what limits the report."""
    open_ = [vault.address for vault in report.vaults if not vault.is_complete]
    if open_:
        yield f"{_INCOMPLETE} {listed(open_)}."


def problems(report: AccessReport) -> list[Problem]:
    """Return the problems that readers should see."""
    return [problem for problem in report.problems if problem.level != "note"]


def summary(report: AccessReport) -> str:
    """Return the numbers of principals, vaults and broken gates in one sentence."""
    if not report.vaults:
        return NO_VAULT
    certain = len(_principals(row for row in report.rows if row.path.is_certain))
    possible = len(_principals(report.rows)) - certain
    verb = "has" if certain == 1 else "have"
    reached = len({vault for row in report.rows for vault in row.vaults})
    part = f"{reached} of " if 0 < reached < len(report.vaults) else ""
    text = f"{pluralize(certain, 'principal')} {verb} access to {part}{pluralize(len(report.vaults), 'vault')}"
    text += f", {possible} more perhaps." if possible else "."
    if report.breaches:
        text += f" {pluralize(len({one.gate for one in report.breaches}), 'gate')} broken."
    return text


def _principals(rows: Iterable[Row]) -> set[str]:
    return {row.principal.key for row in rows}
