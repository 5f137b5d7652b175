//! A picture of a panel against the one that is kept in `tests/snapshots`. In: pixels. Out: nothing, or what differs, with
//! both pictures written beside. `FLUORO_UPDATE_SNAPSHOTS=1` keeps the new ones instead.

use std::path::{Path, PathBuf};

use eframe::icon_data::from_png_bytes;
use fluoro_core::export::picture_png;

/// Keeps new pictures when it is set.
const UPDATE: &str = "FLUORO_UPDATE_SNAPSHOTS";
/// Kept pictures have every eighth grey level only, which halves their size; grounds, which are dark, every second.
const STEP: u16 = 8;
const DARK_STEP: u16 = 2;
const DARK: u8 = 48;
/// Grey levels by which a channel may differ: the rounding of the kept picture, and a driver that rounds edges otherwise.
const TOLERANCE: u8 = 20;
/// One pixel of so many may differ by more: the last digit of a number that another processor rounds otherwise.
const ONE_OF: usize = 2500;
/// So many may differ in a small picture.
const FEW: usize = 24;

/// Opaque pixels, four bytes each.
pub struct Pixels {
    /// In a row.
    pub width: usize,
    /// All rows.
    pub rgba: Vec<u8>,
}

impl Pixels {
    /// Rows.
    fn height(&self) -> usize {
        self.rgba.len() / (4 * self.width.max(1))
    }
}

/// Where pictures are kept.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/snapshots")
}

/// Whether new pictures are to be kept.
pub fn updates() -> bool {
    std::env::var_os(UPDATE).is_some_and(|value| value == "1")
}

/// Holds a picture against the kept one of this name.
pub fn check(name: &str, new: &Pixels) -> Result<(), String> {
    check_in(&folder(), name, new, updates())
}

fn check_in(folder: &Path, name: &str, new: &Pixels, updates: bool) -> Result<(), String> {
    let [kept_path, new_path, diff_path] =
        ["png", "new.png", "diff.png"].map(|end| folder.join(format!("{name}.{end}")));
    let old = std::fs::read(&kept_path).ok().and_then(|bytes| from_png_bytes(&bytes).ok());
    let old = old.map(|icon| Pixels { width: icon.width as usize, rgba: icon.rgba });
    let answer = match &old {
        None => Err(format!("{name}: there is no picture {}", kept_path.display())),
        Some(old) => compare(old, new).map_err(|reason| format!("{name}: {reason}")),
    };
    if updates && answer.is_err() {
        write(&kept_path, &rounded(new));
        return Ok(());
    }
    let reason = match answer {
        Ok(()) => {
            // What an earlier run left is no longer true.
            [new_path, diff_path].iter().for_each(|path| drop(std::fs::remove_file(path)));
            return Ok(());
        }
        Err(reason) => reason,
    };
    write(&new_path, &rounded(new));
    write(&diff_path, &old.map_or_else(|| rounded(new), |old| difference(&old, new)));
    Err(format!("{reason}; look at {} and {}", new_path.display(), diff_path.display()))
}

fn compare(old: &Pixels, new: &Pixels) -> Result<(), String> {
    if (old.width, old.height()) != (new.width, new.height()) {
        let [old, new] = [old, new].map(|it| format!("{} x {}", it.width, it.height()));
        return Err(format!("it has {new} pixels instead of {old}"));
    }
    let differ = old.rgba.chunks(4).zip(new.rgba.chunks(4)).filter(|(old, new)| is_other(old, new)).count();
    let most = (new.rgba.len() / 4 / ONE_OF).max(FEW);
    if differ > most {
        return Err(format!("{differ} pixels differ, {most} may"));
    }
    Ok(())
}

fn is_other(old: &[u8], new: &[u8]) -> bool {
    old[..3].iter().zip(new).any(|(old, new)| old.abs_diff(*new) > TOLERANCE)
}

/// The old picture, dark, with what differs in magenta.
fn difference(old: &Pixels, new: &Pixels) -> Pixels {
    let same_size = old.width == new.width && old.rgba.len() == new.rgba.len();
    let pixel = |(old, new): (&[u8], &[u8])| match same_size && !is_other(old, new) {
        true => [old[0] / 3, old[1] / 3, old[2] / 3, 255],
        false => [255, 0, 255, 255],
    };
    let rgba =
        old.rgba.chunks(4).zip(new.rgba.chunks(4).chain(std::iter::repeat(&[0; 4][..]))).flat_map(pixel).collect();
    Pixels { width: old.width, rgba }
}

fn rounded(pixels: &Pixels) -> Pixels {
    let round = |value: &u8| {
        let step = if *value < DARK { DARK_STEP } else { STEP };
        ((u16::from(*value) + step / 2) / step * step).min(255) as u8
    };
    Pixels { width: pixels.width, rgba: pixels.rgba.iter().map(round).collect() }
}

fn write(path: &Path, pixels: &Pixels) {
    let png = picture_png(&pixels.rgba, pixels.width as u32, pixels.height() as u32).expect("a picture");
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, png).expect("the picture is written");
}

#[test]
fn a_comparison_sees_a_word_and_forgives_an_edge() {
    let folder = tempfile::tempdir().expect("folder");
    let plain = |width: usize, height: usize| {
        let rgba = (0..width * height).flat_map(|at| [(at % 251) as u8, 90, 40, 255]).collect();
        Pixels { width, rgba }
    };
    let check = |new: &Pixels, updates| check_in(folder.path(), "a", new, updates);
    let exists = |end: &str| folder.path().join(format!("a.{end}")).exists();
    assert!(check(&plain(300, 200), false).expect_err("no picture").contains("there is no picture"));
    check(&plain(300, 200), true).expect("kept");
    check(&plain(300, 200), false).expect("the same, but for the rounding");
    assert!(exists("png") && !exists("new.png") && !exists("diff.png"));

    let mut other = plain(300, 200);
    other.rgba.chunks_mut(4).for_each(|pixel| pixel[1] += 12);
    check(&other, false).expect("a driver that rounds otherwise");
    let mut other = plain(300, 200);
    other.rgba.chunks_mut(4).skip(1000).take(FEW + 1).for_each(|pixel| pixel[2] = 200);
    let reason = check(&other, false).expect_err("a letter of another colour");
    assert!(
        reason.contains("25 pixels differ, 24 may") && reason.contains("a.new.png") && reason.contains("a.diff.png")
    );
    assert!(exists("new.png") && exists("diff.png"));
    assert!(
        check(&plain(200, 300), false).expect_err("another size").contains("200 x 300 pixels instead of 300 x 200")
    );
    check(&other, true).expect("kept anew");
    check(&other, false).expect("as it is kept");
    assert!(check(&plain(300, 200), false).is_err());
}
