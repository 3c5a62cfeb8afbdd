"""Parts of any size become pieces of one size."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from holdall_fsspec.transfer.pieces import pieces


@given(st.lists(st.binary(max_size=40), max_size=12), st.integers(min_value=1, max_value=17))
def test_nothing_is_lost_and_every_piece_is_full(parts: list[bytes], size: int) -> None:
    """All but the last have the wanted size, and there is at least one."""
    made = list(pieces(iter(parts), size=lambda _: size))

    assert b"".join(parts) == b"".join(made)
    assert [size] * (len(made) - 1) == [len(piece) for piece in made[:-1]]
    assert len(made[-1]) <= size
    assert max(1, -(-len(b"".join(parts)) // size)) == len(made)


def test_one_small_part_is_not_copied() -> None:
    """The common case: a small result."""
    part = b"small"

    (only,) = pieces([part], size=lambda _: 100)

    assert part is only


def test_views_of_any_item_size_are_bytes() -> None:
    """An array goes out as it lies in memory."""
    view = memoryview(bytes(range(16))).cast("I")

    assert [bytes(range(10)), bytes(range(10, 16))] == list(pieces([view], size=lambda _: 10))
