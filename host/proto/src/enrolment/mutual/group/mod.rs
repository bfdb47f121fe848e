//! The groups in which a key is agreed upon: points of a curve, or numbers modulo a prime.

mod curve;
mod modulus;

use alloc::vec::Vec;

use zeroize::Zeroizing;

pub(super) use curve::{P256, P521};
pub(super) use modulus::{Modp2048, Modp4096};

/// A cyclic group of prime order r with a generator. Elements are written multiplicatively.
///
/// Operations on scalars and powers take a time that does not depend on the values, only on their lengths.
pub(super) trait Group {
    /// A number modulo r, or a shorter one. Wiped when it is dropped.
    type Scalar;
    /// An element. Wiped when it is dropped.
    type Element;

    /// Octets of random that make a secret without bias: r's and at least 16 more.
    const RANDOM_OCTETS: usize;

    /// A number modulo r.
    fn scalar(integer: &[u8]) -> Self::Scalar;
    /// Whether a number may be S_c1 or S_s1: not 0, and not so small that its power is the same number among the integers
    /// (RFC 8121 appendix B).
    fn is_secret(scalar: &Self::Scalar) -> bool;
    /// A number as octets, as many as r has.
    fn scalar_octets(scalar: &Self::Scalar) -> Zeroizing<Vec<u8>>;
    /// The sum modulo r.
    fn sum(left: &Self::Scalar, right: &Self::Scalar) -> Self::Scalar;
    /// The product modulo r.
    fn product(left: &Self::Scalar, right: &Self::Scalar) -> Self::Scalar;
    /// The inverse modulo r; `None` for 0.
    fn inverse(scalar: &Self::Scalar) -> Option<Self::Scalar>;

    /// Reads an element: of the right length, in the group, and not one of those that RFC 8121 sections 3.2 and 3.3
    /// exclude.
    fn decode(octets: &[u8]) -> Option<Self::Element>;
    /// An element as octets; `None` for one of those that are excluded.
    fn encode(element: &Self::Element) -> Option<Zeroizing<Vec<u8>>>;
    /// The generator's power.
    fn base_power(exponent: &Self::Scalar) -> Self::Element;
    /// An element's power.
    fn power(element: &Self::Element, exponent: &Self::Scalar) -> Self::Element;
    /// The product of two elements.
    fn combine(left: &Self::Element, right: &Self::Element) -> Self::Element;
}
