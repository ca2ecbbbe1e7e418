"""Render a migration as text: for each vault its policies and steps, then the generated code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap

from azkvlint.model.migration import AccessChange, MigrationReport, PolicyPlan, VaultPlan
from azkvlint.reporters import Options
from azkvlint.reporters.phrases import place, problem_line
from azkvlint.util.text import pluralize, visible

_WIDEST = 120
_MOST_VAULTS = 5


def text(report: MigrationReport, options: Options) -> str:
    """Return the migration as text that ends with a line break."""
    width = min(max(options.width, 40), _WIDEST) if options.terminal else _WIDEST
    return "".join(f"{line}\n" for line in _lines(report, width))


def _lines(report: MigrationReport, width: int) -> Iterator[str]:
    for vault in report.vaults:
        yield f"{visible(vault.name)}"
        yield f"  {visible(vault.address)}, access policies, {place(vault.at)}"
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
        yield from _wrapped(f"{other.address} ({place(other.at)}): {state}", width, "")
    for code in report.code:
        where = f" for {'the root folder' if code.path == '.' else visible(code.path)}" if code.path else ""
        yield f"--- Generated {code.language.capitalize()} code{where} ---"
        yield ""
        yield from code.text.splitlines()
        yield ""
    for problem in report.problems:
        yield problem_line(problem)
    yield _summary(report)


def _policy(policy: PolicyPlan, width: int) -> Iterator[str]:
    yield from _wrapped(f"{policy.principal}: {_words(policy.permissions) or 'permissions unknown'}", width, "  ")
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
    yield from _wrapped(f"from {policy.policy}{at}", width, "    ")


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
        others = [one for one in vault.policies if one.status in ("refused", "unknown")]
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
    without = sum(policy.status in ("refused", "unknown") for policy in policies)
    count = pluralize(replaced, "access policy is", "access policies are")
    rest = f" {pluralize(without, 'access policy has', 'access policies have')} no replacement." if without else ""
    return f"{count} replaced by roles in {pluralize(len(report.vaults), 'vault')}.{rest}"


def _wrapped(line: str, width: int, indent: str, hanging: str = "  ") -> list[str]:
    return wrap(
        visible(line), width, initial_indent=indent, subsequent_indent=f"{indent}{hanging}", break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
