"""Certificates: their issuers, renewal and validity periods, and the services that use them for TLS."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import msgspec

from azkvlint.derived.answers import absent, known, known_list, known_object, or_absent, unknown
from azkvlint.derived.dates import expiry_note
from azkvlint.derived.registry import Context, derived
from azkvlint.graph.references import Index, reference_of
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, ListValue, MapValue, Origin, Path, Scalar, Unknown, Value
from azkvlint.util.lazy_regex import regex
from azkvlint.util.text import pluralize

# The parser reads the few outer fields of the DER encoding, and checks every length. Source: RFC 5280 section 4.1,
# RFC 7468.


_PEM = regex(r"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END ")
_BEGIN = regex(r"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----")
_MOST_CHARACTERS = 100_000  # characters: a chain of certificates is far shorter
_SEQUENCE, _SET, _OID, _VERSION = 0x30, 0x31, 0x06, 0xA0
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_COMMON_NAME = b"\x55\x04\x03"  # 2.5.4.3
_UTF16 = 0x1E  # BMPString; all other string types are read as UTF-8


class Certificate(msgspec.Struct, frozen=True):
    """The last day on which a certificate is valid, and the common name of its issuer (empty if there is none)."""

    last_day: date
    issuer: str


class _Element(msgspec.Struct, frozen=True):
    tag: int
    content: bytes
    rest: bytes


class _Read(msgspec.Struct, frozen=True):
    """A certificate, and the encoded names of its issuer and its subject."""

    certificate: Certificate
    issuer: bytes
    subject: bytes


def certificate_in(text: str) -> Certificate | None:
    """Return the certificate that a PEM string, optionally Base64-encoded, is for; None if any is unreadable.

    In a chain, in any order, it is the certificate that issued no other; if there are several, the first to expire.
    """
    if len(text) > _MOST_CHARACTERS:
        return None
    plain = text if _BEGIN.search(text) else _decoded(text).decode("ascii", "replace")
    encoded = _PEM.findall(plain)
    if not encoded or len(encoded) != len(_BEGIN.findall(plain)):
        return None
    try:
        chain = [_certificate(_decoded(one)) for one in encoded]
    except (ValueError, IndexError):
        return None
    ends = [one for one in chain if not any(one.subject == other.issuer for other in chain if other is not one)]
    return min((one.certificate for one in ends or chain), key=lambda one: one.last_day)


def _decoded(text: str) -> bytes:
    import binascii

    try:
        return binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except (binascii.Error, ValueError):
        return b""


def _certificate(der: bytes) -> _Read:
    fields = _inner(_inner(der, _SEQUENCE), _SEQUENCE)
    if fields[0] == _VERSION:
        fields = _element(fields).rest
    serial_and_algorithm = _element(_element(fields).rest)
    issuer = _element(serial_and_algorithm.rest)
    validity = _element(issuer.rest)
    if validity.tag != _SEQUENCE:
        raise ValueError("unexpected element")
    last_day = _day_of(_element(_element(validity.content).rest))
    subject = _element(validity.rest)
    return _Read(Certificate(last_day, _common_name(issuer.content)), issuer.content, subject.content)


def _inner(data: bytes, tag: int) -> bytes:
    """Return the content of the first element of ``data``, which must have this tag."""
    found = _element(data)
    if found.tag != tag:
        raise ValueError("unexpected element")
    return found.content


def _element(data: bytes) -> _Element:
    """Return the first element of ``data``, and the bytes that follow it.

    Raises ValueError or IndexError if it is truncated.
    """
    length, start = data[1], 2
    if length > 0x7F:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    if len(data) < start + length:
        raise ValueError("truncated element")
    return _Element(data[0], data[start : start + length], data[start + length :])


def _day_of(time: _Element) -> date:
    text = time.content.decode("ascii")
    if time.tag == _UTC_TIME:
        # RFC 5280 section 4.1.2.5.1: years from 50 on are 19YY.
        text = ("19" if text[:2] >= "50" else "20") + text
    elif time.tag != _GENERALIZED_TIME:
        raise ValueError("not a time")
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))


def _common_name(name: bytes) -> str:
    while name:
        group = _element(name)
        name = group.rest
        attribute = _inner(group.content, _SEQUENCE) if group.tag == _SET else b""
        kind = _element(attribute) if attribute else None
        if kind is not None and (kind.tag, kind.content) == (_OID, _COMMON_NAME):
            text = _element(kind.rest)
            return text.content.decode("utf-16-be" if text.tag == _UTF16 else "utf-8", "replace")
    return ""


VAULTS = "microsoft.keyvault/vaults"
CERTIFICATES = f"{VAULTS}/certificates"
ISSUERS = f"{CERTIFICATES}/issuers"

_POLICY: Path = ("properties", "policy")
_ISSUER: Path = (*_POLICY, "issuerParameters", "name")
_MONTHS: Path = (*_POLICY, "x509CertificateProperties", "validityInMonths")
_ACTIONS: Path = (*_POLICY, "lifetimeActions")
_CONTENTS: Path = ("properties", "value")
_CONTACTS: Path = ("derived", "certificateContacts")
_PROVIDER: Path = ("properties", "provider")
# Names with a predefined meaning in Key Vault (learn.microsoft.com/azure/key-vault/certificates/about-certificates).
_OWN_ISSUERS = frozenset({"self", "unknown"})

# The maximum validity of a public certificate in days, by the first day on which the limit applies.
# Source: CA/Browser Forum, TLS baseline requirements, section 6.3.2 (ballot SC-081v3).
_FORUM = (
    (date(2029, 3, 15), 47), (date(2027, 3, 15), 100), (date(2026, 3, 15), 200), (date.min, 398),
)  # fmt: skip
# Keys of the issuer cache: a vault that is not known, all vaults together, and a name that is not known.
_ANYWHERE, _ALL, _ANY = "", "*", "*"
_DAYS_A_MONTH = 365.25 / 12
_MOST_MONTHS = 12_000


def _number(answer: Answer) -> int | None:
    """Return a number within the supported range, else None."""
    value = answer.value if isinstance(answer, Scalar) else None
    whole = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _MOST_MONTHS
    return int(value) if whole and value is not None else None


@derived("ownPolicy", of=CERTIFICATES, label="certificate policy", reads=(_POLICY,))
def _own_policy(resource: Resource, _: Context) -> Answer:
    """Return whether the author of a certificate writes its policy.

    Key Vault creates the policy of a certificate that is only imported.
    """
    policy = resource.select(_POLICY)
    if isinstance(policy, Unknown) and policy.origin != Origin.DEFAULT:
        return policy
    return known(resource, isinstance(policy, MapValue))


@derived(
    "issuerProvider",
    of=CERTIFICATES,
    label="certificate authority",
    reads={CERTIFICATES: (_ISSUER, ("parent",)), ISSUERS: (("name",), ("parent",), _PROVIDER), VAULTS: (("id",),)},
)
def _issuer_provider(resource: Resource, context: Context) -> Answer:
    """Return the issuer of a certificate: ``Self``, ``Unknown`` (no authority is configured), or the authority.

    The issuer's name in the policy is chosen by its author: the issuer resource states the authority.
    """
    name = resource.select(_ISSUER)
    if not isinstance(name, Scalar):
        return name if isinstance(name, Unknown) else absent(resource)
    if str(name.value).lower() in _OWN_ISSUERS:
        return msgspec.structs.replace(name, origin=Origin.DERIVED)
    found = _issuers_of(resource, str(name.value).lower(), context)
    providers = [one.select(_PROVIDER) for one in found]
    certain = {str(one.value) for one in providers if isinstance(one, Scalar)}
    named = all(isinstance(one.select(("name",)), Scalar) for one in found)
    if len(certain) == 1 and named and all(isinstance(one, Scalar) for one in providers):
        sensitive = any(one.sensitive for one in providers)
        note = "" if sensitive else f"issuer `{found[0].address}` uses {next(iter(certain))}"
        at = msgspec.structs.replace(name.at, attribute=".".join(map(str, _ISSUER)))
        return known(at, next(iter(certain)), note, sensitive=sensitive)
    return unknown(name, "the certificate authority of the issuer is not declared in the scanned files")


def _issuers_of(certificate: Resource, name: str, context: Context) -> list[Resource]:
    """Return the issuers that may have a name (lower case) and are in the vault of a certificate."""
    certain: dict[tuple[str, str], list[Resource]] | None = context.cache.get("issuers")
    if certain is None:
        certain = context.cache["issuers"] = {}
        for issuer in context.index.of_type(ISSUERS):
            name_of = issuer.select(("name",))
            own = str(name_of.value).lower() if isinstance(name_of, Scalar) else _ANY
            for vault in (_ALL, *(_vaults(issuer, context.index) or (_ANYWHERE,))):
                certain.setdefault((own, vault), []).append(issuer)
    vaults = _vaults(certificate, context.index)
    places = (_ALL,) if vaults is None else (*vaults, _ANYWHERE)
    return [
        issuer for place in places for one in (name, _ANY) for issuer in certain.get((one, place), ()) if issuer.stays
    ]


def _vaults(resource: Resource, index: Index) -> tuple[str, ...] | None:
    """Return the addresses of the vaults that an object may be in, or the id of its vault; None for any."""
    above = resource.select(("parent",))
    if isinstance(above, Absent):
        return None
    reference = reference_of(resource.address, "parent", above, index)
    if reference is None or reference.anything:
        return None
    named = (*reference.targets, *reference.candidates)
    return named or ((above.text.lower(),) if isinstance(above, Scalar) else None)


@derived("renewals", of=CERTIFICATES, label="automatic renewal", reads=(_ACTIONS, _MONTHS))
def _renewals(resource: Resource, _: Context) -> Answer:
    """Return the renewals of a certificate.

    Each item has the lifetime percentage and the days before expiry at which it renews, where these can be computed.
    """
    actions = resource.select(_ACTIONS)
    if isinstance(actions, Unknown):
        return actions
    items = tuple(_renewal(action, resource) for action in (actions.items if isinstance(actions, ListValue) else ()))
    return known_list(actions, (item for item in items if item is not None))


def _renewal(action: Value, resource: Resource) -> Value | None:
    kind = action.select(("action", "actionType"))
    if isinstance(kind, Unknown):
        return kind
    if not isinstance(kind, Scalar) or str(kind.value).lower() != "autorenew":
        return None
    percentage = action.select(("trigger", "lifetimePercentage"))
    days = action.select(("trigger", "daysBeforeExpiry"))
    months = resource.select(_MONTHS)
    life = (_number(months) or 0) * _DAYS_A_MONTH
    fields: dict[str, Value] = {}
    for name, given, other in (("percentage", percentage, days), ("daysBeforeExpiry", days, percentage)):
        number = _number(other)
        if not isinstance(given, Absent):
            fields[name] = given
        elif isinstance(other, Unknown) or (number is not None and not life):
            fields[name] = (
                other if isinstance(other, Unknown) else unknown(resource, "the validity period has no value")
            )
        elif number is not None:
            part = 100 - 100 * number / life if name == "percentage" else life * (100 - number) / 100
            fields[name] = known(other, int(part))
    return known_object(action, fields)


@derived("daysOverPublicLimit", of=CERTIFICATES, label="validity beyond the public limit", reads=(_MONTHS, _ACTIONS))
def _days_over_limit(resource: Resource, context: Context) -> Answer:
    """Return the days by which the validity exceeds what browsers accept; negative if it is shorter.

    The limit is that of today, or of the day on which Key Vault renews a certificate that is issued today.
    """
    months = resource.select(_MONTHS)
    if isinstance(months, Unknown):
        return months
    number = _number(months)
    if isinstance(months, Absent):
        return months
    if number is None:
        return unknown(months, f"`{months.display()}` is not a supported number of months")
    longest = _longest(number)
    day = context.today
    if longest <= _limit_on(day):
        renewed = _renewal_day(resource, context, longest)
        if isinstance(renewed, date):
            day = renewed
        elif longest > _limit_on(day + timedelta(days=longest)):
            return unknown(renewed, renewed.why)
    limit = _limit_on(day)
    months_are = f"{pluralize(number, 'month')} {'is' if number == 1 else 'are'}"
    when = f"{day}" if day == context.today else f"{day}, when it is renewed,"
    note = f"{months_are} up to {pluralize(longest, 'day')}; the limit on {when} is {pluralize(limit, 'day')}"
    at = msgspec.structs.replace(months.at, attribute=".".join(map(str, _MONTHS)))
    return known(at, longest - limit, note)


def _limit_on(day: date) -> int:
    """Return the days for which a certificate that is issued on a day may be valid."""
    return next(days for since, days in _FORUM if day >= since)


def _renewal_day(resource: Resource, context: Context, longest: int) -> date | Unknown:
    """Return the day on which a certificate that is issued today is renewed; today if Key Vault does not renew it."""
    found = _renewals(resource, context)
    days: list[int] = []
    for item in found.as_items:
        part = item.select(("percentage",))
        if isinstance(part, Unknown):
            return part
        if isinstance(part, Scalar) and isinstance(part.value, int | float):
            days.append(int(longest * part.value / 100))
    return context.today + timedelta(days=min(days, default=0))


@cache
def _longest(months: int) -> int:
    """Return the maximum number of days in this many months, for any first day."""
    starts = (date(2024 + index // 12, index % 12 + 1, 1) for index in range(48))
    return max((_later(start, months) - start).days for start in starts)


def _later(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    return date(day.year + years, month + 1, 1)


def _parsed(resource: Resource, context: Context) -> Certificate | Unknown | None:
    """Return the imported certificate, parsed once; None if no certificate is imported."""
    contents = resource.select(_CONTENTS)
    if isinstance(contents, Absent):
        return None
    if not isinstance(contents, Scalar):
        return unknown(
            resource, contents.why if isinstance(contents, Unknown) else "the imported certificate is not a string"
        )
    certain: dict[str, Certificate | None] = context.cache.setdefault("certificates", {})
    if resource.address not in certain:
        certain[resource.address] = certificate_in(str(contents.value))
    return certain[resource.address] or unknown(resource, "the imported certificate is not a valid PEM string")


@derived(
    "importedDaysLeft",
    of=CERTIFICATES,
    label="number of days until the imported certificate expires",
    reads=(_CONTENTS,),
)
def _days_left(resource: Resource, context: Context) -> Answer:
    """Return the days until an imported certificate expires."""
    found = _parsed(resource, context)
    if found is None or isinstance(found, Unknown):
        return or_absent(found, resource)
    left = (found.last_day - context.today).days
    return known(resource, left, expiry_note(found.last_day.isoformat(), left))


@derived("importedIssuer", of=CERTIFICATES, label="issuer of the imported certificate", reads=(_CONTENTS,))
def _issuer_name(resource: Resource, context: Context) -> Answer:
    """Return the common name of the issuer of an imported certificate."""
    found = _parsed(resource, context)
    return or_absent(found if found is None or isinstance(found, Unknown) else known(resource, found.issuer), resource)


@derived("certificateContacts", of=VAULTS, label="certificate contact", reads=(_CONTACTS,))
def _contacts(resource: Resource, _: Context) -> Answer:
    """Return an unknown value for the contacts of an existing vault, unless it declares some."""
    certain = resource.select(_CONTACTS)
    if not resource.existing or (isinstance(certain, ListValue) and certain.items):
        return absent(resource)
    return unknown(resource, "the contacts of an existing vault are not known")
