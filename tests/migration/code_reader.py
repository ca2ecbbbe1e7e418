"""The role assignments that generated code creates, as python-hcl2 or a small reader of Bicep reads the code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import hcl2

from tests.migration.brute_force import ROLES, named
from tests.migration.evaluator import Items, Reference, evaluate, pairs

# Source: learn.microsoft.com/azure/role-based-access-control/permissions/security (the data actions of vaults).
ACTIONS = {
    "secrets/getSecret/action": named(secrets="get"),
    "secrets/readMetadata/action": named(secrets="list"),
    "secrets/setSecret/action": named(secrets="set"),
    "secrets/delete": named(secrets="delete"),
    "secrets/backup/action": named(secrets="backup"),
    "secrets/recover/action": named(secrets="recover"),
    "secrets/restore/action": named(secrets="restore"),
    "secrets/purge/action": named(secrets="purge"),
    "secrets/update/action": named(),
    "keys/read": named(keys="get list"),
    "keys/create/action": named(keys="create"),
    "keys/delete": named(keys="delete"),
    "keys/encrypt/action": named(keys="encrypt"),
    "keys/decrypt/action": named(keys="decrypt"),
    "keys/wrap/action": named(keys="wrapkey"),
    "keys/unwrap/action": named(keys="unwrapkey"),
    "keys/sign/action": named(keys="sign"),
    "keys/verify/action": named(keys="verify"),
    "certificates/read": named(certificates="get list"),
    "certificates/create/action": named(certificates="create"),
    "certificates/delete": named(certificates="delete"),
}
# Source: learn.microsoft.com/azure/role-based-access-control/built-in-roles/security
IDS = {
    "00482a5a-887f-4fb3-b363-3b7fe8e74483": "Key Vault Administrator",
    "21090545-7ca7-4776-b22c-e363652d74d2": "Key Vault Reader",
    "a4417e6f-fecd-4de8-b567-7b0420556985": "Key Vault Certificates Officer",
    "db79e9a7-68ee-4b58-9aeb-b90e7c24fcba": "Key Vault Certificate User",
    "14b46e9e-c2b7-41b4-b07b-48a6ebf60603": "Key Vault Crypto Officer",
    "e147488a-f6f5-4113-8e2d-b22465e65bf6": "Key Vault Crypto Service Encryption User",
    "08bbd89e-9f13-488c-ac41-acfcb10c90ab": "Key Vault Crypto Service Release User",
    "12338af0-0e69-4776-bea7-57ae8d297424": "Key Vault Crypto User",
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7": "Key Vault Secrets Officer",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
}


class Assignment(NamedTuple):
    """A role assignment on a vault. ``name`` is that of its declaration."""

    vault: str
    principal: str
    role: str
    words: frozenset[str]
    name: str


def terraform(code: str, names: Mapping[str, Any]) -> list[Assignment]:
    """Return what Terraform code assigns. ``names`` are the values of what it refers to."""
    found: dict[str, dict[str, Any]] = {}
    for block in hcl2.loads(code).get("resource", []):
        for type_, named_ in block.items():
            for name, body in named_.items():
                found[f"{_bare(type_)}.{_bare(name)}"] = body
    roles = {address: _custom(body) for address, body in found.items() if "role_definition." in address}
    references: dict[str, Any] = {"azurerm_role_definition": _Any("azurerm_role_definition")}
    assignments = []
    for address, body in found.items():
        if "role_assignment." not in address:
            continue
        for own in _instances(body, {**names, **references}):
            vault = evaluate(_expression(body["scope"]), own)
            principal = evaluate(_expression(body["principal_id"]), own)
            if "role_definition_name" in body:
                role = evaluate(_expression(body["role_definition_name"]), own)
                words = ROLES[role]
            else:
                role = evaluate(_expression(body["role_definition_id"]), own)
                words = roles[role.removesuffix(".role_definition_resource_id").partition("[")[0]]
            if not isinstance(principal, str):
                raise TypeError(f"{principal!r} is not an object ID")
            assignments.append(Assignment(str(vault), str(principal), str(role), words, address))
    return assignments


class _Any(dict[str, Any]):
    """Resources by name."""

    def __missing__(self, name: str) -> Reference:
        return Reference(f"{self._type}.{name}")

    def __init__(self, type_: str) -> None:
        super().__init__()
        self._type = type_


def resources(type_: str) -> Mapping[str, Any]:
    """Return what an expression finds below a type of resources."""
    return _Any(type_)


def _bare(text: str) -> str:
    return text.strip('"')


def _expression(text: str) -> str:
    return text[2:-1] if text.startswith("${") else text


def _instances(body: Mapping[str, Any], names: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the names that each instance of a resource has."""
    if "count" in body:
        for number in range(evaluate(_expression(body["count"]), names)):
            yield {**names, "count": {"index": number}}
    elif "for_each" in body:
        over = evaluate(_expression(body["for_each"]), names)
        if not isinstance(over, dict | Items) or not all(isinstance(key, str) for key, _ in pairs(over)):
            raise ValueError(f"for_each is neither a map nor a set of strings: {over!r}")
        for key, value in pairs(over):
            yield {**names, "each": {"key": key, "value": value}}
    else:
        yield {**names}


def _custom(body: Mapping[str, Any]) -> frozenset[str]:
    return _words(_bare(one) for one in body["permissions"][0]["data_actions"])


def _words(actions: Iterator[str]) -> frozenset[str]:
    return frozenset().union(*(ACTIONS[one.removeprefix("Microsoft.KeyVault/vaults/")] for one in actions))


_RESOURCE = re.compile(
    r"^resource (\w+) 'Microsoft\.Authorization/(\w+)@[\d-]+' = (.*?)^\}\]?$", re.MULTILINE | re.DOTALL
)
_LOOP = re.compile(r"\[for (?:(\w+)|\((\w+), (\w+)\)) in (.*?): (?=if \(|\{\n)", re.DOTALL)
_ARGUMENT = re.compile(r"^ +(name|scope|principalId|roleDefinitionId): (.*?)(?: // .*)?$", re.MULTILINE)


def bicep(code: str, names: Mapping[str, Any]) -> list[Assignment]:
    """Return what Bicep code assigns. ``names`` are the values of what it refers to."""
    roles: dict[str, frozenset[str]] = {}
    assignments: list[Assignment] = []
    seen: dict[Any, tuple[str, str]] = {}
    for symbol, type_, body in _RESOURCE.findall(code):
        if type_ == "roleDefinitions":
            actions = re.findall(r"'(Microsoft\.KeyVault/[^']*)'", body)
            roles[symbol] = _words(iter(actions))
            continue
        arguments = dict(_ARGUMENT.findall(body))
        for own in _bicep_instances(body, {**names, **{name: Reference(name) for name in roles}}):
            role = evaluate(arguments["roleDefinitionId"], own)
            words = roles[role.partition("[")[0]] if role.partition("[")[0] in roles else ROLES[IDS[role]]
            vault, principal = (evaluate(arguments[name], own) for name in ("scope", "principalId"))
            name = evaluate(arguments["name"], own)
            # Two equal role assignments are for the caller to find.
            if seen.setdefault((vault, name), (principal, role)) != (principal, role):
                raise ValueError(f"{symbol}: two resources have the name {name}")
            assignments.append(Assignment(str(vault), str(principal), str(role), words, symbol))
    return assignments


def _bicep_instances(body: str, names: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    every = [{**names}]
    loop = _LOOP.match(body)
    if loop is not None:
        item, pair, index, over = loop.groups()
        every = [
            {**names, item or pair: value, **({index: number} if index else {})}
            for number, value in enumerate(evaluate(over, names))
        ]
        body = body[loop.end() :]
    start = re.match(r"if \((.*)\) \{\n", body)
    for own in every:
        if start is None or evaluate(start[1], own):
            yield own
