"""The categories of the activity log that the diagnostic settings of a subscription export together.

Source: learn.microsoft.com/azure/azure-monitor/platform/activity-log-schema (the categories) and
.../platform/diagnostic-settings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import msgspec

from azkvlint.derived.alerts import SETTINGS, is_enabled
from azkvlint.derived.answers import absent, known, known_list, unknown
from azkvlint.derived.assignments import SCOPE, SCOPE_NEEDS, level_of
from azkvlint.derived.companions import Sure, elsewhere, is_one_of
from azkvlint.derived.registry import Context, derived
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Link, Path, Scalar, Unknown, Value

_LOGS: Path = ("properties", "logs")
_ACTIVITY = (
    "Administrative", "Security", "ServiceHealth", "Alert", "Recommendation", "Policy", "Autoscale", "ResourceHealth",
)  # fmt: skip
_ACTIVITY_NAMES = frozenset(map(str.lower, _ACTIVITY))


class _Export(msgspec.Struct, frozen=True):
    """A setting that certainly or possibly exports the activity log of a subscription, and the categories."""

    setting: Resource
    scope: Value
    certain: bool
    categories: Mapping[str, Sure]

    @property
    def key(self) -> str:
        """Return the target or text of the scope, the same for one subscription; "" if neither is known."""
        return self.scope.target if isinstance(self.scope, Link) else self.scope.text.lower()

    @property
    def possible(self) -> list[str]:
        """Return the categories that it may export."""
        return [category for category, sure in self.categories.items() if sure is not Sure.NO]


class _Exports:
    """The exports of a graph. ``certain`` are those of a subscription, by key, with their numbers among all.

    ``possible`` counts by category the exports that may have it, ``loose`` those whose scope may be any subscription.
    """

    def __init__(self, exports: list[_Export]) -> None:
        self.by_address = {one.setting.address: (number, one) for number, one in enumerate(exports)}
        self.certain: dict[str, list[tuple[int, _Export]]] = {}
        self.possible, self.loose = Counter[str](), Counter[str]()
        for number, one in enumerate(exports):
            if one.certain and one.key:
                self.certain.setdefault(one.key, []).append((number, one))
            self.possible.update(one.possible)
            if not isinstance(one.scope, Scalar):
                self.loose.update(one.possible)

    def categories_with(self, own: _Export, number: int) -> dict[str, Sure] | None:
        """Return what all settings of one subscription export; None if another setting comes before ``own``."""
        found = dict(own.categories)
        same = [one for one in self.certain.get(own.key, ()) if one[1] is not own]
        for position, one in same:
            is_same = one.setting.exists_with(own.setting)
            if is_same and position < number:
                return None
            for category, sure in one.categories.items():
                sure_here = sure if is_same else min(sure, Sure.PERHAPS)
                found[category] = max(sure_here, found.get(category, Sure.NO))
        is_scalar = isinstance(own.scope, Scalar)
        others = Counter(self.loose if is_scalar else self.possible)
        for one in (own, *(one for _, one in same)):
            if not is_scalar or not isinstance(one.scope, Scalar):
                others.subtract(one.possible)
        for category, number_of_others in others.items():
            if number_of_others > 0:
                found[category] = max(Sure.PERHAPS, found.get(category, Sure.NO))
        return found


@derived(
    "activityCategories",
    of=SETTINGS,
    label="exported category of the activity log",
    reads={SETTINGS: (SCOPE, _LOGS), **SCOPE_NEEDS},
)
def _activity_categories(resource: Resource, context: Context) -> Answer:
    """Return the categories that all settings of a subscription export; only the first of them has the attribute."""
    exports = _activity_exports(context)
    number, own = exports.by_address.get(resource.address, (0, None))
    found = None if own is None else exports.categories_with(own, number)
    if found is None:
        return absent(resource)
    certain = [category for category in _ACTIVITY if found.get(category) is Sure.YES]
    items: list[Value] = [known(resource, category) for category in certain]
    if Sure.PERHAPS in found.values():
        items.append(unknown(resource, _doubt(resource)))
    elif not context.has_all_companions(resource):
        items.append(unknown(resource, elsewhere(resource, SETTINGS)))
    exported = ", ".join(f"`{category}`" for category in certain)
    return known_list(resource, items, f"only {exported}" if exported else "no category")


def _doubt(setting: Resource) -> str:
    """Return why a category may be exported: a value of the setting is unknown, or another one may export it."""
    logs = setting.select(_LOGS).as_items
    values = (*logs, *(log.select((name,)) for log in logs for name in ("category", "categoryGroup", "enabled")))
    own = next((one.why for one in (*values, setting.select(SCOPE)) if isinstance(one, Unknown)), None)
    return own or "another diagnostic setting may be for the same subscription"


def _activity_exports(context: Context) -> _Exports:
    """Return the settings that may export the activity log of a subscription, computed once per graph."""
    found: _Exports | None = context.cache.get("activity exports")
    if found is None:
        found = context.cache["activity exports"] = _Exports([*_exports_in(context)])
    return found


def _exports_in(context: Context) -> Iterator[_Export]:
    for setting in context.index.of_type(SETTINGS):
        scope = setting.select(SCOPE)
        if not setting.stays or isinstance(scope, Absent):
            continue
        level = level_of(scope, context.index)
        is_subscription = isinstance(level, Scalar) and level.value == "subscription"
        names = {str(one.value).lower() for one in _written_categories(setting)}
        # Resources and subscriptions have no category in common.
        if is_subscription or (isinstance(level, Unknown) and names <= _ACTIVITY_NAMES):
            yield _Export(setting, scope, is_subscription, _exported_categories(setting))


def _written_categories(setting: Resource) -> Iterator[Scalar]:
    for log in setting.select(_LOGS).as_items:
        category = log.select(("category",))
        if isinstance(category, Scalar):
            yield category


def _exported_categories(setting: Resource) -> Mapping[str, Sure]:
    """Return whether a diagnostic setting exports each category of the activity log.

    Azure rejects a setting without a destination, so that one is set where the setting is deployed.
    """
    logs = setting.select(_LOGS)
    if isinstance(logs, Unknown):
        return dict.fromkeys(_ACTIVITY, Sure.PERHAPS)
    return {
        category: max((_exports(log, category) for log in logs.as_items), default=Sure.NO) for category in _ACTIVITY
    }


def _exports(log: Value, category: str) -> Sure:
    group = log.select(("categoryGroup",))
    # The documentation does not state which categories of the activity log the group audit contains.
    in_group = max(is_one_of(group, "allLogs"), min(is_one_of(group, "audit"), Sure.PERHAPS))
    return min(is_enabled(log), max(is_one_of(log.select(("category",)), category), in_group))
