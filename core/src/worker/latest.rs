//! A slot in which the newest value replaces the one before, with a token that wakes the reader.

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;

/// Newest-wins slot.
pub struct Latest<T> {
    value: Mutex<Option<T>>,
    token: Sender<()>,
}

impl<T> Latest<T> {
    /// An empty slot and the receiver of its wake-up tokens.
    #[must_use]
    pub fn new() -> (Self, Receiver<()>) {
        let (token, tokens) = bounded(1);
        (Self { value: Mutex::new(None), token }, tokens)
    }

    /// Puts a value, dropping one that was not taken yet.
    pub fn put(&self, value: T) {
        *self.value.lock() = Some(value);
        // A token that already waits will do for this value as well.
        let _already_waiting = self.token.try_send(());
    }

    /// Takes the newest value.
    pub fn take(&self) -> Option<T> {
        self.value.lock().take()
    }

    /// Whether a newer value waits.
    pub fn is_waiting(&self) -> bool {
        self.value.lock().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_is_taken() {
        let (slot, tokens) = Latest::new();
        for value in 0..5 {
            slot.put(value);
        }
        assert!(slot.is_waiting());
        assert_eq!(tokens.try_iter().count(), 1);
        assert_eq!((slot.take(), slot.take()), (Some(4), None));
    }
}
