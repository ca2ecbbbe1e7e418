"""Templates with the arguments of one call, the functions that depend on these, and the templates they deploy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import msgspec

from azkvlint.evaluation.operators import Local
from azkvlint.evaluation.reads import Bound, inputs_of
from azkvlint.evaluation.values import Fields, Items, Result, WithItem, doubt_in, pattern_of
from azkvlint.model.location import Location
from azkvlint.model.pattern import DEPLOYMENT, Text, declared_hole, hole, join_texts, known_or_pattern, operation
from azkvlint.model.resource import Resource
from azkvlint.model.value import NOTHING_KNOWN, Known, Scalar, Unknown
from azkvlint.readers.deployment import scope as scopes
from azkvlint.readers.deployment.data_evaluator import LOOP, RESOURCE_LOOP, DataEvaluator
from azkvlint.readers.deployment.declarations import written_type
from azkvlint.readers.deployment.documents import key_of, member
from azkvlint.readers.deployment.instance import DeploymentInstance
from azkvlint.readers.deployment.resource import ResourceIdentity, readable
from azkvlint.readers.deployment.resource_symbols import DeploymentResourceEntity, DeploymentResourceSymbol
from azkvlint.readers.deployment.scope import DeploymentScope
from azkvlint.readers.deployment.symbols import (
    COPIES,
    DeploymentModuleCall,
    FileInstance,
    Iteration,
    ParameterArguments,
    truth_of,
    written_length,
)
from azkvlint.readers.deployment.template_file import TemplateFile, parameter_key, template_file, variable_key
from azkvlint.readers.deployment.template_origins import origins_of_secret, outputs_of
from azkvlint.readers.deployment.template_resources import (
    TemplateArguments,
    TemplateResource,
    address_in,
    identify,
    target_scope,
)
from azkvlint.readers.modules.run import Run
from azkvlint.readers.modules.template_holders import DEPLOYMENTS
from azkvlint.syntax import ast
from azkvlint.syntax.ast import Pointer
from azkvlint.util.errors import InputError
from azkvlint.util.text import pluralize
from azkvlint.values.origins import Origins, ValueOrigin

# The local variable with the arguments of a function.
ARGUMENTS = "\0arguments"
# Azure allows five levels; each one costs Python frames.
_MAX_CHAIN = 40
_POINTED = frozenset(
    (
        ast.Data,
        ast.ParameterDeclaration,
        ast.Variable,
        ast.OutputDeclaration,
        ast.FunctionDeclaration,
        ast.ResourceDeclaration,
        ast.For,
        ast.Type,
    )
)


class ReferenceLookup(Protocol):
    """The resources of a template, as its functions refer to them."""

    def reference(self, named: Result, whole: bool, at: Location) -> Result:
        """Return the result of ``reference(named)``: all of the resource, or only its properties."""

    def references(self, symbol: Text, whole: bool, at: Location) -> list[Result] | None:
        """Return the resources that a loop declares; None if their number is not known."""

    def resource_info(self, named: Text, at: Location) -> Result | None:
        """Return the known facts about a resource before deployment; None if this deployment does not contain it."""

    def all_named(self, named: Text) -> Sequence[TemplateResource]:
        """Return the resources that an item of ``dependsOn`` names; none if they are not known."""

    def clear(self) -> None:
        """Release all objects."""


class TemplateInstance(DeploymentInstance):
    """A template with the arguments of one call.

    ``around`` is the template whose expressions it shares: that of a nested deployment of outer scope is a part of the
    template around it. ``is_foreign``: the user of the module cannot edit it.
    """

    names_inner_resources = False
    # learn.microsoft.com/azure/azure-resource-manager/templates/conditional-resource-deployment
    conditions_cascade = False
    file: TemplateFile
    evaluator: DataEvaluator

    def __init__(
        self, file: TemplateFile, run: Run, call: DeploymentModuleCall, around: TemplateInstance | None = None
    ) -> None:
        super().__init__(file, run, call)
        self.around = around
        self.calling: set[str] = set()
        self._lookup: ReferenceLookup | None = None
        self.evaluator = DataEvaluator(self, run, file.path, bool(call.prefix)) if around is None else around.evaluator
        self._undeclared: dict[str, Result] = {}

    @property
    def lookup(self) -> ReferenceLookup:
        """Return the resources as its functions refer to them."""
        if self._lookup is None:
            from azkvlint.readers.deployment.resource_lookup import ResourceLookup  # many templates refer to none

            self._lookup = ResourceLookup(self, self.file)
        return self._lookup

    @property
    def called_as(self) -> str:
        """See the base class."""
        return "nested deployment" if (self.around or self).prefix else ""

    def close(self) -> None:
        """See the base class."""
        super().close()
        if self._lookup is not None:
            self._lookup.clear()
        self._lookup = None
        self.around = None

    def set_base(self, base: FileInstance | None) -> None:
        """See the base class. Unknown values have the address of their deployment, which may be another one there."""
        is_same = isinstance(base, TemplateInstance) and base.file is self.file and base.prefix == self.prefix
        super().set_base(base if is_same else None)

    def again(self, run: Run, given: ParameterArguments) -> TemplateInstance:
        """See the base class."""
        return TemplateInstance(self.file, run, msgspec.structs.replace(self.module_call, given=given))

    def parameter_node(self, name: str) -> ast.ParameterDeclaration | None:
        """See the base class."""
        return self.file.parameter(name)

    def variable_node(self, name: str) -> ast.Variable | None:
        """See the base class."""
        node = self.file.symbols.get(variable_key(name))
        return node if isinstance(node, ast.Variable) else None

    def parameter_location(self, name: str) -> Location:
        """See the base class."""
        node = self.file.parameter(name)
        return self.evaluator.location(self.file.pointer if node is None else node.pointer)

    def required_resources(self) -> Iterator[ast.ResourceDeclaration]:
        """See the base class."""
        return self.file.resources(self.run.attribute_filter.is_read)

    def count_declarations(self) -> int:
        """See the base class."""
        return self.file.count_declarations()

    def written_content(self, entity: Any) -> FileInstance | None:
        """See the base class."""
        is_deployment = isinstance(entity, TemplateResource) and self.deploys_file(entity.node)
        properties = entity.plain("properties") if is_deployment else None
        template = member(properties, "template") if isinstance(properties, dict) else None
        return entity.content if isinstance(template, dict) else None

    def content_of(self, entity: Any) -> FileInstance | None:
        """See the base class."""
        is_deployment = isinstance(entity, TemplateResource) and entity.is_deployment
        return entity.content if is_deployment and entity.computed_template is None else None

    def deploys_file(self, node: ast.ResourceDeclaration) -> bool:
        """See the base class."""
        return (written_type(node) or "").lower() == DEPLOYMENTS

    def unread(self, node: ast.ResourceDeclaration | None = None) -> Sequence[Pointer]:
        """See the base class."""
        return self.file.unread(node)

    def shown_outputs(self) -> Iterator[Resource]:
        """See the base class."""
        return outputs_of(self)

    def secret_origins(self, entity: TemplateResource, sources: list[ValueOrigin]) -> Origins | None:
        """See the base class."""
        return origins_of_secret(entity, sources)

    def place(self, node: ast.Node) -> Location:
        """Return the location of a declaration or a value; of an expression, that of the string that contains it."""
        return self.evaluator.location(node.pointer) if type(node) in _POINTED else self.evaluator.at  # type: ignore[attr-defined]  # these have pointers

    def head(self, node: ast.ResourceDeclaration | ast.ModuleDeclaration) -> Location:
        """Return the location of the type of a resource, or of the resource if it has none."""
        return self.place(node.type if isinstance(node, ast.ResourceDeclaration) else node)

    def name_location(self, node: ast.ParameterDeclaration) -> Location:
        """Return the location of a parameter."""
        return self.evaluator.location(node.pointer)

    def secret_location(self, node: ast.ParameterDeclaration) -> Location:
        """Return the location of the type of a parameter."""
        return self.name_location(node) if node.type is None else self.evaluator.location(node.type.pointer)

    def source_of(self, node: ast.ModuleDeclaration) -> None:
        """Return None: the deployments of a template are resources."""

    def charge(self, made: Result) -> None:
        """Count nothing: the parts of a value are counted where it is evaluated."""

    def symbol(self, node: ast.Name) -> Result:  # noqa: ARG002  # the interface of all documents
        """Return Unknown: expressions of templates have no names."""
        return Unknown(at=self.evaluator.at, why="names are not supported in expressions")

    def call(self, node: ast.Call, local: Local) -> Result | None:
        """See the evaluator's Document."""
        function = CALLS.get(node.name)
        if function is None:
            lower = node.name.lower()
            function = CALLS.get(lower)
            if function is None:
                return call_function(self, node, local) if "." in lower else None
        return function(self, node, local)

    def parameter_named(self, name: str) -> Result:
        """Return the value of a parameter, which may be given without a declaration."""
        found = self.value(parameter_key(name))
        if found is None:
            key = name.lower()
            found = self._undeclared.get(key)
            if found is None:
                found = self._undeclared[key] = self.parameter(
                    ast.ParameterDeclaration(0, 0, name, None, None, (), 0, self.file.pointer)
                )
        return found

    def variable_named(self, name: str) -> Result:
        """Return the value of a variable."""
        found = self.value(variable_key(name))
        why = f"variable `{name}` does not exist, so the deployment fails"
        return Unknown(at=self.evaluator.at, why=why) if found is None else found

    def named(self, node: ast.ParameterDeclaration | ast.Variable, found: Result) -> Result:
        """See the base class. Parameters and variables have names of their own."""
        return self.named_value(
            node.name if isinstance(node, ast.ParameterDeclaration) else f"variables.{node.name}", found
        )

    def named_value(self, name: str, found: Result) -> Result:
        """Return an unknown value with a name that is unique in the template, the same for each use."""
        if not isinstance(found, Unknown) or found.pattern is not None or found.sensitive:
            return found
        self.record_scope()
        pattern = declared_hole(DEPLOYMENT, f"{self.prefix}{name}")
        if isinstance(found, WithItem):
            return msgspec.structs.replace(found, pattern=pattern)
        return Unknown(at=found.at, why=found.why, pattern=pattern, given=found.given, known=found.known)

    def output(self, name: str) -> Result | None:
        """See the base class. Where its condition is not certainly true, an output is not known before deployment."""
        key = name.lower()
        node = self.file.outputs.get(key)
        condition = node.value.condition if node is not None and isinstance(node.value, ast.If) else None
        if condition is not None:
            found = self.evaluator.declared(condition, self.module_call.local)
            if truth_of(found) is not True:
                return None
        return super().output(key)

    def entity_of(self, symbol: DeploymentResourceSymbol, iteration: Iteration) -> DeploymentResourceEntity:
        """See the base class."""
        return TemplateResource(symbol, iteration)

    def type_of(self, entity: TemplateResource) -> tuple[str, str]:
        """See the base class."""
        return entity.written_type, entity.version

    def identify(self, entity: TemplateResource) -> ResourceIdentity:
        """See the base class."""
        return identify(entity)

    def address_of(self, entity: TemplateResource) -> str:
        """Return the address of a resource, which is unique in the root template."""
        self.record_scope()
        return self.run.unique(f"{self.prefix}{address_in(entity)}", (self.path, self.prefix, *entity.key))

    def template_of(self, entity: TemplateResource) -> TemplateInstance | None:
        """Return the template that a nested deployment deploys; None, with a problem, if it is not available."""
        run, at = self.run, entity.place("type")
        properties = entity.plain("properties")
        if entity.node.existing or entity.computed_template is not None:
            return None
        if not isinstance(properties, dict):
            run.not_whole("error", f"`{entity.address}` has no template, so its resources were not evaluated", at)
            return None
        pointer = entity.place("properties").pointer or ()
        run.count_deployment()
        if len(self.module_call.callers) >= _MAX_CHAIN:
            raise InputError(f"the deployments are nested deeper than {_MAX_CHAIN} levels")
        key = key_of(properties, "template")
        if key is not None:
            file = template_file(run, self.path, properties[key], (*pointer, key))
            return self._called(entity, file, self.module_call.chain, properties, pointer)
        key = key_of(properties, "templateLink")
        if key is None:
            run.not_whole("error", "a nested deployment has neither a template nor a link to one", at)
            return None
        link = self.evaluator.data(properties[key], (*pointer, key), entity.local)
        from azkvlint.readers.deployment.linked_templates import linked_template  # few templates have links

        linked = linked_template(run, self.path, link, self.module_call.chain, at)
        if linked is None:
            return None
        file = template_file(run, linked.path, linked.plain, ())
        return self._called(entity, file, (*self.module_call.chain, linked.path), properties, pointer)

    def _called(
        self, entity: TemplateResource, file: TemplateFile, chain: tuple[str, ...], properties: Mapping[str, object],
        pointer: Pointer,
    ) -> TemplateInstance:  # fmt: skip
        (scope, prefix), read = self.run.recorder.of(_scope_and_prefix, entity)
        # Linked templates and those of inner scope have their own expressions.
        evaluation = member(properties, "expressionEvaluationOptions", "scope")
        is_inner = file.path != self.path or (isinstance(evaluation, str) and evaluation.lower() == "inner")
        outer, own = self.module_call, entity.identity.names[-1] if entity.identity.names else ""
        call = DeploymentModuleCall(
            given=TemplateArguments(entity, properties, pointer),
            scope=scope,
            prefix=prefix,
            deployment=join_texts([outer.deployment, "/", own or hole(entity.address)]),
            callers=(*outer.callers, entity.place("type")),
            chain=chain,
            module=entity,
            copies=outer.copies * written_length(entity.node.body) or 1,
            may_vary=outer.may_vary,
            shows_outputs=outer.shows_outputs,
            local={} if is_inner else entity.local,
        )
        around = None if is_inner else self.around or self
        instance = TemplateInstance(file, self.run, call, around)
        instance.scope_read = inputs_of(read)
        return instance


def _scope_and_prefix(entity: TemplateResource) -> tuple[DeploymentScope, str]:
    """Return the scope of a nested deployment, and the prefix of addresses in it."""
    return target_scope(entity), prefix_of(entity)


def prefix_of(entity: TemplateResource) -> str:
    """Return the prefix of addresses in a nested deployment."""
    return f"{entity.address}." if entity.name else f"{_prefix(entity)}/"


def _prefix(entity: TemplateResource) -> str:
    """Return the prefix of addresses in a deployment that has no symbol: its name."""
    instance = entity.instance
    instance.record_scope()
    name = readable(entity.identity.names[-1]) if entity.identity.names else ""
    key = (instance.path, instance.prefix, *entity.key, "")
    return instance.run.unique(f"{instance.prefix}{name or entity.address}", key)


Call: TypeAlias = "Callable[[TemplateInstance, ast.Call, Local], Result]"


def _arguments(template: TemplateInstance, node: ast.Call, local: Local) -> list[Result]:
    return [template.evaluator.evaluate(argument, local) for argument in node.arguments]


def _name(template: TemplateInstance, node: ast.Call, local: Local) -> str | Unknown:
    """Return the only argument of ``parameters`` and ``variables``: a name."""
    if len(node.arguments) == 1:
        argument = node.arguments[0]
        if type(argument) is ast.Literal and type(argument.value) is str:
            return argument.value
        found = template.evaluator.evaluate(argument, local)
        if isinstance(found, Scalar) and isinstance(found.value, str):
            return found.value
        return doubt_in(f"the name in `{node.name}()` is unknown", template.evaluator.at, found)
    return Unknown(at=template.evaluator.at, why=f"`{node.name}()` expects one name, so the deployment fails")


def _parameters(template: TemplateInstance, node: ast.Call, local: Local) -> Result:
    name = _name(template, node, local)
    if isinstance(name, Unknown):
        return name
    arguments = local.get(ARGUMENTS)
    if isinstance(arguments, Fields):
        found = arguments.fields.get(name.lower())
        return (
            Unknown(at=template.evaluator.at, why=f"parameter `{name}` does not exist in the function")
            if found is None
            else found
        )
    return template.parameter_named(name)


def _variables(template: TemplateInstance, node: ast.Call, local: Local) -> Result:
    argument = node.arguments[0] if len(node.arguments) == 1 else None
    if type(argument) is ast.Literal and type(argument.value) is str:
        return template.variable_named(argument.value)
    name = _name(template, node, local)
    return name if isinstance(name, Unknown) else template.variable_named(name)


def _copy_index(template: TemplateInstance, node: ast.Call, local: Local) -> Result:
    """Evaluate ``copyIndex()``, ``copyIndex(offset)``, ``copyIndex(loop)`` and ``copyIndex(loop, offset)``.

    Without a name it is the loop of the resource, even within the copy of a property.
    """
    loop = RESOURCE_LOOP
    offset: Result = Scalar(at=template.evaluator.at, value=0)
    for argument in _arguments(template, node, local):
        if isinstance(argument, Scalar) and isinstance(argument.value, str):
            loop = f"{LOOP}{argument.value.lower()}"
        else:
            offset = argument
    bound = local.get(loop)
    index = bound.evaluate() if isinstance(bound, Bound) else bound
    if index is None:
        return Unknown(
            at=template.evaluator.at, why="`copyIndex()` expects a loop with this name, so the deployment fails"
        )
    if isinstance(index, Scalar) and isinstance(offset, Scalar):
        if type(index.value) is int and type(offset.value) is int:
            return Scalar(at=template.evaluator.at, value=index.value + offset.value)
    elif isinstance(index, Unknown) and isinstance(offset, Scalar) and offset.value != 0:
        pattern = operation("+", [known_or_pattern(index.pattern), str(offset.value)])
        return Unknown(at=template.evaluator.at, why=index.why, pattern=pattern)
    return doubt_in("the offset of `copyIndex()` is not a number", template.evaluator.at, index, offset)


def _scope(name: str) -> Call:
    """Return a function that depends on the scope."""

    def call(template: TemplateInstance, node: ast.Call, local: Local) -> Result:
        template.record_scope()
        at = template.evaluator.at
        found = scopes.call(name, _arguments(template, node, local), template.scope, at)
        return Unknown(at=at, why=f"`{name}()` is not supported") if found is None else found

    return call


def call_function(template: TemplateInstance, node: ast.Call, local: Local) -> Result | None:
    """Evaluate a function that the template declares: it can refer only to its arguments; None if it has no such."""
    function = template.file.functions.get(node.name.lower())
    if function is None:
        return None
    given, at = _arguments(template, node, local), template.evaluator.at
    if len(given) != len(function.parameters):
        expected = pluralize(len(function.parameters), "argument")
        return Unknown(at=at, why=f"`{node.name}()` expects {expected}, so the deployment fails")
    if function.name in template.calling:
        return Unknown(at=at, why=f"function `{node.name}` calls itself")
    template.calling.add(function.name)
    try:
        names = (name.lower() for name in function.parameters)
        inner: Local = {ARGUMENTS: Fields(at=at, fields=dict(zip(names, given, strict=True)))}
        return template.evaluator.declared(function.body, inner)
    finally:
        template.calling.discard(function.name)
        template.evaluator.run.recorder.forget()


def _copies(template: TemplateInstance, node: ast.Call, local: Local) -> Result:
    """Return the numbers of the iterations of a loop."""
    evaluator = template.evaluator
    number = evaluator.number_of_copies(node.arguments[0] if node.arguments else None, evaluator.at, local)
    if isinstance(number, Unknown):
        known = number.known
        size = Known(least=max(known.least, 0), most=known.most) if known.is_number else NOTHING_KNOWN
        return Unknown(at=number.at, why=number.why, pattern=number.pattern, known=size)
    return Items(at=evaluator.at, items=[Scalar(at=evaluator.at, value=index) for index in range(number)])


def _reference(template: TemplateInstance, node: ast.Call, local: Local) -> Result:
    arguments = _arguments(template, node, local)
    if not 1 <= len(arguments) <= 3:
        return Unknown(
            at=template.evaluator.at, why="`reference()` expects one to three arguments, so the deployment fails"
        )
    full = arguments[2] if len(arguments) == 3 else None
    whole = isinstance(full, Scalar) and str(full.value).lower() == "full"
    return template.lookup.reference(arguments[0], whole, template.evaluator.at)


def _references(template: TemplateInstance, node: ast.Call, local: Local) -> Result:
    """Evaluate ``references(symbol)``: all resources of a loop."""
    arguments = _arguments(template, node, local)
    whole = len(arguments) > 1 and isinstance(arguments[1], Scalar) and str(arguments[1].value).lower() == "full"
    found = template.lookup.references(pattern_of(arguments[0]), whole, template.evaluator.at) if arguments else None
    if found is None:
        return Unknown(at=template.evaluator.at, why="`references()` is known after deployment")
    return Items(at=template.evaluator.at, items=found)


def _resource_info(template: TemplateInstance, node: ast.Call, local: Local) -> Result:
    """Evaluate ``resourceInfo(symbol)``: the facts about a resource that are known before deployment."""
    arguments = _arguments(template, node, local)
    found = template.lookup.resource_info(pattern_of(arguments[0]), template.evaluator.at) if arguments else None
    return doubt_in("the resource is unknown", template.evaluator.at, *arguments) if found is None else found


def _deployment(template: TemplateInstance, node: ast.Call, local: Local) -> Result:
    """Evaluate ``deployment()``, the same unknown value for each use."""
    why = "`deployment()` is known after deployment"
    return template.named_value("deployment", Unknown(at=template.evaluator.at, why=why))


_BY_NAME: Mapping[str, Call] = {
    "parameters": _parameters,
    "variables": _variables,
    "copyIndex": _copy_index,
    "reference": _reference,
    "references": _references,
    "resourceInfo": _resource_info,
    "deployment": _deployment,
    COPIES: _copies,
    **{
        name: _scope(name)
        for name in (
            "resourceId", "subscriptionResourceId", "tenantResourceId", "managementGroupResourceId",
            "extensionResourceId", "resourceGroup", "subscription", "tenant", "managementGroup", "environment",
            "roleDefinitions",
        )
    },
}  # fmt: skip
CALLS: Mapping[str, Call] = {**_BY_NAME, **{name.lower(): function for name, function in _BY_NAME.items()}}
