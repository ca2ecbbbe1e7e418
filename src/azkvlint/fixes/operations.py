"""The operations of edits other than setting a value: from a step of a rule to changes of a declaration."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TypeAlias

from azkvlint.azure.azurerm.argument_names import name_as_written
from azkvlint.derived.versions import SUPPORTED_API
from azkvlint.fixes.linked_items import append
from azkvlint.fixes.places import Change, Edits, Target, address_of, api_version_of, around, language_at
from azkvlint.fixes.sensitivity import refuse_sensitive
from azkvlint.fixes.sources import Sources
from azkvlint.model.edit import Code, Refusal
from azkvlint.model.finding import Finding
from azkvlint.model.location import Location
from azkvlint.model.rule import EditStep
from azkvlint.syntax.json_decoder import decode_json
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex

Operation: TypeAlias = Callable[[Finding, EditStep, Target], Iterator[Change]]
_VERSION_IN_URL = regex(r"(/(?:keys|secrets|certificates)/[^/\s'\"\]})]+)/[0-9a-fA-F]{32}")
_VERSION_IN_SETTING = regex(r";SecretVersion=[^;)'\"]*")
_KEY_VAULT = "microsoft.keyvault/"
# The attributes of other resources that name a version, and those that do not, in the order in which they are tried.
_VERSIONLESS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "terraform": (("versioned_id", "id"), ("id", "versionless_id"), ("secret_id", "versionless_secret_id")),
    "bicep": (("keyUriWithVersion", "keyUri"), ("secretUriWithVersion", "secretUri")),
    "arm": (("keyUriWithVersion", "keyUri"), ("secretUriWithVersion", "secretUri")),
}


def names_in_language(target: Target, name: str) -> tuple[str, ...]:
    """Return the steps of an attribute as the language of a declaration names it."""
    steps = tuple(name.split("."))
    if target.language != "terraform" or "/" in target.declared_as:
        return steps
    if target.declared_as.startswith("azapi_"):
        return ("body", *steps) if steps[0] == "properties" else steps
    return tuple(name_as_written(target.declared_as, name).split("."))


def _remove(finding: Finding, step: EditStep, target: Target) -> Iterator[Change]:
    """Yield the changes that remove attributes, wherever a part of them is evidence of the finding."""
    for name in step.names:
        yield partial(_without, finding, target, name)


def _without(finding: Finding, target: Target, name: str, sources: Sources) -> tuple[Edits, str]:
    path = names_in_language(target, name)
    editor = sources.editor(target.path)
    title = f"Remove `{path[-1]}`"
    try:
        edits = editor.remove(target.address, path)
    except Refusal:
        edits = ()
    return edits or _without_part(finding, path[-1], sources), title


def _without_part(finding: Finding, name: str, sources: Sources) -> Edits:
    """Return the edits that remove the attribute or block of a name around the evidence, as in an item of a list."""
    for one in finding.evidence:
        if one.at.pointer is not None and name in one.at.pointer:
            end = len(one.at.pointer) - one.at.pointer[::-1].index(name)
            return sources.editor(one.at.path).remove(one.at.pointer[:end], ())
        found = None if one.at.span is None else around(one.at.span, name, one.at.path, sources.text(one.at.path))
        if found is not None:
            return sources.editor(one.at.path).remove(found, ())
    return ()


def _rename(_: Finding, step: EditStep, target: Target) -> Iterator[Change]:
    """Yield the change that renames an argument."""
    for name in step.names:
        yield partial(_with_name, target, name, str(step.value))


def _with_name(target: Target, name: str, new: str, sources: Sources) -> tuple[Edits, str]:
    return sources.editor(target.path).rename(target.address, (name,), new), f"Rename `{name}` to `{new}`"


# --- versions ---------------------------------------------------------------------------------------------------------


def _api_version(_: Finding, __: EditStep, target: Target) -> Iterator[Change]:
    """Yield the change to the newest API version that is supported and not a preview."""

    def change(sources: Sources) -> tuple[Edits, str]:
        old = api_version_of(target, sources)
        editor = sources.editor(target.path)
        if not target.type.lower().startswith(_KEY_VAULT):
            raise Refusal("needs a decision: choose an API version")
        if old[: len(SUPPORTED_API)] >= SUPPORTED_API:
            return (), ""
        if target.language == "arm":
            edits = editor.replace_text((*target.address, "apiVersion"), old, SUPPORTED_API)
        elif target.language == "bicep":
            edits = editor.replace_text(target.address, f"@{old}", f"@{SUPPORTED_API}")
        else:
            edits = editor.set_value(target.address, ("type",), f"{target.type}@{SUPPORTED_API}")
        return edits, f"Use API version {SUPPORTED_API}"

    yield change


def _versionless(finding: Finding, _: EditStep, __: Target) -> Iterator[Change]:
    """Yield the changes that name a key, secret or certificate without its version."""
    places = {one.at.position_key: one.at for one in finding.evidence if one.at.address in (None, finding.resource)}
    for at in places.values() or (finding.at,):
        yield partial(_without_version, at)


def _without_version(at: Location, sources: Sources) -> tuple[Edits, str]:
    text, editor, address = sources.text(at.path), sources.editor(at.path), address_of(at)
    here = str(sources.value(at.path, at.pointer) or "") if at.pointer is not None else text[slice(*at.span or (0, 0))]
    for pattern in (_VERSION_IN_URL, _VERSION_IN_SETTING):
        match = pattern.search(here)
        if match is not None:
            kept = match[1] if pattern is _VERSION_IN_URL else ""
            return editor.replace_text(address, match[0], kept), "Remove the version from the ID"
    name = here.partition("=")[0].partition(":")[0] if at.pointer is None else str(at.pointer[-1])
    if at.span is not None and not regex(r"[\s\"\w]*[=:]").match(here):  # the value without its name
        name = text[: at.span[0]].rpartition("\n")[2].partition("=")[0]
    name = name.strip(' \t"')
    if name.lower() in ("key_version", "keyversion"):
        return editor.remove(address, ()), f"Remove `{name}`"
    if at.pointer is not None:
        for old, new in _VERSIONLESS["arm"]:
            if old in here:
                return editor.replace_text(address, old, new), f"Use `{new}` instead of `{old}`"
    elif at.span is not None:
        for old, new in _VERSIONLESS[language_at(at)]:
            found = list(regex(rf"[A-Za-z_][\w.\[\]\"'!?:-]*\.{old}(?![\w.\[])").finditer(here))
            if len(found) == 1:
                start, end = (at.span[0] + offset for offset in found[0].span())
                edits = editor.replace_value((start, end), Code(f"{found[0][0].removesuffix(old)}{new}"))
                return edits, f"Use `{new}` instead of `{old}`"
    raise Refusal("the version is not written where it is used")


def _pin(finding: Finding, _: EditStep, target: Target) -> Iterator[Change]:
    """Yield the change that pins a module of a registry to the version that is installed."""

    def change(sources: Sources) -> tuple[Edits, str]:
        version = _installed_version(finding, target, sources)
        edits = sources.editor(target.path).set_value(target.address, ("version",), version)
        return edits, f'Set `version = "{version}"`'

    yield change


def _installed_version(finding: Finding, target: Target, sources: Sources) -> str:
    """Return the version of a module that ``terraform init`` has installed. Raise Refusal."""
    from azkvlint.util.project_files import MAX_FILE, is_file, read_bytes

    folder = target.path.rpartition("/")[0]
    file = sources.real_path(
        f"{folder}/.terraform/modules/modules.json" if folder else ".terraform/modules/modules.json"
    )
    name = finding.resource.removeprefix("module.").replace(".module.", ".")
    if is_file(file):
        try:
            found = decode_json(read_bytes(file, MAX_FILE), dict[str, list[dict[str, object]]])
        except InputError:
            found = {}
        for entry in found.get("Modules", ()):
            version = entry.get("Version")
            if entry.get("Key") == name and isinstance(version, str) and _PLAIN_VERSION.fullmatch(version):
                return version
    raise Refusal("needs a decision: choose a release, or run `terraform init` first")


_PLAIN_VERSION = regex(r"\d+\.\d+\.\d+(?:-[\w.]+)?")


# --- secrets ----------------------------------------------------------------------------------------------------------


def _secure(finding: Finding, _: EditStep, __: Target) -> Iterator[Change]:
    """Yield the change that marks a variable, parameter or output as secret."""

    def change(sources: Sources) -> tuple[Edits, str]:
        at = finding.at
        editor = sources.editor(at.path)
        if at.pointer is not None and at.pointer[-2:-1] not in (("parameters",), ("outputs",)):
            raise Refusal("the value does not come from a parameter")
        if language_at(at) == "terraform":
            edits = editor.set_value(address_of(at), ("sensitive",), True)
            refuse_sensitive(at, sources)
            return edits, "Set `sensitive = true`"
        edits = editor.add_decorator(address_of(at), "secure")
        return edits, "Use a secure type" if at.pointer else "Add `@secure()`"

    yield change


OPERATIONS: Mapping[str, Operation] = {
    "remove": _remove,
    "rename": _rename,
    "api_version": _api_version,
    "versionless": _versionless,
    "pin": _pin,
    "secure": _secure,
    "append": append,
}
