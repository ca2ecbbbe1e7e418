"""kvlint's parser of Terraform's language against python-hcl2's: the same trees, with the same positions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import hcl2
import pytest
from hcl2.postlexer import PostLexer
from hypothesis import given, settings
from hypothesis import strategies as st
from lark import Lark, Token, Tree
from lark.exceptions import LarkError

from kvlint.syntax import tree
from kvlint.syntax.hcl.document import Body
from kvlint.syntax.hcl.parse import parse_file

CORPORA = Path(__file__).resolve().parents[3] / "shared" / "corpora" / "tf"
FILES = sorted(file for file in CORPORA.rglob("*") if file.suffix in {".tf", ".tfvars"})
# Heredocs are opaque to python-hcl2, directives flat, and comments end up in some of its positions.
BEYOND = re.compile(r"<<|[$%]\{~|~\}|%\{|#|//|/\*|\$\$\{|%%\{|\\")
CHAINS = {"get_attr_expr_term", "index_expr_term", "attr_splat_expr_term", "full_splat_expr_term"}


@cache
def grammar() -> Lark:
    return Lark.open("hcl2.lark", rel_to=hcl2.__file__, parser="lalr", postlex=PostLexer())


def trees(node: Any) -> list[Any]:
    return [part for part in node.children if isinstance(part, Tree) and part.data != "new_line_or_comment"]


def tokens(node: Any) -> Iterator[Token]:
    for part in node.children:
        if isinstance(part, Token):
            if part.type != "NL_OR_COMMENT":
                yield part
        else:
            yield from tokens(part)


class Whole:
    """Makes kvlint's tree of python-hcl2's tree of a text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def span(self, node: Any) -> tuple[int, int]:
        found = list(tokens(node))
        return found[0].start_pos or 0, found[-1].end_pos or 0

    def source(self, node: Any) -> str:
        start, end = self.span(node)
        return self.text[start:end]

    def lower(self, node: Any) -> Any:
        start, end = self.span(node)
        parts = trees(node)
        kind = str(node.data)
        if kind == "expr_term":
            return self.lower(parts[0])
        if kind in CHAINS:
            return self.chain(node)
        if kind == "string":
            return self.string(node)
        simple: dict[str, Callable[[], Any]] = {
            "identifier": lambda: tree.Name(start, end, self.source(node)),
            "literal_value": lambda: tree.Literal(
                start, end, {"true": True, "false": False, "null": None}[self.source(node)]
            ),
            "int_lit": lambda: tree.Literal(start, end, int(self.source(node))),
            "float_lit": lambda: tree.Literal(start, end, self.number(self.source(node))),
            "tuple": lambda: tree.Array(start, end, tuple(self.lower(part) for part in parts)),
            "object": lambda: tree.Object(start, end, tuple(self.member(part) for part in parts)),
            "conditional": lambda: tree.Conditional(start, end, *(self.lower(part) for part in parts)),
            "unary_op": lambda: self.unary(start, end, node),
            "binary_op": lambda: tree.Binary(
                start,
                end,
                self.source(trees(parts[1])[0]).strip(),
                self.lower(parts[0]),
                self.lower(trees(parts[1])[1]),
            ),
            "function_call": lambda: self.call(start, end, parts),
            "for_tuple_expr": lambda: self.loop(start, end, node),
            "for_object_expr": lambda: self.loop(start, end, node),
        }
        return simple[kind]()

    def number(self, text: str) -> int | float:
        number = float(text)
        return int(number) if number.is_integer() else number

    def unary(self, start: int, end: int, node: Any) -> Any:
        operand = self.lower(trees(node)[0])
        if self.text[start] == "-" and isinstance(operand, tree.Literal) and operand.start == start + 1:
            assert isinstance(operand.value, int | float)
            return tree.Literal(start, end, -operand.value)
        return tree.Unary(start, end, self.text[start], operand)

    def call(self, start: int, end: int, parts: list[Any]) -> Any:
        lists = [part for part in parts if part.data == "arguments"]
        names = [self.source(part) for part in parts if part.data == "identifier"]
        spread = bool(lists) and any(getattr(part, "type", "") == "ELLIPSIS" for part in lists[0].children)
        arguments = tuple(self.lower(part) for part in trees(lists[0])) if lists else ()
        return tree.Call(start, end, "::".join(names), arguments, None, spread)

    def member(self, node: Any) -> tree.Property:
        key_node, value = trees(node)
        source = self.source(key_node)
        key: Any = source
        if not re.fullmatch(r"[A-Za-z_][\w-]*", source):
            key = self.lower(trees(key_node)[0])
            if source.startswith('"') and isinstance(key, tree.Literal):
                key = key.value
        return tree.Property(*self.span(node), key, self.lower(value))

    def loop(self, start: int, end: int, node: Any) -> Any:
        intro, *rest = trees(node)
        *names, over = trees(intro)
        condition = self.lower(trees(rest.pop())[0]) if rest[-1].data == "for_cond" else None
        key, value = ["", *map(self.source, names)][-2:]
        name = self.lower(rest[0]) if len(rest) == 2 else None
        grouped = any(getattr(part, "type", "") == "ELLIPSIS" for part in node.children)
        return tree.Comprehension(
            start, end, key, value, self.lower(over), self.lower(rest[-1]), name, condition, grouped
        )

    def string(self, node: Any) -> Any:
        start, end = self.span(node)
        parts: list[Any] = []
        for part in (child.children[0] for child in trees(node)):
            if isinstance(part, Token):
                at = part.start_pos or 0
                if parts and type(parts[-1]) is tree.Literal and parts[-1].end == at:
                    before = parts.pop()
                    parts.append(tree.Literal(before.start, part.end_pos or 0, f"{before.value}{part}"))
                else:
                    parts.append(tree.Literal(at, part.end_pos or 0, str(part)))
            else:
                parts.append(self.lower(trees(part)[0]))
        if all(isinstance(child.children[0], Token) for child in trees(node)):
            return tree.Literal(start, end, self.text[start + 1 : end - 1])
        return parts[0] if len(parts) == 1 else tree.Template(start, end, tuple(parts))

    def chain(self, node: Any) -> Any:
        steps: list[Any] = []
        while True:
            inner = trees(node)
            if node.data == "expr_term" and (isinstance(node.children[0], Token) or inner[0].data not in CHAINS):
                break
            if node.data in CHAINS:
                steps[:0] = inner[1].children if "splat" in inner[1].data else [inner[1]]
            node = inner[0]
        return self.walk(self.lower(node), self.span(node)[0], steps)

    def walk(self, of: Any, start: int, steps: list[Any]) -> Any:
        while steps:
            step = steps.pop(0)
            if isinstance(step, Token):
                each: Any = tree.Name(step.start_pos or 0, step.end_pos or 0, "*")
                if step.type == "FULL_SPLAT_START":
                    each = self.walk(each, each.start, steps)
                else:
                    count = 0
                    while count < len(steps) and getattr(steps[count], "data", "") in {"get_attr", "short_index"}:
                        count += 1
                    each = self.walk(each, each.start, steps[:count])
                    del steps[:count]
                of = tree.Splat(start, each.end, of, each)
                continue
            end = self.span(step)[1]
            if step.data == "get_attr":
                of = tree.Member(start, end, of, self.source(trees(step)[0]))
            elif step.data == "short_index":
                digits = list(tokens(step))[-1]
                of = tree.Item(start, end, of, tree.Literal(digits.start_pos or 0, digits.end_pos or 0, int(digits)))
            else:
                of = tree.Item(start, end, of, self.lower(trees(step)[0]))
        return of


def whole(text: str) -> Any:
    """The tree that python-hcl2 makes of ``a=text``; None if it rejects it."""
    source = f"a={text}\n"
    try:
        body = trees(grammar().parse(source))[0]
    except LarkError:
        return None
    (attribute,) = trees(body)
    return Whole(source).lower(trees(attribute)[-1])


def direct(text: str) -> Any:
    file = parse_file(f"a={text}\n")
    assert file.faults == []
    attribute = file.body.attributes["a"]
    node = attribute.expression()
    assert node is not None, attribute.fault
    return node


def expressions(body: Body, text: str) -> Iterator[str]:
    for attribute in body.attributes.values():
        if attribute.expression() is not None:
            yield text[attribute.value_start : attribute.end]
    for block in body.blocks:
        yield from expressions(block.body, text)


@pytest.mark.skipif(not FILES, reason=f"the corpora are not here: no Terraform in {CORPORA}")
def test_all_expressions_of_the_corpora_are_read_as_python_hcl2_reads_them() -> None:
    texts: set[str] = set()
    for file in FILES:
        text = file.read_bytes().decode("utf-8-sig")
        texts.update(expressions(parse_file(text).body, text))
    compared = refused = 0
    for text in sorted(texts):
        if BEYOND.search(text):
            continue
        expected = whole(text)
        if expected is None:
            refused += 1
            continue
        compared += 1
        assert direct(text) == expected, text
    assert compared > 2000
    assert refused <= 3


NAMES = st.sampled_from(["a", "b-c", "each", "local", "true", "null", "forest", "inner", "if_x"])
BLANK = st.sampled_from(["", " ", "  "])
TEXTS = st.sampled_from(["", "a", "b {c}", "}{", "(", "])", "a ? b : c", "=', "])


def combine(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||"])
    steps = st.sampled_from([".b", "[0]", '["k"]', ".0", "[*]", ".*", "[*].c", ".*.c.d", "[x + 1]"])
    keys = st.one_of(NAMES, st.just('"k v"'), st.just('"k${v}"'), st.just("(k)"))
    some = st.lists(inner, max_size=3)
    return st.one_of(
        st.builds(lambda a, o, b: f"{a} {o} {b}", inner, operators, inner),
        st.builds(lambda a, b, c: f"{a} ? {b} : {c}", inner, inner, inner),
        st.builds(lambda a: f"({a})", inner),
        st.builds(lambda o, a: f"{o}({a})", st.sampled_from("!-"), inner),
        st.builds(lambda a, s: f"({a}){''.join(s)}", inner, st.lists(steps, max_size=4)),
        st.builds(lambda a, s: f"a{a}{''.join(s)}", NAMES, st.lists(steps, max_size=4)),
        st.builds(lambda a, e: f"f({', '.join(a)}{e if a else ''})", some, st.sampled_from(["", "...", ","])),
        st.builds(lambda a: f"[{', '.join(a)}]", some),
        st.builds(lambda k, a: f"{{ {', '.join(f'{k} = {v}' for v in a)} }}", keys, some),
        st.builds(lambda k, a: "{\n" + "".join(f"{k} = {v}\n" for v in a) + "}", keys, some),
        st.builds(lambda t, a: f'"{t}${{{a}}}"', TEXTS, inner),
        st.builds(lambda a, b, c: f"[for x in {a} : {b} if {c}]", inner, inner, inner),
        st.builds(lambda a, b, c: f"{{for k, v in {a} : {b} => {c}...}}", inner, inner, inner),
    )


LEAVES = st.one_of(
    NAMES, TEXTS.map(lambda text: f'"{text}"'), st.sampled_from(["1", "25", "1.5", "-3", "a.b.c", "x[0].y"])
)
EXPRESSIONS = st.recursive(LEAVES, combine, max_leaves=8)


@settings(max_examples=300, deadline=None)
@given(EXPRESSIONS)
def test_any_expression_is_read_as_python_hcl2_reads_it(text: str) -> None:
    expected = whole(text)
    if expected is not None:
        assert direct(text) == expected
