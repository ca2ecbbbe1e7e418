"""Functions of Terraform, and answers to their calls. The kinds are those of ``evaluation.functions.table``.

Their arguments are converted as Terraform converts them, and what Terraform rejects is a FailedError.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from azkvlint.evaluation.budget import CHARACTERS_A_STEP, ITEMS_A_STEP, MAX_ITEMS, MAX_TEXT, VALUES_A_STEP
from azkvlint.evaluation.evaluate import Evaluator, ExpressionDocument
from azkvlint.evaluation.functions import table
from azkvlint.evaluation.functions.table import ANY, InvalidCall, UnknownResult, call_pattern
from azkvlint.evaluation.operators import Local
from azkvlint.evaluation.terraform.alternatives import (
    EvaluationCounters,
    data_of,
    gather,
    number_of_instances,
    stands_for_all,
)
from azkvlint.evaluation.terraform.operators import FailedError, RequiredError, normal, primitive
from azkvlint.evaluation.terraform.types import as_set, keeps_order
from azkvlint.evaluation.values import (
    Fields,
    Items,
    Result,
    as_optional,
    doubt_in,
    first_present,
    is_sensitive,
    plain_of,
    unknown_in,
)
from azkvlint.model.location import Location
from azkvlint.model.value import NOTHING_KNOWN, Absent, Known, Scalar, Unknown
from azkvlint.syntax import ast

__all__ = [
    "ANY",
    "Function",
    "InvalidCall",
    "Lazy",
    "TerraformCallContext",
    "TerraformDataFunction",
    "TerraformDeferredFunction",
    "TerraformResultFunction",
    "UnknownResult",
    "answer",
]

_SHORT = 1_000
Function = table.Function
Lazy = table.Lazy


class TerraformDocument(ExpressionDocument, Protocol):
    """What an evaluator requires of the module, or of the template, that its expressions are in."""

    def text_file(self, name: str, at: Location) -> str | None:
        """Return the content of a file, by the name that ``file()`` accepts; None if it may not, or cannot, be read."""

    def rendered(self, name: str, found: Result) -> None:
        """Record what the template in a file renders."""

    def settled(self, found: Result, at: Location) -> Result:
        """Return the value of an expression at ``at``, located where its owner edits it."""


class ModuleEvaluator(Evaluator):
    """What functions require of the evaluator of a module: its document, its risks, and one like it for a template."""

    document: TerraformDocument
    watch: EvaluationCounters

    @abstractmethod
    def for_document(self, document: TerraformDocument) -> ModuleEvaluator:
        """Return an evaluator for another document, with the same budget."""


class TerraformCallContext(table.CallContext):
    """One call, while it is answered. ``spread``: what its last argument is, where that should be a list but is not."""

    __slots__ = ("spread", "terraform")

    def __init__(self, name: str, node: ast.Call, local: Local, evaluator: ModuleEvaluator) -> None:
        super().__init__(name, node, local, evaluator)
        self.terraform = evaluator
        self.spread: Result | None = None

    def arguments(self) -> list[Result]:
        """Return all arguments, evaluated once. Raise FailedError where something other than a list is spread."""
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
                    raise self.failed("expects a list before `...`")
            self.given = given
        return self.given

    def failed(self, why: str) -> FailedError:
        """Return the error of a call that Terraform rejects."""
        return FailedError(f"`{self.name}()` {why}", self.at)

    def fails(self, why: str, *results: Result) -> Unknown:
        """Raise FailedError, unless ``results`` are unknown and so decide it."""
        self.evaluator.weigh(*results)
        found = next((doubt for doubt in map(unknown_in, results) if doubt is not None), None)
        if found is None:
            raise self.failed(why)
        return self.unknown(found)

    def pass_through(
        self, results: Sequence[Result], doubt: Unknown, given: bool = False, known: Known = NOTHING_KNOWN
    ) -> Unknown:
        """Return what is one of ``results``, or made of them, as unknown as ``doubt``."""
        self.evaluator.weigh(*results)
        here = Unknown(at=self.at, why=doubt.why, sensitive=doubt.sensitive)
        return gather(results, here, call_pattern(self.name, self.given or ()), given, known)

    def text(self, value: str, *of: Result) -> Scalar:
        """Return a text made of results."""
        if len(value) > MAX_TEXT:
            raise UnknownResult(f"strings longer than {MAX_TEXT:,} characters are not supported")
        return Scalar(at=self.at, value=value, sensitive=any(map(is_sensitive, of)))


class TerraformResultFunction(table.Function, frozen=True):
    """``run(call, arguments)`` converts results to one. ``nulls``: some of them may be null."""

    nulls: bool = False

    def answer(self, context: Any) -> Result:
        """Return the result of a call."""
        arguments = context.arguments()
        if context.spread is not None:
            passed: Result = context.pass_through([*arguments, context.spread], context.spread)
            return passed
        if not self.nulls and any(type(argument) is Absent for argument in arguments):
            raise InvalidCall("does not accept null")
        found: Result = self.run(context, arguments)
        return found


class TerraformDataFunction(table.Function, frozen=True):
    """``run(*arguments)`` converts plain data to plain data. The result is unknown once a part of an argument is.

    ``kinds`` are the types of the arguments: ``string``, ``number``, ``bool``, ``strings``, ``numbers`` (a list of
    such) or ``any``; the last one is that of all that follow. ``kind`` is that of a list or map which it returns.
    ``counts``: ``run`` is first given what to count its work with, which is not in proportion to its arguments.
    ``known`` is what is certain of any result.
    """

    kinds: tuple[str, ...] = ("any",)
    kind: str = ""
    counts: bool = False
    known: Known = NOTHING_KNOWN

    def answer(self, context: Any) -> Result:
        """Return the result of a call."""
        given = context.arguments()
        arguments = [self._converted(argument, number, context) for number, argument in enumerate(given)]
        doubt: Unknown | None = context.spread
        for argument in arguments:
            if doubt is None and not isinstance(argument, Scalar | Absent):
                context.evaluator.weigh(argument)
                doubt = unknown_in(argument)
        if doubt is not None:
            unknown: Unknown = context.unknown(doubt)
            return msgspec.structs.replace(unknown, given=not self.name.endswith("decode"), known=self.known)
        plain = [plain_of(argument) for argument in arguments]
        work = sum(len(item) for item in plain if isinstance(item, str))
        if work > _SHORT:
            context.evaluator.spend(work // CHARACTERS_A_STEP)
        sensitive = any(map(is_sensitive, arguments))
        made = self.run(context.evaluator.spend, *plain) if self.counts else self.run(*plain)
        if isinstance(made, dict | list):
            # New values need far more memory than copies. JSON text has one for each few of its characters.
            context.evaluator.spend((len(made) + work) // VALUES_A_STEP)
        return wrap(made, context.at, sensitive, self.kind)

    def _converted(self, argument: Result, number: int, call: TerraformCallContext) -> Result:
        kind = self.kinds[min(number, len(self.kinds) - 1)]
        argument = data_of(argument, call.at)
        if kind == "any":
            return argument
        if isinstance(argument, Absent):
            raise InvalidCall("does not accept null")
        if kind not in ("strings", "numbers"):
            return primitive(argument, kind, call.at)
        if not isinstance(argument, Items):
            if isinstance(argument, Unknown):
                return argument
            raise InvalidCall("expects a list")
        return Items(at=argument.at, items=[self._item(item, kind[:-1], call) for item in argument.items])

    def _item(self, item: Result, kind: str, call: TerraformCallContext) -> Result:
        if isinstance(item, Absent):
            raise InvalidCall("does not accept null in a list")
        return primitive(item, kind, call.at)


class TerraformDeferredFunction(table.Function, frozen=True):
    """``run()`` returns why the result is unknown. ``steady``: it is the same whenever the arguments are.

    ``known`` is what is certain of any result.
    """

    steady: bool = True
    secret: bool = False
    known: Known = NOTHING_KNOWN

    def answer(self, context: Any) -> Result:
        """Return the result of a call."""
        arguments = context.arguments()
        pattern = call_pattern(self.name, arguments) if self.steady and context.spread is None else None
        sensitive = self.secret or any(map(is_sensitive, arguments))
        return Unknown(
            at=context.at, why=self.run(), pattern=None if sensitive else pattern, given=True, known=self.known,
            sensitive=sensitive,
        )  # fmt: skip


def wrap(plain: Any, at: Location, sensitive: bool = False, kind: str = "") -> Result:
    """Return plain data as a result, all of it at one place. ``kind`` is that of the outermost list or map."""
    if plain is None:
        return Absent(at=at)
    if isinstance(plain, dict):
        fields = {str(key): wrap(item, at, sensitive) for key, item in plain.items()}
        return Fields(at=at, fields=fields, kind=kind)
    if isinstance(plain, list | tuple):
        items = [wrap(item, at, sensitive) for item in plain]
        return as_set(items, at) if kind == "set" else Items(at=at, items=items, kind=kind)
    if isinstance(plain, str) and len(plain) > MAX_TEXT:
        raise UnknownResult(f"strings longer than {MAX_TEXT:,} characters are not supported")
    return Scalar(at=at, value=plain if isinstance(plain, str | bool) else normal(plain), sensitive=sensitive)


def answer(function: table.Function, call: TerraformCallContext) -> Result:
    """Return the result of a call. Raise FailedError where Terraform rejects it, InputError above the limits."""
    if not isinstance(function, table.Lazy):
        number = len(call.arguments())
        if number > function.most or (number < function.least and call.spread is None):
            raise call.failed(f"does not accept {number} argument{'' if number == 1 else 's'}")
        call.evaluator.weigh(*call.arguments())
    try:
        found = function.answer(call)
    except InvalidCall as error:
        raise call.failed(str(error)) from error
    except RequiredError as error:
        raise call.failed(f"has an invalid argument: {error.why}") from error
    except UnknownResult as error:
        return call.doubt(str(error))
    except (ValueError, TypeError, ArithmeticError, LookupError, RecursionError, msgspec.MsgspecError):
        # An unforeseen case does not stop the run: the result is unknown.
        return call.doubt(f"`{call.name}()` is not supported with these arguments")
    if isinstance(found, Items):
        call.evaluator.spend(len(found.items) // ITEMS_A_STEP)
    elif isinstance(found, Fields):
        call.evaluator.spend(len(found.fields) // ITEMS_A_STEP)
    elif isinstance(found, Scalar) and isinstance(found.value, str):
        call.evaluator.spend(len(found.value) // CHARACTERS_A_STEP)
    if call.given is not None and isinstance(found, Unknown | Fields | Items):
        _count_risks(call)
    call.evaluator.track_secrets(call.given or (), found)
    return found


def _count_risks(call: TerraformCallContext) -> None:
    """Count an unknown argument as a risk: Terraform may reject it."""
    for argument in call.given or ():
        if isinstance(argument, Unknown) and not argument.is_set:
            call.terraform.watch.risks += 1
            return


_Collection = TypeVar("_Collection", Items, Fields)


def collection(
    call: TerraformCallContext, argument: Result, expected: str = "a list or map"
) -> Items | Fields | Unknown:
    """Return an argument that has to be a list, set, map or object; Unknown if its content is unknown."""
    one = stands_for_all(argument)
    if one is not None:
        return gather([one], number_of_instances(argument, call.at))
    found = data_of(argument, call.at)
    if not isinstance(found, Items | Fields | Unknown):
        raise InvalidCall(f"expects {expected}")
    return found


def list_argument(call: TerraformCallContext, argument: Result) -> Items | Unknown:
    """Return an argument that has to be a list or set."""
    return _of_kind(call, argument, Items, "a list")


def items_of(call: TerraformCallContext, argument: Result) -> list[Result] | Unknown:
    """Return the items of an argument that has to be a list or set, in any order."""
    found = list_argument(call, argument)
    return found if isinstance(found, Unknown) else found.items


def ordered_list(call: TerraformCallContext, argument: Result) -> Items | Unknown:
    """Return a list in its order; of a set it is not always known."""
    found = list_argument(call, argument)
    if isinstance(found, Items) and found.kind == "set" and not keeps_order(found):
        doubt = doubt_in("the order of the set is unknown", call.at, found)
        return call.pass_through([found], doubt)
    return found


def map_argument(call: TerraformCallContext, argument: Result) -> Fields | Unknown:
    """Return an argument that has to be a map or object."""
    return _of_kind(call, argument, Fields, "a map")


def _of_kind(
    call: TerraformCallContext, argument: Result, kind: type[_Collection], expected: str
) -> _Collection | Unknown:
    found = collection(call, argument, expected)
    if not isinstance(found, kind | Unknown):
        raise InvalidCall(f"expects {expected}")
    return found


def open_of(found: Fields) -> Unknown | None:
    """Return why it is not known which fields a map has; None if it is."""
    doubt = first_present(found.rest, *map(as_optional, found.fields.values()))
    return doubt if isinstance(doubt, Unknown) else None


def limit_items(number: int) -> None:
    """Raise UnknownResult for a list above the limit."""
    if number > MAX_ITEMS:
        raise UnknownResult(f"lists of more than {MAX_ITEMS:,} items are not supported")
