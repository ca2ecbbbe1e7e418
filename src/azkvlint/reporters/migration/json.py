"""Render a migration as JSON: version 1 of the document in docs/migrate-rbac.md.

Within a version, fields are added but never removed, renamed or redefined.
"""

from __future__ import annotations

from typing import Any

from azkvlint.model.migration import AccessChange, MigrationReport, OtherVault, PolicyPlan, VaultPlan
from azkvlint.reporters import Options
from azkvlint.reporters.findings.json import location, problem
from azkvlint.util.text import encode

FORMAT_VERSION = 1


def json(report: MigrationReport, options: Options) -> bytes:
    """Return the migration as UTF-8; equal reports result in equal bytes."""
    return encode(
        {
            "version": FORMAT_VERSION,
            "tool": {"name": "kvlint", "version": report.version},
            "sources": report.sources,
            "vaults": [_vault(one) for one in report.vaults],
            "otherVaults": [_other(one) for one in report.others],
            "code": [
                {"path": one.path or None, "language": one.language, "vaults": one.vaults, "text": one.text}
                for one in report.code
            ],
            "activated": [{**_change(one), "vaults": one.vaults} for one in report.activated],
            "problems": [problem(one) for one in report.problems],
        }
    )


def _vault(vault: VaultPlan) -> dict[str, Any]:
    return {
        "name": vault.name,
        "resource": vault.address,
        "root": vault.root,
        "location": location(vault.at),
        "policies": [_policy(one) for one in vault.policies],
        "steps": [{"kind": one.kind, "text": one.text, "blocked": one.is_blocked} for one in vault.steps],
        "check": {
            "principals": vault.checked,
            "lost": [_change(one) for one in vault.lost],
        },
    }


def _policy(policy: PolicyPlan) -> dict[str, Any]:
    is_replaced = policy.status == "replaced"
    return {
        "policy": policy.policy,
        "resource": policy.source,
        "location": None if policy.at is None else location(policy.at),
        "principal": policy.principal,
        "permissions": policy.permissions,
        "status": policy.status,
        "reason": policy.reason or None,
        "builtInRoles": {"roles": policy.roles, "surplus": policy.surplus} if is_replaced else None,
        "customRole": {"dataActions": policy.data_actions, "surplus": policy.custom_surplus}
        if policy.is_custom
        else None,
        "assigned": [{"role": role, "resource": address} for role, address in policy.assigned],
    }


def _change(change: AccessChange) -> dict[str, Any]:
    return {"principal": change.principal, "permissions": change.permissions, "by": change.by}


def _other(vault: OtherVault) -> dict[str, Any]:
    return {
        "name": vault.name,
        "resource": vault.address,
        "permissionModel": None if vault.reason else "Azure RBAC",
        "reason": vault.reason or None,
        "location": location(vault.at),
    }
