"""What a role allows, by its definition: a built-in role, a custom role, or one that is not known.

Sources: learn.microsoft.com/azure/role-based-access-control/role-definitions (wildcards, and that notActions are
subtracted only from the actions of the same permission) and .../conditions-overview.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from azkvlint.azure.roles import (
    ASSIGNS,
    ATTACHES,
    CONTROL,
    CONTROL_OF_HSM,
    DATA,
    DEPLOYS,
    FEDERATES,
    FULL_ACCESS,
    LOCAL_NAMES,
    MAY_RUN,
    MAY_RUN_BY_DATA_ACTIONS,
    PUBLISHES,
    SIGN_INS,
    STARTED,
    UNLOCKS,
    UNNAMED,
    WORKLOADS,
    BuiltInRole,
    Started,
    fits,
    role_by_name,
    roles_that_name,
)
from azkvlint.derived.companions import Sure
from azkvlint.model.pattern import Text
from azkvlint.model.resource import Resource
from azkvlint.model.value import Answer, ListValue, Scalar, Unknown, Value

if TYPE_CHECKING:
    from azkvlint.derived.conditions import RoleAssignmentCondition

DEFINITIONS = "microsoft.authorization/roledefinitions"
_BUILT_IN, _CUSTOM = "built-in ", "custom "  # how keys begin
# The actions that let a principal act as an identity.
_ACTS = (
    FEDERATES,
    ATTACHES,
    *(action for table in (WORKLOADS, MAY_RUN, PUBLISHES) for actions in table.values() for action in actions),
    *dict.fromkeys(action for ways in STARTED.values() for way in ways for action in way.writes),
)
_SIGNS_IN = tuple(
    action for table in (SIGN_INS, MAY_RUN_BY_DATA_ACTIONS) for actions in table.values() for action in actions
)
_RELEVANT = (*CONTROL, *CONTROL_OF_HSM, UNLOCKS, *_ACTS)
# How actions begin that can concern a vault or an identity.
_BEGINNINGS = ("*", *{f"{one.lower().partition('/')[0]}/" for one in (*_RELEVANT, *DATA, *_SIGNS_IN)})


def condition_in(text: Text) -> RoleAssignmentCondition:
    """Return the condition that a text states. Few roles and assignments have one."""
    from azkvlint.derived.conditions import RoleAssignmentCondition

    return RoleAssignmentCondition(text)


class Permissions:
    """The permissions of one role.

    Roles with equal ``key``s allow the same. ``why`` is what would decide what is only possible.
    """

    def __init__(self, key: str, name: str, blocks: Iterable[_Block], why: str = "", definition: str = "") -> None:
        self.key, self.name, self.why, self.definition = key, name, why, definition
        self._blocks = tuple(blocks)
        self._known: dict[tuple[str, bool], Sure] = {}
        self._assignable: dict[bool, Mapping[str, Sure] | None] = {}

    @property
    def is_built_in(self) -> bool:
        """Return whether it is a role of Azure."""
        return self.key.startswith(_BUILT_IN)

    @property
    def is_custom(self) -> bool:
        """Return whether its definition is in the input."""
        return self.key.startswith(_CUSTOM)

    def control(self, action: str) -> Sure:
        """Return whether the role allows an action of the control plane.

        It allows to assign roles if ``assignable`` has any role.
        """
        return self._allows(action, is_data=False)

    def data(self, action: str) -> Sure:
        """Return whether the role allows a data action."""
        return self._allows(action, is_data=True)

    def starts(self, way: Started) -> Sure:
        """Return whether the role allows to write code and to start it."""
        return min(max(map(self.control, actions)) for actions in (way.writes, *way.starts))

    def _allows(self, action: str, is_data: bool) -> Sure:
        found = self._known.get((action, is_data))
        if found is None:
            found = max((block.allows(action, is_data) for block in self._blocks), default=Sure.NO)
            self._known[action, is_data] = found
        return found

    def assignable(self, *, to_itself: bool = False) -> Mapping[str, Sure] | None:
        """Return the roles, by name, that the conditions of the definition let its holder assign; None for all roles.

        ``to_itself``: assign to itself.
        """
        if to_itself not in self._assignable:
            self._assignable[to_itself] = self._roles(to_itself)
        return self._assignable[to_itself]

    def assigns_unnamed(self) -> Sure:
        """Return whether the conditions of the definition let its holder assign a role that they do not name."""
        conditions = self._conditions()
        return Sure.YES if conditions is None else max(one.of_role(UNNAMED).sure for one in conditions)

    def _conditions(self) -> list[RoleAssignmentCondition] | None:
        """Return the conditions under which the role allows to assign roles; None if one permission has none."""
        blocks = [block for block in self._blocks if block.allows(ASSIGNS, is_data=False) is not Sure.NO]
        conditions = [block.condition for block in blocks if block.condition is not None]
        return conditions if blocks and len(conditions) == len(blocks) else None

    def _roles(self, to_itself: bool) -> Mapping[str, Sure] | None:
        conditions = self._conditions()
        if conditions is None:
            return None
        found = {
            name: max(one.of_role(guid, to_itself=to_itself).sure for one in conditions)
            for guid, name in relevant_roles().items()
        }
        return {name: sure for name, sure in found.items() if sure is not Sure.NO}


class _Actions:
    """A list of actions, with those that it may contain too. ``is_open``: it may contain any."""

    def __init__(self, actions: Iterable[str] = (), possible: Iterable[str] = (), *, is_open: bool = False) -> None:
        every = tuple(actions)
        self._exact = frozenset(one.lower() for one in every)
        self._patterns = _by_beginning(one for one in every if "*" in one)
        self.is_open = is_open
        # Whether an asterisk between two slashes can stand for no segment at all is not documented.
        self._possible = _by_beginning((*possible, *(one.replace("/*/", "/") for one in every if "/*/" in one)))
        self._is_empty = not (every or self._possible or is_open)

    def fits(self, action: str) -> Sure:
        """Return whether the list covers an action."""
        if self._is_empty:
            return Sure.NO
        text = action.lower()
        if text in self._exact or any(text.startswith(start) and fits(one, text) for start, one in self._patterns):
            return Sure.YES
        may_be = self.is_open or any(text.startswith(start) and fits(one, text) for start, one in self._possible)
        return Sure.PERHAPS if may_be else Sure.NO


def _by_beginning(actions: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return actions with their beginnings before the first asterisk, which exclude most of them quickly."""
    return tuple((one.lower().partition("*")[0], one) for one in actions)


class _Block:
    """One permission of a role: actions less notActions, data actions less notDataActions, under a condition."""

    def __init__(
        self, control: tuple[_Actions, _Actions], data: tuple[_Actions, _Actions], condition: str = ""
    ) -> None:
        self._control, self._data = control, data
        self.is_open = any(one.is_open for one in (*control, *data))
        self.condition = condition_in(condition) if condition else None

    def allows(self, action: str, is_data: bool) -> Sure:
        """Return whether this permission allows an action; to assign roles, whichever the condition allows."""
        given, taken = self._data if is_data else self._control
        found = given.fits(action)
        if found is not Sure.NO:
            found = Sure(min(found, Sure.YES - taken.fits(action)))
        if found is Sure.NO or self.condition is None or action == ASSIGNS:
            return found
        truth = self.condition.of_action(action)
        if True not in truth.possible:
            return Sure.NO
        return Sure.PERHAPS if False in truth.possible else found


_OPEN = _Actions(is_open=True)
_UNKNOWN_BLOCK = _Block((_OPEN, _Actions()), (_OPEN, _Actions()))


@cache
def built_in(name: str) -> Permissions | None:
    """Return the permissions of a built-in role by its name in lower case; None for another role."""
    role = role_by_name(name)
    return None if role is None else of_built_in(role)


def of_built_in(role: BuiltInRole) -> Permissions:
    """Return the permissions of a role by its definition."""
    possible = () if role.is_complete else (*_ACTS, DEPLOYS)
    blocks = [
        _Block(
            (_Actions(one.actions, possible), _Actions(one.not_actions)),
            (_Actions(one.data_actions), _Actions(one.not_data_actions)),
            one.condition,
        )
        for one in role.permissions
    ]
    why = f"the actions of role `{role.name}` are not confirmed"
    return Permissions(f"{_BUILT_IN}{role.id}", role.name, blocks, why)


@cache
def relevant_roles() -> Mapping[str, str]:
    """Return the names of the roles that can reach a vault or act as an identity, local ones too, by ID."""
    found = dict(LOCAL_NAMES)
    for role in roles_that_name(_BEGINNINGS):
        own = built_in(role.name.lower())
        if own is not None and (
            any(own.control(one) for one in _RELEVANT) or any(own.data(one) for one in (*DATA, *_SIGNS_IN))
        ):
            found[role.id] = role.name
    return found


def reaches_vaults(role: Permissions, seen: frozenset[str] = frozenset()) -> Sure:
    """Return whether a role has an operation on vaults, or its holder can assign a role that has."""
    found = max(
        (*(role.control(one) for one in CONTROL if one != ASSIGNS), *(role.data(one) for one in DATA)),
    )
    return max(found, min(role.control(ASSIGNS), _assigns_reach(role, seen)))


def _assigns_reach(role: Permissions, seen: frozenset[str]) -> Sure:
    if role.control(ASSIGNS) is Sure.NO or role.name in seen:
        return Sure.NO
    every = role.assignable()
    return Sure.YES if every is None else any_of(every, lambda own: reaches_vaults(own, seen | {role.name}))


def any_of(roles: Mapping[str, Sure], has: Callable[[Permissions], Sure]) -> Sure:
    """Return whether one of these roles, which are each certain or possible, certainly or possibly has an ability."""
    found = Sure.NO
    for name, sure in roles.items():
        own = built_in(name.lower()) if sure > found else None
        found = max(found, min(sure, has(own))) if own is not None else found
        if found is Sure.YES:
            break
    return found


def assigns(role: Permissions) -> Sure:
    """Return whether the holder of a role can assign a role that reaches vaults."""
    return min(role.control(ASSIGNS), _assigns_reach(role, frozenset()))


def has_full_access(role: Permissions) -> Sure:
    """Return whether a role allows all that together is full access to secrets and keys."""
    return min(role.data(action) for action in FULL_ACCESS)


def administers(role: Permissions, seen: frozenset[str] = frozenset()) -> Sure:
    """Return whether a role has full access to secrets and keys, or lets assign only some roles, one of which has."""
    found = has_full_access(role)
    every = role.assignable() if found is not Sure.YES and role.name not in seen else None
    if every is not None:
        listed = any_listed(every, role.assigns_unnamed(), seen | {role.name})
        found = max(found, min(role.control(ASSIGNS), listed))
    return found


def any_listed(roles: Mapping[str, Sure], unnamed: Sure, seen: frozenset[str] = frozenset()) -> Sure:
    """Return whether conditions let assign an administrator of vaults, and no roles but those that they name."""
    if unnamed is Sure.YES:
        return Sure.NO
    return min(Sure(Sure.YES - unnamed), any_of(roles, lambda own: administers(own, seen)))


@cache
def administrators() -> Mapping[str, Sure]:
    """Return whether each of the relevant built-in roles administers vaults or lets assign any role, by name.

    Azure lists the roles that a subscription can assign. Those that only its documentation has are not among them.
    """
    found: dict[str, Sure] = {}
    for name in relevant_roles().values():
        role, own = role_by_name(name.lower()), built_in(name.lower())
        if role is not None and own is not None and role.is_complete:
            any_role = own.control(ASSIGNS) if own.assignable() is None else Sure.NO
            found[name] = max(any_role, administers(own))
    return found


def unknown(name: str, why: str) -> Permissions:
    """Return the permissions of a role that may allow anything."""
    return Permissions(f"unknown {name} {why}", name, [_UNKNOWN_BLOCK], why)


def of_definition(definition: Resource, name: str) -> Permissions:
    """Return the permissions of a custom role."""
    listed = definition.select(("properties", "permissions"))
    if isinstance(listed, Unknown):
        return unknown(name, f"the permissions of role `{name}` are unknown: {listed.why}")
    blocks = [_block(one) for one in (listed.items if isinstance(listed, ListValue) else ())]
    is_arm = definition.type.lower() == DEFINITIONS
    is_known = not any(block.is_open for block in blocks)
    why = f"the actions of role `{name}` are {'not confirmed' if is_known else 'not all known'}"
    return Permissions(f"{_CUSTOM}{definition.address}", name, blocks, why, definition.address if is_arm else "")


def _block(permission: Value) -> _Block:
    if isinstance(permission, Unknown):
        return _UNKNOWN_BLOCK
    parts = [
        _actions_in(permission.select((name,))) for name in ("actions", "notActions", "dataActions", "notDataActions")
    ]
    return _Block((parts[0], parts[1]), (parts[2], parts[3]))


def _actions_in(answer: Answer) -> _Actions:
    items = answer.as_items
    known = [str(item.value) for item in items if isinstance(item, Scalar)]
    return _Actions(known, is_open=len(known) < len(items))
