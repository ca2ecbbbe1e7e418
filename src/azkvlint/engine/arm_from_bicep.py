"""The ARM template of a literal Bicep file, so that an example states both with one text.

Literal is what translates term by term: parameters, variables, outputs, resources and expressions. Loops, modules and
the types of user-defined declarations are not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator

import msgspec

from azkvlint.syntax import ast
from azkvlint.syntax.bicep.parse import parse
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex

_MARK = regex(r"//[ \t]*<-[ \t]*(?P<rules>[A-Z0-9,\s-]+)$")
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
    return _Converter(source, parsed.declarations).template()


class _Declared(msgspec.Struct, frozen=True):
    """A resource with the names of its parents: all that an id consists of."""

    type: str
    version: str
    names: tuple[ast.Expression, ...]
    body: ast.Object
    node: ast.Resource
    condition: ast.Expression | None


class _Line(msgspec.Struct, frozen=True):
    """One line without its indent; ``mark`` is behind its comma."""

    text: str
    mark: str = ""
    depth: int = 0


class _Converter:
    def __init__(self, source: str, declarations: tuple[ast.Declaration, ...]) -> None:
        self._source = source
        self._scope = "resourceGroup"
        self._parameters: dict[str, ast.Parameter] = {}
        self._variables: dict[str, ast.Variable] = {}
        self._outputs: dict[str, ast.Output] = {}
        self._resources: dict[str, _Declared] = {}
        pending: list[ast.Resource] = []
        for one in declarations:
            match one:
                case ast.TargetScope(value=ast.Literal(value=str(scope))) if scope in _SCHEMAS:
                    self._scope = scope
                case ast.Parameter(name=name):
                    self._parameters[name] = one
                case ast.Variable(name=name):
                    self._variables[name] = one
                case ast.Output(name=name):
                    self._outputs[name] = one
                case ast.Resource():
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

    def _parent_is_declared(self, node: ast.Resource) -> bool:
        """Return whether a resource can be declared now: its parent may be written below it."""
        body, _ = _body(node)
        above = _properties(body).get("parent") if isinstance(body, ast.Object) else None
        return not isinstance(above, ast.Name) or above.name in self._resources

    def _declare(self, node: ast.Resource, parent: _Declared | None) -> None:
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
        declared = _Declared(type_, version, names, body, node, condition)
        self._resources[node.name] = declared
        for inner in body.resources:
            self._declare(inner, declared)

    def _parameter(self, one: ast.Parameter) -> list[_Line]:
        type_ = self._type(one.type, one.decorators)
        members = [f'"type": "{type_}"']
        if one.default is not None:
            members.append(f'"defaultValue": {self._inline(one.default)}')
        return [_Line(f'"{one.name}": {{ {", ".join(members)} }}', self._mark(one.start))]

    def _output(self, one: ast.Output) -> list[_Line]:
        type_ = self._type(one.type, one.decorators)
        value = f'"type": "{type_}", "value": {self._inline(one.value)}'
        return [_Line(f'"{one.name}": {{ {value} }}', self._mark(one.start))]

    def _type(self, type_: ast.Type | None, decorators: tuple[ast.Expression, ...]) -> str:
        name = type_.name if type_ is not None and type_.kind == "name" else ""
        called = [one.name for one in decorators if isinstance(one, ast.Call)]
        if name not in _TYPES or any(call not in ("secure", "description") for call in called):
            raise _evaluated()
        return _SECURE.get(name, name) if "secure" in called else name

    def _resource(self, one: _Declared) -> list[_Line]:
        members = [
            [_Line(f'"type": "{one.type}"', self._mark(one.node.start))],
            [_Line(f'"apiVersion": "{one.version}"')],
        ]
        if one.condition is not None:
            members.append([_Line(f'"condition": {json.dumps(f"[{self._expression(one.condition)}]")}')])
        for member in one.body.members:
            if not isinstance(member, ast.Property):
                raise _evaluated()
            key = _key(member)
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

    def _name(self, one: _Declared) -> str:
        """Return the name with those of the parents, as JSON."""
        if all(isinstance(name, ast.Literal) for name in one.names):
            return json.dumps("/".join(str(name.value) for name in one.names if isinstance(name, ast.Literal)))
        if len(one.names) == 1:
            return self._inline(one.names[0])
        holes = "/".join(f"{{{at}}}" for at in range(len(one.names)))
        return json.dumps(f"[format('{holes}', {', '.join(map(self._expression, one.names))})]")

    def _id(self, one: _Declared) -> str:
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
            members = [self._member(_key(one), one.value, one.start) for one in _members(value)]
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
                members = [f"{json.dumps(_key(one))}: {self._inline(one.value)}" for one in _members(value)]
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
                pairs = [part for one in _members(value) for part in (f"'{_key(one)}'", of(one.value))]
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

    def _of_resource(self, one: _Declared, member: str) -> str:
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
        match = _MARK.search(self._source[first : len(self._source) if end < 0 else end])
        return f" // <- {match['rules'].strip()}" if match is not None else ""


def _enclosed(before: str, members: list[list[_Line]], after: str, mark: str = "") -> list[_Line]:
    """Return the lines of an object or array, with commas between its members."""
    lines = [_Line(before, mark)]
    for at, member in enumerate(members):
        comma = "," if at < len(members) - 1 else ""
        deeper = [_Line(line.text, line.mark, line.depth + 1) for line in member]
        lines += [*deeper[:-1], _Line(deeper[-1].text + comma, deeper[-1].mark, deeper[-1].depth)]
    return [*lines, _Line(after)]


def _body(node: ast.Resource) -> tuple[ast.Expression, ast.Expression | None]:
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
    return {_key(member): member.value for member in _members(body)}


def _key(member: ast.Property) -> str:
    if not isinstance(member.key, str):
        raise _evaluated()
    return member.key


def _evaluated() -> InputError:
    return InputError("no template follows from it: it has loops, modules or expressions that do not translate")
