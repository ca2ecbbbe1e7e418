"""What a function is: a name, how many arguments it takes, and how a call of it is answered.

There are four kinds. A ``Data`` function works on plain JSON data, so it is unknown once a part of an argument is.
A ``Parts`` function moves results about without a look into them, so what is unknown in them stays where it is. A
``Lazy`` function chooses which of its arguments are evaluated. An ``Unknowable`` one is answered by Azure only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from azkvlint.evaluation.operations import Local, Operations
from azkvlint.evaluation.values import (
    CHARACTERS_A_STEP,
    CLOSE,
    ITEMS_A_STEP,
    MAX_ITEMS,
    OPEN,
    VALUES_A_STEP,
    Fields,
    Items,
    Partly,
    Result,
    doubt_in,
    hole,
    is_sensitive,
    partly,
    pieces,
    plain_of,
    text_of,
    unknown_in,
    wrapped,
)
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.syntax import ast

ANY = MAX_ITEMS
_SHORT = 1000


class InvalidCall(Exception):
    """Arguments that Azure refuses: ``why`` goes on from the name of the function. It holds no value of theirs."""


class UnknownResult(Exception):
    """A result that nobody but Azure knows, for the reason ``why``, a sentence."""


class Context:
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
        """All arguments, evaluated once."""
        if self.given is None:
            self.given = [self.evaluator.evaluate(argument, self.local) for argument in self.node.arguments]
        return self.given

    def true(self, value: bool) -> Scalar:
        """A boolean, as the result of the call."""
        return Scalar(at=self.at, value=value)

    def unknown(self, found: Unknown) -> Unknown:
        """The result of a function that decides nothing because of ``found``, a part of its arguments."""
        pattern = "" if self.given is None else call_pattern(self.name, self.given)
        sensitive = found.sensitive or any(map(is_sensitive, self.given or ()))
        return Unknown(at=self.at, why=found.why, pattern=pattern, sensitive=sensitive)

    def doubt(self, why: str, *results: Result) -> Unknown:
        """Unknown, for the reason that is in ``results``, or for ``why``."""
        self.evaluator.weigh(*results)
        return self.unknown(doubt_in(why, self.at, *results))

    def partly(self, items: list[Result], arguments: Sequence[Result]) -> Unknown:
        """An array of which ``items`` are known, as not all ``arguments`` are."""
        self.evaluator.weigh(*items)
        doubts = [found for found in map(opaque, arguments) if found is not None]
        return partly(items, self.unknown(doubts[0]), self.at)

    def fails(self, why: str, *results: Result) -> Unknown:
        """The result of a call that Azure refuses; if ``results`` are unknown, that is the better reason."""
        return self.doubt(f"'{self.name}' {why}, so the deployment fails", *results)


class Function(msgspec.Struct, frozen=True):
    """A function by the ``name`` that its documentation gives it. It takes ``least`` to ``most`` arguments.

    ``only`` is ``arm`` or ``bicep`` where the other language has no such function.
    """

    name: str
    least: int
    most: int
    run: Callable[..., Any]
    only: str = ""

    def answer(self, context: Context) -> Result:
        """The result of a call with a number of arguments that fits."""
        raise NotImplementedError


class Lazy(Function, frozen=True):
    """``run(context)`` evaluates what it wants to."""

    def answer(self, context: Context) -> Result:
        """See the class."""
        found: Result = self.run(context)
        return found


class Parts(Function, frozen=True):
    """``run(context, arguments)`` is given results and gives one."""

    def answer(self, context: Context) -> Result:
        """See the class."""
        found: Result = self.run(context, context.arguments())
        return found


class Data(Function, frozen=True):
    """``run(*arguments)`` is given plain data and gives some."""

    def answer(self, context: Context) -> Result:
        """See the class."""
        arguments = context.arguments()
        plain = []
        for argument in arguments:
            if not isinstance(argument, Scalar | Absent):
                context.evaluator.weigh(argument)
                found = unknown_in(argument)
                if found is not None:
                    # Only JSON text may amount to null.
                    return msgspec.structs.replace(context.unknown(found), given=self.name != "json")
            plain.append(plain_of(argument))
        work = sum(len(item) for item in plain if isinstance(item, str))
        if work > _SHORT:
            context.evaluator.spend(work // CHARACTERS_A_STEP)
        sensitive = any(is_sensitive(argument) for argument in arguments)
        made = self.run(*plain)
        if isinstance(made, dict | list):
            # New values take far more memory than copies. JSON text has one for each few of its characters.
            context.evaluator.spend((len(made) + work) // VALUES_A_STEP)
        return wrapped(made, context.at, sensitive)


class Unknowable(Function, frozen=True):
    """``run()`` says why nobody knows the result. ``steady``: it is the same whenever the arguments are.

    ``given``: whatever it is, it is not null.
    """

    steady: bool = True
    secret: bool = False
    given: bool = False

    def answer(self, context: Context) -> Result:
        """See the class."""
        pattern = call_pattern(self.name, context.arguments()) if self.steady else ""
        return Unknown(at=context.at, why=self.run(), pattern=pattern, sensitive=self.secret, given=self.given)


def answer(function: Function, context: Context) -> Result:
    """The result of a call. Raises nothing but InputError, for what asks for too much."""
    number = len(context.node.arguments)
    if not function.least <= number <= function.most:
        return context.fails(f"was given {number} argument{'' if number == 1 else 's'}")
    try:
        found = function.answer(context)
    except InvalidCall as error:
        return context.fails(str(error))
    except UnknownResult as error:
        return context.doubt(str(error))
    except (ValueError, TypeError, ArithmeticError, LookupError, RecursionError, msgspec.MsgspecError):
        # A case that nobody thought of is no reason to stop: what Azure makes of it is not known.
        return context.doubt(f"what '{context.name}' makes of its arguments is not known")
    context.evaluator.spend(_work(found))
    context.evaluator.made_of(context.given or (), found)
    return found


def _work(found: Result) -> int:
    """The steps that making a result is worth, as far as its size tells."""
    match found:
        case Items(items=items) | Partly(items=items):
            return len(items) // ITEMS_A_STEP
        case Scalar(value=str() as text) | Unknown(pattern=text):
            return len(text) // CHARACTERS_A_STEP
        case _:
            return 0


def call_pattern(name: str, arguments: Sequence[Result]) -> str:
    """The pattern of a call; empty if that of an argument is not known, or secret."""
    parts = [_argument_pattern(argument, 0) for argument in arguments]
    known = [part for part in parts if part is not None]
    return hole(f"{name}({','.join(known)})") if len(known) == len(parts) else ""


def _argument_pattern(argument: Result, depth: int) -> str | None:
    """How an argument is written down. Texts are quoted, or ``f('a,b')`` would be the same as ``f('a','b')``."""
    match argument:
        case Absent():
            return "null"
        case Scalar(value=str() as text, sensitive=False) if len(text) <= _SHORT:
            return _quoted(text.replace(OPEN, "(").replace(CLOSE, ")"))
        case Scalar(value=value, sensitive=False) if not isinstance(value, str):
            return text_of(value)
        case Unknown(pattern=pattern) if pattern and len(pattern) <= _SHORT:
            return pattern if is_hole(pattern) else _quoted(pattern)
        case Items(items=items) if len(items) <= 20 and depth < 5:
            parts = [_argument_pattern(item, depth + 1) for item in items]
            return None if None in parts else f"[{','.join(part for part in parts if part is not None)}]"
        case Fields(fields=fields, rest=None) if len(fields) <= 20 and depth < 5:
            parts = [_argument_pattern(item, depth + 1) for item in fields.values()]
            pairs = [f"{_quoted(name)}:{part}" for name, part in zip(fields, parts, strict=True)]
            return None if None in parts else f"{{{','.join(pairs)}}}"
        case _:
            return None


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def is_hole(pattern: str) -> bool:
    """Whether nothing at all is known of a text."""
    found = next(pieces(pattern), None)
    return found == (pattern, True)


def opaque(result: Result) -> Unknown | None:
    """Why nothing can be said of ``result`` itself, whatever its items or fields are; None if it is data."""
    return None if isinstance(result, Scalar | Absent | Items | Fields) else unknown_in(result)
