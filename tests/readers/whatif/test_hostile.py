"""Documents that nobody prints: whatever is read, nothing but InputError may come out."""

from __future__ import annotations

import contextlib
import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from azkvlint.util.errors import InputError
from tests.readers.whatif.conftest import ID, KV, change, read, setting, snapshot, vault, what_if

if TYPE_CHECKING:
    from tests.readers.whatif.conftest import Judge

ACLS = {"defaultAction": "Deny", "ipRules": [{"value": "1.2.3.4"}]}
DOCUMENTS: list[Any] = [
    what_if(
        change("Create", vault(networkAcls=ACLS, accessPolicies=[{"objectId": "o"}])),
        change("Modify", vault("b", enableSoftDelete=True), vault("b", networkAcls=ACLS)),
        change("Unsupported", setting(ID), unsupportedReason="why"),
        error={"code": "c", "message": "m"},
        potentialChanges=[change("Delete", None, vault("c"))],
        diagnostics=[{"level": "Warning", "code": "c", "message": "m"}],
    ),
    {"status": "Succeeded", "properties": what_if(change("NoChange", vault(), vault()))},
    snapshot(vault(networkAcls=ACLS), setting(ID, logs=[{"enabled": True}]), diagnostics=["d"]),
]
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        None, True, 0, -1, 2**70, 1e300, "", "x", "/", "[", "[]", "[[", "[x(]", "[concat()]", "[format('{0}')]", "\x00",
        "\u27e8", "\u27e9/\u27e8", "[resourceId()]", "[subscription()]", "[resourceGroup()]", "[reference()]", "Delete",
        "[parameters()]", "[if(true(), 1)]", "[resourceId('Microsoft.KeyVault/vaults', json('[1]'))]", "\ud83d", [], {},
        [None], [[]], {"": None}, {"id": ID}, ID, f"{ID}/providers", f"{ID}/secrets/s", "2023-07-01", ["a"] * 30,
    ]
)  # fmt: skip


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Every place in a tree: the list or object, and the index or key in it."""
    found = []
    for key, below in list(tree.items()) if isinstance(tree, dict) else enumerate(tree):
        found.append((tree, key))
        if isinstance(below, (dict, list)):
            found += places(below)
    return found


@pytest.fixture
def deep() -> None:
    """The evaluator raises Python's limit when it is first used; hypothesis wants none changed while it tests."""
    read(snapshot(vault(x="[reference('x')]")))


@pytest.mark.usefixtures("deep")
@given(data=st.data(), document=st.sampled_from(DOCUMENTS))
@settings(
    max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_damaged_documents_cause_no_internal_error(data: st.DataObject, document: Any, judge: Judge) -> None:
    tree = copy.deepcopy(document)
    for _ in range(data.draw(st.integers(1, 3))):
        holder, key = data.draw(st.sampled_from(places(tree) or [({"x": 1}, "x")]))
        if data.draw(st.booleans()):
            holder[key] = copy.deepcopy(data.draw(ODD))
        else:
            del holder[key]
    with contextlib.suppress(InputError):
        assert not judge(tree).problems


def nested(levels: int) -> Any:
    inner: Any = {"enabled": True}
    for _ in range(levels):
        inner = {"x": [inner]}
    return inner


def test_deep_values_are_read() -> None:
    deep = vault(x=nested(90))
    found = read(what_if(change("Modify", deep, deep)))
    assert KV in found.read.resources


@pytest.mark.parametrize("text", ["[" + "concat(" * 99 + "'a'" + ")" * 99 + "]", "[concat(" + "'a'," * 5000 + "'a')]"])
def test_long_and_deep_expressions_are_read_or_unknown(text: str) -> None:
    assert read(snapshot(vault(x=text))).get("properties.x") in ("?", "a", "a" * 5001)


def test_nested_calls_are_evaluated_once_each() -> None:
    text = "reference('x').id"
    for _ in range(40):
        text = f"resourceId({text}, 'Microsoft.KeyVault/vaults', 'kv')"
    assert read(snapshot(vault(x=f"[{text}]"))).get("properties.x") == "?"


def test_many_resources_of_one_name_are_read() -> None:
    found = read(snapshot(*[vault() for _ in range(3000)]))
    assert len(found.read.resources) == 3000


def test_long_ids_are_problems() -> None:
    long = f"{ID}{'/secrets/s' * 20_000}"
    assert json.dumps(read(what_if({"resourceId": long, "changeType": "Deploy"})).problems)
