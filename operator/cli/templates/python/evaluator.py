"""Scores a model that should answer 2 * x + 1 for x in [-1, 1]; a perfect one scores 1."""

from zarathustra_evaluator import Evaluator, f32


class WitWorld(Evaluator):
    def sample(self, rng):
        # The model gets x as a 32-bit float, and is judged on that.
        x = f32(rng.uniform(-1.0, 1.0))
        return [x], 2.0 * x + 1.0

    def score(self, output, target):
        error = target - output[0]
        return 1.0 - error * error
