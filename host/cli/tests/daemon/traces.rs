//! Traces, as a collector of OpenTelemetry gets them.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Instant,
};

use hickory_proto::{op::ResponseCode, rr::RecordType};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, status::StatusCode},
};
use prost::Message as _;
use resolvet_tests::lab::{ask, dot::DotFault};

use crate::running::{DEFAULTS, Home, PATIENCE, STRICTER};

/// One policy for each stage.
const THREE: &str = "[[policy]]\nname = \"preference\"\n[[policy]]\nname = \"privacy\"\n";

/// A collector that decodes what comes, and everything that came.
struct Collector {
    address: SocketAddr,
    came: Receiver<ExportTraceServiceRequest>,
    spans: Vec<Span>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, came) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    assert!(stream.read_line(&mut head).unwrap() > 0, "{head}");
                }
                let head = head.to_lowercase();
                assert!(head.starts_with("post /v1/traces http/1.1"), "{head}");
                assert!(
                    head.contains("content-type: application/x-protobuf"),
                    "{head}"
                );
                let length = head.split_once("content-length: ").unwrap().1;
                let length = length.split_once('\r').unwrap().0.parse().unwrap();
                let mut body = vec![0; length];
                stream.read_exact(&mut body).unwrap();
                let request = ExportTraceServiceRequest::decode(&*body).unwrap();
                let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
                stream.get_mut().write_all(answer).unwrap();
                if sender.send(request).is_err() {
                    return;
                }
            }
        });
        let spans = Vec::new();
        Self {
            address,
            came,
            spans,
        }
    }

    /// The section of a configuration that names it.
    fn section(&self) -> String {
        let address = self.address;
        format!("[traces]\ncollector = \"{address}\"\ndelay-milliseconds = 50\n")
    }

    /// The first span of this kind that came, once one has.
    fn span(&mut self, wanted: impl Fn(&Span) -> bool) -> Span {
        let began = Instant::now();
        loop {
            if let Some(span) = self.spans.iter().find(|span| wanted(span)) {
                return span.clone();
            }
            let left = PATIENCE.saturating_sub(began.elapsed());
            let request = self.came.recv_timeout(left);
            let request = request.unwrap_or_else(|e| panic!("{e}: {:#?}", self.spans));
            for resource in request.resource_spans {
                let of = resource.resource.unwrap();
                assert_eq!(text(&of.attributes, "service.name"), "resolvetd");
                let spans = resource.scope_spans.into_iter().flat_map(|of| of.spans);
                self.spans.extend(spans);
            }
        }
    }

    /// The spans within this one, by name.
    fn within(&self, parent: &Span, name: &str) -> Vec<&Span> {
        let within = |span: &&Span| span.parent_span_id == parent.span_id && span.name == name;
        self.spans.iter().filter(within).collect()
    }
}

fn text(fields: &[KeyValue], key: &str) -> String {
    let field = fields.iter().find(|field| field.key == key);
    let value = field.and_then(|field| field.value.as_ref()?.value.as_ref());
    match value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(value)) => value.to_string(),
        other => panic!("{key} is {other:?} in {fields:#?}"),
    }
}

fn of(span: &Span, key: &str) -> String {
    text(&span.attributes, key)
}

#[test]
fn the_search_for_a_server_is_a_trace_with_every_judgement() {
    let mut collector = Collector::start();
    let home = Home::new().unwatched();
    let section = collector.section();
    home.configure(&format!("{DEFAULTS}{THREE}{section}"));
    let daemon = home.start();
    let attach = collector.span(|span| span.name == "attach");
    assert!(attach.parent_span_id.is_empty());
    assert_eq!(of(&attach, "outcome"), "vetted");
    assert_eq!(of(&attach, "domain"), "example.net");
    assert_eq!(of(&attach, "transport"), "dot");
    assert_eq!(of(&attach, "generation"), "1");

    let discover = collector.within(&attach, "discover")[0];
    let lookups = collector.within(discover, "lookup");
    assert!(lookups.len() > 1, "{lookups:#?}");
    assert!(
        lookups
            .iter()
            .all(|lookup| lookup.trace_id == attach.trace_id)
    );
    assert!(
        lookups
            .iter()
            .any(|lookup| of(lookup, "outcome") == "answered")
    );

    let status = daemon.status();
    let rules = status["policies"]["rules"].as_array().unwrap();
    let digest = |policy: &str| {
        let rule = rules.iter().find(|rule| rule["policy"] == policy).unwrap();
        rule["digest"].as_str().unwrap().to_owned()
    };
    let connects = collector.within(&attach, "connect");
    let connected = |span: &&&Span| of(span, "outcome") == "connected";
    let connect = connects.iter().find(connected).unwrap();
    assert_eq!(of(connect, "address"), of(&attach, "address"));
    let judges = [
        collector.within(connect, "judge"),
        collector.within(&attach, "judge"),
    ]
    .concat();
    for (stage, policy) in [
        ("selection", "preference"),
        ("validation", "pkix"),
        ("privacy", "privacy"),
    ] {
        let judge = judges
            .iter()
            .find(|judge| of(judge, "stage") == stage)
            .unwrap();
        assert_eq!(of(judge, "outcome"), "accepted", "{judge:#?}");
        assert_eq!(of(judge, "policies"), format!("{policy} 0.1.0"));
        assert_eq!(of(judge, "digests"), digest(policy));
        assert_eq!(of(judge, "decision").len(), 16);
        assert!(judge.end_time_unix_nano >= judge.start_time_unix_nano);
        let [event] = &*judge.events else {
            panic!("{judge:#?}")
        };
        assert_eq!(
            (&*event.name, text(&event.attributes, "policy")),
            ("evaluation", policy.into())
        );
        assert!(!text(&event.attributes, "verdict").is_empty());
    }

    // What is in use is judged again, is refused, and the next search fails.
    home.configure(&format!("{STRICTER}{THREE}{section}"));
    assert!(daemon.resolvet(&["policy", "reload"]).status.success());
    daemon.ask_until(ResponseCode::ServFail);
    let rejudge = collector.span(|span| span.name == "rejudge");
    collector.span(|span| span.parent_span_id == rejudge.span_id);
    let judge = collector.within(&rejudge, "judge")[0];
    assert_eq!(of(judge, "outcome"), "rejected");
    assert_eq!(
        text(&judge.events[0].attributes, "findings"),
        "pin-mismatch"
    );
    let failed = collector.span(|span| span.name == "attach" && of(span, "outcome") != "vetted");
    assert_eq!(of(&failed, "outcome"), "validation-refused");
    assert!(of(&failed, "error").contains("`spki-pins`"), "{failed:#?}");
    assert_eq!(failed.status.unwrap().code, StatusCode::Error as i32);
}

/// A connection that is in use has no span any more, whether certificates were presented for it or not.
#[test]
fn a_resumed_session_is_told_while_it_is_used() {
    let mut collector = Collector::start();
    let home = Home::new().unwatched();
    home.lab.site().servers()[0]
        .dot
        .fail(DotFault::ClosesAfter {
            answers: 1,
            abrupt: false,
        });
    home.configure(&format!("{DEFAULTS}{}", collector.section()));
    let daemon = home.start();
    daemon.ask_until(ResponseCode::NoError);
    let full = collector.span(|span| span.name == "connect");
    assert_eq!(of(&full, "resumed"), "false");
    let began = Instant::now();
    while home.lab.site().servers()[0].dot.statistics().resumed == 0 {
        // Another name each time, which no cache has.
        let name = format!("n{}.example.net", began.elapsed().as_micros());
        let query = ask::query(1, &name, RecordType::A).unwrap();
        ask::udp(daemon.address(), &query).unwrap();
        assert!(began.elapsed() < PATIENCE);
    }
    let is_other = |span: &Span| span.name == "connect" && span.span_id != full.span_id;
    assert_eq!(of(&collector.span(is_other), "resumed"), "true");
}

#[test]
fn what_the_log_of_decisions_does_not_tell_traces_do_not_tell_either() {
    let mut collector = Collector::start();
    let home = Home::new().unwatched();
    let redacted = format!(
        "{STRICTER}{THREE}[decisions]\nredact = [\"names\", \"addresses\"]\n{}",
        collector.section()
    );
    home.configure(&redacted);
    let daemon = home.start();
    daemon.ask_until(ResponseCode::ServFail);
    let attach = collector.span(|span| span.name == "attach");
    assert_eq!(of(&attach, "outcome"), "validation-refused");
    assert_eq!(of(&attach, "domain"), "(name)");
    let connect = collector.within(&attach, "connect")[0].clone();
    assert_eq!(of(&connect, "address"), "(address)");
    assert!(of(&connect, "error").contains("(address)"), "{connect:#?}");
    let told = format!("{:#?}", collector.spans);
    let server = home.lab.site().servers()[0].dot.addresses()[0].ip();
    for secret in ["example", &server.to_string()] {
        assert!(!told.contains(secret), "`{secret}` stands in {told}");
    }
    assert!(told.contains("pkix 0.1.0"), "{told}");
}

#[test]
fn a_collector_that_does_not_answer_holds_up_nobody() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let home = Home::new().unwatched();
    let section =
        format!("[traces]\ncollector = \"{address}\"\nqueue = 1\ndelay-milliseconds = 1\n");
    home.configure(&format!("{DEFAULTS}{section}"));
    let daemon = home.start_logging();
    daemon.ask_until(ResponseCode::NoError);
    for policies in [STRICTER, DEFAULTS] {
        home.configure(&format!("{policies}{section}"));
        assert!(daemon.resolvet(&["policy", "reload"]).status.success());
    }
    daemon.ask_until(ResponseCode::NoError);
    home.logged("the collector takes none");
    daemon.signal("TERM");
    assert_eq!(daemon.ended().0, Some(0));
}

#[test]
fn a_collector_beyond_this_machine_is_refused() {
    let home = Home::new();
    home.configure(&format!(
        "{DEFAULTS}[traces]\ncollector = \"192.0.2.1:4318\"\n"
    ));
    let output = home.command().output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(log.contains("expected an address of loopback"), "{log}");
    assert!(!fs::exists(home.path("control/socket")).unwrap());
}
