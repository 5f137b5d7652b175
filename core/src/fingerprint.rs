//! Fingerprints: what tells whether a file or a bundle is still the one that was used before.
//!
//! In: a file, or a bundle's manifest. Out: SHA-256 in hexadecimal. Knows nothing of what is in them.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::bundle::Manifest;
use crate::error::{Error, Result};

/// Bytes read at a time.
const CHUNK: usize = 1 << 18;

/// SHA-256 of a file's bytes.
///
/// # Errors
/// When the file cannot be read.
pub fn of_file(path: &Path) -> Result<String> {
    let unreadable = |e: std::io::Error| Error::film(path, format!("cannot be read ({e})"));
    let mut file = File::open(path).map_err(unreadable)?;
    let (mut hasher, mut chunk) = (Sha256::new(), vec![0_u8; CHUNK]);
    loop {
        match file.read(&mut chunk).map_err(unreadable)? {
            0 => return Ok(hexadecimal(&hasher.finalize())),
            count => hasher.update(&chunk[..count]),
        }
    }
}

/// SHA-256 over the names and hashes of what a bundle computes with; the films of its gallery do not count.
#[must_use]
pub fn of_bundle(manifest: &Manifest) -> String {
    let computes = |name: &String| !manifest.gallery.iter().any(|film| film.file == *name);
    let files: String = manifest
        .files
        .iter()
        .filter(|(name, _)| computes(name))
        .map(|(name, hash)| format!("{name} {hash}\n"))
        .collect();
    hexadecimal(&Sha256::digest(files.as_bytes()))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_fingerprint_is_that_of_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, b"abc").unwrap();
        // FIPS 180-2, appendix B.1.
        assert_eq!(of_file(&path).unwrap(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert!(of_file(&folder.path().join("none")).unwrap_err().to_string().contains("cannot be read"));
    }
}
