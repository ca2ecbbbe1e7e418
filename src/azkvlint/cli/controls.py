"""``kvlint controls PATH...``: from arguments to a written assessment and an exit code."""

from __future__ import annotations

import msgspec

from azkvlint.cli.check import options_for, show_settings
from azkvlint.cli.output import progress_bar, tell_problems, write
from azkvlint.cli.resolve import config_of, targets_of, words_of
from azkvlint.config.options import Arguments
from azkvlint.config.settings import resolve_settings
from azkvlint.linter.controls.assess import assess, exit_code
from azkvlint.reporters.controls import CONTROLS_REPORTERS


def run_controls(arguments: Arguments) -> int:
    """Answer control frameworks for what the arguments name, write every report, and answer the exit code."""
    said = resolve_settings(arguments, "controls")
    if arguments.show_settings:
        return show_settings(said, "controls")
    arguments = said.arguments
    targets = targets_of(said, CONTROLS_REPORTERS)
    config = msgspec.structs.replace(config_of(said, targets), answers=True)
    names = words_of(
        said.label("frameworks"), arguments.frameworks, "control framework", "such as key-vault, mcsb or cis-azure"
    )
    with progress_bar() as progress:
        assessment = assess(config, names, progress)
    for name, file in targets:
        write(CONTROLS_REPORTERS[name](assessment, options_for(arguments, file)), file)
    if ("text", "") not in targets:
        tell_problems([one for one in assessment.problems if one.level != "note"])
    return exit_code(assessment, config.strict)
