"""No Terraform file nests too deep, goes on too long or takes too much time to be read."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from functools import partial
from operator import mul

import pytest

from azkvlint.syntax import ast
from azkvlint.syntax.hcl.expressions import parse_template
from azkvlint.syntax.hcl.json_file import parse_json_file
from azkvlint.syntax.hcl.parse import Body, HclFile, parse_file
from azkvlint.util.errors import InputError

pytestmark = pytest.mark.slow(8)

LEVELS = 5000
SIZE = 200_000


def all_faults(body: Body) -> list[ast.Fault]:
    """Whatever is at fault once everything is asked for."""
    found = list(body.faults)
    unread = [attribute for attribute in body.attributes.values() if attribute.expression() is None]
    found += [attribute.fault for attribute in unread if attribute.fault is not None]
    for block in body.blocks:
        found += all_faults(block.body)
    return found


def everything(file: HclFile) -> list[str]:
    return [fault.message for fault in (*file.faults, *all_faults(file.body))]


def called_from_afar(text: str, frames: int = 100) -> list[str]:
    return everything(parse_file(text)) if frames == 0 else called_from_afar(text, frames - 1)


NESTED = [
    ("(", ")"),
    ("[", "]"),
    ("[\n", "\n]"),
    ("{ a = ", " }"),
    ("{\n(a) = ", "\n}"),
    ("-[for x in y : ", "]"),
    ("{for x in y : x => ", "}"),
    ("1 + -f(", ")"),
    ("a[*].b[1 + -", "]"),
    ("a[1 + -", "]"),
    ('"${1 + -', '}"'),
    ('{ "${a}" = ', " }"),
]


@pytest.mark.parametrize(("opening", "closing"), NESTED)
def test_depth_has_a_limit_of_its_own(opening: str, closing: str) -> None:
    fine = f"a = {opening * 60}1{closing * 60}\n"
    assert called_from_afar(fine) == []
    # More than may be read, and more than may be gone over.
    for levels in (140, LEVELS):
        text = f"a = {opening * levels}1{closing * levels}\nb {{}}\n"
        assert called_from_afar(text)[:1] == ["the nesting is too deep"]
        assert [block.type for block in parse_file(text).body.blocks] == ["b"]


def test_nested_blocks_have_a_limit() -> None:
    assert everything(parse_file("a {\n" * 100 + "}\n" * 100)) == []
    assert everything(parse_file("a {\n" * LEVELS + "}\n" * LEVELS))[0] == "the nesting is too deep"


def test_nested_directives_have_a_limit() -> None:
    with pytest.raises(InputError, match="the nesting is too deep"):
        parse_template("%{ if a }" * LEVELS + "%{ endif }" * LEVELS)


@pytest.mark.parametrize(
    "link", [" + 1", " == 1", "[b]", ".*", "[*]", " ? 1 : a", ".b", ".0", "[0]", '["b"]', " .b", " || !b"]
)
def test_chains_have_a_limit_of_their_own(link: str) -> None:
    assert everything(parse_file(f"a = a{link * 100}\n")) == []
    assert everything(parse_file(f"a = a{link * LEVELS}\n")) == ["too many operators and accesses in one expression"]


def test_number_of_siblings_has_no_limit() -> None:
    many = ["a.b + 1"] * LEVELS
    assert everything(parse_file(f"a = [{', '.join(many)}]\n")) == []
    assert everything(parse_file("a = {\n" + "".join(f"k{i} = !x\n" for i in range(LEVELS)) + "}\n")) == []
    assert everything(parse_file('a = "' + "".join(f"${{{one}}}" for one in many) + '"\n')) == []
    assert everything(parse_file(f"a = f({', '.join(many)})\n")) == []


def assigned(mark: str, count: int) -> str:
    return "a = " + mark * count


ENDLESS: dict[str, Callable[[int], str]] = {
    "blank lines in an open heredoc": lambda n: "a = <<E\n" + "\n" * n,
    "blank lines in an open heredoc in a block": lambda n: "b {\na = <<E\n" + "\n" * n,
    "open heredocs": lambda n: "a = <<E\n" * (n // 8),
    "open heredocs in a block": lambda n: "b {\n" + "a = <<E\n" * (n // 8) + "}",
    "open heredocs of all names": lambda n: "".join(f"a = <<E{i}\n" for i in range(n // 11)),
    "heredocs in heredocs": lambda n: "".join(f"a = <<E{i}\n${{" for i in range(n // 13)) + "}\nE0\n",
    "closed heredocs in heredocs": lambda n: (
        "a = "
        + "".join(f"<<E{i}\n${{" for i in range(n // 20))
        + "".join(f"}}\nE{i}\n" for i in reversed(range(n // 20)))
    ),
    "heredocs": lambda n: "".join(f"a{i} = <<E\nx\nE\n" for i in range(n // 15)),
    "an open text of a line each": lambda n: 'a = "\n' * (n // 6),
    "the same in a block": lambda n: "b {\n" + 'a = "\n' * (n // 6) + "}",
    "open expressions": lambda n: 'a = "${\n' * (n // 8),
    "open expressions in a block": lambda n: "b {\n" + 'a = "${\n' * (n // 8) + "}",
    "open expressions in a heredoc": lambda n: "a = <<E\n" + "${" * (n // 2) + "\nE\n",
    "some open expressions and a lot": lambda n: 'a = "${\n' * 140 + "b = 1\n" * (n // 6),
    "some open blocks and a lot": lambda n: "a {\n" * 140 + "b = 1\n" * (n // 6),
    "some open brackets and a lot": lambda n: "c {\n" + "a = [\n" * 140 + "b = 1\n" * (n // 6) + "}",
    "open blocks": lambda n: "a {\n" * (n // 4),
    "open brackets": lambda n: "a = [\n" * (n // 6),
    "open brackets in a block": lambda n: "b {\n" + "a = [\n" * (n // 6) + "}",
    "open comments": lambda n: "/*" * (n // 2),
    "open comments behind names": lambda n: "a = /*\n" * (n // 7),
    "comments in open expressions": lambda n: "b {\n" + 'a = "${ /*\n' * (n // 11) + "}\n*/",
    "all of it": lambda n: 'b {\na = "${ [ ( {\n' * (n // 16),
    "many blocks in open ones": lambda n: "a {{{{{{{{{{" + "{}" * (n // 2),
    "much in many blocks": lambda n: "a {\n" * 140 + "b = 1\n" * (n // 6) + "}\n" * 140,
    "much in many objects": lambda n: "a = " + "{b=" * 90 + "[" + "1," * (n // 2) + "]" + "}" * 90,
    "comments": lambda n: "x {\n" + "#\n" * (n // 2) + "}",
    "comments in brackets": lambda n: "x = [" + "#\n" * (n // 2) + "]",
    "labels": lambda n: "a " + '"a" ' * (n // 4),
    "names": lambda n: "a " * (n // 2),
    "a name": lambda n: "a" * n,
    "a name and blanks": lambda n: "a" + " " * n,
    "attributes": lambda n: "".join(f"a{i} = {i}\n" for i in range(n // 12)),
    "one attribute": lambda n: "a = 1\n" * (n // 6),
    "arguments": lambda n: "a = f(" + "1," * (n // 2) + "1)",
    "calls": lambda n: "a = " + "f(" * (n // 2),
    "loops": lambda n: "a = " + "[for x in " * (n // 10),
    "signs": lambda n: "a = " + "-" * n,
    "unary operators": lambda n: "a = [" + "-!-a," * (n // 5) + "]",
    "operators": lambda n: "a = 1" + " + 1" * (n // 4),
    "operators of rising precedence": lambda n: "a = 1" + " || 1 && 1 == 1 < 1 + 1 * 1" * (n // 28),
    "conditionals": lambda n: "a = " + "b ? c : " * (n // 8) + "d",
    "conditionals in conditionals": lambda n: "a = " + "b ? " * (n // 8) + "c" + " : d" * (n // 8),
    "open conditionals": lambda n: "a = " + "b ? " * (n // 4),
    "short conditionals": lambda n: "a = [" + "b ? c : d," * (n // 10) + "]",
    "closed parentheses": lambda n: "a = " + "(" * (n // 2) + "1" + ")" * (n // 2),
    "closed calls": lambda n: "a = " + "f(" * (n // 3) + ")" * (n // 3),
    "closed loops": lambda n: "a = " + "[for x in y : " * (n // 15) + "x" + "]" * (n // 15),
    "splats": lambda n: "a = b" + "[*]" * (n // 3),
    "attribute splats": lambda n: "a = b" + ".*.c[0]" * (n // 7),
    "short splats": lambda n: "a = [" + "b.*.c[*].d," * (n // 11) + "]",
    "indexes": lambda n: "a = b" + "[c" * (n // 2),
    "dots": lambda n: "a = b" + " . " * (n // 3),
    "colons": lambda n: "a = b" + " :: " * (n // 4),
    "expansions": lambda n: "a = [" + "f(a...)," * (n // 8) + "]",
    "templates": lambda n: 'a = "' + "${b ? c : d}" * (n // 12) + '"',
    "templates in a heredoc": lambda n: "a = <<E\n" + "${b + c}%{ if d }%{ endif }\n" * (n // 28) + "E\n",
    "digits": lambda n: "a = " + "1" * n,
    "backslashes": lambda n: 'a = "' + "\\" * n + '"',
    "directives": lambda n: 'a = "' + "%{ if a }" * (n // 9) + '"',
    **{f"only {mark!r}": partial(mul, mark) for mark in '${}"[]()<\\\n #%'},
    **{f"a = {mark}": partial(assigned, mark) for mark in '${"[(<'},
    'a = "$$$': lambda n: 'a = "' + "$" * n + '"',
}


def took(work: Callable[[str], object], text: str) -> float:
    """The time that work takes, without what the collector spends on all that other tests have left."""
    gc.freeze()
    try:
        start = time.process_time()
        work(text)
        return time.process_time() - start
    finally:
        gc.unfreeze()


def grows_with_the_text(work: Callable[[str], object], text: Callable[[int], str]) -> bool:
    """Whether twice the text takes no more than three times the time, in one of three tries, as others work, too."""
    for _ in range(3):
        once, twice = took(work, text(SIZE // 2)), took(work, text(SIZE))
        if twice < max(3 * once, 0.1) and twice < 1:
            return True
    return False


@pytest.mark.parametrize("name", ENDLESS)
def test_parsing_takes_linear_time(name: str) -> None:
    def work(text: str) -> object:
        return everything(parse_file(text))

    assert grows_with_the_text(work, ENDLESS[name])


@pytest.mark.parametrize("mark", ["${", "%{", "$", "${a}", "%{ if a }", "\n", "${~ a ~} "])
def test_templates_take_no_longer(mark: str) -> None:
    def work(text: str) -> None:
        try:
            parse_template(text)
        except InputError:
            return

    assert grows_with_the_text(work, lambda size: mark * (size // len(mark)))


@pytest.mark.parametrize("mark", ["{", "[", '"', '{"a":', "[1,", " ", '"\\u0061', '{"resource":[', "1", "{}"])
def test_json_takes_no_longer(mark: str) -> None:
    def work(text: str) -> object:
        return everything(parse_json_file(text))

    assert grows_with_the_text(work, lambda size: mark * (size // len(mark)))


def test_deep_json_is_one_fault() -> None:
    levels = 145
    assert everything(parse_json_file('{"a": ' + "[" * levels + "]" * levels + "}")) == []
    assert everything(parse_json_file('{"a": ' + "[" * LEVELS + "]" * LEVELS + "}")) == [
        "invalid JSON: the nesting is too deep"
    ]
