"""Scores a model that continues strings of a small language, character by character.

A string is a row of equations between digits and of brackets of three kinds that hold further
rows, cut off where the model's window ends: `4+3=7[{9-8=1(2+2=4)}]7-...`.
The model answers, for each place, the logarithms of the probabilities of all characters to come
next. The score is 1 + m / ln(20), with m the mean logarithm for the characters that do come:
0 for a model to which all 20 characters are always equally likely, 1 for one that always knows.
"""

from math import log

from zarathustra_evaluator import I32, Evaluator, Input

#: The first character stands in front of every string and never comes again.
CHARACTERS = "^0123456789+-=()[]{}"
TOKENS = {character: token for token, character in enumerate(CHARACTERS)}
BRACKETS = ("()", "[]", "{}")
#: Places of the model.
WINDOW = 32
#: Brackets that may be open at a time; how likely one is opened or closed, where it can be.
DEPTH, OPENED, CLOSED = 4, 0.2, 0.2


def equation(rng):
    """An equation between digits."""
    sign = rng.choice("+-")
    left = rng.randrange(10)
    right = rng.randrange(10 - left if sign == "+" else left + 1)
    return f"{left}{sign}{right}={left + right if sign == '+' else left - right}"


def string(rng):
    """A string that fills the window and has one character more."""
    text, due = "^", []
    while len(text) <= WINDOW:
        move = rng.random()
        if move < OPENED and len(due) < DEPTH:
            opening, closing = rng.choice(BRACKETS)
            text += opening
            due.append(closing)
        elif OPENED <= move < OPENED + CLOSED and due:
            text += due.pop()
        else:
            text += equation(rng)
    return text[: WINDOW + 1]


class WitWorld(Evaluator):
    inputs = {"tokens": Input((WINDOW,), I32)}

    def sample(self, rng):
        tokens = [TOKENS[character] for character in string(rng)]
        return tokens[:-1], tokens[1:]

    def score(self, output, target):
        size = len(CHARACTERS)
        logarithms = [output[place * size + token] for place, token in enumerate(target)]
        return 1.0 + sum(logarithms) / len(logarithms) / log(size)
