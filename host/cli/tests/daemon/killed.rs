//! Whatever ends the daemon, and whenever: the next start has the last complete policy set.

use std::{fs, thread::sleep, time::Duration};

use hickory_proto::op::ResponseCode;

use crate::running::{DEFAULTS, Home, STRICTER};

#[test]
fn the_last_complete_set_outlives_a_kill_and_a_broken_configuration() {
    let home = Home::new();
    let daemon = home.start();
    home.configure(STRICTER);
    daemon.status_until(|status| status["policies"]["generation"] == 2);
    daemon.signal("KILL");
    let (code, _) = daemon.ended();
    assert_eq!(code, None, "killed");
    fs::write(home.path("policies/broken.wasm"), b"no policy").unwrap();
    let daemon = home.start();
    let status = daemon.status();
    assert_eq!(status["policies"]["source"], "kept", "{status:#}");
    let trouble = status["policies"]["trouble"].as_str().unwrap();
    assert!(trouble.contains("broken.wasm"), "{trouble}");
    daemon.ask_until(ResponseCode::ServFail);
    fs::remove_file(home.path("policies/broken.wasm")).unwrap();
    home.configure(DEFAULTS);
    daemon.ask_until(ResponseCode::NoError);
    assert_eq!(daemon.status()["policies"]["source"], "configuration");
}

#[test]
fn a_kill_in_the_middle_of_a_reload_leaves_a_whole_set() {
    let home = Home::new();
    let rule = home.path("policies/rule.wasm");
    let built = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .unwrap()
        .join("policies");
    // Another moment each time, from before the file is seen to after the swap.
    for moment in 0..6_u64 {
        let name = ["preference.wasm", "privacy.wasm"][usize::try_from(moment % 2).unwrap()];
        home.configure(DEFAULTS);
        let daemon = home.start();
        fs::copy(built.join(name), &rule).unwrap();
        daemon.signal("HUP");
        sleep(Duration::from_millis(moment * 40));
        daemon.signal("KILL");
        daemon.ended();
        fs::write(home.path("policies/broken.wasm"), b"no policy").unwrap();
        let daemon = home.start();
        let status = daemon.status();
        assert_eq!(status["policies"]["source"], "kept", "{status:#}");
        let rules = status["policies"]["rules"].as_array().unwrap().len();
        assert!((1..=2).contains(&rules), "{status:#}");
        daemon.ask_until(ResponseCode::NoError);
        drop(daemon);
        fs::remove_file(home.path("policies/broken.wasm")).unwrap();
    }
}
