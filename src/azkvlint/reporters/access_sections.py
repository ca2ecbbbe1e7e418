"""The sections of an access report: vaults that the same policies and roles apply to, and the principals of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from azkvlint.model.access import AccessPath, AccessReport, AccessRow, AccessVault, Principal
from azkvlint.reporters.access import listed, vault_of
from azkvlint.util.text import pluralize, visible

_NAMED = 4
_WIDEST_NAME = 16
_ROLE, _POLICY = "role", "policy"


class PathGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A path with all capabilities that a principal has by it, and the edit that removes each."""

    path: AccessPath
    capabilities: tuple[str, ...]
    edits: tuple[tuple[str, str], ...]


class PrincipalAccess(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the matrix: its cells by capability, and the paths.

    There is one principal, or there are ``others`` with the same access by paths that differ in their places only.
    """

    principal: Principal
    cells: Mapping[str, str]
    paths: tuple[PathGroup, ...]
    others: tuple[PrincipalAccess, ...] = ()


class AccessSection(msgspec.Struct, frozen=True, kw_only=True):
    """The matrix of vaults that the same policies and roles apply to.

    ``wider`` are the titles of sections that also apply to these vaults, with their numbers of principals.
    """

    vaults: tuple[AccessVault, ...]
    rows: tuple[PrincipalAccess, ...]
    wider: tuple[tuple[str, int], ...] = ()


def sections(report: AccessReport) -> Iterator[AccessSection]:
    """Yield the sections: what applies to most vaults first, and last the vaults without access."""
    by_vaults: dict[tuple[int, ...], dict[str, list[AccessRow]]] = {}
    for row in report.rows:
        by_vaults.setdefault(row.vaults, {}).setdefault(row.principal.key, []).append(row)
    selected = _selected(report)
    wider: dict[int, list[tuple[frozenset[int], str, int]]] = {}
    for vaults, principals in sorted(by_vaults.items(), key=lambda item: (-len(item[0]), item[0])):
        whole = selected.get(vaults[0], frozenset()) if len(vaults) == 1 else frozenset()
        section = AccessSection(
            vaults=tuple(report.vaults[number] for number in vaults),
            rows=tuple(_of_principal(rows, whole) for rows in principals.values()),
            wider=tuple((name, count) for all_, name, count in wider.get(vaults[0], ()) if all_.issuperset(vaults)),
        )
        yield section
        if len(vaults) > 1:
            one = frozenset(vaults), title(section.vaults), len(principals)
            for vault in vaults:
                wider.setdefault(vault, []).append(one)


def _selected(report: AccessReport) -> dict[int, frozenset[str]]:
    """Return the objects that the question is about, by the index of their vault."""
    found: dict[int, frozenset[str]] = {}
    for one in report.question.objects:
        number = vault_of(one, report)
        if number is not None:
            found[number] = found.get(number, frozenset()) | frozenset(one.words)
    return found


def without_access(report: AccessReport) -> list[AccessVault]:
    """Return the vaults that the input creates and no row concerns."""
    reached = {vault for vaults in {row.vaults for row in report.rows} for vault in vaults}
    return [vault for number, vault in enumerate(report.vaults) if number not in reached and vault.is_deployed]


def _of_principal(rows: Sequence[AccessRow], selected: frozenset[str]) -> PrincipalAccess:
    by_capability: dict[str, list[AccessPath]] = {}
    groups: dict[tuple[object, ...], list[AccessRow]] = {}
    for row in rows:
        path = row.path
        by_capability.setdefault(row.capability, []).append(path)
        key = path.is_certain, path.doubt, path.only, tuple((step.kind, step.text) for step in path.steps)
        groups.setdefault(key, []).append(row)
    paths = sorted(
        (
            PathGroup(path=group[0].path, capabilities=tuple(dict.fromkeys(row.capability for row in group)),
                      edits=_edits(group))
            for group in groups.values()
        ),
        key=lambda group: not group.path.is_certain,
    )  # fmt: skip
    cells = {name: mark(some, selected) for name, some in by_capability.items()}
    return PrincipalAccess(principal=rows[0].principal, cells=cells, paths=tuple(paths))


def mark(paths: Iterable[AccessPath], selected: Iterable[str] = ()) -> str:
    """Return the text of a cell: yes, ?, or what the access is limited to: ``one: db``, or ``one: db?`` if possible.

    ``selected`` are the objects that the report is about: what is limited to all of these of a kind is not limited.
    """
    every = list(paths)
    whole = [one for one in every if not _is_limited(one, selected)]
    if any(one.is_certain for one in whole):
        return "yes"
    limited = [one for one in every if _is_limited(one, selected)]
    sure = {name for one in limited if one.is_certain for name in one.only}
    parts = [_limit(sure)] if sure else []
    if whole:
        parts.append("?")
    elif not sure and limited:
        parts.append(f"{_limit({name for one in limited for name in one.only})}?")
    return ", ".join(parts) or "-"


def _is_limited(path: AccessPath, selected: Iterable[str]) -> bool:
    if not path.only:
        return False
    own = {one.lower() for one in path.only}
    kinds = {one.partition("/")[0] for one in own}
    needed = {one for one in selected if one.partition("/")[0] in kinds}
    return not needed or not needed <= own


def _limit(names: Iterable[str]) -> str:
    every = sorted({name.partition("/")[2] for name in names})
    if len(every) > 1:
        return f"{len(every)} named"
    name = visible(every[0])
    return f"one: {name if len(name) <= _WIDEST_NAME else f'{name[: _WIDEST_NAME - 3]}...'}"


def _edits(rows: Sequence[AccessRow]) -> tuple[tuple[str, str], ...]:
    """Return the edits, each with the capabilities that it removes; these are empty if one edit removes all."""
    by_edit: dict[str, list[str]] = {}
    for row in rows:
        by_edit.setdefault(row.path.edit, []).append(row.capability)
    if len(by_edit) == 1:
        return (("", next(iter(by_edit))),)
    return tuple((", ".join(dict.fromkeys(names)), edit) for edit, names in by_edit.items())


def folded(section: AccessSection) -> AccessSection:
    """Return a section with one row for all principals that have the same access in the same way."""
    groups: dict[tuple[object, ...], list[PrincipalAccess]] = {}
    for row in section.rows:
        paths = tuple((one.capabilities, one.path.is_certain, one.path.doubt, _way(one.path)) for one in row.paths)
        groups.setdefault((row.principal.kind, tuple(sorted(row.cells.items())), paths), []).append(row)
    rows = tuple(msgspec.structs.replace(some[0], others=tuple(some[1:])) for some in groups.values())
    return msgspec.structs.replace(section, rows=rows)


def _way(path: AccessPath) -> tuple[object, ...]:
    """Return what a path has in common with those of other principals: all but which policy or assignment it is."""
    return tuple(
        (step.kind, step.role, step.scope) if step.kind == _ROLE and step.role else
        (step.kind,) if step.kind == _POLICY else (step.kind, step.text)
        for step in path.steps
    )  # fmt: skip


def by_principal(report: AccessReport) -> Iterator[tuple[Principal, list[tuple[AccessSection, PrincipalAccess]]]]:
    """Yield each principal with the sections of the vaults that it reaches, and its row in each."""
    found: dict[str, tuple[Principal, list[tuple[AccessSection, PrincipalAccess]]]] = {}
    for section in sections(report):
        for row in section.rows:
            own = row.principal
            key = own.key if own.is_known_everywhere else f"{own.key}{section.vaults[0].origin}"
            found.setdefault(key, (own, []))[1].append((section, row))
    yield from found.values()


def title(vaults: Sequence[AccessVault]) -> str:
    """Return the names of the vaults of a section."""
    names = [vault.label for vault in vaults]
    return visible(names[0]) if len(names) == 1 else f"{len(names)} vaults: {listed(names)}"


def wider_text(section: AccessSection) -> str:
    """Return which other sections apply to the vaults of a section too; empty if none does."""
    if not section.wider:
        return ""
    return "See also " + "; ".join(
        f"{pluralize(count, 'principal')} on {name}" for name, count in section.wider[:_NAMED]
    )
