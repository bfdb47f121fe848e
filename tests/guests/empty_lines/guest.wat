;; Logs lines without any text. The core module: the test makes a component of it.
(module
  (import "resolvet:policy/log@0.1.0" "write" (func $write (param i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    i32.const 1024)
  ;; Settings are fine: `ok` of `result<_, string>`.
  (func (export "resolvet:policy/validation@0.1.0#check-settings") (result i32)
    i32.const 256)
  (func (export "resolvet:policy/validation@0.1.0#validate") (result i32)
    (loop $again
      (call $write (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
      (br $again))
    unreachable))
