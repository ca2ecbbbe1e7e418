"""Which files of a folder Terraform and OpenTofu load: a table, with the source of each rule."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from azkvlint.readers.discover import OPENTOFU, TERRAFORM, is_automatic, is_override, module_files

IGNORED = "IsIgnoredFile, internal/configs/parser_config_dir.go of Terraform and OpenTofu"
ENDINGS = "fileExt, internal/configs/parser_config_dir.go of Terraform"
TOFU = "tofuFileExt, internal/configs/parser_config_dir.go of OpenTofu"
REPLACED = "filterTfPathsWithTofuAlternatives, internal/configs/parser_config_dir.go of OpenTofu"
OVERRIDE = "moduleFiles.isOverride, internal/configs/parser_file_matcher.go of Terraform"
VALUES = "isAutoVarFile, internal/command/arguments/vars.go of Terraform and internal/command/meta.go of OpenTofu"


class Row(NamedTuple):
    """What each tool loads of the files in a folder. Names are in one text, because none has a space."""

    files: str
    terraform: str
    opentofu: str
    source: str


LOADED = (
    Row("a.tf", "a.tf", "a.tf", ENDINGS),
    Row("a.tf.json", "a.tf.json", "a.tf.json", ENDINGS),
    Row("a.TF a.tf.JSON a.Tf", "", "", ENDINGS),
    Row("a.tftest.hcl a.tftest.json a.tfquery.hcl a.tfquery.json a.tfmock.hcl a.hcl", "", "", ENDINGS),
    Row("a.tf.bak a.tf.txt a.tfx tf a.json", "", "", ENDINGS),
    Row(".tf .tf.json .a.tf", "", "", IGNORED),
    Row("a.tf~ ~a.tf a~.tf", "a~.tf ~a.tf", "a~.tf ~a.tf", IGNORED),
    Row("#a.tf a#.tf #a.tf# #a.tf.json", "#a.tf #a.tf.json a#.tf", "#a.tf #a.tf.json a#.tf", IGNORED),
    Row("#a.tf#b.tf", "#a.tf#b.tf", "#a.tf#b.tf", IGNORED),
    Row("a.tofu a.tofu.json", "", "a.tofu a.tofu.json", TOFU),
    Row(".a.tofu a.tofu~ #a.tofu# #a.tofu", "", "#a.tofu", IGNORED),
    Row("a.tofutest.hcl a.TOFU", "", "", TOFU),
    Row("a.tf a.tofu", "a.tf", "a.tofu", REPLACED),
    Row("a.tf.json a.tofu.json", "a.tf.json", "a.tofu.json", REPLACED),
    Row("a.tf a.tofu.json", "a.tf", "a.tf a.tofu.json", REPLACED),
    Row("a.tf.json a.tofu", "a.tf.json", "a.tf.json a.tofu", REPLACED),
    Row("a.tf b.tofu", "a.tf", "a.tf b.tofu", REPLACED),
    Row("a.tf .a.tofu", "a.tf", "a.tf", REPLACED),
    Row("override.tf override.tofu", "override.tf", "override.tofu", REPLACED),
)


@pytest.mark.parametrize("row", LOADED, ids=lambda row: row.files)
def test_each_tool_loads_its_files(row: Row) -> None:
    names = frozenset(row.files.split())
    assert module_files(names, TERRAFORM) == tuple(sorted(row.terraform.split()))
    assert module_files(names, OPENTOFU) == module_files(names) == tuple(sorted(row.opentofu.split()))


@pytest.mark.parametrize(
    ("name", "is_one", "source"),
    [
        ("override.tf", True, OVERRIDE),
        ("a_override.tf.json", True, OVERRIDE),
        ("_override.tofu", True, OVERRIDE),
        ("#a_override.tofu.json", True, OVERRIDE),
        ("aoverride.tf", False, OVERRIDE),
        ("override_a.tf", False, OVERRIDE),
        ("a_override.b.tf", False, OVERRIDE),
        ("Override.tf", False, OVERRIDE),
    ],
)
def test_override_file_is_recognized_by_its_name(name: str, is_one: bool, source: str) -> None:
    assert is_override(name) == is_one, source


@pytest.mark.parametrize(
    ("name", "is_one", "source"),
    [
        ("terraform.tfvars", True, VALUES),
        ("terraform.tfvars.json", True, VALUES),
        ("a.auto.tfvars", True, VALUES),
        ("a.auto.tfvars.json", True, VALUES),
        (".auto.tfvars", True, VALUES),
        ("#a.auto.tfvars", True, VALUES),
        ("a.tfvars", False, VALUES),
        ("Terraform.tfvars", False, VALUES),
        ("a.auto.tfvars~", False, VALUES),
    ],
)
def test_files_with_values_that_are_read_without_an_option(name: str, is_one: bool, source: str) -> None:
    assert is_automatic(name) == is_one, source
