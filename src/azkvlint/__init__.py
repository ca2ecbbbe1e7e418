"""kvlint, a linter for Azure Key Vault in infrastructure code."""

__version__ = "0.1.0"
# The address of the project in reports, hints and the documentation.
PROJECT = "https://github.com/kvlint/kvlint"
# True only in the commit that is tagged with the version: links in reports then lead to the files of the tag.
IS_RELEASE = False


def file_url(path: str) -> str:
    """Return the address of a file of the repository: of the tag of a release, or of the branch main."""
    return f"{PROJECT}/blob/{f'v{__version__}' if IS_RELEASE else 'main'}/{path}"
