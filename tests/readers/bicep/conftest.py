"""Bicep files written into a folder and read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import pytest

from azkvlint.derived.build_graph import build_graph
from azkvlint.model.resource import RequiredAttributes, ResourceGraph
from azkvlint.model.value import Answer
from azkvlint.readers.bicep.files import BicepRun, ModuleCache
from azkvlint.readers.bicep.read import BicepRead, read_bicep, read_bicepparam

ALL = RequiredAttributes(paths={}, reference_paths={}, everything=True)


class Read(Protocol):
    """Reads ``main.bicep`` with this text, or ``main.bicepparam``, beside other files."""

    def __call__(
        self,
        text: str,
        files: Mapping[str, str] | None = None,
        required: RequiredAttributes = ALL,
        parameters: bool = False,
    ) -> BicepRead: ...


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """What is read lies in the folder ``project``; the home folder is empty."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("BICEP_CACHE_DIRECTORY", raising=False)
    root = tmp_path / "project"
    root.mkdir()

    def run(
        text: str, files: Mapping[str, str] | None = None, required: RequiredAttributes = ALL, parameters: bool = False
    ) -> BicepRead:
        name = "main.bicepparam" if parameters else "main.bicep"
        for path, content in {**(files or {}), name: text}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(content, encoding="utf-8")
        reader = read_bicepparam if parameters else read_bicep
        return reader(BicepRun(name, text, required, ModuleCache(), str(root)), str(root / name))

    return run


def value(read: BicepRead, address: str, *path: str | int) -> Answer:
    """An attribute of a resource."""
    return read.resources[address].attributes.select(path)


def plain(read: BicepRead, address: str, *path: str | int) -> object:
    """A known attribute of a resource, as plain data."""
    return getattr(value(read, address, *path), "value", None)


def shown(read: BicepRead, address: str, *path: str | int) -> str:
    """The text at the place of an attribute of a resource."""
    at = value(read, address, *path).at
    assert at.span is not None
    return read.files[at.path][slice(*at.span)]


def graph(read: BicepRead, **vias: str) -> ResourceGraph:
    """The graph, with the references that attributes of types make."""
    types = {name.replace("_", "."): frozenset({type_.lower()}) for name, type_ in vias.items()}
    return build_graph(
        read.resources, RequiredAttributes(paths={}, reference_paths=types, everything=True), read.closed
    )


def messages(read: BicepRead) -> list[tuple[str, str, str]]:
    """Code, level and message of each problem."""
    return [(problem.code, problem.level, problem.message) for problem in read.problems]
