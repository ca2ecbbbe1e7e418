"""The sharing of a vault, by the tags of its objects: Azure recommends one vault per application and environment.

Source: learn.microsoft.com/azure/key-vault/general/secure-key-vault.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from azkvlint.derived.access_policies import VAULTS
from azkvlint.derived.answers import known, known_list, unknown
from azkvlint.derived.assignments import ASSIGNMENTS, COVERS, COVERS_NEEDS, OBJECT, SCOPE, Coverage, level_of
from azkvlint.derived.registry import Context, derived
from azkvlint.graph.references import parent_of
from azkvlint.model.resource import Resource
from azkvlint.model.value import Answer, Link, MapValue, Path, Scalar, Unknown, Value

# Common names of the tag, in lower case. Each is compared only with itself: two names may mean two things.
_ENVIRONMENTS = frozenset({"environment", "env", "stage"})
_APPLICATIONS = frozenset({"application", "app", "workload"})
_OBJECTS = tuple(f"{VAULTS}/{kind}" for kind in ("keys", "secrets", "certificates"))
_TAGS: Path = ("tags",)
_TAG_READS: Mapping[str, tuple[Path, ...]] = {**dict.fromkeys(_OBJECTS, (("parent",), _TAGS)), VAULTS: (("id",),)}
_ANY = ""  # not an address: the key of objects that may be in any vault


@derived("environments", of=VAULTS, label="environment tag", reads=_TAG_READS)
def _environments(resource: Resource, context: Context) -> Answer:
    return _distinct(_ENVIRONMENTS, resource, context)


@derived("applications", of=VAULTS, label="application tag", reads=_TAG_READS)
def _applications(resource: Resource, context: Context) -> Answer:
    return _distinct(_APPLICATIONS, resource, context)


def _distinct(names: frozenset[str], resource: Resource, context: Context) -> Value:
    """Return the values of the tag of these names in a vault; if there are several tags, of that with the most values.

    Two known values decide; with fewer, an unknown value makes the result unknown.
    """
    found: dict[str, dict[str, Scalar]] = {}
    doubt: Unknown | None = None
    tags = _tags_by_vault(context)
    for name, value in (*tags.get(resource.address, ()), *tags.get(_ANY, ())):
        if isinstance(value, Unknown) and (not name or name in names):
            doubt = value
        elif name in names and isinstance(value, Scalar) and str(value.value).strip():
            found.setdefault(name, {}).setdefault(str(value.value).strip().lower(), value)
    most = max(found.values(), key=len, default={})
    if doubt is not None and len(most) < 2:  # two known values are enough
        return unknown(resource, doubt.why)
    items = [known(resource, word, sensitive=one.sensitive) for word, one in most.items()]
    note = "" if any(item.sensitive for item in items) else " and ".join(f"`{item.value}`" for item in items)
    return known_list(resource, items, note)


def _tags_by_vault(context: Context) -> Mapping[str, list[tuple[str, Value]]]:
    """Return the tags of the objects in each vault, by lower-case name; the name is empty if it is not known."""
    found: dict[str, list[tuple[str, Value]]] | None = context.cache.get("tags of objects")
    if found is None:
        found = context.cache["tags of objects"] = {}
        for one in (one for type_ in _OBJECTS for one in context.index.of_type(type_) if one.stays):
            tags = list(_named(one.select(_TAGS)))
            reference = parent_of(one, context.index) if tags else None
            if reference is None:
                continue
            doubt = unknown(one, f"`{one.address}` may be in the vault")
            unsure = [(name, doubt) for name, _ in tags]
            for vault in reference.targets:
                is_there = one.exists_with(context.index.resources[vault])
                found.setdefault(vault, []).extend(tags if is_there else unsure)
            for vault in (*reference.candidates, *((_ANY,) if reference.anything else ())):
                found.setdefault(vault, []).extend(unsure)
    return found


def _named(tags: Answer) -> Iterator[tuple[str, Value]]:
    if isinstance(tags, Unknown):
        yield "", tags
    elif isinstance(tags, MapValue):
        yield from ((name.lower(), value) for name, value in tags.fields.items())
        if tags.rest is not None:
            yield "", tags.rest


@derived("objectScopes", of=VAULTS, label="role assignment on a single object", reads=COVERS_NEEDS)
def _object_scopes(resource: Resource, context: Context) -> Answer:
    """Return the individual keys, secrets and certificates of a vault that roles are assigned on."""
    found: dict[str, dict[str, bool]] | None = context.cache.get("object scopes")
    if found is None:
        found = context.cache["object scopes"] = _scopes_by_vault(context)
    scopes = {**found.get(_ANY, {}), **found.get(resource.address, {})}
    if not all(scopes.values()):
        return unknown(resource, "a role may be assigned on a single object in the vault")
    items = tuple(known(resource, scope) for scope in scopes)
    return known_list(resource, items)


def _scopes_by_vault(context: Context) -> dict[str, dict[str, bool]]:
    """Return the scopes inside each vault, and whether they are certain."""
    found: dict[str, dict[str, bool]] = {}
    for reference in Coverage(context.index).references(COVERS, frozenset({ASSIGNMENTS})):
        source = context.index.resources[reference.source]
        scope = source.select(SCOPE)
        level = level_of(scope, context.index)
        is_known = isinstance(level, Scalar)
        if isinstance(level, Scalar) and level.value != OBJECT:
            continue
        text = scope.target if isinstance(scope, Link) else scope.text.lower() or reference.source
        for vault in reference.targets:
            is_there = is_known and source.exists_with(context.index.resources[vault])
            found.setdefault(vault, {})[text] = is_there
        for vault in (*reference.candidates, *((_ANY,) if reference.anything else ())):
            found.setdefault(vault, {}).setdefault(text, False)
    return found
