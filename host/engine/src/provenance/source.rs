//! A component and the signatures that came with it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    error::FileError,
    file::{read_guarded_file, read_policy_file},
};

/// How the file of a signature ends: `rule.wasm.minisig`, as minisign names it. More signatures are `rule.wasm.*.minisig`.
pub const SIGNATURE_ENDING: &str = ".minisig";
/// Signatures of a component that are read at most.
pub const SIGNATURES: usize = 16;
/// Octets of a signature. minisign allows comments of 1 and 8 KiB.
pub const SIGNATURE_OCTETS: usize = 10 << 10;

/// A component and the signatures that came with it, from wherever.
#[derive(Debug, Clone)]
pub struct Source {
    /// What to call it in an error: its file or its address.
    pub name: String,
    /// The component.
    pub octets: Vec<u8>,
    /// Signatures as minisign writes them, in any order.
    pub signatures: Vec<Vec<u8>>,
}

impl Source {
    /// Reads a component's file by the rules of [`read_policy_file`], and the signatures beside it: `FILE.minisig` and
    /// `FILE.*.minisig`, at most 16.
    ///
    /// # Errors
    /// A file that is there cannot be read, or others may write into it.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let octets = read_policy_file(path)?;
        let signatures = signature_files(path)?
            .iter()
            .map(|path| read_guarded_file(path, SIGNATURE_OCTETS))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            name: path.display().to_string(),
            octets,
            signatures,
        })
    }
}

/// The files of a component's signatures, those beside it, sorted: at most 16.
///
/// # Errors
/// The folder cannot be read.
pub fn signature_files(component: &Path) -> Result<Vec<PathBuf>, FileError> {
    let (Some(name), Some(folder)) = (component.file_name(), component.parent()) else {
        return Ok(Vec::new());
    };
    let folder = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    let beginning = name.to_string_lossy();
    let at = |source| FileError::Read {
        path: folder.to_path_buf(),
        source,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(at)? {
        let path = entry.map_err(at)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let rest = name.strip_prefix(&*beginning);
        let between = rest.and_then(|rest| rest.strip_suffix(SIGNATURE_ENDING));
        if between.is_some_and(|between| between.is_empty() || between.starts_with('.')) {
            files.push(path);
        }
    }
    files.sort();
    files.truncate(SIGNATURES);
    Ok(files)
}
