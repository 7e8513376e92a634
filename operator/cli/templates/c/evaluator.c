// Scores a model that should answer 2 * x + 1 for x in [-1, 1]; a perfect one scores 1.

#include <stdlib.h>
#include <string.h>

#include "bindings/evaluator.h"

// Samples that are drawn, asked about and scored at a time.
enum { BATCH = 1024 };

// SplitMix64 (Steele, Lea and Flood 2014), started from all words of the seed.
static uint64_t state;

static uint64_t next(void) {
  uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

static void start(const evaluator_list_u8_t *seed) {
  for (size_t at = 0; at < seed->len; at += 8) {
    uint64_t word = 0;
    for (size_t i = at; i < at + 8 && i < seed->len; i++) word = word << 8 | seed->ptr[i];
    state = next() ^ word;
  }
}

// Uniform on [-1, 1).
static double uniform(void) { return (double)(next() >> 11) * 0x1p-52 - 1.0; }

// What the host says is wrong.
static bool fails(wasi_nn_errors_own_error_t error, evaluator_string_t *message) {
  wasi_nn_errors_method_error_data(wasi_nn_errors_borrow_error(error), message);
  wasi_nn_errors_error_drop_own(error);
  return false;
}

// Answers `count` rows of one number with as many numbers.
static bool ask(wasi_nn_graph_own_graph_execution_context_t model, float *x, float *y,
                uint32_t count, evaluator_string_t *message) {
  uint32_t shape[] = {count, 1};
  wasi_nn_tensor_tensor_dimensions_t dimensions = {shape, 2};
  wasi_nn_tensor_tensor_data_t data = {(uint8_t *)x, count * sizeof *x};
  wasi_nn_inference_named_tensor_t input;
  evaluator_string_set(&input.f0, "input");
  input.f1 =
      wasi_nn_tensor_constructor_tensor(&dimensions, WASI_NN_TENSOR_TENSOR_TYPE_FP32, &data);
  wasi_nn_inference_list_named_tensor_t inputs = {&input, 1}, outputs;
  wasi_nn_inference_own_error_t error;
  if (!wasi_nn_inference_method_graph_execution_context_compute(
          wasi_nn_inference_borrow_graph_execution_context(model), &inputs, &outputs, &error))
    return fails(error, message);
  // The model has one output, named "output".
  wasi_nn_tensor_method_tensor_data(wasi_nn_tensor_borrow_tensor(outputs.ptr[0].f1), &data);
  memcpy(y, data.ptr, count * sizeof *y);
  wasi_nn_tensor_tensor_data_free(&data);
  wasi_nn_inference_list_named_tensor_free(&outputs);
  return true;
}

bool exports_evaluator_evaluate(evaluator_list_u8_t *seed, uint32_t samples,
                                evaluator_list_f64_t *scores, evaluator_string_t *message) {
  evaluator_string_t name;
  evaluator_string_set(&name, "model");
  wasi_nn_graph_own_graph_t graph;
  wasi_nn_errors_own_error_t error;
  if (!wasi_nn_graph_load_by_name(&name, &graph, &error)) return fails(error, message);
  wasi_nn_graph_own_graph_execution_context_t model;
  if (!wasi_nn_graph_method_graph_init_execution_context(wasi_nn_graph_borrow_graph(graph), &model,
                                                         &error))
    return fails(error, message);

  start(seed);
  scores->len = samples;
  scores->ptr = malloc(samples * sizeof *scores->ptr);
  if (scores->ptr == NULL) abort();
  static float x[BATCH], y[BATCH];
  for (uint32_t done = 0; done < samples;) {
    uint32_t count = samples - done < BATCH ? samples - done : BATCH;
    for (uint32_t i = 0; i < count; i++) x[i] = (float)uniform();
    if (!ask(model, x, y, count, message)) return false;
    for (uint32_t i = 0; i < count; i++) {
      // The model got x as a 32-bit float, and is judged on that.
      double wrong = 2.0 * x[i] + 1.0 - y[i];
      scores->ptr[done + i] = 1.0 - wrong * wrong;
    }
    done += count;
  }
  return true;
}
