"""The questions of kvlint access: one secret, one principal, why it has access, and what roles at a scope give."""

from __future__ import annotations

import csv
import io
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import CommandOutput, Kvlint

ESTATE = """
resource "azurerm_resource_group" "shop" {
  name     = "rg-shop"
  location = "westeurope"
}
resource "azurerm_resource_group" "bank" {
  name     = "rg-bank"
  location = "westeurope"
}
resource "azurerm_key_vault" "shop" {
  name                       = "kv-shop"
  resource_group_name        = azurerm_resource_group.shop.name
  rbac_authorization_enabled = true
}
resource "azurerm_key_vault" "bank" {
  name                       = "kv-bank"
  resource_group_name        = azurerm_resource_group.bank.name
  rbac_authorization_enabled = true
}
resource "azurerm_key_vault_secret" "db" {
  name         = "db-password"
  key_vault_id = azurerm_key_vault.shop.id
}
resource "azurerm_key_vault_secret" "api" {
  name         = "api-token"
  key_vault_id = azurerm_key_vault.shop.id
}
resource "azurerm_key_vault_key" "disk" {
  name         = "disk"
  key_vault_id = azurerm_key_vault.bank.id
}
resource "azurerm_key_vault_certificate" "web" {
  name         = "web-cert"
  key_vault_id = azurerm_key_vault.shop.id
}
resource "azurerm_role_assignment" "db" {
  scope                = azurerm_key_vault_secret.db.resource_versionless_id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = azuread_group.readers.object_id
}
resource "azurerm_role_assignment" "api" {
  scope                = azurerm_key_vault_secret.api.resource_versionless_id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = "22222222-2222-2222-2222-222222222222"
}
resource "azurerm_role_assignment" "all" {
  scope                = azurerm_resource_group.shop.id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = "33333333-3333-3333-3333-333333333333"
}
resource "azurerm_role_assignment" "owner" {
  scope                = data.azurerm_subscription.current.id
  role_definition_name = "Key Vault Administrator"
  principal_id         = "44444444-4444-4444-4444-444444444444"
}
resource "azurerm_role_assignment" "bank" {
  scope                = azurerm_key_vault.bank.id
  role_definition_name = "Key Vault Crypto User"
  principal_id         = "55555555-5555-5555-5555-555555555555"
}
data "azurerm_subscription" "current" {}
resource "azuread_group" "readers" {
  display_name = "readers"
}
resource "azuread_group_member" "ann" {
  group_object_id  = azuread_group.readers.object_id
  member_object_id = "11111111-1111-1111-1111-111111111111"
}
"""


class Input:
    """A folder with what a test writes into it, and the access in it."""

    def __init__(self, folder: Path, kvlint: Kvlint) -> None:
        self.folder = folder
        self._kvlint = kvlint

    def write(self, text: str, name: str = "main.tf") -> Input:
        (self.folder / name).write_text(text)
        return self

    def run(self, *words: str) -> CommandOutput:
        return self._kvlint("access", ".", *words)

    def report(self, *words: str) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self.run("-f", "json", *words).out)
        return report

    def who(self, *words: str) -> dict[str, set[str]]:
        """The first letters of the principals of each vault."""
        report = self.report(*words)
        labels = {one["key"]: one["label"].rpartition(".")[2][:4] for one in report["principals"]}
        found: dict[str, set[str]] = {}
        for row in report["rows"]:
            for number in report["vaultSets"][row["vaultSet"]]:
                found.setdefault(report["vaults"][number]["name"], set()).add(labels[row["principal"]])
        return found


@pytest.fixture
def given(kvlint: Kvlint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Input:
    folder = tmp_path / "given"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Input(folder, kvlint)


@pytest.mark.parametrize(
    ("words", "who"),
    [
        (("--secret", "db-password"), {"kv-shop": {"read", "1111", "3333", "4444"}}),
        (("--secret", "DB-PASS"), {"kv-shop": {"read", "1111", "3333", "4444"}}),
        (("--secret", "azurerm_key_vault_secret.api"), {"kv-shop": {"2222", "3333", "4444"}}),
        (("--secret", "db-", "--secret", "api"), {"kv-shop": {"read", "1111", "2222", "3333", "4444"}}),
        (("--secret", "db-", "--principal", "1111"), {"kv-shop": {"1111"}}),
        (("--secret", "db-", "--permission", "purge"), {"kv-shop": {"4444"}}),
        # A certificate has a secret with its private key.
        (("--secret", "web-cert"), {"kv-shop": {"3333", "4444"}}),
        (("--certificate", "web"), {"kv-shop": {"3333", "4444"}}),
        (("--key", "disk"), {"kv-bank": {"4444", "5555"}}),
        (("--key", "web"), {"kv-shop": {"4444"}}),
        (("--at", "rg-shop"), {"kv-shop": {"3333", "4444"}}),
        (("--at", "azurerm_resource_group.bank"), {"kv-bank": {"4444"}}),
        (("--at", "azurerm_resource_group.bank", "--vault", "kv-bank"), {"kv-bank": {"4444"}}),
        (("--principal", "1111", "--vault", "shop"), {"kv-shop": {"1111"}}),
        (("--why", "1111", "shop"), {"kv-shop": {"1111"}}),
        (("--why", "5555", "shop"), {}),
    ],
)
def test_principals_with_access_to_a_secret_or_vault_are_listed(
    given: Input, words: tuple[str, ...], who: dict[str, set[str]]
) -> None:
    assert given.write(ESTATE).who(*words) == who


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--secret", "db-pasword"), "--secret: the input has no secret `db-pasword` (did you mean 'db-password'?)"),
        (("--secret", "disk"), "--secret: the input has no secret `disk` (the input has api-token, db-password, web-c"),
        (("--key", "nothing"), "--key: the input has no key `nothing` (the input has disk, web-cert)"),
        (("--certificate", "db-password"), "--certificate: the input has no certificate `db-password`"),
        (("--secret", "p"), "--secret: `p` is a part of the names of 2 secrets (db-password, api-token)"),
        (("--secret", ""), "--secret: the input has no secret ``"),
        (("--vault", "kv"), "--vault: `kv` is a part of the names of 2 key vaults or managed HSMs (kv-shop, kv-bank)"),
        (("--secret", "db-password", "--vault", "bank"), "--secret: the input has no secret `db-password`"),
        (("--principal", "-"), "--principal: `-` is a part of the names of 5 principals"),
        (("--at", "rg-shopp"), "--at: the input has no scope `rg-shopp` (did you mean 'rg-shop'?)"),
        (("--at", "resource_group"), "--at: `resource_group` is a part of the names of 2 scopes"),
        (("--why", "1111", "kw-shop"), "--why: the input has no key vault or managed HSM `kw-shop` (did you mean"),
        (("--why", "nobody", "shop"), "--why: the input has no principal `nobody`"),
        (("--why", "1111", "shop", "--why", "5555", "shop"), "--why is possible only once"),
        (("--why", "1111", "shop", "--vault", "shop"), "--why has its own principal and vault"),
    ],
)
def test_unknown_or_ambiguous_name_is_an_error(given: Input, words: tuple[str, ...], message: str) -> None:
    said = given.write(ESTATE).run(*words)
    assert (said.code, said.out) == (2, "")
    assert message in said.err


def test_a_role_on_one_secret_is_marked(given: Input) -> None:
    out = given.write(ESTATE).run("--vault", "shop").out
    row = next(line for line in out.splitlines() if line.endswith("22222222-2222-2222-2222-222222222222"))
    assert row.split()[:2] == ["one:", "api-token"]
    assert "yes secrets/get (only secrets/api-token): role" in " ".join(out.split())
    report = given.report("--vault", "shop")
    only = {row["principal"][:4]: row["only"] for row in report["rows"] if row["permission"] == "secrets/get"}
    assert only["2222"] == ["secrets/api-token"]
    assert only["3333"] == []
    # About the secret itself, the access is not limited.
    row = next(line for line in given.run("--secret", "api").out.splitlines() if line.endswith("2222-222222222222"))
    assert row.split()[0] == "yes"


def test_access_to_a_part_is_listed_beside_possible_access_to_all(given: Input) -> None:
    eligible = """
resource "azurerm_pim_eligible_role_assignment" "e" {
  scope              = azurerm_key_vault.shop.id
  role_definition_id = "/providers/Microsoft.Authorization/roleDefinitions/4633458b-17de-408a-b874-0445c86b69e6"
  principal_id       = "22222222-2222-2222-2222-222222222222"
}
resource "azurerm_pim_eligible_role_assignment" "one" {
  scope              = azurerm_key_vault_secret.api.resource_versionless_id
  role_definition_id = "/providers/Microsoft.Authorization/roleDefinitions/4633458b-17de-408a-b874-0445c86b69e6"
  principal_id       = "66666666-6666-6666-6666-666666666666"
}
resource "azurerm_role_assignment" "both" {
  for_each             = { a = azurerm_key_vault_secret.api, b = azurerm_key_vault_secret.db }
  scope                = each.value.resource_versionless_id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = "77777777-7777-7777-7777-777777777777"
}
"""
    out = given.write(ESTATE + eligible).run("--vault", "shop", "--permission", "secrets/get").out
    table = out[out.index("  principal") : out.index("\n\n", out.index("  principal"))].splitlines()[1:]
    cells = {line.split()[-1][:4]: line.strip() for line in table}
    assert cells["2222"].startswith("one: api-token, ?")
    assert cells["6666"].startswith("one: api-token?")
    assert cells["7777"].startswith("2 named")


def test_secret_named_by_a_role_assignment_only_is_listed(given: Input) -> None:
    text = (
        ESTATE
        + """
resource "azurerm_role_assignment" "other" {
  scope                = "${azurerm_key_vault.bank.id}/secrets/by-hand"
  role_definition_name = "Key Vault Secrets User"
  principal_id         = "66666666-6666-6666-6666-666666666666"
}
"""
    )
    assert given.write(text).who("--secret", "by-hand") == {"kv-bank": {"6666", "4444"}}
    [asked] = given.report("--secret", "by-hand")["question"]["objects"]
    assert (asked["kind"], asked["name"], asked["resource"], asked["vault"]) == ("secrets", "by-hand", None, 0)
    assert "secret by-hand of kv-bank: (only a role assignment names it) [main.tf:" in given.run("--secret", "by-h").out


def test_a_role_on_a_secret_with_an_unknown_name_may_be_on_this_one(given: Input) -> None:
    text = (
        ESTATE
        + """
variable "which" {}
resource "azurerm_role_assignment" "some" {
  scope                = "${azurerm_key_vault.shop.id}/secrets/${var.which}"
  role_definition_name = "Key Vault Secrets User"
  principal_id         = "66666666-6666-6666-6666-666666666666"
}
"""
    )
    report = given.write(text).report("--secret", "db-password")
    [row] = [row for row in report["rows"] if row["principal"].startswith("6666")]
    assert (row["certainty"], row["decidedBy"]) == ("perhaps", "which object the scope of the role assignment is")


def test_secret_name_in_several_vaults_selects_each(given: Input) -> None:
    more = """
resource "azurerm_key_vault_secret" "other" {
  name         = "db-password"
  key_vault_id = azurerm_key_vault.bank.id
}
"""
    who = given.write(ESTATE + more).who("--secret", "db-password")
    assert who == {"kv-shop": {"read", "1111", "3333", "4444"}, "kv-bank": {"4444"}}
    assert given.who("--secret", "db-password", "--vault", "bank") == {"kv-bank": {"4444"}}


def test_why_lists_each_edge_with_its_line_and_the_edit_that_removes_it(given: Input) -> None:
    out = given.write(ESTATE).run("--why", "1111", "kv-shop").out
    lines = [line.strip() for line in out.splitlines()]
    at = lines.index("1. yes secrets/get (only secrets/db-password):")
    number = 1 + ESTATE.splitlines().index('resource "azuread_group_member" "ann" {')
    assert lines[at + 1] == f"member of azuread_group.readers [main.tf:{number + 2}:3]"
    assert lines[at + 2].startswith("role `Key Vault Secrets User` at azurerm_key_vault_secret.db (")
    assert lines[at + 3] == f"to remove it: remove azuread_group_member.ann [main.tf:{number + 2}:3]"
    report = given.report("--why", "1111", "kv-shop")
    assert report["question"]["why"] is True
    [row] = report["rows"]
    assert [(step["kind"], step["role"], step["scope"]) for step in row["path"]] == [
        ("group", None, None),
        ("role", "Key Vault Secrets User", "azurerm_key_vault_secret.db"),
    ]


def test_why_lists_all_edits_together(given: Input) -> None:
    more = """
resource "azurerm_role_assignment" "again" {
  scope                = azurerm_key_vault.shop.id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = "33333333-3333-3333-3333-333333333333"
}
"""
    out = given.write(ESTATE + more).run("--why", "3333", "shop").out
    last = [line.strip() for line in out[out.index("All of this access ends with 2 edits:") :].splitlines()[2:4]]
    assert [line.split()[1] for line in last] == ["azurerm_role_assignment.all", "azurerm_role_assignment.again"]


def test_missing_access_is_reported(given: Input) -> None:
    given.write(ESTATE)
    assert "55555555-5555-5555-5555-555555555555: no access to kv-shop" in given.run("--why", "5555", "kv-shop").out
    out = given.run("--at", "rg-bank", "--principal", "5555").out
    assert "55555555-5555-5555-5555-555555555555: no access" in out


def test_the_network_of_a_vault_is_beside_its_access(given: Input) -> None:
    closed = ESTATE.replace('"kv-bank"', '"kv-bank"\n  public_network_access_enabled = false')
    report = given.write(closed).report()
    assert {one["name"]: one["network"] for one in report["vaults"]} == {
        "kv-shop": "all networks",
        "kv-bank": "private access only",
    }
    rows = csv.DictReader(io.StringIO(given.run("-f", "csv", "--vault", "bank").out))
    assert {row["network"] for row in rows} == {"private access only"}


def test_roles_are_explained(given: Input) -> None:
    given.write(ESTATE)
    roles = {one["name"]: one["allows"] for one in given.report()["roles"]}
    assert roles["Key Vault Secrets User"] == "read secrets"
    assert roles["Key Vault Administrator"] == "read secrets, use keys, use certificates, manage objects, purge"
    for form in ("text", "markdown", "html"):
        assert "read secrets, use keys, use certificates" in given.run("-f", form).out


DENIALS = """
resource denied 'Microsoft.Authorization/denyAssignments@2022-04-01' = {
  name: 'd'
  properties: { denyAssignmentName: 'd' }
}
resource stack 'Microsoft.Resources/deploymentStacks@2024-03-01' = {
  name: 'stack'
  properties: { denySettings: { mode: 'denyDelete' }, template: { resources: [] } }
}
resource open 'Microsoft.Resources/deploymentStacks@2024-03-01' = {
  name: 'open'
  properties: { denySettings: { mode: 'none' }, template: { resources: [] } }
}
resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: 'kv'
  location: 'westeurope'
  properties: { enableRbacAuthorization: true }
}
"""


def test_denials_are_named(given: Input) -> None:
    report = given.write(DENIALS, "main.bicep").report()
    assert [
        (one["text"].split(" can ")[0], one["resources"], one["location"]["line"]) for one in report["notFollowed"]
    ] == [
        ("Deny assignments", ["denied"], 2),
        ("The deny settings of deployment stacks", ["stack"], 6),
    ]
    assert "The deny settings of deployment stacks can remove access" in given.run().out


def test_deny_settings_of_a_stack_in_terraform_are_reported(given: Input) -> None:
    stack = """
resource "azapi_resource" "stack" {
  type = "Microsoft.Resources/deploymentStacks@2024-03-01"
  name = "stack"
  body = {
    properties = { denySettings = { mode = "denyWriteAndDelete" }, template = { resources = [] } }
  }
}
"""
    [one] = given.write(ESTATE + stack).report()["notFollowed"]
    assert one["resources"] == ["azapi_resource.stack"]


KINDS = """
resource "azurerm_key_vault" "kv" {
  name                       = "kv"
  rbac_authorization_enabled = true
}
resource "azurerm_role_assignment" "one" {
  scope                = azurerm_key_vault.kv.id
  role_definition_name = "Key Vault Reader"
  principal_id         = %s
  %s
}
variable "who" {}
data "azurerm_client_config" "me" {}
resource "azurerm_kubernetes_cluster" "aks" {
  name = "aks"
}
"""


@pytest.mark.parametrize(
    ("principal", "more", "kind"),
    [
        ("azurerm_kubernetes_cluster.aks.kubelet_identity[0].object_id", "", "kubelet identity"),
        ("azurerm_kubernetes_cluster.aks.identity[0].principal_id", "", "Kubernetes cluster"),
        (
            "azurerm_kubernetes_cluster.aks.key_vault_secrets_provider[0].secret_identity[0].object_id",
            "",
            "add-on identity",
        ),
        (
            "azurerm_resource_group_policy_assignment.p.identity[0].principal_id",
            "",
            "identity of a policy assignment",
        ),
        ("azurerm_storage_account.s.identity[0].principal_id", "", "managed identity"),
        ("azuread_service_principal.sp.object_id", "", "service principal"),
        ("data.azurerm_client_config.me.object_id", "", "deployment identity"),
        ("data.azuread_user.ann.object_id", "", "user"),
        ("var.who", 'principal_type = "ServicePrincipal"', "service principal"),
        ("var.who", 'principal_type = "User"', "user"),
        ("var.who", 'principal_type = "Group"', "group"),
        ("var.who", "", ""),
        ('"11111111-1111-1111-1111-111111111111"', 'principal_type = "Group"', "group"),
    ],
)
def test_kind_of_a_principal_depends_on_its_resource(given: Input, principal: str, more: str, kind: str) -> None:
    [one] = given.write(KINDS % (principal, more)).report()["principals"]
    assert one["kind"] == kind


def test_another_assignment_states_the_kind(given: Input) -> None:
    text = KINDS % ('"11111111-1111-1111-1111-111111111111"', "")
    second = text.split('resource "azurerm_role_assignment"')[1].split("variable")[0].replace('"one"', '"two"', 1)
    second = f'resource "azurerm_role_assignment"{second.rstrip()[:-1]}\n  principal_type = "Group"\n}}\n'
    [one] = given.write(text + second).report()["principals"]
    assert one["kind"] == "group"


def test_hostile_names_are_escaped_in_every_format_of_every_access_report(given: Input) -> None:
    name = "x\\u001b[31m<script>alert(1)<b>|`[a](javascript:evil)"
    text = f"""
resource "azurerm_key_vault" "kv" {{
  name                       = "{name}"
  rbac_authorization_enabled = true
}}
resource "azurerm_key_vault_secret" "s" {{
  name         = "{name}"
  key_vault_id = azurerm_key_vault.kv.id
}}
resource "azurerm_role_assignment" "one" {{
  scope                = azurerm_key_vault_secret.s.resource_versionless_id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = "{name}"
}}
resource "azurerm_role_assignment" "all" {{
  scope                = "/subscriptions/{name}"
  role_definition_name = "{name}"
  principal_id         = "{name}2"
}}
"""
    given.write(text)
    for words in ((), ("--secret", "alert"), ("--why", "evil)2", "alert"), ("--at", "/subscriptions/")):
        for form in ("text", "markdown", "html", "json", "csv"):
            said = given.run(*words, "-f", form)
            assert said.code == 0, (words, said.err)
            assert "\x1b" not in said.out
            if form == "html":
                assert "<script>alert" not in said.out
            if form == "markdown":
                # Outside of code, each of these characters is escaped.
                prose = re.sub(r"(?<!\\)(`+)(?!`).*?(?<!`)\1(?!`)", "", said.out)
                assert re.search(r"(?<!\\)\[a\]\(javascript|<script", prose) is None
    assert "\x1b" not in given.run("--secret", "nothing\x1b[31m").err


def test_secret_value_is_in_no_access_report_and_no_error(given: Input) -> None:
    secret = "hunter2-hunter2-hunter2"
    text = f"""
variable "who" {{
  sensitive = true
  default   = "{secret}"
}}
resource "azurerm_key_vault" "kv" {{
  name                       = "kv"
  rbac_authorization_enabled = true
}}
resource "azurerm_key_vault_secret" "s" {{
  name         = var.who
  key_vault_id = azurerm_key_vault.kv.id
}}
resource "azurerm_role_assignment" "one" {{
  scope                = "${{azurerm_key_vault.kv.id}}/secrets/${{var.who}}"
  role_definition_name = "Key Vault Secrets User"
  principal_id         = var.who
}}
"""
    given.write(text)
    for words in ((), ("--secret", "s"), ("--secret", "nothing"), ("--at", "nothing"), ("--principal", "nothing")):
        for form in ("text", "markdown", "html", "json", "csv"):
            said = given.run(*words, "-f", form)
            assert secret not in said.out
            assert secret not in said.err


def test_circular_groups_are_followed_once(given: Input) -> None:
    groups = "".join(
        f"""
resource "azuread_group" "g{n}" {{
  display_name = "g{n}"
  members      = [azuread_group.g{(n + 1) % 30}.object_id, azuread_group.g{(n + 7) % 30}.object_id]
}}
"""
        for n in range(30)
    )
    grant = """
resource "azurerm_role_assignment" "g" {
  scope                = azurerm_key_vault.shop.id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = azuread_group.g0.object_id
}
"""
    report = given.write(ESTATE + groups + grant).report("--vault", "kv-shop", "--permission", "secrets/get")
    assert {row["principal"] for row in report["rows"]} >= {f"azuread_group.g{n}" for n in range(30)}
    report = given.report("--why", "azuread_group.g3", "kv-shop")
    assert 0 < len(report["rows"]) <= 2


def test_unreadable_input_does_not_make_a_name_an_error(given: Input) -> None:
    given.write(ESTATE)
    (given.folder / "other").mkdir()
    (given.folder / "other" / "main.tf").write_text('resource "azurerm_key_vault" "x" {')
    said = given.run("--secret", "elsewhere")
    assert (said.code, "no secret" in said.err) == (3, False)
    assert "\nNot found in what could be read: secret elsewhere.\n" in said.out


@pytest.mark.parametrize(
    "words", [("--principal", "elsewhere"), ("--why", "elsewhere", "kv-shop"), ("--at", "elsewhere")]
)
def test_no_access_is_not_stated_if_an_input_cannot_be_read(given: Input, words: tuple[str, ...]) -> None:
    given.write(ESTATE)
    (given.folder / "other").mkdir()
    (given.folder / "other" / "main.tf").write_text('resource "azurerm_key_vault" "x" {')
    said = given.run(*words)
    assert (said.code, "no access" in said.out, "0 principals" in said.out) == (3, False, False)
    assert "elsewhere." in said.out.splitlines()[-1]
    report = given.report(*words)
    assert [one["name"] for one in report["question"]["notFound"]] == ["elsewhere"]


def test_a_principal_in_a_vault_that_cannot_be_read(given: Input) -> None:
    given.write(ESTATE)
    (given.folder / "other").mkdir()
    (given.folder / "other" / "main.tf").write_text('resource "azurerm_key_vault" "x" {')
    said = given.run("--why", "5555", "kv-elsewhere")
    assert (said.code, "no access" in said.out) == (3, False)


def test_a_name_with_line_breaks_does_not_forge_a_line_of_an_error(given: Input) -> None:
    policy = """
    resource "azurerm_key_vault" "odd" {
      name                       = "odd"
      rbac_authorization_enabled = false
      access_policy {
        object_id          = "a/b\\nkvlint: error: forged"
        secret_permissions = ["Get"]
      }
    }
    """
    said = given.write(policy).run("--principal", "elsewhere")
    assert said.code == 2
    assert said.err.splitlines() == [
        "kvlint: error: --principal: the input has no principal `elsewhere` (the input has a/b\\nkvlint: error: forged)"
    ]


def test_forty_principals_fit_on_two_screens(given: Input, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of principals with equal access, and of principals that each have another access."""
    roles = ("Key Vault Secrets User", "Key Vault Crypto User", "Key Vault Reader", "Contributor")
    people = "".join(
        f"""
resource "azurerm_role_assignment" "p{n}" {{
  scope                = {{}}
  role_definition_name = "{roles[n % 4]}"
  principal_id         = "{n:08}-0000-0000-0000-000000000000"
}}
"""
        for n in range(40)
    )
    report = AccessReportOf(given, monkeypatch)
    vault = 'resource "azurerm_key_vault" "v" {\n  name = "kv"\n  rbac_authorization_enabled = true\n}\n'
    lines = report.on_a_terminal(vault + people.replace("{}", "azurerm_key_vault.v.id"))
    assert len(lines) < 90
    assert sum(line.count("0000-0000-0000-000000000000") for line in lines) >= 40
    assert sum("pages disagree" in " ".join(pair) for pair in pairwise(lines)) <= 2
    secrets = "".join(
        f'resource "azurerm_key_vault_secret" "s{n}" {{\n  name = "s{n}"\n  key_vault_id = azurerm_key_vault.v.id\n}}\n'
        for n in range(40)
    )
    for n in range(40):
        people = people.replace("{}", f"azurerm_key_vault_secret.s{n}.resource_versionless_id", 1)
    lines = report.on_a_terminal(vault + secrets + people)
    assert len(lines) < 90
    assert any("--why PRINCIPAL VAULT" in line for line in lines)


class AccessReportOf:
    """The lines of a report as a terminal of 120 columns shows them."""

    def __init__(self, given: Input, monkeypatch: pytest.MonkeyPatch) -> None:
        self._given = given
        self._monkeypatch = monkeypatch

    def on_a_terminal(self, text: str) -> list[str]:
        from azkvlint.cli import analyses
        from azkvlint.reporters import Options

        self._given.write(text)
        with self._monkeypatch.context() as patched:
            patched.setattr(analyses, "options_for", lambda *_: Options(terminal=True, width=120))
            return self._given.run().out.splitlines()
