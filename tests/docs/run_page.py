"""Runs the blocks of one page, as `python run_page.py PAGE`; what fails is shown with the page's own lines."""

from __future__ import annotations

import contextlib
import difflib
import io
import re
import sys
import types
from pathlib import Path

from blocks import read


def shows(shown: str, printed: str) -> bool:
    """Whether the page shows what was printed; `…` in the page stands for anything within a line."""
    return re.fullmatch(re.escape(shown).replace("…", ".*"), printed) is not None


def main(page: Path) -> int:
    # Blocks import the files that the page has them write.
    sys.path.insert(0, "")
    # Blocks define functions that are pickled by reference: their module has to be importable by its name.
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    for block in read(page.read_text(encoding="utf-8")):
        if block.file is not None:
            Path(block.file).write_text(block.code, encoding="utf-8")
            continue
        # Line breaks before the code give a traceback the line numbers of the page.
        code = compile("\n" * (block.line - 1) + block.code, str(page), "exec", dont_inherit=True)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, module.__dict__)  # noqa: S102 - running the documentation is the point
        if block.output is not None and not shows(block.output, printed.getvalue()):
            expected, actual = block.output.splitlines(), printed.getvalue().splitlines()
            difference = difflib.unified_diff(expected, actual, "the page", "printed", lineterm="")
            print(f"{page}:{block.line} prints something else:", *difference, sep="\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
