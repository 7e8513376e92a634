"""Writes figures.json: the figures of sample scores (specification 5.4), from exact fractions and
mpmath with 120 digits.

Run in this folder: pip install mpmath==1.3.0 && python3 figures.py
"""

import json
import math
import random
from fractions import Fraction

from mpmath import ceil, log, mp, mpf, sqrt

mp.dps = 120
FAR = 2**53


def real(fraction):
    return mpf(fraction.numerator) / mpf(fraction.denominator)


def logarithm(alpha_ppb):
    """L with 18 decimals, rounded up, as an integer of units of 1e-18."""
    return int(ceil(log(mpf(2 * 10**9) / alpha_ppb) * mpf(10) ** 18))


def half_width(differences, width, alpha_ppb):
    n = len(differences)
    mean = Fraction(sum(differences), n)
    variance = sum((d - mean) ** 2 for d in differences) / (n - 1)
    l = Fraction(logarithm(alpha_ppb), 10**18)
    r = 2 * width
    value = sqrt(real(2 * variance * l / n)) + real(7 * r * l / (3 * (n - 1)))
    if variance == 0:
        return math.ceil(7 * r * l / (3 * (n - 1)))
    # A value closer to an integer could be rounded either way by what mpmath itself loses.
    assert abs(value - mp.nint(value)) > mpf(10) ** -60
    return int(ceil(value))


def figures(name, score_range, alpha_ppb, scores):
    n = len(scores)
    champions = [c for c, _ in scores]
    challengers = [x for _, x in scores]
    differences = [x - c for c, x in scores]
    lo, hi = score_range
    assert all(lo <= s <= hi for s in champions + challengers), name
    w = half_width(differences, hi - lo, alpha_ppb)
    mean = Fraction(sum(differences), n)
    return {
        "name": name,
        "range": list(score_range),
        "alpha_ppb": alpha_ppb,
        "scores": [list(pair) for pair in scores],
        # Python rounds fractions half to even.
        "champion": round(Fraction(sum(champions), n)),
        "challenger": round(Fraction(sum(challengers), n)),
        "improvement": round(mean),
        "lower": math.floor(mean) - w,
        "upper": math.ceil(mean) + w,
    }


def cases():
    unit = (0, 1_000_000)
    yield figures("two equal samples", unit, 1_000_000, [(0, 0), (0, 0)])
    yield figures("two opposite samples", unit, 1_000_000, [(0, 1_000_000), (1_000_000, 0)])
    yield figures("a constant difference", unit, 1_000_000, [(250_000, 750_000)] * 10)
    yield figures("a constant loss", (-1_000_000, 1_000_000), 1_000_000, [(5, -7)] * 3)
    yield figures("means of exactly one half", unit, 1_000_000, [(0, 1), (1, 0), (0, 1), (1, 4)])
    yield figures("means of minus one half", (-5, 5), 1_000_000, [(0, -1), (0, 0)])
    yield figures("thirds", unit, 50_000_000, [(0, 1), (0, 1), (1, 1)])
    yield figures("the narrowest range", (0, 1), 1, [(0, 1), (1, 1)])
    yield figures("the least alpha", unit, 1, [(i * 1000, i * 1001) for i in range(100)])
    yield figures("the largest alpha", unit, 100_000_000, [(i * 1000, i * 999) for i in range(100)])
    yield figures("the widest range, opposite", (-FAR, FAR), 1, [(-FAR, FAR), (FAR, -FAR)])
    yield figures("the widest range, constant", (-FAR, FAR), 1, [(-FAR, FAR)] * 2)
    yield figures("the widest range, many", (-FAR, FAR), 7, [(-FAR, FAR), (FAR, FAR - 1)] * 20)
    rng = random.Random(7)
    for n in (2, 3, 10, 64, 1000):
        pairs = [(rng.randint(0, 10**6), rng.randint(0, 10**6)) for _ in range(n)]
        yield figures(f"uniform, {n}", unit, 1_000_000, pairs)
    # Where the normal approximation fails: nearly always a small gain, rarely a great loss.
    skewed = [(900_000, 0) if i % 97 == 0 else (500_000, 510_000) for i in range(500)]
    yield figures("skewed", unit, 1_000_000, skewed)
    rare = [(0, 1_000_000)] + [(0, 0)] * 299
    yield figures("one gain in three hundred", unit, 1_000_000, rare)
    noisy = [(c, c + rng.randint(-3, 3)) for c in (rng.randint(10, 10**6 - 10) for _ in range(200))]
    yield figures("tiny noise", unit, 1_000_000, noisy)
    for _ in range(40):
        hi = rng.choice([1, 10, 10**3, 10**6, 10**9, 10**12])
        lo = -rng.choice([0, 1, 10**6, 10**12])
        n = rng.randint(2, 12)
        pairs = [(rng.randint(lo, hi), rng.randint(lo, hi)) for _ in range(n)]
        alpha = rng.choice([1, 2, 3, 999, 10**6, 33_333_333, 99_999_999, 10**8])
        yield figures(f"random, {n} in {lo} to {hi}", (lo, hi), alpha, pairs)


ALPHAS = [1, 2, 3, 10, 1000, 12345, 10**6, 7654321, 10**7, 31250000, 62500000, 99999999, 10**8]

with open("figures.json", "w", encoding="utf-8") as out:
    rows = ",\n    ".join(json.dumps(case) for case in cases())
    logs = ",\n    ".join(
        json.dumps({"alpha_ppb": a, "ceil_1e18": str(logarithm(a))}) for a in ALPHAS
    )
    out.write('{\n  "logarithms": [\n    ' + logs + '\n  ],\n  "cases": [\n    ' + rows + "\n  ]\n}\n")
