import unittest

from zarathustra_evaluator import rng


class RandomnessTest(unittest.TestCase):
    def test_it_is_the_mersenne_twister(self):
        # First outputs of MT19937 for the key {0x123, 0x234, 0x345, 0x456}, as its authors publish
        # them (mt19937ar.out). Python's key is the integer's 32-bit words, least significant first.
        key = (0x456 << 96) + (0x345 << 64) + (0x234 << 32) + 0x123
        source = rng(key.to_bytes(32, "big"))
        outputs = [source.getrandbits(32) for _ in range(5)]
        self.assertEqual(outputs, [1067595299, 955945823, 477289528, 4107218783, 4228976476])

    def test_a_float_is_made_of_53_bits(self):
        key = (0x456 << 96) + (0x345 << 64) + (0x234 << 32) + 0x123
        a, b = 1067595299 >> 5, 955945823 >> 6
        self.assertEqual(rng(key.to_bytes(32, "big")).random(), (a * 2**26 + b) / 2**53)

    def test_seeds_have_32_bytes(self):
        for length in (0, 31, 33):
            with self.assertRaises(ValueError):
                rng(bytes(length))
