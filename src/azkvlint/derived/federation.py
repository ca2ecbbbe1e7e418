"""Federated identity credentials: the workloads that they trust, and the access to vaults of their identities.

Sources: learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations (a subject is compared as a
whole), .../workload-identities-flexible-federated-identity-credentials (expressions with wildcards), and
docs.github.com/actions/reference/security/oidc (the subjects of GitHub).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from azkvlint.azure.azurerm.resources import APPLICATION_CREDENTIALS
from azkvlint.azure.issuers import AKS, HOLE, may_be_github, service_of
from azkvlint.azure.roles import IDENTITIES
from azkvlint.derived.answers import absent, known, unknown, unknown_as
from azkvlint.derived.companions import Sure, targets_of
from azkvlint.derived.grants import Identity, owner_of
from azkvlint.derived.registry import Context, derived
from azkvlint.graph.references import Index, parent_of
from azkvlint.model.pattern import Hole, Text, bare, declared_in, marked, parts_of, without_brackets
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Path, Scalar, Unknown
from azkvlint.util.lazy_regex import regex

CREDENTIALS = f"{IDENTITIES}/federatedidentitycredentials"
APPLICATION_CREDENTIAL_TYPE = APPLICATION_CREDENTIALS.lower()
APPLICATIONS = "terraform/applications"
SUBJECT: Path = ("properties", "subject")
EXPRESSION: Path = ("properties", "claimsMatchingExpression", "value")
ISSUER: Path = ("properties", "issuer")
APPLICATION: Path = ("properties", "applicationId")

_CLIENT_IDS = frozenset({"clientid", "applicationid"})
OBJECT_IDS: tuple[Path, ...] = (
    ("properties", "principalId"), ("identity", "principalId"), ("objectId",), ("properties", "objectId"),
)  # fmt: skip


def resources_by_id(index: Index, types: Iterable[str]) -> dict[str, Resource]:
    """Return the resources of some types by address, resource ID and object ID, as far as these are known."""
    found: dict[str, Resource] = {}
    for resource in (one for type_ in types for one in index.of_type(type_)):
        found[resource.address.lower()] = resource
        text = bare(resource.select(("id",)).string).lower().rstrip("/")
        if text and not resource.existing:
            found[text] = resource
        elif text:
            found.setdefault(text, resource)
        for path in OBJECT_IDS:
            own = resource.select(path)
            if isinstance(own, Scalar):
                found[str(own.value).lower()] = resource
    return found


def resource_of(identity: Identity, resources: Mapping[str, Resource]) -> Resource | None:
    """Return the resource whose object ID identifies a principal."""
    found = resources.get(identity.expression.lower())
    return found if found is not None or not identity.key else resources.get(identity.owner.lower())


def service_principals(index: Index, resources: Mapping[str, Resource]) -> Mapping[str, list[Resource]]:
    """Return the service principals of each application, by its address in lower case."""
    found: dict[str, list[Resource]] = {}
    for resource in index.of_type(APPLICATIONS):
        application = owner_of(resource.select(("clientId",)).string, _CLIENT_IDS).lower()
        if application in resources:
            found.setdefault(application, []).append(resource)
    return found


def identities_of(
    credential: Resource, context: Context, principals: Mapping[str, list[Resource]]
) -> Iterator[tuple[Resource, Sure]]:
    """Yield the identities whose tokens a credential allows to request. ``principals``: see ``service_principals``."""
    if credential.type.lower() == APPLICATION_CREDENTIAL_TYPE:
        application = owner_of(credential.select(APPLICATION).string).lower()
        yield from ((one, Sure.YES) for one in principals.get(application, ()))
        return
    for identity, sure in targets_of(parent_of(credential, context.index), context.index):
        if identity.type.lower() == IDENTITIES:
            yield identity, sure


OTHER_ISSUER = "other"
PULL_REQUESTS, ANY_REPOSITORY, SPECIFIC = "pull requests", "any repository", "a specific workload"
_PULL_REQUEST = ":pull_request"
# Subjects of jobs that only run for a branch, tag or environment, whose protection rules apply.
_PROTECTED = (":ref:", ":environment:")
_CLAIM = regex(r"\s*claims\['(?P<claim>[^']*)'\]\s+(?P<operator>eq|matches)\s+'(?P<value>[^']*)'\s*(?P<more>and\b|$)")
_HOLE = HOLE
_NOT_SHOWN = str.maketrans(dict.fromkeys("'*?"))
_OWNER = regex(r"repo:[^/:*?\s]+/")
CREDENTIAL_TYPES = (CREDENTIALS, APPLICATION_CREDENTIAL_TYPE)


@derived("trustedWorkload", of=CREDENTIAL_TYPES, label="trusted workload", reads=(SUBJECT, EXPRESSION, ISSUER))
def _trusted_workload(resource: Resource, _: Context) -> Answer:
    """Return which jobs of GitHub match a credential: those of pull requests, those of any repository, or others."""
    expression = resource.select(EXPRESSION)
    value = resource.select(SUBJECT) if isinstance(expression, Absent) else expression
    if isinstance(value, Absent):
        return absent(resource)
    issuer = resource.select(ISSUER)
    if _issuer_of_cluster(issuer) or not may_be_github(marked(issuer.string, HOLE)):
        return known(value, SPECIFIC)
    text = marked(value.string, _HOLE)
    found = _of_subject(text) if isinstance(expression, Absent) else _of_expression(text)
    if not text or not found:
        return unknown(value, value.why if isinstance(value, Unknown) else "the claims cannot be evaluated")
    shown = "" if value.sensitive else _without_quotes(value.string)
    return known(value, found, f"`{shown}`" if shown else "", sensitive=value.sensitive)


@derived("issuer", of=CREDENTIAL_TYPES, label="issuer of the trusted tokens", reads=(ISSUER,))
def _issuer(resource: Resource, _: Context) -> Answer:
    """Return the platform that issues the tokens of a credential, or the host of another issuer."""
    issuer = resource.select(ISSUER)
    if isinstance(issuer, Absent):
        return absent(resource)
    platform = OTHER_ISSUER if issuer.sensitive else _platform(issuer)
    return known(issuer, platform) if platform else unknown_as(issuer, "the host of the issuer is not known")


def _platform(issuer: Answer) -> str:
    """Return the platform of an issuer, another host, or nothing if the issuer is not known."""
    if _issuer_of_cluster(issuer):
        return AKS
    found = service_of(marked(issuer.string, HOLE))
    return found or ("" if isinstance(issuer, Unknown) else OTHER_ISSUER)


def _issuer_of_cluster(issuer: Answer) -> bool:
    """Return whether an issuer is that of a cluster as a whole, whose ID is only known after apply."""
    if not isinstance(issuer, Unknown) or marked(issuer.string, HOLE).rstrip("/") != HOLE:
        return False
    paths = [found.path.lower() for found in declared_in(issuer.pattern)]
    return any("oidc_issuer_url" in path or "oidcissuerprofile" in path for path in paths)


def _without_quotes(text: Text) -> str:
    """Return a string with its expressions, but without the brackets, quotation marks and wildcards of these."""
    return "".join(part if isinstance(part, str) else _plain_expression(part) for part in parts_of(text))


def _plain_expression(hole: Hole) -> str:
    return without_brackets(hole).translate(_NOT_SHOWN)


def _of_subject(text: str) -> str:
    """Return the workloads of a subject, of which no part is a wildcard; empty if that is not known."""
    parts = text.split(_HOLE)
    return _of_parts(parts) or (SPECIFIC if len(parts) == 1 else "")


def _of_parts(parts: list[str]) -> str:
    """Return the workloads of a subject of which only some parts are known; empty if these do not decide."""
    end = parts[-1].lower()
    if any(word in part.lower() for part in parts for word in _PROTECTED):
        return SPECIFIC
    if end.endswith(_PULL_REQUEST):
        return PULL_REQUESTS
    return "" if _PULL_REQUEST.endswith(end) else SPECIFIC


def _of_expression(text: str) -> str:
    """Return the workloads of an expression of claims; empty if it cannot be evaluated."""
    at, subjects, others = 0, [], False
    while at < len(text):
        match = _CLAIM.match(text, at)
        if match is None:
            return ""
        others |= match["claim"] != "sub"
        if match["claim"] == "sub":
            subjects.append((match["value"], match["operator"] == "matches"))
        if match["more"] == "and" and not text[match.end() :].strip():
            return ""
        at = match.end()
    found = [_of_pattern(value) if has_wildcards else _of_subject(value) for value, has_wildcards in subjects]
    if SPECIFIC in found:
        return SPECIFIC
    # Another claim, such as the workflow, may restrict the jobs.
    return found[0] if len(found) == 1 and not others else ""


def _of_pattern(text: str) -> str:
    """Return the workloads of a subject in which ``*`` and ``?`` are wildcards."""
    starts = [at for at in (text.find("*"), text.find("?")) if at >= 0]
    if not starts:
        return _of_subject(text)
    if text.startswith(_HOLE):
        return ""
    head = text[: min(starts)].replace(_HOLE, "x")
    if not "repo:".startswith(head[:5].lower()):
        return SPECIFIC  # another format of the subject, which the organization defines
    if not _OWNER.match(head):
        return ANY_REPOSITORY
    found = _of_parts(text.replace(_HOLE, "*").replace("?", "*").split("*"))
    return PULL_REQUESTS if not found and _HOLE not in text else found
