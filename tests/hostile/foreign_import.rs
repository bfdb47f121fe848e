use resolvet_engine::{AdmissionError, Engine};

use crate::sandbox::{expect_accepted, friendly, options, request, text_guest};

#[test]
fn an_import_that_is_not_ours_is_refused_by_its_name() {
    let engine = Engine::new(options()).unwrap();
    let error = engine.admit(&text_guest("foreign_import")).unwrap_err();
    assert!(matches!(error, AdmissionError::ForeignImport { .. }));
    let expected = "import `wasi:clocks/wall-clock@0.2.0` is not offered: expected functions of `resolvet:policy/*@0.1.x` only";
    assert_eq!(error.to_string(), expected);
    expect_accepted(&friendly(&engine).validate(&request()));
}

#[test]
fn a_function_that_our_interfaces_do_not_have_is_refused_by_its_name() {
    let engine = Engine::new(options()).unwrap();
    let refused = |import: &str, item: &str| {
        let component =
            wat::parse_str(format!("(component (import \"{import}\" {item}))")).unwrap();
        engine.admit(&component).unwrap_err().to_string()
    };
    let steal = "(instance (export \"steal\" (func)))";
    let message = refused("resolvet:policy/context@0.1.0", steal);
    assert!(
        message.starts_with("import `resolvet:policy/context@0.1.0#steal` is not offered"),
        "{message}"
    );
    let message = refused("resolvet:policy/disk@0.1.0", "(instance)");
    assert!(
        message.starts_with("import `resolvet:policy/disk@0.1.0` is not offered"),
        "{message}"
    );
    let message = refused("resolvet:policy/context@0.2.0", "(instance)");
    assert!(
        message.starts_with("import `resolvet:policy/context@0.2.0` is not offered"),
        "{message}"
    );
    let message = refused("steal", "(func)");
    assert!(
        message.starts_with("import `steal` is not offered"),
        "{message}"
    );
}
