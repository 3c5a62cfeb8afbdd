"""The reader of blocks finds what runs and what it should print."""

from __future__ import annotations

import pytest
from blocks import Block, read

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
