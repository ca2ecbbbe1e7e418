"""A run that is repeated: only what has changed since is read and judged again, with the outcome of a fresh run.

Of every unit is known which files and folders were looked at for it, and in which state they were. What to judge is
found anew each time, which takes little.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from azkvlint.config.run_config import Config, today
from azkvlint.engine.required_attributes import evaluated_types
from azkvlint.linter.linter import Progress, all_rules, report_of, rules_of
from azkvlint.linter.suppressions import policy_of
from azkvlint.linter.unit_result import UnitResult
from azkvlint.linter.workers import begin, judge_units
from azkvlint.model.finding import Report
from azkvlint.readers.discover import discover
from azkvlint.readers.units import Unit, units_of
from azkvlint.util.file_tracker import State
from azkvlint.util.project_files import KEPT, LOOKS, state_of


class IncrementalRun:
    """Repeats one run. ``rejudged`` are the reported paths of the units that the last check had to judge.

    ``seen`` are all files and folders that the answers hang on; a folder whose names matter ends with a separator.
    """

    def __init__(self) -> None:
        self.rejudged: tuple[str, ...] = ()
        self.units = 0
        self._asked: object = None
        self._judged: dict[Unit, UnitResult] = {}

    @property
    def seen(self) -> Collection[str]:
        """What the answers hang on."""
        return {path for judged in self._judged.values() for path in judged.looked}

    def check(self, config: Config, progress: Progress | None = None) -> Report:
        """The report that ``check`` would make now. Raises UsageError and RuleError, as it does."""
        KEPT.clear()
        LOOKS.start()
        try:
            return self._check(config, progress)
        finally:
            LOOKS.stop()

    def _check(self, config: Config, progress: Progress | None) -> Report:
        begin(config)
        rules = rules_of(config)
        known = all_rules(config.rules, examples=False)
        policy = policy_of(known, rules, today(config), config.peer_tools)
        sources, root = discover(config.paths, config.exclude)
        given, _ = discover(config.parameters)
        relevant = evaluated_types(known)
        units = units_of(sources, given, relevant)
        asked = config, rules, root, policy.today, policy.known
        if asked != self._asked:
            self._asked, self._judged = asked, {}
        found = self._unchanged(units)
        waiting = [unit for unit in units if _key(unit) not in found]
        for done, judged in enumerate(judge_units(waiting, config, rules, root, policy, relevant)):
            if progress is not None:
                progress(done, len(waiting))
            found[_key(waiting[done])] = judged
        self._judged = found
        self.rejudged, self.units = tuple(unit.source.path for unit in waiting if not unit.quiet), len(units)
        return report_of(config, known, rules, root, [found[_key(unit)] for unit in units])

    def _unchanged(self, units: Collection[Unit]) -> dict[Unit, UnitResult]:
        """What was judged of the units for which everything is as it was."""
        states: dict[str, State] = {}
        found: dict[Unit, UnitResult] = {}
        for key in map(_key, units):
            judged = self._judged.get(key)
            # For a unit that was looked at by a process that died, nothing is known to hang on anything.
            if (
                judged is not None
                and judged.looked
                and all(
                    state == (states[path] if path in states else states.setdefault(path, state_of(path)))
                    for path, state in judged.looked.items()
                )
            ):
                found[key] = judged
        return found


def _key(unit: Unit) -> Unit:
    """A unit without what tells nothing about who it is."""
    return msgspec.structs.replace(unit, size=0)
