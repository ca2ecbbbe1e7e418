"""Name the properties of Azure in the language of the input: by azurerm arguments, or by property paths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.azure.azurerm.table import Field
from azkvlint.model.value import Absent, Answer, Origin, Path, Scalar, display, path_text


class _Argument(NamedTuple):
    """An argument with its blocks, and whether it has another name in other provider versions."""

    name: str
    field: Field
    is_renamed: bool


def name_in_source(declared_as: str, path: Path) -> str:
    """Return the azurerm argument that sets a property of a resource, else the path of the property."""
    found = _argument(declared_as, path)
    return found.name if found is not None else path_text(path)


def state_value(declared_as: str, path: Path, answer: Answer) -> str:
    """Return a value in words: ``public_network_access_enabled`` is not set (default: true)."""
    found = _argument(declared_as, path)
    if answer.origin == Origin.DEFAULT and answer.note:
        return f"`{name_in_source(declared_as, path)}` is {answer.note}"
    # The name in the source is not known if the argument has several.
    is_renamed = found is not None and found.is_renamed and not isinstance(answer, Absent)
    name = "the value" if is_renamed else f"`{name_in_source(declared_as, path)}`"
    note = f" ({answer.note})" if answer.note else ""
    return f"{name} is {_value_in_source(found, answer)}{note}"


def _value_in_source(found: _Argument | None, answer: Answer) -> str:
    """Return the value of an argument: azurerm has booleans where Azure has one of two words."""
    if found is not None and found.field.kind == "flag" and isinstance(answer, Scalar) and not answer.sensitive:
        word = str(answer.value).lower()
        booleans = {found.field.words[0].lower(): "true", found.field.words[1].lower(): "false"}
        return booleans.get(word, display(answer))
    return display(answer)


@lru_cache(256)
def _argument(declared_as: str, path: Path) -> _Argument | None:
    mapped = RESOURCES.get(declared_as)
    if mapped is None:
        return None
    found = list(_named(mapped.fields, tuple(step for step in path if isinstance(step, str))))
    return _Argument(*found[0], is_renamed=len(found) > 1) if found else None


def _named(fields: Mapping[str, Field], path: Path) -> Iterator[tuple[str, Field]]:
    """Yield the arguments, also those in blocks, that set the property at ``path``."""
    for name, field in fields.items():
        arm = tuple(field.arm.split(".")) if field.arm else ()
        if path[: len(arm)] == arm:
            if arm == path:
                yield name, field
            for inner, below in _named(field.fields, path[len(arm) :]):
                yield f"{name}.{inner}", below
