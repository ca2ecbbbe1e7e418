"""Access policies as Terraform code writes them, with the repetition of the role assignments that replace them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from azkvlint.derived.access_policies import VAULTS
from azkvlint.migration.expressions import SECRET, has_secret, is_constant, key_text, names_in, nodes
from azkvlint.migration.terraform_names import MAP, OBJECTS, SET, Names
from azkvlint.migration.written import OpenPolicy, PolicyCode
from azkvlint.model.resource import Resource
from azkvlint.model.value import Value
from azkvlint.syntax import ast
from azkvlint.syntax.hcl.parse import Attribute, Block

_KEYS = {"for_each": "each.key", "count": "count.index"}
_POLICY, _PERMISSIONS = "access_policy", "_permissions"
# What an instance of a resource uses to read its key.
_INSTANCES = frozenset({"each", "count"})
# By the argument: the kind of permissions.
_KINDS = {"secret": "secrets", "key": "keys", "certificate": "certificates", "storage": "storage"}


class _Inner(NamedTuple):
    """The arguments of a policy in a vault, and the collection of the loop around it.

    A ``dynamic`` block has an ``iterator``, whose attributes are the key and value of an item; a ``for`` expression has
    names for these.
    """

    arguments: Mapping[str, ast.Expression | None]
    over: ast.Expression | None = None
    iterator: str = ""
    key: str = ""
    value: str = ""

    @property
    def names(self) -> frozenset[str]:
        """Return the names that the loop declares."""
        return frozenset({self.iterator, self.key, self.value} - {""})

    def uses_key(self, node: ast.Node | None) -> bool:
        """Return whether an expression depends on more of an item than its value."""
        found = list(nodes(node))
        values = sum(isinstance(one, ast.Member) and one.name == "value" and self._is_item(one.of) for one in found)
        return sum(map(self._is_item, found)) > values or bool(self.key and _uses({self.key}, node))

    def _is_item(self, node: ast.Node) -> bool:
        return isinstance(node, ast.Name) and node.name == self.iterator

    def renamed(self, *, with_key: bool) -> Mapping[str, str]:
        """Return what the instances of a resource have for the names of the loop.

        The key of an instance is a string, whatever the key of the item is: ``with_key``, both are in its value.
        """
        if self.iterator:
            return {self.iterator: "each.value" if with_key else "each"}
        value = {self.value: "each.value.value" if with_key else "each.value"}
        return {**value, **({self.key: "each.value.key"} if self.key else {})}


def terraform_policy(block: Block, source: Resource, item: Value, text: str, names: Names) -> PolicyCode:
    """Return the expressions of a policy of ``source``, which ``block`` declares in a module with ``names``."""
    if source.type.lower() != VAULTS:
        own = block.body.attributes
        repeated = [own[name].expression() for name in (*_KEYS, "key_vault_id", "object_id", "provider") if name in own]
        if any(has_secret(one, names.is_secret) for one in repeated):
            return PolicyCode(why=SECRET)
        vault, principal = _value(own.get("key_vault_id"), text), _value(own.get("object_id"), text)
        return _written(block, _arguments(block), principal, vault, _repeat(block, text), text)
    start = item.at.span[0] if item.at.span is not None else -1
    found = next((inner for inner, span in _inner_policies(block) if span[0] == start), None)
    return _inline(block, found, text, names)


def indexed_vault(block: Block) -> str:
    """Return the vault whose instance a separate policy is for, as its module declares it; empty for an expression."""
    attribute = block.body.attributes.get("key_vault_id")
    node = None if attribute is None else attribute.expression()
    match node:
        case ast.Member(name="id", of=ast.Item(of=ast.Member(of=ast.Name(name=type_), name=name))):
            return f"{type_}.{name}"
    return ""


def open_policies(
    block: Block, known: frozenset[int], doubts: Iterable[int], text: str, names: Names, *, is_partial: bool
) -> tuple[OpenPolicy, ...] | None:
    """Return the policies that ``dynamic`` blocks add to a vault; None if these are not known from the source.

    ``known`` is where items begin whose values are known, ``doubts`` where the expressions are that decide how many
    others there are: all of them if ``is_partial``, otherwise some.
    """
    found: list[OpenPolicy] = []
    dynamic = [one for one in block.body.blocks if one.type == "dynamic" and one.labels == (_POLICY,)]
    spans = {one.start: one.body.attributes["for_each"] for one in dynamic if "for_each" in one.body.attributes}
    open_ = {key for key, own in spans.items() if any(own.start <= at <= own.end for at in doubts)}
    is_sure = is_partial and all(any(own.start <= at <= own.end for own in spans.values()) for at in doubts)
    if len(spans) != len(dynamic) or (_POLICY in block.body.attributes):
        return None
    for inner, span in _inner_policies(block):
        if inner.over is None:
            if not is_partial:
                return None
            continue
        owner = next(one.start for one in dynamic if one.start <= span[0] < one.end)
        if span[0] in known or (is_sure and owner not in open_):
            continue
        words = _words(inner.arguments)
        written = _inline(block, inner, text, names)
        is_known = written.principal or written.why == SECRET
        if words is None or not is_known or "application_id" in inner.arguments:
            return None
        found.append(OpenPolicy(span, words, written))
    return tuple(found) or None


def _inner_policies(block: Block) -> Iterator[tuple[_Inner, tuple[int, int]]]:
    """Yield the policies in the block of a vault, with their spans."""
    for inner in block.body.blocks:
        if inner.type == _POLICY:
            yield _Inner(_arguments(inner)), (inner.start, inner.end)
        elif inner.type == "dynamic" and inner.labels == (_POLICY,):
            content = next((one for one in inner.body.blocks if one.type == "content"), None)
            looped = inner.body.attributes.get("for_each")
            named = inner.body.attributes.get("iterator")
            name = _POLICY if named is None else _name_of(named.expression())
            if content is not None and looped is not None and name:
                yield _Inner(_arguments(content), looped.expression(), name), (content.start, content.end)
    listed = block.body.attributes.get(_POLICY)
    policies = None if listed is None else listed.expression()
    for one in policies.items if isinstance(policies, ast.Array) else ():
        if isinstance(one, ast.Object):
            yield _Inner(_members(one)), (one.start, one.end)
    match policies:
        case ast.Comprehension(result=ast.Object() as result, name=None, condition=None):
            own = _Inner(_members(result), policies.over, key=policies.key, value=policies.value)
            yield own, (result.start, result.end)


def _inline(block: Block, inner: _Inner | None, text: str, names: Names) -> PolicyCode:
    """Return the expressions of a policy in the block of a vault."""
    repeat = _repeat(block, text)
    vault = ".".join(block.labels)
    own = PolicyCode(vault=f"{vault}{f'[{_KEYS[repeat[0]]}]' if repeat[0] else ''}.id", repeat=repeat)
    if inner is None:
        return own._replace(why="a `dynamic` block or an expression sets the access policy")
    node = inner.arguments.get("object_id")
    attributes = [block.body.attributes[name].expression() for name in _KEYS if name in block.body.attributes]
    if any(has_secret(one, names.is_secret) for one in (node, inner.over, *attributes)):
        return own._replace(repeat=("", ""), why=SECRET)
    if inner.over is None:
        return _written(block, inner.arguments, _grouped(_text_of(node, text)), own.vault, repeat, text)
    with_key = inner.uses_key(node)
    principal = _renamed(node, inner.renamed(with_key=with_key), text)
    over = _grouped(_text_of(inner.over, text), is_needed=isinstance(inner.over, ast.Conditional))
    condition = _condition(inner, text)
    kind = "" if condition else names.kind(inner.over)
    exists = f"if `{_line(condition)}`" if condition else f"for each of `{_line(over)}`"
    count = block.body.attributes.get("count")
    depends = _uses(_INSTANCES - inner.names, inner.over), _uses(_INSTANCES - inner.names, *inner.arguments.values())
    if count is not None and _is_single(count.expression()) and not any(depends):
        more = f"({repeat[1]}) > 0"
        repeat = _once(condition, more) if condition else _looped(over, kind, more, with_key=with_key)
        vault = f"{vault}[0].id"
    elif not repeat[0]:
        repeat = _once(condition, "") if condition else _looped(over, kind, "", with_key=with_key)
        vault = f"{vault}.id"
    elif condition and not depends[0]:
        vault = own.vault
        kept = f"{{ for key, value in {_grouped(repeat[1])} : key => value if {condition} }}"
        repeat = ("for_each", kept) if repeat[0] == "for_each" else ("count", f"{condition} ? {repeat[1]} : 0")
    else:
        return own._replace(why="the vault and its access policies are both repeated")
    return _written(block, inner.arguments, principal, vault, repeat, text)._replace(
        exists=exists,
        label=_line(_text_of(node, text)),
        over="" if condition else _line(over),
        kind=kind,
        is_distinct=not condition and _is_distinct(inner, node, kind),
        is_keyed_by_value=kind == SET or _is_keyed(inner.over),
    )


def _once(condition: str, more: str) -> tuple[str, str]:
    """Return the meta-argument of a resource that exists if conditions are true."""
    return "count", f"{more} && {condition} ? 1 : 0" if more else f"{condition} ? 1 : 0"


def _looped(over: str, kind: str, more: str, *, with_key: bool) -> tuple[str, str]:
    """Return the meta-argument that repeats a resource as a loop does, if the condition ``more`` is true.

    ``with_key``: each instance has the key of its item beside the value.
    """
    # A resource needs a map or a set of strings; each item of a list has its index as the key.
    value = "{ key = key, value = value }" if with_key else "value"
    if kind == OBJECTS and with_key:
        over, value = f"[for value in {over} : {{ key = value, value = value }}]", "value"
    elif kind == OBJECTS:
        over = f"[for value in {over} : value]"
    return "for_each", f"{{ for key, value in {over} : key => {value}{f' if {more}' if more else ''} }}"


def _is_distinct(inner: _Inner, node: ast.Node | None, kind: str) -> bool:
    """Return whether no two items of a loop have the same principal: the keys of a map, or the items of a set."""
    match node:
        case ast.Member(of=ast.Name(name=name), name=part) if name == inner.iterator:
            return (kind == SET and part in ("key", "value")) or (kind == MAP and part == "key")
        case ast.Name(name=name):
            return (kind == SET and name == inner.value) or (kind == MAP and name == inner.key != "")
    return False


def _is_keyed(node: ast.Node | None) -> bool:
    """Return whether the keys of a map are computed from its items."""
    return isinstance(node, ast.Comprehension) and node.name is not None


def _condition(inner: _Inner, text: str) -> str:
    """Return the condition of a loop over one item or none, which the policy does not use; empty for another loop."""
    node = inner.over
    if not isinstance(node, ast.Conditional) or _uses(inner.names, *inner.arguments.values()):
        return ""
    sizes = [len(one.items) if isinstance(one, ast.Array) else -1 for one in (node.yes, node.no)]
    spread = any(isinstance(item, ast.Spread) for one in (node.yes, node.no) for item in getattr(one, "items", ()))
    if sorted(sizes) != [0, 1] or spread:
        return ""
    condition = _text_of(node.condition, text)
    return f"({condition})" if sizes[0] else f"!({condition})"


def _written(
    block: Block,
    arguments: Mapping[str, ast.Expression | None],
    principal: str,
    vault: str,
    repeat: tuple[str, str],
    text: str,
) -> PolicyCode:
    count = block.body.attributes.get("count")
    return PolicyCode(
        principal,
        vault,
        repeat=repeat,
        provider=_value(block.body.attributes.get("provider"), text),
        is_literal=all(is_constant(node) for name, node in arguments.items() if name.endswith(_PERMISSIONS)),
        why="" if principal else "a `dynamic` block or an expression sets the access policy",
        is_single=repeat[0] == "count" and (count is None or _is_single(count.expression())),
    )


def _words(arguments: Mapping[str, ast.Expression | None]) -> dict[str, tuple[str, ...]] | None:
    """Return the permissions of a policy by kind; None if these are not written out."""
    found: dict[str, tuple[str, ...]] = {}
    for name, node in arguments.items():
        if name.endswith(_PERMISSIONS):
            words = _literals(node)
            if words is None:
                return None
            found[_KINDS.get(name.removesuffix(_PERMISSIONS), "")] = words
    return found


def _literals(node: ast.Node | None) -> tuple[str, ...] | None:
    """Return the strings of an array that is written out; None for any other expression."""
    if not isinstance(node, ast.Array):
        return None
    words = [item.value for item in node.items if isinstance(item, ast.Literal)]
    is_complete = len(words) == len(node.items)
    return tuple(map(str, words)) if is_complete and all(isinstance(word, str) for word in words) else None


def _repeat(block: Block, text: str) -> tuple[str, str]:
    name = next((name for name in _KEYS if name in block.body.attributes), "")
    return name, _value(block.body.attributes.get(name), text)


def _is_single(node: ast.Node | None) -> bool:
    """Return whether a number is 0 or 1, as in ``var.on ? 1 : 0``."""
    if isinstance(node, ast.Conditional):
        return _is_single(node.yes) and _is_single(node.no)
    return isinstance(node, ast.Literal) and node.value in (0, 1)


def _value(attribute: Attribute | None, text: str) -> str:
    """Return the expression of an attribute; empty without the attribute."""
    return "" if attribute is None else text[attribute.value_start : attribute.end]


def _text_of(node: ast.Node | None, text: str) -> str:
    return "" if node is None else text[node.start : node.end]


def _line(text: str) -> str:
    return " ".join(text.split())


def _arguments(block: Block) -> Mapping[str, ast.Expression | None]:
    return {name: one.expression() for name, one in block.body.attributes.items()}


def _members(node: ast.Object) -> Mapping[str, ast.Expression | None]:
    return {key_text(one.key): one.value for one in node.members if isinstance(one, ast.Property)}


def _name_of(node: ast.Node | None) -> str:
    if isinstance(node, ast.Name):
        return node.name
    return node.value if isinstance(node, ast.Literal) and isinstance(node.value, str) else ""


def _renamed(node: ast.Node | None, names: Mapping[str, str], text: str) -> str:
    """Return an expression with other names for what a loop names; empty if a loop of its own has the same names."""
    every = list(nodes(node))
    inner = [name for one in every if isinstance(one, ast.Comprehension) for name in (one.key, one.value)]
    if node is None or not names.keys().isdisjoint(inner):
        return ""
    found, end = "", node.start
    own = [one for one in every if isinstance(one, ast.Name) and one.name in names]
    for one in sorted(own, key=lambda one: one.start):
        if text[one.start : one.end] != one.name:
            return ""
        found, end = f"{found}{text[end : one.start]}{names[one.name]}", one.end
    return _grouped(f"{found}{text[end : node.end]}")


def _grouped(text: str, *, is_needed: bool = False) -> str:
    """Return an expression that is one wherever it is written: it may have several lines in parentheses only."""
    return f"({text})" if is_needed or "\n" in text else text


def _uses(names: Collection[str], *found: ast.Node | None) -> bool:
    """Return whether an expression uses one of the names."""
    return any(name in names for node in found for name in names_in(node))
