"""Random access policies in loops and conditions, and the permissions that generated code assigns instead.

The code is read by other parsers: ``python -m tests.migration.deployments COUNT [FIRST]`` compares the permissions of
random deployments in both languages before and after.
"""

from __future__ import annotations

import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.migration import code_reader
from tests.migration.before_and_after import migration
from tests.migration.evaluator import Items, Reference

_KINDS = {"secrets": "secret", "keys": "key", "certificates": "certificate"}
_WORDS = {
    "secrets": ["get", "list", "set", "delete", "backup", "recover", "restore", "purge"],
    "keys": ["get", "list", "create", "delete", "encrypt", "decrypt", "wrapkey", "unwrapkey", "sign", "verify"],
    "certificates": ["get", "list", "create", "delete"],
}
POOL = [f"{number}aaaaaaa-1111-1111-1111-111111111111" for number in range(1, 6)]
_EXPRESSIONS = ("azuread_group.g.object_id", "azurerm_user_assigned_identity.i.principal_id")


class Grant(NamedTuple):
    """What policies of a declaration grant on a vault; ``is_compound``: through an application only."""

    vault: str
    principals: tuple[str, ...]
    words: frozenset[str]
    is_compound: bool = False


class Deployment(NamedTuple):
    """The text of a deployment, the values that its code refers to, and what its policies grant."""

    text: str
    names: dict[str, Any]
    grants: list[Grant]


def _words(chance: random.Random) -> dict[str, list[str]]:
    kinds = chance.sample(sorted(_KINDS), chance.choice((1, 1, 2)))
    return {kind: chance.sample(_WORDS[kind], chance.choice((1, 2, 3, len(_WORDS[kind])))) for kind in kinds}


def _named(words: dict[str, list[str]]) -> frozenset[str]:
    return frozenset(f"{kind}/{word}" for kind, own in words.items() for word in own)


class _Terraform:
    """A random deployment in Terraform."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(f"terraform {seed}")  # noqa: S311  # for tests
        self.values: dict[str, Any] = {}
        self.blocks = [
            'resource "azuread_group" "g" {\n  display_name = "g"\n}\n',
            'resource "azurerm_user_assigned_identity" "i" {\n  name = "i"\n}\n',
        ]
        self.grants: list[Grant] = []
        self.on = self._variable("on", "bool", self.chance.random() < 0.5)

    def _variable(self, name: str, type_: str, value: Any) -> str:
        """Declare a variable, whose value is known or not, and return how it is referenced."""
        self.values[name] = value
        default = f"  default = {_hcl(value)}\n" if self.chance.random() < 0.5 else ""
        typed = f"  type = {type_}\n" if type_ else ""
        self.blocks.append(f'variable "{name}" {{\n{typed}{default}}}\n')
        return f"var.{name}"

    def deployment(self) -> Deployment:
        for number in range(self.chance.choice((1, 1, 2))):
            self._vault(f"kv{number}")
        names: dict[str, Any] = {type_: code_reader.resources(type_) for type_ in (
            "azurerm_key_vault", "azuread_group", "azurerm_user_assigned_identity",
        )}  # fmt: skip
        return Deployment("\n".join(self.blocks), {**names, "var": self.values}, self.grants)

    def _vault(self, name: str) -> None:
        form = self.chance.choice(("plain", "plain", "plain", "count", "each"))
        head = {"plain": "", "count": f"  count = {self.on} ? 1 : 0\n", "each": '  for_each = toset(["a", "b"])\n'}[
            form
        ]
        address = f"azurerm_key_vault.{name}"
        vaults = {"plain": [address], "count": [f"{address}[0]"], "each": [f"{address}[a]", f"{address}[b]"]}[form]
        is_there = form != "count" or self.values["on"]
        inline = ""
        for number in range(self.chance.randint(1, 4)):
            words = _words(self.chance)
            over, who, principals = self._policy(f"{name}_{number}", is_loop=form != "each")
            is_compound = self.chance.random() < 0.05
            for vault in vaults if is_there else ():
                self.grants.append(Grant(vault, tuple(principals), _named(words), is_compound))
            body = f"object_id = {who}\n" + ('application_id = "x"\n' if is_compound else "")
            body += "".join(f"{_KINDS[kind]}_permissions = {_hcl(own)}\n" for kind, own in words.items())
            if over:
                inline += f'dynamic "access_policy" {{\nfor_each = {over}\ncontent {{\n{body}}}\n}}\n'
            elif self.chance.random() < 0.5:
                inline += f"access_policy {{\n{body}}}\n"
            else:
                reference = {"plain": "", "count": "[0]", "each": "[each.key]"}[form]
                self.blocks.append(
                    f'resource "azurerm_key_vault_access_policy" "{name}_{number}" {{\n{head}'
                    f"key_vault_id = {address}{reference}.id\n{body}}}\n"
                )
        suffix = "-${each.key}" if form == "each" else ""
        self.blocks.append(
            f'resource "azurerm_key_vault" "{name}" {{\n{head}name = "{name}{suffix}"\n'
            f'resource_group_name = "rg"\nrbac_authorization_enabled = false\n{inline}}}\n'
        )

    def _policy(self, name: str, *, is_loop: bool) -> tuple[str, str, list[str]]:
        """Return the collection of a policy (empty for one that is not repeated), its object ID and its principals."""
        chance = self.chance
        ids = [chance.choice(POOL) for _ in range(chance.randint(1, 3))]
        who = chance.choice((f'"{ids[0]}"', *_EXPRESSIONS))
        one = who.strip('"')
        form = chance.choice(_FORMS) if is_loop else chance.choice(("plain", "condition"))
        distinct = list(dict.fromkeys(ids))
        value = "access_policy.value"
        if form == "plain":
            return "", who, [one]
        if form == "condition":
            return f"{self.on} ? [1] : []", who, [one] if self.values["on"] else []
        if form == "literal":
            return f"[{who}, {_hcl(ids)[1:]}", value, [one, *ids]
        if form == "index":
            over = self._variable(name, "list(string)", ids)
            return over, f'access_policy.key == 0 ? "{POOL[0]}" : {value}', [POOL[0], *ids[1:]]
        if form in ("set", "set key"):
            over = self._variable(name, "set(string)", Items(distinct))
            return over, value if form == "set" else "access_policy.key", distinct
        if form in ("map", "map key"):
            pairs = {f"k{number}": one for number, one in enumerate(ids)} if form == "map" else dict.fromkeys(ids, "x")
            over = self._variable(name, "map(string)", pairs)
            return over, value if form == "map" else "access_policy.key", ids if form == "map" else distinct
        if form in ("objects", "set of objects"):
            objects = [{"id": one} for one in (ids if form == "objects" else distinct)]
            type_ = "list(object({ id = string }))" if form == "objects" else "set(object({ id = string }))"
            over = self._variable(name, type_, objects if form == "objects" else Items(objects))
            return over, f"{value}.id", [one["id"] for one in objects]
        over = self._variable(name, "list(string)", ids)
        if form == "made":
            return f"[for one in {over} : {{ id = one }}]", f'{value}["id"]', ids
        if form == "filtered":
            kept = [one for one in ids if one != POOL[0]]
            return f'[for one in {over} : one if one != "{POOL[0]}"]', value, kept
        if form == "toset":
            return f"toset({over})", "access_policy.key", distinct
        if form == "chosen":
            return f"{self.on} ? {over} : []", value, ids if self.values["on"] else []
        return over, value, ids


_FORMS = (
    "plain", "condition", "literal", "index", "set", "set key", "map", "map key", "objects", "set of objects", "made",
    "filtered", "toset", "chosen", "list",
)  # fmt: skip


def _hcl(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f'"{key}" = {_hcl(one)}' for key, one in value.items()) + " }"
    if isinstance(value, list):
        return f"[{', '.join(map(_hcl, value))}]"
    return str(value).lower() if isinstance(value, bool) else f'"{value}"'


class _Bicep:
    """A random deployment in Bicep."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(f"bicep {seed}")  # noqa: S311  # for tests
        self.values: dict[str, Any] = {"i": Reference("i")}
        self.lines = ["resource i 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {\n  name: 'i'\n}\n"]
        self.grants: list[Grant] = []
        self._parameter("on", "bool", self.chance.random() < 0.5)

    def _parameter(self, name: str, type_: str, value: Any) -> str:
        self.values[name] = value
        default = f" = {_bicep(value)}" if self.chance.random() < 0.5 else ""
        self.lines.append(f"param {name} {type_}{default}\n")
        return name

    def deployment(self) -> Deployment:
        for number in range(self.chance.choice((1, 1, 2))):
            self._vault(f"kv{number}")
        return Deployment("\n".join(self.lines), self.values, self.grants)

    def _vault(self, name: str) -> None:
        self.values[name] = Reference(name)
        form = self.chance.choice(("plain", "plain", "if", "loop"))
        head = {"plain": "", "if": "if (on) ", "loop": "[for n in ['a', 'b']: "}[form]
        vaults = {"plain": [name], "if": [name], "loop": [f"{name}[0]", f"{name}[1]"]}[form]
        parts = []
        for number in range(self.chance.randint(1, 3)):
            text, principals, words, is_compound = self._policies(f"{name}p{number}", is_loop=form != "loop")
            parts.append(text)
            for vault in vaults if form != "if" or self.values["on"] else ():
                self.grants.append(Grant(vault, tuple(principals), words, is_compound))
        policies = parts[0] if len(parts) == 1 else f"concat({', '.join(parts)})"
        vault_name = "'kv-${n}'" if form == "loop" else f"'{name}'"
        self.lines.append(
            f"resource {name} 'Microsoft.KeyVault/vaults@2023-07-01' = {head}{{\n  name: {vault_name}\n"
            f"  properties: {{\n    enableRbacAuthorization: false\n    accessPolicies: {policies}\n  }}\n"
            f"}}{']' if form == 'loop' else ''}\n"
        )

    def _policies(self, name: str, *, is_loop: bool) -> tuple[str, list[str], frozenset[str], bool]:
        """Return a list of policies with their principals and permissions."""
        chance, words = self.chance, _words(self.chance)
        ids = [chance.choice(POOL) for _ in range(chance.randint(1, 3))]
        who = chance.choice((f"'{ids[0]}'", f"'{ids[0]}'", "i.properties.principalId"))
        one = who.strip("'")
        is_compound = chance.random() < 0.05
        form = chance.choice(_BICEP_FORMS) if is_loop else chance.choice(("plain", "condition"))
        over = name
        if form == "objects":
            self._parameter(name, "array", [{"id": one} for one in ids])
        elif form not in ("plain", "condition"):
            self._parameter(name, "array", ids)
        loops = {
            "list": (f"[for one in {over}: #]", "one", ids),
            "index": (f"[for (one, at) in {over}: #]", f"at == 0 ? '{POOL[0]}' : one", [POOL[0], *ids[1:]]),
            "objects": (f"[for one in {over}: #]", "one.id", ids),
            "range": (f"[for at in range(0, length({over})): #]", f"{over}[at]", ids),
            "union": (f"[for one in union({over}, {over}): #]", "one", list(dict.fromkeys(ids))),
            "condition": ("on ? [#] : []", who, [one] if self.values["on"] else []),
            "plain": ("[#]", who, [one]),
        }
        around, principal, principals = loops[form]
        listed = "\n".join(f"        {kind}: {_bicep(own)}" for kind, own in words.items())
        application = "\n      applicationId: 'x'" if is_compound else ""
        item = f"{{\n      objectId: {principal}{application}\n      permissions: {{\n{listed}\n      }}\n    }}"
        return around.replace("#", item), principals, _named(words), is_compound


_BICEP_FORMS = ("plain", "condition", "list", "index", "objects", "range", "union")


def _bicep(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key}: {_bicep(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return f"[{', '.join(map(_bicep, value))}]"
    return str(value).lower() if isinstance(value, bool) else f"'{value}'"


class Result(NamedTuple):
    """The differences of a deployment, the status of its policies, and its text."""

    differences: list[str]
    statuses: Counter[str]
    text: str


def compared(seed: int, language: str) -> Result:
    """Return how the permissions of generated code differ from those of a random deployment."""
    deployment = (_Terraform if language == "terraform" else _Bicep)(seed).deployment()
    with tempfile.TemporaryDirectory() as folder:
        name = "main.tf" if language == "terraform" else "main.bicep"
        (Path(folder) / name).write_text(deployment.text)
        report = migration(Path(folder))
    statuses = Counter(policy["status"] for vault in report["vaults"] for policy in vault["policies"])
    reader = code_reader.terraform if language == "terraform" else code_reader.bicep
    try:
        after = [one for code in report["code"] for one in reader(code["text"], deployment.names)]
    except (LookupError, TypeError, ValueError) as error:
        return Result([f"rejected: {error!r}"], statuses, deployment.text)
    return Result([*_differences(deployment, report, after)], statuses, deployment.text)


def _differences(deployment: Deployment, report: Any, after: list[code_reader.Assignment]) -> Iterator[str]:
    before: dict[tuple[str, str], set[str]] = {}
    for grant in (one for one in deployment.grants if not one.is_compound):
        for principal in grant.principals:
            before.setdefault((grant.vault, principal), set()).update(grant.words)
    held: dict[tuple[str, str], set[str]] = {}
    for one in after:
        held.setdefault((one.vault, one.principal), set()).update(one.words)
    plans = {re.sub(r'"', "", vault["resource"]): vault for vault in report["vaults"]}
    yield from _twice(after, plans)
    for (vault, principal), words in before.items():
        plan = plans[vault]
        lost = words - held.get((vault, principal), set())
        is_blocked = any(step["kind"] == "switch" and step["blocked"] for step in plan["steps"])
        is_unknown = any(one["status"] == "unknown" for one in plan["policies"])
        if lost and not (is_blocked and is_unknown):
            yield f"lost: {vault} {principal}: {sorted(lost)}"
    for (vault, principal), words in held.items():
        more = words - before.get((vault, principal), set()) - _listed(plans[vault], principal)
        if more:
            yield f"unlisted: {vault} {principal}: {sorted(more)}"
    for vault in {one.vault for one in deployment.grants if one.is_compound and one.principals}:
        if not any(one["status"] in ("refused", "unknown") for one in plans[vault]["policies"]):
            yield f"an application is not refused: {vault}"


def _twice(after: Iterable[code_reader.Assignment], plans: dict[str, Any]) -> Iterator[str]:
    """Yield the role assignments that Azure rejects, because they exist already and the report has no note on that."""
    seen: set[tuple[str, str, str]] = set()
    for one in after:
        key = one.vault, one.principal, one.role
        if key in seen and not _is_noted(plans[one.vault]):
            yield f"assigned twice: {key}"
        seen.add(key)


def _is_noted(plan: Any) -> bool:
    return any("RoleAssignmentExists" in note for one in plan["policies"] for note in one["notes"])


def _listed(plan: Any, principal: str) -> set[str]:
    """Return the surplus that a report lists for a principal, or for one whose object ID it does not state."""
    found: set[str] = set()
    for policy in plan["policies"]:
        label = policy["principal"]
        if policy["status"] == "replaced" and (
            label.startswith(principal.rpartition(".")[0] or principal) or label not in POOL
        ):
            found.update((policy["customRole"] or policy["builtInRoles"])["surplus"])
    return found


def main(count: int, first: int) -> int:
    """Print the differences and the numbers of deployments and policies; return the exit code."""
    total: Counter[str] = Counter()
    failed = 0
    for language in ("terraform", "bicep"):
        for seed in range(first, first + count):
            found = compared(seed, language)
            total.update({f"{language} {status}": number for status, number in found.statuses.items()})
            failed += bool(found.differences)
            sys.stdout.writelines(f"{language} {seed}: {line}\n" for line in found.differences)
    sys.stdout.write(f"{2 * count} deployments, {failed} with differences; policies: {dict(sorted(total.items()))}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:3]]
    sys.exit(main(*(numbers + [100, 0][len(numbers) :])))
