"""The roles that replace permissions: minimal, exactly listed, and Microsoft's for the templates of access policies."""

from __future__ import annotations

import pytest

from azkvlint.migration.plan import choose
from tests.migration.brute_force import WORDS, difference, named


@pytest.mark.parametrize("first", range(0, 100, 20))
def test_no_set_of_roles_has_a_smaller_surplus(first: int) -> None:
    assert [text for number in range(first, first + 20) if (text := difference(number))] == []


ALL = WORDS
# What the portal selects: everything to manage objects, without purging and without the use of keys.
PORTAL = {
    "keys": "get list update create import delete recover backup restore",
    "secrets": "get list set delete recover backup restore",
    "certificates": "get list update create import delete recover backup restore managecontacts manageissuers"
    " getissuers listissuers setissuers deleteissuers",
}
CRYPTO, SECRETS, CERTIFICATES = (
    "Key Vault Crypto Officer",
    "Key Vault Secrets Officer",
    "Key Vault Certificates Officer",
)
ENCRYPTION = ["Key Vault Crypto Service Encryption User"]
# Source: learn.microsoft.com/azure/key-vault/general/rbac-migration; None: a custom role is required.
TEMPLATES: dict[str, tuple[dict[str, str], list[str] | None]] = {
    "Key, Secret, & Certificate Management": (ALL, ["Key Vault Administrator"]),
    "Key & Secret Management": ({kind: ALL[kind] for kind in ("keys", "secrets")}, [CRYPTO, SECRETS]),
    "Secret & Certificate Management": (
        {kind: ALL[kind] for kind in ("secrets", "certificates")}, [CERTIFICATES, SECRETS],
    ),
    "Key Management": ({"keys": ALL["keys"]}, [CRYPTO]),
    "Secret Management": ({"secrets": ALL["secrets"]}, [SECRETS]),
    "Certificate Management": ({"certificates": ALL["certificates"]}, [CERTIFICATES]),
    "SQL Server Connector": ({"keys": "get list wrapkey unwrapkey"}, ENCRYPTION),
    "Azure Data Lake Storage or Azure Storage": ({"keys": "get list unwrapkey"}, None),
    "Azure Backup": ({"keys": "get list backup", "secrets": "get list backup"}, None),
    "Azure Backup of certificates": ({"keys": "get list backup", "certificates": "get list backup"}, None),
    "Exchange Online Customer Key": ({"keys": "get wrapkey unwrapkey"}, ENCRYPTION),
    "SharePoint Online Customer Key": ({"keys": "get list wrapkey unwrapkey"}, ENCRYPTION),
    "Azure Information BYOK": ({"keys": "get decrypt sign"}, None),
}  # fmt: skip


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_gets_the_role_that_microsoft_documents(name: str) -> None:
    kinds, roles = TEMPLATES[name]
    words = named(**kinds)
    choice = choose(words, words)
    assert choice.fits is (roles is not None)
    if roles is not None:
        assert sorted(role.name for role in choice.roles) == sorted(roles)
        assert set(choice.surplus) <= {"keys/list"}
    else:
        assert set(choice.custom_surplus) <= {"keys/list"}


@pytest.mark.parametrize(
    "name", [name for name, (kinds, _) in TEMPLATES.items() if ALL[next(iter(kinds))] in kinds.values()]
)
def test_a_management_template_as_the_portal_fills_it_gets_the_same_roles(name: str) -> None:
    kinds, roles = TEMPLATES[name]
    words = named(**{kind: PORTAL[kind] for kind in kinds})
    choice = choose(words, words)
    assert choice.fits
    assert sorted(role.name for role in choice.roles) == sorted(roles or [])
    assert set(choice.surplus) == named(**kinds) - words


@pytest.mark.parametrize(
    ("kinds", "fits", "surplus"),
    [
        ({"secrets": "get"}, True, {"secrets/list"}),
        ({"secrets": "get list", "keys": "get list", "certificates": "get list"}, True, set()),
        # The role with the least surplus would read the values of secrets.
        ({"certificates": "get list"}, False, {"secrets/get", "secrets/list", "keys/get", "keys/list"}),
        ({"secrets": "list"}, False, {"secrets/get"}),
        (
            {"secrets": "get list set"},
            False,
            named(secrets="delete recover backup restore purge"),
        ),
    ],
)
def test_a_surplus_beyond_names_and_properties_requires_a_custom_role(
    kinds: dict[str, str], fits: bool, surplus: frozenset[str]
) -> None:
    choice = choose(named(**kinds), named(**kinds))
    assert (choice.fits, set(choice.surplus)) == (fits, set(surplus))


def test_storage_permissions_are_covered_but_not_counted() -> None:
    words = frozenset({"storage/get", "storage/regeneratekey"})
    choice = choose(words, words)
    assert [role.name for role in choice.roles] == ["Key Vault Administrator"]
    assert not choice.fits
    assert not any(word.startswith("storage/") for word in choice.surplus)
    assert [action.partition("/storageaccounts/")[2] for action in choice.actions] == ["read", "regeneratekey/action"]
    assert choice.custom_surplus == ()


def test_a_permission_that_a_policy_may_have_is_covered_and_listed() -> None:
    words = named(secrets=ALL["secrets"])
    choice = choose(words, words - {"secrets/purge"})
    assert [role.name for role in choice.roles] == [SECRETS]
    assert choice.surplus == ("secrets/purge",)
