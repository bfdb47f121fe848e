//! Servers and options as the configuration writes them, and what a session refuses of them.

use std::fmt;

use anyhow::anyhow;
use resolvet_proto::{
    discovery::{
        ConfiguredServer,
        dnr::{Carrier, NetworkOption},
        stamp,
    },
    judgement::Der,
    session::{
        ATTEMPTS, ConfigError,
        limits::{LONGEST_DELAY, SHORTEST_DELAY},
    },
};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::exit::UsageError;

/// A server: a DNS stamp, or its parts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ServerText {
    Stamp(String),
    Parts(ConfiguredServer),
}

// Written by hand, so that a wrong key of the parts is named.
impl<'de> Deserialize<'de> for ServerText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = ServerText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a DNS stamp, or a table with the server's parts")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<ServerText, E> {
                Ok(ServerText::Stamp(text.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, parts: A) -> Result<ServerText, A::Error> {
                let parts = MapAccessDeserializer::new(parts);
                ConfiguredServer::deserialize(parts).map(ServerText::Parts)
            }
        }

        deserializer.deserialize_any(Either)
    }
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
    let read = |(text, position): (&ServerText, usize)| match text {
        ServerText::Parts(server) => Ok(server.clone()),
        ServerText::Stamp(text) => stamp::parse(text).map_err(|error| {
            UsageError(format!(
                "`network.{key}`, server {position}: `{text}`: {error}"
            ))
            .into()
        }),
    };
    texts.iter().zip(1..).map(read).collect()
}

/// What no session can begin with, by the keys of the configuration.
pub(crate) fn no_session(error: &ConfigError) -> UsageError {
    UsageError(match error {
        ConfigError::Configured { position, problem } => {
            format!("`network.servers`, server {position}: {problem}")
        }
        ConfigError::Fallback { position, problem } => {
            format!("`network.fallback`, server {position}: {problem}")
        }
        ConfigError::Attempts(attempts) => {
            format!("`network.attempts` is {attempts}: expected 1 to {ATTEMPTS}")
        }
        ConfigError::Delay(delay) => format!(
            "`network.attempt-delay-milliseconds` is {delay}: expected {SHORTEST_DELAY} to {LONGEST_DELAY} (RFC 8305 section 8)"
        ),
        error => error.to_string(),
    })
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
