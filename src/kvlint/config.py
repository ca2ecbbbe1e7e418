"""What a run is asked to do, in one place."""

from __future__ import annotations

import msgspec

from kvlint.model.rule import Severity


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one run.

    ``select`` and ``ignore`` are rule ids or beginnings of ids; no ``select`` means all. ``min_severity`` hides what is
    less severe; ``fail_on`` decides the exit code, ``strict`` makes undecided questions count for it too. Without
    ``explain`` undecided questions are counted, but nobody is told what is not known. ``parameters`` are files for all
    templates, instead of those that their names say. ``jobs``: how many processes; 0 for as many as pay.
    """

    paths: tuple[str, ...]
    parameters: tuple[str, ...] = ()
    jobs: int = 0
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    min_severity: Severity = Severity.INFO
    fail_on: Severity = Severity.INFO
    strict: bool = False
    explain: bool = True
