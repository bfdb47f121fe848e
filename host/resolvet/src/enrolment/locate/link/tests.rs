//! Loopback's multicast, with a responder that the library runs.

use std::{
    net::{IpAddr, Ipv4Addr, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use hickory_proto::{
    op::Message,
    rr::{
        RData, Record, RecordType,
        rdata::{A, PTR, SRV},
    },
};
use mdns_sd::ServiceInfo;
use socket2::{Domain, Protocol, Socket, Type};

use super::*;

const EST: &str = "_est._tcp.local.";
/// How long something that must come is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A port that nobody has: each test has a group of its own.
fn free_port() -> u16 {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.local_addr().unwrap().port()
}

/// Somebody on the link.
struct Responder(ServiceDaemon);

impl Responder {
    fn new(port: u16) -> Self {
        Self(start(&Interfaces::Loopback, port).unwrap())
    }

    fn announce(&self, service: &str, name: &str, host: &str, port: u16) {
        let address = IpAddr::from(Ipv4Addr::LOCALHOST);
        let info = ServiceInfo::new(service, name, host, address, port, None).unwrap();
        self.0.register(info).unwrap();
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        let _ended = self.0.shutdown();
    }
}

fn link(port: u16) -> Link {
    Link::listen_at(Interfaces::Loopback, port).unwrap()
}

async fn browse(link: &Link, services: &[&'static str]) -> Vec<(String, u16)> {
    let (_enough, mut wait) = oneshot::channel();
    let instances = link.browse(services, 1, &mut wait).await.into_iter();
    let mut places: Vec<_> = instances
        .map(|instance| {
            (
                instance.srv.target.without_dot().to_owned(),
                instance.srv.port,
            )
        })
        .collect();
    places.sort();
    places
}

#[tokio::test]
async fn a_server_on_the_link_is_found_with_its_address() {
    let port = free_port();
    let responder = Responder::new(port);
    responder.announce(EST, "Lab server v1.0", "est-lab.local.", 8_443);
    let link = link(port);
    let found = browse(&link, &["_est._tcp"]).await;
    assert_eq!(found, [("est-lab.local".to_owned(), 8_443)]);
    let host = DomainName::parse("est-lab.local").unwrap();
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, 8_443));
    assert_eq!(link.addresses(&host, 8_443).await, [at]);
    // It is another service.
    assert_eq!(browse(&link, &["_brski-registrar._tcp"]).await, []);
}

#[tokio::test]
async fn registrars_and_proxies_are_found_together() {
    let port = free_port();
    let responder = Responder::new(port);
    responder.announce("_brski-registrar._tcp.local.", "R", "r.local.", 443);
    responder.announce("_brski-proxy._tcp.local.", "P. Q.", "p.local.", 8_443);
    let services = ["_brski-registrar._tcp", "_brski-proxy._tcp"];
    assert_eq!(
        browse(&link(port), &services).await,
        [("p.local".to_owned(), 8_443), ("r.local".to_owned(), 443)]
    );
}

/// An announcement that came before anybody asked is there without a question, also when its sender is gone.
#[tokio::test]
async fn announcements_are_kept_for_their_time() {
    let port = free_port();
    let link = link(port);
    let responder = Responder::new(port);
    let told = responder.0.monitor().unwrap();
    responder.announce(EST, "EST", "est-lab.local.", 8_443);
    while let Ok(event) = told.recv_async().await {
        if matches!(event, mdns_sd::DaemonEvent::Announce(..)) {
            break;
        }
    }
    // The announcement lies in the socket or has been read; what the library does comes after it.
    until_kept(&link, |count| count > 0).await;
    // No farewell: it went out of range.
    responder.0.disable_interface(IfKind::All).unwrap();
    let found = browse(&link, &["_est._tcp"]).await;
    assert_eq!(found, [("est-lab.local".to_owned(), 8_443)]);
}

/// How many SRV records the library has kept.
async fn kept(link: &Link) -> i64 {
    let daemon = link.0.daemon.lock().await;
    let metrics = daemon.as_ref().unwrap().get_metrics().unwrap();
    let metrics = metrics.recv_async().await.unwrap();
    metrics.get("cached-srv").copied().unwrap_or_default()
}

/// Waits until as many SRV records are kept.
async fn until_kept(link: &Link, wanted: impl Fn(i64) -> bool) {
    let waited = async {
        while !wanted(kept(link).await) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(10), waited).await;
    waited.unwrap();
}

/// One datagram that nobody asked for (RFC 6762 section 8.3), by somebody who answers nothing: it is believed for its time to
/// live and no longer (section 10).
#[tokio::test]
async fn an_announcement_ends_with_its_time_to_live() {
    const LIFE: u32 = 3;
    let port = free_port();
    let link = link(port);
    // Who answers has joined the group.
    assert_eq!(kept(&link).await, 0);
    let service = Name::from_ascii(EST).unwrap();
    let instance = service.prepend_label("EST".as_bytes()).unwrap();
    let host = Name::from_ascii("est-lab.local.").unwrap();
    let mut announcement = Message::response(0, hickory_proto::op::OpCode::Query);
    announcement.metadata.authoritative = true;
    announcement.answers = vec![
        Record::from_rdata(service, LIFE, RData::PTR(PTR(instance.clone()))),
        Record::from_rdata(
            instance,
            LIFE,
            RData::SRV(SRV::new(0, 0, 8_443, host.clone())),
        ),
        Record::from_rdata(host, LIFE, RData::A(A(Ipv4Addr::LOCALHOST))),
    ];
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
    socket.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
    let group = SocketAddr::from((Ipv4Addr::new(224, 0, 0, 251), port));
    let octets = announcement.to_vec().unwrap();
    socket.send_to(&octets, &group.into()).unwrap();
    until_kept(&link, |count| count > 0).await;
    let found = browse(&link, &["_est._tcp"]).await;
    assert_eq!(found, [("est-lab.local".to_owned(), 8_443)]);
    until_kept(&link, |count| count == 0).await;
    assert_eq!(browse(&link, &["_est._tcp"]).await, []);
}

#[tokio::test]
async fn nobody_is_waited_for_once_there_is_enough() {
    let (link, other) = (link(free_port()), link(free_port()));
    let (enough, mut wait) = oneshot::channel();
    enough.send(()).unwrap();
    let (_held, mut never) = oneshot::channel();
    let first = tokio::select! {
        biased;
        found = link.browse(&["_est._tcp"], 1, &mut wait) => Some(found),
        _ = other.browse(&["_est._tcp"], 1, &mut never) => None,
    };
    assert_eq!(first, Some(vec![]), "it waits as one that has not enough");
}

#[tokio::test]
async fn a_host_that_nobody_is_has_no_address() {
    let host = DomainName::parse("nobody.local").unwrap();
    assert!(link(free_port()).addresses(&host, 443).await.is_empty());
}

/// Answers every question on the link with these records, and what the question's own socket asks to it alone (RFC 6762
/// section 6.7). It ends with the test's process.
fn answer_everything(
    port: u16,
    records: impl Fn(&Name, RecordType) -> Vec<Record> + Send + 'static,
) {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.set_reuse_port(true).unwrap();
    socket
        .bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into())
        .unwrap();
    let group = Ipv4Addr::new(224, 0, 0, 251);
    socket
        .join_multicast_v4(&group, &Ipv4Addr::LOCALHOST)
        .unwrap();
    socket.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
    let socket = UdpSocket::from(socket);
    thread::spawn(move || {
        let mut buffer = [0; 9_000];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let Ok(mut message) = Message::from_vec(&buffer[..length]) else {
                continue;
            };
            if message.metadata.message_type == hickory_proto::op::MessageType::Response {
                continue;
            }
            let asked = message.queries.clone().into_iter();
            let found: Vec<Record> = asked
                .flat_map(|query| records(query.name(), query.query_type()))
                .collect();
            message.metadata.message_type = hickory_proto::op::MessageType::Response;
            message.metadata.authoritative = true;
            let multicast = from.port() == port;
            if multicast {
                message.queries.clear();
            }
            let to = if multicast {
                (group, port).into()
            } else {
                from
            };
            for some in found.chunks(50) {
                message.answers = some.to_vec();
                socket.send_to(&message.to_vec().unwrap(), to).unwrap();
            }
        }
    });
}

/// The library gives neither, and cannot resolve a name with a dot in it unless the answer brings everything.
#[tokio::test]
async fn priorities_are_honoured_and_names_with_dots_resolved() {
    let port = free_port();
    let service = Name::from_ascii(EST).unwrap();
    let names = [("a v1.0", 30), ("b v1.0", 10), ("c v1.0", 20)];
    answer_everything(port, move |name, rtype| {
        let instances = names.iter().map(|(label, priority)| {
            let instance = service.prepend_label(label.as_bytes()).unwrap();
            (instance, *priority)
        });
        let mut instances = instances.collect::<Vec<_>>().into_iter();
        match rtype {
            RecordType::PTR if *name == service => instances
                .map(|(instance, _)| {
                    Record::from_rdata(service.clone(), 120, RData::PTR(PTR(instance)))
                })
                .collect(),
            RecordType::SRV => instances
                .find(|(instance, _)| instance == name)
                .map(|(instance, priority)| {
                    let host = Name::from_ascii(format!("h{priority}.local.")).unwrap();
                    let data = SRV::new(priority, 0, 8_443, host);
                    Record::from_rdata(instance, 120, RData::SRV(data))
                })
                .into_iter()
                .collect(),
            RecordType::A => vec![Record::from_rdata(
                name.clone(),
                120,
                RData::A(A(Ipv4Addr::LOCALHOST)),
            )],
            _ => Vec::new(),
        }
    });
    let link = link(port);
    let (_enough, mut wait) = oneshot::channel();
    let instances = link.browse(&["_est._tcp"], 1, &mut wait).await;
    let hosts: Vec<&str> = instances.iter().map(|i| i.srv.target.as_str()).collect();
    assert_eq!(hosts, ["h10.local.", "h20.local.", "h30.local."]);
    let host = &instances[0].srv.target;
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, 8_443));
    assert_eq!(link.addresses(host, 8_443).await, [at]);
}

#[tokio::test]
async fn a_crowd_on_the_link_is_bounded() {
    let port = free_port();
    let service = Name::from_ascii(EST).unwrap();
    answer_everything(port, move |name, rtype| match rtype {
        RecordType::PTR => (0..400)
            .map(|n| {
                let instance = service.prepend_label(format!("n{n}").as_bytes()).unwrap();
                Record::from_rdata(service.clone(), 120, RData::PTR(PTR(instance)))
            })
            .collect(),
        RecordType::SRV => (0..40)
            .map(|n| {
                let host = Name::from_ascii(format!("h{n}.local.")).unwrap();
                let data = SRV::new(n, 0, n, host);
                Record::from_rdata(name.clone(), 120, RData::SRV(data))
            })
            .collect(),
        _ => Vec::new(),
    });
    // A busy machine hears fewer of them in time, and is given more of it; never does it hear more.
    let began = Instant::now();
    let found = loop {
        let found = browse(&link(port), &["_est._tcp"]).await;
        if found.len() >= INSTANCES || began.elapsed() > PATIENCE {
            break found;
        }
    };
    assert_eq!(found.len(), INSTANCES);
    assert!(found.iter().all(|(_, port)| *port != 0), "{found:?}");
}

#[test]
fn a_dot_in_an_instance_s_name_ends_no_label() {
    let heard = Heard::new(EST, "Lab server v1.0._est._tcp.local.").unwrap();
    let labels: Vec<&[u8]> = heard.name.iter().collect();
    assert_eq!(
        labels,
        [b"Lab server v1.0".as_slice(), b"_est", b"_tcp", b"local"]
    );
    assert!(Heard::new(EST, EST).is_none());
    assert!(Heard::new(EST, "x._ipp._tcp.local.").is_none());
    let long = format!("{}.{EST}", "a".repeat(64));
    assert!(Heard::new(EST, &long).is_none());
}
