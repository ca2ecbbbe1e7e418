"""Read a Terraform Stack: components are calls of modules, and each deployment is a base world of the stack.

The blocks of a stack are written as those of a root module, at their own places, and are evaluated as such.

Sources: developer.hashicorp.com/terraform/language/block/stack/tfcomponent (component, provider, required_providers,
variable, locals, output, removed, stack) and .../block/stack/tfdeploy (deployment, locals, identity_token, store,
upstream_input); files of a stack are in one folder: .../language/stacks/create/config.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from azkvlint.evaluation.budget import UnitWork, with_recursion_limit
from azkvlint.evaluation.operators import NOTHING, Local
from azkvlint.evaluation.terraform.evaluate import TerraformEvaluator
from azkvlint.evaluation.terraform.operators import FailedError
from azkvlint.evaluation.values import Fields, Result
from azkvlint.model.location import Location
from azkvlint.model.pattern import hole
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.readers.discover import is_component_file, is_deployment_file, names_in
from azkvlint.readers.terraform import TerraformSettings
from azkvlint.readers.terraform.folder import FileAttribute, FileBlock, Folder, FolderCache, ModuleFile, is_local
from azkvlint.readers.terraform.module_evaluation import META, SPREAD, TerraformNamespace
from azkvlint.readers.terraform.read import TerraformRead, read_module
from azkvlint.readers.terraform.run import TerraformModuleCall, TerraformRun
from azkvlint.readers.terraform.values import RootValues, lost_in
from azkvlint.readers.terragrunt_configuration import parse_configuration
from azkvlint.syntax import ast
from azkvlint.syntax.hcl.parse import Attribute, Block, Body
from azkvlint.util.errors import InputError
from azkvlint.util.project_boundary import real_path
from azkvlint.util.project_files import reported_path, resolve_inside

INPUTS = "inputs"
# HCP Terraform has at most 20 deployments of a stack: .../language/stacks/reference/tfdeploy.
_MOST_DEPLOYMENTS = 100
_HINT = "check its components separately: specify their folders on the command line"
_WHY_LATER = {
    "identity_token": "an identity token is created when the stack is deployed",
    "store": "a store is read when the stack is deployed",
    "upstream_input": "the outputs of another stack are not available",
}
_SECRET = frozenset({"identity_token", "store"})


class Stack(NamedTuple):
    """What callers need to know of a stack: its deployments, and the folders of its components (real paths)."""

    deployments: tuple[str, ...]
    components: frozenset[str]


@with_recursion_limit
def stack_in(directory: str, root: str) -> Stack:
    """Return the stack in a folder. What cannot be read is left out: reading the stack reports it."""
    names: dict[str, None] = {}
    components: set[str] = set()
    try:
        files = sorted(names_in(directory))
    except InputError:
        return Stack((), frozenset())
    for name in files:
        try:
            if is_deployment_file(name):
                found = parse_configuration(os.path.join(directory, name)).body.blocks
                names |= {block.labels[0]: None for block in found if _is_deployed(block)}
            elif is_component_file(name):
                for block in parse_configuration(os.path.join(directory, name)).body.blocks:
                    source = _source(block) if block.type == "component" else ""
                    folder = resolve_inside(root, directory, source) if is_local(source) else None
                    components |= {folder} if folder is not None else set()
        except (InputError, RecursionError):
            continue
    return Stack(tuple(names)[:_MOST_DEPLOYMENTS], frozenset(components))


def _is_deployed(block: Block) -> bool:
    """Return whether a block is a deployment that does not remove what it deployed (``destroy = true``)."""
    if block.type != "deployment" or len(block.labels) != 1:
        return False
    written = block.body.attributes.get("destroy")
    node = written.expression() if written is not None else None
    return not (isinstance(node, ast.Literal) and node.value is True)


def _source(block: Block) -> str:
    """Return the source of a component; empty if it is not written out."""
    written = block.body.attributes.get("source")
    node = written.expression() if written is not None else None
    return node.value if isinstance(node, ast.Literal) and isinstance(node.value, str) else ""


@with_recursion_limit
def read_deployment(
    path: str,
    file: str,
    root: str,
    cache: FolderCache,
    settings: TerraformSettings,
    deployment: str = "",
    work: UnitWork | None = None,
) -> TerraformRead:
    """Read the stack of a file, which reports call ``path``, with the inputs of a deployment; without any if empty.

    Nothing outside of ``root`` is read. Raises InputError if the folder cannot be listed.
    """
    directory = os.path.dirname(real_path(file))
    names = names_in(directory)
    folder, nested = _folder(os.path.dirname(path) or ".", directory, names, root)
    run = TerraformRun(folder, cache, root, work)
    for part in nested:
        name = part.block.labels[0] if part.block.labels else ""
        run.missing_module(f"stack `{name}` in this stack is not evaluated", part.at, _HINT)
    inputs = DeploymentInputs(run, directory, names, deployment)
    values = RootValues(run, folder, settings, inputs=inputs.get if deployment else None)
    return read_module(run, folder, TerraformModuleCall(given=values), values, lock=_with_lock(folder, names))


def _folder(path: str, directory: str, names: Iterable[str], root: str) -> tuple[Folder, list[FileBlock]]:
    """Return the components of a stack as a root module, and the stacks in it."""
    files: list[ModuleFile] = []
    nested: list[FileBlock] = []
    unreadable: dict[str, InputError] = {}
    for name in sorted(filter(is_component_file, names)):
        file = os.path.join(directory, name)
        reported = reported_path(root, file)
        try:
            parsed = parse_configuration(file)
        except InputError as error:
            unreadable[reported] = error
            continue
        blocks = [_as_of_module(block) for block in parsed.body.blocks if block.type not in ("removed", "stack")]
        body = Body(parsed.body.attributes, blocks, parsed.body.faults)
        files.append(ModuleFile(reported, msgspec.structs.replace(parsed, body=body)))
        nested += (FileBlock(reported, block) for block in parsed.body.blocks if block.type == "stack")
    # A stack does not read variable files: it has no names.
    return Folder(path, directory, tuple(files), unreadable=unreadable), nested


def _with_lock(folder: Folder, names: frozenset[str]) -> Folder:
    """Return the folder of a stack for the search of its lock file."""
    return Folder(folder.path, folder.directory, (), names=names)


def _as_of_module(block: Block) -> Block:
    """Return a block of a stack as a root module has it."""
    match block.type:
        case "component":
            return _changed(block, "module", block.labels, Body(dict(_arguments(block)), (), block.body.faults))
        case "required_providers":
            return _changed(block, "terraform", (), Body({}, (block,)))
        case "provider" if len(block.labels) == 2:
            return _provider(block)
    return block


def _changed(block: Block, type_: str, labels: tuple[str, ...], body: Body) -> Block:
    return Block(type_, labels, block.start, block.head, block.brace, block.end, block.source, body)


def _arguments(block: Block) -> Iterator[tuple[str, Attribute]]:
    """Yield the arguments of a component as those of a call: the members of ``inputs`` are arguments of their own."""
    for name, found in block.body.attributes.items():
        node = found.expression() if name in (INPUTS, "providers") else None
        if name == "providers" and node is not None:
            yield name, _with_expression(found, _without_prefix(node))
        elif name in META:
            yield name, found
        elif name == INPUTS and isinstance(node, ast.Object) and _has_names(node):
            for one in node.members:
                if isinstance(one, ast.Property) and isinstance(one.key, str) and one.key not in META:
                    yield (
                        one.key,
                        Attribute(one.key, one.start, one.end, one.value.start, found.source, None, one.value),
                    )
        elif name == INPUTS:
            yield SPREAD, found


def _has_names(node: ast.Object) -> bool:
    return all(isinstance(one, ast.Property) and isinstance(one.key, str) for one in node.members)


def _with_expression(written: Attribute, node: ast.Expression) -> Attribute:
    return Attribute(written.name, written.start, written.end, written.value_start, written.source, None, node)


def _without_prefix(node: ast.Expression) -> ast.Expression:
    """Return a map of providers with ``azurerm.this`` for ``provider.azurerm.this``."""
    match node:
        case ast.Object(members=members):
            found = tuple(
                msgspec.structs.replace(one, value=_without_prefix(one.value)) if isinstance(one, ast.Property) else one
                for one in members
            )
            return msgspec.structs.replace(node, members=found)
        case ast.Member(of=ast.Name(name="provider"), name=name):
            return ast.Name(node.start, node.end, name)
        case ast.Member(of=of) | ast.Item(of=of):
            return msgspec.structs.replace(node, of=_without_prefix(of))
    return node


def _provider(block: Block) -> Block:
    """Return a provider block with the arguments of its ``config``, and its second label as its alias."""
    attributes = dict(block.body.attributes)
    blocks: list[Block] = []
    faults = list(block.body.faults)
    for inner in block.body.blocks:
        if inner.type == "config":
            attributes |= inner.body.attributes
            blocks += inner.body.blocks
            faults += inner.body.faults
    name = ast.Literal(block.start, block.head, block.labels[1])
    attributes["alias"] = Attribute("alias", block.start, block.head, block.start, block.source, None, name)
    return _changed(block, "provider", block.labels[:1], Body(attributes, blocks, faults))


class DeploymentInputs:
    """The inputs of one deployment, each evaluated when a variable needs it."""

    def __init__(self, run: TerraformRun, directory: str, names: Iterable[str], deployment: str) -> None:
        self.run = run
        self._locals: dict[str, FileAttribute] = {}
        self._values: dict[str, Result] = {}
        self._busy: set[str] = set()
        self._found: FileBlock | None = None
        self._damaged = ""
        self._count = 0
        for name in sorted(filter(is_deployment_file, names)):
            path = reported_path(run.root, os.path.join(directory, name))
            try:
                file = ModuleFile(path, parse_configuration(os.path.join(directory, name)))
            except InputError as error:
                run.report_file(path, error)
                self._damaged = path
                continue
            run.add(file)
            run.value_files.add(path)
            run.budget.add_input(len(file.parsed.text))
            self._damaged = path if file.parsed.faults else self._damaged
            for part in file.parts:
                self._add(part, deployment)

    def _add(self, part: FileBlock, deployment: str) -> None:
        if part.block.type == "locals":
            self.run.report_faults(part.path, part.block.body.faults)
            self._locals = {**part.attributes, **self._locals}
        elif part.block.type == "deployment" and part.block.labels != (deployment,):
            self._count += 1
            if self._count == _MOST_DEPLOYMENTS:
                text = f"the stack has more than {_MOST_DEPLOYMENTS} deployments, and the others are not evaluated"
                self.run.report_unreadable(text, part.at)
        elif part.block.type == "deployment" and self._found is None:
            self.run.report_faults(part.path, part.block.body.faults)
            self._found = part

    def get(self, name: str) -> Result | None:
        """Return the value of one variable; None if the deployment has none."""
        if self._found is None:
            return lost_in(self._damaged, name)
        piece = self._found.attributes.get(INPUTS)
        if piece is None:
            return lost_in(self._damaged, name) if self._found.is_damaged else None
        node = piece.attribute.expression()
        if isinstance(node, ast.Object) and _has_names(node):
            found = next((one for one in node.members if isinstance(one, ast.Property) and one.key == name), None)
            at = Location(path=piece.path, span=(found.start, found.end)) if found is not None else piece.at
            return self._once(name, at, piece.path, found.value) if found is not None else None
        whole = self._once("", piece.at, piece.path, node)
        if isinstance(whole, Fields):
            return whole.fields.get(name, whole.rest)
        why = "the inputs of the deployment are unknown"
        return None if isinstance(whole, Absent) else Unknown(at=piece.at, why=why)

    def local(self, name: str, at: Location) -> Result:
        """Return a local value."""
        piece = self._locals.get(name)
        if piece is None:
            return Unknown(at=at, why=f"local value `{name}` is not declared")
        return self._once(f"local.{name}", piece.at, piece.path, piece.attribute.expression())

    def _once(self, key: str, at: Location, path: str, node: ast.Expression | None) -> Result:
        if key in self._values:
            return self._values[key]
        if key in self._busy:
            self.run.report_unreadable(f"`{key}` refers to itself", at)
            return Unknown(at=at, why=f"`{key}` refers to itself")
        if node is None:
            return Unknown(at=at, why="the expression cannot be read")
        self._busy.add(key)
        try:
            found = _DeploymentFile(self, path).evaluate(node, at)
        finally:
            self._busy.discard(key)
        self._values[key] = found
        return found


class _DeploymentFile:
    """The document interface that the evaluator of one deployment file requires."""

    def __init__(self, inputs: DeploymentInputs, path: str) -> None:
        self.inputs = inputs
        self.path = path

    def evaluate(self, node: ast.Expression, at: Location) -> Result:
        """Return the value of an expression at a place."""
        try:
            return self.settled(TerraformEvaluator(self, self.inputs.run.budget).evaluate(node, NOTHING), at)
        except FailedError as error:
            return Unknown(at=at, why=f"{error.why}, so the deployment fails")

    def place(self, node: ast.Node) -> Location:
        """Return the location of a node."""
        return Location(path=self.path, span=(node.start, node.end))

    def symbol(self, node: ast.Name) -> Result:
        """Return the value of the first name in a reference."""
        at, name = self.place(node), node.name
        if name == "local":
            return TerraformNamespace(name, self.inputs.local, at)
        why = _WHY_LATER.get(name, f"`{name}` is not available in a deployment")
        return Unknown(at=at, why=why, pattern=hole(name), sensitive=name in _SECRET)

    def call(self, node: ast.Call, local: Local) -> Result | None:  # noqa: ARG002  # there is none
        """Return None: no function is declared."""
        return None

    def text_file(self, name: str, at: Location) -> str | None:  # noqa: ARG002  # the evaluator passes the place
        """Return the text of a file of the project."""
        return self.inputs.run.texts.read(name)

    def rendered(self, name: str, found: Result) -> None:
        """Ignore the result of a template: a deployment deploys nothing itself."""

    def settled(self, found: Result, at: Location) -> Result:
        """Return a value at the place of its expression, with the place that it comes from as its cause."""
        if not isinstance(found, (Scalar, Unknown, Absent)) or found.at == at or found.at.path != at.path:
            return found
        return msgspec.structs.replace(found, at=at.caused_by(found.at))
