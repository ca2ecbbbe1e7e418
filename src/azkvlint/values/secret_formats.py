"""Classify strings by form as credentials, placeholders or plain values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import Enum

from azkvlint.model.pattern import Text, marked
from azkvlint.syntax.json_decoder import decode_json
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex
from azkvlint.util.secret_names import has_known_form
from azkvlint.values.name_kinds import NameKind, kind_of_name, without_accents

# Longer strings are cut here.
_MAX_LENGTH = 20_000


def known_text(text: Text) -> str:
    """Return the known part of a string, with ``x`` for each unknown part; empty if nothing is known."""
    known = marked(text, "x")[:_MAX_LENGTH]
    return known if known.strip("x") else ""


# A secret part of a connection string, of a query or of a tool's output, with a literal value.
_PART = regex(
    r"(?i)(?:^|(?<=[;?&,\s\"'{]))(?:password|pwd|passwd|accountkey|sharedaccesskey|sharedaccesssignature|accesskey|secret"
    r"|clientsecret|client_secret|secretkey|secret_key|api_?key|private_?key|authkey|account_?key|access_?token|token"
    r"|sig|signature|code|subscription-key)"
    r"\s*+[\"']?\s*+[=:]\s*+[\"']?+(?P<value>(?:[$#]?\{[^{}\"']{0,200}\}|[^;&\s\"',}])++)"
)
_USER_INFO = regex(r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]*+://[^/?#\s:@]*:(?P<value>[^/?#\s@]+)@")
# What another tool replaces in a value.
_FILLED = regex(
    r"[$#]?\{[^{}]{0,200}\}#?|<[^<>]{0,200}>|\$\([^()]{0,200}\)|%\w{1,60}%|\(\([^()]{0,200}\)\)|\[[^\[\]]{0,200}\]"
    r"|@@\w{1,60}@@|__\w{1,60}__|#_\w{1,60}_#"
)
# The beginning of such a part, if the format of the string cuts it, or the variable of a shell.
_OPEN = regex(r"(?:[$#]?\{|[<%\[(#*])[\w.*#-]*|\$[A-Za-z_]+[0-9]{0,2}")
# What is left of such a value is too short for a credential, or the format of a bcrypt hash.
_REST = regex(r".{0,6}|\$2[abxy]?\$[0-9]{2}\$")


def has_credential(text: str) -> bool:
    """Return whether a string contains a credential by its format. Unknown parts do not count."""
    text = text[:_MAX_LENGTH]
    return has_known_form(text) or any(not _is_placeholder_value(value) for value in _secret_parts(text))


def placeholder_in(text: str) -> Placeholder:
    """Return whether a string is a placeholder for a value that is set later, or contains one as its credential."""
    by_words = placeholder_by_words(text)
    if by_words is Placeholder.CERTAIN:
        return by_words
    parts = [*_secret_parts(text[:_MAX_LENGTH])]
    if not parts and not has_known_form(text[:_MAX_LENGTH]):
        is_sample = _is_plain_request(text) if by_words is Placeholder.LIKELY else _is_sample(text)
        return Placeholder.SAMPLE if is_sample else by_words
    if has_credential(text):
        return Placeholder.SAMPLE if _is_sample_object(text) else Placeholder.NONE
    return Placeholder.CERTAIN


def _secret_parts(text: str) -> Iterator[str]:
    """Return the secret parts of a string by its format, including placeholders."""
    if "=" not in text and ":" not in text:
        return iter(())
    return (one["value"] for pattern in (_PART, _USER_INFO) for one in pattern.finditer(text))


def _is_placeholder_value(value: str) -> bool:
    rest, number = _FILLED.subn("", value)
    if number and _REST.fullmatch(rest):
        return True
    is_open = _OPEN.fullmatch(value) is not None and not looks_generated(value)
    return is_open or placeholder_by_words(value) is Placeholder.CERTAIN


_ADDRESS = regex(r"(?:jdbc:)?[A-Za-z][A-Za-z0-9+.-]*:(?:thin:@)?//[^\s]*")
_QUERY = regex(r"[?&;](?P<name>[^=?&;\s]+)=(?P<value>[^&;\s]*)")
_GUID_FORM = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
_EMAIL_FORM = r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
_GUID, _EMAIL = regex(_GUID_FORM), regex(_EMAIL_FORM)
_PLAIN_FORMS = (
    r"(?:[\w-]+\.){2,}[A-Za-z]{2,}\.?(?::[0-9]{1,5})?(?:,[0-9]{1,5})?",  # host
    r"[\w-]+\.(?i:com|net|org|io|eu|local|internal|cloud|gov|edu|dev)(?::[0-9]{1,5})?",
    r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?:/[0-9]{1,2})?(?::[0-9]{1,5})?",  # IP address
    _GUID_FORM,
    r"[-+]?[0-9]+(?:\.[0-9]+)*%?",
    r"(?i:true|false|yes|no|on|off|enabled|disabled)",
    r"(?i:/?(?:subscriptions|providers)/\S+)",
    r"(?:\.{0,2}|~|[A-Za-z]:)[/\\][\w ./\\-]*",
    _EMAIL_FORM,
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.]+(?:Z|[+-][0-9:]+)?)?|P(?:[0-9]+[YMWDTHS])+",  # time, duration
)
# One pattern, since most values have none of the forms.
_PLAIN = regex("|".join(_PLAIN_FORMS))
_PUBLIC = regex(
    r"\s*(?:-----BEGIN (?:[A-Z0-9]+ )*(?:PUBLIC KEY|CERTIFICATE)-----"
    r"|(?:ssh-(?:rsa|ed25519|dss)|ecdsa-sha2-\w+|sk-ssh-\w+@openssh\.com) AAAA)"
)
_SETTINGS = regex(r"(?:[\w .-]+=[^;=]*(?:;|$))+")
_SEGMENT = regex(r"[A-Za-z0-9]{20,}")
_SYMBOL = regex(r"[!@#$%^&*?+=~]")
# A token in a template that another tool replaces: `#_namePrefix_#`, `#{prefix}#`, `__prefix__`, `{{prefix}}`.
_TOKEN = regex(r"#_\w{1,60}?_#|#\{[^{}]{1,60}\}#?|__[A-Za-z0-9]{1,60}__|\{\{[^{}]{1,60}\}\}|\$\([\w.]{1,60}\)")
_LONG = 20
# The minimum length of a password that does not depend on other protection: NIST SP 800-63B, section 5.1.1.1.
_SHORTEST_CREDENTIAL = 8
# The number of changes between letters and digits in a random string of that length, at least.
_CHANGE = regex(r"[A-Za-z](?=[0-9])|[0-9](?=[A-Za-z])")
_LEAST_CHANGES = 4


def is_plain(text: str) -> bool:
    """Return whether a string is plain by its form: an address, an identifier, a number, a public key, settings."""
    text = text[:_MAX_LENGTH]
    return not _may_hold_secret(text) and _has_plain_form(text.strip())


def _has_plain_form(text: str) -> bool:
    if text[:1] in ("{", "["):
        return _is_plain_json(text)
    if _SETTINGS.fullmatch(text) and text.count("=") > 1:
        return True
    items = [item.strip() for item in text.split(",")] if "," in text else [text]
    return bool(_PUBLIC.match(text)) or all(_is_plain_item(item) for item in items)


def _may_hold_secret(text: str) -> bool:
    """Return whether a string contains a credential, or a secret part with unknown content."""
    return has_known_form(text) or any(True for _ in _secret_parts(text))


def _is_plain_item(text: str) -> bool:
    if _ADDRESS.fullmatch(text):
        return _is_plain_address(text)
    return bool(_PLAIN.fullmatch(text))


def _is_plain_address(text: str) -> bool:
    """Return whether a URL grants no access by itself: no token in its query, and no random path segment."""
    for one in _QUERY.finditer(text):
        if kind_of_name(one["name"]) is NameKind.SECRET and not _is_placeholder_value(one["value"]):
            return False
    path = text.partition("?")[0]
    return not any(looks_generated(part) for part in _SEGMENT.findall(path) if not _GUID.fullmatch(part))


def _is_plain_json(text: str) -> bool:
    try:
        document = decode_json(text, object)
    except InputError:
        return False
    pending: list[tuple[str, object]] = [("", document)]
    while pending:
        name, node = pending.pop()
        if isinstance(node, dict):
            pending += node.items()
        elif isinstance(node, list):
            pending += [(name, item) for item in node]
        elif isinstance(node, str) and not is_configuration([name], node):
            return False
    return True


def looks_generated(text: str) -> bool:
    """Return whether a string looks random, or composed to satisfy password rules."""
    text = _TOKEN.sub("x", text.strip())
    if any(one.isspace() for one in text):
        return False
    classes = (str.islower, str.isupper, str.isdigit)
    used = sum(any(map(has, text)) for has in classes)
    symbols = bool(_SYMBOL.search(text)) and not _EMAIL.fullmatch(text)
    is_mixed = len(text) >= _LONG and len(_CHANGE.findall(text)) >= _LEAST_CHANGES
    return used + symbols > 2 and (symbols or is_mixed)


def is_trivial(text: str) -> bool:
    """Return whether a string is too simple for a credential in use: a placeholder, or short or plain words."""
    if has_credential(text):
        return False
    is_word = len(text) < _SHORTEST_CREDENTIAL or not (any(map(str.isdigit, text)) or looks_generated(text))
    return is_word or placeholder_in(text) in (Placeholder.CERTAIN, Placeholder.SAMPLE)


def is_configuration(names: Sequence[str], text: str) -> bool:
    """Return whether a value is plain by its names, the innermost first, or by its form.

    ``text`` is the known part, with a letter for each unknown part (see ``known_text``).
    """
    kinds = [kind for name in names if (kind := kind_of_name(name)) is not NameKind.NEUTRAL]
    kind = kinds[0] if kinds else NameKind.NEUTRAL
    if kind is NameKind.SECRET and not (_PUBLIC.match(text) or _ADDRESS.fullmatch(text) or _SETTINGS.fullmatch(text)):
        return False
    text = text[:_MAX_LENGTH]
    if _may_hold_secret(text):
        return False
    return (bool(text) and _has_plain_form(text.strip())) or (kind is NameKind.PLAIN and not looks_generated(text))


class Placeholder(Enum):
    """Whether a string is a placeholder for a value that is set later.

    A ``SAMPLE`` is likely one, and nothing else is in it; a ``LIKELY`` one may contain a credential too.
    """

    CERTAIN = "certain"
    LIKELY = "likely"
    SAMPLE = "sample"
    NONE = "none"


_MAX_PHRASE = 200
_HUMP = regex(r"(?<=[a-z])(?=[A-Z][a-z])")
# Placeholders that the pipeline of Azure Quickstart Templates replaces in parameter files, in this repository and its
# many copies. Source: github.com/Azure/azure-quickstart-templates (1-CONTRIBUTION-GUIDE/README.md).
_GENERATED = regex(r"(?:GEN|GET)-[A-Z]{3,}(?:-\w+)*")
# The whole string is in brackets, or consists of such parts; `{...}` with a colon or quote in it is JSON.
_BRACKETED = regex(
    r"""(?:[\s:;,@/.-]*+(?:
      <[^<>]*> | \[[^\[\]"'{}]*\] | \{\{[^{}]*\}\} | [$\#]\{[^{}]*\}\#?+ | \{[^{}"':]*\} | \$\([^()]*\) | \(\([^()]*\)\)
    | %\w+% | \#_\w+?_\# | __[A-Za-z0-9]+(?:[_-][A-Za-z0-9]+)*+__ | @@\w+@@ | \$\[[^\[\]]*\]
    ))++[\s:;,@/.-]*+""",
    re.VERBOSE | re.DOTALL,
)
# One of these is in every such string.
_BRACKETS = frozenset("<[{$%#_(@")
_ROW = regex(r"([0xX*#?._-])\1*")
_SEPARATORS = regex(r"[\s_.:;,/\\|-]+")
_PHRASE = regex(r"[^\W\d_]+(?:[\s_.:;,/\\'()|-]+(?:[^\W_]+))*[\s.!:)]*")
# Words of placeholders, in lower case, without accents and with single spaces.
_NOUNS = (
    "value", "secret", "password", "key", "token", "string", "credential", "credentials", "username",
    "user name", "user",
)  # fmt: skip
_NOUN = rf"(?:{'|'.join(_NOUNS)})"
_SET = (
    r"(?:set|defined?|replaced?|filled|updated?|changed?|provided?|determined|added|done|configured|populated|created"
    r"|overwritten|overridden|inserted|rotated|generated|specified|decided|managed|supplied|injected|maintained)"
)
_CHANGE_ME = r"(?:change|replace|update|set|overwrite|override|fill|edit|configure)"
_ADVERB = (
    r"(?:in|on|by|via|from|at|with|through|during|before|after|outside|externally|manually|later|elsewhere|separately"
    r"|automatically)"
)
_PLACEHOLDERS = frozenset({
    "na", "n a", "none", "null", "nil", "undefined", "unset", "blank", "empty", "unused", "nothing", "unknown",
    "disabled", "enabled", "deactivated", "inactive", "deprecated", "obsolete", "ignored", "removed", "true", "false",
    "temp value", "temporary value", "initial value", "default value", "some value",
    "secret value", "my secret value", "the secret value", "a secret value", "some secret value",
})  # fmt: skip
# Phrases of placeholders. Each contains one of the words before its pattern, so that a pattern is compiled only for
# strings that may match: compiling all of them takes longer than checking a small plan.
_PLACEHOLDER_PHRASES: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = tuple(
    (words, regex(pattern))
    for words, pattern in (
        # One word, optionally with the missing value's noun.
        (
            ("me", "todo", "dummy", "tb"),
            rf"(?:(?:change|replace|update|set|fill|fix) ?me|todo|dummy|tb[dca])(?: {_NOUN})?",
        ),
        (
            ("fake", "mock", "sample", "example", "your"),
            rf"(?:my |an? )?(?:fake|mock|sample|example|your)(?: \w+)? {_NOUN}|your(?: \w+){{1,5}} here",
        ),
        (
            ("no",),
            rf"no ?{_NOUN}|{_NOUN}? ?(?:is )?not (?:yet )?(?:{_SET}|used|needed|required|applicable|available)",
        ),
        (("holder",), r"(?:.* )?place ?holder(?: .*)?"),
        # Requests to set a value.
        (
            ("change ", "replace ", "update ", "set ", "overwrite ", "override ", "fill ", "edit ", "configure "),
            rf"(?:please )?{_CHANGE_ME} (?:me|this|it|your|the|real|actual|{_NOUN}|{_ADVERB})\b.*",
        ),
        (
            ("insert ", "enter ", "put ", "paste ", "add ", "provide ", "type "),
            rf"(?:please )?(?:insert|enter|put|paste|add|provide|type)(?: \w+){{0,4}} (?:here|{_NOUN})(?: .*)?",
        ),
        (
            ("to ", "will ", "must ", "should "),
            rf"(?:{_NOUN} )?(?:to|will|must|should|needs? to|has to) (?:be )?{_SET}(?: .*)?|to (?:fill|do)(?: .*)?",
        ),
        (
            ("set ", "define ", "replace ", "update ", "change ", "provide ", "done ", "ed ", "en "),
            rf"(?:{_NOUN} )?(?:is )?{_SET} {_ADVERB}\b.*",
        ),
        (("manually ",), rf"manually {_SET}(?: .*)?"),
        # German, French, Spanish, Portuguese, Italian, Dutch, Polish, Swedish, Danish.
        (
            ("platzhalter", "ander", "aender", "ersetze", "ausfullen", "ausfuellen"),
            r"(?:bitte )?(?:platzhalter|andern|aendern|ersetzen|ausfullen|ausfuellen)|(?:ersetze|andere|aendere) mich",
        ),
        (
            ("zu ", "noch "),
            r"(?:noch )?zu (?:andern|aendern|setzen|ersetzen|definieren|befullen|befuellen)|noch (?:offen|setzen)",
        ),
        (
            ("wird ", "muss "),
            r"(?:wird|muss) (?:noch )?(?:ersetzt|gesetzt|geandert|geaendert|ausgefullt)(?: werden)?(?: .*)?",
        ),
        (
            ("a ", "doit etre "),
            r"(?:a|doit etre) (?:remplacer|definir|completer|changer|modifier|renseigner|remplacee?|definie?)(?: .*)?",
        ),
        (("moi", "espace reserve"), r"(?:remplacez|changez|changer|remplacer) ?moi|espace reserve"),
        (
            ("por ", "a "),
            r"(?:por|a) (?:definir|reemplazar|completar|rellenar|cambiar|substituir|preencher|alterar)(?: .*)?",
        ),
        (
            ("cambiam", "reemplazar", "rellenar", "pendiente", "substituir", "preencher", " me"),
            r"cambiame|cambiami|reemplazar|rellenar|pendiente|substituir|preencher|mude me|altere me|troque me",
        ),
        (
            ("da ", "segnaposto"),
            r"da (?:sostituire|impostare|definire|inserire|aggiornare|valorizzare|cambiare)(?: .*)?|segnaposto",
        ),
        (
            ("invullen", "te vullen", "vervangen", "wijzig", "plaatshouder"),
            r"invullen|vervangen|(?:nog )?(?:in te vullen|te wijzigen|te vervangen)|wijzig mij|plaatshouder",
        ),
        (
            ("do ", "zmien mnie", "byt ut", "andra mig", "platshallare", "pladsholder", "udfyldes"),
            r"do (?:uzupelnienia|zmiany)|zmien mnie|byt ut(?: mig)?|andra mig|platshallare|pladsholder|udfyldes",
        ),
    )
)
_WORDS_OF_PHRASES = tuple(word for words, _ in _PLACEHOLDER_PHRASES for word in words)
# How a word begins in a string that its author expects to be overwritten.
_STEMS = (
    " change", " replace", " placeholder", " place holder", " todo", " dummy", " update", " setme", " set me",
    " fillme", " fill me", " setby", " set by",
)  # fmt: skip
# Strings that consist of these words are expected to be overwritten too, unless a word of the first line is alone.
_BARE = frozenset((*_NOUNS, "to", "be", "the", "a"))
_HINTS = _BARE | {
    "temp", "temporary", "tmp", "initial", "default", "test", "tests", "sample", "example", "fake", "mock", "foo",
    "bar", "foobar", "blank", "manual", "ignore", "ignored", "bootstrap", "seed", "notused",
}  # fmt: skip
_LATER_HINTS = frozenset({
    "temp", "initial", "default", "test", "sample", "example", "value", "key", "token", "string", "to", "be", "the",
    "a",
})  # fmt: skip


# The values in the documentation of azurerm_key_vault_secret and in Microsoft's template reference, which has types.
# Sources: registry.terraform.io/providers/hashicorp/azurerm, learn.microsoft.com/azure/templates.
_SAMPLES = frozenset({"szechuan", "string"})
_PACKED_PLACEHOLDERS = frozenset(one.replace(" ", "") for one in _PLACEHOLDERS if " " in one)
_DIGITS_AT_END = regex(r"[0-9]{1,3}\Z")
_FEW_WORDS = regex(rf"(?:my|some|the|your)(?: [a-z]+){{0,2}} {_NOUN}")
_WRITE_ONLY = " wo"
# The name of a variable, such as DB_PASSWORD, in place of its value.
_NAME_OF_VARIABLE = regex(r"[A-Z]+(?:[_-][A-Z]+){0,4}[_-](?:PASSWORD|SECRET|KEY|TOKEN|USERNAME|VALUE)")
# What another tool, or Terraform if it were not escaped, replaces in a string.
_REFERENCE = regex(r"\$\{[A-Za-z_][\w.\[\]\"'-]{0,200}\}")
_MOST_MEMBERS = 50
_WORDS = regex(r"[A-Za-z]+(?:[ _-][A-Za-z]+)*")
# A request to change the value, of which no other word is a part.
_REQUEST = regex(
    rf"(?:please)?(?:(?:change|replace|update|set|fill)(?:it|me|this|later)?|todo|dummy|placeholder){_NOUN}?[0-9]{{0,3}}"
)


def _is_sample(text: str) -> bool:
    """Return whether a string is a sample: from documentation, or its words describe what belongs there."""
    text = text[:_MAX_LENGTH].strip()
    if text[:1] == "{":
        return _is_sample_object(text)
    rest, number = _REFERENCE.subn("", text)
    if _NAME_OF_VARIABLE.fullmatch(text) or (number and _REST.fullmatch(rest)):
        return True
    if len(text) > _MAX_PHRASE:
        return False
    phrase = _phrase_of(text.rstrip("!.?"))
    packed = _DIGITS_AT_END.sub("", phrase.replace(" ", ""))
    return (
        phrase in _SAMPLES
        or packed in _PACKED_PLACEHOLDERS
        or _FEW_WORDS.fullmatch(phrase) is not None
        or phrase.removesuffix(_WRITE_ONLY) in _PLACEHOLDERS
    )


def _is_sample_object(text: str) -> bool:
    """Return whether each value of a JSON object is its own name, as in ``{"password": "Password"}``, or a sample."""
    if text[:1] != "{":
        return False
    try:
        document = decode_json(text, object)
    except InputError:
        return False
    if not isinstance(document, dict) or not 0 < len(document) <= _MOST_MEMBERS:
        return False
    return all(
        isinstance(value, str)
        and (
            (_phrase_of(value) == _phrase_of(name) and _WORDS.fullmatch(value) is not None)
            or placeholder_in(value) in (Placeholder.CERTAIN, Placeholder.SAMPLE)
        )
        for name, value in document.items()
    )


def _is_plain_request(text: str) -> bool:
    """Return whether a string that is likely a placeholder consists of words that ask for another value."""
    phrase = _phrase_of(text[:_MAX_LENGTH].strip().rstrip("!.?"))
    packed = phrase.replace(" ", "")
    return len(packed) <= _MAX_PHRASE and (
        _consists_of_hints(phrase) or len(set(packed)) == 1 or _REQUEST.fullmatch(packed) is not None
    )


def _phrase_of(text: str) -> str:
    """Return the words of a string in lower case, with single spaces."""
    return " ".join(filter(None, _SEPARATORS.split(_HUMP.sub(" ", without_accents(text)).lower())))


def placeholder_by_words(text: str) -> Placeholder:
    """Return whether the words or brackets of a string mark a placeholder for a value that is set later."""
    text = text[:_MAX_LENGTH].strip().strip("'\"`").strip()
    words = _SEPARATORS.split(text)
    packed = "".join(words)
    if len(text) <= 1 or not packed or text in ("{}", "[]") or _ROW.fullmatch(packed):
        return Placeholder.CERTAIN
    if (not _BRACKETS.isdisjoint(text) and _BRACKETED.fullmatch(text)) or _GENERATED.fullmatch(text):
        return Placeholder.CERTAIN
    plain = without_accents(text)
    if plain is not text or not text.islower():
        words = _SEPARATORS.split(_HUMP.sub(" ", plain).lower())
    phrase = " ".join(filter(None, words))
    if len(phrase) <= _MAX_PHRASE and _is_placeholder_phrase(phrase) and _PHRASE.fullmatch(plain):
        return Placeholder.CERTAIN
    has_stem = any(map(f" {phrase}".__contains__, _STEMS))
    is_likely = has_stem or _consists_of_hints(phrase) or len(set(packed.lower())) == 1
    return Placeholder.LIKELY if is_likely else Placeholder.NONE


def _is_placeholder_phrase(phrase: str) -> bool:
    if phrase in _PLACEHOLDERS:
        return True
    if not any(map(phrase.__contains__, _WORDS_OF_PHRASES)):
        return False
    for words, pattern in _PLACEHOLDER_PHRASES:
        for word in words:
            if word in phrase:
                if pattern.fullmatch(phrase):
                    return True
                break
    return False


def _consists_of_hints(phrase: str) -> bool:
    """Return whether a phrase consists of words that are used in values to be overwritten."""
    if phrase in _BARE or _is_number(phrase):
        return False
    first, *later = phrase.replace("not used", "notused").replace("user name", "username").split(" ")
    return (first in _HINTS or _is_short_number(first)) and all(
        word in _LATER_HINTS or _is_short_number(word) for word in later
    )


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdecimal()


def _is_short_number(word: str) -> bool:
    return len(word) <= 3 and _is_number(word)
