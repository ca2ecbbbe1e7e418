"""Addresses of remote inputs: credentials are refused, and a missing account or missing credentials are named."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from azkvlint.fleet.remote import fetch, has_credentials, remote_matches
from azkvlint.util.errors import InputError, UsageError
from azkvlint.util.output_files import StagingFolder


@pytest.mark.parametrize(
    "address",
    [
        "https://t0ken@example.com/plan.json",
        "https://user:t0ken@example.com/plan.json",
        "https://:t0ken@example.com/plan.json",
        "HTTPS://t0ken@example.com/plan.json",
        "https:///t0ken@example.com/plan.json",
        "https://\\t0ken@example.com/plan.json",
        "https:// t0ken@example.com/plan.json",
        "https://t0ken@example.com\\plan.json",
        "https://a@t0ken@example.com/plan.json",
        "https://t0ken@example.com",
        "https://t0ken@example.com?plan",
        "https://t0ken@example.com#plan",
        "git+https://t0ken@example.com/plan.json",
        "git://t0ken@example.com/plan.json",
        "github://owner:t0ken@repository/plan.json",
        "ftp://t0ken@example.com/plan.json",
        "s3://t0ken@bucket/plan.json",
        "gs://t0ken@bucket/plan.json",
        "s3://key:t0ken@bucket/plan.json",
        "sftp://user:t0ken@example.com/plan.json",
        "abfs://container:t0ken@account.dfs.core.windows.net/plan.json",
        "unknown://t0ken@example.com/plan.json",
        "simplecache::https://t0ken@example.com/plan.json",
        "zip://plan.json::https://t0ken@example.com/plans.zip",
        "https://t0ken@example.com/plans.zip::file:///plans",
        "zip://plan.json::https://t0ken@example.com/plans.zip::file:///plans",
        "https://example.com/plan.json?sig=t0ken",
        "https://example.com/plan.json?t0ken",
        "https://example.com/plan.json#access_token=t0ken",
        "abfs://plans/plan.json?sig=t0ken",
    ],
)
def test_an_address_with_credentials_is_refused(address: str) -> None:
    assert has_credentials(address)
    staging = StagingFolder()
    try:
        with pytest.raises(UsageError, match="contains credentials or a query") as listed:
            next(remote_matches(address))
        with pytest.raises(InputError, match="contains credentials or a query") as fetched:
            fetch(address, staging)
    finally:
        staging.remove()
    assert "t0ken" not in f"{listed.value} {listed.value.hint} {fetched.value} {fetched.value.hint}"


@pytest.mark.parametrize(
    "address",
    [
        "https://example.com/plans/a@b.json",
        "https://example.com/@team/plan.json",
        "abfs://plans/team@contoso/plan.json",
        "abfs://plans@contoso.dfs.core.windows.net/plan.json",
        "abfss://plans@contoso.dfs.core.windows.net/plan.json",
        "wasbs://plans@contoso.blob.core.windows.net/plan.json",
        "sftp://builder@example.com/plan.json",
        "s3://plans/plan-?.json",
        "s3://plans/a@b/*.json",
        "gs://plans/plan.json",
        "file:///plans/a@b.json",
        "zip://plan.json::abfs://plans@contoso.dfs.core.windows.net/plans.zip",
    ],
)
def test_an_address_without_credentials_is_an_input(address: str) -> None:
    assert not has_credentials(address)


class NoCredentialsError(Exception):
    """The error of botocore, which is not installed."""


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> None:
    """File systems of the schemes abfs and s3 that find no account, or no credentials."""
    fsspec: Any = pytest.importorskip(
        "fsspec", reason='the extra "fleet" (dask, distributed, pyarrow) is not installed'
    )

    class WithoutAccount(fsspec.AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
        def __init__(self, **_: object) -> None:
            raise ValueError("Must provide either a connection_string or account_name with credentials: s3cret")

    class WithoutCredentials(fsspec.AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
        cachable = False

        def ls(self, *_: object, **__: object) -> None:
            raise RuntimeError("s3cret") from NoCredentialsError("s3cret")

        info = open = glob = isdir = ls

    class Page(fsspec.AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
        def glob(self, *_: object, **__: object) -> list[str]:
            return ["example.com/plan.json?sig=s3cret"]

    for name, class_ in (("abfs", WithoutAccount), ("s3", WithoutCredentials), ("http", Page)):
        monkeypatch.setitem(sys.modules["fsspec.registry"].__dict__["_registry"], name, class_)


def test_a_missing_account_is_named_with_its_variable(storage: None) -> None:
    with pytest.raises(UsageError, match=r"^abfs:// cannot be opened: the account is not configured$") as caught:
        next(remote_matches("abfs://plans/*.json"))
    assert "AZURE_STORAGE_ACCOUNT_NAME" in (caught.value.hint or "")
    assert "s3cret" not in f"{caught.value}{caught.value.hint}"


def test_missing_credentials_have_a_hint(storage: None, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^s3://plans/\*.json cannot be listed: no credentials were found$") as listed:
        next(remote_matches("s3://plans/*.json"))
    staging = StagingFolder()
    try:
        with pytest.raises(InputError, match=r"^the input cannot be read: no credentials were found$") as fetched:
            fetch("s3://plans/plan.json", staging)
    finally:
        staging.remove()
    for error in (listed.value, fetched.value):
        assert "AWS_ACCESS_KEY_ID" in (error.hint or "")
        assert "s3cret" not in f"{error}{error.hint}"


def test_an_unknown_file_system_is_named(storage: None) -> None:
    with pytest.raises(UsageError, match=r"^nosuch:// is not a file system that fsspec supports$"):
        next(remote_matches("nosuch://plans/*.json"))


def test_a_file_system_without_its_library_is_named(storage: None) -> None:
    pytest.importorskip("fsspec")
    with pytest.raises(UsageError, match=r"addresses require a library that is not installed"):
        next(remote_matches("dropbox://plans/*.json"))


def test_an_address_with_a_signature_in_a_listing_is_refused(storage: None) -> None:
    with pytest.raises(UsageError, match="contains credentials or a query") as caught:
        list(remote_matches("http://example.com/*.json"))
    assert "s3cret" not in f"{caught.value}{caught.value.hint}"
