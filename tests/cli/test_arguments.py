"""The reader of plain command lines and the full command line say the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azkvlint.cli.app import app, run
from azkvlint.config.arguments import Arguments, plain_arguments
from azkvlint.config.option import Option
from azkvlint.config.options import COMMANDS, OPTIONS


def parameters() -> dict[str, Any]:
    """The parameters of ``kvlint check`` by name, as the library of the full command line has them."""
    from typer.main import get_command

    command: Any = get_command(app)
    return {parameter.name: parameter for parameter in command.commands["check"].params}


def in_full(words: Sequence[str]) -> Arguments | int:
    """The arguments that the full command line hands on, or its exit code if it hands on none."""
    caught: list[Arguments] = []

    def catch(arguments: Arguments) -> int:
        caught.append(arguments)
        return 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("azkvlint.cli.check.run_check", catch)
        patch.setattr("azkvlint.cli.fix.run_fix", catch)
        code = run(list(words))
    return caught[0] if caught else code


def said(*paths: str, **given: Any) -> Arguments:
    """The arguments of a command line that sets these fields."""
    return Arguments(paths=paths, explicit_fields=frozenset(given), **given)


def test_every_option_is_in_both() -> None:
    known, options = parameters(), [option for option in OPTIONS if "check" in option.commands]
    assert {option.field for option in options} | {"paths"} == set(known) - {"help"}
    assert {option.field for option in OPTIONS} | {"paths", "explicit_fields"} == set(Arguments.__struct_fields__)
    for option in options:
        parameter = known[option.field]
        assert set(option.names) == {*parameter.opts, *parameter.secondary_opts}
        assert option.takes_value is not parameter.is_flag
        assert option.many is parameter.multiple


def test_every_command_is_known() -> None:
    from typer.main import get_command

    command: Any = get_command(app)
    assert set(COMMANDS) == set(command.commands)


def test_option_with_its_default_value_counts_as_set() -> None:
    words = ["plan.json", "--fail-on", Arguments().fail_on]
    assert plain_arguments(words) == in_full(words) == said("plan.json", fail_on=Arguments().fail_on)
    assert plain_arguments(words) != plain_arguments(words[:1])


def test_defaults_are_the_same() -> None:
    assert plain_arguments(["plan.json"]) == in_full(["plan.json"]) == Arguments(paths=("plan.json",))


# --- any command line -------------------------------------------------------------------------------------------------

VALUES = st.one_of(
    st.sampled_from(["", "-", "json", "KV1,KV2", "sarif=x.sarif", "a=b=c", "high", "check", "rules", "ü", "a b"]),
    st.text(st.characters(exclude_categories=["C"]), max_size=5).filter(lambda text: not text.startswith("-")),
)


def spelled(option: Option) -> st.SearchStrategy[list[str]]:
    """An option as people write it."""
    name = st.sampled_from(option.names)
    if not option.takes_value:
        return name.map(lambda word: [word])
    apart = st.tuples(name, VALUES).map(list)
    long = st.sampled_from([word for word in option.names if word.startswith("--")])
    return st.one_of(apart, st.tuples(long, VALUES).map(lambda pair: [f"{pair[0]}={pair[1]}"]))


WORDS = st.one_of(
    VALUES.map(lambda path: [path]), *(spelled(option) for option in OPTIONS if "check" in option.commands)
)
LINES = st.lists(WORDS, min_size=1, max_size=6).map(lambda parts: [word for part in parts for word in part])


@given(st.booleans(), LINES)
def test_plain_command_line_has_the_same_arguments_in_full(named: bool, line: list[str]) -> None:
    words = ["check", *line] if named else line
    plain = plain_arguments(words)
    if plain is not None:
        assert in_full(words) == plain


OF_FIX = st.one_of(
    VALUES.map(lambda path: [path]), *(spelled(option) for option in OPTIONS if "fix" in option.commands)
)


@given(st.lists(OF_FIX, max_size=6))
def test_plain_command_line_of_fix_has_the_same_arguments_in_full(parts: list[list[str]]) -> None:
    words = ["fix", *(word for part in parts for word in part)]
    plain = plain_arguments(words, "fix")
    if plain is not None:
        assert in_full(words) == plain


ODD = st.sampled_from(
    ["--", "-x", "--no", "-qv", "-fjson", "-f", "--strict=true", "-f=json", "--help", "--format", "-h"]
)


@given(st.lists(st.one_of(ODD, VALUES, WORDS.map(lambda words: words[0])), max_size=5))
def test_command_line_parsed_early_has_the_same_result_in_full(line: list[str]) -> None:
    plain = plain_arguments(line)
    if plain is not None:
        assert in_full(line) == plain


def test_fix_has_a_default_path_and_options_of_its_own() -> None:
    assert plain_arguments(["fix"], "fix") == in_full(["fix"]) == Arguments()
    words = ["fix", "a", "--unsafe", "--write"]
    assert plain_arguments(words, "fix") == in_full(words) == said("a", unsafe=True, write=True)
    assert plain_arguments(["fix", "--quiet"], "fix") is None
    assert plain_arguments(["a"], "fix") is None


@pytest.mark.parametrize(
    "line",
    [
        [],
        ["check"],
        ["--help"],
        ["plan.json", "--help"],
        ["rules"],
        ["explain", "KV001"],
        ["--strict", "rules"],
        ["plan.json", "--unknown"],
        ["plan.json", "-f"],
        ["plan.json", "-f", "-q"],
        ["plan.json", "-qv"],
        ["plan.json", "-fjson"],
        ["plan.json", "--strict=yes"],
        ["--", "plan.json"],
        ["-f", "json"],
    ],
)
def test_other_command_lines_are_left_to_the_full_parser(line: list[str]) -> None:
    assert plain_arguments(line) is None


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        (["-qv", "p"], said("p", quiet=True, verbose=True)),
        (["-fjson", "p"], said("p", formats=("json",))),
        (["-o", "x", "--", "-p"], said("-p", output="x")),
        (["--strict", "rules"], said("rules", strict=True)),
        (["check", "check"], said("check")),
        (["-", "-f", "-"], said("-", formats=("-",))),
    ],
)
def test_full_parser_accepts_combined_options(line: list[str], arguments: Arguments) -> None:
    assert in_full(line) == arguments
