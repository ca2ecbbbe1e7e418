"""Access policies as Terraform code writes them, with the repetition of the role assignments that replace them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from azkvlint.derived.vaults import VAULTS
from azkvlint.migration.written import OpenPolicy, Written
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

    ``names`` are what a resource with ``for_each`` has for the names that the loop declares.
    """

    arguments: Mapping[str, ast.Expression | None]
    over: ast.Expression | None = None
    names: Mapping[str, str] = {}


def terraform_policy(block: Block, source: Resource, item: Value, text: str) -> Written:
    """Return the expressions of a policy of ``source``, which ``block`` declares."""
    if source.type.lower() != VAULTS:
        arguments = _arguments(block)
        repeat = _repeat(block, text)
        vault = _value(block.body.attributes.get("key_vault_id"), text)
        principal = _value(block.body.attributes.get("object_id"), text)
        return _written(block, arguments, principal, vault, repeat, text)
    start = item.at.span[0] if item.at.span is not None else -1
    found = next((inner for inner, span in _inner_policies(block) if span[0] == start), None)
    return _inline(block, found, text)


def open_policies(
    block: Block, known: frozenset[int], doubts: Iterable[int], text: str, *, is_partial: bool
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
        written = _inline(block, inner, text)
        if words is None or not written.principal or "application_id" in inner.arguments:
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
                yield _Inner(_arguments(content), looped.expression(), {name: "each"}), (content.start, content.end)
    listed = block.body.attributes.get(_POLICY)
    policies = None if listed is None else listed.expression()
    for one in policies.items if isinstance(policies, ast.Array) else ():
        if isinstance(one, ast.Object):
            yield _Inner(_members(one)), (one.start, one.end)
    if isinstance(policies, ast.Comprehension) and isinstance(policies.result, ast.Object) and policies.name is None:
        names = {policies.value: "each.value", **({policies.key: "each.key"} if policies.key else {})}
        if policies.condition is None:
            yield _Inner(_members(policies.result), policies.over, names), (policies.result.start, policies.result.end)


def _inline(block: Block, inner: _Inner | None, text: str) -> Written:
    """Return the expressions of a policy in the block of a vault."""
    repeat = _repeat(block, text)
    vault = ".".join(block.labels)
    own = Written(vault=f"{vault}{f'[{_KEYS[repeat[0]]}]' if repeat[0] else ''}.id", repeat=repeat)
    if inner is None:
        return own._replace(why="a `dynamic` block or an expression sets the access policy")
    node = inner.arguments.get("object_id")
    if inner.over is None:
        return _written(block, inner.arguments, _grouped(_text_of(node, text)), own.vault, repeat, text)
    principal = _renamed(node, inner.names, text)
    over = _grouped(_text_of(inner.over, text), is_needed=isinstance(inner.over, ast.Conditional))
    condition = _condition(inner, text)
    exists = f"if `{_line(condition)}`" if condition else f"for each of `{_line(over)}`"
    count = block.body.attributes.get("count")
    depends = _uses(_INSTANCES, inner.over), _uses(_INSTANCES, *inner.arguments.values())
    if count is not None and _is_single(count.expression()) and not any(depends):
        repeat = _looped(over, condition, f"({repeat[1]}) > 0")
        vault = f"{vault}[0].id"
    elif not repeat[0]:
        repeat, vault = _looped(over, condition, ""), f"{vault}.id"
    elif condition and not depends[0]:
        vault = own.vault
        kept = f"{{ for key, value in {_grouped(repeat[1])} : key => value if {condition} }}"
        repeat = ("for_each", kept) if repeat[0] == "for_each" else ("count", f"{condition} ? {repeat[1]} : 0")
    else:
        return own._replace(why="the vault and its access policies are both repeated")
    return _written(block, inner.arguments, principal, vault, repeat, text)._replace(exists=exists)


def _looped(over: str, condition: str, more: str) -> tuple[str, str]:
    """Return the meta-argument that repeats a resource as a loop does, if the condition ``more`` is true."""
    if condition:
        return "count", f"{more} && {condition} ? 1 : 0" if more else f"{condition} ? 1 : 0"
    # A resource needs a map or a set of strings; each item of a list has its index as the key.
    return "for_each", f"{{ for key, value in {over} : key => value{f' if {more}' if more else ''} }}"


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
) -> Written:
    count = block.body.attributes.get("count")
    return Written(
        principal,
        vault,
        repeat=repeat,
        provider=_value(block.body.attributes.get("provider"), text),
        is_literal=all(not _has_names(node) for name, node in arguments.items() if name.endswith(_PERMISSIONS)),
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
    return {_key(one.key): one.value for one in node.members if isinstance(one, ast.Property)}


def _name_of(node: ast.Node | None) -> str:
    if isinstance(node, ast.Name):
        return node.name
    return node.value if isinstance(node, ast.Literal) and isinstance(node.value, str) else ""


def _renamed(node: ast.Node | None, names: Mapping[str, str], text: str) -> str:
    """Return an expression with other names for what a loop names; empty if it has a loop of its own."""
    every = [] if node is None else list(_nodes(node))
    if node is None or any(isinstance(one, ast.Comprehension | ast.Splat) for one in every):
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


def _uses(names: Iterable[str], *nodes: ast.Node | None) -> bool:
    """Return whether an expression uses one of the names."""
    return any(
        isinstance(one, ast.Name) and one.name in names for node in nodes if node is not None for one in _nodes(node)
    )


def _nodes(node: ast.Node) -> Iterator[ast.Node]:
    yield node
    for child in ast.children(node):
        yield from _nodes(child)


def _has_names(node: ast.Node | None) -> bool:
    """Return whether an expression depends on anything, such as a variable. A syntax error may."""
    return node is None or any(isinstance(one, ast.Name) for one in _nodes(node))


def _key(key: str | ast.Expression) -> str:
    """Return the key of a property."""
    if isinstance(key, ast.Name):
        return key.name
    return str(key.value) if isinstance(key, ast.Literal) else key if isinstance(key, str) else ""
