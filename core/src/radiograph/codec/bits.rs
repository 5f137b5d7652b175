//! Bit by bit reading of entropy-coded JPEG and JPEG-LS data, which hide marker bytes in two different ways.

/// How a 0xFF byte within the data is told from a marker.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stuffing {
    /// A zero byte follows (ITU-T T.81 F.1.2.3).
    Byte,
    /// A zero bit follows (ITU-T T.87 A.1).
    Bit,
}

/// Reads bits, most significant first, up to the next marker. Beyond it come zeros, which [`Bits::overrun`] tells.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    stuffing: Stuffing,
    cache: u64,
    /// Bits in `cache`, counted from its top.
    held: u32,
    /// Zero bits made up after the end of the data.
    invented: u32,
    after_ff: bool,
}

impl<'a> Bits<'a> {
    pub fn new(data: &'a [u8], stuffing: Stuffing) -> Self {
        Self { data, at: 0, stuffing, cache: 0, held: 0, invented: 0, after_ff: false }
    }

    /// Whether bits were read that the data does not hold.
    pub fn overrun(&self) -> bool {
        self.invented > self.held
    }

    /// The next `count` bits (at most 32), without taking them.
    pub fn peek(&mut self, count: u32) -> u32 {
        if self.held < count {
            self.fill();
        }
        if count == 0 { 0 } else { (self.cache >> (64 - count)) as u32 }
    }

    /// Takes `count` bits that were peeked.
    pub fn skip(&mut self, count: u32) {
        self.cache <<= count;
        self.held -= count.min(self.held);
    }

    /// Takes `count` bits (at most 32).
    pub fn take(&mut self, count: u32) -> u32 {
        let bits = self.peek(count);
        self.skip(count);
        bits
    }

    /// Takes zeros up to the next one, and the one; at most `limit` zeros are counted.
    pub fn zeros(&mut self, limit: u32) -> u32 {
        let mut count = 0;
        loop {
            if self.held == 0 {
                self.fill();
            }
            let run = self.cache.leading_zeros().min(self.held);
            if run < self.held {
                self.skip(run + 1);
                return (count + run).min(limit);
            }
            self.skip(run);
            count += run;
            if count >= limit || self.overrun() {
                return limit;
            }
        }
    }

    /// Goes to the next restart marker and past it; `false` when another marker or the end comes first.
    pub fn restart(&mut self) -> bool {
        (self.cache, self.held, self.invented, self.after_ff) = (0, 0, 0, false);
        while let Some(pair) = self.data.get(self.at..self.at + 2) {
            match pair {
                [0xFF, 0xD0..=0xD7] => {
                    self.at += 2;
                    return true;
                }
                [0xFF, 0x01..=0xFE] => return false,
                _ => self.at += 1,
            }
        }
        false
    }

    fn fill(&mut self) {
        while self.held <= 48 {
            let (byte, width) = self.next_byte();
            self.cache |= u64::from(byte) << (64 - width - self.held);
            self.held += width;
        }
    }

    /// The next byte of data and how many of its bits count.
    fn next_byte(&mut self) -> (u8, u32) {
        let Some(&byte) = self.data.get(self.at) else {
            self.invented += 8;
            return (0, 8);
        };
        let next = self.data.get(self.at + 1).copied();
        match self.stuffing {
            Stuffing::Byte if byte == 0xFF => {
                if next == Some(0) {
                    self.at += 2;
                    (byte, 8)
                } else {
                    self.invented += 8;
                    (0, 8)
                }
            }
            Stuffing::Bit if byte == 0xFF && next.is_none_or(|n| n >= 0x80) => {
                self.invented += 8;
                (0, 8)
            }
            Stuffing::Bit if self.after_ff => {
                self.at += 1;
                self.after_ff = byte == 0xFF;
                (byte & 0x7F, 7)
            }
            _ => {
                self.at += 1;
                self.after_ff = byte == 0xFF;
                (byte, 8)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stuffed_bytes_and_bits_are_left_out() {
        let mut bytes = Bits::new(&[0xFF, 0x00, 0xA5, 0xFF, 0xD9], Stuffing::Byte);
        assert_eq!((bytes.take(8), bytes.take(4), bytes.take(4)), (0xFF, 0xA, 0x5));
        assert!(!bytes.overrun());
        assert_eq!(bytes.take(1), 0);
        assert!(bytes.overrun());
        let mut bits = Bits::new(&[0xFF, 0x7F, 0x80, 0xFF, 0xD9], Stuffing::Bit);
        assert_eq!((bits.take(15), bits.take(8)), (0x7FFF, 0x80));
    }

    #[test]
    fn zeros_are_counted_up_to_the_one() {
        let mut bits = Bits::new(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x80], Stuffing::Bit);
        assert_eq!((bits.zeros(200), bits.zeros(200)), (79, 0));
        assert_eq!(Bits::new(&[], Stuffing::Bit).zeros(32), 32);
    }
}
