import unittest

from componentize_py_types import Err
from wit_world.imports import tensor as nn
from wit_world.imports import under_test

from zarathustra_evaluator import FP32, I32, Evaluator, Input, Model, ModelError, Tensor

SEED = bytes(range(32))


def answer(function):
    """A model that answers each row of `input` with the numbers that a function makes of it."""

    def model(inputs):
        given = inputs["input"]
        rows = given.dimensions()[0]
        kind = {"FP32": FP32, "I32": I32}[given.ty().name]
        asked = Tensor(given.dimensions(), kind, given.data())
        answers = [value for row in asked.rows() for value in function(row)]
        shape = [rows, len(answers) // rows]
        return {"output": nn.Tensor(shape, nn.TensorType.FP32, Tensor.of(shape, FP32, answers).data)}

    return model


class HostTest(unittest.TestCase):
    def setUp(self):
        under_test.model = None
        under_test.asked.clear()


class ModelTest(HostTest):
    def test_rows_are_asked_about_in_batches_and_in_order(self):
        under_test.model = answer(lambda row: [2 * row[0]])
        outputs = Model(batch_rows=4).run({"input": Tensor.of((10, 1), FP32, range(10))})
        self.assertEqual(outputs, {"output": Tensor.of((10, 1), FP32, [2 * i for i in range(10)])})
        self.assertEqual(
            under_test.asked,
            [[("input", [rows, 1], "FP32")] for rows in (4, 4, 2)],
        )

    def test_errors_of_the_host_have_a_code(self):
        with self.assertRaises(ModelError) as caught:
            Model()
        self.assertEqual(caught.exception.code, "not-found")
        self.assertEqual(str(caught.exception), "not-found: there is no such model")
        under_test.model = lambda inputs: "the input's shape is not the model's"
        with self.assertRaises(ModelError) as caught:
            Model().run({"input": Tensor.of((1, 1), FP32, [0.0])})
        self.assertEqual(caught.exception.code, "invalid-argument")

    def test_inputs_have_equally_many_rows(self):
        under_test.model = answer(lambda row: row)
        one, two = Tensor.of((1, 1), FP32, [0]), Tensor.of((2, 1), FP32, [0, 0])
        for inputs in ({}, {"a": one, "b": two}):
            with self.assertRaises(ValueError):
                Model().run(inputs)


class Doubled(Evaluator):
    batch = 3

    def sample(self, rng):
        x = rng.randrange(100)
        return [x], 2 * x

    def score(self, output, target):
        return -abs(output[0] - target)


class EvaluatorTest(HostTest):
    def test_each_sample_is_scored_with_its_own_answer(self):
        asked = []
        under_test.model = answer(lambda row: [asked.append(row[0]) or 2 * row[0] + len(asked)])
        self.assertEqual(Doubled().evaluate(SEED, 7), [-1, -2, -3, -4, -5, -6, -7])
        self.assertEqual([rows for [(_, [rows, _], _)] in under_test.asked], [3, 3, 1])

    def test_samples_follow_from_the_seed_alone(self):
        def drawn(seed, samples):
            asked = []
            under_test.model = answer(lambda row: [asked.append(row[0]) or 0.0])
            Doubled().evaluate(seed, samples)
            return asked

        self.assertEqual(drawn(SEED, 8), drawn(SEED, 8))
        self.assertEqual(drawn(SEED, 8)[:5], drawn(SEED, 5))
        self.assertNotEqual(drawn(SEED, 8), drawn(bytes(32), 8))

    def test_a_model_may_have_several_inputs(self):
        class Tokens(Evaluator):
            inputs = {"tokens": Input((2,), I32), "scale": Input(())}

            def sample(self, rng):
                return {"scale": [0.5], "tokens": [3, 4]}, None

            def score(self, output, target):
                return output[0]

        def model(inputs):
            assert list(inputs) == ["tokens", "scale"]
            assert inputs["tokens"].data() == bytes.fromhex("0300000004000000") * 2
            assert inputs["scale"].dimensions() == [2]
            return {"output": nn.Tensor([2, 1], nn.TensorType.FP32, Tensor.of((2, 1), FP32, [5, 6]).data)}

        under_test.model = model
        self.assertEqual(Tokens().evaluate(SEED, 2), [5.0, 6.0])

    def test_exceptions_become_errors_that_operators_see(self):
        class Broken(Doubled):
            def score(self, output, target):
                return 1 / 0

        class Wide(Doubled):
            def sample(self, rng):
                return [1, 2], None

        under_test.model = answer(lambda row: row)
        for program, text in [
            (Broken, "ZeroDivisionError: division by zero"),
            (Wide, "ValueError: a row of 'input' has 1 elements"),
            (Evaluator, "NotImplementedError: "),
        ]:
            with self.assertRaises(Err) as caught:
                program().evaluate(SEED, 2)
            self.assertEqual(caught.exception.value, text)
        under_test.model = None
        with self.assertRaises(Err) as caught:
            Doubled().evaluate(SEED, 2)
        self.assertEqual(caught.exception.value, "ModelError: not-found: there is no such model")
