"""Report resources of Bicep extensions that have to do with key vaults: they are not Azure resources of a template.

Source: learn.microsoft.com/azure/azure-resource-manager/bicep/bicep-extension and .../bicep/local-deploy. Their types
have no namespace of a resource provider, such as ``secret`` or ``core/Secret@v1``.
"""

from __future__ import annotations

from collections.abc import Iterator

from azkvlint.model.finding import INPUT_INCOMPLETE
from azkvlint.model.location import Location
from azkvlint.readers.bicep.document import BicepDocument
from azkvlint.readers.bicep.files import BicepRun
from azkvlint.readers.deployment.declarations import body_of, inner_resources, written_type
from azkvlint.syntax import ast

_KEYWORDS = frozenset({"extension", "import", "provider"})
_VAULT = "vault"
# Types of what a key vault contains, as an extension for key vaults alone may name them.
_CONTENTS = frozenset({"secret", "key", "certificate"})


def report_extensions(run: BicepRun) -> None:
    """Report the first such resource of each file that was read."""
    for file in run.sources.values():
        extensions = [one for one in file.declarations(ast.Other) if one.keyword in _KEYWORDS]
        if not extensions:
            continue
        written = " ".join(file.text[one.start : one.end] for one in extensions).lower()
        found = [node for node in _resources(file) if _VAULT in written or _is_of_vault(node)]
        if found:
            first = found[0]
            more = f" and {len(found) - 1} more" if len(found) > 1 else ""
            text = f"resource `{first.name}`{more} of a Bicep extension, which may be in a key vault, was not evaluated"
            run.problem(
                INPUT_INCOMPLETE, "note", text, Location(path=file.path, span=(first.start, first.head or first.end))
            )


def _resources(file: BicepDocument) -> Iterator[ast.ResourceDeclaration]:
    """Yield the resources of extensions."""
    for node in file.declarations(ast.ResourceDeclaration):
        type_ = written_type(node)
        if not node.existing and type_ is not None and "." not in type_.partition("/")[0]:
            yield node


def _is_of_vault(node: ast.ResourceDeclaration) -> bool:
    """Return whether the type, or the name of a member, is about key vaults."""
    type_ = (written_type(node) or "").lower()
    members = (one.key for one in body_of(node.body).members if isinstance(one, ast.Property))
    return (
        _VAULT in type_
        or type_ in _CONTENTS
        or any(isinstance(key, str) and _VAULT in key.lower() for key in members)
        or any(map(_is_of_vault, inner_resources(node)))
    )
