"""Files of Terragrunt and Terraform Stacks, by their names.

Source: docs.terragrunt.com/reference/hcl, developer.hashicorp.com/terraform/language/stacks/reference.
"""

from __future__ import annotations

UNIT_FILES = ("terragrunt.hcl", "terragrunt.hcl.json")
STACK_FILE = "terragrunt.stack.hcl"
_STACK_ENDINGS = tuple(f".{word}.{form}" for word in ("tfcomponent", "tfstack", "tfdeploy") for form in ("hcl", "json"))


def is_unit(name: str) -> bool:
    """Return whether a file configures a unit of Terragrunt: a module with its inputs."""
    return name in UNIT_FILES


def is_stack(name: str) -> bool:
    """Return whether a file belongs to a Terraform Stack or a Terragrunt stack."""
    return name == STACK_FILE or (name.endswith(_STACK_ENDINGS) and not name.startswith((".", "#")))


def is_read(name: str) -> bool:
    """Return whether a file is an input of one of these kinds."""
    return is_unit(name) or is_stack(name)
