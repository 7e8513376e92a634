"""The distortions of the digits request, where it is known by hand what comes out."""

import random
import unittest
from math import radians

from example import program

evaluator = program("digits")

SIDE = 8
PIXELS = [(7 * place * place + 3 * place) % 17 / 16 for place in range(SIDE * SIDE)]


def rows(pixels: list[float]) -> list[list[float]]:
    return [pixels[row * SIDE : (row + 1) * SIDE] for row in range(SIDE)]


def distorted(turn: float, right: float, down: float) -> list[list[float]]:
    return rows(evaluator.distorted(evaluator.framed(PIXELS), radians(turn), right, down))


class Distortions(unittest.TestCase):
    def assert_close(self, found, expected):
        for row, wanted in zip(found, expected, strict=True):
            for one, other in zip(row, wanted, strict=True):
                self.assertAlmostEqual(one, other)

    def test_none(self):
        self.assert_close(distorted(0, 0, 0), rows(PIXELS))

    def test_whole_pixels(self):
        image = rows(PIXELS)
        self.assert_close(distorted(0, 1, 0), [[0.0, *row[:-1]] for row in image])
        self.assert_close(distorted(0, 0, -1), [*image[1:], [0.0] * SIDE])

    def test_half_a_pixel(self):
        expected = [
            [(before + after) / 2 for before, after in zip([0.0, *row], row)]
            for row in rows(PIXELS)
        ]
        self.assert_close(distorted(0, 0.5, 0), expected)

    def test_quarter_turns(self):
        # Clockwise, as rows count downwards: the first column, from below, becomes the first row.
        clockwise = [list(row) for row in zip(*rows(PIXELS)[::-1], strict=True)]
        self.assert_close(distorted(90, 0, 0), clockwise)
        self.assert_close(distorted(180, 0, 0), [row[::-1] for row in rows(PIXELS)[::-1]])

    def test_nothing_comes_from_beyond_the_frame(self):
        for corner in (-45, 25, 45):
            for shift in (-1.0, 1.0):
                pixels = distorted(corner, shift, shift)
                self.assertTrue(all(0 <= pixel <= 1 for row in pixels for pixel in row))
        white = evaluator.framed([1.0] * SIDE * SIDE)
        self.assertEqual(evaluator.distorted(white, radians(45), 0, 0)[0], 0.0)


class Samples(unittest.TestCase):
    def test_the_images(self):
        images = evaluator.WitWorld.images
        self.assertEqual(len(images), 597)
        # Of 1,797 images, as scikit-learn's description counts them, from number 1,200 on.
        self.assertEqual({answer for answer, _ in images}, set(range(10)))
        self.assertTrue(all(len(image) == 12 * 12 for _, image in images))

    def test_the_brier_score(self):
        judge = evaluator.WitWorld()
        for probabilities, wanted in (
            ([0.1] * 10, 1 - (9 * 0.01 + 0.81) / 2),
            ([0, 0, 0, 1, 0, 0, 0, 0, 0, 0], 1.0),
            ([1, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0.0),
            ([0, 0, 0, 0.5, 0.5, 0, 0, 0, 0, 0], 0.75),
        ):
            self.assertAlmostEqual(judge.score(tuple(probabilities), 3), wanted)

    def test_seeds_decide_the_sample(self):
        judge = evaluator.WitWorld()
        first = judge.sample(random.Random(5))
        self.assertEqual(first, judge.sample(random.Random(5)))
        self.assertNotEqual(first, judge.sample(random.Random(6)))
        self.assertEqual(len(first[0]), SIDE * SIDE)


if __name__ == "__main__":
    unittest.main()
