"""Apply the overrides of the configuration file: change the severity of findings, or suppress them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import msgspec

from azkvlint.config.run_config import Config, today
from azkvlint.engine.rule_store import find_rules_by_prefix
from azkvlint.linter.suppressions import EXPIRED_SUPPRESSION, MALFORMED_SUPPRESSION, UNUSED_SUPPRESSION, problem_of
from azkvlint.linter.unit_result import UnitResult
from azkvlint.model.finding import EXTERNAL, Finding, Problem, Suppression, without_acceptance
from azkvlint.model.location import Location, Region, static_address
from azkvlint.model.rule import Rule
from azkvlint.model.suppression import OVERRIDE, DirectiveId, Override, SuppressionDirective
from azkvlint.util.errors import UsageError
from azkvlint.util.globs import AddressGlob, PathGlob
from azkvlint.util.project_boundary import checkout_of, is_within, real_path
from azkvlint.util.project_files import reported_name
from azkvlint.util.text import without_namespaces

EVERY = "every rule"


class _ActiveOverride(msgspec.Struct, frozen=True, kw_only=True):
    """A valid override. ``words`` select its rules, each with the ids of the selected rules."""

    override: Override
    at: Location
    paths: tuple[PathGlob, ...]
    resources: tuple[AddressGlob, ...]
    words: tuple[tuple[str, frozenset[str]], ...]


class Overrides:
    """The overrides of a run whose paths start from ``root``. ``problems`` are those of invalid or expired overrides.

    ``used`` are the ids of directives that have matched. Raise UsageError for rules that are not ``known``.
    """

    def __init__(self, config: Config, known: Sequence[Rule], selected: Iterable[Rule], root: str) -> None:
        self.problems: list[Problem] = []
        self._folder = f"{config.base.rstrip(os.sep)}{os.sep}"
        self._covered = any(is_within(config.base, real_path(path)) for path in config.paths)
        # Paths in the source of a plan start from its own checkout, which may be elsewhere.
        self._roots = [root, *filter(None, [checkout_of(config.base)])]
        self._active: list[_ActiveOverride] = []
        self.used: set[DirectiveId] = set()
        self._by_path: dict[str, list[int]] = {}
        self._by_rule: dict[tuple[str, str], list[tuple[int, list[str]]]] = {}
        self._selected = frozenset(rule.id for rule in selected)
        current_day, rules_by_word = today(config).isoformat(), dict[str, frozenset[str]]()
        self._broken: list[SuppressionDirective] = []
        for override in config.overrides:
            if override.severity is None and config.no_ignores:
                continue
            region = Region(override.line, 1, override.line, 1) if override.line else None
            at = Location(path=reported_name(root, config.file), region=region)
            for word in override.rules:
                if word not in rules_by_word:
                    rules_by_word[word] = _selected_rules(word, override, known)
            words = tuple((word, rules_by_word[word]) for word in override.rules)
            is_expired = bool(override.until) and override.until < current_day
            if (override.fault or is_expired) and override.severity is None:
                self._broken.append(_directive(override, at, is_expired))
            if override.fault:
                self._add_problem(
                    MALFORMED_SUPPRESSION, f"invalid override: {override.fault}", at, "write until = 2027-03-01"
                )
            elif is_expired:
                message = f"the override expired on {override.until}"
                self._add_problem(EXPIRED_SUPPRESSION, message, at, "fix the findings, or set a later date")
            else:
                self._active.append(
                    _ActiveOverride(
                        override=override, at=at, words=words, paths=tuple(map(PathGlob, override.paths)),
                        resources=tuple(map(AddressGlob, override.resources)),
                    )
                )  # fmt: skip

    def apply(self, result: UnitResult) -> UnitResult:
        """Return the result of a unit with the overrides applied."""
        # kvlint's own configuration takes precedence over comments for other tools.
        suppressed = [self._override(finding) if _is_by_peer(finding) else finding for finding in result.suppressed]
        findings = self._split(result.findings, suppressed)
        unknown = self._split(result.unknown, suppressed)
        return msgspec.structs.replace(result, findings=findings, unknown=unknown, suppressed=suppressed)

    def unused(self) -> list[Problem]:
        """Return the problems of overrides that ignore nothing, if the run has read everything to which they apply."""
        problems = []
        for directive in self.directives():
            for word in directive.unused(self.used):
                subject = f"{word} is not" if word != EVERY else "nothing is"
                problems.append(
                    problem_of(UNUSED_SUPPRESSION, f"unused override: {subject} reported there", directive.at)
                )
        return problems

    def directives(self) -> list[SuppressionDirective]:
        """Return the overrides that ignore findings, in order."""
        directives = list(self._broken)
        for index, compiled in enumerate(self._active):
            if compiled.override.severity is not None:
                continue
            marks = {word: self._mark(index, word) for word, ids in compiled.words if ids & self._selected}
            if not compiled.words:
                marks = {EVERY: self._mark(index, EVERY)}
            # An override may apply to inputs that the run has not read.
            seen_marks = tuple((word, mark) for word, mark in marks.items() if self._covered or mark in self.used)
            directives.append(msgspec.structs.replace(_directive(compiled.override, compiled.at), marks=seen_marks))
        return directives

    def _mark(self, index: int, word: str) -> DirectiveId:
        return self._active[index].at.path, index, word

    def _add_problem(self, code: str, message: str, at: Location, hint: str) -> None:
        self.problems.append(problem_of(code, message, at, hint))

    def _split(self, findings: Iterable[Finding], suppressed: list[Finding]) -> list[Finding]:
        """Return the findings that count; the others are added to ``suppressed``."""
        counted: list[Finding] = []
        for finding in map(self._override, findings):
            (counted if finding.suppressed is None else suppressed).append(finding)
        return counted

    def _override(self, finding: Finding) -> Finding:
        """Apply the overrides to a finding: the last severity and the first suppression count."""
        reason: Suppression | None = None
        paths = {at.path for at in (finding.at, finding.attribute_at) if at is not None}
        for index, words in sorted(pair for path in paths for pair in self._for_rule(path, finding.rule.id)):
            compiled = self._active[index]
            if not _matches(compiled.resources, finding.resource):
                continue
            self.used.update(self._mark(index, word) for word in words)
            override = compiled.override
            if override.severity is not None:
                finding = without_acceptance(finding, override.severity)
            elif reason is None:
                reason = Suppression(
                    kind=EXTERNAL, justification=override.reason, at=compiled.at, until=override.until,
                    owner=override.owner,
                )  # fmt: skip
        return finding if reason is None else msgspec.structs.replace(finding, suppressed=reason)

    def _for_rule(self, path: str, rule: str) -> list[tuple[int, list[str]]]:
        """Return the overrides that may apply to a rule at a path, each with its words for the rule."""
        if (path, rule) not in self._by_rule:
            named = ((index, self._active[index].words) for index in self._for_path(path))
            pairs = (
                (index, [word for word, ids in words if rule in ids] if words else [EVERY]) for index, words in named
            )
            self._by_rule[path, rule] = [(index, words) for index, words in pairs if words]
        return self._by_rule[path, rule]

    def _for_path(self, path: str) -> list[int]:
        if path not in self._by_path:
            files = [os.path.join(root, path) for root in self._roots]
            file = real_path(next(filter(os.path.lexists, files), files[0]))
            below = file[len(self._folder) :].replace(os.sep, "/") if file.startswith(self._folder) else ""
            self._by_path[path] = [
                index
                for index, compiled in enumerate(self._active)
                if not compiled.paths or (below and any(glob.matches(below) for glob in compiled.paths))
            ]
        return self._by_path[path]


def _is_by_peer(finding: Finding) -> bool:
    return finding.suppressed is not None and bool(finding.suppressed.tool)


def _directive(override: Override, at: Location, is_expired: bool = False) -> SuppressionDirective:
    return SuppressionDirective(
        kind=OVERRIDE, at=at, rules=override.rules or (EVERY,), reason=override.reason, owner=override.owner,
        until=override.until, fault=override.fault, ended=is_expired,
    )  # fmt: skip


def _selected_rules(word: str, override: Override, known: Sequence[Rule]) -> frozenset[str]:
    try:
        return frozenset(rule.id for rule in find_rules_by_prefix(known, word))
    except UsageError as error:
        raise UsageError(f"{override.place}: override: rules: {error.message}", error.hint) from error


def _matches(globs: Sequence[AddressGlob], address: str) -> bool:
    """Return whether one of the globs, if there are any, matches an address, or its short form in text reports."""
    if not globs:
        return True
    short = without_namespaces(address)
    return any(glob.matches(one, static_address(one)) for glob in globs for one in {address, short})
