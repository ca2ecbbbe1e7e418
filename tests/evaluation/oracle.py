"""Expressions of Bicep, ARM templates and Terraform with known values, computed in plain Python.

An expression is a tuple: the name of an operation and its operands. Nothing is taken from the package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Tree: TypeAlias = tuple[Any, ...]
Values: TypeAlias = Mapping[str, Any]


class FailedError(Exception):
    """The language rejects the expression, or its documentation does not state a value."""


class UndecidedError(Exception):
    """It depends on types that are declared elsewhere."""


def equal(left: Any, right: Any) -> bool:
    """Compare values by their types too: 1 is neither true nor "1"."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    return type(left) is type(right) and bool(left == right)


class Oracle:
    """The operations that the languages have in common, by the name of their method."""

    def value(self, tree: Tree, values: Values) -> Any:
        """Return the value of an expression. Raise FailedError where there is none."""
        name, *operands = tree
        lazy = getattr(self, f"lazy_{name}", None)
        if lazy is not None:
            return lazy(values, *operands)
        method: Callable[..., Any] = getattr(self, name)
        return method(*[self.value(operand, values) if isinstance(operand, tuple) else operand for operand in operands])

    def lazy_name(self, values: Values, name: str) -> Any:
        return values[name]

    def lazy_literal(self, values: Values, value: Any) -> Any:  # noqa: ARG002  # it has none
        return value

    def condition(self, tree: Tree, values: Values) -> bool:
        result = self.value(tree, values)
        if not isinstance(result, bool):
            raise FailedError
        return result

    def lazy_both(self, values: Values, left: Tree, right: Tree) -> bool:
        return self.condition(left, values) and self.condition(right, values)

    def lazy_any(self, values: Values, left: Tree, right: Tree) -> bool:
        return self.condition(left, values) or self.condition(right, values)

    def lazy_negated(self, values: Values, operand: Tree) -> bool:
        return not self.condition(operand, values)

    def lazy_loop(self, values: Values, over: Tree, body: Tree) -> list[Any]:
        items = self.value(over, values)
        if not isinstance(items, list):
            raise FailedError
        return [self.value(body, {**values, "i": item}) for item in items]

    def equals(self, left: Any, right: Any) -> bool:
        return equal(left, right)

    def differs(self, left: Any, right: Any) -> bool:
        return not equal(left, right)

    def array(self, *items: Any) -> list[Any]:
        return [*items]

    def item(self, of: Any, number: int) -> Any:
        if not isinstance(of, list) or number >= len(of):
            raise FailedError
        return of[number]

    def length(self, of: Any) -> int:
        if not isinstance(of, str | list | dict):
            raise FailedError
        return len(of)

    def shorter(self, left: Any, right: Any) -> bool:
        if type(left) is not int or type(right) is not int:
            raise FailedError
        return left < right

    def joined(self, *lists: Any) -> list[Any]:
        if not all(isinstance(each, list) for each in lists):
            raise FailedError
        return [item for each in lists for item in each]

    def lower(self, of: Any) -> str:
        return self.string(of).lower()

    def string(self, of: Any) -> str:
        if not isinstance(of, str):
            raise FailedError
        return of

    def items_of(self, of: Any) -> list[Any]:
        if not isinstance(of, list):
            raise FailedError
        return of

    def replaced(self, of: Any, old: str, new: str) -> str:
        return self.string(of).replace(old, new)

    def split(self, of: Any, by: str) -> list[str]:
        return self.string(of).split(by)

    def strung(self, of: Any, by: str) -> str:
        return by.join([self.string(item) for item in self.items_of(of)])

    def lazy_kept(self, values: Values, over: Tree, body: Tree, condition: Tree) -> list[Any]:
        items = [{**values, "i": item} for item in self.items_of(self.value(over, values))]
        return [self.value(body, inner) for inner in items if self.condition(condition, inner)]

    def keys(self, of: Any) -> list[str]:
        if not isinstance(of, dict):
            raise FailedError
        return sorted(of)


class Azure(Oracle):
    """Bicep and ARM templates."""

    def member(self, of: Any, name: str) -> Any:
        if not isinstance(of, dict):
            raise FailedError
        for key, value in of.items():
            if key.lower() == name.lower():
                return value
        raise FailedError

    def optional(self, of: Any, name: str) -> Any:
        if of is None:
            return None
        if not isinstance(of, dict):
            raise FailedError
        return next((value for key, value in of.items() if key.lower() == name.lower()), None)

    def lazy_either(self, values: Values, condition: Tree, yes: Tree, no: Tree) -> Any:
        return self.value(yes if self.condition(condition, values) else no, values)

    def lazy_first_of(self, values: Values, *operands: Tree) -> Any:
        for operand in operands:
            result = self.value(operand, values)
            if result is not None:
                return result
        return None

    def text(self, *parts: Any) -> str:
        if any(isinstance(part, list | dict) for part in parts):
            raise FailedError
        return "".join("" if part is None else str(part) for part in parts)

    def lazy_fields(self, values: Values, *members: Tree) -> dict[str, Any]:
        """Return an object of members ``(name or expression, value)`` and ``(value,)``, which is spread."""
        result: dict[str, Any] = {}
        own: set[str] = set()
        for *name, tree in members:
            if not name:
                result = self.shallow(result, self.value(tree, values))
                continue
            key = name[0] if isinstance(name[0], str) else self.text(self.value(name[0], values))
            if key.lower() in own:
                raise FailedError
            own.add(key.lower())
            result = self.shallow(result, {key: self.value(tree, values)})
        return result

    def shallow(self, under: dict[str, Any], over: Any) -> dict[str, Any]:
        if not isinstance(over, dict):
            raise FailedError
        names = {name.lower(): name for name in under}
        result = dict(under)
        for name, value in over.items():
            result[names.setdefault(name.lower(), name)] = value
        return result

    def union(self, left: Any, right: Any) -> Any:
        if isinstance(left, list) and isinstance(right, list):
            result: list[Any] = []
            for item in [*left, *right]:
                if not any(equal(item, other) for other in result):
                    result.append(item)
            return result
        if not isinstance(left, dict) or not isinstance(right, dict):
            raise FailedError
        names = {name.lower(): name for name in left}
        merged = dict(left)
        for name, over in right.items():
            key = names.get(name.lower(), name)
            if over is None:
                raise FailedError
            merged[key] = (
                self.union(left[key], over) if isinstance(over, dict) and isinstance(left.get(key), dict) else over
            )
        return merged

    def empty(self, of: Any) -> bool:
        if of is not None and not isinstance(of, str | list | dict):
            raise FailedError
        return not of

    def contains(self, of: Any, part: Any) -> bool:
        if isinstance(of, list):
            return any(equal(item, part) for item in of)
        if not isinstance(part, str) or not isinstance(of, str | dict):
            raise FailedError
        return part in of if isinstance(of, str) else part.lower() in {key.lower() for key in of}

    def starts(self, of: Any, part: Any) -> bool:
        return self.lower(of).startswith(self.lower(part))

    def ends(self, of: Any, part: Any) -> bool:
        return self.lower(of).endswith(self.lower(part))

    def first(self, of: Any) -> Any:
        if not isinstance(of, str | list):
            raise FailedError
        return of[0] if of else None if isinstance(of, list) else ""

    def last(self, of: Any) -> Any:
        if not isinstance(of, str | list):
            raise FailedError
        return of[-1] if of else None if isinstance(of, list) else ""

    def shared(self, left: Any, right: Any) -> list[Any]:
        result: list[Any] = []
        for item in self.items_of(left):
            is_shared = any(equal(item, other) for other in self.items_of(right))
            if is_shared and not any(equal(item, kept) for kept in result):
                result.append(item)
        return result

    def position(self, of: Any, part: Any) -> int:
        if isinstance(of, list):
            return next((at for at, item in enumerate(of) if equal(item, part)), -1)
        return self.lower(of).find(self.lower(part))

    def printed(self, of: Any) -> str:
        return self.text(of)

    def named(self, of: Any) -> dict[str, Any]:
        items = self.items_of(of)
        if any(not isinstance(item, str) for item in items) or len({item.lower() for item in items}) < len(items):
            raise FailedError
        return {item: item for item in items}

    def take(self, of: Any, count: int) -> Any:
        if not isinstance(of, str | list):
            raise FailedError
        return of[:count]

    def skip(self, of: Any, count: int) -> Any:
        if not isinstance(of, str | list):
            raise FailedError
        return of[count:]


class Terraform(Oracle):
    """Terraform's expressions, without those whose types depend on declarations."""

    def member(self, of: Any, name: str) -> Any:
        if not isinstance(of, dict) or name not in of:
            raise FailedError
        return of[name]

    def printed(self, value: Any) -> str:
        if value is None or isinstance(value, list | dict):
            raise FailedError
        return str(value).lower() if isinstance(value, bool) else str(value)

    def lazy_either(self, values: Values, condition: Tree, yes: Tree, no: Tree) -> Any:
        taken, other = (yes, no) if self.condition(condition, values) else (no, yes)
        result = self.value(taken, values)
        try:
            unused = self.value(other, values)
        except FailedError:
            return result
        # Values of different types become one type, which a null has too.
        converts = type(result) is not type(unused) or isinstance(result, list | dict)
        if result is not None and unused is not None and converts and not equal(result, unused):
            raise UndecidedError
        return result

    def lazy_first_of(self, values: Values, *operands: Tree) -> Any:
        result = [self.value(operand, values) for operand in operands]
        if len({type(value) for value in result if value is not None}) > 1:
            raise UndecidedError
        for value in result:
            if value not in (None, ""):
                return value
        raise FailedError

    def text(self, *parts: Any) -> Any:
        return parts[0] if len(parts) == 1 else "".join(map(self.printed, parts))

    def lazy_fields(self, values: Values, *members: Tree) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for name, tree in members:
            key = name if isinstance(name, str) else self.printed(self.value(name, values))
            result[key] = self.value(tree, values)
        return result

    def merge(self, *objects: Any) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for each in objects:
            if each is not None and not isinstance(each, dict):
                raise FailedError
            result |= each or {}
        return result

    def lookup(self, of: Any, name: Any, default: Any) -> Any:
        if not isinstance(of, dict):
            raise FailedError
        return of.get(self.printed(name), default)

    def lazy_tried(self, values: Values, *operands: Tree) -> Any:
        for operand in operands:
            try:
                return self.value(operand, values)
            except FailedError:
                continue
        raise FailedError

    def lazy_can(self, values: Values, operand: Tree) -> bool:
        try:
            self.value(operand, values)
        except FailedError:
            return False
        return True

    def single(self, of: Any) -> Any:
        if not isinstance(of, list) or len(of) > 1:
            raise FailedError
        return of[0] if of else None

    def lazy_values_of(self, values: Values, over: Tree, body: Tree) -> dict[str, Any]:
        result = self.value(over, values)
        if not isinstance(result, dict):
            raise FailedError
        return {key: self.value(body, {**values, "i": result[key]}) for key in sorted(result)}

    def contains(self, of: Any, part: Any) -> bool:
        if part is None or not isinstance(of, list):
            raise FailedError
        if not {type(item) for item in of} <= {type(part)}:
            raise UndecidedError
        return any(equal(item, part) for item in of)

    def string(self, of: Any) -> str:
        return self.printed(of)

    def backwards(self, of: Any) -> list[Any]:
        return self.items_of(of)[::-1]

    def filled(self, of: Any) -> list[str]:
        items = self.items_of(of)
        if any(not isinstance(item, str) and item is not None for item in items):
            raise UndecidedError
        return [item for item in items if item]

    def distinct(self, of: Any) -> list[Any]:
        result: list[Any] = []
        if len({type(item) for item in self.items_of(of)}) > 1:
            raise UndecidedError
        for item in of:
            if not any(equal(item, other) for other in result):
                result.append(item)
        return result

    def values(self, of: Any) -> list[Any]:
        return [of[key] for key in self.keys(of)]

    def without_prefix(self, of: Any, prefix: str) -> str:
        return self.string(of).removeprefix(prefix)

    def begins(self, of: Any, part: Any) -> bool:
        return self.string(of).startswith(self.string(part))

    def part(self, of: Any, start: int, length: int) -> str:
        return self.string(of)[start:][:length]

    def slice(self, of: Any, start: int, end: int) -> list[Any]:
        if end > len(self.items_of(of)):
            raise FailedError
        result: list[Any] = of[start:end]
        return result

    def all_true(self, of: Any) -> bool:
        if any(not isinstance(item, bool) for item in self.items_of(of)):
            raise UndecidedError
        return all(of)

    def text_of(self, of: Any) -> str | None:
        return None if of is None else self.printed(of)
