//! What an administrator may set.

use std::{fmt, net::IpAddr};

use resolvet_guest::{prelude::*, words::Transport};

use crate::names;

/// The settings; `{}` drops nothing and keeps the administrator's order.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// Transports, the most wanted first. Words of the contract's registry; one that this policy does not know is fine.
    pub(crate) transports: Vec<String>,
    /// Drop every transport that `transports` does not list.
    pub(crate) only_listed_transports: bool,
    /// Transports to drop.
    pub(crate) forbidden_transports: Vec<String>,
    /// Address families, the most wanted first.
    pub(crate) address_families: Vec<Family>,
    /// Drop every address family that `address-families` does not list.
    pub(crate) only_listed_address_families: bool,
    /// Ports to keep; none: all.
    pub(crate) allowed_ports: Vec<u16>,
    /// Ports to drop.
    pub(crate) forbidden_ports: Vec<u16>,
    /// Names of servers to keep; none: all. A name, or `*.` and a name for every name below it.
    pub(crate) allowed_names: Vec<String>,
    /// Names of servers to drop.
    pub(crate) forbidden_names: Vec<String>,
}

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Family {
    /// IP version 4.
    Ipv4,
    /// IP version 6.
    Ipv6,
}

impl Family {
    /// The family of an address.
    pub(crate) const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Ipv4,
            IpAddr::V6(_) => Self::Ipv6,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        })
    }
}

impl Settings {
    /// Where the settings rank a transport.
    pub(crate) fn position(&self, transport: &Transport) -> Option<usize> {
        self.transports
            .iter()
            .position(|word| word == transport.as_str())
    }

    /// Refuses settings that cannot be meant: they would drop everything, or say two things.
    ///
    /// # Errors
    /// One sentence that names the setting, what was expected and what came.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.only_listed_transports && self.transports.is_empty() {
            return Err(
                "setting `only-listed-transports`: expected words in `transports`, came none"
                    .into(),
            );
        }
        if self.only_listed_address_families && self.address_families.is_empty() {
            let expected = "expected words in `address-families`, came none";
            return Err(format!(
                "setting `only-listed-address-families`: {expected}"
            ));
        }
        both(
            "transports",
            &self.transports,
            "forbidden-transports",
            &self.forbidden_transports,
        )?;
        both(
            "allowed-ports",
            &self.allowed_ports,
            "forbidden-ports",
            &self.forbidden_ports,
        )?;
        both(
            "allowed-names",
            &self.allowed_names,
            "forbidden-names",
            &self.forbidden_names,
        )?;
        for (setting, patterns) in [
            ("allowed-names", &self.allowed_names),
            ("forbidden-names", &self.forbidden_names),
        ] {
            if let Some(pattern) = patterns.iter().find(|pattern| !names::is_pattern(pattern)) {
                let expected = "expected a host name, or `*.` and a host name";
                return Err(format!("setting `{setting}`: {expected}, came `{pattern}`"));
            }
        }
        Ok(())
    }
}

/// Refuses what one setting wants and another forbids.
fn both<T: PartialEq + fmt::Display>(
    wanted: &str,
    some: &[T],
    forbidden: &str,
    others: &[T],
) -> Result<(), String> {
    match some.iter().find(|word| others.contains(word)) {
        Some(word) => Err(format!(
            "setting `{wanted}`: `{word}` is in `{forbidden}` too, expected it in one of them"
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use resolvet_guest::native::check_settings;

    use super::Settings;

    #[test]
    fn settings_that_cannot_be_meant_are_refused() {
        let check = |json| check_settings(json, Settings::check);
        assert_eq!(check("{}"), Ok(()));
        assert_eq!(
            check(r#"{"transports": ["dot", "a-later-word"], "only-listed-transports": true}"#),
            Ok(())
        );
        for (json, error) in [
            (
                r#"{"only-listed-transports": true}"#,
                "setting `only-listed-transports`: expected words",
            ),
            (
                r#"{"only-listed-address-families": true}"#,
                "setting `only-listed-address-families`: expected words",
            ),
            (
                r#"{"transports": ["dot"], "forbidden-transports": ["dot"]}"#,
                "setting `transports`: `dot` is in",
            ),
            (
                r#"{"allowed-ports": [853], "forbidden-ports": [853]}"#,
                "setting `allowed-ports`: `853` is in",
            ),
            (
                r#"{"forbidden-names": ["*"]}"#,
                "setting `forbidden-names`: expected a host name",
            ),
            (
                r#"{"allowed-names": ["a b"]}"#,
                "setting `allowed-names`: expected a host name",
            ),
            (
                r#"{"address-families": ["ipv5"]}"#,
                "setting `address-families[0]`: unknown variant `ipv5`",
            ),
            (
                r#"{"forbidden-port": [53]}"#,
                "settings: unknown field `forbidden-port`",
            ),
            (
                r#"{"allowed-ports": [65536]}"#,
                "setting `allowed-ports[0]`: expected u16, came integer `65536`",
            ),
        ] {
            let came = check(json).unwrap_err();
            assert!(came.starts_with(error), "{came}");
        }
    }
}
