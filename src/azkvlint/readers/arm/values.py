"""JSON of a template -> results: expressions evaluated, arrays made by ``copy``, all at the place of their member."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from azkvlint.evaluation.evaluate import MAX_DEPTH, Evaluator, move
from azkvlint.evaluation.operations import Local
from azkvlint.evaluation.values import MAX_ITEMS, Fields, Items, Result, doubt_in, hole, name_of, one_of_keys
from azkvlint.model.location import Location
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.readers.arm.attribute_filter import Tree, prune
from azkvlint.readers.arm.run import Run
from azkvlint.readers.arm.template_json import Pointer, is_copies, key_of
from azkvlint.syntax.arm.expression import is_expression, unescaped
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex

# Names of local variables that no lambda can have: loops by name, the loop of a resource, arguments of functions.
LOOP, RESOURCE_LOOP, ARGUMENTS = "\0loop ", "\0resource loop", "\0arguments"
NO_LOCAL: Local = {}
_NUMBER = regex(r"-?[0-9]{1,15}")


class Values:
    """Evaluates the JSON of one template. ``at`` is the place of the member whose expression is being evaluated."""

    is_nested = False

    def __init__(self, run: Run, path: str) -> None:
        self.run = run
        self.path = path
        self.at = Location(path=path, pointer=())
        self.evaluator: Evaluator

    def location(self, pointer: Pointer) -> Location:
        """Return the location of a member."""
        return Location(path=self.path, pointer=pointer)

    def value(self, plain: Any, pointer: Pointer, local: Local = NO_LOCAL, tree: Tree | None = None) -> Result:
        """Return the value of a member with ``local`` variables; of objects, only the members in ``tree``."""
        kind = type(plain)
        if kind is str:
            at = Location(path=self.path, pointer=pointer)
            if plain[:1] != "[":
                return Scalar(at=at, value=plain)
            found = self.text(plain, at, local)
            return found if tree is None else prune(found, tree)
        if kind is dict or kind is list:
            budget = self.run.budget
            if budget.depth > MAX_DEPTH:
                return Unknown(at=self.location(pointer), why="the nesting is too deep")
            if local or self.is_nested:
                budget.add_values(len(plain))  # it may be made many times; of the rest there is as much as is read
            budget.depth += 1
            try:
                if kind is dict:
                    return self._object(plain, pointer, local, tree)
                path = self.path
                items = [
                    Scalar(at=Location(path=path, pointer=(*pointer, at)), value=item)
                    if type(item) is str and item[:1] != "["
                    else self.value(item, (*pointer, at), local, tree)
                    for at, item in enumerate(plain)
                ]
                return Items(at=self.location(pointer), items=items)
            finally:
                budget.depth -= 1
        at = Location(path=self.path, pointer=pointer)
        return Absent(at=at) if plain is None else Scalar(at=at, value=plain)

    def text(self, text: str, at: Location, local: Local) -> Result:
        """Return the value of a string, which may be an expression."""
        if not is_expression(text):
            return Scalar(at=at, value=unescaped(text))
        node = self.run.parse(text[1:-1], at)
        if node is None:
            return Unknown(at=at, why="the expression is invalid")
        before, self.at = self.at, at
        try:
            found = self.evaluator.evaluate(node, local)
        finally:
            self.at = before
        kind = type(found)
        if kind is Fields or kind is Items:
            self.run.charge(found)  # type: ignore[arg-type]  # mypy does not narrow by such a test
        elif found.at is not at and found.at.path == self.path:
            return move(found, at)
        return found

    def _object(self, plain: dict[str, Any], pointer: Pointer, local: Local, tree: Tree | None) -> Fields:
        fields: dict[str, Result] = {}
        rest: Unknown | None = None
        below: Tree | None = None
        path = self.path
        name: str | Unknown
        for key, item in plain.items():
            name, kind = key, type(item)
            if key[:1] == "[" and is_expression(key):
                found = self.text(key, self.location((*pointer, key)), local)
                name = name_of(found, found.at)
                if isinstance(name, Unknown):
                    rest = one_of_keys(rest, name)
                    continue
            elif kind is list and key.lower() == "copy" and is_copies(item):
                self._copies(item, (*pointer, key), local, tree, fields)
                continue
            if tree is not None:
                required = tree.get(name) or tree.get(name.lower())
                if required is None:
                    continue
                below = required[0]
            # Most members are data: a call for each would be most of the work.
            if kind is bool or kind is int or (kind is str and item[:1] != "["):
                fields[name] = Scalar(at=Location(path=path, pointer=(*pointer, key)), value=item)
            else:
                fields[name] = self.value(item, (*pointer, key), local, below)
        return Fields(at=self.location(pointer), fields=fields, rest=rest)

    def _copies(
        self, loops: list[Any], pointer: Pointer, local: Local, tree: Tree | None, fields: dict[str, Result]
    ) -> None:
        """Add the properties that the ``copy`` of an object declares."""
        for number, loop in enumerate(loops):
            name = str(loop[key_of(loop, "name")])
            required = (None,) if tree is None else tree.get(name) or tree.get(name.lower())
            if required is not None:
                fields[name] = self.loop(loop, name, "input", (*pointer, number), local, required[0])

    def loop(
        self, loop: Mapping[str, Any], name: str, input_: str, pointer: Pointer, local: Local,
        tree: Tree | None = None,
    ) -> Result:  # fmt: skip
        """Return the array of a property, variable or output loop; ``input_`` is the member that it repeats."""
        number = self.count(loop, pointer, local)
        if not isinstance(number, int):
            at = self.location(pointer)
            return Unknown(at=at, why=f"the number of items in `{name}` is unknown: {number.why}")
        key = key_of(loop, input_)
        self.run.budget.add_values(number)
        items: list[Result] = []
        for index in range(number if key is not None else 0):
            inner = {**local, f"{LOOP}{name.lower()}": Scalar(at=self.at, value=index)}
            inner.setdefault(RESOURCE_LOOP, inner[f"{LOOP}{name.lower()}"])
            items.append(self.value(loop[str(key)], (*pointer, str(key)), inner, tree))
        return Items(at=self.location(pointer), items=items)

    def count(self, loop: Mapping[str, Any], pointer: Pointer, local: Local) -> int | Unknown:
        """Return the number of iterations of a loop. Raises InputError above the limit."""
        key = key_of(loop, "count")
        if key is None:
            return Unknown(at=self.location(pointer), why="the copy loop has no count")
        found = self.value(loop[key], (*pointer, key), local)
        if not isinstance(found, Scalar) or type(found.value) is not int:
            return doubt_in("the count of the copy loop is not a number", found.at, found)
        if found.value > MAX_ITEMS:
            raise InputError(f"a copy loop has more than {MAX_ITEMS:,} items")
        return max(found.value, 0)


def with_stable_pattern(found: Result, name: str) -> Result:
    """Return a value that is evaluated once: if it is unknown, it is the same unknown value in each use.

    ``name`` is unique in the root template.
    """
    if isinstance(found, Unknown) and not found.pattern and not found.sensitive:
        return Unknown(at=found.at, why=found.why, pattern=hole(name), given=found.given, filled=found.filled)
    return found


def convert_argument(found: Result, kind: str) -> Result:
    """Return a given value in the type of its parameter: a parameter file may write a boolean or integer as a string.

    The Azure Developer CLI converts it. Azure converts it too or rejects it, and then nothing is deployed.
    """
    if not isinstance(found, Scalar) or not isinstance(found.value, str):
        return found
    if kind == "bool" and found.value.lower() in ("true", "false"):
        return msgspec.structs.replace(found, value=found.value.lower() == "true")
    if kind == "int" and _NUMBER.fullmatch(found.value):
        return msgspec.structs.replace(found, value=int(found.value))
    return found
