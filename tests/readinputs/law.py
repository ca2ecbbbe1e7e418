"""Whether a change of an input changes only what has read it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from azkvlint.evaluation.budget import UnitWork
from azkvlint.evaluation.reads import NO_INPUTS, WITHOUT_RECORD, Inputs, ReadRecorder, Recorder
from azkvlint.evaluation.values import wrap
from azkvlint.model.location import Location
from azkvlint.model.resource import RequiredAttributes, Resource
from azkvlint.model.value import MapValue
from azkvlint.readers.bicep.files import BicepRun, ModuleCache
from azkvlint.readers.bicep.read import read_bicep
from azkvlint.readers.deployment.read import read_template
from azkvlint.readers.modules.run import TemplateRead
from azkvlint.readers.terraform import TerraformSettings
from azkvlint.readers.terraform.folder import FolderCache
from azkvlint.readers.terraform.read import read_root
from azkvlint.syntax.json_decoder import JsonDocument
from tests.readinputs import arm, bicep, terraform
from tests.readinputs.expressions import plain_value
from tests.readinputs.modules import Features, Growing, Parameter

_ALL = RequiredAttributes(paths={}, reference_paths={}, everything=True)
HCL, HCL_JSON, BICEP, ARM = "Terraform", "Terraform in JSON", "Bicep", "ARM"
LANGUAGES = (HCL, HCL_JSON, BICEP, ARM)
_FEATURES = {HCL: terraform.FEATURES, HCL_JSON: terraform.FEATURES, BICEP: bicep.FEATURES, ARM: arm.FEATURES}
# What no input of an author has: attributes that are derived, and the provider.
_NOT_READ = ("derived", "provider")


class Unit(NamedTuple):
    """A generated root: ``text`` is a template, all else is in ``folder``."""

    language: str
    folder: Path
    text: str
    parameters: list[Parameter]


def generate(language: str, seed: int, folder: Path) -> Unit:
    """Return a generated root, written below a folder."""
    features: Features = _FEATURES[language]
    growing = Growing(seed, features)
    module = growing.root()
    files: Mapping[str, str] = {}
    text = ""
    match language:
        case "Bicep":
            files = bicep.files_of(module)
            text = files["main.bicep"]
        case "ARM":
            text = json.dumps(arm.Writing(growing.random.random() < 0.6).template(module))
        case _:
            files = terraform.files_of(module, language == HCL_JSON)
    write(folder, files)
    return Unit(language, folder, text, module.parameters)


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write files below a folder."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


def read(unit: Unit, values: Mapping[str, Any], recorder: Recorder = WITHOUT_RECORD) -> Mapping[str, Resource]:
    """Return the resources of a root with these values of its inputs."""
    return read_whole(unit, values, recorder).resources


def read_whole(unit: Unit, values: Mapping[str, Any], recorder: Recorder = WITHOUT_RECORD) -> TemplateRead:
    """Return all that is read of a root with these values of its inputs."""
    at = Location(path="values.json")
    results = {name: wrap(plain, at) for name, plain in values.items()}
    root, work = str(unit.folder), UnitWork(recorder)
    if unit.language == ARM:
        document = JsonDocument(json.loads(unit.text), unit.text)
        load = partial(_linked, unit.folder)
        return read_template("main.json", document, _ALL, results, load, unit=work)
    if unit.language == BICEP:
        file = str(unit.folder / "main.bicep")
        return read_bicep(BicepRun("main.bicep", unit.text, _ALL, ModuleCache(), root, work), file, results)
    words = tuple(f"{name}={plain if isinstance(plain, str) else json.dumps(plain)}" for name, plain in values.items())
    settings = TerraformSettings(variables=words)
    module = read_root(".", root, root, FolderCache(_ALL), settings, unit=work)
    assert module is not None
    return module


def _linked(folder: Path, path: str) -> JsonDocument | None:
    """Return a template in the folder of a root."""
    file = folder / path
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    return JsonDocument(json.loads(text), text) if text else None


def input_name(language: str, parameter: str) -> str:
    """Return how expressions name an input."""
    return f"var.{parameter}" if language in (HCL, HCL_JSON) else parameter


class Pair(NamedTuple):
    """Two readings of a root that differ in the value of one input, with what the first has read."""

    unit: Unit
    recorder: ReadRecorder
    before: Mapping[str, Resource]
    after: Mapping[str, Resource]
    changed: str


def pairs(unit: Unit, seed: int, changes: int) -> Iterator[Pair]:
    """Yield pairs of readings, each with one input changed: another value, or one where there was none, or none."""
    chance = random.Random(seed)  # noqa: S311  # nothing here is secret
    with_defaults = unit.language in (HCL, HCL_JSON)
    given = {
        each.name: plain_value(chance, each.type, with_defaults) for each in unit.parameters if chance.random() < 0.6
    }
    recorder = ReadRecorder()
    before = read(unit, given, recorder)
    for parameter in chance.sample(unit.parameters, min(changes, len(unit.parameters))):
        other = dict(given)
        if parameter.name in given and chance.random() < 0.3:
            del other[parameter.name]
        else:
            other[parameter.name] = _other_value(chance, parameter, given.get(parameter.name, ...), with_defaults)
        yield Pair(unit, recorder, before, read(unit, other), input_name(unit.language, parameter.name))


def _other_value(chance: random.Random, parameter: Parameter, current: Any, with_defaults: bool) -> Any:
    """Return a value that a parameter does not have."""
    while True:
        result = plain_value(chance, parameter.type, with_defaults)
        if result != current:
            return result


def violations(pair: Pair) -> list[str]:
    """Return what has changed although it has not read the input, by its address."""
    result: list[str] = []
    for address, reads in pair.recorder.resources.items():
        resource, other = pair.before.get(address), pair.after.get(address)
        if resource is None or resource.assumption is not None:
            continue
        # The address of a resource without a symbol has its name in it.
        decides = reads.existence | (reads.of(("id",)) if pair.unit.language == ARM else NO_INPUTS)
        is_there = other is not None and other.assumption is None
        if pair.changed not in decides and not (
            is_there and other is not None and other.conditions == resource.conditions
        ):
            result.append(f"{address} exists")
        if other is None or not is_there:
            continue
        for path in sorted({*leaves(resource.attributes), *leaves(other.attributes)}):
            same = content(resource.attributes.select(path)) == content(other.attributes.select(path))
            if not same and pair.changed not in reads.of(path):
                result.append(f"{address} {'.'.join(path)}")
    return result + [f"{address} is new" for address in _unexplained(pair)]


def _unexplained(pair: Pair) -> Iterator[str]:
    """Yield the addresses of new resources whose declaration, and all that are around it, have not read the input."""
    for address, resource in pair.after.items():
        before = pair.before.get(address)
        if resource.assumption is not None or (before is not None and before.assumption is None):
            continue
        if address.startswith(("provider", "output")) or "outputs" in address.split("."):
            continue
        if pair.changed not in _deciding(pair, address, resource):
            yield address


def _deciding(pair: Pair, address: str, resource: Resource) -> Inputs:
    """Return the inputs that the declaration of a resource has read, and those around it."""
    if pair.unit.language == ARM:
        pointer = "/".join(map(str, resource.at.pointer or ()))
        places = (place for place in pair.recorder.declarations if f"main.json#/{pointer}".startswith(place))
        # Its name may be new as well.
        names = (
            pair.recorder.resources[known.address].of(("id",))
            for known in pair.before.values()
            if known.address in pair.recorder.resources and known.at.pointer == resource.at.pointer
        )
        return NO_INPUTS.union(*(pair.recorder.declarations[place] for place in places), *names)
    return NO_INPUTS.union(
        *(
            inputs
            for place, inputs in pair.recorder.declarations.items()
            if address.startswith(place) and address[len(place) :][:1] in ("", "[", ".", ":")
        )
    )


def leaves(value: MapValue, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the paths of the attributes of a resource."""
    for name, inner in value.fields.items():
        if isinstance(inner, MapValue):
            yield from leaves(inner, (*path, name))
        elif path or name not in _NOT_READ:
            yield (*path, name)


def content(value: Any) -> Any:
    """Return a value without its locations."""
    if isinstance(value, Location):
        return None
    if isinstance(value, msgspec.Struct):
        fields = [getattr(value, name) for name in value.__struct_fields__ if name != "at"]
        return type(value).__name__, [content(part) for part in fields]
    if isinstance(value, Mapping):
        return {name: content(item) for name, item in value.items()}
    return [content(item) for item in value] if isinstance(value, list | tuple) else value


def shares(pair: Pair) -> list[float]:
    """Return the share of all inputs that each attribute has read."""
    number = len(pair.unit.parameters)
    return [
        len(pair.recorder.resources[address].of(path)) / number
        for address, resource in pair.before.items()
        if address in pair.recorder.resources
        for path in leaves(resource.attributes)
    ]
