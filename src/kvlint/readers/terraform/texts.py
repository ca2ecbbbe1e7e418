"""The files that ``file()`` and ``templatefile()`` read, and which of them hold what is deployed."""

from __future__ import annotations

from collections.abc import Iterator

from kvlint.errors import InputError
from kvlint.expressions.values import Result, is_large, plain_of, unknown_in
from kvlint.model.value import Scalar, Unknown
from kvlint.readers.files import MAX_FILE, decoded, inside, read_bytes
from kvlint.syntax.jsonc import decode

# So many results of templates are kept, which is more than anybody deploys.
_MOST_KEPT = 1_000
# What every template, and every file of parameters, says of itself.
_SCHEMA = "$schema"


class Texts:
    """The text files of one root module. ``deployed`` are the real paths of those whose content is deployed."""

    def __init__(self, root: str, directory: str) -> None:
        self._root = root
        self._directory = directory
        self._texts: dict[str, str | None] = {}
        self._files: dict[str, str] = {}
        self._rendered: dict[str, str] = {}
        self.deployed: set[str] = set()

    def read(self, name: str) -> str | None:
        """The text of a file, relative to the root module; None if it is not in the project, or cannot be read."""
        if name not in self._texts:
            try:
                file = inside(self._root, self._directory, name)
                self._texts[name] = None if file is None else decoded(read_bytes(file, MAX_FILE))
                if file is not None:
                    self._files[name] = file
            except InputError:
                self._texts[name] = None
        return self._texts[name]

    def rendered(self, name: str, found: Result) -> None:
        """Take note of what a template makes that is in a file."""
        text = _text_of(found)
        if text is not None and _SCHEMA in text and len(self._rendered) < _MOST_KEPT:
            self._rendered[text] = name

    def deploy(self, *values: Result | None) -> None:
        """Take note of the files that values come from, as a whole, which are deployed."""
        for value in values:
            self.deployed.update(self._files[name] for name in self._origins(value) if name in self._files)

    def _origins(self, value: Result | None) -> Iterator[str]:
        text = _text_of(value)
        if text is not None:
            if text in self._rendered:
                yield self._rendered[text]
            yield from (name for name, read in self._texts.items() if read == text)
        elif value is not None:
            plain = _plain(value)
            for name, read in self._texts.items():
                if plain is not None and read is not None and _SCHEMA in read and _says(read, plain):
                    yield name


def _text_of(value: Result | None) -> str | None:
    """A text, as far as it is known; None for anything else."""
    match value:
        case Scalar(value=str() as text):
            return text
        case Unknown(pattern=pattern) if pattern:
            return pattern
    return None


def _plain(value: Result) -> object:
    """Plain data; None for what is not wholly known, or too large to be compared."""
    return None if is_large(value) or unknown_in(value) is not None else plain_of(value)


def _says(text: str, plain: object) -> bool:
    """Whether a text is JSON that says just that."""
    try:
        return bool(decode(text.encode()).value == plain)
    except InputError:
        return False
