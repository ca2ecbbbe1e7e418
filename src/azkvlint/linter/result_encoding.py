"""The encoding of results in the cache."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from azkvlint.linter.unit_result import UnitResult
from azkvlint.model.finding import ControlAnswers, Finding, Owner, Vault
from azkvlint.model.rule import Rule

# Larger results are not stored.
LARGEST = 100_000_000


_FIELDS = msgspec.structs.fields(Finding)
_NAMES_OF_FINDING = tuple(field.name for field in _FIELDS)
# A finding has the id of its rule instead of the rule.
_StoredFinding: Any = msgspec.defstruct(
    "_StoredFinding", [(field.name, str if field.name == "rule" else field.type) for field in _FIELDS], array_like=True
)


class _StoredAnswers(msgspec.Struct, array_like=True):
    vaults: tuple[Vault, ...]
    passes: list[list[_StoredFinding]]
    owners: list[tuple[tuple[str, str], Owner]]


# Findings are encoded in groups, because a single encoded list would be copied each time that it grows.
_IN_A_GROUP = 1_000
_TYPES: Mapping[str, Any] = {
    "findings": list[list[_StoredFinding]],
    "unknown": list[list[_StoredFinding]],
    "suppressed": list[list[_StoredFinding]],
    "resource_counts": dict[str, int],
    "control_answers": _StoredAnswers | None,
}
_NOT_STORED = frozenset({"files", "references", "secret_lines", "secret_texts"})
_NAMES_OF_RESULT = tuple(field.name for field in msgspec.structs.fields(UnitResult) if field.name not in _NOT_STORED)
_StoredResult: Any = msgspec.defstruct(
    "_StoredResult",
    [
        (field.name, _TYPES.get(field.name, field.type))
        for field in msgspec.structs.fields(UnitResult)
        if field.name not in _NOT_STORED
    ],
    array_like=True,
)
_DECODER = msgspec.msgpack.Decoder(_StoredResult)


def encode_result(result: UnitResult, rules: Mapping[str, Rule]) -> bytes | None:
    """Return a result as bytes; None if it cannot be stored. ``rules`` are those of the run by id."""
    values = {name: getattr(result, name) for name in _NAMES_OF_RESULT}
    answers = result.control_answers
    lists = [result.findings, result.unknown, result.suppressed, () if answers is None else answers.passes]
    if any(rules.get(finding.rule.id) != finding.rule for findings in lists for finding in findings):
        return None
    try:
        left, encoded = LARGEST, []
        for findings in lists:
            groups, left = _encoded_groups(findings, left)
            encoded.append(groups)
        values |= {"findings": encoded[0], "unknown": encoded[1], "suppressed": encoded[2]}
        if answers is not None:
            values["control_answers"] = answers.vaults, encoded[3], tuple(answers.owners.items())
        return msgspec.msgpack.encode(tuple(values.values()))
    except (UnicodeEncodeError, OverflowError):
        return None


def _encoded_groups(findings: Sequence[Finding], most: int) -> tuple[list[msgspec.Raw], int]:
    """Return the encoded findings, and what is left of ``most`` bytes. Raises OverflowError as soon as nothing is."""
    groups: list[msgspec.Raw] = []
    for start in range(0, len(findings), _IN_A_GROUP):
        group = [(one.rule.id, *msgspec.structs.astuple(one)[1:]) for one in findings[start : start + _IN_A_GROUP]]
        data = msgspec.msgpack.encode(group)
        most -= len(data)
        if most < 0:
            raise OverflowError("the result is too large to be stored")
        groups.append(msgspec.Raw(data))
    return groups, most


def decode_result(data: bytes, rules: Mapping[str, Rule]) -> UnitResult | None:
    """Return a stored result; None if it cannot be decoded."""
    try:
        stored = _DECODER.decode(data)
        values = {name: getattr(stored, name) for name in _NAMES_OF_RESULT}
        for name in ("findings", "unknown", "suppressed"):
            values[name] = _findings(values[name], rules)
        answers = stored.control_answers
        if answers is not None:
            values["control_answers"] = ControlAnswers(
                vaults=answers.vaults, passes=tuple(_findings(answers.passes, rules)), owners=dict(answers.owners)
            )
    except (msgspec.MsgspecError, KeyError):
        return None
    values["resource_counts"] = Counter(values["resource_counts"])
    return UnitResult(**values)


def _findings(stored: Sequence[Sequence[Any]], rules: Mapping[str, Rule]) -> list[Finding]:
    tuples = ((rules[one.rule], *msgspec.structs.astuple(one)[1:]) for group in stored for one in group)
    return [Finding(**dict(zip(_NAMES_OF_FINDING, values, strict=True))) for values in tuples]
