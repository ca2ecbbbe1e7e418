"""Findings in folders of tests and examples, which are reported and do not count.

Which folders these are is a question of their names below the path that the command line names. ``test``, ``demo`` and
``e2e`` are names of environments too: beside a folder such as ``prod``, or in one such as ``environments``, they are.
A finding in a module counts, unless the module is evaluated on its own too and only the call of a test makes it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

from azkvlint.config.run_config import Config
from azkvlint.model.finding import FROM_PLAN, Finding
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_boundary import real_path

if TYPE_CHECKING:
    from azkvlint.util.globs import PathGlob

NAMES = regex(
    r"tests?|testing|testdata|test[-_]?(?:cases?|data|fixtures?|resources?)|__tests__|fixtures?|e2e|terratest"
    r"|examples?|samples?|demos?|vendor|third[-_]party|node_modules|\.terraform"
    # azurerm.tests, integration-tests, app.test; not app-test, which is an environment as often.
    r"|.*[._-](?:tests|examples|samples|fixtures)|.*\.test"
)
"""The names of folders, in lower case, that hold tests, examples or code of others."""
_ENVIRONMENTS = regex(r"env|envs|environments?|stages?|landing[-_]?zones?|live|subscriptions?")
_AMBIGUOUS = frozenset({"test", "demo", "e2e"})
_STAGES = regex(
    r"acc|acceptance|dev|develop|development|int|integration|live|nonprod|pre-?prod|prd|prod|production|qa|sit|stage"
    r"|staging|stg|uat"
)


class FoldersOfTests:
    """Decides of each path of a run whether it is in a folder of tests or examples.

    ``root`` is where the paths start from, ``source_root`` where those start from that a plan's source gives. ``read``
    are the paths that the run has read.
    """

    def __init__(self, config: Config, root: str, source_root: str, read: Iterable[str]) -> None:
        named = (*config.paths, *((config.source_root,) if config.source_root else ()))
        self._named = sorted({real_path(path).rstrip(os.sep) for path in named if path != "-"})
        self._globs: list[tuple[str, PathGlob]] | None = None
        if config.test_folders is not None:
            from azkvlint.util.globs import PathGlob

            folders = ((real_path(folder).rstrip(os.sep), glob) for folder, glob in config.test_folders)
            self._globs = [(f"{folder}{os.sep}", PathGlob(glob)) for folder, glob in folders]
        self._roots = {"": real_path(root), FROM_PLAN: real_path(source_root)}
        self._read = frozenset(read)
        self._environments: frozenset[str] | None = None
        self._known: dict[tuple[str, str], bool] = {}

    def marked(self, finding: Finding) -> Finding:
        """Return a finding that states whether it is in such a folder, or only arguments from one make it."""
        if self._is_in_tests(finding.source, finding.at.path) or self._is_made_by_tests(finding):
            return msgspec.structs.replace(finding, in_tests=True)
        return finding

    def _is_made_by_tests(self, finding: Finding) -> bool:
        """Return whether a test or example calls a module that is also evaluated on its own, outside such a folder.

        What does not depend on arguments is found there too.
        """
        if finding.source or not finding.callers or not self._is_in_tests("", finding.root):
            return False
        places = (finding.at, *finding.callers)
        return any(self._is_evaluated(at.path) and not self._is_in_tests("", at.path) for at in places)

    def _is_evaluated(self, path: str) -> bool:
        """Return whether a template, or the Terraform module that a file is in, is evaluated on its own."""
        return path in self._read or (os.path.dirname(path) or ".") in self._read

    def _is_in_tests(self, source: str, path: str) -> bool:
        """Return whether a reported path is in such a folder."""
        key = source, path
        if key not in self._known:
            root = self._roots.get(source, self._roots[""])
            self._known[key] = self._is_test(os.path.normpath(os.path.join(root, path)))
        return self._known[key]

    def _is_test(self, file: str) -> bool:
        """Return whether a file is in such a folder below each named path that it is in."""
        around = [named for named in self._named if file.startswith(f"{named}{os.sep}")]
        if file in self._named or not around:
            return False
        # The deepest one leaves the fewest folders.
        paths = list(_below(max(around, key=len), file))
        if self._globs is not None:
            return any(self._is_globbed(path, is_folder=path != file) for path in paths)
        return any(self._is_test_folder(path) for path in paths[:-1])

    def _is_globbed(self, path: str, is_folder: bool) -> bool:
        """Return whether a glob of the user is about a path."""
        return any(
            path.startswith(base) and glob.matches_itself(path[len(base) :].replace(os.sep, "/"), is_folder)
            for base, glob in self._globs or ()
        )

    def _is_test_folder(self, folder: str) -> bool:
        """Return whether a folder has the name of one of tests or examples."""
        parent, name = os.path.split(folder.lower())
        if NAMES.fullmatch(name) is None:
            return False
        return not (name in _AMBIGUOUS and self._holds_environments(parent))

    def _holds_environments(self, folder: str) -> bool:
        """Return whether a folder, in lower case, holds one folder for each environment."""
        if _ENVIRONMENTS.fullmatch(os.path.basename(folder)) is not None:
            return True
        if self._environments is None:
            self._environments = frozenset(self._parents_of_stages())
        return folder in self._environments

    def _parents_of_stages(self) -> Iterator[str]:
        root = self._roots[""].lower()
        for path in self._read:
            names = os.path.normpath(path.lower()).split(os.sep)
            for depth, name in enumerate(names):
                if _STAGES.fullmatch(name) is not None:
                    yield os.path.normpath(os.path.join(root, *names[:depth]))


def _below(base: str, file: str) -> Iterator[str]:
    """Yield the folders on the way from ``base`` down to a file, without the first, and the file."""
    here = base
    for name in file[len(base) :].strip(os.sep).split(os.sep):
        here = f"{here}{os.sep}{name}"
        yield here
