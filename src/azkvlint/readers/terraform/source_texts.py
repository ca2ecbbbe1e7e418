"""The files that ``file()`` and ``templatefile()`` read, including those whose content is deployed."""

from __future__ import annotations

from azkvlint.evaluation.values import Result, is_large, plain_of, unknown_in
from azkvlint.model.value import Scalar, Unknown
from azkvlint.syntax.json_decoder import decode_text
from azkvlint.syntax.positions import decoded
from azkvlint.util.errors import InputError
from azkvlint.util.project_files import MAX_FILE, read_bytes, resolve_inside

# The number of results of templates that are kept.
_MOST_KEPT = 1_000
# What every template has.
_RESOURCES = '"resources"'
_NONE: set[str] = set()


class Texts:
    """The text files of one root module. ``deployed`` are the real paths of those whose content is deployed."""

    def __init__(self, root: str, directory: str) -> None:
        self._root = root
        self._directory = directory
        self._texts: dict[str, str | None] = {}
        # Real paths by the content of the files, or by the result of rendering them.
        self._files: dict[str, set[str]] = {}
        self._made: dict[str, set[str]] = {}
        self._data: dict[str, object] = {}
        self.deployed: set[str] = set()

    def read(self, name: str) -> str | None:
        """Return the text of a file, relative to the root module; None if it is not in the project, or cannot
        be read.
        """
        if name not in self._texts:
            self._texts[name] = None
            try:
                file = resolve_inside(self._root, self._directory, name)
                if file is not None:
                    text = self._texts[name] = decoded(read_bytes(file, MAX_FILE))
                    self._files.setdefault(text, set()).add(file)
            except InputError:
                pass
        return self._texts[name]

    def add_rendered(self, name: str, found: Result) -> None:
        """Record the result of rendering a template file."""
        text, read = _text_of(found), self._texts.get(name)
        if text is not None and read is not None and _RESOURCES in text and len(self._made) < _MOST_KEPT:
            self._made[text] = self._files[read]

    def deploy(self, *values: Result | None) -> None:
        """Record the files whose entire content is deployed through the values."""
        for value in values:
            text = _text_of(value)
            if text is not None:
                self.deployed |= self._files.get(text, _NONE) | self._made.get(text, _NONE)
            elif value is not None:
                self._deploy_data(_plain(value))

    def _deploy_data(self, plain: object) -> None:
        """Add the templates in decoded data."""
        if not isinstance(plain, dict):
            return
        for text, files in self._files.items():
            if text not in self._data:
                self._data[text] = _decode(text)
            if self._data[text] == plain:
                self.deployed |= files


def _text_of(value: Result | None) -> str | None:
    """Return a string, or the pattern of a partly unknown one; None for other values."""
    match value:
        case Scalar(value=str() as text):
            return text
        case Unknown(pattern=pattern) if pattern:
            return pattern
    return None


def _plain(value: Result) -> object:
    """Return plain data; None for a value that is partly unknown, or too large to compare."""
    return None if is_large(value) or unknown_in(value) is not None else plain_of(value)


def _decode(text: str) -> object:
    """Return the value of a JSON object; None for any other string."""
    try:
        return decode_text(text).value if text.lstrip().startswith("{") else None
    except InputError:
        return None
