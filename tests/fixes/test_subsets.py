"""Any subset of the offered fixes, in any spelling, results in files that other readers accept and repeat no name."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import hcl2
import msgspec
import pytest

from azkvlint.config.run_config import Config
from azkvlint.fixes.find import fixes_together
from azkvlint.linter.linter import check
from azkvlint.model.effect import CLASSES
from azkvlint.model.finding import Report

pytestmark = pytest.mark.slow(8)

NAMES = {"hcl": "main.tf", "tf.json": "main.tf.json", "bicep": "main.bicep", "arm": "main.json"}
SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
DOCUMENTS = 10
# What a vault may set, besides what it has to: pairs of a name and a value, or a nested object.
AZURERM: dict[str, Any] = {
    "purge_protection_enabled": False,
    "soft_delete_retention_days": 7,
    "rbac_authorization_enabled": False,
    "enabled_for_deployment": True,
    "enabled_for_template_deployment": True,
    "public_network_access_enabled": True,
    "network_acls": {"bypass": "None", "default_action": "Allow", "ip_rules": ["203.0.113.7"]},
    "tags": {"owner": "a", "note": 'x } "y"'},
}
AZURE: dict[str, Any] = {
    "enablePurgeProtection": False,
    "enableSoftDelete": False,
    "softDeleteRetentionInDays": 7,
    "enableRbacAuthorization": False,
    "enabledForDeployment": True,
    "enabledForTemplateDeployment": True,
    "publicNetworkAccess": "Enabled",
    "networkAcls": {"bypass": "None", "defaultAction": "Allow", "ipRules": [{"value": "203.0.113.7"}]},
}


class Writer:
    """Writes objects with a random layout: on one line or several, with comments, blank lines and trailing commas."""

    def __init__(self, language: str, choose: random.Random) -> None:
        self.language, self.choose = language, choose
        self.is_json = language in ("arm", "tf.json")
        self.unit = choose.choice(("  ", "    ", "\t"))
        self.lines = choose.choice((0.0, 0.5, 1.0))

    def value(self, value: Any, indent: str) -> str:
        if isinstance(value, dict):
            return self.object(value, indent, is_block=False)
        if isinstance(value, list):
            return "[" + ", ".join(self.value(one, indent) for one in value) + "]"
        text = json.dumps(value)
        return "'" + value.replace("'", "\\'") + "'" if self.language == "bicep" and isinstance(value, str) else text

    def member(self, name: str, value: Any, indent: str, *, is_block: bool) -> str:
        if self.language == "hcl":
            if is_block and isinstance(value, dict) and name != "tags":
                return f"{name} {self.object(value, indent, is_block=True)}"
            return f"{name} = {self.value(value, indent)}"
        key = json.dumps(name) if self.is_json else name
        return f"{key}:{self.choose.choice(('', ' '))}{self.value(value, indent)}"

    def object(self, value: dict[str, Any], indent: str, *, is_block: bool) -> str:
        names = list(value)
        self.choose.shuffle(names)
        inner = indent + self.unit
        is_long = self.choose.random() < self.lines or (is_block and len(names) > 1)
        parts = [self.member(name, value[name], inner if is_long else indent, is_block=is_block) for name in names]
        if not is_long:
            pad = self.choose.choice(("", " "))
            is_trailing = bool(parts) and not is_block and not self.is_json and self.choose.random() < 0.3
            return "{" + pad + ", ".join(parts) + (", " if is_trailing else "") + pad + "}"
        lines = ""
        for number, part in enumerate(parts):
            is_last = number + 1 == len(parts)
            comma = "," if self.is_json and not is_last else ""
            if not self.is_json and not is_block:
                comma = self.choose.choice(("", ","))
            lines += self.choose.choice(("", "", "\n")) + self.comment(inner, above=True)
            lines += f"{inner}{part}{comma}{self.comment('', above=False)}\n"
        return "{\n" + lines + indent + "}"

    def comment(self, indent: str, *, above: bool) -> str:
        if self.language == "tf.json" or self.choose.random() < 0.7:
            return ""
        mark = "#" if self.language == "hcl" else "//"
        return f"{indent}{mark} note = {{ a: 1\n" if above else f" {mark} note: }} 'x"


def document(language: str, choose: random.Random) -> str:
    """Return a file with two vaults, of which one may be in a loop."""
    writer = Writer(language, choose)
    pool = AZURERM if language in ("hcl", "tf.json") else AZURE
    bodies = [{name: pool[name] for name in choose.sample(list(pool), choose.randint(0, 6))} for _ in range(2)]
    loop = choose.random() < 0.3
    version = choose.choice(("2022-07-01", "2023-07-01", "2026-02-01"))
    if language in ("hcl", "tf.json"):
        for number, body in enumerate(bodies):
            needed = {"name": f"kv-number-{number}", "location": "westeurope", "resource_group_name": "rg",
                      "tenant_id": "00000000-0000-0000-0000-000000000001", "sku_name": "standard"}  # fmt: skip
            bodies[number] = needed | body
        if loop:
            bodies[0] |= {"count": 2, "name": "kv-${count.index}-one"}
        if language == "hcl":
            blocks = [f'resource "azurerm_key_vault" "v{n}" {writer.object(one, "", is_block=True)}\n'
                      for n, one in enumerate(bodies)]  # fmt: skip
            text = "\n".join(blocks)
        else:
            vaults = {f"v{number}": body for number, body in enumerate(bodies)}
            text = writer.value({"resource": {"azurerm_key_vault": vaults}}, "") + "\n"
    else:
        vaults = {}
        for number, body in enumerate(bodies):
            properties = {"sku": {"family": "A", "name": "standard"}, "tenantId": "a", "accessPolicies": []} | body
            vaults[f"v{number}"] = {"name": f"kv-number-{number}", "location": "westeurope", "properties": properties}
        if language == "bicep":
            text = ""
            for name, body in vaults.items():
                written = writer.object(body, "", is_block=False)
                if loop and name == "v0":
                    written = f"[for i in range(0, 2): {written.replace('kv-number-0', 'kv-${i}-zero')}]"
                text += f"resource {name} 'Microsoft.KeyVault/vaults@{version}' = {written}\n"
        else:
            resources = [{"type": "Microsoft.KeyVault/vaults", "apiVersion": version} | one for one in vaults.values()]
            if loop:
                resources[0] |= {"copy": {"name": "c", "count": 2}, "name": "[concat('kv-', copyIndex(), '-zero')]"}
            text = writer.value({"$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": resources}, "") + "\n"
    newline = choose.choice(("\n", "\n", "\r\n"))
    return choose.choice(("", "", "\ufeff")) + text.replace("\n", newline)


# --- independent readers ----------------------------------------------------------------------------------------------

TOKENS = re.compile(
    r"""(?P<skip>//[^\n]*|\#[^\n]*|/\*.*?\*/|[ \t]+)|(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
    r"""|(?P<word>[A-Za-z_][\w-]*)|(?P<mark>.)""",
    re.DOTALL,
)


def repeated_names(text: str, sign: str) -> list[str]:
    """Return the names that an object or block repeats, and `brackets` if they do not match.

    ``sign`` is what follows a name. A name is the first word of an item.
    """
    scopes: list[set[str]] = [set()]
    brackets: list[str] = []
    found: list[str] = []
    name, is_first = "", True
    for match in TOKENS.finditer(text):
        if match["skip"]:
            continue
        word, mark = match["word"] or match["text"], match["mark"] or ""
        if word and is_first:
            name, is_first = word.strip("\"'"), False
        elif mark == sign and name and (not brackets or brackets[-1] == "{"):
            found += [name] if name in scopes[-1] else []
            scopes[-1].add(name)
            name = ""
        elif mark and mark in "{[(":
            if mark == "{" and name and sign == "=" and len(brackets) == 1:  # a block of a resource
                found += [name] if name in scopes[-1] else []
                scopes[-1].add(name)
            brackets.append(mark)
            scopes.append(set())
            name, is_first = "", True
        elif mark and mark in "}])":
            if not brackets or brackets.pop() + mark not in ("{}", "[]", "()"):
                return ["brackets"]
            scopes.pop()
            name, is_first = "", False
        elif mark in (",", "\n"):
            name, is_first = "", True
        elif mark.strip():
            name = ""
    return [*found, *(["brackets"] if brackets else [])]


def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name.lower() for name, _ in pairs]
    assert len(set(names)) == len(names), names
    return dict(pairs)


def read_independently(language: str, text: str) -> None:
    """Hold that another reader accepts a file, and that it repeats no name."""
    text = text.removeprefix("\ufeff")
    if language in ("arm", "tf.json"):
        plain = re.sub(r"(?m)^\s*//.*$| // note.*$", "", text)
        json.loads(plain, object_pairs_hook=distinct)
        return
    plain = text.replace("\r\n", "\n")
    if language == "hcl":
        hcl2.loads(plain)
    assert repeated_names(plain, "=" if language == "hcl" else ":") == []


def test_the_reader_of_this_test_finds_repeated_names() -> None:
    assert repeated_names("var a = { b: 1, c: { b: 2 }, 'b': 3 }\n", ":") == ["b"]
    assert repeated_names("a: {\n  b: 1 // b: 2\n  c: 'b: {'\n  b: [1]\n}\n", ":") == ["b"]
    assert repeated_names('r "a" "b" {\n  c = { d = 1, d = 2 }\n  e {}\n  e {}\n}\n', "=") == ["d", "e"]
    assert repeated_names("a: { b: x ? y : z, c: [{ b: 1 }, { b: 2 }] }", ":") == []
    assert repeated_names("a: { b: 1", ":") == ["brackets"]


# --- the property -----------------------------------------------------------------------------------------------------


def results(report: Report) -> set[tuple[str, str, str]]:
    return {(one.rule.id, part.root, part.address) for one in report.findings for part in one.occurrences}


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("language", NAMES)
def test_any_subset_of_fixes_is_accepted_by_other_readers(tmp_path: Path, language: str, seed: int) -> None:
    choose = random.Random(f"{language} {seed}")  # noqa: S311  # the same documents in each run
    for number in range(DOCUMENTS):
        file = tmp_path / f"{number:02d}" / NAMES[language]
        file.parent.mkdir()
        text = document(language, choose)
        read_independently(language, text)
        file.write_bytes(text.encode())
    config = Config(paths=(str(tmp_path),), profiles=("all",), jobs=1)
    report = check(config)
    assert not report.problems
    fixable = [one for one in report.findings if one.rule.edits]
    subset = tuple(one for one in fixable if choose.random() < 0.6)
    found = fixes_together(msgspec.structs.replace(report, findings=subset), config, CLASSES)
    assert len(found.fixes) > DOCUMENTS
    for path, data in found.texts.items():
        (tmp_path / path).write_bytes(data)
        read_independently(language, data.decode())
    after = check(config)
    assert not after.problems
    assert results(after) <= results(report)
    fixed = {(fix.rule, part.root, part.address) for fix in found.fixes for part in fix.finding.occurrences}
    assert results(after).isdisjoint(fixed)
