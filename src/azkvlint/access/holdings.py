"""The access policies, role assignments and local roles of a root, with the vaults and identities that each reaches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import msgspec

from azkvlint.access import effects
from azkvlint.access.effects import DATA_WORDS, OutcomesByWord, Terms, VaultTraits
from azkvlint.access.principals import WORKLOAD_TYPES, PrincipalEdge, Principals, existence_doubt, place_of, subject_of
from azkvlint.access.publishing import Publishing
from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.azure.roles import (
    ASSIGNED_AGAIN,
    ASSIGNS,
    ATTACHES,
    DISPUTED_LOCAL_ROLES,
    IDENTITIES,
    LOCAL_DATA_ACTIONS,
    LOCAL_ROLES,
    PARTS,
    role_by_id,
)
from azkvlint.derived.abilities import permissions_of
from azkvlint.derived.access_policies import POLICIES, VAULTS
from azkvlint.derived.assignments import ELIGIBLE, GRANTS, SCOPE, Coverage, level_of
from azkvlint.derived.companions import Sure, is_one_of
from azkvlint.derived.delegation import CONDITION, assignable_roles, has_condition, is_foreign
from azkvlint.derived.grants import (
    NAMED_PRINCIPAL,
    Grant,
    grants_of,
    is_implied_purge,
    named_by,
    own_policies,
    possible_grants,
)
from azkvlint.derived.permissions import Permissions, of_definition
from azkvlint.derived.registry import Context
from azkvlint.derived.vaults import BY_POLICIES, MANAGED_HSMS, model_of
from azkvlint.graph.references import Index, parent_of, reference_of
from azkvlint.model.access import AccessStep, Capability, Principal
from azkvlint.model.pattern import Text, in_braces, pattern_from, split_text, strip_text, text_form
from azkvlint.model.resource import Resource
from azkvlint.model.value import MAY_BE_ABSENT, Absent, Answer, Link, ListValue, MapValue, Scalar, Unknown, Value

# The name of the account of a Batch pool, in Terraform.
ACCOUNT = ("derived", "accountName")
LOCKS = "microsoft.authorization/locks"
LOCAL_ASSIGNMENTS, LOCAL_DEFINITIONS = f"{MANAGED_HSMS}/roleassignments", f"{MANAGED_HSMS}/roledefinitions"
_ADMINS = ("properties", "initialAdminObjectIds")
_PROTECTION = ("properties", "enablePurgeProtection")
_DEPLOYMENT = ("properties", "enabledForTemplateDeployment")
_ELIGIBLE = "whether the principal activates the eligible role"
_SCOPE = "whether the scope of the role assignment contains it"
# A name of an object contains no brace.
_HOLE, _UNKNOWN_NAME = "{", "{unknown}"
_OBJECT = "which object the scope of the role assignment is"
_WRONG_ID = "whether the object ID is that of a principal; it belongs to none that can sign in"
_ATTACHES = f"whether the principal can also assign the identity (`{ATTACHES}`)"
_DISPUTED = "whether the role allows it; Microsoft's table and its description disagree"
_EXISTS = "whether the access policy exists"
_ALL_PURGES = "whether `all` includes purge"
# The scopes of a deployment itself, in templates.
_OWN_SCOPES = {
    "/subscriptions/{subscription}": "the subscription",
    "/subscriptions/{subscription}/resourcegroups/{resourcegroup}": "the resource group",
}
# A capability, its certainty, the escalation to it, and a doubt.
_Row: TypeAlias = tuple[str, Sure, str, str]
_ARGUMENT = {"secrets": "secret_permissions", "keys": "key_permissions", "certificates": "certificate_permissions"}


class HeldCapability(NamedTuple):
    """A capability that a holding gives on some vaults. ``via``: by an escalation; ``edit`` removes it.

    ``only``: as of a Path.
    """

    capability: str
    sure: Sure
    via: str
    doubt: str
    edit: str
    vaults: tuple[str, ...]
    only: tuple[str, ...] = ()


class RoleReach(NamedTuple):
    """What a role reaches at a scope. Assignments of the same role at the same scope share one."""

    effects: tuple[HeldCapability, ...]
    edges: tuple[PrincipalEdge, ...]


class Holding(msgspec.Struct, frozen=True):
    """What one principal has by one access policy, role assignment or local role."""

    principal: Principal
    step: AccessStep
    reach: RoleReach
    edit: str


def _exclude_each_other(one: Resource, other: Resource) -> bool:
    """Return whether no world has both resources, by their conditions."""
    return one.assumption is not None and other.assumption is not None and one.assumption.excludes(other.assumption)


class Holdings:
    """All holdings of a root that concern some vaults, by the key of their principal.

    ``vaults`` are the vaults and managed HSMs to report, ``capabilities`` the columns. ``selected`` are the objects
    that the report is about, such as ``secrets/db``, by vault; None for all.
    """

    def __init__(
        self,
        context: Context,
        principals: Principals,
        vaults: Sequence[Resource],
        capabilities: Sequence[Capability],
        selected: Mapping[str, frozenset[str]] | None = None,
    ) -> None:
        self._context, self._index, self._selected = context, context.index, selected
        self._principals, self._capabilities = principals, capabilities
        self._vaults = {vault.address: vault for vault in vaults}
        self._locks = locks_of(context)
        self._kinds = {vault.address: kind_of(vault, self._locks.get(vault.address, {})) for vault in vaults}
        self._words: dict[tuple[object, ...], OutcomesByWord] = {}
        self._given: dict[tuple[object, ...], OutcomesByWord] = {}
        self._acts: dict[tuple[object, ...], effects.Act] = {}
        self._reaches: dict[tuple[object, ...], RoleReach] = {}
        self._tuples: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._assignables: dict[tuple[str, Text], Mapping[str, Sure] | None] = {}
        self._alive: list[object] = []
        types = (one for one in WORKLOAD_TYPES if one not in PARTS.values())
        self._coverage = Coverage(self._index, (VAULTS, MANAGED_HSMS, *types, *PARTS, IDENTITIES))
        self._parts = parts_of(self._index)
        self._publishing = Publishing(self._index)
        self.by_key: dict[str, list[Holding]] = {}
        for holding in (*self._of_policies(), *self._of_roles(), *self._of_local_roles()):
            self.by_key.setdefault(holding.principal.key, []).append(holding)

    def _kind(self, address: str, source: Resource) -> VaultTraits:
        """Return the facts of a vault with the values of inputs that create the source of an access."""
        changed = source.variants.get(address) if source.variants is not None else None
        return self._kinds[address] if changed is None else kind_of(changed, self._locks.get(address, {}))

    # --- access policies

    def _of_policies(self) -> Iterator[Holding]:
        for address, vault in self._vaults.items():
            if vault.type.lower() == VAULTS:
                yield from self._policies_in(vault, [(address, Sure.YES)])
        for policy, targets in self._with_vaults(POLICIES, is_hsm=False):
            yield from self._policies_in(policy, targets)

    def _with_vaults(self, type_: str, *, is_hsm: bool) -> Iterator[tuple[Resource, Sequence[tuple[str, Sure]]]]:
        """Yield the resources of a type with the vaults, or managed HSMs, that they are in or may be in."""
        for source in self._index.of_type(type_):
            reference = parent_of(source, self._index)
            if reference is None or not source.stays:
                continue
            targets = [(address, Sure.YES) for address in reference.targets]
            others = self._vaults if reference.anything else reference.candidates
            targets += [(address, Sure.PERHAPS) for address in others]
            targets = [
                (one, sure) for one, sure in targets if one in self._vaults and self._kinds[one].is_hsm == is_hsm
            ]
            yield source, [one for one in targets if not _exclude_each_other(source, self._vaults[one[0]])]

    def _policies_in(self, source: Resource, targets: Sequence[tuple[str, Sure]]) -> Iterator[Holding]:
        """Yield the holdings by the policies of a vault itself, or of a separate resource."""
        if not targets or not source.stays:
            return
        grants = grants_of(source, self._context)
        if isinstance(grants, Unknown) and source.existing:
            return  # all its policies are outside the input, which reports state
        possible = own_policies(source) if isinstance(grants, Unknown) else ()
        if isinstance(possible, Unknown) and possible_grants(source, 0, possible, self._context):
            yield from self._possible(source, 0, possible, targets)
            return
        if isinstance(grants, Unknown):
            label = f"unknown principals of {source.address}"
            principal = Principal(key=f"? {source.address}", label=label, kind="", at=grants.at)
            self._principals.by_key.setdefault(principal.key, principal)
            every = dict.fromkeys(DATA_WORDS, (Sure.PERHAPS, f"the access policies: {grants.why}"))
            step = AccessStep(kind="policy", text=f"access policies of {source.address}", at=grants.at)
            yield self._of_words(principal, step, every, source, targets, f"set known policies in {source.address}")
            return
        for number, grant in enumerate(grants):
            described = list(self._possible(source, number, grant.item, targets))
            yield from described or self._of_policy(source, grant, number, targets)

    def _possible(
        self, source: Resource, number: int, policies: Value, targets: Sequence[tuple[str, Sure]]
    ) -> Iterator[Holding]:
        """Yield the holdings by policies that need not exist, as far as the code states what they grant."""
        why = policies.why if isinstance(policies, Unknown) else ""
        for place, grant in enumerate(possible_grants(source, number, policies, self._context)):
            yield from self._of_policy(source, grant, number, targets, (f"{_EXISTS}: {why}", f"{number}.{place}"))

    def _of_policy(
        self,
        source: Resource,
        grant: Grant,
        number: int,
        targets: Sequence[tuple[str, Sure]],
        possible: tuple[str, str] = ("", ""),
    ) -> Iterator[Holding]:
        """Yield the holding by a policy. ``possible``: what decides whether it exists, and its place among others."""
        foreign = is_foreign(grant, self._context)
        if isinstance(foreign, Scalar) and foreign.value is True:
            return  # Azure rejects every token of its principal
        suffix, (doubt, place) = subject_of(grant.item), possible
        nothing = Absent(at=source.at)
        principal = self._principals.principal(grant.principal, nothing, source, place or number, suffix)
        inline = source.type.lower() == VAULTS
        name = "access policy" if doubt else f"access policy {number + 1}"
        text = f"{name} of {source.address}" if inline else f"access policy {source.address}"
        at = place_of(grant.item, source) if inline else source.at
        edit = _policy_edit(source, principal, inline=inline)
        named = named_by(grant.principal, self._context)
        is_wrong = isinstance(named, Scalar) and named.value != NAMED_PRINCIPAL
        words = _limited(_limited(_policy_words(grant), _WRONG_ID if is_wrong else ""), doubt)
        step = AccessStep(kind="policy", text=text, at=at)
        yield self._of_words(principal, step, words, source, targets, edit, grant)

    def _of_words(
        self,
        principal: Principal,
        step: AccessStep,
        words: Mapping[str, tuple[Sure, str]],
        source: Resource,
        targets: Sequence[tuple[str, Sure]],
        edit: str,
        grant: Grant | None = None,
    ) -> Holding:
        found: list[HeldCapability] = []
        for address, certain in targets:
            kind = self._kind(address, source)
            which = "which managed HSM the role is for" if kind.is_hsm else "which vault the access policy is for"
            given = _limited(words, existence_doubt(source, self._vaults[address]) if certain is Sure.YES else which)
            key = kind, *given.items()
            outcomes = self._given.get(key)
            if outcomes is None:
                outcomes = effects.of_local_role(given, kind) if kind.is_hsm else effects.of_policy(given, kind)
                self._given[key] = outcomes
            found += self._effects(
                outcomes, [address], lambda one: _words_edit(one, grant, source) or edit if grant is not None else edit
            )
        return Holding(principal, step, RoleReach(tuple(found), ()), edit)

    def _effects(self, outcomes: OutcomesByWord, vaults: Sequence[str], edit: object) -> Iterator[HeldCapability]:
        for one in self._capabilities:
            sure, via, doubt = outcomes.of(one)
            if sure is not Sure.NO:
                text = edit(one) if callable(edit) else str(edit)
                yield HeldCapability(one.name, sure, via, doubt, text, self._interned(vaults))

    def _beside(self, source: Resource, addresses: tuple[str, ...]) -> tuple[str, ...]:
        """Return the resources without those that exist in no world of a role assignment."""
        if source.assumption is None:
            return addresses
        kept = [one for one in addresses if not _exclude_each_other(source, self._index.resources[one])]
        return addresses if len(kept) == len(addresses) else self._interned(kept)

    def _interned(self, vaults: Iterable[str]) -> tuple[str, ...]:
        found = tuple(vaults)
        return self._tuples.setdefault(found, found)

    # --- role assignments

    def _of_roles(self) -> Iterator[Holding]:
        for type_ in GRANTS:
            for source in self._index.of_type(type_):
                scope = source.select(SCOPE)
                if source.stays and not source.existing:
                    yield self._of_role(source, scope)

    def _of_role(self, source: Resource, scope: Answer) -> Holding:
        role = permissions_of(source, self._context)
        principal = self._principals.principal(
            source.select(("properties", "principalId")), source.select(("properties", "principalType")), source
        )
        where = scope_text(scope, self._index)
        named = f"role `{role.name}`" if role.name else "an unknown role"
        eligible = source.type.lower() == ELIGIBLE
        text = f"{'eligible ' if eligible else ''}{named} at {where} ({source.address})"
        edit = f"remove {source.address}"
        level = level_of(scope, self._index)
        word = str(level.value) if isinstance(level, Scalar) else ""
        step = AccessStep(kind="role", text=text, at=source.at, role=role.name, scope=where, level=word)
        return Holding(principal, step, self._reach(source, scope, role, word), edit)

    def _reach(self, source: Resource, scope: Answer, role: Permissions, word: str) -> RoleReach:
        condition: Text = (source.select(CONDITION).string or "?") if has_condition(source) else ""
        roles = self._assignable(source, role, condition)
        only = object_in(scope, self._index)
        terms = Terms(word, only.partition("/")[0], condition, roles, self._edits_itself(role, scope))
        reference = None if isinstance(scope, Absent) else self._coverage.covered(source, "scope", scope)
        certain: tuple[str, ...] = reference.targets if reference is not None else ()
        perhaps: tuple[str, ...] = reference.candidates if reference is not None else ()
        conditional: tuple[str, ...] = reference.conditional if reference is not None else ()
        if reference is None or reference.anything:
            perhaps = self._coverage.all
        certain, perhaps = self._beside(source, certain), self._beside(source, perhaps)
        key = (
            role.key, word, only, condition, terms.edits_itself,
            source.type.lower() == ELIGIBLE, source.conditions, source.assumption, id(source.variants),
            id(certain), id(perhaps), conditional,
        )  # fmt: skip
        found = self._reaches.get(key)
        if found is None:
            # The key contains the identity of the tuples, so they must stay alive.
            self._alive.append((certain, perhaps))
            found = self._reaches[key] = self._reach_of(source, role, terms, only, certain, perhaps, conditional)
        return found

    def _assignable(self, source: Resource, role: Permissions, condition: Text) -> Mapping[str, Sure] | None:
        if role.control(ASSIGNS) is Sure.NO:
            return None
        key = role.key, condition
        if key not in self._assignables:
            self._assignables[key] = assignable_roles(source, self._context, to_itself=True)
        return self._assignables[key]

    def _edits_itself(self, role: Permissions, scope: Answer) -> bool:
        """Return whether a role is custom, and its assignable scopes are the one scope of its assignment."""
        definition = self._index.resources.get(role.definition)
        if definition is None:
            return False
        scopes = definition.select(("properties", "assignableScopes"))
        if isinstance(scopes, ListValue) and scopes.items:
            listed: list[Answer] = list(scopes.items)
        else:
            listed = [definition.select(SCOPE)]
        return all(_identity(one) and _identity(one) == _identity(scope) for one in listed)

    def _reach_of(
        self,
        source: Resource,
        role: Permissions,
        terms: Terms,
        only: str,
        certain: Sequence[str],
        perhaps: Sequence[str],
        conditional: Sequence[str],
    ) -> RoleReach:
        """Return what a role gives on vaults in its scope; ``conditional`` are those that may exist without it."""
        found: dict[_Row, list[str]] = {}
        by_kind: dict[tuple[VaultTraits, str], list[list[str]]] = {}
        edges: list[PrincipalEdge] = []
        limit = _ELIGIBLE if source.type.lower() == ELIGIBLE else ""
        everything = effects.reaches_everything(role, terms)
        for addresses, outside in ((certain, ""), (perhaps, _SCOPE)):
            for address in addresses:
                target = self._index.resources[address]
                existence = existence_doubt(source, target)
                doubt = limit or (existence if address in conditional else "") or outside or existence
                if only and self._selected is not None and address in self._kinds:
                    sure = is_selected(only, self._selected.get(address, frozenset()))
                    if sure is Sure.NO:
                        continue
                    doubt = doubt or (_OBJECT if sure is Sure.PERHAPS else "")
                if address in self._kinds:
                    kind = self._kind(address, source)
                    some = by_kind.get((kind, doubt))
                    if some is None:
                        some = by_kind[kind, doubt] = [
                            found.setdefault(row, []) for row in self._rows(role, terms, kind, doubt)
                        ]
                    for vaults in some:
                        vaults.append(address)
                elif target.type.lower() not in PARTS:
                    edges += self._edges_to(target, role, terms, everything, doubt)
                for part in self._parts.get(address, ()):
                    why = doubt or existence_doubt(source, part)
                    edges += self._edges_to(part, role, terms, everything, why)
        rows = tuple(
            HeldCapability(name, sure, via, why, "", self._interned(vaults), (only,) if only else ())
            for (name, sure, via, why), vaults in found.items()
        )
        return RoleReach(rows, tuple(edges))

    def _rows(self, role: Permissions, terms: Terms, kind: VaultTraits, doubt: str) -> Iterator[_Row]:
        """Yield what a role gives on vaults with some facts."""
        outcomes = self._outcomes(role, terms, kind)
        for one in self._capabilities:
            sure, via, why = outcomes.of(one)
            if sure is not Sure.NO:
                yield (one.name, Sure.PERHAPS, via, why or doubt) if doubt else (one.name, sure, via, why)

    def _outcomes(self, role: Permissions, terms: Terms, kind: VaultTraits) -> OutcomesByWord:
        roles = None if terms.assignable is None else tuple(sorted(terms.assignable.items()))
        key = (role.key, terms.level, terms.objects, terms.condition, roles, terms.edits_itself, kind)
        found = self._words.get(key)
        if found is None:
            found = self._words[key] = effects.of_role(role, terms, kind)
        return found

    def _edges_to(
        self, target: Resource, role: Permissions, terms: Terms, everything: tuple[Sure, str], doubt: str
    ) -> Iterator[PrincipalEdge]:
        """Yield the identities that a role at a scope with one workload or identity lets its principal act as."""
        type_ = target.type.lower()
        accepts = self._publishing.accepts(target)
        key = (role.key, tuple(sorted((terms.assignable or {}).items())), type_, accepts)
        act = self._acts.get(key)
        if act is None:
            act = self._acts[key] = effects.acting(role, terms, type_, accepts)
        if everything[0] > act.sure:
            act = effects.Act(*everything, "can assign itself any role, and act as {}")
        if act.sure is Sure.NO:
            return
        sure = Sure.PERHAPS if doubt else act.sure
        why = doubt or (act.doubt if act.sure is Sure.PERHAPS else "")
        workload = self._principals.of_resource(target)
        own = workload.key
        step = AccessStep(kind="run as", text=act.text.format(target.address), at=target.at, to=(workload,))
        if type_ == IDENTITIES:
            yield PrincipalEdge(own, sure, step, why, "")
            return
        for key_, assigned, existence in self._principals.identities_of(target):
            if key_ == own:
                through = step
            else:
                through = msgspec.structs.replace(step, to=(workload, self._principals.by_key[key_]))
            if key_ != own and type_ in ASSIGNED_AGAIN:
                yield PrincipalEdge(key_, Sure(min(sure, Sure.PERHAPS)), through, why or _ATTACHES, "")
                continue
            reason = " and ".join(dict.fromkeys(filter(None, (why, existence))))
            if assigned is not Sure.YES:
                reason = reason or f"the identities of {target.address}"
            exists = Sure.PERHAPS if existence else Sure.YES
            yield PrincipalEdge(key_, Sure(min(sure, assigned, exists)), through, reason, "")

    # --- local roles of managed HSMs

    def _of_local_roles(self) -> Iterator[Holding]:
        for address, hsm in self._vaults.items():
            if hsm.type.lower() != MANAGED_HSMS:
                continue
            for number, item in enumerate(hsm.select(_ADMINS).as_items):
                principal = self._principals.principal(item, Absent(at=item.at), hsm, number)
                step = AccessStep(
                    kind="local role", text=f"initial administrator of {hsm.address}", at=place_of(item, hsm)
                )
                name = "admin_object_ids" if hsm.declared_as in RESOURCES else "initialAdminObjectIds"
                words = _local_words("managed hsm administrator")
                edit = f"remove {principal.label} from `{name}` of {hsm.address}"
                yield self._of_words(principal, step, words, hsm, [(address, Sure.YES)], edit)
        for source, targets in self._with_vaults(LOCAL_ASSIGNMENTS, is_hsm=True):
            if targets:
                role, allowed = self._local_role(source)
                principal = self._principals.principal(
                    source.select(("properties", "principalId")), Absent(at=source.at), source
                )
                where = source.select(("properties", "scope"))
                scope = where.display() if isinstance(where, Scalar) else "an unknown scope"
                text = f"local role `{role}` at `{scope}` ({source.address})"
                step = AccessStep(kind="local role", text=text, at=source.at)
                yield self._of_words(principal, step, allowed, source, targets, f"remove {source.address}")

    def _local_role(self, source: Resource) -> tuple[str, Mapping[str, tuple[Sure, str]]]:
        """Return the name of a local role, and what it allows."""
        answer = source.select(("properties", "roleDefinitionId"))
        text = answer.text
        reference = reference_of(source.address, "", answer, self._index)
        targets = reference.targets if reference is not None else ()
        definition = self._index.resources[targets[0]] if len(targets) == 1 else None
        if definition is not None:
            name = definition.select(("name",))
            text = str(name.value) if isinstance(name, Scalar) else text
        built_in = role_by_id(text)
        if built_in is not None:
            return built_in, _local_words(built_in.lower())
        if definition is not None and not definition.existing:
            role = of_definition(definition, definition.name)
            words = {word: (role.data(action), role.why) for action, word in LOCAL_DATA_ACTIONS.items()}
            return definition.name, {word: pair for word, pair in words.items() if pair[0] is not Sure.NO}
        every = {word for words in LOCAL_ROLES.values() for word in words}
        name_ = text if isinstance(answer, Scalar) and not answer.sensitive else "unknown"
        return name_, dict.fromkeys(every, (Sure.PERHAPS, "the local role is not declared in the scanned files"))


def parts_of(index: Index) -> Mapping[str, Sequence[Resource]]:
    """Return the pools of Batch accounts and the computes of Machine Learning workspaces, by address."""
    found: dict[str, list[Resource]] = {}
    for above, type_ in PARTS.items():
        for part in (one for one in index.of_type(type_) if one.stays):
            account, reference = part.select(ACCOUNT), parent_of(part, index)
            addresses = list(reference.targets) if reference is not None else []
            if isinstance(account, Scalar):
                addresses += (one.address for one in index.named(above, account.text.lower()))
            for address in dict.fromkeys(addresses):
                found.setdefault(address, []).append(part)
    return found


def locks_of(context: Context) -> Mapping[str, Mapping[str, Sure]]:
    """Return whether management locks prevent deletion and changes, by the address of a vault."""
    coverage = Coverage(context.index)
    found: dict[str, dict[str, Sure]] = {}
    for lock in context.index.of_type(LOCKS):
        scope, level = lock.select(SCOPE), lock.select(("properties", "level"))
        if not lock.stays or isinstance(scope, Absent | ListValue | MapValue):
            continue
        reference = coverage.covered(lock, "scope", scope)
        others = coverage.all if reference.anything else reference.candidates
        for certain, addresses in ((Sure.YES, reference.targets), (Sure.PERHAPS, others)):
            for address in addresses:
                own = found.setdefault(address, {})
                for word, kinds in (("delete", ("cannotdelete", "readonly")), ("write", ("readonly",))):
                    sure = Sure(min(certain, is_one_of(level, *kinds)))
                    own[word] = max(own.get(word, Sure.NO), sure)
    return found


def kind_of(vault: Resource, locks: Mapping[str, Sure]) -> VaultTraits:
    """Return the facts of a vault that decide what a permission allows."""
    is_hsm = vault.type.lower() == MANAGED_HSMS
    protection, deployment = _truth(vault.select(_PROTECTION)), _truth(vault.select(_DEPLOYMENT))
    model = model_of(vault)
    by_policies = Sure.PERHAPS
    if isinstance(model, Scalar):
        by_policies = Sure.YES if model.value == BY_POLICIES else Sure.NO
    return VaultTraits(
        is_hsm,
        Sure.NO if is_hsm else by_policies,
        Sure(Sure.YES - protection),
        deployment,
        undeletable=locks.get("delete", Sure.NO),
        unwritable=locks.get("write", Sure.NO),
    )


def _truth(answer: Answer) -> Sure:
    if isinstance(answer, Scalar):
        return Sure.YES if answer.value is True else Sure.NO
    return Sure.NO if isinstance(answer, Absent) else Sure.PERHAPS


def scope_text(scope: Answer, index: Index) -> str:
    """Return the scope of a role assignment in words."""
    if isinstance(scope, Link):
        return scope.target
    text = "" if scope.sensitive else scope.text
    shown = "" if scope.sensitive else in_braces(scope.string)
    named = _OWN_SCOPES.get(shown.lower())
    if named or not text:
        return named or "an unknown scope"
    addresses, _ = index.find(text)
    return addresses[0] if addresses else shown


def object_in(scope: Answer, index: Index) -> str:
    """Return the object that the scope of a role assignment is, such as ``secrets/db``; empty for a vault or more."""
    target = index.resources.get(scope.target) if isinstance(scope, Link) else None
    if target is not None:
        kind, name = target.type.lower().rpartition("/")[2], object_name(target)
    else:
        # subscriptions/S/resourceGroups/R/providers/Microsoft.KeyVault/vaults/NAME/KIND/OBJECT
        parts = [*split_text(strip_text(scope.string, "/"), "/")[8:10], "", ""]
        kind, name = text_form(parts[0]).lower(), in_braces(parts[1])
    return f"{kind}/{name or _UNKNOWN_NAME}" if kind in _ARGUMENT else ""


def object_name(resource: Resource) -> str:
    """Return the name of a secret, key or certificate in its vault."""
    return in_braces(pattern_from(resource.name) or resource.name).rpartition("/")[2]


def is_known_name(name: str) -> bool:
    """Return whether the name of an object is known."""
    return name != "" and _HOLE not in name


def is_selected(only: str, selected: Iterable[str]) -> Sure:
    """Return whether a scope that is one object is one of those that the report is about."""
    if only.lower() in selected:
        return Sure.YES
    kind, name = only.split("/", 1)
    return Sure.NO if is_known_name(name) or not any(one.startswith(f"{kind}/") for one in selected) else Sure.PERHAPS


def _limited(words: Mapping[str, tuple[Sure, str]], doubt: str) -> Mapping[str, tuple[Sure, str]]:
    """Return permissions that are only possible if there is a doubt."""
    if not doubt:
        return words
    return {word: (Sure.PERHAPS, doubt if sure is Sure.YES else why) for word, (sure, why) in words.items()}


def _local_words(role: str) -> dict[str, tuple[Sure, str]]:
    found = dict.fromkeys(LOCAL_ROLES[role], (Sure.YES, ""))
    found |= dict.fromkeys(DISPUTED_LOCAL_ROLES.get(role, ()), (Sure.PERHAPS, _DISPUTED))
    return found


def _policy_words(grant: Grant) -> dict[str, tuple[Sure, str]]:
    """Return the permissions of an access policy, and what would decide each."""
    maybe = _EXISTS if grant.item.note == MAY_BE_ABSENT else ""
    found = dict.fromkeys(grant.permissions, (Sure.PERHAPS if maybe else Sure.YES, maybe))
    for word, source in grant.permissions.items():
        if is_implied_purge(word, source):
            found[word] = (Sure.PERHAPS, _ALL_PURGES)
    if grant.doubt is not None:
        doubt = (Sure.PERHAPS, f"the permissions of the access policy: {grant.doubt.why}")
        words = [word for word in DATA_WORDS if word.partition("/")[0] in grant.doubted_kinds]
        found = {**dict.fromkeys(words, doubt), **found}
    return found


def _policy_edit(source: Resource, principal: Principal, *, inline: bool) -> str:
    if not inline:
        return f"remove {source.address}"
    block = "the `access_policy` block" if source.declared_as in RESOURCES else "the item of `accessPolicies`"
    return f"remove {block} for {principal.label} from {source.address}"


def _words_edit(capability: Capability, grant: Grant | None, source: Resource) -> str:
    """Return the edit that removes the words of a capability from a policy; empty if it has no others."""
    if grant is None:
        return ""
    words = [word for word in sorted(capability.words) if word in grant.permissions]
    if not words or grant.permissions.keys() <= set(words):
        return ""
    parts: dict[str, list[str]] = {}
    whole: dict[str, str] = {}
    for word in words:
        item = grant.permissions[word]
        kind = word.partition("/")[0]
        argument = f"permissions.{kind}"
        if source.declared_as in RESOURCES:
            argument = _ARGUMENT.get(kind, kind)
        written = item.display()
        if written.lower() == "all":
            whole[argument] = f"replace `{written}` in `{argument}` by the permissions that are needed"
            continue
        if f"`{written}`" not in parts.setdefault(argument, []):
            parts[argument].append(f"`{written}`")
    texts = [f"{', '.join(written)} from `{argument}`" for argument, written in parts.items()]
    steps = [f"remove {' and '.join(texts)}"] if texts else []
    return f"{' and '.join([*steps, *whole.values()])} in {source.address}"


def _identity(answer: Answer) -> str:
    if isinstance(answer, Link):
        return f"link {answer.target}"
    return answer.text.lower().rstrip("/")
