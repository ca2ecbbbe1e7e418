"""Which files of a checkout run commands, or use a vault, that a fix concerns.

Commands are those of Terraform, its wrappers, tasks and actions, Porter and azd, and of Azure CLI, PowerShell, REST and
SDKs. With ``--purge``, azd leaves vaults with purge protection out (Azure/azure-dev, getKeyVaultsToPurge of the
provider bicep). Comments do not count; what scripts print does. The types of azurerm that read or write
what is in a vault are those of the tables that belong to a vault, apart from access policies, which Azure Resource
Manager writes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property, partial
from itertools import islice
from string import ascii_letters, digits

from azkvlint.azure.azurerm.arguments import type_as_written
from azkvlint.azure.azurerm.resources import TYPES
from azkvlint.fixes.checkout import CheckoutFiles, contains, without_comments
from azkvlint.fixes.vault_references import (
    MODULE_FILES,
    DeclarationLookup,
    VaultNames,
    VaultReference,
    VaultRelation,
    block_at,
    data_source_name,
    host_before,
    literal_at,
    names_in,
    resources_of_bicep,
    symbol_before,
    vaults_of,
)
from azkvlint.model.effect import Effect
from azkvlint.model.finding import Declaration, Finding
from azkvlint.model.fix import Refusal
from azkvlint.readers.deployments import CONTINUATION
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_boundary import is_within, real_path

_BICEP = (".bicep", ".bicepparam")
# Of the files that certainly or most likely concern a vault, more are named.
_MOST_NAMED, _MOST_CERTAIN = 2, 5
_LINE = 500

_TOOLS = r"(?:t(?:erraform|ofu|erragrunt)|cdktf)"


def _of_tools(rest: str) -> str:
    """Return a pattern of a tool and what follows it."""
    return rf"t(?:erraform|ofu|erragrunt){rest}|cdktf{rest}"


_NEW_CLIENT = r"(?:async)?client(?:builder)?(?:::new)?\("
# All are searched in lower case, which takes far less time than to ignore case. All alternatives begin with a literal
# character, and what has to be before it follows: ``re`` then tries none at the other characters, a twentieth of the
# time.
_COMMANDS = {
    "destroy": regex(
        # A folded string of YAML has one command on several lines.
        _of_tools(
            rf"(?:(?:(?!{_TOOLS})[^\n|;&]|\n(?=[ \t]{{0,99}}(?:--?[a-z]|\$|destroy))){{0,200}}?[^a-z0-9|;&])?"
            r"destroye?\b"
        )
        + "|"
        + _of_tools(rf"(?:(?!{_TOOLS})[^\0]){{0,200}}?[\"'`]-{{0,2}}destroy[\"'`]")
        + r"|t(?<![a-z0-9.]t)f(?:_?(?:bin|cmd|cli|exe))?[)}]?[\"']?(?:[ \t](?:[^\n|;&]{0,60}?[ \t\"'])?|\.)destroy\b"
        # An object of a library such as python-terraform: other objects have such a method too.
        r"|i(?<!\wi)s[_-]?destroy\b|terraform\w{0,20}\((?:(?!terraform\w{0,20}\()[^\0]){0,2000}?\.destroy\(\)"
        r"|t(?<!\wt)erraform:[ \t]{0,9}\n(?:(?!terraform:)[^\0]){0,500}?\bstate:[ \t]{0,9}[\"']?absent\b"
        r"|-(?<![\w-]-)destroy\b|c(?<!\wc)ommand:[ \t]{0,9}[\"']?destroy\b"
        r"|u(?<!\wu)ninstall:\s{0,99}-[ \t]{0,9}terraform\b"
        r"|a(?<!\wa)zd\b(?:(?!azd\b)[^\n|;&]){0,200}?\bdown\b"
    ),
    "purge": regex(
        r"k(?<!\wk)eyvault\b(?:(?!keyvault)[^\n|;&]){0,100}?\bpurge\b|i(?<!\wi)nremoved(?:state)?\b"
        r"|d(?<!\wd)eletedvaults(?:(?!deletedvaults)[^\n]){1,200}?/purge\b"
        r"|purge_?deleted"
    ),
    "read": regex(
        r"k(?<!\wk)eyvault[\s\"',]{1,9}(?:-{1,2}[\w=-]{1,50}[\s\"',]{1,9}){0,5}"
        r"(?:secret|key|certificate|storage|backup|restore|security-domain)\b"
        r"|k(?<!\wk)eyvault:\s{1,99}(?:secret|certificate|uri)\b"
        r"|a(?<!\wa)z[ \t]{1,9}keyvault[ \t]{1,9}[\"']?[$%{]"
        r"|-az(?:ure)?keyvault(?:secret|key|certificate|managedstorage)"
        r"|a(?<!\wa)zurekeyvault@|g(?<!\wg)et-keyvault-secrets@|@microsoft\.keyvault\(|a(?<!\wa)kvs://"
        rf"|secret{_NEW_CLIENT}|key(?:vault)?{_NEW_CLIENT}|c(?:ertificate|ryptography){_NEW_CLIENT}"
        r"|a(?<!\wa)z(?:secrets|keys|certificates)\.newclient\(|a(?<!\wa)ddazurekeyvault"
        r"|s(?<!\ws)ecretstores\.azure\.keyvault\b"
        r"|s(?<!\ws)ecretproviderclass\b(?:(?!secretproviderclass)[^\0]){0,2000}?\bkeyvaultname\b"
        r"|\.(?:vault|managedhsm)\.(?:azure\.net|azure\.cn|usgovcloudapi\.net)\b|k(?<!\wk)eyvaultdns\b|\.vault_?uri\b"
    ),
}
_CLAUSES = {
    "destroy": "may contain commands that destroy resources",
    "purge": "may contain commands that purge deleted objects",
    "read": "may read or write keys, secrets or certificates",
}
# In lower case, what a text contains that one of the patterns matches: to search for a word takes no time.
_WORDS = {
    "destroy": ("destroy", "uninstall", "azd", "absent"),
    "purge": ("purge", "inremoved"),
    "read": ("vault", "managedhsm", "client(", "clientbuilder(", "client::new(", "akvs:"),
}
# What stands before the name of a vault: in a command, in a task, an action or its like, and in a call.
_OPTION = regex(r"(?:--(?:vault|hsm)-name|-vaultname)[ \t=:]+|(?<=@microsoft\.keyvault\()vaultname=", re.IGNORECASE)
_NAME_OPTION = regex(r"[ \t](?:--name|-n)[ \t=]+", re.IGNORECASE)
_INPUT = regex(r"\bkeyvault(?:_?name)?[\"']?[ \t]*:[ \t]*", re.IGNORECASE)
_NEXT_STEP = regex(r"\n[ \t]*-[ \t]")
_URI_ARGUMENT = regex(
    r"[ \t]*(?:\w+[ \t]*=[ \t]*)?(?:new[ \t]+uri\()?[\"'](https://[a-z0-9-]+)"
    r"\.(?:vault|managedhsm)\.azure\.(?:net|cn)/?[\"'][ \t]*\)?[ \t]*[,)]",
    re.IGNORECASE,
)
_OBJECT = regex(r"/(?:secrets|keys|certificates)/", re.IGNORECASE)
_STATEMENT = regex(r"(?:[^\n;|&]|&(?!&)){0,500}")
_FOLDER = regex(r"-chdir=([\"']?)([\w./-]+)\1(?=\s)")
_STATE = regex(r"[ \t]-{1,2}state\b")
_OF_REFERENCE = f"{ascii_letters}{digits}_.[]\"'!?*-"
_OF_BLOCK = regex(
    r"\b(?:key_vault_id|key_vault_key_id|managed_hsm_id|managed_hsm_key_id|vault_base_url)\"?[ \t]*[=:][ \t]*([^\n]+)"
)
_HEAD = regex(r"[ \t]*(?:\"[^\"\n]*\"|[\w-]+)[ \t]*\{[ \t]*\r?\n")
_HEADER = regex(
    r"^[ \t]*resource[ \t]+(?:\"([\w-]+)\"[ \t]+\"([\w-]+)\"|(\w+)[ \t]+'[^'\n]*'[ \t]*=)[ \t]*\{[ \t]*\r?$",
    re.MULTILINE,
)
_OUTPUT = regex(r'^output[ \t]+"([\w-]+)"[ \t]*\{', re.MULTILINE)
_WORD = regex(r"[\w-]{2,127}")
# What is read of one file or module. Above it, the vault of a use is not known.
_MOST_USES = 500


class Commands:
    """The files of a checkout with commands, which are searched once."""

    def __init__(self, checkout: CheckoutFiles) -> None:
        self._checkout = checkout
        self._found: dict[str, dict[str, list[VaultReference]]] = {}
        self._relations: dict[tuple[str, VaultNames], dict[str, VaultRelation]] = {}
        self._mentioned: dict[str, list[str]] = {}
        self._names_in: dict[str, frozenset[str]] = {}
        self._all_names: frozenset[str] = frozenset()
        self._outputs: dict[str, list[tuple[str, str]]] = {}
        self._names: dict[tuple[str, str], str] = {}
        self._vaults: dict[str, frozenset[tuple[str, str]]] = {}
        self._written: dict[str, dict[tuple[str, str], frozenset[str]]] = {}
        self._near_roots: dict[tuple[str, ...], dict[str, VaultRelation]] = {}
        self._declared: tuple[object, dict[object, list[Declaration]]] = (None, {})

    def effects(
        self,
        command: str,
        outcome: str,
        finding: Finding,
        real_path: Callable[[str], str],
        declared: Callable[[], Sequence[Declaration]],
    ) -> Iterator[Effect]:
        """Yield the effects of a fix on the files with a command, each with the files.

        ``real_path`` returns that of a reported path, and ``declared`` the evaluated declarations.
        """
        class_ = "access" if command == "read" else "apply-fails"
        try:
            uses = self._uses(command)
            if not uses:
                return
            if command == "destroy":
                roots = tuple(dict.fromkeys(real_path(one.root) for one in finding.occurrences))
                if roots not in self._near_roots:
                    self._near_roots[roots] = dict(self._near(uses, roots))
                relations: Mapping[str, VaultRelation] = self._near_roots[roots]
            else:
                relations = self._related(command, uses, self._names_of(finding, real_path, declared))
        except Refusal as refusal:
            yield Effect(class_, f"Scripts were not searched: {refusal.reason}.")
            return
        file = real_path(finding.at.path)
        managed = [path for path in relations if any(use.is_managed for use in uses[path])]
        for files, name, how in (
            ([path for path in relations if path not in managed], class_, ""),
            (managed, "apply-fails", " with Terraform"),
        ):
            if files:
                yield Effect(name, f"{self._listed(files, relations, file)} {_CLAUSES[command]}{how}, {outcome}")

    def _listed(self, files: Iterable[str], relations: Mapping[str, VaultRelation], file: str) -> str:
        """Return files for a message: those that concern the vault most, and are nearest to a file, first."""

        def order(path: str) -> tuple[int, int, str]:
            return -relations[path], -len(os.path.commonpath((os.path.dirname(path), file))), path

        paths = sorted(files, key=order)
        certain = sum(relations[path] > VaultRelation.POSSIBLE for path in paths)
        return self._checkout.in_order(paths, max(_MOST_NAMED, min(certain, _MOST_CERTAIN)))

    # --- what contains commands --------------------------------------------------------------------------------------

    def _uses(self, command: str) -> dict[str, list[VaultReference]]:
        """Return the files with a command, and what it concerns."""
        found = self._found.get(command)
        if found is None:
            found = self._found[command] = dict(self._search(command))
        return found

    def _search(self, command: str) -> Iterator[tuple[str, list[VaultReference]]]:
        checkout = self._checkout
        for path in (*checkout.scripts, *((*checkout.terraform, *checkout.templates) if command == "read" else ())):
            if command in self._mentioned_in(path):
                uses = list(_uses_in(_code_of(path, checkout.text(path)), command, path))
                if uses:
                    yield path, uses

    def _mentioned_in(self, path: str) -> list[str]:
        """Return the commands that a file may contain. It is searched once for all of them."""
        if path not in self._mentioned:
            lower = self._checkout.text(path).lower()
            self._mentioned[path] = [name for name, words in _WORDS.items() if contains(lower, words)]
        return self._mentioned[path]

    # --- which files concern a resource ------------------------------------------------------------------------------

    def _near(
        self, uses: Mapping[str, list[VaultReference]], roots: Sequence[str]
    ) -> Iterator[tuple[str, VaultRelation]]:
        """Yield the files with commands that may concern the resources of some roots.

        Only commands that all run in other modules, which they name in full, do not.
        """
        for path, of_file in uses.items():
            folder = os.path.dirname(path)
            named = [self._module_at(folder, use.folder) for use in of_file]
            if any(is_within(root, folder) or root in named for root in roots):
                yield path, VaultRelation.LIKELY
            elif not all(self._is_other(one, roots) for one in named):
                yield path, VaultRelation.POSSIBLE

    def _module_at(self, folder: str, named: str) -> str:
        """Return the module that a command in a folder names; empty if it is not known."""
        found = os.path.normpath(os.path.join(folder, named)) if named else ""
        return found if found in self._files_of else ""

    def _is_other(self, module: str, roots: Sequence[str]) -> bool:
        # A command may run in another folder than that of its file, where the path may lead to a module of that name.
        name = os.path.basename(module).lower()
        return (
            bool(module)
            and real_path(module) == module
            and all(os.path.basename(root).lower() != name for root in roots)
        )

    def _related(
        self, command: str, uses: Mapping[str, list[VaultReference]], vault: VaultNames
    ) -> Mapping[str, VaultRelation]:
        """Return the files whose uses may be of a vault."""
        known = self._relations.get((command, vault))
        if known is None:
            found = {path: self._relation(vault, path, of_file) for path, of_file in uses.items()}
            known = self._relations[command, vault] = {path: one for path, one in found.items() if one}
        return known

    def _relation(self, vault: VaultNames, path: str, uses: Iterable[VaultReference]) -> VaultRelation:
        if not vault.names.isdisjoint(self._names_of_file(path)):
            return VaultRelation.SAME
        folder = os.path.dirname(path)
        module = DeclarationLookup(partial(self._name_of, folder), partial(self._declares, folder))
        return max(vault.relation(use, path, module) for use in uses)

    def _names_of_file(self, path: str) -> frozenset[str]:
        """Return the names of evaluated vaults that a file contains, in lower case."""
        known = self._names_in.get(path)
        if known is None:
            words = _WORD.finditer(self._checkout.text(path).lower())
            known = self._names_in[path] = frozenset(one[0] for one in words if one[0] in self._all_names)
        return known

    def _name_of(self, folder: str, label: str) -> str:
        """Return the literal name in Azure of the data source with a label in a module."""
        if (folder, label) not in self._names:
            self._names[folder, label] = data_source_name(label, self._texts_of(folder))
        return self._names[folder, label]

    def _declares(self, folder: str, type_: str, label: str) -> bool:
        """Return whether a module declares a vault in files of its own, not in links."""
        if folder not in self._vaults:
            self._vaults[folder] = vaults_of(self._texts_of(folder))
        return (type_, label) in self._vaults[folder]

    def _texts_of(self, folder: str) -> Iterator[str]:
        for path in self._files_of.get(folder, ()):
            if not os.path.islink(path):
                yield without_comments(path, self._checkout.text(path))

    @cached_property
    def _files_of(self) -> Mapping[str, list[str]]:
        """Return the files of each module."""
        found: dict[str, list[str]] = {}
        for path in self._checkout.terraform:
            found.setdefault(os.path.dirname(path), []).append(path)
        return found

    def _names_of(
        self, finding: Finding, real_path: Callable[[str], str], declared: Callable[[], Sequence[Declaration]]
    ) -> VaultNames:
        """Return what code calls the vault of a finding."""
        at = finding.resource_at or finding.at
        evaluated = declared()
        if self._declared[0] is not evaluated:
            by_place: dict[object, list[Declaration]] = {}
            for one in evaluated:
                by_place.setdefault((one.at.path, one.at.span or one.at.pointer), []).append(one)
            self._declared = evaluated, by_place
            all_names = frozenset(name.lower() for one in evaluated for name in one.names)
            if all_names != self._all_names:
                self._all_names = all_names
                self._names_in.clear()
        found = self._declared[1].get((at.path, at.span or at.pointer), ())
        label = re.sub(r"\[[^\]]*\]", "", finding.resource).rpartition(".")[2]
        # A vault whose name is not known is called like its declaration.
        names = frozenset(name.lower() for one in found for name in one.names if name != label)
        file = real_path(at.path)
        # What a variable or parameter contains by default is not the name of every instance.
        key = finding.declared_as if file.endswith(MODULE_FILES) else "", label
        are_all = bool(names) and names == self._written_in(file).get(key)
        outputs = frozenset(self._exports(file, finding.declared_as, label))
        return VaultNames(file, finding.declared_as, label, names, are_all, outputs)

    def _written_in(self, file: str) -> Mapping[tuple[str, str], frozenset[str]]:
        """Return the literal names in Azure of the resources of a file by type, if it is Terraform, and label."""
        known = self._written.get(file)
        if known is None:
            known = self._written[file] = {}
            text = without_comments(file, self._checkout.text(file))
            for match in _HEADER.finditer(text):
                key = match[1] or "", match[2] or match[3]
                names = frozenset(names_in(block_at(text, match.end())))
                known[key] = names if key not in known else frozenset()
        return known

    def _exports(self, file: str, type_: str, label: str) -> Iterator[str]:
        """Yield the names of the outputs of a Terraform module that export a resource."""
        if file.endswith(MODULE_FILES):
            named = re.compile(rf"(?<![\w.]){re.escape(f'{type_}.{label}')}(?![\w-])")
            yield from (name for name, block in self._outputs_in(os.path.dirname(file)) if named.search(block))

    def _outputs_in(self, folder: str) -> list[tuple[str, str]]:
        """Return the outputs of a module, each with its text."""
        known = self._outputs.get(folder)
        if known is None:
            texts = map(self._checkout.text, self._files_of.get(folder, ()))
            found = ((one[1], block_at(text, one.end())) for text in texts for one in _OUTPUT.finditer(text))
            known = self._outputs[folder] = list(islice(found, _MOST_USES))
        return known


def _code_of(path: str, text: str) -> str:
    """Return a text without comments, and a script with each command on one line."""
    text = without_comments(path, text)
    is_code = path.lower().endswith((*MODULE_FILES, *_BICEP, ".json", ".jsonc"))
    return text if is_code else CONTINUATION.sub("", text)


def _uses_in(text: str, command: str, path: str) -> list[VaultReference]:
    """Return the places of a text that contain a command, each once."""
    lower = text.lower()
    # A few letters are longer in lower case.
    here = text if len(text) == len(lower) else lower
    matches = list(islice(_COMMANDS[command].finditer(lower), _MOST_USES))
    found: dict[VaultReference, None] = {}
    if command == "destroy":
        found.update(dict.fromkeys(VaultReference(folder=_folder_of(here, match)) for match in matches))
    else:
        resources = resources_of_bicep(here) if path.lower().endswith(_BICEP) else {}
        ends = [*(match.start() for match in matches[1:]), len(here)]
        reached = 0
        for match, end in zip(matches, ends, strict=False):
            if match.start() < reached:  # in the argument of a client
                continue
            if match[0].endswith("client("):
                argument = _URI_ARGUMENT.match(here, match.end())
                reached = 0 if argument is None else argument.end()
            found.update(dict.fromkeys(_uses_at(here, match, end, path, resources)))
    if command == "read" and path.lower().endswith(MODULE_FILES):
        managed = list(islice(_managed().finditer(text), _MOST_USES))
        found.update(dict.fromkeys(use for match in managed for use in _managed_at(text, match)))
        matches = max(matches, managed, key=len)
    if len(matches) == _MOST_USES:
        found[VaultReference()] = None
    return list(found)


def _folder_of(text: str, match: re.Match[str]) -> str:
    """Return the folder that a command of Terraform names; empty if it is not known."""
    statement = _STATEMENT.match(text, match.start())
    command = text[match.start() : match.end() if statement is None else max(statement.end(), match.end())]
    folders = _FOLDER.findall(command)
    if len(folders) != 1 or not command.lower().startswith(("terraform ", "tofu ")) or contains(command, "$\n"):
        return ""
    # Only the last part of a path is the same in whatever folder the command runs.
    folder = str(folders[0][1])
    is_named = os.path.basename(os.path.normpath(folder)) not in ("", ".", "..")
    return folder if is_named and _STATE.search(command) is None else ""


def _uses_at(
    text: str, match: re.Match[str], end: int, path: str, resources: Mapping[str, VaultReference]
) -> Iterator[VaultReference]:
    """Yield the uses of a command, a URI or a reference, of which the next one begins at ``end``."""
    word = match[0]
    before = text[max(match.start() - _LINE, 0) : match.start()]
    if word.startswith((".vault_uri", ".vaulturi")):
        reference = before[len(before.rstrip(_OF_REFERENCE)) :]
        is_terraform = path.lower().endswith(MODULE_FILES)
        if is_terraform:
            yield VaultReference(reference=f"{reference}.vault_uri")
        else:
            yield resources.get(symbol_before(reference), VaultReference())
    elif word.startswith("."):
        # An address without an object may be a default, or be changed before it is used.
        is_certain = _OBJECT.match(text, match.end()) is not None
        yield VaultReference(host_before(text, match.start()) if is_certain else "")
    elif word.endswith("(") and not word.startswith("@"):
        argument = _URI_ARGUMENT.match(text, match.end())
        yield VaultReference(host_before(argument[1], len(argument[1])) if argument is not None else "")
    else:
        yield from map(VaultReference, _names_behind(text, match, end) or [""])


def _names_behind(text: str, match: re.Match[str], end: int) -> list[str]:
    """Return the names behind a command, a task or a reference; empty where they are not literal."""
    word, start = match[0], match.start()
    if word.endswith("keyvaultname"):
        value = _INPUT.match(text, match.end() - len("keyvaultname"))
        return [literal_at(text, value.end())] if value is not None else []
    if word.endswith("@"):
        end = min(match.end() + _LINE, end)
        step = _NEXT_STEP.search(text, match.end(), end)
        found = _INPUT.finditer(text, match.end(), step.start() if step is not None else end)
        return [literal_at(text, one.end()) for one in found]
    if word.startswith("inremoved"):
        first = max(start - _LINE, 0)
        start = max(first - 1, *(text.rfind(mark, first, start) for mark in "\n;|&")) + 1
    statement = _STATEMENT.match(text, start)
    end = min(statement.end() if statement is not None else start, end)
    options = [*_OPTION.finditer(text, start, end)]
    if re.fullmatch(r"keyvault[ \t]+purge", word):
        options += _NAME_OPTION.finditer(text, start, end)
    return [literal_at(text, one.end()) for one in options]


def _managed_at(text: str, match: re.Match[str]) -> Iterator[VaultReference]:
    """Yield the uses of a resource or data source in Terraform."""
    head = _HEAD.match(text, match.end())
    found = _OF_BLOCK.findall(block_at(text, match.end()))
    # Without the usual layout, the text may be that of several blocks.
    found += [] if found and head is not None else [""]
    yield from (VaultReference(reference=one.strip(), is_managed=True) for one in found)


@cache
def _managed() -> re.Pattern[str]:
    """Return the pattern of a declaration in Terraform that reads or writes what is in a vault or managed HSM."""
    vaults, hsms = "Microsoft.KeyVault/vaults", "Microsoft.KeyVault/managedHSMs"
    prefixes = tuple(f"{type_as_written('azurerm_', type_)}_" for type_ in (vaults, hsms))
    by_manager = [
        name
        for name, type_ in TYPES.items()
        if f"{name}_".startswith(prefixes) and type_ in (vaults, hsms, f"{vaults}/accessPolicies")
    ]
    others = "|".join(rf"{name}\"" for name in by_manager)
    types = rf"\"(?!{others})(?:{'|'.join(prefixes)})\w+\""
    unquoted = types.replace('\\"', r"\b")
    return re.compile(
        rf"\b(?:resource|data|ephemeral)[ \t]+(?:{types}|{unquoted}\b)|{types}\s{{0,99}}:\s{{0,99}}[{{\[]"
    )
