"""All derived attributes, family by family, and what must be read for them."""

from __future__ import annotations

from collections.abc import Mapping

from kvlint.model.value import Path
from kvlint.readers.derive import assignments, consumers, endpoints, network_dns, network_rules, vaults
from kvlint.readers.derive.attribute import Derived

DERIVED: Mapping[str, Derived] = {
    name: derived
    for family in (
        vaults.ATTRIBUTES,
        assignments.ATTRIBUTES,
        endpoints.ATTRIBUTES,
        network_rules.ATTRIBUTES,
        network_dns.ATTRIBUTES,
        consumers.ATTRIBUTES,
    )
    for name, derived in family.items()
}

# By what a rule asks for. Some of it is no derived attribute, but is made of other resources all the same.
NEEDS: Mapping[str, Mapping[str, tuple[Path, ...]]] = {
    **{f"derived.{name}": derived.needs for name, derived in DERIVED.items()},
    assignments.COVERS: assignments.COVERS_NEEDS,
    "properties.accessPolicies": {vaults.POLICIES: (("parent",), vaults.POLICY_LIST)},
}
