// Writes models of TensorFlow.js as users of it have them: the topology as its `toJSON` gives it,
// which is text, encoded once more; the weights as nested lists in the order of `getWeights`; and
// inputs with what the model answers to them.
//
// node topology.cjs NODE_MODULES FOLDER
const { join } = require('node:path');
const { writeFileSync } = require('node:fs');
const [modules, folder] = process.argv.slice(2);
const tf = require(join(modules, '@tensorflow/tfjs'));

const layers = tf.layers;

// Weights that are not symmetric and differ from layer to layer.
function fill(model) {
  const weights = model.getWeights().map((weight, index) => {
    const values = Array.from({ length: weight.size }, (_, i) => {
      const value = Math.sin(1 + i * 0.7 + index * 1.3) * 0.5;
      return model.weights[index].name.endsWith('moving_variance') ? Math.abs(value) + 0.5 : value;
    });
    return tf.tensor(values, weight.shape);
  });
  model.setWeights(weights);
}

function dense() {
  return tf.sequential({
    layers: [
      layers.dense({ units: 8, activation: 'relu', inputShape: [5] }),
      layers.dropout({ rate: 0.3 }),
      layers.dense({ units: 4, activation: 'hardSigmoid' }),
      layers.dense({ units: 3, activation: 'softmax' }),
    ],
  });
}

function image() {
  const input = tf.input({ shape: [9, 7, 2] });
  let x = layers.conv2d({ filters: 4, kernelSize: 3, strides: 2, padding: 'same' }).apply(input);
  const shortcut = x;
  x = layers.batchNormalization().apply(x);
  x = layers.leakyReLU({ alpha: 0.1 }).apply(x);
  x = layers.conv2d({ filters: 4, kernelSize: 3, padding: 'same' }).apply(x);
  x = layers.add().apply([x, shortcut]);
  x = layers.maxPooling2d({ poolSize: 2, padding: 'same' }).apply(x);
  x = layers.flatten().apply(x);
  return tf.model({ inputs: input, outputs: layers.dense({ units: 3 }).apply(x) });
}

function sequence() {
  return tf.sequential({
    layers: [
      layers.embedding({ inputDim: 11, outputDim: 4, inputLength: 6 }),
      layers.lstm({ units: 5, recurrentActivation: 'sigmoid', returnSequences: true }),
      layers.bidirectional({
        layer: layers.simpleRNN({ units: 3 }),
        mergeMode: 'concat',
      }),
    ],
  });
}

async function write(name, model, input) {
  fill(model);
  const save = (part, value) =>
    writeFileSync(join(folder, `${name}.${part}.json`), JSON.stringify(value));
  // `toJSON()` is text already; this encodes it once more.
  save('topology', model.toJSON());
  save('weights', await Promise.all(model.getWeights().map((weight) => weight.array())));
  save('input', await input.array());
  save('output', await model.predict(input).array());
}

async function main() {
  await tf.setBackend('cpu');
  await write('dense', dense(), tf.randomNormal([4, 5], 0, 1, 'float32', 3));
  await write('image', image(), tf.randomNormal([3, 9, 7, 2], 0, 1, 'float32', 5));
  await write('sequence', sequence(), tf.tensor([[1, 2, 3, 4, 5, 10], [0, 9, 8, 7, 7, 2]]));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
