"""Placeholders: texts that stand for a value which is set later, as people write them in several languages."""

from __future__ import annotations

import re
from enum import Enum

from azkvlint.graph.secret_evidence.name_kinds import without_accents
from azkvlint.util.lazy_regex import regex

# Longer texts are judged by their beginning.
_MOST = 20_000


class Placeholder(Enum):
    """Whether a text stands for a value that is set later."""

    CERTAIN = "certain"
    LIKELY = "likely"
    NONE = "none"


_LONGEST_PHRASE = 200
_HUMP = regex(r"(?<=[a-z])(?=[A-Z][a-z])")
# The whole text is in brackets, or is made of such parts; `{...}` with a colon or quote in it is JSON.
_BRACKETED = regex(
    r"""(?:[\s:;,@/.-]*+(?:
      <[^<>]*> | \[[^\[\]"'{}]*\] | \{\{[^{}]*\}\} | [$\#]\{[^{}]*\}\#?+ | \{[^{}"':]*\} | \$\([^()]*\) | \(\([^()]*\)\)
    | %\w+% | __[A-Za-z0-9]+(?:[_-][A-Za-z0-9]+)*+__ | @@\w+@@ | \$\[[^\[\]]*\]
    ))++[\s:;,@/.-]*+""",
    re.VERBOSE | re.DOTALL,
)
_ROW = regex(r"([0xX*#?._-])\1*")
# What the pipeline of Azure Quickstart Templates replaces in parameter files, in this repository and its many copies.
# Source: github.com/Azure/azure-quickstart-templates (1-CONTRIBUTION-GUIDE/README.md).
_GENERATED = regex(r"(?:GEN|GET)-[A-Z]{3,}(?:-\w+)*")
_SEPARATORS = regex(r"[\s_.:;,/\\|-]+")
_PHRASE = regex(r"[^\W\d_]+(?:[\s_.:;,/\\'()|-]+(?:[^\W_]+))*[\s.!:)]*")
# What the words of a whole text are, in lower case, without accents and with single spaces between them.
_WHAT = r"(?:value|secret|password|key|token|string|credentials?|username|user name|user)"
_SET = (
    r"(?:set|defined?|replaced?|filled|updated?|changed?|provided?|determined|added|done|configured|populated|created"
    r"|overwritten|overridden|inserted|rotated|generated|specified|decided|managed|supplied|injected|maintained)"
)
_CHANGE = r"(?:change|replace|update|set|overwrite|override|fill|edit|configure)"
_HOW = (
    r"(?:in|on|by|via|from|at|with|through|during|before|after|outside|externally|manually|later|elsewhere|separately"
    r"|automatically)"
)
_STANDS_FOR_ANOTHER = regex(
    "|".join(
        (
            # One word, perhaps with what it is that is missing.
            rf"(?:change ?me|replace ?me|update ?me|set ?me|fill ?me|fix ?me|todo|dummy|tbd|tbc|tba)(?: {_WHAT})?",
            r"n ?a|none|null|nil|undefined|unset|blank|empty|unused|nothing|unknown",
            rf"(?:fake|mock|sample|example|your)(?: \w+)? {_WHAT}|(?:temp|temporary|initial|default|some) value",
            rf"no ?{_WHAT}",
            rf"{_WHAT}? ?(?:is )?not (?:yet )?(?:{_SET}|used|needed|required|applicable|available)",
            r"(?:.* )?place ?holder(?: .*)?",
            # What somebody has to do.
            rf"(?:please )?{_CHANGE} (?:me|this|it|your|the|real|actual|{_WHAT}|{_HOW})\b.*",
            rf"(?:please )?(?:insert|enter|put|paste|add|provide|type)(?: \w+){{0,4}} (?:here|{_WHAT})(?: .*)?",
            r"your(?: \w+){1,5} here",
            rf"(?:{_WHAT} )?(?:to|will|must|should|needs? to|has to) (?:be )?{_SET}(?: .*)?|to (?:fill|do)(?: .*)?",
            rf"(?:{_WHAT} )?(?:is )?{_SET} {_HOW}\b.*",
            rf"manually {_SET}(?: .*)?",
            # German, French, Spanish, Portuguese, Italian, Dutch, Polish, Swedish, Danish.
            r"(?:bitte )?(?:platzhalter|andern|aendern|ersetzen|ausfullen|ausfuellen)|(?:ersetze|andere|aendere) mich",
            r"(?:noch )?zu (?:andern|aendern|setzen|ersetzen|definieren|befullen|befuellen)|noch (?:offen|setzen)",
            r"(?:wird|muss) (?:noch )?(?:ersetzt|gesetzt|geandert|geaendert|ausgefullt)(?: werden)?(?: .*)?",
            r"(?:a|doit etre) (?:remplacer|definir|completer|changer|modifier|renseigner|remplacee?|definie?)(?: .*)?",
            r"(?:remplacez|changez|changer|remplacer) ?moi|espace reserve",
            r"(?:por|a) (?:definir|reemplazar|completar|rellenar|cambiar|substituir|preencher|alterar)(?: .*)?",
            r"cambiame|cambiami|reemplazar|rellenar|pendiente|substituir|preencher|mude me|altere me|troque me",
            r"da (?:sostituire|impostare|definire|inserire|aggiornare|valorizzare|cambiare)(?: .*)?|segnaposto",
            r"invullen|vervangen|(?:nog )?(?:in te vullen|te wijzigen|te vervangen)|wijzig mij|plaatshouder",
            r"do (?:uzupelnienia|zmiany)|zmien mnie|byt ut(?: mig)?|andra mig|platshallare|pladsholder|udfyldes",
        )
    )
)
# Of a text that its author lets others overwrite: how one of its words begins, or what all of its words are.
_STEM = regex(r"(?:^| )(?:change|replace|place ?holder|todo|dummy|update|set ?me|fill ?me|set ?by)")
_HINTS = regex(
    rf"(?:temp|temporary|tmp|initial|default|tests?|sample|example|fake|mock|foo|bar|foobar|blank|manual|ignored?"
    rf"|bootstrap|seed|not ?used|to|be|the|a|{_WHAT}|[0-9]{{1,3}})"
    rf"(?: (?:temp|initial|default|test|sample|example|value|key|token|string|to|be|the|a|[0-9]{{1,3}}))*"
)
_BARE = regex(rf"{_WHAT}|to|be|the|a|[0-9]*")


def placeholder_by_words(text: str) -> Placeholder:
    """Return whether the words or brackets of a text say that it stands for a value that is set later."""
    text = text[:_MOST].strip().strip("'\"`").strip()
    packed = _SEPARATORS.sub("", text)
    if len(text) <= 1 or not packed or text in ("{}", "[]") or _ROW.fullmatch(packed):
        return Placeholder.CERTAIN
    if _BRACKETED.fullmatch(text) or _GENERATED.fullmatch(text):
        return Placeholder.CERTAIN
    plain = without_accents(text)
    said = " ".join(word for word in _SEPARATORS.split(_HUMP.sub(" ", plain).lower()) if word)
    if len(said) <= _LONGEST_PHRASE and _PHRASE.fullmatch(plain) and _STANDS_FOR_ANOTHER.fullmatch(said):
        return Placeholder.CERTAIN
    is_hint = bool(_HINTS.fullmatch(said)) and not _BARE.fullmatch(said)
    is_likely = is_hint or bool(_STEM.search(said)) or len(set(packed.lower())) == 1
    return Placeholder.LIKELY if is_likely else Placeholder.NONE
