"""Dates. Source: learn.microsoft.com/azure/azure-resource-manager/templates/template-functions-date."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azkvlint.evaluation.functions.numbers import number
from azkvlint.evaluation.functions.strings import moment, text
from azkvlint.evaluation.functions.table import Data, Function, InvalidCall
from azkvlint.util.lazy_regex import regex

if TYPE_CHECKING:
    from datetime import datetime

_MOMENT = regex(
    r"(\d{4})-?(\d\d)-?(\d\d)(?:[T ](\d\d):?(\d\d)(?::?(\d\d)(?:\.(\d{1,7}))?)?)?\s?(?:Z|([+-])(\d\d):?(\d\d))?"
)
_DURATION = regex(
    r"(-?)P(?=.)(?:(\d{1,5})Y)?(?:(\d{1,6})M)?(?:(\d{1,6})W)?(?:(\d{1,7})D)?"
    r"(?:T(?=.)(?:(\d{1,8})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,7})?)S)?)?"
)
_PLAIN = "yyyy-MM-dd'T'HH:mm:ss'Z'"


def _moment(value: object) -> datetime:
    from datetime import UTC, datetime, timedelta

    match = _MOMENT.fullmatch(text(value))
    if match is None:
        raise InvalidCall("expects a date in ISO 8601 format")
    year, month, day, hour, minute, second = (int(match[group] or 0) for group in range(1, 7))
    micro = int((match[7] or "0").ljust(6, "0")[:6])
    try:
        found = datetime(year, month, day, hour, minute, second, micro, UTC)
        offset = timedelta(hours=int(match[9] or 0), minutes=int(match[10] or 0))
        return found + offset if match[8] == "-" else found - offset
    except (ValueError, OverflowError) as error:
        raise InvalidCall("expects a date that exists") from error


def _add(base: object, duration: object, form: object = _PLAIN) -> str:
    """Convert with a year of 365 days and a month of 30, as Azure documents it."""
    from datetime import timedelta

    match = _DURATION.fullmatch(text(duration))
    if match is None:
        raise InvalidCall("expects a duration in ISO 8601 format")
    years, months, weeks, days, hours, minutes = (int(match[group] or 0) for group in range(2, 8))
    start = _moment(base)
    try:
        whole = 365 * years + 30 * months + 7 * weeks + days
        span = timedelta(days=whole, hours=hours, minutes=minutes, seconds=float(match[8] or 0))
        found = start - span if match[1] else start + span
    except OverflowError as error:
        raise InvalidCall("does not support a date outside the years 1 to 9999") from error
    return moment(found, text(form))


def _to_epoch(value: object) -> int:
    return int(_moment(value).timestamp() // 1)


def _from_epoch(value: object) -> str:
    from datetime import UTC, datetime, timedelta

    try:
        return moment(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=number(value)), _PLAIN)
    except OverflowError as error:
        raise InvalidCall("does not support a date outside the years 1 to 9999") from error


FUNCTIONS: tuple[Function, ...] = (
    Data("dateTimeAdd", 2, 3, _add),
    Data("dateTimeToEpoch", 1, 1, _to_epoch),
    Data("dateTimeFromEpoch", 1, 1, _from_epoch),
)
