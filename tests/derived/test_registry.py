"""What every derived attribute declares."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.azure.azurerm.table import Field
from azkvlint.derived.registry import READER_LABELS, derived, derived_attributes, labels, reads_of
from azkvlint.engine.required_attributes import required_by
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer

DOCUMENTATION = Path(__file__).parents[2] / "docs/rules-language.md"


def names_in_tables(fields: dict[str, Field]) -> set[str]:
    own = {field.arm.split(".")[1] for field in fields.values() if field.arm.startswith("derived.")}
    return own.union(*(names_in_tables(dict(field.fields)) for field in fields.values()))


def names_in_rules() -> set[str]:
    required = required_by(builtin_rules())
    paths = {str(path[1]) for paths in required.paths.values() for path in paths if path[:1] == ("derived",)}
    return paths | {via.split(".")[1] for via in required.reference_paths if via.startswith("derived.")}


def test_every_attribute_has_a_label() -> None:
    documented = set(re.findall(r"`derived\.([A-Za-z]+)", DOCUMENTATION.read_text(encoding="utf-8")))
    tables = set[str]().union(*(names_in_tables(dict(table.fields)) for table in RESOURCES.values()))
    assert len(documented) > 90
    assert len(tables) > 10
    assert (documented | tables | names_in_rules()) - set(labels()) == set()


def test_every_attribute_is_in_a_table_of_the_documentation() -> None:
    rows = "\n".join(re.findall(r"^\|.*", DOCUMENTATION.read_text(encoding="utf-8"), re.MULTILINE))
    assert set(derived_attributes()) - set(re.findall(r"`derived\.([A-Za-z]+)`", rows)) == set()


@pytest.mark.parametrize("label", labels().values())
def test_labels_are_phrases(label: str) -> None:
    assert 3 < len(label) <= 60
    assert label == label.strip()
    assert re.search(r"derived|[a-z][A-Z]", label) is None


def test_no_attribute_has_two_labels() -> None:
    both = set(READER_LABELS) & set(derived_attributes())
    assert {name for name in both if READER_LABELS[name] != derived_attributes()[name].label} == set()


def test_types_are_in_lower_case() -> None:
    for one in derived_attributes().values():
        read = (type_ for type_, _ in reads_of([f"derived.{one.name}"]))
        assert all(type_ == type_.lower() for type_ in (*one.types, *read))


def test_a_name_is_registered_once() -> None:
    importlib.import_module("azkvlint.derived.entry")

    def compute(resource: Resource, _: object) -> Answer:
        return Absent(at=resource.at)

    with pytest.raises(ValueError, match="registered twice"):
        derived("exposure", of="microsoft.keyvault/vaults", label="network exposure", reads={})(compute)
