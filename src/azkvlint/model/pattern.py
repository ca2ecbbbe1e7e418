"""Texts of which only some parts are known.

A ``Pattern`` is known text and holes. A ``Hole`` is the expression of an unknown part: a ``DeclaredHole`` names a
declaration, a ``CallHole`` is a function of other values. Two texts with equal patterns are equal. The text form, with
each hole in angle brackets (U+27E8, U+27E9), is for reports, fingerprints and keys: it is never parsed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from typing import ClassVar, TypeAlias

from azkvlint.util.lazy_regex import regex

# The brackets of a hole in the text form. No Azure name or ID contains them.
_OPEN, _CLOSE = "\u27e8", "\u27e9"
# Stands for a slash in a hole, so that every slash of a text form is one of the known text.
_SLASH = "\u2215"
_LONGEST_HOLE = 10_000
_BARE = str.maketrans({_OPEN: None, _CLOSE: None, _SLASH: "/"})
_WITHOUT_BRACKETS = str.maketrans({_OPEN: None, _CLOSE: None})
# Characters for private use, between which the number of a hole stands for it.
NUMBER_START, _NUMBER_END = "\ue000", "\ue001"
_NUMBERED = regex(rf"{NUMBER_START}([0-9]+){_NUMBER_END}")

# The languages of references: the addresses of Terraform, and the IDs and symbols of Bicep and ARM templates.
TERRAFORM, DEPLOYMENT = "terraform", "deployment"


class Pattern:
    """A text of which only some ``parts`` are known: its own text, and holes. ``text`` is its text form."""

    __slots__ = ("_parts", "text")

    text: str
    # Whether it has no hole.
    is_known: ClassVar[bool] = False

    def __init__(self, parts: tuple[Part, ...], text: str | None = None) -> None:
        self._parts = parts
        self.text = "".join(map(text_form, parts)) if text is None else text

    @property
    def parts(self) -> tuple[Part, ...]:
        """Return the known texts and the holes, in their order."""
        return self._parts

    @property
    def holes(self) -> tuple[Hole, ...]:
        """Return the unknown parts."""
        return tuple([part for part in self.parts if isinstance(part, Hole)])

    @property
    def has_text(self) -> bool:
        """Return whether a part of the text is known."""
        return any(isinstance(part, str) for part in self.parts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.text}>"


class KnownText(Pattern):
    """The pattern of a known text."""

    __slots__ = ()
    is_known = True


class Hole(Pattern):
    """An unknown part of a text: an expression in its text form, and the holes ``within`` it."""

    __slots__ = ("_within",)

    def __init__(self, expression: str, within: tuple[Hole, ...] = ()) -> None:
        self.text = _bracketed(expression)
        self._within = within

    @property
    def within(self) -> tuple[Hole, ...]:
        """Return the holes in its expression."""
        return self._within

    @property
    def parts(self) -> tuple[Part, ...]:
        """Return the hole alone."""
        return (self,)

    @property
    def holes(self) -> tuple[Hole, ...]:
        """Return the hole alone."""
        return (self,)

    @property
    def has_text(self) -> bool:
        """Return False: no part of the text is known."""
        return False


class DeclaredHole(Hole):
    """The value at ``path`` below what is declared at ``address``, in the addresses of a ``language``.

    ``address`` is an address or a symbol, or the ID of a resource, which may be a pattern. A parameter, a local value
    and the like have no path. ``type``: that of a resource as it is declared, ``data.TYPE`` of a data source or of an
    existing resource; empty where it is not known. ``why``: why an input has no value; empty for anything else.
    """

    __slots__ = ("address", "language", "path", "type", "why")

    def __init__(
        self,
        expression: str,
        language: str,
        address: Text,
        path: str,
        type_: str,
        within: tuple[Hole, ...],
        why: str = "",
    ) -> None:
        super().__init__(expression, within)
        self.language = language
        self.address = address
        self.path = path
        self.type = type_
        self.why = why

    @property
    def attribute(self) -> str:
        """Return the last step of the path, or of an address with several; empty for a single name."""
        above, dot, last = (self.path or text_form(self.address)).rpartition(".")
        return last if self.path or (above and dot) else ""


class CallHole(Hole):
    """The result of the function or operator ``name`` for ``arguments``, which few callers need."""

    __slots__ = ("_arguments", "name")

    def __init__(self, expression: str, name: str, arguments: Sequence[Text] | Callable[[], Sequence[Text]]) -> None:
        super().__init__(expression)
        self.name = name
        self._arguments = arguments

    @property
    def arguments(self) -> tuple[Text, ...]:
        """Return the arguments, each as far as it is known."""
        if not isinstance(self._arguments, tuple):
            self._arguments = tuple(self._arguments() if callable(self._arguments) else self._arguments)
        return self._arguments

    @property
    def within(self) -> tuple[Hole, ...]:
        """Return the holes in the arguments."""
        return _holes(self.arguments)


Text: TypeAlias = str | Pattern
Part: TypeAlias = str | Hole


def _bracketed(text: str) -> str:
    if len(text) > _LONGEST_HOLE:
        # Variables that name others twice would grow beyond all memory; a digest distinguishes them as well.
        from azkvlint.util.sha256 import sha256_hex

        text = sha256_hex(text.encode("utf-8", "surrogatepass"))
    return f"{_OPEN}{text.replace('/', _SLASH)}{_CLOSE}"


def _holes(texts: Iterable[Text]) -> tuple[Hole, ...]:
    return tuple(hole for text in texts if isinstance(text, Pattern) for hole in text.holes)


def hole(*expression: Text) -> Hole:
    """Return the pattern of an unknown value that an expression describes."""
    return Hole("".join(map(text_form, expression)), _holes(expression))


def declared_hole(language: str, address: Text, path: str = "", type_: str = "", why: str = "") -> DeclaredHole:
    """Return the pattern of the unknown value at ``path`` below what is declared at ``address``."""
    dot = "." if path and not path.startswith("[") else ""
    return DeclaredHole(f"{text_form(address)}{dot}{path}", language, address, path, type_, _holes((address,)), why)


def access(of: Pattern, step: Text) -> Hole:
    """Return the pattern of a member (``.name``) or an item (``[0]``) of an unknown value."""
    text = text_form(step)
    if isinstance(of, DeclaredHole):
        path = f"{of.path}{text}" if of.path else text.removeprefix(".")
        return DeclaredHole(f"{of.text}{text}", of.language, of.address, path, of.type, (of,))
    if isinstance(of, CallHole):
        return DeclaredHole(f"{of.text}{text}", "", of, text.removeprefix("."), "", (of,))
    return hole(of, step)


def position_in(over: Text) -> Hole:
    """Return the pattern of the index of a loop over a list."""
    return hole(over, "[#]")


def operation(operator: str, operands: Sequence[Text]) -> CallHole:
    """Return the pattern of an operator with one operand, or between several."""
    texts = [text_form(operand) for operand in operands]
    text = operator.join(texts) if len(texts) > 1 else f"{operator}{texts[0]}"
    return CallHole(text, operator, operands)


def call_hole(name: str, arguments: Sequence[Text]) -> CallHole:
    """Return the pattern of a function's result."""
    return written_call(name, [text_form(argument) for argument in arguments], arguments)


def written_call(name: str, texts: Iterable[str], arguments: Sequence[Text] | Callable[[], Sequence[Text]]) -> CallHole:
    """Return the pattern of a function's result. ``texts``: the arguments as they are written, such as in quotes."""
    return CallHole(f"{name}({','.join(texts)})", name, arguments)


def text_form(text: Text | None) -> str:
    """Return the text form; empty for None."""
    return text if isinstance(text, str) else "" if text is None else text.text


def escaped(text: str) -> str:
    """Return a known text with its angle brackets replaced, so that it never has the form of a hole."""
    return text.replace(_OPEN, "(").replace(_CLOSE, ")") if not text.isascii() else text


def pattern_from(text: Text | None) -> Pattern | None:
    """Return a text as the pattern of an unknown value; None for an empty one."""
    if isinstance(text, str):
        return KnownText((text,), text) if text else None
    return text


def known_or_pattern(pattern: Pattern | None) -> Text:
    """Return a pattern, or its text if it has no hole; empty for None."""
    if pattern is None:
        return ""
    return pattern.text if pattern.is_known else pattern


def join_texts(texts: Iterable[Text], separator: str = "") -> Text:
    """Return the text that texts make together."""
    parts: list[Part] = []
    known = text = between = ""
    # A hot function: it makes no list for a known text.
    for item in texts:
        known += between
        between = separator
        if isinstance(item, str):
            known += item
            continue
        for part in (item,) if isinstance(item, Hole) else item.parts:
            if isinstance(part, str):
                known += part
                continue
            if known:
                parts.append(known)
                text += known
                known = ""
            parts.append(part)
            text += part.text
    if not parts:
        return known
    if known:
        parts.append(known)
    return parts[0] if len(parts) == 1 else Pattern(tuple(parts), text + known)


def length_of(text: Text) -> int:
    """Return the length of the text form."""
    return len(text if isinstance(text, str) else text.text)


def parts_of(text: Text | None) -> tuple[Part, ...]:
    """Return the known texts and the holes of a text, in their order."""
    return text.parts if isinstance(text, Pattern) else (text,) if text else ()


def known_start(text: Text | None) -> str:
    """Return the text before the first unknown part."""
    return _known_part(text, 0)


def known_end(text: Text | None) -> str:
    """Return the text after the last unknown part."""
    return _known_part(text, -1)


def _known_part(text: Text | None, number: int) -> str:
    part = text.parts[number] if isinstance(text, Pattern) else text
    return part if isinstance(part, str) else ""


def split_text(text: Text, delimiter: str) -> list[Text]:
    """Return the parts of a text between delimiters in its known parts."""
    if isinstance(text, str):
        return [*text.split(delimiter)]
    if isinstance(text, Hole):
        return [text]
    found: list[list[Part]] = [[]]
    for part in text.parts:
        if isinstance(part, Hole):
            found[-1].append(part)
        else:
            first, *others = part.split(delimiter)
            found[-1].append(first)
            found += [[other] for other in others]
    return [parts[0] if len(parts) == 1 else join_texts(parts) for parts in found]


def strip_text(text: Text, characters: str) -> Text:
    """Return a text without some characters at its known ends."""
    if isinstance(text, str):
        return text.strip(characters)
    first, *others = text.parts
    return rstrip_text(join_texts([first.lstrip(characters) if isinstance(first, str) else first, *others]), characters)


def rstrip_text(text: Text, characters: str) -> Text:
    """Return a text without some characters at its known end."""
    if isinstance(text, str):
        return text.rstrip(characters)
    *others, last = text.parts
    return join_texts([*others, last.rstrip(characters)]) if isinstance(last, str) else text


def remove_prefix(text: Text, beginning: Text) -> Text:
    """Return a text without its beginning, if it has this one."""
    start = text_form(beginning)
    if isinstance(text, str):
        return text.removeprefix(start)
    if not text.text.startswith(start):
        return text
    left, parts = len(start), text.parts
    for number, part in enumerate(parts):
        if isinstance(part, str):
            if left < len(part):
                others = parts[number + 1 :]
                return join_texts([part[left:], *others]) if others else part[left:]
            left -= len(part)
        elif left:
            left -= len(part.text)
            if left < 0:
                return text
        else:
            return join_texts(parts[number:])
    return ""


def without_last(text: Text, delimiter: str, number: int) -> Text:
    """Return a text without its last ``number`` parts between delimiters; empty if it has no more."""
    kept = [*parts_of(text)]
    while kept:
        part = kept.pop()
        if isinstance(part, str):
            before, *after = part.rsplit(delimiter, number)
            number -= len(after)
            if not number:
                return join_texts([*kept, before])
    return ""


def change_text(pattern: Pattern, name: str, change: Callable[[str], str]) -> Pattern | None:
    """Return a pattern after a function that changes each part of a text alike, such as its case."""
    parts = (change(part) if isinstance(part, str) else call_hole(name, [part]) for part in pattern.parts)
    return pattern_from(join_texts(parts))


def is_one_hole(pattern: Pattern | None) -> bool:
    """Return whether a pattern is empty, or one hole without others in it."""
    return pattern is None or (isinstance(pattern, Hole) and not pattern.within)


def in_braces(text: Text) -> str:
    """Return a text for reports, with each unknown part as its expression in braces."""
    if isinstance(text, str):
        return text
    return "".join(part if isinstance(part, str) else f"{{{bare(part)}}}" for part in text.parts)


def bare(text: Text) -> str:
    """Return a text with the expressions of its unknown parts, without brackets."""
    return text if isinstance(text, str) else text.text.translate(_BARE)


def without_brackets(text: Text) -> str:
    """Return a text with the expressions of its unknown parts as in its text form, but without the brackets."""
    return text if isinstance(text, str) else text.text.translate(_WITHOUT_BRACKETS)


def marked(text: Text, mark: str) -> str:
    """Return a text with ``mark`` in place of each unknown part."""
    return text if isinstance(text, str) else "".join(part if isinstance(part, str) else mark for part in text.parts)


def numbered(text: Text) -> str:
    """Return a text with the number of each hole, between two characters of no text, in its place: see ``restored``.

    Raise ValueError for a text that has these characters.
    """
    if NUMBER_START in text_form(text):
        raise ValueError("the text contains a character of private use")
    number = count()
    return "".join(
        part if isinstance(part, str) else f"{NUMBER_START}{next(number)}{_NUMBER_END}" for part in parts_of(text)
    )


def restored(part: str, text: Text) -> Text:
    """Return a part of ``numbered(text)`` with its holes."""
    if NUMBER_START not in part:
        return part
    holes = text.holes if isinstance(text, Pattern) else ()
    pieces = _NUMBERED.split(part)
    return join_texts([holes[int(piece)] if number % 2 else piece for number, piece in enumerate(pieces)])


def declared_in(text: Text | None, most: int = 200) -> Iterator[DeclaredHole]:
    """Yield the references in a text, at any depth, of up to ``most`` holes."""
    waiting = [*_holes((text,))] if text else []
    for _ in range(most):
        if not waiting:
            return
        found = waiting.pop()
        if isinstance(found, DeclaredHole):
            yield found
        waiting += found.within


def has_holes(form: str) -> bool:
    """Return whether a text form, such as the name of a resource, has an unknown part."""
    return _OPEN in form


def known_ends(form: str) -> tuple[str, str] | None:
    """Return what comes before the first and after the last unknown part of a text form; None if it has none."""
    if _OPEN not in form:
        return None
    return form.partition(_OPEN)[0], form.rpartition(_CLOSE)[2]


_GUID_OF_TEXTS = regex(rf"{_OPEN}guid\('[^'{_OPEN}]*'(?:, ?'[^'{_OPEN}]*')*\){_CLOSE}")
_OWN_SCOPES = regex(rf"{_OPEN}(?:subscription|resourceGroup|tenant){_CLOSE}")


def is_guid_of_texts(text: str) -> bool:
    """Return whether a text form is ``guid()`` of known strings, and of the IDs of the scopes of the deployment."""
    return _GUID_OF_TEXTS.fullmatch(_OWN_SCOPES.sub("", text)) is not None
