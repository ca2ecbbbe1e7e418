"""Which argument of a module call an attribute of a resource in that module comes from, by a plan's configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.azure.azurerm.table import Field
from azkvlint.model.value import Path
from azkvlint.readers.plan.address import module_path, resource_of, steps
from azkvlint.readers.plan.configuration import Configuration, expression_at, references
from azkvlint.readers.plan.instances import split


def argument_of(configuration: Configuration, address: str, type_: str, attribute: Path, depth: int) -> str:
    """Return the argument of the ``depth``-th module call on the way to a resource that gives ``attribute`` its value.

    ``type_`` is Terraform's. Empty if no argument does, or several, or if it is unknown: what a local value is made
    of, a plan does not say.
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
    """Return the only variable that an expression is made from; empty if there is none, or another."""
    texts = references(expression)
    if any(text.startswith("each.") for text in texts):
        texts += references(block.get("for_each_expression"))
    names = {str(found[1]) for found in map(steps, texts) if found[0] == "var" and len(found) > 1}
    return names.pop() if len(names) == 1 else ""
