//! One phantom turned into another, and films into files.

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder as _};

use super::factors::{FACTORS, Factor};
use super::{Film, Phantom};
use crate::error::{Error, Result};
use crate::radiograph::PHANTOM_MARK;
use crate::radiograph::png_text::with_png_text;

impl Phantom {
    /// The same patient, film and noise with one factor present or absent: the exact counterfactual.
    #[must_use]
    pub fn with(mut self, factor: Factor, present: bool) -> Self {
        self.settings = self.settings.with(factor, present);
        self
    }

    /// What its film says of itself: [`Radiograph::is_phantom`](crate::radiograph::Radiograph::is_phantom) looks for it.
    #[must_use]
    pub fn mark(&self) -> String {
        format!("{PHANTOM_MARK} {}; seed {}", env!("CARGO_PKG_VERSION"), self.seed)
    }

    /// What it shows, in a few words.
    #[must_use]
    pub fn caption(&self) -> String {
        let shown: Vec<&str> =
            FACTORS.into_iter().filter(|&factor| self.settings.get(factor).present).map(Factor::label).collect();
        if shown.is_empty() { "Nothing to report".into() } else { shown.join(", ") }
    }

    /// The same with one factor at another strength, 0 to 1.
    #[must_use]
    pub fn with_strength(mut self, factor: Factor, strength: f32) -> Self {
        let setting = self.settings.get(factor);
        self.settings.set(factor, super::Setting { strength: strength.clamp(0.0, 1.0), ..setting });
        self
    }
}

impl Film {
    /// The film as an 8-bit grey PNG whose `Software` text says what drew it.
    ///
    /// # Errors
    /// When the encoder refuses it, which it does not do for a film of [`Phantom::render`].
    pub fn to_png(&self, software: &str) -> Result<Vec<u8>> {
        let side = u32::try_from(self.side).map_err(|_| Error::Invalid(format!("{} pixels a side", self.side)))?;
        let mut png = Vec::with_capacity(self.grey.len());
        PngEncoder::new_with_quality(&mut png, CompressionType::Fast, FilterType::Adaptive)
            .write_image(&self.grey, side, side, ExtendedColorType::L8)
            .map_err(|e| Error::Invalid(format!("the film cannot be written as PNG ({e})")))?;
        Ok(with_png_text(&png, "Software", software))
    }
}
