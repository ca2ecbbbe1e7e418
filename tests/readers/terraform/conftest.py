"""Terraform files written into a folder and read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import pytest

from kvlint.model.graph import Demand, ResourceGraph
from kvlint.model.value import Answer, select
from kvlint.readers.build import build_graph
from kvlint.readers.terraform.cache import FolderCache
from kvlint.readers.terraform.read import TerraformRead, read_root
from kvlint.readers.terraform.settings import Settings

ALL = Demand(paths={}, vias={}, everything=True)


class Read(Protocol):
    """Reads the root module whose ``main.tf`` has this text, beside other files; ``at`` is its folder."""

    def __call__(
        self, text: str, files: Mapping[str, str] | None = None, at: str = ".", settings: Settings = ...
    ) -> TerraformRead: ...


@pytest.fixture
def read(tmp_path: Path) -> Read:
    root = tmp_path / "project"
    root.mkdir()

    def run(
        text: str, files: Mapping[str, str] | None = None, at: str = ".", settings: Settings = Settings()
    ) -> TerraformRead:
        for path, content in {**(files or {}), f"{at}/main.tf": text}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(content, encoding="utf-8")
        directory = (root / at).resolve()
        found = read_root(at, str(directory), str(root.resolve()), ALL, FolderCache(ALL), settings)
        assert found is not None
        return found

    return run


def value(read: TerraformRead, address: str, *path: str | int) -> Answer:
    """An attribute of a resource."""
    return select(read.resources[address].attributes, path)


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
    return build_graph(read.resources, Demand(paths={}, vias=types, everything=True), read.closed)


def messages(read: TerraformRead) -> list[tuple[str, str]]:
    """Level and message of each problem."""
    return [(problem.level, problem.message) for problem in read.problems]
