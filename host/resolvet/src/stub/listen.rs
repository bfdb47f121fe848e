//! The stub's sockets.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use rustix::io::Errno;
use tokio::{
    io::{
        AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt, AsyncWrite, AsyncWriteExt as _, BufReader,
    },
    net::{TcpListener, TcpStream, UdpSocket},
    sync::{Semaphore, mpsc, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::resolver::{Carrier, Resolver};

/// Octets of a query in a datagram at most.
const DATAGRAM: usize = 4_096;
/// Queries of one stream that may be under way (RFC 7766 section 6.2.1.1).
const PIPELINED: usize = 64;
/// Replies of one stream that wait to be written; each has up to 64 KiB. Others wait for a place, and count as questions under way.
const QUEUED: usize = 2;
/// A stream on which nothing is asked for so long is closed, and one that takes no answer (RFC 7766 section 6.2.3).
const IDLE: Duration = Duration::from_secs(10);
/// How long to wait after the system refused a datagram or a stream, so that a lasting error does not spin.
const PAUSE: Duration = Duration::from_millis(50);

/// Answers datagrams until it is told to stop, then those that are under way.
pub(super) async fn datagrams(
    socket: UdpSocket,
    resolver: Arc<Resolver>,
    mut stop: watch::Receiver<bool>,
) {
    let socket = Arc::new(socket);
    let mut under_way = JoinSet::new();
    let mut buffer = vec![0; DATAGRAM];
    loop {
        tokio::select! {
            () = told(&mut stop) => break,
            Some(_) = under_way.join_next() => {}
            received = socket.recv_from(&mut buffer) => {
                let Ok((length, from)) = received else {
                    // A client that went away shows as an error of the next call.
                    sleep(PAUSE).await;
                    continue;
                };
                let octets = buffer.get(..length).unwrap_or_default().to_vec();
                let (socket, resolver) = (Arc::clone(&socket), Arc::clone(&resolver));
                under_way.spawn(async move {
                    if let Some(reply) = resolver.respond(&octets, Carrier::Datagram).await {
                        // A client that is gone needs no answer.
                        let _sent = socket.send_to(&reply.octets, from).await;
                    }
                });
            }
        }
    }
    while under_way.join_next().await.is_some() {}
}

/// Answers streams until it is told to stop, then what is under way on them.
pub(super) async fn streams(
    listener: TcpListener,
    resolver: Arc<Resolver>,
    connections: Arc<Semaphore>,
    mut stop: watch::Receiver<bool>,
) {
    let mut open = JoinSet::new();
    let stopped = stop.clone();
    loop {
        tokio::select! {
            () = told(&mut stop) => break,
            Some(_) = open.join_next() => {}
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else {
                    sleep(PAUSE).await;
                    continue;
                };
                // Beyond the bound a client is not kept waiting for one that is idle.
                let Ok(permit) = Arc::clone(&connections).try_acquire_owned() else {
                    continue;
                };
                let (resolver, stop) = (Arc::clone(&resolver), stopped.clone());
                open.spawn(async move {
                    stream_of(stream, resolver, stop).await;
                    drop(permit);
                });
            }
        }
    }
    while open.join_next().await.is_some() {}
}

async fn stream_of(stream: TcpStream, resolver: Arc<Resolver>, stop: watch::Receiver<bool>) {
    let (reader, writer) = stream.into_split();
    let reader = BufReader::with_capacity(DATAGRAM, reader);
    converse(reader, writer, resolver, stop).await;
}

async fn converse(
    mut reader: impl AsyncBufRead + Unpin,
    writer: impl AsyncWrite + Unpin + Send + 'static,
    resolver: Arc<Resolver>,
    mut stop: watch::Receiver<bool>,
) {
    let (replies, queue) = mpsc::channel::<Vec<u8>>(QUEUED);
    let writing = tokio::spawn(write(writer, queue));
    let mut under_way = JoinSet::new();
    loop {
        while under_way.try_join_next().is_some() {}
        if under_way.len() >= PIPELINED {
            // What a client sends beyond waits in its own socket.
            under_way.join_next().await;
            continue;
        }
        tokio::select! {
            () = told(&mut stop) => break,
            // Places are given in turn: while a reply waits for one, nothing more is read from a client that takes none.
            place = replies.reserve() => if place.is_err() { break },
        }
        let coming = tokio::select! {
            () = told(&mut stop) => break,
            coming = timeout(IDLE, reader.fill_buf()) => coming,
        };
        match coming {
            Ok(Ok(octets)) if !octets.is_empty() => {}
            // A stream is idle only when nothing is under way.
            Err(_) if !under_way.is_empty() => continue,
            _ => break,
        }
        // What has begun must come within the same time.
        let Ok(Ok(octets)) = timeout(IDLE, frame(&mut reader)).await else {
            break;
        };
        let (resolver, replies) = (Arc::clone(&resolver), replies.clone());
        under_way.spawn(async move {
            if let Some(reply) = resolver.respond(&octets, Carrier::Stream).await {
                // The client may have closed. The question is under way until its reply has a place.
                if let Ok(place) = replies.reserve().await {
                    place.send(reply.octets);
                }
            }
        });
    }
    while under_way.join_next().await.is_some() {}
    drop(replies);
    // It ends when every reply is written, or when the client takes none.
    let _written = writing.await;
}

/// Waits until the stub stops; that it is gone means the same.
async fn told(stop: &mut watch::Receiver<bool>) {
    let _stopped = stop.wait_for(|stop| *stop).await;
}

/// One message behind its length.
async fn frame(reader: &mut (impl AsyncReadExt + Unpin)) -> io::Result<Vec<u8>> {
    let length = reader.read_u16().await?;
    let mut octets = vec![0; length.into()];
    reader.read_exact(&mut octets).await?;
    Ok(octets)
}

async fn write(mut writer: impl AsyncWrite + Unpin, mut replies: mpsc::Receiver<Vec<u8>>) {
    while let Some(reply) = replies.recv().await {
        let Ok(length) = u16::try_from(reply.len()) else {
            continue;
        };
        let framed = [&length.to_be_bytes(), reply.as_slice()].concat();
        if !matches!(timeout(IDLE, writer.write_all(&framed)).await, Ok(Ok(()))) {
            return;
        }
    }
    // The client sees the end of what it gets.
    let _closed = writer.shutdown().await;
}

/// Sockets for datagrams and streams on one address; a port of zero becomes one that is free for both.
pub(super) async fn bind(address: SocketAddr) -> Result<(UdpSocket, TcpListener), BindProblem> {
    /// Ports tried until one is free for both.
    const ATTEMPTS: usize = 32;
    let mut attempt = 0;
    loop {
        attempt += 1;
        let udp = UdpSocket::bind(address).await;
        let udp = udp.map_err(|source| BindProblem::new("UDP", source))?;
        let bound = udp
            .local_addr()
            .map_err(|source| BindProblem::new("UDP", source))?;
        match TcpListener::bind(bound).await {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(_) if address.port() == 0 && attempt < ATTEMPTS => {}
            Err(source) => return Err(BindProblem::new("TCP", source)),
        }
    }
}

/// Why an address cannot be listened at.
#[derive(Debug)]
pub(super) struct BindProblem {
    pub(super) protocol: &'static str,
    pub(super) source: io::Error,
}

impl BindProblem {
    const fn new(protocol: &'static str, source: io::Error) -> Self {
        Self { protocol, source }
    }

    /// Whether the machine has no such address, or nothing of its family.
    pub(super) fn is_absent(&self) -> bool {
        let absent = [Errno::ADDRNOTAVAIL, Errno::AFNOSUPPORT].map(Errno::raw_os_error);
        let came = self.source.raw_os_error();
        came.is_some_and(|came| absent.contains(&came))
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::{
        op::{Message, MessageType, OpCode, Query},
        rr::{Name, RecordType},
    };
    use tokio::io::duplex;

    use super::*;
    use crate::stub::{Limits, upstream::Present};

    /// A resolver without a server: every question fails at once.
    fn resolver(limits: &Limits) -> Arc<Resolver> {
        Resolver::new(watch::channel(Present::default()).1, limits)
    }

    fn query(number: u16) -> Vec<u8> {
        let name = Name::from_ascii(format!("n{number}.example.net.")).unwrap();
        let mut message = Message::new(number, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.add_query(Query::query(name, RecordType::A));
        message.to_vec().unwrap()
    }

    #[tokio::test]
    async fn a_client_that_takes_no_replies_is_not_read_from() {
        let resolver = resolver(&Limits::default());
        let (stop, stopped) = watch::channel(false);
        // It holds a reply or two.
        let (server, client) = duplex(128);
        let (reader, writer) = tokio::io::split(server);
        let shared = Arc::clone(&resolver);
        let serving = tokio::spawn(converse(BufReader::new(reader), writer, shared, stopped));
        let (mut replies, mut questions) = tokio::io::split(client);
        let asking = tokio::spawn(async move {
            for number in 0..1_000 {
                let query = query(number);
                let length = u16::try_from(query.len()).unwrap();
                questions.write_u16(length).await.unwrap();
                questions.write_all(&query).await.unwrap();
            }
            questions
        });
        let mut read = 0;
        loop {
            sleep(Duration::from_millis(200)).await;
            let now = resolver.statistics().queries;
            if now > 0 && now == read {
                break;
            }
            read = now;
        }
        assert!(read < 16, "{read} questions were read");
        // Whoever takes them is answered.
        for _ in 0..1_000 {
            frame(&mut replies).await.unwrap();
        }
        let _questions = asking.await.unwrap();
        stop.send_replace(true);
        serving.await.unwrap();
    }

    #[test]
    fn an_address_that_is_not_there_is_not_one_that_is_taken() {
        let problem = |errno: Errno| BindProblem::new("UDP", errno.into());
        assert!(problem(Errno::ADDRNOTAVAIL).is_absent());
        assert!(problem(Errno::AFNOSUPPORT).is_absent());
        assert!(!problem(Errno::ADDRINUSE).is_absent());
        assert!(!problem(Errno::ACCESS).is_absent());
    }

    #[tokio::test]
    async fn a_question_is_under_way_until_its_reply_has_left() {
        let limits = Limits {
            queries: 1,
            ..Limits::default()
        };
        let resolver = resolver(&limits);
        let reply = resolver.respond(&query(1), Carrier::Stream).await;
        assert!(reply.is_some());
        let turned_away = resolver.respond(&query(2), Carrier::Stream).await;
        assert!(turned_away.is_some());
        assert_eq!(resolver.statistics().overloads, 1);
        drop((reply, turned_away));
        assert!(resolver.respond(&query(2), Carrier::Stream).await.is_some());
        assert_eq!(resolver.statistics().overloads, 1);
    }
}
