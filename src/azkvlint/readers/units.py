"""The units that are evaluated together: a plan, a Terraform module, or a template with one set of parameters.

A Bicep file that another one calls as a module is evaluated through its callers, with their arguments; on its own too
if only its own examples and tests call it. A template that the Bicep compiler made is evaluated beside its Bicep file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from azkvlint.readers.discover import (
    BICEP,
    JSON,
    PARAMETER_FILE,
    PARAMETERS,
    STDIN,
    OtherFiles,
    Source,
    is_component_file,
    is_deployment_file,
    is_module_file,
    is_parameters,
    is_terragrunt_file,
    is_unit_file,
    parameter_names,
)
from azkvlint.readers.json_kinds import mentions_template
from azkvlint.util.errors import InputError, UsageError
from azkvlint.util.file_tracker import file_tracker
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_boundary import boundary_of, real_path
from azkvlint.util.project_files import (
    is_file,
    list_names,
    read_start,
    recorded_real_path,
    reported_path,
    resolve_inside,
)

if TYPE_CHECKING:
    from azkvlint.readers.deployments import Scripts

# At the start of a line, which is seen later: a pattern that begins with a word is found far faster.
_MODULE = regex(r"module[ \t]+\w+[ \t]+'([^'\r\n]*\.bicep)'")
_USING = regex(r"^[ \t]*using[ \t]+'([^'\r\n]*)'", re.MULTILINE)
_GENERATOR = regex(rb'"_generator"\s*:\s*\{\s*"name"\s*:\s*"bicep"')
# A block comment or a multi-line string: a module call in one calls nothing. One that is not closed extends to the end.
_IGNORED = regex(r"//[^\r\n]*+|(?P<ignored>/\*(?:.*?\*/|.*)|'''(?:.*?'''|.*))|'(?:[^'\\\r\n]|\\.)*+'", re.DOTALL)
# What the Bicep compiler writes stands at the top of the file.
_HEAD = 2000
# Only so many bytes of a file are searched.
_MAX_FILE = 10_000_000


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """One input to evaluate. ``parameters``: its parameter file. ``compiled``: the JSON compiled from it.

    ``module``: the source is the folder of a Terraform module, with files of ``size`` bytes. ``published``: it is a
    module that only its own examples and tests call. ``quiet``: it contains nothing to evaluate. ``rendered``:
    Terraform reads the file with ``templatefile()``. ``deployed``: a script deploys it, so that it is evaluated on its
    own although another template links it. ``copied``: it was compiled from a Bicep file, and is not beside it.
    ``deployment``: the source is a file of a Terraform Stack, which is evaluated with the inputs of that deployment.
    """

    source: Source
    parameters: Source | None = None
    compiled: Source | None = None
    module: bool = False
    size: int = 0
    published: bool = False
    quiet: bool = False
    rendered: bool = False
    deployed: bool = False
    copied: bool = False
    deployment: str = ""

    @property
    def world(self) -> str:
        """Return the base world: the reported path of the parameter file, or the deployment of a stack; else ""."""
        return self.parameters.path if self.parameters is not None else self.deployment


def units_of(
    sources: Sequence[Source],
    parameters: Sequence[Source],
    types: Collection[str] | None = None,
    defaults: Collection[str] = (),
    commands: DeploymentCommands | None = None,
) -> list[Unit]:
    """Return the units to evaluate: Terraform modules, then the rest in the order of the sources.

    ``parameters`` are used for every template, instead of those by name. ``types`` are the Azure types that rules
    evaluate; None selects every type. ``defaults`` are the templates and folders (real paths) that are evaluated with
    the defaults of their parameters too, whatever parameter files they have and whatever calls them. What
    ``commands`` deploy is evaluated on its own too. Raises UsageError for parameters without any template.
    """
    configured, called_by_units = _terragrunt_units(sources)

    def is_kept(path: str) -> bool:
        """Return whether a file or folder is evaluated on its own, whatever calls it."""
        return (bool(defaults) and real_path(path) in defaults) or (commands is not None and commands.deploy(path))

    modules, rendered = _terraform_modules(sources, types, called_by_units, is_kept)
    modules += configured
    sources = [source for source in sources if not _is_of_module(os.path.basename(source.file))]
    folders: dict[str, dict[str, list[str]]] = {}
    made = compiled_templates(sources)
    copies = _find_copies(sources, made)
    found: list[Unit] = []
    for source, compiled, is_published in _evaluated_alone(sources, made, is_kept):
        is_json = source.file.lower().endswith(JSON) and not source.is_explicit
        if is_json and _is_rendered(source.file, rendered) and not is_kept(source.file):
            found.append(Unit(source=source, rendered=True))
            continue
        if is_parameters(source.file):
            found += _by_parameters(source)
            if not _contains_template(source.file):
                continue
        given: list[Source | None] = [*(parameters or _parameters_of(source, folders))]
        if given and defaults and not parameters and real_path(source.file) in defaults:
            given.insert(0, None)
        # A single template has no other that could link it.
        is_deployed = is_json and len(sources) > 1 and is_kept(source.file)
        found += (
            Unit(
                source=source, parameters=one, compiled=compiled, published=is_published,
                deployed=is_deployed, copied=source.file in copies,
            )
            for one in given or [None]
        )  # fmt: skip
    if parameters and not any(_is_template(unit.source.file) for unit in found):
        raise UsageError("--parameters requires a template", "specify the ARM template or Bicep file too")
    return modules + _once(found)


def _evaluated_alone(
    sources: Sequence[Source], made: Mapping[str, Source], kept: Callable[[str], bool]
) -> Iterator[tuple[Source, Source | None, bool]]:
    """Yield the templates that are not evaluated through others only, and parameter files.

    Each with the template that was compiled from it, and whether only its own examples and tests call it. A compiled
    template is evaluated beside its Bicep file; if that is evaluated through its callers, and the template is ``kept``,
    on its own.
    """
    called, published = _find_called(sources)
    explicit = {source.file for source in sources if source.is_explicit}
    origins = {template.file: file for file, template in made.items()}

    def is_left_out(file: str) -> bool:
        return file in called and file not in published and file not in explicit and not kept(file)

    for source in sources:
        file = source.file
        if is_left_out(file) or (file in origins and not (is_left_out(origins[file]) and kept(file))):
            continue
        yield source, made.get(file), file in published and not source.is_explicit


class DeploymentCommands:
    """The commands in scripts, and what they deploy. The scripts are read on first use."""

    def __init__(self, scripts: Sequence[str]) -> None:
        self._scripts = tuple(scripts)
        self._untracked: Scripts | None = None

    def deploy(self, path: str) -> bool:
        """Return whether a command deploys a file or folder."""

        def is_deployed(scripts: Scripts) -> bool:
            return scripts.deploy(path)

        if not file_tracker().is_on:
            return is_deployed(self._read_once())
        return file_tracker().extended(("scripts", self._scripts), self._read, is_deployed)

    def templates_among(self, files: Iterable[str]) -> list[str]:
        """Return the files that a command deploys as templates, of files without the name of an input."""
        return (self._read() if file_tracker().is_on else self._read_once()).templates_among(files)

    def without_vaults(self) -> Collection[str]:
        """Return scripts that certainly do not contain the word ``keyvault``, of those that this run has read."""
        return self._untracked.without_vaults if self._untracked is not None else ()

    def _read_once(self) -> Scripts:
        # A run without a cache remembers nothing for the next one, but each script is searched once.
        self._untracked = self._untracked or self._read()
        return self._untracked

    def _read(self) -> Scripts:
        from azkvlint.readers.deployments import Scripts

        return Scripts(self._scripts)


def templates_of_commands(
    commands: DeploymentCommands, others: OtherFiles, root: str, sources: Sequence[Source]
) -> list[Source]:
    """Return the templates that a command deploys and that do not have the name of an input, such as ``main.tpl``.

    Each is returned once, however many links lead to it, and not if it is one of the ``sources``.
    """
    if not others.scripts or not others.names:
        return []
    named = commands.templates_among(dict.fromkeys(others.names))
    known = {recorded_real_path(source.file) for source in sources if source.is_explicit} if named else set[str]()
    found: dict[str, str] = {}
    for file in named:
        real = recorded_real_path(file)
        if real not in known and _begins_as_template(file):
            found.setdefault(real, file)
    return [Source(file=file, path=reported_path(root, file), is_explicit=False) for file in found.values()]


def _begins_as_template(file: str) -> bool:
    """Return whether a file of any name begins as JSON does, or with a comment, and mentions a template."""
    # A command with a variable can name every file of a folder, of which few are JSON.
    start = read_start(file, _HEAD).replace(b"\0", b"").removeprefix(b"\xef\xbb\xbf").lstrip(b"\xff\xfe \t\r\n")
    return start.startswith((b"{", b"//", b"/*")) and mentions_template(read_start(file, _MAX_FILE))


def _is_of_module(name: str) -> bool:
    return is_module_file(name) or is_terragrunt_file(name)


def _terragrunt_units(sources: Sequence[Source]) -> tuple[list[Unit], frozenset[str]]:
    """Return the units and stacks of Terragrunt and Terraform Stacks, and the folders of the modules that units call.

    A configuration that others include is evaluated through them, unless the user named it.
    """
    files = [source for source in sources if is_terragrunt_file(os.path.basename(source.file))]
    if not files:
        return [], frozenset()
    from azkvlint.readers.terragrunt import called_by

    modules: set[str] = set()
    included: set[str] = set()
    for source in files:
        if is_unit_file(os.path.basename(source.file)):
            root = boundary_of(os.path.dirname(source.file))
            module, others = called_by(source.path, source.file, root)
            modules.add(module)
            included |= others
    stacks: dict[str, Source] = {}
    units: list[Unit] = []
    for source in files:
        name = os.path.basename(source.file)
        if is_component_file(name) or is_deployment_file(name):
            stacks.setdefault(os.path.dirname(source.file), source)
        elif source.is_explicit or source.file not in included:
            units.append(Unit(source=source))
    for directory, source in stacks.items():
        deployments, components = _stack_in(directory)
        modules |= components
        units += (Unit(source=source, deployment=name) for name in deployments or ("",))
    return units, frozenset(modules - {""})


def _stack_in(directory: str) -> tuple[Sequence[str], frozenset[str]]:
    """Return the deployments of the stack in a folder, and the folders of its components."""
    from azkvlint.readers.stacks import stack_in

    return stack_in(real_path(directory), boundary_of(directory))


def _terraform_modules(
    sources: Sequence[Source], types: Collection[str] | None, called: Collection[str], kept: Callable[[str], bool]
) -> tuple[list[Unit], list[re.Pattern[str]]]:
    """Return the Terraform modules that are evaluated by themselves, and patterns of the files that they render.

    ``called`` are the folders that Terragrunt units call, ``kept`` (real paths) those that are evaluated by themselves
    whatever calls them.
    """
    if not any(is_module_file(os.path.basename(source.file)) for source in sources):
        return [], []
    from azkvlint.readers.terraform.roots import roots_of

    roots = roots_of(sources, types, called, kept)
    found = [
        Unit(
            source=Source(file=root.directory, path=root.path, is_explicit=root.is_explicit),
            module=True,
            size=root.size,
            published=root.published,
        )
        for root in roots.found
    ]
    other = (Source(file="", path=path, is_explicit=False) for path in roots.other)
    return found + [Unit(source=source, module=True, quiet=True) for source in other], roots.rendered


def _is_rendered(file: str, rendered: Sequence[re.Pattern[str]]) -> bool:
    path = file.replace(os.sep, "/")
    return any(pattern.fullmatch(path) for pattern in rendered)


def _once(units: list[Unit]) -> list[Unit]:
    """Return each unit once: a parameter file and its template may both have been found."""
    kept: dict[tuple[str, str], Unit] = {}
    for unit in units:
        kept.setdefault((unit.source.file, unit.parameters.file if unit.parameters is not None else ""), unit)
    return list(kept.values())


def _contains_template(file: str) -> bool:
    """Return whether a file with the name of a parameter file contains a template, as tools decide it."""
    if not file.lower().endswith(JSON):
        return False
    from azkvlint.readers.deployment.documents import looks_like_template
    from azkvlint.syntax.json_decoder import decode

    data = read_start(file, _MAX_FILE)
    if not mentions_template(data):
        return False
    try:
        return looks_like_template(decode(data).value)
    except InputError:
        return True  # evaluating it reports why it cannot be read


def _is_template(file: str) -> bool:
    return file == STDIN or file.lower().endswith((*BICEP, *JSON))


def _by_parameters(source: Source) -> Iterator[Unit]:
    """Yield the unit of a parameter file; without an available template, only if the user named the file."""
    template = _template_of(source.file)
    if template is not None:
        path = _beside(source, template)
        yield Unit(source=Source(file=template, path=path, is_explicit=source.is_explicit), parameters=source)
    elif source.is_explicit or source.file.lower().endswith(PARAMETERS):
        yield Unit(source=source)


def _beside(source: Source, file: str) -> str:
    """Return the reported path of a file, from that of a source."""
    relative = os.path.relpath(file, os.path.dirname(source.file)).replace(os.sep, "/")
    return os.path.normpath(os.path.join(os.path.dirname(source.path), relative)).replace(os.sep, "/")


def _template_of(file: str) -> str | None:
    """Return the template of a parameter file: the one that it uses, or the one with a matching name."""
    folder, name = os.path.split(file)
    if name.lower().endswith(PARAMETERS):
        used = _USING.search(_text(file))
        return _file_inside(folder, used[1]) if used is not None else None
    match = PARAMETER_FILE.fullmatch(name)
    stem = match["stem"] if match is not None else ""
    while stem:
        for ending in (*BICEP, *JSON):
            if is_file(os.path.join(folder, stem + ending)):
                return os.path.join(folder, stem + ending)
        stem = stem.rpartition(".")[0]
    return None


def _file_inside(folder: str, name: str) -> str | None:
    """Return the real path of a project file that a file in ``folder`` names; None if it does not exist."""
    try:
        file = resolve_inside(boundary_of(folder), folder, name)
    except InputError:
        return None
    return file if file is not None and is_file(file) else None


def _parameters_of(source: Source, folders: dict[str, dict[str, list[str]]]) -> Iterator[Source]:
    """Yield the parameter files of a template in its folder; ``folders`` caches folder listings."""
    if source.file == STDIN or not _is_template(source.file):
        return
    folder = os.path.dirname(source.file)
    if folder not in folders:
        folders[folder] = parameter_files(folder)
    for file in folders[folder].get(source.file, ()):
        yield Source(file=file, path=_beside(source, file), is_explicit=source.is_explicit)


def parameter_files(folder: str) -> dict[str, list[str]]:
    """Return the parameter files of a folder, by the template that each is for."""
    try:
        names = parameter_names(list_names(folder))
    except (OSError, InputError):
        return {}
    found: dict[str, list[str]] = {}
    for name in names:
        file = os.path.join(folder, name)
        template = _template_of(file)
        if template is not None:
            found.setdefault(template, []).append(file)
    return found


def _modules_in(text: str) -> Iterator[str]:
    """Yield the paths of the Bicep modules that a file calls, as written."""
    if "/*" in text or "'''" in text:
        text = _IGNORED.sub(lambda found: "" if found["ignored"] is not None else found[0], text)
    for match in _MODULE.finditer(text):
        at = match.start()
        if not text[text.rfind("\n", 0, at) + 1 : at].strip(" \t"):
            yield match[1]


def _find_called(sources: Sequence[Source]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the Bicep files that are modules of others, and those of them that only examples and tests call.

    Of files that only call each other in a circle, one is left out.
    """
    calls = _bicep_calls(sources)
    if not calls:
        return frozenset(), frozenset()
    from azkvlint.readers.callers import called_by_examples, called_by_others

    called = called_by_others(calls)
    return frozenset(called), called_by_examples(called, calls)


def _bicep_calls(sources: Sequence[Source]) -> dict[str, set[str]]:
    """Return the Bicep modules that each Bicep file calls (real paths)."""
    return {
        source.file: file_tracker().remembered(("calls", source.file), partial(_called_by, source.file))
        for source in sources
        if source.file.lower().endswith(BICEP)
    }


def calls_of(sources: Sequence[Source], types: Collection[str]) -> dict[str, set[str]]:
    """Return what each Bicep file and each folder of a Terraform module calls (real paths)."""
    calls = _bicep_calls(sources)
    if any(is_module_file(os.path.basename(source.file)) for source in sources):
        from azkvlint.readers.terraform.roots import module_calls

        calls.update(module_calls(sources, types))
    return calls


def _called_by(file: str) -> set[str]:
    """Return the real paths of the Bicep modules that a file calls."""
    folder = os.path.dirname(file)
    return {recorded_real_path(os.path.join(folder, path)) for path in _modules_in(_text(file))}


def compiled_templates(sources: Sequence[Source]) -> Mapping[str, Source]:
    """Return the templates that were compiled from Bicep files beside them, by the files of those."""
    bicep = {source.file for source in sources if source.file.lower().endswith(BICEP)}
    made: dict[str, Source] = {}
    for source in sources:
        folder, name = os.path.split(source.file)
        stem, ending = os.path.splitext(name)
        if ending.lower() not in JSON:
            continue
        for origin in _origins(stem):
            file = os.path.join(folder, f"{origin}.bicep")
            if file in bicep and file not in made and _GENERATOR.search(read_start(source.file, _HEAD)):
                made[file] = source
                break
    return made


def _find_copies(sources: Sequence[Source], made: Mapping[str, Source]) -> frozenset[str]:
    """Return the templates that the Bicep compiler has written and that are not beside a Bicep file with their name.

    A Bicep file elsewhere among the sources has the name. ``made`` are those beside one.
    """
    stems = {_stem(source.file) for source in sources if source.file.lower().endswith(BICEP)}
    if not stems:
        return frozenset()
    beside = {source.file for source in made.values()}
    return frozenset(
        source.file
        for source in sources
        if source.file.lower().endswith(JSON)
        and source.file not in beside
        and not stems.isdisjoint(_origins(_stem(source.file)))
        and _GENERATOR.search(read_start(source.file, _HEAD))
    )


def _stem(file: str) -> str:
    return os.path.splitext(os.path.basename(file))[0]


def _origins(stem: str) -> tuple[str, ...]:
    """Return the names that the source of a template may have, without their endings."""
    return (stem, "main") if stem == "azuredeploy" else (stem,)


def _text(file: str) -> str:
    return read_start(file, _MAX_FILE).decode("utf-8", "replace")
