//! The one configuration of version 1: ristretto255 with SHA-512, 3DH, Argon2id (RFC 9807 section 7).

use opaque_ke::{CipherSuite, Ristretto255, TripleDh};
use sha2_of_opaque::Sha512;

use super::stretching::Stretching;

/// OPAQUE-3DH with ristretto255-SHA512, HKDF-SHA-512, HMAC-SHA-512 and SHA-512, as the first of the configurations that RFC
/// 9807 section 7 recommends. Its Argon2id differs in its parameters alone.
pub(super) struct Suite;

impl CipherSuite for Suite {
    type OprfCs = Ristretto255;
    type KeyExchange = TripleDh<Ristretto255, Sha512>;
    type Ksf = Stretching;
}
