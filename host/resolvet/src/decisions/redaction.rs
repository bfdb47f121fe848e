//! What a log does not tell: names and addresses, in the host's members and in every text that a policy wrote.
//!
//! Texts are searched for what looks like an address or like a name of two labels and more, and for the request's own names. A
//! policy that means to tell a name can spell it in another way: whoever does not trust a policy so far leaves its log out.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

use resolvet_engine::record::Decision;
use resolvet_proto::judgement::Request;
use serde_json::Value;

/// Members that hold words of the host or of the contract, never texts.
const WORDS: [&str; 11] = [
    "policy",
    "version",
    "digest",
    "settings-digest",
    "mode",
    "role",
    "decision",
    "severity",
    "kind",
    "key",
    "algorithm",
];

/// What is replaced before anything is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Redaction {
    /// Names of domains and hosts.
    pub names: bool,
    /// Addresses of the Internet Protocol.
    pub addresses: bool,
}

impl Redaction {
    /// What stands instead of a name.
    pub const NAME: &'static str = "(name)";
    /// What stands instead of an address.
    pub const ADDRESS: &'static str = "(address)";

    /// Whether anything is replaced.
    #[must_use]
    pub const fn is_wanted(self) -> bool {
        self.names || self.addresses
    }

    /// Replaces names and addresses in what the host says of the request. What policies said is for [`Redaction::texts`].
    pub(super) fn members(self, decision: &mut Decision) {
        let name = |text: &mut String| *text = Self::NAME.to_owned();
        if self.names {
            decision
                .authentication_domain_name
                .iter_mut()
                .for_each(name);
        }
        if let Some(peer) = &mut decision.peer {
            let is_address = peer.parse::<IpAddr>().is_ok();
            if is_address && self.addresses {
                *peer = Self::ADDRESS.to_owned();
            } else if !is_address && self.names {
                *peer = Self::NAME.to_owned();
            }
        }
        if self.addresses {
            let address = |text: &mut String| *text = Self::ADDRESS.to_owned();
            decision.address.iter_mut().for_each(address);
        }
    }

    /// Replaces names and addresses in all texts of a value, those of its members' names included.
    pub(super) fn texts(self, value: &mut Value, known: &BTreeSet<String>) {
        match value {
            Value::String(text) => *text = self.text(text, known),
            Value::Array(values) => values.iter_mut().for_each(|value| self.texts(value, known)),
            Value::Object(members) => {
                let old = std::mem::take(members);
                for (name, mut value) in old {
                    if !WORDS.contains(&name.as_str()) {
                        self.texts(&mut value, known);
                    }
                    members.insert(self.text(&name, known), value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// A text without them: what looks like an address or like a name of two labels and more, and these names, which are in
    /// lower case and without a final dot.
    #[must_use]
    pub fn text(self, text: &str, known: &BTreeSet<String>) -> String {
        let mut redacted = String::with_capacity(text.len());
        let mut rest = text;
        while !rest.is_empty() {
            let length = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(length);
            redacted.push_str(self.word(word, known).unwrap_or(word));
            let between = after.find(belongs).unwrap_or(after.len());
            let (between, after) = after.split_at(between);
            redacted.push_str(between);
            rest = after;
        }
        redacted
    }

    /// What stands instead of a word.
    fn word(self, word: &str, known: &BTreeSet<String>) -> Option<&'static str> {
        let bare = word.trim_matches(['.', ':']);
        let is_address = [word, bare, word.trim_end_matches(['.', ':'])]
            .iter()
            .any(|text| text.parse::<IpAddr>().is_ok() || text.parse::<SocketAddr>().is_ok());
        if is_address {
            return self.addresses.then_some(Self::ADDRESS);
        }
        // A port or a scheme may stand beside a name.
        let is_name = bare.split(':').any(|part| {
            let part = part.trim_matches('.').to_lowercase();
            known.contains(&part) || looks_like_a_name(&part)
        });
        (self.names && is_name).then_some(Self::NAME)
    }
}

/// The names that a request holds, lower case and without a final dot.
pub(super) fn names(request: &Request) -> BTreeSet<String> {
    let domain = request.authentication_domain_name.iter().cloned();
    let peers = request.reference_ids.iter().map(|id| id.value());
    let targets = request
        .candidates
        .iter()
        .map(|candidate| candidate.target.clone());
    let owners = request.records.iter().map(|record| record.owner.clone());
    domain
        .chain(peers)
        .chain(targets)
        .chain(owners)
        .map(|name| name.trim_end_matches('.').to_lowercase())
        .filter(|name| !name.is_empty())
        .collect()
}

/// Whether a character may stand in a name or an address.
fn belongs(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '*' | ':')
}

/// Two labels and more, of which the last is no number.
fn looks_like_a_name(word: &str) -> bool {
    let mut labels = word.rsplit('.');
    let last = labels.next().unwrap_or_default();
    let is_number = last.bytes().all(|octet| octet.is_ascii_digit());
    !last.is_empty() && !is_number && labels.next().is_some_and(|label| !label.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BOTH: Redaction = Redaction {
        names: true,
        addresses: true,
    };

    fn text(redaction: Redaction, text: &str) -> String {
        redaction.text(text, &BTreeSet::from(["printer".to_owned()]))
    }

    #[test]
    fn names_and_addresses_vanish_from_texts() {
        for (before, after) in [
            (
                "certificate of `dns1.example.net` carries no SRV-ID `_domain-s.example.net` (RFC 4985)",
                "certificate of `(name)` carries no SRV-ID `(name)` (RFC 4985)",
            ),
            (
                "at 192.0.2.1:853, [2001:db8::1]:853.",
                "at (address), [(address)]:853.",
            ),
            (
                "see RFC 9525 section 6.1, version 0.1.0.",
                "see RFC 9525 section 6.1, version 0.1.0.",
            ),
            (
                "*.EXAMPLE.net. and printer, fe80::1%eth0",
                "(name) and (name), (address)%eth0",
            ),
            ("https://dns.example/dns-query", "https://(name)/dns-query"),
            (
                "dns.example.net:853 ::1 ends 3:",
                "(name) (address) ends 3:",
            ),
            ("bücher.example", "(name)"),
        ] {
            assert_eq!(text(BOTH, before), after);
        }
    }

    #[test]
    fn each_kind_has_its_own_switch() {
        let names = Redaction {
            addresses: false,
            ..BOTH
        };
        let said = "dns.example.net at 192.0.2.1";
        assert_eq!(text(names, said), "(name) at 192.0.2.1");
        assert_eq!(text(Redaction::default(), said), said);
    }

    #[test]
    fn members_of_later_versions_are_texts_too() {
        let mut value = json!([{
            "policy": "printer", "version": "1.2.rc",
            "result": { "Ok": { "extra": { "dns.example.net": "192.0.2.1" } } },
            "log": [{ "level": "info", "message": "I saw dns.example.net" }],
        }]);
        BOTH.texts(&mut value, &BTreeSet::from(["printer".to_owned()]));
        assert_eq!(
            value,
            json!([{
                "policy": "printer", "version": "1.2.rc",
                "result": { "Ok": { "extra": { "(name)": "(address)" } } },
                "log": [{ "level": "info", "message": "I saw (name)" }],
            }])
        );
    }
}
