"""What the value of an expression is made of, at a path of the value."""

from __future__ import annotations

import pytest

from azkvlint.model.value import Path
from azkvlint.syntax import ast
from azkvlint.syntax.bicep.parse import parse
from azkvlint.syntax.hcl.expressions import parse_template
from azkvlint.values.parts import PartFinder, PartRelation, variable_of
from azkvlint.values.paths import ANY, KEYS

SAME, CHOICE, COMPUTED = PartRelation.SAME, PartRelation.CHOICE, PartRelation.COMPUTED


def bicep(text: str) -> tuple[str, ast.Expression]:
    source = f"var x = {text}\n"
    (node,) = parse(source).declarations
    assert isinstance(node, ast.Variable)
    return source, node.value


def terraform(text: str) -> tuple[str, ast.Expression]:
    source = f"${{{text}}}"
    node = parse_template(source)
    return source, node.parts[0] if isinstance(node, ast.Template) else node


def parts(source: str, node: ast.Expression, rest: Path) -> tuple[PartRelation, list[tuple[str, Path]]]:
    found = PartFinder().parts_of(node, None, rest)
    both = (*found.values, *found.keys)
    return found.relation, [(source[part.node.start : part.node.end], part.rest) for part in both]


@pytest.mark.parametrize(
    ("text", "rest", "relation", "expected"),
    [
        ("a ? b : c", ("d",), CHOICE, [("b", ("d",)), ("c", ("d",))]),
        ("a ?? b", ("d",), CHOICE, [("a", ("d",)), ("b", ("d",))]),
        ("a == b", (), PartRelation.PROPERTY, [("a", ()), ("b", ())]),
        ("{ a: b, c: d }", ("a", "e"), SAME, [("b", ("e",))]),
        ("{ a: b, c: d }", ("A",), SAME, [("b", ())]),
        ("{ a: b, ...c }", ("a",), SAME, [("b", ()), ("...c", ("a",))]),
        ("[a, ...b]", (ANY, "c"), SAME, [("a", ("c",)), ("...b", (ANY, "c"))]),
        ("[for a in b: a.c]", (ANY,), SAME, [("a.c", ())]),
        ("if(a, b, c)", ("d",), CHOICE, [("b", ("d",)), ("c", ("d",))]),
        ("first(a)", ("b",), COMPUTED, [("a", (ANY, "b"))]),
        ("filter(a, b => b.c)", (ANY,), COMPUTED, [("a", (ANY,))]),
        ("map(a, b => b.c)", (ANY, "d"), COMPUTED, [("b.c", ("d",))]),
        ("groupBy(a, b => b.c)", ("d",), COMPUTED, [("b.c", ()), ("a", ())]),
        ("toObject(a, b => b.c, b => b.d)", ("e",), COMPUTED, [("b.c", ()), ("b.d", ())]),
        ("items(a)", (ANY, "value", "b"), SAME, [("a", (ANY, "b"))]),
        ("items(a)", (ANY, "key"), PartRelation.DIGEST, [("a", (KEYS,))]),
        ("length(a)", (), PartRelation.PROPERTY, [("a", ())]),
        ("uniqueString(a)", (), PartRelation.DIGEST, [("a", ())]),
        ("resourceId(a)", (), PartRelation.LOOKUP, [("a", ())]),
        ("format(a, b)", ("c",), COMPUTED, [("a", ()), ("b", ())]),
    ],
)
def test_bicep_expression_has_its_parts(text: str, rest: Path, relation: PartRelation, expected: object) -> None:
    assert parts(*bicep(text), rest) == (relation, expected)


@pytest.mark.parametrize(
    ("text", "rest", "relation", "expected"),
    [
        ('a.b["c"]', ("d",), SAME, [("a.b", ("[c]", "d"))]),
        ("a[*].b", (), SAME, [("a", (ANY, "b"))]),
        ('lookup(a, "b", c)', ("d",), COMPUTED, [("a", ("[b]", "d")), ("c", ("d",))]),
        ("values(a)", ("[0]", "b"), SAME, [("a", (ANY, "b"))]),
        ("core::merge(a, b)", ("c",), SAME, [("a", ("c",)), ("b", ("c",))]),
        ("{ for a in b : a.c => a.d }", ("[e]",), SAME, [("a.d", ())]),
        ("{ for a in b : a.c => a.d... }", ("[e]", ANY, "f"), SAME, [("a.d", ("f",))]),
        ("{ for a in b : a.c => a.d }", (), SAME, [("a.d", ()), ("a.c", ())]),
        ("templatefile(a, b)", (), PartRelation.CONTENT, [("a", ()), ("b", ())]),
        ("regexall(a, b)", (), PartRelation.DIGEST, [("a", ()), ("b", ())]),
        ('list("a")', (), COMPUTED, [('"a"', ())]),
    ],
)
def test_terraform_expression_has_its_parts(text: str, rest: Path, relation: PartRelation, expected: object) -> None:
    assert parts(*terraform(text), rest) == (relation, expected)


def test_a_variable_of_a_loop_is_any_item_of_the_collection() -> None:
    _, node = terraform("{ for key, item in all : key => item.name }")
    found = PartFinder().parts_of(node, None, ())
    (value,), (name,) = found.values, found.keys
    item, key = variable_of(value.node, value.scope, ("x",)), variable_of(name.node, name.scope, ())
    assert item is not None
    assert [(part.rest, part.scope) for part in item.values] == [((ANY, "name", "x"), None)]
    assert key is not None
    assert (key.values, [part.rest for part in key.keys]) == ([], [(KEYS,)])
