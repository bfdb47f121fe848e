//! The manual, as it stands in the folder `docs`. Its examples are compiled with the tests.

/// For operators of the program `resolvet`.
#[doc = include_str!("../../../docs/operators.md")]
pub mod operators {}

/// The policies that the program carries, and their settings.
#[doc = include_str!("../../../docs/policies.md")]
pub mod policies {}

/// How a fleet gets its policies from a registry.
#[doc = include_str!("../../../docs/fleets.md")]
pub mod fleets {}

/// How a device enrols in a network, and what the network's administrator runs.
#[doc = include_str!("../../../docs/enrolment.md")]
pub mod enrolment {}

/// For authors of policies.
#[doc = include_str!("../../../docs/policy-authors.md")]
pub mod policy_authors {}

/// For those who embed the library.
#[doc = include_str!("../../../docs/embedders.md")]
pub mod embedders {}
