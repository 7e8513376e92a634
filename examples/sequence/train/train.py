"""Trains the transformer of this request with PyTorch and writes parameters to be submitted.

    python3 examples/sequence/train/train.py --output trained.safetensors

It learns from strings that the evaluation program's own function draws, and prints its mean score
on samples that the program would draw.
"""

import argparse
import random
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

EXAMPLE = Path(__file__).parents[1]
sys.path[:0] = [str(EXAMPLE), str(EXAMPLE.parents[1] / "python" / "evaluator")]

from evaluator import CHARACTERS, WINDOW, WitWorld  # noqa: E402

SIZE, HEADS, FEED_FORWARD, BLOCKS = 32, 4, 64, 2
BATCH = 64
LEARNING_RATE = 0.005


class Attention(nn.Module):
    """Causal attention whose queries and keys are turned by their places (Su et al. 2021)."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.output = (nn.Linear(SIZE, SIZE) for _ in range(4))
        half = SIZE // HEADS // 2
        angles = torch.outer(torch.arange(WINDOW), 10000.0 ** (-torch.arange(half) / half))
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def turned(self, x: torch.Tensor) -> torch.Tensor:
        a, b = x.chunk(2, dim=-1)
        return torch.cat((a * self.cos - b * self.sin, b * self.cos + a * self.sin), dim=-1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        query, key, value = (
            part(x).unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        seen = nn.functional.scaled_dot_product_attention(
            self.turned(query), self.turned(key), value, is_causal=True
        )
        return self.output(seen.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """The operation `transformer_encoder`, with the norms in front of the parts."""

    def __init__(self) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = nn.LayerNorm(SIZE), nn.LayerNorm(SIZE)
        self.self_attention = Attention()
        self.linear_1, self.linear_2 = nn.Linear(SIZE, FEED_FORWARD), nn.Linear(FEED_FORWARD, SIZE)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.self_attention(self.norm_1(x))
        return x + self.linear_2(nn.functional.gelu(self.linear_1(self.norm_2(x))))


class Network(nn.Module):
    """Embedding, blocks and answer. Modules have the names of nodes in architecture.json."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(len(CHARACTERS), SIZE)
        self.block_1, self.block_2 = Block(), Block()
        self.norm = nn.LayerNorm(SIZE)
        self.answer = nn.Linear(SIZE, len(CHARACTERS))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.block_2(self.block_1(self.embedding(tokens)))
        return self.answer(self.norm(x)).log_softmax(-1)


def network() -> nn.Module:
    """The network of architecture.json, untrained."""
    return Network()


def draw(rng: random.Random, samples: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Strings as the network takes them, and what comes next at each place."""
    program = WitWorld()
    tokens, following = zip(*(program.sample(rng) for _ in range(samples)), strict=True)
    return torch.tensor(tokens), torch.tensor(following)


def train(steps: int, rng: random.Random) -> nn.Module:
    """A network that has seen that many batches, each drawn anew."""
    model = network()
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    for _ in range(steps):
        tokens, following = draw(rng, BATCH)
        loss = nn.functional.nll_loss(model(tokens).flatten(0, 1), following.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.eval()


@torch.no_grad()
def check(model: nn.Module, rng: random.Random, samples: int) -> float:
    """Mean score on samples of the program."""
    program = WitWorld()
    tokens, following = draw(rng, samples)
    answers = model(tokens).flatten(1).tolist()
    return sum(map(program.score, answers, following.tolist())) / samples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, required=True, help="file to write")
    parser.add_argument("--steps", type=int, default=800, help="batches to learn from")
    parser.add_argument("--seed", type=int, default=1, help="of weights and strings")
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    rng = random.Random(given.seed)
    start = time.perf_counter()
    model = train(given.steps, rng)
    seconds = time.perf_counter() - start
    score = check(model, rng, 2048)
    save_file(model.state_dict(), given.output)
    print(f"trained for {seconds:.1f} s; mean score {score:.4f}")


if __name__ == "__main__":
    main()
