"""What names and texts say about secrets, in spellings that no rule's example has."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from azkvlint.values import secret_formats
from azkvlint.values.name_kinds import NameKind, is_path_of_public_key, is_plain_name, kind_of_name, kind_of_path
from azkvlint.values.secret_formats import (
    Placeholder,
    has_credential,
    is_configuration,
    is_plain,
    known_text,
    placeholder_in,
)
from tests.patterns import text_of_form

SECONDS = 2
CERTAIN, LIKELY, SAMPLE, NONE = Placeholder.CERTAIN, Placeholder.LIKELY, Placeholder.SAMPLE, Placeholder.NONE


@pytest.mark.parametrize(
    "text",
    [
        "", "   ", "-", "x", "''", "<enter the key>", "<user>:<pass>", "[NOT YET SET]", "{placeholder}",
        "{{ .Values.key }}",
        "${SQL_PASSWORD}", "#{Octopus.Key}#", "$(pipelineVariable)", "__DB_PASSWORD__", "%TOKEN%", "((vault-key))",
        "********", "xxxx-xxxx-xxxx", "000000", "....", "TO BE DEFINED", "To_Be_Provided_By_Ops",
        "must be changed after deploy",
        "toBeReplaced", "replace-this-with-the-real-key", "update manually in the portal",
        "Managed outside of Terraform",
        "Set by the release pipeline", "your-client-secret", "insert your token here", "paste key", "dummy-value",
        "example secret", "TODO", "FixMe", "tbc", "N/A", "not used", "not applicable", "no-token", "null",
        "this is a placeholder", "Bitte ändern", "wird ersetzt", "à compléter", "por completar", "a definir",
        "da inserire dopo il deploy", "nog in te vullen", "do uzupełnienia", "byt ut mig",
        "Server=db;Password=<password>", "postgres://app:${PASSWORD}@db/orders", "GEN-PASSWORD", "GEN-UNIQUE-13",
        "GEN-SSH-PUB-KEY", "GET-PREREQ-dbPassword", "secretValue", "MyExampleStringValue",
    ],
)  # fmt: skip
def test_placeholder_is_certain(text: str) -> None:
    assert placeholder_in(text) is CERTAIN


@pytest.mark.parametrize(
    "text",
    [
        "Xk9#mQ2v-update-7fQ2zz", "Change-Pr0d!9f8a7c6b5d4e", "horse-battery-change-staple-42", "todo-Kx8!vT",
        "replaceable-Zebra-9",
    ],
)  # fmt: skip
def test_ambiguous_string_is_a_likely_placeholder(text: str) -> None:
    assert placeholder_in(text) is LIKELY


@pytest.mark.parametrize(
    "text",
    [
        "string", "szechuan", "secret-value-wo", "somesecretvalue2", "myGreatSecret!", "VM-PASSWORD",
        "DB_ADMIN_PASSWORD", '{"username": "Username", "password": "password"}',
        "$2a$10$${random_password.admin.bcrypt_hash}", "pre-${random_id.a.hex}", "initial", "Temp", "test-value", "foo",
        "changeIT!", "ChangeMe123!", "aaaaaaaa", "dummyPassword1", '{"password": "changeIT!"}',
    ],
)  # fmt: skip
def test_sample_value_is_recognized(text: str) -> None:
    assert placeholder_in(text) is SAMPLE


@pytest.mark.parametrize(
    "text",
    [
        "hunter2", "P@ssw0rd", "Tr0ub4dor&3", "correct horse battery staple", "setting sun", "<b>old and new", "a{b}c",
        "password", "secret", "exchange-server-9", "Server=db;Password=todoist99", "0000000001", "x9x9x9", "toronto",
        "to be or not to be", "dog-placed-here", "yours truly", "null-island-7", "notary", "[a]b[c]", "GEN-7f3K-99xQ",
        "gen-password", "szechuan7!", "Great-Secret", "MySecretPassword1!", "PASSWORD", "VM-Passw0rd", "x${1}y",
        "Aq7!zR-${x}9Lm#Tt4", '{"token": "${x}Aq7!zR9Lm#Tt4"}', '{"password": "Change-Pr0d!9f8a7c6b5d4e"}',
        '{"username": "sa", "password": "password"}', '{"username": "username", "password": "Tr0ub4dor"}',
    ],
)  # fmt: skip
def test_passwords_are_not_placeholders(text: str) -> None:
    assert placeholder_in(text) is NONE


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("orders-db-password", NameKind.SECRET),
        ("OrdersDbPasswordDev2", NameKind.SECRET),
        ("redis_primary_key", NameKind.SECRET),
        ("api-key", NameKind.SECRET),
        ("sqlConnectionString", NameKind.SECRET),
        ("kennwort", NameKind.SECRET),
        ("mot_de_passe", NameKind.SECRET),
        ("contraseña", NameKind.SECRET),
        ("client-secret", NameKind.SECRET),
        ("password-reset-url", NameKind.PLAIN),
        ("vmAdminUserName", NameKind.PLAIN),
        ("db-user-name-secret", NameKind.PLAIN),
        ("api-key-name", NameKind.PLAIN),
        ("SSH_PUBLIC_KEY", NameKind.PLAIN),
        ("publicKeySecretValueBase64", NameKind.PLAIN),
        ("privateKeySecretValueBase64", NameKind.SECRET),
        ("client_key_pem_b64", NameKind.SECRET),
        ("tenant-id-prod", NameKind.PLAIN),
        ("AZURE_OPENAI_API_VERSION", NameKind.PLAIN),
        ("benutzername", NameKind.PLAIN),
        ("DataFactoryResourceGroup", NameKind.PLAIN),
        ("resource_group_name", NameKind.PLAIN),
        ("resource-group-key", NameKind.SECRET),
        ("group", NameKind.NEUTRAL),
        ("orders-database", NameKind.PLAIN),
        ("database", NameKind.NEUTRAL),
        ("orders", NameKind.NEUTRAL),
        ("dev-01", NameKind.NEUTRAL),
        ("", NameKind.NEUTRAL),
    ],
)
def test_names_are_classified(name: str, kind: NameKind) -> None:
    assert kind_of_name(name) is kind


@pytest.mark.parametrize("steps", [["sshPublicKey"], ["pub_key_base64"], ["host", "public-key", "value"]])
def test_a_public_key_is_recognized_by_its_name(steps: list[str]) -> None:
    assert is_path_of_public_key(steps)
    assert not is_path_of_public_key([*steps, "password"])
    assert not is_path_of_public_key([*steps, "userName"])


def test_last_significant_step_decides_the_kind_of_a_path() -> None:
    assert kind_of_path(["server", "password", "value"]) is NameKind.SECRET
    assert kind_of_path(["credentials", "user_name"]) is NameKind.PLAIN
    assert kind_of_path(["orders", "*"]) is NameKind.NEUTRAL


def test_names_in_a_vault_may_be_plain_and_addresses_may_be_secret() -> None:
    assert is_plain_name("sql-admin-login")
    assert not is_plain_name("webhook-url")
    assert not is_plain_name("sql-server")


@pytest.mark.parametrize(
    "text",
    [
        "Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=abc",
        "amqps://app:s3cret@broker.example.com",
        "https://x.blob.core.windows.net/c?sv=2024&sig=abc",
        "https://func.azurewebsites.net/api/run?code=abc",
        "https://hooks.slack.com/services/T000/B000/abcdef",
        "-----BEGIN RSA PRIVATE KEY-----\nMII",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2ln",
        "ghp_" + "a1B2" * 9,
        "AKIA" + "A1B2" * 4,
        "abC8Q~" + "a" * 34,
        '{"user": "app", "password": "correct-horse"}',
    ],
)
def test_credentials_are_recognized(text: str) -> None:
    assert has_credential(text)
    assert not is_plain(text)
    assert not is_configuration(["orders-url"], text)


@pytest.mark.parametrize(
    "value",
    ["#Tr0ub4dor&3", "$ecretPassw0rd", "${x}Aq7!zR9Lm#Tt4", "{0}Aq7!zR9Lm", "*Xk9!mQ2v7fQ2zz", "<b>Aq7!zR9",
     "(Aq7!zR9Lm)"],
)  # fmt: skip
def test_a_password_may_begin_like_a_placeholder(value: str) -> None:
    assert has_credential(f"Server=db;Password={value}")
    assert has_credential(f"postgres://app:{value.replace('/', '')}@db/orders") is ("#" not in value)


@pytest.mark.parametrize(
    "value",
    ["{0}", "{", "<your", "<password>", "${PASSWORD}", "$PASSWORD", "$(password)", "%PASSWORD%", "****", "[password]",
     "((password))", "#{Octopus.Key}#", "{{ .Values.key }}", "${password}1!", "@@PASSWORD@@"],
)  # fmt: skip
def test_placeholder_of_another_tool_is_not_a_credential(value: str) -> None:
    assert not has_credential(f"Server=db;Password={value};Encrypt=true")


@pytest.mark.parametrize(
    "text",
    [
        "https://orders.example.com/v1?api-version=2024-01-01", "jdbc:sqlserver://x.database.windows.net:1433;encrypt=true",
        "api://orders", "orders.privatelink.vaultcore.azure.net", "10.0.0.4:6379", "10.0.0.0/8, 192.168.0.0/16",
        "72f988bf-86f1-41af-91ab-2d7cd011db47", "9093", "1.29.4", "true", "/subscriptions/0/resourceGroups/rg",
        "/mnt/secrets/cert", "ops@example.com", "ssh-ed25519 AAAAC3Nza", "2027-01-01T00:00:00Z",
        "Server=tcp:db,1433;Database=x;Authentication=Active Directory Default", '{"endpoint": "https://a.example.com"}',
    ],
)  # fmt: skip
def test_configuration_values_are_not_secrets(text: str) -> None:
    assert not has_credential(text)
    assert is_configuration(["orders"], text)


@pytest.mark.parametrize("text", ["hunter2", "P@ssw0rd", "12345678", "72f988bf-86f1-41af-91ab-2d7cd011db47", "true"])
def test_value_with_a_secret_name_is_not_configuration(text: str) -> None:
    assert not is_configuration(["db-password"], text)


def test_value_of_the_form_of_a_password_is_not_configuration() -> None:
    assert is_configuration(["sql-login"], "dbadmin")
    assert not is_configuration(["sql-login"], "P@ssw0rd")
    assert not is_configuration(["orders-id"], "q8Zk2Lm9Xw4Rt7Bv1Nc5")
    assert not is_configuration(["orders-url"], "https://example.com/q8Zk2Lm9Xw4Rt7Bv1Nc5")


@pytest.mark.parametrize("token", ["#_namePrefix_#", "#{Prefix}#", "__Prefix1__", "{{ prefix }}", "$(Prefix.1)"])
def test_a_token_that_another_tool_replaces_is_not_a_password(token: str) -> None:
    assert is_configuration(["host-pool-name"], f"Dep-{token}-hp-01")
    assert not is_configuration(["host-pool-name"], f"{token}P@ssw0rd")
    assert placeholder_in(token) is CERTAIN


def test_unknown_part_of_a_string_is_one_letter() -> None:
    assert known_text(text_of_form("https://⟨var.a⟩.example.com")) == "https://x.example.com"
    assert known_text(text_of_form("⟨f(⟨a⟩)⟩")) == known_text(text_of_form("⟨a⟩⟨b⟩")) == ""
    assert not is_configuration(["orders"], known_text(text_of_form("postgres://app:⟨var.password⟩@db.example.com")))


@pytest.mark.parametrize(
    "text",
    [
        "#_" * 10_000, "#_" + "_" * 20_000, "_" * 20_000 + "a",
        "#{a}" * 5_000 + "!", "a://" * 5_000, "password" + " " * 20_000, " " * 20_000 + "=",
        "-" * 20_000 + "é",
        "eyJ-" * 5_000, "?" * 20_000, "a." * 10_000 + "!", "[" * 20_000, "<" * 20_000, "a@" * 10_000, "a b " * 5_000,
        "=;" * 10_000,
        "-----BEGIN " * 2_000, "a" * 20_000 + "!", "P1" * 10_000, "{" * 20_000, "\\" * 20_000,
    ],
)  # fmt: skip
def test_hostile_texts_take_no_time(text: str) -> None:
    start = time.process_time()
    placeholder_in(text)
    is_configuration([text], text)
    assert time.process_time() - start < SECONDS


@settings(max_examples=1_000)
@given(st.data())
def test_each_phrase_of_a_placeholder_has_a_word_of_its_pattern(data: st.DataObject) -> None:
    words, pattern = data.draw(st.sampled_from(secret_formats._PLACEHOLDER_PHRASES))
    phrase = data.draw(st.from_regex(pattern.pattern, fullmatch=True))
    assert any(word in phrase for word in words), phrase
