"""Where a value comes from, in words: what rules about secrets ask for, as they must not see the value itself.

The words are found by following references through an expression as it is written. What chooses among values (the
condition of a conditional, an index) is no origin of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, TypeAlias

import msgspec

from kvlint.model.graph import Demand, Resource
from kvlint.model.source import Location
from kvlint.model.value import Absent, ListValue, MapValue, Path, Scalar, Unknown, Value, select
from kvlint.readers.azurerm.version import VersionRange
from kvlint.syntax import tree

Origins: TypeAlias = frozenset[str]

# In the code itself, in the default of a parameter, in a file of values beside the code.
WRITTEN, DEFAULT, GIVEN = "written", "default", "given"
# From outside, through a parameter that is declared as secret, or through one that is not.
SECURE, PARAMETER = "secure", "parameter"
# From outside, and known here: an option, or the plan that was made.
COMMAND = "command-line"
# Made up at random by the deployment; a secret that is read from Key Vault; a key or connection string of a resource.
GENERATED, SECRET, CREDENTIAL, PRIVATE_KEY = "generated", "secret", "credential", "private-key"
# Anything else that a resource, a module or the deployment says.
RESOURCE = "resource"
UNTRACED = "?"

NONE: Origins = frozenset()
_CODE: Origins = frozenset({WRITTEN, DEFAULT, GIVEN})
_PLAIN: Origins = _CODE | {PARAMETER, RESOURCE}
# Functions that give one of their arguments.
_CHOOSING = frozenset({"coalesce", "try", "if"})

# What holds a secret, by Terraform type and attribute. Source: the providers' documentation.
_SECRETS: Mapping[str, frozenset[str]] = {
    "azurerm_key_vault_secret": frozenset({"value"}),
    "azurerm_key_vault_certificate_data": frozenset({"key"}),
    "azurerm_key_vault_encrypted_value": frozenset({"plain_text_value", "decoded_plain_text_value"}),
}
_PRIVATE_KEYS: Mapping[str, frozenset[str]] = {
    "tls_private_key": frozenset({"private_key_pem", "private_key_openssh", "private_key_pem_pkcs8"}),
    "pkcs12_from_pem": frozenset({"result"}),
}
_GENERATED: Mapping[str, frozenset[str]] = {
    "random_password": frozenset({"result"}),
    "azuread_application_password": frozenset({"value"}),
    "azuread_service_principal_password": frozenset({"value"}),
}
_CREDENTIAL = re.compile(
    r"(?:.*_)?(?:access_key|shared_key|primary_key|secondary_key|connection_strings?|password|sas|sas_token"
    r"|client_secret|kube_config|kube_admin_config|kube_config_raw|kube_admin_config_raw)"
)
_SPEAKS = re.compile(
    r"(?i).*(?:password|passwd|pwd|secret|token|credential|connection_?string|(?:private|access)_?key)"
)


class Scope(Protocol):
    """What the names and calls of an expression mean where it stands."""

    def origins(self, node: tree.Expression) -> Origins | None:
        """The origins of a name, a path or a call; None if they are those of its parts."""


def origins_of(node: tree.Node, scope: Scope) -> Origins:
    """The origins of an expression; none at all if it is made of nothing but what is written in it."""
    match node:
        case tree.Literal():
            return NONE
        case tree.Conditional(yes=yes, no=no):
            return _chosen((yes, no), scope)
        case tree.Binary(operator="??", left=left, right=right):
            return _chosen((left, right), scope)
        case tree.Call(name=name, arguments=arguments) if name.lower() in _CHOOSING:
            return _chosen(arguments[1:] if name.lower() == "if" else arguments, scope)
        case tree.Comprehension(over=over, result=result):
            return origins_of(over, scope) | origins_of(result, scope)
    found = scope.origins(node) if isinstance(node, _NAMED) else None
    if found is not None:
        return found
    return together([origins_of(part, scope) for part in parts_of(node)])


def together(parts: list[Origins]) -> Origins:
    """Those of what is made of several parts: a host or a user beside a secret is no secret, whoever gives it."""
    for weaker in (_PLAIN, _CODE):
        found = union(part for part in parts if not part <= weaker)
        if found:
            return found
    return union(parts)


_NAMED = (tree.Name, tree.Member, tree.Item, tree.Splat, tree.Call, tree.Nested, tree.NotNull)


def _chosen(nodes: Iterable[tree.Expression], scope: Scope) -> Origins:
    """Those of any of several values, of which each may be the one that counts."""
    return union(origins_of(node, scope) or (NONE if _is_nothing(node) else frozenset({WRITTEN})) for node in nodes)


def _is_nothing(node: tree.Expression) -> bool:
    return isinstance(node, tree.Literal) and node.value in (None, "")


def parts_of(node: tree.Node) -> Iterator[tree.Node]:
    """The nodes in a node."""
    for name in node.__struct_fields__:
        value = getattr(node, name)
        if isinstance(value, tree.Node):
            yield value
        elif isinstance(value, tuple):
            yield from (item for item in value if isinstance(item, tree.Node))


def union(found: Iterable[Origins]) -> Origins:
    """All of them together."""
    return frozenset().union(*found)


def path_of(node: tree.Expression) -> tuple[str, ...]:
    """The names of a path such as ``data.a.b[0].c``, without what stands in brackets; none if it is no path."""
    names: list[str] = []
    here: tree.Expression = node
    while not isinstance(here, tree.Name):
        match here:
            case tree.Member(of=of, name=name):
                names.append(name)
                here = of
            case tree.Item(of=of) | tree.NotNull(of=of):
                here = of
            case tree.Splat(of=of, each=each):
                names += reversed(path_of(each)[1:])
                here = of
            case _:
                return ()
    return (here.name, *reversed(names))


def of_attribute(type_: str, attribute: str) -> Origins:
    """What an attribute of a Terraform resource is; ``attribute`` is empty for the whole resource."""
    for table, word in ((_SECRETS, SECRET), (_PRIVATE_KEYS, PRIVATE_KEY), (_GENERATED, GENERATED)):
        found = table.get(type_)
        if found is not None and (not attribute or attribute in found):
            return frozenset({word})
    if type_.startswith("azurerm_") and _CREDENTIAL.fullmatch(attribute):
        return frozenset({CREDENTIAL})
    return frozenset({RESOURCE})


def of_output(name: str) -> Origins:
    """What an output is of a module that is not at hand: it is not traced if its name speaks of a secret."""
    return frozenset({UNTRACED if speaks(name) else RESOURCE})


def speaks(name: str) -> bool:
    """Whether a name says that what it stands for is a secret."""
    return _SPEAKS.match(name) is not None


def of_known(found: Origins) -> Origins:
    """The origins of a value that is known: it cannot come from what nobody knows."""
    return found & {DEFAULT, GIVEN, COMMAND} or frozenset({WRITTEN})


def listed(found: Origins, at: Location) -> ListValue:
    """The words as a value; what could not be followed is an item that is not known."""
    words = found - {UNTRACED} or (NONE if found else frozenset({WRITTEN}))
    items: list[Scalar | Unknown] = [Scalar(at=at, value=word, origin="derived") for word in sorted(words)]
    if UNTRACED in found:
        items.append(Unknown(at=at, origin="derived", why="where it comes from cannot be followed"))
    return ListValue(at=at, items=tuple(items), origin="derived")


# Arguments that show what they are given to more people than may read it, by the Terraform type that has them; a dot
# leads into a block. Names and tags are shown of everything.
TELLING: Mapping[str, tuple[str, ...]] = {
    "null_resource": ("triggers",),
    "terraform_data": ("input", "triggers_replace"),
    "local_file": ("content",),
    "local_sensitive_file": ("content",),
    "azurerm_linux_virtual_machine": ("custom_data", "user_data"),
    "azurerm_windows_virtual_machine": ("custom_data", "user_data"),
    "azurerm_linux_virtual_machine_scale_set": ("custom_data", "user_data"),
    "azurerm_windows_virtual_machine_scale_set": ("custom_data", "user_data"),
    "azurerm_orchestrated_virtual_machine_scale_set": ("user_data_base64",),
    "azurerm_virtual_machine_extension": ("settings",),
    "azurerm_container_group": ("container.environment_variables",),
    "azurerm_resource_deployment_script_azure_cli": ("command_line", "environment_variable.value"),
    "azurerm_resource_deployment_script_azure_power_shell": ("command_line", "environment_variable.value"),
    "azurerm_resource_group_template_deployment": ("parameters_content",),
}
_OF_ALL = ("name", "tags")
ARGUMENT_TYPE = "Terraform/arguments"
_TOLD: Origins = frozenset({SECRET, PRIVATE_KEY, GENERATED, UNTRACED})


def telling(type_: str) -> tuple[str, ...]:
    """The arguments of a Terraform type that show what they are given."""
    return (*TELLING.get(type_, ()), *(_OF_ALL if type_.startswith("azurerm_") else ()))


def has_secrets(type_: str) -> bool:
    """Whether resources of a Terraform type have secrets that somebody could tell."""
    return type_ in _SECRETS or type_ in _PRIVATE_KEYS or type_ in _GENERATED


def argument(address: str, name: str, found: Origins, at: Location) -> Resource | None:
    """An argument that shows what it is given, as a resource; None if that is no secret for certain."""
    if not found & _TOLD:
        return None
    attributes = MapValue(at=at, fields={"name": Scalar(at=at, value=name)})
    return Resource(
        address=f"{address}.{name}", type=ARGUMENT_TYPE, name=name, attributes=with_origins(attributes, found), at=at,
        declared_as="argument",
    )  # fmt: skip


# What holds the value of a secret, by Terraform type; in an azapi body it is at PATH_IN_BODY.
ARGUMENTS: Mapping[str, tuple[str, ...]] = {"azurerm_key_vault_secret": ("value", "value_wo")}
SECRETS_TYPE = "microsoft.keyvault/vaults/secrets"
PATH_IN_BODY = ("properties", "value")
# What else holds secrets, all of which count; a dot leads into a block.
CREDENTIALS: Mapping[str, tuple[str, ...]] = {
    "azurerm_key_vault_certificate": ("certificate.contents", "certificate.password"),
    "azurerm_key_vault_certificate_issuer": ("password",),
}
_CERTIFICATES_TYPE = "microsoft.keyvault/vaults/certificates"
TRACED_TYPES = (SECRETS_TYPE, _CERTIFICATES_TYPE, f"{_CERTIFICATES_TYPE}/issuers")
_OF_ISSUER: Path = ("properties", "credentials", "password")
# Where a body of the data plane has its secret; the policy of a certificate has none.
_IN_DATA_PLANE: Mapping[str, tuple[str, ...]] = {
    SECRETS_TYPE: ("value",),
    f"{_CERTIFICATES_TYPE}/issuers": ("credentials", "pwd"),
}
OUTPUT_TYPE = "Terraform/outputs"
MODULE_TYPE = "Terraform/modules"
_WRITE_ONLY, _SINCE = (4, 23), "azurerm has value_wo from version 4.23 on"
ATTRIBUTE: Path = ("derived", "valueOrigins")
_KEPT = ("writeOnly", "canBeWriteOnly")
_ASKED: frozenset[Path] = frozenset({ATTRIBUTE, *(("derived", name) for name in _KEPT)})


def is_asked(demand: Demand, type_: str) -> bool:
    """Whether any rule asks where the values of a type come from."""
    paths = demand.of(type_)
    return paths is not None and (() in paths or any(path[:2] in _ASKED for path in paths))


def asks_outputs(demand: Demand, type_: str) -> bool:
    """Whether any rule asks for outputs, which are no resources, by the type that stands for them."""
    return type_.lower() in demand.paths


def secret_in(attributes: MapValue) -> Value | None:
    """The secret that a body has; None if it has none."""
    answers = (select(attributes, path) for path in (PATH_IN_BODY, _OF_ISSUER))
    return next((answer for answer in answers if not isinstance(answer, Absent)), None)


def path_in_body(type_: str, is_data_plane: bool) -> tuple[str, ...]:
    """Where a body has its secret; empty if there is none."""
    return _IN_DATA_PLANE.get(type_.lower(), ()) if is_data_plane else PATH_IN_BODY


def with_origins(attributes: MapValue, found: Origins, kept: Mapping[str, Value] | None = None) -> MapValue:
    """``attributes`` with the origins beside what else is derived, and with whether Terraform keeps the value."""
    answer = secret_in(attributes)
    at = answer.at if answer is not None else select(attributes, PATH_IN_BODY).at
    return with_all_origins(attributes, [(found, at)], kept)


def with_all_origins(
    attributes: MapValue, parts: Iterable[tuple[Origins, Location]], kept: Mapping[str, Value] | None = None
) -> MapValue:
    """The same for what is in several places."""
    have = attributes.fields.get("derived")
    items = [item for found, at in parts for item in listed(found, at).items]
    words = ListValue(at=items[0].at if items else attributes.at, items=tuple(items), origin="derived")
    derived = {**(have.fields if isinstance(have, MapValue) else {}), str(ATTRIBUTE[1]): words, **(kept or {})}
    fields = {**attributes.fields, "derived": MapValue(at=attributes.at, fields=derived, origin="derived")}
    return msgspec.structs.replace(attributes, fields=fields)


def kept(argument: str, version: VersionRange, at: Location) -> Mapping[str, Value]:
    """Whether Terraform keeps the value of a secret in its state, by the argument that gives it, and whether it need.

    Source: the provider's changelog (``value_wo`` since 4.23).
    """
    note = f"the argument is {argument}"
    write_only = Scalar(at=at, value=argument != "value", origin="derived", note=note)
    can: Value = Scalar(at=at, value=version.high > _WRITE_ONLY, origin="derived", note=_SINCE)
    if version.low < _WRITE_ONLY < version.high:
        can = Unknown(at=at, origin="derived", why=_SINCE)
    return {_KEPT[0]: write_only, _KEPT[1]: can}


def output(name: str, marked: Value, found: Origins, at: Location) -> Resource:
    """An output of a Terraform root module as a resource. ``marked``: whether it is sensitive."""
    attributes = MapValue(at=at, fields={"name": Scalar(at=at, value=name), "sensitive": marked})
    return Resource(
        address=f"output.{name}", type=OUTPUT_TYPE, name=name, attributes=with_origins(attributes, found), at=at,
        declared_as="output",
    )  # fmt: skip


def unmarked(at: Location) -> Scalar:
    """Whether an output is sensitive that does not say so."""
    return Scalar(at=at, value=False, origin="default", note="not set, and the default is false")


def module_call(address: str, source: Value | None, version: Value | None, at: Location) -> Resource:
    """A module call as a resource."""
    name = address.rpartition(".")[2]
    fields: dict[str, Value] = {"name": Scalar(at=at, value=name)}
    fields |= {key: value for key, value in (("source", source), ("version", version)) if value is not None}
    return Resource(
        address=address, type=MODULE_TYPE, name=name, attributes=MapValue(at=at, fields=fields), at=at,
        declared_as="module",
    )  # fmt: skip
