"""Functions that read files, and that encode data: JSON, YAML, CSV, base64, URLs, hashes, tfvars."""

from __future__ import annotations

import base64
import binascii
import posixpath
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from azkvlint.evaluation.budget import CHARACTERS_A_STEP, MAX_TEXT
from azkvlint.evaluation.known import of_length
from azkvlint.evaluation.operators import Local
from azkvlint.evaluation.terraform.alternatives import data_of
from azkvlint.evaluation.terraform.functions.table import (
    Function,
    InvalidCall,
    TerraformCallContext,
    TerraformDataFunction,
    TerraformDeferredFunction,
    TerraformResultFunction,
    UnknownResult,
    map_argument,
)
from azkvlint.evaluation.terraform.operators import FailedError, normal, primitive, text_of
from azkvlint.evaluation.values import Fields, Items, Result, is_sensitive, mark_sensitive, unknown_in
from azkvlint.model.location import Location
from azkvlint.model.value import Absent, Known, Scalar, Unknown
from azkvlint.syntax import ast
from azkvlint.syntax.json_decoder import decode_json
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex

if TYPE_CHECKING:
    from azkvlint.syntax.yaml_nodes import Node

_TEXT = ("string",)


def of_file(name: str, make: Callable[[str], str]) -> Function:
    """Return a function of the text of a file."""

    def run(call: TerraformCallContext, arguments: list[Result]) -> Result:
        found = _read(call, arguments[0])
        if isinstance(found, Unknown):
            return found
        path, text = found
        call.evaluator.spend(len(text) // 200)
        return call.text(make(text), path)

    return TerraformResultFunction(name, 1, 1, run)


def _read(call: TerraformCallContext, argument: Result) -> tuple[Scalar, str] | Unknown:
    """Return the path of a file, and its text."""
    path = primitive(argument, "string", call.at)
    if not isinstance(path, Scalar):
        return call.doubt("the name of the file is unknown", path)
    text = call.terraform.document.text_file(str(path.value), call.at)
    if text is None:
        call.terraform.watch.risks += 1
        return _unread(call, path)
    return path, text


def _unread(call: TerraformCallContext, path: Scalar) -> Unknown:
    found = call.unknown(Unknown(at=call.at, why=f"the file `{path.display()}` is not available"))
    return Unknown(at=call.at, why=found.why, pattern=found.pattern, given=True, sensitive=found.sensitive)


def _exists(call: TerraformCallContext, arguments: list[Result]) -> Result:
    path = primitive(arguments[0], "string", call.at)
    if not isinstance(path, Scalar):
        return call.doubt("the name of the file is unknown", path)
    if call.terraform.document.text_file(str(path.value), call.at) is None:
        return _unread(call, path)
    return Scalar(at=call.at, value=True)


def _template(call: TerraformCallContext, arguments: list[Result]) -> Result:
    """Return the text of a file, with values in it."""
    found = _read(call, arguments[0])
    if isinstance(found, Unknown):
        return found
    result = render_template(call, found[1], arguments[1])
    call.terraform.document.rendered(str(found[0].value), result)
    return result


def _template_string(call: TerraformCallContext, arguments: list[Result]) -> Result:
    """Return a text, with values in it."""
    text = primitive(arguments[0], "string", call.at)
    if not isinstance(text, Scalar):
        return call.doubt("the template is unknown", text)
    return render_template(call, str(text.value), arguments[1], sensitive=text.sensitive)


def _clean(path: str) -> str:
    """Return a path as Go writes it."""
    found = posixpath.normpath(path) if path else "."
    return found[1:] if found.startswith("//") else found


def _dirname(path: str) -> str:
    return _clean(posixpath.split(path)[0])


def _basename(path: str) -> str:
    if not path:
        return "."
    return posixpath.basename(path.rstrip("/")) or "/"


def _abspath(path: str) -> str:
    if not path.startswith("/"):
        raise UnknownResult("the working directory of Terraform is unknown")
    return _clean(path)


def _expanded(path: str) -> str:
    if path.startswith("~"):
        raise UnknownResult("the home directory of the user is unknown")
    return path


def _same(text: str) -> str:
    return text


def _base64_encode(text: str) -> str:
    return base64.b64encode(text.encode("utf-8")).decode()


def _listed() -> str:
    return "`fileset()` is not supported"


# A template may use others in turn, and one that uses itself never ends.
_DEEPEST = 10


class _TemplateDocument:
    """A template: its nodes are located where it is used, and it has no names but those of its values."""

    def __init__(self, call: TerraformCallContext, depth: int) -> None:
        self.call_at = call.at
        self.outer = call.terraform.document
        self.depth = depth

    def place(self, node: ast.Node) -> Location:  # noqa: ARG002  # required by the protocol
        """Return where the template is used."""
        return self.call_at

    def symbol(self, node: ast.Name) -> Result:
        """Raise FailedError: a template sees its own values only."""
        raise FailedError(f"the template variable `{node.name}` has no value", self.call_at)

    def call(self, node: ast.Call, local: Local) -> Result | None:  # noqa: ARG002  # the same
        """Return None: a template has no functions of its own."""
        return None

    def text_file(self, name: str, at: Location) -> str | None:
        """Return the text of a file, named as in the module that uses the template."""
        return self.outer.text_file(name, at)

    def rendered(self, name: str, found: Result) -> None:
        """Record what a template makes that is in a file."""
        self.outer.rendered(name, found)

    def settled(self, found: Result, at: Location) -> Result:  # noqa: ARG002  # a template is one text
        """Return the value unchanged."""
        return found


def render_template(call: TerraformCallContext, text: str, values: Result, sensitive: bool = False) -> Result:
    """Return the text that a template makes of values. Raise FailedError for a template that is none."""
    from azkvlint.syntax.hcl.expressions import parse_template

    found = map_argument(call, values)
    if isinstance(found, Unknown) or found.rest is not None:
        return call.doubt("the variables of the template are unknown", found)
    outer = call.terraform.document
    depth = outer.depth + 1 if isinstance(outer, _TemplateDocument) else 1
    if depth > _DEEPEST:
        raise InvalidCall("does not accept a template that includes itself")
    call.evaluator.spend(1 + len(text) // CHARACTERS_A_STEP)
    try:
        node = parse_template(text)
    except InputError as error:
        raise InvalidCall("expects a valid template") from error
    evaluator = call.terraform.for_document(_TemplateDocument(call, depth))
    result = primitive(evaluator.evaluate(node, found.fields), "string", call.at)
    call.terraform.watch.risks += evaluator.watch.risks
    if isinstance(result, Absent):
        raise InvalidCall("does not accept a template that results in null")
    return mark_sensitive(result) if sensitive else result


FILES: tuple[Function, ...] = (
    of_file("file", _same),
    of_file("filebase64", _base64_encode),
    TerraformResultFunction("fileexists", 1, 1, _exists),
    TerraformDeferredFunction("fileset", 2, 2, _listed),
    TerraformResultFunction("templatefile", 2, 2, _template),
    TerraformResultFunction("templatestring", 2, 2, _template_string),
    TerraformDataFunction("dirname", 1, 1, _dirname, kinds=_TEXT),
    TerraformDataFunction("basename", 1, 1, _basename, kinds=_TEXT),
    TerraformDataFunction("abspath", 1, 1, _abspath, kinds=_TEXT),
    TerraformDataFunction("pathexpand", 1, 1, _expanded, kinds=_TEXT),
)


_NAME = "provider::terraform::"


def _decode(call: TerraformCallContext, arguments: list[Result]) -> Result:
    """Return the values of a file of variables; they may name nothing else."""
    from azkvlint.syntax.hcl.parse import parse_file

    text = primitive(arguments[0], "string", call.at)
    if not isinstance(text, Scalar):
        return call.doubt("the string is unknown", text)
    source = str(text.value)
    call.evaluator.spend(1 + len(source) // CHARACTERS_A_STEP)
    file = parse_file(source)
    if file.faults or file.body.blocks:
        raise InvalidCall("expects the content of a .tfvars file")
    fields: dict[str, Result] = {}
    for name, attribute in file.body.attributes.items():
        expression = attribute.expression()
        if expression is None:
            raise InvalidCall("expects the content of a .tfvars file")
        try:
            fields[name] = call.evaluator.evaluate(expression, {})
        except FailedError as error:
            raise InvalidCall("expects literal values") from error
    return Fields(at=call.at, fields=fields)


def _encode_expression(call: TerraformCallContext, arguments: list[Result]) -> Result:
    return _encoded_tfvars(call, arguments[0], lambda value: _written(value, 0))


def _encode(call: TerraformCallContext, arguments: list[Result]) -> Result:
    return _encoded_tfvars(call, arguments[0], _file)


def _encoded_tfvars(call: TerraformCallContext, argument: Result, encode: Callable[[Result], str]) -> Result:
    given = data_of(argument, call.at)
    call.evaluator.weigh(given)
    found = unknown_in(given)
    if found is not None:
        return call.unknown(found)
    return call.text(encode(given), given)


def _file(value: Result) -> str:
    if not isinstance(value, Fields):
        raise InvalidCall("expects an object")
    width = max(map(len, value.fields), default=0)
    return "".join(f"{name.ljust(width)} = {_written(value.fields[name], 0)}\n" for name in sorted(value.fields))


def _written(value: Result, level: int) -> str:
    """Return a value as an expression."""
    inner = "  " * (level + 1)
    if isinstance(value, Absent):
        return "null"
    if isinstance(value, Scalar):
        if not isinstance(value.value, str):
            return text_of(value.value)
        if not value.value.isascii() or not value.value.isprintable():
            raise UnknownResult("strings with non-ASCII or control characters are not supported")
        text = value.value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + text.replace("${", "$${").replace("%{", "%%{") + '"'
    if isinstance(value, Items):
        if any(isinstance(item, Items | Fields) for item in value.items):
            raise UnknownResult("lists of lists or objects are not supported")
        return f"[{', '.join(_written(item, level) for item in value.items)}]"
    if isinstance(value, Fields) and value.fields:
        width = max(map(len, value.fields))
        if not all(name.isidentifier() for name in value.fields):
            raise UnknownResult("object keys that are not identifiers are not supported")
        lines = [
            f"{inner}{name.ljust(width)} = {_written(value.fields[name], level + 1)}" for name in sorted(value.fields)
        ]
        return "{\n" + "\n".join(lines) + "\n" + "  " * level + "}"
    return "{}"


# What is another type, or another text, in one version of YAML or another.
_OTHER = regex(
    r"(?i:y|n|yes|no|on|off|true|false|null|~|[-+]?\.(?:inf|nan)|=|<<)"
    r"|[-+]?0[0-9box_].*|[-+]?[0-9][0-9_]*(?:[.:_eE-].*)?|[-+]?\.[0-9].*|\d{4}-\d.*"
)
_LONGEST_LINE = 70


def yaml_decoded(text: str) -> Any:
    """Return plain data. Raise UnknownResult for what is not YAML, or has more than one meaning."""
    from azkvlint.syntax.yaml_nodes import compose

    document = compose(text)
    if document.faults or document.root is None or "\t" in text:
        raise UnknownResult("the YAML document is not supported")
    quoted = any(mark in text for mark in "\"'|>")
    return _plain(document.root, quoted)


def _plain(node: Node, quoted: bool) -> Any:
    from azkvlint.syntax.yaml_nodes import ListNode, MapNode

    if isinstance(node, ListNode):
        return [_plain(item, quoted) for item in node.items]
    if isinstance(node, MapNode):
        found: dict[str, Any] = {}
        for key, value in node.entries:
            if not isinstance(key.value, str) or (_OTHER.fullmatch(key.value) and not quoted):
                raise UnknownResult("the YAML document is not supported")
            found[key.value] = _plain(value, quoted)
        return found
    if isinstance(node.value, str) and not quoted and _OTHER.fullmatch(node.value):
        raise UnknownResult("the YAML document is not supported")
    return node.value


def yaml_encoded(result: Result) -> str:
    """Return known data as YAML. Raise UnknownResult for texts that Terraform may print in another way."""
    if isinstance(result, Items) and result.items:
        return "".join(f"{line}\n" for line in _lines(result))
    if isinstance(result, Fields) and result.fields:
        return "".join(f"{line}\n" for line in _lines(result))
    return _short_yaml(result) + ("\n...\n" if isinstance(result, Absent | Scalar) and not _is_text(result) else "\n")


def _is_text(result: Result) -> bool:
    return isinstance(result, Scalar) and isinstance(result.value, str)


def _lines(result: Result) -> list[str]:
    """Return the lines of a list or map that is not empty."""
    found: list[str] = []
    if isinstance(result, Items):
        for item in result.items:
            if _is_long(item):
                first, *others = _lines(item)
                found += [f"- {first}", *(f"  {line}" for line in others)]
            else:
                found.append(f"- {_short_yaml(item)}")
    elif isinstance(result, Fields):
        for name in sorted(result.fields):
            item = result.fields[name]
            key = _quoted_yaml(name)
            if _is_long(item):
                indent = "" if isinstance(item, Items) else "  "
                found += [f"{key}:", *(f"{indent}{line}" for line in _lines(item))]
            else:
                found.append(f"{key}: {_short_yaml(item)}")
    return found


def _is_long(item: Result) -> bool:
    return (isinstance(item, Items) and bool(item.items)) or (isinstance(item, Fields) and bool(item.fields))


def _short_yaml(result: Result) -> str:
    if isinstance(result, Scalar):
        if not isinstance(result.value, str):
            return text_of(result.value)
        if len(result.value) > _LONGEST_LINE and " " in result.value:
            raise UnknownResult(f"strings longer than {_LONGEST_LINE} characters are not supported in YAML")
        return _quoted_yaml(result.value)
    return "[]" if isinstance(result, Items) else "{}" if isinstance(result, Fields) else "null"


def _quoted_yaml(text: str) -> str:
    if not text.isascii() or not text.isprintable():
        raise UnknownResult("strings with non-ASCII or control characters are not supported in YAML")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


_NAMESPACES = {
    "dns": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    "url": "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
    "oid": "6ba7b812-9dad-11d1-80b4-00c04fd430c8",
    "x500": "6ba7b814-9dad-11d1-80b4-00c04fd430c8",
}
_UUID = regex(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TEXT, _TEXTS = ("string",), ("string", "string")


def _digest(name: str, text: str) -> bytes:
    import hashlib

    return hashlib.new(name, text.encode("utf-8"), usedforsecurity=False).digest()


def _hex(name: str) -> Callable[[str], str]:
    return lambda text: _digest(name, text).hex()


def _base64(name: str) -> Callable[[str], str]:
    def run(text: str) -> str:
        from base64 import b64encode

        return b64encode(_digest(name, text)).decode()

    return run


def _uuid5(namespace: str, name: str) -> str:
    from uuid import UUID, uuid5

    space = _NAMESPACES.get(namespace, namespace)
    if _UUID.fullmatch(space) is None:
        raise InvalidCall("expects a namespace that is a UUID")
    return str(uuid5(UUID(space), name))


def _random(name: str) -> Callable[[], str]:
    return lambda: f"`{name}()` returns a new value for each run"


def _decrypted() -> str:
    return "`rsadecrypt()` is not supported"


# The bytes of digests, in hexadecimal and in Base64: developer.hashicorp.com/terraform/language/functions.
_BYTES = {"md5": 16, "sha1": 20, "sha256": 32, "sha512": 64}
_NAMES = tuple(_BYTES)
_OF_UUID = of_length(36)


def _digits(name: str) -> Known:
    return of_length(2 * _BYTES[name])


def _base64_length(name: str) -> Known:
    return of_length((_BYTES[name] + 2) // 3 * 4)


_SAFE = "-_.~"
# Names of IANA that Python has by the same name, and that have one meaning everywhere.
_ENCODINGS = frozenset({
    "utf-8", "utf-16le", "utf-16be", "iso-8859-1", "iso-8859-2", "iso-8859-15", "windows-1250", "windows-1251",
    "windows-1252", "us-ascii", "shift_jis", "euc-jp", "gbk",
})  # fmt: skip


def json_text(result: Result) -> str:
    """Return known data as Terraform prints it in JSON: names in order, and what means something in HTML escaped."""
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


def _json_encode(call: TerraformCallContext, arguments: list[Result]) -> Result:
    return _encoded(call, arguments[0], json_text)


def _yaml_encode(call: TerraformCallContext, arguments: list[Result]) -> Result:
    return _encoded(call, arguments[0], yaml_encoded)


def _encoded(call: TerraformCallContext, argument: Result, encode: Any) -> Result:
    given = data_of(argument, call.at)
    call.evaluator.weigh(given)
    found = unknown_in(given)
    if found is not None:
        return msgspec.structs.replace(call.unknown(found), given=True)
    return Scalar(at=call.at, value=_short(encode(given)), sensitive=is_sensitive(given))


def _short(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise UnknownResult(f"strings longer than {MAX_TEXT:,} characters are not supported")
    return text


def _json_decode(text: str) -> Any:
    try:
        found = decode_json(text, object)
    except InputError as error:
        raise InvalidCall("expects valid JSON") from error
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
        raise InvalidCall("expects valid CSV") from error
    if not rows:
        raise InvalidCall("expects CSV with a header")
    head = rows[0]
    if len(set(head)) != len(head) or any(len(row) != len(head) for row in rows):
        raise InvalidCall("expects CSV rows with as many fields as the header")
    if '"' in text and ("\r" in text or '" ' in text):
        raise UnknownResult("this form of CSV is not supported")
    return [dict(zip(head, row, strict=True)) for row in rows[1:]]


def _base64_bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidCall("expects a base64 string") from error


def _base64_decode(text: str) -> str:
    try:
        return _base64_bytes(text).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidCall("expects base64 of UTF-8 text") from error


def _gunzip(text: str) -> str:
    import zlib

    try:
        stream = zlib.decompressobj(wbits=31)
        data = stream.decompress(_base64_bytes(text), MAX_TEXT + 1)
        if len(data) > MAX_TEXT:
            raise UnknownResult(f"strings longer than {MAX_TEXT:,} characters are not supported")
        if not stream.eof:
            raise InvalidCall("expects data compressed with gzip")
        return data.decode("utf-8")
    except (zlib.error, UnicodeDecodeError) as error:
        raise InvalidCall("expects data compressed with gzip") from error


def _encoding(name: str) -> str:
    if name.lower() not in _ENCODINGS:
        raise UnknownResult("the encoding is not supported")
    return name.lower()


def _text_encode(text: str, encoding: str) -> str:
    try:
        return base64.b64encode(text.encode(_encoding(encoding))).decode()
    except UnicodeEncodeError as error:
        raise InvalidCall("expects characters that the encoding supports") from error


def _text_decode(text: str, encoding: str) -> str:
    try:
        return _base64_bytes(text).decode(_encoding(encoding))
    except UnicodeDecodeError as error:
        raise UnknownResult("bytes that are invalid in the encoding are not supported") from error


def _url_encode(text: str) -> str:
    from urllib.parse import quote

    return quote(text.encode("utf-8"), safe=_SAFE + " ").replace(" ", "+")


def _url_decode(text: str) -> str:
    import re
    from urllib.parse import unquote_plus

    if re.search("%(?![0-9A-Fa-f]{2})", text):
        raise InvalidCall("expects two hexadecimal digits after each `%`")
    try:
        return unquote_plus(text, errors="strict")
    except UnicodeDecodeError as error:
        raise UnknownResult("text that is not UTF-8 is not supported") from error


def _compressed() -> str:
    return "`base64gzip()` is not supported"


_TEXT, _TEXTS = ("string",), ("string", "string")


FUNCTIONS: tuple[Function, ...] = (
    TerraformResultFunction("jsonencode", 1, 1, _json_encode, nulls=True),
    TerraformResultFunction("yamlencode", 1, 1, _yaml_encode, nulls=True),
    TerraformDataFunction("jsondecode", 1, 1, _json_decode, kinds=_TEXT),
    TerraformDataFunction("yamldecode", 1, 1, yaml_decoded, kinds=_TEXT),
    TerraformDataFunction("csvdecode", 1, 1, _csv_decode, kinds=_TEXT, kind="list"),
    TerraformDataFunction("base64encode", 1, 1, _base64_encode, kinds=_TEXT),
    TerraformDataFunction("base64decode", 1, 1, _base64_decode, kinds=_TEXT),
    TerraformDataFunction("base64gunzip", 1, 1, _gunzip, kinds=_TEXT),
    TerraformDataFunction("textencodebase64", 2, 2, _text_encode, kinds=_TEXTS),
    TerraformDataFunction("textdecodebase64", 2, 2, _text_decode, kinds=_TEXTS),
    TerraformDataFunction("urlencode", 1, 1, _url_encode, kinds=_TEXT),
    TerraformDataFunction("urldecode", 1, 1, _url_decode, kinds=_TEXT),
    TerraformDeferredFunction("base64gzip", 1, 1, _compressed),
    *(TerraformDataFunction(name, 1, 1, _hex(name), kinds=_TEXT, known=_digits(name)) for name in _NAMES),
    *(
        TerraformDataFunction(f"base64{name}", 1, 1, _base64(name), kinds=_TEXT, known=_base64_length(name))
        for name in _NAMES[2:]
    ),
    *(of_file(f"file{name}", _hex(name)) for name in _NAMES),
    *(of_file(f"filebase64{name}", _base64(name)) for name in _NAMES[2:]),
    TerraformDataFunction("uuidv5", 2, 2, _uuid5, kinds=_TEXTS, known=_OF_UUID),
    TerraformDeferredFunction("uuid", 0, 0, _random("uuid"), steady=False, known=_OF_UUID),
    TerraformDeferredFunction("bcrypt", 1, 2, _random("bcrypt"), steady=False, secret=True),
    TerraformDeferredFunction("rsadecrypt", 2, 2, _decrypted, secret=True),
    TerraformResultFunction(f"{_NAME}decode_tfvars", 1, 1, _decode),
    TerraformResultFunction(f"{_NAME}encode_tfvars", 1, 1, _encode, nulls=True),
    TerraformResultFunction(f"{_NAME}encode_expr", 1, 1, _encode_expression, nulls=True),
)
