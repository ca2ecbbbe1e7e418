"""Dates of keys and secrets, as days: azurerm writes RFC 3339, Azure Resource Manager seconds since 1970.

How long something is valid or has been used is counted as Azure's built-in policies count it: from its not-before
date, else from the day it was made, which is today for what is about to be made.
Source: learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates, the definitions of the policies
"Keys should have the specified maximum validity period" and "... should not be active for longer than ...", and
learn.microsoft.com/rest/api/keyvault/keyvault/keys/create-if-not-exist.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from math import floor

import msgspec

from azkvlint.derived.registry import Context, absent, derived, known, known_object, or_absent, unknown
from azkvlint.evaluation.values import BY_DEPLOYMENT, BY_RUN
from azkvlint.model.resource import Resource
from azkvlint.model.value import (
    Absent,
    Answer,
    Path,
    Plain,
    Scalar,
    Unknown,
    Value,
    path_text,
    text_of,
)
from azkvlint.util.lazy_regex import regex

KEYS = "microsoft.keyvault/vaults/keys"
SECRETS = "microsoft.keyvault/vaults/secrets"
HSM_KEYS = "microsoft.keyvault/managedhsms/keys"
DATED = (KEYS, SECRETS, HSM_KEYS)
DAY = 86_400
_EPOCH = date(1970, 1, 1)
_ATTRIBUTES: Path = ("properties", "attributes")
EXPIRES, BEGINS, CREATED = (*_ATTRIBUTES, "exp"), (*_ATTRIBUTES, "nbf"), (*_ATTRIBUTES, "created")
# Resources of Terraform's provider "time", which keep a moment in the state.
_KEPT = regex(r"\btime_(?:offset|rotating|static)\.")
# What a plan or a what-if result does with what is not there yet. Source alone is judged as if nothing was there.
MADE: frozenset[str | None] = frozenset({"create", "replace"})
_NEW = MADE | {None}


class Moment(msgspec.Struct, frozen=True):
    """A moment in seconds since 1970, and the value that says it."""

    seconds: float
    value: Scalar

    @property
    def day(self) -> str:
        """Its day, for people."""
        return _day(self.seconds)


def moment(resource: Resource, path: Path) -> Moment | Unknown | None:
    """The moment that a date says; None if there is none, Unknown if it is not known or no date."""
    found = resource.select(path)
    if isinstance(found, Absent):
        return None
    if not isinstance(found, Scalar):
        return found if isinstance(found, Unknown) else Unknown(at=found.at, why="it is no date")
    seconds = _seconds(found.value)
    if seconds is None:
        return Unknown(at=found.at, why="it is no date", sensitive=found.sensitive)
    # Whatever is reckoned from it is told as this date.
    at = msgspec.structs.replace(found.at, attribute=path_text(path))
    return Moment(seconds, msgspec.structs.replace(found, at=at))


def _seconds(plain: Plain) -> float | None:
    if isinstance(plain, int | float):
        return None if isinstance(plain, bool) else plain
    try:
        found = datetime.fromisoformat(plain)
    except ValueError:
        return None
    return None if found.tzinfo is None else (found - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()


def expiry(resource: Resource) -> Moment | Unknown | None:
    """When a key or secret expires."""
    return moment(resource, EXPIRES)


def start(resource: Resource, today: date, new: frozenset[str | None]) -> Moment | Unknown:
    """When its validity begins: at its not-before date, else when it was made: today, for actions in ``new``."""
    for path in (BEGINS, CREATED):
        found = moment(resource, path)
        if found is not None:
            return found
    if resource.action in new:
        return midnight(today, resource)
    return unknown(resource, "when it was made is not known")


def midnight(day: date, of: Resource) -> Moment:
    """When a day begins, told at the head of a resource."""
    return Moment((day - _EPOCH).days * DAY, Scalar(at=of.at, value=day.isoformat()))


def between(first: Moment, last: Moment) -> float:
    """The days from one moment to another."""
    return (last.seconds - first.seconds) / DAY


def _told(note: str, first: Moment, last: Moment, of: Moment) -> Scalar:
    """The whole days from one moment to another, told where the one is written that they hang on."""
    sensitive = first.value.sensitive or last.value.sensitive
    # What must not be shown stands in no note either.
    note = "" if sensitive else note.format(first=first.day, last=last.day)
    number = floor(between(first, last))
    return known(of.value, number, note, sensitive=sensitive)


def _day(seconds: float) -> str:
    """A day for people; a number where no calendar reaches, as for milliseconds taken for seconds."""
    try:
        return (_EPOCH + timedelta(days=seconds // DAY)).isoformat()
    except OverflowError:
        return f"day {int(seconds // DAY)} after 1970-01-01"


@derived("daysLeft", of=DATED, label="days until expiry", reads=dict.fromkeys(DATED, (EXPIRES,)), local_only=True)
def _days_left(resource: Resource, context: Context) -> Answer:
    end = expiry(resource)
    if not isinstance(end, Moment):
        return or_absent(end, resource)
    return _told("it expires on {last}, and today is {first}", midnight(context.today, resource), end, end)


@derived("expiryYear", of=DATED, label="year of expiry", reads=dict.fromkeys(DATED, (EXPIRES,)), local_only=True)
def _expiry_year(resource: Resource, _: Context) -> Answer:
    """The year in which it expires; None if it never does."""
    end = expiry(resource)
    if not isinstance(end, Moment):
        return or_absent(end, resource)
    note = "" if end.value.sensitive else f"it expires on {end.day}"
    try:
        year = (_EPOCH + timedelta(days=end.seconds // DAY)).year
    except OverflowError:
        # No calendar reaches there, as for milliseconds taken for seconds.
        year = date.max.year if end.seconds > 0 else date.min.year
    return known(end.value, year, note, sensitive=end.value.sensitive)


@derived(
    "validDays",
    of=DATED,
    label="validity period",
    reads=dict.fromkeys(
        DATED,
        (
            EXPIRES,
            BEGINS,
            CREATED,
        ),
    ),
    local_only=True,
)
def _valid_days(resource: Resource, context: Context) -> Answer:
    end = expiry(resource)
    if not isinstance(end, Moment):
        return or_absent(end, resource)
    begin = start(resource, context.today, _NEW)
    if isinstance(begin, Unknown):
        return begin
    note = "it is made today, {first}" if _is_undated(resource) else "it is valid from {first}"
    return _told(f"{note}, and expires on {{last}}", begin, end, end)


@derived(
    "leastValidDays",
    of=DATED,
    label="minimum validity period",
    reads=dict.fromkeys(
        DATED,
        (
            EXPIRES,
            BEGINS,
            CREATED,
        ),
    ),
    local_only=True,
)
def _least_valid_days(resource: Resource, context: Context) -> Answer:
    """The same where nobody knows when it was made: it cannot have been later than today."""
    found = _valid_days(resource, context)
    end = expiry(resource)
    if not isinstance(found, Unknown) or not isinstance(end, Moment) or not _is_undated(resource):
        return found
    note = "it is there today, {first}, and expires on {last}"
    return _told(note, midnight(context.today, resource), end, end)


def _is_undated(resource: Resource) -> bool:
    """Whether nothing is written of when its validity begins."""
    return all(isinstance(resource.select(path), Absent) for path in (BEGINS, CREATED))


@derived(
    "activeDays",
    of=DATED,
    label="days in use",
    reads=dict.fromkeys(
        DATED,
        (
            BEGINS,
            CREATED,
        ),
    ),
    local_only=True,
)
def _active_days(resource: Resource, context: Context) -> Answer:
    begin = start(resource, context.today, MADE)
    if isinstance(begin, Unknown):
        return begin
    return _told("it is valid from {first}, and today is {last}", begin, midnight(context.today, resource), begin)


@derived(
    "moving",
    of=DATED,
    label="dates that change with every run",
    reads=dict.fromkeys(
        DATED,
        (
            EXPIRES,
            BEGINS,
        ),
    ),
    local_only=True,
)
def _moving(resource: Resource, _: Context) -> Answer:
    """Which of its dates are reckoned from the moment of the run, so that each run gives another one."""
    fields = {
        str(path[-1]): _moves(found, resource)
        for path in (EXPIRES, BEGINS)
        if not isinstance(found := resource.select(path), Absent)
    }
    return known_object(resource, fields) if fields else absent(resource)


def _moves(found: Value, resource: Resource) -> Value:
    if not isinstance(found, Unknown):
        return known(found, False)
    if found.why == BY_RUN:
        note = "it is reckoned from the moment of the run"
        return known(found, True, note)
    if found.why == BY_DEPLOYMENT:
        # A template makes a key only once, and what it says later of one that exists counts for nothing.
        note = "it is reckoned from the moment of the deployment"
        return known(found, resource.type.lower() == SECRETS, note)
    if _KEPT.search(text_of(found)) or _KEPT.search(found.why):
        return known(found, False, "it is kept by a resource of the time provider")
    return found
