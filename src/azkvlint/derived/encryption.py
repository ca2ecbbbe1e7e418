"""Encryption of resources with customer-managed or platform keys, and where those keys and their vaults are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from azkvlint.azure.azurerm.arguments import state_value
from azkvlint.azure.azurerm.resources import is_azure
from azkvlint.azure.services import SERVICES, AttributeMatch, Service
from azkvlint.derived import consumers
from azkvlint.derived.answers import absent, known, or_absent, unknown
from azkvlint.derived.consumers import field_of, key_and_vault
from azkvlint.derived.registry import Context, derived
from azkvlint.graph.references import Index
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, ListValue, Path, Scalar, Unknown, Value

# UNLESS_ADDED: the resource has no key, but a separate resource may add one.
CUSTOMER, PLATFORM, UNLESS_ADDED = (
    "customer-managed key",
    "Microsoft-managed key",
    "Microsoft-managed key unless a separate resource adds one",
)

_BY_TYPE: Mapping[str, Service] = {type_.lower(): service for type_, service in SERVICES.items()}
_NAMED: tuple[Path, ...] = (consumers.KEY_ID, consumers.KEY_IDS, consumers.VAULT_ID)


def _profile_of(service: Service) -> str:
    """Return the path of the profile of the machines of a scale set, which may have none; empty for a machine."""
    profile = service.disks[0].rpartition(".storageProfile.")[0] if service.disks else ""
    return profile.removeprefix("properties").removeprefix(".") and profile


def _needs(type_: str, service: Service) -> tuple[Path, ...]:
    words = (
        meant.path for meant in (service.switch, service.spared, service.copies, service.inside) if meant is not None
    )
    more = (one for one in (service.unless, _profile_of(service)) if one)
    paths = (*words, *service.sets, *service.disks, *more)
    return (*(tuple(path.split(".")) for path in paths), *consumers.paths_of(type_), *_NAMED, ("scope",))


@derived(
    "encryptedWith",
    of=_BY_TYPE,
    label="encryption key",
    reads=lambda: {type_: _needs(type_, service) for type_, service in _BY_TYPE.items()},
)
def _encrypted_with(resource: Resource, context: Context) -> Answer:
    """Return one of the words above; absent for a resource that does not support customer-managed keys."""
    service = _BY_TYPE.get(resource.type.lower())
    if service is None:
        return absent(resource)
    spared = _spared(resource, service)
    if spared is True:
        return absent(resource)
    found = _switched(resource, service)
    if found is None:
        found = _of_references(resource, service, context.index)
    is_customer = isinstance(found, Scalar) and found.value == CUSTOMER
    return or_absent(found if is_customer or spared is False else spared, resource)


def _spared(resource: Resource, service: Service) -> bool | Unknown:
    """Return whether the resource does not support customer-managed keys."""
    if service.spared is None or not isinstance(resource.select(("scope",)), Absent):
        return False  # a resource that only adds a key to another one does not state its tier
    found = _is_among(resource, service.spared)
    if found is False or not service.unless:
        return found
    unless = at_path(resource.attributes, service.unless)
    return False if _is_set(unless) is True else unless if isinstance(unless, Unknown) else found


def _is_among(resource: Resource, meant: AttributeMatch) -> bool | Unknown:
    answer = at_path(resource.attributes, meant.path)
    if isinstance(answer, Unknown):
        return answer
    text = _text(answer)
    return text in {word.lower() for word in meant.values}


def _switched(resource: Resource, service: Service) -> Value | None:
    """Return the value of the service's switch, if it is set."""
    if service.switch is None:
        return None
    answer = at_path(resource.attributes, service.switch.path)
    # An object is not a switch value: the key in it decides.
    if isinstance(answer, Unknown):
        return None if _is_set(answer) is True else unknown(answer, answer.why)
    if not isinstance(answer, Scalar) or not _text(answer):
        return None
    word = CUSTOMER if _text(answer) in {word.lower() for word in service.switch.values} else PLATFORM
    return known(answer.at, word, state_value(resource.declared_as, tuple(service.switch.path.split(".")), answer))


def _of_references(resource: Resource, service: Service, index: Index) -> Value | None:
    """Return the result for the keys and disk encryption sets that a resource refers to."""
    if service.disks:
        return _of_machine(resource, service)
    answers = list(_keys(resource, index)) if service.named else []
    answers += (at_path(resource.attributes, path) for path in service.sets)
    found = _best(resource.at, answers)
    if isinstance(found, Unknown) or found.value == CUSTOMER:
        return found
    inside = False if service.inside is None else _is_among(resource, service.inside)
    if isinstance(inside, Unknown):
        return unknown(inside, inside.why)
    if inside:
        return known(resource.at, CUSTOMER, "Azure Disk Encryption is enabled")
    if service.copies is not None and _is_among(resource, service.copies) is not False:
        return unknown(resource, "the disk uses the key of its source")
    # In Terraform an azurerm resource can also add a key to an azapi resource.
    if service.added_in_arm or (service.added and is_azure(resource.declared_as)):
        return known(resource.at, UNLESS_ADDED, found.note)
    return found


def _keys(resource: Resource, index: Index) -> Iterator[Answer]:
    """Yield the keys that are referred to, and their vaults."""
    yield from (resource.select(path) for path in _NAMED)
    for place in consumers.places_of(resource):
        yield from (value for value in key_and_vault(place, index) if value is not None)


def _of_machine(resource: Resource, service: Service) -> Value | None:
    """Return the weakest encryption of a VM's disks; None for a VM without disks that are created with it."""
    disks = [disk for path in service.disks for disk in _items(at_path(resource.attributes, path))]
    system = service.disks[0]
    profile = _profile_of(service)
    is_there = not profile or _is_set(at_path(resource.attributes, profile))
    if isinstance(at_path(resource.attributes, system), Absent) and is_there:
        # The OS disk always exists, even if it is not described.
        return _best(resource.at, [])
    found = [one for one in (_of_disk(disk) for disk in disks) if one is not None]
    ranks = {PLATFORM: 0, CUSTOMER: 2}
    return min(found, key=lambda one: ranks[str(one.value)] if isinstance(one, Scalar) else 1, default=None)


def _of_disk(disk: Value) -> Scalar | Unknown | None:
    """Return the encryption of one disk of a VM.

    None for a disk that is created elsewhere and only attached, or a file in a storage account.
    """
    managed, file = field_of(disk, "manageddisk"), field_of(field_of(disk, "vhd"), "uri")
    elsewhere = _is_set(field_of(managed, "id")) is True or _is_set(file) is True
    if elsewhere or _text(field_of(disk, "createoption")) == "attach":
        return None
    secure = field_of(field_of(field_of(managed, "securityprofile"), "diskencryptionset"), "id")
    return _best(disk.at, [field_of(field_of(managed, "diskencryptionset"), "id"), secure])


def _best(at: Location, answers: list[Answer]) -> Scalar | Unknown:
    """Return CUSTOMER if any answer is certainly set; else PLATFORM, or unknown if an answer may be set."""
    doubt: Unknown | None = None
    for answer in answers:
        if _is_set(answer) is True:
            return known(answer.at, CUSTOMER, "customer-managed key")
        # Some item of a list is not known.
        doubtful = (one for one in _items(answer) if isinstance(one, Unknown))
        doubt = next(doubtful, None) if doubt is None else doubt
    if doubt is not None:
        return unknown(doubt, doubt.why)
    return known(at, PLATFORM, "no customer-managed key is set")


def _is_set(answer: Answer) -> bool | None:
    """Return whether an answer is set; None if that is not known. An empty string counts as not set."""
    if isinstance(answer, Unknown):
        return True if answer.is_set else None
    if isinstance(answer, ListValue):
        found = [_is_set(item) for item in answer.items]
        return True if True in found else None if None in found else False
    return not (isinstance(answer, Absent) or (isinstance(answer, Scalar) and answer.value == ""))


def _text(answer: Answer) -> str:
    """Return a string or boolean in lower case; empty for anything else."""
    return str(answer.value).lower() if isinstance(answer, Scalar) else ""


def _items(answer: Answer) -> tuple[Value, ...]:
    if isinstance(answer, ListValue):
        return answer.items
    return () if isinstance(answer, Absent) else (answer,)


def at_path(value: Answer, path: str) -> Answer:
    """Return the answer at a dotted path, ignoring the case of names."""
    for step in path.lower().split("."):
        value = field_of(value, step)
    return value
