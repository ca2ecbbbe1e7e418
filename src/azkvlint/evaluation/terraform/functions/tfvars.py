"""The functions of the provider that is part of Terraform itself."""

from __future__ import annotations

from collections.abc import Callable

from azkvlint.evaluation.terraform.failure import FailedError
from azkvlint.evaluation.terraform.functions.table import Call, Function, InvalidCall, Parts, UnknownResult
from azkvlint.evaluation.terraform.indexing import data_of
from azkvlint.evaluation.terraform.primitive_types import primitive, text_of
from azkvlint.evaluation.values import CHARACTERS_A_STEP, Fields, Items, Result, unknown_in
from azkvlint.model.value import Absent, Scalar

_NAME = "provider::terraform::"


def _decode(call: Call, arguments: list[Result]) -> Result:
    """The values of a file of variables; they may name nothing else."""
    from azkvlint.syntax.hcl.parse import parse_file

    text = primitive(arguments[0], "string", call.at)
    if not isinstance(text, Scalar):
        return call.doubt("a text is not known", text)
    source = str(text.value)
    call.evaluator.spend(1 + len(source) // CHARACTERS_A_STEP)
    file = parse_file(source)
    if file.faults or file.body.blocks:
        raise InvalidCall("is given something that is no file of variables")
    fields: dict[str, Result] = {}
    for name, attribute in file.body.attributes.items():
        expression = attribute.expression()
        if expression is None:
            raise InvalidCall("is given something that is no file of variables")
        try:
            fields[name] = call.evaluator.evaluate(expression, {})
        except FailedError as error:
            raise InvalidCall("is given values that are not written out") from error
    return Fields(at=call.at, fields=fields)


def _encode_expression(call: Call, arguments: list[Result]) -> Result:
    return _encoded(call, arguments[0], lambda value: _written(value, 0))


def _encode(call: Call, arguments: list[Result]) -> Result:
    return _encoded(call, arguments[0], _file)


def _encoded(call: Call, argument: Result, encode: Callable[[Result], str]) -> Result:
    given = data_of(argument, call.at)
    call.evaluator.weigh(given)
    found = unknown_in(given)
    if found is not None:
        return call.unknown(found)
    return call.text(encode(given), given)


def _file(value: Result) -> str:
    if not isinstance(value, Fields):
        raise InvalidCall("is given something that is no object")
    width = max(map(len, value.fields), default=0)
    return "".join(f"{name.ljust(width)} = {_written(value.fields[name], 0)}\n" for name in sorted(value.fields))


def _written(value: Result, level: int) -> str:
    """A value as an expression."""
    inner = "  " * (level + 1)
    if isinstance(value, Absent):
        return "null"
    if isinstance(value, Scalar):
        if not isinstance(value.value, str):
            return text_of(value.value)
        if not value.value.isascii() or not value.value.isprintable():
            raise UnknownResult("how such a text is written is not known")
        text = value.value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + text.replace("${", "$${").replace("%{", "%%{") + '"'
    if isinstance(value, Items):
        if any(isinstance(item, Items | Fields) for item in value.items):
            raise UnknownResult("how such a list is written is not known")
        return f"[{', '.join(_written(item, level) for item in value.items)}]"
    if isinstance(value, Fields) and value.fields:
        width = max(map(len, value.fields))
        if not all(name.isidentifier() for name in value.fields):
            raise UnknownResult("how such an object is written is not known")
        lines = [
            f"{inner}{name.ljust(width)} = {_written(value.fields[name], level + 1)}" for name in sorted(value.fields)
        ]
        return "{\n" + "\n".join(lines) + "\n" + "  " * level + "}"
    return "{}"


FUNCTIONS: tuple[Function, ...] = (
    Parts(f"{_NAME}decode_tfvars", 1, 1, _decode),
    Parts(f"{_NAME}encode_tfvars", 1, 1, _encode, nulls=True),
    Parts(f"{_NAME}encode_expr", 1, 1, _encode_expression, nulls=True),
)
