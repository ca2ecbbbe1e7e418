"""The options of the command line as data, and a parser for the common case.

The parser handles plain ``kvlint [check] PATH...`` command lines. Everything else (help, other commands, mistakes) is
left to ``cli``, whose library takes longer to import than a small plan takes to check. A test compares the two.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import msgspec


class Option(msgspec.Struct, frozen=True):
    """An option: its ``names``, its ``panel`` in the help, the field of Arguments that it sets, and its ``help``.

    The help has 60 characters at most. Panels and their options are in the order in which a new user needs them.
    ``takes_value``: it has a value, of the kind that ``metavar`` names in the help; ``many``: any number of them.
    ``commands`` are those that have it; the ``configured`` ones (None: all) read it from the environment too and, if it
    is ``in_files``, from configuration files. ``kind`` is the type of its value: text, path (a file or folder), format
    (``NAME`` or ``NAME=FILE``), number, day, severity, threshold (a severity or none), profile or settings
    (``RULE.parameter=value``).
    """

    names: tuple[str, ...]
    panel: str
    field: str
    help: str
    metavar: str = ""
    takes_value: bool = True
    many: bool = False
    commands: tuple[str, ...] = ("check", "controls", "suppressions")
    kind: str = "text"
    configured: tuple[str, ...] | None = None
    in_files: bool = True

    @property
    def key(self) -> str:
        """Return its key in configuration files: ``min-severity``."""
        return self.names[0].removeprefix("--")

    @property
    def variable(self) -> str:
        """Return its environment variable: ``KVLINT_MIN_SEVERITY``."""
        return f"KVLINT_{self.key.replace('-', '_').upper()}"

    def is_configured(self, command: str) -> bool:
        """Return whether ``command`` also reads it from the environment and from configuration files."""
        return command in (self.commands if self.configured is None else self.configured)


class Arguments(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of a command line, not validated. ``formats`` are ``NAME`` or ``NAME=FILE``.

    ``explicit_fields`` are the fields that the command line sets, even to their default values.
    """

    paths: tuple[str, ...] = ()
    frameworks: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    sarif_include: tuple[str, ...] = ()
    sarif_category: str = ""
    sarif_root_uri: str = ""
    output: str = ""
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    variable_files: tuple[str, ...] = ()
    closed: bool = False
    source_root: str = ""
    as_of: str = ""
    jobs: str = "0"
    cache_dir: str = ""
    no_cache: bool = False
    cache_by: str = "time"
    min_severity: str = "info"
    fail_on: str = "info"
    strict: bool = False
    quiet: bool = False
    verbose: bool = False
    statistics: bool = False
    show_suppressed: bool = False
    show_unknown: bool = False
    summary_file: str = ""
    exit_zero: bool = False
    watch: bool = False
    stdin_filename: str = ""
    color: str = "auto"
    exclude: tuple[str, ...] = ()
    extend_exclude: tuple[str, ...] = ()
    config: str = ""
    isolated: bool = False
    show_settings: bool = False
    no_ignores: bool = False
    respect_peer_suppressions: bool = False
    peer_tools: tuple[str, ...] = ()
    test_folders: tuple[str, ...] = ()
    include_tests: bool = False
    baseline: str = ""
    write_baseline: str = ""
    inputs_from: tuple[str, ...] = ()
    out: str = ""
    scheduler: str = ""
    workers: str = "0"
    timeout: str = "900"
    resume: bool = False
    vaults: tuple[str, ...] = ()
    principals: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    maximums: tuple[str, ...] = ()
    denials: tuple[str, ...] = ()
    output_language: str = ""
    built_in_roles: bool = False
    gates: tuple[str, ...] = ()
    explicit_fields: frozenset[str] = frozenset()


_CHECK, _CONTROLS, _SUPPRESSIONS, _NONE = ("check",), ("controls",), ("suppressions",), ()
_FLEET = ("fleet",)
_WITH_RULES, _WITH_RESULTS = ("check", "suppressions", "fleet", "diff"), ("check", "controls", "fleet", "diff")
_ACCESS, _MIGRATION, _DIFF = ("access",), ("migrate-rbac",), ("diff",)
_NOT_FLEET = ("check", "controls", "suppressions", "access", "migrate-rbac", "diff")
_WITH_FINDINGS, _NOT_ACCESS = ("check", "fleet"), ("check", "controls", "suppressions", "fleet", "diff")
_OF_FINDINGS = ("check", "fleet", "diff")
_EVERY = ("check", "controls", "suppressions", "fleet", "access", "migrate-rbac", "diff")
_INPUT, _RULES, _OUTPUT, _EXIT = "Input", "Rules", "Output", "Exit code"
_BASELINE, _SARIF, _RUN = "Baseline and suppressions", "SARIF", "General"
OPTIONS = (
    Option(
        ("--inputs-from",),
        _INPUT,
        "inputs_from",
        "Read more inputs from FILE, one on each line.",
        metavar="FILE",
        many=True,
        commands=_FLEET,
        kind="path",
        configured=_NONE,
    ),
    Option(
        ("--parameters",),
        _INPUT,
        "parameters",
        "Use this parameter file for all templates.",
        metavar="FILE",
        many=True,
        kind="path",
        commands=_NOT_FLEET,
    ),
    Option(
        ("--var",),
        _INPUT,
        "variables",
        "Set a variable of the Terraform root modules.",
        metavar="NAME=VALUE",
        many=True,
        commands=_NOT_FLEET,
    ),
    Option(
        ("--var-file",),
        _INPUT,
        "variable_files",
        "Read variables of the Terraform root modules from FILE.",
        metavar="FILE",
        many=True,
        kind="path",
        commands=_NOT_FLEET,
    ),
    Option(
        ("--exclude",),
        _INPUT,
        "exclude",
        "Skip files and folders that match this glob.",
        metavar="GLOB",
        many=True,
        commands=_EVERY,
    ),
    Option(
        ("--extend-exclude",),
        _INPUT,
        "extend_exclude",
        "Skip more files and folders than --exclude lists.",
        metavar="GLOB",
        many=True,
        commands=_EVERY,
    ),
    Option(
        ("--stdin-filename",),
        _INPUT,
        "stdin_filename",
        "Treat standard input as this file.",
        metavar="FILE",
        commands=_CHECK,
        configured=_NONE,
    ),
    Option(
        ("--source-root",),
        _INPUT,
        "source_root",
        "Map a plan to the root module in this folder.",
        metavar="FOLDER",
        kind="path",
        commands=_NOT_FLEET,
    ),
    Option(
        ("--closed",),
        _INPUT,
        "closed",
        "Treat unset variables of uncalled modules as final.",
        takes_value=False,
        commands=_NOT_FLEET,
    ),
    Option(
        ("--framework",),
        _RULES,
        "frameworks",
        "Assess these control frameworks (default: key-vault).",
        metavar="FRAMEWORK",
        many=True,
        commands=_CONTROLS,
    ),
    Option(
        ("--select",),
        _RULES,
        "select",
        "Run only these rules: IDs, prefixes, categories or names.",
        metavar="RULE",
        many=True,
        commands=_WITH_RULES,
    ),
    Option(
        ("--ignore",),
        _RULES,
        "ignore",
        "Skip these rules: IDs, prefixes, categories or names.",
        metavar="RULE",
        many=True,
        commands=_WITH_RULES,
    ),
    Option(
        ("--profile",),
        _RULES,
        "profiles",
        "Run a rule set: default, strict, cmk, all or a framework.",
        metavar="PROFILE",
        many=True,
        commands=_WITH_RULES,
        kind="profile",
    ),
    Option(
        ("--set",),
        _RULES,
        "settings",
        "Set a rule's parameter, such as KV003.minimum=30.",
        metavar="RULE.NAME=VALUE",
        many=True,
        commands=_NOT_ACCESS,
        kind="settings",
    ),
    Option(
        ("--rules",),
        _RULES,
        "rules",
        "Add custom rules from a file or folder.",
        metavar="FILE",
        many=True,
        commands=_NOT_ACCESS,
        kind="path",
    ),
    Option(
        ("--as-of",),
        _RULES,
        "as_of",
        "Evaluate expiry dates as of DATE (default: today).",
        metavar="DATE",
        commands=_NOT_ACCESS,
        kind="day",
    ),
    Option(
        ("--out",),
        _OUTPUT,
        "out",
        "Write the results to FOLDER.",
        metavar="FOLDER",
        commands=_FLEET,
        kind="path",
        configured=_NONE,
    ),
    Option(
        ("--resume",),
        _OUTPUT,
        "resume",
        "Continue an interrupted run in the folder of --out.",
        takes_value=False,
        commands=_FLEET,
        configured=_NONE,
    ),
    Option(
        ("--vault",),
        _OUTPUT,
        "vaults",
        "Report only this key vault or managed HSM.",
        metavar="NAME",
        many=True,
        commands=_ACCESS,
        configured=_NONE,
    ),
    Option(
        ("--vault",),
        _OUTPUT,
        "vaults",
        "Report only this key vault.",
        metavar="NAME",
        many=True,
        commands=_MIGRATION,
        configured=_NONE,
    ),
    Option(
        ("--principal",),
        _OUTPUT,
        "principals",
        "Report only this principal.",
        metavar="PRINCIPAL",
        many=True,
        commands=_MIGRATION,
        configured=_NONE,
    ),
    Option(
        ("--output-language",),
        _OUTPUT,
        "output_language",
        "Write terraform or bicep code (default: as the input).",
        metavar="LANGUAGE",
        commands=_MIGRATION,
        configured=_NONE,
    ),
    Option(
        ("--built-in-roles",),
        _OUTPUT,
        "built_in_roles",
        "Use no custom roles, whatever the surplus is.",
        takes_value=False,
        commands=_MIGRATION,
        configured=_NONE,
    ),
    Option(
        ("--format", "-f"),
        _OUTPUT,
        "formats",
        "Write text, json or code; or FORMAT=FILE.",
        metavar="FORMAT",
        many=True,
        commands=_MIGRATION,
        configured=_NONE,
    ),
    Option(
        ("--principal",),
        _OUTPUT,
        "principals",
        "Report only this principal.",
        metavar="PRINCIPAL",
        many=True,
        commands=_ACCESS,
        configured=_NONE,
    ),
    Option(
        ("--permission",),
        _OUTPUT,
        "permissions",
        "Report only this permission, such as secrets/get.",
        metavar="PERMISSION",
        many=True,
        commands=_ACCESS,
        configured=_NONE,
    ),
    Option(
        ("--format", "-f"),
        _OUTPUT,
        "formats",
        "Write text, json, sarif or others; FORMAT=FILE to a file.",
        metavar="FORMAT",
        many=True,
        commands=_CHECK,
        kind="format",
    ),
    Option(
        ("--format", "-f"),
        _OUTPUT,
        "formats",
        "Write text, json, markdown or html; FORMAT=FILE to a file.",
        metavar="FORMAT",
        many=True,
        commands=_CONTROLS,
        configured=_NONE,
    ),
    Option(
        ("--format", "-f"),
        _OUTPUT,
        "formats",
        "Write text or json; FORMAT=FILE to a file.",
        metavar="FORMAT",
        many=True,
        commands=_SUPPRESSIONS,
        configured=_NONE,
    ),
    Option(
        ("--format", "-f"),
        _OUTPUT,
        "formats",
        "Write text, json, markdown, html or csv; or FORMAT=FILE.",
        metavar="FORMAT",
        many=True,
        commands=_ACCESS,
        configured=_NONE,
    ),
    Option(
        ("--format", "-f"),
        _OUTPUT,
        "formats",
        "Write text, json, markdown or sarif; or FORMAT=FILE.",
        metavar="FORMAT",
        many=True,
        commands=_DIFF,
        configured=_NONE,
    ),
    Option(
        ("--output", "-o"),
        _OUTPUT,
        "output",
        "Write the report to FILE instead of stdout.",
        metavar="FILE",
        kind="path",
        configured=_CHECK,
        commands=_NOT_FLEET,
    ),
    Option(
        ("--verbose", "-v"),
        _OUTPUT,
        "verbose",
        "Print evidence, reasons and fixes.",
        takes_value=False,
        commands=_CHECK,
    ),
    Option(("--quiet", "-q"), _OUTPUT, "quiet", "Print only findings.", takes_value=False, commands=_CHECK),
    Option(
        ("--show-unknown",),
        _OUTPUT,
        "show_unknown",
        "List every unknown result, not only their causes.",
        takes_value=False,
        commands=_CHECK,
    ),
    Option(
        ("--show-suppressed",),
        _OUTPUT,
        "show_suppressed",
        "List suppressed findings in text and Markdown.",
        takes_value=False,
        commands=_CHECK,
    ),
    Option(
        ("--statistics",),
        _OUTPUT,
        "statistics",
        "Print the number of findings by rule.",
        takes_value=False,
        commands=_CHECK,
    ),
    Option(
        ("--summary-file",),
        _OUTPUT,
        "summary_file",
        "Append a summary in Markdown to FILE.",
        metavar="FILE",
        commands=_CHECK,
        configured=_NONE,
    ),
    Option(
        ("--color",),
        _OUTPUT,
        "color",
        "Color the output: auto, always or never.",
        metavar="WHEN",
        commands=("check", "controls"),
        configured=_NONE,
    ),
    Option(
        ("--max",),
        _EXIT,
        "maximums",
        "Exit with 1 if more than N principals have a permission.",
        metavar="PERMISSION=N",
        many=True,
        commands=_ACCESS,
        configured=_NONE,
    ),
    Option(
        ("--deny",),
        _EXIT,
        "denials",
        "Exit with 1 if any principal has this permission.",
        metavar="PERMISSION",
        many=True,
        commands=_ACCESS,
        configured=_NONE,
    ),
    Option(
        ("--min-severity",),
        _EXIT,
        "min_severity",
        "Report only findings of this severity or higher.",
        metavar="SEVERITY",
        commands=_OF_FINDINGS,
        kind="severity",
    ),
    Option(
        ("--fail-on",),
        _EXIT,
        "fail_on",
        "Exit with 1 from this severity on; none: never.",
        metavar="SEVERITY",
        commands=_WITH_FINDINGS,
        kind="threshold",
    ),
    Option(
        ("--fail-on",),
        _EXIT,
        "gates",
        "Exit with 1 for these differences, such as new:high.",
        metavar="GATE",
        many=True,
        commands=_DIFF,
        configured=_NONE,
    ),
    Option(
        ("--strict",),
        _EXIT,
        "strict",
        "Count unknown results as findings.",
        takes_value=False,
        commands=_OF_FINDINGS,
    ),
    Option(
        ("--strict",), _EXIT, "strict", "Exit with 1 for unknown controls too.", takes_value=False, commands=_CONTROLS
    ),
    Option(
        ("--strict",),
        _EXIT,
        "strict",
        "Count possible access for --max and --deny too.",
        takes_value=False,
        commands=_ACCESS,
        configured=_NONE,
    ),
    Option(
        ("--exit-zero",),
        _EXIT,
        "exit_zero",
        "Exit with 0 despite findings (3 if incomplete).",
        takes_value=False,
        commands=_CHECK,
        configured=_NONE,
    ),
    Option(
        ("--baseline",),
        _BASELINE,
        "baseline",
        "Report only findings that are not in FILE.",
        metavar="FILE",
        commands=_CHECK,
        kind="path",
    ),
    Option(
        ("--write-baseline",),
        _BASELINE,
        "write_baseline",
        "Write all findings to FILE, for --baseline.",
        metavar="FILE",
        commands=_CHECK,
        kind="path",
        configured=_NONE,
    ),
    Option(
        ("--no-ignores",),
        _BASELINE,
        "no_ignores",
        "Ignore all suppressions.",
        takes_value=False,
        commands=_WITH_RESULTS,
    ),
    Option(
        ("--respect-peer-suppressions",),
        _BASELINE,
        "respect_peer_suppressions",
        "Respect skip comments for Checkov, tfsec, Trivy and KICS.",
        takes_value=False,
        commands=_NOT_ACCESS,
    ),
    Option(
        ("--from",),
        _BASELINE,
        "peer_tools",
        "List skip comments for checkov, tfsec, trivy or kics.",
        metavar="TOOL",
        many=True,
        commands=_SUPPRESSIONS,
        configured=_NONE,
    ),
    Option(
        ("--include-tests",),
        _BASELINE,
        "include_tests",
        "Count findings in folders of tests and examples.",
        takes_value=False,
        commands=_OF_FINDINGS,
    ),
    Option(
        ("--test-folders",),
        _BASELINE,
        "test_folders",
        "Set the globs of folders of tests and examples.",
        metavar="GLOB",
        many=True,
        commands=_OF_FINDINGS,
    ),
    Option(
        ("--sarif-include",),
        _SARIF,
        "sarif_include",
        "Add results (suppressed, unknown, passed) or rules to SARIF.",
        metavar="CONTENT",
        many=True,
        commands=_CHECK,
    ),
    Option(
        ("--sarif-category",),
        _SARIF,
        "sarif_category",
        "Name this analysis among others of the same commit.",
        metavar="NAME",
        commands=_CHECK,
    ),
    Option(
        ("--sarif-root-uri",),
        _SARIF,
        "sarif_root_uri",
        "Set the base URI (file:///...) of paths in SARIF.",
        metavar="URI",
        commands=_CHECK,
        configured=_NONE,
    ),
    Option(
        ("--config",),
        _RUN,
        "config",
        "Read the configuration from FILE.",
        metavar="FILE",
        commands=_EVERY,
        kind="path",
        configured=_NONE,
    ),
    Option(
        ("--isolated",),
        _RUN,
        "isolated",
        "Read no configuration file.",
        takes_value=False,
        configured=_NONE,
        commands=_NOT_FLEET,
    ),
    Option(
        ("--show-settings",),
        _RUN,
        "show_settings",
        "Print all settings with their sources, and exit.",
        takes_value=False,
        configured=_NONE,
        commands=_NOT_FLEET,
    ),
    Option(
        ("--scheduler",),
        _RUN,
        "scheduler",
        "Run on the Dask cluster at this address (tcp:// or tls://).",
        metavar="ADDRESS",
        commands=_FLEET,
        configured=_NONE,
    ),
    Option(
        ("--workers",),
        _RUN,
        "workers",
        "Run N worker processes (0: one for each processor).",
        metavar="N",
        commands=_FLEET,
        kind="number",
        configured=_NONE,
    ),
    Option(
        ("--timeout",),
        _RUN,
        "timeout",
        "Stop an input after N seconds (default: 900).",
        metavar="N",
        commands=_FLEET,
        kind="number",
        configured=_NONE,
    ),
    Option(
        ("--jobs", "-j"),
        _RUN,
        "jobs",
        "Run N processes (0: automatic).",
        metavar="N",
        kind="number",
        commands=("check", "controls", "suppressions", "diff"),
    ),
    # A configuration file of a checkout must not choose where results come from.
    Option(
        ("--cache-dir",),
        _RUN,
        "cache_dir",
        "Read and write results of earlier runs in FOLDER.",
        metavar="FOLDER",
        in_files=False,
    ),
    Option(
        ("--no-cache",),
        _RUN,
        "no_cache",
        "Ignore results of earlier runs, and keep none.",
        takes_value=False,
        in_files=False,
    ),
    Option(
        ("--cache-by",),
        _RUN,
        "cache_by",
        "Set how files are compared: time (default) or content.",
        metavar="METHOD",
        in_files=False,
    ),
    Option(
        ("--watch",),
        _RUN,
        "watch",
        "Check again after each change, until Ctrl-C.",
        takes_value=False,
        commands=_CHECK,
        configured=_NONE,
    ),
)
COMMANDS = (
    "check", "diff", "access", "migrate-rbac", "controls", "suppressions", "fleet", "explain", "rules", "graph",
    "schema",
)  # fmt: skip
_OF_CHECK = {name: option for option in OPTIONS if _CHECK[0] in option.commands for name in option.names}


def mistyped_command(words: Sequence[str]) -> str:
    """Return the command that the first word misspells; "" if it is a command, an option or a path."""
    if not words or words[0] in COMMANDS or words[0].startswith("-") or os.path.lexists(words[0]):
        return ""
    from difflib import get_close_matches

    return next(iter(get_close_matches(words[0], COMMANDS, 1)), "")


def plain_arguments(words: Sequence[str]) -> Arguments | None:
    """Return the arguments of a plain ``kvlint [check] PATH...``; None for any other command line."""
    fields: dict[str, Any] = {}
    paths: list[str] = []
    remaining = list(words[1:] if words[:1] == ["check"] else words)
    while remaining:
        word = remaining.pop(0)
        if word == "-" or not word.startswith("-"):
            paths.append(word)
            continue
        name, equals, value = word.partition("=")
        option = _OF_CHECK.get(name)
        if option is None or (equals and (not option.takes_value or not name.startswith("--"))):
            return None
        if not option.takes_value:
            fields[option.field] = True
            continue
        if not equals:
            if not remaining or (remaining[0].startswith("-") and remaining[0] != "-"):
                return None
            value = remaining.pop(0)
        fields[option.field] = (*fields.get(option.field, ()), value) if option.many else value
    if not paths or (words[:1] != ["check"] and paths[0] in COMMANDS):
        return None
    return Arguments(paths=tuple(paths), explicit_fields=frozenset(fields), **fields)
