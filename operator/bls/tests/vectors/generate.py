"""Prints points.json: keys, signatures and points from py_ecc, an implementation of BLS12-381 in
plain Python that shares no code with blst.

    pip install py_ecc==8.0.0 && python generate.py > points.json
"""

import hashlib
import json

from py_ecc.bls.hash_to_curve import hash_to_G1
from py_ecc.optimized_bls12_381 import (
    FQ,
    FQ2,
    G2,
    add,
    b,
    b2,
    curve_order,
    field_modulus,
    is_inf,
    is_on_curve,
    multiply,
    normalize,
)

VOTE = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_"
POSSESSION = b"BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_"


def field(value):
    return int(value).to_bytes(48, "big").hex()


def g1(point):
    x, y = normalize(point)
    return field(x) + field(y)


def g2(point):
    x, y = normalize(point)
    return "".join(field(c) for c in (*x.coeffs, *y.coeffs))


def sign(secret, digest, domain):
    return multiply(hash_to_G1(digest, domain, hashlib.sha256), secret)


def case(secret, digest):
    return {
        "secret": secret.to_bytes(32, "big").hex(),
        "public_key": g2(multiply(G2, secret)),
        "digest": digest.hex(),
        "signature": g1(sign(secret, digest, VOTE)),
        "possession": g1(sign(secret, digest, POSSESSION)),
    }


def sqrt_fq(value):
    root = value ** ((field_modulus + 1) // 4)
    return root if root * root == value else None


def g1_outside_subgroup():
    for x in range(1, 100):
        x = FQ(x)
        y = sqrt_fq(x**3 + b)
        if y is not None:
            point = (x, y, FQ(1))
            assert is_on_curve(point, b)
            if not is_inf(multiply(point, curve_order)):
                return g1(point)
    raise AssertionError("no such point among small x")


def g2_outside_subgroup():
    for c0 in range(1, 100):
        x = FQ2([c0, 0])
        a0, a1 = (x * x * x + b2).coeffs
        norm = sqrt_fq(FQ(a0) ** 2 + FQ(a1) ** 2)
        if norm is None:
            continue
        for sign_of_norm in (1, -1):
            y0 = sqrt_fq((FQ(a0) + norm * sign_of_norm) / 2)
            if y0 is None or y0 == FQ(0):
                continue
            y1 = FQ(a1) / (2 * y0)
            point = (x, FQ2([int(y0), int(y1)]), FQ2([1, 0]))
            if is_on_curve(point, b2) and not is_inf(multiply(point, curve_order)):
                return g2(point)
    raise AssertionError("no such point among small x")


digests = [hashlib.sha256(bytes([i])).digest() for i in range(3)]
secrets = [1, 2, curve_order - 1] + [
    int.from_bytes(hashlib.sha256(b"key %d" % i).digest(), "big") % curve_order for i in range(4)
]
signatures = [sign(secret, digests[0], VOTE) for secret in secrets[3:]]
total = signatures[0]
key = multiply(G2, secrets[3])
for signature, secret in zip(signatures[1:], secrets[4:]):
    total = add(total, signature)
    key = add(key, multiply(G2, secret))

print(
    json.dumps(
        {
            "source": "py_ecc 8.0.0, written by generate.py",
            "modulus": field(field_modulus),
            "group_order": curve_order.to_bytes(32, "big").hex(),
            "cases": [case(secret, digests[i % 3]) for i, secret in enumerate(secrets)],
            "aggregate": {
                "digest": digests[0].hex(),
                "secrets": [secret.to_bytes(32, "big").hex() for secret in secrets[3:]],
                "signature": g1(total),
                "public_key": g2(key),
            },
            "g1_outside_subgroup": g1_outside_subgroup(),
            "g2_outside_subgroup": g2_outside_subgroup(),
        },
        indent=1,
    )
)
