"""The index of ids finds the same resources as a comparison with each of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azkvlint.evaluation.budget import PAIRS
from azkvlint.graph.references import Index, may_equal, type_below
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.model.value import MapValue, Scalar, Unknown
from azkvlint.util.errors import InputError
from tests.patterns import CLOSE, OPEN, pattern_of_form

_AT = Location(path="main.tf")
_TYPE = "Microsoft.KeyVault/vaults"


def _vault(number: int, id_: str) -> Resource:
    value = Unknown(at=_AT, why="", pattern=pattern_of_form(id_)) if OPEN in id_ else Scalar(at=_AT, value=id_)
    attributes = MapValue(at=_AT, fields={"id": value})
    return Resource(address=f"v{number}", type=_TYPE, name="kv", attributes=attributes, at=_AT, declared_as=_TYPE)


def _index(ids: list[str]) -> Index:
    vaults = [_vault(number, id_) for number, id_ in enumerate(ids)]
    return Index({vault.address: vault for vault in vaults})


_part = st.sampled_from(["a", "b", f"{OPEN}x{CLOSE}", f"a{OPEN}x{CLOSE}", f"{OPEN}y{CLOSE}b"])
_id = st.builds(
    lambda subscription, group, name: f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{_TYPE}/{name}",
    _part,
    _part,
    _part,
)


@given(st.lists(_id, max_size=8), _id)
def test_candidates_are_all_resources_with_a_possibly_equal_id(ids: list[str], text: str) -> None:
    index = _index(ids)
    certain, _ = index.find(text)
    if certain:
        return
    expected = tuple(f"v{number}" for number, id_ in enumerate(ids) if may_equal(id_.lower(), text.lower()))
    assert index.find_candidates(text) == expected
    assert index.find_candidates(text) == expected, "the second time"


def test_a_reference_is_compared_with_ids_of_the_same_name_only() -> None:
    unknown = f"{OPEN}x{CLOSE}"
    ids = [f"/subscriptions/{unknown}/resourceGroups/g/providers/{_TYPE}/kv{number}" for number in range(100)]
    index = _index(ids)
    assert index.find_candidates(f"/subscriptions/s/resourceGroups/g/providers/{_TYPE}/kv7") == ("v7",)
    assert index.pairs.number == 1


def test_too_many_comparisons_are_an_error() -> None:
    pattern = f"/subscriptions/s/resourceGroups/g/providers/{_TYPE}/{OPEN}x{CLOSE}"
    index = _index([f"{pattern}{number}" for number in range(2000)])
    texts = [f"{pattern}-{number}" for number in range(PAIRS // 1000)]
    with pytest.raises(InputError, match=r"more than 1,\d{3},\d{3} pairs that may refer to each other"):
        list(map(index.find_candidates, texts))


@pytest.mark.parametrize(
    ("start", "text", "type_"),
    [
        ("Microsoft.Web/sites", "/slots/blue", "microsoft.web/sites/slots"),
        ("", "/providers/Microsoft.KeyVault/vaults/kv", "microsoft.keyvault/vaults"),
        ("", "/providers/Microsoft.KeyVault/vaults/kv/secrets/s", "microsoft.keyvault/vaults/secrets"),
        ("Microsoft.Storage/storageAccounts", "/providers/Microsoft.Insights/diagnosticSettings/d",
         "microsoft.insights/diagnosticsettings"),
        ("", "/blobServices/default", ""),
        ("Microsoft.Storage/storageAccounts", "-copy", ""),
        ("Microsoft.Storage/storageAccounts", "/blobServices", ""),
        ("Microsoft.Storage/storageAccounts", "/\u27e8var.service\u27e9/default", ""),
    ],
)  # fmt: skip
def test_the_type_below_a_resource_is_known_from_the_segments_of_its_id(start: str, text: str, type_: str) -> None:
    assert type_below(start, text) == type_
