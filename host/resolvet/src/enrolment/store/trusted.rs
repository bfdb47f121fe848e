//! Networks that the user trusts to enrol in, a file for each beside the enrolments.

use std::{fs, io, path::PathBuf};

use super::{NetworkName, Store, StoreError, failed, file, malformed, read};
use crate::networks::TrustedNetwork;

/// The ending of a trusted network's file.
const ENDING: &str = ".network";

impl Store {
    /// The networks that are trusted, by name.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn trusted(&self) -> Result<Vec<NetworkName>, StoreError> {
        self.names(ENDING)
    }

    /// What the user said of this network, if it is trusted.
    ///
    /// # Errors
    /// The file is not this user's alone, or its content is none of ours.
    pub fn trust_in(&self, network: &NetworkName) -> Result<Option<TrustedNetwork>, StoreError> {
        let path = self.trusted_path(network);
        let found: Option<TrustedNetwork> = read(&path)?;
        let checked = found.map(TrustedNetwork::check).transpose();
        checked.map_err(|reason| malformed(&path, reason))
    }

    /// Keeps that the user trusts this network, as [`Self::save`] keeps an enrolment.
    ///
    /// # Errors
    /// As [`Self::save`].
    pub fn trust(&self, network: &NetworkName, trusted: &TrustedNetwork) -> Result<(), StoreError> {
        self.write(&self.trusted_path(network), trusted)
    }

    /// Forgets that a network is trusted; its enrolment stays. Says whether it was.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn distrust(&self, network: &NetworkName) -> Result<bool, StoreError> {
        let _alone = self.lock()?;
        let path = self.trusted_path(network);
        match fs::remove_file(&path) {
            Ok(()) => file::sync_folder(&self.folder).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(failed("removing", &path)(error)),
        }
    }

    pub(super) fn trusted_path(&self, network: &NetworkName) -> PathBuf {
        self.folder.join(format!("{network}{ENDING}"))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use resolvet_proto::discovery::DomainName;

    use super::*;
    use crate::networks::Recognition;

    #[test]
    fn a_consent_is_kept_and_forgotten_beside_the_enrolment() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("networks")).unwrap();
        let name: NetworkName = "office".parse().unwrap();
        assert_eq!(store.trust_in(&name).unwrap(), None);
        let domain = DomainName::parse("example.net").unwrap();
        let recognition = Recognition::Connection { uuid: "4f2".into() };
        let trusted = TrustedNetwork::new(Some(&domain), recognition, 7);
        store.trust(&name, &trusted).unwrap();
        assert_eq!(store.trust_in(&name).unwrap(), Some(trusted));
        assert_eq!(store.trusted().unwrap(), std::slice::from_ref(&name));
        assert_eq!(store.networks().unwrap(), [], "it is no enrolment");
        assert!(store.distrust(&name).unwrap());
        assert!(!store.distrust(&name).unwrap());
    }

    #[test]
    fn what_others_could_have_written_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("networks");
        let store = Store::open(&place).unwrap();
        let name: NetworkName = "office".parse().unwrap();
        let path = place.join("office.network");
        store
            .trust(&name, &TrustedNetwork::new(None, Recognition::ByName, 7))
            .unwrap();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("\"version\": 1", "\"version\": 2")).unwrap();
        let error = store.trust_in(&name).unwrap_err();
        assert!(matches!(error, StoreError::Malformed { .. }), "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = Store::open(&place).unwrap_err();
        assert!(matches!(error, StoreError::Mode { .. }), "{error}");
    }
}
