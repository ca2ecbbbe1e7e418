"""Access policies as Bicep files write them, with the loops and conditions around them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from azkvlint.derived.access_policies import VAULTS
from azkvlint.migration.expressions import SECRET, has_secret, is_constant, key_text
from azkvlint.migration.written import OpenPolicy, PolicyCode, bicep_string
from azkvlint.model.resource import Resource
from azkvlint.model.value import Value
from azkvlint.syntax import ast
from azkvlint.values.secrecy import names_value

_KINDS = ("secrets", "keys", "certificates", "storage")
_JOINS = frozenset({"concat", "union"})
# The properties of a resource that are known when the deployment starts.
_KNOWN_PROPERTIES = frozenset({"id", "name", "type", "apiVersion"})
_STATES = frozenset({"reference", "getsecret"})


class _LocatedObject(NamedTuple):
    """An object in a resource, with the loops and conditions around it, the outermost first."""

    node: ast.Object
    loops: tuple[ast.For, ...] = ()
    conditions: tuple[tuple[ast.Expression, bool], ...] = ()


class BicepFile(NamedTuple):
    """The resources of a file by the end of their headers, its declarations by name, and its text."""

    resources: Mapping[int, ast.ResourceDeclaration]
    declared: Mapping[str, ast.Declaration]
    text: str

    def policy(self, node: ast.ResourceDeclaration, source: Resource, item: Value) -> PolicyCode:
        """Return the expressions of a policy of ``source``, which ``node`` declares."""
        found = next((one for one in _objects(node.body) if item.at.span == (one.node.start, one.node.end)), None)
        if found is None:
            is_looped = isinstance(node.body, ast.For)
            why = "a loop declares the access policy" if is_looped else "an expression sets the access policy"
            return PolicyCode(vault="" if is_looped else self._vault(node, source), why=why)
        return self._written(node, source, found)

    def open_policies(
        self, node: ast.ResourceDeclaration, source: Resource, known: frozenset[int]
    ) -> tuple[OpenPolicy, ...] | None:
        """Return the policies that loops and conditions add to a resource; None if these are not known from the source.

        ``known`` is where the items begin whose values are known.
        """
        body = next((one.node for one in _objects(node.body)), None)
        properties = None if body is None else member(body, "properties")
        listed = member(properties, "accessPolicies") if isinstance(properties, ast.Object) else None
        if listed is None or not _is_written_out(listed):
            return None
        spans = {(one.start, one.end) for one in _items(listed)}
        found: list[OpenPolicy] = []
        for place in (one for one in _objects(node.body) if (one.node.start, one.node.end) in spans):
            words = _words(place.node)
            written = self._written(node, source, place)
            if place.node.start in known:
                continue
            is_known = written.principal or written.why == SECRET
            if words is None or not is_known or member(place.node, "applicationId") is not None:
                return None
            found.append(OpenPolicy((place.node.start, place.node.end), words, written))
        return tuple(found) or None

    def _vault(self, node: ast.ResourceDeclaration, source: Resource) -> str:
        """Return the symbolic name of the vault of a resource."""
        if source.type.lower() == VAULTS:
            return node.name
        body = next((one.node for one in _objects(node.body)), None)
        return "" if body is None else self.text_of(member(body, "parent"))

    def _written(self, node: ast.ResourceDeclaration, source: Resource, place: _LocatedObject) -> PolicyCode:
        vault, principal = self._vault(node, source), member(place.node, "objectId")
        repeated = principal, *(one.over for one in place.loops), *(one for one, _ in place.conditions)
        if any(has_secret(one, self._is_secret) for one in repeated):
            return PolicyCode(vault="" if place.loops else vault, why=SECRET)
        known = all(map(self._is_known_at_start, (one.over for one in place.loops)))
        known = known and all(self._is_known_at_start(one) for one, _ in place.conditions)
        condition = " && ".join(self._condition(*one) for one in place.conditions)
        if len(place.conditions) == 1 and place.conditions[0][1]:
            condition = self.text_of(place.conditions[0][0])
        if len(place.loops) > 1:
            return PolicyCode(vault="", why="the vault and its access policies are both repeated")
        if not known:
            return PolicyCode(
                vault=vault, why="its loop or condition depends on what is known only after the deployment"
            )
        if principal is None:
            return PolicyCode(vault=vault, condition=condition, why="an expression sets the access policy")
        loop = ""
        own_loops = () if isinstance(node.body, ast.For) else place.loops
        for one in place.loops:
            index = one.index
            if isinstance(node.body, ast.For) and source.type.lower() == VAULTS:
                index = index or self._index()
                vault = f"{vault}[{index}]"
            loop = f"for {f'({one.item}, {index})' if index else one.item} in {self.text_of(one.over)}"
        own = place.conditions if not isinstance(node.body, ast.If) else place.conditions[1:]
        states = [f"if `{' '.join(self._condition(*one).split())}`" for one in own]
        states += [f"for each of `{' '.join(self.text_of(one.over).split())}`" for one in own_loops]
        return PolicyCode(
            self.text_of(principal),
            vault,
            condition=condition,
            name=self._known_name(principal, frozenset(name for one in place.loops for name in (one.item, one.index))),
            is_literal=is_constant(member(place.node, "permissions")),
            loop=loop,
            exists=", ".join(states),
            label=" ".join(self.text_of(principal).split()),
            over=" ".join(self.text_of(place.loops[0].over).split()) if own_loops else "",
        )

    def _is_secret(self, node: ast.Node) -> bool:
        """Return whether an expression is a secure parameter, or has the name of a secret."""
        if not isinstance(node, ast.Name):
            return False
        declared = self.declared.get(node.name)
        flags = declared.decorators if isinstance(declared, ast.ParameterDeclaration) else ()
        return names_value(node.name) or any(isinstance(one, ast.Call) and one.name == "secure" for one in flags)

    def _condition(self, node: ast.Expression, is_true: bool) -> str:
        text = self.text_of(node)
        if not is_true:
            return f"!({text})"
        return text if isinstance(node, ast.Name | ast.Call | ast.Member) else f"({text})"

    def _index(self) -> str:
        """Return a name for the index of a loop, which nothing in the file has."""
        name, number = "index", 2
        while name in self.text:
            name, number = f"index{number}", number + 1
        return name

    def text_of(self, node: ast.Node | None) -> str:
        """Return an expression as it is written."""
        return "" if node is None else self.text[node.start : node.end]

    def _is_known_at_start(self, node: ast.Node, seen: frozenset[str] = frozenset()) -> bool:
        """Return whether an expression is known when the deployment starts, as loops and conditions must be."""
        if isinstance(node, ast.Member) and node.name in _KNOWN_PROPERTIES and isinstance(node.of, ast.Name):
            return True
        if isinstance(node, ast.Call) and (node.name.lower() in _STATES or node.name.lower().startswith("list")):
            return False
        if isinstance(node, ast.Name) and node.name not in seen:
            declaration = self.declared.get(node.name)
            if isinstance(declaration, ast.ResourceDeclaration | ast.ModuleDeclaration):
                return False
            if isinstance(declaration, ast.Variable):
                return self._is_known_at_start(declaration.value, seen | {node.name})
        return all(self._is_known_at_start(child, seen) for child in ast.children(node))

    def _known_name(self, node: ast.Expression, looped: frozenset[str]) -> str:
        """Return an expression for a principal that is known when the deployment starts."""
        inner: ast.Node = node
        while isinstance(inner, ast.Member | ast.NotNull | ast.Item):
            inner = inner.of
            if isinstance(inner, ast.Item) and isinstance(inner.of, ast.Name):
                break
        base = inner.of if isinstance(inner, ast.Item) else inner
        name = base.name if isinstance(base, ast.Name) else ""
        declaration = self.declared.get(name)
        if isinstance(node, ast.Literal) or isinstance(declaration, ast.ParameterDeclaration) or name in looped - {""}:
            return self.text_of(node)
        if isinstance(declaration, ast.ResourceDeclaration):
            return f"{self.text[inner.start : inner.end]}.id"
        if looped and self._is_known_at_start(node):
            return self.text_of(node)
        return bicep_string(" ".join(self.text_of(node).split()))


def _objects(
    node: ast.Node,
    loops: tuple[ast.For, ...] = (),
    conditions: tuple[tuple[ast.Expression, bool], ...] = (),
) -> Iterator[_LocatedObject]:
    """Yield the objects in a node, with the loops and conditions around them."""
    if isinstance(node, ast.Lambda):
        return
    if isinstance(node, ast.For):
        yield from _objects(node.body, (*loops, node), conditions)
        return
    if isinstance(node, ast.If):
        yield from _objects(node.body, loops, (*conditions, (node.condition, True)))
        return
    if isinstance(node, ast.Conditional):
        yield from _objects(node.yes, loops, (*conditions, (node.condition, True)))
        yield from _objects(node.no, loops, (*conditions, (node.condition, False)))
        return
    if isinstance(node, ast.Object):
        yield _LocatedObject(node, loops, conditions)
    for child in ast.children(node):
        yield from _objects(child, loops, conditions)


def _items(node: ast.Node) -> Iterator[ast.Object]:
    """Yield the objects that are the items of a list which is written out."""
    match node:
        case ast.Array(items=items):
            yield from (one for one in items if isinstance(one, ast.Object))
        case ast.For(body=ast.Object() as body) | ast.For(body=ast.If(body=ast.Object() as body)):
            yield body
        case ast.Conditional(yes=yes, no=no):
            yield from _items(yes)
            yield from _items(no)
        case ast.Call(arguments=arguments):
            for one in arguments:
                yield from _items(one)


def _is_written_out(node: ast.Node) -> bool:
    """Return whether the items of a list are all written where it is."""
    match node:
        case ast.Array(items=items):
            return all(isinstance(one, ast.Object) for one in items)
        case ast.For(body=ast.Object()) | ast.For(body=ast.If(body=ast.Object())):
            return True
        case ast.Conditional(yes=yes, no=no):
            return _is_written_out(yes) and _is_written_out(no)
        case ast.Call(name=name, arguments=arguments, of=None):
            return name in _JOINS and all(map(_is_written_out, arguments))
    return False


def _words(node: ast.Object) -> dict[str, tuple[str, ...]] | None:
    """Return the permissions of a policy by kind; None if these are not written out."""
    permissions = member(node, "permissions")
    if not isinstance(permissions, ast.Object):
        return None
    found: dict[str, tuple[str, ...]] = {}
    for one in permissions.members:
        if not isinstance(one, ast.Property) or key_text(one.key) not in _KINDS or not isinstance(one.value, ast.Array):
            return None
        words = [item.value for item in one.value.items if isinstance(item, ast.Literal)]
        if len(words) < len(one.value.items):
            return None
        found[key_text(one.key)] = tuple(map(str, words))
    return found


def body_of(node: ast.ResourceDeclaration) -> ast.Object | None:
    """Return the object that a resource is declared with."""
    return next((one.node for one in _objects(node.body)), None)


def member(node: ast.Object, name: str) -> ast.Expression | None:
    """Return the value of a property of an object; None without the property."""
    return next(
        (one.value for one in node.members if isinstance(one, ast.Property) and key_text(one.key) == name), None
    )
