"""Reuse the results of units that have not changed: in memory for ``--watch``, and in a folder between runs.

A result is reused if the request is the same and everything that its evaluation has read, listed or missed is
unchanged. The request is everything else on which it depends: settings, rules, date, version and folders.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING

import msgspec

from azkvlint.config.run_config import Config
from azkvlint.linter.compiled_rules import CompiledRules
from azkvlint.linter.unit_result import UnitResult
from azkvlint.model.rule import Rule, Severity
from azkvlint.readers.discover import JSON, STDIN, Source
from azkvlint.readers.units import Unit
from azkvlint.util.errors import UsageError
from azkvlint.util.file_tracker import Remembered, Snapshot, State, States, editor_texts, file_tracker, is_place
from azkvlint.util.project_boundary import run_paths
from azkvlint.util.project_files import file_buffer

if TYPE_CHECKING:
    from azkvlint.linter.compiled_rules import UnitSettings
    from azkvlint.linter.result_store import ResultStore, Stored, StoredResults

# The size of inputs in bytes from which the default folder is used: evaluating less takes no longer than the cache.
_PAYS_FROM = 100_000
_WEIGHT_OF_JSON = 8


class CacheFolderSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The folder of the cache, and the ``option`` that names it; empty for the default folder.

    The default folder is not used for small inputs. Without a ``key``, the folder contains one. ``by_content``: files
    are compared by content, not by their times. ``of_editor``: files may have unsaved texts, of which nothing is
    written, and other results at most once in so many ``seconds``.
    """

    folder: str
    option: str = ""
    by_content: bool = False
    key: str = ""
    of_editor: bool = False
    seconds: float = 60.0


class _CachedResult(msgspec.Struct):
    """The result of a unit, and its stored form, if it comes from the store. ``is_private``: it is never stored."""

    result: UnitResult
    stored: Stored | None = None
    is_private: bool = False


class _UnitScan(msgspec.Struct):
    """The ``units`` that a run has found in ``sources``, and the files that it has read for that."""

    sources: tuple[Sequence[Source], Sequence[Source]]
    units: list[Unit]
    files: States


class ResultCache:
    """The results of earlier runs.

    ``has_several_runs``: they are also reused in memory, so the folder does not need to save time. ``evaluated``
    are the units of the last run whose results could not be reused, ``unit_count`` the number of all.
    ``fault`` is the reason why the folder cannot be used; empty if it can. ``compiled`` are the rules of the runs.
    With a ``snapshot``, only texts of editors change between the runs. ``partial`` are the IDs of the rules of the run
    that are evaluated on units without an earlier result; None for all.
    """

    def __init__(
        self,
        settings: CacheFolderSettings | None = None,
        *,
        has_several_runs: bool = False,
        snapshot: Snapshot | None = None,
    ) -> None:
        self.snapshot = snapshot
        self.partial: frozenset[str] | None = None
        self.evaluated: list[Unit] = []
        self.unit_count = 0
        self.fault = ""
        self.compiled = CompiledRules()
        self._settings = settings
        self._has_several_runs = has_several_runs
        self._store: ResultStore | None = None
        self._request: object = None
        self._digest: bytes | None = None
        self._rules: Mapping[str, Rule] = {}
        self._is_redacted = False
        self._kept: dict[Unit, _CachedResult] = {}
        self._scan: _UnitScan | None = None
        self._loaded: StoredResults | None = None
        self._changes: dict[int, bool] = {}  # whether a stored file has changed, by its index; filled when it matters
        self._pays = False
        self._written_at = 0.0
        # What the search for units has found in files. It does not depend on the request.
        self._remembered: Remembered = {}
        self._is_new = False

    def with_partial_results(self, rules: Iterable[str]) -> ResultCache:
        """Return a cache with these results, to which results of some rules are added. This one does not change."""
        from copy import copy  # which a plain check does not need

        found = copy(self)
        found.partial = frozenset(rules)
        found.compiled = CompiledRules()
        found._kept = dict(self._kept)  # noqa: SLF001  # of the same class
        return found

    @property
    def dependencies(self) -> Collection[str]:
        """Return the files and folders on which the results depend. A folder of names ends with a separator."""
        return {path for one in self._kept.values() for path in one.result.files if not is_place(path)}

    @property
    def evaluated_results(self) -> int:
        """Return the number of results of the units that the last run evaluated."""
        kept = [one.result for unit in self.evaluated if (one := self._kept.get(_key(unit))) is not None]
        return sum(len(one.findings) + len(one.unknown) + one.passed for one in kept)

    @property
    def secret_texts(self) -> frozenset[str]:
        """Return the secrets in the inputs of the last run, if results are in memory only."""
        return frozenset().union(*(one.result.secret_texts for one in self._kept.values()))

    @property
    def secret_lines(self) -> frozenset[str]:
        """Return the lines of the kept results that no diff shows."""
        return frozenset().union(*(one.result.secret_lines for one in self._kept.values()))

    def readers(self) -> Mapping[str, frozenset[str]]:
        """Return the inputs of the kept results by the files that their evaluation has read."""
        found: dict[str, set[str]] = {}
        for unit, one in self._kept.items():
            for path in one.result.files:
                found.setdefault(path, set()).update(filter(None, (unit.source.path, one.result.root)))
        return {path: frozenset(names) for path, names in found.items()}

    @property
    def references(self) -> dict[tuple[str, ...], tuple[tuple[str, ...], ...]]:
        """Return the references of the kept results, if the runs record them."""
        found: dict[tuple[str, ...], tuple[tuple[str, ...], ...]] = {}
        for one in self._kept.values():
            found.update(one.result.references)
        return found

    def is_used(self, sources: Sequence[Source]) -> bool:
        """Return whether a run on these sources uses the cache."""
        settings = self._settings
        if settings is not None and settings.of_editor:
            self._pays = self._pays or bool(settings.option) or _pays(sources)
            return True
        # Texts of editors have states in memory only, and the content of standard input has none.
        if (editor_texts() and settings is not None) or any(source.file == STDIN for source in sources):
            return False
        self._pays = True
        return settings is None or bool(settings.option) or self._has_several_runs or _pays(sources)

    def begin(self, settings: UnitSettings) -> None:
        """Begin a run, and record all accesses to files from now on. Raise UsageError for a folder in the checkout."""
        file_buffer().begin_check()
        file_tracker().start(self._remembered, self.snapshot)
        self.evaluated, self._changes = [], {}
        # What an editor has not written yet is written when no text is unsaved.
        self._is_new = self._is_new and self._is_of_editor
        config, rules = settings.config, settings.rules
        # In memory, what only decides on the inputs, or on what of the results a report shows, makes no difference.
        of_units = config if self._settings is not None and not self._is_of_editor else _of_units(config)
        # Custom rules may have changed. Not by equality: a rule that requires 1 equals one that requires true.
        of_rules = msgspec.json.encode(rules) if config.rules else rules
        request = of_units, of_rules, *settings[2:]
        if request == self._request:
            return
        self._request, self._kept, self._scan, self._loaded = request, {}, None, None
        self._digest, self._is_new = None, False
        self._rules = {rule.id: rule for rule in rules}
        if self._settings is None or not self._pays:
            return
        # Overrides select resources by their addresses, so they are applied before redaction.
        self._is_redacted = not config.overrides
        if self._store is None:
            self._store = self._open(self._settings)
        if self._store is not None:
            self._digest = self._store.request_of(settings)
            self._load(self._store)

    def _open(self, settings: CacheFolderSettings) -> ResultStore | None:
        from azkvlint.linter.result_store import ResultStore, key_of
        from azkvlint.util.cache_files import CacheFolder, folder_of_inputs

        top = folder_of_inputs(settings.folder)
        if top:
            if not settings.option or settings.of_editor:
                return None
            text = f"{settings.option} {settings.folder}: the folder is in `{top}`, which the run checks"
            raise UsageError(text, "name a folder outside of the checkout: a checkout can contain forged results")
        try:
            folder = CacheFolder(settings.folder)
            return ResultStore(folder, key_of(folder, settings.key), by_content=settings.by_content)
        except OSError as error:
            if settings.option:
                self.fault = f"{settings.option} {settings.folder}: the cache is not used: {error.strerror or error}"
            return None

    def _load(self, store: ResultStore) -> None:
        self._loaded = None if self._digest is None else store.load(self._digest)

    def _have_changed(self, store: ResultStore, loaded: StoredResults, indexes: Iterable[int]) -> bool:
        """Return whether any of some stored files has changed."""
        for index in indexes:
            known = self._changes.get(index)
            if known is None:
                known = self._is_changed(store, loaded.paths[index], loaded.states[index])
                self._changes[index] = known
            if known:
                return True
        return False

    def _is_changed(self, store: ResultStore, path: str, stored: State) -> bool:
        now = file_tracker().state_now(path)
        return _is_output(now) or not store.is_unchanged(path, stored, now)

    def _are_unchanged(self, files: States) -> bool:
        # The files of a unit whose process was terminated are unknown.
        return bool(files) and all(
            state == (now := file_tracker().state_now(path)) and not _is_output(now) for path, state in files.items()
        )

    # --- units --------------------------------------------------------------------------------------------------------

    def units(
        self, sources: Sequence[Source], parameters: Sequence[Source], find: Callable[[], list[Unit]]
    ) -> list[Unit]:
        """Return the units in the sources of the run: those of an earlier run, or what ``find`` returns."""
        key = sources, parameters
        if self._scan is not None and self._scan.sources == key and self._are_unchanged(self._scan.files):
            return self._scan.units
        loaded, store = self._loaded, self._store
        if loaded is not None and store is not None and loaded.scan is not None:
            digest, files, units = loaded.scan
            if digest == store.digest_of(key) and not self._have_changed(store, loaded, files):
                self._scan = _UnitScan(key, units, self._files_of(loaded, files))
                return units

        def find_recorded() -> list[Unit]:
            for source in (*sources, *parameters):
                file_tracker().record(source.file)
            return find()

        units, states = file_tracker().track(find_recorded)
        self._scan, self._is_new = _UnitScan(key, units, states), True
        return units

    def _files_of(self, loaded: StoredResults, indexes: Sequence[int]) -> States:
        paths = loaded.paths
        return {paths[index]: file_tracker().state_now(paths[index]) for index in indexes}

    # --- results ------------------------------------------------------------------------------------------------------

    def result_of(self, unit: Unit) -> UnitResult | None:
        """Return the earlier result of a unit; None if there is none, or if a file has changed."""
        key = _key(unit)
        kept = self._kept.get(key)
        if kept is not None:
            return kept.result if self._are_unchanged(kept.result.files) else None
        loaded, store = self._loaded, self._store
        stored = None if loaded is None else loaded.units.get(key)
        if loaded is None or store is None or stored is None or self._have_changed(store, loaded, stored.files):
            return None
        from azkvlint.linter.result_encoding import decode_result

        result = decode_result(stored.result, self._rules)
        if result is not None:
            result.files = self._files_of(loaded, stored.files)
            self._kept[key] = _CachedResult(result, stored)
        return result

    def files_of(self, unit: Unit) -> Collection[str] | None:
        """Return the files that the last evaluation of a unit has read, whether or not they have changed since."""
        key, loaded = _key(unit), self._loaded
        kept, stored = self._kept.get(key), None if loaded is None else loaded.units.get(key)
        if kept is not None:
            return kept.result.files
        return None if loaded is None or stored is None else {loaded.paths[index] for index in stored.files}

    def add(self, unit: Unit, result: UnitResult) -> UnitResult:
        """Keep the result of a unit, and return it, without secrets if the report need not know them."""
        self.evaluated.append(unit)
        self._is_new = True
        kept = _CachedResult(result)
        if self._store is not None:
            kept.is_private = not self._store.is_storable(result)
            if result.secret_texts:
                from azkvlint.linter.redaction import without_secret_texts

                redacted = without_secret_texts(result)
                if self._is_redacted:
                    kept.result = msgspec.structs.replace(redacted, secret_texts=frozenset())
                elif redacted != result:
                    kept.is_private = True
        self._kept[_key(unit)] = kept
        return kept.result

    # --- the end ------------------------------------------------------------------------------------------------------

    def save(self, units: Sequence[Unit]) -> None:
        """Keep the results of these units only, and write them to the folder, if anything is new."""
        self.unit_count = len(units)
        kept = ((key, self._kept.get(key)) for key in map(_key, units))
        self._kept = {key: one for key, one in kept if one is not None}
        store, digest, scan = self._store, self._digest, self._scan
        if store is None or digest is None or scan is None or not self._is_new or not self._may_write():
            return
        writer = store.writer(self._loaded)
        for key, one in self._kept.items():
            if not one.is_private:
                one.stored = writer.add(key, one.result, one.stored, self._rules)
        self._loaded = writer.content(store.digest_of(scan.sources), scan.files, scan.units)
        self._changes, self._is_new, self._written_at = {}, False, monotonic()
        store.save(digest, self._loaded)
        # All of them are in memory now.
        self._loaded.units, self._loaded.scan = {}, None

    @property
    def _is_of_editor(self) -> bool:
        return self._settings is not None and self._settings.of_editor

    def _may_write(self) -> bool:
        """Return whether results may be written: for an editor, if no text is unsaved, and not after each edit."""
        settings = self._settings
        if settings is None or not settings.of_editor:
            return True
        from azkvlint.linter.result_store import are_texts_saved

        is_due = not self._written_at or monotonic() - self._written_at >= settings.seconds
        return is_due and are_texts_saved()

    def end(self) -> None:
        """End a run, which may have failed."""
        file_tracker().stop()


def _of_units(config: Config) -> Config:
    """Return a configuration with the settings on which the results of units depend. Rules are compared separately."""
    return msgspec.structs.replace(
        config, paths=tuple(sorted(config.paths)), exclude=(), select=(), ignore=(), outputs=(), baseline="",
        min_severity=Severity.INFO, with_excerpts=True,
    )  # fmt: skip


def _key(unit: Unit) -> Unit:
    """Return a unit without the fields that do not identify it."""
    return msgspec.structs.replace(unit, size=0)


def _is_output(state: State) -> bool:
    """Return whether a file is also an output of the run, which its reader reports."""
    return bool(run_paths().outputs) and state[:2] in run_paths().outputs


def _pays(sources: Sequence[Source]) -> bool:
    """Return whether the evaluation of sources takes long enough that a cache saves time."""
    size = 0
    for source in sources:
        try:
            length = os.lstat(source.file).st_size
        except OSError:
            continue
        size += length // _WEIGHT_OF_JSON if source.file.lower().endswith(JSON) else length
        if size >= _PAYS_FROM:
            return True
    return False
