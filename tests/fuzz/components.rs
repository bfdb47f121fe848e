//! Components: hostile files are refused, whatever is in them, before anybody compiles them.

use std::{panic::AssertUnwindSafe, path::Path};

use resolvet_engine::{AdmissionError, Compiler, Engine, Options};
use resolvet_guest::native;

/// An engine that compiles nothing: what passes admission ends with [`AdmissionError::NotCompiled`].
fn engine() -> Engine {
    let mut options = Options::default();
    options.compiler = Compiler::None;
    Engine::new(options).unwrap()
}

#[test]
fn admission() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/policies/guests/null.wasm");
    let good = std::fs::read(&file)
        .unwrap_or_else(|error| panic!("{}: {error}: run `cargo xtask policies`", file.display()));
    // A panic ends the target, so nobody sees an engine in two.
    let engine = AssertUnwindSafe(engine());
    assert!(matches!(
        engine.admit(&good),
        Err(AdmissionError::NotCompiled)
    ));
    bolero::check!().for_each(|input: &[u8]| {
        let _refused = engine.admit(input);
        let mut changed = good.clone();
        for change in input.chunks_exact(3) {
            let position = usize::from(u16::from_be_bytes([change[0], change[1]])) % changed.len();
            changed[position] = change[2];
        }
        changed.truncate(changed.len().saturating_sub(input.len() % 3 * 1_000));
        assert!(engine.admit(&changed).is_err(), "nothing is compiled here");
    });
}

/// The SDK's reader of settings, which runs in guests.
#[test]
fn settings() {
    bolero::check!().for_each(|input: &[u8]| {
        let text = String::from_utf8_lossy(input);
        for text in [text.to_string(), format!(r#"{{"spki-pins": {text}}}"#)] {
            type Settings = resolvet_policy_pkix::Settings;
            let ours = native::check_settings::<Settings>(&text, Settings::check);
            let theirs = serde_json::from_str::<Settings>(&text)
                .map_err(|error| error.to_string())
                .and_then(|settings| settings.check());
            assert_eq!(
                ours.is_ok(),
                theirs.is_ok(),
                "`{text}`: {ours:?}, {theirs:?}"
            );
        }
    });
}
