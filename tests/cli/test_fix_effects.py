"""The effects that a fix states: in the words of its language, and with what of the checkout they concern."""

from __future__ import annotations

import json
import re
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from azkvlint.config.run_config import Config
from azkvlint.linter.linter import known_rules
from azkvlint.syntax import arm_expression, ast

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

pytestmark = pytest.mark.slow(3)

VAULT = (
    'resource "azurerm_key_vault" "v" {\n  name                       = "kv"\n  rbac_authorization_enabled = true\n}\n'
)
ENDPOINT = """resource "azurerm_private_endpoint" "e" {
  name = "e"

  private_service_connection {
    name                           = "e"
    is_manual_connection           = false
    private_connection_resource_id = azurerm_key_vault.v.id
    subresource_names              = ["vault"]
  }
}
"""
BICEP = """resource kv 'Microsoft.KeyVault/vaults@2026-02-01' = {
  name: 'kv'
  properties: {
    enableRbacAuthorization: true
  }
}
"""
NONE = "The inputs contain no private endpoint of this vault or managed HSM."
UNKNOWN = "The inputs do not show whether this vault or managed HSM has a private endpoint."
RULES_OF_TERRAFORM = ("KV006", "KV007", "KV017", "KV051")


@pytest.fixture
def checkout(kvlint: Kvlint, tmp_path: Path) -> Path:
    """An empty checkout, which is the current folder."""
    for file in tmp_path.glob("*.json"):
        file.unlink()
    put(tmp_path, ".git/HEAD", "ref: refs/heads/main")
    return tmp_path


def put(checkout: Path, name: str, text: str) -> None:
    file = checkout / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_no_effect_in_bicep_and_templates_has_words_of_terraform() -> None:
    words = re.compile(r"\b(?:destroy|appl(?:y|ies)|plans?|azurerm|terraform|prevent_destroy)\b", re.IGNORECASE)
    found = [
        (rule.id, effect.text)
        for rule in known_rules(Config(paths=(".",)))
        if rule.id not in RULES_OF_TERRAFORM
        for plan in rule.edits
        if plan.languages != ("terraform",)
        for effect in plan.possible_effects
        if words.search(effect.text.replace("no longer apply", ""))
    ]
    assert found == []


# --- private endpoints ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["KV101", "KV105"])
@pytest.mark.parametrize(
    ("text", "stated"),
    [
        (VAULT, NONE),
        (VAULT + ENDPOINT, ""),
        (VAULT + ENDPOINT.replace("azurerm_key_vault.v.id", "var.id") + 'variable "id" {}\n', UNKNOWN),
    ],
)
def test_a_fix_that_closes_a_vault_states_whether_it_has_a_private_endpoint(
    kvlint: Kvlint, checkout: Path, rule: str, text: str, stated: str
) -> None:
    put(checkout, "main.tf", text)
    out = kvlint("fix", "--unsafe", "--select", rule).out
    assert f" {rule} Set " in out
    assert [sentence for sentence in (NONE, UNKNOWN) if sentence in out] == [stated] * bool(stated)


@pytest.mark.parametrize("rule", ["KV101", "KV105"])
def test_a_fix_in_bicep_states_that_there_is_no_private_endpoint(kvlint: Kvlint, checkout: Path, rule: str) -> None:
    put(checkout, "main.bicep", BICEP)
    out = kvlint("fix", "--unsafe", "--select", rule).out
    assert f"  not safe (access): {NONE}\n" in out


def test_the_effect_of_a_missing_endpoint_is_in_json(kvlint: Kvlint, checkout: Path) -> None:
    put(checkout, "main.tf", VAULT)
    (fix,) = json.loads(kvlint("fix", "--unsafe", "--select", "KV105", "-f", "json").out)["fixes"]
    assert NONE in fix["consequence"]
    assert fix["classes"] == ["access", "apply-fails"]


# --- callers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("app/settings.tf", 'locals {\n  a = "@Microsoft.KeyVault(VaultName=kv;SecretName=s)"\n}\n'),
        ("app.bicep", "var uri = kv.properties.vaultUri\n"),
        ("app.bicep", "var uri = 'https://kv${environment().suffixes.keyvaultDns}'\n"),
        ("app.tf", "locals {\n  uri = azurerm_key_vault.v.vault_uri\n}\n"),
        (".github/workflows/x.yml", "- run: az keyvault secret show --vault-name kv -n s\n"),
        ("pipeline.yml", "- task: AzureKeyVault@2\n  inputs: {KeyVaultName: kv}\n"),
        ("x.ps1", "Get-AzKeyVaultSecret -VaultName kv -Name s\n"),
        ("x.py", 'SecretClient("https://kv.vault.azure.net", credential)\n'),
    ],
)
@pytest.mark.parametrize(
    ("rule", "outcome"),
    [
        ("KV101", "which then requires an allowed network or a private endpoint"),
        ("KV105", "which then requires a private endpoint"),
    ],
)
def test_code_that_reads_a_vault_is_named_where_a_fix_closes_it(
    kvlint: Kvlint, checkout: Path, name: str, text: str, rule: str, outcome: str
) -> None:
    put(checkout, "main.tf", VAULT)
    put(checkout, "other.sh", "# az keyvault secret show\naz keyvault show --name kv\n")
    only = ("fix", "main.tf", "--unsafe", "--select", rule)
    assert "may read" not in kvlint(*only).out
    put(checkout, name, text)
    said = f"  not safe (access): `{name}` may read or write keys, secrets or certificates, {outcome}.\n"
    assert said in kvlint(*only).out


def test_the_scripts_next_to_a_declaration_are_named_first(kvlint: Kvlint, checkout: Path) -> None:
    put(checkout, "z/app/terraform/main.tf", VAULT)
    for folder in ("a", "b", "c", "z", "z/app"):
        put(checkout, f"{folder}/porter.yaml", "uninstall:\n  - terraform:\n      description: x\n")
    out = kvlint("fix", "z/app", "--unsafe", "--select", "KV007").out
    assert "`z/app/porter.yaml`, `z/porter.yaml` and 3 more may contain commands that destroy resources, which" in out


@pytest.mark.parametrize(
    "block",
    [
        'resource "azurerm_key_vault_secret" "s" {{\n  name         = "s"\n  key_vault_id = {}\n}}\n',
        'data "azurerm_key_vault_secret" "s" {{\n  name         = "s"\n  key_vault_id = {}\n}}\n',
        'ephemeral "azurerm_key_vault_secret" "s" {{\n  name         = "s"\n  key_vault_id = {}\n}}\n',
        'resource "azurerm_key_vault_key" "k" {{\n  name         = "k"\n  key_vault_id = {}\n}}\n',
        'data "azurerm_key_vault_secrets" "s" {{\n  key_vault_id = {}\n}}\n',
        'data "azurerm_key_vault_certificate_data" "s" {{\n  key_vault_id = {}\n}}\n',
        'resource "azurerm_key_vault_certificate_contacts" "c" {{\n  key_vault_id = {}\n}}\n',
        'resource "azurerm_key_vault_managed_storage_account" "a" {{\n  key_vault_id = {}\n}}\n',
    ],
)
@pytest.mark.parametrize("reference", ["local.core.vaults.common.id", "data.azurerm_key_vault.x.id", "var.id"])
def test_terraform_elsewhere_that_reads_or_writes_is_named_where_a_fix_closes_a_vault(
    kvlint: Kvlint, checkout: Path, block: str, reference: str
) -> None:
    put(checkout, "core/main.tf", VAULT + 'output "common" {\n  value = azurerm_key_vault.v\n}\n')
    put(checkout, "core/policy.tf", 'resource "azurerm_key_vault_access_policy" "p" {\n  key_vault_id = var.x\n}\n')
    put(checkout, "other/main.tf", block.format(reference) + 'data "azurerm_key_vault" "x" {\n  name = var.name\n}\n')
    out = kvlint("fix", "core", "--unsafe", "--select", "KV105").out
    stated = "`other/main.tf` may read or write keys, secrets or certificates with Terraform, which then requires a "
    assert f"  not safe (apply-fails): {stated}private endpoint.\n" in out


READ_BY_NAME = (
    'data "azurerm_key_vault" "v" {\n  name = "${var.x}-kv"\n}\n'
    'data "azurerm_key_vault_secret" "s" {\n  key_vault_id = data.azurerm_key_vault.v.id\n}\n'
)
EXISTING = "resource k 'Microsoft.KeyVault/vaults@2026-02-01' existing = {\n  name: 'kv2'\n}\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("app.tf", 'locals {\n  a = "@Microsoft.KeyVault(VaultName=kv2;SecretName=s)"\n}\n'),
        ("x.sh", "az keyvault secret show --vault-name kv2 -n s\n"),
        ("x.ps1", "Get-AzKeyVaultSecret -VaultName 'kv2' -Name s\n"),
        ("x.sh", "az keyvault secret show --vault-name kv2 -n a && az keyvault key show --vault-name kv3 -n b\n"),
        ("x.yml", "- task: AzureKeyVault@2\n  inputs:\n    KeyVaultName: 'kv2'\n"),
        ("x.sh", "terraform apply # az keyvault secret show --vault-name kv -n s\n"),
        ("x.ps1", "<#\n.EXAMPLE\nGet-AzKeyVaultSecret -Name s\n#>\nGet-Date\n"),
        ("x.py", 'SecretClient("https://kv2.vault.azure.net", credential)\n'),
        ("app.bicep", f"{EXISTING}var u = k.properties.vaultUri\n"),
        (
            "app/main.tf",
            (
                'resource "azurerm_key_vault" "v" {\n  name = var.x\n}\n'
                'resource "azurerm_key_vault_secret" "s" {\n  key_vault_id = azurerm_key_vault.v.id\n}\n'
            ),
        ),
        ("app/main.tf", READ_BY_NAME.replace("${var.x}-kv", "kv2")),
    ],
)
def test_code_that_uses_another_vault_is_not_named(kvlint: Kvlint, checkout: Path, name: str, text: str) -> None:
    put(checkout, "main.tf", VAULT)
    put(checkout, name, text)
    assert "may read or write" not in kvlint("fix", "main.tf", "--unsafe", "--select", "KV105").out


def test_code_that_uses_another_vault_is_not_named_after_a_fix_above(kvlint: Kvlint, checkout: Path) -> None:
    """The first fix moves the declaration of the second vault."""
    other = VAULT.replace('"v"', '"w"').replace('"kv"', '"kw"')
    put(checkout, "main.tf", other + VAULT)
    put(checkout, "a.sh", "az keyvault secret show --vault-name kv-other -n s\n")
    for arguments in (("fix",), ("fix", "--apply")):
        run = kvlint(*arguments, "--unsafe", "--profile", "all", "--select", "KV102,KV105,KV001,KV006")
        assert "a.sh" not in run.out + run.err, run.out


SHOW = "az keyvault secret show --vault-name {} -n s\n"
READ_IN_TERRAFORM = 'data "azurerm_key_vault_secret" "s" {{\n  key_vault_id = {}\n}}\n'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        # What is printed is code.
        ("x.yml", '- run: echo "PASSWORD=$(az keyvault secret show --vault-name $KV -n p)" >> $GITHUB_ENV\n'),
        ("x.ps1", "Write-Output (Get-AzKeyVaultSecret -VaultName $name -Name p)\n"),
        # A name that is not a whole literal.
        ("x.sh", f"VAULT='kv2'\n{SHOW.format('$VAULT')}"),
        ("x.sh", f"VAULT='kv-'$ENV\n{SHOW.format('$VAULT')}"),
        ("x.sh", SHOW.format("'kv2'$ENV")),
        ("x.sh", SHOW.format("kv2$ENV")),
        ("x.sh", SHOW.format("VAULTPLACEHOLDER")),
        ("x.sh", SHOW.format('"kv2-${ENV}"')),
        ("x.py", 'run("az keyvault secret show --vault-name kv2" + suffix)\n'),
        ("x.py", 'run("az keyvault secret show --vault-name kv2"\n    + suffix)\n'),
        ("x.ps1", "$n = 'kv2'\nGet-AzKeyVaultSecret -VaultName ($n + $suffix) -Name s\n"),
        ("x.ps1", "param([string]$VaultName = 'kv-dev')\nGet-AzKeyVaultSecret -VaultName $VaultName -Name s\n"),
        ("Makefile", f"VAULT = kv-dev\nx:\n\t{SHOW.format('$(VAULT)')}"),
        ("x.py", 'url = os.environ.get("URL", "https://kv2.vault.azure.net")\nSecretClient(url, credential)\n'),
        ("x.py", 'SecretClient("https://kv2" + suffix + ".vault.azure.net", credential)\n'),
        # Another vault on the same line, or in the same file.
        ("x.sh", f"{SHOW.format('kv2').strip()} && {SHOW.format('$KV')}"),
        ("x.sh", "az keyvault secret show --vault-name kv2 -n s\n" * 600 + SHOW.format("$KV")),
        # A resource whose name is not literal, and one with the name of another beside it.
        ("app/main.tf", READ_BY_NAME),
        ("app/main.tf", READ_IN_TERRAFORM.format("var.x ? azurerm_key_vault.a.id : azurerm_key_vault.b.id")),
        (
            "app.bicep",
            (
                "resource k 'Microsoft.KeyVault/vaults@2026-02-01' existing = {\n  name: name\n}\n"
                "resource w 'Microsoft.Web/sites@2023-01-01' = {\n  name: 'web'\n}\nvar u = k.properties.vaultUri\n"
            ),
        ),
        # What is a comment only in other languages.
        ("x.js", "class A {\n  #client = new SecretClient(url, credential);\n}\n"),
        ("x.sh", f"case $1 in\n  /*)\n  {SHOW.format('$KV')}  ;;\n  */) true ;;\nesac\n"),
        ("x.yml", f"paths:\n- a\n  /*\n- run: {SHOW.format('$KV')}  */\n"),
        # Other tools.
        ("x.ps1", "Invoke-AzKeyVaultKeyOperation -VaultName $v -Name k\n"),
        ("x.ps1", "Get-AzureKeyVaultSecret -VaultName $v -Name k\n"),
        ("x.py", 'run(["az", "keyvault", "secret", "show"])\n'),
        ("x.sh", "az keyvault --only-show-errors secret show\n"),
        ("x.sh", "az keyvault $TYPE show\n"),
        ("x.java", "new SecretClientBuilder().vaultUrl(url)\n"),
        ("x.go", "azsecrets.NewClient(url, credential, nil)\n"),
        ("x.cs", "builder.Configuration.AddAzureKeyVault(uri, credential);\n"),
        ("x.cs", "new CryptographyClient(id, credential);\n"),
        ("x.sh", "curl https://$KV.vault.azure.cn/keys\n"),
        ("x.yaml", 'kind: SecretProviderClass\nspec:\n  parameters:\n    keyvaultName: "{{ .name }}"\n'),
        ("x.yaml", "type: secretstores.azure.keyvault\n"),
        ("Dockerfile.test", f"RUN {SHOW.format('$KV')}"),
        ("x.sh", "az keyvault backup start --hsm-name $HSM\n"),
        ("x.yml", "azure:\n  keyvault:\n    secret:\n      endpoint: ${KV}\n"),
        ("x.rb", "sh <<~S\n  #{az} keyvault secret show -n s\nS\n"),
        # The value of a variable.
        ("x.js", "const url = process.env.URL || 'https://kv2.vault.azure.net';\n"),
        ("x.py", "URL = 'https://name.vault.azure.net'\nget(URL.replace('name', name))\n"),
        # The end of a line that continues on the next one.
        ("x.sh", SHOW.format("kv2\\\n-$ENV")),
        # The member of an object, and a variable of a loop, with the name of a resource.
        ("app.bicep", f"{EXISTING}param p object\nvar u = p.k.properties.vaultUri\n"),
        ("app.bicep", f"{EXISTING}param ks array\noutput u array = [for k in ks: k.properties.vaultUri]\n"),
        # Blocks that are not formatted, and other spellings of a block.
        (
            "app/main.tf",
            (
                f'{VAULT}  data "azurerm_key_vault_managed_storage_x" "x" {{\n    managed_id = module.x.id\n  }}\n'
                '  data "azurerm_key_vault_secret" "y" {\n    key_vault_id = azurerm_key_vault.v.id\n  }\n'
            ),
        ),
        ("app/main.tf.json", '{"data": {"azurerm_key_vault_secret":\n{"s": {"key_vault_id": "${module.x.id}"}}}}'),
        ("app/main.tf", "data azurerm_key_vault_secret s {\n  key_vault_id = var.x\n}\n"),
    ],
)
def test_code_that_may_use_the_vault_is_named(kvlint: Kvlint, checkout: Path, name: str, text: str) -> None:
    put(checkout, "main.tf", VAULT)
    put(checkout, name, text)
    out = kvlint("fix", "main.tf", "--unsafe", "--select", "KV105").out
    assert f"`{name}` may read or write keys, secrets or certificates" in out


def test_the_default_of_a_variable_is_not_the_name_of_every_vault(kvlint: Kvlint, checkout: Path) -> None:
    vault = VAULT.replace('"kv"', 'var.name\n  tags = {\n    name = "kv-dev"\n  }')
    put(checkout, "main.tf", vault + 'variable "name" {\n  default = "kv-dev"\n}\n')
    put(checkout, "x.sh", SHOW.format("kv-prod"))
    out = kvlint("fix", "main.tf", "--unsafe", "--select", "KV105").out
    assert "`x.sh` may read or write keys, secrets or certificates" in out


def test_a_linked_file_declares_the_vault_of_the_modules_with_the_link(kvlint: Kvlint, checkout: Path) -> None:
    put(checkout, "shared/kv.tf", VAULT)
    put(checkout, "prod/s.tf", READ_IN_TERRAFORM.format("azurerm_key_vault.v.id"))
    (checkout / "prod/kv.tf").symlink_to("../shared/kv.tf")
    out = kvlint("fix", "shared", "prod", "--unsafe", "--select", "KV105").out
    assert "`prod/s.tf` may read or write keys, secrets or certificates" in out


@pytest.mark.parametrize("line", ["x " * 2_000_000, " " * 4_000_000, "a" * 4_000_000, "keyvault " * 400_000])
def test_the_search_of_a_long_line_ends(kvlint: Kvlint, checkout: Path, line: str) -> None:
    put(checkout, "main.tf", VAULT)
    put(checkout, "x.sh", f"{line}\n{SHOW.format('$KV')}"[-3_999_000:])
    tracemalloc.start()
    started = time.process_time()
    try:
        out = kvlint("fix", "main.tf", "--unsafe", "--select", "KV105").out
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "`x.sh` may read or write keys, secrets or certificates" in out
    assert time.process_time() - started < 20
    assert peak < 100_000_000


def test_files_are_searched_once_for_all_vaults(
    kvlint: Kvlint, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("azkvlint.fixes.checkout._MOST_SEARCHED", 200_000)
    put(
        checkout,
        "main.tf",
        "".join(VAULT.replace('"v"', f'"v{one}"').replace('"kv"', f'"kv-{one}"') for one in range(20)),
    )
    put(checkout, "x.py", f"{'x = 1  # y' * 2_000}\nSecretClient(url, credential)\n")
    out = kvlint("fix", "--unsafe", "--select", "KV105").out
    assert out.count("`x.py` may read or write keys, secrets or certificates") == 20


def test_a_file_that_names_the_vault_comes_first(kvlint: Kvlint, checkout: Path) -> None:
    put(checkout, "a/main.tf", VAULT)
    for number in range(4):
        put(checkout, f"a/{number}.py", "SecretClient(url, credential)\n")
    put(checkout, "z/z.yml", "- run: az keyvault secret show --vault-name $VAULT  # of kv\n")
    out = kvlint("fix", "a", "--unsafe", "--select", "KV105").out
    assert "(access): `z/z.yml`, `a/0.py` and 3 more may read or write keys, secrets or certificates, which" in out


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.sh", "apply # terraform destroy\n"),
        ("x.sh", "rm --destroy x\n"),
        ("scripts/run.sh", "terraform -chdir=../roots/other destroy\n"),
    ],
)
def test_commands_that_do_not_destroy_the_resource_are_not_named(
    kvlint: Kvlint, checkout: Path, name: str, text: str
) -> None:
    put(checkout, "roots/main/main.tf", VAULT)
    put(checkout, "roots/other/main.tf", 'resource "azurerm_resource_group" "g" {}\n')
    put(checkout, "other/infra/main.tf", 'resource "azurerm_resource_group" "g" {}\n')
    put(checkout, name, text)
    assert "may contain" not in kvlint("fix", "roots/main", "--unsafe", "--select", "KV007").out


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.sh", 'echo "run terraform destroy"\n'),
        ("other/run.sh", "terraform destroy\n"),
        ("roots/other/run.sh", "terraform -chdir=../main destroy\n"),
        ("roots/other/run.sh", "terraform -chdir=../other destroy\nterraform destroy\n"),
        ("x.yml", "on:\n  push:\n    paths: [modules/network/**]\nx:\n  cwd: main\n  run: terraform destroy\n"),
        ("x.yml", "- run: terraform -chdir=${{ matrix.dir }} destroy\n"),
        ("x.yml", "- run: terraform ${{ inputs.flags }} destroy\n"),
        ("x.py", "subprocess.run(['terraform', 'destroy'])\n"),
        ("x.go", 'exec.Command(\n\t"terraform",\n\t"destroy",\n)\n'),
        ("x.go", "terraform.Destroy(t, options)\n"),
        ("x.sh", "docker run hashicorp/terraform:1.5 destroy\n"),
        ("x.sh", "terraform-1.5 destroy\n"),
        ("x.sh", "terraform apply $(cat args) -destroy\n"),
        ("x.cmd", "terraform apply %ARGS% -destroy\n"),
        ("x.sh", 'terraform apply -var x=y -var z="a b" -destroy\n'),
        ("x.sh", "terraform plan ${DESTROY:+-destroy}\n"),
        ("Jenkinsfile", "sh \"terraform ${params.destroy ? 'destroy' : 'apply'}\"\n"),
        ("x.sh", "$TERRAFORM_BIN destroy\n"),
        ("x.yml", "terraform_action: destroy\n"),
        ("x.cmd", "Terraform.exe destroy\n"),
        ("x.yml", "  commandOptions: '-destroy'\n"),
        ("x.yml", "  TF_CLI_ARGS_plan: -destroy\n"),
        ("x.sh", "azd -C infra down\n"),
        ("x.cmd", "azd.exe down\n"),
        ("x.sh", "azd --no-prompt down\n"),
        ("x.rb", "sh <<~S\n  #{terraform} destroy\nS\n"),
        ("x.yml", "run: >\n  terraform\n  -chdir=$X\n  destroy\n"),
        ("x.sh", "curl -d '{\"is-destroy\": true}' https://app.terraform.io/api/v2/runs\n"),
        ("Makefile", "TF = terraform\nx:\n\t$(TF) destroy\n"),
        ("x.sh", "alias tf=terraform\ntf destroy\n"),
        ("x.go", "err = tf.Destroy(ctx)\n"),
        ("x.py", "t = Terraform()\nt.destroy()\n"),
        ("x.yml", "- community.general.terraform:\n    project_path: x\n    state: absent\n"),
        ("other/x.sh", "cd ../roots/main\nterraform -chdir=. destroy\n"),
        ("roots/other/x.sh", "cd ../main/x\nterraform -chdir=.. destroy\n"),
        ("scripts/x.sh", "terraform -chdir=../roots/other destroy -state=../main/terraform.tfstate\n"),
    ],
)
def test_each_spelling_of_a_command_that_destroys_is_named(
    kvlint: Kvlint, checkout: Path, name: str, text: str
) -> None:
    put(checkout, "roots/main/main.tf", VAULT)
    for folder in ("roots/other", "other", "other/infra", "modules/network"):
        put(checkout, f"{folder}/main.tf", 'resource "azurerm_resource_group" "g" {}\n')
    put(checkout, name, text)
    out = kvlint("fix", "roots/main", "--unsafe", "--select", "KV007").out
    assert f"`{name}` may contain commands that destroy resources, which then fail." in out


@pytest.mark.parametrize("text", ["tooltip.destroy()\n", "// terraform (draws)\nchart.destroy()\n"])
def test_methods_of_other_objects_are_not_destroying_commands(kvlint: Kvlint, checkout: Path, text: str) -> None:
    put(checkout, "roots/main/main.tf", VAULT)
    put(checkout, "site/bundle.js", text)
    assert "bundle.js" not in kvlint("fix", "roots/main", "--unsafe", "--select", "KV007").out


@pytest.mark.parametrize("folder", ["roots/main", 'roots/"${system}"', "$folder"])
def test_commands_that_may_destroy_the_resource_are_named(kvlint: Kvlint, checkout: Path, folder: str) -> None:
    put(checkout, "roots/main/main.tf", VAULT)
    put(checkout, "roots/other/main.tf", 'resource "azurerm_resource_group" "g" {}\n')
    put(checkout, "scripts/run.sh", f'terraform -chdir="../{folder}" destroy\n')
    out = kvlint("fix", "roots/main", "--unsafe", "--select", "KV007").out
    assert "`scripts/run.sh` may contain commands that destroy resources, which then fail." in out


# --- other reads of an API version ------------------------------------------------------------------------------------

TEMPLATE = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"


@pytest.mark.parametrize(
    ("read", "version"),
    [
        ("[reference(resourceId('Microsoft.KeyVault/vaults', 'kv'), '2018-02-14', 'Full').location]", "2018-02-14"),
        ("[listSecrets(concat('Microsoft.KeyVault/vaults/', 'kv'), '2019-09-01').x]", "2019-09-01"),
        ("[reference(variables('id'), '2019-09-01').vaultUri]", "2019-09-01"),
        ("[reference(resourceId('Microsoft.KeyVault/vaults', 'kv'), '2026-02-01').vaultUri]", ""),
        ("[reference(resourceId('Microsoft.KeyVault/vaults', 'kv')).vaultUri]", ""),
        ("[reference(resourceId('Microsoft.Web/sites', 'w'), '2018-02-01').name]", ""),
        ("[concat(variables('id'), reference(resourceId('Microsoft.Web/sites', 'w'), '2018-02-01').name)]", ""),
        ("[reference(resourceId('Microsoft.KeyVault/vaults', 'kv'), '2018-02-14'", ""),
    ],
)
def test_a_new_api_version_states_where_a_template_reads_with_an_old_one(
    kvlint: Kvlint, checkout: Path, read: str, version: str
) -> None:
    vault = {
        "type": "Microsoft.KeyVault/vaults",
        "apiVersion": "2023-07-01",
        "name": "kv",
        "properties": {"enableRbacAuthorization": True},
    }
    document = {
        "$schema": TEMPLATE,
        "contentVersion": "1.0.0.0",
        "variables": {"id": "[resourceId('Microsoft.KeyVault/vaults', 'kv')]"},
        "resources": [vault],
        "outputs": {"o": {"type": "string", "value": read}},
    }
    text = json.dumps(document, indent=2)
    put(checkout, "main.json", text)
    line = text[: text.index('"value"')].count("\n") + 1
    clause = f" (Key Vault is also read with API version {version} at main.json:{line})" if version else ""
    assert f" KV050 Use API version 2026-02-01{clause}\n" in kvlint("fix", "--unsafe", "--select", "KV050").out


def test_a_new_api_version_states_which_existing_resources_of_a_bicep_file_have_old_ones(
    kvlint: Kvlint, checkout: Path
) -> None:
    existing = "".join(
        f"resource e{number} 'Microsoft.KeyVault/vaults@2019-09-01' existing = {{\n  name: 'e{number}'\n}}\n"
        for number in range(5)
    )
    text = existing + "resource s 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = {\n  parent: e0\n  name: 's'\n"
    text += "  properties: {\n    value: 'x'\n  }\n}\noutput o string = "
    text += "reference(resourceId('Microsoft.KeyVault/vaults', 'kv'), '2018-02-14').vaultUri\n"
    put(checkout, "main.bicep", text)
    out = kvlint("fix", "--unsafe", "--select", "KV050").out
    assert (
        " KV050 Use API version 2026-02-01 (Key Vault is also read with API version 2018-02-14 at main.bicep:23, "
        "and with API version 2019-09-01 at main.bicep:1, main.bicep:4, main.bicep:7 and 2 more)\n"
    ) in out


SETTING = """{
  "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
  "contentVersion": "1.0.0.0",
  "resources": [
    {
      "type": "Microsoft.Web/sites",
      "apiVersion": "2023-01-01",
      "name": "s",
      "location": "x",
      "properties": {
        "siteConfig": {
          "appSettings": [
            {
              "name": "DB_PASSWORD",
              "value": "@Microsoft.KeyVault(SecretUri=https://kv.vault.azure.net/secrets/db/<version>)"
            }
          ]
        }
      }
    }
  ]
}
"""


@pytest.mark.parametrize("version", ["12-34", "1.2", "v1_2"])
def test_a_part_of_a_version_is_not_left_in_the_name(version: str, kvlint: Kvlint, checkout: Path) -> None:
    text = SETTING.replace("<version>", version)
    put(checkout, "t.json", text)
    kvlint("fix", "--write", "--unsafe", "--profile", "all", "--select", "KV624", "t.json")
    assert (checkout / "t.json").read_text() in (text, SETTING.replace("/<version>", ""))


KEY = """resource "azurerm_key_vault" "kv" {
  name = "kv"
}
resource "azurerm_key_vault_key" "k" {
  name         = "k"
  key_vault_id = azurerm_key_vault.kv.id
  key_type     = "RSA"
  key_size     = 2048
  key_opts     = ["encrypt"]<lifecycle>
}
"""


@pytest.mark.parametrize("lifecycle", ["", "\n\n  lifecycle {\n    ignore_changes = [tags]\n  }"])
def test_a_new_block_comes_before_lifecycle(lifecycle: str, kvlint: Kvlint, checkout: Path) -> None:
    put(checkout, "main.tf", KEY.replace("<lifecycle>", lifecycle))
    kvlint("fix", "--write", "--unsafe", "--profile", "all", "--select", "KV007,KV502", "main.tf")
    blocks = re.findall(r"^  (\w+) \{$", (checkout / "main.tf").read_text().partition('"k" {')[2], re.MULTILINE)
    assert blocks == ["rotation_policy", "lifecycle"]


ROTATION = '\n\n  rotation_policy {\n    automatic {\n      time_after_creation = "P180D"\n    }\n  }\n'
DEPENDS_ON = "  depends_on = [azurerm_key_vault.kv]"


@pytest.mark.parametrize(
    ("end", "result"),
    [
        ("", ROTATION.rstrip("\n")),
        ("\n", ROTATION.rstrip("\n")),
        (f"\n\n{DEPENDS_ON}", f"{ROTATION}\n{DEPENDS_ON}"),
        (f"\n{DEPENDS_ON}", f"{ROTATION}\n{DEPENDS_ON}"),
        (f"\n\n{DEPENDS_ON}\n", f"{ROTATION}\n{DEPENDS_ON}\n"),
    ],
)
def test_a_new_block_comes_before_depends_on_and_the_end(end: str, result: str, kvlint: Kvlint, checkout: Path) -> None:
    put(checkout, "main.tf", KEY.replace("<lifecycle>", end))
    kvlint("fix", "--write", "--unsafe", "--profile", "all", "--select", "KV502", "main.tf")
    assert (checkout / "main.tf").read_text() == KEY.replace("<lifecycle>", result)


READ = "reference(resourceId('Microsoft.KeyVault/vaults', 'kv'), '2018-02-14').vaultUri"


def test_a_template_is_searched_once_for_other_reads(
    kvlint: Kvlint, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vaults = [
        {
            "type": "Microsoft.KeyVault/vaults",
            "apiVersion": "2019-09-01",
            "name": f"[concat('kv{number}', resourceGroup().name)]",
            "location": "x",
            "properties": {"tenantId": "x", "sku": {"family": "A", "name": "standard"}},
        }
        for number in range(30)
    ]
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    outputs = {"u": {"type": "string", "value": f"[{READ}]"}}
    text = json.dumps(
        {"$schema": schema, "contentVersion": "1.0.0.0", "resources": vaults, "outputs": outputs}, indent=1
    )
    put(checkout, "t.json", text)
    parsed: list[str] = []
    original = arm_expression.parse_expression

    def parse_expression(text: str) -> ast.Node:
        parsed.append(text)
        return original(text)

    monkeypatch.setattr("azkvlint.fixes.api_version_reads.parse_expression", parse_expression)
    assert "Found 30 fixes" in kvlint("fix", "--unsafe", "--profile", "all", "--select", "KV050", "t.json").out
    assert parsed == [READ]


# --- versions of the provider ----------------------------------------------------------------------------------------

PLAIN_KEY = 'resource "azurerm_key_vault_key" "k" {\n  name     = "k"\n  key_type = "RSA"\n}\n'
CONSTRAINT = (
    'terraform {{\n  required_providers {{\n    azurerm = {{\n      source  = "hashicorp/azurerm"\n'
    '      version = "{}"\n    }}\n  }}\n}}\n'
)
OLDER = "The plan fails with azurerm before 3.46, which has no `rotation_policy`: "


@pytest.mark.parametrize(
    ("files", "stated"),
    [
        ({}, ""),
        ({"m/versions.tf": "~>3.30"}, "the constraint `~>3.30` in `m/versions.tf` allows it."),
        ({"m/versions.tf": ">= 3.46"}, ""),
        ({"m/versions.tf": "~> 3.30", "main.tf": ">= 3.50"}, ""),
        ({"m/versions.tf": "~> 3.0", "main.tf": "~> 3.30"}, "the constraint `~> 3.30` in `main.tf` allows it."),
        (
            {"m/versions.tf": "~> 3.0", "tests/main.tf": "3.100.0"},
            "the constraint `~> 3.0` in `m/versions.tf` allows it.",
        ),
        ({"main.tf": "~> 3.0", ".terraform.lock.hcl": "3.116.0"}, ""),
    ],
)
def test_a_fix_that_adds_a_block_states_which_allowed_versions_do_not_have_it(
    kvlint: Kvlint, checkout: Path, files: dict[str, str], stated: str
) -> None:
    put(checkout, "m/main.tf", PLAIN_KEY)
    for name, version in files.items():
        call = f'module "m" {{\n  source = "{"../m" if "/" in name else "./m"}"\n}}\n' if "main.tf" in name else ""
        lock = f'provider "registry.terraform.io/hashicorp/azurerm" {{\n  version = "{version}"\n}}\n'
        put(checkout, name, lock if name.endswith(".hcl") else CONSTRAINT.format(version) + call)
    out = kvlint("fix", "--unsafe", "--select", "KV502").out
    assert "KV502 Set `time_after_creation" in out
    assert out.count(OLDER) == bool(stated)
    assert not stated or f"  not safe (apply-fails): {OLDER}{stated}\n" in out


@pytest.mark.parametrize("other", ["n", "m"])
def test_a_version_that_another_module_of_the_root_excludes_is_not_allowed(
    kvlint: Kvlint, checkout: Path, other: str
) -> None:
    """A root has one version of a provider. The lock file of a module that is called has no effect."""
    put(checkout, "m/main.tf", PLAIN_KEY)
    put(checkout, "m/versions.tf", CONSTRAINT.format("~> 3.0"))
    put(checkout, "a/main.tf", 'module "m" {\n  source = "../m"\n}\n')
    put(checkout, "n/main.tf", CONSTRAINT.format(">= 3.50"))
    call = 'module "n" {\n  source = "../n"\n}\nmodule "a" {\n  source = "../a"\n}\n'
    put(checkout, "root/main.tf", call if other == "n" else call.replace("../n", "../m"))
    lock = 'provider "registry.terraform.io/hashicorp/azurerm" {\n  version = "3.116.0"\n}\n'
    put(checkout, "m/.terraform.lock.hcl", lock)
    out = kvlint("fix", "--unsafe", "--select", "KV502").out
    assert "KV502 Set `time_after_creation" in out
    assert (f"{OLDER}the constraint `~> 3.0` in `m/versions.tf` allows it." in out) is (other == "m")


def test_strictest_of_several_calls_of_a_root_applies(kvlint: Kvlint, checkout: Path) -> None:
    put(checkout, "m/main.tf", PLAIN_KEY)
    for name, version in (("a", "~> 3.0"), ("b", ">= 3.50"), ("c", "~> 3.10")):
        put(checkout, f"{name}/main.tf", CONSTRAINT.format(version) + 'module "m" {\n  source = "../m"\n}\n')
    put(checkout, "main.tf", "".join(f'module "{name}" {{\n  source = "./{name}"\n}}\n' for name in "abc"))
    out = kvlint("fix", "--unsafe", "--select", "KV502").out
    assert "KV502 Set `time_after_creation" in out
    assert OLDER not in out


def test_constraint_of_a_generated_caller_applies(kvlint: Kvlint, checkout: Path) -> None:
    put(checkout, "m/main.tf", PLAIN_KEY)
    caller = {
        "//": {"metadata": {"stackName": "s"}},
        "terraform": {"required_providers": {"azurerm": {"source": "hashicorp/azurerm", "version": "~> 3.30"}}},
        "module": {"m": {"source": "./m"}},
    }
    put(checkout, "cdk.tf.json", json.dumps(caller))
    out = kvlint("fix", "--unsafe", "--select", "KV502").out
    assert f"  not safe (apply-fails): {OLDER}the constraint `~> 3.30` in `cdk.tf.json` allows it.\n" in out


def test_constraint_of_an_environment_for_tests_applies(kvlint: Kvlint, checkout: Path) -> None:
    put(checkout, "m/main.tf", PLAIN_KEY)
    call = 'module "m" {\n  source = "../../m"\n}\n'
    put(checkout, "environments/test/main.tf", CONSTRAINT.format("~> 3.30") + call)
    put(checkout, "environments/prod/main.tf", CONSTRAINT.format("~> 4.0") + call)
    out = kvlint("fix", "--unsafe", "--select", "KV502").out
    assert f"{OLDER}the constraint `~> 3.30` in `environments/test/main.tf` allows it.\n" in out


@pytest.mark.parametrize(
    ("version", "name"),
    [("~> 4.0", "enable_rbac_authorization"), ("~> 4.42", "rbac_authorization_enabled")],
)
def test_the_name_of_an_argument_is_one_that_all_allowed_versions_have(
    kvlint: Kvlint, checkout: Path, version: str, name: str
) -> None:
    vault = VAULT.replace("  rbac_authorization_enabled = true\n", "")
    put(checkout, "main.tf", CONSTRAINT.format(version) + vault)
    out = kvlint("fix", "--unsafe", "--select", "KV301").out
    assert f"KV301 Set `{name} = true`" in out
    assert "The plan fails with azurerm before" not in out


# --- effects of other fixes and of the code around --------------------------------------------------------------------

FAILS = "  not safe (apply-fails): "


@pytest.mark.parametrize(
    ("arguments", "stated"),
    [
        (
            "purge_protection_enabled = true",
            [
                "Azure rejects the change on an existing vault, which has to be recreated.",
                "Terraform cannot recreate the vault after a fix of KV007 (`prevent_destroy`).",
                "The new vault needs another name, because purge protection is enabled.",
            ],
        ),
        (
            "lifecycle {\n    prevent_destroy = true\n  }",
            [
                "Azure rejects the change on an existing vault, which has to be recreated.",
                "Terraform cannot recreate the vault because of `prevent_destroy`.",
                "The new vault needs another name if purge protection is enabled, else a purge of the old one.",
            ],
        ),
    ],
)
def test_new_retention_period_states_obstacles_to_recreating_the_vault(
    kvlint: Kvlint, checkout: Path, arguments: str, stated: list[str]
) -> None:
    argument = f"  soft_delete_retention_days = 7\n  {arguments}\n}}\n"
    put(checkout, "main.tf", VAULT.removesuffix("}\n") + argument)
    out = kvlint("fix", "--unsafe", "--select", "KV003").out
    assert sorted(line.removeprefix(FAILS) for line in out.splitlines() if line.startswith(FAILS)) == sorted(stated)


OF_COUNT = (
    "A plan also fails after `count` has decreased, or after an element was removed from its list or inserted before"
)
OF_CONDITION = "A plan also fails after the condition of `count` has become false."
OF_KEYS = "A plan also fails after a key of `for_each` was removed or renamed."


@pytest.mark.parametrize(
    ("argument", "of_call", "stated"),
    [
        ("", "", []),
        ("count = length(var.x)", "", [OF_COUNT]),
        ("count = var.x == null ? 0 : 1", "", [OF_CONDITION]),
        ("count = var.x == null ? 0 : length(var.x)", "", [OF_COUNT, OF_CONDITION]),
        ("count = var.x == null ? 0 : (length(var.x) == 0 ? 0 : 1)", "", [OF_CONDITION]),
        ("for_each = toset(var.x)", "", [OF_KEYS]),
        ("for_each = toset(var.x)", "count = var.x == null ? 0 : 1", [OF_CONDITION, OF_KEYS]),
    ],
)
def test_prevent_destroy_states_that_changes_of_count_or_for_each_fail(
    kvlint: Kvlint, checkout: Path, argument: str, of_call: str, stated: list[str]
) -> None:
    variable = 'variable "x" {\n  default = ["a"]\n}\n'
    put(checkout, "m/main.tf", variable + VAULT.replace("{\n", f"{{\n  {argument}\n", 1))
    put(checkout, "main.tf", f'{variable}module "m" {{\n  source = "./m"\n  {of_call}\n}}\n')
    out = kvlint("fix", "--unsafe", "--select", "KV007").out
    assert "KV007 Set `prevent_destroy = true`" in out
    assert [text for text in (OF_COUNT, OF_CONDITION, OF_KEYS) if text in out] == stated


@pytest.mark.parametrize(
    ("folder", "is_offered"),
    [
        ("tests", False),
        ("examples/a", False),
        ("prod", True),
        ("environments/test", True),
        ("demo", True),
        ("examples/deployed", True),
    ],
)
def test_a_module_that_only_tests_call_is_not_protected_from_destroy(
    kvlint: Kvlint, checkout: Path, folder: str, is_offered: bool
) -> None:
    put(checkout, "m/main.tf", VAULT)
    put(checkout, "tests/main.tf", 'module "m" {\n  source = "../m"\n}\n')
    put(checkout, "uat/main.tf", "")
    put(checkout, ".github/workflows/a.yml", "- run: terraform -chdir=examples/deployed apply\n")
    put(checkout, f"{folder}/main.tf", f'module "m" {{\n  source = "{"../" * (folder.count("/") + 1)}m"\n}}\n')
    out = kvlint("fix", "--unsafe", "--select", "KV007").out
    assert ("KV007 Set `prevent_destroy = true`" in out) is is_offered
    refusal = "No fix: only tests and examples call the module, which destroy its resources\n"
    assert (refusal in out) is not is_offered


def test_a_vault_that_is_not_recovered_keeps_its_name(kvlint: Kvlint, checkout: Path) -> None:
    put(checkout, "main.tf", f'provider "azurerm" {{\n  features {{}}\n}}\n{VAULT}')
    out = kvlint("fix", "--unsafe", "--select", "KV017", "--profile", "all").out
    stated = (
        "After a destroy, the vault keeps its name until its retention period ends, or until it is purged if purge "
    )
    assert (
        f"{FAILS}{stated}protection is not enabled. Until then, an apply fails instead of recovering the vault.\n"
        in out
    )


def test_reference_without_a_version_states_when_an_app_gets_a_changed_secret(kvlint: Kvlint, checkout: Path) -> None:
    put(checkout, "t.json", SETTING.replace("<version>", "0123456789abcdef0123456789abcdef"))
    out = kvlint("fix", "--unsafe", "--profile", "all", "--select", "KV624").out
    assert "  not safe (access): A changed secret reaches the app within 24 hours, or when the app is restarted." in out


@pytest.mark.parametrize(
    ("rule", "version"), [("KV050", "2023-07-01"), ("KV052", "2026-02-01"), ("KV301", "2023-07-01")]
)
def test_all_changes_of_the_permission_model_have_the_same_classes(
    kvlint: Kvlint, checkout: Path, rule: str, version: str
) -> None:
    put(checkout, "main.bicep", BICEP.replace("2026-02-01", version).replace("    enableRbacAuthorization: true\n", ""))
    out = kvlint("fix", "--profile", "all", "--select", rule).out
    assert "No fix: not safe: it needs --allow access,apply-fails\n" in out


@pytest.mark.parametrize("policies", ["[parameters('policies')]", []])
def test_the_permission_model_is_not_changed_where_policies_are_those_of_callers(
    kvlint: Kvlint, checkout: Path, policies: object
) -> None:
    vault = {"type": "Microsoft.KeyVault/vaults", "apiVersion": "2026-02-01", "name": "kv"}
    properties = {"enableRbacAuthorization": "[parameters('rbac')]", "accessPolicies": policies}
    parameters = {"rbac": {"type": "bool", "defaultValue": False}, "policies": {"type": "array", "defaultValue": []}}
    document = {"$schema": TEMPLATE, "contentVersion": "1.0.0.0", "parameters": parameters}
    put(checkout, "main.json", json.dumps({**document, "resources": [{**vault, "properties": properties}]}, indent=2))
    out = kvlint("fix", "--unsafe", "--select", "KV301").out
    assert ("`accessPolicies` depends on a variable or parameter, which would have no effect" in out) is bool(policies)
    assert ('KV301 Set `"defaultValue": true`' in out or "KV301 Set" in out) is not policies


# --- reasons that name the place to change ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argument", "name"),
    [
        ('file("t.txt")\n  parameters_content = file("p.txt")', "`t.txt`"),
        ('file("t.txt")', "`t.txt`"),
        ('file("${path.module}/t.txt")', "`t.txt`"),
        ("templatefile(local.path, {})", "`t.txt`"),
        ("file(var.path)", "another file or string"),
    ],
)
def test_the_file_of_a_deployed_template_is_named(kvlint: Kvlint, checkout: Path, argument: str, name: str) -> None:
    resource = '{"type": "Microsoft.KeyVault/vaults/secrets", "apiVersion": "2023-07-01", "name": "kv/s"}'
    put(checkout, "t.txt", f'{{"$schema": "{TEMPLATE}", "contentVersion": "1.0.0.0", "resources": [{resource}]}}')
    deployment = 'resource "azurerm_resource_group_template_deployment" "d" {\n  name = "d"\n'
    values = 'locals {\n  path = "t.txt"\n}\nvariable "path" {\n  default = "t.txt"\n}\n'
    put(
        checkout,
        "main.tf",
        f'{deployment}  tags = {{ a = file("a.txt") }}\n  template_content = {argument}\n}}\n{values}',
    )
    out = kvlint("fix", "--unsafe", "--select", "KV050").out
    assert f"No fix: the template of the deployment is in {name}: change it there\n" in out


@pytest.mark.parametrize(
    ("name", "text", "source"),
    [
        ("main.tf", VAULT.replace("}\n", "  purge_protection_enabled = var.on && true\n}\n"), " from `var.on`"),
        ("main.bicep", BICEP.replace("true", "true\n    enablePurgeProtection: !on"), " from `on`"),
        (
            "main.bicep",
            BICEP.replace("true", "true\n    enablePurgeProtection: off ? true : null // see it"),
            " from `off`",
        ),
        ("main.bicep", BICEP.replace("true", "true\n    enablePurgeProtection: bool('false')"), ""),
        ("main.bicep", BICEP.replace("true", "true\n    enablePurgeProtection: 'a on' == 'b' ? true : null"), ""),
        ("main.bicep", BICEP.replace("true", "true\n    enablePurgeProtection: !on /* or off */"), " from `on`"),
        (
            "main.bicep",
            BICEP.replace("true", "true\n    enablePurgeProtection: '${off}' == 'a' ? true : null"),
            " from `off`",
        ),
        (
            "main.tf",
            VAULT.replace("}\n", '  purge_protection_enabled = var.on && "var.off" == "var.off" # not local.x\n}\n'),
            " from `var.on`",
        ),
    ],
)
def test_a_computed_value_is_reported_with_its_variables(
    kvlint: Kvlint, checkout: Path, name: str, text: str, source: str
) -> None:
    declared = {
        "tf": 'variable "on" {\n  default = false\n}\n',
        "bicep": "param on bool = true\nparam off bool = false\n",
    }
    put(checkout, name, text + declared[name.partition(".")[2]])
    assert f"No fix: the value is computed{source}\n" in kvlint("fix", "--unsafe", "--select", "KV001").out


@pytest.mark.parametrize("index", ["", "[0]"])
def test_service_endpoints_that_are_computed_are_named(kvlint: Kvlint, checkout: Path, index: str) -> None:
    acls = '  network_acls {\n    bypass                     = "None"\n    default_action             = "Deny"\n'
    acls += f"    virtual_network_subnet_ids = [azurerm_subnet.s{index}.id]\n  }}\n}}\n"
    count = "  count             = 1\n" if index else ""
    subnet = f'resource "azurerm_subnet" "s" {{\n{count}  service_endpoints = var.x ? ["Microsoft.Storage"] : []\n}}\n'
    variable = 'variable "x" {\n  default = true\n}\n'
    put(checkout, "main.tf", VAULT.removesuffix("}\n") + acls + subnet + variable)
    out = kvlint("fix", "--unsafe", "--profile", "all", "--select", "KV124").out
    assert (
        "No fix: `service_endpoints` of `azurerm_subnet.s` is computed, and has to contain `Microsoft.KeyVault`" in out
    )


@pytest.mark.parametrize(
    ("repetition", "index", "is_refused"),
    [
        ('for_each = toset(["a", "b"])', '["a"]', True),
        ("count = 2", "[0]", True),
        ("count = 1", "[0]", False),
        ("", "", False),
    ],
)
def test_the_instances_of_a_subnet_are_not_changed_for_one_of_them(
    kvlint: Kvlint, checkout: Path, repetition: str, index: str, is_refused: bool
) -> None:
    acls = '  network_acls {\n    bypass                     = "None"\n    default_action             = "Deny"\n'
    acls += f"    virtual_network_subnet_ids = [azurerm_subnet.s{index}.id]\n  }}\n}}\n"
    subnet = f'resource "azurerm_subnet" "s" {{\n  {repetition}\n  service_endpoints = ["Microsoft.Storage"]\n}}\n'
    put(checkout, "main.tf", VAULT.removesuffix("}\n") + acls + subnet)
    out = kvlint("fix", "--unsafe", "--profile", "all", "--select", "KV124").out
    refusal = "No fix: needs a decision: the change is one of all instances of `azurerm_subnet.s`\n"
    assert (refusal in out) is is_refused
    assert ("KV124 Add `Microsoft.KeyVault` to `service_endpoints`" in out) is not is_refused


def test_word_in_a_string_is_not_a_variable_of_the_permission_model(kvlint: Kvlint, checkout: Path) -> None:
    policies = "accessPolicies: [{ tenantId: 'a', objectId: 'not on', permissions: {} /* on */ }]"
    text = BICEP.replace("enableRbacAuthorization: true", f"enableRbacAuthorization: on\n    {policies}")
    put(checkout, "main.bicep", f"param on bool = false\n{text}")
    out = kvlint("fix", "--unsafe", "--select", "KV301").out
    assert "depends on a variable or parameter" not in out


def test_instances_without_a_fix_are_listed_by_name(kvlint: Kvlint, checkout: Path) -> None:
    vault = VAULT.replace("{\n", '{\n  for_each = toset(["a", "b"])\n', 1)
    role = 'resource "azurerm_role_assignment" "r" {\n  for_each = toset(["a", "b"])\n'
    role += '  scope = "/subscriptions/${each.key}"\n'
    put(checkout, "main.tf", f'{vault}{role}  role_definition_name = "Owner"\n  principal_id = "p"\n}}\n')
    out = kvlint("fix", "--unsafe", "--profile", "all", "--select", "KV402").out
    lines = [line for line in out.splitlines() if "KV402" in line]
    assert len(lines) == len(set(lines))


def test_a_refused_change_of_the_permission_model_names_the_command_that_plans_it(
    kvlint: Kvlint, checkout: Path
) -> None:
    policy = 'resource "azurerm_key_vault_access_policy" "p" {\n  key_vault_id       = azurerm_key_vault.v.id\n'
    policy += '  tenant_id          = "t"\n  object_id          = "o"\n  secret_permissions = ["Get"]\n}\n'
    put(checkout, "main.tf", VAULT.replace("  rbac_authorization_enabled = true\n", "") + policy)
    out = kvlint("fix", "--unsafe", "--select", "KV301").out
    assert re.search(
        r"No fix: it would cause KV\d+ on [^\n]+; run `kvlint migrate-rbac` to replace the access policies", out
    )
