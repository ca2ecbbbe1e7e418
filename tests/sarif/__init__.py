"""What a SARIF log must be: by the standard's schema, and by what no schema and no validator looks at."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from jsonschema import Draft202012Validator, FormatChecker

SCHEMA = Path(__file__).with_name("sarif-2.1.0.json")
_UNRESERVED = r"[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2}"
_URI = re.compile(rf"[A-Za-z][A-Za-z0-9+.-]*:(?:{_UNRESERVED})*(?:#(?:{_UNRESERVED})*)?")
_REFERENCE = re.compile(rf"(?![^/?#]*:)(?:{_UNRESERVED})*(?:#(?:{_UNRESERVED})*)?|{_URI.pattern}")


@cache
def _validator() -> Draft202012Validator:
    formats = FormatChecker(formats=())
    formats.checks("uri")(lambda text: _URI.fullmatch(text) is not None)
    formats.checks("uri-reference")(lambda text: _REFERENCE.fullmatch(text) is not None)
    return Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")), format_checker=formats)


def violations(log: Any) -> list[str]:
    """How a log violates the schema."""
    return [f"{error.json_path}: {error.message[:200]}" for error in _validator().iter_errors(log)]


def run_in(text: str) -> dict[str, Any]:
    """The one run of a log, which has to be one by the schema."""
    log = json.loads(text)
    assert violations(log) == []
    (run,) = log["runs"]
    assert isinstance(run, dict)
    return run


def faults(run: dict[str, Any], root: Path) -> Iterator[str]:
    """What is wrong with a log though every validator takes it. ``root`` is the folder that its paths start from."""
    rules, results = run["tool"]["driver"]["rules"], run["results"]
    if results and run.get("columnKind") != "utf16CodeUnits":
        yield "no columnKind"
    if not run["invocations"][0]["executionSuccessful"]:
        yield "not successful"
    yield from _faults_of_rules(rules)
    if len({"suppressions" in result for result in results}) > 1 or any("baselineState" in one for one in results):
        yield "suppressions or a baseline of some results only"
    if len({json.dumps(result) for result in results}) < len(results):
        yield "a result twice"
    for link in run.get("versionControlProvenance", ()):
        if "@" in link["repositoryUri"]:
            yield f"a name in {link['repositoryUri']}"
    for result in results:
        yield from _faults_of(result, rules[result["ruleIndex"]])
        for location in result["locations"]:
            yield from _misplaced(location["physicalLocation"], root)


def _faults_of_rules(rules: list[dict[str, Any]]) -> Iterator[str]:
    for rule in rules:
        severity = rule["properties"].get("security-severity", "1")
        if not isinstance(severity, str) or not 0 < float(severity) <= 10:
            yield f"{rule['id']}: severity {severity}"
        if max(len(rule[part]["text"]) for part in ("shortDescription", "fullDescription")) > 1024:
            yield f"{rule['id']}: too long"
        if len(rule["properties"]["tags"]) > 10:
            yield f"{rule['id']}: too many tags"


def _faults_of(result: dict[str, Any], rule: dict[str, Any]) -> Iterator[str]:
    message = result["message"]
    if result.get("kind", "fail") != "fail" and result["level"] != "none":
        yield f"a level of what is no failure: {result}"
    if rule["id"] != result["ruleId"]:
        yield f"the rule of another id: {result}"
    if "kvlint/condition" in result.get("properties", {}):
        if "id" in message:
            yield f"a condition in a template of the rule: {result}"
    else:
        template = rule["messageStrings"][message["id"]]["text"]
        text = re.sub(r"\{(\d+)\}", lambda match: message["arguments"][int(match[1])], template)
        if text != message["text"]:
            yield f"{text} is not {message['text']}"
    if re.search("[{}]", message["text"]):
        yield f"braces: {message['text']}"
    for link in re.findall(r"\]\((\d+)\)", message["text"]):
        if int(link) not in [one["id"] for one in result.get("relatedLocations", ())]:
            yield f"a link to nowhere: {message['text']}"


def _misplaced(place: dict[str, Any], root: Path) -> Iterator[str]:
    """What is wrong with the place of a result: it has one line, in the file, and what it shows stands there."""
    uri = place["artifactLocation"]["uri"]
    if uri.startswith(("/", "..")) or "://" in uri or place["artifactLocation"]["uriBaseId"] != "%SRCROOT%":
        yield f"not below the root: {uri}"
    lines = lines_of(root / unquote(uri, errors="surrogateescape"))
    region = place["region"]
    number = region["startLine"]
    if region.get("endLine", number) != number:
        yield f"more than a line: {region}"
    if number > len(lines):
        yield f"beyond the end of {uri}: {region}"
        return
    line = lines[number - 1].encode("utf-16-le")
    start, end = region.get("startColumn", 1), region.get("endColumn", len(line) // 2 + 1)
    if not start <= end <= len(line) // 2 + 1:
        yield f"beyond the end of the line: {region}"
    shown = region.get("snippet", {}).get("text")
    there = line[2 * (start - 1) : 2 * (end - 1)].decode("utf-16-le", "replace")
    if shown is not None and shown != there and not any(word in shown for word in ("(hidden)", "(sensitive)")):
        yield f"not what stands at {uri}:{number}: {shown!r}, but {there!r}"
    yield from _too_narrow(place, lines)


def _too_narrow(place: dict[str, Any], lines: list[str]) -> Iterator[str]:
    """What is wrong with the context of a place: it is larger, and within the file."""
    region, context = place["region"], place.get("contextRegion")
    if context is None:
        # A place in a file that holds values shows no text, and so none around it.
        if "snippet" in region and (len(lines) > 2 or (len(lines) == 2 and lines[1])):
            yield f"without context: {region}"
        return
    first, last = (context["startLine"], context["startColumn"]), (context["endLine"], context["endColumn"])
    end = region["startLine"], region.get("endColumn", len(lines[region["startLine"] - 1].encode("utf-16-le")) // 2 + 1)
    start = region["startLine"], region["startColumn"]
    if not (first <= start and end <= last and (first, last) != (start, end)):
        yield f"no more than {region}: {context}"
    if last[0] > len(lines) or last[1] > len(lines[last[0] - 1].encode("utf-16-le")) // 2 + 1:
        yield f"a context beyond the end: {context}"


def lines_of(file: Path) -> list[str]:
    """The lines of a file as an editor counts them, with the empty one after the last line break."""
    data = file.read_bytes()
    text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
