"""Where findings are told: every place is in a file, and its text is what is to be edited. Secrets are not shown."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.graph.region_lookup import places_of
from azkvlint.model.location import Location
from azkvlint.readers.terraform.file_secrets import TerraformFileSecrets
from azkvlint.syntax.hcl.json_file import parse_json_file
from azkvlint.syntax.hcl.parse import parse_file
from tests.readers.terraform.conftest import call, text_at, variable, vault

if TYPE_CHECKING:
    from tests.readers.terraform.conftest import CheckedModule, Judge

KV = "azurerm_key_vault.kv"


def place(found: CheckedModule, rule: str) -> str:
    """The text at the place of the only finding of a rule."""
    (finding,) = found.all(rule)
    return found.text(finding)


def causes(found: CheckedModule, rule: str) -> list[str]:
    """The texts that its value comes from, by what notes say."""
    (finding,) = found.all(rule)
    return [text_at(found.root, note.at) for note in finding.related if note.text == "the value comes from here"]


ACLS = 'network_acls {{\n    default_action = {}\n    bypass = "None"\n  }}\n'


@pytest.mark.parametrize(
    ("text", "rule", "told", "cause"),
    [
        (vault("false"), "KV001", "purge_protection_enabled = false", []),
        ('resource "azurerm_key_vault" "kv" {\n}\n', "KV001", 'resource "azurerm_key_vault" "kv"', []),
        ("resource azurerm_key_vault kv {\n}\n", "KV001", "resource azurerm_key_vault kv", []),
        ('resource "azurerm_key_vault"   "kv"{\n}\n', "KV001", 'resource "azurerm_key_vault"   "kv"', []),
        (variable("p", "false") + vault("var.p"), "KV001", "purge_protection_enabled = var.p", ["default = false"]),
        (variable("p") + vault("var.p"), "KV001", "purge_protection_enabled = var.p", ['variable "p"']),
        ("locals {\n  p = false\n}\n" + vault("local.p"), "KV001", "purge_protection_enabled = local.p", ["p = false"]),
        (variable("p", "null") + vault("var.p"), "KV001", "purge_protection_enabled = var.p", ["default = null"]),
        (vault("true", ACLS.format('"Allow"')), "KV101", 'default_action = "Allow"', []),
        (vault("true", 'network_acls {\n    bypass = "None"\n  }\n'), "KV101", "network_acls", []),
        (
            variable("a", '"Allow"') + vault("true", ACLS.format("var.a")),
            "KV101",
            "default_action = var.a",
            ['default = "Allow"'],
        ),
        (
            "locals {\n  kv = {\n    purge = false\n  }\n}\n" + vault("local.kv.purge"),
            "KV001",
            "purge_protection_enabled = local.kv.purge",
            ["purge = false"],
        ),
        (
            "locals {\n  q = false\n  p = local.q\n}\n" + vault("local.p"),
            "KV001",
            "purge_protection_enabled = local.p",
            ["p = local.q", "q = false"],
        ),
        (vault("true").replace("true", "<<E\nfalse\nE"), "KV001", "purge_protection_enabled = <<E\nfalse\nE", []),
        ("/* é\U0001f600 */ " + vault("false"), "KV001", "purge_protection_enabled = false", []),
        (vault("false").replace("\n", "\r\n"), "KV001", "purge_protection_enabled = false", []),
        ("\ufeff" + vault("false"), "KV001", "purge_protection_enabled = false", []),
    ],
)
def test_finding_is_at_the_text_that_causes_it(text: str, rule: str, told: str, cause: list[str], judge: Judge) -> None:
    found = judge(text)
    assert place(found, rule) == told
    assert causes(found, rule) == cause


def test_json_findings_are_located_at_keys(judge: Judge) -> None:
    kv = {"name": "kv", "purge_protection_enabled": "${local.p}", "network_acls": {"default_action": "Allow"}}
    document = {"locals": {"p": False}, "resource": {"azurerm_key_vault": {"kv": kv}}}
    for indent in (None, 2):
        found = judge({"main.tf.json": json.dumps(document, indent=indent)})
        assert place(found, "KV001") == '"purge_protection_enabled": "${local.p}"'
        assert causes(found, "KV001") == ['"p": false']
        assert place(found, "KV101") == '"default_action": "Allow"'
        assert place(found, "KV201") == '"kv"'


def test_every_place_is_in_a_file(judge: Judge) -> None:
    files = {
        "main.tf": variable("p", "false") + call(more="  p = var.p\n") + call("ns/name/azurerm", name="i"),
        "m/main.tf": variable("p") + vault("var.p", ACLS.format("local.action")) + 'locals {\n  action = "Allow"\n}\n',
        "j.tf.json": json.dumps({"resource": {"azurerm_key_vault": {"j": {}}}}, indent=1),
        ".terraform/modules/modules.json": '{"Modules": [{"Key": "i", "Dir": ".terraform/modules/i"}]}',
        ".terraform/modules/i/main.tf": "\n" * 1_000 + vault("false"),
    }
    found = judge(files)
    assert len({finding.at.path for finding in found.all()}) == 3
    for finding in found.all():
        for at in (finding.at, *(note.at for note in finding.related), *(one.at for one in finding.evidence)):
            assert not at.path.startswith(".terraform")
            assert text_at(found.root, at)
            assert "\n" not in text_at(found.root, finding.at)


def test_finding_is_at_its_line_in_any_file(judge: Judge) -> None:
    """Whatever comes before and within a block, its lines are found."""
    noise = ["# é\n", "/* \U0001f600\n\n*/\n", "locals {\n  h = <<-E\n    x\n  E\n}\n", "\n\n", '\tvariable "v%d" {}\n']
    for seed in range(20):
        pick = random.Random(seed)  # noqa: S311  # nothing is secret
        parts = [pick.choice(noise).replace("%d", f"{seed}{i}") for i in range(10)]
        parts.insert(pick.randrange(10), vault("false").replace("\n", pick.choice(["\n", "\n\n", " # x\n"])))
        text = "".join(parts).replace("\n", pick.choice(["\n", "\r\n"])).replace("h =", f"h{seed} =", 1)
        found = judge(text)
        assert place(found, "KV001") == "purge_protection_enabled = false"


# --- secrets ----------------------------------------------------------------------------------------------------------

CANARY = "hunter2"
HIDDEN = [
    'value = "hunter2"',
    "value = <<EOT\nhunter2\nEOT",
    "value = <<-EOT\n    user\n    hunter2\n  EOT",
    'value = "${f("a")}hunter2"',
    'value = "a" == "b" ? "x" : "hunter2"',
    'value = base64encode("hunter2")',
    'value = join("", ["hunt", "hunter2"])',
    'value = jsonencode({ user = "hunter2" })',
    'value_wo = "hunter2"',
    'password = ["hunter2"]',
    'passwords = { db = "hunter2" }',
    'secrets = [{ name = "a", value = "hunter2" }]',
    'secrets = { db = ["hunter2"] }',
    'body = jsonencode({ properties = { value = "hunter2" } })',
    "body = { properties = { secret = <<E\nhunter2\nE\n } }",
    'body = { properties = { "value" = f("hunter2") } }',
    'body = merge({ a = 1 }, { api_key = "hunter2" })',
    'body = <<E\n{"properties": {"value": "hunter2"}}\nE',
    'connection_string = "a=${var.b};k=hunter2"',
    'db_password = var.x ? "hunter2" : null',
    'value = """hunter2"""',
    'app_settings = {\n STORAGE = "hunter2"\n }',
    'x = "Endpoint=a;SharedAccessKey=hunter2"',
    'x = { A = f("AccountKey=hunter2") }',
    'secrets = {\n  db = {\n    x = "hunter2"\n  }\n}',
    'x = { db-secret = { a = ["hunter2"] } }',
    'x = { "${var.a}_password" = "hunter2" }',
    'x = merge({}, { DB_PASS = "hunter2" })',
    'secret {\n  x = "hunter2"\n}',
    'credential {\n  inner {\n    x = "hunter2"\n  }\n}',
    'dynamic "secret" {\n  for_each = ["hunter2"]\n}',
]


def shown(text: str, part: str, path: str = "main.tf") -> str:
    """All that the excerpt for a part of a text shows."""
    file = parse_json_file(text) if path.endswith(".json") else parse_file(text)
    start = text.index(part)
    at = Location(path=path, span=(start, start + len(part)))
    ((_, cut),) = places_of({path: text}, [at], lambda _: TerraformFileSecrets(file, ())).values()
    excerpt = cut()
    return f"{excerpt.text}\n{excerpt.context_text}"


@pytest.mark.parametrize("written", HIDDEN)
def test_values_of_secrets_are_not_shown(written: str) -> None:
    text = f'resource "a" "b" {{\n  {written}\n}}\n'
    assert CANARY not in shown(text, written)
    assert CANARY not in shown(text, text)
    line = next(line for line in written.split("\n") if CANARY in line)
    assert CANARY not in shown(text, line)


@pytest.mark.parametrize(
    "written",
    [
        'name = "kv"',
        'secret_permissions = ["Get", "Purge"]',
        "value = var.secret",
        'ip_rules = ["10.0.0.0/8"]',
        'value = "10.0.0.0/8"',
        "key_vault_id = azurerm_key_vault.kv.id",
        "purge_protection_enabled = false",
        "value = local.x[0]",
        'body = {\n  a = "x"\n}',
        'expiration_date = "2020-01-01T00:00:00Z"',
        "key_size = 2048",
        "value = null",
        'object_id = data.x.y["z"]',
    ],
)
def test_code_without_a_secret_is_shown(written: str) -> None:
    assert written in shown(f'resource "a" "b" {{\n  {written}\n}}\n', written)


@pytest.mark.parametrize("how", ["sensitive = true", 'sensitive = "true"', "ephemeral = true"])
@pytest.mark.parametrize("default", ['"hunter2"', '{\n  a = "hunter2"\n}', "<<E\nhunter2\nE"])
def test_defaults_of_sensitive_variables_are_not_shown(how: str, default: str) -> None:
    text = f'variable "v" {{\n  default = {default}\n  {how}\n}}\n'
    assert CANARY not in shown(text, text)
    assert CANARY not in shown(text, "default")
    assert CANARY in shown(text.replace(how, ""), text.replace(how, ""))


def test_secrets_in_json_are_not_shown() -> None:
    for body in ({"value": CANARY}, {"value": [CANARY]}, {"passwords": {"db": CANARY}}, {"value": f"${{x}}{CANARY}"}):
        for indent in (None, 1):
            text = json.dumps({"resource": {"a": {"b": {"name": "kv", **body}}}}, indent=indent)
            assert CANARY not in shown(text, '"name": "kv"', "main.tf.json")
            assert CANARY not in shown(text, text, "main.tf.json")
    text = json.dumps(
        {"variable": {"v": {"default": CANARY, "sensitive": True}}, "resource": {"a": {"b": {"name": "kv"}}}}
    )
    assert CANARY not in shown(text, '"name": "kv"', "main.tf.json")


def test_argument_of_a_sensitive_variable_is_not_shown(judge: Judge) -> None:
    files = {
        "main.tf": call(more='  p = "hunter2"\n')
        + call(more="  p = local.p\n", name="n")
        + 'locals {\n  p = "hunter2"\n}\n',
        "m/main.tf": variable("p", more="  sensitive = true") + vault("var.p"),
    }
    found = judge(files)
    assert found.told("KV001") == [("fail", "main.tf", 3), ("fail", "main.tf", 7)]
    assert CANARY not in repr(found.report)


def test_file_value_of_a_sensitive_variable_is_not_shown(judge: Judge) -> None:
    files = {
        "main.tf": variable("p", more="  sensitive = true") + vault("var.p"),
        "terraform.tfvars": 'p = "hunter2"\n',
    }
    found = judge(files)
    assert found.told("KV001") == [("fail", "main.tf", 5)]
    assert CANARY not in repr(found.report)
    assert CANARY not in repr(judge({"main.tf": files["main.tf"]}, variables=("p=hunter2",)).report)


def test_many_locations_in_a_large_file_are_found() -> None:
    text = "".join(f'resource "a" "b{i}" {{\n  value = "hunter2"\n}}\n' for i in range(5_000))
    spans = [(block.start, block.end) for block in parse_file(text).body.blocks]
    secrets = TerraformFileSecrets(parse_file(text), ())
    found = places_of({"main.tf": text}, [Location(path="main.tf", span=span) for span in spans], lambda _: secrets)
    assert len(found) == 5_000
    assert not any(CANARY in cut().context_text for _, cut in found.values())


def one_line(blocks: int, secret: int) -> str:
    """A file of JSON on one line, of which the block with the number ``secret`` has a password."""
    values: list[dict[str, str]] = [{"name": "kv"} for _ in range(blocks)]
    values[secret] = {"password": "hunter2"}
    return json.dumps({"resource": {"a": {f"b{index}": value for index, value in enumerate(values)}}})


def test_earlier_searches_do_not_change_the_secrets_of_a_range() -> None:
    text = one_line(200, secret=77)
    file = parse_json_file(text)
    searched = TerraformFileSecrets(file, ())
    draw = random.Random(5)  # noqa: S311 - not for cryptography
    ranges = [sorted(draw.sample(range(len(text)), 2)) for _ in range(200)]
    hidden = 0
    for low, high in ranges:
        expected = TerraformFileSecrets(file, ()).within(low, high)
        assert searched.within(low, high) == expected
        hidden += len(expected)
    assert hidden > 20


def test_blocks_without_secrets_on_a_long_line_are_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    text = one_line(2_000, secret=77)
    secrets = TerraformFileSecrets(parse_json_file(text), ())
    search = TerraformFileSecrets._of
    searches = 0

    def counted(
        self: TerraformFileSecrets, attributes: Sequence[Any], low: int, high: int
    ) -> Iterator[tuple[int, int]]:
        nonlocal searches
        searches += 1
        return search(self, attributes, low, high)

    monkeypatch.setattr(TerraformFileSecrets, "_of", counted)
    ranges = [(low, low + 4_000) for low in range(0, len(text), 25)]
    for low, high in ranges:
        secrets.within(low, high)
    # Each range has the arguments outside of blocks, a block at each end and, at most, the one with a secret.
    assert searches <= 2_000 + 4 * len(ranges)


def test_files_are_written_to_their_folder(judge: Judge, tmp_path: Path) -> None:
    assert judge(vault()).root == tmp_path / "judged"


@pytest.mark.parametrize("head", ["", "type = string\n  ", "sensitive = false\n  "])
@pytest.mark.parametrize("default", ['"hunter2"', '{\n  a = "hunter2"\n}', "<<E\nhunter2\nE", '["hunter2"]'])
def test_defaults_of_variables_that_are_called_like_a_secret_are_not_shown(head: str, default: str) -> None:
    text = f'variable "db_password" {{\n  {head}default = {default}\n}}\n'
    assert CANARY not in shown(text, text)


def test_numbers_behind_names_of_secrets_are_not_shown() -> None:
    text = 'resource "a" "b" {\n  secrets = { pin = 12345 }\n  password = 12345\n  key_size = 2048\n}\n'
    assert "12345" not in shown(text, text)
    assert "key_size = 2048" in shown(text, text)
