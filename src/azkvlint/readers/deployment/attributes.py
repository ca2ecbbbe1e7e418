"""Evaluate the attributes of the resources in a template that rules require."""

from __future__ import annotations

from azkvlint.evaluation.values import Result
from azkvlint.model.resource import Resource
from azkvlint.model.value import Scalar
from azkvlint.readers.deployment.deployments import Deployment, EvaluatedResource
from azkvlint.readers.deployment.required import RequiredMembers
from azkvlint.readers.deployment.resource import Declaration, make_resource, record_defaults, record_head


def resource_of(instance: EvaluatedResource, required: RequiredMembers, conditions: frozenset[str]) -> Resource:
    """Return a resource with the required members of its type."""
    deployment, plain = instance.deployment, instance.plain
    recorder = deployment.run.recorder
    head, identity = recorder.of(lambda: instance.identity)
    version, of_version = recorder.of(lambda: instance.version)
    record_head(recorder, identity, of_version)
    if recorder.is_recording:
        recorder.attribute((), recorder.of(_trace_links, deployment)[1])
    existing = plain.get("existing") is True
    body: dict[str, Result] = {}
    members = required.members if required.members is not None else tuple((key, None) for key in plain)
    for name, tree in () if existing else members:
        key = instance.key_of(name)
        if key is not None:
            pointer = (*instance.pointer, key)
            body[key], read = recorder.of(deployment.template.value, plain[key], pointer, instance.local, tree)
            recorder.attribute((key,), read)
    if instance.key_of("scope") is not None:
        body["scope"] = Scalar(at=instance.place("scope"), value="")
    declared = Declaration(
        address=instance.address,
        type=head.type,
        version=version,
        names=head.names,
        above=head.above,
        extends=head.extends,
        body=body,
        at=instance.place("type"),
        existing=existing,
        conditions=conditions,
        callers=deployment.callers,
        id=head.id,
    )
    record_defaults(recorder)
    return make_resource(declared, deployment.template.run.freezer)


def _trace_links(deployment: Deployment) -> None:
    """Evaluate again what decides which linked templates lead to a deployment, for a record of what that reads."""
    by = deployment.deployed_by
    while by is not None:
        by.record_link()
        by = by.deployment.deployed_by


def trace_instances(deployment: Deployment, above: EvaluatedResource | None, found: list[EvaluatedResource]) -> None:
    """Evaluate again what decides which instances of a declaration exist, for a record of what that reads."""
    for instance in found:
        trace_existence(instance)
    by = above if above is not None else deployment.deployed_by
    if by is not None:
        trace_existence(by)


def trace_existence(instance: EvaluatedResource) -> None:
    """Evaluate again what decides whether a resource exists, for a record of what that reads."""
    here: EvaluatedResource | None = instance
    while here is not None:
        here.deployment.instances(here.symbol, here.plain, here.pointer, here.above)
        here.conditions()
        here.record_link()
        here = here.above if here.above is not None else here.deployment.deployed_by
