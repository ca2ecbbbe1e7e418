"""The comments of Terraform files, and the attributes and blocks that they can be about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from azkvlint.model.location import SourceComments, Target
from azkvlint.readers.terraform.folder import ModuleFile
from azkvlint.syntax.hcl.document import Body

# What every directive begins with, in any case.
_MARK = "kvlint"


def comments_of(files: Mapping[str, ModuleFile], peer_comments: bool = False) -> dict[str, SourceComments]:
    """Return the comments of the files in which any may be a directive, by reported path.

    With ``peer_comments`` those for other tools are directives too.
    """
    found = {path: _comments(file) for path, file in files.items() if _MARK in file.parsed.text.lower()}
    if peer_comments:
        from azkvlint.syntax.peer_comments import has_peer_comments

        others = {path: file for path, file in files.items() if path not in found}
        found |= {path: _comments(file) for path, file in others.items() if has_peer_comments(file.parsed.text)}
    return found


def _comments(file: ModuleFile) -> SourceComments:
    parsed = file.parsed
    targets = tuple(sorted(_targets(parsed.body)))
    return SourceComments(text=parsed.text, comments=tuple(parsed.comments), targets=targets)


def _targets(body: Body) -> Iterator[Target]:
    waiting = [body]
    while waiting:
        here = waiting.pop()
        for attribute in here.attributes.values():
            yield Target(attribute.start, attribute.end, attribute.end)
        for block in here.blocks:
            yield Target(block.start, block.head, block.end)
            waiting.append(block.body)
