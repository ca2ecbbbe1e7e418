"""Evaluate the JSON of a template, whose strings may be expressions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from azkvlint.evaluation.budget import MAX_ITEMS
from azkvlint.evaluation.evaluate import MAX_DEPTH, Evaluator, ExpressionDocument, move
from azkvlint.evaluation.functions.languages import ARM
from azkvlint.evaluation.operators import Local
from azkvlint.evaluation.values import Fields, Items, Result, WithItem, below, doubt_in, name_of, named_by
from azkvlint.model.location import Location
from azkvlint.model.pattern import hole, position_in
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.readers.deployment.documents import is_copies, key_of
from azkvlint.readers.modules.required_members import Tree, prune
from azkvlint.readers.modules.run import Run
from azkvlint.syntax import ast
from azkvlint.syntax.arm_expression import is_expression, unescaped
from azkvlint.syntax.ast import Pointer
from azkvlint.util.errors import InputError

# Names of local variables that no lambda can have: loops by name, and the loop of a resource.
LOOP, RESOURCE_LOOP = "\0loop ", "\0resource loop"


class DataEvaluator(Evaluator):
    """Evaluates the values of one template. ``at`` is the place of the string whose expression is being evaluated.

    ``is_nested``: its values may be evaluated many times.
    """

    def __init__(self, document: ExpressionDocument, run: Run, path: str, is_nested: bool) -> None:
        super().__init__(document, ARM, run.budget)
        self.run = run
        self.path = path
        self.is_nested = is_nested
        self.at = Location(path=path, pointer=())

    def location(self, pointer: Pointer) -> Location:
        """Return the location of a value."""
        return Location(path=self.path, pointer=pointer)

    def property(self, node: ast.Property, local: Local) -> Result:
        """Return the value of a property, which has a location of its own."""
        return self.evaluate(node.value, local)

    def declared_property(self, node: ast.Property, local: Local) -> Result:
        """Return the value of a property that is kept for further uses."""
        return self.declared(node.value, local)

    def declared(self, node: ast.Expression, local: Local) -> Result:
        """Return the value of a declaration, which is kept for further uses."""
        return self._data(node, local) if type(node) is ast.Data else super().declared(node, local)

    def _data(self, node: ast.Data, local: Local) -> Result:
        return self.data(node.plain, node.pointer, local)

    def item(self, of: Result, index: Result, safe: bool, from_end: bool, at: Location) -> Result:
        """Return ``of[index]``. The item at the position of a loop over the same list is the item of a Bicep loop."""
        position = index.pattern if isinstance(index, Unknown) else None
        over = of.pattern if isinstance(of, Unknown) else None
        if isinstance(of, Unknown) and over is not None and position is not None and position == position_in(over):
            return of.named_item(hole(over, "[*]")) if isinstance(of, WithItem) else below(of, "[*]", at)
        return super().item(of, index, safe, from_end, at)

    def data(self, plain: Any, pointer: Pointer, local: Local, tree: Tree | None = None) -> Result:
        """Return the value of JSON with ``local`` variables; of objects, only the members in ``tree``."""
        kind = type(plain)
        if kind is str:
            at = Location(path=self.path, pointer=pointer)
            if plain[:1] != "[":
                return Scalar(at=at, value=plain)
            found = self._text(plain, at, local)
            if tree is None:
                return found
            pruned = prune(found, tree)
            self.run.recorder.replace(found, pruned)
            return pruned
        if kind is dict or kind is list:
            budget = self.budget
            if budget.depth > MAX_DEPTH:
                return Unknown(at=self.location(pointer), why="the nesting is too deep")
            if local or self.is_nested:
                budget.add_values(len(plain))  # of the rest there is as much as is read
            budget.depth += 1
            try:
                if kind is dict:
                    return self._members(plain, pointer, local, tree)
                path = self.path
                items = [
                    Scalar(at=Location(path=path, pointer=(*pointer, at)), value=item)
                    if type(item) is str and item[:1] != "["
                    else self.data(item, (*pointer, at), local, tree)
                    for at, item in enumerate(plain)
                ]
                return Items(at=self.location(pointer), items=items)
            finally:
                budget.depth -= 1
        at = Location(path=self.path, pointer=pointer)
        return Absent(at=at) if plain is None else Scalar(at=at, value=plain)

    def _text(self, text: str, at: Location, local: Local) -> Result:
        """Return the value of a string, which may be an expression."""
        if not is_expression(text):
            return Scalar(at=at, value=unescaped(text))
        node = self.run.parse(text[1:-1], at)
        if node is None:
            return Unknown(at=at, why="the expression is invalid")
        before, self.at = self.at, at
        try:
            found = self.evaluate(node, local)
        finally:
            self.at = before
        self.run.recorder.settle(node)
        kind = type(found)
        if kind is Fields or kind is Items:
            self.run.charge(found)  # type: ignore[arg-type]  # mypy does not narrow by such a test
        elif found.at is not at and found.at.path == self.path:
            return move(found, at)
        return found

    def _members(self, plain: dict[str, Any], pointer: Pointer, local: Local, tree: Tree | None) -> Fields:
        fields: dict[str, Result] = {}
        rest: Unknown | None = None
        inner: Tree | None = None
        path = self.path
        recorder = self.run.recorder
        parts = recorder.parts() if recorder.is_recording else None
        name: str | Unknown
        for key, item in plain.items():
            name, kind = key, type(item)
            if key[:1] == "[" and is_expression(key):
                if parts is not None:
                    parts.mix()
                found = self._text(key, self.location((*pointer, key)), local)
                name = name_of(found, found.at)
                if isinstance(name, Unknown):
                    rest = named_by(name, rest)
                    continue
            elif kind is list and key.lower() == "copy" and is_copies(item):
                self._copies(item, (*pointer, key), local, tree, fields)
                if parts is not None:
                    parts.mix()
                continue
            if tree is not None:
                required = tree.get(name) or tree.get(name.lower())
                if required is None:
                    continue
                inner = required[0]
            # Most members are data: a call for each would be most of the work.
            if kind is bool or kind is int or (kind is str and item[:1] != "["):
                fields[name] = Scalar(at=Location(path=path, pointer=(*pointer, key)), value=item)
            else:
                fields[name] = self.data(item, (*pointer, key), local, inner)
                if parts is not None:
                    parts.add(name, fields[name])
        whole = Fields(at=self.location(pointer), fields=fields, rest=rest)
        return whole if parts is None else parts.finish(whole)

    def _copies(
        self, loops: list[Any], pointer: Pointer, local: Local, tree: Tree | None, fields: dict[str, Result]
    ) -> None:
        """Add the properties that the ``copy`` of an object declares."""
        for number, loop in enumerate(loops):
            name = str(loop[key_of(loop, "name")])
            required = (None,) if tree is None else tree.get(name) or tree.get(name.lower())
            if required is not None:
                fields[name] = self._loop(loop, name, (*pointer, number), local, required[0])

    def _loop(self, loop: Mapping[str, Any], name: str, pointer: Pointer, local: Local, tree: Tree | None) -> Result:
        """Return the array that the loop of a property makes."""
        count, repeated = key_of(loop, "count"), key_of(loop, "input")
        written = None if count is None else ast.Data(0, 0, loop[count], (*pointer, count))
        number = self.number_of_copies(written, self.location(pointer), local)
        if not isinstance(number, int):
            at = self.location(pointer)
            return Unknown(at=at, why=f"the number of items in `{name}` is unknown: {number.why}")
        self.budget.add_values(number)
        items: list[Result] = []
        for index in range(number if repeated is not None else 0):
            inner = {**local, f"{LOOP}{name.lower()}": Scalar(at=self.at, value=index)}
            inner.setdefault(RESOURCE_LOOP, inner[f"{LOOP}{name.lower()}"])
            items.append(self.data(loop[str(repeated)], (*pointer, str(repeated)), inner, tree))
        return Items(at=self.location(pointer), items=items)

    def number_of_copies(self, written: ast.Expression | None, at: Location, local: Local) -> int | Unknown:
        """Return the number of iterations of a loop. Raises InputError above the limit."""
        if written is None:
            return Unknown(at=at, why="the copy loop has no count")
        found = self.declared(written, local)
        if not isinstance(found, Scalar) or type(found.value) is not int:
            return doubt_in("the count of the copy loop is not a number", found.at, found)
        if found.value > MAX_ITEMS:
            raise InputError(f"a copy loop has more than {MAX_ITEMS:,} items")
        return max(found.value, 0)

    HANDLERS: ClassVar[dict[type, Callable[[Any, Any, Local], Result]]] = {**Evaluator.HANDLERS, ast.Data: _data}
