"""What shells ask for while a command line is typed, and the scripts that make them ask.

The scripts and the answers are those of typer; here is told what may stand behind an option, and that
``kvlint PATH...`` is short for ``kvlint check PATH...``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableMapping

from azkvlint.config.options import COMMANDS
from azkvlint.util.errors import UsageError
from azkvlint.util.lazy_regex import regex

VARIABLE = "_KVLINT_COMPLETE"
_SHELLS = ("bash", "zsh", "fish", "powershell")
# The words typed so far: in bash, where the number of the current one is told too, and in the other shells.
_BASH, _BASH_CURRENT, _OTHERS = "COMP_WORDS", "COMP_CWORD", "_TYPER_COMPLETE_ARGS"
_OF_THE_GROUP = ("-h", "--help", "--version", "-V")
_FIRST = regex(r"(\s*\S+\s+)(\S+)(\s?)")


def script(shell: str) -> str:
    """The script that a shell reads at its start. Raises UsageError for a shell that is not known."""
    from typer._completion_shared import get_completion_script

    if shell not in _SHELLS:
        raise UsageError(f"there are no completions for '{shell}'", f"one of {', '.join(_SHELLS)}")
    text = get_completion_script(prog_name="kvlint", complete_var=VARIABLE, shell=shell)
    return f"{text.rstrip()}\n"


def as_check(environment: MutableMapping[str, str]) -> None:
    """Where a shell asks about ``kvlint PATH...``, let it ask about ``kvlint check PATH...``.

    A first word that is still being typed may become a command, unless it is an option.
    """
    for name in (_BASH, _OTHERS):
        found = _FIRST.match(environment.get(name, ""))
        if found is None:
            continue
        before, word, after = found.groups()
        is_whole = bool(after)
        if word in COMMANDS or not (is_whole or word.startswith("-")) or word in _OF_THE_GROUP:
            continue
        environment[name] = f"{before}check {environment[name][len(before) :]}"
        if name == _BASH and environment.get(_BASH_CURRENT, "").isdecimal():
            environment[_BASH_CURRENT] = str(int(environment[_BASH_CURRENT]) + 1)


def values_of(command: str, field: str) -> Callable[[str], list[str]] | None:
    """What gives the words that may stand for an option's value; None where a shell offers files, or nothing."""
    words = _WORDS.get((command, field)) or _WORDS.get(("", field))
    if words is None:
        return None

    def starting(incomplete: str) -> list[str]:
        return [word for word in words() if word.startswith(incomplete)]

    return starting


def _rule_ids() -> Iterable[str]:
    """The ids of the built-in rules."""
    from azkvlint.engine.rule_store import builtin_rules

    return [rule.id for rule in builtin_rules()]


def _severities() -> Iterable[str]:
    from azkvlint.model.rule import SEVERITIES

    return SEVERITIES


def _formats() -> Iterable[str]:
    from azkvlint.reporters import REPORTERS

    return REPORTERS


def _controls_formats() -> Iterable[str]:
    from azkvlint.reporters.controls import CONTROLS_REPORTERS

    return CONTROLS_REPORTERS


def _sarif_included() -> Iterable[str]:
    from azkvlint.reporters import SARIF_INCLUDED

    return SARIF_INCLUDED


def _profiles() -> Iterable[str]:
    from azkvlint.engine.schema import PROFILES

    return PROFILES


def _peer_tools() -> Iterable[str]:
    from azkvlint.model.suppression import TOOLS

    return TOOLS


def _colors() -> Iterable[str]:
    from azkvlint.cli.resolve import COLORS

    return COLORS


def _frameworks() -> Iterable[str]:
    """The control frameworks that come with kvlint."""
    from azkvlint.engine.rule_store import builtin_frameworks, builtin_rules

    return [*(framework.name for framework in builtin_frameworks(builtin_rules())), "all"]


_WORDS: dict[tuple[str, str], Callable[[], Iterable[str]]] = {
    ("check", "formats"): _formats,
    ("controls", "formats"): _controls_formats,
    ("suppressions", "formats"): lambda: ("text", "json"),
    ("", "frameworks"): _frameworks,
    ("", "sarif_include"): _sarif_included,
    ("", "select"): _rule_ids,
    ("", "ignore"): _rule_ids,
    ("explain", "rule"): _rule_ids,
    ("completions", "shell"): lambda: _SHELLS,
    ("", "profiles"): _profiles,
    ("", "min_severity"): _severities,
    ("", "fail_on"): _severities,
    ("", "color"): _colors,
    ("suppressions", "peer_tools"): _peer_tools,
}
