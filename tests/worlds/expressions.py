"""Expressions of generated roots: one tree, a value in Python, and a text in each of three languages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field


class InvalidWorld(Exception):
    """Raise where a deployment with these inputs fails."""


class Expr:
    """Be the base of all expressions."""


@dataclass(frozen=True)
class Lit(Expr):
    """Hold a constant."""

    value: bool | int | str | tuple[str, ...] | None


@dataclass(frozen=True)
class Input(Expr):
    """Read a variable or parameter of the scope."""

    name: str


@dataclass(frozen=True)
class Local(Expr):
    """Read a local (Terraform) or variable (Bicep, ARM) of the scope."""

    name: str


@dataclass(frozen=True)
class Item(Expr):
    """Read the element of the loop around the declaration, or an attribute of it."""

    attribute: str = ""


@dataclass(frozen=True)
class Not(Expr):
    """Negate."""

    operand: Expr


@dataclass(frozen=True)
class And(Expr):
    """Require both."""

    left: Expr
    right: Expr


@dataclass(frozen=True)
class Or(Expr):
    """Require either."""

    left: Expr
    right: Expr


@dataclass(frozen=True)
class If(Expr):
    """Choose."""

    test: Expr
    then: Expr
    other: Expr


@dataclass(frozen=True)
class Compare(Expr):
    """Compare two values: ==, !=, <, <=, > or >=."""

    operator: str
    left: Expr
    right: Expr


@dataclass(frozen=True)
class Length(Expr):
    """Count characters or elements."""

    operand: Expr


@dataclass(frozen=True)
class Has(Expr):
    """Test whether a list contains a value."""

    container: Expr
    member: Expr


@dataclass(frozen=True)
class HasKey(Expr):
    """Test whether a map has a key."""

    container: Expr
    key: str


@dataclass(frozen=True)
class Dig(Expr):
    """Follow a path of keys, and fall back where it ends: `try`, `lookup`, `.?`, `tryGet`."""

    base: Expr
    path: tuple[str, ...]
    fallback: bool | str


@dataclass(frozen=True)
class Format(Expr):
    """Append a value to a prefix."""

    prefix: str
    operand: Expr


@dataclass
class Env:
    """Hold what an expression reads."""

    inputs: Mapping[str, object]
    locals: Mapping[str, Expr] = field(default_factory=dict)
    item: object = None
    language: str = "tf"

    def with_item(self, item: object) -> Env:
        """Return this environment inside a loop."""
        return Env(self.inputs, self.locals, item, self.language)


def truth(value: object) -> bool:
    """Return a Boolean, or fail as the languages do for null and other types."""
    if not isinstance(value, bool):
        raise InvalidWorld(f"not a Boolean: {value!r}")
    return value


def same(left: object, right: object) -> bool:
    """Compare without equating 1 and true."""
    return type(left) is type(right) and left == right


def compare(operator: str, left: object, right: object) -> bool:
    """Compare two values with an operator."""
    if operator in ("==", "!="):
        return same(left, right) == (operator == "==")
    if not (isinstance(left, int) and isinstance(right, int)):
        raise InvalidWorld("an order needs numbers")
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[operator]


def evaluate(expr: Expr, env: Env) -> object:
    """Return the value of an expression."""
    match expr:
        case Lit(constant):
            return list(constant) if isinstance(constant, tuple) else constant
        case Input(name):
            return env.inputs[name]
        case Local(name):
            return evaluate(env.locals[name], env)
        case Item(attribute):
            if not attribute:
                return env.item
            if not isinstance(env.item, dict) or attribute not in env.item:
                raise InvalidWorld(f"the element has no {attribute}")
            return env.item[attribute]
        case Not(operand):
            return not truth(evaluate(operand, env))
        case And(left, right):
            return truth(evaluate(left, env)) and truth(evaluate(right, env))
        case Or(left, right):
            return truth(evaluate(left, env)) or truth(evaluate(right, env))
        case If(test, then, other):
            return evaluate(then if truth(evaluate(test, env)) else other, env)
        case Compare(operator, left, right):
            return compare(operator, evaluate(left, env), evaluate(right, env))
        case Length(operand):
            value = evaluate(operand, env)
            if not isinstance(value, (str, list, dict)):
                raise InvalidWorld("no length")
            return len(value)
        case Has(container, member):
            value = evaluate(container, env)
            if not isinstance(value, list):
                raise InvalidWorld("not a list")
            expected = evaluate(member, env)
            return any(same(each, expected) for each in value)
        case HasKey(container, key):
            value = evaluate(container, env)
            if isinstance(value, list):  # a map of items, kept as a list with keys
                return any(isinstance(each, dict) and each.get("key") == key for each in value)
            return isinstance(value, dict) and key in value
        case Dig(base, path, fallback):
            value = evaluate(base, env)
            for key in path:
                value = value.get(key) if isinstance(value, dict) else None
            return fallback if value is None else value
        case Format(prefix, operand):
            value = evaluate(operand, env)
            if value is None:
                raise InvalidWorld("null in a string")
            return f"{prefix}{value}"
    raise TypeError(expr)


# Terraform


def tf_value(value: object) -> str:
    """Write a constant in HCL."""
    if value is None:
        return "null"
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(tf_value(each) for each in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {tf_value(each)}" for key, each in value.items()) + " }" if value else "{}"
    return json.dumps(value)


def tf(expr: Expr, item: str = "each.value") -> str:
    """Write an expression in HCL; `item` is the name of the element of a loop."""

    def sub(each: Expr) -> str:
        text = tf(each, item)
        return f"({text})" if isinstance(each, (And, Or, If, Compare)) else text

    match expr:
        case Lit(value):
            return tf_value(value)
        case Input(name):
            return f"var.{name}"
        case Local(name):
            return f"local.{name}"
        case Item(attribute):
            return f"{item}.{attribute}" if attribute else item
        case Not(operand):
            return f"!{sub(operand)}"
        case And(left, right):
            return f"{sub(left)} && {sub(right)}"
        case Or(left, right):
            return f"{sub(left)} || {sub(right)}"
        case If(test, then, other):
            return f"{sub(test)} ? {sub(then)} : {sub(other)}"
        case Compare(operator, left, right):
            return f"{sub(left)} {operator} {sub(right)}"
        case Length(operand):
            return f"length({tf(operand, item)})"
        case Has(container, member):
            return f"contains({tf(container, item)}, {tf(member, item)})"
        case HasKey(container, key):
            return f"contains(keys({tf(container, item)}), {json.dumps(key)})"
        case Dig(base, path, fallback):
            if len(path) == 1:
                return f"lookup({tf(base, item)}, {json.dumps(path[0])}, {tf_value(fallback)})"
            return f"try({tf(base, item)}.{'.'.join(path)}, {tf_value(fallback)})"
        case Format(prefix, operand):
            return f'"{prefix}${{{tf(operand, item)}}}"'
    raise TypeError(expr)


# Bicep


def bicep_value(value: object) -> str:
    """Write a constant in Bicep."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(bicep_value(each) for each in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key}: {bicep_value(each)}" for key, each in value.items()) + " }" if value else "{}"
    return str(value)


def bicep(expr: Expr, item: str = "v") -> str:
    """Write an expression in Bicep."""

    def sub(each: Expr) -> str:
        text = bicep(each, item)
        return f"({text})" if isinstance(each, (And, Or, If, Compare, Dig)) else text

    match expr:
        case Lit(value):
            return bicep_value(value)
        case Input(name) | Local(name):
            return name
        case Item(attribute):
            return f"{item}.{attribute}" if attribute else item
        case Not(operand):
            return f"!{sub(operand)}"
        case And(left, right):
            return f"{sub(left)} && {sub(right)}"
        case Or(left, right):
            return f"{sub(left)} || {sub(right)}"
        case If(test, then, other):
            return f"{sub(test)} ? {sub(then)} : {sub(other)}"
        case Compare(operator, left, right):
            return f"{sub(left)} {operator} {sub(right)}"
        case Length(operand):
            return f"length({bicep(operand, item)})"
        case Has(container, member):
            return f"contains({bicep(container, item)}, {bicep(member, item)})"
        case HasKey(container, key):
            return f"contains({bicep(container, item)}, {bicep_value(key)})"
        case Dig(base, path, fallback):
            return f"{bicep(base, item)}.?{'.?'.join(path)} ?? {bicep_value(fallback)}"
        case Format(prefix, operand):
            return f"'{prefix}${{{bicep(operand, item)}}}'"
    raise TypeError(expr)


# ARM

COMPARISONS = {"<": "less", "<=": "lessOrEquals", ">": "greater", ">=": "greaterOrEquals"}


def arm_inner(expr: Expr, item: str = "", modern: bool = True) -> str:
    """Write an expression as it is between brackets; `item` is that of the element of a copy loop."""

    def sub(each: Expr) -> str:
        return arm_inner(each, item, modern)

    match expr:
        case Lit(value):
            if isinstance(value, bool):
                return "true()" if value else "false()"
            if value is None:
                return "null()"
            if isinstance(value, tuple):
                return "createArray(" + ", ".join(arm_inner(Lit(each)) for each in value) + ")"
            return f"'{value}'" if isinstance(value, str) else str(value)
        case Input(name):
            return f"parameters('{name}')"
        case Local(name):
            return f"variables('{name}')"
        case Item(attribute):
            return f"{item}.{attribute}" if attribute else item
        case Not(operand):
            return f"not({sub(operand)})"
        case And(left, right):
            return f"and({sub(left)}, {sub(right)})"
        case Or(left, right):
            return f"or({sub(left)}, {sub(right)})"
        case If(test, then, other):
            return f"if({sub(test)}, {sub(then)}, {sub(other)})"
        case Compare("==", left, right):
            return f"equals({sub(left)}, {sub(right)})"
        case Compare("!=", left, right):
            return f"not(equals({sub(left)}, {sub(right)}))"
        case Compare(operator, left, right):
            return f"{COMPARISONS[operator]}({sub(left)}, {sub(right)})"
        case Length(operand):
            return f"length({sub(operand)})"
        case Has(container, member):
            return f"contains({sub(container)}, {sub(member)})"
        case HasKey(container, key):
            return f"contains({sub(container)}, '{key}')"
        case Dig(base, path, fallback):
            return dig_in_arm(sub(base), path, arm_inner(Lit(fallback)), modern)
        case Format(prefix, operand):
            return f"format('{prefix}{{0}}', {sub(operand)})"
    raise TypeError(expr)


def dig_in_arm(base: str, path: tuple[str, ...], fallback: str, modern: bool) -> str:
    """Write a path with a fallback: with `tryGet` in language version 2.0, or else with `contains`."""
    if modern:
        for key in path:
            base = f"tryGet({base}, '{key}')"
        return f"coalesce({base}, {fallback})"
    inner = base + "".join(f".{key}" for key in path)
    for depth in reversed(range(len(path))):
        outer = base + "".join(f".{key}" for key in path[:depth])
        inner = f"if(contains({outer}, '{path[depth]}'), {inner}, {fallback})"
    return inner


def arm(expr: Expr, item: str = "", modern: bool = True) -> object:
    """Write an expression as a value of a template."""
    if isinstance(expr, Lit):
        return list(expr.value) if isinstance(expr.value, tuple) else expr.value
    return f"[{arm_inner(expr, item, modern)}]"
