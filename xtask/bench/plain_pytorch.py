"""The other side of `cargo xtask bench evaluate`: the same models in plain PyTorch.

    plain_pytorch.py prepare FOLDER         write each model in our formats
    plain_pytorch.py time FOLDER NAME ...   time it here, one JSON object on standard output

The three examples are taken as they are, with the modules of their training scripts; ResNet-18 has
random weights, which do not change what a forward pass costs. Inputs and outputs of a few rows are
written too, so that the other side can be seen to compute the same.
"""

import argparse
import importlib.util
import json
import resource
import shutil
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from zarathustra.from_torch import import_model

SEED = 1
SHOWN_ROWS = 4
EXAMPLES = Path(__file__).parents[2] / "examples"


def squares():
    """The network of examples/x-squared, which trains with Keras."""
    layers = {"hidden_1": nn.Linear(1, 5), "hidden_2": nn.Linear(5, 10), "answer": nn.Linear(10, 1)}
    model = nn.Sequential()
    for name, layer in layers.items():
        model.add_module(name, layer)
        if name != "answer":
            model.add_module(f"{name}_tanh", nn.Tanh())
    return model


def of_example(name):
    """The network of an example's training script."""

    def network():
        path = EXAMPLES / name / "train" / "train.py"
        spec = importlib.util.spec_from_file_location(f"train_{name}", path)
        script = importlib.util.module_from_spec(spec)
        # Each script puts its own folder first and imports a module `evaluator` from there.
        before = list(sys.path)
        sys.modules.pop("evaluator", None)
        spec.loader.exec_module(script)
        sys.path[:] = before
        return script.network()

    return network


class Residual(nn.Module):
    """A basic block of He et al. 2015."""

    def __init__(self, into, out, stride):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(into, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU(),
            nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out),
        )  # fmt: skip
        same = into == out and stride == 1
        self.shortcut = nn.Identity() if same else nn.Sequential(
            nn.Conv2d(into, out, 1, stride, bias=False), nn.BatchNorm2d(out)
        )

    def forward(self, x):
        return torch.relu(self.body(x) + self.shortcut(x))


class ResNet18(nn.Sequential):
    """ResNet-18 of He et al. 2015 on 224 x 224 images."""

    def __init__(self):
        stages = [(64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)]
        blocks = [
            block
            for into, out, stride in stages
            for block in (Residual(into, out, stride), Residual(out, out, 1))
        ]
        super().__init__(
            nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
            nn.MaxPool2d(3, 2, 1), *blocks,
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000),
        )  # fmt: skip


def parameters_of(name):
    """The parameters file of an example."""
    trained = EXAMPLES / name / "trained.safetensors"
    return trained if trained.exists() else EXAMPLES / name / "baseline.safetensors"


def images(channels, size):
    return lambda rows: torch.randn(rows, channels, size, size)


MODELS = {
    "x-squared": (squares, lambda rows: torch.rand(rows, 1) * 2 - 1),
    "digits": (of_example("digits"), images(1, 8)),
    "sequence": (of_example("sequence"), lambda rows: torch.randint(0, 20, (rows, 32))),
    "resnet-18": (ResNet18, images(3, 224)),
}


def build(name):
    torch.manual_seed(SEED)
    make, data = MODELS[name]
    model = make().eval()
    if (EXAMPLES / name).exists():
        found = model.load_state_dict(load_file(parameters_of(name)), strict=False)
        missing = [key for key in found.missing_keys if "num_batches_tracked" not in key]
        assert not missing and not found.unexpected_keys, (missing, found.unexpected_keys)
        shape = json.loads((EXAMPLES / name / "architecture.json").read_text())["inputs"][0]["shape"]
        assert list(data(1).shape[1:]) == shape, shape
        return model, data
    # Moments as after some training: with those of a fresh network activations grow without end.
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.1, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    return model, data


def prepare(folder):
    for name in MODELS:
        model, data = build(name)
        target = folder / name
        target.mkdir(parents=True, exist_ok=True)
        rows = data(SHOWN_ROWS)
        architecture, parameters = target / "architecture.json", target / "parameters.safetensors"
        if (EXAMPLES / name).exists():
            shutil.copy(EXAMPLES / name / "architecture.json", architecture)
            shutil.copy(parameters_of(name), parameters)
        else:
            import_model(model, (rows,)).save(architecture, parameters)
        with torch.inference_mode():
            answers = model(rows)
        rows = rows.to(torch.int32) if rows.dtype == torch.int64 else rows
        name_of_input = json.loads(architecture.read_text())["inputs"][0]["name"]
        save_file({name_of_input: rows.contiguous()}, target / "inputs.safetensors")
        save_file({"output": answers.contiguous()}, target / "expected.safetensors")


def timed(folder, name, samples, batch, threads, rounds):
    torch.set_num_threads(threads)
    model, data = build(name)
    rows = data(samples)
    seconds = []
    with torch.inference_mode():
        for _ in range(rounds):
            start = time.perf_counter()
            answers = torch.cat([model(part) for part in rows.split(batch)])
            # What an evaluation asks of an answer at least: one figure for each sample.
            answers.flatten(1).mean(1).tolist()
            seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"name": name, "seconds": seconds, "peak_memory_bytes": peak}))


def compare(folder, name, answers):
    """Largest distance of the other side's answers from ours, relative to the largest answer."""
    ours = load_file(folder / name / "expected.safetensors")["output"]
    theirs = load_file(answers)["output"]
    print(json.dumps({"difference": float((ours - theirs).abs().max() / ours.abs().max())}))


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("prepare")
    command.add_argument("folder", type=Path)
    command = commands.add_parser("time")
    command.add_argument("folder", type=Path)
    command.add_argument("name", choices=MODELS)
    command.add_argument("--samples", type=int, required=True)
    command.add_argument("--batch", type=int, required=True)
    command.add_argument("--threads", type=int, default=1)
    command.add_argument("--rounds", type=int, default=3)
    command = commands.add_parser("compare")
    command.add_argument("folder", type=Path)
    command.add_argument("name", choices=MODELS)
    command.add_argument("answers", type=Path)
    arguments = vars(parser.parse_args())
    {"prepare": prepare, "time": timed, "compare": compare}[arguments.pop("command")](**arguments)


if __name__ == "__main__":
    main()
