"""Prove edits: with them in place of the files, everything that reads these is evaluated again."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple, TypeAlias

import msgspec

from azkvlint.config.run_config import Config
from azkvlint.fixes.opposites import opposites_of
from azkvlint.fixes.sources import Sources
from azkvlint.linter.linter import Prepared, Progress, check, check_in, known_rules, lint, rules_of
from azkvlint.linter.result_cache import ResultCache
from azkvlint.linter.workers import set_readable_files
from azkvlint.model.finding import FAIL, FROM_PLAN, Finding, Report
from azkvlint.model.rule import Rule, Severity
from azkvlint.readers.discover import discover
from azkvlint.readers.units import compiled_templates
from azkvlint.util.file_tracker import Snapshot, editor_texts
from azkvlint.util.lazy_regex import regex
from azkvlint.util.processes import collect_garbage
from azkvlint.util.project_boundary import real_path
from azkvlint.util.project_files import is_folder, read_start

Key: TypeAlias = tuple[str, str, str]
"""The rule of a result, the input through which it was found, and the address of its resource."""

_ESCAPED = regex(r"[\\*?\[\]!]")
_CORRECTNESS = "correctness"
# A run with fewer of all rules than one in so many is evaluated with these only.
_MOST_TIMES = 2
# Container objects that were created and not freed since the last collection. Evaluations leave cycles behind.
_MOST_GARBAGE = 1_000_000
# A document that is not an input, instead of a plan, and what a plan begins with.
_NO_INPUT, _PLAN, _HEAD = b"{}", regex(rb'"(?:terraform_version|planned_values|resource_changes)"\s*:'), 10_000


class ProofFailure(NamedTuple):
    """Why edits are not proven, and what it is about: resources (root and address), or files.

    ``related`` are the other resources in the evidence of the result of a ``rule``, and ``linked`` those that its
    resource refers to. ``of`` are the keys of the finding that remains.
    """

    text: str
    resources: frozenset[tuple[str, ...]] = frozenset()
    paths: frozenset[str] = frozenset()
    related: frozenset[tuple[str, ...]] = frozenset()
    of: frozenset[Key] = frozenset()
    rule: str = ""
    linked: frozenset[tuple[str, ...]] = frozenset()

    def is_of(self, finding: Finding) -> bool:
        """Return whether it is that a finding remains."""
        return not self.of.isdisjoint(keys_of(finding))

    def concerns(self, finding: Finding) -> bool:
        """Return whether it is about a resource of a finding."""
        return any(key[1:] in self.resources for key in keys_of(finding))


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What an evaluation reports: findings and unknown results by key, problems, and the evaluated resources.

    ``resources`` are counted by path, address and condition, and by type. ``references`` are the resources that those
    with results refer to.
    """

    report: Report
    findings: Counter[Key]
    unknown: Counter[Key]
    problems: Counter[tuple[str, ...]]
    resources: Counter[tuple[str, ...]]
    references: Mapping[tuple[str, ...], Sequence[tuple[str, ...]]]


class Prover:
    """Evaluates the inputs of a run again with edited texts. Units that do not read them are not evaluated again.

    All rules run, whatever the run selects, ignores or suppresses: an edit must not have unsafe effects that no rule of
    the run would notice. Of what becomes worse, what the rules of the run would report counts, and what Azure or a
    provider rejects or ignores.
    ``replaced`` are texts by real path in place of files that are not read. ``cache`` has the results of the run, which
    are reused if it had all rules. ``is_shown``: the edited lines are shown, so that secrets in them are searched.
    """

    def __init__(
        self,
        config: Config,
        replaced: Mapping[str, bytes] | None = None,
        cache: ResultCache | None = None,
        *,
        is_shown: bool = False,
    ) -> None:
        self._is_shown = is_shown
        self._config_of_run = config
        self.config = config
        self.stale = self._without_compiled()
        self._cache = ResultCache(snapshot=Snapshot()) if cache is None else cache
        self.runs, self.results = 0, 0
        self._replaced = dict(replaced or {})
        self.plans: tuple[str, ...] = ()
        self._before: State | None = None
        self._readers: Mapping[str, frozenset[str]] | None = None

    @cached_property
    def every_rule(self) -> Sequence[Rule]:
        """Return the rules that a proof evaluates."""
        return known_rules(self._config_of_run)

    @cached_property
    def _of_run(self) -> Mapping[str, Rule]:
        """Return the rules whose results count because the run, or one without a selection, has them."""
        config = self._config_of_run
        return {rule.id: rule for one in (config, msgspec.structs.replace(config, select=())) for rule in rules_of(one)}

    @cached_property
    def _guards(self) -> frozenset[str]:
        return frozenset((*self._of_run, *(one.id for one in self.every_rule if one.category == _CORRECTNESS)))

    @cached_property
    def opposites(self) -> Mapping[str, Rule]:
        """Return by rule another one of the run that requires the opposite."""
        return opposites_of(tuple(self._of_run.values()))

    @cached_property
    def _prepared(self) -> Prepared:
        """Return the rules of an evaluation, which begins only if there is an edit to prove."""
        self.config = msgspec.structs.replace(
            self.config, select=tuple(rule.id for rule in self.every_rule), ignore=(), explain=True, baseline="",
            min_severity=Severity.INFO, with_controls=False, outputs=(),
        )  # fmt: skip
        return Prepared(self.config, self._cache.compiled)

    @property
    def is_evaluated(self) -> bool:
        """Return whether the files have been evaluated."""
        return self._before is not None

    @property
    def before(self) -> State:
        """Return the state of the files as they are."""
        if self._before is None:
            self._before = self.state(None)
        return self._before

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

    def _state(self, rules: Collection[str] = ()) -> State:
        prepared = self._prepared
        cache = self._cache.with_partial_results(rules) if rules else self._cache
        config = msgspec.structs.replace(self.config, with_excerpts=self._is_shown, with_references=True)
        report = check(config, None, cache, prepared, cache.compiled)
        # The command line collects no garbage: for a single evaluation it would cost more than it frees.
        collect_garbage(_MOST_GARBAGE)
        self.runs += 1
        self.results += cache.evaluated_results
        failures = [*report.findings, *(one for one in report.suppressed if one.outcome is FAIL)]
        unknown = [*report.unknown, *(one for one in report.suppressed if one.outcome is not FAIL)]
        declared = Counter((one.at.path, one.address, one.condition) for one in report.evaluated)
        return State(
            report=report,
            findings=Counter(key for one in failures for key in keys_of(one)),
            unknown=Counter(key for one in unknown for key in keys_of(one)),
            problems=Counter(_problem_keys(report)),
            resources=declared + Counter({("", name): count for name, count in report.resource_counts.items()}),
            references=cache.references,
        )

    def readers(self, file: str) -> frozenset[str]:
        """Return the inputs whose evaluation has read a file, by its real path."""
        if self._readers is None:
            _ = self.before
            self._readers = self._cache.readers()
        return self._readers.get(file, frozenset())

    def renew(self) -> None:
        """Take the texts as they are now for those before an edit."""
        self.runs, self._readers = 0, None
        if self._cache.snapshot is not None:
            self._cache.snapshot.renew()
        self._before = self._state()

    @property
    def secret_texts(self) -> frozenset[str]:
        """Return the secrets in the inputs. They are evaluated if they have not been."""
        _ = self.before
        return self._cache.secret_texts

    @property
    def secret_lines(self) -> frozenset[str]:
        """Return the lines of the inputs that no diff shows. They are evaluated if they have not been."""
        assert self._is_shown  # noqa: S101  # otherwise they have not been searched
        _ = self.before
        return self._cache.secret_lines

    def state(self, sources: Sources | None, rules: Collection[str] = ()) -> State:
        """Return the state with the changed texts of ``sources``. With ``rules``, it has all results of these only."""
        texts = editor_texts()
        held = dict(texts)
        try:
            texts.update(self._replaced)
            if sources is not None:
                texts.update((sources.real_path(path), data) for path, data in sources.texts.items())
            return self._state(rules)
        finally:
            texts.clear()
            texts.update(held)

    def faults(
        self, findings: Iterable[Finding], state: State, left: Mapping[Key, Collection[str]] | None = None
    ) -> Iterator[ProofFailure]:
        """Yield why a state does not prove that these findings are fixed and that nothing else is worse.

        Of a finding with a key in ``left``, these attributes may remain.
        """
        before, reasons = self.before, _Reasons(state.report)
        for finding in findings:
            remaining = next(((left or {})[key] for key in keys_of(finding) if key in (left or {})), ())
            if not (is_gone(finding, state) or (remaining and is_reduced(finding, remaining, state))):
                keys = frozenset(keys_of(finding))
                is_known = any(key in state.findings for key in keys)
                because = "" if is_known else reasons.of(keys)
                is_open = f"the result of {finding.rule.id} would be unknown{because}"
                text = "the finding would remain" if is_known else is_open
                yield ProofFailure(text, frozenset(key[1:] for key in keys), of=keys)
        worse = self._guarded(state.findings - before.findings)
        related = _related(worse, state.report.findings)
        for key in worse:
            text = f"it would cause {key[0]} on {key[2]}"
            yield _fault(text, key, related, state)
        unknown = self._guarded(state.unknown - before.unknown)
        related = _related(unknown, state.report.unknown)
        for key in unknown:
            text = f"the result of {key[0]} on {key[2]} would become unknown{reasons.of({key})}"
            yield _fault(text, key, related, state)
        for code, _, message, path in sorted(state.problems - before.problems):
            yield ProofFailure(f"it would cause a problem: {code} {message}", paths=frozenset(filter(None, (path,))))
        differing = (state.resources - before.resources) + (before.resources - state.resources)
        # Where the counts by type alone differ, the cause may be anywhere.
        for path in sorted({path for path, *_ in differing if path} or {path for path, *_ in differing}):
            yield ProofFailure("other resources would be evaluated", paths=frozenset(filter(None, (path,))))

    def refuting(self, finding: Finding, faults: Sequence[ProofFailure]) -> list[ProofFailure]:
        """Return the faults of what an edit means, which do not depend on how it is spelled.

        What a provider rejects or ignores depends on the names of arguments; other rules apply to the values.
        """
        if any(fault.is_of(finding) for fault in faults):
            return []
        of_values = {one.id for one in self.every_rule if one.category != _CORRECTNESS}
        return [fault for fault in faults if fault.rule in of_values]

    def _guarded(self, keys: Iterable[Key]) -> list[Key]:
        """Return the results that count, in order."""
        return sorted(key for key in keys if key[0] in self._guards)


def _fault(text: str, key: Key, related: Mapping[Key, frozenset[tuple[str, ...]]], state: State) -> ProofFailure:
    """Return the fault that a state has a result. ``related`` are other resources by result."""
    resource = key[1:]
    linked = frozenset(state.references.get(resource, ()))
    return ProofFailure(text, frozenset({resource}), related=related.get(key, frozenset()), rule=key[0], linked=linked)


def _related(keys: Collection[Key], results: Iterable[Finding]) -> dict[Key, frozenset[tuple[str, ...]]]:
    """Return the other resources in the evidence of each of some results."""
    pending, found = set(keys), dict[Key, frozenset[tuple[str, ...]]]()
    for one in results if pending else ():
        for key in pending.intersection(keys_of(one)):
            found[key] = frozenset((key[1], part.at.address) for part in one.evidence if part.at.address is not None)
    return found


def attributes_of(faults: Iterable[ProofFailure], state: State) -> dict[ProofFailure, set[str]]:
    """Return the attributes that the results of a state are about, by the faults that these are."""
    by_key = {(fault.rule, root, address): fault for fault in faults if fault.rule for root, address in fault.resources}
    found: dict[ProofFailure, set[str]] = {}
    for one in (*state.report.findings, *state.report.unknown) if by_key else ():
        for key in keys_of(one):
            if key in by_key:
                names = (name for part in one.evidence for name in (part.attribute, part.at.attribute) if name)
                found.setdefault(by_key[key], set()).update(names)
    return found


class _Reasons:
    """Why results of a report are unknown, as the end of a sentence."""

    def __init__(self, report: Report) -> None:
        self._report = report

    @cached_property
    def _by_key(self) -> dict[Key, str]:
        # The first result with a key counts.
        results = reversed((*self._report.unknown, *self._report.suppressed))
        return {key: one.why for one in results if one.why for key in keys_of(one)}

    def of(self, keys: Iterable[Key]) -> str:
        """Return the reason of the result with one of these keys; empty if it is not known."""
        why = next((self._by_key[key] for key in sorted(keys) if key in self._by_key), "")
        return f": {why}" if why else ""


def _escape(match: re.Match[str]) -> str:
    return f"\\{match[0]}"


def is_gone(finding: Finding, state: State) -> bool:
    """Return whether a state has no result of a finding."""
    return not any(key in state.findings or key in state.unknown for key in keys_of(finding))


def is_reduced(finding: Finding, attributes: Collection[str], state: State) -> bool:
    """Return whether a state has a finding only about some attributes."""
    keys = set(keys_of(finding))
    found = [one for one in state.report.findings if not keys.isdisjoint(keys_of(one))]
    is_known = not any(key in state.unknown for key in keys)
    return is_known and all(note.attribute in attributes for one in found for note in one.evidence)


def report_of(config: Config, progress: Progress | None, cache: ResultCache) -> Report:
    """Return the report of a run whose fixes are proven with the same ``cache``, which need not evaluate again.

    A run with few rules has only the results of these: a check takes far less then, and most need no proof.
    """
    config = msgspec.structs.replace(config, explain=True, with_references=True)
    every, rules = known_rules(config), rules_of(config)
    if len(every) // _MOST_TIMES < len(rules) < len(every):
        whole = msgspec.structs.replace(config, select=tuple(rule.id for rule in every), ignore=())
        report = check_in(whole, config, progress, cache)
        if report is not None:
            return report
        cache = ResultCache(snapshot=cache.snapshot)
    return lint(config.paths, config, progress, cache)


def prover_of(report: Report, config: Config, cache: ResultCache | None = None, *, is_shown: bool = False) -> Prover:
    """Return the prover of a report: of findings from plans, it evaluates the source that they are reported in.

    A plan beside its source adds to that, but shows the values before an edit.
    """
    roots = {finding.root for finding in report.findings if finding.source == FROM_PLAN}
    folders = tuple(os.path.join(report.root, root) for root in sorted(roots))
    if not folders and not any(is_folder(os.path.join(report.root, path)) for path in report.sources):
        return Prover(config, cache=cache, is_shown=is_shown)
    names = [path for path in report.sources if path.lower().endswith(".json")]
    found = [name for name in names if _PLAN.search(read_start(os.path.join(report.root, name), _HEAD))]
    plans = {real_path(os.path.join(report.root, name)): _NO_INPUT for name in found}
    config = msgspec.structs.replace(config, paths=tuple(sorted({*config.paths, *folders})))
    prover = Prover(config, plans, cache, is_shown=is_shown)
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
