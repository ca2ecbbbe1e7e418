"""Reuse the resources of an earlier check: neither the declaration nor any value that it refers to has changed.

Only an editor keeps anything between checks. Everything to which the expressions of a declaration have referred is
evaluated again and compared, so that whatever that reports is reported. The expressions themselves report nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from azkvlint.evaluation.budget import Counts, minus
from azkvlint.evaluation.values import Fields, Items
from azkvlint.model.provider_version import VersionRange
from azkvlint.model.resource import RequiredAttributes, Resource
from azkvlint.model.value import Scalar, Unknown
from azkvlint.readers.terraform.folder import Declaration
from azkvlint.readers.terraform.module_evaluation import ModuleInstance
from azkvlint.readers.terraform.run import DECLARED, VALUE, CircularReferenceError, References
from azkvlint.syntax.parsed_texts import PARSED_TEXTS


class _Kept(NamedTuple):
    """A resource as it was read for rules that require ``required``, with the work of reading it."""

    resource: Resource
    required: RequiredAttributes
    version: VersionRange
    references: References
    work: Counts


def may_reuse(instance: ModuleInstance) -> bool:
    """Return whether resources of a module may be reused."""
    call = instance.call
    return PARSED_TEXTS.is_on and not instance.prefix and call.shown is None and call.scenario is None


@contextmanager
def recorded(instance: ModuleInstance, declaration: Declaration) -> Iterator[None]:
    """Record what a declaration refers to while it is read, and keep its resource for the next check if that is all.

    It is not if something has evaluated a part of it before, or if it refers to itself: elsewhere, the same references
    would be followed in another order.
    """
    run, local = instance.run, declaration.local
    symbol = instance.resource(local)
    is_new = symbol is not None and not any(entity.content.is_evaluated for entity in symbol.instances)
    before = run.budget.counts
    references = run.recording = run.references = References(declaration)
    try:
        yield
    finally:
        run.recording = run.references = None
    resource = run.resources.get(local)
    if is_new and resource is not None and references.are_known and run.budget.is_low:
        work = minus(minus(run.budget.counts, before), references.elsewhere)
        PARSED_TEXTS.keep(declaration, _Kept(resource, run.required, run.version, references, work))


def reused(instance: ModuleInstance, declaration: Declaration) -> Resource | None:
    """Return the resource of a declaration as an earlier check has read it; None if it may be another now."""
    kept: _Kept | None = PARSED_TEXTS.kept(declaration)
    run = instance.run
    if kept is None or kept.required is not run.required or kept.version != run.version or not run.budget.is_low:
        return None
    run.compared = declaration
    try:
        if not _are_unchanged(kept.references, instance):
            return None
    except CircularReferenceError:
        return None
    finally:
        run.compared = None
    run.budget.charge(kept.work)
    address = kept.resource.address
    if not instance.is_expanded(declaration.local):
        run.reused.add(address)
        run.count_resources(1)
        run.count_characters(len(address))
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
            if not _is_same(now, before):
                return False
    return True


def _is_same(now: object, before: object) -> bool:
    """Return whether two values are the same, in the types and the order of their parts too: 1 equals true."""
    if now is before:
        return True
    if type(now) is not type(before) or now != before:
        return False
    if isinstance(now, Scalar) and isinstance(before, Scalar):
        return type(now.value) is type(before.value)
    if isinstance(now, Unknown) and isinstance(before, Unknown):
        return [*map(type, now.one_of)] == [*map(type, before.one_of)]
    if isinstance(now, Items) and isinstance(before, Items):
        return all(map(_is_same, now.items, before.items))
    if isinstance(now, Fields) and isinstance(before, Fields):
        return [*now.fields] == [*before.fields] and all(map(_is_same, now.fields.values(), before.fields.values()))
    return True
