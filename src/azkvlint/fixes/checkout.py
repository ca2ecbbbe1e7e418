"""Who else reads what an edit changes: a search of the whole checkout, not only of the inputs of a run.

Files are read as text, once, with the first edit. What may be a reader counts as one, because an edit that breaks
a deployment costs more than a refusal.

Sources of what reads a file: developer.hashicorp.com/terraform/language/modules/sources (local paths),
learn.microsoft.com/azure/azure-resource-manager/bicep/modules and /templates/linked-templates, and
docs.terragrunt.com/reference/hcl/blocks (``terraform``). Sources of what reads an output of a deployment:
learn.microsoft.com/azure/azure-resource-manager/templates/outputs, the input ``deploymentOutputs`` of the task
AzureResourceManagerTemplateDeployment, and azd, which keeps all outputs
(learn.microsoft.com/azure/developer/azure-developer-cli/manage-environment-variables).

Terraform redacts sensitive outputs without ``-json`` or ``-raw`` (developer.hashicorp.com/terraform/cli/commands).
``terraform_remote_state`` does not depend on whether an output is sensitive
(opentofu.org/docs/language/state/remote-state-data), and neither does ``dependency`` of Terragrunt.
"""

from __future__ import annotations

import json
import os
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property, partial
from itertools import islice
from string import ascii_letters, digits
from typing import NamedTuple

from azkvlint.config.run_config import Config
from azkvlint.linter.test_folders import FoldersOfTests
from azkvlint.model.fix import Refusal
from azkvlint.readers.deployments import CONTINUATION
from azkvlint.readers.discover import BICEP, JSON, PARAMETERS, SKIPPED, is_module_file, is_terragrunt_file
from azkvlint.syntax.json_decoder import decode_text
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_boundary import checkout_of, is_within, real_path
from azkvlint.util.project_files import read_start, walk

# Beyond these limits nothing is known about the checkout. Longer files are not written by hand.
_MOST_FOLDERS, _MOST_FILES, _MOST_BYTES, _LONGEST = 50_000, 50_000, 300_000_000, 4_000_000
_MOST_VISITED, _MOST_NAMED, _MOST_SEARCHED, _MOST_LINKS = 10_000, 2, 300_000_000, 200_000
_MOST_KEPT = 30_000_000
_TOO_LARGE = "the checkout is too large to find who else reads it"
# A folder that is not a checkout may contain anything: temporary files, or all projects of a user.
_MOST_FOLDERS_OUTSIDE, _MOST_BYTES_OUTSIDE = 5_000, 30_000_000
_TOO_LARGE_OUTSIDE = "the folder is not in a checkout, and too large to find who else reads it"

# Endings of code, and of files that may contain commands, in lower case.
_CODE = (".tf", ".tofu", ".hcl", ".tfvars", *BICEP, *PARAMETERS, *JSON)
_SCRIPTS = (
    ".yml", ".yaml", ".sh", ".bash", ".zsh", ".ps1", ".psm1", ".cmd", ".bat", ".mk", ".groovy", ".py", ".js", ".mjs",
    ".cjs", ".jsx", ".ts", ".tsx", ".mts", ".cts", ".cs", ".csx", ".fs", ".fsx", ".go", ".rb", ".java", ".kt", ".pl",
    ".php", ".rs", ".http", ".rego", ".sentinel",
)  # fmt: skip
_TESTS = (".tftest.hcl", ".tofutest.hcl", ".tfmock.hcl", ".tftest.json", ".tofutest.json", ".tfmock.json")
_SCRIPT_NAMES = frozenset({"makefile", "gnumakefile", "justfile", "jenkinsfile", "dockerfile", "package.json"})
# These have other endings too, as in ``Dockerfile.test``.
_SCRIPT_STARTS = ("makefile.", "jenkinsfile.", "dockerfile.")
_AZD = frozenset({"azure.yaml", "azure.yml"})

_MODULE_SOURCE = regex(r'\bsource"?[ \t]{0,99}[=:][ \t]{0,99}"([^"\r\n]{1,500})"')
_BICEP_PATH = regex(r"'([^'\r\n]{1,500}\.(?:bicep|bicepparam|jsonc?))'", re.IGNORECASE)
_RELATIVE_PATH = regex(r'"relativePath"\s{0,99}:\s{0,99}"([^"\r\n]{1,500})"', re.IGNORECASE)
_JSON_ENDING = regex(r"\.jsonc?(?![\w.-])", re.IGNORECASE)
_OF_NAMES, _LONGEST_NAME = f"{ascii_letters}{digits}_.-", 200
# Terraform and Terragrunt know the folder only if the expression before the path is that of the file's own folder.
_HERE = ("${path.module}/", "${get_terragrunt_dir()}/")

# What follows ``outputs`` where one of them is read by its name, and where all are. The patterns of all begin with a
# fixed text and are searched in lower case, because many templates have outputs.
_ONE = r"""\s{0,9}\)?\s{0,9}(?:[?!]{0,1}\.\s{0,9}|\[\s{0,9}\\?["'])"""
_ALL_IN_TEMPLATE = regex(
    r"\.outputs\b(?:(?<=[)\w\]]\.outputs)|(?<=[)\w\]][?!]\.outputs))(?![ \t]{0,9}(?:[?!]?\.\s{0,9}\w|\[\s{0,9}'\w))"
)
_ALL_IN_SCRIPT = regex(
    r"""output(?:s\b(?<=[.\])"']outputs)(?![ \t]{0,9}(?:\?{0,1}\.\s{0,9}["']{0,1}\w|\[\s{0,9}\\{0,1}["']\w))"""
    r"|(?<=\boutput)s\.(?:keys|values|items|count|getenumerator|psobject)\b|s\b(?<=\bdeploymentoutputs)"
    r"|(?<=\boutput)_content\b)"
)
_DECLARATIONS = (".tf", ".tofu", ".hcl", ".bicepparam")
_TERRAFORM_OUTPUT = regex(
    r"\b(?:terraform|tofu|terragrunt)(?:\.exe)?[ \t]{1,9}(?:[^\n|;&]{0,200}?[ \t])?output\b([^\n|;&)]{0,300})"
)
_IGNORED, _MOST_IGNORED = regex(r"\bignore_changes\b([^\]]{0,2000})"), 10_000
# What names a resource without reading it.
_UNREAD = regex(
    r"\b(?:depends_on|replace_triggered_by)\s{0,99}=\s{0,99}\[[^\]]{0,5000}\]|^[ \t]{0,99}(?:from|to)[ \t]{0,99}=.*$",
    re.MULTILINE,
)
# Searched in lower case, which takes far less time than to ignore case, and in texts that contain one of the words.
_SCHEMA = regex(r"\bdeployment(?:template|parameters)\.json")
_SCHEMA_WORDS = ("deploymenttemplate.json", "deploymentparameters.json")
# Comments by the language of a file. What is doubtful counts as code: in texts with strings of several lines, no
# comment of several lines is searched, and no comment behind code that contains quotation marks.
_HASH = (
    ".tf", ".tofu", ".hcl", ".tfvars", ".yml", ".yaml", ".sh", ".bash", ".zsh", ".ps1", ".psm1", ".mk", ".py", ".rb",
    ".pl", "makefile", "justfile", "dockerfile",
)  # fmt: skip
_SLASHES = (
    ".tf", ".tofu", ".hcl", ".tfvars", *BICEP, *PARAMETERS, *JSON, ".groovy", ".js", ".mjs", ".cjs", ".jsx", ".ts",
    ".tsx", ".mts", ".cts", ".cs", ".csx", ".fs", ".fsx", ".go", ".java", ".kt", ".php", ".rs", "jenkinsfile",
)  # fmt: skip
_POWERSHELL = (".ps1", ".psm1")
# Ruby and tools that replace tokens insert a value for ``#{name}``.
_COMMENT_START = regex(r"^[ \t]*(//|#(?!\{)|/\*|<#)", re.MULTILINE)
_CLOSING = {"/*": "*/", "<#": "#>"}
_STRINGS_OF_LINES = ("<<", "`", "'''", '"""', '@"', "@'", "r#")
_TRAILING = regex(r"^([^\"'`#\n]{1,2000}+(?<=[ \t]))#[ \t!][^\n]{0,4000}$", re.MULTILINE)
# A vault, by one of its usual names, among what a template passes to another.
_VAULT = regex(r"vault|(?<![a-z])kv(?![a-z])|kv(?:_?-?(?:name|id|uri|ref|rg|resource))", re.IGNORECASE)
# What Bicep writes into a template.
_COMPILED = regex(r'"_generator"\s{0,99}:\s{0,99}\{\s{0,99}"name"\s{0,99}:\s{0,99}"bicep"')
_PLAIN = regex(r"(?<![\w-])-(?:json|raw|show-sensitive)\b")


class InUse(Refusal):
    """A setting that an edit would disable may be in use."""


class _OutputReader(NamedTuple):
    """A file that may read outputs. ``is_template``: it is a Bicep file or in JSON."""

    path: str
    is_template: bool


class CheckoutFiles:
    """The files of a checkout, and what reads what. ``evaluated`` are the real paths of the inputs of the run.

    Outside of checkouts, these are the files of the folder that contains all inputs. Paths are real; those in messages
    are relative to ``root``.
    """

    def __init__(self, root: str, evaluated: Collection[str]) -> None:
        self._root = root
        self._evaluated = frozenset(evaluated)
        self._known_others: dict[str, list[str]] = {}
        self._outputs: dict[str, list[tuple[str, bool]]] = {}
        self._users: dict[tuple[str, ...], list[str]] = {}
        self._arguments: dict[tuple[str, str], tuple[list[str], bool]] = {}
        # The texts of templates and modules with few spaces, for the settings that several rules change.
        self._compact: dict[str, str] = {}
        self._searched = 0
        # The texts of files that have been searched. Of large checkouts, most are read again.
        self._texts: dict[str, str] = {}
        self._room = _MOST_KEPT

    # --- who evaluates a file -----------------------------------------------------------------------------------------

    def refuse_others(self, files: Iterable[str]) -> None:
        """Raise Refusal if inputs outside of the run evaluate one of some files too."""
        for file in files:
            if file not in self._known_others:
                self._known_others[file] = list(dict.fromkeys(self._others(file)))
            others = self._known_others[file]
            if others:
                verb, what = ("use", "them") if len(others) > 1 else ("uses", "it")
                raise Refusal(f"{self._named(others)} {verb} {self._named([file])} too; add {what} to the inputs")

    def callers(self, folder: str) -> list[str]:
        """Return the folders whose modules call the module in a folder. Raise Refusal if they are not known."""
        return sorted(node for node in self._readers(folder) if os.path.isdir(node))

    def is_in_tests(self, folder: str) -> bool:
        """Return whether a folder is one of tests or examples, or is in one, and nothing else deploys it."""
        path = os.path.relpath(folder, real_path(self._top or self._root))
        return self._tests.include(path, f"{path}/-")

    @cached_property
    def _tests(self) -> FoldersOfTests:
        """Return the folders of tests of the checkout, as reports mark them."""
        top, graph = real_path(self._top or self._root), self._read_graph
        modules = () if graph is None else (os.path.relpath(path, top) for path in graph.terraform)
        return FoldersOfTests(Config(paths=(top,)), top, top, modules)

    def compiled_from(self, files: Iterable[str]) -> list[str]:
        """Return the templates in other folders that were compiled from some Bicep files, or from what uses these.

        Of several Bicep files with the name of a template, it is that of the nearest.
        """
        waiting = [file for file in files if file.lower().endswith(".bicep")]
        used = set(waiting)
        while waiting:
            above = {one for one in self._readers(waiting.pop()) if one.lower().endswith(".bicep")} - used
            used |= above
            waiting += sorted(above)
        by_stem: dict[str, list[str]] = {}
        for path in self._graph.templates if used else ():
            if path.lower().endswith(".bicep"):
                by_stem.setdefault(_stem(path), []).append(path)
        found = []
        for path in self._graph.templates if used else ():
            sources = by_stem.get(_stem(path), ()) if path.lower().endswith(".json") else ()
            nearest = min(sources, key=partial(_distance, path), default="")
            is_elsewhere = nearest in used and os.path.dirname(nearest) != os.path.dirname(path)
            if is_elsewhere and _COMPILED.search(self.text(path)) is not None:
                found.append(path)
        return found

    def _others(self, file: str) -> Iterator[str]:
        """Yield what evaluates a file, is evaluated by no other, and is not an input of the run."""
        waiting = [file, *([os.path.dirname(file)] if is_module_file(os.path.basename(file)) else [])]
        seen = set(waiting)
        first = frozenset(waiting)
        while waiting:
            node = waiting.pop()
            above = self._readers(node) - {node}
            if not above and node not in first and not self._is_evaluated(node):
                yield node
            waiting += sorted(above - seen)
            seen |= above
            if len(seen) > _MOST_VISITED:
                raise Refusal(self._too_large)

    def _is_evaluated(self, node: str) -> bool:
        if node in self._evaluated:
            return True
        # Parameter files are read with the template beside them.
        folders = {one if os.path.isdir(one) else os.path.dirname(one) for one in self._evaluated}
        return node.lower().endswith(PARAMETERS) and any(is_within(node, folder) for folder in folders)

    def _readers(self, node: str) -> set[str]:
        found = set(self._graph.readers.get(node, ()))
        found |= self._graph.by_name.get(os.path.basename(node).lower(), set())
        ends = self._graph.by_suffix.get(os.path.basename(node), ())
        found.update(reader for suffix, reader in ends if node.endswith(suffix))
        return found

    def _named(self, paths: Iterable[str]) -> str:
        """Return paths for a message."""
        return self.in_order(sorted(paths, key=lambda path: os.path.relpath(path, self._root)))

    def in_order(self, paths: Iterable[str], most: int = _MOST_NAMED) -> str:
        """Return paths for a message, in this order, and how many more there are than ``most``."""
        names = [f"`{os.path.relpath(path, self._root).replace(os.sep, '/')}`" for path in paths]
        if len(names) > most:
            names = [*names[:most], f"{len(names) - most} more"]
        return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))

    # --- who reads an output ------------------------------------------------------------------------------------------

    def refuse_output_readers(self, name: str) -> None:
        """Raise Refusal if a template, script or pipeline reads the output ``name`` of a deployment, or all outputs."""
        known = self._outputs.get(name)
        if known is None:
            known = self._outputs[name] = list(self._output_readers(name))
        certain = [path for path, is_certain in known if is_certain]
        if certain:
            verb = "read" if len(certain) > 1 else "reads"
            raise Refusal(f"{self._named(certain)} {verb} the output `{name}`")
        if known:
            raise Refusal(f"{self._named(path for path, _ in known)} may read the output `{name}`")

    def _output_readers(self, name: str) -> Iterator[tuple[str, bool]]:
        """Yield the files that read an output, or may read it."""
        word = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])", re.IGNORECASE)
        access = re.compile(rf"\boutputs{_ONE}{re.escape(name)}(?![\w-])", re.IGNORECASE)
        for file in self._about_outputs:
            text = self.text(file.path)
            is_certain = access.search(text) is not None
            if is_certain or _may_read_all(file, text) or (_runs_deployments(file, text) and word.search(text)):
                yield file.path, is_certain

    def refuse_readers_of_redacted(self, name: str) -> None:
        """Raise Refusal if a script reads the Terraform output ``name`` in a form that hides sensitive ones."""
        found = []
        for file in self._about_outputs:
            text = CONTINUATION.sub(" ", self.text(file.path)) if not file.is_template else ""
            for match in _TERRAFORM_OUTPUT.finditer(text):
                words = [word.strip("\"'") for word in match[1].split() if not word.startswith(("-", ">", "2>"))]
                if not _PLAIN.search(match[0]) and (not words or name in words or "$" in match[1]):
                    found.append(file.path)
                    break
        if found:
            verb = "read" if len(found) > 1 else "reads"
            raise Refusal(f"{self._named(found)} {verb} the output `{name}` without `-json` or `-raw`")

    # --- who uses a setting -------------------------------------------------------------------------------------------

    def refuse_users(self, setting: str, texts: Sequence[str], commands: Sequence[str] = ()) -> None:
        """Raise InUse if a vault's setting may be in use.

        That is so if code or a parameter file contains one of some texts in any case, or one of some commands, which
        scripts may contain too, or if a template that is not in the checkout receives a vault.
        """
        searched = (*texts, "", *commands)
        if searched not in self._users:
            self._users[searched] = list(self._users_of(tuple(map(_compact, texts)), tuple(map(_compact, commands))))
        found = self._users[searched]
        if found:
            raise InUse(f"`{setting}` may be in use by {self._named(found)}")

    def _users_of(self, texts: tuple[str, ...], commands: tuple[str, ...]) -> Iterator[str]:
        """Yield the files that may use a setting of a vault."""
        for path in (*self._graph.templates, *self._graph.terraform):
            text = self.text(path)
            compact = self._compact.get(path)
            if compact is None:
                compact = self._keep(self._compact, path, _compact(without_comments(path, text)))
            is_user = contains(compact, (*texts, *commands))
            if is_user or (path.lower().endswith(JSON) and self._hands_vault_on(text)):
                yield path
        for path in self._graph.scripts if commands else ():
            text = CONTINUATION.sub(" ", without_comments(path, self.text(path)))
            if contains(_compact(text), commands):
                yield path

    def _hands_vault_on(self, text: str) -> bool:
        """Return whether a template may pass a vault to one that is not in the checkout."""
        for address, passed in _links(text) if "templatelink" in text.lower() else ():
            is_here = "://" not in address and any(name in self._names for name in _json_names(address))
            if not is_here and _VAULT.search(passed):
                return True
        return False

    @cached_property
    def _names(self) -> frozenset[str]:
        """Return the names of the templates of the checkout, in lower case."""
        return frozenset(os.path.basename(path).lower() for path in self._graph.templates)

    # --- what is searched for commands ------------------------------------------------------------------------------

    @property
    def scripts(self) -> Sequence[str]:
        """Return the scripts and pipelines. Raise Refusal if they are not known."""
        return self._graph.scripts

    @property
    def terraform(self) -> Sequence[str]:
        """Return the files of Terraform modules. Raise Refusal if they are not known."""
        return self._graph.terraform

    @property
    def templates(self) -> Sequence[str]:
        """Return Bicep files, templates and their parameter files. Raise Refusal if they are not known."""
        return self._graph.templates

    # --- who names an argument ----------------------------------------------------------------------------------------

    def refuse_readers_of_argument(self, type_: str, name: str) -> None:
        """Raise Refusal if Terraform code reads an argument of a type, or lists it in ``ignore_changes``.

        A resource as a whole may be read anywhere, under any name. A script may read the argument in a plan.
        """
        known = self._arguments.get((type_, name))
        if known is None:
            known = self._arguments[type_, name] = self._readers_of_argument(type_, name)
        found, is_certain = known
        if found:
            verb = ("read" if len(found) > 1 else "reads") if is_certain else "may read"
            raise Refusal(f"{self._named(found)} {verb} `{name}`")

    def _readers_of_argument(self, type_: str, name: str) -> tuple[list[str], bool]:
        """Return the files that read an argument, or may read it, and whether they certainly do."""
        word = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")
        texts: dict[str, str] = {}
        is_used_whole = False
        for path in self._graph.terraform:
            text = self.text(path)
            is_used_whole = is_used_whole or _is_used_whole(text, type_)
            if word.search(text) is not None:
                texts[path] = text
        found = [path for path, text in texts.items() if _reads_argument(text, type_, name)]
        if found:
            return found, True
        if is_used_whole:
            found = [path for path, text in texts.items() if _reads_member(text, name)]
        others = (*self._graph.scripts, *self._graph.tests)
        return [*found, *(path for path in others if word.search(self.text(path)) is not None)], False

    def _keep(self, texts: dict[str, str], path: str, text: str) -> str:
        """Keep a text for the next search if there is room for it, and return it."""
        if len(text) <= self._room:
            texts[path] = text
            self._room -= len(text)
        return text

    def text(self, path: str) -> str:
        """Return the text of a file to search. Raise Refusal if too much has been searched."""
        text = self._texts.get(path)
        if text is None:
            text = self._keep(self._texts, path, _decoded(read_start(path, _LONGEST)))
        self._searched += len(text)
        if self._searched > (_MOST_SEARCHED if self._top is not None else _MOST_BYTES_OUTSIDE):
            raise Refusal(self._too_large)
        return text

    @cached_property
    def _about_outputs(self) -> list[_OutputReader]:
        """Return the files that mention outputs, or whose tool reads all. Scripts are read only for this."""
        paths = [*self._graph.about_outputs, *self._graph.scripts]
        if len(paths) > _MOST_FILES:
            raise Refusal(self._too_large)
        found = []
        for path in paths:
            lower = os.path.basename(path).lower()
            if lower in _AZD or "output" in self.text(path).lower():
                found.append(_OutputReader(path, lower.endswith((*BICEP, *JSON)) and lower not in _SCRIPT_NAMES))
        return found

    @property
    def _graph(self) -> _Graph:
        """Return what reads what. Raise Refusal if that is not known."""
        graph = self._read_graph
        if graph is None:
            raise Refusal(self._too_large)
        return graph

    @property
    def _too_large(self) -> str:
        return _TOO_LARGE if self._top is not None else _TOO_LARGE_OUTSIDE

    @cached_property
    def _top(self) -> str | None:
        return checkout_of(self._root)

    @cached_property
    def _read_graph(self) -> _Graph | None:
        if self._top is not None:
            return _graph_of(self._top, _MOST_FOLDERS, _MOST_BYTES)
        folders = [path if os.path.isdir(path) else os.path.dirname(path) for path in self._evaluated]
        return _graph_of(os.path.commonpath(folders or [self._root]), _MOST_FOLDERS_OUTSIDE, _MOST_BYTES_OUTSIDE)


class _Graph(NamedTuple):
    """What reads what: by real path, by the name of a file, and by the end of a path whose beginning is an expression.

    The module in a folder is that folder. ``terraform`` are the files of modules, ``templates`` Bicep files, ARM
    templates and their parameter files, ``about_outputs`` the code that mentions outputs, ``tests`` those of
    Terraform and OpenTofu; ``scripts`` were not read.
    """

    readers: dict[str, set[str]]
    by_name: dict[str, set[str]]
    by_suffix: dict[str, set[tuple[str, str]]]
    terraform: list[str]
    templates: list[str]
    about_outputs: list[str]
    scripts: list[str]
    tests: list[str]


def _graph_of(boundary: str, most_folders: int, most_bytes: int) -> _Graph | None:
    """Read the code in a folder; None if there is too much."""
    graph = _Graph({}, {}, {}, [], [], [], [], [])
    folders = files = size = 0
    for here, below, names in walk(boundary):
        below[:] = [name for name in below if name not in SKIPPED]
        folders += 1
        if folders > most_folders:
            return None
        for name in sorted(names):
            lower, path = name.lower(), os.path.join(here, name)
            if lower.endswith(_SCRIPTS) or lower in _SCRIPT_NAMES or lower.startswith(_SCRIPT_STARTS):
                graph.scripts.append(path)
            if not lower.endswith(_CODE) or lower in _SCRIPT_NAMES:
                continue
            data = read_start(path, _LONGEST)
            files += 1
            size += len(data)
            links = len(graph.readers) + len(graph.by_name) + len(graph.by_suffix)
            if files > _MOST_FILES or size > most_bytes or links > _MOST_LINKS:
                return None
            text = _decoded(data)
            _add(graph, path, text)
            if lower.endswith(_TESTS):
                graph.tests.append(path)
            text = text.lower()
            if lower.endswith((*BICEP, *PARAMETERS)) or (lower.endswith(JSON) and _has_schema(text)):
                graph.templates.append(path)
            if "output" in text:
                graph.about_outputs.append(path)
    return graph


def contains(text: str, words: Iterable[str]) -> bool:
    """Return whether a text contains one of some words."""
    return any(map(text.__contains__, words))


def _has_schema(lower: str) -> bool:
    """Return whether a text in lower case mentions the schema of a template or parameter file."""
    return contains(lower, _SCHEMA_WORDS) and _SCHEMA.search(lower) is not None


def _add(graph: _Graph, path: str, text: str) -> None:
    """Add what a file reads."""
    folder, name = os.path.split(path)
    if os.path.islink(path):
        real = real_path(path)
        is_of_folder = is_module_file(name) or name.endswith((".tfvars", ".tfvars.json"))
        graph.readers.setdefault(real, set()).add(folder if is_of_folder else path)
    is_module = is_module_file(name)
    if is_module or is_terragrunt_file(name):
        graph.terraform.append(path)
        for source in set(_MODULE_SOURCE.findall(text)):
            _add_module(graph, folder, source, folder if is_module else path)
    elif name.lower().endswith((*BICEP, *PARAMETERS)):
        for other in set(_BICEP_PATH.findall(text)):
            graph.readers.setdefault(real_path(os.path.join(folder, other)), set()).add(path)
    elif name.lower().endswith(JSON) and '"templatelink"' in text.lower():
        relative = set(_RELATIVE_PATH.findall(text))
        for other in relative:
            graph.readers.setdefault(real_path(os.path.join(folder, other)), set()).add(path)
        for other in _json_names(text).difference(os.path.basename(one).lower() for one in relative):
            graph.by_name.setdefault(other, set()).add(path)


def _json_names(text: str) -> set[str]:
    """Return the names of JSON files in a text, in lower case, as in an address that is computed."""
    found = set()
    for ending in _JSON_ENDING.finditer(text):
        before = text[max(ending.start() - _LONGEST_NAME, 0) : ending.start()]
        found.add(f"{before[len(before.rstrip(_OF_NAMES)) :]}{ending[0]}".lower())
    return found


def _add_module(graph: _Graph, folder: str, source: str, reader: str) -> None:
    """Add the module in a folder of the checkout that a source names."""
    for prefix in _HERE:
        source = source.removeprefix(prefix) if source.startswith(prefix + ".") else source
    source = re.sub(r"(?<!:)//+", "/", source)
    if source.startswith(("./", "../")) and "${" not in source:
        graph.readers.setdefault(real_path(os.path.join(folder, source)), set()).add(reader)
    elif source.startswith((".", "${")) and "}" in source:
        suffix = source.rpartition("}")[2].rstrip("/")
        if "/" in suffix:
            end = suffix[suffix.index("/") :]
            graph.by_suffix.setdefault(os.path.basename(end), set()).add((end, reader))


def _stem(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0].lower()


def _distance(path: str, other: str) -> tuple[int, str]:
    """Return the number of folders between two files, and the second for an order."""
    return os.path.relpath(other, path).count(os.sep), other


def _compact(text: str) -> str:
    """Return a text in lower case with as few spaces as possible."""
    text = " ".join(text.lower().split())
    for mark in ":={([":
        text = text.replace(f" {mark}", mark).replace(f"{mark} ", mark)
    return text


def without_comments(path: str, text: str) -> str:
    """Return the text of a file without what certainly is a comment in its language."""
    name = os.path.basename(path).lower()
    marks = [*(["#"] if name.endswith(_HASH) else ()), *(["//"] if name.endswith(_SLASHES) else ())]
    if marks and not contains(text, _STRINGS_OF_LINES):
        marks += [*(["/*"] if "//" in marks else ()), *(["<#"] if name.endswith(_POWERSHELL) else ())]
    kept, at = [], 0
    for start in _COMMENT_START.finditer(text) if marks else ():
        if start.start() < at or start[1] not in marks:
            continue
        closing = _CLOSING.get(start[1], "\n")
        end = text.find(closing, start.end())
        if end < 0 and start[1] in _CLOSING:
            break
        kept.append(text[at : start.start()])
        at = len(text) if end < 0 else end + len(closing.strip())
    text = "".join((*kept, text[at:]))
    return _TRAILING.sub(r"\1", text) if "#" in marks and "//" not in marks else text


def _links(text: str) -> Iterator[tuple[str, str]]:
    """Yield the address of each template that a template links, and what it passes to it."""
    try:
        waiting = [decode_text(text).value]
    except InputError:
        yield "", "vault"
        return
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            named = {name.lower(): value for name, value in node.items()}
            link = named.get("templatelink")
            addresses = (
                [one for name, one in link.items() if name.lower() in ("uri", "id")] if type(link) is dict else []
            )
            if addresses:
                yield str(addresses[0]), json.dumps([named.get("parameters"), named.get("parameterslink")])
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


def _decoded(data: bytes) -> str:
    """Return the text of a file; PowerShell and Visual Studio also write UTF-16."""
    return data.decode("utf-16" if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig", "replace")


def _may_read_all(file: _OutputReader, text: str) -> bool:
    """Return whether a file, or the tool that it configures, reads all outputs of a deployment."""
    if file.is_template:
        return _ALL_IN_TEMPLATE.search(text.lower()) is not None
    return os.path.basename(file.path).lower() in _AZD or _ALL_IN_SCRIPT.search(text.lower()) is not None


def _runs_deployments(file: _OutputReader, text: str) -> bool:
    """Return whether a script mentions deployments and outputs: it may read one through a variable."""
    lower = text.lower()
    is_script = not file.is_template and not file.path.lower().endswith(_DECLARATIONS)
    return is_script and "deploy" in lower and "outputs" in lower


def _reads_argument(text: str, type_: str, name: str) -> bool:
    """Return whether Terraform code reads an argument of a resource or module, or ignores its changes."""
    word = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")
    of_type = re.compile(rf"(?<![\w-])(?:self|(?:{re.escape(type_)}|module)\.[\w.\[\]\"*$-]{{0,300}})\Z")
    if any(word.search(one[1]) for one in islice(_IGNORED.finditer(text), _MOST_IGNORED)):
        return True
    read = re.compile(rf"\.{re.escape(name)}(?![\w-])")
    return any(of_type.search(text, max(one.start() - 400, 0), one.start()) for one in read.finditer(text))


def _is_used_whole(text: str, type_: str) -> bool:
    """Return whether Terraform code uses a resource of a type itself, and not only its attributes."""
    if f"{type_}." not in text:
        return False
    whole = re.compile(rf"(?<![\w.-]){re.escape(type_)}\.[\w-]++(?:\[[^\]\n]{{0,200}}\])*+(?!\s{{0,99}}\.)")
    return whole.search(_UNREAD.sub("", text)) is not None


def _reads_member(text: str, name: str) -> bool:
    """Return whether Terraform code reads a member of an object, but not only to set the argument of that name."""
    quoted = re.escape(name)
    read = re.compile(rf"(?<!\bvar)\.{quoted}(?![\w-])|\"{quoted}\\?\"(?!\s{{0,99}}[:=])")
    own = re.compile(rf"[ \t]{{0,99}}\"?{quoted}\"?[ \t]{{0,99}}[=:]")
    return any(own.match(text, text.rfind("\n", 0, one.start()) + 1) is None for one in read.finditer(text))
