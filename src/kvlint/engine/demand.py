"""What rules ask of a graph: types, attributes and references."""

from __future__ import annotations

from collections.abc import Iterable

from kvlint.model.graph import Demand
from kvlint.model.rule import All, AnyOf, Attribute, Condition, Items, Linked, Not, Rule
from kvlint.model.value import Path


def demand_of(rules: Iterable[Rule]) -> Demand:
    """All that the conditions of ``rules`` can look at."""
    paths: dict[str, set[Path]] = {}
    vias: dict[str, set[str]] = {}
    for rule in rules:
        types = tuple(type_.lower() for type_ in rule.resources)
        for type_ in types:
            paths.setdefault(type_, set())
        for condition in (rule.when, rule.require):
            _ask(condition, types, paths, vias)
    return Demand(
        paths={type_: frozenset(asked) for type_, asked in paths.items()},
        vias={via: frozenset(types) for via, types in sorted(vias.items())},
    )


def _ask(condition: Condition, types: tuple[str, ...], paths: dict[str, set[Path]], vias: dict[str, set[str]]) -> None:
    match condition:
        case Attribute(path=path) | Items(path=path):
            for type_ in types:
                paths.setdefault(type_, set()).add(path)
        case All(of=parts) | AnyOf(of=parts):
            for part in parts:
                _ask(part, types, paths, vias)
        case Not(of=part):
            _ask(part, types, paths, vias)
        case Linked(direction=direction, types=others, via=via, where=where):
            others = tuple(other.lower() for other in others)
            sources = others if direction == "linked_from" else types
            vias.setdefault(via, set()).update(sources)
            for source in sources:
                paths.setdefault(source, set()).add(tuple(via.split(".")))
            for other in others:
                paths.setdefault(other, set())
            _ask(where, others, paths, vias)


def is_local(condition: Condition) -> bool:
    """Whether a condition looks at nothing but what a resource itself says: no links, nothing derived from others."""
    match condition:
        case Attribute(path=path) | Items(path=path):
            above = path[:1] in _LINKS or (path[:1] == ("derived",) and path[:2] not in _OWN_DERIVED)
            return not above
        case All(of=parts) | AnyOf(of=parts):
            return all(is_local(part) for part in parts)
        case Not(of=part):
            return is_local(part)
        case _:
            return False


# What Resource.common leaves out, and what of ``derived`` a reader takes from the resource itself.
_LINKS: tuple[Path, ...] = (("id",), ("name",), ("parent",), ("scope",), ("provider",))
_OWN_DERIVED: tuple[Path, ...] = (("derived", "plannedAction"), ("derived", "replacePaths"))
