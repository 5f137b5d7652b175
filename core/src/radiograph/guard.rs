//! What keeps a damaged file from harming the program: size limits checked before decoding.

/// Longest side of a film, in pixels. The largest flat panels and scanned films have about 5000.
pub(super) const MAX_SIDE: u64 = 20_000;
/// Most pixels of a film.
pub(super) const MAX_PIXELS: u64 = 1 << 28;
/// Largest file read into memory, in bytes: an uncompressed film of the largest size, 16-bit RGBA.
pub(super) const MAX_FILE: u64 = 8 * MAX_PIXELS;
/// No entropy coder of the formats read here packs more decoded bytes into one (deflate: 1032; blank JPEG: 512).
const MAX_RATIO: u64 = 1100;

/// Why a film cannot be read, without its path.
pub(super) type Reason = String;

/// Refuses pictures that no detector makes, from the size their header declares.
pub(super) fn check_size(width: u64, height: u64) -> Result<(), Reason> {
    if width == 0 || height == 0 {
        return Err(format!("the header declares an empty picture ({width} x {height}); export the film again"));
    }
    if width > MAX_SIDE || height > MAX_SIDE || width.saturating_mul(height) > MAX_PIXELS {
        return Err(format!(
            "the header declares {width} x {height} pixels, beyond the limit of {MAX_SIDE} a side and {MAX_PIXELS} in all; \
             the file is damaged or not a film"
        ));
    }
    Ok(())
}

/// Refuses headers that declare far more than `available` bytes of file can hold, before memory is set aside for it.
pub(super) fn check_ratio(decoded_bytes: u64, available: usize) -> Result<(), Reason> {
    if decoded_bytes > (available as u64 + 1024).saturating_mul(MAX_RATIO) {
        return Err("the file is far too short for the picture its header declares; copy or export it again".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_beyond_the_limits_are_refused() {
        assert!(check_size(5000, 4000).is_ok() && check_size(20_000, 13_000).is_ok());
        assert!(check_size(30_000, 30_000).is_err() && check_size(20_000, 20_000).is_err());
        assert!(check_size(0, 5).is_err() && check_size(u64::MAX, u64::MAX).is_err());
        assert!(check_ratio(1 << 40, 100).is_err() && check_ratio(1 << 20, 100_000).is_ok());
    }
}
