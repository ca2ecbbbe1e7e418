"""Render a migration to Azure RBAC as text, JSON or code.

The JSON document is version 1 of the one in docs/migrate-rbac.md. Within a version, fields are added but never removed,
renamed or redefined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any, TypeAlias

from azkvlint.model.access import AccessChange, MigrationReport, OtherVault, PolicyPlan, VaultPlan
from azkvlint.reporters import Options
from azkvlint.reporters.findings.json import location, problem
from azkvlint.reporters.phrases import place, problem_line
from azkvlint.util.text import encode, pluralize, visible

MigrationReporter: TypeAlias = Callable[[MigrationReport, Options], str | bytes]

FORMAT_VERSION = 1
_WIDEST = 120
_MOST_VAULTS = 5
_COMMENTS: Mapping[str, str] = {"terraform": "#", "bicep": "//"}


def text(report: MigrationReport, options: Options) -> str:
    """Return the migration as text that ends with a line break."""
    width = min(max(options.width, 40), _WIDEST) if options.terminal else _WIDEST
    return "".join(f"{line}\n" for line in _lines(report, width))


def _lines(report: MigrationReport, width: int) -> Iterator[str]:
    for vault in report.vaults:
        yield f"{visible(vault.name)}"
        yield f"  {visible(vault.address)}, access policies, {place(vault.at)}{_condition(vault.condition)}"
        yield ""
        for policy in vault.policies:
            yield from _policy(policy, width)
        if not vault.policies:
            yield "  no access policies"
        yield ""
        for number, step in enumerate(vault.steps, 1):
            yield from _wrapped(f"{number}. {step.text}", width, "  ", "   ")
        yield ""
        check = list(_check(vault, width))
        yield from [*check, ""] if check else []
    yield from _activated(report.activated, width)
    for other in report.others:
        state = f"the permission model is unknown: {other.reason}" if other.reason else "already uses Azure RBAC"
        where = f"{other.address} ({place(other.at)}){_condition(other.condition)}"
        yield from _wrapped(f"{where}: {state}", width, "")
    if report.others:
        yield ""
    for generated in report.code:
        path = "the root folder" if generated.path == "." else visible(generated.path)
        yield f"--- Generated {generated.language.capitalize()} code{f' for {path}' if path else ''} ---"
        yield ""
        yield from generated.text.splitlines()
        yield ""
    for one in report.problems:
        yield problem_line(one)
    yield _summary(report)


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
        more = len(change.vaults) - _MOST_VAULTS
        vaults = f"{', '.join(change.vaults[:_MOST_VAULTS])}{f' and {more} more' if more > 0 else ''}"
        yield from _wrapped(f"{change.principal}: {_words(change.permissions)} in {vaults} by {change.by}", width, "  ")
    yield ""


def _summary(report: MigrationReport) -> str:
    policies = [policy for vault in report.vaults for policy in vault.policies]
    replaced = sum(policy.status == "replaced" for policy in policies)
    without = sum(policy.is_unreplaced for policy in policies)
    count = pluralize(replaced, "access policy is", "access policies are")
    rest = f" {pluralize(without, 'access policy has', 'access policies have')} no replacement." if without else ""
    return f"{count} replaced by roles in {pluralize(len(report.vaults), 'vault')}.{rest}"


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
            "activated": [{**_change_json(one), "vaults": one.vaults} for one in report.activated],
            "problems": [problem(one) for one in report.problems],
        }
    )


def _vault_json(vault: VaultPlan) -> dict[str, Any]:
    return {
        "name": vault.name,
        "resource": vault.address,
        "root": vault.root,
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
    }


def _change_json(change: AccessChange) -> dict[str, Any]:
    return {"principal": change.principal, "permissions": change.permissions, "by": change.by}


def _other_json(vault: OtherVault) -> dict[str, Any]:
    return {
        "name": vault.name,
        "resource": vault.address,
        "permissionModel": None if vault.reason else "Azure RBAC",
        "reason": vault.reason or None,
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


MIGRATION_REPORTERS: Mapping[str, MigrationReporter] = {"text": text, "json": json, "code": code}
"""All formats of ``kvlint migrate-rbac`` by their names in ``--format``."""
