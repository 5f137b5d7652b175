//! The `k` largest of each row, in PyTorch's own choice among equal values.
//!
//! `torch.topk` on a CPU runs C++'s `std::partial_sort` where `64 k <= m`, else `std::nth_element`, over pairs of value
//! and index that only the value orders (`aten/src/ATen/native/TopKImpl.h`). Which of several equal values at the
//! border are kept follows from the steps of those two in libstdc++ (`bits/stl_heap.h`, `bits/stl_algo.h`), so the same
//! steps are taken here: two features with the same weights are chosen as the library chooses them. It is also fast,
//! where burn's `topk` sorts whole rows on the CPU: a heap of `k` sees each value once.

use std::cmp::Ordering;

use burn::prelude::*;
use burn::tensor::TensorData;
use rayon::prelude::*;

/// A value and its place in the row.
type Entry = (f32, u32);

/// `[n, m]` with the `k` largest of each row, those of them that are positive, and 0 elsewhere. Host memory does it.
pub(super) fn keep_largest(values: Tensor<2>, k: usize, relu_first: bool) -> Tensor<2> {
    let ([rows, columns], device) = (values.dims(), values.device());
    let Ok(Ok(mut read)) = values.try_into_data().map(TensorData::try_into_vec::<f32>) else {
        // A device that cannot be read says so to whoever reads what leaves here; nothing may look like activations.
        return Tensor::full([rows, columns], f32::NAN, &device);
    };
    read.par_chunks_mut(columns.max(1)).for_each_init(Vec::new, |kept, row| keep_in_row(row, k, relu_first, kept));
    Tensor::from_data(TensorData::new(read, [rows, columns]), &device)
}

/// One row; `kept` is room to work in.
fn keep_in_row(row: &mut [f32], k: usize, relu_first: bool, kept: &mut Vec<Entry>) {
    let entries = row.iter().zip(0_u32..).map(|(&v, at)| (if relu_first { positive(v) } else { v }, at));
    kept.clear();
    if k.saturating_mul(64) <= row.len() {
        select_by_heap(entries, k, kept);
    } else {
        kept.extend(entries);
        select_by_partition(kept, k);
    }
    row.fill(0.0);
    for &(value, at) in kept.iter().take(k) {
        row[at as usize] = positive(value);
    }
}

/// ReLU as PyTorch has it: what is no number stays none.
fn positive(value: f32) -> f32 {
    if value <= 0.0 { 0.0 } else { value }
}

/// Whether `a` comes before `b`: larger first, and what is no number before all.
fn before(a: Entry, b: Entry) -> bool {
    (a.0.is_nan() && !b.0.is_nan()) || a.0 > b.0
}

/// `std::__heap_select`: the last in order of the best `k` lies at the top, and a better one takes its place.
fn select_by_heap(mut entries: impl Iterator<Item = Entry>, k: usize, heap: &mut Vec<Entry>) {
    heap.extend(entries.by_ref().take(k));
    make_heap(heap);
    for entry in entries {
        replace_top_if_better(heap, entry);
    }
}

fn replace_top_if_better(heap: &mut [Entry], entry: Entry) -> Option<Entry> {
    let top = *heap.first()?;
    before(entry, top).then(|| {
        settle(heap, 0, entry);
        top
    })
}

/// `std::__make_heap`.
fn make_heap(heap: &mut [Entry]) {
    for parent in (0..heap.len() / 2).rev() {
        settle(heap, parent, heap[parent]);
    }
}

/// `std::__adjust_heap`: the hole sinks to the bottom, then `entry` rises from there.
fn settle(heap: &mut [Entry], start: usize, entry: Entry) {
    let (mut hole, size) = (start, heap.len());
    loop {
        let right = 2 * hole + 2;
        let child = match right.cmp(&size) {
            Ordering::Less if before(heap[right], heap[right - 1]) => right - 1,
            Ordering::Less => right,
            Ordering::Equal => right - 1,
            Ordering::Greater => break,
        };
        heap[hole] = heap[child];
        hole = child;
    }
    while hole > start {
        let parent = (hole - 1) / 2;
        if !before(heap[parent], entry) {
            break;
        }
        heap[hole] = heap[parent];
        hole = parent;
    }
    heap[hole] = entry;
}

/// `std::nth_element` (`std::__introselect`) for element `k - 1`: the first `k` are then the best, in no order.
fn select_by_partition(entries: &mut [Entry], k: usize) {
    let (mut first, mut last) = (0, entries.len());
    if k == 0 || k > last {
        return;
    }
    let nth = k - 1;
    let mut depth = 2 * last.ilog2();
    while last - first > 3 {
        if depth == 0 {
            select_in_place(&mut entries[first..last], nth + 1 - first);
            entries.swap(first, nth);
            return;
        }
        depth -= 1;
        let cut = first + partition(&mut entries[first..last]);
        if cut <= nth { first = cut } else { last = cut }
    }
    insertion_sort(&mut entries[first..last]);
}

/// `std::__heap_select` within a slice: what leaves the heap stays behind, where its successor came from.
fn select_in_place(entries: &mut [Entry], k: usize) {
    let (heap, rest) = entries.split_at_mut(k);
    make_heap(heap);
    for entry in rest {
        if let Some(top) = replace_top_if_better(heap, *entry) {
            *entry = top;
        }
    }
}

/// `std::__unguarded_partition_pivot` of at least four: the median of three goes first, and what the returned place
/// parts lies before and after it in order.
fn partition(entries: &mut [Entry]) -> usize {
    let (second, middle, end) = (1, entries.len() / 2, entries.len() - 1);
    let [a, b, c] = [entries[second], entries[middle], entries[end]];
    let median = if before(a, b) {
        if before(b, c) {
            middle
        } else if before(a, c) {
            end
        } else {
            second
        }
    } else if before(a, c) {
        second
    } else if before(b, c) {
        end
    } else {
        middle
    };
    entries.swap(0, median);
    let pivot = entries[0];
    let (mut left, mut right) = (1, entries.len());
    loop {
        while before(entries[left], pivot) {
            left += 1;
        }
        right -= 1;
        while before(pivot, entries[right]) {
            right -= 1;
        }
        if left >= right {
            return left;
        }
        entries.swap(left, right);
        left += 1;
    }
}

/// `std::__insertion_sort`.
fn insertion_sort(entries: &mut [Entry]) {
    for next in 1..entries.len() {
        let entry = entries[next];
        let place = entries[..next].partition_point(|&sorted| !before(entry, sorted));
        entries[place..=next].rotate_right(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of many equal values, and what `torch.topk` keeps of them: made by `tests/parity/sae_reference.py`.
    const TIES: &str = include_str!("../../../../tests/parity/sae/ties.json");

    #[derive(serde::Deserialize)]
    struct Ties {
        rows: Vec<Row>,
    }

    #[derive(serde::Deserialize)]
    struct Row {
        values: Vec<f32>,
        k: usize,
        kept: Vec<usize>,
    }

    #[test]
    fn equal_values_are_chosen_as_torch_chooses() {
        let ties: Ties = serde_json::from_str(TIES).expect("the reference is readable");
        assert!(ties.rows.len() > 50);
        for (number, Row { values, k, kept }) in ties.rows.iter().enumerate() {
            let mut row = values.clone();
            keep_in_row(&mut row, *k, false, &mut Vec::new());
            let found: Vec<usize> = (0..row.len()).filter(|&at| row[at] > 0.0).collect();
            assert_eq!(&found, kept, "row {number}: {k} of {}", values.len());
            assert!(kept.iter().all(|&at| row[at] == values[at]));
        }
    }

    #[test]
    fn what_is_no_number_comes_first_and_stays() {
        for size in [5, 200] {
            let mut row = vec![1.0_f32; size];
            (row[2], row[4]) = (f32::NAN, 3.0);
            keep_in_row(&mut row, 2, true, &mut Vec::new());
            assert!(row[2].is_nan() && row[4] == 3.0 && row.iter().filter(|v| **v != 0.0).count() == 2, "{row:?}");
        }
    }

    #[test]
    fn partition_runs_out_of_depth_on_a_killer_and_is_still_right() {
        // Median of three's worst case (Musser 1997): the fallback to a heap must give the largest as well.
        let size: u32 = 4096;
        let half = size / 2;
        let killer = (1..=size).map(|i| match i {
            i if i > half => 2 * (i - half),
            i if i % 2 == 1 => i,
            i => half + i - 1,
        });
        let mut entries: Vec<Entry> = killer.zip(0..).map(|(v, at)| (-(v as f32), at)).collect();
        let mut sorted: Vec<f32> = entries.iter().map(|e| e.0).collect();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let k = 1000;
        select_by_partition(&mut entries, k);
        let mut best: Vec<f32> = entries[..k].iter().map(|e| e.0).collect();
        best.sort_by(|a, b| b.total_cmp(a));
        assert_eq!(best, sorted[..k]);
    }

    #[test]
    fn a_tensor_keeps_the_positive_among_its_largest() {
        let values = [[0.5, -1.0, 2.0, 0.25], [-3.0, -1.0, -2.0, 0.5]];
        let kept = keep_largest(Tensor::from_data(values, &Device::flex()), 2, false);
        kept.into_data().assert_eq(&TensorData::from([[0.5, 0.0, 2.0, 0.0], [0.0, 0.0, 0.0, 0.5_f32]]), true);
    }
}
