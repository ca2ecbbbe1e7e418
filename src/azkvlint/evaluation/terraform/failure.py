"""What Terraform refuses."""

from __future__ import annotations

from azkvlint.model.location import Location


class FailedError(Exception):
    """Terraform refuses an expression: ``why``, a part of a sentence without values in it, and ``at``, the place."""

    def __init__(self, why: str, at: Location) -> None:
        super().__init__(why)
        self.why = why
        self.at = at


class RequiredError(FailedError):
    """A value has another type than the one that ``why`` says is required, and does not become it."""
