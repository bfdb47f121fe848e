//! The keys of one journey, by their handles.

use std::{collections::HashMap, sync::Arc};

use resolvet_proto::{
    enrolment::{Enrolment, est::KeyType},
    judgement::Der,
};
use rustls::sign::CertifiedKey;

use super::{DeviceKey, KeyError, KeyStore, Made};
use crate::enrolment::{EnrolError, NetworkName, Store};

/// The object identifier of the curve that keys are made on.
const P256: &str = "1.2.840.10045.3.1.7";

/// The keys of one journey. Whatever a token may take its time for is done beside the event loop.
pub(in crate::enrolment) struct KeyRing {
    store: Store,
    network: NetworkName,
    keys: KeyStore,
    open: HashMap<String, DeviceKey>,
    /// The key that the enrolment had before.
    before: Option<String>,
    /// Handles that go unless the enrolment names them in the end: of keys that the journey made, and of those that the
    /// enrolment named before it.
    fleeting: Vec<String>,
}

impl KeyRing {
    pub(in crate::enrolment) fn new(
        (store, network): (&Store, &NetworkName),
        keys: &KeyStore,
    ) -> Result<Self, EnrolError> {
        let named = named(store, network)?;
        Ok(Self {
            store: store.clone(),
            network: network.clone(),
            keys: keys.clone(),
            open: HashMap::new(),
            before: named.first().cloned(),
            fleeting: named,
        })
    }

    /// Takes a key that is open already.
    pub(in crate::enrolment) fn add(&mut self, handle: &str, key: DeviceKey) {
        self.open.insert(handle.to_owned(), key);
    }

    /// Makes a key of this kind: its handle and its public part, DER SubjectPublicKeyInfo. A server that asks for another
    /// kind than P-256 gets none.
    pub(in crate::enrolment) async fn make(
        &mut self,
        kind: Option<&KeyType>,
    ) -> Result<(String, Der), EnrolError> {
        match kind {
            None => {}
            Some(KeyType::Ec { curve }) if curve == P256 => {}
            Some(kind) => {
                let presented = format!("{kind:?}");
                return Err(KeyError::Kind { presented }.into());
            }
        }
        let (keys, store, before) = (self.keys.clone(), self.store.clone(), self.before.clone());
        let made = beside(move || keys.make(&store, before.as_deref())).await?;
        let Made {
            handle,
            key,
            public,
        } = made;
        self.fleeting.push(handle.clone());
        self.open.insert(handle.clone(), key);
        Ok((handle, public))
    }

    /// Keeps a key that somebody else made: its handle.
    pub(in crate::enrolment) fn keep(
        &mut self,
        key: DeviceKey,
        pkcs8: &[u8],
    ) -> Result<String, EnrolError> {
        let Made { handle, key, .. } = self.keys.keep(&self.store, key, pkcs8)?;
        self.fleeting.push(handle.clone());
        self.open.insert(handle.clone(), key);
        Ok(handle)
    }

    /// Signs with SHA-256: the algorithm as DER AlgorithmIdentifier, and the signature.
    pub(in crate::enrolment) async fn sign(
        &mut self,
        handle: &str,
        octets: &Der,
    ) -> Result<(Der, Der), EnrolError> {
        let (key, octets) = (self.key(handle).await?, octets.clone());
        beside(move || Ok(key.sign(&octets)?)).await
    }

    /// The key with its certificates, for a handshake.
    pub(in crate::enrolment) async fn certified(
        &mut self,
        handle: &str,
        chain: &[Der],
    ) -> Result<Arc<CertifiedKey>, EnrolError> {
        Ok(self.key(handle).await?.certified(chain)?)
    }

    /// Ends the journey: keys that the stored enrolment does not name are removed.
    pub(in crate::enrolment) async fn close(self) -> Result<(), EnrolError> {
        beside(move || {
            let named = named(&self.store, &self.network)?;
            let mut gone = self.fleeting.iter().filter(|key| !named.contains(key));
            gone.try_for_each(|handle| self.keys.remove(&self.store, handle))
        })
        .await
    }

    /// The key of this handle: one of this journey, or one that an enrolment kept.
    async fn key(&mut self, handle: &str) -> Result<DeviceKey, EnrolError> {
        if let Some(key) = self.open.get(handle) {
            return Ok(key.clone());
        }
        let (keys, store, name) = (self.keys.clone(), self.store.clone(), handle.to_owned());
        let key = beside(move || keys.stored(&store, &name)).await?;
        self.open.insert(handle.to_owned(), key.clone());
        Ok(key)
    }
}

/// The handles of the keys that a network's enrolment names.
fn named(store: &Store, network: &NetworkName) -> Result<Vec<String>, EnrolError> {
    let enrolment = store.load(network)?;
    Ok(enrolment
        .iter()
        .flat_map(handles)
        .map(str::to_owned)
        .collect())
}

/// The handles of an enrolment's keys.
pub(in crate::enrolment) fn handles(enrolment: &Enrolment) -> impl Iterator<Item = &str> {
    let identity = enrolment.identity.as_ref();
    let pending = enrolment.pending.as_ref();
    let identity = identity.map(|identity| identity.key.as_str());
    identity
        .into_iter()
        .chain(pending.map(|pending| pending.key.as_str()))
}

async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EnrolError> + Send + 'static,
) -> Result<T, EnrolError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| EnrolError::Ended(error.to_string()))?
}
