"""What an evaluator decides of values that it does not know is what the language makes of every one of them.

The truth is computed by ``tests.evaluation.oracle``, not by the evaluator.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from azkvlint.evaluation.known import text_lengths
from azkvlint.evaluation.terraform.operators import FailedError
from azkvlint.evaluation.values import Fields, Items, Partly, Result, as_optional
from azkvlint.model.location import Location
from azkvlint.model.pattern import hole
from azkvlint.model.value import NOTHING_KNOWN, Absent, Known, Scalar, Unknown
from tests.evaluation import oracle
from tests.evaluation.conftest import Language
from tests.evaluation.oracle import Tree
from tests.evaluation.terraform.conftest import Terraform

Evaluate = Callable[..., Result]
AT = Location(path="main")
CASES, EXPRESSIONS = 60, 25
TEXTS = ["", "a", "b", "kv", "kv-a", "A", "5", "true", "null"]
OBJECTS: list[Any] = [{}, {"a": 1}, {"b": None}, {"a": "kv", "b": {"a": 1}}, {"b": ""}, {"a": {"b": "x"}, "kv": [1]}]
LISTS: list[Any] = [[], ["a"], ["kv", "kv"], ["b", ""], ["a", "b", "kv-a"]]
# Parameters by name: the values that one may have.
PARAMETERS: Mapping[str, list[Any]] = {
    "s": TEXTS,
    "t": [*TEXTS, None],
    "x": [*TEXTS, None, 5, 0, True, False],
    "f": [True, False],
    "o": OBJECTS,
    "q": [*OBJECTS, None],
    "l": LISTS,
    "r": [*LISTS, None],
}
KINDS: Mapping[str, list[str]] = {
    "text": ["s", "t", "x"],
    "flag": ["f"],
    "fields": ["o", "q"],
    "list": ["l", "r"],
    "number": [],
}
LITERALS: Mapping[str, list[Any]] = {
    "text": ["", "kv", "a", "5"],
    "flag": [True, False],
    "fields": [],
    "list": [],
    "number": [0, 1, 2],
}

# What makes a value of a kind from values of kinds; a word in quotation marks is itself.
COMMON: Mapping[str, list[tuple[str, ...]]] = {
    "text": [
        ("either", "flag", "text", "text"), ("text", "text"), ("text", "'kv-'", "text"), ("text", "text", "text"),
        ("first_of", "text", "text"), ("lower", "text"), ("member", "fields", "'a'"), ("member", "fields", "'b'"),
        ("item", "list", "0"), ("item", "list", "1"), ("replaced", "text", "'a'", "'b'"), ("strung", "list", "'-'"),
    ],
    "flag": [
        ("equals", "text", "text"), ("differs", "text", "text"), ("equals", "text", "null"),
        ("differs", "text", "null"),
        ("both", "flag", "flag"), ("any", "flag", "flag"), ("negated", "flag"), ("equals", "fields", "null"),
        ("equals", "fields", "fields"), ("equals", "list", "list"), ("equals", "number", "number"),
        ("shorter", "number", "number"), ("contains", "list", "text"), ("equals", "text", "''"),
        ("equals", "text", "'kv'"), ("differs", "text", "''"), ("equals", "list", "null"),
        ("either", "flag", "flag", "flag"),
    ],
    "fields": [
        ("fields", "a:text"), ("fields", "a:text", "b:text"), ("fields", "b:fields"), ("fields", "?:text", "a:text"),
        ("fields", "?:text"), ("fields", "b:null"), ("either", "flag", "fields", "fields"), ("member", "fields", "'b'"),
        ("first_of", "fields", "fields"),
    ],
    "list": [
        ("array", "text", "text"), ("array",), ("array", "text"), ("joined", "list", "list"),
        ("split", "text", "'-'"), ("kept", "list", "i", "flag"), ("loop", "list", "flag"), ("keys", "fields"),
        ("either", "flag", "list", "list"), ("loop", "list", "i"), ("loop", "list", "text"),
        ("first_of", "list", "list"),
    ],
    "number": [("length", "text"), ("length", "list"), ("length", "fields"), ("either", "flag", "number", "number")],
}  # fmt: skip
AZURE: Mapping[str, list[tuple[str, ...]]] = {
    "text": [
        ("optional", "fields", "'a'"), ("optional", "fields", "'b'"), ("first", "list"), ("take", "text", "1"),
        ("skip", "text", "1"), ("optional", "fields", "'kv'"), ("last", "list"), ("last", "text"), ("printed", "text"),
    ],
    "flag": [
        ("empty", "text"), ("empty", "list"), ("empty", "fields"), ("contains", "fields", "text"),
        ("contains", "text", "text"), ("starts", "text", "text"), ("ends", "text", "text"), ("starts", "text", "'kv-'"),
        ("contains", "fields", "'a'"),
    ],
    "fields": [
        ("fields", "...fields"), ("fields", "...fields", "a:text"), ("fields", "a:text", "...fields"),
        ("fields", "...fields", "...fields"), ("union", "fields", "fields"), ("optional", "fields", "'b'"),
        ("fields", "A:text", "...fields"), ("named", "list"),
    ],
    "list": [("union", "list", "list"), ("take", "list", "1"), ("skip", "list", "1"), ("shared", "list", "list")],
    "number": [("position", "list", "text"), ("position", "text", "text")],
}  # fmt: skip
HCL: Mapping[str, list[tuple[str, ...]]] = {
    "text": [
        ("lookup", "fields", "text", "text"), ("lookup", "fields", "'a'", "text"), ("tried", "text", "text"),
        ("single", "list"), ("lookup", "fields", "'b'", "''"), ("text_of", "text"),
        ("without_prefix", "text", "'kv'"), ("part", "text", "0", "2"),
    ],
    "flag": [
        ("can", "text"), ("can", "flag"), ("tried", "flag", "flag"), ("begins", "text", "text"), ("all_true", "list"),
    ],
    "fields": [
        ("merge", "fields", "fields"), ("merge", "fields"), ("tried", "fields", "fields"),
        ("values_of", "fields", "i"), ("values_of", "fields", "text"),
    ],
    "list": [
        ("values", "fields"), ("backwards", "list"), ("filled", "list"), ("distinct", "list"),
        ("slice", "list", "0", "1"), ("tried", "list", "list"),
        ("kept", "list", "text", "flag"),
    ],
    "number": [],
}  # fmt: skip


def drawing(seed: int | str) -> random.Random:
    return random.Random(seed)  # noqa: S311  # the same values in each run


def made(
    draw: random.Random, forms: Mapping[str, list[tuple[str, ...]]], kind: str, depth: int, inner: bool = False
) -> Tree:
    """Return an expression of a kind. ``inner``: it may use the variable of a loop."""
    if depth <= 0 or (draw.random() < 0.25 and kind != "number"):
        names = [*KINDS[kind], *(["i", "i"] if inner and kind == "text" else [])]
        if not names or (LITERALS[kind] and draw.random() < 0.2):
            return ("literal", draw.choice(LITERALS[kind]))
        return ("name", draw.choice(names))
    name, *operands = draw.choice(forms[kind])
    result: list[Any] = []
    for operand in operands:
        loops = inner or (name in ("loop", "kept", "values_of") and operand is not operands[0])
        if operand == "i":
            result.append(("name", "i"))
        elif operand == "null":
            result.append(("literal", None))
        elif operand[0] == "'":
            text = operand[1:-1]
            result.append(text if name in ("member", "optional") else ("literal", text))
        elif operand.isdigit():
            result.append(int(operand))
        elif operand.startswith("..."):
            result.append((made(draw, forms, operand[3:], depth - 1, loops),))
        elif ":" in operand:
            key, _, of = operand.partition(":")
            value = ("literal", None) if of == "null" else made(draw, forms, of, depth - 1, loops)
            result.append((made(draw, forms, "text", depth - 2, loops) if key == "?" else key, value))
        else:
            result.append(made(draw, forms, operand, depth - 1, loops))
    return (name, *result)


def bicep_of(tree: Tree) -> str:
    name, *operands = tree
    if name == "literal":
        return quoted(operands[0], "'")
    if name == "fields":
        return f"{{ {', '.join(map(bicep_member, operands))} }}"
    written = [bicep_of(operand) if isinstance(operand, tuple) else str(operand) for operand in operands]
    if name == "text":
        return "'" + "".join(f"${{{part}}}" for part in written) + "'"
    form = {
        "name": "{0}", "both": "({0} && {1})", "any": "({0} || {1})", "negated": "!({0})", "equals": "({0} == {1})",
        "differs": "({0} != {1})", "item": "({0})[{1}]", "shorter": "({0} < {1})", "member": "({0}).{1}",
        "optional": "({0}).?{1}", "either": "({0} ? {1} : {2})", "first_of": "({0} ?? {1})", "lower": "toLower({0})",
        "loop": "map({0}, i => {1})", "joined": "concat({0}, {1})", "starts": "startsWith({0}, {1})",
        "ends": "endsWith({0}, {1})", "replaced": "replace({0}, {1}, {2})", "split": "split({0}, {1})",
        "strung": "join({0}, {1})", "kept": "map(filter({0}, i => {2}), i => {1})", "keys": "objectKeys({0})",
        "printed": "string({0})", "shared": "intersection({0}, {1})", "position": "indexOf({0}, {1})",
        "named": "toObject({0}, i => i)",
    }.get(name)  # fmt: skip
    if name == "array":
        return f"[{', '.join(written)}]"
    return form.format(*written) if form else f"{name}({', '.join(written)})"


def bicep_member(member: Tree) -> str:
    if len(member) == 1:
        return f"...{bicep_of(member[0])}"
    key, value = member
    return f"{key if isinstance(key, str) else bicep_of(('text', key))}: {bicep_of(value)}"


def arm_of(tree: Tree) -> str:
    name, *operands = tree
    if name == "literal":
        plain = operands[0]
        return f"{json.dumps(plain)}()" if plain is None or isinstance(plain, bool) else quoted(plain, "'")
    if name == "name":
        return "lambdaVariables('i')" if operands[0] == "i" else f"parameters('{operands[0]}')"
    if name == "fields":
        return arm_fields(operands)
    written = [arm_of(operand) if isinstance(operand, tuple) else str(operand) for operand in operands]
    if name == "text":
        holes = "".join(f"{{{number}}}" for number in range(len(written)))
        return f"format('{holes}', {', '.join(written)})"
    form = {
        "both": "and({0}, {1})", "any": "or({0}, {1})", "negated": "not({0})", "differs": "not(equals({0}, {1}))",
        "item": "{0}[{1}]", "shorter": "less({0}, {1})", "member": "{0}.{1}", "optional": "tryGet({0}, '{1}')",
        "either": "if({0}, {1}, {2})", "first_of": "coalesce({0}, {1})", "lower": "toLower({0})",
        "loop": "map({0}, lambda('i', {1}))", "joined": "concat({0}, {1})", "starts": "startsWith({0}, {1})",
        "ends": "endsWith({0}, {1})", "replaced": "replace({0}, {1}, {2})", "split": "split({0}, {1})",
        "strung": "join({0}, {1})", "kept": "map(filter({0}, lambda('i', {2})), lambda('i', {1}))",
        "keys": "objectKeys({0})", "printed": "string({0})", "shared": "intersection({0}, {1})",
        "position": "indexOf({0}, {1})", "named": "toObject({0}, lambda('i', lambdaVariables('i')))",
    }.get(name)  # fmt: skip
    if name == "array":
        return f"createArray({', '.join(written)})"
    return form.format(*written) if form else f"{name}({', '.join(written)})"


def arm_fields(members: list[Tree]) -> str:
    """Return an object as Bicep compiles it: spread members are laid over others by ``shallowMerge()``."""
    parts: list[str] = []
    own: list[str] = []
    for member in members:
        if len(member) == 1:
            parts += [f"createObject({', '.join(own)})"] if own else []
            parts.append(arm_of(member[0]))
            own = []
        else:
            key = f"'{member[0]}'" if isinstance(member[0], str) else arm_of(("text", member[0]))
            own += [key, arm_of(member[1])]
    if not parts:
        return f"createObject({', '.join(own)})"
    parts += [f"createObject({', '.join(own)})"] if own else []
    return f"shallowMerge(createArray({', '.join(parts)}))"


def hcl_of(tree: Tree) -> str:
    name, *operands = tree
    if name == "literal":
        return quoted(operands[0], '"')
    if name == "fields":
        pairs = [f"{key if isinstance(key, str) else f'({hcl_of(key)})'} = {hcl_of(value)}" for key, value in operands]
        return f"{{ {', '.join(pairs)} }}"
    written = [hcl_of(operand) if isinstance(operand, tuple) else str(operand) for operand in operands]
    if name == "text":
        return '"' + "".join(f"${{{part}}}" for part in written) + '"'
    form = {
        "name": "{0}", "both": "({0} && {1})", "any": "({0} || {1})", "negated": "!({0})", "equals": "({0} == {1})",
        "differs": "({0} != {1})", "item": "({0})[{1}]", "shorter": "({0} < {1})", "member": "({0}).{1}",
        "either": "({0} ? {1} : {2})", "first_of": "coalesce({0}, {1})", "loop": "[for i in {0} : {1}]",
        "joined": "concat({0}, {1})", "tried": "try({0}, {1})", "single": "one({0})", "text_of": "tostring({0})",
        "values_of": "{{ for k, i in {0} : k => {1} }}", "kept": "[for i in {0} : {1} if {2}]",
        "replaced": "replace({0}, {1}, {2})", "split": "split({1}, {0})", "strung": "join({1}, {0})",
        "backwards": "reverse({0})", "filled": "compact({0})", "without_prefix": "trimprefix({0}, {1})",
        "begins": "startswith({0}, {1})", "part": "substr({0}, {1}, {2})", "all_true": "alltrue({0})",
    }.get(name)  # fmt: skip
    if name == "array":
        return f"[{', '.join(written)}]"
    return form.format(*written) if form else f"{name}({', '.join(written)})"


def quoted(plain: Any, mark: str) -> str:
    return f"{mark}{plain}{mark}" if isinstance(plain, str) else json.dumps(plain)


def drawn(draw: random.Random, name: str, knows_untyped: bool) -> tuple[Unknown, Any]:
    """Return an unknown value with some of what is certain of it, and a value that it may turn out to be."""
    value = draw.choice(PARAMETERS[name])
    if name == "x" and not knows_untyped:
        return Unknown(at=AT, why="unknown", pattern=hole(name)), value
    known = NOTHING_KNOWN
    if isinstance(value, str) and draw.random() < 0.5:
        least, most = text_lengths(value)
        known = Known(
            least=draw.choice([0, least]), most=draw.choice([None, most, most + 1]),
            is_text=draw.random() < 0.5 if name == "x" else True, starts=draw.choice(["", value[:1]]),
            differs=tuple(draw.sample([text for text in TEXTS if text.lower() != value.lower()], draw.randrange(3))),
        )  # fmt: skip
    elif isinstance(value, list | dict) and draw.random() < 0.5:
        known = Known(least=draw.randrange(len(value) + 1), most=draw.choice([None, len(value), len(value) + 1]))
    elif name in ("s", "t") and draw.random() < 0.5:
        known = Known(is_text=True)
    given = value is not None and draw.random() < 0.5
    return Unknown(at=AT, why="unknown", pattern=hole(name), given=given, known=known), value


def agrees(result: Result, real: Any, ignores_case: bool) -> bool:
    """Return whether a result that is known in part allows a value."""
    match result:
        case Scalar(value=value):
            return type(value) is type(real) and value == real
        case Absent():
            return real is None
        case Partly(items=items) if not isinstance(real, list) or len(real) < min(len(items), 1):
            return False
        case Unknown():
            return as_optional(result) is not None or allows(result, real)
        case Items(items=items):
            return isinstance(real, list) and len(items) == len(real) and all(
                agrees(item, value, ignores_case) for item, value in zip(items, real, strict=True)
            )  # fmt: skip
        case Fields(fields=fields, rest=rest):
            if not isinstance(real, dict) or (rest is None and len(fields) < len(real)):
                return False
            names = {name.lower() if ignores_case else name: value for name, value in real.items()}
            for name, field in fields.items():
                key = name.lower() if ignores_case else name
                if key not in names:
                    if as_optional(field) is None:
                        return False
                elif not agrees(field, names[key], ignores_case):
                    return False
            return True
    return True


def allows(result: Unknown, real: Any) -> bool:
    """Return whether what is certain of a value holds of it."""
    known = result.known
    if real is None:
        return not result.is_set and known.least == 0
    if known.is_number:
        return type(real) is int and known.least <= real and (known.most is None or real <= known.most)
    if isinstance(real, str | list | dict):
        size = len(real)
        if size < known.least or (known.most is not None and size > known.most):
            return False
    if not isinstance(real, str):
        return not known.is_text and not (known.starts and not isinstance(real, list | dict))
    return real.startswith(known.starts) and real not in known.differs


def parts(result: Result, real: Any) -> Iterator[tuple[Unknown, Any]]:
    """Yield the unknown values in a result, each with the value that it has."""
    if isinstance(result, Items):
        for item, value in zip(result.items, real, strict=True):
            yield from parts(item, value)
    elif isinstance(result, Fields):
        names = {name.lower(): value for name, value in real.items()}
        for name, field in result.fields.items():
            if name in real or name.lower() in names:
                yield from parts(field, real[name] if name in real else names[name.lower()])
    elif isinstance(result, Unknown) and as_optional(result) is None:
        yield result, real


class Case:
    """The parameters of one deployment, and the values of all patterns that were seen with them."""

    def __init__(self, draw: random.Random, knows_untyped: bool) -> None:
        parameters = {name: drawn(draw, name, knows_untyped) for name in PARAMETERS}
        self.unknown = {name: unknown for name, (unknown, _) in parameters.items()}
        self.real = {name: value for name, (_, value) in parameters.items()}
        self.patterns = {unknown.text: (self.real[name], name) for name, unknown in self.unknown.items()}

    def check(self, tree: Tree, text: str, language: oracle.Oracle, evaluate: Evaluate, ignores_case: bool) -> bool:
        """Compare what is certain of an expression with its value. Return whether it was decided."""
        try:
            real = language.value(tree, self.real)
        except (oracle.FailedError, oracle.UndecidedError):
            return False
        try:
            result = evaluate(text, **self.unknown)
        except FailedError as error:
            raise AssertionError(f"{text} with {self.real} is {real!r}") from error
        certain = result.known if isinstance(result, Unknown) else result
        assert agrees(result, real, ignores_case), f"{text} with {self.real} is {real!r}, not {certain!r}"
        for part, value in parts(result, real):
            if part.pattern is not None:
                other, before = self.patterns.setdefault(part.pattern.text, (value, text))
                assert oracle.equal(other, value), f"{text}: {part.pattern} is {value!r}, and {other!r} in {before}"
        return not isinstance(result, Unknown)


def check(draw: random.Random, language: str, evaluate: Evaluate, write: Callable[[Tree], str]) -> int:
    """Check expressions of a language. Return how many were decided."""
    is_terraform = language == "terraform"
    forms = {kind: COMMON[kind] + (HCL if is_terraform else AZURE)[kind] for kind in COMMON}
    meaning = oracle.Terraform() if is_terraform else oracle.Azure()
    decided = 0
    for _ in range(CASES):
        case = Case(draw, knows_untyped=not is_terraform)
        for _ in range(EXPRESSIONS):
            kind = draw.choice(["text", "flag", "flag", "fields", "list", "number"])
            tree = made(draw, forms, kind, draw.choice([1, 2, 2, 3]))
            decided += case.check(tree, write(tree), meaning, evaluate, ignores_case=not is_terraform)
    return decided


@pytest.mark.parametrize("seed", range(2))
def test_terraform_decides_only_facts_about_every_value(seed: int) -> None:
    assert check(drawing(seed), "terraform", Terraform().result, hcl_of) > CASES


@pytest.mark.parametrize("seed", range(2))
def test_bicep_decides_only_facts_about_every_value(seed: int, bicep: Language) -> None:
    assert check(drawing(seed), "bicep", bicep.result, bicep_of) > CASES


@pytest.mark.parametrize("seed", range(2))
def test_arm_templates_decide_only_facts_about_every_value(seed: int, arm: Language) -> None:
    assert check(drawing(seed), "arm", arm.result, arm_of) > CASES
