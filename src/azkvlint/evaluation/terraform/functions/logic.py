"""Functions on whether an expression fails, and on what is known of it, such as ``try`` and ``can``."""

from __future__ import annotations

from azkvlint.evaluation.terraform.alternatives import one_of_results, tag_pattern
from azkvlint.evaluation.terraform.functions.table import ANY, Call, Function, InvalidCall, Lazy, Parts, items_of
from azkvlint.evaluation.terraform.primitive_types import FailedError, primitive
from azkvlint.evaluation.values import Result, doubt_in, is_sensitive, mark_nonsensitive, mark_sensitive, unknown_in
from azkvlint.model.value import Absent, Scalar, Unknown


def _try(call: Call) -> Result:
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


def _can(call: Call) -> Result:
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


def _sensitive(call: Call, arguments: list[Result]) -> Result:
    call.evaluator.weigh(arguments[0])
    return mark_sensitive(arguments[0])


def _nonsensitive(call: Call, arguments: list[Result]) -> Result:
    call.evaluator.weigh(arguments[0])
    return mark_nonsensitive(arguments[0])


def _is_sensitive(call: Call, arguments: list[Result]) -> Result:
    call.evaluator.weigh(arguments[0])
    found = unknown_in(arguments[0])
    if found is not None and not is_sensitive(arguments[0]):
        return call.unknown(found)
    return Scalar(at=call.at, value=is_sensitive(arguments[0]))


def _as_it_is(call: Call, arguments: list[Result]) -> Result:
    """Return the argument: what is ephemeral is unknown before apply, and all else does not change."""
    return arguments[0]


def _all(call: Call, arguments: list[Result]) -> Result:
    return _decided(call, arguments, neutral=True)


def _any(call: Call, arguments: list[Result]) -> Result:
    return _decided(call, arguments, neutral=False)


def _decided(call: Call, arguments: list[Result], neutral: bool) -> Result:
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


def _only_console(call: Call, arguments: list[Result]) -> Result:
    raise InvalidCall("is available only in `terraform console`")


FUNCTIONS: tuple[Function, ...] = (
    Lazy("try", 1, ANY, _try),
    Lazy("can", 1, 1, _can),
    Parts("sensitive", 1, 1, _sensitive, nulls=True),
    Parts("nonsensitive", 1, 1, _nonsensitive, nulls=True),
    Parts("issensitive", 1, 1, _is_sensitive, nulls=True),
    Parts("ephemeralasnull", 1, 1, _as_it_is, nulls=True),
    Parts("alltrue", 1, 1, _all),
    Parts("anytrue", 1, 1, _any),
    Parts("type", 1, 1, _only_console, nulls=True),
)
