"""Decide whether a declaration exists: certainly, never, or only where a value overrides the default of a parameter.

Defaults decide values, not existence: what only the default of a root's parameter disables may exist.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Generic, TypeVar

import msgspec

from azkvlint.evaluation.budget import Budget
from azkvlint.evaluation.values import Fields, Items, Result
from azkvlint.model.finding import Declaration
from azkvlint.model.location import Location
from azkvlint.model.resource import Assumption, Resource
from azkvlint.model.value import NOT_EMPTY, MapValue, Scalar, Unknown
from azkvlint.util.errors import InputError

# Types, in lower case, whose attributes under an assumption affect the evaluation of other resources.
VARYING = frozenset({"microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms"})
# With more parameters, those that decide alone are not computed.
_MAX_TRIED = 12
# With more cases, conditions that exclude each other are not recognized.
_MAX_CASES = 40
# In the steps of the evaluator that all cases of one root may take.
_MAX_STEPS_OF_CASES = 5_000
_MAX_NAMED = 3


class Scenario:
    """An evaluation of a root in which the parameters in ``opened`` are unknown; None: all without a given value.

    ``read`` and ``given`` are the parameters read so far, without and with a given value. Those in ``overridden``
    certainly have another value than their default. ``binary`` are the ones whose other values are known to be the
    opposite of their default: booleans, and what is empty by default. ``is_enabling``: a declaration exists in it that
    was evaluated by itself.
    """

    is_enabling = False

    def __init__(self, opened: frozenset[str] | None) -> None:
        self.opened = opened
        # If several parameters are open, each of them may have its default.
        self.overridden = opened if opened is not None and len(opened) == 1 else frozenset()
        self.read: set[str] = set()
        self.binary: set[str] = set()
        self.given: set[str] = set()

    def opens(self, name: str) -> bool:
        """Return whether a parameter without a given value but with a default is unknown."""
        self.read.add(name)
        return self.opened is None or name in self.opened

    def instead(self, name: str, default: Result | None, unknown: Unknown) -> Result:
        """Return the value of an open parameter: the opposite of its default if it is overridden, else ``unknown``."""
        match default:
            case Scalar(value=bool() as value):
                found: Result = Scalar(at=unknown.at, value=not value)
            case Scalar(value="") | Items(items=[]):
                found = msgspec.structs.replace(unknown, known=NOT_EMPTY)
            case Fields(fields=fields, rest=None) if not fields:
                found = msgspec.structs.replace(unknown, known=NOT_EMPTY)
            case _:
                return unknown
        self.binary.add(name)
        return found if name in self.overridden else unknown


AnyScenario = TypeVar("AnyScenario", bound=Scenario)
AnyDeclaration = TypeVar("AnyDeclaration")


class Scenarios(Generic[AnyScenario, AnyDeclaration]):
    """The scenarios of one root, created on demand."""

    def __init__(self) -> None:
        self._known: dict[tuple[frozenset[str] | None, frozenset[str]], AnyScenario] = {}
        self._read: dict[str, frozenset[str]] = {}
        self._steps_of_cases = 0
        # The last declaration whose existence was evaluated by itself.
        self._probed: tuple[AnyDeclaration, Scenario] | None = None
        # The vaults that exist with the defaults, by address, and the scenarios that enable more resources.
        self.vaults: dict[str, Any] = {}
        self.assumed: dict[Assumption, AnyScenario] = {}

    @property
    def budget(self) -> Budget:
        """Return the budget of the scenarios."""
        raise NotImplementedError

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
        self._probed = None
        for scenario in self._known.values():
            vars(scenario).clear()
        self._known.clear()

    def scenario_for(self, opened: frozenset[str] | None, overridden: frozenset[str] = frozenset()) -> AnyScenario:
        """Return the scenario in which these parameters are unknown, and some of them do not have their defaults."""
        scenario = self._known.get((opened, overridden))
        if scenario is None:
            scenario = self._known[opened, overridden] = self.made(opened)
            scenario.overridden |= overridden
        return scenario

    def enabling(self, declaration: AnyDeclaration, key: str, within: Scenario | None) -> AnyScenario | None:
        """Return the scenario that enables a declaration which the defaults disable; None if none does.

        ``key`` is the same for all instances of a declaration, ``within`` is the scenario around it.
        """
        if not self.exists(self.scenario_for(None), declaration):
            return None
        opened = (within.opened if within is not None else None) or frozenset()

        def exists(names: frozenset[str], overridden: frozenset[str] = frozenset()) -> bool:
            return self.exists(self.scenario_for(opened | names, overridden), declaration)

        # All instances read the same parameters, unless given values decide which ones are read.
        deciding = deciding_parameters(self._read.get(key, ()), exists)
        if not deciding:
            probe = self._probe(declaration)
            read = self._read[key] = frozenset(probe.read) - opened
            # It exists if what it reads is unknown, unless that is one parameter, which then has another value.
            deciding = deciding_parameters(read, exists, is_known=probe.is_enabling and len(opened | read) > 1)
        if not deciding or (len(deciding) > 1 and self._is_excluded(declaration, deciding, exists)):
            return None
        return self.scenario_for(opened | deciding)

    def _is_excluded(self, declaration: AnyDeclaration, deciding: frozenset[str], exists: Callable[..., bool]) -> bool:
        """Return whether a declaration that several parameters disable exists with no values of them."""

        def may_exist(names: frozenset[str], overridden: frozenset[str]) -> bool:
            if self._steps_of_cases > _MAX_STEPS_OF_CASES:
                return True
            before = self.budget.steps
            found = exists(names, overridden)
            self._steps_of_cases += self.budget.steps - before
            return found

        if self._steps_of_cases > _MAX_STEPS_OF_CASES:
            return False
        binary = sorted(deciding.intersection(self._probe(declaration).binary))
        return len(binary) > 1 and exclude_each_other(deciding, binary, may_exist)

    def given(self, declaration: AnyDeclaration) -> Sequence[str]:
        """Return the parameters with a given value that decide whether a declaration exists, as far as known."""
        try:
            return sorted(self._probe(declaration).given)
        except InputError:  # the budget is spent, but the declaration is known not to exist
            return ()

    def _probe(self, declaration: AnyDeclaration) -> Scenario:
        """Evaluate only the existence of a declaration, in a new scenario, to see which parameters it reads."""
        if self._probed is not None and self._probed[0] is declaration:
            return self._probed[1]
        probe = self.made(None)
        probed = Scenario(None)
        probed.is_enabling = self.exists(probe, declaration)
        probed.read, probed.given, probed.binary = probe.read, probe.given, probe.binary
        vars(probe).clear()
        self._probed = declaration, probed
        return probed


def deciding_parameters(
    names: Collection[str], exists: Callable[[frozenset[str]], bool], is_known: bool = False
) -> frozenset[str]:
    """Return the parameters whose defaults disable a declaration; none if no values enable it.

    ``exists`` returns whether it may exist if some parameters are unknown. ``is_known``: it may if all of them are.
    Parameters that decide alone are preferred, because the defaults of all others then still decide values.
    """
    everything = frozenset(names)
    if not everything or not (is_known or exists(everything)):
        return frozenset()
    alone: list[str] = []
    if 1 < len(everything) <= _MAX_TRIED:
        alone = [name for name in sorted(everything) if exists(frozenset({name}))]
    return frozenset(alone) or everything


def exclude_each_other(
    names: frozenset[str], binary: Sequence[str], exists: Callable[[frozenset[str], frozenset[str]], bool]
) -> bool:
    """Return whether the unknown conditions of a declaration exclude each other, so that it never exists.

    Each parameter in ``binary``, of those in ``names``, has its default in one case and another value in the other.
    ``exists`` returns whether it may exist if some parameters are unknown, and some of these do not have their
    defaults.
    """
    if exists(names, frozenset(binary)):
        return False
    cases = [(names, frozenset[str](), tuple(binary))]
    for _ in range(_MAX_CASES):
        if not cases:
            return True
        opened, overridden, left = cases.pop()
        if not exists(opened, overridden):
            continue
        if not left:
            return False
        name = frozenset(left[:1])
        cases += [(opened - name, overridden, left[1:]), (opened, overridden | name, left[1:])]
    return False


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
