"""References that are unknown before apply, followed through ``configuration`` to the resources they name.

A plan leaves out ids that do not exist yet, and keeps only which references an expression makes: no operators, no
literals, no locals. So an answer is one of three: certainly this resource; one of these; or perhaps others. What is
known while planning (variables of the root module, constants, keys) cannot be where an unknown value comes from.
Source of the reference forms: Terraform's internal/command/jsonconfig/expression.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from azkvlint.azure.azurerm.resources import linked_type
from azkvlint.model.value import Link
from azkvlint.readers.plan.address import Key, ModulePath, Names, split
from azkvlint.readers.plan.candidates import CandidateTypes
from azkvlint.readers.plan.configuration import Configuration, Node, expression_at, references
from azkvlint.readers.plan.instances import Instances, Users
from azkvlint.readers.plan.reference_walk import MAX_STEPS, Walk, WalkPosition
from azkvlint.readers.plan.traversal import Rest, longest


class Trace(msgspec.Struct, frozen=True):
    """The targets of a reference: one of ``addresses``, or (``anything``) possibly another one.

    ``types`` are the Azure types of all possible targets ("" for a type without a mapping), empty if they are unknown.
    ``hops`` are the references followed. ``by_key``: the result may depend on the key of the referring instance.
    """

    addresses: tuple[str, ...]
    types: tuple[str, ...]
    anything: bool
    hops: tuple[str, ...]
    by_key: bool = False

    @property
    def is_certain(self) -> bool:
        """Return whether there is exactly one possible target."""
        return len(self.addresses) == 1 and not self.anything


class _Written(msgspec.Struct, frozen=True):
    """The expression of one argument. ``neighbour``: it is nothing but the id of this resource in the same module, the
    most frequent form of all.
    """

    block: Node
    refs: list[str]
    neighbour: str
    hops: tuple[str, ...]


def _written(block: Node, refs: list[str]) -> _Written:
    found = longest(tuple(refs))
    first = found[0] if len(found) == 1 else None
    plain = first is not None and first.kind == "azure" and first.key is None and first.rest == ("id",)
    neighbour = first.name if plain and first is not None and not first.name.startswith("data.") else ""
    return _Written(block, refs, neighbour, tuple(ref.text for ref in found))


class Tracer:
    """Follows the references of one plan, and caches results that do not depend on the key of the instance.

    ``is_required`` returns whether the instances of a Terraform type are in ``instances``: an instance of such a type
    that is not there does not exist, or is known. ``steps`` limits the number of references followed in total.
    """

    def __init__(
        self, configuration: Configuration, instances: Instances, is_required: Callable[[str], bool], steps: int
    ) -> None:
        self.configuration = configuration
        self.made = CandidateTypes(configuration)
        self.instances = instances
        self.is_required = is_required
        self._steps = steps
        self._kept: dict[tuple[ModulePath, str, Rest], Trace] = {}
        # The certain links of all instances of a block in a module instance, which share the value.
        self.links: dict[tuple[ModulePath, str, Rest], Link] = {}
        self._blocks: dict[tuple[Names, str, Rest], _Written | None] = {}

    def trace(self, path: ModulePath, names: Names, resource: str, key: Key, argument: Rest) -> Trace | None:
        """Return the targets of ``argument`` of a resource; None if the configuration has no such block or argument."""
        written = self._written(names, resource, argument)
        if written is None:
            return None
        if written.neighbour:
            address = self.instances.exact(names, path, written.neighbour)
            if address is not None:
                return Trace((address,), (linked_type(written.neighbour.partition(".")[0]),), False, written.hops)
        question = (path, resource, argument)
        trace = self._kept.get(question)
        if trace is None:
            name = next((step for step in reversed(argument) if isinstance(step, str)), "")
            walk = Walk(
                self.configuration, self.made, self.instances, self.is_required, name, min(MAX_STEPS, self._steps)
            )
            users = Users(names, resource, split(path)[1])
            walk.follow(written.refs, WalkPosition(path, key, written.block, users, (), None, 0))
            self._steps = max(self._steps - walk.steps, 0)
            anything = walk.anything or bool(walk.within) or not walk.addresses
            # If no ID is named, a local value may have extracted a subscription from one.
            is_certain = walk.addresses and not walk.anything
            types = _azure_types({*walk.addresses.values(), *walk.within}) if is_certain else ()
            trace = Trace(tuple(walk.addresses), types, anything, tuple(walk.hops), walk.by_key)
            if not walk.by_key:
                self._kept[question] = trace
        return trace

    def _written(self, names: Names, resource: str, argument: Rest) -> _Written | None:
        """Return the expression of an argument, looked up once for all instances of the block."""
        question = (names, resource, argument)
        if question not in self._blocks:
            block = self.configuration.resource(names, resource)
            expression = expression_at(block.get("expressions"), argument)
            self._blocks[question] = None if expression is None else _written(block, references(expression))
        return self._blocks[question]


def _azure_types(terraform_types: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(map(linked_type, terraform_types))))
