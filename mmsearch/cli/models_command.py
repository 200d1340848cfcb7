"""`mmsearch models`: list models with their state on this machine, download and remove them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mmsearch.cli import exit_codes, locations, options
from mmsearch.errors import MmsearchError, NoIndex, UsageError
from mmsearch.output import model_tables as shown
from mmsearch.output import records, streams
from mmsearch.output.formatting import size
from mmsearch.types import chosen

if TYPE_CHECKING:
    from mmsearch.index_status import Holdings

ACTIONS = ("list", "show", "pull", "rm")
EXAMPLES = exit_codes.epilog(
    "mmsearch models",
    "mmsearch models show clip",
    "mmsearch models pull siglip2   # for: mmsearch index --model photos",
    "mmsearch models rm clip",
    "mmsearch models --format json | jq -r '.[] | .name + \" \" + .state'",
)


def models(
    action: Annotated[str, typer.Argument(metavar="[list|show|pull|rm]", help="The action.")] = "list",
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="A short name, OWNER/NAME, or a folder.")] = None,
    revision: Annotated[str, typer.Option("--revision", metavar="REV", help="pull: this commit, branch or tag.")] = "",
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="pull: fetch the model's own code too, and run it.")
    ] = False,
    format: options.Lists = options.ListFormat.TABLE,
    index: options.Index = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """List the models, their state, and which would serve best here.

    `show` describes one model, `pull` fetches it from the hub and checks that it loads without a network, `rm` removes
    it from this machine.
    """
    if action not in ACTIONS:
        raise UsageError(f"models has no action {action!r}.", f"Choose {chosen(ACTIONS)}.")
    if format is options.ListFormat.PATHS:
        raise UsageError("A list of models has no paths.", "Choose table, json, jsonl or csv.")
    if (name is None) != (action == "list"):
        wrong = f"models {action} needs a NAME." if name is None else "models list takes no NAME."
        raise UsageError(wrong, "mmsearch models show NAME")
    if action != "pull" and (revision or trust_remote_code):
        raise UsageError("--revision and --trust-remote-code go with pull.", "Leave them out.")
    if name is None:
        return _list(format, index, quiet)
    if action == "show":
        return _show(name, format)
    return _pull(name, revision, trust_remote_code, quiet) if action == "pull" else _remove(name, quiet)


def _list(format: options.ListFormat, index: str | None, quiet: bool) -> int:
    from mmsearch.models.model_facts import listing

    found = listing()
    _put([shown.model_record(model) for model in found], format)
    if format is options.ListFormat.TABLE:
        shown.write_models(found)
    if not quiet:
        _advise(index)
    return exit_codes.DONE


def _advise(index: str | None) -> None:
    """Write which presets would serve this machine and the index best."""
    from mmsearch.models import advice, machine
    from mmsearch.output.model_advice import write_advice

    holdings, here = _holdings(index), machine.probe()
    gflops = machine.measured_gflops(here.cores)
    write_advice(here, holdings, gflops, advice.recommend(here, holdings, gflops))


def _holdings(index: str | None) -> Holdings | None:
    """What the index holds; None where there is none. Where one that was found can't be read, a note says so; one that
    was named raises."""
    from mmsearch.index import Index

    try:
        with Index.open(locations.index_folder(index)) as opened:
            return opened.holdings()
    except MmsearchError as error:
        if index is not None:
            raise
        if not isinstance(error, NoIndex):
            streams.write_note(error.sentence)
        return None


def _show(name: str, format: options.ListFormat) -> int:
    from mmsearch.models.model_facts import facts
    from mmsearch.models.registry import resolve

    found = facts(resolve(name))
    _put([shown.model_record(found)], format)
    if format is options.ListFormat.TABLE:
        shown.write_model(found)
    return exit_codes.DONE


def _put(found: list[dict[str, object]], format: options.ListFormat) -> None:
    if format is options.ListFormat.JSON:
        records.write_json(found)
    elif format is options.ListFormat.JSONL:
        records.write_jsonl(found)
    elif format is options.ListFormat.CSV:
        records.write_csv(found, shown.COLUMNS)


def _pull(name: str, revision: str, trust: bool, quiet: bool) -> int:
    from mmsearch.models import downloads
    from mmsearch.models.model_options import ModelOptions
    from mmsearch.models.registry import check_loadable, resolve

    spec = resolve(name)
    wanted = ModelOptions.of(revision=revision, trust_remote_code=trust, allow_download=True)
    check_loadable(spec, wanted)
    shown.show_download(downloads.pull(spec, wanted), quiet)
    if not quiet:
        told = downloads.recorded(spec)
        tried = "it loads without a network" if told.get("loads") else told.get("reason", "")
        streams.write_message(f"{spec.name} is here, commit {told.get('commit')}: {tried}.")
    return exit_codes.DONE


def _remove(name: str, quiet: bool) -> int:
    from mmsearch.models import downloads
    from mmsearch.models.registry import resolve

    spec = resolve(name)
    freed = downloads.remove(spec)
    if not quiet:
        streams.write_message(f"{spec.name} was removed: {size(freed)} freed.")
    return exit_codes.DONE
