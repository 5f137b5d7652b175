//! A fence round decoders of other people: a panic in one becomes a reason.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static FENCED: Cell<bool> = const { Cell::new(false) };
}

/// Runs a third-party decoder; a panic inside becomes an error and prints nothing.
pub(crate) fn fenced<T>(decode: impl FnOnce() -> T) -> Result<T, String> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let report = take_hook();
        set_hook(Box::new(move |info| {
            if !FENCED.get() {
                report(info);
            }
        }));
    });
    let outer = FENCED.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(decode));
    FENCED.set(outer);
    outcome.map_err(|_| "the decoder gave up on damaged data".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panicking_decoder_is_an_error() {
        let empty: Vec<u8> = Vec::new();
        assert!(fenced(|| empty[3]).is_err());
        assert_eq!(fenced(|| 7), Ok(7));
    }
}
