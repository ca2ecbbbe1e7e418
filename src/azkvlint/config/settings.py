"""The settings of a run, by precedence: command line, environment variables, configuration file.

Most runs have neither variables nor a file, so the modules that read them are imported on demand.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from azkvlint.config.arguments import Arguments
from azkvlint.config.option import ErrorCollector, Option
from azkvlint.config.options import OPTIONS
from azkvlint.config.run_config import Notice
from azkvlint.model.finding import SETTING_WITHOUT_EFFECT
from azkvlint.readers.discover import STDIN
from azkvlint.util.errors import UsageError, did_you_mean
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_boundary import checkout_of, is_within, real_path
from azkvlint.util.project_files import MAX_FILE, read_named
from azkvlint.util.text import visible

if TYPE_CHECKING:
    from azkvlint.config.config_file import ConfigFile

ABOUT_RULES = frozenset({"select", "ignore", "profiles", "settings"})
"""The fields that select or configure rules."""
NAMES = ("kvlint.toml", ".kvlint.toml", "pyproject.toml")
"""The names of configuration files, by precedence. The last counts only with ``[tool.kvlint]``."""
# A pattern for [tool.kvlint], because most projects have no such table and need no TOML parser.
_TABLE = regex(
    rb"""^[ \t]*(?:\[+[ \t]*["']?tool["']?[ \t]*(?:\]|\.[ \t]*["']?kvlint)|["']?tool["']?[ \t]*[.=])""", re.MULTILINE
)
_PREFIX = "KVLINT_"
CACHE_KEY = "KVLINT_CACHE_KEY"
"""The variable with the key of the cache, not an option because other users can see command lines."""
_OTHER_VARIABLES = frozenset({CACHE_KEY, "KVLINT_CONFIG", "KVLINT_DEBUG"})
_YES, _NO = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})
# Lists that an empty value on the command line clears, such as ``--ignore=``.
_CLEARED = frozenset({"ignore", "exclude", "extend_exclude", "test_folders"})
# Fields that replace other fields from sources of lower precedence.
_REPLACES = {"formats": ("output",), "quiet": ("verbose",), "verbose": ("quiet",)}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The ``arguments`` of a run from all sources, and the configuration ``file``.

    ``places`` are the sources of the fields that are set: ``--select``, ``KVLINT_SELECT`` or ``kvlint.toml:3:1``.
    Fields in ``configured`` are set by the file, whose globs start from ``base``.
    """

    arguments: Arguments
    places: Mapping[str, str]
    configured: frozenset[str] = frozenset()
    file: ConfigFile | None = None
    base: str = ""
    notices: tuple[Notice, ...] = ()

    def label(self, field: str) -> str:
        """Return the name of a setting in messages: ``--select``, or ``kvlint.toml:3:1: select``."""
        if field in self.configured:
            return f"{self.places[field]}: {_option_of(field).key}"
        return self.places.get(field) or _option_of(field).names[0]

    def folder(self, field: str) -> str:
        """Return the base folder of the globs of a setting."""
        return self.base if field in self.configured else real_path(os.curdir)

    def errors(self) -> ErrorCollector:
        """Return a collector with the errors of the configuration file."""
        return ErrorCollector(() if self.file is None else self.file.errors)

    @property
    def external_fields(self) -> frozenset[str]:
        """Return the fields that are set by the environment or the configuration file."""
        return frozenset(self.places) - self.arguments.explicit_fields


def resolve_settings(arguments: Arguments, command: str) -> Settings:
    """Return the settings of ``command``, with the errors of a configuration file.

    Raise UsageError for other invalid values and for unreadable files.
    """
    cleared = {field: () for field in arguments.explicit_fields & _CLEARED if getattr(arguments, field) == ("",)}
    if cleared:
        arguments = msgspec.structs.replace(arguments, **cleared)
    values: dict[str, Any] = {}
    places = {field: _option_of(field).names[0] for field in arguments.explicit_fields}
    notices: list[Notice] = []
    variables = [name for name in os.environ if name.startswith(_PREFIX)]
    if variables:
        _add_settings(_from_environment(variables, command, notices), values, places)
    is_untrusted = bool(values.get("untrusted", arguments.untrusted))
    file = _file(arguments, notices, is_untrusted=is_untrusted)
    configured: frozenset[str] = frozenset()
    if file is not None:
        before = set(places)
        known = {option.field: option for option in OPTIONS if option.is_configured(command)}
        configured_values = (
            (field, value, file.at(known[field].key)) for field, value in file.values.items() if field in known
        )
        _add_settings(configured_values, values, places)
        configured = frozenset(places.keys() - before)
    if values:
        arguments = msgspec.structs.replace(arguments, **values)
    if is_untrusted:
        arguments = _without_checkout(arguments, places, notices)
    return Settings(
        arguments=arguments,
        places=places,
        configured=configured,
        file=file,
        base="" if file is None else _glob_base(file, arguments.paths),
        notices=tuple(notices),
    )


def _without_checkout(arguments: Arguments, places: dict[str, str], notices: list[Notice]) -> Arguments:
    """Return the arguments of ``--untrusted``: nothing in the checkout lowers a result."""
    from azkvlint.config.influences import untrusted_values

    source = places.get("untrusted", "--untrusted")
    for field, value, more in list(untrusted_values(arguments, places)):
        arguments = msgspec.structs.replace(arguments, **{field: value})
        places[field] = source
        notices += more
    return arguments


def _option_of(field: str) -> Option:
    return next(option for option in OPTIONS if option.field == field)


def _add_settings(settings: Iterator[tuple[str, Any, str]], values: dict[str, Any], places: dict[str, str]) -> None:
    """Add settings from a source of lower precedence."""
    replaced = {other for field in places for other in _REPLACES.get(field, ())}
    for field, value, place in list(settings):
        if field not in places and field not in replaced:
            values[field], places[field] = value, place


def _from_environment(names: Sequence[str], command: str, notices: list[Notice]) -> Iterator[tuple[str, Any, str]]:
    """Yield the settings in environment variables, in the types of Arguments. Empty variables are ignored."""
    known = {option.variable for option in OPTIONS if option.is_configured(option.commands[0])} | _OTHER_VARIABLES
    for name in sorted(set(names) - known):
        text = f"environment variable {name} is not a setting of kvlint"
        hint = did_you_mean(name, list(known)) or "kvlint --show-settings lists all settings"
        notices.append(Notice(code=SETTING_WITHOUT_EFFECT, level="note", message=text, hint=hint))
    for option in OPTIONS:
        text = os.environ.get(option.variable, "") if option.is_configured(command) else ""
        if text.strip():
            yield option.field, _parse_variable(option, text), option.variable


def _parse_variable(option: Option, text: str) -> Any:
    """Parse an environment variable. Lists have one item on each line."""
    if not option.takes_value:
        word = text.strip().lower()
        if word not in _YES | _NO:
            raise UsageError(f"{option.variable}={text}: expected true or false")
        return word in _YES
    return tuple(line.strip() for line in text.splitlines() if line.strip()) if option.many else text.strip()


def _file(arguments: Arguments, notices: list[Notice], *, is_untrusted: bool) -> ConfigFile | None:
    """Return the configuration file that the user names, or else the nearest to the first input.

    In an untrusted checkout there is none.
    """
    explicit_file = arguments.config or os.environ.get("KVLINT_CONFIG", "")
    if "config" in arguments.explicit_fields and not arguments.config:
        raise UsageError("--config requires a file", "use --isolated to read no configuration file")
    if arguments.isolated:
        if arguments.config:
            raise UsageError("--isolated and --config cannot be combined", "remove one of them")
        return None
    if is_untrusted:
        from azkvlint.config.influences import ignored_notice, is_in_checkout

        if explicit_file and is_in_checkout(explicit_file, arguments.paths):
            option = "--config" if arguments.config else "KVLINT_CONFIG"
            notices.append(ignored_notice(option, visible(explicit_file)))
            return None
        if not explicit_file:
            return None
    if explicit_file:
        from azkvlint.config.config_file import read_file

        return read_file(explicit_file, is_explicit=True)
    starts = list(dict.fromkeys(folder_of(path) for path in arguments.paths))
    files_by_folder: dict[str, list[str]] = {}
    nearest = [_nearest_files(start, files_by_folder) for start in starts]
    files = nearest[0] if nearest else []
    if not files:
        files = next(filter(None, nearest), [])
        if files:
            notices.append(_ignored_file_notice(files[0], "the first input has no configuration file"))
        return None
    from azkvlint.config.config_file import read_file

    config_file = read_file(files[0])
    preferred = os.path.basename(files[0])
    notices += [_ignored_file_notice(other, f"{preferred} in the same folder has precedence") for other in files[1:]]
    above = _shadowed_files(files[0], files_by_folder)
    others = sorted({each[0] for each in nearest if each and each[0] != files[0]} - set(above))
    notices += [_ignored_file_notice(other, f"{preferred} is closest to the first input") for other in others]
    if above and config_file is not None:
        notices += [
            _ignored_file_notice(other, f"{config_file.display_path} is closer to the input") for other in above
        ]
    return config_file


def _shadowed_files(file: str, files_by_folder: dict[str, list[str]]) -> list[str]:
    """Return the files above ``file`` that it replaces, nearest first.

    They are reported because a change to one folder may add a file that disables rules.
    """
    folder = os.path.dirname(file)
    checkout = checkout_of(folder)
    above: list[str] = []
    while checkout is not None and folder != checkout:
        folder = os.path.dirname(folder)
        files = _search_upwards(folder, checkout, files_by_folder)
        folder = os.path.dirname(files[0]) if files else checkout
        above += files[:1]
    return above


def _glob_base(file: ConfigFile, paths: Sequence[str]) -> str:
    """Return the base folder of a file's globs: its own folder, or the project's if the file is elsewhere."""
    folders = [folder_of(path) for path in paths]
    if not file.is_explicit or any(is_within(folder, file.folder) for folder in folders):
        return file.folder
    return checkout_of(folders[0]) or real_path(os.curdir)


def _ignored_file_notice(file: str, why: str) -> Notice:
    text = f"this configuration file is ignored: {why}"
    hint = "select a configuration file with --config FILE"
    return Notice(code=SETTING_WITHOUT_EFFECT, level="warning", message=text, hint=hint, file=file)


def folder_of(path: str) -> str:
    """Return the real path of a folder, or of the folder of a file; of standard input the current one."""
    real = real_path(os.curdir if path == STDIN else path)
    return real if os.path.isdir(real) else os.path.dirname(real)


def _nearest_files(folder: str, files_by_folder: dict[str, list[str]]) -> list[str]:
    """Return the configuration files of the nearest folder that has any, up to the root of the checkout.

    Outside a checkout, where a parent folder may be another user's, only the folder and the current one are searched.
    """
    checkout = checkout_of(folder)
    files = _search_upwards(folder, checkout or folder, files_by_folder)
    if not files and checkout is None:
        current = real_path(os.curdir)
        files = _search_upwards(current, checkout_of(current) or current, files_by_folder)
    return files


def _search_upwards(folder: str, last: str, files_by_folder: dict[str, list[str]]) -> list[str]:
    while True:
        if folder not in files_by_folder:
            files_by_folder[folder] = files_in(folder)
        if files_by_folder[folder] or folder == last:
            return files_by_folder[folder]
        folder = os.path.dirname(folder)


def files_in(folder: str) -> list[str]:
    """Return the configuration files in a folder, the one that counts first."""
    files = [os.path.join(folder, name) for name in NAMES]
    return [file for file in files if os.path.lexists(file) and _configures_kvlint(file)]


def _configures_kvlint(file: str) -> bool:
    """Return whether a file configures kvlint. A file named for kvlint always does, even if it is unreadable."""
    if not file.endswith(NAMES[-1]):
        return True
    folder = os.path.dirname(file)
    try:
        if not _TABLE.search(read_named(file, "", MAX_FILE, boundary=checkout_of(folder) or folder)):
            return False
    except UsageError:
        # Special files are ignored. Links and oversized files are reported.
        if not os.path.islink(file) and not os.path.isfile(file):
            return False
    from azkvlint.config.config_file import read_file

    try:
        return read_file(file) is not None
    except UsageError:
        return True  # reading the settings reports it
