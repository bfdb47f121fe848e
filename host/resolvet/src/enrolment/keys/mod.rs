//! Keys of a device behind one interface: in a file, or in a token that never gives them away (PKCS#11).
//!
//! Whoever signs, in a handshake or a request, has a [`DeviceKey`] and need not know where it is. A [`KeyStore`] opens keys
//! where they are, [`KeyLocation`], and makes those of networks, [`KeyPlace`]. An enrolment keeps the handle of its key: the
//! name of a file beside it, or the URI of a key in a token (RFC 7512).

mod device;
mod error;
mod file;
mod pin;
mod ring;
mod token;
mod token_key;
mod uri;

use std::{fmt, path::PathBuf, str::FromStr, sync::Arc};

use resolvet_proto::judgement::Der;

pub use device::DeviceKey;
pub use error::KeyError;
pub use file::read_secret_file;
pub use pin::{Pin, PinEntry, PinError};
pub use uri::{TokenUri, TokenUriError};

pub(super) use ring::{KeyRing, handles};

use super::{EnrolError, Enrolment, Store, random};
use token::Tokens;
use token_key::TokenKey;

/// What the names of made keys begin with.
const LABEL: &str = "ldevid";

/// Where a key is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyLocation {
    /// In a file, PEM.
    File(PathBuf),
    /// In a token.
    Token(Box<TokenUri>),
}

impl FromStr for KeyLocation {
    type Err = TokenUriError;

    /// A URI if it begins with `pkcs11:`, else a file's path.
    fn from_str(text: &str) -> Result<Self, TokenUriError> {
        if TokenUri::is_meant(text) {
            return text.parse().map(Box::new).map(Self::Token);
        }
        Ok(Self::File(text.into()))
    }
}

/// Where a network's own key is made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum KeyPlace {
    /// In a file of mode 0600 beside the enrolment.
    #[default]
    Folder,
    /// In a token, which never gives it away.
    Token(Box<TokenUri>),
}

/// Opens keys and makes them.
#[derive(Clone, Default)]
pub struct KeyStore {
    tokens: Tokens,
    place: Option<KeyPlace>,
}

impl fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyStore")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// A key that was made or given.
pub(super) struct Made {
    /// What an enrolment keeps.
    pub(super) handle: String,
    pub(super) key: DeviceKey,
    /// DER SubjectPublicKeyInfo.
    pub(super) public: Der,
}

impl KeyStore {
    /// Files, and tokens whose URI says module and PIN's file.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Speaks by this PKCS#11 module to tokens whose URI names none. Neither it nor a folder above it may be written by
    /// others.
    #[must_use]
    pub fn with_module(mut self, module: PathBuf) -> Self {
        self.tokens.module = Some(module);
        self
    }

    /// Asks here for the PIN of a token whose URI has no `pin-source`.
    #[must_use]
    pub fn with_pin_entry(mut self, entry: PinEntry) -> Self {
        self.tokens.entry = Some(entry);
        self
    }

    /// Makes networks' keys there. Otherwise the key of an enrolment that is renewed is made where the old one is, and a
    /// first one in a file: renewal never takes a key out of a token.
    #[must_use]
    pub fn with_place(mut self, place: KeyPlace) -> Self {
        self.place = Some(place);
        self
    }

    /// Opens a key. A token may take its time, and a person who is asked for a PIN does.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn open(&self, location: &KeyLocation) -> Result<DeviceKey, KeyError> {
        match location {
            KeyLocation::File(path) => DeviceKey::read(path),
            KeyLocation::Token(uri) => {
                let key = TokenKey::open(self.tokens.find(uri)?, uri)?;
                Ok(DeviceKey::signing(Arc::new(key)))
            }
        }
    }

    /// Whether keys can be made: logs in to the token where they are, so that it is known before anybody is asked for
    /// anything.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn check(&self) -> Result<(), KeyError> {
        match &self.place {
            None | Some(KeyPlace::Folder) => Ok(()),
            Some(KeyPlace::Token(uri)) => self.tokens.find(uri)?.with("login", |_| Ok(())),
        }
    }

    /// Removes the keys of an enrolment that nobody needs any more.
    ///
    /// # Errors
    /// A file or a key in a token cannot be removed.
    pub fn remove_all(&self, store: &Store, enrolment: &Enrolment) -> Result<(), EnrolError> {
        handles(enrolment).try_for_each(|handle| self.remove(store, handle))
    }

    /// Removes the key of this handle; what it certified can never be used again.
    fn remove(&self, store: &Store, handle: &str) -> Result<(), EnrolError> {
        if !TokenUri::is_meant(handle) {
            return Ok(store.remove_key(handle)?);
        }
        let uri: TokenUri = handle.parse().map_err(KeyError::from)?;
        let token = self.tokens.find(&uri)?;
        Ok(TokenKey::destroy(&token, &uri)?)
    }

    /// The key of this handle, which an enrolment kept.
    pub(super) fn stored(&self, store: &Store, handle: &str) -> Result<DeviceKey, EnrolError> {
        if TokenUri::is_meant(handle) {
            let uri = handle.parse().map_err(KeyError::from)?;
            return Ok(self.open(&KeyLocation::Token(Box::new(uri)))?);
        }
        let path = store.key_path(handle);
        Ok(DeviceKey::from_pkcs8(&read_secret_file(
            &path,
            device::FILE_OCTETS,
        )?)?)
    }

    /// Makes a key on P-256 for a network, whose key before has this handle.
    pub(super) fn make(&self, store: &Store, before: Option<&str>) -> Result<Made, EnrolError> {
        let place = match (
            &self.place,
            before.filter(|handle| TokenUri::is_meant(handle)),
        ) {
            (Some(place), _) => place.clone(),
            (None, None) => KeyPlace::Folder,
            (None, Some(handle)) => {
                let uri: TokenUri = handle.parse().map_err(KeyError::from)?;
                KeyPlace::Token(Box::new(uri.without_key()))
            }
        };
        match place {
            KeyPlace::Folder => {
                let (key, pkcs8) = DeviceKey::generate()?;
                write(store, key, &pkcs8)
            }
            KeyPlace::Token(uri) => {
                let (token, id) = (self.tokens.find(&uri)?, id()?);
                let (key, uri) = TokenKey::generate(token, &name(id), &id)?;
                let key = DeviceKey::signing(Arc::new(key));
                Ok(Made {
                    handle: uri.to_string(),
                    public: key.public()?,
                    key,
                })
            }
        }
    }

    /// Keeps a key that somebody else made, in a file: no token takes in what it did not make.
    pub(super) fn keep(
        &self,
        store: &Store,
        key: DeviceKey,
        pkcs8: &[u8],
    ) -> Result<Made, EnrolError> {
        self.takes()?;
        write(store, key, pkcs8)
    }

    /// Whether keys that somebody else made can be kept.
    pub(super) fn takes(&self) -> Result<(), KeyError> {
        match &self.place {
            Some(KeyPlace::Token(uri)) => Err(KeyError::MadeElsewhere { uri: uri.clone() }),
            None | Some(KeyPlace::Folder) => Ok(()),
        }
    }
}

fn write(store: &Store, key: DeviceKey, pkcs8: &[u8]) -> Result<Made, EnrolError> {
    let handle = name(id()?);
    store.save_key(&handle, pkcs8)?;
    Ok(Made {
        handle,
        public: key.public()?,
        key,
    })
}

fn id() -> Result<[u8; 8], EnrolError> {
    let mut id = [0; 8];
    random::fill(&mut id)?;
    Ok(id)
}

fn name(id: [u8; 8]) -> String {
    format!("{LABEL}-{:016x}", u64::from_be_bytes(id))
}
