"""All functions of Terraform by name, with those of times and of logic."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from azkvlint.evaluation.functions.table import call_pattern
from azkvlint.evaluation.operators import Local, Operations
from azkvlint.evaluation.terraform.alternatives import one_of_results, tag_pattern
from azkvlint.evaluation.terraform.functions.collections import FUNCTIONS as COLLECTIONS
from azkvlint.evaluation.terraform.functions.encoding import FILES
from azkvlint.evaluation.terraform.functions.encoding import FUNCTIONS as ENCODING
from azkvlint.evaluation.terraform.functions.numbers import FUNCTIONS as NUMBERS
from azkvlint.evaluation.terraform.functions.numbers import NETWORK
from azkvlint.evaluation.terraform.functions.strings import FUNCTIONS as STRINGS
from azkvlint.evaluation.terraform.functions.table import (
    ANY,
    Function,
    InvalidCall,
    Lazy,
    ModuleEvaluator,
    TerraformCallContext,
    TerraformDataFunction,
    TerraformDeferredFunction,
    TerraformResultFunction,
    UnknownResult,
    answer,
    items_of,
)
from azkvlint.evaluation.terraform.operators import FailedError, primitive
from azkvlint.evaluation.values import (
    BY_RUN,
    Result,
    doubt_in,
    is_sensitive,
    mark_nonsensitive,
    mark_sensitive,
    unknown_in,
)
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.syntax import ast
from azkvlint.util.lazy_regex import regex

if TYPE_CHECKING:
    from datetime import datetime, timedelta

_MOMENT = regex(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII)
_PART = regex(r"(\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})(ns|us|\xb5s|\u03bcs|ms|s|m|h)", re.ASCII)
_UNITS = {
    "ns": 1,
    "us": 10**3,
    "\xb5s": 10**3,
    "\u03bcs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_LONGEST = (1 << 63) - 1
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def _moment(text: str) -> datetime:
    from datetime import UTC, datetime, timedelta, timezone

    match = _MOMENT.fullmatch(text)
    if match is None:
        raise InvalidCall("expects a timestamp in RFC 3339 format")
    if match[7] and match[7].strip("0"):
        raise UnknownResult("timestamps with fractional seconds are not supported")
    try:
        zone = UTC
        if match[8]:
            offset = timedelta(hours=int(match[9]), minutes=int(match[10]))
            zone = timezone(-offset if match[8] == "-" else offset)
        return datetime(*(int(match[group]) for group in range(1, 7)), tzinfo=zone)  # type: ignore[misc,arg-type]  # not tzinfo: six
    except (ValueError, OverflowError) as error:
        raise InvalidCall("expects a timestamp that exists") from error


def _duration(text: str) -> timedelta:
    """Return a duration as Go writes it, such as ``1h30m``. Raise UnknownResult for one that is not a whole number of
    seconds.
    """
    from datetime import timedelta

    sign, rest = (text[0], text[1:]) if text[:1] in ("-", "+") else ("", text)
    if rest == "0":
        return timedelta()
    nanoseconds, end = 0, 0
    while end < len(rest):
        match = _PART.match(rest, end)
        if match is None:
            raise InvalidCall("expects a duration")
        whole, _, fraction = match[1].partition(".")
        unit = _UNITS[match[2]]
        nanoseconds += int(whole or 0) * unit + int(fraction or 0) * unit // 10 ** len(fraction)
        end = match.end()
    if not rest or nanoseconds > _LONGEST:
        raise InvalidCall("expects a duration")
    if nanoseconds % 10**9:
        raise UnknownResult("durations with fractional seconds are not supported")
    found = timedelta(seconds=nanoseconds // 10**9)
    return -found if sign == "-" else found


def _add(text: str, duration: str) -> str:
    start, span = _moment(text), _duration(duration)
    try:
        return _printed(start + span)
    except OverflowError as error:
        raise UnknownResult("timestamps after the year 9999 are not supported") from error


def _printed(moment: datetime) -> str:
    return f"{moment.year:04}-{moment:%m-%dT%H:%M:%S}{_zone(moment, ':', 'Z')}"


def _zone(moment: datetime, colon: str, utc: str) -> str:
    offset = moment.utcoffset()
    minutes = 0 if offset is None else int(offset.total_seconds()) // 60
    if minutes == 0 and utc:
        return utc
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02}{colon}{rest:02}"


def _compared(one: str, other: str) -> int:
    first, second = _moment(one), _moment(other)
    return (first > second) - (first < second)


def _formatted(form: str, text: str) -> str:
    moment = _moment(text)
    found: list[str] = []
    at = 0
    while at < len(form):
        letter = form[at]
        if form.startswith("''", at):
            found.append("'")
            at += 2
            continue
        if letter == "'":
            quoted, at = _quoted(form, at)
            found.append(quoted)
            continue
        end = at
        while end < len(form) and form[end] == letter:
            end += 1
        run = form[at:end]
        found.append(_field(run, moment) if letter.isascii() and letter.isalpha() else run)
        at = end
    return "".join(found)


def _quoted(form: str, start: int) -> tuple[str, int]:
    """Return a text in quotes, in which two quotes are one, and where it ends."""
    found: list[str] = []
    at = start + 1
    while True:
        end = form.find("'", at)
        if end < 0:
            raise InvalidCall("expects a format with balanced quotes")
        found.append(form[at:end])
        if form[end + 1 : end + 2] != "'":
            return "".join(found), end + 1
        found.append("'")
        at = end + 2


def _field(run: str, moment: datetime) -> str:
    month, day = _MONTHS[moment.month - 1], _DAYS[moment.weekday()]
    half = moment.hour % 12 or 12
    noon = "PM" if moment.hour >= 12 else "AM"
    fields = {
        "YYYY": f"{moment.year:04}", "YY": f"{moment.year % 100:02}", "MMMM": month, "MMM": month[:3],
        "MM": f"{moment.month:02}", "M": str(moment.month), "DD": f"{moment.day:02}", "D": str(moment.day),
        "EEEE": day, "EEE": day[:3], "hh": f"{moment.hour:02}", "h": str(moment.hour), "HH": f"{half:02}",
        "H": str(half), "AA": noon, "aa": noon.lower(), "mm": f"{moment.minute:02}", "m": str(moment.minute),
        "ss": f"{moment.second:02}", "s": str(moment.second), "Z": _zone(moment, ":", "Z"),
        "ZZZZ": _zone(moment, "", ""), "ZZZZZ": _zone(moment, ":", ""), "ZZZ": _zone(moment, "", "UTC"),
    }  # fmt: skip
    found = fields.get(run)
    if found is None:
        raise InvalidCall("expects a format with supported letters")
    return found


def _now() -> str:
    return BY_RUN


_TEXTS = ("string", "string")
TIMES: tuple[Function, ...] = (
    TerraformDataFunction("timeadd", 2, 2, _add, kinds=_TEXTS),
    TerraformDataFunction("timecmp", 2, 2, _compared, kinds=_TEXTS),
    TerraformDataFunction("formatdate", 2, 2, _formatted, kinds=_TEXTS),
    TerraformDeferredFunction("timestamp", 0, 0, _now, steady=False),
    TerraformDeferredFunction("plantimestamp", 0, 0, _now),
)


def _try(call: TerraformCallContext) -> Result:
    """Return the first argument that does not fail; one of several where that is not known."""
    watch = call.terraform.watch
    before = watch.risks
    found: list[Result] = []
    doubt: Unknown | None = None
    failed: FailedError | None = None
    for argument in call.node.arguments:
        risks = watch.risks
        try:
            result = call.evaluator.evaluate(argument, call.local)
        except FailedError as error:
            failed = error.with_traceback(None)  # with it, this frame would hold itself
            continue
        found.append(result)
        if watch.risks == risks:
            watch.risks = before
            break
        if doubt is None:
            doubt = doubt_in("the validity of an expression is unknown", call.at, result)
    if not found:
        raise failed if failed is not None else call.failed("expects at least one argument")
    if doubt is None:
        return found[0]
    watch.weigh(found)
    # What is the same by its pattern may yet fail in another way.
    return one_of_results(found, tag_pattern(doubt, ""), watch)


def _can(call: TerraformCallContext) -> Result:
    if len(call.node.arguments) != 1:
        raise call.failed("expects one argument")
    watch = call.terraform.watch
    before = watch.risks
    try:
        result = call.evaluator.evaluate(call.node.arguments[0], call.local)
    except FailedError:
        return call.true(False)
    else:
        if watch.risks == before:
            return call.true(True)
        call.given = [result]
        return call.doubt("the validity of an expression is unknown", result)
    finally:
        watch.risks = before


def _sensitive(call: TerraformCallContext, arguments: list[Result]) -> Result:
    call.evaluator.weigh(arguments[0])
    return mark_sensitive(arguments[0])


def _nonsensitive(call: TerraformCallContext, arguments: list[Result]) -> Result:
    call.evaluator.weigh(arguments[0])
    return mark_nonsensitive(arguments[0])


def _is_sensitive(call: TerraformCallContext, arguments: list[Result]) -> Result:
    call.evaluator.weigh(arguments[0])
    found = unknown_in(arguments[0])
    if found is not None and not is_sensitive(arguments[0]):
        return call.unknown(found)
    return Scalar(at=call.at, value=is_sensitive(arguments[0]))


def _as_it_is(call: TerraformCallContext, arguments: list[Result]) -> Result:
    """Return the argument: what is ephemeral is unknown before apply, and all else does not change."""
    return arguments[0]


def _all(call: TerraformCallContext, arguments: list[Result]) -> Result:
    return _decided(call, arguments, neutral=True)


def _any(call: TerraformCallContext, arguments: list[Result]) -> Result:
    return _decided(call, arguments, neutral=False)


def _decided(call: TerraformCallContext, arguments: list[Result], neutral: bool) -> Result:
    """Return whether all, or any, items are true; null is not."""
    items = items_of(call, arguments[0])
    if isinstance(items, Unknown):
        return call.unknown(items)
    call.evaluator.spend(len(items) // 10)
    flags = [primitive(item, "bool", call.at) for item in items]
    sensitive = any(map(is_sensitive, flags))
    for flag in flags:
        if not isinstance(flag, Unknown) and (isinstance(flag, Scalar) and flag.value is True) is not neutral:
            return Scalar(at=call.at, value=not neutral, sensitive=sensitive)
    doubt = next((flag for flag in flags if not isinstance(flag, Scalar | Absent)), None)
    if doubt is not None:
        return call.doubt("an item is unknown", doubt)
    return Scalar(at=call.at, value=neutral, sensitive=sensitive)


def _only_console(call: TerraformCallContext, arguments: list[Result]) -> Result:
    raise InvalidCall("is available only in `terraform console`")


LOGIC: tuple[Function, ...] = (
    Lazy("try", 1, ANY, _try),
    Lazy("can", 1, 1, _can),
    TerraformResultFunction("sensitive", 1, 1, _sensitive, nulls=True),
    TerraformResultFunction("nonsensitive", 1, 1, _nonsensitive, nulls=True),
    TerraformResultFunction("issensitive", 1, 1, _is_sensitive, nulls=True),
    TerraformResultFunction("ephemeralasnull", 1, 1, _as_it_is, nulls=True),
    TerraformResultFunction("alltrue", 1, 1, _all),
    TerraformResultFunction("anytrue", 1, 1, _any),
    TerraformResultFunction("type", 1, 1, _only_console, nulls=True),
)


_ALL = (
    *COLLECTIONS,
    *ENCODING,
    *FILES,
    *LOGIC,
    *NETWORK,
    *NUMBERS,
    *STRINGS,
    *TIMES,
)
_TABLE: dict[str, Function] = {function.name: function for function in _ALL}
FUNCTION_NAMES: tuple[str, ...] = tuple(sorted(_TABLE))


class TerraformFunctions:
    """The functions of Terraform and OpenTofu, for the evaluator of their expressions."""

    def call(self, node: ast.Call, local: Local, evaluator: Operations, given: list[Result] | None = None) -> Result:
        """Return the result of a call. Raise FailedError where Terraform rejects it.

        ``given`` are its arguments, if they are evaluated already.
        """
        name = node.name.removeprefix("core::")
        terraform: ModuleEvaluator = evaluator  # type: ignore[assignment]  # no other evaluator has these functions
        function = _TABLE.get(name)
        call = TerraformCallContext(name, node, local, terraform)
        call.given = given
        if function is not None:
            return answer(function, call)
        arguments = call.arguments()
        terraform.watch.risks += 1
        pattern = call_pattern(name, arguments) if call.spread is None else None
        # A name that is none of Terraform's may be a word of a secret that is not in quotation marks.
        return Unknown(at=call.at, why="the function is not supported", pattern=pattern)


FUNCTIONS = TerraformFunctions()
