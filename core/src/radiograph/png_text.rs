//! Texts in PNG files, which the picture decoder does not give: tEXt chunks, PNG specification 11.3.3.2. In: a file's
//! bytes. Out: the text of a keyword, or the file with one more text. Reads only what lies before the picture, and takes
//! any damage for the end of it.

use flate2::Crc;

/// What every PNG file begins with, 5.2.
const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";
/// Chunks looked at; real files have fewer than a dozen before the picture.
const MOST_CHUNKS: usize = 64;
/// Longest text that is read, keyword included, in bytes.
const LONGEST_TEXT: usize = 4096;
/// Longest keyword that the specification allows.
const LONGEST_KEYWORD: usize = 79;

/// One chunk, 5.3.
struct Chunk<'a> {
    kind: [u8; 4],
    data: &'a [u8],
    crc: u32,
}

impl Chunk<'_> {
    fn is_whole(&self) -> bool {
        self.crc == crc(self.kind, self.data)
    }
}

/// Whether the bytes begin as a PNG file does.
#[must_use]
pub fn is_png(bytes: &[u8]) -> bool {
    bytes.starts_with(&SIGNATURE)
}

/// The first text with this keyword before the picture; none in anything but PNG.
#[must_use]
pub fn text(png: &[u8], keyword: &str) -> Option<String> {
    let before_picture = chunks(png).take_while(|chunk| chunk.kind != *b"IDAT");
    let mut texts = before_picture.filter(|chunk| chunk.kind == *b"tEXt" && chunk.data.len() <= LONGEST_TEXT);
    texts.find_map(|chunk| {
        let end = chunk.data.iter().position(|&byte| byte == 0)?;
        let (name, text) = (&chunk.data[..end], &chunk.data[end + 1..]);
        // The specification has both in Latin-1, whose codes are those of Unicode.
        (name == keyword.as_bytes() && chunk.is_whole()).then(|| text.iter().map(|&byte| char::from(byte)).collect())
    })
}

/// Every text before the picture, keyword first; none in anything but PNG.
#[must_use]
pub fn texts(png: &[u8]) -> Vec<(String, String)> {
    let latin = |bytes: &[u8]| bytes.iter().map(|&byte| char::from(byte)).collect::<String>();
    let before_picture = chunks(png).take_while(|chunk| chunk.kind != *b"IDAT");
    let texts = before_picture
        .filter(|chunk| chunk.kind == *b"tEXt" && chunk.data.len() <= LONGEST_TEXT && chunk.is_whole())
        .filter_map(|chunk| {
            let end = chunk.data.iter().position(|&byte| byte == 0)?;
            Some((latin(&chunk.data[..end]), latin(&chunk.data[end + 1..])))
        });
    texts.collect()
}

/// A PNG file with one more text, before those that it has. Characters that tEXt cannot hold become question marks. Bytes
/// that are no PNG file, and a keyword that the specification forbids, leave the file as it is.
#[must_use]
pub fn with_png_text(png: &[u8], keyword: &str, text: &str) -> Vec<u8> {
    let header = chunks(png).next().filter(|chunk| chunk.kind == *b"IHDR");
    let may_be_keyword =
        (1..=LONGEST_KEYWORD).contains(&keyword.len()) && keyword.bytes().all(|b| (32..127).contains(&b));
    let Some(header) = header.filter(|_| may_be_keyword) else { return png.to_vec() };
    let latin = |c: char| u8::try_from(c).ok().filter(|&byte| byte != 0).unwrap_or(b'?');
    let data: Vec<u8> = keyword.bytes().chain([0]).chain(text.chars().map(latin)).collect();
    let Ok(length) = u32::try_from(data.len()) else { return png.to_vec() };
    let (before, after) = png.split_at(SIGNATURE.len() + 12 + header.data.len());
    let chunk = [&length.to_be_bytes(), b"tEXt".as_slice(), &data, &crc(*b"tEXt", &data).to_be_bytes()].concat();
    [before, &chunk, after].concat()
}

/// The first chunks of a file, up to where it is cut short.
fn chunks(png: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    let mut rest = png.strip_prefix(&SIGNATURE).unwrap_or_default();
    let next = move || {
        let (length, after) = rest.split_first_chunk()?;
        let (&kind, after) = after.split_first_chunk()?;
        let (data, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        let (crc, after) = after.split_first_chunk()?;
        rest = after;
        Some(Chunk { kind, data, crc: u32::from_be_bytes(*crc) })
    };
    std::iter::from_fn(next).take(MOST_CHUNKS)
}

/// The checksum of a chunk, 5.5.
fn crc(kind: [u8; 4], data: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(&kind);
    crc.update(data);
    crc.sum()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::radiograph::Radiograph;
    use crate::samples;

    const MARK: &str = "fluoro phantom 0.1.0; seed 7; film 12";

    fn png() -> &'static [u8] {
        samples::bytes(samples::names().next().expect("a sample")).expect("it is there")
    }

    #[test]
    fn a_text_is_written_and_read_and_the_picture_stays() {
        let marked = with_png_text(png(), "Software", MARK);
        assert_eq!(text(&marked, "Software").as_deref(), Some(MARK));
        assert_eq!(text(&marked, "Author"), None);
        let (plain, film) =
            (Radiograph::from_bytes(Path::new("a"), png()), Radiograph::from_bytes(Path::new("a"), &marked));
        let (plain, film) = (plain.expect("opens"), film.expect("the image decoder reads it"));
        assert_eq!(plain.pixels, film.pixels);
        assert!(film.is_phantom() && !plain.is_phantom());
        assert_eq!(film.metadata.software.as_deref(), Some(MARK));
        let again = with_png_text(&marked, "Software", "GIMP 3 – é");
        assert_eq!(text(&again, "Software").as_deref(), Some("GIMP 3 ? é"), "the newest first, in Latin-1");
        assert!(!Radiograph::from_bytes(Path::new("a"), &again).expect("opens").is_phantom());
    }

    #[test]
    fn what_cannot_be_marked_stays_as_it_is() {
        assert_eq!(with_png_text(b"BM no PNG", "Software", MARK), b"BM no PNG");
        assert_eq!(with_png_text(png(), "", MARK), png());
        assert_eq!(with_png_text(png(), "Soft\0ware", MARK), png());
        assert_eq!(with_png_text(&png()[..20], "Software", MARK), &png()[..20]);
    }

    #[test]
    fn damage_is_no_mark_and_no_panic() {
        let marked = with_png_text(png(), "Software", MARK);
        for length in 0..200 {
            let _ = text(&marked[..length], "Software");
        }
        for at in 8..120 {
            let mut damaged = marked.clone();
            damaged[at] ^= 0xFF;
            let found = text(&damaged, "Software");
            assert!(found.is_none_or(|found| found == MARK), "byte {at}");
        }
        // A length beyond the file, and a text behind the picture.
        let endless = [SIGNATURE.as_slice(), &[0xFF; 4], b"tEXtSoftware\0x"].concat();
        assert_eq!(text(&endless, "Software"), None);
        let end = png().len() - 12;
        let chunk = &marked[33..marked.len() - (png().len() - 33)];
        let late = [&png()[..end], chunk, &png()[end..]].concat();
        assert_eq!(text(&late, "Software"), None);
        let long = with_png_text(png(), "Software", &"x".repeat(LONGEST_TEXT));
        assert_eq!(text(&long, "Software"), None);
    }

    #[test]
    fn a_file_of_nothing_but_chunks_ends() {
        let mut endless = SIGNATURE.to_vec();
        for _ in 0..1000 {
            endless.extend_from_slice(&[0, 0, 0, 0]);
            endless.extend_from_slice(b"abCd\0\0\0\0");
        }
        assert_eq!(chunks(&endless).count(), MOST_CHUNKS);
        assert_eq!(text(&endless, "Software"), None);
    }
}
