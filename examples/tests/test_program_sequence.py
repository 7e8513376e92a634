"""The language of the sequence request, read by something that did not write it."""

import random
import unittest
from math import log

from example import program

evaluator = program("sequence")


def likelihood(text: str) -> list[float]:
    """The probability of each character of a string behind the first, given those before it.

    Follows the description in the example's README. Raises ValueError for what is no such string.
    """
    found, due, part = [], [], ""
    for character in text[1:]:
        opening = 0.2 if len(due) < 4 else 0.0
        closing = 0.2 if due else 0.0
        if not part and character in "([{" and opening:
            found.append(opening / 3)
            due.append(")]}"["([{".index(character)])
            continue
        if not part and due and character == due[-1]:
            found.append(closing)
            due.pop()
            continue
        possible = {
            0: "0123456789",
            1: "+-",
            2: "0123456789",
            3: "=",
        }
        if len(part) == 2:
            # The other digit leaves an answer of one digit.
            first = int(part[0])
            possible[2] = "0123456789"[: 10 - first if part[1] == "+" else first + 1]
        if len(part) == 4:
            first, second = int(part[0]), int(part[2])
            possible[4] = str(first + second if part[1] == "+" else first - second)
        if character not in possible[len(part)]:
            raise ValueError(f"{text}: {character!r} behind {part!r}")
        equation = 1.0 if part else 1.0 - opening - closing
        found.append(equation / len(possible[len(part)]))
        part = (part + character) if len(part) < 4 else ""
    return found


def score(probabilities: list[float]) -> float:
    return 1 + sum(map(log, probabilities)) / len(probabilities) / log(20)


class Strings(unittest.TestCase):
    def test_are_of_the_language_and_fill_the_window(self):
        rng = random.Random(1)
        for _ in range(1000):
            text = evaluator.string(rng)
            self.assertEqual(len(text), 33)
            self.assertTrue(text.startswith("^"))
            likelihood(text)

    def test_come_as_often_as_the_description_says(self):
        # The first character, over 20,000 strings: within five standard deviations.
        rng = random.Random(2)
        firsts = [evaluator.string(rng)[1] for _ in range(20_000)]
        for characters, wanted in (("(", 0.2 / 3), ("[", 0.2 / 3), ("{", 0.2 / 3), ("7", 0.08)):
            share = sum(first in characters for first in firsts) / len(firsts)
            self.assertLess(abs(share - wanted), 5 * (wanted * (1 - wanted) / len(firsts)) ** 0.5)

    def test_the_reader_refuses_others(self):
        for text in ("^1+1=3", "^7+7", "^2-3", "^(]", "^)", "^(((((", "^+"):
            with self.assertRaises(ValueError, msg=text):
                likelihood(text)

    def test_the_best_score_is_what_the_readme_says(self):
        rng = random.Random(3)
        scores = [score(likelihood(evaluator.string(rng))) for _ in range(20_000)]
        self.assertAlmostEqual(sum(scores) / len(scores), 0.631, delta=0.002)


class Scores(unittest.TestCase):
    def test_what_comes_is_what_counts(self):
        judge = evaluator.WitWorld()
        tokens, following = judge.sample(random.Random(4))
        self.assertEqual(tokens[1:], following[:-1])
        # Halves at each place, whatever is said of other characters.
        logarithms = [[-9.0] * 20 for _ in following]
        for place, token in zip(logarithms, following, strict=True):
            place[token] = log(0.5)
        flat = tuple(value for place in logarithms for value in place)
        self.assertAlmostEqual(judge.score(flat, following), 1 - log(2) / log(20))

    def test_seeds_decide_the_sample(self):
        judge = evaluator.WitWorld()
        first = judge.sample(random.Random(5))
        self.assertEqual(first, judge.sample(random.Random(5)))
        self.assertNotEqual(first, judge.sample(random.Random(6)))


if __name__ == "__main__":
    unittest.main()
