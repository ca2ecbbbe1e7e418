"""The categories of the activity log that the diagnostic settings of a subscription export together.

Source: learn.microsoft.com/azure/azure-monitor/platform/activity-log-schema (the categories) and
.../platform/diagnostic-settings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from azkvlint.derived.alerts import SETTINGS, is_enabled
from azkvlint.derived.assignments import SCOPE, SCOPE_NEEDS, level_of
from azkvlint.derived.companions import Sure, elsewhere, is_one_of, items_of
from azkvlint.derived.registry import Context, absent, derived, known, known_list, unknown
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Link, Path, Scalar, Unknown, Value, select, text_of

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

    def same_subscription(self, other: _Export) -> Sure:
        """Return whether another setting exports the log of the same subscription."""
        scopes = self.scope, other.scope
        keys = [one.target if isinstance(one, Link) else text_of(one).lower() for one in scopes]
        if other.certain and keys[0] and keys[0] == keys[1]:
            return Sure.YES if other.setting.exists_with(self.setting) else Sure.PERHAPS
        return Sure.NO if all(isinstance(one, Scalar) for one in scopes) else Sure.PERHAPS


@derived(
    "activityCategories",
    of=SETTINGS,
    label="exported category of the activity log",
    reads={SETTINGS: (SCOPE, _LOGS), **SCOPE_NEEDS},
)
def _activity_categories(resource: Resource, context: Context) -> Answer:
    """Return the categories that all settings of a subscription export; only the first of them has the attribute."""
    exports = _activity_exports(context)
    own = next((one for one in exports if one.setting.address == resource.address), None)
    if own is None:
        return absent(resource)
    found: dict[str, Sure] = {}
    for number, one in enumerate(exports):
        same = Sure.YES if one is own else own.same_subscription(one)
        if same is Sure.YES and number < exports.index(own):
            return absent(resource)
        for category, sure in one.categories.items():
            found[category] = max(min(same, sure), found.get(category, Sure.NO))
    certain = [category for category in _ACTIVITY if found.get(category) is Sure.YES]
    items: list[Value] = [known(resource, category) for category in certain]
    if Sure.PERHAPS in found.values():
        items.append(unknown(resource, "the exported categories of the activity log are not known"))
    elif not context.has_all_companions(resource):
        items.append(unknown(resource, elsewhere(resource, SETTINGS)))
    exported = ", ".join(f"`{category}`" for category in certain)
    return known_list(resource, items, f"only {exported}" if exported else "no category")


def _activity_exports(context: Context) -> list[_Export]:
    """Return the settings that may export the activity log of a subscription, computed once per graph."""
    found: list[_Export] | None = context.cache.get("activity exports")
    if found is None:
        found = context.cache["activity exports"] = []
        for setting in context.index.of_type(SETTINGS):
            scope = setting.select(SCOPE)
            if not setting.stays or isinstance(scope, Absent):
                continue
            level = level_of(scope, context.index)
            is_subscription = isinstance(level, Scalar) and level.value == "subscription"
            names = {str(one.value).lower() for one in _written_categories(setting)}
            # Resources and subscriptions have no category in common.
            if is_subscription or (isinstance(level, Unknown) and names <= _ACTIVITY_NAMES):
                found.append(_Export(setting, scope, is_subscription, _exported_categories(setting)))
    return found


def _written_categories(setting: Resource) -> Iterator[Scalar]:
    for log in items_of(setting.select(_LOGS)):
        category = select(log, ("category",))
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
        category: max((_exports(log, category) for log in items_of(logs)), default=Sure.NO) for category in _ACTIVITY
    }


def _exports(log: Value, category: str) -> Sure:
    group = select(log, ("categoryGroup",))
    # The documentation does not state which categories of the activity log the group audit contains.
    in_group = max(is_one_of(group, "allLogs"), min(is_one_of(group, "audit"), Sure.PERHAPS))
    return min(is_enabled(log), max(is_one_of(select(log, ("category",)), category), in_group))
