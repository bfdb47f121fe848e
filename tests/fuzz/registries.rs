//! What registries send and people write about them: manifests, addresses.

use bolero::TypeGenerator;
use resolvet::registry::{MANIFEST_OCTETS, Manifest, Reference};

/// A manifest whose parts are anybody's.
#[derive(Debug, TypeGenerator)]
struct Parts {
    schema_version: u8,
    media_types: [Option<u8>; 3],
    digest: String,
    hexadecimal: Option<[u8; 32]>,
    size: u64,
    layers: u8,
    annotations: Vec<(bool, String)>,
}

/// The words that are right, and one that is not.
fn media_type(which: Option<u8>, right: &str) -> String {
    match which {
        None => right.to_owned(),
        Some(number) => format!("{right}{number}"),
    }
}

impl Parts {
    fn octets(&self) -> Vec<u8> {
        let [manifest, config, layer] = self.media_types;
        let digest = match &self.hexadecimal {
            None => self.digest.clone(),
            Some(octets) => {
                let digits = octets.iter().map(|octet| format!("{octet:02x}"));
                format!("sha256:{}", digits.collect::<String>())
            }
        };
        let annotations = self.annotations.iter().enumerate();
        let annotations = annotations.map(|(number, (is_signature, text))| {
            let name = match is_signature {
                true => format!("resolvet.policy.signature.{number}"),
                false => format!("org.example.{number}"),
            };
            (name, serde_json::Value::from(text.as_str()))
        });
        let layer = serde_json::json!({
            "mediaType": media_type(layer, "application/wasm"),
            "digest": digest,
            "size": self.size,
            "annotations": annotations.collect::<serde_json::Map<_, _>>(),
        });
        let document = serde_json::json!({
            "schemaVersion": self.schema_version % 4,
            "mediaType": media_type(manifest, "application/vnd.oci.image.manifest.v1+json"),
            "config": {
                "mediaType": media_type(config, "application/vnd.wasm.config.v0+json"),
                "digest": "",
                "size": 0,
            },
            "layers": vec![layer; usize::from(self.layers % 4)],
        });
        document.to_string().into_bytes()
    }
}

fn bounded(octets: &[u8]) -> Option<Manifest> {
    let manifest = Manifest::parse(octets).ok()?;
    assert!(octets.len() <= MANIFEST_OCTETS);
    assert!(manifest.signatures.len() <= 16);
    let longest = manifest.signatures.iter().map(Vec::len).max();
    assert!(longest.unwrap_or_default() <= 10 << 10);
    Some(manifest)
}

#[test]
fn manifests() {
    bolero::check!().for_each(|input: &[u8]| {
        bounded(input);
    });
}

#[test]
fn manifests_of_parts() {
    bolero::check!().with_type::<Parts>().for_each(|parts| {
        if let Some(manifest) = bounded(&parts.octets()) {
            assert_eq!(parts.media_types, [None; 3]);
            assert_eq!((parts.schema_version % 4, parts.layers % 4), (2, 1));
            assert_eq!(manifest.octets, parts.size);
        }
    });
}

#[test]
fn addresses() {
    bolero::check!()
        .with_type::<(bool, String)>()
        .for_each(|(begun, text)| {
            let text = match begun {
                true => format!("oci://registry.example.net/{text}"),
                false => text.clone(),
            };
            if let Ok(reference) = text.parse::<Reference>() {
                assert!(!reference.repository().contains(".."));
                let again: Reference = reference.to_string().parse().unwrap();
                assert_eq!(again, reference, "one form for one meaning");
            }
        });
}
