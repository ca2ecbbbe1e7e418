"""Random access policies in loops and conditions: no permission is lost, and none is gained that is not listed."""

from __future__ import annotations

import random
from pathlib import Path

import hcl2
import pytest

from azkvlint.syntax.bicep.parse import parse
from tests.migration.before_and_after import differences, migration
from tests.migration.brute_force import WORDS

pytestmark = pytest.mark.slow(8)

SEEDS = range(20)
_SINGLE = "'"
_KINDS = {"secrets": "secret", "keys": "key", "certificates": "certificate"}


def _quoted(words: list[str], quote: str = '"') -> str:
    return ", ".join(f"{quote}{word}{quote}" for word in words)


def _ids(chance: random.Random) -> list[str]:
    return [f"{chance.randrange(16**8):08x}-1111-1111-1111-111111111111" for _ in range(chance.randint(1, 3))]


def _words(chance: random.Random) -> dict[str, list[str]]:
    kinds = chance.sample(sorted(_KINDS), chance.randint(1, 2))
    every = {kind: [word for word in WORDS[kind].split() if word != "purge"] for kind in kinds}
    return {kind: chance.sample(words, chance.randint(1, len(words))) for kind, words in every.items()}


def _terraform(seed: int) -> str:
    chance = random.Random(seed)  # noqa: S311  # for tests
    listed, variables = "", ""
    for number in range(chance.randint(1, 4)):
        words = "\n".join(f"{_KINDS[kind]}_permissions = [{_quoted(own)}]" for kind, own in _words(chance).items())
        ids = ", ".join(f'"{one}"' for one in _ids(chance))
        form = chance.choice(["list", "set", "map", "condition", "items", "plain"])
        over, who = {
            "list": (f"var.v{number}", "access_policy.value"),
            "set": (f"toset(var.v{number})", "access_policy.key"),
            "map": (f"{{ for one in var.v{number} : one => {{ id = one }} }}", "access_policy.value.id"),
            "condition": (f"length(var.v{number}) > 0 ? [1] : []", f"var.v{number}[0]"),
            "items": (f"[for one in var.v{number} : {{ id = one }}]", 'access_policy.value["id"]'),
            "plain": ("", f"var.v{number}[0]"),
        }[form]
        variables += f'variable "v{number}" {{\n  default = [{ids}]\n}}\n'
        body = f"object_id = {who}\n{words}\n"
        dynamic = f'dynamic "access_policy" {{\nfor_each = {over}\ncontent {{\n{body}}}\n}}\n'
        listed += dynamic if over else f"access_policy {{\n{body}}}\n"
    count = "  count = 1\n" if chance.random() < 0.3 else ""
    return (
        f'{variables}resource "azurerm_key_vault" "kv" {{\n{count}  name = "kv-a"\n'
        f"  rbac_authorization_enabled = false\n{listed}}}\n"
    )


def _bicep(seed: int) -> str:
    chance = random.Random(seed)  # noqa: S311  # for tests
    words = "\n".join(f"{kind}: [{_quoted(own, _SINGLE)}]" for kind, own in _words(chance).items())
    ids = "\n".join(f"'{one}'" for one in _ids(chance))
    who, policies = chance.choice(
        [
            ("one", "[for one in ids: {}]"), ("ids[i]", "[for (one, i) in ids: {}]"), ("ids[0]", "on ? [{}] : []"),
            ("ids[0]", "!on ? [] : [{}]"), ("ids[0]", "[{}]"), ("one", "[for one in union(ids, []): {}]"),
        ]
    )  # fmt: skip
    item = f"{{\nobjectId: {who}\npermissions: {{\n{words}\n}}\n}}"
    return (
        f"param on bool = true\nparam ids array = [\n{ids}\n]\n"
        "resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {\n  name: 'kv-a'\n  properties: {\n"
        f"    enableRbacAuthorization: false\n    accessPolicies: {policies.replace('{}', item)}\n  }}\n}}\n"
    )


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ["main.tf", "main.bicep"])
def test_no_permission_is_lost(seed: int, name: str, tmp_path: Path) -> None:
    text = _terraform(seed) if name.endswith(".tf") else _bicep(seed)
    (tmp_path / name).write_text(text)
    report = migration(tmp_path)
    assert {one["status"] for vault in report["vaults"] for one in vault["policies"]} == {"replaced"}, text
    for code in report["code"]:
        if name.endswith(".tf"):
            hcl2.loads(code["text"])
        else:
            parse(code["text"])
    assert differences(tmp_path) == [], text


@pytest.mark.parametrize("seed", SEEDS)
def test_unknown_loops_have_the_code_of_known_ones(seed: int, tmp_path: Path) -> None:
    text = _terraform(seed)
    for name, own in (("known", text), ("unknown", _without_defaults(text))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.tf").write_text(own)
    codes = [
        ["\n".join(line for line in code["text"].splitlines() if not line.startswith("#")) for code in found["code"]]
        for found in (migration(tmp_path / name) for name in ("known", "unknown"))
    ]
    assert [_resources(code) for code in codes[0]] == [_resources(code) for code in codes[1]], text


def _without_defaults(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("  default"))


def _resources(code: str) -> list[str]:
    """The role assignments without names and in any order: unknown policies follow the known ones."""
    return sorted(
        str({key: value for key, value in body.items() if key != "role_definition_id"})
        for one in hcl2.loads(code).get("resource", [])
        for type_, named in one.items()
        for body in (named.values() if "assignment" in type_ else ())
    )
