"""Deployments within a template: what they deploy, where to, and with which parameters."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from azkvlint.evaluation.operations import Local
from azkvlint.evaluation.values import Fields, Result, find_field, hole, pattern_of
from azkvlint.model.location import Location
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.readers.arm.deployment_resources import Level, Place
from azkvlint.readers.arm.document_kinds import schema_of
from azkvlint.readers.arm.resource_identity import full_id, readable
from azkvlint.readers.arm.run import Pointer, key_of, member, written_copies
from azkvlint.readers.arm.scope import GROUP, SUBSCRIPTION, Scope, scope_of
from azkvlint.readers.arm.template import Template, secret
from azkvlint.util.errors import InputError

if TYPE_CHECKING:
    from azkvlint.readers.arm.evaluated_resource import Instance

_Linked: TypeAlias = tuple[str, Mapping[str, Any]]
FROM_VAULT = "it comes from a Key Vault secret"
# Azure takes five; each level costs Python frames.
_MAX_CHAIN = 40


class Nested:
    """What one deployment deploys: ``level``. ``local`` variables are in force in its expressions (outer scope)."""

    def __init__(self, instance: Instance, level: Level, local: Local) -> None:
        self.instance = instance
        self.level = level
        self.local = local
        self._outputs: dict[str, Result | None] = {}

    def output(self, name: str) -> Result | None:
        """An output; None if there is none, or it hangs on itself."""
        key = name.lower()
        if key not in self._outputs:
            self._outputs[key] = None
            found = self._outputs[key] = self._output(name)
            if found is not None:
                self.level.run.budget.secrets.note(name, found)
        return self._outputs[key]

    def _output(self, name: str) -> Result | None:
        level = self.level
        outputs_key = key_of(level.plain, "outputs")
        outputs = level.plain[outputs_key] if outputs_key is not None else None
        key = key_of(outputs, name) if isinstance(outputs, dict) else None
        output = outputs[key] if isinstance(outputs, dict) and key is not None else None
        if not isinstance(output, dict) or key_of(output, "condition") is not None:
            return None
        pointer = (*level.pointer, str(outputs_key), str(key))
        value, loop = key_of(output, "value"), key_of(output, "copy")
        if value is not None:
            found = level.template.value(output[value], (*pointer, value), self.local)
            return secret(found) if str(member(output, "type")).lower().startswith("secure") else found
        if loop is not None and isinstance(output[loop], dict):
            return level.template.loop(output[loop], name, "input", (*pointer, loop), self.local)
        return None


class Arguments:
    """The parameters of a nested deployment of inner scope, evaluated where they are written, once asked for."""

    def __init__(self, instance: Instance, properties: Mapping[str, Any], pointer: Pointer) -> None:
        self.template = instance.level.template
        self.local = instance.local
        key = key_of(properties, "parameters")
        self.plain = properties[key] if key is not None else {}
        self.pointer = pointer if key is None else (*pointer, key)
        self.linked = key_of(properties, "parametersLink") is not None

    def of(self, name: str) -> Result | None:
        """The value given to a parameter (in lower case); None if there is none."""
        template, plain = self.template, self.plain
        if isinstance(plain, str):
            found = template.value(plain, self.pointer, self.local)
            below = find_field(found, name) if isinstance(found, Fields) else found
            if isinstance(below, Fields):
                return find_field(below, "value")
            return below if below is None or isinstance(below, Unknown) else None
        key = key_of(plain, name) if isinstance(plain, dict) else None
        if not isinstance(plain, dict) or key is None:
            why = "it is given by a file of parameters that is not at hand"
            return Unknown(at=template.where(self.pointer), why=why) if self.linked else None
        return self._given(plain[key], (*self.pointer, key))

    def written(self, name: str) -> Any:
        """What is written for a parameter; None if nothing is."""
        key = key_of(self.plain, name) if isinstance(self.plain, dict) else None
        return None if key is None else self.plain[key]

    def _given(self, plain: Any, pointer: Pointer) -> Result | None:
        if isinstance(plain, str):
            found = self.template.value(plain, pointer, self.local)
            return find_field(found, "value") if isinstance(found, Fields) else found
        if not isinstance(plain, dict):
            return None
        value = key_of(plain, "value")
        if value is not None:
            return self.template.value(plain[value], (*pointer, value), self.local)
        if key_of(plain, "reference") is not None:
            return Unknown(at=self.template.where(pointer), why=FROM_VAULT, sensitive=True)
        return Unknown(at=self.template.where(pointer), why="it is given in a way that is not understood")


def open_nested(instance: Instance) -> Nested | None:
    """What a deployment deploys; None, and a problem, if that is not at hand."""
    level = instance.level
    run = level.run
    key = key_of(instance.plain, "properties")
    properties = instance.plain[key] if key is not None else None
    at = instance.place("type")
    if not isinstance(properties, dict):
        run.not_whole("warning", "what a nested deployment deploys is not known before deployment", at)
        return None
    pointer = (*instance.pointer, str(key))
    run.count_deployment()
    if len(level.callers) >= _MAX_CHAIN:
        raise InputError(f"its deployments are nested deeper than {_MAX_CHAIN} levels")
    inline = key_of(properties, "template")
    path, chain = level.template.path, level.chain
    where: Pointer = ()
    if inline is not None:
        plain, where = properties[inline], (*pointer, inline)
        if not isinstance(plain, dict):
            run.not_whole("warning", "the template of a nested deployment is not known before deployment", at)
            return None
    else:
        linked = _linked(instance, properties, pointer)
        if linked is None:
            return None
        path, plain = linked
        chain = (*chain, path)
    return _nested(instance, plain, where, path, chain, Arguments(instance, properties, pointer), properties)


def _nested(
    instance: Instance, plain: Mapping[str, Any], where: Pointer, path: str, chain: tuple[str, ...],
    arguments: Arguments, properties: Mapping[str, Any],
) -> Nested:  # fmt: skip
    level = instance.level
    scope = scope_to(instance)
    name = f"{instance.address}." if instance.symbol else f"{_prefix(instance)}/"
    # Linked templates, and those that say so, have expressions of their own; others are part of the template around.
    inner = path != level.template.path or _is_inner(properties)
    local: Local = {} if inner else instance.local
    template = level.template
    if inner:
        template = Template(level.run, path, plain, where, arguments.of, scope, name)
        template.arguments = arguments
        template.scenario = level.template.scenario
    own = instance.head.names[-1] if instance.head.names else ""
    place = Place(
        address=name,
        deployment=f"{level.deployment}/{own or hole(instance.address)}",
        local=local,
        conditions=instance.conditions() or frozenset(),
        callers=(*level.callers, instance.place("type")),
        chain=chain,
        deployed_by=instance,
        copies=level.copies * written_copies(instance.plain) or 1,
    )
    found = Level(template, plain, where, scope, place)
    if inner:
        template.level = found
    return Nested(instance, found, local)


def _prefix(instance: Instance) -> str:
    """What stands before the addresses of what a deployment without a symbol deploys: its name."""
    name = readable(instance.head.names[-1]) if instance.head.names else ""
    level = instance.level
    key = (level.template.path, level.address, *instance.key, "")
    return level.run.unique(f"{level.address}{name or instance.address}", key)


def _is_inner(properties: Mapping[str, Any]) -> bool:
    scope = member(properties, "expressionEvaluationOptions", "scope")
    return isinstance(scope, str) and scope.lower() == "inner"


def scope_to(instance: Instance) -> Scope:
    """Where a nested deployment goes."""
    here = instance.level.scope
    found = {name: _pattern(instance, name) for name in ("scope", "subscriptionId", "resourceGroup")}
    if found["scope"]:
        named = scope_of(full_id(found["scope"], here))
        if named is None:
            # Of a scope that is not known, the schema still says what kind it is.
            word = found["scope"]
            inner = member(instance.plain, "properties", "template")
            level = (schema_of(inner) if isinstance(inner, dict) else "") or here.level
            named = Scope(level, hole(f"{word}.subscription"), hole(f"{word}.resourceGroup"), hole(word))
        return named
    subscription = found["subscriptionId"] or here.subscription
    if found["resourceGroup"]:
        return Scope(GROUP, subscription, found["resourceGroup"])
    if found["subscriptionId"]:
        return Scope(SUBSCRIPTION, subscription)
    return here


def _pattern(instance: Instance, name: str) -> str:
    """The pattern of a member that says where a deployment goes; empty if it is not written."""
    found = instance.evaluated(name)
    if found is None or isinstance(found, Absent):
        return ""
    return pattern_of(found) or hole(f"{instance.address}.{name}")


def _linked(instance: Instance, properties: Mapping[str, Any], pointer: Pointer) -> _Linked | None:
    """The path and the JSON of a linked template; None, and a problem, if it is not at hand."""
    run, at = instance.level.run, instance.place("type")
    link = member(properties, "templateLink")
    key = str(key_of(properties, "templateLink"))
    relative = key_of(link, "relativePath") if isinstance(link, dict) else None
    if relative is None:
        spec = isinstance(link, dict) and key_of(link, "id") is not None
        what = "a template spec" if spec else "a linked template"
        run.not_whole("note", f"{what} is not at hand, so what it deploys was not judged", at)
        return None
    found = instance.level.template.value(link[relative], (*pointer, key, relative), instance.local)
    if not isinstance(found, Scalar) or not isinstance(found.value, str):
        run.not_whole("note", "which template is linked is not known, so what it deploys was not judged", at)
        return None
    here = instance.level.template.path
    if here not in run.files:  # the template is inside another resource, which has no folder
        run.not_whole("note", "a linked template is not available, so its resources were not evaluated", at)
        return None
    path = posixpath.normpath(posixpath.join(posixpath.dirname(here), found.value.replace("\\", "/")))
    if path.startswith(("/", "../")) or ":" in path or "\0" in path:
        run.not_whole("note", "a linked template outside the project was not read", at)
        return None
    if path in (run.path, *instance.level.chain):
        run.not_whole("warning", f"the linked template '{path}' links itself", at)
        return None
    return _loaded(instance, path, at)


def _loaded(instance: Instance, path: str, at: Location) -> _Linked | None:
    run = instance.level.run
    try:
        start = posixpath.dirname(run.path) or "."
        document = run.load(posixpath.relpath(path, start)) if run.load is not None else None
    except InputError as error:
        run.not_whole("error", f"the linked template '{path}' cannot be read: {error.message}", at)
        return None
    if document is None:
        run.not_whole("note", f"the linked template '{path}' is not at hand, so what it deploys was not judged", at)
        return None
    if not isinstance(document.value, dict):
        run.not_whole("error", f"the linked template '{path}' is no template", at)
        return None
    run.add_text(path, document.text)
    return path, document.value
