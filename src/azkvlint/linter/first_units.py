"""Evaluate the units that read some files before all others, for an editor: those of its open documents.

The run that follows reuses these results, and evaluates the others. The reports here are preliminary: they contain what
the units have in common with no other, and the report of that run replaces them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from time import monotonic

import msgspec

from azkvlint.config.run_config import Config
from azkvlint.linter.compiled_rules import UnitSettings
from azkvlint.linter.inventory import Inventory, inventory_of
from azkvlint.linter.linter import Prepared, report_of
from azkvlint.linter.result_cache import ResultCache
from azkvlint.linter.unit_result import UnitResult
from azkvlint.linter.workers import evaluate_units, set_readable_files
from azkvlint.model.finding import Report
from azkvlint.readers.callers import callers_of
from azkvlint.readers.discover import is_input_name
from azkvlint.readers.units import Unit, calls_of

# The least seconds between two reports, of which each has all results before it.
_PAUSE = 0.5


class FirstReport(msgspec.Struct, frozen=True, kw_only=True):
    """A report on some units, and the ``files`` (of those that come first) that they have read."""

    report: Report
    files: frozenset[str]


class _Scan(msgspec.Struct, frozen=True, kw_only=True):
    """The ``units`` in the sources of a run, the real paths of those, and what calls what."""

    paths: tuple[str, ...]
    exclude: object
    root: str
    sources: frozenset[str]
    units: list[Unit]
    calls: Mapping[str, set[str]]


class FirstUnits:
    """Evaluates some units of a run that is repeated, and keeps their results in the ``cache`` of the run."""

    def __init__(self, cache: ResultCache) -> None:
        self._cache = cache
        self._scan: _Scan | None = None
        self.evaluated: list[Unit] = []

    def check(
        self,
        config: Config,
        prepared: Prepared,
        files: Collection[str],
        receive: Callable[[FirstReport], object],
        stop: Callable[[], object],
    ) -> None:
        """Evaluate the units that read some ``files`` (real paths), and pass on reports on them if any is new.

        ``stop`` raises an error to end it. Raise UsageError for a path that does not exist.
        """
        self.evaluated = []
        set_readable_files(config)
        scan = self._scan_for(config, files)
        inventory = None if scan is not None else inventory_of(config)
        root = scan.root if scan is not None else inventory.root if inventory is not None else ""
        stop()
        if inventory is not None:
            self._cache.is_used(inventory.sources)
        settings = UnitSettings(config, prepared.rules, root, prepared.policy, prepared.relevant)
        self._cache.begin(settings)
        try:
            if inventory is not None:
                scan = self._scan = self._new(config, inventory, prepared)
            if scan is not None:
                stop()
                units = self._units_reading(scan, files)
                for results in self._results(units, settings, stop):
                    report = report_of(config, prepared.known, prepared.rules, root, results)
                    read = (file for file in files if any(file in one.files for one in results))
                    receive(FirstReport(report=report, files=frozenset(read)))
                    stop()
        finally:
            self.evaluated = list(self._cache.evaluated)
            self._cache.end()

    def _scan_for(self, config: Config, files: Collection[str]) -> _Scan | None:
        """Return the units of an earlier run, if that had the same settings, and if all inputs among the files."""
        scan = self._scan
        if scan is None or (scan.paths, scan.exclude) != (config.paths, (config.exclude, config.parameters)):
            return None
        return scan if all(file in scan.sources for file in files if is_input_name(os.path.basename(file))) else None

    def _new(self, config: Config, inventory: Inventory, prepared: Prepared) -> _Scan:
        """Return the units of a run as its files are now. What this reads is remembered for the run."""
        units = self._cache.units(
            inventory.sources,
            inventory.read_for_units,
            lambda: inventory.units(prepared.relevant, config.default_worlds),
        )
        return _Scan(
            paths=config.paths,
            exclude=(config.exclude, config.parameters),
            root=inventory.root,
            sources=frozenset(source.file for source in inventory.sources),
            units=units,
            calls=calls_of(inventory.sources, prepared.relevant),
        )

    def _units_reading(self, scan: _Scan, files: Collection[str]) -> list[Unit]:
        """Return the units that read any of the files, those first that are about one of the files itself.

        What an earlier evaluation has read is known. Of other units, that is what their files call, by name.
        """
        own = {*files, *map(os.path.dirname, files)}
        callers = callers_of(own, scan.calls)
        first: list[Unit] = []
        others: list[Unit] = []
        for unit in scan.units:
            sources = [one.file for one in (unit.source, unit.parameters, unit.compiled) if one is not None]
            known = self._cache.files_of(unit)
            if unit.quiet:
                continue
            if not own.isdisjoint(sources):
                first.append(unit)
            elif not callers.isdisjoint(sources) if known is None else any(file in known for file in files):
                others.append(unit)
        return first + others

    def _results(
        self, units: Sequence[Unit], settings: UnitSettings, stop: Callable[[], object]
    ) -> Iterator[list[UnitResult]]:
        """Evaluate the units, and yield all results so far: after the first new one, at times, and at the end."""
        cache = self._cache
        # What is known comes first, so that each report has it.
        ordered = sorted(units, key=lambda unit: cache.result_of(unit) is None)
        results: list[UnitResult] = []
        at = -_PAUSE
        for result in evaluate_units(ordered, settings, cache, cache.compiled):
            results.append(result)
            is_last = len(results) == len(units)
            if cache.evaluated and (is_last or monotonic() - at >= _PAUSE):
                yield results
                at = monotonic()
            stop()
