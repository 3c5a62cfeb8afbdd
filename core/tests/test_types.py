"""The pure values that interfaces name."""

from __future__ import annotations

import pytest

from holdall.types import ObjectMeta

ONE = ObjectMeta("k", 3, "etag", 1000.0)


def test_where_a_storage_tells_no_more_the_size_decides() -> None:
    """Else nothing could be deleted there."""
    plain = ObjectMeta("k", 3)

    assert plain.is_same(ObjectMeta("k", 3))
    assert not plain.is_same(ObjectMeta("k", 4))


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (ONE, True),
        (ONE._replace(modified=1000.9), True),  # a listing tells fractions of a second, a head does not
        (ONE._replace(modified=None), True),
        (ONE._replace(modified=1002.0), False),  # the same bytes once more, where the etag is made of them
        (ONE._replace(etag="other"), False),
        (ONE._replace(etag=None), True),
        (ONE._replace(etag=None, modified=1000.5), False),
        (ONE._replace(etag=None, modified=None), False),
        (ONE._replace(size=4), False),
        (ONE._replace(key="l"), False),
    ],
)
def test_one_write_of_one_object(other: ObjectMeta, *, same: bool) -> None:
    """Whichever way it is asked; in doubt, no."""
    assert [same, same] == [ONE.is_same(other), other.is_same(ONE)]
