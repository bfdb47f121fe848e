//! Configurations for a ClientHello that is encrypted (RFC 9849 section 4), as the key `ech` of SVCB records has them (RFC 9848):
//! what they say, without using them.
//!
//! They come from a resolver that is not trusted. That does no harm: whoever writes false ones learns a name that discovery looked
//! up in clear text, and no connection is used before the inner handshake's certificate was judged.

use alloc::string::String;

use super::DomainName;

/// The version of a configuration that is known: that of RFC 9849.
const VERSION: u16 = 0xfe0d;
/// Octets of a list. One has about 70; one with a key that resists quantum computers has 1,300.
pub const OCTETS: usize = 8_192;
/// Ways to agree on a key that this build has (RFC 9180 section 7.1), each with its function to derive keys: P-256, P-384, P-521,
/// X25519.
const KEMS: [(u16, u16); 4] = [(0x10, 1), (0x11, 2), (0x12, 3), (0x20, 1)];
/// Ways to encrypt (RFC 9180 section 7.3): AES-128-GCM, AES-256-GCM, ChaCha20Poly1305.
const AEADS: core::ops::RangeInclusive<u16> = 1..=3;
/// The bit of an extension's number that says that it must be understood (RFC 9849 section 4.2).
const MANDATORY: u16 = 0x8000;

/// One configuration, as far as it matters here.
struct Configuration {
    public_name: String,
    is_usable: bool,
}

/// Takes octets from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, octets: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(octets)?;
        self.0 = rest;
        Some(taken)
    }

    fn octet(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn number(&mut self) -> Option<u16> {
        let octets = self.take(2)?.try_into().ok()?;
        Some(u16::from_be_bytes(octets))
    }

    /// What a length of two octets stands before.
    fn vector(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(length.into())
    }
}

/// Whether octets are a list of configurations, of whatever versions.
#[must_use]
pub fn is_list(octets: &[u8]) -> bool {
    octets.len() <= OCTETS && first(octets).is_some()
}

/// The public name of the first configuration that this build can use: what an observer sees instead of the server's name, and what a
/// server that refuses must answer to (RFC 9849 section 6.1.6).
#[must_use]
pub fn public_name(list: &[u8]) -> Option<String> {
    first(list)?
}

/// `None` where it is no list; the public name of the first that can be used.
fn first(octets: &[u8]) -> Option<Option<String>> {
    let mut reader = Reader(octets);
    let mut list = Reader(reader.vector()?);
    if !reader.0.is_empty() || list.0.is_empty() {
        return None;
    }
    let mut found = None;
    while !list.0.is_empty() {
        let version = list.number()?;
        let contents = list.vector()?;
        if version != VERSION {
            continue;
        }
        let configuration = contents_of(contents)?;
        if configuration.is_usable && found.is_none() {
            found = Some(configuration.public_name);
        }
    }
    Some(found)
}

fn contents_of(contents: &[u8]) -> Option<Configuration> {
    let mut reader = Reader(contents);
    let _id = reader.octet()?;
    let kem = reader.number()?;
    let key = reader.vector().filter(|key| !key.is_empty())?;
    let (suites, rest) = reader.vector()?.as_chunks::<4>();
    if suites.is_empty() || !rest.is_empty() {
        return None;
    }
    let _longest = reader.octet()?;
    let length = reader.octet().filter(|length| *length > 0)?;
    let name = core::str::from_utf8(reader.take(length.into())?).ok()?;
    let mut extensions = Reader(reader.vector()?);
    if !reader.0.is_empty() {
        return None;
    }
    let mut needs_more = false;
    while !extensions.0.is_empty() {
        needs_more |= extensions.number()? & MANDATORY != 0;
        extensions.vector()?;
    }
    let derives = KEMS.iter().find(|(known, _)| *known == kem);
    let has_suite = suites.iter().any(|[kdf_high, kdf, aead_high, aead]| {
        let kdf = u16::from_be_bytes([*kdf_high, *kdf]);
        let aead = u16::from_be_bytes([*aead_high, *aead]);
        derives.is_some_and(|(_, known)| *known == kdf) && AEADS.contains(&aead)
    });
    let name = DomainName::parse(name).ok();
    let is_usable = has_suite && !needs_more && !key.is_empty() && name.is_some();
    Some(Configuration {
        public_name: name.map_or_else(String::new, |name| name.without_dot().into()),
        is_usable,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use alloc::{vec, vec::Vec};

    use super::*;

    fn vector(octets: &[u8]) -> Vec<u8> {
        let length = u16::try_from(octets.len()).unwrap();
        [&length.to_be_bytes()[..], octets].concat()
    }

    /// A configuration of this version with these parts.
    fn configuration(
        version: u16,
        kem: u16,
        suites: &[u8],
        name: &str,
        extensions: &[u8],
    ) -> Vec<u8> {
        let contents = [
            &[7][..],
            &kem.to_be_bytes(),
            &vector(&[4; 32]),
            &vector(suites),
            &[0, u8::try_from(name.len()).unwrap()],
            name.as_bytes(),
            &vector(extensions),
        ]
        .concat();
        [&version.to_be_bytes()[..], &vector(&contents)].concat()
    }

    /// A list that can be used.
    pub(in crate::discovery) fn usable(name: &str) -> Vec<u8> {
        vector(&configuration(VERSION, 0x20, &[0, 1, 0, 1], name, &[]))
    }

    #[test]
    fn the_first_that_can_be_used_counts() {
        let aes = &[0, 1, 0, 1][..];
        let name = "public.example";
        assert_eq!(public_name(&usable(name)).as_deref(), Some(name));
        let unknown = [
            configuration(0xfe0a, 0x20, aes, "old.example", &[]),
            configuration(VERSION, 0x30, aes, "kem.example", &[]),
            configuration(VERSION, 0x20, &[0, 3, 0, 1], "kdf.example", &[]),
            configuration(VERSION, 0x20, &[0, 1, 0xff, 0xff], "aead.example", &[]),
            configuration(VERSION, 0x20, aes, "ext.example", &[0x80, 1, 0, 0]),
            configuration(VERSION, 0x20, aes, "no name", &[]),
        ];
        for one in &unknown {
            let list = vector(one);
            assert!(is_list(&list));
            assert_eq!(public_name(&list), None);
        }
        let known = configuration(VERSION, 0x11, &[0, 2, 0, 3], name, &[0, 1, 0, 1, 9]);
        let list = vector(&[unknown.concat(), known].concat());
        assert_eq!(public_name(&list).as_deref(), Some(name));
    }

    #[test]
    fn what_is_no_list() {
        let list = usable("public.example");
        for length in 0..list.len() {
            assert!(!is_list(&list[..length]), "{length} octets");
        }
        assert!(!is_list(&[0, 0]));
        assert!(!is_list(&[list.as_slice(), &[0]].concat()));
        assert!(!is_list(&vector(&vec![0; OCTETS])));
        let no_suite = vector(&configuration(VERSION, 0x20, &[], "a.example", &[]));
        assert!(!is_list(&no_suite));
        assert!(!is_list(&vector(&configuration(
            VERSION,
            0x20,
            &[0; 5],
            "a.example",
            &[]
        ))));
        assert!(!is_list(&vector(&configuration(
            VERSION,
            0x20,
            &[0; 4],
            "",
            &[]
        ))));
    }
}
