"""Search a folder of mixed media by meaning: text, pictures, PDFs, sound and video, locally.

from mmsearch import Index, Query, Settings

for event in Index.update("my.index", ["docs"], Settings()):
    ...
with Index.open("my.index") as index:
    for hit in index.search(Query("revenue chart")).hits:
        print(hit.path, hit.locator.fragment(), hit.score)
"""

from mmsearch import telemetry
from mmsearch.config import Settings
from mmsearch.errors import MmsearchError
from mmsearch.index import Index
from mmsearch.query import Answer, Filter, Hit, Part, Query, RunOptions

__version__ = "0.1.0"
__all__ = [
    "Answer",
    "Filter",
    "Hit",
    "Index",
    "MmsearchError",
    "Part",
    "Query",
    "RunOptions",
    "Settings",
    "__version__",
]

telemetry.refuse()  # nothing above imports a library that reports
