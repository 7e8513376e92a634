"""A small classifier of sequences, for `python3 -m zarathustra import torch --script`."""

import torch
from torch import nn


class Classifier(nn.Module):
    """Reads 16 tokens of 32 kinds and answers scores of 4 classes."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(32, 24)
        self.positions = nn.Parameter(torch.zeros(16, 24))
        layer = nn.TransformerEncoderLayer(24, 4, 48, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(24, 4)

    def forward(self, tokens):
        x = self.embedding(tokens) + self.positions
        return self.head(self.encoder(x).mean(1))


def model():
    """The model that is imported."""
    return Classifier()


def inputs():
    """Examples of its arguments, rows first."""
    return [torch.zeros(1, 16, dtype=torch.int64)]
