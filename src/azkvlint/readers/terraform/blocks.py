"""The content of a resource or of one of its blocks: attributes, and blocks, dynamic blocks included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from azkvlint.evaluation.budget import MAX_ITEMS
from azkvlint.evaluation.operators import Local
from azkvlint.evaluation.terraform.alternatives import step_into
from azkvlint.evaluation.values import ANY_ATTRIBUTE, Fields, Items, Partly, Result, doubt_in, is_large
from azkvlint.model.location import Location
from azkvlint.model.pattern import Pattern, bare
from azkvlint.model.value import MAY_BE_ABSENT, Absent, Scalar, Unknown
from azkvlint.readers.modules.values import KeptValues, without_value
from azkvlint.readers.terraform.expansion import of_item
from azkvlint.readers.terraform.folder import FileAttribute, FileBlock, TerraformDeclaration
from azkvlint.syntax import ast
from azkvlint.util.errors import InputError

if TYPE_CHECKING:
    from azkvlint.readers.terraform.run import ModuleScope

_LEAVES = (Scalar, Unknown, Absent)
# Longer lists are not copied wherever they are passed on.
_SHORT = 100
# Of blocks that may exist: more are not described.
_MOST_POSSIBLE = 50


def relocate(found: Result, at: Location, instance: ModuleScope) -> Result:
    """Return a text, number, boolean, null or unknown value at an attribute of a module, unless a caller of it wrote
    it.

    So is a short list of them. Other collections keep their locations.
    """
    if isinstance(found, _LEAVES):
        return _leaf(found, at, instance)
    if isinstance(found, Items) and len(found.items) <= _SHORT and all(isinstance(one, _LEAVES) for one in found.items):
        return _deeply(found, at, instance)
    return found


def relocate_deeply(found: Result, at: Location, instance: ModuleScope) -> Result:
    """Return a value with all its parts at an attribute of a module."""
    if isinstance(found, _WHOLES) and is_large(found):
        return found
    return _deeply(found, at, instance)


def _deeply(found: Result, at: Location, instance: ModuleScope) -> Result:
    if isinstance(found, _LEAVES):
        return _leaf(found, at, instance)
    if not isinstance(found, _WHOLES):
        return found
    place = found.at if _stays(found.at, at, instance) else _with_cause(at, found.at)
    if isinstance(found, Items):
        items = [_deeply(item, at, instance) for item in found.items]
        return msgspec.structs.replace(found, at=place, items=items)
    fields = {name: _deeply(item, at, instance) for name, item in found.fields.items()}
    return msgspec.structs.replace(found, at=place, fields=fields)


def _stays(here: Location, at: Location, instance: ModuleScope) -> bool:
    """Return whether a value is in the attribute itself, or was passed by a caller of the module."""
    if instance.call.shown is not None:
        return instance.is_given(here)
    if here.path == at.path and here.span is not None and at.span is not None:
        return at.span[0] <= here.span[0] and here.span[1] <= at.span[1]
    return instance.is_given(here)


def _leaf(found: Scalar | Unknown | Absent, at: Location, instance: ModuleScope) -> Result:
    if _stays(found.at, at, instance):
        return found
    return msgspec.structs.replace(found, at=_with_cause(at, found.at))


def _with_cause(at: Location, cause: Location) -> Location:
    """Return the attribute's place, with what it comes from."""
    return at.caused_by(cause)


# Functions that concatenate lists, and functions that keep the items of a list.
_JOINS = frozenset({"concat", "setunion"})
_SAME_ITEMS = frozenset({"distinct", "sort", "tolist", "toset"})
_SETS = frozenset({"setunion", "toset"})
_WHOLES = (Items, Fields)
# Meta-argument blocks, which are not part of the resource itself.
_META = frozenset({"lifecycle", "provisioner", "connection", "timeouts", "dynamic"})


class BlockContext(Protocol):
    """The context of a block: its location, and the names that its expressions can refer to."""

    @property
    def at(self) -> Location:
        """Return the location of the block header."""

    @property
    def local(self) -> Local:
        """Return ``each``, ``count``, and the iterators of dynamic blocks."""


class BodyContent(KeptValues):
    """The attributes and blocks of a resource, or of one of its blocks, as their author wrote them.

    If a part of it cannot be read, an argument that is not found may be in that part.
    """

    base: BodyContent | None

    def __init__(self, instance: ModuleScope, written: TerraformDeclaration | FileBlock, around: BlockContext) -> None:
        super().__init__(instance.run)
        self.instance = instance
        self.at = around.at
        self.local = around.local
        self.pieces: Mapping[str, FileAttribute] = written.attributes
        self._written = written
        self._is_damaged = written.is_damaged
        self._is_own = instance.call.shown is None

    def close(self) -> None:
        """Release all references: see ``ModuleInstance.close``."""
        super().close()
        self.base = None

    @property
    def arguments(self) -> frozenset[str] | None:
        """Return the names of all attributes and blocks that are written; None if a part cannot be read."""
        return None if self._is_damaged else self._written.arguments

    def attribute(self, name: str) -> Result | None:
        """Return the value of an attribute, located where its owner edits it; None if it is not written."""
        piece = self.pieces.get(name)
        if piece is None:
            return self._lost(name) if self._is_damaged else None
        if self._is_own and piece.literal is not None:
            return piece.literal
        return self.once(name, self._evaluate, piece)

    def recursive(self, key: str, *args: Any) -> Result:  # noqa: ARG002  # the attribute has the name
        """See the base class."""
        return Unknown(at=self.at, why=f"`{key}` refers to itself")

    def charge(self, made: Result) -> None:
        """Count nothing: the parts of a value are counted where it is evaluated."""

    def _evaluate(self, piece: FileAttribute) -> Result:
        found = self.instance.evaluate(piece, self.local)
        if not isinstance(found, _WHOLES):
            return found
        placed = relocate_deeply(found, self.instance.locate(piece), self.instance)
        self.instance.run.recorder.replace(found, placed)
        return placed

    def partial_list(self, name: str) -> Items | None:
        """Return a list that is put together of others, some of which are not known: each of those is one item that may
        not be there. None for any other attribute.
        """
        piece = self.pieces.get(name)
        node = piece.attribute.expression() if piece is not None else None
        while isinstance(node, ast.Call) and node.name in _SAME_ITEMS and len(node.arguments) == 1:
            node = node.arguments[0]
        if piece is None or not isinstance(node, ast.Call) or node.name not in _JOINS or node.spread:
            return None
        items: list[Result] = []
        known = 0
        for argument in node.arguments:
            found = self.instance.evaluate_node(piece, argument, self.local)
            if isinstance(found, Items):
                items += found.items
                known += len(found.items)
            else:
                items.append(
                    msgspec.structs.replace(doubt_in("the value is not a list", found.at, found), note=MAY_BE_ABSENT)
                )
        if not known:
            return None
        at = self.instance.locate(piece)
        whole = relocate_deeply(Items(at=at, items=items), at, self.instance)
        return whole if isinstance(whole, Items) else None

    def _lost(self, name: str) -> Unknown | None:
        """Return an unknown value for a name that is not found, if it may be in an unreadable part."""
        return (
            Unknown(at=self.at, why=f"`{name}` may be set in a part that cannot be read") if self._is_damaged else None
        )

    def blocks(self, name: str, single: bool = False) -> list[BodyContent | Values] | Unknown | None:
        """Return the blocks of a type in order; Unknown if their number is unknown, None if there is no block.

        An attribute of the same name is equivalent: ``access_policy = [{ ... }]``, and all blocks in JSON. ``single``:
        the type allows one block, which is treated like an argument, so the defaults of variables determine whether it
        is set. Repeated blocks are separate items, which may exist if variables have other values than their defaults.
        """
        found, doubts, written = self._generated_blocks(name, single)
        if doubts:
            return doubts[0][0]
        if name in self.pieces:
            return _value_blocks(name, self.attribute(name))
        lost = self._lost(name)
        return lost if lost is not None else found if written else None

    def certain_blocks(self, name: str) -> tuple[list[BodyContent | Values], list[tuple[Unknown, list[BodyContent]]]]:
        """Return the blocks of a type that exist regardless of how many others do, and why others may exist.

        With each reason, what these others are like, as far as the code states it.
        """
        found, doubts, _ = self._generated_blocks(name)
        return found, [(why, [] if why.sensitive else self._possible(part)) for why, part in doubts]

    def _generated_blocks(
        self, name: str, single: bool = False
    ) -> tuple[list[BodyContent | Values], list[tuple[Unknown, FileBlock]], bool]:
        """Return the blocks of a type, what may generate more and why, and whether any is written."""
        found: list[BodyContent | Values] = []
        doubts: list[tuple[Unknown, FileBlock]] = []
        written = False
        for part in self._written.blocks:
            block = part.block
            if block.type == name:
                written = True
                found.append(self._inner(part, self.local))
            elif block.type == "dynamic" and block.labels == (name,):
                written = True
                made = self._dynamic(part, single)
                if isinstance(made, Unknown):
                    doubts.append((made, part))
                else:
                    found += made
        return found, doubts, written

    def _inner(self, part: FileBlock, local: Local) -> BodyContent:
        instance = self.instance
        instance.report_faults(part.path, part.block.body.faults)
        at = instance.locate(part)
        return BodyContent(instance, part, _BlockContext(at, local))

    def _dynamic(self, part: FileBlock, single: bool) -> list[BodyContent | Values] | Unknown:
        """Return the blocks that a dynamic block generates."""
        self.instance.report_faults(part.path, part.block.body.faults)
        content = next((inner for inner in part.blocks if inner.block.type == "content"), None)
        over = part.attributes.get("for_each")
        if content is None or over is None:
            at = self.instance.locate(part)
            return Unknown(at=at, why="a dynamic block has no `content` or `for_each`")
        recorder = self.instance.run.recorder
        found, read = recorder.of(self.instance.evaluate, over, self.local)
        doubt = _is_open(found)
        if doubt is not None:
            return doubt
        pairs = list(_pairs_of(found))
        if not pairs:
            doubt = None if single else self._may_have_blocks(part, over)
            return [] if doubt is None else doubt
        if len(pairs) > MAX_ITEMS:
            at = self.instance.locate(part)
            self.instance.run.report_unreadable(f"a dynamic block creates more than {MAX_ITEMS:,} blocks", at)
            return Unknown(at=at, why="a dynamic block creates too many blocks")
        name, is_set = self._iterator(part), isinstance(found, Items) and found.kind == "set"
        made: list[BodyContent | Values] = []
        for key, value in pairs:
            # The key of an item of a set is the item.
            item = Fields(at=value.at, fields={"key": value if is_set else key, "value": value})
            of_this = of_item(read, str(key.value)) if read is not None and isinstance(key, Scalar) else read
            local = {**self.local, name: recorder.bind(item, of_this)}
            made.append(self._inner(content, local))
        return made

    def _possible(self, part: FileBlock) -> list[BodyContent]:
        """Return what the blocks are like that a dynamic block generates, of which the number is not known."""
        content = next((inner for inner in part.blocks if inner.block.type == "content"), None)
        over = part.attributes.get("for_each")
        node = over.attribute.expression() if over is not None else None
        if content is None or over is None or node is None:
            return []
        try:
            whole = self.instance.evaluate(over, self.local)
            is_empty = _is_open(whole) is None and not any(True for _ in _pairs_of(whole))
            instance = self._without_defaults() if is_empty else self.instance
        except InputError:
            return []
        if instance is None:
            return []
        failures, made = frozenset(instance.run.failures), []
        pairs = list(islice(_possible_pairs(instance, over, node, self.local), _MOST_POSSIBLE + 1))
        for key, value in pairs if len(pairs) <= _MOST_POSSIBLE else ():
            item = Fields(at=value.at, fields={"key": key, "value": value})
            at = instance.locate(content)
            made.append(BodyContent(instance, content, _BlockContext(at, {**self.local, self._iterator(part): item})))
            for name in content.attributes:
                made[-1].attribute(name)
        # The plan does not fail because of a block that need not exist.
        for place in [one for one in instance.run.failures if one not in failures]:
            del instance.run.failures[place]
        return made

    def _without_defaults(self) -> ModuleScope | None:
        """Return the module without the defaults of the root's variables; None if it is not used then."""
        worlds = self.instance.run.worlds
        return None if worlds is None else worlds().open_module(self.instance)

    def _may_have_blocks(self, part: FileBlock, over: FileAttribute) -> Unknown | None:
        """Return why a dynamic block without items may have some; None if not only a default leaves them out."""
        instance = self.instance
        if instance.run.worlds is None or isinstance(over.attribute.expression(), ast.Literal):
            return None
        try:
            module = self._without_defaults()
            found = module.evaluate(over, self.local) if module is not None else None
        except InputError as error:
            at = instance.locate(part)
            why = instance.run.skip_for(error, part.block.labels[0], at)
            return Unknown(at=at, why=why)
        if found is None:
            return None
        doubt = _is_open(found)
        if doubt is None and any(True for _ in _pairs_of(found)):
            doubt = Unknown(at=found.at, why=without_value("an input variable in the condition", has_default=True))
        return doubt

    def _iterator(self, part: FileBlock) -> str:
        piece = part.block.body.attributes.get("iterator")
        node = piece.expression() if piece is not None else None
        if isinstance(node, ast.Name):
            return node.name
        if isinstance(node, ast.Literal) and isinstance(node.value, str):
            return node.value
        return part.block.labels[0]

    def data(self, at: Location, pattern: Pattern | None = None) -> Fields:
        """Return all arguments and blocks as an object. ``pattern`` identifies it if a missing member is read."""
        fields: dict[str, Result] = {}
        for name in self.pieces:
            found = self.attribute(name)
            if found is not None:
                fields[name] = found
        for name in dict.fromkeys(_block_types(self._written.blocks)):
            blocks = self.blocks(name)
            if isinstance(blocks, list):
                fields.setdefault(name, Items(at=self.at, items=[block.data(at) for block in blocks]))
        return Fields(at=self.at, fields=fields, rest=other_arguments(at, pattern))


def other_arguments(at: Location, pattern: Pattern | None) -> Unknown:
    """Return the arguments and attributes of a block that are not set in it. ``pattern`` identifies the block."""
    block = "a block" if pattern is None else f"`{bare(pattern)}`"
    return Unknown(at=at, why=f"{ANY_ATTRIBUTE}{block} is known after apply", pattern=pattern)


def _block_types(parts: Sequence[FileBlock]) -> Iterator[str]:
    for part in parts:
        type_ = part.block.type
        if type_ == "dynamic" and part.block.labels:
            yield part.block.labels[0]
        elif type_ not in _META:
            yield type_


class _BlockContext:
    """The context of one block."""

    def __init__(self, at: Location, local: Local) -> None:
        self.at = at
        self.local = local


class Values:
    """The same as ``BodyContent`` for an object in place of a block."""

    def __init__(self, value: Fields) -> None:
        self.value = value
        self.at = value.at
        self.pieces: Mapping[str, Result] = value.fields

    def attribute(self, name: str) -> Result | None:
        """Return the value of an attribute; None if it is not written."""
        found = self.value.fields.get(name)
        return found if found is not None else self.value.rest

    @property
    def arguments(self) -> None:
        """Return nothing: an object may have more members, and null stands for one that is not set."""

    def blocks(self, name: str, single: bool = False) -> list[BodyContent | Values] | Unknown | None:  # noqa: ARG002
        """Return the blocks of a type: objects, or a list of them."""
        return _value_blocks(name, self.attribute(name))

    def certain_blocks(
        self,
        name: str,  # noqa: ARG002  # there are none
    ) -> tuple[list[BodyContent | Values], list[tuple[Unknown, list[BodyContent]]]]:
        """Return no blocks: those of an object are all known, or none of them is."""
        return [], []

    def partial_list(self, name: str) -> Items | None:  # noqa: ARG002  # its parts are values already
        """Return nothing: an object has no expression."""
        return None

    def data(self, at: Location, pattern: Pattern | None = None) -> Fields:  # noqa: ARG002  # it is a value already
        """Return the value."""
        return self.value


def _value_blocks(name: str, found: Result | None) -> list[BodyContent | Values] | Unknown | None:
    """Return the blocks that an attribute defines with an object or a list of objects."""
    match found:
        case None | Absent():
            return None
        case Fields():
            return [Values(found)]
        case Items(items=items) if all(isinstance(item, Fields) for item in items):
            return [Values(item) for item in items if isinstance(item, Fields)]
        case _:
            return doubt_in(f"`{name}` is not a list of blocks", found.at, found)


def _is_open(found: Result) -> Unknown | None:
    """Return why the items of a collection are unknown; None if they are known."""
    if isinstance(found, Fields):
        return found.missing_reason
    if isinstance(found, Items):
        return None
    return doubt_in("the value is not a collection", found.at, found)


def _possible_pairs(
    instance: ModuleScope, piece: FileAttribute, node: ast.Expression, local: Local
) -> Iterator[tuple[Result, Result]]:
    """Yield the keys and values that a collection may have, of which the number is not known.

    A pair of unknown values stands for any number of items of which nothing is known.
    """
    found = instance.evaluate_node(piece, node, local)
    if isinstance(found, Items | Fields) and _is_open(found) is None:
        for key, value in _pairs_of(found):
            yield (value if isinstance(found, Items) and found.kind == "set" else key), value
    elif isinstance(node, ast.Conditional):
        yield from _possible_pairs(instance, piece, node.yes, local)
        yield from _possible_pairs(instance, piece, node.no, local)
    elif isinstance(node, ast.Call) and node.name in (_JOINS | _SAME_ITEMS) and not node.spread:
        for argument in node.arguments:
            for key, value in _possible_pairs(instance, piece, argument, local):
                yield (value if node.name in _SETS else key), value
    else:
        at = instance.locate(piece)
        if isinstance(found, Fields):
            yield from _pairs_of(found)
        items = found.items if isinstance(found, Partly) else ()
        yield from ((item, item) for item in items)
        doubt = found.rest if isinstance(found, Fields) else found
        is_whole = isinstance(found, Partly) and found.known.most == len(items)
        if isinstance(doubt, Unknown) and not is_whole:
            yield step_into(doubt, "[key]", at), step_into(doubt, "[each]", at)


def _pairs_of(found: Result) -> Iterator[tuple[Result, Result]]:
    """Yield the keys and values of a collection, in Terraform's order."""
    if isinstance(found, Fields):
        for key in sorted(found.fields):
            yield Scalar(at=found.fields[key].at, value=key), found.fields[key]
    elif isinstance(found, Items):
        for index, item in enumerate(found.items):
            yield Scalar(at=item.at, value=index), item
