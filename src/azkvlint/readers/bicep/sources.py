"""What a module statement names -> something that can be used: a Bicep file, a template, or a well-known module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from azkvlint.evaluation.budget import DECLARATIONS_A_STEP
from azkvlint.evaluation.values import Result
from azkvlint.readers.bicep import local_files, registry
from azkvlint.readers.bicep.document import File
from azkvlint.readers.bicep.identity import module_scope
from azkvlint.readers.bicep.loops import is_unconditional, written_length
from azkvlint.syntax import ast
from azkvlint.util.errors import InputError

if TYPE_CHECKING:
    from azkvlint.readers.bicep.module import ModuleEntity
    from azkvlint.readers.bicep.module_evaluation import Instance

MAX_NESTING = 100


class Content(Protocol):
    """A module with what it is given."""

    def output(self, name: str) -> Result | None:
        """An output; None if nothing is known of it."""

    def lower(self, conditions: frozenset[str]) -> None:
        """Add what it deploys, all of it under ``conditions``."""


class Source(Protocol):
    """What a module is made of."""

    def use(self, module: ModuleEntity) -> Content | None:
        """The module with what ``module`` gives it; None, with a Problem, if it cannot be read."""


class BicepSource:
    """A Bicep file. ``chain`` are the files that lead to it."""

    def __init__(self, file: File, chain: tuple[str, ...]) -> None:
        self.file = file
        self.chain = chain

    def use(self, module: ModuleEntity) -> Content:
        """Raises InputError once there are more uses of modules than any deployment has."""
        from azkvlint.readers.bicep.module_evaluation import Instance, Use

        run, given = module.instance.run, module.given()
        run.count_deployment()
        instance = Instance(self.file, run, Use(
            given=given,
            scope=module_scope(module.body.get("scope"), module.instance.scope, self.file.level, module.address),
            prefix=f"{module.address}.",
            deployment=module.deployment,
            callers=module.callers,
            chain=self.chain,
            module=module,
            scenario=module.instance.use.scenario,
            copies=module.instance.use.copies * written_length(module.symbol.node.body) or 1,
        ))  # fmt: skip
        for name in given.names():
            node = self.file.symbols.get(name)
            if isinstance(node, ast.Parameter) and instance.is_secure(node):
                given.hide(name)
        return Lowered(instance)


class Lowered:
    """A Bicep file in one use."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance

    def output(self, name: str) -> Result | None:
        """See Content."""
        return self.instance.output(name)

    def lower(self, conditions: frozenset[str]) -> None:
        """See Content."""
        lower(self.instance, conditions)


def lower(instance: Instance, conditions: frozenset[str]) -> None:
    """Add all that a file in use deploys."""
    from azkvlint.readers.bicep.module import lower_modules
    from azkvlint.readers.bicep.resources import lower_resources

    _expect(instance)
    lower_resources(instance, conditions)
    lower_modules(instance, conditions)


def _expect(instance: Instance) -> None:
    """Refuse what a file declares, in all its copies, before any of it is made."""
    from azkvlint.readers.bicep.resources import may_matter

    run, file, copies = instance.run, instance.file, instance.use.copies
    run.budget.spend(len(file.parsed.declarations) // DECLARATIONS_A_STEP)
    asked = (node for node in file.declared(ast.Resource) if may_matter(instance, node))
    resources = sum(written_length(node.body) for node in asked)
    modules = sum(written_length(node.body) for node in file.declared(ast.Module) if is_unconditional(node.body))
    run.expect(resources * copies, modules * copies)


def source_of(instance: Instance, node: ast.Module) -> Source | None:
    """What a module statement names; None, with a Problem, if it cannot be read."""
    run, at = instance.run, instance.place(node.path)
    path = node.path.value if isinstance(node.path, ast.Literal) else None
    if not isinstance(path, str):
        run.unreadable("the path of a module must be a plain text", at)
        return None
    try:
        if local_files.is_remote(path):
            return registry.source_of(instance, path, at)
        return _local(instance, path)
    except InputError as error:
        missing = local_files.missing(instance, path)
        if missing is None:
            run.unreadable(f"the module '{path}' cannot be read: {error.message}", at)
        else:
            run.missing_module(missing[0], at, missing[1])
        return None


def _local(instance: Instance, path: str) -> Source:
    """A module that is a file. Raises InputError if it cannot be read."""
    around = instance.file.file
    chain = (*instance.use.chain, around)
    if len(chain) > MAX_NESTING:
        raise InputError(f"modules are nested more than {MAX_NESTING} deep")
    file = local_files.find(instance.run, around, path)
    if file in chain:
        raise InputError("it uses itself")
    if path.lower().endswith((".json", ".jsonc")):
        from azkvlint.readers.bicep.templates import TemplateSource

        return TemplateSource(instance.run, file)
    return BicepSource(local_files.load(instance.run, around, path), chain)
