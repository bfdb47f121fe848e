use std::{fs, os::unix::fs::PermissionsExt as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use minisign::KeyPair;

use super::*;

const NOW: u64 = 1_800_000_000;
const DAY: u64 = 86_400;

struct Signer {
    pair: KeyPair,
    key: VerificationKey,
}

impl Signer {
    fn new() -> Self {
        let pair = KeyPair::generate_unencrypted_keypair().unwrap();
        let key = VerificationKey::parse(&pair.pk.to_base64()).unwrap();
        Self { pair, key }
    }

    fn comment(&self, octets: &[u8], comment: &str) -> Vec<u8> {
        let signature = minisign::sign(None, &self.pair.sk, octets, Some(comment), None).unwrap();
        signature.into_string().into_bytes()
    }

    fn sign(&self, octets: &[u8], revision: u64) -> Vec<u8> {
        let statement = Statement {
            revision,
            not_after: NOW + DAY,
        };
        self.comment(octets, &statement.to_string())
    }
}

fn source(octets: &[u8], signatures: Vec<Vec<u8>>) -> Source {
    Source {
        name: "rule.wasm".into(),
        octets: octets.to_vec(),
        signatures,
    }
}

fn code(signatories: &Signatories, source: &Source) -> &'static str {
    signatories.verify(source, NOW).unwrap_err().code()
}

#[test]
fn one_key_of_those_that_count_suffices() {
    let (a, b) = (Signer::new(), Signer::new());
    let signatories = Signatories::new([a.key.clone(), b.key.clone()], 1).unwrap();
    let signed = source(b"component", vec![b.sign(b"component", 3)]);
    let (statement, keys) = signatories.verify(&signed, NOW).unwrap();
    assert_eq!((statement.revision, keys), (3, vec![b.key.id()]));
}

#[test]
fn a_signature_that_was_taken_away_is_missed() {
    let a = Signer::new();
    let signatories = Signatories::new([a.key.clone()], 1).unwrap();
    let stripped = source(b"component", Vec::new());
    assert_eq!(code(&signatories, &stripped), "signature-missing");
}

#[test]
fn what_was_changed_is_refused_whatever_it_was() {
    let a = Signer::new();
    let signatories = Signatories::new([a.key.clone()], 1).unwrap();
    let good = a.sign(b"component", 3);
    assert_eq!(
        code(&signatories, &source(b"Component", vec![good.clone()])),
        "signature-wrong"
    );
    let text = String::from_utf8(good.clone()).unwrap();
    let revised = text.replace("revision=3", "revision=4");
    assert_eq!(
        code(&signatories, &source(b"component", vec![revised.into()])),
        "signature-wrong"
    );
    // The untrusted comment in the first line says nothing; every other octet counts.
    let first = text.find('\n').unwrap() + 1;
    for position in first..good.len() - 1 {
        let mut bad = good.clone();
        bad[position] ^= 1;
        let bad = source(b"component", vec![bad]);
        assert!(signatories.verify(&bad, NOW).is_err(), "octet {position}");
    }
    for length in 0..good.len() - 1 {
        let bad = source(b"component", vec![good[..length].to_vec()]);
        assert!(signatories.verify(&bad, NOW).is_err(), "{length} octets");
    }
}

#[test]
fn another_key_counts_for_nothing_also_under_a_stolen_identifier() {
    let (a, b) = (Signer::new(), Signer::new());
    let signatories = Signatories::new([a.key.clone()], 1).unwrap();
    let foreign = source(b"component", vec![b.sign(b"component", 3)]);
    assert_eq!(code(&signatories, &foreign), "signature-unknown-key");
    // The identifier in a signature is a hint that anybody may write.
    let text = String::from_utf8(b.sign(b"component", 3)).unwrap();
    let line = text.lines().nth(1).unwrap();
    let mut octets = STANDARD.decode(line).unwrap();
    octets[2..10].copy_from_slice(a.pair.sk.keynum());
    let stolen = text.replace(line, &STANDARD.encode(octets));
    let stolen = source(b"component", vec![stolen.into()]);
    assert_eq!(code(&signatories, &stolen), "signature-wrong");
    let both = source(
        b"component",
        vec![b.sign(b"component", 9), a.sign(b"component", 3)],
    );
    let (statement, _) = signatories.verify(&both, NOW).unwrap();
    assert_eq!(statement.revision, 3);
}

#[test]
fn m_of_n_are_different_keys_that_say_the_same() {
    let signers = [Signer::new(), Signer::new(), Signer::new()];
    let keys = || signers.iter().map(|signer| signer.key.clone());
    let two = Signatories::new(keys(), 2).unwrap();
    let sign = |by: usize, revision| signers[by].sign(b"component", revision);
    for (signatures, expected) in [
        (vec![sign(0, 3), sign(2, 3)], None),
        (vec![sign(0, 3), sign(0, 3)], Some("signatures-too-few")),
        (vec![sign(0, 3)], Some("signatures-too-few")),
        (vec![sign(0, 3), sign(1, 4)], Some("signatures-too-few")),
        (vec![sign(0, 3), sign(1, 4), sign(2, 4)], None),
    ] {
        let came = two.verify(&source(b"component", signatures), NOW);
        assert_eq!(came.err().map(|error| error.code()), expected);
    }
    for (needed, count) in [(0, 3), (4, 3)] {
        assert!(
            Signatories::new(keys(), needed).is_err(),
            "{needed} of {count}"
        );
    }
    let twice = [signers[0].key.clone(), signers[0].key.clone()];
    assert!(Signatories::new(twice, 2).is_err());
}

#[test]
fn a_signature_ends_and_one_for_another_end_is_none() {
    let a = Signer::new();
    let signatories = Signatories::new([a.key.clone()], 1).unwrap();
    let signed = source(b"component", vec![a.sign(b"component", 3)]);
    assert!(signatories.verify(&signed, NOW + DAY).is_ok());
    let late = signatories.verify(&signed, NOW + DAY + 1).unwrap_err();
    assert_eq!(late.code(), "signature-expired");
    for comment in ["timestamp:1633700835\tfile:rule.wasm\thashed", ""] {
        let other = source(b"component", vec![a.comment(b"component", comment)]);
        assert_eq!(
            code(&signatories, &other),
            "statement-unreadable",
            "{comment}"
        );
    }
}

#[test]
fn signatures_are_read_beside_the_component() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str| {
        let path = folder.path().join(name);
        fs::write(&path, name).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        path
    };
    let component = write("rule.wasm");
    for other in ["rule.wasmx.minisig", "other.wasm.minisig", "rule.wasm.sig"] {
        write(other);
    }
    assert!(Source::read(&component).unwrap().signatures.is_empty());
    write("rule.wasm.minisig");
    write("rule.wasm.0123456789ABCDEF.minisig");
    assert_eq!(Source::read(&component).unwrap().signatures.len(), 2);
}

#[test]
fn a_name_is_the_whole_one() {
    let manifest = r#"{"manifest":1,"name":"company-rule","version":"1.0.0","contract":"resolvet:policy@0.1.0"}"#;
    let description = Description {
        manifest: serde_json::from_str(manifest).unwrap(),
        imports: Vec::new(),
        stages: Vec::new(),
        digest: Digest::of(b"component"),
        octets: 9,
    };
    assert!(other_policy("company-rule", &description).is_none());
    for name in ["company", "company-rule-2", "Company-Rule", ""] {
        let error = other_policy(name, &description).unwrap();
        assert_eq!(error.code(), "other-policy", "{name}");
        let text = error.to_string();
        assert!(text.contains(&format!("expected `{name}`")), "{text}");
    }
}

#[test]
fn what_is_not_granted_is_named() {
    let imports = ["context.now", "presented.certificate", "presented.count"].map(str::to_owned);
    let sees = |entries: &[&str]| {
        let entries: Vec<String> = entries.iter().map(|&entry| entry.into()).collect();
        not_granted(&entries, &imports).map(|error| error.to_string())
    };
    assert_eq!(sees(&["context", "presented"]), None);
    assert_eq!(
        sees(&["context.now", "presented.count"]).unwrap(),
        "it imports presented.certificate, which `sees` does not grant"
    );
    assert_eq!(sees(&["present"]).unwrap().matches("presented.").count(), 2);
}
