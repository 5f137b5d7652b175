//! A place in a part of the file, with reads that never go past its end, and the wording of the reader's errors.

use std::fmt::Display;

use crate::{Error, Result};

/// What a reader of a refused file can do.
const RESAVE: &str = "re-save the weights in Python with torch.save(model.state_dict(), \"weights.pt\")";

/// A part of the file, read from front to back.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    /// Where the next read starts.
    pub at: usize,
    /// What the part is called in errors.
    pub part: &'a str,
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8], at: usize, part: &'a str) -> Self {
        Self { bytes, at, part }
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let taken = self.at.checked_add(count).and_then(|end| self.bytes.get(self.at..end));
        let Some(taken) = taken else {
            let left = self.bytes.len().saturating_sub(self.at);
            return Err(self.damaged(format_args!("{count} bytes are announced but {left} are left")));
        };
        self.at += count;
        Ok(taken)
    }

    /// The next bytes, as many as a length of 8 bytes says.
    pub fn take_long(&mut self, count: u64) -> Result<&'a [u8]> {
        self.take(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub fn u8(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    pub fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A 4-byte length as the `usize` it fits.
    pub fn length(&mut self) -> Result<usize> {
        Ok(self.u32()? as usize)
    }

    /// Up to the next line feed, which is read too.
    pub fn line(&mut self) -> Result<&'a [u8]> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some(end) = rest.iter().position(|&byte| byte == b'\n') else {
            return Err(self.damaged("a line has no end"));
        };
        self.at += end + 1;
        Ok(&rest[..end])
    }

    /// The bytes cannot be what PyTorch wrote.
    pub fn damaged(&self, what: impl Display) -> Error {
        damaged(what, self.at, self.part)
    }

    /// The file wants something run.
    pub fn refused(&self, name: &str, at: usize) -> Error {
        // As people know them: pickles say where a function is defined, and Python 2 named its builtins otherwise.
        let known = [("posix.", "os."), ("nt.", "os."), ("__builtin__.", "builtins.")];
        let call = known.iter().find_map(|(own, usual)| Some(format!("{usual}{}", name.strip_prefix(own)?)));
        let call = call.as_deref().unwrap_or(name);
        Error::Invalid(format!(
            "refused: the file wants Python to call {} (byte {at} of {}), which weights never need; nothing was run; \
             if you trust its author, {RESAVE}",
            shown(call),
            self.part
        ))
    }

    /// The file is more than weights can be.
    pub fn excessive(&self, what: impl Display) -> Error {
        excessive(what, self.part)
    }

    /// Something that PyTorch writes but this reader does not read.
    pub fn unsupported(&self, what: impl Display) -> Error {
        unsupported(format_args!("{what} (byte {} of {})", self.at, self.part))
    }
}

/// The bytes cannot be what PyTorch wrote.
pub(super) fn damaged(what: impl Display, at: usize, part: &str) -> Error {
    Error::Invalid(format!("damaged PyTorch file: {what} (byte {at} of {part}); download it again"))
}

/// The file is more than weights can be.
pub(super) fn excessive(what: impl Display, part: &str) -> Error {
    Error::Invalid(format!("refused: {what} in {part}, more than weights need; {RESAVE}"))
}

/// Something that PyTorch writes but this reader does not read.
pub(super) fn unsupported(what: impl Display) -> Error {
    Error::Invalid(format!("cannot read {what}; {RESAVE}"))
}

/// A name out of the file as one short line.
pub(super) fn shown(name: &str) -> String {
    let mut line: String = name.chars().take(80).flat_map(char::escape_debug).collect();
    if name.chars().nth(80).is_some() {
        line.push_str("...");
    }
    if line.is_empty() { "something without a name".to_owned() } else { line }
}
