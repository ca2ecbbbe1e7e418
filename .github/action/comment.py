"""Keep one comment with the result of kvlint in a pull request: create it, or update it in place.

The environment has the token, the repository, the address of the API, and the file with the Markdown. What prevents a
comment is a line of the log, because it is no fault of the change: the job has the exit code of kvlint.
"""

from __future__ import annotations

import hashlib
import json
import os
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any

_MOST_CHARACTERS = 60_000  # GitHub accepts 65,536
_MOST_BYTES = 20_000_000
_PAGE, _MOST_PAGES = 100, 30
_CUT = "\n\nThe rest is in the summary of the job."
_HINT = "the job needs `permissions: pull-requests: write`"


class Api:
    """The REST API of GitHub, for one repository."""

    def __init__(self, address: str, repository: str, token: str) -> None:
        if not address.startswith(("https://", "http://127.0.0.1:")):
            raise ValueError("the address of the API does not begin with https://")
        self._base = f"{address.rstrip('/')}/repos/{repository}"
        self._token = token

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Return the decoded response. Raise OSError, or ValueError for a response that is not JSON."""
        request = urllib.request.Request(  # noqa: S310  # the constructor has checked the scheme
            f"{self._base}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {self._token}",
                "User-Agent": "kvlint",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310  # the same
            return json.loads(response.read(_MOST_BYTES))


def pull_request(event: Any, repository: str) -> int | str:
    """Return the number of the pull request, or the reason for which there is no comment."""
    request = event.get("pull_request") if isinstance(event, dict) else None
    if not isinstance(request, dict) or not isinstance(request.get("number"), int):
        return "this job is not for a pull request"
    head = (request.get("head") or {}).get("repo") or {}
    if head.get("full_name") != repository:
        return "the pull request is from a fork, whose token cannot write comments"
    number: int = request["number"]
    return number


def body_of(marker: str, markdown: str) -> str:
    """Return the text of the comment, short enough for GitHub. It begins with the marker, which is hidden."""
    text = f"{marker}\n{markdown.strip()}"
    if len(text) > _MOST_CHARACTERS:
        text = text[: text.rindex("\n", 0, _MOST_CHARACTERS)]
        text += "\n\n</details>" * (text.count("<details>") - text.count("</details>")) + _CUT
    return text


def existing(api: Api, number: int, marker: str) -> int | None:
    """Return the comment with the marker. Only those of bots count: the author of a comment can edit it."""
    for page in range(1, _MOST_PAGES + 1):
        comments = api.call("GET", f"issues/{number}/comments?per_page={_PAGE}&page={page}")
        for comment in comments:
            is_bot = (comment.get("user") or {}).get("type") == "Bot"
            if is_bot and str(comment.get("body") or "").startswith(marker):
                return int(comment["id"])
        if len(comments) < _PAGE:
            break
    return None


def publish(environment: dict[str, str]) -> str:
    """Create or update the comment, and return what was done. Raise OSError or ValueError."""
    repository = environment["GITHUB_REPOSITORY"]
    event = json.loads(Path(environment["GITHUB_EVENT_PATH"]).read_bytes())
    number = pull_request(event, repository)
    if isinstance(number, str):
        return f"no comment: {number}"
    digest = hashlib.sha256(environment["CATEGORY"].encode()).hexdigest()[:16]
    marker = f"<!-- kvlint {digest} -->"
    body = body_of(marker, Path(environment["MARKDOWN"]).read_text(encoding="utf-8"))
    api = Api(environment["GITHUB_API_URL"], repository, environment["TOKEN"])
    comment = existing(api, number, marker)
    if comment is not None:
        api.call("PATCH", f"issues/comments/{comment}", {"body": body})
        return "the comment was updated"
    if environment["DIFFERS"] == "false":
        return "no comment: there is nothing to report"
    api.call("POST", f"issues/{number}/comments", {"body": body})
    return "a comment was added"


def main() -> None:
    """Publish the comment. A failure is a warning."""
    try:
        print(f"kvlint: {publish(dict(os.environ))}")
    except urllib.error.HTTPError as error:
        hint = f" ({_HINT})" if error.code in (401, 403, 404) else ""
        print(f"::warning title=kvlint::the comment failed: GitHub responded with {error.code}{hint}")
    except (OSError, HTTPException, ValueError, KeyError, AttributeError, TypeError) as error:
        print(f"::warning title=kvlint::the comment failed: {type(error).__name__}")


if __name__ == "__main__":
    main()
