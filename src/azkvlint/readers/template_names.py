"""Bicep files, ARM templates and their parameter files, by their names."""

from __future__ import annotations

import os
import re

from azkvlint.util.lazy_regex import regex

BICEP, PARAMETERS, JSON = (".bicep",), (".bicepparam",), (".json", ".jsonc")
PARAMETER_FILE = regex(r"(?P<stem>.+?)\.parameters(?:\.[\w-]+)?\.jsonc?", re.IGNORECASE)


def is_parameters(file: str) -> bool:
    """Return whether the name of a file is that of a parameter file."""
    name = os.path.basename(file)
    return name.lower().endswith(PARAMETERS) or PARAMETER_FILE.fullmatch(name) is not None
