//! What transports read from servers before anything else does.

use resolvet_proto::{
    doh::{Head, MEDIA_TYPE},
    doq,
    dtls::{Gate, PIECES},
    message,
};

/// A body and header fields of DNS over HTTPS. An answer that is read keeps its length and its header.
#[test]
fn doh() {
    bolero::check!().for_each(|input: &[u8]| {
        let (fields, body) = input.split_at(input.len().min(24));
        let text = String::from_utf8_lossy(fields);
        let [age, retry_after] = [0, 1].map(|at| text.split('\n').nth(at));
        let wild = fields
            .first_chunk()
            .map_or(200, |two| u16::from_be_bytes(*two));
        for status in [200, 429, wild] {
            let head = Head {
                status,
                content_type: age.filter(|_| status != 200).or(Some(MEDIA_TYPE)),
                age,
                retry_after,
                location: age,
            };
            // A refusal is what most of these are.
            let _refused = head.check(1_640_995_200);
            if let Ok(answer) = head.answer(body.to_vec()) {
                assert_eq!(answer.len(), body.len());
                assert_eq!(answer[..12], body[..12]);
            }
        }
    });
}

/// A stream of DNS over QUIC.
#[test]
fn doq_stream() {
    bolero::check!().for_each(|input: &[u8]| {
        if let Ok(answer) = doq::answer(input) {
            assert_eq!(answer.len() + 2, input.len());
        }
        if let Some(query) = doq::query(input) {
            assert_eq!(query[4..], input[2..]);
        }
    });
}

/// Datagrams of DTLS: what a gate lets through is bounded, whatever comes.
#[test]
fn dtls_datagrams() {
    bolero::check!().for_each(|input: &[u8]| {
        let mut gate = Gate::default();
        // The header that most inputs lack.
        let length = u16::try_from(input.len()).unwrap_or(u16::MAX).to_be_bytes();
        let header = [22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 1];
        let record = [&header[..], &length, input].concat();
        let admitted = (0..2 * PIECES).filter(|_| gate.admits(&record)).count();
        assert!(admitted <= PIECES);
        gate.admits(input);
    });
}

/// Changes of a few octets in a message never change its length, and never what cannot be read.
#[test]
fn messages() {
    bolero::check!().for_each(|input: &[u8]| {
        let mut changed = input.to_vec();
        if !message::age(&mut changed, 7) {
            assert_eq!(changed, input);
        }
        message::limit_payload(&mut changed, 1_195);
        assert_eq!(changed.len(), input.len());
        let cut = message::is_truncated(input);
        assert!(!cut || input.len() > 2);
        let keepalive = message::has_keepalive(input);
        assert!(!keepalive || input.len() > 12);
    });
}
