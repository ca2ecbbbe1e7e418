"""kvlint, a linter for Azure Key Vault in infrastructure code."""

__version__ = "0.1.0"
