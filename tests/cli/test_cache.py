"""The cache of results: what it reuses, where it is, and what cannot make it return a wrong result."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from azkvlint.linter.workers import Worker
from azkvlint.reporters import REPORTERS
from azkvlint.util import cache_files, file_tracker
from azkvlint.util.run_state import separate_run
from tests.cli.conftest import CommandOutput, Kvlint
from tests.linter.cache_steps import run_project
from tests.linter.test_incremental_run import ARM, BICEP, VAULT

pytestmark = pytest.mark.skipif(os.name == "nt", reason="owners and modes of files are those of POSIX")

SECRET = "correct-horse-battery-7"  # it must not be in the cache
MAIN = f"""variable "db_password" {{
  default = "{SECRET}"
}}
resource "azurerm_key_vault" "kv" {{
  name = "vault-${{var.db_password}}"
}}
resource "azurerm_key_vault_secret" "s" {{
  name            = "s"
  value           = var.db_password
  expiration_date = "2026-12-24T00:00:00Z"
  key_vault_id    = azurerm_key_vault.kv.id
}}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a unit of each kind, next to which the cache is."""
    root = tmp_path / "checkout"
    (root / ".git").mkdir(parents=True)
    write(root / "app" / "main.tf", MAIN)
    write(root / "other" / "main.tf", VAULT.format(name="other", on="false"))
    write(root / "main.bicep", BICEP.format(name="b", on="false"))
    write(root / "arm.json", ARM.format(on="false"))
    time.sleep(0.05)  # a file that has just changed is read again
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


class Cached:
    """Runs the command line with the cache, and records which units it evaluates."""

    def __init__(self, kvlint: Kvlint, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
        self.evaluated: set[str] = set()
        self._kvlint = kvlint
        self._cache = cache
        evaluate = Worker.evaluate

        def recorded(worker: Worker, unit: object) -> object:
            self.evaluated.add(unit.source.path)  # type: ignore[attr-defined]
            return evaluate(worker, unit)  # type: ignore[arg-type]

        monkeypatch.setattr(Worker, "evaluate", recorded)

    def __call__(self, *words: str | Path) -> set[str]:
        """Return the units that a run evaluates, after it was compared to one without a cache."""
        time.sleep(0.05)  # a file that has just changed is read again
        cold = self.run(*words, "--no-cache")
        warm = self.run(*words, "--cache-dir", self._cache)
        assert warm == cold
        return self.evaluated

    def run(self, *words: str | Path) -> CommandOutput:
        self.evaluated = set()
        with separate_run():
            return self._kvlint(*words)


@pytest.fixture
def cached(kvlint: Kvlint, monkeypatch: pytest.MonkeyPatch, project: Path, cache: Path) -> Cached:
    monkeypatch.chdir(project)
    return Cached(kvlint, monkeypatch, cache)


ALL = {"app", "other", "main.bicep", "arm.json"}


def results_in(cache: Path) -> list[Path]:
    return sorted((cache / "results").glob("*.results"))


# --- what is reused ---------------------------------------------------------------------------------------------------


def test_only_changed_inputs_are_evaluated_again(cached: Cached, project: Path) -> None:
    assert cached(".") == ALL
    assert cached(".") == set()
    write(project / "other" / "main.tf", VAULT.format(name="other", on="true"))
    assert cached(".") == {"other"}
    assert cached(".") == set()
    write(project / "third" / "main.tf", VAULT.format(name="third", on="true"))
    (project / "main.bicep").unlink()
    assert cached(".") == {"third"}


@pytest.mark.parametrize(
    "words",
    [
        ("--as-of", "2027-01-01"),
        ("--select", "KV001"),
        ("--set", "KV003.minimum=30", "--profile", "all"),
        ("--var", "db_password=x"),
        ("--closed",),
        ("--no-ignores",),
        ("--profile", "all"),
    ],
)
def test_other_settings_evaluate_everything(cached: Cached, words: tuple[str, ...]) -> None:
    assert cached(".") == ALL
    assert cached(".", *words) == ALL
    assert cached(".", *words) == set()
    assert cached(".") == set()


@pytest.mark.parametrize("words", [("--min-severity", "high"), ("--fail-on", "none"), ("--include-tests",)])
def test_settings_of_the_report_evaluate_nothing(cached: Cached, words: tuple[str, ...]) -> None:
    assert cached(".") == ALL
    assert cached(".", *words) == set()


def test_another_version_evaluates_everything(cached: Cached, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cached(".") == ALL
    monkeypatch.setattr("azkvlint.linter.result_store.__version__", "999")
    assert cached(".") == ALL


def test_a_changed_rule_evaluates_everything(cached: Cached, tmp_path: Path) -> None:
    rule = (Path(__file__).parents[2] / "rules" / "vault" / "KV001-purge-protection.yaml").read_text(encoding="utf-8")
    own = tmp_path / "OWN-1-own.yaml"
    text = rule.replace("KV001", "OWN-1").replace("name: purge-protection", "name: own")
    own.write_text(text.partition("\nformerly:")[0] if "\nformerly:" in text else text, encoding="utf-8")
    first = cached.run(".", "--rules", own, "--cache-dir", tmp_path / "cache")
    assert cached.evaluated == ALL, first.err
    own.write_text(own.read_text(encoding="utf-8").replace("severity: high", "severity: low"), encoding="utf-8")
    assert cached(".", "--rules", own) == ALL


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_reports_are_equal_in_every_format(kvlint: Kvlint, project: Path, cache: Path, jobs: str) -> None:
    words = [word for name in REPORTERS for word in ("-f", f"{name}=../{name}.out")]
    words += ["--sarif-include", "passed", "--sarif-include", "suppressed", "-j", jobs, "--profile", "all"]
    runs = []
    for option in (("--no-cache",), ("--cache-dir", cache), ("--cache-dir", cache)):
        code, _, error = kvlint(".", *words, *option)
        runs.append((code, error, [(project.parent / f"{name}.out").read_bytes() for name in REPORTERS]))
    assert runs[0] == runs[1] == runs[2]


def test_controls_and_suppressions_use_the_cache(cached: Cached, project: Path) -> None:
    write(project / "app" / "main.tf", "# kvlint: ignore-file[KV001] reason\n" + MAIN)
    time.sleep(0.05)
    for command in ("controls", "suppressions"):
        assert cached(command, ".") == ALL
        assert cached(command, ".") == set()


@pytest.mark.parametrize("by", ["time", "content"])
def test_a_file_that_has_just_changed_is_read_again(
    cached: Cached, project: Path, cache: Path, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "app" / "linked.tf").symlink_to("main.tf.txt")
    write(project / "app" / "main.tf.txt", "# nothing")
    monkeypatch.setattr(file_tracker, "_TICK", 10**18)
    words = (".", "--cache-by", by, "--cache-dir", cache)
    first = cached.run(*words)
    assert (first.code, cached.evaluated) == (1, ALL)
    assert cached.run(*words) == first
    assert cached.evaluated == ALL


def test_a_changed_file_with_the_same_size_and_time_is_read(cached: Cached, project: Path) -> None:
    file = project / "other" / "main.tf"
    state = file.stat()
    assert cached(".") == ALL
    file.write_text(VAULT.format(name="other", on="true "), encoding="utf-8")
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert file.stat().st_size == state.st_size
    assert file.stat().st_mtime_ns == state.st_mtime_ns
    assert cached(".") == {"other"}


def test_a_new_checkout_is_compared_by_content(cached: Cached, project: Path) -> None:
    by_content = ("--cache-by", "content")
    assert cached(".", *by_content) == ALL
    copy = project.parent / "copy"
    shutil.copytree(project, copy)
    shutil.rmtree(project)
    copy.rename(project)
    os.chdir(project)
    for file in project.rglob("*.tf"):
        os.utime(file, (1_700_000_000, 1_700_000_000))
    assert cached(".", *by_content) == set()
    write(project / "other" / "main.tf", VAULT.format(name="other", on="true"))
    assert cached(".", *by_content) == {"other"}


def test_a_link_that_leads_elsewhere_is_read(cached: Cached, project: Path) -> None:
    for name, on in (("one", "false"), ("two", "true")):
        write(project / "modules" / name / "main.tf", VAULT.format(name="m", on=on))
    (project / "current").symlink_to("modules/one")
    write(project / "other" / "main.tf", 'module "m" {\n  source = "../current"\n}\n')
    time.sleep(0.05)
    assert "other" in cached(".")
    assert cached(".") == set()
    (project / "current").unlink()
    (project / "current").symlink_to("modules/two")
    assert "other" in cached(".")


def test_checkout_created_in_a_folder_invalidates_its_cached_result(cached: Cached, project: Path) -> None:
    write(project / "other" / "main.tf", 'module "m" {\n  source = "../app"\n}\n')
    time.sleep(0.05)
    assert "other" in cached(".")
    (project / "other" / ".git").mkdir()
    assert "other" in cached(".")


@pytest.mark.slow(3)
def test_cached_results_equal_fresh_results_after_random_edits() -> None:
    """``python -m tests.linter.cache_steps`` takes more steps."""
    reused = sum(run_project(f"test {number}", 8).reused for number in range(3))
    assert reused > 50


def test_a_linked_source_decides_which_units_there_are(cached: Cached, project: Path) -> None:
    """A unit of Terragrunt calls a module, which is then not evaluated on its own."""
    write(project / "values.tfvars", "x = 1\n")
    (project / "live").mkdir()
    (project / "live" / "terragrunt.hcl").symlink_to("../values.tfvars")
    time.sleep(0.05)
    assert "other" in cached(".")
    (project / "live" / "terragrunt.hcl").unlink()
    write(project / "live" / "terragrunt.hcl", 'terraform {\n  source = "../other"\n}\n')
    assert cached(".") == {"live/terragrunt.hcl"}


# --- where it is ------------------------------------------------------------------------------------------------------


@pytest.fixture
def large(project: Path) -> Path:
    """A checkout that takes long enough to evaluate."""
    write(project / "large" / "main.tf", VAULT.format(name="large", on="false") + "# comment\n" * 12_000)
    return project


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder of a user outside of CI."""
    for name in ("CI", "BUILDKITE", "GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL", "TEAMCITY_VERSION", "TF_BUILD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def default_of(home: Path) -> Path:
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "kvlint"


def test_the_default_is_the_folder_of_caches(
    kvlint: Kvlint, large: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(large)
    kvlint(".")
    folder = default_of(home) / "results"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert len(results_in(default_of(home))) == 1
    assert (folder / "CACHEDIR.TAG").read_bytes().startswith(b"Signature: 8a477f597d28d172789f06886806bc55")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    kvlint(".")
    assert len(results_in(tmp_path / "xdg" / "kvlint")) == 1
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    kvlint(".")
    assert not (large / "relative").exists()


@pytest.mark.parametrize(
    ("name", "value", "is_used"),
    [("CI", "true", False), ("TF_BUILD", "True", False), ("CI", "false", True), ("KVLINT_NO_CACHE", "1", False)],
)
def test_ci_does_not_use_the_default(
    kvlint: Kvlint, large: Path, home: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, is_used: bool
) -> None:
    monkeypatch.chdir(large)
    monkeypatch.setenv(name, value)
    kvlint(".")
    assert default_of(home).exists() is is_used


def test_ci_uses_a_named_folder(kvlint: Kvlint, project: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("KVLINT_CACHE_DIR", str(cache))
    kvlint(".")
    assert len(results_in(cache)) == 1


def test_small_inputs_do_not_use_the_default(
    kvlint: Kvlint, project: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    kvlint(".")
    assert not home.exists()


def test_standard_input_does_not_use_the_cache(
    kvlint: Kvlint, project: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setattr("azkvlint.readers.discover.read_stdin", lambda _: MAIN.encode())
    kvlint("-", "--stdin-filename", "app/main.tf", "--cache-dir", cache)
    assert not cache.exists()


@pytest.mark.parametrize("is_by_variable", [False, True])
@pytest.mark.parametrize("kind", ["folder", "link out", "link in"])
def test_a_folder_in_the_checkout_is_refused(
    kvlint: Kvlint, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, is_by_variable: bool
) -> None:
    monkeypatch.chdir(project)
    folder = project / "cache"
    if kind == "link out":
        (tmp_path / "elsewhere").mkdir()
        folder.symlink_to(tmp_path / "elsewhere")
    elif kind == "link in":
        folder.mkdir()
        (tmp_path / "link").symlink_to(folder)
        folder = tmp_path / "link"
    if is_by_variable:
        monkeypatch.setenv("KVLINT_CACHE_DIR", str(folder))
    said = kvlint("app") if is_by_variable else kvlint("app", "--cache-dir", folder)
    assert said.code == 2
    assert ("KVLINT_CACHE_DIR" if is_by_variable else "--cache-dir") in said.err
    assert "which the run checks" in said.err
    assert not list(tmp_path.rglob("*.results"))


def test_a_folder_of_an_unpacked_archive_is_refused(kvlint: Kvlint, tmp_path: Path) -> None:
    """It may contain forged results, although it is no checkout."""
    write(tmp_path / "archive" / "main.tf", MAIN)
    said = kvlint("archive", "--cache-dir", "archive/cache")
    assert said.code == 2
    assert "which the run checks" in said.err


def test_a_default_in_the_checkout_is_not_used(
    kvlint: Kvlint, large: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(large)
    monkeypatch.setenv("XDG_CACHE_HOME", str(large / ".cache"))
    assert kvlint(".").code == 1
    assert not (large / ".cache").exists()


@pytest.mark.parametrize("key", ["cache-dir", "no-cache", "cache-by"])
def test_a_configuration_file_does_not_choose_the_cache(kvlint: Kvlint, project: Path, key: str) -> None:
    write(project / "kvlint.toml", f'{key} = "x"\n')
    said = kvlint(project)
    assert said.code == 2
    assert f"--{key} is available on the command line only" in said.err


@pytest.mark.parametrize(
    ("words", "error"),
    [(("--cache-by", "name"), "--cache-by name: expected time or content"), (("--cache-dir", ""), "requires a folder")],
)
def test_invalid_cache_options_are_errors(kvlint: Kvlint, project: Path, words: tuple[str, ...], error: str) -> None:
    said = kvlint(project, *words)
    assert said.code == 2
    assert error in said.err


# --- who may read and write it ----------------------------------------------------------------------------------------


def unusable(kind: str, cache: Path, elsewhere: Path) -> None:
    own = cache / "results"
    match kind:
        case "mode":
            own.mkdir(parents=True, mode=0o755)
        case "link":
            cache.mkdir()
            elsewhere.mkdir(mode=0o700)
            own.symlink_to(elsewhere)
        case "file":
            write(own, "x")
        case "no folder":
            write(cache, "x")


@pytest.mark.parametrize("kind", ["mode", "link", "file", "no folder"])
def test_a_folder_that_is_not_the_users_alone_is_not_used(
    cached: Cached, tmp_path: Path, cache: Path, kind: str
) -> None:
    unusable(kind, cache, tmp_path / "elsewhere")
    cold = cached.run(".", "--no-cache")
    for _ in range(2):
        warm = cached.run(".", "--cache-dir", cache)
        assert cached.evaluated == ALL
        assert (warm.code, warm.out) == (cold.code, cold.out)
        assert warm.err.startswith(f"kvlint: --cache-dir {cache}: the cache is not used: ")
    assert not list(tmp_path.rglob("*.results"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can change the owner of a file")
def test_files_of_another_user_are_not_used(cached: Cached, cache: Path) -> None:
    assert cached(".") == ALL
    os.chown(results_in(cache)[0], 12345, -1)
    assert cached(".") == ALL
    os.chown(cache / "results", 12345, -1)
    cached.run(".", "--cache-dir", cache)
    assert cached.evaluated == ALL


def test_results_that_are_a_link_are_not_used(cached: Cached, cache: Path, tmp_path: Path) -> None:
    assert cached(".") == ALL
    file = results_in(cache)[0]
    file.rename(tmp_path / "moved")
    file.symlink_to(tmp_path / "moved")
    assert cached(".") == ALL
    assert not file.is_symlink()


# --- what it contains -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["time", "content"])
def test_no_secret_is_stored(cached: Cached, cache: Path, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVLINT_CACHE_KEY", "another-secret-of-ci")
    assert cached(".", "--cache-by", by, "--var", f"db_password=x{SECRET}") == ALL
    assert cached(".", "--cache-by", by, "--var", f"db_password=x{SECRET}") == set()
    data = b"".join(file.read_bytes() for file in cache.rglob("*") if file.is_file())
    assert b"vault-(sensitive)" in data
    assert SECRET.encode() not in data
    assert b"another-secret-of-ci" not in data


def test_overrides_by_address_match_redacted_resources(cached: Cached, project: Path) -> None:
    """Overrides are applied before redaction, so a result that redaction changes is not stored then."""
    write(
        project / "keyed" / "main.tf",
        f'variable "passwords" {{\n  default = {{ "{SECRET}" = "{SECRET}" }}\n}}\n'
        'resource "azurerm_key_vault" "kv" {\n  for_each = var.passwords\n  name = "x"\n}\n',
    )
    write(project / "kvlint.toml", f'[[override]]\nresources = ["*{SECRET}*"]\nseverity = "low"\n')
    time.sleep(0.05)
    assert "keyed" in cached(".")
    assert {"other", "main.bicep"}.isdisjoint(cached("."))


def test_results_of_another_key_are_not_used(cached: Cached, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("one", "two"):
        monkeypatch.setenv("KVLINT_CACHE_KEY", key)
        assert cached(".") == ALL
        assert cached(".") == set()
    monkeypatch.delenv("KVLINT_CACHE_KEY")
    assert cached(".") == ALL


def test_empty_key_disables_the_cache(
    kvlint: Kvlint, project: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GitHub does not pass secrets to pull requests from forks."""
    monkeypatch.setenv("KVLINT_CACHE_KEY", "")
    said = kvlint(project, "--cache-dir", cache)
    assert said.err == "kvlint: the cache is not used, because KVLINT_CACHE_KEY is empty\n"
    assert not cache.exists()


def test_damaged_results_are_not_used(cached: Cached, cache: Path) -> None:
    assert cached(".") == ALL
    file = results_in(cache)[0]
    data = file.read_bytes()
    damaged = [
        b"", data[:10], data[:40], data[:-1], data + b"x", data[:60] + b"\xff" + data[61:], b"x" + data[1:],
        data.replace(b"other", b"OTHER"), data[:49] + b"\xdd\xff\xff\xff\xff",
    ]  # fmt: skip
    for one in damaged:
        file.write_bytes(one)
        assert cached(".") == ALL
        assert cached(".") == set()


def test_results_of_another_request_are_not_used(cached: Cached, cache: Path) -> None:
    cached(".")
    first = results_in(cache)[0]
    cached(".", "--select", "KV001")
    second = next(file for file in results_in(cache) if file != first)
    first.write_bytes(second.read_bytes())
    assert cached(".") == ALL


def test_a_lost_key_is_harmless(cached: Cached, cache: Path) -> None:
    assert cached(".") == ALL
    for key in (b"", b"short"):
        (cache / "results" / "key").write_bytes(key)
        assert cached(".") == ALL
        assert cached(".") == set()


@pytest.mark.parametrize("function", ["replace", "fdopen", "listdir", "utime"])
def test_a_full_disk_is_harmless(
    cached: Cached, cache: Path, project: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    assert cached(".") == ALL
    write(project / "other" / "main.tf", VAULT.format(name="new", on="false"))
    time.sleep(0.05)

    class Failing:
        def __getattr__(self, name: str) -> object:
            return self._fail if name == function else getattr(os, name)

        def _fail(self, *_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(cache_files, "os", Failing())
        assert cached(".") == {"other"}
    assert not list(cache.rglob("*.partial"))
    assert cached(".") <= {"other"}


def test_old_results_are_removed(cached: Cached, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_files, "MOST_FILES", 5)
    for number in range(8):
        cached(".", "--as-of", f"2026-11-0{number + 1}")
    assert len(list((cache / "results").iterdir())) <= 6
    assert cached(".", "--as-of", "2026-11-08") == set()
    old = results_in(cache)[0]
    partial = cache / "results" / "x.partial"
    partial.touch()
    for file in (old, partial):
        os.utime(file, (time.time() - 31 * 86_400,) * 2)
    cached(".", "--as-of", "2026-12-01")
    assert not old.exists()
    assert not partial.exists()


def test_the_size_is_limited(cached: Cached, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("azkvlint.linter.result_encoding.LARGEST", 1_000)
    monkeypatch.setattr("azkvlint.linter.result_store.LARGEST", 1_000)
    assert cached(".") == ALL
    assert not results_in(cache)


def test_processes_share_a_cache(installed: Path, project: Path, cache: Path) -> None:
    words = [sys.executable, "-m", "azkvlint", ".", "-f", "json", "--cache-dir", str(cache)]
    environment = {"PATH": os.environ["PATH"], "HOME": str(project.parent), "PYTHONPATH": str(installed)}

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(words, cwd=project, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    outputs = {one.communicate(timeout=120) for one in [start() for _ in range(4)]}
    outputs |= {start().communicate(timeout=120)}
    assert len(outputs) == 1
    assert not list(cache.rglob("*.partial"))
