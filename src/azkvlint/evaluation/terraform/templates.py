"""Texts with expressions in them."""

from __future__ import annotations

from collections.abc import Sequence

from azkvlint.evaluation.terraform.alternatives import Watch
from azkvlint.evaluation.terraform.failure import FailedError
from azkvlint.evaluation.terraform.primitive_types import primitive
from azkvlint.evaluation.values import (
    CHARACTERS_A_STEP,
    ITEMS_A_STEP,
    MAX_TEXT,
    Result,
    doubt_in,
    is_sensitive,
    pattern_of,
)
from azkvlint.model.location import Location
from azkvlint.model.value import Absent, Scalar, Unknown


def joined(parts: Sequence[Result], at: Location, watch: Watch) -> Result:
    """The text that parts make together; its pattern where not all of them are known. Raises FailedError for null."""
    texts: list[str] = []
    doubt: Unknown | None = None
    sensitive = False
    known = True
    watch.spend(len(parts) // ITEMS_A_STEP)
    for part in parts:
        found = primitive(part, "string", at)
        if isinstance(found, Scalar):
            sensitive = sensitive or found.sensitive
            texts.append(str(found.value))
            known = known and not found.sensitive
        elif isinstance(found, Absent):
            raise FailedError("null is printed into a text", at)
        else:
            doubt = doubt if doubt is not None else doubt_in("a resource is printed into a text", at, found)
            sensitive = sensitive or is_sensitive(found)
            if not isinstance(found, Unknown) or not found.is_set:
                watch.risks += 1
            texts.append(pattern_of(found))
            known = known and bool(texts[-1])
    length = sum(map(len, texts))
    watch.spend(length // CHARACTERS_A_STEP)
    if length > MAX_TEXT:
        why = f"a text of more than {MAX_TEXT:,} characters is not looked at"
        return Unknown(at=at, why=why, given=True, sensitive=sensitive)
    if doubt is not None:
        pattern = "".join(texts) if known else ""
        return Unknown(at=at, why=doubt.why, pattern=pattern, given=True, sensitive=sensitive)
    return Scalar(at=at, value="".join(texts), sensitive=sensitive)
