"""What a configuration file says of single findings."""

from __future__ import annotations

import msgspec

from azkvlint.model.rule import Severity


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """One ``[[override]]``: what is found at ``paths``, of ``resources`` and by ``rules`` is of another ``severity``,
    or ignored if this is None. Of the three those that are empty leave nothing out.

    ``place`` is what messages call it, ``line`` where it stands (0 if that is not known). ``until`` is its last day
    (ISO 8601), or empty. What has a ``fault`` does nothing.
    """

    place: str
    line: int = 0
    paths: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    severity: Severity | None = None
    reason: str = ""
    owner: str = ""
    until: str = ""
    fault: str = ""
