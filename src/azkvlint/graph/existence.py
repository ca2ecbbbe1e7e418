"""Whether a declaration exists: certainly, never, or only where a value overrides the default of a parameter.

Defaults decide values, not existence: what only the default of a root's parameter leaves out may exist.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Generic, TypeVar

import msgspec

from azkvlint.evaluation.values import Result
from azkvlint.model.finding import Declaration
from azkvlint.model.location import Location
from azkvlint.model.resource import Assumption, Resource
from azkvlint.model.value import MapValue, Scalar, Unknown
from azkvlint.util.errors import InputError

# The types of which others are evaluated by the attributes that they have under an assumption, in lower case.
VARYING = frozenset({"microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms"})
# The types of which a report says for each declaration whether it was evaluated, in lower case.
ACCOUNTED = frozenset(
    {
        "microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms", "microsoft.keyvault/vaults/secrets",
        "microsoft.keyvault/vaults/keys", "microsoft.keyvault/vaults/certificates",
        "microsoft.keyvault/vaults/accesspolicies", "microsoft.keyvault/managedhsms/keys",
        "microsoft.keyvault/managedhsms/roleassignments", "microsoft.authorization/roleassignments",
    }
)  # fmt: skip
# Of more parameters than these it is not worked out which of them decide alone.
_MAX_TRIED = 12
_MAX_NAMED = 3


class Scenario:
    """A root in which nothing is known of the parameters in ``opened``; None: of any that is given no value.

    ``read`` and ``given`` are the parameters that were read so far, those without and those with a given value.
    """

    def __init__(self, opened: frozenset[str] | None) -> None:
        self.opened = opened
        self.read: set[str] = set()
        self.given: set[str] = set()

    def opens(self, name: str) -> bool:
        """Return whether nothing is known of a parameter that is given no value and has a default."""
        self.read.add(name)
        return self.opened is None or name in self.opened

    def instead(self, default: Result | None, unknown: Unknown) -> Result:
        """Return what an open parameter is: of a boolean the other value than its default, else ``unknown``.

        Where several parameters are open, each of them may have its default.
        """
        if self.opened is None or len(self.opened) != 1 or not isinstance(default, Scalar):
            return unknown
        return Scalar(at=unknown.at, value=not default.value) if isinstance(default.value, bool) else unknown


AnyScenario = TypeVar("AnyScenario", bound=Scenario)
AnyDeclaration = TypeVar("AnyDeclaration")


class Scenarios(Generic[AnyScenario, AnyDeclaration]):
    """The scenarios of one root, each made when it is first needed."""

    def __init__(self) -> None:
        self._known: dict[frozenset[str] | None, AnyScenario] = {}
        self._read: dict[str, frozenset[str]] = {}
        # The vaults that exist with the defaults, by address, and the scenarios in which more resources exist.
        self.vaults: dict[str, Any] = {}
        self.assumed: dict[Assumption, AnyScenario] = {}

    def made(self, opened: frozenset[str] | None) -> AnyScenario:
        """Return a new scenario."""
        raise NotImplementedError

    def exists(self, scenario: AnyScenario, declaration: AnyDeclaration) -> bool:
        """Return whether anything that ``declaration`` declares may exist in a scenario."""
        raise NotImplementedError

    def attributes_in(self, scenario: AnyScenario, vault: Any) -> MapValue | None:
        """Return the attributes that one of ``vaults`` has in a scenario; None if it does not exist there."""
        raise NotImplementedError

    def add_variants(self, resources: dict[str, Resource]) -> None:
        """Give the resources that may exist the vaults that are different under their assumptions."""
        variants = {why: self._variants(scenario, resources) for why, scenario in self.assumed.items()}
        for address, resource in resources.items() if any(variants.values()) else ():
            found = variants.get(resource.assumption) if resource.assumption is not None else None
            if found:
                resources[address] = msgspec.structs.replace(resource, variants=found)

    def _variants(self, scenario: AnyScenario, resources: Mapping[str, Resource]) -> dict[str, Resource]:
        found: dict[str, Resource] = {}
        for address, vault in self.vaults.items():
            resource = resources[address]
            try:
                attributes = self.attributes_in(scenario, vault)
            except (InputError, RecursionError):
                doubt = Unknown(at=resource.at, why="it takes too much work to evaluate with other values")
                attributes = MapValue(at=resource.at, fields={"properties": doubt, "sku": doubt})
            have = resource.attributes
            if attributes is None or all(have.fields.get(name) == value for name, value in attributes.fields.items()):
                continue
            have = msgspec.structs.replace(have, fields={**have.fields, **attributes.fields})
            found[address] = msgspec.structs.replace(resource, attributes=have, shared_attributes=None)
        return found

    def close(self) -> None:
        """Let go of everything, as a run does without a search for objects that hold each other."""
        self.vaults.clear()
        self.assumed.clear()
        for scenario in self._known.values():
            vars(scenario).clear()
        self._known.clear()

    def scenario_for(self, opened: frozenset[str] | None) -> AnyScenario:
        """Return the scenario with these parameters."""
        found = self._known.get(opened)
        if found is None:
            found = self._known[opened] = self.made(opened)
        return found

    def enabling(self, declaration: AnyDeclaration, key: str, within: Scenario | None) -> AnyScenario | None:
        """Return the scenario in which something exists that does not with the defaults; None if it never does.

        ``key`` is the same for all uses of a declaration, ``within`` the scenario that the declaration is in itself.
        """
        if not self.exists(self.scenario_for(None), declaration):
            return None
        already = (within.opened if within is not None else None) or frozenset()

        def exists(names: frozenset[str]) -> bool:
            return self.exists(self.scenario_for(already | names), declaration)

        # All uses read the same parameters, unless what they are given decides what is read.
        found = deciding_parameters(self._read.get(key, ()), exists)
        if not found:
            self._read[key] = frozenset(self._probe(declaration).read) - already
            found = deciding_parameters(self._read[key], exists)
        return self.scenario_for(already | found) if found else None

    def given(self, declaration: AnyDeclaration) -> Sequence[str]:
        """Return the parameters with a given value that decide on the existence of something, as far as known."""
        try:
            return sorted(self._probe(declaration).given)
        except InputError:  # the budget is spent; that something does not exist is known all the same
            return ()

    def _probe(self, declaration: AnyDeclaration) -> Scenario:
        """Return a scenario in which nothing was evaluated but what decides on the existence of something."""
        probe = self.made(None)
        self.exists(probe, declaration)
        found = Scenario(None)
        found.read, found.given = probe.read, probe.given
        vars(probe).clear()
        return found


def deciding_parameters(names: Collection[str], exists: Callable[[frozenset[str]], bool]) -> frozenset[str]:
    """Return the parameters whose defaults leave something out; none if it does not exist whatever they are.

    ``exists`` tells whether it may exist where nothing is known of some parameters. Those that decide alone are
    returned if there are any, because the defaults of all others keep their say on values then.
    """
    everything = frozenset(names)
    if not everything or not exists(everything):
        return frozenset()
    alone: list[str] = []
    if 1 < len(everything) <= _MAX_TRIED:
        alone = [name for name in sorted(everything) if exists(frozenset({name}))]
    return frozenset(alone) or everything


def assumption(names: Iterable[str], option: str, at: Location) -> Assumption:
    """Return the assumption that parameters, called as an expression calls them, have other values than defaults."""
    listed = sorted(names)
    if len(listed) == 1:
        return Assumption(text=f"exists only with another value than the default of `{listed[0]}` ({option})", at=at)
    named = [f"`{name}`" for name in listed[:_MAX_NAMED]]
    if len(listed) > _MAX_NAMED:
        named.append(f"{len(listed) - _MAX_NAMED} more")
    words = f"{', '.join(named[:-1])} and {named[-1]}"
    return Assumption(text=f"exists only with other values than the defaults of {words} ({option})", at=at)


def assume(resources: dict[str, Resource], known: int, why: Assumption) -> None:
    """Mark all resources behind the first ``known`` as ones that may exist."""
    for address in list(islice(reversed(resources), len(resources) - known)):
        resource = resources[address]
        if resource.assumption is None:
            # It exists under no weaker condition than this.
            conditions = resource.conditions or frozenset({why.text})
            resources[address] = msgspec.structs.replace(resource, assumption=why, conditions=conditions)


def skipped_declaration(address: str, type_: str, declared_as: str, at: Location, reason: str) -> Declaration:
    """Return a declaration that is not evaluated."""
    return Declaration(address=address, type=type_, declared_as=declared_as, at=at, reason=reason)
