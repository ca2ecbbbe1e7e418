"""``count``, ``for_each`` and ``enabled`` -> the instances of a declaration, or one for all of an unknown number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from azkvlint.evaluation.budget import MAX_ITEMS
from azkvlint.evaluation.known import known_of
from azkvlint.evaluation.operators import NOTHING, Local
from azkvlint.evaluation.reads import Bound, Inputs, ReadSet, Recorder
from azkvlint.evaluation.terraform.alternatives import gather, one_of_results
from azkvlint.evaluation.values import Fields, Items, Result, WithItem, doubt_in, is_data, is_sensitive, pattern_of
from azkvlint.model.location import Location
from azkvlint.model.pattern import Text, hole, pattern_from, text_form
from azkvlint.model.value import Scalar, Unknown
from azkvlint.readers.plan.address import Key, quoted
from azkvlint.readers.terraform.folder import FileAttribute, TerraformDeclaration, may_disable
from azkvlint.syntax import ast

if TYPE_CHECKING:
    from azkvlint.readers.terraform.run import ModuleScope


class DeclarationInstance:
    """One instance of a declaration: a resource, or a use of a module."""

    address: str
    at: Location
    conditions: frozenset[str]

    def member(self, name: str, at: Location) -> Result:
        """Return the value of one of its attributes."""
        raise NotImplementedError

    def item(self, index: Result, at: Location) -> Result:
        """Return an attribute by its name."""
        if isinstance(index, Scalar) and isinstance(index.value, str):
            return self.member(index.value, at)
        return Unknown(at=at, why=f"the attribute of `{self.address}` is unknown")

    def close(self) -> None:
        """Release all references: see ``ModuleInstance.close``."""


class SymbolicInstance:
    """All instances of a declaration whose number is unknown, represented by ``one``.

    ``positions`` are the patterns of the keys that certainly mean it. ``why``: the reason why the number is unknown.
    """

    def __init__(self, one: DeclarationInstance, positions: frozenset[Text], why: str, at: Location) -> None:
        self.one = one
        self.positions = positions
        self.why = why
        self.at = at

    def member(self, name: str, at: Location) -> Result:
        """Return an instance by its key, which a map takes as a member too."""
        return self.item(Scalar(at=at, value=name), at)

    def item(self, index: Result, at: Location) -> Result:
        """Return the one that stands for all where the key is that of this loop; else it is only one of them."""
        if pattern_of(index) in self.positions:
            return self.one
        why = f"the instance of `{self.one.address}` is unknown"
        if isinstance(index, Unknown):
            why = f"{why}: {index.why}"
        return one_of_results([self.one, Unknown(at=at, why=why)], Unknown(at=at, why=why))


# The key of an instance that stands for all, where no key is known.
ALL = "*"


class InstanceStep(msgspec.Struct, frozen=True, kw_only=True):
    """One instance: its key, as its address has it (``[0]``, ``["a"]``, or nothing), and what it can refer to.

    ``conditions``: what is not known of its being there, while others of the same declaration may be.
    """

    key: Key
    bracket: str
    local: Local
    conditions: frozenset[str] = frozenset()


class Expansion(msgspec.Struct, frozen=True, kw_only=True):
    """All instances of a declaration. ``kind`` is one, list or map.

    ``symbolic``: one stands for all, ``positions`` are the patterns of its key, and ``conditions`` what is not known of
    its being there. ``why``: the reason why their number is unknown.
    """

    kind: str
    steps: tuple[InstanceStep, ...]
    symbolic: bool = False
    positions: frozenset[Text] = frozenset()
    conditions: frozenset[str] = frozenset()
    why: str = ""

    @property
    def shape(self) -> tuple[object, ...]:
        """Return what is the same for declarations that expressions can refer to in the same way."""
        steps = tuple((step.key, step.bracket, step.conditions) for step in self.steps)
        return self.kind, self.symbolic, self.positions, self.conditions, steps

    def with_steps_of(self, recorder: Recorder, changed: Inputs) -> Expansion | None:
        """Return the same instances for another recorder; None if they refer to declarations of this world, or if the
        value of an item reads an input that differs there.
        """
        steps = []
        for step in self.steps:
            local: dict[str, Result | Bound] = {}
            for name, bound in step.local.items():
                value, read = (bound.value, bound.read) if isinstance(bound, Bound) else (bound, None)
                if not is_data(value) or (read is not None and not read.inputs.isdisjoint(changed)):
                    return None
                local[name] = recorder.bind(value, read)
            steps.append(msgspec.structs.replace(step, local=local) if local else step)
        return msgspec.structs.replace(self, steps=tuple(steps))


_ONE = Expansion(kind="one", steps=(InstanceStep(key=None, bracket="", local=NOTHING),))


def expansion(instance: ModuleScope, declaration: TerraformDeclaration, address: str) -> Expansion:
    """Return the instances of a resource or module call with this address."""
    attributes = declaration.attributes
    if "count" in attributes:
        found = _expand_count(instance, declaration, address)
    elif "for_each" in attributes:
        found = _expand_for_each(instance, declaration, address)
    else:
        instance.run.count_resources(1)
        found = _ONE
    if found.symbolic:
        instance.run.count_resources(1)
    return _apply_enabled(instance, declaration, found)


def assumed_expansion(instance: ModuleScope, declaration: TerraformDeclaration, address: str) -> Expansion:
    """Return the one that stands for all instances of a declaration, whatever decides on their number."""
    for name in ("count", "for_each"):
        piece = declaration.attributes.get(name)
        if piece is not None:
            found = Unknown(at=instance.locate(piece), why=f"`{name}` of `{address}` is not known")
            if name == "count":
                return _symbolic_count(instance, piece, address, found, None)
            return _symbolic(instance, found, address, None)
    return msgspec.structs.replace(_ONE, conditions=frozenset({hole(declaration.local, " exists").text}))


def _expand_count(instance: ModuleScope, declaration: TerraformDeclaration, address: str) -> Expansion:
    piece = declaration.attributes["count"]
    recorder = instance.run.recorder
    found, read = recorder.of(instance.evaluate, piece, NOTHING)
    number = _number(found)
    if number is not None and 0 <= number <= MAX_ITEMS:
        instance.run.count_resources(number)
        steps = tuple(
            InstanceStep(key=i, bracket=f"[{i}]", local=_counted(instance, found.at, _scalar(found, i), read))
            for i in range(number)
        )
        return Expansion(kind="list", steps=steps)
    if number is not None and number > MAX_ITEMS:
        # More than are evaluated, but the plan does not fail.
        _too_many(instance, "count", address, found.at)
    elif number is not None:
        instance.fail(piece)
    return _symbolic_count(instance, piece, address, found, read)


def _symbolic_count(
    instance: ModuleScope, piece: FileAttribute, address: str, found: Result, read: ReadSet | None
) -> Expansion:
    """Return the one that stands for an unknown number of instances."""
    doubt = doubt_in("`count` is not a number, so the plan fails", found.at, found)
    name = doubt.pattern if doubt.pattern is not None else address
    position = hole(name, "[#]")
    index = Unknown(at=doubt.at, why=doubt.why, pattern=position)
    step = InstanceStep(key=0, bracket="[0]", local=_counted(instance, doubt.at, index, read))
    # Where there is at most one, its number is known; of several, the one for all is not the first.
    first: tuple[Text, ...] = ("0",) if _is_switch(instance, piece.attribute.expression()) else ()
    known = known_of(found)
    is_certain = (_number(found) or 0) > 0 or (known.is_number and known.least > 0)
    return Expansion(
        kind="list", steps=(step,), symbolic=True, positions=frozenset((position, *first)),
        conditions=frozenset() if is_certain else frozenset({hole(name, " > 0").text}), why=doubt.why,
    )  # fmt: skip


def _counted(instance: ModuleScope, at: Location, index: Result, read: ReadSet | None) -> Local:
    """Return ``count`` for one instance."""
    return {"count": instance.run.recorder.bind(Fields(at=at, fields={"index": index}), read)}


def may_be_several(instance: ModuleScope, declaration: TerraformDeclaration) -> bool:
    """Return whether a declaration may have more than one instance, by how their number is written."""
    count = declaration.attributes.get("count")
    if count is None:
        return "for_each" in declaration.attributes
    return not _is_switch(instance, count.attribute.expression())


def _is_switch(instance: ModuleScope, node: ast.Node | None) -> bool:
    """Return whether a number can only be 0 or 1, by how it is written."""
    waiting, seen = [node], set()
    while waiting:
        match waiting.pop():
            case ast.Literal(value=plain) if str(plain) in ("0", "1"):
                pass
            case ast.Conditional(yes=yes, no=no):
                waiting += (yes, no)
            case ast.Member(of=ast.Name(name="local"), name=name) if name in instance.folder.locals:
                if name not in seen:
                    seen.add(name)
                    waiting.append(instance.folder.locals[name].attribute.expression())
            case _:
                return False
    return True


def _number(found: Result) -> int | None:
    if isinstance(found, Scalar) and not isinstance(found.value, bool):
        try:
            return int(found.value)
        except (ValueError, OverflowError):
            return None
    return None


def _scalar(found: Result, value: int) -> Scalar:
    return Scalar(at=found.at, value=value)


def _expand_for_each(instance: ModuleScope, declaration: TerraformDeclaration, address: str) -> Expansion:
    piece = declaration.attributes["for_each"]
    recorder = instance.run.recorder
    start = len(recorder.log)
    found, read = recorder.of(instance.evaluate, piece, NOTHING)
    written = _has_written_keys(piece.attribute.expression())
    if written:
        recorder.keys(start, found)
    pairs = list(_pairs(found)) if _is_known(found, written) else None
    if pairs is not None and len(pairs) <= MAX_ITEMS:
        instance.run.count_resources(len(pairs))
        name = _collection_name(instance, piece, address)
        ordered = sorted(pairs, key=lambda pair: pair[0])
        steps = tuple(_step(instance, key, item, name, read) for key, item in ordered)
        return Expansion(kind="map", steps=steps)
    if pairs is not None:
        _too_many(instance, "for_each", address, found.at)
    return _symbolic(instance, found, address, read)


def with_values_here(
    known: Expansion, instance: ModuleScope, declaration: TerraformDeclaration, address: str
) -> Expansion:
    """Return the same instances of ``for_each``, whose keys defaults decide on, with their values in a module."""
    piece = declaration.attributes.get("for_each")
    if piece is None or known.symbolic or not known.steps or all(map(_is_of_set, known.steps)):
        return known
    found, read = instance.run.recorder.of(instance.evaluate, piece, NOTHING)
    name = _collection_name(instance, piece, address)
    fields = found.fields if isinstance(found, Fields) else {}
    doubt = doubt_in("`for_each` expects a map or set", found.at, found)
    sensitive = is_sensitive(found)
    steps = []
    for step in known.steps:
        key = str(step.key)
        pattern = None if sensitive else hole(name, bracket(key))
        item = fields.get(key, Unknown(at=doubt.at, why=doubt.why, pattern=pattern, sensitive=sensitive))
        steps.append(msgspec.structs.replace(_step(instance, key, item, name, read), conditions=step.conditions))
    return msgspec.structs.replace(known, steps=tuple(steps))


def _is_of_set(step: InstanceStep) -> bool:
    """Return whether the value of an instance is its key."""
    each = step.local.get("each")
    each = each.value if isinstance(each, Bound) else each
    value = each.fields.get("value") if isinstance(each, Fields) else None
    return isinstance(value, Scalar) and value.value == step.key


def _step(instance: ModuleScope, key: str, item: Result, name: str, read: ReadSet | None) -> InstanceStep:
    """Return the instance of one item of what ``for_each`` runs over, which ``name`` stands for."""
    conditions: frozenset[str] = getattr(item, "conditions", frozenset())
    if isinstance(item, Unknown) and item.is_optional:
        conditions = frozenset({hole(f"{name} has {quoted(key)}").text})
        item = msgspec.structs.replace(item, note="")
    parts = read and of_item(read, key)
    return InstanceStep(
        key=key, bracket=bracket(key), local=_each(instance, _key(key, item), item, parts), conditions=conditions
    )  # fmt: skip


def _collection_name(instance: ModuleScope, piece: FileAttribute, address: str) -> str:
    """Return a name for what ``for_each`` runs over: in one module the same expression means the same."""
    text = instance.run.files.get(piece.path)
    written = text[piece.attribute.value_start : piece.attribute.end] if text is not None else address
    return instance.prefix + written


def _has_written_keys(node: ast.Node | None) -> bool:
    """Return whether an expression is an object whose keys are all written out in it."""
    return isinstance(node, ast.Object) and all(
        isinstance(member, ast.Property) and isinstance(member.key, str) for member in node.members
    )


def _is_known(found: Result, written: bool) -> bool:
    """Return whether all keys are known, and may be shown. ``written``: the keys are literals in the attribute."""
    if isinstance(found, Fields):
        return found.rest is None and (written or not found.hides_keys)
    if isinstance(found, Items):
        return all(isinstance(item, Scalar) and not item.sensitive for item in found.items)
    return False


def _pairs(found: Result) -> Iterator[tuple[str, Result]]:
    if isinstance(found, Fields):
        yield from found.fields.items()
    elif isinstance(found, Items):
        yield from {str(item.value): item for item in found.items if isinstance(item, Scalar)}.items()


def _key(key: str, item: Result) -> Scalar:
    return Scalar(at=item.at, value=key)


def of_item(read: ReadSet, key: str) -> ReadSet:
    """Return what ``key`` and ``value`` of one item read, where ``read`` is what the whole collection reads."""
    value = read.part(key)
    parts = {"key": ReadSet(read.keys), "value": value}
    return ReadSet(read.keys | value.inputs, parts=parts)


def _each(instance: ModuleScope, key: Result, value: Result, read: ReadSet | None) -> Local:
    """Return ``each`` for one instance."""
    return {"each": instance.run.recorder.bind(Fields(at=value.at, fields={"key": key, "value": value}), read)}


def bracket(key: str) -> str:
    """Return a key as it is written in an address."""
    return f"[{quoted(key)}]"


def _symbolic(instance: ModuleScope, found: Result, address: str, read: ReadSet | None) -> Expansion:
    """Return instances over something unknown. Those over the same thing go together: their keys are the same."""
    if isinstance(found, SymbolicInstance):
        # All instances of something: each of these goes with one of those.
        pattern = min(found.positions, key=text_form)
        key = Unknown(at=found.at, why=found.why, pattern=pattern_from(pattern))
        conditions = frozenset(found.one.conditions)
        step = InstanceStep(key=ALL, bracket=f"[{ALL}]", local=_each(instance, key, found.one, read))
        return Expansion(
            kind="map",
            steps=(step,),
            symbolic=True,
            positions=frozenset({pattern}),
            conditions=conditions,
            why=found.why,
        )
    doubt = doubt_in("`for_each` expects a map or set", found.at, found)
    name = doubt.pattern if doubt.pattern is not None else address
    sensitive = is_sensitive(found)
    position = hole(name, f"[{ALL}]")
    key = Unknown(at=doubt.at, why=doubt.why, pattern=position)
    named = None if sensitive else hole(name, "[]")
    value = found.named_item(named) if isinstance(found, WithItem) else _any_value(found, doubt)
    if value is None:
        value = Unknown(at=doubt.at, why=doubt.why, pattern=named, sensitive=sensitive)
    step = InstanceStep(key=ALL, bracket=f"[{ALL}]", local=_each(instance, key, value, read))
    conditions = frozenset() if known_of(found).is_filled else frozenset({hole(name, " has items").text})
    return Expansion(
        kind="map", steps=(step,), symbolic=True, positions=frozenset({position}), conditions=conditions, why=doubt.why
    )


def _any_value(found: Result, doubt: Unknown) -> Unknown | None:
    """Return the value of any item of a map whose keys are unknown, if all its values name resources; else None."""
    if not isinstance(found, Fields) or found.rest is None or not found.rest.closed:
        return None
    value = gather((*found.fields.values(), found.rest), doubt)
    return value if value.closed else None


def with_key(one: InstanceStep, step: InstanceStep) -> InstanceStep:
    """Return the instance that stands for all, with the key of ``step``."""
    local = dict(one.local)
    for name, member in (("each", "key"), ("count", "index")):
        here, there = one.local.get(name), step.local.get(name)
        if isinstance(here, Bound) and isinstance(there, Bound):
            local[name] = here.with_value(_with_member(here.value, there.value, member), there.read.inputs)
        elif isinstance(here, Fields) and isinstance(there, Fields):
            local[name] = _with_member(here, there, member)
    return InstanceStep(key=step.key, bracket=step.bracket, local=local, conditions=one.conditions)


def _with_member(here: Result, there: Result, name: str) -> Result:
    """Return an object with one member of another."""
    if isinstance(here, Fields) and isinstance(there, Fields):
        return Fields(at=here.at, fields={**here.fields, name: there.fields[name]})
    return here


def _too_many(instance: ModuleScope, what: str, address: str, at: Location) -> None:
    """Report that one instance stands for all; not for a number that only the search for a world chose."""
    if not instance.run.changed:
        instance.run.report_unreadable(f"`{what}` of `{address}` creates more than {MAX_ITEMS:,} instances", at)


def _apply_enabled(instance: ModuleScope, declaration: TerraformDeclaration, found: Expansion) -> Expansion:
    """Apply OpenTofu's ``lifecycle { enabled = ... }``: no instance, or one that may exist."""
    for part in declaration.blocks:
        if may_disable(part.block):
            answer = instance.evaluate(part.attributes["enabled"], NOTHING)
            if isinstance(answer, Scalar):
                return found if answer.value is True else msgspec.structs.replace(found, steps=())
            known = answer.pattern if isinstance(answer, Unknown) else None
            name: Text = known if known is not None else declaration.local
            return msgspec.structs.replace(found, conditions=found.conditions | {hole(name, " is true").text})
    return found
