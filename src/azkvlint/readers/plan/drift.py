"""Settings that were changed outside Terraform: the ``resource_drift`` of a plan.

Terraform lists there what differs between the state and the deployed resources, whatever the plan does about it.
Source: developer.hashicorp.com/terraform/internals/json-format.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from azkvlint.azure.azurerm.arguments import name_as_written, value_as_written
from azkvlint.model.finding import CHANGED_OUTSIDE, Problem
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, ListValue, MapValue, Path, Scalar, Value, path_text
from azkvlint.readers.plan.document import ResourceChange, decode_drift, decode_entry, entry_type
from azkvlint.readers.plan.map_arguments import PlanArgumentMap
from azkvlint.readers.plan.planned_resource import PlannedInstance
from azkvlint.readers.plan.resource_mapper import ResourceMapper, planned_address
from azkvlint.util.text import pluralize

# The maximum numbers of resources, and of settings of one resource, that are listed.
_MOST_RESOURCES, _MOST_SETTINGS = 20, 4
# Strings in resources of these types are settings; in others they may be secrets.
_WITHOUT_SECRETS = ("microsoft.keyvault/", "microsoft.insights/", "microsoft.authorization/", "microsoft.network/")
_POLICIES: Path = ("properties", "accessPolicies")
# A vault lists the policies of these resources too.
_SEPARATE_POLICIES = "azurerm_key_vault_access_policy"


def drift_problems(
    raw: msgspec.Raw, mapper: ResourceMapper, planned: Mapping[str, Resource], path: str
) -> Iterator[Problem]:
    """Yield a warning for each resource with a setting that a rule reads and that was changed outside Terraform.

    ``planned`` are the resources of the plan by address.
    """
    found: list[tuple[str, str]] = []
    for entry in decode_drift(raw):
        type_ = entry_type(entry)
        if type_ is not None and (type_.startswith("azapi_") or not mapper.arguments.is_required(type_)):
            continue
        change = decode_entry(entry)
        arguments = mapper.arguments.find(change.type)
        if arguments is None or change.mode == "data" or change.deposed is not None:
            continue
        text = _text(change, arguments, mapper, planned)
        if text:
            found.append((change.address, text))
    for address, text in found[:_MOST_RESOURCES]:
        at = Location(path=path, address=address)
        yield Problem(code=CHANGED_OUTSIDE, level="warning", message=f"`{address}` {text}", at=at)
    if len(found) > _MOST_RESOURCES:
        text = f"{pluralize(len(found) - _MOST_RESOURCES, 'more resource')} changed outside Terraform"
        yield Problem(code=CHANGED_OUTSIDE, level="warning", message=text, at=Location(path=path))


def _text(
    change: ResourceChange, arguments: PlanArgumentMap, mapper: ResourceMapper, planned: Mapping[str, Resource]
) -> str:
    """Return what changed, as the end of a sentence; empty if no rule reads it."""
    place = planned_address(change)
    after = mapper.instance(change, place, arguments.decoder)
    own = planned.get(change.address)
    if after.action == "delete":
        again = own is not None and own.action in ("create", "replace")
        return f"was deleted outside Terraform{' (the plan creates it again)' if again else ''}"
    version = mapper.providers.find(place.names, place.resource).version

    def attributes(instance: PlannedInstance) -> MapValue:
        arguments.own_attributes(instance)
        return arguments.shared_attributes(instance, version)[0]

    before = mapper.before(change, place, arguments.decoder)
    ignored = (_POLICIES,) if any(one.declared_as == _SEPARATE_POLICIES for one in planned.values()) else ()
    changes = [
        _setting(change.type, arguments.type, path, earlier, now, own)
        for path, earlier, now in _differences(attributes(before), attributes(after), ())
        if path[:1] == ("properties",) and path[: len(_POLICIES)] not in ignored
    ]
    if not changes:
        return ""
    listed = "; ".join(changes[:_MOST_SETTINGS])
    more = f"; and {len(changes) - _MOST_SETTINGS} more" if len(changes) > _MOST_SETTINGS else ""
    return f"was changed outside Terraform: {listed}{more}"


def _differences(before: Answer, after: Answer, path: Path) -> Iterator[tuple[Path, Answer, Answer]]:
    """Yield the paths of values that differ: objects by field, everything else as a whole."""
    if isinstance(before, MapValue) and isinstance(after, MapValue):
        for name in dict.fromkeys((*before.fields, *after.fields)):
            earlier: Answer = before.fields.get(name, Absent(at=before.at))
            yield from _differences(earlier, after.fields.get(name, Absent(at=after.at)), (*path, name))
    elif _plain(before) != _plain(after):
        yield path, before, after


def _setting(declared_as: str, type_: str, path: Path, before: Answer, now: Answer, planned: Resource | None) -> str:
    """Return one changed setting in words, and what the plan does about it."""
    name = f"`{name_as_written(declared_as, path_text(path))}`"
    is_shown = not before.sensitive and not now.sensitive and all(_is_shown(one, type_) for one in (before, now))
    values = [value_as_written(declared_as, path, one) for one in (now, before)] if is_shown else []
    text = f"{name} is {values[0]} instead of {values[1]}" if values else f"{name} is different"
    after = planned.select(path) if planned is not None else None
    if after is None or not isinstance(after, Scalar | ListValue | Absent):
        return text
    if _plain(after) == _plain(before):
        return f"{text} (the plan restores it)"
    return f"{text} (the plan keeps it)" if _plain(after) == _plain(now) else text


def _is_shown(value: Answer, type_: str) -> bool:
    """Return whether a value is short and cannot be a secret."""
    if isinstance(value, Scalar):
        return not isinstance(value.value, str) or type_.lower().startswith(_WITHOUT_SECRETS)
    if isinstance(value, ListValue):
        return type_.lower().startswith(_WITHOUT_SECRETS) and all(isinstance(item, Scalar) for item in value.items)
    return isinstance(value, Absent)


def _plain(value: Answer) -> object:
    """Return a value without locations and origins, for comparisons. Azure compares strings without case."""
    if isinstance(value, Scalar):
        return value.value.lower() if isinstance(value.value, str) else value.value
    if isinstance(value, ListValue):
        return [_plain(item) for item in value.items]
    if isinstance(value, MapValue):
        return {name: _plain(field) for name, field in value.fields.items()}
    return None if isinstance(value, Absent) else _plain_unknown(value)


def _plain_unknown(value: Value) -> object:
    return type(value).__name__, getattr(value, "target", ""), getattr(value, "pattern", "")
