"""Migrate from access policies to Azure RBAC: read the inputs, and plan the steps and the code for each root."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from azkvlint import __version__
from azkvlint.access.capabilities import DATA_WORDS
from azkvlint.access.matrix import Matrix
from azkvlint.access.principals import Principals
from azkvlint.azure.azurerm.argument_names import is_terraform
from azkvlint.config.run_config import Config
from azkvlint.derived.build_graph import build_graph
from azkvlint.derived.companions import Sure
from azkvlint.derived.registry import Context
from azkvlint.derived.vaults import POLICY_LIST
from azkvlint.graph.references import Index
from azkvlint.graph.resource_ids import HOLE
from azkvlint.linter.access import (
    Cleaner,
    Root,
    attributes_of_matrix,
    evaluate_roots,
    places_in,
    refuse_unknown_names,
)
from azkvlint.linter.linter import exit_code_of
from azkvlint.linter.redaction import Redactor
from azkvlint.migration.code import Blocks, Generator
from azkvlint.migration.cover import ordered
from azkvlint.migration.plan import REPLACED, Policy, VaultPolicies, Vaults, blocking, vaults_of
from azkvlint.migration.policy_source import BICEP, TERRAFORM, PolicySources
from azkvlint.model.access import Capability
from azkvlint.model.location import Location, static_address
from azkvlint.model.migration import (
    AccessChange,
    Code,
    MigrationReport,
    MigrationStep,
    OtherVault,
    PolicyPlan,
    VaultPlan,
)
from azkvlint.model.resource import RequiredAttributes, Resource
from azkvlint.model.value import Answer, Link, ListValue, MapValue, Scalar, Value
from azkvlint.readers.read_result import ReadResult
from azkvlint.util.errors import UsageError
from azkvlint.util.plural import pluralize

LANGUAGES = (TERRAFORM, BICEP)
_MODEL_ARGUMENTS = ("rbac_authorization_enabled", "enable_rbac_authorization")
_ASSIGNMENTS, _DEFINITIONS = "Microsoft.Authorization/roleAssignments", "Microsoft.Authorization/roleDefinitions"
_COLUMNS = tuple(Capability(word, word, frozenset({word})) for word in sorted(DATA_WORDS))


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """What to migrate, by name (everything if there is none), and how.

    ``language`` is that of the generated code, empty for the language of the input. ``built_in_only``: no custom roles.
    """

    vaults: tuple[str, ...] = ()
    principals: tuple[str, ...] = ()
    language: str = ""
    built_in_only: bool = False


class _Root(Root, kw_only=True):
    """The migration of one root, with the names of its principals."""

    vaults: tuple[VaultPlan, ...]
    others: tuple[OtherVault, ...]
    code: tuple[Blocks, ...]
    names: frozenset[str]


def migrate(config: Config, choices: Choices) -> MigrationReport:
    """Return the plan of the migration. Raise UsageError if there is nothing to migrate."""
    required = attributes_of_matrix()
    found = evaluate_roots(config, required, _Planner(required, choices).plan)
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
        problems=tuple(found.problems),
        sources=tuple(found.read),
        version=__version__,
    )


def _merged(code: Iterable[Blocks]) -> Iterator[Code]:
    """Yield the code for each place: several roots may share a module, whose declarations are generated once."""
    texts: dict[tuple[str, str], dict[str, str]] = {}
    vaults: dict[tuple[str, str], dict[str, None]] = {}
    for number, one in enumerate(code):
        place = one.path or f" {number}", one.language
        for text in one.texts:
            # The comment names an address of one root.
            lines = [line for line in text.splitlines() if not line.startswith(("#", "//"))]
            texts.setdefault(place, {}).setdefault("\n".join(lines), text)
        vaults.setdefault(place, {}).update(dict.fromkeys(one.vaults))
    for (path, language), parts in texts.items():
        own = "" if path.startswith(" ") else path
        yield Code(path=own, language=language, text="\n".join(parts.values()), vaults=tuple(vaults[path, language]))


def exit_code(report: MigrationReport) -> int:
    """Return the exit code: 3 if an input could not be read."""
    return exit_code_of(report.sources, report.problems, has_findings=False)


def _is_named(name: str, address: str, names: Sequence[str]) -> bool:
    """Return whether a vault is one of the names in lower case; any vault is without names."""
    return not names or name.lower() in names or address.lower() in names


def _refuse(choices: Choices, roots: Sequence[_Root]) -> None:
    """Raise UsageError for names that no input has, and for inputs without a vault to migrate."""
    every = {name for root in roots for one in root.vaults for name in (one.name, one.address)}
    every |= {name for root in roots for one in root.others for name in (one.name, one.address)}
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
            f"the permission model of {unknown.address} is unknown: {unknown.reason}",
            "set its variable with --var or --parameters",
        )
    listed = ", ".join(vault.address for vault in others[:5])
    more = f" and {len(others) - 5} more" if len(others) > 5 else ""
    verb = "uses" if len(others) == 1 else "use"
    raise UsageError(f"{listed}{more} already {verb} Azure RBAC", "there are no access policies to migrate")


class _Planner:
    """Plans the migration of each root."""

    def __init__(self, required: RequiredAttributes, choices: Choices) -> None:
        self._required, self._choices = required, choices

    def plan(self, read: ReadResult, source: ReadResult | None, folder: str) -> _Root | None:
        """Return the migration of a root; None if the root has no vaults."""
        context = self._context(read.resources, read)
        principals = Principals(context)
        vaults = vaults_of(context, principals, built_in_only=self._choices.built_in_only)
        if not (vaults.to_migrate or vaults.migrated or vaults.unknown):
            return None
        sources = PolicySources(folder)
        redactor = Redactor(read.secret_texts())
        names = frozenset(
            redactor.text(name) for _, own in vaults.to_migrate for one in own for name in (one.label, one.key) if name
        )
        code = self._generate(vaults, context, sources, _Places(source), redactor)
        ats = [vault.at for vault, _ in vaults.to_migrate] + [one.at for _, own in vaults.to_migrate for one in own]
        ats += [vault.at for vault in vaults.migrated] + [vault.at for vault, _ in vaults.unknown]
        clean = Cleaner(redactor, read.locate(ats), places_in(source))
        check = _Check(self, read, context, [(vault, self._selected(own)) for vault, own in self._chosen(vaults)])
        writer = _Writer(clean, read, code, sources, _Places(source), self._choices)
        return _Root(
            path=read.path,
            source="" if source is None else source.path,
            vaults=tuple(
                writer.vault(vault, own, self._selected(own), check) for vault, own in self._chosen(vaults)
            ),
            others=tuple(writer.others(vaults)),
            code=code,
            names=names,
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
        self, vaults: Vaults, context: Context, sources: PolicySources, places: _Places, redactor: Redactor
    ) -> tuple[Blocks, ...]:
        language = self._choices.language
        if not language:
            is_bicep = all("/" in vault.declared_as for vault, _ in vaults.to_migrate)
            language = BICEP if is_bicep else TERRAFORM
        names = [name.lower() for name in self._choices.vaults]
        selected = {id(one) for _, own in vaults.to_migrate for one in self._selected(own)}
        return Generator(context, sources, places.of, language, redactor.text).generate(
            vaults.to_migrate,
            lambda vault, policy: _is_named(vault.name, vault.address, names) and id(policy) in selected,
        )


class _Places:
    """Finds where a policy is declared: for a plan, in the source that it was made from."""

    def __init__(self, source: ReadResult | None) -> None:
        self._declared: dict[str, Resource] = {}
        for resource in () if source is None else source.resources.values():
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


class _Cell(NamedTuple):
    """One permission of a principal on a vault."""

    vault: str
    key: str
    word: str


class _Row(NamedTuple):
    """A path of a principal to a permission: its certainty, and its last step."""

    sure: Sure
    label: str
    by: str


class _Check:
    """Compares the access before and after: the generated roles assigned, and the vaults switched to Azure RBAC."""

    def __init__(
        self, planner: _Planner, read: ReadResult, context: Context, vaults: Sequence[tuple[Resource, list[Policy]]]
    ) -> None:
        resources = dict(read.resources)
        self._new: set[str] = set()
        for vault, policies in vaults:
            resources[vault.address] = _switched(resources[vault.address])
            for one in (added for policy in policies for added in _additions(vault, policy)):
                # In the order of a plan, an unknown address cannot be one of the input.
                resources[one.address] = one
                self._new.add(one.address)
        own = [vault for vault, _ in vaults]
        self._before = _rows(context, own)
        after = planner.context(resources, read)
        self._after = _rows(after, [after.index.resources[vault.address] for vault in own])

    def principals(self, vault: Resource, others: Iterable[Policy]) -> int:
        """Return the number of principals whose access to a vault is compared, without those of the other policies."""
        listed = {policy.key for policy in others}
        return len({cell.key for cell in self._before if cell.vault == vault.address and cell.key not in listed})

    def lost(self, vault: Resource, others: Iterable[Policy]) -> Iterator[AccessChange]:
        """Yield what principals lose, apart from those of the other policies, which are not replaced."""
        listed = {policy.key for policy in others}
        yield from _changes(
            (cell, row)
            for cell, rows in self._before.items()
            for row in rows
            if cell.vault == vault.address and cell.key not in listed and row.sure > _best(self._after.get(cell))
        )

    def activated(self, vault: Resource) -> Iterator[AccessChange]:
        """Yield what role assignments that exist already allow only after the switch."""
        yield from _changes(
            (cell, row)
            for cell, rows in self._after.items()
            for row in rows
            if cell.vault == vault.address and row.sure > _best(self._before.get(cell)) and not self._is_new(row)
        )

    def _is_new(self, row: _Row) -> bool:
        return any(f"({address})" in row.by for address in self._new)


def _best(rows: Iterable[_Row] | None) -> Sure:
    """Return the certainty of the best of some paths."""
    return max((row.sure for row in rows or ()), default=Sure.NO)


def _rows(context: Context, vaults: Sequence[Resource]) -> dict[_Cell, list[_Row]]:
    """Return the access of principals with a known identity, without escalations."""
    found: dict[_Cell, list[_Row]] = {}
    for entry in Matrix(context, vaults, _COLUMNS).entries():
        last = entry.path.steps[-1]
        if last.kind == "escalation" or entry.principal.key.startswith("? "):
            continue
        row = _Row(Sure.YES if entry.path.is_certain else Sure.PERHAPS, entry.principal.label, last.text)
        for vault in entry.vaults:
            found.setdefault(_Cell(vault, entry.principal.key, entry.capability), []).append(row)
    return found


def _changes(rows: Iterable[tuple[_Cell, _Row]]) -> Iterator[AccessChange]:
    grouped: dict[tuple[str, str], set[str]] = {}
    for cell, row in rows:
        grouped.setdefault((row.label, row.by), set()).add(cell.word)
    for (label, by), words in sorted(grouped.items()):
        yield AccessChange(principal=label, permissions=ordered(words), by=by)


def _switched(vault: Resource) -> Resource:
    """Return a vault that uses Azure RBAC."""
    properties = vault.attributes.fields.get("properties")
    fields = dict(properties.fields) if isinstance(properties, MapValue) else {}
    fields["enableRbacAuthorization"] = Scalar(at=vault.at, value=True)
    whole = MapValue(at=vault.at, fields=fields)
    attributes = msgspec.structs.replace(vault.attributes, fields={**vault.attributes.fields, "properties": whole})
    return msgspec.structs.replace(vault, attributes=attributes, shared_attributes=None)


def _additions(vault: Resource, policy: Policy) -> Iterator[Resource]:
    """Yield the role assignments that replace a policy, and its custom role."""
    if policy.status != REPLACED or policy.choice is None:
        return
    base = f"new {policy.source.address} {policy.number} {vault.address}"
    names = [name for _, name in policy.new_roles]
    if policy.custom:
        role = f"{base} role"
        listed = ListValue(at=policy.at, items=tuple(Scalar(at=policy.at, value=one) for one in policy.choice.actions))
        permission = MapValue(at=policy.at, fields={"dataActions": listed})
        fields: dict[str, Value] = {
            "roleName": Scalar(at=policy.at, value=role),
            "permissions": ListValue(at=policy.at, items=(permission,)),
        }
        yield _resource(role, _DEFINITIONS, policy, {"properties": MapValue(at=policy.at, fields=fields)})
        names = [role]
    for name in names:
        fields = {"roleDefinitionName": Scalar(at=policy.at, value=name)}
        if isinstance(policy.principal, Value):
            fields["principalId"] = policy.principal
        scope: Answer = Link(at=policy.at, target=vault.address, type=vault.type)
        if policy.perhaps:
            scope = policy.source.select(("parent",))
        attributes: dict[str, Value] = {"properties": MapValue(at=policy.at, fields=fields)}
        if isinstance(scope, Value):
            attributes["scope"] = scope
        yield _resource(f"{base} {name}", _ASSIGNMENTS, policy, attributes)


def _resource(address: str, type_: str, policy: Policy, attributes: Mapping[str, Value]) -> Resource:
    source = policy.source
    return Resource(
        address=address, type=type_, name=address, attributes=MapValue(at=policy.at, fields=attributes), at=policy.at,
        declared_as=type_, conditions=source.conditions, assumption=source.assumption,
    )  # fmt: skip


class _Writer:
    """Writes the plan of each vault of a root in words, without secrets."""

    def __init__(
        self,
        clean: Cleaner,
        read: ReadResult,
        code: Sequence[Blocks],
        sources: PolicySources,
        places: _Places,
        choices: Choices,
    ) -> None:
        self._clean, self._read, self._code, self._sources, self._places = clean, read, code, sources, places
        self._choices = choices

    def others(self, vaults: Vaults) -> Iterator[OtherVault]:
        """Yield the vaults that are not migrated."""
        for vault, reason in [*((one, "") for one in vaults.migrated), *vaults.unknown]:
            yield OtherVault(
                name=self._name(vault), address=self._clean.text(vault.address), reason=self._clean.text(reason),
                at=self._clean.location(vault.at) or vault.at,
            )  # fmt: skip

    def _name(self, vault: Resource) -> str:
        return self._clean.text(vault.address if HOLE in vault.name else vault.name)

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
            activated=tuple(map(self._change, check.activated(vault))),
            lost=tuple(map(self._change, lost)),
            checked=check.principals(vault, others),
        )

    def _change(self, change: AccessChange) -> AccessChange:
        text = self._clean.text
        return msgspec.structs.replace(change, principal=text(change.principal), by=text(change.by))

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
        )

    def _steps(
        self, vault: Resource, every: Sequence[Policy], chosen: Sequence[Policy], *, is_lost: bool
    ) -> Iterator[MigrationStep]:
        name = "NAME" if HOLE in vault.name else self._clean.text(vault.name)
        yield MigrationStep(
            kind="compare",
            text="Compare these access policies with those of the deployed vault, because others may have been added"
            f" outside of the input: `az keyvault show --name {name} --query properties.accessPolicies`.",
        )
        code = [one for one in self._code if vault.address in one.vaults]
        if code:
            where = " and ".join("the root folder" if one.path == "." else f"`{one.path}`" for one in code if one.path)
            permission = "`Microsoft.Authorization/roleAssignments/write`"
            if any(policy.custom for policy in chosen):
                permission += " and `Microsoft.Authorization/roleDefinitions/write`"
            text = (
                f"Add the generated code{f' to {where}' if where else ''}, and deploy it. This requires {permission}."
            )
            yield MigrationStep(kind="assign", text=text)
            yield MigrationStep(
                kind="wait",
                text="Wait until the role assignments are in effect, which can take several minutes, and verify them"
                " with `az role assignment list --scope VAULT_ID`.",
            )
        blocked = len(blocking(every)) + len([one for one in every if one not in chosen and one.status == REPLACED])
        yield self._switch(vault, blocked, is_lost=is_lost)
        yield from self._remove(vault, every, is_blocked=bool(blocked) or is_lost)

    def _switch(self, vault: Resource, blocked: int, *, is_lost: bool) -> MigrationStep:
        address = self._clean.text(vault.address)
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
            setting = "enableRbacAuthorization: true"
            if is_terraform(vault.declared_as):
                setting = f"{self._sources.argument(declared.at, _MODEL_ARGUMENTS)} = true"
            text = f"Set `{setting}` in {address}, and deploy it. Azure keeps the access policies, so that the vault"
            text += " can be switched back."
        return MigrationStep(kind="switch", text=text, is_blocked=bool(blocked) or is_lost)

    def _remove(self, vault: Resource, every: Sequence[Policy], *, is_blocked: bool) -> Iterator[MigrationStep]:
        parts: list[str] = []
        address = self._clean.text(vault.address)
        if any(policy.inline for policy in every):
            is_tf = is_terraform(vault.declared_as)
            parts.append(
                f"set `access_policy = []` in {address} instead of its policies, because the provider keeps"
                " policies that are not configured"
                if is_tf
                else f"set `accessPolicies: []` in {address}"
            )
        separate = dict.fromkeys(
            self._clean.text(static_address(policy.source.address)) for policy in every if not policy.inline
        )
        if separate:
            noun = (
                "" if is_terraform(vault.declared_as) else "the resource " if len(separate) == 1 else "the resources "
            )
            parts.append(f"remove {noun}{', '.join(separate)}")
        if parts:
            text = "Verify that every principal has access. Then " + ", and ".join(parts) + "."
            yield MigrationStep(kind="remove", text=text, is_blocked=is_blocked)
