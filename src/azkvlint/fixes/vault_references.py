"""Which vault a piece of code or a command names: the one of a finding, another one, or one that is not known.

Another one is only what a whole literal names, or a reference to a resource that the same module or file declares.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

import msgspec

from azkvlint.util.lazy_regex import regex

MODULE_FILES = (".tf", ".tofu", ".tf.json", ".tofu.json")
_NAME = r"[a-z](?:[a-z0-9-]{1,125})[a-z0-9]"
# A literal to which nothing is joined, in quotes or as a word of a command.
_LITERAL = regex(
    rf"([\"'])({_NAME})\1(?=[ \t]+-|[ \t]*(?:[),;}}\]|]|&&|\r?(?:\n|\Z)(?!\s{{0,99}}[+.&%\"'`])))"
    rf"|({_NAME})(?=[ \t]|\r?\n|\Z|[;)}}|]|&&)",
    re.IGNORECASE,
)
_HOST = regex(rf"(?<![\w.-])https?://({_NAME})\Z", re.IGNORECASE)
_LONGEST_HOST = 140
_WORD = regex(r"[\w-]+")
_REFERENCE = r"(data\.)?(azurerm_key_vault(?:_managed_hardware_security_module)?)\.([\w-]+)"
_RESOURCE = regex(rf"(?<![\w.-]){_REFERENCE}")
# An expression that consists of one reference.
_WHOLE = regex(rf"\"?(?:\$\{{)?{_REFERENCE}(?:\[[\w.\"-]+\])?(?:\.(?:id|resource_id|name|vault_uri|hsm_uri))?\}}?\"?,?")
_DECLARED = regex(
    r"^[ \t]*resource[ \t]+\"(azurerm_key_vault(?:_managed_hardware_security_module)?)\"[ \t]+\"([\w-]+)\"",
    re.MULTILINE,
)
_SYMBOL = regex(r"(?<![\w.!?\])])([A-Za-z_]\w*)[!?]?\.properties[!?]?\Z")
# What hides a resource of the same name in a loop or lambda.
_BICEP_LOCAL = regex(
    r"\bfor[ \t]{1,9}\(?(\w{1,99})(?:[ \t]{0,9},[ \t]{0,9}(\w{1,99}))?"
    r"|(?<!\w)(\w{1,99})[ \t]{0,9}(?:,[ \t]{0,9}(\w{1,99})[ \t]{0,9})?\)?[ \t]{0,9}=>"
)
_BICEP_RESOURCE = regex(
    r"^resource[ \t]+(\w+)[ \t]+'[^'\n]*'[ \t]*(existing[ \t]*)?=[ \t]*"
    r"(?:\{\s*(?:scope[ \t]*:[^\n{]*\n\s*)?name[ \t]*:[ \t]*'([A-Za-z0-9-]+)'[ \t]*\r?\n)?",
    re.MULTILINE,
)
# A name that is not literal has no group.
_WRITTEN_NAME = regex(
    r"^[ \t]*name[ \t]*(?:(?:=[ \t]*\"([\w-]+)\"|:[ \t]*'([\w-]+)')[ \t]*\r?$|[=:])",
    re.MULTILINE,
)
# The bracket of a block that is formatted, or the next block.
_END_OF_BLOCK = regex(r"\n(?:\}|[ \t]*(?:data|ephemeral|locals|module|output|provider|resource|variable)[ \t]+[\"{\w])")
_LONGEST_BLOCK = 3_000


class VaultRelation(IntEnum):
    """How a file is related to a vault. ``LIKELY``: it reads an output with the name of one that exports the vault."""

    OTHER = 0
    POSSIBLE = 1
    LIKELY = 2
    SAME = 3


class VaultReference(NamedTuple):
    """A place that uses a vault, which is not known if nothing is set.

    ``name`` is its name in Azure in lower case, ``reference`` an expression of Terraform that refers to it and
    ``symbol`` that of a Bicep file, which declares it if ``is_declared``. ``is_managed``: the place is a resource or
    data source of Terraform. ``folder`` is where a command runs.
    """

    name: str = ""
    reference: str = ""
    symbol: str = ""
    is_declared: bool = False
    is_managed: bool = False
    folder: str = ""


class DeclarationLookup(NamedTuple):
    """What the module of a file declares: ``name_of`` returns the literal name in Azure of a data source, or nothing.

    ``declares`` returns whether it certainly declares a resource with a type and a label.
    """

    name_of: Callable[[str], str]
    declares: Callable[[str, str], bool]


class VaultNames(msgspec.Struct, frozen=True):
    """What code calls a vault or managed HSM that is declared in a ``file``, a real path.

    ``declared_as`` and ``label`` are its type and its name in the language of that file, and ``names`` are those in
    Azure, in lower case; ``are_all``: no instance has another one. ``outputs`` are those that export it.
    """

    file: str
    declared_as: str
    label: str
    names: frozenset[str] = frozenset()
    are_all: bool = False
    outputs: frozenset[str] = frozenset()

    def relation(self, use: VaultReference, path: str, module: DeclarationLookup) -> VaultRelation:
        """Return the relation of a use in a file."""
        if use.reference:
            return self._of_reference(use.reference, path, module)
        if use.symbol and path == self.file:
            if use.symbol == self.label:
                return VaultRelation.SAME
            if use.is_declared:
                return VaultRelation.OTHER
        return self._of_name(use.name)

    def _of_name(self, name: str) -> VaultRelation:
        if name in self.names:
            return VaultRelation.SAME
        return VaultRelation.OTHER if name and self.are_all else VaultRelation.POSSIBLE

    def _of_reference(self, reference: str, path: str, module: DeclarationLookup) -> VaultRelation:
        own = self.declared_as, self.label
        is_here = os.path.dirname(path) == os.path.dirname(self.file)
        if is_here and any(not one[1] and (one[2], one[3]) == own for one in _RESOURCE.finditer(reference)):
            return VaultRelation.SAME
        relation = VaultRelation.POSSIBLE
        whole = _WHOLE.fullmatch(reference)
        if whole is not None and whole[1]:
            relation = self._of_name(module.name_of(whole[3]))
        elif whole is not None and ((whole[2], whole[3]) != own or module.declares(*own)):
            return VaultRelation.OTHER
        is_exported = not self.outputs.isdisjoint(_WORD.findall(reference))
        return max(relation, VaultRelation.LIKELY) if relation and is_exported else relation


def literal_at(text: str, at: int) -> str:
    """Return the name that a whole literal at an offset is, in lower case; empty if it is not one.

    Words in capital letters stand for something else.
    """
    match = _LITERAL.match(text, at)
    name = "" if match is None else match[2] or match[3]
    return "" if name.isupper() else name.lower()


def host_before(text: str, end: int) -> str:
    """Return the name of the vault in a URI whose domain begins at an offset; empty if it is not literal."""
    match = _HOST.search(text[max(end - _LONGEST_HOST, 0) : end])
    return "" if match is None or match[1].isupper() else match[1].lower()


def resources_of_bicep(text: str) -> dict[str, VaultReference]:
    """Return the resources of a Bicep file by their symbols, each as the use of it."""
    found: dict[str, VaultReference] = {}
    for match in _BICEP_RESOURCE.finditer(text):
        use = VaultReference((match[3] or "").lower(), symbol=match[1], is_declared=not match[2])
        found[match[1]] = use if match[1] not in found else VaultReference(symbol=match[1])
    for match in _BICEP_LOCAL.finditer(text) if found else ():
        found.update((name, VaultReference()) for name in match.groups() if name in found)
    return found


def symbol_before(text: str) -> str:
    """Return the symbol of the resource whose properties a Bicep expression reads at its end."""
    match = _SYMBOL.search(text)
    return "" if match is None else match[1]


def data_source_name(label: str, texts: Iterable[str]) -> str:
    """Return the name in Azure of the data source with a label in the texts of a module; empty if it is not literal."""
    declared = rf'^[ \t]*data[ \t]+"azurerm_key_vault\w*"[ \t]+"{re.escape(label)}"[ \t]*\{{[ \t]*\r?\n'
    blocks = [block_at(text, match.end() - 1) for text in texts for match in re.finditer(declared, text, re.MULTILINE)]
    names = [*names_in(blocks[0])] if len(blocks) == 1 else []
    return names[0] if len(names) == 1 else ""


def names_in(block: str) -> Iterator[str]:
    """Yield the names that a block sets, in lower case, each empty if it is not literal."""
    return ((one[1] or one[2] or "").lower() for one in _WRITTEN_NAME.finditer(block))


def block_at(text: str, start: int) -> str:
    """Return a block of Terraform or Bicep from an offset in it to its end."""
    end = _END_OF_BLOCK.search(text, start, start + _LONGEST_BLOCK)
    return text[start : start + _LONGEST_BLOCK if end is None else end.start()]


def vaults_of(texts: Iterable[str]) -> frozenset[tuple[str, str]]:
    """Return the vaults and managed HSMs that the texts of a module declare, each with its type and label."""
    return frozenset(one for text in texts for one in _DECLARED.findall(text))
