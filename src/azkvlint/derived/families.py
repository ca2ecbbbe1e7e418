"""All derived attributes, family by family, and what must be read for them."""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.derived import (
    activation,
    alerts,
    assignments,
    certificates,
    consumers,
    dates,
    defender,
    delegation,
    deployment,
    encryption,
    endpoints,
    grantees,
    grants,
    hsm,
    lifecycle,
    logging,
    network_dns,
    network_links,
    network_rules,
    notices,
    objects,
    pinned,
    platform,
    principals,
    recovered,
    refused,
    regions,
    release,
    rotation,
    secret_values,
    secret_versions,
    secrets,
    sharing,
    storage,
    tenants,
    tls,
    vaults,
    versions,
)
from azkvlint.derived.attribute import Derived
from azkvlint.graph import pseudo_resources
from azkvlint.model.value import Path

DERIVED: Mapping[str, Derived] = {
    name: derived
    for family in (
        vaults.ATTRIBUTES,
        assignments.ATTRIBUTES,
        delegation.ATTRIBUTES,
        grants.ATTRIBUTES,
        grantees.ATTRIBUTES,
        principals.ATTRIBUTES,
        regions.ATTRIBUTES,
        tenants.ATTRIBUTES,
        sharing.ATTRIBUTES,
        lifecycle.ATTRIBUTES,
        platform.ATTRIBUTES,
        endpoints.ATTRIBUTES,
        network_rules.ATTRIBUTES,
        network_dns.ATTRIBUTES,
        network_links.ATTRIBUTES,
        consumers.ATTRIBUTES,
        logging.ATTRIBUTES,
        alerts.ATTRIBUTES,
        notices.ATTRIBUTES,
        defender.ATTRIBUTES,
        encryption.ATTRIBUTES,
        pinned.ATTRIBUTES,
        certificates.ATTRIBUTES,
        tls.ATTRIBUTES,
        activation.ATTRIBUTES,
        hsm.ATTRIBUTES,
        recovered.ATTRIBUTES,
        storage.ATTRIBUTES,
        versions.ATTRIBUTES,
        secrets.ATTRIBUTES,
        secret_values.ATTRIBUTES,
        secret_versions.ATTRIBUTES,
        deployment.ATTRIBUTES,
        dates.ATTRIBUTES,
        rotation.ATTRIBUTES,
        release.ATTRIBUTES,
        objects.ATTRIBUTES,
        refused.ATTRIBUTES,
    )
    for name, derived in family.items()
}

# By what a rule asks for. Some of it is no derived attribute, but is made of other resources all the same.
NEEDS: Mapping[str, Mapping[str, tuple[Path, ...]]] = {
    **{f"derived.{name}": derived.needs for name, derived in DERIVED.items()},
    assignments.COVERS: assignments.COVERS_NEEDS,
    "derived.valueOrigins": {pseudo_resources.SECRETS_TYPE: (pseudo_resources.PATH_IN_BODY,)},
    "properties.accessPolicies": {vaults.POLICIES: (("parent",), vaults.POLICY_LIST)},
}
