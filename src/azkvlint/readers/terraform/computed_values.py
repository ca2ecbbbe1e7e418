"""What is certain of values that a provider computes: the lengths of random strings, and how IDs begin.

Sources: the documentation of hashicorp/random (random_string, random_password, random_uuid, random_id) and, for IDs,
of azurerm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.evaluation.known import of_length
from azkvlint.evaluation.values import Result
from azkvlint.model.value import NOT_EMPTY, NOTHING_KNOWN, Known, Scalar

# The argument with the length of an attribute, and how many characters each of it has; an exact length without one.
_LENGTHS: Mapping[tuple[str, str], tuple[str, int]] = {
    ("random_string", "result"): ("length", 1),
    ("random_string", "id"): ("length", 1),
    ("random_password", "result"): ("length", 1),
    ("random_id", "hex"): ("byte_length", 2),
    ("random_uuid", "result"): ("", 36),
    ("random_uuid", "id"): ("", 36),
}
_IN_SUBSCRIPTION = Known(least=len("/subscriptions/"), starts="/subscriptions/")


def computed_value(type_: str, name: str, argument: Callable[[str], Result | None]) -> Known:
    """Return what is certain of an attribute that a provider computes, by the arguments of its resource."""
    found = _LENGTHS.get((type_, name))
    if found is None:
        return NOTHING_KNOWN
    length, characters = found
    if not length:
        return of_length(characters)
    number = argument(length)
    # A prefix becomes a part of the value.
    if argument("prefix") is not None or not isinstance(number, Scalar) or type(number.value) is not int:
        return NOT_EMPTY
    return of_length(number.value * characters) if number.value > 0 else NOTHING_KNOWN


def computed_id(type_: str) -> Known:
    """Return what is certain of the ID of a resource: what is in a resource group is in a subscription."""
    mapped = RESOURCES.get(type_)
    return _IN_SUBSCRIPTION if mapped is not None and "resource_group_name" in mapped.fields else NOT_EMPTY
