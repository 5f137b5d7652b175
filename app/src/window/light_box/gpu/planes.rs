//! Planes on the graphics device: each copy of a film's pyramid is uploaded once, when it is first looked at, and freed
//! when its film has left the window. In: [`Sheet`]s. Out: textures, in tiles where a plane is larger than a texture.

use std::collections::HashMap;

use eframe::wgpu;
use fluoro_core::device::DevicePicture;
use fluoro_core::plane::Plane;

use super::super::sheet::{Kind, Sheet};
use super::{Gpu, layers, texture, write};

/// Bytes uploaded in one frame of the window; the rest of a large plane follows in the next ones.
const BYTES_A_FRAME: usize = 48 << 20;
/// Bytes handed over at once.
const BYTES_AT_ONCE: usize = 8 << 20;
/// Planes no longer shown are kept up to this size, so that a key that is held or a shift that plays uploads nothing.
const SMALL: usize = 4 << 20;
/// How many of those are kept.
const MOST_SMALL: usize = 64;

/// One plane as a texture.
pub struct Tiled {
    texture: wgpu::Texture,
    /// All its tiles.
    pub view: wgpu::TextureView,
    /// Tiles are two to this power pixels wide and high.
    pub shift: u32,
    /// How many stand in a row.
    pub tiles: u32,
    rows_done: usize,
    height: usize,
    /// What stands for samples that are no numbers.
    nothing: f32,
}

impl Tiled {
    fn new(device: &wgpu::Device, plane: &Plane, kind: Kind, largest_side: u32) -> Self {
        let (width, height) = (plane.width() as u32, plane.height() as u32);
        let is_whole = width <= largest_side && height <= largest_side;
        let side = if is_whole { 0 } else { 1 << largest_side.ilog2() };
        let (size, shift, tiles) = match side {
            // A shift that no place reaches.
            0 => ([width, height, 1], 30, 1),
            _ => {
                let tiles = width.div_ceil(side);
                ([side, side, tiles * height.div_ceil(side)], side.ilog2(), tiles)
            }
        };
        let texture = texture(device, "plane", size, wgpu::TextureFormat::R32Float);
        // Black on a picture, no change on a map. Shaders may take it for granted that every number is one.
        let lowest = plane.data().iter().copied().filter(|v| v.is_finite()).fold(f32::INFINITY, f32::min);
        let nothing = if kind == Kind::Picture && lowest.is_finite() { lowest } else { 0.0 };
        let nothing = if kind == Kind::Picture && !lowest.is_finite() { -1e30 } else { nothing };
        Self { view: layers(&texture), texture, shift, tiles, rows_done: 0, height: height as usize, nothing }
    }

    /// A picture that the engine left on the device.
    fn there_already(picture: &DevicePicture) -> Self {
        let (texture, height) = (picture.texture.clone(), picture.size()[1]);
        Self { view: layers(&texture), texture, shift: 30, tiles: 1, rows_done: height, height, nothing: 0.0 }
    }

    /// Uploads further rows, `budget` bytes at most and one row at least.
    fn upload(&mut self, gpu: Gpu<'_>, plane: &Plane, budget: &mut usize) {
        let width = plane.width();
        let side = if self.shift == 30 { usize::MAX } else { 1 << self.shift };
        let mut bytes = Vec::new();
        while self.rows_done < self.height && *budget > 0 {
            let most = (BYTES_AT_ONCE / (4 * width)).max(1);
            let until_border = side - self.rows_done % side;
            let rows = most.min(until_border).min(self.height - self.rows_done);
            for left in (0..width).step_by(side.min(width)) {
                let right = left.saturating_add(side).min(width);
                bytes.clear();
                for y in self.rows_done..self.rows_done + rows {
                    let row = &plane.data()[y * width + left..y * width + right];
                    let number = |v: &f32| (if v.is_finite() { *v } else { self.nothing }).to_le_bytes();
                    bytes.extend(row.iter().flat_map(number));
                }
                let tile = (self.rows_done / side) as u32 * self.tiles + (left / side) as u32;
                let origin = [0, (self.rows_done % side) as u32, tile];
                write(gpu.queue, &self.texture, origin, [(right - left) as u32, rows as u32], &bytes);
            }
            self.rows_done += rows;
            *budget = budget.saturating_sub(4 * width * rows);
            if *budget > 0 && 4 * width * rows >= BYTES_AT_ONCE / 2 {
                // The copy in the driver is freed before the next one is made.
                gpu.queue.submit([]);
            }
        }
    }

    fn is_complete(&self) -> bool {
        self.rows_done == self.height
    }
}

#[derive(Default)]
struct Copies {
    levels: Vec<Option<Tiled>>,
    bytes: usize,
    used: u64,
}

/// All planes on the device.
pub struct Planes {
    known: HashMap<(Kind, u64), Copies>,
    largest_side: u32,
    frame: u64,
    budget: usize,
    /// How many planes were uploaded so far.
    pub uploads: u64,
}

impl Planes {
    /// None yet.
    pub fn new(largest_side: u32) -> Self {
        Self { known: HashMap::new(), largest_side, frame: 0, budget: BYTES_A_FRAME, uploads: 0 }
    }

    /// Frees what the last frame did not show.
    pub fn next_frame(&mut self) {
        let last = self.frame;
        self.known.retain(|_, copies| copies.used == last || copies.bytes <= SMALL);
        if self.known.len() > MOST_SMALL {
            let mut ages: Vec<u64> = self.known.values().map(|copies| copies.used).collect();
            ages.sort_unstable_by(|a, b| b.cmp(a));
            let oldest = ages.get(MOST_SMALL).copied().unwrap_or(0);
            self.known.retain(|_, copies| copies.used > oldest || copies.used == last);
        }
        self.frame += 1;
        self.budget = BYTES_A_FRAME;
    }

    /// The copy that can be shown now: `wanted`, or a smaller one while a large one is on its way. Also says whether one
    /// is.
    pub fn level(&mut self, gpu: Gpu<'_>, sheet: &Sheet, wanted: usize) -> (usize, bool) {
        if let Some(picture) = &sheet.on_device {
            return (0, self.take(sheet.key, picture));
        }
        let Some(placed) = sheet.placed() else { return (0, false) };
        let halves = placed.pyramid.map_or(&[][..], |pyramid| pyramid.levels());
        let plane = |level: usize| if level == 0 { Some(placed.plane) } else { halves.get(level - 1) };
        let copies = self.known.entry(sheet.key).or_default();
        copies.used = self.frame;
        copies.levels.resize_with(copies.levels.len().max(halves.len() + 1), || None);
        let is_there = |copies: &Copies, level: usize| {
            copies.levels.get(level).and_then(Option::as_ref).is_some_and(Tiled::is_complete)
        };
        if is_there(copies, wanted) {
            return (wanted, false);
        }
        let Some(source) = plane(wanted) else { return (wanted, false) };
        let is_large = 4 * source.data().len() > BYTES_A_FRAME;
        // While a large copy comes in parts, the next smaller one is shown; that is small enough, or there already.
        let meanwhile = (wanted + 1..=halves.len()).find(|&level| is_there(copies, level));
        let meanwhile = meanwhile.or((wanted < halves.len()).then_some(halves.len())).filter(|_| is_large);
        let mut load = |copies: &mut Copies, level: usize, budget: &mut usize| {
            let (Some(source), Some(place)) = (plane(level), copies.levels.get_mut(level)) else { return };
            if place.is_none() {
                copies.bytes += 4 * source.data().len();
                self.uploads += 1;
            }
            place
                .get_or_insert_with(|| Tiled::new(gpu.device, source, sheet.key.0, self.largest_side))
                .upload(gpu, source, budget);
        };
        let mut all = usize::MAX;
        let Some(meanwhile) = meanwhile else {
            load(copies, wanted, &mut all);
            return (wanted, false);
        };
        load(copies, wanted, &mut self.budget);
        if is_there(copies, wanted) {
            return (wanted, false);
        }
        load(copies, meanwhile, &mut all);
        (meanwhile, true)
    }

    /// Takes a picture as it is on the device. Nothing is still to come.
    fn take(&mut self, key: (Kind, u64), picture: &DevicePicture) -> bool {
        let copies = self.known.entry(key).or_default();
        copies.used = self.frame;
        if copies.levels.is_empty() {
            copies.levels.push(Some(Tiled::there_already(picture)));
            let [width, height] = picture.size();
            copies.bytes = 4 * width * height;
        }
        false
    }

    /// Whether anything of a plane is on the device.
    #[cfg(test)]
    pub fn has(&self, key: (Kind, u64)) -> bool {
        self.known.contains_key(&key)
    }

    /// A copy that [`Self::level`] said is there.
    pub fn get(&self, sheet: &Sheet, level: usize) -> Option<&Tiled> {
        self.known.get(&sheet.key)?.levels.get(level)?.as_ref()
    }
}
