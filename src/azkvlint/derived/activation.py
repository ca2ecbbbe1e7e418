"""How a managed HSM is activated: by its provider, or by a script that a template deploys.

No template can activate an HSM by itself; only a deployment script that downloads the security domain says in how many
shares it comes, and how many of them are needed.
Source: learn.microsoft.com/azure/key-vault/managed-hsm/quick-create-cli, learn.microsoft.com/cli/azure/keyvault/
security-domain and learn.microsoft.com/powershell/module/az.keyvault/export-azkeyvaultsecuritydomain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from azkvlint.derived.registry import Context, absent, derived, known, known_list, known_object, unknown
from azkvlint.graph.resource_ids import HOLE, HOLE_END
from azkvlint.model.resource import Resource
from azkvlint.model.value import (
    Absent,
    Answer,
    ListValue,
    Path,
    Scalar,
    Unknown,
    Value,
    select,
    text_of,
)
from azkvlint.util.lazy_regex import regex

POOLS = "microsoft.keyvault/managedhsms"
_SCRIPTS = "microsoft.resources/deploymentscripts"
_DOMAIN: Path = ("derived", "securityDomain")
SHARES: Path = (*_DOMAIN, "certificateIds")
QUORUM: Path = (*_DOMAIN, "quorum")
_CONTENT: Path = ("properties", "scriptContent")
_VARIABLES: Path = ("properties", "environmentVariables")
_OPEN = "a deployment script activates it, and what it says is not followed"
_LONGEST = 100_000
# A command goes on after a line that ends in a backslash (a backtick in PowerShell).
_ONE_LINE = regex(r"[\\`]\r?\n")
_COMMAND = regex(r"(?i)\b(?:az\s+keyvault\s+security-domain\s+download|Export-AzKeyVaultSecurityDomain)\b([^\r\n;|&]*)")
_VARIABLE = regex(r"\$(?:\{(?:Env:)?(\w+)\}|(?:Env:)?(\w+))")
_WORD = regex(r"\"[^\"]*\"|'[^']*'|[^\s,=\"']+")
_NAMES, _ADDRESSES = ("--hsm-name", "-name"), ("--id",)
_QUORUMS, _KEYS = ("--sd-quorum", "-quorum"), ("--sd-wrapping-keys", "-certificates")


class Activation(NamedTuple):
    """What is said of it: the shares, how many of them are needed, and who says so; None where nothing is."""

    shares: Value | None
    quorum: Value | None
    by: str = ""


def activation(resource: Resource, context: Context) -> Activation:
    """How a managed HSM is activated."""
    shares, quorum = resource.select(SHARES), resource.select(QUORUM)
    if not isinstance(shares, Absent) or not isinstance(quorum, Absent):
        return Activation(
            None if isinstance(shares, Absent) else shares, None if isinstance(quorum, Absent) else quorum
        )
    found = [one for script in context.index.of_type(_SCRIPTS) for one in _by_script(resource, script, context)]
    # Of several commands nobody knows which one comes last.
    return found[0] if len(found) == 1 else _open(resource) if found else Activation(None, None)


def _open(resource: Resource) -> Activation:
    doubt = unknown(resource, _OPEN)
    return Activation(doubt, doubt)


def _by_script(resource: Resource, script: Resource, context: Context) -> Iterator[Activation]:
    """What a script says of one HSM: nothing, if it is about another one."""
    content = script.select(_CONTENT)
    text = text_of(content)
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
            yield _told(resource, script, options)


def _is_open(text: str) -> bool:
    return any(mark in text for mark in (HOLE, HOLE_END, *"$`*?[@("))


def _told(resource: Resource, script: Resource, options: Mapping[str, list[str]]) -> Activation:
    at = resource.at
    keys = [word for name in _KEYS for word in options.get(name, ())]
    quorum = [word for name in _QUORUMS for word in options.get(name, ())]
    if not keys or len(quorum) != 1 or not quorum[0].isdecimal() or any(map(_is_open, keys)):
        return _open(resource)
    shares = known_list(at, (Scalar(at=at, value=key) for key in keys))
    return Activation(shares, known(at, int(quorum[0][:9])), f", by {script.address}")


def _variables(script: Resource) -> dict[str, str]:
    """The environment variables of a script whose values are known, each by its name."""
    listed = script.select(_VARIABLES)
    found: dict[str, str] = {}
    for item in listed.items if isinstance(listed, ListValue) else ():
        name, value = select(item, ("name",)), select(item, ("value",))
        if isinstance(name, Scalar) and isinstance(value, Scalar) and not value.sensitive:
            found[str(name.value)] = str(value.value)
    return found


def _options(text: str) -> dict[str, list[str]]:
    """The options of a command with their words, in lower case; what stands before the first one is left out."""
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
    """How many shares are needed, where a script says so; what a provider says stands there already."""
    if not isinstance(resource.select(_DOMAIN), Absent):
        return absent(resource)
    quorum = activation(resource, context).quorum
    return known_object(resource, {"quorum": quorum}) if quorum is not None else absent(resource)
