"""Writes bls.json with py_ecc, an implementation that shares no code with ours.

Run in this folder: pip install py_ecc==8.0.0 && python3 bls.py
Secret keys and messages are SHA-256 digests of labels, so the file is reproducible.
"""

import json
from hashlib import sha256

from py_ecc.bls.hash_to_curve import hash_to_G1
from py_ecc.bls.point_compression import compress_G1, compress_G2
from py_ecc.fields import optimized_bls12_381_FQ as FQ
from py_ecc.fields import optimized_bls12_381_FQ2 as FQ2
from py_ecc.optimized_bls12_381 import (
    G2, Z1, Z2, add, b, b2, curve_order, field_modulus, is_inf, is_on_curve, multiply, neg,
    normalize, pairing,
)

VOTE_TAG = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_"
POSSESSION_TAG = b"BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_"
TAGS = {"vote": VOTE_TAG, "possession": POSSESSION_TAG}


def fp(value):
    return int(value).to_bytes(48, "big")


def g1(point):
    """Unpadded: x, y; zeros for infinity."""
    if is_inf(point):
        return bytes(96)
    x, y = normalize(point)
    return fp(x) + fp(y)


def g2(point):
    """Unpadded, in the order of EIP-2537: x.c0, x.c1, y.c0, y.c1."""
    if is_inf(point):
        return bytes(192)
    x, y = normalize(point)
    return b"".join(fp(c) for c in (*x.coeffs, *y.coeffs))


def compressed_g2(point):
    z1, z2 = compress_G2(point)
    return fp(z1) + fp(z2)


def text(data):
    return "0x" + data.hex()


def secret(index):
    return int.from_bytes(sha256(b"secret key %d" % index).digest(), "big") % curve_order


def message(index):
    return sha256(b"message %d" % index).digest()


def sign(key, digest, tag):
    return multiply(hash_to_G1(digest, tag, sha256), key)


def verify(signature, key, digest, tag):
    if is_inf(signature) or is_inf(key):
        return False
    return pairing(G2, signature) == pairing(key, hash_to_G1(digest, tag, sha256))


def sum_of(points, zero):
    total = zero
    for point in points:
        total = add(total, point)
    return total


def outside_subgroup_g1():
    """A point on the curve whose order does not divide that of the subgroup."""
    x = 1
    while True:
        square = FQ(x) ** 3 + b
        y = square ** ((field_modulus + 1) // 4)
        point = (FQ(x), y, FQ(1))
        if y * y == square and not is_inf(multiply(point, curve_order)):
            assert is_on_curve(point, b)
            return point
        x += 1


def outside_subgroup_g2():
    x = 1
    while True:
        square = FQ2([x, 0]) ** 3 + b2
        root = sqrt_fq2(square)
        if root is not None:
            point = (FQ2([x, 0]), root, FQ2.one())
            if not is_inf(multiply(point, curve_order)):
                assert is_on_curve(point, b2)
                return point
        x += 1


def sqrt_fq2(value):
    """A square root by the field's norm, or None."""
    a0, a1 = (int(c) for c in value.coeffs)
    p = field_modulus
    norm = pow(a0 * a0 + a1 * a1, (p + 1) // 4, p)
    for sign_of_norm in (norm, -norm):
        half = (a0 + sign_of_norm) * pow(2, -1, p) % p
        c0 = pow(half, (p + 1) // 4, p)
        if c0 == 0:
            continue
        root = FQ2([c0, a1 * pow(2 * c0, -1, p) % p])
        if root * root == value:
            return root
    return None


def signatures():
    for index in range(4):
        for name, tag in TAGS.items():
            key = multiply(G2, secret(index))
            signature = sign(secret(index), message(index), tag)
            assert verify(signature, key, message(index), tag)
            yield {
                "secret_key": text(secret(index).to_bytes(32, "big")),
                "public_key": text(g2(key)),
                "public_key_compressed": text(compressed_g2(key)),
                "purpose": name,
                "message": text(message(index)),
                "hashed": text(g1(hash_to_G1(message(index), tag, sha256))),
                "signature": text(g1(signature)),
                "signature_compressed": text(fp(compress_G1(signature))),
            }


def aggregates():
    for count in (2, 3, 7):
        keys = [multiply(G2, secret(i)) for i in range(count)]
        digest = message(100 + count)
        signature = sum_of((sign(secret(i), digest, VOTE_TAG) for i in range(count)), Z1)
        key = sum_of(keys, Z2)
        assert verify(signature, key, digest, VOTE_TAG)
        yield {
            "message": text(digest),
            "public_keys": [text(g2(k)) for k in keys],
            "aggregate_key": text(g2(key)),
            "aggregate_signature": text(g1(signature)),
        }


def refused():
    """Everything here must fail to verify under VOTE_TAG, each for its own reason."""
    key = multiply(G2, secret(0))
    digest = message(0)
    signature = sign(secret(0), digest, VOTE_TAG)
    good = {"public_key": g2(key), "message": digest, "signature": g1(signature)}
    p = fp(field_modulus)
    x, y = normalize(signature)

    def case(name, **changes):
        parts = {**good, **changes}
        return {"name": name, **{field: text(data) for field, data in parts.items()}}

    assert not verify(neg(signature), key, digest, VOTE_TAG)
    yield case("other message", message=message(1))
    yield case("other key", public_key=g2(multiply(G2, secret(1))))
    yield case("other signer", signature=g1(sign(secret(1), digest, VOTE_TAG)))
    yield case("other tag", signature=g1(sign(secret(0), digest, POSSESSION_TAG)))
    yield case("negated signature", signature=g1(neg(signature)))
    yield case("negated key", public_key=g2(neg(key)))
    yield case("infinite signature", signature=bytes(96))
    yield case("infinite key", public_key=bytes(192))
    yield case("infinite key and signature", public_key=bytes(192), signature=bytes(96))
    yield case("signature off the curve", signature=fp(x) + fp(int(y) ^ 1))
    yield case("key off the curve", public_key=g2(key)[:-1] + bytes([g2(key)[-1] ^ 1]))
    yield case("signature outside the subgroup", signature=g1(outside_subgroup_g1()))
    yield case("key outside the subgroup", public_key=g2(outside_subgroup_g2()))
    # What adds a point outside the subgroup to a good one must not pass either.
    yield case(
        "signature moved out of the subgroup",
        signature=g1(add(signature, multiply(outside_subgroup_g1(), curve_order))),
    )
    yield case(
        "key moved out of the subgroup",
        public_key=g2(add(key, multiply(outside_subgroup_g2(), curve_order))),
    )
    yield case("signature with x = p", signature=p + fp(y))
    # y + p fits into 48 bytes: the same point, written in a second way.
    yield case("signature with y + p", signature=fp(x) + fp(int(y) + field_modulus))
    yield case("key with x.c0 + p", public_key=second_way(g2(key)))


def second_way(unpadded):
    c0 = int.from_bytes(unpadded[:48], "big") + field_modulus
    return fp(c0) + unpadded[48:]


with open("bls.json", "w", encoding="utf-8") as out:
    json.dump(
        {
            "vote_tag": VOTE_TAG.decode(),
            "possession_tag": POSSESSION_TAG.decode(),
            "signatures": list(signatures()),
            "aggregates": list(aggregates()),
            "refused": list(refused()),
        },
        out,
        indent=2,
    )
    out.write("\n")
