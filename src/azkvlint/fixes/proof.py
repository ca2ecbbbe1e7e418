"""Prove edits: with them in place of the files, everything that reads these is evaluated again."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

import msgspec

from azkvlint.config.run_config import Config
from azkvlint.fixes.sources import Sources
from azkvlint.linter.linter import Prepared, check, known_rules, rules_of
from azkvlint.linter.result_cache import ResultCache
from azkvlint.linter.workers import set_readable_files
from azkvlint.model.finding import FAIL, FROM_PLAN, Finding, Report
from azkvlint.model.rule import Severity
from azkvlint.readers.discover import discover
from azkvlint.readers.units import compiled_templates
from azkvlint.util.file_tracker import EDITOR_TEXTS
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_boundary import real_path
from azkvlint.util.project_files import is_folder, read_start

Key: TypeAlias = tuple[str, str, str]
"""The rule of a result, the input through which it was found, and the address of its resource."""

_ESCAPED = regex(r"[\\*?\[\]!]")
_CORRECTNESS = "correctness"
# A document that is not an input, instead of a plan, and what a plan begins with.
_NO_INPUT, _PLAN, _HEAD = b"{}", regex(rb'"(?:terraform_version|planned_values|resource_changes)"\s*:'), 10_000
# python-hcl2 needs seconds for larger texts.
_MAX_WITNESS = 64_000


class Fault(NamedTuple):
    """Why edits are not proven, and what it is about: resources (root and address), or files."""

    text: str
    resources: frozenset[tuple[str, ...]] = frozenset()
    paths: frozenset[str] = frozenset()

    def concerns(self, finding: Finding) -> bool:
        """Return whether it is about a resource of a finding."""
        return any(key[1:] in self.resources for key in keys_of(finding))


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What an evaluation reports: findings and unknown results by key, problems, and the evaluated resources.

    ``resources`` are counted by path, address and condition, and by type.
    """

    report: Report
    findings: Counter[Key]
    unknown: Counter[Key]
    problems: Counter[tuple[str, ...]]
    resources: Counter[tuple[str, ...]]


class Prover:
    """Evaluates the inputs of a run again with edited texts. Units that do not read them are not evaluated again.

    All rules run, whatever the run selects, ignores or suppresses: an edit must not have unsafe effects that no rule of
    the run would notice. Of what becomes worse, what the rules of the run would report counts, and what Azure or a
    provider rejects or ignores.
    ``replaced`` are texts by real path in place of files that are not read.
    """

    def __init__(self, config: Config, replaced: Mapping[str, bytes] | None = None) -> None:
        every_rule = known_rules(config)
        of_run = (rule for one in (config, msgspec.structs.replace(config, select=())) for rule in rules_of(one))
        self._guards = {rule.id for rule in (*of_run, *(one for one in every_rule if one.category == _CORRECTNESS))}
        self.config = msgspec.structs.replace(
            config, select=tuple(rule.id for rule in every_rule), ignore=(), explain=True, baseline="",
            min_severity=Severity.INFO, with_controls=False, outputs=(),
        )  # fmt: skip
        self.stale = self._without_compiled()
        self._prepared = Prepared(self.config)
        self._cache = ResultCache()
        self.runs, self.results = 0, 0
        self._opinions: dict[bytes, bool] = {}
        self._replaced = dict(replaced or {})
        self.plans: tuple[str, ...] = ()
        self.before = self.state(None)

    def _without_compiled(self) -> Mapping[str, str]:
        """Leave the templates that were compiled from Bicep files out: an edit makes them outdated.

        Return their reported paths by those of the Bicep files.
        """
        set_readable_files(self.config)
        sources, root = discover((*self.config.paths, *self.config.parameters), self.config.exclude)
        compiled = compiled_templates(sources)
        if not compiled:
            return {}
        named = {real_path(source.file) for source in compiled.values()}
        patterns = [(root, f"/{_ESCAPED.sub(_escape, source.path)}") for source in compiled.values()]
        paths = tuple(path for path in self.config.paths if real_path(path) not in named)
        if not paths:
            return {}
        self.config = msgspec.structs.replace(self.config, paths=paths, exclude=(*self.config.exclude, *patterns))
        return {source.path: compiled[source.file].path for source in sources if source.file in compiled}

    def _state(self) -> State:
        report = check(self.config, None, self._cache, self._prepared)
        self.runs += 1
        self.results += self._cache.evaluated_results
        failures = [*report.findings, *(one for one in report.suppressed if one.outcome is FAIL)]
        unknown = [*report.unknown, *(one for one in report.suppressed if one.outcome is not FAIL)]
        declared = Counter((one.at.path, one.address, one.condition) for one in report.evaluated)
        return State(
            report=report,
            findings=Counter(key for one in failures for key in keys_of(one)),
            unknown=Counter(key for one in unknown for key in keys_of(one)),
            problems=Counter(_problem_keys(report)),
            resources=declared + Counter({("", name): count for name, count in report.resource_counts.items()}),
        )

    def renew(self) -> None:
        """Take the texts as they are now for those before an edit."""
        self.runs = 0
        self.before = self._state()

    @property
    def secret_texts(self) -> frozenset[str]:
        """Return the secrets in the inputs."""
        return self._cache.secret_texts

    def state(self, sources: Sources | None) -> State:
        """Return the state with the changed texts of ``sources``."""
        held = dict(EDITOR_TEXTS)
        try:
            EDITOR_TEXTS.update(self._replaced)
            if sources is not None:
                EDITOR_TEXTS.update((sources.real_path(path), data) for path, data in sources.texts.items())
            return self._state()
        finally:
            EDITOR_TEXTS.clear()
            EDITOR_TEXTS.update(held)

    def faults(self, findings: Iterable[Finding], state: State, sources: Sources) -> Iterator[Fault]:
        """Yield why a state does not prove that these findings are fixed and that nothing else is worse."""
        before = self.before
        for finding in findings:
            if not is_gone(finding, state):
                yield Fault("the finding would remain", frozenset(key[1:] for key in keys_of(finding)))
        for rule, root, address in self._guarded(state.findings - before.findings):
            yield Fault(f"it would cause {rule} on {address}", frozenset({(root, address)}))
        for rule, root, address in self._guarded(state.unknown - before.unknown):
            yield Fault(f"the result of {rule} on {address} would become unknown", frozenset({(root, address)}))
        for code, _, message, path in sorted(state.problems - before.problems):
            yield Fault(f"it would cause a problem: {code} {message}", paths=frozenset(filter(None, (path,))))
        differing = (state.resources - before.resources) + (before.resources - state.resources)
        # Where the counts by type alone differ, the cause may be anywhere.
        for path in sorted({path for path, *_ in differing if path} or {path for path, *_ in differing}):
            yield Fault("other resources would be evaluated", paths=frozenset(filter(None, (path,))))
        yield from self._syntax_faults(sources)

    def _guarded(self, keys: Iterable[Key]) -> list[Key]:
        """Return the results that count, in order."""
        return sorted(key for key in keys if key[0] in self._guards)

    def _syntax_faults(self, sources: Sources) -> Iterator[Fault]:
        """Yield the changed HCL files that another parser no longer accepts."""
        unchanged = Sources(sources.root)
        for path, data in sources.texts.items():
            is_read = path.lower().endswith((".tf", ".tofu")) and len(data) <= _MAX_WITNESS
            if is_read and not self._is_accepted(data) and self._is_accepted(unchanged.data(path)):
                yield Fault("the result would not parse", paths=frozenset((path,)))

    def _is_accepted(self, data: bytes) -> bool:
        if data not in self._opinions:
            from azkvlint.readers.terraform.second_opinions import syntax_error
            from azkvlint.syntax.texts import decoded

            try:
                self._opinions[data] = syntax_error(decoded(data)) is None
            # Another version of python-hcl2 may fail in any way.
            except Exception:  # noqa: BLE001
                self._opinions[data] = False
        return self._opinions[data]


def _escape(match: re.Match[str]) -> str:
    return f"\\{match[0]}"


def is_gone(finding: Finding, state: State) -> bool:
    """Return whether a state has no result of a finding."""
    return not any(key in state.findings or key in state.unknown for key in keys_of(finding))


def prover_of(report: Report, config: Config) -> Prover:
    """Return the prover of a report: of findings from plans, it evaluates the source that they are reported in.

    A plan beside its source adds to that, but shows the values before an edit.
    """
    roots = {finding.root for finding in report.findings if finding.source == FROM_PLAN}
    folders = tuple(os.path.join(report.root, root) for root in sorted(roots))
    if not folders and not any(is_folder(os.path.join(report.root, path)) for path in report.sources):
        return Prover(config)
    names = [path for path in report.sources if path.lower().endswith(".json")]
    found = [name for name in names if _PLAN.search(read_start(os.path.join(report.root, name), _HEAD))]
    plans = {real_path(os.path.join(report.root, name)): _NO_INPUT for name in found}
    prover = Prover(msgspec.structs.replace(config, paths=tuple(sorted({*config.paths, *folders}))), plans)
    prover.plans = tuple(found)
    return prover


def inputs_of(report: Report) -> tuple[str, ...]:
    """Return what the prover of a report evaluates: its inputs, and the sources of its plans."""
    return *report.sources, *sorted({one.root for one in report.findings if one.source == FROM_PLAN})


def keys_of(finding: Finding) -> Iterator[Key]:
    """Yield the keys of the results that a finding groups."""
    for one in finding.occurrences:
        yield finding.rule.id, one.root, one.address


def _problem_keys(report: Report) -> Iterator[tuple[str, ...]]:
    for one in report.problems:
        yield one.code, one.level, one.message, "" if one.at is None else one.at.path
