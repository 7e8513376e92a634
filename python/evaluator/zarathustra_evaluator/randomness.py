"""The one source of randomness: the seed of the task."""

import random

SEED_BYTES = 32


def rng(seed: bytes) -> random.Random:
    """A source of random numbers that follows from the seed.

    It is the Mersenne Twister MT19937, initialised as `random.Random` does it with the seed as a
    big-endian integer. `random()` is `((a >> 5) * 2**26 + (b >> 6)) / 2**53` of two successive
    32-bit outputs `a` and `b`, and `uniform(lo, hi)` is `lo + (hi - lo) * random()`. What else it
    draws (`randrange`, `gauss`, `shuffle`, ...) is drawn as the Python within the component does,
    which is part of the component and so the same for everybody.
    """
    if len(seed) != SEED_BYTES:
        raise ValueError(f"a seed has {SEED_BYTES} bytes, not {len(seed)}")
    return random.Random(int.from_bytes(seed, "big"))
