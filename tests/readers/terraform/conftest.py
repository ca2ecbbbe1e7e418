"""Terraform files written into a folder and read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest

from azkvlint.config.run_config import Config
from azkvlint.derived.build_graph import build_graph
from azkvlint.linter.linter import check, exit_code
from azkvlint.model.finding import Finding, Problem, Report
from azkvlint.model.location import Location
from azkvlint.model.resource import RequiredAttributes, ResourceGraph
from azkvlint.model.value import Answer
from azkvlint.readers.terraform import TerraformSettings
from azkvlint.readers.terraform.folder import FolderCache
from azkvlint.readers.terraform.read import TerraformRead, read_root

ALL = RequiredAttributes(paths={}, reference_paths={}, everything=True)
NO_SETTINGS = TerraformSettings()


class Read(Protocol):
    """Reads the root module whose ``main.tf`` has this text, beside other files; ``at`` is its folder."""

    def __call__(
        self, text: str, files: Mapping[str, str] | None = None, at: str = ".", settings: TerraformSettings = ...
    ) -> TerraformRead: ...


@pytest.fixture
def read(tmp_path: Path) -> Read:
    root = tmp_path / "project"
    root.mkdir()

    def run(
        text: str, files: Mapping[str, str] | None = None, at: str = ".", settings: TerraformSettings = NO_SETTINGS
    ) -> TerraformRead:
        for path, content in {**(files or {}), f"{at}/main.tf": text}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(content, encoding="utf-8")
        directory = (root / at).resolve()
        found = read_root(at, str(directory), str(root.resolve()), FolderCache(ALL), settings)
        assert found is not None
        return found

    return run


def value(read: TerraformRead, address: str, *path: str | int) -> Answer:
    """An attribute of a resource."""
    return read.resources[address].attributes.select(path)


def plain(read: TerraformRead, address: str, *path: str | int) -> object:
    """A known attribute of a resource, as plain data."""
    return getattr(value(read, address, *path), "value", None)


def shown(read: TerraformRead, address: str, *path: str | int) -> str:
    """The text at the place of an attribute of a resource."""
    at = value(read, address, *path).at
    assert at.span is not None
    return read.files[at.path][slice(*at.span)]


def graph(read: TerraformRead, **vias: str) -> ResourceGraph:
    """The graph, with the references that attributes of types make."""
    types = {name.replace("_", "."): frozenset({type_.lower()}) for name, type_ in vias.items()}
    return build_graph(
        read.resources, RequiredAttributes(paths={}, reference_paths=types, everything=True), read.closed
    )


def messages(read: TerraformRead) -> list[tuple[str, str]]:
    """Level and message of each problem."""
    return [(problem.level, problem.message) for problem in read.problems]


class Verdict(NamedTuple):
    """What one rule says, and where: ``outcome`` is fail or unknown."""

    outcome: str
    path: str
    line: int


class CheckedModule:
    """The report on a project, by rule."""

    def __init__(self, report: Report, config: Config, root: Path) -> None:
        self.report = report
        self.code = exit_code(report, config)
        self.root = root

    def all(self, rule: str = "") -> list[Finding]:
        """The findings and unknown questions of a rule, in the order of the report."""
        found = (*self.report.findings, *self.report.unknown)
        return [finding for finding in found if finding.rule.id.startswith(rule)]

    def told(self, rule: str) -> list[Verdict]:
        """What a rule says: where nothing is told it holds, or is asked of nothing."""
        return [
            Verdict(finding.outcome.label, finding.at.path, finding.at.region.start_line if finding.at.region else 0)
            for finding in self.all(rule)
        ]

    def outcomes(self, rule: str) -> dict[str, str]:
        """The outcome on each resource of which a rule says anything."""
        return {one.address: finding.outcome.label for finding in self.all(rule) for one in finding.occurrences}

    def errors(self) -> list[tuple[str, int, str]]:
        """Path, line and message of each problem that makes the answer less than whole."""
        return [place_of(problem) for problem in self.report.problems if problem.level == "error"]

    def notes(self) -> list[tuple[str, int, str]]:
        """The same of all other problems."""
        return [place_of(problem) for problem in self.report.problems if problem.level != "error"]

    def text(self, finding: Finding) -> str:
        """What stands in the files at the place of a finding."""
        return text_at(self.root, finding.at)


def place_of(problem: Problem) -> tuple[str, int, str]:
    at = problem.at
    return (at.path if at else "", at.region.start_line if at and at.region else 0, problem.message)


def text_at(root: Path, at: Location) -> str:
    """What stands at a place."""
    region = at.region
    assert region is not None
    lines = (root / at.path).read_bytes().decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    lines = lines[region.start_line - 1 : region.end_line]
    lines[-1] = lines[-1][: region.end_column - 1]
    lines[0] = lines[0][region.start_column - 1 :]
    return "\n".join(lines)


class Judge(Protocol):
    """Judges the files of a project, by their paths; ``paths`` below it, all of it without any."""

    def __call__(self, files: Mapping[str, str | bytes] | str, *paths: str, **options: Any) -> CheckedModule: ...


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    """Whatever is not named, such as another module's file, stays from one call to the next."""
    root = tmp_path / "judged"
    root.mkdir()

    def run(files: Mapping[str, str | bytes] | str, *paths: str, **options: Any) -> CheckedModule:
        write(root, {"main.tf": files} if isinstance(files, str) else files)
        if "variable_files" in options:
            options["variable_files"] = tuple(str(root / one) for one in options["variable_files"])
        config = Config(paths=tuple(str(root / path) for path in paths) or (str(root),), jobs=1, **options)
        report = check(config)
        assert not [problem for problem in report.problems if "internal error" in problem.message]
        return CheckedModule(report, config, root)

    return run


def write(root: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files by their paths below a folder."""
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content if isinstance(content, bytes) else content.encode())


def vault(purge: str = "true", more: str = "", name: str = "kv") -> str:
    """A vault whose purge protection is an expression, on its second line; ``more`` stands behind it."""
    return (
        f'resource "azurerm_key_vault" "{name}" {{\n  purge_protection_enabled = {purge}\n  name = "{name}"\n{more}}}\n'
    )


def variable(name: str, default: str = "", type_: str = "", more: str = "") -> str:
    """A variable, whose default stands on its last line but one."""
    lines = [more, f"  type = {type_}" if type_ else "", f"  default = {default}" if default else ""]
    return f'variable "{name}" {{\n' + "".join(f"{line}\n" for line in lines if line) + "}\n"


def call(source: str = "./m", more: str = "", name: str = "m") -> str:
    """A module call; ``more`` begins on its third line."""
    return f'module "{name}" {{\n  source = "{source}"\n{more}}}\n'
