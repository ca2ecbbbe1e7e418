"""Read a Bicep or ``.bicepparam`` file: the resources that rules require, and the problems."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from azkvlint.azure.azurerm.resources import canonical
from azkvlint.evaluation.budget import DECLARATIONS_A_STEP, UnitWork, with_recursion_limit
from azkvlint.evaluation.values import Fields, Result, is_large, pattern_of, plain_of, unknown_in
from azkvlint.graph.existence import VARYING
from azkvlint.graph.pseudo_resources import SECRETS_TYPE, requires_origins, requires_outputs, with_origins
from azkvlint.model.location import Location
from azkvlint.model.pattern import DEPLOYMENT, Text, declared_hole
from azkvlint.model.resource import RequiredAttributes, Resource
from azkvlint.model.value import Absent, text_of
from azkvlint.readers.bicep import files
from azkvlint.readers.bicep.document import File, inner_resources
from azkvlint.readers.bicep.files import BicepRun, ModuleCache
from azkvlint.readers.bicep.module_evaluation import (
    BicepContent,
    BicepSource,
    ModuleInstance,
    trace_existence,
    trace_instances,
)
from azkvlint.readers.bicep.origins import origins_of_secret, outputs_of
from azkvlint.readers.bicep.resource_symbols import ResourceEntity, ResourceSymbol, resource_of
from azkvlint.readers.bicep.scenarios import Scenarios, may_exist, skip, skip_file
from azkvlint.readers.bicep.symbols import (
    Content,
    ModuleCall,
    ModuleSymbol,
    ParameterFile,
    ParameterValues,
    condition_of,
    is_unconditional,
    written_length,
)
from azkvlint.readers.bicep.templates import DeployedTemplate, template_in
from azkvlint.readers.deployment.documents import DEPLOYMENTS, HOLDERS, StatementLocations, result_member
from azkvlint.readers.deployment.origins import OUTPUT_TYPE
from azkvlint.readers.deployment.read import HoldingResource, deploy_held, read_template
from azkvlint.readers.deployment.run import TemplateRead
from azkvlint.readers.deployment.scope import GROUP, SUBSCRIPTION, Scope, scope_of
from azkvlint.readers.discover import JSON
from azkvlint.syntax import ast
from azkvlint.syntax.bicep.parse import Parsed, Region, Suppression
from azkvlint.util.errors import InputError
from azkvlint.util.project_boundary import real_path, real_path_of_read
from azkvlint.util.project_files import reported_path
from azkvlint.values.origins import Source

if TYPE_CHECKING:
    from azkvlint.syntax.json_decoder import Document

_KEY_VAULT = "microsoft.keyvault/"
# Types that do not configure a vault.
_HARMLESS = frozenset(
    _KEY_VAULT + name
    for name in (
        "vaults/privateendpointconnections", "vaults/eventgridfilters", "managedhsms/privateendpointconnections",
        "deletedvaults", "deletedmanagedhsms", "locations/deletedvaults", "locations/deletedmanagedhsms",
        "checknameavailability", "operations",
    )
)  # fmt: skip


def collect_resources(instance: ModuleInstance, conditions: frozenset[str]) -> None:
    """Add all resources that the file declares itself, in their order."""
    if requires_outputs(instance.run.attribute_filter.required, OUTPUT_TYPE):
        for output in outputs_of(instance):
            instance.run.resources[output.address] = output
    for node in instance.file.declarations(ast.Resource):
        if instance.file.symbols.get(node.name) is node and may_be_required(instance, node):
            _collect_resource(instance.resource(node), conditions)


def may_be_required(instance: ModuleInstance, node: ast.Resource) -> bool:
    """Return whether a rule may read a resource, by its type as written; most need no evaluation at all."""
    if inner_resources(node) or not isinstance(node.type, ast.Literal):
        return True
    whole = str(node.type.value)
    known = instance.run.cache.required_types(instance.run.attribute_filter)
    if whole not in known:
        type_ = whole.partition("@")[0]
        lower = type_.lower()
        required = instance.run.attribute_filter.members_of(type_) is not None
        known[whole] = required or lower in HOLDERS or lower.startswith(_KEY_VAULT) or "/providers/" in lower
    return known[whole]


def _collect_resource(symbol: ResourceSymbol, conditions: frozenset[str]) -> None:
    if not _collect_entities(symbol, conditions):
        may_exist(symbol, conditions, _collect_entities, _skip)


def _collect_entities(symbol: ResourceSymbol, conditions: frozenset[str]) -> bool:
    """Add what a declaration deploys; False if that is nothing."""
    symbol.instance.run.recorder.declaration(symbol.address, partial(trace_instances, symbol))
    is_there = False
    for entity in symbol.entities:
        found = condition_of(symbol.instance.evaluator, entity.iteration, entity.address)
        if found is None:
            continue
        is_there = True
        known = conditions | found
        symbol.instance.run.recorder.begin(partial(trace_existence, symbol, entity.iteration))
        _add(entity, known)
        for inner in entity.inner.values():
            _collect_resource(inner, known)
    return is_there


def _skip(symbol: ResourceSymbol, reason: str) -> None:
    above = symbol.outer.identity.type if symbol.outer is not None else ""
    skip(symbol.instance.run, symbol.instance.file, symbol.node, symbol.address, reason, above)


def _add(entity: ResourceEntity, conditions: frozenset[str]) -> None:
    instance = entity.instance
    run, type_ = instance.run, entity.identity.type
    required = run.attribute_filter.members_of(type_) if type_ else None
    if type_.lower() in HOLDERS and not entity.node.existing:
        _deploy_held_template(entity, conditions)
        return
    if required is None:
        if not entity.node.existing:
            _report_unknown_type(entity, type_)
        return
    resource = resource_of(entity, required, conditions)
    run.recorder.keep(entity.address)
    if (
        not entity.node.existing
        and type_.lower() == SECRETS_TYPE
        and requires_origins(run.attribute_filter.required, SECRETS_TYPE)
    ):
        sources: list[Source] = []
        found = origins_of_secret(entity, sources)
        if found is not None:
            attributes = with_origins(resource.attributes, found, sources=sources)
            resource = msgspec.structs.replace(resource, attributes=attributes)
    if run.scenarios is not None and type_.lower() in VARYING and instance.module_call.scenario is None:
        run.scenarios.vaults[entity.address] = entity
    run.resources[entity.address] = resource


def _report_unknown_type(entity: ResourceEntity, type_: str) -> None:
    """Report a Key Vault resource of a type that is not supported, or a resource whose type is unknown."""
    lower = type_.lower()
    if not type_:
        entity.instance.run.closed = False
        text = f"the type of `{entity.address}` is unknown, so the resource was not evaluated"
        entity.instance.run.type_not_known("error", text, entity.at)
    elif lower.startswith(_KEY_VAULT) and canonical(type_) is None and lower not in _HARMLESS:
        text = f"Key Vault type `{type_}` is not supported, so the resource was not evaluated"
        entity.instance.run.type_not_known("error", text, entity.at)


def collect_modules(instance: ModuleInstance, conditions: frozenset[str]) -> None:
    """Add what the modules of a file deploy, in their order."""
    for node in instance.file.declarations(ast.Module):
        if instance.file.symbols.get(node.name) is node:
            symbol = instance.module(node)
            if not _collect_module(symbol, conditions):
                may_exist(symbol, conditions, _collect_module, _skip_module)


def _collect_module(symbol: ModuleSymbol, conditions: frozenset[str]) -> bool:
    """Add what a module deploys; False if it is never used."""
    symbol.instance.run.recorder.declaration(symbol.address, partial(trace_instances, symbol))
    is_there = False
    for entity in symbol.entities:
        found = condition_of(entity.instance.evaluator, entity.iteration, entity.address)
        if found is not None:
            is_there = True
            recorder, exists = entity.instance.run.recorder, partial(trace_existence, symbol, entity.iteration)
            recorder.inside(exists, partial(_collect_content, entity.content, conditions | found))
    return is_there


def _collect_content(content: Content | None, conditions: frozenset[str]) -> None:
    """Add what a module deploys under ``conditions``."""
    if isinstance(content, BicepContent):
        collect(content.instance, conditions)
    elif isinstance(content, DeployedTemplate):
        content.collect(conditions)


def _skip_module(symbol: ModuleSymbol, reason: str) -> None:
    source = symbol.source
    if isinstance(source, BicepSource):
        skip_file(symbol.instance.run, source.file, f"module `{symbol.node.name}` is not used: {reason}")


def collect(instance: ModuleInstance, conditions: frozenset[str]) -> None:
    """Add all that a file in use deploys."""
    _expect(instance)
    collect_resources(instance, conditions)
    collect_modules(instance, conditions)


def _expect(instance: ModuleInstance) -> None:
    """Refuse what a file declares, in all its copies, before any of it is made."""
    run, file, copies = instance.run, instance.file, instance.module_call.copies
    run.budget.spend(len(file.parsed.declarations) // DECLARATIONS_A_STEP)
    required = (node for node in file.declarations(ast.Resource) if may_be_required(instance, node))
    resources = sum(written_length(node.body) for node in required)
    modules = sum(written_length(node.body) for node in file.declarations(ast.Module) if is_unconditional(node.body))
    run.expect(resources * copies, modules * copies)


def _deploy_held_template(entity: ResourceEntity, conditions: frozenset[str]) -> None:
    """Add what the template in a resource deploys."""
    instance, type_ = entity.instance, entity.identity.type.lower()
    scope = scope_of(entity.identity.above) or instance.scope
    at = instance.reported_location(entity.at)
    one = HoldingResource(
        type=type_, address=entity.address, at=at, properties=entity.body.get("properties"),
        scope=_named_scope(entity, scope) if type_ == DEPLOYMENTS else scope, conditions=conditions,
        callers=(*instance.module_call.callers, at),
    )  # fmt: skip
    run = instance.run
    problems = len(run.problems)
    held = deploy_held(run, one)
    if held is not None and len(run.problems) == problems:  # a file of which all was evaluated is not evaluated again
        _record_deployed_files(run, held.template, result_member(one.properties, "policyRule"))


def _record_deployed_files(run: BicepRun, *values: Result | None) -> None:
    """Record the files whose content is deployed."""
    for value in values if run.loaded else ():
        if isinstance(value, Fields) and not is_large(value) and unknown_in(value) is None:
            plain = plain_of(value)
            run.deployed |= {file for file, loaded in run.loaded.items() if loaded == plain}


def _named_scope(entity: ResourceEntity, around: Scope) -> Scope:
    """Return the scope that a deployment names by its subscription and resource group."""
    subscription, group = _pattern(entity, "subscriptionId"), _pattern(entity, "resourceGroup")
    if group:
        return Scope(GROUP, subscription or around.subscription, group)
    return Scope(SUBSCRIPTION, subscription) if subscription else around


def _pattern(entity: ResourceEntity, name: str) -> Text:
    found = entity.body.get(name)
    if found is None or isinstance(found, Absent):
        return ""
    return pattern_of(found) or declared_hole(DEPLOYMENT, entity.address, name)


_MAX_EXTENDED = 20
_NOTHING: Mapping[str, Result] = {}


class BicepRead(TemplateRead, kw_only=True):
    """The result of reading a Bicep file.

    ``suppressions`` and ``disabled`` are the suppressed ranges by reported path: see
    ``syntax.bicep.parse.Parsed``. ``sources`` are the files by reported path. ``used`` is the real
    path of the file that a parameter file is for, if it is a file; ``deployed`` are those of files with templates that
    are evaluated with it. ``parsed`` are the files that were read, by reported path. ``secret_sources`` returns the
    spans in each file from which secrets are made.
    """

    suppressions: Mapping[str, tuple[Suppression, ...]]
    disabled: Mapping[str, tuple[Region, ...]]
    sources: Mapping[str, File]
    used: str = ""
    parsed: Mapping[str, Parsed] = {}
    deployed: frozenset[str] = frozenset()
    secret_sources: Callable[[], Mapping[str, Collection[tuple[int, int]]]] = dict


@with_recursion_limit
def read_bicep(
    path: str,
    file: str,
    root: str,
    text: str,
    required: RequiredAttributes,
    cache: ModuleCache,
    given: ParameterValues | None = None,
    unit: UnitWork | None = None,
) -> BicepRead:
    """Read the Bicep file ``text``, which reports call ``path``, with the modules that it uses.

    ``file`` is its path on disk, empty where it has none: then no module can be read. Nothing outside the folder
    ``root`` is read, except restored modules in the cache of the Bicep CLI. ``given`` are values of parameters.
    Never raises InputError: what goes wrong is a Problem.
    """
    run = BicepRun(path, text, required, cache, root, unit)
    parsed = cache.parse(path, real_path_of_read(file) if file else "", text)
    return _read_root(run, parsed, _NOTHING if given is None else given)


def _read_root(run: BicepRun, file: File, given: ParameterValues) -> BicepRead:
    """Read a root file in ``run`` with the parameters ``given``. See ``read_bicep``."""
    try:
        scope = Scope(file.level) if file.level else Scope()
        run.recorder.declare(node.name for node in file.declarations(ast.Parameter))
        instance = ModuleInstance(file, run, ModuleCall(given=given, scope=scope, is_root=True))
        run.scenarios = Scenarios(run, instance)
        collect(instance, frozenset())
        run.scenarios.add_variants(run.resources)
    except (InputError, RecursionError) as error:
        why = error.message if isinstance(error, InputError) else "the declarations are nested too deeply"
        run.not_whole("error", why, Location(path=file.path))
        skip_file(run, file, why)
    return _finish(run)


def _finish(run: BicepRun, used: str = "") -> BicepRead:
    """Return the results, and release everything: no expression can be evaluated afterwards."""
    sources = run.sources.items()
    found = run.done()
    return BicepRead(
        resources=_without_known_existing(found.resources),
        problems=found.problems,
        closed=found.closed,
        files=found.files,
        skipped=found.skipped,
        secrets=found.secrets,
        secret_texts=found.secret_texts,
        sources=run.sources,
        suppressions={path: file.parsed.suppressions for path, file in sources if file.parsed.suppressions},
        disabled={path: file.parsed.disabled for path, file in sources if file.parsed.disabled},
        used=used,
        parsed={path: file.parsed for path, file in sources},
        deployed=frozenset(run.deployed),
        secret_sources=partial(_secret_sources, run),
    )


def _secret_sources(run: BicepRun) -> Mapping[str, Collection[tuple[int, int]]]:
    """Return the spans from which the secrets of files are made, whichever resources were evaluated."""
    from azkvlint.readers.bicep.secret_sources import secret_sources  # most runs show no excerpt

    return secret_sources(run.sources.values(), partial(files.load, run))


def _without_known_existing(resources: dict[str, Resource]) -> dict[str, Resource]:
    """Return ``resources`` without those declared as existing that another one certainly deploys.

    References to such an ID then resolve to the resource that is deployed.
    """
    if not any(resource.existing for resource in resources.values()):
        return resources
    deployed: dict[str, list[frozenset[str]]] = {}
    for resource in resources.values():
        id_ = text_of(resource.select(("id",))).lower()
        if id_ and not resource.existing:
            deployed.setdefault(id_, []).append(resource.conditions)
    return {
        address: resource
        for address, resource in resources.items()
        if not resource.existing
        or not any(
            conditions <= resource.conditions
            for conditions in deployed.get(text_of(resource.select(("id",))).lower(), ())
        )
    }


@with_recursion_limit
def read_bicepparam(
    path: str,
    file: str,
    root: str,
    text: str,
    required: RequiredAttributes,
    cache: ModuleCache,
    unit: UnitWork | None = None,
) -> BicepRead:
    """Read the file that a parameter file is for, with its values. See ``read_bicep``."""
    run = BicepRun(path, text, required, cache, root, unit)
    parsed = cache.parse(path, real_path(file) if file else "", text)
    try:
        values = _values(run, parsed, (parsed.file,))
        using = next(parsed.declarations(ast.Using), None)
        if using is not None and using.path is not None:
            return _read_using(run, values, using.path)
    except InputError as error:
        run.not_whole("error", error.message, Location(path=path))
    return _finish(run)


def _values(run: BicepRun, file: File, chain: tuple[str, ...]) -> ParameterFile:
    """Return the values of a parameter file and of those that it extends."""
    instance = ModuleInstance(file, run, ModuleCall(given={}, scope=Scope()))
    base: ParameterFile | None = None
    for node in file.declarations(ast.Extends):
        path = node.path.value if isinstance(node.path, ast.Literal) else ""
        try:
            base = _extended_file(run, file, str(path), chain)
        except InputError as error:
            run.unreadable(f"parameter file `{path}` cannot be read: {error.message}", instance.place(node))
    return ParameterFile(instance, base)


def _extended_file(run: BicepRun, file: File, path: str, chain: tuple[str, ...]) -> ParameterFile:
    """Return the values of the parameter file at ``path``. Raises InputError if it cannot be read."""
    found = files.load(run, file.file, path)
    if found.file in chain or len(chain) > _MAX_EXTENDED:
        raise InputError("the file extends itself or too many others")
    return _values(run, found, (*chain, found.file))


def _read_using(run: BicepRun, values: ParameterFile, node: ast.Expression) -> BicepRead:
    """Read the file or module that ``using`` names."""
    instance = values.instance
    at = instance.place(node)
    path = node.value if isinstance(node, ast.Literal) else None
    if not isinstance(path, str):
        run.unreadable("the path in `using` must be a string without expressions", at)
        return _finish(run)
    try:
        return _read_used(run, values, path, at)
    except InputError as error:
        run.unreadable(f"`{path}`, named in `using`, cannot be read: {error.message}", at)
        return _finish(run)


def _read_used(run: BicepRun, values: ParameterFile, path: str, at: Location) -> BicepRead:
    """Read the file or module that ``path`` names. Raises InputError if it cannot be read."""
    instance = values.instance
    if files.is_remote(path):
        _, template = files.artifact(run, instance.file.file, path)
        if template is None:
            files.report_missing(run, path, at)
            return _finish(run)
        return _read_used_template(run, values, template_in(run, template), path, at)
    file = files.find(run, instance.file.file, path)
    if path.lower().endswith(JSON):
        return _read_used_template(run, values, template_in(run, file), reported_path(run.root, file), None, file)
    read = _read_root(run, files.load(run, instance.file.file, path), values)
    read.used = file
    return read


def _read_used_template(
    run: BicepRun, values: ParameterFile, document: Document, path: str, at: Location | None, used: str = ""
) -> BicepRead:
    """Read a compiled template. ``at``: the location of all of it, if it is outside the project."""
    read = read_template(path, document, run.attribute_filter.required, values.all_values(), unit=run.unit)
    resources = read.resources
    if at is not None:
        shown = StatementLocations(path, at)
        resources = {address: shown.resource(resource, ()) for address, resource in resources.items()}
    else:
        run.files.update(read.files)
    run.resources.update(resources)
    run.budget.secrets.texts |= read.secret_texts
    run.problems += [problem if at is None else shown.problem(problem) for problem in read.problems]
    run.closed = run.closed and read.closed
    return _finish(run, used)
