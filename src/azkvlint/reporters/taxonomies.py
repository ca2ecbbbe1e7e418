"""SARIF taxonomies of rules: weaknesses, and controls of benchmarks.

For a versioned benchmark it is the newest version that kvlint has. A taxonomy contains only entries that the rules of
the log refer to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from azkvlint.model.rule import Rule
from azkvlint.util.lazy_regex import regex

CWE_VERSION = "4.17"

CWES: Mapping[int, tuple[str, str]] = {
    200: (
        "Exposure of Sensitive Information to an Unauthorized Actor",
        "Sensitive information is available to users who are not authorized to have it.",
    ),
    250: ("Execution with Unnecessary Privileges", "A component has more permissions than its task requires."),
    262: ("Not Using Password Aging", "A credential never expires."),
    263: ("Password Aging with Long Expiration", "A credential is valid for too long."),
    269: ("Improper Privilege Management", "Permissions are not assigned, tracked, and revoked properly."),
    284: ("Improper Access Control", "Access is not limited to authorized users."),
    295: ("Improper Certificate Validation", "The identity behind a certificate cannot be verified."),
    312: ("Cleartext Storage of Sensitive Information", "A secret is stored in plain text."),
    323: ("Reusing a Nonce, Key Pair in Encryption", "One key serves more than one purpose."),
    324: ("Use of a Key Past its Expiration Date", "A key is used after its expiration date."),
    326: ("Inadequate Encryption Strength", "The encryption can be broken with current or expected computing power."),
    327: ("Use of a Broken or Risky Cryptographic Algorithm", "The algorithm is weak or not approved."),
    346: ("Origin Validation Error", "The source of data or of a token is not verified."),
    404: ("Improper Resource Shutdown or Release", "A resource is released in a way that causes harm."),
    477: ("Use of Obsolete Function", "A feature in use is retired, or is scheduled for retirement."),
    522: ("Insufficiently Protected Credentials", "A credential is stored or transmitted in a way that exposes it."),
    532: ("Insertion of Sensitive Information into Log File", "A secret is written to a log."),
    664: ("Improper Control of a Resource Through its Lifetime", "A resource is not managed throughout its lifetime."),
    668: (
        "Exposure of Resource to Wrong Sphere",
        "A resource is accessible from a network or by a user that should have no access.",
    ),
    693: ("Protection Mechanism Failure", "A protection is missing, disabled, or ineffective."),
    732: (
        "Incorrect Permission Assignment for Critical Resource",
        "Too many users can read or change a critical resource.",
    ),
    778: ("Insufficient Logging", "Security events are not logged in enough detail."),
    798: ("Use of Hard-coded Credentials", "A credential is in code."),
    863: ("Incorrect Authorization", "A check of permissions exists, but does not restrict all access."),
    1164: ("Irrelevant Code", "The code contains a setting that has no effect."),
    1188: ("Initialization of a Resource with an Insecure Default", "A default setting is insecure."),
    1220: (
        "Insufficient Granularity of Access Control",
        "Permissions cannot be assigned at a sufficiently detailed level.",
    ),
    1357: ("Reliance on Insufficiently Trustworthy Component", "A third-party component is used without verification."),
}


# The controls that rules refer to, by their ids in rules/controls; the titles are kvlint's own.
MCSB: Mapping[str, str] = {
    "NS-1": "Network segmentation",
    "NS-2": "Network controls for services",
    "NS-10": "DNS security",
    "IM-1": "Centralized identity system",
    "IM-3": "Managed identities for applications",
    "IM-8": "No credentials or secrets in code",
    "PA-1": "Limited number of privileged users",
    "PA-4": "Access reviews",
    "PA-7": "Least privilege",
    "DP-5": "Encryption at rest with customer-managed keys",
    "DP-6": "Secure key management",
    "DP-7": "Secure certificate management",
    "DP-8": "Security of the key and certificate repository",
    "LT-1": "Threat detection",
    "LT-2": "Threat detection for identities",
    "LT-3": "Resource logs",
    "LT-4": "Network logs",
    "LT-5": "Centralized log management",
    "LT-6": "Log retention",
    "IR-3": "High-quality alerts for incidents",
    "IR-5": "Incident prioritization",
}
CIS_VERSION = "6.0.0"
CIS: Mapping[str, str] = {
    "8.1.8.1": "Microsoft Defender for Key Vault is enabled",
    "6.1.1.1": "Activity log is exported",
    "6.1.1.2": "Export of the activity log includes the security categories",
    "7.16": "Vaults are in a network security perimeter",
    "6.1.1.4": "Key Vault logging is enabled",
    "8.3.1": "Keys in vaults that use Azure RBAC have an expiration date",
    "8.3.2": "Keys in vaults that use access policies have an expiration date",
    "8.3.3": "Secrets in vaults that use Azure RBAC have an expiration date",
    "8.3.4": "Secrets in vaults that use access policies have an expiration date",
    "8.3.5": "Purge protection is enabled",
    "8.3.6": "Vaults use Azure RBAC",
    "8.3.7": "Public network access is disabled",
    "8.3.8": "Vaults are accessed through private endpoints",
    "8.3.9": "Keys are rotated automatically",
    "8.3.10": "Managed HSM is used where required",
    "8.3.11": "Certificate validity is 12 months or less",
}
_MCSB_PAGE = "https://learn.microsoft.com/security/benchmark/azure/baselines/key-vault-security-baseline"
_CIS_PAGE = "https://www.cisecurity.org/benchmark/azure"
_PARTS = regex(r"[0-9]+|[^0-9]+")


class Taxonomy(msgspec.Struct, frozen=True, kw_only=True):
    """A taxonomy. ``of`` returns the ids that a rule refers to, ``taxon`` the entry of an id."""

    name: str
    version: str
    organization: str
    about: str
    page: str
    of: Callable[[Rule], Iterable[str]]
    taxon: Callable[[str], dict[str, Any]]


def taxonomies(rules: Iterable[Rule]) -> list[dict[str, Any]]:
    """Return the taxonomies that ``rules`` refer to, as toolComponents with just those entries."""
    rules = list(rules)
    found = []
    for one in _TAXONOMIES:
        used = sorted({id_ for rule in rules for id_ in one.of(rule)}, key=_natural)
        if used:
            found.append(
                {
                    "name": one.name,
                    "version": one.version,
                    "organization": one.organization,
                    "shortDescription": {"text": one.about},
                    "informationUri": one.page,
                    "isComprehensive": False,
                    "taxa": [{"id": id_} | one.taxon(id_) for id_ in used],
                }
            )
    return found


def relationships(rule: Rule, names: Iterable[str]) -> list[dict[str, Any]]:
    """Return a rule's relationships with the log's taxonomies, given by their ``names`` in order."""
    by_name = {one.name: one for one in _TAXONOMIES}
    return [
        {"target": {"id": id_, "toolComponent": {"name": name, "index": index}}, "kinds": ["relevant"]}
        for index, name in enumerate(names)
        for id_ in dict.fromkeys(by_name[name].of(rule))
    ]


def pascal(name: str) -> str:
    """Return ``rbac-permission-model`` as ``RbacPermissionModel``. A lone letter joins the word before it."""
    text = ""
    for word in re.findall(r"[a-z0-9]+", name.lower()):
        text += word if text and len(word) == 1 else word.capitalize()
    return text


def _weakness(id_: str) -> dict[str, Any]:
    number = id_.removeprefix("CWE-")
    title, about = CWES.get(int(number), (f"Weakness {number}", "See the description by MITRE."))
    page = f"https://cwe.mitre.org/data/definitions/{number}.html"
    return {
        "name": pascal(title),
        "shortDescription": {"text": f"{title}."},
        "fullDescription": {"text": f"{title}. {about}"},
        "help": {"text": f"{about} See {page}."},
        "helpUri": page,
    }


def _row(id_: str, framework: str, titles: Mapping[str, str], page: str) -> dict[str, Any]:
    title = titles.get(id_, f"Control {id_}")
    return {
        "name": pascal(title),
        "shortDescription": {"text": f"{title}."},
        "fullDescription": {"text": f"{title}. Control {id_} of the {framework}; the wording is that of kvlint."},
        "help": {"text": f"See {page}."},
        "helpUri": page,
    }


def _natural(id_: str) -> list[tuple[int, str]]:
    """Return a sort key that orders NS-2 before NS-10."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in _PARTS.findall(id_)]


_TAXONOMIES = (
    Taxonomy(
        name="CWE",
        version=CWE_VERSION,
        organization="MITRE",
        about="The MITRE Common Weakness Enumeration.",
        page=f"https://cwe.mitre.org/data/published/cwe_v{CWE_VERSION}.pdf",
        of=lambda rule: [f"CWE-{cwe}" for cwe in rule.cwe],
        taxon=_weakness,
    ),
    Taxonomy(
        name="MCSB",
        version="1",
        organization="Microsoft",
        about="The Microsoft cloud security benchmark.",
        page=_MCSB_PAGE,
        of=lambda rule: rule.controls.get("mcsb", ()),
        taxon=lambda id_: _row(id_, "Microsoft cloud security benchmark v1", MCSB, _MCSB_PAGE),
    ),
    Taxonomy(
        name="CIS",
        version=CIS_VERSION,
        organization="Center for Internet Security",
        about="The CIS Microsoft Azure Foundations Benchmark.",
        page=_CIS_PAGE,
        of=lambda rule: rule.controls.get(f"cis-azure-{CIS_VERSION}", ()),
        taxon=lambda id_: _row(id_, f"CIS Microsoft Azure Foundations Benchmark {CIS_VERSION}", CIS, _CIS_PAGE),
    ),
)
