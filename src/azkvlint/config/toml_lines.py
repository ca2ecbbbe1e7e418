"""Configuration files as texts and as TOML, with the lines that the standard library's reader does not tell."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from azkvlint.util.errors import UsageError
from azkvlint.util.project_files import read_named
from azkvlint.util.safe_text import visible

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
    """The document that a text is. Raises UsageError, with the line, if it is no TOML, or too much of it."""
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
