"""The principals of a root: whose object ID an expression is, who is in a group, and who can act as an identity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from azkvlint.azure.azurerm.providers import PROVIDER_PREFIX
from azkvlint.azure.azurerm.resources import (
    ACTIVE_MEMBERS,
    APPLICATION_OWNERS,
    ELIGIBLE_MEMBERS,
    GROUPS,
    MEMBERS,
)
from azkvlint.azure.roles import IDENTITIES, WORKLOADS
from azkvlint.derived.access_policies import POLICIES, VAULTS
from azkvlint.derived.assignments import GRANTS
from azkvlint.derived.companions import Sure, is_one_of, targets_of
from azkvlint.derived.federation import (
    APPLICATION_CREDENTIAL_TYPE,
    APPLICATIONS,
    CREDENTIALS,
    EXPRESSION,
    ISSUER,
    SUBJECT,
    identities_of,
    resource_of,
    resources_by_id,
    service_principals,
)
from azkvlint.derived.grants import CLIENTS, DEPLOYER, LITERAL, Identity, grants_of, identity_of, owner_of
from azkvlint.derived.registry import Context
from azkvlint.graph.references import Index, reference_of
from azkvlint.model.access import AccessStep, Principal
from azkvlint.model.location import Location
from azkvlint.model.pattern import DeclaredHole, Text, bare, has_holes, text_form, without_brackets
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Link, MapValue, Path, Scalar, Unknown, Value
from azkvlint.util.lazy_regex import regex

GROUP_TYPE, _ELIGIBLE = GROUPS.lower(), ELIGIBLE_MEMBERS.lower()
CLUSTERS = "microsoft.containerservice/managedclusters"
MEMBER_TYPES = (MEMBERS.lower(), ACTIVE_MEMBERS.lower(), _ELIGIBLE)
MEMBER_NEEDS = tuple(("properties", name) for name in ("groupId", "memberId", "memberType"))
# An owner of a group adds members, and a user who owns an application or service principal adds credentials. Source:
# learn.microsoft.com/entra/fundamentals/users-default-permissions (object ownership) and the documentation of azuread
# (an application requires this permission for what it owns).
OWNERS: Path = ("properties", "owners")
GROUP_TYPES: Path = ("properties", "groupTypes")
OWNER_TYPE = APPLICATION_OWNERS.lower()
OWNER_NEEDS = tuple(("properties", name) for name in ("applicationId", "ownerId"))
# Each item of a collection whose items are not known, in a pattern.
_EACH = regex(r"\.?\[each\]")
_DYNAMIC = "dynamicmembership"
_BY_RULE = "whether the members of the group are assigned, and not found by a rule"
_MAY_BE_EMPTY = "whether there are owners"
_GUEST = "whether a guest user may change what it owns"
_NO_USER = "whether the owner is a user; an application also requires `Application.ReadWrite.OwnedBy`"
_ACTIVATES = "whether the principal activates its membership or ownership"
_OWNS = "whether the principal is a member of the group, or an owner"
_KINDS: Mapping[str, str] = {
    IDENTITIES: "user-assigned identity",
    "microsoft.compute/virtualmachines": "virtual machine",
    "microsoft.compute/virtualmachinescalesets": "scale set",
    "microsoft.web/sites": "app",
    "microsoft.web/sites/slots": "deployment slot",
    "microsoft.app/containerapps": "container app",
    "microsoft.app/jobs": "container app job",
    "microsoft.containerinstance/containergroups": "container group",
    "microsoft.logic/workflows": "logic app",
    "microsoft.resources/deploymentscripts": "deployment script",
    "microsoft.hybridcompute/machines": "Arc machine",
    "microsoft.automation/automationaccounts": "Automation account",
    "microsoft.datafactory/factories": "data factory",
    "microsoft.batch/batchaccounts/pools": "Batch pool",
    "microsoft.machinelearningservices/workspaces/computes": "Machine Learning compute",
    CLUSTERS: "Kubernetes cluster",
    GROUP_TYPE: "group",
    "terraform/users": "user",
    "terraform/applications": "application",
}
_WORDS: Mapping[str, str] = {
    "deployer": "deployment identity",
    "application": "service principal",
    "person": "user or group",
    "guest": "guest user",
}
# The words of the types of principals that role assignments declare.
_DECLARED: Mapping[str, str] = {
    "user": "user", "group": "group", "foreigngroup": "group", "serviceprincipal": "service principal",
}  # fmt: skip
# The kinds of identities by what is in the path to the object ID, and by the type of the resource.
_KUBELET_PATH = r"kubelet_?identity"
_ADD_ON_PATH = r"addonprofiles|secret_identity|gateway_identity|oms_agent_identity|connector_identity"
_BY_PATH = ((regex(_KUBELET_PATH), "kubelet identity"), (regex(_ADD_ON_PATH), "add-on identity"))
_PART_PATH, _ISSUER_PATH = regex(f"{_KUBELET_PATH}|{_ADD_ON_PATH}"), regex("oidc_?issuer")
KUBELET: Path = ("properties", "identityProfile", "kubeletidentity", "resourceId")
_BY_TYPE = (
    (regex(r"policy_?assignments?$|policy_set_assignment$"), "identity of a policy assignment"),
    (regex(r"(?:^azuread_|^terraform/)service_?principals?$"), "service principal"),
    (regex(r"^azuread_user$"), "user"),
    (regex(r"^azuread_group$"), "group"),
)
TYPES = frozenset(_KINDS)
CLIENT_NEEDS = (("provider",),)
_CLIENT_CONFIG = "data.azurerm_client_config"


def _kind_of(identity: Identity, answer: Answer, declared: Answer) -> str:
    """Return what a principal is, as far as its expression or its role assignment states it."""
    hole = answer.pattern if isinstance(answer, Unknown) else None
    word = _WORDS.get(identity.kind, "")
    if identity.kind in ("deployer", "guest"):
        return word
    if isinstance(hole, DeclaredHole):
        path, type_ = hole.path.lower(), hole.type.removeprefix("data.").lower()
        places = (*((found, path, own) for found, own in _BY_PATH), *((found, type_, own) for found, own in _BY_TYPE))
        for found, text, own in places:
            if found.search(text):
                return own
        if identity.kind == "application" and (type_.startswith("azurerm_") or "identity.principalid" in path):
            return "managed identity"
    return _DECLARED.get(declared.text.lower(), word) if isinstance(declared, Scalar) else word


def kind_words(type_: str) -> str:
    """Return what a resource of a type (lower case) is as a principal."""
    return _KINDS[type_]


class PrincipalEdge(msgspec.Struct, frozen=True):
    """A principal can act as another one, ``target``, or is in that group: surely, or if ``doubt`` is decided so."""

    target: str
    sure: Sure
    step: AccessStep
    doubt: str
    edit: str


class Principals:
    """The principals of one root by key, with the edges between them that no role assignment makes."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._index = context.index
        self.by_key: dict[str, Principal] = {}
        self._sensitive: dict[str, str] = {}
        self._resources = resources_by_id(self._index, _KINDS)
        self._deployers = deployers_in(self._index)
        self.edges: dict[str, list[PrincipalEdge]] = {}
        self._in_clusters = self._of_clusters() if self._index.of_type(CLUSTERS) else {}
        for source, edge in (*self._memberships(), *self._ownerships(), *self._federated()):
            if edge.target != source:
                self.edges.setdefault(source, []).append(edge)

    def principal(
        self, answer: Answer, kind: Answer, source: Resource, number: int | str = 0, suffix: str = "", what: str = ""
    ) -> Principal:
        """Return the principal that an object ID identifies.

        ``suffix``: the application that acts on its behalf. ``what``: what it is for the source, if it is not known.
        """
        identity = identity_of(answer, kind, self._context)
        resource = resource_of(identity, self._resources)
        id_ = _id_of_identity(answer) if resource is None and not answer.sensitive else ""
        if resource is not None:
            found = self.of_resource(resource)
        elif id_:
            found = self._named_identity(id_)
        elif identity.kind == DEPLOYER and identity.owner.lower() in self._deployers:
            found = self._deployers[identity.owner.lower()]
        else:
            key = identity.expression.lower() or f"? {source.address} {number} {what}".rstrip()
            if answer.sensitive:
                key = self._sensitive.setdefault(key, f"? sensitive {len(self._sensitive) + 1}")
            what = what or ("member" if source.type.lower() in (GROUP_TYPE, *MEMBER_TYPES) else "principal")
            owner = identity.owner if identity.family == LITERAL else identity.owner.rpartition("/")[2]
            owner = owner if identity.label else ""
            label = _EACH.sub("[*]", owner) or f"unknown {what} of {source.address}"
            found = Principal(key=key, label=label, kind=_kind_of(identity, answer, kind))
        if suffix:
            found = Principal(
                key=f"{found.key} {suffix}", label=f"{found.label} through application {suffix}", kind=found.kind
            )
        known = self.by_key.setdefault(found.key, found)
        if found.kind and not known.kind:  # another role assignment or policy does not state it
            self.by_key[found.key] = known = found
        return known

    def _named_identity(self, id_: Text) -> Principal:
        """Return a user-assigned identity by its ID. A declared one may be the same, if that does not decide it."""
        text = text_form(id_)
        key = text.lower()
        found = self.by_key.get(key)
        if found is None:
            name, group = bare(id_).rpartition("/")[2], _group_in(text)
            label = f"{name} of {group}" if group else name
            found = self.by_key[key] = Principal(key=key, label=label, kind=_KINDS[IDENTITIES])
            for address in self._index.find_candidates(text):
                resource = self._index.resources[address]
                if resource.type.lower() == IDENTITIES:
                    step = AccessStep(kind="identity", text=f"may be {label}", at=resource.at)
                    edge = PrincipalEdge(key, Sure.PERHAPS, step, f"whether {address} is {label}", "")
                    self.edges.setdefault(self.of_resource(resource).key, []).append(edge)
        return found

    def of_resource(self, resource: Resource) -> Principal:
        """Return the principal that a resource is, or whose identity it has."""
        key = resource.address.lower()
        found = self.by_key.get(key)
        if found is None:
            kind = _KINDS.get(resource.type.lower(), "")
            found = Principal(key=key, label=resource.address, kind=kind, at=resource.at)
            self.by_key[key] = found
        return found

    def _of_clusters(self) -> dict[str, list[str]]:
        """Return the principals as which code in a cluster can act: its kubelet and add-ons, and federated subjects."""
        found: dict[str, list[str]] = {}
        sources = [(one, one.select(("properties", "principalId"))) for type_ in GRANTS for one in self._of(type_)]
        for resource in (one for type_ in (VAULTS, POLICIES) for one in self._of(type_)):
            grants = grants_of(resource, self._context)
            sources += [(resource, one.principal) for one in (() if isinstance(grants, Unknown) else grants)]
        for source, answer in sources:
            cluster = self._cluster_in(answer)
            if cluster is not None:
                key = self.principal(answer, Absent(at=source.at), source).key
                found.setdefault(cluster.address, []).append(key)
        for credential in (one for type_ in (CREDENTIALS, APPLICATION_CREDENTIAL_TYPE) for one in self._of(type_)):
            cluster = self._cluster_in(credential.select(ISSUER), is_issuer=True)
            if cluster is not None:
                found.setdefault(cluster.address, []).append(self._subject(credential))
        return {address: list(dict.fromkeys(keys)) for address, keys in found.items()}

    def _cluster_in(self, answer: Answer, *, is_issuer: bool = False) -> Resource | None:
        """Return the cluster that issues tokens, or of whose kubelet or add-on an expression is the object ID."""
        part = answer.pattern if isinstance(answer, Unknown) else None
        if not isinstance(part, DeclaredHole):
            return None
        pattern = _ISSUER_PATH if is_issuer else _PART_PATH
        found = self._resources.get(bare(part.address).lower()) if pattern.search(part.path.lower()) else None
        return found if found is not None and found.type.lower() == CLUSTERS else None

    def identities_of(self, workload: Resource) -> Iterator[tuple[str, Sure, str]]:
        """Yield the keys of the identities that code on a workload can use.

        With each is whether it can, and why the workload may not exist where the identity does.
        """
        if workload.type.lower() == CLUSTERS:
            # The identity of the cluster itself is that of its control plane, which runs no code of others.
            yield from ((key, Sure.PERHAPS, "") for key in self._in_clusters.get(workload.address, ()))
            kubelet = workload.select(KUBELET)
            if not isinstance(kubelet, Absent):
                yield from ((key, Sure.PERHAPS, "") for key, *_ in self._assigned(workload, kubelet))
            return
        type_ = workload.select(("identity", "type"))
        if isinstance(type_, Unknown):
            yield self.of_resource(workload).key, Sure.PERHAPS, ""
        elif isinstance(type_, Scalar) and "systemassigned" in str(type_.value).lower().replace("_", ""):
            yield self.of_resource(workload).key, Sure.YES, ""
        if isinstance(workload.select(("identity",)), Absent):
            return
        listed = workload.select(("identity", "userAssignedIdentities"))
        values: list[Value] = list(workload.select(("identity", "identityIds")).as_items)
        if isinstance(listed, MapValue):
            values += [Scalar(at=listed.at, value=name) for name in listed.fields]
            values += listed.names or ([listed.rest] if listed.rest is not None else [])
        elif isinstance(listed, Unknown):
            values.append(listed)
        # In a plan, each of several unknown IDs may be any of their resources, but together they are all of these.
        unknown = [value for value in values if isinstance(value, Unknown) and value.closed and value.pattern is None]
        if unknown and {len(set(value.candidates)) for value in unknown} == {len(unknown)}:
            candidates = {value.candidates for value in unknown}
            if len(candidates) == 1:
                values = [value for value in values if value not in unknown]
                values += [Link(at=workload.at, target=address) for address in candidates.pop()]
        for value in values:
            yield from self._assigned(workload, value)

    def _assigned(self, workload: Resource, value: Value) -> Iterator[tuple[str, Sure, str]]:
        """Yield the user-assigned identities that a value may be. An identity may exist without its workload."""
        reference = reference_of(workload.address, "identity", value, self._index)
        for resource, sure in targets_of(reference, self._index):
            if resource.type.lower() == IDENTITIES:
                yield self.of_resource(resource).key, sure, existence_doubt(workload, resource)
        id_ = value.string
        if reference is not None and not reference.targets and _is_id_of_identity(text_form(id_)):
            yield self._named_identity(id_).key, Sure.YES, existence_doubt(workload, None)
        if reference is not None and reference.anything:
            for identity in self._index.of_type(IDENTITIES):
                yield self.of_resource(identity).key, Sure.PERHAPS, ""

    def _memberships(self) -> Iterator[tuple[str, PrincipalEdge]]:
        for group in self._index.of_type(GROUP_TYPE):
            members = group.select(("properties", "members"))
            for number, member in enumerate(members.as_items if group.stays else ()):
                key = self.principal(member, Absent(at=group.at), group, number).key
                edit = f"remove the member from `members` of {group.address}"
                yield key, _membership(self.of_resource(group), group, member, edit)
        for resource in (one for type_ in MEMBER_TYPES for one in self._index.of_type(type_)):
            group_id, own, kind = (resource.select(path) for path in MEMBER_NEEDS)
            is_member = Sure.YES if isinstance(kind, Absent) else is_one_of(kind, "member")
            if not resource.stays or isinstance(group_id, Absent) or isinstance(own, Absent):
                continue
            nothing = Absent(at=resource.at)
            key = self.principal(own, nothing, resource).key
            group_ = self.principal(group_id, nothing, resource, 1)
            doubt = _OWNS if is_member is Sure.PERHAPS else _ACTIVATES if resource.type.lower() == _ELIGIBLE else ""
            relation = _membership if is_member else _ownership
            yield key, relation(group_, resource, own, f"remove {resource.address}", doubt)

    def _ownerships(self) -> Iterator[tuple[str, PrincipalEdge]]:
        applications = service_principals(self._index, self._resources)
        for type_ in (GROUP_TYPE, APPLICATIONS):
            for owned in self._of(type_):
                targets = [owned] if type_ == GROUP_TYPE or _is_principal(owned) else []
                targets += applications.get(owned.address.lower(), ())
                edit = f"remove the owner from `owners` of {owned.address}"
                for number, owner in enumerate(() if owned.existing else owned.select(OWNERS).as_items):
                    for target in targets:
                        yield from self._owns(owner, owned, number, target, edit)
        for resource in self._of(OWNER_TYPE):
            application, own = (resource.select(path) for path in OWNER_NEEDS)
            if isinstance(own, Absent):
                continue
            for target in applications.get(owner_of(application.string).lower(), ()):
                yield from self._owns(own, resource, 0, target, f"remove {resource.address}")

    def _owns(
        self, owner: Value, source: Resource, number: int, target: Resource, edit: str
    ) -> Iterator[tuple[str, PrincipalEdge]]:
        """Yield the edge from an owner, which ``source`` states, to a group or service principal."""
        nothing = Absent(at=source.at)
        found = self.principal(owner, nothing, source, number, what="owner")
        identity = identity_of(owner, nothing, self._context)
        is_guest = identity.kind == "guest" or identity.perhaps_guest
        doubt = _MAY_BE_EMPTY if owner is source.select(OWNERS) else _GUEST if is_guest else ""
        if target.type.lower() == GROUP_TYPE:
            types = [one if isinstance(one, Scalar) else None for one in target.select(GROUP_TYPES).as_items]
            if any(one is not None and str(one.value).lower() == _DYNAMIC for one in types):
                return  # only administrators change the rule
            doubt = doubt or (_BY_RULE if None in types else "")
        else:
            doubt = doubt or ("" if found.kind == _KINDS["terraform/users"] else _NO_USER)
        yield found.key, _ownership(self.of_resource(target), source, owner, edit, doubt)

    def _federated(self) -> Iterator[tuple[str, PrincipalEdge]]:
        principals = service_principals(self._index, self._resources)
        for credential in (one for type_ in (CREDENTIALS, APPLICATION_CREDENTIAL_TYPE) for one in self._of(type_)):
            for identity, certain in identities_of(credential, self._context, principals):
                yield self._subject(credential), self._federates(credential, identity, certain)

    def _of(self, type_: str) -> Iterator[Resource]:
        return (one for one in self._index.of_type(type_) if one.stays)

    def _subject(self, credential: Resource) -> str:
        """Return the key of the subject of a federated identity credential."""
        issuer, subject, claims = (_shown(credential.select(path)) for path in (ISSUER, SUBJECT, EXPRESSION))
        label = f"{subject or claims or 'unknown subject'} of {issuer or 'an unknown issuer'}"
        principal = Principal(key=f"federated {label}".lower(), label=label, kind="federated subject", at=credential.at)
        return self.by_key.setdefault(principal.key, principal).key

    def _federates(self, credential: Resource, identity: Resource, certain: Sure) -> PrincipalEdge:
        target = self.of_resource(identity)
        text = f"federated identity credential of {identity.address}"
        step = AccessStep(kind="federated", text=text, at=credential.at, to=(target,))
        doubt, sure = _with_existence(credential, identity, certain, "which identity the credential is for")
        return PrincipalEdge(target.key, sure, step, doubt, f"remove {credential.address}")


def deployers_in(index: Index) -> Mapping[str, Principal]:
    """Return the identity that runs Terraform by the data sources of azurerm that look it up, in lower case.

    All that have one provider look up the same identity. A provider with an alias may be several, by its ``for_each``.
    """
    found: dict[str, list[str]] = {}
    for resource in index.of_type(CLIENTS):
        provider = resource.select(CLIENT_NEEDS[0])
        if not isinstance(provider, Link) or "." in provider.target.removeprefix(PROVIDER_PREFIX):
            continue
        if resource.address.rpartition(".")[0].endswith(_CLIENT_CONFIG):
            found.setdefault(provider.target, []).append(resource.address)
    return {
        address.lower(): Principal(
            key=f"{_CLIENT_CONFIG} of {provider}", label=_one_of(addresses), kind=_WORDS[DEPLOYER]
        )
        for provider, addresses in found.items()
        for address in addresses
    }


def _one_of(addresses: Sequence[str]) -> str:
    """Return the name of what data sources look up: the only one, the only one of the root module, or their type."""
    own = [one for one in addresses if one.startswith(_CLIENT_CONFIG)]
    return next((some[0] for some in (addresses, own) if len(some) == 1), _CLIENT_CONFIG)


def _membership(group: Principal, source: Resource, member: Value, edit: str, unsure: str = "") -> PrincipalEdge:
    step = AccessStep(kind="group", text=f"member of {group.label}", at=place_of(member, source), to=(group,))
    doubt = unsure or existence_doubt(source, None)
    return PrincipalEdge(group.key, Sure.PERHAPS if doubt else Sure.YES, step, doubt, edit)


def _ownership(owned: Principal, source: Resource, owner: Value, edit: str, unsure: str = "") -> PrincipalEdge:
    adds = "credentials" if owned.kind == _KINDS[APPLICATIONS] else "members"
    step = AccessStep(kind="owner", text=f"owner of {owned.label}, can add {adds}", at=place_of(owner, source))
    doubt = unsure or existence_doubt(source, None)
    return PrincipalEdge(owned.key, Sure.PERHAPS if doubt else Sure.YES, step, doubt, edit)


def _id_of_identity(answer: Answer) -> Text:
    """Return the ID of the user-assigned identity whose object ID a template looks up; empty for another expression."""
    hole = answer.string
    id_ = hole.address if isinstance(hole, DeclaredHole) else ""
    return id_ if _is_id_of_identity(text_form(id_)) else ""


def _is_id_of_identity(text: str) -> bool:
    return f"/providers/{IDENTITIES}/" in text.lower()


def _group_in(id_: str) -> str:
    """Return the resource group in an ID, if it is known."""
    _, _, rest = id_.partition("/resourceGroups/")
    group = rest.partition("/")[0]
    return "" if has_holes(group) else group


def _is_principal(application: Resource) -> bool:
    """Return whether a resource is the service principal of an application, and not the application."""
    return "service_principal" in application.declared_as


def place_of(value: Answer, resource: Resource) -> Location:
    """Return where a value is written; the place of its resource in a plan, whose values have none of their own."""
    at = value.at
    return resource.at if at.span is None and at.pointer is None and at.region is None else at


def _with_existence(source: Resource, target: Resource, sure: Sure, what: str) -> tuple[str, Sure]:
    """Return what would decide whether a relation holds, and whether it does."""
    if sure is not Sure.YES:
        return what, Sure.PERHAPS
    doubt = existence_doubt(source, target)
    return doubt, Sure.PERHAPS if doubt else Sure.YES


def existence_doubt(source: Resource, target: Resource | None) -> str:
    """Return why a resource may not exist where another does, or in the base world without another; empty if it
    certainly exists there.
    """
    if source.assumption is not None and (target is None or source.assumption != target.assumption):
        return f"whether {source.address} exists (only {source.assumption.text})"
    if not source.conditions <= (target.conditions if target is not None else frozenset()):
        return f"whether {source.address} exists"
    return ""


def _shown(answer: Answer) -> str:
    """Return what is known of a string that reports may show, with the expressions of its unknown parts."""
    return "" if answer.sensitive else without_brackets(answer.string)


def subject_of(policy: Value) -> str:
    """Return the application that acts on behalf of the principal of an access policy; empty without one.

    Of a policy that is unknown as a whole, no argument is known to be set.
    """
    if isinstance(policy, Unknown):
        return ""
    application = policy.select(("applicationId",))
    text = _shown(application)
    if isinstance(application, Absent) or (isinstance(application, Scalar) and not text):
        return ""
    return text or "unknown application"


WORKLOAD_TYPES = tuple(WORKLOADS)
