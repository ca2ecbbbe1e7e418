"""The results of one input as rows for JSON Lines and Parquet, and their summary.

docs/fleet.md describes the columns. Columns are added, but never removed, renamed or redefined.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Annotated, Any, TypeAlias

import msgspec

from azkvlint.config.run_config import CheckSettings
from azkvlint.linter.linter import exit_code
from azkvlint.linter.world_names import names_of
from azkvlint.model.access import origins_of
from azkvlint.model.finding import INPUT_UNREADABLE, Declaration, Finding, Occurrence, Problem, Report
from azkvlint.model.identity import member_of
from azkvlint.model.location import Location
from azkvlint.model.pattern import has_holes
from azkvlint.model.rule import Severity
from azkvlint.reporters.phrases import VAULT_NOUNS
from azkvlint.util.errors import EXIT_FINDINGS
from azkvlint.util.text import encode

_MOST_VAULTS = 20
_LONGEST_NAME = 60
_NOT_EVALUATED = "not evaluated"
_LONGEST_TEXT = 2_000
_BLOCK_SIZE = 1 << 20
# The root of a vault, its parameter file, and its name or address.
_VaultKey: TypeAlias = tuple[str, str, str]


_Severity = Annotated[str, msgspec.Meta(pattern="^(info|low|medium|high|critical)$")]
_Number = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]


class ResultRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One result of an input. ``kind`` is finding, unknown, suppressed, problem, resource or skipped.

    ``rule`` is the code of a problem, and ``severity`` its level. ``reason`` is why a result is unknown or suppressed,
    or why a declaration was skipped. ``exposure`` is the network exposure of a vault. ``condition`` is with which
    values of inputs the resource of a result exists. ``root`` is the document or folder through which a result was
    found, and ``parameter_files`` are those with which its resources have it.
    """

    kind: str
    input: str
    repository: str | None = None
    revision: str | None = None
    rule: str | None = None
    category: str | None = None
    severity: str | None = None
    message: str | None = None
    reason: str | None = None
    hint: str | None = None
    resource: str | None = None
    full_name: str | None = None
    type: str | None = None
    declared_as: str | None = None
    path: str | None = None
    line: int | None = None
    column: int | None = None
    attribute: str | None = None
    fingerprint: str | None = None
    in_tests: bool | None = None
    occurrences: int | None = None
    exposure: str | None = None
    condition: str | None = None
    root: str | None = None
    parameter_files: str | None = None


class VaultSummary(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A vault with findings: their numbers by severity, the most severe first."""

    name: str
    path: str
    line: _Number
    findings: tuple[tuple[_Severity, _Number], ...]


class InputSummary(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The numbers of one input. ``findings`` are (rule, severity, number) of those that count.

    ``is_complete``: all of it was read. ``is_failing``: it has findings that fail a check. ``exposures`` are the
    numbers of vaults by network exposure, and ``vaults`` those with the most severe findings.
    """

    input: str
    repository: str = ""
    is_complete: bool = True
    is_failing: bool = False
    findings: tuple[tuple[str, _Severity, _Number], ...] = ()
    unknown: _Number = 0
    suppressed: _Number = 0
    problems: _Number = 0
    resources: _Number = 0
    exposures: dict[str, _Number] = {}
    vaults: Annotated[tuple[VaultSummary, ...], msgspec.Meta(max_length=_MOST_VAULTS)] = ()
    error: str = ""


class InputResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one input: its rows as JSON Lines, and its summary."""

    rows: bytes
    summary: InputSummary


def result_of(name: str, report: Report, settings: CheckSettings) -> InputResult:
    """Return the result of the input ``name``."""
    counted = report.counted(report.findings)
    counts = Counter((finding.rule.id, finding.severity) for finding in counted)
    errors = [problem.message for problem in report.problems if problem.level == "error"]
    summary = InputSummary(
        input=name,
        repository="" if report.repository is None else _brief(report.repository.uri),
        is_complete=report.is_complete,
        is_failing=exit_code(msgspec.structs.replace(report, problems=()), settings) == EXIT_FINDINGS,
        findings=tuple((rule, severity.label, count) for (rule, severity), count in sorted(counts.items())),
        unknown=len(report.counted(report.unknown)),
        suppressed=len(report.suppressed),
        problems=len(report.problems),
        resources=sum(report.resource_counts.values()),
        exposures=_exposures(report.evaluated),
        vaults=tuple(_vaults(report)),
        error=_brief(errors[0]) if errors else "",
    )
    return InputResult(rows=_lines(_rows(name, report)), summary=summary)


def failed_result(name: str, message: str, hint: str = "") -> InputResult:
    """Return the result of an input that could not be checked."""
    row = ResultRow(
        kind="problem", input=name, rule=INPUT_UNREADABLE, severity="error", message=message, hint=hint or None
    )
    return InputResult(
        rows=_lines([row]), summary=InputSummary(input=name, is_complete=False, problems=1, error=_brief(message))
    )


def is_summary_of(summary: InputSummary, lines: Iterable[bytes]) -> bool:
    """Return whether a summary is one of these rows, which are JSON Lines."""
    kinds: Counter[str] = Counter()
    most: Counter[tuple[str, str]] = Counter()
    uncounted: Counter[tuple[str, str]] = Counter()
    decoder = msgspec.json.Decoder(ResultRow)
    is_complete = True
    for line in lines:
        try:
            row = decoder.decode(line)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return False
        if row.input != summary.input or not line.endswith(b"\n"):
            return False
        kinds[row.kind] += 1
        is_complete = is_complete and (row.kind, row.severity) != ("problem", "error")
        if row.kind == "finding":
            key = row.rule or "", row.severity or ""
            most[key] += 1
            uncounted[key] += bool(row.in_tests)
    found = {(rule, severity): count for rule, severity, count in summary.findings}
    return (
        len(found) == len(summary.findings)
        and found.keys() <= most.keys()
        # Whether findings in folders of tests count is a setting.
        and all(most[key] - uncounted[key] <= found.get(key, 0) <= most[key] for key in most)
        and summary.unknown <= kinds["unknown"]
        and (summary.suppressed, summary.problems) == (kinds["suppressed"], kinds["problem"])
        and (is_complete or not summary.is_complete)
    )


def _brief(text: str, longest: int = _LONGEST_TEXT) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"


def _short_name(text: str) -> str:
    """Return a name, without its middle if it is long: long names often differ at the end."""
    half = _LONGEST_NAME // 2
    return text if len(text) <= _LONGEST_NAME else f"{text[:half]}…{text[-half:]}"


def _lines(rows: Iterable[ResultRow]) -> bytes:
    return b"".join(encode(row, indent=0) for row in rows)


def _rows(name: str, report: Report) -> Iterator[ResultRow]:
    repository = report.repository
    common: dict[str, Any] = {"input": name}
    if repository is not None:
        common |= {"repository": repository.uri, "revision": repository.revision}
    for kind, findings in (
        ("finding", report.findings),
        ("unknown", report.unknown),
        ("suppressed", report.suppressed),
    ):
        yield from (_finding(kind, finding, common) for finding in findings)
    yield from (_problem(problem, common) for problem in report.problems)
    for one in report.evaluated:
        counts: dict[str | None, int] = dict(sorted(one.exposures.items())) or {None: one.instances}
        for exposure, count in counts.items():
            yield _declaration("resource", one, count, exposure, common)
    yield from (_declaration("skipped", one, one.instances, None, common) for one in report.skipped)


def _finding(kind: str, finding: Finding, common: dict[str, Any]) -> ResultRow:
    reason = finding.why if finding.suppressed is None else finding.suppressed.justification
    return ResultRow(
        kind=kind,
        rule=finding.rule.id,
        category=finding.rule.category,
        severity=finding.severity.label,
        message=finding.message,
        reason=reason or None,
        resource=finding.resource,
        full_name=finding.full_name,
        type=finding.type,
        declared_as=finding.declared_as,
        attribute=finding.attribute or None,
        fingerprint=finding.fingerprint,
        in_tests=finding.in_tests,
        occurrences=max(len(finding.occurrences), 1),
        condition=None if finding.condition is None else finding.condition.text,
        root=finding.root or None,
        parameter_files=", ".join(sorted({world for one in finding.occurrences for world in one.worlds})) or None,
        **_place(finding.at),
        **common,
    )


def _problem(problem: Problem, common: dict[str, Any]) -> ResultRow:
    return ResultRow(
        kind="problem",
        rule=problem.code,
        severity=problem.level,
        message=problem.message,
        hint=problem.hint or None,
        resource=None if problem.at is None else problem.at.address,
        **_place(problem.at),
        **common,
    )


def _declaration(kind: str, one: Declaration, count: int, exposure: str | None, common: dict[str, Any]) -> ResultRow:
    return ResultRow(
        kind=kind,
        reason=one.reason or one.condition or None,
        resource=one.address,
        full_name=", ".join(sorted(one.names)) or None,
        type=one.type,
        declared_as=one.declared_as,
        occurrences=count,
        exposure=exposure,
        **_place(one.at),
        **common,
    )


def _place(at: Location | None) -> dict[str, Any]:
    if at is None:
        return {}
    if at.region is None:
        return {"path": at.path}
    return {"path": at.path, "line": at.region.start_line, "column": at.region.start_column}


def _exposures(declarations: Iterable[Declaration]) -> dict[str, int]:
    """Return the number of vaults by network exposure."""
    counts: Counter[str] = Counter()
    for one in declarations:
        if one.type.lower() in VAULT_NOUNS:
            counts.update(one.exposures or {_NOT_EVALUATED: one.instances})
    return dict(sorted(counts.items()))


def _vaults(report: Report) -> Iterator[VaultSummary]:
    """Yield the vaults with the most severe findings, by root, parameter file, and the vault's name or address.

    A finding on another resource, such as a role assignment, counts for the one vault that decided it.
    """
    by_vault: dict[_VaultKey, list[tuple[Finding, Occurrence]]] = {}
    worlds: dict[str, set[str]] = {}
    by_address = _vaults_by_address(report)
    for finding in report.counted(report.findings):
        for one in finding.occurrences or (member_of(finding),):
            worlds.setdefault(one.root, set()).update(one.worlds)
            for key in _vault_keys(finding, one, by_address):
                by_vault.setdefault(key, []).append((finding, one))
    names = {root: {"": "", **names_of(root, paths)} for root, paths in worlds.items() if paths}
    origins = origins_of({(root, world): names.get(root, {}).get(world, "") for root, world, _ in by_vault})
    summaries = [_vault(name, origins[root, world], group) for (root, world, name), group in by_vault.items()]
    yield from sorted(summaries, key=lambda vault: (risk_key(vault.findings), vault.path, vault.line, vault.name))[
        :_MOST_VAULTS
    ]


def _vaults_by_address(report: Report) -> dict[tuple[str, str], str]:
    """Return the names of the vaults that results are about, by root and address."""
    return {
        (one.root, one.address): _vault_of(one)
        for finding in chain(report.findings, report.unknown, report.suppressed)
        for one in finding.occurrences or (member_of(finding),)
        if one.type.lower() in VAULT_NOUNS
    }


def _vault_keys(finding: Finding, one: Occurrence, by_address: Mapping[tuple[str, str], str]) -> Iterator[_VaultKey]:
    """Yield the vault of a resource with a finding, once for each parameter file."""
    type_ = one.type.lower()
    if any(type_ == vault or type_.startswith(f"{vault}/") for vault in VAULT_NOUNS):
        names = {_vault_of(one)}
    else:
        places = {(one.root, evidence.at.address or "") for evidence in finding.evidence}
        names = {by_address[place] for place in places if place in by_address}
    if len(names) == 1:
        (name,) = names
        yield from ((one.root, world, name) for world in one.worlds or ("",))


def _vault_of(one: Occurrence) -> str:
    """Return the name of the vault of a resource, or the address of an object whose vault is not known."""
    vault, slash, _ = one.full_name.partition("/")
    return vault if vault and (slash or one.type.lower() in VAULT_NOUNS) else one.address


def _vault(name: str, origin: str, members: list[tuple[Finding, Occurrence]]) -> VaultSummary:
    counts = Counter(finding.severity for finding, _ in members)
    worst = max((finding for finding, _ in members), key=lambda finding: finding.severity)
    own = [one for _, one in members if one.type.lower() in VAULT_NOUNS]
    if has_holes(name) and own:
        name = own[0].address  # an address is shorter than the expression of a name
    return VaultSummary(
        name=f"{_short_name(name)}{_short_name(origin)}",
        path=_brief(worst.at.path),
        line=0 if worst.at.region is None else worst.at.region.start_line,
        findings=tuple((severity.label, counts[severity]) for severity in sorted(counts, reverse=True)),
    )


def risk_key(findings: Iterable[tuple[str, int]]) -> tuple[int, ...]:
    """Return the sort key of numbers by severity: more of the most severe findings first."""
    counts = dict(findings)
    return tuple(-counts.get(severity.label, 0) for severity in sorted(Severity, reverse=True))


def parquet_of(results: Iterable[InputResult]) -> bytes:
    """Return the rows of results as a Parquet file."""
    import pyarrow as pa
    from pyarrow import json, parquet

    lines = b"".join(result.rows for result in results)
    schema = _schema(pa)
    if lines:
        longest = max(map(len, lines.split(b"\n"))) + 1
        table = json.read_json(
            pa.BufferReader(lines),
            read_options=json.ReadOptions(use_threads=False, block_size=max(_BLOCK_SIZE, longest)),
            parse_options=json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error"),
        )
    else:
        table = schema.empty_table()
    table = table.replace_schema_metadata(schema.metadata)
    out = pa.BufferOutputStream()
    parquet.write_table(table, out, compression="zstd")
    data: bytes = out.getvalue().to_pybytes()
    return data


def _schema(pa: Any) -> Any:
    types = {str: pa.string(), int: pa.int64(), bool: pa.bool_()}
    fields = [
        pa.field(field.name, next(types[one] for one in types if one in getattr(field.type, "__args__", (field.type,))))
        for field in msgspec.structs.fields(ResultRow)
    ]
    return pa.schema(fields, metadata={"pandas": _pandas_types(fields, {pa.int64(): "Int64", pa.bool_(): "boolean"})})


def _pandas_types(fields: Iterable[Any], nullable: Mapping[Any, str]) -> bytes:
    """Return the types that pandas reads columns as: without them, whole numbers with nulls become floats.

    The form is that of https://pandas.pydata.org/docs/development/developer.html.
    """
    columns = [
        {
            "name": field.name, "field_name": field.name, "metadata": None,
            "pandas_type": "unicode" if field.type not in nullable else str(field.type),
            "numpy_type": nullable.get(field.type, "object"),
        }
        for field in fields
    ]  # fmt: skip
    return msgspec.json.encode({"index_columns": [], "column_indexes": [], "columns": columns, "pandas_version": None})
