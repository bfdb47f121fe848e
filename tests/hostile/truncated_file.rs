use resolvet_engine::{AdmissionError, Compiler, Engine};

use crate::sandbox::{expect_accepted, friendly, guest, options, request};

#[test]
fn a_truncated_file_is_refused_wherever_it_ends() {
    let engine = Engine::new(options()).unwrap();
    let whole = guest("well_behaved");
    for length in (8..whole.len()).step_by(whole.len() / 97) {
        let error = engine.admit(&whole[..length]).unwrap_err();
        // Where a section ends exactly there, what is missing is what it would have said.
        let told = matches!(
            error,
            AdmissionError::Truncated { .. }
                | AdmissionError::NoJudgement
                | AdmissionError::Manifest { .. }
        );
        assert!(told, "{length} octets: {error}");
    }
    let error = engine
        .admit(&whole[..whole.len() / 2])
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with(&format!(
            "truncated: the file has {} octets",
            whole.len() / 2
        )),
        "{error}"
    );
    expect_accepted(&friendly(&engine).validate(&request()));
}

#[test]
fn changed_octets_never_break_the_host() {
    // Without a compiler: what gets this far has passed everything that reads the file in this process.
    let mut options = options();
    options.compiler = Compiler::None;
    let engine = Engine::new(options).unwrap();
    let whole = guest("null");
    for position in (8..whole.len()).step_by(whole.len() / 211) {
        let mut changed = whole.clone();
        changed[position] ^= 0x55;
        engine.admit(&changed).unwrap_err();
    }
    assert!(matches!(
        engine.admit(&whole),
        Err(AdmissionError::NotCompiled)
    ));
}
