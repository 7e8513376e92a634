"""Writes `images.py`: the images that the evaluation program distorts.

    python3 make_images.py

They are the last 597 of the 1,797 images that scikit-learn carries (version 1.9.1), which are the
test set of "Optical Recognition of Handwritten Digits" by E. Alpaydin and C. Kaynak, UCI Machine
Learning Repository, https://doi.org/10.24432/C50P49, licensed under CC BY 4.0. The images are the
original ones: a pixel is an integer from 0 to 16, written as one digit to the base 17.
"""

from pathlib import Path

from sklearn.datasets import load_digits

FIRST = 1200
DIGITS = "0123456789abcdefg"

HEADER = '''\
"""Images of handwritten digits: the answer, then 64 pixels from 0 to 16, by rows, to the base 17.

Made by make_images.py from the test set of "Optical Recognition of Handwritten Digits" by
E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, https://doi.org/10.24432/C50P49,
CC BY 4.0: its images from number {first} on, unchanged.
"""

IMAGES = """
{lines}
"""
'''


def main() -> None:
    data = load_digits()
    lines = [
        f"{answer} {''.join(DIGITS[int(pixel)] for pixel in pixels)}"
        for pixels, answer in zip(data.data[FIRST:], data.target[FIRST:], strict=True)
    ]
    text = HEADER.format(first=FIRST, lines="\n".join(lines))
    Path(__file__).with_name("images.py").write_text(text, encoding="ascii")


if __name__ == "__main__":
    main()
