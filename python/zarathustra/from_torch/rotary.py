"""Rotary position embeddings, found out from what they do to numbers."""

import math

import torch

from ..errors import Unsupported


def rotation(projection, before, behind):
    """The rotation that turns ``before`` into ``behind``, both ``[rows, heads, time, size]``.

    ``None`` if they are equal; raises :class:`Unsupported` if no rotation does it.
    """
    time, size = before.shape[2:]
    tolerance = 1e-5 + 2e-6 * time
    if bool((before - behind).abs().max() <= 1e-6):
        return None
    changed = ((before - behind).abs() > 1e-6).reshape(-1, size).any(0)
    seen = int(changed.nonzero().max()) + 1
    sizes = dict.fromkeys((size - size % 2, seen + seen % 2))
    for rotated in sizes:
        for interleaved in (False, True):
            for base in _bases(projection, rotated, interleaved):
                turned = rotate(before, base, rotated, interleaved)
                if bool((turned - behind).abs().max() <= tolerance):
                    return {"base": base, "size": rotated, "interleaved": interleaved}
    raise Unsupported("positions enter attention in another way than by plain rotation")


def _bases(projection, size, interleaved):
    """What the base of the angles may be: the measured one, and rounded."""
    if size < 4:
        return [10000.0]
    first, second = (2, 3) if interleaved else (1, 1 + size // 2)
    seen = projection.turned(int(projection.columns[0, first]))
    angle = math.atan2(float(seen[second]), float(seen[first]))
    if not 0 < angle <= 1:
        return []
    measured = angle ** (-size / 2)
    rounded = [float(f"{measured:.{digits}g}") for digits in (1, 2, 3, 4, 5)]
    return [b for b in dict.fromkeys([*rounded, measured]) if 1 <= b < 1e12]


def rotate(x, base, size, interleaved):
    """The first ``size`` features of ``[…, time, features]`` rotated as the schema says."""
    half = size // 2
    frequency = base ** (-2 * torch.arange(half, dtype=torch.float64) / size)
    angle = torch.arange(x.shape[-2], dtype=torch.float64)[:, None] * frequency
    cos, sin = angle.cos(), angle.sin()
    wide = x.double()
    if interleaved:
        a, b = wide[..., 0:size:2], wide[..., 1:size:2]
        turned = torch.stack([a * cos - b * sin, b * cos + a * sin], -1).flatten(-2)
    else:
        a, b = wide[..., :half], wide[..., half:size]
        turned = torch.cat([a * cos - b * sin, b * cos + a * sin], -1)
    return torch.cat([turned, wide[..., size:]], -1)
