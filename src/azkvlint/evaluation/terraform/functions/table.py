"""What a function of Terraform is, and how a call of it is answered. The kinds are those of ``expressions.functions``.

Their arguments are converted as Terraform converts them, and what Terraform refuses is a FailedError.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from azkvlint.evaluation.functions import table
from azkvlint.evaluation.functions.table import ANY, InvalidCall, UnknownResult, call_pattern
from azkvlint.evaluation.operations import Local
from azkvlint.evaluation.terraform.alternatives import gathered
from azkvlint.evaluation.terraform.failure import FailedError, RequiredError
from azkvlint.evaluation.terraform.indexing import data_of
from azkvlint.evaluation.terraform.primitive_types import normal, primitive
from azkvlint.evaluation.terraform.set_order import as_set
from azkvlint.evaluation.values import (
    CHARACTERS_A_STEP,
    ITEMS_A_STEP,
    MAX_TEXT,
    VALUES_A_STEP,
    Fields,
    Items,
    Result,
    is_sensitive,
    plain_of,
    unknown_in,
)
from azkvlint.model.location import Location
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.syntax import ast

if TYPE_CHECKING:
    from azkvlint.evaluation.terraform.evaluate import TerraformEvaluator

__all__ = ["ANY", "Call", "Data", "Function", "InvalidCall", "Lazy", "Parts", "Unknowable", "UnknownResult", "answer"]

_SHORT = 1_000
Function = table.Function
Lazy = table.Lazy


class Call(table.Context):
    """One call, while it is answered. ``spread``: what its last argument is, where that should be a list but is not."""

    __slots__ = ("spread", "terraform")

    def __init__(self, name: str, node: ast.Call, local: Local, evaluator: TerraformEvaluator) -> None:
        super().__init__(name, node, local, evaluator)
        self.terraform = evaluator
        self.spread: Result | None = None

    def arguments(self) -> list[Result]:
        """All arguments, evaluated once. Raises FailedError where something that is no list is spread."""
        if self.given is None:
            given = [self.evaluator.evaluate(argument, self.local) for argument in self.node.arguments]
            if self.node.spread and given:
                last = data_of(given.pop(), self.at)
                if isinstance(last, Items):
                    self.evaluator.spend(len(last.items) // ITEMS_A_STEP)
                    given.extend(last.items)
                elif isinstance(last, Unknown):
                    self.spread = last
                else:
                    raise self.failed("is given '...' of something that is no list")
            self.given = given
        return self.given

    def failed(self, why: str) -> FailedError:
        """What to raise for a call that Terraform refuses."""
        return FailedError(f"{self.name}() {why}", self.at)

    def fails(self, why: str, *results: Result) -> Unknown:
        """Raises FailedError, unless ``results`` are unknown and so decide it."""
        self.evaluator.weigh(*results)
        found = next((doubt for doubt in map(unknown_in, results) if doubt is not None), None)
        if found is None:
            raise self.failed(why)
        return self.unknown(found)

    def passed(self, results: Sequence[Result], doubt: Unknown, given: bool = False) -> Unknown:
        """What is one of ``results``, or made of them, as unknown as ``doubt``."""
        self.evaluator.weigh(*results)
        here = Unknown(at=self.at, why=doubt.why, sensitive=doubt.sensitive)
        return gathered(results, here, call_pattern(self.name, self.given or ()), given)

    def text(self, value: str, *of: Result) -> Scalar:
        """A text made of results."""
        if len(value) > MAX_TEXT:
            raise UnknownResult(f"a text of more than {MAX_TEXT:,} characters is not looked at")
        return Scalar(at=self.at, value=value, sensitive=any(map(is_sensitive, of)))


class Parts(table.Function, frozen=True):
    """``run(call, arguments)`` is given results and gives one. ``nulls``: some of them may be null."""

    nulls: bool = False

    def answer(self, context: Any) -> Result:
        """See the class."""
        arguments = context.arguments()
        if context.spread is not None:
            passed: Result = context.passed([*arguments, context.spread], context.spread)
            return passed
        if not self.nulls and any(type(argument) is Absent for argument in arguments):
            raise InvalidCall("is given null")
        found: Result = self.run(context, arguments)
        return found


class Data(table.Function, frozen=True):
    """``run(*arguments)`` is given plain data and gives some. It is unknown once a part of an argument is.

    ``kinds`` are the types of the arguments: ``string``, ``number``, ``bool``, ``strings``, ``numbers`` (a list of
    such) or ``any``; the last one is that of all that follow. ``kind`` is that of a list or map which it gives.
    ``counts``: ``run`` is first given what to count its work with, which is not in proportion to its arguments.
    """

    kinds: tuple[str, ...] = ("any",)
    kind: str = ""
    counts: bool = False

    def answer(self, context: Any) -> Result:
        """See the class."""
        given = context.arguments()
        arguments = [self._converted(argument, number, context) for number, argument in enumerate(given)]
        doubt: Unknown | None = context.spread
        for argument in arguments:
            if doubt is None and not isinstance(argument, Scalar | Absent):
                context.evaluator.weigh(argument)
                doubt = unknown_in(argument)
        if doubt is not None:
            unknown: Unknown = context.unknown(doubt)
            return msgspec.structs.replace(unknown, given=not self.name.endswith("decode"))
        plain = [plain_of(argument) for argument in arguments]
        work = sum(len(item) for item in plain if isinstance(item, str))
        if work > _SHORT:
            context.evaluator.spend(work // CHARACTERS_A_STEP)
        sensitive = any(map(is_sensitive, arguments))
        made = self.run(context.evaluator.spend, *plain) if self.counts else self.run(*plain)
        if isinstance(made, dict | list):
            # New values take far more memory than copies. JSON text has one for each few of its characters.
            context.evaluator.spend((len(made) + work) // VALUES_A_STEP)
        return wrapped(made, context.at, sensitive, self.kind)

    def _converted(self, argument: Result, number: int, call: Call) -> Result:
        kind = self.kinds[min(number, len(self.kinds) - 1)]
        argument = data_of(argument, call.at)
        if kind == "any":
            return argument
        if isinstance(argument, Absent):
            raise InvalidCall("is given null")
        if kind not in ("strings", "numbers"):
            return primitive(argument, kind, call.at)
        if not isinstance(argument, Items):
            if isinstance(argument, Unknown):
                return argument
            raise InvalidCall("is given something that is no list")
        return Items(at=argument.at, items=[self._item(item, kind[:-1], call) for item in argument.items])

    def _item(self, item: Result, kind: str, call: Call) -> Result:
        if isinstance(item, Absent):
            raise InvalidCall("is given a list with null in it")
        return primitive(item, kind, call.at)


class Unknowable(table.Function, frozen=True):
    """``run()`` says why nobody knows the result. ``steady``: it is the same whenever the arguments are."""

    steady: bool = True
    secret: bool = False

    def answer(self, context: Any) -> Result:
        """See the class."""
        arguments = context.arguments()
        pattern = call_pattern(self.name, arguments) if self.steady and context.spread is None else ""
        sensitive = self.secret or any(map(is_sensitive, arguments))
        return Unknown(
            at=context.at, why=self.run(), pattern="" if sensitive else pattern, given=True, sensitive=sensitive
        )


def wrapped(plain: Any, at: Location, sensitive: bool = False, kind: str = "") -> Result:
    """Plain data as a result, all of it at one place. ``kind`` is that of the outermost list or map."""
    if plain is None:
        return Absent(at=at)
    if isinstance(plain, dict):
        fields = {str(key): wrapped(item, at, sensitive) for key, item in plain.items()}
        return Fields(at=at, fields=fields, kind=kind)
    if isinstance(plain, list | tuple):
        items = [wrapped(item, at, sensitive) for item in plain]
        return as_set(items, at) if kind == "set" else Items(at=at, items=items, kind=kind)
    if isinstance(plain, str) and len(plain) > MAX_TEXT:
        raise UnknownResult(f"a text of more than {MAX_TEXT:,} characters is not looked at")
    return Scalar(at=at, value=plain if isinstance(plain, str | bool) else normal(plain), sensitive=sensitive)


def answer(function: table.Function, call: Call) -> Result:
    """The result of a call. Raises FailedError where Terraform refuses it, InputError for what asks for too much."""
    if not isinstance(function, table.Lazy):
        number = len(call.arguments())
        if number > function.most or (number < function.least and call.spread is None):
            raise call.failed(f"is given {number} argument{'' if number == 1 else 's'}")
        call.evaluator.weigh(*call.arguments())
    try:
        found = function.answer(call)
    except InvalidCall as error:
        raise call.failed(str(error)) from error
    except RequiredError as error:
        raise call.failed(f"is given something else where {error.why}") from error
    except UnknownResult as error:
        return call.doubt(str(error))
    except (ValueError, TypeError, ArithmeticError, LookupError, RecursionError, msgspec.MsgspecError):
        # A case that nobody thought of is no reason to stop: what Terraform makes of it is not known.
        return call.doubt(f"what {call.name}() makes of its arguments is not known")
    if isinstance(found, Items):
        call.evaluator.spend(len(found.items) // ITEMS_A_STEP)
    elif isinstance(found, Fields):
        call.evaluator.spend(len(found.fields) // ITEMS_A_STEP)
    elif isinstance(found, Scalar) and isinstance(found.value, str):
        call.evaluator.spend(len(found.value) // CHARACTERS_A_STEP)
    if call.given is not None and isinstance(found, Unknown | Fields | Items):
        _count_risks(call)
    call.evaluator.made_of(call.given or (), found)
    return found


def _count_risks(call: Call) -> None:
    """An argument that is not known may be one that Terraform refuses."""
    for argument in call.given or ():
        if isinstance(argument, Unknown) and not argument.is_set:
            call.terraform.watch.risks += 1
            return
