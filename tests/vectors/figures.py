"""Writes figures.json: the figures of sample scores (specification 5.4), from exact fractions and
mpmath with 120 digits.

The capital of the betting bound is an exact product here, cut off nowhere: where the specification
cuts it off, no limit of these cases may change.

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


def betting_order(n):
    """The indices in the order of betting."""
    step = max(1, n * 11400714819323198485 // 2**64)
    while math.gcd(step, n) != 1:
        step += 1
    return [t * step % n for t in range(n)]


def rejected_below(gains, most, alpha_ppb):
    """The greatest integer mean of the gains that is rejected, 0 for none.

    Gains are integers from 0 to most.
    """
    n = len(gains)
    ordered = [gains[i] for i in betting_order(n)]
    scale = 32 + most.bit_length()
    double_log = 2 * logarithm(alpha_ppb) * 2**44 // 10**18
    bets, sum_, squares = [], 2**19, 2**38
    for t, gain in enumerate(ordered, 1):
        bet = math.isqrt(double_log * t * 2**52 // (n * squares))
        bets.append(bet * 2 ** (scale - 28) // most)
        part = gain * 2**20 // most
        sum_ += part
        squares += (part - sum_ // (t + 1)) ** 2

    def rejects(mean):
        cap = 3 * 2 ** (scale - 2) // mean
        capital = 1
        for t, (gain, bet) in enumerate(zip(ordered, bets), 1):
            if bet <= cap:
                capital *= 2**scale + bet * (gain - mean)
            else:
                capital *= 2 ** (scale - 2) + cap * gain
            # capital / 2^(scale t) >= 1 / alpha
            if capital * alpha_ppb >= 10**9 << (scale * t):
                return True
        return False

    low, high = 0, sum(gains) // n + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if rejects(middle) else (low, middle)
    return low


def bounds(kind, differences, width, alpha_ppb):
    n = len(differences)
    if kind == "betting":
        lower = rejected_below([width + d for d in differences], 2 * width, alpha_ppb) - width
        upper = width - rejected_below([width - d for d in differences], 2 * width, alpha_ppb)
        return lower, upper
    mean = Fraction(sum(differences), n)
    w = half_width(differences, width, alpha_ppb)
    return math.floor(mean) - w, math.ceil(mean) + w


def figures(kind, name, score_range, alpha_ppb, scores):
    n = len(scores)
    champions = [c for c, _ in scores]
    challengers = [x for _, x in scores]
    differences = [x - c for c, x in scores]
    lo, hi = score_range
    assert all(lo <= s <= hi for s in champions + challengers), name
    lower, upper = bounds(kind, differences, hi - lo, alpha_ppb)
    return {
        "name": name,
        "bound": kind,
        "range": list(score_range),
        "alpha_ppb": alpha_ppb,
        "scores": [list(pair) for pair in scores],
        # Python rounds fractions half to even.
        "champion": round(Fraction(sum(champions), n)),
        "challenger": round(Fraction(sum(challengers), n)),
        "improvement": round(Fraction(sum(differences), n)),
        "lower": lower,
        "upper": upper,
    }


def cases():
    unit = (0, 1_000_000)
    yield ("two equal samples", unit, 1_000_000, [(0, 0), (0, 0)])
    yield ("two opposite samples", unit, 1_000_000, [(0, 1_000_000), (1_000_000, 0)])
    yield ("a constant difference", unit, 1_000_000, [(250_000, 750_000)] * 10)
    yield ("a constant loss", (-1_000_000, 1_000_000), 1_000_000, [(5, -7)] * 3)
    yield ("means of exactly one half", unit, 1_000_000, [(0, 1), (1, 0), (0, 1), (1, 4)])
    yield ("means of minus one half", (-5, 5), 1_000_000, [(0, -1), (0, 0)])
    yield ("thirds", unit, 50_000_000, [(0, 1), (0, 1), (1, 1)])
    yield ("the narrowest range", (0, 1), 1, [(0, 1), (1, 1)])
    yield ("the least alpha", unit, 1, [(i * 1000, i * 1001) for i in range(100)])
    yield ("the largest alpha", unit, 100_000_000, [(i * 1000, i * 999) for i in range(100)])
    yield ("the widest range, opposite", (-FAR, FAR), 1, [(-FAR, FAR), (FAR, -FAR)])
    yield ("the widest range, constant", (-FAR, FAR), 1, [(-FAR, FAR)] * 2)
    yield ("the widest range, many", (-FAR, FAR), 7, [(-FAR, FAR), (FAR, FAR - 1)] * 20)
    rng = random.Random(7)
    for n in (2, 3, 10, 64, 1000):
        pairs = [(rng.randint(0, 10**6), rng.randint(0, 10**6)) for _ in range(n)]
        yield (f"uniform, {n}", unit, 1_000_000, pairs)
    # Where the normal approximation fails: nearly always a small gain, rarely a great loss.
    skewed = [(900_000, 0) if i % 97 == 0 else (500_000, 510_000) for i in range(500)]
    yield ("skewed", unit, 1_000_000, skewed)
    rare = [(0, 1_000_000)] + [(0, 0)] * 299
    yield ("one gain in three hundred", unit, 1_000_000, rare)
    noisy = [(c, c + rng.randint(-3, 3)) for c in (rng.randint(10, 10**6 - 10) for _ in range(200))]
    yield ("tiny noise", unit, 1_000_000, noisy)
    for _ in range(40):
        hi = rng.choice([1, 10, 10**3, 10**6, 10**9, 10**12])
        lo = -rng.choice([0, 1, 10**6, 10**12])
        n = rng.randint(2, 12)
        pairs = [(rng.randint(lo, hi), rng.randint(lo, hi)) for _ in range(n)]
        alpha = rng.choice([1, 2, 3, 999, 10**6, 33_333_333, 99_999_999, 10**8])
        yield (f"random, {n} in {lo} to {hi}", (lo, hi), alpha, pairs)


def betting_cases():
    """What only the betting bound is tried on: enough samples to win some capital."""
    rng = random.Random(11)
    unit = (0, 1_000_000)
    yield ("a clear gain", unit, 1_000_000, [(400_000, 500_000)] * 100)
    # Claims near the lower end of the range: the stake is capped, and one win multiplies it.
    yield ("all but the greatest loss", (0, 1), 10**8, [(1, 0)] * 60 + [(0, 1)] * 3)
    yield ("early gains, late losses", unit, 10**7, [(0, 400_000)] * 90 + [(400_000, 0)] * 90)
    yield ("late gains, early losses", unit, 10**7, [(400_000, 0)] * 90 + [(0, 400_000)] * 90)
    yield ("few discordant", (0, 1), 10**6, [(0, 1) if i % 9 == 0 else (0, 0) for i in range(300)])
    for n in (97, 256, 700):
        gauss = [int(min(max(rng.gauss(40_000, 90_000), -500_000), 500_000)) for _ in range(n)]
        yield (f"a normal gain, {n}", unit, 1_000_000, [(500_000, 500_000 + d) for d in gauss])
    for _ in range(30):
        hi = rng.choice([1, 10, 10**3, 10**6, 10**9, FAR])
        lo = -rng.choice([0, 1, 10**6, FAR])
        n = rng.randint(30, 120)
        alpha = rng.choice([1, 999, 10**6, 33_333_333, 10**8])
        shift = rng.choice([0, 0, 1, 2])
        draws = ([rng.randint(lo, hi) for _ in range(2 + shift)] for _ in range(n))
        # The better of several draws is the challenger's.
        pairs = [(draw[0], max(draw[1:])) for draw in draws]
        yield (f"random, {n} in {lo} to {hi}, {shift}", (lo, hi), alpha, pairs)


def all_cases():
    for case in cases():
        yield figures("empirical_bernstein", *case)
    for case in (*cases(), *betting_cases()):
        yield figures("betting", *case)


ALPHAS = [1, 2, 3, 10, 1000, 12345, 10**6, 7654321, 10**7, 31250000, 62500000, 99999999, 10**8]

if __name__ == "__main__":
    with open("figures.json", "w", encoding="utf-8") as out:
        rows = ",\n    ".join(json.dumps(case) for case in all_cases())
        logs = ",\n    ".join(
            json.dumps({"alpha_ppb": a, "ceil_1e18": str(logarithm(a))}) for a in ALPHAS
        )
        out.write('{\n  "logarithms": [\n    ' + logs + '\n  ],\n  "cases": [\n    ' + rows + "\n  ]\n}\n")
