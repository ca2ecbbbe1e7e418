"""Compare the roles of random sets of permissions with a brute force: ``python -m tests.migration [COUNT [FIRST]]``."""

from __future__ import annotations

import sys

from tests.migration.brute_force import difference


def main(count: int, first: int) -> int:
    """Print each difference and the number of sets; return the exit code."""
    found = [text for number in range(first, first + count) if (text := difference(number))]
    sys.stdout.writelines(f"{line}\n" for line in found)
    sys.stdout.write(f"{count} sets of permissions, {len(found)} with differences\n")
    return 1 if found else 0


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:3]]
    sys.exit(main(*(numbers + [10_000, 0][len(numbers) :])))
