"""The values of parameters as their types declare them."""

from __future__ import annotations

from azkvlint.evaluation.values import Fields, is_sensitive
from azkvlint.model.location import Location
from azkvlint.model.pattern import hole
from azkvlint.model.value import Scalar, Unknown
from azkvlint.readers.deployment.declarations import mark_secret

AT = Location(path="main.bicep")


def test_no_property_of_a_secret_object_is_shown() -> None:
    rest = Unknown(at=AT, why="unknown", pattern=hole("settings"))
    result = mark_secret(Fields(at=AT, fields={"a": Scalar(at=AT, value="x")}, rest=rest))
    assert isinstance(result, Fields)
    for name in ("a", "b"):
        field = result.field(name)
        assert isinstance(field, Scalar | Unknown)
        assert is_sensitive(field)
        assert field.text in ("x", "")
