"""``kvlint rules``, ``explain`` and ``rules test``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

import azkvlint
from azkvlint import __version__
from azkvlint.config.options import COMMANDS, OPTIONS
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.engine.schema import TOPICS
from azkvlint.model.rule import Rule
from azkvlint.reporters.problems import PROBLEMS

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

RULES = builtin_rules()
IDS = {rule.id for rule in RULES}


@pytest.mark.parametrize("word", ["--version", "-V"])
def test_version_is_printed(kvlint: Kvlint, word: str) -> None:
    assert kvlint(word) == (0, f"kvlint {__version__}\n", "")


@pytest.mark.parametrize(
    "line",
    [
        "--help",
        "-h",
        "check --help",
        "bad.json --help",
        "explain -h",
        "rules --help",
        "rules test --help",
        "graph --help",
    ],
)
def test_help_is_printed_for_each_command(kvlint: Kvlint, line: str) -> None:
    ran = kvlint(*line.split())
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("Usage: kvlint ")


@pytest.mark.parametrize("command", ["check", "controls", "suppressions"])
def test_options_are_in_panels(kvlint: Kvlint, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = kvlint(command, "--help").out
    assert max(map(len, text.splitlines())) <= 80
    options = [option for option in OPTIONS if command in option.commands]
    panels = list(dict.fromkeys(option.panel for option in options))
    heads = re.findall(r"^([A-Z][\w ]*):$", text, re.MULTILINE)
    assert heads == ["Arguments", *panels]
    for panel, content in zip(panels, re.split(r"^[A-Z][\w ]*:$", text, flags=re.MULTILINE)[2:], strict=True):
        names = re.findall(r"^  (?:-\w, )?(--[\w-]+)", content, re.MULTILINE)
        own = [option.names[0] for option in options if option.panel == panel]
        assert names == own + (["--help"] if panel == panels[-1] else [])
        words = " ".join(content.split())
        assert all(option.help in words for option in options if option.panel == panel)


def test_the_main_help_lists_commands_before_options(kvlint: Kvlint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = kvlint("--help").out
    assert max(map(len, text.splitlines())) <= 80
    heads = ["Examples", "Checks", "Rules", "Configuration", "Options", "Exit codes"]
    assert re.findall(r"^([A-Z][\w ]*):$", text, re.MULTILINE) == heads
    listed = re.findall(r"^  ([a-z-]+)  +[A-Z]", text.partition("Options:")[0], re.MULTILINE)
    assert sorted(listed) == sorted(COMMANDS)


def test_command_without_arguments_prints_help(kvlint: Kvlint) -> None:
    ran = kvlint()
    assert ran.code == 2
    assert "Usage: kvlint" in ran.out + ran.err


# --- rules, explain ---------------------------------------------------------------------------------------------------


def test_rules_are_listed_as_text_and_json(kvlint: Kvlint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ran = kvlint("rules")
    assert (ran.code, ran.err) == (0, "")
    head, *rows, empty, summary = ran.out.splitlines()
    assert (head, empty) == ("ID     SEVERITY  CATEGORY        PROFILE  NAME", "")
    assert [row.split() for row in rows] == [
        [rule.id, rule.severity.label, rule.category, rule.profile, rule.name] for rule in RULES
    ]
    by_default = sum(rule.profile == "default" for rule in RULES)
    assert summary.startswith(
        f"{len(RULES)} rules: {by_default} run by default, {len(RULES) - by_default} only with --profile ("
    )
    assert kvlint("rules", "--profile", "default").out.endswith(
        f"\n\n{by_default} rules: {by_default} run by default\n"
    )
    assert kvlint("rules", "-f", "xml") == (2, "", "kvlint: error: unknown format 'xml' (one of text, json)\n")
    assert kvlint("rules", "-f", "jsn") == (2, "", "kvlint: error: unknown format 'jsn' (did you mean 'json'?)\n")


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_the_table_of_rules_fits_the_terminal(kvlint: Kvlint, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    text = kvlint("rules").out
    assert max(map(len, text.splitlines())) <= width
    # Wide enough, it has the titles too: in full, on further lines of their column.
    column = text.find("TITLE")
    assert (column > 0) is (width >= 120)
    if column > 0:
        titles = " ".join(" ".join(line[column:] for line in text.splitlines()[1:-2]).split())
        assert titles == " ".join(" ".join(rule.title.split()) for rule in RULES)


def test_rules_as_json_contain_every_field(kvlint: Kvlint) -> None:
    listed = json.loads(kvlint("rules", "-f", "json").out)
    assert [rule["id"] for rule in listed] == [rule.id for rule in RULES]
    for fields, rule in zip(listed, RULES, strict=True):
        assert set(fields) == set(Rule.__struct_fields__)
        assert fields["severity"] == rule.severity.label
        assert fields["covers"] == list(rule.covers)
        # Everything a rule is can be read back.
        again = msgspec.convert(fields | {"severity": rule.severity.value}, Rule)
        assert again == rule


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_explain_prints_every_part_of_a_rule(kvlint: Kvlint, rule: Rule) -> None:
    ran = kvlint("explain", rule.id.lower())
    assert (ran.code, ran.err) == (0, "")
    assert kvlint("explain", rule.name).out == ran.out
    text = " ".join(ran.out.split())
    labels = dict.fromkeys(one.severity.label for one in rule.severity_if)
    others = "".join(f"; {label} for some resources" for label in labels)
    assert text.startswith(f"{rule.id} {rule.name} ({rule.severity.label}{others}) {rule.title}")
    ids = [one for table in (rule.controls, rule.peers) for some in table.values() for one in some]
    said = [*rule.resources, *rule.references, *ids, *(f"CWE-{number}" for number in rule.cwe)]
    for part in (rule.why, *rule.fixes.values(), *(parameter.about for parameter in rule.parameters), *said):
        assert " ".join(part.split()) in text
    first = next(example for example in rule.examples if example.expect == "fails")
    assert first.title in text
    prose = ran.out.partition("\nExample that")[0]
    assert all(len(line) <= 100 for line in prose.splitlines() if " " in line.strip() and "://" not in line)


@pytest.mark.parametrize("word", ["KV2", "kv2", "logging", "KV"])
def test_several_rules_are_listed_and_not_explained(kvlint: Kvlint, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ran = kvlint("explain", word)
    head, *rows, _, summary = ran.out.splitlines()
    assert (ran.code, ran.err, head) == (0, "", "ID     SEVERITY  TITLE")
    named = {rule.id: rule for rule in RULES}
    found = [named[id_] for id_ in re.findall(r"^KV\d+", "\n".join(rows), re.MULTILINE)]
    assert len(found) > 1
    assert " ".join(" ".join(rows).split()) == " ".join(
        f"{rule.id} {rule.severity.label} {' '.join(rule.title.split())}" for rule in found
    )
    assert summary == f"{len(found)} rules match '{word}'. To see one: kvlint explain {found[0].id}"
    assert max(map(len, ran.out.splitlines())) <= 80


def test_explain_of_an_unknown_rule_is_an_error(kvlint: Kvlint) -> None:
    assert kvlint("explain", "purge-protect").err == (
        "kvlint: error: no rule matches 'purge-protect' (did you mean 'purge-protection'?)\n"
    )
    assert kvlint("explain", "KV99") == (
        2,
        "",
        "kvlint: error: no rule matches 'KV99' (kvlint rules lists all rules)\n",
    )


# --- rules test -------------------------------------------------------------------------------------------------------

OWN = """\
id: ACME-1
name: protected
title: Vaults are protected
severity: low
resource: Microsoft.KeyVault/vaults
require:
  - attribute: properties.enablePurgeProtection
    equals: true
message: "'{resource}' is not protected."
why: Because.
fix: Protect it.
references: [https://example.com/]
examples:
"""
FAILS = """\
  - fails: it is off
    plan: |
      azurerm_key_vault.kv:  # <- ACME-1
        purge_protection_enabled: false
"""
MOVED = """\
      resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = { // <- ACME-1
        name: 'kv'
        properties: { enablePurgeProtection: false }
      }
"""
NEW = "resource type `azurerm_key_vault_thing` is not supported, so the resource was not evaluated"
PASSES = """\
  - passes: it is on
    plan: |
      azurerm_key_vault.kv:
        purge_protection_enabled: true
"""


def outcome(kvlint: Kvlint, examples: str) -> Any:
    Path("own").mkdir(exist_ok=True)
    Path("own", "ACME-1-protected.yaml").write_text(OWN + examples, encoding="utf-8")
    return kvlint("rules", "test", "own")


@pytest.mark.slow(8)
def test_passing_examples_of_a_custom_rule_are_counted(kvlint: Kvlint) -> None:
    ran = outcome(kvlint, FAILS + PASSES)
    assert ran == (0, "2 examples of 1 rule: 2 passed, 0 failed\n", "")
    assert kvlint("rules", "test", "own/ACME-1-protected.yaml") == ran
    assert kvlint("rules", "test").code == 0


@pytest.mark.parametrize(
    ("examples", "said"),
    [
        (
            FAILS.replace("false", "true") + PASSES,
            ["14: fails (it is off), plan: azurerm_key_vault.kv: missing result `fails`"],
        ),
        (
            FAILS + PASSES.replace("true", "false"),
            ["18: passes (it is on), plan: azurerm_key_vault.kv: unexpected result `fails`"],
        ),
        (
            FAILS.replace("false", "${var.x}") + PASSES,
            [
                "14: fails (it is off), plan: azurerm_key_vault.kv: missing result `fails`",
                "14: fails (it is off), plan: azurerm_key_vault.kv: unexpected result `unknown`",
            ],
        ),
        (
            FAILS.replace("kv:  # <- ACME-1\n", "kv:\n").replace("false", "false  # <- ACME-1") + PASSES,
            [
                "14: fails (it is off), plan: no line that begins with an address is marked `# <- ACME-1`",
                "14: fails (it is off), plan: azurerm_key_vault.kv: unexpected result `fails`",
            ],
        ),
        (
            # Without the marked line nothing would be asked for at all, and nothing is found.
            FAILS.replace("kv:  # <- ACME-1\n", "kv:\n").replace("false", "true  # <- ACME-1") + PASSES,
            ["14: fails (it is off), plan: no line that begins with an address is marked `# <- ACME-1`"],
        ),
        (
            FAILS + PASSES + "  - passes: broken\n    plan: |\n      azurerm_key_vault.kv: [1]\n",
            ["22: passes (broken), plan: azurerm_key_vault.kv: expected a mapping of arguments"],
        ),
        (
            FAILS + PASSES + "  - passes: odd\n    plan: |\n      provider.azurerm: {features: on}\n",
            ["22: passes (odd), plan: provider.azurerm: `features` must be a mapping"],
        ),
        (
            FAILS + PASSES + "  - passes: new\n    plan: |\n      azurerm_key_vault_thing.x: {a: b}\n",
            [f"22: passes (new), plan: {NEW}"],
        ),
        (
            FAILS + PASSES + "  - passes: bare\n    terraform: |\n      resource {}\n",
            ["22: passes (bare), terraform: Terraform does not support a block `resource` with 0 labels"],
        ),
        (
            FAILS + PASSES + "  - passes: bare\n    terraform: |\n      resource x {}\n",
            ["22: passes (bare), terraform: Terraform does not support a block `resource` with 1 label"],
        ),
        (
            PASSES + "  - fails: moved\n    bicep: |\n" + MOVED,
            ["18: fails (moved), bicep: line 1 is marked, but the result `fails` is at line 3"],
        ),
    ],
)
def test_failing_examples_of_a_custom_rule_are_reported(kvlint: Kvlint, examples: str, said: list[str]) -> None:
    ran = outcome(kvlint, examples)
    assert (ran.code, ran.err) == (1, "")
    *lines, summary = ran.out.splitlines()
    assert lines == [f"own/ACME-1-protected.yaml:{line}" for line in said]
    assert summary.endswith("1 failed")


def test_missing_rule_to_test_is_an_error(kvlint: Kvlint) -> None:
    assert kvlint("rules", "test", "nowhere").code == 2
    Path("empty").mkdir()
    assert kvlint("rules", "test", "empty").code == 2


# --- rules new --------------------------------------------------------------------------------------------------------


def test_new_rule_loads_and_lists_its_placeholders(kvlint: Kvlint) -> None:
    assert kvlint("rules", "new", "ACME-1", "owned") == (0, "ACME-1-owned.yaml\n", "")
    assert kvlint("rules", "test", "ACME-1-owned.yaml") == (0, "12 examples of 1 rule: 12 passed, 0 failed\n", "")
    ran = kvlint("rules", "test", "--strict", "ACME-1-owned.yaml")
    assert ran.code == 1
    assert "ACME-1-owned.yaml: ACME-1: why contains the placeholder TODO\n" in ran.out
    assert ran.out.endswith("12 examples of 1 rule: 12 passed, 0 failed\nquality checks: 8 errors\n")
    text = Path("ACME-1-owned.yaml").read_text(encoding="utf-8")
    Path("ACME-1-owned.yaml").write_text(text.replace("TODO fails", "a").replace("TODO", "it"), encoding="utf-8")
    assert kvlint("rules", "test", "--strict", "ACME-1-owned.yaml").code == 0


def test_the_gates_come_after_the_examples(kvlint: Kvlint) -> None:
    outcome(kvlint, FAILS.replace("false", "true") + PASSES)
    ran = kvlint("rules", "test", "--strict", "own")
    assert ran.code == 1
    assert ran.out.endswith("quality checks: not run, because examples failed\n")


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_new_rule_is_written_to_the_folder_of_its_topic(kvlint: Kvlint, topic: str) -> None:
    Path(".git").mkdir()
    Path("rules", topic).mkdir(parents=True)
    id_ = next(id_ for number in range(99, 0, -1) if (id_ := f"{TOPICS[topic]}{number:02}") not in IDS)
    assert kvlint("rules", "new", id_, "some-name", "--topic", topic).out == f"rules/{topic}/{id_}-some-name.yaml\n"
    assert kvlint("rules", "test", "rules").code == 0


def test_new_rule_is_written_to_the_folder_of_custom_rules(kvlint: Kvlint) -> None:
    Path("policy").mkdir()
    Path("kvlint.toml").write_text('rules = ["policy"]\n', encoding="utf-8")
    assert kvlint("rules", "new", "ACME-1", "owned").out == "policy/ACME-1-owned.yaml\n"
    again = kvlint("rules", "new", "ACME-1", "owned")
    assert (again.code, again.err.endswith("ACME-1-owned.yaml` already exists\n")) == (2, True)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("acme owned", "'acme' is not an id"),
        ("ACME-1 Owned", "'Owned' is not a name"),
        ("KV001 owned", "'KV001' is also the id of rules/vault/KV001-purge-protection.yaml"),
        ("KV019 owned --topic valt", "unknown topic 'valt' (did you mean 'vault'?)"),
        ("KV019 owned --topic vault", "--topic requires a checkout of kvlint: the folder rules/vault does not exist"),
        ("../ACME-1 owned", "is not an id"),
    ],
)
def test_new_rule_with_invalid_arguments_is_an_error(kvlint: Kvlint, line: str, said: str) -> None:
    before = sorted(Path().iterdir())
    ran = kvlint("rules", "new", *line.split())
    assert ran.code == 2
    assert ran.err.startswith("kvlint: error: ")
    assert said in ran.err
    assert ".yaml:" not in ran.err
    assert sorted(Path().iterdir()) == before


# --- explain: problem codes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", PROBLEMS)
def test_every_problem_code_is_explained(kvlint: Kvlint, code: str) -> None:
    kind = PROBLEMS[code]
    ran = kvlint("explain", code.lower())
    assert (ran.code, ran.err) == (0, "")
    text = " ".join(ran.out.split())
    assert text == f"{code} {kind.name} ({kind.level}) {kind.title} Meaning: {kind.about} Fix: {kind.fix}"


def test_every_code_in_the_source_is_explained() -> None:
    files = (Path(azkvlint.__file__).parent).rglob("*.py")
    assert {code for file in files for code in re.findall(r"KVE\d{3}", file.read_text("utf-8"))} == set(PROBLEMS)


def test_prefix_explains_all_matching_problem_codes(kvlint: Kvlint) -> None:
    out = kvlint("explain", "KVE00").out
    codes = [code for code in PROBLEMS if code < "KVE010"]
    assert re.findall(r"^KVE\d{3}", out, re.MULTILINE) == codes
    assert out.endswith(f"\n{len(codes)} problem codes match 'KVE00'. To see one: kvlint explain {codes[0]}\n")
    assert all(PROBLEMS[code].about not in out for code in codes)
    assert kvlint("explain", "KVE099") == (
        2,
        "",
        "kvlint: error: unknown problem code 'KVE099' (did you mean 'KVE009'?)\n",
    )
