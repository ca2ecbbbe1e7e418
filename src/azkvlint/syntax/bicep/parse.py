"""Parse a Bicep or .bicepparam file into declarations, types, syntax errors and diagnostic directives."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar, TypeAlias

import msgspec

from azkvlint.syntax import ast
from azkvlint.syntax.bicep.expressions import CONSTANTS, BicepExpressionParser
from azkvlint.syntax.bicep.tokens import DECLARATION, MAX_CHAIN, WIDE_GAP, WORD, BicepSyntaxError, Matcher
from azkvlint.util.lazy_regex import regex

_BAR: Matcher = regex(rf"{WIDE_GAP}\|").match
_NAMESPACES = frozenset({"sys", "az"})
_RESOURCES = frozenset({"resource", "resourceInput", "resourceOutput"})
Suppression: TypeAlias = tuple[int, tuple[str, ...]]
Region: TypeAlias = tuple[int, int, tuple[str, ...]]
_MARKS = regex(
    r"(?P<text>'(?:''(?s:.*?)(?:'''(?!')|\Z)|(?:[^'\\\r\n]++|\\.)*+))"
    r"|//[^\r\n]*+|/\*(?s:.*?)(?:\*/|\Z)"
    r"|(?:\A\ufeff?|(?<=[\r\n]))[ \t]*+\#(?P<what>disable-next-line|disable-diagnostics|restore-diagnostics)"
    r"(?P<ids>(?:[ \t]++[A-Za-z0-9_-]++)*+)[^\r\n]*+(?:\r?\n|\r|\Z)"
)


class Types(BicepExpressionParser):
    """Parser for types."""

    __slots__ = ()

    def type(self) -> ast.Type:
        """Parse a type."""
        start = self.at
        first = _BAR(self.text, start)
        if first is not None:
            self.at = first.end()
            self.skip_lines()
        members = [self._unary_type()]
        while (bar := _BAR(self.text, self.at)) is not None:
            self.at = bar.end()
            self.skip_to_operand()
            members.append(self._unary_type())
        return members[0] if len(members) == 1 else ast.Type(start, self.at, "union", of=tuple(members))

    def _unary_type(self) -> ast.Type:
        """Parse a type other than a union, with its suffixes."""
        start = self.at
        mark = self.text[start]
        if mark in "-+!":
            self.at += 1
            self.skip()
            operand = self._primary_type()
            return ast.Type(start, self.at, "literal", value=_signed(mark, operand.value))
        type_ = self._primary_type()
        for _ in range(MAX_CHAIN):
            mark = self.skip_mark("?![.")
            if mark == "?":
                type_ = ast.Type(start, self.at, "nullable", of=(type_,))
            elif mark == "!":
                type_ = type_.of[0] if type_.kind == "nullable" else type_
            elif mark == "[":
                type_ = self._items(start, type_)
            elif mark == ".":
                type_ = self._type_member(start, type_)
            else:
                return type_
        raise BicepSyntaxError("too many accesses in one type", start)

    def skip_mark(self, marks: str) -> str:
        """Consume and return one of ``marks`` if it comes next on this line; else return an empty string."""
        at = self.at
        mark = self.skip()
        if mark in marks:
            self.at += 1
            return mark
        self.at = at
        return ""

    def _items(self, start: int, of: ast.Type) -> ast.Type:
        """Parse the rest of ``of[]``, ``of[*]`` or ``of[0]``."""
        mark = self.skip()
        if mark == "]":
            self.at += 1
            return ast.Type(start, self.at, "array", of=(of,))
        if mark == "*":
            name, self.at = "*", self.at + 1
        else:
            index = self.expression()
            name = str(index.value) if isinstance(index, ast.Literal) else ""
        self.expect("]")
        return ast.Type(start, self.at, "member", name, of=(of,))

    def _type_member(self, start: int, of: ast.Type) -> ast.Type:
        """Parse the rest of ``of.name`` or ``of.*``."""
        if self.skip_mark("*"):
            return ast.Type(start, self.at, "member", "*", of=(of,))
        name = self.word("a property name")
        if self.skip_mark("<"):
            return self._parameterised(start, name)
        if of.kind == "name" and (of.name in self.modules or of.name in _NAMESPACES):
            return ast.Type(start, self.at, "name", f"{of.name}.{name}")
        return ast.Type(start, self.at, "member", name, of=(of,))

    def _primary_type(self) -> ast.Type:
        """Parse a type without suffixes."""
        start = self.at
        mark = self.text[start]
        if mark in "'$" or mark.isdigit():
            literal = self.string() if mark in "'$" else self.operand()
            if not isinstance(literal, ast.Literal):
                raise BicepSyntaxError("a string type cannot contain an expression", start)
            return ast.Type(start, self.at, "literal", value=literal.value)
        if mark in "{[(":
            self.at += 1
            self.descend()
            wrap, self.wrap = self.wrap, mark == "("
            type_ = self._bracketed(start, mark)
            self.wrap = wrap
            self.depth -= 1
            return type_
        name = self.word("a type")
        end = self.at
        if name in CONSTANTS:
            return ast.Type(start, end, "literal", value=CONSTANTS[name])
        if self.skip_mark("<"):
            return self._parameterised(start, name)
        if name == "resource" and self.skip() == "'":
            value = self.string()
            text = value.value if isinstance(value, ast.Literal) else None
            return ast.Type(start, self.at, "resource", name, text)
        self.at = end
        return ast.Type(start, end, "name", name)

    def _bracketed(self, start: int, mark: str) -> ast.Type:
        """Parse an object, a tuple or a type in parentheses, starting after the opening bracket."""
        if mark == "(":
            self.skip()
            type_ = self.type()
            self.expect(")")
            return type_
        closing = "}" if mark == "{" else "]"
        fields: list[tuple[str, ast.Type]] = []
        items: list[ast.Type] = []
        while self.skip_lines() != closing:
            decorators = self.decorators()
            if mark == "{":
                name = self._field_name()
                self.expect(":")
                self.skip()
                fields.append((name, self._part(decorators)))
            else:
                items.append(self._part(decorators))
            self.separate(closing)
        self.at += 1
        kind = "object" if mark == "{" else "tuple"
        return ast.Type(start, self.at, kind, of=tuple(items), fields=tuple(fields))

    def _part(self, decorators: tuple[ast.Expression, ...]) -> ast.Type:
        """Parse the type of a property or item with these decorators."""
        type_ = self.type()
        return msgspec.structs.replace(type_, decorators=decorators) if decorators else type_

    def _field_name(self) -> str:
        if self.skip_mark("*"):
            return "*"
        if self.text[self.at] not in "'$":
            return self.word("a property name or `}`")
        start = self.at
        name = self.string()
        if not isinstance(name, ast.Literal):
            raise BicepSyntaxError("a property name cannot contain an expression", start)
        return str(name.value)

    def _parameterised(self, start: int, name: str) -> ast.Type:
        """Parse the parameters of a type and the closing bracket."""
        wrap, self.wrap = self.wrap, True
        self.descend()
        parameters: list[ast.Type] = []
        while self.skip() != ">":
            parameters.append(self.type())
            if self.skip() == ",":
                self.at += 1
            elif self.text[self.at] != ">":
                raise self.unexpected("`,` or `>`")
        self.at += 1
        self.depth -= 1
        self.wrap = wrap
        if name not in _RESOURCES:
            return ast.Type(start, self.at, "name", name, of=tuple(parameters))
        value = parameters[0].value if parameters else None
        return ast.Type(start, self.at, "resource", name, value)


def _signed(sign: str, value: object) -> bool | int | None:
    """Return the value of a literal type with a sign."""
    if sign == "!":
        return not value if isinstance(value, bool) else None
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return -value if sign == "-" else value


_IF: Matcher = regex(r"if(?![A-Za-z0-9_])").match
_IF_CALL: Matcher = regex(rf"if{WIDE_GAP}\(").match


class Bodies(Types):
    """Parser for the parts of declarations."""

    __slots__ = ()

    def decorators(self) -> tuple[ast.Expression, ...]:
        """Parse decorators and the gap after them."""
        decorators: list[ast.Expression] = []
        while self.text[self.at] == "@":
            self.at += 1
            self.skip()
            start = self.at
            self.word("a decorator name")
            self.at = start
            decorator = self.accesses(start, self.operand())
            if not isinstance(decorator, ast.Call):
                raise BicepSyntaxError("expected `(` after the decorator name", start)
            decorators.append(decorator)
            self.skip_lines()
        return tuple(decorators)

    def loop(self, start: int) -> ast.For:
        """Parse a loop, starting at its keyword; its bracket is at ``start``."""
        self.wrap = True
        self.at += len("for")
        index = ""
        if self.skip() == "(":
            self.at += 1
            item = self.word("an item name")
            self.expect(",")
            index = self.word("an index name")
            self.expect(")")
        else:
            item = self.word("an item name")
        if not self.take_word("in"):
            raise self.unexpected("`in`")
        self.skip()
        over = self.expression()
        self.expect(":")
        self.skip()
        body = self._if() if _IF_CALL(self.text, self.at) else self.expression()
        self.expect("]")
        return ast.For(start, self.at, item, index, over, body)

    def _if(self) -> ast.If:
        """Parse a condition and its object, starting at the keyword."""
        start = self.at
        self.at += len("if")
        wrap, self.wrap = self.wrap, True
        self.expect("(")
        self.skip()
        condition = self.expression()
        self.expect(")")
        self.wrap = wrap
        self.skip()
        body = self.object()
        return ast.If(start, self.at, condition, body)

    def body(self) -> ast.Expression:
        """Parse ``=`` and the body of a resource or module."""
        self.expect("=")
        mark = self.skip_to_operand()
        if mark == "{":
            return self.object()
        if mark == "[":
            start = self.at
            body = self.array()
            if not isinstance(body, ast.For):
                raise BicepSyntaxError("expected a loop, found an array", start)
            return body
        if _IF(self.text, self.at):
            return self._if()
        raise self.unexpected("an object, a loop or `if`")

    def value(self) -> ast.Expression:
        """Parse ``=`` and an expression."""
        self.expect("=")
        self.skip_to_operand()
        return self.expression()

    def path(self) -> ast.Expression:
        """Parse the string of a path or a resource type."""
        self.skip()
        return self.string()

    def start(self) -> int:
        """Parse the keyword and return its offset."""
        self.skip()
        start = self.at
        self.word("a declaration")
        return start

    def type_before_value(self) -> ast.Type | None:
        """Parse a type unless a value comes next."""
        mark = self.skip()
        return None if mark == "=" else self.type()


_Decorators: TypeAlias = tuple[ast.Expression, ...]
# The fast path for most resources, up to the opening brace of the body.
_RESOURCE: Matcher = regex(rf"resource[ \t]++(?P<name>{WORD})[ \t]++(?P<type>'[^'\\\r\n$]*+')[ \t]*+=[ \t]*+\{{").match


class Declarations(Bodies):
    """Parser for declarations."""

    __slots__ = ()

    def declaration(self) -> ast.Declaration:
        """Parse a declaration with its decorators."""
        decorators = self.decorators()
        at = self.at
        keyword = self.next_word()
        read = self._READERS.get(keyword)
        if read is not None:
            return read(self, decorators)
        if keyword:
            raise BicepSyntaxError("expected a declaration", at)
        self.at = at
        raise self.unexpected("a declaration")

    def _target_scope(self, _: _Decorators) -> ast.Declaration:
        start = self.start()
        value = self.value()
        return ast.TargetScope(start, self.at, value)

    def _parameter(self, decorators: _Decorators) -> ast.Declaration:
        start = self.start()
        self.skip()
        at = self.at
        name = self.word("a parameter name")
        type_ = self.type_before_value()
        end = self.at
        default = self.value() if self.skip() == "=" else None
        return ast.ParameterDeclaration(
            start, end if default is None else self.at, name, type_, default, decorators, at
        )

    def _variable(self, decorators: _Decorators) -> ast.Declaration:
        start = self.start()
        name = self.word("a variable name")
        self.type_before_value()
        value = self.value()
        return ast.Variable(start, self.at, name, value, decorators)

    def _output(self, decorators: _Decorators) -> ast.Declaration:
        start = self.start()
        name = self.word("an output name")
        type_ = self.type_before_value()
        value = self.value()
        return ast.OutputDeclaration(start, self.at, name, type_, value, decorators)

    def resource(self, decorators: _Decorators) -> ast.ResourceDeclaration:
        """Parse a resource, starting at its keyword."""
        match = _RESOURCE(self.text, self.at)
        if match is not None:
            start, head = self.at, match.end("type")
            type_ = ast.Literal(match.start("type"), head, match["type"][1:-1])
            body = self._object(match.end() - 1, match.end())
            return ast.ResourceDeclaration(start, self.at, match["name"], type_, False, body, decorators, head)
        return self._resource(decorators)

    def _resource(self, decorators: _Decorators) -> ast.ResourceDeclaration:
        start = self.start()
        name = self.word("a resource name")
        type_ = self.path()
        head = self.at
        existing = self.take_word("existing")
        if existing:
            head = self.at
        body = self.body()
        return ast.ResourceDeclaration(start, self.at, name, type_, existing, body, decorators, head)

    def _module(self, decorators: _Decorators) -> ast.Declaration:
        start = self.start()
        name = self.word("a module name")
        path = self.path()
        head = self.at
        body = self.body()
        return ast.ModuleDeclaration(start, self.at, name, path, body, decorators, head)

    def _type_declaration(self, decorators: _Decorators) -> ast.Declaration:
        start = self.start()
        name = self.word("a type name")
        self.expect("=")
        self.skip_to_operand()
        type_ = self.type()
        return ast.TypeDeclaration(start, self.at, name, type_, decorators)

    def _function(self, decorators: _Decorators) -> ast.Declaration:
        start = self.start()
        name = self.word("a function name")
        self.expect("(")
        self.wrap = True
        parameters: list[str] = []
        while self.skip() != ")":
            parameters.append(self.word("a parameter name or `)`"))
            self.skip()
            self.type()
            if self.skip() == ",":
                self.at += 1
            elif self.text[self.at] != ")":
                raise self.unexpected("`,` or `)`")
        self.at += 1
        self.wrap = False
        self.skip()
        self.type()
        self.expect("=>")
        self.skip_to_operand()
        body = self.expression()
        return ast.FunctionDeclaration(start, self.at, name, tuple(parameters), body, decorators)

    def _import(self, _: _Decorators) -> ast.Declaration:
        start = self.start()
        mark = self.skip()
        names: list[tuple[str, str]] = []
        alias = ""
        if mark == "{":
            self.at += 1
            while self.skip_lines() != "}":
                names.append(self._import_name())
                self.separate("}")
            self.at += 1
        elif mark == "*":
            self.at += 1
            if not self.take_word("as"):
                raise self.unexpected("`as`")
            alias = self.word("an alias for the import")
        else:
            return self._extension_rest(start, "import")
        if not self.take_word("from"):
            raise self.unexpected("`from`")
        path = self.path()
        return ast.Import(start, self.at, path, tuple(names), alias)

    def _import_name(self) -> tuple[str, str]:
        """Parse ``name as name``."""
        if self.text[self.at] == "'":
            exported = self.string()
            name = str(exported.value) if isinstance(exported, ast.Literal) else ""
        else:
            name = self.word("an imported name or `}`")
        end = self.at
        if self.take_word("as"):
            return name, self.word("an alias for the import")
        self.at = end
        return name, name

    def _using(self, _: _Decorators) -> ast.Declaration:
        start = self.start()
        path = None if self.take_word("none") else self.path()
        end = self.at
        if self.take_word("with"):
            self.skip()
            self.object()
            end = self.at
        self.at = end
        return ast.Using(start, end, path)

    def _extends(self, _: _Decorators) -> ast.Declaration:
        start = self.start()
        path = self.path()
        return ast.Extends(start, self.at, path)

    def _named_declaration(self, _: _Decorators) -> ast.Declaration:
        """Parse ``metadata name = value``, or an assertion."""
        keyword = self.next_word()
        start = self.start()
        name = self.word("a name")
        self.value()
        return ast.Other(start, self.at, keyword, name)

    def _test(self, _: _Decorators) -> ast.Declaration:
        start = self.start()
        name = self.word("a test name")
        self.path()
        self.body()
        return ast.Other(start, self.at, "test", name)

    def _extension(self, _: _Decorators) -> ast.Declaration:
        keyword = self.next_word()
        return self._extension_rest(self.start(), keyword)

    def _extension_rest(self, start: int, keyword: str) -> ast.Declaration:
        """Parse the specification, configuration and alias of an extension."""
        name = ""
        if self.skip() in "'$":
            self.string()
        else:
            name = self.word("an extension name")
        end = self.at
        while (word := self.next_word()) in {"with", "as"}:
            self.at += len(word)
            if word == "as":
                name = self.word("an extension alias")
            else:
                self.skip()
                self.expression()
            end = self.at
        self.at = end
        return ast.Other(start, end, keyword, name)

    _READERS: ClassVar[Mapping[str, Callable[[Declarations, _Decorators], ast.Declaration]]] = {
        "assert": _named_declaration,
        "extends": _extends,
        "extension": _extension,
        "extensionConfig": _extension,
        "func": _function,
        "import": _import,
        "metadata": _named_declaration,
        "module": _module,
        "output": _output,
        "param": _parameter,
        "provider": _extension,
        "resource": resource,
        "targetScope": _target_scope,
        "test": _test,
        "type": _type_declaration,
        "using": _using,
        "var": _variable,
    }


_NEXT_DECLARATION = regex(rf"[\r\n](?={DECLARATION})")
_ALIAS = regex(r"^import[ \t]++\*[ \t]++as[ \t]++([A-Za-z_][A-Za-z0-9_]*+)", re.MULTILINE)
MAX_FAULTS = 100
REPEATED = "this property is set twice"


class Parsed(msgspec.Struct, frozen=True, gc=False):
    """The content of a file. All offsets are in code points.

    ``suppressions``: the start of the line after each ``#disable-next-line``, and the codes that the directive names.
    ``disabled``: the start and end of each region in which ``#disable-diagnostics`` disables codes. ``texts``: the
    spans of multi-line and interpolated strings.
    """

    declarations: tuple[ast.Declaration, ...]
    faults: tuple[ast.Fault, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    disabled: tuple[Region, ...] = ()
    texts: Mapping[int, int] = {}


def parse(text: str) -> Parsed:
    """Return the declarations of a Bicep or parameter file, without those that have syntax errors.

    An error skips its declaration only: parsing resumes at the next line that begins with a keyword or "@". Never
    raises. At most MAX_FAULTS faults are reported.
    """
    reader = Declarations(text)
    if "import" in text:
        reader.modules = frozenset(_ALIAS.findall(text))
    declarations: list[ast.Declaration] = []
    faults: list[ast.Fault] = []
    while True:
        start = reader.at
        try:
            reader.skip_lines()
            if reader.at > reader.end + 1:
                raise reader.unexpected("a declaration")
            if reader.at >= reader.end:
                break
            start = reader.at
            declaration = reader.declaration()
            if reader.skip() not in "\r\n":
                raise reader.unexpected("the end of the line")
            declarations.append(declaration)
        except BicepSyntaxError as error:
            at = min(error.at, reader.end)
            if len(faults) < MAX_FAULTS:
                faults.append(ast.Fault(error.message, at))
            if reader.at > reader.end + 1:  # an unterminated comment
                break
            _recover(reader, start, max(at, start))
    if reader.repeated:
        faults += [ast.Fault(REPEATED, at) for at in reader.repeated]
        faults = sorted(faults, key=lambda fault: fault.at)[:MAX_FAULTS]
    suppressions, disabled = _directives(text, reader.texts)
    return Parsed(tuple(declarations), tuple(faults), suppressions, disabled, reader.texts)


def _recover(reader: Declarations, start: int, at: int) -> None:
    """Skip to the declaration after the one that begins at ``start`` and has a fault at ``at``.

    The line of the fault may itself begin a declaration, if the end of the previous one is missing.
    """
    reader.depth = 0
    reader.wrap = False
    text = reader.text
    line = max(text.rfind("\n", start, at), text.rfind("\r", start, at), start)
    found = _NEXT_DECLARATION.search(text, line, reader.end)
    reader.at = reader.end if found is None else found.end()


def _directives(text: str, texts: Mapping[int, int]) -> tuple[tuple[Suppression, ...], tuple[Region, ...]]:
    """Return the lines and the regions with disabled codes. ``texts``: spans of multi-line and interpolated strings."""
    if "#disable-" not in text:
        return (), ()
    lines: list[Suppression] = []
    regions: list[Region] = []
    opened: dict[str, int] = {}
    for match in _matches(text, texts):
        keyword, ids = match["what"], tuple(match["ids"].split())
        if keyword == "disable-next-line":
            lines.append((match.end(), ids))
        elif keyword == "disable-diagnostics":
            for id_ in ids:
                opened.setdefault(id_, match.end())
        else:
            regions.extend((opened.pop(id_), match.start(), (id_,)) for id_ in ids if id_ in opened)
    regions.extend((start, len(text), (id_,)) for id_, start in opened.items())
    return tuple(lines), tuple(sorted(regions))


def _matches(text: str, texts: Mapping[int, int]) -> Iterator[re.Match[str]]:
    """Yield the directives in order, skipping comments and strings."""
    at = 0
    while (match := _MARKS.search(text, at)) is not None:
        at = match.end()
        if match["what"]:
            yield match
        elif match["text"]:
            # The parser knows the end of a string; the pattern does not match strings nested in an interpolation.
            at = max(texts.get(match.start(), at), match.start() + 1)
