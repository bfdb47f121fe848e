//! Whatever ends the daemon, and whenever: the next start has the last complete policy set.

use std::{fs, os::unix::fs::PermissionsExt as _, thread::sleep, time::Duration};

use hickory_proto::op::ResponseCode;

use crate::{
    running::{DEFAULTS, Daemon, Home, STRICTER, built},
    tracer::Tracer,
};

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
    let life = daemon.policy(&["status"]);
    assert_eq!(life["policies"][0]["step"], "active", "{life:#}");
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
    // Another moment each time, from before the file is seen to after the swap.
    for moment in 0..6_u64 {
        let name = ["preference.wasm", "privacy.wasm"][usize::try_from(moment % 2).unwrap()];
        home.configure(DEFAULTS);
        let daemon = home.start();
        fs::copy(built(name), &rule).unwrap();
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

#[test]
fn a_set_that_cannot_be_written_down_gives_way_to_the_last_complete_one() {
    let home = Home::new().unwatched();
    let daemon = home.start();
    home.configure(STRICTER);
    // In this place the next book would be written.
    let obstacle = home.path("state/sets/book.new");
    fs::create_dir(&obstacle).unwrap();
    assert_eq!(daemon.refused(&["reload"]), "state-unusable");
    daemon.signal("KILL");
    daemon.ended();
    let daemon = home.start();
    let status = daemon.status();
    assert_eq!(status["policies"]["source"], "kept", "{status:#}");
    assert_eq!(status["policies"]["generation"], 1, "{status:#}");
    let trouble = status["policies"]["trouble"].as_str().unwrap();
    assert!(trouble.contains("cannot be kept"), "{trouble}");
    daemon.ask_until(ResponseCode::NoError);
    fs::remove_dir(&obstacle).unwrap();
    daemon.policy(&["reload"]);
    daemon.ask_until(ResponseCode::ServFail);
}

#[test]
fn a_state_that_others_could_change_is_not_used() {
    let home = Home::new();
    fs::create_dir(home.path("open")).unwrap();
    fs::set_permissions(home.path("open"), fs::Permissions::from_mode(0o775)).unwrap();
    let state = home.path("open/state").display().to_string();
    let refused = home.command().args(["--state", &state]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let log = String::from_utf8_lossy(&refused.stderr);
    assert!(log.contains("775"), "{log}");
}

/// What makes something last: a change is killed at each of these calls.
const CALLS: [&str; 3] = ["fsync", "rename", "unlink"];
/// More calls of one kind than any change makes.
const STEPS: u32 = 30;

/// The names of the policies that judge.
fn active(daemon: &Daemon) -> Vec<String> {
    let status = daemon.status();
    let rules = status["policies"]["rules"].as_array().unwrap().iter();
    rules
        .map(|rule| rule["policy"].as_str().unwrap().to_owned())
        .collect()
}

/// Makes a change again and again, killed one step later each time, until it is done. `prepare` makes the state before it.
fn killed_at_each_step(
    home: &Home,
    change: &[&str],
    (before, after): (&[&str], &[&str]),
    prepare: impl Fn() -> Daemon,
) {
    let broken = home.path("policies/broken.wasm");
    let (mut kills, mut olds) = (0, 0);
    for call in CALLS {
        let is_done = (1..STEPS).any(|step| {
            if home.path("state").exists() {
                fs::remove_dir_all(home.path("state")).unwrap();
            }
            let mut daemon = prepare();
            assert_eq!(active(&daemon), before);
            let killer = Tracer::of(&daemon, call, &format!("signal=KILL:when={step}"));
            let done = daemon.resolvet(change);
            if done.status.success() {
                drop(killer);
                assert_eq!(active(&daemon), after);
                return true;
            }
            while !daemon.has_ended() {
                sleep(Duration::from_millis(5));
            }
            drop(killer);
            kills += 1;
            // Whatever was configured is refused: what was written down counts.
            fs::write(&broken, b"no policy").unwrap();
            let daemon = home.start();
            let source = daemon.status()["policies"]["source"].clone();
            assert_ne!(source, "configuration", "{call} {step}");
            let names = active(&daemon);
            assert!(
                names == before || names == after,
                "{call} {step}: {names:?}"
            );
            olds += u32::from(names == before);
            fs::remove_file(&broken).unwrap();
            false
        });
        assert!(is_done, "{change:?} was never done");
    }
    assert!(kills >= 4, "{change:?}: {kills}");
    assert!(
        0 < olds && olds < kills,
        "{change:?}: {olds} of {kills} came back as before"
    );
}

const TRIED: &str = "[[policy]]\nname = \"pkix\"\nrole = \"authority\"\n[[policy]]\nfile = \"rule.wasm\"\nshadow = \"next.wasm\"\n";

#[test]
fn a_kill_at_any_step_of_a_reload_leaves_a_whole_set() {
    let home = Home::new().unwatched();
    let prepare = || {
        home.configure(DEFAULTS);
        let daemon = home.start();
        home.configure(&format!("{DEFAULTS}[[policy]]\nname = \"privacy\"\n"));
        daemon
    };
    let sets = (&["pkix"][..], &["pkix", "privacy"][..]);
    killed_at_each_step(&home, &["policy", "reload"], sets, prepare);
}

#[test]
fn a_kill_at_any_step_of_a_promotion_leaves_a_whole_set() {
    let home = Home::new().unwatched();
    fs::copy(built("guests/null.wasm"), home.path("rule.wasm")).unwrap();
    fs::copy(built("fixtures/company-rule.wasm"), home.path("next.wasm")).unwrap();
    let prepare = || {
        home.configure(TRIED);
        home.start()
    };
    let sets = (&["pkix", "null"][..], &["pkix", "company-rule"][..]);
    killed_at_each_step(&home, &["policy", "promote"], sets, prepare);
}

#[test]
fn a_kill_at_any_step_of_a_roll_back_leaves_a_whole_set() {
    let home = Home::new().unwatched();
    let prepare = || {
        home.configure(DEFAULTS);
        let daemon = home.start();
        home.configure(&format!("{DEFAULTS}[[policy]]\nname = \"privacy\"\n"));
        daemon.policy(&["reload"]);
        daemon
    };
    let sets = (&["pkix", "privacy"][..], &["pkix"][..]);
    killed_at_each_step(&home, &["policy", "rollback"], sets, prepare);
}
