"""A plan of the migration from access policies to Azure RBAC."""

from __future__ import annotations

import msgspec

from azkvlint.model.access import VaultOfRoot
from azkvlint.model.finding import RunResult
from azkvlint.model.location import Location


class GeneratedCode(msgspec.Struct, frozen=True, kw_only=True):
    """Generated code in a ``language``, and where to add it: the ``path`` of a folder or, for Bicep, of a file.

    ``path`` is empty for the root module of a plan, and for code that refers to nothing in the input. ``vaults`` are
    the addresses of the vaults that the code is for.
    """

    path: str
    language: str
    text: str
    vaults: tuple[str, ...]


class PolicyPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The roles for one access policy.

    ``status`` is replaced, refused, unknown, or without effect, with the ``reason`` unless it is replaced. ``roles``
    are the built-in roles with the least ``surplus``. If ``is_custom``, a custom role with the ``data_actions`` is
    assigned instead of these, with its own ``custom_surplus``. ``assigned`` are roles that the principal has already,
    and the addresses of their assignments. ``condition`` is with which values of inputs the policy exists, empty for
    one that their defaults create. ``is_loop``: it stands for the unknown number of policies of a loop. ``notes`` are
    what may make Azure or Terraform reject the generated code.
    """

    policy: str
    source: str
    principal: str
    permissions: tuple[str, ...]
    status: str
    reason: str
    roles: tuple[str, ...]
    surplus: tuple[str, ...]
    is_custom: bool
    data_actions: tuple[str, ...]
    custom_surplus: tuple[str, ...]
    assigned: tuple[tuple[str, str], ...]
    at: Location | None
    condition: str = ""
    is_loop: bool = False
    notes: tuple[str, ...] = ()

    @property
    def is_unreplaced(self) -> bool:
        """Return whether its principal would lose access if the vault used Azure RBAC."""
        return self.status in ("refused", "unknown")


class PermissionChange(msgspec.Struct, frozen=True, kw_only=True):
    """Permissions that a principal gains or loses on some vaults (addresses), and the step by which it has them.

    ``origin`` is as in VaultOfRoot.
    """

    principal: str
    permissions: tuple[str, ...]
    by: str
    vaults: tuple[str, ...]
    origin: str = ""


class MigrationStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a migration. ``kind`` is compare, assign, wait, switch or remove; ``is_blocked``: not yet.

    ``shared`` is the text without the name of the vault, which is equal for vaults with the same step.
    """

    kind: str
    text: str
    shared: str
    is_blocked: bool = False


class VaultPlan(VaultOfRoot, frozen=True, kw_only=True):
    """The migration of one vault.

    ``lost`` is what principals lose besides those of policies that are not replaced. ``checked`` is the number of
    principals whose access before and after was compared. ``wave`` is when it is migrated, from 1 on; 0 if it is
    blocked.
    """

    policies: tuple[PolicyPlan, ...]
    steps: tuple[MigrationStep, ...]
    lost: tuple[PermissionChange, ...]
    checked: int
    wave: int = 0

    @property
    def is_blocked(self) -> bool:
        """Return whether Azure RBAC cannot be enabled yet."""
        return any(step.is_blocked for step in self.steps)


class OtherVault(VaultOfRoot, frozen=True, kw_only=True):
    """A vault that is not migrated: it uses Azure RBAC already (no ``reason``), or its permission model is unknown."""

    reason: str


class SharedAssignment(msgspec.Struct, frozen=True, kw_only=True):
    """Built-in roles of a principal on all ``vaults`` of a resource group, which one assignment on it can replace.

    ``vaults`` are labels, ``path`` and ``text`` the place and code of the assignment, empty without an expression.
    """

    principal: str
    roles: tuple[str, ...]
    vaults: tuple[str, ...]
    path: str
    language: str
    text: str


class MigrationReport(RunResult, frozen=True, kw_only=True):
    """The result of one run of ``kvlint migrate-rbac``.

    ``activated`` is what role assignments of the input allow as soon as their vaults use Azure RBAC, ``shared`` is
    which role assignments may be on a resource group instead, and ``waves`` how waves are assigned, in words.
    """

    vaults: tuple[VaultPlan, ...]
    others: tuple[OtherVault, ...]
    code: tuple[GeneratedCode, ...]
    activated: tuple[PermissionChange, ...]
    shared: tuple[SharedAssignment, ...]
    waves: str
