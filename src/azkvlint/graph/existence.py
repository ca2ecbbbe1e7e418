"""Decide whether a declaration exists: certainly, never, or only where a value overrides the default of a parameter.

Defaults decide values, not existence: what only the default of a root's parameter disables may exist.
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

# Types, in lower case, whose attributes under an assumption affect the evaluation of other resources.
VARYING = frozenset({"microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms"})
# Types, in lower case, whose declarations a report lists as evaluated or skipped.
ACCOUNTED = frozenset(
    {
        "microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms", "microsoft.keyvault/vaults/secrets",
        "microsoft.keyvault/vaults/keys", "microsoft.keyvault/vaults/certificates",
        "microsoft.keyvault/vaults/accesspolicies", "microsoft.keyvault/managedhsms/keys",
        "microsoft.keyvault/managedhsms/roleassignments", "microsoft.authorization/roleassignments",
    }
)  # fmt: skip
# With more parameters, those that decide alone are not computed.
_MAX_TRIED = 12
_MAX_NAMED = 3


class Scenario:
    """An evaluation of a root in which the parameters in ``opened`` are unknown; None: all without a given value.

    ``read`` and ``given`` are the parameters read so far, without and with a given value.
    """

    def __init__(self, opened: frozenset[str] | None) -> None:
        self.opened = opened
        self.read: set[str] = set()
        self.given: set[str] = set()

    def opens(self, name: str) -> bool:
        """Return whether a parameter without a given value but with a default is unknown."""
        self.read.add(name)
        return self.opened is None or name in self.opened

    def instead(self, default: Result | None, unknown: Unknown) -> Result:
        """Return the value of an open parameter: for a boolean the opposite of its default, else ``unknown``.

        If several parameters are open, each of them may have its default.
        """
        if self.opened is None or len(self.opened) != 1 or not isinstance(default, Scalar):
            return unknown
        return Scalar(at=unknown.at, value=not default.value) if isinstance(default.value, bool) else unknown


AnyScenario = TypeVar("AnyScenario", bound=Scenario)
AnyDeclaration = TypeVar("AnyDeclaration")


class Scenarios(Generic[AnyScenario, AnyDeclaration]):
    """The scenarios of one root, created on demand."""

    def __init__(self) -> None:
        self._known: dict[frozenset[str] | None, AnyScenario] = {}
        self._read: dict[str, frozenset[str]] = {}
        # The vaults that exist with the defaults, by address, and the scenarios that enable more resources.
        self.vaults: dict[str, Any] = {}
        self.assumed: dict[Assumption, AnyScenario] = {}

    def made(self, opened: frozenset[str] | None) -> AnyScenario:
        """Create a scenario."""
        raise NotImplementedError

    def exists(self, scenario: AnyScenario, declaration: AnyDeclaration) -> bool:
        """Return whether any resource of ``declaration`` may exist in a scenario."""
        raise NotImplementedError

    def attributes_in(self, scenario: AnyScenario, vault: Any) -> MapValue | None:
        """Return the attributes of one of ``vaults`` in a scenario; None if it does not exist there."""
        raise NotImplementedError

    def add_variants(self, resources: dict[str, Resource]) -> None:
        """Add the vaults that differ under an assumption to the resources that exist under it."""
        variants = {why: self._variants(scenario, resources) for why, scenario in self.assumed.items()}
        for address, resource in resources.items() if any(variants.values()) else ():
            own_variants = variants.get(resource.assumption) if resource.assumption is not None else None
            if own_variants:
                resources[address] = msgspec.structs.replace(resource, variants=own_variants)

    def _variants(self, scenario: AnyScenario, resources: Mapping[str, Resource]) -> dict[str, Resource]:
        variants: dict[str, Resource] = {}
        for address, vault in self.vaults.items():
            resource = resources[address]
            try:
                attributes = self.attributes_in(scenario, vault)
            except (InputError, RecursionError):
                unknown = Unknown(at=resource.at, why="the evaluation with other values exceeds the limit")
                attributes = MapValue(at=resource.at, fields={"properties": unknown, "sku": unknown})
            current = resource.attributes
            if attributes is None or all(
                current.fields.get(name) == value for name, value in attributes.fields.items()
            ):
                continue
            current = msgspec.structs.replace(current, fields={**current.fields, **attributes.fields})
            variants[address] = msgspec.structs.replace(resource, attributes=current, shared_attributes=None)
        return variants

    def close(self) -> None:
        """Break reference cycles, because garbage collection is off during a run."""
        self.vaults.clear()
        self.assumed.clear()
        for scenario in self._known.values():
            vars(scenario).clear()
        self._known.clear()

    def scenario_for(self, opened: frozenset[str] | None) -> AnyScenario:
        """Return the scenario in which these parameters are unknown."""
        scenario = self._known.get(opened)
        if scenario is None:
            scenario = self._known[opened] = self.made(opened)
        return scenario

    def enabling(self, declaration: AnyDeclaration, key: str, within: Scenario | None) -> AnyScenario | None:
        """Return the scenario that enables a declaration which the defaults disable; None if none does.

        ``key`` is the same for all instances of a declaration, ``within`` is the scenario around it.
        """
        if not self.exists(self.scenario_for(None), declaration):
            return None
        opened = (within.opened if within is not None else None) or frozenset()

        def exists(names: frozenset[str]) -> bool:
            return self.exists(self.scenario_for(opened | names), declaration)

        # All instances read the same parameters, unless given values decide which ones are read.
        deciding = deciding_parameters(self._read.get(key, ()), exists)
        if not deciding:
            self._read[key] = frozenset(self._probe(declaration).read) - opened
            deciding = deciding_parameters(self._read[key], exists)
        return self.scenario_for(opened | deciding) if deciding else None

    def given(self, declaration: AnyDeclaration) -> Sequence[str]:
        """Return the parameters with a given value that decide whether a declaration exists, as far as known."""
        try:
            return sorted(self._probe(declaration).given)
        except InputError:  # the budget is spent, but the declaration is known not to exist
            return ()

    def _probe(self, declaration: AnyDeclaration) -> Scenario:
        """Evaluate only the existence of a declaration, in a new scenario, to see which parameters it reads."""
        probe = self.made(None)
        self.exists(probe, declaration)
        probed = Scenario(None)
        probed.read, probed.given = probe.read, probe.given
        vars(probe).clear()
        return probed


def deciding_parameters(names: Collection[str], exists: Callable[[frozenset[str]], bool]) -> frozenset[str]:
    """Return the parameters whose defaults disable a declaration; none if no values enable it.

    ``exists`` returns whether it may exist if some parameters are unknown. Parameters that decide alone are preferred,
    because the defaults of all others then still decide values.
    """
    everything = frozenset(names)
    if not everything or not exists(everything):
        return frozenset()
    alone: list[str] = []
    if 1 < len(everything) <= _MAX_TRIED:
        alone = [name for name in sorted(everything) if exists(frozenset({name}))]
    return frozenset(alone) or everything


def assumption(names: Iterable[str], option: str, at: Location) -> Assumption:
    """Return the assumption that the parameters ``names``, as expressions spell them, do not have their defaults."""
    ordered = sorted(names)
    if len(ordered) == 1:
        return Assumption(text=f"exists only with a value other than the default of `{ordered[0]}` ({option})", at=at)
    quoted = [f"`{name}`" for name in ordered[:_MAX_NAMED]]
    if len(ordered) > _MAX_NAMED:
        quoted.append(f"{len(ordered) - _MAX_NAMED} more")
    words = f"{', '.join(quoted[:-1])} and {quoted[-1]}"
    return Assumption(text=f"exists only with values other than the defaults of {words} ({option})", at=at)


def assume(resources: dict[str, Resource], known: int, why: Assumption) -> None:
    """Mark all resources after the first ``known`` as ones that may exist."""
    for address in list(islice(reversed(resources), len(resources) - known)):
        resource = resources[address]
        if resource.assumption is None:
            # No weaker condition is known.
            conditions = resource.conditions or frozenset({why.text})
            resources[address] = msgspec.structs.replace(resource, assumption=why, conditions=conditions)


def skipped_declaration(address: str, type_: str, declared_as: str, at: Location, reason: str) -> Declaration:
    """Return a declaration that is not evaluated."""
    return Declaration(address=address, type=type_, declared_as=declared_as, at=at, reason=reason)
