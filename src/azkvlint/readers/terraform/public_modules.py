"""Built-in support for public Key Vault modules of the Terraform registry that are not installed.

``data/modules`` holds a Terraform file for each, which is evaluated like any other module. A file describes the
releases that were read, as of 2026-09; what it does not know is read from ``data.module.release``, which is unknown.
``released(X)`` is a default that is X in the releases that were read and unknown in all others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from azkvlint.model.provider_version import Version, range_of_constraint
from azkvlint.readers.terraform.folder import Folder, ModuleFile
from azkvlint.syntax.hcl.parse import parse_file
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_files import read_data

_HOST = regex(r"registry\.(terraform\.io|opentofu\.org)/")
_UNREAD = 1_000
# The constraints for which Terraform installs release 0.10.1 of the AVM module, the one that differs.
_AVM_0_10_1 = regex(r"^\s*(?:<?=\s*)?0\.10\.1\s*$|<\s*0\.10\.2|<=\s*0\.10\.1")


class _Span(NamedTuple):
    """Releases from ``low`` to before ``high``. ``is_read``: their defaults are known, not their inputs alone."""

    low: Version
    high: Version
    is_read: bool = True


# The folder of each module below data/modules.
_FOLDERS: Mapping[str, str] = {
    "azure/avm-res-keyvault-vault/azurerm": "azure-avm-res-keyvault-vault",
    "claranet/keyvault/azurerm": "claranet-keyvault",
    "cloudnationhq/kv/azure": "cloudnationhq-kv",
    "libre-devops/keyvault/azurerm": "libre-devops-keyvault",
}
# Within a major version inputs keep their names; defaults may change, as one of claranet's did.
_SPANS: Mapping[str, tuple[_Span, ...]] = {
    "azure/avm-res-keyvault-vault/azurerm": (
        _Span((0, 5), (0, 12)),
        _Span((0, 12), (1, 0), is_read=False),
    ),
    "claranet/keyvault/azurerm": (
        _Span((8, 0), (8, _UNREAD)),
        _Span((8, _UNREAD), (9, 0), is_read=False),
    ),
    "cloudnationhq/kv/azure": (_Span((4, 0), (5, 0)),),
    "libre-devops/keyvault/azurerm": (
        _Span((4, 0), (4, 1)),
        _Span((4, 1), (5, 0), is_read=False),
    ),
}


class KnownModule(Folder):
    """A public module. Unless it ``is_read``, its release may deploy more or have other defaults."""

    def __init__(self, name: str, text: str, is_read: bool) -> None:
        # No such folder exists, so that no path in the module can lead to a file.
        directory = f"{name} {'as read' if is_read else 'unread'}"
        super().__init__("", directory, (ModuleFile("", parse_file(text)),), frozenset())
        self.is_read = is_read


_VARIABLE = regex(r'variable "(\w+)"')
_RELEASED = regex(r"(\w+)( += [^\n]*?)released\(([^()\n]*)\)")


def well_known(source: str, constraint: object) -> KnownModule | None:
    """Return the built-in description of a module by source and version constraint; None if there is none."""
    name = _HOST.sub("", source.strip().lower(), count=1)
    spans = _SPANS.get(name)
    if spans is None or not isinstance(constraint, str):
        return None
    # Terraform installs the newest release that the constraint leaves.
    newest = range_of_constraint(constraint).high
    span = next((span for span in spans if span.low < newest <= span.high), None)
    return _folder(name, span.is_read, _AVM_0_10_1.search(constraint) is not None) if span is not None else None


@cache
def _folder(name: str, is_read: bool, is_avm_0_10_1: bool = False) -> KnownModule:
    """Return the parsed module."""
    text = read_data(f"modules/{_FOLDERS[name]}/main.tf").decode()
    if is_read and not is_avm_0_10_1:
        text = text.replace("data.module.release.network_rules", "[]")
    return KnownModule(name, _RELEASED.sub(r"\1\2\3", text) if is_read else _without_defaults(text), is_read)


def _without_defaults(text: str) -> str:
    """Return the text with an unknown value for each default, named for its input."""
    lines: list[str] = []
    variable = ""
    for line in text.splitlines():
        head = _VARIABLE.match(line)
        variable = head[1] if head is not None else variable
        lines.append(_RELEASED.sub(lambda match: _unknown_default(match, variable), line))  # noqa: B023  # called at once
    return "\n".join(lines)


def _unknown_default(match: re.Match[str], variable: str) -> str:
    name = variable if match[1] == "default" else match[1]
    return f"{match[1]}{match[2]}data.module.release.default_{name}"
