"""The command ``kvlint diff``: compare two inputs by the configuration of the first, and write the reports."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from azkvlint.cli.check import options_for, show_settings
from azkvlint.cli.output import print_line, print_problems, write
from azkvlint.cli.resolve import config_of, errors_and_targets, root_uri, words_of
from azkvlint.cli.revisions import Commit, commit_of, with_revision
from azkvlint.config.arguments import Arguments
from azkvlint.config.run_config import Config
from azkvlint.config.settings import Settings, files_in, folder_of, resolve_settings
from azkvlint.model.difference import ACCEPTED, BY_BASE, BY_ITSELF, BY_NONE, BY_OTHER, SUPPRESSED, ConfigurationBasis
from azkvlint.readers.discover import SKIPPED, STDIN
from azkvlint.util.errors import UsageError, did_you_mean
from azkvlint.util.project_boundary import absolute_path, is_within, real_path, root_of
from azkvlint.util.project_files import walk
from azkvlint.util.text import visible

if TYPE_CHECKING:
    from azkvlint.config.config_file import ConfigFile
    from azkvlint.config.weakened import Weakening
    from azkvlint.model.difference import Difference

_MOST_INPUTS = 2
_CONFIG_VARIABLE = "KVLINT_CONFIG"
# Options whose files may be part of the compared checkouts.
_RULE_FILES, _VALUE_FILES = ("rules",), ("parameters", "variable_files")


class Configured(NamedTuple):
    """The configurations of both sides, and what HEAD changes there.

    ``own`` returns the configuration of HEAD itself.
    """

    configs: list[Config]
    basis: ConfigurationBasis
    weakenings: list[Weakening]
    own: Callable[[], Config]


class Checkouts:
    """Maps paths between the checkouts of the two inputs."""

    def __init__(self, base: str, head: str) -> None:
        folders = [folder_of(word) for word in (base, head)]
        roots = [root_of(word if word != STDIN else os.curdir) for word in (base, head)]
        self._pairs = [(old, new) for old, new in (folders, roots) if old != new]
        self._are_same = roots[0] == roots[1]
        self.head_root = roots[1]
        self.folders = folders

    def to_head(self, path: str) -> str:
        """Return the path of HEAD for a path (real) of BASE; any other path as it is."""
        return path if self.is_in_head(path) else self._moved(path, 0)

    def to_base(self, path: str) -> str:
        """Return the path of BASE for a path (real) of HEAD; any other path as it is."""
        return self._moved(path, 1) if self.is_in_head(path) else path

    def is_in_head(self, path: str) -> bool:
        """Return whether a path (real) is part of HEAD alone."""
        base, head = (
            max((len(pair[side]) for pair in self._pairs if is_within(path, pair[side])), default=-1) for side in (0, 1)
        )
        return head > base

    def is_in_base(self, path: str) -> bool:
        """Return whether a path (real) is part of BASE alone."""
        return not self.is_in_head(path) and any(is_within(path, old) for old, _ in self._pairs)

    def _moved(self, path: str, side: int) -> str:
        for pair in self._pairs:
            if is_within(path, pair[side]):
                return os.path.normpath(os.path.join(pair[1 - side], os.path.relpath(path, pair[side])))
        return path

    def folders_above(self, side: int) -> Iterator[str]:
        """Yield the folders from the input of a side up to the root of its checkout."""
        folder, root = self.folders[side], root_of(self.folders[side])
        while is_within(folder, root):
            yield folder
            above = os.path.dirname(folder)
            if above == folder:
                return
            folder = above


def _place_of(file: str, checkouts: Checkouts) -> str:
    """Return the path (real) of a file. Links in the checkouts are not resolved: HEAD could exchange the file."""
    path = above = absolute_path(file)
    place = real_path(path)
    while above != os.path.dirname(above):
        above = os.path.dirname(above)
        real = real_path(above)
        if checkouts.is_in_head(real) or checkouts.is_in_base(real):
            place = os.path.join(real, os.path.relpath(path, above))
    return place


def run_diff(arguments: Arguments) -> int:
    """Compare the inputs, write every report and return the exit code."""
    if len(arguments.paths) > _MOST_INPUTS:
        text = f"kvlint diff compares two inputs, not {len(arguments.paths)}"
        raise UsageError(text, "write `kvlint diff BASE HEAD`")
    arguments = with_revision(arguments)
    with commit_of(arguments) as (words, commit):
        return _run(msgspec.structs.replace(arguments, paths=tuple(words)), commit)


def _run(arguments: Arguments, commit: Commit | None) -> int:
    from azkvlint.difference.compare import compare, exit_code
    from azkvlint.difference.gates import gates_of
    from azkvlint.reporters.difference import DIFFERENCE_REPORTERS

    words = arguments.paths
    if len(words) == 1:
        settings = resolve_settings(msgspec.structs.replace(arguments, paths=words), "diff")
        checkouts = None
    else:
        checkouts = Checkouts(*words)
        settings = resolve_settings(_of_base(arguments, words[0], checkouts), "diff")
    if arguments.show_settings:
        return show_settings(settings, "diff")
    errors, targets = errors_and_targets(settings, DIFFERENCE_REPORTERS)
    gates = errors.attempt((), gates_of, settings.arguments.gates)
    is_accepted = bool(errors.attempt((), _accepted, settings.arguments.accept))
    config = config_of(settings, targets, errors)
    if checkouts is None:
        configured = Configured(
            [config], ConfigurationBasis(kind=BY_ITSELF, file=config.display_path), [], lambda: config
        )
    else:
        configured = _configured(arguments, settings, config, targets, checkouts, is_accepted=is_accepted)
    # The reasons of results that became unknown are listed. Only a SARIF log shows lines.
    has_excerpts = any(name == "sarif" for name, _ in targets)
    configs = [msgspec.structs.replace(one, explain=True, with_excerpts=has_excerpts) for one in configured.configs]
    label = "" if commit is None else commit.text
    difference = compare(configs, words, gates, configured.basis, configured.weakenings, configured.own, label)
    if commit is not None:
        difference = _of_commit(difference, commit)
    code = exit_code(difference)
    if not difference.is_compared:
        print_problems(difference.problems)
        print_line("the inputs were not compared, because they could not be read completely")
        return code
    if not difference.has_access and any(name == "sarif" for name, _ in targets):
        raise UsageError("a SARIF log cannot be made from JSON reports", "compare the inputs themselves")
    _write_difference(difference, targets, settings.arguments)
    return code


def _of_commit(difference: Difference, commit: Commit) -> Difference:
    """Return a difference in which BASE is a commit, whose files have the paths that they have in the checkout."""
    basis = difference.basis
    return msgspec.structs.replace(
        difference,
        base=commit.name,
        base_commit=commit.identifier,
        base_root=commit.top,
        basis=msgspec.structs.replace(basis, file=commit.with_names_of_git(basis.file)),
        problems=tuple(
            msgspec.structs.replace(one, message=commit.with_names_of_git(one.message)) for one in difference.problems
        ),
    )


def _write_difference(difference: Difference, targets: Sequence[tuple[str, str]], arguments: Arguments) -> None:
    from azkvlint.reporters.difference import DIFFERENCE_REPORTERS, gate_text

    for name, file in targets:
        options = options_for(arguments, file)
        if name == "sarif":
            options = msgspec.structs.replace(options, root_uri=root_uri("", file, difference.report.root))
        write(DIFFERENCE_REPORTERS[name](difference, options), file)
    if ("text", "") not in targets:
        print_problems(difference.problems)
        for gate in difference.gates:
            print_line(gate_text(gate.gate, gate.count))


def _accepted(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return what ``--accept`` lists. Raise UsageError for anything but suppressions."""
    names = words_of("--accept", words, "value", f"write --accept {SUPPRESSED}")
    for name in names:
        if name != SUPPRESSED:
            hint = did_you_mean(name, [SUPPRESSED]) or f"write --accept {SUPPRESSED}"
            raise UsageError(f"--accept: `{visible(name)}` cannot be accepted", hint)
    return names


def _of_base(arguments: Arguments, word: str, checkouts: Checkouts) -> Arguments:
    """Return the arguments for BASE. Of a file that the command line names in HEAD, BASE has its own version."""
    found = msgspec.structs.replace(arguments, paths=(word,))
    named = arguments.config or os.environ.get(_CONFIG_VARIABLE, "")
    if named and not arguments.isolated and checkouts.is_in_head(_place_of(named, checkouts)):
        file = checkouts.to_base(_place_of(named, checkouts))
        if os.path.isfile(file):
            found = msgspec.structs.replace(found, config=file)
        else:
            explicit = found.explicit_fields - {"config"}
            found = msgspec.structs.replace(found, config="", isolated=True, explicit_fields=explicit)
    return _with_files(found, checkouts, checkouts.is_in_head, checkouts.to_base)


def _of_head(arguments: Arguments, word: str, checkouts: Checkouts) -> Arguments:
    """Return the arguments for HEAD alone. Of a file that the command line names in BASE, HEAD has its own version."""
    found = msgspec.structs.replace(arguments, paths=(word,))
    named = arguments.config or os.environ.get(_CONFIG_VARIABLE, "")
    if named and not arguments.isolated and checkouts.is_in_base(_place_of(named, checkouts)):
        file = checkouts.to_head(_place_of(named, checkouts))
        explicit = found.explicit_fields - {"config"}
        is_there = os.path.isfile(file)
        found = msgspec.structs.replace(
            found, config=file if is_there else "", isolated=not is_there, explicit_fields=explicit
        )
    return _with_files(found, checkouts, checkouts.is_in_base, checkouts.to_head)


def _with_files(
    arguments: Arguments, checkouts: Checkouts, is_other: Callable[[str], bool], twin: Callable[[str], str]
) -> Arguments:
    """Return the arguments with the files of one side in place of those of the other, as far as they exist."""
    values: dict[str, Any] = {}
    for field in (*_RULE_FILES, *_VALUE_FILES, "source_root"):
        value = getattr(arguments, field)
        paths = value if isinstance(value, tuple) else (value,) if value else ()
        places = [_place_of(path, checkouts) for path in paths]
        moved = [twin(place) if is_other(place) else path for path, place in zip(paths, places, strict=True)]
        kept = tuple(new for old, new in zip(paths, moved, strict=True) if new == old or os.path.exists(new))
        if kept != paths:
            values[field] = kept if isinstance(value, tuple) else "".join(kept)
    return msgspec.structs.replace(arguments, **values)


def _configured(
    arguments: Arguments,
    settings: Settings,
    config: Config,
    targets: list[tuple[str, str]],
    checkouts: Checkouts,
    *,
    is_accepted: bool,
) -> Configured:
    """Return the configurations of two sides: those of BASE, or each its own if that is accepted.

    ``settings`` and ``config`` are those of BASE.
    """
    head_word = arguments.paths[1]

    def own() -> Config:
        found = resolve_settings(_of_head(arguments, head_word, checkouts), "diff")
        return msgspec.structs.replace(config_of(found, targets), explain=True)

    basis = _basis(settings, checkouts)
    weakenings = (
        [] if _is_outside(arguments, settings, checkouts) else list(_weakenings(arguments, settings, checkouts))
    )
    if is_accepted:
        return Configured([config, own()], msgspec.structs.replace(basis, kind=ACCEPTED), weakenings, own)
    return Configured([config, _for_head(config, head_word, checkouts)], basis, weakenings, own)


def _is_outside(arguments: Arguments, settings: Settings, checkouts: Checkouts) -> bool:
    """Return whether no configuration file of the two sides counts."""
    named = arguments.config or os.environ.get(_CONFIG_VARIABLE, "")
    place = _place_of(named, checkouts) if named else ""
    is_of_side = not named or checkouts.is_in_head(place) or checkouts.is_in_base(place)
    return arguments.isolated or settings.arguments.untrusted or not is_of_side


def _basis(settings: Settings, checkouts: Checkouts) -> ConfigurationBasis:
    """Return by which configuration both sides are configured. ``settings`` are those of BASE."""
    file = settings.file
    if file is None:
        is_isolated = "isolated" in settings.arguments.explicit_fields or settings.arguments.untrusted
        return ConfigurationBasis(kind=BY_OTHER if is_isolated else BY_NONE)
    is_of_base = checkouts.is_in_base(real_path(file.file))
    return ConfigurationBasis(kind=BY_BASE if is_of_base else BY_OTHER, file=file.display_path)


def _for_head(config: Config, word: str, checkouts: Checkouts) -> Config:
    """Return the configuration of BASE for HEAD: paths and globs refer to the same places of HEAD, rules stay."""

    def moved(path: str) -> str:
        return checkouts.to_head(real_path(path)) if path else path

    def there(files: Sequence[str]) -> tuple[str, ...]:
        pairs = ((file, moved(file)) for file in files)
        found = (file if new == real_path(file) else new for file, new in pairs)
        return tuple(file for file in found if os.path.exists(file))

    source_root = moved(config.source_root)
    return msgspec.structs.replace(
        config,
        paths=(word,),
        parameters=there(config.parameters),
        variable_files=there(config.variable_files),
        required_variable_files=there(config.required_variable_files),
        source_root=source_root if os.path.isdir(source_root) else "",
        exclude=tuple((moved(folder), glob) for folder, glob in config.exclude),
        test_folders=None
        if config.test_folders is None
        else tuple((moved(folder), glob) for folder, glob in config.test_folders),
        base=moved(config.base),
        # They are about BASE, whose report has them.
        notices=(),
    )


def _folders_below(top: str) -> Iterator[tuple[str, list[str], frozenset[str]]]:
    """Yield each folder at and below a folder that is searched, with its folders and files."""
    for here, below, names in walk(top):
        below[:] = [name for name in below if name not in SKIPPED]
        yield here, below, names


def _weakenings(arguments: Arguments, settings: Settings, checkouts: Checkouts) -> Iterator[Weakening]:
    """Yield what HEAD changes in configuration files, and in the files that these name."""
    from azkvlint.config.weakened import pairs_of_files, unreadable, weakenings
    from azkvlint.difference.changed_files import changed_rules

    named = arguments.config or os.environ.get(_CONFIG_VARIABLE, "")
    if named:
        pairs = [(settings.file, _named_file(arguments, checkouts))]
    else:
        files = [dict(_files(checkouts, side)) for side in (0, 1)]
        pairs = list(pairs_of_files(files[0], files[1]))
    for old, new in pairs:
        if (old and old.file) != (new and new.file):
            yield from weakenings(old, new, checkouts.to_head)
            yield from _baseline_entries(old, new)
    yield from changed_rules(settings.arguments.rules, checkouts.to_head)
    head = _of_head(arguments, arguments.paths[1], checkouts)
    try:
        resolve_settings(head, "diff").errors().raise_errors()
    except UsageError as error:
        files_above = (file for folder in checkouts.folders_above(1) for file in _files_of(folder))
        file = head.config or next(files_above, checkouts.folders[1])
        yield unreadable(file, visible(error.message.splitlines()[0]))


def _baseline_entries(base: ConfigFile | None, head: ConfigFile | None) -> Iterator[Weakening]:
    """Yield what the baseline of HEAD has in addition to that of BASE."""
    from azkvlint.difference.changed_files import added_entries

    old, new = (None if file is None else file.values.get("baseline") for file in (base, head))
    if old and new:
        yield from added_entries(old, new)


def _named_file(arguments: Arguments, checkouts: Checkouts) -> ConfigFile | None:
    from azkvlint.config.config_file import read_file

    found = _of_head(arguments, arguments.paths[1], checkouts)
    file = found.config or ("" if found.isolated else os.environ.get(_CONFIG_VARIABLE, ""))
    try:
        return read_file(file, is_explicit=True) if file else None
    except UsageError:
        return None  # named as such


def _files_of(folder: str) -> list[str]:
    """Return the configuration files in a folder; none if one cannot be read, which is named as such."""
    try:
        return files_in(folder)
    except UsageError:
        return []


def _files(checkouts: Checkouts, side: int) -> Iterator[tuple[str, ConfigFile]]:
    """Yield the configuration files around and below the input of a side, each with its folder in HEAD."""
    from azkvlint.config.config_file import read_file

    folders = list(checkouts.folders_above(side))
    folders += (here for here, _, _ in _folders_below(checkouts.folders[side]))
    top = checkouts.head_root
    for folder in dict.fromkeys(folders):
        files = _files_of(folder)
        if files:
            try:
                found = read_file(files[0])
            except UsageError:
                continue  # where it applies to the input, it is named as such
            if found is not None:
                place = os.path.relpath(checkouts.to_head(folder), top)
                yield "" if place == os.curdir else place, found
