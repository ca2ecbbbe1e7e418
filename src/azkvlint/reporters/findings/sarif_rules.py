"""Convert rules and problem codes to SARIF descriptors, which do not depend on findings.

Strings are cut to GitHub's limits: 1,024 characters for a description, ten tags.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cache
from typing import Any

from azkvlint import file_url
from azkvlint.model.rule import Rule
from azkvlint.reporters.gfm import CODE_PLACEHOLDER, prose
from azkvlint.reporters.grouping import GRADES
from azkvlint.reporters.phrases import pieces
from azkvlint.reporters.problems import OTHER, PROBLEMS
from azkvlint.reporters.taxonomies import pascal, relationships
from azkvlint.util.lazy_regex import regex

# Suffixes of a message, and of its name, with links to one or two related places.
LINKED = ("", "-one-place", "-two-places")
SEE = ("", " See [this place](1).", " See [this place](1) and [this one](2).")
# The names of a rule's messages, and their templates apart from the rule's own.
FOUND, NOT_SET, UNKNOWN, PASSED = "found", "not-set", "unknown", "passed"
TEMPLATES = {UNKNOWN: "Unknown: '{message}'.", PASSED: "'{resource}' meets the requirement."}
_DESCRIPTION = 1024
_NAME = 255
_TAGS = 10
_UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/"
# Other characters of a link that stay unencoded: delimiters except brackets, and the percent sign.
_RESERVED = b":?#@!$&'()*+,;=%"
_LANGUAGES = {"terraform": "Terraform", "bicep": "Bicep", "arm": "ARM"}
_NO_BYTE = regex("[\ud800-\udc7f\udd00-\udfff]")  # surrogates that do not represent a byte of a file name


def descriptor(rule: Rule, included: Collection[str], lists: Collection[str]) -> dict[str, Any]:
    """Return a rule as a reportingDescriptor, with the messages of the ``included`` kinds of results.

    ``lists`` are the names of the log's taxonomies.
    """
    why, fix = _flat(rule.why), _flat(_all_fixes(rule))
    title = _sentence(_flat(rule.title))
    grade = GRADES[rule.severity]
    link = rule_link(rule)
    related = relationships(rule, lists)
    return {
        "id": rule.id,
        "name": pascal(rule.name)[:_NAME],
        "shortDescription": {"text": _cut(title)},
        "fullDescription": {"text": _cut(f"{why} {fix}".replace("`", ""))},
        "help": {"text": _help_text(rule, title, why, fix), "markdown": _help_markdown(rule, title, why, fix)},
        **({"helpUri": link} if link else {}),
        "messageStrings": _messages(rule, included),
        "defaultConfiguration": {"level": grade.level} | ({} if grade.rank is None else {"rank": grade.rank}),
        **({"relationships": related} if related else {}),
        "properties": _properties(rule),
    }


@cache
def result_template(template: str) -> str:
    """Return a rule's message as a SARIF message: a sentence with its dynamic parts in single quotes.

    SARIF viewers rely on the quotes (rule SARIF2015 of its validator). The label follows unless the message has it.
    """
    quoted = CODE_PLACEHOLDER.sub(r"'{\1}'", template)
    return f"{quoted}." if "{because}" in template else f"{quoted}: '{{label}}'."


def _all_fixes(rule: Rule) -> str:
    """Return the fix, with the language in front of each if it depends on the language."""
    texts: dict[str, list[str]] = {}
    every = [*rule.fixes.items(), *(pair for other in rule.fix_if for pair in other.fixes.items())]
    for language, text in every:
        texts.setdefault(text, []).append(_LANGUAGES.get(language, ""))
    if len(texts) == 1:
        return next(iter(texts))
    return " ".join(f"{' and '.join(names)}: {text}" for text, names in texts.items())


def notifications(codes: Iterable[str]) -> list[dict[str, Any]]:
    """Return a reportingDescriptor for each known problem code, then for the unknown ones among ``codes``."""
    all_codes = [*PROBLEMS, *sorted(set(codes) - set(PROBLEMS))]
    described = []
    for code in all_codes:
        kind = PROBLEMS.get(code, OTHER)
        described.append(
            {
                "id": code,
                "name": pascal(kind.name),
                "shortDescription": {"text": kind.title},
                "fullDescription": {"text": f"{kind.title} {kind.about}"},
                "help": {"text": f"{kind.about} {kind.fix}"},
                "helpUri": file_url("docs/json.md#problems"),
                "defaultConfiguration": {"level": kind.level},
            }
        )
    return described


def encode_uri(path: str) -> str:
    """Return a POSIX path as a relative URI reference, percent-encoded as UTF-8.

    A file name that is not UTF-8 keeps its bytes.
    """
    text = path if path.isascii() else _NO_BYTE.sub("\ufffd", path)
    return _percent_encode(text.encode("utf-8", "surrogateescape"), _UNRESERVED)


def encode_link(link: str) -> str:
    """Return a link as a percent-encoded URI, so that no ``>`` in it ends the Markdown link."""
    return _percent_encode(link.encode("utf-8", "replace"), _UNRESERVED + _RESERVED)


def _percent_encode(data: bytes, kept: bytes) -> str:
    """Return bytes as a string with all but the ``kept`` ones percent-encoded."""
    if not data.translate(None, kept):
        return data.decode("ascii")  # the fast path for almost all links
    return "".join(chr(byte) if byte in kept else f"%{byte:02X}" for byte in data)


def _messages(rule: Rule, included: Collection[str]) -> dict[str, Any]:
    """Return the messages of a rule's results by name."""
    messages: dict[str, str] = {}
    for kind, message in ((FOUND, rule.message), (NOT_SET, rule.absent)):
        if message:
            template = "".join(_slot(piece) for piece in pieces(result_template(message)))
            messages |= {kind + name: template + links for name, links in zip(LINKED, SEE, strict=True)}
    for kind, template in TEMPLATES.items():
        if kind in included:
            messages[kind] = "".join(_slot(piece) for piece in pieces(template))
    return {name: {"text": text} for name, text in messages.items()}


def _slot(piece: str | int) -> str:
    return piece if isinstance(piece, str) else f"{{{piece}}}"


def _properties(rule: Rule) -> dict[str, Any]:
    score = GRADES[rule.severity].score
    tags = ["security", "azure", "key-vault", *(f"external/cwe/cwe-{cwe:03d}" for cwe in rule.cwe)]
    graded = {"problem.severity": "recommendation"} if score is None else {"security-severity": str(score)}
    return {"tags": tags[:_TAGS], "precision": "very-high"} | graded


def rule_link(rule: Rule) -> str | None:
    """Return the URL of a built-in rule's file, or the first reference of a custom rule."""
    if rule.path.startswith("rules/"):
        return file_url(encode_uri(rule.path))
    return encode_link(rule.references[0]) if rule.references else None


def _help_text(rule: Rule, title: str, why: str, fix: str) -> str:
    accepted = _acceptance(rule)
    text = f"{rule.id}: {title}\n\nWhy: {why}\n\nFix: {fix}\n\nSuppress: {accepted}\n".replace("`", "")
    return text + "".join(f"\n{link}" for link in rule.references) + "\n"


def _acceptance(rule: Rule) -> str:
    return (
        "To accept the risk, add a comment above the line or block, with a reason and preferably an end date: "
        f"`# kvlint: ignore[{rule.id}] reason until=2027-03-01` in Terraform, with `//` in Bicep."
    )


def _help_markdown(rule: Rule, title: str, why: str, fix: str) -> str:
    """Return the rule's help. Its texts are untrusted, so of Markdown and HTML only code spans are kept."""
    links = "".join(f"- <{encode_link(link)}>\n" for link in rule.references)
    body = f"**Why.** {prose(why)}\n\n**Fix.** {prose(fix)}\n\n**Suppress.** {_acceptance(rule)}\n"
    text = f"## {rule.id}: {prose(title)}\n\n{body}"
    return f"{text}\n**References**\n\n{links}" if links else text


def _flat(text: str) -> str:
    return " ".join(text.split())


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _cut(text: str) -> str:
    """Cut a string between words to 1,024 characters."""
    if len(text) <= _DESCRIPTION:
        return text
    return f"{text[: _DESCRIPTION - 3].rpartition(' ')[0]}..."
