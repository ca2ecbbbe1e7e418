"""Generate the role assignments and custom roles that replace access policies, as Terraform or Bicep."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Container, Iterable, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from azkvlint.derived.grants import identity_of
from azkvlint.derived.registry import Context
from azkvlint.migration.plan import REPLACED, UNKNOWN, Policy, described
from azkvlint.migration.policy_source import PolicySources, language_of
from azkvlint.migration.written import BICEP, TERRAFORM, PolicyCode, bicep_string
from azkvlint.model.location import Location, static_address
from azkvlint.model.pattern import DeclaredHole, Hole, bare, is_one_hole, parts_of
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Scalar, Unknown, Value
from azkvlint.util.lazy_regex import regex
from azkvlint.util.text import visible

_TRAVERSAL = regex(r'(?:data\.)?[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*|\[(?:\d+|"[^"$%\\]*")\])+')
_NAME = regex(r"[A-Za-z_]\w*")
_KEY = regex(r"(?<![\w.])(?:each|count)\.")
_OWN_VAULT = regex(r"azurerm_key_vault\.[\w-]+\.id")
_NOT_IN_NAMES = regex(r"[^A-Za-z0-9]+")
_DIFFERENT = "its declaration is used with different permissions"
_VAULT_VERSION, _ASSIGNMENT_VERSION = "2023-07-01", "2022-04-01"


# Identifies a policy in the source, in all roots that use it.
GroupKey: TypeAlias = tuple[object, ...]


class _PolicyGroup(NamedTuple):
    """Policies that one declaration of the source sets, with its expressions and language.

    ``why`` is why one declaration, repeated as in the source, does not replace all of them; empty if it does.
    """

    written: PolicyCode
    path: str
    language: str
    members: list[tuple[Resource, Policy]]
    why: str = ""


class PolicyLocator(Protocol):
    """Finds where the source declares a resource, and the item of a policy there; None without a source."""

    def of(self, policy: Policy) -> tuple[Location, Value] | None:
        """Return the place of the resource of a policy, and its item there."""

    def resource(self, resource: Resource) -> Resource:
        """Return a resource as its source declares it."""


class CodeBlocks(NamedTuple):
    """Generated declarations for a folder or Bicep file, and the addresses of the vaults that they are for."""

    path: str
    language: str
    texts: tuple[str, ...]
    vaults: tuple[str, ...]


class Generator:
    """Generates the code for the policies of one root.

    A policy that cannot be expressed in ``language`` becomes unknown, with the reason. ``redacted`` returns a string
    without secrets. ``module_roles`` are the permissions of each policy in a module that depend on its caller, or None
    if code in the module cannot replace it; ``conflicts`` are those for which other roots require other code.
    """

    def __init__(
        self,
        context: Context,
        sources: PolicySources,
        places: PolicyLocator,
        language: str,
        redacted: Callable[[str], str],
        conflicts: Container[GroupKey] = (),
    ) -> None:
        self._context, self._sources, self._places, self._language = context, sources, places, language
        self._redacted, self._conflicts = redacted, conflicts
        self.module_roles: dict[GroupKey, object] = {}
        self._blocks: dict[str, list[str]] = {}
        self._vaults: dict[str, dict[str, None]] = {}
        self._names: dict[str, set[str]] = {}
        self._roles: dict[tuple[object, ...], str] = {}
        # Names of parameters that are declared once a policy is certain to be replaced.
        self._parameters: dict[tuple[object, ...], str] = {}
        self._custom: dict[tuple[object, ...], _Custom] = {}
        # The role assignments by vault, principal and role, and by the expressions for them.
        self._done: set[tuple[object, ...]] = set()
        self._written: set[tuple[object, ...]] = set()
        # By the identity of a policy: where its code is, its expressions, and whether it is for an application.
        self._places_of: dict[int, tuple[str, PolicyCode, bool]] = {}

    def generate(
        self, vaults: Iterable[tuple[Resource, Sequence[Policy]]], selected: Callable[[Resource, Policy], bool]
    ) -> tuple[CodeBlocks, ...]:
        """Return the code for the selected policies of the vaults."""
        groups: dict[GroupKey, _PolicyGroup] = {}
        vaults = list(vaults)
        for vault, policies in vaults:
            for policy in policies:
                key, group = self._group(policy)
                groups.setdefault(key, self._independent(group, vault)).members.append((vault, policy))
        for key, group in groups.items():
            wanted = [(vault, policy) for vault, policy in group.members if selected(vault, policy)]
            is_uniform = self._is_uniform(group, wanted)
            repeated, distinct = _once_for_each(group, wanted) if is_uniform else (group, wanted)
            why = self._why_alone(repeated, distinct) if is_uniform else _DIFFERENT
            if any(policy.source.callers for _, policy in group.members) and (wanted or not group.written.is_literal):
                choice = group.members[0][1].choice
                self.module_roles[key] = choice.required if choice is not None and not why else None
                if not why and key in self._conflicts:
                    why = _DIFFERENT
            if why:
                for vault, policy in wanted:
                    if policy.status == REPLACED:
                        self._alone(vault, policy, group._replace(why=why))
            else:
                self._assign(
                    repeated.written, group.path, [one for _, one in distinct], [one.address for one, _ in distinct]
                )
                _add_notes(repeated.written, wanted)
        for _, policies in vaults:
            _note_overlaps(policies)
        return tuple(
            CodeBlocks(path, self._language, tuple(blocks), tuple(self._vaults[path]))
            for path, blocks in self._blocks.items()
        )

    def _group(self, policy: Policy) -> tuple[GroupKey, _PolicyGroup]:
        place = self._places.of(policy)
        written = None if place is None else self._sources.written(policy.source, *place)
        if place is None or written is None:
            return (id(policy),), _PolicyGroup(PolicyCode(), "", "", [])
        at, item = place
        language = language_of(at.path)
        if any(map(self._is_unsafe, (*written.repeat, *written))):
            written = PolicyCode(why="its declaration contains a sensitive value or control characters")
        path = os.path.dirname(at.path) or "." if language == TERRAFORM else at.path
        return (at.path, at.span, item.at.span), _PolicyGroup(written, path, language, [])

    def _independent(self, group: _PolicyGroup, vault: Resource) -> _PolicyGroup:
        """Return a group without expressions if its existence depends on what enables Azure RBAC on the vault."""
        existence = f"{group.written.repeat[1]} {group.written.condition} {group.written.loop}"
        names = self._sources.model_names(self._places.resource(vault).at) if existence.strip() else frozenset()
        found = sorted(name for name in names if re.search(rf"(?<![\w.]){re.escape(name)}(?![\w-])", existence))
        if not found:
            return group
        why = f"its existence depends on `{found[0]}`, and so does the permission model of the vault"
        return group._replace(written=PolicyCode(why=why))

    def _is_unsafe(self, text: object) -> bool:
        """Return whether a string must not get into generated code: it is a secret, or not visible as it is."""
        if not isinstance(text, str):
            return False
        lines = text.expandtabs(1).replace("\r\n", "\n").split("\n")
        return self._redacted(text) != text or any(visible(line) != line for line in lines)

    def _is_uniform(self, group: _PolicyGroup, wanted: Sequence[tuple[Resource, Policy]]) -> bool:
        """Return whether one declaration, repeated as in the source, replaces all policies of a group."""
        is_complete = len(wanted) == len(group.members) and group.language == self._language
        if not wanted or not is_complete or not group.written.principal or not group.written.vault:
            return False
        first = wanted[0][1]
        if not self._context.is_complete and not group.written.is_literal:
            return False
        if any(policy.placeholder and policy.principal.text in group.written.principal for _, policy in wanted):
            return False
        return all(
            policy.status == REPLACED
            and policy.choice is not None
            and first.choice is not None
            and policy.choice.required == first.choice.required
            and policy.new_roles == first.new_roles
            for _, policy in wanted
        )

    def _why_alone(self, group: _PolicyGroup, wanted: Sequence[tuple[Resource, Policy]]) -> str:
        """Return why Azure or Terraform rejects a declaration that is repeated as in the source; empty if not."""
        obstacle = next((policy.obstacle for _, policy in wanted if policy.obstacle), "")
        if obstacle:
            return obstacle
        own = [one for vault, policy in wanted for one in _assignments(vault.address, policy)]
        # A module that is deployed twice deploys the same role assignment twice, which Azure accepts.
        by_module = [
            (_instance_of(policy.source), *one)
            for vault, policy in wanted
            for one in _assignments(vault.address, policy)
        ]
        if len(set(by_module)) < len(by_module) or not (self._done.isdisjoint(own) or self._done.issuperset(own)):
            return "a principal has the same role more than once"
        if group.written.is_keyed_by_value and any(_is_late(policy.principal) for _, policy in wanted):
            return "the keys of its loop are known after apply"
        return ""

    def _alone(self, vault: Resource, policy: Policy, group: _PolicyGroup) -> None:
        """Generate the code for one policy from what is known of it."""
        if policy.obstacle:
            policy.status, policy.reason, policy.choice = UNKNOWN, policy.obstacle, None
            return
        self._parameters.clear()
        is_beside = self._is_beside(policy, group)
        principal, why = self._principal(policy, group)
        why = policy.placeholder or why
        if not why and policy.source.conditions:
            why = f"whether {policy.source.address} exists is unknown"
        assumption = policy.source.assumption or vault.assumption
        if not why and assumption is not None:
            why = f"it exists only {assumption.text}"
        if (
            not why
            and policy.perhaps
            and not (is_beside and group.written.vault and not _uses_key(group.written.vault))
        ):
            why = "the vault that the access policy is for is unknown"
        scope = "" if why else self._scope(vault, policy, group)
        if not why and not scope:
            why = "the generated code cannot reference the vault"
        if why:
            more = "" if group.why == _DIFFERENT or group.why in why else f"{group.why}, and "
            policy.status, policy.reason, policy.choice = UNKNOWN, f"{more}{why}", None
            return
        self._declare_parameters()
        path, provider = (group.path, group.written.provider) if is_beside else ("", "")
        self._assign(PolicyCode(principal, scope, name=principal, provider=provider), path, [policy], [vault.address])

    def _is_beside(self, policy: Policy, group: _PolicyGroup) -> bool:
        """Return whether what is known of a policy can be added to its source.

        A module may have other callers, with other values than those that are known here.
        """
        is_default = isinstance(policy.principal, Scalar) and self._sources.is_given(policy.principal.at.cause)
        is_own = self._context.is_complete or not is_default
        return group.language == self._language and not policy.source.callers and is_own

    def _principal(self, policy: Policy, group: _PolicyGroup) -> tuple[str, str]:
        """Return an expression for a principal, or why there is none."""
        value: Answer = policy.principal
        if value.sensitive or self._is_unsafe(value.text):
            return "", "the object ID is sensitive or contains control characters"
        if isinstance(value, Scalar) and isinstance(value.value, str):
            return (hcl_string if self._language == TERRAFORM else bicep_string)(value.value), ""
        is_here = is_in_root(policy.source) and (self._is_beside(policy, group) or not group.language)
        if isinstance(value, Unknown) and self._language == TERRAFORM and is_here:
            expression = bare(value.pattern) if is_one_hole(value.pattern) and value.pattern is not None else ""
            if _TRAVERSAL.fullmatch(expression) and not expression.startswith("module."):
                return expression, ""
        parameter = self._parameter(value, group)
        if parameter:
            return parameter, ""
        why = value.why if isinstance(value, Unknown) else "it is known after deployment"
        if group.written.principal and group.language == self._language:
            why = group.why
        return "", f"the object ID cannot be repeated in the generated code: {group.written.why or why}"

    def _scope(self, vault: Resource, policy: Policy, group: _PolicyGroup) -> str:
        """Return an expression for a vault, as an ID or in Bicep as a symbolic name; empty if there is none."""
        is_beside = self._is_beside(policy, group)
        if is_beside and group.written.vault and not _uses_key(group.written.vault):
            return group.written.vault
        start = vault.address.rfind(f"{vault.declared_as}.")
        is_azurerm = self._language == TERRAFORM and vault.declared_as == "azurerm_key_vault"
        if is_azurerm and not module_of(vault) and is_in_root(policy.source):
            return f"{'data.' if vault.existing else ''}{vault.address[start:]}.id"
        if is_beside and vault.at.path == group.path and "." not in vault.address:
            return vault.address
        return self._declared_vault(vault, group)

    def _parameter(self, value: Answer, group: _PolicyGroup) -> str:
        """Return the name of the parameter of an ARM template that a value is, for Bicep; empty for others."""
        pattern = value.pattern if isinstance(value, Unknown) else None
        name = bare(pattern) if isinstance(pattern, DeclaredHole) and not pattern.path else ""
        if not _NAME.fullmatch(name) or self._language != BICEP or group.language:
            return ""
        key = ("parameter", name)
        if key not in self._roles:
            self._parameters[key] = name
        return name

    def _declare_parameters(self) -> None:
        for key, name in self._parameters.items():
            self._roles[key] = name
            self._names.setdefault("", set()).add(name.lower())
            self._blocks.setdefault("", []).append(f"param {name} string\n")
        self._parameters.clear()

    def _declared_vault(self, vault: Resource, group: _PolicyGroup) -> str:
        """Declare a vault in code that stands alone, and return how it is referenced; empty if its name is unknown."""
        answer = vault.select(("name",))
        parameter = self._parameter(answer, group)
        name = found if isinstance(answer, Scalar) and isinstance(found := answer.value, str) else parameter
        if not name or answer.sensitive or self._is_unsafe(name):
            return ""
        self._declare_parameters()
        key = ("vault", vault.address)
        if key not in self._roles:
            if self._language == TERRAFORM:
                own = self._name("", ("key_vault_id", name))
                description = hcl_string(f"The ID of key vault {name}")
                text = f'variable "{own}" {{\n  description = {description}\n  type        = string\n}}\n'
                self._roles[key] = f"var.{own}"
            else:
                own = self._name("", ("vault", name))
                text = (
                    f"resource {own} 'Microsoft.KeyVault/vaults@{_VAULT_VERSION}' existing = {{\n"
                    f"  name: {parameter or bicep_string(name)}\n}}\n"
                )
                self._roles[key] = own
            self._blocks.setdefault("", []).append(text)
            self._vaults.setdefault("", {})[vault.address] = None
        return self._roles[key]

    def _name(self, path: str, words: Sequence[str]) -> str:
        """Return a new name for a declaration: in snake case for Terraform, in camel case for Bicep."""
        parts = [part for word in words for part in _NOT_IN_NAMES.sub(" ", word).split()]
        if self._language == TERRAFORM:
            name = "_".join(part.lower() for part in parts)
        else:
            name = "".join(part if number == 0 else part[:1].upper() + part[1:] for number, part in enumerate(parts))
        if not name or name[0].isdigit():
            name = f"vault_{name}" if self._language == TERRAFORM else f"vault{name}"
        used = self._names.setdefault(path, set(self._used(path)))
        found, number = name, 2
        while found.lower() in used:
            found, number = f"{name}_{number}" if self._language == TERRAFORM else f"{name}{number}", number + 1
        used.add(found.lower())
        return found

    def _used(self, path: str) -> Iterable[str]:
        if self._language == BICEP:
            return (name.lower() for name in self._sources.names(path)) if path else ()
        kinds = ("azurerm_role_assignment", "azurerm_role_definition")
        return (
            re.sub(r"\[.*", "", one.address.rpartition(f"{one.declared_as}.")[2]).lower()
            for one in self._context.index.resources.values()
            if one.declared_as in kinds
        )

    def _assign(self, written: PolicyCode, path: str, policies: Sequence[Policy], vaults: Sequence[str]) -> None:
        """Generate the role assignments of policies with equal permissions, and their custom role."""
        policy, choice = policies[0], policies[0].choice
        if choice is None:
            return
        is_repeated = bool(written.repeat[0] or written.loop)
        label = self._label(policy, is_repeated=is_repeated)
        kinds = {identity_of(one.principal, Absent(at=one.at), self._context).kind for one in policies}
        is_service = kinds == {"application"} and _is_direct(written, policy)
        self._places_of |= {id(one): (path, written, is_service) for one in policies}
        surplus = choice.custom_surplus if policy.custom else choice.surplus
        address = self._redacted(static_address(policy.address) if is_repeated else policy.address)
        comment = f"{address}: {described(policy.permissions)}"
        comment += f"; surplus: {described(surplus)}" if surplus else ""
        assumption = policy.source.assumption
        comment += f" ({self._redacted(assumption.text)})" if assumption is not None else ""
        roles: list[tuple[str, str, str]] = [(id_, name, "") for id_, name in policy.new_roles]
        if policy.custom:
            is_conditional = any(self._context.index.resources[vault].assumption is not None for vault in vaults)
            once = _once(written) if is_conditional else ("", "")
            roles = [("", "", self._custom_role(written, once, path, label, policy, vaults[0]))]
        for id_, name, custom in roles:
            # Azure rejects a second assignment of the same role to the same principal.
            same = {(vault, one.key, id_ or choice.actions) for vault, one in zip(vaults, policies, strict=True)}
            text = path, written.vault, written.principal, written.repeat, written.condition, written.loop
            if same <= self._done or (*text, id_ or choice.actions) in self._written:
                continue
            self._done |= same
            self._written.add((*text, id_ or choice.actions))
            self._vaults.setdefault(path, {}).update(dict.fromkeys(vaults))
            own = self._name(path, (*label, name.removeprefix("Key Vault ") or "custom"))
            render = _terraform_assignment if self._language == TERRAFORM else _bicep_assignment
            self._blocks.setdefault(path, []).append(
                render(own, visible(comment), written, _Role(id_, name, custom), is_service)
            )

    def on_group(self, policies: Sequence[Policy], vaults: Sequence[Resource]) -> tuple[str, str]:
        """Return the place and code of role assignments on the resource group of vaults; empty if it has no expression.

        ``policies`` are those of a principal for one of the vaults.
        """
        texts: dict[str, str] = {}
        path, written, is_service = self._places_of.get(id(policies[0]), ("", PolicyCode(), False))
        is_repeated = bool(written.repeat[0] or written.loop or written.condition or not written.vault)
        is_terraform = self._language == TERRAFORM
        is_own = all(one.at.path == path and "." not in one.address and not one.existing for one in vaults)
        if is_repeated or not (is_terraform or is_own):
            return "", ""
        scope = f'split("/providers/", {written.vault})[0]' if is_terraform else ""
        render = _terraform_assignment if is_terraform else _bicep_assignment
        for role in (role for one in policies if one.choice is not None for role in one.choice.roles):
            own = self._name(path, ("group", role.name.removeprefix("Key Vault ")))
            comment = f"{self._redacted(policies[0].label)} on {len(vaults)} vaults"
            texts[role.id] = render(
                own, visible(comment), written._replace(vault=scope), _Role(role.id, role.name, ""), is_service
            )
        return path, "\n".join(texts.values())

    def _label(self, policy: Policy, *, is_repeated: bool) -> tuple[str, ...]:
        """Return the words of the name of a declaration."""
        source = policy.source
        start = source.address.rfind(f"{source.declared_as}.")
        own = source.address[start + len(source.declared_as) + 1 :] if start >= 0 else source.address.rpartition(".")[2]
        own = self._redacted((static_address(own) if is_repeated else own).rpartition("/")[2])
        return (own, "policy", str(policy.number + 1)) if policy.inline or self._language == BICEP else (own,)

    def _custom_role(
        self, written: PolicyCode, once: tuple[str, str], path: str, label: tuple[str, ...], policy: Policy, vault: str
    ) -> str:
        """Return how the custom role for a policy is referenced. Policies with equal permissions share one.

        ``once`` is the count of a role for all instances of a policy. All vaults of a subscription share a role, if it
        is known which subscription it is.
        """
        actions = policy.choice.actions if policy.choice is not None else ()
        is_shared = self._is_in_subscription(written, self._context.index.resources[vault])
        if is_shared:
            written = written._replace(repeat=("", ""), condition="", loop="")
        elif not _uses_key(written.vault):
            written = written._replace(repeat=once)
        if written.loop and "[" not in written.vault:
            written = written._replace(loop="", condition="")
        own_vault = "" if is_shared else written.vault
        key = (path, own_vault, written.provider, written.repeat, written.condition, actions)
        if key not in self._roles:
            own = self._name(path, (*label, "role"))
            if self._language == TERRAFORM:
                index = {"for_each": "[each.key]", "count": "[count.index]"}.get(written.repeat[0], "")
                index = "[0]" if written.repeat == once and once[0] else index
                self._roles[key] = f"azurerm_role_definition.{own}{index}.role_definition_resource_id"
            else:
                self._roles[key] = f"{own}{written.vault[written.vault.index('[') :] if written.loop else ''}.id"
            blocks = self._blocks.setdefault(path, [])
            self._custom[key] = _Custom(len(blocks), own, described(policy.permissions), written, actions, {})
            blocks.append("")
        custom = self._custom[key]
        custom.vaults[vault] = None
        render = _terraform_role if self._language == TERRAFORM else _bicep_role
        self._blocks[path][custom.place] = render(custom)
        return self._roles[key]

    def _is_in_subscription(self, written: PolicyCode, vault: Resource) -> bool:
        """Return whether the code creates a vault, once and in any case, so that its subscription is the provider's."""
        if vault.existing or vault.assumption is not None or vault.conditions:
            return False
        if self._language == TERRAFORM:
            return _OWN_VAULT.fullmatch(written.vault) is not None
        return _NAME.fullmatch(written.vault) is not None and not written.condition


class _Custom(NamedTuple):
    """A custom role: the number of its block, its name, description and expressions, and the vaults that it is for."""

    place: int
    name: str
    description: str
    written: PolicyCode
    actions: Sequence[str]
    vaults: dict[str, None]


class _Role(NamedTuple):
    """A built-in role by ID and name, or the reference to a custom role."""

    id: str
    name: str
    custom: str


def _assignments(vault: str, policy: Policy) -> list[tuple[object, ...]]:
    """Return the role assignments for a policy of a vault: the vault, principal and role of each."""
    actions = policy.choice.actions if policy.choice is not None else ()
    roles = [actions] if policy.custom else [id_ for id_, _ in policy.new_roles]
    return [(vault, policy.key, role) for role in roles]


def _is_late(principal: Answer) -> bool:
    """Return whether an object ID is known only after apply; that of a data source is known before."""
    if not isinstance(principal, Unknown) or "known after apply" not in principal.why:
        return False
    holes = () if principal.pattern is None else principal.pattern.holes
    return not any(isinstance(one, DeclaredHole) and one.type.startswith("data.") for one in holes)


def _once_for_each(
    group: _PolicyGroup, wanted: Sequence[tuple[Resource, Policy]]
) -> tuple[_PolicyGroup, Sequence[tuple[Resource, Policy]]]:
    """Return a group that is not repeated if all its instances are for one principal and vault, and the first of these.

    A vault has one access policy for each object ID: azurerm rejects another instance, as it exists already. Source:
    registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/key_vault_access_policy
    """
    written, first = group.written, wanted[0][1]
    distinct: dict[tuple[str, str, str], tuple[Resource, Policy]] = {}
    for vault, policy in wanted:
        distinct.setdefault((_instance_of(policy.source), vault.address, policy.key), (vault, policy))
    is_same = not _uses_key(f"{written.principal} {written.vault} {written.provider}")
    is_several = len(distinct) < len(wanted) or first.is_loop
    if not written.repeat[0] or written.is_single or not is_same or not is_several:
        return group, wanted
    if len(distinct) < len(wanted) and not first.inline:
        first.notes.append(
            "Terraform rejects the other instances of the access policy, because a vault has one access policy for each"
            " object ID. One role assignment replaces all of them."
        )
    once = written._replace(repeat=_once(written), is_single=True, over="")
    return group._replace(written=once), list(distinct.values())


def _add_notes(written: PolicyCode, wanted: Sequence[tuple[Resource, Policy]]) -> None:
    """Note on the first policy of a loop in each vault what the items of the loop must not be."""
    seen: set[str] = set()
    for vault, policy in wanted if written.over else ():
        if vault.address in seen:
            continue
        seen.add(vault.address)
        if policy.is_loop and not written.is_distinct:
            policy.notes.append(
                f"Azure rejects equal role assignments (`RoleAssignmentExists`): no two items of `{written.over}` may"
                " have the same object ID."
            )
        if written.repeat[0] and not written.kind and "each.value." in written.principal:
            policy.notes.append(
                f"If `{written.over}` is a set, Terraform rejects the generated code, because the keys of `for_each`"
                f" are strings: write `tolist({written.over})`."
            )


def _note_overlaps(policies: Sequence[Policy]) -> None:
    """Note on each loop the other policies of its vault that have the same role, and maybe the same principal."""
    replaced = [one for one in policies if one.status == REPLACED]
    for policy in (one for one in replaced if one.is_loop):
        roles = {one[2] for one in _assignments("", policy)}
        others = [
            other.address
            for other in replaced
            if other is not policy and other.exists != policy.exists
            if any(one[2] in roles for one in _assignments("", other))
        ]
        if others:
            listed = f"{', '.join(others[:3])}{f' and {len(others) - 3} more' if len(others) > 3 else ''}"
            policy.notes.append(
                "Azure rejects equal role assignments (`RoleAssignmentExists`): no item of the loop may have the object"
                f" ID of {listed}."
            )


def _once(written: PolicyCode) -> tuple[str, str]:
    """Return the count of what is declared once if a policy has any instances; nothing for one without a count."""
    kind, amount = written.repeat
    if amount.isdecimal():
        return "", ""
    if kind == "count":
        return kind, amount if written.is_single else f"({amount}) > 0 ? 1 : 0"
    return ("count", f"length({amount}) > 0 ? 1 : 0") if kind else ("", "")


def _uses_key(expression: str) -> bool:
    """Return whether an expression depends on the instance of its resource."""
    return _KEY.search(expression) is not None


def _is_direct(written: PolicyCode, policy: Policy) -> bool:
    """Return whether an expression is the ID of a resource itself, not of whatever a variable contains."""
    if written.name:
        return written.name.endswith(".id") and not written.loop
    last = parts_of(policy.principal.string)[-1:]
    expression = bare(last[0]) if last and isinstance(last[0], Hole) else ""
    return "." in written.principal and f".{expression}".endswith(f".{written.principal}")


def is_in_root(resource: Resource) -> bool:
    """Return whether a resource is declared in a root module."""
    return not module_of(resource)


def module_of(resource: Resource) -> str:
    """Return the part of an address that is the module of a resource, with its dot."""
    start = resource.address.rfind(f"{resource.declared_as}.")
    return resource.address[:start].removesuffix("data.") if start > 0 else ""


def _instance_of(resource: Resource) -> str:
    """Return the instance of a module that declares a resource."""
    return resource.address.rpartition(".")[0] if "/" in resource.declared_as else module_of(resource)


def hcl_string(text: str) -> str:
    """Return an HCL string literal."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("${", "$${").replace("%{", "%%{")
    return '"' + escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t") + '"'


def _aligned(pairs: Iterable[tuple[str, str]], indent: str) -> str:
    """Return arguments with their equals signs in one column, as terraform fmt writes them."""
    shown = [(name, value) for name, value in pairs if value]
    width = max(len(name) for name, _ in shown)
    return "".join(f"{indent}{name.ljust(width)} = {value}\n" for name, value in shown)


def _head(written: PolicyCode) -> str:
    """Return the meta-arguments of a Terraform resource, which are before the others."""
    pairs = [written.repeat, ("provider", written.provider)]
    return f"{_aligned(pairs, '  ')}\n" if any(value for _, value in pairs) else ""


def _terraform_assignment(name: str, comment: str, written: PolicyCode, role: _Role, is_service: bool) -> str:
    arguments = _aligned(
        [
            ("scope", written.vault),
            ("role_definition_name", hcl_string(role.name) if role.name else ""),
            ("role_definition_id", role.custom),
            ("principal_id", written.principal),
            ("principal_type", '"ServicePrincipal"' if is_service else ""),
        ],
        "  ",
    )
    return f'# {comment}\nresource "azurerm_role_assignment" "{name}" {{\n{_head(written)}{arguments}}}\n'


def _terraform_role(role: _Custom) -> str:
    written, name = role.written, role.name
    key = (
        {"for_each": " ${each.key}", "count": " ${count.index}"}[written.repeat[0]] if _uses_key(written.vault) else ""
    )
    # The name must be unique in the tenant, as the name of a vault is. The role can be assigned in the resource group
    # of its vault, or in the subscription of its vaults.
    separator = "/resourceGroups/" if len(role.vaults) > 1 else "/providers/"
    arguments = _aligned(
        [
            ("name", f'"${{basename({written.vault})}}{key} {name}"'),
            ("description", hcl_string(role.description)),
            ("scope", f'split("{separator}", {written.vault})[0]'),
        ],
        "  ",
    )
    listed = "".join(f'      "{action}",\n' for action in role.actions)
    return (
        f'resource "azurerm_role_definition" "{name}" {{\n{_head(written)}{arguments}\n'
        f"  permissions {{\n    data_actions = [\n{listed}    ]\n  }}\n}}\n"
    )


def _bicep_resource(name: str, type_: str, written: PolicyCode, lines: Sequence[str]) -> str:
    """Return a resource with a condition and loop. ``lines`` are its properties."""
    condition = f"if ({written.condition}) " if written.condition else ""
    start, end = (f"[{written.loop}: ", "]") if written.loop else ("", "")
    body = "".join(f"  {line}\n" for line in lines)
    head = f"resource {name} 'Microsoft.Authorization/{type_}@{_ASSIGNMENT_VERSION}'"
    return f"{head} = {start}{condition}{{\n{body}}}{end}\n"


def _bicep_assignment(name: str, comment: str, written: PolicyCode, role: _Role, is_service: bool) -> str:
    definition = role.custom or (
        f"subscriptionResourceId('Microsoft.Authorization/roleDefinitions', {bicep_string(role.id)})"
    )
    scope = f"{written.vault}.id" if written.vault else "resourceGroup().id"
    lines = [
        f"name: guid({scope}, {written.name}, {role.custom or bicep_string(role.id)})",
        *([f"scope: {written.vault}"] if written.vault else []),
        "properties: {",
        f"  roleDefinitionId: {definition}{f' // {role.name}' if role.name else ''}",
        f"  principalId: {written.principal}",
        *(["  principalType: 'ServicePrincipal'"] if is_service else []),
        "}",
    ]
    return f"// {comment}\n{_bicep_resource(name, 'roleAssignments', written, lines)}"


def _bicep_role(role: _Custom) -> str:
    written, name = role.written, role.name
    lines = [
        f"name: guid({written.vault}.id, '{name}')",
        "properties: {",
        f"  roleName: '${{{written.vault}.name}} {name}'",
        f"  description: {bicep_string(role.description)}",
        "  type: 'CustomRole'",
        "  assignableScopes: [",
        "    resourceGroup().id",
        "  ]",
        "  permissions: [",
        "    {",
        "      dataActions: [",
        *(f"        {bicep_string(action)}" for action in role.actions),
        "      ]",
        "    }",
        "  ]",
        "}",
    ]
    return _bicep_resource(name, "roleDefinitions", written, lines)
