"""The module that a Terragrunt unit deploys: a folder of the project, or a public module with built-in support.

Source: docs.terragrunt.com/reference/hcl/blocks (terraform), github.com/hashicorp/go-getter (sources).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from azkvlint.evaluation.values import Items
from azkvlint.model.location import Location
from azkvlint.model.value import Scalar, Unknown
from azkvlint.readers.terraform_names import module_files, names_in
from azkvlint.readers.terragrunt.configuration import Configuration, Unit
from azkvlint.syntax.hcl.document import Block
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_boundary import is_within
from azkvlint.util.project_files import is_file, is_folder, reported_path, resolve_inside

HINT = "check a plan: run `terragrunt plan -out tfplan`, then `terragrunt show -json tfplan > plan.json`"
_REGISTRY = regex(r"tfr://([^/?]*+)/([^?]*+)(?:\?(.*))?")
_GITHUB = regex(
    r"(?:git::)?(?:https://|ssh://|git@)*+(?:[^/@]*+@)?github\.com[:/]([\w.-]{1,100})/terraform-(\w{1,64}?)-([\w.-]{1,200}?)(?:\.git)?"
    r"((?://[^?]*+)?)(?:\?(.*))?"
)
_REF = regex(r"(?:^|&)(?:ref|version)=v?([^&]*+)")
_CREDENTIALS = regex(r"//[^/@]*+@|\?.*")


class Module(NamedTuple):
    """The module of a unit. It is in the folder ``directory``, or in a registry as ``name`` with a ``version``.

    ``at`` is the place in the unit's own file that leads to it.
    """

    at: Location
    directory: str = ""
    name: str = ""
    version: str = ""


def module_of(unit: Unit) -> Module | None:
    """Return the module of a unit. None if it has none, or, with a problem, if the module is not available."""
    found = _source(unit)
    if found is None:
        if module_files(names_in(unit.directory)):
            return Module(Location(path=unit.main.path, span=(0, 0)), unit.directory)
        return None
    configuration, block, at = found
    piece = block.body.attributes["source"]
    written = configuration.evaluate(piece)
    at = at if at is not None else configuration.head(block)
    if not isinstance(written, Scalar) or not isinstance(written.value, str):
        why = f": {written.why}" if isinstance(written, Unknown) else ""
        text = f"the module source of this Terragrunt unit is unknown, so the unit was not evaluated{why}"
        unit.report("note", text, at)
        return None
    return _resolve(unit, configuration, written.value, at)


def _source(unit: Unit) -> tuple[Configuration, Block, Location | None] | None:
    """Return the block that names the source, and the include that leads to it: the unit's own, or the last one."""
    candidates: list[tuple[Configuration | None, Location | None]] = [(unit.main, None)]
    candidates += [(one.configuration, one.at) for one in reversed(unit.includes)]
    for configuration, at in candidates:
        for block in configuration.blocks("terraform") if configuration is not None else ():
            if configuration is not None and "source" in block.body.attributes:
                return configuration, block, at
    return None


def _resolve(unit: Unit, configuration: Configuration, source: str, at: Location) -> Module | None:
    registry = _REGISTRY.fullmatch(source)
    if registry is not None:
        host, name, query = registry[1] or "registry.terraform.io", registry[2], registry[3] or ""
        ref = _REF.search(query)
        return Module(at, name=f"{host}/{name}", version=ref[1] if ref is not None else "")
    github = _GITHUB.fullmatch(source)
    if github is not None:
        ref = _REF.search(github[5] or "")
        name = f"{github[1]}/{github[3]}/{github[2]}{github[4]}"
        return Module(at, name=name, version=ref[1] if ref is not None else "")
    path = source.removeprefix("file://").partition("?")[0].replace("\\", "/")
    if "::" in path or "://" in path or "@" in path or ":" in path[2:]:
        report_missing(unit, source, at)
        return None
    return _local(unit, configuration, path, at)


def _local(unit: Unit, configuration: Configuration, path: str, at: Location) -> Module | None:
    """Return a module in the project. ``//`` separates what Terragrunt copies from the module in it."""
    below = os.path.normpath(os.path.join(unit.directory, path))
    if not is_folder(below) and configuration.is_included:
        below = os.path.normpath(os.path.join(os.path.dirname(configuration.file), path))
    if not is_within(below, unit.root):
        text = f"module `{path}` of this Terragrunt unit is outside the project, so it was not evaluated"
        unit.report("note", text, at)
        return None
    why = "the folder contains no Terraform files"
    try:
        directory = resolve_inside(unit.root, unit.directory, below)
        names = names_in(directory) if directory is not None and is_folder(directory) else frozenset()
    except InputError as error:
        directory, names, why = None, frozenset(), error.message
    else:
        why = "a link leads out of the project" if directory is None else why
    if directory is not None and module_files(names):
        return Module(at, directory)
    if directory is not None and is_folder(directory) and not names:  # a submodule that is not checked out
        report_missing(unit, path, at)
    else:
        unit.report("error", f"module `{path}` of this Terragrunt unit cannot be read: {why}", at)
    return None


def shown(source: str) -> str:
    """Return a source without the credentials and the query in it."""
    return _CREDENTIALS.sub(lambda match: "//" if match[0][0] == "/" else "", source)


def report_missing(unit: Unit, source: str, at: Location) -> None:
    """Report a module that is not in the project."""
    text = f"module `{shown(source)}` of a Terragrunt unit is not installed, so its resources are not evaluated"
    unit.report("note", text, at, is_missing_module=True)


def value_files(unit: Unit) -> Iterator[tuple[str, str]]:
    """Yield reported and real paths of the files of values that Terragrunt passes to Terraform."""
    configurations = (one.configuration for one in unit.includes)
    for configuration in (*(one for one in configurations if one is not None), unit.main):
        for terraform in configuration.blocks("terraform"):
            for block in terraform.body.blocks:
                if block.type == "extra_arguments":
                    yield from _value_files(unit, configuration, block)


def _value_files(unit: Unit, configuration: Configuration, block: Block) -> Iterator[tuple[str, str]]:
    for name in ("optional_var_files", "required_var_files"):
        piece = block.body.attributes.get(name)
        found = configuration.evaluate(piece) if piece is not None else None
        if piece is None or found is None:
            continue
        for item in found.items if isinstance(found, Items) else [found]:
            file = None
            if isinstance(item, Scalar) and isinstance(item.value, str):
                file = os.path.normpath(os.path.join(unit.directory, item.value))
            if file is not None and is_within(file, unit.root) and is_file(file):
                yield reported_path(unit.root, file), file
            elif name.startswith("required") or file is None:
                text = "a file in `required_var_files` is not available, so its values are unknown"
                unit.report("note", text, configuration.where(piece))
