"""What a run is asked to do, in one place."""

from __future__ import annotations

from datetime import UTC, date, datetime

import msgspec

from azkvlint.model.rule import Severity
from azkvlint.model.severity_override import Override


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be said of the settings of a run, and of which ``file`` ("": none)."""

    code: str
    level: str
    message: str
    hint: str = ""
    file: str = ""


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one run.

    ``select`` and ``ignore`` are rule ids or beginnings of ids; no ``select`` means all of the ``profiles``.
    ``settings`` (``RULE.parameter=value``) take the place of parameters' defaults. ``min_severity`` hides what is
    less severe; ``fail_on`` decides the exit code, ``strict`` makes undecided questions count for it too. Without
    ``explain`` unknown results are counted, without their reasons; ``with_controls``: results that pass are reported
    too, with their vaults. ``are_rules_found``: a configuration file that the user did not name names ``rules``.

    ``parameters`` are files for all templates, instead of those that their names say. ``variables`` (``NAME=VALUE``)
    and ``variable_files`` are given to all Terraform root modules; ``closed``: a module that nobody calls says
    everything. ``source_root`` is the folder of the root module that plans were made from, ``as_of`` the day that
    counts as today (ISO 8601). ``jobs``: how many processes; 0 for as many as pay. ``exclude`` are globs, each with the
    folder that it starts from: what folders hold of it is not read.

    With ``no_ignores`` nothing suppresses a finding. Comments for ``peer_tools`` suppress findings too. Findings in
    ``test_folders`` (globs, each with the folder that it starts from; None: the usual names) do not count for the exit
    code, unless ``include_tests``. What the file ``baseline`` holds does not count. ``outputs``
    are the files that reports are written to; no input may be one of them. ``overrides`` are
    those of the configuration ``file``, which messages call ``shown``; their paths start from ``base``. ``notices`` are
    to be reported.
    """

    paths: tuple[str, ...]
    parameters: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    variable_files: tuple[str, ...] = ()
    closed: bool = False
    source_root: str = ""
    as_of: str = ""
    jobs: int = 0
    exclude: tuple[tuple[str, str], ...] = ()
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    are_rules_found: bool = False
    min_severity: Severity = Severity.INFO
    fail_on: Severity = Severity.INFO
    strict: bool = False
    explain: bool = True
    with_controls: bool = False
    no_ignores: bool = False
    peer_tools: tuple[str, ...] = ()
    test_folders: tuple[tuple[str, str], ...] | None = None
    include_tests: bool = False
    baseline: str = ""
    outputs: tuple[str, ...] = ()
    file: str = ""
    shown: str = ""
    base: str = ""
    overrides: tuple[Override, ...] = ()
    notices: tuple[Notice, ...] = ()


def today(config: Config) -> date:
    """Return the day that dates are held against."""
    return date.fromisoformat(config.as_of) if config.as_of else datetime.now(UTC).date()
