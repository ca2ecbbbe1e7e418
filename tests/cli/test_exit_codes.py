"""The gate never fails open: exit code 0 means that an input was read, and that nothing readable was left unread."""

from __future__ import annotations

import ast
import json
import re
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import azkvlint as package
from azkvlint.config.config_file import KEYS, OVERRIDE
from azkvlint.config.run_config import Config, Notice
from azkvlint.linter.linter import check, exit_code
from azkvlint.linter.rule_tests import expand
from azkvlint.model.rule import Severity
from azkvlint.reporters.problems import PROBLEMS
from tests.cli.conftest import BAD, GOOD

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint
    from tests.conftest import Run

COMMANDS = ("check", "access", "controls", "suppressions")
LEVELS = ("error", "warning", "note")
# A value of every setting, as a configuration file that comes with the code may have it.
SETTINGS = {
    "framework": 'framework = ["all"]',
    "format": 'format = ["json=r.json"]',
    "sarif-include": 'sarif-include = ["suppressed", "unknown", "passed"]',
    "sarif-category": 'sarif-category = "x"',
    "output": 'output = "o.json"',
    "select": 'select = ["KV001"]',
    "ignore": 'ignore = ["KV1"]',
    "profile": 'profile = ["all"]',
    "set": "[set]\nKV003.minimum = 7",
    "rules": 'rules = ["rules"]',
    "parameters": 'parameters = ["main.parameters.json"]',
    "var": 'var = ["x=1"]',
    "var-file": 'var-file = ["x.tfvars"]',
    "closed": "closed = true",
    "tool": 'tool = "terraform"',
    "source-root": 'source-root = "empty"',
    "as-of": "as-of = 2030-01-01",
    "jobs": "jobs = 999",
    "exclude": 'exclude = ["*"]',
    "extend-exclude": 'extend-exclude = ["*"]',
    "min-severity": 'min-severity = "critical"',
    "fail-on": 'fail-on = "critical"',
    "strict": "strict = true",
    "no-ignores": "no-ignores = true",
    "respect-peer-suppressions": "respect-peer-suppressions = true",
    "include-tests": "include-tests = true",
    "test-folders": 'test-folders = ["*"]',
    "baseline": 'baseline = "baseline.json"',
    "quiet": "quiet = true",
    "verbose": "verbose = true",
    "statistics": "statistics = true",
    "show-suppressed": "show-suppressed = true",
    "show-unknown": "show-unknown = true",
    "override": '[[override]]\npaths = ["**"]\nignore = true\nreason = "legacy"',
}
# What else a change may bring along, or an operator may have set; each is reported as a note or a warning.
CIRCUMSTANCES = {
    "an override that is not used": '[[override]]\npaths = ["nothing.tf"]\nignore = true\nreason = "legacy"',
    "an override that has expired": '[[override]]\nrules = ["KV0"]\nignore = true\nreason = "x"\nuntil = 2020-01-01',
    "an override that is malformed": '[[override]]\nrules = ["KV0"]\nignore = true\nreason = "legacy"\nuntil = "soon"',
    "an override of the severity": '[[override]]\nrules = ["KV0"]\nseverity = "info"',
    "a second configuration file": "",
    "a configuration file in a folder above": "",
    "a variable that is not a setting": "",
}
# These contradict each other, which is wrong use (2) and not a pass either.
WRONG = ({"format", "output"}, {"parameters", "exclude"}, {"parameters", "extend-exclude"})
RULE = """\
id: ACME-1
name: premium-vault
title: Vaults should use the premium tier
severity: low
resource: Microsoft.KeyVault/vaults
require:
  - attribute: properties.sku.name
    equals: premium
message: "'{resource}' is of the tier '{value}'."
why: Our keys have to be in hardware.
fix: Set `sku_name`.
references:
  - https://learn.microsoft.com/azure/key-vault/keys/about-keys
examples:
  - fails: the standard tier
    plan: |
      azurerm_key_vault.kv:  # <- ACME-1
        sku_name: standard
  - passes: the premium tier
    plan: |
      azurerm_key_vault.kv:
        sku_name: premium
"""
EMPTY = {
    "nothing": {},
    "other files": {"package.json": '{"name": "x"}', "README.md": "# x", "main.parameters.json": "{}"},
    "folders of others": {".terraform/main.tf": "", "node_modules/main.tf": "", ".git/main.tf": ""},
    "an empty JSON file": {"main.json": ""},
    "variables alone": {"x.tfvars": "x = 1"},
}


def write(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def project(tmp_path: Path, kvlint: Kvlint, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a folder for each outcome, and the files that the settings name; the current folder."""
    root = write(tmp_path / "project" / "inner", {})
    (tmp_path / "project" / ".git").mkdir()
    write(root / "empty", EMPTY["other files"])
    write(root / "broken", {"main.bicep": "resource kv 'Microsoft.KeyVault"})
    write(root / "good", {})
    (root / "good" / "plan.json").write_bytes(expand(GOOD))
    (root / "bad").mkdir()
    (root / "bad" / "plan.json").write_bytes(expand(BAD))
    write(root, {"rules/ACME-1-premium-vault.yaml": RULE, "x.tfvars": "x = 1", "main.parameters.json": "{}"})
    monkeypatch.chdir(root)
    assert kvlint("bad", "--write-baseline", "baseline.json").code == 1
    return root


def configure(project: Path, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the configuration with these settings, and make the circumstances."""
    texts = [(SETTINGS | CIRCUMSTANCES)[name] for name in names]
    # What stands below a table's header belongs to the table.
    write(project, {"kvlint.toml": "\n".join(sorted(texts, key=lambda text: text.startswith("[")))})
    write(project, {"pyproject.toml": "[tool.kvlint]" if "a second configuration file" in names else ""})
    (project.parent / "kvlint.toml").unlink(missing_ok=True)
    if "a configuration file in a folder above" in names:
        write(project.parent, {"kvlint.toml": ""})
    monkeypatch.delenv("KVLINT_VERSION", raising=False)
    if "a variable that is not a setting" in names:
        monkeypatch.setenv("KVLINT_VERSION", "0.1.0")


# --- settings ---------------------------------------------------------------------------------------------------------


def test_every_setting_is_among_the_tested_ones() -> None:
    assert SETTINGS.keys() == {*KEYS, OVERRIDE}


@pytest.mark.slow(8)
@pytest.mark.parametrize("name", [*SETTINGS, *CIRCUMSTANCES])
@pytest.mark.parametrize("command", COMMANDS)
def test_missing_or_broken_input_is_incomplete_with_any_setting(
    name: str, command: str, project: Path, kvlint: Kvlint, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(project, (name,), monkeypatch)
    assert kvlint(command, "empty").code == 3
    assert kvlint(command, "broken").code == 3
    # The same where there is an input: the setting is one, and it is not what makes the exit code 3.
    assert (kvlint(command, "good").code in (0, 1)) is (name not in ("exclude", "extend-exclude"))


@pytest.mark.slow(8)
@pytest.mark.parametrize("first", [*SETTINGS, *CIRCUMSTANCES])
def test_missing_or_broken_input_is_incomplete_with_any_two_settings(
    first: str, project: Path, kvlint: Kvlint, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [*SETTINGS, *CIRCUMSTANCES]
    codes = {}
    for second in names[names.index(first) + 1 :]:
        pair = (first, second)
        configure(project, pair, monkeypatch)
        codes[pair] = kvlint("empty").code
    assert codes == {pair: 2 if set(pair) in WRONG else 3 for pair in codes}


@pytest.mark.parametrize("name", sorted({option.variable for option in KEYS.values()}))
def test_missing_input_is_incomplete_with_any_environment_variable(
    name: str, project: Path, kvlint: Kvlint, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {option.variable: option for option in KEYS.values()}
    monkeypatch.setenv("KVLINT_NO_SUCH_SETTING", "1")
    lines = re.sub(r"^[^=]*= *", "", SETTINGS[values[name].key]).strip('["]').replace('", "', "\n")
    monkeypatch.setenv(name, "KV003.minimum=7" if values[name].key == "set" else lines)
    assert kvlint("empty").code == 3


@pytest.mark.parametrize("option", ["--exit-zero", "--quiet", "--min-severity=critical", "--exclude=*", "--no-ignores"])
def test_missing_or_broken_input_is_incomplete_with_any_option(option: str, project: Path, kvlint: Kvlint) -> None:
    assert kvlint("empty", option).code == 3
    assert kvlint("broken", option).code == 3
    assert kvlint("bad", "--exit-zero").code == 0


# --- problems ---------------------------------------------------------------------------------------------------------


def test_every_problem_code_is_among_the_tested_ones() -> None:
    codes, levels = set(), set()
    for file in Path(package.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                codes |= set(re.findall(r"^KVE\d{3}$", node.value))
            if isinstance(node, ast.keyword) and node.arg == "level":
                constants = [one for one in ast.walk(node.value) if isinstance(one, ast.Constant)]
                levels |= {one.value for one in constants if one.value in LEVELS or not isinstance(one.value, str)}
    assert codes == set(PROBLEMS)
    assert levels == set(LEVELS)


@pytest.mark.slow(8)
@pytest.mark.parametrize(("code", "level"), list(product(PROBLEMS, LEVELS)))
def test_missing_input_is_incomplete_with_any_other_problem(code: str, level: str, project: Path) -> None:
    """Neither by itself nor beside any other."""
    told = Notice(code=code, level=level, message="x")
    for other_code, other_level in ((None, ""), *product(PROBLEMS, LEVELS)):
        others = () if other_code is None else (Notice(code=other_code, level=other_level, message="y"),)
        config = Config(paths=("empty",), notices=(told, *others), fail_on=Severity.CRITICAL, jobs=1)
        assert exit_code(check(config), config) == 3


@pytest.mark.parametrize(("code", "level"), list(product(PROBLEMS, LEVELS)))
def test_of_an_input_that_was_read_only_an_error_makes_the_analysis_incomplete(
    code: str, level: str, project: Path
) -> None:
    config = Config(paths=("good",), select=("KV001",), notices=(Notice(code=code, level=level, message="x"),))
    assert exit_code(check(config), config) == (3 if level == "error" else 0)


# --- inputs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("files", EMPTY.values(), ids=EMPTY)
@pytest.mark.parametrize("command", [*COMMANDS, "graph"])
def test_folder_without_input_is_incomplete(command: str, files: dict[str, str], project: Path, kvlint: Kvlint) -> None:
    write(project / "other", files)
    assert kvlint(command, "other").code == 3


@pytest.mark.parametrize("command", COMMANDS)
def test_every_folder_of_the_command_line_needs_an_input(command: str, project: Path, kvlint: Kvlint) -> None:
    """A wrong path beside a right one is not a clean path."""
    said = kvlint(command, "good", "empty")
    assert said.code == 3
    assert "nothing to check in empty: " in said.out + said.err
    assert kvlint(command, "good", "bad", ".", "--exclude", "broken").code in (0, 1)
    (project / "empty" / "below").mkdir()
    said = kvlint(command, "empty", "empty/below", "good")
    assert "nothing to check in empty, empty/below: " in said.out + said.err


def test_standard_input_is_in_no_folder(project: Path, run: Run) -> None:
    plan = expand(GOOD)
    assert run("-", "--select", "KV001", cwd=project / "empty", stdin=plan).code == 0
    said = run("-", ".", "--isolated", cwd=project / "empty", stdin=plan)
    assert said.code == 3
    assert "nothing to check in .: " in said.out


def test_module_that_is_read_through_its_callers_counts_as_input(project: Path, kvlint: Kvlint) -> None:
    write(project / "app", {"main.tf": 'module "m" {\n  source = "../modules"\n}\n'})
    write(project / "modules", {"main.tf": 'variable "x" {}\n'})
    write(project / "bicep", {"main.bicep": "module m '../parts/kv.bicep' = {\n  name: 'm'\n}\n"})
    write(project / "parts", {"kv.bicep": "param x string = 'a'\n"})
    assert kvlint("app", "modules").code == 0
    assert kvlint("modules", "app").code == 0
    assert kvlint("bicep", "parts").code == 0
    write(project / "late", {"main.bicepparam": "using '../parts/kv.bicep'\n"})
    assert kvlint("bicep", "late").code == 0


@pytest.mark.parametrize("text", ["", "# nothing yet\n", 'module "m" {\n  source = "Azure/x/azurerm"\n}\n'])
def test_module_without_declarations_counts_as_input(text: str, project: Path, kvlint: Kvlint) -> None:
    write(project / "app", {"main.tf": text})
    assert kvlint("app").code == 0


@pytest.mark.parametrize(("name", "code"), [("empty", 3), ("broken", 3), ("bad", 1), ("good", 0)])
def test_no_report_contradicts_the_exit_code(name: str, code: int, project: Path, kvlint: Kvlint) -> None:
    only = ("--select", "KV001")
    assert kvlint(name, *only, "--summary-file", "summary.md").code == code
    heading = Path("summary.md").read_text(encoding="utf-8").splitlines()[0]
    assert heading == ("## ✅ kvlint" if code == 0 else "## ❌ kvlint")
    (run,) = json.loads(kvlint(name, *only, "-f", "sarif").out)["runs"]
    assert run["invocations"][0]["executionSuccessful"] is (code != 3)


def test_a_configuration_that_sends_the_report_to_a_file_leaves_a_line(project: Path, kvlint: Kvlint) -> None:
    write(project, {"kvlint.toml": 'format = ["json=r.json"]\nselect = ["KV001"]'})
    said = kvlint("bad")
    assert (said.code, said.out) == (1, "")
    summary = r"kvlint: Found 1 issue \(1 high\) in 1 key vault\.(?: \d problems?\.)? \(written to r\.json\)\n"
    assert re.fullmatch(summary, said.err)
