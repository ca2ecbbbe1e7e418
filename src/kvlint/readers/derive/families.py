"""All derived attributes, family by family, and what must be read for them."""

from __future__ import annotations

from collections.abc import Mapping

from kvlint.model.value import Path
from kvlint.readers import asides
from kvlint.readers.derive import (
    assignments,
    certificates,
    consumers,
    dates,
    deployment,
    endpoints,
    hsm,
    network_dns,
    network_rules,
    objects,
    recovered,
    refused,
    rotation,
    secrets,
    storage,
    tls,
    vaults,
    versions,
)
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
        certificates.ATTRIBUTES,
        tls.ATTRIBUTES,
        hsm.ATTRIBUTES,
        recovered.ATTRIBUTES,
        storage.ATTRIBUTES,
        versions.ATTRIBUTES,
        secrets.ATTRIBUTES,
        deployment.ATTRIBUTES,
        dates.ATTRIBUTES,
        rotation.ATTRIBUTES,
        objects.ATTRIBUTES,
        refused.ATTRIBUTES,
    )
    for name, derived in family.items()
}

# By what a rule asks for. Some of it is no derived attribute, but is made of other resources all the same.
NEEDS: Mapping[str, Mapping[str, tuple[Path, ...]]] = {
    **{f"derived.{name}": derived.needs for name, derived in DERIVED.items()},
    assignments.COVERS: assignments.COVERS_NEEDS,
    "derived.valueOrigins": {asides.SECRETS_TYPE: (asides.PATH_IN_BODY,)},
    "properties.accessPolicies": {vaults.POLICIES: (("parent",), vaults.POLICY_LIST)},
}
