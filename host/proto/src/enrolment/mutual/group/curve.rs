//! Points of P-256 and P-521 (RFC 8121 section 3.3).

use alloc::vec::Vec;
use core::marker::PhantomData;

use p256::{
    NistP256,
    elliptic_curve::{
        AffinePoint, CurveArithmetic, FieldBytes, ProjectivePoint, Scalar,
        ff::{Field as _, PrimeField},
        point::{AffineCoordinates, DecompressPoint},
    },
};
use p521::NistP521;
use zeroize::{Zeroize, Zeroizing};

use super::Group;

/// The group of `iso-kam3-ec-p256-sha256`.
pub(in super::super) type P256 = Curve<NistP256, 33>;
/// The group of `iso-kam3-ec-p521-sha512`.
pub(in super::super) type P521 = Curve<NistP521, 66>;

/// A curve whose points are written as `OCTETS` octets: the number 2x + (y mod 2).
pub(in super::super) struct Curve<C, const OCTETS: usize>(PhantomData<C>);

impl<C, const OCTETS: usize> Group for Curve<C, OCTETS>
where
    C: CurveArithmetic,
    AffinePoint<C>: DecompressPoint<C> + AffineCoordinates<FieldRepr = FieldBytes<C>>,
    ProjectivePoint<C>: Zeroize,
    Scalar<C>: Zeroize,
{
    type Scalar = Zeroizing<Scalar<C>>;
    type Element = Zeroizing<ProjectivePoint<C>>;

    const RANDOM_OCTETS: usize = OCTETS + 16;

    fn scalar(integer: &[u8]) -> Self::Scalar {
        let base = Scalar::<C>::from(256);
        let mut scalar = Zeroizing::new(Scalar::<C>::ZERO);
        for octet in integer {
            *scalar = *scalar * base + Scalar::<C>::from(u64::from(*octet));
        }
        scalar
    }

    fn is_secret(scalar: &Self::Scalar) -> bool {
        !bool::from(scalar.is_zero())
    }

    fn scalar_octets(scalar: &Self::Scalar) -> Zeroizing<Vec<u8>> {
        let mut octets: FieldBytes<C> = scalar.to_repr();
        let copy = Zeroizing::new(octets.to_vec());
        octets.zeroize();
        copy
    }

    fn sum(left: &Self::Scalar, right: &Self::Scalar) -> Self::Scalar {
        Zeroizing::new(**left + **right)
    }

    fn product(left: &Self::Scalar, right: &Self::Scalar) -> Self::Scalar {
        Zeroizing::new(**left * **right)
    }

    fn inverse(scalar: &Self::Scalar) -> Option<Self::Scalar> {
        scalar.invert().into_option().map(Zeroizing::new)
    }

    /// The cofactor is 1, so a point of the curve that is not at infinity has order r. Infinity has no such number.
    fn decode(octets: &[u8]) -> Option<Self::Element> {
        if octets.len() != OCTETS {
            return None;
        }
        let mut halved = Zeroizing::new(Vec::with_capacity(OCTETS));
        let mut odd = 0;
        for octet in octets {
            halved.push(octet >> 1 | odd << 7);
            odd = octet & 1;
        }
        let mut x = FieldBytes::<C>::default();
        let (above, rest) = halved.split_at_checked(OCTETS.checked_sub(x.len())?)?;
        if above.iter().any(|octet| *octet != 0) {
            return None;
        }
        x.copy_from_slice(rest);
        let point = AffinePoint::<C>::decompress(&x, odd.into()).into_option();
        x.zeroize();
        point.map(|point| Zeroizing::new(point.into()))
    }

    fn encode(element: &Self::Element) -> Option<Zeroizing<Vec<u8>>> {
        use p256::elliptic_curve::group::{Curve as _, Group as _};

        if bool::from(element.is_identity()) {
            return None;
        }
        let point: AffinePoint<C> = element.to_affine();
        let mut x = point.x();
        let mut carry = point.y_is_odd().unwrap_u8();
        let mut octets = Zeroizing::new(Vec::with_capacity(OCTETS));
        for octet in x.iter().rev() {
            octets.push(octet << 1 | carry);
            carry = octet >> 7;
        }
        // P-256 has a 257th bit, P-521 has room for its 522nd.
        if octets.len() < OCTETS {
            octets.push(carry);
        }
        octets.reverse();
        x.zeroize();
        Some(octets)
    }

    fn base_power(exponent: &Self::Scalar) -> Self::Element {
        use p256::elliptic_curve::group::Group as _;

        Zeroizing::new(ProjectivePoint::<C>::generator() * **exponent)
    }

    fn power(element: &Self::Element, exponent: &Self::Scalar) -> Self::Element {
        Zeroizing::new(**element * **exponent)
    }

    fn combine(left: &Self::Element, right: &Self::Element) -> Self::Element {
        Zeroizing::new(**left + **right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded<G: Group>(exponent: &[u8]) -> Vec<u8> {
        G::encode(&G::base_power(&G::scalar(exponent)))
            .unwrap()
            .to_vec()
    }

    #[test]
    fn points_are_read_as_they_are_written() {
        for exponent in [&[1][..], &[2], &[3], &[7; 31]] {
            let octets = encoded::<P256>(exponent);
            assert_eq!(octets.len(), 33);
            let point = P256::decode(&octets).unwrap();
            assert_eq!(*P256::encode(&point).unwrap(), octets);
            let octets = encoded::<P521>(exponent);
            assert_eq!(octets.len(), 66);
            let point = P521::decode(&octets).unwrap();
            assert_eq!(*P521::encode(&point).unwrap(), octets);
        }
    }

    /// The generator of P-256: x ends in 0x96, y in 0xf5, so 2x + 1.
    #[test]
    fn a_point_is_twice_x_and_the_last_bit_of_y() {
        let octets = encoded::<P256>(&[1]);
        assert_eq!(octets[..3], [0x00, 0xd6, 0x2f]);
        assert_eq!(octets[32], 0x2d);
    }

    #[test]
    fn what_is_no_point_is_refused() {
        let good = encoded::<P256>(&[5]);
        assert!(P256::decode(&good).is_some());
        assert!(P256::decode(&good[1..]).is_none(), "too short");
        assert!(
            P256::decode(&[&[0][..], &good].concat()).is_none(),
            "too long"
        );
        let mut large = good.clone();
        large[0] |= 2;
        assert!(P256::decode(&large).is_none(), "x of 257 bits");
        assert!(P256::decode(&[0xff; 33]).is_none(), "x above the field");
        // About half of all numbers are no x of a point: among eight neighbours one at least.
        let refused = (0..8_u8).filter(|low| {
            let mut other = good.clone();
            other[32] = low << 1;
            P256::decode(&other).is_none()
        });
        assert_ne!(refused.count(), 0, "no point of the curve");
        assert!(P521::decode(&[0xff; 66]).is_none(), "x above the field");
        let zero = P256::scalar(&[0]);
        assert!(P256::encode(&P256::base_power(&zero)).is_none(), "infinity");
        assert!(!P256::is_secret(&zero));
    }
}
