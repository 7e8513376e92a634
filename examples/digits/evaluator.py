"""Scores a model that tells handwritten digits apart by 8x8 images.

Each sample is one of the images of images.py, turned, moved and made noisy by the seed. The model
answers ten probabilities, and the score is 1 - sum_k (p_k - [k is the answer])^2 / 2, the Brier
score turned so that 1 is best: 0.55 for a model that always answers 1/10, 0 for one that is
certain and wrong.
"""

from math import cos, floor, radians, sin

from images import IMAGES
from zarathustra_evaluator import Evaluator, Input

SIDE = 8
#: Furthest turn in degrees, furthest shift in pixels along each side, furthest noise of a pixel.
TURN, SHIFT, NOISE = 25.0, 1.0, 0.3
#: An image lies within a frame of zeros, two wide, so that its neighbourhood can be read.
FRAME = 2
WIDTH = SIDE + 2 * FRAME
CENTRE = (SIDE - 1) / 2


def framed(pixels):
    """The 64 pixels of an image, from 0 to 1, within the frame."""
    rows = [[0.0] * WIDTH for _ in range(WIDTH)]
    for place, pixel in enumerate(pixels):
        rows[place // SIDE + FRAME][place % SIDE + FRAME] = pixel
    return [pixel for row in rows for pixel in row]


def parsed(line):
    """Answer and framed image of a line of images.py."""
    answer, pixels = line.split()
    return int(answer), framed([int(pixel, 17) / 16 for pixel in pixels])


def distorted(image, turn, right, down):
    """The 64 pixels of a framed image that is turned by an angle and then moved.

    Each pixel of the result is read, between pixels bilinearly, at the place that it came from.
    """
    across, along = cos(turn), sin(turn)
    limit = WIDTH - 1.001
    pixels = []
    for row in range(SIDE):
        y = row - CENTRE - down
        for column in range(SIDE):
            x = column - CENTRE - right
            u = min(max(across * x + along * y + CENTRE + FRAME, 0.0), limit)
            v = min(max(across * y - along * x + CENTRE + FRAME, 0.0), limit)
            left, top = floor(u), floor(v)
            u -= left
            v -= top
            at = top * WIDTH + left
            above = image[at] + u * (image[at + 1] - image[at])
            at += WIDTH
            below = image[at] + u * (image[at + 1] - image[at])
            pixels.append(above + v * (below - above))
    return pixels


class WitWorld(Evaluator):
    inputs = {"input": Input((1, SIDE, SIDE))}
    images = [parsed(line) for line in IMAGES.split("\n") if line]

    def sample(self, rng):
        answer, image = rng.choice(self.images)
        turn = radians(rng.uniform(-TURN, TURN))
        pixels = distorted(image, turn, rng.uniform(-SHIFT, SHIFT), rng.uniform(-SHIFT, SHIFT))
        return [pixel + NOISE * (2.0 * rng.random() - 1.0) for pixel in pixels], answer

    def score(self, output, target):
        return 0.5 + output[target] - sum(p * p for p in output) / 2
