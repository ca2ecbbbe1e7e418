"""The files that configuration files of both sides name: custom rules and baselines that HEAD changes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from azkvlint.config.influences import BASELINE, CUSTOM_RULE
from azkvlint.config.weakened import Weakening
from azkvlint.engine.rule_loader import FURTHER
from azkvlint.engine.schema import USERS_ID
from azkvlint.linter.baseline import read_entries
from azkvlint.util.errors import InputError, UsageError
from azkvlint.util.project_boundary import real_path
from azkvlint.util.project_files import read_rules, rule_files

_SUFFIXES = (".yaml", ".yml")
_MOST_ENTRIES = 20


def changed_rules(paths: Iterable[str], twin: Callable[[str], str]) -> Iterator[Weakening]:
    """Yield the custom rules of BASE that HEAD changes or removes. ``paths`` are the files and folders of BASE."""
    for path in paths:
        top = real_path(path)
        if twin(top) == top:
            continue  # outside of both sides
        for file in rule_files(top, _SUFFIXES) if os.path.isdir(top) else [top]:
            name = os.path.basename(file)
            if os.path.splitext(name)[0].endswith(FURTHER):
                continue
            new = twin(file)
            if _content(file, top) != _content(new, twin(top)):
                found = USERS_ID.match(name)
                is_there = os.path.isfile(new)
                yield Weakening(
                    kind=CUSTOM_RULE.kind,
                    text=f"the custom rule `{name}` is {'changed' if is_there else 'removed'}",
                    file=new if is_there else file,
                    words=(found[0],) if found is not None else (),
                    is_in_base=not is_there,
                )


def _content(file: str, top: str) -> bytes | None:
    """Return the content of a rule file; None if it cannot be read."""
    try:
        return read_rules(file, top if os.path.isdir(top) else "")
    except (InputError, UsageError, OSError):
        return None


def added_entries(old: str, new: str) -> Iterator[Weakening]:
    """Yield the entries that the baseline ``new`` of HEAD has in addition to the baseline ``old`` of BASE."""
    known = _entries(old)
    added = [one for one, count in _entries(new).items() for _ in range(count - known.get(one, 0))]
    for rule, resource in sorted(added)[:_MOST_ENTRIES]:
        text = f"the baseline has a new entry: {rule} on {resource}"
        yield Weakening(kind=BASELINE.kind, text=text, file=new, words=(rule,), resources=(resource,))
    if len(added) > _MOST_ENTRIES:
        text = f"the baseline has {len(added) - _MOST_ENTRIES} more new entries"
        yield Weakening(kind=BASELINE.kind, text=text, file=new)


def _entries(file: str) -> Counter[tuple[str, str]]:
    """Return how often a baseline has each rule and resource; nothing if it is not a baseline."""
    try:
        return Counter((entry.rule, resource) for entry in read_entries(file) for resource in entry.resources)
    except UsageError:
        return Counter()
