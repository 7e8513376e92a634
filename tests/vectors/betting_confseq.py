"""Holds the betting bounds of figures.json against confseq, the software of the bound's authors.

Run in this folder: pip install confseq==0.0.11 mpmath==1.3.0 "numpy<2" && python3 betting_confseq.py
Building confseq takes a C++ compiler and Boost; src/ of its sources on PYTHONPATH does here as well.
confseq's capital process is given our order of samples and the stake of 3/4; bets, capital and
float arithmetic are its own. Limits may differ by what our bets round, and by one unit of the grid.
"""

import json
import math

import numpy as np
from confseq.betting import betting_ci, betting_mart
from confseq.betting_strategies import lambda_predmix_eb

from figures import betting_order


def limit(gains, alpha):
    """The greatest rejected mean of gains between 0 and 1, by bisection."""
    x = np.array([gains[i] for i in betting_order(len(gains))])

    def bets(x, _):
        return lambda_predmix_eb(x, alpha=alpha / 2, fixed_n=len(x))

    def rejects(mean):
        capital = betting_mart(x, mean, lambdas_fn_positive=bets, theta=1, trunc_scale=3 / 4)
        return capital.max() >= 1 / alpha

    low, high = 0.0, float(np.mean(x))
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rejects(middle) else (low, middle)
    return low


def gains(case):
    lo, hi = case["range"]
    return [(x - c + hi - lo) / (2 * (hi - lo)) for c, x in case["scores"]]


def compare(case):
    """The largest distance of a bound from confseq's, as a part of R beyond one unit."""
    lo, hi = case["range"]
    most, alpha, x = 2 * (hi - lo), case["alpha_ppb"] / 1e9, gains(case)
    lower = limit(x, alpha) * most - (hi - lo)
    upper = (hi - lo) - limit([1 - g for g in x], alpha) * most
    # Ours are on the grid, on the far side.
    off = max(abs(lower - case["lower"]), abs(upper - case["upper"]))
    return max(0.0, off - 1) / most


with open("figures.json", encoding="utf-8") as file:
    cases = [case for case in json.load(file)["cases"] if case["bound"] == "betting"]
worst = max(cases, key=compare)
print(f"{len(cases)} cases, the farthest is {compare(worst):.2e} of R off: {worst['name']}")
assert compare(worst) < 1e-5

# confseq's own interval for a fixed number of samples, two-sided at alpha, against both sides of
# ours at alpha/2: its stake and its grid of 1/1000 are other choices.
rng = np.random.default_rng(1)
for n in (256, 1024):
    for name, x in [
        ("0/1", (rng.random(n) < 0.5).astype(float)),
        ("normal", np.clip(rng.normal(0.5, 0.1, n), 0, 1)),
        ("beta(10, 30)", rng.beta(10, 30, n)),
    ]:
        ours = 1 - limit(list(1 - x), 0.025) - limit(list(x), 0.025)
        low, high = betting_ci(x, alpha=0.05)
        theirs = high - low
        hoeffding = 2 * math.sqrt(math.log(2 / 0.05) / (2 * n))
        print(f"{n} {name}: width {ours:.4f}, betting_ci {theirs:.4f}, Hoeffding {hoeffding:.4f}")
