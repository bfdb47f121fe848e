//! The store when steps fail, when the program is killed, and when others could write.

use std::{
    cell::Cell,
    env,
    fs::{self, File, Permissions},
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use resolvet_proto::{
    enrolment::{Enrolment, EstServer, LocalIdentity, ServerAuthentication, est::Endpoint},
    judgement::AnchorDatabase,
};

use super::{
    NetworkName, Store, StoreError,
    file::{self, Disk},
};

fn enrolment(renewed: u64) -> Enrolment {
    let est = EstServer {
        endpoint: Endpoint::new("est.example.net", 8443).unwrap(),
        label: None,
        reference_ids: vec!["est.example.net".into()],
        authentication: ServerAuthentication::HttpMutual,
        certificate: vec![0x30, 0].into(),
    };
    let mut enrolment = Enrolment::new(est, AnchorDatabase::Explicit, renewed);
    // Large enough that a write takes a while, and all of one value, so that a mixture would be seen.
    let octet = u8::try_from(renewed % 251).unwrap();
    enrolment.intermediates = vec![vec![octet; 400_000].into()];
    enrolment
}

/// Whether this is one that [`enrolment`] makes, whole.
fn is_whole(found: &Enrolment) -> bool {
    *found == enrolment(found.renewed)
}

fn store() -> (tempfile::TempDir, Store, NetworkName) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("enrolments")).unwrap();
    (folder, store, "example.net".parse().unwrap())
}

/// A disk on which the step of this number fails.
struct Faulty {
    left: Cell<u32>,
    /// A crash: no later step happens either. Otherwise the disk is full: only this step fails.
    crash: bool,
}

impl Faulty {
    fn step(&self) -> io::Result<()> {
        match self.left.get() {
            0 if self.crash => Err(io::ErrorKind::Other.into()),
            0 => {
                self.left.set(u32::MAX);
                Err(io::ErrorKind::StorageFull.into())
            }
            left => {
                self.left.set(left - 1);
                Ok(())
            }
        }
    }
}

struct Steps;

impl Disk for Steps {}

impl Disk for Faulty {
    fn create(&self, path: &Path) -> io::Result<File> {
        self.step()?;
        Steps.create(path)
    }

    fn write(&self, file: &mut File, octets: &[u8]) -> io::Result<()> {
        if let Err(error) = self.step() {
            file.write_all(&octets[..octets.len() / 2])?;
            return Err(error);
        }
        Steps.write(file, octets)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.step()?;
        Steps.sync(file)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        Steps.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        Steps.remove(path)
    }
}

fn replace_on(disk: &Faulty, store: &Store, network: &NetworkName, new: &Enrolment) -> bool {
    let octets = serde_json::to_vec(new).unwrap();
    file::replace(disk, store.folder(), &store.path(network), &octets).is_ok()
}

#[test]
fn what_was_saved_is_found_and_can_be_forgotten() {
    let (_folder, store, network) = store();
    assert!(store.load(&network).unwrap().is_none());
    store.save(&network, &enrolment(1)).unwrap();
    store.save(&network, &enrolment(2)).unwrap();
    let again = Store::open(store.folder()).unwrap();
    assert_eq!(again.networks().unwrap(), std::slice::from_ref(&network));
    assert_eq!(again.load(&network).unwrap(), Some(enrolment(2)));
    let mode = fs::metadata(store.path(&network)).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    assert!(again.remove(&network).unwrap());
    assert!(!again.remove(&network).unwrap());
    assert!(again.networks().unwrap().is_empty());
}

#[test]
fn a_crash_at_any_step_leaves_the_old_or_the_new_one() {
    let (mut old, mut new) = (0, 0);
    for step in 0..=6 {
        let (_folder, store, network) = store();
        store.save(&network, &enrolment(1)).unwrap();
        let disk = Faulty {
            left: Cell::new(step),
            crash: true,
        };
        let done = replace_on(&disk, &store, &network, &enrolment(2));
        let found = Store::open(store.folder())
            .unwrap()
            .load(&network)
            .unwrap()
            .unwrap();
        assert!(is_whole(&found), "step {step}");
        assert!(!done || found.renewed == 2, "step {step}");
        if found.renewed == 1 {
            old += 1
        } else {
            new += 1
        }
        // Whatever was left behind is in nobody's way.
        store.save(&network, &enrolment(3)).unwrap();
        assert_eq!(store.load(&network).unwrap().unwrap().renewed, 3);
        let files = fs::read_dir(store.folder()).unwrap().count();
        assert_eq!(files, 2, "the enrolment and the lock, after step {step}");
    }
    assert_eq!((old, new), (5, 2), "each step was tried");
}

#[test]
fn a_full_disk_leaves_the_old_one_and_nothing_half() {
    for step in 1..=4 {
        let (_folder, store, network) = store();
        store.save(&network, &enrolment(1)).unwrap();
        let disk = Faulty {
            left: Cell::new(step),
            crash: false,
        };
        assert!(
            !replace_on(&disk, &store, &network, &enrolment(2)),
            "step {step}"
        );
        assert_eq!(store.load(&network).unwrap(), Some(enrolment(1)));
        assert_eq!(
            fs::read_dir(store.folder()).unwrap().count(),
            2,
            "step {step}"
        );
    }
}

const FULL: &str = "RESOLVET_TEST_FULL_DISK";

/// Run by the next test, where a file system of one megabyte is mounted at this folder: two enrolments do not fit.
#[test]
fn child_that_saves_on_a_full_disk() {
    let Some(folder) = env::var_os(FULL) else {
        return;
    };
    let store = Store::open(&Path::new(&folder).join("enrolments")).unwrap();
    let network: NetworkName = "example.net".parse().unwrap();
    store.save(&network, &enrolment(1)).unwrap();
    let error = store.save(&network, &enrolment(2)).unwrap_err();
    assert!(
        matches!(&error, StoreError::Io { step: "writing", reason, .. }
            if reason.kind() == io::ErrorKind::StorageFull),
        "{error}"
    );
    assert_eq!(store.load(&network).unwrap(), Some(enrolment(1)));
    let files = fs::read_dir(store.folder()).unwrap().count();
    assert_eq!(files, 2, "the enrolment and the lock");
    print!("{HELD}");
}

/// What the child above says at its end.
const HELD: &str = "what was stored stands";

#[test]
fn a_disk_that_is_really_full_leaves_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let mounted = |command: &str| {
        let mount = "mount -t tmpfs -o size=1m,mode=0700 tmpfs \"$0\"";
        let namespace: &[&str] = match rustix::process::geteuid().is_root() {
            true => &["--mount"],
            false => &["--mount", "--map-root-user"],
        };
        let mut unshare = Command::new("unshare");
        unshare
            .args(namespace)
            .args(["sh", "-c", &format!("{mount} && {command}")])
            .arg(folder.path())
            .env(FULL, folder.path());
        unshare
    };
    let may_mount = mounted("true").output();
    if !may_mount.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: this user may mount nothing, not even in a namespace of its own");
        return;
    }
    let output = mounted("exec \"$1\" --exact --nocapture \"$2\"")
        .arg(env::current_exe().unwrap())
        .arg("enrolment::store::tests::child_that_saves_on_a_full_disk")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains(HELD),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

const CHILD: &str = "RESOLVET_TEST_STORE";

/// Run by the next test, in a process that is killed.
#[test]
fn child_that_writes_until_it_is_killed() {
    let Some(folder) = env::var_os(CHILD) else {
        return;
    };
    let store = Store::open(Path::new(&folder)).unwrap();
    let network = "example.net".parse().unwrap();
    for renewed in 1_u64.. {
        store.save(&network, &enrolment(renewed)).unwrap();
        if renewed == 1 {
            println!("first");
        }
    }
}

#[test]
fn a_program_killed_while_writing_leaves_a_whole_enrolment() {
    let (_folder, store, network) = store();
    let mut seen = std::collections::BTreeSet::new();
    for round in 0..25_u64 {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "--nocapture"])
            .arg("enrolment::store::tests::child_that_writes_until_it_is_killed")
            .env(CHILD, store.folder())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Until it has written some, then a while that differs from round to round.
        let few = |found: Enrolment| found.renewed <= round % 5;
        while store.load(&network).unwrap().is_none_or(few) {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros(15_000 + round * 1_700));
        child.kill().unwrap();
        child.wait().unwrap();
        let found = store.load(&network).unwrap().unwrap();
        assert!(is_whole(&found), "round {round}");
        seen.insert(found.renewed);
    }
    assert!(
        seen.len() > 1,
        "the child was writing when it was killed: {seen:?}"
    );
}

#[test]
fn what_others_may_write_is_refused() {
    let (_folder, store, network) = store();
    store.save(&network, &enrolment(1)).unwrap();
    fs::set_permissions(store.path(&network), Permissions::from_mode(0o640)).unwrap();
    let refused = Store::open(store.folder()).unwrap_err();
    assert!(
        matches!(
            refused,
            StoreError::Mode {
                mode: 0o640,
                expected: 0o600,
                ..
            }
        ),
        "{refused}"
    );
    assert!(store.load(&network).is_err());
    fs::set_permissions(store.path(&network), Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(store.folder(), Permissions::from_mode(0o750)).unwrap();
    let refused = Store::open(store.folder()).unwrap_err();
    assert!(
        matches!(
            refused,
            StoreError::Mode {
                mode: 0o750,
                expected: 0o700,
                ..
            }
        ),
        "{refused}"
    );
}

#[test]
fn a_key_goes_with_its_enrolment_and_stays_in_the_folder() {
    let (folder, store, network) = store();
    let key = "../ldevid";
    store.save_key(key, b"secret").unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(store.networks().unwrap(), []);
    let mut enrolled = enrolment(1);
    enrolled.identity = Some(LocalIdentity {
        certificate: vec![0x30, 0].into(),
        chain: Vec::new(),
        key: key.into(),
    });
    store.save(&network, &enrolled).unwrap();
    assert!(store.remove(&network).unwrap());
    let left = fs::read_dir(store.folder()).unwrap().count();
    assert_eq!(left, 1, "the lock alone");
}

#[test]
fn a_link_in_place_of_a_file_is_refused() {
    let (folder, store, network) = store();
    let elsewhere = folder.path().join("elsewhere");
    fs::write(&elsewhere, "{}").unwrap();
    std::os::unix::fs::symlink(&elsewhere, store.path(&network)).unwrap();
    let refused = store.load(&network).unwrap_err();
    assert!(
        matches!(
            refused,
            StoreError::Io {
                step: "opening",
                ..
            }
        ),
        "{refused}"
    );
}

#[test]
fn what_is_no_enrolment_is_refused() {
    let (_folder, store, network) = store();
    store.save(&network, &enrolment(1)).unwrap();
    for content in ["", "{}", "{\"version\":2}"] {
        fs::write(store.path(&network), content).unwrap();
        let refused = store.load(&network).unwrap_err();
        assert!(matches!(refused, StoreError::Malformed { .. }), "{refused}");
    }
}

#[test]
fn names_of_networks_are_names_of_files() {
    for name in [
        "",
        ".",
        "..",
        "a/b",
        ".lock",
        "A",
        "a b",
        "é",
        &"a".repeat(201),
    ] {
        assert!(name.parse::<NetworkName>().is_err(), "{name}");
    }
    assert_eq!(
        "home_1.example-x".parse::<NetworkName>().unwrap().as_str(),
        "home_1.example-x"
    );
}
