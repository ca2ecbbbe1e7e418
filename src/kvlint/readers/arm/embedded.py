"""Templates that are an argument of something else, such as ``template_content`` of Terraform's deployments.

All that they say is told at the resource that deploys them: a place in a text within a text is of no use to its owner.
"""

from __future__ import annotations

from typing import Any

import msgspec

from kvlint.errors import InputError
from kvlint.expressions.room import with_room
from kvlint.expressions.values import OPEN, Fields, Items, Result, field, is_large, wrapped
from kvlint.model.source import Location
from kvlint.model.value import Absent, Scalar, Unknown
from kvlint.readers.arm.level import Level, Place
from kvlint.readers.arm.nested import FROM_VAULT
from kvlint.readers.arm.read import Walk
from kvlint.readers.arm.recognise import schema_of
from kvlint.readers.arm.run import Run, member
from kvlint.readers.arm.scope import Scope
from kvlint.readers.arm.shown import Shown
from kvlint.readers.arm.template import Template
from kvlint.syntax.jsonc import decode_text

_NOT_KNOWN = "it is given in a way that is not understood"


class Embedded(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment whose ``template`` is a value or a text, as are the parameters that are ``given`` to it.

    ``address`` and ``at`` are those of the resource that deploys it, ``conditions`` what that hangs on. ``scope`` is
    what it goes to; None leaves that to the template.
    """

    address: str
    at: Location
    template: Result | None
    given: Result | None
    scope: Scope | None = None
    conditions: frozenset[str] = frozenset()
    callers: tuple[Location, ...] = ()


@with_room
def deploy(run: Run, one: Embedded) -> None:
    """Add what a template deploys, and tell what of it is not known."""
    problems, known = len(run.problems), len(run.resources)
    try:
        _deploy(run, one)
    except (InputError, RecursionError) as error:
        why = error.message if isinstance(error, InputError) else "it is nested too deep"
        run.not_whole("error", f"the template of '{one.address}' cannot be read: {why}", one.at)
    shown = Shown(one.address, one.at)
    for address in list(run.resources)[known:]:
        run.resources[address] = shown.resource(run.resources[address], one.callers)
    for number in range(problems, len(run.problems)):
        run.problems[number] = shown.problem(run.problems[number])


def _deploy(run: Run, one: Embedded) -> None:
    holes = _Holes()
    found = _data(one.template)
    plain = holes.plain(found) if found is not None and not is_large(found) else None
    if not isinstance(plain, dict) or not _is_whole(plain):
        run.not_whole("warning", f"what '{one.address}' deploys is not known, so it was not judged", one.at)
        if not isinstance(plain, dict):
            return
    given = _data(one.given)

    def argument(name: str) -> Result | None:
        hole = holes.found.get(name)
        return hole if hole is not None else _argument(given, name)

    run.count_deployment()
    scope = one.scope or Scope(schema_of(plain) or Scope().level)
    address = f"{one.address}/"
    template = Template(run, one.address, plain, (), argument, scope, address)
    place = Place(address=address, conditions=one.conditions, callers=one.callers)
    level = template.level = Level(template, plain, (), scope, place)
    Walk(run).level(level)


def _data(result: Result | None) -> Result | None:
    """What a text of JSON says, where only texts in it are not known; all else is itself. Raises InputError."""
    if isinstance(result, Unknown) and result.pattern and not result.sensitive:
        try:
            return wrapped(decode_text(result.pattern).value, result.at)
        except InputError:
            return result
    if isinstance(result, Scalar) and isinstance(result.value, str):
        return wrapped(decode_text(result.value).value, result.at, result.sensitive)
    return result


def _is_whole(plain: dict[str, Any]) -> bool:
    """Whether all resources of a template are there to be looked at."""
    resources = member(plain, "resources")
    each = resources.values() if isinstance(resources, dict) else resources
    return resources is None or (isinstance(resources, list | dict) and all(isinstance(one, dict) for one in each))


def _argument(given: Result | None, name: str) -> Result | None:
    """The value that is given to a parameter (in lower case); None if none is."""
    if given is None or isinstance(given, Absent):
        return None
    if not isinstance(given, Fields):
        return Unknown(at=given.at, why="its parameters are not known", sensitive=True)
    entry = field(given, name)
    if entry is None or isinstance(entry, Absent):
        return given.rest
    if not isinstance(entry, Fields):
        return entry if isinstance(entry, Unknown) else Unknown(at=entry.at, why=_NOT_KNOWN)
    found = field(entry, "value")
    if found is not None:
        return found
    if field(entry, "reference") is not None:
        return Unknown(at=entry.at, why=FROM_VAULT, sensitive=True)
    return Unknown(at=entry.at, why=_NOT_KNOWN)


class _Holes:
    """Makes a template of a value. What is not known or secret in it becomes a parameter: ``found`` by its name."""

    def __init__(self) -> None:
        self.found: dict[str, Result] = {}

    def plain(self, result: Result) -> Any:
        """Plain data for ``result``, with holes."""
        match result:
            case Absent():
                return None
            case Scalar(value=value, sensitive=False):
                if not (isinstance(value, str) and OPEN in value):
                    return value
                result = Unknown(at=result.at, why="a part of it is not known", pattern=value)
            case Items(items=items):
                return [self.plain(item) for item in items]
            case Fields(fields=fields, rest=None):
                return {name: self.plain(item) for name, item in fields.items()}
        # No parameter of a template's own has such a name.
        name = f"[{len(self.found)}]"
        self.found[name] = result
        return f"[parameters('{name}')]"
