"""Dates of keys and secrets, as days: azurerm writes RFC 3339, Azure Resource Manager seconds since 1970.

How long something is valid or has been used is counted as Azure's built-in policies count it: from its not-before
date, else from the day it was made, which is today for what is about to be made.
Source: learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates, the definitions of the policies
"Keys should have the specified maximum validity period" and "... should not be active for longer than ...", and
learn.microsoft.com/rest/api/keyvault/keyvault/keys/create-if-not-exist.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta

import msgspec

from kvlint.expressions.functions.runtime import MOVES as MOVES_BY_DEPLOYMENT
from kvlint.expressions.terraform.functions.times import MOVES as MOVES_BY_RUN
from kvlint.model.graph import Resource
from kvlint.model.value import Absent, Answer, MapValue, Path, Scalar, Unknown, Value, text_of
from kvlint.readers.derive.attribute import Context, Derived

KEYS = "microsoft.keyvault/vaults/keys"
SECRETS = "microsoft.keyvault/vaults/secrets"
HSM_KEYS = "microsoft.keyvault/managedhsms/keys"
DATED = (KEYS, SECRETS, HSM_KEYS)
_DAY = 86_400
_EPOCH = date(1970, 1, 1)
_ATTRIBUTES: Path = ("properties", "attributes")
EXPIRES, BEGINS, _MADE = (*_ATTRIBUTES, "exp"), (*_ATTRIBUTES, "nbf"), (*_ATTRIBUTES, "created")
# Resources of Terraform's provider "time", which keep a moment in the state.
_KEPT = re.compile(r"\btime_(?:offset|rotating|static)\.")
# What a plan or a what-if result does with what is not there yet.
_MAKES = frozenset({"create", "replace"})


class Moment(msgspec.Struct, frozen=True):
    """A moment in seconds since 1970, and the value that says it."""

    seconds: float
    value: Scalar

    @property
    def day(self) -> str:
        """Its day, for people."""
        return _day(self.seconds)


def moment(answer: Answer) -> Moment | Unknown | None:
    """The moment that a date says; None if there is none, Unknown if it is not known or no date."""
    if isinstance(answer, Absent):
        return None
    if not isinstance(answer, Scalar):
        return answer if isinstance(answer, Unknown) else Unknown(at=answer.at, why="it is no date")
    plain = answer.value
    if isinstance(plain, int | float) and not isinstance(plain, bool):
        return Moment(plain, answer)
    try:
        found = datetime.fromisoformat(str(plain))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        return Unknown(at=answer.at, why="it is no date", sensitive=answer.sensitive)
    return Moment((found - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds(), answer)


def expiry(resource: Resource) -> Moment | Unknown | None:
    """When a key or secret expires."""
    return moment(resource.select(EXPIRES))


def start(resource: Resource, today: date) -> Moment | Unknown:
    """When its validity begins: its not-before date, else the day it is or was made."""
    for path in (BEGINS, _MADE):
        found = moment(resource.select(path))
        if found is not None:
            return found
    if resource.action is None or resource.action in _MAKES:
        note = f"it is made on {today.isoformat()}"
        return Moment(_seconds(today), Scalar(at=resource.at, value=today.isoformat(), note=note))
    return Unknown(at=resource.at, origin="derived", why="when it was made is not known")


def days(number: float, of: Moment, note: str, other: Moment | None = None) -> Scalar:
    """A number of whole days, told at the place of the date that it hangs on."""
    sensitive = of.value.sensitive or (other is not None and other.value.sensitive)
    return Scalar(at=of.value.at, value=int(number // _DAY), origin="derived", note=note, sensitive=sensitive)


def between(first: Moment, last: Moment) -> float:
    """The seconds from one moment to another."""
    return last.seconds - first.seconds


def _seconds(day: date) -> float:
    return (day - _EPOCH).days * _DAY


def _day(seconds: float) -> str:
    """A day for people; a number where no calendar reaches, as for milliseconds taken for seconds."""
    try:
        return (_EPOCH + timedelta(days=seconds // _DAY)).isoformat()
    except OverflowError:
        return f"day {int(seconds // _DAY)} after 1970-01-01"


def _days_left(resource: Resource, context: Context) -> Value | None:
    end = expiry(resource)
    if not isinstance(end, Moment):
        return end
    left = end.seconds - _seconds(context.today)
    # The note must not show a date that must not be shown.
    note = "" if end.value.sensitive else f"it expires on {end.day}, and today is {context.today.isoformat()}"
    return days(left, end, note)


def _valid_days(resource: Resource, context: Context) -> Value | None:
    end = expiry(resource)
    if not isinstance(end, Moment):
        return end
    begin = start(resource, context.today)
    if isinstance(begin, Unknown):
        return begin
    hidden = end.value.sensitive or begin.value.sensitive
    note = "" if hidden else f"it is valid from {begin.day}, and expires on {end.day}"
    return days(between(begin, end), end, note, begin)


def _active_days(resource: Resource, context: Context) -> Value | None:
    if resource.action is None and all(isinstance(resource.select(path), Absent) for path in (BEGINS, _MADE)):
        return Unknown(at=resource.at, origin="derived", why="whether it is there already is not known")
    begin = start(resource, context.today)
    if isinstance(begin, Unknown):
        return begin
    note = "" if begin.value.sensitive else f"it is valid from {begin.day}, and today is {context.today.isoformat()}"
    return days(_seconds(context.today) - begin.seconds, begin, note)


def _moving(resource: Resource, context: Context) -> Value | None:
    """Which of its dates are reckoned from the moment of the run, so that each run gives another one."""
    fields = {
        str(path[-1]): _moves(found, resource)
        for path in (EXPIRES, BEGINS)
        if not isinstance(found := resource.select(path), Absent)
    }
    return MapValue(at=resource.at, fields=fields, origin="derived") if fields else None


def _moves(found: Value, resource: Resource) -> Value:
    if not isinstance(found, Unknown):
        return Scalar(at=found.at, value=False, origin="derived")
    if found.why == MOVES_BY_RUN:
        note = "it is reckoned from the moment of the run"
        return Scalar(at=found.at, value=True, origin="derived", note=note)
    if found.why == MOVES_BY_DEPLOYMENT:
        # A template makes a key only once, and what it says later of one that exists counts for nothing.
        note = "it is reckoned from the moment of the deployment"
        return Scalar(at=found.at, value=resource.type.lower() == SECRETS, origin="derived", note=note)
    if _KEPT.search(text_of(found)) or _KEPT.search(found.why):
        return Scalar(at=found.at, value=False, origin="derived", note="it is kept by a resource of the time provider")
    return found


def _derived(make: Callable[[Resource, Context], Value | None], *paths: Path) -> Derived:
    return Derived(make, dict.fromkeys(DATED, paths))


ATTRIBUTES: Mapping[str, Derived] = {
    "daysLeft": _derived(_days_left, EXPIRES),
    "validDays": _derived(_valid_days, EXPIRES, BEGINS, _MADE),
    "activeDays": _derived(_active_days, BEGINS, _MADE),
    "moving": _derived(_moving, EXPIRES, BEGINS),
}
