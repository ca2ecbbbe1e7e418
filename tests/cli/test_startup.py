"""What a run imports: start-up time is a feature, and what is not imported costs nothing.

Measured in processes of their own, against what the interpreter itself has imported by then.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from azkvlint.engine.rule_store import builtin_rules
from azkvlint.linter.compile_package import compile_package
from azkvlint.linter.rule_tests import expand
from azkvlint.reporters import REPORTERS

pytestmark = pytest.mark.slow(8)

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
# Each takes milliseconds, and a check that writes a report for machines or plain text needs none of them.
HEAVY = {
    "argparse",
    "click",
    "dataclasses",
    "difflib",
    "hcl2",
    "jinja2",
    "jsonpath_ng",
    "lark",
    "logging",
    "pathlib",
    "rich",
    "shutil",
    "subprocess",
    "tempfile",
    "threading",
    "tomllib",
    "typer",
    "yaml",
}
SCRIPT = """
import json, sys
before = set(sys.modules)
sys.argv[0] = "kvlint"
{patch}
from azkvlint.__main__ import main
code = main()
print("\\n" + json.dumps(sorted(set(sys.modules) - before)))
sys.exit(code)
"""
# Rules and tables as a wheel holds them, compiled; a checkout reads them from YAML.
COMPILED_TABLES = """
from azkvlint.util import table_files
table_files.read_compiled = lambda _package, path: open({folder!r} + "/" + path, "rb").read()
"""
COMPILED = """
from azkvlint.engine import rule_store
of_package = rule_store.rules_of_package
rule_store.rules_of_package = lambda _package, **how: of_package({folder!r}, **how)
"""


def imported(*words: str | Path, patch: str = "", code: int = 0, cwd: Path | None = None) -> set[str]:
    """The modules that a run of kvlint in the folder ``cwd`` imports."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(patch=patch), *map(str, words)],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        check=False,
        cwd=cwd,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (code, b"")
    return set(json.loads(done.stdout.decode().splitlines()[-1]))


def packages(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    file = tmp_path / "plan.json"
    file.write_bytes(expand("azurerm_key_vault.kv: {name: kv}"))
    return file


@pytest.fixture
def package_folder(tmp_path: Path) -> str:
    folder = tmp_path / "package"
    for path, content in compile_package(builtin_rules()).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return str(folder)


@pytest.fixture
def compiled(package_folder: str) -> str:
    return (COMPILED_TABLES + COMPILED).format(folder=package_folder)


def test_version_imports_few_modules() -> None:
    own = {"azkvlint", "azkvlint.__main__", "azkvlint.util", "azkvlint.util.errors"}
    assert imported("--version") <= {"__future__", "atexit", "gc", *own}


@pytest.mark.parametrize("form", ["sarif", "json", "text", "github", "junit"])
def test_a_check_needs_msgspec_alone(plan: Path, compiled: str, form: str) -> None:
    modules = imported(plan, "-f", form, patch=compiled, code=1, cwd=plan.parent)
    assert "msgspec" in modules
    assert not packages(modules) & HEAVY
    others = packages(modules) - set(sys.stdlib_module_names) - {"typing_extensions"}
    assert others == {"azkvlint", "msgspec"}
    reporters = {module.rpartition(".")[2] for module in modules if module.startswith("azkvlint.reporters.findings.")}
    assert reporters & {*REPORTERS, "build_formats", "terminal"} == {
        form if form in ("sarif", "json", "text") else "build_formats"
    }
    assert not any(
        module.startswith(("azkvlint.cli.app", "azkvlint.engine.rule_loader", "azkvlint.engine.yaml_decoder"))
        for module in modules
    )
    # Beside the plan, and where the process runs, lies no Terraform.
    unused = ("azkvlint.syntax.hcl", "azkvlint.readers.terraform.folder")
    assert not any(module.startswith(unused) for module in modules)


def test_a_check_does_not_import_typing_extensions(plan: Path) -> None:
    assert "typing_extensions" not in imported(plan, "-f", "sarif", code=1, cwd=plan.parent)


ENDING = """
import atexit, sys
{patch}
{imports}
atexit.register(print, "the regular end")
from azkvlint.__main__ import run_and_exit
run_and_exit()
"""


@pytest.mark.parametrize(("imports", "is_regular"), [("", False), ("import threading", True)])
def test_a_check_without_threads_ends_without_freeing_memory(
    plan: Path, compiled: str, imports: str, is_regular: bool
) -> None:
    script = ENDING.format(patch=compiled, imports=imports)
    done = subprocess.run(
        [sys.executable, "-c", script, str(plan), "-f", "concise"],
        env={"PATH": os.environ["PATH"]}, capture_output=True, check=False, cwd=plan.parent, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, b"")
    *report, last = done.stdout.decode().splitlines()
    assert "KV" in report[0]
    assert (last == "the regular end") is is_regular


# The most modules of kvlint that a small run imports: a change that needs more of them has a reason. A checkout, unlike
# a wheel, imports all modules of derived attributes to know what they declare.
LIMITS = {
    ("plan.json", "sarif"): 176,
    ("plan.json", "text"): 173,
    ("main.tf", "text"): 234,
    ("main.bicep", "text"): 222,
    ("main.json", "text"): 211,
}


@pytest.mark.parametrize(("name", "form"), LIMITS)
def test_a_small_run_imports_few_modules(tmp_path: Path, compiled: str, name: str, form: str) -> None:
    shutil.copytree(SAMPLES / "careless", tmp_path / "careless")
    if name == "plan.json":  # alone, without its source
        (tmp_path / "careless" / "main.tf").unlink()
    modules = imported(name, "-f", form, patch=compiled, code=1, cwd=tmp_path / "careless")
    own = sorted(module for module in modules if module.startswith("azkvlint"))
    assert len(own) <= LIMITS[name, form], own


def test_plan_run_imports_no_language_functions(plan: Path, compiled: str) -> None:
    modules = imported(plan, "-f", "sarif", patch=compiled, code=1, cwd=plan.parent)
    unused = ("azkvlint.evaluation.functions", "azkvlint.evaluation.solve", "azkvlint.engine.vault_ownership")
    assert not any(module.startswith(unused) for module in modules)
    assert modules & {"base64", "copy", "pkgutil"} == set()


def test_a_check_imports_no_package_that_takes_long(plan: Path) -> None:
    imported(plan, "-f", "sarif", code=1)  # a checkout compiles its rules in the first run after a change
    assert not packages(imported(plan, "-f", "sarif", code=1)) & HEAVY


def test_a_check_without_syntax_errors_does_not_need_python_hcl2(compiled: str) -> None:
    modules = imported(SAMPLES, "-f", "json", "--jobs", "1", patch=compiled, code=1)
    assert "azkvlint.syntax.hcl.expressions" in modules
    assert not packages(modules) & {"hcl2", "lark"}


def test_help_imports_no_rules_or_readers(package_folder: str) -> None:
    modules = imported("--help", patch=COMPILED_TABLES.format(folder=package_folder))
    assert "typer" in modules
    unused = ("azkvlint.readers", "azkvlint.engine", "azkvlint.reporters")
    assert not any(module.startswith(unused) for module in modules)
    assert not packages(modules) & {"yaml", "jsonpath_ng", "hcl2"}


def test_access_picture_is_imported_for_html_only(plan: Path) -> None:
    drawn = imported("graph", plan, cwd=plan.parent)
    text = imported("access", plan, cwd=plan.parent)
    for modules in (drawn, text):
        assert not any("access_picture" in module or "access_graph" in module for module in modules)
    assert not any(module.startswith("azkvlint.access") for module in drawn)
