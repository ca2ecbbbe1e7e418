"""Configuration files: ``kvlint.toml``, ``.kvlint.toml``, or ``[tool.kvlint]`` in ``pyproject.toml``.

A configuration file is as untrusted as the code around it. One that was discovered, rather than named by the user, may
refer only to paths inside its checkout and outside ``.git``, so that it cannot make kvlint overwrite other files.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any, TypeAlias

import msgspec

from azkvlint.config.option import ErrorCollector, Option
from azkvlint.config.options import OPTIONS
from azkvlint.model.rule import SEVERITIES, Severity
from azkvlint.model.suppression import Override
from azkvlint.syntax.ignore_comments import day_of
from azkvlint.util.errors import UsageError, did_you_mean
from azkvlint.util.project_boundary import absolute_path, checkout_of, is_within, leads_into_git, real_path
from azkvlint.util.project_files import read_named
from azkvlint.util.text import visible

LISTS = ("paths", "resources", "rules")
STRINGS = ("severity", "reason", "owner")
OVERRIDE_KEYS = (*LISTS, *STRINGS, "ignore", "until")
_LONGEST_NAME = 80
_MOST_LISTED = 1_000


class _OverrideDecoder:
    """Decodes one table. ``places`` are the places of its keys, "" that of its header; errors are collected."""

    def __init__(self, table: Mapping[str, Any], places: Mapping[str, str], collector: ErrorCollector) -> None:
        self._table = table
        self._places = places
        self._collector = collector

    def fault(self, message: str, hint: str | None = None, key: str = "") -> None:
        """Collect an error of a key, or of the whole table."""
        place = self._places.get(key, self._places[""])
        self._collector.errors.append(UsageError(f"{place}: override: {message}", hint))

    def refuse_unknown_keys(self) -> None:
        """Collect the errors of keys that do not exist."""
        for key in self._table:
            if key not in OVERRIDE_KEYS:
                hint = did_you_mean(key.lower(), list(OVERRIDE_KEYS)) or f"one of {', '.join(OVERRIDE_KEYS)}"
                self.fault(f"unknown key '{visible(key[:_LONGEST_NAME])}'", hint, key)

    def strings(self, key: str) -> tuple[str, ...]:
        """Return a list of strings."""
        value = self._table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            self.fault(f"{key} must be a list of strings", f'write {key} = ["..."]', key)
        elif len(value) > _MOST_LISTED:
            self.fault(f"{key} has more than {_MOST_LISTED:,} items", None, key)
        elif key in self._table and not value:
            self.fault(f"{key} is empty", "add an item, or remove it", key)
        else:
            return tuple(word.strip() for word in value)
        return ()

    def string(self, key: str) -> str:
        """Return a string without line breaks."""
        value = self._table.get(key, "")
        if not isinstance(value, str):
            self.fault(f"{key} must be a string", None, key)
            return ""
        return " ".join(value.split())

    def severity(self) -> Severity | None:
        """Return the severity; None if there is none."""
        word = self.string("severity")
        if word and word.lower() not in SEVERITIES:
            names = list(SEVERITIES)
            hint = did_you_mean(word.lower(), names) or f"one of {', '.join(names)}"
            self.fault(f"unknown severity '{visible(word[:_LONGEST_NAME])}'", hint, "severity")
        return SEVERITIES.get(word.lower())

    def ignore(self) -> bool:
        """Return whether the findings are ignored."""
        value = self._table.get("ignore", False)
        if not isinstance(value, bool):
            self.fault("ignore must be true or false", None, "ignore")
        return value is True

    def refuse_invalid_globs(self, key: str, glob: Callable[[str], object], patterns: Iterable[str]) -> None:
        """Collect the errors of globs."""
        for pattern in patterns:
            try:
                glob(pattern)
            except ValueError as error:
                self.fault(f"{key}: '{visible(pattern[:_LONGEST_NAME])}' is not a valid glob: {error}", None, key)

    def until(self) -> tuple[str, str]:
        """Return the last day and its fault, if any. An invalid date must not extend the override indefinitely."""
        value = self._table.get("until")
        if value is None:
            return "", ""
        if isinstance(value, date) and not isinstance(value, datetime):
            return value.isoformat(), ""
        if not isinstance(value, str):
            self.fault("until must be a date", "write until = 2027-03-01", "until")
            return "", ""
        day = day_of(value.strip())
        return ("", "until is not a valid date") if day is None else (day.isoformat(), "")


def decode_override(table: Any, places: Mapping[str, str], line: int, collector: ErrorCollector) -> Override | None:
    """Decode a table; None if it is invalid. For ``places`` see _OverrideDecoder."""
    from azkvlint.util.globs import AddressGlob, PathGlob  # most files have no overrides

    if not isinstance(table, dict):
        collector.errors.append(UsageError(f"{places['']}: override must be a table", "write [[override]]"))
        return None
    count = len(collector.errors)
    decoder = _OverrideDecoder(table, places, collector)
    decoder.refuse_unknown_keys()
    paths, resources, rules = (decoder.strings(key) for key in LISTS)
    severity, ignore = decoder.severity(), decoder.ignore()
    reason, owner = decoder.string("reason"), decoder.string("owner")
    decoder.refuse_invalid_globs("paths", PathGlob, paths)
    decoder.refuse_invalid_globs("resources", AddressGlob, resources)
    until, fault = decoder.until()
    if len(collector.errors) > count:
        return None  # a misspelled key is not also a missing one
    if not (paths or resources or rules):
        decoder.fault("paths, resources or rules is required", 'write rules = ["KV001"]')
    if (severity is not None) is ignore:
        decoder.fault("either severity or ignore = true is required")
    if ignore and not any(char.isalnum() for char in reason):
        decoder.fault("ignore = true requires a reason", 'write reason = "..."')
    if len(collector.errors) > count:
        return None
    return Override(
        place=places[""], line=line, paths=paths, resources=resources, rules=rules,
        severity=severity, reason=reason, owner=owner, until=until, fault=fault,
    )  # fmt: skip


Position: TypeAlias = tuple[int, int]
OVERRIDE = "override"
PYPROJECT = "pyproject.toml"
_MOST_ITEMS = 1_000
_MOST_OVERRIDES = 1_000
_LONGEST = 80
_LARGEST = 10**100
KEYS: Mapping[str, Option] = {
    option.key: option for option in OPTIONS if option.is_configured(option.commands[0]) and option.in_files
}
"""The options that a configuration file may set, by key. Options of several commands share one key."""


class ConfigFile(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration file. ``display_path`` is its path in messages, ``folder`` the base of its paths.

    ``is_explicit``: the user named it. ``values`` are fields of Arguments, in their types; ``positions`` are the lines
    and columns of the keys, if known: ``select``, ``override 0`` and ``override 0.severity`` for the first override.
    ``errors`` are those of invalid keys and values, which are left out.
    """

    file: str
    display_path: str
    folder: str
    is_explicit: bool
    values: Mapping[str, Any]
    positions: Mapping[str, Position]
    overrides: tuple[Override, ...] = ()
    errors: tuple[UsageError, ...] = ()

    def at(self, key: str, default: str = "") -> str:
        """Return the place of a key for messages, or else that of the key ``default``: ``kvlint.toml:3:1``."""
        position = self.positions.get(key) or self.positions.get(default)
        return self.display_path if position is None else f"{self.display_path}:{position[0]}:{position[1]}"


def read_file(file: str, is_explicit: bool = False) -> ConfigFile | None:
    """Return the configuration in a file; None for a ``pyproject.toml`` without one.

    Raise UsageError, with file and line, if it is not TOML, and also for missing content if it ``is_explicit``.
    """
    display_path = visible(_from_here(file))
    is_project = os.path.basename(file) == PYPROJECT
    folder = real_path(os.path.dirname(absolute_path(file)))
    boundary = None if is_explicit else checkout_of(folder) or folder
    if boundary is not None:
        target = real_path(file)
        if not is_within(target, boundary) or leads_into_git(target, boundary):
            hint = f"replace the link with the file, or use --config {display_path}"
            raise UsageError(f"configuration file {display_path} is a link to a file outside the repository", hint)
    text = read_text(file, display_path, boundary)
    document: Any = parse_toml(text, display_path)
    if is_project:
        tool = document.get("tool")
        if not isinstance(tool, dict) or "kvlint" not in tool:
            if is_explicit:
                raise UsageError(f"{display_path} has no table [tool.kvlint]", "add the table, or name a kvlint.toml")
            return None
        document = tool["kvlint"]
        if not isinstance(document, dict):
            raise UsageError(f"{display_path}: tool.kvlint must be a table")
    positions = key_positions(text, "tool.kvlint" if is_project else "", OVERRIDE)
    empty = ConfigFile(
        file=absolute_path(file),
        display_path=display_path,
        folder=folder,
        is_explicit=is_explicit,
        values={},
        positions=positions,
    )
    return _ConfigDecoder(empty, boundary).decode(document)


def _from_here(path: str) -> str:
    """Return a path relative to the current folder, if that exists and is on the same drive."""
    try:
        return os.path.relpath(path)
    except (OSError, ValueError):
        return path


class _ConfigDecoder:
    """Decodes a document into a ConfigFile. Paths must be inside ``boundary``, unless that is None."""

    def __init__(self, empty: ConfigFile, boundary: str | None) -> None:
        self._empty = empty
        self._boundary = boundary

    def decode(self, document: Mapping[str, Any]) -> ConfigFile:
        """Return the file with the valid settings, and the errors of all others."""
        values: dict[str, Any] = {}
        overrides: tuple[Override, ...] = ()
        collector = ErrorCollector()
        for key, value in document.items():
            option = KEYS.get(key)
            if key == OVERRIDE:
                overrides = collector.attempt((), self._overrides, value, collector)
            elif option is None:
                collector.errors.append(self._unknown_key(key))
            else:
                decoded = collector.attempt(None, self._value, option, value)
                values |= {} if decoded is None else {option.field: decoded}
        return msgspec.structs.replace(self._empty, values=values, overrides=overrides, errors=tuple(collector.errors))

    def _overrides(self, tables: Any, collector: ErrorCollector) -> tuple[Override, ...]:

        if not isinstance(tables, list):
            raise self._type_error(OVERRIDE, "a list of tables", "write [[override]]")
        if len(tables) > _MOST_OVERRIDES:
            raise UsageError(f"{self._empty.at(OVERRIDE)}: more than {_MOST_OVERRIDES:,} overrides are not supported")
        positions = self._empty.positions
        # The positions of tables are known only if each has a header of its own.
        has_headers = f"{OVERRIDE} {len(tables) - 1}" in positions and f"{OVERRIDE} {len(tables)}" not in positions
        overrides = []
        for number, table in enumerate(tables):
            header = f"{OVERRIDE} {number}" if has_headers else OVERRIDE
            places = {key: self._empty.at(f"{header}.{key}", header) for key in ("", *table)}
            line = positions.get(header, (0, 0))[0]
            overrides.append(collector.attempt(None, decode_override, table, places, line, collector))
        return tuple(one for one in overrides if one is not None)

    def _unknown_key(self, key: str) -> UsageError:
        known = sorted((*KEYS, OVERRIDE))
        hint = did_you_mean(key.replace("_", "-").lower(), known) or f"one of {', '.join(known)}"
        if any(option.key == key for option in OPTIONS):
            hint = f"--{key} is available on the command line only"
        return UsageError(f"{self._empty.at(key)}: unknown setting '{visible(key[:_LONGEST])}'", hint)

    def _type_error(self, key: str, expected: str, hint: str | None = None) -> UsageError:
        return UsageError(f"{self._empty.at(key)}: {key} must be {expected}", hint)

    def _value(self, option: Option, value: Any) -> Any:
        """Return the value of an option in the type of its field in Arguments."""
        key = option.key
        if not option.takes_value:
            if not isinstance(value, bool):
                raise self._type_error(key, "true or false")
            return value
        if option.kind == "settings":
            return tuple(self._settings(value))
        if option.many:
            if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
                raise self._type_error(key, "a list of strings", f'write {key} = ["..."]')
            if len(value) > _MOST_ITEMS:
                raise UsageError(f"{self._empty.at(key)}: {key} has more than {_MOST_ITEMS:,} items")
            return tuple(self._string(option, word) for word in value)
        if option.kind == "number" and isinstance(value, int) and not isinstance(value, bool):
            return str(self._checked_integer(key, value))
        if option.kind == "day" and isinstance(value, date) and not isinstance(value, datetime):
            return value.isoformat()
        if not isinstance(value, str) or option.kind == "number":
            raise self._type_error(key, {"number": "an integer", "day": "a date"}.get(option.kind, "a string"))
        return self._string(option, value)

    def _string(self, option: Option, word: str) -> str:
        """Return a string value. A path becomes relative to the current folder, as on the command line."""
        if "\0" in word:
            raise self._type_error(option.key, "without NUL characters")
        if option.kind == "format":
            name, equals, file = word.partition("=")
            return f"{name}={self._path(option.key, file)}" if equals and file not in ("", "-") else word
        return self._path(option.key, word) if option.kind == "path" and word not in ("", "-") else word

    def _path(self, key: str, path: str) -> str:
        full = os.path.join(self._empty.folder, path)
        real = real_path(full)
        base = self._boundary
        if base is not None and (not is_within(real, base) or leads_into_git(real, base)):
            hint = "set it on the command line, or name the configuration file with --config"
            raise UsageError(
                f"{self._empty.at(key)}: {key}: '{visible(path[:_LONGEST])}' is outside the repository or inside .git",
                hint,
            )
        return _from_here(full)

    def _checked_integer(self, key: str, number: int) -> int:
        """Return a number. Python cannot convert numbers of thousands of digits to strings."""
        if abs(number) > _LARGEST:
            raise UsageError(f"{self._empty.at(key)}: {key}: a number is too large")
        return number

    def _settings(self, value: Any) -> list[str]:
        """Return ``{KV003: {minimum: 30}}`` as ``KV003.minimum=30``."""
        hint = "write [set], then KV003.minimum = 30"
        if not isinstance(value, dict):
            raise self._type_error("set", "a table", hint)
        settings = []
        for rule, parameters in value.items():
            if not isinstance(parameters, dict):
                raise self._type_error("set", "a table of rules with parameters", hint)
            for name, operand in parameters.items():
                settings.append(f"{visible(rule)}.{visible(name)}={self._operand(operand)}")
        return settings

    def _operand(self, value: Any) -> str:
        match value:
            case bool():
                return "true" if value else "false"
            case int():
                return str(self._checked_integer("set", value))
            case float():
                return str(value)
            case str():
                return value
            case list() if all(isinstance(item, (str, int, float)) for item in value):
                texts = [self._operand(item) for item in value]
                if not any("," in text for text in texts):
                    return ",".join(texts)
        raise self._type_error("set", "strings, numbers, booleans, or lists of them without commas")


# Far more than a hand-written configuration needs.
_MOST_BYTES = 250_000
# Parsing a dotted key takes quadratic time in its depth, and a key is on one line.
_MOST_DOTS = 1_000
_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")
# The standard library's texts differ between versions of Python: a part of each, and the reason that is stated.
_TOML_FAULTS = (
    ("Expected '='", "expected `=` after the key"),
    ("Invalid value", "expected a value"),
    ("Cannot overwrite", "the key is set twice"),
    ("Cannot declare", "the table is declared twice"),
    ("Cannot mutate", "the table is already complete"),
    ("Unclosed array", "the array is not closed"),
    ("Unclosed inline table", "the inline table is not closed"),
    ("Duplicate inline table key", "the key is set twice"),
    ("Invalid date", "the date does not exist"),
    ("Unescaped '\\'", "a backslash must be escaped"),
    ("Illegal character", "a control character is not allowed here"),
    ("Unterminated string", "the string is not closed"),
    ("Expected newline or end of document", "expected the end of the line"),
    ("Invalid initial character for a key part", "expected a key"),
)
_KEY = re.compile(r"""[ \t]*(?:([\w-]+)|"([^"]*)"|'([^']*)')[ \t]*[.=]""")
_HEADER = re.compile(r"""[ \t]*\[\[?([^\[\]#=]+)\]""")


def read_text(file: str, display_path: str, boundary: str | None = None) -> str:
    """Return the text of a configuration file, which must be inside ``boundary`` unless that is None.

    Raise UsageError if it cannot be read.
    """
    data = read_named(file, f"configuration file {display_path}", _MOST_BYTES, boundary=boundary)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{display_path}:{line}: the file is not UTF-8") from error


def parse_toml(text: str, display_path: str) -> dict[str, Any]:
    """Parse TOML. Raise UsageError, with the line, for invalid or oversized documents."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") > _MOST_DOTS:
            raise UsageError(f"{display_path}:{number}: more than {_MOST_DOTS:,} dots on one line are not supported")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = _PLACE.search(message)
        location = f"{display_path}:{place[1]}:{place[2]}" if place is not None else display_path
        reason = next((reason for part, reason in _TOML_FAULTS if part in message), "the syntax is not valid here")
        raise UsageError(f"{location}: invalid TOML: {reason}") from error
    except RecursionError as error:
        raise UsageError(f"{display_path}: the file is nested too deeply") from error
    except ValueError as error:  # Python limits integers to 4,300 digits
        raise UsageError(f"{display_path}: a number is too large") from error


def key_positions(text: str, inside: str, repeated: str) -> dict[str, Position]:
    """Return the line and column of each key of the table ``inside`` ("": the top level).

    The headers of the array of tables ``repeated`` are included as ``repeated 0``, ``repeated 1`` and so on, and the
    keys below each as ``repeated 0.key``. Lines of a multi-line string that look like keys are not recognized as such.
    """
    positions: dict[str, Position] = {}
    table, headers, prefix = "", 0, ""
    for number, line in enumerate(text.split("\n"), 1):
        header = _HEADER.match(line)
        key = _KEY.match(line)
        position = number, len(line) - len(line.lstrip(" \t")) + 1
        if header is not None:
            table, prefix = re.sub(r"""[\s"']""", "", header[1]), ""
            key_path = table if not inside else table[len(inside) + 1 :] if table.startswith(f"{inside}.") else ""
            if key_path:
                positions.setdefault(key_path.partition(".")[0], position)
            if key_path == repeated and line.lstrip().startswith("[["):
                positions[f"{repeated} {headers}"] = position
                prefix = f"{repeated} {headers}."
                headers += 1
        elif key is not None and (table == inside or prefix):
            positions.setdefault(f"{prefix}{key[1] or key[2] or key[3] or ''}", position)
    return positions
