"""Names that speak of secrets, and what is made of the texts that go by them."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azkvlint.util.secret_names import (
    contains_secret,
    describes_secret,
    has_known_form,
    is_secret_name,
    letters_of,
    may_contain_secret_name,
)
from azkvlint.values.redaction import Redactor
from azkvlint.values.secrecy import NAME, may_contain_secret, may_name_secret, suggests_secret

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Run

HOLDING = [
    "adminPassword", "admin_password", "ADMIN-PASSWORD", "password", "dbpassword", "passwordForDb", "clientSecret",
    "client_secret_1", "secrets", "secretValue", "apiKey", "api-keys", "storageAccountKey", "STORAGE_ACCOUNT_KEY",
    "connectionString", "sasToken", "my_sas", "db_pass", "pwd", "psk", "privateKeyPem", "tokens", "credential",
    "Authorization", "authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "x-api-key", "x-functions-key",
    "Ocp-Apim-Subscription-Key", "subscriptionKey", "functionKey", "clientKey", "authorization_key",
]  # fmt: skip
ABOUT = [
    "secretName", "secret_names", "secretUri", "secret_permissions", "passwordLength", "tokenLifetimeDays",
    "secret_expiration", "secretsUserRole", "key_vault_secrets_users", "key_vault_secretname_db", "storageKeyVaultId",
    "secretType", "credentialId", "subscriptionKeyVaultName", "SECRET_STORAGE_METHOD", "token_signing_algorithm",
    "secretStoreProvider", "password_validation_mode",
]  # fmt: skip
OTHERS = [
    "name", "value", "defaultValue", "bypass", "disasterRegion", "keyVault", "key_vault_key", "passthrough", "",
]  # fmt: skip
# Names with the name of a header in them, whose values excerpts show.
SHOWN = [
    "authorization_enabled", "authorization-enabled", "authorizations", "authorizationRules", "authorization_rule_id",
    "enableRbacAuthorization", "rbac_authorization_enabled", "cookieExpiration", "cookie_based_affinity", "cookies",
    "Microsoft.Authorization", "authorizationSource", "subscription_id",
]  # fmt: skip


@pytest.mark.parametrize("name", HOLDING)
def test_secret_names_are_recognized(name: str) -> None:
    assert is_secret_name(name)
    assert suggests_secret(name)


@pytest.mark.parametrize("name", [*HOLDING, "se-cret", "pass''word", "\u00fcsecret"])
def test_an_expression_with_the_name_of_a_secret_may_contain_one(name: str) -> None:
    assert is_secret_name(name)
    assert may_contain_secret_name(letters_of(f"createObject('id', 1, '{name}', 'x')"))


def test_an_expression_without_the_name_of_a_secret_contains_none() -> None:
    assert not may_contain_secret_name(letters_of("createObject('subnet', parameters('subnetId'))"))


@pytest.mark.parametrize("name", [*ABOUT, *OTHERS])
def test_other_names_are_not_secret_names(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize("name", SHOWN)
def test_a_part_of_the_name_of_a_header_names_no_secret(name: str) -> None:
    assert not is_secret_name(name)
    assert not suggests_secret(name)
    assert re.search(rf"(?<!\w){NAME}", name.replace(".", "_"), re.IGNORECASE) is None


def test_name_of_metadata_describes_a_secret() -> None:
    assert all(map(describes_secret, ("name", "contentType", "secret_id")))
    assert not any(map(describes_secret, ("user", "username", "value", "")))


def test_long_names_take_no_longer_than_they_are_long() -> None:
    start = time.process_time()
    for name in ("secre" * 200_000, "pas-" * 200_000, "aB" * 200_000):
        suggests_secret(name)
        is_secret_name(name)
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("secret", "text", "shown"),
    [
        ("hunter2-hunter2", "kvhunter2-hunter2x", "kv(sensitive)x"),
        ("hunter2-hunter2", "HUNTER2-HUNTER2", "(sensitive)"),
        ("hunter2-hunter2", "aHVudGVyMi1odW50ZXIy", "(sensitive)"),
        ("hunter2/hunter2", "a=hunter2%2Fhunter2", "a=(sensitive)"),
        ("abcd", "abcd, xabcdx", "(sensitive), xabcdx"),
        ("abc", "abc", "abc"),
        ("Enabled", "it is Enabled", "it is Enabled"),
        ("10.0.0.0/8", "10.0.0.0/8", "10.0.0.0/8"),
        ("list", "list", "list"),
        ("x" * 100, f"a {'x' * 80}...", "a (sensitive)"),
    ],
)
def test_secret_texts_are_replaced(secret: str, text: str, shown: str) -> None:
    assert Redactor([secret]).text(text) == shown


def test_the_longest_text_is_replaced_first() -> None:
    assert Redactor(["hunter2-hunter2", "hunter2-"]).text("hunter2-hunter2") == "(sensitive)"
    assert not Redactor(["abc", "true"])


@pytest.mark.parametrize(
    ("text", "tells"),
    [
        ("git::https://oauth2:hunter2@example.com/a/keyvault.git?ref=v1", True),
        ("https://example.com/keyvault.zip?archive=zip&token=hunter2", True),
        ("git::ssh://git@example.com/keyvault?sshkey=aHVudGVyMg", True),
        ("Server=x;Password=hunter2", True),
        ("git::ssh://git@example.com:22/keyvault.git?ref=v1", False),
        ("https://example.com:443/a:b@c?version=1&tokens=2", False),
    ],
)
def test_credentials_in_a_string_are_found(text: str, tells: bool) -> None:
    assert contains_secret(text) is tells


@pytest.mark.parametrize("output", ["json", "sarif", "text"])
@pytest.mark.parametrize(
    "address", ["git::https://oauth2:hunter2@h.com/keyvault.git", "https://h.com/keyvault.zip?token=hunter2"]
)
def test_credentials_in_the_address_of_a_module_are_not_shown(
    address: str, output: str, tmp_path: Path, run: Run
) -> None:
    (tmp_path / "main.tf").write_text(f'module "m" {{\n  source = "{address}"\n}}\n')
    said = run("-f", output, "--select", "KV057", ".", cwd=tmp_path)
    assert "KV057" in said.out
    assert "hunter2" not in said.out + said.err


_TEXTS = st.text("aAbB.Kk\u212a\u017fs ", max_size=12)


@given(st.lists(_TEXTS, max_size=3), st.lists(_TEXTS, min_size=1))
def test_few_secret_strings_are_redacted_as_many_are(secrets: list[str], texts: list[str]) -> None:
    """Each of a few strings is searched for, and many at once."""
    few, many = Redactor(secrets), Redactor([*secrets, *(f"unrelated-{number}" for number in range(200))])
    for text in texts:
        assert few.text(text) == many.text(text)


@given(
    st.lists(
        st.sampled_from(
            [*HOLDING, *ABOUT, *OTHERS, *SHOWN, "contents", "passphrase", "pfx", "signature", "pa\u017f\u017f"]
        )
    )
)
def test_a_text_without_the_parts_of_names_names_no_secret(words: list[str]) -> None:
    text = " ".join(words)
    assert may_name_secret(text) or re.search(rf"(?<!\w){NAME}", text, re.IGNORECASE) is None
    assert may_name_secret("value")
    assert may_name_secret("Access_Key")
    assert not may_name_secret("Microsoft.KeyVault")
    assert not may_name_secret("name: location")


_PIECES = (
    "password", "Pwd", "ACCOUNTKEY", "sharedAccessKey", "SharedAccessSignature", "sig", "pa\u017f\u017fword", "token",
    "api_key", "code", "secret", "=", ":", "@", "/", "//", "?", "&", ";", " ", "x", "\n",
)  # fmt: skip


@given(st.lists(st.sampled_from(_PIECES)))
def test_a_text_without_the_parts_of_credentials_contains_none(words: list[str]) -> None:
    text = "".join(words)
    assert may_contain_secret(text) or not contains_secret(text)
    assert not may_contain_secret("resource v 'Microsoft.KeyVault/vaults@2023-07-01' = {")


# One token of each format that an issuer documents, with the shortest length that counts.
_TOKENS = {
    "private key": "-----BEGIN " + "PRIVATE KEY-----",
    "private key of OpenSSH": "-----BEGIN OPENSSH " + "PRIVATE KEY-----",
    "private key of PGP": "-----BEGIN PGP " + "PRIVATE KEY BLOCK-----",
    "JSON Web Token": "eyJ" + 8 * "h" + ".eyJ" + 8 * "b" + ".",
    "access key of AWS": "AKIA" + 16 * "Q",
    "temporary access key of AWS": "ASIA" + 16 * "7",
    **{f"token {kind} of GitHub": f"gh{kind}_" + 30 * "a" for kind in "pousr"},
    "fine-grained token of GitHub": "github_pat_" + 30 * "a",
    "token of GitLab": "glpat-" + 20 * "a",
    **{f"token {kind} of Slack": f"xox{kind}-" + 10 * "1" for kind in "abposr"},
    "webhook of Slack": "hooks.slack.com/services/T0/B0/x",
    "workflow of Slack": "hooks.slack.com/workflows/T0/B0/x",
    "webhook of Teams": "contoso.webhook.office.com/webhookb2/",
    "webhook of Discord": "discord.com/api/webhooks/",
    "webhook of Discord at its old name": "discordapp.com/api/webhooks/",
    "key of SendGrid": "SG." + 16 * "a" + "." + 16 * "b",
    "key of Stripe": "sk_live_" + 16 * "a",
    "restricted key of Stripe": "rk_live_" + 16 * "a",
    "key of OpenAI": "sk-" + 32 * "a",
    "key of Google": "AIza" + 35 * "a",
    "token of npm": "npm_" + 30 * "a",
    "token of PyPI": "pypi-" + 30 * "a",
    "token of Databricks": "dapi" + 32 * "0",
    "token of HashiCorp Vault": "hvs." + 20 * "a",
    "client secret": "abc" + "8Q~" + 31 * "x",
    "client secret of an older form": "abc" + "7Q~" + 34 * "x",
    "account key of 64 bytes": 86 * "A" + "==",
    "account key of 32 bytes": 43 * "A" + "=",
    **{f"key of Azure with {mark}": 40 * "k" + mark + "abc=" for mark in (
        "AzFu", "ACDb", "AzCa", "AzSe", "ASt", "ACRA", "AEh", "ARm"
    )},
}  # fmt: skip


@pytest.mark.parametrize("name", _TOKENS)
@pytest.mark.parametrize("around", ["{}", "value = '{}'", '"key": "{}",', "a\n{}\nb", "x={} y"])
def test_a_token_of_a_documented_format_is_recognized(name: str, around: str) -> None:
    assert has_known_form(around.format(_TOKENS[name]))


@pytest.mark.parametrize("name", _TOKENS)
def test_token_without_its_prefix_has_no_known_form(name: str) -> None:
    assert not has_known_form(_TOKENS[name][8:])
