"""Name the base worlds of a template, which are its parameter files, in results on which they do not agree."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from typing import TypeAlias

import msgspec

from azkvlint.engine.finding_texts import printed_address
from azkvlint.linter.unit_result import UnitResult
from azkvlint.model.finding import FAIL, PASS, Finding
from azkvlint.model.identity import member_of, text_key, world_note
from azkvlint.model.rule import PLACEHOLDER
from azkvlint.util.lazy_regex import regex

# For each root, the names of its worlds by their paths.
NamesByRoot: TypeAlias = Mapping[str, Mapping[str, str]]
_ENDING = regex(r"(?:\.bicepparam|\.parameters\.jsonc?|\.jsonc?)$")
_WORD = ".parameters."
_RESOURCE = "resource"


def names_by_root(units: Iterable[UnitResult]) -> NamesByRoot:
    """Return the names of the base worlds of each root that has parameter files."""
    worlds: dict[str, set[str]] = {}
    for unit in units:
        for root in (unit.root, *unit.read) if unit.world else ():
            worlds.setdefault(root, set()).add(unit.world)
    return {root: names_of(root, paths) for root, paths in worlds.items()}


def names_of(root: str, paths: Collection[str]) -> dict[str, str]:
    """Return a name for each parameter file: the shortest one that no other file of the root has."""
    most = max(path.count("/") for path in paths) + 1
    for count in range(1, most + 1):
        names = {path: _name_of(root, path, count) for path in paths}
        if len(set(names.values())) == len(names):
            return names
    return {path: path for path in paths}


def _name_of(root: str, path: str, count: int) -> str:
    """Return the last ``count`` parts of a path, without its ending and the name of the template."""
    *folders, file = path.split("/")[-count:]
    name = _ENDING.sub("", file).replace(_WORD, ".")
    template = os.path.splitext(os.path.basename(root))[0]
    return "/".join((*folders, name.removeprefix(f"{template}.") or name))


def with_named_worlds(finding: Finding, names: NamesByRoot) -> Finding:
    """Return a grouped finding that names the base worlds of each member that not all worlds of its root have."""
    if not any(one.worlds for one in finding.occurrences):
        return finding
    members = tuple(
        msgspec.structs.replace(member, world_names=tuple(sorted(known[world] for world in member.worlds)))
        if (known := names.get(member.root)) and known.keys() > set(member.worlds)
        else member
        for member in finding.occurrences
    )
    return in_named_worlds(msgspec.structs.replace(finding, occurrences=members))


def in_named_worlds(finding: Finding) -> Finding:
    """Return a finding whose message names the base worlds of its resource: ``kv (dev, prod) has ...``."""
    own = text_key(msgspec.structs.replace(member_of(finding), world_names=("",)))
    names = {name for one in finding.occurrences if text_key(one) == own for name in one.world_names}
    if not names or finding.outcome is PASS:
        return finding
    note = world_note(names)
    words = list(dict.fromkeys(PLACEHOLDER.findall(finding.template)))
    if finding.outcome is FAIL and _RESOURCE in words and len(words) == len(finding.arguments):
        values = dict(zip(words, finding.arguments, strict=True))
        values[_RESOURCE] = printed_address(finding.resource)
        # The arguments of a finding of which only some members are left may be those of another member.
        if _fill(finding.template, values) == finding.message:
            values[_RESOURCE] += note
            message = _fill(finding.template, values)
            return msgspec.structs.replace(finding, message=message, arguments=tuple(values.values()))
    return msgspec.structs.replace(finding, message=f"{finding.message}{note}")


def _fill(template: str, values: Mapping[str, str]) -> str:
    return PLACEHOLDER.sub(lambda match: values[match[1]], template)
