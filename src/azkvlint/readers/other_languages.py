"""Find declarations of key vaults in languages that no reader evaluates, so that they are reported as not evaluated.

Only the names of types are searched for: a file is not parsed, and nothing of it is repeated but words of this module.

Sources: azure.github.io/azure-service-operator/reference/keyvault (API group ``keyvault.azure.com``; version 1 had
kinds of ``azure.microsoft.com``), marketplace.upbound.io/providers/upbound/provider-azure-keyvault (API groups
``keyvault.azure.upbound.io`` and, with a namespace, ``keyvault.azure.m.upbound.io``),
pulumi.com/registry/packages/azure-native/api-docs/keyvault and .../packages/azure/api-docs/keyvault,
docs.ansible.com/projects/ansible/latest/collections/azure/azcollection (modules whose names end in ``_info`` read), and
learn.microsoft.com/azure/developer/azure-developer-cli/azd-compose (``type: keyvault``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator

import msgspec

from azkvlint.model.finding import INPUT_INCOMPLETE, Problem
from azkvlint.model.location import Location, Region
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_files import read_start, reported_path

# Files with these names may be templates of such files.
_ENDINGS = (".yaml", ".yml", ".yaml.j2", ".yml.j2", ".yaml.tpl", ".yml.tpl", ".yaml.gotmpl", ".yml.gotmpl")
# No more bytes of a file, and no more files, are searched. What is longer is not written by hand.
_MOST_BYTES, _MOST_FILES = 1_000_000, 20_000
_WORD = b"keyvault"
_NAME = rb"(?:^(?:[ \t]|-[ \t]){0,60}+|[{,][ \t]{0,9})[\"']?"
_VALUE = rb"[\"']?[ \t]{0,9}:[ \t]{1,9}(?:&\w{1,50}[ \t]{1,9})?[\"']?"
_DECLARATION = regex(
    _NAME + rb"(?:"
    rb"apiVersion" + _VALUE + rb"(?:(?P<aso>keyvault\.azure\.com/)|"
    rb"(?P<crossplane>keyvault\.azure\.(?:[a-z]{1,20}\.){0,3}(?:upbound|crossplane)\.io/))"
    rb"|kind" + _VALUE + rb"(?P<aso1>KeyVault(?:Key)?)[\"']?[ \t\r]*$"
    rb"|type" + _VALUE + rb"(?:(?P<pulumi>azure(?:-native)?:keyvault(?:/[\w/]{0,99})?:)"
    rb"|(?P<azd>keyvault)[\"']?[ \t\r]*$)"
    rb"|(?:[\w-]{1,50}\.){0,5}(?P<ansible>azure_rm_keyvault(?:key|secret)?)[\"']?[ \t]{0,9}:"
    rb")",
    re.MULTILINE,
)
_LANGUAGES = {
    "aso": "Azure Service Operator", "aso1": "Azure Service Operator", "crossplane": "Crossplane", "pulumi": "Pulumi",
    "azd": "Azure Developer CLI", "ansible": "Ansible",
}  # fmt: skip
_BYTE_ORDER_MARKS = b"\xef\xbb\xbf\xff\xfe"
_OLD_GROUP = b"azure.microsoft.com/"
_AZD_NAMES = ("azure.yaml", "azure.yml")


class _FirstDeclaration(msgspec.Struct, frozen=True, gc=False):
    """The first declaration in a file: its language, its line, and the column after it."""

    language: str
    line: int
    end: int


def unread_declarations(files: Iterable[str], root: str, without: Collection[str] = ()) -> Iterator[Problem]:
    """Yield a note for each file that declares a key vault, or something in one, in a language that is not evaluated.

    ``files`` are the paths of files without the name of an input, and ``root`` is where reported names start.
    Those that are ``without`` the word ``keyvault`` are known.
    """
    number = 0
    for file in files:
        if not file.lower().endswith(_ENDINGS) or file in without:
            continue
        number += 1
        if number > _MOST_FILES:
            continue
        found = _declaration_in(os.path.basename(file), read_start(file, _MOST_BYTES))
        if found is not None:
            text = f"the file declares Key Vault resources for {found.language}, which were not evaluated"
            at = Location(path=reported_path(root, file), region=Region(found.line, 1, found.line, found.end))
            yield Problem(code=INPUT_INCOMPLETE, level="note", message=text, at=at)
    if number > _MOST_FILES:
        text = f"{number - _MOST_FILES:,} YAML files were not searched for Key Vault resources"
        yield Problem(code=INPUT_INCOMPLETE, level="note", message=text)


def _declaration_in(name: str, data: bytes) -> _FirstDeclaration | None:
    if b"\0" in data:  # UTF-16
        data = data.replace(b"\0", b"")
    if _WORD not in data.lower():
        return None
    data = data.lstrip(_BYTE_ORDER_MARKS)
    for match in _DECLARATION.finditer(data):
        kind = match.lastgroup or ""
        if (kind == "aso1" and _OLD_GROUP not in data) or (kind == "azd" and name.lower() not in _AZD_NAMES):
            continue
        start = match.start()
        return _FirstDeclaration(_LANGUAGES[kind], data.count(b"\n", 0, start) + 1, len(match[0]) + 1)
    return None
