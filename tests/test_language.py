"""The docstrings, comments, names and messages of the package are plain technical English."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from azkvlint.engine.rule_store import builtin_frameworks, builtin_rules

if TYPE_CHECKING:
    from tests.conftest import Run

PACKAGE = Path(__file__).parents[1] / "src" / "azkvlint"
DONE = (
    "__main__.py", "azure", "cli", "config", "derived", "difference", "engine", "evaluation", "fixes", "fleet",
    "graph", "linter", "model", "readers", "reporters", "syntax", "util",
)  # fmt: skip
"""The rooms whose docstrings, comments and names are held to the list."""

# Words without a meaning of their own in code, each with what to write instead.
WORDS = {
    "told": "reported",
    "tells": "reports, states",
    "said": "reported, stated, or the noun",
    "says": "states",
    "whoever": "the principal, the user",
    "somebody": "a principal, a user",
    "nobody": "no principal, no caller",
    "anybody": "any principal",
    "everybody": "all users",
    "heed": "respect",
    "heeds": "respects",
    "heeded": "respected",
    "judge": "check, evaluate",
    "judges": "checks, evaluates",
    "judged": "checked, evaluated",
    "judging": "checking, evaluating",
    "ask": "check, require, request",
    "asks": "checks, requires, requests",
    "asked": "checked, required, requested",
    "asking": "checking, requesting",
    "want": "require, expect",
    "wants": "requires, expects",
    "wanted": "expected, operand",
    "gives": "returns, grants",
    "reckon": "compute",
    "reckoned": "computed",
    "mend": "fix",
    "mends": "fixes",
    "anew": "again",
}
# Words that leave out the subject or the result of a test: its name states what is reported, accepted or unknown.
TEST_WORDS = {
    "told", "tell", "tells", "said", "say", "says", "asked", "ask", "asks", "judged", "judge", "judges",
    "nobody", "somebody", "anybody", "everybody", "anyone", "whoever", "whatever", "wherever", "however",
    "what", "who", "whom", "whose", "stands", "stand", "holds", "hold", "held", "alike", "wants", "want",
    "wanted", "gives", "give", "given", "hangs", "heed", "heeds", "mend", "reckoned", "anew", "answer",
    "answers", "answered", "question", "questions", "nor",
}  # fmt: skip
# Literal translations, for docstrings and comments.
PHRASES = {
    r"hangs? on": "depends on",
    r"at hand": "available",
    r"made anew|brought back": "recreated, recovered",
    r"by heart": "built-in support for",
    r"switched off": "disabled",
    r"stands? in|stand-ins?|stands? there": "is in, default",
    r"(?<!there )(?:is|are|was|were) no (?!longer\b|more\b|other\b|such\b)\w+": "is not a",
    r"not whole": "incomplete",
    r"open questions?|unknown questions?": "unknown result",
    r"asks? for|gives? back|takes? in": "requires, returns, adds",
    r"moment of the run": "apply time",
    r"made ahead": "allocated in advance",
    r"as many as pay": "automatic",
    r"something that is|somebody else": "the noun",
    r"makes? no sense": "is invalid",
}
# The rooms whose other strings, which users read as reasons, problems and hints, are held to the lists as well.
MESSAGES = (
    "cli",
    "config",
    "difference",
    "engine",
    "evaluation",
    "fixes",
    "fleet",
    "linter",
    "readers",
    "reporters",
    "syntax",
    "util",
)
# Literal translations that have a meaning of their own in docstrings and comments, but none in messages.
MESSAGE_PHRASES = {
    r"undecided": "unknown",
    r"(?<!UTF-8 )(?<!<)(?<!plain[ -])(?<!-f )texts?(?!,|\])"
    r"(?! (?:or|and|format|(?:is|that is) not (?:UTF-8|Unicode)))": "string",
    r"takes?(?! too long)(?! (?:several|precedence|effect))": "accepts, requires",
    r"lies? (?:in|outside)": "is in, is outside",
    r"not looked (?:at|into|for)": "not supported",
    r"is given|was given|be given": "expects, does not accept, is set",
    r"rights?": "permission",
    r"(?<!virtual )machines?(?! learning)": "virtual machine",
    r"grants? of|a grant": "role assignment, access policy",
    r"is (?:not )?part of this input": "is not in the checked files",
}
# Code belongs in backticks. A call in backticks has its argument in quotation marks.
_CODE = re.compile(r"`[^`]*`")
_QUOTED = re.compile(r"(?<![(\w])'\{\}'")
_WORD = re.compile(rf"\b(?:{'|'.join(WORDS)})\b", re.IGNORECASE)
_PHRASE = re.compile("|".join(rf"\b(?:{phrase})\b" for phrase in PHRASES), re.IGNORECASE)
_MESSAGE_PHRASE = re.compile("|".join(rf"\b(?:{phrase})\b" for phrase in MESSAGE_PHRASES), re.IGNORECASE)
# "A path is no command" is a literal translation; "is no longer" and "there is no" are not.
_NO_NOUN = re.compile(r"(?<!there)_(?:is|are)_no_(?!longer)")
_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def docstrings(tree: ast.Module) -> list[tuple[int, str]]:
    """Return the docstrings of modules, classes, functions and attributes, with their lines."""
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    constants = [node.value for node in statements if isinstance(node.value, ast.Constant)]
    return [(node.lineno, node.value) for node in constants if isinstance(node.value, str)]


def comments(source: str) -> list[tuple[int, str]]:
    """Return the comments, with their lines."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]


def names(tree: ast.Module) -> list[tuple[int, str]]:
    """Return the names that a module defines: uses of names from other rooms are not its own."""
    found: list[tuple[int, str | None]] = []
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.ExceptHandler():
                found.append((node.lineno, node.name))
            case ast.MatchAs() | ast.MatchStar():
                found.append((node.lineno, node.name))
            case ast.MatchMapping():
                found.append((node.lineno, node.rest))
            case ast.arg():
                found.append((node.lineno, node.arg))
            case ast.Name(ctx=ast.Store()):
                found.append((node.lineno, node.id))
            case ast.Attribute(ctx=ast.Store()):
                found.append((node.lineno, node.attr))
            case ast.Import() | ast.ImportFrom():
                found += [(node.lineno, alias.asname) for alias in node.names]
    return [(line, name) for line, name in found if name is not None]


def faults(source: str) -> list[str]:
    """Return ``line: word`` for each word of the lists in docstrings, comments and names."""
    tree = ast.parse(source)
    prose = [(line, " ".join(text.split())) for line, text in (*docstrings(tree), *_joined(comments(source)))]
    reported = [(line, match[0]) for line, text in prose for match in (*_WORD.finditer(text), *_PHRASE.finditer(text))]
    for line, name in names(tree):
        reported += [(line, name) for part in _PART.findall(name) if part.lower() in WORDS]
    return [f"{line}: {word}" for line, word in sorted(set(reported))]


def messages(tree: ast.Module) -> list[tuple[int, str]]:
    """Return the strings on one line that contain a space, without docstrings; ``{}`` stands for inserted values."""
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    formatted = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    ignored = prose | {id(part) for node in formatted for part in node.values}
    found = [(node.lineno, _template(node)) for node in formatted]
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in ignored]
    found += [(node.lineno, node.value) for node in constants if isinstance(node.value, str)]
    return [(line, text) for line, text in found if " " in text.strip() and "\n" not in text]


def _template(node: ast.JoinedStr) -> str:
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)


def message_faults(source: str) -> list[str]:
    """Return ``line: word`` for each word of the lists, in strings that users may read."""
    patterns = (_WORD, _PHRASE, _MESSAGE_PHRASE)
    texts = messages(ast.parse(source))
    found = {(line, match[0]) for line, text in texts for pattern in patterns for match in pattern.finditer(text)}
    return [f"{line}: {word}" for line, word in sorted(found)]


def _joined(lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Return comments with consecutive lines as one text, since a phrase may be split over two lines."""
    blocks: list[tuple[int, int, str]] = []
    for line, text in lines:
        if blocks and blocks[-1][1] == line - 1:
            start, _, before = blocks.pop()
            blocks.append((start, line, f"{before} {text.removeprefix('#').strip()}"))
        else:
            blocks.append((line, line, text))
    return [(start, text) for start, _, text in blocks]


@pytest.mark.parametrize("room", DONE)
def test_docstrings_comments_and_names_are_plain_english(room: str) -> None:
    path = PACKAGE / room
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    reported = [f"{file.relative_to(PACKAGE)}:{fault}" for file in files for fault in faults(file.read_text("utf-8"))]
    assert files
    assert not reported, "\n".join(reported)


@pytest.mark.parametrize("room", MESSAGES)
def test_messages_are_plain_english(room: str) -> None:
    files = sorted((PACKAGE / room).rglob("*.py"))
    reported = [
        f"{file.relative_to(PACKAGE)}:{fault}" for file in files for fault in message_faults(file.read_text("utf-8"))
    ]
    assert files
    assert not reported, "\n".join(reported)


def test_names_of_tests_state_behavior() -> None:
    files = sorted(Path(__file__).parent.rglob("test_*.py"))
    reported = [f"{file}:{fault}" for file in files for fault in faults_of_test_names(file.read_text("utf-8"))]
    assert len(files) > 100
    assert not reported, "\n".join(reported)


def text_faults(text: str) -> list[str]:
    """Return the words of the lists in a text for users, code in backticks aside."""
    prose = _CODE.sub("", text)
    return [found[0] for pattern in (_WORD, _PHRASE, _MESSAGE_PHRASE) for found in pattern.finditer(prose)]


def faults_of_test_names(source: str) -> list[str]:
    """Return the names of tests with a word that states no behavior; what-if is the operation of Azure."""
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    tests = [node for node in functions if node.name.startswith("test_")]
    words = [(node, set(node.name.replace("what_if", "").split("_"))) for node in tests]
    return [f"{node.lineno}: {node.name}" for node, parts in words if parts & TEST_WORDS or _NO_NOUN.search(node.name)]


def test_texts_of_rules_are_plain_english() -> None:
    reported = []
    for rule in builtin_rules():
        texts = [rule.title, rule.message, rule.absent, rule.label, rule.why, *rule.fixes.values()]
        texts += [*rule.differs.values(), *(parameter.about for parameter in rule.parameters)]
        texts += [example.title for example in rule.examples]
        reported += [f"{rule.id}: {fault}: {text}" for text in texts for fault in text_faults(text)]
    assert not reported, "\n".join(reported)


def test_texts_of_frameworks_are_plain_english() -> None:
    frameworks = builtin_frameworks(builtin_rules())
    texts = [text for one in frameworks for text in (one.title, *(control.title for control in one.controls))]
    assert not [(text, text_faults(text)) for text in texts if text_faults(text)]


@pytest.mark.parametrize(
    "command", ["", "check", "controls", "suppressions", "explain", "graph", "schema", "init", "rules"]
)
def test_help_is_plain_english(command: str, run: Run) -> None:
    ran = run(*filter(None, [command]), "--help")
    assert ran.code == 0
    assert text_faults(ran.out) == []


@pytest.mark.parametrize(
    "source",
    [
        "why = 'it is no list'",
        "why = f'the template of {name} is not at hand'",
        "why = 'strings of that length are not looked at'",
        "why = 'the function takes one name'",
        "why = 'the source lies outside the project'",
        "why = 'a text is required'",
        "why = 'the resource was not judged'",
    ],
)
def test_a_message_with_a_word_of_the_lists_is_a_fault(source: str) -> None:
    assert message_faults(source)


@pytest.mark.parametrize(
    "source",
    [
        "word = 'told'",
        "why = f'module `{name}` is not installed'",
        "why = f\"the value of `{name}('{argument}')` is not shown\"",
        "why = 'expects base64 of UTF-8 text'",
        'def f():\n    """Return a text that takes no part."""',
    ],
)
def test_plain_messages_are_accepted(source: str) -> None:
    assert not message_faults(source)


@pytest.mark.parametrize(
    "source",
    [
        '"""What a user is told."""',
        "x = 1  # nobody asked",
        "# a value that\n# hangs on another",
        'def f():\n    """Return None if it is no list."""',
        'X = 1\n"""Reckoned of every vault."""',
        "def told(x): ...",
        "def f(what_was_asked): ...",
        "class Judge: ...",
        "wantedValue = 1",
        "import os as somebody",
    ],
)
def test_a_word_of_the_lists_is_a_fault(source: str) -> None:
    assert faults(source)


@pytest.mark.parametrize(
    "source",
    [
        '"""Report it. There is no rule; it is no longer checked."""',
        'x = "nobody is told"',
        "x.told(asked=1)",
        "task, mask, basket = 1, 2, 3  # multitasking, recommended",
    ],
)
def test_plain_text_and_strings_are_accepted(source: str) -> None:
    assert not faults(source)


def test_test_name_with_a_word_of_the_list_is_a_fault() -> None:
    source = "def test_what_is_excluded_is_not_told(): ...\nclass TestCases:\n    def test_it_holds(self): ...\n"
    assert faults_of_test_names(source) == ["1: test_what_is_excluded_is_not_told", "3: test_it_holds"]
    assert faults_of_test_names("def test_a_path_is_no_command(): ...") == ["1: test_a_path_is_no_command"]


def test_test_name_that_states_behavior_is_accepted() -> None:
    source = "def test_what_if_result_is_read(): ...\ndef test_withheld_value_is_unknown(): ...\ndef told(): ...\n"
    assert faults_of_test_names(source) == []
