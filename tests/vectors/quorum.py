"""Writes quorum.json: the quorum rule (specification 3.1) in exact fractions.

Run in this folder: python3 quorum.py
"""

import json
from fractions import Fraction

TOTALS = range(1, 13)
THRESHOLDS = [(2, 3), (3, 4), (4, 5), (5, 6), (7, 10), (9, 10), (67, 100), (11, 12)]
LARGE_TOTALS = [2**64 - 1, 2**64, 3 * 2**100, 2**128 - 1]
LARGE_THRESHOLDS = [(2, 3), (3, 4), (43691, 65535), (65534, 65535)]
PAIRS = [
    (0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (3, 2), (3, 3), (3, 4),
    (33, 50), (66, 100), (67, 100), (99, 100), (100, 100), (43689, 65535), (43690, 65535),
    (65534, 65535), (65535, 65535), (65535, 65534), (65535, 0), (0, 65535),
]


def reached(part, total, threshold):
    """More than the threshold's share of all stake."""
    return Fraction(part, total) > threshold


def blocked(part, total, threshold):
    """What is left cannot exceed the threshold any more, and `part` does not exceed it either."""
    can_still_be_reached = reached(total - part, total, threshold)
    return not can_still_be_reached and not reached(part, total, threshold)


def small():
    for p, q in THRESHOLDS:
        for total in TOTALS:
            parts = range(total + 1)
            yield {
                "p": p,
                "q": q,
                "total": total,
                "reached": [reached(part, total, Fraction(p, q)) for part in parts],
                "blocked": [blocked(part, total, Fraction(p, q)) for part in parts],
            }


def large():
    for p, q in LARGE_THRESHOLDS:
        for total in LARGE_TOTALS:
            threshold = Fraction(p, q)
            edges = {int(threshold * total), int((1 - threshold) * total)}
            parts = {0, total} | {e + d for e in edges for d in (-1, 0, 1)}
            for part in sorted(x for x in parts if 0 <= x <= total):
                yield {
                    "p": p,
                    "q": q,
                    "total": word(total),
                    "part": word(part),
                    "reached": reached(part, total, threshold),
                    "blocked": blocked(part, total, threshold),
                }


def word(value):
    """32 bytes in hex, since JSON numbers of this size are not read alike everywhere."""
    return f"0x{value:064x}"


def thresholds():
    for p, q in PAIRS:
        valid = q > 0 and Fraction(2, 3) <= Fraction(p, q) < 1
        yield {"p": p, "q": q, "valid": valid}


def rows(items):
    return "[\n    " + ",\n    ".join(json.dumps(item, sort_keys=True) for item in items) + "\n  ]"


with open("quorum.json", "w", encoding="utf-8") as out:
    out.write('{\n  "thresholds": ' + rows(thresholds()))
    out.write(',\n  "small": ' + rows(small()))
    out.write(',\n  "large": ' + rows(large()) + "\n}\n")
