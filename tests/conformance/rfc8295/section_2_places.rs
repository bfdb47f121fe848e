//! 2: a package availability list says where certificates of peers and revocation lists are.

use resolvet_proto::enrolment::{
    est::HttpReply,
    journey::{AnchorChoice, Byod, Journey as _, State, Step},
};

use super::byod::{EST, Network, config, pkcs7, proves};
use crate::rfc8995::driver::Driver;

/// A list with these places, as type and URI.
fn list(places: &[(&str, &str)]) -> HttpReply {
    let entries: Vec<_> = places
        .iter()
        .map(|(kind, uri)| format!(r#"{{"type":"{kind}","size":1,"info":{{"uri":"{uri}"}}}}"#))
        .collect();
    let json = format!("[{}]", entries.join(","));
    HttpReply::new(
        200,
        &[("content-type", "application/json")],
        json.into_bytes(),
    )
}

fn run(n: &Network, list: &HttpReply) -> (State, Vec<String>, Vec<Step>) {
    let mut driver = Driver::new().server(EST, n.est.clone(), |request| {
        Some(match request.path.rsplit('/').next().unwrap() {
            "pal" => list.clone(),
            "1234" => pkcs7(&[n.dns.clone()]),
            _ => n.answer(request),
        })
    });
    driver.intercept = Box::new(proves);
    let mut start = config(AnchorChoice::Explicit);
    start.profile.pal = true;
    let mut byod = Byod::new(start).unwrap();
    let state = driver.run(&mut byod);
    let paths = driver.sent.iter().map(|request| request.path.clone());
    let steps = byod.story().iter().map(|entry| entry.step.clone());
    (state, paths.collect(), steps.collect())
}

#[test]
fn what_a_list_has_is_fetched_where_it_is() {
    let n = Network::new();
    let at = |path: &str| format!("https://{EST}/.well-known/est/{path}");
    let (state, paths, _) = run(&n, &list(&[("0003", &at("eecerts/1234"))]));
    assert_eq!(state, State::Done);
    let prefix = "/.well-known/est/";
    let paths: Vec<_> = paths
        .iter()
        .map(|path| path.strip_prefix(prefix).unwrap())
        .collect();
    assert_eq!(paths, ["cacerts", "pal", "eecerts/1234"]);
}

/// A list that leads elsewhere, names nothing or is none leaves everything where it always is.
#[test]
fn another_server_is_not_asked() {
    let n = Network::new();
    let elsewhere = list(&[(
        "0003",
        "https://elsewhere.example/.well-known/est/eecerts/1234",
    )]);
    let none = HttpReply::new(404, &[], vec![]);
    for (list, told) in [(elsewhere, "another server"), (none, "the server has none")] {
        let (state, paths, steps) = run(&n, &list);
        assert_eq!(state, State::Done);
        assert!(paths.last().unwrap().ends_with("/est/eecerts"), "{paths:?}");
        let said = steps
            .iter()
            .any(|step| matches!(step, Step::Without { reason, .. } if reason.contains(told)));
        assert!(said, "{steps:?}");
    }
}
