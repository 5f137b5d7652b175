//! Merges sorted streams into one.
//!
//! In: sources that yield rows in the order of their keys. Out: all rows in that order, a batch of each source in
//! memory at a time. A key that comes twice is an error: two sources then speak of the same film.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::path::PathBuf;

use super::rows::Keyed;
use crate::error::{Error, Result};

/// Rows in order, in batches.
pub(super) trait Source<R>: Send {
    /// The next batch; empty at the end.
    fn next_batch(&mut self) -> Result<Vec<R>>;
    /// The file or folder, for messages.
    fn path(&self) -> PathBuf;
}

struct Stream<'a, R> {
    source: Box<dyn Source<R> + 'a>,
    batch: std::vec::IntoIter<R>,
}

/// Rows of several sources in order.
pub(super) struct Merged<'a, R> {
    streams: Vec<Stream<'a, R>>,
    /// Key of the head of each stream but the one that is read and those at their end.
    heads: BinaryHeap<Reverse<(u128, usize)>>,
    /// The stream that is read, and the key of its head.
    current: Option<(u128, usize)>,
    last: Option<u128>,
}

impl<'a, R: Keyed> Merged<'a, R> {
    pub(super) fn new(sources: Vec<Box<dyn Source<R> + 'a>>) -> Result<Self> {
        let mut heads = BinaryHeap::with_capacity(sources.len());
        let mut streams = Vec::with_capacity(sources.len());
        for (index, mut source) in sources.into_iter().enumerate() {
            let batch = source.next_batch()?.into_iter();
            heads.extend(batch.as_slice().first().map(|row| Reverse((row.key(), index))));
            streams.push(Stream { source, batch });
        }
        let current = heads.pop().map(|Reverse(head)| head);
        Ok(Self { streams, heads, current, last: None })
    }

    /// The next row.
    pub(super) fn next(&mut self) -> Result<Option<R>> {
        let Some((key, index)) = self.current else { return Ok(None) };
        let stream = &mut self.streams[index];
        if self.last.is_some_and(|last| last >= key) {
            return Err(Error::store(
                stream.source.path(),
                "two parts hold the same film, or a part is not in order; check that no shard is given twice",
            ));
        }
        self.last = Some(key);
        let row = stream.batch.next();
        if stream.batch.as_slice().is_empty() {
            stream.batch = stream.source.next_batch()?.into_iter();
        }
        // Parts hold neighbouring films, so the next row mostly comes from the same stream: the heap is left alone then.
        let next = stream.batch.as_slice().first().map(|row| (row.key(), index));
        self.current = match (next, self.heads.peek_mut()) {
            (Some(next), Some(mut smallest)) if next > smallest.0 => Some(std::mem::replace(&mut smallest.0, next)),
            (None, Some(smallest)) => Some(PeekMut::pop(smallest).0),
            (next, _) => next,
        };
        Ok(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::rows::Activation;

    struct Batches(Vec<Vec<u32>>);

    impl Source<Activation> for Batches {
        fn next_batch(&mut self) -> Result<Vec<Activation>> {
            let batch = if self.0.is_empty() { Vec::new() } else { self.0.remove(0) };
            Ok(batch.into_iter().map(|film| Activation { film, ..Activation::default() }).collect())
        }

        fn path(&self) -> PathBuf {
            PathBuf::from("part")
        }
    }

    fn films(sources: Vec<Vec<Vec<u32>>>) -> Result<Vec<u32>> {
        let sources = sources.into_iter().map(|batches| Box::new(Batches(batches)) as Box<dyn Source<Activation>>);
        let mut merged = Merged::new(sources.collect())?;
        std::iter::from_fn(|| merged.next().map(|row| row.map(|row| row.film)).transpose()).collect()
    }

    #[test]
    fn rows_come_in_order_and_twins_are_refused() {
        let sources = vec![vec![vec![1, 5], vec![6]], vec![], vec![vec![0], vec![7, 9]], vec![vec![2, 3, 4, 8]]];
        assert_eq!(films(sources).unwrap(), (0..10).collect::<Vec<_>>());
        assert!(films(vec![vec![vec![1, 5]], vec![vec![5]]]).unwrap_err().to_string().contains("same film"));
        assert!(films(vec![vec![vec![2, 1]]]).is_err());
        assert!(films(Vec::new()).unwrap().is_empty());
    }
}
