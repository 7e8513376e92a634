import struct
import unittest

from zarathustra_evaluator import FP32, I32, Tensor, f32


class TensorTest(unittest.TestCase):
    def test_elements_are_little_endian(self):
        # 1.0 is 0x3f800000 in IEEE 754.
        self.assertEqual(Tensor.of((1,), FP32, [1.0]).data, bytes.fromhex("0000803f"))
        self.assertEqual(Tensor.of((2,), I32, [1, -2]).data, bytes.fromhex("01000000feffffff"))

    def test_floats_are_rounded_to_32_bits(self):
        # 0.1 in 32 bits is 13421773 / 2^27.
        self.assertEqual(f32(0.1), 13421773 / 2**27)
        self.assertEqual(Tensor.of((1,), FP32, [0.1]).values(), (13421773 / 2**27,))
        self.assertEqual(f32(0.5), 0.5)

    def test_what_has_no_32_bits_is_refused(self):
        with self.assertRaises(OverflowError):
            Tensor.of((1,), FP32, [1e39])
        for value in (2**31, -(2**31) - 1, 0.5):
            with self.assertRaises(struct.error):
                Tensor.of((1,), I32, [value])

    def test_rows_and_parts(self):
        tensor = Tensor.of((3, 2), I32, range(6))
        self.assertEqual(list(tensor.rows()), [(0, 1), (2, 3), (4, 5)])
        self.assertEqual(tensor.part(1, 2), Tensor.of((1, 2), I32, [2, 3]))
        self.assertEqual(tensor.part(2, 9), Tensor.of((1, 2), I32, [4, 5]))
        self.assertEqual(tensor.row_shape, (2,))

    def test_data_has_to_fit_the_shape(self):
        for shape in [(), (2,), (1, 3), (-1,)]:
            with self.assertRaises(ValueError):
                Tensor(shape, FP32, bytes(4))
