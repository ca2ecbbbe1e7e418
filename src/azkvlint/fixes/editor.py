"""The editors of text files by language: they change a value and keep everything else byte for byte."""

from __future__ import annotations

from azkvlint.fixes.tree_editor import TreeEditor as Editor
from azkvlint.model.edit import Address, Code, Literal, Refusal

__all__ = ["Address", "Code", "Editor", "Literal", "editor_of"]

_HCL = (".tf", ".tofu", ".tfvars", ".hcl")
_BICEP = (".bicep", ".bicepparam")
_TERRAFORM_JSON = (".tf.json", ".tofu.json", ".tfvars.json")
_JSON = (".json", ".jsonc")
# Files and folders whose content a program writes.
_LOCK_FILES = (".lock.hcl", "lock.json")
_CACHES = frozenset({".terraform", ".terragrunt-cache", "node_modules"})


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
