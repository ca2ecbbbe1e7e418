"""Whether a condition of a role assignment lets a role be assigned: yes, no, or not known."""

from __future__ import annotations

import pytest

from azkvlint.derived.delegation import _tokens, _truth_for_role

OWNER, READER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "acdd72a7-3385-48ef-bd42-f606fba81ae7"
ROLE = "@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId]"
OTHER = "@Request[Microsoft.Authorization/roleAssignments:PrincipalType]"
WRITE = "ActionMatches{'Microsoft.Authorization/roleAssignments/write'}"
DELETE = "ActionMatches{'Microsoft.Authorization/roleAssignments/delete'}"
YES, NO, OPEN = "yes", "no", "open"


def lets(condition: str, role: str = OWNER) -> str:
    """Whether a condition allows a role."""
    truth = _truth_for_role(_tokens(condition), role)
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
        (f'{ROLE} ForAnyOfAnyValues:GuidEquals {{\u27e8join(",", [\u27e8x\u27e9])\u27e9}}', OPEN),
        (f"{ROLE} ForAnyOfAnyValues:GuidEquals {{\u27e8x\u27e9, {OWNER}}}", YES),
        (f"{ROLE} ForAnyOfAllValues:GuidNotEquals {{\u27e8x\u27e9, {OWNER}}}", NO),
        (f"{ROLE} GuidEquals @Principal[Microsoft.Directory/CustomSecurityAttributes/Id:a_b]", OPEN),
        (f"{ROLE.replace('Request', 'Resource')} GuidEquals {{{READER}}}", OPEN),
        ("SubOperationMatches{'Blob.List'}", OPEN),
        ("ActionMatches{'\u27e8x\u27e9'}", OPEN),
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
def test_a_condition(condition: str, expected: str) -> None:
    assert lets(condition) == expected


def test_what_no_answer_hangs_on_may_be_unknown() -> None:
    odd = f"{ROLE} GuidEquals {{{READER}}} AND SubOperationMatches{{'x'}}"
    assert lets(odd) == NO
    assert lets(odd, READER) == OPEN
