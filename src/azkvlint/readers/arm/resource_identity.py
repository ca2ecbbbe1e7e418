"""What a resource is called: its type and names from the outermost on, and what it lies in or extends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from azkvlint.evaluation.values import CLOSE, OPEN, hole, pattern_of, pieces
from azkvlint.model.value import Absent
from azkvlint.readers.arm.resource import parts_of
from azkvlint.readers.arm.scope import TENANT, Scope, resource_id, scope_of

if TYPE_CHECKING:
    from azkvlint.readers.arm.evaluated_resource import Instance

# What only ever extends something else: within a resource, that resource.
_EXTENSIONS = (
    "microsoft.authorization/roleassignments", "microsoft.authorization/locks",
    "microsoft.insights/diagnosticsettings", "microsoft.security/", "microsoft.eventgrid/eventsubscriptions",
)  # fmt: skip
_MAX_ADDRESS = 300
_PLAINLY = str.maketrans({OPEN: None, CLOSE: None, "\u2215": "/"})


class Head:
    """Type, one name for each segment of the type after the namespace, and the id of what is ``above``.

    ``extends``: that is a resource. ``id`` is a pattern; it is empty where not known, and so are the names then.
    """

    __slots__ = ("above", "extends", "id", "names", "type")

    def __init__(self, type_: str, names: Sequence[str], above: str, extends: bool) -> None:
        number = type_.count("/")
        self.type = type_
        # Names that do not fit the type may still be right, but nobody knows which is which.
        self.names = tuple(names) if len(names) == number else ("",) * number
        self.above = above
        self.extends = extends
        self.id = resource_id(above, type_, self.names) if type_ else ""


def head_of(instance: Instance) -> Head:
    """The head of a resource."""
    type_, above = instance.written_type, instance.above
    pattern = instance.pattern("name")
    names = pattern.split("/")
    if above is None:
        place, extends = _place(instance)
        return Head(*parts_of(type_, pattern, place)) if _is_old(type_) else Head(type_, names, place, extends)
    outer = above.head
    if "." not in type_.partition("/")[0] and type_:
        type_, names = f"{outer.type}/{type_}", [*outer.names, *names]
    elif type_.lower().startswith(f"{outer.type.lower()}/"):
        # Written in full although it stands in its parent; its name may be so too.
        if len(names) == type_.count("/") - outer.type.count("/"):
            names = [*outer.names, *names]
    else:
        # Another type altogether: what extends things extends the resource that it stands in.
        extends = type_.lower().startswith(_EXTENSIONS) and outer.id != ""
        return Head(type_, names, outer.id if extends else outer.above, extends)
    if _is_old(type_):
        return Head(*parts_of(type_, "/".join(names), outer.above))
    return Head(type_, names, outer.above, outer.extends)


def _is_old(type_: str) -> bool:
    """Whether it is the older spelling of an extension resource, which names what it extends in its type."""
    return "/providers/" in type_.lower()


def _place(instance: Instance) -> tuple[str, bool]:
    """The id of what the member ``scope`` names, or that of the deployment's own scope, and whether it extends that."""
    level = instance.level
    found = None if instance.is_deployment else instance.evaluated("scope")
    if found is None or isinstance(found, Absent):
        return level.id, False
    pattern = pattern_of(found) or hole(f"{level.address}{'/'.join(map(str, instance.pointer))}.scope")
    id_ = full_id(pattern, level.scope)
    return id_, scope_of(id_) is None


def full_id(pattern: str, scope: Scope) -> str:
    """The id that a member ``scope`` names, which may be relative to the scope of the deployment."""
    if pattern.startswith("/") or pattern[:1] == OPEN:
        return pattern.rstrip("/")
    above = scope.id
    if pattern.lower().startswith("microsoft.management/managementgroups/") and pattern.count("/") == 2:
        above = Scope(TENANT).id
    return f"{above}/providers/{pattern}"


def address_of(instance: Instance) -> str:
    """What reports call a resource within its deployment: its symbol, or else its id below the scope."""
    if instance.symbol:
        outer = f"{address_of(instance.above)}::" if instance.above is not None else ""
        return f"{outer}{instance.symbol}{instance.suffix}"
    head = instance.head
    if head.id:
        return readable(head.id.removeprefix(instance.level.id).removeprefix("/providers/"))
    name = instance.plain.get("name")
    shown = name.strip("[]") if isinstance(name, str) else instance.pointer[-1]
    return readable(f"{head.type or 'resource'}/{{{shown}}}")


def readable(pattern: str) -> str:
    """A pattern for people: the unknown parts in braces."""
    if OPEN in pattern:
        shown = (f"{{{text.translate(_PLAINLY)}}}" if unknown else text for text, unknown in pieces(pattern))
        pattern = "".join(shown)
    return pattern if len(pattern) <= _MAX_ADDRESS else f"{pattern[:_MAX_ADDRESS]}..."
