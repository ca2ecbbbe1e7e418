"""Find the values of secrets that other values of the same input repeat: no message shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from azkvlint.derived.secret_values import names_of_secret
from azkvlint.graph.pseudo_resources import PATH_IN_BODY, SECRETS_TYPE
from azkvlint.model.resource import Resource
from azkvlint.model.value import Answer, ListValue, MapValue, Scalar
from azkvlint.values.secrecy import contains_value, is_recognizable
from azkvlint.values.secret_formats import is_configuration


def repeated_secrets(resources: Iterable[Resource], others: Iterable[str] = ()) -> Iterator[str]:
    """Yield the values of secrets that other values repeat, and that no message shows unless they are configuration.

    ``others`` are strings that messages may show besides those of resources.
    Shorter ones and words occur in others by chance; they are secrets in an address or name that contains them.
    """
    resources = [*resources]
    possible: list[str] = []
    for resource in resources:
        if resource.type.lower() != SECRETS_TYPE:
            continue
        value, name = resource.select(PATH_IN_BODY).text, resource.select(("name",)).text
        if contains_value(resource.address, value) or contains_value(name, value):
            yield value
        elif is_recognizable(value) and not is_configuration([*names_of_secret(resource)], value):
            possible.append(value)
    if possible:
        from azkvlint.util.string_search import StringSearch, ignoring_case  # few inputs have secrets

        repeated = StringSearch(possible).contained_in("\n".join([*_other_strings(resources), *others]))
        yield from (value for value in possible if ignoring_case(value) in repeated)


def _other_strings(resources: Iterable[Resource]) -> Iterator[str]:
    """Yield all strings of resources other than the values of secrets."""
    for resource in resources:
        own = resource.select(PATH_IN_BODY) if resource.type.lower() == SECRETS_TYPE else None
        waiting: list[Answer] = [resource.attributes]
        while waiting:
            match waiting.pop():
                case MapValue(fields=fields):
                    waiting += [one for one in fields.values() if one is not own]
                case ListValue(items=items):
                    waiting += items
                case Scalar(value=str() as text):
                    yield text
