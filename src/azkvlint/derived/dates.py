"""Dates of keys and secrets, in days: azurerm writes RFC 3339, Azure Resource Manager seconds since 1970.

Periods of validity and use are counted as in Azure's built-in policies: from the not-before date, else from the
creation date, which is today for objects that are about to be created.
Source: learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates, the definitions of the policies
"Keys should have the specified maximum validity period" and "... should not be active for longer than ...", and
learn.microsoft.com/rest/api/keyvault/keyvault/keys/create-if-not-exist.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from math import floor
from typing import TypeAlias

import msgspec

from azkvlint.derived.registry import Context, absent, derived, known, known_object, or_absent, unknown
from azkvlint.evaluation.values import BY_DEPLOYMENT, BY_RUN
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, MapValue, Origin, Path, Plain, Scalar, Unknown, Value, path_text
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
_NO_DATE = "the value is not a date"
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
        return found if isinstance(found, Unknown) else Unknown(at=found.at, why=_NO_DATE)
    seconds = _seconds(found.value)
    if seconds is None:
        return Unknown(at=found.at, why=_NO_DATE, sensitive=found.sensitive)
    # Values computed from the moment are located at this date.
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


# --- The rotation policy of a key in days: when it rotates, expires and notifies ------------------------------------
# Durations are ISO 8601. A month counts as a twelfth of a year, so that `P12M` and `P1Y` are the same. Source:
# learn.microsoft.com/azure/key-vault/keys/how-to-configure-key-rotation.


POLICIES = f"{HSM_KEYS}/rotationpolicies"
_DURATION = regex(
    r"P(?=.)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?)?",
    re.IGNORECASE | re.ASCII,
)
_DAY = 86_400
_YEAR = 365 * _DAY + _DAY // 4
# The seconds of each part: whole numbers, so that 168 hours are a week to the second.
_IN_SECONDS = (_YEAR, _YEAR // 12, 7 * _DAY, _DAY, 3_600, 60, 1)
# A longer string is not a valid duration.
_LONGEST = 40
_NO_DURATION = "the value is not an ISO 8601 duration"

Days: TypeAlias = float | Unknown | None


def duration(answer: Answer) -> Days:
    """Return the days of a duration; None if there is none, Unknown if it is not known or invalid."""
    if isinstance(answer, Absent) or (isinstance(answer, Scalar) and answer.value == ""):
        return None
    days = _days_in(str(answer.value)) if isinstance(answer, Scalar) else None
    if days is None:
        return answer if isinstance(answer, Unknown) else Unknown(at=answer.at, why=_NO_DURATION)
    return days


@lru_cache(256)
def _days_in(text: str) -> float | None:
    """Return the days of a duration; None for another text. Most keys have one of a few policies."""
    match = _DURATION.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        return None
    parts = zip(match.groups(), _IN_SECONDS, strict=True)
    return sum(int(number or 0) * unit for number, unit in parts) / _DAY


class _Policy:
    """One rotation policy. Each of its times is a number of days, None, or Unknown."""

    def __init__(self, policy: MapValue) -> None:
        self.at = policy.at
        self.lifetime = duration(policy.select(("attributes", "expiryTime")))
        self.after: Days = None
        self.before: Days = None
        # azurerm has a separate argument for it; elsewhere it is an action.
        self.notice = duration(policy.select(("notifyBeforeExpiry",)))
        for action, kind in self._actions(policy.select(("lifetimeActions",))):
            after = duration(action.select(("trigger", "timeAfterCreate")))
            before = duration(action.select(("trigger", "timeBeforeExpiry")))
            if kind == "rotate":
                self.at = action.at
                self.after, self.before = _first(self.after, after), _first(self.before, before)
            elif kind == "notify":
                self.notice = _first(self.notice, before)

    def _actions(self, actions: Answer) -> Iterator[tuple[Value, str]]:
        items = actions.as_items
        for item in items:
            kind = item.select(("action", "type"))
            if isinstance(kind, Scalar):
                yield item, str(kind.value).lower()
            elif isinstance(kind, Unknown):
                # It may rotate, or notify, at any time.
                self.after, self.before, self.notice = kind, kind, _first(self.notice, kind)

    def fields(self, resource: Resource, context: Context) -> Iterator[tuple[str, Value | None]]:
        """Yield the fields that rules can check."""
        lifetime = self.lifetime
        yield "trigger", self._trigger()
        for name, days in (
            ("expiryDays", lifetime),
            ("everyDays", self.after if self.after is not None else _minus(lifetime, self.before)),
            ("leadDays", self.before if self.before is not None else _minus(lifetime, self.after)),
            ("noticeDays", self.notice),
            ("silenceDays", _minus(lifetime, self.notice)),
            ("slackDays", _slack(resource, context, self.after)),
        ):
            yield name, self._days(days, *_NOTES[name])

    def _days(self, days: Days, ahead: str, behind: str) -> Value | None:
        """Return whole days, with a note for each direction."""
        if days is None or isinstance(days, Unknown):
            return days
        whole = floor(days)
        note = (ahead if whole >= 0 else behind).format(pluralize(abs(whole), "day"))
        return known(self.at, whole, note)

    def _trigger(self) -> Value | None:
        for days in (self.after, self.before):
            if isinstance(days, Unknown):
                return days
        if self.after is None and self.before is None:
            return None
        word = _AFTER_CREATION if self.before is None else _BOTH
        if self.after is None:
            if isinstance(self.lifetime, Unknown) and not self.lifetime.is_set:
                return self.lifetime
            word = _BEFORE_UNSET_EXPIRY if self.lifetime is None else _BEFORE_EXPIRY
        note = _TRIGGERS[word]
        if word == _AFTER_CREATION and not isinstance(self.after, Unknown) and self.after is not None:
            note = f"rotation {pluralize(floor(self.after), 'day')} after creation"
        return known(self.at, word, note)


# The notes for a number of days, and for a negative number.
_NOTES = {
    "expiryDays": ("versions expire after {}", ""),
    "everyDays": ("versions are rotated {} after creation", "versions are rotated {} before creation"),
    "leadDays": ("versions are rotated {} before they expire", "versions expire {} before they are rotated"),
    "noticeDays": ("the notification is {} before expiration", ""),
    "silenceDays": ("the notification is {} after creation", "the notification is {} before creation"),
    "slackDays": (
        "the first version is rotated {} before it expires",
        "the first version expires {} before it is rotated",
    ),
}
_BEFORE_EXPIRY, _BEFORE_UNSET_EXPIRY = "before expiry", "before unset expiry"
_AFTER_CREATION, _BOTH = "after creation", "both"
_TRIGGERS = {
    _BEFORE_EXPIRY: "rotation before expiry",
    _BEFORE_UNSET_EXPIRY: "rotation before expiry, but no expiry time is set",
    _AFTER_CREATION: "rotation after creation",
    _BOTH: "two triggers: after creation and before expiry",
}


def _first(one: Days, other: Days) -> Days:
    return other if one is None else one


def _minus(one: Days, other: Days) -> Days:
    if one is None or other is None:
        return None
    if isinstance(one, Unknown):
        return one
    return other if isinstance(other, Unknown) else one - other


def _slack(resource: Resource, context: Context, after: Days) -> Days:
    """Return the days between the rotation and the expiration date of the key version that the resource describes."""
    end = expiry(resource)
    if not isinstance(end, Moment):
        return None if after is None else end
    begin = start(resource, context.today, MADE)
    if isinstance(begin, Moment):
        return _minus(between(begin, end), after)
    # If it was created long ago, it may have been rotated already, and had even more time.
    least = _minus(between(midnight(context.today, resource), end), after)
    return begin if isinstance(least, float) and least < 0 else least


# Besides the policy, the property names in it: templates may write them in different case.
_OF_POLICY: tuple[Path, ...] = (
    (),
    ("attributes", "expiryTime"),
    ("lifetimeActions", "action", "type"),
    ("lifetimeActions", "trigger", "timeAfterCreate"),
    ("lifetimeActions", "trigger", "timeBeforeExpiry"),
)
_OF_KEY: tuple[Path, ...] = (
    *(("properties", "rotationPolicy", *path) for path in _OF_POLICY),
    EXPIRES,
    BEGINS,
    CREATED,
)


@derived(
    "rotation",
    of=(KEYS, HSM_KEYS, POLICIES),
    label="rotation policy",
    reads={KEYS: _OF_KEY, HSM_KEYS: _OF_KEY, POLICIES: (("properties",),)},
    local_only=True,
)
def _rotation(resource: Resource, context: Context) -> Answer:
    path = ("properties",) if resource.type.lower() == POLICIES else ("properties", "rotationPolicy")
    policy = resource.select(path)
    if isinstance(policy, Unknown):
        return policy
    if not isinstance(policy, MapValue):
        return absent(resource)
    found = dict(_Policy(policy).fields(resource, context))
    fields = {name: value for name, value in found.items() if value is not None}
    return MapValue(at=policy.at, fields=fields, rest=policy.rest, origin=Origin.DERIVED)


# --- Managed storage accounts: storage account keys that a vault regenerates ----------------------------------------
# Source: learn.microsoft.com/azure/key-vault/secrets/overview-storage-keys.


STORAGE = "microsoft.keyvault/vaults/storage"
_PERIOD: Path = ("properties", "regenerationPeriod")


@derived("regenerationDays", of=STORAGE, label="regeneration period", reads=(_PERIOD,))
def _regeneration_days(resource: Resource, _: Context) -> Answer:
    """Return the days after which a key is regenerated."""
    period = resource.select(_PERIOD)
    days = duration(period)
    if days is None or isinstance(days, Unknown):
        return or_absent(days, resource)
    return known(period, int(days) if days.is_integer() else days)
