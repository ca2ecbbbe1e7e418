"""The ``configuration`` of a plan: an index of modules, resources and providers by static address."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.azure.azurerm.table import Field
from azkvlint.model.value import Path
from azkvlint.readers.plan.address import Names, module_path, resource_of, split, steps

Node: TypeAlias = Mapping[str, Any]

_NONE: Node = {}


class Configuration:
    """The ``configuration`` by static place: module names without instance keys, and module-local resource addresses.

    A document with an unexpected structure yields no entries instead of an error: references that cannot be followed
    are unknown.
    """

    def __init__(self, document: Node | None) -> None:
        self.given = document is not None
        self._document = document or _NONE
        self._modules: dict[Names, Node] = {(): _node(self._document.get("root_module"))}
        self._resources: dict[Names, dict[str, Node]] = {}

    def module(self, names: Names) -> Node:
        """Return the module called along ``names``, or nothing."""
        found = self._modules.get(names)
        if found is None:
            found = self._modules[names] = _node(self.call(names).get("module"))
        return found

    def call(self, names: Names) -> Node:
        """Return the ``module`` block that calls the module at ``names``: expressions, count or for_each."""
        return _node(_node(self.module(names[:-1]).get("module_calls")).get(names[-1]))

    def resource(self, names: Names, address: str) -> Node:
        """Return the block of a resource by its module-local address, or nothing."""
        index = self._resources.get(names)
        if index is None:
            blocks = self.module(names).get("resources")
            index = self._resources[names] = {
                str(block.get("address")): block
                for block in (blocks if isinstance(blocks, list) else ())
                if isinstance(block, dict)
            }
        return index.get(address, _NONE)

    def blocks(self, names: Names = ()) -> Iterator[tuple[Names, Node]]:
        """Yield all resource blocks of a module and of those that it calls, each with the names along its path."""
        module = self.module(names)
        found = module.get("resources")
        for block in found if isinstance(found, list) else ():
            yield names, _node(block)
        for name in _node(module.get("module_calls")):
            yield from self.blocks((*names, name))

    def writes(self, names: Names, address: str, argument: str) -> bool | None:
        """Return whether the author wrote ``argument``: None if the block is not known. Dynamic blocks do not show
        here.
        """
        block = self.resource(names, address)
        return argument in _node(block.get("expressions")) if block else None

    def constants(self) -> Iterator[tuple[str, Any]]:
        """Yield what is written for the variables of all modules, by their names."""
        waiting = [self.module(())]
        while waiting:
            module = waiting.pop()
            for name, variable in _node(module.get("variables")).items():
                yield name, _node(variable).get("default")
            for call in _node(module.get("module_calls")).values():
                for name, expression in _node(_node(call).get("expressions")).items():
                    yield name, _node(expression).get("constant_value")
                waiting.append(_node(_node(call).get("module")))

    def providers(self) -> Mapping[str, Node]:
        """Return the provider blocks by key: ``azurerm``, ``azurerm.alias``, ``module.x:azurerm``."""
        return {key: _node(block) for key, block in _node(self._document.get("provider_config")).items()}

    def provider_key(self, names: Names, address: str) -> str:
        """Return the key of the provider block that manages a resource: its own, or the one its module inherits."""
        key = str(self.resource(names, address).get("provider_config_key", ""))
        providers = _node(self._document.get("provider_config"))
        prefix, _, local = key.rpartition(":")
        while prefix and f"{prefix}:{local}" not in providers:
            prefix = prefix.rpartition(".module.")[0]
        return f"{prefix}:{local}" if prefix else local


def references(expression: Any) -> list[str]:
    """Return all references of an expression, of all blocks and fields below it too, in order."""
    if isinstance(expression, list):
        return [text for item in expression for text in references(item)]
    if not isinstance(expression, dict):
        return []
    found = expression.get("references")
    if isinstance(found, list):
        return [text for text in found if isinstance(text, str)]
    return [text for item in expression.values() for text in references(item)]


def expression_at(expressions: Any, path: tuple[str | int, ...]) -> Any:
    """Return the expression at ``path`` (names and indexes of blocks); the nearest one above where the path
    ends early.
    """
    here = expressions
    for step in path:
        if isinstance(here, dict) and ("references" in here or "constant_value" in here):
            return here
        if isinstance(step, int):
            below = here[step] if isinstance(here, list) and step < len(here) else None
        else:
            below = here.get(step) if isinstance(here, dict) else None
        if below is None:
            return None
        here = below
    return here


def _node(value: Any) -> Node:
    return value if isinstance(value, dict) else _NONE


def argument_of(configuration: Configuration, address: str, type_: str, attribute: Path, depth: int) -> str:
    """Return the argument of the ``depth``-th module call above a resource that sets ``attribute``.

    ``type_`` is the Terraform type. Empty if no argument sets it, if several do, or if the argument is unknown: a plan
    does not contain the expressions of local values.
    """
    names, _ = split(module_path(address))
    block = configuration.resource(names, resource_of(address))
    mapped = RESOURCES.get(type_)
    written = block.get("expressions")
    paths = _arguments(mapped.fields, attribute) if mapped is not None else ()
    here = next((found for path in paths if (found := expression_at(written, path)) is not None), None)
    while len(names) >= depth:
        name = _variable(here, block)
        if not name or len(names) == depth:
            return name
        block = configuration.call(names)
        given = block.get("expressions")
        here = given.get(name) if isinstance(given, dict) else None
        names = names[:-1]
    return ""


def _arguments(fields: Mapping[str, Field], attribute: Path) -> Iterator[Path]:
    """Yield the arguments that go to an attribute, the innermost first."""
    for name, field in fields.items():
        arm = tuple(field.arm.split(".")) if field.arm else ()
        if attribute[: len(arm)] != arm or not (arm or field.fields):
            continue
        rest = attribute[len(arm) :]
        index = rest[0] if field.kind == "blocks" and rest else 0
        inner = rest[1:] if field.kind == "blocks" else rest
        for path in _arguments(field.fields, inner) if isinstance(index, int) else ():
            yield (name, index, *path)
        if arm:
            yield (name,)


def _variable(expression: Any, block: Mapping[str, Any]) -> str:
    """Return the only variable in an expression; empty if it has none, or other references."""
    texts = references(expression)
    if any(text.startswith("each.") for text in texts):
        texts += references(block.get("for_each_expression"))
    names = {str(found[1]) for found in map(steps, texts) if found[0] == "var" and len(found) > 1}
    return names.pop() if len(names) == 1 else ""
