"""Names of files, and what is in them."""

from __future__ import annotations

import base64
import posixpath
from collections.abc import Callable

from azkvlint.evaluation.terraform.functions.table import Call, Data, Function, Parts, Unknowable, UnknownResult
from azkvlint.evaluation.terraform.functions.templates import rendered
from azkvlint.evaluation.terraform.primitive_types import primitive
from azkvlint.evaluation.values import Result
from azkvlint.model.value import Scalar, Unknown

_TEXT = ("string",)


def of_file(name: str, make: Callable[[str], str]) -> Function:
    """A function of the text of a file."""

    def run(call: Call, arguments: list[Result]) -> Result:
        found = _read(call, arguments[0])
        if isinstance(found, Unknown):
            return found
        path, text = found
        call.evaluator.spend(len(text) // 200)
        return call.text(make(text), path)

    return Parts(name, 1, 1, run)


def _read(call: Call, argument: Result) -> tuple[Scalar, str] | Unknown:
    """The path of a file, and its text."""
    path = primitive(argument, "string", call.at)
    if not isinstance(path, Scalar):
        return call.doubt("the name of a file is not known", path)
    text = call.terraform.text_file(str(path.value), call.at)
    if text is None:
        call.terraform.watch.risks += 1
        return _unread(call)
    return path, text


def _unread(call: Call) -> Unknown:
    found = call.unknown(Unknown(at=call.at, why="it is in a file that is not read"))
    return Unknown(at=call.at, why=found.why, pattern=found.pattern, given=True, sensitive=found.sensitive)


def _exists(call: Call, arguments: list[Result]) -> Result:
    path = primitive(arguments[0], "string", call.at)
    if not isinstance(path, Scalar):
        return call.doubt("the name of a file is not known", path)
    if call.terraform.text_file(str(path.value), call.at) is None:
        return _unread(call)
    return Scalar(at=call.at, value=True)


def _template(call: Call, arguments: list[Result]) -> Result:
    """The text of a file, with values in it."""
    found = _read(call, arguments[0])
    if isinstance(found, Unknown):
        return found
    result = rendered(call, found[1], arguments[1])
    call.terraform.rendered(str(found[0].value), result)
    return result


def _template_string(call: Call, arguments: list[Result]) -> Result:
    """A text, with values in it."""
    text = primitive(arguments[0], "string", call.at)
    if not isinstance(text, Scalar):
        return call.doubt("a template is not known", text)
    return rendered(call, str(text.value), arguments[1], sensitive=text.sensitive)


def _clean(path: str) -> str:
    """A path as Go writes it."""
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
        raise UnknownResult("the folder that Terraform runs in is not known")
    return _clean(path)


def _expanded(path: str) -> str:
    if path.startswith("~"):
        raise UnknownResult("the home folder of whoever runs Terraform is not known")
    return path


def _same(text: str) -> str:
    return text


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode("utf-8")).decode()


def _listed() -> str:
    return "fileset() lists files, which are not looked for"


FUNCTIONS: tuple[Function, ...] = (
    of_file("file", _same),
    of_file("filebase64", _encoded),
    Parts("fileexists", 1, 1, _exists),
    Unknowable("fileset", 2, 2, _listed),
    Parts("templatefile", 2, 2, _template),
    Parts("templatestring", 2, 2, _template_string),
    Data("dirname", 1, 1, _dirname, kinds=_TEXT),
    Data("basename", 1, 1, _basename, kinds=_TEXT),
    Data("abspath", 1, 1, _abspath, kinds=_TEXT),
    Data("pathexpand", 1, 1, _expanded, kinds=_TEXT),
)
