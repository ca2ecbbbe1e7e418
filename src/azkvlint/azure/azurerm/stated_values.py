"""State the value of a property in the language of the input: azurerm has booleans where Azure has words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from azkvlint.azure.azurerm.argument_names import name_as_written
from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.azure.azurerm.table import Field
from azkvlint.model.value import Absent, Answer, Origin, Path, Scalar, display, path_text


def state_value(declared_as: str, path: Path, answer: Answer) -> str:
    """Return a value in words: ```public_network_access_enabled` is not set (default: true)``."""
    name = f"`{name_as_written(declared_as, path_text(path))}`"
    if answer.origin == Origin.DEFAULT and answer.note:
        return f"{name} is {answer.note}"
    fields = _arguments(declared_as, path)
    if len(fields) > 1 and not isinstance(answer, Absent):
        # The name in the source is not known, because the argument has several.
        name = "the value"
    note = f" ({answer.note})" if answer.note else ""
    value = _value_in_source(fields, answer)
    return f"{name} is {value if isinstance(answer, Absent) else as_code(value)}{note}"


def as_code(text: str) -> str:
    """Return a displayed value in backticks, but not a list, an object or a placeholder."""
    return text if text[:1] in ("[", "(") else f"`{text}`"


def _value_in_source(fields: tuple[Field, ...], answer: Answer) -> str:
    if fields and fields[0].kind == "flag" and isinstance(answer, Scalar) and not answer.sensitive:
        on, off = (word.lower() for word in fields[0].words)
        return {on: "true", off: "false"}.get(str(answer.value).lower(), display(answer))
    return display(answer)


@lru_cache(256)
def _arguments(declared_as: str, path: Path) -> tuple[Field, ...]:
    """Return the arguments that set a property, under different names in different provider versions."""
    mapped = RESOURCES.get(declared_as)
    return () if mapped is None else tuple(_fields(mapped.fields, path))


def _fields(fields: Mapping[str, Field], path: Path) -> Iterator[Field]:
    for field in fields.values():
        arm = tuple(field.arm.split(".")) if field.arm else ()
        if path[: len(arm)] == arm:
            if arm == path:
                yield field
            yield from _fields(field.fields, path[len(arm) :])
