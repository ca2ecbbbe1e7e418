"""Shell completion of option values. The completion scripts and commands are typer's."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def values_of(command: str, field: str) -> Callable[[str], list[str]] | None:
    """Return the completion function of an option; None where the shell completes file names or nothing."""
    words = _WORDS.get((command, field)) or _WORDS.get(("", field))
    if words is None:
        return None

    def complete(incomplete: str) -> list[str]:
        return [word for word in words() if word.startswith(incomplete)]

    return complete


def _rule_ids() -> Iterable[str]:
    from azkvlint.engine.rule_store import builtin_rules

    return [rule.id for rule in builtin_rules()]


def _categories() -> Iterable[str]:
    from azkvlint.engine.rule_store import builtin_rules, categories_of

    return categories_of(builtin_rules())


def _selections() -> Iterable[str]:
    return [*_rule_ids(), *_categories()]


def _explained() -> Iterable[str]:
    from azkvlint.reporters.problems import PROBLEMS

    return [*_rule_ids(), *PROBLEMS]


def _severities() -> Iterable[str]:
    from azkvlint.model.rule import SEVERITIES

    return SEVERITIES


def _formats() -> Iterable[str]:
    from azkvlint.reporters import REPORTERS

    return REPORTERS


def _controls_formats() -> Iterable[str]:
    from azkvlint.reporters.controls import CONTROLS_REPORTERS

    return CONTROLS_REPORTERS


def _access_formats() -> Iterable[str]:
    from azkvlint.reporters.access import ACCESS_REPORTERS

    return ACCESS_REPORTERS


def _difference_formats() -> Iterable[str]:
    from azkvlint.reporters.difference import DIFFERENCE_REPORTERS

    return DIFFERENCE_REPORTERS


def _gates() -> Iterable[str]:
    from azkvlint.difference.compare import GATES

    return GATES


def _permissions() -> Iterable[str]:
    from azkvlint.access.permissions import names

    return names()


def _limits() -> Iterable[str]:
    return [f"{name}=" for name in _permissions()]


def _sarif_included() -> Iterable[str]:
    from azkvlint.reporters import SARIF_INCLUDED

    return SARIF_INCLUDED


def _profiles() -> Iterable[str]:
    from azkvlint.engine.rule_store import builtin_frameworks, builtin_rules
    from azkvlint.engine.schema import PROFILES

    return [*PROFILES, *(framework.name for framework in builtin_frameworks(builtin_rules()))]


def _peer_tools() -> Iterable[str]:
    from azkvlint.model.finding import TOOLS

    return TOOLS


def _colors() -> Iterable[str]:
    from azkvlint.cli.resolve import COLORS

    return COLORS


def _comparisons() -> Iterable[str]:
    from azkvlint.cli.resolve import COMPARISONS

    return COMPARISONS


def _frameworks() -> Iterable[str]:
    from azkvlint.engine.rule_store import builtin_frameworks, builtin_rules

    return [*(framework.name for framework in builtin_frameworks(builtin_rules())), "all"]


def _services() -> Iterable[str]:
    from azkvlint.cli.pipelines import PIPELINES

    return [*PIPELINES, "none"]


_WORDS: dict[tuple[str, str], Callable[[], Iterable[str]]] = {
    ("check", "formats"): _formats,
    ("controls", "formats"): _controls_formats,
    ("access", "formats"): _access_formats,
    ("migrate-rbac", "formats"): lambda: ("text", "json", "code"),
    ("init", "ci"): _services,
    ("", "output_language"): lambda: ("terraform", "bicep"),
    ("diff", "formats"): _difference_formats,
    ("fix", "formats"): lambda: ("text", "json"),
    ("", "gates"): _gates,
    ("", "permissions"): _permissions,
    ("", "denials"): _permissions,
    ("", "maximums"): _limits,
    ("suppressions", "formats"): lambda: ("text", "json"),
    ("", "frameworks"): _frameworks,
    ("", "sarif_include"): _sarif_included,
    ("", "select"): _selections,
    ("", "ignore"): _selections,
    ("explain", "rule"): _explained,
    ("rules", "category"): _categories,
    ("", "profiles"): _profiles,
    ("", "min_severity"): _severities,
    ("", "fail_on"): lambda: (*_severities(), "none"),
    ("", "color"): _colors,
    ("", "cache_by"): _comparisons,
    ("suppressions", "peer_tools"): _peer_tools,
}
