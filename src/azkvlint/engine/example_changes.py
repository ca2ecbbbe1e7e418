"""Change an example: its base with whole attributes set or removed, and with marks on other lines.

Attributes are named by their path (``azurerm_key_vault.kv.network_acls.bypass``) or by the end of it (``bypass``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from azkvlint.syntax import ast
from azkvlint.syntax.bicep.parse import parse
from azkvlint.syntax.hcl.parse import Block, Body, parse_file
from azkvlint.util.lazy_regex import regex

CHANGED_LANGUAGES = ("terraform", "bicep")
MARK = regex(r"[ \t]*(?:#|//)[ \t]*<-.*$", re.MULTILINE)
_EXPRESSION = regex(r"\$\{(?P<inner>(?:[^$]|\$(?!\{))*)\}")
_KEY = regex(r"[A-Za-z_]\w*")
_ARGUMENT = regex(r"(?P<indent> *)(?P<name>[\w-]+) += (?P<value>.*)")
_BLANK_LINES = regex(r"\n(?:[ \t]*\n)+(?P<closing>[ \t]*[}\])])?")
_BLANK_START = regex(r"(?P<opening>[{\[(])\n(?:[ \t]*\n)+")


class ChangeError(Exception):
    """A path does not fit the base; the message is the reason."""


class ExampleElement(msgspec.Struct, frozen=True):
    """An attribute, block or declaration of a source: from ``start`` to ``end``; ``head`` is on the line of its name.

    ``value`` is where the value of an attribute is. ``members`` are the positions of the brace of a block or object, of
    the end of its last attribute, and of its closing brace.
    """

    path: str
    start: int
    end: int
    value: tuple[int, int] | None = None
    members: tuple[int, int, int] | None = None
    head: int = 0


def places_of(language: str, source: str) -> tuple[ExampleElement, ...]:
    """Return all that a path can name in a source."""
    if language == "terraform":
        return tuple(_of_body(parse_file(source).body, ""))
    return tuple(place for one in parse(source).declarations for place in _of_declaration(one))


def set_attribute(language: str, source: str, path: str, value: Any) -> str:
    """Return a source with an attribute of another value. Raise ChangeError.

    In Terraform, a list of mappings is one block for each mapping.
    """
    places = places_of(language, source)
    found = _named(places, path)
    is_block = language == "terraform" and _is_blocks(value)
    if found and is_block is (found[0].value is None):
        start, end = found[0].value or (found[0].start, found[0].end)
        text = _blocks(_last(path), value) if is_block else rendered(language, value)
        if source[start:end] == text:
            raise ChangeError(f"{path!r} has this value in the base")
        return _formatted(language, source[:start] + _indented(text, _indent(source, start)) + source[end:])
    if found:
        raise ChangeError(f"{path!r} is {'a block' if found[0].value is None else 'not a block'} in the base")
    above, _, name = path.rpartition(".")
    owner = (_named(places, above) if above else ()) or _unknown(places, path)
    if owner[0].members is None:
        raise ChangeError(f"{above!r} has no attributes")
    if any(one.path == f"{owner[0].path}.{name}[0]" for one in places):
        raise ChangeError(f"{path!r} is several blocks in the base; set one of them: {path}[0]")
    if is_block:
        line = _blocks(name, value)
    else:
        sign = " =" if language == "terraform" else ":"
        line = f"{_key(language, name)}{sign} {rendered(language, value)}"
    return _formatted(language, _with_member(language, source, owner[0], line, is_block=is_block))


def remove_attribute(language: str, source: str, path: str) -> str:
    """Return a source without an attribute, block or declaration. Raise ChangeError."""
    places = places_of(language, source)
    place = (_named(places, path) or _unknown(places, path))[0]
    start, end = source.rfind("\n", 0, place.start) + 1, _line_end(source, place.end)
    before, after = source[start : place.start].strip(), without_marks(source[place.end : end]).strip()
    if not before and after in ("", ","):
        return _formatted(language, source[:start] + source[end + 1 :])
    if after.startswith(","):
        return source[: place.start] + source[place.end :].lstrip().removeprefix(",").lstrip()
    if before.endswith((",", "{")):
        return source[: place.start].rstrip().removesuffix(",") + source[place.end :]
    raise ChangeError(f"{path!r} is not on a line of its own")


def with_marks(language: str, source: str, paths: Sequence[str], mark: str) -> str:
    """Return a source with a mark on the line of each path, and no others. Raise ChangeError."""
    source = MARK.sub("", source)
    places = places_of(language, source)
    marked = [(_named(places, path) or _unknown(places, path))[0] for path in paths]
    for end in sorted({_line_end(source, one.head or one.start) for one in marked}, reverse=True):
        source = f"{source[:end]} {mark}{source[end:]}"
    return source


def without_marks(source: str) -> str:
    """Return a source without marks."""
    return MARK.sub("", source)


def rendered(language: str, value: Any) -> str:
    """Return a value in the syntax of a language. A string ``${...}`` is an expression."""
    match value:
        case str() if match := _EXPRESSION.fullmatch(value):
            return match["inner"]
        case str() if language == "bicep":
            return "'" + value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"
        case list():
            return f"[{', '.join(rendered(language, item) for item in value)}]"
        case dict():
            sign, comma = (" =", ",") if language == "terraform" else (":", ",")
            parts = (f"{_key(language, key)}{sign} {rendered(language, item)}" for key, item in value.items())
            return f"{{ {f'{comma} '.join(parts)} }}" if value else "{}"
    return json.dumps(value, ensure_ascii=False)


def _key(language: str, key: str) -> str:
    return key if _KEY.fullmatch(key) else rendered(language, key)


def _named(places: Sequence[ExampleElement], path: str) -> Sequence[ExampleElement]:
    """Return the place that a path names; none if there is none. Raise ChangeError if there are several."""
    found = [one for one in places if one.path == path] or [one for one in places if one.path.endswith(f".{path}")]
    if len(found) > 1:
        raise ChangeError(f"{path!r} is ambiguous: {' or '.join(one.path for one in found)}")
    return found


def _unknown(places: Sequence[ExampleElement], path: str) -> Sequence[ExampleElement]:
    from azkvlint.engine.yaml_decoder import suggestion

    last = path.rpartition(".")[2]
    close = suggestion(path, [one.path for one in places]) or suggestion(last, [_last(one.path) for one in places])
    raise ChangeError(f"the base has no {path!r}{close}")


def _last(path: str) -> str:
    return path.rpartition(".")[2]


def _line_end(source: str, at: int) -> int:
    end = source.find("\n", at)
    return end if end >= 0 else len(source)


def _is_blocks(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _blocks(name: str, blocks: Sequence[dict[str, Any]]) -> str:
    """Return blocks of Terraform, each on one line if it has at most one attribute."""
    texts = []
    for block in blocks:
        lines = [
            _blocks(key, item) if _is_blocks(item) else f"{key} = {rendered('terraform', item)}"
            for key, item in block.items()
        ]
        if len(lines) > 1 or any("{" in line for line in lines):
            texts.append(f"{name} {{\n  {_indented(chr(10).join(lines), '  ')}\n}}")
        else:
            texts.append(f"{name} {{ {lines[0]} }}" if lines else f"{name} {{}}")
    return "\n".join(texts)


def _indent(source: str, at: int) -> str:
    line = source[source.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip())]


def _indented(text: str, indent: str) -> str:
    return text.replace("\n", f"\n{indent}")


def _with_member(language: str, source: str, owner: ExampleElement, line: str, *, is_block: bool) -> str:
    """Return a source with one more attribute: behind the others of its block or object."""
    brace, last, close = owner.members or (owner.start, owner.start, owner.end)
    indent = _indent(source, brace)
    inner = source[brace + 1 : close].strip()
    if "\n" in source[brace:close]:
        end = source.rfind("\n", 0, close) if is_block else _line_end(source, last)
        return f"{source[:end]}\n{indent}  {_indented(line, f'{indent}  ')}{source[end:]}"
    if language == "bicep" or owner.value is not None:  # an object
        return f"{source[:close].rstrip()}{', ' if inner else ' '}{line} {source[close:]}"
    end = _line_end(source, close)  # a mark stays on the first line
    lines = "\n".join(text for text in (inner, line) if text)
    text = f"{source[close + 1 : end]}\n{indent}  {_indented(lines, f'{indent}  ')}\n{indent}}}"
    return source[: brace + 1] + text + source[end:]


def _formatted(language: str, source: str) -> str:
    """Return a source without blank lines that a removed attribute leaves, aligned as ``terraform fmt`` does."""
    text = _BLANK_LINES.sub(lambda match: f"\n{match['closing']}" if match["closing"] else "\n\n", source.lstrip("\n"))
    text = _BLANK_START.sub(lambda match: f"{match['opening']}\n", text).rstrip() + "\n"
    return "\n".join(_aligned(text.split("\n"))) if language == "terraform" else text


def _aligned(lines: Sequence[str]) -> Iterator[str]:
    group: list[re.Match[str]] = []
    for line in (*lines, None):
        match = _ARGUMENT.fullmatch(line) if line is not None else None
        is_single = (
            match is not None
            and not MARK.sub("", match["value"]).endswith(("{", "[", "("))
            and ("<<" not in match["value"])
        )
        if not is_single or (group and match is not None and group[0]["indent"] != match["indent"]):
            width = max((len(one["name"]) for one in group), default=0)
            yield from (f"{one['indent']}{one['name'].ljust(width)} = {one['value']}" for one in group)
            group.clear()
        if is_single and match is not None:
            group.append(match)
        elif line is not None:
            yield line


def _of_body(body: Body, above: str) -> Iterator[ExampleElement]:
    for name, attribute in body.attributes.items():
        value = attribute.expression()
        members = _members(value) if value is not None else None
        yield ExampleElement(
            f"{above}{name}", attribute.start, attribute.end, (attribute.value_start, attribute.end), members
        )
        if value is not None:
            yield from _of_value(value, f"{above}{name}")
    names = [_block_name(block) for block in body.blocks]
    counted: dict[str, int] = {}
    for block, name in zip(body.blocks, names, strict=True):
        at = counted[name] = counted.get(name, -1) + 1
        path = f"{above}{name}{f'[{at}]' if names.count(name) > 1 else ''}"
        ends = [one.end for one in block.body.attributes.values()]
        yield ExampleElement(
            path, block.start, block.end, None, (block.brace, max(ends, default=block.brace), block.end - 1)
        )
        yield from _of_body(block.body, f"{path}.")


def _block_name(block: Block) -> str:
    return ".".join(block.labels if block.type == "resource" else (block.type, *block.labels))


def _of_declaration(declaration: ast.Declaration) -> Iterator[ExampleElement]:
    start, end = declaration.start, declaration.end
    match declaration:
        case ast.ResourceDeclaration(name=name, body=body) | ast.ModuleDeclaration(name=name, body=body):
            while isinstance(body, ast.If | ast.For):
                body = body.body
            members = _members(body)
            yield ExampleElement(name, start, end, None, members, declaration.head)
            yield from _of_value(body, name)
        case ast.ParameterDeclaration(name=name, default=value) | ast.Variable(name=name, value=value):
            yield ExampleElement(name, start, end, (value.start, value.end) if value is not None else None)
        case ast.OutputDeclaration(name=name, value=value):
            yield ExampleElement(f"output.{name}", start, end, (value.start, value.end))


def _of_value(value: ast.Expression | ast.Spread, path: str) -> Iterator[ExampleElement]:
    match value:
        case ast.Object(members=members, resources=resources):
            for member in members:
                key = member.key if isinstance(member, ast.Property) else None
                name = key.value if isinstance(key, ast.Literal) else key.name if isinstance(key, ast.Name) else key
                if isinstance(member, ast.Property) and isinstance(name, str):
                    inner = member.value
                    span = (inner.start, inner.end)
                    yield ExampleElement(f"{path}.{name}", member.start, member.end, span, _members(inner))
                    yield from _of_value(inner, f"{path}.{name}")
            for resource in resources:
                yield from _of_declaration(resource)
        case ast.Array(items=items):
            for at, item in enumerate(items):
                if isinstance(item, ast.Object):
                    yield ExampleElement(f"{path}[{at}]", item.start, item.end, (item.start, item.end), _members(item))
                    yield from _of_value(item, f"{path}[{at}]")


def _members(value: ast.Expression) -> tuple[int, int, int] | None:
    """Return the positions of the brace of an object, of the end of its last member, and of its closing brace."""
    if not isinstance(value, ast.Object):
        return None
    return value.start, max((one.end for one in value.members), default=value.start), value.end - 1
