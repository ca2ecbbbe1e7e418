"""The identity of a resource in a template: its type, names, ID and address, and the scope of deployments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from azkvlint.evaluation.operators import Local
from azkvlint.evaluation.values import Result, pattern_of
from azkvlint.model.pattern import DEPLOYMENT, Text, declared_hole, hole, join_texts, remove_prefix, split_text
from azkvlint.model.value import Absent
from azkvlint.readers.deployment.documents import Pointer, member, schema_of
from azkvlint.readers.deployment.resource import ResourceIdentity, full_id, parts_of, readable
from azkvlint.readers.deployment.scope import GROUP, SUBSCRIPTION, Scope, scope_of
from azkvlint.readers.deployment.template import Template
from azkvlint.syntax import ast
from azkvlint.syntax.arm_expression import is_expression


class DeploymentScope(Protocol):
    """A deployment, as the identity of its resources depends on it."""

    template: Template
    scope: Scope
    id: Text
    address: str

    def record_scope(self) -> None:
        """Record that its scope or its address is used."""


class DeclaredResource(Protocol):
    """A resource as its author declares it."""

    @property
    def deployment(self) -> DeploymentScope:
        """Return the deployment that declares it."""

    @property
    def plain(self) -> Mapping[str, Any]:
        """Return its JSON."""

    @property
    def pointer(self) -> Pointer:
        """Return where that is."""

    @property
    def local(self) -> Local:
        """Return the variables of its loops."""

    @property
    def symbol(self) -> str:
        """Return its symbol; empty if it has none."""

    @property
    def suffix(self) -> str:
        """Return which iteration of its loop it is."""

    @property
    def above(self) -> DeclaredResource | None:
        """Return the resource that it is declared in."""

    @property
    def written_type(self) -> str:
        """Return its type as it is written; empty if it is not known."""

    @property
    def is_deployment(self) -> bool:
        """Return whether it deploys another template."""

    @property
    def identity(self) -> ResourceIdentity:
        """Return its type, names and ID."""

    @property
    def address(self) -> str:
        """Return its address in reports."""

    def record_type(self) -> None:
        """Record that the type is used."""

    def key_of(self, name: str) -> str | None:
        """Return the key of a member as its author spells it, or None."""

    def evaluate(self, name: str) -> Result | None:
        """Return the value of a member; None if it is not written."""

    def pattern(self, name: str) -> Text:
        """Return the pattern of a member."""


# What only ever extends something else: within a resource, that resource.
_EXTENSIONS = (
    "microsoft.authorization/roleassignments", "microsoft.authorization/locks",
    "microsoft.insights/diagnosticsettings", "microsoft.security/", "microsoft.eventgrid/eventsubscriptions",
)  # fmt: skip


def identify(instance: DeclaredResource) -> ResourceIdentity:
    """Return the type, the names and the ID of a resource."""
    type_, above = instance.written_type, instance.above
    instance.record_type()
    pattern = instance.pattern("name") or _joined_names(instance)
    names = split_text(pattern, "/")
    if above is None:
        place, extends = _scope_id(instance)
        return (
            ResourceIdentity(*parts_of(type_, pattern, place))
            if _is_legacy_extension(type_)
            else ResourceIdentity(type_, names, place, extends)
        )
    outer = above.identity
    if "." not in type_.partition("/")[0] and type_:
        type_, names = f"{outer.type}/{type_}", [*outer.names, *names]
    elif type_.lower().startswith(f"{outer.type.lower()}/"):
        # Written in full although it is declared in its parent; its name may be too.
        if len(names) == type_.count("/") - outer.type.count("/"):
            names = [*outer.names, *names]
    else:
        # An unrelated type: an extension resource extends the resource around it.
        extends = type_.lower().startswith(_EXTENSIONS) and outer.id != ""
        return ResourceIdentity(type_, names, outer.id if extends else outer.above, extends)
    if _is_legacy_extension(type_):
        return ResourceIdentity(*parts_of(type_, join_texts(names, "/"), outer.above))
    return ResourceIdentity(type_, names, outer.above, outer.extends)


def _joined_names(instance: DeclaredResource) -> Text:
    """Return the pattern of names that ``format('{0}/{1}', ...)`` joins, without the secret or unknown ones."""
    key = instance.key_of("name")
    plain = instance.plain[key] if key is not None else None
    if not isinstance(plain, str) or not is_expression(plain):
        return ""
    template = instance.deployment.template
    match template.run.parse(plain[1:-1], template.location(instance.pointer)):
        case ast.Call(name=name, arguments=(ast.Literal(value=str() as form), *arguments)) if (
            # Bicep compiles the name of a child resource to this form.
            name.lower() == "format" and form == "/".join(f"{{{number}}}" for number in range(len(arguments)))
        ):
            results = [template.evaluator.evaluate(argument, instance.local) for argument in arguments]
            names = [pattern_of(result) for result in results]
            return join_texts(names, "/") if any(names) else ""
    return ""


def _is_legacy_extension(type_: str) -> bool:
    """Return whether a type is the older form of an extension resource, which names its target in the type."""
    return "/providers/" in type_.lower()


def _scope_id(instance: DeclaredResource) -> tuple[Text, bool]:
    """Return the ID that ``scope`` names, or that of the deployment's scope, and whether the resource extends it."""
    deployment = instance.deployment
    deployment.record_scope()
    found = None if instance.is_deployment else instance.evaluate("scope")
    if found is None or isinstance(found, Absent):
        return deployment.id, False
    place = f"{deployment.address}{'/'.join(map(str, instance.pointer))}"
    pattern = pattern_of(found) or declared_hole(DEPLOYMENT, place, "scope")
    id_ = full_id(pattern, deployment.scope)
    return id_, scope_of(id_) is None


def address_of(instance: DeclaredResource) -> str:
    """Return the address of a resource within its deployment: its symbol, or its ID below the scope."""
    if instance.symbol:
        outer = f"{address_of(instance.above)}::" if instance.above is not None else ""
        return f"{outer}{instance.symbol}{instance.suffix}"
    head = instance.identity
    if head.id:
        return readable(remove_prefix(remove_prefix(head.id, instance.deployment.id), "/providers/"))
    name = instance.plain.get("name")
    shown = name.strip("[]") if isinstance(name, str) else instance.pointer[-1]
    return readable(f"{head.type or 'resource'}/{{{shown}}}")


def target_scope(instance: DeclaredResource) -> Scope:
    """Return the scope that a nested deployment goes to."""
    here = instance.deployment.scope
    instance.deployment.record_scope()
    found = {name: _member_pattern(instance, name) for name in ("scope", "subscriptionId", "resourceGroup")}
    if found["scope"]:
        named = scope_of(full_id(found["scope"], here))
        if named is None:
            # The schema names the kind of an unknown scope.
            word = found["scope"]
            inner = member(instance.plain, "properties", "template")
            kind = (schema_of(inner) if isinstance(inner, dict) else "") or here.level
            named = Scope(kind, hole(word, ".subscription"), hole(word, ".resourceGroup"), hole(word))
        return named
    subscription = found["subscriptionId"] or here.subscription
    if found["resourceGroup"]:
        return Scope(GROUP, subscription, found["resourceGroup"])
    if found["subscriptionId"]:
        return Scope(SUBSCRIPTION, subscription)
    return here


def _member_pattern(instance: DeclaredResource, name: str) -> Text:
    """Return the pattern of a member that names a scope; empty if it is not written."""
    found = instance.evaluate(name)
    if found is None or isinstance(found, Absent):
        return ""
    return pattern_of(found) or declared_hole(DEPLOYMENT, instance.address, name)
