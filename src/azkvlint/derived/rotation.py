"""The rotation policy of a key in days: when it rotates, expires and notifies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from math import floor
from typing import TypeAlias

from azkvlint.derived.answers import absent, known
from azkvlint.derived.dates import (
    BEGINS,
    CREATED,
    EXPIRES,
    HSM_KEYS,
    KEYS,
    MADE,
    Moment,
    between,
    expiry,
    midnight,
    start,
)
from azkvlint.derived.registry import Context, derived
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, MapValue, Origin, Path, Scalar, Unknown, Value
from azkvlint.util.lazy_regex import regex
from azkvlint.util.text import pluralize

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

Days: TypeAlias = float | Unknown | None


def duration(answer: Answer) -> Days:
    """Return the days of a duration; None if there is none, Unknown if it is not known or invalid."""
    if isinstance(answer, Absent) or (isinstance(answer, Scalar) and answer.value == ""):
        return None
    days = _days_in(str(answer.value)) if isinstance(answer, Scalar) else None
    if days is None:
        why = f"`{answer.display()}` is not an ISO 8601 duration"
        return answer if isinstance(answer, Unknown) else Unknown(at=answer.at, why=why)
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
