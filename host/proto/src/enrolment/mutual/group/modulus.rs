//! Numbers modulo a safe prime: the groups 14 and 16 of RFC 3526 (RFC 8121 section 3.2 and appendix A).

use alloc::vec::Vec;

use crypto_bigint::{
    BoxedUint, Odd, Resize as _, U2048, U4096,
    modular::{BoxedMontyForm, BoxedMontyParams},
};
use zeroize::Zeroizing;

use super::Group;

/// A prime q = 2r + 1 of which 2 generates the subgroup of order r.
pub(in super::super) trait Prime {
    /// Bits of q, a multiple of 64, and of the numbers that represent elements and scalars.
    const BITS: u32;
    /// q.
    fn modulus() -> Odd<BoxedUint>;
    /// r, a prime.
    fn order() -> Odd<BoxedUint>;
}

/// The group of `iso-kam3-dl-2048-sha256`.
pub(in super::super) struct Modp2048;
/// The group of `iso-kam3-dl-4096-sha512`.
pub(in super::super) struct Modp4096;

const Q_2048: Odd<U2048> = Odd::<U2048>::from_be_hex(
    "\
        FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD\
        EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED\
        EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F\
        83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B\
        E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510\
        15728E5A8AACAA68FFFFFFFFFFFFFFFF",
);
const R_2048: Odd<U2048> = Odd::<U2048>::from_be_hex(
    "\
        7FFFFFFFFFFFFFFFE487ED5110B4611A62633145C06E0E68948127044533E63A0105DF531D89CD9128A5043CC71A026E\
        F7CA8CD9E69D218D98158536F92F8A1BA7F09AB6B6A8E122F242DABB312F3F637A262174D31BF6B585FFAE5B7A035BF6\
        F71C35FDAD44CFD2D74F9208BE258FF324943328F6722D9EE1003E5C50B1DF82CC6D241B0E2AE9CD348B1FD47E9267AF\
        C1B2AE91EE51D6CB0E3179AB1042A95DCF6A9483B84B4B36B3861AA7255E4C0278BA3604650C10BE19482F23171B671D\
        F1CF3B960C074301CD93C1D17603D147DAE2AEF837A62964EF15E5FB4AAC0B8C1CCAA4BE754AB5728AE9130C4C7D0288\
        0AB9472D455655347FFFFFFFFFFFFFFF",
);
const Q_4096: Odd<U4096> = Odd::<U4096>::from_be_hex(
    "\
        FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD\
        EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED\
        EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F\
        83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B\
        E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510\
        15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7\
        ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C\
        BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A92108011A723C12A787E6D7\
        88719A10BDBA5B2699C327186AF4E23C1A946834B6150BDA2583E9CA2AD44CE8DBBBC2DB04DE8EF92E8EFC141FBECAA6\
        287C59474E6BC05D99B2964FA090C3A2233BA186515BE7ED1F612970CEE2D7AFB81BDD762170481CD0069127D5B05AA9\
        93B4EA988D8FDDC186FFB7DC90A6C08F4DF435C934063199FFFFFFFFFFFFFFFF",
);
const R_4096: Odd<U4096> = Odd::<U4096>::from_be_hex(
    "\
        7FFFFFFFFFFFFFFFE487ED5110B4611A62633145C06E0E68948127044533E63A0105DF531D89CD9128A5043CC71A026E\
        F7CA8CD9E69D218D98158536F92F8A1BA7F09AB6B6A8E122F242DABB312F3F637A262174D31BF6B585FFAE5B7A035BF6\
        F71C35FDAD44CFD2D74F9208BE258FF324943328F6722D9EE1003E5C50B1DF82CC6D241B0E2AE9CD348B1FD47E9267AF\
        C1B2AE91EE51D6CB0E3179AB1042A95DCF6A9483B84B4B36B3861AA7255E4C0278BA3604650C10BE19482F23171B671D\
        F1CF3B960C074301CD93C1D17603D147DAE2AEF837A62964EF15E5FB4AAC0B8C1CCAA4BE754AB5728AE9130C4C7D0288\
        0AB9472D45556216D6998B8682283D19D42A90D5EF8E5D32767DC2822C6DF785457538ABAE83063ED9CB87C2D370F263\
        D5FAD7466D8499EB8F464A702512B0CEE771E9130D697735F897FD036CC504326C3B01399F643532290F958C0BBD9006\
        5DF08BABBD30AEB63B84C4605D6CA371047127D03A72D598A1EDADFE707E884725C16890549084008D391E0953C3F36B\
        C438CD085EDD2D934CE1938C357A711E0D4A341A5B0A85ED12C1F4E5156A26746DDDE16D826F477C97477E0A0FDF6553\
        143E2CA3A735E02ECCD94B27D04861D1119DD0C328ADF3F68FB094B867716BD7DC0DEEBB10B8240E68034893EAD82D54\
        C9DA754C46C7EEE0C37FDBEE48536047A6FA1AE49A0318CCFFFFFFFFFFFFFFFF",
);

impl Prime for Modp2048 {
    const BITS: u32 = 2_048;

    fn modulus() -> Odd<BoxedUint> {
        Q_2048.into()
    }

    fn order() -> Odd<BoxedUint> {
        R_2048.into()
    }
}

impl Prime for Modp4096 {
    const BITS: u32 = 4_096;

    fn modulus() -> Odd<BoxedUint> {
        Q_4096.into()
    }

    fn order() -> Odd<BoxedUint> {
        R_4096.into()
    }
}

/// A number in the form in which it is multiplied modulo `modulus`, which is public.
fn modulo<P: Prime>(modulus: Odd<BoxedUint>, number: &BoxedUint) -> Zeroizing<BoxedMontyForm> {
    let parameters = BoxedMontyParams::new_vartime(modulus);
    Zeroizing::new(BoxedMontyForm::new(
        number.resize_unchecked(P::BITS),
        &parameters,
    ))
}

/// A power of the element `base`.
fn power<P: Prime>(base: &BoxedUint, exponent: &BoxedUint) -> Zeroizing<BoxedUint> {
    let power = Zeroizing::new(modulo::<P>(P::modulus(), base).pow(exponent));
    Zeroizing::new(power.retrieve())
}

impl<P: Prime> Group for P {
    type Scalar = Zeroizing<BoxedUint>;
    type Element = Zeroizing<BoxedUint>;

    const RANDOM_OCTETS: usize = octets(P::BITS) + 16;

    fn scalar(integer: &[u8]) -> Self::Scalar {
        let bits = u32::try_from(integer.len() * 8).unwrap_or(u32::MAX);
        let number = Zeroizing::new(BoxedUint::from_be_slice_truncated(integer, bits));
        if bits < P::BITS - 1 {
            // Shorter than r, and it stays short: a hash's power costs less than a secret's.
            return number;
        }
        Zeroizing::new(number.rem(P::order().as_nz_ref()))
    }

    fn is_secret(scalar: &Self::Scalar) -> bool {
        **scalar > BoxedUint::from(P::BITS)
    }

    fn scalar_octets(scalar: &Self::Scalar) -> Zeroizing<Vec<u8>> {
        let wide = Zeroizing::new((&**scalar).resize_unchecked(P::BITS));
        Zeroizing::new(wide.to_be_bytes().into_vec())
    }

    fn sum(left: &Self::Scalar, right: &Self::Scalar) -> Self::Scalar {
        let left = modulo::<P>(P::order(), left);
        let sum = Zeroizing::new(left.add(&modulo::<P>(P::order(), right)));
        Zeroizing::new(sum.retrieve())
    }

    fn product(left: &Self::Scalar, right: &Self::Scalar) -> Self::Scalar {
        let left = modulo::<P>(P::order(), left);
        let product = Zeroizing::new(left.mul(&modulo::<P>(P::order(), right)));
        Zeroizing::new(product.retrieve())
    }

    fn inverse(scalar: &Self::Scalar) -> Option<Self::Scalar> {
        let inverse = modulo::<P>(P::order(), scalar).invert().into_option()?;
        Some(Zeroizing::new(Zeroizing::new(inverse).retrieve()))
    }

    /// 1 < K < q - 1 (RFC 8121 section 3.2), which leaves none of the two elements of small order.
    fn decode(octets: &[u8]) -> Option<Self::Element> {
        if octets.len() != self::octets(P::BITS) {
            return None;
        }
        let element = Zeroizing::new(BoxedUint::from_be_slice(octets, P::BITS).ok()?);
        is_element::<P>(&element).then_some(element)
    }

    fn encode(element: &Self::Element) -> Option<Zeroizing<Vec<u8>>> {
        is_element::<P>(element).then(|| Zeroizing::new(element.to_be_bytes().into_vec()))
    }

    fn base_power(exponent: &Self::Scalar) -> Self::Element {
        power::<P>(&BoxedUint::from(2_u8), exponent)
    }

    fn power(element: &Self::Element, exponent: &Self::Scalar) -> Self::Element {
        power::<P>(element, exponent)
    }

    fn combine(left: &Self::Element, right: &Self::Element) -> Self::Element {
        let left = modulo::<P>(P::modulus(), left);
        let product = Zeroizing::new(left.mul(&modulo::<P>(P::modulus(), right)));
        Zeroizing::new(product.retrieve())
    }
}

const fn octets(bits: u32) -> usize {
    bits as usize / 8
}

fn is_element<P: Prime>(number: &BoxedUint) -> bool {
    let last = P::modulus().as_ref().wrapping_sub(BoxedUint::one());
    *number > BoxedUint::one() && *number < last
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_below_half<P: Prime>() {
        let order = P::order();
        let sum = order
            .as_ref()
            .wrapping_add(order.as_ref())
            .wrapping_add(BoxedUint::one());
        assert_eq!(sum, *P::modulus().as_ref());
        // 2 generates the subgroup of order r: its r-th power is 1.
        assert_eq!(
            *power::<P>(&BoxedUint::from(2_u8), order.as_ref()),
            BoxedUint::one()
        );
    }

    #[test]
    fn the_generator_has_order_r() {
        one_below_half::<Modp2048>();
        one_below_half::<Modp4096>();
    }

    #[test]
    fn elements_of_small_order_are_refused() {
        let element = |change: fn(&mut Vec<u8>)| {
            let mut octets = Modp2048::modulus().as_ref().to_be_bytes().into_vec();
            change(&mut octets);
            Modp2048::decode(&octets).is_some()
        };
        assert!(!element(|_| ()), "q");
        assert!(!element(|octets| octets[255] -= 1), "q - 1");
        assert!(element(|octets| octets[255] -= 2), "q - 2");
        assert!(!element(|octets| octets.fill(0)), "0");
        assert!(
            !element(|octets| {
                octets.fill(0);
                octets[255] = 1
            }),
            "1"
        );
        assert!(
            element(|octets| {
                octets.fill(0);
                octets[255] = 2
            }),
            "2"
        );
        assert!(!element(|octets| octets.fill(0xff)), "above q");
        assert!(!element(|octets| octets.truncate(255)), "too short");
        assert!(!element(|octets| octets.insert(0, 0)), "too long");
    }

    #[test]
    fn small_secrets_are_refused() {
        for (number, good) in [(0_u16, false), (1, false), (2_048, false), (2_049, true)] {
            let scalar = Modp2048::scalar(&number.to_be_bytes());
            assert_eq!(Modp2048::is_secret(&scalar), good, "{number}");
        }
    }

    #[test]
    fn scalars_have_inverses() {
        let scalar = Modp2048::scalar(&[0x5a; 300]);
        let one = Modp2048::product(&scalar, &Modp2048::inverse(&scalar).unwrap());
        assert_eq!(*one, BoxedUint::one());
        assert!(Modp2048::inverse(&Modp2048::scalar(&[0; 300])).is_none());
    }
}
