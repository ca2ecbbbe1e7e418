"""Resources of templates: their identity, the scope of deployments, and what is certain of them before that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from azkvlint.evaluation.reads import Inputs, inputs_of
from azkvlint.evaluation.values import ANY_PROPERTY, Fields, Result, after_deployment, below, pattern_of
from azkvlint.model.location import Location
from azkvlint.model.pattern import (
    DEPLOYMENT,
    DeclaredHole,
    Text,
    declared_hole,
    escaped,
    hole,
    join_texts,
    remove_prefix,
    split_text,
    text_form,
)
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.readers.deployment.data_evaluator import DataEvaluator
from azkvlint.readers.deployment.documents import key_of, member, result_member, schema_of
from azkvlint.readers.deployment.origins import FROM_VAULT
from azkvlint.readers.deployment.resource import (
    ResourceIdentity,
    full_id,
    parts_of,
    property_for_others,
    readable,
    unknown_property,
)
from azkvlint.readers.deployment.resource_symbols import (
    DeploymentResourceEntity,
    DeploymentResourceSymbol,
    WrittenObject,
    member_pattern,
)
from azkvlint.readers.deployment.scope import GROUP, SUBSCRIPTION, DeploymentScope, id_value, scope_of, text
from azkvlint.readers.deployment.symbols import FileInstance, Iteration
from azkvlint.readers.deployment.template_file import plain_of, symbol_at
from azkvlint.readers.modules.template_holders import DEPLOYMENTS
from azkvlint.syntax import ast
from azkvlint.syntax.arm_expression import is_expression
from azkvlint.syntax.ast import Pointer


class ComputedTemplate(NamedTuple):
    """A template that an expression returns, and the parameters that the deployment passes to it."""

    template: Result
    given: Result | None


class DeployingInstance(FileInstance, Protocol):
    """A template with the arguments of one call."""

    @property
    def evaluator(self) -> DataEvaluator:
        """Return what evaluates its expressions."""

    def template_of(self, entity: Any) -> FileInstance | None:
        """Return the template that a nested deployment deploys; None, with a problem, if it is not available."""


class TemplateResource(DeploymentResourceEntity):
    """A resource of a template. A nested deployment deploys another template, its ``content``."""

    instance: DeployingInstance
    outer: TemplateResource | None

    def __init__(self, symbol: DeploymentResourceSymbol, iteration: Iteration) -> None:
        super().__init__(symbol, iteration)
        self.pointer = symbol.node.pointer
        self.name = symbol_at(self.pointer)
        self.suffix = iteration.key
        # Those of the resources around it, its own last.
        self.suffixes: Pointer = (self.suffix,) if self.outer is None else (*self.outer.suffixes, self.suffix)
        self._type: str | None = None
        self._type_read: Inputs | None = None
        self._is_evaluating = False
        self._content: tuple[FileInstance | None] | None = None

    def close(self) -> None:
        """Release all objects: see ``DeploymentInstance.close``."""
        super().close()
        self._content = None

    @property
    def key(self) -> Pointer:
        """Return a key that is unique in its template."""
        return (*self.pointer, *self.suffixes)

    @property
    def written_type(self) -> str:
        """Return its type as it is written; empty if it is not known."""
        if self._type is None:
            found, read = self.instance.run.recorder.of(self.pattern, "type", True)
            self._type, self._type_read = text_form(found).strip("/"), inputs_of(read)
        elif self._type_read:
            self.instance.run.recorder.add_inputs(self._type_read)
        return self._type

    @property
    def is_deployment(self) -> bool:
        """Return whether it deploys another template."""
        return self.written_type.lower() == DEPLOYMENTS

    @property
    def version(self) -> str:
        """Return its API version; empty if it is not known."""
        return text_form(self.pattern("apiVersion", known=True))

    def plain(self, name: str) -> Any:
        """Return the JSON of a member; None if it is not written."""
        return plain_of((self.body.properties or {}).get(name))

    def pattern(self, name: str, known: bool = False) -> Text:
        """Return the pattern of a member, or, if ``known``, only a value without unknown parts; else empty."""
        plain = self.plain(name)
        if type(plain) is str and plain[:1] != "[":
            return escaped(plain)
        found = self.body.get(name)
        if found is None or (known and not isinstance(found, Scalar)):
            return ""
        return pattern_of(found)

    def place(self, name: str) -> Location:
        """Return the location of a member, or of the resource if it is not written."""
        node = (self.body.properties or {}).get(name)
        return self.instance.evaluator.location(self.pointer) if node is None else self.instance.place(node.value)

    def written(self, *names: str) -> Result | None:
        """Return a member as it is written; None if it is not, or depends on itself."""
        evaluator = self.instance.evaluator
        plain, pointer = self.plain(names[0]), (self.place(names[0]).pointer or ())
        if plain is None:
            return None
        for number, name in enumerate(names[1:], 1):
            if isinstance(plain, str):
                # An object that is itself an expression.
                found = self._evaluate(plain, pointer)
                for below in names[number:]:
                    if found is not None:
                        found = evaluator.member(found, below, True, found.at)
                return found
            key = key_of(plain, name) if isinstance(plain, dict) else None
            if key is None:
                return None
            plain, pointer = plain[key], (*pointer, key)
        return self._evaluate(plain, pointer)

    def _evaluate(self, plain: Any, pointer: Pointer) -> Result | None:
        if self._is_evaluating:
            self.instance.run.recorder.read_all()
            return None
        self._is_evaluating = True
        try:
            return self.instance.evaluator.data(plain, pointer, self.local)
        finally:
            self._is_evaluating = False

    @property
    def content(self) -> FileInstance | None:
        """Return the template that it deploys; None if that is not available."""
        if self._content is None:
            # What its scope, its address and its arguments read is recorded where they are used.
            opened, _ = self.instance.run.recorder.apart(lambda: self.instance.template_of(self))
            if opened is not None and self.outer is None:
                opened.set_base(self.instance.base_content(self.node, self.suffix))
            self._content = (opened,)
        return self._content[0]

    @property
    def opened(self) -> FileInstance | None:
        """See the base class."""
        return self._content[0] if self._content is not None else None

    @property
    def computed_template(self) -> ComputedTemplate | None:
        """Return the template if its properties or its template are an expression.

        Expressions in the result are evaluated in the nested deployment, whatever its scope.
        """
        properties = self.plain("properties")
        if isinstance(properties, dict):
            inline = key_of(properties, "template")
            if inline is None or isinstance(properties[inline], dict):
                return None
        elif not isinstance(properties, str):
            return None
        found = self.body.get("properties")
        template = result_member(found, "template")
        return ComputedTemplate(
            Absent(at=self.place("properties")) if template is None else template, result_member(found, "parameters")
        )

    def record_source(self) -> None:
        """Record what decides which template it deploys."""
        if self.instance.run.recorder.is_recording and self.is_deployment:
            self.written("properties", "templateLink")

    def output(self, name: str, at: Location) -> Result:
        """Return an output of a deployment."""
        self.record_source()
        found = self.content.output(name.lower()) if self.content is not None else None
        if found is None:
            why = "the output of the deployment is known after deployment"
            return Unknown(at=at, why=why, pattern=declared_hole(DEPLOYMENT, self.address, f"outputs.{name.lower()}"))
        return found


# What only ever extends something else: within a resource, that resource.
_EXTENSIONS = (
    "microsoft.authorization/roleassignments", "microsoft.authorization/locks",
    "microsoft.insights/diagnosticsettings", "microsoft.security/", "microsoft.eventgrid/eventsubscriptions",
)  # fmt: skip


def identify(entity: TemplateResource) -> ResourceIdentity:
    """Return the type, the names and the ID of a resource."""
    type_, version, outer = entity.written_type, entity.version, entity.outer
    pattern = entity.pattern("name") or _joined_names(entity)
    names = split_text(pattern, "/")
    if outer is None:
        above, extends = _scope_id(entity)
        if _is_legacy_extension(type_):
            return _identity(version, *parts_of(type_, pattern, above))
        return _identity(version, type_, names, above, extends)
    around = outer.identity
    if "." not in type_.partition("/")[0] and type_:
        type_, names = f"{around.type}/{type_}", [*around.names, *names]
    elif type_.lower().startswith(f"{around.type.lower()}/"):
        # Written in full although it is declared in its parent; its name may be too.
        if len(names) == type_.count("/") - around.type.count("/"):
            names = [*around.names, *names]
    else:
        # An unrelated type: an extension resource extends the resource around it.
        extends = type_.lower().startswith(_EXTENSIONS) and around.id != ""
        return _identity(version, type_, names, around.id if extends else around.above, extends)
    if _is_legacy_extension(type_):
        return _identity(version, *parts_of(type_, join_texts(names, "/"), around.above))
    return _identity(version, type_, names, around.above, around.extends)


def _identity(version: str, type_: str, names: Sequence[Text], above: Text, extends: bool) -> ResourceIdentity:
    """Return an identity. Names that do not match the type may be right, but not which name is which."""
    number = type_.count("/")
    return ResourceIdentity(type_, version, tuple(names) if len(names) == number else ("",) * number, above, extends)


def _joined_names(entity: TemplateResource) -> Text:
    """Return the pattern of names that ``format('{0}/{1}', ...)`` joins, without the secret or unknown ones."""
    plain = entity.plain("name")
    if not isinstance(plain, str) or not is_expression(plain):
        return ""
    evaluator = entity.instance.evaluator
    match evaluator.run.parse(plain[1:-1], entity.place("name")):
        case ast.Call(name=name, arguments=(ast.Literal(value=str() as form), *arguments)) if (
            # Bicep compiles the name of a child resource to this form.
            name.lower() == "format" and form == "/".join(f"{{{number}}}" for number in range(len(arguments)))
        ):
            results = [evaluator.evaluate(argument, entity.local) for argument in arguments]
            names = [pattern_of(result) for result in results]
            return join_texts(names, "/") if any(names) else ""
    return ""


def _is_legacy_extension(type_: str) -> bool:
    """Return whether a type is the older form of an extension resource, which names its target in the type."""
    return "/providers/" in type_.lower()


def _scope_id(entity: TemplateResource) -> tuple[Text, bool]:
    """Return the ID that ``scope`` names, or that of the deployment's scope, and whether the resource extends it."""
    instance = entity.instance
    instance.record_scope()
    found = None if entity.is_deployment else entity.body.get("scope")
    if found is None or isinstance(found, Absent):
        # What exists may be in another resource group, which it names as a nested deployment does.
        return (target_scope(entity) if entity.node.existing else instance.scope).id, False
    place = f"{instance.prefix}{'/'.join(map(str, entity.pointer))}"
    pattern = pattern_of(found) or declared_hole(DEPLOYMENT, place, "scope")
    id_ = full_id(pattern, instance.scope)
    return id_, scope_of(id_) is None


def address_in(entity: TemplateResource) -> str:
    """Return the address of a resource within its deployment: its symbol, or its ID below the scope."""
    if entity.name:
        outer = f"{address_in(entity.outer)}::" if entity.outer is not None else ""
        return f"{outer}{entity.name}{entity.suffix}"
    head = entity.identity
    if head.id:
        return readable(remove_prefix(remove_prefix(head.id, entity.instance.scope.id), "/providers/"))
    name = entity.plain("name")
    label = name.strip("[]") if isinstance(name, str) else entity.pointer[-1]
    return readable(f"{head.type or 'resource'}/{{{label}}}")


def target_scope(entity: TemplateResource) -> DeploymentScope:
    """Return the scope of a nested deployment or of an existing resource, which may name another one."""
    here = entity.instance.scope
    entity.instance.record_scope()
    found = {name: member_pattern(entity, name) for name in ("scope", "subscriptionId", "resourceGroup")}
    if found["scope"]:
        named = scope_of(full_id(found["scope"], here))
        if named is None:
            # The schema names the kind of an unknown scope.
            word = found["scope"]
            inner = member(entity.plain("properties"), "template")
            kind = (schema_of(inner) if isinstance(inner, dict) else "") or here.level
            named = DeploymentScope(kind, hole(word, ".subscription"), hole(word, ".resourceGroup"), hole(word))
        return named
    subscription = found["subscriptionId"] or here.subscription
    if found["resourceGroup"]:
        return DeploymentScope(GROUP, subscription, found["resourceGroup"])
    if found["subscriptionId"]:
        return DeploymentScope(SUBSCRIPTION, subscription)
    return here


class Runtime:
    """A resource as Azure shows it once it is deployed. ``whole``: with its head, or only its properties."""

    __slots__ = ("at", "id", "instance", "whole")

    def __init__(self, at: Location, id_: Text, instance: TemplateResource | None, whole: bool) -> None:
        self.at = at
        self.id = id_
        self.instance = instance
        self.whole = whole

    def member(self, name: str, at: Location) -> Result:
        """Return a property as it is written, where that is certain."""
        lower, instance = name.lower(), self.instance
        if self.whole:
            return self._head(lower, name, at)
        if lower == "outputs" and instance is not None and instance.is_deployment:
            return NestedDeploymentOutputs(at, instance)
        found = instance.written("properties", lower) if instance is not None and not instance.is_deployment else None
        own = self._part(f"properties.{lower}")
        if found is None or isinstance(found, Absent) or instance is None:
            return unknown_property(name, after_deployment(name), own, at)
        return property_for_others(instance.identity.type, name, found, own, instance.identity.id)

    def item(self, index: Result, at: Location) -> Result:
        """Return a member by name, as in ``reference('x')['name']``."""
        if isinstance(index, Scalar) and isinstance(index.value, str):
            return self.member(index.value, at)
        return Unknown(at=at, why=ANY_PROPERTY)

    def _head(self, lower: str, name: str, at: Location) -> Result:
        instance = self.instance
        if lower == "properties":
            return Runtime(at, self.id, instance, False)
        if lower in ("id", "resourceid"):
            return id_value(self.id, at)
        if instance is not None:
            if lower == "name" and instance.identity.names:
                return text(join_texts(instance.identity.names, "/"), at, "the name is unknown")
            if lower in ("type", "apiversion"):
                found = instance.identity.type if lower == "type" else instance.version
                return Scalar(at=at, value=found) if found else Unknown(at=at, why="the value is unknown")
            written = instance.written(lower) if lower in ("location", "tags", "sku", "kind", "zones") else None
            if written is not None and not isinstance(written, Absent):
                return written
        if lower == "identity":
            identity = None if instance is None or instance.node.existing else instance.written(lower)
            return WrittenObject(identity if isinstance(identity, Fields) else None, self._part(lower), at)
        return Unknown(at=at, why=after_deployment(name), pattern=self._part(name))

    def _part(self, path: str) -> DeclaredHole:
        # What exists is what Terraform looks up with a data source.
        type_ = self.instance.identity.type if self.instance is not None else ""
        is_looked_up = self.instance is not None and self.instance.node.existing
        return declared_hole(DEPLOYMENT, self.id, path, f"data.{type_}" if is_looked_up else type_)


class NestedDeploymentOutputs:
    """The outputs of a nested deployment."""

    __slots__ = ("at", "instance")

    def __init__(self, at: Location, instance: TemplateResource) -> None:
        self.at = at
        self.instance = instance

    def member(self, name: str, at: Location) -> Result:
        """Return one output, an object with a ``value``."""
        return Fields(at=at, fields={"value": self.instance.output(name, at)}, rest=Unknown(at=at, why=ANY_PROPERTY))

    def item(self, index: Result, at: Location) -> Result:
        """Return an output by name, which may itself be an expression."""
        if isinstance(index, Scalar) and isinstance(index.value, str):
            return self.member(index.value, at)
        step = pattern_of(index)
        inner = hole(f"{self.instance.address}.outputs[", step, "]") if step else None
        return Fields(
            at=at,
            fields={
                "value": Unknown(
                    at=at, why=f"an output of `{self.instance.address}` is known after deployment", pattern=inner
                )
            },
        )


NOT_KNOWN = "the parameter value has an unsupported form"


class TemplateArguments:
    """The arguments of a nested deployment with parameters of its own, evaluated on use in the template around it."""

    def __init__(self, caller: TemplateResource, properties: Any, pointer: Pointer) -> None:
        self.caller = caller
        key = key_of(properties, "parameters")
        self._plain = properties[key] if key is not None else {}
        self._pointer = pointer if key is None else (*pointer, key)
        self._is_linked = key_of(properties, "parametersLink") is not None

    def written(self, name: str) -> ast.Data | None:
        """Return the argument of a parameter as it is written; None if there is none."""
        key = key_of(self._plain, name) if isinstance(self._plain, dict) else None
        return None if key is None else ast.Data(0, 0, self._plain[key], (*self._pointer, key))

    def get(self, name: str, /) -> Result | None:
        """Return the argument of one parameter; None if there is none."""
        evaluator, local = self.caller.instance.evaluator, self.caller.local
        if isinstance(self._plain, str):
            return argument_in(evaluator.data(self._plain, self._pointer, local), name)
        written = self.written(name)
        if written is None:
            why = "the linked parameter file is not available"
            return Unknown(at=evaluator.location(self._pointer), why=why) if self._is_linked else None
        plain, pointer = written.plain, written.pointer
        if isinstance(plain, str):
            return value_of_argument(evaluator.data(plain, pointer, local))
        if not isinstance(plain, dict):
            return None
        key = key_of(plain, "value")
        if key is not None:
            return evaluator.data(plain[key], (*pointer, key), local)
        # A reference to a secret, or a loop that makes the value.
        return value_of_argument(evaluator.data(plain, pointer, local))


def argument_in(given: Result, name: str) -> Result | None:
    """Return the argument of a parameter in an object with all of them; None if there is none."""
    entry = given.find(name) if isinstance(given, Fields) else None
    if entry is not None:
        return value_of_argument(entry)
    others = given.rest if isinstance(given, Fields) else given
    return below(others, f".{name}.value", others.at) if isinstance(others, Unknown) else others


def value_of_argument(entry: Result) -> Result:
    """Return the value in an argument, an object with a ``value`` or a reference to a Key Vault secret."""
    if not isinstance(entry, Fields):
        return entry if isinstance(entry, Unknown) else Unknown(at=entry.at, why=NOT_KNOWN)
    found = entry.find("value")
    if found is not None:
        return found
    if entry.find("reference") is not None:
        return Unknown(at=entry.at, why=FROM_VAULT, sensitive=True)
    return Unknown(at=entry.at, why=NOT_KNOWN)
