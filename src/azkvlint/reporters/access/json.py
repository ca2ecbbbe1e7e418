"""Render who can reach what as JSON: version 1 of the document in docs/access.md.

Within a version, fields are added but never removed, renamed or redefined.
"""

from __future__ import annotations

from typing import Any

from azkvlint.model.access import AccessReport, AccessVault, Principal, Row, Step
from azkvlint.reporters import Options
from azkvlint.reporters.access import words
from azkvlint.reporters.findings.json import location, problem
from azkvlint.util.text import encode

FORMAT_VERSION = 1


def json(report: AccessReport, options: Options) -> bytes:
    """Return the matrix as UTF-8; equal reports result in equal bytes."""
    principals = {row.principal.key: row.principal for row in report.rows}
    sets = {vaults: number for number, vaults in enumerate(dict.fromkeys(row.vaults for row in report.rows))}
    return encode(
        {
            "version": FORMAT_VERSION,
            "tool": {"name": "kvlint", "version": report.version},
            "repository": report.repository,
            "sources": report.sources,
            "permissions": [
                {"name": one.name, "label": one.label, "words": sorted(one.words)} for one in report.capabilities
            ],
            "vaults": [_vault(one) for one in report.vaults],
            "principals": [_principal(one) for one in principals.values()],
            "vaultSets": list(sets),
            "rows": [_row(row, sets[row.vaults]) for row in report.rows],
            "gates": [
                {"gate": one.gate, "vaults": one.vaults, "principals": one.principals} for one in report.breaches
            ],
            "problems": [problem(one) for one in report.problems],
        }
    )


def _vault(vault: AccessVault) -> dict[str, Any]:
    return {
        "name": vault.name,
        "resource": vault.address,
        "type": vault.type,
        "permissionModel": vault.model,
        "root": vault.root,
        "deployed": vault.is_deployed,
        "complete": vault.is_complete,
        "location": location(vault.at),
    }


def _principal(principal: Principal) -> dict[str, Any]:
    return {
        "key": principal.key,
        "label": principal.label,
        "kind": principal.kind,
        "location": None if principal.at is None else location(principal.at),
    }


def _row(row: Row, vault_set: int) -> dict[str, Any]:
    return {
        "principal": row.principal.key,
        "permission": row.capability,
        "certainty": words.certainty(row.path),
        "decidedBy": row.path.doubt,
        "vaultSet": vault_set,
        "path": [_step(step) for step in row.path.steps],
        "edit": row.path.edit,
    }


def _step(step: Step) -> dict[str, Any]:
    return {"kind": step.kind, "text": step.text, "location": None if step.at is None else location(step.at)}
