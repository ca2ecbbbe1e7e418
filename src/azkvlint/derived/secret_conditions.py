"""The data actions on secrets that the condition of a role assignment leaves unrestricted."""

from __future__ import annotations

import msgspec

from azkvlint.azure.roles import DATA, SECRET_NAME
from azkvlint.derived.answers import absent, known, known_list, unknown, unknown_as
from azkvlint.derived.assignments import GRANTS, ROLE_NEEDS, operations
from azkvlint.derived.delegation import CONDITION
from azkvlint.derived.permissions import condition_in
from azkvlint.derived.registry import Context, derived
from azkvlint.model.pattern import marked
from azkvlint.model.resource import Resource
from azkvlint.model.value import Answer, Scalar, Unknown, Value

_SECRETS = "Microsoft.KeyVault/vaults/secrets/"
_LISTS = f"{_SECRETS}readMetadata/action"
# A backup contains the value: who has it can restore the secret in another vault of the subscription.
_REVEALS = (f"{_SECRETS}getSecret/action", f"{_SECRETS}backup/action")
_SECRET_ACTIONS = tuple(action for action in DATA if action.startswith(_SECRETS))
_NO_ACTION = "any action on secrets"
# What decides the role of an assignment, and what its conditions allow.
CONDITIONED = {**ROLE_NEEDS, **{type_: (*ROLE_NEEDS[type_], CONDITION) for type_ in GRANTS}}


class _SecretActionLimits(msgspec.Struct, frozen=True):
    """The actions on secrets of a conditional role assignment, and for each whether it certainly has a limit or none.

    ``doubt``: why that is not known of some actions.
    """

    unlimited: tuple[str, ...]
    limited: tuple[str, ...]
    doubt: Unknown | None


def _limits(resource: Resource, context: Context) -> _SecretActionLimits | None:
    """Return what a condition that names Key Vault limits; None without such a condition, or without such actions."""
    condition = resource.select(CONDITION)
    text = condition.text
    is_open = isinstance(condition, Unknown) and not marked(condition.string, "")
    if "microsoft.keyvault/" not in text.lower() and not is_open:
        return None
    found = operations(resource, context)
    items = found.as_items
    actions = [one for one in _SECRET_ACTIONS if any(isinstance(item, Scalar) and item.value == one for item in items)]
    doubt = next((unknown_as(item, "") for item in items if isinstance(item, Unknown)), None)
    if not actions and doubt is None:
        return None
    if is_open:
        return _SecretActionLimits((), (), unknown_as(condition, ""))
    read = condition_in(condition.string)
    truths = {action: read.of_action(action) for action in actions}
    if any(False in truth.possible - truth.certain for truth in truths.values()):
        doubt = unknown_as(condition, "the condition is not supported")
    return _SecretActionLimits(
        unlimited=tuple(action for action, truth in truths.items() if False not in truth.possible),
        limited=tuple(action for action, truth in truths.items() if False in truth.certain),
        doubt=doubt,
    )


@derived("unrestrictedActions", of=GRANTS, label="unrestricted action", reads=CONDITIONED)
def _unrestricted_actions(resource: Resource, context: Context) -> Answer:
    """Return the actions that reveal secrets although the condition restricts others that do.

    The only item is "any action on secrets" if the condition restricts none.
    """
    limits = _limits(resource, context)
    if limits is None:
        return absent(resource)
    at = resource.select(CONDITION)
    text = at.text.lower()
    reveals = [action for action in limits.unlimited if action in _REVEALS]
    items: list[Value] = []
    if limits.doubt is not None:
        items = [limits.doubt]
    elif limits.unlimited and not limits.limited:
        items = [known(at, _NO_ACTION, _NO_ACTION)]
    else:
        others = any(action in _REVEALS for action in limits.limited)
        items = [known(at, action, f"`{action}`") for action in reveals if others or action.lower() in text]
    return known_list(at, items)


@derived("restrictsListing", of=GRANTS, label="restriction of listing secrets", reads=CONDITIONED)
def _restricts_listing(resource: Resource, context: Context) -> Answer:
    """Return whether a condition on the names of secrets denies listing them, which is for no single secret."""
    limits = _limits(resource, context)
    condition = resource.select(CONDITION)
    if limits is not None and limits.doubt is not None and not (limits.limited or limits.unlimited):
        return limits.doubt
    if limits is None or SECRET_NAME not in condition.text.lower():
        return absent(resource)
    if _LISTS not in (*limits.limited, *limits.unlimited):
        return limits.doubt if limits.doubt is not None else absent(resource)
    truth = condition_in(condition.string).of_action(_LISTS, is_listing=True)
    if True in truth.possible and True not in truth.certain:
        return unknown(condition, "the condition is not supported")
    return known(condition, True not in truth.possible)
