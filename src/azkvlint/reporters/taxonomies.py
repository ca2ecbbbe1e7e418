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
    200: ("Exposure of Sensitive Information to an Unauthorized Actor", "Others than it is meant for learn a secret."),
    250: ("Execution with Unnecessary Privileges", "Something runs with more rights than its task takes."),
    262: ("Not Using Password Aging", "A credential may stay the same for ever."),
    263: ("Password Aging with Long Expiration", "A credential may stay the same for too long."),
    269: ("Improper Privilege Management", "Rights are not given, tracked and taken back with care."),
    284: ("Improper Access Control", "Access is not kept to those who should have it."),
    295: ("Improper Certificate Validation", "Nobody can tell whom a certificate vouches for."),
    312: ("Cleartext Storage of Sensitive Information", "A secret is kept where its readers can read it."),
    323: ("Reusing a Nonce, Key Pair in Encryption", "One key serves more than one purpose."),
    324: ("Use of a Key Past its Expiration Date", "A key goes on being used when its time is over."),
    326: ("Inadequate Encryption Strength", "The encryption can be broken with the means of today or soon."),
    327: ("Use of a Broken or Risky Cryptographic Algorithm", "The algorithm is weak, or not one that was agreed on."),
    404: ("Improper Resource Shutdown or Release", "A resource is given up in a way that does harm."),
    477: ("Use of Obsolete Function", "What is used is given up, or will be."),
    522: ("Insufficiently Protected Credentials", "A credential is kept or sent where others can take it."),
    532: ("Insertion of Sensitive Information into Log File", "A secret is written where logs are read."),
    664: ("Improper Control of a Resource Through its Lifetime", "A resource is not looked after while it exists."),
    668: ("Exposure of Resource to Wrong Sphere", "A resource can be reached from where it should not."),
    693: ("Protection Mechanism Failure", "A protection is missing, switched off or has no effect."),
    732: ("Incorrect Permission Assignment for Critical Resource", "Too many may read or change a critical resource."),
    778: ("Insufficient Logging", "What happened cannot be found out afterwards."),
    798: ("Use of Hard-coded Credentials", "A credential is part of the code."),
    1164: ("Irrelevant Code", "Something is written that has no effect."),
    1188: ("Initialization of a Resource with an Insecure Default", "What nobody sets is not safe by itself."),
    1220: ("Insufficient Granularity of Access Control", "Rights can be given only in lumps that are too big."),
    1357: ("Reliance on Insufficiently Trustworthy Component", "What others make is taken as it comes."),
}


# The controls that rules refer to, by their ids in rules/controls; the titles are kvlint's own.
MCSB: Mapping[str, str] = {
    "NS-1": "Network boundaries",
    "NS-2": "Private access, and none from public networks",
    "NS-10": "Names resolve safely",
    "IM-1": "One central identity system",
    "IM-3": "Applications have managed identities",
    "IM-8": "No credentials or secrets in code",
    "PA-1": "Few and separate highly privileged users",
    "PA-4": "Access is reviewed",
    "PA-7": "Least privilege",
    "DP-5": "Encryption at rest with customer-managed keys",
    "DP-6": "Keys are managed safely",
    "DP-7": "Certificates are managed safely",
    "DP-8": "The place where keys and certificates are kept is safe",
    "LT-1": "Threats are detected",
    "LT-2": "Threats to identities are detected",
    "LT-3": "What happens is logged",
    "LT-4": "Network traffic is logged",
    "LT-5": "Logs are kept and looked at in one place",
    "LT-6": "Logs are kept long enough",
    "IR-3": "Incidents rest on good alerts",
    "IR-5": "Incidents are put in order",
}
CIS_VERSION = "6.0.0"
CIS: Mapping[str, str] = {
    "8.1.8.1": "Defender for Key Vault is on",
    "6.1.1.4": "What happens in the vault is logged",
    "8.3.1": "Every key of a vault that uses Azure RBAC has an expiry date",
    "8.3.2": "Every key of a vault that uses access policies has an expiry date",
    "8.3.3": "Every secret of a vault that uses Azure RBAC has an expiry date",
    "8.3.4": "Every secret of a vault that uses access policies has an expiry date",
    "8.3.5": "Purge protection is on",
    "8.3.6": "The vault uses Azure RBAC",
    "8.3.7": "The vault is closed to public networks",
    "8.3.8": "The vault is reached through private endpoints",
    "8.3.9": "Keys are rotated automatically",
    "8.3.10": "A managed HSM is used where one is required",
    "8.3.11": "Certificates are valid for 12 months at most",
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
    title, about = CWES.get(int(number), (f"Weakness {number}", "MITRE's page describes it."))
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
        "fullDescription": {"text": f"{title}. This is control {id_} of the {framework}, in our words."},
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
