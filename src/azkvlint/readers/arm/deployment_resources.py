"""The resources of one deployment: found by those who declare them, and by the expressions that name them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from azkvlint.evaluation.operations import Local
from azkvlint.evaluation.values import Result, hole, pattern_of
from azkvlint.model.location import Location
from azkvlint.model.value import Scalar, Unknown
from azkvlint.readers.arm.evaluated_resource import Instance
from azkvlint.readers.arm.resource_identity import readable
from azkvlint.readers.arm.run import Pointer, Run, key_of
from azkvlint.readers.arm.runtime import Runtime
from azkvlint.readers.arm.scope import Scope, resource_id
from azkvlint.readers.arm.template import Template
from azkvlint.readers.arm.values import LOOP, NO_LOCAL, RESOURCE_LOOP


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a deployment stands among the others.

    ``address`` is what stands before the addresses of its resources, ``local`` what its expressions see of the one
    around it (outer scope), ``conditions`` what all of it hangs on. ``chain`` holds the paths of the templates that led
    to it, each linked by the one before. ``copies`` is how many deployments like it there are. ``deployment``: the
    names (patterns) of the deployments that lead to it, its own last. ``deployed_by`` is the resource that deploys it,
    None for the root.
    """

    address: str = ""
    deployment: str = ""
    copies: int = 1
    local: Local = NO_LOCAL
    conditions: frozenset[str] = frozenset()
    callers: tuple[Location, ...] = ()
    chain: tuple[str, ...] = ()
    deployed_by: Instance | None = None


_ROOT = Place()


def _id_of_deployment(instance: Instance) -> str:
    """Return the ID that a nested deployment has in the scope that it goes to, which may be another resource group."""
    from azkvlint.readers.arm.nested_deployments import scope_to

    return resource_id(scope_to(instance).id, instance.head.type, instance.head.names)


class Level:
    """What a deployment declares.

    ``template`` is where its expressions are evaluated: for a nested deployment of outer scope, the one around it.
    ``plain`` is the template that declares it, at ``pointer``. ``scope`` is what it goes to.
    """

    def __init__(
        self, template: Template, plain: Mapping[str, Any], pointer: Pointer, scope: Scope, place: Place = _ROOT
    ) -> None:
        self.template = template
        self.plain = plain
        self.pointer = pointer
        self.scope = scope
        self.id = scope.id
        self.address = place.address
        self.local = place.local
        self.conditions = place.conditions
        self.callers = place.callers
        self.chain = place.chain
        self.deployed_by = place.deployed_by
        self.copies = place.copies
        self.deployment = place.deployment
        self._made: dict[Pointer, list[Instance]] = {}
        self._ids: dict[str, Instance] | None = None
        self._names: dict[str, list[Instance]] = {}
        self._symbols: dict[str, list[Instance]] = {}
        self.run.opened.append(self.close)

    def close(self) -> None:
        """Let go of everything, as a run does without a search for objects that hold each other."""
        for instances in self._made.values():
            for instance in instances:
                instance.close()
        self.template.close()
        for held in (self._made, self._ids, self._names, self._symbols):
            if held is not None:
                held.clear()

    @property
    def run(self) -> Run:
        """What all levels share."""
        return self.template.run

    def declared(self, above: Instance | None = None) -> Iterator[tuple[str, Mapping[str, Any], Pointer]]:
        """Symbol (or nothing), JSON and place of each resource of the level, or of those declared within another."""
        plain, pointer = (self.plain, self.pointer) if above is None else (above.plain, above.pointer)
        key = key_of(plain, "resources") if above is None else above.key_of("resources")
        section = plain[key] if key is not None else None
        if isinstance(section, dict):
            for symbol, resource in section.items():
                if isinstance(resource, dict):
                    yield symbol, resource, (*pointer, str(key), symbol)
        elif isinstance(section, list):
            for number, resource in enumerate(section):
                if isinstance(resource, dict):
                    yield "", resource, (*pointer, str(key), number)

    def instances(
        self, symbol: str, plain: Mapping[str, Any], pointer: Pointer, above: Instance | None = None
    ) -> list[Instance]:
        """What a resource declares: itself, each pass of its loop, or one that stands for all of them."""
        where = pointer if above is None else (*above.key, *pointer)
        found = self._made.get(where)
        if found is None:
            found = self._made[where] = list(self._instances(symbol, plain, pointer, above))
        return found

    def _instances(
        self, symbol: str, plain: Mapping[str, Any], pointer: Pointer, above: Instance | None
    ) -> Iterator[Instance]:
        local = self.local if above is None else above.local
        key = key_of(plain, "copy")
        loop = plain[key] if key is not None else None
        if not isinstance(loop, dict):
            self.run.count_resources(1)
            yield Instance(self, plain, pointer, local, symbol, above)
            return
        name_key = key_of(loop, "name")
        name = loop[name_key] if name_key is not None else symbol
        count = self.template.count(loop, (*pointer, str(key)), local)
        if isinstance(count, int):
            self.run.count_resources(count)
            for number in range(count):
                index = Scalar(at=self.template.at, value=number)
                inner = {**local, f"{LOOP}{str(name).lower()}": index, RESOURCE_LOOP: index}
                yield Instance(self, plain, pointer, inner, symbol, above, f"[{number}]")
            return
        self.run.count_resources(1)
        unknown = Unknown(at=count.at, why=count.why, pattern=hole(f"{self.address}{name}[*]"))
        inner = {**local, f"{LOOP}{str(name).lower()}": unknown, RESOURCE_LOOP: unknown}
        yield Instance(self, plain, pointer, inner, symbol, above, "[*]")

    def everything(self, above: Instance | None = None) -> Iterator[Instance]:
        """All instances of the level, with those declared within others."""
        for symbol, plain, pointer in self.declared(above):
            for instance in self.instances(symbol, plain, pointer, above):
                yield instance
                yield from self.everything(instance)

    def _index(self) -> dict[str, Instance]:
        if self._ids is None:
            self._ids = {}
            for instance in self.everything():
                head = instance.head
                if head.id:
                    self._ids.setdefault(head.id.lower(), instance)
                if instance.is_deployment:
                    self._ids.setdefault(_id_of_deployment(instance).lower(), instance)
                self._names.setdefault("/".join(head.names).lower(), []).append(instance)
                if instance.symbol:
                    self._symbols.setdefault(instance.symbol.lower(), []).append(instance)
        return self._ids

    def find(self, named: str) -> Instance | None:
        """The resource that a symbol, a name or an id (a pattern) names, if it is one of this level."""
        if not named:
            return None
        ids, lower = self._index(), named.lower()
        if "/" in lower and lower in ids:
            return ids[lower]
        symbol, bracket, index = lower.partition("[")
        found = self._symbols.get(symbol, ())
        if found:
            chosen = [one for one in found if one.suffix in {f"{bracket}{index}", "[*]"}]
            return chosen[0] if chosen else None
        same = self._names.get(lower, ())
        return same[0] if len(same) == 1 else None

    def all_of(self, symbol: str) -> list[Instance] | None:
        """All instances of a symbol; None if they are not known."""
        self._index()
        found = self._symbols.get(symbol.lower())
        return None if found is None or any(one.suffix == "[*]" for one in found) else found

    def runtime(self, named: Result, whole: bool, at: Location) -> Result:
        """What ``reference(named)`` gives; ``whole`` with all there is, not only the properties."""
        pattern = pattern_of(named)
        instance = self.find(pattern)
        if instance is not None:
            return self.runtime_of(instance, whole, at)
        why = "reference() is known only after deployment"
        if not pattern:
            return Unknown(at=at, why=why)
        id_ = pattern if pattern.startswith("/") else hole(f"{self.address}reference({readable(pattern)})")
        return Runtime(at, id_, None, whole)

    def runtime_of(self, instance: Instance, whole: bool, at: Location) -> Result:
        """The same of a resource of this level."""
        return Runtime(at, instance.head.id or hole(instance.address), instance, whole)
