"""What settings ask for, checked: the run to make, and the reports to write of it."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence

import msgspec

from azkvlint.cli.output import is_for_editors
from azkvlint.config.options import Arguments
from azkvlint.config.run_config import Config
from azkvlint.config.settings import ABOUT_RULES, Settings
from azkvlint.engine.rule_selection import chosen
from azkvlint.linter.linter import known_rules
from azkvlint.model.rule import SEVERITIES, Severity
from azkvlint.model.suppression import TOOLS
from azkvlint.reporters import FINDINGS_ONLY, SARIF_INCLUDED
from azkvlint.reporters.report_files import why_not_written
from azkvlint.util.errors import UsageError
from azkvlint.util.project_files import absolute_path, real_path
from azkvlint.util.safe_text import visible

_MOST_DIGITS = 3
_ELSEWHERE = "write to another file"
COLORS = ("auto", "always", "never")


def config_of(said: Settings, targets: list[tuple[str, str]]) -> Config:
    """What the settings ask for. Raises UsageError for a value that is none."""
    arguments, label = said.arguments, said.label
    outputs = tuple(file for file in (*(file for _, file in targets), *_other_outputs(arguments)) if file)
    _refuse_inputs(said, outputs)
    config = Config(
        # A report is in the order of its input, and the order of the words is no part of the question.
        paths=tuple(sorted(arguments.paths)),
        parameters=tuple(sorted(arguments.parameters)),
        variables=_variables(label("variables"), arguments.variables),
        variable_files=_files(label("variable_files"), arguments.variable_files),
        closed=arguments.closed,
        source_root=_folder(label("source_root"), arguments.source_root),
        as_of=_day(label("as_of"), arguments.as_of),
        jobs=_jobs(label("jobs"), arguments.jobs),
        exclude=_globs(said, "exclude", "extend_exclude"),
        select=words_of(label("select"), arguments.select),
        ignore=words_of(label("ignore"), arguments.ignore),
        profiles=words_of(label("profiles"), arguments.profiles, "profile", "default, strict, cmk or all"),
        settings=arguments.settings,
        rules=_own_rules(said),
        # A file that was found may be anybody's, and is not to hold up whoever checks the folder that it lies in.
        are_rules_found="rules" in said.configured and said.file is not None and not said.file.named,
        min_severity=_severity(label("min_severity"), arguments.min_severity),
        fail_on=_severity(label("fail_on"), arguments.fail_on),
        strict=arguments.strict,
        # Of thousands of undecided questions it costs time to say what is not known, and not every format tells them.
        # Overrides and baselines need to know where each is.
        explain=bool(arguments.summary_file)
        or any(_explains(name, arguments) for name, _ in targets)
        or (said.file is not None and bool(said.file.overrides))
        or bool(arguments.baseline or arguments.write_baseline),
        file=said.file.file if said.file is not None else "",
        shown=said.file.shown if said.file is not None else "",
        base=said.base,
        overrides=said.file.overrides if said.file is not None else (),
        no_ignores=arguments.no_ignores,
        peer_tools=TOOLS if arguments.respect_peer_suppressions else (),
        test_folders=_globs(said, "test_folders") if "test_folders" in said.places else None,
        include_tests=arguments.include_tests,
        baseline=_baseline(arguments),
        outputs=outputs,
        notices=said.notices,
    )
    if said.elsewhere & ABOUT_RULES:
        _refuse_unknown_rules(said, config)
    return config


def _other_outputs(arguments: Arguments) -> tuple[str, str]:
    """Return the files besides reports that are written to."""
    return arguments.write_baseline, arguments.summary_file


def _refuse_inputs(said: Settings, outputs: Collection[str]) -> None:
    """Raise UsageError if the configuration file, or a baseline that stays, is also written to."""
    arguments = said.arguments
    written = real_path(arguments.write_baseline) if arguments.write_baseline else ""
    inputs = {real_path(file) for file in (arguments.baseline, said.file.file if said.file is not None else "") if file}
    for file in outputs:
        path = real_path(file)
        if path in inputs and not (path == written == real_path(arguments.baseline)):
            raise UsageError(f"'{visible(file)}' is an input of this run, so it is not overwritten", _ELSEWHERE)


def with_included(config: Config, included: Collection[str]) -> Config:
    """The run with all that a SARIF log is to hold."""
    if not included:
        return config
    return msgspec.structs.replace(
        config, explain=config.explain or "undecided" in included, answers="passed" in included
    )


def _baseline(arguments: Arguments) -> str:
    """The baseline to read; none if it is only about to be written."""
    file, written = arguments.baseline, arguments.write_baseline
    is_first = bool(written) and real_path(file) == real_path(written) and not os.path.lexists(file)
    return "" if is_first else file


def _globs(said: Settings, *fields: str) -> tuple[tuple[str, str], ...]:
    """Return the globs of some settings, each with the folder that it starts from."""
    if not any(getattr(said.arguments, field) for field in fields):
        return ()
    from azkvlint.util.globs import PathGlob

    found = []
    for field in fields:
        patterns = getattr(said.arguments, field)
        folder = said.folder(field) if patterns else ""
        for pattern in patterns:
            try:
                PathGlob(pattern)
            except ValueError as error:
                raise UsageError(f"{said.label(field)}: '{pattern}' is no glob: {error}") from error
            found.append((folder, pattern))
    return tuple(found)


def _refuse_unknown_rules(said: Settings, config: Config) -> None:
    """Raise UsageError for what a file or a variable calls a rule and is none, with its place."""
    plain = msgspec.structs.replace(config, select=(), ignore=(), profiles=(), settings=())
    rules = known_rules(plain)
    for field in sorted(said.elsewhere & ABOUT_RULES):
        try:
            if field == "settings":
                known_rules(msgspec.structs.replace(plain, settings=config.settings))
            elif field == "ignore":
                chosen(rules, config.select, config.ignore, ("all",))
            elif field == "select":
                chosen(rules, config.select, (), ("all",))
            else:
                chosen(rules, (), (), config.profiles)
        except UsageError as error:
            words = error.message.removeprefix("--set").lstrip(": ")
            raise UsageError(f"{said.label(field)}: {words}", error.hint) from error


def _explains(name: str, arguments: Arguments) -> bool:
    return name != "sarif" and (arguments.strict or name not in FINDINGS_ONLY)


def words_of(
    option: str, values: tuple[str, ...], what: str = "rule", hint: str = "kvlint rules lists all rules"
) -> tuple[str, ...]:
    """Words given together or one by one: ``--select KV1,KV2 --select KV3`` names three."""
    words = tuple(word.strip() for value in values for word in value.split(",") if word.strip())
    if values and not words:
        raise UsageError(f"{option} names no {what}", hint)
    return words


def _variables(option: str, words: tuple[str, ...]) -> tuple[str, ...]:
    for word in words:
        name, equals, _ = word.partition("=")
        if not name.strip() or not equals:
            # What is no name may be a value, which may be a secret.
            raise UsageError(f"{option} {name if equals else '...'}: NAME=VALUE was expected")
    return words


def _files(option: str, files: tuple[str, ...]) -> tuple[str, ...]:
    for file in files:
        if not os.path.isfile(file):
            raise UsageError(f"{option} {file}: there is no such file")
    return files


def _own_rules(said: Settings) -> tuple[str, ...]:
    """Where rules of the user's own are. One that a file or variable names wrongly is told with its place."""
    for path in said.arguments.rules if "rules" in said.elsewhere else ():
        if not os.path.exists(path):
            raise UsageError(f"{said.label('rules')}: there is no folder or file '{visible(path)}' to read rules from")
    return said.arguments.rules


def _folder(option: str, folder: str) -> str:
    if folder and not os.path.isdir(folder):
        raise UsageError(f"{option} {folder}: there is no such folder")
    return folder


def _day(option: str, word: str) -> str:
    if word:
        from datetime import date

        try:
            date.fromisoformat(word)
        except ValueError:
            raise UsageError(f"{option} {word}: a day was expected", "write YYYY-MM-DD") from None
    return word


def _jobs(option: str, word: str) -> int:
    if not word.isdecimal() or len(word) > _MOST_DIGITS:
        raise UsageError(f"{option} {word}: a number of processes was expected", "0 takes as many as pay")
    return int(word)


def _severity(option: str, word: str) -> Severity:
    if word.lower() not in SEVERITIES:
        raise UsageError(f"{option} {word}: there is no such severity", f"one of {', '.join(SEVERITIES)}")
    return SEVERITIES[word.lower()]


def included_of(said: Settings) -> frozenset[str]:
    """The kinds of results that a SARIF log is to hold besides findings. Raises UsageError for a word that is none."""
    option = said.label("sarif_include")
    words = words_of(option, said.arguments.sarif_include, "kind of result", f"one of {', '.join(SARIF_INCLUDED)}")
    for word in words:
        if word not in SARIF_INCLUDED:
            raise UsageError(f"{option} {word}: one of {', '.join(SARIF_INCLUDED)} was expected")
    return frozenset(words)


def peer_tools_of(said: Settings) -> tuple[str, ...]:
    """Return the tools whose comments are to be listed. Raises UsageError for a word that is not one of them."""
    option = said.label("peer_tools")
    words = words_of(option, said.arguments.peer_tools, "tool", f"one of {', '.join(TOOLS)}")
    for word in words:
        if word.lower() not in TOOLS:
            raise UsageError(f"{option} {word}: one of {', '.join(TOOLS)} was expected")
    return tuple(dict.fromkeys(word.lower() for word in words))


def root_uri(word: str, file: str, root: str) -> str:
    """The URI of the folder that a log's paths start from. Editors look for logs in .sarif, and for it in them."""
    if word:
        if not word.startswith("file:///"):
            raise UsageError(f"--sarif-root-uri {word}: a URI that begins with file:/// was expected")
        return word if word.endswith("/") else f"{word}/"
    if not file or not is_for_editors(file):
        return ""
    from pathlib import Path

    return f"{Path(real_path(root)).as_uri().rstrip('/')}/"


def targets_of(said: Settings, known: Collection[str]) -> list[tuple[str, str]]:
    """The formats to write, each with its file ("" is stdout). Raises UsageError for one that is not ``known``."""
    formats, output = said.arguments.formats, said.arguments.output
    if said.arguments.color not in COLORS:
        raise UsageError(f"--color {said.arguments.color}: one of {', '.join(COLORS)} was expected")
    targets = [(name, file) for name, _, file in (word.partition("=") for word in formats or ("text",))]
    for name, _ in targets:
        if name not in known:
            at = f"{said.label('formats')}: " if "formats" in said.elsewhere else ""
            raise UsageError(f"{at}there is no format '{name}'", f"one of {', '.join(known)}")
    open_ends = [name for name, file in targets if not file]
    if output and len(open_ends) != 1:
        option = said.label("output")
        raise UsageError(f"{option} takes exactly one format without a file of its own", "write -f sarif=report.sarif")
    targets = [(name, file or output) for name, file in targets]
    targets = [(name, "" if file == "-" else file) for name, file in targets]
    files = _files_of(targets)
    if files.count("") > 1:
        raise UsageError("only one format can go to the standard output", "write -f sarif=report.sarif")
    if len(set(files)) < len(files):
        raise UsageError("two formats go to one file", "write -f json=report.json -f sarif=report.sarif")
    _refuse_to_overwrite(said)
    return targets


def _refuse_to_overwrite(said: Settings) -> None:
    """Raise UsageError for a file that only a configuration which was found names, and that may be somebody's work."""
    if said.file is None or said.file.named:
        return
    formats = [file for _, _, file in (word.partition("=") for word in said.arguments.formats) if file]
    for field, files in (("formats", formats), ("output", [said.arguments.output])):
        for file in files if field in said.configured else ():
            why = why_not_written(file) if file not in ("", "-") else ""
            if why:
                hint = "give it on the command line, or name the configuration with --config"
                raise UsageError(f"{said.label(field)}: '{visible(file)}' is not written: {why}", hint)


def _files_of(targets: Sequence[tuple[str, str]]) -> list[str]:
    return [absolute_path(file) if file else "" for _, file in targets]


def refuse_two_in_one(arguments: Arguments, targets: Sequence[tuple[str, str]]) -> None:
    """Raise UsageError if two things would be written to one file, or what needs a file has none."""
    baseline, summary = arguments.write_baseline, arguments.summary_file
    if baseline == "-":
        raise UsageError("--write-baseline needs a file")
    files = {real_path(file) for _, file in targets if file}
    if baseline and real_path(baseline) in files:
        raise UsageError(f"a report and the baseline go to one file, '{baseline}'")
    if summary and real_path(summary) in files | ({real_path(baseline)} if baseline else set()):
        raise UsageError("the summary and a report go to one file")
    if arguments.watch and (summary or baseline):
        option = "--summary-file" if summary else "--write-baseline"
        raise UsageError(f"--watch goes without {option}, which every check would write anew")
