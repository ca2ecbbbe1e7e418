"""The effects for which a fix is not safe, by class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

CLASSES: Mapping[str, str] = {
    "access": "Ends access: of callers, of services, or of those who read an output.",
    "replaces": "Replaces a resource, or a key, secret or certificate.",
    "cost": "Costs more.",
    "irreversible": "Cannot be undone.",
    "apply-fails": "A later plan, apply or destroy fails, or the apply after a destroy.",
}
"""What a fix of each class does. A fix without a class is safe."""


class Effect(msgspec.Struct, frozen=True, gc=False):
    """What a fix does besides fixing its finding: its class, a key of ``CLASSES``, and a sentence."""

    name: str
    text: str


def merged(effects: Iterable[Effect]) -> tuple[Effect, ...]:
    """Return effects without repetitions, in the order of the classes."""
    order = list(CLASSES)
    return tuple(sorted(dict.fromkeys(effects), key=lambda effect: order.index(effect.name)))


def names_of(effects: Iterable[Effect]) -> tuple[str, ...]:
    """Return the classes of effects, in their order."""
    return tuple(dict.fromkeys(effect.name for effect in merged(effects)))


def consequence_of(effects: Iterable[Effect]) -> str:
    """Return the sentences of effects as one text; empty if there are none."""
    return " ".join(dict.fromkeys(effect.text for effect in merged(effects)))


def labeled(effects: Iterable[Effect]) -> list[str]:
    """Return each effect with its class, as in ``irreversible: Purge protection cannot be disabled again``."""
    return [f"{effect.name}: {effect.text}" for effect in merged(effects)]
