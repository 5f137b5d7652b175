//! How files are fetched: wishes of the user and of the environment enter, one value leaves.

use std::time::Duration;

use super::folder;
use crate::error::Result;

/// The option of the command line that sets [`Options::accepts_changed`]; messages name it.
pub const ACCEPT_FLAG: &str = "--accept-changed";

/// How files are fetched.
#[derive(Clone, Debug)]
pub struct Options {
    /// A host that stands in for all others, see [`folder::mirror`].
    pub mirror: Option<String>,
    /// Whether `ALL_PROXY`, `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` count.
    pub is_proxied: bool,
    /// Takes a file although it is not the one that was pinned, or not of the size that the list knows.
    pub accepts_changed: bool,
    /// How long is waited.
    pub patience: Patience,
}

impl Default for Options {
    fn default() -> Self {
        Self { mirror: None, is_proxied: true, accepts_changed: false, patience: Patience::default() }
    }
}

impl Options {
    /// The usual options, with the mirror that the environment names.
    ///
    /// # Errors
    /// When that is not an address.
    pub fn from_environment() -> Result<Self> {
        Ok(Self { mirror: folder::mirror()?, ..Self::default() })
    }
}

/// How long is waited for a host.
#[derive(Clone, Debug)]
pub struct Patience {
    /// Until a connection stands.
    pub connect: Duration,
    /// Without a byte, before the connection counts as dropped.
    pub silence: Duration,
    /// Before each new try. Bytes that were not here before start the list anew.
    pub pauses: Vec<Duration>,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            silence: Duration::from_secs(60),
            pauses: [1, 2, 4, 8, 16].map(Duration::from_secs).to_vec(),
        }
    }
}
