"""The grants that a resource of a deployment waits for: what is not ordered is created at the same time.

Sources, below learn.microsoft.com/azure/azure-resource-manager: bicep/resource-dependencies and
templates/resource-dependency. Everything that a Bicep declaration names is created before it. In a template only
``dependsOn`` and functions that take the name of a resource order anything; a resource ID does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from azkvlint.evaluation.operators import Local
from azkvlint.evaluation.values import Items, Result, pattern_of
from azkvlint.graph.pseudo_resources import GRANT_TYPES, UNRESOLVED
from azkvlint.model.pattern import has_holes, known_start, text_form
from azkvlint.model.value import Absent
from azkvlint.readers.deployment.declarations import inner_resources, written_type
from azkvlint.readers.deployment.instance import DeploymentInstance
from azkvlint.readers.deployment.modules import DeploymentModuleEntity
from azkvlint.readers.deployment.resource_symbols import DeploymentResourceEntity, as_resource
from azkvlint.readers.deployment.symbols import Caller, FileInstance
from azkvlint.readers.deployment.template_instance import TemplateInstance, prefix_of
from azkvlint.readers.deployment.template_resources import TemplateResource
from azkvlint.readers.modules.template_holders import HOLDERS
from azkvlint.readers.ordered import ANY_GRANT, NO_GRANT, GrantOrder, Grants
from azkvlint.syntax import ast
from azkvlint.syntax.arm_expression import is_expression
from azkvlint.syntax.ast import Pointer

# What a template resource has beside its values.
_OTHERS = frozenset({"dependson", "resources"})


class DeploymentOrder(GrantOrder):
    """The grants that declarations wait for, worked out once for each declaration and for all that it names.

    Each is an address. One that ends with a dot, a slash or a bracket stands for all that begins with it: what a module
    deploys, or the instances of a loop. One after ``UNRESOLVED`` may be waited for.
    """

    def __init__(self, base: DeploymentOrder | None = None) -> None:
        super().__init__()
        # What each declaration names does not depend on values: all worlds and instances share it.
        self.names: dict[int, tuple[_NestedDeclaration, list[_Use]]] = {} if base is None else base.names

    def of(self, entity: DeploymentResourceEntity) -> Grants:
        """Return what a resource waits for: itself, and the modules and nested deployments around it."""
        found = NO_GRANT
        here: Caller | None = entity
        while here is not None:
            found |= self._template(here) if isinstance(here, TemplateResource) else self._instance_of(here)
            instance = here.instance
            if isinstance(instance, DeploymentInstance) and (instance.is_foreign or instance.relocation is not None):
                # The user cannot change the order in a module of another owner.
                found = frozenset({UNRESOLVED + instance.prefix})
            here, call = instance.module_call.module, instance.module_call
            if here is None and not call.is_root:
                found |= ANY_GRANT
        return found

    # --- Bicep: all that a declaration names ------------------------------------------------------------------------

    def _instance_of(self, here: Caller) -> Grants:
        """Return what one instance of a declaration waits for, whose loop has the variables that its indexes name."""
        declared = _declared(here)
        instance, local = here.instance, here.iteration.local
        found = [self._outer(instance, declared)]
        for use in self._uses(instance, declared):
            one = _evaluated(instance, use, local) if use.item is not None else None
            found += [_marks(instance, use) if one is None else _entity_marks(one), self._waits(instance, use.target)]
        return NO_GRANT.union(*found)

    def _uses(self, instance: FileInstance, declared: _NestedDeclaration) -> list[_Use]:
        found = self.names.get(id(declared.node))
        if found is None:
            found = self.names[id(declared.node)] = declared, list(_Uses(instance, declared).all())
        return found[1]

    def _outer(self, instance: FileInstance, declared: _NestedDeclaration) -> Grants:
        if not declared.around:
            return NO_GRANT
        return self._waits(instance, _NestedDeclaration(declared.around[-1], declared.around[:-1]))

    def _waits(self, instance: FileInstance, declared: _NestedDeclaration) -> Grants:
        """Return what all instances of a declaration wait for."""
        return self.once(
            (instance.prefix, *declared.names),
            lambda: self._outer(instance, declared).union(
                *(_marks(instance, use) | self._waits(instance, use.target) for use in self._uses(instance, declared))
            ),
        )

    # --- Templates: what depends by its name ------------------------------------------------------------------------

    def _template(self, entity: TemplateResource) -> Grants:
        """Return what a resource of a template waits for."""
        key = (entity.instance.path, entity.instance.prefix, entity.key)
        return self.once(key, lambda: self._named(entity))

    def _named(self, entity: TemplateResource) -> Grants:
        found = [self._named_in(entity.instance, result, False) for result in _depends_on(entity)]
        # The expressions of a nested deployment of outer scope are those of the template around it.
        instance = entity.instance
        around = instance.around if isinstance(instance, TemplateInstance) else None
        found += [self._named_in(around or instance, result, True) for result in _referenced(entity)]
        return NO_GRANT.union(*found)

    def _named_in(self, instance: object, result: Result, is_reference: bool) -> Grants:
        """Return what waiting for a resource by its name, its ID or the name of its loop waits for."""
        pattern = pattern_of(result)
        if not isinstance(instance, TemplateInstance) or not pattern:
            return ANY_GRANT
        if is_reference and known_start(pattern).startswith("/"):
            return NO_GRANT
        entities = instance.lookup.all_named(pattern)
        if not entities and is_reference and not has_holes(text_form(pattern)):
            return NO_GRANT  # it exists already
        return (
            NO_GRANT.union(*(_entity_marks(one) | self._template(one) for one in entities)) if entities else ANY_GRANT
        )


class _NestedDeclaration(NamedTuple):
    """A declaration of a Bicep file, and the resources that it is declared in, the outermost first."""

    node: ast.ResourceDeclaration | ast.ModuleDeclaration
    around: tuple[ast.ResourceDeclaration, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names that lead to it."""
        return (*(one.name for one in self.around), self.node.name)

    @property
    def type(self) -> str:
        """Return the type in lower case; empty for a module."""
        found = ""
        for node in (*self.around, self.node):
            own = written_type(node) or "" if isinstance(node, ast.ResourceDeclaration) else ""
            found = own.lower() if "." in own.partition("/")[0] or not found else f"{found}/{own.lower()}"
        return found


class _Use(NamedTuple):
    """A declaration that another one names; ``item`` is the expression of one instance of its loop."""

    target: _NestedDeclaration
    item: ast.Item | None = None


def _declared(here: Caller) -> _NestedDeclaration:
    """Return the declaration of a resource or module."""
    around: list[ast.ResourceDeclaration] = []
    outer = here.outer
    while outer is not None:
        node = outer.symbol.declaration
        around = [node, *around] if isinstance(node, ast.ResourceDeclaration) else around
        outer = outer.outer
    return _NestedDeclaration(here.symbol.declaration, tuple(around))


class _Uses:
    """Finds the declarations that one of a Bicep file names, directly and through variables."""

    def __init__(self, instance: FileInstance, declared: _NestedDeclaration) -> None:
        self._symbols = instance.file.symbols
        self._declared = declared
        self._variables: set[str] = set()
        # The variables of its own loop, which an index in ``dependsOn`` may name.
        self._own: frozenset[str] = frozenset()

    def all(self) -> Iterator[_Use]:
        """Yield them, in order."""
        body = self._declared.node.body
        if isinstance(body, ast.For):
            yield from self._in(body.over, frozenset())
            self._own, body = frozenset((body.item, body.index)), body.body
        yield from self._in(body, self._own)

    def _in(self, node: ast.Node, hidden: frozenset[str]) -> Iterator[_Use]:
        """Yield what an expression names; ``hidden`` are the names of the local variables there."""
        match node:
            case ast.Name() | ast.Nested():
                target = self._target(node, hidden)
                if target is not None:
                    yield _Use(target)
                elif isinstance(node, ast.Nested):
                    yield from self._in(node.of, hidden)
                else:
                    yield from self._variable(node.name, hidden)
                return
            case ast.Item(of=of, index=index):
                target = self._target(of, hidden)
                if target is not None and isinstance(target.node.body, ast.For):
                    # Bicep waits for the whole loop if the index names a variable of an inner loop.
                    yield _Use(target, None if _names_any(index, hidden - self._own) else node)
                    yield from self._in(index, hidden)
                    return
            case ast.For(item=item, index=name, over=over, body=body):
                yield from self._in(over, hidden)
                yield from self._in(body, hidden | {item, name})
                return
            case ast.Lambda(parameters=parameters, body=body):
                yield from self._in(body, hidden.union(parameters))
                return
            case ast.ResourceDeclaration():
                return
        for child in ast.children(node):
            yield from self._in(child, hidden)

    def _variable(self, name: str, hidden: frozenset[str]) -> Iterator[_Use]:
        node = None if name in hidden or name in self._variables else self._symbols.get(name)
        if isinstance(node, ast.Variable):
            self._variables.add(name)
            yield from self._in(node.value, frozenset())

    def _target(self, node: ast.Node, hidden: frozenset[str]) -> _NestedDeclaration | None:
        match node:
            case ast.Name(name=name) if name not in hidden:
                return self._named(name)
            case ast.Nested(of=of, name=name):
                outer = self._target(of, hidden)
                return None if outer is None else _inner(outer, name)
            case ast.Item(of=of) | ast.NotNull(of=of):
                return self._target(of, hidden)
        return None

    def _named(self, name: str) -> _NestedDeclaration | None:
        """Return a declaration by its name: one within or beside this one, else one of the file."""
        node, around = self._declared
        while True:
            found = _inner(_NestedDeclaration(node, around), name)
            if found is not None:
                return found
            if not around:
                break
            node, around = around[-1], around[:-1]
        found_node = self._symbols.get(name)
        return (
            _NestedDeclaration(found_node)
            if isinstance(found_node, ast.ResourceDeclaration | ast.ModuleDeclaration)
            else None
        )


def _inner(outer: _NestedDeclaration, name: str) -> _NestedDeclaration | None:
    if not isinstance(outer.node, ast.ResourceDeclaration):
        return None
    found = next((one for one in inner_resources(outer.node) if one.name == name), None)
    return None if found is None else _NestedDeclaration(found, (*outer.around, outer.node))


def _names_any(node: ast.Node, names: frozenset[str]) -> bool:
    if isinstance(node, ast.Name):
        return node.name in names
    return any(_names_any(child, names) for child in ast.children(node))


def _evaluated(
    instance: FileInstance, use: _Use, local: Local
) -> DeploymentResourceEntity | DeploymentModuleEntity | None:
    """Return the instance of a loop that an index selects; None if that is not known."""
    if use.item is None or use.target.around:
        return None
    found = instance.evaluator.evaluate(use.item, local)
    return found if isinstance(found, DeploymentModuleEntity) else as_resource(found)


def _marks(instance: FileInstance, use: _Use) -> Grants:
    """Return the grants of a declaration that another one waits for, without what these wait for."""
    declared = use.target
    node = declared.node
    end = _end_of(declared.type, isinstance(node, ast.ResourceDeclaration) and node.existing)
    if end is None:
        return NO_GRANT
    looped = next(
        (number for number, one in enumerate((*declared.around, node)) if isinstance(one.body, ast.For)), None
    )
    if looped is None:
        return frozenset({f"{instance.prefix}{'::'.join(declared.names)}{end}"})
    start = f"{instance.prefix}{'::'.join(declared.names[: looped + 1])}["
    if use.item is None and not declared.around:
        return frozenset({start})
    match use.item:
        case ast.Item(index=ast.Literal(value=int() as number), from_end=False) if not declared.around:
            return frozenset({f"{start}{number}]{end}"})
    return frozenset({UNRESOLVED + start})


def _end_of(type_: str, is_existing: bool) -> str | None:
    """Return what follows the address of a grant or of what deploys others; None for another resource."""
    if is_existing:
        return None
    if not type_:
        return "."
    is_grant = type_ in GRANT_TYPES or type_.endswith("/providers/roleassignments")
    return "" if is_grant else "/" if type_ in HOLDERS else None


def _entity_marks(entity: DeploymentResourceEntity | DeploymentModuleEntity) -> Grants:
    """Return the grants of one resource or module."""
    if isinstance(entity, DeploymentModuleEntity):
        return frozenset({f"{entity.address}."})
    end = _end_of(entity.identity.type.lower() or "?", entity.node.existing)
    if end is None:
        return NO_GRANT
    if isinstance(entity, TemplateResource) and entity.is_deployment and entity.computed_template is None:
        return frozenset({prefix_of(entity)})
    return frozenset({entity.address + end})


def _depends_on(entity: TemplateResource) -> Iterable[Result]:
    """Return what ``dependsOn`` names."""
    found = entity.body.get("dependsOn")
    if found is None or isinstance(found, Absent):
        return ()
    return found.items if isinstance(found, Items) else (found,)


def _referenced(entity: TemplateResource) -> Iterator[Result]:
    """Yield the arguments by which the expressions of a resource name others whose state they read."""
    instance = entity.instance
    waiting: list[ast.Node] = [
        one.value for name, one in (entity.body.properties or {}).items() if name.lower() not in _OTHERS
    ]
    while waiting:
        node = waiting.pop()
        match node:
            case ast.Data(plain=plain, pointer=pointer):
                for text, at in _texts(plain, pointer):
                    lower = text.lower()
                    if "(" in text and ("reference" in lower or "list" in lower) and is_expression(text):
                        parsed = instance.run.parse(text[1:-1], instance.place(ast.Data(0, 0, text, at)))
                        waiting += [] if parsed is None else [parsed]
            case ast.Call(name=name, arguments=(first, *_)) if _reads_state(name):
                yield instance.evaluator.evaluate(first, entity.local)
                waiting += ast.children(node)
            case _:
                waiting += ast.children(node)


def _texts(plain: object, pointer: Pointer) -> Iterator[tuple[str, Pointer]]:
    """Yield the strings in JSON that may be expressions. A template in a deployment has its own resources."""
    waiting = [(plain, pointer)]
    while waiting:
        here, at = waiting.pop()
        if isinstance(here, str):
            yield here, at
        pairs = here.items() if isinstance(here, dict) else enumerate(here) if isinstance(here, list) else ()
        for step, one in pairs:
            kind = type(one)
            may_be_any = one[:1] == "[" if kind is str else kind is dict or kind is list
            if may_be_any and str(step).lower() != "template":
                waiting.append((one, (*at, step)))


def _reads_state(name: str) -> bool:
    lower = name.lower()
    return lower in ("reference", "references") or (lower.startswith("list") and "." not in lower)
