"""The options of the command line as data, and a parser for the common case.

The parser handles plain ``kvlint [check] PATH...`` command lines. Everything else (help, other commands, mistakes) is
left to ``cli``, whose library takes longer to import than a small plan takes to check. A test compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec


class Option(msgspec.Struct, frozen=True):
    """An option: its ``names``, the field of Arguments that it sets, whether it takes a value, and ``many`` of them.

    ``commands`` are those that have it; the ``configured`` ones (None: all) also read it from the environment and from
    configuration files. ``kind`` is the type of its value: text, path (a file or folder), format (``NAME`` or
    ``NAME=FILE``), number, day, severity, profile or settings (``RULE.parameter=value``).
    """

    names: tuple[str, ...]
    field: str
    help: str
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
    explicit_fields: frozenset[str] = frozenset()


_CHECK, _CONTROLS, _SUPPRESSIONS, _NONE = ("check",), ("controls",), ("suppressions",), ()
_WITH_RULES, _WITH_RESULTS = ("check", "suppressions"), ("check", "controls")
OPTIONS = (
    Option(
        ("--framework",),
        "frameworks",
        "key-vault, mcsb, cis-azure, nist-800-53, pci-dss, iso-27002, all, or a file of yours.",
        many=True,
        commands=_CONTROLS,
    ),
    Option(
        ("--format", "-f"),
        "formats",
        "text, concise, json, sarif, markdown, github, gitlab, azure, junit, rdjson or html; NAME=FILE writes to a "
        "file. May be repeated.",
        many=True,
        commands=_CHECK,
        kind="format",
    ),
    Option(
        ("--format", "-f"),
        "formats",
        "text, json, markdown or html; NAME=FILE writes to a file.",
        many=True,
        commands=_CONTROLS,
        configured=_NONE,
    ),
    Option(
        ("--sarif-include",),
        "sarif_include",
        "suppressed, unknown or passed: what a SARIF log for an audit holds besides findings.",
        many=True,
        commands=_CHECK,
    ),
    Option(
        ("--sarif-category",),
        "sarif_category",
        "What tells this analysis from others of the same commit in code scanning.",
        commands=_CHECK,
    ),
    Option(
        ("--sarif-root-uri",),
        "sarif_root_uri",
        "The file: URI of the folder that a SARIF log's paths start from; by default only in .sarif/.",
        commands=_CHECK,
        configured=_NONE,
    ),
    Option(
        ("--format", "-f"),
        "formats",
        "text or json; NAME=FILE writes to a file.",
        many=True,
        commands=_SUPPRESSIONS,
        configured=_NONE,
    ),
    Option(("--output", "-o"), "output", "The file to write to, instead of stdout.", kind="path", configured=_CHECK),
    Option(
        ("--select",),
        "select",
        "Only these rules: ids, their beginnings, ids of other tools.",
        many=True,
        commands=_WITH_RULES,
    ),
    Option(("--ignore",), "ignore", "Not these rules: ids or their beginnings.", many=True, commands=_WITH_RULES),
    Option(
        ("--profile",),
        "profiles",
        "default, strict, cmk or all: which rules are asked.",
        many=True,
        commands=_WITH_RULES,
        kind="profile",
    ),
    Option(("--set",), "settings", "RULE.parameter=value: a parameter of a rule.", many=True, kind="settings"),
    Option(("--rules",), "rules", "A folder or file of your own rules.", many=True, kind="path"),
    Option(
        ("--parameters",),
        "parameters",
        "Parameters of all templates, instead of those that their names say.",
        many=True,
        kind="path",
    ),
    Option(("--var",), "variables", "NAME=VALUE: a variable of the Terraform root modules.", many=True),
    Option(("--var-file",), "variable_files", "A .tfvars file for the Terraform root modules.", many=True, kind="path"),
    Option(("--closed",), "closed", "Judge a module that nobody calls as if it said everything.", takes_value=False),
    Option(("--source-root",), "source_root", "The folder of the root module that a plan was made from.", kind="path"),
    Option(("--as-of",), "as_of", "The day, YYYY-MM-DD, that dates are held against, instead of today.", kind="day"),
    Option(("--jobs", "-j"), "jobs", "How many processes; 0 for as many as pay.", kind="number"),
    Option(("--exclude",), "exclude", "A glob, as in .gitignore: what folders hold of it is passed over.", many=True),
    Option(("--extend-exclude",), "extend_exclude", "The same, added to what --exclude or a file says.", many=True),
    Option(("--min-severity",), "min_severity", "Show nothing less severe.", commands=_CHECK, kind="severity"),
    Option(("--fail-on",), "fail_on", "Exit with 1 from this severity on.", commands=_CHECK, kind="severity"),
    Option(("--strict",), "strict", "Unknown questions count as findings.", takes_value=False, commands=_CHECK),
    Option(
        ("--strict",),
        "strict",
        "Unknown rows make the exit code 1 too.",
        takes_value=False,
        commands=_CONTROLS,
    ),
    Option(
        ("--no-ignores",),
        "no_ignores",
        "Whatever suppresses findings counts for nothing.",
        takes_value=False,
        commands=_WITH_RESULTS,
    ),
    Option(
        ("--respect-peer-suppressions",),
        "respect_peer_suppressions",
        "Respect skip comments of Checkov, tfsec, Trivy and KICS.",
        takes_value=False,
    ),
    Option(
        ("--from",),
        "peer_tools",
        "List comments for checkov, tfsec, trivy or kics instead.",
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
        "Globs of folders of tests and examples.",
        many=True,
        commands=_CHECK,
    ),
    Option(("--baseline",), "baseline", "What this file holds does not count any more.", commands=_CHECK, kind="path"),
    Option(
        ("--write-baseline",),
        "write_baseline",
        "Write all that is found to this file, a baseline.",
        commands=_CHECK,
        kind="path",
        configured=_NONE,
    ),
    Option(("--quiet", "-q"), "quiet", "Only the lines of findings.", takes_value=False, commands=_CHECK),
    Option(("--verbose", "-v"), "verbose", "Evidence, reasons and fixes too.", takes_value=False, commands=_CHECK),
    Option(("--statistics",), "statistics", "Count the findings of each rule.", takes_value=False, commands=_CHECK),
    Option(
        ("--show-suppressed",),
        "show_suppressed",
        "Tell suppressed findings in text and markdown.",
        takes_value=False,
        commands=_CHECK,
    ),
    Option(
        ("--summary-file",),
        "summary_file",
        "Add a summary in Markdown to this file, such as $GITHUB_STEP_SUMMARY.",
        commands=_CHECK,
        configured=_NONE,
    ),
    Option(
        ("--exit-zero",),
        "exit_zero",
        "Exit with 0 despite findings, but with 3 if analysis is incomplete.",
        takes_value=False,
        commands=_CHECK,
        configured=_NONE,
    ),
    Option(
        ("--color",),
        "color",
        "auto, always or never: whether text on the standard output has colors.",
        commands=_WITH_RESULTS,
        configured=_NONE,
    ),
    Option(
        ("--stdin-filename",),
        "stdin_filename",
        "The file that - stands for: its name says what it is, and its folder what is around it.",
        commands=_CHECK,
        configured=_NONE,
    ),
    Option(
        ("--watch",),
        "watch",
        "Check again whatever a change reaches, until Ctrl-C.",
        takes_value=False,
        commands=_CHECK,
        configured=_NONE,
    ),
    Option(("--config",), "config", "The configuration file, instead of the nearest.", kind="path", configured=_NONE),
    Option(("--isolated",), "isolated", "Read no configuration file.", takes_value=False, configured=_NONE),
    Option(
        ("--show-settings",),
        "show_settings",
        "Show each setting and where it comes from, and check nothing.",
        takes_value=False,
        configured=_NONE,
    ),
)
COMMANDS = ("check", "controls", "suppressions", "explain", "rules", "graph", "schema")
_OF_CHECK = {name: option for option in OPTIONS if _CHECK[0] in option.commands for name in option.names}


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
