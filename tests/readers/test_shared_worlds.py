"""The worlds of a root share values with its base world: each value is the same as in an evaluation of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from azkvlint.evaluation.reads import NO_INPUTS
from azkvlint.evaluation.traces import ATTRIBUTE, DECLARATION, LOCAL, VALUE
from azkvlint.graph.worlds import Variant
from azkvlint.model.resource import Resource
from azkvlint.readers.deployment.instance import DeploymentInstance
from azkvlint.readers.deployment.worlds import DeploymentWorlds
from azkvlint.readers.modules.run import TemplateRead
from azkvlint.readers.terraform import shared_evaluation
from azkvlint.readers.terraform.blocks import BodyContent
from azkvlint.readers.terraform.module_evaluation import TerraformModuleInstance
from azkvlint.readers.terraform.worlds import TerraformWorlds
from tests.readinputs.law import ARM, BICEP, HCL, LANGUAGES, Unit, content, generate, leaves, read_whole
from tests.worlds.comparison import write
from tests.worlds.generator import make_case

pytestmark = pytest.mark.slow(8)

# Roots of each kind in each language. KVLINT_SHARED_WORLD_SEEDS sets another number, such as 200.
SEEDS = int(os.environ.get("KVLINT_SHARED_WORLD_SEEDS", "15"))
_WORLDS = {HCL: "tf", BICEP: "bicep", ARM: "arm"}


def without_sharing(make: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method that makes a world which shares nothing with other worlds."""

    def call(self: Any, *args: Any) -> Any:
        world = make(self, *args)
        world.root.base = None
        if isinstance(self, TerraformWorlds):
            world.collector.base = None
            world.run.recorder.trace = None
        else:
            world.collector._base = None
        return world

    return call


def read_both(unit: Unit, values: Mapping[str, Any]) -> tuple[TemplateRead, TemplateRead]:
    """Return what is read of a root with and without sharing."""
    shared = read_whole(unit, values)
    with pytest.MonkeyPatch.context() as patch:
        for worlds in (TerraformWorlds, DeploymentWorlds):
            patch.setattr(worlds, "make", without_sharing(worlds.make))
        return shared, read_whole(unit, values)


def units(language: str, folder: Path, seeds: int) -> Iterator[tuple[Unit, Mapping[str, Any]]]:
    """Yield generated roots: those in which inputs decide what exists, and those with values of every kind."""
    for seed in range(seeds):
        if language in _WORLDS:
            case, place = make_case(seed, _WORLDS[language]), folder / f"world-{seed}"
            write(place, case)
            values = {each.name: each.fixed for each in case.fixed()} if language != HCL else {}
            yield Unit(language, place, case.files.get("main.json", ""), []), values
        yield generate(language, seed, folder / f"values-{seed}"), {}


def differences(shared: TemplateRead, apart: TemplateRead) -> list[str]:
    """Return how the variants of two readings differ, value by value."""
    if [signature(each) for each in shared.variants] != [signature(each) for each in apart.variants]:
        return ["the variants differ"]
    result = [] if shared.skipped == apart.skipped else ["the skipped declarations differ"]
    for variant, other in zip(shared.variants, apart.variants, strict=True):
        before, after, text = variant.whole, other.whole, variant.condition.text
        result += [f"{address} differs in existence {text}" for address in sorted(before.keys() ^ after.keys())]
        for address in before.keys() & after.keys():
            result += [f"{address} {name} differs {text}" for name in changed_fields(before[address], after[address])]
    return result


def signature(variant: Variant) -> tuple[object, ...]:
    """Return what a variant is, without its resources."""
    return variant.condition, variant.created, variant.replaced, variant.is_complete


def changed_fields(before: Resource, after: Resource) -> list[str]:
    """Return the attributes, and the other fields, that differ in two evaluations of a resource.

    The location of `each.key` is that of the item, also where the item is another one with the same key.
    """
    if before == after:
        return []
    paths = sorted({*leaves(before.attributes), *leaves(after.attributes)})
    pairs = ((path, before.attributes.select(path), after.attributes.select(path)) for path in paths)
    names = [name for name in before.__struct_fields__ if name != "attributes"]
    return [".".join(path) for path, value, other in pairs if content(value) != content(other)] + [
        name for name in names if content(getattr(before, name)) != content(getattr(after, name))
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_values_are_the_same_with_and_without_sharing(language: str, tmp_path: Path) -> None:
    variants = 0
    for unit, values in units(language, tmp_path, SEEDS):
        shared, apart = read_both(unit, values)
        assert not differences(shared, apart), unit.folder.name
        variants += len(shared.variants)
    assert variants > SEEDS // 3, "few roots have variants, so that the test compares nothing"


@pytest.mark.parametrize("owner", [BodyContent, TerraformModuleInstance, DeploymentInstance])
def test_wrongly_shared_value_is_detected(owner: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unchanged: Callable[..., Any] = owner.unchanged  # type: ignore[attr-defined]  # each of them has it
    monkeypatch.setattr(owner, "unchanged", lambda self, name, changed: unchanged(self, name, NO_INPUTS))  # noqa: ARG005
    language = BICEP if owner is DeploymentInstance else HCL
    assert any(differences(*read_both(unit, values)) for unit, values in units(language, tmp_path, 40))


@pytest.mark.parametrize("source", [VALUE, LOCAL, DECLARATION, ATTRIBUTE])
def test_wrongly_shared_evaluation_is_detected(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    is_same: Callable[..., bool] = shared_evaluation._is_same_here
    monkeypatch.setattr(
        shared_evaluation, "_is_same_here", lambda read, *args: read.source == source or is_same(read, *args)
    )
    assert any(differences(*read_both(unit, values)) for unit, values in units(HCL, tmp_path, 60))
