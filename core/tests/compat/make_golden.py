"""Writes golden data for the members that have none: run by hand, with Python 3.11, where every plugin is installed.

    python core/tests/compat/make_golden.py

Data that is there is left alone, because what it is worth is its age. So a new public class gets its data from the
release that brings it, and a name that has gone from `golden_members` keeps the data that has to load all the same.
A member that changes on purpose (a new default, say) has its lines deleted by hand, with the reason in the commit.

The pickles name functions of `golden_members` by reference, as they do modules of holdall; code is in none of them.
"""

from __future__ import annotations

import sys

from golden_data import FORMS, dump, read, write
from golden_members import is_installed, members, of_plugins


def main() -> None:
    """Adds what is missing, and says how much."""
    missing = [package for package in of_plugins() if not is_installed(package)]
    if missing or sys.version_info[:2] != (3, 11):
        raise SystemExit(f"Run it with Python 3.11 where these are installed too: {', '.join(missing) or 'all are'}.")
    data = read()
    before = len(data)
    known = {name for name, _ in data}
    for name, (package, make) in members().items():
        if name not in known:
            written = {form: dump(form, make()) for form in FORMS}
            data |= {(name, form): (package, found) for form, found in written.items() if found is not None}
    write(data)
    print(f"{len(data) - before} added, {len(data)} in all")


if __name__ == "__main__":
    main()
