"""Render a migration to Azure RBAC as text, JSON, CSV, HTML or code.

The JSON document is version 1 of the one in docs/migrate-rbac.md. Within a version, fields are added but never removed,
renamed or redefined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any, TypeAlias

from azkvlint.model.access import AccessChange, MigrationReport, OtherVault, PolicyPlan, VaultPlan
from azkvlint.reporters import Options
from azkvlint.reporters.access import csv_table
from azkvlint.reporters.document import (
    BAD,
    BELOW,
    GOOD,
    NEUTRAL,
    OPEN,
    PROSE,
    STATE,
    Block,
    Cell,
    CodeBlock,
    Column,
    Count,
    Document,
    Item,
    Items,
    Paragraph,
    Row,
    Section,
    Span,
    Table,
)
from azkvlint.reporters.findings.json import location, problem
from azkvlint.reporters.phrases import place, problem_line
from azkvlint.util.text import encode, pluralize, visible

MigrationReporter: TypeAlias = Callable[[MigrationReport, Options], str | bytes]

FORMAT_VERSION = 1
_WIDEST = 120
_MOST_VAULTS = 5
# The width of lines that the writer of a format wraps.
_UNLIMITED = 1_000_000
# With more vaults, the text has one line for each.
_MOST_DETAILED, _MOST_SETS = 10, 30
_CSV_HEAD = (
    "root", "vault", "resource", "state", "policy", "principal", "permissions", "role", "surplus", "status", "reason",
    "wave", "world", "exists",
)  # fmt: skip
_COMMENTS: Mapping[str, str] = {"terraform": "#", "bicep": "//"}


def text(report: MigrationReport, options: Options) -> str:
    """Return the migration as text that ends with a line break."""
    width = min(max(options.width, 40), _WIDEST) if options.terminal else _WIDEST
    return "".join(f"{line}\n" for line in _lines(report, width))


def _lines(report: MigrationReport, width: int) -> Iterator[str]:
    yield from _summary(report, width)
    is_brief = len(report.vaults) > _MOST_DETAILED
    yield from _permission_sets(report, width) if is_brief else ()
    for vault in report.vaults:
        yield from _brief(vault, width) if is_brief else _vault(vault, width)
    yield from [""] if is_brief else []
    yield from _steps(report.vaults, width)
    yield from _activated(report.activated, width)
    for other in report.others:
        state = f"the permission model is unknown: {other.reason}" if other.reason else "already uses Azure RBAC"
        where = f"{other.address}{other.origin} ({place(other.at)}){_condition(other.condition)}"
        yield from _wrapped(f"{where}: {state}", width, "")
    if report.others:
        yield ""
    if is_brief and report.code:
        yield "-f code writes the generated code, and -f csv lists each access policy with its roles."
        yield ""
    for generated in () if is_brief else report.code:
        path = "the root folder" if generated.path == "." else visible(generated.path)
        yield f"--- Generated {generated.language.capitalize()} code{f' for {path}' if path else ''} ---"
        yield ""
        yield from generated.text.splitlines()
        yield ""
    for one in report.problems:
        yield problem_line(one)


def _summary(report: MigrationReport, width: int) -> Iterator[str]:
    policies = [policy for vault in report.vaults for policy in vault.policies]
    replaced = [policy for policy in policies if policy.status == "replaced"]
    without = sum(policy.is_unreplaced for policy in policies)
    loops = sum(policy.is_loop for policy in replaced)
    count = pluralize(len(replaced) - loops, "access policy is", "access policies are")
    if loops:
        count = f"{pluralize(len(replaced) - loops, 'access policy', 'access policies')}{_of_loops(loops)} are"
    rest = f" {pluralize(without, 'access policy has', 'access policies have')} no replacement." if without else ""
    yield f"{count} replaced by roles in {pluralize(len(report.vaults), 'vault')}.{rest}"
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
    for reason, names in why.items():
        yield from _wrapped(f"Blocked: {_some(list(names))}: {reason}", width, "  ")
    yield from _waves(report, width)
    yield ""


def _of_loops(count: int) -> str:
    """Return the items of loops, whose number is unknown, as the end of a count."""
    return f" and those of {pluralize(count, 'loop')}" if count else ""


def _waves(report: MigrationReport, width: int) -> Iterator[str]:
    """Yield the vaults of each wave, if there is more than one vault."""
    waves: dict[int, list[str]] = {}
    for vault in report.vaults:
        waves.setdefault(vault.wave, []).append(vault.label)
    for wave, names in sorted(waves.items()) if len(report.vaults) > 1 else ():
        if wave:
            yield from _wrapped(f"Wave {wave}: {pluralize(len(names), 'vault')}: {_some(names)}", width, "  ")
    if len(report.vaults) > 1 and any(waves) and report.waves:
        yield from _wrapped(report.waves.replace("`", ""), width, "  ")


def _some(names: Sequence[str]) -> str:
    """Return the first names, and the number of the others."""
    more = len(names) - _MOST_VAULTS
    return f"{', '.join(names[:_MOST_VAULTS])}{f' and {more} more' if more > 0 else ''}"


def _permission_sets(report: MigrationReport, width: int) -> Iterator[str]:
    """Yield each set of permissions with the roles that replace it, and in how many policies it is."""
    found: dict[tuple[str, str, tuple[str, ...]], int] = {}
    for policy in (one for vault in report.vaults for one in vault.policies if one.status == "replaced"):
        key = _words(policy.permissions), *_replacement(policy)
        found[key] = found.get(key, 0) + 1
    for (words, roles, surplus), number in sorted(found.items(), key=lambda one: -one[1])[:_MOST_SETS]:
        counted = pluralize(number, "access policy", "access policies")
        yield from _wrapped(f"{counted} with {words}: {roles}{_surplus(surplus)}", width, "")
    if len(found) > _MOST_SETS:
        yield f"{len(found) - _MOST_SETS} more sets of permissions"
    yield from [""] if found else []


def _replacement(policy: PolicyPlan) -> tuple[str, tuple[str, ...]]:
    """Return the roles that replace a policy, and their surplus."""
    if policy.is_custom:
        return "custom role", policy.custom_surplus
    return " + ".join(policy.roles), policy.surplus


def _brief(vault: VaultPlan, width: int) -> Iterator[str]:
    state = "blocked" if vault.is_blocked else "ready"
    count = pluralize(len(vault.policies), "access policy", "access policies")
    where = f"{vault.address}, {place(vault.at)}{_condition(vault.condition)}"
    wave = f", wave {vault.wave}" if vault.wave else ""
    yield from _wrapped(f"{vault.label} ({where}): {state}{wave}, {count}", width, "")


def _vault(vault: VaultPlan, width: int) -> Iterator[str]:
    yield visible(vault.label)
    yield f"  {visible(vault.address)}, access policies, {place(vault.at)}{_condition(vault.condition)}"
    yield ""
    for policy in vault.policies:
        yield from _policy(policy, width)
    if not vault.policies:
        yield "  no access policies"
    yield ""
    check = list(_check(vault, width))
    yield from [*check, ""] if check else []


def _steps(vaults: Sequence[VaultPlan], width: int) -> Iterator[str]:
    """Yield the steps once; vaults with equal steps share their text."""
    for number, texts in enumerate(_steps_by_text(vaults).values(), 1):
        for text, names in texts.items():
            start = f"{_some(names)}: " if len(texts) > 1 else ""
            yield from _wrapped(f"{number}. {start}{text}", width, "", "   ")
    yield ""


def _steps_by_text(vaults: Sequence[VaultPlan]) -> dict[str, dict[str, list[str]]]:
    """Return the names of the vaults of each step, by kind and text."""
    kinds: dict[str, dict[str, dict[str, None]]] = {}
    for kind in ("compare", "assign", "wait", "switch", "remove"):
        for vault in vaults:
            for step in (one for one in vault.steps if one.kind == kind):
                text = step.text if len(vaults) == 1 else step.shared
                kinds.setdefault(kind, {}).setdefault(text, {})[vault.label] = None
    return {kind: {text: list(names) for text, names in texts.items()} for kind, texts in kinds.items()}


def _policy(policy: PolicyPlan, width: int) -> Iterator[str]:
    permissions = _words(policy.permissions) or ("" if policy.status == "without effect" else "permissions unknown")
    yield from _wrapped(f"{policy.principal}{f': {permissions}' if permissions else ''}", width, "  ")
    if policy.status != "replaced":
        yield from _wrapped(f"{policy.status}: {policy.reason}", width, "    ")
    elif policy.is_custom:
        yield from _wrapped(f"custom role{_surplus(policy.custom_surplus)}", width, "    ")
        alternative = f"--built-in-roles: {' + '.join(policy.roles)}{_surplus(policy.surplus)}"
        yield from _wrapped(alternative, width, "    ")
    else:
        yield from _wrapped(f"{' + '.join(policy.roles)}{_surplus(policy.surplus)}", width, "    ")
        for role, address in policy.assigned:
            yield from _wrapped(f"{role} is assigned already by {address}", width, "    ")
    for note in policy.notes:
        yield from _wrapped(note, width, "    ")
    at = f" ({place(policy.at)})" if policy.at is not None else ""
    yield from _wrapped(f"from {policy.policy}{at}{_condition(policy.condition)}", width, "    ")


def _condition(text: str) -> str:
    return f" ({visible(text)})" if text else ""


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


def _check(vault: VaultPlan, width: int) -> Iterator[str]:
    if vault.lost:
        yield from _wrapped("Check: principals would lose access after the switch.", width, "  ")
        yield from _changes(vault.lost, width)
    elif vault.checked:
        kept = pluralize(vault.checked, "principal keeps its access", "principals keep their access")
        others = [one for one in vault.policies if one.is_unreplaced]
        left_out = f", apart from {pluralize(len(others), 'access policy', 'access policies')} without a replacement"
        yield from _wrapped(f"Check: {kept}{left_out if others else ''}.", width, "  ")


def _changes(changes: Iterable[AccessChange], width: int) -> Iterator[str]:
    for change in changes:
        yield from _wrapped(f"{change.principal}: {_words(change.permissions)} by {change.by}", width, "    ")


def _activated(changes: Sequence[AccessChange], width: int) -> Iterator[str]:
    if not changes:
        return
    yield "Role assignments that take effect when the vaults use Azure RBAC:"
    for change in changes:
        text = (
            f"{change.principal}: {_words(change.permissions)} in {_some(change.vaults)}{change.origin} by {change.by}"
        )
        yield from _wrapped(text, width, "  ")
    yield ""


def _wrapped(line: str, width: int, indent: str, hanging: str = "  ") -> list[str]:
    return wrap(
        visible(line), width, initial_indent=indent, subsequent_indent=f"{indent}{hanging}", break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip


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
            "problems": [problem(one) for one in report.problems],
        }
    )


def _vault_json(vault: VaultPlan) -> dict[str, Any]:
    return {
        "name": vault.name,
        "resource": vault.address,
        "root": vault.root,
        "world": vault.world or None,
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
        "location": None if policy.at is None else location(policy.at),
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


def _change_json(change: AccessChange) -> dict[str, Any]:
    return {"principal": change.principal, "permissions": change.permissions, "by": change.by}


def _other_json(vault: OtherVault) -> dict[str, Any]:
    return {
        "name": vault.name,
        "resource": vault.address,
        "permissionModel": None if vault.reason else "Azure RBAC",
        "reason": vault.reason or None,
        "root": vault.root,
        "world": vault.world or None,
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
    rows: list[tuple[str, ...]] = [_CSV_HEAD]
    for vault in report.vaults:
        state = "blocked" if vault.is_blocked else "ready"
        for policy in vault.policies:
            roles, surplus = _replacement(policy) if policy.status == "replaced" else ("", ())
            rows.append(
                (
                    vault.root, vault.name, vault.address, state, policy.policy, policy.principal,
                    _words(policy.permissions), roles, _words(surplus), policy.status, policy.reason,
                    str(vault.wave or ""), vault.world, policy.condition,
                )
            )  # fmt: skip
    return csv_table(rows)


def html(report: MigrationReport, options: Options) -> str:
    """Return the migration as one HTML page."""
    from azkvlint.reporters.document import html as writer

    return writer.html(_document(report))


def _document(report: MigrationReport) -> Document:
    """Return the migration as a document."""
    states = [vault.is_blocked for vault in report.vaults]
    policies = [policy for vault in report.vaults for policy in vault.policies]
    blocks: list[Block] = [_vault_section(vault, number) for number, vault in enumerate(report.vaults)]
    blocks.append(Section(title="Steps", blocks=(Items(tuple(Item(Span(one, PROSE)) for one in _step_texts(report))),)))
    activated = tuple(
        Item(f"{one.principal}: {_words(one.permissions)} in {_some(one.vaults)}{one.origin} by {one.by}")
        for one in report.activated
    )
    if activated:
        title = "Role assignments that take effect when the vaults use Azure RBAC"
        blocks.append(Section(title=title, blocks=(Items(activated),)))
    others = tuple(
        Item(f"{one.name}{one.origin} ({one.address}): {one.reason or 'already uses Azure RBAC'}")
        for one in report.others
    )
    if others:
        blocks.append(Section(title="Vaults that are not migrated", blocks=(Items(others),)))
    code_blocks = tuple(CodeBlock(one.text, one.language, one.path) for one in report.code)
    if code_blocks:
        blocks.append(Section(title="Generated code", blocks=code_blocks, is_folded=True))
    lines = [line.strip() for line in _summary(report, _UNLIMITED) if line]
    return Document(
        title="Migration to Azure RBAC",
        version=report.version,
        summary=lines[0],
        notes=tuple(lines[1:]),
        counts=(
            Count(len(states) - sum(states), "ready", GOOD),
            Count(sum(states), "blocked", BAD),
            Count(sum(policy.is_unreplaced for policy in policies), "without a replacement", OPEN),
        ),
        problems=tuple(map(problem_line, report.problems)),
        blocks=tuple(blocks),
    )


def _step_texts(report: MigrationReport) -> list[str]:
    """Return each step with the vaults that it is for."""
    return [
        f"{number}. {f'{_some(names)}: ' if len(texts) > 1 else ''}{text}"
        for number, texts in enumerate(_steps_by_text(report.vaults).values(), 1)
        for text, names in texts.items()
    ]


def _vault_section(vault: VaultPlan, number: int) -> Section:
    columns = (
        Column("Status", STATE), Column("Principal"), Column("Permissions", BELOW), Column("Roles", BELOW),
        Column("Surplus", BELOW), Column("Policy", BELOW),
    )  # fmt: skip
    rows: list[Row] = []
    for policy in vault.policies:
        roles, surplus = _replacement(policy) if policy.status == "replaced" else (policy.reason, ())
        where = f"{policy.policy}{f' ({place(policy.at)})' if policy.at is not None else ''}"
        state = GOOD if policy.status == "replaced" else BAD if policy.is_unreplaced else NEUTRAL
        cells = (
            Cell(policy.status, state), Cell(policy.principal), Cell(_words(policy.permissions)), Cell(roles),
            Cell(_words(surplus)), Cell(f"{where} {_condition(policy.condition)}".strip()),
        )  # fmt: skip
        rows.append(Row(cells, state))
    wave = f"wave {vault.wave}" if vault.wave else "blocked"
    about = f"{wave} · {vault.address} · {place(vault.at)}{_condition(vault.condition)}"
    lost = tuple(Item(f"{one.principal}: {_words(one.permissions)} by {one.by}", BAD) for one in vault.lost)
    checks: tuple[Block, ...] = ()
    if lost:
        checks = (Paragraph("Principals would lose access after the switch.", BAD), Items(lost))
    return Section(
        title=vault.label,
        blocks=(Table(columns, tuple(rows)), *checks) if rows else (Paragraph("No access policies."),),
        about=(about,),
        anchor=f"vault-{number}",
        counts=(
            Count(sum(one.status == "replaced" for one in vault.policies), "replaced", GOOD),
            Count(sum(one.is_unreplaced for one in vault.policies), "without a replacement", BAD),
        ),
    )


MIGRATION_REPORTERS: Mapping[str, MigrationReporter] = {
    "text": text, "json": json, "code": code, "csv": csv, "html": html,
}  # fmt: skip
"""All formats of ``kvlint migrate-rbac`` by their names in ``--format``."""
