"""Read a Terragrunt unit: find its module, and the resources that the module deploys with its inputs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from azkvlint.evaluation.budget import UnitWork, with_recursion_limit
from azkvlint.evaluation.values import Fields, Items, Result
from azkvlint.model.finding import INPUT_INCOMPLETE
from azkvlint.model.location import Location
from azkvlint.model.value import Scalar, Unknown
from azkvlint.readers.discover import module_files, names_in
from azkvlint.readers.terraform import TerraformSettings
from azkvlint.readers.terraform.folder import Folder, FolderCache, ModuleFile, is_local
from azkvlint.readers.terraform.read import TerraformRead, read_module, without_resources
from azkvlint.readers.terraform.run import TerraformModuleCall, TerraformRun
from azkvlint.readers.terraform.sources import well_known, without_files
from azkvlint.readers.terraform.values import RootValues, automatic_files
from azkvlint.readers.terragrunt_configuration import TerragruntConfiguration, TerragruntUnit, parse_configuration
from azkvlint.readers.terragrunt_generated import passed_words, report_generated
from azkvlint.syntax import ast
from azkvlint.syntax.hcl.parse import Block
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_boundary import is_within, real_path
from azkvlint.util.project_files import is_file, is_folder, reported_path, resolve_inside

_PLAN_HINT = "check a plan: run `terragrunt plan -out tfplan`, then `terragrunt show -json tfplan > plan.json`"
_REGISTRY = regex(r"tfr://([^/?]*+)/([^?]*+)(?:\?(.*))?")
_GITHUB = regex(
    r"(?:git::)?(?:https://|ssh://|git@)*+(?:[^/@]*+@)?github\.com[:/]([\w.-]{1,100})/terraform-(\w{1,64}?)-([\w.-]{1,200}?)(?:\.git)?"
    r"((?://[^?]*+)?)(?:\?(.*))?"
)
_REF = regex(r"(?:^|&)(?:ref|version)=v?([^&]*+)")
_CREDENTIALS = regex(r"//[^/@]*+@|\?.*")


class UnitModule(NamedTuple):
    """The module of a unit. It is in the folder ``directory``, or in a registry as ``name`` with a ``version``.

    ``at`` is the place in the unit's own file that leads to it.
    """

    at: Location
    directory: str = ""
    name: str = ""
    version: str = ""


def module_of(unit: TerragruntUnit) -> UnitModule | None:
    """Return the module of a unit. None if it has none, or, with a problem, if the module is not available."""
    found = _unit_source(unit)
    if found is None:
        if module_files(names_in(unit.directory)):
            return UnitModule(Location(path=unit.main.path, span=(0, 0)), unit.directory)
        return None
    configuration, block, at = found
    piece = block.body.attributes["source"]
    written = configuration.evaluate(piece)
    at = at if at is not None else configuration.head(block)
    if not isinstance(written, Scalar) or not isinstance(written.value, str):
        why = f": {written.why}" if isinstance(written, Unknown) else ""
        text = f"the module source of this Terragrunt unit is unknown, so the unit was not evaluated{why}"
        unit.report("error", text, at)
        return None
    return _resolve(unit, configuration, written.value, at)


def _unit_source(unit: TerragruntUnit) -> tuple[TerragruntConfiguration, Block, Location | None] | None:
    """Return the block that names the source, and the include that leads to it: the unit's own, or the last one."""
    candidates: list[tuple[TerragruntConfiguration | None, Location | None]] = [(unit.main, None)]
    candidates += [(one.configuration, one.at) for one in reversed(unit.includes)]
    for configuration, at in candidates:
        for block in configuration.blocks("terraform") if configuration is not None else ():
            if configuration is not None and "source" in block.body.attributes:
                return configuration, block, at
    return None


def _resolve(
    unit: TerragruntUnit, configuration: TerragruntConfiguration, source: str, at: Location
) -> UnitModule | None:
    registry = _REGISTRY.fullmatch(source)
    if registry is not None:
        host, name, query = registry[1] or "registry.terraform.io", registry[2], registry[3] or ""
        ref = _REF.search(query)
        return UnitModule(at, name=f"{host}/{name}", version=ref[1] if ref is not None else "")
    github = _GITHUB.fullmatch(source)
    if github is not None:
        ref = _REF.search(github[5] or "")
        name = f"{github[1]}/{github[3]}/{github[2]}{github[4]}"
        return UnitModule(at, name=name, version=ref[1] if ref is not None else "")
    path = source.removeprefix("file://").partition("?")[0].replace("\\", "/")
    if "::" in path or "://" in path or "@" in path or ":" in path[2:]:
        report_missing(unit, source, at)
        return None
    return _local(unit, configuration, path, at)


def _local(unit: TerragruntUnit, configuration: TerragruntConfiguration, path: str, at: Location) -> UnitModule | None:
    """Return a module in the project. ``//`` separates what Terragrunt copies from the module in it."""
    below = os.path.normpath(os.path.join(unit.directory, path))
    if not is_folder(below) and configuration.is_included:
        below = os.path.normpath(os.path.join(os.path.dirname(configuration.file), path))
    if not is_within(below, unit.root):
        text = f"module `{path}` of this Terragrunt unit is outside the project, so it was not evaluated"
        unit.report("note", text, at)
        return None
    why = without_files(below)
    try:
        directory = resolve_inside(unit.root, unit.directory, below)
        names = names_in(directory) if directory is not None and is_folder(directory) else frozenset()
    except InputError as error:
        directory, names, why = None, frozenset(), error.message
    else:
        why = "a link leads out of the project" if directory is None else why
    if directory is not None and module_files(names):
        return UnitModule(at, directory)
    if directory is not None and is_folder(directory) and not names:  # a submodule that is not checked out
        report_missing(unit, path, at)
    else:
        unit.report("error", f"module `{path}` of this Terragrunt unit cannot be read: {why}", at)
    return None


def without_credentials(source: str) -> str:
    """Return a source without the credentials and the query in it."""
    return _CREDENTIALS.sub(lambda match: "//" if match[0][0] == "/" else "", source)


def report_missing(unit: TerragruntUnit, source: str, at: Location) -> None:
    """Report a module that is not in the project."""
    module = without_credentials(source)
    text = f"module `{module}` of a Terragrunt unit is not installed, so its resources are not evaluated"
    unit.report("note", text, at, is_missing_module=True)


def value_files(unit: TerragruntUnit) -> Iterator[tuple[str, str]]:
    """Yield reported and real paths of the files of values that Terragrunt passes to Terraform."""
    configurations = (one.configuration for one in unit.includes)
    for configuration in (*(one for one in configurations if one is not None), unit.main):
        for terraform in configuration.blocks("terraform"):
            for block in terraform.body.blocks:
                if block.type == "extra_arguments":
                    yield from _value_files(unit, configuration, block)
    for option, word in passed_words(unit):
        file = os.path.normpath(os.path.join(unit.directory, word))
        if option == "var-file" and is_within(file, unit.root) and is_file(file):
            yield reported_path(unit.root, file), file


def _value_files(
    unit: TerragruntUnit, configuration: TerragruntConfiguration, block: Block
) -> Iterator[tuple[str, str]]:
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


_STACK_HINT = "check a module separately: specify its folder on the command line"
_MOST_NAMED = 5


@with_recursion_limit
def read_stack(path: str, file: str, root: str, cache: FolderCache, work: UnitWork | None = None) -> TerraformRead:
    """Read the file of a stack, which reports call ``path``. Raises InputError if it cannot be read."""
    file = real_path(file)
    directory = os.path.dirname(file)
    found = ModuleFile(path, parse_configuration(file))
    run = TerraformRun(Folder(os.path.dirname(path) or ".", directory, ()), cache, root, work)
    run.add(found)
    named: list[str] = []
    first: Block | None = None
    for block in found.parsed.body.blocks:
        if block.type in ("stack", "unit") and _may_have_vaults(run, directory, block):
            first = first or block
            named.append(f"`{'.'.join(block.labels)}` ({_source(block) or 'unknown source'})")
    if first is not None:
        more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
        text = f"a Terragrunt stack in `{path}` is not evaluated; it deploys {', '.join(named[:_MOST_NAMED])}{more}"
        run.problem(INPUT_INCOMPLETE, "note", text, Location(path=path, span=(first.start, first.head)), _STACK_HINT)
    run.closed = False
    return without_resources(run)


def _source(block: Block) -> str:
    """Return the source of a component as it may be shown; empty if it is not written out."""
    piece = block.body.attributes.get("source")
    node = piece.expression() if piece is not None else None
    return without_credentials(node.value) if isinstance(node, ast.Literal) and isinstance(node.value, str) else ""


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


class Inputs:
    """Values of variables by name. ``layers`` are the inputs of files, the most important first.

    ``missing`` is why there may be more inputs than the layers have.
    """

    def __init__(self, unit: TerragruntUnit) -> None:
        self.missing: Unknown | None = None
        layers = [(unit.main.inputs(), "shallow")]
        for one in reversed(unit.includes):
            if one.configuration is None:
                self.missing = Unknown(at=one.at, why="an included file that may set the value is not available")
            elif one.merge != "no_merge":
                layers.append((one.configuration.inputs(), one.merge))
        self.layers = [(found, merge) for found, merge in layers if found is not None]

    def get(self, name: str) -> Result | None:
        """Return the value of one variable; None if it has none."""
        result: Result | None = None
        for layer, merge in self.layers:
            found = layer.fields.get(name) if isinstance(layer, Fields) else None
            if found is None:
                more = layer.rest if isinstance(layer, Fields) else layer
                if isinstance(more, Unknown):
                    return result if result is not None else more
                continue
            if result is None:
                result = found
            elif merge == "deep":
                result = _merge(found, result)
        return result if result is not None else self.missing


def _merge(below: Result, above: Result) -> Result:
    """Return a deep merge of two values, as ``merge_strategy = "deep"`` makes it. The second one overrides."""
    if isinstance(below, Fields) and isinstance(above, Fields):
        fields = dict(below.fields)
        for name, item in above.fields.items():
            fields[name] = _merge(fields[name], item) if name in fields else item
        return Fields(at=above.at, fields=fields, rest=above.rest if above.rest is not None else below.rest)
    if isinstance(below, Items) and isinstance(above, Items):
        return Items(at=above.at, items=[*below.items, *above.items])
    return above


@with_recursion_limit
def read_unit(
    path: str,
    file: str,
    root: str,
    cache: FolderCache,
    settings: TerraformSettings,
    work: UnitWork | None = None,
) -> TerraformRead:
    """Read the unit in ``file``, which reports call ``path``, and its module. Nothing outside of ``root`` is read.

    Raises InputError if the file cannot be read.
    """
    unit = TerragruntUnit(path, real_path(file), root, work)
    folder = Folder(os.path.dirname(path) or ".", unit.directory, (), names=names_in(unit.directory))
    run, module = None, None
    report_generated(unit, cache.is_required)
    inputs, more = Inputs(unit), list(value_files(unit))
    found = module_of(unit)
    if found is not None:
        run, module = _open(unit, folder, found, cache)
    if run is None or module is None or found is None:
        run = TerraformRun(folder, cache, root, work)
        _add(unit, run)
        return without_resources(run)
    _add(unit, run)
    settings = _with_passed(unit, inputs, module, settings)
    values = RootValues(run, module, settings, inputs=inputs.get, more=[*_beside(folder, module), *more])
    is_foreign = module is not folder and not found.directory
    use = TerraformModuleCall(
        given=values,
        callers=() if is_foreign else (found.at,),
        around=(folder,),
        shown=found.at if is_foreign else None,
    )
    return read_module(run, module, use, values, lock=folder)


def _open(
    unit: TerragruntUnit, folder: Folder, found: UnitModule, cache: FolderCache
) -> tuple[TerraformRun | None, Folder | None]:
    """Return a run and the module; None, with a problem, if the module is not available."""
    if found.directory:
        try:
            module = cache.load(reported_path(unit.root, found.directory), found.directory)
        except InputError as error:
            unit.report("error", f"the module of this Terragrunt unit cannot be read: {error.message}", found.at)
            return None, None
        return TerraformRun(module, cache, unit.root, unit.work), module
    known = well_known(found.name, found.version)
    if known is None:
        report_missing(unit, found.name, found.at)
        return None, None
    if not known.is_read:
        text = f"the version of module `{found.name}` is unknown, so its defaults are unknown"
        unit.report("note", text, found.at)
    return TerraformRun(folder, cache, unit.root, unit.work), known


def _add(unit: TerragruntUnit, run: TerraformRun) -> None:
    """Add the files and the problems of a unit to a run."""
    for path, file in unit.files.items():
        run.add(file)
        run.value_files.add(path)
    for fault in unit.faults:
        if fault.level == "error":
            run.report_unreadable(fault.message, fault.at)
        elif fault.is_missing_module:
            run.missing_module(fault.message, fault.at, _PLAN_HINT)
        else:
            run.report_note(fault.message, fault.at, _PLAN_HINT)


def _with_passed(
    unit: TerragruntUnit, inputs: Inputs, module: Folder, settings: TerraformSettings
) -> TerraformSettings:
    """Return the settings with the variables that a unit sets with options; those of the command line override them."""
    words = [(option, *word.partition("=")[::2]) for option, word in passed_words(unit)]
    given = [
        f"{name}={value}"
        for option, name, value in words
        if name in module.variables and (option == "var" or (option == "env" and inputs.get(name) is None))
    ]
    return msgspec.structs.replace(settings, variables=(*given, *settings.variables)) if given else settings


def _beside(folder: Folder, module: Folder) -> Iterable[tuple[str, str]]:
    """Return the files of values beside the unit, which Terragrunt copies into the module."""
    return () if folder.directory == module.directory else automatic_files(folder)


@with_recursion_limit
def called_by(path: str, file: str, root: str) -> tuple[str, frozenset[str]]:
    """Return the folder of the module that a unit deploys (empty if it is not in the project), and what it includes."""
    try:
        unit = TerragruntUnit(path, real_path(file), root)
        included = frozenset(one.configuration.file for one in unit.includes if one.configuration is not None)
        found = module_of(unit)
    except (InputError, RecursionError):  # reading the unit reports it
        return "", frozenset()
    return (found.directory if found is not None else ""), included
