"""Whether a condition of a role assignment lets a role be assigned: yes, no, or not known."""

from __future__ import annotations

import pytest

from azkvlint.derived.conditions import RoleAssignmentCondition
from tests.patterns import from_braces

OWNER, READER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "acdd72a7-3385-48ef-bd42-f606fba81ae7"
ROLE = "@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId]"
OTHER = "@Request[Microsoft.Authorization/roleAssignments:PrincipalType]"
WRITE = "ActionMatches{'Microsoft.Authorization/roleAssignments/write'}"
DELETE = "ActionMatches{'Microsoft.Authorization/roleAssignments/delete'}"
YES, NO, OPEN = "yes", "no", "open"


def lets(condition: str, role: str = OWNER) -> str:
    """Whether a condition allows a role."""
    truth = RoleAssignmentCondition(from_braces(condition, "<>") or "").of_role(role)
    return YES if True in truth.certain else OPEN if True in truth.possible else NO


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("", YES),
        (f"{ROLE} ForAnyOfAnyValues:GuidEquals {{{OWNER}}}", YES),
        (f"{ROLE} ForAnyOfAnyValues:GuidEquals {{{READER}, {OWNER.upper()}}}", YES),
        (f"{ROLE} ForAnyOfAnyValues:GuidEquals {{'{READER}'}}", NO),
        (f"{ROLE} GuidEquals {READER}", NO),
        (f"{ROLE} GuidEquals '{OWNER}'", YES),
        (f"{ROLE} ForAnyOfAllValues:GuidEquals {{{READER}, {OWNER}}}", NO),
        (f"{ROLE} ForAnyOfAllValues:GuidNotEquals {{{READER}, {OWNER}}}", NO),
        (f"{ROLE} ForAnyOfAllValues:GuidNotEquals {{{READER}}}", YES),
        # Any request differs from one of two.
        (f"{ROLE} ForAnyOfAnyValues:GuidNotEquals {{{READER}, {OWNER}}}", YES),
        (f"(!({WRITE}) OR ({ROLE} ForAnyOfAnyValues:GuidEquals {{{READER}}}))", NO),
        (f"(!({WRITE}) OR ({ROLE} ForAnyOfAnyValues:GuidEquals {{{OWNER}}}))", YES),
        (f"!({DELETE}) OR {ROLE} GuidEquals {{{READER}}}", YES),
        ("!(ActionMatches{'Microsoft.Authorization/roleAssignments/*'}) OR (Exists @Request[a:b])", YES),
        (f"NOT {WRITE} || {ROLE} GuidEquals {{{READER}}} && {OTHER} StringEquals 'User'", NO),
        (f"{ROLE} GuidEquals {{{OWNER}}} AND {OTHER} StringEqualsIgnoreCase {{'User', 'Group'}}", YES),
        (f"{OTHER} StringEqualsIgnoreCase 'User'", YES),
        (f"not {OTHER} StringEqualsIgnoreCase 'User' and {ROLE} guidequals {{{READER}}}", NO),
        # What is not understood, or not known, and decides.
        (f"{ROLE} StringEquals '{READER}'", OPEN),
        (f"{ROLE} ForAnyOfAnyValues:GuidEquals {{}}", OPEN),
        (f'{ROLE} ForAnyOfAnyValues:GuidEquals {{<join(",", [<x>])>}}', OPEN),
        (f"{ROLE} ForAnyOfAnyValues:GuidEquals {{<x>, {OWNER}}}", YES),
        (f"{ROLE} ForAnyOfAllValues:GuidNotEquals {{<x>, {OWNER}}}", NO),
        (f"{ROLE} GuidEquals @Principal[Microsoft.Directory/CustomSecurityAttributes/Id:a_b]", OPEN),
        (f"{ROLE.replace('Request', 'Resource')} GuidEquals {{{READER}}}", OPEN),
        ("SubOperationMatches{'Blob.List'}", OPEN),
        ("ActionMatches{'<x>'}", OPEN),
        (f"{ROLE} GuidEquals {{{READER}}} {OTHER} StringEquals 'x'", OPEN),
        (f"({ROLE} GuidEquals {{{READER}}}", OPEN),
        (f"{ROLE} GuidEquals {{{READER}}})", OPEN),
        ("no Owner, please", OPEN),
        ("!", OPEN),
        ("()", OPEN),
        ("'", OPEN),
        ("(" * 5000, OPEN),
        ("!" * 5000 + WRITE, OPEN),
        (" " * 30_000 + WRITE, OPEN),
        (f"{ROLE} GuidEquals {{{READER}}} OR " * 500 + "x", OPEN),
    ],
)  # fmt: skip
def test_condition_decides_whether_a_role_can_be_assigned(condition: str, expected: str) -> None:
    assert lets(condition) == expected


def test_unknown_part_of_a_condition_that_cannot_change_the_result_is_ignored() -> None:
    odd = f"{ROLE} GuidEquals {{{READER}}} AND SubOperationMatches{{'x'}}"
    assert lets(odd) == NO
    assert lets(odd, READER) == OPEN


SECRETS = "Microsoft.KeyVault/vaults/secrets"
NAME = f"@Resource[{SECRETS}:name]"
GET = f"ActionMatches{{'{SECRETS}/getSecret/action'}}"
ALWAYS, SOMETIMES, NEVER = "always", "sometimes", "never"


def allows(condition: str, action: str, *, is_listing: bool = False) -> str:
    """When a condition allows a data action."""
    truth = RoleAssignmentCondition(from_braces(condition, "<>") or "").of_action(
        f"{SECRETS}/{action}", is_listing=is_listing
    )
    if truth.certain != truth.possible:
        return OPEN
    return SOMETIMES if len(truth.certain) == 2 else ALWAYS if True in truth.certain else NEVER


@pytest.mark.parametrize(
    ("condition", "get", "backup"),
    [
        (f"!({GET}) OR {NAME} StringStartsWith 'app-'", SOMETIMES, ALWAYS),
        (f"({GET}) OR {NAME} StringStartsWith 'app-'", ALWAYS, SOMETIMES),
        (f"({GET}) AND {NAME} StringStartsWith 'app-'", SOMETIMES, NEVER),
        (f"!({GET}) OR {NAME} StringStartsWith ''", ALWAYS, ALWAYS),
        (f"!({GET}) OR {NAME} StringLike '*'", ALWAYS, ALWAYS),
        (f"!({GET}) OR {NAME} StringLike 'a*'", SOMETIMES, ALWAYS),
        (f"{NAME} StringEquals 'a'", SOMETIMES, SOMETIMES),
        (f"!(ActionMatches{{'{SECRETS}/*'}}) OR {NAME} StringEquals 'a'", SOMETIMES, SOMETIMES),
        (f"!(ActionMatches{{'{SECRETS}/getSecrets/action'}}) OR {NAME} StringEquals 'a'", ALWAYS, ALWAYS),
        (f"!(SubOperationMatches{{'x'}}) OR {NAME} StringEquals 'a'", OPEN, OPEN),
        (f"!({GET} OR", OPEN, OPEN),
    ],
)
def test_condition_decides_on_data_actions(condition: str, get: str, backup: str) -> None:
    assert allows(condition, "getSecret/action") == get
    assert allows(condition, "backup/action") == backup


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (f"{NAME} StringStartsWith 'app-'", NEVER),
        (f"{NAME} StringNotEquals 'app-'", OPEN),
        (f"!({GET}) OR {NAME} StringStartsWith 'app-'", ALWAYS),
        ("@Resource[Microsoft.KeyVault/vaults:name] StringEquals 'kv'", SOMETIMES),
    ],
)
def test_condition_decides_whether_secrets_can_be_listed(condition: str, expected: str) -> None:
    assert allows(condition, "readMetadata/action", is_listing=True) == expected
