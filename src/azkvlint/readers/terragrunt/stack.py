"""Terraform Stacks and Terragrunt stacks: their Key Vault modules are reported, not evaluated.

Source: developer.hashicorp.com/terraform/language/stacks/reference, docs.terragrunt.com/features/stacks.
"""

from __future__ import annotations

import os

from azkvlint.evaluation.budget import with_recursion_limit
from azkvlint.model.location import Location
from azkvlint.model.problem_codes import INPUT_INCOMPLETE
from azkvlint.model.resource import RequiredAttributes
from azkvlint.readers.terraform.folder import Folder, ModuleFile
from azkvlint.readers.terraform.module_cache import FolderCache, is_local
from azkvlint.readers.terraform.read import TerraformRead, without_resources
from azkvlint.readers.terraform.run import TerraformRun
from azkvlint.readers.terraform_names import STACK_FILE
from azkvlint.readers.terragrunt.configuration import parse_configuration
from azkvlint.readers.terragrunt.module import shown
from azkvlint.syntax import ast
from azkvlint.syntax.hcl.document import Block
from azkvlint.util.errors import InputError
from azkvlint.util.project_boundary import real_path
from azkvlint.util.project_files import reported_path, resolve_inside

_HINT = "check a module separately: specify its folder on the command line"
_MOST_NAMED = 5


@with_recursion_limit
def read_stack(path: str, file: str, root: str, required: RequiredAttributes, cache: FolderCache) -> TerraformRead:
    """Read the file of a stack, which reports call ``path``. Raises InputError if it cannot be read."""
    file = real_path(file)
    directory = os.path.dirname(file)
    found = ModuleFile(path, parse_configuration(file))
    run = TerraformRun(Folder(os.path.dirname(path) or ".", directory, ()), required, cache, root)
    run.add(found)
    named: list[str] = []
    first: Block | None = None
    for block in found.parsed.body.blocks:
        if block.type in ("component", "stack", "unit") and _may_have_vaults(run, directory, block):
            first = first or block
            named.append(f"`{'.'.join(block.labels)}` ({_source(block) or 'unknown source'})")
    if first is not None:
        kind = "a Terragrunt stack" if path.rpartition("/")[2] == STACK_FILE else "Terraform Stacks"
        more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
        text = f"{kind} in `{path}` is not evaluated; it deploys {', '.join(named[:_MOST_NAMED])}{more}"
        if kind == "Terraform Stacks":
            text = f"components of {kind} in `{path}` are not evaluated: {', '.join(named[:_MOST_NAMED])}{more}"
        run.problem(INPUT_INCOMPLETE, "note", text, Location(path=path, span=(first.start, first.head)), _HINT)
    run.closed = False
    return without_resources(run)


def _source(block: Block) -> str:
    """Return the source of a component as it may be shown; empty if it is not written out."""
    piece = block.body.attributes.get("source")
    node = piece.expression() if piece is not None else None
    return shown(node.value) if isinstance(node, ast.Literal) and isinstance(node.value, str) else ""


def _may_have_vaults(run: TerraformRun, directory: str, block: Block) -> bool:
    """Return whether a component deploys a type that a rule is about; a module that is not available may."""
    source = _source(block)
    if not is_local(source):
        return True
    try:
        folder = resolve_inside(run.root, directory, source)
        if folder is None:
            return True
        return run.cache.matters(run.cache.load(reported_path(run.root, folder), folder), run.root)
    except InputError:
        return True
