"""The values of options by their fields. This module is written by ``make samples``."""

from __future__ import annotations

import msgspec


class OptionValues(msgspec.Struct, frozen=True, kw_only=True):
    """The values of options, not validated, as ``data/options.yaml`` lists them."""

    inputs_from: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    variable_files: tuple[str, ...] = ()
    base_revision: str = ""
    no_merge_base: bool = False
    exclude: tuple[str, ...] = ()
    extend_exclude: tuple[str, ...] = ()
    stdin_filename: str = ""
    source_root: str = ""
    closed: bool = False
    tool: str = ""
    frameworks: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    as_of: str = ""
    out: str = ""
    resume: bool = False
    vaults: tuple[str, ...] = ()
    principals: tuple[str, ...] = ()
    diff: bool = False
    write: bool = False
    unsafe: bool = False
    allow: tuple[str, ...] = ()
    fixes: bool = False
    formats: tuple[str, ...] = ()
    output_language: str = ""
    built_in_roles: bool = False
    why: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    output: str = ""
    verbose: bool = False
    quiet: bool = False
    show_unknown: bool = False
    show_suppressed: bool = False
    statistics: bool = False
    summary_file: str = ""
    color: str = "auto"
    maximums: tuple[str, ...] = ()
    denials: tuple[str, ...] = ()
    min_severity: str = "info"
    fail_on: str = "info"
    gates: tuple[str, ...] = ()
    accept: tuple[str, ...] = ()
    strict: bool = False
    exit_zero: bool = False
    baseline: str = ""
    write_baseline: str = ""
    no_ignores: bool = False
    respect_peer_suppressions: bool = False
    peer_tools: tuple[str, ...] = ()
    include_tests: bool = False
    test_folders: tuple[str, ...] = ()
    sarif_include: tuple[str, ...] = ()
    sarif_category: str = ""
    sarif_root_uri: str = ""
    config: str = ""
    isolated: bool = False
    untrusted: bool = False
    show_settings: bool = False
    scheduler: str = ""
    workers: str = "0"
    timeout: str = "900"
    jobs: str = "0"
    cache_dir: str = ""
    no_cache: bool = False
    cache_by: str = "time"
    watch: bool = False
