"""``kvlint controls PATH...``: from arguments to a written assessment and an exit code."""

from __future__ import annotations

import msgspec

from kvlint.arguments import Arguments
from kvlint.assess import assess, exit_code
from kvlint.command import (
    config_of,
    options_for,
    progress_bar,
    show_settings,
    targets_of,
    tell_problems,
    words_of,
    write,
)
from kvlint.reporters.controls import CONTROLS_REPORTERS
from kvlint.settings import settled


def run_controls(arguments: Arguments) -> int:
    """Answer control frameworks for what the arguments name, write every report, and answer the exit code."""
    said = settled(arguments, "controls")
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
