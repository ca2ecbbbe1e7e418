"""Severity overrides from the configuration file."""

from __future__ import annotations

import msgspec

from azkvlint.model.rule import Severity


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """One ``[[override]]``: matching findings get another ``severity``; None ignores them.

    It matches findings at ``paths``, on ``resources`` and of ``rules``; an empty selector matches everything. ``place``
    is the name in messages, ``line`` its line (0 if unknown). ``until`` is its last valid day (ISO 8601), or empty. An
    override with a ``fault`` has no effect.
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
