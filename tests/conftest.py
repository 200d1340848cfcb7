"""Tests neither see nor touch what is the user's, reach no network, and leave cores to each other."""

import os
import tempfile

_home = tempfile.TemporaryDirectory(prefix="mmsearch-tests-")  # removed when the process ends
for _variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
    os.environ[_variable] = os.path.join(_home.name, _variable.split("_")[1].lower())
for _variable in [name for name in os.environ if name.startswith("MMSEARCH_")]:
    del os.environ[_variable]
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"  # tiny models on shared cores run ten times slower with more
