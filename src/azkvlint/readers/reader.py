"""Reads each unit with the reader for its kind."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from azkvlint.model.finding import (
    ARM_TEMPLATE,
    INPUT_INCOMPLETE,
    PREDICTION,
    STACK_FILE,
    TERRAFORM_MODULE,
    TERRAGRUNT_UNIT,
    Problem,
)
from azkvlint.model.location import Location
from azkvlint.model.resource import RequiredAttributes
from azkvlint.readers.discover import (
    BICEP,
    ENDINGS,
    JSON,
    OPENTOFU,
    PARAMETERS,
    STDIN,
    TERRAFORM,
    Source,
    is_terragrunt_file,
    is_unit_file,
    module_files,
    names_in,
    read_source,
)
from azkvlint.readers.discover import STACK_FILE as STACK
from azkvlint.readers.json_kinds import is_stack_result, mentions_plan, mentions_prediction, mentions_template
from azkvlint.readers.read_result import (
    ParameterValues,
    ReadResult,
    bicep_result,
    metadata_in,
    not_evaluated,
    plan_result,
    template_result,
    terraform_result,
)
from azkvlint.readers.terraform import TerraformSettings
from azkvlint.readers.units import Unit
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_boundary import absolute_path, real_path, real_path_of_read, refuse_as_output
from azkvlint.util.project_files import is_file, resolve_inside

if TYPE_CHECKING:
    from azkvlint.evaluation.budget import UnitWork
    from azkvlint.readers.bicep.files import ModuleCache
    from azkvlint.readers.plan.document import Plan
    from azkvlint.readers.terraform.folder import FolderCache
    from azkvlint.readers.terraform.locations import Locator
    from azkvlint.syntax.json_decoder import JsonDocument

MAKE_INPUT = (
    "specify Terraform modules, Bicep files, ARM templates, what-if results, snapshots or plans "
    "(`terraform show -json tfplan > plan.json`)"
)

_NAME_IT = "specify the path of the file, or its name with `kvlint - --stdin-filename main.tf`"
# Of Terraform, Helm and Go, Jinja, ERB, and of pipelines that replace tokens.
_EXPRESSION = regex(r"\$\{|%\{|\{\{|\{%|<%|#\{")
# As many bytes of a file tell whether it may be JSON.
_START = 100
# What templatefile() evaluates.
_SEQUENCES = (b"${", b"%{")
_NO_SETTINGS = TerraformSettings()
# How Terraform and Bicep files begin, comments aside.
_SOURCE_CODE = regex(
    rb'(?:\s|(?:#|//)[^\r\n]*)*+(?:(?:resource|data|module|variable|provider|output)\s+"|(?:terraform|locals)\s*\{'
    rb"|(?:param|resource|module|var)\s+\w+\s|targetScope\s*=|@\w+\()"
)


class Reader:
    """Reads the units of one run, and shares what several of them use.

    Files outside ``root`` are not read. With ``peer_comments`` comments for other tools are read too.
    """

    def __init__(
        self,
        required: RequiredAttributes,
        root: str,
        settings: TerraformSettings = _NO_SETTINGS,
        *,
        peer_comments: bool = False,
    ) -> None:
        self.required = required
        self.root = real_path(root)
        self.settings = settings
        self.peer_comments = peer_comments
        self._modules: ModuleCache | None = None
        self._folders: dict[tuple[str, ...], FolderCache] = {}
        self._tool = settings.tool or OPENTOFU
        self._locator: Locator | None = None

    def read_as_terraform(self, unit: Unit, work: UnitWork | None = None) -> ReadResult | None:
        """Return a module as Terraform reads it, which reads no ``.tofu`` file. Raises InputError.

        It has been read as OpenTofu reads it. None if the tools read the same, if Terraform reads no file, or if the
        settings name the tool.
        """
        folders = () if self.settings.tool else self._folders.items()
        if not any(cache.has_tofu for (_, tool, *_), cache in folders if tool == OPENTOFU):
            return None
        if unit.module and not module_files(names_in(unit.source.file), TERRAFORM):
            return None
        self._tool = TERRAFORM
        try:
            return self.read(unit, work)
        finally:
            self._tool = OPENTOFU

    def read(self, unit: Unit, work: UnitWork | None = None) -> ReadResult | None:
        """Return the content of a unit; None for a file without anything to evaluate. Raises InputError.

        ``work`` counts what the unit causes, also where this fails.
        """
        found = None if _is_foreign(unit) else self._read(unit, work)
        return found if found is None or work is None else msgspec.structs.replace(found, work=work)

    def _read(self, unit: Unit, work: UnitWork | None) -> ReadResult | None:
        source = unit.source
        if unit.module:
            self._require_files(source.file)
            return self.module(source.path, source.file, published=unit.published, work=work)
        name = os.path.basename(source.file)
        if is_terragrunt_file(name):
            refuse_as_output(source.file)
            return self._configured(unit, name, work)
        for given in (unit.parameters, source):
            if given is not None and given.file.lower().endswith(PARAMETERS):
                return self._bicepparam(source.path, given, work)
        data = read_source(source)
        _refuse(source, data)
        if source.file.lower().endswith(BICEP):
            refuse_as_output(source.file)
            return self.bicep(source.path, data, source.file, self._parameter_values(unit), unit.published, work)
        if mentions_plan(data):
            refuse_as_output(source.file)
            return plan_result(source.path, data, self.required, work)
        if unit.rendered and any(mark in data for mark in _SEQUENCES):
            return _rendered_result(source.path) if _is_of_interest(data) else None
        try:
            values = self._parameter_values(unit)
            read = self.template(source.path, data, source.file, values, work) if _is_of_interest(data) else None
        except InputError as error:
            if source.is_explicit or not _is_text_template(data, error):
                raise
            return _rendered_result(source.path)
        if read is not None:
            refuse_as_output(source.file)
        if read is None and source.is_explicit:
            _refuse_type(source, data)
            return plan_result(source.path, data, self.required, work)
        return read

    def _require_files(self, directory: str) -> None:
        """Raise InputError if the tool that the settings name reads no file of a module: it cannot be deployed so."""
        if self.settings.tool == TERRAFORM and not module_files(names_in(directory), TERRAFORM):
            raise InputError("the module has only files of OpenTofu, but the tool of this run is Terraform")

    def module(
        self,
        path: str,
        directory: str,
        planned: Mapping[str, Any] | None = None,
        base: str = "",
        published: bool = False,
        work: UnitWork | None = None,
    ) -> ReadResult | None:
        """Return the Terraform module in a folder; None if it declares nothing to evaluate. Raises InputError.

        ``planned`` are the variable values of a plan of the module. ``base`` is the folder that its paths cannot leave,
        if that is not the root of the run. ``published``: the module is written for callers outside the scanned files.
        """
        from azkvlint.readers.terraform.read import comments_of, read_root

        base, directory = base or self.root, real_path_of_read(directory)
        read = read_root(path, directory, base, self._modules_below(base), self.settings, planned, published, work)
        if read is None:
            return None
        found = terraform_result(path, read)
        return msgspec.structs.replace(
            found, kind=TERRAFORM_MODULE, comments=comments_of(read.sources, self.peer_comments), root=path,
            undeclared_variables=read.undeclared_variables, stubs=read.stubs, deployed=read.deployed, moved=read.moved,
            imported=read.imported,
        )  # fmt: skip

    def _terragrunt(self, source: Source, work: UnitWork | None) -> ReadResult:
        """Return a unit of Terragrunt. Raises InputError."""
        from azkvlint.readers.terraform.read import comments_of
        from azkvlint.readers.terragrunt import read_unit

        path, cache = source.path, self._modules_below(self.root)
        read = read_unit(path, source.file, self.root, cache, self.settings, work)
        return msgspec.structs.replace(
            terraform_result(path, read), kind=TERRAGRUNT_UNIT, comments=comments_of(read.sources), root=path,
            undeclared_variables=read.undeclared_variables, stubs=read.stubs, deployed=read.deployed, moved=read.moved,
            imported=read.imported,
        )  # fmt: skip

    def _configured(self, unit: Unit, name: str, work: UnitWork | None) -> ReadResult:
        """Return a unit or a stack of Terragrunt, or a deployment of a Terraform Stack. Raises InputError."""
        source = unit.source
        if is_unit_file(name):
            return self._terragrunt(source, work)
        path, cache = source.path, self._modules_below(self.root)
        if name == STACK:
            from azkvlint.readers.terragrunt import read_stack

            read = read_stack(path, source.file, self.root, cache, work)
            return msgspec.structs.replace(terraform_result(path, read), kind=STACK_FILE)
        cache = self._modules_below(self.root, path)
        from azkvlint.readers.stacks import read_deployment
        from azkvlint.readers.terraform.read import comments_of

        read = read_deployment(path, source.file, self.root, cache, self.settings, unit.deployment, work)
        return msgspec.structs.replace(
            terraform_result(path, read), kind=STACK_FILE, comments=comments_of(read.sources), root=path,
            undeclared_variables=read.undeclared_variables, stubs=read.stubs, deployed=read.deployed, moved=read.moved,
            imported=read.imported,
        )  # fmt: skip

    def terraform(self, path: str, text: str) -> ReadResult:
        """Return a Terraform module that consists of one text."""
        from azkvlint.readers.terraform.read import comments_of, read_text

        read = read_text(path, text, self.required)
        return msgspec.structs.replace(terraform_result(path, read), comments=comments_of(read.sources))

    def source_of(
        self, plan: Plan, file: str, source_root: str, work: UnitWork | None = None
    ) -> tuple[ReadResult | None, str]:
        """Return the root module of a plan, read with the plan's variables; None if there is none.

        ``file`` is the path of the plan, ``source_root`` the folder that the user specified. Also return the argument
        in which the only candidate differs from the plan, if any: then the candidate is not read. Raises InputError.
        """
        from azkvlint.readers.plan.document import variables_of
        from azkvlint.readers.terraform.locations import Locator

        if self._locator is None:
            self._locator = Locator(self.root, self._modules_below)
        beside = os.path.dirname(absolute_path(file)) if file != STDIN else ""
        found = self._locator.root_module(plan.configuration, source_root, beside)
        if found is None or found.difference:
            return None, found.difference if found is not None else ""
        variables = variables_of(plan)
        read = self.module(found.folder.path, found.folder.directory, variables, found.base, work=work)
        return (None if read is None else msgspec.structs.replace(read, work=work)), ""

    def _modules_below(self, base: str, *stack: str) -> FolderCache:
        """Return the cache of the Terraform modules below a folder that their paths cannot leave.

        A ``stack`` (the path of a file) has its own: its folder can contain a module too.
        """
        from azkvlint.readers.terraform.folder import FolderCache

        key = base, self._tool, *stack
        if key not in self._folders:
            self._folders[key] = FolderCache(self.required, self._tool)
        return self._folders[key]

    def bicep(
        self,
        path: str,
        data: bytes,
        file: str = "",
        given: ParameterValues | None = None,
        published: bool = False,
        work: UnitWork | None = None,
    ) -> ReadResult:
        """Return the result of a Bicep file. Raises InputError.

        Modules cannot be resolved without ``file``, the path of the file. ``published``: the file is written for
        callers outside the scanned files.
        """
        from azkvlint.readers.bicep.files import BicepRun
        from azkvlint.readers.bicep.read import read_bicep
        from azkvlint.syntax.texts import source_text

        is_for_callers = published and given is None
        given = given or ParameterValues()
        run = BicepRun(path, source_text(data), self.required, self._cache(), self.root, work)
        read = read_bicep(run, file, given.values)
        if is_for_callers:
            is_closed = read.closed and self.settings.closed
            read = msgspec.structs.replace(read, closed=is_closed, is_for_callers=True)
        return bicep_result(path, read, given, peer_comments=self.peer_comments)

    def template(
        self,
        path: str,
        data: bytes,
        file: str = "",
        given: ParameterValues | None = None,
        work: UnitWork | None = None,
    ) -> ReadResult | None:
        """Return an ARM template, a what-if result or a snapshot; None for anything else. Raises InputError."""
        from azkvlint.readers.deployment.documents import looks_like_template
        from azkvlint.readers.deployment.read import read_template
        from azkvlint.syntax.json_decoder import decode

        document = decode(data)
        given = given or ParameterValues()
        if looks_like_template(document.value) and not is_stack_result(document.value):
            loader = Loader(path, file, self.root)
            read = read_template(path, document, self.required, given.values, loader.load, work)
            return msgspec.structs.replace(
                template_result(path, read, given), kind=ARM_TEMPLATE,
                metadata=metadata_in(read.files, self.peer_comments),
                deployed=frozenset(loader.loaded) if read.is_whole else frozenset(),
            )  # fmt: skip
        from azkvlint.readers.whatif import read_prediction

        found = read_prediction(path, document, self.required, work)
        if found is None:
            return None
        return msgspec.structs.replace(template_result(path, found, given, data=found.files), kind=PREDICTION)

    def _bicepparam(self, path: str, source: Source, work: UnitWork | None) -> ReadResult:
        """Return the result of the template of a Bicep parameter file, with the parameter values."""
        from azkvlint.readers.bicep.files import BicepRun
        from azkvlint.readers.bicep.read import read_bicepparam
        from azkvlint.syntax.texts import source_text

        text = source_text(read_source(source))
        read = read_bicepparam(BicepRun(source.path, text, self.required, self._cache(), self.root, work), source.file)
        return bicep_result(path, read, ParameterValues(), peer_comments=self.peer_comments)

    def _parameter_values(self, unit: Unit) -> ParameterValues | None:
        """Return the values of a unit's parameter file."""
        source = unit.parameters
        if source is None:
            return None
        from azkvlint.readers.deployment.documents import problems_of_keys
        from azkvlint.readers.deployment.parameter_files import read_parameters
        from azkvlint.syntax.json_decoder import decode

        document = decode(read_source(source))
        return ParameterValues(
            values=read_parameters(source.path, document), files={source.path: document.text},
            problems=problems_of_keys(source.path, document),
        )  # fmt: skip

    def _cache(self) -> ModuleCache:
        from azkvlint.readers.bicep.files import ModuleCache

        if self._modules is None:
            self._modules = ModuleCache()
        return self._modules


class KeepingReader(Reader):
    """A reader of several runs on the same inputs, which read each unit once.

    It keeps units up to a number of resources, so that an input of any size needs no more memory for it.
    """

    _MOST_RESOURCES = 20_000

    def __init__(
        self, required: RequiredAttributes, root: str, settings: TerraformSettings, *, peer_comments: bool
    ) -> None:
        super().__init__(required, root, settings, peer_comments=peer_comments)
        self._kept: dict[tuple[str, Unit], ReadResult | None] = {}
        self._sources: dict[tuple[str, str], tuple[ReadResult | None, str]] = {}
        self._room = self._MOST_RESOURCES

    def read(self, unit: Unit, work: UnitWork | None = None) -> ReadResult | None:
        """Return the content of a unit as ``Reader`` does, that of an earlier run if it is kept."""
        key = self._tool, unit
        if key in self._kept:
            return self._kept[key]
        found = super().read(unit, work)
        if self._takes(found):
            self._kept[key] = found
        return found

    def source_of(
        self, plan: Plan, file: str, source_root: str, work: UnitWork | None = None
    ) -> tuple[ReadResult | None, str]:
        """Return the root module of a plan as ``Reader`` does, that of an earlier run if it is kept."""
        key = file, source_root
        if key in self._sources:
            return self._sources[key]
        found = super().source_of(plan, file, source_root, work)
        if self._takes(found[0]):
            self._sources[key] = found
        return found

    @property
    def keeps_everything(self) -> bool:
        """Return whether it keeps all that it has read, so that another run reads nothing again."""
        return self._room >= 0

    def _takes(self, found: ReadResult | None) -> bool:
        """Return whether there is room for the content of a unit, and take it."""
        self._room -= 0 if found is None else len(found.resources)
        return self._room >= 0


def _is_text_template(data: bytes, error: InputError) -> bool:
    """Return whether invalid JSON is a text template: the error is at an expression of a template engine."""
    lines = data.decode("utf-8", "replace").splitlines()
    return error.line is not None and bool(_EXPRESSION.search("".join(lines[error.line - 1 : error.line])))


def _rendered_result(path: str) -> ReadResult:
    """Return the result of a text template of JSON, which is an ARM template only after rendering."""
    text = "the file contains template expressions and is not valid JSON, so it was not evaluated"
    note = Problem(code=INPUT_INCOMPLETE, level="note", message=text, at=Location(path=path))
    return not_evaluated(path, note)


def _refuse(source: Source, data: bytes) -> None:
    """Raise InputError, with a hint, for a file that is not an input by itself."""
    if source.is_explicit and source.file.endswith((".tfvars", ".tfvars.json")):
        raise InputError(
            "variable files are not evaluated on their own", "specify the module, and this file with `--var-file`"
        )
    if source.is_explicit and source.file.endswith(".hcl"):
        raise InputError(
            "included Terragrunt files are not evaluated on their own",
            "specify the `terragrunt.hcl` that includes the file, or its folder",
        )
    if source.file == STDIN and _SOURCE_CODE.match(data):
        raise InputError("standard input is not JSON", _NAME_IT)


def _refuse_type(source: Source, data: bytes) -> None:
    """Raise InputError for a file that has the name of no input and is neither JSON nor a binary plan."""
    start = data[:_START].replace(b"\0", b"").removeprefix(b"\xef\xbb\xbf").lstrip(b"\xff\xfe \t\r\n")
    extension = os.path.splitext(source.file)[1]
    is_known = not extension or source.file.lower().endswith(ENDINGS) or source.file == STDIN
    if start and not is_known and not start.startswith((b"{", b"[", b"PK")):
        raise InputError(f"files of type '{extension}' are not supported", MAKE_INPUT)


class Loader:
    """Reads the templates that a template links to inside the root of the run, whose real paths are ``loaded``."""

    def __init__(self, path: str, file: str, root: str) -> None:
        self._folder = os.path.dirname(file) if file else ""
        self._path = path
        self._root = root
        self.loaded: set[str] = set()

    def load(self, relative: str) -> JsonDocument | None:
        """Return the linked template at a path relative to the linking one; None if it is not available. Raises
        InputError.
        """
        from azkvlint.syntax.json_decoder import decode

        file = resolve_inside(self._root, self._folder, relative) if self._folder else None
        if file is None or not is_file(file):
            return None
        document = decode(read_source(Source(file=file, path=relative, is_explicit=True)))
        self.loaded.add(file)
        return document


def _is_foreign(unit: Unit) -> bool:
    """Return whether a unit is a large JSON file that certainly is not an input, and that nothing names."""
    source = unit.source
    if source.is_explicit or unit.rendered or unit.parameters is not None or not source.file.lower().endswith(JSON):
        return False
    if unit.module or is_terragrunt_file(os.path.basename(source.file)):
        return False
    from azkvlint.readers.foreign_json import is_foreign

    return is_foreign(source.file)


def _is_of_interest(data: bytes) -> bool:
    """Return whether a JSON document that is not a plan may be another supported input, without decoding it."""
    return mentions_template(data) or mentions_prediction(data)
