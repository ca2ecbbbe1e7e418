"""What the files of a Terraform module declare, as far as generated code depends on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from azkvlint.syntax import ast
from azkvlint.syntax.hcl.parse import Block
from azkvlint.values.secrecy import is_marked, names_value

# The kinds of collections. OBJECTS is a set whose items are not strings: they cannot be keys of instances.
LIST, MAP, SET, OBJECTS = "list", "map", "set", "objects"
# By function: the kind of its result. Source: developer.hashicorp.com/terraform/language/functions
_RESULTS = {
    **dict.fromkeys(
        (
            "chunklist", "compact", "concat", "distinct", "flatten", "keys", "range", "reverse", "slice", "sort",
            "split", "tolist", "values",
        ),
        LIST,
    ),
    **dict.fromkeys(("merge", "tomap", "zipmap"), MAP),
    **dict.fromkeys(("setintersection", "setsubtract", "setunion", "toset"), SET),
}  # fmt: skip
_TYPES = {"list": LIST, "tuple": LIST, "map": MAP, "object": MAP, "set": SET}
# Functions that return one of their arguments.
_CHOICES = frozenset({"coalesce", "nonsensitive", "sensitive", "try"})
_PRIMITIVE = frozenset({"string", "number", "bool"})


class Names(NamedTuple):
    """The types of the variables of a module, those that are secret, and the expressions of its local values."""

    types: Mapping[str, ast.Expression | None] = {}
    secrets: frozenset[str] = frozenset()
    values: Mapping[str, ast.Expression | None] = {}

    @classmethod
    def of(cls, blocks: Iterable[Block]) -> Names:
        """Return what the blocks of a module declare."""
        types: dict[str, ast.Expression | None] = {}
        secrets: set[str] = set()
        values: dict[str, ast.Expression | None] = {}
        for block in blocks:
            own = block.body.attributes
            if block.type == "locals":
                values |= {name: one.expression() for name, one in own.items()}
            elif block.type == "variable" and block.labels:
                name = block.labels[0]
                types[name] = own["type"].expression() if "type" in own else None
                flags = [own[flag].expression() for flag in ("sensitive", "ephemeral") if flag in own]
                if is_marked(flags) or names_value(name):
                    secrets.add(name)
        return cls(types, frozenset(secrets), values)

    def kind(self, node: ast.Node | None, seen: frozenset[str] = frozenset()) -> str:
        """Return the kind of a collection; empty if it is not known from the source."""
        match node:
            case ast.Array() | ast.Splat() | ast.Comprehension(name=None):
                return LIST
            case ast.Object() | ast.Comprehension():
                return MAP
            case ast.Conditional(yes=yes, no=no):
                return self._common([one for one in (yes, no) if not _is_empty(one)], seen)
            case ast.Call(name=name, arguments=arguments) if name in _CHOICES:
                return self._common([one for one in arguments if not _is_empty(one)], seen)
            case ast.Call(name=name, arguments=arguments):
                found = _RESULTS.get(name, "")
                is_objects = found == SET and any(self._has_objects(one, seen) for one in arguments)
                return OBJECTS if is_objects else found
        key, declared = self._declared(node)
        if key.startswith("var."):
            return _kind_of_type(declared)
        return self.kind(declared, seen | {key}) if declared is not None and key not in seen else ""

    def _common(self, nodes: Iterable[ast.Node], seen: frozenset[str]) -> str:
        found = {self.kind(one, seen) for one in nodes}
        return found.pop() if len(found) == 1 else ""

    def _has_objects(self, node: ast.Node, seen: frozenset[str]) -> bool:
        """Return whether the items of a collection are objects or collections."""
        if isinstance(node, ast.Array):
            return any(isinstance(one, ast.Object | ast.Array) for one in node.items)
        if isinstance(node, ast.Comprehension):
            return isinstance(node.result, ast.Object | ast.Array)
        if isinstance(node, ast.Call) and _RESULTS.get(node.name, "") in (LIST, SET):
            return any(self._has_objects(one, seen) for one in node.arguments)
        key, declared = self._declared(node)
        if key.startswith("var."):
            return isinstance(declared, ast.Call) and any(not _is_primitive(one) for one in declared.arguments)
        return declared is not None and key not in seen and self._has_objects(declared, seen | {key})

    def _declared(self, node: ast.Node | None) -> tuple[str, ast.Expression | None]:
        """Return the name of a variable or local value with its type or expression; an empty name for all else."""
        if isinstance(node, ast.Member) and isinstance(node.of, ast.Name):
            if node.of.name == "var" and node.name in self.types:
                return f"var.{node.name}", self.types[node.name]
            if node.of.name == "local" and node.name in self.values:
                return f"local.{node.name}", self.values[node.name]
        return "", None

    def is_secret(self, node: ast.Node) -> bool:
        """Return whether an expression is a variable that is marked as secret, or has the name of a secret."""
        if not isinstance(node, ast.Member) or not isinstance(node.of, ast.Name):
            return False
        return node.of.name == "var" and node.name in self.secrets


def _is_empty(node: ast.Node) -> bool:
    """Return whether an expression is an empty array or object, or null, which any collection may be."""
    match node:
        case ast.Array(items=()) | ast.Object(members=()) | ast.Literal(value=None):
            return True
    return False


def _kind_of_type(node: ast.Node | None) -> str:
    if not isinstance(node, ast.Call):
        return ""
    found = _TYPES.get(node.name, "")
    return OBJECTS if found == SET and any(not _is_primitive(one) for one in node.arguments) else found


def _is_primitive(node: ast.Node) -> bool:
    return isinstance(node, ast.Name) and node.name in _PRIMITIVE
