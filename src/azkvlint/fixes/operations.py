"""The operations of edits other than setting a value: from a step of a rule to changes of a declaration."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import TypeAlias

from azkvlint.azure.azurerm.arguments import name_as_written
from azkvlint.derived.versions import SUPPORTED_API
from azkvlint.fixes.api_version_reads import also_read
from azkvlint.fixes.azapi_releases import refuse_unknown_version
from azkvlint.fixes.places import (
    Change,
    Edits,
    FixTarget,
    address_of,
    api_version_of,
    around,
    joined,
    language_at,
    refuse_deployment,
)
from azkvlint.fixes.provider_constraints import with_constraint
from azkvlint.fixes.repetition import may_repeat
from azkvlint.fixes.sensitive import body_of, refuse_sensitive
from azkvlint.fixes.sources import Sources
from azkvlint.fixes.steps import Steps
from azkvlint.model.finding import Finding
from azkvlint.model.fix import Address, Code, Literal, Refusal
from azkvlint.model.location import Location
from azkvlint.model.rule import EditStep
from azkvlint.syntax import ast
from azkvlint.syntax.json_decoder import decode_json
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex

Operation: TypeAlias = Callable[[Finding, EditStep, FixTarget], Iterator[Change]]
_VERSION_IN_URL = regex(r"(/(?:keys|secrets|certificates)/[^/\s'\"\]})]+)/[0-9A-Za-z]++(?![\w./$%{-])")
# The version of a resource, in a string that Terraform composes.
_VERSION_IN_TEMPLATE = regex(
    r"""\b(?:keys|secrets|certificates)/(?:\$\{[^{}]*\}|[^/\s'"$})]+)(?P<part>/\$\{[^{}\s?]*\.version\})"""
    r"""|(?P<setting>;SecretVersion=\$\{[^{}\s?]*\})"""
)
_NAMED = regex(r'(?:"[^"]*"|[\w-]+)\s*[=:]\s*')
_VERSION_IN_SETTING = regex(r";SecretVersion=[^;)'\"]*")
_KEY_VAULT = "microsoft.keyvault/"
# The attributes of other resources that name a version, and those that do not, in the order in which they are tried.
_VERSIONLESS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "terraform": (("versioned_id", "id"), ("id", "versionless_id"), ("secret_id", "versionless_secret_id")),
    "bicep": (("keyUriWithVersion", "keyUri"), ("secretUriWithVersion", "secretUri")),
    "arm": (("keyUriWithVersion", "keyUri"), ("secretUriWithVersion", "secretUri")),
}
_IN_TERRAFORM = regex(r"\b([a-z]\w*)\.([\w-]+)(\[[^\]\n]{0,99}\])?\.id\b")
_IN_BICEP = regex(r"\b(\w+)\.id\b")
# Services that take the newest version, but not in this resource. Source: terraform-provider-azurerm 5.2.0,
# internal/services/datafactory/data_factory_customer_managed_key_resource.go (VersionTypeVersioned).
_WITH_VERSION = frozenset({"azurerm_data_factory_customer_managed_key"})
_ELSEWHERE = "the other resource is not declared beside it"


def names_in_language(target: FixTarget, name: str) -> tuple[str, ...]:
    """Return the steps of an attribute as the language of a declaration names it."""
    steps = tuple(name.split("."))
    if target.language != "terraform" or "/" in target.declared_as:
        return steps
    if target.declared_as.startswith("azapi_"):
        return ("body", *steps) if steps[0] == "properties" else steps
    return tuple(name_as_written(target.declared_as, name).split("."))


def _remove(finding: Finding, step: EditStep, target: FixTarget) -> Iterator[Change]:
    """Yield the changes that remove attributes, wherever a part of them is evidence of the finding."""
    for name in step.names:
        yield partial(_without, finding, target, name)


def _without(finding: Finding, target: FixTarget, name: str, sources: Sources) -> tuple[Edits, str]:
    path = names_in_language(target, name)
    if target.language == "terraform":
        sources.checkout.refuse_readers_of_argument(target.declared_as, path[-1])
    title = f"Remove `{path[-1]}`"
    edits = _without_parts(finding, path[-1], sources)
    if edits:
        return edits, title
    try:
        return sources.editor(target.path).remove(target.address, path), title
    except Refusal:
        return (), title


def _without_parts(finding: Finding, name: str, sources: Sources) -> Edits:
    """Return the edits that remove each attribute or block of a name around the evidence, as in the items of lists."""
    places: dict[tuple[str, Address], None] = {}
    for at in (one.at for one in finding.evidence):
        found: Address | None = None
        if at.pointer is not None and name in at.pointer:
            found = at.pointer[: len(at.pointer) - at.pointer[::-1].index(name)]
        elif at.pointer is None and at.span is not None:
            found = around(at.span, name, at.path, sources.text(at.path))
        if found is not None:
            places[at.path, found] = None
    steps = Steps(sources)
    # Removals move what follows them, so the last one is the first.
    for path, address in sorted(places, key=lambda place: (place[0], sources.editor(place[0]).span(place[1])))[::-1]:
        steps.add(steps.now.editor(path).remove(address, ()))
    return steps.edits


def _rename(_: Finding, step: EditStep, target: FixTarget) -> Iterator[Change]:
    """Yield the change that renames an argument."""
    for name in step.names:
        yield partial(_with_name, target, name, str(step.value))


def _with_name(target: FixTarget, name: str, new: str, sources: Sources) -> tuple[Edits, str]:
    sources.checkout.refuse_readers_of_argument(target.declared_as, name)
    return sources.editor(target.path).rename(target.address, (name,), new), f"Rename `{name}` to `{new}`"


def _api_version(_: Finding, __: EditStep, target: FixTarget) -> Iterator[Change]:
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
            refuse_unknown_version(target, SUPPORTED_API, sources)
            edits = editor.set_value(target.address, ("type",), f"{target.type}@{SUPPORTED_API}")
        others = also_read(target.path, sources.text(target.path), SUPPORTED_API)
        return edits, f"Use API version {SUPPORTED_API}{f' ({others})' if others else ''}"

    yield change


def _versionless(finding: Finding, _: EditStep, __: FixTarget) -> Iterator[Change]:
    """Yield the changes that name a key, secret or certificate without its version."""
    if finding.declared_as in _WITH_VERSION:
        raise Refusal(f"`{finding.declared_as}` requires a version")
    places = {one.at.position_key: one.at for one in finding.evidence if one.at.address in (None, finding.resource)}
    reader = (finding.resource_at or finding.at).path
    if len(places) > 1:
        yield partial(_without_versions, tuple(places.values()), reader)
    for at in places.values() or (finding.at,):
        yield partial(_without_version, at, reader)


def _without_versions(places: Collection[Location], reader: str, sources: Sources) -> tuple[Edits, str]:
    """Return the edits that remove the versions at several places."""
    steps, titles = Steps(sources), list[str]()
    # Edits move what follows them, so the last one is the first.
    for at in sorted(places, key=lambda at: (at.path, at.span or (0, 0)), reverse=True):
        edits, title = _without_version(at, reader, steps.now)
        steps.add(edits)
        titles.append(title)
    return steps.edits, joined(titles[::-1])


def _without_version(at: Location, reader: str, sources: Sources) -> tuple[Edits, str]:
    """Return the edits that remove the version at a place from what the resource in the file ``reader`` uses."""
    text, editor, address = sources.text(at.path), sources.editor(at.path), address_of(at)
    here = str(sources.value(at.path, at.pointer) or "") if at.pointer is not None else text[slice(*at.span or (0, 0))]
    title = "Remove the version from the ID"
    match = _VERSION_IN_TEMPLATE.search(here)
    if match is not None and at.span is not None:
        start, end = match.span("part" if match["setting"] is None else "setting")
        name_end = 0 if (named := _NAMED.match(here)) is None else named.end()
        code = Code(f"{here[name_end:start]}{here[end:]}")
        return editor.replace_value((at.span[0] + name_end, at.span[1]), code), title
    for pattern in (_VERSION_IN_URL, _VERSION_IN_SETTING):
        match = pattern.search(here)
        if match is not None:
            kept = match[1] if pattern is _VERSION_IN_URL else ""
            return editor.replace_text(address, match[0], kept), title
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
    raise Refusal(f"the ID comes from an object or a calculation: use a versionless ID in `{reader}`")


def _pin(finding: Finding, _: EditStep, target: FixTarget) -> Iterator[Change]:
    """Yield the change that pins a module of a registry to the version that is installed."""

    def change(sources: Sources) -> tuple[Edits, str]:
        version = _installed_version(finding, target, sources)
        edits = sources.editor(target.path).set_value(target.address, ("version",), version)
        return edits, f'Set `version = "{version}"`'

    yield change


def _installed_version(finding: Finding, target: FixTarget, sources: Sources) -> str:
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


def _secure(finding: Finding, _: EditStep, __: FixTarget) -> Iterator[Change]:
    """Yield the change that marks a variable, parameter or output as secret."""

    def change(sources: Sources) -> tuple[Edits, str]:
        at = finding.at
        editor = sources.editor(at.path)
        if at.pointer is not None and at.pointer[-2:-1] not in (("parameters",), ("outputs",)):
            raise Refusal("the value does not come from a parameter")
        if language_at(at) == "terraform":
            refuse_deployment(at.path, address_of(at), sources)
            edits = editor.set_value(address_of(at), ("sensitive",), True)
            refuse_sensitive(at, sources)
            return edits, "Set `sensitive = true`"
        output = _output_at(at, sources)
        if output:
            sources.checkout.refuse_output_readers(output)
        edits = editor.add_decorator(address_of(at), "secure")
        return edits, "Use a secure type" if at.pointer else "Add `@secure()`"

    yield change


def _output_at(at: Location, sources: Sources) -> str:
    """Return the name of the output that is declared at a place in a Bicep file or template; empty if none is."""
    if at.pointer is not None:
        return str(at.pointer[-1]) if at.pointer[-2:-1] == ("outputs",) else ""
    from azkvlint.syntax.bicep.parse import parse

    start = (at.span or (-1, -1))[0]
    declared = (one for one in parse(sources.text(at.path)).declarations if one.start <= start < one.end)
    return next((one.name for one in declared if isinstance(one, ast.OutputDeclaration)), "")


def _append(finding: Finding, step: EditStep, _: FixTarget) -> Iterator[Change]:
    """Yield the change that adds the item to the lists of a step, in each resource that the evidence refers to."""
    yield partial(_added, finding, step)


def _added(finding: Finding, step: EditStep, sources: Sources) -> tuple[Edits, str]:
    steps = Steps(sources)
    is_bicep = finding.at.path.lower().endswith(".bicep")
    name = step.names[-1 if is_bicep else 0].rpartition(".")[2]
    places = {one.at.position_key: one.at for one in finding.evidence}
    for at in sorted(places.values(), key=lambda at: (at.path, at.span or (0, 0)), reverse=True):
        add = _in_bicep if is_bicep else _in_terraform
        steps.add(add(at, step.names, step.value, steps.now))
    item = step.value if isinstance(step.value, str) else next(iter(step.value.values()))
    return steps.edits, f"Add `{item}` to `{name}`"


def _in_terraform(at: Location, names: tuple[str, ...], item: Mapping[str, Literal], sources: Sources) -> Edits:
    """Return the edits of an azurerm resource: of its list of strings, or another block."""
    match = None if at.span is None else _IN_TERRAFORM.search(sources.text(at.path)[slice(*at.span)])
    for file in sources.module_files(at.path) if match is not None else ():
        if match is None or file.endswith(".json"):
            continue
        for block in body_of(file, sources.text(file)).blocks:
            if (block.type, *block.labels) != ("resource", match[1], match[2]):
                continue
            if match[3] != "[*]" and may_repeat(block):
                raise Refusal(f"needs a decision: the change is one of all instances of `{match[1]}.{match[2]}`")
            address, editor = (block.start, block.head), sources.editor(file)
            listed, repeated = names[0], names[0].removesuffix("s")
            if any(inner.type == repeated for inner in block.body.blocks):
                return editor.add_block(address, repeated, item)
            attribute = block.body.attributes.get(listed)
            if attribute is None:
                raise Refusal(f"needs a decision: the version of azurerm decides between {listed} and {repeated}")
            items = _strings(attribute.expression())
            if items is None:
                added = " and ".join(f"`{one}`" for one in item.values())
                raise Refusal(f"`{listed}` of `{match[1]}.{match[2]}` is computed, and has to contain {added}")
            return editor.set_value(address, (listed,), [*items, *item.values()])
    raise Refusal(_ELSEWHERE)


def _strings(node: ast.Expression | None) -> list[str] | None:
    """Return the strings of a list; None if it has other items."""
    items = [one.value for one in node.items if isinstance(one, ast.Literal)] if isinstance(node, ast.Array) else None
    is_complete = isinstance(node, ast.Array) and items is not None and len(items) == len(node.items)
    return [str(one) for one in items or ()] if is_complete and all(type(one) is str for one in items or ()) else None


def _in_bicep(at: Location, names: tuple[str, ...], item: Mapping[str, Literal], sources: Sources) -> Edits:
    """Return the edits of a resource of the same Bicep file."""
    from azkvlint.syntax.bicep.parse import parse

    text = sources.text(at.path)
    match = None if at.span is None else _IN_BICEP.search(text[slice(*at.span)])
    for node in parse(text).declarations if match is not None else ():
        if match is None or not isinstance(node, ast.ResourceDeclaration) or node.name != match[1] or node.existing:
            continue
        editor, path = sources.editor(at.path), tuple(names[-1].split("."))
        properties = node.body.members if isinstance(node.body, ast.Object) else ()
        outer = next((one for one in properties if isinstance(one, ast.Property) and one.key == path[0]), None)
        inner = outer.value.members if outer is not None and isinstance(outer.value, ast.Object) else ()
        if outer is not None and any(isinstance(one, ast.Property) and one.key == path[1] for one in inner):
            return editor.add_block((outer.start, outer.end), path[1], item)
        return editor.set_value((node.start, node.head), path, [item])
    raise Refusal(_ELSEWHERE)


def refuse_protected(target: FixTarget, sources: Sources) -> None:
    """Raise Refusal if Terraform rejects the replacement of a resource, or may do so."""
    text = sources.text(target.path)
    if target.language != "terraform" or "prevent_destroy" not in text:
        return
    block = next((one for one in body_of(target.path, text).blocks if one.start == target.address[0]), None)
    for inner in () if block is None else block.body.blocks:
        found = inner.body.attributes.get("prevent_destroy") if inner.type == "lifecycle" else None
        node = None if found is None else found.expression()
        if found is not None and not (isinstance(node, ast.Literal) and node.value is False):
            raise Refusal("`prevent_destroy` rejects the replacement of the resource")


OPERATIONS: Mapping[str, Operation] = {
    "remove": _remove,
    "rename": _rename,
    "api_version": _api_version,
    "constraint": with_constraint,
    "versionless": _versionless,
    "pin": _pin,
    "secure": _secure,
    "append": _append,
}
