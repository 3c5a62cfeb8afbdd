"""The reader of blocks finds what runs and what it should print."""

from __future__ import annotations

import pytest
from blocks import Block, needs, read
from run_page import shows

PAGE = """\
# Title

```python
x = 1
```

<!-- no-run: needs an account -->
```python
launch()
```

```bash
ls
```

- in a list:

    ```python
    print(x)
    ```

    <!-- output -->
    ```text
    1
    ```
"""


def test_blocks_that_run_are_found_with_their_lines_and_output() -> None:
    """Other languages and excused blocks are left out, indented ones and outputs are found."""
    assert [Block(code="x = 1\n", line=4), Block(code="print(x)\n", line=19, output="1\n")] == read(PAGE)


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("<!-- no-run -->\n```python\nx\n```\n", "needs its reason"),
        ("<!-- no-run: -->\n```python\nx\n```\n", "needs its reason"),
        ("```bash\nls\n```\n<!-- output -->\n```\na\n```\n", "no block that runs"),
        ("```python\nx\n```\nand\n<!-- output -->\n", "stands where no block"),
    ],
)
def test_notes_that_say_nothing_are_refused(page: str, message: str) -> None:
    """A block is excused for a reason, and an output belongs to a block."""
    with pytest.raises(ValueError, match=message):
        read(page)


def test_a_titled_fence_is_a_file() -> None:
    """A fence in any language with a file name for a title is that file, and no code to run."""
    page = '```toml title="holdall.toml"\nx = 1\n```\n'

    assert [Block(code="x = 1\n", line=2, file="holdall.toml")] == read(page)


def test_a_page_says_which_server_it_needs() -> None:
    """The comment stands on a line of its own."""
    assert needs("# Title\n\n<!-- needs: s3 -->\n\nText\n") == ["s3"]
    assert needs("Write `<!-- needs: s3 -->` in the page.\n") == []


def test_an_ellipsis_stands_for_anything_within_a_line() -> None:
    """What differs from run to run is left out; everything else is compared."""
    assert shows("run … took (… s)\n", "run 07f3 took (0.1 s)\n")
    assert not shows("run …\n", "run 07f3\ntook 0.1 s\n")
    assert not shows("run 0.\n", "run 01\n")
