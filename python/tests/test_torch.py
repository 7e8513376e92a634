"""Imported PyTorch models answer as PyTorch does."""

import numpy as np
import pytest
import torch
from torch import nn
from torch_models import MODELS, Llama

from zarathustra import Refused, from_torch


def built(name):
    torch.manual_seed(4)
    build, inputs = MODELS[name]
    model = build().eval()
    with torch.no_grad():
        for key, buffer in model.named_buffers():
            if key.endswith("running_mean"):
                buffer.normal_()
            elif key.endswith("running_var"):
                buffer.uniform_(0.5, 1.5)
        for parameter in model.parameters():
            # Norms begin as ones and zeros, which would hide a confusion.
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model, inputs()


def answer(model, inputs):
    with torch.no_grad():
        return model(*inputs).numpy()


@pytest.mark.parametrize("name", MODELS)
def test_answers_as_pytorch(name, engine):
    model, inputs = built(name)
    engine.check(from_torch.import_model(model, inputs), inputs, answer(model, inputs))


@pytest.mark.parametrize("name", ["resnet", "transformer_classifier", "llama"])
def test_a_saved_program_is_the_same(name, tmp_path):
    model, inputs = built(name)
    torch.export.save(from_torch.export(model, inputs), tmp_path / "model.pt2")
    expected = from_torch.import_model(model, inputs)
    found = from_torch.import_file(tmp_path / "model.pt2")
    assert found.architecture == expected.architecture
    for key, array in expected.parameters.items():
        np.testing.assert_array_equal(found.parameters[key], array)


@pytest.mark.parametrize("name", ["cnn_with_batch_norm", "lstm"])
def test_one_row_fixed_is_taken(name, engine):
    model, inputs = built(name)
    program = torch.export.export(model, tuple(x[:1] for x in inputs))
    engine.check(from_torch.import_program(program), inputs, answer(model, inputs))


@pytest.mark.parametrize(
    "base, size, pairs", [(10_000.0, 8, False), (500_000.0, 8, True), (10_000.0, 4, False)]
)
def test_rotation_is_found_out(base, size, pairs):
    torch.manual_seed(5)
    model = Llama(base, size, pairs, spelled=False).eval()
    architecture = from_torch.import_model(model, [torch.randn(2, 9, 24)]).architecture
    attention = next(n for n in architecture["nodes"] if n["op"] == "multi_head_attention")
    # A single pair has no second angle that a base could be read from.
    assert attention["rotary"] == {"base": base, "size": size, "interleaved": pairs}
    assert (attention["heads"], attention["key_value_heads"]) == (4, 2)
    assert attention["causal"] is True


def test_a_changed_weight_changes_the_answer(engine):
    model, inputs = built("llama")
    imported = from_torch.import_model(model, inputs)
    key = next(k for k in imported.parameters if k.endswith("key.weight"))
    imported.parameters[key] = imported.parameters[key][::-1].copy()
    with pytest.raises(AssertionError, match="libtorch"):
        engine.check(imported, inputs, answer(model, inputs))


def test_what_is_trained_stays_a_parameter_even_if_it_begins_with_zeros():
    class Positions(nn.Module):
        def __init__(self):
            super().__init__()
            self.positions = nn.Parameter(torch.zeros(6, 4))

        def forward(self, x):
            return x + self.positions

    imported = from_torch.import_model(Positions().eval(), [torch.randn(2, 6, 4)])
    assert [n["op"] for n in imported.architecture["nodes"]] == ["learned_positions"]
    assert imported.parameters["positions.weight"].shape == (6, 4)


class Refusable(nn.Module):
    def __init__(self, compute):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.compute = compute

    def forward(self, x):
        return self.compute(self.linear(x))


def refused(compute, *shape):
    model = Refusable(compute).eval()
    with pytest.raises(Refused) as error:
        from_torch.import_model(model, [torch.randn(2, *shape)])
    return error.value


def test_everything_that_is_refused_is_listed():
    error = refused(lambda x: torch.cumsum(x, 1) + torch.sort(x, 1)[0] + torch.roll(x, 1, 1), 7, 4)
    assert error.code == "torch_unsupported"
    text = str(error)
    assert len(error.items) == 3 and all(op in text for op in ("cumsum", "sort", "roll"))


@pytest.mark.parametrize(
    "compute, reason",
    [
        (lambda x: x - x.mean(0), "rows"),
        (lambda x: torch.softmax(x, 0), "rows"),
        (lambda x: x.flip(0), "not supported"),
        (lambda x: x.double().float(), "float64"),
        (lambda x: torch.clamp(x, -1, 1), "bounds"),
        (lambda x: x * torch.arange(4.0), "multiplies by a tensor"),
        (lambda x: x / (x + 3), "divides"),
        (lambda x: x[:, ::2], "step"),
        (lambda x: x @ x.transpose(1, 2), "neither a linear layer"),
    ],
)
def test_what_is_not_sound_is_refused(compute, reason):
    error = refused(compute, 2, 4)
    assert error.code == "torch_unsupported"
    assert reason in str(error)


def test_training_mode_is_refused():
    with pytest.raises(Refused) as error:
        from_torch.import_model(nn.Sequential(nn.Linear(3, 3), nn.Dropout()), [torch.randn(2, 3)])
    assert error.value.code == "torch_training"


def test_dropout_that_never_ends_is_refused():
    model = Refusable(lambda x: nn.functional.dropout(x, 0.5, training=True)).eval()
    with pytest.raises(Refused) as error:
        from_torch.import_model(model, [torch.randn(2, 4)])
    assert error.value.code == "torch_training"


def test_attention_with_other_masks_and_positions_is_refused():
    class Biased(nn.Module):
        def __init__(self, mask):
            super().__init__()
            self.qkv, self.out = nn.Linear(4, 12), nn.Linear(4, 4)
            self.register_buffer("mask", mask)

        def forward(self, x):
            q, k, v = (part.unsqueeze(1) for part in self.qkv(x).chunk(3, -1))
            y = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=self.mask)
            return self.out(y.squeeze(1))

    window = torch.ones(6, 6, dtype=torch.bool).tril().triu(-2)
    for mask in (window, torch.randn(6, 6)):
        with pytest.raises(Refused) as error:
            from_torch.import_model(Biased(mask).eval(), [torch.randn(2, 6, 4)])
        assert "mask" in str(error.value)
