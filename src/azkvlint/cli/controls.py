"""The command ``kvlint controls PATH...``: assess control frameworks, write the reports and return the exit code."""

from __future__ import annotations

import msgspec

from azkvlint.cli.check import options_for, show_settings
from azkvlint.cli.output import print_problems, progress_bar, write
from azkvlint.cli.resolve import cache_of, config_of, print_fault, targets_of, words_of
from azkvlint.config.arguments import Arguments
from azkvlint.config.settings import resolve_settings
from azkvlint.linter.controls import assess, exit_code
from azkvlint.reporters.controls import CONTROLS_REPORTERS


def run_controls(arguments: Arguments) -> int:
    """Assess control frameworks against the inputs, write every report and return the exit code."""
    settings = resolve_settings(arguments, "controls")
    if arguments.show_settings:
        return show_settings(settings, "controls")
    arguments = settings.arguments
    errors = settings.errors()
    targets = errors.attempt([("text", "")], targets_of, settings, CONTROLS_REPORTERS)
    hint = "write --framework key-vault"
    label = settings.label("frameworks")
    names = errors.attempt((), words_of, label, arguments.frameworks, "control framework", hint)
    config = msgspec.structs.replace(config_of(settings, targets, errors), with_controls=True)
    cache = cache_of(settings)
    with progress_bar() as progress:
        assessment = assess(config, names, progress, cache)
    print_fault(cache)
    for name, file in targets:
        write(CONTROLS_REPORTERS[name](assessment, options_for(arguments, file)), file)
    if ("text", "") not in targets:
        print_problems([problem for problem in assessment.problems if problem.level != "note"])
    return exit_code(assessment, config.strict)
