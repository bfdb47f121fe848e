//! Compiled code on disk, authenticated by a key of this host.
//!
//! Compiled code is machine code without any protection of its own: whoever can write into such a file can run anything.
//! So the folder belongs to the user of the process alone, and every file begins with a MAC over its name and content. The
//! name follows from the component's digest, the runtime's version and configuration, and the machine's features. What does
//! not authenticate counts as missing and is compiled again.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    hash::{Hash, Hasher},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest, hmac, rand};
use resolvet_proto::judgement::Digest;
use wasmtime::Engine;

use crate::{error::EngineError, loader::CompiledCode};

/// File of the key.
const KEY: &str = "key";
/// Octets of the key.
const KEY_OCTETS: usize = 32;
/// Octets of the MAC, HMAC-SHA-256.
const TAG_OCTETS: usize = 32;
/// Permissions of anybody else.
const OTHERS: u32 = 0o077;
/// The ending of compiled code's files.
const ENDING: &str = "compiled";
/// How many are kept, those that were used last: far more than a host has policies, in all their versions of a year.
const KEPT: usize = 256;
/// Octets of all of them together: four of the largest that are admitted, thousands of those that Rust policies make.
const KEPT_OCTETS: u64 = 1 << 30;
/// How the names of files begin that are being written.
const NEW: &str = "new-";
/// After this time whoever wrote such a file was killed.
const GIVEN_UP: Duration = Duration::from_secs(60 * 60);

/// A folder of compiled code.
pub(crate) struct Cache {
    folder: PathBuf,
    key: hmac::Key,
    /// What the code must have been compiled by and for.
    environment: Digest,
    counts: Counts,
}

/// What the cache was asked.
#[derive(Default)]
struct Counts {
    hits: AtomicU64,
    misses: AtomicU64,
    refusals: AtomicU64,
}

/// What a cache of compiled code was asked since its engine was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CacheStatistics {
    /// Components whose code was there and authentic.
    pub hits: u64,
    /// Components whose code was not there.
    pub misses: u64,
    /// Components whose code was there and not authentic: a file that was changed, or one under another host's key.
    pub refusals: u64,
}

impl Cache {
    /// Opens the folder, and makes it and its key when they are missing.
    pub(crate) fn open(folder: &Path, engine: &Engine) -> Result<Self, EngineError> {
        let failed = |path: &Path, reason: String| EngineError::Cache {
            path: path.to_path_buf(),
            reason,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| failed(folder, error.to_string()))?;
        private(folder).map_err(|reason| failed(folder, reason))?;
        let path = folder.join(KEY);
        let key = key(&path).map_err(|reason| failed(&path, reason))?;
        let environment = environment(engine);
        Ok(Self {
            folder: folder.to_path_buf(),
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
            environment,
            counts: Counts::default(),
        })
    }

    /// What it was asked so far.
    pub(crate) fn statistics(&self) -> CacheStatistics {
        let Counts {
            hits,
            misses,
            refusals,
        } = &self.counts;
        CacheStatistics {
            hits: hits.load(Ordering::Relaxed),
            misses: misses.load(Ordering::Relaxed),
            refusals: refusals.load(Ordering::Relaxed),
        }
    }

    /// The compiled code of this component, when it is there and authentic.
    pub(crate) fn get(&self, component: &Digest, most: usize) -> Option<CompiledCode> {
        let name = self.name(component);
        let Ok(file) = File::open(self.folder.join(&name)) else {
            self.counts.misses.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        let code = self.authentic(&name, file, most);
        let count = match &code {
            Some(_) => &self.counts.hits,
            None => &self.counts.refusals,
        };
        count.fetch_add(1, Ordering::Relaxed);
        code
    }

    /// What this file holds, when it was written under this name by somebody with the key.
    fn authentic(&self, name: &str, mut file: File, most: usize) -> Option<CompiledCode> {
        let length = usize::try_from(file.metadata().ok()?.len()).ok()?;
        if length > most.saturating_add(TAG_OCTETS) {
            return None;
        }
        let mut tag = [0; TAG_OCTETS];
        file.read_exact(&mut tag).ok()?;
        // It has megabytes: the place is taken once. What has grown since then does not authenticate.
        let length = length.saturating_sub(TAG_OCTETS);
        let mut code = Vec::with_capacity(length);
        (&mut file)
            .take(length as u64)
            .read_to_end(&mut code)
            .ok()?;
        verify_slices_are_equal(&tag, self.tag(name, &code).as_ref()).ok()?;
        // Where that fails, it only goes earlier than it had to.
        let _used = file.set_modified(SystemTime::now());
        Some(CompiledCode::authenticated(code))
    }

    /// What stands before this code under this name.
    fn tag(&self, name: &str, code: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(name.as_bytes());
        context.update(code);
        context.sign()
    }

    /// Keeps compiled code. It appears under its name when it is whole.
    pub(crate) fn put(&self, component: &Digest, code: &CompiledCode) -> io::Result<()> {
        let name = self.name(component);
        let tag = self.tag(&name, code.as_octets());
        write_whole(&self.folder, &[tag.as_ref(), code.as_octets()], |new| {
            fs::rename(new, self.folder.join(&name))
        })?;
        self.sweep()
    }

    /// Removes what was not used for longest, as far as there is more than is kept, and what nobody will finish writing. Another
    /// process may do the same.
    fn sweep(&self) -> io::Result<()> {
        let now = SystemTime::now();
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let Ok(metadata) = fs::symlink_metadata(&path) else {
                continue;
            };
            let used = metadata.modified()?;
            if path.extension().is_some_and(|ending| ending == ENDING) {
                files.push((used, metadata.len(), path));
            } else if is_new(&path) && now.duration_since(used).is_ok_and(|age| age > GIVEN_UP) {
                let _removed = fs::remove_file(path);
            }
        }
        files.sort_unstable();
        let mut octets = 0_u64;
        for (count, (_, length, path)) in files.into_iter().rev().enumerate() {
            octets = octets.saturating_add(length);
            if count >= KEPT || octets > KEPT_OCTETS {
                let _removed = fs::remove_file(path);
            }
        }
        Ok(())
    }

    fn name(&self, component: &Digest) -> String {
        let both = [
            component.as_octets().as_slice(),
            self.environment.as_octets(),
        ]
        .concat();
        format!("{}.{ENDING}", Digest::of(&both))
    }
}

/// Names the runtime, its configuration and the machine.
fn environment(engine: &Engine) -> Digest {
    struct Collect(digest::Context);

    impl Hasher for Collect {
        fn write(&mut self, octets: &[u8]) {
            self.0.update(octets);
        }

        fn finish(&self) -> u64 {
            0
        }
    }

    let mut collect = Collect(digest::Context::new(&digest::SHA256));
    collect.write(b"resolvet cache 1");
    collect.write(env!("CARGO_PKG_VERSION").as_bytes());
    engine.precompile_compatibility_hash().hash(&mut collect);
    let mut octets = [0; 32];
    octets.copy_from_slice(collect.0.finish().as_ref());
    Digest::from_octets(octets)
}

/// Nobody else may look into it or write into it.
fn private(path: &Path) -> Result<(), String> {
    let metadata = fs::symlink_metadata(path).map_err(|error| error.to_string())?;
    let user = rustix::process::geteuid().as_raw();
    if metadata.is_symlink() {
        return Err("it is a symbolic link: expected the folder or file itself".into());
    }
    if metadata.uid() != user {
        return Err(format!(
            "it belongs to user {}: expected user {user}",
            metadata.uid()
        ));
    }
    if metadata.mode() & OTHERS != 0 {
        let mode = metadata.mode() & 0o777;
        return Err(format!(
            "others may use it (mode {mode:03o}): mend with `chmod go-rwx`"
        ));
    }
    Ok(())
}

/// Whether this is the name of a file that is being written.
fn is_new(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with(NEW))
}

/// The key; made when it is missing.
fn key(path: &Path) -> Result<[u8; KEY_OCTETS], String> {
    let text = |error: io::Error| error.to_string();
    if !path.exists() {
        make_key(path, |new| {
            // Of two processes that make one at the same time, the first wins.
            let linked = fs::hard_link(new, path);
            fs::remove_file(new)?;
            match linked {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                linked => linked,
            }
        })
        .map_err(text)?;
    }
    private(path)?;
    if let Ok(key) = fs::read(path).map_err(text)?.try_into() {
        return Ok(key);
    }
    // A crash may leave a part of one. That is no reason not to start: what the whole one sealed is compiled again.
    make_key(path, |new| fs::rename(new, path)).map_err(text)?;
    let key = fs::read(path).map_err(text)?;
    let came = key.len();
    key.try_into()
        .map_err(|_| format!("the key has {came} octets: expected {KEY_OCTETS}"))
}

/// Makes a key and gives it its name when it is on the disk.
fn make_key(path: &Path, give: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let mut key = [0; KEY_OCTETS];
    rand::fill(&mut key).map_err(|_| io::Error::other("the system gives no random numbers"))?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    write_whole(folder, &[&key], |new| {
        File::open(new)?.sync_all()?;
        give(new)
    })?;
    File::open(folder)?.sync_all()
}

/// Writes a file under a name of its own and then gives it away.
fn write_whole(
    folder: &Path,
    parts: &[&[u8]],
    give: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = folder.join(format!("{NEW}{}-{number}", process::id()));
    // What a process with our number left behind when it died.
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = (|| {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        parts.iter().try_for_each(|part| file.write_all(part))?;
        give(&path)
    })();
    if written.is_err() {
        // The first error is the one to tell.
        drop(fs::remove_file(&path));
    }
    written
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const CODE: &[u8] = b"compiled code";

    fn code() -> CompiledCode {
        CompiledCode::from_child(CODE.to_vec())
    }

    #[test]
    fn what_was_changed_counts_as_missing() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::default();
        let cache = Cache::open(&folder.path().join("cache"), &engine).unwrap();
        let (component, other) = (Digest::of(b"a"), Digest::of(b"b"));
        assert!(cache.get(&component, 100).is_none());
        cache.put(&component, &code()).unwrap();
        assert_eq!(cache.get(&component, 100).unwrap().as_octets(), CODE);
        assert!(cache.get(&component, CODE.len() - 1).is_none());

        let path = cache.folder.join(cache.name(&component));
        let good = fs::read(&path).unwrap();
        for position in 0..good.len() {
            let mut bad = good.clone();
            bad[position] ^= 1;
            fs::write(&path, bad).unwrap();
            assert!(cache.get(&component, 100).is_none(), "octet {position}");
        }
        for length in 0..good.len() {
            fs::write(&path, &good[..length]).unwrap();
            assert!(cache.get(&component, 100).is_none(), "{length} octets");
        }
        // Another component's code under this component's name.
        fs::write(cache.folder.join(cache.name(&other)), &good).unwrap();
        assert!(cache.get(&other, 100).is_none());
        fs::write(&path, &good).unwrap();
        assert!(cache.get(&component, 100).is_some());
        let octets = good.len() as u64;
        let expected = CacheStatistics {
            hits: 2,
            misses: 1,
            // One that is too large, each octet changed, each shorter one, and another component's.
            refusals: 1 + 2 * octets + 1,
        };
        assert_eq!(cache.statistics(), expected);
    }

    #[test]
    fn what_was_not_used_for_longest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::default();
        let cache = Cache::open(&folder.path().join("cache"), &engine).unwrap();
        let component = |number: usize| Digest::of(&number.to_be_bytes());
        let at = |number: usize, seconds: u64| {
            let file = File::open(cache.folder.join(cache.name(&component(number)))).unwrap();
            let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            file.set_modified(moment).unwrap();
        };
        for number in 0..KEPT {
            cache.put(&component(number), &code()).unwrap();
            at(number, 1_000 + number as u64);
        }
        // The oldest one is used.
        assert!(cache.get(&component(0), 100).is_some());
        cache.put(&component(KEPT), &code()).unwrap();
        assert!(cache.get(&component(1), 100).is_none());
        for kept in [0, 2, KEPT] {
            assert!(cache.get(&component(kept), 100).is_some(), "{kept}");
        }
        assert!(cache.folder.join(KEY).exists());
    }

    #[test]
    fn all_together_have_a_bound_and_what_nobody_finishes_goes() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::default();
        let cache = Cache::open(&folder.path().join("cache"), &engine).unwrap();
        let [old, recent, new] = [b"a", b"b", b"c"].map(|name| Digest::of(name));
        let path = |component| cache.folder.join(cache.name(component));
        let aged = |path: &Path, hours: u64, octets: u64| {
            let file = OpenOptions::new().write(true).open(path).unwrap();
            file.set_len(octets).unwrap();
            let age = Duration::from_secs(hours * 60 * 60);
            file.set_modified(SystemTime::now() - age).unwrap();
        };
        for (component, hours) in [(&old, 3), (&recent, 2)] {
            cache.put(component, &code()).unwrap();
            aged(&path(component), hours, KEPT_OCTETS / 2);
        }
        let [abandoned, written] = ["new-1-0", "new-2-0"].map(|name| cache.folder.join(name));
        fs::write(&abandoned, CODE).unwrap();
        fs::write(&written, CODE).unwrap();
        aged(&abandoned, 2, 1);
        cache.put(&new, &code()).unwrap();
        let is_there = [&old, &recent, &new].map(|component| path(component).exists());
        assert_eq!(is_there, [false, true, true]);
        assert_eq!([abandoned.exists(), written.exists()], [false, true]);
    }

    #[test]
    fn another_hosts_key_authenticates_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::default();
        let path = folder.path().join("cache");
        Cache::open(&path, &engine)
            .unwrap()
            .put(&Digest::of(b"a"), &code())
            .unwrap();
        assert!(
            Cache::open(&path, &engine)
                .unwrap()
                .get(&Digest::of(b"a"), 100)
                .is_some()
        );
        fs::remove_file(path.join(KEY)).unwrap();
        assert!(
            Cache::open(&path, &engine)
                .unwrap()
                .get(&Digest::of(b"a"), 100)
                .is_none()
        );
    }

    #[test]
    fn a_folder_or_key_that_others_may_use_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::default();
        let path = folder.path().join("cache");
        Cache::open(&path, &engine).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(path.join(KEY)).unwrap().mode() & 0o777, 0o600);
        let open = |mode, path: &Path| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap()
        };
        for (mode, what) in [(0o750, path.clone()), (0o640, path.join(KEY))] {
            open(mode, &what);
            let error = Cache::open(&path, &engine).err().unwrap().to_string();
            assert!(error.contains("others may use it"), "{error}");
            open(mode & 0o700, &what);
        }
    }

    #[test]
    fn a_part_of_a_key_counts_as_missing() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::default();
        let path = folder.path().join("cache");
        let component = Digest::of(b"a");
        for part in [b"".as_slice(), b"short"] {
            let cache = Cache::open(&path, &engine).unwrap();
            cache.put(&component, &code()).unwrap();
            fs::write(path.join(KEY), part).unwrap();
            let cache = Cache::open(&path, &engine).unwrap();
            let key = fs::metadata(path.join(KEY)).unwrap();
            assert_eq!((key.len(), key.mode() & 0o777), (KEY_OCTETS as u64, 0o600));
            assert!(cache.get(&component, 100).is_none());
            cache.put(&component, &code()).unwrap();
            assert!(
                Cache::open(&path, &engine)
                    .unwrap()
                    .get(&component, 100)
                    .is_some()
            );
        }
    }
}
