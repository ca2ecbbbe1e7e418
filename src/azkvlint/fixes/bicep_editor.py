"""Edit Bicep and .bicepparam files."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from azkvlint.fixes.tree_editor import Commas, Container, Layout, TreeEditor, TreeElement, focused
from azkvlint.model.fix import Address, Refusal, TextEdit
from azkvlint.syntax import ast
from azkvlint.syntax.bicep.parse import Declarations, parse

_ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class BicepEditor(TreeEditor):
    """An editor of a .bicep or .bicepparam file."""

    any_case = True
    separators = "", ""

    def __init__(self, path: str, text: str, focus: tuple[int, int] | None = None) -> None:
        self.cursor = Declarations(text)
        items = self._read(text if focus is None else focused(text, focus))
        super().__init__(
            Layout(path, text, self._end_of_gap), Container(0, len(text), items, Commas.NONE, is_root=True)
        )
        self.is_focused = focus is not None
        boxes = [(item, self.inside(item)) for item in items]
        self.layout.learn_unit((item.start, one.start) for item, box in boxes if box is not None for one in box.items)

    def _read(self, text: str) -> list[TreeElement]:
        """Return the items of a text. Raise Refusal for a syntax error."""
        parsed = parse(text)
        if parsed.faults:
            raise Refusal("the file has a syntax error")
        self.declarations = parsed.declarations
        self._starts_of_decorated = frozenset(one.start for one in self._decorated() if one.decorators)
        return [self._declaration(one) for one in parsed.declarations]

    def widen(self) -> None:
        """Parse all of the text."""
        self.is_focused = False
        self.root = msgspec.structs.replace(self.root, items=self._read(self.text))

    def _end_of_gap(self, at: int) -> int:
        self.cursor.at, self.cursor.wrap = at, False
        self.cursor.skip()
        return min(self.cursor.at, self.cursor.end)

    # --- the language ------------------------------------------------------------------------------------------------

    def inside(self, item: TreeElement) -> Container | None:
        """Return the object of a resource or module, also in a loop or condition, or the object or array of a value."""
        node = item.node
        if isinstance(node, ast.ResourceDeclaration | ast.ModuleDeclaration):
            node = node.body
            while isinstance(node, ast.For | ast.If):
                node = node.body
        return self.container(node)

    def container(self, node: object) -> Container | None:
        """Return the container that an object or array is."""
        if isinstance(node, ast.Array):
            items = [TreeElement(one.start, one.end, None, one.start, one.start, one) for one in node.items]
            return Container(node.start, node.end, items, Commas.OPTIONAL, node, is_array=True)
        if not isinstance(node, ast.Object):
            return None
        items = [self._member(one) for one in node.members]
        items += [self._declaration(one) for one in node.resources]
        return Container(node.start, node.end, sorted(items, key=lambda item: item.start), Commas.OPTIONAL, node)

    def _member(self, node: ast.Property | ast.Spread) -> TreeElement:
        if isinstance(node, ast.Spread):
            return TreeElement(node.start, node.end, None, node.start, node.value.start, node.value)
        cursor = self.cursor
        cursor.at, cursor.wrap = node.start, False
        if self.text[node.start] in "'$":
            cursor.string()
        else:
            cursor.word("a property name")
        key_end = cursor.at
        cursor.expect(":")
        cursor.skip()
        name = node.key if isinstance(node.key, str) else None
        return TreeElement(node.start, node.end, name, key_end, cursor.at, node.value)

    def _declaration(self, node: ast.Declaration) -> TreeElement:
        """Return the item of a declaration: a parameter, variable or output has a value, others have a header."""
        value = node.default if isinstance(node, ast.ParameterDeclaration) else None
        if isinstance(node, ast.Variable | ast.OutputDeclaration):
            value = node.value
        if value is None:
            head = node.head if isinstance(node, ast.ResourceDeclaration | ast.ModuleDeclaration) else node.end
            return TreeElement(node.start, node.end, None, head, head, node, is_block=True)
        cursor = self.cursor
        cursor.at, cursor.wrap = node.start, False
        cursor.word("a keyword")
        cursor.word("a name")
        cursor.type_before_value()
        cursor.expect("=")
        cursor.skip_to_operand()
        return TreeElement(node.start, node.end, None, cursor.at, cursor.at, value)

    def is_valid(self, text: str) -> bool:
        """Return whether a text has no syntax error."""
        return not parse(text).faults

    def string(self, value: str) -> str:
        """Return a string literal."""
        content = "".join(_ESCAPES.get(mark, mark if mark >= " " else f"\\u{{{ord(mark):x}}}") for mark in value)
        return "'" + content.replace("${", "\\${") + "'"

    def key(self, name: str) -> str:
        """Return a property name, in quotes if it is not an identifier."""
        is_plain = name.isascii() and name.isidentifier()
        return name if is_plain else self.string(name)

    def remove(self, container: Address, path: tuple[str, ...]) -> tuple[TextEdit, ...]:
        """Remove a property, or a declaration without decorators."""
        found = self.lookup(container, path)
        if found is not None and found[1].start in self._starts_of_decorated:
            raise Refusal("the declaration has decorators")
        return super().remove(container, path)

    def _decorated(
        self,
    ) -> Iterator[
        ast.ParameterDeclaration
        | ast.Variable
        | ast.OutputDeclaration
        | ast.ResourceDeclaration
        | ast.ModuleDeclaration
    ]:
        kinds = (
            ast.ParameterDeclaration
            | ast.Variable
            | ast.OutputDeclaration
            | ast.ResourceDeclaration
            | ast.ModuleDeclaration
        )
        return (one for one in self.declarations if isinstance(one, kinds))

    def add_decorator(self, container: Address, name: str) -> tuple[TextEdit, ...]:
        """Add a decorator without arguments to a declaration, below those that it has."""
        if self.is_focused:
            self.widen()
        item = self.locate(container).item
        node = next((one for one in self._decorated() if one.start == item.start), None)
        if node is None:
            raise Refusal("the place is not a declaration")
        if any(isinstance(one, ast.Call) and one.name == name for one in node.decorators):
            return ()
        type_ = node.type if isinstance(node, ast.ParameterDeclaration | ast.OutputDeclaration) else None
        if name == "secure" and not self._can_be_secure(type_):
            raise Refusal("only strings and objects can be secure")
        names = {
            one.name
            for one in self.declarations
            if isinstance(one, ast.ParameterDeclaration | ast.Variable | ast.FunctionDeclaration)
        }
        prefix = "sys." if name in names else ""
        text = f"@{prefix}{name}(){self.layout.newline}{self.layout.indent(item.start)}"
        return self.checked([self.layout.edit(item.start, item.start, text)])

    def _can_be_secure(self, type_: ast.Type | None) -> bool:
        """Return whether a type is string or object, also by the name of a type in the file."""
        declared = {one.name: one.type for one in self.declarations if isinstance(one, ast.TypeDeclaration)}
        for _ in range(len(declared) + 2):
            if type_ is None or type_.kind == "object":
                return type_ is not None
            if type_.kind == "nullable":
                type_ = type_.of[0]
            elif type_.kind == "name" and type_.name in ("string", "object"):
                return True
            else:
                type_ = declared.get(type_.name) if type_.kind == "name" else None
        return False
