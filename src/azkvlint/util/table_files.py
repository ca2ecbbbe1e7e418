"""Tables of facts: YAML files in the package's folder ``data``, of which a wheel has a compiled form."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from azkvlint.util.errors import InternalError
from azkvlint.util.project_files import read_data

_T = TypeVar("_T")


def read_table(name: str, type_: type[_T], load: Callable[[], _T]) -> _T:
    """Return the compiled table ``name`` as ``type_``; in a checkout, whatever ``load`` makes of its rows.

    Raise InternalError if it cannot be read.
    """
    try:
        return msgspec.json.decode(read_data(compiled_name(name)), type=type_)
    except FileNotFoundError:
        return load()
    except (OSError, msgspec.MsgspecError) as error:
        raise InternalError(f"the table of {name} cannot be read", hint="Install kvlint again.") from error


def decode_rows(compiled: msgspec.Raw, type_: type[_T]) -> _T:
    """Return a part of a compiled table, which was read with the table."""
    return msgspec.json.decode(compiled, type=type_)


def compiled_name(name: str) -> str:
    """Return the name of the compiled form of a table in the folder ``data``."""
    return f"{name}.json"
