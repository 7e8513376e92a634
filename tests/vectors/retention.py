"""Writes retention.json: subjects, proofs and results of retention tasks (specification 5.12).

    python retention.py        (Python 3.11 and pycryptodome, for keccak256)

Written from the specification's text alone: words are put together by hand.
"""

import json
from pathlib import Path

from Crypto.Hash import keccak


def h(data):
    return keccak.new(digest_bits=256, data=data).digest()


def word(value):
    return value.to_bytes(32, "big")


def subject(market, request, submission, digest, cid, size):
    kind = (
        "ZarathustraRetain(address market,uint64 requestId,uint64 submissionId,"
        "bytes32 digest,bytes32 cidHash,uint64 size)"
    )
    words = [h(kind.encode()), bytes(12) + market, word(request), word(submission)]
    return h(b"".join(words + [digest, h(cid), word(size)]))


def proof(seed, content):
    size = len(content)
    length = min(1024, size)
    head = h(b"ZarathustraRanges(bytes32 seed,uint64 size)") + seed + word(size)
    for i in range(64):
        offset = int.from_bytes(h(seed + word(i)), "big") % (size - length + 1)
        head += content[offset : offset + length]
    return h(head)


def content(size):
    """Bytes without a short period: keccak256 of 0, 1, 2, ..., cut off."""
    return b"".join(h(word(i)) for i in range(size // 32 + 1))[:size]


def results():
    some = bytes.fromhex("9f" * 32)
    kept = word(1) + word(1) + some
    missing = word(1) + word(2) + bytes(32)
    yield "kept", kept
    yield "missing", missing
    for bad in [
        b"",
        kept[:95],
        kept + b"\0",
        kept + bytes(32),
        word(0) + kept[32:],
        word(2) + kept[32:],
        word((1 << 16) + 1) + kept[32:],
        word(1) + word(0) + bytes(32),
        word(1) + word(3) + some,
        word(1) + word(257) + some,
        word(1) + word(1) + bytes(32),
        word(1) + word(2) + some,
    ]:
        yield "malformed", bad


def main():
    seeds = [bytes(32), bytes.fromhex("5e" * 32)]
    sizes = [1, 31, 1023, 1024, 1025, 5000, 100_000]
    cases = {
        "subjects": [
            {
                "market": "0x" + (bytes([0xA2]) * 20).hex(),
                "request": request,
                "submission": submission,
                "digest": "0x" + (bytes([digest]) * 32).hex(),
                "cid": "0x" + cid.hex(),
                "size": size,
                "hash": "0x"
                + subject(
                    bytes([0xA2]) * 20, request, submission, bytes([digest]) * 32, cid, size
                ).hex(),
            }
            for request, submission, digest, cid, size in [
                (3, 8, 5, b"cid", 400),
                (1, 1, 0xFF, bytes(36), 2**64 - 1),
            ]
        ],
        "proofs": [
            {"seed": "0x" + seed.hex(), "size": size, "proof": "0x" + proof(seed, content(size)).hex()}
            for seed in seeds
            for size in sizes
        ],
        "results": [{"says": says, "bytes": "0x" + data.hex()} for says, data in results()],
    }
    path = Path(__file__).with_name("retention.json")
    path.write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
