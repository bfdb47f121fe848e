use resolvet_engine::{AdmissionError, Engine};

use crate::sandbox::{expect_accepted, friendly, options, request, text_guest};

#[test]
fn a_core_module_is_told_as_such() {
    let engine = Engine::new(options()).unwrap();
    let error = engine.admit(&text_guest("core_module")).unwrap_err();
    assert!(matches!(error, AdmissionError::CoreModule), "{error}");
    assert!(
        error
            .to_string()
            .starts_with("a core module, expected a component"),
        "{error}"
    );
    expect_accepted(&friendly(&engine).validate(&request()));
}

#[test]
fn what_is_no_webassembly_is_told_as_such() {
    let engine = Engine::new(options()).unwrap();
    for file in [&b""[..], b"\0as", b"(component)", b"\x7fELF\x02\x01\x01"] {
        let error = engine.admit(file).unwrap_err();
        assert!(matches!(error, AdmissionError::NotWasm), "{error}");
    }
}
