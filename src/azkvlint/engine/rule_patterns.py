"""The regular expressions of rules. A wheel has the proofs that those of the built-in rules are bounded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache

import msgspec

from azkvlint.util.compiled_files import read_compiled
from azkvlint.util.errors import InternalError
from azkvlint.util.safe_regex import Proof, RulePattern

PROOFS = "rules/patterns.json"


def rule_pattern(text: str) -> RulePattern:
    """Return the regular expression of a rule."""
    return RulePattern(text, builtin_proofs().get(text))


@cache
def builtin_proofs() -> Mapping[str, Proof]:
    """Return the proofs of the built-in rules. Raise InternalError if they cannot be read."""
    return proofs_of_package(os.path.dirname(os.path.dirname(__file__)))


def proofs_of_package(package: str) -> Mapping[str, Proof]:
    """Return the compiled proofs in the folder ``package``; in a checkout, which has none, they are computed later."""
    try:
        return msgspec.json.Decoder(dict[str, Proof]).decode(read_compiled(package, PROOFS))
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        raise InternalError("the built-in rules cannot be read", hint="Install kvlint again.") from error
