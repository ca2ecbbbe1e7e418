"""Edit random files of random projects, and compare runs with the cache of results to runs without one.

``--seed S --first N --count 1`` repeats project N of a campaign, which prints the edits that lead to a difference.
"""

from __future__ import annotations

import argparse
import os
import random
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from azkvlint.__main__ import _run_with_error_handling
from azkvlint.linter.result_cache import ResultCache
from azkvlint.readers.units import Unit
from azkvlint.reporters import REPORTERS
from azkvlint.reporters.controls import CONTROLS_REPORTERS
from azkvlint.util.run_state import separate_run
from tests.linter.test_incremental_run import ARM, BICEP, GIVEN, VAULT, tree

STEPS_A_PROJECT = 25
SECRET = "Hunter2-correct-horse-battery"  # must not be in any file of the cache
_FORMATS = tuple(name for name in REPORTERS if name != "html")
_RULE = """id: OWN-{number}
name: own-{number}
title: {title}
severity: {severity}
resource: Microsoft.KeyVault/vaults
require:
  attribute: properties.softDeleteRetentionInDays
  at_least: {days}
message: "{{resource}} keeps deleted objects for too few days"
why: Deleted objects can be recovered for a time only.
fix: Set more days.
references: [https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview]
examples:
  - fails: Retention of 5 days
    terraform: |
      resource "azurerm_key_vault" "kv" {{
        soft_delete_retention_days = 5 # <- OWN-{number}
      }}
  - passes: Retention of 90 days
    terraform: |
      resource "azurerm_key_vault" "kv" {{
        soft_delete_retention_days = 90
      }}
"""
_CONDITIONAL = (
    'variable "on" {{\n  default = {on}\n}}\nvariable "db_password" {{\n  default = "{secret}"\n}}\n'
    'resource "azurerm_key_vault" "conditional" {{\n  count = var.on ? 1 : 0\n  name = "vault-${{var.db_password}}"\n'
    "  soft_delete_retention_days = {days}\n}}\n"
    'resource "azurerm_key_vault_secret" "s" {{\n  name = "s"\n  value = var.db_password\n'
    '  expiration_date = "{day}T00:00:00Z"\n  key_vault_id = one(azurerm_key_vault.conditional[*].id)\n}}\n'
)
_TERRAGRUNT = (
    'include "root" {{\n  path = find_in_parent_folders("{name}")\n}}\nterraform {{\n  source = "{source}"\n}}\n'
)
_RESTORED = "module restored 'br:example.azurecr.io/vault:{tag}' = {{\n  name: 'restored'\n}}\n"
_REGISTRY = ".bicep/br/example.azurecr.io/vault/v1$/main.json"


def _files() -> dict[str, list[str]]:
    """Return the texts that each file of a project may have; "" is no file, and the first is the initial one."""
    on = _CONDITIONAL.format(on="true", days=7, secret=SECRET, day="2026-12-24")
    off = VAULT.format(name="x", on="false")
    generator = '"metadata":{"_generator":{"name":"bicep"}},"resources"'
    return {
        **tree(),
        "e/main.tf": [
            on,
            _CONDITIONAL.format(on="false", days=90, secret=SECRET, day="2027-12-24"),
            "# kvlint: ignore-file[KV001] reason until=2026-12-01\n" + on,
            "#checkov:skip=CKV_AZURE_110:reason\n" + off,
            off + "# kvlint: ignore[KV001] at the end\n",
        ],
        "e/terraform.tfvars": ["", "on = false\n", f'db_password = "other-{SECRET}"\n', 'undeclared = "x"\n'],
        "e/modules.tf": ["", 'module "linked" {\n  source = "../linked"\n}\n'],
        "values.tfvars": ['on = true\nnames = ["a"]\n', "on = false\n"],
        "f/terragrunt.hcl": [
            _TERRAGRUNT.format(name="root.hcl", source="../modules/two"),
            _TERRAGRUNT.format(name="other.hcl", source="../modules/one"),
            "",
        ],
        "root.hcl": ['inputs = {\n  name = "x"\n}\n', "", "inputs {"],
        "fourth.bicep": [_RESTORED.format(tag="v1"), _RESTORED.format(tag="v2"), BICEP.format(name="r", on="false")],
        "fifth.bicepparam": ["", "using 'first.bicep'\n", "using 'second.bicep'\n"],
        "compiled.bicep": [BICEP.format(name="c", on="false"), BICEP.format(name="c", on="true"), ""],
        "compiled.json": [
            "",
            ARM.format(on="false").replace('"resources"', generator),
        ],
        "kvlint.toml": [
            "",
            'ignore = ["KV003"]\n',
            '[[override]]\nrules = ["KV001"]\nresources = ["*conditional*"]\nseverity = "low"\n',
            f'[[override]]\nresources = ["*{SECRET}*"]\nignore = true\nreason = "accepted"\n',
            'test-folders = ["a/"]\n',
            'rules = ["own"]\n',
        ],
        "own/OWN-1-own-1.yaml": [
            _RULE.format(number=1, title="Key vaults should keep objects", severity="high", days=90),
            _RULE.format(number=1, title="Key vaults should keep objects", severity="low", days=7),
            _RULE.format(number=1, title="Key vaults should retain objects", severity="low", days=7),
        ],
        "own.parameters.json": ["", GIVEN.format(days=8)],
        ".gitmodules": ["", '[submodule "m"]\n  path = modules/late\n'],
    }


FILES = _files()
# Each is one set of settings; some of them are changed together.
SETTINGS: tuple[tuple[str, ...], ...] = (
    (), (), ("--profile", "all"), ("--profile", "strict", "--strict"), ("--select", "KV0,OWN"), ("--ignore", "KV001"),
    ("--as-of", "2026-11-01"), ("--as-of", "2027-01-01"), ("--var", "on=false"), ("--var", f"db_password={SECRET}"),
    ("--var-file", "values.tfvars"), ("--closed",), ("--no-ignores",), ("--respect-peer-suppressions",),
    ("--set", "KV003.minimum=30"), ("--rules", "own", "--profile", "all"), ("--min-severity", "high"),
    ("--exclude", "modules/"), ("--isolated",), ("--parameters", "arm.parameters.json"), ("--source-root", "c"),
    ("--include-tests",), ("--fail-on", "high", "--show-unknown"), ("--baseline", "../baseline.json"),
)  # fmt: skip
PATHS = ((".",), (".",), (".",), ("a", "c", "e"), ("plan.json",), ("e", "first.bicep"), ("linked",))


class Case(NamedTuple):
    """One way to run kvlint."""

    command: str
    paths: tuple[str, ...]
    settings: tuple[str, ...]
    jobs: int
    by_content: bool
    key: str
    bicep: str


class Result(NamedTuple):
    """What a run writes: its exit code, standard error, and the content of its files by name."""

    code: int
    error: str
    files: Mapping[str, bytes]


class Difference(Exception):
    """Two runs differ."""


class Project:
    """A project in a folder, next to the folders of its cache, and the edits and cases of one sequence of steps."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.top = folder
        self.root = folder / "project"
        self.chance = chance
        self.edits: list[str] = []
        self.reused = self.evaluated = 0
        (self.root / ".git").mkdir(parents=True)
        (folder / "out").mkdir()
        (folder / "home").mkdir()
        (folder / "outside").mkdir()
        (folder / "outside" / "main.tf").write_text(VAULT.format(name="outside", on="false"), encoding="utf-8")
        registry = folder / "home" / _REGISTRY
        registry.parent.mkdir(parents=True)
        registry.write_text(ARM.format(on="false"), encoding="utf-8")
        for name, texts in FILES.items():
            self._write(self.root / name, texts[0] if chance.random() < 0.8 else chance.choice(texts))
        self.case = Case("check", (".",), (), 1, by_content=False, key="", bicep="")
        self._run(("json",), "--no-cache", "--write-baseline", "../baseline.json")

    # --- edits --------------------------------------------------------------------------------------------------------

    def edit(self) -> None:
        """Change one thing in the project, or how it is checked."""
        edits = (
            (30, self._set_text), (8, self._keep_times), (6, self._touch), (5, self._remove), (5, self._move),
            (4, self._copy), (6, self._link), (4, self._link_folder), (6, self._swap), (3, self._add_checkout),
            (3, self._mutate),
            (3, self._add_odd_name), (3, self._registry), (15, self._change_case), (4, self._damage_cache),
            (3, self._rewrite_all), (8, self._nothing),
        )  # fmt: skip
        (edit,) = self.chance.choices([one for _, one in edits], [weight for weight, _ in edits])
        try:
            described = edit()
        except OSError as error:  # such as a folder where there was a file
            described = f"{edit.__name__}: {error}"
        self.edits.append(described)

    def _any_file(self) -> Path:
        files = sorted(file for file in self.root.rglob("*") if file.is_file() and ".git" not in file.parts)
        return self.chance.choice(files) if files else self.root / "a" / "main.tf"

    def _any_folder(self) -> Path:
        folders = sorted(folder for folder in self.root.rglob("*") if folder.is_dir() and ".git" not in folder.parts)
        return self.chance.choice(folders) if folders else self.root

    def _write(self, file: Path, text: str) -> None:
        if not text:
            file.unlink(missing_ok=True)
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.is_symlink():
            file.unlink()
        file.write_text(text, encoding="utf-8")

    def _set_text(self) -> str:
        name, texts = self.chance.choice(list(FILES.items()))
        text = self.chance.choice(texts)
        self._write(self.root / name, text)
        return f"write {name}: {text!r}"

    def _keep_times(self) -> str:
        """Change a file without changing its size and times."""
        file = self._any_file()
        before, state = file.read_bytes(), file.stat()
        after = before.replace(b"false", b"true ") if b"false" in before else before.replace(b"true", b"null")
        file.write_bytes(after)
        os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
        return f"change {file} and keep its times"

    def _touch(self) -> str:
        file = self._any_file()
        when = self.chance.choice([1_700_000_000, time.time(), time.time() + 10_000])
        os.utime(file, (when, when))
        return f"touch {file} {when}"

    def _remove(self) -> str:
        what = self.chance.choice([self._any_file, self._any_folder])()
        if what.is_dir() and not what.is_symlink():
            if what != self.root:
                shutil.rmtree(what)
        else:
            what.unlink(missing_ok=True)
        return f"remove {what}"

    def _move(self) -> str:
        what = self.chance.choice([self._any_file, self._any_folder])()
        target = self._any_folder() / self.chance.choice([what.name, "moved.tf", "moved.bicep", "moved.json", "moved"])
        if what != self.root:
            what.rename(target)
        return f"move {what} to {target}"

    def _copy(self) -> str:
        what, target = self._any_file(), self._any_folder() / self.chance.choice(["copy.tf", "copy.json", "main.tf"])
        if what != target:
            target.unlink(missing_ok=True)
            if self.chance.random() < 0.5:
                shutil.copy(what, target)
            else:
                target.hardlink_to(what)
        return f"copy {what} to {target}"

    def _link(self) -> str:
        link = self._any_file()
        target = self.chance.choice([self._any_file(), self.top / "outside" / "main.tf", self.root / "nowhere"])
        if link != target:
            link.unlink(missing_ok=True)
            link.symlink_to(self.chance.choice([target, Path(os.path.relpath(target, link.parent))]))
        return f"link {link} to {target}"

    def _link_folder(self) -> str:
        link = self.chance.choice([self.root / "linked", self.root / "linked", self._any_folder()])
        folders = [
            self.root / "modules" / "one",
            self.root / "modules" / "two",
            self.top / "outside",
            self._any_folder(),
        ]
        target = self.chance.choice(folders)
        if link == self.root:
            return "nothing"
        if link.is_symlink():
            link.unlink()
        elif link.exists():
            shutil.rmtree(link)
        link.symlink_to(target)
        return f"link {link} to {target}"

    def _swap(self) -> str:
        """Replace an entry by another kind of the same name: a file, a folder with a source, a link, or a FIFO."""
        entry = self.chance.choice([self._any_file(), self._any_folder(), self.root / "z"])
        if entry == self.root:
            return "nothing"
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink(missing_ok=True)
        sources = [self.root / "e" / "main.tf", self.root / "a" / "main.tf"]
        kind = self.chance.choice(["file", "folder", "folder", "link", "link to nothing", "fifo"])
        match kind:
            case "file":
                entry.write_text(self.chance.choice(["hello", VAULT.format(name="z", on="false")]), encoding="utf-8")
            case "folder":
                entry.mkdir()
                texts = [source.read_text(encoding="utf-8") for source in sources if source.is_file()]
                (entry / "main.tf").write_text(self.chance.choice([*texts, ""]), encoding="utf-8")
            case "link":
                entry.symlink_to(self.chance.choice([self._any_file, self._any_folder])())
            case "link to nothing":
                entry.symlink_to(self.chance.choice([entry, self.root / "nowhere"]))
            case "fifo":
                os.mkfifo(entry)
        return f"replace {entry} by a {kind}"

    def _add_checkout(self) -> str:
        dotgit = self._any_folder() / ".git"
        if dotgit.is_dir():
            shutil.rmtree(dotgit)
        elif dotgit.exists():
            dotgit.unlink()
        elif self.chance.random() < 0.5:
            dotgit.mkdir()
        else:
            dotgit.write_text(f"gitdir: {self._any_folder()}\n", encoding="utf-8", errors="surrogateescape")
        return f"add or remove {dotgit}"

    def _mutate(self) -> str:
        file = self._any_file()
        lines = file.read_bytes().splitlines(keepends=True)
        if lines:
            at = self.chance.randrange(len(lines))
            lines[at : at + 1] = self.chance.choice([[], [lines[at], lines[at]], [lines[at][: len(lines[at]) // 2]]])
        file.write_bytes(b"".join(lines))
        return f"mutate {file}"

    def _add_odd_name(self) -> str:
        name = self.chance.choice([b"caf\xe9.tf", b"caf\xe9", "größe.tf".encode(), b"a b.bicep"])
        path = self._any_folder() / os.fsdecode(name)
        if b"." in name:
            path.write_bytes(VAULT.format(name="odd", on="false").encode())
        else:
            path.mkdir()
        return f"add {str(path)!r}"

    def _registry(self) -> str:
        file = self.top / "home" / _REGISTRY
        text = self.chance.choice(["", ARM.format(on="true"), ARM.format(on="false")])
        self._write(file, text)
        return f"write {file}: {text!r}"

    def _change_case(self) -> str:
        case, chance = self.case, self.chance
        match chance.randrange(8):
            case 0:
                case = case._replace(paths=chance.choice(PATHS))
            case 1 | 2 | 3:
                case = case._replace(settings=chance.choice(SETTINGS) + chance.choice(SETTINGS))
            case 4:
                case = case._replace(jobs=chance.choice((1, 1, 2)))
            case 5:
                case = case._replace(command=chance.choice(("check", "check", "controls", "suppressions")), settings=())
            case 6:
                case = case._replace(by_content=not case.by_content)
            case 7:
                case = case._replace(key=chance.choice(("", "one", "two")), bicep=chance.choice(("", "home/.bicep")))
        self.case = case
        return f"{case}"

    def _damage_cache(self) -> str:
        """Damage one file of the cache."""
        files = sorted((self.top / "cache").rglob("*.results")) + sorted((self.top / "cache").rglob("key"))
        if not files:
            return "nothing"
        file, chance = self.chance.choice(files), self.chance
        data = bytearray(file.read_bytes())
        match chance.randrange(4):
            case 0:
                del data[chance.randrange(len(data) + 1) :]
            case 1:
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            case 2:
                data += b"x"
            case 3:
                data[:] = chance.choice(files).read_bytes()
        file.write_bytes(data)
        return f"damage {file}"

    def _rewrite_all(self) -> str:
        """Write all files again with other times and inodes, as a new checkout does."""
        copied = self.top / "copied"
        for entry in self.root.rglob("*"):
            if entry.is_fifo():  # it cannot be copied
                entry.unlink()
        shutil.copytree(self.root, copied, symlinks=True, copy_function=shutil.copy)
        shutil.rmtree(self.root)
        copied.rename(self.root)
        return "write all files again"

    def _nothing(self) -> str:
        return "nothing"

    # --- runs ---------------------------------------------------------------------------------------------------------

    def compare(self) -> None:
        """Compare a run with the cache to one without. Raise Difference."""
        named = self.root / "a"  # some runs name it
        if not named.is_dir():
            named.unlink(missing_ok=True)
        named.mkdir(exist_ok=True)
        formats = tuple(self.chance.sample(_FORMATS, 3))
        cold = self._run(formats, "--no-cache")
        by = "content" if self.case.by_content else "time"
        with _counting() as counts:
            warm = self._run(formats, "--cache-dir", str(self.top / "cache"), "--cache-by", by)
        self.evaluated += counts.evaluated
        self.reused += counts.reused
        if cold != warm:
            names = [name for name in cold.files if cold.files[name] != warm.files.get(name)]
            raise Difference(f"{cold[:2]} {warm[:2]} {names}\n{self.case}\n" + "\n".join(self.edits))

    def _run(self, formats: Sequence[str], *words: str) -> Result:
        case, out = self.case, self.top / "out"
        known: Sequence[str] = formats
        if case.command != "check":
            known = tuple(CONTROLS_REPORTERS) if case.command == "controls" else ("text", "json")
        paths = [path for path in case.paths if (self.root / path).exists()] or ["."]
        arguments = [case.command, *paths, *case.settings, "--jobs", str(case.jobs), *words]
        for name in known:
            arguments += ["--format", f"{name}={out / name}"]
        if case.command == "check" and "sarif" in known and "--strict" in case.settings:
            arguments += ["--sarif-include", "passed"]
        for file in out.iterdir():
            file.unlink()
        environment = {"HOME": str(self.top / "home"), "PATH": os.environ["PATH"]}
        environment |= {"KVLINT_CACHE_KEY": case.key} if case.key else {}
        environment |= {"BICEP_CACHE_DIRECTORY": str(self.top / case.bicep)} if case.bicep else {}
        before, here = dict(os.environ), Path.cwd()
        os.chdir(self.root)
        os.environ.clear()
        os.environ.update(environment)
        try:
            with separate_run(), redirect_stderr(StringIO()) as error:
                code = _run_with_error_handling(arguments)
        finally:
            os.environ.clear()
            os.environ.update(before)
            os.chdir(here)
        return Result(code, error.getvalue(), {file.name: file.read_bytes() for file in sorted(out.iterdir())})

    def check_secrets(self) -> None:
        """Raise Difference if the cache contains a secret of the project."""
        for file in (self.top / "cache").rglob("*"):
            if file.is_file() and SECRET.encode() in file.read_bytes():
                raise Difference(f"{file} contains a secret\n" + "\n".join(self.edits))


class Counts:
    """The numbers of units that runs evaluated and reused."""

    evaluated = 0
    reused = 0


@contextmanager
def _counting() -> Iterator[Counts]:
    """Count the units of the runs in the context."""
    counts, save = Counts(), ResultCache.save

    def counted(self: ResultCache, units: Sequence[Unit]) -> None:
        counts.evaluated += len(self.evaluated)
        counts.reused += len(units) - len(self.evaluated)
        save(self, units)

    ResultCache.save = counted  # type: ignore[method-assign]
    try:
        yield counts
    finally:
        ResultCache.save = save  # type: ignore[method-assign]


def run_project(seed: str, steps: int) -> Project:
    """Take steps in one project, and return it. Raise Difference."""
    with tempfile.TemporaryDirectory(prefix="kvlint-cache-") as folder:
        project = Project(Path(folder).resolve(), random.Random(seed))  # noqa: S311  # no secret
        for _ in range(steps):
            project.compare()
            for _ in range(project.chance.choice((1, 1, 1, 2, 3))):
                project.edit()
        project.check_secrets()
        return project


def main(words: Sequence[str] | None = None) -> int:
    """Run a campaign and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.linter.cache_steps", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--steps", type=int, default=2_000, metavar="N", help="number of steps")
    parser.add_argument("--seed", metavar="S", help="seed of all projects (default: a random one)")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="number of the first project")
    parser.add_argument("--count", type=int, default=0, metavar="N", help="number of projects, instead of steps")
    arguments = parser.parse_args(words)
    seed = arguments.seed or secrets.token_hex(4)
    count = arguments.count or -(-arguments.steps // STEPS_A_PROJECT)
    print(f"seed {seed}: {count} projects of {STEPS_A_PROJECT} steps", flush=True)
    failures = reused = evaluated = 0
    for number in range(arguments.first, arguments.first + count):
        try:
            project = run_project(f"{seed} {number}", STEPS_A_PROJECT)
        except Difference as difference:
            failures += 1
            print(f"project {number}: {difference}", flush=True)
            continue
        reused, evaluated = reused + project.reused, evaluated + project.evaluated
        if number % 10 == 9:
            print(f"{number + 1 - arguments.first} projects, {reused} reused, {evaluated} evaluated", flush=True)
    print(f"{count * STEPS_A_PROJECT} steps: {failures} differences, {reused} results reused, {evaluated} evaluated")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
