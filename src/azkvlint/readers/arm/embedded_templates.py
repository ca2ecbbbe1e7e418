"""Templates inside other resources: a deployment stack, a template spec, ``template_content`` in Terraform.

A template written out as an object is located where it is written. A template in a string is located at the resource:
a line of a string in a file does not exist for its owner.
"""

from __future__ import annotations

from typing import Any

import msgspec

from azkvlint.evaluation.budget import with_recursion_limit
from azkvlint.evaluation.values import OPEN, Fields, Items, Result, find_field, hole, is_large, pattern_of
from azkvlint.model.location import Location
from azkvlint.model.problem_codes import INPUT_INCOMPLETE
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.readers.arm.deployment_resources import Level, Place
from azkvlint.readers.arm.document_kinds import schema_of
from azkvlint.readers.arm.nested_deployments import FROM_VAULT
from azkvlint.readers.arm.read import Walk
from azkvlint.readers.arm.run import Pointer, Run, member
from azkvlint.readers.arm.scope import GROUP, Scope, scope_of
from azkvlint.readers.arm.statement_location import Shown
from azkvlint.readers.arm.template import Template
from azkvlint.readers.arm.template_holders import HOLDERS, POLICIES, STACKS, Held, below, decoded, held_by
from azkvlint.util.errors import InputError

_NOT_KNOWN = "it is given in a way that is not understood"
_ASSIGNED = "its value is known only once the policy is assigned"


class Embedded(msgspec.Struct, frozen=True, kw_only=True):
    """A template that the resource at ``address`` holds or deploys, with the parameters ``given`` to it.

    Both are values or JSON strings. ``at`` is the place of the resource, ``conditions`` are those on which the
    deployment depends. ``scope`` is the scope of the deployment; None: the one that the template names. ``remedy``: a
    policy deploys it where a resource is missing.
    """

    address: str
    at: Location
    template: Result | None
    given: Result | None
    scope: Scope | None = None
    conditions: frozenset[str] = frozenset()
    callers: tuple[Location, ...] = ()
    remedy: bool = False


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """A resource of one of the types in ``HOLDERS``. ``type`` is in lower case. ``scope``: what it is deployed to."""

    type: str
    address: str
    at: Location
    properties: Result | None
    scope: Scope | None = None
    conditions: frozenset[str] = frozenset()
    callers: tuple[Location, ...] = ()


def deploy_held(run: Run, one: Resource) -> Held | None:
    """Add what the template of a resource deploys, and return it; None if that is not known, with a problem."""
    holder = HOLDERS[one.type]
    try:
        held = held_by(holder, one.properties)
    except InputError as error:
        run.not_whole("error", f"the template of '{one.address}' cannot be read: {error.message}", one.at)
        return None
    if held.template is None:
        if held.link is not None and not isinstance(held.link, Absent):
            text = f"the template that '{one.address}' links to is not available, so its resources were not evaluated"
            run.not_whole("note", text, one.at)
        elif not holder.is_optional:
            run.not_whole("warning", _unknown(one.address), one.at)
        return None
    if isinstance(held.template, Unknown) and holder.is_optional:
        text = "the rule of a policy definition is not known, so a template in it was not evaluated"
        run.problem(INPUT_INCOMPLETE, "note", text, one.at)
        return None
    scope, conditions, given = one.scope, one.conditions, held.given
    if one.type == STACKS:
        named = below(one.properties, "deploymentScope")
        if named is not None and not isinstance(named, Absent):
            scope = scope_of(pattern_of(named)) or _elsewhere(one.address, held.template)
    if holder.condition:
        scope = _elsewhere(one.address, held.template)
        conditions |= {f"'{one.address}' {holder.condition}"}
        if one.type == POLICIES:
            given = _assigned(given)
    closed = run.closed
    embedded = Embedded(
        address=one.address, at=one.at, template=held.template, given=given, scope=scope, conditions=conditions,
        callers=one.callers, remedy=holder.is_optional,
    )  # fmt: skip
    deploy(run, embedded)
    if holder.is_optional:  # what a policy deploys where it is assigned does not complete this deployment
        run.closed = closed
    return held


def _elsewhere(address: str, template: Result) -> Scope:
    """Return a scope that no other deployment has."""
    schema = below(template, "$schema")
    level = schema_of({"$schema": schema.value}) if isinstance(schema, Scalar) else ""
    name = hole(f"the scope of {address}")
    return Scope(level or GROUP, name, name, name)


def _assigned(given: Result | None) -> Result | None:
    """Return the parameters that a policy passes. Its expressions are evaluated for each resource that it finds."""
    if not isinstance(given, Fields):
        return given
    fields: dict[str, Result] = {}
    for name, entry in given.fields.items():
        value = below(entry, "value")
        is_expression = isinstance(value, Scalar) and isinstance(value.value, str) and value.value[:1] == "["
        fields[name] = Unknown(at=entry.at, why=_ASSIGNED) if value is None or is_expression else entry
    return Fields(at=given.at, fields=fields, rest=given.rest)


def _unknown(address: str) -> str:
    return f"the template of '{address}' is not known, so its resources were not evaluated"


@with_recursion_limit
def deploy(run: Run, one: Embedded) -> None:
    """Add what a template deploys, and report which part of it is not known."""
    problems, known = len(run.problems), len(run.resources)
    holes = _Holes()
    try:
        _deploy(run, one, holes)
    except (InputError, RecursionError) as error:
        why = error.message if isinstance(error, InputError) else "it is nested too deep"
        run.not_whole("error", f"the template of '{one.address}' cannot be read: {why}", one.at)
    shown = Shown(one.address, one.at, holes.places)
    for address in list(run.resources)[known:]:
        run.resources[address] = shown.resource(run.resources[address], one.callers)
    for number in range(problems, len(run.problems)):
        run.problems[number] = shown.problem(run.problems[number])


def _deploy(run: Run, one: Embedded, holes: _Holes) -> None:
    found = decoded(one.template)
    plain = None
    if found is not None and not is_large(found):
        if isinstance(found, Fields):
            run.charge(found)
        plain = holes.plain(found)
        if found is not one.template:
            holes.places.clear()
    if not isinstance(plain, dict) or not _is_whole(plain):
        run.not_whole("warning", _unknown(one.address), one.at)
        if not isinstance(plain, dict):
            return
    given = decoded(one.given)

    def argument(name: str) -> Result | None:
        hole = holes.found.get(name)
        return hole if hole is not None else _argument(given, name)

    run.count_deployment()
    scope = one.scope or Scope(schema_of(plain) or Scope().level)
    address = f"{one.address}/"
    template = Template(run, one.address, plain, (), argument, scope, address)
    place = Place(address=address, conditions=one.conditions, callers=one.callers)
    level = template.level = Level(template, plain, (), scope, place)
    Walk(run, remedy=one.remedy).level(level)


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
    entry = find_field(given, name)
    if entry is None or isinstance(entry, Absent):
        return given.rest
    if not isinstance(entry, Fields):
        return entry if isinstance(entry, Unknown) else Unknown(at=entry.at, why=_NOT_KNOWN)
    found = find_field(entry, "value")
    if found is not None:
        return found
    if find_field(entry, "reference") is not None:
        return Unknown(at=entry.at, why=FROM_VAULT, sensitive=True)
    return Unknown(at=entry.at, why=_NOT_KNOWN)


class _Holes:
    """Turns a value into a template. Each unknown or secret part becomes a parameter: ``found`` by its name.

    ``places`` are the locations of all parts by their pointers.
    """

    def __init__(self) -> None:
        self.found: dict[str, Result] = {}
        self.places: dict[Pointer, Location] = {}

    def plain(self, result: Result, pointer: Pointer = ()) -> Any:
        """Return ``result`` as plain data, with holes."""
        self.places[pointer] = result.at
        match result:
            case Absent():
                return None
            case Scalar(value=value, sensitive=False):
                if not (isinstance(value, str) and OPEN in value):
                    return value
                result = Unknown(at=result.at, why="a part of it is not known", pattern=value)
            case Items(items=items):
                return [self.plain(item, (*pointer, number)) for number, item in enumerate(items)]
            case Fields(fields=fields, rest=None):
                return {name: self.plain(item, (*pointer, name)) for name, item in fields.items()}
        # No parameter of a template's own has such a name.
        name = f"[{len(self.found)}]"
        self.found[name] = result
        return f"[parameters('{name}')]"
