"""One walk from an expression of a plan's configuration along its references, to the resources that they name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from azkvlint.azure.azurerm.resources import is_azure, is_own_id, linked_type
from azkvlint.model.value import Link
from azkvlint.readers.plan.address import (
    Key,
    ModulePath,
    Names,
    Rest,
    Traversal,
    ends_like_id,
    key_of,
    longest,
    named_steps,
    split,
)
from azkvlint.readers.plan.configuration import (
    Instances,
    InstanceSelector,
    Node,
    PlanConfiguration,
    Users,
    expression_at,
    references,
)

# The outputs of these types may be any string.
_ANY_TEXT = ("azapi_", "template_deployment", "deployment_script")
_NOTHING: frozenset[str] = frozenset()


class CandidateTypes:
    """The types of the resources in modules, computed once per module."""

    def __init__(self, configuration: PlanConfiguration) -> None:
        self._configuration = configuration
        self._inside: dict[Names, frozenset[str] | None] = {}

    def visible_types(self, names: Names) -> frozenset[str] | None:
        """Return the Terraform types that an unknown ID in a module may name; None if it may name any type.

        Variables of the root module are known; those of other modules have the values that the caller passes.
        """
        found = _NOTHING
        for depth in range(len(names) + 1):
            inside = self._module_types(names[:depth])
            if inside is None:
                return None
            found |= inside
        return found

    def _module_types(self, names: Names) -> frozenset[str] | None:
        """Return the types in a module and in the child modules that have outputs."""
        if names not in self._inside:
            self._inside[names] = self._find_types(names)
        return self._inside[names]

    def _find_types(self, names: Names) -> frozenset[str] | None:
        module = self._configuration.module(names)
        blocks, calls = module.get("resources"), module.get("module_calls")
        found: set[str] = set()
        for block in blocks if isinstance(blocks, list) else ():
            if not isinstance(block, dict):
                return None
            type_ = str(block.get("type"))
            if block.get("mode") != "data" and is_azure(type_) and not any(word in type_ for word in _ANY_TEXT):
                found.add(type_)
            elif self._may_wait(names, block):
                return None
        for name in calls if isinstance(calls, dict) else ():
            if self._configuration.module((*names, name)).get("outputs"):
                below = self._module_types((*names, name))
                if below is None:
                    return None
                found |= below
        return frozenset(found)

    def _may_wait(self, names: Names, block: Node) -> bool:
        """Return whether a block is a resource, or a data source that may be read at apply time.

        A data source is read at apply time if its arguments or its provider's are unknown, or because of
        ``depends_on``. Source: Terraform's internal/terraform/node_resource_abstract_instance.go (planDataSource).
        """
        calls = (self._configuration.call(names[:depth]) for depth in range(1, len(names) + 1))
        if block.get("mode") != "data" or any(outer.get("depends_on") for outer in (block, *calls)):
            return True
        key = self._configuration.provider_key(names, str(block.get("address")))
        provider = self._configuration.providers().get(key, {})
        return not all(
            _is_known(where, text)
            for where, node in ((names, block), (names if ":" in key else (), provider))
            for text in references(node.get("expressions"))
        )


def _is_known(names: Names, reference: str) -> bool:
    """Return whether a reference in a module is certainly known during planning."""
    if reference.startswith("var."):
        return not names
    return reference.startswith(("path.", "terraform.", "each.key", "count."))


# Deeper and longer walks end in "perhaps anything": no configuration of a person's needs them.
MAX_HOPS = 150
MAX_STEPS = 2000
# A reference may be reached along several paths.
_VISITS = 5


class WalkPosition(msgspec.Struct, frozen=True):
    """The position of an expression in a walk.

    It consists of the module instance, the key of the referring instance, its block (for ``each.value``; none in an
    output) and the instances of that block, the steps taken from the value (``.id``, ``["k"]``), the choice among
    instances if the expression itself makes none, and the depth of the walk.
    """

    path: ModulePath
    key: Key
    block: Node | None
    users: Users | None
    rest: Rest
    choice: InstanceSelector | None
    depth: int


class ReferenceWalk:
    """One walk along references, and its results: addresses with their Terraform types, and the ``hops`` to them.

    ``within`` are Terraform types whose resources are all possible targets too. ``anything``: a part of the walk ended
    where a plan shows nothing. ``by_key``: the result may depend on the key of the referring instance. ``argument`` is
    the argument whose value is traced. ``most`` is the maximum number of references to follow, ``steps`` the number
    reached so far.
    """

    def __init__(
        self,
        configuration: PlanConfiguration,
        made: CandidateTypes,
        instances: Instances,
        is_required: Callable[[str], bool],
        argument: str,
        most: int = MAX_STEPS,
    ) -> None:
        self.configuration = configuration
        self.made = made
        self.instances = instances
        self.is_required = is_required
        self.argument = argument
        self.most = most
        self.addresses: dict[str, str] = {}
        self.hops: dict[str, None] = {}
        self.within: frozenset[str] = frozenset()
        self.anything = False
        self.by_key = False
        self._seen: set[tuple[str, ModulePath, Key, Users | None, Rest, InstanceSelector | None]] = set()
        self.steps = 0

    def follow(self, refs: list[str], at: WalkPosition) -> None:
        """Follow all references of one expression."""
        every = longest(tuple(refs))
        found = [ref for ref in every if ref.kind != "known"]
        if not found:
            return
        chosen = found
        if found[0].is_whole:
            # X[each.key].id: references after a whole reference choose the instance, unless they may be IDs.
            chosen = [found[0], *(ref for ref in found[1:] if ref.may_be_id)]
        followed = {ref.text for ref in chosen}
        choice = _choice(at, [ref for ref in every if ref.text not in followed])
        if len(chosen) > 1:
            # An index may count the items of all of them.
            at = msgspec.structs.replace(at, rest=tuple(step for step in at.rest if not isinstance(step, int)))
        for ref in chosen:
            self.steps += 1
            if len(self._seen) > self.most or self.steps > _VISITS * self.most:
                self.anything = True
                break
            self.follow_reference(ref, at, choice, sure=not at.rest or len(chosen) == 1 or ref.may_be_id)

    def follow_reference(self, ref: Traversal, at: WalkPosition, choice: InstanceSelector | None, sure: bool) -> None:
        """Follow one reference. Not ``sure``: it is probably another part of an object, so only an id counts."""
        place = (ref.text, at.path, at.key, at.users, at.rest, choice)
        if place in self._seen:
            return
        self._seen.add(place)
        before, new = (len(self.addresses), self.within, self.anything), ref.text not in self.hops
        self.hops[ref.text] = None
        if at.depth > MAX_HOPS or len(self._seen) > self.most or ref.kind in ("opaque", "other"):
            self.anything = True
        else:
            self._enter(ref, at, choice)
        if not sure:
            _, self.within, self.anything = before
        if new and before == (len(self.addresses), self.within, self.anything):
            self.hops.pop(ref.text)

    def _enter(self, ref: Traversal, at: WalkPosition, choice: InstanceSelector | None) -> None:
        match ref.kind:
            case "var":
                self.variable(ref, at, choice)
            case "module":
                self.output(ref, at, choice)
            case "each":
                self.each(ref, at)
            case "local":
                self.local(at)
            case _:
                self.resource(ref, at, choice)

    def variable(self, ref: Traversal, at: WalkPosition, choice: InstanceSelector | None) -> None:
        """Follow ``var.V`` to the argument of the caller; in the root module the value is known."""
        if not at.path:
            return
        names, keys = split(at.path)
        call = self.configuration.call(names)
        passed = call.get("expressions")
        if not call:
            self.anything = True
        elif isinstance(passed, dict):
            refs, users = references(passed.get(ref.name)), Users(names, "", keys[:-1])
            self.follow(
                refs, WalkPosition(at.path[:-1], keys[-1], call, users, ref.rest + at.rest, choice, at.depth + 1)
            )

    def local(self, at: WalkPosition) -> None:
        """Follow ``local.x``, whose unknown parts all come from its module."""
        seen = self.made.visible_types(split(at.path)[0])
        if seen is None:
            self.anything = True
        else:
            self.within |= seen

    def output(self, ref: Traversal, at: WalkPosition, choice: InstanceSelector | None) -> None:
        """Follow ``module.M[k].out`` to the expression of that output inside M.

        Where the output's name was lost (``module.M[each.key].out``) it is any that may be an id.
        """
        outputs = self.configuration.module((*split(at.path)[0], ref.name)).get("outputs")
        outputs = outputs if isinstance(outputs, dict) else {}
        rest = ref.rest + at.rest
        place = next((i for i, step in enumerate(rest) if key_of(step) is None and step in outputs), None)
        if not outputs or (ref.rest and place != 0):
            self.anything = True
            return
        name = None if place is None else rest[place]
        after = at.rest or ("id",) if place is None else rest[place + 1 :]
        inside = WalkPosition(
            (*at.path, (ref.name, ref.key)), None, None, None, after, _literal_choice(rest) or choice, at.depth + 1
        )
        for out in outputs if name is None else (name,):
            node = outputs[out]
            refs = references(node.get("expression")) if isinstance(node, dict) else []
            before = self.within, self.anything
            self.follow(refs, inside)
            if name is None and not ends_like_id((out,)) and not any(item.may_be_id for item in longest(tuple(refs))):
                self.within, self.anything = before

    def each(self, ref: Traversal, at: WalkPosition) -> None:
        """Follow ``each.value`` to an item of the collection of for_each."""
        if at.block is None:
            self.anything = True
            return
        refs = references(at.block.get("for_each_expression"))
        item = InstanceSelector(at.key, "item", at.users)
        self.follow(refs, WalkPosition(at.path, at.key, None, None, ref.rest + at.rest, item, at.depth + 1))

    def resource(self, ref: Traversal, at: WalkPosition, choice: InstanceSelector | None) -> None:
        """Follow a reference to a resource: its own ID, or the expression of another attribute."""
        names, _ = split(at.path)
        if self.is_required(ref.type) and not self.instances.has(names, ref.name):
            return
        written = self.configuration.resource(names, ref.name).get("expressions")
        written = written if isinstance(written, dict) else {}
        choice = _literal_choice(ref.rest + at.rest) or choice
        attribute = _attribute(ref, at.rest, written)
        if attribute is None and self.argument in written:
            # The attribute name was lost (``X[each.key].key_vault_id``). Then it is probably not the ID of X itself,
            # but it may be for ``parent_id``, since a parent may have a parent of its own.
            self._argument(ref, at, self.argument, written[self.argument], choice)
            if self.argument != "parent_id":
                return
        elif attribute is not None and attribute != "id" and attribute in written:
            self._argument(ref, at, attribute, written[attribute], choice)
            return
        if attribute is None or is_own_id(ref.type, attribute):
            addresses, chosen = self.instances.find(at.path, ref.name, ref.key, choice)
            self.by_key = self.by_key or chosen
            self.addresses.update(dict.fromkeys(addresses, ref.type))
        else:
            self.anything = True

    def _argument(
        self, ref: Traversal, at: WalkPosition, name: str, expression: Any, choice: InstanceSelector | None
    ) -> None:
        """Follow the argument ``name`` of a resource."""
        if not ends_like_id((name,)) and name != "scope":
            self.anything = True
            return
        key = ref.key
        if key is None and choice is not None and choice.how in ("literal", "own"):
            key = choice.key
        names, keys = split(at.path)
        block, users = self.configuration.resource(names, ref.name), Users(names, ref.name, keys)
        self.follow(references(expression), WalkPosition(at.path, key, block, users, (), choice, at.depth + 1))


def is_keyed(ref: Traversal) -> bool:
    """Return whether a reference is the key, count index or for_each value of the instance that refers."""
    return ref.text.startswith(("each.", "count."))


def _choice(at: WalkPosition, others: list[Traversal]) -> InstanceSelector | None:
    """Return the choice of an instance by the references that are not followed themselves."""
    if at.block is None or not any(is_keyed(ref) for ref in others):
        return at.choice
    if all(ref.kind == "known" and is_keyed(ref) for ref in others):
        how = "own"
    else:
        how = "same" if [ref.text for ref in others] == ["each.value"] else "value"
    return InstanceSelector(at.key, how, at.users)


def _literal_choice(rest: Rest) -> InstanceSelector | None:
    """Return the choice of the first key among the steps."""
    key = next((key_of(step) for step in rest if key_of(step) is not None), None)
    return InstanceSelector(key, "literal") if key is not None else None


def _attribute(ref: Traversal, rest: Rest, written: Mapping[str, Any]) -> str | None:
    """Return the attribute that is taken from a resource; None if its name was lost, "" if it is not a plain one."""
    names = named_steps(ref.rest or rest)
    if len(names) == 1:
        return str(names[0])
    if not names:
        return None
    # A resource object may be a field of an object (``var.o.vault.id``), unless the names are those of its own blocks.
    return "" if ref.rest or names[0] in written else str(names[-1])


class ReferenceTargets(msgspec.Struct, frozen=True):
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
        self, configuration: PlanConfiguration, instances: Instances, is_required: Callable[[str], bool], steps: int
    ) -> None:
        self.configuration = configuration
        self.made = CandidateTypes(configuration)
        self.instances = instances
        self.is_required = is_required
        self._steps = steps
        self._kept: dict[tuple[ModulePath, str, Rest], ReferenceTargets] = {}
        # The certain links of all instances of a block in a module instance, which share the value.
        self.links: dict[tuple[ModulePath, str, Rest], Link] = {}
        self._blocks: dict[tuple[Names, str, Rest], _Written | None] = {}

    def trace(self, path: ModulePath, names: Names, resource: str, key: Key, argument: Rest) -> ReferenceTargets | None:
        """Return the targets of ``argument`` of a resource; None if the configuration has no such block or argument."""
        written = self._written(names, resource, argument)
        if written is None:
            return None
        if written.neighbour:
            address = self.instances.exact(names, path, written.neighbour)
            if address is not None:
                return ReferenceTargets(
                    (address,), (linked_type(written.neighbour.partition(".")[0]),), False, written.hops
                )
        question = (path, resource, argument)
        trace = self._kept.get(question)
        if trace is None:
            name = next((step for step in reversed(argument) if isinstance(step, str)), "")
            walk = ReferenceWalk(
                self.configuration, self.made, self.instances, self.is_required, name, min(MAX_STEPS, self._steps)
            )
            users = Users(names, resource, split(path)[1])
            walk.follow(written.refs, WalkPosition(path, key, written.block, users, (), None, 0))
            self._steps = max(self._steps - walk.steps, 0)
            anything = walk.anything or bool(walk.within) or not walk.addresses
            # If no ID is named, a local value may have extracted a subscription from one.
            is_certain = walk.addresses and not walk.anything
            types = _azure_types({*walk.addresses.values(), *walk.within}) if is_certain else ()
            trace = ReferenceTargets(tuple(walk.addresses), types, anything, tuple(walk.hops), walk.by_key)
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
