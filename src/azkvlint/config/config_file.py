"""Configuration files: ``kvlint.toml``, ``.kvlint.toml``, or ``[tool.kvlint]`` in ``pyproject.toml``.

A file is anybody's, as the code around it is. One that was found, and not named by the user, may name only paths inside
its checkout, and none inside ``.git``: it must not make kvlint write over the user's files.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import msgspec

from azkvlint.config.options import OPTIONS, Option
from azkvlint.model.severity_override import Override
from azkvlint.util.errors import UsageError, did_you_mean
from azkvlint.util.project_boundary import absolute_path, checkout_of, is_within, leads_into_git, real_path
from azkvlint.util.project_files import read_named
from azkvlint.util.safe_text import visible

OVERRIDE = "override"
PYPROJECT = "pyproject.toml"
_MOST_ITEMS = 1_000
_MOST_OVERRIDES = 1_000
_LONGEST = 80
_LARGEST = 10**100
KEYS: Mapping[str, Option] = {option.key: option for option in OPTIONS if option.is_configured(option.commands[0])}
"""The options that a file may set, by their keys. Those of several commands are about one thing."""


class ConfigFile(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration file. ``shown`` is what messages call it; its paths start from ``folder``; ``named`` by the user.

    ``values`` are by field of Arguments, and as that holds them; ``lines`` say where each key stands, if that is known.
    """

    file: str
    shown: str
    folder: str
    named: bool
    values: Mapping[str, Any]
    lines: Mapping[str, int]
    overrides: tuple[Override, ...] = ()

    def at(self, key: str) -> str:
        """Return what messages call the place of a key: ``kvlint.toml:3``."""
        return f"{self.shown}:{self.lines[key]}" if key in self.lines else self.shown


def read_file(file: str, named: bool = False) -> ConfigFile | None:
    """Return the configuration in a file; None for a ``pyproject.toml`` that has none.

    ``named``: by the user, who wants it. Raises UsageError, with file and line, for what is wrong with it.
    """
    shown = visible(_from_here(file))
    is_project = os.path.basename(file) == PYPROJECT
    folder = real_path(os.path.dirname(absolute_path(file)))
    boundary = None if named else checkout_of(folder) or folder
    if boundary is not None:
        target = real_path(file)
        if not is_within(target, boundary) or leads_into_git(target, boundary):
            hint = "put the file itself there, or name it with --config"
            raise UsageError(f"the configuration file {shown} is a link that leads out of the checkout", hint)
    text = text_of(file, shown, boundary)
    document: Any = parsed(text, shown)
    if is_project:
        tool = document.get("tool")
        if not isinstance(tool, dict) or "kvlint" not in tool:
            if named:
                raise UsageError(f"{shown} has no table [tool.kvlint]")
            return None
        document = tool["kvlint"]
        if not isinstance(document, dict):
            raise UsageError(f"{shown}: tool.kvlint must be a table")
    lines = lines_of(text, "tool.kvlint" if is_project else "", OVERRIDE)
    bare = ConfigFile(file=absolute_path(file), shown=shown, folder=folder, named=named, values={}, lines=lines)
    return _Taking(bare, boundary).all_of(document)


def _from_here(path: str) -> str:
    """Return a path from the current folder, if that is still there and on the same drive."""
    try:
        return os.path.relpath(path)
    except (OSError, ValueError):
        return path


class _Taking:
    """Takes the values of a document into a ConfigFile. ``boundary``: no path may lead out of it, unless it is None."""

    def __init__(self, bare: ConfigFile, boundary: str | None) -> None:
        self._bare = bare
        self._boundary = boundary

    def all_of(self, document: Mapping[str, Any]) -> ConfigFile:
        values = {}
        overrides: tuple[Override, ...] = ()
        for key, value in document.items():
            if key == OVERRIDE:
                overrides = self._overrides(value)
                continue
            option = KEYS.get(key)
            if option is None:
                raise self._unknown(key)
            values[option.field] = self._value(option, value)
        return msgspec.structs.replace(self._bare, values=values, overrides=overrides)

    def _overrides(self, tables: Any) -> tuple[Override, ...]:
        from azkvlint.config.overrides import override_of

        if not isinstance(tables, list):
            raise self._wrong(OVERRIDE, "a list of tables", "write [[override]]")
        if len(tables) > _MOST_OVERRIDES:
            raise UsageError(f"{self._bare.at(OVERRIDE)}: there are more than {_MOST_OVERRIDES:,} overrides")
        lines, count = self._bare.lines, sum(key.startswith(f"{OVERRIDE} ") for key in self._bare.lines)
        found = []
        for number, table in enumerate(tables):
            # Only if each has a header of its own, it is known which is whose.
            line = lines[f"{OVERRIDE} {number}"] if count == len(tables) else lines.get(OVERRIDE, 0)
            place = f"{self._bare.shown}:{line}" if line else self._bare.shown
            found.append(override_of(table, place, line))
        return tuple(found)

    def _unknown(self, key: str) -> UsageError:
        known = sorted((*KEYS, OVERRIDE))
        hint = did_you_mean(key.replace("_", "-").lower(), known) or f"one of {', '.join(known)}"
        if any(option.key == key for option in OPTIONS):
            hint = "it is an option of the command line only"
        return UsageError(f"{self._bare.at(key)}: there is no setting '{visible(key[:_LONGEST])}'", hint)

    def _wrong(self, key: str, wanted: str, hint: str | None = None) -> UsageError:
        return UsageError(f"{self._bare.at(key)}: {key} must be {wanted}", hint)

    def _value(self, option: Option, value: Any) -> Any:
        """Return the value of an option, as Arguments holds it."""
        key = option.key
        if not option.takes_value:
            if not isinstance(value, bool):
                raise self._wrong(key, "true or false")
            return value
        if option.kind == "settings":
            return tuple(self._settings(value))
        if option.many:
            if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
                raise self._wrong(key, "a list of texts", f'write {key} = ["..."]')
            if len(value) > _MOST_ITEMS:
                raise UsageError(f"{self._bare.at(key)}: {key} has more than {_MOST_ITEMS:,} items")
            return tuple(self._word(option, word) for word in value)
        if option.kind == "number" and isinstance(value, int) and not isinstance(value, bool):
            return str(self._counted(key, value))
        if option.kind == "day" and isinstance(value, date) and not isinstance(value, datetime):
            return value.isoformat()
        if not isinstance(value, str) or option.kind == "number":
            raise self._wrong(key, {"number": "a whole number", "day": "a day"}.get(option.kind, "a text"))
        return self._word(option, value)

    def _word(self, option: Option, word: str) -> str:
        """Return a text of an option; a path in it becomes relative to the current folder, as on the command line."""
        if "\0" in word:
            raise self._wrong(option.key, "free of NUL characters")
        if option.kind == "format":
            name, equals, file = word.partition("=")
            return f"{name}={self._path(option.key, file)}" if equals and file not in ("", "-") else word
        return self._path(option.key, word) if option.kind == "path" and word not in ("", "-") else word

    def _path(self, key: str, path: str) -> str:
        full = os.path.join(self._bare.folder, path)
        real = real_path(full)
        base = self._boundary
        if base is not None and (not is_within(real, base) or leads_into_git(real, base)):
            hint = "give it on the command line, or name the file with --config"
            raise UsageError(
                f"{self._bare.at(key)}: {key}: '{visible(path[:_LONGEST])}' leads out of the checkout", hint
            )
        return _from_here(full)

    def _counted(self, key: str, number: int) -> int:
        """Return a number, if Python makes a text of it: there is none for what has thousands of digits."""
        if abs(number) > _LARGEST:
            raise UsageError(f"{self._bare.at(key)}: {key}: a number is too large")
        return number

    def _settings(self, value: Any) -> list[str]:
        """``{KV003: {minimum: 30}}`` as ``KV003.minimum=30``."""
        hint = "write [set], and below it KV003.minimum = 30"
        if not isinstance(value, dict):
            raise self._wrong("set", "a table", hint)
        found = []
        for rule, parameters in value.items():
            if not isinstance(parameters, dict):
                raise self._wrong("set", "a table of rules, each with its parameters", hint)
            for name, operand in parameters.items():
                found.append(f"{visible(rule)}.{visible(name)}={self._operand(operand)}")
        return found

    def _operand(self, value: Any) -> str:
        match value:
            case bool():
                return "true" if value else "false"
            case int():
                return str(self._counted("set", value))
            case float():
                return str(value)
            case str():
                return value
            case list() if all(isinstance(item, (str, int, float)) for item in value):
                texts = [self._operand(item) for item in value]
                if not any("," in text for text in texts):
                    return ",".join(texts)
        raise self._wrong("set", "texts, numbers, true or false, and lists of them whose items hold no comma")


# Far more than any that a person writes.
_MOST_BYTES = 250_000
# The reader of TOML takes time by the square of how deep a key leads, and a key stands on one line.
_MOST_DOTS = 1_000
_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")
_KEY = re.compile(r"""[ \t]*(?:([\w-]+)|"([^"]*)"|'([^']*)')[ \t]*[.=]""")
_HEADER = re.compile(r"""[ \t]*\[\[?([^\[\]#=]+)\]""")


def text_of(file: str, shown: str, boundary: str | None = None) -> str:
    """Return the text of a configuration file; if it was found, its ``boundary`` is its checkout.

    Raises UsageError if it cannot be read.
    """
    data = read_named(file, f"the configuration file {shown}", _MOST_BYTES, boundary=boundary)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{shown}:{line}: it is not text in UTF-8") from error


def parsed(text: str, shown: str) -> dict[str, Any]:
    """Return the document that a text is. Raises UsageError, with the line, if it is no TOML, or too much of it."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") > _MOST_DOTS:
            raise UsageError(f"{shown}:{number}: there are more than {_MOST_DOTS:,} dots on this line")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        said = visible(str(error))
        place = _PLACE.search(said)
        at = f"{shown}:{place[1]}:{place[2]}" if place is not None else shown
        raise UsageError(f"{at}: it is no TOML: {_PLACE.sub('', said).strip()}") from error
    except RecursionError as error:
        raise UsageError(f"{shown}: it is nested too deep") from error
    except ValueError as error:  # Python reads no number of more than 4,300 digits
        raise UsageError(f"{shown}: a number in it is too large") from error


def lines_of(text: str, inside: str, repeated: str) -> dict[str, int]:
    """On which line each key of the table ``inside`` ("": the whole file) first stands.

    Of the list of tables called ``repeated`` also each header, as ``repeated 0`` and so on. What looks like a key
    inside a text of several lines can mislead it.
    """
    found: dict[str, int] = {}
    here, headers = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        header = _HEADER.match(line)
        key = _KEY.match(line)
        if header is not None:
            here = re.sub(r"""[\s"']""", "", header[1])
            below = here if not inside else here[len(inside) + 1 :] if here.startswith(f"{inside}.") else ""
            if below:
                found.setdefault(below.partition(".")[0], number)
            if below == repeated and line.lstrip().startswith("[["):
                found[f"{repeated} {headers}"] = number
                headers += 1
        elif key is not None and here == inside:
            found.setdefault(key[1] or key[2] or key[3] or "", number)
    return found
