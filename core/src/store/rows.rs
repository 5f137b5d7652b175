//! Rows as they stream through the writer and the merge, and the orders that they are sorted in.

/// One value of one feature on one token of one film.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Activation {
    pub feature: u32,
    pub film: u32,
    pub token: u32,
    pub value: f32,
}

/// A line of the film table; `values` follow the table's columns.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FilmLine {
    pub film: u32,
    pub path: String,
    pub patient: String,
    pub values: Vec<Option<f32>>,
}

/// A line of the table of failures.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FailedLine {
    pub film: u32,
    pub path: String,
    pub error: String,
}

/// The latent of one token.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LatentLine {
    pub film: u32,
    pub token: u32,
    pub latent: Vec<f32>,
}

/// A row with a place in its file: no two rows of a file share a key.
pub(super) trait Keyed {
    /// Sorts as the file does.
    fn key(&self) -> u128;
}

/// A film activation: the strongest token alone, in the order of `film_features.parquet`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct FilmActivation(pub Activation);

fn key(first: u32, second: u32, third: u32) -> u128 {
    u128::from(first) << 64 | u128::from(second) << 32 | u128::from(third)
}

impl Keyed for Activation {
    fn key(&self) -> u128 {
        key(self.feature, self.film, self.token)
    }
}

impl Keyed for FilmActivation {
    fn key(&self) -> u128 {
        key(0, self.0.film, self.0.feature)
    }
}

impl Keyed for FilmLine {
    fn key(&self) -> u128 {
        u128::from(self.film)
    }
}

impl Keyed for FailedLine {
    fn key(&self) -> u128 {
        u128::from(self.film)
    }
}

impl Keyed for LatentLine {
    fn key(&self) -> u128 {
        key(0, self.film, self.token)
    }
}

impl Activation {
    /// Bytes of a row in a segment.
    pub(super) const BYTES: usize = 16;

    pub(super) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let words = [self.feature, self.film, self.token, self.value.to_bits()];
        for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let word = |i: usize| u32::from_le_bytes([bytes[i], bytes[i + 1], bytes[i + 2], bytes[i + 3]]);
        Self { feature: word(0), film: word(4), token: word(8), value: f32::from_bits(word(12)) }
    }
}

/// The strongest token of each feature on each film, of rows sorted by feature, film, token; ties go to the first token.
pub(super) fn film_activations(rows: &[Activation]) -> Vec<FilmActivation> {
    let mut strongest: Vec<FilmActivation> = Vec::new();
    for &row in rows {
        match strongest.last_mut() {
            Some(FilmActivation(last)) if (last.feature, last.film) == (row.feature, row.film) => {
                if row.value > last.value {
                    *last = row;
                }
            }
            _ => strongest.push(FilmActivation(row)),
        }
    }
    strongest.sort_unstable_by_key(Keyed::key);
    strongest
}
