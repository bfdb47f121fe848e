//! The manual, as it stands in the folder `docs`. Its examples are compiled with the tests.

/// For operators of the program `resolvet`.
#[doc = include_str!("../../../docs/operators.md")]
pub mod operators {}

/// For authors of policies.
#[doc = include_str!("../../../docs/policy-authors.md")]
pub mod policy_authors {}

/// For those who embed the library.
#[doc = include_str!("../../../docs/embedders.md")]
pub mod embedders {}
