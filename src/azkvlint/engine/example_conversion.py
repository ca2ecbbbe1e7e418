"""Convert an example to a second language: literal Terraform to a compact plan, and literal Bicep to ARM.

Literal is what a plan repeats as it is written: values, blocks and references. Functions, conditions, loops, locals and
module calls are not, since a plan holds what they evaluate to.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from azkvlint.syntax import ast
from azkvlint.syntax.bicep.parse import parse
from azkvlint.syntax.hcl.parse import parse_file
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex

if TYPE_CHECKING:
    from azkvlint.syntax.hcl.parse import Block, Body

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


_BICEP_MARK = regex(r"//[ \t]*<-[ \t]*(?P<rules>[A-Z0-9,\s-]+)$")
_SCHEMA = "https://schema.management.azure.com/schemas"
_SCHEMAS = {
    "resourceGroup": f"{_SCHEMA}/2019-04-01/deploymentTemplate.json#",
    "subscription": f"{_SCHEMA}/2018-05-01/subscriptionDeploymentTemplate.json#",
    "managementGroup": f"{_SCHEMA}/2019-08-01/managementGroupDeploymentTemplate.json#",
    "tenant": f"{_SCHEMA}/2019-08-01/tenantDeploymentTemplate.json#",
}
_OPERATORS = {
    "==": "equals", "&&": "and", "||": "or", "+": "add", "-": "sub", "*": "mul", "/": "div", "%": "mod",
    "??": "coalesce", ">": "greater", ">=": "greaterOrEquals", "<": "less", "<=": "lessOrEquals",
}  # fmt: skip
_SECURE = {"string": "securestring", "object": "secureObject"}
_TYPES = ("string", "int", "bool", "array", "object")
_OWN = ("parent", "scope", "dependsOn")


def arm_from_bicep(source: str) -> str:
    """Return the template of ``source``, with its marks. Raise InputError where the source is not literal."""
    parsed = parse(source)
    if parsed.faults:
        raise InputError(f"no template follows from it: {parsed.faults[0].message}")
    return _BicepConverter(source, parsed.declarations).template()


class _NamedResource(msgspec.Struct, frozen=True):
    """A resource with the names of its parents: all that an id consists of."""

    type: str
    version: str
    names: tuple[ast.Expression, ...]
    body: ast.Object
    node: ast.ResourceDeclaration
    condition: ast.Expression | None


class _Line(msgspec.Struct, frozen=True):
    """One line without its indent; ``mark`` is behind its comma."""

    text: str
    mark: str = ""
    depth: int = 0


class _BicepConverter:
    def __init__(self, source: str, declarations: tuple[ast.Declaration, ...]) -> None:
        self._source = source
        self._scope = "resourceGroup"
        self._parameters: dict[str, ast.ParameterDeclaration] = {}
        self._variables: dict[str, ast.Variable] = {}
        self._outputs: dict[str, ast.OutputDeclaration] = {}
        self._resources: dict[str, _NamedResource] = {}
        pending: list[ast.ResourceDeclaration] = []
        for one in declarations:
            match one:
                case ast.TargetScope(value=ast.Literal(value=str(scope))) if scope in _SCHEMAS:
                    self._scope = scope
                case ast.ParameterDeclaration(name=name):
                    self._parameters[name] = one
                case ast.Variable(name=name):
                    self._variables[name] = one
                case ast.OutputDeclaration(name=name):
                    self._outputs[name] = one
                case ast.ResourceDeclaration():
                    pending.append(one)
                case ast.Other(keyword="metadata"):
                    pass
                case _:
                    raise _evaluated()
        while pending:
            ready = [one for one in pending if self._parent_is_declared(one)]
            for one in ready:
                self._declare(one, None)
            if not ready:
                raise _evaluated()
            pending = [one for one in pending if one not in ready]

    def template(self) -> str:
        """Return the text."""
        members = [[_Line(f'"$schema": "{_SCHEMAS[self._scope]}"')]]
        for key, parts in (
            ("parameters", [self._parameter(one) for one in self._parameters.values()]),
            ("variables", [self._member(name, one.value, one.start) for name, one in self._variables.items()]),
        ):
            if parts:
                members.append(_enclosed(f'"{key}": {{', parts, "}"))
        resources = [self._resource(one) for one in self._resources.values() if not one.node.existing]
        members.append(_enclosed('"resources": [', resources, "]") if resources else [_Line('"resources": []')])
        if self._outputs:
            members.append(_enclosed('"outputs": {', [self._output(one) for one in self._outputs.values()], "}"))
        lines = _enclosed("{", members, "}")
        return "".join(f"{'  ' * line.depth}{line.text}{line.mark}\n" for line in lines)

    # --- declarations -------------------------------------------------------------------------------------------------

    def _parent_is_declared(self, node: ast.ResourceDeclaration) -> bool:
        """Return whether a resource can be declared now: its parent may be written below it."""
        body, _ = _body(node)
        above = _properties(body).get("parent") if isinstance(body, ast.Object) else None
        return not isinstance(above, ast.Name) or above.name in self._resources

    def _declare(self, node: ast.ResourceDeclaration, parent: _NamedResource | None) -> None:
        body, condition = _body(node)
        if not isinstance(body, ast.Object) or not isinstance(node.type, ast.Literal):
            raise _evaluated()
        type_, _, version = str(node.type.value).partition("@")
        properties = _properties(body)
        above = properties.get("parent")
        if isinstance(above, ast.Name):
            parent = self._resources.get(above.name)
            if parent is None:
                raise _evaluated()
        elif above is not None:
            raise _evaluated()
        elif parent is not None:
            type_ = f"{parent.type}/{type_}"
            version = version or parent.version
        if "name" not in properties:
            raise InputError(f"no template follows from it: {node.name} has no name")
        names = (*(parent.names if parent is not None else ()), properties["name"])
        declared = _NamedResource(type_, version, names, body, node, condition)
        self._resources[node.name] = declared
        for inner in body.resources:
            self._declare(inner, declared)

    def _parameter(self, one: ast.ParameterDeclaration) -> list[_Line]:
        type_ = self._type(one.type, one.decorators)
        members = [f'"type": "{type_}"']
        if one.default is not None:
            members.append(f'"defaultValue": {self._inline(one.default)}')
        return [_Line(f'"{one.name}": {{ {", ".join(members)} }}', self._mark(one.start))]

    def _output(self, one: ast.OutputDeclaration) -> list[_Line]:
        type_ = self._type(one.type, one.decorators)
        value = f'"type": "{type_}", "value": {self._inline(one.value)}'
        return [_Line(f'"{one.name}": {{ {value} }}', self._mark(one.start))]

    def _type(self, type_: ast.Type | None, decorators: tuple[ast.Expression, ...]) -> str:
        name = type_.name if type_ is not None and type_.kind == "name" else ""
        called = [one.name for one in decorators if isinstance(one, ast.Call)]
        if name not in _TYPES or any(call not in ("secure", "description") for call in called):
            raise _evaluated()
        return _SECURE.get(name, name) if "secure" in called else name

    def _resource(self, one: _NamedResource) -> list[_Line]:
        members = [
            [_Line(f'"type": "{one.type}"', self._mark(one.node.start))],
            [_Line(f'"apiVersion": "{one.version}"')],
        ]
        if one.condition is not None:
            members.append([_Line(f'"condition": {json.dumps(f"[{self._expression(one.condition)}]")}')])
        for member in one.body.members:
            if not isinstance(member, ast.Property):
                raise _evaluated()
            key = _bicep_key(member)
            if key == "name":
                members.append([_Line(f'"name": {self._name(one)}', self._mark(member.start))])
            elif key == "scope":
                members.append([_Line(f'"scope": {json.dumps(f"[{self._id_of(member.value)}]")}')])
            elif key == "dependsOn" and isinstance(member.value, ast.Array):
                ids = [json.dumps(f"[{self._id_of(item)}]") for item in member.value.items]
                members.append([_Line(f'"dependsOn": [{", ".join(ids)}]')])
            elif key not in _OWN:
                members.append(self._member(key, member.value, member.start))
        return _enclosed("{", members, "}")

    def _name(self, one: _NamedResource) -> str:
        """Return the name with those of the parents, as JSON."""
        if all(isinstance(name, ast.Literal) for name in one.names):
            return json.dumps("/".join(str(name.value) for name in one.names if isinstance(name, ast.Literal)))
        if len(one.names) == 1:
            return self._inline(one.names[0])
        holes = "/".join(f"{{{at}}}" for at in range(len(one.names)))
        return json.dumps(f"[format('{holes}', {', '.join(map(self._expression, one.names))})]")

    def _id(self, one: _NamedResource) -> str:
        if "scope" in _properties(one.body):
            raise _evaluated()
        segments = [segment for name in one.names for segment in self._segments(name)]
        function = "subscriptionResourceId" if self._scope == "subscription" else "resourceId"
        return f"{function}('{one.type}', {', '.join(segments)})"

    def _segments(self, name: ast.Expression) -> list[str]:
        """Return the segments of a name: a literal one may have those of its parents, as in 'kv/db'."""
        if isinstance(name, ast.Literal):
            return [self._expression(ast.Literal(0, 0, segment)) for segment in str(name.value).split("/")]
        return [self._expression(name)]

    def _id_of(self, value: ast.Expression | ast.Spread) -> str:
        if isinstance(value, ast.Nested):
            value = ast.Name(value.start, value.end, value.name)
        if isinstance(value, ast.Name) and value.name in self._resources:
            return self._id(self._resources[value.name])
        raise _evaluated()

    # --- values -------------------------------------------------------------------------------------------------------

    def _member(self, key: str, value: ast.Expression, start: int) -> list[_Line]:
        """Return the lines of a property: one if it is on one line."""
        return self._lines(f"{json.dumps(key)}: ", value, start)

    def _lines(self, before: str, value: ast.Expression | ast.Spread, start: int) -> list[_Line]:
        mark = self._mark(start)
        if "\n" not in self._source[value.start : value.end]:
            return [_Line(f"{before}{self._inline(value)}", mark)]
        if isinstance(value, ast.Array):
            return _enclosed(f"{before}[", [self._lines("", item, item.start) for item in value.items], "]", mark)
        if isinstance(value, ast.Object):
            members = [self._member(_bicep_key(one), one.value, one.start) for one in _members(value)]
            return _enclosed(f"{before}{{", members, "}", mark)
        return [_Line(f"{before}{self._inline(value)}", mark)]

    def _inline(self, value: ast.Expression | ast.Spread) -> str:
        """Return a value as JSON on one line."""
        match value:
            case ast.Literal(value=str(text)):
                return json.dumps(f"[{text}" if text.startswith("[") else text, ensure_ascii=False)
            case ast.Literal(value=plain):
                return json.dumps(plain)
            case ast.Unary(operator="-", operand=ast.Literal(value=int(number))):
                return json.dumps(-number)
            case ast.Array(items=items):
                return f"[{', '.join(map(self._inline, items))}]"
            case ast.Object():
                members = [f"{json.dumps(_bicep_key(one))}: {self._inline(one.value)}" for one in _members(value)]
                return f"{{ {', '.join(members)} }}" if members else "{}"
            case ast.Spread():
                raise _evaluated()
        return json.dumps(f"[{self._expression(value)}]", ensure_ascii=False)

    def _expression(self, value: ast.Expression | ast.Spread) -> str:
        """Return an expression of the template language."""
        match value:
            case ast.Literal(value=str(text)):
                return "'" + text.replace("'", "''") + "'"
            case ast.Literal(value=bool() | None as word):
                return f"{json.dumps(word)}()"
            case ast.Literal(value=number):
                return str(number)
            case ast.Name(name=name):
                return self._symbol(name)
            case ast.Member(of=ast.Name(name=name), name=member) if name in self._resources:
                return self._of_resource(self._resources[name], member)
            case ast.Member(of=ast.Nested(name=name), name=member) if name in self._resources:
                return self._of_resource(self._resources[name], member)
            case ast.Member(of=of, name=member, safe=False):
                return f"{self._expression(of)}.{member}"
            case ast.Item(of=of, index=index, safe=False, from_end=False):
                return f"{self._expression(of)}[{self._expression(index)}]"
            case ast.Call(name=name, arguments=arguments, of=None):
                return _call(name, map(self._expression, arguments))
        return self._composed(value)

    def _composed(self, value: ast.Expression | ast.Spread) -> str:
        of: Callable[[ast.Expression | ast.Spread], str] = self._expression
        match value:
            case ast.Template(parts=parts):
                return self._format(parts)
            case ast.Unary(operator="!", operand=operand):
                return _call("not", [of(operand)])
            case ast.Binary(operator="!=", left=left, right=right):
                return _call("not", [_call("equals", [of(left), of(right)])])
            case ast.Binary(operator=operator, left=left, right=right) if operator in _OPERATORS:
                return _call(_OPERATORS[operator], [of(left), of(right)])
            case ast.Conditional(condition=condition, yes=yes, no=no):
                return _call("if", [of(condition), of(yes), of(no)])
            case ast.Array(items=items):
                return _call("createArray", map(of, items))
            case ast.Object():
                pairs = [part for one in _members(value) for part in (f"'{_bicep_key(one)}'", of(one.value))]
                return _call("createObject", pairs)
        raise _evaluated()

    def _format(self, parts: tuple[ast.Expression, ...]) -> str:
        text = ""
        values: list[str] = []
        for part in parts:
            if isinstance(part, ast.Literal):
                text += str(part.value).replace("'", "''").replace("{", "{{").replace("}", "}}")
            else:
                text += f"{{{len(values)}}}"
                values.append(self._expression(part))
        return _call("format", [f"'{text}'", *values])

    def _symbol(self, name: str) -> str:
        if name in self._parameters:
            return f"parameters('{name}')"
        if name in self._variables:
            return f"variables('{name}')"
        raise _evaluated()

    def _of_resource(self, one: _NamedResource, member: str) -> str:
        if member == "id":
            return self._id(one)
        if member == "name" and len(one.names) == 1:
            return self._expression(one.names[0])
        if member == "properties":
            return f"reference({self._id(one)}, '{one.version}')"
        raise _evaluated()

    def _mark(self, start: int) -> str:
        """Return the mark on the line of an offset."""
        first, end = self._source.rfind("\n", 0, start) + 1, self._source.find("\n", start)
        match = _BICEP_MARK.search(self._source[first : len(self._source) if end < 0 else end])
        return f" // <- {match['rules'].strip()}" if match is not None else ""


def _enclosed(before: str, members: list[list[_Line]], after: str, mark: str = "") -> list[_Line]:
    """Return the lines of an object or array, with commas between its members."""
    lines = [_Line(before, mark)]
    for at, member in enumerate(members):
        comma = "," if at < len(members) - 1 else ""
        deeper = [_Line(line.text, line.mark, line.depth + 1) for line in member]
        lines += [*deeper[:-1], _Line(deeper[-1].text + comma, deeper[-1].mark, deeper[-1].depth)]
    return [*lines, _Line(after)]


def _body(node: ast.ResourceDeclaration) -> tuple[ast.Expression, ast.Expression | None]:
    """Return the body of a resource and the condition on which it is deployed."""
    return (node.body.body, node.body.condition) if isinstance(node.body, ast.If) else (node.body, None)


def _call(name: str, arguments: Iterable[str]) -> str:
    return f"{name}({', '.join(arguments)})"


def _members(value: ast.Object) -> Iterator[ast.Property]:
    for member in value.members:
        if not isinstance(member, ast.Property):
            raise _evaluated()
        yield member


def _properties(body: ast.Object) -> dict[str, ast.Expression]:
    return {_bicep_key(member): member.value for member in _members(body)}


def _bicep_key(member: ast.Property) -> str:
    if not isinstance(member.key, str):
        raise _evaluated()
    return member.key


def _evaluated() -> InputError:
    return InputError("no template follows from it: it has loops, modules or expressions that do not translate")
