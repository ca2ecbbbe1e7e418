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
    """An option: its ``names``, the field of Arguments that it sets, and its ``help``, 60 characters at most.

    ``takes_value``: it has a value, of the kind that ``metavar`` names in the help; ``many``: any number of them.
    ``commands`` are those that have it; the ``configured`` ones (None: all) also read it from the environment and from
    configuration files. ``kind`` is the type of its value: text, path (a file or folder), format (``NAME`` or
    ``NAME=FILE``), number, day, severity, threshold (a severity or none), profile or settings
    (``RULE.parameter=value``).
    """

    names: tuple[str, ...]
    field: str
    help: str
    metavar: str = ""
    takes_value: bool = True
    many: bool = False
    commands: tuple[str, ...] = ("check", "controls", "suppressions")
    kind: str = "text"
    configured: tuple[str, ...] | None = None

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
    vaults: tuple[str, ...] = ()
    principals: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    maximums: tuple[str, ...] = ()
    denials: tuple[str, ...] = ()
    explicit_fields: frozenset[str] = frozenset()


_CHECK, _CONTROLS, _SUPPRESSIONS, _NONE = ("check",), ("controls",), ("suppressions",), ()
_WITH_RULES, _WITH_RESULTS = ("check", "suppressions"), ("check", "controls")
_ACCESS, _EVERY = ("access",), ("check", "controls", "suppressions", "access")
OPTIONS = (
    Option(
        ("--framework",),
        "frameworks",
        "Assess these control frameworks (default: key-vault).",
        metavar="FRAMEWORK",
        many=True,
        commands=_CONTROLS,
    ),
    Option(
        ("--format", "-f"),
        "formats",
        "Write text, json, sarif or others; FORMAT=FILE to a file.",
        metavar="FORMAT",
        many=True,
        commands=_CHECK,
        kind="format",
    ),
    Option(
        ("--format", "-f"),
        "formats",
        "Write text, json, markdown or html; FORMAT=FILE to a file.",
        metavar="FORMAT",
        many=True,
        commands=_CONTROLS,
        configured=_NONE,
    ),
    Option(
        ("--sarif-include",),
        "sarif_include",
        "Add suppressed, unknown or passed results to SARIF.",
        metavar="RESULTS",
        many=True,
        commands=_CHECK,
    ),
    Option(
        ("--sarif-category",),
        "sarif_category",
        "Name this analysis among others of the same commit.",
        metavar="NAME",
        commands=_CHECK,
    ),
    Option(
        ("--sarif-root-uri",),
        "sarif_root_uri",
        "Set the base URI (file:///...) of paths in SARIF.",
        metavar="URI",
        commands=_CHECK,
        configured=_NONE,
    ),
    Option(
        ("--format", "-f"),
        "formats",
        "Write text or json; FORMAT=FILE to a file.",
        metavar="FORMAT",
        many=True,
        commands=_SUPPRESSIONS,
        configured=_NONE,
    ),
    Option(
        ("--format", "-f"),
        "formats",
        "Write text, json, markdown, html or csv; or FORMAT=FILE.",
        metavar="FORMAT",
        many=True,
        commands=_ACCESS,
        configured=_NONE,
    ),
    Option(
        ("--vault",),
        "vaults",
        "Report only this key vault or managed HSM.",
        metavar="NAME",
        many=True,
        commands=_ACCESS,
        configured=_NONE,
    ),
    Option(
        ("--principal",),
        "principals",
        "Report only this principal.",
        metavar="PRINCIPAL",
        many=True,
        commands=_ACCESS,
        configured=_NONE,
    ),
    Option(
        ("--permission",),
        "permissions",
        "Report only this permission, such as secrets/get.",
        metavar="PERMISSION",
        many=True,
        commands=_ACCESS,
        configured=_NONE,
    ),
    Option(
        ("--max",),
        "maximums",
        "Exit with 1 if more than N principals have a permission.",
        metavar="PERMISSION=N",
        many=True,
        commands=_ACCESS,
        configured=_NONE,
    ),
    Option(
        ("--deny",),
        "denials",
        "Exit with 1 if any principal has this permission.",
        metavar="PERMISSION",
        many=True,
        commands=_ACCESS,
        configured=_NONE,
    ),
    Option(
        ("--output", "-o"),
        "output",
        "Write the report to FILE instead of stdout.",
        metavar="FILE",
        kind="path",
        configured=_CHECK,
        commands=_EVERY,
    ),
    Option(
        ("--select",),
        "select",
        "Run only these rules: IDs, prefixes, categories or names.",
        metavar="RULE",
        many=True,
        commands=_WITH_RULES,
    ),
    Option(
        ("--ignore",),
        "ignore",
        "Skip these rules: IDs, prefixes, categories or names.",
        metavar="RULE",
        many=True,
        commands=_WITH_RULES,
    ),
    Option(
        ("--profile",),
        "profiles",
        "Run a rule set: default, strict, cmk, all or a framework.",
        metavar="PROFILE",
        many=True,
        commands=_WITH_RULES,
        kind="profile",
    ),
    Option(
        ("--set",),
        "settings",
        "Set a rule's parameter, such as KV003.minimum=30.",
        metavar="RULE.NAME=VALUE",
        many=True,
        kind="settings",
    ),
    Option(("--rules",), "rules", "Add custom rules from a file or folder.", metavar="FILE", many=True, kind="path"),
    Option(
        ("--parameters",),
        "parameters",
        "Use this parameter file for all templates.",
        metavar="FILE",
        many=True,
        kind="path",
        commands=_EVERY,
    ),
    Option(
        ("--var",),
        "variables",
        "Set a variable of the Terraform root modules.",
        metavar="NAME=VALUE",
        many=True,
        commands=_EVERY,
    ),
    Option(
        ("--var-file",),
        "variable_files",
        "Read variables of the Terraform root modules from FILE.",
        metavar="FILE",
        many=True,
        kind="path",
        commands=_EVERY,
    ),
    Option(
        ("--closed",),
        "closed",
        "Treat unset variables of uncalled modules as final.",
        takes_value=False,
        commands=_EVERY,
    ),
    Option(
        ("--source-root",),
        "source_root",
        "Map a plan to the root module in this folder.",
        metavar="FOLDER",
        kind="path",
        commands=_EVERY,
    ),
    Option(("--as-of",), "as_of", "Evaluate expiry dates as of DATE (default: today).", metavar="DATE", kind="day"),
    Option(("--jobs", "-j"), "jobs", "Run N processes (0: automatic).", metavar="N", kind="number"),
    Option(
        ("--exclude",),
        "exclude",
        "Skip files and folders that match this glob.",
        metavar="GLOB",
        many=True,
        commands=_EVERY,
    ),
    Option(
        ("--extend-exclude",),
        "extend_exclude",
        "Skip more files and folders than --exclude lists.",
        metavar="GLOB",
        many=True,
        commands=_EVERY,
    ),
    Option(
        ("--min-severity",),
        "min_severity",
        "Report only findings of this severity or higher.",
        metavar="SEVERITY",
        commands=_CHECK,
        kind="severity",
    ),
    Option(
        ("--fail-on",),
        "fail_on",
        "Exit with 1 from this severity on; none: never.",
        metavar="SEVERITY",
        commands=_CHECK,
        kind="threshold",
    ),
    Option(("--strict",), "strict", "Count unknown results as findings.", takes_value=False, commands=_CHECK),
    Option(
        ("--strict",),
        "strict",
        "Exit with 1 for unknown controls too.",
        takes_value=False,
        commands=_CONTROLS,
    ),
    Option(
        ("--strict",),
        "strict",
        "Count possible access for --max and --deny too.",
        takes_value=False,
        commands=_ACCESS,
        configured=_NONE,
    ),
    Option(
        ("--no-ignores",),
        "no_ignores",
        "Ignore all suppressions.",
        takes_value=False,
        commands=_WITH_RESULTS,
    ),
    Option(
        ("--respect-peer-suppressions",),
        "respect_peer_suppressions",
        "Respect skip comments for Checkov, tfsec, Trivy and KICS.",
        takes_value=False,
    ),
    Option(
        ("--from",),
        "peer_tools",
        "List skip comments for checkov, tfsec, trivy or kics.",
        metavar="TOOL",
        many=True,
        commands=_SUPPRESSIONS,
        configured=_NONE,
    ),
    Option(
        ("--include-tests",),
        "include_tests",
        "Count findings in folders of tests and examples.",
        takes_value=False,
        commands=_CHECK,
    ),
    Option(
        ("--test-folders",),
        "test_folders",
        "Set the globs of folders of tests and examples.",
        metavar="GLOB",
        many=True,
        commands=_CHECK,
    ),
    Option(
        ("--baseline",),
        "baseline",
        "Report only findings that are not in FILE.",
        metavar="FILE",
        commands=_CHECK,
        kind="path",
    ),
    Option(
        ("--write-baseline",),
        "write_baseline",
        "Write all findings to FILE, for --baseline.",
        metavar="FILE",
        commands=_CHECK,
        kind="path",
        configured=_NONE,
    ),
    Option(("--quiet", "-q"), "quiet", "Print only findings.", takes_value=False, commands=_CHECK),
    Option(("--verbose", "-v"), "verbose", "Print evidence, reasons and fixes.", takes_value=False, commands=_CHECK),
    Option(
        ("--statistics",), "statistics", "Print the number of findings by rule.", takes_value=False, commands=_CHECK
    ),
    Option(
        ("--show-suppressed",),
        "show_suppressed",
        "List suppressed findings in text and Markdown.",
        takes_value=False,
        commands=_CHECK,
    ),
    Option(
        ("--show-unknown",),
        "show_unknown",
        "List every unknown result, not only their causes.",
        takes_value=False,
        commands=_CHECK,
    ),
    Option(
        ("--summary-file",),
        "summary_file",
        "Append a summary in Markdown to FILE.",
        metavar="FILE",
        commands=_CHECK,
        configured=_NONE,
    ),
    Option(
        ("--exit-zero",),
        "exit_zero",
        "Exit with 0 despite findings (3 if incomplete).",
        takes_value=False,
        commands=_CHECK,
        configured=_NONE,
    ),
    Option(
        ("--color",),
        "color",
        "Color the output: auto, always or never.",
        metavar="WHEN",
        commands=_WITH_RESULTS,
        configured=_NONE,
    ),
    Option(
        ("--stdin-filename",),
        "stdin_filename",
        "Treat standard input as this file.",
        metavar="FILE",
        commands=_CHECK,
        configured=_NONE,
    ),
    Option(
        ("--watch",),
        "watch",
        "Check again after each change, until Ctrl-C.",
        takes_value=False,
        commands=_CHECK,
        configured=_NONE,
    ),
    Option(
        ("--config",),
        "config",
        "Read the configuration from FILE.",
        metavar="FILE",
        kind="path",
        configured=_NONE,
        commands=_EVERY,
    ),
    Option(
        ("--isolated",), "isolated", "Read no configuration file.", takes_value=False, configured=_NONE, commands=_EVERY
    ),
    Option(
        ("--show-settings",),
        "show_settings",
        "Print all settings with their sources, and exit.",
        takes_value=False,
        configured=_NONE,
        commands=_EVERY,
    ),
)
COMMANDS = ("check", "access", "controls", "suppressions", "explain", "rules", "graph", "schema")
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
