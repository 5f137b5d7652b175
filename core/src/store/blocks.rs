//! Files whose every block is checked before a byte of it is believed.
//!
//! In: bytes to write, or a file with the digests of its blocks. Out: the digests, or bytes that are those once written.
//!
//! A Parquet decoder trusts lengths and offsets that it reads, and a flipped bit in a value is a wrong value that
//! nothing notices. The store therefore keeps eight bytes of SHA-256 for each 32 KiB of its files. A block is checked
//! the first time it is touched, so that a page costs one short read afterwards. Files are read by position and not
//! mapped: a mapped file that another program cuts short ends the process with a signal, and mapped pages count as
//! memory of the viewer. The system's page cache serves both alike.

use std::fs::File;
use std::io::{self, BufWriter, Cursor, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use sha2::{Digest, Sha256};

use super::info::FileSeal;
use crate::bundle::load::hex;
use crate::error::{Error, Result};

/// Bytes that share a digest.
const BLOCK: usize = 32 << 10;
/// Bytes kept of a block's SHA-256.
const DIGEST: usize = 8;
/// Bytes handed to a reader that does not say how much it wants: more than any page header has.
const WINDOW: u64 = 64 << 10;

/// Writes a file and digests its blocks.
pub(super) struct SealingWriter {
    file: BufWriter<File>,
    block: Sha256,
    filled: usize,
    digests: Vec<u8>,
    bytes: u64,
}

/// A written file: its seal and the digests of its blocks.
pub(super) struct Sealed {
    pub seal: FileSeal,
    pub digests: Vec<u8>,
}

impl SealingWriter {
    pub(super) fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).map_err(|e| Error::write(path, &e))?;
        Ok(Self {
            file: BufWriter::with_capacity(1 << 20, file),
            block: Sha256::new(),
            filled: 0,
            digests: Vec::new(),
            bytes: 0,
        })
    }

    /// Flushes to the disk and seals.
    pub(super) fn finish(mut self) -> io::Result<Sealed> {
        if self.filled > 0 {
            self.close_block();
        }
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        let blocks = hex(&Sha256::digest(&self.digests));
        Ok(Sealed { seal: FileSeal { bytes: self.bytes, blocks }, digests: self.digests })
    }

    fn close_block(&mut self) {
        self.digests.extend_from_slice(&self.block.finalize_reset()[..DIGEST]);
        self.filled = 0;
    }
}

impl Write for SealingWriter {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let part = &buffer[..buffer.len().min(BLOCK - self.filled)];
        self.file.write_all(part)?;
        self.block.update(part);
        self.filled += part.len();
        self.bytes += part.len() as u64;
        if self.filled == BLOCK {
            self.close_block();
        }
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A file of a finished store. Several threads may read it at once.
pub(super) struct CheckedFile {
    path: PathBuf,
    /// `None` when it is opened for each read.
    file: Option<File>,
    length: u64,
    digests: Vec<u8>,
    /// One bit a block: its content was checked.
    checked: Vec<AtomicU64>,
}

impl CheckedFile {
    /// Opens a file that must have the length of its seal, with digests that are the seal's. Unless `kept_open` it is
    /// opened again for each read: a merge reads more files than a process may hold open.
    pub(super) fn open(path: &Path, seal: &FileSeal, digests: &[u8], kept_open: bool) -> Result<Self> {
        let damaged = |why: String| Error::store(path, format!("{why}; copy or encode the store again"));
        let file = File::open(path).map_err(|e| damaged(format!("a file of the store cannot be opened ({e})")))?;
        let length = file.metadata().map_err(|e| damaged(e.to_string()))?.len();
        if length != seal.bytes {
            return Err(damaged(format!("the file has {length} bytes, its store says {}", seal.bytes)));
        }
        if digests_of(length) != Some(digests.len()) || hex(&Sha256::digest(digests)) != seal.blocks {
            return Err(damaged("the digests of this file are damaged".into()));
        }
        let blocks = digests.len() / DIGEST;
        let checked = (0..blocks.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Ok(Self {
            path: path.to_path_buf(),
            file: kept_open.then_some(file),
            length,
            digests: digests.to_vec(),
            checked,
        })
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<()> {
        match &self.file {
            Some(file) => read_at(file, buffer, position),
            None => read_at(&File::open(&self.path)?, buffer, position),
        }
    }

    /// `length` bytes from `start` on.
    pub(super) fn read(&self, start: u64, length: usize) -> io::Result<Vec<u8>> {
        let end = start.checked_add(length as u64).filter(|&end| end <= self.length);
        let Some(end) = end else {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a page lies outside its file"));
        };
        let block = BLOCK as u64;
        let blocks = start / block..end.div_ceil(block);
        if blocks.clone().all(|index| self.is_checked(index)) {
            let mut buffer = vec![0; length];
            self.read_at(&mut buffer, start)?;
            return Ok(buffer);
        }
        let first = blocks.start * block;
        let last = (blocks.end * block).min(self.length);
        let mut buffer = vec![0; (last - first) as usize];
        self.read_at(&mut buffer, first)?;
        for (index, content) in blocks.zip(buffer.chunks(BLOCK)) {
            if !self.is_checked(index) {
                let place = index as usize * DIGEST;
                let digest = self.digests.get(place..place + DIGEST);
                if digest != Some(&Sha256::digest(content)[..DIGEST]) {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        format!("the bytes from {} on are not those that were written", index * block),
                    ));
                }
                self.checked[index as usize / 64].fetch_or(1 << (index % 64), Ordering::Relaxed);
            }
        }
        buffer.drain(..(start - first) as usize);
        buffer.truncate(length);
        Ok(buffer)
    }

    fn is_checked(&self, index: u64) -> bool {
        let word = self.checked.get(index as usize / 64);
        word.is_some_and(|word| word.load(Ordering::Relaxed) & (1 << (index % 64)) != 0)
    }
}

impl Length for CheckedFile {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for CheckedFile {
    type T = Cursor<Bytes>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        let length = self.length.saturating_sub(start).min(WINDOW);
        Ok(Cursor::new(self.get_bytes(start, length as usize)?))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        self.read(start, length).map(Bytes::from).map_err(|e| ParquetError::External(Box::new(e)))
    }
}

/// Bytes of digests that a file of `length` has.
pub(super) fn digests_of(length: u64) -> Option<usize> {
    usize::try_from(length.div_ceil(BLOCK as u64)).ok()?.checked_mul(DIGEST)
}

/// Reads a whole buffer at a position, without moving a cursor that other threads share.
pub(crate) fn read_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<()> {
    #[cfg(unix)]
    {
        std::os::unix::fs::FileExt::read_exact_at(file, buffer, position)
    }
    #[cfg(windows)]
    {
        let mut done = 0;
        while done < buffer.len() {
            match std::os::windows::fs::FileExt::seek_read(file, &mut buffer[done..], position + done as u64)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => done += count,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_range_reads_back_and_any_flip_is_found() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a");
        let content: Vec<u8> = (0..100_000_u32).map(|i| (i * 7 / 3) as u8).collect();
        let mut writer = SealingWriter::create(&path).unwrap();
        content.chunks(777).for_each(|part| writer.write_all(part).unwrap());
        let sealed = writer.finish().unwrap();
        let file = CheckedFile::open(&path, &sealed.seal, &sealed.digests, true).unwrap();
        for (start, length) in [(0, 10), (32_760, 20), (0, 100_000), (99_999, 1), (65_536, 0), (5, 70_000)] {
            assert_eq!(file.read(start, length).unwrap(), &content[start as usize..start as usize + length]);
        }
        assert!(file.read(99_999, 2).is_err() && file.read(u64::MAX, 2).is_err());
        let mut flipped = content.clone();
        flipped[70_000] ^= 4;
        std::fs::write(&path, flipped).unwrap();
        let file = CheckedFile::open(&path, &sealed.seal, &sealed.digests, true).unwrap();
        assert!(file.read(0, 65_536).is_ok() && file.read(65_536, 1).is_err());
        std::fs::write(&path, &content[1..]).unwrap();
        assert!(CheckedFile::open(&path, &sealed.seal, &sealed.digests, true).is_err());
    }
}
