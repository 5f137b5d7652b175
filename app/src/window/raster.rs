//! Paints egui's triangles on the CPU, so that a picture of the window needs no graphics driver and is the same on every
//! machine. In: textures and tessellated meshes. Out: RGBA pixels.
//!
//! Follows egui's own shader: texture times vertex colour, both premultiplied, blended in gamma space.

use std::collections::HashMap;

use egui::epaint::{ClippedPrimitive, ImageData, Mesh, Primitive, TextureId, Vertex};
use egui::{Color32, Pos2, Rect, TextureFilter, TexturesDelta};

/// One texture.
struct Texture {
    size: [usize; 2],
    pixels: Vec<Color32>,
    is_linear: bool,
}

/// All textures, kept over frames.
#[derive(Default)]
pub struct Raster {
    textures: HashMap<TextureId, Texture>,
}

impl Raster {
    /// Takes new and changed textures, then forgets freed ones.
    pub fn update(&mut self, delta: &mut TexturesDelta) {
        for (id, changes) in delta.set.drain() {
            for change in changes {
                let ImageData::Color(image) = &change.image;
                let [width, height] = image.size;
                let is_linear = change.options.magnification == TextureFilter::Linear;
                match (change.pos, self.textures.get_mut(&id)) {
                    (Some([left, top]), Some(texture)) => {
                        for (row, line) in image.pixels.chunks_exact(width.max(1)).enumerate() {
                            let start = (top + row) * texture.size[0] + left;
                            if let Some(place) = texture.pixels.get_mut(start..start + width) {
                                place.copy_from_slice(line);
                            }
                        }
                    }
                    _ => {
                        let texture = Texture { size: [width, height], pixels: image.pixels.clone(), is_linear };
                        self.textures.insert(id, texture);
                    }
                }
            }
        }
        for id in delta.free.drain() {
            self.textures.remove(&id);
        }
    }

    /// Paints meshes on a ground of one colour.
    pub fn paint(
        &self,
        primitives: &[ClippedPrimitive],
        size: [usize; 2],
        pixels_per_point: f32,
        ground: Color32,
    ) -> Vec<u8> {
        let mut target = Target { size, pixels: vec![ground.to_normalized_gamma_f32(); size[0] * size[1]] };
        for ClippedPrimitive { clip_rect, primitive } in primitives {
            let Primitive::Mesh(mesh) = primitive else { continue };
            let Some(texture) = self.textures.get(&mesh.texture_id) else { continue };
            target.mesh(mesh, texture, Clip::new(*clip_rect, pixels_per_point, size), pixels_per_point);
        }
        target.pixels.iter().flat_map(|pixel| pixel.map(|v| (v.clamp(0.0, 1.0) * 255.0).round() as u8)).collect()
    }
}

/// The pixels that may be painted.
#[derive(Clone, Copy)]
struct Clip {
    min: [i32; 2],
    max: [i32; 2],
}

impl Clip {
    fn new(rect: Rect, scale: f32, size: [usize; 2]) -> Self {
        let edge = |v: f32, most: usize| ((v * scale).round().clamp(0.0, most as f32)) as i32;
        Self {
            min: [edge(rect.min.x, size[0]), edge(rect.min.y, size[1])],
            max: [edge(rect.max.x, size[0]), edge(rect.max.y, size[1])],
        }
    }
}

impl Texture {
    fn at(&self, x: i32, y: i32) -> [f32; 4] {
        let clamp = |v: i32, length: usize| v.clamp(0, length as i32 - 1) as usize;
        let (x, y) = (clamp(x, self.size[0]), clamp(y, self.size[1]));
        self.pixels[y * self.size[0] + x].to_array().map(|v| f32::from(v) / 255.0)
    }

    fn sample(&self, uv: Pos2) -> [f32; 4] {
        let (x, y) = (uv.x * self.size[0] as f32, uv.y * self.size[1] as f32);
        if !self.is_linear {
            return self.at(x.floor() as i32, y.floor() as i32);
        }
        let (x, y) = (x - 0.5, y - 0.5);
        let (left, top) = (x.floor(), y.floor());
        let (fx, fy) = (x - left, y - top);
        let (left, top) = (left as i32, top as i32);
        let mix = |a: [f32; 4], b: [f32; 4], t: f32| [0, 1, 2, 3].map(|i| a[i] + (b[i] - a[i]) * t);
        let upper = mix(self.at(left, top), self.at(left + 1, top), fx);
        let lower = mix(self.at(left, top + 1), self.at(left + 1, top + 1), fx);
        mix(upper, lower, fy)
    }
}

struct Target {
    size: [usize; 2],
    pixels: Vec<[f32; 4]>,
}

impl Target {
    fn mesh(&mut self, mesh: &Mesh, texture: &Texture, clip: Clip, scale: f32) {
        for corners in mesh.indices.chunks_exact(3) {
            let corner = |i: usize| mesh.vertices.get(corners[i] as usize).copied();
            if let (Some(a), Some(b), Some(c)) = (corner(0), corner(1), corner(2)) {
                self.triangle([a, b, c], texture, clip, scale);
            }
        }
    }

    /// Every pixel whose middle lies inside; one on an edge belongs to the triangle whose top or left edge it is.
    fn triangle(&mut self, mut corners: [Vertex; 3], texture: &Texture, clip: Clip, scale: f32) {
        for corner in &mut corners {
            corner.pos = (corner.pos.to_vec2() * scale).to_pos2();
        }
        let edge = |a: Pos2, b: Pos2, p: Pos2| (b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x);
        let mut area = edge(corners[0].pos, corners[1].pos, corners[2].pos);
        if area < 0.0 {
            corners.swap(1, 2);
            area = -area;
        }
        if area.is_nan() || area <= 0.0 {
            return;
        }
        let [a, b, c] = corners;
        let bounds = |axis: usize| {
            let values = [a.pos, b.pos, c.pos].map(|p| if axis == 0 { p.x } else { p.y });
            let low = values.iter().copied().fold(f32::INFINITY, f32::min).floor() as i32;
            let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max).ceil() as i32;
            low.max(clip.min[axis])..high.min(clip.max[axis])
        };
        let sides = [(b.pos, c.pos), (c.pos, a.pos), (a.pos, b.pos)];
        let is_top_left = sides.map(|(from, to)| (from.y == to.y && to.x > from.x) || to.y < from.y);
        let flat = a.color == b.color && b.color == c.color;
        let colours = [a, b, c].map(|v| v.color.to_array().map(|v| f32::from(v) / 255.0));
        for y in bounds(1) {
            for x in bounds(0) {
                let middle = Pos2::new(x as f32 + 0.5, y as f32 + 0.5);
                let weights = sides.map(|(from, to)| edge(from, to, middle));
                let inside = (0..3).all(|i| weights[i] > 0.0 || (weights[i] == 0.0 && is_top_left[i]));
                if !inside {
                    continue;
                }
                let weights = weights.map(|w| w / area);
                let uv =
                    (a.uv.to_vec2() * weights[0] + b.uv.to_vec2() * weights[1] + c.uv.to_vec2() * weights[2]).to_pos2();
                let sample = texture.sample(uv);
                let tint = if flat {
                    colours[0]
                } else {
                    [0, 1, 2, 3].map(|i| (0..3).map(|k| colours[k][i] * weights[k]).sum())
                };
                self.blend(x as usize, y as usize, [0, 1, 2, 3].map(|i| sample[i] * tint[i]));
            }
        }
    }

    fn blend(&mut self, x: usize, y: usize, over: [f32; 4]) {
        if let Some(under) = self.pixels.get_mut(y * self.size[0] + x) {
            *under = [0, 1, 2, 3].map(|i| over[i] + under[i] * (1.0 - over[3]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::epaint::ImageDelta;
    use egui::{ColorImage, TextureOptions};

    fn raster() -> Raster {
        let mut delta = TexturesDelta::default();
        let white = ColorImage::filled([1, 1], Color32::WHITE);
        delta.push(TextureId::default(), ImageDelta::full(white, TextureOptions::LINEAR));
        let mut raster = Raster::default();
        raster.update(&mut delta);
        raster
    }

    fn paint(mesh: Mesh, clip: Rect) -> Vec<u8> {
        let primitive = ClippedPrimitive { clip_rect: clip, primitive: Primitive::Mesh(mesh) };
        raster().paint(&[primitive], [8, 8], 1.0, Color32::BLACK)
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a colour to compute with, not one of the window")]
    fn a_half_transparent_square_is_painted_once_everywhere() {
        let mut mesh = Mesh::default();
        let square = Rect::from_min_max(Pos2::new(2.0, 1.0), Pos2::new(6.0, 5.0));
        mesh.add_colored_rect(square, Color32::from_white_alpha(128));
        let pixels = paint(mesh, Rect::EVERYTHING);
        for y in 0..8 {
            for x in 0..8 {
                let inside = (2..6).contains(&x) && (1..5).contains(&y);
                assert_eq!(pixels[(y * 8 + x) * 4], if inside { 128 } else { 0 }, "{x} {y}");
            }
        }
    }

    #[test]
    fn nothing_is_painted_beyond_the_clip() {
        let mut mesh = Mesh::default();
        mesh.add_colored_rect(
            Rect::EVERYTHING.intersect(Rect::from_min_max(Pos2::new(-50.0, -50.0), Pos2::new(50.0, 50.0))),
            Color32::WHITE,
        );
        let pixels = paint(mesh, Rect::from_min_max(Pos2::new(3.0, 3.0), Pos2::new(5.0, 4.0)));
        assert_eq!(pixels.chunks_exact(4).filter(|p| p[0] > 0).count(), 2);
    }

    #[test]
    fn parts_of_a_texture_can_change() {
        let mut raster = raster();
        let mut delta = TexturesDelta::default();
        let id = TextureId::Managed(7);
        delta.push(id, ImageDelta::full(ColorImage::filled([4, 4], Color32::BLACK), TextureOptions::NEAREST));
        raster.update(&mut delta);
        let mut delta = TexturesDelta::default();
        delta
            .push(id, ImageDelta::partial([1, 2], ColorImage::filled([2, 1], Color32::WHITE), TextureOptions::NEAREST));
        raster.update(&mut delta);
        let mut mesh = Mesh::with_texture(id);
        let all = Rect::from_min_max(Pos2::ZERO, Pos2::new(4.0, 4.0));
        mesh.add_rect_with_uv(all, Rect::from_min_max(Pos2::ZERO, Pos2::new(1.0, 1.0)), Color32::WHITE);
        let primitive = ClippedPrimitive { clip_rect: Rect::EVERYTHING, primitive: Primitive::Mesh(mesh) };
        let pixels = raster.paint(&[primitive], [4, 4], 1.0, Color32::BLACK);
        let white: Vec<usize> = (0..16).filter(|i| pixels[i * 4] == 255).collect();
        assert_eq!(white, [9, 10]);
    }
}
