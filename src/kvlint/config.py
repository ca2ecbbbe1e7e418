"""What a run is asked to do, in one place."""

from __future__ import annotations

import msgspec

from kvlint.model.rule import Severity


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one run.

    ``select`` and ``ignore`` are rule ids or beginnings of ids; no ``select`` means all. ``min_severity`` hides what is
    less severe; ``fail_on`` decides the exit code, ``strict`` makes undecided questions count for it too. Without
    ``explain`` undecided questions are counted, but nobody is told what is not known.
    """

    paths: tuple[str, ...]
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    min_severity: Severity = Severity.INFO
    fail_on: Severity = Severity.INFO
    strict: bool = False
    explain: bool = True
