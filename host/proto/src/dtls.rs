//! DTLS records (RFC 6347 section 4.1) as far as they are seen before the library that speaks DTLS sees them.
//!
//! Anybody who can forge a datagram of the server's address can send a handshake message in pieces. Those are bounded here,
//! since what assembles them has no bound that is fit for a client: a certificate message of sixteen certificates takes some
//! fifty pieces of a kilobyte.

/// Octets of a record's header.
const RECORD_HEADER: usize = 13;
/// Octets of the header of a handshake message, or of a piece of one (RFC 6347 section 4.2.2).
const HANDSHAKE_HEADER: usize = 12;
/// The content type of handshake messages.
const HANDSHAKE: u8 = 22;

/// Pieces of handshake messages that one association takes.
pub const PIECES: usize = 512;
/// Octets that a handshake message may have: the largest chain that is judged does not come over DTLS.
pub const MESSAGE_OCTETS: usize = 131_072;
/// Octets of application data in a datagram that passes everywhere (RFC 8094 section 5 assumes a path MTU of 1,280):
/// less the headers of IPv6 (40), UDP (8) and the record (13), and what encryption adds (8 and 16).
pub const PAYLOAD_OCTETS: u16 = 1_280 - 40 - 8 - 13 - 8 - 16;

/// Lets datagrams through that hold whole records, and no more handshake than an association needs.
#[derive(Debug, Clone)]
pub struct Gate {
    pieces: usize,
}

impl Default for Gate {
    fn default() -> Self {
        Self { pieces: PIECES }
    }
}

impl Gate {
    /// Whether a datagram may go on. What may not is dropped in silence, as RFC 6347 section 4.1.2.7 asks for.
    pub fn admits(&mut self, datagram: &[u8]) -> bool {
        let Some(pieces) = pieces(datagram) else {
            return false;
        };
        match self.pieces.checked_sub(pieces) {
            Some(left) => {
                self.pieces = left;
                true
            }
            None => false,
        }
    }
}

/// How many pieces of handshake messages in clear a datagram holds; `None` when it is no sequence of whole records.
fn pieces(datagram: &[u8]) -> Option<usize> {
    let mut rest = datagram;
    let mut pieces: usize = 0;
    while !rest.is_empty() {
        let (header, after) = rest.split_first_chunk::<RECORD_HEADER>()?;
        let [
            content_type,
            254,
            _,
            epoch,
            epoch_low,
            _,
            _,
            _,
            _,
            _,
            _,
            high,
            low,
        ] = *header
        else {
            return None;
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (content, after) = after.split_at_checked(length)?;
        if content.is_empty() {
            return None;
        }
        if content_type == HANDSHAKE && [epoch, epoch_low] == [0, 0] {
            pieces = pieces.checked_add(handshake_pieces(content)?)?;
        } else if content_type == HANDSHAKE {
            pieces = pieces.checked_add(1)?;
        }
        rest = after;
    }
    (!datagram.is_empty()).then_some(pieces)
}

/// The pieces in one record; `None` when one says more than it holds.
fn handshake_pieces(content: &[u8]) -> Option<usize> {
    let mut rest = content;
    let mut pieces: usize = 0;
    while !rest.is_empty() {
        let (header, after) = rest.split_first_chunk::<HANDSHAKE_HEADER>()?;
        let [_, l0, l1, l2, _, _, o0, o1, o2, p0, p1, p2] = *header;
        let length = wide([l0, l1, l2]);
        let offset = wide([o0, o1, o2]);
        let part = wide([p0, p1, p2]);
        if length > MESSAGE_OCTETS || offset.checked_add(part)? > length {
            return None;
        }
        // An empty piece of a message that is not empty would end it early.
        if part == 0 && length != 0 {
            return None;
        }
        let (_, after) = after.split_at_checked(part)?;
        pieces = pieces.checked_add(1)?;
        rest = after;
    }
    Some(pieces)
}

fn wide([high, middle, low]: [u8; 3]) -> usize {
    usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn record(content_type: u8, epoch: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        let mut record = [content_type, 254, 253, 0, epoch, 0, 0, 0, 0, 0, 1].to_vec();
        record.extend_from_slice(&length);
        record.extend_from_slice(content);
        record
    }

    fn piece(length: u8, offset: u8, part: u8, octets: usize) -> Vec<u8> {
        let mut piece = [11, 0, 0, length, 0, 1, 0, 0, offset, 0, 0, part].to_vec();
        piece.resize(HANDSHAKE_HEADER + octets, 7);
        piece
    }

    #[test]
    fn whole_records_pass() {
        let mut datagram = record(HANDSHAKE, 0, &piece(20, 0, 20, 20));
        datagram.extend(record(20, 0, &[1]));
        datagram.extend(record(HANDSHAKE, 1, &[9; 40]));
        assert!(Gate::default().admits(&datagram));
        for length in [0, 1, 12, 13, datagram.len() - 1] {
            assert!(!Gate::default().admits(&datagram[..length]), "{length}");
        }
    }

    #[test]
    fn pieces_that_lie_do_not_pass() {
        for lie in [
            piece(20, 0, 20, 19),
            piece(20, 15, 10, 10),
            piece(20, 0, 0, 0),
            [11, 255, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 7].to_vec(),
        ] {
            assert!(
                !Gate::default().admits(&record(HANDSHAKE, 0, &lie)),
                "{lie:?}"
            );
        }
    }

    #[test]
    fn no_association_takes_pieces_without_end() {
        let mut gate = Gate::default();
        let datagram = record(HANDSHAKE, 0, &piece(20, 0, 1, 1));
        let passed = core::iter::repeat_with(|| gate.admits(&datagram)).take(2 * PIECES);
        assert_eq!(passed.filter(|passed| *passed).count(), PIECES);
        assert!(gate.admits(&record(23, 1, &[9; 40])), "answers still pass");
    }
}
