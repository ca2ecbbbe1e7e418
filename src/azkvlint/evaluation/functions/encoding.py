"""Base64, data URIs, URIs and JSON."""

from __future__ import annotations

import re
from typing import Any

from azkvlint.evaluation.functions.table import Data, Function, InvalidCall, UnknownResult
from azkvlint.evaluation.functions.text import text
from azkvlint.syntax.json_data import decode_json
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex

_DEPTH = 100
_BRACKETS = regex(r'"(?:[^"\\]|\\.)*+"|([\[{])|([\]}])', re.DOTALL)
_DATA_URI = regex(r"data:([^,]{0,200}),(.*)", re.DOTALL)
_BASE = regex(r"(https?://[A-Za-z0-9.-]{1,255}(?::\d{1,5})?)((?:/[A-Za-z0-9._~-]*+)*+)")
_RELATIVE = regex(r"/?[A-Za-z0-9._~-]*+(?:/[A-Za-z0-9._~-]*+)*+")
_ADDRESS = regex(r"(https?)://([A-Za-z0-9.-]{1,255})(/[A-Za-z0-9._~/-]*+)?")
_DOTS = regex(r"(?:^|/)\.\.?(?:/|$)")


def _encode(value: object) -> str:
    from base64 import b64encode

    return b64encode(text(value).encode()).decode()


def _decode(value: object) -> str:
    from base64 import b64decode

    try:
        return b64decode(text(value), validate=True).decode()
    except UnicodeDecodeError as error:
        raise UnknownResult("bytes that are no text are not looked at") from error
    except ValueError as error:
        raise InvalidCall("was given something that is no base64") from error


def _json(value: object) -> Any:
    source = text(value)
    depth = 0
    for match in _BRACKETS.finditer(source):
        depth += 1 if match[1] else -1 if match[2] else 0
        if depth > _DEPTH:
            raise UnknownResult(f"JSON of more than {_DEPTH} levels is not looked at")
    try:
        return decode_json(source, object)
    except InputError as error:
        # Azure takes more than the standard does, such as single quotes.
        raise UnknownResult("a text is not JSON as its standard has it") from error


def _base64_to_json(value: object) -> Any:
    return _json(_decode(value))


def _data_uri(value: object) -> str:
    if not isinstance(value, str):
        raise UnknownResult("the data URI of anything but a text is not documented")
    return f"data:text/plain;charset=utf8;base64,{_encode(value)}"


def _from_data_uri(value: object) -> str:
    match = _DATA_URI.fullmatch(text(value))
    if match is None:
        raise InvalidCall("was given something that is no data URI")
    return _decode(match[2]) if match[1].lower().endswith(";base64") else _from_component(match[2])


def _component(value: object) -> str:
    from urllib.parse import quote

    return quote(text(value), safe="")


def _from_component(value: object) -> str:
    from urllib.parse import unquote

    return unquote(text(value))


def _uri(base: object, relative: object) -> str:
    """``relative`` in place of what stands behind the last slash of ``base``; only for what needs no escapes."""
    match, further = _BASE.fullmatch(text(base)), text(relative)
    if match is None or not _RELATIVE.fullmatch(further) or further.startswith("//") or _DOTS.search(further):
        raise UnknownResult("how Azure joins these parts of a URI is not known here")
    if not further or _DOTS.search(match[2]):
        raise UnknownResult("how Azure joins these parts of a URI is not known here")
    folder = "" if further.startswith("/") else match[2].rpartition("/")[0] + "/"
    return match[1].lower() + folder + further


def _build_uri(parts: object) -> str:
    if not isinstance(parts, dict) or not {"scheme", "host"} <= parts.keys() <= {"scheme", "host", "path"}:
        raise UnknownResult("how Azure builds this URI is not known here")
    path = text(parts.get("path") or "/")
    found = f"{text(parts['scheme'])}://{text(parts['host'])}{path if path.startswith('/') else '/' + path}"
    if not _ADDRESS.fullmatch(found) or _DOTS.search(path):
        raise UnknownResult("how Azure builds this URI is not known here")
    return found


def _parse_uri(value: object) -> dict[str, object]:
    raise UnknownResult("how Azure takes a URI apart is not known here")


FUNCTIONS: tuple[Function, ...] = (
    Data("base64", 1, 1, _encode),
    Data("base64ToString", 1, 1, _decode),
    Data("base64ToJson", 1, 1, _base64_to_json),
    Data("json", 1, 1, _json),
    Data("dataUri", 1, 1, _data_uri),
    Data("dataUriToString", 1, 1, _from_data_uri),
    Data("uriComponent", 1, 1, _component),
    Data("uriComponentToString", 1, 1, _from_component),
    Data("uri", 2, 2, _uri),
    Data("buildUri", 1, 1, _build_uri),
    Data("parseUri", 1, 1, _parse_uri),
)
