"""Free the cycles of objects that the evaluation of an input leaves, while automatic collection is disabled."""

from __future__ import annotations

import gc

# Container objects that were created and not freed since the last collection: some 30 MB.
_MOST_RECENT = 50_000


def collect_recent_garbage() -> None:
    """Free what inputs have left since the last collection, if that is much and Python does not collect by itself.

    What survives is not examined again, so the time for an input does not depend on how many came before it.
    """
    if gc.get_count()[0] > _MOST_RECENT and not gc.isenabled():
        gc.collect(0)


def collect_garbage(most: int) -> None:
    """Free all that has been left, if more than ``most`` container objects were created and not freed."""
    created, collections, _ = gc.get_count()
    if created + collections * _MOST_RECENT > most:
        gc.collect()
