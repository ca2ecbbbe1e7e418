"""The outputs of a root module, as resources: whoever may read its state, or its log, may read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kvlint.expressions.operations import NOTHING
from kvlint.model.graph import Resource
from kvlint.model.value import Value
from kvlint.readers.origins import output, unmarked
from kvlint.readers.terraform.origins import ModuleOrigins

if TYPE_CHECKING:
    from kvlint.readers.terraform.folder import Declaration
    from kvlint.readers.terraform.instance import ModuleInstance


def outputs_of(instance: ModuleInstance) -> Iterator[Resource]:
    """The outputs of a module, with what each is made from."""
    for name, declaration in instance.folder.outputs.items():
        yield _output(instance, name, declaration)


def _output(instance: ModuleInstance, name: str, declaration: Declaration) -> Resource:
    block = declaration.block
    at = instance.place(declaration.path, block.start, block.head)
    piece = declaration.attributes.get("sensitive")
    marked: Value | None = None
    if piece is not None:
        marked = instance.run.frozen(instance.evaluate(piece, NOTHING))
    found = ModuleOrigins(instance, None).of(declaration.attributes.get("value"))
    return output(name, marked if marked is not None else unmarked(at), found, at)
