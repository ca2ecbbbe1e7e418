"""What in a checkout can lower a result: one table, which ``--untrusted`` and ``kvlint diff`` read.

A new setting needs a row here, or an entry in ``CANNOT_LOWER``; a test compares both with the options.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum, auto
from typing import Any

import msgspec

from azkvlint.config.arguments import Arguments
from azkvlint.config.run_config import Notice
from azkvlint.model.finding import SETTING_WITHOUT_EFFECT
from azkvlint.util.project_boundary import absolute_path, checkout_of, is_within, real_path, root_of


class ValueChange(Enum):
    """Which change of a value can lower a result."""

    ANY = auto()
    MORE = auto()
    """items that are added to a list"""
    FEWER = auto()
    """items that are removed from a list, and a first item: without one there is no restriction"""
    HIGHER = auto()
    ON = auto()
    OFF = auto()


class UntrustedSource(Enum):
    """Where ``--untrusted`` takes a value from."""

    CALLER = auto()
    """the command line and the environment, and the configuration file that they name outside of the checkout"""
    OUTSIDE = auto()
    """as CALLER, and a file that is in the checkout is ignored"""
    FORCED = auto()
    """always on"""
    NOWHERE = auto()
    """not respected"""
    EVALUATED = auto()
    """evaluated as the source beside it is, and removes no result of that"""


class Influence(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of content that can lower a result. ``field`` is the setting, if it is one.

    ``change`` states when it does, ``untrusted`` what ``--untrusted`` respects. ``label`` is its name in reports.
    """

    kind: str
    label: str
    field: str = ""
    change: ValueChange = ValueChange.ANY
    untrusted: UntrustedSource = UntrustedSource.CALLER


_CALLER, _OUTSIDE, _FORCED, _NOWHERE = (
    UntrustedSource.CALLER,
    UntrustedSource.OUTSIDE,
    UntrustedSource.FORCED,
    UntrustedSource.NOWHERE,
)


def _setting(field: str, change: ValueChange, untrusted: UntrustedSource = _CALLER) -> Influence:
    return Influence(kind="setting", label="setting", field=field, change=change, untrusted=untrusted)


COMMENT = Influence(kind="comment", label="suppression", untrusted=_NOWHERE)
PEER_COMMENT = Influence(kind="comment-of-another-tool", label="suppression", untrusted=_NOWHERE)
BICEP_DIRECTIVE = Influence(kind="directive", label="suppression", untrusted=_NOWHERE)
METADATA = Influence(kind="metadata", label="suppression", untrusted=_NOWHERE)
OVERRIDE = Influence(kind="override", label="override", untrusted=_CALLER)
CONFIGURATION = Influence(kind="configuration", label="configuration file", untrusted=_CALLER)
BASELINE = Influence(kind="baseline", label="baseline", field="baseline", untrusted=_OUTSIDE)
CUSTOM_RULE = Influence(kind="custom-rule", label="custom rule", field="rules", untrusted=_OUTSIDE)
TEST_FOLDER = Influence(kind="test-folder", label="folder of tests", untrusted=_NOWHERE)
PARAMETERS = Influence(
    kind="parameters", label="parameter file", field="parameters", untrusted=UntrustedSource.EVALUATED
)
VARIABLES = Influence(
    kind="variables", label="variable file", field="variable_files", untrusted=UntrustedSource.EVALUATED
)
PLAN = Influence(kind="plan", label="plan", untrusted=UntrustedSource.EVALUATED)
INFLUENCES = (
    CONFIGURATION,
    OVERRIDE,
    COMMENT,
    PEER_COMMENT,
    BICEP_DIRECTIVE,
    METADATA,
    BASELINE,
    CUSTOM_RULE,
    TEST_FOLDER,
    PARAMETERS,
    VARIABLES,
    PLAN,
    _setting("select", ValueChange.FEWER),
    _setting("ignore", ValueChange.MORE),
    _setting("profiles", ValueChange.FEWER),
    _setting("settings", ValueChange.ANY),
    _setting("exclude", ValueChange.MORE),
    _setting("extend_exclude", ValueChange.MORE),
    _setting("variables", ValueChange.ANY),
    _setting("source_root", ValueChange.ANY),
    _setting("closed", ValueChange.OFF),
    _setting("tool", ValueChange.ANY),
    _setting("as_of", ValueChange.ANY),
    _setting("frameworks", ValueChange.FEWER),
    _setting("min_severity", ValueChange.HIGHER),
    _setting("fail_on", ValueChange.HIGHER),
    _setting("strict", ValueChange.OFF),
    _setting("no_ignores", ValueChange.OFF, _FORCED),
    _setting("respect_peer_suppressions", ValueChange.ON),
    _setting("include_tests", ValueChange.OFF, _FORCED),
    _setting("test_folders", ValueChange.ANY),
    # Another analysis of code scanning would be replaced.
    _setting("sarif_category", ValueChange.ANY),
)
"""Everything in a checkout that can lower a result."""
BY_FIELD: Mapping[str, Influence] = {one.field: one for one in INFLUENCES if one.field}
CANNOT_LOWER: Mapping[str, str] = {
    **dict.fromkeys(("formats", "output"), "the exit code is the same, and a redirected report is announced"),
    **dict.fromkeys(
        ("verbose", "quiet", "show_unknown", "show_suppressed", "statistics", "sarif_include"),
        "only adds to a report, or leaves out what is not a finding",
    ),
    **dict.fromkeys(("jobs", "workers", "timeout", "scheduler", "watch"), "the results are the same"),
    **dict.fromkeys(("cache_dir", "no_cache", "cache_by"), "no configuration file can set it"),
    **dict.fromkeys(
        (
            "accept", "allow", "base_revision", "built_in_roles", "certificates", "color", "config", "denials",
            "diff", "exit_zero", "fixes", "gates", "inputs_from", "isolated", "keys", "maximums", "no_merge_base",
            "out", "output_language", "peer_tools", "permissions", "principals", "resume", "sarif_root_uri",
            "scopes", "secrets", "show_settings", "stdin_filename", "summary_file", "unsafe", "untrusted", "vaults",
            "why", "write", "write_baseline",
        ),
        "available on the command line only",
    ),
}  # fmt: skip
"""The other settings, with the reason."""


def outermost_checkout(path: str) -> str:
    """Return the outermost checkout of an input, because a pull request of that may change everything below it.

    Outside of checkouts it is the folder from which paths are reported.
    """
    folder = root_of(path)
    above = checkout_of(os.path.dirname(folder))
    while above is not None and above != folder:
        folder, above = above, checkout_of(os.path.dirname(above))
    return folder


def is_in_checkout(file: str, inputs: Iterable[str]) -> bool:
    """Return whether a file is in the checkout of an input, or is reached through a link there."""
    full = absolute_path(file)
    paths = {full, real_path(file), os.path.join(real_path(os.path.dirname(full)), os.path.basename(full))}
    folders = {outermost_checkout(path) for path in inputs if path != "-"} or {outermost_checkout(os.curdir)}
    return any(is_within(path, folder) for path in paths for folder in folders)


def ignored_notice(option: str, file: str) -> Notice:
    """Return the notice that ``--untrusted`` ignores a file."""
    text = f"{option} `{file}` is ignored, because --untrusted respects no such file of the checkout"
    return Notice(
        code=SETTING_WITHOUT_EFFECT, level="warning", message=text, hint="name a file outside of the checkout"
    )


def untrusted_values(arguments: Arguments, label: Mapping[str, str]) -> Iterator[tuple[str, Any, Sequence[Notice]]]:
    """Yield the settings that ``--untrusted`` replaces, with the notices about them. ``label`` are their sources."""
    for one in INFLUENCES:
        if one.untrusted is UntrustedSource.FORCED:
            yield one.field, True, ()
        elif one.untrusted is UntrustedSource.OUTSIDE and one.field:
            value = getattr(arguments, one.field)
            files = value if isinstance(value, tuple) else (value,) if value else ()
            kept = tuple(file for file in files if not is_in_checkout(file, arguments.paths))
            if kept != files:
                notices = [ignored_notice(label.get(one.field, ""), file) for file in files if file not in kept]
                yield one.field, kept if isinstance(value, tuple) else "", notices
