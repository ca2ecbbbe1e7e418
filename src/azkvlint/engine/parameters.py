"""Values of rule parameters that replace the defaults."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import isfinite

import msgspec

from azkvlint.engine.schema import OPERATORS
from azkvlint.model.rule import (
    All,
    AnyOf,
    AttributeCondition,
    Condition,
    Given,
    ItemsCondition,
    Linked,
    Not,
    Operand,
    Parameter,
    Rule,
)
from azkvlint.model.value import Plain
from azkvlint.util.errors import UsageError, did_you_mean

_SOUND = "use fewer repetitions, and no lookahead or lookbehind"


def with_settings(rules: Iterable[Rule], settings: Iterable[str]) -> tuple[Rule, ...]:
    """Return the rules with ``settings`` (``KV003.minimum=30``; lists are comma-separated) in place of defaults.

    Raise UsageError, with a suggestion, for unknown rules and parameters and for values that do not fit.
    """
    known = {rule.id: rule for rule in rules}
    for setting in settings:
        name, equals, text = setting.partition("=")
        rule_id, dot, parameter_name = name.strip().partition(".")
        if not equals or not dot:
            raise UsageError(f"--set {name}: expected RULE.NAME=VALUE", "such as KV003.minimum=30")
        rule = known.get(rule_id.upper())
        if rule is None:
            hint = did_you_mean(rule_id.upper(), list(known)) or "kvlint rules lists all rules"
            raise UsageError(f"--set {name}: unknown rule '{rule_id}'", hint)
        parameter = _parameter(rule, parameter_name, name)
        known[rule.id] = with_parameters(rule, {parameter.name: _parse_setting(setting, rule, parameter, text)})
    return tuple(known.values())


def with_parameters(rule: Rule, values: Mapping[str, Operand]) -> Rule:
    """Return the rule with ``values`` in place of its parameters' defaults."""
    parameters = (
        msgspec.structs.replace(parameter, default=values.get(parameter.name, parameter.default))
        for parameter in rule.parameters
    )
    return msgspec.structs.replace(rule, parameters=tuple(parameters))


def kind_of(operand: Operand) -> str:
    """Return the type of an operand in words."""
    match operand:
        case tuple():
            return "a list"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case _:
            return "a string"


def refuse_unsound_patterns(rules: Iterable[Rule]) -> None:
    """Raise UsageError for a rule with a pattern that could take unlimited time to match."""
    from azkvlint.util.safe_regex import is_bounded

    for rule in rules:
        for path, pattern in patterns_of(rule):
            if not is_bounded(pattern):
                hint = f"{_SOUND}, or name the rules on the command line with --rules"
                what = f"rule {rule.id}: matching the pattern for `{path}` has no time limit"
                raise UsageError(what, hint)


def patterns_of(rule: Rule) -> Iterator[tuple[str, str]]:
    """Yield the regular expressions of a rule, each with the attribute that it is for; parameters have defaults."""
    defaults = {f"${parameter.name}": parameter.default for parameter in rule.parameters}
    for condition in _attributes(rule):
        if condition.operator == "matches":
            yield condition.text, str(defaults.get(str(condition.operand), condition.operand))


def _parameter(rule: Rule, word: str, setting: str) -> Parameter:
    """Return a parameter of a rule. Raise UsageError, with a suggestion, if the rule has none of this name."""
    names = [parameter.name for parameter in rule.parameters]
    if not names:
        raise UsageError(
            f"--set {setting}: {rule.id} has no parameters", f"kvlint explain {rule.id} describes the rule"
        )
    if word not in names:
        hint = did_you_mean(word, names) or f"one of {', '.join(names)}"
        raise UsageError(f"--set {setting}: {rule.id} has no parameter '{word}'", hint)
    return rule.parameters[names.index(word)]


def _parse_setting(setting: str, rule: Rule, parameter: Parameter, text: str) -> Operand:
    """Parse a value of the type of the parameter's default."""
    from azkvlint.engine.condition_loader import operand_mismatch
    from azkvlint.util.safe_regex import is_bounded

    default = parameter.default
    is_list = isinstance(default, tuple)
    like = (default[0] if default else "") if isinstance(default, tuple) else default
    texts = [word.strip() for word in text.split(",") if word.strip()] if is_list else [text.strip()]
    plain = tuple(parsed for word in texts if (parsed := _parse_plain(word, like)) is not None)
    if len(plain) < len(texts):
        expected = f"{kind_of(default)} with each item {kind_of(like)}" if is_list else kind_of(like)
        hint = f"kvlint explain {rule.id} describes the parameter"
        raise UsageError(f"--set {setting}: expected {expected}", hint)
    value = plain if is_list else plain[0]
    for operator in _operators(rule, parameter.name):
        fault = operand_mismatch(OPERATORS[operator], value)
        if fault:
            raise UsageError(f"--set {setting}: {operator} requires {fault}")
        if operator == "matches" and not is_bounded(str(value)):
            # A configuration file may be an attacker's and must not be able to stall a check.
            raise UsageError(f"--set {setting}: matching this pattern has no time limit", _SOUND)
    return value


def _parse_plain(text: str, like: Plain) -> Plain | None:
    """Parse a plain value of the type of ``like``; None if it is invalid."""
    if isinstance(like, bool):
        return {"true": True, "false": False}.get(text.lower())
    if isinstance(like, (int, float)):
        try:
            number = int(text) if text.lstrip("+-").isdecimal() else float(text)
        except ValueError:
            return None
        # Comparisons with infinity and NaN have the same result for every value.
        return number if isinstance(number, int) or isfinite(number) else None
    return text


def _operators(rule: Rule, name: str) -> Iterator[str]:
    return (condition.operator for condition in _attributes(rule) if condition.operand == f"${name}")


def is_in_conditions(rule: Rule, name: str) -> bool:
    """Return whether a condition of a rule refers to a parameter; otherwise only its edits do."""
    return any(
        condition.parameter == name if isinstance(condition, Given) else condition.operand == f"${name}"
        for condition in _leaves(rule)
    )


def _attributes(rule: Rule) -> Iterator[AttributeCondition]:
    return (condition for condition in _leaves(rule) if isinstance(condition, AttributeCondition))


def _leaves(rule: Rule) -> Iterator[AttributeCondition | Given]:
    stack: list[Condition] = [*rule.conditions]
    while stack:
        match stack.pop():
            case AttributeCondition() | Given() as condition:
                yield condition
            case All(of=parts) | AnyOf(of=parts):
                stack += parts
            case Not(of=part) | ItemsCondition(where=part) | Linked(where=part):
                stack.append(part)
