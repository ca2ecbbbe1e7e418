"""What a function is: a name, the number of its arguments, and the evaluation of a call.

There are four kinds. A ``DataFunction`` works on plain JSON data, so it is unknown once a part of an argument is.
A ``ResultFunction`` function moves results without reading them, so what is unknown in them stays where it is. A
``Lazy`` function chooses which of its arguments are evaluated. An ``DeferredFunction`` one is answered by Azure only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from azkvlint.evaluation.budget import CHARACTERS_A_STEP, ITEMS_A_STEP, MAX_ITEMS, VALUES_A_STEP
from azkvlint.evaluation.operators import Local, Operations
from azkvlint.evaluation.values import (
    Fields,
    Items,
    Partly,
    Result,
    doubt_in,
    is_sensitive,
    partial_list,
    pattern_of,
    plain_of,
    text_of,
    unknown_in,
    with_item,
    wrap,
)
from azkvlint.model.pattern import CallHole, Hole, Pattern, Text, escaped, join_texts, length_of, written_call
from azkvlint.model.value import NOTHING_KNOWN, Absent, Known, Scalar, Unknown
from azkvlint.syntax import ast

ANY = MAX_ITEMS
_SHORT = 1000


class InvalidCall(Exception):
    """Azure rejects the arguments: ``why`` continues after the name of the function and contains no value."""


class UnknownResult(Exception):
    """The result is known to Azure only, for the reason ``why``, a sentence."""


class CallContext:
    """One call, while it is answered. ``given`` are its arguments, once they are evaluated."""

    __slots__ = ("at", "evaluator", "given", "local", "name", "node")

    def __init__(self, name: str, node: ast.Call, local: Local, evaluator: Operations) -> None:
        self.name = name
        self.node = node
        self.local = local
        self.evaluator = evaluator
        self.at = evaluator.place(node)
        self.given: list[Result] | None = None

    def arguments(self) -> list[Result]:
        """Return all arguments, evaluated once."""
        if self.given is None:
            self.given = [self.evaluator.evaluate(argument, self.local) for argument in self.node.arguments]
        return self.given

    def true(self, value: bool) -> Scalar:
        """Return a boolean, as the result of the call."""
        return Scalar(at=self.at, value=value)

    def unknown(self, found: Unknown) -> Unknown:
        """Return the result of a function that decides nothing because of ``found``, a part of its arguments."""
        pattern = None if self.given is None else call_pattern(self.name, self.given)
        sensitive = found.sensitive or any(map(is_sensitive, self.given or ()))
        return Unknown(at=self.at, why=found.why, pattern=pattern, sensitive=sensitive)

    def doubt(self, why: str, *results: Result) -> Unknown:
        """Return Unknown, for the reason that is in ``results``, or for ``why``."""
        self.evaluator.weigh(*results)
        return self.unknown(doubt_in(why, self.at, *results))

    def partial_list(self, items: list[Result], arguments: Sequence[Result], size: Known) -> Unknown:
        """Return an array of a ``size`` of which ``items`` are known, as not all ``arguments`` are."""
        self.evaluator.weigh(*items)
        doubts = [found for found in map(opaque, arguments) if found is not None]
        return partial_list(items, self.unknown(doubts[0]), self.at, size)

    def with_item(self, of: Unknown, item: Result) -> Unknown:
        """Return an array that certainly has an item, which is made of an item of another collection."""
        return with_item(self.unknown(of), item)

    def fails(self, why: str, *results: Result) -> Unknown:
        """Return the result of a call that Azure rejects; if ``results`` are unknown, that is the better reason."""
        return self.doubt(f"`{self.name}()` {why}, so the deployment fails", *results)


class Function(msgspec.Struct, frozen=True):
    """A function by its documented ``name``, with ``least`` to ``most`` arguments.

    ``only`` is ``arm`` or ``bicep`` where the other language has no such function.
    """

    name: str
    least: int
    most: int
    run: Callable[..., Any]
    only: str = ""

    def answer(self, context: CallContext) -> Result:
        """Return the result of a call with a number of arguments that fits."""
        raise NotImplementedError


class Lazy(Function, frozen=True):
    """``run(context)`` chooses which arguments are evaluated."""

    def answer(self, context: CallContext) -> Result:
        """Return the result of a call."""
        found: Result = self.run(context)
        return found


class ResultFunction(Function, frozen=True):
    """``run(context, arguments)`` converts results to one."""

    def answer(self, context: CallContext) -> Result:
        """Return the result of a call."""
        found: Result = self.run(context, context.arguments())
        return found


class DataFunction(Function, frozen=True):
    """``run(*arguments)`` converts plain data to plain data. ``known`` is what is certain of any result."""

    known: Known = NOTHING_KNOWN

    def answer(self, context: CallContext) -> Result:
        """Return the result of a call."""
        arguments = context.arguments()
        plain = []
        for argument in arguments:
            if not isinstance(argument, Scalar | Absent):
                context.evaluator.weigh(argument)
                found = unknown_in(argument)
                if found is not None:
                    # Only JSON text may be null.
                    unknown = context.unknown(found)
                    return msgspec.structs.replace(unknown, given=self.name != "json", known=self.known)
            plain.append(plain_of(argument))
        work = sum(len(item) for item in plain if isinstance(item, str))
        if work > _SHORT:
            context.evaluator.spend(work // CHARACTERS_A_STEP)
        sensitive = any(is_sensitive(argument) for argument in arguments)
        made = self.run(*plain)
        if isinstance(made, dict | list):
            # New values need far more memory than copies. JSON text has one for each few of its characters.
            context.evaluator.spend((len(made) + work) // VALUES_A_STEP)
        return wrap(made, context.at, sensitive)


class DeferredFunction(Function, frozen=True):
    """``run()`` returns why the result is unknown. ``steady``: it is the same whenever the arguments are.

    ``given``: whatever it is, it is not null. ``known`` is what else is certain of any result.
    """

    steady: bool = True
    secret: bool = False
    given: bool = False
    known: Known = NOTHING_KNOWN

    def answer(self, context: CallContext) -> Result:
        """Return the result of a call."""
        pattern = call_pattern(self.name, context.arguments()) if self.steady else None
        return Unknown(
            at=context.at, why=self.run(), pattern=pattern, sensitive=self.secret, given=self.given, known=self.known
        )


def answer(function: Function, context: CallContext) -> Result:
    """Return the result of a call. Raise only InputError, for work above the limits."""
    number = len(context.node.arguments)
    if not function.least <= number <= function.most:
        return context.fails(f"does not accept {number} argument{'' if number == 1 else 's'}")
    try:
        found = function.answer(context)
    except InvalidCall as error:
        return context.fails(str(error))
    except UnknownResult as error:
        return context.doubt(str(error))
    except (ValueError, TypeError, ArithmeticError, LookupError, RecursionError, msgspec.MsgspecError):
        # An unforeseen case does not stop the run: the result is unknown.
        return context.doubt(f"`{context.name}()` is not supported with these arguments")
    context.evaluator.spend(_work(found))
    context.evaluator.track_secrets(context.given or (), found)
    return found


def _work(found: Result) -> int:
    """Return the cost of a result in steps, by its size."""
    match found:
        case Items(items=items) | Partly(items=items):
            return len(items) // ITEMS_A_STEP
        case Scalar(value=str() as text) | Unknown(pattern=Pattern() as text):
            return length_of(text) // CHARACTERS_A_STEP
        case _:
            return 0


def call_pattern(name: str, arguments: Sequence[Result]) -> CallHole | None:
    """Return the pattern of a call; None if that of an argument is not known, or secret."""
    texts = [_argument_text(argument, 0) for argument in arguments]
    known = [text for text in texts if text is not None]
    return written_call(name, known, partial(_arguments, arguments)) if len(known) == len(texts) else None


def _arguments(arguments: Sequence[Result]) -> list[Text]:
    return [_argument(argument) for argument in arguments]


def _argument(argument: Result, is_member: bool = False) -> Text:
    """Return what is known of an argument; an object as the text that describes it."""
    match argument:
        case Items(items=items):
            return join_texts(["[", join_texts([_argument(item, is_member=True) for item in items], ","), "]"])
        case Fields(fields=fields, rest=rest):
            members = [join_texts([_quoted(name), ":", _argument(item, True)]) for name, item in fields.items()]
            members += [] if rest is None else [join_texts(["...", _argument(rest)])]
            return join_texts(["{", join_texts(members, ","), "}"])
    text = pattern_of(argument)
    is_text = not isinstance(text, Hole) and not (isinstance(argument, Scalar) and not isinstance(argument.value, str))
    return join_texts(["'", text, "'"]) if is_member and is_text else text


def _argument_text(argument: Result, depth: int) -> str | None:
    """Return how an argument is written down. Texts are quoted, or ``f('a,b')`` would be the same as ``f('a','b')``."""
    match argument:
        case Absent():
            return "null"
        case Scalar(value=str() as text, sensitive=False) if len(text) <= _SHORT:
            return _quoted(escaped(text))
        case Scalar(value=value, sensitive=False) if not isinstance(value, str):
            return text_of(value)
        case Unknown(pattern=Pattern() as pattern) if len(pattern.text) <= _SHORT:
            return pattern.text if isinstance(pattern, Hole) else _quoted(pattern.text)
        case Items(items=items) if len(items) <= 20 and depth < 5:
            parts = [_argument_text(item, depth + 1) for item in items]
            return None if None in parts else f"[{','.join(part for part in parts if part is not None)}]"
        case Fields(fields=fields, rest=rest) if len(fields) <= 20 and depth < 5:
            parts = [_argument_text(item, depth + 1) for item in fields.values()]
            pairs = [f"{_quoted(name)}:{part}" for name, part in zip(fields, parts, strict=True)]
            if rest is not None:
                parts.append(_argument_text(rest, depth + 1))
                pairs.append(f"...{parts[-1]}")
            return None if None in parts else f"{{{','.join(pairs)}}}"
        case _:
            return None


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def opaque(result: Result) -> Unknown | None:
    """Return the unknown value that ``result`` itself is, whatever its items or fields are; None if it is data."""
    return None if isinstance(result, Scalar | Absent | Items | Fields) else unknown_in(result)
