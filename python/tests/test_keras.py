"""Imported Keras models answer as Keras does on its PyTorch backend."""

import json

import keras
import numpy as np
import pytest
from keras import layers as L
from keras_models import MODELS, fill

from zarathustra import Refused, from_keras


def built(name, rng):
    build, inputs = MODELS[name]
    model = build()
    fill(model, rng)
    return model, inputs(rng)


@pytest.mark.parametrize("name", MODELS)
def test_answers_as_keras(name, engine, rng):
    model, inputs = built(name, rng)
    given = inputs if len(inputs) > 1 else inputs[0]
    engine.check(from_keras.import_model(model), inputs, model.predict(given, verbose=0))


@pytest.mark.parametrize("name", MODELS)
def test_every_file_of_weights_gives_the_same(name, tmp_path, rng):
    model, _ = built(name, rng)
    model.save_weights(tmp_path / "model.weights.h5")
    np.savez(tmp_path / "model.npz", *model.get_weights())
    values = [weight.tolist() for weight in model.get_weights()]
    (tmp_path / "model.json").write_text(json.dumps(values))
    expected = from_keras.import_model(model)
    for file in ("model.weights.h5", "model.npz", "model.json"):
        found = from_keras.import_json(model.to_json(), tmp_path / file)
        assert found.architecture == expected.architecture
        assert found.parameters.keys() == expected.parameters.keys()
        for key, array in expected.parameters.items():
            np.testing.assert_array_equal(found.parameters[key], array, err_msg=f"{file} {key}")


def test_layouts_change_once_in_front_and_once_behind(rng):
    model, _ = built("unet", rng)
    operations = [n["op"] for n in from_keras.import_model(model).architecture["nodes"]]
    assert operations[0] == operations[-1] == "transpose"
    assert operations.count("transpose") == 2


def test_shared_weights_are_told(rng):
    model, _ = built("nested_and_shared", rng)
    imported = from_keras.import_model(model)
    assert any("inner.dense" in note and "separate copies" in note for note in imported.notes)


def test_a_topology_encoded_twice_is_the_same(rng):
    model, _ = built("resnet", rng)
    once = from_keras.import_json(model.to_json())
    twice = from_keras.import_json(json.dumps(model.to_json()))
    assert once.architecture == twice.architecture


def test_an_open_length_has_to_be_given(rng):
    model = keras.Sequential([keras.Input((None, 4), name="steps"), L.Conv1D(3, 2)])
    with pytest.raises(Refused) as refused:
        from_keras.import_json(model.to_json())
    assert refused.value.code == "keras_shape"
    imported = from_keras.import_json(model.to_json(), shapes={"steps": [9, 4]})
    assert imported.architecture["inputs"][0]["shape"] == [9, 4]


def test_everything_that_is_refused_is_listed():
    inputs = keras.Input((8, 8, 3))
    x = L.Conv2D(4, 3, activation="exponential", name="first")(inputs)
    x = L.UpSampling2D(2, name="second")(x)
    x = L.Conv2D(4, 3, name="third")(x)
    x = L.AveragePooling2D(3, strides=2, padding="same", name="fourth")(x)
    x = L.UnitNormalization(name="fifth")(x)
    with pytest.raises(Refused) as refused:
        from_keras.import_json(keras.Model(inputs, x).to_json())
    assert refused.value.code == "keras_unsupported"
    places = [place for place, _ in refused.value.items]
    assert places[0] == "first (Conv2D)"
    assert places[1:] == ["second (UpSampling2D)", "fifth (UnitNormalization)"]


@pytest.mark.parametrize(
    "layer",
    [
        lambda: L.GRU(3, reset_after=False),
        lambda: L.LSTM(3, activation="relu"),
        lambda: L.LSTM(3, stateful=False, go_backwards=True, return_sequences=True),
        lambda: L.AveragePooling1D(3, strides=2, padding="same"),
        lambda: L.LayerNormalization(axis=1),
        lambda: L.Lambda(lambda x: x * 2),
        lambda: L.Dense(3, dtype="float16"),
        lambda: L.Masking(),
    ],
)
def test_what_differs_between_versions_and_backends_is_refused(layer):
    model = keras.Sequential([keras.Input((6, 4)), layer()])
    with pytest.raises(Refused) as refused:
        from_keras.import_json(model.to_json())
    assert refused.value.code == "keras_unsupported"
    assert len(refused.value.items) == 1
