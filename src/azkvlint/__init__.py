"""kvlint, a linter for Azure Key Vault in infrastructure code."""

__version__ = "0.1.0"
# The address of the project in reports, hints and the documentation.
PROJECT = "https://github.com/kvlint/kvlint"
