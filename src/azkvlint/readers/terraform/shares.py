"""Certificates that a module which is not at hand is given for the security domain of a managed HSM."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from azkvlint.derived.hsm import CERTIFICATES, IS_SHARE
from azkvlint.evaluation.values import Items, Result
from azkvlint.graph.pseudo_resources import with_derived
from azkvlint.model.resource import Resource
from azkvlint.model.value import Origin, Scalar, Unknown
from azkvlint.readers.terraform.modules import ModuleSymbol
from azkvlint.util.lazy_regex import regex

# As the argument of azurerm for it is called, and those of modules after it.
_NAME = regex(r"(?:.*_)?security_domain_(?:.*_)?certificate(?:s|_ids|s_ids)?")


def given_for_shares(call: ModuleSymbol) -> Iterator[str]:
    """The addresses of what a call gives to such an argument."""
    for name, piece in call.declaration.attributes.items():
        if _NAME.fullmatch(name):
            for use in call.instances:
                yield from _named(call.instance.evaluate(piece, use.step.local))


def with_shares(resources: Mapping[str, Resource], addresses: set[str]) -> Iterator[Resource]:
    """Those of the addresses that are certificates, each as one that is there for a share."""
    for address in addresses & resources.keys():
        found = resources[address]
        if found.type.lower() == CERTIFICATES:
            mark = Scalar(
                at=found.at, value=True, origin=Origin.DERIVED, note="a module is given it for a security domain"
            )
            yield msgspec.structs.replace(found, attributes=with_derived(found.attributes, {str(IS_SHARE[-1]): mark}))


def _named(found: Result | Any) -> Iterator[str]:
    """The resources that a value certainly names, or all that are in a list."""
    if isinstance(found, Items):
        for item in found.items:
            yield from _named(item)
    elif isinstance(found, Unknown) and found.closed and len(found.candidates) == 1:
        yield found.candidates[0]
