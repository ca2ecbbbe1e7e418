"""Recognize findings in folders of tests and examples, which are reported but do not count for the exit code.

Folders of deprecated code are like these. Folders are recognized by name, below the paths on the command line.
``test``, ``demo`` and ``e2e`` may also be environments: next to a folder such as ``prod``, or in one such as
``environments``, they are not test folders.

Who deploys decides: a finding that a root outside of these folders leads to counts, and so does one in a root that a
pipeline or script deploys. Of the others, a finding in a module counts, unless it exists only through the call of a
test although the module is also evaluated on its own or for a root outside of tests.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from azkvlint.config.run_config import Config
from azkvlint.model.finding import FAIL, FROM_PLAN, INPUT_INCOMPLETE, Finding, Problem
from azkvlint.model.location import Location
from azkvlint.model.rule import Severity
from azkvlint.readers.discover import SKIPPED
from azkvlint.util.file_tracker import Snapshot
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_boundary import real_path, root_of
from azkvlint.util.project_files import reported_path

if TYPE_CHECKING:
    from azkvlint.linter.unit_result import UnitResult
    from azkvlint.readers.deployments import Deployments
    from azkvlint.util.globs import PathGlob

NAMES = regex(
    r"tests?|testing|testdata|test[-_]?(?:cases?|data|fixtures?|resources?)|__tests__|fixtures?|e2e|terratest"
    r"|validation|examples?|samples?|demos?|vendor|third[-_]party|archived|deprecated|obsolete"
    r"|e2e[-_](?:template[-_])?(?:assets|tests?|fixtures?|data)"
    # azurerm.tests, integration-tests, app.test; not app-test, which is often an environment.
    r"|.*[._-](?:tests|examples|samples|fixtures)|.*\.test|.*(?:unit|integration|functional|acceptance)tests"
)
"""The lower-case names of folders with tests, examples, third-party or deprecated code."""
_TERRAFORM = (".tf", ".tofu", ".tf.json", ".tofu.json")
_COUNT = "use `--include-tests` if the rest deploys one"
_ENVIRONMENTS = regex(r"env|envs|environments?|stages?|landing[-_]?zones?|live|subscriptions?")
_AMBIGUOUS = frozenset({"test", "demo", "e2e"})
# Inputs of the tests of a scanner: those that a query reports, and those that it does not. Both are side by side.
# Source: docs.kics.io/latest/creating-queries (the folder `test` of a query has positive and negative samples).
_SAMPLES_OF_SCANNERS = regex(r"(positive|negative)[-_]?[0-9]*")
_STAGES = regex(
    r"acc|acceptance|dev|develop|development|int|integration|live|nonprod|pre-?prod|prd|prod|production|qa|sit|stage"
    r"|staging|stg|uat"
)


class FoldersOfTests:
    """Determines whether paths of a run are in test or example folders.

    ``root`` is the base of paths, ``source_root`` that of paths in the source of a plan; ``read`` are the paths that
    the run has read, ``units`` the results of its roots. ``marked`` are the folders with failures that were marked.
    What is deployed is searched once for each ``snapshot``: no text that replaces a file is a script, and none differs
    in the template that it names.
    """

    def __init__(
        self,
        config: Config,
        root: str,
        source_root: str,
        read: Iterable[str],
        snapshot: Snapshot | None = None,
        units: Sequence[UnitResult] = (),
    ) -> None:
        self._snapshot = Snapshot() if snapshot is None else snapshot
        inputs = (*config.paths, *((config.source_root,) if config.source_root else ()))
        self._are_counted, self._has_overrides = config.include_tests, bool(config.overrides)
        self._inputs = sorted({real_path(path).rstrip(os.sep) for path in inputs if path != "-"})
        self._globs: list[tuple[str, PathGlob]] | None = None
        if config.test_folders is not None:
            from azkvlint.util.globs import PathGlob

            folders = ((real_path(folder).rstrip(os.sep), glob) for folder, glob in config.test_folders)
            self._globs = [(f"{folder}{os.sep}", PathGlob(glob)) for folder, glob in folders]
        self._roots = {"": real_path(root), FROM_PLAN: real_path(source_root)}
        self._read = frozenset(read)
        self._units = units
        self._environments: frozenset[str] | None = None
        self._samples: frozenset[str] | None = None
        self._known: dict[tuple[str, str], str] = {}
        self.marked: set[str] = set()
        self._deployments: Deployments | None = None

    def mark(self, finding: Finding) -> Finding:
        """Return a finding, marked if it is in a test folder or only arguments from one cause it.

        What a root outside of tests deploys counts, wherever its code is.
        """
        folder = self._folder_of(finding.source, finding.at.path)
        if not folder and self._is_caused_by_tests(finding):
            folder = self._folder_of("", f"{finding.root}/-")
        if not folder or self._is_deployed(finding.source, finding.root):
            return finding
        if finding.outcome is FAIL and finding.suppressed is None:
            self.marked.add(folder)
        return msgspec.structs.replace(finding, in_tests=True)

    def problems(self) -> Iterator[Problem]:
        """Yield a note for each script whose unread rest may deploy a folder that was marked."""
        if not self.marked or self._deployments is None or self._are_counted:
            return
        from azkvlint.readers.deployments import LONGEST_SCRIPT

        text = f"only the first {LONGEST_SCRIPT:,} bytes were searched for commands that deploy folders of tests"
        for script in self._deployments.unread:
            at = Location(path=reported_path(self._roots[""], script))
            yield Problem(code=INPUT_INCOMPLETE, level="note", message=text, at=at, hint=_COUNT)

    def include(self, root: str, path: str) -> bool:
        """Return whether a resource of a root, which is declared at a path, is in tests, and no root deploys it."""
        return self._is_in_tests("", path) and not self._is_deployed("", root)

    def _is_deployed(self, source: str, path: str) -> bool:
        """Return whether the root at a path is outside of tests, or a pipeline deploys it."""
        if not path or not self._is_in_tests(source, f"{path}/-"):
            return bool(path)
        if self._globs is not None:
            return False  # the user lists the folders that are not deployed
        if self._deployments is None:
            from azkvlint.readers.deployments import deployments_in

            tops = sorted({root_of(input_) for input_ in self._inputs})
            self._deployments = self._snapshot.once(
                ("deployments", *tops), lambda: deployments_in(tops, SKIPPED, NAMES)
            )
        root = self._roots.get(source, self._roots[""])
        return self._deployments.include(os.path.normpath(os.path.join(root, path)))

    def limit_severity(self, finding: Finding) -> Finding:
        """Return a finding, one in tests with medium severity at most, unless findings in tests count.

        No vault there protects production. But a value in code that may be a credential in use is leaked wherever the
        code is: it is high at most. What a comment for another tool accepts is low. An override may have set the
        severity.
        """
        limit = Severity.CRITICAL
        if finding.in_tests and not self._are_counted and not (self._has_overrides and finding.regraded is not None):
            limit = Severity.HIGH if finding.may_leak_credential else Severity.MEDIUM
        accepted = finding.accepted
        if accepted is not None:
            accepted = msgspec.structs.replace(accepted, severity=min(accepted.severity, limit))
            return msgspec.structs.replace(finding, accepted=accepted, regraded=Severity.LOW)
        return finding if finding.severity <= limit else msgspec.structs.replace(finding, regraded=limit)

    def _is_caused_by_tests(self, finding: Finding) -> bool:
        """Return whether a test or example calls a module that is also evaluated without it, outside test folders.

        Findings that do not depend on arguments are reported there too.
        """
        if finding.source or not finding.callers or not self._is_in_tests("", f"{finding.root}/-"):
            return False
        places = (finding.at, *finding.callers)
        return any(self._is_evaluated(at.path) and not self._is_in_tests("", at.path) for at in places)

    def _is_evaluated(self, path: str) -> bool:
        """Return whether a template, or the Terraform module of a file, is evaluated on its own or for another root."""
        module = _module_of(path)
        return not self._read.isdisjoint((path, module)) or module in self._evaluated_for_others

    @cached_property
    def _evaluated_for_others(self) -> frozenset[str]:
        """Return the templates and Terraform modules that are evaluated for roots outside of tests."""
        units = (unit for unit in self._units if self._is_deployed("", unit.root or next(iter(unit.read), "")))
        return frozenset(_module_of(path) for unit in units for path in unit.texts_read)

    def _is_in_tests(self, source: str, path: str) -> bool:
        return bool(self._folder_of(source, path))

    def _folder_of(self, source: str, path: str) -> str:
        """Return the test folder that contains a path, as reports name it; "" if there is none."""
        key = source, path
        if key not in self._known:
            root = self._roots.get(source, self._roots[""])
            folder = self._test_folder(os.path.normpath(os.path.join(root, path)))
            self._known[key] = os.path.relpath(folder, root).replace(os.sep, "/") if folder else ""
        return self._known[key]

    def _test_folder(self, file: str) -> str:
        """Return the outermost test folder of a file below the innermost input that contains it; "" if there is none.

        It may be the file itself, if a glob names it.
        """
        inputs = [input_ for input_ in self._inputs if file.startswith(f"{input_}{os.sep}")]
        if file in self._inputs or not inputs:
            return ""
        # The innermost input leaves the fewest folders to check.
        paths = list(_below(max(inputs, key=len), file))
        if self._globs is not None:
            return next((path for path in paths if self._is_globbed(path, is_folder=path != file)), "")
        return next(filter(self._is_test_folder, paths[:-1]), "")

    def _is_globbed(self, path: str, is_folder: bool) -> bool:
        return any(
            path.startswith(base) and glob.matches_itself(path[len(base) :].replace(os.sep, "/"), is_folder)
            for base, glob in self._globs or ()
        )

    def _is_test_folder(self, folder: str) -> bool:
        parent, name = os.path.split(folder.lower())
        if NAMES.fullmatch(name) is None:
            return _SAMPLES_OF_SCANNERS.fullmatch(name) is not None and self._holds_samples(parent)
        return not (name in _AMBIGUOUS and self._holds_environments(parent))

    def _holds_environments(self, folder: str) -> bool:
        """Return whether a folder (lower case) contains one folder for each environment."""
        if _ENVIRONMENTS.fullmatch(os.path.basename(folder)) is not None:
            return True
        if self._environments is None:
            self._environments = frozenset(self._parents_of_stages())
        return folder in self._environments

    def _parents_of_stages(self) -> Iterator[str]:
        return (parent for parent, name in self._folders_read() if _STAGES.fullmatch(name) is not None)

    def _holds_samples(self, folder: str) -> bool:
        """Return whether a folder (lower case) contains samples that a scanner reports, and ones that it does not."""
        if self._samples is None:
            found = ((parent, _SAMPLES_OF_SCANNERS.fullmatch(name)) for parent, name in self._folders_read())
            kinds = {(parent, match[1]) for parent, match in found if match is not None}
            both = [parent for parent, kind in kinds if kind == "positive" and (parent, "negative") in kinds]
            self._samples = frozenset(both)
        return folder in self._samples

    def _folders_read(self) -> Iterator[tuple[str, str]]:
        """Yield the parent and the name (lower case) of each folder and file below the root that the run has read."""
        root = self._roots[""].lower()
        for path in self._read:
            names = os.path.normpath(path.lower()).split(os.sep)
            for depth, name in enumerate(names):
                yield os.path.normpath(os.path.join(root, *names[:depth])), name


def _module_of(path: str) -> str:
    """Return what a call names: the folder of a file of Terraform, the template itself in other languages."""
    return os.path.dirname(path) or "." if path.lower().endswith(_TERRAFORM) else path


def _below(base: str, file: str) -> Iterator[str]:
    """Yield the folders from ``base`` (exclusive) down to a file, and the file."""
    current = base
    for name in file[len(base) :].strip(os.sep).split(os.sep):
        current = f"{current}{os.sep}{name}"
        yield current
