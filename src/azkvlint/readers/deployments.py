"""What the pipelines and scripts of a checkout deploy: the templates and root folders that their commands name.

Such a file or folder is deployed wherever it lies. Files are read as text, and a file counts only if it contains a
command that deploys; what its commands name is then collected from the whole file, since names are often in variables.
Too much therefore counts rather than too little: evidence can only raise the severity of results.

Sources of the forms: learn.microsoft.com/cli/azure/deployment and /cli/azure/stack (``--template-file``, ``-f``,
``--parameters``), learn.microsoft.com/powershell/module/az.resources (``-TemplateFile``), the inputs of the actions
Azure/arm-deploy (``template``) and Azure/bicep-deploy (``template-file``), and of the task
AzureResourceManagerTemplateDeployment of Azure Pipelines (``csmFile``),
learn.microsoft.com/azure/developer/azure-developer-cli/azd-schema (``infra.path``, by default ``infra``),
developer.hashicorp.com/terraform/cli/commands (``-chdir``), docs.github.com/actions (``working-directory``),
docs.terragrunt.com (``--working-dir``), and docs.gitlab.com/user/infrastructure/iac (``TF_ROOT``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TypeAlias

from azkvlint.readers.discover import ENDINGS
from azkvlint.readers.named_folders import ANYTHING, NamedFolders, matches_step
from azkvlint.readers.script_names import is_script, is_testing
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_boundary import is_within, real_path, root_of
from azkvlint.util.project_files import is_folder, link_target, read_start, walk

# Only searched for what is in folders of tests.
_OTHER_ENDINGS = (".py", ".rb")
# Items of a list of Python.
_BETWEEN = regex(r"[\"'],\s{0,20}[\"']")
# What these files list is deployed: those of Atlantis, Digger, Spacelift and Terrateam.
_MANIFESTS = ("/atlantis.yaml", "/atlantis.yml", "/digger.yml", "/digger.yaml", "/.spacelift/config.yml",
              "/.terrateam/config.yml")  # fmt: skip
# What a workflow or template of another repository does is not known.
_ELSEWHERE = regex(
    r"\buses:[ \t]{0,9}[\"']?[\w.-]{1,100}/[\w.-]{1,100}/\.github/workflows/"
    r"|\btemplate:[ \t]{0,9}[\"']?[\w./-]{1,200}@\w"
    r"|\bcomponent:[ \t]{0,9}[^\s]{0,200}/(?:opentofu|terraform)"
)
_ALL_UNITS = regex(
    r"\bterragrunt[^\n]{0,300}(?:run-all|--all|stack[ \t]run)\b[^\n]{0,300}\bapply|\bterramate[ \t]{1,9}run\b"
)
_AZD = frozenset({"azure.yaml", "azure.yml"})
_BICEPPARAM = ".bicepparam"
# Beyond these limits everything counts as deployed.
_MOST_FOLDERS, _MOST_FILES, _MOST_BYTES = 50_000, 20_000, 200_000_000
# What is read of a file. Longer data is not written by hand; of a longer script, the rest deploys nothing.
_LONGEST, LONGEST_SCRIPT = 200_000, 2_000_000
# A text with so many characters may be the beginning of a longer one.
_SHORT = _LONGEST // 4
_MOST_TARGETS, _MOST_WORDS, _MOST_NAMES = 20_000, 500, 200
_MOST_SCRIPTS = 3_000  # where the search is part of every check
_MOST_VALUES, _MOST_BASES, _MOST_VARIABLES = 20, 50, 5

# In lower case: patterns that begin with a fixed text are found far faster than those that ignore case.
_TEMPLATE_WORDS = (
    "arm-deploy", "bicep-deploy", "azureresourcemanagertemplatedeployment", "azureresourcegroupdeployment",
)  # fmt: skip
_WORDS = ("deployment", "arm-deploy", "bicep-deploy", "stack", "apply", "tf_root", "make")
_AZ = regex(r"az(?:\.cmd)?\s{1,9}(?:deployment|stack|ts|group\s{1,9}deployment)\b")
_CMDLET = regex(r"-az\w{0,30}(?:deployment|templatespec)")
_APPLY = regex(
    r"\b(?:terraform|tofu|terragrunt|tf|opentofu|make)\b[^\n]*\bapply|\bapply\b[^\n]*auto-approve"
    r"|\bmake\b[^\n]*\bdeploy|command:[ \t]{0,9}[\"']?apply\b|terraform-apply|tofu-apply|\bapply-run\b"
)
_FOLDED = regex(r"(?:terraform|tofu|terragrunt)\s(?:\s{0,40}-\S{1,300}\s){0,20}\s{0,40}apply\b")
_OTHER_APPLY = regex(r"\batmos[ \t]{1,9}terraform[ \t]{1,9}deploy|community\.general\.terraform\b")
# A word of a command line, or a value of YAML; parts of it may be quoted or be expressions.
_WORD = (
    r"""((?:"[^"\n]{0,300}+"|'[^'\n]{0,300}+'|\$\{\{[^}\n]{0,100}+\}\}|\$\([^)\n]{0,100}+\)"""
    r"""|[^\s"',;|&()\[\]]){1,300}+)"""
)
_JOINED = r"(?:\([ \t]{0,9}Join-Path[ \t]{1,9}(?:-Path[ \t]{1,9})?[^\s]{1,100}[ \t]{1,9}(?:-ChildPath[ \t]{1,9})?)?"
_TEMPLATE = regex(
    r"(?:--template-file|-TemplateFile|\bcsmFile:|\btemplate(?:[-_]?file)?:|(?<=\s)-f)"
    rf"(?:[ \t]{{0,9}}[=:][ \t]{{0,9}}|\s{{1,20}}+){_JOINED}{_WORD}",
    re.IGNORECASE,
)
_FOLDER = regex(
    r"(?:-chdir=|(?:dir|directory|root|path|folder)[\"']?[ \t]{0,9}[:=][ \t]{0,9}"
    r"|--(?:terragrunt-)?working-dir[ \t]{1,9}|\b(?:cd|pushd|Set-Location|Push-Location)[ \t]{1,9}(?:/d[ \t]{1,9})?"
    rf"|\s-C[ \t]{{1,9}}){_JOINED}{_WORD}",
    re.IGNORECASE,
)
# The word before the ending of a parameter file, which is searched backwards.
_BEFORE = regex(r"[^\s\"',;|&=]{1,300}\Z")
# What continues a command of a shell on the next line.
CONTINUATION = regex(r"[\\`^][ \t]{0,9}\r?\n")
_VARIABLE = regex(
    r"\$\{\{([^}\n]{0,100})\}\}|\$\{([^}\n]{0,100})\}|\$\(([^)\n]{0,100})\)|\$(?:env:)?(\w{1,100}(?:\.\w{1,100}){0,5})"
    r"|%(\w{1,100})%"
)
_ASSIGNED = regex(
    r"['\"]?[ \t]{0,9}[:=][ \t]{0,9}(?:\r?\n((?:[ \t]{0,40}-[ \t]{1,9}[^\n]{0,300}\n){1,50})|([^\n]{0,500}))"
)
_LAST_NAME = regex(r"[A-Za-z_][\w-]{0,100}")
_USING = regex(r"^[ \t]{0,99}using[ \t]{1,9}'([^'\r\n]*)'", re.MULTILINE)
_INFRA_PATH = regex(r"""(?<![\w-])["']?path["']?[ \t]{0,9}:[ \t]{0,9}["']?([^\s"'#,}\]]{1,300})""")


_NAME = regex(r"[\w.-]+")
# The text of a path up to the first part that may be anything, and the steps from that one.
_Pattern: TypeAlias = tuple[str, tuple[str, ...]]


class Deployments:
    """The files and folders that commands deploy, as real paths. ``is_complete``: the search was not cut short.

    ``unread`` are the scripts of which only the beginning was read.
    """

    def __init__(self) -> None:
        self.is_complete = True
        self.unread: list[str] = []
        self._paths: set[str] = set()
        # By the number of separators and the last step, if it is known: a module is compared with few of many patterns.
        self._patterns: dict[str, None] = {}
        self._by_shape: dict[tuple[int, str], list[_Pattern]] = {}
        self._linked: set[str] = set()
        self.named: NamedFolders | None = None

    @property
    def has_names(self) -> bool:
        """Return whether any template or folder is named."""
        return bool(self._paths or self._patterns)

    def names(self, path: str) -> bool:
        """Return whether a command certainly names a template, or the folder of a module."""
        return path in self._paths or self._matches(path)

    def include(self, path: str) -> bool:
        """Return whether a command deploys a template (the path of a file), or the module in a folder."""
        if not self.is_complete:
            return True
        if self.named is not None and self.named.include(path):
            return True
        candidates = (path, os.path.dirname(path))
        if not self._paths.isdisjoint(candidates) or any(is_within(path, folder) for folder in self._linked):
            return True
        return any(map(self._matches, candidates))

    def _matches(self, path: str) -> bool:
        """Return whether a pattern matches a path."""
        number = path.count(os.sep)
        for last in (path.rpartition(os.sep)[2], ""):
            for known, others in self._by_shape.get((number, last), ()):
                if path.startswith(known) and all(map(matches_step, others, path.split(os.sep)[-len(others) :])):
                    return True
        return False

    def add_linked(self, folder: str) -> None:
        """Add a folder that a link outside of tests leads to, with everything in it."""
        self._linked.add(folder)

    def add(self, base: str, name: str, checkout: str) -> None:
        """Add what a name in a command means, from a folder; parts that are unknown may be anything."""
        path = os.path.normpath(os.path.join(base, name))
        if not path.startswith(f"{checkout}{os.sep}"):
            return
        if ANYTHING not in path:
            self._paths.add(path)
        elif path not in self._patterns:
            self._patterns[path] = None
            steps = path.split(os.sep)
            last = "" if ANYTHING in steps[-1] else steps[-1]
            known, _, _ = path.partition(ANYTHING)
            others = tuple(steps[known.count(os.sep) :])
            self._by_shape.setdefault((path.count(os.sep), last), []).append((known, others))
        if len(self._paths) + len(self._patterns) > _MOST_TARGETS:
            self.is_complete = False


def deployments_in(checkouts: Iterable[str], skipped: frozenset[str], tests: re.Pattern[str]) -> Deployments:
    """Return what the pipelines and scripts in these folders deploy, those in tests aside.

    ``tests`` matches the lower-case names of folders of tests; folders with a ``skipped`` name are not searched.
    """
    found = Deployments()
    found.named = named = NamedFolders(tests)
    size = files = 0
    for checkout in checkouts:
        for script, is_code in _scripts(checkout, skipped, tests, found):
            data = read_start(script, LONGEST_SCRIPT if _is_by_hand(script) else _LONGEST)
            files += 1
            size += len(data)
            if len(data) >= LONGEST_SCRIPT:
                found.unread.append(script)
            if files > _MOST_FILES or size > _MOST_BYTES:
                found.is_complete = False
            if not found.is_complete or not named.is_complete:
                found.is_complete = False
                return found
            text = data.decode("utf-8", "replace")
            if is_code:
                _add_script(found, named, script, text, checkout)
            elif script.lower().endswith(_BICEPPARAM):
                _add_template_of(found, script, text, checkout)
            else:
                for name in [match[1] for match in _INFRA_PATH.finditer(text)][:_MOST_NAMES] or ["infra"]:
                    found.add(os.path.dirname(script), name, checkout)
    named.finish()
    return found


def _add_script(found: Deployments, named: NamedFolders, script: str, text: str, checkout: str) -> None:
    """Add what a file names that may contain commands; one without an ending has to begin as a script does."""
    name = os.path.basename(script).lower()
    if not is_script(name) and not name.endswith(_OTHER_ENDINGS) and not text.startswith("#!"):
        return
    lower = CONTINUATION.sub(" ", text).lower()
    if name.endswith(_OTHER_ENDINGS):
        lower = _BETWEEN.sub(" ", lower)
    is_listing = script.lower().replace(os.sep, "/").endswith(_MANIFESTS)
    deploys = is_listing or _takes_templates(lower) or _takes_roots(lower) or _ELSEWHERE.search(lower) is not None
    named.add_file(script, text, script[len(checkout) :].strip(os.sep).count(os.sep), deploys=deploys)
    _add_commands(found, script, text, checkout)
    if _ALL_UNITS.search(lower) is not None:
        folders = [folder for folder in _Words(text).names(_FOLDER) if ANYTHING not in folder]
        for base in (checkout, os.path.dirname(script)):
            for folder in folders or ["."]:
                path = os.path.normpath(os.path.join(base, folder))
                if is_within(path, checkout):
                    found.add_linked(path)


def _is_by_hand(script: str) -> bool:
    """Return whether a file is a script or a pipeline, and no data, which may be longer."""
    path = script.lower().replace(os.sep, "/")
    return not path.endswith((".yml", ".yaml", ".toml", ".json")) or "/.github/" in path


def _scripts(
    checkout: str, skipped: frozenset[str], tests: re.Pattern[str], found: Deployments
) -> Iterator[tuple[str, bool]]:
    """Yield the files that may name what is deployed, and whether it is in commands."""
    for known, (here, folders, files) in enumerate(walk(checkout)):
        if known > _MOST_FOLDERS:
            found.is_complete = False
            return
        folders[:] = [name for name in folders if name not in skipped and tests.fullmatch(name.lower()) is None]
        for name in sorted(files):
            lower = name.lower()
            if "." not in name:
                target = link_target(os.path.join(here, name))
                if target is not None and target != os.path.join(here, name) and is_folder(target):
                    found.add_linked(target)
            if lower in _AZD or lower.endswith(_BICEPPARAM):
                yield os.path.join(here, name), False
            elif is_script(name) or (("." not in name or lower.endswith(_OTHER_ENDINGS)) and not is_testing(lower)):
                yield os.path.join(here, name), True


class Scripts:
    """The commands in scripts (real paths), those nearest to the top first. A script is parsed when it is needed.

    ``without_vaults`` are those that certainly do not contain the word ``keyvault``, in any case.
    """

    def __init__(self, scripts: Sequence[str]) -> None:
        self.without_vaults: set[str] = set()
        self._found = Deployments()
        self._answers: dict[str, bool] = {}
        self._texts: dict[str, str] = {}
        for script in sorted(scripts, key=lambda file: (file.count(os.sep), file))[:_MOST_SCRIPTS]:
            text = read_start(script, _LONGEST).decode("utf-8", "replace")
            lower = text.lower()
            if len(text) < _SHORT and "keyvault" not in lower and "\0" not in lower:
                self.without_vaults.add(script)
            # A command on several lines has a part of the words on each.
            if not any(word in lower for word in _WORDS):
                continue
            joined = lower.replace("\\\n", " ").replace("`\n", " ")
            if _takes_templates(joined) or _takes_roots(joined):
                self._texts[script] = text
        # Those whose commands are not parsed yet.
        self._waiting = {**self._texts}

    def templates_among(self, files: Iterable[str]) -> list[str]:
        """Return the files (paths) that a command deploys as templates, of files without the name of an input."""
        found = Deployments()
        for script, text in self._texts.items():
            _add_other_templates(found, script, text, root_of(script))
        return [file for file in files if found.names(file)] if found.has_names else []

    def deploy(self, path: str) -> bool:
        """Return whether a command names a template, or the folder of a module: the name is in its script."""
        if path not in self._answers:
            self._answers[path] = self._deploy(path)
        return self._answers[path]

    def _deploy(self, path: str) -> bool:
        name = os.path.basename(path)
        if name in self._words or _NAME.fullmatch(name) is None:
            for script in [script for script, text in self._waiting.items() if name in text]:
                _add_commands(self._found, script, self._waiting.pop(script), root_of(script))
        return self._found.names(path)

    @cached_property
    def _words(self) -> str:
        """Return the words of all scripts, each once: a search of the scripts takes ten times as long."""
        return "\n".join({word for text in self._texts.values() for word in _NAME.findall(text)})


def _add_template_of(found: Deployments, script: str, text: str, checkout: str) -> None:
    """Add the template that a Bicep parameter file uses."""
    used = _USING.search(text)
    if used is not None:
        found.add(os.path.dirname(script), used[1], checkout)


def _add_commands(found: Deployments, script: str, text: str, checkout: str) -> None:
    """Add what the commands in a file deploy."""
    if "deploy" not in text.lower() and "apply" not in text.lower() and "stack" not in text and "TF_ROOT" not in text:
        return
    text = CONTINUATION.sub(" ", text)
    takes_templates, takes_roots = _takes_templates(text.lower()), _takes_roots(text.lower())
    if not takes_templates and not takes_roots:
        return
    words = _Words(text)
    folders = words.names(_FOLDER)
    near = (checkout, os.path.dirname(script))
    named = [os.path.normpath(os.path.join(base, name)) for name in folders if ANYTHING not in name for base in near]
    bases = list(dict.fromkeys((*near, *named)))[:_MOST_BASES]
    names = dict.fromkeys(folders if takes_roots else ())
    if takes_templates:
        names |= dict.fromkeys(words.names(_TEMPLATE))
        names |= dict.fromkeys(words.names_of(_parameter_files(text)))
    found.is_complete = found.is_complete and words.is_complete
    for name in names:
        for base in bases:
            found.add(base, name, checkout)
            if name.lower().endswith(_BICEPPARAM) and ANYTHING not in name:
                file = real_path(os.path.join(base, name))
                if file.startswith(f"{checkout}{os.sep}"):
                    _add_template_of(found, file, read_start(file, _LONGEST).decode("utf-8", "replace"), checkout)
        if not found.is_complete:
            return


def _add_other_templates(found: Deployments, script: str, text: str, checkout: str) -> None:
    """Add the templates that the commands in a file deploy and that do not have the name of an input."""
    text = CONTINUATION.sub(" ", text)
    if not _takes_templates(text.lower()):
        return
    words = _Words(text)
    written = [match[1] for match in _TEMPLATE.finditer(text) if not _plain(match[1]).lower().endswith(ENDINGS)]
    names = [name for name in words.names_of(written) if not name.lower().endswith(ENDINGS)] if written else []
    folders = [name for name in words.names(_FOLDER) if ANYTHING not in name] if names else []
    near = (checkout, os.path.dirname(script))
    bases = [*near, *(os.path.normpath(os.path.join(base, name)) for name in folders for base in near)]
    for name in names:
        for base in dict.fromkeys(bases[:_MOST_BASES]):
            found.add(base, name, checkout)


def _parameter_files(text: str) -> Iterator[str]:
    """Yield the words that end like the name of a Bicep parameter file."""
    lower = text.lower()
    at = lower.find(_BICEPPARAM)
    while at >= 0:
        word = _BEFORE.search(text, max(at - 300, 0), at)
        if word is not None:
            yield word[0] + _BICEPPARAM
        at = lower.find(_BICEPPARAM, at + 1)


def _takes_templates(lower: str) -> bool:
    """Return whether a text in lower case contains a command that deploys a template."""
    return (
        any(word in lower for word in _TEMPLATE_WORDS)
        or _AZ.search(lower) is not None
        or (("deployment" in lower or "templatespec" in lower) and _CMDLET.search(lower) is not None)
    )


def _takes_roots(lower: str) -> bool:
    """Return whether a text in lower case contains a command that applies a module."""
    if "tf_root" in lower or _FOLDED.search(lower) is not None or _OTHER_APPLY.search(lower) is not None:
        return True
    for word in ("apply", "deploy") if "make" in lower else ("apply",):
        at = lower.find(word)
        while at >= 0:
            start = max(lower.rfind("\n", 0, at) + 1, at - 300)
            end = lower.find("\n", at)
            line = lower[start : min(end if end >= 0 else len(lower), at + 300)]
            if _APPLY.search(line) is not None:
                return True
            at = lower.find(word, at + 300 if end < 0 or end > at + 300 else end)
    return False


class _Words:
    """The words of a file that name paths. ``is_complete``: no limit was exceeded."""

    def __init__(self, text: str) -> None:
        self.is_complete = True
        self._text = text
        # Some letters have more than one in lower case, and offsets have to be those of the text: bytes.lower() changes
        # ASCII letters only.
        self._lower = text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")
        self._values: dict[str, list[str]] = {}

    def names(self, pattern: re.Pattern[str]) -> list[str]:
        """Return the paths that the words which a pattern finds may mean."""
        return self.names_of(match[1] for match in pattern.finditer(self._text))

    def names_of(self, found: Iterable[str]) -> list[str]:
        """Return the paths that words may mean."""
        words = dict.fromkeys(found)
        if len(words) > _MOST_WORDS:
            self.is_complete = False
            return []
        return list(dict.fromkeys(name for word in words for name in self._meanings(word)))

    def _meanings(self, word: str) -> list[str]:
        """Return the paths that a word may mean, with the values of its variables where the file sets them."""
        found: dict[str, None] = {}
        waiting = [(word, 0)]
        while waiting:
            here, depth = waiting.pop()
            variable = _VARIABLE.search(here)
            if variable is None:
                path = _plain(here)
                found |= {path: None} if path.strip(f"./{ANYTHING}") else {}
                continue
            before, after = here[: variable.start()], here[variable.end() :]
            names = _LAST_NAME.findall(next((group for group in variable.groups() if group), ""))
            values = self._values_of(names[-1]) if names and depth < _MOST_VARIABLES else []
            if len(found) + len(waiting) + len(values) > _MOST_WORDS:
                self.is_complete = False
                break
            waiting.append((f"{before}{ANYTHING}{after}", depth + 1))
            # A value that names a variable is not followed further: values could be each other's.
            waiting += [(f"{before}{_VARIABLE.sub(ANYTHING, value)}{after}", depth + 1) for value in values]
        return list(found)

    def _values_of(self, name: str) -> list[str]:
        """Return the values of a variable in the file: words on its line, or the items of its list."""
        known = self._values.get(name.lower())
        if known is not None:
            return known
        if len(self._values) >= _MOST_NAMES:
            self.is_complete = False
            return []
        found: dict[str, None] = {}
        lower = name.lower()
        at = self._lower.find(lower)
        while at >= 0 and len(found) <= _MOST_VALUES:
            end = at + len(lower)
            match = _ASSIGNED.match(self._text, end) if at == 0 or not _is_of_name(self._text[at - 1]) else None
            if match is not None:
                parts = re.findall(_WORD, match[1] or match[2] or "")
                found |= dict.fromkeys(part for part in parts if part.strip("-"))
            at = self._lower.find(lower, end)
        values = self._values[name.lower()] = list(found)[:_MOST_VALUES]
        return values


def _is_of_name(character: str) -> bool:
    return character.isalnum() or character in "_-"


def _plain(word: str) -> str:
    """Return the path that a word means, without quotes. Where it begins with what is unknown, that is left out.

    That is the checkout, or the folder of the script.
    """
    path = re.sub(r"[\"'`]", "", word).replace("\\", "/").lstrip("@")
    return path.lstrip(f"{ANYTHING}/") if path.startswith((ANYTHING, "/")) else path
