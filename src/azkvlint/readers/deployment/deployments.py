"""Deployments: their resources, the references to them, and the deployments nested in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeVar

import msgspec

from azkvlint.evaluation.known_parts import conjuncts
from azkvlint.evaluation.operators import Local
from azkvlint.evaluation.reads import NO_INPUTS, Inputs, ReadSet, inputs_of
from azkvlint.evaluation.values import Result, pattern_of
from azkvlint.model.location import Location
from azkvlint.model.pattern import (
    DEPLOYMENT,
    Text,
    declared_hole,
    escaped,
    hole,
    join_texts,
    known_start,
    text_form,
)
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.readers.deployment.arguments import mark_secret
from azkvlint.readers.deployment.documents import (
    DEPLOYMENTS,
    Pointer,
    is_usual,
    key_of,
    member,
    result_member,
    written_copies,
)
from azkvlint.readers.deployment.identity import address_of, identify, target_scope
from azkvlint.readers.deployment.linked_templates import linked_template
from azkvlint.readers.deployment.resource import ResourceIdentity, readable
from azkvlint.readers.deployment.run import Run
from azkvlint.readers.deployment.runtime import Runtime
from azkvlint.readers.deployment.scope import Scope, resource_id
from azkvlint.readers.deployment.template import LOOP, NO_LOCAL, RESOURCE_LOOP, Arguments, Template
from azkvlint.util.errors import InputError

_T = TypeVar("_T")


class EvaluatedResource:
    """A resource, an iteration of its loop (``suffix`` is ``[0]``), or one for all iterations (``[*]``).

    ``plain`` is its JSON at ``pointer``; ``above`` is the resource that it is declared in.
    """

    __slots__ = (
        "_address", "_busy", "_conditions", "_identity", "_nested", "_reads", "above", "deployment", "is_deployment",
        "local", "plain", "pointer", "suffix", "symbol", "usual", "written_type",
    )  # fmt: skip

    def __init__(
        self, deployment: Deployment, plain: Mapping[str, Any], pointer: Pointer, local: Local, symbol: str = "",
        above: EvaluatedResource | None = None, suffix: str = "",
    ) -> None:  # fmt: skip
        self.deployment = deployment
        self.plain = plain
        self.usual = is_usual(plain)
        self.pointer = pointer
        self.local = local
        self.symbol = symbol
        self.above = above
        self.suffix = suffix
        self._reads: Mapping[str, Inputs] = {}
        # Empty if it is not known.
        self.written_type = self._once("type", self._find_type)
        self.is_deployment = self.written_type.lower() == DEPLOYMENTS
        self._busy = False
        self._address = ""
        self._conditions: tuple[frozenset[str] | None] | None = None
        self._identity: ResourceIdentity | None = None
        self._nested: tuple[NestedDeployment | None] | None = None

    def close(self) -> None:
        """Release the nested deployment."""
        self._nested = None

    @property
    def key(self) -> Pointer:
        """Return a key that is unique among the iterations of its loop and of the loops around it."""
        return (*self.pointer, self.suffix) if self.above is None else (*self.above.key, *self.pointer, self.suffix)

    def key_of(self, name: str) -> str | None:
        """Return the key of a member as its author spells it, or None. ``name`` is the usual spelling."""
        if name in self.plain:
            return name
        return None if self.usual else key_of(self.plain, name)

    def evaluate(self, name: str) -> Result | None:
        """Return the value of a member; None if it is not written."""
        key = self.key_of(name)
        if key is None:
            return None
        return self.deployment.template.value(self.plain[key], (*self.pointer, key), self.local)

    def pattern(self, name: str, known: bool = False) -> Text:
        """Return the pattern of a member, or, if ``known``, only a value without unknown parts; else empty."""
        key = self.key_of(name)
        plain = self.plain[key] if key is not None else None
        if type(plain) is str and plain[:1] != "[":
            return escaped(plain)
        found = self.evaluate(name)
        if found is None or (known and not isinstance(found, Scalar)):
            return ""
        return pattern_of(found)

    def place(self, name: str) -> Location:
        """Return the location of a member, or of the resource if it is not written."""
        key = self.key_of(name)
        return self.deployment.template.location(self.pointer if key is None else (*self.pointer, key))

    def _find_type(self) -> str:
        return text_form(self.pattern("type", known=True)).strip("/")

    def _once(self, name: str, make: Callable[[], _T]) -> _T:
        """Return a part that is evaluated once, and keep what it reads."""
        recorder = self.deployment.template.run.recorder
        if not recorder.is_recording:
            return make()
        found, read = recorder.of(make)
        if read is not None:
            self._reads = {**self._reads, name: read.inputs}
        return found

    def _record(self, name: str) -> None:
        if name in self._reads:
            self.deployment.run.recorder.add_inputs(self._reads[name])

    def record_type(self) -> None:
        """Record that the type is used, which is evaluated before all else."""
        self._record("type")

    @property
    def identity(self) -> ResourceIdentity:
        """Return its type, names and ID."""
        if self._identity is None:
            self._identity = self._once("identity", partial(identify, self))
        elif self._reads:
            self._record("identity")
        return self._identity

    @property
    def version(self) -> str:
        """Return its API version; empty if it is not known."""
        return text_form(self.pattern("apiVersion", known=True))

    @property
    def address(self) -> str:
        """Return its address in reports, unique in the root template."""
        if not self._address:
            self._address = self._once("address", self._find_address)
        elif self._reads:
            self._record("address")
        return self._address

    def _find_address(self) -> str:
        deployment = self.deployment
        deployment.record_scope()
        key = (deployment.template.path, deployment.address, *self.key)
        return deployment.run.unique(f"{deployment.address}{address_of(self)}", key)

    def conditions(self) -> frozenset[str] | None:
        """Return the unknown conditions that it depends on; None if it certainly does not exist."""
        if self._conditions is None:
            self._conditions = (self._once("conditions", self._find_conditions),)
        elif self._reads:
            self._record("conditions")
        return self._conditions[0]

    def _find_conditions(self) -> frozenset[str] | None:
        found = self.evaluate("condition")
        conditions = self.deployment.conditions
        if isinstance(found, Scalar):
            if found.value is False or (isinstance(found.value, str) and found.value.lower() == "false"):
                return None
        elif found is not None:
            pattern = found.pattern if isinstance(found, Unknown) else None
            texts = conjuncts(pattern) if pattern is not None else [f"the condition of {self.address}"]
            conditions = conditions.union(texts)
        here: EvaluatedResource | None = self
        while here is not None:
            if here.suffix == "[*]":
                conditions |= {f"the loop of {here.address}"}
            here = here.above
        return conditions

    def member(self, *names: str) -> Result | None:
        """Return a member as it is written; None if it is not, or depends on itself."""
        plain: Any = self.plain
        pointer = self.pointer
        for number, name in enumerate(names):
            if isinstance(plain, str):
                # An object that is itself an expression.
                found = self._evaluate_once(plain, pointer)
                for below in names[number:]:
                    if found is not None:
                        found = self.deployment.template.evaluator.member(found, below, True, found.at)
                return found
            key = key_of(plain, name) if isinstance(plain, dict) else None
            if key is None:
                return None
            plain, pointer = plain[key], (*pointer, key)
        return self._evaluate_once(plain, pointer)

    def _evaluate_once(self, plain: Any, pointer: Pointer) -> Result | None:
        if self._busy:
            self.deployment.run.recorder.read_all()
            return None
        self._busy = True
        try:
            return self.deployment.template.value(plain, pointer, self.local)
        finally:
            self._busy = False

    @property
    def nested(self) -> NestedDeployment | None:
        """Return the deployment that it declares; None if that is not available."""
        if self._nested is None:
            # What its scope, its address and its arguments read is recorded where they are used.
            opened, _ = self.deployment.run.recorder.apart(partial(open_nested, self))
            self._nested = (opened,)
        return self._nested[0]

    def record_link(self) -> None:
        """Record what decides which template it deploys."""
        if self.is_deployment and self.deployment.run.recorder.is_recording:
            self.member("properties", "templateLink")

    def output(self, name: str, at: Location) -> Result:
        """Return an output of a deployment."""
        self.record_link()
        found = self.nested.output(name) if self.nested is not None else None
        if found is None:
            why = "the output of the deployment is known after deployment"
            return Unknown(at=at, why=why, pattern=declared_hole(DEPLOYMENT, self.address, f"outputs.{name.lower()}"))
        return found


class DeploymentContext(msgspec.Struct, frozen=True, kw_only=True):
    """The context of a deployment.

    ``address`` is the prefix of the addresses of its resources, ``local`` the variables of the deployment around it
    (outer scope), ``conditions`` those of the whole deployment. ``chain`` holds the paths of the templates that led to
    it, each linked by the one before. ``copies`` is how many deployments like it there are. ``deployment_path``: the
    names (patterns) of the deployments that lead to it, its own last. ``deployed_by`` is the resource that deploys it,
    None for the root.
    """

    address: str = ""
    deployment_path: Text = ""
    copies: int = 1
    local: Local = NO_LOCAL
    conditions: frozenset[str] = frozenset()
    callers: tuple[Location, ...] = ()
    chain: tuple[str, ...] = ()
    deployed_by: EvaluatedResource | None = None


_ROOT = DeploymentContext()


def _id_of_deployment(instance: EvaluatedResource) -> Text:
    """Return the ID that a nested deployment has in the scope that it goes to, which may be another resource group."""
    return resource_id(target_scope(instance).id, instance.identity.type, instance.identity.names)


class Deployment:
    """A deployment and the resources that it declares.

    ``template`` evaluates its expressions: for a nested deployment of outer scope, the template around it.
    ``plain`` is the JSON of its own template, at ``pointer``. ``scope`` is the scope that it goes to.
    """

    def __init__(
        self,
        template: Template,
        plain: Mapping[str, Any],
        pointer: Pointer,
        scope: Scope,
        context: DeploymentContext = _ROOT,
    ) -> None:
        self.template = template
        self.plain = plain
        self.pointer = pointer
        self.scope = scope
        self.id = scope.id
        self.address = context.address
        self.local = context.local
        self.conditions = context.conditions
        self.callers = context.callers
        self.chain = context.chain
        self.deployed_by = context.deployed_by
        self.copies = context.copies
        self.deployment_path = context.deployment_path
        # What its scope and its address read.
        self.opened: Inputs | None = None
        self._made: dict[Pointer, list[EvaluatedResource]] = {}
        self._reads: dict[Pointer, Inputs] = {}
        self._symbols_read: Inputs | None = None
        self._ids_read: Inputs | None = None
        self._ids: dict[str, EvaluatedResource] | None = None
        self._names: dict[str, list[EvaluatedResource]] = {}
        self._symbols: dict[str, list[EvaluatedResource]] = {}
        self.run.opened.append(self.close)

    def close(self) -> None:
        """Release all objects, so that reference counting frees them."""
        for instances in self._made.values():
            for instance in instances:
                instance.close()
        self.template.close()
        for held in (self._made, self._ids, self._names, self._symbols):
            if held is not None:
                held.clear()

    @property
    def run(self) -> Run:
        """Return the run that all deployments share."""
        return self.template.run

    def record_scope(self) -> None:
        """Record that its scope or its address is used."""
        if self.opened:
            self.run.recorder.add_inputs(self.opened)

    def declarations(self, above: EvaluatedResource | None = None) -> Iterator[tuple[str, Mapping[str, Any], Pointer]]:
        """Yield the symbol (may be empty), JSON and pointer of each resource, or of each declared within another."""
        plain, pointer = (self.plain, self.pointer) if above is None else (above.plain, above.pointer)
        key = key_of(plain, "resources") if above is None else above.key_of("resources")
        section = plain[key] if key is not None else None
        if isinstance(section, dict):
            for symbol, resource in section.items():
                if isinstance(resource, dict):
                    yield symbol, resource, (*pointer, str(key), symbol)
        elif isinstance(section, list):
            for number, resource in enumerate(section):
                if isinstance(resource, dict):
                    yield "", resource, (*pointer, str(key), number)

    def unread(self, above: EvaluatedResource | None = None) -> Iterator[Pointer]:
        """Yield the pointer of each value in place of resources that declares none, such as an expression."""
        plain, pointer = (self.plain, self.pointer) if above is None else (above.plain, above.pointer)
        key = key_of(plain, "resources") if above is None else above.key_of("resources")
        section = plain[key] if key is not None else None
        where = (*pointer, str(key))
        if isinstance(section, dict | list):
            items = section.items() if isinstance(section, dict) else enumerate(section)
            yield from ((*where, step) for step, resource in items if not isinstance(resource, dict))
        elif section is not None:
            yield where

    def instances(
        self, symbol: str, plain: Mapping[str, Any], pointer: Pointer, above: EvaluatedResource | None = None
    ) -> list[EvaluatedResource]:
        """Return the resources of a declaration: itself, each iteration of its loop, or one for all iterations."""
        where = pointer if above is None else (*above.key, *pointer)
        found = self._made.get(where)
        if found is not None:
            if self._reads:
                self.run.recorder.add_inputs(self._reads[where])
            return found
        made, read = self.run.recorder.of(lambda: list(self._instances(symbol, plain, pointer, above)))
        self._made[where] = made
        if read is not None:
            self._reads[where] = read.inputs
        return made

    def _instances(
        self, symbol: str, plain: Mapping[str, Any], pointer: Pointer, above: EvaluatedResource | None
    ) -> Iterator[EvaluatedResource]:
        local = self.local if above is None else above.local
        key = key_of(plain, "copy")
        loop = plain[key] if key is not None else None
        if not isinstance(loop, dict):
            self.run.count_resources(1)
            yield EvaluatedResource(self, plain, pointer, local, symbol, above)
            return
        name_key = key_of(loop, "name")
        name = loop[name_key] if name_key is not None else symbol
        recorder = self.run.recorder
        count, read = recorder.of(self.template.count, loop, (*pointer, str(key)), local)
        if isinstance(count, int):
            self.run.count_resources(count)
            for number in range(count):
                index = recorder.bind(Scalar(at=self.template.at, value=number), read)
                inner = {**local, f"{LOOP}{str(name).lower()}": index, RESOURCE_LOOP: index}
                yield EvaluatedResource(self, plain, pointer, inner, symbol, above, f"[{number}]")
            return
        self.run.count_resources(1)
        self.record_scope()
        position = Unknown(at=count.at, why=count.why, pattern=hole(f"{self.address}{name}[*]"))
        unknown = recorder.bind(position, read and read.after(self.opened or NO_INPUTS))
        inner = {**local, f"{LOOP}{str(name).lower()}": unknown, RESOURCE_LOOP: unknown}
        yield EvaluatedResource(self, plain, pointer, inner, symbol, above, "[*]")

    def all_resources(self, above: EvaluatedResource | None = None) -> Iterator[EvaluatedResource]:
        """Yield all resources, including those declared within others."""
        for symbol, plain, pointer in self.declarations(above):
            for instance in self.instances(symbol, plain, pointer, above):
                yield instance
                yield from self.all_resources(instance)

    def _index(self) -> dict[str, EvaluatedResource]:
        if self._ids is None:
            self._ids = {}
            recorder = self.run.recorder
            listed, self._symbols_read = recorder.apart(lambda: list(self.all_resources()))
            _, self._ids_read = recorder.apart(lambda: self._fill_index(listed))
        return self._ids

    def _fill_index(self, listed: list[EvaluatedResource]) -> None:
        ids = self._index()
        for instance in listed:
            head = instance.identity
            if head.id:
                ids.setdefault(text_form(head.id).lower(), instance)
            if instance.is_deployment:
                ids.setdefault(text_form(_id_of_deployment(instance)).lower(), instance)
            self._names.setdefault(text_form(join_texts(head.names, "/")).lower(), []).append(instance)
            if instance.symbol:
                self._symbols.setdefault(instance.symbol.lower(), []).append(instance)

    def _record_search(self, by_symbol: bool) -> None:
        """Record that a resource is searched: by its symbol, or by its name or ID, where all others are compared."""
        recorder = self.run.recorder
        if not recorder.is_recording:
            return
        if self._symbols_read is None or self._ids_read is None:
            recorder.read_all()
            return
        recorder.add_inputs(self._symbols_read)
        if not by_symbol:
            recorder.add_inputs(self._ids_read)

    def find(self, named: Text) -> EvaluatedResource | None:
        """Return the resource of a symbol, a name or an ID (a pattern); None if it is not in this deployment."""
        if not named:
            return None
        ids, lower = self._index(), text_form(named).lower()
        symbol, bracket, index = lower.partition("[")
        self._record_search(by_symbol="/" not in lower and symbol in self._symbols)
        if "/" in lower and lower in ids:
            return ids[lower]
        found = self._symbols.get(symbol, ())
        if found:
            chosen = [one for one in found if one.suffix in {f"{bracket}{index}", "[*]"}]
            return chosen[0] if chosen else None
        same = self._names.get(lower, ())
        return same[0] if len(same) == 1 else None

    def reference(self, named: Result, whole: bool, at: Location) -> Result:
        """Return the result of ``reference(named)``: all of the resource, or only its properties."""
        pattern = pattern_of(named)
        found = self.find(pattern)
        if found is not None:
            return _runtime_of(found, whole, at)
        why = "`reference()` is known after deployment"
        if not pattern:
            return Unknown(at=at, why=why)
        is_id = known_start(pattern).startswith("/")
        self.record_scope()
        id_ = pattern if is_id else hole(f"{self.address}reference({readable(pattern)})")
        return Runtime(at, id_, None, whole)

    def references(self, symbol: Text, whole: bool, at: Location) -> list[Result] | None:
        """Return the resources that a loop declares; None if their number is not known."""
        self._index()
        self._record_search(by_symbol=True)
        found = self._symbols.get(text_form(symbol).lower())
        if found is None or any(one.suffix == "[*]" for one in found):
            return None
        return [_runtime_of(one, whole, at) for one in found]

    def resource_info(self, named: Text, at: Location) -> Result | None:
        """Return what is known of a resource before deployment; None if it is not in this deployment."""
        found = self.find(named)
        return None if found is None else _runtime_of(found, True, at)


def _runtime_of(instance: EvaluatedResource, whole: bool, at: Location) -> Runtime:
    return Runtime(at, instance.identity.id or declared_hole(DEPLOYMENT, instance.address), instance, whole)


# Azure allows five levels; each one costs Python frames.
_MAX_CHAIN = 40


class NestedDeployment:
    """A ``deployment`` in another. ``local`` variables are those of its expressions (outer scope)."""

    def __init__(self, instance: EvaluatedResource, deployment: Deployment, local: Local) -> None:
        self.instance = instance
        self.deployment = deployment
        self.local = local
        self._outputs: dict[str, Result | None] = {}
        self._reads: dict[str, ReadSet] = {}

    def output(self, name: str) -> Result | None:
        """Return an output; None if there is none, or it depends on itself."""
        key, recorder = name.lower(), self.deployment.run.recorder
        if key not in self._outputs:
            self._outputs[key] = None
            found, read = recorder.of(self._output, name)
            self._outputs[key] = found
            if read is not None:
                self._reads[key] = read
            if found is not None:
                self.deployment.run.budget.secrets.note(name, found)
        elif key in self._reads:
            recorder.add(self._reads[key], self._outputs[key])
        else:
            recorder.read_all()
        return self._outputs[key]

    def written_output(self, name: str) -> tuple[Mapping[str, Any], Pointer] | None:
        """Return an output as it is written, and its pointer; None if there is none."""
        deployment = self.deployment
        outputs_key = key_of(deployment.plain, "outputs")
        outputs = deployment.plain[outputs_key] if outputs_key is not None else None
        key = key_of(outputs, name) if isinstance(outputs, dict) else None
        output = outputs[key] if isinstance(outputs, dict) and key is not None else None
        return (output, (*deployment.pointer, str(outputs_key), str(key))) if isinstance(output, dict) else None

    def _output(self, name: str) -> Result | None:
        deployment = self.deployment
        output, pointer = self.written_output(name) or ({}, ())
        if not output or key_of(output, "condition") is not None:
            return None
        value, loop = key_of(output, "value"), key_of(output, "copy")
        if value is not None:
            found = deployment.template.value(output[value], (*pointer, value), self.local)
            return mark_secret(found) if deployment.template.sections.is_secure(output) else found
        if loop is not None and isinstance(output[loop], dict):
            return deployment.template.loop(output[loop], name, "input", (*pointer, loop), self.local)
        return None


def open_nested(instance: EvaluatedResource) -> NestedDeployment | None:
    """Return the deployment that a resource declares; None, with a problem, if it is not available."""
    deployment = instance.deployment
    run = deployment.run
    key = key_of(instance.plain, "properties")
    properties = instance.plain[key] if key is not None else None
    at = instance.place("type")
    if instance.plain.get("existing") is True or computed_template(instance) is not None:
        return None
    if not isinstance(properties, dict):
        run.not_whole("error", f"`{instance.address}` has no template, so its resources were not evaluated", at)
        return None
    pointer = (*instance.pointer, str(key))
    run.count_deployment()
    if len(deployment.callers) >= _MAX_CHAIN:
        raise InputError(f"the deployments are nested deeper than {_MAX_CHAIN} levels")
    inline = key_of(properties, "template")
    path, chain = deployment.template.path, deployment.chain
    where: Pointer = ()
    if inline is not None:
        plain, where = properties[inline], (*pointer, inline)
    else:
        linked = linked_template(deployment.template, instance.local, chain, properties, pointer, at)
        if linked is None:
            return None
        path, plain = linked
        chain = (*chain, path)
    arguments = Arguments(deployment.template, instance.local, properties, pointer)
    return _nested_deployment(instance, plain, where, path, chain, arguments, properties)


class ComputedTemplate(NamedTuple):
    """A template that an expression returns, and the parameters that the deployment passes to it."""

    template: Result
    given: Result | None


def computed_template(instance: EvaluatedResource) -> ComputedTemplate | None:
    """Return the template of a deployment that has an expression where its properties or its template would be.

    Expressions in the result are evaluated in the nested deployment, whatever its scope.
    """
    key = key_of(instance.plain, "properties")
    properties = instance.plain[key] if key is not None else None
    if isinstance(properties, dict):
        inline = key_of(properties, "template")
        if inline is None or isinstance(properties[inline], dict):
            return None
    elif not isinstance(properties, str):
        return None
    found = instance.evaluate("properties")
    template = result_member(found, "template")
    return ComputedTemplate(
        Absent(at=instance.place("properties")) if template is None else template, result_member(found, "parameters")
    )


def _nested_deployment(
    instance: EvaluatedResource, plain: Mapping[str, Any], where: Pointer, path: str, chain: tuple[str, ...],
    arguments: Arguments, properties: Mapping[str, Any],
) -> NestedDeployment:  # fmt: skip
    deployment = instance.deployment
    (scope, name), opened = deployment.run.recorder.of(_scope_and_prefix, instance)
    # Linked templates and those of inner scope have their own expressions; others are part of the template around them.
    inner = path != deployment.template.path or _is_inner(properties)
    local: Local = {} if inner else instance.local
    template = deployment.template
    if inner:
        template = Template(deployment.run, path, plain, where, arguments.value, scope, name)
        template.arguments = arguments
        template.scenario = deployment.template.scenario
        template.opened = inputs_of(opened)
    own = instance.identity.names[-1] if instance.identity.names else ""
    context = DeploymentContext(
        address=name,
        deployment_path=join_texts([deployment.deployment_path, "/", own or hole(instance.address)]),
        local=local,
        conditions=instance.conditions() or frozenset(),
        callers=(*deployment.callers, instance.place("type")),
        chain=chain,
        deployed_by=instance,
        copies=deployment.copies * written_copies(instance.plain) or 1,
    )
    found = Deployment(template, plain, where, scope, context)
    found.opened = inputs_of(opened)
    if inner:
        template.references = found
    return NestedDeployment(instance, found, local)


def _scope_and_prefix(instance: EvaluatedResource) -> tuple[Scope, str]:
    """Return the scope of a nested deployment, and the prefix of addresses in it."""
    return target_scope(instance), f"{instance.address}." if instance.symbol else f"{_prefix(instance)}/"


def _prefix(instance: EvaluatedResource) -> str:
    """Return the prefix of addresses in a deployment that has no symbol: its name."""
    instance.deployment.record_scope()
    name = readable(instance.identity.names[-1]) if instance.identity.names else ""
    deployment = instance.deployment
    key = (deployment.template.path, deployment.address, *instance.key, "")
    return deployment.run.unique(f"{deployment.address}{name or instance.address}", key)


def _is_inner(properties: Mapping[str, Any]) -> bool:
    scope = member(properties, "expressionEvaluationOptions", "scope")
    return isinstance(scope, str) and scope.lower() == "inner"
