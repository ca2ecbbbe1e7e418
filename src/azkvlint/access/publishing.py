"""Whether apps accept deployments with their publishing credentials, which are a user name and a password.

Source: learn.microsoft.com/azure/app-service/configure-basic-auth-disable (a policy for FTP, and one for all others).
"""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.derived.companions import Sure
from azkvlint.graph.references import Index, parent_of
from azkvlint.model.resource import Resource
from azkvlint.model.value import Path, Scalar

_SITES = ("microsoft.web/sites", "microsoft.web/sites/slots")
_POLICY = "basicpublishingcredentialspolicies"
_ALLOW: Path = ("properties", "allow")
# Without FTP, which an app itself may not offer.
_SCM, _FTP = "scm", "ftp"
_ARGUMENTS: Mapping[str, Path] = {_SCM: ("derived", "publishesByScm"), _FTP: ("derived", "publishesByFtp")}
PUBLISHING_NEEDS: Mapping[str, tuple[Path, ...]] = {
    **dict.fromkeys(_SITES, tuple(_ARGUMENTS.values())),
    **{f"{site}/{_POLICY}": (("parent",), ("name",), _ALLOW) for site in _SITES},
}


class Publishing:
    """The apps of a root."""

    def __init__(self, index: Index) -> None:
        self._allowed: dict[tuple[str, str], Sure] = {}
        for policy in (one for site in _SITES for one in index.of_type(f"{site}/{_POLICY}")):
            reference = parent_of(policy, index)
            name = policy.name.rpartition("/")[2].lower()
            is_certain = policy.stays and not policy.existing and not policy.conditions and policy.assumption is None
            for address in reference.targets if reference is not None and is_certain else ():
                self._allowed[address, name] = _truth(policy, _ALLOW)

    def accepts(self, app: Resource) -> Sure:
        """Return whether an app accepts deployments with its publishing credentials."""
        scm, ftp = (
            self._allowed.get((app.address, name), _truth(app, argument)) for name, argument in _ARGUMENTS.items()
        )
        return max(scm, Sure(min(ftp, Sure.PERHAPS)))


def _truth(resource: Resource, path: Path) -> Sure:
    value = resource.select(path)
    if not isinstance(value, Scalar):
        return Sure.PERHAPS
    return Sure.YES if value.value is True else Sure.NO
