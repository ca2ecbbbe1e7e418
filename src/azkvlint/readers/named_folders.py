"""The folders of tests and examples that files with deployment commands name, in whatever form.

A list of forms of commands can never be complete: paths are items of arrays, keys of manifests, arguments of scripts
and inputs of reusable workflows. A file that deploys, and a file that calls one or that one includes, therefore counts
with every path in it that leads into a folder of tests. Too much counts rather than too little.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence

from azkvlint.util.lazy_regex import regex
from azkvlint.util.text import consists_of

ANYTHING = "\0"
_SEPARATORS = regex(r"[/\\]+")
_TOKEN = regex(r"(?<![\w.*?{}$%@~+-])[\w.*?{}$%@~+-]*+(?:[/\\][\w.*?{}$%@~+-]++){1,30}+[/\\]?")
_LEADING_OUT = regex(r"(?:\.\.[/\\]){1,30}")
_CHANGE_OF_FOLDER = regex(r"\bcd\s|pushd\s|-location\s|chdir|working|directory|\bdir\b")
_TREE = regex(r"(?:\bfind|\bget-childitem|\bgci)[ \t]{1,9}(?:-path[ \t]{1,9})?[\"']?([\w.$/\\-]{1,200})")
_EXPRESSION = regex(r"\$\{\{[^}\n]{0,100}\}\}|\$\([^)\n]{0,100}\)")
_WILDCARD = regex(r"\*|\?|\$\{[^}]*\}?|\$\w+|\{\w*\}|%\w+%")
_NOT_PLAIN = regex(r"[$%{}@~]|^\.{0,2}$")
_MENTIONED = regex(r"(?<![\w.-])[\w.-]{1,100}\.(?:ya?ml|sh|bash|zsh|ksh|ps1|psm1|cmd|bat|mk|groovy|env)(?![\w.-])")
_LOCAL_ACTION = regex(r"uses:[ \t]{0,9}[\"']?\./([\w./-]{1,200})")
_ACTIONS = frozenset({"action.yml", "action.yaml"})
# Files of the module in their folder.
_OF_MODULE = (".tf", ".tofu", ".tfvars", ".tfvars.json", ".tfbackend", ".hcl", ".tfplan")
# The most paths of all files; beyond it everything counts as deployed.
_MOST = 20_000


class NamedFolders:
    """Collects the paths that files name. ``is_complete``: there were not too many."""

    def __init__(self, tests: re.Pattern[str]) -> None:
        self.is_complete = True
        self._tests = tests
        self._ends: dict[tuple[str, ...], None] = {}
        self._trees: dict[tuple[str, ...], None] = {}
        # By the last step, if it is known.
        self._by_last: dict[str, list[tuple[str, ...]]] = {}
        self._waiting: list[tuple[str, list[tuple[str, ...]], list[tuple[str, ...]], frozenset[str]]] = []
        self._deploying: set[str] = set()
        self._mentioned: set[str] = set()

    def add_file(self, file: str, text: str, depth: int, *, deploys: bool) -> None:
        """Add a file. If it does not deploy, its paths count if a file that does calls it, or is called by it.

        ``depth`` is the number of folders between the checkout and the file.
        """
        text = _EXPRESSION.sub("*", text)
        lower = text.lower()
        mentioned = frozenset(_MENTIONED.findall(lower))
        mentioned |= {path.rstrip("/").rpartition("/")[2] for path in _LOCAL_ACTION.findall(lower)}
        depth = depth if _CHANGE_OF_FOLDER.search(lower) is None else len(text)
        ends, trees = list(self._ends_in(text, depth)), list(self._trees_in(lower))
        if deploys:
            self._ends.update(dict.fromkeys(ends))
            self._trees.update(dict.fromkeys(trees))
            self._deploying.add(_called_as(file))
            self._mentioned |= mentioned
        elif ends or trees or mentioned:
            self._waiting.append((_called_as(file), ends, trees, mentioned))
        if len(self._ends) + len(self._trees) + len(self._waiting) > _MOST:
            self.is_complete = False

    def finish(self) -> None:
        """Add the paths of the files that call those with commands, or that those mention."""
        changed = True
        while changed:
            callers = [one for one in self._waiting if not self._deploying.isdisjoint(one[3])]
            changed = not self._deploying.issuperset(name for name, *_ in callers)
            self._deploying.update(name for name, *_ in callers)
        for name, ends, trees, mentioned in self._waiting:
            if name in self._mentioned or not self._deploying.isdisjoint(mentioned):
                self._ends.update(dict.fromkeys(ends))
                self._trees.update(dict.fromkeys(trees))
        self._waiting = []

    def include(self, path: str) -> bool:
        """Return whether a path is named: that of a template, or of the folder of a module."""
        if len(self._by_last) == 0:
            for end in self._ends:
                self._by_last.setdefault("" if ANYTHING in end[-1] else end[-1], []).append(end)
        steps = path.lower().split(os.sep)
        if any(_ends_with(steps, end) for last in (steps[-1], "") for end in self._by_last.get(last, ())):
            return True
        return any(_ends_with(steps[:depth], tree) for tree in self._trees for depth in range(1, len(steps) + 1))

    def _ends_in(self, text: str, depth: int) -> Iterator[tuple[str, ...]]:
        for match in _TOKEN.finditer(text):
            out = _LEADING_OUT.match(match[0])
            if out is not None and len(out[0]) // 3 > depth:
                continue
            end = self._end_of(match[0])
            if len(end) > 1:
                yield end
                if end[-1].endswith(_OF_MODULE):
                    yield end[:-1]

    def _trees_in(self, lower: str) -> Iterator[tuple[str, ...]]:
        for match in _TREE.finditer(lower):
            end = self._end_of(match[1])
            if end:
                yield end
        for match in _TOKEN.finditer(lower) if "**" in lower else ():
            end = self._end_of(match[0].partition("**")[0]) if "**" in match[0] else ()
            if end:
                yield end

    def _end_of(self, token: str) -> tuple[str, ...]:
        """Return the last steps of a path, as far as they are known, if one is a folder of tests."""
        token = token.lower().lstrip("-")
        steps = _SEPARATORS.split(token if "{" in token else token.rstrip("}"))
        while steps and steps[-1] in ("", "."):
            steps.pop()
        first = next((at for at, step in enumerate(steps) if self._tests.fullmatch(step) is not None), None)
        if first is None:
            return ()
        begin = first
        while begin and not token.startswith("/") and _NOT_PLAIN.search(steps[begin - 1]) is None:
            begin -= 1
        return tuple(_WILDCARD.sub(ANYTHING, step) for step in steps[begin:])


def _called_as(file: str) -> str:
    """Return the name by which other files call a file: that of its folder for an action."""
    folder, name = os.path.split(file.lower())
    return os.path.basename(folder) if name in _ACTIONS else name


def _ends_with(steps: Sequence[str], end: tuple[str, ...]) -> bool:
    return len(steps) >= len(end) and all(map(matches_step, end, steps[len(steps) - len(end) :]))


def matches_step(pattern: str, step: str) -> bool:
    """Return whether a name consists of the known parts of a pattern, in their order, in linear time."""
    return consists_of(step, pattern.split(ANYTHING))
