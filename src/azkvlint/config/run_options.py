"""The options about a run itself: its configuration, processes and cache."""

from __future__ import annotations

from azkvlint.config.option import Option

_CHECK, _FLEET, _NONE = ("check",), ("fleet",), ()
_NOT_FLEET = ("check", "controls", "suppressions", "access", "migrate-rbac", "diff", "fix")
_EVERY = ("check", "controls", "suppressions", "fleet", "access", "migrate-rbac", "diff", "fix")
_RUN = "General"
RUN_OPTIONS = (
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
        ("--untrusted",),
        _RUN,
        "untrusted",
        "Trust no setting or suppression of the checkout.",
        takes_value=False,
        commands=("check", "diff"),
        in_files=False,
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
