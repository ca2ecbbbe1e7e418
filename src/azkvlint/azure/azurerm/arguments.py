"""Name azurerm arguments and their values as in the source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache, lru_cache

import msgspec

from azkvlint.azure.azurerm.resources import RESOURCES, TYPES
from azkvlint.azure.azurerm.table import Field
from azkvlint.model.value import Absent, Answer, Origin, Path, Scalar, path_text
from azkvlint.util.lazy_regex import regex

_STEP = regex(r"[^.\[\]]+|\[[^\]]*\]")
WORD_START = regex(r"(?<=[a-z0-9])(?=[A-Z])")
# The kinds of arguments whose items the author wrote one by one, so that an index means the same to the author.
_WITH_INDEX = ("blocks", "value", "links")
# Objects that are called so in Terraform too, apart from the spelling of the names.
_META_ARGUMENTS = ("lifecycle", "features")


class _VersionedArgument(msgspec.Struct, frozen=True, gc=False):
    """An argument with its blocks, and whether it has another name in other provider versions."""

    name: str
    field: Field
    is_renamed: bool


def name_as_written(declared_as: str, attribute: str) -> str:
    """Return the argument of a Terraform resource that becomes ``attribute``, an attribute path in Azure's vocabulary.

    ``azurerm_key_vault`` and ``properties.enablePurgeProtection`` result in ``purge_protection_enabled``. In Bicep, ARM
    and azapi the name is Azure's own, and so is an attribute that no argument becomes.
    """
    return attribute if "/" in declared_as else _argument_name(declared_as, attribute)


def type_as_written(declared_as: str, type_: str) -> str:
    """Return an Azure resource type as the language of a resource declared as ``declared_as`` names it."""
    return type_ if "/" in declared_as else _terraform_types().get(type_.lower(), type_)


def is_terraform(declared_as: str) -> bool:
    """Return whether a resource was declared in Terraform, with the arguments of its own provider."""
    return "/" not in declared_as and not declared_as.startswith("azapi_")


@lru_cache(maxsize=4096)
def _argument_name(declared_as: str, attribute: str) -> str:
    if attribute.split(".", 1)[0] in _META_ARGUMENTS:
        return WORD_START.sub("_", attribute).lower()
    mapped = RESOURCES.get(declared_as)
    if mapped is None:
        return attribute
    for name, path in mapped.listed.items():
        if attribute.startswith(f"{path}[0]"):
            attribute = name + attribute.removeprefix(f"{path}[0]")
    return _find_argument(mapped.fields, tuple(_STEP.findall(attribute))) or attribute


def _find_argument(fields: Mapping[str, Field], steps: tuple[str, ...]) -> str:
    """Return the argument that becomes the value at ``steps``, or the most exact one around it; ``""`` if none does."""
    best, length = "", -1
    for name, field in fields.items():
        arm = tuple(_STEP.findall(field.arm))
        if steps[: len(arm)] != arm:
            if field.fields and not best and arm[: len(steps)] == steps:
                best = name
            continue
        rest = steps[len(arm) :]
        index = rest[0] if rest and rest[0].startswith("[") else ""
        below = rest[1:] if index else rest
        inner = _find_argument(field.fields, below) if field.fields and below else ""
        if (not arm and not inner) or (field.fields and below and not inner and not index):
            continue
        if len(arm) + len(inner) > length:
            length = len(arm) + len(inner)
            best = f"{name}{index if field.kind in _WITH_INDEX else ''}" + (f".{inner}" if inner else "")
    return best


@cache
def _terraform_types() -> Mapping[str, str]:
    """Return the first azurerm resource type of each Azure type, in lower case."""
    types: dict[str, str] = {}
    for name, type_ in TYPES.items():
        types.setdefault(type_.lower(), name)
    return types


def state_value(declared_as: str, path: Path, answer: Answer) -> str:
    """Return a value in words: ``public_network_access_enabled`` is not set (default: true)."""
    found = _mapped_argument(declared_as, path)
    if answer.origin == Origin.DEFAULT and answer.note:
        return f"`{name_as_written(declared_as, path_text(path))}` is {answer.note}"
    # The name in the source is not known if the argument has several.
    is_renamed = found is not None and found.is_renamed and not isinstance(answer, Absent)
    name = "the value" if is_renamed else f"`{name_as_written(declared_as, path_text(path))}`"
    note = f" ({answer.note})" if answer.note else ""
    return f"{name} is {value_as_written(declared_as, path, answer)}{note}"


def value_as_written(declared_as: str, path: Path, answer: Answer) -> str:
    """Return the value of the argument that becomes the property at ``path``, or ``not set``."""
    if isinstance(answer, Absent):
        return "not set"
    return as_code(_value_in_source(_mapped_argument(declared_as, path), answer))


def as_code(text: str) -> str:
    """Return a displayed value in backticks, but not a list, an object or a placeholder."""
    return text if text[:1] in ("[", "(") else f"`{text}`"


def _value_in_source(found: _VersionedArgument | None, answer: Answer) -> str:
    """Return the value of an argument: azurerm has booleans where Azure has one of two words."""
    if found is not None and found.field.kind == "flag" and isinstance(answer, Scalar) and not answer.sensitive:
        word = str(answer.value).lower()
        booleans = {found.field.words[0].lower(): "true", found.field.words[1].lower(): "false"}
        return booleans.get(word, answer.display())
    return answer.display()


def arguments_of(declared_as: str, path: Path) -> tuple[tuple[str, Field], ...]:
    """Return the azurerm arguments that become the property at ``path``, each with its table entry, newest name first.

    The names of blocks precede those of their arguments, separated by periods.
    """
    mapped = RESOURCES.get(declared_as)
    return () if mapped is None else tuple(_named(mapped.fields, path))


@lru_cache(256)
def _mapped_argument(declared_as: str, path: Path) -> _VersionedArgument | None:
    mapped = RESOURCES.get(declared_as)
    if mapped is None:
        return None
    found = list(_named(mapped.fields, tuple(step for step in path if isinstance(step, str))))
    return _VersionedArgument(*found[0], is_renamed=len(found) > 1) if found else None


def _named(fields: Mapping[str, Field], path: Path) -> Iterator[tuple[str, Field]]:
    """Yield the arguments, also those in blocks, that set the property at ``path``."""
    for name, field in fields.items():
        arm = tuple(field.arm.split(".")) if field.arm else ()
        if path[: len(arm)] == arm:
            if arm == path:
                yield name, field
            for inner, below in _named(field.fields, path[len(arm) :]):
                yield f"{name}.{inner}", below
