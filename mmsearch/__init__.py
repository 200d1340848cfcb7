"""Search a folder of mixed media by meaning: text, pictures, PDFs, sound and video, locally.

from pathlib import Path
from mmsearch import Index, Query, Settings

for event in Index.update(Path("my.index"), [b"docs"], Settings()):
    ...
for hit in Index.open(Path("my.index")).search(Query("revenue chart")).hits:
    print(hit.path, hit.locator.fragment(), hit.score)
"""

from mmsearch import telemetry
from mmsearch.config import Settings
from mmsearch.errors import MmsearchError
from mmsearch.index import Index
from mmsearch.types import Answer, Filter, Hit, Query

__version__ = "0.1.0"
__all__ = ["Answer", "Filter", "Hit", "Index", "MmsearchError", "Query", "Settings", "__version__"]

telemetry.refuse()  # nothing above imports a library that reports
