"""The registry of derived attributes: facts that kvlint computes for a resource, and that rules read as attributes.

The modules of this package register their functions with ``derived``, which return the values of ``answers``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import cache
from importlib import import_module
from typing import Any, TypeAlias

import msgspec

from azkvlint.graph import pseudo_resources
from azkvlint.graph.references import Index, reference_of
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Path, Unknown
from azkvlint.util.compiled_files import read_compiled
from azkvlint.util.errors import InternalError
from azkvlint.util.project_files import resource_files

Reads: TypeAlias = Mapping[str, tuple[Path, ...]]
ANY_TYPE: tuple[str, ...] = ()


class Context(msgspec.Struct, frozen=True):
    """The inputs of a derived attribute besides its resource: all resources of a root, and the current day.

    ``cache`` holds values that are computed once per graph. ``is_complete``: the input contains all existing resources.
    """

    index: Index
    today: date
    cache: dict[str, Any]
    is_complete: bool = True

    def has_all_companions(self, resource: Resource) -> bool:
        """Return whether all existing companions of ``resource`` are in the graph."""
        return (self.is_complete or resource.enclosed) and resource.assumption is None

    def target_of(self, resource: Resource, via: str) -> Resource | None:
        """Return the one resource that an attribute certainly refers to; None if it is not in the graph."""
        reference = reference_of(resource.address, via, resource.select((via,)), self.index)
        targets = reference.targets if reference is not None else ()
        return self.index.resources[targets[0]] if len(targets) == 1 else None


DeriveFunction: TypeAlias = Callable[[Resource, Context], Answer]


class DerivedAttribute(msgspec.Struct, frozen=True):
    """The declaration of a derived attribute, which a ``module`` of this package computes.

    ``types`` are the lower-case types of the resources that have it (empty: all), ``label`` is its name in reports.
    Its function reads no other derived attribute but those in ``uses``, with ``attribute_of``. ``local_only``: it
    depends on nothing but ``Resource.shared_attributes``, whether the resource exists, and the day; so it is computed
    once for all resources that share those.
    """

    name: str
    module: str
    types: tuple[str, ...]
    label: str
    local_only: bool = False
    uses: tuple[str, ...] = ()

    def function(self) -> DeriveFunction:
        """Return the function that computes it. Its module is not imported before."""
        if self.name not in _FUNCTIONS:
            import_module(f"{__package__}.{self.module}")
        return _FUNCTIONS[self.name]


_Row: TypeAlias = tuple[str, tuple[Path, ...]]


class _Declarations(msgspec.Struct):
    """What the modules of this package register, but for the functions.

    ``reads`` has what must be read for an attribute by its path in rules, through the attributes that it uses too, as
    places in ``rows``: a type, and paths. Many attributes have rows in common, of which a file has each once.
    """

    attributes: dict[str, DerivedAttribute]
    reads: dict[str, tuple[int, ...]]
    rows: tuple[_Row, ...]


# The declarations of a checkout. A wheel has them compiled instead.
_REGISTRY: dict[str, Callable[[], tuple[DerivedAttribute, Reads]]] = {}
_FUNCTIONS: dict[str, DeriveFunction] = {}

# The paths that must be read for attributes that are computed from other resources, but not by this registry.
_OTHER_READS: dict[str, Reads] = {
    "derived.valueOrigins": {pseudo_resources.SECRETS_TYPE: (pseudo_resources.PATH_IN_BODY,)},
    "derived.writeOnly": {pseudo_resources.SECRETS_TYPE: (pseudo_resources.PATH_IN_BODY,)},
}

# The labels of the attributes that readers set if there is no Azure property.
READER_LABELS: Mapping[str, str] = {
    "accountName": "Batch account name",
    "after": "dependency list",
    "canBeEphemeral": "support for ephemeral values",
    "canBeWriteOnly": "support for write-only arguments",
    "certificateContacts": "certificate contact",
    "changedFrom": "value before the change",
    "covers": "scope",
    "criteria": "alert condition",
    "deadArgument": "unsupported argument",
    "holdsSecurityDomain": "security domain in the state",
    "keyName": "key name",
    "keyVersion": "key version",
    "namespaceName": "namespace name",
    "plannedAction": "planned action",
    "publishesByFtp": "basic authentication for FTP deployments",
    "publishesByScm": "basic authentication for the deployment site",
    "replacePaths": "reason for the replacement",
    "appSettings": "application setting",
    "serviceName": "API Management service name",
    "topicName": "system topic name",
    "valueOrigins": "origin of the secret value",
    "valueVersion": "version of the write-only value",
    "virtualNetworkName": "virtual network name",
    "writeOnly": "use of a write-only argument",
    "zoneName": "private DNS zone name",
}

# What is unknown of a resource if an attribute is, where that is more than a value: see ``unknown_statement``.
_STATEMENTS: Mapping[str, str] = {
    "ability": "the permissions of the role of {} are unknown",
    "activityCategories": "the categories of the activity log that {} exports are unknown",
    "exportsAudit": "{} may export audit events",
    "exposedSecrets": "{} may expose a secret",
    "grantees": "the principals with access through {} are unknown",
    "grants": "the permissions that {} grants are unknown",
    "inRegionOfVault": "{} may be outside the region of its vault",
    "inTenantOfVault": "{} may be outside the tenant of its vault",
    "inlineSecrets": "{} may contain a secret",
    "isConfiguration": "the value of {} may be configuration or a secret",
    "keyPermissions": "{} may have no permission to use the key",
    "moving": "a date of {} may be computed from the current time",
    "readsSecretsAlready": "the principal of {} may have access already",
    "recovers": "{} may recover a deleted vault",
    "referenceIdentities": "the identity that {} uses for Key Vault is unknown",
    "repeatsVault": "{} may repeat the inline access policies",
    "restrictsListing": "{} may allow listing secrets",
    "sameName": "{} may have the name of another object",
    "secretPermissions": "{} may have no permission to read the secret",
    "servesPublic": "{} may have a public TLS endpoint",
    "sinkNeedsSource": "the log destination of {} may depend on the vault",
    "trustedConsumers": "the trusted services that use {} are unknown",
    "valueOrigins": "the source of the value of {} is unknown",
    "vaultAccess": "{} may have access to a vault",
    "waitsForAccess": "{} may be deployed before its role assignment or access policy",
    "waitsForGrant": "{} may be deployed before its role assignment or access policy",
}


def derived(
    name: str,
    *,
    of: str | Iterable[str] | Callable[[], Iterable[str]],
    label: str,
    reads: tuple[Path, ...] | Reads | Callable[[], Reads],
    local_only: bool = False,
    uses: tuple[str, ...] = (),
) -> Callable[[DeriveFunction], DeriveFunction]:
    """Register a function as the derived attribute ``name`` of resources of the types ``of`` (lower case).

    It is called for resources of these types only, and returns ``Absent`` for one that has no such attribute.
    ``reads`` are the paths that it selects of these types, or maps each type that it reads, in lower case, to paths. A
    function in place of either computes it from a table: a wheel, which has the declarations compiled, does not call
    it. See ``DerivedAttribute`` for the rest.
    """

    def register(compute: DeriveFunction) -> DeriveFunction:
        if name in _REGISTRY:
            raise ValueError(f"derived.{name} is registered twice")
        _FUNCTIONS[name] = compute
        module = compute.__module__.rpartition(".")[2]

        def declare() -> tuple[DerivedAttribute, Reads]:
            types = of() if callable(of) else (of,) if isinstance(of, str) else of
            attribute = DerivedAttribute(name, module, tuple(types), label, local_only, uses)
            if isinstance(reads, tuple):
                return attribute, dict.fromkeys(attribute.types, reads)
            return attribute, reads() if callable(reads) else reads

        _REGISTRY[name] = declare
        return compute

    return register


def joined(*reads: Reads) -> Reads:
    """Return all that several functions read, by type."""
    found: dict[str, dict[Path, None]] = {}
    for type_, paths in (pair for one in reads for pair in one.items()):
        found.setdefault(type_, {}).update(dict.fromkeys(paths))
    return {type_: tuple(paths) for type_, paths in found.items()}


def also_reads(attribute: str, reads: Reads) -> None:
    """Declare the paths that must be read for an attribute that no function of this registry computes."""
    _OTHER_READS[attribute] = reads


# What a wheel has instead of importing all modules: a run needs few of them.
_COMPILED = "rules/attributes.json"


def compile_declarations() -> dict[str, bytes]:
    """Return the declarations of all derived attributes as a JSON file, which a wheel has beside its rules."""
    return {_COMPILED: msgspec.json.encode(_registered())}


@cache
def _declarations() -> _Declarations:
    package = os.path.dirname(os.path.dirname(__file__))
    try:
        compiled = read_compiled(package, _COMPILED)
        return msgspec.json.Decoder(_Declarations).decode(compiled)
    except FileNotFoundError:  # in a checkout that has changed
        return _registered()
    except (OSError, msgspec.MsgspecError) as error:
        raise InternalError(
            "the declarations of derived attributes cannot be read", hint="Install kvlint again."
        ) from error


def _registered() -> _Declarations:
    # Not pkgutil: its imports take as long as those of this package.
    files = map(os.path.basename, resource_files(os.path.dirname(__file__), (".py",), deep=False))
    for name in sorted(file.removesuffix(".py") for file in files if not file.startswith("_")):
        import_module(f"{__package__}.{name}")
    declared = {name: _REGISTRY[name]() for name in sorted(_REGISTRY)}
    attributes = {name: attribute for name, (attribute, _) in declared.items()}
    reads = {
        f"derived.{name}": joined(*(declared[one][1] for one in (name, *_used_by(name, attributes))))
        for name in attributes
    } | _OTHER_READS
    places: dict[_Row, int] = {}
    by_attribute = {
        name: tuple(places.setdefault(row, len(places)) for row in found.items()) for name, found in reads.items()
    }
    return _Declarations(attributes, by_attribute, tuple(places))


def _used_by(name: str, attributes: Mapping[str, DerivedAttribute]) -> Iterator[str]:
    """Yield the attributes that an attribute uses, and those that these use."""
    for one in attributes[name].uses:
        yield one
        yield from _used_by(one, attributes)


def derived_attributes() -> Mapping[str, DerivedAttribute]:
    """Return all derived attributes by name, registered by the modules of this package."""
    return _declarations().attributes


def reads_of(attributes: Iterable[str]) -> Iterator[tuple[str, tuple[Path, ...]]]:
    """Yield the types with the paths that must be read for attributes by their paths in rules, each once."""
    known = _declarations()
    return (known.rows[row] for row in {row for name in attributes for row in known.reads.get(name, ())})


def attribute_of(resource: Resource, name: str, context: Context) -> Answer:
    """Return a derived attribute of another resource, or what a reader has set in its place."""
    answer = resource.select(("derived", name))
    attribute = derived_attributes()[name]
    if not isinstance(answer, Absent) or (attribute.types and resource.type.lower() not in attribute.types):
        return answer
    return as_derived(attribute.function()(resource, context))


def as_derived(answer: Answer) -> Answer:
    """Return an attribute without what is known of the fields of the unknown value that it is: it has others."""
    if type(answer) is Unknown and answer.known.names is not None:
        return msgspec.structs.replace(answer, known=msgspec.structs.replace(answer.known, names=None))
    return answer


@cache
def labels() -> Mapping[str, str]:
    """Return the label of every attribute below ``derived``, by name."""
    return {**READER_LABELS, **{name: one.label for name, one in derived_attributes().items()}}


def unknown_statement(name: str, label: str, address: str) -> str:
    """Return a statement about a resource of which the derived attribute ``name`` is unknown."""
    return _STATEMENTS.get(name, f"{label} of {{}} is unknown").format(address)
