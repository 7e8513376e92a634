;; An evaluation program that costs next to nothing itself: it asks the model about noise, BATCH
;; samples at a time, and scores each sample by the first number of its answer. Words in capitals
;; are filled in.
(component
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

  (core module $Program
    (import "memory" "memory" (memory 1))
    (import "memory" "realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
    (import "nn" "tensor" (func $tensor (param i32 i32 i32 i32 i32) (result i32)))
    (import "nn" "data" (func $data (param i32 i32)))
    (import "nn" "compute" (func $compute (param i32 i32 i32 i32)))
    (import "nn" "init" (func $init (param i32 i32)))
    (import "nn" "load" (func $load (param i32 i32 i32)))
    (data (i32.const 0) "model")
    (data (i32.const 128) "NAME")
    ;; 32: inputs, 64: what calls return, 96: what this program returns, 256: dimensions.
    (data (i32.const 256) "DIMENSIONS")

    (func $model (result i32)
      (call $load (i32.const 0) (i32.const 5) (i32.const 64))
      (if (i32.load8_u (i32.const 64)) (then unreachable))
      (call $init (i32.load (i32.const 68)) (i32.const 64))
      (if (i32.load8_u (i32.const 64)) (then unreachable))
      (i32.load (i32.const 68)))

    ;; Answers to `rows` rows; the address of their data, whose length lies at 68.
    (func $ask (param $context i32) (param $rows i32) (param $input i32) (result i32)
      (i32.store (i32.const 256) (local.get $rows))
      (i32.store (i32.const 32) (i32.const 128))
      (i32.store (i32.const 36) (i32.const NAME_LENGTH))
      (i32.store (i32.const 40) (call $tensor (i32.const 256) (i32.const RANK) (i32.const TYPE)
        (local.get $input) (i32.mul (local.get $rows) (i32.const ROW_BYTES))))
      (call $compute (local.get $context) (i32.const 32) (i32.const 1) (i32.const 64))
      (if (i32.load8_u (i32.const 64)) (then unreachable))
      (call $data (i32.load offset=8 (i32.load (i32.const 68))) (i32.const 64))
      (i32.load (i32.const 64)))

    (func (export "evaluate") (param $seed i32) (param $seed-length i32) (param $samples i32) (result i32)
      (local $context i32) (local $i i32) (local $done i32) (local $rows i32) (local $input i32)
      (local $output i32) (local $scores i32) (local $state i32)
      (local.set $state (i32.load (local.get $seed)))
      (local.set $scores (call $realloc (i32.const 0) (i32.const 0) (i32.const 8)
        (i32.mul (local.get $samples) (i32.const 8))))
      (local.set $input (call $realloc (i32.const 0) (i32.const 0) (i32.const 4)
        (i32.const BATCH_BYTES)))
      (local.set $context (call $model))
      (loop $batch
        (local.set $rows (i32.sub (local.get $samples) (local.get $done)))
        (if (i32.gt_u (local.get $rows) (i32.const BATCH)) (then (local.set $rows (i32.const BATCH))))
        (local.set $i (i32.const 0))
        (loop $fill
          ;; The linear congruential generator of Numerical Recipes.
          (local.set $state (i32.add (i32.mul (local.get $state) (i32.const 1664525)) (i32.const 1013904223)))
          (VALUE)
          (local.set $i (i32.add (local.get $i) (i32.const 4)))
          (br_if $fill (i32.lt_u (local.get $i) (i32.mul (local.get $rows) (i32.const ROW_BYTES)))))
        (local.set $output (call $ask (local.get $context) (local.get $rows) (local.get $input)))
        (local.set $i (i32.const 0))
        (loop $score
          (f64.store
            (i32.add (local.get $scores) (i32.mul (i32.add (local.get $done) (local.get $i)) (i32.const 8)))
            (f64.promote_f32 (f32.load (i32.add (local.get $output)
              (i32.mul (local.get $i) (i32.div_u (i32.load (i32.const 68)) (local.get $rows)))))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $score (i32.lt_u (local.get $i) (local.get $rows))))
        (local.set $done (i32.add (local.get $done) (local.get $rows)))
        (br_if $batch (i32.lt_u (local.get $done) (local.get $samples))))
      (i32.store8 (i32.const 96) (i32.const 0))
      (i32.store (i32.const 100) (local.get $scores))
      (i32.store (i32.const 104) (local.get $samples))
      (i32.const 96)))
  (core instance $program (instantiate $Program
    (with "memory" (instance $memory))
    (with "nn" (instance
      (export "tensor" (func $tensor))
      (export "data" (func $data))
      (export "compute" (func $compute))
      (export "init" (func $init))
      (export "load" (func $load))))))
  (func (export "evaluate")
    (param "seed" (list u8)) (param "samples" u32) (result (result (list f64) (error string)))
    (canon lift (core func $program "evaluate")
      (memory $memory "memory") (realloc (func $memory "realloc")))))
