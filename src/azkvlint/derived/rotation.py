"""What the rotation policy of a key amounts to, in days: when it rotates, expires and notifies.

Durations are ISO 8601. A month is reckoned as a twelfth of a year, so that `P12M` and `P1Y` are the same.
Source: learn.microsoft.com/azure/key-vault/keys/how-to-configure-key-rotation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import floor
from typing import TypeAlias

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
from azkvlint.derived.registry import Context, absent, derived, known
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, ListValue, MapValue, Origin, Path, Scalar, Unknown, Value, select
from azkvlint.util.lazy_regex import regex

POLICIES = f"{HSM_KEYS}/rotationpolicies"
_DURATION = regex(
    r"P(?=.)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?)?",
    re.IGNORECASE | re.ASCII,
)
_DAY = 86_400
_YEAR = 365 * _DAY + _DAY // 4
# The seconds of each part: whole numbers, so that 168 hours are a week to the second.
_IN_SECONDS = (_YEAR, _YEAR // 12, 7 * _DAY, _DAY, 3_600, 60, 1)
# No duration of more digits than this is meant.
_LONGEST = 40

Days: TypeAlias = float | Unknown | None


def duration(answer: Answer) -> Days:
    """The days of a duration; None if there is none, Unknown if it is not known or no duration."""
    if isinstance(answer, Absent) or (isinstance(answer, Scalar) and answer.value == ""):
        return None
    text = str(answer.value) if isinstance(answer, Scalar) else ""
    match = _DURATION.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        return answer if isinstance(answer, Unknown) else Unknown(at=answer.at, why="it is no duration")
    parts = zip(match.groups(), _IN_SECONDS, strict=True)
    return sum(int(number or 0) * unit for number, unit in parts) / _DAY


class _Policy:
    """One rotation policy. Each of its times is a number of days, None, or Unknown."""

    def __init__(self, policy: MapValue) -> None:
        self.at = policy.at
        self.lifetime = duration(select(policy, ("attributes", "expiryTime")))
        self.after: Days = None
        self.before: Days = None
        # azurerm has an argument of its own for it; elsewhere it is an action.
        self.notice = duration(select(policy, ("notifyBeforeExpiry",)))
        for action, kind in self._actions(select(policy, ("lifetimeActions",))):
            after = duration(select(action, ("trigger", "timeAfterCreate")))
            before = duration(select(action, ("trigger", "timeBeforeExpiry")))
            if kind == "rotate":
                self.at = action.at
                self.after, self.before = _first(self.after, after), _first(self.before, before)
            elif kind == "notify":
                self.notice = _first(self.notice, before)

    def _actions(self, actions: Answer) -> Iterator[tuple[Value, str]]:
        items = actions.items if isinstance(actions, ListValue) else () if isinstance(actions, Absent) else (actions,)
        for item in items:
            kind = select(item, ("action", "type"))
            if isinstance(kind, Scalar):
                yield item, str(kind.value).lower()
            elif isinstance(kind, Unknown):
                # It may rotate, or notify, at any time.
                self.after, self.before, self.notice = kind, kind, _first(self.notice, kind)

    def fields(self, resource: Resource, context: Context) -> Iterator[tuple[str, Value | None]]:
        """What a rule can ask of it."""
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
            yield name, self._told(days, *_NOTES[name])

    def _told(self, days: Days, ahead: str, behind: str) -> Value | None:
        """Whole days, with a note for each direction."""
        if days is None or isinstance(days, Unknown):
            return days
        whole = floor(days)
        note = (ahead if whole >= 0 else behind).format(abs(whole))
        return known(self.at, whole, note)

    def _trigger(self) -> Value | None:
        for days in (self.after, self.before):
            if isinstance(days, Unknown):
                return days
        if self.after is None and self.before is None:
            return None
        word = "before-expiry" if self.after is None else "after-creation" if self.before is None else "both"
        return known(self.at, word, _TRIGGERS[word])


# What a number of days says, and what one below zero says.
_NOTES = {
    "expiryDays": ("its versions expire after {} days", ""),
    "everyDays": ("a version is rotated {} days after it is made", "a version is rotated {} days before it is made"),
    "leadDays": ("a version is rotated {} days before it expires", "a version expires {} days before it is rotated"),
    "noticeDays": ("it notifies {} days before a version expires", ""),
    "silenceDays": ("it notifies {} days after a version is made", "it notifies {} days before a version is made"),
    "slackDays": (
        "its first version is rotated {} days before it expires",
        "its first version expires {} days before it is rotated",
    ),
}
_TRIGGERS = {
    "before-expiry": "it rotates some time before an expiry that it does not set",
    "after-creation": "it rotates some time after creation",
    "both": "it rotates both some time after creation and some time before expiry",
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
    """How long before its own expiry the version is rotated that the resource itself describes."""
    end = expiry(resource)
    if not isinstance(end, Moment):
        return None if after is None else end
    begin = start(resource, context.today, MADE)
    if isinstance(begin, Moment):
        return _minus(between(begin, end), after)
    # If it was made long ago, so that it may have been rotated already, it had even more time.
    least = _minus(between(midnight(context.today, resource), end), after)
    return begin if isinstance(least, float) and least < 0 else least


# Besides the whole, the names in it: templates may write them in other letters.
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
