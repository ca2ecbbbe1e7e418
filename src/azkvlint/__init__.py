"""kvlint, a linter for Azure Key Vault in infrastructure code.

The public names are imported on first use, because every command waits for this module.
"""

__version__ = "0.1.0"
# The address of the project in reports, hints and the documentation.
PROJECT = "https://github.com/kvlint/kvlint"
# True only in the commit that is tagged with the version: links in reports then lead to the files of the tag.
IS_RELEASE = False
__all__ = [
    "AccessReport",
    "CheckSettings",
    "Difference",
    "Finding",
    "Fixes",
    "KvlintError",
    "Location",
    "Outcome",
    "Problem",
    "Report",
    "Rule",
    "Severity",
    "analyze_access",
    "diff",
    "exit_code",
    "fix",
    "lint",
    "load_settings",
    "render",
]

TYPE_CHECKING = False  # typing takes longer to import than a small run
if TYPE_CHECKING:
    from azkvlint.api import Fixes, analyze_access, diff, fix, lint, load_settings, render
    from azkvlint.config.run_config import CheckSettings
    from azkvlint.linter.linter import exit_code
    from azkvlint.model.access import AccessReport
    from azkvlint.model.difference import Difference
    from azkvlint.model.finding import Finding, Outcome, Problem, Report
    from azkvlint.model.location import Location
    from azkvlint.model.rule import Rule, Severity
    from azkvlint.util.errors import KvlintError

_MODULES = {
    "AccessReport": "model.access",
    "CheckSettings": "config.run_config",
    "Difference": "model.difference",
    "Finding": "model.finding",
    "Fixes": "api",
    "KvlintError": "util.errors",
    "Location": "model.location",
    "Outcome": "model.finding",
    "Problem": "model.finding",
    "Report": "model.finding",
    "Rule": "model.rule",
    "Severity": "model.rule",
    "analyze_access": "api",
    "diff": "api",
    "exit_code": "linter.linter",
    "fix": "api",
    "lint": "api",
    "load_settings": "api",
    "render": "api",
}


def file_url(path: str) -> str:
    """Return the address of a file of the repository: of the tag of a release, or of the branch main."""
    return f"{PROJECT}/blob/{f'v{__version__}' if IS_RELEASE else 'main'}/{path}"


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
