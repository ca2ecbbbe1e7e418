"""A Terragrunt unit -> the resources that its module deploys with its inputs."""

from __future__ import annotations

import os
from collections.abc import Iterable

from azkvlint.evaluation.budget import with_recursion_limit
from azkvlint.evaluation.values import Fields, Items, Result
from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.value import Unknown
from azkvlint.readers.terraform.folder import Folder
from azkvlint.readers.terraform.module_cache import FolderCache
from azkvlint.readers.terraform.public_modules import well_known
from azkvlint.readers.terraform.read import TerraformRead, read_module, without_resources
from azkvlint.readers.terraform.run import ModuleCall, TerraformRun
from azkvlint.readers.terraform.settings import TerraformSettings
from azkvlint.readers.terraform.values import RootValues
from azkvlint.readers.terraform_names import names_in
from azkvlint.readers.terragrunt.configuration import Unit
from azkvlint.readers.terragrunt.module import HINT, Module, module_of, report_missing, value_files
from azkvlint.util.errors import InputError
from azkvlint.util.project_boundary import real_path
from azkvlint.util.project_files import reported_path


class Inputs:
    """Values of variables by name. ``layers`` are the inputs of files, the most important first.

    ``missing`` is why there may be more inputs than the layers have.
    """

    def __init__(self, unit: Unit) -> None:
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
    path: str, file: str, root: str, required: RequiredAttributes, cache: FolderCache, settings: TerraformSettings
) -> TerraformRead:
    """Read the unit in ``file``, which reports call ``path``, and its module. Nothing outside of ``root`` is read.

    Raises InputError if the file cannot be read.
    """
    unit = Unit(path, real_path(file), root)
    folder = Folder(os.path.dirname(path) or ".", unit.directory, (), names=names_in(unit.directory))
    run, module = None, None
    inputs, more = Inputs(unit), list(value_files(unit))
    found = module_of(unit)
    if found is not None:
        run, module = _open(unit, folder, found, required, cache)
    if run is None or module is None or found is None:
        run = TerraformRun(folder, required, cache, root)
        _add(unit, run)
        return without_resources(run)
    _add(unit, run)
    values = RootValues(run, module, settings, inputs=inputs.get, more=[*_beside(folder, module), *more])
    is_foreign = module is not folder and not found.directory
    use = ModuleCall(
        given=values,
        callers=() if is_foreign else (found.at,),
        around=(folder,),
        shown=found.at if is_foreign else None,
    )
    return read_module(run, module, use, values, lock=folder)


def _open(
    unit: Unit, folder: Folder, found: Module, required: RequiredAttributes, cache: FolderCache
) -> tuple[TerraformRun | None, Folder | None]:
    """Return a run and the module; None, with a problem, if the module is not available."""
    if found.directory:
        try:
            module = cache.load(reported_path(unit.root, found.directory), found.directory)
        except InputError as error:
            unit.report("error", f"the module of this Terragrunt unit cannot be read: {error.message}", found.at)
            return None, None
        return TerraformRun(module, required, cache, unit.root), module
    known = well_known(found.name, found.version)
    if known is None:
        report_missing(unit, found.name, found.at)
        return None, None
    if not known.is_read:
        text = f"the version of module `{found.name}` is unknown, so its defaults are unknown"
        unit.report("note", text, found.at)
    return TerraformRun(folder, required, cache, unit.root), known


def _add(unit: Unit, run: TerraformRun) -> None:
    """Add the files and the problems of a unit to a run."""
    for path, file in unit.files.items():
        run.add(file)
        run.value_files.add(path)
    for fault in unit.faults:
        if fault.level == "error":
            run.report_unreadable(fault.message, fault.at)
        elif fault.is_missing_module:
            run.missing_module(fault.message, fault.at, HINT)
        else:
            run.report_note(fault.message, fault.at, HINT)


def _beside(folder: Folder, module: Folder) -> Iterable[tuple[str, str]]:
    """Return the files of values beside the unit, which Terragrunt copies into the module."""
    from azkvlint.readers.terraform.values import automatic_files

    return () if folder.directory == module.directory else automatic_files(folder)


@with_recursion_limit
def called_by(path: str, file: str, root: str) -> tuple[str, frozenset[str]]:
    """Return the folder of the module that a unit deploys (empty if it is not in the project), and what it includes."""
    try:
        unit = Unit(path, real_path(file), root)
        included = frozenset(one.configuration.file for one in unit.includes if one.configuration is not None)
        found = module_of(unit)
    except (InputError, RecursionError):  # reading the unit reports it
        return "", frozenset()
    return (found.directory if found is not None else ""), included
