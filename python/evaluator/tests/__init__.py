"""Tests of the package, under plain Python: `python3 -m unittest discover -t . -s tests`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).with_name("host")))
