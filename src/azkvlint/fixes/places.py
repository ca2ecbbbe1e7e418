"""Where the value of an attribute is written: in its declaration, in a variable or local, or in a module call."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import msgspec

from azkvlint.fixes.computed_from import names_in
from azkvlint.fixes.sensitive import body_of
from azkvlint.fixes.sources import Sources
from azkvlint.fixes.steps import Steps
from azkvlint.model.finding import CALLED, Evidence, Finding
from azkvlint.model.fix import Address, Code, Literal, Refusal, TextEdit
from azkvlint.model.location import Location
from azkvlint.syntax import ast
from azkvlint.syntax.bicep.parse import parse
from azkvlint.util.lazy_regex import regex

Edits: TypeAlias = tuple[TextEdit, ...]
Change: TypeAlias = Callable[[Sources], tuple[Edits, str]]
"""Makes one step on a state of the sources, and returns its edits with their title; no edits if none are needed."""
_HEADER = regex(
    r"""\s*(?:resource|data|provider|module|output|variable)\s+"?([\w-]+)"?|\s*resource\s+\w+\s+'([^'@]*)"""
)
# A resource of azurerm that deploys a template.
_DEPLOYMENT = regex(r'\s*resource\s+"azurerm_\w*template_deployment"')
_CONTENT = ("template_content", "template_body")
# The file that a function reads: a string, or a local of the module.
_TEMPLATE_FILE = regex(
    r'\b(?:file|filemd5|filebase64|templatefile)\(\s{0,99}(?:"([^"\n]{1,500})"|local\.([\w-]+)\s{0,9}[,)])'
)
_API_VERSION = regex(r"@(\d{4}-\d\d-\d\d(?:-preview)?)")
_MODULE_FILES = (".tf", ".tofu", ".tf.json", ".tofu.json")
_VALUES = (".tfvars", ".tfvars.json", ".bicepparam")
_MOST_CALLS = 20
_COMPUTED = "the value is computed"
_SHARED = "the value is also used elsewhere"
_PLAIN = regex(r"""true|false|null|-?\d+(?:\.\d+)?|"[^"\\$%{}\[\]\n]*+"|'[^'\\$\n]*+'""")
# A list or object of plain values. Anything with other names, calls or operators is computed.
_PARTS = regex(
    r"""(?:[\s\[\]{},:=]|//[^\n]*|\#[^\n]*|true\b|false\b|null\b|-?\d+(?:\.\d+)?\b|"[^"\\$%{}\[\]\n]*+"|'[^'\\$\n]*+'
    |[A-Za-z_]\w*[ \t]*+[:=](?!=))*+""".replace("\n    ", "")
)
_TERRAFORM = regex(r'(?:"\$\{\s*)?(var|local|each)\.((?:[\w-]+\.)*)([\w-]+)(?:\s*\}")?')
_BICEP = regex(r"()()([A-Za-z_]\w*)")
_ARM = regex(r"\"\[\s*(parameters|variables)\(\s*()'([^']+)'\s*\)\s*\]\"", 2)
# A name to which a value is assigned, and the characters before a value in which it is looked for.
_ASSIGNED, _NEAR = regex(r"""([A-Za-z_][\w-]{0,200})["']?[ \t]*+[=:](?![=>])"""), 500
_MOST_NAMES = 2
_CONSTANTS = frozenset({"true", "false", "null"})
_OF_BLOCK = {"variable": "var", "locals": "local"}


class FixTarget(NamedTuple):
    """A declaration to change. ``declared_as`` is its type in the language, ``type`` that in Azure."""

    path: str
    address: Address
    declared_as: str
    type: str
    language: str


def address_of(at: Location) -> Address:
    """Return the address of a location. Raise Refusal for one without a place in a file."""
    found = at.span if at.pointer is None else at.pointer
    if found is None:
        # Only a plan has values without a place in a file.
        raise Refusal("the source of the plan was not found: name its folder with `--source-root`")
    return found


def language_at(at: Location) -> str:
    """Return the language of a declaration, as rules name it."""
    if at.path.lower().endswith((".bicep", ".bicepparam")):
        return "bicep"
    return "arm" if at.pointer is not None else "terraform"


def declaration(finding: Finding) -> FixTarget:
    """Return the declaration of a finding's resource. Raise Refusal."""
    at = finding.resource_at or finding.at
    return FixTarget(at.path, _of_declaration(at), finding.declared_as, finding.type, language_at(at))


def is_called(target: FixTarget, sources: Sources) -> bool:
    """Return whether a target is the call of the Terraform module that declares it."""
    if target.language != "terraform" or target.declared_as == "module":
        return False
    text = sources.text(target.path)
    return regex(r'\s*module\s+"').match(text, _span(target.address)[0]) is not None


def _of_declaration(at: Location) -> Address:
    address = address_of(at)
    return address[:-1] if at.pointer is not None and address[-1:] == ("type",) else address


def linked(finding: Finding, sources: Sources, type_: str) -> FixTarget:
    """Return the declaration of the one other resource that decides. Raise Refusal."""
    others = {one.at.position_key: one.at for one in finding.evidence if one.at.address not in (None, finding.resource)}
    if len(others) != 1:
        raise Refusal("the other resource is not known" if not others else "several other resources decide")
    (at,) = others.values()
    address = _of_declaration(at)
    declared = type_
    if language_at(at) == "terraform":
        text = sources.text(at.path)
        match = _HEADER.match(text, address[0]) if isinstance(address[0], int) else None
        declared = match[1] if match is not None else ""
    return FixTarget(at.path, address, declared, type_, language_at(at))


def api_version_of(target: FixTarget, sources: Sources) -> str:
    """Return the API version that a declaration names. Raise Refusal."""
    text = sources.text(target.path)
    if target.language == "arm":
        version = sources.value(target.path, (*target.address, "apiVersion"))
        if isinstance(version, str):
            return version
    elif target.language == "bicep":
        match = _API_VERSION.search(text[slice(*_span(target.address))])
        if match is not None:
            return match[1]
    elif target.declared_as.startswith("azapi_"):
        match = _API_VERSION.search(text, _span(target.address)[0])
        if match is not None:
            return match[1]
    if target.language == "terraform":
        refuse_deployment(target.path, target.address, sources)
    raise Refusal("the API version is not written in the declaration")


def refuse_deployment(path: str, address: Address, sources: Sources) -> None:
    """Raise Refusal for a resource of azurerm that deploys a template."""
    text, start = sources.text(path), _span(address)[0]
    if _DEPLOYMENT.match(text, start):
        declared = (one for one in body_of(path, text).blocks if one.start == start)
        attributes = next((one.body.attributes for one in declared), {})
        contents = [attributes[name] for name in _CONTENT if name in attributes]
        named = _TEMPLATE_FILE.search(text, contents[0].value_start, contents[0].end) if contents else None
        name = named[1] if named is not None else ""
        if named is not None and named[2]:
            local = re.compile(rf'^[ \t]*{re.escape(named[2])}[ \t]*=[ \t]*"([^"\n]*)"', re.MULTILINE)
            found = (local.search(other) for other in sources.module_texts(path))
            name = next((one[1] for one in found if one is not None), "")
        name = name.replace("${path.module}/", "").removeprefix("./")
        where = f"`{name}`" if name and "$" not in name else "another file or string"
        raise Refusal(f"the template of the deployment is in {where}: change it there")


def refuse_variables(target: FixTarget, path: tuple[str, ...], sources: Sources) -> None:
    """Raise Refusal if an attribute of a declaration depends on a variable, local or parameter."""
    # What is not understood may depend on one.
    names = names_in(_written(target, path, sources), target.language, sources.text(target.path))
    is_variable = names is None or bool(names)
    if is_variable or (target.language == "terraform" and _is_dynamic(target, path[-1], sources)):
        raise Refusal(f"needs a decision: `{path[-1]}` depends on a variable or parameter, which would have no effect")


def _written(target: FixTarget, path: tuple[str, ...], sources: Sources) -> list[str]:
    """Return the texts of an attribute of a declaration; none if it is not written there, or as a dynamic block."""
    try:
        removed = sources.editor(target.path).remove(target.address, path)
    except Refusal:
        return []
    text = sources.text(target.path)
    return [text[edit.start : edit.end] for edit in removed]


def text_of(target: FixTarget, sources: Sources) -> str:
    """Return the text of a whole declaration. Raise Refusal."""
    editor = sources.editor(target.path)
    if target.language == "arm":
        return sources.text(target.path)[slice(*editor.span(target.address))]
    spot = editor.locate(target.address)
    return sources.text(target.path)[spot.item.start : spot.item.end]


def _is_dynamic(target: FixTarget, name: str, sources: Sources) -> bool:
    """Return whether a declaration has a dynamic block of a name."""
    blocks = body_of(target.path, sources.text(target.path)).blocks
    block = next((one for one in blocks if one.start == target.address[0]), None)
    inner = () if block is None else block.body.blocks
    return any(one.type == "dynamic" and one.labels == (name,) for one in inner)


def _span(address: Address) -> tuple[int, int]:
    """Return an address as a span. Raise Refusal for a pointer."""
    start, end = address[0], address[-1]
    if not isinstance(start, int) or not isinstance(end, int):
        raise Refusal("the place is not known")
    return start, end


def title_of(language: str, path: tuple[str, ...], value: Literal, where: str = "") -> str:
    """Return the title of a change that sets the value at a path."""
    from json import dumps

    name = path[-1]
    if not where and len(path) > 1 and path[-2] not in ("properties", "body"):
        where = f" in `{path[-2]}`"
    written = value.text if isinstance(value, Code) else dumps(value)
    if language == "terraform":
        text = f"{name} = {written}"
    elif language == "bicep":
        text = f"{name}: {written}".replace('"', "'")
    else:
        text = f'"{name}": {written}'
    return f"Set `{text}`{where}"


def joined(titles: Sequence[str]) -> str:
    """Return the titles of several steps as one: neither the first word nor the last container is repeated."""
    first, *others = dict.fromkeys(titles) or ("",)
    rest = (one.removeprefix(f"{first.split(' ', 1)[0]} ") for one in others)
    parts = [first, *(one[:1].lower() + one[1:] for one in rest)]
    _, of_container, container = first.rpartition("` in `")
    ending = f" in `{container}"
    if of_container and all(part.endswith(f"`{ending}") for part in parts):
        parts[:-1] = (part.removesuffix(ending) for part in parts[:-1])
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))


class ValueSetter(msgspec.Struct, frozen=True):
    """Sets ``value`` for a finding, whose ``evidence`` states where it was written."""

    finding: Finding
    value: Literal
    evidence: Evidence | None
    language: str

    def set(self, target: FixTarget, path: tuple[str, ...], sources: Sources) -> tuple[Edits, str]:
        """Return the edits that set an attribute of a declaration, wherever its value is written. Raise Refusal."""
        calls = _calls(self.finding)
        if not path:
            return self._in_list(sources)
        try:
            edits = sources.editor(target.path).set_value(target.address, path, self.value)
        except Refusal:
            declared = self.finding.resource_at
            if self.evidence is None or declared is None or self.evidence.at.position_key == declared.position_key:
                raise
            names = _from_names(_written(target, path, sources), self.language, sources.text(target.path))
            return self._beside(self.evidence.at, path, names, sources)
        return self._checked(edits, path, target.path, calls, sources)

    def _in_list(self, sources: Sources) -> tuple[Edits, str]:
        """Return the edits that replace the only item of a list, which is the evidence."""
        at = None if self.evidence is None else self.evidence.at
        value = self.value
        if at is None or not isinstance(value, list) or len(value) != 1:
            raise Refusal(_COMPUTED)
        edits = sources.editor(at.path).replace_value(address_of(at), value[0])
        return self._checked(edits, (str(self.evidence.name if self.evidence else ""),), at.path, (), sources)

    def _checked(
        self,
        edits: Edits,
        names: tuple[str, ...],
        path: str,
        calls: Sequence[Sequence[Location]],
        sources: Sources,
        where: str = "",
    ) -> tuple[Edits, str]:
        """Return edits of one value, or those of the variable that they would replace."""
        text = sources.text(path)
        changed = [edit for edit in edits if text[edit.start : edit.end].strip()]
        replaced = [text[edit.start : edit.end] for edit in changed]
        if _has_objects(self.value) and any(one.strip() not in ("[]", "null") for one in replaced):
            raise Refusal("the list has other items")
        if all(map(_is_literal, replaced)):
            return edits, title_of(self.language, names, self.value, where)
        reference = _reference_in(replaced[0], path) if len(replaced) == 1 else None
        if reference is None:
            raise Refusal(f"{_COMPUTED}{_from_names(replaced, self.language, text)}")
        own = [Location(path=path, span=(changed[0].start, changed[0].end))]
        _refuse_uses(reference, path, own, self.value, sources)
        return self._of_reference(reference, path, calls, sources)

    def _beside(self, at: Location, path: tuple[str, ...], names: str, sources: Sources) -> tuple[Edits, str]:
        """Return the edits at the place of the evidence: the value itself, or the innermost object around it.

        ``names`` are those from which the value is computed, as the end of a reason.
        """
        text = sources.text(at.path)
        editor = sources.editor(at.path)
        if at.span is None:
            raise Refusal(_COMPUTED)
        here = text[at.span[0] : at.span[1]]
        for count in range(len(path), 0, -1):
            if here.lstrip("\"' ").startswith(path[count - 1]):
                inner = path[count:]
                edits = (
                    editor.set_value(at.span, inner, self.value) if inner else editor.replace_value(at.span, self.value)
                )
                return self._checked(edits, path, at.path, (), sources)
        raise Refusal(f"{_COMPUTED}{names}")

    # --- references --------------------------------------------------------------------------------------------------

    def _of_reference(
        self, reference: _Reference, path: str, calls: Sequence[Sequence[Location]], sources: Sources
    ) -> tuple[Edits, str]:
        """Return the edits of the variable, local, parameter or argument that a reference in a file names."""
        is_terraform = self.language == "terraform"
        if reference.is_part:
            return self._of_part(path, sources)
        given = self._in_values(sources) if reference.kind not in ("local", "variables") else None
        if given is not None:
            edits = sources.editor(given.path).replace_value(address_of(given), self.value)
            return self._checked(edits, (reference.name,), given.path, (), sources)
        if reference.kind in ("var", "parameters", "") and calls and calls[-1]:
            return self._of_calls(reference.name, calls, sources)
        if is_terraform:
            return self._of_module(reference, path, calls, sources)
        if self.language == "bicep":
            return self._of_bicep(reference.name, path, calls, sources)
        return self._of_template(reference, path, sources)

    def _in_values(self, sources: Sources) -> Location | None:
        """Return the place in a file of variables or parameters that sets the value."""
        at = None if self.evidence is None else self.evidence.at
        while at is not None and at.cause is not None:
            at = at.cause
        if at is None:
            return None
        is_parameter = at.pointer is not None and at.pointer[:1] == ("parameters",) and at.pointer[-1:] == ("value",)
        is_values = at.path.lower().endswith(_VALUES) or (is_parameter and sources.is_parameters(at.path))
        return at if is_values else None

    def _of_part(self, path: str, sources: Sources) -> tuple[Edits, str]:
        """Return the edit of a part of an object that is written elsewhere."""
        at = self.evidence.at if self.evidence is not None else None
        while at is not None and at.cause is not None:
            at = at.cause
        if at is None or at.span is None or (self.evidence is not None and at is self.evidence.at and at.path == path):
            raise Refusal(_COMPUTED)
        text = sources.text(at.path)
        here = text[at.span[0] : at.span[1]]
        name = here.partition("=")[0].strip(' \t":')
        if _is_literal(here):  # without its name, as in `name = optional(bool, false)`
            names = _ASSIGNED.findall(text, max(at.span[0] - _NEAR, 0), at.span[0])
            if not names:
                raise Refusal(_COMPUTED)
            name = names[-1]
        self._refuse_other_uses(sources)
        declared = _declared_at(at, sources)
        is_default = declared is not None and declared.kind == "var" and not declared.is_part
        where = f" in variable `{declared.name}`" if declared is not None and is_default else ""
        edits = sources.editor(at.path).replace_value(at.span, self.value)
        return self._checked(edits, (name,), at.path, (), sources, where)

    def _refuse_other_uses(self, sources: Sources) -> None:
        """Raise Refusal if a variable or local through which the value comes is used for something else too."""
        chain = causes_of(self.evidence.at) if self.evidence is not None else []
        for at in chain[1:]:
            reference = _declared_at(at, sources)
            if reference is not None:
                _refuse_uses(reference, at.path, chain, self.value, sources)

    def _of_calls(self, name: str, calls: Sequence[Sequence[Location]], sources: Sources) -> tuple[Edits, str]:
        """Return the edits that pass the value in each call of the module."""
        steps, titles = Steps(sources), []
        # Edits move what follows them, so the last call is the first.
        for call in sorted(calls[-1], key=lambda call: (call.path, call.span or (0, 0)), reverse=True):
            argument: tuple[str, ...] = (name,) if self.language == "terraform" else ("params", name)
            if call.pointer is not None:
                argument = ("properties", "parameters", name, "value")
            edits = steps.now.editor(call.path).set_value(_of_declaration(call), argument, self.value)
            edits, title = self._checked(edits, (name,), call.path, calls[:-1], steps.now, _in_call(call, sources))
            titles.append(title)
            steps.add(edits)
        return steps.edits, joined(titles[::-1])

    def _of_module(
        self, reference: _Reference, path: str, calls: Sequence[Sequence[Location]], sources: Sources
    ) -> tuple[Edits, str]:
        """Return the edit of a variable's default or a local in a Terraform module."""
        for file in sources.module_files(path):
            for block in body_of(file, sources.text(file)).blocks:
                is_local = reference.kind == "local" and block.type == "locals"
                if not is_local and (block.type, block.labels[:1]) != ("variable", (reference.name,)):
                    continue
                attribute = block.body.attributes.get(reference.name if is_local else "default")
                if attribute is not None:
                    edits = sources.editor(file).replace_value((attribute.start, attribute.end), self.value)
                    where = "" if is_local else f" in variable `{reference.name}`"
                    name = reference.name if is_local else "default"
                    return self._checked(edits, (name,), file, calls if is_local else (), sources, where)
        return self._of_part(path, sources)

    def _of_bicep(
        self, name: str, path: str, calls: Sequence[Sequence[Location]], sources: Sources
    ) -> tuple[Edits, str]:
        """Return the edit of a parameter's default or a variable in a Bicep file."""
        for one in parse(sources.text(path)).declarations:
            if isinstance(one, ast.ParameterDeclaration | ast.Variable) and one.name == name:
                value = one.default if isinstance(one, ast.ParameterDeclaration) else one.value
                if value is not None:
                    edits = sources.editor(path).replace_value((value.start, value.end), self.value)
                    is_default = isinstance(one, ast.ParameterDeclaration)
                    return self._checked(edits, (name,), path, () if is_default else calls, sources)
        raise Refusal("the value is set outside the file")

    def _of_template(self, reference: _Reference, path: str, sources: Sources) -> tuple[Edits, str]:
        """Return the edit of a parameter's default or a variable in an ARM template."""
        pointer = (self.finding.resource_at or self.finding.at).pointer or ()
        inner = max((at for at, step in enumerate(pointer) if step == "resources"), default=0)
        rest = (reference.name, "defaultValue") if reference.kind == "parameters" else (reference.name,)
        place = (*pointer[:inner], reference.kind, *rest)
        if sources.value(path, place) is None:
            raise Refusal("the value is set outside the file")
        edits = sources.editor(path).replace_value(place, self.value)
        return self._checked(edits, (reference.name,), path, (), sources)


def _from_names(written: Sequence[str], language: str, text: str) -> str:
    """Return the variables or parameters that expressions contain, as the end of a reason: they may be changed."""
    names = names_in(written, language, text) or []
    return f" from {' and '.join(f'`{name}`' for name in names)}" if 0 < len(names) <= _MOST_NAMES else ""


def _has_objects(value: Literal) -> bool:
    return isinstance(value, list) and any(isinstance(item, Mapping) for item in value)


def _calls(finding: Finding) -> list[list[Location]]:
    """Return the module calls that lead to a finding, by level, outermost first; of the innermost all that do."""
    levels = [[call] for call in finding.callers]
    if len(levels) == 1:
        others = {note.at.position_key: note.at for note in finding.related if note.text == CALLED}
        levels[0] = list(({levels[0][0].position_key: levels[0][0]} | others).values())
        if len(levels[0]) > _MOST_CALLS:
            raise Refusal("too many module calls lead to it")
    return levels


def _in_call(call: Location, sources: Sources) -> str:
    """Return the name of a module call for a title."""
    if call.span is None:
        return ""
    words = sources.text(call.path)[call.span[0] : call.span[1]].replace('"', " ").split()
    return f" in module `{words[1]}`" if len(words) > 1 else ""


def around(span: tuple[int, int], name: str, path: str, text: str) -> tuple[int, int] | None:
    """Return the span of the innermost block or property of a name around a span; None if there is none."""
    found: tuple[int, int] | None = None
    nodes: list[ast.Node] = []
    if path.lower().endswith(".bicep"):
        nodes += parse(text).declarations
    else:
        body = body_of(path, text)
        while True:
            expressions = (one.expression() for one in body.attributes.values() if one.start <= span[0] < one.end)
            nodes += [one for one in expressions if one is not None]
            block = next((one for one in body.blocks if one.start <= span[0] < one.end), None)
            if block is None:
                break
            if block.type == name:
                found = block.start, block.head
            body = block.body
    while nodes:
        node = nodes.pop()
        if node.start <= span[0] and span[1] <= node.end:
            if isinstance(node, ast.Property) and node.key == name:
                found = node.start, node.end
            nodes += ast.children(node)
    return found


class _Reference(NamedTuple):
    """A value that is a variable, local, parameter or item of a loop and nothing else.

    ``kind`` is the word before the name, empty in Bicep. ``is_part``: the value is a part of that object.
    """

    kind: str
    name: str
    is_part: bool = False


def _is_literal(text: str) -> bool:
    """Return whether the text of a value contains neither references nor calculations."""
    text = text.strip()
    return bool(_PLAIN.fullmatch(text)) or (text[:1] in ("[", "{") and bool(_PARTS.fullmatch(text)))


def _reference_in(text: str, path: str) -> _Reference | None:
    """Return the reference that is the whole text of a value in the file ``path``; None for other expressions."""
    lower = path.lower()
    is_template = lower.endswith((".json", ".jsonc")) and not lower.endswith((".tf.json", ".tofu.json"))
    pattern = _BICEP if lower.endswith(".bicep") else _ARM if is_template else _TERRAFORM
    match = pattern.fullmatch(text.strip())
    if match is None or match[3] in _CONSTANTS:
        return None
    return _Reference(match[1], match[3], is_part=bool(match[2]) or match[1] == "each")


def _declared_at(at: Location, sources: Sources) -> _Reference | None:
    """Return the reference to the default of a variable or the local that a value is, or is a part of."""
    if at.span is None or not at.path.lower().endswith(_MODULE_FILES):
        return None
    for block in body_of(at.path, sources.text(at.path)).blocks:
        if block.type in ("variable", "locals") and block.start <= at.span[0] < block.end:
            for name, attribute in block.body.attributes.items():
                if not attribute.start <= at.span[0] < attribute.end:
                    continue
                whole = (attribute.start, attribute.end), (attribute.value_start, attribute.end)
                if at.span not in whole:
                    part = sources.text(at.path)[slice(*at.span)].partition("=")[0].strip(' \t":')
                    return _Reference(_OF_BLOCK[block.type], part, is_part=True)
                return _Reference(_OF_BLOCK[block.type], name if block.type == "locals" else block.labels[0])
    return None


def causes_of(at: Location) -> list[Location]:
    """Return a place and where its value was written, the origin last."""
    found = [at]
    while found[-1].cause is not None:
        found.append(found[-1].cause)
    return found


def _refuse_uses(reference: _Reference, path: str, own: Sequence[Location], value: Literal, sources: Sources) -> None:
    """Raise Refusal if a variable of a file is used at other places than its ``own``.

    Its validations are no other use if they accept the value.
    """
    is_module = path.lower().endswith(_MODULE_FILES)
    files = sources.module_files(path) if is_module else [path]
    uses = [(file, at) for file in files for at in _uses(reference, file, sources.text(file))]
    spans = [(one.path, *one.span) for one in own if one.span is not None]
    if is_module and reference.kind == "var" and len(uses) > 1:
        spans += (span for file in files for span in _accepted(reference, value, file, sources))
    others = [use for use in uses if not any(use[0] == file and first <= use[1] < last for file, first, last in spans)]
    if len(uses) > 1 and others:
        path, at = others[0]
        raise Refusal(f"{_SHARED} ({path}:{sources.text(path).count(chr(10), 0, at) + 1})")


def _accepted(reference: _Reference, value: Literal, file: str, sources: Sources) -> Iterator[tuple[str, int, int]]:
    """Yield the spans of the validations in a file that accept the value of a variable."""
    from azkvlint.fixes.validations import accepted_validations

    text = sources.text(file)
    for block in body_of(file, text).blocks if "validation" in text and not isinstance(value, Code) else ():
        if block.type == "variable" and block.labels == (reference.name,):
            yield from ((file, *span) for span in accepted_validations(block, value))


def _uses(reference: _Reference, path: str, text: str) -> list[int]:
    """Return where a variable is used in a file of its module. Outside of Bicep, comments count too."""
    name = re.escape(reference.name)
    if path.lower().endswith(".bicep"):
        return _uses_in_bicep(reference.name, text)
    if reference.kind in ("parameters", "variables"):
        pattern = re.compile(rf"\b{reference.kind}\(\s*'{name}'\s*\)", re.IGNORECASE)
    elif reference.is_part:
        pattern = re.compile(rf"\.{name}\b")
    else:
        pattern = re.compile(rf"\b{reference.kind}\.{name}\b")
    return [match.start() for match in pattern.finditer(text)]


def _uses_in_bicep(name: str, text: str) -> list[int]:
    nodes: list[ast.Node] = list(parse(text).declarations)
    found: list[int] = []
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Name) and node.name == name:
            found.append(node.start)
        nodes += ast.children(node)
    return sorted(found)
