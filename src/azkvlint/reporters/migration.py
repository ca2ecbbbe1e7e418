"""Render a migration to Azure RBAC as text, Markdown, JSON, CSV, HTML or code.

The JSON document is version 1 of the one in docs/migrate-rbac.md. Within a version, fields are added but never removed,
renamed or redefined.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from azkvlint.model.migration import (
    GeneratedCode,
    MigrationReport,
    OtherVault,
    PermissionChange,
    PolicyPlan,
    SharedAssignment,
    VaultPlan,
)
from azkvlint.reporters import Options, Reporter
from azkvlint.reporters import document as doc
from azkvlint.reporters.document.csv import csv as write_csv
from azkvlint.reporters.document.text import text as write_text
from azkvlint.reporters.findings.json import location, problem, root_fields
from azkvlint.reporters.phrases import place, problem_line
from azkvlint.util.text import encode, pluralize, visible

FORMAT_VERSION = 1
_MOST_VAULTS = 5
_WITHOUT = "without a replacement"
_OPTION = "Option: one role assignment for several vaults"
_WIDER = "A role assignment on a resource group also applies to its vaults that are not listed, and to new ones."
_EFFECTIVE = "Role assignments that take effect when the vaults use Azure RBAC"
# With more vaults, the text has one line for each.
_MOST_DETAILED, _MOST_SETS = 10, 30
_CSV_HEAD = (
    "root", "vault", "resource", "state", "policy", "principal", "permissions", "role", "surplus", "status", "reason",
    "wave", "world", "exists",
)  # fmt: skip
_COMMENTS: Mapping[str, str] = {"terraform": "#", "bicep": "//"}


def text(report: MigrationReport, options: Options) -> str:
    """Return the migration as text that ends with a line break."""
    return write_text(_document(report, is_text=True), options)


def html(report: MigrationReport, options: Options) -> str:
    """Return the migration as one HTML page."""
    from azkvlint.reporters.document.html import html as written

    return written(_document(report, is_text=False))


def markdown(report: MigrationReport, options: Options) -> str:
    """Return the migration as Markdown that ends with a line break."""
    from azkvlint.reporters.document.markdown import markdown as written

    return written(_document(report, is_text=False))


def _document(report: MigrationReport, *, is_text: bool) -> doc.Document:
    """Return the migration as a document. Text of many vaults has one line for each, and no code."""
    is_brief = is_text and len(report.vaults) > _MOST_DETAILED
    states = [vault.is_blocked for vault in report.vaults]
    summary = tuple(_summary(report))
    hint = ("-f code writes the generated code, and -f csv lists each access policy with its roles.",)
    return doc.Document(
        title="Migration to Azure RBAC",
        version=report.version,
        head=summary,
        summary="" if is_text else summary[0],
        counts=(
            doc.Count(len(states) - sum(states), "ready", doc.GOOD),
            doc.Count(sum(states), "blocked", doc.BAD),
            doc.Count(sum(one.is_unreplaced for vault in report.vaults for one in vault.policies), _WITHOUT, doc.OPEN),
        ),
        notes=hint if is_brief and report.code else () if is_text else summary[1:],
        problems=tuple(map(problem_line, report.problems)),
        blocks=(
            *(_brief(report) if is_brief else map(_vault_section, report.vaults, count())),
            doc.Section("Steps", (doc.ItemList(tuple(_steps(report.vaults))),)),
            *_listed(_EFFECTIVE, map(_effect, report.activated)),
            *_listed("Vaults that are not migrated", map(_other, report.others)),
            *_code(() if is_brief else report.code),
            *_shared(report.shared, with_code=not is_brief),
        ),
    )


def _listed(title: str, items: Iterable[doc.ListItem]) -> Iterator[doc.Section]:
    found = tuple(items)
    if found:
        yield doc.Section(title, (doc.ItemList(found),))


def _summary(report: MigrationReport) -> Iterator[doc.Content]:
    policies = [policy for vault in report.vaults for policy in vault.policies]
    replaced = [policy for policy in policies if policy.status == "replaced"]
    without = sum(policy.is_unreplaced for policy in policies)
    loops = sum(policy.is_loop for policy in replaced)
    counted = pluralize(len(replaced) - loops, "access policy is", "access policies are")
    if loops:
        counted = f"{pluralize(len(replaced) - loops, 'access policy', 'access policies')}{_of_loops(loops)} are"
    rest = f" {pluralize(without, 'access policy has', 'access policies have')} no replacement." if without else ""
    yield f"{counted} replaced by roles in {pluralize(len(report.vaults), 'vault')}.{rest}"
    blocked = [vault for vault in report.vaults if vault.is_blocked]
    ready = pluralize(len(report.vaults) - len(blocked), "vault is ready", "vaults are ready")
    principals = len({policy.principal for policy in policies if not policy.is_loop})
    of_loops = _of_loops(len({(policy.principal, policy.condition) for policy in policies if policy.is_loop}))
    custom = len({policy.data_actions for policy in policies if policy.is_custom})
    sets = pluralize(custom, "set of permissions requires a custom role", "sets of permissions require custom roles")
    yield f"{ready}, {len(blocked)} blocked. {pluralize(principals, 'principal')}{of_loops}. {sets}."
    why: dict[str, dict[str, None]] = {}
    for vault in blocked:
        reasons = [policy.reason for policy in vault.policies if policy.is_unreplaced]
        reasons += ["principals would lose access"] if vault.lost else []
        for reason in reasons or ["an access policy that is not selected is not replaced"]:
            why.setdefault(reason, {})[vault.label] = None
    for reason, names in list(why.items())[:_MOST_SETS]:
        yield f"Blocked: {_some(list(names))}: ", doc.Span(reason, doc.PROSE)
    if len(why) > _MOST_SETS:
        yield f"Blocked: {len(why) - _MOST_SETS} more reasons, which -f csv lists"
    waves: dict[int, list[str]] = {}
    for vault in report.vaults:
        waves.setdefault(vault.wave, []).append(vault.label)
    for wave, listed in sorted(waves.items()) if len(report.vaults) > 1 else ():
        if wave:
            yield f"Wave {wave}: {pluralize(len(listed), 'vault')}: {_some(listed)}"
    if len(report.vaults) > 1 and any(waves) and report.waves:
        yield doc.Span(report.waves, doc.PROSE)


def _of_loops(count: int) -> str:
    """Return the items of loops, whose number is unknown, as the end of a count."""
    return f" and those of {pluralize(count, 'loop')}" if count else ""


def _some(names: Sequence[str]) -> str:
    """Return the first names, and the number of the others."""
    more = len(names) - _MOST_VAULTS
    return f"{', '.join(names[:_MOST_VAULTS])}{f' and {more} more' if more > 0 else ''}"


def _brief(report: MigrationReport) -> Iterator[doc.Section]:
    """Yield each set of permissions with its roles, and a line for each vault."""
    found: dict[tuple[str, str], int] = {}
    for policy in (one for vault in report.vaults for one in vault.policies if one.status == "replaced"):
        key = _words(policy.permissions), _roles(policy)
        found[key] = found.get(key, 0) + 1
    items = [
        doc.ListItem(f"{pluralize(number, 'access policy', 'access policies')} with {words}: {roles}")
        for (words, roles), number in sorted(found.items(), key=lambda one: -one[1])[:_MOST_SETS]
    ]
    items += [doc.ListItem(f"{len(found) - _MOST_SETS} more sets of permissions")] if len(found) > _MOST_SETS else []
    yield from _listed("Roles by permissions", items)
    columns = (
        doc.Column("Status", doc.STATE),
        doc.Column("Wave", doc.SHORT),
        doc.Column("Policies", doc.SHORT, is_number=True),
        doc.Column("Vault"),
    )
    rows = (
        doc.Row(
            (
                doc.Cell("blocked", doc.BAD) if vault.is_blocked else doc.Cell("ready", doc.GOOD),
                doc.Cell(str(vault.wave or "")),
                doc.Cell(str(len(vault.policies))),
                doc.Cell(f"{vault.label} ({vault.address}, {place(vault.at)}{_condition(vault.condition)})"),
            )
        )
        for vault in report.vaults
    )
    yield doc.Section("Vaults", (doc.Table(columns, tuple(rows)),))


def _vault_section(vault: VaultPlan, number: int) -> doc.Section:
    columns = (
        doc.Column("Status", doc.STATE),
        doc.Column("Principal"),
        doc.Column("Roles", doc.BELOW),
        doc.Column("Policy", doc.BELOW),
    )
    wave = f"wave {vault.wave}" if vault.wave else "blocked"
    about = f"{vault.address} · {wave} · {place(vault.at)}{_condition(vault.condition)}"
    policies = doc.Table(columns, tuple(map(_row, vault.policies)), is_headed=False)
    return doc.Section(
        title=vault.label,
        blocks=(policies if vault.policies else doc.Paragraph("No access policies."), *_check(vault)),
        about=(about,),
        anchor=f"vault-{number}",
        counts=(
            doc.Count(sum(one.status == "replaced" for one in vault.policies), "replaced", doc.GOOD),
            doc.Count(sum(one.is_unreplaced for one in vault.policies), _WITHOUT, doc.BAD),
        ),
    )


def _row(policy: PolicyPlan) -> doc.Row:
    """Return a policy with its roles, and with those that may be used instead."""
    state = doc.GOOD if policy.status == "replaced" else doc.BAD if policy.is_unreplaced else doc.NEUTRAL
    permissions = _words(policy.permissions) or ("" if policy.status == "without effect" else "permissions unknown")
    roles: doc.Content = doc.Span(policy.reason, doc.PROSE)
    items: list[doc.ListItem] = []
    if policy.status == "replaced":
        roles = _roles(policy)
        if policy.is_custom:
            items.append(doc.ListItem(f"--built-in-roles: {' + '.join(policy.roles)}{_surplus(policy.surplus)}"))
        items += (doc.ListItem(f"{role} is assigned already by {address}") for role, address in policy.assigned)
        items += (doc.ListItem(doc.Span(note, doc.PROSE), doc.OPEN) for note in policy.notes)
    at = f" ({place(policy.at)})" if policy.at is not None else ""
    where = doc.Span(f"{policy.policy}{at}{_condition(policy.condition)}", doc.PROSE)
    who = f"{policy.principal}{f': {permissions}' if permissions else ''}"
    return doc.Row(
        (doc.Cell(policy.status, state), doc.Cell(who), doc.Cell(roles, items=tuple(items)), doc.Cell(where)), state
    )


def _roles(policy: PolicyPlan) -> str:
    """Return the roles that replace a policy, with their surplus."""
    roles, surplus = _replacement(policy)
    return f"{roles}{_surplus(surplus)}"


def _replacement(policy: PolicyPlan) -> tuple[str, tuple[str, ...]]:
    """Return the roles that replace a policy, and their surplus."""
    if policy.is_custom:
        return "custom role", policy.custom_surplus
    return " + ".join(policy.roles), policy.surplus


def _check(vault: VaultPlan) -> Iterator[doc.Block]:
    if vault.lost:
        yield doc.Paragraph("Check: principals would lose access after the switch.", doc.BAD)
        yield doc.ItemList(
            tuple(
                doc.ListItem(f"{one.principal}: {_words(one.permissions)} by {one.by}", doc.BAD) for one in vault.lost
            )
        )
    elif vault.checked:
        kept = pluralize(vault.checked, "principal keeps its access", "principals keep their access")
        others = [one for one in vault.policies if one.is_unreplaced]
        left_out = f", apart from {pluralize(len(others), 'access policy', 'access policies')} without a replacement"
        yield doc.Paragraph(f"Check: {kept}{left_out if others else ''}.")


def _steps(vaults: Sequence[VaultPlan]) -> Iterator[doc.ListItem]:
    """Yield the steps once; vaults with equal steps share their text."""
    kinds: dict[str, dict[str, dict[str, None]]] = {}
    for kind in ("compare", "assign", "wait", "switch", "remove"):
        for vault in vaults:
            for step in (one for one in vault.steps if one.kind == kind):
                text = step.text if len(vaults) == 1 else step.shared
                kinds.setdefault(kind, {}).setdefault(text, {})[vault.label] = None
    for number, texts in enumerate(kinds.values(), 1):
        for text, names in texts.items():
            yield doc.ListItem(
                (f"{number}. ", f"{_some(list(names))}: " if len(texts) > 1 else "", doc.Span(text, doc.PROSE))
            )


def _effect(change: PermissionChange) -> doc.ListItem:
    return doc.ListItem(
        f"{change.principal}: {_words(change.permissions)} in {_some(change.vaults)}{change.origin} by {change.by}"
    )


def _shared(shared: Sequence[SharedAssignment], *, with_code: bool) -> Iterator[doc.Section]:
    """Yield the role assignments that may be on a resource group, each with its code."""
    items = [
        doc.ListItem(
            f"{one.principal}: {' + '.join(one.roles)} on the resource group of {_some(one.vaults)}, instead of on"
            f" {pluralize(len(one.vaults), 'vault')}"
        )
        for one in shared[:_MOST_SETS]
    ]
    items += [doc.ListItem(f"{len(shared) - _MOST_SETS} more principals")] if len(shared) > _MOST_SETS else []
    blocks = _blocks((one.path, one.language, one.text) for one in shared if with_code and one.text)
    if items:
        yield doc.Section(_OPTION, (doc.Paragraph(_WIDER), doc.ItemList(tuple(items)), *blocks))


def _other(vault: OtherVault) -> doc.ListItem:
    state = f"the permission model is unknown: {vault.reason}" if vault.reason else "already uses Azure RBAC"
    where = f"{vault.address}{vault.origin} ({place(vault.at)}){_condition(vault.condition)}"
    return doc.ListItem((f"{where}: ", doc.Span(state, doc.PROSE)))


def _code(code: Sequence[GeneratedCode]) -> Iterator[doc.Section]:
    blocks = tuple(_blocks((one.path, one.language, one.text) for one in code))
    if blocks:
        yield doc.Section("Generated code", blocks, is_folded=True)


def _blocks(code: Iterable[tuple[str, str, str]]) -> Iterator[doc.CodeBlock]:
    for path, language, text in code:
        where = "the root folder" if path == "." else path
        yield doc.CodeBlock(text, language, f"{language.capitalize()}{f' for {where}' if where else ''}")


def _condition(text: str) -> str:
    return f" ({text})" if text else ""


def _surplus(words: Iterable[str]) -> str:
    shown = _words(words)
    return f", surplus: {shown}" if shown else ", no surplus"


def _words(words: Iterable[str]) -> str:
    """Return permissions as text: ``secrets get, list; keys get``."""
    by_kind: dict[str, list[str]] = {}
    for word in words:
        kind, _, name = word.partition("/")
        by_kind.setdefault(kind, []).append(name)
    return "; ".join(f"{kind} {', '.join(names)}" for kind, names in by_kind.items())


def json(report: MigrationReport, options: Options) -> bytes:
    """Return the migration as UTF-8; equal reports result in equal bytes."""
    return encode(
        {
            "version": FORMAT_VERSION,
            "tool": {"name": "kvlint", "version": report.version},
            "sources": report.sources,
            "vaults": [_vault_json(one) for one in report.vaults],
            "otherVaults": [_other_json(one) for one in report.others],
            "code": [
                {"path": one.path or None, "language": one.language, "vaults": one.vaults, "text": one.text}
                for one in report.code
            ],
            "activated": [
                {**_change_json(one), "vaults": one.vaults, "origin": one.origin or None} for one in report.activated
            ],
            "shared": [
                {
                    "principal": one.principal,
                    "roles": one.roles,
                    "vaults": one.vaults,
                    "path": one.path or None,
                    "language": one.language,
                    "text": one.text or None,
                }
                for one in report.shared
            ],
            "problems": [problem(one) for one in report.problems],
        }
    )


def _vault_json(vault: VaultPlan) -> dict[str, Any]:
    return {
        "name": vault.name,
        "resource": vault.address,
        **root_fields(vault),
        "wave": vault.wave or None,
        "location": location(vault.at),
        "condition": vault.condition or None,
        "policies": [_policy_json(one) for one in vault.policies],
        "steps": [{"kind": one.kind, "text": one.text, "blocked": one.is_blocked} for one in vault.steps],
        "check": {
            "principals": vault.checked,
            "lost": [_change_json(one) for one in vault.lost],
        },
    }


def _policy_json(policy: PolicyPlan) -> dict[str, Any]:
    is_replaced = policy.status == "replaced"
    return {
        "policy": policy.policy,
        "resource": policy.source,
        "location": location(policy.at),
        "condition": policy.condition or None,
        "principal": policy.principal,
        "permissions": policy.permissions,
        "status": policy.status,
        "reason": policy.reason or None,
        "builtInRoles": {"roles": policy.roles, "surplus": policy.surplus} if is_replaced else None,
        "customRole": {"dataActions": policy.data_actions, "surplus": policy.custom_surplus}
        if policy.is_custom
        else None,
        "assigned": [{"role": role, "resource": address} for role, address in policy.assigned],
        "isLoop": policy.is_loop,
        "notes": policy.notes,
    }


def _change_json(change: PermissionChange) -> dict[str, Any]:
    return {"principal": change.principal, "permissions": change.permissions, "by": change.by}


def _other_json(vault: OtherVault) -> dict[str, Any]:
    return {
        "name": vault.name,
        "resource": vault.address,
        "permissionModel": None if vault.reason else "Azure RBAC",
        "reason": vault.reason or None,
        **root_fields(vault),
        "location": location(vault.at),
        "condition": vault.condition or None,
    }


def code(report: MigrationReport, options: Options) -> str:
    """Return the generated code; a comment states where to add it if it belongs to several places."""
    heads = len({one.path for one in report.code}) > 1
    parts = [
        f"{f'{_COMMENTS[one.language]} Add to {visible(one.path)}' if one.path else ''}\n\n{one.text}"
        if heads and one.path
        else one.text
        for one in report.code
    ]
    return "\n".join(parts)


def csv(report: MigrationReport, options: Options) -> str:
    """Return a row for each access policy, with a heading."""
    rows: list[doc.Row] = []
    for vault in report.vaults:
        state = "blocked" if vault.is_blocked else "ready"
        for policy in vault.policies:
            roles, surplus = _replacement(policy) if policy.status == "replaced" else ("", ())
            cells = (
                vault.root, vault.name, vault.address, state, policy.policy, policy.principal,
                _words(policy.permissions), roles, _words(surplus), policy.status, policy.reason,
                str(vault.wave or ""), vault.world, policy.condition,
            )  # fmt: skip
            rows.append(doc.Row(tuple(map(doc.Cell, cells))))
    return write_csv(doc.Table(tuple(map(doc.Column, _CSV_HEAD)), tuple(rows)))


MIGRATION_REPORTERS: Mapping[str, Reporter[MigrationReport]] = {
    "text": text, "json": json, "code": code, "csv": csv, "html": html, "markdown": markdown,
}  # fmt: skip
"""All formats of ``kvlint migrate-rbac`` by their names in ``--format``."""
