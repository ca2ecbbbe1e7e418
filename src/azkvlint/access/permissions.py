"""What a role allows, certainly, possibly, or not at all, and the capabilities that a matrix has as columns.

Every action and data action is decided. The words of ``--permission``, ``--max`` and ``--deny`` are capabilities.
"""

from __future__ import annotations

from collections.abc import Iterable

from azkvlint.azure.roles import (
    ACTIONS_OF,
    ASSIGNS_LOCAL_ROLES,
    actions_of_role,
    role_by_name,
    unconfirmed_actions_of_role,
)
from azkvlint.derived.assignments import DEFINITIONS, any_fits, custom_role, declared_role, role_name
from azkvlint.derived.companions import Sure
from azkvlint.derived.registry import Context
from azkvlint.model.access import Capability
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, ListValue, Scalar, Unknown, Value, select
from azkvlint.util.errors import UsageError, did_you_mean

# Words for what only the control plane allows, beside the permissions of access policies.
NETWORK, ACCESS, DELETE, PURGE = "vault/network", "vault/access", "vault/delete", "vault/purge"
# Managed storage accounts are not reported.
DATA_WORDS = frozenset(word for word in ACTIONS_OF if not word.startswith("storage/"))
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


class Permissions:
    """The permissions of one role.

    Roles with equal ``key``s allow the same. ``why`` is what would decide what is only possible.
    """

    def __init__(self, key: str, name: str, blocks: Iterable[_Block], why: str = "", definition: str = "") -> None:
        self.key, self.name, self.why, self.definition = key, name, why, definition
        self._blocks = tuple(blocks)
        self._known: dict[tuple[str, bool], Sure] = {}

    def control(self, action: str) -> Sure:
        """Return whether the role allows an action of the control plane."""
        return self._allows(action, is_data=False)

    def data(self, action: str) -> Sure:
        """Return whether the role allows a data action."""
        return self._allows(action, is_data=True)

    def _allows(self, action: str, is_data: bool) -> Sure:
        found = self._known.get((action, is_data))
        if found is None:
            found = max((block.allows(action, is_data) for block in self._blocks), default=Sure.NO)
            self._known[action, is_data] = found
        return found


class _Words:
    """A list of actions, with those that it may contain too. ``is_open``: it may contain any."""

    def __init__(self, words: Iterable[str] = (), possible: Iterable[str] = (), *, is_open: bool = False) -> None:
        self.words, self.possible, self.is_open = tuple(words), tuple(possible), is_open

    def fits(self, action: str) -> Sure:
        if any_fits(self.words, action):
            return Sure.YES
        return Sure.PERHAPS if self.is_open or any_fits(self.possible, action) else Sure.NO


class _Block:
    """One permission of a role: actions less notActions, data actions less notDataActions."""

    def __init__(self, control: tuple[_Words, _Words], data: tuple[_Words, _Words]) -> None:
        self._control, self._data = control, data

    def allows(self, action: str, is_data: bool) -> Sure:
        """Return whether this permission allows an action."""
        given, taken = self._data if is_data else self._control
        return Sure(min(given.fits(action), Sure.YES - taken.fits(action)))


_OPEN = _Words(is_open=True)
_UNKNOWN_BLOCK = _Block((_OPEN, _Words()), (_OPEN, _Words()))


def built_in(name: str) -> Permissions | None:
    """Return the permissions of a built-in role; None for another role."""
    role = role_by_name(name.lower())
    if role is None:
        return None
    actions, possible = (*role.actions, *actions_of_role(role.id)), unconfirmed_actions_of_role(role.id)
    block = _Block((_Words(actions, possible), _Words(role.not_actions)), (_Words(role.data_actions), _Words()))
    why = f"the actions of role `{role.name}` are not confirmed" if possible else ""
    return Permissions(f"built-in {role.id}", role.name, [block], why)


def unknown(name: str, why: str) -> Permissions:
    """Return the permissions of a role that may allow anything."""
    return Permissions(f"unknown {name} {why}", name, [_UNKNOWN_BLOCK], why)


def permissions_of(assignment: Resource, context: Context) -> Permissions:
    """Return the permissions of the role that an assignment assigns."""
    name = role_name(assignment, context)
    if not isinstance(name, Scalar):
        declared = declared_role(assignment, context)
        if declared is not None:
            return of_definition(declared, declared.address)
        return unknown("", f"the role is unknown: {name.why}" if isinstance(name, Unknown) else "the role is not set")
    text = "a role" if name.sensitive else str(name.value)
    found = built_in(text)
    if found is not None:
        return found
    definition = custom_role(assignment, name, context)
    if definition is None:
        return unknown(text, f"role `{text}` is not declared in the scanned files")
    if isinstance(definition, Unknown):
        return unknown(text, f"the name of a custom role is unknown: {definition.why}")
    return of_definition(definition, text)


def of_definition(definition: Resource, name: str) -> Permissions:
    """Return the permissions of a custom role."""
    listed = definition.select(("properties", "permissions"))
    if isinstance(listed, Unknown):
        return unknown(name, f"the permissions of role `{name}` are unknown: {listed.why}")
    blocks = [_block(one) for one in (listed.items if isinstance(listed, ListValue) else ())]
    is_arm = definition.type.lower() == DEFINITIONS
    why = f"the permissions of role `{name}` are not all known"
    return Permissions(f"custom {definition.address}", name, blocks, why, definition.address if is_arm else "")


def _block(permission: Value) -> _Block:
    if isinstance(permission, Unknown):
        return _UNKNOWN_BLOCK
    parts = [_words(select(permission, (name,))) for name in ("actions", "notActions", "dataActions", "notDataActions")]
    return _Block((parts[0], parts[1]), (parts[2], parts[3]))


def _words(answer: Answer) -> _Words:
    if isinstance(answer, Absent):
        return _Words()
    items = answer.items if isinstance(answer, ListValue) else (answer,)
    known = [str(item.value) for item in items if isinstance(item, Scalar)]
    return _Words(known, is_open=len(known) < len(items))


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
