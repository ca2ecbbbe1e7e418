"""Whether a run uses the cache of results, and its folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from azkvlint.cli.output import print_line
from azkvlint.config.settings import CACHE_KEY, Settings
from azkvlint.util.errors import UsageError
from azkvlint.util.project_boundary import expand_home
from azkvlint.util.text import visible

if TYPE_CHECKING:
    from azkvlint.linter.result_cache import ResultCache

COMPARISONS = ("time", "content")
# The variables that CI services set; GitHub, GitLab and most others set CI.
_CI = ("CI", "BUILDKITE", "GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL", "TEAMCITY_VERSION", "TF_BUILD")
_NO = ("", "0", "false", "no", "off")


def cache_of(settings: Settings) -> ResultCache | None:
    """Return the cache of a run; None if the run uses none. Raise UsageError for invalid settings.

    Without a named folder, it is in the user's folder of caches, and not used in CI, where that would not persist.
    """
    arguments = settings.arguments
    if arguments.cache_by not in COMPARISONS:
        raise UsageError(f"{settings.label('cache_by')} {visible(arguments.cache_by)}: expected time or content")
    if "cache_dir" in arguments.explicit_fields and not arguments.cache_dir:
        raise UsageError("--cache-dir requires a folder", "use --no-cache to run without a cache")
    if arguments.no_cache or (not arguments.cache_dir and _is_ci(os.environ)):
        return None
    key = os.environ.get(CACHE_KEY)
    if key is not None and not key.strip():
        if arguments.cache_dir:
            print_line(f"the cache is not used, because {CACHE_KEY} is empty")
        return None
    from azkvlint.linter.result_cache import CacheFolderSettings, ResultCache

    # No shell expands `~` in variables of CI services.
    folder = expand_home(arguments.cache_dir)
    if not folder:
        from azkvlint.util.cache_files import default_folder

        folder = default_folder(os.environ)
        if not folder:
            return None
    return ResultCache(
        CacheFolderSettings(
            folder=folder,
            option=settings.label("cache_dir") if arguments.cache_dir else "",
            by_content=arguments.cache_by == "content",
            key=key or "",
        ),
        has_several_runs=arguments.watch,
    )


def print_fault(cache: ResultCache | None) -> None:
    """Print why a folder that the user named cannot be used."""
    if cache is not None and cache.fault:
        print_line(visible(cache.fault))


def _is_ci(environment: Mapping[str, str]) -> bool:
    return any(environment.get(name, "").strip().lower() not in _NO for name in _CI)
