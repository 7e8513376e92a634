"""The cases of attention and of transformer blocks, for operators.py."""

import torch
import torch.nn.functional as F

from operator_cases import Case


def rotate(x, base, size, interleaved):
    """Rotary position embedding of [rows, heads, time, features]."""
    turned, rest = x[..., :size], x[..., size:]
    frequencies = base ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
    angles = torch.outer(torch.arange(x.shape[2], dtype=torch.float64), frequencies)
    if interleaved:
        pairs = torch.view_as_complex(turned.reshape(*turned.shape[:-1], size // 2, 2).contiguous())
        turned = torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).flatten(-2)
    else:
        angles = torch.cat([angles, angles], -1)
        half = torch.cat([-turned[..., size // 2:], turned[..., :size // 2]], -1)
        turned = turned * angles.cos() + half * angles.sin()
    return torch.cat([turned, rest], -1)


def attend(q, k, v, heads, key_value_heads, causal, rotary):
    """Attention of projected queries, keys and values, before the last projection."""
    q, k, v = (
        x.unflatten(-1, [count, -1]).transpose(1, 2)
        for x, count in [(q, heads), (k, key_value_heads), (v, key_value_heads)]
    )
    if rotary:
        q, k = (rotate(x, rotary["base"], rotary["size"], rotary["interleaved"]) for x in (q, k))
    result = F.scaled_dot_product_attention(
        q, k, v, is_causal=causal, enable_gqa=heads != key_value_heads
    )
    return result.transpose(1, 2).flatten(-2)


def attention():
    halves = {"base": 10000.0, "size": 4, "interleaved": False}
    pairs = {"base": 100.0, "size": 2, "interleaved": True}
    # name, [t, dq], [s, dk], [s, dv], heads, key and value heads, head size, units, bias,
    # bias of the output, causal, rotary
    cases = [
        ("self", [4, 6], None, None, 2, 2, 3, 6, True, True, False, None),
        ("self, causal, no bias", [5, 4], None, None, 2, 2, 2, 3, False, False, True, None),
        ("cross, sizes differ", [3, 4], [5, 3], [5, 2], 2, 2, 3, 5, True, True, False, None),
        ("grouped queries", [4, 6], None, None, 4, 2, 2, 6, True, False, True, None),
        ("one key and value head", [4, 3], [2, 3], [2, 3], 3, 1, 2, 4, False, True, False, None),
        ("rotary halves", [5, 8], None, None, 2, 2, 4, 8, False, False, False, halves),
        ("rotary pairs of a part, causal, grouped", [6, 5], None, None, 4, 2, 4, 5, True, True,
         True, pairs),
        ("cross, rotary", [3, 4], [5, 4], [5, 4], 2, 1, 4, 4, True, True, False, halves),
    ]
    for (name, query, key, value, heads, key_value_heads, head_size, units, bias, output_bias,
         causal, rotary) in cases:
        case = Case("multi_head_attention", name)
        q = case.input(query, 2.0)
        k = case.input(key, 2.0, "key") if key else q
        v = case.input(value, 2.0, "value") if value else q
        case.node(
            {"op": case.file, "heads": heads, "key_value_heads": key_value_heads,
             "head_size": head_size, "units": units, "bias": bias, "output_bias": output_bias,
             "causal": causal, "rotary": rotary},
            "x", "key" if key else "x", "value" if value else "x",
        )

        def project(x, suffix, out, bias):
            weight = case.parameter(f"{suffix}.weight", [out, x.shape[-1]])
            return F.linear(x, weight, case.parameter(f"{suffix}.bias", [out]) if bias else None)

        q = project(q, "query", heads * head_size, bias)
        k = project(k, "key", key_value_heads * head_size, bias)
        v = project(v, "value", key_value_heads * head_size, bias)
        result = attend(q, k, v, heads, key_value_heads, causal, rotary)
        case.expect(project(result, "output", units, output_bias))

    # The module that most models have, where it can express the operation.
    case = Case("multi_head_attention", "as torch.nn.MultiheadAttention")
    q, k, v = case.input([3, 6], 2.0), case.input([4, 5], 2.0), case.input([4, 3], 2.0)
    case.node({"op": case.file, "heads": 3, "key_value_heads": 3, "head_size": 2, "units": 6,
               "bias": True, "output_bias": True, "causal": False, "rotary": None},
              "x", "x1", "x2")
    module = torch.nn.MultiheadAttention(6, 3, kdim=5, vdim=3, batch_first=True).double()
    module.load_state_dict(attention_state(case, "", "", [6, 5, 3], 6))
    case.expect(module(q, k, v, need_weights=False)[0])


def attention_state(case, ours, theirs, sizes, features):
    """Parameters of one torch.nn.MultiheadAttention, drawn in the order of the schema."""
    drawn = {}
    for part, size in zip(["query", "key", "value", "output"], [*sizes, features]):
        drawn[part] = (
            case.parameter(f"{ours}{part}.weight", [features, size]),
            case.parameter(f"{ours}{part}.bias", [features]),
        )
    state = {f"{theirs}out_proj.weight": drawn["output"][0],
             f"{theirs}out_proj.bias": drawn["output"][1]}
    weights, biases = zip(*(drawn[part] for part in ["query", "key", "value"]))
    state[f"{theirs}in_proj_bias"] = torch.cat(biases)
    if len(set(sizes)) == 1:
        state[f"{theirs}in_proj_weight"] = torch.cat(weights)
    else:
        for letter, weight in zip("qkv", weights):
            state[f"{theirs}{letter}_proj_weight"] = weight
    return state


def block(decoder, name, heads, features, wide, activation, norm_first, causal, rotary=None):
    case = Case("transformer_decoder" if decoder else "transformer_encoder", name)
    x = case.input([4, features], 2.0)
    memory = case.input([3, features], 2.0, "memory") if decoder else None
    case.node(
        {"op": case.file, "heads": heads, "feed_forward": wide, "activation": activation,
         "norm_first": norm_first, "epsilon": 1e-5, "causal": causal, "rotary": rotary},
        "x", *(["memory"] if decoder else []),
    )

    def pair(ours, theirs, shape, offset=0.0):
        return {
            f"{theirs}.weight": case.parameter(f"{ours}.weight", shape, 0.8, offset),
            f"{theirs}.bias": case.parameter(f"{ours}.bias", shape[:1], 0.8),
        }

    state = pair("norm_1", "norm1", [features], 1.0)
    sizes = [features] * 3
    state |= attention_state(case, "self_attention.", "self_attn.", sizes, features)
    if decoder:
        state |= pair("norm_2", "norm2", [features], 1.0)
        state |= attention_state(case, "cross_attention.", "multihead_attn.", sizes, features)
        state |= pair("norm_3", "norm3", [features], 1.0)
    else:
        state |= pair("norm_2", "norm2", [features], 1.0)
    state |= pair("linear_1", "linear1", [wide, features])
    state |= pair("linear_2", "linear2", [features, wide])

    functions = {"relu": F.relu, "gelu": F.gelu,
                 "gelu_tanh": lambda x: F.gelu(x, approximate="tanh")}
    function = functions[activation]
    if rotary:
        assert not decoder and norm_first
        case.expect(rotary_encoder(state, x, heads, function, causal, rotary))
        return
    kind = torch.nn.TransformerDecoderLayer if decoder else torch.nn.TransformerEncoderLayer
    module = kind(features, heads, wide, 0.0, function, 1e-5, True, norm_first).double().eval()
    module.load_state_dict(state)
    mask = torch.nn.Transformer.generate_square_subsequent_mask(4, dtype=torch.float64)
    mask = mask if causal else None
    case.expect(module(x, memory, tgt_mask=mask) if decoder else module(x, src_mask=mask))


def rotary_encoder(state, x, heads, function, causal, rotary):
    """An encoder block with norms first, which PyTorch has no module for once it is rotary."""
    features = [x.shape[-1]]
    y = F.layer_norm(x, features, state["norm1.weight"], state["norm1.bias"], 1e-5)
    y = F.linear(y, state["self_attn.in_proj_weight"], state["self_attn.in_proj_bias"])
    y = attend(*y.chunk(3, -1), heads, heads, causal, rotary)
    x = x + F.linear(y, state["self_attn.out_proj.weight"], state["self_attn.out_proj.bias"])
    y = F.layer_norm(x, features, state["norm2.weight"], state["norm2.bias"], 1e-5)
    y = function(F.linear(y, state["linear1.weight"], state["linear1.bias"]))
    return x + F.linear(y, state["linear2.weight"], state["linear2.bias"])


def blocks():
    for decoder in (False, True):
        block(decoder, "norms behind, relu", 2, 4, 6, "relu", False, False)
        block(decoder, "norms first, gelu, causal", 2, 6, 5, "gelu", True, True)
        block(decoder, "norms behind, gelu by tanh, causal", 3, 6, 4, "gelu_tanh", False, True)
    block(False, "norms first, relu, rotary halves", 2, 8, 5, "relu", True, False,
          {"base": 10000.0, "size": 4, "interleaved": False})
    block(False, "norms first, gelu, rotary pairs, causal", 2, 8, 5, "gelu", True, True,
          {"base": 50.0, "size": 2, "interleaved": True})
