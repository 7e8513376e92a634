"""Writes verdict.json: the verdict on scored results (specification 5.6), engine by engine.

A verdict on reference figures is read off their bounds. Figures of libtorch stand for every pair of
bounds within the tolerance of theirs: where all of these have one verdict it is theirs, and where
they have several no honest result states such figures. All pairs are tried.

Run in this folder: python3 verdict.py
"""

import json

MIN_IMPROVEMENT, TOLERANCE, SLASH_MARGIN, MIN_SAMPLES = 1000, 10, 5000, 1000
LIBTORCH, REFERENCE = 1, 2
BETTER, NOT_SIGNIFICANT, WORSE, MALFORMED = 10, 11, 12, 14
LEAST, MOST = -(2**63), 2**63 - 1


def of_bounds(lower, upper):
    if lower >= MIN_IMPROVEMENT:
        return BETTER
    if upper < -SLASH_MARGIN:
        return WORSE
    return NOT_SIGNIFICANT


def verdict(engine, lower, upper):
    if engine == REFERENCE:
        return of_bounds(lower, upper)
    near = range(-TOLERANCE, TOLERANCE + 1)
    possible = {of_bounds(lower + x, upper + y) for x in near for y in near}
    return possible.pop() if len(possible) == 1 else MALFORMED


def around(edge):
    for far in (0, TOLERANCE):
        for step in (-1, 0, 1):
            for sign in (-1, 1):
                yield edge + sign * far + step


def pairs():
    for lower in around(MIN_IMPROVEMENT):
        for width in (0, 1, 5000):
            yield lower, lower + width
    for upper in around(-SLASH_MARGIN):
        for width in (0, 1, 5000):
            yield upper - width, upper
    yield from ((0, 0), (-4000, 900), (-9000, 5000), (-9000, 1000))
    yield from ((LEAST, LEAST), (LEAST, MOST), (MOST, MOST), (LEAST, -SLASH_MARGIN - 1))


rows = [
    {"engine": engine, "lower": lower, "reason": verdict(engine, lower, upper), "upper": upper}
    for lower, upper in sorted(set(pairs()))
    for engine in (LIBTORCH, REFERENCE)
]
terms = {
    "min_improvement": MIN_IMPROVEMENT,
    "min_samples": MIN_SAMPLES,
    "slash_margin": SLASH_MARGIN,
    "tolerance": TOLERANCE,
}
with open("verdict.json", "w", encoding="utf-8") as out:
    out.write('{\n  "terms": ' + json.dumps(terms, sort_keys=True))
    out.write(',\n  "cases": [\n    ')
    out.write(",\n    ".join(json.dumps(row, sort_keys=True) for row in rows) + "\n  ]\n}\n")
