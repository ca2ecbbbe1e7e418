"""No Bicep nests too deep, goes on too long or takes too much time for the parser."""

from __future__ import annotations

import time

import pytest

from azkvlint.syntax.bicep.parse import Parsed, parse

pytestmark = pytest.mark.slow(8)

LEVELS = 5000


@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        ("(", ")"),
        ("[", "]"),
        ("[\n", "\n]"),
        ("{ a: ", " }"),
        ("{\na: ", "\n}"),
        ("[for x in y: ", "]"),
        ("1 + -f.g(", ")"),
        ("a[1 + -", "]"),
        ("'${1 + -", "}'"),
        ("$'''${1 + -", "}'''"),
        ("1 + x => ", ""),
        ("a ? ", " : b"),
    ],
)
def test_depth_has_a_limit_of_its_own(opening: str, closing: str) -> None:
    text = f"var a = {opening * LEVELS}1{closing * LEVELS}\nvar b = 1"

    def called_from_afar(frames: int) -> Parsed:
        return parse(text) if frames == 0 else called_from_afar(frames - 1)

    parsed = called_from_afar(100)
    assert [fault.message for fault in parsed.faults] == ["the nesting is too deep"]
    assert len(parsed.declarations) == 1


@pytest.mark.parametrize(
    ("start", "level"),
    [
        ("type a = ", "{\nb: "),
        ("type a = ", "("),
        ("type a = ", "[\n"),
        ("type a = ", "b<"),
        ("@a(", "b("),
        ("func a(b string) string => ", "[for c in "),
        ("", "resource a 'b' = if (c) {\n"),
        ("resource a 'b' = {\n", "  @c()\n  resource a 'b' = [for d in e: if (f) {\n"),
    ],
)
def test_depth_has_a_limit_in_all_declarations(start: str, level: str) -> None:
    assert parse(start + level * LEVELS).faults[0].message == "the nesting is too deep"


@pytest.mark.parametrize("link", [" + 1", ".b", "[0]", ".c()", "!", " ? 1 : a", " ?? 1 || 1 && 1"])
def test_chains_have_a_limit_of_their_own(link: str) -> None:
    assert parse(f"var a = a{link * 100}").faults == ()
    parsed = parse(f"var a = a{link * LEVELS}\nvar b = 1")
    assert [fault.message.split()[:2] for fault in parsed.faults] == [["too", "many"]]
    assert len(parsed.declarations) == 1


ENDLESS = r"""/*
'
$
9
a
@
@a(
#disable-next-line a
param a /*
param a string /*/
param a string
var a = '''
var a = $'''${'
var a = '${
var a = {
var a = [
var a = [a // b
var a = (
var a = b ?
type a =
type a = {
resource a 'b' = {
resource a 'b' = ["""


@pytest.mark.parametrize("line", ENDLESS.splitlines())
@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_parsing_takes_linear_time(line: str, end: str) -> None:
    text = (line + end) * 10_000
    start = time.process_time()
    parse(text)
    assert time.process_time() - start < 2
