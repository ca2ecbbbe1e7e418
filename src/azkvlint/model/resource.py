"""All resources of one root, and how they refer to each other."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import msgspec

from azkvlint.model.location import Location
from azkvlint.model.value import Answer, MapValue, Path, Value, select

REMOVED_ACTIONS = frozenset({"delete", "forget"})


class Assumption(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Why a resource only may exist: with the defaults of its root's parameters it does not, with other values it does.

    ``text`` names the parameters and the option that sets them; ``at`` is where the first of them is declared.
    """

    text: str
    at: Location


class Resource(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One resource, in Azure Resource Manager's own vocabulary.

    ``type`` is spelled as Azure documents it. ``attributes`` holds ``properties`` and its siblings, ``parent`` and
    ``scope`` (links to the resource above it or extended by it), and ``derived`` (what no document says).
    ``declared_as`` is the author's own type, for messages. ``action`` is what the plan does with it, if there is one.
    ``existing`` marks what is only read, never evaluated. ``shared_attributes`` is what this resource says apart from
    its id, name, links and secret, if its reader knows that: the same object in all resources that say the same.
    ``conditions`` are what its existence depends on and is not known: it exists only if all of them hold. ``callers``
    are the module calls that lead to it, outermost first. ``assumption``: only a default keeps it from existing, so it
    is evaluated as one that may exist.
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
    assumption: Assumption | None = None

    @property
    def stays(self) -> bool:
        """Whether the resource is there once the plan has been applied."""
        return self.action not in REMOVED_ACTIONS

    def select(self, path: Path) -> Answer:
        """The answer at ``path``."""
        return select(self.attributes, path)

    def exists_apart_from(self, other: Resource) -> bool:
        """Return whether this resource only may exist, under another assumption than ``other`` does, if any."""
        return self.assumption is not None and self.assumption != other.assumption

    def exists_with(self, other: Resource) -> bool:
        """Return whether this resource certainly exists where ``other`` does.

        A value that overrides a default and makes ``other`` exist may remove what exists with that default.
        """
        if other.assumption is not None and self.assumption is None:
            return False
        return self.conditions <= other.conditions


class Reference(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """``source`` names other resources by its attribute ``via``.

    ``targets`` are certainly named (mostly one), ``candidates`` perhaps; all are addresses in the graph. ``anything``:
    it may also name any other resource. ``outside`` is the Azure type, in lower case, of a resource that is named but
    not in the graph ("?" where the type is not known). ``conditional`` are the candidates that are
    certainly named if ``source`` is deployed, which nobody knows.
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


class ResourceGraph(msgspec.Struct, frozen=True, kw_only=True):
    """Resources by address, in the order of the input, and references by the attribute that makes them.

    ``closed``: the input says everything, so a companion that is missing is really missing.
    """

    resources: Mapping[str, Resource]
    references: Mapping[str, tuple[Reference, ...]]
    is_complete: bool = True

    def has_all_companions(self, resource: Resource) -> bool:
        """Return whether a companion of ``resource`` that is missing here is really missing.

        A value that makes a resource exist may make its companions exist too.
        """
        return self.is_complete and resource.assumption is None


class RequiredAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """What the selected rules ask of a graph, so that readers do no work that no rule needs.

    ``paths`` maps an Azure type in lower case to the attribute paths that rules read. ``reference_paths`` maps an
    attribute whose references are followed to the types, in lower case, that have it. ``everything`` requires all there
    is. ``today`` is the day that dates are compared with, None for the day of the run. ``relevant`` are the types, in
    lower case, that make a module worth reading. They come from all known rules, so that a selection reads the same
    modules as a full run and returns the same results.
    """

    paths: Mapping[str, frozenset[Path]]
    reference_paths: Mapping[str, frozenset[str]]
    everything: bool = False
    today: date | None = None
    relevant: frozenset[str] = frozenset()

    def is_relevant(self, type_: str) -> bool:
        """Return whether a module that declares the type is read."""
        return self.everything or type_.lower() in self.relevant or type_.lower() in self.paths

    def paths_of(self, type_: str) -> frozenset[Path] | None:
        """The paths asked of a type; None if the type is of no interest."""
        return frozenset({()}) if self.everything else self.paths.get(type_.lower())
