"""The command ``kvlint graph``: the resource graph of one input as Mermaid or Graphviz DOT, or who can reach what."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from azkvlint.derived.build_graph import build_graph
from azkvlint.linter.unit_result import located_problems
from azkvlint.linter.workers import input_problem
from azkvlint.model.finding import Problem
from azkvlint.model.resource import Reference, RequiredAttributes, Resource, ResourceGraph
from azkvlint.readers.discover import discover
from azkvlint.readers.reader import MAKE_INPUT, Reader
from azkvlint.readers.units import Unit, units_of
from azkvlint.reporters.drawings import dot_text, mermaid_text
from azkvlint.util.errors import InputError, UsageError, refuse_unknown_format
from azkvlint.util.project_boundary import begin_run
from azkvlint.values.redaction import Redactor

_TERRAFORM_PARTS = "Terraform/"
# The attributes that link resources, and the labels of their edges.
_VIAS = {
    "parent": "in",
    "scope": "extends",
    "derived.keyId": "encrypted with",
    "derived.keyIds": "encrypted with",
    "derived.keyVaultId": "encrypted with a key of",
    "derived.privateLinkServiceId": "connects to",
}


def draw_access(path: str, form: str, output: str) -> int:
    """Write the drawing of who can reach what in an input to a file or standard output, and return the exit code.

    Raise UsageError or InputError.
    """
    from azkvlint.cli.analyses import run_access
    from azkvlint.config.arguments import Arguments

    refuse_unknown_format(form, _ACCESS_FORMS)
    explicit = frozenset({"formats", *(("output",) if output else ())})
    return run_access(Arguments(paths=(path,), formats=(form,), output=output, explicit_fields=explicit))


def draw_graph(path: str, form: str, output: str) -> tuple[str, list[Problem]]:
    """Return the drawing of the input ``path``, "" if it cannot be read, and the problems of reading it.

    ``output`` is the file that it is for. Raise UsageError or InputError.
    """
    refuse_unknown_format(form, _FORMS)
    begin_run([path], outputs=[output] if output else ())
    sources, root = discover([path])
    units = [unit for unit in units_of(sources, ()) if not unit.quiet]
    if not units:
        raise InputError(f"{path}: no resources to draw", MAKE_INPUT)
    if len({unit.source.file for unit in units}) != 1:
        raise UsageError(
            f"'{path}' is not one Terraform module, plan, template or Bicep file", "name a single file, or its folder"
        )
    try:
        graph, problems, redactor = _graph(units[0], root)
    except InputError as error:
        return "", [input_problem(units[0].source.path, error)]
    return "\n".join(_FORMS[form](graph, redactor)) + "\n", problems


def _graph(unit: Unit, root: str) -> tuple[ResourceGraph, list[Problem], Redactor]:
    """Return the graph with all attributes and references, the problems, and a redactor of the input's secrets."""
    required = RequiredAttributes(paths={}, reference_paths={}, everything=True)
    read = Reader(required, root).read(unit)
    if read is None:
        raise InputError("the file contains no resources to draw")
    types = frozenset(resource.type.lower() for resource in read.all_resources.values())
    required = msgspec.structs.replace(required, reference_paths=dict.fromkeys(_VIAS, types))
    redactor = Redactor(read.secret_texts())
    problems = [redactor.problem(problem) for problem in located_problems(read)]
    graph = build_graph(read.all_resources, required, read.is_complete)
    return msgspec.structs.replace(graph, resources=dict(_deployed_or_read(graph))), problems, redactor


def _deployed_or_read(graph: ResourceGraph) -> Iterator[tuple[str, Resource]]:
    """Yield the resources of Azure, without the parts of Terraform, such as providers, that rules treat as such."""
    for address, resource in graph.resources.items():
        if not resource.type.startswith(_TERRAFORM_PARTS):
            yield address, resource


def _edges(graph: ResourceGraph) -> Iterator[tuple[str, str, str, bool]]:
    for via, label in _VIAS.items():
        for reference in graph.references.get(via, ()):
            ends = [(target, True) for target in reference.targets]
            ends += [(target, False) for target in _candidates(reference)]
            for target, is_certain in ends:
                if reference.source in graph.resources and target in graph.resources:
                    yield reference.source, target, label, is_certain


def _candidates(reference: Reference) -> tuple[str, ...]:
    """Return the candidates of a reference; none if it may refer to any resource."""
    return () if reference.anything else reference.candidates


def _label(resource: Resource, redactor: Redactor) -> tuple[str, ...]:
    """Return the address and the type of a resource, and its condition if no default creates it."""
    lines = redactor.text(resource.address), resource.type
    return lines if resource.assumption is None else (*lines, redactor.text(resource.assumption.text))


def _mermaid(graph: ResourceGraph, redactor: Redactor) -> Iterator[str]:
    ids = {address: f"r{index}" for index, address in enumerate(graph.resources)}
    yield "flowchart LR"
    for address, resource in graph.resources.items():
        lines = map(mermaid_text, _label(resource, redactor))
        yield f'  {ids[address]}["{"<br/>".join(lines)}"]'
    for source, target, label, certain in _edges(graph):
        arrow = f"-->|{label}|" if certain else f"-.->|perhaps {label}|"
        yield f"  {ids[source]} {arrow} {ids[target]}"


def _dot(graph: ResourceGraph, redactor: Redactor) -> Iterator[str]:
    texts = {address: redactor.text(address) for address in graph.resources}
    yield "digraph kvlint {"
    yield "  rankdir=LR; node [shape=box];"
    for address, resource in graph.resources.items():
        yield f"  {dot_text(texts[address])} [label={dot_text(*_label(resource, redactor))}];"
    for source, target, label, certain in _edges(graph):
        style = "" if certain else ", style=dashed"
        yield f"  {dot_text(texts[source])} -> {dot_text(texts[target])} [label={dot_text(label)}{style}];"
    yield "}"


_FORMS = {"mermaid": _mermaid, "dot": _dot}
_ACCESS_FORMS = (*_FORMS, "html")
