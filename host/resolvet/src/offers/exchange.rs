//! A question that is sent until somebody answers.

use std::{io, net::SocketAddr, time::Duration};

use resolvet_proto::discovery::parameters::{MESSAGE, Parameters};
use tokio::{
    net::UdpSocket,
    time::{Instant, sleep_until, timeout_at},
};

/// The first wait for an answer; it doubles (RFC 8415 section 7.6: INF_TIMEOUT).
const RETRY: Duration = Duration::from_secs(1);
/// How long others are waited for after the first answer.
const SETTLE: Duration = Duration::from_millis(300);
/// Answers that are taken.
const ANSWERS: usize = 8;
/// Datagrams that are looked at; a raw socket sees those of others too.
const DATAGRAMS: usize = 1_024;

pub(super) struct Exchange {
    pub(super) socket: UdpSocket,
    pub(super) to: SocketAddr,
    /// How long the first question is held back.
    pub(super) after: Duration,
    pub(super) until: Instant,
}

/// Sends the question and reads answers until nobody else seems to answer. The question is told how long it has been asked.
pub(super) async fn exchange(
    exchange: Exchange,
    question: impl Fn(Duration) -> Vec<u8>,
    read: impl Fn(&[u8], SocketAddr) -> Option<Parameters>,
) -> io::Result<Vec<Parameters>> {
    let Exchange {
        socket,
        to,
        after,
        mut until,
    } = exchange;
    let mut answers: Vec<Parameters> = Vec::new();
    sleep_until(until.min(Instant::now() + after)).await;
    let began = Instant::now();
    let (mut next, mut wait) = (began, RETRY);
    // One octet more than is read, so that a longer message is seen to be one.
    let mut buffer = vec![0; MESSAGE + 1];
    for _ in 0..DATAGRAMS {
        if answers.is_empty() && Instant::now() >= next {
            socket.send_to(&question(began.elapsed()), to).await?;
            next = Instant::now() + wait;
            wait *= 2;
        }
        let wake = match answers.is_empty() {
            true => until.min(next),
            false => until,
        };
        let Ok(came) = timeout_at(wake, socket.recv_from(&mut buffer)).await else {
            if Instant::now() >= until {
                break;
            }
            continue;
        };
        let (length, from) = came?;
        if let Some(said) = read(buffer.get(..length).unwrap_or_default(), from) {
            answers.push(said);
            until = until.min(Instant::now() + SETTLE);
        }
        if answers.len() >= ANSWERS {
            break;
        }
    }
    Ok(answers)
}
