"""Summaries: a run, the state of an index, the results of `verify` and `doctor`."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from mmsearch.index_status import Finding, FindingState, Status
from mmsearch.output import text_layout
from mmsearch.output.formatting import counted, duration, escaped, model_name, size, speech_left
from mmsearch.output.streams import width, write_lines
from mmsearch.run_record import RunOutcome, RunRecord
from mmsearch.types import ALL_FILES

_STOPPED = {
    RunOutcome.INTERRUPTED: "Interrupted. What was committed is kept; the same command goes on from here.",
    RunOutcome.BUDGET: "The time budget is used up. What was committed is kept; the same command goes on from here.",
    RunOutcome.DISK_FULL: "The disk is full. What was committed is kept; make room, and the same command goes on from"
    " here.",
    RunOutcome.GUARD: "None of them was removed from the index; if they are really gone, add --allow-mass-delete.",
}

_OUTCOMES = {
    "partial": "in part",
    "skipped": "by name only",
    "excluded": "left out",
    "known_failures": "failed before",
    "missing": "named that are no files",
}


def run_summary(record: RunRecord, index: str | None = None, dry_run: bool = False) -> list[str]:
    """What a run did, or would do: a line of counts, then its notes. The counts are those of `RunRecord.OUTCOMES` that
    are not 0. `index` is the value of --index, which further commands need too."""
    see = f"see `{command_line('failed', index)}`"
    head = f"indexed {counted(record.indexed, 'file')} ({counted(record.segments, 'segment')})"
    parts = [f"would read {counted(record.pending, 'file')}" if dry_run else f"{head} in {duration(record.seconds)}"]
    for number, words in (
        (record.unchanged, "unchanged"),
        (record.moved, "moved"),
        (record.removed, ("to remove" if dry_run else "removed") + reasons(record.removed_by)),
        (record.kept, "not found and kept"),
        (record.skipped, f"known by name only{reasons(record.skipped_by)}"),
        (record.excluded, f"left out{reasons(record.excluded_by)}"),
        (0 if dry_run else record.pending, "still to do"),
        (record.transcribed, "transcribed"),
        (record.transcribed_partly, f"transcribed only in part: {see}"),
        (record.caught_up - record.caught_up_partly, "encoded anew"),
        (record.behind, f"not encoded yet: `{command_line('index', index)}` goes on"),
        (record.caught_up_partly, f"encoded anew only in part: {see}"),
        (record.partial, f"only in part: {see}"),
        (record.failed, f"failed{reasons(record.failed_by)}" + ("" if dry_run else f": {see}")),
        (
            record.known_failures,
            f"failed before{reasons(record.known_failures_by)} and not tried again:"
            f" `{command_line('failed --retry', index)}` does",
        ),
        (record.missing, "named that are no files"),
    ):
        if number:
            parts.append(f"{number:,} {words}")
    if record.untranscribed_s and not dry_run:
        left = speech_left(record.untranscribed_s, record.speech_remaining_s)
        parts.append(f"{left}: `{command_line('index', index)}` goes on")
    stopped = [_STOPPED[record.outcome]] if record.outcome in _STOPPED and not dry_run else []
    return ["; ".join(parts), *record.notes, *stopped]


def reasons(by: Mapping[str, int], most: int = 4) -> str:
    """The most frequent reasons or extensions: ` (zip 12, exe 9, others 3)`."""
    ranked = sorted(by.items(), key=lambda item: (-item[1], item[0]))
    if len(ranked) == most + 1:
        most += 1  # one more reason is as long as `others`
    named = [f"{escaped(reason)} {number:,}" for reason, number in ranked[:most]]
    if rest := sum(number for _, number in ranked[most:]):
        named.append(f"others {rest:,}")
    return f" ({', '.join(named)})" if named else ""


def command_line(command: str, index: str | None) -> str:
    """A further mmsearch command, with the same --index."""
    return f"mmsearch {command}{'' if index is None else f' --index {shlex.quote(escaped(index))}'}"


def write_status(status: Status) -> None:
    """Write the state of an index."""
    lines = [
        ("index", f"{escaped(status.folder)} ({size(status.bytes_on_disk)})"),
        *_roots(status),
        ("files", f"{status.files:,}{_files(status)}"),
        ("segments", f"{status.segments:,}"),
    ]
    for reader, number in status.read.items():
        lines.append((reader, f"{counted(number, 'segment')} with words"))
    lines += _speech(status)
    lines += _found_by(status)
    for label, number, remedy in (
        ("by name", sum(status.skipped.values()), f"`mmsearch query kind:other` lists them{reasons(status.skipped)}"),
        ("failed", status.failed, f"`mmsearch failed` says why{reasons(status.failed_by)}"),
        ("in part", status.partial, "`mmsearch failed` says what is missing"),
        ("outdated", status.outdated, "found by an older content; `mmsearch index` brings them up to date"),
        ("noted", status.noted, "something was left out; `mmsearch failed --notes` says what"),
        ("pending", status.pending, "`mmsearch index` goes on with them"),
        ("stale", status.stale, "extracted by an older version; `mmsearch index --refresh` redoes them"),
    ):
        if number:
            lines.append((label, f"{number:,}: {remedy}"))
    lines.append(("last run", _last_run(status.last_run, status.writing)))
    lines += [("note", escaped(note)) for note in status.notes]
    write_lines(text_layout.pairs(lines, width(sys.stdout)))


def _speech(status: Status) -> list[tuple[str, str]]:
    """Which recordings are transcribed, in which languages, by what, and how much is left."""
    speech = status.speech
    lines = []
    if speech.done:
        languages = ", ".join(f"{escaped(code)} {number:,}" for code, number in speech.languages.items())
        engines = ", ".join(escaped(engine.split()[0]) for engine in speech.engines if engine)
        spoken = f" ({languages})" if languages else ""
        lines.append(f"{counted(speech.done, 'recording')} transcribed{spoken} by {engines}")
    if speech.is_off:
        lines.append("left out by --no-speech; `mmsearch index --speech` takes it up")
    elif speech.left:
        lines.append(f"{counted(speech.left, 'recording')} to transcribe ({duration(speech.left_s)}): `mmsearch index`")
    return [("transcripts" if not at else "", line) for at, line in enumerate(lines)]


def _files(status: Status) -> str:
    """The number of files in each state; the numbers add up to all files."""
    held = [*status.by_kind.items(), ("by name only", sum(status.skipped.values())), ("failed", status.failed)]
    named = [f"{name} {number:,}" for name, number in [*held, ("pending", status.pending)] if number]
    return f": {', '.join(named)}" if named else ""


def _roots(status: Status) -> list[tuple[str, str]]:
    """Each root with its stored rules and its forgotten paths."""
    lines = []
    for root in status.roots:
        rules, forgotten = status.rules.get(root, ALL_FILES), status.forgotten.get(root, ())
        lines.append(("root", escaped(os.fsdecode(root))))
        facts = [f"--include {escaped(shlex.quote(glob))}" for glob in rules.include]
        facts += [f"--exclude {escaped(shlex.quote(glob))}" for glob in rules.exclude]
        facts += [f"--max-size {rules.max_bytes}"] if rules.max_bytes is not None else []
        facts += ["--hidden"] if rules.hidden else []
        facts += ["--no-ignore"] if not rules.ignore_files else []
        facts += ["--network-mounts"] if rules.network else []
        facts += ["--archives"] if rules.archives else []
        facts += [f"--shard {rules.shard[0]}/{rules.shard[1]}"] if rules.shard is not None else []
        if facts:
            lines.append(("", f"remembered: {' '.join(facts)}"))
        if forgotten:
            named = ", ".join(escaped(os.fsdecode(path)) for path in forgotten[:4])
            more = f" and {len(forgotten) - 4:,} more" if len(forgotten) > 4 else ""
            lines.append(("", f"forgotten: {named}{more}"))
    return lines


def _found_by(status: Status) -> list[tuple[str, str]]:
    """The files that each signal finds, and the models."""
    lines = [("words", f"of files: {_by_kind(status.by_words)}")] if status.by_words else []
    for space in status.spaces:
        set_ = "".join(
            f", {model_name(name.replace('_', ' '))} {model_name(str(value))}" for name, value in space.options.items()
        )
        being = ", being built beside the others" if space.state else ""
        called = "" if space.name == space.model else f"{model_name(space.name)}: "
        lines.append(("model", f"{called}{model_name(space.model)} ({space.dimension} dimensions{set_}{being})"))
        for view, number in space.embeddings.items():
            finds = f" of files: {_by_kind(space.files[view])}" if space.files.get(view) else ""
            how = f"; {escaped(space.search[view])}" if view in space.search else ""
            lines.append(("", f"{view}: {counted(number, 'embedding')}{finds}{how}"))
        if space.behind:
            lines.append(("", f"{counted(space.behind, 'file')} not taken in yet: `mmsearch index` goes on"))
    return lines


def _by_kind(files: Mapping[str, int]) -> str:
    return ", ".join(f"{kind} {number:,}" for kind, number in files.items())


def _last_run(run: Mapping[str, Any] | None, writing: str) -> str:
    if writing:
        return f"going on now: {escaped(writing)}"
    if not run:
        return "none yet"
    started = _moment(run["started"])
    if run.get("ended") is None:
        return f"{started}, cut off; `mmsearch index` goes on from there"
    outcome = escaped(str(run.get("outcome", "done")))
    facts = []
    for name in (*RunRecord.OUTCOMES, "removed"):
        if number := run.get(name):
            facts.append(f"{number:,} {_OUTCOMES.get(name, name)}{reasons(run.get(f'{name}_by') or {})}")
    took = duration(float(run["ended"]) - float(run["started"]))
    return f"{started}, {outcome} in {took}" + (f": {', '.join(facts)}" if facts else "")


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")


def write_findings(findings: Sequence[Finding]) -> None:
    """Write the findings of `verify`, a line for each invariant, with a hint where it does not hold."""
    lines: list[tuple[str, str]] = []
    for finding in findings:
        detail = f": {escaped(finding.sentence)}" if finding.sentence else ""
        lines.append((finding.state, f"{escaped(finding.invariant)}{detail}"))
        if finding.hint and finding.state not in (FindingState.OK, FindingState.REPAIRED):
            lines.append(("", f"hint: {escaped(finding.hint)}"))
    write_lines(text_layout.pairs(lines, width(sys.stdout)))


def verify_verdict(findings: Sequence[Finding], index: str | None = None) -> str:
    """The one sentence that `verify` ends with."""
    states = {finding.state for finding in findings}
    if FindingState.BROKEN in states:
        return "The index is damaged; what is lost stands above."
    if FindingState.DERIVED in states:
        return f"Nothing is lost: what is broken can be rebuilt with `{command_line('verify --repair', index)}`."
    if FindingState.UNCHECKED in states:
        return (
            "Nothing broken was found, but the catalogue's bytes can't be checked; the next run checks what they say."
        )
    return "The index was repaired." if FindingState.REPAIRED in states else "The index is sound."


def write_checks(checks: Sequence[tuple[str, str, str, str]]) -> None:
    """Write the checks of `doctor`, (state, name, found, remedy), one a line, the remedy below."""
    wide = max((len(name) for _, name, _, _ in checks), default=0)
    lines = []
    for state, name, found, remedy in checks:
        lines.append((f"{state:<7}  {name:<{wide}}", escaped(found)))
        if remedy:
            lines.append(("", f"hint: {escaped(remedy)}"))
    write_lines(text_layout.pairs(lines, width(sys.stdout)))


def doctor_verdict(missing: int, warnings: int) -> str:
    """The one sentence that `doctor` ends with."""
    if missing:
        return f"{counted(missing, 'thing')} that mmsearch needs can't be used; see above."
    return f"Everything needed is here; {counted(warnings, 'warning')}." if warnings else "Everything needed is here."
