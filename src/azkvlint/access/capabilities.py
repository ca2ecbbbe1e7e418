"""The capabilities that a matrix has as columns, and the words of ``--permission``, ``--max`` and ``--deny``."""

from __future__ import annotations

from collections.abc import Iterable

from azkvlint.azure.roles import ASSIGNS_LOCAL_ROLES, DATA
from azkvlint.model.access import Capability
from azkvlint.util.errors import UsageError, did_you_mean

# Words for what only the control plane allows, beside the permissions of access policies.
NETWORK, ACCESS, DELETE, PURGE = "vault/network", "vault/access", "vault/delete", "vault/purge"
# Permissions of access policies without a data action of their own in the table.
_POLICY_WORDS = frozenset(
    {
        "keys/getrotationpolicy", "keys/setrotationpolicy", "keys/list", "certificates/list", "certificates/getissuers",
        "certificates/listissuers", "certificates/managecontacts", "certificates/manageissuers",
        "certificates/setissuers", "certificates/deleteissuers",
    }
)  # fmt: skip
DATA_WORDS = frozenset(DATA.values()) | _POLICY_WORDS
_USED = ("decrypt", "encrypt", "sign", "verify", "wrapkey", "unwrapkey", "release")
_MANAGED = {
    "secrets": "set delete backup restore recover",
    "keys": "create import update delete backup restore recover rotate setrotationpolicy",
    "certificates": "create import update delete backup restore recover managecontacts manageissuers setissuers"
    " deleteissuers",
}
_PURGED = frozenset({f"{kind}/purge" for kind in _MANAGED} | {PURGE})

CAPABILITIES = (
    Capability("secrets/get", "read secrets", frozenset({"secrets/get"})),
    Capability("keys/use", "use keys", frozenset(f"keys/{word}" for word in _USED)),
    Capability("certificates/get", "use certificates", frozenset({"certificates/get"})),
    Capability(
        "manage",
        "manage objects",
        frozenset(f"{kind}/{word}" for kind, words in _MANAGED.items() for word in words.split()),
    ),
    Capability("purge", "purge", _PURGED),
    Capability("network", "change the network", frozenset({NETWORK})),
    Capability("access", "change access", frozenset({ACCESS, ASSIGNS_LOCAL_ROLES})),
    Capability("delete", "delete the vault", frozenset({DELETE})),
)
_BY_NAME = {one.name: one for one in CAPABILITIES}
_SINGLE = DATA_WORDS - _BY_NAME.keys()


def names() -> list[str]:
    """Return every permission that an option accepts: the capabilities, then single permissions of access policies."""
    return [*_BY_NAME, *sorted(_SINGLE)]


def capability(text: str, option: str) -> Capability:
    """Return the capability that a word of an option names. Raise UsageError."""
    word = text.strip().lower()
    found = _BY_NAME.get(word)
    if found is None and word in _SINGLE:
        found = Capability(word, word, frozenset({word}))
    if found is None:
        hint = did_you_mean(word, names()) or f"write one of {', '.join(_BY_NAME)}, or a permission such as keys/sign"
        raise UsageError(f"{option}: `{text}` is not a permission", hint)
    return found


def chosen(words: Iterable[str], option: str) -> tuple[Capability, ...]:
    """Return the capabilities that the words of an option name, without repetitions. Raise UsageError."""
    return tuple({one.name: one for one in (capability(word, option) for word in words)}.values())
