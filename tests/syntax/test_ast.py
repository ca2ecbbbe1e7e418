"""The child nodes of a node, compared with all fields that contain nodes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from azkvlint.syntax import ast
from azkvlint.syntax.bicep.parse import parse
from azkvlint.syntax.hcl.parse import parse_file

SAMPLES = Path(__file__).parents[2] / "samples"


def in_fields(node: ast.Node) -> Iterator[ast.Node]:
    for name in node.__struct_fields__:
        value = getattr(node, name)
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, ast.Node):
                yield one


def all_nodes(nodes: list[ast.Node]) -> Iterator[ast.Node]:
    while nodes:
        node = nodes.pop()
        yield node
        nodes += in_fields(node)


@pytest.mark.parametrize("file", sorted(SAMPLES.rglob("*.bicep")), ids=lambda file: str(file.relative_to(SAMPLES)))
def test_children_of_bicep_nodes_are_those_of_their_fields(file: Path) -> None:
    for node in all_nodes([*parse(file.read_text()).declarations]):
        assert ast.children(node) == list(in_fields(node))


@pytest.mark.parametrize("file", sorted(SAMPLES.rglob("*.tf")), ids=lambda file: str(file.relative_to(SAMPLES)))
def test_children_of_terraform_nodes_are_those_of_their_fields(file: Path) -> None:
    blocks = [*parse_file(file.read_text()).body.blocks]
    while blocks:
        block = blocks.pop()
        blocks += block.body.blocks
        for attribute in block.body.attributes.values():
            root = attribute.expression()
            for node in all_nodes([] if root is None else [root]):
                assert ast.children(node) == list(in_fields(node))
