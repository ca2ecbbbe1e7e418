"""The settings of a run: an option counts before an environment variable, and that before a configuration file.

Most runs have neither variable nor file, and must not wait for what reads them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from azkvlint.config.options import OPTIONS, Arguments, Option
from azkvlint.config.run_config import Notice
from azkvlint.readers.discover import STDIN
from azkvlint.util.errors import UsageError, did_you_mean
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_boundary import checkout_of, is_within, real_path
from azkvlint.util.project_files import MAX_FILE, read_named

if TYPE_CHECKING:
    from azkvlint.config.config_file import ConfigFile

DOUBTFUL = "KVE011"
ABOUT_RULES = frozenset({"select", "ignore", "profiles", "settings"})
"""The fields that name rules."""
NAMES = ("kvlint.toml", ".kvlint.toml", "pyproject.toml")
"""The files that are looked for, in the order in which they count. The last counts only with ``[tool.kvlint]``."""
# What [tool.kvlint] may look like. Most projects have no such table, and must not wait for a reader of TOML.
_TABLE = regex(
    rb"""^[ \t]*(?:\[+[ \t]*["']?tool["']?[ \t]*(?:\]|\.[ \t]*["']?kvlint)|["']?tool["']?[ \t]*[.=])""", re.MULTILINE
)
_PREFIX = "KVLINT_"
_OTHER_VARIABLES = frozenset({"KVLINT_CONFIG", "KVLINT_DEBUG"})
_YES, _NO = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})
# Lists that one empty value on the command line empties, such as ``--ignore=``.
_EMPTIED = frozenset({"ignore", "exclude", "extend_exclude", "test_folders"})
# Who sets the one does not want the other that an environment variable or a file sets.
_REPLACES = {"formats": ("output",), "quiet": ("verbose",), "verbose": ("quiet",)}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What ``arguments`` come to with everything else that says something. ``file`` is the configuration file.

    ``places`` say of the fields that are not left to their defaults where they are set: ``--select``,
    ``KVLINT_SELECT`` or ``kvlint.toml:3``; those in ``configured`` by the file, whose globs start from ``base``.
    """

    arguments: Arguments
    places: Mapping[str, str]
    configured: frozenset[str] = frozenset()
    file: ConfigFile | None = None
    base: str = ""
    notices: tuple[Notice, ...] = ()

    def label(self, field: str) -> str:
        """Return what messages call a setting: ``--select``, or ``kvlint.toml:3: select``."""
        if field in self.configured:
            return f"{self.places[field]}: {_option_of(field).key}"
        return self.places.get(field) or _option_of(field).names[0]

    def folder(self, field: str) -> str:
        """Return the folder that the globs of a setting start from."""
        return self.base if field in self.configured else real_path(os.curdir)

    @property
    def elsewhere(self) -> frozenset[str]:
        """Return the fields that the command line does not set, and something else does."""
        return frozenset(self.places) - self.arguments.given


def resolve_settings(arguments: Arguments, command: str) -> Settings:
    """Return the settings of ``command``. Raises UsageError for wrong types, and files that cannot be read."""
    emptied = {field: () for field in arguments.given & _EMPTIED if getattr(arguments, field) == ("",)}
    if emptied:
        arguments = msgspec.structs.replace(arguments, **emptied)
    values: dict[str, Any] = {}
    places = {field: _option_of(field).names[0] for field in arguments.given}
    notices: list[Notice] = []
    variables = [name for name in os.environ if name.startswith(_PREFIX)]
    if variables:
        _take(_from_environment(variables, command, notices), values, places)
    file = _file(arguments, notices)
    configured: frozenset[str] = frozenset()
    if file is not None:
        before = set(places)
        known = {option.field: option for option in OPTIONS if option.is_configured(command)}
        found = ((field, value, file.at(known[field].key)) for field, value in file.values.items() if field in known)
        _take(found, values, places)
        configured = frozenset(places.keys() - before)
    if values:
        arguments = msgspec.structs.replace(arguments, **values)
    return Settings(
        arguments=arguments,
        places=places,
        configured=configured,
        file=file,
        base="" if file is None else _base(file, arguments.paths),
        notices=tuple(notices),
    )


def _option_of(field: str) -> Option:
    return next(option for option in OPTIONS if option.field == field)


def _take(found: Iterator[tuple[str, Any, str]], values: dict[str, Any], places: dict[str, str]) -> None:
    """Take in what is said less strongly than what is known."""
    replaced = {other for field in places for other in _REPLACES.get(field, ())}
    for field, value, place in list(found):
        if field not in places and field not in replaced:
            values[field], places[field] = value, place


# --- environment ------------------------------------------------------------------------------------------------------


def _from_environment(names: Sequence[str], command: str, notices: list[Notice]) -> Iterator[tuple[str, Any, str]]:
    """Yield what the variables say, as Arguments holds it. One that is empty says nothing."""
    known = {option.variable for option in OPTIONS if option.is_configured(option.commands[0])} | _OTHER_VARIABLES
    for name in sorted(set(names) - known):
        text = f"the environment variable {name} is no setting of kvlint"
        hint = did_you_mean(name, list(known)) or "docs/configuration.md names all"
        notices.append(Notice(code=DOUBTFUL, level="note", message=text, hint=hint))
    for option in OPTIONS:
        text = os.environ.get(option.variable, "") if option.is_configured(command) else ""
        if text.strip():
            yield option.field, _read(option, text), option.variable


def _read(option: Option, text: str) -> Any:
    """Return the value of an option that an environment variable says: of many, one on each line."""
    if not option.takes_value:
        word = text.strip().lower()
        if word not in _YES | _NO:
            raise UsageError(f"{option.variable}={text}: true or false was expected")
        return word in _YES
    return tuple(line.strip() for line in text.splitlines() if line.strip()) if option.many else text.strip()


# --- files ------------------------------------------------------------------------------------------------------------


def _file(arguments: Arguments, notices: list[Notice]) -> ConfigFile | None:
    """Return the configuration file that the user names, or else the nearest to the first input."""
    named = arguments.config or os.environ.get("KVLINT_CONFIG", "")
    if "config" in arguments.given and not arguments.config:
        raise UsageError("--config names no file", "--isolated reads none")
    if arguments.isolated:
        if arguments.config:
            raise UsageError("--isolated reads no configuration file, and --config names one", "leave one of them out")
        return None
    if named:
        from azkvlint.config.config_file import read_file

        return read_file(named, named=True)
    starts = list(dict.fromkeys(_folder(path) for path in arguments.paths))
    seen: dict[str, list[str]] = {}
    nearest = [_nearest(start, seen) for start in starts]
    found = nearest[0] if nearest else []
    if not found:
        found = next(filter(None, nearest), [])
        if found:
            notices.append(_not_read(found[0], "the first input has none"))
        return None
    from azkvlint.config.config_file import read_file

    read = read_file(found[0])
    count = os.path.basename(found[0])
    notices += [_not_read(other, f"{count} beside it counts") for other in found[1:]]
    above = _above(found[0], seen)
    others = sorted({each[0] for each in nearest if each and each[0] != found[0]} - set(above))
    notices += [_not_read(other, f"{count} is nearest to the first input") for other in others]
    if above and read is not None:
        notices += [_not_read(other, f"{read.shown} is nearer to the input") for other in above]
    return read


def _above(file: str, seen: dict[str, list[str]]) -> list[str]:
    """Return the configurations that would count if ``file`` were not there, the nearest first.

    It may have come with a change in one folder, and rules may be off by it that are on in all others.
    """
    folder = os.path.dirname(file)
    checkout = checkout_of(folder)
    found: list[str] = []
    while checkout is not None and folder != checkout:
        folder = os.path.dirname(folder)
        files = _upwards(folder, checkout, seen)
        folder = os.path.dirname(files[0]) if files else checkout
        found += files[:1]
    return found


def _base(file: ConfigFile, paths: Sequence[str]) -> str:
    """Return the folder that the globs of a file start from: its own, or the project's if the file is elsewhere."""
    folders = [_folder(path) for path in paths]
    if not file.named or any(is_within(folder, file.folder) for folder in folders):
        return file.folder
    return checkout_of(folders[0]) or real_path(os.curdir)


def _not_read(file: str, why: str) -> Notice:
    text = f"this configuration does not count: {why}"
    hint = "--config names the file that is to count"
    return Notice(code=DOUBTFUL, level="warning", message=text, hint=hint, file=file)


def _folder(path: str) -> str:
    real = real_path(os.curdir if path == STDIN else path)
    return real if os.path.isdir(real) else os.path.dirname(real)


def _nearest(folder: str, seen: dict[str, list[str]]) -> list[str]:
    """Return the configuration files of the nearest folder that has any, up to that of the checkout.

    Outside of a checkout, where anybody may have put a file above, only the folder itself counts, and the current one.
    """
    checkout = checkout_of(folder)
    found = _upwards(folder, checkout or folder, seen)
    if not found and checkout is None:
        here = real_path(os.curdir)
        found = _upwards(here, checkout_of(here) or here, seen)
    return found


def _upwards(folder: str, last: str, seen: dict[str, list[str]]) -> list[str]:
    while True:
        if folder not in seen:
            files = [os.path.join(folder, name) for name in NAMES]
            seen[folder] = [file for file in files if os.path.lexists(file) and _counts(file)]
        if seen[folder] or folder == last:
            return seen[folder]
        folder = os.path.dirname(folder)


def _counts(file: str) -> bool:
    """Return whether a file is about kvlint; one whose name says so is, even if it cannot be read."""
    if not file.endswith(NAMES[-1]):
        return True
    folder = os.path.dirname(file)
    try:
        if not _TABLE.search(read_named(file, "", MAX_FILE, boundary=checkout_of(folder) or folder)):
            return False
    except UsageError:
        # What is no regular file is none of a Python project; a link and one that is too large are reported.
        if not os.path.islink(file) and not os.path.isfile(file):
            return False
    from azkvlint.config.config_file import read_file

    return read_file(file) is not None
