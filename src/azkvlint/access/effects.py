"""What one role or access policy allows on one kind of vault, directly and by escalation.

Every action and data action of a role is allowed certainly, possibly, or not at all. Capabilities are the columns of a
matrix and the words of ``--permission``, ``--max`` and ``--deny``.

Sources: learn.microsoft.com/azure/key-vault/general/rbac-guide (roles and access policies exclude each other),
.../general/assign-access-policy (a principal that can write a vault can add access policies),
.../general/soft-delete-overview (purge protection), .../managed-hsm/access-control (local roles), and
learn.microsoft.com/azure/azure-resource-manager/templates/key-vault-parameter (secrets in deployments). Two pages
disagree on who can switch a vault back to access policies (.../general/access-control-default and
.../general/rbac-guide), so that is never certain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import NamedTuple

from azkvlint.azure.roles import (
    ACTIONS_OF,
    ASSIGNS,
    ASSIGNS_LOCAL_ROLES,
    ATTACHES,
    DELETES_HSM,
    DEPLOYS,
    FEDERATES,
    IDENTITIES,
    LOCAL_ROLES,
    MAY_RUN,
    MAY_RUN_BY_DATA_ACTIONS,
    PUBLISHES,
    PURGES_HSM,
    SIGN_INS,
    STARTED,
    UNLOCKS,
    WORKLOADS,
    WRITES_HSM,
)
from azkvlint.derived.assignments import DELETED_AT, OBJECT
from azkvlint.derived.companions import Sure
from azkvlint.derived.permissions import Permissions, built_in, condition_in, reaches_vaults
from azkvlint.model.access import Capability
from azkvlint.model.pattern import Text
from azkvlint.util.errors import UsageError, did_you_mean

DEFINES = "Microsoft.Authorization/roleDefinitions/write"
_VAULT = "Microsoft.KeyVault/vaults/"
_WRITES, _DELETES, _ADDS_POLICIES = f"{_VAULT}write", f"{_VAULT}delete", f"{_VAULT}accessPolicies/write"
_READS_IN_DEPLOYMENTS = f"{_VAULT}deploy/action"
_PURGES = "Microsoft.KeyVault/locations/deletedVaults/purge/action"
# The control plane creates secrets and keys, but does not read them.
_CREATES = {f"{_VAULT}secrets/write": "secrets/set", f"{_VAULT}keys/write": "keys/create"}
_ABOVE = (*DELETED_AT, "")  # "": a level that is not known
# A deployment is written to a resource group, or above.
_DEPLOYED_AT = ("resource group", *_ABOVE)
_LOCAL_WORDS = frozenset(word for words in LOCAL_ROLES.values() for word in words)
_BY_POLICY = "can add an access policy for itself"
_BY_ROLE = "can assign itself any role"
_BY_DEFINITION = "can add permissions to a custom role"
_BY_MODEL = "may switch the vault to access policies"
_BY_DEPLOYMENT = "can read secrets in template deployments"
_BY_ENABLING = "can enable the vault for template deployment, and read its secrets there"
_BY_LOCAL_ROLE = "can assign itself any local role"
CONFLICT = (
    "whether `Microsoft.KeyVault/vaults/write` alone can switch a vault to access policies; Microsoft's pages disagree"
)
MODEL = "the permission model of the vault"
_SCOPES = "whether the assignable scopes of a custom role are all in the scope of the assignment"
_CONDITION = "whether the condition of the role assignment excludes it"
_ATTACH = "whether the principal can also create or change a workload that uses the identity"
_START = "whether something else starts the code that the principal can write"
_MAY_RUN = "whether the workload runs code of the principal as this identity"
_PUBLISH = "whether the app accepts deployments with its publishing credentials"
_SIGN_IN = "whether the workload lets the principal sign in"
_LOCK = "whether a management lock applies, and the principal can delete it"
_PROTECTION = "whether purge protection is enabled"
_DEPLOYMENT = f"whether the principal also has `{DEPLOYS}` at a resource group or above"
_TEMPLATES = "whether template deployment is enabled on the vault"
# Words for what only the control plane allows, beside the permissions of access policies.
_NETWORK, _ACCESS, _DELETE, _PURGE = "vault/network", "vault/access", "vault/delete", "vault/purge"
# Managed storage accounts are not reported.
DATA_WORDS = frozenset(word for word in ACTIONS_OF if not word.startswith("storage/"))
_USED = ("decrypt", "encrypt", "sign", "verify", "wrapkey", "unwrapkey", "release")
_MANAGED = {
    "secrets": "set delete backup restore recover",
    "keys": "create import update delete backup restore recover rotate setrotationpolicy",
    "certificates": "create import update delete backup restore recover managecontacts manageissuers setissuers"
    " deleteissuers",
}
_PURGED = frozenset({f"{kind}/purge" for kind in _MANAGED} | {_PURGE})
CAPABILITIES = (
    Capability("secrets/get", "read secrets", frozenset({"secrets/get"})),
    Capability("keys/use", "use keys", frozenset(f"keys/{word}" for word in _USED)),
    Capability("certificates/get", "use certificates", frozenset({"certificates/get"})),
    Capability(
        "manage",
        "manage objects",
        frozenset(f"{kind}/{word}" for kind, words in _MANAGED.items() for word in words.split()),
    ),
    Capability("purge", "purge", _PURGED),
    Capability("network", "change the network", frozenset({_NETWORK})),
    Capability("access", "change access", frozenset({_ACCESS, ASSIGNS_LOCAL_ROLES})),
    Capability("delete", "delete the vault", frozenset({_DELETE})),
)


class VaultTraits(NamedTuple):
    """The facts of a vault that decide what a permission allows.

    Whether policies apply, objects can be purged, deployments can read secrets, and a management lock prevents deletion
    or every change.
    """

    is_hsm: bool
    by_policies: Sure
    purgeable: Sure
    deployable: Sure
    undeletable: Sure = Sure.NO
    unwritable: Sure = Sure.NO


class PermissionOutcome(NamedTuple):
    """Whether something is allowed, by which escalation (empty: directly), and what would decide it."""

    sure: Sure
    via: str = ""
    doubt: str = ""


_NO = PermissionOutcome(Sure.NO)


class Terms(NamedTuple):
    """The terms of an assignment: the level of its scope, its condition, and the roles that it may assign.

    ``condition`` is empty without one, and cannot be parsed if it is unknown.
    ``objects``: the scope is one of the ``secrets``, ``keys`` or ``certificates`` of a vault, if that is known.
    ``assignable`` is None for any role; otherwise the roles by name, and whether the conditions allow each.
    ``edits_itself``: the role is custom, and its assignable scopes are those of the assignment.
    """

    level: str
    objects: str = ""
    condition: Text = ""
    assignable: Mapping[str, Sure] | None = None
    edits_itself: bool = False


class OutcomesByWord:
    """The best outcome for each word."""

    def __init__(self) -> None:
        self.found: dict[str, PermissionOutcome] = {}
        # By the names of capabilities, since many vaults share the outcomes of one role.
        self._of: dict[str, PermissionOutcome] = {}

    def starting_with(self, prefix: str) -> OutcomesByWord:
        """Return the outcomes of the words that start with a prefix."""
        some = OutcomesByWord()
        some.found = {word: one for word, one in self.found.items() if word.startswith(prefix)}
        return some

    def add(self, words: Iterable[str], sure: Sure, via: str = "", doubt: str = "") -> None:
        """Add an outcome for some words. A certain one is better, then a direct one."""
        if sure is Sure.NO:
            return
        self._of.clear()
        outcome = PermissionOutcome(sure, via, doubt if sure is Sure.PERHAPS else "")
        for word in words:
            old = self.found.get(word, _NO)
            if (outcome.sure, not outcome.via) > (old.sure, not old.via):
                self.found[word] = outcome

    def of(self, capability: Capability) -> PermissionOutcome:
        """Return the best outcome of a capability."""
        found = self._of.get(capability.name)
        if found is None:
            outcomes = (self.found[word] for word in sorted(capability.words & self.found.keys()))
            found = max(outcomes, key=lambda one: (one.sure, not one.via), default=_NO)
            self._of[capability.name] = found
        return found


def of_policy(words: Mapping[str, tuple[Sure, str]], kind: VaultTraits) -> OutcomesByWord:
    """Return what an access policy allows. ``words`` are its permissions, with what would decide each."""
    found = OutcomesByWord()
    for word, (sure, doubt) in words.items():
        _add_data(found, [word], sure, "", doubt, kind, kind.by_policies)
    return found


def of_local_role(words: Mapping[str, tuple[Sure, str]], kind: VaultTraits) -> OutcomesByWord:
    """Return what a local role of a managed HSM allows."""
    found = OutcomesByWord()
    for word, (sure, doubt) in words.items():
        _add_data(found, [word], sure, "", doubt, kind, Sure.YES)
    assigns, doubt = words.get(ASSIGNS_LOCAL_ROLES, (Sure.NO, ""))
    _add_data(found, _LOCAL_WORDS, assigns, _BY_LOCAL_ROLE, doubt, kind, Sure.YES)
    return found


def _add_data(
    found: OutcomesByWord, words: Iterable[str], sure: Sure, via: str, doubt: str, kind: VaultTraits, in_effect: Sure
) -> None:
    """Add permissions on objects, which count if they are in effect, and to purge only without purge protection."""
    sure, doubt = _both((sure, doubt), (in_effect, MODEL))
    purging = [word for word in words if word.endswith("/purge")]
    found.add((word for word in words if not word.endswith("/purge")), sure, via, doubt)
    if purging:
        found.add(purging, *_ordered(_both((sure, doubt), (kind.purgeable, _PROTECTION)), via))


def _ordered(outcome: tuple[Sure, str], via: str) -> tuple[Sure, str, str]:
    return outcome[0], via, outcome[1]


def _both(one: tuple[Sure, str], other: tuple[Sure, str]) -> tuple[Sure, str]:
    """Return whether two facts hold together, and what would decide it."""
    return min(one, other, key=lambda fact: fact[0])


def of_role(role: Permissions, terms: Terms, kind: VaultTraits, seen: frozenset[str] = frozenset()) -> OutcomesByWord:
    """Return what the assignment of a role allows. ``seen``: the roles whose holder assigns itself this one."""
    if kind.by_policies is Sure.PERHAPS:
        return _either(*(of_role(role, terms, kind._replace(by_policies=model), seen) for model in (Sure.YES, Sure.NO)))
    found = OutcomesByWord()
    if kind.is_hsm:
        _control_of_hsm(found, role, terms, kind)
    else:
        _data(found, role, terms, kind)
    # The same escalation first on every kind of vault, so that one row covers them.
    _assigning(found, role, terms, kind, seen)
    if not kind.is_hsm:
        _control(found, role, terms, kind)
    return found.starting_with(f"{terms.objects}/") if terms.objects else found


def _either(one: OutcomesByWord, other: OutcomesByWord) -> OutcomesByWord:
    """Return what holds under an unknown permission model. ``one`` and ``other`` hold under the two models."""
    found = OutcomesByWord()
    for word in one.found.keys() | other.found.keys():
        first, second = one.found.get(word, _NO), other.found.get(word, _NO)
        doubt = MODEL if first.sure is not second.sure else first.doubt or second.doubt
        sure = first.sure if first.sure is second.sure else Sure.PERHAPS
        found.add([word], sure, first.via if first.sure >= second.sure else second.via, doubt)
    return found


def _data(found: OutcomesByWord, role: Permissions, terms: Terms, kind: VaultTraits) -> None:
    if kind.by_policies is Sure.YES:
        return
    for word in DATA_WORDS:
        action = ACTIONS_OF[word][0]
        sure, doubt = role.data(action), role.why
        if terms.condition:
            sure, doubt = _both((sure, doubt), (_permits(terms.condition, action), _CONDITION))
        _add_data(found, [word], sure, "", doubt, kind, Sure.YES)


@cache
def _permits(condition: Text, action: str) -> Sure:
    """Return whether a condition allows every request for an action, or may allow some."""
    possible = condition_in(condition).of_action(action).possible
    return Sure.NO if True not in possible else Sure.PERHAPS if False in possible else Sure.YES


def _control(found: OutcomesByWord, role: Permissions, terms: Terms, kind: VaultTraits) -> None:
    why = role.why
    writable = _unlocked(role, kind.unwritable)
    for action, word in _CREATES.items():
        found.add([word], *_ordered(_both((role.control(action), why), writable), ""))
    if terms.level == OBJECT:
        return
    writes = _both((role.control(_WRITES), why), writable)
    adds = _both((max(role.control(_WRITES), role.control(_ADDS_POLICIES)), why), writable)
    found.add([_NETWORK], *_ordered(writes, ""))
    found.add([_DELETE], *_ordered(_both((role.control(_DELETES), why), _unlocked(role, kind.undeletable)), ""))
    if terms.level in _ABOVE:
        found.add([_PURGE], *_ordered(_both((role.control(_PURGES), why), (kind.purgeable, _PROTECTION)), ""))
    if kind.by_policies is Sure.YES:
        _by_policies(found, adds, kind, _BY_POLICY)
    else:
        _by_policies(found, _both(writes, (Sure.PERHAPS, CONFLICT)), kind, _BY_MODEL)
    # The setting that lets deployments read secrets does not depend on the permission model. Another role may allow the
    # principal to deploy.
    own = role.control(DEPLOYS) if terms.level in _DEPLOYED_AT else Sure.NO
    deploys = _both((role.control(_READS_IN_DEPLOYMENTS), why), (max(own, Sure.PERHAPS), _DEPLOYMENT))
    for enabled, via in (((kind.deployable, _TEMPLATES), _BY_DEPLOYMENT), (writes, _BY_ENABLING)):
        found.add(["secrets/get"], *_ordered(_both(deploys, enabled), via))


def _unlocked(role: Permissions, locked: Sure) -> tuple[Sure, str]:
    """Return whether management locks let a principal change or delete a vault.

    Another role may let it delete the lock.
    """
    if locked is Sure.NO or role.control(UNLOCKS) is Sure.YES:
        return Sure.YES, ""
    return Sure.PERHAPS, _LOCK


def _by_policies(found: OutcomesByWord, adds: tuple[Sure, str], kind: VaultTraits, via: str) -> None:
    """Add what a principal has that adds an access policy for itself."""
    sure, doubt = adds
    found.add([_ACCESS], sure, "", doubt)
    _add_data(found, DATA_WORDS, sure, via, doubt, kind, Sure.YES)


def _control_of_hsm(found: OutcomesByWord, role: Permissions, terms: Terms, kind: VaultTraits) -> None:
    if terms.level == OBJECT:
        return
    for word, action, locked in (
        (_NETWORK, WRITES_HSM, kind.unwritable),
        (_DELETE, DELETES_HSM, kind.undeletable),
    ):
        found.add([word], *_ordered(_both((role.control(action), role.why), _unlocked(role, locked)), ""))
    if terms.level in _ABOVE:
        found.add([_PURGE], *_ordered(_both((role.control(PURGES_HSM), role.why), (kind.purgeable, _PROTECTION)), ""))


def _assigning(found: OutcomesByWord, role: Permissions, terms: Terms, kind: VaultTraits, seen: frozenset[str]) -> None:
    """Add what a principal has that can assign roles to itself, or change a role that it has."""
    assigns, defines = role.control(ASSIGNS), role.control(DEFINES)
    if terms.level != OBJECT:
        sure, doubt = _both((defines, role.why), (Sure.YES if terms.edits_itself else Sure.PERHAPS, _SCOPES))
        found.add([_ACCESS], sure, "", doubt)
        _everything(found, sure, doubt, terms, kind, _BY_DEFINITION)
    if assigns is Sure.NO:
        return
    if terms.assignable is None:
        found.add([_ACCESS] if terms.level != OBJECT else [], assigns, "", role.why)
        _everything(found, assigns, role.why, terms, kind, _BY_ROLE)
        return
    within = seen | {role.name}
    for name, may in terms.assignable.items():
        other = built_in(name.lower()) if name not in within else None
        if other is None:
            continue
        sure, doubt = _both((assigns, role.why), (may, _CONDITION))
        if terms.level != OBJECT:
            found.add([_ACCESS], *_ordered(_both((sure, doubt), (reaches_vaults(other), other.why)), ""))
        own = of_role(
            other, Terms(terms.level, terms.objects, assignable=other.assignable(to_itself=True)), kind, within
        )
        for word, outcome in own.found.items():
            both = _both((sure, doubt), (outcome.sure, outcome.doubt))
            found.add([word], *_ordered(both, f"can assign itself role `{name}`"))


class Act(NamedTuple):
    """Whether a principal can act as an identity, what would decide it, and how: a text with the address left out."""

    sure: Sure
    doubt: str
    text: str


def acting(role: Permissions, terms: Terms, type_: str, accepts: Sure = Sure.PERHAPS) -> Act:
    """Return whether a role lets its holder act as the identities of a workload, or as an identity, of a type.

    ``accepts``: the workload accepts deployments with publishing credentials.
    """
    found = _acting(role, type_, accepts)
    for name, may in (terms.assignable or {}).items():
        other = built_in(name.lower()) if may > found.sure else None
        own = _acting(other, type_, accepts) if other is not None else found
        sure, doubt = _both((role.control(ASSIGNS), role.why), _both((may, _CONDITION), (own.sure, own.doubt)))
        if sure > found.sure:
            found = Act(sure, doubt, f"can assign itself role `{name}`, which {own.text}")
    return found


@cache
def _acting(role: Permissions, type_: str, accepts: Sure) -> Act:
    if type_ == IDENTITIES:
        adds = Act(
            role.control(FEDERATES), role.why, f"can add a federated identity credential to {{}} (`{FEDERATES}`)"
        )
        attaches = Sure.PERHAPS if role.control(ATTACHES) is not Sure.NO else Sure.NO
        return max(adds, Act(attaches, _ATTACH, f"can assign {{}} to a workload (`{ATTACHES}`)"), key=_sure_of)
    runs = [Act(role.control(one), role.why, f"can run code on {{}} (`{one}`)") for one in WORKLOADS.get(type_, ())]
    runs += [
        Act(Sure(min(role.data(one), Sure.PERHAPS)), _SIGN_IN, f"can sign in to {{}} (`{one}`)")
        for one in SIGN_INS.get(type_, ())
    ]
    runs += [
        Act(Sure(min(allows(one), Sure.PERHAPS)), _MAY_RUN, f"may run code on {{}} (`{one}`)")
        for allows, table in ((role.control, MAY_RUN), (role.data, MAY_RUN_BY_DATA_ACTIONS))
        for one in table.get(type_, ())
    ]
    for one in PUBLISHES.get(type_, ()):
        sure, doubt = _both((role.control(one), role.why), (accepts, _PUBLISH))
        runs.append(Act(sure, doubt, f"can deploy code to {{}} with its publishing credentials (`{one}`)"))
    for way in STARTED.get(type_, ()):
        writes = max(way.writes, key=role.control)
        text = f"can run code on {{}} (`{writes}`"
        starts = [max(actions, key=role.control) for actions in way.starts]
        together = "".join(f" and `{one}`" for one in starts)
        runs.append(Act(role.starts(way), role.why, f"{text}{together})"))
        may = Sure(min(role.control(writes), Sure.PERHAPS))
        runs.append(Act(may, _START, f"can write code that {{}} runs (`{writes}`)"))
    return max(runs, key=_sure_of, default=Act(Sure.NO, "", ""))


def _sure_of(act: Act) -> Sure:
    return act.sure


def _everything(found: OutcomesByWord, sure: Sure, doubt: str, terms: Terms, kind: VaultTraits, via: str) -> None:
    """Add everything that any role at a scope allows."""
    if kind.is_hsm:
        words = [] if terms.level == OBJECT else [_NETWORK, _DELETE]
    else:
        # By a role, or with access policies by a role that can write them, which an object's scope does not allow.
        in_effect = terms.level != OBJECT or kind.by_policies is not Sure.YES
        _add_data(found, DATA_WORDS, sure, via, doubt, kind, Sure.YES if in_effect else Sure.NO)
        unlocked = (Sure.YES if kind.unwritable is Sure.NO else Sure.PERHAPS, _LOCK)
        found.add(_CREATES.values(), *_ordered(_both((sure, doubt), unlocked), via))
        words = [] if terms.level == OBJECT else [_NETWORK, _DELETE, _ACCESS]
    found.add(words, sure, via, doubt)
    if terms.level in _ABOVE:
        found.add([_PURGE], *_ordered(_both((sure, doubt), (kind.purgeable, _PROTECTION)), via))


def reaches_everything(role: Permissions, terms: Terms) -> tuple[Sure, str]:
    """Return whether a principal can give itself any permission at the scope of its assignment, and what decides it."""
    assigns = role.control(ASSIGNS), role.why
    if terms.assignable is not None:
        broad = [
            min(may, other.control(ASSIGNS))
            for name, may in terms.assignable.items()
            if (other := built_in(name.lower())) is not None and other.assignable() is None
        ]
        assigns = _both(assigns, (max(broad, default=Sure.NO), _CONDITION))
    edits = (Sure.YES if terms.edits_itself else Sure.PERHAPS, _SCOPES)
    sure, doubt = max(assigns, _both((role.control(DEFINES), role.why), edits), key=lambda fact: fact[0])
    return sure, doubt if sure is Sure.PERHAPS else ""


_BY_NAME = {one.name: one for one in CAPABILITIES}
_SINGLE = DATA_WORDS - _BY_NAME.keys()


def permission_names() -> list[str]:
    """Return every permission that an option accepts: the capabilities, then single permissions of access policies."""
    return [*_BY_NAME, *sorted(_SINGLE)]


def capability_of(text: str, option: str) -> Capability:
    """Return the capability that a word of an option names. Raise UsageError."""
    word = text.strip().lower()
    found = _BY_NAME.get(word)
    if found is None and word in _SINGLE:
        found = Capability(word, word, frozenset({word}))
    if found is None:
        hint = (
            did_you_mean(word, permission_names())
            or f"write one of {', '.join(_BY_NAME)}, or a permission such as keys/sign"
        )
        raise UsageError(f"{option}: `{text}` is not a permission", hint)
    return found


def capabilities_of(words: Iterable[str], option: str) -> tuple[Capability, ...]:
    """Return the capabilities that the words of an option name, without repetitions. Raise UsageError."""
    return tuple({one.name: one for one in (capability_of(word, option) for word in words)}.values())
