"""Hashers of tensors: dtype, shape, layout, kind of device and items in order, whatever the strides."""

from __future__ import annotations

from typing import Any

from holdall.cache.hashers.numpy import array
from holdall.cache.hashers.parts import Chunks, Step


def tensor(value: Any) -> Any:
    import torch

    plain = value.detach()
    facts = str(value.dtype), tuple(value.shape), str(value.layout), value.device.type, value.requires_grad
    if value.layout is torch.sparse_coo:
        plain = plain.coalesce()
        items: Any = tensor(plain.indices()), tensor(plain.values())
    elif value.layout in {torch.sparse_csr, torch.sparse_bsr}:
        items = tensor(plain.crow_indices()), tensor(plain.col_indices()), tensor(plain.values())
    elif value.layout in {torch.sparse_csc, torch.sparse_bsc}:
        items = tensor(plain.ccol_indices()), tensor(plain.row_indices()), tensor(plain.values())
    elif value.is_quantized:
        items = tensor(plain.int_repr()), repr(plain.qscheme()), _scales(plain)
    else:
        items = _items(plain)
    return facts, _names(value), items, Step(".grad", value.grad if value.is_leaf else None)


def _items(value: Any) -> Any:
    import torch

    value = (value.rename(None) if _names(value) else value).cpu().resolve_conj().resolve_neg()
    if value.dtype is torch.bfloat16:
        value = value.to(torch.float32)  # which has all of its values, and NumPy knows it
    try:
        return array(value.numpy())
    except TypeError:  # of eight bits and fewer, which NumPy does not know
        return Chunks([memoryview(value.contiguous().view(torch.uint8).numpy().reshape(-1))])


def _names(value: Any) -> tuple[str | None, ...]:
    """Returns the names of the dimensions, in releases that have them."""
    names = tuple(getattr(value, "names", ()))
    return names if any(names) else ()


def _scales(value: Any) -> Any:
    import torch

    if value.qscheme() in {torch.per_tensor_affine, torch.per_tensor_symmetric}:
        return value.q_scale(), value.q_zero_point()
    return tensor(value.q_per_channel_scales()), tensor(value.q_per_channel_zero_points()), value.q_per_channel_axis()


def named(value: Any) -> str:
    return str(value)


def generator(value: Any) -> Any:
    return value.device.type, tensor(value.get_state())
