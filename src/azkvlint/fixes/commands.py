"""Which files of a checkout run commands, or use a vault, that a fix concerns.

Commands are those of Terraform, its wrappers, tasks and actions, Porter and azd, and of Azure CLI, PowerShell, REST and
SDKs. With ``--purge``, azd leaves vaults with purge protection out (Azure/azure-dev, getKeyVaultsToPurge of the
provider bicep). Comments, and what scripts print, do not count. The types of azurerm that read or write
what is in a vault are those of the tables that belong to a vault, apart from access policies, which Azure Resource
Manager writes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property, partial
from itertools import islice, pairwise
from string import ascii_letters, digits

from azkvlint.azure.azurerm.arguments import type_as_written
from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.fixes.checkout import Checkout, contains, without_comments
from azkvlint.fixes.vault_references import (
    MODULE_FILES,
    Relation,
    Use,
    VaultNames,
    data_source_name,
    use_in_bicep,
    use_in_script,
)
from azkvlint.model.effect import Effect
from azkvlint.model.finding import Declaration, Finding
from azkvlint.model.fix import Refusal
from azkvlint.util.lazy_regex import regex

_BICEP = (".bicep", ".bicepparam")
_CONTINUATION = regex(r"[\\`^][ \t]{0,9}\r?\n")
# Of the files that certainly or most likely concern a vault, more are named.
_MOST_NAMED, _MOST_CERTAIN = 2, 5
_BLOCK, _LINE = 3_000, 500

# Comments behind code, and what scripts print.
_TRAILING = regex(r"^((?:[^\"'\n#]|\"[^\"\n]*\"|'[^'\n]*')*?[ \t])#[ \t!].*$", re.MULTILINE)
_PRINTED = regex(
    r"^([ \t]*(?:-[ \t]+)?(?:run:[ \t]*)?)"
    r"@?(?:echo|printf|write-(?:host|output|verbose|warning|information)|print(?=\()|console\.log)\b[^|;&`\n]*",
    re.MULTILINE | re.IGNORECASE,
)
# The options and subcommands before one.
_OPTIONS = (
    r"(?>[ \t]+(?:-(?!-?destroy\b)[^\s|;&]+(?:[ \t]+(?![\"']?destroy\b)[^\s|;&-][^\s|;&]*)?"
    r"|\"(?!destroy)[^\"\n]*\"|'(?!destroy)[^'\n]*'|\$[^\s|;&]*|run-all|run|apply|plan|stack|exec|--(?=[ \t]))){0,20}+"
)
_COMMANDS = {
    "destroy": regex(
        r"(?:\b(?:terraform|tofu|terragrunt)(?:\.exe)?[\"']?|\$[({]?(?:TERRAFORM|TOFU|TERRAGRUNT)[)}]?)"
        rf"{_OPTIONS}[ \t]+[\"']?-{{0,2}}destroy\b(?![ \t]*[=:][ \t]*[\"']?false)"
        r"|\b(?:terraform|tofu|terragrunt)(?:[\w./@-]{0,200}[./_-])destroy\b"
        r"|\bcommand:[ \t]{0,9}[\"']?destroy\b|\buninstall:\s{0,99}-[ \t]{0,9}terraform\b|\bazd[ \t]{1,9}down\b"
    ),
    # These two are searched in lower case, which takes far less time than to ignore case.
    "purge": regex(
        r"\bkeyvault[ \t]{1,9}(?:\w{1,20}[ \t]{1,9})?purge\b|-inremovedstate\b"
        r"|\bdeletedvaults/[^\n]{0,200}?/purge\b|\bbegin_?purge_?deleted|\bpurge_?deleted_?(?:vault|key|secret|certificate)"
    ),
    "read": regex(
        r"\bkeyvault[ \t]{1,9}(?:secret|key|certificate)\b|-azkeyvault(?:secret|key|certificate)\b|\bazurekeyvault@"
        r"|\bget-keyvault-secrets@|@microsoft\.keyvault\(|\b(?:secret|key|certificate)client\(|\bakvs://"
        r"|\.vault\.azure\.net\b|\bkeyvaultdns\b|\.vault_?uri\b"
    ),
}
_CLAUSES = {
    "destroy": "may contain commands that destroy resources",
    "purge": "may contain commands that purge deleted objects",
    "read": "may read or write keys, secrets or certificates",
}
# In lower case, what a text contains that one of the patterns matches: to search for a word takes no time.
_WORDS = {
    "destroy": ("destroy", "uninstall", "azd"),
    "purge": ("purge", "-inremovedstate"),
    "read": ("vault", "client(", "akvs:"),
}
# What names the vault of a command or reference: a group of the first pattern that matches.
_BEHIND = (
    regex(r"VaultName=([^;)]+)", re.IGNORECASE),
    regex(r"https?://([^\s/'\"()]*?)\.vault\.azure\.net", re.IGNORECASE),
    regex(r"(?:--(?:vault|hsm)-name|-VaultName)[ \t=:]+[\"']?([^\s\"']+)", re.IGNORECASE),
    regex(r"\bkeyvault(?:_?name)?[\"']?[ \t]*[:=][ \t]*[\"']?([^\s\"',}]+)", re.IGNORECASE),
    regex(r"\bkeyvault[ \t]+purge\b[^\n]{0,200}?[ \t](?:--name|-n)[ \t=]+[\"']?([^\s\"']+)"),
)
_OF_REFERENCE = f"{ascii_letters}{digits}_.[]\"'!?*-"
_OF_BLOCK = regex(
    r"\b(?:key_vault_id|key_vault_key_id|managed_hsm_id|managed_hsm_key_id|vault_base_url)\"?[ \t]*[=:][ \t]*([^\n]+)"
)
_OUTPUT = regex(r'^output[ \t]+"([\w-]+)"[ \t]*\{', re.MULTILINE)
_WORD = regex(r"[\w-]{2,127}")
_PATH = regex(r"(?<![^\s/=,;:])[^\s/=,;:]{1,100}(?:/[^\s/=,;:]{1,100})+")
# What is read of one file or module.
_MOST_USES, _MOST_REFERENCES, _MOST_PATHS, _MOST_WORDS = 500, 50, 10_000, 100_000


class Commands:
    """The files of a checkout with commands, which are searched once."""

    def __init__(self, checkout: Checkout) -> None:
        self._checkout = checkout
        self._found: dict[str, dict[str, list[Use]]] = {}
        self._relations: dict[tuple[str, VaultNames], dict[str, Relation]] = {}
        self._mentioned: dict[str, list[str]] = {}
        self._words: dict[str, frozenset[str]] = {}
        self._outputs: dict[str, list[tuple[str, str]]] = {}
        self._names: dict[tuple[str, str], str] = {}
        self._pairs: dict[str, frozenset[tuple[str, str]]] = {}
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
                roots = [real_path(one.root) for one in finding.occurrences]
                relations: Mapping[str, Relation] = dict(self._near(uses, roots))
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

    def _listed(self, files: Iterable[str], relations: Mapping[str, Relation], file: str) -> str:
        """Return files for a message: those that concern the vault most, and are nearest to a file, first."""

        def order(path: str) -> tuple[int, int, str]:
            return -relations[path], -len(os.path.commonpath((os.path.dirname(path), file))), path

        paths = sorted(files, key=order)
        certain = sum(relations[path] > Relation.POSSIBLE for path in paths)
        return self._checkout.in_order(paths, max(_MOST_NAMED, min(certain, _MOST_CERTAIN)))

    # --- what contains commands --------------------------------------------------------------------------------------

    def _uses(self, command: str) -> dict[str, list[Use]]:
        """Return the files with a command, and what it concerns."""
        found = self._found.get(command)
        if found is None:
            found = self._found[command] = dict(self._search(command))
        return found

    def _search(self, command: str) -> Iterator[tuple[str, list[Use]]]:
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

    def _near(self, paths: Collection[str], roots: Sequence[str]) -> Iterator[tuple[str, Relation]]:
        """Yield the files with commands that may concern the resources of some roots.

        Commands in a folder with modules concern these, and so do commands that name the folder of a module.
        """
        of_roots = set(map(_last_two, roots))
        modules = self._modules if not self._modules.isdisjoint(roots) else frozenset()
        for path in paths:
            folder = os.path.dirname(path)
            if any(_is_in(root, folder) for root in roots):
                yield path, Relation.LIKELY
            elif not any(_is_in(module, folder) for module in modules):
                named = self._folders_in(path) if modules else frozenset()
                if not of_roots.isdisjoint(named):
                    yield path, Relation.LIKELY
                elif self._pairs_of_modules.isdisjoint(named):
                    yield path, Relation.POSSIBLE

    @cached_property
    def _modules(self) -> frozenset[str]:
        return frozenset(os.path.dirname(path) for path in self._checkout.terraform)

    @cached_property
    def _pairs_of_modules(self) -> frozenset[tuple[str, str]]:
        return frozenset(map(_last_two, self._modules))

    def _folders_in(self, path: str) -> frozenset[tuple[str, str]]:
        """Return each two names of a path that follow each other, of all paths in a file.

        A name that is a variable may be that of any folder there.
        """
        known = self._pairs.get(path)
        if known is None:
            found: set[tuple[str, str]] = set()
            for match in islice(_PATH.finditer(self._checkout.text(path)), _MOST_PATHS):
                parts = [part.strip("\"'(){}`") for part in match[0].split("/")]
                found.update(pairwise(parts))
            computed = {above for above, name in found if name.startswith("$")}
            found.update(pair for pair in self._pairs_of_modules if pair[0] in computed)
            known = self._pairs[path] = frozenset(found)
        return known

    def _related(self, command: str, uses: Mapping[str, list[Use]], vault: VaultNames) -> Mapping[str, Relation]:
        """Return the files whose uses may be of a vault."""
        known = self._relations.get((command, vault))
        if known is None:
            found = {path: self._relation(vault, path, of_file) for path, of_file in uses.items()}
            known = self._relations[command, vault] = {path: one for path, one in found.items() if one}
        return known

    def _relation(self, vault: VaultNames, path: str, uses: Iterable[Use]) -> Relation:
        if not vault.names.isdisjoint(self._words_in(path)):
            return Relation.SAME
        name_of = partial(self._name_of, os.path.dirname(path))
        return max(vault.relation(use, path, name_of) for use in uses)

    def _words_in(self, path: str) -> frozenset[str]:
        """Return the words of a file in lower case, of which one may be the name of a vault."""
        known = self._words.get(path)
        if known is None:
            found = islice(_WORD.finditer(self._checkout.text(path).lower()), _MOST_WORDS)
            known = self._words[path] = frozenset(match[0] for match in found)
        return known

    def _name_of(self, folder: str, label: str) -> str:
        """Return the name in Azure, as code, of the data source with a label in a module."""
        if (folder, label) not in self._names:
            texts = (self._checkout.text(one) for one in self._checkout.terraform if os.path.dirname(one) == folder)
            self._names[folder, label] = data_source_name(label, texts)
        return self._names[folder, label]

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
        found = self._declared[1].get((at.path, at.span or at.pointer), ())
        label = re.sub(r"\[[^\]]*\]", "", finding.resource).rpartition(".")[2]
        # A vault whose name is not known is called like its declaration.
        names = frozenset(name.lower() for one in found for name in one.names if name != label)
        are_all = bool(names) and all(label not in one.names and len(one.names) >= one.instances for one in found)
        file = real_path(at.path)
        outputs = frozenset(self._exports(file, finding.declared_as, label))
        return VaultNames(file, finding.declared_as, label, names, are_all, outputs)

    def _exports(self, file: str, type_: str, label: str) -> Iterator[str]:
        """Yield the names of the outputs of a Terraform module that export a resource."""
        if file.endswith(MODULE_FILES):
            named = re.compile(rf"(?<![\w.]){re.escape(f'{type_}.{label}')}(?![\w-])")
            yield from (name for name, block in self._outputs_in(os.path.dirname(file)) if named.search(block))

    def _outputs_in(self, folder: str) -> list[tuple[str, str]]:
        """Return the outputs of a module, each with its text."""
        known = self._outputs.get(folder)
        if known is None:
            paths = (path for path in self._checkout.terraform if os.path.dirname(path) == folder)
            texts = map(self._checkout.text, paths)
            found = ((one[1], _block_at(text, one.end())) for text in texts for one in _OUTPUT.finditer(text))
            known = self._outputs[folder] = list(islice(found, _MOST_USES))
        return known


def _block_at(text: str, start: int) -> str:
    """Return a block of Terraform from an offset in it, up to the line with its bracket."""
    end = text.find("\n}", start, start + _BLOCK)
    return text[start : end if end >= 0 else start + _BLOCK]


def _last_two(folder: str) -> tuple[str, str]:
    above, name = os.path.split(folder)
    return os.path.basename(above), name


def _is_in(folder: str, other: str) -> bool:
    return folder == other or folder.startswith(other.rstrip(os.sep) + os.sep)


def _code_of(path: str, text: str) -> str:
    """Return a text without comments, and a script without what it prints."""
    text = without_comments(text)
    if path.lower().endswith((*MODULE_FILES, *_BICEP, ".json", ".jsonc")):
        return text
    text = _TRAILING.sub(r"\1", _CONTINUATION.sub(" ", text))
    return _PRINTED.sub(r"\1", text)


def _uses_in(text: str, command: str, path: str) -> Iterator[Use]:
    """Yield the places of a text that contain a command."""
    if command == "destroy":
        if _COMMANDS[command].search(text) is not None:
            yield Use("")
        return
    lower = text.lower()
    # A few letters are longer in lower case.
    here = text if len(text) == len(lower) else lower
    matches = islice(_COMMANDS[command].finditer(lower), _MOST_USES)
    references = dict.fromkeys(_reference_at(here, match) for match in matches)
    for number, reference in enumerate(references):
        if number == _MOST_REFERENCES:
            yield Use("")
            break
        yield _use_of(reference, path, text)
    if command == "read" and path.lower().endswith(MODULE_FILES):
        for match in islice(_managed().finditer(text), _MOST_USES):
            named = _OF_BLOCK.search(_block_at(text, match.end()))
            yield Use(named[1].strip() if named is not None else "", is_managed=True)


def _use_of(reference: str, path: str, text: str) -> Use:
    """Return the use of a reference in a file."""
    lower = path.lower()
    if lower.endswith(_BICEP):
        return use_in_bicep(reference, text)
    return Use(reference) if lower.endswith((*MODULE_FILES, ".json", ".jsonc")) else use_in_script(reference, text)


def _reference_at(text: str, match: re.Match[str]) -> str:
    """Return what names the vault of a command, a URI or a reference."""
    word = match[0]
    if word.startswith((".vault_uri", ".vaulturi")):
        before = text[max(match.start() - _LINE, 0) : match.start()]
        return f"{before[len(before.rstrip(_OF_REFERENCE)) :]}{match[0]}"
    # A task or an action is followed by its inputs.
    lines = text[match.end() : match.end() + _LINE].split("\n")[: 6 if word.endswith("@") else 1]
    before = text[max(match.start() - _LINE, 0) : match.start()].rpartition("\n")[2]
    here = f"{before}{match[0]}{chr(10).join(lines)}"
    return next((found[1] for pattern in _BEHIND if (found := pattern.search(here)) is not None), "")


@cache
def _managed() -> re.Pattern[str]:
    """Return the pattern of a declaration in Terraform that reads or writes what is in a vault or managed HSM."""
    vaults, hsms = "Microsoft.KeyVault/vaults", "Microsoft.KeyVault/managedHSMs"
    prefixes = tuple(f"{type_as_written('azurerm_', type_)}_" for type_ in (vaults, hsms))
    by_manager = [
        name
        for name, mapped in RESOURCES.items()
        if f"{name}_".startswith(prefixes) and mapped.type in (vaults, hsms, f"{vaults}/accessPolicies")
    ]
    others = "|".join(rf"{name}\"" for name in by_manager)
    types = rf"\"(?!{others})(?:{'|'.join(prefixes)})\w+\""
    return re.compile(rf"\b(?:resource|data|ephemeral)[ \t]+{types}|{types}[ \t]*:[ \t]*[{{\[]")
