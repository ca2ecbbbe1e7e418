"""The editors of text files by language: they change a value and keep everything else byte for byte."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from azkvlint.model.edit import Address, Code, Literal, Refusal, TextEdit

__all__ = ["Address", "Code", "Editor", "Literal", "editor_of"]

_HCL = (".tf", ".tofu", ".tfvars", ".hcl")
_BICEP = (".bicep", ".bicepparam")
_TERRAFORM_JSON = (".tf.json", ".tofu.json", ".tfvars.json")
_JSON = (".json", ".jsonc")
# Files and folders whose content a program writes.
_LOCK_FILES = (".lock.hcl", "lock.json")
_CACHES = frozenset({".terraform", ".terragrunt-cache", "node_modules"})


class Editor(Protocol):
    """Methods that return the edits for one change, none if nothing has to change. They raise Refusal.

    A container is a block, a declaration or an object. Its address is the span or pointer of a Location: that of its
    header, of the whole, or of an attribute in it. A ``path`` are the names from the container to the value.
    """

    def set_value(
        self,
        container: Address,
        path: tuple[str, ...],
        value: Literal,
        *,
        blocks: bool | None = None,
        beside: str | None = None,
    ) -> tuple[TextEdit, ...]:
        """Replace the value at a path, or insert it after the last argument or the one named ``beside``.

        Missing containers are created: in HCL as blocks or as objects, by ``blocks`` or as is usual there.
        """

    def replace_value(self, at: Address, value: Literal) -> tuple[TextEdit, ...]:
        """Replace the value of an attribute, or an expression in it."""

    def replace_text(self, at: Address, old: str, new: str) -> tuple[TextEdit, ...]:
        """Replace a part of a string literal, which must contain it once: an API version, the version of a key."""

    def remove(self, container: Address, path: tuple[str, ...]) -> tuple[TextEdit, ...]:
        """Remove an attribute or a block with its lines and the comment after it. ``()`` is the address itself."""

    def rename(self, container: Address, path: tuple[str, ...], name: str) -> tuple[TextEdit, ...]:
        """Rename an attribute or a block."""

    def add_block(self, container: Address, name: str, body: Mapping[str, Literal]) -> tuple[TextEdit, ...]:
        """Add a block, an object or an array's item, unless there is an equal one. Mappings in it are blocks in HCL."""

    def add_decorator(self, container: Address, name: str) -> tuple[TextEdit, ...]:
        """Add a decorator. ``secure`` is the secure type in an ARM template, and ``sensitive`` in Terraform."""


def editor_of(path: str, text: str) -> Editor:
    """Return the editor of a file. Raise Refusal if it is generated, invalid, or of another language."""
    folders, _, name = path.rpartition("/")
    name = name.lower()
    if name.endswith(_LOCK_FILES) or not _CACHES.isdisjoint(folders.split("/")):
        raise Refusal("the file is generated")
    if name.endswith(_HCL):
        from azkvlint.fixes.terraform_editor import TerraformEditor

        return TerraformEditor(path, text)
    if name.endswith(_BICEP):
        from azkvlint.fixes.bicep_editor import BicepEditor

        return BicepEditor(path, text)
    if name.endswith(_JSON):
        from azkvlint.fixes.json_editor import JsonEditor

        return JsonEditor(path, text, terraform=name.endswith(_TERRAFORM_JSON))
    raise Refusal("files of this kind cannot be edited")
