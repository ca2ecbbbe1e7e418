"""What the definition of a role allows: wildcards, exclusions in the same permission, and conditions."""

from __future__ import annotations

import pytest

from azkvlint.azure.roles import ASSIGNS, BuiltInRole, Permission
from azkvlint.derived.companions import Sure
from azkvlint.derived.permissions import Permissions, assigns, built_in, of_built_in

OWNER, READER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "acdd72a7-3385-48ef-bd42-f606fba81ae7"
SECRETS_USER, ACR_PULL = "4633458b-17de-408a-b874-0445c86b69e6", "7f951dda-4ed3-4680-a7ca-43fe172d538d"
VAULTS = "Microsoft.KeyVault/vaults"
GET = f"{VAULTS}/secrets/getSecret/action"
ROLE = "@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId]"
KIND = "@Request[Microsoft.Authorization/roleAssignments:PrincipalType]"


def of(*permissions: Permission) -> Permissions:
    """Return what a role with these permissions allows."""
    return of_built_in(BuiltInRole("00000000-0000-0000-0000-000000000000", "example", permissions))


@pytest.mark.parametrize(
    ("actions", "not_actions", "action", "expected"),
    [
        (["*/read"], [], f"{VAULTS}/read", Sure.YES),
        (["*/read"], [], f"{VAULTS}/write", Sure.NO),
        (["Microsoft.KeyVault/*"], [], f"{VAULTS}/accessPolicies/write", Sure.YES),
        (["microsoft.keyvault/VAULTS/*"], [], f"{VAULTS}/write", Sure.YES),
        (["Microsoft.KeyVault/vaults/*"], [], "Microsoft.KeyVault/managedHSMs/write", Sure.NO),
        (["*"], ["Microsoft.KeyVault/*/write"], f"{VAULTS}/write", Sure.NO),
        (["*"], ["Microsoft.KeyVault/*/write"], f"{VAULTS}/delete", Sure.YES),
        (["*"], [f"{VAULTS}/*/write"], f"{VAULTS}/secrets/write", Sure.NO),
        # Whether an asterisk between slashes matches nothing is not documented.
        (["*"], [f"{VAULTS}/*/write"], f"{VAULTS}/write", Sure.PERHAPS),
        ([f"{VAULTS}/*/write"], [], f"{VAULTS}/write", Sure.PERHAPS),
        ([], [], f"{VAULTS}/write", Sure.NO),
    ],
)
def test_permissions_decide_on_an_action(
    actions: list[str], not_actions: list[str], action: str, expected: Sure
) -> None:
    role = of(Permission(tuple(actions), tuple(not_actions)))
    assert role.control(action) is expected
    assert role.data(action) is Sure.NO
    role = of(Permission((), (), tuple(actions), tuple(not_actions)))
    assert role.data(action) is expected
    assert role.control(action) is Sure.NO


def test_a_permission_excludes_nothing_of_another() -> None:
    without = Permission(("*",), (f"{VAULTS}/*",), ("*",), (GET,))
    assert of(without).control(f"{VAULTS}/write") is Sure.NO
    assert of(without).data(GET) is Sure.NO
    both = of(without, Permission((f"{VAULTS}/write",), (), (GET,)))
    assert both.control(f"{VAULTS}/write") is Sure.YES
    assert both.data(GET) is Sure.YES


@pytest.mark.parametrize(
    ("condition", "certain", "possible"),
    [
        (f"{ROLE} ForAnyOfAnyValues:GuidEquals {{{SECRETS_USER}}}", {SECRETS_USER}, set()),
        (f"{ROLE} ForAnyOfAnyValues:GuidEquals {{{SECRETS_USER.replace('-', '')}}}", {SECRETS_USER}, set()),
        (f"{ROLE} ForAnyOfAllValues:GuidNotEquals {{{OWNER}, {SECRETS_USER}}}", {READER}, set()),
        (f"{ROLE} ForAnyOfAnyValues:GuidNotEquals {{{OWNER}}}", {SECRETS_USER, READER}, set()),
        (f"@Resource[HasObotoken] BoolEquals true && {ROLE} GuidEquals {OWNER}", set(), {OWNER}),
        (f"!(ActionMatches{{'{ASSIGNS}'}}) OR {ROLE} ForAnyOfAnyValues:GuidEquals {{{ACR_PULL}}}", set(), set()),
    ],
)
def test_condition_decides_on_assignable_roles(condition: str, certain: set[str], possible: set[str]) -> None:
    found = of(Permission((ASSIGNS,), condition=condition)).assignable()
    assert found is not None
    names = {OWNER: "Owner", SECRETS_USER: "Key Vault Secrets User", READER: "Key Vault Reader"}
    names = {guid: name for guid, name in names.items() if guid != READER} | {READER: "Key Vault Reader"}
    sure = {guid: found.get(name, Sure.NO) for guid, name in names.items()}
    assert {guid for guid, one in sure.items() if one is Sure.YES} == certain
    assert {guid for guid, one in sure.items() if one is Sure.PERHAPS} == possible


def test_a_permission_without_a_condition_lets_assign_every_role() -> None:
    limited = Permission((ASSIGNS,), condition=f"{ROLE} ForAnyOfAnyValues:GuidEquals {{{READER}}}")
    assert of(limited).assignable() is not None
    assert of(limited, Permission((ASSIGNS,))).assignable() is None
    assert of(limited, Permission(("*",), (ASSIGNS,))).assignable() is not None


def test_role_that_assigns_access_to_vaults_is_recognized() -> None:
    def limited(guid: str) -> Permissions:
        return of(Permission((ASSIGNS,), condition=f"{ROLE} ForAnyOfAnyValues:GuidEquals {{{guid}}}"))

    assert assigns(limited(ACR_PULL)) is Sure.NO
    assert assigns(limited(SECRETS_USER)) is Sure.YES
    # Foundry Owner, whose own condition allows roles without access to vaults only.
    assert assigns(limited("c883944f-8b7b-4483-af10-35834be79c4a")) is Sure.NO
    # Key Vault Data Access Administrator, whose condition allows Key Vault Administrator.
    assert assigns(limited("8b54135c-b56d-4d72-a534-26097cfdc8d8")) is Sure.YES


def test_condition_on_the_principal_may_not_apply_to_the_holder_itself() -> None:
    condition = f"{ROLE} ForAnyOfAnyValues:GuidEquals {{{SECRETS_USER}}} AND {KIND} StringEquals 'ServicePrincipal'"
    role = of(Permission((ASSIGNS,), condition=condition))
    assert role.assignable() == {"Key Vault Secrets User": Sure.YES}
    assert role.assignable(to_itself=True) == {"Key Vault Secrets User": Sure.PERHAPS}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("@Resource[HasObotoken] BoolEquals true", Sure.PERHAPS),
        (f"!(ActionMatches{{'{ASSIGNS}'}}) OR {ROLE} GuidEquals {OWNER}", Sure.YES),
        (f"!(ActionMatches{{'{GET}'}})", Sure.NO),
        ("not a condition", Sure.PERHAPS),
    ],
)
def test_condition_on_a_data_action_makes_it_possible_at_most(condition: str, expected: Sure) -> None:
    assert of(Permission((), (), (GET,), condition=condition)).data(GET) is expected


def test_condition_of_key_vault_data_access_administrator_is_read() -> None:
    role = built_in("key vault data access administrator")
    assert role is not None
    found = role.assignable()
    assert found is not None
    assert found["Key Vault Administrator"] is Sure.YES
    assert not {"Key Vault Certificate User", "Key Vault Contributor", "Owner"} & found.keys()
