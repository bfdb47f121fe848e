;; Grows a table until there is none. The core module: the test makes a component of it.
(module
  (memory (export "memory") 1)
  (table $table 0 funcref)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    i32.const 1024)
  ;; Settings are fine: `ok` of `result<_, string>`.
  (func (export "resolvet:policy/validation@0.1.0#check-settings") (result i32)
    i32.const 256)
  (func (export "resolvet:policy/validation@0.1.0#validate") (result i32)
    (loop $again
      (drop (table.grow $table (ref.null func) (i32.const 1000)))
      (br $again))
    unreachable))
