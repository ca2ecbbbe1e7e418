"""The values of a root record which of its inputs they read: a change of any other input changes none of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from azkvlint.evaluation.reads import Bound, ReadRecorder
from azkvlint.readers.bicep.module_evaluation import BicepModuleInstance as BicepInstance
from azkvlint.readers.deployment.modules import ModuleArguments as BicepArguments
from azkvlint.readers.deployment.template_instance import TemplateInstance
from azkvlint.readers.deployment.template_resources import TemplateArguments
from azkvlint.readers.terraform.module_evaluation import CallArguments
from azkvlint.readers.terraform.module_evaluation import TerraformModuleInstance as TerraformInstance
from tests.readinputs.law import (
    ARM,
    BICEP,
    HCL,
    HCL_JSON,
    LANGUAGES,
    Pair,
    generate,
    pairs,
    shares,
    violations,
)

pytestmark = pytest.mark.slow(8)

# Pairs of inputs in each language. KVLINT_READ_PAIRS sets another number, such as 500 for 2,000 pairs in all.
PAIRS = int(os.environ.get("KVLINT_READ_PAIRS", "40"))
_CHANGES = 4
# The mean shares of all inputs that attributes read, and that those read which read any. Measured: 0.06 and 0.19.
_LARGEST_SHARE, _LARGEST_SHARE_OF_READERS = 0.1, 0.26


def made(language: str, folder: Path, number: int, first: int = 0) -> Iterator[Pair]:
    """Yield pairs of readings of generated roots."""
    for seed in range(first, first + number // _CHANGES):
        yield from pairs(generate(language, seed, folder / str(seed)), seed, _CHANGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_change_of_an_input_affects_only_the_attributes_that_read_it(language: str, tmp_path: Path) -> None:
    changed = 0
    for pair in made(language, tmp_path, PAIRS):
        assert not violations(pair), (language, pair.unit.folder.name, pair.changed)
        changed += pair.before.keys() != pair.after.keys() or any(
            pair.before[address].attributes != pair.after[address].attributes for address in pair.before
        )
    assert changed > PAIRS // 3, "most changes have no effect, so that the test compares nothing"


def without_reads(make: Callable[..., Any], if_: Callable[..., bool] = lambda *_: True) -> Callable[..., Any]:
    """Return a method that does the same, but records nothing of what is read in it."""

    def call(self: Any, *args: Any) -> Any:
        recorder = _recorder_of(self)
        if not isinstance(recorder, ReadRecorder) or not if_(self, *args):
            return make(self, *args)
        start = len(recorder.log)
        result = make(self, *args)
        del recorder.log[start:]
        recorder.forget()
        return result

    return call


def _recorder_of(owner: Any) -> object:
    """Return the recorder that an object of a reader records with."""
    if isinstance(owner, Bound | BicepArguments):
        return owner._recorder
    if isinstance(owner, CallArguments):
        return owner.caller.run.recorder
    if isinstance(owner, TemplateArguments):
        return owner.caller.instance.run.recorder
    return owner.run.recorder


def _has(name: str) -> Callable[..., bool]:
    """Return whether a local variable has a member, such as ``each`` a value."""
    return lambda bound: name in getattr(bound.value, "fields", ())


def _is_default(owner: Any, name: str, *_: Any) -> bool:
    """Return whether a variable of a root has no given value."""
    return not owner.prefix and owner.call.given.get(name) is None


def _is_default_of_deployment(owner: Any, node: Any) -> bool:
    return bool(owner.module_call.is_root) and owner.module_call.given.get(node.name) is None


# What is not recorded: the language, the method that reads it, in which cases, and the seed of a root that shows it.
OMISSIONS: Mapping[str, tuple[str, type, str, Callable[..., bool], int]] = {
    "each.value": (HCL, Bound, "evaluate", _has("value"), 4),
    "each.value in JSON": (HCL_JSON, Bound, "evaluate", _has("value"), 4),
    "the item of a loop": (BICEP, Bound, "evaluate", lambda *_: True, 3),
    "count.index": (HCL, Bound, "evaluate", _has("index"), 33),
    "the default of a variable": (HCL, TerraformInstance, "variable", _is_default, 3),
    "the default of a parameter": (ARM, TemplateInstance, "parameter", _is_default_of_deployment, 3),
    "the default of a parameter in Bicep": (BICEP, BicepInstance, "parameter", _is_default_of_deployment, 3),
    "an argument of a module": (HCL, CallArguments, "get", lambda *_: True, 3),
    "an argument of a Bicep module": (BICEP, BicepArguments, "get", lambda *_: True, 1),
    "an argument of a nested deployment": (ARM, TemplateArguments, "get", lambda *_: True, 3),
    "an output of a module": (HCL, TerraformInstance, "output", lambda *_: True, 29),
    "an output of a Bicep module": (BICEP, BicepInstance, "output", lambda *_: True, 19),
    "the scope of a Bicep module": (BICEP, BicepInstance, "record_scope", lambda *_: True, 3),
    "the scope of a nested deployment": (ARM, TemplateInstance, "record_scope", lambda *_: True, 3),
    "an output of a nested deployment": (ARM, TemplateInstance, "output", lambda *_: True, 41),
}


@pytest.mark.parametrize("omission", OMISSIONS)
def test_a_read_that_is_not_recorded_breaks_the_law(
    omission: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    language, owner, method, if_, seed = OMISSIONS[omission]
    monkeypatch.setattr(owner, method, without_reads(getattr(owner, method), if_))
    assert any(map(violations, made(language, tmp_path, 400, seed)))


def test_attributes_read_few_of_the_inputs(tmp_path: Path) -> None:
    every = [pair for language in LANGUAGES for pair in made(language, tmp_path / language, 40)]
    of_attributes = [share for pair in every[::_CHANGES] for share in shares(pair)]
    of_readers = [share for share in of_attributes if share]
    assert sum(of_attributes) / len(of_attributes) < _LARGEST_SHARE
    assert sum(of_readers) / len(of_readers) < _LARGEST_SHARE_OF_READERS
