"""The man page holds every command and option, and is one that man can read."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import azkvlint as package
from azkvlint.cli.man_page import _text, manual
from azkvlint.config.options import COMMANDS, OPTIONS

INSTALLED = Path(package.__file__).with_name("rules").is_dir()
PAGE = manual()


def test_every_command_and_option_is_in_it() -> None:
    sections = dict(re.findall(r'^\.SS "kvlint ([\w ]+)"\n(.*?)(?=^\.S[SH] )', PAGE, re.DOTALL | re.MULTILINE))
    assert {name.partition(" ")[0] for name in sections} == set(COMMANDS)
    assert "rules test" in sections
    for option in OPTIONS:
        for command in option.commands:
            for name in option.names:
                assert rf"\fB{_text(name)}\fR" in sections[command]
            assert f"\n{_text(option.help)}\n" in sections[command]


def test_it_is_the_same_each_time() -> None:
    assert manual() == PAGE
    assert PAGE.startswith(".TH KVLINT 1 ")
    assert PAGE.endswith("\n")


@pytest.mark.skipif(not INSTALLED, reason="a checkout has no man page; its wheel is built with one")
def test_it_is_installed_where_man_looks() -> None:
    assert Path(sys.prefix, "share", "man", "man1", "kvlint.1").read_text(encoding="utf-8") == PAGE


def test_its_form_is_that_of_man_pages() -> None:
    """Every line is text or one of the requests that are used, and fonts are closed where they are opened."""
    requests = {line.split()[0] for line in PAGE.splitlines() if line.startswith((".", "'"))}
    assert requests == {".TH", ".SH", ".SS", ".PP", ".TP", ".br", ".nf", ".fi", ".RS", ".RE"}
    for line in PAGE.splitlines():
        assert line
        assert line.isprintable()
        assert len(re.findall(r"\\f[BI]", line)) == line.count(r"\fR")
        assert not re.search(r"\\(?!f[BIR]|-|e|&|\((?:ga|ti|ha))", line)
    assert PAGE.count(".nf\n") == PAGE.count(".fi\n") == PAGE.count(".RS\n") == PAGE.count(".RE\n")


@pytest.mark.parametrize(
    ("text", "written"),
    [(".so /etc/passwd", r"\&.so /etc/passwd"), ("'x", r"\&'x"), (r"a\fBb", r"a\efBb"), ("--x", r"\-\-x")],
)
def test_a_text_is_never_a_request(text: str, written: str) -> None:
    assert _text(text) == written


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_groff_has_nothing_to_say_against_it() -> None:
    done = subprocess.run(
        ["groff", "-man", "-Tascii", "-ww", "-z"],  # noqa: S607  # the one that is installed
        input=PAGE, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
