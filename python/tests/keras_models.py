"""Keras models of the kinds that people have, as functions that build them."""

import keras
import numpy as np
from keras import layers as L

MODELS = {}
"""Builders by name, each with a function that makes inputs from a random generator."""


def model(*shapes, entries=0):
    """Registers a builder; inputs have `shapes`, and are integers below `entries` if given."""

    def register(build):
        def inputs(rng):
            if entries:
                return [rng.integers(0, entries, (3, *s)).astype(np.int32) for s in shapes]
            return [rng.normal(size=(3, *s)).astype(np.float32) for s in shapes]

        MODELS[build.__name__] = (build, inputs)
        return build

    return register


def fill(built, rng):
    """Gives every weight random values, variances positive ones."""
    for weight in built.weights:
        value = rng.normal(size=weight.shape) * 0.3
        weight.assign(np.abs(value) + 0.5 if "variance" in weight.path else value)


@model([6])
def mlp():
    return keras.Sequential(
        [
            keras.Input((6,)),
            L.Dense(16, "relu"),
            L.Dropout(0.5),
            L.Dense(8, "hard_sigmoid"),
            L.Dense(4),
            L.LeakyReLU(0.3),
            L.Dense(3, "softmax"),
        ]
    )


@model([11, 9, 3])
def cnn_with_batch_norm():
    return keras.Sequential(
        [
            keras.Input((11, 9, 3)),
            L.Rescaling(0.5, 0.1),
            L.Conv2D(4, 3, strides=2, padding="same", use_bias=False),
            L.BatchNormalization(),
            L.ReLU(6),
            L.MaxPooling2D(2, padding="same"),
            L.Conv2D(6, (2, 3), padding="same", dilation_rate=2, groups=2, activation="gelu"),
            L.BatchNormalization(scale=False),
            L.Flatten(),
            L.Dense(5),
        ]
    )


@model([8, 8, 3])
def resnet():
    inputs = keras.Input((8, 8, 3))
    x = L.Conv2D(4, 3, padding="same")(inputs)
    for strides in (1, 2):
        shortcut = L.Conv2D(4, 1, strides=strides)(x) if strides > 1 else x
        x = L.Conv2D(4, 3, strides=strides, padding="same")(x)
        x = L.Activation("relu")(L.BatchNormalization()(x))
        x = L.BatchNormalization()(L.Conv2D(4, 3, padding="same")(x))
        x = L.ReLU()(L.Add()([x, shortcut]))
    x = L.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, L.Dense(3)(x))


@model([10, 12, 3])
def depthwise_net():
    return keras.Sequential(
        [
            keras.Input((10, 12, 3)),
            L.ZeroPadding2D(((1, 0), (2, 1))),
            L.DepthwiseConv2D(3, strides=2, depth_multiplier=2, padding="same"),
            L.PReLU(shared_axes=[1, 2]),
            L.SeparableConv2D(5, 3, activation="swish"),
            L.GroupNormalization(5),
            L.AveragePooling2D(2),
            L.GlobalMaxPooling2D(keepdims=True),
        ]
    )


@model([12, 3])
def convnet_1d():
    return keras.Sequential(
        [
            keras.Input((12, 3)),
            L.Conv1D(4, 3, padding="causal", dilation_rate=2, activation="elu"),
            L.SeparableConv1D(6, 3, padding="same"),
            L.AveragePooling1D(2),
            L.LayerNormalization(),
            L.RMSNormalization(),
            L.Permute((2, 1)),
            L.Dense(4, "mish"),
            L.Reshape((-1, 8)),
            L.GlobalMaxPooling1D(),
        ]
    )


@model([8, 6, 2])
def autoencoder():
    return keras.Sequential(
        [
            keras.Input((8, 6, 2)),
            L.Conv2D(4, 3, strides=2, padding="same", activation="selu"),
            L.Conv2DTranspose(3, 3, strides=2, padding="same", activation="softplus"),
            L.Conv2DTranspose(3, (2, 5), strides=(3, 2), padding="same"),
            L.Conv2DTranspose(2, (2, 4), strides=(3, 1), activation="softsign"),
        ]
    )


@model([7, 3])
def autoencoder_1d():
    return keras.Sequential(
        [
            keras.Input((7, 3)),
            L.Conv1D(5, 3, strides=2, activation="silu"),
            L.Conv1DTranspose(4, 4, strides=2, padding="same"),
            L.Conv1DTranspose(3, 3, strides=2, padding="same", output_padding=1),
        ]
    )


@model([7], entries=10)
def lstm():
    return keras.Sequential(
        [
            keras.Input((7,), dtype="int32"),
            L.Embedding(10, 4),
            L.LSTM(5, return_sequences=True),
            L.LSTM(3, use_bias=False),
            L.Dense(2),
        ]
    )


@model([6, 4])
def bidirectional_gru():
    return keras.Sequential(
        [
            keras.Input((6, 4)),
            L.Bidirectional(L.GRU(5, return_sequences=True)),
            L.Bidirectional(L.GRU(3, return_sequences=True), merge_mode="ave"),
            L.Bidirectional(L.LSTM(4)),
        ]
    )


@model([6, 4])
def simple_rnn():
    return keras.Sequential(
        [
            keras.Input((6, 4)),
            L.SimpleRNN(5, return_sequences=True, activation="relu"),
            L.GRU(4, go_backwards=True),
            L.Dense(2, "tanh"),
        ]
    )


@model([6, 8])
def transformer():
    inputs = keras.Input((6, 8))
    x = L.LayerNormalization()(inputs)
    x = L.Add()([inputs, L.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True)])
    memory = L.Dense(5)(inputs)
    x = L.MultiHeadAttention(2, 3, use_bias=False, output_shape=8)(query=x, value=memory)
    return keras.Model(inputs, L.Softmax(axis=1)(x))


@model([4, 5], [5])
def two_inputs():
    a, b = keras.Input((4, 5), name="history"), keras.Input((5,), name="now")
    x = L.Multiply()([L.GlobalAveragePooling1D()(a), L.Dense(5, "sigmoid")(b)])
    x = L.Subtract()([L.Average()([x, b]), L.Dense(5)(x)])
    return keras.Model([a, b], L.Concatenate()([x, b]))


@model([8, 8, 2])
def unet():
    inputs = keras.Input((8, 8, 2))
    down = L.Conv2D(4, 3, padding="same", activation="relu")(inputs)
    deep = L.Conv2D(6, 3, padding="same", activation="relu")(L.MaxPooling2D()(down))
    up = L.Conv2DTranspose(4, 2, strides=2)(deep)
    x = L.Concatenate()([up, down])
    return keras.Model(inputs, L.Conv2D(1, 1)(x))


@model([5, 4])
def nested_and_shared():
    inner = keras.Sequential(
        [keras.Input((5, 4)), L.Dense(4), L.BatchNormalization(), L.Dropout(0.1)], name="inner"
    )
    inputs = keras.Input((5, 4))
    x = inner(inner(inputs))
    return keras.Model(inputs, L.Dense(3, name="head")(L.Flatten()(x)))
