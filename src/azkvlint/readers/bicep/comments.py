"""The comments of Bicep files that make other tools skip a check."""

from __future__ import annotations

from azkvlint.model.location import SourceComments
from azkvlint.readers.bicep.read import BicepRead
from azkvlint.syntax.bicep.comments import source_comments
from azkvlint.syntax.peer_comments import has_peer_comments


def comments_of(read: BicepRead) -> dict[str, SourceComments]:
    """Return the comments of the files in which any may be for another tool, by reported path."""
    return {
        path: source_comments(read.files[path], parsed)
        for path, parsed in read.parsed.items()
        if path in read.files and has_peer_comments(read.files[path])
    }
