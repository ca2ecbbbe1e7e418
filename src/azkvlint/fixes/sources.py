"""The texts that fixes may change: source files of the checkout that people write, and their editors by language."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any, TypeVar

from azkvlint.fixes.checkout import CheckoutFiles
from azkvlint.fixes.commands import Commands
from azkvlint.model.fix import Refusal, TextEdit, apply
from azkvlint.readers.discover import OPENTOFU, TERRAFORM, module_files, names_in
from azkvlint.syntax.json_decoder import decode_text
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_boundary import checkout_of, is_within, leads_into_git, real_path
from azkvlint.util.project_files import MAX_FILE, is_file, read_bytes

if TYPE_CHECKING:
    from azkvlint.fixes.tree_editor import TreeEditor

_T = TypeVar("_T")
_MARK, _UTF16 = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")
_GENERATED = regex(rb'"_generator"\s*:|"(?:cdktf|stackName)"\s*:')
_TEMPLATE = regex(rb'"\$schema"\s*:\s*"[^"]*deployment(?:Template|Parameters)\.json')
_HCL = (".tf", ".tofu", ".tfvars", ".hcl")
_BICEP = (".bicep", ".bicepparam")
_TERRAFORM_JSON = (".tf.json", ".tofu.json", ".tfvars.json")
_JSON = (".json", ".jsonc")
# Files and folders whose content a program writes.
_LOCK_FILES = (".lock.hcl", "lock.json")
_CACHES = frozenset({".terraform", ".terragrunt-cache", "node_modules"})


class Sources:
    """The files of a run below ``root``: its ``inputs``, and the changed ``texts`` by reported path.

    ``tool`` is the program that deploys modules; if it is not known, they have the files that any tool reads.
    ``focus`` are the parts of files in which further edits are made, so that an editor need not parse all of the text.
    """

    def __init__(
        self,
        root: str,
        texts: Mapping[str, bytes] | None = None,
        originals: dict[str, bytes] | None = None,
        inputs: Sequence[str] = (),
        checkout: CheckoutFiles | None = None,
        boundary: str = "",
        tool: str = "",
        commands: Commands | None = None,
    ) -> None:
        self.root = root
        self._tool = tool
        self.focus: dict[str, tuple[int, int]] = {}
        self._inputs = inputs
        self.texts = dict(texts or {})
        # The files as they were first read, shared by all states.
        self.originals = {} if originals is None else originals
        self._read: dict[str, str] = {}
        self._paths: dict[str, str] = {}
        self._files: dict[str, str] = {}
        self._known: dict[Hashable, Any] = {}
        self._boundary = boundary or checkout_of(root) or real_path(root)
        # The readers of values are searched for with the first edit, once for all states.
        self.checkout = checkout or CheckoutFiles(root, [self.real_path(path) for path in inputs])
        self.commands = commands or Commands(self.checkout)

    def real_path(self, path: str) -> str:
        """Return the real path of a reported path."""
        return real_path(os.path.join(self.root, path))

    def once(self, key: Hashable, work: Callable[[], _T]) -> _T:
        """Return what ``work`` computes of these texts, computed the first time: many fixes need the same."""
        if key not in self._known:
            self._known[key] = work()
        known: _T = self._known[key]
        return known

    def data(self, path: str) -> bytes:
        """Return the content of a file. Raise Refusal if it cannot be read or must not be changed."""
        path = self._one_path(path)
        found = self.texts.get(path, self.originals.get(path))
        if found is not None:
            return found
        data = self._content(path)
        self._refuse_generated(path, self.real_path(path), data)
        self.originals[path] = data
        return data

    def _content(self, path: str) -> bytes:
        """Return the content of a file of the checkout as it was before all edits. Raise Refusal."""
        file = self.real_path(path)
        if not is_within(file, self._boundary) or leads_into_git(file, self._boundary):
            raise Refusal("the file is outside the checkout")
        if ".terraform" in file.removeprefix(self._boundary).split(os.sep):
            raise Refusal("the file belongs to a downloaded module")
        try:
            return read_bytes(file, MAX_FILE)
        except InputError as error:
            raise Refusal("the file cannot be read") from error

    def _one_path(self, path: str) -> str:
        """Return the path through which a file was first read: links lead to one file through several."""
        if path not in self._paths:
            if path in self.originals or path in self.texts:
                return path
            for one in [*self.originals][len(self._files) :]:
                self._files[self.real_path(one)] = one
            self._paths[path] = self._files.get(self.real_path(path), path)
        return self._paths[path]

    @staticmethod
    def _refuse_generated(path: str, file: str, data: bytes) -> None:
        """Raise Refusal for a file that another program writes, or in another encoding."""
        if data.startswith(_UTF16):
            raise Refusal("the file is not UTF-8")
        lower = path.lower()
        if not lower.endswith((".json", ".jsonc")):
            return
        stem = os.path.splitext(file)[0]
        if is_file(f"{stem}.bicep"):
            raise Refusal(f"the file is generated: change `{os.path.splitext(path)[0]}.bicep`")
        if _GENERATED.search(data):
            raise Refusal("the file is generated")
        if not lower.endswith((".tf.json", ".tofu.json")) and not _TEMPLATE.search(data):
            raise Refusal("the file is an output of another tool")

    def text(self, path: str) -> str:
        """Return the text of a file without its byte order mark. Raise Refusal."""
        path = self._one_path(path)
        if path not in self._read:
            try:
                self._read[path] = self.data(path).removeprefix(_MARK).decode()
            except UnicodeDecodeError as error:
                raise Refusal("the file is not UTF-8") from error
        return self._read[path]

    def contains(self, path: str, word: str) -> bool:
        """Return whether the text of a file contains a word, searched for once. Raise Refusal."""
        return self.once((word, path), lambda: word in self.text(path))

    def text_to_read(self, path: str) -> str:
        """Return the text of a file that may be generated, because no edit changes it. Raise Refusal."""
        try:
            return self.text(path)
        except Refusal:
            return self._content(path).removeprefix(_MARK).decode("utf-8", "replace")

    def size(self, path: str) -> int:
        """Return the number of characters of a file; 0 if it must not be changed."""
        try:
            return len(self.text(path))
        except Refusal:
            return 0

    def raw(self, path: str) -> str:
        """Return the text of a file with its byte order mark."""
        return self.data(path).decode()

    def path_in_checkout(self, path: str) -> str:
        """Return a reported path relative to the top of the checkout."""
        return os.path.relpath(self.real_path(path), self._boundary).replace(os.sep, "/")

    def editor(self, path: str) -> TreeEditor:
        """Return the editor of a file. Raise Refusal."""
        path = self._one_path(path)
        return _cached_editor(path, self.text(path), self.focus.get(path))

    def value(self, path: str, pointer: Sequence[object]) -> object:
        """Return the value at a pointer in a JSON file; None if there is none. Raise Refusal."""
        value = _decoded(self.text(path))
        try:
            for step in pointer:
                value = value[step]
        except (LookupError, TypeError):
            return None
        return value

    def is_parameters(self, path: str) -> bool:
        """Return whether a JSON file is a parameter file of a template."""
        schema = self.value(path, ("$schema",))
        return isinstance(schema, str) and "deploymentParameters" in schema

    def module_files(self, path: str) -> list[str]:
        """Return the files of the Terraform module that a file belongs to. Raise Refusal."""
        folder = path.rpartition("/")[0]
        tools = (self._tool,) if self._tool else (TERRAFORM, OPENTOFU)
        names = sorted({name for tool in tools for name in module_files(self._names(folder), tool)})
        return [f"{folder}/{name}" if folder else name for name in names]

    def beside(self, path: str, name: str) -> str:
        """Return the path of another file in the folder of a file; empty if there is none. Raise Refusal."""
        folder = path.rpartition("/")[0]
        if name not in self._names(folder):
            return ""
        return f"{folder}/{name}" if folder else name

    def _names(self, folder: str) -> frozenset[str]:
        """Return the names in a folder. Raise Refusal."""
        try:
            return names_in(os.path.join(self.root, folder))
        except InputError as error:
            raise Refusal("the folder cannot be read") from error

    def module_texts(self, path: str) -> list[str]:
        """Return the texts of the Terraform module that a file belongs to. Raise Refusal."""
        return [self.text(file) for file in self.module_files(path)]

    def edited(self, edits: tuple[TextEdit, ...]) -> Sources:
        """Return the sources with edits applied. Raise Refusal if they overlap."""
        by_path: dict[str, list[TextEdit]] = {}
        for edit in edits:
            by_path.setdefault(edit.path, []).append(edit)
        texts = dict(self.texts)
        for path, of_file in by_path.items():
            data = self.data(path)
            mark = _MARK if data.startswith(_MARK) else b""
            texts[path] = mark + apply(self.text(path), of_file).encode()
        return Sources(
            self.root, texts, self.originals, self._inputs, self.checkout, self._boundary, self._tool, self.commands
        )

    def outdated(self) -> tuple[str, ...]:
        """Return the templates in other folders that were compiled from changed Bicep files; none if not known."""
        try:
            found = self.checkout.compiled_from(map(self.real_path, self.texts))
        except Refusal:
            return ()
        return tuple(os.path.relpath(path, self.real_path("")).replace(os.sep, "/") for path in found)

    def edits_to(self, other: Sources) -> tuple[TextEdit, ...]:
        """Return the edits that lead from this state to another."""
        changed = (path for path in other.texts if other.texts[path] != self.texts.get(path))
        return tuple(edit for path in changed for edit in _differences(path, self.text(path), other.text(path)))


# Many findings are about the same few files.
@lru_cache(8)
def _cached_editor(path: str, text: str, focus: tuple[int, int] | None) -> TreeEditor:
    return editor_of(path, text, focus)


@lru_cache(8)
def _decoded(text: str) -> Any:
    try:
        return decode_text(text).value
    except InputError:
        return None


def _differences(path: str, before: str, after: str) -> tuple[TextEdit, ...]:
    """Return the edits that turn a text into another: one for each group of changed lines."""
    from difflib import SequenceMatcher

    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    shorter = min(len(old), len(new))
    head = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    tail = next((at for at in range(shorter - head) if old[-1 - at] != new[-1 - at]), shorter - head)
    matcher = SequenceMatcher(None, old[head : len(old) - tail], new[head : len(new) - tail])
    starts = [0, *accumulate(map(len, old))]
    edits = []
    for tag, low, high, new_low, new_high in matcher.get_opcodes():
        if tag != "equal":
            text = "".join(new[head + new_low : head + new_high])
            edits.append(_trimmed(path, before[starts[head + low] : starts[head + high]], text, starts[head + low]))
    return tuple(edits)


def _trimmed(path: str, old: str, new: str, start: int) -> TextEdit:
    """Return the edit of the part of a text that differs."""
    shorter = min(len(old), len(new))
    head = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    tail = next((at for at in range(shorter - head) if old[-1 - at] != new[-1 - at]), shorter - head)
    end = len(old) - tail
    return TextEdit(path=path, start=start + head, end=start + end, replacement=new[head : len(new) - tail])


def editor_of(path: str, text: str, focus: tuple[int, int] | None = None) -> TreeEditor:
    """Return the editor of a file. Raise Refusal if it is generated, invalid, or of another language.

    ``focus`` is the span of a declaration. The editor parses the other ones only if an edit is made in them.
    """
    folders, _, name = path.rpartition("/")
    name = name.lower()
    if name.endswith(_LOCK_FILES) or not _CACHES.isdisjoint(folders.split("/")):
        raise Refusal("the file is generated")
    if name.endswith(_HCL):
        from azkvlint.fixes.terraform_editor import TerraformEditor

        return TerraformEditor(path, text, focus)
    if name.endswith(_BICEP):
        from azkvlint.fixes.bicep_editor import BicepEditor

        return BicepEditor(path, text, focus)
    if name.endswith(_JSON):
        from azkvlint.fixes.json_editor import JsonEditor

        return JsonEditor(path, text, terraform=name.endswith(_TERRAFORM_JSON))
    raise Refusal("files of this kind cannot be edited")
