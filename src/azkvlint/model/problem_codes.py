"""Codes of the problems that readers report."""

CANNOT_READ = "KVE001"
NOT_WHOLE = "KVE002"
TYPE_NOT_KNOWN = "KVE003"
NOT_MAPPED = "KVE008"
TEMPLATE_DIFFERS = "KVE013"
