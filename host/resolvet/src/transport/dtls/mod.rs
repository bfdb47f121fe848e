//! DNS over DTLS 1.2 (RFC 8094).
//!
//! DTLS 1.3 is not spoken: no maintained library for it hands the whole presented chain to a verifier, and a chain that
//! nobody judged is no chain.

mod association;

use std::{net::SocketAddr, time::Duration};

use resolvet_proto::{dtls::PAYLOAD_OCTETS, message::limit_payload};
use tokio::{
    select,
    sync::mpsc,
    time::{Instant, timeout_at},
};

use super::{
    ConnectError, Cost, ExchangeError, Target,
    handshake::{Completed, concluded},
    pipeline::Pipeline,
    table::Table,
};
use crate::tls;
use association::{Association, Received};

/// DTLS as errors name it.
const DTLS: &str = "DTLS";
/// How long until a flight is sent again, and then twice as long each time (RFC 6347 section 4.2.4.1).
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// How often the datagrams of one flight are repeated as they were before the handshake begins anew.
const COPIES: u8 = 2;
/// Datagrams that one handshake takes: a flight of the largest chain that is judged has some hundred.
const DATAGRAMS: usize = 512;

/// A connection; clones share it.
#[derive(Clone)]
pub(crate) struct Dtls(Pipeline);

impl Dtls {
    pub(super) fn is_open(&self) -> bool {
        self.0.is_open()
    }

    pub(super) fn close(&self) {
        self.0.close();
    }

    pub(super) async fn exchange(
        &self,
        query: &[u8],
        within: Duration,
    ) -> Result<Vec<u8>, ExchangeError> {
        let mut query = query.to_vec();
        limit_payload(&mut query, PAYLOAD_OCTETS);
        self.0.exchange(&query, within).await
    }
}

/// Connects within this time, retransmissions included (RFC 8094 section 3.1 has 15 s).
pub(super) async fn connect(
    target: Target<'_>,
    within: Duration,
) -> Result<(Dtls, Completed), ConnectError> {
    let address = target.address();
    let began = Instant::now();
    let deadline = began.checked_add(within).unwrap_or(began);
    let (judging, verdicts) = tls::judging(target.judge, target.context);
    let config = association::config(target.name, judging)
        .map_err(|error| broken(address, error.to_string()))?;
    let finished = loop {
        // What was judged before an attempt came to a standstill says nothing about the next one.
        let _void = tls::taken(&verdicts);
        let association = Association::begin(address, &config).await;
        let attempt = match association {
            Ok(association) => handshake(association, deadline, within).await,
            Err(error) => Err(error),
        };
        match attempt {
            Ok(Some(done)) => break Ok(done),
            Ok(None) => {}
            Err(error) => break Err(error),
        }
    };
    let ((association, flights), judged) =
        concluded(DTLS, address, finished, tls::taken(&verdicts))?;
    let cost = Cost {
        tcp: Duration::ZERO,
        tls: began.elapsed(),
        round_trips: flights,
        resumed: false,
    };
    let octets = usize::from(PAYLOAD_OCTETS);
    let (pipeline, table, queue) = Pipeline::over_datagrams(octets, FIRST_PAUSE);
    tokio::spawn(serve(association, table, queue));
    // The library resumes nothing.
    let ticket = None;
    let completed = Completed {
        judged,
        cost,
        ticket,
    };
    Ok((Dtls(pipeline), completed))
}

/// Goes through the handshake and counts our flights; nothing when it came to a standstill: a part of the server's flight was
/// lost, and the server does not send it again by itself. Then it is asked anew.
async fn handshake(
    mut association: Association,
    deadline: Instant,
    within: Duration,
) -> Result<Option<(Association, u8)>, ConnectError> {
    let address = association.peer();
    let after = |pause| Instant::now().checked_add(pause).unwrap_or(deadline);
    let mut flights = 1;
    let mut pause = FIRST_PAUSE;
    let mut copies = 0;
    let mut datagrams: usize = 0;
    association.flush().await?;
    let mut resend = after(pause);
    loop {
        let Ok(received) = timeout_at(resend.min(deadline), association.receive()).await else {
            if Instant::now() >= deadline {
                return Err(ConnectError::Timeout {
                    step: DTLS,
                    address,
                    within,
                });
            }
            if copies >= COPIES {
                return Ok(None);
            }
            copies += u8::from(!association.resend().await?);
            pause = pause.saturating_mul(2);
            resend = after(pause);
            continue;
        };
        datagrams = datagrams.saturating_add(1);
        if datagrams > DATAGRAMS {
            let reason = format!("more than {DATAGRAMS} datagrams came");
            return Err(broken(address, reason));
        }
        let received = match received {
            Ok(received) => received,
            Err(error) => {
                // The server is told by an alert; whether it hears makes no difference.
                let _told = association.flush().await;
                return Err(error);
            }
        };
        match received {
            Received::Established => {
                association.flush().await?;
                return Ok(Some((association, flights)));
            }
            Received::Flight => {
                flights = u8::saturating_add(flights, 1);
                (pause, copies) = (FIRST_PAUSE, 0);
                association.flush().await?;
                resend = after(pause);
            }
            Received::Answers(_) | Received::Nothing => {
                association.flush().await?;
            }
            Received::Closed => {
                // Whatever we had to say about it, an alert for one.
                association.flush().await?;
                return Err(ConnectError::Closed {
                    handshake: DTLS,
                    address,
                    reason: "it closed the association".to_owned(),
                });
            }
        }
    }
}

/// Sends queries and delivers answers until the last handle is dropped or the server ends the association.
async fn serve(mut association: Association, table: Table, mut queue: mpsc::Receiver<Vec<u8>>) {
    while table.is_open() {
        let alive = select! {
            query = queue.recv() => match query {
                Some(query) => association.send(&query),
                None => false,
            },
            received = association.receive() => match received {
                Ok(Received::Answers(answers)) => {
                    answers.into_iter().for_each(|answer| table.deliver(answer));
                    true
                }
                Ok(Received::Closed) | Err(_) => false,
                Ok(_) => true,
            },
        };
        if !alive || association.flush().await.is_err() {
            break;
        }
    }
    table.close();
    association.close();
    // The server is told; whether it hears makes no difference.
    let _told = association.flush().await;
}

fn broken(address: SocketAddr, reason: String) -> ConnectError {
    ConnectError::Handshake {
        handshake: DTLS,
        address,
        reason,
    }
}
