"""The command ``kvlint access PATH...``: compute who can reach what, write the reports and return the exit code."""

from __future__ import annotations

from azkvlint.access.permissions import CAPABILITIES, capability, chosen
from azkvlint.cli.check import options_for, show_settings
from azkvlint.cli.output import print_line, print_problems, write
from azkvlint.cli.resolve import config_of, targets_of
from azkvlint.config.arguments import Arguments
from azkvlint.config.settings import resolve_settings
from azkvlint.linter.access import Filters, access, exit_code, gates_of
from azkvlint.reporters.access import ACCESS_REPORTERS, breach_text


def run_access(arguments: Arguments) -> int:
    """Compute the matrix of the inputs, write every report and return the exit code."""
    settings = resolve_settings(arguments, "access")
    if arguments.show_settings:
        return show_settings(settings, "access")
    arguments = settings.arguments
    errors = settings.errors()
    targets = errors.attempt([("text", "")], targets_of, settings, ACCESS_REPORTERS)
    columns = errors.attempt(CAPABILITIES, chosen, arguments.permissions, "--permission")
    gates = errors.attempt((), gates_of, arguments.maximums, arguments.denials, capability)
    config = config_of(settings, targets, errors)
    filters = Filters(vaults=arguments.vaults, principals=arguments.principals, capabilities=columns or CAPABILITIES)
    report = access(config, filters, gates)
    for name, file in targets:
        write(ACCESS_REPORTERS[name](report, options_for(arguments, file)), file)
    if ("text", "") not in targets:
        print_problems([problem for problem in report.problems if problem.level != "note"])
        for breach in report.breaches:
            print_line(breach_text(breach, report))
    return exit_code(report)
