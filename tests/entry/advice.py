"""What the advice of a finding changes on a vault: its fix as text, and its edits from the rule file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from azkvlint.model.rule import Rule
from tests.entry.vaults import Vault, setting_name


class Advice(NamedTuple):
    """A vault after the advice, and what the advice requires: by the name of a setting, the value."""

    vault: Vault
    requires: Mapping[str, object]
    is_edit: bool = False


def _with(vault: Vault, **changes: object) -> Advice:
    return Advice(replace(vault, **changes), changes)  # type: ignore[arg-type]  # the names are those of the fields


def _in_perimeter(vault: Vault) -> bool:
    return vault.public == "SecuredByPerimeter" or vault.perimeter == "Enforced"


def _open(vault: Vault) -> Advice:
    return _narrow(vault) if _in_perimeter(vault) else _with(vault, public="Disabled")


def _wide(vault: Vault) -> Advice:
    return _narrow(vault) if _in_perimeter(vault) else _with(vault, ips=("203.0.113.10",))


def _narrow(vault: Vault) -> Advice:
    return Advice(replace(vault, inbound=vault.inbound - {"world"} | {"address"}), {"inbound world": False})


def _shut_out(vault: Vault) -> Advice:
    if not _in_perimeter(vault):
        return _with(vault, bypass="AzureServices")
    joined = replace(vault, perimeter=vault.perimeter or "Enforced", inbound=vault.inbound | {"subscription"})
    return Advice(joined, {"inbound subscription": True})


# The first sentence of the fix of each rule, with which values of the rule's parameters.
FIXES: Mapping[str, Callable[[Vault, str], Advice]] = {
    "KV101": lambda vault, _: _open(vault),
    "KV102": lambda vault, _: _wide(vault),
    "KV103": lambda vault, _: _with(vault, endpoint=True),
    "KV104": lambda vault, _: _with(vault, action="Deny"),
    "KV105": lambda vault, _: _with(vault, public="Disabled"),
    "KV106": lambda vault, _: _with(vault, public="Disabled"),
    "KV107": lambda vault, _: _with(vault, action="Deny", subnets=True),
    "KV108": lambda vault, bypass: _with(vault, bypass=bypass),
    "KV115": lambda vault, _: _with(vault, ips=(), subnets=False),
    "KV116": lambda vault, _: _with(vault, endpoint=True),
    "KV122": lambda vault, _: _with(vault, perimeter="Enforced"),
    "KV632": lambda vault, _: _shut_out(vault),
    "KV908": lambda vault, _: _shut_out(vault),
}


def advices(rule: Rule, vault: Vault, language: str, bypass: str) -> Iterator[Advice]:
    """Yield the results of the fix and of each of the edits of a rule."""
    if rule.id in FIXES:
        yield FIXES[rule.id](vault, bypass)
    for plan in rule.edits:
        if plan.languages and language not in plan.languages:
            continue
        changed, requires = vault, dict[str, object]()
        for step in plan.steps:
            for name in step.names if step.operation == "set" else ():
                value = bypass if step.value == "$bypass" else step.value
                present = changed.setting(name)
                if present is None or step.is_linked or present == value or (step.if_absent and vault.is_written(name)):
                    continue
                changed = changed.changed(name, value)
                requires[setting_name(name)] = value
        if requires:
            yield Advice(changed, requires, is_edit=True)


def contradicts(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    """Return whether two findings require different values of a setting."""
    return any(name in other and other[name] != value for name, value in one.items())
