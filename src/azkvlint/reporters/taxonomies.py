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
from azkvlint.util.table_files import read_table


class Weakness(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A weakness of CWE."""

    title: str
    about: str


class _Titles(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The weaknesses by number, and the titles of controls by ID."""

    cwe_version: str
    cis_version: str
    weaknesses: dict[str, Weakness]
    mcsb: dict[str, str]
    cis: dict[str, str]


def _load() -> _Titles:
    from azkvlint.syntax.row_reader import load_table

    return load_table("taxonomies", _Titles)


TITLES = read_table("taxonomies", _Titles, _load)
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
    weakness = TITLES.weaknesses.get(number, Weakness(f"Weakness {number}", "See the description by MITRE."))
    page = f"https://cwe.mitre.org/data/definitions/{number}.html"
    return _taxon(weakness.title, weakness.about, f"{weakness.about} See {page}.", page)


def _row(id_: str, framework: str, titles: Mapping[str, str], page: str) -> dict[str, Any]:
    about = f"Control {id_} of the {framework}; the wording is that of kvlint."
    return _taxon(titles.get(id_, f"Control {id_}"), about, f"See {page}.", page)


def _taxon(title: str, about: str, help_: str, page: str) -> dict[str, Any]:
    return {
        "name": pascal(title),
        "shortDescription": {"text": f"{title}."},
        "fullDescription": {"text": f"{title}. {about}"},
        "help": {"text": help_},
        "helpUri": page,
    }


def _natural(id_: str) -> list[tuple[int, str]]:
    """Return a sort key that orders NS-2 before NS-10."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in _PARTS.findall(id_)]


_TAXONOMIES = (
    Taxonomy(
        name="CWE",
        version=TITLES.cwe_version,
        organization="MITRE",
        about="The MITRE Common Weakness Enumeration.",
        page=f"https://cwe.mitre.org/data/published/cwe_v{TITLES.cwe_version}.pdf",
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
        taxon=lambda id_: _row(id_, "Microsoft cloud security benchmark v1", TITLES.mcsb, _MCSB_PAGE),
    ),
    Taxonomy(
        name="CIS",
        version=TITLES.cis_version,
        organization="Center for Internet Security",
        about="The CIS Microsoft Azure Foundations Benchmark.",
        page=_CIS_PAGE,
        of=lambda rule: rule.controls.get(f"cis-azure-{TITLES.cis_version}", ()),
        taxon=lambda id_: _row(
            id_, f"CIS Microsoft Azure Foundations Benchmark {TITLES.cis_version}", TITLES.cis, _CIS_PAGE
        ),
    ),
)
