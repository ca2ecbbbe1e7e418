"""Terraform files that nobody on this team wrote: all that are right are read without a fault.

They lie beside the checkout and are other people's files, so they are read in place, and absent for most.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from azkvlint.syntax.hcl.json_file import parse_json_file
from azkvlint.syntax.hcl.parse import Body, HclFile, parse_file

CORPORA = Path(__file__).resolve().parents[3] / "shared" / "corpora" / "tf"
FILES = sorted(
    file
    for file in CORPORA.rglob("*")
    if file.name.endswith((".tf", ".tofu", ".tfvars", ".tf.json", ".tofu.json", ".tfvars.json"))
)
# Terraform takes none of these. "'" quotes nothing, an expression in one in an index needs quotes of its own, and a
# block whose brace nothing closes was written to keep a parser busy.
_SINGLE_QUOTES = "expected an expression, found `'` (strings have double quotes)"
WRONG = {
    "parse-hard/checkov-parser/hcl_timeout/main.tf": "this `{` is not closed",
    "parse-hard/checkov-parser/parser_scenarios/maze_of_variables/maze.tf": "expected an expression, found `$`",
    "zodiac-ae/azure-spring-cloud-app-main_infra/locals.tf.json": _SINGLE_QUOTES,
    "zodiac-ae/terraform-training-main/main.tf.json": _SINGLE_QUOTES,
}

if not FILES:
    pytest.skip(f"the corpora are not here: no Terraform in {CORPORA}", allow_module_level=True)


def faults(body: Body) -> set[str]:
    found = {fault.message for fault in body.faults}
    for attribute in body.attributes.values():
        if attribute.expression() is None and attribute.fault is not None:
            found.add(attribute.fault.message)
    return found.union(*(faults(block.body) for block in body.blocks))


def parsed(file: Path) -> HclFile:
    text = file.read_bytes().decode("utf-8")
    return parse_json_file(text) if file.suffix == ".json" else parse_file(text)


def test_all_files_that_are_terraform_are_read_without_a_fault() -> None:
    found: dict[str, str] = {}
    for path in FILES:
        file = parsed(path)
        messages = {fault.message for fault in file.faults} | faults(file.body)
        if messages:
            found[path.relative_to(CORPORA).as_posix()] = "; ".join(sorted(messages))
    assert found == WRONG
    assert len(FILES) > 600
