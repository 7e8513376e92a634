#!/usr/bin/env python3
"""Writes the seeds: `operator/fuzz/seeds.py`, without arguments, from the root or from anywhere.

Seeds are small files that a decoder takes, and a few that it just refuses; the fuzzer makes the
rest of them. Encodings are written out here from the specification, not with the project's code.
"""

import json
import pathlib
import shutil
import struct

HERE = pathlib.Path(__file__).resolve().parent
EXAMPLE = HERE.parent.parent / "examples" / "x-squared"
SEEDS = HERE / "seeds"


def seed(target, name, content):
    if not isinstance(content, (bytes, str)):
        content = json.dumps(content, separators=(",", ":"))
    if isinstance(content, str):
        content = content.encode()
    folder = SEEDS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def architectures():
    seed("architecture", "x-squared.json", (EXAMPLE / "architecture.json").read_bytes())

    def model(name, inputs, nodes):
        inputs = [{"name": n, "shape": s, "dtype": d} for n, s, d in inputs]
        last = nodes[-1]["name"]
        file = {"version": 2, "inputs": inputs, "nodes": nodes, "output": last}
        seed("architecture", name + ".json", file)

    def node(name, op, *inputs, **more):
        return {"name": name, "op": op, "inputs": list(inputs), **more}

    model("linear", [("x", [3], "f32")], [node("a", "linear", "x", units=2, bias=True)])
    model(
        "residual",
        [("x", [4], "f32")],
        [
            node("a", "linear", "x", units=4, bias=False),
            node("b", "relu", "a"),
            node("c", "add", "b", "x"),
        ],
    )
    model("softmax", [("x", [4], "f32")], [node("a", "softmax", "x", dim=0)])
    model("elu", [("x", [4], "f32")], [node("a", "elu", "x", alpha=0.5)])
    model("two-inputs", [("x", [4], "f32"), ("y", [4], "f32")], [node("a", "add", "x", "y")])
    sequence = [("x", [8, 16], "f32")]
    layer = {"units": 4, "bias": True, "direction": "both", "returns": "last"}
    model("lstm", sequence, [node("a", "lstm", "x", **layer)])
    model("rnn", sequence, [node("a", "rnn", "x", activation="tanh", layer=layer)])
    rotary = {"base": 10000.0, "size": 4, "interleaved": False}
    block = {
        "heads": 4, "feed_forward": 32, "activation": "gelu", "norm_first": True,
        "epsilon": 1e-5, "causal": True, "rotary": rotary,
    }
    model(
        "transformer",
        [("tokens", [8], "i32")],
        [
            node("e", "embedding", "tokens", entries=10, size=16),
            node("p", "learned_positions", "e"),
            node("b", "transformer_encoder", "p", **block),
            node("n", "layer_norm", "b", dims=1, epsilon=1e-5, weight=True, bias=False),
            node("m", "mean", "n", dims=[0], keep_dims=False),
        ],
    )
    convolution = {
        "channels": 4, "kernel": [3, 3], "stride": [1, 1], "padding": [[1, 1], [1, 1]],
        "dilation": [1, 1], "groups": 1, "bias": True,
    }
    pool = {"kernel": [2, 2], "stride": [2, 2], "padding": [[0, 0], [0, 0]]}
    model(
        "convolutions",
        [("x", [1, 8, 8], "f32")],
        [
            node("c", "conv2d", "x", **convolution),
            node("n", "batch_norm", "c", epsilon=1e-5, affine=True),
            node("m", "max_pool2d", "n", **pool),
            node("a", "avg_pool2d", "m", **pool, count_padding=False),
            node("g", "group_norm", "a", groups=2, epsilon=1e-5, affine=False),
        ],
    )
    model(
        "shapes",
        [("x", [2, 6], "f32")],
        [
            node("r", "reshape", "x", shape=[3, 4]),
            node("t", "transpose", "r", order=[1, 0]),
            node("s", "slice", "t", dim=0, start=1, length=2),
            node("p", "pad", "s", padding=[[0, 1], [2, 0]]),
            node("c", "concatenate", "p", "p", dim=1),
            node("v", "scale", "c", factor=2.0, offset=-1.0),
        ],
    )
    seed("architecture", "version-1.json", '{"version":1,"input":{"name":"x","shape":[1]},"nodes":[],"output":"x"}')


def safetensors(tensors, metadata=None):
    header, data = {}, b""
    if metadata:
        header["__metadata__"] = metadata
    for name, (dtype, shape, content) in tensors.items():
        offsets = [len(data), len(data) + len(content)]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": offsets}
        data += content
    header = json.dumps(header, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + data


def files():
    baseline = (EXAMPLE / "baseline.safetensors").read_bytes()
    seed("parameters", "x-squared", baseline)
    seed("safetensors", "x-squared", baseline)
    seed("safetensors", "empty", safetensors({}))
    floats = struct.pack("<3f", 1.0, -2.5, 0.0)
    seed("safetensors", "vector", safetensors({"v": ("F32", [3], floats)}))
    several = {
        "scalar": ("F64", [], struct.pack("<d", 1.0)),
        "none": ("I8", [0, 2], b""),
        "bytes": ("U8", [2, 2], b"\x00\x01\x02\x03"),
        "half": ("BF16", [1], b"\x80\x3f"),
    }
    seed("safetensors", "several", safetensors(several, {"format": "pt"}))
    seed("safetensors", "gap", safetensors({"v": ("F32", [3], floats)}) + b"x")
    seed("safetensors", "long-header", struct.pack("<Q", 1 << 62) + b"{}")


def keras():
    topology = (EXAMPLE / "keras-model.json").read_text()
    seed("keras", "x-squared.json", topology)
    seed("keras", "encoded.json", json.dumps(topology))
    seed("keras", "wrapped.json", {"modelTopology": {"model_config": json.loads(topology)}})
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 2], "dtype": "float32", "name": "in"}},
        {"class_name": "Dense", "config": {"name": "a", "units": 3, "activation": "relu", "use_bias": True}},
        {"class_name": "Dropout", "config": {"name": "d", "rate": 0.5}},
        {"class_name": "ELU", "config": {"name": "e", "alpha": 0.5}},
        {"class_name": "Dense", "config": {"name": "b", "units": 1, "activation": "softmax", "use_bias": False}},
    ]
    seed("keras", "layers.json", {"class_name": "Sequential", "config": {"name": "s", "layers": layers}})

    # The example's parameters, each kernel turned around.
    baseline = (EXAMPLE / "baseline.safetensors").read_bytes()
    (length,) = struct.unpack_from("<Q", baseline)
    header = json.loads(baseline[8 : 8 + length])
    arrays = []
    for layer in json.loads((EXAMPLE / "architecture.json").read_text())["nodes"]:
        for part in ("weight", "bias"):
            entry = header.get(f"{layer['name']}.{part}")
            if entry is None:
                continue
            begin, end = entry["data_offsets"]
            values = struct.unpack_from(f"<{(end - begin) // 4}f", baseline, 8 + length + begin)
            values = [round(value, 6) for value in values]
            if len(entry["shape"]) == 2:
                rows, columns = entry["shape"]
                arrays.append([[values[r * columns + c] for r in range(rows)] for c in range(columns)])
            else:
                arrays.append(values)
    seed("keras_weights", "x-squared.json", arrays)
    seed("keras_weights", "too-few.json", arrays[:1])


def manifests():
    manifest = json.loads((EXAMPLE / "manifest.template.json").read_text())
    content = {"cid": "bafkqaaa", "sha256": "0x" + "11" * 32, "size": 100}
    manifest |= {"architecture": content, "evaluator": content}
    seed("manifest", "x-squared.json", manifest)
    seed("manifest", "few-samples.json", manifest | {"samples": 1})
    return json.dumps(manifest)


def words(*values):
    return b"".join((value % (1 << 256)).to_bytes(32, "big") for value in values)


def results():
    # Specification, 5.2: version, status, fault, bound, engine, environment, samples, champion,
    # challenger, improvement, lower, upper, root.
    seed("result", "ok", words(1, 0, 0, 1, 1, 7, 4096, -250000, 900000, 1150000, 1100000, 1200000, 9))
    seed("result", "bad-format", words(1, 1, 1, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0))
    seed("result", "trapped", words(1, 8, 2, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0))
    seed("result", "other-fault", words(1, 1, 2, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0))
    # 5.3.
    pairs = [(0, 1), (-1000000, 1000000), (5, 5)]
    body = b"".join(struct.pack(">qq", *pair) for pair in pairs)
    scores = b"ZSCORES1" + struct.pack(">I", len(pairs)) + body
    seed("scores", "three", scores)
    seed("scores", "one", b"ZSCORES1" + struct.pack(">I", 1) + body[:16])
    return scores


def frame(content):
    if not isinstance(content, bytes):
        content = json.dumps(content, separators=(",", ":")).encode()
    return struct.pack(">I", len(content)) + content


def worker(manifest, scores):
    def file(name):
        return {"path": "/job/" + name, "sha256": "0x" + "22" * 32, "size": 10}

    def job(name, task):
        limits = {"allow_unsandboxed": False, "data_bytes": 1 << 32, "cpu_seconds": 60, "environment": "{}", "device": "cpu"}
        seed("job", name, frame(limits | {"task": task}))

    job("check", "Check")
    job("compile", {"Compile": file("evaluator.wasm")})
    evaluate = {
        "manifest": manifest,
        "evaluator": file("evaluator.wasm"),
        "code": {"path": "/cache/code", "offset": 80, "size": 10, "blake3": "33" * 32},
        "architecture": file("architecture.json"),
        "champion": file("champion.safetensors"),
        "challenger": file("challenger.safetensors"),
        "seed": "44" * 32,
        "engine": "libtorch",
    }
    job("evaluate", {"Evaluate": evaluate})
    run = {name: "/job/" + name for name in ("architecture", "parameters", "inputs")}
    job("run", {"Run": run | {"engine": "reference"}})
    spent = dict.fromkeys(
        ["load_micros", "champion_micros", "challenger_micros", "champion_fuel", "challenger_fuel"], 1
    )
    seen = dict.fromkeys(["memory_bytes", "rows", "model_micros", "clipped"], 1)
    spent |= {"champion_seen": seen, "challenger_seen": seen}
    seed("reply", "scored", frame({"Scored": spent}) + frame(scores))
    seed("reply", "computed", frame("Computed") + frame(struct.pack("<f", 1.0)))
    seed("reply", "refused", frame({"Refused": {"code": "output_too_large", "detail": ""}}))
    seed("reply", "compiled", frame("Compiled") + frame(b"code"))
    seed("reply", "failed", frame({"Failed": {"status": 8, "detail": "trapped"}}))
    seed("reply", "local", frame({"Local": {"kind": "OutOfMemory", "detail": ""}}))
    missing = [["Landlock", "the kernel has none"]]
    seed("reply", "checked", frame({"Checked": {"landlock_abi": 6, "missing": missing}}))
    seed("reply", "long", b"\xff\xff\xff\xff{}")


def main():
    if SEEDS.exists():
        shutil.rmtree(SEEDS)
    architectures()
    files()
    keras()
    manifest = manifests()
    scores = results()
    worker(manifest, scores)


main()
