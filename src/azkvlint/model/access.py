"""Who can reach what, and the replacement of access policies by roles. Holds plain strings only, as a Report does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

from azkvlint.model.finding import OfRoot, RunResult
from azkvlint.model.identity import world_note
from azkvlint.model.location import Location
from azkvlint.util.lazy_regex import regex

_OBJECT_ID = regex(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)


class Capability(msgspec.Struct, frozen=True):
    """What a principal may be able to do, a column of the matrix. Any of its ``words`` is sufficient."""

    name: str
    label: str
    words: frozenset[str]


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """A principal. ``key`` identifies it in its root, ``kind`` is empty if it is not known."""

    key: str
    label: str
    kind: str
    at: Location | None = None

    @property
    def is_known_everywhere(self) -> bool:
        """Return whether the key is an object ID, which identifies the principal in every root."""
        return _OBJECT_ID.fullmatch(self.key) is not None


class AccessStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a path. ``kind``: policy, role, local role, group, federated, run as, or escalation.

    ``role`` and ``scope`` are those of a role assignment, and ``level`` is that of the scope. The role and the level
    are empty if they are not known. ``to`` are the groups, workloads and identities that the step leads to, in this
    order.
    """

    kind: str
    text: str
    at: Location | None = None
    role: str = ""
    scope: str = ""
    level: str = ""
    to: tuple[Principal, ...] = ()


class AccessPath(msgspec.Struct, frozen=True, kw_only=True):
    """How a principal has a capability: the steps, what would decide it unless it is certain, and the smallest edit.

    Without the edit the principal has this path; with it, the path is gone. The edit is one of the first step. ``only``
    are the objects that the access is limited to, such as ``secrets/db``; there are none if it is to all.
    """

    steps: tuple[AccessStep, ...]
    is_certain: bool
    doubt: str
    edit: str
    only: tuple[str, ...] = ()


class AccessRow(msgspec.Struct, frozen=True, kw_only=True):
    """A principal's capability on some vaults, by one path. ``vaults`` are indexes in the list of the report."""

    principal: Principal
    capability: str
    path: AccessPath
    vaults: tuple[int, ...]


class VaultOfRoot(OfRoot, frozen=True, kw_only=True):
    """A vault in an input.

    ``condition`` is with which values of inputs it exists, empty for a vault that their defaults create. ``world_name``
    names the base world. ``origin`` is what a reader needs to tell the vault from those of other roots and base worlds.
    """

    name: str
    address: str
    at: Location
    condition: str = ""
    world_name: str = ""
    origin: str = ""

    @property
    def label(self) -> str:
        """Return the name, which no other vault of the report has together with the origin."""
        return f"{self.name}{self.origin}"

    @property
    def place(self) -> str:
        """Return the address with the origin."""
        return f"{self.address}{self.origin}"


class AccessVault(VaultOfRoot, frozen=True, kw_only=True):
    """A vault or managed HSM. ``model`` is its permission model in words.

    ``is_deployed``: the input creates it. ``is_complete``: the input also contains everything that its deployment does.
    ``network`` is who can reach the vault over the network, empty if that was not computed.
    """

    type: str
    model: str
    is_deployed: bool
    is_complete: bool
    network: str = ""


def origins_of(names: Mapping[tuple[str, str], str]) -> dict[tuple[str, str], str]:
    """Return what distinguishes roots and base worlds: `` of envs/dev (dev)``; "" if there is one of them only.

    ``names`` are those of the base worlds, by root and world.
    """
    roots = [root for root, _ in names]
    several = len(set(roots)) > 1
    return {
        (root, world): (f" of {root}" if several else "")
        + (world_note((name,)) if name and roots.count(root) > 1 else "")
        for (root, world), name in names.items()
    }


def with_origins(vaults: Iterable[AccessVault]) -> list[AccessVault]:
    """Return vaults with their origins."""
    listed = list(vaults)
    origins = origins_of({(one.root, one.world): one.world_name for one in listed})
    return [
        msgspec.structs.replace(one, origin=origin) if (origin := origins[one.root, one.world]) else one
        for one in listed
    ]


class Breach(msgspec.Struct, frozen=True, kw_only=True):
    """Vaults that break a gate by the same principals: certainly, or with ``--strict`` possibly too."""

    gate: str
    vaults: tuple[int, ...]
    principals: tuple[str, ...]


class VaultObject(OfRoot, frozen=True, kw_only=True):
    """A secret, key or certificate that a question is about. ``kind`` is secrets, keys or certificates.

    ``vault`` is the address of its vault. ``address`` is its own, empty if only a role assignment names it.
    """

    kind: str
    name: str
    address: str
    vault: str
    at: Location

    @property
    def words(self) -> tuple[str, ...]:
        """Return what it is to an access that is limited to objects: a certificate has a secret with its key."""
        lower = self.name.lower()
        kinds = (self.kind, "secrets") if self.kind == "certificates" else (self.kind,)
        return tuple(f"{kind}/{lower}" for kind in kinds)


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a report is about, if not everything: objects, principals (labels) and scopes.

    ``is_why``: how one principal has its access to one vault. ``missing`` are the words that name nothing in what could
    be read, each with what it should name.
    """

    objects: tuple[VaultObject, ...] = ()
    principals: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    is_why: bool = False
    missing: tuple[tuple[str, str], ...] = ()


class Unfollowed(msgspec.Struct, frozen=True, kw_only=True):
    """What a report does not follow though the input declares it: why that matters, and the resources."""

    text: str
    resources: tuple[str, ...]
    at: Location


class AccessReport(RunResult, frozen=True, kw_only=True):
    """The result of one run of ``kvlint access``. ``rows`` are in order of vaults, principals and capabilities.

    ``roles`` are the built-in roles of the paths, with what each allows.
    """

    capabilities: tuple[Capability, ...]
    vaults: tuple[AccessVault, ...]
    rows: tuple[AccessRow, ...]
    breaches: tuple[Breach, ...]
    is_strict: bool = False
    question: Question = Question()
    unfollowed: tuple[Unfollowed, ...] = ()
    roles: tuple[tuple[str, str], ...] = ()
