"""Plans damaged at random, always in the same ways: whatever is read, nothing but InputError may come out."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.derived.build_graph import with_needs
from azkvlint.engine.evaluator import RULE_CRASHED, RuleEvaluator
from azkvlint.engine.required_attributes import required_by
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.linter.unit_result import evaluate_unit
from azkvlint.readers.plan.document import DUPLICATES_CHECKED_UP_TO
from azkvlint.readers.read_result import plan_result
from azkvlint.util.errors import InputError

if TYPE_CHECKING:
    from tests.readers.conftest import PlanJson

pytestmark = pytest.mark.slow(8)

SAMPLE = Path(__file__).resolve().parents[3] / "samples" / "careless" / "plan.json"
TREES, TEXTS = 250, 250
ODD: list[Any] = [
    None, True, False, 0, -1, 1.5, 2**63, 2**70, 1e300, "", "x", ".", "[", "\x00", "\U0001f600", "²", "/", "a" * 3000,
    [], {}, [None], [[]], {"": None}, {"references": ["module.x", "each.value.id", "var.a.b[0]"]}, {"references": [[]]},
    {"constant_value": {}}, [True], {"id": True}, ["create", "delete"], "azurerm_key_vault", "azapi_resource",
    "/subscriptions/s/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv", "https://kv.vault.azure.net/keys/k",
]  # fmt: skip


def judged(data: bytes) -> bool:
    """Read, judge and place a plan as a run does; False if it was refused."""
    try:
        judged = evaluate_unit(plan_result("plan.json", data, DEMAND), DEMAND, EVALUATOR, explain=True)
    except InputError:
        return False
    assert [problem.message for problem in judged.problems if problem.code == RULE_CRASHED] == []
    return True


RULES = builtin_rules()
DEMAND = with_needs(required_by(RULES))
EVALUATOR = RuleEvaluator(RULES)


def nodes(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a tree: the list or object, and the index or key in it."""
    for key, below in list(tree.items()) if isinstance(tree, dict) else enumerate(tree):
        yield tree, key
        if isinstance(below, (dict, list)):
            yield from nodes(below)


def damage(tree: Any, random: Random) -> None:
    """Replace, remove, double or move something."""
    places = list(nodes(tree))
    holder, key = random.choice(places)
    other, other_key = random.choice(places)
    match random.randrange(5):
        case 0:
            del holder[key]
        case 1:
            holder[key] = [holder[key], copy.deepcopy(holder[key])]
        case 2:
            holder[key] = copy.deepcopy(other[other_key])
        case _:
            holder[key] = copy.deepcopy(random.choice(ODD))


@pytest.fixture
def rich(plan: PlanJson) -> dict[str, Any]:
    """A plan with something of everything that the reader looks at."""
    vault = {"name": "kv", "network_acls": [{"default_action": "Deny", "bypass": "None", "ip_rules": ["10.0.0.0/8"]}]}
    vault["access_policy"] = [{"object_id": "o", "secret_permissions": ["Get"]}]
    for key in ("a", "b"):
        plan.resource("azurerm_key_vault.kv", vault, key=key, module='module.m["x"]', for_each="${var.all}")
        written = {"key_vault_id": "${azurerm_key_vault.kv}${each.key}"}
        plan.resource("azurerm_key_vault_key.k", {"name": "k"}, key=key, module='module.m["x"]', written=written)
    plan.module("module.m", outputs={"ids": "${azurerm_key_vault.kv}"}, for_each={"constant_value": {"x": 1}})
    plan.module("module.n", vaults="${module.m}", key="${azurerm_key_vault.kv.id}")
    plan.resource(
        "azurerm_key_vault_secret.s", {"name": "s"}, module="module.n", written={"key_vault_id": "${var.vaults}"}
    )
    plan.resource(
        "azurerm_role_assignment.r", {}, written={"scope": '${module.m["x"].ids["a"]}', "role_definition_name": "Owner"}
    )
    for scope in ("/", "/subscriptions/s", "/subscriptions/s/resourceGroups/rg"):
        role = {"scope": scope, "role_definition_id": "/8e3af657-a8ff-443c-a75c-2fe8c4bcb635"}
        plan.resource(f"azurerm_role_assignment.r{len(scope)}", role)
    body = {"properties": {"networkAcls": {"ipRules": [{"value": "1.2.3.4/7"}]}, "accessPolicies": [{"objectId": "o"}]}}
    azapi = {
        "type": "Microsoft.KeyVault/vaults@2023-07-01",
        "name": "kv",
        "parent_id": "/subscriptions/s",
        "body": body,
    }
    plan.resource("azapi_resource.kv", azapi, written={"sensitive_body": {}})
    plan.resource(
        "azapi_update_resource.u",
        {"type": azapi["type"], "body": body},
        written={"resource_id": "${azapi_resource.kv.id}"},
    )
    plan.resource("azurerm_key_vault.gone", before=vault, actions=["delete"])
    setting = {"target_resource_id": '${module.m["x"].ids}', "enabled_log": [{"category_group": "audit"}]}
    plan.resource("azurerm_monitor_diagnostic_setting.d", {"name": "d"}, written=setting)
    private = [{"private_connection_resource_id": "${module.n.key}", "subresource_names": ["vault"]}]
    plan.resource("azurerm_private_endpoint.e", {"name": "e"}, written={"private_service_connection": private})
    data = {"address": "data.azurerm_key_vault.x", "mode": "data", "type": "azurerm_key_vault", "values": vault}
    plan.more["prior_state"] = {"values": {"root_module": {"resources": [data]}}}
    return plan.document()


@pytest.fixture(params=["sample", "rich"])
def document(request: pytest.FixtureRequest, rich: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(SAMPLE.read_bytes()) if request.param == "sample" else rich
    return found


@pytest.mark.parametrize("large", [False, True])
def test_damaged_documents_cause_no_internal_error(large: bool, document: dict[str, Any]) -> None:
    """In a large plan keys and texts are not checked all at once, so that damage shows later."""
    if large:
        document["checks"] = "x" * DUPLICATES_CHECKED_UP_TO
    random = Random(1)  # noqa: S311  # damage need not be unpredictable
    assert judged(json.dumps(document).encode())
    read = 0
    for _ in range(TREES // 4):
        tree = copy.deepcopy({key: value for key, value in document.items() if key != "checks"})
        for _ in range(random.randrange(1, 6)):
            damage(tree, random)
        if large:
            tree["checks"] = document["checks"]
        read += judged(json.dumps(tree).encode())
    assert read > TREES // 8, "the damage is to be found out later than at once"


@pytest.mark.parametrize("large", [False, True])
def test_damaged_bytes_cause_no_internal_error(large: bool, document: dict[str, Any]) -> None:
    random = Random(2)  # noqa: S311
    text = json.dumps(document).encode()
    for _ in range(TEXTS // 4):
        data = bytearray(text)
        for _ in range(random.randrange(1, 4)):
            at, end = random.randrange(len(data)), random.randrange(1, 40)
            match random.randrange(4):
                case 0:
                    data[at] = random.randrange(256)
                case 1:
                    del data[at : at + end]
                case 2:
                    data[at:at] = data[at : at + end]
                case _:
                    data[at:at] = random.choice(
                        [b'"', b"{", b"]", b",", b"\\", b"\xff", b"\xf0\x9f", b"\\u", b"9", b"\x00"]
                    )
        judged(bytes(data) + (b" " * DUPLICATES_CHECKED_UP_TO if large else b""))


def test_truncated_plan_is_an_error(document: dict[str, Any]) -> None:
    text = json.dumps(document).encode()
    step = len(text) // 60
    for end in range(0, len(text), step):
        assert not judged(text[:end])
