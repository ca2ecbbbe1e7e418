"""YAML as Terraform reads and prints it. What might be read in more than one way is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azkvlint.evaluation.terraform.functions.table import UnknownResult
from azkvlint.evaluation.terraform.primitive_types import text_of
from azkvlint.evaluation.values import Fields, Items, Result
from azkvlint.model.value import Absent, Scalar
from azkvlint.util.lazy_regex import regex

if TYPE_CHECKING:
    from azkvlint.syntax.yaml_nodes import Node

# What is another type, or another text, in one version of YAML or another.
_OTHER = regex(
    r"(?i:y|n|yes|no|on|off|true|false|null|~|[-+]?\.(?:inf|nan)|=|<<)"
    r"|[-+]?0[0-9box_].*|[-+]?[0-9][0-9_]*(?:[.:_eE-].*)?|[-+]?\.[0-9].*|\d{4}-\d.*"
)
_LONGEST_LINE = 70


def decoded(text: str) -> Any:
    """Plain data. Raises UnknownResult for what is no YAML, or has more than one meaning."""
    from azkvlint.syntax.yaml_nodes import compose

    document = compose(text)
    if document.faults or document.root is None or "\t" in text:
        raise UnknownResult("a YAML document is not understood")
    quoted = any(mark in text for mark in "\"'|>")
    return _plain(document.root, quoted)


def _plain(node: Node, quoted: bool) -> Any:
    from azkvlint.syntax.yaml_nodes import ListNode, MapNode

    if isinstance(node, ListNode):
        return [_plain(item, quoted) for item in node.items]
    if isinstance(node, MapNode):
        found: dict[str, Any] = {}
        for key, value in node.entries:
            if not isinstance(key.value, str) or (_OTHER.fullmatch(key.value) and not quoted):
                raise UnknownResult("a YAML document is not understood")
            found[key.value] = _plain(value, quoted)
        return found
    if isinstance(node.value, str) and not quoted and _OTHER.fullmatch(node.value):
        raise UnknownResult("a YAML document is not understood")
    return node.value


def encoded(result: Result) -> str:
    """Known data as YAML. Raises UnknownResult for texts that Terraform may print in another way."""
    if isinstance(result, Items) and result.items:
        return "".join(f"{line}\n" for line in _lines(result))
    if isinstance(result, Fields) and result.fields:
        return "".join(f"{line}\n" for line in _lines(result))
    return _short(result) + ("\n...\n" if isinstance(result, Absent | Scalar) and not _is_text(result) else "\n")


def _is_text(result: Result) -> bool:
    return isinstance(result, Scalar) and isinstance(result.value, str)


def _lines(result: Result) -> list[str]:
    """The lines of a list or map that is not empty."""
    found: list[str] = []
    if isinstance(result, Items):
        for item in result.items:
            if _is_long(item):
                first, *others = _lines(item)
                found += [f"- {first}", *(f"  {line}" for line in others)]
            else:
                found.append(f"- {_short(item)}")
    elif isinstance(result, Fields):
        for name in sorted(result.fields):
            item = result.fields[name]
            key = _quoted(name)
            if _is_long(item):
                indent = "" if isinstance(item, Items) else "  "
                found += [f"{key}:", *(f"{indent}{line}" for line in _lines(item))]
            else:
                found.append(f"{key}: {_short(item)}")
    return found


def _is_long(item: Result) -> bool:
    return (isinstance(item, Items) and bool(item.items)) or (isinstance(item, Fields) and bool(item.fields))


def _short(result: Result) -> str:
    if isinstance(result, Scalar):
        if not isinstance(result.value, str):
            return text_of(result.value)
        if len(result.value) > _LONGEST_LINE and " " in result.value:
            raise UnknownResult("how a long text is printed as YAML is not known")
        return _quoted(result.value)
    return "[]" if isinstance(result, Items) else "{}" if isinstance(result, Fields) else "null"


def _quoted(text: str) -> str:
    if not text.isascii() or not text.isprintable():
        raise UnknownResult("how such a text is printed as YAML is not known")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
