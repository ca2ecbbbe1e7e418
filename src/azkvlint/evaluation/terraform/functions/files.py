"""Functions of paths, files and templates."""

from __future__ import annotations

import base64
import posixpath
from collections.abc import Callable

from azkvlint.evaluation.operations import Local
from azkvlint.evaluation.terraform.functions.table import (
    Call,
    Data,
    Function,
    InvalidCall,
    Parts,
    Unknowable,
    UnknownResult,
    map_argument,
)
from azkvlint.evaluation.terraform.primitive_types import FailedError, primitive
from azkvlint.evaluation.values import CHARACTERS_A_STEP, Result, mark_sensitive
from azkvlint.model.location import Location
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.syntax import ast
from azkvlint.util.errors import InputError

_TEXT = ("string",)


def of_file(name: str, make: Callable[[str], str]) -> Function:
    """Return a function of the text of a file."""

    def run(call: Call, arguments: list[Result]) -> Result:
        found = _read(call, arguments[0])
        if isinstance(found, Unknown):
            return found
        path, text = found
        call.evaluator.spend(len(text) // 200)
        return call.text(make(text), path)

    return Parts(name, 1, 1, run)


def _read(call: Call, argument: Result) -> tuple[Scalar, str] | Unknown:
    """Return the path of a file, and its text."""
    path = primitive(argument, "string", call.at)
    if not isinstance(path, Scalar):
        return call.doubt("the name of the file is unknown", path)
    text = call.terraform.document.text_file(str(path.value), call.at)
    if text is None:
        call.terraform.watch.risks += 1
        return _unread(call)
    return path, text


def _unread(call: Call) -> Unknown:
    found = call.unknown(Unknown(at=call.at, why="the file is not read"))
    return Unknown(at=call.at, why=found.why, pattern=found.pattern, given=True, sensitive=found.sensitive)


def _exists(call: Call, arguments: list[Result]) -> Result:
    path = primitive(arguments[0], "string", call.at)
    if not isinstance(path, Scalar):
        return call.doubt("the name of the file is unknown", path)
    if call.terraform.document.text_file(str(path.value), call.at) is None:
        return _unread(call)
    return Scalar(at=call.at, value=True)


def _template(call: Call, arguments: list[Result]) -> Result:
    """Return the text of a file, with values in it."""
    found = _read(call, arguments[0])
    if isinstance(found, Unknown):
        return found
    result = render_template(call, found[1], arguments[1])
    call.terraform.document.rendered(str(found[0].value), result)
    return result


def _template_string(call: Call, arguments: list[Result]) -> Result:
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


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode("utf-8")).decode()


def _listed() -> str:
    return "`fileset()` is not supported"


# A template may use others in turn, and one that uses itself never ends.
_DEEPEST = 10


class _TemplateDocument:
    """A template: its nodes are located where it is used, and it has no names but those of its values."""

    def __init__(self, call: Call, depth: int) -> None:
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


def render_template(call: Call, text: str, values: Result, sensitive: bool = False) -> Result:
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
