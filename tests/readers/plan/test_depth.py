"""The nesting of a plan has one limit: the same for each size, each part and each version of Python."""

from __future__ import annotations

import pytest

from azkvlint.readers.plan.document import DUPLICATES_CHECKED_UP_TO, decode_plan
from azkvlint.syntax.json_decoder import MAX_DEPTH
from azkvlint.util.errors import InputError

# Where a value can be in a plan, and the number of levels around it.
PLACES = {
    '{"resource_changes":[],"planned_values":VALUE}': 1,
    '{"resource_changes":[],"configuration":{"root_module":VALUE}}': 2,
    '{"resource_changes":[],"unknown":VALUE}': 1,
    '{"resource_changes":[{"address":"a","type":"b","change":{"after":VALUE}}]}': 4,
    '{"resource_changes":[{"change":VALUE,"type":"b","address":"a"},{"address":"c","type":"b","change":{}}]}': 3,
    '{"resource_changes":null,"deferred_changes":[{"resource_change":VALUE}]}': 3,
    '{"resource_changes":[],"resource_drift":[VALUE]}': 2,
}
# What precedes each nested value in its list: strings with brackets, and with escapes at their end.
BESIDE = ["", '"]",', r'"\"]",', r'"]\\","\"[\"",', r'"\\\\\"]]\n","]\u005d",']
LARGE = DUPLICATES_CHECKED_UP_TO
TOO_DEEP = f"invalid plan: the nesting is deeper than {MAX_DEPTH} levels"


def message(text: str, size: int) -> str:
    """Return the message for a plan of at least ``size`` bytes; an empty string without an error."""
    padding = f'{{"checks":"{"x" * size}",'
    try:
        decode_plan(text.replace("{", padding, 1).encode())
    except InputError as error:
        return error.message
    return ""


@pytest.mark.parametrize("size", [0, LARGE])
@pytest.mark.parametrize("beside", BESIDE)
@pytest.mark.parametrize("place", PLACES)
def test_a_plan_may_have_so_many_levels(place: str, beside: str, size: int) -> None:
    levels = MAX_DEPTH - PLACES[place]
    lists = f"[{beside}" * levels + "0" + "]" * levels
    objects = '{"k":' * (levels - 1) + f"[{beside}0]" + "}" * (levels - 1)
    for deepest in (lists, objects):
        assert message(place.replace("VALUE", deepest), size) == ""
        assert message(place.replace("VALUE", f"[{deepest}]"), size) == TOO_DEEP


@pytest.mark.parametrize("size", [0, LARGE])
@pytest.mark.parametrize("levels", [300, 1_100, 9_000, 100_000])
@pytest.mark.parametrize("end", ["", "]", "}"])
def test_the_depth_is_stated_before_other_faults(end: str, levels: int, size: int) -> None:
    """Some versions of Python decode levels that others refuse, and would state the other fault."""
    for key in ("resource_changes", "root_module"):
        assert message(f'{{"{key}":{"[" * levels}{end * levels}', size) == TOO_DEEP


def test_many_brackets_are_checked_in_time_in_proportion() -> None:
    """As one deep value, and as many that are as deep as allowed."""
    assert message(f'{{"resource_changes":{"[" * LARGE}{"]" * LARGE}}}', 0) == TOO_DEEP
    deep = "[" * 190 + "]" * 190
    assert message(f'{{"resource_changes":[],"planned_values":[{",".join([deep] * 4_000)}]}}', 0) == ""
