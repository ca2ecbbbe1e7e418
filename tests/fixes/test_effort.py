"""A search evaluates no more often than it has to: not without an edit, and not once more for each resource."""

from __future__ import annotations

import gc
import json
from collections import Counter
from collections.abc import Callable, Collection
from importlib import import_module
from pathlib import Path
from time import sleep
from typing import Any

import msgspec
import pytest

from azkvlint.cli.fix import run_fix
from azkvlint.config.arguments import Arguments
from azkvlint.config.run_config import Config
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.fixes import sources
from azkvlint.fixes.find import fixes_together
from azkvlint.fixes.opposites import opposites_of
from azkvlint.fixes.proof import Prover
from azkvlint.fixes.sources import Sources
from azkvlint.linter.inventory import inventory_of
from azkvlint.linter.linter import check
from azkvlint.linter.unit_result import UnitResult
from azkvlint.linter.workers import Worker
from azkvlint.model.effect import CLASSES
from azkvlint.model.fix import FixResult
from azkvlint.model.rule import EditPlan, EditStep
from azkvlint.readers import deployments
from azkvlint.readers.terraform import roots
from azkvlint.readers.terraform.folder import parse_text
from azkvlint.readers.units import Unit
from azkvlint.syntax.hcl.parse import HclFile, parse_file
from azkvlint.syntax.json_positions import Value, parse

pytestmark = pytest.mark.slow(8)

VAULT = """resource "azurerm_key_vault" "v{n}" {{
  name                = "kv-number-{n}"
  location            = "westeurope"
  resource_group_name = "rg"
  tenant_id           = "00000000-0000-0000-0000-000000000001"
  sku_name            = "standard"
}}
"""
BICEP = """resource v{n} 'Microsoft.KeyVault/vaults@2022-07-01' = {{
  name: 'kv-number-{n}'
  properties: {{ tenantId: 'a', sku: {{ family: 'A', name: 'standard' }} }}
}}
"""


def search(
    folder: Path, monkeypatch: pytest.MonkeyPatch, profile: str, select: tuple[str, ...] = ()
) -> tuple[FixResult, int]:
    """Return what a search finds, and how often it has evaluated."""
    runs: list[object] = []
    evaluate = Prover._state

    def counted(prover: Prover, rules: Collection[str] = ()) -> object:
        runs.append(prover)
        return evaluate(prover, rules)

    with monkeypatch.context() as patch:
        patch.setattr(Prover, "_state", counted)
        config = Config(paths=(str(folder),), profiles=(profile,), select=select, jobs=1)
        found = fixes_together(check(config), config, CLASSES)
    return found, len(runs)


@pytest.mark.parametrize(("name", "text"), [("main.tf", VAULT), ("main.bicep", BICEP)])
def test_more_resources_need_no_more_evaluations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    efforts = []
    for count in (3, 24):
        folder = tmp_path / str(count)
        folder.mkdir()
        (folder / name).write_text("\n".join(text.format(n=number) for number in range(count)))
        found, runs = search(folder, monkeypatch, "all")
        assert len(found.fixes) >= 3 * count
        efforts.append(runs)
    assert efforts[1] <= efforts[0] + 1
    assert efforts[1] <= 12


@pytest.mark.parametrize(("name", "text"), [("main.tf", VAULT), ("main.bicep", BICEP)])
def test_fixes_of_one_place_are_proven_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    """Each is made on the text with those before it: the result is the same as if each is proven before the next."""
    (tmp_path / name).write_text("\n".join(text.format(n=number) for number in range(3)))
    rules = ("KV001", "KV105", "KV301")
    together, runs = search(tmp_path, monkeypatch, "all", rules)
    assert sorted(fix.rule for fix in together.fixes) == sorted(rules * 3)
    # As they are, and with all fixes.
    assert runs == 2
    with monkeypatch.context() as patch:
        alone = lambda search, _, batch: search.prove(batch.now)  # noqa: E731
        patch.setattr("azkvlint.fixes.find._Search.prove_layers", alone)
        one_by_one, more = search(tmp_path, monkeypatch, "all", rules)
    assert more == 4
    assert together.texts == one_by_one.texts
    assert [fix.title for fix in together.fixes] == [fix.title for fix in one_by_one.fixes]


def test_fix_beside_a_failing_one_is_found_in_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A firewall on the vault causes a finding of the key, whose own fixes are not the cause: none is left over."""
    vault = VAULT.format(n=1).replace("}", "  purge_protection_enabled = true\n  rbac_authorization_enabled = true\n}")
    key = 'resource "azurerm_key_vault_key" "k" {\n  name = "k"\n  key_type = "RSA"\n  key_size = 2048\n'
    file = tmp_path / "main.tf"
    file.write_text(f"{vault}{key}  key_vault_id = azurerm_key_vault.v1.id\n}}\n")
    found, _ = search(tmp_path, monkeypatch, "all")
    assert {"KV007", "KV502"} <= {fix.rule for fix in found.fixes if fix.finding.type.endswith("/keys")}
    reasons = {one.finding.rule.id: one.reason for one in found.refusals}
    assert reasons["KV101"] == "it would cause KV056 on azurerm_key_vault_key.k"
    file.write_bytes(found.texts["main.tf"])
    again, runs = search(tmp_path, monkeypatch, "all")
    assert again.fixes == ()
    assert runs <= 4


KEY = """resource "azurerm_key_vault_key" "k{n}" {{
  name         = "k"
  key_type     = "RSA"
  key_size     = 2048
  key_vault_id = azurerm_key_vault.v{n}.id
}}
"""


def test_certain_cause_of_a_finding_is_not_evaluated_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A firewall causes a finding of each key. No other fix writes what its rule reads of the vault."""
    text = "".join(f"{VAULT}{KEY}".format(n=number) for number in range(3))
    (tmp_path / "main.tf").write_text(text)
    found, runs = search(tmp_path, monkeypatch, "all", ("KV001", "KV007", "KV101"))
    assert sorted(fix.rule for fix in found.fixes) == ["KV001"] * 3 + ["KV007"] * 6
    assert {one.reason for one in found.refusals} == {
        f"it would cause KV056 on azurerm_key_vault_key.k{number}" for number in range(3)
    }
    # As they are, with all fixes, without those of KV101, and with these again on the new text.
    assert runs <= 4


POLICY = """resource "azurerm_key_vault_access_policy" "p" {
  key_vault_id       = azurerm_key_vault.v1.id
  tenant_id          = "00000000-0000-0000-0000-000000000001"
  object_id          = "00000000-0000-0000-0000-000000000002"
  secret_permissions = ["Get"]
}
"""


def test_fix_that_fails_with_other_fixes_is_not_evaluated_without_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No access from public networks causes a finding of the key, and Azure RBAC on top of that one of the vault."""
    (tmp_path / "main.tf").write_text(VAULT.format(n=1) + KEY.format(n=1) + POLICY)
    found, runs = search(tmp_path, monkeypatch, "all", ("KV105", "KV301"))
    assert found.fixes == ()
    assert {one.finding.rule.id: one.reason.partition(";")[0] for one in found.refusals} == {
        "KV105": "it would cause KV056 on azurerm_key_vault_key.k1",
        "KV301": "it would cause KV308 on azurerm_key_vault.v1",
    }
    # As they are, with both, and with what was on top of the first.
    assert runs == 3


def test_finding_of_a_resource_without_a_fix_is_caused_by_a_referenced_resource(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With Azure RBAC, an access policy has no effect. Its evidence does not name the vault that the fix changes."""
    policies = "".join(POLICY.replace('"p"', f'"p{n}"').replace("v1", f"v{n}") for n in range(6))
    (tmp_path / "main.tf").write_text("".join(VAULT.format(n=number) for number in range(6)) + policies)
    found, runs = search(tmp_path, monkeypatch, "default", ("KV301",))
    assert found.fixes == ()
    assert [one.reason.partition(";")[0] for one in found.refusals] == [
        f"it would cause KV304 on azurerm_key_vault_access_policy.p{number}" for number in range(6)
    ]
    # As they are, and with all fixes.
    assert runs == 2


@pytest.mark.parametrize("profile", ["default", "all"])
def test_unedited_inputs_are_evaluated_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, profile: str) -> None:
    """The check, the state before the edits and each proof need them. Only what reads an edited file is evaluated."""
    for name in ("edited", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "edited" / "main.tf").write_text(VAULT.format(n=1) + KEY.format(n=1))
    (tmp_path / "other" / "main.tf").write_text('data "azurerm_key_vault" "v" {\n  name = "v"\n}\n')
    sleep(0.1)  # a file that has just changed may change again
    evaluated: Counter[str] = Counter()
    scanned: Counter[str] = Counter()
    evaluate, scan = Worker.evaluate, roots._scan

    def counted(worker: Worker, unit: Unit) -> UnitResult:
        evaluated[unit.source.path] += 1
        return evaluate(worker, unit)

    def counted_scan(directory: str, *rest: Any) -> Any:
        scanned[Path(directory).name] += 1
        return scan(directory, *rest)

    monkeypatch.setattr(Worker, "evaluate", counted)
    monkeypatch.setattr(roots, "_scan", counted_scan)
    arguments = Arguments(paths=(str(tmp_path),), profiles=(profile,), jobs="1", allow=tuple(CLASSES))
    assert run_fix(arguments) == 1
    assert (evaluated["other"], scanned["other"]) == (1, 1)
    # The fix of KV108 would make the vault unreachable: it is tried with the others, and then alone.
    assert 2 <= evaluated["edited"] <= 12


def test_folders_and_scripts_are_searched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Edits replace the texts of files that exist, so each proof has the same inputs, and the same scripts."""
    (tmp_path / "tests").mkdir()
    for folder in (tmp_path, tmp_path / "tests"):
        (folder / "main.tf").write_text(VAULT.format(n=1) + KEY.format(n=1))
    (tmp_path / "deploy.sh").write_text("terraform apply\n")
    searched: list[str] = []

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def count(*arguments: Any) -> Any:
            searched.append(name)
            return function(*arguments)

        return count

    monkeypatch.setattr("azkvlint.linter.linter.inventory_of", counted("inventory", inventory_of))
    monkeypatch.setattr(deployments, "deployments_in", counted("deployments", deployments.deployments_in))
    arguments = Arguments(paths=(str(tmp_path),), profiles=("all",), jobs="1", allow=tuple(CLASSES))
    assert run_fix(arguments) == 1
    assert sorted(searched) == ["deployments", "inventory"]


def test_unedited_files_are_parsed_once_for_all_proofs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each proof evaluates the module, but only the edited file has another text."""
    (tmp_path / "vault.tf").write_text(VAULT.format(n=1) + KEY.format(n=1))
    (tmp_path / "other.tf").write_text('variable "unedited" {\n  default = "a"\n}\n')
    parsed: list[str] = []

    def counted(file: str, text: str) -> HclFile:
        parsed.append(file)
        return parse_text(file, text)

    monkeypatch.setattr("azkvlint.readers.terraform.folder.parse_text", counted)
    arguments = Arguments(paths=(str(tmp_path),), profiles=("all",), jobs="1", allow=tuple(CLASSES))
    assert run_fix(arguments) == 1
    assert parsed.count("other.tf") == 1
    assert parsed.count("vault.tf") > 2


@pytest.mark.parametrize(("name", "text"), [("main.tf", VAULT + KEY), ("main.bicep", BICEP)])
def test_a_state_as_some_rules_see_it_has_their_results(tmp_path: Path, name: str, text: str) -> None:
    """What has removed a finding is searched with its rule alone, which takes a third of the time."""
    file = tmp_path / name
    file.write_text(text.format(n=1))
    prover = Prover(Config(paths=(str(tmp_path),), profiles=("all",), jobs=1))
    before = prover.before
    source = Sources(str(tmp_path), inputs=(name,), texts={name: f"{text.format(n=1)}{text.format(n=2)}".encode()})
    found = {rule for rule, _, _ in before.findings | before.unknown}
    assert len(found) > 10
    partial = {rule: prover.state(source, {rule}) for rule in sorted(found)[::5]}
    state = prover.state(source)
    assert sum(state.findings.values()) > sum(before.findings.values())
    for rule, own in partial.items():
        for results, every in ((own.findings, state.findings), (own.unknown, state.unknown)):
            assert results == Counter({key: count for key, count in every.items() if key[0] == rule})


def test_another_spelling_of_a_refused_value_is_not_evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """azurerm has two names for the argument; with either, who has access would change."""
    policy = """resource "azurerm_key_vault_access_policy" "p" {
  key_vault_id       = azurerm_key_vault.v1.id
  tenant_id          = "00000000-0000-0000-0000-000000000001"
  object_id          = "00000000-0000-0000-0000-000000000002"
  secret_permissions = ["Get"]
}
"""
    (tmp_path / "main.tf").write_text(VAULT.format(n=1) + policy)
    found, runs = search(tmp_path, monkeypatch, "all", ("KV301",))
    assert [one.reason[:18] for one in found.refusals] == ["it would cause KV3"]
    assert runs == 2


def test_input_without_an_edit_is_not_evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "main.tf").write_text(VAULT.format(n=1) + 'resource "azurerm_key_vault_key" "k" {\n  name = "k"\n}\n')
    found, runs = search(tmp_path, monkeypatch, "all", ("KV501", "KV201"))
    assert (found.fixes, runs) == ((), 0)
    reasons = {one.finding.rule.id: one.reason for one in found.refusals}
    assert reasons["KV501"].startswith("needs a decision")


@pytest.mark.parametrize(
    ("name", "text", "parser"),
    [
        ("main.tf", VAULT, "azkvlint.syntax.hcl.parse.parse_file"),
        ("main.bicep", BICEP, "azkvlint.fixes.places.parse"),
        ("main.bicep", BICEP, "azkvlint.fixes.api_version_reads.parse"),
    ],
)
def test_more_resources_do_not_parse_their_file_more_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, parser: str
) -> None:
    """What is searched in a whole file is found once for all of its resources."""
    parsed: list[int] = []
    module, _, function = parser.rpartition(".")
    parse = getattr(import_module(module), function)

    def counted(whole: str) -> Any:
        # The text of one attribute is short, and parsed for each resource.
        if whole.count("kv-number") > 1:
            parsed.append(len(whole))
        return parse(whole)

    monkeypatch.setattr(parser, counted)
    counts = []
    for count in (3, 24):
        folder = tmp_path / str(count)
        folder.mkdir()
        (folder / name).write_text("\n".join(text.format(n=f"{count}{number}") for number in range(count)))
        parsed.clear()
        found, _ = search(folder, monkeypatch, "all")
        assert len(found.fixes) >= 3 * count
        counts.append(len(parsed))
    assert counts[1] <= counts[0] + 2


def test_a_file_is_parsed_a_few_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An edit parses the declaration in which it is made, not the file."""
    parsed: list[int] = []

    def counted(text: str) -> HclFile:
        parsed.append(len(text.strip()))
        return parse_file(text)

    monkeypatch.setattr("azkvlint.fixes.terraform_editor.parse_file", counted)
    text = "\n".join(VAULT.format(n=number) for number in range(30))
    (tmp_path / "main.tf").write_text(text)
    sources._cached_editor.cache_clear()
    config = Config(paths=(str(tmp_path),), profiles=("strict",), select=("KV001", "KV105", "KV108", "KV301"), jobs=1)
    assert len(fixes_together(check(config), config, CLASSES).fixes) >= 60
    assert sum(length > len(text) // 2 for length in parsed) <= 12
    assert len(parsed) > 100


def test_an_edit_of_json_parses_the_object_around_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[int] = []

    def counted(text: str, *others: Any) -> Value:
        parsed.append(len(text))
        return parse(text, *others)

    monkeypatch.setattr("azkvlint.syntax.hcl.json_file.parse", counted)
    vaults = {f"v{number}": {"name": f"kv-{number}", "sku_name": "standard"} for number in range(30)}
    text = json.dumps({"resource": {"azurerm_key_vault": vaults}}, indent=2)
    (tmp_path / "main.tf.json").write_text(text)
    sources._cached_editor.cache_clear()
    config = Config(paths=(str(tmp_path),), profiles=("strict",), select=("KV001", "KV105"), jobs=1)
    assert len(fixes_together(check(config), config, CLASSES).fixes) >= 50
    assert sum(length > len(text) // 2 for length in parsed) <= 12
    assert len(parsed) > 50


def test_garbage_of_many_proofs_is_collected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line turns Python's garbage collection off, and each proof leaves cycles behind."""
    (tmp_path / "main.tf").write_text("\n".join(VAULT.format(n=number) for number in range(3)))
    monkeypatch.setattr("azkvlint.fixes.proof._MOST_GARBAGE", 1_000)
    collected: list[int] = []

    def count(phase: str, info: dict[str, int]) -> None:
        if phase == "stop":
            collected.append(info["collected"])

    gc.collect()
    gc.disable()
    gc.callbacks.append(count)
    try:
        found, _ = search(tmp_path, monkeypatch, "all")
    finally:
        gc.callbacks.remove(count)
        gc.enable()
    assert len(found.fixes) >= 3
    assert sum(collected) > 100


def test_opposite_fixes_are_found_by_the_requirements_of_rules() -> None:
    rules = builtin_rules()
    assert opposites_of(rules) == {}
    protection = next(rule for rule in rules if rule.id == "KV001")
    edit = EditStep(operation="set", names=("properties.enablePurgeProtection",), value=False)
    own = msgspec.structs.replace(protection, id="ACME-1", edits=(EditPlan(steps=(edit,)),))
    assert {rule: other.id for rule, other in opposites_of([*rules, own]).items()} == {"ACME-1": "KV001"}
