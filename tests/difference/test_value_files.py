"""A variable file that differs, and that nothing reads, is named in a note."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.difference.conftest import Diff

MAIN = 'variable "n" {}\nresource "azurerm_key_vault" "kv" {\n  name = var.n\n  resource_group_name = "g"\n}\n'
NOTE = "differs, and Terraform does not read it by itself: what it changes is not compared"


def notes(diff: Diff, *options: str) -> list[str]:
    problems = diff.compare("base", "head", *options).document["problems"]
    return [one["message"] for one in problems if "by itself" in one["message"]]


def write(diff: Diff, name: str, base: str | None, head: str | None) -> None:
    for side, text in (("base", base), ("head", head)):
        diff.write(side, {"main.tf": MAIN, **({} if text is None else {name: text})})


@pytest.mark.parametrize("name", ["prod.tfvars", "env/prod.tfvars", "env/terraform.tfvars", "prod.tfvars.json"])
@pytest.mark.parametrize(("base", "head"), [("{}", "{ }"), (None, "{}"), ("{}", None)])
def test_a_file_that_nothing_reads(name: str, base: str | None, head: str | None, diff: Diff) -> None:
    write(diff, name, base, head)
    assert notes(diff) == [f"`{name}` {NOTE}"]


@pytest.mark.parametrize("name", ["terraform.tfvars", "x.auto.tfvars", ".terraform/x.tfvars"])
def test_a_file_that_is_read_or_of_another_program(name: str, diff: Diff) -> None:
    write(diff, name, 'n = "a"', 'n = "b"')
    assert notes(diff) == []


def test_a_file_that_is_the_same_or_named(diff: Diff) -> None:
    write(diff, "prod.tfvars", 'n = "a"', 'n = "a"')
    assert notes(diff) == []
    write(diff, "prod.tfvars", 'n = "a"', 'n = "b"')
    assert notes(diff, "--var-file", "head/prod.tfvars") == []
    assert notes(diff, "--var-file", "base/prod.tfvars") == []


def test_the_rest_of_many_files_is_counted(diff: Diff) -> None:
    diff.write("base", {"main.tf": MAIN})
    diff.write("head", {"main.tf": MAIN, **{f"{number}.tfvars": "" for number in range(7)}})
    shown = ", ".join(f"`{number}.tfvars`" for number in range(5))
    assert [one.partition(" and Terraform")[0] for one in notes(diff)] == [f"{shown} and 2 more differ,"]


@pytest.mark.skipif(os.name == "nt", reason="not every user may make links on Windows")
def test_a_link_out_of_the_input_is_not_followed(diff: Diff, tmp_path: Path) -> None:
    secret = tmp_path / "secret.tfvars"
    secret.write_text("hunter2", encoding="utf-8")
    diff.write("base", {"main.tf": MAIN})
    diff.write("head", {"main.tf": MAIN})
    (diff.folder / "head" / "x.tfvars").symlink_to(secret)
    said = diff.run("base", "head")
    assert "hunter2" not in said.out + said.err
    assert notes(diff) == []
