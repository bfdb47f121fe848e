//! What makes each guess costly for whoever stole a record: Argon2id (RFC 9106).

use alloc::vec::Vec;

use opaque_ke::{
    argon2::{Algorithm, Argon2, Block, Params, Version},
    errors::InternalError,
    generic_array::{ArrayLength, GenericArray},
    ksf::Ksf,
};
use zeroize::Zeroize as _;

use super::limits;

/// The salt of RFC 9807 section 7: what is stretched is already another value for each user and server.
const SALT: [u8; 16] = [0; 16];

/// Argon2id with the second of the parameter sets that RFC 9106 section 4 recommends: 64 MiB, 3 passes, 4 lanes. RFC 9807
/// section 7 names the first, with 2 GiB, which a phone or a container does not have; where memory is not to be had, the
/// step fails and the program lives on.
#[derive(Default)]
pub(super) struct Stretching;

/// Memory that held what a password became.
struct Memory(Vec<Block>);

impl Memory {
    fn new(blocks: usize) -> Option<Self> {
        let mut memory = Vec::new();
        memory.try_reserve_exact(blocks).ok()?;
        memory.resize(blocks, Block::default());
        Some(Self(memory))
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        for block in &mut self.0 {
            block.as_mut().zeroize();
        }
    }
}

impl Ksf for Stretching {
    fn hash<L: ArrayLength<u8>>(
        &self,
        input: GenericArray<u8, L>,
    ) -> Result<GenericArray<u8, L>, InternalError> {
        let params = Params::new(
            limits::STRETCHING_KIB,
            limits::STRETCHING_PASSES,
            limits::STRETCHING_LANES,
            Some(L::to_usize()),
        );
        let params = params.map_err(|_| InternalError::KsfError)?;
        let mut memory = Memory::new(params.block_count()).ok_or(InternalError::KsfError)?;
        let mut output = GenericArray::default();
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(&input, &SALT, &mut output, memory.0.as_mut_slice())
            .map_err(|_| InternalError::KsfError)?;
        Ok(output)
    }
}
