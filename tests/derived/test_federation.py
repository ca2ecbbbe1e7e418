"""The workloads that a federated identity credential trusts, by its subject or its expression of claims."""

from __future__ import annotations

import pytest

from azkvlint.derived.federation import (
    _HOLE,
    ANY_REPOSITORY,
    OTHER_ISSUER,
    PULL_REQUESTS,
    SPECIFIC,
    _of_expression,
    _of_subject,
    _platform,
)
from azkvlint.model.location import Location
from azkvlint.model.value import Scalar, Unknown
from tests.patterns import from_braces

OPEN = ""
PART = _HOLE
HERE = Location(path="main.tf")


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("repo:contoso/app:pull_request", PULL_REQUESTS),
        ("repo:Contoso/App:PULL_REQUEST", PULL_REQUESTS),
        ("repo:contoso/app:ref:refs/heads/pull_request", SPECIFIC),
        ("repo:contoso/app:environment:pull_request", SPECIFIC),
        ("repo:contoso/app:*", SPECIFIC),  # the subject is compared as a whole
        (f"repo:{PART}/{PART}:pull_request", PULL_REQUESTS),
        (f"repo:contoso/app:{PART}", OPEN),
        (f"repo:contoso/app{PART}request", OPEN),
        (f"repo:contoso/app:environment:{PART}", SPECIFIC),
        (f"repo:contoso/app:ref:refs/heads/{PART}", SPECIFIC),
        (f"{PART}:main", SPECIFIC),
        (PART, OPEN),
    ],
)
def test_subject_is_classified(subject: str, expected: str) -> None:
    assert _of_subject(subject) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("claims['sub'] eq 'repo:contoso/app:pull_request'", PULL_REQUESTS),
        ("claims['sub'] matches 'repo:contoso/app:*'", PULL_REQUESTS),
        ("claims['sub'] matches 'repo:contoso/*:pull_request'", PULL_REQUESTS),
        ("claims['sub'] matches 'repo:contoso/app:ref:refs/heads/*'", SPECIFIC),
        ("claims['sub'] matches 'repo:contoso/*:environment:production'", SPECIFIC),
        ("claims['sub'] matches 'repo:contoso*'", ANY_REPOSITORY),
        ("claims['sub'] matches 'repo:?ontoso/app:ref:refs/heads/main'", ANY_REPOSITORY),
        ("claims['sub'] matches '*'", ANY_REPOSITORY),
        ("claims['sub'] matches 'system:serviceaccount:app:*'", SPECIFIC),
        ("claims['sub'] matches 'repo:contoso/app:*' and claims['job_workflow_ref'] eq 'x'", OPEN),
        ("claims['job_workflow_ref'] eq 'x' and claims['sub'] eq 'repo:contoso/app:environment:x'", SPECIFIC),
        (f"claims['sub'] matches 'repo:{PART}/app:*'", OPEN),
        (f"claims['sub'] matches '{PART}*'", OPEN),
        (PART, OPEN),
        ("claims['sub'] matches 'repo:contoso/app:*' and", OPEN),
        ("claims['sub'] contains 'repo'", OPEN),
    ],
)
def test_expression_on_claims_is_classified(expression: str, expected: str) -> None:
    assert _of_expression(expression) == expected


@pytest.mark.parametrize(
    ("issuer", "expected"),
    [
        ("https://token.actions.githubusercontent.com", "GitHub Actions"),
        ("https://token.actions.githubusercontent.com/contoso", "GitHub Actions"),
        ("https://token.actions.contoso.ghe.com", "GitHub Actions"),
        ("https://github.contoso.example/_services/token", "github.contoso.example"),
        ("https://token.actions.githubusercontent.com/a/b/c", "token.actions.githubusercontent.com"),
        ("https://oidc.eks.eu-west-1.amazonaws.com/id/ABCDEF", "Amazon Web Services"),
        (
            "https://oidc.eks.eu-west-1.amazonaws.com.contoso.example/id/ABCDEF",
            "oidc.eks.eu-west-1.amazonaws.com.contoso.example",
        ),
        ("https://container.googleapis.com/v1/projects/p/locations/l/clusters/c", "Google Cloud"),
        ("https://container.googleapis.com", "container.googleapis.com"),
        ("https://login.microsoftonline.com/11111111-1111-1111-1111-111111111111/v2.0", "Microsoft Entra ID"),
        ("https://login.microsoftonline.com.contoso.example/x/v2.0", "login.microsoftonline.com.contoso.example"),
        ("https://vstoken.dev.azure.com/11111111-1111-1111-1111-111111111111", "Azure DevOps"),
        ("https://vstoken.dev.azure.com@contoso.example", "vstoken.dev.azure.com@contoso.example"),
        ("https://app.terraform.io", "HCP Terraform"),
        ("https://x-app.terraform.io", "x-app.terraform.io"),
        ("https://gitlab.com/", "GitLab"),
        ("https://gitlab.com:8443", "gitlab.com:8443"),
        ("https://gitlab.com?x", "gitlab.com"),
        ("https://gitlab.com/contoso/app/-/raw/main", "gitlab.com"),
        ("https://x.y.oic.prod-aks.azure.com/a/b/", "x.y.oic.prod-aks.azure.com"),
        ("https://uksouth.oic.prod-aks.azure.com/a/b/", "Azure Kubernetes Service"),
        (
            "https://token.actions.githubusercontent.com.contoso.example",
            "token.actions.githubusercontent.com.contoso.example",
        ),
        ("https://contoso.example/https://gitlab.com", "contoso.example"),
        ("http://gitlab.com", "http://gitlab.com"),
        ("", OTHER_ISSUER),
    ],
)
def test_issuer_is_classified(issuer: str, expected: str) -> None:
    assert _platform(Scalar(at=HERE, value=issuer)) == expected


def test_an_issuer_with_an_unknown_host_is_not_known() -> None:
    assert _platform(Unknown(at=HERE, why="x", pattern=from_braces("https://{var.x}/x"))) == ""
    assert _platform(Unknown(at=HERE, why="x", pattern=from_braces("https://gitlab.com/{var.x}"))) == ""
    known = from_braces("https://vstoken.dev.azure.com/{var.x}")
    assert _platform(Unknown(at=HERE, why="x", pattern=known)) == "Azure DevOps"
    assert (
        _platform(Unknown(at=HERE, why="x", pattern=from_braces("https://contoso.example/{var.x}")))
        == "contoso.example"
    )
