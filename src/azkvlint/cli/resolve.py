"""Validated settings: the configuration of a run, its cache, and the reports to write."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from azkvlint.cli.output import is_for_editors, print_line
from azkvlint.config.arguments import Arguments
from azkvlint.config.option import ErrorCollector
from azkvlint.config.run_config import Config, Tool
from azkvlint.config.settings import ABOUT_RULES, CACHE_KEY, Settings
from azkvlint.engine.rule_store import find_rules_by_prefix, rules_of_profile, select_rules
from azkvlint.linter.linter import known_rules
from azkvlint.model.effect import CLASSES
from azkvlint.model.rule import SEVERITIES, Severity
from azkvlint.model.suppression import TOOLS
from azkvlint.readers.discover import OPENTOFU, TERRAFORM
from azkvlint.reporters import FINDINGS_ONLY, REPORTERS, SARIF_INCLUDED
from azkvlint.util.errors import UsageError, did_you_mean
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_boundary import absolute_path, expand_home, real_path
from azkvlint.util.text import visible

if TYPE_CHECKING:
    from azkvlint.linter.result_cache import CacheFolderSettings, ResultCache

_MOST_DIGITS = 3
_ELSEWHERE = "write to another file"
# The endings of files for another option, and the problem with them.
_NO_PARAMETERS = (".tfvars", ".tfvars.json"), "not a parameter file", "use --var-file for variables of Terraform"
_NO_VARIABLES = (".bicep", ".bicepparam"), "not a variable file of Terraform", "use --parameters for templates"
_PROFILES = "default, strict, cmk, all, or a control framework such as cis-azure-6.0"
_FILE_EACH = "write -f text -f sarif=report.sarif"
COLORS = ("auto", "always", "never")
NO_SEVERITY = "none"
# Former words for what an option accepts, for suggestions.
_FORMER = {"undecided": "unknown"}
COMPARISONS = ("time", "content")


def config_of(settings: Settings, targets: list[tuple[str, str]], errors: ErrorCollector | None = None) -> Config:
    """Return the configuration of a run. Raise UsageError with all invalid values and the ``errors`` found before."""
    arguments, label = settings.arguments, settings.label
    errors = settings.errors() if errors is None else errors
    attempt = errors.attempt
    outputs = tuple(file for file in (*(file for _, file in targets), *_other_outputs(arguments)) if file)
    attempt(None, _refuse_inputs, settings, outputs)
    config = Config(
        # Reports are ordered by input, so the order of arguments must not matter.
        paths=tuple(sorted(arguments.paths)),
        parameters=attempt(
            (), _files, label("parameters"), tuple(sorted(arguments.parameters)), os.path.exists, *_NO_PARAMETERS
        ),
        variables=attempt((), _variables, label("variables"), arguments.variables),
        # Several runs share a configuration file, and not each has a root module that declares all of its variables.
        required_variables=_names(arguments.variables) if "variables" in arguments.explicit_fields else frozenset(),
        variable_files=attempt(
            (), _files, label("variable_files"), arguments.variable_files, os.path.isfile, *_NO_VARIABLES
        ),
        required_variable_files=arguments.variable_files if "variable_files" in arguments.explicit_fields else (),
        closed=arguments.closed,
        tool=attempt("", _tool, label("tool"), arguments.tool),
        source_root=attempt("", _folder, label("source_root"), arguments.source_root),
        as_of=attempt("", _day, label("as_of"), arguments.as_of),
        jobs=attempt(0, _jobs, label("jobs"), arguments.jobs),
        exclude=attempt((), _exclusions, settings),
        select=attempt((), words_of, label("select"), arguments.select),
        ignore=attempt((), words_of, label("ignore"), arguments.ignore),
        profiles=attempt((), words_of, label("profiles"), arguments.profiles, "profile", _PROFILES),
        settings=arguments.settings,
        rules=attempt((), _own_rules, settings),
        # A configuration file that was discovered may be an attacker's, and its rules must not be able to stop the
        # check.
        are_rules_found="rules" in settings.configured and settings.file is not None and not settings.file.is_explicit,
        min_severity=attempt(Severity.INFO, _severity, label("min_severity"), arguments.min_severity),
        fail_on=attempt(None, _threshold, label("fail_on"), arguments.fail_on),
        strict=arguments.strict,
        # Reasons of unknown results are expensive, and not every format reports them. Overrides and baselines need the
        # location of each result.
        explain=bool(arguments.summary_file)
        or any(_explains(name, arguments) for name, _ in targets)
        or (settings.file is not None and bool(settings.file.overrides))
        or bool(arguments.baseline or arguments.write_baseline),
        show_unknown=arguments.show_unknown,
        file=settings.file.file if settings.file is not None else "",
        display_path=settings.file.display_path if settings.file is not None else "",
        base=settings.base,
        overrides=settings.file.overrides if settings.file is not None else (),
        no_ignores=arguments.no_ignores,
        peer_tools=TOOLS if arguments.respect_peer_suppressions else (),
        test_folders=attempt((), _test_folders, settings) if "test_folders" in settings.places else None,
        include_tests=arguments.include_tests,
        baseline=_baseline(arguments),
        outputs=outputs,
        notices=settings.notices,
    )
    if settings.external_fields & ABOUT_RULES or config.overrides:
        _refuse_unknown_rules(settings, config, errors)
    errors.raise_errors()
    return config


def _tool(label: str, word: str) -> Tool:
    """Return the name of a tool. Raise UsageError for any other word."""
    names: dict[str, Tool] = {"": "", TERRAFORM: "terraform", OPENTOFU: "opentofu"}
    found = names.get(word.lower())
    if found is None:
        hint = did_you_mean(word.lower(), [TERRAFORM, OPENTOFU]) or f"{TERRAFORM} or {OPENTOFU}"
        raise UsageError(f"{label} {visible(word)}: unknown tool", hint)
    return found


def _other_outputs(arguments: Arguments) -> tuple[str, str]:
    return arguments.write_baseline, arguments.summary_file


def _refuse_inputs(settings: Settings, outputs: Collection[str]) -> None:
    """Raise UsageError if the configuration file or the baseline would be overwritten."""
    arguments = settings.arguments
    new_baseline = real_path(arguments.write_baseline) if arguments.write_baseline else ""
    inputs = {
        real_path(file)
        for file in (arguments.baseline, settings.file.file if settings.file is not None else "")
        if file
    }
    for file in outputs:
        path = real_path(file)
        if path in inputs and not (path == new_baseline == real_path(arguments.baseline)):
            raise UsageError(f"`{visible(file)}` is an input of this run and is not overwritten", _ELSEWHERE)


def with_included(config: Config, included: Collection[str]) -> Config:
    """Return the configuration with everything that a SARIF log includes."""
    if not included:
        return config
    return msgspec.structs.replace(
        config, explain=config.explain or "unknown" in included, with_controls="passed" in included
    )


def _baseline(arguments: Arguments) -> str:
    """Return the baseline to read; "" on the first run of ``--write-baseline`` with the same file."""
    file, new_baseline = arguments.baseline, arguments.write_baseline
    is_first = bool(new_baseline) and real_path(file) == real_path(new_baseline) and not os.path.lexists(file)
    return "" if is_first else file


def _exclusions(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Return the globs of paths that are not read. Those of the command line apply below each input, without a base."""
    fields = ("exclude", "extend_exclude")
    bases = {field: settings.base if field in settings.configured else "" for field in fields}
    return tuple(glob for field in fields for glob in _globs(settings, field, bases[field]))


def _test_folders(settings: Settings) -> tuple[tuple[str, str], ...]:
    return tuple(_globs(settings, "test_folders", settings.folder("test_folders")))


def _globs(settings: Settings, field: str, base: str) -> Iterator[tuple[str, str]]:
    """Yield the globs of a setting, each with the folder that it is relative to. Raise UsageError for invalid ones."""
    patterns = getattr(settings.arguments, field)
    if not patterns:  # Most runs have none, and need not wait for the import.
        return
    from azkvlint.util.globs import PathGlob

    for pattern in patterns:
        try:
            PathGlob(pattern)
        except ValueError as error:
            raise UsageError(f"{settings.label(field)}: '{pattern}' is not a valid glob: {error}") from error
        yield base, pattern


def _refuse_unknown_rules(settings: Settings, config: Config, errors: ErrorCollector) -> None:
    """Collect the errors, with their places, of rules in a configuration file or environment variable."""
    plain = msgspec.structs.replace(config, select=(), ignore=(), profiles=(), settings=())
    rules = known_rules(plain)

    def check(field: str, word: str) -> None:
        if field == "settings":
            known_rules(msgspec.structs.replace(plain, settings=(word,)))
        elif field == "profiles":
            rules_of_profile(rules, word)
        else:
            find_rules_by_prefix(rules, word)

    for override in config.overrides:
        for word in override.rules:
            errors.attempt(None, _with_label, f"{override.place}: override: rules", check, "select", word)
    for field in sorted(settings.external_fields & ABOUT_RULES):
        label, count = settings.label(field), len(errors.errors)
        for word in getattr(config, field):
            errors.attempt(None, _with_label, label, check, field, word)
        if len(errors.errors) == count and field in ("select", "ignore"):
            ignored = config.ignore if field == "ignore" else ()
            errors.attempt(None, _with_label, label, select_rules, rules, config.select, ignored, ("all",))


def _with_label(label: str, function: Callable[..., object], *arguments: object) -> None:
    """Call a function. Errors begin with the name of the setting, in place of that of the option."""
    try:
        function(*arguments)
    except UsageError as error:
        raise UsageError(f"{label}: {error.message.removeprefix('--set').lstrip(': ')}", error.hint) from error


def _explains(name: str, arguments: Arguments) -> bool:
    return name != "sarif" and (arguments.strict or name not in FINDINGS_ONLY)


def words_of(
    option: str, values: tuple[str, ...], what: str = "rule", hint: str = "kvlint rules lists all rules"
) -> tuple[str, ...]:
    """Return comma-separated and repeated words as one tuple: ``--select KV1,KV2 --select KV3`` has three."""
    words = tuple(word.strip() for value in values for word in value.split(",") if word.strip())
    if values and not words:
        raise UsageError(f"{option} requires a {what}", hint)
    return words


def _variables(option: str, words: tuple[str, ...]) -> tuple[str, ...]:
    for word in words:
        name, equals, _ = word.partition("=")
        if not name.strip() or not equals:
            # Without a name, the word may be a value, and a value may be a secret.
            raise UsageError(f"{option} {name if equals else '...'}: expected NAME=VALUE", "such as environment=prod")
    return words


def _names(words: tuple[str, ...]) -> frozenset[str]:
    return frozenset(word.partition("=")[0].strip() for word in words)


def _files(
    option: str, files: tuple[str, ...], exists: Callable[[str], bool], others: tuple[str, ...], *problem: str
) -> tuple[str, ...]:
    """Return files that exist. Raise UsageError for a missing one, and with the ``problem`` for one of ``others``."""
    for file in files:
        if not exists(file):
            raise UsageError(f"{option} {file}: the file does not exist")
        if file.endswith(others):
            raise UsageError(f"{option} {file}: {problem[0]}", problem[1])
    return files


def _own_rules(settings: Settings) -> tuple[str, ...]:
    """Return the paths of custom rules. Raise UsageError for a missing one."""
    for path in settings.arguments.rules:
        if not os.path.exists(path):
            raise UsageError(f"{settings.label('rules')} {visible(path)}: the file or folder does not exist")
    return settings.arguments.rules


def _folder(option: str, folder: str) -> str:
    if folder and not os.path.isdir(folder):
        raise UsageError(f"{option} {folder}: the folder does not exist")
    return folder


def _day(option: str, word: str) -> str:
    if word:
        from datetime import date

        try:
            date.fromisoformat(word)
        except ValueError:
            raise UsageError(f"{option} {word}: expected a date", "write YYYY-MM-DD, such as 2027-03-01") from None
    return word


def _jobs(option: str, word: str) -> int:
    if not word.isdecimal() or len(word) > _MOST_DIGITS:
        raise UsageError(f"{option} {word}: expected a number of processes", "0 means automatic")
    return int(word)


def _severity(option: str, word: str) -> Severity:
    return SEVERITIES[_choice(option, word, SEVERITIES, "severity")]


def _threshold(option: str, word: str) -> Severity | None:
    """Return the severity from which on findings count; None if no finding does."""
    return SEVERITIES.get(_choice(option, word, (*SEVERITIES, NO_SEVERITY), "severity"))


def _choice(option: str, word: str, known: Iterable[str], what: str) -> str:
    """Return a word in lower case. Raise UsageError, with a suggestion, if it is not one of the known ones."""
    names = list(known)
    if word.lower() not in names:
        hint = did_you_mean(_FORMER.get(word.lower(), word.lower()), names) or f"one of {', '.join(names)}"
        raise UsageError(f"{option} {word}: unknown {what}", hint)
    return word.lower()


def included_of(settings: Settings) -> frozenset[str]:
    """Return what a SARIF log includes besides findings and their rules. Raise UsageError for unknown words."""
    option = settings.label("sarif_include")
    words = words_of(option, settings.arguments.sarif_include, "value", f"one of {', '.join(SARIF_INCLUDED)}")
    return frozenset(_choice(option, word, SARIF_INCLUDED, "value") for word in words)


def peer_tools_of(settings: Settings) -> tuple[str, ...]:
    """Return the tools whose comments are listed. Raise UsageError for unknown ones."""
    option = settings.label("peer_tools")
    words = words_of(option, settings.arguments.peer_tools, "tool", f"one of {', '.join(TOOLS)}")
    return tuple(dict.fromkeys(_choice(option, word, TOOLS, "tool") for word in words))


def allowed_classes(settings: Settings) -> frozenset[str]:
    """Return the classes of effects that fixes may have. Raise UsageError for unknown ones."""
    option = settings.label("allow")
    words = words_of(option, settings.arguments.allow, "class", f"one of {', '.join(CLASSES)}")
    allowed = frozenset(_choice(option, word, CLASSES, "class") for word in words)
    return frozenset(CLASSES) if settings.arguments.unsafe else allowed


def refuse_invalid_root_uri(word: str) -> None:
    """Raise UsageError if the base URI of a SARIF log is not that of a folder."""
    if word and not word.startswith("file:///"):
        raise UsageError(f"--sarif-root-uri {word}: expected a URI that begins with file:///")


def root_uri(word: str, file: str, root: str) -> str:
    """Return the base URI of the paths in a log, which logs in ``.sarif`` require."""
    if word:
        return word if word.endswith("/") else f"{word}/"
    if not file or not is_for_editors(file):
        return ""
    from pathlib import Path

    return f"{Path(real_path(root)).as_uri().rstrip('/')}/"


def errors_and_targets(settings: Settings, known: Collection[str]) -> tuple[ErrorCollector, list[tuple[str, str]]]:
    """Return the errors of the settings, and the formats and files to write as ``targets_of`` does."""
    errors = settings.errors()
    return errors, errors.attempt([("text", "")], targets_of, settings, known)


def targets_of(settings: Settings, known: Collection[str]) -> list[tuple[str, str]]:
    """Return the formats to write, each with its file ("": standard output). Raise UsageError for unknown formats."""
    formats, output = settings.arguments.formats, settings.arguments.output
    color = settings.arguments.color
    if color not in COLORS:
        hint = did_you_mean(color.lower(), list(COLORS)) or f"one of {', '.join(COLORS)}"
        raise UsageError(f"--color {color}: unknown value", hint)
    targets = [(name, file) for name, _, file in (word.partition("=") for word in formats or ("text",))]
    for name, _ in targets:
        if name not in known:
            prefix = f"{settings.label('formats')}: " if "formats" in settings.external_fields else ""
            of_check = f"; `kvlint check -f {name}` writes findings" if name in REPORTERS else ""
            hint = did_you_mean(name.lower(), list(known)) or f"one of {', '.join(known)}{of_check}"
            raise UsageError(f"{prefix}unknown format '{name}'", hint)
    without_file = [name for name, file in targets if not file]
    if output and len(without_file) != 1:
        option = settings.label("output")
        raise UsageError(f"{option} requires exactly one format without a file", _FILE_EACH)
    targets = [(name, file or output) for name, file in targets]
    targets = [(name, "" if file == "-" else file) for name, file in targets]
    files = _files_of(targets)
    if files.count("") > 1:
        raise UsageError("only one format can be written to standard output", _FILE_EACH)
    if len(set(files)) < len(files):
        raise UsageError("two formats are written to the same file", "write -f json=report.json -f sarif=report.sarif")
    _refuse_to_overwrite(settings)
    return targets


def _refuse_to_overwrite(settings: Settings) -> None:
    """Raise UsageError for an output file that only a discovered configuration names and that is not a report."""
    if settings.file is None or settings.file.is_explicit:
        return
    formats = [file for _, _, file in (word.partition("=") for word in settings.arguments.formats) if file]
    for field, files in (("formats", formats), ("output", [settings.arguments.output])):
        for file in files if field in settings.configured else ():
            reason = overwrite_refusal(file) if file not in ("", "-") else ""
            if reason:
                hint = "set it on the command line, or name the configuration file with --config"
                raise UsageError(f"{settings.label(field)}: '{visible(file)}' is not written: {reason}", hint)


def _files_of(targets: Sequence[tuple[str, str]]) -> list[str]:
    return [absolute_path(file) if file else "" for _, file in targets]


def refuse_conflicting_outputs(arguments: Arguments, targets: Sequence[tuple[str, str]]) -> None:
    """Raise UsageError for two outputs in one file, and for options that require a file or exclude each other."""
    baseline, summary = arguments.write_baseline, arguments.summary_file
    if baseline == "-":
        raise UsageError("--write-baseline requires a file")
    files = {real_path(file) for _, file in targets if file}
    if baseline and real_path(baseline) in files:
        raise UsageError(f"a report and the baseline are written to the same file, '{baseline}'")
    if summary and real_path(summary) in files | ({real_path(baseline)} if baseline else set()):
        raise UsageError("the summary and a report are written to the same file")
    if arguments.watch and (summary or baseline):
        option = "--summary-file" if summary else "--write-baseline"
        raise UsageError(f"--watch and {option} cannot be combined")


_ENDINGS = (".sarif", ".json", ".xml", ".html", ".md", ".txt", ".log")
_PART = 4_000
# The first characters of reports: JSON of each kind with the name of the tool, GitLab's array, JUnit XML, HTML and
# Markdown.
_BEGINS = regex(
    rb"""\{\s*"(?:version|\$schema|source)"[\s\S]*"name":\s*"kvlint"|\[\s*\]\s*\Z"""
    rb"""|\[\s*\{\s*"description":[\s\S]*"check_name":\s*"[A-Z]{2,8}-?[0-9]{1,6}\""""
    rb"""|<\?xml[^>]*>\s*<testsuites\ name="kvlint"|\#\#\ [^\n]{1,20}\ kvlint\s"""
    rb"""|<!doctype\ html>(?:\s*<[^<>]*>){3}\s*<meta\ name="generator"\ content="kvlint\s"""
)
# The last line of a text report.
_ENDS = regex(rb"(?:^|\n)(?:Found [0-9,]+ issues? \(|No issues found[ .]|No Key Vault resources found[ .])[^\n]*\s*\Z")


def overwrite_refusal(file: str) -> str:
    """Return why a discovered configuration may not overwrite a file; "" if it may."""
    if not file.lower().endswith(_ENDINGS):
        return "its name does not end as that of a report"
    return "it exists and is not a report of kvlint" if os.path.lexists(file) and not _is_report(file) else ""


def _is_report(file: str) -> bool:
    """Return whether a file is empty or a report of kvlint."""
    from azkvlint.util.output_files import read_ends  # most runs write to standard output

    ends = read_ends(file, _PART)
    if ends is None:
        return False
    head, tail = ends
    return not head.strip() or _BEGINS.match(head) is not None or _ENDS.search(tail) is not None


# The variables that CI services set; GitHub, GitLab and most others set CI.
_CI = ("CI", "BUILDKITE", "GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL", "TEAMCITY_VERSION", "TF_BUILD")
_NO = ("", "0", "false", "no", "off")


def cache_of(settings: Settings) -> ResultCache | None:
    """Return the cache of a run; None if the run uses none. Raise UsageError for invalid settings."""
    folder = cache_folder_of(settings)
    if folder is None:
        return None
    from azkvlint.linter.result_cache import ResultCache

    return ResultCache(folder, has_several_runs=settings.arguments.watch)


def cache_folder_of(settings: Settings) -> CacheFolderSettings | None:
    """Return the folder of the cache of a run; None if the run uses none. Raise UsageError for invalid settings.

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
    from azkvlint.linter.result_cache import CacheFolderSettings

    # No shell expands `~` in variables of CI services.
    folder = expand_home(arguments.cache_dir)
    if not folder:
        from azkvlint.util.cache_files import default_folder

        folder = default_folder(os.environ)
        if not folder:
            return None
    return CacheFolderSettings(
        folder=folder,
        option=settings.label("cache_dir") if arguments.cache_dir else "",
        by_content=arguments.cache_by == "content",
        key=key or "",
    )


def print_cache_fault(cache: ResultCache | None) -> None:
    """Print why a folder that the user named cannot be used."""
    if cache is not None and cache.fault:
        print_line(visible(cache.fault))


def _is_ci(environment: Mapping[str, str]) -> bool:
    return any(environment.get(name, "").strip().lower() not in _NO for name in _CI)
