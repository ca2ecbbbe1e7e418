"""Plans as these tests write them: the fixtures of the readers."""

from __future__ import annotations

from tests.readers.conftest import plan, read

__all__ = ["plan", "read"]
