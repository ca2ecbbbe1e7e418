"""Modules in registries: from what ``bicep restore`` has left on this machine, or from what is known of the module.

The Bicep CLI keeps an artifact in ``br/REGISTRY/PATH/TAG$`` of its cache, ``/`` in the path and ``:`` in the registry
replaced by ``$``; behind the ``$`` of a tag stand the places of its capital letters. Template specs lie in
``ts/SUBSCRIPTION/GROUP/NAME/VERSION``. Source: github.com/Azure/bicep, src/Bicep.Core/Registry.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from azkvlint.model.location import Location
from azkvlint.readers.bicep.configuration import cache_roots, configuration, full_reference
from azkvlint.readers.missing_modules import source_name
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_files import bicep_entries, bicep_module

if TYPE_CHECKING:
    from azkvlint.readers.bicep.module_evaluation import Instance
    from azkvlint.readers.bicep.sources import Source

_HINT = "run 'bicep restore' on the file, and kvlint again"
_ARTIFACT = regex(r"br:([^/\s]++)/([^:@\s]++)(?::([\w.+-]{1,128})|@(sha256:[0-9a-f]{64}))")
_SPEC = regex(r"ts:([\w-]++)/([\w.()-]++)/([\w.()-]++):([\w.()-]++)")


def source_of(instance: Instance, reference: str, at: Location) -> Source | None:
    """The module that a reference to a registry names; None, with a note, if it is not at hand.

    Raises InputError if what has been restored cannot be read.
    """
    full = full_reference(configuration(instance.run, instance.file.file), reference)
    file = _found(instance, full)
    if file is not None:
        from azkvlint.readers.bicep.templates import TemplateSource

        return TemplateSource(instance.run, file, reference)
    if full is not None:
        from azkvlint.readers.bicep.public_modules import well_known

        known = well_known(full)
        if known is not None:
            return known
    _not_at_hand(instance, reference, at)
    return None


def cached(instance: Instance, reference: str, at: Location) -> str | None:
    """The compiled template that a reference to a registry names; None, with a note, if it is not at hand."""
    file = _found(instance, full_reference(configuration(instance.run, instance.file.file), reference))
    if file is None:
        _not_at_hand(instance, reference, at)
    return file


def _not_at_hand(instance: Instance, reference: str, at: Location) -> None:
    text = f"module `{source_name(reference)}` is not restored, so its resources are not evaluated"
    instance.run.missing_module(text, at, _HINT)


def _found(instance: Instance, full: str | None) -> str | None:
    """The compiled template of a full reference, in any of the places where the Bicep CLI may keep it."""
    if full is None:
        return None
    roots = cache_roots(instance.run, configuration(instance.run, instance.file.file))
    return next((file for root in roots if (file := _cached(root, full)) is not None), None)


def _cached(root: str, reference: str) -> str | None:
    """The compiled template of an artifact in a cache of the Bicep CLI, if it is there."""
    spec = _SPEC.fullmatch(reference)
    if spec is not None:
        return bicep_module(root, "ts", *(part.lower() for part in spec.groups()))
    match = _ARTIFACT.fullmatch(reference)
    if match is None:
        return None
    registry, path, tag, digest = match.groups()
    above = ("br", registry.replace(":", "$").lower(), path.replace("/", "$"))
    if digest:
        return bicep_module(root, *above, digest.replace(":", "#"))
    names = [name for name in bicep_entries(os.path.join(root, *above)) if name.startswith(f"{tag}$")]
    return next((file for name in names if (file := bicep_module(root, *above, name)) is not None), None)
