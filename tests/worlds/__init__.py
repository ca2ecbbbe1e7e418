"""Generated roots whose inputs decide what exists, and what is true in each of their worlds.

A root is made from a seed and written in Terraform, Bicep or ARM. What exists and what is true is computed in plain
Python for every assignment of its inputs. Nothing here knows how kvlint is built: of it, only a check and its JSON
report are used. Rules are written again from `kvlint explain` and the documentation of Azure.

What is decided in no root:

- Terraform: a reference to an instance that does not exist, a null name, a failing validation or precondition and a
  negative count make the whole world invalid. What exists only in invalid worlds exists nowhere.
- Bicep and ARM: a companion exists without its vault, and rules on that vault are not decided. Neither is anything
  about the companions of a vault whose name is empty.
- KV302 on a policy of a vault with Azure RBAC is false, because KV304 is the finding.
- Only results on vaults, policies and roles are compared; diagnostic settings and endpoints are companions.
"""
