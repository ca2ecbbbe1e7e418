"""Operations on results: equality, alternatives, and Bicep's operators, which ARM functions use too."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import msgspec

from azkvlint.evaluation.budget import CHARACTERS_A_STEP, ITEMS_A_STEP, MAX_TEXT, VALUES_A_STEP
from azkvlint.evaluation.comparison import ORDER, Comparison, compared
from azkvlint.evaluation.known import chosen, is_given, is_string, joined, one_of
from azkvlint.evaluation.reads import Bound
from azkvlint.evaluation.values import (
    Closure,
    Fields,
    Items,
    Result,
    as_optional,
    below,
    doubt_in,
    for_same_reason,
    is_large,
    is_sensitive,
    may_be_absent,
    pattern_of,
    size,
    text_of,
)
from azkvlint.model.location import Location
from azkvlint.model.pattern import (
    Hole,
    Pattern,
    Text,
    call_hole,
    join_texts,
    known_or_pattern,
    length_of,
    operation,
    pattern_from,
    text_form,
)
from azkvlint.model.value import Absent, Known, Scalar, Unknown
from azkvlint.syntax import ast
from azkvlint.util.lazy_regex import regex

Local: TypeAlias = Mapping[str, Result | Bound]
# The local variables of an expression outside of loops and lambdas.
NOTHING: Local = {}


class Operations(ABC):
    """What functions and readers require of an evaluator."""

    @abstractmethod
    def evaluate(self, node: ast.Expression, local: Local) -> Result:
        """Return the value of ``node`` with ``local`` variables."""

    @abstractmethod
    def place(self, node: ast.Node) -> Location:
        """Return the location of a node."""

    @abstractmethod
    def spend(self, steps: int) -> None:
        """Count the cost of work in steps. Raise InputError above the limit."""

    @abstractmethod
    def track_secrets(self, arguments: Sequence[Result], found: Result) -> None:
        """Record what a function made of strings that no message shows."""

    def weigh(self, *results: Result) -> None:
        """Count the cost of walking through results, or of reading strings."""
        for result in results:
            if not isinstance(result, Scalar):
                self.spend(size(result) // VALUES_A_STEP)
            elif isinstance(result.value, str):
                self.spend(len(result.value) // CHARACTERS_A_STEP)

    def apply(self, function: Result, arguments: Sequence[Result], at: Location) -> Result:
        """Call a lambda; it may name fewer parameters than there are arguments."""
        if not isinstance(function, Closure):
            return Unknown(at=at, why="a lambda is expected")
        self.spend(1)
        given = dict(zip(function.parameters, arguments, strict=False))
        return self.evaluate(function.body, {**function.local, **given})

    def choose(self, condition: Result, yes: ast.Expression, no: ast.Expression, local: Local) -> Result:
        """Return one of two branches; what they share where the condition is not known."""
        if isinstance(condition, Scalar) and isinstance(condition.value, bool):
            return self.evaluate(yes if condition.value else no, local)
        doubt = doubt_in("the condition is not a Boolean, so the deployment fails", condition.at, condition)
        one, other = self.evaluate(yes, local), self.evaluate(no, local)
        self.spend((size(one) + size(other)) // VALUES_A_STEP)
        return chosen(merge_alternatives(one, other, doubt), (one, other), doubt.pattern)

    def connect(self, nodes: Sequence[ast.Expression], local: Local, neutral: bool, at: Location) -> Result:
        """Evaluate ``&&`` (``neutral`` true) or ``||`` (false) of operands, up to the one that decides."""
        doubts: list[Unknown] = []
        for node in nodes:
            found = self.evaluate(node, local)
            if isinstance(found, Scalar) and isinstance(found.value, bool):
                if found.value is not neutral:
                    return Scalar(at=at, value=not neutral)
            else:
                doubts.append(doubt_in("an operand is not a Boolean, so the deployment fails", found.at, found))
        if len(doubts) < 2:
            return doubts[0] if doubts else Scalar(at=at, value=neutral)
        parts = [doubt.pattern for doubt in doubts if doubt.pattern is not None]
        # The pattern of one operand alone would make the whole the same as that.
        known = len(parts) == len(doubts) and sum(map(length_of, parts)) < MAX_TEXT
        pattern = operation("&&" if neutral else "||", parts) if known else None
        sensitive = any(doubt.sensitive for doubt in doubts)
        return Unknown(at=doubts[0].at, why=doubts[0].why, pattern=pattern, sensitive=sensitive)

    def coalesce(self, nodes: Sequence[ast.Expression], local: Local, at: Location) -> Result:
        """Return the first operand that is not null; unknown once one that comes before it may be null."""
        for number, node in enumerate(nodes):
            found = self.evaluate(node, local)
            if isinstance(found, Unknown):
                if number == len(nodes) - 1 or found.is_set:
                    return found
                other = self.coalesce(nodes[number + 1 :], local, at)
                parts = [known_or_pattern(found.pattern), pattern_of(other)]
                pattern = call_hole("coalesce", parts) if all(parts) else None
                sensitive = found.sensitive or is_sensitive(other)
                return Unknown(at=found.at, why=found.why, pattern=pattern, sensitive=sensitive)
            if not isinstance(found, Absent):
                return found
        return Absent(at=at)

    def join(self, parts: Sequence[Result], at: Location) -> Result:
        """Return the text that parts make together; its pattern where not all of them are known."""
        texts: list[str] = []
        doubt: Unknown | None = None
        sensitive = False
        self.spend(len(parts) // ITEMS_A_STEP)
        for part in parts:
            sensitive = sensitive or is_sensitive(part)
            if isinstance(part, Scalar):
                texts.append(text_of(part.value))
            elif not isinstance(part, Absent) and (doubt is None or (is_sensitive(part) and not doubt.sensitive)):
                doubt = doubt_in("an array or object is inserted into a string", at, part)
        length = sum(map(len, texts))
        self.spend(length // CHARACTERS_A_STEP)
        if length > MAX_TEXT:
            return Unknown(at=at, why=f"strings longer than {MAX_TEXT:,} characters are not supported")
        if doubt is not None:
            # An array becomes its JSON text, which differs from its pattern.
            known = [pattern_of(part) if isinstance(part, Scalar | Unknown) else "" for part in parts]
            if sum(map(length_of, known)) > MAX_TEXT:
                return Unknown(at=at, why=doubt.why, sensitive=sensitive)
            whole = all(pattern or _is_empty(part) for pattern, part in zip(known, parts, strict=True))
            pattern = printed("string", join_texts(known), doubt) if whole else None
            facts = joined(parts, adds_up=True)
            return Unknown(at=at, why=doubt.why, pattern=pattern, given=True, known=facts, sensitive=sensitive)
        return Scalar(at=at, value="".join(texts), sensitive=sensitive)

    def member(self, of: Result, name: str, safe: bool, at: Location) -> Result:
        """Return ``of.name``."""
        match of:
            case Fields():
                found = of.field(name)
                if found is not None:
                    return found
                return _missing(safe, at, f"property `{name}` does not exist")
            case Unknown():
                return below(of, f".{name}", at)
            case Absent() | Scalar() | Items() | Closure():
                return _missing(safe, at, f"property `{name}` is accessed on a non-object")
            case _:
                return of.member(name, at)

    def item(self, of: Result, index: Result, safe: bool, from_end: bool, at: Location) -> Result:
        """Return ``of[index]``, of an array by number or of an object by name."""
        if isinstance(index, Scalar) and isinstance(index.value, str):
            return self.member(of, index.value, safe, at)
        match of:
            case Items():
                return _item_of(of, index, safe, from_end, at)
            case Unknown():
                step = pattern_of(index)
                return below(of, join_texts(["[^" if from_end else "[", step, "]"]) if step else "", at)
            case Fields() if isinstance(index, Unknown) and not may_have(of, index):
                return _missing(safe, at, "the property does not exist")
            case Absent() | Scalar() | Fields() | Closure():
                if isinstance(index, Unknown):
                    return Unknown(at=at, why=index.why)
                return _missing(safe, at, "a value that is not an array or object is indexed")
            case _:
                return of.item(index, at)


def printed(name: str, text: Text, doubt: Unknown) -> Pattern | None:
    """Return the pattern of a text. That of one value alone is the function ``name`` of it, unless it is a string."""
    return call_hole(name, [text]) if isinstance(text, Hole) and not is_string(doubt) else pattern_from(text)


def _item_of(of: Items, index: Result, safe: bool, from_end: bool, at: Location) -> Result:
    if isinstance(index, Unknown):
        return Unknown(at=at, why=index.why)
    if not isinstance(index, Scalar) or type(index.value) is not int:
        return _missing(safe, at, "an array index is not an integer")
    number = len(of.items) - index.value if from_end else index.value
    if 0 <= number < len(of.items):
        return of.items[number]
    return _missing(safe, at, f"array index {index.value} is out of range")


def _is_empty(part: Result) -> bool:
    """Return whether a part adds nothing to a text."""
    return isinstance(part, Absent) or (isinstance(part, Scalar) and part.value == "" and not part.sensitive)


def _missing(safe: bool, at: Location, why: str) -> Result:
    return Absent(at=at) if safe else Unknown(at=at, why=f"{why}, so the deployment fails")


# What a template writes in one case, Azure may return in another.
_AZURE = Comparison(ignores_case=True)
is_same = _AZURE.is_same
_may_be = _AZURE.may_be


def may_have(value: Fields, name: Unknown) -> bool:
    """Return whether an object may have the field that ``name`` turns out to name."""
    # What differs from a key may name it in another case.
    known = msgspec.structs.replace(name.known, differs=())
    any_case = msgspec.structs.replace(name, known=known)
    return value.rest is not None or any(_may_be(any_case, key) for key in value.fields)


def merge_alternatives(one: Result, other: Result, doubt: Unknown) -> Result:
    """Merge two results of which one is the value: what they share is known, the rest is as unknown as ``doubt``."""
    if isinstance(one, Items | Fields) and (is_large(one) or is_large(other)):
        return Unknown(at=doubt.at, why=doubt.why, sensitive=is_sensitive(one) or is_sensitive(other))
    return _either(one, other, doubt)


def _either(one: Result, other: Result, doubt: Unknown) -> Result:
    if _AZURE.same(one, other) is True:
        return other if is_sensitive(other) else one
    if isinstance(one, Fields) and isinstance(other, Fields):
        names = {name.lower(): name for name in [*other.fields, *one.fields]}
        fields = {name: _either_field(one, other, name, doubt) for name in names.values()}
        return Fields(at=one.at, fields=fields, rest=_either_rest(one.rest, other.rest))
    if isinstance(one, Items) and isinstance(other, Items) and len(one.items) == len(other.items):
        items = [_either(a, b, doubt) for a, b in zip(one.items, other.items, strict=True)]
        return Items(at=one.at, items=items)
    parts = [known_or_pattern(doubt.pattern), pattern_of(one), pattern_of(other)]
    pattern = call_hole("if", parts) if all(parts) else None
    sensitive = is_sensitive(one) or is_sensitive(other)
    return Unknown(
        at=doubt.at, why=doubt.why, pattern=pattern, given=is_given(one) and is_given(other),
        known=_with_item_names(one_of((one, other)), one, other), sensitive=sensitive,
    )  # fmt: skip


def _with_item_names(known: Known, one: Result, other: Result) -> Known:
    """Return what is known of one of two arrays, with the names that the fields of their items can have."""
    if not isinstance(one, Items) or not isinstance(other, Items):
        return known
    items = [*one.items, *other.items]
    if not all(isinstance(item, Fields) and item.rest is None for item in items):
        return known
    names = {name.lower() for item in items if isinstance(item, Fields) for name in item.fields}
    return msgspec.structs.replace(known, names=tuple(sorted(names)))


def _either_field(one: Fields, other: Fields, name: str, doubt: Unknown) -> Result:
    """Return a field that both objects may have, or one: then it may not be there, which is as much as null to
    Azure.
    """
    left, right = one.find(name), other.find(name)
    if left is not None and right is not None and as_optional(left) is None and as_optional(right) is None:
        return _either(left, right, doubt)
    left, right = one.field(name), other.field(name)
    missing = Absent(at=doubt.at)
    return may_be_absent(_either(missing if left is None else left, missing if right is None else right, doubt))


def _either_rest(one: Unknown | None, other: Unknown | None) -> Unknown | None:
    """Return the other fields of two objects, of which one is the value."""
    if one is None or other is None:
        rest = one if one is not None else other
        return None if rest is None else for_same_reason(rest)
    if one.pattern is not None and one.pattern == other.pattern:
        return one
    return Unknown(at=one.at, why=one.why, sensitive=one.sensitive or other.sensitive)


_LARGEST = 1 << 63
# Strings that look like other values, or like a string in quotation marks.
_LITERAL = regex(r"null|true|false|-?[0-9.]*|\".*", re.IGNORECASE | re.DOTALL)


def apply_binary(name: str, left: Result, right: Result, at: Location) -> Result:
    """Return the result of an operator on both operands; Unknown if they do not decide it or do not fit it."""
    if name == "==":
        equal = is_same(left, right)
        return _doubt(name, left, right, at) if equal is None else Scalar(at=at, value=equal)
    if not isinstance(left, Scalar) or not isinstance(right, Scalar):
        decided = compared(name, left, right) if name in ORDER else None
        return _doubt(name, left, right, at) if decided is None else Scalar(at=at, value=decided)
    if name in ("=~", "!~"):
        alike = text_of(left.value).lower() == text_of(right.value).lower()
        return Scalar(at=at, value=alike is (name == "=~"))
    if name in ORDER and _is_text(left) == _is_text(right) and not _is_flag(left) and not _is_flag(right):
        return Scalar(at=at, value=ORDER[name](left.value, right.value))
    number = _number(name, left.value, right.value) if type(left.value) is type(right.value) is int else None
    if number is None:
        return Unknown(at=at, why=f"operator `{name}` does not support these operands")
    return Scalar(at=at, value=number, sensitive=left.sensitive or right.sensitive)


def negate(result: Result, at: Location) -> Result:
    """Return ``!result``."""
    if isinstance(result, Scalar) and isinstance(result.value, bool):
        return Scalar(at=at, value=not result.value)
    if isinstance(result, Unknown):
        pattern = operation("!", [result.pattern]) if result.pattern is not None else None
        return Unknown(at=at, why=result.why, pattern=pattern, given=True)
    return Unknown(at=at, why="the operand of `!` is not a Boolean")


def apply_unary(name: str, operand: Result, at: Location) -> Result:
    """Return ``!``, ``-`` or ``+`` of an operand."""
    if name == "!":
        return negate(operand, at)
    if isinstance(operand, Scalar) and type(operand.value) is int:
        return Scalar(at=at, value=-operand.value if name == "-" else operand.value, sensitive=operand.sensitive)
    found = doubt_in(f"the operand of `{name}` is not a number", at, operand)
    pattern = operation(name, [found.pattern]) if found.pattern is not None else None
    return Unknown(at=at, why=found.why, pattern=pattern, given=isinstance(operand, Unknown))


def _number(name: str, left: int, right: int) -> int | None:
    """Return arithmetic as Azure does it: 64 bits, division towards zero."""
    match name:
        case "+":
            found = left + right
        case "-":
            found = left - right
        case "*":
            found = left * right
        case "/" | "%":
            if right == 0:
                return None
            quotient = abs(left) // abs(right)
            quotient = quotient if (left < 0) == (right < 0) else -quotient
            found = quotient if name == "/" else left - quotient * right
        case _:
            return None
    return found if -_LARGEST <= found < _LARGEST else None


def _doubt(name: str, left: Result, right: Result, at: Location) -> Unknown:
    found = doubt_in(f"operator `{name}` does not support these operands", at, left, right)
    parts = [_operand(left), _operand(right)]
    # An operator returns a value or fails: never null.
    given = isinstance(left, Unknown) or isinstance(right, Unknown)
    return Unknown(at=at, why=found.why, pattern=operation(name, parts) if all(parts) else None, given=given)


def _operand(result: Result) -> Text:
    """Return how an operand is written in a pattern: in quotation marks where it would be another value without."""
    if isinstance(result, Absent):
        return "null"
    found = pattern_of(result)
    is_text = isinstance(result, Scalar) and isinstance(result.value, str) and not result.sensitive
    return f'"{text_form(found)}"' if is_text and _LITERAL.fullmatch(text_form(found)) else found


def _is_text(value: Scalar) -> bool:
    return isinstance(value.value, str)


def _is_flag(value: Scalar) -> bool:
    return isinstance(value.value, bool)
