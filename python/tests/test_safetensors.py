"""Checkpoints renamed by tables answer as the models that they were saved from."""

import json

import numpy as np
import pytest
import torch
from conftest import ROOT
from safetensors.torch import save_file
from torch_models import Gpt2

from zarathustra import Refused, from_safetensors

TABLE = ROOT / "python/examples/gpt2.toml"


def architecture(time=7, width=12, heads=3, entries=13, blocks=2):
    """GPT-2 by hand, with the names that the example's table makes."""
    nodes = []

    def add(name, op, *inputs, **attributes):
        nodes.append({"name": name, "op": op, "inputs": list(inputs), **attributes})
        return name

    norm = {"dims": 1, "epsilon": 1e-5, "weight": True, "bias": True}
    x = add("embedding", "embedding", "ids", entries=entries, size=width)
    x = add("positions", "learned_positions", x)
    for index in range(blocks):
        block = f"block.{index}"
        h = add(f"{block}.norm_1", "layer_norm", x, **norm)
        h = add(
            f"{block}.attention", "multi_head_attention", h, h, h, heads=heads,
            key_value_heads=heads, head_size=width // heads, units=width, bias=True,
            output_bias=True, causal=True, rotary=None,
        )  # fmt: skip
        x = add(f"{block}.sum_1", "add", x, h)
        h = add(f"{block}.norm_2", "layer_norm", x, **norm)
        h = add(f"{block}.fc", "linear", h, units=4 * width, bias=True)
        h = add(f"{block}.gelu", "gelu", h, approximate=True)
        h = add(f"{block}.proj", "linear", h, units=width, bias=True)
        x = add(f"{block}.sum_2", "add", x, h)
    x = add("norm", "layer_norm", x, **norm)
    add("answer", "linear", x, units=entries, bias=False)
    inputs = [{"name": "ids", "shape": [time], "dtype": "i32"}]
    return {"version": 2, "inputs": inputs, "nodes": nodes, "output": "answer"}


def checkpoint(model, time=7):
    """The model's parameters under the names of published GPT-2 checkpoints."""
    names = {"c_attn": "attn.c_attn", "c_proj": "attn.c_proj", "c_fc": "mlp.c_fc"}
    names |= {"c_out": "mlp.c_proj"}
    state = {}
    for key, value in model.state_dict().items():
        for old, new in names.items():
            key = key.replace(f".{old}.", f".{new}.")
        state[f"transformer.{key}"] = value.clone()
    state["transformer.wpe.weight"] = state["transformer.wpe.weight"][:time].clone()
    del state["transformer.lm_head.weight"]
    state["transformer.h.0.attn.bias"] = torch.ones(1, 1, 16, 16).tril()
    return state


@pytest.fixture
def gpt2(tmp_path):
    torch.manual_seed(6)
    model = Gpt2().eval()
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        state = {k: v.to(dtype).contiguous() for k, v in checkpoint(model).items()}
        save_file(state, tmp_path / f"{str(dtype)[6:]}.safetensors")
    return model, tmp_path


def imported(path, table=None):
    table = table or from_safetensors.read_table(TABLE)
    return from_safetensors.import_checkpoint(architecture(), [path], table)


class Files:
    """An architecture with parameters, as what the importers return."""

    def __init__(self, parameters):
        self.architecture, self.parameters = architecture(), parameters

    def save(self, path, parameters):
        path.write_text(json.dumps(self.architecture))
        from_safetensors.save(self.parameters, parameters)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_a_renamed_gpt2_answers_as_pytorch(dtype, gpt2, engine):
    model, folder = gpt2
    ids = torch.randint(0, 13, (3, 7))
    with torch.no_grad():
        # What the checkpoint's type rounds off is gone from the original too.
        for parameter in model.parameters():
            parameter.copy_(parameter.to(getattr(torch, dtype)).float())
        expected = model(ids).numpy()
    engine.check(Files(imported(folder / f"{dtype}.safetensors")), [ids], expected)


def table(change):
    rules = from_safetensors.read_table(TABLE)
    change(rules["rules"])
    return rules


def refusal(path, rules):
    with pytest.raises(Refused) as refused:
        imported(path, rules)
    return refused.value


def test_what_is_missing_is_listed(gpt2):
    path = gpt2[1] / "float32.safetensors"
    error = refusal(
        path, table(lambda rules: rules.insert(0, {"ignore": r"transformer\.ln_f\..*"}))
    )
    assert error.code == "checkpoint_missing"
    assert [place for place, _ in error.items] == ["norm.weight", "norm.bias"]


def test_what_is_left_over_is_listed(gpt2):
    path = gpt2[1] / "float32.safetensors"
    error = refusal(path, table(lambda rules: rules.pop(1)))
    assert error.code == "checkpoint_left_over"
    assert error.items[0][0] == "transformer.h.0.attn.bias"


def test_a_wrong_shape_is_refused(gpt2):
    def keep_transposed(rules):
        next(r for r in rules if "c_attn" in r.get("match", "")).pop("transpose")

    error = refusal(gpt2[1] / "float32.safetensors", table(keep_transposed))
    assert error.code == "checkpoint_mismatch"
    assert "shape" in error.items[0][1]


@pytest.mark.parametrize(
    "rules",
    [
        {}, {"rules": {}}, {"rules": ["x"]}, {"rules": [{"match": "a"}]},
        {"rules": [{"match": "(", "to": "a"}]}, {"rules": [{"match": "a", "to": 3}]},
        {"rules": [{"match": "a", "split": ["b", "c"], "sizes": [1]}]},
        {"rules": [{"prefix": "a"}]}, {"rules": [{"prefix": "a", "to": "b", "more": 1}]},
    ],
)  # fmt: skip
def test_a_malformed_table_is_refused(rules, gpt2):
    assert refusal(gpt2[1] / "float32.safetensors", rules or {"rule": []}).code == "rename_table"


def header(text, data=b""):
    text = text if isinstance(text, bytes) else json.dumps(text).encode()
    return len(text).to_bytes(8, "little") + text + data


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\x01", (1 << 62).to_bytes(8, "little"), header(b"{"), header(b"\xff\xfe"),
        header([]), header({"a": 1}), header({"a": {"dtype": "F32", "shape": [2]}}),
        header({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, b"\0" * 4),
        header({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, b"\0" * 4),
        header({"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 4]}}, b"\0" * 4),
        header({"a": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 4]}}, b"\0" * 4),
        header(b"[" * 100_000),
    ],
)  # fmt: skip
def test_a_malformed_checkpoint_is_refused(content, tmp_path):
    path = tmp_path / "hostile.safetensors"
    path.write_bytes(content)
    assert refusal(path, {"rules": []}).code == "safetensors_header"


def test_numbers_that_are_not_finite_are_refused(gpt2, tmp_path):
    state = checkpoint(gpt2[0])
    state["transformer.ln_f.bias"][3] = np.nan
    path = tmp_path / "nan.safetensors"
    save_file({k: v.contiguous() for k, v in state.items()}, path)
    assert refusal(path, None).code == "not_finite"
