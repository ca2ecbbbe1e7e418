"""The resources of one root, and the references between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import cached_property
from typing import Any, TypeVar

import msgspec

from azkvlint.model.condition import WorldCondition
from azkvlint.model.location import Location
from azkvlint.model.pattern import Text
from azkvlint.model.value import Answer, MapValue, Path, Value

_T = TypeVar("_T")

REMOVED_ACTIONS = frozenset({"delete", "forget"})
# Types, in lower case, whose declarations a report lists as evaluated or skipped.
ACCOUNTED = frozenset(
    {
        "microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms", "microsoft.keyvault/vaults/secrets",
        "microsoft.keyvault/vaults/keys", "microsoft.keyvault/vaults/certificates",
        "microsoft.keyvault/vaults/accesspolicies", "microsoft.keyvault/managedhsms/keys",
        "microsoft.keyvault/managedhsms/roleassignments", "microsoft.authorization/roleassignments",
    }
)  # fmt: skip


class Resource(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One resource in Azure Resource Manager's vocabulary.

    ``type`` is spelled as Azure documents it. ``attributes`` holds ``properties`` and its siblings, ``parent`` and
    ``scope`` (links to the parent resource and to the extended one), and ``derived`` (attributes that kvlint computes).
    ``declared_as`` is the author's own type, for messages. ``action`` is the plan's action, if there is a plan.
    ``existing`` marks resources that are only read, never evaluated. ``shared_attributes``, if the reader knows them,
    are the attributes apart from id, name, links and secrets: the same object in all resources with equal ones.
    ``conditions`` are the unknown conditions of its existence: it exists only if all hold. ``callers`` are the module
    calls that lead to it, outermost first. ``assumption``: only a default disables it, so it is evaluated as a resource
    that may exist. ``variants`` are other resources, by address, with the attributes that they have under this
    assumption, where these differ. ``name_pattern`` is what is known of an unknown name, if its attribute does not have
    it. ``enclosed``: no other resource of the module can refer to it than those that are read.
    """

    address: str
    type: str
    name: str
    attributes: MapValue
    at: Location
    declared_as: str
    action: str | None = None
    existing: bool = False
    shared_attributes: MapValue | None = None
    conditions: frozenset[str] = frozenset()
    callers: tuple[Location, ...] = ()
    assumption: WorldCondition | None = None
    variants: Mapping[str, Resource] | None = None
    name_pattern: Text = ""
    enclosed: bool = False

    @property
    def stays(self) -> bool:
        """Return whether the resource exists after the plan has been applied."""
        return self.action not in REMOVED_ACTIONS

    def select(self, path: Path) -> Answer:
        """Return the answer at ``path``."""
        return self.attributes.select(path)

    def view(self, other: Resource) -> Resource:
        """Return another resource in the variant that exists together with this one."""
        return other if self.variants is None else self.variants.get(other.address, other)

    def exists_apart_from(self, other: Resource) -> bool:
        """Return whether this resource only may exist, under another assumption than ``other``."""
        return self.assumption is not None and self.assumption != other.assumption

    def exists_with(self, other: Resource) -> bool:
        """Return whether this resource certainly exists where ``other`` does.

        A value that overrides a default and enables ``other`` may disable resources that exist with that default.
        """
        if other.assumption is not None and self.assumption is None:
            return False
        return self.conditions <= other.conditions


class Reference(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A reference from ``source`` to other resources through its attribute ``via``.

    ``targets`` are certain (mostly one), ``candidates`` possible; all are addresses in the graph. ``anything``: it may
    also refer to any other resource. ``outside`` is the Azure type, in lower case, of a target outside the graph ("?"
    for an unknown type). ``conditional`` are the candidates that are certain if ``source`` is deployed, which is
    unknown.
    """

    source: str
    via: str
    value: Value
    targets: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    anything: bool = False
    outside: str = ""
    hops: tuple[str, ...] = ()
    conditional: tuple[str, ...] = ()

    @property
    def only_target(self) -> str | None:
        """Return the address of the only resource that it can refer to; None if there are several, or none."""
        if len(self.targets) != 1 or self.candidates or self.anything or self.outside:
            return None
        return self.targets[0]


class ResourceGraph(msgspec.Struct, frozen=True, kw_only=True):
    """Resources by address, in input order, and references by their attribute.

    ``is_complete``: the input declares everything, so a missing companion is really missing.
    """

    resources: Mapping[str, Resource]
    references: Mapping[str, tuple[Reference, ...]]
    is_complete: bool = True

    def has_all_companions(self, resource: Resource) -> bool:
        """Return whether a companion of ``resource`` that is missing here is really missing.

        A value that enables a resource may enable its companions too.
        """
        return (self.is_complete or resource.enclosed) and resource.assumption is None


class RequiredAttributes(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The attributes that the selected rules need of a graph, so that readers do no other work.

    ``paths`` maps an Azure type in lower case to attribute paths. ``reference_paths`` maps an attribute whose
    references are followed to the types, in lower case, that have it. ``everything`` requires all attributes. ``today``
    is the date for comparisons, None for the current day. ``relevant`` are the types, in lower case, that make a module
    worth reading; they come from all known rules, so that a selection of rules reads the same modules as a full run and
    returns the same results. ``evaluated`` are the types, in lower case, that a rule evaluates, None if not known.
    """

    paths: Mapping[str, frozenset[Path]]
    reference_paths: Mapping[str, frozenset[str]]
    everything: bool = False
    today: date | None = None
    relevant: frozenset[str] = frozenset()
    evaluated: frozenset[str] | None = None

    @cached_property
    def _forms(self) -> dict[Callable[[RequiredAttributes], Any], Any]:
        return {}

    def form(self, make: Callable[[RequiredAttributes], _T]) -> _T:
        """Return what ``make`` makes of these attributes, made once for all inputs that they are required of."""
        if make not in self._forms:
            self._forms[make] = make(self)
        form: _T = self._forms[make]
        return form

    def is_relevant(self, type_: str) -> bool:
        """Return whether a module that declares the type is read."""
        return self.everything or type_.lower() in self.relevant or type_.lower() in self.paths

    def paths_of(self, type_: str) -> frozenset[Path] | None:
        """Return the required paths of a type; None if the type is not required."""
        return frozenset({()}) if self.everything else self.paths.get(type_.lower())

    def names(self, type_: str) -> bool:
        """Return whether a rule names a type, such as one of resources that only readers make."""
        return type_.lower() in self.paths

    def is_only_target(self, type_: str) -> bool:
        """Return whether resources of a type are only read if another one refers to them."""
        lower = type_.lower()
        if self.everything or self.evaluated is None or lower in self.evaluated:
            return False
        return not any(lower in types for types in self.reference_paths.values())
