"""The services that issue tokens for federated identity credentials, by the issuers that they document.

A host that contains or ends with the name of a service is not one of it. Where a host also serves content of its users,
such as the files of a repository, only the documented path is an issuer.

Sources: docs.github.com/actions/reference/security/oidc and
docs.github.com/enterprise-cloud@latest/rest/actions/oidc (issuers of GitHub, with the slug of an enterprise),
learn.microsoft.com/azure/aks/use-oidc-issuer (Azure Kubernetes Service),
learn.microsoft.com/entra/identity-platform/access-token-claims-reference (Microsoft Entra ID),
learn.microsoft.com/azure/devops/pipelines/release/configure-workload-identity (Azure DevOps),
docs.aws.amazon.com/cognito/latest/developerguide/role-based-access-control.html and
docs.aws.amazon.com/eks/latest/userguide/iam-roles-for-service-accounts.html (Amazon Web Services),
developers.google.com/identity/openid-connect/openid-connect and
docs.cloud.google.com/kubernetes-engine/docs/reference/rest (Google Cloud),
docs.gitlab.com/ci/secrets/id_token_authentication (GitLab),
developer.hashicorp.com/terraform/cloud-docs/dynamic-provider-credentials (HCP Terraform), and
learn.microsoft.com/azure/governance/policy/samples/built-in-policies (issuers of federated identity credentials).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from azkvlint.util.lazy_regex import regex

GITHUB, AKS = "GitHub Actions", "Azure Kubernetes Service"
HOLE = "\ue000"  # stands for an unknown part of an issuer
_PART = rf"[\w.~{HOLE}-]+"  # a segment of a path, of which a part may be unknown
_ROOT = regex(r"/?")
_TENANT = regex(rf"/{_PART}(?:/v2\.0)?/?")
# The path of the issuer of GitHub Enterprise Server, whose host is that of its owner.
_ENTERPRISE_SERVER = "/_services/token"
_URL = regex(r"https://([^/?#]+)(.*)")


class _Service(NamedTuple):
    """A service with the hosts of its issuers, and the paths that these have."""

    name: str
    hosts: re.Pattern[str]
    paths: re.Pattern[str]


_SERVICES = (
    _Service(GITHUB, regex(r"token\.actions\.(?:githubusercontent\.com|[\w-]+\.ghe\.com)"), regex(rf"(?:/{_PART})?/?")),
    _Service(
        AKS, regex(r"(?:[a-z0-9]+\.oic|oidc)\.prod-aks\.azure\.(?:com|us|cn)"), regex(rf"/{_PART}(?:/{_PART})?/?")
    ),
    _Service(
        "Microsoft Entra ID",
        regex(r"login\.microsoftonline\.(?:com|us)|login\.partner\.microsoftonline\.cn|sts\.windows\.net"),
        _TENANT,
    ),
    _Service("Azure DevOps", regex(r"vstoken\.dev\.azure\.com"), regex(rf"/{_PART}/?")),
    _Service("Amazon Web Services", regex(r"cognito-identity\.amazonaws\.com"), _ROOT),
    _Service("Amazon Web Services", regex(r"oidc\.eks\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?"), regex(rf"/id/{_PART}/?")),
    _Service("Google Cloud", regex(r"accounts\.google\.com"), _ROOT),
    _Service(
        "Google Cloud",
        regex(r"container\.googleapis\.com"),
        regex(rf"/v1/projects/{_PART}/(?:locations|zones)/{_PART}/clusters/{_PART}/?"),
    ),
    _Service("GitLab", regex(r"gitlab\.com"), _ROOT),
    _Service("HCP Terraform", regex(r"app(?:\.eu)?\.terraform\.io"), _ROOT),
)


def service_of(issuer: str) -> str:
    """Return the service that an issuer is of, or else its host; empty if an unknown part decides that.

    An address without a host, or without TLS, is returned as it is.
    """
    text = issuer.lower()
    match = _URL.fullmatch(text)
    if match is None:
        return "" if HOLE in text[: len("https://") + 1] or not text else text
    host, path = match[1], match[2]
    if HOLE in host:
        return ""
    of_host = [one for one in _SERVICES if one.hosts.fullmatch(host)]
    found = next((one.name for one in of_host if one.paths.fullmatch(path)), "")
    return found or ("" if of_host and HOLE in path else host)


def may_be_github(issuer: str) -> bool:
    """Return whether an issuer is of GitHub, has the path of a server of one's own, or is not known."""
    return service_of(issuer) in ("", GITHUB) or issuer.lower().rstrip("/").endswith(_ENTERPRISE_SERVER)
