//! SHA-1 (RFC 3174), for one use: OCSP identifies issuers and responders by it (RFC 6960 section 4.1.1), and the contract's
//! digests, rightly, have no SHA-1. Nothing here rests on its resistance to collisions: signatures are by SHA-2.

/// The digest of `data`.
pub(crate) fn sha1(data: &[u8]) -> [u8; 20] {
    let mut state = [
        0x6745_2301_u32,
        0xefcd_ab89,
        0x98ba_dcfe,
        0x1032_5476,
        0xc3d2_e1f0,
    ];
    let (blocks, rest) = data.as_chunks::<64>();
    for block in blocks {
        compress(&mut state, block);
    }
    let mut tail = [[0_u8; 64]; 2];
    let bits = (data.len() as u64).wrapping_mul(8).to_be_bytes();
    let used = if rest.len() < 56 { 1 } else { 2 };
    let padded = rest.iter().copied().chain(core::iter::once(0x80));
    for (slot, octet) in tail.as_flattened_mut().iter_mut().zip(padded) {
        *slot = octet;
    }
    let end = used * 64;
    for (slot, octet) in tail.as_flattened_mut().iter_mut().skip(end - 8).zip(bits) {
        *slot = octet;
    }
    for block in tail.iter().take(used) {
        compress(&mut state, block);
    }
    let mut digest = [0; 20];
    for (slot, octet) in digest
        .iter_mut()
        .zip(state.iter().flat_map(|word| word.to_be_bytes()))
    {
        *slot = octet;
    }
    digest
}

fn compress(state: &mut [u32; 5], block: &[u8; 64]) {
    let mut window = [0_u32; 16];
    for (word, octets) in window.iter_mut().zip(block.as_chunks::<4>().0) {
        *word = u32::from_be_bytes(*octets);
    }
    let [mut a, mut b, mut c, mut d, mut e] = *state;
    for round in 0_usize..80 {
        let word = |back: usize, window: &[u32; 16]| {
            window.get((round + 16 - back) % 16).copied().unwrap_or(0)
        };
        if round >= 16 {
            let mixed = word(3, &window) ^ word(8, &window) ^ word(14, &window) ^ word(0, &window);
            if let Some(slot) = window.get_mut(round % 16) {
                *slot = mixed.rotate_left(1);
            }
        }
        let (function, constant) = match round {
            0..20 => ((b & c) | (!b & d), 0x5a82_7999),
            20..40 => (b ^ c ^ d, 0x6ed9_eba1),
            40..60 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
            _ => (b ^ c ^ d, 0xca62_c1d6),
        };
        let next = a
            .rotate_left(5)
            .wrapping_add(function)
            .wrapping_add(e)
            .wrapping_add(constant)
            .wrapping_add(word(0, &window));
        (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
    }
    for (slot, value) in state.iter_mut().zip([a, b, c, d, e]) {
        *slot = slot.wrapping_add(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(data: &[u8]) -> String {
        sha1(data)
            .iter()
            .map(|octet| format!("{octet:02x}"))
            .collect()
    }

    #[test]
    fn the_standards_examples() {
        assert_eq!(hex(b"abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(
            hex(b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
        );
        assert_eq!(
            hex(&vec![b'a'; 1_000_000]),
            "34aa973cd4c4daa4f61eeb2bdbad27316534016f"
        );
        assert_eq!(hex(b""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    }
}
