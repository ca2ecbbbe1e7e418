"""Principals that data sources look up by a name: two of them with different names are different principals.

A lookup fails if several objects have the name. Sources: the documentation of the data sources of azuread.
"""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.derived.grants import USERS
from azkvlint.derived.registry import Context
from azkvlint.model.pattern import DeclaredHole, Part, parts_of, text_form
from azkvlint.model.value import Absent, Answer, Path, Scalar, Unknown

_IDS = ("object_id", "id")
_DISPLAY_NAME: Path = ("displayName",)
# Groups with and without a mailbox may have the same name.
_MAIL: Path = ("properties", "mailEnabled")
# By the type of a data source: the name that it looks up.
_NAMES: Mapping[str, Path] = {
    "data.azuread_group": _DISPLAY_NAME,
    "data.azuread_service_principal": _DISPLAY_NAME,
    "data.azuread_user": ("properties", "userPrincipalName"),
}
LOOKUP_READS: Mapping[str, tuple[Path, ...]] = {
    "terraform/groups": (_DISPLAY_NAME, _MAIL),
    "terraform/applications": (_DISPLAY_NAME,),
    USERS: (_NAMES["data.azuread_user"],),
}
# An item of an unknown collection: the same expression has several values.
_ANY_ITEM = "[*]"


def looked_up_by(principal: Answer, context: Context) -> tuple[str, str] | None:
    """Return the family and the name of a principal; None for one that is not looked up by its name.

    Two names of one family are different if they differ. A name that is not known has the family of all names that
    differ from it in their last known part only, or in their first.
    """
    hole = principal.pattern if isinstance(principal, Unknown) else None
    if not isinstance(hole, DeclaredHole) or hole.attribute not in _IDS or hole.type not in _NAMES:
        return None
    source = context.index.resources.get(text_form(hole.address))
    if source is None or not isinstance(source.select(_MAIL), Absent):
        return None
    name = source.select(_NAMES[hole.type])
    if not isinstance(name, Scalar | Unknown) or _ANY_ITEM in text_form(name.string):
        return None
    parts = parts_of(name.string)
    known = [at for at in (len(parts) - 1, 0) if parts and isinstance(parts[at], str)]
    if not known:
        return None
    family = [_form(part) if at != known[0] else "*" for at, part in enumerate(parts)]
    return " ".join((hole.type, *family)), " ".join((hole.type, "".join(map(_form, parts))))


def _form(part: Part) -> str:
    """Return a part of a name for comparison: the directory compares names without regard to case."""
    return part.lower() if isinstance(part, str) else part.text
