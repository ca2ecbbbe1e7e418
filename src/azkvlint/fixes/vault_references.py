"""Which vault a piece of code or a command names: the one of a finding, another one, or one that is not known."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from typing import NamedTuple

import msgspec

from azkvlint.util.lazy_regex import regex

MODULE_FILES = (".tf", ".tofu", ".tf.json", ".tofu.json")
_LITERAL = regex(r"[A-Za-z][A-Za-z0-9-]{1,126}")
# A variable of a shell, of PowerShell or of a pipeline, and nothing else.
_VARIABLE = regex(r"\$\{?(?:env:|script:)?(\w+)\}?|\$\((\w+)\)|%(\w+)%")
_NAME = regex(r"[\w-]+")
_INTERPOLATION = regex(r"\$\{[^{}]*\}")
_RESOURCE = regex(r"(?<![\w.])(data\.)?(azurerm_key_vault(?:_managed_hardware_security_module)?)\.([\w-]+)")
_BICEP_NAME = regex(r"([A-Za-z_]\w*)[!?]?\.(?:properties|outputs|name)\b")
_IN_BICEP = r"^resource[ \t]+{}[ \t]+'[^'\n]*'[ \t]*(existing)?"
_BICEP_PROPERTY = regex(r"^[ \t]*name[ \t]*:[ \t]*'([^'\n]*)'", re.MULTILINE)
_DATA_NAME = regex(r"^[ \t]*name[ \t]*=[ \t]*\"([^\"\n]*)\"", re.MULTILINE)
_MOST_CHARACTERS = 1_000


class Relation(IntEnum):
    """How a file is related to a vault. ``LIKELY``: it reads an output with the name of one that exports the vault."""

    OTHER = 0
    POSSIBLE = 1
    LIKELY = 2
    SAME = 3


class Use(NamedTuple):
    """A place that uses a vault: ``reference`` names it, empty if that is not known.

    ``is_managed``: it is a resource or data source of Terraform. ``symbol`` is the name of a resource in a Bicep file,
    and ``is_declared``: the file deploys it.
    """

    reference: str
    is_managed: bool = False
    symbol: str = ""
    is_declared: bool = False


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

    def relation(self, use: Use, path: str, name_of: Callable[[str], str]) -> Relation:
        """Return the relation of a use in a file.

        ``name_of`` returns the name in Azure, as code, of a data source of Terraform beside it.
        """
        if path.lower().endswith(MODULE_FILES):
            return self._in_terraform(use.reference, path, name_of)
        if use.symbol and path == self.file and use.symbol == self.label:
            return Relation.SAME
        return Relation.OTHER if use.is_declared else self._of_name(use.reference)

    def _of_name(self, name: str) -> Relation:
        """Return the relation of a name in Azure, of which parts may be computed."""
        if not name or not self.names:
            return Relation.POSSIBLE
        parts = _INTERPOLATION.split(name.lower())
        if len(parts) == 1 and parts[0] in self.names:
            return Relation.SAME
        is_plain = all(_LITERAL.fullmatch(f"a{part}0") for part in parts)
        is_other = self.are_all and is_plain and not any(_matches(one, parts) for one in self.names)
        return Relation.OTHER if is_other else Relation.POSSIBLE

    def _in_terraform(self, reference: str, path: str, name_of: Callable[[str], str]) -> Relation:
        found = _RESOURCE.search(reference)
        relation = Relation.POSSIBLE
        if found is not None:
            is_declared = not found[1] and os.path.dirname(path) == os.path.dirname(self.file)
            if is_declared and (found[2], found[3]) == (self.declared_as, self.label):
                return Relation.SAME
            if not found[1] or ("/" not in self.declared_as and found[2] != self.declared_as):
                return Relation.OTHER
            relation = self._of_name(name_of(found[3]))
        elif _LITERAL.fullmatch(reference.strip('"')):
            relation = self._of_name(reference.strip('"'))
        is_exported = not self.outputs.isdisjoint(_NAME.findall(reference))
        return max(relation, Relation.LIKELY) if relation and is_exported else relation


def use_in_script(reference: str, text: str) -> Use:
    """Return the use of a reference in a script, which may be a variable that the text sets to one value."""
    variable = _VARIABLE.fullmatch(reference)
    if variable is None:
        return Use(reference)
    name = re.escape(variable[1] or variable[2] or variable[3])
    values = set(re.findall(rf"\b{name}\b[\"']?[ \t]*[:=][ \t]*[\"']?([^\s\"',;]+)", text, re.IGNORECASE))
    return Use(values.pop() if len(values) == 1 else "")


def use_in_bicep(reference: str, text: str) -> Use:
    """Return the use of a reference in a Bicep file, which may be a resource of the file."""
    symbol = _BICEP_NAME.search(reference)
    if symbol is None:
        return Use(reference if _LITERAL.fullmatch(reference) else "")
    match = re.search(_IN_BICEP.format(re.escape(symbol[1])), text, re.MULTILINE)
    if match is None or not match[1]:
        return Use("", symbol=symbol[1], is_declared=match is not None)
    name = _BICEP_PROPERTY.search(text, match.end(), match.end() + _MOST_CHARACTERS)
    return Use(name[1] if name is not None else "", symbol=symbol[1])


def _matches(name: str, parts: Sequence[str]) -> bool:
    """Return whether a name consists of some parts with anything between them."""
    if len(parts) == 1:
        return name == parts[0]
    at = len(parts[0])
    for part in parts[1:-1]:
        at = name.find(part, at) + len(part)
        if at < len(part):
            return False
    return name.startswith(parts[0]) and name.endswith(parts[-1]) and at <= len(name) - len(parts[-1])


def data_source_name(label: str, texts: Iterable[str]) -> str:
    """Return the name in Azure, as code, of the data source with a label in the texts of a module; empty if unknown."""
    declared = re.compile(rf'\bdata[ \t]+"azurerm_key_vault\w*"[ \t]+"{re.escape(label)}"')
    match = next(((found, text) for text in texts if (found := declared.search(text)) is not None), None)
    if match is None:
        return ""
    end = match[1].find("\n}", match[0].end(), match[0].end() + _MOST_CHARACTERS)
    name = _DATA_NAME.search(match[1], match[0].end(), end if end >= 0 else match[0].end() + _MOST_CHARACTERS)
    return name[1] if name is not None else ""
