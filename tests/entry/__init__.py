"""Generated vaults, and what the advice of each finding changes on them.

A vault is a point in the space of the settings that decide who may enter, written in Terraform, Bicep or ARM. Nothing
here knows how kvlint decides: of it, only a check and the edits in rule files are used.
"""
