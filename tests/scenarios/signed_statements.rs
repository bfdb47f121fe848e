//! Privacy statements that somebody signed: named by an authenticated server, fetched by HTTPS, judged beside the extension.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use hickory_proto::rr::rdata::NULL;
use hickory_proto::rr::{RData, RecordType};
use resolvet_proto::certificate::privacy::{DEFAULT_OID, PrivacyPolicy, PrivacyStatement};
use resolvet_proto::discovery::resinfo;
use resolvet_proto::judgement::{Decision, Der, Severity};
use resolvet_proto::session::{Config, FailureKind, LifetimeBound, Step, TokenSource};
use resolvet_tests::lab::ca::{Authority, Leaf};
use resolvet_tests::lab::dns::absolute;
use resolvet_tests::lab::dot::Versions;
use resolvet_tests::lab::https::{Connection, Handler, Request, Response, Server};
use resolvet_tests::lab::signed::{Signer, careful};
use resolvet_tests::lab::{Lab, Options};
use serde_json::{Value, json};

use crate::journey::{ASKED, Journey, Outcome, findings, rule, with_settings};

const HOST: &str = "statements.example.net";
const MEDIA_TYPE: &str = "application/pat";

/// What answers with the same, and counts.
#[derive(Debug, Default)]
struct Shelf {
    response: Mutex<Response>,
    asked: AtomicUsize,
}

impl Handler for Shelf {
    fn handle(&self, _connection: &Connection, request: &Request) -> Response {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match (request.path.as_str(), request.header("accept")) {
            ("/pat", Some(MEDIA_TYPE)) => self.response.lock().unwrap().clone(),
            _ => Response::status(404),
        }
    }
}

/// A lab, and an HTTPS server that has a statement about its DNS server.
struct World {
    lab: Lab,
    shelf: Arc<Shelf>,
    server: Server,
    signer: Signer,
    now: u64,
}

impl World {
    fn new() -> Self {
        let lab = Lab::start(Options::new()).unwrap();
        let shelf = Arc::new(Shelf::default());
        let identity = lab.authority().issue(&Leaf::good(HOST)).unwrap();
        let handler: Arc<dyn Handler> = shelf.clone();
        let server = Server::start("statements", &identity, Versions::Both, &[], handler).unwrap();
        let world = Self {
            lab,
            shelf,
            server,
            signer: Signer::new("auditor.example").unwrap(),
            now: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap()
                .as_secs(),
        };
        let origin = absolute("example.net").unwrap();
        let zone = |zone: &mut resolvet_tests::lab::dns::Zone| {
            zone.address("statements", Ipv4Addr::LOCALHOST.into())
                .map(|_| ())
        };
        let responder = world.lab.dns().responder();
        responder.change_zone(&origin, zone).unwrap();
        world.name(&world.url());
        world
    }

    fn url(&self) -> String {
        format!("https://{HOST}:{}/pat", self.server.port())
    }

    /// Has the DNS server name this URL.
    fn name(&self, url: &str) {
        let said = resinfo::write(&[("qnamemin", None), ("temp-pat", Some(url))]).unwrap();
        let code = RecordType::from(261);
        let rdata = NULL::with(said);
        let origin = absolute("example.net").unwrap();
        let responder = self.lab.site().servers()[0].dot.responder();
        responder
            .change_zone(&origin, |zone| {
                zone.remove("@", code)?;
                zone.add("@", 300, RData::Unknown { code, rdata })
                    .map(|_| ())
            })
            .unwrap();
    }

    fn careful(&self) -> Value {
        careful("example.net", self.now, 3_600)
    }

    fn answers(&self, response: Response) {
        *self.shelf.response.lock().unwrap() = response;
    }

    fn has(&self, token: &str) {
        self.answers(Response::ok(MEDIA_TYPE, token.as_bytes()));
    }

    fn journey(&self, mut settings: Value) -> Journey<'_> {
        settings["token-signers"] = json!([self.signer.setting()]);
        let rules = vec![
            rule("pkix"),
            rule("preference"),
            with_settings(rule("privacy"), settings),
        ];
        Journey::new(&self.lab)
            .rules(rules)
            .fetching_here()
            .config(|config: &mut Config| {
                config.resolver_info = true;
                config.privacy_token = vec![TokenSource::ResolverInfo];
            })
    }

    fn asked(&self) -> usize {
        self.shelf.asked.load(Ordering::SeqCst)
    }
}

fn severity(outcome: &Outcome, code: &str) -> Option<Severity> {
    let said = outcome.assessments().into_iter().flat_map(findings);
    let mut said = said.filter(|finding| finding.code == code);
    said.next().map(|finding| finding.severity)
}

fn codes(outcome: &Outcome) -> Vec<String> {
    let said = outcome.assessments().into_iter().flat_map(findings);
    said.map(|finding| finding.code.clone()).collect()
}

#[tokio::test]
async fn a_statement_that_counts() {
    let world = World::new();
    let short = careful("example.net", world.now, 120);
    world.has(&world.signer.sign(&short).unwrap());
    let outcome = world.journey(json!({"require-token": true})).attach().await;
    outcome.ask().await.unwrap();
    assert_eq!(severity(&outcome, "token-signed"), Some(Severity::Note));
    assert_eq!(world.asked(), 1);
    // The verdict ends with the statement.
    let vetted = outcome.attachment.vetted_now().unwrap();
    assert_eq!(vetted.bound(), LifetimeBound::Policy);
    assert!(vetted.expires().unix <= world.now + 120);
    let fetched = |step: &Step| matches!(step, Step::Fetched { problem: None, url, .. } if *url == world.url());
    assert!(outcome.story.iter().any(|entry| fetched(&entry.step)));
}

#[tokio::test]
async fn off_unless_it_is_asked_for() {
    let world = World::new();
    world.has(&world.signer.sign(&world.careful()).unwrap());
    let off = |config: &mut Config| config.resolver_info = true;
    let outcome = world.journey(json!({})).config(off).attach().await;
    outcome.ask().await.unwrap();
    assert_eq!(world.asked(), 0);
}

/// Each is told by its own code; where a statement is required it refuses, and nothing is asked of the server.
#[tokio::test]
async fn statements_that_do_not_count() {
    let world = World::new();
    let good = world.careful();
    let sign = |claims: &Value| world.signer.sign(claims).unwrap();
    let stranger = Signer::new("stranger.example").unwrap();
    let changed = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let token = |text: String| Response::ok(MEDIA_TYPE, text);
    let tampered = {
        let (ours, theirs) = (sign(&good), sign(&changed("exp", json!(world.now + 7))));
        let parts = |text: &str| text.split('.').map(str::to_owned).collect::<Vec<_>>();
        let (ours, theirs) = (parts(&ours), parts(&theirs));
        format!("{}.{}.{}", ours[0], theirs[1], ours[2])
    };
    let header = json!({"alg": "none", "typ": "pat"});
    let unsigned = world.signer.sign_under(&header, &good).unwrap();
    let sells = {
        let mut claims = good.clone();
        claims["privinfo"]["transferdata"] = json!(true);
        claims
    };
    let cases = [
        (
            token(sign(&careful("example.net", world.now - 900, 600))),
            "token-expired",
        ),
        (
            token(sign(&careful("example.net", world.now + 900, 600))),
            "token-not-yet-valid",
        ),
        (token(tampered), "token-signature-invalid"),
        (token(stranger.sign(&good).unwrap()), "token-signer-unknown"),
        (token(unsigned), "token-algorithm-unsupported"),
        (
            token(sign(&careful("example.org", world.now, 600))),
            "token-other-server",
        ),
        (token("no token".into()), "token-malformed"),
        (
            token(sign(&changed("iat", json!("now")))),
            "token-malformed",
        ),
        (
            Response::status(302).with("location", world.url()),
            "token-unavailable",
        ),
        (Response::ok("text/html", sign(&good)), "token-unavailable"),
        (token("a".repeat(16_385)), "token-unavailable"),
        // It counts, and what it says is not acceptable, whatever the extension says.
        (token(sign(&sells)), "transfer-to-third-parties"),
    ];
    for (response, code) in cases {
        world.answers(response);
        let outcome = world.journey(json!({"require-token": true})).attach().await;
        let said = codes(&outcome);
        assert_eq!(
            outcome.kind(),
            Some(FailureKind::PrivacyRefused),
            "{said:?}"
        );
        assert_eq!(severity(&outcome, code), Some(Severity::Error), "{said:?}");
        // It was asked what it says about itself, and nothing else.
        let dot = &world.lab.site().servers()[0].dot;
        let queries = dot.journal().queries();
        let of_itself = RecordType::from(261);
        assert!(queries.iter().all(|query| query.record_type == of_itself));
        let asked = absolute(ASKED).unwrap();
        assert!(!world.lab.dns().journal().asked_for(&asked));
    }
}

/// What does not count is no statement: the extension decides, and a person is warned. A statement that counts decides beside it.
#[tokio::test]
async fn statements_that_nobody_requires() {
    let world = World::new();
    world.has("no token");
    let outcome = world.journey(json!({})).attach().await;
    outcome.ask().await.unwrap();
    assert_eq!(
        severity(&outcome, "token-malformed"),
        Some(Severity::Warning)
    );

    let mut sells = world.careful();
    sells["privinfo"]["transferdata"] = json!(true);
    world.has(&world.signer.sign(&sells).unwrap());
    let outcome = world.journey(json!({})).attach().await;
    assert_eq!(outcome.kind(), Some(FailureKind::PrivacyRefused));
}

/// Where the server's certificate has no extension, the signed statement is the one that there is.
#[tokio::test]
async fn a_statement_beside_a_certificate_without_extension() {
    let world = World::new();
    let fault = resolvet_tests::lab::ca::Fault::PrivacyAbsent;
    let leaf = Leaf::good("example.net").with(fault);
    let identity = world.lab.authority().issue(&leaf).unwrap();
    let conveyed = Der::from(identity.conveyed().as_ref());
    world.lab.site().servers()[0]
        .dot
        .present(&identity)
        .unwrap();
    world.has(&world.signer.sign(&world.careful()).unwrap());
    let conveyed = resolvet_proto::judgement::Conveyed::Certificates {
        certificates: vec![conveyed],
    };
    let outcome = world.journey(json!({})).conveyed(conveyed).attach().await;
    outcome.ask().await.unwrap();
    let accepted = outcome.assessments().into_iter().any(|judgement| {
        let evaluations = judgement.evaluations.iter();
        let mut verdicts = evaluations.filter_map(|evaluation| evaluation.result.as_ref().ok());
        verdicts.any(|verdict| matches!(verdict.decision, Decision::Accept { lifetime: Some(_) }))
    });
    assert!(accepted, "{:?}", codes(&outcome));
}

/// Whatever the server names: nothing of this machine or of the link is asked, by name or by address, and nothing in clear text.
#[tokio::test]
async fn nothing_is_fetched_from_here() {
    let world = World::new();
    world.has(&world.signer.sign(&world.careful()).unwrap());
    let port = world.server.port();
    for url in [
        world.url(),
        format!("https://127.0.0.1:{port}/pat"),
        format!("https://[::1]:{port}/pat"),
        format!("https://[::ffff:127.0.0.1]:{port}/pat"),
        "https://169.254.169.254/pat".into(),
        "https://[fe80::1]/pat".into(),
        format!("http://{HOST}:{port}/pat"),
        format!("https://user@{HOST}:{port}/pat"),
        "https://statements.example.net:53/pat".into(),
        "https://nobody.example.net/pat".into(),
    ] {
        world.name(&url);
        let mut journey = world.journey(json!({"require-token": true}));
        journey = journey.fetching_from(resolvet::RefusedAddresses::default());
        let outcome = journey.attach().await;
        assert_eq!(outcome.kind(), Some(FailureKind::PrivacyRefused), "{url}");
        assert_eq!(
            severity(&outcome, "token-unavailable"),
            Some(Severity::Error),
            "{url}"
        );
        assert_eq!(world.asked(), 0, "{url}");
    }
}

/// The HTTPS server's certificate is judged by the policies, for its own name.
#[tokio::test]
async fn an_https_server_that_nobody_trusts() {
    let world = World::new();
    world.has(&world.signer.sign(&world.careful()).unwrap());
    let another = Authority::new().unwrap();
    let other_name = world
        .lab
        .authority()
        .issue(&Leaf::good("example.org"))
        .unwrap();
    for identity in [another.issue(&Leaf::good(HOST)).unwrap(), other_name] {
        world.server.present(&identity).unwrap();
        let outcome = world.journey(json!({"require-token": true})).attach().await;
        assert_eq!(
            severity(&outcome, "token-unavailable"),
            Some(Severity::Error)
        );
        assert_eq!(world.asked(), 0);
    }
}

/// The certificate's extension may name it, too.
#[tokio::test]
async fn the_extension_names_the_url() {
    let world = World::new();
    let statement = PrivacyStatement::Policy(PrivacyPolicy {
        ip_address_is_personal: true,
        logging: Default::default(),
        sharing: Default::default(),
        transfers_data: false,
        blocks_domains: false,
        policy_url: Some(world.url()),
        audit_url: None,
    });
    let leaf = Leaf {
        privacy: Some(statement.to_der().unwrap()),
        ..Leaf::good("example.net")
    };
    let identity = world.lab.authority().issue(&leaf).unwrap();
    let conveyed = resolvet_proto::judgement::Conveyed::Certificates {
        certificates: vec![Der::from(identity.conveyed().as_ref())],
    };
    world.lab.site().servers()[0]
        .dot
        .present(&identity)
        .unwrap();
    world.has(&world.signer.sign(&world.careful()).unwrap());
    let journey = world
        .journey(json!({"require-token": true}))
        .conveyed(conveyed);
    let journey = journey.config(|config| {
        config.privacy_token = vec![TokenSource::Extension(DEFAULT_OID.into())];
    });
    let outcome = journey.attach().await;
    outcome.ask().await.unwrap();
    assert_eq!(severity(&outcome, "token-signed"), Some(Severity::Note));
}
