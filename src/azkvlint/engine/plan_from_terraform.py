"""The compact plan of a literal Terraform file, so that an example states both with one text.

Literal is what a plan repeats as it is written: values, blocks and references. Functions, conditions, loops, locals and
module calls are not, since a plan holds what they evaluate to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from azkvlint.syntax import ast
from azkvlint.syntax.hcl.parse import parse_file
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex

if TYPE_CHECKING:
    from azkvlint.syntax.hcl.document import Block, Body

_MARK = regex(r"#[ \t]*<-[ \t]*(?P<rules>[A-Z0-9,\s-]+)$")
# Strings that YAML reads as strings without quotation marks: words, GUIDs, and outside of brackets one reference.
_WORD = regex(r"[A-Za-z_](?:[\w./@ -]*[\w./-])?|[0-9a-f]{8}-[0-9a-f-]{27}")
_REFERENCE = regex(r"\$\{[\w.\[\]-]+\}")
_NOT_TEXT = ("true", "false", "null")
# What a plan shows otherwise, or not at all.
_EVALUATED = ("count", "for_each", "lifecycle", "dynamic", "provisioner", "connection")


def plan_from_terraform(source: str) -> str:
    """Return the compact plan of ``source``, with its marks. Raise InputError where the source is not literal."""
    file = parse_file(source)
    faults = [fault.message for fault in file.faults]
    if faults:
        raise InputError(f"no plan follows from it: {faults[0]}")
    converter = _Converter(source, file.body.blocks)
    return "".join(f"{line}\n" for block in file.body.blocks for line in converter.top(block))


class _Converter:
    def __init__(self, source: str, blocks: Sequence[Block]) -> None:
        self._source = source
        self._versions: dict[str, str] = {}
        self._known: set[str] = set()
        for block in blocks:
            if block.type == "terraform":
                self._versions |= dict(self._required(block))
            elif block.type == "resource" and len(block.labels) == 2:
                self._known |= {f"{'.'.join(block.labels)}.{name}" for name in block.body.attributes}

    def top(self, block: Block) -> Iterator[str]:
        """Yield the lines of one block of the file."""
        body = block.body
        name = ".".join(block.labels)
        match block.type:
            case "resource" | "data":
                prefix = "data." if block.type == "data" else ""
                yield from self._entry(f"{prefix}{name}", block, list(self._arguments(body)))
            case "provider" if block.labels:
                yield from self._provider(block)
            case "variable" if "default" not in body.attributes and "sensitive" in body.attributes:
                yield from self._entry(f"variable.{name}", block, self._line("sensitive", "true", block.start, 1))
            case "variable" if "default" not in body.attributes:
                pass
            case "output":
                yield from self._entry(f"output.{name}", block, list(self._arguments(body)))
            case "terraform":
                pass
            case _:
                raise InputError(f"no plan follows from it: it has a {block.type} block with values of its own")

    def _entry(self, address: str, block: Block, lines: list[str]) -> Iterator[str]:
        mark = self._mark(block.start, block.end)
        yield f"{address}:{'' if lines else ' {}'}{mark}"
        yield from lines

    def _provider(self, block: Block) -> Iterator[str]:
        name = block.labels[0]
        alias = block.body.attributes.get("alias")
        key = name if alias is None else f"{name}.{self._text(alias.expression())}"
        version = block.body.attributes.get("version")
        required = self._text(version.expression()) if version is not None else self._versions.get(name, "")
        start = version.start if version is not None else block.start
        lines = self._line("version", json.dumps(required), start, 1) if required else []
        for inner in block.body.blocks:
            if inner.type == "features":
                features = [line for part in inner.body.blocks for line in self._feature(part)]
                lines += ["  features:", *features] if features else ["  features: {}"]
        yield from self._entry(f"provider.{key}", block, lines)

    def _feature(self, block: Block) -> Iterator[str]:
        yield f"    {block.type}:"
        yield from (f"    {line}" for line in self._arguments(block.body))

    def _required(self, block: Block) -> Iterator[tuple[str, str]]:
        for inner in block.body.blocks:
            for name, attribute in inner.body.attributes.items() if inner.type == "required_providers" else ():
                expression = attribute.expression()
                for member in expression.members if isinstance(expression, ast.Object) else ():
                    if isinstance(member, ast.Property) and _key(member) == "version":
                        yield name, self._text(member.value)

    def _arguments(self, body: Body, depth: int = 1) -> Iterator[str]:
        """Yield the lines of arguments and blocks; blocks of one type are a list."""
        if any(name in body.attributes for name in _EVALUATED):
            raise InputError("no plan follows from it: it has resources that are counted")
        for name, attribute in body.attributes.items():
            expression = attribute.expression()
            if name == "provider" and depth == 1:
                yield from self._line("$provider", self._slice(expression), attribute.start, depth)
            elif name == "depends_on" and isinstance(expression, ast.Array):
                items = ", ".join(self._slice(item) for item in expression.items)
                yield from self._line("$depends_on", f"[{items}]", attribute.start, depth)
            else:
                yield from self._line(name, self._value(expression), attribute.start, depth)
        types = dict.fromkeys(block.type for block in body.blocks)
        for type_ in types:
            if type_ in _EVALUATED:
                raise InputError(f"no plan follows from it: it has a {type_} block")
            yield f"{'  ' * depth}{type_}:"
            for block in body.blocks:
                if block.type == type_:
                    yield from self._block(block, depth + 1)

    def _block(self, block: Block, depth: int) -> Iterator[str]:
        indent = "  " * depth
        lines = list(self._arguments(block.body, depth + 1))
        yield f"{indent}- {lines[0].lstrip()}" if lines else f"{indent}- {{}}"
        yield from lines[1:]

    def _line(self, name: str, value: str, start: int, depth: int) -> list[str]:
        end = self._source.find("\n", start)
        mark = self._mark(start, len(self._source) if end < 0 else end)
        plain = value[1:-1] if _REFERENCE.fullmatch(value[1:-1]) else value
        return [f"{'  ' * depth}{name}: {plain}{mark}"]

    def _mark(self, start: int, end: int) -> str:
        """Return the mark of the rules that are named between two offsets."""
        end = self._source.find("\n", end) if self._source.find("\n", end) >= 0 else len(self._source)
        lines = self._source[start:end].splitlines()
        found = dict.fromkeys(
            rule for line in lines if (match := _MARK.search(line)) for rule in match["rules"].replace(",", " ").split()
        )
        return f"  # <- {', '.join(found)}" if found else ""

    def _slice(self, expression: ast.Node | None) -> str:
        return self._source[expression.start : expression.end] if expression is not None else ""

    def _text(self, expression: ast.Expression | None) -> str:
        if isinstance(expression, ast.Literal) and isinstance(expression.value, str):
            return expression.value
        raise InputError("no plan follows from it: a string was expected")

    def _value(self, expression: ast.Expression | ast.Spread | None) -> str:
        """Return a value in YAML's flow style."""
        match expression:
            case ast.Literal(value=str(text)):
                plain = _WORD.fullmatch(text) and text.lower() not in _NOT_TEXT
                return text if plain else json.dumps(text, ensure_ascii=False)
            case ast.Literal(value=value):
                return json.dumps(value)
            case ast.Unary(operator="-", operand=ast.Literal(value=int() | float() as number)):
                return json.dumps(-number)
            case ast.Array(items=items):
                return f"[{', '.join(self._value(item) for item in items)}]"
            case ast.Object(members=members):
                return f"{{{', '.join(self._member(member) for member in members)}}}"
            case ast.Name() | ast.Member() | ast.Item():
                return json.dumps(self._reference(expression))
            case ast.Template(parts=parts):
                references = [self._reference(part) for part in parts if not isinstance(part, ast.Literal)]
                return json.dumps("".join(references))
        raise InputError("no plan follows from it: it has expressions that are evaluated")

    def _member(self, member: ast.Property | ast.Spread) -> str:
        if isinstance(member, ast.Spread):
            raise InputError("no plan follows from it: it has expressions that are evaluated")
        return f"{json.dumps(_key(member))}: {self._value(member.value)}"

    def _reference(self, expression: ast.Expression) -> str:
        """Return a reference, known after apply; what is written in this file is known before."""
        inner: ast.Expression = expression
        while isinstance(inner, ast.Member | ast.Item):
            if isinstance(inner, ast.Item) and not isinstance(inner.index, ast.Literal):
                raise InputError("no plan follows from it: an index is evaluated")
            inner = inner.of
        text = self._slice(expression)
        if not isinstance(inner, ast.Name) or inner.name in ("local", "each", "count", "module", "path", "terraform"):
            raise InputError("no plan follows from it: it has expressions that are evaluated")
        if text in self._known:
            raise InputError(f"no plan follows from it: the plan knows {text}")
        return f"${{{text}}}"


def _key(member: ast.Property) -> str:
    key = member.key
    if isinstance(key, ast.Literal):
        key = str(key.value)
    elif isinstance(key, ast.Name):
        key = key.name
    if not isinstance(key, str):
        raise InputError("no plan follows from it: a key is evaluated")
    return key
