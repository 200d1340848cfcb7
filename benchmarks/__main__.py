"""Times ours and the plain way in turns and prints the ratios of their medians; `--record` keeps them."""

from __future__ import annotations

import argparse
import datetime
import sys
from pathlib import Path

from benchmarks import measure
from benchmarks.rows import ROWS, Row

RESULTS = Path(__file__).with_name("RESULTS.md")
MARK = "<!-- new rows above this line -->"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="*", choices=[[], *ROWS], help="which rows; all without any")
    parser.add_argument("--files", type=int, default=100_000, help="how many text files to make (100000)")
    parser.add_argument("--repeats", type=int, default=10, help="measured runs of each command (10)")
    parser.add_argument("--threads", type=int, default=2, help="threads that libraries may use (2)")
    parser.add_argument("--folder", type=Path, default=measure.ROOT / "build" / "bench", help="for inputs and indexes")
    parser.add_argument("--record", action="store_true", help=f"append the rows to {RESULTS.name}")
    options = parser.parse_args()
    print(f"{measure.machine()}; commit {measure.commit()}; load {measure.busy():.1f}", file=sys.stderr)
    for name in options.rows or ROWS:
        row = ROWS[name](options.folder.absolute(), options.files, options.repeats, options.threads)
        print(
            f"{row.work}: {row.ours_s:.3f} s, plain {row.plain_s:.3f} s, ratio {row.ratio:.2f} ({row.note})", flush=True
        )
        if options.record:
            record(row)


def record(row: Row) -> None:
    """Add a row to the kept results."""
    cells = [
        datetime.date.today().isoformat(),
        measure.commit(),
        measure.machine(),
        f"{measure.busy():.1f}",
        row.work,
        f"{row.ours_s:.3f}",
        f"{row.plain_s:.3f}",
        f"{row.ratio:.2f}",
        row.note,
    ]
    text = RESULTS.read_text("utf-8")
    RESULTS.write_text(text.replace(MARK, f"| {' | '.join(cells)} |\n{MARK}"), "utf-8")


if __name__ == "__main__":
    main()
