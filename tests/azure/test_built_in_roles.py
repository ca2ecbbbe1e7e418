"""The table of built-in roles is what its script writes, and the abilities of roles are those of their definitions."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from azkvlint.azure.roles import ASSIGNS, DATA, role_by_id, role_by_name
from azkvlint.derived.companions import Sure
from azkvlint.derived.permissions import built_in
from sitegen.roles import ASSIGNS_ANY, ASSIGNS_SOME, abilities, abilities_of

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / ".github" / "development" / "built_in_roles.py"
TABLE = ROOT / "src" / "azkvlint" / "data" / "built_in_roles.tsv"
FACTS = ROOT.parent / "shared" / "facts"
DEFINITIONS = FACTS / "roles-2026-08.json"
ABILITIES = Path(__file__).with_name("role_abilities.tsv")
HEADER = TABLE.read_text(encoding="utf-8").splitlines()[0]

_spec = importlib.util.spec_from_file_location("built_in_roles", SCRIPT)
assert _spec is not None
assert _spec.loader is not None
SCRIPTED: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(SCRIPTED)


class TestScript:
    def test_a_role_is_a_line_with_five_columns_for_each_permission(self) -> None:
        cli = {
            "id": "/providers/Microsoft.Authorization/roleDefinitions/AAAAAAAA-0000-0000-0000-000000000001",
            "name": "AAAAAAAA-0000-0000-0000-000000000001",
            "roleName": "Example Reader",
            "roleType": "BuiltInRole",
            "permissions": [
                {"actions": ["*/read"], "notActions": ["a/b/read"], "dataActions": [], "notDataActions": []},
                {"actions": ["a/write"], "condition": "x\n AND y"},
            ],
        }
        custom = {**cli, "roleType": "CustomRole"}
        lines = SCRIPTED.table([custom, cli], "2026-08-22").splitlines()
        assert "2026-08-22" in lines[0]
        rows = [line for line in lines if not line.startswith("#")]
        guid = "aaaaaaaa-0000-0000-0000-000000000001"
        assert rows == [f"{guid}\tExample Reader\t*/read\ta/b/read\t\t\t\ta/write\t\t\t\tx AND y"]

    def test_an_action_with_a_space_is_an_error(self) -> None:
        role = {"id": "1", "name": "n", "permissions": [{"actions": ["a b"]}]}
        with pytest.raises(ValueError, match="space"):
            SCRIPTED.table([role], "2026-08-22")

    @pytest.mark.skipif(not DEFINITIONS.exists(), reason="the definitions of Azure are not here")
    def test_script_generates_the_table(self) -> None:
        roles = json.loads(DEFINITIONS.read_text(encoding="utf-8"))
        date = re.search(r"\d{4}-\d\d-\d\d", HEADER)
        assert date is not None
        assert TABLE.read_text(encoding="utf-8") == SCRIPTED.table(roles, date[0])


def _rows() -> Mapping[str, tuple[str, list[list[str]]]]:
    """Return the names and permissions of the table by ID, read by other code than the product's."""
    found = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        guid, *cells = line.split("\t")
        if not line.startswith("#"):
            padded = [*cells[1:], *[""] * 5]
            found[guid] = cells[0], [padded[at : at + 5] for at in range(0, max(len(cells) - 1, 1), 5)]
    return found


ROWS = _rows()


@cache
def _pattern(words: str) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(word).replace(r"\*", ".*") for word in words.split()), re.IGNORECASE)


def _matches(words: str, action: str) -> bool:
    return bool(words) and _pattern(words).fullmatch(action) is not None


def _allowing(guid: str, action: str, *, is_data: bool = False) -> list[str]:
    """Return the conditions of the permissions of a role that allow an action."""
    at = 2 if is_data else 0
    blocks = ROWS[guid][1]
    return [one[4] for one in blocks if _matches(one[at], action) and not _matches(one[at + 1], action)]


def _requested(condition: str) -> set[str]:
    """Return the roles that the conditions of Azure's own roles allow to assign."""
    listed = re.findall(r"@Request\[[^]]*RoleDefinitionId\] *ForAnyOfAnyValues:GuidEquals *\{([^}]*)\}", condition)
    hexes = (one.strip().replace("-", "") for text in listed for one in text.split(","))
    return {"-".join((one[:8], one[8:12], one[12:16], one[16:20], one[20:])) for one in hexes}


def _reaches(guid: str, seen: frozenset[str] = frozenset()) -> bool:
    if guid not in ROWS or guid in seen:
        return False
    vaults = {action for one in abilities() if "vaults/" in "".join(one.actions[:1]).lower() for action in one.actions}
    vaults |= {
        "Microsoft.Authorization/roleDefinitions/write",
        "Microsoft.KeyVault/locations/deletedVaults/purge/action",
    }
    vaults |= set(DATA)
    if any(_allowing(guid, action, is_data=action in DATA) for action in vaults):
        return True
    conditions = _allowing(guid, ASSIGNS)
    return any(
        not condition or any(_reaches(one, seen | {guid}) for one in _requested(condition)) for condition in conditions
    )


def _expected(guid: str) -> dict[str, bool]:
    """Return the abilities of a role, and whether a permission without a condition has it."""
    found: dict[str, bool] = {}
    for one in abilities():
        conditions = [text for action in one.actions for text in _allowing(guid, action, is_data=one.is_data)]
        for way in one.ways:
            groups = [
                [text for action in group for text in _allowing(guid, action)] for group in (way.writes, *way.starts)
            ]
            # No built-in role limits any of these actions by a condition.
            assert not any(text for group in groups for text in group)
            conditions += [""] if all(groups) else []
        if conditions:
            # Azure's own conditions on some actions are true for all others.
            found[one.name] = any(not text or "ActionMatches" in text for text in conditions)
    conditions = _allowing(guid, ASSIGNS)
    if "" in conditions:
        found[ASSIGNS_ANY] = True
    elif any(_reaches(one) for condition in conditions for one in _requested(condition)):
        found[ASSIGNS_SOME] = not any("HasObotoken" in condition for condition in conditions)
    return found


def test_the_abilities_of_every_role_are_those_of_its_definition() -> None:
    wrong = {}
    for guid, (name, _) in ROWS.items():
        role = built_in(name.lower())
        assert role is not None
        found, expected = abilities_of(role), _expected(guid)
        certain = {ability for ability, sure in found.items() if sure is Sure.YES}
        # An asterisk between slashes may match nothing, which only the product considers.
        if certain != {ability for ability, sure in expected.items() if sure} or not expected.keys() <= found.keys():
            wrong[name] = found, expected
    assert wrong == {}


# What kvlint calls what the independent list has an answer for: any of some of its abilities, or of kvlint's.
SAME: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("read secrets",): ("read_secret",),
    ("use keys",): ("decrypt", "encrypt", "wrap", "unwrap", "sign", "verify", "release_key"),
    ("use certificates",): ("read_certificate",),
    ("change access policies",): ("set_access_policies",),
    ("change vaults",): ("set_access_policies",),
    ("purge vaults",): ("purge_vault",),
    ("create secrets in deployments",): ("write_secret_by_arm",),
    ("create keys in deployments",): ("create_key_by_arm",),
    ("read secrets in deployments",): ("read_secret_in_deployment",),
    ("federate identities",): ("federate_identity",),
    ("assign identities",): ("assign_identity",),
    ("write deployments",): ("write_deployments",),
    ("run code on virtual machines", "run code on scale sets", "sign in to virtual machines"): ("run_code_vm",),
    ("run code on apps", "run code on deployment slots"): ("run_code_web",),
    (
        "run code on container apps",
        "run code on container app jobs",
        "sign in to container apps",
        "sign in to container app jobs",
    ): ("run_code_containerapps",),
    ("run code on logic apps",): ("run_code_logic",),
    ("run code on deployment scripts",): ("deployment_scripts",),
    ("run code on Arc machines", "sign in to Arc machines"): ("run_code_arc",),
    ("run code on Automation accounts",): ("run_code_automation",),
    ("run code on data factories",): ("run_code_datafactory",),
    (ASSIGNS_ANY,): ("assign_roles",),
}
# An asterisk between slashes may match nothing: the list takes that as documented, and kvlint as possible.
POSSIBLE = {("Managed Identity Operator", "assign identities")}
# What only the list counts, by our ability.
ONLY_LISTED = {
    # Session pools, which run code that they are given, and one action with no more than its name.
    "run code on container apps": {
        "Azure ContainerApps Session Executor",
        "Container Apps SessionPools Contributor",
        "Container Apps ManagedEnvironments Contributor",
    },
    # Logic apps of the plan Standard are apps, and hybrid ones are container apps: these have their own abilities.
    "run code on logic apps": {
        "Logic Apps Hybrid Contributor",
        "Logic Apps Standard Contributor",
        "Logic Apps Standard Developer",
        "Website Contributor",
    },
    # They write runbooks, but something else must start these, so that it is only possible.
    "run code on Automation accounts": {
        "Azure Resilience Management Drills Assets Administrator",
        "Azure Resilience Management Drills Assets Contributor",
    },
    # One action with no more than its description, `Setup Extensions on Azure Arc machines`.
    "run code on Arc machines": {"Azure Connected Machine Onboarding"},
}


def test_the_abilities_are_those_of_an_independent_list() -> None:
    listed: dict[str, dict[str, str]] = {}
    for line in ABILITIES.read_text(encoding="utf-8").splitlines()[2:]:
        role, _, ability, answer = line.split("\t")
        listed.setdefault(role, {})[ability] = answer
    assert len(listed) > 250
    differences, compared = [], 0
    for name, _ in ROWS.values():
        permissions = built_in(name.lower())
        assert permissions is not None
        own, theirs = abilities_of(permissions), listed.get(name.strip(), {})
        for ours, others in SAME.items():
            sure = max(own.get(ability, Sure.NO) for ability in ours)
            is_listed = any(theirs.get(ability) == "yes" for ability in others)
            is_known = (name, ours[0]) in POSSIBLE or name in ONLY_LISTED.get(ours[0], ())
            compared += 1
            if (sure is Sure.YES) is not is_listed and not is_known:
                differences.append((name, ours, sure, is_listed))
    assert differences == []
    assert compared == len(ROWS) * len(SAME)


def test_conditional_role_assigners_are_those_of_an_independent_list() -> None:
    lines = [line.split("\t") for line in ABILITIES.read_text(encoding="utf-8").splitlines()[2:]]
    conditional = {role for role, _, ability, answer in lines if (ability, answer) == ("assign_roles", "conditional")}
    assert len(conditional) == 25
    limited = set()
    for name, _ in ROWS.values():
        permissions = built_in(name.lower())
        assert permissions is not None
        if permissions.control(ASSIGNS) is not Sure.NO and permissions.assignable() is not None:
            limited.add(name)
    assert limited == conditional


class TestNames:
    def test_every_role_is_found_by_its_name_and_its_id(self) -> None:
        for guid, (name, _) in ROWS.items():
            assert role_by_id(f"/providers/Microsoft.Authorization/roleDefinitions/{guid.upper()}") == name
            found = role_by_name(name.lower())
            assert found is not None
            assert found.id == guid

    def test_a_role_that_only_the_documentation_lists_may_allow_more(self) -> None:
        role = built_in("elastic autopilot contributor")
        assert role is not None
        assert role.control("Microsoft.KeyVault/vaults/write") is Sure.YES
        assert role.control("Microsoft.Compute/virtualMachines/write") is Sure.PERHAPS
        assert role.control(ASSIGNS) is Sure.NO
