//! A value that is found once for what it depends on, such as the order of a long list, and not with every frame.

use std::sync::Arc;

/// The last value and what it was found for.
pub struct Kept<K, V>(Option<(K, Arc<V>)>);

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(None)
    }
}

impl<K: PartialEq, V> Kept<K, V> {
    /// The value for `key`; made when the last one was for another.
    pub fn of(&mut self, key: K, make: impl FnOnce() -> V) -> Arc<V> {
        match &self.0 {
            Some((known, value)) if *known == key => Arc::clone(value),
            _ => {
                let value = Arc::new(make());
                self.0 = Some((key, Arc::clone(&value)));
                value
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_made_once_for_a_key() {
        let mut made = 0;
        let mut kept = Kept::default();
        for key in [1, 1, 2, 2, 1] {
            let value = kept.of(key, || {
                made += 1;
                key * 10
            });
            assert_eq!(*value, key * 10);
        }
        assert_eq!(made, 3);
    }
}
