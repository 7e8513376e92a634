"""The command line, and files that are not what they should be."""

import json
import zipfile

import h5py
import keras
import numpy as np
import pytest
import torch
from keras import layers as L

from zarathustra.__main__ import main


@pytest.fixture
def files(tmp_path):
    """A topology and its weights in a folder of the test's own."""
    model = keras.Sequential([keras.Input((4,)), L.Dense(3, name="first"), L.Dense(2)])
    (tmp_path / "model.json").write_text(model.to_json())
    model.save_weights(tmp_path / "model.weights.h5")
    np.savez(tmp_path / "model.npz", *model.get_weights())
    return tmp_path


def keras_command(folder, topology="model.json", weights="model.weights.h5"):
    return main(
        [
            "import", "keras", "--topology", str(folder / topology),
            "--weights", str(folder / weights),
            "--architecture", str(folder / "architecture.json"),
            "--parameters", str(folder / "parameters.safetensors"),
        ]
    )  # fmt: skip


def code(capsys):
    """The reason in what was printed, which is no traceback."""
    printed = capsys.readouterr().err
    assert printed.startswith("error: "), printed
    assert "Traceback" not in printed
    return printed.splitlines()[0].rpartition("[")[2].rstrip("]")


def test_keras_files_are_written(files):
    assert keras_command(files) == 0
    architecture = json.loads((files / "architecture.json").read_text())
    assert [n["name"] for n in architecture["nodes"]] == ["first", architecture["output"]]
    assert (files / "parameters.safetensors").stat().st_size > 80


def test_a_script_of_ones_own_and_a_saved_program_are_the_same(tmp_path):
    script = tmp_path / "network.py"
    script.write_text(
        "import torch\n"
        "def model():\n    torch.manual_seed(1)\n    return torch.nn.Linear(3, 2)\n"
        "def inputs():\n    return [torch.zeros(1, 3)]\n"
    )
    torch.manual_seed(1)
    rows = torch.export.Dim("rows", min=2)
    program = torch.export.export(
        torch.nn.Linear(3, 2).eval(), (torch.zeros(2, 3),), dynamic_shapes=({0: rows},)
    )
    torch.export.save(program, tmp_path / "network.pt2")
    written = []
    for source, file in (("--script", script), ("--program", tmp_path / "network.pt2")):
        out = tmp_path / source
        arguments = ["import", "torch", source, str(file), "--architecture", f"{out}.json"]
        assert main([*arguments, "--parameters", f"{out}.safetensors"]) == 0
        written.append((out.parent / f"{source}.safetensors").read_bytes())
    assert written[0] == written[1]


@pytest.mark.parametrize(
    "text, reason",
    [
        ("", "keras_json"), ("{", "keras_json"), ("[" * 100_000, "keras_json"),
        ("3", "keras_topology"), ('{"class_name": "Sequential"}', "keras_topology"),
        ('{"class_name": "Sequential", "config": {"layers": []}}', "keras_topology"),
        ('{"class_name": "Sequential", "config": {"layers": [3]}}', "keras_topology"),
        ('{"class_name": "Functional", "config": {"layers": [{"class_name": "Dense", '
         '"config": {}}]}}', "keras_topology"),
        (json.dumps(json.dumps(json.dumps(json.dumps("{}")))), "keras_topology"),
        (json.dumps({"class_name": "Sequential", "config": {"layers": [
            {"class_name": "Dense", "config": {"units": 1 << 60, "batch_input_shape": [None, 4]}},
        ]}}), "keras_unsupported"),
        (json.dumps({"class_name": "Sequential", "config": {"layers": [
            {"class_name": "Conv2D", "config": {"filters": 2, "kernel_size": [0, "x"],
             "batch_input_shape": [None, 4, 4, 1]}},
        ]}}), "keras_unsupported"),
        (json.dumps({"class_name": "Sequential", "config": {"layers": [
            {"class_name": "Conv2D", "config": {"filters": 2, "kernel_size": 3, "strides": 0,
             "batch_input_shape": [None, 4, 4, 1]}},
        ]}}), "keras_unsupported"),
    ],
)  # fmt: skip
def test_a_malformed_topology_is_refused(text, reason, files, capsys):
    (files / "bad.json").write_text(text)
    assert keras_command(files, topology="bad.json") == 1
    assert code(capsys) == reason


def hostile_h5(path, kind):
    with h5py.File(path, "r+") as file:
        group = file["layers/dense/vars"]
        array = group["0"][()]
        if kind == "missing":
            del group["1"]
        if kind == "more":
            group["2"] = array
        if kind == "shape":
            del group["0"]
            group["0"] = array.T
        if kind == "text":
            del group["0"]
            group["0"] = "text"
        if kind == "external link":
            del group["0"]
            group["0"] = h5py.ExternalLink("elsewhere.h5", "/x")
        if kind == "external storage":
            del group["0"]
            outside = [("/etc/passwd", 0, array.nbytes)]
            group.create_dataset("0", array.shape, "<f4", external=outside)


@pytest.mark.parametrize(
    "kind", ["missing", "more", "shape", "text", "external link", "external storage"]
)
def test_a_wrong_h5_file_is_refused(kind, files, capsys):
    hostile_h5(files / "model.weights.h5", kind)
    assert keras_command(files) == 1
    assert code(capsys) == "keras_weights"


def test_pickle_in_npz_is_never_loaded(files, capsys):
    class Harm:
        def __reduce__(self):
            return (open, (str(files / "harm"), "w"))

    np.savez(files / "bad.npz", np.array([Harm()], dtype=object), allow_pickle=True)
    (files / "harm").unlink(missing_ok=True)
    assert keras_command(files, weights="bad.npz") == 1
    assert code(capsys) == "keras_weights"
    assert not (files / "harm").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY", b"\x89HDF\r\n\x1a\n" * 9])
@pytest.mark.parametrize("name", ["bad.npz", "bad.weights.h5", "bad.json"])
def test_garbage_as_weights_is_refused(name, content, files, capsys):
    (files / name).write_bytes(content)
    assert keras_command(files, weights=name) == 1
    assert code(capsys) in ("keras_weights", "file_unreadable")


def test_an_npz_that_unpacks_to_too_much_is_refused(files, capsys):
    # Its directory says so; nothing has to be unpacked.
    with zipfile.ZipFile(files / "bad.npz", "w") as archive:
        archive.writestr("arr_0.npy", b"\0" * 8)
    text = (files / "bad.npz").read_bytes()
    place = text.rindex(b"PK\x01\x02") + 24
    (files / "bad.npz").write_bytes(text[:place] + b"\xfe\xff\xff\xff" + text[place + 4 :])
    assert keras_command(files, weights="bad.npz") == 1
    assert code(capsys) == "keras_weights"


def test_a_list_of_ragged_weights_is_refused(files, capsys):
    (files / "bad.json").write_text("[[[1, 2], [3]], [0], [1], [2]]")
    assert keras_command(files, weights="bad.json") == 1
    assert code(capsys) == "keras_weights"


def test_a_missing_file_is_named(files, capsys):
    assert keras_command(files, weights="absent.npz") == 1
    assert code(capsys) == "file_unreadable"


def test_a_file_that_is_no_program_is_refused(tmp_path, capsys):
    (tmp_path / "bad.pt2").write_bytes(b"PK\x05\x06" + b"\0" * 18)
    out = str(tmp_path / "out.json")
    path = str(tmp_path / "bad.pt2")
    assert main(["import", "torch", "--program", path, "--architecture", out]) == 1
    assert code(capsys) == "torch_load"
