"""Tables of facts: YAML files in the package's folder ``data``, of which a wheel has a compiled form."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import msgspec

from azkvlint.util.compiled_files import keep_compiled, read_compiled
from azkvlint.util.errors import InternalError

_T = TypeVar("_T")
_PACKAGE = os.path.dirname(os.path.dirname(__file__))


def read_table(name: str, type_: type[_T], load: Callable[[], _T]) -> _T:
    """Return the compiled table ``name`` as ``type_``; in a checkout, whatever ``load`` makes of its rows.

    Raise InternalError if it cannot be read.
    """
    try:
        return msgspec.json.decode(read_compiled(_PACKAGE, compiled_name(name)), type=type_)
    except FileNotFoundError:
        rows = load()
        keep_compiled(_PACKAGE, {compiled_name(name): msgspec.json.encode(rows)})
        return rows
    except (OSError, msgspec.MsgspecError) as error:
        raise InternalError(f"the table of {name} cannot be read", hint="Install kvlint again.") from error


def decode_rows(compiled: msgspec.Raw, type_: type[_T]) -> _T:
    """Return a part of a compiled table, which was read with the table."""
    return msgspec.json.decode(compiled, type=type_)


def compiled_name(name: str) -> str:
    """Return the path of the compiled form of a table in the package."""
    return f"data/{name}.json"
