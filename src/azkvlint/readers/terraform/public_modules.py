"""Well-known Key Vault modules of the Terraform registry, for where they are not installed.

What such a module deploys with its inputs is told in Terraform's own language, so that it is evaluated like any other
module. A table holds for the releases that were read, as of 2026-09; what a module leaves open stays unknown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from azkvlint.model.provider_version import Version, constrained
from azkvlint.readers.terraform.folder import Folder, ModuleFile
from azkvlint.syntax.hcl.parse import parse_file
from azkvlint.util.lazy_regex import regex

_HOST = regex(r"registry\.(terraform\.io|opentofu\.org)/")
_UNREAD = 1_000
# The constraints for which Terraform installs release 0.10.1 of the AVM module, the one that differs.
_AVM_0_10_1 = regex(r"^\s*(?:<?=\s*)?0\.10\.1\s*$|<\s*0\.10\.2|<=\s*0\.10\.1")


class _Span(NamedTuple):
    """Releases from ``low`` to before ``high``. ``is_read``: their defaults are known, not their inputs alone."""

    low: Version
    high: Version
    is_read: bool = True


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
    """A well-known module. Unless it ``is_read``, it may be of a release that deploys more, or has other defaults."""

    def __init__(self, name: str, text: str, is_read: bool) -> None:
        # Its folder is none that there is, so that nothing beside it can be meant.
        directory = f"{name} {'as read' if is_read else 'unread'}"
        super().__init__("", directory, (ModuleFile("", parse_file(text)),), frozenset())
        self.is_read = is_read


_VARIABLE = regex(r'variable "(\w+)"')
_RELEASED = regex(r"(\w+)( += [^\n]*?)released\(([^()\n]*)\)")


def well_known(source: str, constraint: object) -> KnownModule | None:
    """What is known of a module by its source and version constraint; None if that is nothing."""
    name = _HOST.sub("", source.strip().lower(), count=1)
    spans = _SPANS.get(name)
    if spans is None or not isinstance(constraint, str):
        return None
    # Terraform installs the newest release that the constraint leaves.
    newest = constrained(constraint).high
    span = next((span for span in spans if span.low < newest <= span.high), None)
    return _folder(name, span.is_read, _AVM_0_10_1.search(constraint) is not None) if span is not None else None


@cache
def _folder(name: str, is_read: bool, is_avm_0_10_1: bool = False) -> KnownModule:
    """The module, parsed."""
    text = _text(name)
    if name.startswith("azure/"):
        text = text.replace(
            "NO_FIREWALL", "[]" if is_read and not is_avm_0_10_1 else "data.module.release.network_rules"
        )
    return KnownModule(name, _RELEASED.sub(r"\1\2\3", text) if is_read else _left_open(text), is_read)


def _text(name: str) -> str:
    match name.partition("/")[0]:
        case "azure":
            from azkvlint.readers.terraform.public.avm import TEXT
        case "claranet":
            from azkvlint.readers.terraform.public.claranet import TEXT
        case "cloudnationhq":
            from azkvlint.readers.terraform.public.cloudnation import TEXT
        case _:
            from azkvlint.readers.terraform.public.libre_devops import TEXT
    return TEXT


def _left_open(text: str) -> str:
    """The text with something unknown for each default: what it would be called, if it were told."""
    lines: list[str] = []
    variable = ""
    for line in text.splitlines():
        head = _VARIABLE.match(line)
        variable = head[1] if head is not None else variable
        lines.append(_RELEASED.sub(lambda match: _opened(match, variable), line))  # noqa: B023  # it is called at once
    return "\n".join(lines)


def _opened(match: re.Match[str], variable: str) -> str:
    name = variable if match[1] == "default" else match[1]
    return f"{match[1]}{match[2]}data.module.release.default_{name}"
