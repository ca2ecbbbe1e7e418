"""The tree that python-hcl2 makes of a skeleton -> the steps that make kvlint's tree, innermost expressions first."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from kvlint.syntax.hcl.grammar import BEFORE, parse

if TYPE_CHECKING:
    from lark import Token

    from kvlint.syntax.hcl.grammar import Parsed
    from kvlint.syntax.hcl.programs import Step

_ACCESSES = frozenset(("get_attr_expr_term", "index_expr_term", "attr_splat_expr_term", "full_splat_expr_term"))
_SPLATS = frozenset(("attr_splat", "full_splat"))


def lower(words: list[str], text: str) -> list[Step] | int:
    """The steps for the skeleton ``text``, which is made of ``words``; or which word does not belong in it."""
    starts: dict[int, int] = {}
    ends: dict[int, int] = {}
    at = len(BEFORE)
    for index, word in enumerate(words):
        starts[at] = index
        ends[at + len(word)] = index
        at += len(word) + 1
    parsed = parse(text)
    if isinstance(parsed, int):
        return next((index for start, index in starts.items() if start >= parsed), len(words))
    return _Lowering(starts, ends).steps(parsed)


class _Lowering:
    """Goes through a tree without calling itself, as operators may follow one another without end."""

    def __init__(self, starts: dict[int, int], ends: dict[int, int]) -> None:
        self.starts, self.ends = starts, ends
        self.pending: list[Parsed | Step] = []

    def steps(self, root: Parsed) -> list[Step]:
        """The steps for a tree."""
        found: list[Step] = []
        self.pending.append(root)
        while self.pending:
            node = self.pending.pop()
            if isinstance(node, tuple):
                found.append(node)
            else:
                self.pending += reversed(self.parts(node))
        return found

    def parts(self, node: Parsed) -> list[Parsed | Step]:
        """What comes first, and the step for ``node`` itself."""
        if node.data in _ACCESSES:
            return self.accesses(node)
        trees = _trees(node)
        match node.data:
            case "identifier":
                first, last = self.span(node)
                return [("operand", first, last, (first,))]
            case "unary_op":
                first, last = self.span(node)
                return [*trees, ("unary", first, last, (first,))]
            case "binary_op":
                left, term = trees
                operator, right = _trees(term)
                return [left, right, ("binary", *self.span(node), (str(operator.children[0]).strip(),))]
            case "conditional":
                return [*trees, ("conditional", *self.span(node), ())]
            case "function_call":
                return self.call(node)
            case "for_tuple_expr" | "for_object_expr":
                return self.loop(node)
        return list(trees)

    def call(self, node: Parsed) -> list[Parsed | Step]:
        """A call: its arguments, and the step."""
        first, last = self.span(node)
        lists = [child for child in _trees(node) if child.data == "arguments"]
        arguments = _trees(lists[0]) if lists else []
        spread = bool(lists) and "ELLIPSIS" in _tokens(lists[0])
        return [*arguments, ("call", first, last, (first, len(arguments), spread))]

    def loop(self, node: Parsed) -> list[Parsed | Step]:
        """A loop: its parts in their order, and the step."""
        intro, *results = _trees(node)
        *names, over = _trees(intro)
        conditions = _trees(results.pop()) if results[-1].data == "for_cond" else []
        key, value = [None, *(self.span(name)[0] for name in names)][-2:]
        more = (key, value, len(results) == 2, bool(conditions), "ELLIPSIS" in _tokens(node))
        return [over, *results, *conditions, ("loop", *self.span(node), more)]

    def accesses(self, node: Parsed) -> list[Parsed | Step]:
        """A chain of accesses with splats in it, from its operand on.

        ``[*]`` is done for each item with all that follows it, ``.*`` with the names and numbers behind dots only.
        """
        chain: list[Parsed | Token] = []
        while node.data in _ACCESSES or node.data == "expr_term":
            if node.data == "expr_term":
                node = _trees(node)[0]
                continue
            node, access = _trees(node)
            chain += reversed(access.children if access.data in _SPLATS else [access])
        done: list[Parsed | Step] = [node]
        origin = self.span(node)[0]
        last, open_splats, dotted = origin, list[int](), False
        for step in reversed(chain):
            data = getattr(step, "data", "")
            if dotted and data not in {"get_attr", "short_index"}:
                origin, dotted = open_splats.pop(), False
                done.append(("splat", origin, last, ()))
            if not data:
                star = cast("Token", step)
                open_splats.append(origin)
                origin = last = self.starts[star.start_pos or 0]
                done.append(("star", origin, origin, ()))
                dotted = star.type == "ATTR_SPLAT"
                continue
            access = cast("Parsed", step)
            first, last = self.span(access)
            if data == "braces_index":
                done += [*_trees(access), ("item", origin, last, ())]
            else:
                done.append(("member" if data == "get_attr" else "number", origin, last, (first + 1,)))
        return [*done, *(("splat", origin, last, ()) for origin in reversed(open_splats))]

    def span(self, node: Parsed) -> tuple[int, int]:
        """Of which words a tree is made: the first and the last one."""
        return self.starts[node.meta.start_pos], self.ends[node.meta.end_pos]


def _trees(node: Parsed) -> list[Parsed]:
    """The children that are trees."""
    return [cast("Parsed", child) for child in node.children if hasattr(child, "data")]


def _tokens(node: Parsed) -> list[str]:
    """The kinds of the children that are no trees."""
    return [child.type for child in node.children if not hasattr(child, "data")]
