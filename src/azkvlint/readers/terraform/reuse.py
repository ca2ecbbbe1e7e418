"""Reuse the resources of the check before: neither the declaration nor any value that it refers to has changed.

Only an editor keeps anything between checks. Everything to which the expressions of a declaration have referred is
evaluated again and compared, so that whatever that reports is reported. The expressions themselves report nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from azkvlint.model.provider_version import VersionRange
from azkvlint.model.resource import RequiredAttributes, Resource
from azkvlint.readers.terraform.folder import Declaration
from azkvlint.readers.terraform.module_evaluation import ModuleInstance
from azkvlint.readers.terraform.run import DECLARED, VALUE, References
from azkvlint.syntax.parsed_texts import PARSED_TEXTS


class _Kept(NamedTuple):
    """A resource as it was read for rules that require ``required``, and what its declaration referred to."""

    resource: Resource
    required: RequiredAttributes
    version: VersionRange
    references: References


def may_reuse(instance: ModuleInstance) -> bool:
    """Return whether resources of a module may be reused."""
    call = instance.call
    return PARSED_TEXTS.is_on and not instance.prefix and call.shown is None and call.scenario is None


def keep(instance: ModuleInstance, declaration: Declaration, resource: Resource, references: References) -> None:
    """Keep a resource for the next check, with what its declaration referred to."""
    run = instance.run
    if references.are_known and run.budget.is_low:
        PARSED_TEXTS.keep(declaration, _Kept(resource, run.required, run.version, references))


def reused(instance: ModuleInstance, declaration: Declaration) -> Resource | None:
    """Return the resource of a declaration as the check before has read it; None if it may be another now."""
    kept: _Kept | None = PARSED_TEXTS.kept(declaration)
    run = instance.run
    if kept is None or kept.required is not run.required or kept.version != run.version or not run.budget.is_low:
        return None
    if not _are_unchanged(kept.references, instance):
        return None
    run.count_resources(1)
    run.count_characters(len(kept.resource.address) + len(kept.resource.name))
    return kept.resource


def _are_unchanged(references: References, instance: ModuleInstance) -> bool:
    """Return whether all that was referred to is the same in another evaluation of the module.

    It is evaluated in the same order, up to what has changed: the first reference decides where a name is reported.
    """
    for kind, name, at, before in references.found:
        if kind == DECLARED:
            if instance.folder.resources.get(name) is not before:
                return False
        elif at is not None:
            is_value = kind == VALUE
            now = instance.value_of(name, at) if is_value else instance.single_resource(name).member(kind, at)
            if now is not before and (type(now) is not type(before) or now != before):
                return False
    return True
