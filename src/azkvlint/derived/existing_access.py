"""Whether the principal of a role assignment reads the secrets already that the role would let it reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from azkvlint.derived.assignments import ACTIVE, ASSIGNMENTS, COVERS, COVERS_NEEDS, Coverage
from azkvlint.derived.grants import NEEDS, grants_of
from azkvlint.derived.registry import Context, derived, known
from azkvlint.derived.vaults import POLICIES, VAULTS
from azkvlint.graph.references import references_by
from azkvlint.model.resource import Resource
from azkvlint.model.value import Answer, Path, Unknown

_READS_SECRETS = "secrets/get"
_READS: Mapping[str, tuple[Path, ...]] = {
    type_: (*COVERS_NEEDS.get(type_, ()), *NEEDS.get(type_, ())) for type_ in {**COVERS_NEEDS, **NEEDS}
}


@derived("readsSecretsAlready", of=(ASSIGNMENTS, ACTIVE), label="existing access", reads=_READS)
def _reads_secrets_already(resource: Resource, context: Context) -> Answer:
    """Return whether access policies certainly let the principal read the secrets of every vault in the scope."""
    readers, vaults = _kept(context)
    covered = vaults.get(resource.address, ())
    grants = grants_of(resource, context) if covered else ()
    key = grants[0].identity.key if isinstance(grants, tuple) and grants else ""
    return known(resource, bool(key) and all(key in readers.get(vault, ()) for vault in covered))


def _kept(context: Context) -> tuple[Mapping[str, frozenset[str]], Mapping[str, tuple[str, ...]]]:
    """Return the principals that read secrets by vault, and the vaults by assignment; computed once per graph.

    An assignment whose scope may contain other vaults is left out.
    """
    kept: tuple[Mapping[str, frozenset[str]], Mapping[str, tuple[str, ...]]] | None
    kept = context.cache.get("readersOfSecrets")
    if kept is None:
        readers: dict[str, set[str]] = {}
        for vault, source in _policies(context):
            grants = grants_of(source, context)
            for grant in () if isinstance(grants, Unknown) else grants:
                if _READS_SECRETS in grant.permissions and grant.identity.key:
                    readers.setdefault(vault, set()).add(grant.identity.key)
        coverage = Coverage(context.index).references(COVERS, frozenset({ASSIGNMENTS, ACTIVE})) if readers else ()
        vaults = {
            reference.source: reference.targets
            for reference in coverage
            if not (reference.candidates or reference.anything)
        }
        kept = context.cache["readersOfSecrets"] = {vault: frozenset(keys) for vault, keys in readers.items()}, vaults
    return kept


def _policies(context: Context) -> Iterator[tuple[str, Resource]]:
    """Yield each vault with itself, and with each separate access policy that certainly belongs to it."""
    resources = context.index.resources
    yield from ((vault.address, vault) for vault in context.index.of_type(VAULTS))
    for reference in references_by("parent", frozenset({POLICIES}), context.index):
        source = resources[reference.source]
        yield from ((vault, source) for vault in reference.targets if source.exists_with(resources[vault]))
