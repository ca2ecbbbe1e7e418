"""Compare kvlint access with the oracle on random worlds: ``python -m tests.access [COUNT [FIRST]]``."""

from __future__ import annotations

import sys
from collections import Counter

from tests.access.comparing import difference
from tests.access.oracle import cells
from tests.access.world import LANGUAGES, make


def main(count: int, first: int) -> int:
    """Print each difference, and the number of worlds and cells; return the exit code."""
    failed, numbers = 0, Counter[str]()
    for seed in range(first, first + count):
        for language in LANGUAGES:
            found = difference(seed, language)
            failed += bool(found)
            numbers.update(cells(make(seed, language)).values())
            sys.stdout.writelines(f"{line}\n" for line in found)
    sys.stdout.write(f"{count * len(LANGUAGES)} worlds, {failed} with differences; cells: {dict(numbers)}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:3]]
    sys.exit(main(*(numbers + [250, 0][len(numbers) :])))
