//! Films from their files, decoded by threads beside the device and handed over in order, a batch at a time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_channel::bounded;

use super::BATCH;
use crate::dataset::FilmRecord;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::plane::Plane;
use crate::radiograph::Radiograph;

/// Batches that may be decoded and wait.
const AHEAD: usize = 3;

/// A film's place in the dataset, and what the SAE's encoder sees of it, or why it cannot be read.
pub(super) type Read = (usize, Result<Plane>);

/// Decodes the films `wanted` (places in `records`, rising) and hands them to `take` in order. Films whose places share a
/// quotient by [`BATCH`] come together, and only they.
///
/// # Errors
/// The first of `take`.
pub(super) fn films(
    engine: &Engine,
    records: &[FilmRecord],
    wanted: &[usize],
    mut take: impl FnMut(Vec<Read>) -> Result<()>,
) -> Result<()> {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    // A ticket for each film between decoding and use: a slow one at the front must not let the others fill the memory.
    let (give_ticket, tickets) = bounded::<()>(AHEAD * BATCH);
    for _ in 0..AHEAD * BATCH {
        // There is room for exactly as many.
        let _has_room = give_ticket.try_send(());
    }
    let (send, received) = bounded::<(usize, Result<Plane>)>(AHEAD * BATCH);
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (send, tickets, next) = (send.clone(), tickets.clone(), &next);
            scope.spawn(move || {
                while tickets.recv().is_ok() {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(&film) = wanted.get(place) else { return };
                    if send.send((place, seen(engine, &records[film]))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(send);
        // Gone when this closure ends, however it ends: threads that wait for a ticket, or to hand a film over, then stop.
        let (give_ticket, received) = (give_ticket, received);
        let mut early: BTreeMap<usize, Result<Plane>> = BTreeMap::new();
        let mut place = 0;
        while place < wanted.len() {
            let batch = wanted[place] / BATCH;
            let end = place + wanted[place..].partition_point(|film| film / BATCH == batch);
            while !(place..end).all(|place| early.contains_key(&place)) {
                let (place, plane) = received.recv().map_err(|_| Error::Invalid("decoding films stopped".into()))?;
                early.insert(place, plane);
            }
            let films = (place..end).filter_map(|place| Some((wanted[place], early.remove(&place)?))).collect();
            take(films)?;
            for _ in place..end {
                let _has_room = give_ticket.try_send(());
            }
            place = end;
        }
        Ok(())
    })
}

fn seen(engine: &Engine, record: &FilmRecord) -> Result<Plane> {
    let film = Radiograph::open(&record.path)?;
    let manifest = engine.manifest();
    let how = manifest.sae_encoder.as_ref().map_or(manifest.encoder_input(), |part| &part.preprocess);
    Ok(how.apply(&film))
}
