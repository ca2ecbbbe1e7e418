"""The evaluator: from an expression to its value before deployment, with Unknown for what is known only later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

import msgspec

from azkvlint.evaluation.budget import ITEMS_A_STEP, MAX_ITEMS, Budget
from azkvlint.evaluation.functions.merging import merge, overlaid
from azkvlint.evaluation.known import size_of
from azkvlint.evaluation.operators import Local, Operations, apply_binary, apply_unary, negate
from azkvlint.evaluation.reads import Bound
from azkvlint.evaluation.values import (
    Closure,
    ConditionalEntity,
    Fields,
    Items,
    Partly,
    PartlySecret,
    Result,
    WithItem,
    doubt_in,
    for_same_reason,
    is_sensitive,
    name_of,
    named_by,
    partial_list,
    with_item,
)
from azkvlint.model.location import Location
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.syntax import ast
from azkvlint.util.errors import InputError

# Evaluation is recursive, and so are values: this many levels are far more than anyone writes.
MAX_DEPTH = 600
_NO_ARRAY = "the spread operator expects an array"
# Values that begin where they are written.
_WRITTEN_OUT = frozenset((ast.Object, ast.Array))


class ExpressionDocument(Protocol):
    """The document that contains the expressions of an evaluator."""

    def place(self, node: ast.Node) -> Location:
        """Return the location of a node."""

    def symbol(self, node: ast.Name) -> Result:
        """Return the value of a name that is not a local variable."""

    def call(self, node: ast.Call, local: Local) -> Result | None:
        """Return a call of one of the document's own functions, or of one that depends on the document; None for
        others.
        """


class Functions(Protocol):
    """The functions of a language."""

    def call(self, node: ast.Call, local: Local, evaluator: Operations) -> Result:
        """Return the result of a call; Unknown for a function that is not known, or known only after deployment."""


class Evaluator(Operations):
    """Evaluates the expressions of one document. Raises InputError above the limits of a template."""

    def __init__(self, document: ExpressionDocument, functions: Functions, budget: Budget) -> None:
        self.document = document
        self.functions = functions
        self.budget = budget

    def place(self, node: ast.Node) -> Location:
        """Return the location of a node."""
        return self.document.place(node)

    def track_secrets(self, arguments: Sequence[Result], found: Result) -> None:
        """Record what a function made of strings that no message shows."""
        self.budget.secrets.follow(arguments, found)

    def spend(self, steps: int) -> None:
        """Count the cost of work in steps. Raise InputError above the limit."""
        self.budget.spend(steps)

    def evaluate(self, node: ast.Expression, local: Local) -> Result:
        """Return the value of ``node`` with ``local`` variables."""
        kind = type(node)
        if kind is ast.Literal:
            at = self.document.place(node)
            plain = node.value  # type: ignore[union-attr]  # mypy does not narrow by type()
            return Absent(at=at) if plain is None else Scalar(at=at, value=plain)
        budget = self.budget
        budget.steps += 1
        if budget.steps > budget.limits.steps:
            budget.spend(0)
        if budget.depth > MAX_DEPTH:
            return Unknown(at=self.document.place(node), why="the expressions are nested too deeply")
        budget.depth += 1
        try:
            return self.HANDLERS[kind](self, node, local)
        finally:
            budget.depth -= 1

    def _template(self, node: ast.Template, local: Local) -> Result:
        return self.join([self.evaluate(part, local) for part in node.parts], self.document.place(node))

    def _name(self, node: ast.Name, local: Local) -> Result:
        found = local.get(node.name)
        if found is None:
            return self.document.symbol(node)
        return found.evaluate() if isinstance(found, Bound) else found

    def _member(self, node: ast.Member, local: Local) -> Result:
        recorder = self.budget.recorder
        start = len(recorder.log)
        of = self.evaluate(node.of, local)
        safe = node.safe or (isinstance(of, Absent) and _is_safe(node.of))
        exists = of.exists() if safe and isinstance(of, ConditionalEntity) else None
        if exists is not None:
            member = ast.Member(node.start, node.end, node.of, node.name, False)
            return self.choose(exists, member, ast.Literal(node.start, node.end, None), local)
        found = self.member(of, node.name, safe, self.document.place(node))
        if recorder.is_recording:
            recorder.settle(node.of)
            recorder.step(start, of, node.name, found)
        return found

    def _item(self, node: ast.Item, local: Local) -> Result:
        of, index = self.evaluate(node.of, local), self.evaluate(node.index, local)
        safe = node.safe or (isinstance(of, Absent) and _is_safe(node.of))
        return self.item(of, index, safe, node.from_end, self.document.place(node))

    def _nested(self, node: ast.Nested, local: Local) -> Result:
        return self.member(self.evaluate(node.of, local), f"::{node.name}", False, self.document.place(node))

    def _not_null(self, node: ast.NotNull, local: Local) -> Result:
        return self.evaluate(node.of, local)

    def _call(self, node: ast.Call, local: Local) -> Result:
        found = self.document.call(node, local)
        if found is not None:
            return found
        found = self.functions.call(node, local, self)
        self.budget.recorder.forget()
        return found

    def _unary(self, node: ast.Unary, local: Local) -> Result:
        return apply_unary(node.operator, self.evaluate(node.operand, local), self.document.place(node))

    def _binary(self, node: ast.Binary, local: Local) -> Result:
        at = self.document.place(node)
        match node.operator:
            case "&&" | "||":
                return self.connect((node.left, node.right), local, node.operator == "&&", at)
            case "??":
                return self.coalesce((node.left, node.right), local, at)
            case "!=":
                return negate(self._compared("==", node, local, at), at)
            case _:
                return self._compared(node.operator, node, local, at)

    def _compared(self, name: str, node: ast.Binary, local: Local, at: Location) -> Result:
        left, right = self.evaluate(node.left, local), self.evaluate(node.right, local)
        self.weigh(left, right)
        return apply_binary(name, left, right, at)

    def _conditional(self, node: ast.Conditional, local: Local) -> Result:
        return self.choose(self.evaluate(node.condition, local), node.yes, node.no, local)

    def _array(self, node: ast.Array, local: Local) -> Result:
        items: list[Result] = []
        spread: list[Result] = []
        doubt: Unknown | None = None
        for item in node.items:
            if type(item) is not ast.Spread:
                items.append(self._at_item(item, local))  # type: ignore[arg-type]  # mypy does not narrow by type()
                continue
            more = self.evaluate(item.value, local)
            if isinstance(more, Items):
                self.spend(len(more.items) // ITEMS_A_STEP)
                items.extend(more.items)
            elif not isinstance(more, Absent):
                doubt = doubt if doubt is not None else doubt_in(_NO_ARRAY, more.at, more)
                spread.append(more)
                items.extend(more.items if isinstance(more, Partly) else ())
        if doubt is not None:
            self.weigh(*items)
            single = len(items) - sum(len(more.items) for more in spread if isinstance(more, Partly))
            doubt = doubt if len(node.items) == 1 else for_same_reason(doubt)
            return partial_list(items, doubt, self.document.place(node), size_of(*spread, extra=single))
        return Items(at=self.document.place(node), items=items)

    def _at_item(self, node: ast.Expression, local: Local) -> Result:
        """Return an item, placed where its author edits it, unless it came from elsewhere."""
        found = self.evaluate(node, local)
        if type(node) is ast.Literal:
            return found
        at = self.document.place(node)
        return move(found, at) if found.at.path == at.path else found

    def _object(self, node: ast.Object, local: Local) -> Result:
        fields: dict[str, Result] = {}
        rest: Unknown | None = None
        # The names in lower case, once an object is spread: it may write them in another case.
        names: dict[str, str] | None = None
        at = self.document.place(node)
        recorder = self.budget.recorder
        parts = recorder.parts() if recorder.is_recording else None
        for member in node.members:
            if parts is not None and (type(member) is not ast.Property or not isinstance(member.key, str)):
                parts.mix()
            if type(member) is ast.Property:
                key = member.key
                if not isinstance(key, str):
                    found = self.evaluate(key, local)
                    name = name_of(found, found.at)
                    if isinstance(name, Unknown):
                        rest = named_by(name, rest)
                        continue
                    key = name
                if names is not None:
                    key = names.setdefault(key.lower(), key)
                fields[key] = self.property(member, local)
                if parts is not None:
                    parts.add(key, fields[key], member.value)
                continue
            more = self.evaluate(member.value, local)
            if isinstance(more, Fields):
                self.spend(len(more.fields) // ITEMS_A_STEP)
                whole = merge(Fields(at=at, fields=fields, rest=rest), more, deep=False, at=at)
                fields, rest = whole.fields, whole.rest
                names = {name.lower(): name for name in fields}
            elif not isinstance(more, Absent):
                # What is spread may replace anything before it.
                doubt = doubt_in("the spread operator expects an object", more.at, more)
                rest = overlaid(Fields(at=at, fields=fields, rest=rest), doubt, deep=False)
                fields, names = {}, {}
        whole = Fields(at=at, fields=fields, rest=rest)
        return whole if parts is None else parts.finish(whole)

    def property(self, node: ast.Property, local: Local) -> Result:
        """Return the value of a property, placed where its author edits it: at the property, unless it came from
        elsewhere.
        """
        found = self.evaluate(node.value, local)
        at = self.document.place(node)
        if type(node.value) in _WRITTEN_OUT and isinstance(found, (Fields, Items, Partly)):
            placed = _placed(found, at)
            self.budget.recorder.replace(found, placed)
            return placed
        return move(found, at) if found.at.path == at.path else found

    def declared_property(self, node: ast.Property, local: Local) -> Result:
        """Return the value of a property that is kept for further uses."""
        found = self.property(node, local)
        self.budget.recorder.settle(node.value)
        return found

    def declared(self, node: ast.Expression, local: Local) -> Result:
        """Return the value of a declaration, which is kept for further uses."""
        found = self.evaluate(node, local)
        self.budget.recorder.settle(node)
        return found

    def _for(self, node: ast.For, local: Local) -> Result:
        over, at = self.evaluate(node.over, local), self.document.place(node)
        if isinstance(over, Items):
            return Items(at=at, items=self._iterations(node, over, local))
        doubt = doubt_in("a loop expects an array", at, over)
        if not isinstance(node.body, ast.Name) or node.body.name != node.item:
            doubt = for_same_reason(doubt)
        if isinstance(over, PartlySecret):
            item = self.evaluate(node.body, {**local, node.item: over.below("[*]", at)})
            return Unknown(at=doubt.at, why=doubt.why, sensitive=is_sensitive(item))
        if isinstance(over, WithItem):
            inner = {**local, node.item: over.item, **({node.index: for_same_reason(over)} if node.index else {})}
            return with_item(doubt, self.evaluate(node.body, inner))
        # The result for an item whose index is unknown is unknown.
        if not isinstance(over, Partly) or node.index:
            return msgspec.structs.replace(doubt, known=size_of(over))
        found = self._iterations(node, over, local)
        self.weigh(*found)
        return partial_list(found, doubt, at, size_of(over))

    def _iterations(self, node: ast.For, over: Items | Partly, local: Local) -> list[Result]:
        if len(over.items) > MAX_ITEMS:
            raise InputError(f"a loop has more than {MAX_ITEMS:,} items")
        self.spend(len(over.items))
        found: list[Result] = []
        for number, item in enumerate(over.items):
            inner = {**local, node.item: item}
            if node.index:
                inner[node.index] = Scalar(at=over.at, value=number)
            found.append(self.evaluate(node.body, inner))
        return found

    def _if(self, node: ast.If, local: Local) -> Result:
        return self.evaluate(node.body, local)

    def _lambda(self, node: ast.Lambda, local: Local) -> Result:
        return Closure(at=self.document.place(node), parameters=node.parameters, body=node.body, local=local)

    HANDLERS: ClassVar[dict[type, Callable[[Evaluator, Any, Local], Result]]] = {
        ast.Template: _template,
        ast.Name: _name,
        ast.Member: _member,
        ast.Item: _item,
        ast.Nested: _nested,
        ast.NotNull: _not_null,
        ast.Call: _call,
        ast.Unary: _unary,
        ast.Binary: _binary,
        ast.Conditional: _conditional,
        ast.Array: _array,
        ast.Object: _object,
        ast.For: _for,
        ast.If: _if,
        ast.Lambda: _lambda,
    }


def _is_safe(node: ast.Expression) -> bool:
    """Return whether null ends a chain of members there: all of ``a.?b.c.d`` is null where ``a`` has no ``b``."""
    while isinstance(node, (ast.Member, ast.Item)):
        if node.safe:
            return True
        node = node.of
    return False


def move(found: Result, at: Location) -> Result:
    """Return a primitive, null or unknown value at another place; what has parts stays where it
    is.
    """
    kind = type(found)
    if kind is Fields or kind is Items or kind is Partly:
        return found
    if isinstance(found, PartlySecret | WithItem):
        return msgspec.structs.replace(found, at=at)
    if isinstance(found, Scalar):
        return Scalar(at=at, value=found.value, sensitive=found.sensitive, origin=found.origin, note=found.note)
    if isinstance(found, Unknown):
        return Unknown(
            at=at, why=found.why, pattern=found.pattern, given=found.given, known=found.known,
            sensitive=found.sensitive,
            candidates=found.candidates, closed=found.closed, hops=found.hops,
        )  # fmt: skip
    return Absent(at=at, path=found.path) if isinstance(found, Absent) else found


def _placed(found: Fields | Items | Partly, at: Location) -> Fields | Items | Partly:
    if isinstance(found, Partly):
        return msgspec.structs.replace(found, at=at)
    if isinstance(found, Items):
        return Items(at=at, items=found.items)
    return Fields(at=at, fields=found.fields, rest=found.rest)
