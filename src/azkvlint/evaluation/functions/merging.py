"""Objects that are laid over others: the spread operator, ``union()`` and ``shallowMerge()``."""

from __future__ import annotations

from azkvlint.evaluation.functions.table import call_pattern
from azkvlint.evaluation.known import known_of
from azkvlint.evaluation.operators import merge_alternatives
from azkvlint.evaluation.values import (
    HAS_FIELDS,
    Fields,
    Named,
    Result,
    as_optional,
    below,
    is_sensitive,
    may_be_absent,
)
from azkvlint.model.location import Location
from azkvlint.model.value import Absent, Unknown


def merge(left: Fields, right: Fields, deep: bool, at: Location) -> Fields:
    """Return ``left`` with what ``right`` has laid over it; ``deep``: in the objects within them too."""
    fields, rest = dict(left.fields), left.rest
    if right.rest is not None:
        fields, rest = {}, overlaid(left, right.rest, deep)
    names = {name.lower(): name for name in left.fields}
    for name, over in right.fields.items():
        key = names.setdefault(name.lower(), name)
        before = left.fields.get(key)
        under = below(left.rest, f".{key}", at) if before is None and left.rest is not None else before
        field = over if under is None else _over(under, over, deep, at)
        is_there = as_optional(over) is None or (before is not None and as_optional(before) is None)
        fields[key] = field if is_there else may_be_absent(field)
    return Fields(at=at, fields=fields, rest=rest)


def overlaid(under: Fields, over: Unknown, deep: bool) -> Unknown:
    """Return an object that is not known, laid over another one."""
    if not under.fields and under.rest is None:
        return over
    if not under.fields and isinstance(under.rest, Named) and isinstance(over, Named):
        sensitive = over.sensitive or under.rest.sensitive
        names = (*under.rest.names, *over.names)
        return Named(at=over.at, why=over.why, sensitive=sensitive, known=HAS_FIELDS, names=names)
    pattern = call_pattern("union" if deep else "...", [under, over])
    return Unknown(at=over.at, why=over.why, pattern=pattern, sensitive=over.sensitive or is_sensitive(under))


def _over(under: Result, over: Result, deep: bool, at: Location) -> Result:
    optional = as_optional(over)
    if optional is not None:
        return Unknown(at=over.at, why=optional.why, sensitive=is_sensitive(over) or is_sensitive(under))
    if not deep:
        return over
    if isinstance(over, Fields):
        if isinstance(under, Fields):
            return merge(under, over, deep, over.at)
        if isinstance(under, Unknown):
            return merge(Fields(at=at, fields={}, rest=under), over, deep, over.at)
    if isinstance(over, Absent):
        return merge_alternatives(
            under, over, Unknown(at=over.at, why="the effect of null in `union()` is not documented")
        )
    if isinstance(over, Unknown) and isinstance(under, Fields | Unknown) and not known_of(over).is_text:
        # Both may be objects.
        pattern = call_pattern("union", [under, over])
        sensitive = over.sensitive or is_sensitive(under)
        return Unknown(at=over.at, why=over.why, pattern=pattern, given=over.given, sensitive=sensitive)
    return over
