"""Names and sizes: objects of the same name in the same vault, of which Azure has only one, and values too long for it.

A certificate takes its name among keys and secrets too: it has one of each. A key and a secret may share a name. Names
differ in more than case. Source: learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates and
learn.microsoft.com/azure/key-vault/certificates/about-certificates.
"""

from __future__ import annotations

from collections.abc import Mapping

from kvlint.model.graph import Resource
from kvlint.model.value import Absent, ListValue, Scalar, Unknown, Value, text_of
from kvlint.readers.derive.attribute import Context, Derived
from kvlint.readers.references import Index, reference_of

_KINDS = ("secrets", "keys", "certificates")
_TYPES = (*(f"microsoft.keyvault/vaults/{kind}" for kind in _KINDS), "microsoft.keyvault/managedhsms/keys")
_CERTIFICATES = "microsoft.keyvault/vaults/certificates"
_VAULTS = ("microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms")
_KEPT = "objects by name"
_VALUE = ("properties", "value")


def _by_name(index: Index) -> dict[str, list[Resource]]:
    found: dict[str, list[Resource]] = {}
    for type_ in _TYPES:
        for resource in index.of_type(type_):
            name = _name(resource)
            if name and resource.stays and not resource.existing:
                found.setdefault(name, []).append(resource)
    return found


def _name(resource: Resource) -> str:
    name = resource.select(("name",))
    return str(name.value).lower() if isinstance(name, Scalar) and not name.sensitive else ""


def _same_name(resource: Resource, context: Context) -> Value | None:
    """The objects that have the name already: of each pair one is told, the key or secret beside a certificate."""
    groups: dict[str, list[Resource]] | None = context.kept.get(_KEPT)
    if groups is None:
        groups = context.kept[_KEPT] = _by_name(context.index)
    own = resource.type.lower()
    certain: list[Value] = []
    perhaps: Unknown | None = None
    earlier = True
    for other in groups.get(_name(resource), ()):
        if other.address == resource.address:
            earlier = False
            continue
        kind = other.type.lower()
        if not (earlier if kind == own else kind == _CERTIFICATES):
            continue
        together = _is_together(resource, other, context.index)
        if together is True and other.conditions <= resource.conditions:
            certain.append(Scalar(at=resource.at, value=other.address, origin="derived"))
        elif together is not False and perhaps is None:
            why = f"it may be in one vault with {other.address}"
            perhaps = Unknown(at=resource.at, origin="derived", why=why)
    return ListValue(at=resource.at, items=tuple(certain), origin="derived") if certain else perhaps


def _is_together(one: Resource, other: Resource, index: Index) -> bool | None:
    """Whether two objects are in the same vault; None if nobody knows."""
    above = one.select(("parent",)), other.select(("parent",))
    first, second = (_vaults(resource, parent, index) for resource, parent in zip((one, other), above, strict=True))
    if first is not None and second is not None:
        return first == second
    texts = [text_of(parent) for parent in above]
    # The same expression names the same vault, whichever it is.
    return True if texts[0] and texts[0].lower() == texts[1].lower() else None


def _vaults(resource: Resource, parent: object, index: Index) -> str | None:
    """The one vault that an object is certainly in: its address, or its id."""
    if isinstance(parent, Absent):
        return None
    reference = reference_of(resource.address, "parent", parent, index)  # type: ignore[arg-type]  # it is no Absent
    if reference is not None and len(reference.targets) == 1:
        return reference.targets[0]
    return str(parent.value).lower().rstrip("/") if isinstance(parent, Scalar) else None


def _literal_length(resource: Resource, context: Context) -> Value | None:
    """How many characters the value of a secret has, if it stands in the code: others are for callers to know."""
    value = resource.select(_VALUE)
    if not isinstance(value, Scalar) or not isinstance(value.value, str):
        return None
    return Scalar(at=value.at, value=len(value.value), origin="derived")


ATTRIBUTES: Mapping[str, Derived] = {
    "literalLength": Derived(_literal_length, {"microsoft.keyvault/vaults/secrets": (_VALUE,)}),
    "sameName": Derived(
        _same_name,
        {**dict.fromkeys(_TYPES, (("name",), ("parent",))), **dict.fromkeys(_VAULTS, (("id",),))},
    ),
}
