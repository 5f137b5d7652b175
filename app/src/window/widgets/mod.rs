//! Small parts that panels share. In: numbers, words and a [`Look`](super::tokens::Look). Out: responses.

pub mod bar;
pub mod number;
pub mod plot;
pub mod slider;
pub mod states;
pub mod text;
