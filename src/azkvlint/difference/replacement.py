"""What replaces what: which vault, managed HSM or key of BASE each one of HEAD is, for each platform.

Terraform identifies a resource by its address, and moves only ``x`` and ``x[0]`` to each other by itself: any other
change of an address destroys the resource, unless a ``moved`` block names both, or a ``removed`` block keeps it. Azure
Resource Manager identifies a resource by its name and group: with another one it is another resource, and the old one
stays, unless a deployment in complete mode or a deployment stack deletes it. The name of a vault is unique in Azure.

Sources: developer.hashicorp.com/terraform/language/modules/develop/refactoring, .../language/block/removed and
.../language/block/import; learn.microsoft.com/azure/azure-resource-manager/templates/deployment-modes and
.../bicep/deployment-stacks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias, TypeVar

import msgspec

from azkvlint.difference.one_way_doors import ResourcePair, ResourceState, with_ignored_changes
from azkvlint.difference.sides import ProtectedBlock, RootState
from azkvlint.difference.unread import Doubts, MissingModules, Unread, missing_modules
from azkvlint.graph.references import may_equal
from azkvlint.model.location import Location, static_address

# The end of the address of an instance whose key is not known.
_ANY_INSTANCE = "[*]"
_FIRST_INSTANCE = "[0]"
# A chain of `moved` blocks that is longer is a circle.
_MOST_MOVES = 50
_GONE = ("delete", "forget")
_WITHOUT_MOVED = "its address changes to {} without a `moved` block"
_UNCALLED = "whether the module still sets `prevent_destroy`"
_ANY_KEY = "the instance keys of {} are not known"
_OTHER_WORLD = "whether BASE deploys it with other parameters"
_Key: TypeAlias = tuple[Hashable, ...]
_Thing = TypeVar("_Thing")
RootKey: TypeAlias = tuple[str, str]


class RootPair(NamedTuple):
    """A root of BASE with one base world, and what HEAD has of it; one of them is None if only one side has it."""

    before: RootState | None
    after: RootState | None


class Paired(NamedTuple):
    """The resources of one pair of roots. ``gone`` is what HEAD does not have of the root of BASE, in words."""

    roots: RootPair
    pairs: list[ResourcePair]
    gone: str = ""


def pair_worlds(
    base: Sequence[RootState],
    head: Sequence[RootState],
    observed: Mapping[str, str],
    is_same: Callable[[str, str], bool],
    unread: Unread,
) -> list[RootPair]:
    """Return the roots of both sides in pairs, each with one base world.

    Base worlds of a template are paired by the path of the parameter file, then by its name, then by the names of
    vaults that its values lead to; the last one of each side is a pair too, unless both have names. ``observed`` are
    the paths of roots in HEAD by those of BASE, and ``is_same`` returns whether a path of BASE is that of HEAD. A
    parameter file that the other side has, and cannot read, is not another one.
    """
    olds, news = _by_path(base), _by_path(head)
    found: list[RootPair] = []
    for path, worlds in olds.items():
        others = news.get(observed.get(path, ""), [])
        found += _worlds_of(worlds, others, is_same, unread)
    taken = {id(pair.after) for pair in found}
    found += [RootPair(None, one) for one in head if id(one) not in taken]
    return found


def _by_path(roots: Iterable[RootState]) -> dict[str, list[RootState]]:
    found: dict[str, list[RootState]] = {}
    for root in roots:
        found.setdefault(root.path, []).append(root)
    return found


def _worlds_of(
    olds: Sequence[RootState], news: Sequence[RootState], is_same: Callable[[str, str], bool], unread: Unread
) -> Iterator[RootPair]:
    left, rest = list(olds), list(news)

    def take(before: RootState, after: RootState) -> RootPair:
        left.remove(before)
        rest.remove(after)
        return RootPair(before, after)

    for before in olds:
        after = next((one for one in rest if before.world == one.world or is_same(before.world, one.world)), None)
        if after is not None:
            yield take(before, after)
    hidden = [one for one in left if unread.is_other_unread(one.world, is_base=True)]
    left = [one for one in left if one not in hidden]
    rest = [one for one in rest if not unread.is_other_unread(one.world, is_base=False)]
    for before, after in unique_pairs(left, rest, _world_name, _world_name):
        yield take(before, after)
    scores = sorted(
        ((_vault_names(one) & _vault_names(other), one, other) for one in left for other in rest),
        key=lambda found: (-len(found[0]), found[1].world, found[2].world),
    )
    for names, before, after in scores:
        if names and any(one is before for one in left) and any(one is after for one in rest):
            yield take(before, after)
    if len(left) == len(rest) == 1 and not (_vault_names(left[0]) and _vault_names(rest[0])):
        yield take(left[0], rest[0])
    yield from [RootPair(before, None) for before in (*left, *hidden)]


def _world_name(root: RootState) -> _Key | None:
    return (root.world_name,) if root.world_name else None


def _vault_names(root: RootState) -> set[tuple[str, str]]:
    return {(one.type, one.name.lower()) for one in root.states if one.name and one.action not in _GONE}


def pair_resources(roots: Iterable[RootPair], in_base: Callable[[Location], Location], unread: Unread) -> list[Paired]:
    """Return the vaults, managed HSMs and keys of all roots in pairs, or alone on one side.

    ``in_base`` returns a place of BASE without lines that do not exist.
    """
    roots = list(roots)
    kept = {root.before.path for root in roots if root.before is not None and root.after is not None}
    found: list[Paired] = []
    for root in roots:
        new = [] if root.after is None else root.after.states
        origin = new[0].origin if new else None
        old = [] if root.before is None else [_as_in_head(one, in_base, origin) for one in root.before.states]
        is_terraform = any(one.is_terraform for one in (*old, *new))
        moved = {} if root.after is None else root.after.moved
        pairs = _of_terraform(old, new, moved) if is_terraform else _of_template(old, new)
        gone = "root module or template" if root.before is not None and root.after is None else ""
        if gone and root.before is not None and root.before.path in kept:
            gone = "parameter file"
        doubts = unread.of_pair(*root)
        gone = "" if doubts.head else gone
        protected = {} if root.after is None else root.after.protected
        deployed = (_protected(_as_deployed(pair), protected) for pair in pairs)
        missing = missing_modules(*root)
        found.append(
            Paired(root, [_doubted(pair, doubts, missing) for pair in deployed if _is_read(pair, doubts)], gone)
        )
    return _across_templates(found)


def _as_deployed(pair: ResourcePair) -> ResourcePair:
    """Return a pair in which the resource of HEAD has what Terraform does not change of a deployed one."""
    before, after = pair.before, pair.after
    if before is None or after is None or pair.why or pair.doubt:
        return pair
    is_open = before.recovers or bool(before.recovery_doubt)  # what the vault has is not known
    recovered = after if (after.recovers or after.recovery_doubt) and not is_open else None
    return pair._replace(after=with_ignored_changes(before, after), recovered=recovered)


def _protected(pair: ResourcePair, blocks: Mapping[str, ProtectedBlock]) -> ResourcePair:
    """Return a pair with what Terraform refuses to destroy, by the block that declares it in HEAD.

    A block that is removed protects nothing.
    """
    before, after = pair.before, pair.after
    is_ending = after is None or bool(pair.why)
    if before is None or not is_ending or not before.is_terraform or pair.doubt or before.action == "create":
        return pair
    block = blocks.get(static_address(before.address))
    if block is not None:
        if block.doubt:
            return pair._replace(doubt=block.doubt)
        root, world = (before.root, before.world) if after is None else (after.root, after.world)
        return pair._replace(refused=msgspec.structs.replace(before, at=block.at, root=root, world=world))
    if before.prevents_destroy is True and any(
        one in blocks and blocks[one].is_call for one in map(static_address, _starts(before.address))
    ):
        return pair._replace(doubt=_UNCALLED)
    return pair


def _is_read(pair: ResourcePair, doubts: Doubts) -> bool:
    """Return whether both sides of a pair are known to have the values that are compared."""
    return None in pair[:2] or not doubts.are_values_unread


def _doubted(pair: ResourcePair, doubts: Doubts, missing: MissingModules) -> ResourcePair:
    """Return a pair with what would decide it, if what one side does not have may be in a file that is not read."""
    before, after = pair.before, pair.after
    doubt = ""
    if before is None and after is not None:
        doubt = doubts.base or missing.declared_in_base(after.address, is_terraform=after.is_terraform)
    elif before is not None and (after is None or pair.why):
        # In a template, what HEAD does not declare stays.
        own = missing.declared_in_head(before.address, is_terraform=True) if before.is_terraform else ""
        doubt = doubts.head or own
    return pair._replace(doubt=doubt) if doubt else pair


def _as_in_head(state: ResourceState, in_base: Callable[[Location], Location], origin: str | None) -> ResourceState:
    """Return a resource of BASE with the origin that its root has in HEAD, if it is there."""
    return msgspec.structs.replace(state, at=in_base(state.at), origin=state.origin if origin is None else origin)


def _of_terraform(
    old: Sequence[ResourceState], new: Sequence[ResourceState], moved: Mapping[str, str]
) -> Iterator[ResourcePair]:
    """Yield the pairs of one root module, whose resources are identified by their addresses."""
    left = {one.address: one for one in new}
    rest = [
        msgspec.structs.replace(
            one, address=moved_address(one.address, moved), parent=moved_address(one.parent, moved), was=one.address
        )
        for one in old
    ]
    for address_of in (str, moved_by_itself):
        others, rest = rest, []
        for before in others:
            after = left.get(address_of(before.address))
            if after is None or after.type != before.type or after.action == "forget":
                rest.append(before)
            else:
                del left[after.address]
                yield ResourcePair(msgspec.structs.replace(before, address=after.address), after)
    found = [*_removed(rest, left)]
    found += _readdressed([one for one in rest if all(one is not pair.before for pair in found)], left)
    yield from found
    ended = {id(pair.before) for pair in found}
    for before in (one for one in rest if id(one) not in ended):
        unknown = next((one for one in new if _may_be_instance(one, before)), None)
        if unknown is not None:
            left.pop(unknown.address, None)
        yield ResourcePair(
            before, unknown, doubt="" if unknown is None else _ANY_KEY.format(static_address(before.address))
        )
    yield from (ResourcePair(None, one) for one in left.values())


def _removed(rest: Iterable[ResourceState], left: dict[str, ResourceState]) -> Iterator[ResourcePair]:
    """Yield the resources in ``removed`` blocks. One that stays may be imported at another address."""
    # The address of a block has no instance key.
    removed = (one for one in left.values() if one.action in _GONE and not one.address.endswith("]"))
    blocks = {static_address(one.address): one for one in removed}
    imported = {name: one for one in left.values() if one.is_imported and (name := _name_of(one)) is not None}
    for before in rest if blocks else ():
        block = blocks.get(static_address(before.address))
        if block is not None:
            left.pop(block.address, None)
            after = imported.pop(_name_of(before) or (), None) if block.action == "forget" else None
            yield ResourcePair(before, block if after is None else left.pop(after.address))


def _readdressed(rest: Sequence[ResourceState], left: dict[str, ResourceState]) -> Iterator[ResourcePair]:
    """Yield the resources that Terraform destroys, and creates at another address."""
    old, new = list(rest), [one for one in left.values() if one.action not in _GONE]
    for key_of in (_name_of, _static_key):
        for before, after in unique_pairs(old, new, key_of, key_of):
            is_other = before.name and after.name and before.name != after.name
            if not is_other and not _may_be_instance(before, after):
                old.remove(before)
                new.remove(after)
                yield ResourcePair(before, left.pop(after.address), why=_WITHOUT_MOVED.format(after.address))


def _may_be_instance(one: ResourceState, other: ResourceState) -> bool:
    is_unknown = _ANY_INSTANCE in one.address or _ANY_INSTANCE in other.address
    return is_unknown and _static_key(one) == _static_key(other)


def moved_by_itself(address: str) -> str:
    """Return the address to which Terraform moves a resource if ``count`` is added or removed."""
    return address.removesuffix(_FIRST_INSTANCE) if address.endswith(_FIRST_INSTANCE) else f"{address}{_FIRST_INSTANCE}"


def _of_template(old: Sequence[ResourceState], new: Sequence[ResourceState]) -> Iterator[ResourcePair]:
    """Yield the pairs of one template, whose resources are identified by their names and groups in Azure."""
    rest, others = list(old), list(new)
    by_address = {one.address: one for one in new}
    for before in old:
        after = by_address.get(before.address)
        if after is not None and may_be_same(before, after):
            rest.remove(before)
            others.remove(after)
            yield ResourcePair(before, after)
    for key_of in (_name_of, _static_key):
        for before, after in unique_pairs(rest, others, key_of, key_of):
            if may_be_same(before, after):
                rest.remove(before)
                others.remove(after)
                yield ResourcePair(msgspec.structs.replace(before, address=after.address, was=before.address), after)
    replaced = {one.address for one in rest}
    created = {one.address: _ambiguous(one) if one.address in replaced else one for one in others}
    for before in rest:
        successor = created.get(before.address)
        yield ResourcePair(before if successor is None else _ambiguous(before), None, successor=successor)
    yield from (ResourcePair(None, one) for one in created.values())


def _ambiguous(state: ResourceState) -> ResourceState:
    return msgspec.structs.replace(state, is_ambiguous=True)


def may_be_same(before: ResourceState, after: ResourceState) -> bool:
    """Return whether two declarations of a template may be one resource in Azure: name and group, as far as known."""
    if before.type != after.type:
        return False
    groups = [one.group for one in (before, after)]
    if all(groups) and groups[0] != groups[1]:
        return False
    names = [(one.name or one.identity).lower() for one in (before, after)]
    return not all(names) or may_equal(names[0], names[1])


def _across_templates(found: list[Paired]) -> list[Paired]:
    """Return the pairs without those resources of templates that another template or base world deploys by name too."""
    sides: list[Counter[_Key]] = [Counter(), Counter()]
    open_: dict[tuple[str, str], list[ResourceState]] = {}
    for one in found:
        for pair in one.pairs:
            for number, state in enumerate((pair.before, pair.after)):
                key = known_name(state)
                if key is not None:
                    sides[number][key] += 1
            if pair.before is not None and not pair.before.name and one.roots.after is not None:
                open_.setdefault((one.roots.after.path, pair.before.address), []).append(pair.before)
    result = []
    for one in found:
        pairs = []
        for pair in one.pairs:
            old, new = known_name(pair.before), known_name(pair.after)
            is_elsewhere = (pair.after is None and old in sides[1]) or (pair.before is None and new in sides[0])
            if is_elsewhere:
                pairs.append(pair._replace(is_elsewhere=True))
            elif pair.before is None and pair.after is not None and one.roots.after is not None:
                after = pair.after
                others = open_.get((one.roots.after.path, after.address), ())
                may_exist = any(may_be_same(other, after) for other in others)
                pairs.append(pair._replace(doubt=_OTHER_WORLD) if may_exist else pair)
            else:
                pairs.append(pair)
        result.append(one._replace(pairs=pairs))
    return result


def known_name(state: ResourceState | None) -> _Key | None:
    """Return the type and name of a resource of a template that stays, if it is known; a key belongs to its vault."""
    if state is None or state.is_terraform or not state.name or state.action in _GONE or state.is_inside:
        return None
    return state.type, state.name.lower(), state.group


def _name_of(state: ResourceState) -> _Key | None:
    name = state.name or state.identity
    if not name or state.action in _GONE:
        return None
    return state.type, name.lower(), state.parent if state.is_inside else ""


def _static_key(state: ResourceState) -> _Key:
    return state.type, static_address(state.address)


def moved_address(address: str, moved: Mapping[str, str]) -> str:
    """Return the address of a resource after the ``moved`` blocks that apply to it, its modules or its instances."""
    for _ in range(_MOST_MOVES if moved else 0):
        start = next((one for one in _starts(address) if one in moved and _applies(one, moved[one], address)), None)
        if start is None:
            break
        address = moved[start] + address[len(start) :]
    return address


def _applies(old: str, new: str, address: str) -> bool:
    """Return whether a ``moved`` block applies to an address: from ``x`` to ``x[0]``, only to ``x`` without a key."""
    return not (new.endswith("]") and address[len(old) :].startswith("["))


def _starts(address: str) -> Iterator[str]:
    """Yield an address and the addresses of the modules and resources that contain it, longest first."""
    yield address
    is_quoted = False
    for at in range(len(address) - 1, 0, -1):
        if address[at] == '"' and address[at - 1] != "\\":
            is_quoted = not is_quoted
        elif not is_quoted and address[at] in ".[":
            yield address[:at]


def unique_pairs(
    base: Iterable[_Thing],
    head: Iterable[_Thing],
    of_base: Callable[[_Thing], _Key | None],
    of_head: Callable[[_Thing], _Key | None],
) -> list[tuple[_Thing, _Thing]]:
    """Return the pairs of things with a key that no other thing of its side has."""
    sides: list[dict[_Key, list[_Thing]]] = []
    for things, key_of in ((base, of_base), (head, of_head)):
        by_key: dict[_Key, list[_Thing]] = {}
        for thing in things:
            key = key_of(thing)
            if key is not None:
                by_key.setdefault(key, []).append(thing)
        sides.append(by_key)
    old, new = sides
    return [(things[0], new[key][0]) for key, things in old.items() if len(things) == 1 and len(new.get(key, ())) == 1]
