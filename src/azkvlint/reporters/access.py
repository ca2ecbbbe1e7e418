"""Render who can reach what as text, Markdown, HTML, JSON or CSV.

JSON is version 1 of the document in docs/access.md: within a version, fields are added but never removed, renamed or
redefined. CSV has one line for each path of a principal to a permission, as in RFC 4180. The other formats are written
from one document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from azkvlint.model.access import (
    AccessPath,
    AccessReport,
    AccessRow,
    AccessStep,
    AccessVault,
    Breach,
    Principal,
    Question,
    Unfollowed,
    VaultObject,
)
from azkvlint.reporters import Options, Reporter, lazy_reporters
from azkvlint.reporters.document.csv import quoted
from azkvlint.reporters.findings.json import location, problem, root_fields
from azkvlint.reporters.phrases import place
from azkvlint.util.text import encode, pluralize, visible

FORMAT_VERSION = 1
_CSV_HEAD = (
    "vaults", "names", "root", "parameters", "principal", "kind", "permission", "certainty", "decided by", "path",
    "edit", "only", "network",
)  # fmt: skip
_YES, _PERHAPS = "yes", "perhaps"
_NO_VAULT = "No key vault or managed HSM found."
_NAMED = 4


def json(report: AccessReport, options: Options) -> bytes:
    """Return the matrix as UTF-8; equal reports result in equal bytes."""
    principals = {principal_id(row, report): row for row in report.rows}
    sets = {vaults: number for number, vaults in enumerate(dict.fromkeys(row.vaults for row in report.rows))}
    return encode(
        {
            "version": FORMAT_VERSION,
            "tool": {"name": "kvlint", "version": report.version},
            "repository": report.repository,
            "sources": report.sources,
            "question": _question_json(report.question, report),
            "permissions": [
                {"name": one.name, "label": one.label, "words": sorted(one.words)} for one in report.capabilities
            ],
            "vaults": [_vault_json(one) for one in report.vaults],
            "principals": [_principal_json(key, row, report) for key, row in principals.items()],
            "vaultSets": list(sets),
            "rows": [_row_json(row, report, sets[row.vaults]) for row in report.rows],
            "roles": [{"name": name, "allows": allows} for name, allows in report.roles],
            "notFollowed": [_unfollowed_json(one) for one in report.unfollowed],
            "gates": [
                {"gate": one.gate, "vaults": one.vaults, "principals": one.principals} for one in report.breaches
            ],
            "problems": [problem(one) for one in report.problems],
        }
    )


def _question_json(question: Question, report: AccessReport) -> dict[str, Any]:
    return {
        "why": question.is_why,
        "principals": question.principals,
        "scopes": question.scopes,
        "objects": [_object_json(one, report) for one in question.objects],
        "notFound": [{"kind": kind, "name": name} for kind, name in question.missing],
    }


def _object_json(selected: VaultObject, report: AccessReport) -> dict[str, Any]:
    return {
        "kind": selected.kind,
        "name": selected.name,
        "resource": selected.address or None,
        "vault": vault_of(selected, report),
        "location": location(selected.at),
    }


def _unfollowed_json(found: Unfollowed) -> dict[str, Any]:
    return {"text": found.text, "resources": found.resources, "location": location(found.at)}


def _vault_json(vault: AccessVault) -> dict[str, Any]:
    return {
        "name": vault.name,
        "resource": vault.address,
        "type": vault.type,
        "permissionModel": vault.model,
        "network": vault.network or None,
        **root_fields(vault),
        "deployed": vault.is_deployed,
        "complete": vault.is_complete,
        "condition": vault.condition or None,
        "location": location(vault.at),
    }


def principal_id(row: AccessRow, report: AccessReport) -> str:
    """Return the key of a principal, which in reports of several roots and base worlds names that of the principal."""
    return principal_key(row.principal, report.vaults[row.vaults[0]])


def principal_key(principal: Principal, vault: AccessVault) -> str:
    """Return the key of a principal in the root and base world of a vault, which no other one of a report has."""
    return principal.key if principal.is_known_everywhere else f"{principal.key}{vault.origin}"


def _principal_json(key: str, row: AccessRow, report: AccessReport) -> dict[str, Any]:
    principal, vault = row.principal, report.vaults[row.vaults[0]]
    return {
        "key": key,
        "label": principal.label,
        "kind": principal.kind,
        "root": None if principal.is_known_everywhere else vault.root,
        "world": None if principal.is_known_everywhere else vault.world or None,
        "location": location(principal.at),
    }


def _row_json(row: AccessRow, report: AccessReport, vault_set: int) -> dict[str, Any]:
    return {
        "principal": principal_id(row, report),
        "permission": row.capability,
        "certainty": certainty(row.path),
        "decidedBy": row.path.doubt,
        "only": row.path.only,
        "vaultSet": vault_set,
        "path": [_step_json(step) for step in row.path.steps],
        "edit": row.path.edit,
    }


def _step_json(step: AccessStep) -> dict[str, Any]:
    return {
        "kind": step.kind,
        "text": step.text,
        "role": step.role or None,
        "scope": step.scope or None,
        "location": location(step.at),
    }


def csv(report: AccessReport, options: Options) -> str:
    """Return the rows with a heading. Lines end with a line feed, as in all reports."""
    return csv_table([_CSV_HEAD, *(_csv_cells(row, report) for row in report.rows)])


def csv_table(rows: Iterable[Sequence[str]]) -> str:
    """Return rows of cells as CSV."""
    return "".join(f"{','.join(map(quoted, row))}\n" for row in rows)


def _csv_cells(row: AccessRow, report: AccessReport) -> tuple[str, ...]:
    vaults = [report.vaults[number] for number in row.vaults]
    principal = row.principal
    path = row.path
    return (
        listed([vault.address for vault in vaults]), listed([vault.name for vault in vaults]), vaults[0].root,
        vaults[0].world, principal.label, principal.kind, row.capability, certainty(path), path.doubt,
        path_text(path), path.edit, ", ".join(path.only), listed(list(dict.fromkeys(one.network for one in vaults))),
    )  # fmt: skip


def vault_of(selected: VaultObject, report: AccessReport) -> int | None:
    """Return the index of the vault of an object."""
    own = selected.root, selected.world, selected.vault
    found = (number for number, one in enumerate(report.vaults) if (one.root, one.world, one.address) == own)
    return next(found, None)


def principal_text(principal: Principal) -> str:
    """Return a principal with its kind."""
    return visible(f"{principal.label} ({principal.kind})" if principal.kind else principal.label)


def step_texts(path: AccessPath) -> list[str]:
    """Return the steps of a path with their places. Of steps at one place, only the first has it."""
    parts: list[str] = []
    last = ""
    for step in path.steps:
        here = "" if step.at is None else place(step.at)
        parts.append(visible(step.text) if not here or here == last else f"{visible(step.text)} [{here}]")
        last = here or last
    return parts


def path_text(path: AccessPath) -> str:
    """Return the steps of a path in one line."""
    return " -> ".join(step_texts(path))


def certainty(path: AccessPath) -> str:
    """Return ``yes`` or ``perhaps``."""
    return _YES if path.is_certain else _PERHAPS


def breach_text(breach: Breach, report: AccessReport) -> str:
    """Return which vaults break a gate, and by which principals."""
    vaults = listed([report.vaults[number].place for number in breach.vaults])
    number = pluralize(len(breach.principals), "principal")
    return f"{visible(breach.gate)}: {number} on {vaults}: {listed(breach.principals)}"


def listed(names: Sequence[str]) -> str:
    """Return the first names of several, and the number of others."""
    shown = [visible(name) for name in names[:_NAMED]]
    return ", ".join([*shown, f"{len(names) - _NAMED} more"] if len(names) > _NAMED else shown)


def _reach(rows: Iterable[AccessRow], report: AccessReport) -> tuple[int, int]:
    """Return the number of principals and of vaults of rows."""
    listed_ = list(rows)
    return len({principal_id(row, report) for row in listed_}), len({vault for row in listed_ for vault in row.vaults})


def _have(number: int) -> str:
    return "has" if number == 1 else "have"


def _part(reached: int, report: AccessReport) -> str:
    return f"{reached} of " if 0 < reached < len(report.vaults) else ""


def summary(report: AccessReport) -> str:
    """Return the numbers of principals, vaults and broken gates in one sentence, and what was not found in another."""
    question = report.question
    named = ", ".join(f"{kind} {visible(name)}" for kind, name in question.missing)
    missing = f"Not found in what could be read: {named}." if named else ""
    return missing if missing and not report.rows else f"{_numbers(report)} {missing}".rstrip()


def _numbers(report: AccessReport) -> str:
    if not report.vaults:
        return f"No vault at {listed(report.question.scopes)}." if report.question.scopes else _NO_VAULT
    every = pluralize(len(report.vaults), "vault")
    sure = [row for row in report.rows if row.path.is_certain]
    (certain, reached), (anyone, any_vaults) = (_reach(rows, report) for rows in (sure, report.rows))
    possible, more = anyone - certain, any_vaults - reached
    if possible and not certain:
        line = f"{pluralize(possible, 'principal')} perhaps {_have(possible)} access to {_part(any_vaults, report)}"
        line += f"{every}."
    else:
        line = f"{pluralize(certain, 'principal')} {_have(certain)} access to {_part(reached, report)}{every}"
        line += f", and perhaps to {more} more" if more else ""
        other = f"{pluralize(possible, 'other')} perhaps {_have(possible)} access"
        line += "." if not possible else f"; {other}." if more else f", {possible} more perhaps."
    if report.breaches:
        line += f" {pluralize(len({one.gate for one in report.breaches}), 'gate')} broken."
    return line


ACCESS_REPORTERS: Mapping[str, Reporter[AccessReport]] = {
    **lazy_reporters({"text": "access_document"}),
    "json": json,
    **lazy_reporters({"markdown": "access_document", "html": "access_document"}),
    "csv": csv,
    **lazy_reporters({"mermaid": "access_drawings", "dot": "access_drawings"}),
}
"""All formats of ``kvlint access`` by their names in ``--format``."""
