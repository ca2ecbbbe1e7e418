"""Dates of keys and secrets, in days: azurerm writes RFC 3339, Azure Resource Manager seconds since 1970.

Periods of validity and use are counted as in Azure's built-in policies: from the not-before date, else from the
creation date, which is today for objects that are about to be created.
Source: learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates, the definitions of the policies
"Keys should have the specified maximum validity period" and "... should not be active for longer than ...", and
learn.microsoft.com/rest/api/keyvault/keyvault/keys/create-if-not-exist.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from math import floor

import msgspec

from azkvlint.derived.answers import absent, at_attribute, known, known_object, or_absent, unknown
from azkvlint.derived.registry import Context, derived
from azkvlint.evaluation.values import BY_DEPLOYMENT, BY_RUN
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Path, Plain, Scalar, Unknown, Value
from azkvlint.util.lazy_regex import regex
from azkvlint.util.text import pluralize

KEYS = "microsoft.keyvault/vaults/keys"
SECRETS = "microsoft.keyvault/vaults/secrets"
HSM_KEYS = "microsoft.keyvault/managedhsms/keys"
DATED = (KEYS, SECRETS, HSM_KEYS)
DAY = 86_400
_EPOCH = date(1970, 1, 1)
_ATTRIBUTES: Path = ("properties", "attributes")
EXPIRES, BEGINS, CREATED = (*_ATTRIBUTES, "exp"), (*_ATTRIBUTES, "nbf"), (*_ATTRIBUTES, "created")
# Resources of Terraform's provider "time", which keep a timestamp in the state.
_KEPT = regex(r"\btime_(?:offset|rotating|static)\.")
# The actions with which a plan or what-if result creates an object. Source alone is checked as if nothing existed.
MADE: frozenset[str | None] = frozenset({"create", "replace"})
_NEW = MADE | {None}


class Moment(msgspec.Struct, frozen=True):
    """A point in time in seconds since 1970, and the value that states it."""

    seconds: float
    value: Scalar

    @property
    def day(self) -> str:
        """Return the day as a string for messages."""
        return _day(self.seconds)


def moment(resource: Resource, path: Path) -> Moment | Unknown | None:
    """Return the moment of a date; None if there is no date, Unknown if it is not known or invalid."""
    found = resource.select(path)
    if isinstance(found, Absent):
        return None
    if not isinstance(found, Scalar):
        return found if isinstance(found, Unknown) else Unknown(at=found.at, why="the date is a list or an object")
    seconds = _seconds(found.value)
    if seconds is None:
        return Unknown(at=found.at, why=f"`{found.display()}` is not a date", sensitive=found.sensitive)
    # Values computed from the moment are located at this date.
    at = at_attribute(found, path)
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
    """Return the expiration date of a key or secret."""
    return moment(resource, EXPIRES)


def start(resource: Resource, today: date, new: frozenset[str | None]) -> Moment | Unknown:
    """Return the start of the validity: the not-before date, else the creation date (today for actions in ``new``)."""
    for path in (BEGINS, CREATED):
        found = moment(resource, path)
        if found is not None:
            return found
    if resource.action in new:
        return midnight(today, resource)
    return unknown(resource, "the creation date is not known")


def midnight(day: date, of: Resource) -> Moment:
    """Return the start of a day, located at a resource."""
    return Moment((day - _EPOCH).days * DAY, Scalar(at=of.at, value=day.isoformat()))


def between(first: Moment, last: Moment) -> float:
    """Return the days from one moment to another."""
    return (last.seconds - first.seconds) / DAY


def _whole_days(note: str, first: Moment, last: Moment, of: Moment) -> Scalar:
    """Return the whole days from one moment to another, located at ``of``."""
    sensitive = first.value.sensitive or last.value.sensitive
    # A sensitive date must not appear in a note either.
    note = "" if sensitive or not note else note.format(first=first.day, last=last.day)
    number = floor(between(first, last))
    return known(of.value, number, note, sensitive=sensitive)


def _day(seconds: float) -> str:
    """Return a day for messages, which may be outside the calendar, as for milliseconds used in place of seconds."""
    try:
        return (_EPOCH + timedelta(days=seconds // DAY)).isoformat()
    except OverflowError:
        return "a date after the year 9999" if seconds > 0 else "a date before the year 1"


@derived("daysLeft", of=DATED, label="number of days until expiration", reads=(EXPIRES,), local_only=True)
def _days_left(resource: Resource, context: Context) -> Answer:
    end = expiry(resource)
    if not isinstance(end, Moment):
        return or_absent(end, resource)
    found = _whole_days("", midnight(context.today, resource), end, end)
    days = int(found.value)
    # A sensitive date must not appear in a note either.
    hidden = "has expired" if days < 0 else ""
    return msgspec.structs.replace(found, note=hidden if end.value.sensitive else expiry_note(end.day, days))


def expiry_note(day: str, days: int) -> str:
    """Return the day on which an object expires, and the number of days until then, as a predicate."""
    if days < 0:
        return f"expired on {day} ({pluralize(-days, 'day')} ago)"
    when = f"in {pluralize(days, 'day')}" if days else "today"
    return f"expires on {day} ({when})"


@derived("expiryYear", of=DATED, label="year of expiration", reads=(EXPIRES,), local_only=True)
def _expiry_year(resource: Resource, _: Context) -> Answer:
    """Return the year in which an object expires; absent if it never expires."""
    end = expiry(resource)
    if not isinstance(end, Moment):
        return or_absent(end, resource)
    note = "" if end.value.sensitive else f"expires on {end.day}"
    try:
        year = (_EPOCH + timedelta(days=end.seconds // DAY)).year
    except OverflowError:
        # Outside the calendar, as for milliseconds used in place of seconds.
        year = date.max.year if end.seconds > 0 else date.min.year
    return known(end.value, year, note, sensitive=end.value.sensitive)


@derived("validDays", of=DATED, label="validity period", reads=(EXPIRES, BEGINS, CREATED), local_only=True)
def _valid_days(resource: Resource, context: Context) -> Answer:
    end = expiry(resource)
    if not isinstance(end, Moment):
        return or_absent(end, resource)
    begin = start(resource, context.today, _NEW)
    if isinstance(begin, Unknown):
        return begin
    note = "created on {first}, expires on {last}" if _is_undated(resource) else "valid from {first} to {last}"
    return _whole_days(note, begin, end, end)


@derived(
    "daysFromNotBefore",
    of=DATED,
    label="period from the not-before date to the expiration date",
    reads=(EXPIRES, BEGINS),
    local_only=True,
)
def _days_from_not_before(resource: Resource, _: Context) -> Answer:
    end, begin = expiry(resource), moment(resource, BEGINS)
    if end is None or begin is None:
        return absent(resource)
    if isinstance(end, Unknown):
        return end
    if isinstance(begin, Unknown):
        return begin
    found = _whole_days("expires on {last}, before its not-before date {first}", begin, end, end)
    return found if found.note else msgspec.structs.replace(found, note="expires before its not-before date")


@derived("leastValidDays", of=DATED, label="minimum validity period", reads=(EXPIRES, BEGINS, CREATED), local_only=True)
def _least_valid_days(resource: Resource, context: Context) -> Answer:
    """Return the validity period, or the minimum if the creation date is not known: it cannot be later than today."""
    found = _valid_days(resource, context)
    end = expiry(resource)
    if not isinstance(found, Unknown) or not isinstance(end, Moment) or not _is_undated(resource):
        return found
    note = "exists on {first}, expires on {last}"
    return _whole_days(note, midnight(context.today, resource), end, end)


def _is_undated(resource: Resource) -> bool:
    """Return whether no not-before date is written."""
    return all(isinstance(resource.select(path), Absent) for path in (BEGINS, CREATED))


@derived("activeDays", of=DATED, label="period of use", reads=(BEGINS, CREATED), local_only=True)
def _active_days(resource: Resource, context: Context) -> Answer:
    begin = start(resource, context.today, MADE)
    if isinstance(begin, Unknown):
        return begin
    return _whole_days("active since {first}", begin, midnight(context.today, resource), begin)


@derived("moving", of=DATED, label="date computed from the current time", reads=(EXPIRES, BEGINS), local_only=True)
def _moving(resource: Resource, _: Context) -> Answer:
    """Return the dates that are computed from the current time, so that they change with every run."""
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
        return known(found, True, "computed from the current time at each plan")
    if found.why == BY_DEPLOYMENT:
        # A template creates a key only once; later changes to an existing key have no effect.
        note = "computed from `utcNow()` at each deployment"
        return known(found, resource.type.lower() == SECRETS, note)
    if _KEPT.search(found.text) or _KEPT.search(found.why):
        return known(found, False, "stored in the state by the time provider")
    return found
