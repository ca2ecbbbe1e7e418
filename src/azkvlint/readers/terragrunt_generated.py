"""Files that a Terragrunt unit generates in its module, and values that it passes to Terraform as options.

Source: docs.terragrunt.com/reference/hcl/blocks (``generate``, ``extra_arguments``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from azkvlint.evaluation.values import Fields, Items, Result
from azkvlint.model.location import Location
from azkvlint.model.value import Scalar, Unknown
from azkvlint.readers.discover import is_module_file
from azkvlint.readers.terraform.folder import parse_text
from azkvlint.readers.terragrunt_configuration import TerragruntConfiguration, TerragruntUnit
from azkvlint.syntax.hcl.parse import Block
from azkvlint.util.errors import InputError

_VARIABLE = "TF_VAR_"


def configurations_of(unit: TerragruntUnit) -> Iterator[TerragruntConfiguration]:
    """Yield the configuration files of a unit, the included ones first."""
    yield from (one.configuration for one in unit.includes if one.configuration is not None)
    yield unit.main


def report_generated(unit: TerragruntUnit, is_relevant: Callable[[str], bool]) -> None:
    """Report files of a module that a unit generates, if they declare what rules are about: they are not evaluated."""
    for configuration in configurations_of(unit):
        for label, path, contents, at in _generated(configuration):
            name = path.value.replace("\\", "/") if isinstance(path, Scalar) and isinstance(path.value, str) else ""
            if name and not is_module_file(name.rpartition("/")[2]):
                continue
            if not isinstance(contents, Scalar) or not isinstance(contents.value, str):
                if not _may_declare(unit, at):
                    continue
                why = f": {contents.why}" if isinstance(contents, Unknown) else ""
                unit.report("note", f"the file that `{label}` generates is unknown, so it was not evaluated{why}", at)
                continue
            try:
                parsed = parse_text(name or "x.tf", contents.value)
                fault = parsed.faults[0].message if parsed.faults else ""
                types = {found for block in parsed.body.blocks for found in _types(block)}
            except InputError as error:
                fault, types = error.message, set()
            if fault:
                unit.report("error", f"the file that `{label}` generates cannot be read: {fault}", at)
            elif "module" in types or any(map(is_relevant, types)):
                text = f"the file that `{label}` generates declares resources or modules, which were not evaluated"
                unit.report("error", text, at)


def _may_declare(unit: TerragruntUnit, at: Location) -> bool:
    """Return whether unknown contents may declare a resource or a module: a provider with an unknown value does not."""
    file = unit.files.get(at.path)
    written = file.parsed.text[at.span[0] : at.span[1]] if file is not None and at.span is not None else ""
    return "<<" not in written or "resource" in written or "module" in written


def _types(block: Block) -> Iterator[str]:
    """Yield the type of a resource, or the word for a module."""
    if block.type == "resource" and block.labels:
        yield block.labels[0]
    elif block.type == "module":
        yield block.type


def _generated(configuration: TerragruntConfiguration) -> Iterator[tuple[str, Result | None, Result | None, Location]]:
    """Yield name, path and contents of each file that a configuration generates."""
    for block in configuration.blocks("generate"):
        found = {name: configuration.evaluate(one) for name, one in block.body.attributes.items()}
        written, label = block.body.attributes.get("contents"), block.labels[0] if block.labels else "generate"
        at = configuration.where(written) if written is not None else configuration.head(block)
        if not _is_off(found.get("disable")):
            yield label, found.get("path"), found.get("contents"), at
    attribute = configuration.body.attributes.get("generate")
    value = configuration.evaluate(attribute) if attribute is not None else None
    if attribute is None or value is None:
        return
    at = configuration.where(attribute)
    if not isinstance(value, Fields):
        yield "generate", None, value, at
        return
    for label, one in value.fields.items():
        if isinstance(one, Fields) and not _is_off(one.fields.get("disable")):
            yield label, one.fields.get("path"), one.fields.get("contents"), at


def _is_off(value: Result | None) -> bool:
    return isinstance(value, Scalar) and value.value is True


def passed_words(unit: TerragruntUnit) -> Iterator[tuple[str, str]]:
    """Yield what ``extra_arguments`` pass to Terraform: an option with its value, or ``env`` with ``NAME=VALUE``."""
    for configuration in configurations_of(unit):
        for terraform in configuration.blocks("terraform"):
            for block in terraform.body.blocks:
                if block.type == "extra_arguments":
                    yield from _environment(configuration, block)
                    yield from _options(configuration, block)


def _options(configuration: TerragruntConfiguration, block: Block) -> Iterator[tuple[str, str]]:
    piece = block.body.attributes.get("arguments")
    value = configuration.evaluate(piece) if piece is not None else None
    option = ""
    for item in value.items if isinstance(value, Items) else ():
        word = item.value if isinstance(item, Scalar) and isinstance(item.value, str) else ""
        name, sign, rest = word.partition("=")
        name = name.removeprefix("-")
        if option:
            yield option, word
            option = ""
        elif name in ("-var", "var", "-var-file", "var-file"):
            option = "" if sign else name.removeprefix("-")
            if sign:
                yield name.removeprefix("-"), rest


def _environment(configuration: TerragruntConfiguration, block: Block) -> Iterator[tuple[str, str]]:
    piece = block.body.attributes.get("env_vars")
    value = configuration.evaluate(piece) if piece is not None else None
    for name, item in value.fields.items() if isinstance(value, Fields) else ():
        if name.startswith(_VARIABLE) and isinstance(item, Scalar) and isinstance(item.value, (str, bool, int)):
            word = str(item.value).lower() if isinstance(item.value, bool) else str(item.value)
            yield "env", f"{name.removeprefix(_VARIABLE)}={word}"
