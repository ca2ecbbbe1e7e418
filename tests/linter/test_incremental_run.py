"""A run that is repeated has the outcome of a fresh one, and judges no more than what a change reaches."""

from __future__ import annotations

import os
import random
import shutil
import sys
import time
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path

import pytest

from azkvlint.config.run_config import Config
from azkvlint.linter.linter import check
from azkvlint.linter.rule_tests import expand
from azkvlint.linter.watch import IncrementalRun
from azkvlint.model.finding import Report
from azkvlint.reporters import REPORTERS, Options
from azkvlint.util.errors import KvlintError
from azkvlint.util.file_tracker import editor_texts
from azkvlint.util.project_files import file_buffer

pytestmark = pytest.mark.slow(8)

VAULT = 'resource "azurerm_key_vault" "{name}" {{\n  name = "{name}"\n  purge_protection_enabled = {on}\n}}\n'
CALL = 'module "{name}" {{\n  source = "{source}"\n}}\n'
BICEP = (
    "resource {name} 'Microsoft.KeyVault/vaults@2023-07-01' = {{\n  name: '{name}'\n  location: 'x'\n"
    "  properties: {{\n    tenantId: 'x'\n    sku: {{ family: 'A', name: 'standard' }}\n"
    "    enablePurgeProtection: {on}\n  }}\n}}\n"
)
PARAMETER = "param {name} string = 'x'\n"
MODULE = "module {name} '{path}' = {{\n  name: '{name}'\n}}\n"
ARM = (
    '{{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",'
    ' "contentVersion": "1.0.0.0", "parameters": {{"days": {{"type": "int", "defaultValue": 90}}}}, "resources": [{{'
    '"type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01", "name": "arm", "location": "x",'
    ' "properties": {{"softDeleteRetentionInDays": "[parameters(\'days\')]", "enablePurgeProtection": {on}}}}}]}}'
)
GIVEN = (
    '{{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#",'
    ' "contentVersion": "1.0.0.0", "parameters": {{"days": {{"value": {days}}}}}}}'
)
MANIFEST = '{{"Modules": [{{"Key": "m", "Source": "somebody/vault/azurerm", "Dir": "{folder}"}}]}}'
LINKING = (
    '{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",'
    ' "contentVersion": "1.0.0.0", "resources": [{"type": "Microsoft.Resources/deployments",'
    ' "apiVersion": "2022-09-01", "name": "linked", "properties": {"mode": "Incremental",'
    ' "templateLink": {"relativePath": "parts/linked.json"}}}]}'
)
OFF, ON = "false", "true"
# Hundreds of them have been run.
SEEDS = int(os.environ.get("KVLINT_TEST_SEEDS", "3"))


def tree() -> dict[str, list[str]]:
    """What may stand in each file of the tree; the first is what it begins with, and "" that there is no such file."""
    shared = VAULT.format(name="shared", on=OFF)
    inner = MODULE.format(name="inner", path="parts/inner.bicep")
    return {
        "a/main.tf": [CALL.format(name="m", source="../modules/one"), VAULT.format(name="own", on=ON), "module {", ""],
        "a/terraform.tfvars": ["", 'on = "yes"\n', "on ="],
        "b/main.tf": [
            CALL.format(name="m", source="../modules/one") + CALL.format(name="n", source="../modules/two"),
            CALL.format(name="late", source="../modules/late"),
        ],
        "b/local.tf": ["", 'locals {\n  text = file("${path.module}/note.txt")\n}\n'],
        "c/main.tf": [VAULT.format(name="alone", on=OFF), VAULT.format(name="alone", on=ON), "resource {"],
        "c/note.txt": ["", "x"],
        "modules/one/main.tf": [CALL.format(name="deep", source="../two"), shared, "", 'variable "x" {}\n'],
        "modules/two/main.tf": [shared, shared.replace(OFF, ON), "resource 'x'", 'variable "x" {}\n', ""],
        "modules/late/main.tf": ["", VAULT.format(name="late", on=OFF)],
        "modules/two/ignored.tf": ["", "# kvlint: ignore-file[KV001] reason\n" + VAULT.format(name="other", on=OFF)],
        "first.bicep": [inner, BICEP.format(name="first", on=OFF), inner + "resource x", ""],
        "second.bicep": [inner + BICEP.format(name="second", on=ON), PARAMETER.format(name="p"), inner],
        "parts/inner.bicep": [BICEP.format(name="inner", on=OFF), BICEP.format(name="inner", on=ON), "nonsense", ""],
        "bicepconfig.json": ["", "{}", "{"],
        "third.bicep": ["var t = loadJsonContent('given.json')\n" + BICEP.format(name="third", on="t.on")],
        "given.json": ['{"on": false}', '{"on": true}', "{", ""],
        "arm.json": [ARM.format(on=OFF), ARM.format(on=ON), "{", '{"x": 1}', ""],
        "arm.parameters.json": [GIVEN.format(days=7), GIVEN.format(days=30), "", "["],
        "d/main.tf": [CALL.format(name="m", source="somebody/vault/azurerm"), VAULT.format(name="d", on=OFF)],
        "d/.terraform/modules/modules.json": [
            MANIFEST.format(folder="../modules/two"),
            "",
            MANIFEST.format(folder="../modules/one"),
            "{",
        ],
        "d/.terraform.lock.hcl": [
            "",
            'provider "registry.terraform.io/hashicorp/azurerm" {\n  version = "3.0.0"\n}\n',
            "provider {",
        ],
        "linking.json": [LINKING, ARM.format(on=ON)],
        "parts/linked.json": [ARM.format(on=OFF), ARM.format(on=ON), ""],
        "plan.json": [
            expand("azurerm_key_vault.alone: {name: alone}").decode(),
            expand("azurerm_key_vault.alone: {name: alone, purge_protection_enabled: true}").decode(),
            "",
        ],
    }


def write(root: Path, name: str, text: str) -> None:
    file = root / name
    if text:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    else:
        file.unlink(missing_ok=True)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    (root / ".git").mkdir(parents=True)
    for name, texts in tree().items():
        write(root, name, texts[0])
    settle(root)
    monkeypatch.chdir(root)
    return root


def settle(root: Path) -> None:
    """Wait until no file counts as changed just now, with times that differ from those of later changes."""
    for file in root.rglob("*"):
        os.utime(file, (1_700_000_000, 1_700_000_000))
    time.sleep(0.05)


def outcome(run: Callable[[], Report]) -> object:
    """All that a run tells, or the error that it ends with."""
    file_buffer().clear()
    try:
        report = run()
    except KvlintError as error:
        return type(error), error.message
    return report, REPORTERS["json"](report, Options()), REPORTERS["sarif"](report, Options())


def change(root: Path, chance: random.Random) -> None:
    """One change as people and programs make them."""
    name, texts = chance.choice(list(tree().items()))
    file, kind = root / name, chance.randrange(10)
    if kind == 0 and file.exists():
        other = chance.choice(["modules/two/moved.tf", "c/moved.tf", "moved.bicep", "moved.json"])
        (root / other).parent.mkdir(parents=True, exist_ok=True)
        file.replace(root / other)
    elif kind == 1 and file.parent != root and file.parent.exists():
        shutil.rmtree(file.parent)
    elif kind == 2:
        written = root / f"{name}~new"
        text = chance.choice(texts)
        if text:
            write(root, f"{name}~new", text)
            written.replace(file)
    elif kind == 3 and file.exists() and not file.is_symlink():
        target = root / "elsewhere.txt"
        target.write_text(chance.choice(texts))
        file.unlink()
        file.symlink_to(target)
    else:
        if file.is_symlink():
            file.unlink()
        write(root, name, chance.choice(texts))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_change_has_the_outcome_of_a_fresh_run(project: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  # nothing here is secret
    again = IncrementalRun()
    config = Config(paths=(".",), jobs=1)
    for _ in range(8):
        assert outcome(lambda: again.check(config)) == outcome(lambda: check(config))
        for _ in range(chance.choice((1, 1, 2))):
            change(project, chance)


def rejudged(again: IncrementalRun, paths: tuple[str, ...] = (".",)) -> set[str]:
    config = Config(paths=paths, jobs=1)
    assert outcome(lambda: again.check(config)) == outcome(lambda: check(config))
    return set(again.reevaluated)


@pytest.fixture
def editor() -> MutableMapping[str, bytes]:
    """The texts of an editor."""
    return editor_texts()


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_unsaved_change_has_the_outcome_of_a_fresh_run(
    project: Path, editor: MutableMapping[str, bytes], seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311  # nothing here is secret
    again = IncrementalRun()
    config = Config(paths=(".",), jobs=1)
    for _ in range(8):
        assert outcome(lambda: again.check(config)) == outcome(lambda: check(config))
        name, texts = chance.choice(list(tree().items()))
        file = os.path.realpath(project / chance.choice((name, name, f"new-{Path(name).name}")))
        if file in editor or chance.randrange(4) == 0:
            editor.pop(file, None)
            change(project, chance)
        else:
            editor[file] = chance.choice(texts).encode()


def test_an_unsaved_text_is_not_kept_as_the_content_of_its_file(project: Path, editor: dict[str, bytes]) -> None:
    config = Config(paths=("c", "arm.json"), jobs=1)
    before = outcome(lambda: check(config))
    for name in ("c/main.tf", "arm.json"):
        editor[str(project / name)] = tree()[name][1].encode()
    check(config)
    editor.clear()
    assert check(config) == before[0]  # type: ignore[index]  # a report


REACHED = {
    "modules/two/main.tf": {"a", "b", "d", "plan.json"},
    "d/.terraform.lock.hcl": {"d", "plan.json"},
    "parts/linked.json": {"linking.json", "parts/linked.json"},
    "a/main.tf": {"a", "plan.json"},
    "c/main.tf": {"c", "plan.json"},
    "parts/inner.bicep": {"first.bicep", "second.bicep"},
    "second.bicep": {"second.bicep"},
    "given.json": {"third.bicep", "given.json"},
    "arm.json": {"arm.json"},
    "arm.parameters.json": {"arm.json"},
    "plan.json": {"plan.json"},
}


def test_edit_reevaluates_only_inputs_that_read_the_file(project: Path) -> None:
    """A plan's source is looked for among all modules, so a change of any of them may be one of its source."""
    again = IncrementalRun()
    assert rejudged(again) >= {"a", "b", "c", "first.bicep", "second.bicep", "third.bicep", "arm.json", "plan.json"}
    assert rejudged(again) == set()
    for edited, reached in REACHED.items():
        file = project / edited
        assert not file.exists() or file.read_text() != tree()[edited][1]
        write(project, edited, tree()[edited][1])
        time.sleep(0.05)  # a file that is no older may change again unseen, and would be read once more
        assert (edited, rejudged(again)) == (edited, reached)


def test_unsaved_edit_reevaluates_only_inputs_that_read_the_file(project: Path, editor: dict[str, bytes]) -> None:
    again = IncrementalRun()
    rejudged(again)
    for edited, reached in REACHED.items():
        file, text = str(project / edited), tree()[edited][1].encode()
        for _ in range(2):
            editor[file] = text or b"# nothing"
            assert (edited, rejudged(again)) == (edited, reached)
            assert rejudged(again) == set()
            del editor[file]
            assert (edited, rejudged(again)) == (edited, reached)
    editor[str(project / "a" / "new.tf")] = VAULT.format(name="new", on=OFF).encode()
    assert rejudged(again) == {"a", "plan.json"}


def test_edit_of_a_module_reevaluates_only_the_roots_that_call_it(project: Path) -> None:
    """Of a plan the source is looked for everywhere; without one nobody else is reached."""
    (project / "plan.json").unlink()
    again = IncrementalRun()
    rejudged(again)
    write(project, "modules/one/main.tf", tree()["modules/one/main.tf"][1])
    assert rejudged(again) == {"a", "b"}
    time.sleep(0.05)
    assert rejudged(again) == {"a", "b"}  # it was so new that it might have changed again unseen
    assert rejudged(again) == set()
    write(project, "modules/two/main.tf", tree()["modules/two/main.tf"][1])
    assert rejudged(again) == {"b", "d"}


def test_edit_of_a_module_outside_of_the_inputs_reevaluates_its_roots(project: Path) -> None:
    again = IncrementalRun()
    assert rejudged(again, ("a", "c")) == {"a", "c"}
    write(project, "modules/two/main.tf", tree()["modules/two/main.tf"][1])
    assert rejudged(again, ("a", "c")) == {"a"}
    assert str(project / "modules" / "two") + os.sep in again.dependencies


def test_new_file_that_was_missing_before_reevaluates_its_readers(project: Path) -> None:
    write(project, "b/main.tf", tree()["b/main.tf"][1])
    (project / "plan.json").unlink()
    again = IncrementalRun()
    rejudged(again)
    write(project, "modules/late/main.tf", tree()["modules/late/main.tf"][1])
    assert rejudged(again) == {"b"}


def test_other_settings_reevaluate_everything(project: Path) -> None:
    again = IncrementalRun()
    again.check(Config(paths=("a", "c"), jobs=1))
    again.check(Config(paths=("a", "c"), jobs=1, select=("KV1",)))
    assert set(again.reevaluated) == {"a", "c"}


def test_several_processes_record_the_files_that_they_read(project: Path) -> None:
    again = IncrementalRun()
    config = Config(paths=(".",), jobs=2)
    assert outcome(lambda: again.check(config)) == outcome(lambda: check(config))
    again.check(config)
    assert not again.reevaluated
    write(project, "second.bicep", tree()["second.bicep"][1])
    again.check(config)
    assert again.reevaluated == ("second.bicep",)


@pytest.fixture
def opened() -> Iterator[set[str]]:
    """What the interpreter opens and lists while the test runs."""
    found: set[str] = set()
    _listeners.append(found)
    yield found
    _listeners.remove(found)


_listeners: list[set[str]] = []


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if _listeners and event in {"open", "os.listdir", "os.scandir"} and isinstance(arguments[0], str):
        end = "" if event == "open" else os.sep
        _listeners[-1].add(os.path.realpath(arguments[0]) + end)


sys.addaudithook(_hear)


def test_every_file_that_a_reader_opens_is_a_dependency(project: Path, opened: set[str]) -> None:
    for name in ("a/terraform.tfvars", "bicepconfig.json", "modules/late/main.tf", "b/local.tf"):
        write(project, name, tree()[name][1])
    (project / "third.bicep").write_text(
        (project / "third.bicep").read_text() + "var names = loadDirectoryFileInfo('parts')\noutput o array = names\n"
    )
    again = IncrementalRun()
    again.check(Config(paths=(".",), jobs=1))
    mine = {path for path in opened if path.startswith(str(project)) and "/.git" not in path}
    assert len(mine) > 15
    # What there is to judge is found anew each time, so finding it hangs on nothing.
    folders = {str(folder) + os.sep for folder in (project, *project.rglob("*")) if folder.is_dir()}
    assert mine - set(again.dependencies) <= folders
    assert str(project / "parts") + os.sep in again.dependencies


def test_limit_of_a_run_leaves_out_the_same_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Units that are not evaluated again count as much as before."""
    monkeypatch.setattr("azkvlint.linter.workers.limit_of_run", lambda *_: 100)
    for number in range(8):
        (tmp_path / f"t{number}.bicep").write_text(BICEP.format(name=f"v{number}", on=OFF))
    config, rechecking = Config(paths=(str(tmp_path),)), IncrementalRun()
    rechecking.check(config)
    for number in (0, 7):
        (tmp_path / f"t{number}.bicep").write_text(BICEP.format(name=f"changed{number}", on=ON))
        again, fresh = rechecking.check(config), check(config)
        assert again == fresh
        left_out = [one for one in fresh.problems if "exceed the work limit" in one.message]
        assert 0 < len(left_out) < 8
