"""The workers' handler with short spans of text, so that small files have many."""

import os

from mmsearch.extraction.pages import text
from mmsearch.extraction.worker_tasks import handle

text.SPAN = int(os.environ.get("SMALL_SPANS", text.SPAN))

__all__ = ["handle"]
