"""Evaluate one template: its parameters, variables, functions and values, and the functions of Azure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol, TypeAlias

from azkvlint.evaluation.evaluate import MAX_DEPTH, Evaluator, move
from azkvlint.evaluation.functions.languages import ARM
from azkvlint.evaluation.operators import Local
from azkvlint.evaluation.reads import Bound, Inputs, ReadSet
from azkvlint.evaluation.values import (
    MAX_ITEMS,
    Fields,
    Items,
    Result,
    doubt_in,
    find_field,
    name_of,
    named_by,
    pattern_of,
)
from azkvlint.graph import existence
from azkvlint.model.location import Location
from azkvlint.model.pattern import DEPLOYMENT, Text, declared_hole, known_or_pattern, operation
from azkvlint.model.value import NOTHING_KNOWN, TEXT, Absent, Path, Scalar, Unknown
from azkvlint.readers.deployment import scope as scopes
from azkvlint.readers.deployment.arguments import convert_argument, mark_secret
from azkvlint.readers.deployment.documents import Pointer, Sections, is_copies, key_of, member
from azkvlint.readers.deployment.required import Tree, prune
from azkvlint.readers.deployment.run import Run
from azkvlint.readers.deployment.scope import Scope
from azkvlint.syntax import ast
from azkvlint.syntax.arm_expression import is_expression, unescaped
from azkvlint.util.errors import InputError
from azkvlint.util.text import pluralize

# Names of local variables that no lambda can have: loops by name, the loop of a resource, arguments of functions.
LOOP, RESOURCE_LOOP, ARGUMENTS = "\0loop ", "\0resource loop", "\0arguments"
NO_LOCAL: Local = {}


class Values:
    """Evaluates the JSON of one template. ``at`` is the place of the member whose expression is being evaluated."""

    is_nested = False

    def __init__(self, run: Run, path: str) -> None:
        self.run = run
        self.path = path
        self.at = Location(path=path, pointer=())
        self.evaluator: Evaluator

    def location(self, pointer: Pointer) -> Location:
        """Return the location of a member."""
        return Location(path=self.path, pointer=pointer)

    def value(self, plain: Any, pointer: Pointer, local: Local = NO_LOCAL, tree: Tree | None = None) -> Result:
        """Return the value of a member with ``local`` variables; of objects, only the members in ``tree``."""
        kind = type(plain)
        if kind is str:
            at = Location(path=self.path, pointer=pointer)
            if plain[:1] != "[":
                return Scalar(at=at, value=plain)
            found = self.text(plain, at, local)
            if tree is None:
                return found
            pruned = prune(found, tree)
            self.run.recorder.replace(found, pruned)
            return pruned
        if kind is dict or kind is list:
            budget = self.run.budget
            if budget.depth > MAX_DEPTH:
                return Unknown(at=self.location(pointer), why="the nesting is too deep")
            if local or self.is_nested:
                budget.add_values(len(plain))  # it may be made many times; of the rest there is as much as is read
            budget.depth += 1
            try:
                if kind is dict:
                    return self._object(plain, pointer, local, tree)
                path = self.path
                items = [
                    Scalar(at=Location(path=path, pointer=(*pointer, at)), value=item)
                    if type(item) is str and item[:1] != "["
                    else self.value(item, (*pointer, at), local, tree)
                    for at, item in enumerate(plain)
                ]
                return Items(at=self.location(pointer), items=items)
            finally:
                budget.depth -= 1
        at = Location(path=self.path, pointer=pointer)
        return Absent(at=at) if plain is None else Scalar(at=at, value=plain)

    def text(self, text: str, at: Location, local: Local) -> Result:
        """Return the value of a string, which may be an expression."""
        if not is_expression(text):
            return Scalar(at=at, value=unescaped(text))
        node = self.run.parse(text[1:-1], at)
        if node is None:
            return Unknown(at=at, why="the expression is invalid")
        before, self.at = self.at, at
        try:
            found = self.evaluator.evaluate(node, local)
        finally:
            self.at = before
        self.run.recorder.settle(node)
        kind = type(found)
        if kind is Fields or kind is Items:
            self.run.charge(found)  # type: ignore[arg-type]  # mypy does not narrow by such a test
        elif found.at is not at and found.at.path == self.path:
            return move(found, at)
        return found

    def _object(self, plain: dict[str, Any], pointer: Pointer, local: Local, tree: Tree | None) -> Fields:
        fields: dict[str, Result] = {}
        rest: Unknown | None = None
        below: Tree | None = None
        path = self.path
        recorder = self.run.recorder
        parts = recorder.parts() if recorder.is_recording else None
        name: str | Unknown
        for key, item in plain.items():
            name, kind = key, type(item)
            if key[:1] == "[" and is_expression(key):
                if parts is not None:
                    parts.mix()
                found = self.text(key, self.location((*pointer, key)), local)
                name = name_of(found, found.at)
                if isinstance(name, Unknown):
                    rest = named_by(name, rest)
                    continue
            elif kind is list and key.lower() == "copy" and is_copies(item):
                self._copies(item, (*pointer, key), local, tree, fields)
                if parts is not None:
                    parts.mix()
                continue
            if tree is not None:
                required = tree.get(name) or tree.get(name.lower())
                if required is None:
                    continue
                below = required[0]
            # Most members are data: a call for each would be most of the work.
            if kind is bool or kind is int or (kind is str and item[:1] != "["):
                fields[name] = Scalar(at=Location(path=path, pointer=(*pointer, key)), value=item)
            else:
                fields[name] = self.value(item, (*pointer, key), local, below)
                if parts is not None:
                    parts.add(name, fields[name])
        whole = Fields(at=self.location(pointer), fields=fields, rest=rest)
        if parts is not None:
            parts.finish(whole)
        return whole

    def _copies(
        self, loops: list[Any], pointer: Pointer, local: Local, tree: Tree | None, fields: dict[str, Result]
    ) -> None:
        """Add the properties that the ``copy`` of an object declares."""
        for number, loop in enumerate(loops):
            name = str(loop[key_of(loop, "name")])
            required = (None,) if tree is None else tree.get(name) or tree.get(name.lower())
            if required is not None:
                fields[name] = self.loop(loop, name, "input", (*pointer, number), local, required[0])

    def loop(
        self, loop: Mapping[str, Any], name: str, input_: str, pointer: Pointer, local: Local,
        tree: Tree | None = None,
    ) -> Result:  # fmt: skip
        """Return the array of a property, variable or output loop; ``input_`` is the member that it repeats."""
        number = self.count(loop, pointer, local)
        if not isinstance(number, int):
            at = self.location(pointer)
            return Unknown(at=at, why=f"the number of items in `{name}` is unknown: {number.why}")
        key = key_of(loop, input_)
        self.run.budget.add_values(number)
        items: list[Result] = []
        for index in range(number if key is not None else 0):
            inner = {**local, f"{LOOP}{name.lower()}": Scalar(at=self.at, value=index)}
            inner.setdefault(RESOURCE_LOOP, inner[f"{LOOP}{name.lower()}"])
            items.append(self.value(loop[str(key)], (*pointer, str(key)), inner, tree))
        return Items(at=self.location(pointer), items=items)

    def count(self, loop: Mapping[str, Any], pointer: Pointer, local: Local) -> int | Unknown:
        """Return the number of iterations of a loop. Raises InputError above the limit."""
        key = key_of(loop, "count")
        if key is None:
            return Unknown(at=self.location(pointer), why="the copy loop has no count")
        found = self.value(loop[key], (*pointer, key), local)
        if not isinstance(found, Scalar) or type(found.value) is not int:
            return doubt_in("the count of the copy loop is not a number", found.at, found)
        if found.value > MAX_ITEMS:
            raise InputError(f"a copy loop has more than {MAX_ITEMS:,} items")
        return max(found.value, 0)


def with_stable_pattern(found: Result, name: str) -> Result:
    """Return a value that is evaluated once: if it is unknown, it is the same unknown value in each use.

    ``name`` is unique in the root template.
    """
    if isinstance(found, Unknown) and found.pattern is None and not found.sensitive:
        pattern = declared_hole(DEPLOYMENT, name)
        return Unknown(at=found.at, why=found.why, pattern=pattern, given=found.given, known=found.known)
    return found


ParameterValues: TypeAlias = Callable[[str], Result | None]


class ReferenceLookup(Protocol):
    """The resources of a deployment, as the functions of its template refer to them."""

    def reference(self, named: Result, whole: bool, at: Location) -> Result:
        """Return the result of ``reference(named)``: all of the resource, or only its properties."""

    def references(self, symbol: Text, whole: bool, at: Location) -> list[Result] | None:
        """Return the resources that a loop declares; None if their number is not known."""

    def resource_info(self, named: Text, at: Location) -> Result | None:
        """Return the known facts about a resource before deployment; None if this deployment does not contain it."""


class Template(Values):
    """The names and functions in the expressions of a template.

    ``given`` returns the argument of a parameter (in lower case), or None. ``address`` names the
    deployment, with what joins it to a name in it; that of the root is empty. ``scope`` is what it goes to.
    """

    def __init__(
        self, run: Run, path: str, plain: Mapping[str, Any], pointer: Pointer, given: ParameterValues, scope: Scope,
        address: str = "",
    ) -> None:  # fmt: skip
        super().__init__(run, path)
        self.plain = plain
        self.pointer = pointer
        self.given = given
        self.scope = scope
        self.address = address
        self.is_nested = bool(address)
        self.evaluator = Evaluator(self, ARM, run.budget)
        self.references: ReferenceLookup
        self.arguments: Arguments | None = None
        self.scenario: existence.Scenario | None = None
        # What its scope and its address read.
        self.opened: Inputs | None = None
        self.known: dict[str, Result] = {}
        self.calling: set[Pointer] = set()
        self._parameters: dict[str, Result | None] = {}
        self._variables: dict[str, Result | None] = {}
        self._parameter_reads: dict[str, ReadSet] = {}
        self._variable_reads: dict[str, ReadSet] = {}
        known = run.sections.get((path, pointer))
        self._sections = known if known is not None and known.plain is plain else Sections(plain, pointer)
        run.sections[path, pointer] = self._sections
        self._declared = self._sections.parameters
        self._written = self._sections.variables

    def close(self) -> None:
        """Release all objects."""
        vars(self).pop("references", None)
        vars(self).pop("evaluator", None)

    def place(self, node: ast.Node) -> Location:  # noqa: ARG002  # the interface of all documents
        """Return the location of a node, which is that of the member that contains its expression."""
        return self.at

    def symbol(self, node: ast.Name) -> Result:  # noqa: ARG002  # the interface of all documents
        """Return Unknown: expressions of templates have no names."""
        return Unknown(at=self.at, why="names are not supported in expressions")

    def call(self, node: ast.Call, local: Local) -> Result | None:
        """See the evaluator's Document."""
        function = CALLS.get(node.name)
        if function is None:
            lower = node.name.lower()
            function = CALLS.get(lower)
            if function is None:
                return _user_function(self, node, local) if "." in lower else None
        return function(self, node, local)

    def parameter(self, name: str) -> Result:
        """Return the value of a parameter."""
        key = name.lower()
        found = self._parameters.get(key)
        if found is not None:
            if self._parameter_reads:
                self.run.recorder.add(self._parameter_reads[key], found)
            return found
        if key in self._parameters:
            self.run.recorder.read_all()
            return Unknown(at=self.at, why=f"parameter `{name}` refers to itself")
        self._parameters[key] = None
        made, read = self.run.recorder.of(self._parameter, name, key)
        self._parameters[key] = made
        if read is not None:
            self._parameter_reads[key] = read
        self.run.budget.secrets.note(name, made)
        return made

    def _parameter(self, name: str, key: str) -> Result:
        declared, pointer = self._declared.get(key, (None, self.pointer))
        if not self.address:
            self.run.recorder.read(name if declared is None else str(pointer[-1]))
        found = self.given(key)
        kind, nullable = self._sections.type_of(declared)
        scenario = None if self.address else self.scenario
        known = TEXT if kind in ("string", "securestring") else NOTHING_KNOWN
        if found is not None and scenario is not None:
            scenario.given.add(key)
        found = None if found is None else convert_argument(found, kind)
        if found is None or isinstance(found, Absent):
            default = key_of(declared, "defaultValue") if isinstance(declared, dict) else None
            has_default = found is None and (default is not None or nullable)
            if has_default and scenario is not None and scenario.opens(key):
                why = f"parameter `{name}` has only a default value"
                written = self.value(declared[default], (*pointer, default)) if default is not None else None
                unknown = Unknown(at=self.location(pointer), why=why, given=not nullable, known=known)
                found = scenario.instead(key, written, unknown)
            elif default is not None:
                found = self.value(declared[default], (*pointer, default))
            elif found is None:
                at = self.location(pointer)
                why = f"parameter `{name}` has no value"
                found = Absent(at=at) if nullable else Unknown(at=at, why=why, given=True, known=known)
        if kind.startswith("secure"):
            # Report a secret at its declaration, not at the place where its value could be read.
            key_type = key_of(declared, "type")
            return mark_secret(found, self.location((*pointer, key_type) if key_type is not None else pointer))
        return self.stable(found, name)

    def stable(self, found: Result, name: str) -> Result:
        """Return a value with a pattern of its own if it is unknown. ``name`` is unique in the template."""
        made = with_stable_pattern(found, f"{self.address}{name}")
        if made is not found and self.opened:
            self.run.recorder.add_inputs(self.opened)
        return made

    @property
    def parameters(self) -> Collection[str]:
        """Return the names of all parameters, in lower case."""
        return self._declared.keys()

    def declaration(self, name: str) -> tuple[str, Pointer]:
        """Return how a parameter (in lower case) is spelled, and where it is declared."""
        _, pointer = self._declared[name]
        return str(pointer[-1]), pointer

    def secret_and_default(self, name: str) -> tuple[bool, Any]:
        """Return whether a parameter (in lower case) is declared as secret, and its default as it is written."""
        declared, _ = self._declared.get(name, (None, ()))
        return self._sections.is_secure(declared), member(declared, "defaultValue")

    def default_location(self, name: str, rest: Path) -> Location:
        """Return the location of what is at ``rest`` in the default of a parameter (in lower case)."""
        plain, pointer = self._declared.get(name, (None, self.pointer))
        for step in ("defaultValue", *(str(step).strip("[]") for step in rest)):
            key = key_of(plain, step) if isinstance(plain, dict) else None
            if key is None:
                break
            plain, pointer = plain[key], (*pointer, key)
        return self.location(pointer)

    @property
    def sections(self) -> Sections:
        """Return its declarations as they are written."""
        return self._sections

    def variable(self, name: str) -> Result:
        """Return the value of a variable."""
        key = name.lower()
        found = self._variables.get(key)
        if found is not None:
            if self._variable_reads:
                self.run.recorder.add(self._variable_reads[key], found)
            return found
        if key in self._variables:
            self.run.recorder.read_all()
            return Unknown(at=self.at, why=f"variable `{name}` refers to itself")
        self._variables[key] = None
        made, read = self.run.recorder.of(lambda: self.stable(self._variable(name, key), f"variables.{name}"))
        self._variables[key] = made
        if read is not None:
            self._variable_reads[key] = read
        self.run.budget.secrets.note(name, made)
        return made

    def _variable(self, name: str, key: str) -> Result:
        written = self._written.get(key)
        if written is not None and (key != "copy" or not isinstance(written[0], list)):
            return self.value(*written)
        if key in self._sections.loops:
            loop, pointer = self._sections.loops[key]
            return self.loop(loop, name, "input", pointer, {})
        return Unknown(at=self.at, why=f"variable `{name}` does not exist, so the deployment fails")

    def function(self, name: str) -> tuple[Mapping[str, Any], Pointer] | None:
        """Return a function of the template by its namespace and name."""
        return self._sections.functions.get(name.lower())


FROM_VAULT = "the value is a Key Vault secret"


class Arguments:
    """The arguments of a nested deployment of inner scope, evaluated on use in the template around it."""

    def __init__(self, template: Template, local: Local, properties: Mapping[str, Any], pointer: Pointer) -> None:
        self.template = template
        self.local = local
        key = key_of(properties, "parameters")
        self.plain = properties[key] if key is not None else {}
        self.pointer = pointer if key is None else (*pointer, key)
        self.linked = key_of(properties, "parametersLink") is not None

    def value(self, name: str) -> Result | None:
        """Return the argument of a parameter (in lower case); None if there is none."""
        template, plain = self.template, self.plain
        if isinstance(plain, str):
            found = template.value(plain, self.pointer, self.local)
            below = find_field(found, name) if isinstance(found, Fields) else found
            if isinstance(below, Fields):
                return find_field(below, "value")
            return below if below is None or isinstance(below, Unknown) else None
        key = key_of(plain, name) if isinstance(plain, dict) else None
        if not isinstance(plain, dict) or key is None:
            why = "the linked parameter file is not available"
            return Unknown(at=template.location(self.pointer), why=why) if self.linked else None
        return self._given(plain[key], (*self.pointer, key))

    def written(self, name: str) -> Any:
        """Return the argument of a parameter as it is written; None if there is none."""
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
            return Unknown(at=self.template.location(pointer), why=FROM_VAULT, sensitive=True)
        return Unknown(at=self.template.location(pointer), why="the parameter value has an unsupported form")


Call: TypeAlias = "Callable[[Template, ast.Call, Local], Result]"


def _arguments(template: Template, node: ast.Call, local: Local) -> list[Result]:
    return [template.evaluator.evaluate(argument, local) for argument in node.arguments]


def _name(template: Template, node: ast.Call, local: Local) -> str | Unknown:
    """Return the only argument of ``parameters`` and ``variables``: a name."""
    if len(node.arguments) == 1:
        argument = node.arguments[0]
        if type(argument) is ast.Literal and type(argument.value) is str:
            return argument.value
        found = template.evaluator.evaluate(argument, local)
        if isinstance(found, Scalar) and isinstance(found.value, str):
            return found.value
        return doubt_in(f"the name in `{node.name}()` is unknown", template.at, found)
    return Unknown(at=template.at, why=f"`{node.name}()` expects one name, so the deployment fails")


def _parameters(template: Template, node: ast.Call, local: Local) -> Result:
    name = _name(template, node, local)
    if isinstance(name, Unknown):
        return name
    arguments = local.get(ARGUMENTS)
    if isinstance(arguments, Fields):
        found = arguments.fields.get(name.lower())
        return (
            Unknown(at=template.at, why=f"parameter `{name}` does not exist in the function")
            if found is None
            else found
        )
    return template.parameter(name)


def _variables(template: Template, node: ast.Call, local: Local) -> Result:
    argument = node.arguments[0] if len(node.arguments) == 1 else None
    if type(argument) is ast.Literal and type(argument.value) is str:
        return template.variable(argument.value)
    name = _name(template, node, local)
    return name if isinstance(name, Unknown) else template.variable(name)


def _copy_index(template: Template, node: ast.Call, local: Local) -> Result:
    """Evaluate ``copyIndex()``, ``copyIndex(offset)``, ``copyIndex(loop)`` and ``copyIndex(loop, offset)``.

    Without a name it is the loop of the resource, even within the copy of a property.
    """
    loop = RESOURCE_LOOP
    offset: Result = Scalar(at=template.at, value=0)
    for argument in _arguments(template, node, local):
        if isinstance(argument, Scalar) and isinstance(argument.value, str):
            loop = f"{LOOP}{argument.value.lower()}"
        else:
            offset = argument
    bound = local.get(loop)
    index = bound.evaluate() if isinstance(bound, Bound) else bound
    if index is None:
        return Unknown(at=template.at, why="`copyIndex()` expects a loop with this name, so the deployment fails")
    if isinstance(index, Scalar) and isinstance(offset, Scalar):
        if type(index.value) is int and type(offset.value) is int:
            return Scalar(at=template.at, value=index.value + offset.value)
    elif isinstance(index, Unknown) and isinstance(offset, Scalar) and offset.value != 0:
        pattern = operation("+", [known_or_pattern(index.pattern), str(offset.value)])
        return Unknown(at=template.at, why=index.why, pattern=pattern)
    return doubt_in("the offset of `copyIndex()` is not a number", template.at, index, offset)


def _scope(name: str) -> Call:
    """Return a function that depends on the scope. Without arguments its result is always the same."""

    def call(template: Template, node: ast.Call, local: Local) -> Result:
        if template.opened:
            template.run.recorder.add_inputs(template.opened)
        if not node.arguments and name in template.known:
            return template.known[name]
        found = scopes.call(name, _arguments(template, node, local), template.scope, template.at)
        if found is None:
            return Unknown(at=template.at, why=f"`{name}()` is not supported")
        if not node.arguments:
            template.known[name] = found
        return found

    return call


def _user_function(template: Template, node: ast.Call, local: Local) -> Result | None:
    """Evaluate a function that the template declares: it can refer only to its arguments."""
    found = template.function(node.name)
    if found is None:
        return None
    function, pointer = found
    declared = member(function, "parameters")
    names = [member(parameter, "name") for parameter in declared] if isinstance(declared, list) else []
    given = _arguments(template, node, local)
    if len(given) != len(names):
        expected = pluralize(len(names), "argument")
        return Unknown(at=template.at, why=f"`{node.name}()` expects {expected}, so the deployment fails")
    output = key_of(function, "output")
    value = key_of(function[output], "value") if output is not None and isinstance(function[output], dict) else None
    if output is None or value is None:
        return Unknown(at=template.at, why=f"function `{node.name}` has no output")
    fields = {str(name).lower(): argument for name, argument in zip(names, given, strict=True)}
    if pointer in template.calling:
        return Unknown(at=template.at, why=f"function `{node.name}` calls itself")
    template.calling.add(pointer)
    try:
        inner: Local = {ARGUMENTS: Fields(at=template.at, fields=fields)}
        return template.value(function[output][value], (*pointer, output, value), inner)
    finally:
        template.calling.discard(pointer)
        template.run.recorder.forget()


def _reference(template: Template, node: ast.Call, local: Local) -> Result:
    arguments = _arguments(template, node, local)
    if not 1 <= len(arguments) <= 3:
        return Unknown(at=template.at, why="`reference()` expects one to three arguments, so the deployment fails")
    full = arguments[2] if len(arguments) == 3 else None
    whole = isinstance(full, Scalar) and str(full.value).lower() == "full"
    return template.references.reference(arguments[0], whole, template.at)


def _references(template: Template, node: ast.Call, local: Local) -> Result:
    """Evaluate ``references(symbol)``: all resources of a loop."""
    arguments = _arguments(template, node, local)
    whole = len(arguments) > 1 and isinstance(arguments[1], Scalar) and str(arguments[1].value).lower() == "full"
    found = template.references.references(pattern_of(arguments[0]), whole, template.at) if arguments else None
    if found is None:
        return Unknown(at=template.at, why="`references()` is known after deployment")
    return Items(at=template.at, items=found)


def _resource_info(template: Template, node: ast.Call, local: Local) -> Result:
    """Evaluate ``resourceInfo(symbol)``: the facts about a resource that are known before deployment."""
    arguments = _arguments(template, node, local)
    found = template.references.resource_info(pattern_of(arguments[0]), template.at) if arguments else None
    return doubt_in("the resource is unknown", template.at, *arguments) if found is None else found


def _deployment(template: Template, node: ast.Call, local: Local) -> Result:
    """Evaluate ``deployment()``, the same unknown value for each use."""
    why = "`deployment()` is known after deployment"
    return template.stable(Unknown(at=template.at, why=why), "deployment")


_BY_NAME: Mapping[str, Call] = {
    "parameters": _parameters,
    "variables": _variables,
    "copyIndex": _copy_index,
    "reference": _reference,
    "references": _references,
    "resourceInfo": _resource_info,
    "deployment": _deployment,
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
