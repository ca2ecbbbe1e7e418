"""Who can reach what: the access of principals to vaults. Holds plain strings only, as a Report does."""

from __future__ import annotations

import msgspec

from azkvlint.model.finding import Problem, Repository
from azkvlint.model.location import Location


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


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a path. ``kind``: policy, role, local role, group, federated, run as, or escalation."""

    kind: str
    text: str
    at: Location | None = None


class Path(msgspec.Struct, frozen=True, kw_only=True):
    """How a principal has a capability: the steps, what would decide it unless it is certain, and the smallest edit.

    Without the edit the principal has this path; with it, the path is gone.
    """

    steps: tuple[Step, ...]
    is_certain: bool
    doubt: str
    edit: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A principal's capability on some vaults, by one path. ``vaults`` are indexes in the list of the report."""

    principal: Principal
    capability: str
    path: Path
    vaults: tuple[int, ...]


class AccessVault(msgspec.Struct, frozen=True, kw_only=True):
    """A vault or managed HSM. ``model`` is its permission model in words, ``root`` the input that declares it.

    ``is_deployed``: the input creates it. ``is_complete``: the input also contains everything that its deployment does.
    """

    name: str
    address: str
    type: str
    model: str
    root: str
    is_deployed: bool
    is_complete: bool
    at: Location


class Breach(msgspec.Struct, frozen=True, kw_only=True):
    """Vaults that break a gate by the same principals: certainly, or with ``--strict`` possibly too."""

    gate: str
    vaults: tuple[int, ...]
    principals: tuple[str, ...]


class AccessReport(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one run of ``kvlint access``. ``rows`` are in order of vaults, principals and capabilities."""

    capabilities: tuple[Capability, ...]
    vaults: tuple[AccessVault, ...]
    rows: tuple[Row, ...]
    breaches: tuple[Breach, ...]
    problems: tuple[Problem, ...]
    sources: tuple[str, ...]
    version: str
    is_strict: bool = False
    repository: Repository | None = None
