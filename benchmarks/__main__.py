"""Times mmsearch and the plain way in alternation and prints a table of the ratios of their medians; `--record` appends
it to RESULTS.md."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benchmarks import measure, table
from benchmarks.rows import ROWS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="*", choices=[[], *ROWS], help=f"which rows: {', '.join(ROWS)}; all without any")
    parser.add_argument("--files", type=int, default=100_000, help="how many text files to make (100000)")
    parser.add_argument(
        "--repeats",
        type=int,
        default=10,
        help="measured runs of each quick command, three times as many as of others (10)",
    )
    parser.add_argument("--threads", type=int, default=2, help="threads that libraries may use (2)")
    parser.add_argument("--folder", type=Path, default=measure.ROOT / "build" / "bench", help="for inputs and indexes")
    parser.add_argument("--record", action="store_true", help=f"append the rows to {table.RESULTS.name}")
    options = parser.parse_args()
    print(f"{measure.machine()}; commit {measure.commit()}; load {measure.busy():.1f}", file=sys.stderr)
    setting = measure.Setting(options.folder.absolute(), options.files, options.repeats, options.threads)
    setting.folder.mkdir(parents=True, exist_ok=True)
    done: list[table.Row] = []
    failed: list[str] = []
    for name in options.rows or ROWS:
        began = time.monotonic()
        try:
            rows = ROWS[name](setting)
        except measure.CommandFailed as error:  # the other rows are worth having all the same
            failed.append(name)
            print(error, file=sys.stderr)
            rows = [table.Row(name, note=f"failed: {str(error).splitlines()[-1]}")]
        print(f"{name} took {time.monotonic() - began:.0f} s\n{table.printed(rows)}\n", file=sys.stderr, flush=True)
        for row in rows if options.record and name not in failed else ():
            table.record(row)
        done += rows
    print(table.printed(done))
    if failed:
        sys.exit(f"Failed: {', '.join(failed)}.")


if __name__ == "__main__":
    main()
