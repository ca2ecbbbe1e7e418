"""Migrate from access policies to Azure RBAC: read the inputs, and plan the steps and the code for each root."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec

from azkvlint import __version__
from azkvlint.access.effects import DATA_WORDS
from azkvlint.access.holdings import Holding, Holdings
from azkvlint.access.principals import Principals
from azkvlint.azure.azurerm.arguments import is_terraform
from azkvlint.config.run_config import Config
from azkvlint.derived.access_policies import POLICY_LIST
from azkvlint.derived.build_graph import build_graph
from azkvlint.derived.companions import Sure
from azkvlint.derived.registry import Context
from azkvlint.graph.references import Index
from azkvlint.linter.access import (
    Cleaner,
    RootResult,
    attributes_of_matrix,
    evaluate_roots,
    places_in,
    refuse_unknown_names,
)
from azkvlint.linter.linter import exit_code_of
from azkvlint.linter.world_names import NamesByRoot
from azkvlint.migration.code import CodeBlocks, Generator, GroupKey, module_of
from azkvlint.migration.open_policies import completed
from azkvlint.migration.plan import REPLACED, Policy, VaultPolicies, Vaults, blocking, ordered, vaults_of
from azkvlint.migration.policy_source import MODEL_ARGUMENTS, PolicySources
from azkvlint.migration.scopes import GroupRoles, shared_assignments
from azkvlint.migration.waves import RULE, wave_of
from azkvlint.migration.written import BICEP, TERRAFORM, OpenPolicy
from azkvlint.model.access import Capability, origins_of
from azkvlint.model.location import Location, static_address
from azkvlint.model.migration import (
    GeneratedCode,
    MigrationReport,
    MigrationStep,
    OtherVault,
    PermissionChange,
    PolicyPlan,
    SharedAssignment,
    VaultPlan,
)
from azkvlint.model.pattern import has_holes
from azkvlint.model.resource import RequiredAttributes, Resource
from azkvlint.model.value import Answer, Link, ListValue, MapValue, Scalar, Value
from azkvlint.readers.read_result import ReadResult
from azkvlint.util.errors import UsageError
from azkvlint.util.text import pluralize, visible
from azkvlint.values.redaction import Redactor

LANGUAGES = (TERRAFORM, BICEP)
_ASSIGNMENTS, _DEFINITIONS = "Microsoft.Authorization/roleAssignments", "Microsoft.Authorization/roleDefinitions"
# The beginning of the addresses of generated resources, which no resource of an input has.
_NEW = "\0new "
# What to do if somebody has assigned a role outside of the code: in Terraform, and in Bicep.
_IN_TERRAFORM = (
    "If it fails with `RoleAssignmentExists`, the principal has the role already: add an `import` block with the"
    " address of the generated resource as `to` and the ID of that assignment as `id`, and deploy again. `az role"
    " assignment list --scope VAULT_ID` lists the IDs, which have the form"
    " `VAULT_ID/providers/Microsoft.Authorization/roleAssignments/GUID`."
)
_IN_BICEP = (
    "If it fails with `RoleAssignmentExists`, the principal has the role already: set the name of the generated"
    " resource to that of the assignment, and deploy again."
)
_WAIT = (
    "Wait until the role assignments are in effect, which can take several minutes, and verify them with `az role"
    " assignment list --scope VAULT_ID`. Send the audit logs of the vault to a Log Analytics workspace, and add an"
    " alert on responses with status 403."
)
_SWITCH_RIGHTS = (
    "This requires `Microsoft.KeyVault/vaults/write` and `Microsoft.Authorization/roleAssignments/write` without a"
    " condition."
)
# Source: learn.microsoft.com/azure/key-vault/general/access-control-default, and the changelog of azurerm.
_RETIRED = "because earlier API versions of Key Vault are retired on 2027-02-27."
_VERSION = f"Use azurerm 4.81.0 or later, {_RETIRED}"
_API_VERSION = f"Use API version 2026-02-01 or later, {_RETIRED}"
_COLUMNS = tuple(Capability(word, word, frozenset({word})) for word in sorted(DATA_WORDS))


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """What to migrate, by name (everything if there is none), and how.

    ``language`` is that of the generated code, empty for the language of the input. ``built_in_only``: no custom roles.
    """

    vaults: tuple[str, ...] = ()
    principals: tuple[str, ...] = ()
    language: str = ""
    built_in_only: bool = False


class _MigrationRoot(RootResult, kw_only=True):
    """The migration of one root, with the names of its principals and of all its vaults."""

    vaults: tuple[VaultPlan, ...]
    others: tuple[OtherVault, ...]
    code: tuple[CodeBlocks, ...]
    names: frozenset[str]
    vault_names: frozenset[str]
    activated: tuple[PermissionChange, ...]
    shared: tuple[SharedAssignment, ...]


def migrate(config: Config, choices: Choices) -> MigrationReport:
    """Return the plan of the migration. Raise UsageError if there is nothing to migrate."""
    required = attributes_of_matrix()
    planner = _Planner(required, choices)
    found = evaluate_roots(config, required, planner.plan, plans_replace=True)
    conflicts = planner.conflicts()
    if conflicts:
        found = evaluate_roots(config, required, _Planner(required, choices, conflicts).plan, plans_replace=True)
    if found.of_terraform:
        raise UsageError(
            f"'{visible(found.of_terraform[0][1].path)}' has other vaults or access policies for Terraform than for "
            "OpenTofu, which reads its .tofu files",
            "name the tool that deploys it: --tool terraform or --tool opentofu",
        )
    _name_origins(found.roots, found.worlds)
    if not any(problem.level == "error" for problem in found.problems):
        _refuse(choices, found.roots)
    chosen = [one.lower() for one in choices.vaults]
    return MigrationReport(
        vaults=tuple(
            vault for root in found.roots for vault in root.vaults if _is_named(vault.name, vault.address, chosen)
        ),
        others=tuple(
            vault for root in found.roots for vault in root.others if _is_named(vault.name, vault.address, chosen)
        ),
        code=tuple(_merged(code for root in found.roots for code in root.code)),
        activated=tuple(change for root in found.roots for change in root.activated),
        shared=tuple(one for root in found.roots for one in root.shared),
        problems=tuple(found.problems),
        sources=tuple(found.read),
        version=__version__,
        waves=RULE,
    )


def _name_origins(roots: Sequence[_MigrationRoot], worlds: NamesByRoot) -> None:
    """Add to each root what distinguishes its vaults from those of other roots and base worlds, and their waves."""
    names = {(one.path, one.world): worlds.get(one.path, {}).get(one.world, "") for one in roots}
    origins = origins_of(names)
    for root in roots:
        key = root.path, root.world
        own = {"world": root.world, "world_name": names[key], "origin": origins[key]}
        vaults = [msgspec.structs.replace(vault, **own) for vault in root.vaults]
        root.vaults = tuple(msgspec.structs.replace(vault, wave=wave_of(vault)) for vault in vaults)
        root.others = tuple(msgspec.structs.replace(vault, root=root.path, **own) for vault in root.others)
        root.activated = tuple(msgspec.structs.replace(one, origin=origins[key]) for one in root.activated)
        labels = [tuple(f"{name}{origins[key]}" for name in one.vaults) for one in root.shared]
        root.shared = tuple(map(_with_vaults, root.shared, labels))


def _with_vaults(shared: SharedAssignment, vaults: tuple[str, ...]) -> SharedAssignment:
    return msgspec.structs.replace(shared, vaults=vaults)


def _merged(code: Iterable[CodeBlocks]) -> Iterator[GeneratedCode]:
    """Yield the code for each place: several roots may share a module, whose declarations are generated once.

    Code that stands alone is generated once for roots with equal code, such as a template with several parameter files.
    """
    texts: dict[tuple[str, str], dict[str, str]] = {}
    vaults: dict[tuple[str, str], dict[str, None]] = {}
    for one in code:
        # The comment names an address of one root.
        bare = ["\n".join(line for line in text.splitlines() if not line.startswith(("#", "//"))) for text in one.texts]
        place = one.path or f" {bare}", one.language
        for key, text in zip(bare, one.texts, strict=True):
            texts.setdefault(place, {}).setdefault(key, text)
        vaults.setdefault(place, {}).update(dict.fromkeys(one.vaults))
    for (path, language), parts in texts.items():
        own = "" if path.startswith(" ") else path
        text = "\n".join(parts.values())
        yield GeneratedCode(path=own, language=language, text=text, vaults=tuple(vaults[path, language]))


def exit_code(report: MigrationReport) -> int:
    """Return the exit code: 3 if an input could not be read."""
    return exit_code_of(report.sources, report.problems, has_findings=False)


def _is_named(name: str, address: str, names: Sequence[str]) -> bool:
    """Return whether a vault is one of the names in lower case; any vault is without names."""
    return not names or name.lower() in names or address.lower() in names


def _refuse(choices: Choices, roots: Sequence[_MigrationRoot]) -> None:
    """Raise UsageError for names that no input has, and for inputs without a vault to migrate."""
    every = {name for root in roots for name in root.vault_names}
    if not every:
        raise UsageError("the input has no key vault")
    refuse_unknown_names("--vault", "key vault", choices.vaults, every)
    names = {name for root in roots for name in root.names}
    refuse_unknown_names("--principal", "access policy for principal", choices.principals, names)
    chosen = [name.lower() for name in choices.vaults]
    if any(_is_named(one.name, one.address, chosen) for root in roots for one in root.vaults):
        return
    others = [vault for root in roots for vault in root.others if _is_named(vault.name, vault.address, chosen)]
    unknown = next((vault for vault in others if vault.reason), None)
    if unknown is not None:
        raise UsageError(
            f"the permission model of {unknown.address}{unknown.origin} is unknown: {unknown.reason}",
            "set its variable with --var or --parameters",
        )
    listed = ", ".join(f"{vault.address}{vault.origin}" for vault in others[:5])
    more = f" and {len(others) - 5} more" if len(others) > 5 else ""
    verb = "uses" if len(others) == 1 else "use"
    raise UsageError(f"{listed}{more} already {verb} Azure RBAC", "there are no access policies to migrate")


class _Planner:
    """Plans the migration of each root. ``conflicts`` are policies in modules that roots use with other permissions."""

    def __init__(
        self, required: RequiredAttributes, choices: Choices, conflicts: frozenset[GroupKey] = frozenset()
    ) -> None:
        self._required, self._choices, self._conflicts = required, choices, conflicts
        self._module_roles: dict[GroupKey, list[object]] = {}

    def conflicts(self) -> frozenset[GroupKey]:
        """Return the policies in modules for which the roots require different code."""
        return frozenset(key for key, found in self._module_roles.items() if any(one != found[0] for one in found))

    def plan(self, read: ReadResult, source: ReadResult | None, folder: str) -> _MigrationRoot | None:
        """Return the migration of a root; None if the root has no vaults."""
        sources = PolicySources(folder)
        resources, opened = completed(_resources_of(read), sources)
        context = self._context(resources, read)
        principals = Principals(context)
        places = _PolicyPlaces(source)

        def indexed(policy: Resource) -> str:
            name = sources.indexed_vault(places.resource(policy).at)
            return f"{module_of(policy)}{name}" if name else ""

        vaults = vaults_of(context, principals, indexed, built_in_only=self._choices.built_in_only)
        if not (vaults.to_migrate or vaults.migrated or vaults.unknown):
            return None
        _name_opened(vaults, opened)
        redactor = Redactor(read.secret_texts())
        names = frozenset(
            redactor.text(name) for _, own in vaults.to_migrate for one in own for name in (one.label, one.key) if name
        )
        code, shared = self._generate(vaults, context, sources, places, redactor)
        ats = [vault.at for vault, _ in vaults.to_migrate] + [one.at for _, own in vaults.to_migrate for one in own]
        ats += [vault.at for vault in vaults.migrated] + [vault.at for vault, _ in vaults.unknown]
        clean = Cleaner(redactor, read.locate(ats), places_in(source))
        check = _Check(
            self, read, resources, context, [(vault, self._selected(own)) for vault, own in self._chosen(vaults)]
        )
        writer = _Writer(clean, read, code, sources, places, self._choices)
        return _MigrationRoot(
            path=read.path,
            source="" if source is None else source.path,
            world=read.world,
            vaults=tuple(
                writer.vault(vault, own, self._selected(own), check) for vault, own in self._chosen(vaults)
            ),
            others=tuple(writer.others(vaults)),
            code=code,
            names=names,
            activated=tuple(map(writer.change, check.activated)),
            shared=tuple(map(writer.shared, shared)),
            vault_names=frozenset(
                clean.text(name)
                for vault in [
                    *(one.vault for one in vaults.to_migrate), *vaults.migrated, *(one for one, _ in vaults.unknown),
                ]
                for name in (vault.name, vault.address)
            ),
        )  # fmt: skip

    def _context(self, resources: Mapping[str, Resource], read: ReadResult) -> Context:
        graph = build_graph(resources, self._required, read.is_complete)
        today = self._required.today
        if today is None:
            raise LookupError("today")  # attributes_of_matrix sets it
        return Context(Index(dict(graph.resources)), today, {}, read.is_complete)

    def context(self, resources: Mapping[str, Resource], read: ReadResult) -> Context:
        """Return the context of other resources of the same root."""
        return self._context(resources, read)

    def _chosen(self, vaults: Vaults) -> list[VaultPolicies]:
        names = [name.lower() for name in self._choices.vaults]
        return [one for one in vaults.to_migrate if _is_named(one.vault.name, one.vault.address, names)]

    def _selected(self, policies: Iterable[Policy]) -> list[Policy]:
        names = {name.lower() for name in self._choices.principals}
        return [one for one in policies if not names or not names.isdisjoint({one.label.lower(), one.key.lower()})]

    def _generate(
        self, vaults: Vaults, context: Context, sources: PolicySources, places: _PolicyPlaces, redactor: Redactor
    ) -> tuple[tuple[CodeBlocks, ...], list[GroupRoles]]:
        language = self._choices.language
        if not language:
            is_bicep = all("/" in vault.declared_as for vault, _ in vaults.to_migrate)
            language = BICEP if is_bicep else TERRAFORM
        names = [name.lower() for name in self._choices.vaults]
        selected = {id(one) for _, own in vaults.to_migrate for one in self._selected(own)}
        generator = Generator(context, sources, places, language, redactor.text, self._conflicts)
        code = generator.generate(
            vaults.to_migrate,
            lambda vault, policy: _is_named(vault.name, vault.address, names) and id(policy) in selected,
        )
        for key, roles in generator.module_roles.items():
            self._module_roles.setdefault(key, []).append(roles)
        chosen = [VaultPolicies(vault, self._selected(own)) for vault, own in self._chosen(vaults)]
        return code, list(shared_assignments(context, chosen, generator))


def _name_opened(vaults: Vaults, opened: Mapping[int, OpenPolicy]) -> None:
    """Name the principals of policies of which only the source is known, and state what decides whether these exist."""
    for policy in (one for _, own in vaults.to_migrate for one in own):
        found = opened.get(id(policy.item))
        if found is not None:
            policy.label = found.written.label or policy.label
            policy.exists = found.written.exists
            policy.is_loop, policy.obstacle = bool(found.written.over), found.written.why


class _PolicyPlaces:
    """Finds where a policy is declared: for a plan, in the source that it was made from."""

    def __init__(self, source: ReadResult | None) -> None:
        self._declared: dict[str, Resource] = {}
        for resource in () if source is None else source.all_resources.values():
            self._declared.setdefault(static_address(resource.address), resource)

    def resource(self, resource: Resource) -> Resource:
        """Return a resource as its source declares it."""
        return self._declared.get(static_address(resource.address), resource)

    def of(self, policy: Policy) -> tuple[Location, Value] | None:
        """Return the place of the resource of a policy, and its item there; None without a source."""
        declared = self.resource(policy.source)
        if declared is policy.source:
            return policy.source.at, policy.item
        planned, written = policy.source.select(POLICY_LIST), declared.select(POLICY_LIST)
        if not isinstance(planned, ListValue) or not isinstance(written, ListValue):
            return None
        if len(planned.items) != len(written.items):
            return None
        return declared.at, written.items[policy.number]


class _Check:
    """Compares the access before and after: the generated roles assigned, and the vaults switched to Azure RBAC.

    It compares what principals have by themselves. Members of groups, and those who can act as an identity, keep what
    that principal keeps.
    """

    def __init__(
        self,
        planner: _Planner,
        read: ReadResult,
        resources: Mapping[str, Resource],
        context: Context,
        vaults: Sequence[tuple[Resource, list[Policy]]],
    ) -> None:
        resources = dict(resources)
        roles: dict[tuple[str, ...], str] = {}
        for vault, policies in vaults:
            resources[vault.address] = _switched(resources[vault.address])
            for policy in policies:
                _add(resources, roles, vault, policy)
        own = [vault for vault, _ in vaults]
        before = _holdings(context, own)
        after = planner.context(resources, read)
        held = _holdings(after, [after.index.resources[vault.address] for vault in own])
        self._policies = _by_policies(before)
        self._held = {key: _best(holdings) for key, holdings in held.items() if key in self._policies}
        self.activated = tuple(_activated(before, held, self._policies))

    def principals(self, vault: Resource, policies: Iterable[Policy], others: Iterable[Policy]) -> int:
        """Return the number of principals of policies whose access to a vault is compared, without those of others."""
        keys = {policy.key for policy in policies} - {policy.key for policy in others}
        return sum(vault.address in vaults for key, vaults in self._policies.items() if key in keys)

    def lost(self, vault: Resource, others: Iterable[Policy]) -> Iterator[PermissionChange]:
        """Yield what principals lose, apart from those of the other policies, which are not replaced."""
        listed = {policy.key for policy in others}
        for key, vaults in self._policies.items():
            for by, words in vaults.get(vault.address, {}).items() if key not in listed else ():
                label, text = by
                held = self._held.get(key, {})
                lost = [word for word, sure in words.items() if sure > held.get((word, vault.address), Sure.NO)]
                if lost:
                    yield PermissionChange(principal=label, permissions=ordered(lost), by=text, vaults=(vault.address,))


# What a principal has by policies: by vault, the label and text of each policy, and its permissions.
_OfPolicies: TypeAlias = dict[str, dict[tuple[str, str], dict[str, Sure]]]


def _holdings(context: Context, vaults: Sequence[Resource]) -> Mapping[str, Sequence[Holding]]:
    """Return what each principal with a known identity has by itself."""
    found = Holdings(context, Principals(context), vaults, _COLUMNS).by_key
    return {key: holdings for key, holdings in found.items() if not key.startswith("? ")}


def _by_policies(holdings: Mapping[str, Sequence[Holding]]) -> dict[str, _OfPolicies]:
    found: dict[str, _OfPolicies] = {}
    for key, own in holdings.items():
        for holding in own:
            by = holding.principal.label, holding.step.text
            for effect in holding.reach.effects if holding.step.kind == "policy" else ():
                for vault in effect.vaults:
                    words = found.setdefault(key, {}).setdefault(vault, {}).setdefault(by, {})
                    words[effect.capability] = max(effect.sure, words.get(effect.capability, Sure.NO))
    return found


def _best(holdings: Sequence[Holding]) -> dict[tuple[str, str], Sure]:
    """Return the certainty of each permission on each vault, without escalations."""
    found: dict[tuple[str, str], Sure] = {}
    for effect in (effect for holding in holdings for effect in holding.reach.effects if not effect.via):
        for vault in effect.vaults:
            key = effect.capability, vault
            found[key] = max(effect.sure, found.get(key, Sure.NO))
    return found


def _activated(
    before: Mapping[str, Sequence[Holding]],
    after: Mapping[str, Sequence[Holding]],
    policies: Mapping[str, _OfPolicies],
) -> Iterator[PermissionChange]:
    """Yield what role assignments of the input allow only after the switch."""
    for key, holdings in sorted(after.items()):
        old = {
            (holding.step.text, effect.capability): effect.vaults
            for holding in before.get(key, ())
            for effect in holding.reach.effects
            if not effect.via
        }
        own = policies.get(key, {})
        for holding in holdings:
            text = holding.step.text
            if holding.step.kind != "role" or f"({_NEW}" in text:
                continue
            words: dict[tuple[str, ...], list[str]] = {}
            for effect in (one for one in holding.reach.effects if not one.via):
                known = old.get((text, effect.capability), ())
                vaults = effect.vaults
                if known or own:
                    vaults = tuple(
                        vault
                        for vault in vaults
                        if vault not in known
                        and not any(effect.capability in one for one in own.get(vault, {}).values())
                    )
                if vaults:
                    words.setdefault(vaults, []).append(effect.capability)
            for listed, permissions in words.items():
                label = holding.principal.label
                yield PermissionChange(
                    principal=label, permissions=ordered(dict.fromkeys(permissions)), by=text, vaults=listed
                )


def _resources_of(read: ReadResult) -> dict[str, Resource]:
    """Return the resources of a root with one state of each vault, because that is what a migration changes."""
    return {
        address: one if one.variants is None else msgspec.structs.replace(one, variants=None)
        for address, one in read.all_resources.items()
    }


def _switched(vault: Resource) -> Resource:
    """Return a vault that uses Azure RBAC."""
    properties = vault.attributes.fields.get("properties")
    fields = dict(properties.fields) if isinstance(properties, MapValue) else {}
    fields["enableRbacAuthorization"] = Scalar(at=vault.at, value=True)
    whole = MapValue(at=vault.at, fields=fields)
    attributes = msgspec.structs.replace(vault.attributes, fields={**vault.attributes.fields, "properties": whole})
    return msgspec.structs.replace(vault, attributes=attributes, shared_attributes=None)


def _add(resources: dict[str, Resource], roles: dict[tuple[str, ...], str], vault: Resource, policy: Policy) -> None:
    """Add the role assignments that replace a policy, and its custom role, to the resources of a root."""
    if policy.status != REPLACED or policy.choice is None:
        return
    at = policy.at
    names = [name for _, name in policy.new_roles]
    if policy.custom:
        actions = tuple(Scalar(at=at, value=one) for one in policy.choice.actions)
        # Policies with equal permissions share a role.
        role = roles.setdefault(policy.choice.actions, f"{_NEW}role {len(roles)}")
        permission = MapValue(at=at, fields={"dataActions": ListValue(at=at, items=actions)})
        listed = ListValue(at=at, items=(permission,))
        fields: dict[str, Value] = {"roleName": Scalar(at=at, value=role), "permissions": listed}
        attributes: dict[str, Value] = {"properties": MapValue(at=at, fields=fields)}
        resources[role] = Resource(
            address=role, type=_DEFINITIONS, name=role, attributes=MapValue(at=at, fields=attributes), at=at,
            declared_as=_DEFINITIONS,
        )  # fmt: skip
        names = [role]
    for name in names:
        fields = {"roleDefinitionName": Scalar(at=at, value=name)}
        if isinstance(policy.principal, Value):
            fields["principalId"] = policy.principal
        scope: Answer = Link(at=at, target=vault.address, type=vault.type)
        if policy.perhaps:
            scope = policy.source.select(("parent",))
        attributes = {"properties": MapValue(at=at, fields=fields)}
        if isinstance(scope, Value):
            attributes["scope"] = scope
        address = f"{_NEW}{len(resources)}"
        resources[address] = Resource(
            address=address, type=_ASSIGNMENTS, name=address, attributes=MapValue(at=at, fields=attributes), at=at,
            declared_as=_ASSIGNMENTS, conditions=policy.source.conditions, assumption=policy.source.assumption,
        )  # fmt: skip


class _Writer:
    """Writes the plan of each vault of a root in words, without secrets."""

    def __init__(
        self,
        clean: Cleaner,
        read: ReadResult,
        code: Sequence[CodeBlocks],
        sources: PolicySources,
        places: _PolicyPlaces,
        choices: Choices,
    ) -> None:
        self._clean, self._read, self._code, self._sources, self._places = clean, read, code, sources, places
        self._choices = choices
        self._is_bicep = any(one.language == BICEP for one in code)

    def others(self, vaults: Vaults) -> Iterator[OtherVault]:
        """Yield the vaults that are not migrated."""
        for vault, reason in [*((one, "") for one in vaults.migrated), *vaults.unknown]:
            yield OtherVault(
                name=self._name(vault), address=self._clean.text(vault.address), reason=self._clean.text(reason),
                at=self._clean.location(vault.at) or vault.at, condition=self._condition(vault),
            )  # fmt: skip

    def _condition(self, resource: Resource) -> str:
        return "" if resource.assumption is None else self._clean.text(resource.assumption.text)

    def _name(self, vault: Resource) -> str:
        return self._clean.text(vault.address if has_holes(vault.name) else vault.name)

    def vault(self, vault: Resource, every: Sequence[Policy], chosen: Sequence[Policy], check: _Check) -> VaultPlan:
        """Return the plan of one vault, whose policies are ``every``, and those to report ``chosen``."""
        text = self._clean.text
        replaced = [id(policy) for policy in chosen if policy.status == REPLACED]
        others = [policy for policy in every if id(policy) not in replaced]
        lost = tuple(check.lost(vault, others))
        return VaultPlan(
            name=self._name(vault),
            address=text(vault.address),
            root=self._read.path,
            at=self._clean.location(vault.at) or vault.at,
            policies=tuple(map(self._policy, chosen)),
            steps=tuple(self._steps(vault, every, chosen, is_lost=bool(lost))),
            lost=tuple(map(self.change, lost)),
            checked=check.principals(vault, every, others),
            condition=self._condition(vault),
        )

    def change(self, change: PermissionChange) -> PermissionChange:
        """Return a change without secrets."""
        text = self._clean.text
        vaults = tuple(map(text, change.vaults))
        return msgspec.structs.replace(change, principal=text(change.principal), by=text(change.by), vaults=vaults)

    def shared(self, shared: GroupRoles) -> SharedAssignment:
        """Return role assignments that may be on a resource group, in words."""
        return SharedAssignment(
            principal=self._clean.text(shared.policy.label), roles=shared.roles, path=shared.path, text=shared.code,
            vaults=tuple(map(self._name, shared.vaults)), language=BICEP if self._is_bicep else TERRAFORM,
        )  # fmt: skip

    def _policy(self, policy: Policy) -> PolicyPlan:
        choice, text = policy.choice, self._clean.text
        return PolicyPlan(
            policy=text(policy.address),
            source=text(policy.source.address),
            principal=text(policy.label),
            permissions=policy.permissions,
            status=policy.status,
            reason=text(policy.reason),
            roles=() if choice is None else tuple(role.name for role in choice.roles),
            surplus=() if choice is None else choice.surplus,
            is_custom=policy.custom and choice is not None,
            data_actions=() if choice is None else choice.actions,
            custom_surplus=() if choice is None else choice.custom_surplus,
            assigned=()
            if choice is None or policy.custom
            else tuple(
                (role.name, text(policy.present[role.name.lower()]))
                for role in choice.roles
                if role.name.lower() in policy.present
            ),
            at=self._clean.location(policy.at),
            condition=", ".join(filter(None, (self._condition(policy.source), text(policy.exists)))),
            is_loop=policy.is_loop,
            notes=tuple(map(text, policy.notes)),
        )

    def _steps(
        self, vault: Resource, every: Sequence[Policy], chosen: Sequence[Policy], *, is_lost: bool
    ) -> Iterator[MigrationStep]:
        known = vault.select(("name",))
        is_known = isinstance(known, Scalar) and not known.sensitive and not has_holes(vault.name)
        name = self._clean.text(vault.name) if is_known else "NAME"
        text = (
            "Compare these access policies with those of the deployed vault, because others may have been added outside"
            " of the input: `az keyvault show --name {} --query properties.accessPolicies`."
        )
        yield MigrationStep(kind="compare", text=text.format(name), shared=text.format("NAME"))
        code = [one for one in self._code if vault.address in one.vaults]
        if code:
            where = " and ".join("the root folder" if one.path == "." else f"`{one.path}`" for one in code if one.path)
            permission = "`Microsoft.Authorization/roleAssignments/write`"
            if any(policy.custom for policy in chosen):
                permission += " and `Microsoft.Authorization/roleDefinitions/write`"
            deploy = f", and deploy it. This requires {permission}. {_IN_BICEP if self._is_bicep else _IN_TERRAFORM}"
            shared = f"Add the generated code{deploy}"
            text = f"Add the generated code{f' to {where}' if where else ''}{deploy}"
            yield MigrationStep(kind="assign", text=text, shared=shared)
            yield MigrationStep(kind="wait", text=_WAIT, shared=_WAIT)
        blocked = len(blocking(every)) + len([one for one in every if one not in chosen and one.status == REPLACED])
        is_blocked = bool(blocked) or is_lost
        address = self._clean.text(vault.address)
        yield MigrationStep(
            kind="switch",
            text=self._switch(vault, address, blocked, is_lost=is_lost),
            shared=self._switch(vault, "the vault", blocked, is_lost=is_lost),
            is_blocked=is_blocked,
        )
        if every:
            separate = dict.fromkeys(
                self._clean.text(static_address(policy.source.address)) for policy in every if not policy.inline
            )
            noun = ""
            if not is_terraform(vault.declared_as):
                noun = "the resource " if len(separate) == 1 else "the resources "
            yield MigrationStep(
                kind="remove",
                text=self._remove(vault, address, f"{noun}{', '.join(separate)}", every, is_blocked=is_blocked),
                shared=self._remove(vault, "the vault", "its access policies", every, is_blocked=is_blocked),
                is_blocked=is_blocked,
            )

    def _switch(self, vault: Resource, address: str, blocked: int, *, is_lost: bool) -> str:
        if blocked:
            count = pluralize(blocked, "access policy has", "access policies have")
            text = f"Do not enable Azure RBAC on {address} yet: {count} no replacement, and the principals"
            text += " would lose access."
        elif is_lost:
            text = f"Do not enable Azure RBAC on {address} yet: principals would lose access."
        elif vault.existing:
            text = f"Enable Azure RBAC where {address} is declared, and deploy it."
        else:
            declared = self._places.resource(vault)
            argument, assigns = "enableRbacAuthorization", ":"
            if is_terraform(vault.declared_as):
                argument, assigns = self._sources.argument(declared.at, MODEL_ARGUMENTS), " ="
            text = f"Set `{argument}{assigns} true` in {address}, and deploy it."
            decides = sorted(f"`{name}`" for name in self._sources.model_names(declared.at))
            if decides:
                text = f"Set {' and '.join(decides)} so that `{argument}` is `true` in {address}, and deploy it."
            text += " Azure keeps the access policies, so that the vault can be switched back."
            text += f" {_SWITCH_RIGHTS} {_VERSION if is_terraform(vault.declared_as) else _API_VERSION}"
        return text

    def _remove(
        self, vault: Resource, address: str, separate: str, every: Sequence[Policy], *, is_blocked: bool
    ) -> str:
        parts: list[str] = []
        if any(policy.inline for policy in every):
            is_tf = is_terraform(vault.declared_as)
            parts.append(
                f"set `access_policy = []` in {address} instead of its policies, because the provider keeps"
                " policies that are not configured"
                if is_tf
                else f"set `accessPolicies: []` in {address}"
            )
        if not all(policy.inline for policy in every):
            parts.append(f"remove {separate}")
        start = "Verify that every principal has access. Then "
        if is_blocked:
            start = "Keep the access policies until Azure RBAC is enabled and every principal has access. Then "
        return f"{start}{', and '.join(parts)}."
