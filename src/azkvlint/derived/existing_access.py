"""Whether the principal of a role assignment reads the secrets already that the role would let it reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from azkvlint.derived.abilities import ABILITY_NEEDS, assigns_any_role
from azkvlint.derived.access_policies import POLICIES, VAULTS
from azkvlint.derived.answers import known, unknown
from azkvlint.derived.assignments import ACTIVE, ASSIGNMENTS, COVERS, COVERS_NEEDS, Coverage
from azkvlint.derived.companions import Sure
from azkvlint.derived.grants import DEPLOYER, NEEDS, Identity, grants_of
from azkvlint.derived.registry import Context, derived, joined
from azkvlint.graph.references import references_by
from azkvlint.model.resource import Resource
from azkvlint.model.value import Answer, Path, Unknown

_READS_SECRETS = "secrets/get"
_READS: Mapping[str, tuple[Path, ...]] = joined(COVERS_NEEDS, NEEDS, ABILITY_NEEDS)


class _Readers(msgspec.Struct):
    """Who certainly reads the secrets of a vault: their keys, whether nothing is known of one, and whether all deploy.

    An identity that deploys has an expression of its own, so that a principal of which nothing is known is not it.
    """

    keys: set[str] = msgspec.field(default_factory=set)
    has_unknown: bool = False
    only_deploy: bool = True

    def add(self, identity: Identity) -> None:
        """Add one of them."""
        if identity.key:
            self.keys.add(identity.key)
        else:
            self.has_unknown = True
        self.only_deploy = self.only_deploy and identity.kind == DEPLOYER

    def join(self, others: _Readers) -> None:
        """Add others."""
        self.keys |= others.keys
        self.has_unknown = self.has_unknown or others.has_unknown
        self.only_deploy = self.only_deploy and others.only_deploy

    def include(self, key: str) -> Sure:
        """Return whether a principal is one of them. Principals with different expressions are assumed to differ."""
        if key in self.keys:
            return Sure.YES
        return Sure.PERHAPS if self.has_unknown or not (key or self.only_deploy) else Sure.NO


class _Existing(msgspec.Struct, frozen=True):
    """Who reads the secrets of each vault, and by assignment: the vaults in scope, and whether these are certainly all.

    All are addresses. ``of_all`` has the keys of those who read all vaults of a scope. Thousands of assignments may
    have a scope with hundreds of vaults.
    """

    readers: Mapping[str, _Readers]
    scopes: Mapping[str, tuple[tuple[str, ...], bool]]
    of_all: dict[tuple[str, ...], set[str]]

    def include(self, key: str, vaults: tuple[str, ...]) -> Sure:
        """Return whether a principal reads the secrets of every one of some vaults."""
        of_all = self.of_all.get(vaults)
        if of_all is None:
            keys = [self.readers[one].keys if one in self.readers else set[str]() for one in vaults]
            of_all = self.of_all[vaults] = set.intersection(*keys) if keys else set()
        if key in of_all:
            return Sure.YES
        sure = Sure.YES if vaults else Sure.NO
        for one in vaults:
            sure = min(sure, self.readers[one].include(key) if one in self.readers else Sure.NO)
            if sure is Sure.NO:
                break
        return sure


@derived("readsSecretsAlready", of=(ASSIGNMENTS, ACTIVE), label="existing access", reads=_READS)
def _reads_secrets_already(resource: Resource, context: Context) -> Answer:
    """Return whether the principal reads the secrets of every vault in the scope without the role.

    It does with an access policy, and if it can assign any role in the scope. The result is unknown if other vaults may
    be in scope, or if nothing is known of a principal.
    """
    existing = _existing(context)
    covered, are_all = existing.scopes.get(resource.address, ((), True))
    grants = grants_of(resource, context) if covered else ()
    key = grants[0].identity.key if isinstance(grants, tuple) and grants else ""
    sure = existing.include(key, covered)
    if sure is Sure.NO:
        return known(resource, False)
    return known(resource, True) if sure is Sure.YES and are_all else unknown(resource, "")


def _existing(context: Context) -> _Existing:
    """Return the access without data roles. Computed once per graph."""
    kept: _Existing | None = context.cache.get("readersOfSecrets")
    if kept is None:
        scopes = {
            reference.source: (reference.targets, not (reference.candidates or reference.anything))
            for reference in Coverage(context.index).references(COVERS, frozenset({ASSIGNMENTS, ACTIVE}))
            if reference.targets
        }
        readers: dict[str, _Readers] = {}
        for vault, identity in _by_policy(context):
            readers.setdefault(vault, _Readers()).add(identity)
        for vaults, more in _by_role(scopes, context).items():
            for vault in vaults:
                readers.setdefault(vault, _Readers()).join(more)
        kept = context.cache["readersOfSecrets"] = _Existing(readers, scopes, {})
    return kept


def _by_policy(context: Context) -> Iterator[tuple[str, Identity]]:
    """Yield each vault with the principals that its access policies allow to read secrets."""
    for vault, source in _policies(context):
        grants = grants_of(source, context)
        for grant in () if isinstance(grants, Unknown) else grants:
            if _READS_SECRETS in grant.permissions:
                yield vault, grant.identity


def _policies(context: Context) -> Iterator[tuple[str, Resource]]:
    """Yield each vault with itself, and with each separate access policy that certainly belongs to it."""
    resources = context.index.resources
    yield from ((vault.address, vault) for vault in context.index.of_type(VAULTS))
    for reference in references_by("parent", frozenset({POLICIES}), context.index):
        source = resources[reference.source]
        yield from ((vault, source) for vault in reference.targets if source.exists_with(resources[vault]))


def _by_role(
    scopes: Mapping[str, tuple[tuple[str, ...], bool]], context: Context
) -> Mapping[tuple[str, ...], _Readers]:
    """Return the principals that can assign any role on all of some vaults."""
    resources = context.index.resources
    found: dict[tuple[str, ...], _Readers] = {}
    beside: dict[tuple[tuple[str, ...], bool, frozenset[str]], tuple[str, ...]] = {}
    for address, (vaults, _) in scopes.items():
        source = resources[address]
        if not assigns_any_role(source, context):
            continue
        grants = grants_of(source, context)
        for grant in () if isinstance(grants, Unknown) else grants:
            if grant.identity.key:
                world = vaults, source.assumption is None, source.conditions
                kept = beside.get(world)
                if kept is None:
                    kept = tuple(vault for vault in vaults if source.exists_with(resources[vault]))
                    beside[world] = kept
                found.setdefault(kept, _Readers()).add(grant.identity)
    return found
