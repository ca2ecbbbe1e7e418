"""References that were followed to the origins of a value, compared with following each of them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from azkvlint.values.origins import UNTRACED, FollowedReferences, Origins, ValueOrigin

# A reference: the name of a declaration, and a path in its value.
Reference = tuple[str, str]
# The origins of each reference itself, and the references that it consists of.
Graph = Mapping[Reference, tuple[str, Sequence[Reference]]]

_REFERENCES = st.tuples(st.sampled_from("abcdef"), st.sampled_from("xy"))
_ALL: list[Reference] = [(name, path) for name in "abcdef" for path in "xy"]
GRAPHS = st.fixed_dictionaries(
    {
        one: st.tuples(st.sampled_from(["written", "secret", "parameter"]), st.lists(_REFERENCES, max_size=3))
        for one in _ALL
    }
)


def origins_without_memory(
    graph: Graph, reference: Reference, busy: frozenset[str], sources: set[ValueOrigin] | None = None
) -> Origins:
    name = reference[0]
    if name in busy:
        return frozenset()
    own, parts = graph[reference]
    if sources is not None:
        sources.add(source_of(reference))
    found = (origins_without_memory(graph, part, busy | {name}, sources) for part in parts)
    return frozenset({own}).union(*found)


def source_of(reference: Reference) -> ValueOrigin:
    return ValueOrigin("default", ".".join(reference), None)


def origins(
    graph: Graph, followed: FollowedReferences, reference: Reference, busy: frozenset[str], sources: list[ValueOrigin]
) -> Origins:
    name = reference[0]
    own, parts = graph[reference]

    def compute(inner: list[ValueOrigin]) -> Origins:
        inner.append(source_of(reference))
        return frozenset({own}).union(*(origins(graph, followed, part, busy | {name}, inner) for part in parts))

    return followed.follow(name, reference, busy, compute, lambda: True, sources)


@given(GRAPHS, st.lists(st.tuples(_REFERENCES, st.frozensets(st.sampled_from("abcdef"))), min_size=1))
def test_origins_and_sources_do_not_depend_on_earlier_queries(
    graph: Graph, queries: list[tuple[Reference, frozenset[str]]]
) -> None:
    followed = FollowedReferences()
    for reference, busy in queries:
        sources: list[ValueOrigin] = []
        expected: set[ValueOrigin] = set()
        found = origins(graph, followed, reference, busy, sources)
        assert found == origins_without_memory(graph, reference, busy, expected)
        assert set(sources) == expected
        assert len(sources) == len(expected)


@given(GRAPHS, st.lists(_REFERENCES, min_size=2), st.integers(0, 5))
def test_a_result_that_a_limit_ended_is_not_kept(graph: Graph, queries: list[Reference], most: int) -> None:
    followed = FollowedReferences()
    left = [most]

    def may_follow() -> bool:
        left[0] -= 1
        return left[0] >= 0

    def ask(reference: Reference, busy: frozenset[str]) -> Origins:
        name = reference[0]
        own, parts = graph[reference]
        inner = busy | {name}

        def compute(_: list[ValueOrigin]) -> Origins:
            return frozenset({own}).union(*(ask(part, inner) for part in parts))

        return followed.follow(name, reference, busy, compute, may_follow, [])

    for query in queries:
        ask(query, frozenset())
    left[0] = 10_000_000
    for query in queries:
        found = ask(query, frozenset())
        assert UNTRACED not in found
        assert found == origins_without_memory(graph, query, frozenset())


def test_each_reference_is_followed_once() -> None:
    """Each of twenty variables refers to the one before twice: a million paths, and twenty references."""
    followed, computed = FollowedReferences(), []

    def ask(number: int, busy: frozenset[int]) -> Origins:
        def compute(_: list[ValueOrigin]) -> Origins:
            computed.append(number)
            inner = busy | {number}
            return ask(number - 1, inner) | ask(number - 1, inner) if number else frozenset({"written"})

        return followed.follow(number, number, busy, compute, lambda: True, [])

    assert ask(20, frozenset()) == {"written"}
    assert sorted(computed) == list(range(21))
