"""`python benchmarks/run.py [SUBJECT …]`: every subject, or those named, in one run on this machine."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

SUBJECTS = ("calls", "small", "keys", "first", "array", "growth", "cold", "serializers", "stores")


def main(names: list[str]) -> None:
    unknown = set(names) - set(SUBJECTS)
    if unknown:
        sys.exit(f"There is no subject {min(unknown)!r}; there are {', '.join(SUBJECTS)}.")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}\n")
    with tempfile.TemporaryDirectory(prefix="holdall-bench-") as folder:
        # Spread new folders over the disk, where the filesystem can be told: see "Before you believe" in the README.
        subprocess.run(["chattr", "+T", folder], check=False, capture_output=True)  # noqa: S607
        os.environ["HOLDALL_HOME"] = str(Path(folder, "home"))
        os.chdir(folder)
        for name in names or SUBJECTS:
            for row in import_module(f"subjects.{name}").measure(Path(folder)):
                print(row.told(), end="\n\n", flush=True)


if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parents[1]))  # for the servers of tests/services
    main(sys.argv[1:])
