//! What an administrator may set. The crate's head documents each.

use resolvet_guest::words::ServerAuthentication;
use serde::Deserialize;

/// When a known rule of RFC 5280 for authorities is broken in a way that some deployed authorities break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strictness {
    /// Reject.
    Require,
    /// A warning.
    Warn,
}

/// How a source of revocation information is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Use {
    /// Used where it is there.
    Available,
    /// It must be there and say that nothing is revoked.
    Require,
    /// Not looked at.
    Ignore,
}

/// Which anchors the rules for public certificates apply to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Baseline {
    /// Paths to the anchors that the system came with.
    Implicit,
    /// All paths.
    Always,
    /// No path.
    Never,
}

/// How TLSA records are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dane {
    /// Not looked at.
    Ignore,
    /// Obeyed where there are usable ones that were validated by DNSSEC.
    Use,
    /// There must be such.
    Require,
}

/// What follows from a clock that nobody set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnsynchronizedClock {
    /// Validity dates are checked against it all the same.
    Reject,
    /// Validity dates are not checked.
    IgnoreValidity,
}

/// The settings of this policy; the crate's head says what each means.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[allow(
    missing_docs,
    reason = "the crate's head has one table for administrators; it is not repeated here"
)]
pub struct Settings {
    pub spki_pins: Vec<String>,
    pub revocation: Use,
    pub stapled_ocsp: Use,
    pub dane: Dane,
    pub est_server_authentication: Vec<String>,
    pub anchor_certificates: Strictness,
    pub key_identifiers: Strictness,
    pub extension_profile: Strictness,
    pub serial_numbers: Strictness,
    pub least_rsa_bits: u32,
    pub accept_any_extended_key_usage: bool,
    pub require_extended_key_usage: bool,
    pub baseline_requirements: Baseline,
    pub unsynchronized_clock: UnsynchronizedClock,
    pub most_intermediates: u32,
    pub certificate_policies: Vec<String>,
    pub require_explicit_policy: bool,
    pub inhibit_policy_mapping: bool,
    pub inhibit_any_policy: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            spki_pins: Vec::new(),
            revocation: Use::Available,
            stapled_ocsp: Use::Available,
            dane: Dane::Ignore,
            est_server_authentication: Vec::new(),
            anchor_certificates: Strictness::Require,
            key_identifiers: Strictness::Require,
            extension_profile: Strictness::Require,
            serial_numbers: Strictness::Require,
            least_rsa_bits: 2_048,
            accept_any_extended_key_usage: false,
            require_extended_key_usage: false,
            baseline_requirements: Baseline::Implicit,
            unsynchronized_clock: UnsynchronizedClock::Reject,
            most_intermediates: 6,
            certificate_policies: Vec::new(),
            require_explicit_policy: false,
            inhibit_policy_mapping: false,
            inhibit_any_policy: false,
        }
    }
}

impl Settings {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// A sentence that names the setting, what was expected and what came.
    pub fn check(&self) -> Result<(), String> {
        for pin in &self.spki_pins {
            if pin_octets(pin).is_none() {
                return Err(format!(
                    "`spki-pins`: expected the base64 of 32 octets (SHA-256 of a SubjectPublicKeyInfo), presented `{pin}`"
                ));
            }
        }
        if self.spki_pins.len() > 64 {
            return Err(format!(
                "`spki-pins`: expected at most 64 pins, presented {}",
                self.spki_pins.len()
            ));
        }
        if !(2_048..=8_192).contains(&self.least_rsa_bits) {
            return Err(format!(
                "`least-rsa-bits`: expected 2048 to 8192, presented {}",
                self.least_rsa_bits
            ));
        }
        if self.most_intermediates > 15 {
            return Err(format!(
                "`most-intermediates`: expected 0 to 15, presented {}",
                self.most_intermediates
            ));
        }
        for word in &self.est_server_authentication {
            if !ServerAuthentication::KNOWN.contains(&word.as_str()) {
                return Err(format!(
                    "`est-server-authentication`: expected words of {}, presented `{word}`",
                    ServerAuthentication::KNOWN.join(", ")
                ));
            }
        }
        for policy in &self.certificate_policies {
            if oid_octets(policy).is_none() {
                return Err(format!(
                    "`certificate-policies`: expected an object identifier such as `1.3.6.1.4.1.99999.1`, presented `{policy}`"
                ));
            }
        }
        Ok(())
    }

    /// Whether this certificate policy, content octets, is one that the settings accept.
    pub(crate) fn accepts_policy(&self, policy: &[u8]) -> bool {
        self.certificate_policies
            .iter()
            .any(|wanted| oid_octets(wanted).as_deref() == Some(policy))
    }
}

/// The digest that a pin stands for: base64 with its padding, 32 octets.
pub(crate) fn pin_octets(pin: &str) -> Option<[u8; 32]> {
    let text = pin.as_bytes();
    if text.len() != 44 || text.last() != Some(&b'=') {
        return None;
    }
    let (mut octets, mut filled) = ([0_u8; 32], 0);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for &symbol in text.iter().take(43) {
        let value = match symbol {
            b'A'..=b'Z' => symbol - b'A',
            b'a'..=b'z' => symbol - b'a' + 26,
            b'0'..=b'9' => symbol - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            *octets.get_mut(filled)? = u8::try_from((bits >> count) & 0xff).ok()?;
            filled += 1;
        }
    }
    // The last two bits encode nothing and are zero.
    (filled == 32 && bits & 0b11 == 0).then_some(octets)
}

/// The content octets of an object identifier in dotted form.
fn oid_octets(dotted: &str) -> Option<Vec<u8>> {
    let mut arcs = dotted.split('.').map(|arc| arc.parse::<u32>().ok());
    let (first, second) = (arcs.next()??, arcs.next()??);
    if first > 2 || (first < 2 && second > 39) {
        return None;
    }
    let mut octets = Vec::new();
    let mut push = |arc: u32| {
        let groups = (32 - (arc | 1).leading_zeros()).div_ceil(7);
        for group in (0..groups).rev() {
            let more = if group == 0 { 0 } else { 0x80 };
            octets.push(((arc >> (7 * group)) & 0x7f) as u8 | more);
        }
    };
    push(first.checked_mul(40)?.checked_add(second)?);
    for arc in arcs {
        push(arc?);
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_are_base64_of_32_octets() {
        let pin = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let expected: Vec<u8> = (0..32).collect();
        assert_eq!(pin_octets(pin).unwrap().as_slice(), expected);
        for bad in [
            "",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=",
            "!AECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        ] {
            assert_eq!(pin_octets(bad), None, "{bad}");
        }
    }

    #[test]
    fn object_identifiers_in_dotted_form() {
        assert_eq!(oid_octets("2.5.29.32.0").unwrap(), [0x55, 0x1d, 32, 0]);
        assert_eq!(
            oid_octets("1.2.840.113549").unwrap(),
            [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d]
        );
        for bad in ["", "1", "3.1", "1.40", "a.b", "1.2."] {
            assert_eq!(oid_octets(bad), None, "{bad}");
        }
    }

    #[test]
    fn unusable_settings_are_named() {
        let pins = Settings {
            spki_pins: vec!["x".into()],
            ..Settings::default()
        };
        assert!(
            pins.check()
                .unwrap_err()
                .starts_with("`spki-pins`: expected the base64")
        );
        let bits = Settings {
            least_rsa_bits: 512,
            ..Settings::default()
        };
        assert_eq!(
            bits.check().unwrap_err(),
            "`least-rsa-bits`: expected 2048 to 8192, presented 512"
        );
        let word = Settings {
            est_server_authentication: vec!["opaque".into(), "password".into()],
            ..Settings::default()
        };
        assert_eq!(
            word.check().unwrap_err(),
            "`est-server-authentication`: expected words of http-mutual, opaque, tls-pake, voucher, configured, \
             reference-identifier, presented `password`"
        );
        let deep = Settings {
            most_intermediates: 16,
            ..Settings::default()
        };
        assert!(deep.check().is_err());
        assert_eq!(Settings::default().check(), Ok(()));
    }
}
