"""Dates, durations and changes that the examples of rules cannot show: secrets, odd forms, and what-if results."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from azkvlint.derived.build_graph import build_graph
from azkvlint.derived.rotation import duration
from azkvlint.model.location import Location
from azkvlint.model.resource import RequiredAttributes, Resource
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.readers.terraform.read import read_text
from azkvlint.syntax.attribute_path import parse_path
from tests.readers.whatif.conftest import change, read, vault, what_if

EVERYTHING = RequiredAttributes(paths={}, reference_paths={}, everything=True, today=date(2026, 11, 1))
HERE = Location(path="main.tf")


def secret(text: str) -> Resource:
    found = read_text("main.tf", text, EVERYTHING)
    return build_graph(found.resources, EVERYTHING, found.closed).resources["azurerm_key_vault_secret.s"]


def dated(expiry: str, more: str = "") -> Resource:
    return secret(f'{more}\nresource "azurerm_key_vault_secret" "s" {{\n  expiration_date = {expiry}\n}}')


def days_left(resource: Resource) -> Any:
    found = resource.select(parse_path("derived.daysLeft"))
    return found.value if isinstance(found, Scalar) else found


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("2026-11-02T00:00:00Z", 1),
        ("2026-11-02T00:00:00.5Z", 1),
        ("2026-11-01T23:59:59-02:00", 1),
        ("2026-10-31T23:59:59Z", -1),
        ("0001-01-01T00:00:00Z", -739920),
        ("9999-12-31T23:59:59Z", 2912138),
    ],
)
def test_days_are_whole_and_counted_in_utc(text: str, days: int) -> None:
    assert days_left(dated(f'"{text}"')) == days


def note(resource: Resource, name: str) -> str:
    found = resource.select(parse_path(f"derived.{name}"))
    assert isinstance(found, Scalar)
    return found.note


def test_date_has_a_note() -> None:
    found = dated('"2026-11-02T00:00:00Z"\n  not_before_date = "2026-11-03T00:00:00Z"')
    assert note(found, "daysLeft") == "expires on 2026-11-02 (in 1 day)"
    assert note(found, "validDays") == "valid from 2026-11-03 to 2026-11-02"
    assert note(found, "daysFromNotBefore") == "expires on 2026-11-02, before its not-before date 2026-11-03"
    assert note(found, "activeDays") == "active since 2026-11-03"
    assert note(dated("1793577600000"), "daysLeft").startswith("expires on a date after the year 9999 (in ")


def test_a_sensitive_date_is_not_in_a_note() -> None:
    variable = 'variable "day" {\n  default   = "2026-10-02T00:00:00Z"\n  sensitive = true\n}'
    found = dated('var.day\n  not_before_date = "2026-11-03T00:00:00Z"', variable)
    assert note(found, "daysLeft") == "has expired"
    assert note(found, "daysFromNotBefore") == "expires before its not-before date"


@pytest.mark.parametrize("text", ['"soon"', '"2026-11-02"', '"2026-13-01T00:00:00Z"', "true"])
def test_invalid_date_is_unknown(text: str) -> None:
    assert isinstance(days_left(dated(text)), Unknown)


def test_seconds_and_milliseconds_are_moments() -> None:
    assert days_left(dated("1793577600")) == 1
    assert days_left(dated("1793577600000")) > 20_000_000


def test_sensitive_date_has_no_note() -> None:
    given = 'variable "d" {\n  sensitive = true\n  default   = "2031-05-06T00:00:00Z"\n}'
    resource = dated("var.d", given)
    for path in ("derived.daysLeft", "derived.validDays"):
        found = resource.select(parse_path(path))
        assert isinstance(found, Scalar)
        assert found.sensitive
        assert found.note == ""


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("P7D", 7),
        ("P2W", 14),
        ("PT168H", 7),
        ("P1M", 30.4375),
        ("p1dt12h", 1.5),
        ("P1Y", 365.25),
        ("P12M", 365.25),
        ("P0D", 0),
        ("", None),
    ],
)
def test_duration_is_converted_to_days(text: str, days: float | None) -> None:
    assert duration(Scalar(at=HERE, value=text)) == days


@pytest.mark.parametrize("plain", ["P", "P1DT", "1Y", "P1H", "-P1D", "P\u0661D", "P" + "9" * 50 + "D", 30])
def test_invalid_duration_is_unknown(plain: str | int) -> None:
    assert isinstance(duration(Scalar(at=HERE, value=plain)), Unknown)


def changed_from(before: dict[str, Any], after: dict[str, Any], path: str) -> Any:
    found = read(what_if(change("Modify", vault(**after), vault(**before)))).resource()
    answer = found.select(parse_path(f"derived.changedFrom.properties.{path}"))
    return answer.value if isinstance(answer, Scalar) else None if isinstance(answer, Absent) else answer


def test_previous_value_in_a_what_if_result_is_known() -> None:
    before = {"enablePurgeProtection": True, "softDeleteRetentionInDays": 90, "networkAcls": {"bypass": "None"}}
    after = {"enablePurgeProtection": True, "softDeleteRetentionInDays": 30, "networkAcls": {"bypass": "AzureServices"}}
    assert changed_from(before, after, "softDeleteRetentionInDays") == 90
    assert changed_from(before, after, "networkAcls.bypass") == "None"
    assert changed_from(before, after, "enablePurgeProtection") is None
    # What the deployment does not write, Azure keeps.
    assert changed_from(before, {}, "softDeleteRetentionInDays") is None
    # true is not 1.
    assert changed_from({"x": True}, {"x": 1}, "x") is True
    assert changed_from({"x": [1, {"a": 2}]}, {"x": [1, {"a": 2}]}, "x") is None
