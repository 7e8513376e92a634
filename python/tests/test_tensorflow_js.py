"""Models out of the real TensorFlow.js: topologies encoded twice, weights as JSON lists."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from zarathustra import Refused, from_keras

NAMES = ("dense", "image", "sequence")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The folder into which TensorFlow.js wrote its models."""
    chosen = os.environ.get("ZARATHUSTRA_TFJS")
    modules = Path(chosen) if chosen else ROOT / ".tools/npm-models/node_modules"
    if not (modules / "@tensorflow/tfjs").is_dir():
        pytest.fail(f"TensorFlow.js is missing in {modules}: cargo xtask setup --models")
    folder = tmp_path_factory.mktemp("tfjs")
    script = Path(__file__).with_name("topology.cjs")
    command = ["node", str(script), str(modules), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def part(folder, name, kind):
    return json.loads((folder / f"{name}.{kind}.json").read_text())


@pytest.mark.parametrize("name", NAMES)
def test_answers_as_tensorflow_js(name, written, engine):
    text = (written / f"{name}.topology.json").read_text()
    assert isinstance(json.loads(text), str), "encoded twice"
    weights = written / f"{name}.weights.json"
    imported = from_keras.import_json(text, weights, order="trained-first")
    expected = np.array(part(written, name, "output"), np.float32)
    engine.check(imported, [part(written, name, "input")], expected)


def test_hard_sigmoid_is_the_one_of_its_version(written):
    text = json.loads((written / "dense.topology.json").read_text())
    nodes = from_keras.import_json(text).architecture["nodes"]
    before = [n for n in nodes if n["op"] == "scale"]
    assert [n["factor"] for n in before] == [1.2], "0.2·x + 0.5 is hard_sigmoid of 1.2·x"


def test_the_wrong_order_of_weights_is_refused_where_shapes_tell(written):
    text = (written / "sequence.topology.json").read_text()
    shuffled = list(reversed(part(written, "sequence", "weights")))
    path = written / "shuffled.json"
    path.write_text(json.dumps(shuffled))
    with pytest.raises(Refused) as refused:
        from_keras.import_json(text, path)
    assert refused.value.code == "keras_weights"
    assert len(refused.value.items) > 3
