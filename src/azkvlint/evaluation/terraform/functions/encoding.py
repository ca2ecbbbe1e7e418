"""Texts that stand for data: JSON, YAML, CSV, base64, URLs."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from azkvlint.evaluation.terraform.functions.table import (
    Call,
    Data,
    Function,
    InvalidCall,
    Parts,
    Unknowable,
    UnknownResult,
)
from azkvlint.evaluation.terraform.functions.yaml import decoded as yaml_decoded
from azkvlint.evaluation.terraform.functions.yaml import encoded as yaml_encoded
from azkvlint.evaluation.terraform.indexing import data_of
from azkvlint.evaluation.terraform.primitive_types import normal, text_of
from azkvlint.evaluation.values import MAX_TEXT, Fields, Items, Result, is_sensitive, unknown_in
from azkvlint.model.value import Scalar
from azkvlint.syntax.json_data import decode_json
from azkvlint.util.errors import InputError

_SAFE = "-_.~"
# Names of IANA that Python has by the same name, and that have one meaning everywhere.
_ENCODINGS = frozenset({
    "utf-8", "utf-16le", "utf-16be", "iso-8859-1", "iso-8859-2", "iso-8859-15", "windows-1250", "windows-1251",
    "windows-1252", "us-ascii", "shift_jis", "euc-jp", "gbk",
})  # fmt: skip


def json_text(result: Result) -> str:
    """Known data as Terraform prints it in JSON: names in order, and what means something in HTML escaped."""
    text = _json(result)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _json(result: Result) -> str:
    if isinstance(result, Scalar):
        return _quoted(result.value) if isinstance(result.value, str) else text_of(result.value)
    if isinstance(result, Items):
        return f"[{','.join(map(_json, result.items))}]"
    if isinstance(result, Fields):
        pairs = (f"{_quoted(name)}:{_json(result.fields[name])}" for name in sorted(result.fields))
        return f"{{{','.join(pairs)}}}"
    return "null"


def _quoted(text: str) -> str:
    found = msgspec.json.encode(text.encode("utf-8", "replace").decode()).decode()
    return found.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").replace("\x7f", "\x7f")


def _json_encode(call: Call, arguments: list[Result]) -> Result:
    return _encoded(call, arguments[0], json_text)


def _yaml_encode(call: Call, arguments: list[Result]) -> Result:
    return _encoded(call, arguments[0], yaml_encoded)


def _encoded(call: Call, argument: Result, encode: Any) -> Result:
    given = data_of(argument, call.at)
    call.evaluator.weigh(given)
    found = unknown_in(given)
    if found is not None:
        return msgspec.structs.replace(call.unknown(found), given=True)
    return Scalar(at=call.at, value=_short(encode(given)), sensitive=is_sensitive(given))


def _short(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise UnknownResult(f"a text of more than {MAX_TEXT:,} characters is not looked at")
    return text


def _json_decode(text: str) -> Any:
    try:
        found = decode_json(text, object)
    except InputError as error:
        raise InvalidCall("is given something that is no JSON") from error
    return _numbers(found)


def _numbers(found: Any) -> Any:
    if isinstance(found, dict):
        return {key: _numbers(item) for key, item in found.items()}
    if isinstance(found, list):
        return [_numbers(item) for item in found]
    return normal(found) if isinstance(found, float) else found


def _csv_decode(text: str) -> list[dict[str, str]]:
    import csv

    try:
        rows = [row for row in csv.reader(text.splitlines(keepends=True), strict=True) if row]
    except csv.Error as error:
        raise InvalidCall("is given something that is no CSV") from error
    if not rows:
        raise InvalidCall("is given CSV without a header")
    head = rows[0]
    if len(set(head)) != len(head) or any(len(row) != len(head) for row in rows):
        raise InvalidCall("is given CSV whose rows do not fit its header")
    if '"' in text and ("\r" in text or '" ' in text):
        raise UnknownResult("so unusual a CSV is not looked at")
    return [dict(zip(head, row, strict=True)) for row in rows[1:]]


def _base64_bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidCall("is given something that is not in base64") from error


def _base64_decode(text: str) -> str:
    try:
        return _base64_bytes(text).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidCall("is given something that is no text in UTF-8") from error


def _base64_encode(text: str) -> str:
    return base64.b64encode(text.encode("utf-8")).decode()


def _gunzip(text: str) -> str:
    import zlib

    try:
        stream = zlib.decompressobj(wbits=31)
        data = stream.decompress(_base64_bytes(text), MAX_TEXT + 1)
        if len(data) > MAX_TEXT:
            raise UnknownResult(f"a text of more than {MAX_TEXT:,} characters is not looked at")
        if not stream.eof:
            raise InvalidCall("is given something that is not compressed by gzip")
        return data.decode("utf-8")
    except (zlib.error, UnicodeDecodeError) as error:
        raise InvalidCall("is given something that is not compressed by gzip") from error


def _encoding(name: str) -> str:
    if name.lower() not in _ENCODINGS:
        raise UnknownResult("an encoding is not known")
    return name.lower()


def _text_encode(text: str, encoding: str) -> str:
    try:
        return base64.b64encode(text.encode(_encoding(encoding))).decode()
    except UnicodeEncodeError as error:
        raise InvalidCall("is given a text that its encoding cannot express") from error


def _text_decode(text: str, encoding: str) -> str:
    try:
        return _base64_bytes(text).decode(_encoding(encoding))
    except UnicodeDecodeError as error:
        raise UnknownResult("a text that is not in its encoding is not looked at") from error


def _url_encode(text: str) -> str:
    from urllib.parse import quote

    return quote(text.encode("utf-8"), safe=_SAFE + " ").replace(" ", "+")


def _url_decode(text: str) -> str:
    import re
    from urllib.parse import unquote_plus

    if re.search("%(?![0-9A-Fa-f]{2})", text):
        raise InvalidCall("is given a '%' without two digits after it")
    try:
        return unquote_plus(text, errors="strict")
    except UnicodeDecodeError as error:
        raise UnknownResult("a text that is not in UTF-8 is not looked at") from error


def _compressed() -> str:
    return "what base64gzip() gives depends on how Terraform compresses"


_TEXT, _TEXTS = ("string",), ("string", "string")
FUNCTIONS: tuple[Function, ...] = (
    Parts("jsonencode", 1, 1, _json_encode, nulls=True),
    Parts("yamlencode", 1, 1, _yaml_encode, nulls=True),
    Data("jsondecode", 1, 1, _json_decode, kinds=_TEXT),
    Data("yamldecode", 1, 1, yaml_decoded, kinds=_TEXT),
    Data("csvdecode", 1, 1, _csv_decode, kinds=_TEXT, kind="list"),
    Data("base64encode", 1, 1, _base64_encode, kinds=_TEXT),
    Data("base64decode", 1, 1, _base64_decode, kinds=_TEXT),
    Data("base64gunzip", 1, 1, _gunzip, kinds=_TEXT),
    Data("textencodebase64", 2, 2, _text_encode, kinds=_TEXTS),
    Data("textdecodebase64", 2, 2, _text_decode, kinds=_TEXTS),
    Data("urlencode", 1, 1, _url_encode, kinds=_TEXT),
    Data("urldecode", 1, 1, _url_decode, kinds=_TEXT),
    Unknowable("base64gzip", 1, 1, _compressed),
)
