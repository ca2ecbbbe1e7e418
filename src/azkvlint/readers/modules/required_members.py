"""The attributes that rules require, in the form of templates: all else of a resource is not evaluated."""

from __future__ import annotations

from collections.abc import Iterable

from azkvlint.evaluation.freezer import Freezer
from azkvlint.evaluation.values import Fields, Items, Result
from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.value import Path
from azkvlint.readers.modules.template_holders import HOLDERS
from azkvlint.syntax.arm_expression import parse_expression
from azkvlint.syntax.ast import Expression
from azkvlint.util.errors import InputError

# Read by the graph itself for any rules: a vault's createMode, and what a key's default size depends on.
_ALWAYS: tuple[Path, ...] = (("properties", "createMode"), ("properties", "kty"), ("properties", "keyOps"))
# Made from the head of a resource, not from its body.
_FROM_HEAD = frozenset({"derived", "id", "name", "parent", "scope", "provider"})
_TOP_LEVEL = ("properties", "sku", "tags", "identity", "location", "kind", "zones", "plan", "extendedLocation")
# Read by derived attributes below a path that they require as a whole. Azure accepts each in any case.
_BELOW = (
    "networkAcls", "defaultAction", "bypass", "ipRules", "virtualNetworkRules", "serviceTags", "value", "id", "tag",
    "ignoreMissingVnetServiceEndpoint", "privateLinkServiceConnections", "manualPrivateLinkServiceConnections",
    "privateLinkServiceId", "groupIds", "privateDnsZoneConfigs", "privateDnsZoneId", "accessMode", "profile",
    "privateLinkResource", "direction", "addressPrefixes", "serviceEndpoints", "service", "subnets", "permissions",
    "actions", "notActions", "dataActions", "notDataActions", "objectId", "applicationId", "keys", "secrets",
    "certificates", "storage", "category", "categoryGroup", "enabled", "lifetimeActions", "trigger", "action",
    "notifyBeforeExpiry", "timeAfterCreate", "timeBeforeExpiry",
)  # fmt: skip
_KEY_VAULT = "microsoft.keyvault/"
# A hostile template may name any number of types.
_MAX_TYPES = 10_000


class Tree(dict[str, "tuple[Tree | None]"]):
    """Members by name (as spelled, and in lower case): what is required below each, in a tuple of one; None is all."""


class RequiredMembers:
    """The required members of one type; None for all. ``members`` is ``tree`` in order, each once."""

    __slots__ = ("members", "tree")

    def __init__(self, tree: Tree | None) -> None:
        self.tree = tree
        # A name is in the tree as it is spelled, and in lower case.
        spelled = {name.lower(): name for name in reversed(tree or {})}
        self.members = None if tree is None else tuple((name, tree[name][0]) for name in reversed(spelled.values()))


class ExpressionCache:
    """The trees of expressions, which many templates share, by their texts."""

    # Of texts. Beyond that, the trees of earlier templates are not kept for the next.
    _MOST_CHARACTERS = 2_000_000

    def __init__(self) -> None:
        self._trees: dict[str, Expression | str] = {}
        self._characters = 0

    def parse(self, text: str) -> Expression | str:
        """Return the tree of an expression without its brackets, or what is wrong with it."""
        found = self._trees.get(text)
        if found is None:
            try:
                found = parse_expression(text)
            except InputError as error:
                found = error.message
            self._trees[text] = found
            self._characters += len(text)
        return found

    def limit(self) -> None:
        """Remove the trees of earlier templates if they are too many."""
        if self._characters > self._MOST_CHARACTERS:
            self._trees, self._characters = {}, 0


class AttributeFilter:
    """The required attributes in a form for templates. ``freezer`` spells names as they do.

    ``expressions`` are those of all templates that the attributes are required of.
    """

    def __init__(self, required: RequiredAttributes) -> None:
        self.required = required
        steps = (step for paths in required.paths.values() for path in paths for step in path if isinstance(step, str))
        self.freezer = Freezer((*steps, *_TOP_LEVEL, *_BELOW, *(str(path[-1]) for path in _ALWAYS)))
        self.expressions = ExpressionCache()
        self._types: dict[str, RequiredMembers | None] = {}
        self._read: dict[str, bool] = {}

    def is_read(self, written: str) -> bool:
        """Return whether a resource has to be evaluated, by its type as it is written: most are of no interest."""
        found = self._read.get(written)
        if found is None:
            lower = written.strip("/").lower()
            found = (
                written[:1] == "[" or lower in HOLDERS or lower.startswith(_KEY_VAULT) or "/providers/" in lower
                or "/" not in lower or self.members_of(lower) is not None
            )  # fmt: skip
            if len(self._read) < _MAX_TYPES:
                self._read[written] = found
        return found

    def members_of(self, type_: str) -> RequiredMembers | None:
        """Return the required members of a type; None if no rule reads it."""
        try:
            return self._types[type_]
        except KeyError:
            pass
        paths = self.required.paths_of(type_)
        found = None
        if paths is not None:
            # A rule that requires one item of an array gets them all.
            named = [tuple(step for step in path if isinstance(step, str)) for path in (*paths, *_ALWAYS)]
            found = RequiredMembers(_tree(path for path in named if path[:1] == () or path[0] not in _FROM_HEAD))
        if len(self._types) < _MAX_TYPES:
            self._types[type_] = found
        return found


def _tree(paths: Iterable[tuple[str, ...]]) -> Tree | None:
    """Return the tree of paths with one start."""
    below: dict[str, list[tuple[str, ...]]] = {}
    for path in paths:
        if not path:
            return None
        below.setdefault(path[0], []).append(path[1:])
    tree = Tree()
    for name, rest in below.items():
        tree[name] = tree[name.lower()] = (_tree(rest),)
    return tree


def prune(result: Result, tree: Tree | None) -> Result:
    """Return ``result`` without the members that are not required."""
    if tree is None:
        return result
    if type(result) is Items:
        return Items(at=result.at, items=[prune(item, tree) for item in result.items])
    if type(result) is not Fields:
        return result
    kept: dict[str, Result] = {}
    for key, item in result.fields.items():
        required = tree.get(key) or tree.get(key.lower())
        if required is not None:
            kept[key] = item if required[0] is None else prune(item, required[0])
    return Fields(at=result.at, fields=kept, rest=result.rest)
