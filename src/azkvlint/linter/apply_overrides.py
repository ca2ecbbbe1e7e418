"""The overrides of a configuration file: findings of another severity, or suppressed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import msgspec

from azkvlint.config.run_config import Config, today
from azkvlint.engine.rule_selection import rules_called
from azkvlint.linter.suppressions import EXPIRED, MALFORMED, UNUSED
from azkvlint.linter.unit_result import UnitResult
from azkvlint.model.finding import EXTERNAL, Finding, Problem, Suppression
from azkvlint.model.location import Location, Region, static_address
from azkvlint.model.rule import Rule
from azkvlint.model.severity_override import Override
from azkvlint.model.suppression import OVERRIDE, DirectiveId, SuppressionDirective
from azkvlint.util.errors import UsageError
from azkvlint.util.globs import AddressGlob, PathGlob
from azkvlint.util.project_boundary import checkout_of, is_within, real_path
from azkvlint.util.project_files import reported_name

EVERY = "every rule"


class _Ready(msgspec.Struct, frozen=True, kw_only=True):
    """An override that counts. ``words`` are those for its rules, each with the ids of the rules that it names."""

    override: Override
    at: Location
    paths: tuple[PathGlob, ...]
    resources: tuple[AddressGlob, ...]
    words: tuple[tuple[str, frozenset[str]], ...]


class Overriding:
    """The overrides of a run whose paths start from ``root``. ``problems`` are those that count no longer, or never.

    ``used`` are the marks of those that have found something. Raises UsageError for a rule that is not ``known``.
    """

    def __init__(self, config: Config, known: Sequence[Rule], selected: Iterable[Rule], root: str) -> None:
        self.problems: list[Problem] = []
        self._folder = f"{config.base.rstrip(os.sep)}{os.sep}"
        self._covered = any(is_within(config.base, real_path(path)) for path in config.paths)
        # The source of a plan need not lie below the plan's root: its paths start from its own checkout.
        self._roots = [root, *filter(None, [checkout_of(config.base)])]
        self._ready: list[_Ready] = []
        self.used: set[DirectiveId] = set()
        self._by_path: dict[str, list[int]] = {}
        self._by_rule: dict[tuple[str, str], list[tuple[int, list[str]]]] = {}
        self._selected = frozenset(rule.id for rule in selected)
        day, named = today(config).isoformat(), dict[str, frozenset[str]]()
        self._broken: list[SuppressionDirective] = []
        for override in config.overrides:
            if override.severity is None and config.no_ignores:
                continue
            region = Region(override.line, 1, override.line, 1) if override.line else None
            at = Location(path=reported_name(root, config.file), region=region)
            for word in override.rules:
                if word not in named:
                    named[word] = _named(word, override, known)
            words = tuple((word, named[word]) for word in override.rules)
            ended = bool(override.until) and override.until < day
            if (override.fault or ended) and override.severity is None:
                self._broken.append(_said(override, at, ended))
            if override.fault:
                self._tell(MALFORMED, f"this override does nothing: {override.fault}", at, "write until = 2027-03-01")
            elif ended:
                said = f"this override ended on {override.until}, so what it was about is as it was before"
                self._tell(EXPIRED, said, at, "mend what is found, or give it a new end")
            else:
                self._ready.append(
                    _Ready(
                        override=override, at=at, words=words, paths=tuple(map(PathGlob, override.paths)),
                        resources=tuple(map(AddressGlob, override.resources)),
                    )
                )  # fmt: skip

    def on(self, result: UnitResult) -> UnitResult:
        """Return the result of a unit after the overrides."""
        # What the user writes for kvlint comes before comments for other tools.
        suppressed = [self._changed(one) if _is_by_peer(one) else one for one in result.suppressed]
        findings = self._parted(result.findings, suppressed)
        undecided = self._parted(result.undecided, suppressed)
        return msgspec.structs.replace(result, findings=findings, undecided=undecided, suppressed=suppressed)

    def unused(self) -> list[Problem]:
        """Return the problems of overrides that ignore nothing, if the run has seen all that they could be about."""
        found = []
        for said in self.said():
            for word in said.unused(self.used):
                what = f"nothing of {word}" if word != EVERY else "nothing"
                found.append(_problem(UNUSED, f"{what} is found where this override ignores it", said.at))
        return found

    def said(self) -> list[SuppressionDirective]:
        """Return the overrides that are to ignore something, in the order of their lines."""
        found = list(self._broken)
        for index, compiled in enumerate(self._ready):
            if compiled.override.severity is not None:
                continue
            marks = {word: self._mark(index, word) for word, ids in compiled.words if ids & self._selected}
            if not compiled.words:
                marks = {EVERY: self._mark(index, EVERY)}
            # What the run has not seen may be what an override is about.
            asked = tuple((word, mark) for word, mark in marks.items() if self._covered or mark in self.used)
            found.append(msgspec.structs.replace(_said(compiled.override, compiled.at), marks=asked))
        return found

    def _mark(self, index: int, word: str) -> DirectiveId:
        return self._ready[index].at.path, index, word

    def _tell(self, code: str, message: str, at: Location, hint: str) -> None:
        self.problems.append(_problem(code, message, at, hint))

    def _parted(self, findings: Iterable[Finding], suppressed: list[Finding]) -> list[Finding]:
        """Return the findings that count; the others are added to ``suppressed``."""
        counted: list[Finding] = []
        for finding in map(self._changed, findings):
            (counted if finding.suppressed is None else suppressed).append(finding)
        return counted

    def _changed(self, finding: Finding) -> Finding:
        """Return a finding with what is said of it. Of several severities the last counts, of several reasons the
        first.
        """
        reason: Suppression | None = None
        for index, words in self._asked(finding.at.path, finding.rule.id):
            compiled = self._ready[index]
            if not _is_about(compiled.resources, finding.resource):
                continue
            self.used.update(self._mark(index, word) for word in words)
            override = compiled.override
            if override.severity is not None:
                finding = msgspec.structs.replace(finding, regraded=override.severity)
            elif reason is None:
                reason = Suppression(
                    kind=EXTERNAL, justification=override.reason, at=compiled.at, until=override.until,
                    owner=override.owner,
                )  # fmt: skip
        return finding if reason is None else msgspec.structs.replace(finding, suppressed=reason)

    def _asked(self, path: str, rule: str) -> list[tuple[int, list[str]]]:
        """Return the overrides that may be about what a rule finds at a path, each with its words for the rule."""
        if (path, rule) not in self._by_rule:
            named = ((index, self._ready[index].words) for index in self._about(path))
            pairs = (
                (index, [word for word, ids in words if rule in ids] if words else [EVERY]) for index, words in named
            )
            self._by_rule[path, rule] = [(index, words) for index, words in pairs if words]
        return self._by_rule[path, rule]

    def _about(self, path: str) -> list[int]:
        """Return the overrides that may be about a path."""
        if path not in self._by_path:
            files = [os.path.join(root, path) for root in self._roots]
            file = real_path(next(filter(os.path.lexists, files), files[0]))
            below = file[len(self._folder) :].replace(os.sep, "/") if file.startswith(self._folder) else ""
            self._by_path[path] = [
                index
                for index, compiled in enumerate(self._ready)
                if not compiled.paths or (below and any(glob.matches(below) for glob in compiled.paths))
            ]
        return self._by_path[path]


def _is_by_peer(finding: Finding) -> bool:
    """Return whether a comment for another tool suppresses a finding."""
    return finding.suppressed is not None and bool(finding.suppressed.tool)


def _said(override: Override, at: Location, ended: bool = False) -> SuppressionDirective:
    return SuppressionDirective(
        kind=OVERRIDE, at=at, rules=override.rules or (EVERY,), reason=override.reason, owner=override.owner,
        until=override.until, fault=override.fault, ended=ended,
    )  # fmt: skip


def _named(word: str, override: Override, known: Sequence[Rule]) -> frozenset[str]:
    """Return the ids of the rules that a word names."""
    try:
        return frozenset(rule.id for rule in rules_called(known, word))
    except UsageError as error:
        raise UsageError(f"{override.place}: override: rules: {error.message}", error.hint) from error


def _is_about(globs: Sequence[AddressGlob], address: str) -> bool:
    return not globs or any(glob.matches(address, static_address(address)) for glob in globs)


def _problem(code: str, message: str, at: Location, hint: str = "") -> Problem:
    return Problem(code=code, level="note" if code == UNUSED else "warning", message=message, at=at, hint=hint)
