"""Snapshots of the Bicep CLI and what-if results as inputs, whatever is in them."""

from __future__ import annotations

import copy
import json
import random
import re
from typing import Any

import pytest

from tests.difference.conftest import Diff

GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg"
VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv"
READER = "22222222-2222-2222-2222-222222222222"
CANARY = "canary-value-of-a-secret"
# Everything but tabs and line ends, and the marks that change the direction of text.
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
ODD_VALUES: list[Any] = [
    None, True, 0, -1, 1e308, "", "\x00", "\x1b[31m", "\u202ereversed", "x" * 5_000, [], {}, [[]], {"": ""}, [None],
    "[resourceId('a')]", "[" + "concat(" * 60 + ")" * 60 + "]", "[parameters('x')]", "/", "..", "[[", "recover",
    "<script>alert(1)</script>", "| a | b", "\n# x\n", VAULT, VAULT.upper(), f"{VAULT}/",
]  # fmt: skip


def resource(type_: str, id_: str, **properties: Any) -> dict[str, Any]:
    name = id_.partition("/providers/")[2].partition("/")[2].partition("/")[2]
    return {"id": id_, "type": type_, "name": name, "apiVersion": "2023-07-01", "properties": properties}


def resources() -> list[dict[str, Any]]:
    policy = {"tenantId": READER, "objectId": READER, "permissions": {"secrets": ["get"], "keys": ["all"]}}
    role = "/providers/Microsoft.Authorization/roleDefinitions/4633458b-17de-408a-b874-0445c86b69e6"
    assignment = f"{VAULT}/providers/Microsoft.Authorization/roleAssignments/{READER}"
    return [
        resource("Microsoft.KeyVault/vaults", VAULT, accessPolicies=[policy], enableRbacAuthorization=False),
        resource("Microsoft.KeyVault/vaults", f"{VAULT}-other", enableRbacAuthorization=True),
        resource(
            "Microsoft.Authorization/roleAssignments",
            assignment,
            principalId=READER,
            roleDefinitionId=role,
            scope=VAULT,
        ),
        resource("Microsoft.KeyVault/vaults/secrets", f"{VAULT}/secrets/s", value=CANARY),
        resource("Microsoft.KeyVault/vaults/keys", f"{VAULT}/keys/k", kty="RSA"),
    ]


def snapshot(listed: list[Any]) -> dict[str, Any]:
    return {"predictedResources": listed, "diagnostics": []}


def what_if(listed: list[Any]) -> dict[str, Any]:
    changes = [
        {"resourceId": one["id"], "changeType": "Modify", "before": copy.deepcopy(one), "after": one} for one in listed
    ]
    return {"status": "Succeeded", "changes": changes}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [*([path] if path else []), *(one for key, item in items for one in places(item, (*path, key)))]


def tampered(document: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """A document with some values replaced, removed, or repeated elsewhere."""
    for _ in range(chance.choice([1, 2, 3, 8])):
        *above, last = chance.choice(places(document))
        holder: Any = document
        for step in above:
            holder = holder[step]
        kind = chance.randrange(4)
        if kind < 2:
            holder[last] = chance.choice(ODD_VALUES)
        elif kind == 2:
            del holder[last]
        else:
            source: Any = document
            for step in chance.choice(places(document)):
                source = source[step]
            holder[last] = copy.deepcopy(source)
        if not places(document):
            return document
    return document


@pytest.mark.parametrize("kind", [snapshot, what_if])
@pytest.mark.parametrize("number", range(6))
def test_a_tampered_document_is_compared_or_refused(diff: Diff, kind: Any, number: int, seed: str) -> None:
    chance = random.Random(f"{seed} {number} {kind.__name__}")  # noqa: S311  # not a secret
    documents = {"before.json": kind(resources()), "after.json": tampered(kind(resources()), chance)}
    for name, document in documents.items():
        diff.write(name, json.dumps(document).encode())
    for words in (("before.json", "after.json"), ("after.json", "before.json")):
        for form in ("text", "json", "markdown"):
            said = diff.run(*words, "-f", form)
            assert said.code in (0, 1, 2, 3)
            assert "internal error" not in said.err
            assert CANARY not in said.out + said.err
            assert not CONTROL.search(said.out + said.err)


def test_problems_of_a_snapshot_are_reported_once_with_their_lines(diff: Diff) -> None:
    for name in ("before.json", "after.json"):
        diff.write(name, json.dumps(snapshot([5, *resources()]), indent=1).encode())
    said = diff.run("before.json", "after.json")
    assert said.code == 3
    text = "`predictedResources[0]` cannot be read: expected an object"
    assert [line for line in said.out.splitlines() + said.err.splitlines() if text in line] == [
        f"before.json:3:3: error[KVE002] BASE: {text}",
        f"after.json:3:3: error[KVE002] HEAD: {text}",
    ]


def test_two_resources_with_one_id_are_not_paired_with_each_other(diff: Diff) -> None:
    diff.write("one.json", json.dumps(snapshot(resources())).encode())
    diff.write("two.json", json.dumps(snapshot([*resources(), *resources()])).encode())
    for words in (("one.json", "two.json"), ("two.json", "one.json"), ("two.json", "two.json")):
        assert diff.compare(*words).access == []
