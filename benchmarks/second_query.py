"""The second text query of a process against its first, in the index of 100,000 embeddings of the cold query.

python -m benchmarks.second_query INDEX     prints a JSON object
"""

from __future__ import annotations

import json
import statistics
import sys
import time

from benchmarks import cold, measure
from benchmarks.measure import Setting
from benchmarks.table import Row

QUERIES = (
    "when does the ferry leave",
    "which bridge was painted red",
    "how is the harbour dredged",
    "annual revenue of the museum",
    "which lamp was broken",
)
TURNS = 4  # over the queries


def rows(setting: Setting) -> list[Row]:
    """Medians over fresh processes: as a multiple of the first query's time, and in milliseconds."""
    index, vectors = setting.folder / f"passages-{cold.EMBEDDINGS}", setting.folder / f"vectors-{cold.EMBEDDINGS}.npy"
    model = setting.folder / "default-text-model"
    measure.run([sys.executable, "-m", "benchmarks.cold", str(index), str(vectors), str(model)], setting.env)
    told = [measure.told("benchmarks.second_query", setting.env, str(index)) for _ in range(setting.turns)]
    first, second, later = (statistics.median(one[name] for one in told) for name in ("first_s", "second_s", "later_s"))
    work, note = f"second query of a process, {cold.EMBEDDINGS:,} embeddings", f"median of {setting.turns} processes"
    shown = f"{second * 1000:.1f} ms, first {first * 1000:.0f} ms"
    return [
        Row(f"{work}: share of the first", shown, "-", second / first, None, 0.1, note),
        Row(
            "the same, in milliseconds",
            f"{second * 1000:.1f} ms",
            "-",
            second * 1000,
            None,
            15.0,
            f"on an idle machine; later queries {later * 1000:.1f} ms",
        ),
    ]


def main() -> None:
    from mmsearch import Index, Query

    with Index.open(sys.argv[1]) as index:

        def seconds(text: str) -> float:
            began = time.perf_counter()
            index.search(Query(text))
            return time.perf_counter() - began

        first, second = seconds(cold.QUERY), seconds(QUERIES[0])
        later = statistics.median(seconds(text) for text in QUERIES * TURNS)
    print(json.dumps({"first_s": first, "second_s": second, "later_s": later}))


if __name__ == "__main__":
    main()
