"""The command ``kvlint diff BASE HEAD``: compare two states, write the reports and return the exit code."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from azkvlint.cli.check import options_for, show_settings
from azkvlint.cli.output import print_line, print_problems, write
from azkvlint.cli.resolve import config_of, root_uri, targets_of
from azkvlint.config.arguments import Arguments
from azkvlint.config.settings import resolve_settings
from azkvlint.difference.compare import compare, exit_code, gates_of
from azkvlint.model.difference import Difference
from azkvlint.reporters.difference import DIFFERENCE_REPORTERS, gate_text
from azkvlint.util.errors import UsageError

_MOST_INPUTS = 2


def run_diff(arguments: Arguments) -> int:
    """Compare the inputs, write every report and return the exit code."""
    words = arguments.paths
    if len(words) > _MOST_INPUTS:
        raise UsageError(f"kvlint diff compares two inputs, not {len(words)}", "write `kvlint diff BASE HEAD`")
    # Each input is checked with the configuration file that applies to it.
    every = [resolve_settings(msgspec.structs.replace(arguments, paths=(word,)), "diff") for word in words]
    settings = every[-1]
    if arguments.show_settings:
        return show_settings(settings, "diff")
    errors = settings.errors()
    targets = errors.attempt([("text", "")], targets_of, settings, DIFFERENCE_REPORTERS)
    gates = errors.attempt((), gates_of, settings.arguments.gates)
    config = config_of(settings, targets, errors)
    configs = [*(config_of(one, targets) for one in every[:-1]), config]
    # The reasons of results that became unknown are listed.
    configs = [msgspec.structs.replace(one, explain=True) for one in configs]
    difference = compare(configs, words, gates)
    code = exit_code(difference)
    if any(problem.level == "error" for problem in difference.problems):
        print_problems(difference.problems)
        print_line("the inputs were not compared, because they could not be read completely")
        return code
    if not difference.has_access and any(name == "sarif" for name, _ in targets):
        raise UsageError("a SARIF log cannot be made from JSON reports", "compare the inputs themselves")
    _write(difference, targets, settings.arguments)
    return code


def _write(difference: Difference, targets: Sequence[tuple[str, str]], arguments: Arguments) -> None:
    for name, file in targets:
        options = options_for(arguments, file)
        if name == "sarif":
            options = msgspec.structs.replace(options, root_uri=root_uri("", file, difference.report.root))
        write(DIFFERENCE_REPORTERS[name](difference, options), file)
    if ("text", "") not in targets:
        print_problems(difference.problems)
        for gate in difference.gates:
            print_line(gate_text(gate.gate, gate.count))
