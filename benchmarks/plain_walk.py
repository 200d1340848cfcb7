"""The least that any tool must do to see that nothing changed: list a tree and stat its files. No Unicode, no sorting.

python -m benchmarks.plain_walk FOLDER
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    files = size = 0
    folders = [os.fsencode(sys.argv[1])]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    files += 1
                    size += entry.stat(follow_symlinks=False).st_size
    print(files, size)


if __name__ == "__main__":
    main()
