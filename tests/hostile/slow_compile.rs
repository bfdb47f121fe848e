use std::{thread, time::Duration};

use resolvet_engine::{AdmissionError, CompileError, Compiler, Engine};

use crate::sandbox::{component, expect_accepted, friendly, guest, options, request};

/// A validator with one function of so many operations, in a form that compilers find hard: every value lives to the end.
fn slow(operations: usize) -> Vec<u8> {
    let mut text = String::from(
        r#"(module (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024)
        (func (export "resolvet:policy/validation@0.1.0#check-settings") (result i32) i32.const 256)
        (func (export "resolvet:policy/validation@0.1.0#validate") (result i32) (local i32 i32 i32 i32)
        "#,
    );
    for operation in 0..operations {
        let (from, to) = (operation % 4, (operation + 1) % 4);
        text.push_str(&format!(
            "(local.set {to} (i32.add (i32.load (local.get {from})) (local.get {to})))\n"
        ));
    }
    text.push_str("local.get 0))");
    component(wat::parse_str(text).unwrap())
}

#[test]
fn a_function_of_a_million_operations_is_refused_by_its_size() {
    let engine = Engine::new(options()).unwrap();
    let error = engine.admit(&slow(250_000)).unwrap_err();
    let AdmissionError::TooLarge {
        setting: "function-octets",
        came,
        limit: 262_144,
        ..
    } = error
    else {
        panic!("{error}");
    };
    assert!(came > 1_000_000);
    assert!(
        error
            .to_string()
            .ends_with("at most 262144 are allowed (`admission.function-octets`)"),
        "{error}"
    );
}

#[test]
fn a_compilation_ends_with_its_processor_time_and_nobody_else_waits() {
    let mut options = options();
    options.admission.function_octets = usize::MAX;
    options.admission.compile_cpu_seconds = 1;
    let engine = Engine::new(options).unwrap();
    let friendly = friendly(&engine);
    let slow = slow(250_000);
    let error = thread::scope(|scope| {
        let compiling = scope.spawn(|| engine.admit(&slow).unwrap_err());
        let mut meanwhile = 0;
        while !compiling.is_finished() {
            expect_accepted(&friendly.validate(&request()));
            meanwhile += 1;
            thread::sleep(Duration::from_millis(1));
        }
        assert!(meanwhile > 10, "{meanwhile}");
        compiling.join().unwrap()
    });
    assert!(
        matches!(
            error,
            AdmissionError::Compile(CompileError::Processor { seconds: 1 })
        ),
        "{error}"
    );
    let expected =
        "compilation used more than 1 s of processor time (`admission.compile-cpu-seconds`)";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_compilation_ends_by_the_clock_on_the_wall() {
    let mut options = options();
    options.admission.function_octets = usize::MAX;
    options.admission.compile_wall_milliseconds = 200;
    let error = Engine::new(options)
        .unwrap()
        .admit(&slow(250_000))
        .unwrap_err();
    assert!(
        matches!(
            error,
            AdmissionError::Compile(CompileError::Wall { milliseconds: 200 })
        ),
        "{error}"
    );
}

#[test]
fn a_compilation_ends_with_its_address_space() {
    let mut options = options();
    options.admission.function_octets = usize::MAX;
    options.admission.compile_memory_octets = 128 << 20;
    let error = Engine::new(options)
        .unwrap()
        .admit(&slow(250_000))
        .unwrap_err();
    let AdmissionError::Compile(CompileError::Signal { signal: 6, .. }) = error else {
        panic!("{error}")
    };
    assert!(
        error
            .to_string()
            .contains("(`admission.compile-memory-octets`): memory allocation of"),
        "{error}"
    );
}

#[test]
fn compiled_code_is_bounded() {
    let mut options = options();
    options.admission.compiled_octets = 10_000;
    let error = Engine::new(options)
        .unwrap()
        .admit(&guest("null"))
        .unwrap_err();
    assert!(
        matches!(
            error,
            AdmissionError::Compile(CompileError::Output { limit: 10_000 })
        ),
        "{error}"
    );
}

#[test]
fn a_compiler_that_cannot_be_started_is_named() {
    let mut options = options();
    let (path, arguments) = ("/nonexistent/resolvet-compile".into(), vec![]);
    options.compiler = Compiler::Program { path, arguments };
    let error = Engine::new(options)
        .unwrap()
        .admit(&guest("null"))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("compiler `/nonexistent/resolvet-compile` cannot be used"),
        "{error}"
    );
}

#[test]
fn what_the_compiler_says_is_in_the_error() {
    let mut options = options();
    let arguments = ["-c", "head -c 10 >/dev/null; echo 'I will not' >&2; exit 3"]
        .map(Into::into)
        .to_vec();
    options.compiler = Compiler::Program {
        path: "/bin/sh".into(),
        arguments,
    };
    let error = Engine::new(options)
        .unwrap()
        .admit(&guest("null"))
        .unwrap_err();
    assert!(
        matches!(error, AdmissionError::Compile(CompileError::Refused { .. })),
        "{error}"
    );
    assert_eq!(
        error.to_string(),
        "the compiler refused the component: I will not"
    );
}
