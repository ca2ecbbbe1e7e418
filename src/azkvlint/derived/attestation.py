"""The attestation authorities that the release policy of a key accepts."""

from __future__ import annotations

from typing import Any

from azkvlint.derived.answers import known, known_list, unknown
from azkvlint.derived.registry import Context, derived
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Path, Scalar, Unknown, Value
from azkvlint.syntax.json_decoder import decode_json
from azkvlint.util.errors import InputError

# azurerm expects the policy as JSON, Azure as JSON in Base64url. Source:
# learn.microsoft.com/azure/key-vault/keys/policy-grammar.


_KEYS = ("microsoft.keyvault/vaults/keys", "microsoft.keyvault/managedhsms/keys")
_POLICY: Path = ("properties", "release_policy")
_DATA: Path = (*_POLICY, "data")
_MOST = 100_000


@derived("releaseAuthorities", of=_KEYS, label="attestation authority", reads=(_DATA,))
def _authorities(resource: Resource, _: Context) -> Answer:
    found = resource.select(_DATA)
    if isinstance(found, Absent):
        return found
    policy = _decoded(found.value) if isinstance(found, Scalar) else None
    if not isinstance(policy, dict):
        why = found.why if isinstance(found, Unknown) else "the release policy is not valid JSON"
        return unknown(found, why, sensitive=found.sensitive)
    items = tuple(_authority(one, found) for one in _field(policy, "anyof") or ())
    return known_list(found, items)


def _authority(one: Any, policy: Value) -> Value:
    name = _field(one, "authority") if isinstance(one, dict) else None
    if not isinstance(name, str):
        return unknown(policy, "an entry of the release policy has no `authority`")
    note = "" if name.strip() else "an empty authority"
    return known(policy, name, note, sensitive=policy.sensitive)


def _field(item: dict[str, Any], name: str) -> Any:
    """Return a field by its name in lower case; of ``anyof`` a list only."""
    found = next((value for key, value in item.items() if key.lower() == name), None)
    return found if name != "anyof" or isinstance(found, list) else None


def _decoded(text: object) -> Any:
    """Return the decoded policy; None if it cannot be read."""
    if not isinstance(text, str) or len(text) > _MOST:
        return None
    for data in (text.encode("utf-8", "replace"), _from_base64(text)):
        try:
            return decode_json(data, object)
        except InputError:
            continue
    return None


def _from_base64(text: str) -> bytes:
    from base64 import urlsafe_b64decode

    plain = text.strip().rstrip("=").replace("+", "-").replace("/", "_")
    try:
        return urlsafe_b64decode(plain + "=" * (-len(plain) % 4))
    except ValueError:
        return b""
