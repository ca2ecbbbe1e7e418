"""Whether git ignores a new file of a checkout, which pattern does, and which lines include the file again.

Patterns are in the ``.gitignore`` files of the checkout and in ``.git/info/exclude``; git is not started. Patterns of
the user alone (``core.excludesFile``) are not read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from azkvlint.util.errors import InputError
from azkvlint.util.globs import PathGlob
from azkvlint.util.project_boundary import git_folder, read_git_metadata
from azkvlint.util.project_files import read_bytes

GITIGNORE = ".gitignore"
_EXCLUDE = "info/exclude"
_MOST_BYTES = 250_000
# A name that no pattern is made for.
_OTHER = "kvlint-other"
_CLASSES = {
    "[:alnum:]": "A-Za-z0-9", "[:alpha:]": "A-Za-z", "[:digit:]": "0-9", "[:lower:]": "a-z", "[:upper:]": "A-Z",
    "[:xdigit:]": "0-9A-Fa-f", "[:space:]": " \t", "[:blank:]": " \t",
}  # fmt: skip


class IgnorePattern(NamedTuple):
    """A pattern on a line of ``file``, for paths below ``folder`` (empty for the checkout itself)."""

    text: str
    file: str
    line: int
    folder: str
    matcher: PathGlob
    is_negated: bool

    def matches(self, path: str, *, is_folder: bool) -> bool:
        """Return whether the pattern matches a path of the checkout itself."""
        prefix = f"{self.folder}/" if self.folder else ""
        return path.startswith(prefix) and self.matcher.matches_itself(path[len(prefix) :], is_folder)


class GitIgnore:
    """The patterns of a checkout."""

    def __init__(self, checkout: str) -> None:
        self._checkout = checkout
        self._by_folder: dict[str, list[IgnorePattern]] = {}
        git = git_folder(checkout)
        common = os.path.join(git, read_git_metadata(git, "commondir").strip())
        self._exclude = list(_patterns(read_git_metadata(common, _EXCLUDE), f".git/{_EXCLUDE}", ""))

    def ignored_by(self, path: str) -> IgnorePattern | None:
        """Return the pattern because of which git ignores a file that is not tracked, or a folder above it."""
        return next((found for _, _, found in self._ignored(path)), None)

    def lines_to_include(self, path: str) -> dict[str, list[str]]:
        """Return lines to append to .gitignore files, by the path of the file, after which git does not ignore a file.

        They do not include other files in a folder that is ignored.
        """
        by_file: dict[str, list[str]] = {}
        kept = {folder: list(patterns) for folder, patterns in self._by_folder.items()}
        for above, is_folder, found in self._ignored(path):
            file = f"{found.folder}/{GITIGNORE}".lstrip("/")
            below = above[len(found.folder) :].lstrip("/")
            added = [f"!/{below}{'/' if is_folder else ''}"]
            self._add(found.folder, file, added[0])
            inside = f"{above}/{_OTHER}"
            other = self._decision(inside, is_folder=False) if is_folder else None
            if is_folder and (other is None or other.is_negated):
                added.append(f"/{below}/*")
                self._add(found.folder, file, added[1])
            by_file.setdefault(file, []).extend(added)
        self._by_folder = kept
        return by_file

    def _add(self, folder: str, file: str, line: str) -> None:
        self._in(folder).extend(_patterns(line, file, folder))

    def _ignored(self, path: str) -> Iterator[tuple[str, bool, IgnorePattern]]:
        """Yield the folders above a file, and the file, that are ignored, each with the pattern."""
        names = path.split("/")
        for depth in range(1, len(names) + 1):
            above, is_folder = "/".join(names[:depth]), depth < len(names)
            found = self._decision(above, is_folder=is_folder)
            if found is not None and not found.is_negated:
                yield above, is_folder, found

    def _decision(self, path: str, *, is_folder: bool) -> IgnorePattern | None:
        """Return the pattern that decides on a path itself: the last one of the nearest file that has any."""
        folder = path
        while folder:
            folder = folder.rpartition("/")[0]
            for pattern in reversed(self._in(folder)):
                if pattern.matches(path, is_folder=is_folder):
                    return pattern
        return next((one for one in reversed(self._exclude) if one.matches(path, is_folder=is_folder)), None)

    def _in(self, folder: str) -> list[IgnorePattern]:
        if folder not in self._by_folder:
            name = f"{folder}/{GITIGNORE}".lstrip("/")
            self._by_folder[folder] = list(_patterns(self._text(name), name, folder))
        return self._by_folder[folder]

    def _text(self, name: str) -> str:
        """Return the text of a .gitignore file; empty if there is none. As in git, it must not be a link."""
        file = os.path.join(self._checkout, *name.split("/"))
        if os.path.islink(file) or not os.path.isfile(file):
            return ""
        try:
            return read_bytes(file, _MOST_BYTES).decode("utf-8", "surrogateescape")
        except InputError:
            return ""


def _patterns(text: str, file: str, folder: str) -> Iterator[IgnorePattern]:
    """Yield the patterns of a file. Git ignores those that are invalid too."""
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        shown = line.removesuffix("\r").rstrip(" ")
        if not shown or shown.startswith("#"):
            continue
        is_negated = shown.startswith("!")
        pattern = shown[is_negated:]
        for name, characters in _CLASSES.items():
            pattern = pattern.replace(name, characters)
        pattern = pattern.replace("[^", "[!")
        if "." in pattern.split("/"):
            continue  # git matches names
        if pattern[:1].isspace() or pattern.startswith("!"):
            pattern = f"\\{pattern}"
        try:
            glob = PathGlob(pattern)
        except ValueError:
            continue
        yield IgnorePattern(shown, file, number, folder, glob, is_negated)
