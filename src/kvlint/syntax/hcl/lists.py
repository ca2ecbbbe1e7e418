"""What stands between brackets: tuples, objects, and loops that make them."""

from __future__ import annotations

from kvlint.regex import regex
from kvlint.syntax import tree
from kvlint.syntax.hcl.lexis import Matcher, identifier
from kvlint.syntax.hcl.skeleton import Skeleton
from kvlint.syntax.hcl.strings import Strings

_for: Matcher = regex(r"for(?![\w-])").match
_BINDS = frozenset("=:")


class Lists(Strings):
    """Reads what stands between brackets."""

    __slots__ = ()

    def inner(self) -> tree.Expression:
        """Reads an expression within brackets, and the blanks around it."""
        self.descend()
        node = self.expression(True)
        self.depth -= 1
        return node

    def argument(self, skeleton: Skeleton) -> None:
        """Reads an expression within brackets that is a whole operand of the skeleton."""
        self.skip(True)
        start = self.at
        self.descend()
        node = self.expression(True)
        self.depth -= 1
        skeleton.add("v", start, self.last, node)

    def array(self) -> tree.Expression:
        """Reads a tuple, or a loop that makes one."""
        start = self.at
        self.at += 1
        mark = self.skip(True)
        if mark == "f" and _for(self.text, self.at):
            return self.loop("[", "]", start)
        self.descend()
        items: list[tree.Expression] = []
        most = links = self.links
        while mark != "]":
            self.links = links
            items.append(self.expression(True))
            most = max(most, self.links)
            mark = self.skip(True)
            if mark == ",":
                self.at += 1
                mark = self.skip(True)
            elif mark != "]":
                raise self.unexpected("',' or ']'")
        self.at += 1
        self.depth -= 1
        self.links = most
        return tree.Array(start, self.at, tuple(items))

    def object(self) -> tree.Expression:
        """Reads an object, or a loop that makes one."""
        start = self.at
        self.at += 1
        mark = self.skip(True)
        if mark == "f" and _for(self.text, self.at):
            return self.loop("{", "}", start)
        self.descend()
        members: list[tree.Property] = []
        most = links = self.links
        while mark != "}":
            self.links = links
            members.append(self.member())
            most = max(most, self.links)
            mark = self.skip(False)
            if mark == ",":
                self.at += 1
            elif mark not in {"}", "\n"}:
                raise self.unexpected("a new line, ',' or '}'")
            mark = self.skip(True)
        self.at += 1
        self.depth -= 1
        self.links = most
        return tree.Object(start, self.at, tuple(members))

    def member(self) -> tree.Property:
        """Reads ``key = value`` or ``key: value``."""
        start, text = self.at, self.text
        mark = text[start]
        word = identifier(text, start)
        if word is not None:
            self.at = word.end()
            found = self.skip(False)
        if word is not None and found in _BINDS and not text.startswith(("==", "::"), self.at):
            key: str | tree.Expression = word[0]
        else:
            self.at = start
            key = self.expression(False)
            if mark == '"' and isinstance(key, tree.Literal) and isinstance(key.value, str):
                key = key.value
            found = self.skip(False)
            if found not in _BINDS or text.startswith("=>", self.at):
                raise self.unexpected("'=' behind a key")
        self.at += 1
        node = self.expression(False)
        return tree.Property(start, self.last, key, node)

    def loop(self, opening: str, closing: str, start: int) -> tree.Expression:
        """Reads a loop from its ``for`` on; its bracket stands at ``start``."""
        skeleton = Skeleton()
        skeleton.add(opening, start, start + 1)
        skeleton.add("for", self.at, self.at + 3)
        self.at += 3
        for word in (",", "in"):
            self.skip(True)
            at = self.at
            name = self.name()
            skeleton.add("n", at, self.at, name)
            if word == "," and self.skip(True) == ",":
                skeleton.add(",", self.at, self.at + 1)
                self.at += 1
            else:
                break
        while (mark := self.skip(True)) != closing:
            at = self.at
            word = self.loop_word(mark)
            if word:
                skeleton.add(word, at, at + len(word))
                self.at += len(word)
            else:
                self.argument(skeleton)
        self.at += 1
        skeleton.add(closing, self.at - 1, self.at)
        return skeleton.expression()

    def loop_word(self, mark: str) -> str:
        """The word or mark between the expressions of a loop that stands next; empty if none does."""
        text, at = self.text, self.at
        if mark == ":":
            return mark
        if mark == "=" and text.startswith("=>", at):
            return "=>"
        if mark == "." and text.startswith("...", at):
            return "..."
        if mark == "i":
            match = identifier(text, at)
            return match[0] if match is not None and match[0] in {"in", "if"} else ""
        return ""
