//! Servers and options as the configuration writes them.

use anyhow::anyhow;
use resolvet_proto::{
    discovery::{
        ConfiguredServer,
        dnr::{Carrier, NetworkOption},
        stamp,
    },
    judgement::Der,
};
use serde::Deserialize;

use crate::exit::UsageError;

/// A server: a DNS stamp, or its parts.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum ServerText {
    Stamp(String),
    Parts(ConfiguredServer),
}

/// What DHCP or a router advertisement would say, for a network that cannot be asked.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct OptionText {
    carrier: Carrier,
    hex: String,
    #[serde(default)]
    lifetime: Option<u32>,
}

/// The servers under this key.
pub(crate) fn servers(key: &str, texts: &[ServerText]) -> anyhow::Result<Vec<ConfiguredServer>> {
    let read = |text: &ServerText| match text {
        ServerText::Parts(server) => Ok(server.clone()),
        ServerText::Stamp(text) => stamp::parse(text)
            .map_err(|error| UsageError(format!("`network.{key}`: `{text}`: {error}")).into()),
    };
    texts.iter().map(read).collect()
}

/// The options of `network-options`.
pub(crate) fn options(texts: &[OptionText]) -> anyhow::Result<Vec<NetworkOption>> {
    let read = |text: &OptionText| {
        let data = octets(&text.hex).ok_or_else(|| {
            let message = "`network.network-options`: `hex` is no octets in hexadecimal";
            anyhow!(UsageError(message.into()))
        })?;
        Ok(NetworkOption {
            carrier: text.carrier,
            data: Der::from(data),
            lifetime: text.lifetime,
        })
    };
    texts.iter().map(read).collect()
}

fn octets(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = hex
        .bytes()
        .filter(|octet| !octet.is_ascii_whitespace())
        .collect();
    let (pairs, rest) = digits.as_chunks::<2>();
    let octet = |pair: &[u8; 2]| {
        let text = std::str::from_utf8(pair)
            .ok()
            .filter(|text| !text.contains('+'))?;
        u8::from_str_radix(text, 16).ok()
    };
    let octets = pairs.iter().map(octet).collect::<Option<Vec<u8>>>();
    octets.filter(|octets| rest.is_empty() && !octets.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_octets() {
        assert_eq!(octets("00 aF"), Some(vec![0, 0xaf]));
        for text in ["", "0", "0g", "+1", "é0"] {
            assert_eq!(octets(text), None, "{text}");
        }
    }
}
