"""Reads what runs in a Markdown page: Python blocks with their line and what they print, files, needs."""

from __future__ import annotations

import re
from dataclasses import dataclass

FENCE = re.compile(
    r"(?P<note><!--\s*no-run(?P<reason>[^\n]*?)-->\s*\n\s*)?"
    r"^(?P<indent>[ ]*)```(?P<language>[\w+-]*)(?P<info>[^\n]*)\n(?P<body>.*?)^(?P=indent)```[ ]*$",
    re.DOTALL | re.MULTILINE,
)
OUTPUT_COMMENT = "<!-- output -->"
NEEDS = re.compile(r"^<!-- needs: (\w+) -->$", re.MULTILINE)
TITLE = re.compile(r'title="([\w.-]+)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """`line` is the first line of the code in the page; `output` is None where the page doesn't say.

    With `file`, it is the content of that file, and not run.
    """

    code: str
    line: int
    output: str | None = None
    file: str | None = None


def dedent(body: str, indent: str) -> str:
    return "".join(line.removeprefix(indent) for line in body.splitlines(keepends=True))


def needs(page: str) -> list[str]:
    """The servers that the page's `<!-- needs: s3 -->` asks for."""
    return NEEDS.findall(page)


def read(page: str) -> list[Block]:
    """The blocks that run, and the files that they find, in order.

    `<!-- no-run: reason -->` before a block keeps it from running. `<!-- output -->` between a block and the fence
    after it says that the fence shows what the block prints. A fence in any language whose info says
    `title="name.toml"` is a file of that name.

    Raises:
        ValueError: a block is kept from running and the page doesn't say why, or an output belongs to no block.
    """
    found: list[Block] = []
    end = 0
    ran = False
    for fence in FENCE.finditer(page):
        line = page.count("\n", 0, fence.start("body")) + 1
        body = dedent(fence["body"], fence["indent"])
        is_output = page[end : fence.start()].strip() == OUTPUT_COMMENT
        end = fence.end()
        if is_output:
            if not ran:
                raise ValueError(f"line {line}: an output with no block that runs directly before it")
            found[-1] = Block(code=found[-1].code, line=found[-1].line, output=body)
        title = TITLE.search(fence["info"])
        ran = fence["language"] == "python" and fence["note"] is None and title is None
        if title is not None and fence["note"] is None:
            found.append(Block(code=body, line=line, file=title[1]))
        elif ran:
            found.append(Block(code=body, line=line))
        elif fence["note"] is not None and not fence["reason"].removeprefix(":").strip():
            raise ValueError(f"line {line}: no-run needs its reason, as <!-- no-run: why -->")
    if page.count(OUTPUT_COMMENT) != sum(block.output is not None for block in found):
        raise ValueError(f"{OUTPUT_COMMENT} stands where no block and output surround it")
    return found
