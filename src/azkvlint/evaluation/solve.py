"""Find values of inputs with which an expression has a certain value, from how the expression is written.

What is returned are candidates: whether the expression has the value with them is for its evaluation to decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice, product
from typing import ClassVar, NamedTuple, Protocol, TypeAlias

from azkvlint.evaluation.known import known_of
from azkvlint.evaluation.values import Fields, Items, Result, as_optional, is_sensitive
from azkvlint.model.condition import ITEM
from azkvlint.model.value import Absent, Plain, Scalar, Unknown
from azkvlint.syntax import ast

# What an expression is to be. The value of the last four is a number, a number, a length, and an item or a key.
EQUAL, DIFFERENT, FILLED, EMPTY = "equal", "different", "filled", "empty"
LEAST, MOST, LENGTH, CONTAINS = "least", "most", "length", "contains"
# Of alternatives that are found for one expression.
_MOST_ALTERNATIVES = 24
_DEEPEST = 60
_FEW = 6
_MOST_STEPS = 3_000
# Of combinations that are tried, and of constraints in one.
_MOST_COMBINATIONS, _MOST_CONSTRAINTS = 20_000, 50


class Demand(NamedTuple):
    """What a value is to be: ``kind`` is one of the words above. None is the value null.

    ``is_secret``: no report states it, because it comes from a secret or is compared with one.
    """

    kind: str
    value: Plain | None = None
    is_secret: bool = False

    def hidden(self, is_secret: bool = True) -> Demand:
        """Return the target as a secret one."""
        return self._replace(is_secret=True) if is_secret and not self.is_secret else self


TRUE, FALSE, NULL, NOT_NULL = Demand(EQUAL, True), Demand(EQUAL, False), Demand(EQUAL), Demand(DIFFERENT)
NOT_EMPTY, IS_EMPTY, POSITIVE = Demand(FILLED), Demand(EMPTY), Demand(LEAST, 1)


class Constraint(NamedTuple):
    """What one input is to be, or the member of it at ``path``."""

    input: str
    path: tuple[str, ...]
    target: Demand


Alternative: TypeAlias = frozenset[Constraint]
Steps: TypeAlias = tuple[str, ...]
_Nodes: TypeAlias = tuple[ast.Node, ...]
NOTHING: Alternative = frozenset()


class Input(NamedTuple):
    """What a reference means: an input that may have other values, and the path of a member of it."""

    name: str
    path: Steps = ()


class Definition(NamedTuple):
    """What a reference means: an expression elsewhere, in the ``scope`` of that, and the path of a member of it.

    ``is_secret``: its values are secret by its declaration or by its name.
    """

    scope: object
    node: ast.Node
    path: Steps = ()
    is_secret: bool = False


class DeclaredInstances(NamedTuple):
    """What a reference means: all instances of a declaration, whose number ``goals`` decide."""

    goals: tuple[tuple[object, ast.Node, Demand], ...]


class Language(Protocol):
    """What differs between languages. A scope is where an expression is written, with the values of its variables."""

    def resolve(self, scope: object, node: ast.Node) -> Input | Definition | DeclaredInstances | None:
        """Return what a reference means; None if that has no other values."""

    def value(self, scope: object, node: ast.Node) -> Result | None:
        """Return the value of an expression; None if it fails."""

    def items(self, scope: object, node: ast.Comprehension) -> Iterable[object]:
        """Return the scopes of the items of a loop that are known."""

    def of_item(self, scope: object, name: str, over: ast.Node) -> object | None:
        """Return the scope in which a variable is an item of a list; None if the language has no such functions."""

    def parsed(self, scope: object, node: ast.Data) -> ast.Node | None:
        """Return the expression in a string of a template; None if it has none."""


class Solver:
    """Searches the candidates for expressions of one root."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self._steps = self._tried = 0
        self._keeps = False

    def solve(self, goals: Iterable[tuple[object, ast.Node, Demand]]) -> Iterator[Alternative]:
        """Yield the candidates with which all goals are met, those with the fewest constraints first.

        After a few, those follow that also state what holds already: another value may not keep it.
        """
        goals = list(goals)
        found = self._candidates(goals, keeps=False)
        yield from found[:_FEW]
        if found:
            yield from (one for one in self._candidates(goals, keeps=True) if one not in found)
            yield from found[_FEW:]

    def _candidates(self, goals: Iterable[tuple[object, ast.Node, Demand]], *, keeps: bool) -> list[Alternative]:
        self._steps = self._tried = 0
        self._keeps = keeps
        return self._every([self._solve(scope, node, target, (), 0) for scope, node, target in goals])

    def _solve(self, scope: object, node: ast.Node, target: Demand, path: Steps, depth: int) -> list[Alternative]:
        self._steps += 1
        if depth > _DEEPEST or self._steps > _MOST_STEPS:
            return []
        if isinstance(node, ast.Data):
            inner = self._language.parsed(scope, node)
            return [] if inner is None else self._solve(scope, inner, target, path, depth + 1)
        found = None
        if not path:
            found = self._language.value(scope, node)
            if found is not None and holds(found, target) is True:
                return self._kept(scope, node, target, depth + 1) if self._keeps else [NOTHING]
            if target.value is not None and found is not None and is_sensitive(found):
                target = target.hidden()
        every = self._by_kind(scope, node, target, path, depth + 1)
        # What no input decides, such as a data source, may be as required.
        is_possible = isinstance(found, Unknown) and holds(found, target) is None
        return every or ([NOTHING] if is_possible else [])

    def _kept(self, scope: object, node: ast.Node, target: Demand, depth: int) -> list[Alternative]:
        """Return the first candidate with which an expression keeps its value while inputs change, or none of them."""
        every = self._by_kind(scope, node, target, (), depth)
        limits = (one for one in every if one and all(part.target.kind != EQUAL for part in one))
        return [next(limits, NOTHING)]

    def _by_kind(self, scope: object, node: ast.Node, target: Demand, path: Steps, depth: int) -> list[Alternative]:
        match node:
            case ast.Name() | ast.Member() | ast.Item() | ast.NotNull():
                return self._of_reference(scope, node, target, path, depth)
            case ast.Unary(operator="!", operand=operand) if not path:
                return self._boolean(
                    target, lambda flag: self._solve(scope, operand, Demand(EQUAL, not flag), (), depth)
                )
            case ast.Binary() if not path:
                return self._of_binary(scope, node, target, depth)
            case ast.Binary(operator="??", left=left, right=right):
                return self._first_of(scope, (left, right), target, path, depth)
            case ast.Conditional(condition=condition, yes=yes, no=no):
                return self._of_condition(scope, (condition, yes, no), target, path, depth)
            case ast.Call():
                return self._of_call(scope, node, target, path, depth)
            case ast.Object(members=members) if path:
                own = (one for one in members if isinstance(one, ast.Property) and one.key == path[0])
                return _merged(self._solve(scope, one.value, target, path[1:], depth) for one in own)
            case ast.Array(items=items) if path[:1] == (ITEM,) or (not path and target.kind == CONTAINS):
                same = target if path else target._replace(kind=EQUAL)
                return _merged(self._solve(scope, item, same, path[1:], depth) for item in items)
            case ast.Template(parts=parts) if not path and target.kind == EQUAL and isinstance(target.value, str):
                return self._of_template(scope, parts, target, target.value, depth)
            case ast.Comprehension() | ast.For() if path[:1] == (ITEM,):
                return self._of_item(scope, node, target, path[1:], depth)
            case ast.Comprehension() | ast.For() | ast.Splat():
                return self._of_loop(scope, node, target, depth)
            case _:
                return []

    def _of_reference(
        self, scope: object, node: ast.Node, target: Demand, path: Steps, depth: int
    ) -> list[Alternative]:
        found = self._language.resolve(scope, node)
        if found is not None:
            return self._of_meaning(found, target, path, depth)
        match node:
            case ast.NotNull(of=of):
                return self._solve(scope, of, target, path, depth)
            case ast.Member(of=of, name=name) if type(of) is not ast.Name:
                return self._solve(scope, of, target, (name, *path), depth)
            case ast.Item(of=of, index=ast.Literal(value=str() as key)):
                return self._solve(scope, of, target, (key, *path), depth)
            case ast.Item(of=of, index=index):
                items = [self._of_keys(scope, of, index, target, path, depth)]
                if not path and target.kind == FILLED and isinstance(of, ast.Call | ast.Splat):
                    items.append(self._solve(scope, of, target, (), depth))
                return _merged(items)
        return []

    def _of_keys(
        self, scope: object, of: ast.Node, index: ast.Node, target: Demand, path: Steps, depth: int
    ) -> list[Alternative]:
        """Return the candidates for the member of an object whose key is an expression."""
        over = self._language.value(scope, of)
        found = []
        for key in islice(over.fields, _MOST_ALTERNATIVES) if isinstance(over, Fields) else ():
            inner = self._solve(scope, of, target, (key, *path), depth)
            is_key = Demand(EQUAL, key)
            found.append(self._every([self._solve(scope, index, is_key, (), depth), inner]) if inner else [])
        for number, item in enumerate(over.items[:_MOST_ALTERNATIVES]) if isinstance(over, Items) else ():
            inner = [NOTHING] if not path and holds(item, target) else []
            if isinstance(of, ast.Array) and not inner:
                inner = self._solve(scope, of.items[number], target, path, depth)
            is_index = Demand(EQUAL, number)
            found.append(self._every([self._solve(scope, index, is_index, (), depth), inner]) if inner else [])
        if isinstance(self._language.value(scope, index), Unknown):
            # The index of a loop over a list that may have items.
            found.append(self._solve(scope, of, target, (ITEM, *path), depth))
        return _merged(found)

    def _of_template(
        self, scope: object, parts: Sequence[ast.Node], target: Demand, text: str, depth: int
    ) -> list[Alternative]:
        """Return the candidates for a string that one expression completes, such as ``"${var.env}-x"``."""
        known = [self._text(scope, part) for part in parts if isinstance(part, ast.Literal)]
        inner = [number for number, part in enumerate(parts) if not isinstance(part, ast.Literal)]
        if len(inner) != 1 or None in known:
            return []
        texts = [str(one.value) for one in known if one is not None]
        start, end = "".join(texts[: inner[0]]), "".join(texts[inner[0] :])
        if len(text) < len(start) + len(end) or not (text.startswith(start) and text.endswith(end)):
            return []
        middle = target._replace(value=text[len(start) : len(text) - len(end)])
        return self._solve(scope, parts[inner[0]], middle, (), depth)

    def _of_meaning(
        self, found: Input | Definition | DeclaredInstances, target: Demand, path: Steps, depth: int
    ) -> list[Alternative]:
        match found:
            case Input(name=name, path=inner):
                return [frozenset({Constraint(name, (*inner, *path), target)})]
            case Definition(scope=other, node=written, path=inner, is_secret=is_secret):
                # A Boolean does not tell what a secret is.
                is_secret = is_secret and target.value is not None and not isinstance(target.value, bool)
                return self._solve(other, written, target.hidden(is_secret), (*inner, *path), depth)
            case DeclaredInstances(goals=goals) if not path and target.kind in (FILLED, LEAST):
                return self._every([self._solve(*goal, (), depth) for goal in goals])
        return []

    def _boolean(self, target: Demand, solve: Callable[[bool], list[Alternative]]) -> list[Alternative]:
        """Return the candidates for an expression that is true or false."""
        if target.kind not in (EQUAL, DIFFERENT) or not isinstance(target.value, bool):
            return []
        return solve(target.value if target.kind == EQUAL else not target.value)

    def _of_binary(self, scope: object, node: ast.Binary, target: Demand, depth: int) -> list[Alternative]:
        left, right = node.left, node.right
        match node.operator:
            case "&&" | "||" as name:
                return self._boolean(
                    target, lambda flag: self._logical(scope, (left, right), name == "&&", flag, depth)
                )
            case "==" | "!=" | "=~" | "!~" as name:
                is_equal = name in ("==", "=~")
                return self._boolean(target, lambda flag: self._equal(scope, left, right, flag is is_equal, depth))
            case "<" | "<=" | ">" | ">=" as name:
                return self._boolean(target, lambda flag: self._order(scope, node, name, flag, depth))
            case "??":
                return self._first_of(scope, (left, right), target, (), depth)
        return []

    def _logical(
        self, scope: object, operands: Iterable[ast.Node], is_and: bool, flag: bool, depth: int
    ) -> list[Alternative]:
        parts = [self._solve(scope, operand, Demand(EQUAL, flag), (), depth) for operand in operands]
        return self._every(parts) if is_and is flag else _merged(parts)

    def _equal(self, scope: object, left: ast.Node, right: ast.Node, is_same: bool, depth: int) -> list[Alternative]:
        found: list[list[Alternative]] = []
        for one, other in ((left, right), (right, left)):
            value = self._language.value(scope, other)
            found += [self._solve(scope, one, target, (), depth) for target in _compared(value, is_same)]
        return _merged(found)

    def _order(self, scope: object, node: ast.Binary, name: str, flag: bool, depth: int) -> list[Alternative]:
        found: list[list[Alternative]] = []
        for one, other, turned in ((node.left, node.right, False), (node.right, node.left, True)):
            value = self._language.value(scope, other)
            if not isinstance(value, Scalar) or isinstance(value.value, bool | str):
                continue
            is_more = (name[0] == ">") is not turned
            step = 0 if (len(name) == 2) is flag else 1
            target = Demand(LEAST, value.value + step) if is_more is flag else Demand(MOST, value.value - step)
            found.append(self._solve(scope, one, target.hidden(value.sensitive), (), depth))
        return _merged(found)

    def _of_condition(
        self, scope: object, parts: tuple[ast.Node, ast.Node, ast.Node], target: Demand, path: Steps, depth: int
    ) -> list[Alternative]:
        condition, *branches = parts
        found = []
        for branch, flag in zip(branches, (TRUE, FALSE), strict=True):
            inner = self._solve(scope, branch, target, path, depth)
            found.append(self._every([self._solve(scope, condition, flag, (), depth), inner]) if inner else [])
        return _merged(found)

    def _first_of(
        self, scope: object, nodes: Iterable[ast.Node], target: Demand, path: Steps, depth: int
    ) -> list[Alternative]:
        """Return the candidates for the first value that is not null."""
        before: list[list[Alternative]] = []
        found = []
        for node in nodes:
            found.append(self._every([*before, self._solve(scope, node, target, path, depth)]))
            before.append(self._solve(scope, node, NULL, path, depth))
        return _merged(found)

    def _of_loop(
        self, scope: object, node: ast.Comprehension | ast.For | ast.Splat, target: Demand, depth: int
    ) -> list[Alternative]:
        over = node.of if isinstance(node, ast.Splat) else node.over
        if target.kind not in (FILLED, LEAST, LENGTH):
            return self._solve(scope, over, target, (), depth) if target.kind == EMPTY else []
        found = [self._solve(scope, over, NOT_EMPTY, (), depth)]
        if isinstance(node, ast.Splat):
            found.append(self._solve(scope, over, NOT_NULL, (), depth))
        if isinstance(node, ast.Comprehension) and node.condition is not None:
            condition = node.condition
            # A condition of no item, or of one that is written or may be given.
            inner = [self._solve(scope, condition, TRUE, (), depth)]
            inner += [self._solve(one, condition, TRUE, (), depth) for one in self._language.items(scope, node)]
            found = [self._every([*found, one]) for one in inner] + found
        return _merged(found)

    def _of_item(
        self, scope: object, node: ast.Comprehension | ast.For, target: Demand, path: Steps, depth: int
    ) -> list[Alternative]:
        """Return the candidates for an item that a loop makes of one of another collection."""
        if isinstance(node, ast.For):
            inner = self._language.of_item(scope, node.item, node.over)
            return [] if inner is None else self._solve(inner, node.body, target, path, depth)
        found = []
        for one in self._language.items(scope, node):
            parts = [self._solve(one, node.result, target, path, depth)]
            if node.condition is not None:
                parts.append(self._solve(one, node.condition, TRUE, (), depth))
            found.append(self._every(parts))
        return _merged(found)

    def _of_call(self, scope: object, node: ast.Call, target: Demand, path: Steps, depth: int) -> list[Alternative]:
        found = self._language.resolve(scope, node)
        if found is not None:
            return self._of_meaning(found, target, path, depth)
        arguments = node.arguments
        solve = self.FUNCTIONS.get(node.name.lower().rpartition(".")[2]) if arguments else None
        return [] if solve is None else solve(self, scope, arguments, target, path, depth)

    def _every(self, parts: list[list[Alternative]]) -> list[Alternative]:
        """Return the combinations of one candidate of each part that do not contradict themselves."""
        if not all(parts):
            return []
        combined: list[Alternative] = [NOTHING]
        # Those that leave the least choice first, so that what contradicts them takes no place.
        for part in sorted(parts, key=len):
            self._tried += len(combined) * len(part)
            if self._tried > _MOST_COMBINATIONS:
                return []
            both = (one | other for one, other in product(combined, part))
            combined = _ordered(one for one in both if len(one) <= _MOST_CONSTRAINTS and _is_consistent(one))
        return combined

    # The functions of all languages, by name.

    def _passed(self, scope: object, nodes: _Nodes, target: Demand, path: Steps, depth: int) -> list[Alternative]:
        return self._solve(scope, nodes[0], target, path, depth)

    def _converted(self, scope: object, nodes: _Nodes, target: Demand, path: Steps, depth: int) -> list[Alternative]:
        """Return the candidates for a collection of the same items."""
        if target.kind in (FILLED, EMPTY, LEAST, LENGTH, CONTAINS) or path:
            return self._solve(scope, nodes[0], target, path, depth)
        return []

    def _pairs(self, scope: object, nodes: _Nodes, target: Demand, path: Steps, depth: int) -> list[Alternative]:
        """Return the candidates for the pairs of keys and values of an object."""
        if path[:2] == (ITEM, "value"):
            return self._solve(scope, nodes[0], target, (ITEM, *path[2:]), depth)
        return [] if path else self._converted(scope, nodes, target, path, depth)

    def _filtered(self, scope: object, nodes: _Nodes, target: Demand, path: Steps, depth: int) -> list[Alternative]:
        """Return the candidates for the items that a lambda selects."""
        inner = self._converted(scope, nodes, target, path, depth)
        if path[:1] != (ITEM,) and target.kind not in (FILLED, LEAST, LENGTH):
            return inner
        selected = self._of_lambda(scope, nodes, TRUE, (), depth)
        return _merged([self._every([selected, inner]), inner])

    def _mapped(self, scope: object, nodes: _Nodes, target: Demand, path: Steps, depth: int) -> list[Alternative]:
        """Return the candidates for what a lambda makes of the items of a list."""
        if path[:1] == (ITEM,):
            return self._of_lambda(scope, nodes, target, path[1:], depth)
        return [] if path or target.kind == CONTAINS else self._converted(scope, nodes, target, path, depth)

    def _of_lambda(self, scope: object, nodes: _Nodes, target: Demand, path: Steps, depth: int) -> list[Alternative]:
        """Return the candidates for the result of a lambda for an item of the list before it."""
        match nodes:
            case (over, ast.Lambda(parameters=(name, *_), body=body)):
                pass
            case (over, ast.Call(arguments=(ast.Literal(value=str() as name), *_, body))):
                name = name.lower()
            case _:
                return []
        inner = self._language.of_item(scope, name, over)
        return [] if inner is None else self._solve(inner, body, target, path, depth)

    def _element(self, scope: object, nodes: _Nodes, target: Demand, path: Steps, depth: int) -> list[Alternative]:
        """Return the candidates for the item of a list at an index."""
        found = [self._of_keys(scope, nodes[0], nodes[1], target, path, depth)] if len(nodes) == 2 else []
        return _merged([*found, self._converted(scope, nodes, target, path, depth)])

    def _keys(self, scope: object, nodes: _Nodes, target: Demand, path: Steps, depth: int) -> list[Alternative]:
        """Return the candidates for the keys of an object."""
        if target.kind == CONTAINS and isinstance(target.value, str):
            return self._solve(scope, nodes[0], NOT_NULL.hidden(target.is_secret), (target.value,), depth)
        return self._converted(scope, nodes, target, path, depth)

    def _any(self, scope: object, nodes: _Nodes, target: Demand, path: Steps, depth: int) -> list[Alternative]:
        return _merged(self._solve(scope, node, target, path, depth) for node in nodes)

    def _joined(self, scope: object, nodes: _Nodes, target: Demand, path: Steps, depth: int) -> list[Alternative]:
        if target.kind == EMPTY:
            return self._every([self._solve(scope, node, target, (), depth) for node in nodes])
        return self._any(scope, nodes, target, path, depth)

    def _text_of(self, scope: object, nodes: _Nodes, target: Demand, path: Steps, depth: int) -> list[Alternative]:
        """Return the candidates for a text that the items of lists make together."""
        is_filled = not path and target.kind == FILLED
        return _merged(self._solve(scope, node, target, (), depth) for node in nodes[1:]) if is_filled else []

    def _coalesced(self, scope: object, nodes: _Nodes, target: Demand, path: Steps, depth: int) -> list[Alternative]:
        return self._first_of(scope, nodes, target, path, depth)

    def _looked_up(self, scope: object, nodes: _Nodes, target: Demand, path: Steps, depth: int) -> list[Alternative]:
        key = self._text(scope, nodes[1]) if len(nodes) > 1 else None
        found = []
        if key is not None:
            found.append(self._solve(scope, nodes[0], target.hidden(key.is_secret), (str(key.value), *path), depth))
        found += [self._solve(scope, node, target, path, depth) for node in nodes[2:]]
        if len(nodes) > 1:
            found.append(self._of_keys(scope, nodes[0], nodes[1], target, path, depth))
        return _merged(found)

    def _tried_path(self, scope: object, nodes: _Nodes, target: Demand, path: Steps, depth: int) -> list[Alternative]:
        """Return the candidates for the member of an object that all further arguments lead to."""
        keys = [self._text(scope, node) for node in nodes[1:]]
        names = [str(key.value) for key in keys if key is not None]
        if len(names) < len(keys) or len(keys) < 2:
            return self._looked_up(scope, nodes[:2], target, path, depth)
        is_secret = any(key.is_secret for key in keys if key is not None)
        return self._solve(scope, nodes[0], target.hidden(is_secret), (*names, *path), depth)

    def _text(self, scope: object, node: ast.Node) -> Demand | None:
        """Return the string that an expression is, to be equal to; None unless it is a known string."""
        found = self._language.value(scope, node)
        is_text = isinstance(found, Scalar) and isinstance(found.value, str)
        return Demand(EQUAL, found.value, found.sensitive) if is_text else None  # type: ignore[union-attr]  # a Scalar

    def _length(self, scope: object, nodes: _Nodes, target: Demand, path: Steps, depth: int) -> list[Alternative]:
        del path
        match target:
            case (kind, 0, _) if kind in (EQUAL, MOST):
                inner = IS_EMPTY
            case (kind, 0 | 1, _) if kind in (DIFFERENT, LEAST):
                inner = NOT_EMPTY
            case (kind, int() as number, _) if kind in (EQUAL, LEAST, MOST) and number > 0:
                inner = Demand(LENGTH, number)
            case _:
                return []
        return self._solve(scope, nodes[0], inner.hidden(target.is_secret), (), depth)

    def _is_empty(self, scope: object, nodes: _Nodes, target: Demand, path: Steps, depth: int) -> list[Alternative]:
        del path
        return self._boolean(
            target, lambda flag: self._solve(scope, nodes[0], IS_EMPTY if flag else NOT_EMPTY, (), depth)
        )

    def _contains(self, scope: object, nodes: _Nodes, target: Demand, path: Steps, depth: int) -> list[Alternative]:
        del path
        return self._boolean(target, lambda flag: self._member_of(scope, nodes, flag, depth))

    def _member_of(self, scope: object, nodes: _Nodes, is_in: bool, depth: int) -> list[Alternative]:
        if len(nodes) != 2:
            return []
        over, item = self._language.value(scope, nodes[0]), self._language.value(scope, nodes[1])
        found: list[list[Alternative]] = []
        if isinstance(over, Items | Fields):
            kind = EQUAL if is_in else DIFFERENT
            targets = [Demand(kind, *one) for one in _scalars_in(over)]
            parts = [self._solve(scope, nodes[1], target, (), depth) for target in targets]
            if is_in:
                found += parts
            elif parts:
                found.append(self._every(parts))
        if isinstance(item, Scalar):
            target = Demand(CONTAINS, item.value, item.sensitive) if is_in else IS_EMPTY.hidden(item.sensitive)
            found.append(self._solve(scope, nodes[0], target, (), depth))
        return _merged(found)

    def _has_key(self, scope: object, nodes: _Nodes, target: Demand, path: Steps, depth: int) -> list[Alternative]:
        """Return the candidates for ``can(value)``: it can be evaluated."""
        del path
        return self._boolean(target, lambda flag: self._solve(scope, nodes[0], NOT_NULL, (), depth) if flag else [])

    def _negated(self, scope: object, nodes: _Nodes, target: Demand, path: Steps, depth: int) -> list[Alternative]:
        del path
        return self._boolean(target, lambda flag: self._solve(scope, nodes[0], Demand(EQUAL, not flag), (), depth))

    def _joint(
        self, scope: object, nodes: _Nodes, target: Demand, path: Steps, depth: int, is_and: bool
    ) -> list[Alternative]:
        del path
        parts = _items(nodes)
        return self._boolean(target, lambda flag: self._logical(scope, parts, is_and, flag, depth) if parts else [])

    def _chosen(self, scope: object, nodes: _Nodes, target: Demand, path: Steps, depth: int) -> list[Alternative]:
        if len(nodes) != 3:
            return []
        return self._of_condition(scope, (nodes[0], nodes[1], nodes[2]), target, path, depth)

    def _same(self, scope: object, nodes: _Nodes, target: Demand, path: Steps, depth: int) -> list[Alternative]:
        del path
        if len(nodes) != 2:
            return []
        return self._boolean(target, lambda flag: self._equal(scope, nodes[0], nodes[1], flag, depth))

    def _compared(
        self, scope: object, nodes: _Nodes, target: Demand, path: Steps, depth: int, name: str
    ) -> list[Alternative]:
        if path or len(nodes) != 2:
            return []
        left, right = nodes
        return self._of_binary(scope, ast.Binary(left.start, right.end, name, left, right), target, depth)  # type: ignore[arg-type]  # arguments are expressions

    def _numbers(self, scope: object, nodes: _Nodes, target: Demand, path: Steps, depth: int) -> list[Alternative]:
        """Return the candidates for consecutive numbers, whose number or limit comes after the first of them."""
        last = nodes[:2][-1]
        return self._solve(scope, last, POSITIVE, (), depth) if not path and target.kind == FILLED else []

    def _starts(self, scope: object, nodes: _Nodes, target: Demand, path: Steps, depth: int) -> list[Alternative]:
        """Return the candidates for a string that begins or ends with another, which is the simplest of them."""
        del path
        text = self._text(scope, nodes[1]) if len(nodes) == 2 else None
        if text is None or (target.kind, target.value) != TRUE[:2]:
            return []
        return self._solve(scope, nodes[0], text, (), depth)

    FUNCTIONS: ClassVar[Mapping[str, Callable[..., list[Alternative]]]] = {
        **dict.fromkeys(
            ("nonsensitive", "sensitive", "tobool", "tonumber", "tostring", "bool", "int", "string", "lower", "upper",
             "tolower", "toupper", "trimspace", "trim", "jsondecode", "jsonencode", "ephemeralasnull", "json", "any"),
            _passed,
        ),
        **dict.fromkeys(
            ("toset", "tolist", "tomap", "values", "distinct", "sort", "reverse", "flatten", "compact", "array",
             "createarray", "setproduct", "chunklist", "zipmap", "one", "first", "last", "split",
             "intersection", "take", "skip"),
            _converted,
        ),
        **dict.fromkeys(("merge", "concat", "setunion", "union"), _joined),
        **dict.fromkeys(("keys", "objectkeys"), _keys), "items": _pairs, "filter": _filtered, "map": _mapped,
        "join": _text_of, "try": _any, "element": _element, "coalesce": _coalesced, "coalescelist": _coalesced,
        "lookup": _looked_up, "tryget": _tried_path, "length": _length, "empty": _is_empty,
        "contains": _contains, "can": _has_key, "not": _negated, "if": _chosen,
        **dict.fromkeys(("alltrue", "and"), partial(_joint, is_and=True)),
        **dict.fromkeys(("anytrue", "or"), partial(_joint, is_and=False)),
        "equals": _same, "startswith": _starts, "endswith": _starts,
        "greater": partial(_compared, name=">"), "greaterorequals": partial(_compared, name=">="),
        "less": partial(_compared, name="<"), "lessorequals": partial(_compared, name="<="),
        "max": _any, "min": _any, "range": _numbers, "\0copies": _numbers,
    }  # fmt: skip


def _items(nodes: _Nodes) -> _Nodes:
    """Return the items of a list that is the only argument, or the arguments."""
    if len(nodes) == 1 and isinstance(nodes[0], ast.Array):
        return tuple(nodes[0].items)
    return nodes if len(nodes) > 1 else ()


def _scalars_in(of: Items | Fields) -> Iterator[tuple[Plain, bool]]:
    """Yield the items of a list that are known, or the keys of an object, each with whether it is secret."""
    if isinstance(of, Fields):
        yield from ((key, False) for key in islice(of.fields, _MOST_ALTERNATIVES))
    else:
        yield from ((one.value, one.sensitive) for one in of.items if isinstance(one, Scalar))


def holds(result: Result, target: Demand) -> bool | None:
    """Return whether a value is as required; None if that is not known."""
    kind, value, _ = target
    if kind in (EQUAL, DIFFERENT):
        same = _is_equal(result, value)
        return same if same is None or kind == EQUAL else not same
    if kind in (FILLED, EMPTY, LENGTH):
        known = known_of(result)
        if isinstance(result, Scalar) and not isinstance(result.value, str):
            return None
        least, most = known.least, known.most
        match kind:
            case "filled":
                return True if known.is_filled else (False if most == 0 else None)
            case "empty":
                return True if most == 0 else (False if known.is_filled else None)
        return True if least == most == value else None
    if kind in (LEAST, MOST) and isinstance(value, int | float):
        return _is_within(result, value, is_least=kind == LEAST)
    if kind == CONTAINS and isinstance(result, Items):
        return any(isinstance(one, Scalar) and one.value == value for one in result.items) or None
    if kind == CONTAINS and isinstance(result, Fields) and isinstance(value, str):
        return _has_key(result, value)
    return None


def _has_key(of: Fields, name: str) -> bool | None:
    """Return whether an object has a member of a name; None if that is not known."""
    there = of.find(name)
    if there is None:
        return False if of.rest is None else None
    return True if as_optional(there) is None else None


def _is_within(result: Result, limit: float, *, is_least: bool) -> bool | None:
    if isinstance(result, Scalar) and not isinstance(result.value, bool | str):
        return result.value >= limit if is_least else result.value <= limit
    known = known_of(result)
    if isinstance(result, Unknown) and known.is_number:
        if is_least:
            return True if known.least >= limit else None
        return True if known.most is not None and known.most <= limit else None
    return None


def _is_equal(result: Result, value: Plain | None) -> bool | None:
    if value is None:
        if isinstance(result, Unknown):
            return False if result.is_set else None
        return isinstance(result, Absent)
    if isinstance(result, Scalar):
        return isinstance(result.value, bool) == isinstance(value, bool) and result.value == value
    if isinstance(result, Unknown):
        return False if isinstance(value, str) and value in result.known.differs else None
    return False if isinstance(result, Absent | Items | Fields) else None


def _compared(value: Result | None, is_same: bool) -> Iterator[Demand]:
    """Yield what is to be compared with a value that is known."""
    kind = EQUAL if is_same else DIFFERENT
    if isinstance(value, Scalar):
        yield Demand(kind, value.value, value.sensitive)
    elif isinstance(value, Absent):
        yield Demand(kind, None, value.sensitive)
    elif isinstance(value, Items | Fields) and known_of(value).most == 0:
        yield Demand(EMPTY if is_same else FILLED)


def _is_consistent(constraints: Alternative) -> bool:
    """Return whether no two constraints of one value contradict each other."""
    if len(constraints) < 2:
        return True
    by_place: dict[tuple[str, Steps], list[Demand]] = {}
    for one in constraints:
        by_place.setdefault((one.input, one.path), []).append(one.target)
    for target in by_place.values():
        equal = {(type(one.value), one.value) for one in target if one.kind == EQUAL}
        different = {(type(one.value), one.value) for one in target if one.kind == DIFFERENT}
        if len(equal) > 1 or equal & different:
            return False
        kinds = {one.kind for one in target}
        if kinds >= {FILLED, EMPTY} or (EMPTY in kinds and CONTAINS in kinds):
            return False
    return True


def _merged(parts: Iterable[list[Alternative]]) -> list[Alternative]:
    """Return the candidates of several alternatives."""
    return _ordered(one for part in parts for one in part)


def _ordered(alternatives: Iterable[Alternative]) -> list[Alternative]:
    """Return candidates without repetition, those with the fewest constraints first, up to a limit."""
    distinct = dict.fromkeys(alternatives)
    return sorted(distinct, key=len)[:_MOST_ALTERNATIVES]
