"""Collect the resources of one world of a root module that rules require, and account for all others."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import msgspec

from azkvlint.azure.azurerm.argument_versions import unsupported_arguments, with_unsupported
from azkvlint.azure.azurerm.azapi import (
    AZAPI,
    AZAPI_ACTION,
    AZAPI_UPDATE,
    LEVELS,
    METHOD,
    POLICY_DEFINITIONS,
    action_level,
    has_attributes,
    unknown_type_message,
    unsupported_message,
)
from azkvlint.azure.azurerm.providers import PROVIDER_TYPE
from azkvlint.azure.azurerm.resources import RESOURCES, canonical, is_vault_related, name_of, unmapped_type_message
from azkvlint.derived.hsm import CERTIFICATES, IS_SHARE
from azkvlint.evaluation.budget import DECLARATIONS_A_STEP
from azkvlint.evaluation.reads import NO_INPUTS, inputs_of
from azkvlint.evaluation.values import Items, Result
from azkvlint.graph.changes import with_open_fields
from azkvlint.graph.pseudo_resources import (
    ARGUMENT_TYPE,
    MODULE_TYPE,
    OUTPUT_TYPE,
    READ_TYPE,
    TRACED_TYPES,
    requires_order,
    requires_origins,
    with_derived,
)
from azkvlint.model.finding import INPUT_UNREADABLE, TYPE_UNKNOWN
from azkvlint.model.finding import Declaration as DeclarationOfReport
from azkvlint.model.location import Location, static_address
from azkvlint.model.resource import ACCOUNTED, Resource
from azkvlint.model.value import Absent, MapValue, Origin, Path, Scalar, Unknown, Value
from azkvlint.readers.argument_map import freeze
from azkvlint.readers.modules.collected import CollectedResources
from azkvlint.readers.modules.run import EVERY_INPUT
from azkvlint.readers.modules.template_holders import HOLDERS, STACKS
from azkvlint.readers.terraform import templates
from azkvlint.readers.terraform.folder import Folder, TerraformDeclaration
from azkvlint.readers.terraform.lifecycle import (
    IGNORED_CHANGES,
    PREVENT_DESTROY,
    ApplyOrder,
    declares_role_assignments,
    imported_addresses,
    is_protected,
    lifecycle_of,
    moved_addresses,
    removed_resources,
)
from azkvlint.readers.terraform.module_evaluation import (
    ModuleCallSymbol,
    TerraformModuleInstance,
    trace_existence,
    trace_sources,
)
from azkvlint.readers.terraform.origins import (
    exposing_argument_resources,
    holds_secrets,
    module_calls,
    outputs_of,
    readings,
    with_origins,
)
from azkvlint.readers.terraform.providers import provider_of, provider_resources
from azkvlint.readers.terraform.resource_symbols import (
    TerraformResourceEntity,
    TerraformResourceSymbol,
    TerraformSymbol,
)
from azkvlint.readers.terraform.run import Stub, TerraformRun
from azkvlint.readers.terraform.sources import KnownModule
from azkvlint.syntax import ast
from azkvlint.util.lazy_regex import regex
from azkvlint.util.text import pluralize

_KEY_VAULT = "Microsoft.KeyVault/"
# What may say anything where it is only read. Of all other types only the name and the id are of interest then.
_LEFT_OPEN = ("Microsoft.KeyVault/", "Microsoft.Authorization/")
_LIFECYCLE: tuple[Path, ...] = ((), ("derived", PREVENT_DESTROY), ("derived", IGNORED_CHANGES))


# What may change other resources, or deploy those of a template.
_APART = frozenset({AZAPI_UPDATE, AZAPI_ACTION, *LEVELS, *POLICY_DEFINITIONS})
# The meta-arguments of declarations, which are not arguments of the resource or module.
_META_ARGUMENTS = frozenset({"source", "version", "count", "for_each", "providers", "provider", "depends_on"})


class ResourceCollector(CollectedResources):
    """Collects the resources of one root module in ``run``.

    ``within`` and ``base``: see the base class.
    """

    base: ResourceCollector | None

    def __init__(
        self,
        run: TerraformRun,
        folder: Folder,
        within: Collection[str] = (),
        base: ResourceCollector | None = None,
    ) -> None:
        super().__init__(within, base)
        self.run = run
        # The resources that updates change, without these changes: other worlds may have other updates.
        self.without_updates: dict[str, Resource] = {}
        self.unnamed: dict[str, TerraformResourceEntity] = {}
        self.updates: list[tuple[TerraformResourceEntity, frozenset[str]]] = []
        # What a declaration waits for, and whether any argument may be a secret, is the same in all worlds.
        self.shows_secrets: bool = base is not None and base.shows_secrets
        self.order: ApplyOrder | None = None if base is None else base.order
        if base is None:
            self._look_into(folder)
        self.origins_of = {type_: requires_origins(run.required, type_) for type_ in TRACED_TYPES}
        self.lifecycles: dict[str, bool] = {}
        self.shares: set[str] = set() if base is None else set(base.shares)
        # Folders of modules, and of those that they call, that have been accounted for as not evaluated.
        self.skipped: set[tuple[str, str]] = set()
        # By the identity of folders, which the cache of the run keeps.
        self.written: dict[int, tuple[int, int]] = {}

    def _look_into(self, folder: Folder) -> None:
        required = self.run.required
        reached, _ = self.run.cache.reached(folder, self.run.root)
        self.shows_secrets = required.names(ARGUMENT_TYPE) and any(map(holds_secrets, reached))
        if requires_order(required) and any(map(declares_role_assignments, reached)):
            self.order = ApplyOrder()

    def lower(self, instance: TerraformModuleInstance, conditions: frozenset[str]) -> None:
        """Add the resources of a module and of the modules that it calls."""
        run, folder = self.run, instance.folder
        self._report_refused(instance)
        self._expect(instance)
        if not self._is_read(folder):
            return
        self._add_pseudo_resources(instance)
        if self.base is not None and self.shows_secrets:
            self.put_off(partial(_with_callers, instance, exposing_argument_resources(instance)))
        run.resources.update((gone.address, gone) for gone in removed_resources(instance))
        run.moved.update(moved_addresses(instance))
        run.imported.update(imported_addresses(instance))
        for local in folder.resources:
            if self.share(run, instance.prefix + local):
                continue
            symbol = instance.resource(local)
            if symbol is not None and not local.startswith("ephemeral."):
                self._lower_resource(symbol, conditions)
        for name in folder.modules:
            if self.share(run, f"{instance.prefix}module.{name}"):
                continue
            call = instance.module(name)
            if call is not None:
                self._lower_module(call, conditions)

    def lower_changed(self, root: TerraformModuleInstance) -> None:
        """Add the resources of the root module that read an input that differs; all others are those of ``base``."""
        base = self.base
        if base is None or not base.collected:
            self.lower(root, frozenset())
            return
        keys = base.readers_of(self.run.changed)
        for key in keys:
            self.gone.update(base.collected[key].resources)
        if not {root.prefix, _providers_of(root)}.isdisjoint(keys):
            self._add_pseudo_resources(root)
        for key in keys:
            call = root.module(key.removeprefix("module."))
            symbol = root.resource(key)
            if symbol is not None:
                self._lower_resource(symbol, frozenset())
            elif call is not None:
                self._lower_module(call, frozenset())

    def is_of_root(self, key: str) -> bool:
        """See the base class."""
        return key.count(".") < 2 or (key.startswith("data.") and key.count(".") == 2)

    def shared_resources(self) -> Mapping[str, Resource]:
        """See the base class."""
        own = self.run.resources
        return ChainMap(self.without_updates, own) if self.without_updates else own

    def resources(self) -> Mapping[str, Resource]:
        """Return all resources, those of the base world included that are the same."""
        return self.in_world(self.run)

    def _expect(self, instance: TerraformModuleInstance) -> None:
        """Check the number of declarations in all instances of a module against the limits, before any is created."""
        run, folder, copies = self.run, instance.folder, instance.call.copies
        run.budget.spend((len(folder.resources) + len(folder.modules)) // DECLARATIONS_A_STEP)
        resources, modules = self._written(folder)
        run.expect(resources * copies, modules * copies)

    def _written(self, folder: Folder) -> tuple[int, int]:
        """Return how many resources and module instances a module declares, as far as the counts are literals."""
        found = self.written.get(id(folder))
        if found is None:
            declared = folder.resources.values()
            types = {type_ for type_ in {one.type for one in declared} if self.run.cache.is_required(type_)}
            resources = sum(one.literal_count for one in declared if one.type in types)
            modules = sum(one.literal_count for one in folder.modules.values())
            found = self.written[id(folder)] = resources, modules
        return found

    def _is_read(self, folder: Folder) -> bool:
        """Return whether a module has anything to evaluate: any resource may expose a secret passed to it."""
        return self.shows_secrets or self.run.cache.matters(folder, self.run.root)

    def _add_pseudo_resources(self, instance: TerraformModuleInstance) -> None:
        if self.run.required.paths_of(PROVIDER_TYPE) is not None:
            self._add_made(_providers_of(instance), lambda: list(provider_resources(instance)))
        self._add_made(instance.prefix, lambda: list(_with_callers(instance, self._pseudo_resources(instance))))

    def _add_made(self, key: str, make: Callable[[], list[Resource]]) -> None:
        if not self.share(self.run, key):
            made, read = self.run.recorder.of(make)
            self.keep_made(self.run, key, made, inputs_of(read))

    def _record(self, symbol: TerraformSymbol[Any], lower: Callable[[], None]) -> None:
        """Lower a declaration, and record what it consists of and what that reads."""
        is_apart = symbol.declaration.type in _APART and not symbol.is_call
        more = frozenset((EVERY_INPUT,)) if is_apart else NO_INPUTS
        made = self.record(self.run, symbol.address, lower, more)
        if made is not None:
            self.collected[symbol.address] = made

    def _pseudo_resources(self, instance: TerraformModuleInstance) -> Iterator[Resource]:
        """Yield the pseudo resources that rules require; those of a foreign module cannot be changed by its caller."""
        required, mine = self.run.required, instance.call.shown is None
        # Outputs of a module that others call are their values, and as secret as they are.
        if not instance.prefix and self.run.closed and required.names(OUTPUT_TYPE):
            yield from outputs_of(instance)
        if self.shows_secrets and self.base is None:  # see above for other worlds
            yield from exposing_argument_resources(instance)
        if mine and required.names(MODULE_TYPE):
            yield from module_calls(instance)
        if mine and required.names(READ_TYPE):
            yield from readings(instance)

    def _report_refused(self, instance: TerraformModuleInstance) -> None:
        """Report the blocks that Terraform would not take."""
        run, folder = self.run, instance.folder
        for part in folder.duplicates:
            text = f"`{'.'.join(part.block.labels)}` is declared twice"
            run.problem(INPUT_UNREADABLE, "error", text, instance.locate(part))
        for part in folder.misfits:
            block = part.block
            text = f"Terraform does not support a block `{block.type}` with {pluralize(len(block.labels), 'label')}"
            run.problem(INPUT_UNREADABLE, "error", text, instance.locate(part))

    def _lower_resource(self, symbol: TerraformResourceSymbol, conditions: frozenset[str]) -> None:
        if self.run.cache.is_required(symbol.type):
            self.run.recorder.declaration(symbol.address, partial(trace_existence, symbol))
            self._record(symbol, partial(self._lower_declared, symbol, conditions))
        elif not symbol.is_data and is_vault_related(symbol.type):
            self.run.type_not_known("error", unmapped_type_message(symbol.type), symbol.at)

    def _lower_declared(self, symbol: TerraformResourceSymbol | ModuleCallSymbol, conditions: frozenset[str]) -> None:
        if not symbol.instances:
            self._keep_head(symbol, is_call=symbol.is_call)
            self.note_absence(symbol)
            return
        is_data = isinstance(symbol, TerraformResourceSymbol) and symbol.is_data
        is_unknown = not is_data and symbol.is_there() is None
        lower = self._lower_instances if isinstance(symbol, TerraformResourceSymbol) else self._lower_uses
        self.inside(self.run, symbol, partial(lower, symbol, conditions), is_unknown=is_unknown)  # type: ignore[arg-type]  # each of its kind

    def _lower_instances(self, symbol: TerraformResourceSymbol, conditions: frozenset[str]) -> None:
        for entity in symbol.instances:
            self._add(entity, conditions | entity.conditions)

    def made_by(self, symbol: TerraformResourceSymbol | ModuleCallSymbol) -> list[str]:
        """Return the addresses of the resources of a declaration, collected now if they were not."""
        found = self.created.get(symbol.address)
        if found is None:
            resources = self.run.resources
            if isinstance(symbol, TerraformResourceSymbol):
                found = [one.address for one in symbol.instances if one.address in resources]
            else:
                inside = tuple(f"{one.address}." for one in symbol.instances)
                found = [address for address in resources if address.startswith(inside)]
        if not found:
            self._around.append(symbol.address)
            try:
                self._lower_declared(symbol, frozenset())
            finally:
                self._around.pop()
            found = self.created.get(symbol.address, [])
        return [*found, *self.added_later(self.run, symbol.address)]

    def may_have_results(self, symbol: TerraformResourceSymbol | ModuleCallSymbol) -> bool:
        """Return whether a result may depend on a declaration, if only as a companion; of data sources, on a vault."""
        if isinstance(symbol, ModuleCallSymbol) or not symbol.is_data:
            return True
        mapped = RESOURCES.get(symbol.type)
        return mapped is not None and mapped.type.startswith(_KEY_VAULT)

    def skip(self, symbol: TerraformResourceSymbol | ModuleCallSymbol, reason: str) -> None:
        """Account for a declaration that is not evaluated, in files that its owner edits."""
        if symbol.instance.call.shown is not None:
            return
        if isinstance(symbol, TerraformResourceSymbol):
            if _is_accounted(symbol.declaration):
                self._skip(symbol.declaration, symbol.address, reason)
            return
        source = symbol.source
        if source is None or source.is_foreign or (source.folder.path, source.folder.directory) in self.skipped:
            return
        self.skip_folder(source.folder, f"`{static_address(symbol.address)}` is not called: {reason}")

    def skip_folder(self, folder: Folder, reason: str) -> None:
        """Account for all that a module, and the modules that it calls, would deploy. What is evaluated stays so."""
        reached = self.run.cache.reached(folder, self.run.root)[0]
        self.skipped.update((each.path, each.directory) for each in reached)
        found = [one for each in reached for one in each.resources.values() if _is_accounted(one)]
        for file in (file for each in reached for file in each.files) if found else ():
            self.run.files.setdefault(file.path, file.parsed.text)
        for declaration in found:
            self._skip(declaration, declaration.local, reason)

    def _skip(self, declaration: TerraformDeclaration, address: str, reason: str) -> None:
        block = declaration.block
        self.run.skip(
            DeclarationOfReport(
                address=static_address(address), type=azure_type(declaration),
                declared_as=declaration.local.partition(".")[0],
                at=Location(path=declaration.path, span=(block.start, block.head)), reason=reason,
            )
        )  # fmt: skip

    def has_absence(self, instance: TerraformModuleInstance) -> bool:
        """Return whether a module, or one that it calls, has a declaration that may have no instances."""
        if not self._is_read(instance.folder):
            return False
        for local, declaration in instance.folder.resources.items():
            is_read = self.run.cache.is_required(declaration.type) and not local.startswith("ephemeral.")
            symbol = instance.resource(local) if is_read else None
            if symbol is not None and symbol.is_there() is not True:
                return True
        for name in instance.folder.modules:
            call = instance.module(name)
            source = call.source if call is not None else None
            if call is None or source is None or not self._is_read(source.folder):
                continue
            contents = [use.content for use in call.instances]
            if call.is_there() is not True or any(one is not None and self.has_absence(one) for one in contents):
                return True
        return False

    def _lower_module(self, call: ModuleCallSymbol, conditions: frozenset[str]) -> None:
        source = call.source
        if source is None or source.is_foreign:
            self._keep_head(call, is_call=True)
        if source is None:
            shares, read = self.run.recorder.of(lambda: set(share_certificates(call)))
            self.shares.update(shares)
            self.keep_made(self.run, call.address, (), inputs_of(read))
        if source is None or not self._is_read(source.folder):
            return
        self.run.recorder.declaration(call.address, partial(trace_existence, call))
        self._record(call, partial(self._lower_declared, call, conditions))

    def _lower_uses(self, call: ModuleCallSymbol, conditions: frozenset[str]) -> None:
        for use in call.instances:
            if use.content is not None:
                self.lower(use.content, conditions | use.conditions)

    def _keep_head(self, symbol: TerraformSymbol[Any], is_call: bool) -> None:
        if symbol.instance.call.shown is None:
            self.run.stubs[static_address(symbol.address)] = _stub(symbol, is_call)

    def _add(self, entity: TerraformResourceEntity, conditions: frozenset[str]) -> None:
        self.run.recorder.begin(partial(_trace_existence, entity))
        if entity.instance.prefix:
            self.run.recorder.attribute((), self.run.recorder.of(trace_sources, entity.instance)[1])
        if entity.type in AZAPI:
            self._add_azapi(entity, conditions)
            return
        if entity.type in LEVELS:
            if not entity.symbol.is_data:
                from azkvlint.readers.terraform.templates import add_deployment  # most modules deploy no templates

                add_deployment(entity, conditions)
            return
        if entity.type in POLICY_DEFINITIONS:
            if not entity.symbol.is_data:
                from azkvlint.readers.terraform.templates import add_policy

                add_policy(entity, conditions)
            return
        lowering = self.run.cache.argument_map(entity.type)
        if lowering is None:
            return
        is_read = entity.symbol.is_data
        attributes = freeze(lowering.attributes(entity.content, self.run.links, self.run.version, is_read), entity.at)
        if is_read and lowering.type.startswith(_LEFT_OPEN):
            why = f"`{entity.address}` is read from Azure"
            attributes = with_open_fields(attributes, Unknown(at=entity.at, why=why))
        elif lowering.requires_unsupported and not isinstance(entity.instance.folder, KnownModule):
            dead = unsupported_arguments(entity.type, entity.symbol.declaration.arguments, self.run.version, entity.at)
            attributes = with_unsupported(attributes, dead)
        if self.order is not None and not is_read:
            attributes = self.order.with_order(entity, attributes)
        self._keep(entity, lowering.type, attributes, conditions)

    def _add_azapi(self, entity: TerraformResourceEntity, conditions: frozenset[str]) -> None:
        if entity.type == AZAPI_UPDATE:
            self._add_update(entity, conditions)
            return
        if entity.type == AZAPI_ACTION:
            if not entity.symbol.is_data:
                self._report_action(entity)
            return
        named = entity.azapi_type()
        if named is None:
            self._unknown_type(entity)
            return
        type_ = canonical(named[0]) or named[0]
        if type_.lower() in HOLDERS and not entity.symbol.is_data:
            from azkvlint.readers.terraform.templates import add_held

            self.read_around((EVERY_INPUT,))
            add_held(entity, type_.lower(), conditions)
            if type_.lower() == STACKS and self.run.required.paths_of(type_) is not None:
                entity.azure_type = type_
                self._keep(entity, type_, templates.attributes(entity, type_, named[1]), conditions)
        elif has_attributes(type_, entity.type) and self.run.required.paths_of(type_) is not None:
            entity.azure_type = type_
            self._keep(entity, type_, templates.attributes(entity, type_, named[1]), conditions)
        elif text := unknown_type_message(type_, entity.type):
            self.run.type_not_known("error", text, entity.at)

    def _report_action(self, entity: TerraformResourceEntity) -> None:
        """Report an action on Key Vault, or one that may create a vault."""
        level = action_level(templates.plain_argument(entity, METHOD))
        if templates.is_key_vault(entity):
            self.run.type_not_known(level, unsupported_message(entity.type), entity.at)
        elif entity.azapi_type() is None and level == "error":
            self._unknown_type(entity)

    def _unknown_type(self, entity: TerraformResourceEntity) -> None:
        """Report a resource of unknown type, which may be a vault; a warning if it may not exist at all."""
        self.run.leave_out_azure_resource()
        text = f"the type of `{entity.address}` is unknown, so the resource was not evaluated"
        self.run.type_not_known("warning" if entity.conditions else "error", text, entity.at)

    def _add_update(self, entity: TerraformResourceEntity, conditions: frozenset[str]) -> None:
        changed = entity.azapi_type()
        if changed is None:
            self._unknown_type(entity)
        elif self.run.required.paths_of(changed[0]) is not None:
            alone = templates.standalone_update(entity)
            if alone is not None:
                self._keep(entity, *alone, conditions)
            else:
                self.updates.append((entity, conditions))

    def _keep(
        self, entity: TerraformResourceEntity, type_: str, attributes: MapValue, conditions: frozenset[str]
    ) -> None:
        instance, symbol = entity.instance, entity.symbol
        if self.origins_of.get(type_.lower()) and not symbol.is_data:
            attributes = with_origins(entity, attributes)
        fields: dict[str, Value] = dict(attributes.fields)
        pattern, id_read = self.run.recorder.of(entity.id_pattern)
        self.run.recorder.attribute(("id",), id_read)
        if pattern:
            fields["id"] = entity.text_id()
        if entity.type not in AZAPI:
            fields["provider"] = provider_of(instance, symbol.declaration, entity.at)
        if symbol.is_data:
            read = Scalar(at=entity.at, value="read", origin=Origin.DERIVED, note="the declaration is a data source")
            fields["derived"] = MapValue(at=entity.at, fields={"plannedAction": read})
        elif self._requires_lifecycle(type_):
            have = fields.get("derived")
            derived = have.fields if isinstance(have, MapValue) else {}
            fields["derived"] = MapValue(
                at=entity.at, fields={**derived, **lifecycle_of(entity)}, origin=Origin.DERIVED
            )
        given = fields.get("name")
        is_null = given is None and self._within and isinstance(entity.content.attribute("name"), Absent)
        if is_null or (isinstance(given, Scalar) and given.text == ""):
            self.unnamed[entity.address] = entity
        name, known = name_of(fields.get("name"), symbol.declaration.local), fields.get("name")
        self.run.count_characters(len(name))
        self.run.recorder.keep(entity.address)
        self.run.resources[entity.address] = Resource(
            address=entity.address,
            type=type_,
            name=name,
            attributes=MapValue(at=entity.at, fields=fields, rest=attributes.rest),
            at=entity.at,
            declared_as=entity.type,
            action="read" if symbol.is_data else None,
            existing=symbol.is_data,
            conditions=conditions,
            callers=instance.call.callers,
            # A name is not compared with IDs, so its attribute has no pattern.
            name_pattern=entity.text("name") if isinstance(known, Unknown) and known.pattern is None else "",
        )

    def _requires_lifecycle(self, type_: str) -> bool:
        found = self.lifecycles.get(type_)
        if found is None:
            paths = self.run.required.paths_of(type_) or frozenset()
            found = self.lifecycles[type_] = any(path in paths for path in _LIFECYCLE)
        return found

    def finish(self) -> None:
        """Apply azapi updates, and mark the certificates that missing modules receive for security domains."""
        if not self.shares and not self.updates:
            return
        before = self.resources()
        resources = dict(before)
        resources.update((share.address, share) for share in with_shares(resources, self.shares))
        for update, conditions in self.updates:
            self.run.recorder.begin(partial(_trace_existence, update))
            if not templates.overlay_update(update, conditions, resources) and templates.is_key_vault(update):
                text = f"the target of {AZAPI_UPDATE} is not declared here, so the resource was not evaluated"
                self.run.problem(TYPE_UNKNOWN, "warning", text, update.at)
            self.run.recorder.change(partial(templates.possible_targets, update, resources))
        for address, one in resources.items():
            known = before.get(address)
            if one is not known:
                self.run.resources[address] = one
                if known is not None:
                    self.without_updates[address] = known


def _with_callers(instance: TerraformModuleInstance, resources: Iterable[Resource]) -> Iterator[Resource]:
    """Yield resources with the module calls that lead to them."""
    callers = instance.call.callers
    for resource in resources:
        yield msgspec.structs.replace(resource, callers=callers) if callers else resource


def _providers_of(instance: TerraformModuleInstance) -> str:
    """Return the key of the providers of a module."""
    return f"{instance.prefix}provider"


def _trace_existence(entity: TerraformResourceEntity) -> None:
    """Evaluate again what decides whether a resource exists, and of which type it is."""
    trace_existence(entity.symbol)
    if entity.type in AZAPI:
        entity.azapi_type()


def _stub(symbol: TerraformSymbol[Any], is_call: bool) -> Stub:
    """Return the head of a resource or a module call."""
    instance = symbol.instance
    arguments = {
        name: instance.locate(piece)
        for name, piece in symbol.declaration.attributes.items()
        if name not in _META_ARGUMENTS
    }
    callers = (*instance.call.callers, symbol.at) if is_call else instance.call.callers
    return Stub(
        at=symbol.at,
        arguments=arguments,
        callers=callers,
        is_call=is_call,
        prevents_destroy=not is_call and is_protected(symbol.declaration),
        is_missing=isinstance(symbol, ModuleCallSymbol) and symbol.source is None,
    )


def _is_accounted(declaration: TerraformDeclaration) -> bool:
    """Return whether reports account for a declaration."""
    return azure_type(declaration).lower() in ACCOUNTED


def azure_type(declaration: TerraformDeclaration) -> str:
    """Return the Azure type of a declaration as written; empty if it has none."""
    terraform = declaration.local.partition(".")[0]  # "data" has no type
    mapped = RESOURCES.get(terraform)
    if mapped is not None:
        return mapped.type
    piece = declaration.attributes.get("type") if terraform in AZAPI else None
    node = piece.attribute.expression() if piece is not None else None
    written = str(node.value).partition("@")[0] if isinstance(node, ast.Literal) else ""
    return canonical(written) or written


# As the argument of azurerm for it is called, and those of modules after it.
_NAME = regex(r"(?:.*_)?security_domain_(?:.*_)?certificate(?:s|_ids|s_ids)?")


def share_certificates(call: ModuleCallSymbol) -> Iterator[str]:
    """Yield the addresses that a call passes to an argument for security domain certificates."""
    for name, piece in call.declaration.attributes.items():
        if _NAME.fullmatch(name):
            for use in call.instances:
                yield from _certain_targets(call.instance.evaluate(piece, use.step.local))


def with_shares(resources: Mapping[str, Resource], addresses: set[str]) -> Iterator[Resource]:
    """Yield the certificates among the addresses, each marked as one for a security domain share."""
    for address in addresses & resources.keys():
        found = resources[address]
        if found.type.lower() == CERTIFICATES:
            mark = Scalar(
                at=found.at, value=True, origin=Origin.DERIVED, note="a module argument configures a security domain"
            )
            yield msgspec.structs.replace(found, attributes=with_derived(found.attributes, {str(IS_SHARE[-1]): mark}))


def _certain_targets(found: Result | Any) -> Iterator[str]:
    """Yield the resources that a value certainly names, or all that are in a list."""
    if isinstance(found, Items):
        for item in found.items:
            yield from _certain_targets(item)
    elif isinstance(found, Unknown) and found.closed and len(found.candidates) == 1:
        yield found.candidates[0]
