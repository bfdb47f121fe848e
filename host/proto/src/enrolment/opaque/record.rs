//! What a server keeps: secrets of its own, and a record for each user (RFC 9807 section 5).

use alloc::vec::Vec;
use core::fmt;

use opaque_ke::{
    ClientRegistration, ClientRegistrationFinishParameters, Identifiers, ServerRegistration,
    ServerSetup,
};
use zeroize::Zeroizing;

use super::{error::SecretsError, limits, random::Random, suite::Suite};
use crate::enrolment::authentication::User;

/// A server's own secrets: the seed that users' OPRF keys come from, and its private key. All records belong to them: a
/// server that loses them has to register everybody anew, and whoever steals them and a record can guess offline.
pub struct ServerSecrets(pub(super) ServerSetup<Suite>);

/// What a server keeps of a user's password. Whoever has it and the server's secrets can test guesses offline, each at the
/// price of the stretching, and nothing more: he can neither pose as the user nor read the password.
#[derive(Clone)]
pub struct Record(pub(super) ServerRegistration<Suite>);

impl ServerSecrets {
    /// Makes secrets.
    ///
    /// # Errors
    /// The random octets were not enough, which cannot happen with random ones.
    pub fn generate(random: &Random) -> Result<Self, SecretsError> {
        let mut source = random.source();
        let setup = ServerSetup::new(&mut source);
        if source.is_exhausted() {
            return Err(SecretsError::Random);
        }
        Ok(Self(setup))
    }

    /// Reads what [`Self::to_octets`] gave.
    ///
    /// # Errors
    /// Another length, or octets that are no keys.
    pub fn from_octets(octets: &[u8]) -> Result<Self, SecretsError> {
        check_length("secrets", limits::SECRETS_OCTETS, octets)?;
        let setup = ServerSetup::deserialize(octets);
        Ok(Self(setup.map_err(|_| SecretsError::Malformed {
            what: "secrets",
        })?))
    }

    /// [`limits::SECRETS_OCTETS`] octets, to be stored like a private key.
    #[must_use]
    pub fn to_octets(&self) -> Zeroizing<[u8; limits::SECRETS_OCTETS]> {
        let octets = Zeroizing::new(self.0.serialize());
        // The type says this length already, in the library's words.
        Zeroizing::new(
            <[u8; limits::SECRETS_OCTETS]>::try_from(octets.as_slice()).unwrap_or([0; _]),
        )
    }
}

impl Record {
    /// Reads what [`Self::to_octets`] gave.
    ///
    /// # Errors
    /// Another length, or octets that are no record.
    pub fn from_octets(octets: &[u8]) -> Result<Self, SecretsError> {
        check_length("record", limits::RECORD_OCTETS, octets)?;
        let record = ServerRegistration::deserialize(octets);
        Ok(Self(
            record.map_err(|_| SecretsError::Malformed { what: "record" })?,
        ))
    }

    /// [`limits::RECORD_OCTETS`] octets, to be stored like a password's hash.
    #[must_use]
    pub fn to_octets(&self) -> Zeroizing<[u8; limits::RECORD_OCTETS]> {
        let octets = Zeroizing::new(self.0.serialize());
        Zeroizing::new(<[u8; limits::RECORD_OCTETS]>::try_from(octets.as_slice()).unwrap_or([0; _]))
    }
}

/// Registers a user where the administrator knows the password: both sides of RFC 9807 section 5 in one place, so that no
/// registration crosses a network. It holds for this realm, this name as it is spelt, and these secrets.
///
/// # Errors
/// The password cannot be stretched for want of memory, or the random octets were not enough.
pub fn register(
    secrets: &ServerSecrets,
    realm: &str,
    user: &User,
    random: &Random,
) -> Result<Record, SecretsError> {
    let mut source = random.source();
    let input = oprf_input(user, realm);
    let name = user.name().as_bytes();
    let failed = |_| SecretsError::Registration;
    let started = ClientRegistration::<Suite>::start(&mut source, &input).map_err(failed)?;
    let answered =
        ServerRegistration::<Suite>::start(&secrets.0, started.message, name).map_err(failed)?;
    let parameters = ClientRegistrationFinishParameters::new(identifiers(name, realm), None);
    let finished = started
        .state
        .finish(&mut source, &input, answered.message, parameters)
        .map_err(failed)?;
    if source.is_exhausted() {
        return Err(SecretsError::Random);
    }
    Ok(Record(ServerRegistration::finish(finished.message)))
}

/// Who both are: the user's name and the realm.
pub(super) fn identifiers<'a>(user: &'a [u8], realm: &'a str) -> Identifiers<'a> {
    Identifiers {
        client: Some(user),
        server: Some(realm.as_bytes()),
    }
}

/// What the password stands in as the OPRF's input: realm and user before it, each with its length, so that the same
/// password gives other values elsewhere (RFC 9807 section 9.1).
pub(super) fn oprf_input(user: &User, realm: &str) -> Zeroizing<Vec<u8>> {
    let password = user.password().octets();
    let names = [realm.as_bytes(), user.name().as_bytes()];
    // Room for all of it, so that nothing of the password stays behind where it was before it grew.
    let room = names.iter().map(|name| name.len() + 2).sum::<usize>() + password.len();
    let mut input = Zeroizing::new(Vec::with_capacity(room));
    for name in names {
        // Both are bounded by `TEXT_OCTETS`.
        let length = u16::try_from(name.len()).unwrap_or(u16::MAX);
        input.extend_from_slice(&length.to_be_bytes());
        input.extend_from_slice(name);
    }
    input.extend_from_slice(password);
    input
}

fn check_length(what: &'static str, expected: usize, octets: &[u8]) -> Result<(), SecretsError> {
    if octets.len() == expected {
        return Ok(());
    }
    Err(SecretsError::Length {
        what,
        expected,
        presented: octets.len(),
    })
}

impl fmt::Debug for ServerSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerSecrets").finish_non_exhaustive()
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::enrolment::authentication::Password;

    fn random(octet: u8) -> Random {
        Random::new([octet; Random::OCTETS])
    }

    #[test]
    fn secrets_and_records_are_read_as_they_were_written() {
        let secrets = ServerSecrets::generate(&random(7)).unwrap();
        let octets = secrets.to_octets();
        assert_ne!(*octets, [0; limits::SECRETS_OCTETS]);
        let again = ServerSecrets::from_octets(octets.as_slice()).unwrap();
        assert_eq!(again.to_octets(), octets);
        let password = Password::new(Zeroizing::new(b"password".to_vec())).unwrap();
        let user = User::new("alice", password).unwrap();
        let record = register(&secrets, "r", &user, &random(9)).unwrap();
        let octets = record.to_octets();
        assert_ne!(*octets, [0; limits::RECORD_OCTETS]);
        let again = Record::from_octets(octets.as_slice()).unwrap();
        assert_eq!(again.to_octets(), octets);
        assert_eq!(
            alloc::format!("{secrets:?} {record:?}"),
            "ServerSecrets { .. } Record { .. }"
        );
    }

    #[test]
    fn other_octets_are_refused() {
        for octets in [&[][..], &[1; 127], &[1; 129]] {
            let error = ServerSecrets::from_octets(octets).unwrap_err();
            assert!(matches!(error, SecretsError::Length { expected: 128, .. }));
        }
        let error = ServerSecrets::from_octets(&[0xff; 128]).unwrap_err();
        assert_eq!(error, SecretsError::Malformed { what: "secrets" });
        let error = Record::from_octets(&[0xff; 192]).unwrap_err();
        assert_eq!(error, SecretsError::Malformed { what: "record" });
        let error = Record::from_octets(&[0xff; 191]).unwrap_err();
        assert!(matches!(error, SecretsError::Length { expected: 192, .. }));
    }
}
