"""PyTorch models of the kinds that people have, spelled in the ways that they spell them."""

import torch
import torch.nn.functional as F
from torch import nn

MODELS = {}
"""Builders by name, each with a function that makes inputs."""


def model(*shapes, entries=None):
    """Registers a builder; inputs have `shapes`, and are integers below `entries` where given."""
    entries = entries or [0] * len(shapes)

    def register(build):
        def inputs():
            return [
                torch.randint(0, below, (3, *s)) if below else torch.randn(3, *s)
                for s, below in zip(shapes, entries)
            ]

        MODELS[build.__name__] = (build, inputs)
        return build

    return register


@model([6])
def mlp():
    return nn.Sequential(
        nn.Linear(6, 16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 8), nn.Softplus(),
        nn.Linear(8, 3), nn.LogSoftmax(-1),
    )  # fmt: skip


@model([3, 17, 19])
def cnn_with_batch_norm():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, stride=2, bias=False), nn.BatchNorm2d(8), nn.Hardswish(),
        nn.MaxPool2d(3, 2, padding=1), nn.Conv2d(8, 8, 3, groups=8, padding="same"),
        nn.GroupNorm(2, 8), nn.PReLU(8), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4),
    )  # fmt: skip


class Residual(nn.Module):
    def __init__(self, inner, outer, stride):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inner, outer, 3, stride, 1, bias=False), nn.BatchNorm2d(outer),
            nn.ReLU(inplace=True), nn.Conv2d(outer, outer, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outer),
        )  # fmt: skip
        self.down = None
        if stride != 1:
            self.down = nn.Sequential(
                nn.Conv2d(inner, outer, 1, stride, bias=False), nn.BatchNorm2d(outer)
            )

    def forward(self, x):
        x = self.body(x) + (x if self.down is None else self.down(x))
        return F.relu(x)


@model([4, 8, 8])
def resnet():
    return nn.Sequential(
        Residual(4, 4, 1), Residual(4, 8, 2), nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(1),
        nn.Linear(8, 3),
    )  # fmt: skip


@model([3, 14])
def convnet_1d():
    return nn.Sequential(
        nn.Conv1d(3, 6, 4, padding="same", dilation=2), nn.BatchNorm1d(6), nn.ELU(0.7),
        nn.AvgPool1d(3, 2, padding=1), nn.GLU(1), nn.ConvTranspose1d(3, 4, 4, 2, 1),
        nn.InstanceNorm1d(4, affine=True), nn.LogSigmoid(), nn.AdaptiveMaxPool1d(1),
    )  # fmt: skip


@model([2, 8, 8])
def autoencoder():
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, 2, 1), nn.SiLU(), nn.ConvTranspose2d(6, 4, 3, 2, 1, output_padding=1),
        nn.LeakyReLU(0.1), nn.Upsample(scale_factor=2), nn.Conv2d(4, 2, 3), nn.Sigmoid(),
    )  # fmt: skip


@model([3, 12, 12])
def unet():
    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.down = nn.Conv2d(3, 4, 3, padding=1)
            self.deep = nn.Conv2d(4, 6, 3, padding=1)
            self.up = nn.ConvTranspose2d(6, 4, 2, 2)
            self.out = nn.Conv2d(8, 1, 1)

        def forward(self, x):
            skip = F.gelu(self.down(x))
            x = F.relu6(self.deep(F.max_pool2d(skip, 2)))
            return self.out(torch.cat([self.up(x), skip], dim=1))

    return UNet()


@model([7], entries=[11])
def lstm():
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(11, 5)
            self.lstm = nn.LSTM(5, 4, num_layers=2, batch_first=True, bidirectional=True)
            self.head = nn.Linear(8, 3)

        def forward(self, ids):
            _, (hidden, _) = self.lstm(self.embedding(ids))
            return self.head(torch.cat([hidden[-2], hidden[-1]], 1))

    return Network()


@model([7, 4])
def recurrent_time_first():
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.RNN(4, 5, nonlinearity="relu")
            self.gru = nn.GRU(5, 6, batch_first=True, bidirectional=True)

        def forward(self, x):
            y, _ = self.rnn(x.transpose(0, 1))
            y, hidden = self.gru(y.permute(1, 0, 2))
            hidden = hidden.transpose(0, 1).flatten(1)
            return torch.cat([hidden, y.mean(1), y.amax(1), y[:, -1]], 1)

    return Network()


@model([6], entries=[11])
def transformer_classifier():
    class Classifier(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(11, 8)
            self.positions = nn.Parameter(torch.randn(16, 8))
            layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
            self.head = nn.Linear(8, 3)

        def forward(self, ids):
            x = self.embedding(ids) + self.positions[: ids.shape[1]]
            return self.head(self.encoder(x).mean(1))

    return Classifier()


@model([5, 8], [4, 8])
def encoder_decoder():
    class Seq2Seq(nn.Module):
        def __init__(self):
            super().__init__()
            self.transformer = nn.Transformer(8, 2, 1, 2, 16, batch_first=True, norm_first=True)

        def forward(self, source, target):
            mask = nn.Transformer.generate_square_subsequent_mask(target.shape[1])
            return self.transformer(source, target, tgt_mask=mask, tgt_is_causal=True)

    return Seq2Seq()


@model([6, 8])
def attention_time_first_with_weights():
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2, kdim=8, vdim=8)

        def forward(self, x):
            x = x.transpose(0, 1)
            y, _ = self.attention(x, x, x, need_weights=True)
            return (x + y).transpose(0, 1)

    return Network()


class Conv1D(nn.Module):
    """GPT-2's linear layer, whose weight is transposed."""

    def __init__(self, outer, inner):
        super().__init__()
        self.outer = outer
        self.weight = nn.Parameter(torch.randn(inner, outer) * 0.3)
        self.bias = nn.Parameter(torch.randn(outer))

    def forward(self, x):
        y = torch.addmm(self.bias, x.view(-1, x.size(-1)), self.weight)
        return y.view((*x.size()[:-1], self.outer))


class Gpt2Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.c_attn, self.c_proj = Conv1D(3 * width, width), Conv1D(width, width)
        self.c_fc, self.c_out = Conv1D(4 * width, width), Conv1D(width, 4 * width)

    def forward(self, x):
        rows, time, width = x.shape
        parts = self.c_attn(self.ln_1(x)).split(width, dim=2)
        q, k, v = (p.view(rows, time, self.heads, -1).transpose(1, 2) for p in parts)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.c_proj(y.transpose(1, 2).contiguous().view(rows, time, width))
        return x + self.c_out(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))


class Gpt2(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(13, 12), nn.Embedding(16, 12)
        self.h = nn.ModuleList(Gpt2Block(12, 3) for _ in range(2))
        self.ln_f = nn.LayerNorm(12)
        self.lm_head = nn.Linear(12, 13, bias=False)
        self.lm_head.weight = self.wte.weight

    def forward(self, ids):
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1]))
        for block in self.h:
            x = block(x)
        return self.lm_head(self.ln_f(x))


@model([7], entries=[13])
def gpt2():
    return Gpt2()


class SpelledRms(nn.Module):
    """RMS norm as Llama's code spells it."""

    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(width) + 0.5)

    def forward(self, x):
        x = x.to(torch.float32)
        x = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)
        return self.weight * x


def rotate_half(x):
    half = x.shape[-1] // 2
    return torch.cat((-x[..., half:], x[..., :half]), -1)


class Llama(nn.Module):
    """A block with RMS norm, rotary positions, grouped heads and a gated feed-forward part."""

    def __init__(self, base, size, pairs, spelled):
        super().__init__()
        self.size, self.pairs, self.spelled = size, pairs, spelled
        self.norm, self.norm_2 = SpelledRms(24), nn.RMSNorm(24, eps=1e-5)
        self.q_proj = nn.Linear(24, 32, bias=False)
        self.k_proj = nn.Linear(24, 16, bias=False)
        self.v_proj = nn.Linear(24, 16, bias=False)
        self.o_proj = nn.Linear(32, 24, bias=False)
        self.gate, self.up = nn.Linear(24, 30, bias=False), nn.Linear(24, 30, bias=False)
        self.down = nn.Linear(30, 24, bias=False)
        frequency = base ** (-torch.arange(0, size, 2).float() / size)
        self.register_buffer("frequency", frequency, persistent=False)

    def rope(self, x):
        turned, rest = x[..., : self.size], x[..., self.size :]
        with torch.no_grad():
            angle = torch.outer(torch.arange(x.shape[2]).float(), self.frequency)
        if self.pairs:
            unit = torch.polar(torch.ones_like(angle), angle)
            pairs = turned.reshape(*turned.shape[:-1], -1, 2)
            turned = torch.view_as_real(torch.view_as_complex(pairs) * unit).flatten(3)
        else:
            wide = torch.cat((angle, angle), -1)
            turned = turned * wide.cos() + rotate_half(turned) * wide.sin()
        return torch.cat((turned, rest), -1)

    def forward(self, x):
        rows, time, _ = x.shape
        h = self.norm(x)
        q = self.q_proj(h).view(rows, time, 4, 8).transpose(1, 2)
        k = self.k_proj(h).view(rows, time, 2, 8).transpose(1, 2)
        v = self.v_proj(h).view(rows, time, 2, 8).transpose(1, 2)
        q, k = self.rope(q), self.rope(k)
        k = k[:, :, None].expand(rows, 2, 2, time, 8).reshape(rows, 4, time, 8)
        v = v.repeat_interleave(2, dim=1)
        if self.spelled:
            scores = q @ k.transpose(-1, -2) / 8**0.5
            later = torch.tril(torch.ones(time, time)) == 0
            y = F.softmax(scores.masked_fill(later, float("-inf")), -1) @ v
        else:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o_proj(y.transpose(1, 2).contiguous().view(rows, time, -1))
        h = self.norm_2(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


@model([9, 24])
def llama():
    return Llama(10_000.0, 8, pairs=False, spelled=False)


@model([9, 24])
def llama_in_pairs_spelled_out():
    return Llama(500_000.0, 8, pairs=True, spelled=True)


@model([9, 24])
def llama_partly_rotated():
    return Llama(10_000.0, 4, pairs=False, spelled=False)


@model([3, 8, 8])
def vision_transformer():
    class Vision(nn.Module):
        def __init__(self):
            super().__init__()
            self.patches = nn.Conv2d(3, 16, 4, 4)
            self.token = nn.Parameter(torch.randn(1, 1, 16))
            self.positions = nn.Parameter(torch.randn(1, 5, 16))
            self.qkv, self.out = nn.Linear(16, 48), nn.Linear(16, 16)
            self.head = nn.Linear(16, 2)

        def forward(self, x):
            x = self.patches(x).flatten(2).transpose(1, 2)
            x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.positions
            q, k, v = self.qkv(x).reshape(-1, 5, 3, 4, 4).permute(2, 0, 3, 1, 4).unbind(0)
            weights = ((q * 4**-0.5) @ k.transpose(-2, -1)).softmax(-1)
            x = x + self.out((weights @ v).transpose(1, 2).reshape(-1, 5, 16))
            return self.head(x[:, 0])

    return Vision()


@model([6], [4])
def two_inputs():
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(6, 5), nn.Linear(4, 5)

        def forward(self, a, b):
            a, b = torch.tanh(self.a(a)), self.b(b)
            return torch.stack([a * torch.sigmoid(b), a - 2 * b, 1 - b / 3], 1).sum(1)

    return Network()
