"""The configuration of a run."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Literal, TypeAlias

import msgspec

from azkvlint.model.rule import Severity
from azkvlint.model.suppression import Override

Tool: TypeAlias = Literal["", "terraform", "opentofu"]


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """A message about the settings of a run, and about ``file`` ("": none)."""

    code: str
    level: str
    message: str
    hint: str = ""
    file: str = ""


class CheckSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that decide the results of a check. Together with the paths they are the input of ``azkvlint.lint``.

    ``select`` and ``ignore`` are ids of rules, prefixes of ids, names or categories; an empty ``select`` means all
    rules of the ``profiles``. ``rules`` are files or folders with custom rules.
    ``settings`` (``RULE.parameter=value``) replace the defaults of parameters. ``min_severity`` hides less severe
    results; ``fail_on`` (None: no finding) decides the exit code, and with ``strict`` unknown results count too.
    Without ``explain``, unknown results are counted, without reasons.

    ``parameters`` are parameter files for all templates, instead of those with matching names. ``variables``
    (``NAME=VALUE``) and ``variable_files`` apply to all Terraform root modules; ``closed``: unset variables of an
    uncalled module are final. ``tool`` is the program that deploys, ``terraform`` or ``opentofu`` ("": not known, so
    modules are read as both read them). ``source_root`` is the folder of the root module of a plan, ``as_of`` the day
    that dates are compared with (ISO 8601; "": today). ``jobs`` is the number of processes (0: automatic).

    With ``no_ignores``, all suppressions are ignored. Findings in folders of tests do not count for the exit code,
    unless ``include_tests``. Findings in the file ``baseline`` are not reported.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    variable_files: tuple[str, ...] = ()
    closed: bool = False
    tool: Tool = ""
    source_root: str = ""
    as_of: str = ""
    jobs: int = 1
    min_severity: Severity = Severity.INFO
    fail_on: Severity | None = Severity.INFO
    strict: bool = False
    explain: bool = True
    no_ignores: bool = False
    include_tests: bool = False
    baseline: str = ""


class Config(CheckSettings, frozen=True, kw_only=True):
    """The configuration of one run: its settings, and what only the command line and configuration files set.

    One root module has to declare each of the ``required_variables``, and ``required_variable_files`` require one to
    exist. ``exclude`` are globs of paths that are not read, each with its base folder ("": the current folder and each
    input). ``show_unknown``: text lists each unknown result. ``with_controls``: results that pass are also reported,
    with their vaults. ``are_rules_found``: a configuration file that was discovered names ``rules``. Comments for
    ``peer_tools`` suppress findings too. ``test_folders`` are globs, each with its base folder (None: the usual names).
    ``default_worlds`` are templates and folders of root modules (real paths) that are evaluated with the defaults of
    their parameters too, whatever parameter files they have and whatever calls them. ``unread_files`` are variable
    files (real paths) that are not read.
    Without ``second_opinions``, no second parser reads files with syntax errors. Without ``with_excerpts``, findings
    have none, which saves the search for the secrets in their lines. ``with_references``: the resources that those with
    results refer to are recorded.
    ``outputs`` are the files that are written; they cannot be inputs. ``overrides`` are those of the configuration
    ``file``, whose path in messages is ``display_path``; their paths start from ``base``. ``notices`` are reported as
    problems.
    """

    paths: tuple[str, ...]
    jobs: int = 0
    required_variables: frozenset[str] = frozenset()
    required_variable_files: tuple[str, ...] = ()
    exclude: tuple[tuple[str, str], ...] = ()
    are_rules_found: bool = False
    show_unknown: bool = False
    with_controls: bool = False
    peer_tools: tuple[str, ...] = ()
    test_folders: tuple[tuple[str, str], ...] | None = None
    second_opinions: bool = True
    with_excerpts: bool = True
    with_references: bool = False
    default_worlds: frozenset[str] = frozenset()
    unread_files: frozenset[str] = frozenset()
    outputs: tuple[str, ...] = ()
    file: str = ""
    display_path: str = ""
    base: str = ""
    overrides: tuple[Override, ...] = ()
    notices: tuple[Notice, ...] = ()


def today(config: Config) -> date:
    """Return the day that dates are compared with."""
    return date.fromisoformat(config.as_of) if config.as_of else datetime.now(UTC).date()
