"""Managed HSMs: the protection of their security domain, and the assignments of local roles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from azkvlint.azure.roles import role_by_id
from azkvlint.derived.answers import (
    absent,
    at_attribute,
    known,
    known_list,
    known_object,
    or_absent,
    unknown,
    unknown_as,
)
from azkvlint.derived.registry import Context, derived
from azkvlint.graph.references import parse_object_url, reference_of
from azkvlint.model.pattern import has_holes, marked
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Link, ListValue, MapValue, Origin, Path, Scalar, Unknown, Value
from azkvlint.util.lazy_regex import regex
from azkvlint.util.text import pluralize

# No template can activate an HSM by itself; only a deployment script that downloads the security domain states the
# number of shares and the quorum. Source:
# learn.microsoft.com/azure/key-vault/managed-hsm/quick-create-cli, learn.microsoft.com/cli/azure/keyvault/
# security-domain and learn.microsoft.com/powershell/module/az.keyvault/export-azkeyvaultsecuritydomain.


POOLS = "microsoft.keyvault/managedhsms"
_SCRIPTS = "microsoft.resources/deploymentscripts"
_DOMAIN: Path = ("derived", "securityDomain")
SHARES: Path = (*_DOMAIN, "certificateIds")
QUORUM: Path = (*_DOMAIN, "quorum")
_CONTENT: Path = ("properties", "scriptContent")
_VARIABLES: Path = ("properties", "environmentVariables")
_OPEN = "the deployment script that activates the managed HSM cannot be evaluated"
_LONGEST = 100_000
_ANY = "*"  # stands for an unknown part of a script
# A security domain requires at least three shares.
_FEWEST = 3
# A command continues after a line that ends in a backslash (a backtick in PowerShell).
_ONE_LINE = regex(r"[\\`]\r?\n")
_COMMAND = regex(r"(?i)\b(?:az\s+keyvault\s+security-domain\s+download|Export-AzKeyVaultSecurityDomain)\b([^\r\n;|&]*)")
_VARIABLE = regex(r"\$(?:\{(?:Env:)?(\w+)\}|(?:Env:)?(\w+))")
_WORD = regex(r"\"[^\"]*\"|'[^']*'|[^\s,=\"']+")
_NAMES, _ADDRESSES = ("--hsm-name", "-name"), ("--id",)
_QUORUMS, _KEYS = ("--sd-quorum", "-quorum"), ("--sd-wrapping-keys", "-certificates")


class Activation(NamedTuple):
    """The activation of an HSM: the shares, the quorum, and the script that states them; None if not stated."""

    shares: Value | None
    quorum: Value | None
    by: str = ""


def activation(resource: Resource, context: Context) -> Activation:
    """Return how a managed HSM is activated."""
    shares, quorum = resource.select(SHARES), resource.select(QUORUM)
    if not isinstance(shares, Absent) or not isinstance(quorum, Absent):
        return Activation(
            None if isinstance(shares, Absent) else shares, None if isinstance(quorum, Absent) else quorum
        )
    found = [one for script in context.index.of_type(_SCRIPTS) for one in _by_script(resource, script, context)]
    # The last of several commands is not known.
    return found[0] if len(found) == 1 else _open(resource) if found else Activation(None, None)


def _open(resource: Resource) -> Activation:
    doubt = unknown(resource, _OPEN)
    return Activation(doubt, doubt)


def _by_script(resource: Resource, script: Resource, context: Context) -> Iterator[Activation]:
    """Yield the activations of one HSM in a script; none if the script is for another HSM."""
    content = script.select(_CONTENT)
    text = marked(content.string, _ANY)
    if len(text) > _LONGEST or (isinstance(content, Unknown) and not text):
        yield _open(resource)
        return
    text = _ONE_LINE.sub(" ", text)
    variables = _variables(script)
    for command in _COMMAND.finditer(text):
        options = _options(_VARIABLE.sub(lambda match: variables.get(match[1] or match[2], match[0]), command[1]))
        names = [*options.get(_NAMES[0], ()), *options.get(_NAMES[1], ())]
        names += [word.removeprefix("https://").partition(".")[0] for word in options.get(_ADDRESSES[0], ())]
        if len(names) != 1 or _is_open(names[0]) or _is_open(resource.name):
            yield _open(resource)
        elif names[0].lower() == resource.name.lower():
            yield _activation_by(resource, script, options)


def _is_open(text: str) -> bool:
    return has_holes(text) or any(mark in text for mark in f"$`{_ANY}?[@(")


def _activation_by(resource: Resource, script: Resource, options: Mapping[str, list[str]]) -> Activation:
    at = resource.at
    keys = [word for name in _KEYS for word in options.get(name, ())]
    quorum = [word for name in _QUORUMS for word in options.get(name, ())]
    if not keys or len(quorum) != 1 or not quorum[0].isdecimal() or any(map(_is_open, keys)):
        return _open(resource)
    shares = known_list(at, (Scalar(at=at, value=key) for key in keys))
    return Activation(shares, known(at, int(quorum[0][:9])), f" in `{script.address}`")


def _variables(script: Resource) -> dict[str, str]:
    """Return the environment variables of a script whose values are known, by name."""
    listed = script.select(_VARIABLES)
    found: dict[str, str] = {}
    for item in listed.items if isinstance(listed, ListValue) else ():
        name, value = item.select(("name",)), item.select(("value",))
        if isinstance(name, Scalar) and isinstance(value, Scalar) and not value.sensitive:
            found[str(name.value)] = str(value.value)
    return found


def _options(text: str) -> dict[str, list[str]]:
    """Return the options of a command with their words, in lower case, without the words before the first option."""
    found: dict[str, list[str]] = {}
    name = ""
    for word in _WORD.findall(text):
        if word.startswith("-"):
            name = word.lower()
            found.setdefault(name, [])
        elif name:
            found[name].append(word.strip("\"'"))
    return found


NEEDS: Mapping[str, tuple[Path, ...]] = {POOLS: (SHARES, QUORUM, ("name",)), _SCRIPTS: (_CONTENT, _VARIABLES)}


@derived("securityDomain", of=POOLS, label="security domain", reads=NEEDS)
def _domain(resource: Resource, context: Context) -> Answer:
    """Return the security domain as the provider sets it, or the quorum that a script states."""
    domain = resource.select(_DOMAIN)
    if isinstance(domain, MapValue):
        quorum = domain.fields.get("quorum")
        fields = domain.fields if quorum is None else {**domain.fields, "quorum": _with_note(quorum)}
        return msgspec.structs.replace(domain, fields=fields)
    quorum = activation(resource, context).quorum if isinstance(domain, Absent) else None
    return absent(resource) if quorum is None else known_object(resource, {"quorum": _with_note(quorum)})


def _with_note(quorum: Value) -> Value:
    return msgspec.structs.replace(quorum, note=f"quorum is {quorum.display()}") if type(quorum) is Scalar else quorum


ASSIGNMENTS = f"{POOLS}/roleassignments"
DEFINITIONS = f"{POOLS}/roledefinitions"
VAULTS = "microsoft.keyvault/vaults"
CERTIFICATES = f"{VAULTS}/certificates"

_ADMINS: Path = ("properties", "initialAdminObjectIds")
_NOT_HERE = "the security domain of the managed HSM is not declared in the scanned files"
_ROLE: Path = ("properties", "roleDefinitionId")
# The key for every certificate.
_ANY = "*"
IS_SHARE: Path = ("derived", "isShare")


_OF_SHARES: Mapping[str, tuple[Path, ...]] = {
    POOLS: (SHARES,), CERTIFICATES: (("name",), ("parent",)), VAULTS: (("id",),),
}  # fmt: skip


@derived("spareShares", of=POOLS, label="number of spare security domain shares", reads=NEEDS)
def _spare(resource: Resource, context: Context) -> Answer:
    """Return how many shares of the security domain can be lost before the HSM is unrecoverable."""
    shares, quorum, by = activation(resource, context)
    for answer in (shares, quorum):
        if isinstance(answer, Unknown):
            return answer
    needed = quorum.value if isinstance(quorum, Scalar) else None
    shares = _distinct(shares) if shares is not None else None
    if quorum is None or not isinstance(shares, ListValue) or not isinstance(needed, int) or isinstance(needed, bool):
        return unknown(resource, _NOT_HERE)
    count = len(shares.items)
    return known(quorum, count - needed, f"quorum is {needed} of {count}{by}")


@derived("initialAdmins", of=POOLS, label="list of initial administrators", reads=(_ADMINS,))
def _initial_admins(resource: Resource, _: Context) -> Answer:
    """Return the initial administrators without duplicates."""
    found = resource.select(_ADMINS)
    if isinstance(found, Absent):
        return absent(resource)
    return msgspec.structs.replace(_distinct(found), at=at_attribute(found, _ADMINS))


def _distinct(found: Value) -> Value:
    """Return a list without certain duplicates."""
    if not isinstance(found, ListValue):
        return found
    return msgspec.structs.replace(found, items=_distinct_items(found), note="")


def _distinct_items(found: ListValue) -> tuple[Value, ...]:
    kept: dict[str, Value] = {}
    for number, item in enumerate(found.items):
        kept.setdefault(item.text.lower() or (item.target if isinstance(item, Link) else f" {number}"), item)
    return tuple(kept.values())


def _shares(resource: Resource) -> Answer:
    """Return the certificates that the shares are encrypted for, without duplicates, as the provider has them."""
    found = resource.select(SHARES)
    return found if isinstance(found, Absent) else _distinct(found)


@derived("shares", of=POOLS, label="set of security domain shares", reads=NEEDS)
def _known_shares(resource: Resource, context: Context) -> Answer:
    found = activation(resource, context).shares
    if not isinstance(found, ListValue):
        return or_absent(found, resource)
    items = _distinct_items(found)
    note = f"{'only ' if len(items) < _FEWEST else ''}{pluralize(len(items), 'share')}"
    return msgspec.structs.replace(found, items=items, note=note)


@derived("shareVaults", of=POOLS, label="vault of the security domain certificates", reads=_OF_SHARES)
def _share_vaults(resource: Resource, context: Context) -> Answer:
    """Return the vaults of the certificates that the shares are encrypted for."""
    shares = _shares(resource)
    if not isinstance(shares, ListValue):
        return shares if isinstance(shares, Unknown) else absent(resource)
    doubt = [share for share in shares.items if isinstance(share, Unknown)]
    # The list has no duplicates, so an item with fewer candidates than unknown items is also another certificate.
    lost = any(len(share.candidates) < len(doubt) for share in doubt)
    vaults = tuple(
        unknown_as(share, "the ID of the certificate is not known")
        if lost and isinstance(share, Unknown)
        else _vault_of(share, context)
        for share in shares.items
    )
    return known_list(shares, vaults)


@derived("shareVaultCount", of=POOLS, label="number of vaults with security domain certificates", reads=_OF_SHARES)
def _share_vault_count(resource: Resource, context: Context) -> Answer:
    """Return the number of vaults of the certificates that the shares are encrypted for."""
    vaults = _share_vaults(resource, context)
    if not isinstance(vaults, ListValue):
        return vaults
    doubt = next((vault for vault in vaults.items if isinstance(vault, Unknown)), None)
    if doubt is not None:
        return doubt
    names = {_name_of(vault, context) for vault in vaults.items}
    return known(vaults, len(names), ", ".join(sorted(names)))


def _name_of(vault: Value, context: Context) -> str:
    """Return the name of a vault by a link to it, by its id, or by its URI."""
    if isinstance(vault, Link) and vault.target in context.index.resources:
        return context.index.resources[vault.target].name.lower()
    text = vault.text.lower()
    return text.rpartition("/")[2] if "/" in text else text.partition(".")[0]


@derived(
    "isShare",
    of=CERTIFICATES,
    label="use for a security domain share",
    reads={POOLS: (SHARES,), CERTIFICATES: (("name",), ("parent",))},
)
def _is_share(resource: Resource, context: Context) -> Answer:
    """Return whether a certificate encrypts a share of an HSM's security domain."""
    if not isinstance(resource.select(IS_SHARE), Absent):
        return absent(resource)
    if "shares" not in context.cache:
        context.cache["shares"] = _all_shares(context)
    certain, perhaps = context.cache["shares"]
    if resource.address in certain:
        return known(resource, True, f"`{certain[resource.address]}` uses the certificate for its security domain")
    pool = perhaps.get(resource.address) or perhaps.get(_ANY)
    return unknown(resource, f"`{pool}` may use the certificate for its security domain") if pool else absent(resource)


def _all_shares(context: Context) -> tuple[dict[str, str], dict[str, str]]:
    """Return the certificates that certainly, and possibly, encrypt a share of an HSM, each with that HSM."""
    certain: dict[str, str] = {}
    perhaps: dict[str, str] = {}
    for pool in context.index.of_type(POOLS):
        shares = _shares(pool)
        for share in shares.as_items:
            reference = reference_of(pool.address, "", share, context.index)
            if reference is not None:
                certain |= dict.fromkeys(reference.targets, pool.address)
                perhaps |= dict.fromkeys((*reference.candidates, *([_ANY] if reference.anything else [])), pool.address)
    return certain, perhaps


def _vault_of(share: Value, context: Context) -> Value:
    """Return the vault of a certificate: a link to it, its id, or its URI."""
    index = context.index
    reference = reference_of("", "", share, index)
    certificates = reference.targets + reference.candidates if reference is not None else ()
    if reference is None or reference.anything or not certificates:
        return _vault_at(share)
    aboves = [index.resources[address].select(("parent",)) for address in certificates]
    parents = [reference_of("", "", above, index) for above in aboves]
    found = [parent.targets if parent is not None else () for parent in parents]
    if len(set(found)) == 1 and len(found[0]) == 1:
        return Link(at=share.at, target=found[0][0], origin=Origin.DERIVED)
    if len(aboves) == 1 and isinstance(aboves[0], Scalar):
        return aboves[0]
    why = "the vault of a certificate is not known"
    candidates = tuple(dict.fromkeys(vault for vaults in found for vault in vaults))
    return Unknown(at=share.at, origin=Origin.DERIVED, why=why, candidates=candidates)


def _vault_at(share: Value) -> Value:
    """Return the vault in the URI of a certificate that is not in the graph."""
    url = parse_object_url(share.text) if isinstance(share, Scalar) else None
    if url is None:
        return unknown_as(share, "the ID of the certificate is not known")
    # A vault URI is resolved to the vault.
    return known(share, share.text.split("/")[2])


@derived("localRole", of=ASSIGNMENTS, label="local role", reads={ASSIGNMENTS: (_ROLE,), DEFINITIONS: (("name",),)})
def _local_role(resource: Resource, context: Context) -> Answer:
    """Return the name of a local role of an HSM that is assigned; its id, if the role is not a built-in one."""
    role = resource.select(_ROLE)
    if isinstance(role, Absent):
        return absent(resource)
    text = role.text
    if not text:
        reference = reference_of(resource.address, "", role, context.index)
        targets = reference.targets if reference is not None else ()
        definition = context.index.resources[targets[0]] if len(targets) == 1 else None
        name = definition.select(("name",)) if definition is not None else None
        text = str(name.value) if isinstance(name, Scalar) else ""
        if definition is not None and not definition.existing:
            return known(role, definition.name, f"the role is `{definition.address}`")
    certain = role_by_id(text)
    if certain is not None:
        return known(role, certain, f"the role is {certain}")
    return role if isinstance(role, Scalar | Unknown) else unknown_as(role, "the role ID is not known")
