"""What the source writes about an access policy, in any language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

TERRAFORM, BICEP = "terraform", "bicep"


class PolicyCode(NamedTuple):
    """The expressions of one access policy.

    ``principal`` is its object ID, empty with the reason in ``why`` if it cannot be repeated outside of the policy.
    ``vault`` is the ID of the vault, in Bicep its symbolic name. ``repeat`` are Terraform's ``for_each`` or ``count``
    and its value, ``provider`` its ``provider``. ``loop`` is the head of a Bicep loop, and ``condition`` the condition
    of a Bicep resource. ``name`` is a Bicep expression for the principal that is known when the deployment starts.
    ``is_literal``: the permissions are written out, so that they are the same wherever the module is used.
    ``is_single``: the count is 0 or 1. ``exists`` states for what the policy exists, in words, and ``label`` is the
    principal as the source writes it. ``over`` is the collection of a loop over policies, ``kind`` its kind where the
    source states it. ``is_distinct``: no two of its items have the same principal. ``is_keyed_by_value``: the keys of
    its items are computed from their values.
    """

    principal: str = ""
    vault: str = ""
    repeat: tuple[str, str] = ("", "")
    provider: str = ""
    condition: str = ""
    name: str = ""
    is_literal: bool = False
    why: str = ""
    is_single: bool = False
    loop: str = ""
    exists: str = ""
    label: str = ""
    over: str = ""
    kind: str = ""
    is_distinct: bool = False
    is_keyed_by_value: bool = False


class OpenPolicy(NamedTuple):
    """An access policy of which only the source is known, because a loop or a condition decides whether it exists.

    ``span`` is that of its item, ``words`` are its permissions by kind, and ``written`` its expressions.
    """

    span: tuple[int, int]
    words: Mapping[str, tuple[str, ...]]
    written: PolicyCode


def bicep_string(text: str) -> str:
    """Return a Bicep string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("${", "\\${")
    escaped = escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return f"'{escaped}'"
