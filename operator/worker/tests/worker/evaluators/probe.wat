;; An evaluation program that shows what the model answers: the score of sample i is the model's
;; answer to x = i. Tests put other instructions in the place of a marked line.
(component ;; IMPORTS
  (import "wasi:nn/errors@0.2.0-rc-2024-10-28" (instance $errors
    (export "error" (type (sub resource)))))
  (alias export $errors "error" (type $error))
  (import "wasi:nn/tensor@0.2.0-rc-2024-10-28" (instance $tensors
    (export "tensor" (type $tensor (sub resource)))
    (type $types (enum "FP16" "FP32" "FP64" "BF16" "U8" "I32" "I64"))
    (export "tensor-type" (type $type (eq $types)))
    (export "[constructor]tensor" (func
      (param "dimensions" (list u32)) (param "ty" $type) (param "data" (list u8))
      (result (own $tensor))))
    (export "[method]tensor.data" (func
      (param "self" (borrow $tensor)) (result (list u8))))))
  (alias export $tensors "tensor" (type $tensor))
  (import "wasi:nn/inference@0.2.0-rc-2024-10-28" (instance $inference
    (alias outer 1 $error (type $outer-error))
    (export "error" (type $error (eq $outer-error)))
    (alias outer 1 $tensor (type $outer-tensor))
    (export "tensor" (type $tensor (eq $outer-tensor)))
    (export "graph-execution-context" (type $context (sub resource)))
    (export "[method]graph-execution-context.compute" (func
      (param "self" (borrow $context)) (param "inputs" (list (tuple string (own $tensor))))
      (result (result (list (tuple string (own $tensor))) (error (own $error))))))))
  (alias export $inference "graph-execution-context" (type $context))
  (import "wasi:nn/graph@0.2.0-rc-2024-10-28" (instance $graphs
    (alias outer 1 $error (type $outer-error))
    (export "error" (type $error (eq $outer-error)))
    (alias outer 1 $context (type $outer-context))
    (export "graph-execution-context" (type $context (eq $outer-context)))
    (export "graph" (type $graph (sub resource)))
    (export "[method]graph.init-execution-context" (func
      (param "self" (borrow $graph)) (result (result (own $context) (error (own $error))))))
    (type $encodings (enum "openvino" "onnx" "tensorflow" "pytorch" "tensorflowlite" "ggml" "autodetect"))
    (export "graph-encoding" (type $encoding (eq $encodings)))
    (type $targets (enum "cpu" "gpu" "tpu"))
    (export "execution-target" (type $target (eq $targets)))
    (export "load" (func
      (param "builder" (list (list u8))) (param "encoding" $encoding) (param "target" $target)
      (result (result (own $graph) (error (own $error))))))
    (export "load-by-name" (func
      (param "name" string) (result (result (own $graph) (error (own $error))))))))

  (core module $Memory
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 4096))
    ;; Gives memory out and never takes it back.
    (func (export "realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get $size)))
      (loop $grow
        (if (i32.gt_u (global.get $next) (i32.mul (memory.size) (i32.const 65536)))
          (then
            (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
            (br $grow))))
      (local.get $at)))
  (core instance $memory (instantiate $Memory))

  (core func $tensor (canon lower (func $tensors "[constructor]tensor")
    (memory $memory "memory") (realloc (func $memory "realloc"))))
  (core func $data (canon lower (func $tensors "[method]tensor.data")
    (memory $memory "memory") (realloc (func $memory "realloc"))))
  (core func $compute (canon lower (func $inference "[method]graph-execution-context.compute")
    (memory $memory "memory") (realloc (func $memory "realloc"))))
  (core func $init (canon lower (func $graphs "[method]graph.init-execution-context")
    (memory $memory "memory")))
  (core func $load (canon lower (func $graphs "load-by-name")
    (memory $memory "memory") (realloc (func $memory "realloc"))))
  (core func $load-bytes (canon lower (func $graphs "load")
    (memory $memory "memory") (realloc (func $memory "realloc"))))

  (core module $Program
    (import "memory" "memory" (memory 1))
    (import "memory" "realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
    (import "nn" "tensor" (func $tensor (param i32 i32 i32 i32 i32) (result i32)))
    (import "nn" "data" (func $data (param i32 i32)))
    (import "nn" "compute" (func $compute (param i32 i32 i32 i32)))
    (import "nn" "init" (func $init (param i32 i32)))
    (import "nn" "load" (func $load (param i32 i32 i32)))
    (import "nn" "load-bytes" (func $load-bytes (param i32 i32 i32 i32 i32)))
    (data (i32.const 0) "model")
    (data (i32.const 16) "input") ;; NAMES
    ;; 32: dimensions, 48: inputs, 64: what calls return, 96: what this program returns.

    (func $model (param $name-length i32) (result i32)
      (call $load (i32.const 0) (local.get $name-length) (i32.const 64))
      (if (i32.load8_u (i32.const 64)) (then unreachable))
      (call $init (i32.load (i32.const 68)) (i32.const 64))
      (if (i32.load8_u (i32.const 64)) (then unreachable))
      (i32.load (i32.const 68)))

    ;; Answers to `rows` rows of one 32-bit float; the address of as many floats.
    (func $ask (param $context i32) (param $rows i32) (param $input i32) (result i32)
      (i32.store (i32.const 32) (local.get $rows))
      (i32.store (i32.const 36) (i32.const 1))
      (i32.store (i32.const 48) (i32.const 16))
      (i32.store (i32.const 52) (i32.const 5))
      (i32.store (i32.const 56) (call $tensor (i32.const 32) (i32.const 2) (i32.const 1)
        (local.get $input) (i32.mul (local.get $rows) (i32.const 4))))
      (call $compute (local.get $context) (i32.const 48) (i32.const 1) (i32.const 64)) ;; COMPUTE
      (if (i32.load8_u (i32.const 64)) (then unreachable))
      (call $data (i32.load offset=8 (i32.load (i32.const 68))) (i32.const 64))
      (i32.load (i32.const 64)))

    (func (export "evaluate") (param $seed i32) (param $seed-length i32) (param $samples i32) (result i32)
      (local $context i32) (local $i i32) (local $rows i32) (local $input i32) (local $output i32) (local $scores i32)
      (local.set $rows (local.get $samples)) ;; ROWS
      (local.set $scores (call $realloc (i32.const 0) (i32.const 0) (i32.const 8)
        (i32.mul (local.get $samples) (i32.const 8))))
      (local.set $input (call $realloc (i32.const 0) (i32.const 0) (i32.const 4)
        (i32.mul (local.get $rows) (i32.const 4))))
      (loop $fill
        (f32.store (i32.add (local.get $input) (i32.mul (local.get $i) (i32.const 4)))
          (f32.convert_i32_u (local.get $i))) ;; X
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $fill (i32.lt_u (local.get $i) (local.get $rows))))
      (local.set $context (call $model (i32.const 5)))
      (local.set $output (call $ask (local.get $context) (local.get $rows) (local.get $input))) ;; ASK
      (local.set $i (i32.const 0))
      (loop $score
        (f64.store (i32.add (local.get $scores) (i32.mul (local.get $i) (i32.const 8)))
          (f64.promote_f32 (f32.load (i32.add (local.get $output) (i32.mul (local.get $i) (i32.const 4)))))) ;; SCORE
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $score (i32.lt_u (local.get $i) (local.get $samples))))
      (i32.store8 (i32.const 96) (i32.const 0))
      (i32.store (i32.const 100) (local.get $scores))
      (i32.store (i32.const 104) (local.get $samples)) ;; COUNT
      (i32.const 96)))
  (core instance $program (instantiate $Program
    (with "memory" (instance $memory))
    (with "nn" (instance
      (export "tensor" (func $tensor))
      (export "data" (func $data))
      (export "compute" (func $compute))
      (export "init" (func $init))
      (export "load" (func $load))
      (export "load-bytes" (func $load-bytes))))))
  (func (export "evaluate")
    (param "seed" (list u8)) (param "samples" u32) (result (result (list f64) (error string)))
    (canon lift (core func $program "evaluate")
      (memory $memory "memory") (realloc (func $memory "realloc")))))
