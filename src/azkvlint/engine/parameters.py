"""Values of rule parameters that replace the defaults."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

import msgspec

from azkvlint.engine.schema import OPERATORS
from azkvlint.model.rule import All, AnyOf, Attribute, Condition, Items, Linked, Not, Operand, Parameter, Rule
from azkvlint.model.value import Plain
from azkvlint.util.errors import UsageError, did_you_mean

_T = TypeVar("_T")
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
            raise UsageError(f"--set {name}: RULE.parameter=value was expected", "such as KV003.minimum=30")
        rule = _lookup(known, rule_id.upper(), "rule")
        parameters = {parameter.name: parameter for parameter in rule.parameters}
        parameter = _lookup(parameters, parameter_name, f"parameter of {rule.id}")
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


def _lookup(known: Mapping[str, _T], word: str, kind: str) -> _T:
    if word in known:
        return known[word]
    hint = did_you_mean(word, list(known)) or (f"it is one of {', '.join(known)}" if known else "it has none")
    raise UsageError(f"--set: there is no {kind} called '{word}'", hint)


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
        expected = f"{kind_of(default)} of which each is {kind_of(like)}" if is_list else kind_of(like)
        raise UsageError(f"--set {setting}: {expected} was expected", " ".join(parameter.about.split()))
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
            return int(text) if text.lstrip("+-").isdecimal() else float(text)
        except ValueError:
            return None
    return text


def _operators(rule: Rule, name: str) -> Iterator[str]:
    return (condition.operator for condition in _attributes(rule) if condition.operand == f"${name}")


def _attributes(rule: Rule) -> Iterator[Attribute]:
    stack: list[Condition] = [rule.when, rule.require]
    while stack:
        match stack.pop():
            case Attribute() as condition:
                yield condition
            case All(of=parts) | AnyOf(of=parts):
                stack += parts
            case Not(of=part) | Items(where=part) | Linked(where=part):
                stack.append(part)
