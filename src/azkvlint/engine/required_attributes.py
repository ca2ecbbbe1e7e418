"""The types, attributes and references that rules read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import msgspec

from azkvlint.graph.pseudo_resources import PATH_IN_BODY, SECRETS_TYPE
from azkvlint.graph.resource_names import IDENTIFYING
from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.rule import All, AnyOf, AttributeCondition, Condition, Given, ItemsCondition, Linked, Not, Rule
from azkvlint.model.value import Path, path_of
from azkvlint.util.lazy_regex import regex

# A placeholder for the value of an attribute of the resource.
_ATTRIBUTE_PLACEHOLDER = regex(r"\{(\w+\.[\w.]+)\}")


def evaluated_types(rules: Iterable[Rule]) -> frozenset[str]:
    """Return the lower-case types of the resources that the rules evaluate."""
    return frozenset(type_.lower() for rule in rules for type_ in rule.resources)


def required_by(
    rules: Iterable[Rule], today: date | None = None, relevant: frozenset[str] = frozenset()
) -> RequiredAttributes:
    """Return the attributes and references that the conditions of ``rules`` can read.

    ``today`` is the day that dates are compared with. For ``relevant`` see RequiredAttributes.
    """
    rules = tuple(rules)
    paths: dict[str, set[Path]] = {}
    vias: dict[str, set[str]] = {}
    for rule in rules:
        types = tuple(type_.lower() for type_ in rule.resources)
        for type_ in types:
            paths.setdefault(type_, set())
            paths[type_].update(IDENTIFYING.get(type_, ()))
            _add_parents(type_, paths, vias)
        for name in _ATTRIBUTE_PLACEHOLDER.findall(f"{rule.message} {rule.absent} {rule.label}"):
            for type_ in types:
                paths[type_].add(path_of(name))
        for condition in rule.conditions:
            _add_condition(condition, types, paths, vias)
    # The value of a secret is in no report, whatever rules are selected.
    paths.setdefault(SECRETS_TYPE, set()).add(PATH_IN_BODY)
    return RequiredAttributes(
        paths={type_: frozenset(attributes) for type_, attributes in paths.items()},
        reference_paths={via: frozenset(types) for via, types in sorted(vias.items())},
        today=today,
        relevant=relevant,
        evaluated=evaluated_types(rules),
    )


def united(some: RequiredAttributes, others: RequiredAttributes) -> RequiredAttributes:
    """Return the attributes that two analyses require, of which the first follows references and compares dates."""
    paths = {
        type_: some.paths.get(type_, frozenset()) | others.paths.get(type_, frozenset())
        for type_ in (*some.paths, *others.paths)
    }
    return msgspec.structs.replace(
        some, paths=paths, relevant=some.relevant | others.relevant,
        evaluated=None if some.evaluated is None else some.evaluated | others.paths.keys(),
    )  # fmt: skip


def _add_parents(type_: str, paths: dict[str, set[Path]], vias: dict[str, set[str]]) -> None:
    """Add the parents of a type, whose names precede the resource's own in findings (``vault/secret``)."""
    while type_.count("/") > 1:
        vias.setdefault("parent", set()).add(type_)
        paths.setdefault(type_, set()).add(("parent",))
        type_ = type_.rpartition("/")[0]
        paths.setdefault(type_, set())


def _add_condition(
    condition: Condition,
    types: tuple[str, ...],
    paths: dict[str, set[Path]],
    vias: dict[str, set[str]],
    inside: bool = False,
) -> None:
    """Add the attributes and references of a condition. Paths ``inside`` an item are relative to it and add nothing."""
    match condition:
        case AttributeCondition(path=path) | ItemsCondition(path=path):
            for type_ in () if inside else types:
                paths.setdefault(type_, set()).add(path)
            if isinstance(condition, ItemsCondition):
                _add_condition(condition.where, types, paths, vias, inside=True)
        case All(of=parts) | AnyOf(of=parts):
            for part in parts:
                _add_condition(part, types, paths, vias, inside)
        case Not(of=part):
            _add_condition(part, types, paths, vias, inside)
        case Linked(direction=direction, types=others, via=via, where=where):
            others = tuple(other.lower() for other in others)
            sources = others if direction == "linked_from" else types
            vias.setdefault(via, set()).update(sources)
            for source in sources:
                paths.setdefault(source, set()).add(tuple(via.split(".")))
            for other in others:
                paths.setdefault(other, set())
            _add_condition(where, others, paths, vias)


def is_local(condition: Condition, inside: bool = False) -> bool:
    """Return whether a condition depends on the resource's own attributes only, without links or derived facts about
    others.

    ``inside`` an item, paths are relative to the item, so ``name`` is not the resource's name.
    """
    match condition:
        case AttributeCondition(path=path):
            return inside or _is_own(path)
        case ItemsCondition(path=path, where=where):
            return (inside or _is_own(path)) and is_local(where, inside=True)
        case All(of=parts) | AnyOf(of=parts):
            return all(is_local(part, inside) for part in parts)
        case Not(of=part):
            return is_local(part, inside)
        case Linked():
            return False
        case Given():
            return True


def _is_own(path: Path) -> bool:
    if path[:1] in _LINKS or path[:2] in (_SECRET, _SECRET[: len(path)]):
        return False
    return path[:1] != ("derived",) or path[:2] in _OWN_DERIVED


# Attributes that Resource.shared_attributes excludes, and ``derived`` attributes that depend on the resource alone.
_LINKS: tuple[Path, ...] = (("id",), ("name",), ("parent",), ("scope",), ("provider",))
_SECRET: Path = ("properties", "value")
_OWN_DERIVED: frozenset[Path] = frozenset(
    ("derived", name)
    for name in (
        "plannedAction", "replacePaths", "changedFrom", "ignoredChanges", "preventDestroy", "daysLeft", "validDays",
        "leastValidDays", "activeDays", "moving", "rotation", "valueOrigins", "writeOnly",
        "canBeWriteOnly", "deadArgument",
    )
)  # fmt: skip
