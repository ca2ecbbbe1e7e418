"""Operations of every language on results: choose, connect, join, access."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from azkvlint.evaluation.operators import may_have, merge_alternatives
from azkvlint.evaluation.values import (
    CHARACTERS_A_STEP,
    ITEMS_A_STEP,
    MAX_TEXT,
    VALUES_A_STEP,
    Closure,
    Fields,
    Items,
    PartlySecret,
    Result,
    doubt_in,
    find_field,
    hole,
    is_sensitive,
    pattern_of,
    size,
    text_of,
)
from azkvlint.model.location import Location
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.syntax import ast

Local: TypeAlias = Mapping[str, Result]
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
        return merge_alternatives(one, other, doubt)

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
        parts = [doubt.pattern for doubt in doubts]
        # The pattern of one operand alone would make the whole the same as that.
        known = all(parts) and sum(map(len, parts)) < MAX_TEXT
        pattern = hole(("&&" if neutral else "||").join(parts)) if known else ""
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
                parts = [found.pattern, pattern_of(other)]
                pattern = hole(f"coalesce({','.join(parts)})") if all(parts) else ""
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
            known = [pattern_of(part) if not isinstance(part, Absent) else "" for part in parts]
            if sum(map(len, known)) > MAX_TEXT:
                return Unknown(at=at, why=doubt.why, sensitive=sensitive)
            whole = all(pattern or _is_empty(part) for pattern, part in zip(known, parts, strict=True))
            return Unknown(at=at, why=doubt.why, pattern="".join(known) if whole else "", sensitive=sensitive)
        return Scalar(at=at, value="".join(texts), sensitive=sensitive)

    def member(self, of: Result, name: str, safe: bool, at: Location) -> Result:
        """Return ``of.name``."""
        match of:
            case Fields():
                found = find_field(of, name)
                if found is not None:
                    return found
                return of.rest if of.rest is not None else _missing(safe, at, f"property `{name}` does not exist")
            case Unknown():
                return _below(of, f".{name}", at)
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
                return _below(of, f"[{'^' if from_end else ''}{step}]" if step else "", at)
            case Fields() if isinstance(index, Unknown) and not may_have(of, index):
                return _missing(safe, at, "the property does not exist")
            case Absent() | Scalar() | Fields() | Closure():
                if isinstance(index, Unknown):
                    return Unknown(at=at, why=index.why)
                return _missing(safe, at, "a value that is not an array or object is indexed")
            case _:
                return of.item(index, at)


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


def _below(of: Unknown, step: str, at: Location) -> Unknown:
    if type(of) is PartlySecret:
        return of.below(step, at)
    pattern = hole(of.pattern + step) if of.pattern and step else ""
    return Unknown(at=at, why=of.why, pattern=pattern, sensitive=of.sensitive)


def _missing(safe: bool, at: Location, why: str) -> Result:
    return Absent(at=at) if safe else Unknown(at=at, why=f"{why}, so the deployment fails")
