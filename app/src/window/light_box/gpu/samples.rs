//! Planes sampled at the screen's pixels, kept while neither plane nor view changes. In: planes and a view. Out: textures
//! of the viewport's upright size, and where the plane lies on them.

use eframe::wgpu;
use fluoro_core::display::{Extent, Sampling, Taps, ViewTransform};

use super::super::sheet::{Kind, Sheet};
use super::planes::Planes;
use super::{Gpu, layers, module, pipeline, texture, texture_entry, uniform_entry, write};

const SOURCE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../shaders/resample.wgsl"));
/// Numbers of one pass.
const PASS_BYTES: u64 = 32;
/// Sampled planes kept for the next view of the same size.
const MOST_SPARE: usize = 8;
/// Widths are rounded up to this, so that a film that moves does not need a new texture for each place.
const STEP: u32 = 128;

/// What a sampled plane depends on.
#[derive(Clone, PartialEq)]
struct Key {
    sheet: (Kind, u64),
    level: usize,
    extent: Extent,
    transform: ViewTransform,
    size: [usize; 2],
}

/// A plane at the screen's pixels.
#[derive(Clone)]
pub struct Sampled {
    /// The samples.
    pub view: wgpu::TextureView,
    /// Left, top, right and bottom of where they are.
    pub area: [usize; 4],
}

struct Kept {
    key: Key,
    sampled: Sampled,
    down: Weights,
    across: Weights,
    used: u64,
}

/// The weights of one pass on the device.
struct Weights {
    texture: wgpu::Texture,
    view: wgpu::TextureView,
    numbers: wgpu::Buffer,
}

impl Weights {
    fn new(device: &wgpu::Device, size: [u32; 2]) -> Self {
        let texture = texture(device, "weights", [size[0], size[1], 1], wgpu::TextureFormat::Rgba32Float);
        let numbers = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("pass"),
            size: PASS_BYTES,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        Self { view: texture.create_view(&wgpu::TextureViewDescriptor::default()), texture, numbers }
    }

    /// Makes room for this many taps, and writes them.
    fn set(&mut self, gpu: Gpu<'_>, taps: &Taps, numbers: [i32; 5]) {
        let width = taps.iter().len() as u32;
        let most = taps.iter().map(|(_, weights)| weights.len()).max().unwrap_or(0);
        let height = 1 + most.saturating_sub(2).div_ceil(4) as u32;
        if self.texture.width() < width || self.texture.height() < height {
            let old = [self.texture.width(), self.texture.height()];
            *self = Self::new(gpu.device, [width.max(old[0]), height.max(old[1])]);
        }
        let row = width as usize * 4;
        let mut table = vec![0.0_f32; row * height as usize];
        for (pixel, (first, weights)) in taps.iter().enumerate() {
            table[pixel * 4..pixel * 4 + 2].copy_from_slice(&[first as f32, weights.len() as f32]);
            for (k, &weight) in weights.iter().enumerate() {
                table[(k + 2) / 4 * row + pixel * 4 + (k + 2) % 4] = weight;
            }
        }
        let bytes: Vec<u8> = table.iter().flat_map(|v| v.to_le_bytes()).collect();
        write(gpu.queue, &self.texture, [0; 3], [width, height], &bytes);
        let [first, offset, last, shift, tiles] = numbers;
        let bytes: Vec<u8> =
            [first, offset, last, shift, tiles, 0, 0, 0].iter().flat_map(|v| v.to_le_bytes()).collect();
        gpu.queue.write_buffer(&self.numbers, 0, &bytes);
    }
}

/// All sampled planes, and the two passes that make them.
pub struct Samples {
    layout: wgpu::BindGroupLayout,
    down: wgpu::RenderPipeline,
    across: wgpu::RenderPipeline,
    kept: Vec<Kept>,
    /// Between the passes.
    middle: Option<Middle>,
    frame: u64,
    /// How many were made so far.
    pub made: u64,
}

impl Samples {
    /// Compiles the passes.
    pub fn new(device: &wgpu::Device) -> Self {
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("resample"),
            entries: &[
                texture_entry(0, wgpu::TextureViewDimension::D2Array),
                texture_entry(1, wgpu::TextureViewDimension::D2),
                uniform_entry(2),
            ],
        });
        let module = module(device, "resample.wgsl", SOURCE);
        let pass = |entry| pipeline(device, &module, &layout, entry, wgpu::TextureFormat::R32Float);
        Self { down: pass("down"), across: pass("across"), layout, kept: Vec::new(), middle: None, frame: 0, made: 0 }
    }

    /// What the last frame did not show is spare from now on.
    pub fn next_frame(&mut self) {
        let last = self.frame;
        let mut spare = 0;
        self.kept.retain(|kept| {
            spare += usize::from(kept.used != last);
            kept.used == last || spare <= MOST_SPARE
        });
        self.frame += 1;
    }

    /// A sheet sampled for a view; whether a finer copy of it is on its way.
    pub fn of(
        &mut self,
        gpu: Gpu<'_>,
        encoder: &mut wgpu::CommandEncoder,
        planes: &mut Planes,
        sheet: &Sheet,
        transform: &ViewTransform,
        size: [usize; 2],
    ) -> (Sampled, bool) {
        let transform = transform.upright();
        let wanted = sheet.measures().map_or(0, |measures| Sampling::level_of(&measures, &transform));
        let (level, waits) = planes.level(gpu, sheet, wanted);
        let key = Key { sheet: sheet.key, level, extent: sheet.extent, transform, size };
        if let Some(kept) = self.kept.iter_mut().find(|kept| kept.key == key) {
            kept.used = self.frame;
            return (kept.sampled.clone(), waits);
        }
        let mut kept = self.room(gpu.device, key);
        self.fill(gpu, encoder, planes, sheet, &mut kept);
        self.made += 1;
        let sampled = kept.sampled.clone();
        self.kept.push(kept);
        (sampled, waits)
    }

    /// One of the same size that is no longer shown, or a new one.
    fn room(&mut self, device: &wgpu::Device, key: Key) -> Kept {
        // Not one of the last frame: an old one may still be wanted in this one.
        let frame = self.frame;
        let spare = self.kept.iter().position(|kept| kept.used + 1 < frame && kept.key.size == key.size);
        if let Some(place) = spare {
            return Kept { key, used: frame, ..self.kept.swap_remove(place) };
        }
        let [width, height] = key.size.map(|v| v.max(1) as u32);
        let target = texture(device, "sampled", [width, height, 1], wgpu::TextureFormat::R32Float);
        let view = target.create_view(&wgpu::TextureViewDescriptor::default());
        let weights = |length: u32| Weights::new(device, [length, 3]);
        Kept {
            key,
            sampled: Sampled { view, area: [0; 4] },
            down: weights(height),
            across: weights(width),
            used: frame,
        }
    }

    fn fill(
        &mut self,
        gpu: Gpu<'_>,
        encoder: &mut wgpu::CommandEncoder,
        planes: &Planes,
        sheet: &Sheet,
        kept: &mut Kept,
    ) {
        kept.sampled.area = [0; 4];
        let (Some(measures), Some(plane)) = (sheet.measures(), planes.get(sheet, kept.key.level)) else { return };
        let sampling = Sampling::at_level(&measures, &kept.key.transform, kept.key.size, kept.key.level);
        if sampling.is_empty() {
            return;
        }
        let ([from, to], [top, bottom]) = (sampling.columns.source(), sampling.rows.source());
        if bottom <= top || to <= from {
            return;
        }
        let area = sampling.area().map(|v| v as u32);
        let [left, upper, right, lower] = area;
        let between = [(to - from) as u32, kept.key.size[1] as u32];
        let middle = Self::middle(&mut self.middle, gpu.device, between);
        let numbers = [upper as i32, from as i32, bottom as i32 - 1, plane.shift as i32, plane.tiles as i32];
        kept.down.set(gpu, &sampling.rows, numbers);
        kept.across.set(gpu, &sampling.columns, [left as i32, from as i32, to as i32 - 1, 30, 1]);
        let bind = |source: &wgpu::TextureView, weights: &Weights| {
            gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some("resample"),
                layout: &self.layout,
                entries: &[
                    wgpu::BindGroupEntry { binding: 0, resource: wgpu::BindingResource::TextureView(source) },
                    wgpu::BindGroupEntry { binding: 1, resource: wgpu::BindingResource::TextureView(&weights.view) },
                    wgpu::BindGroupEntry { binding: 2, resource: weights.numbers.as_entire_binding() },
                ],
            })
        };
        let down = bind(&plane.view, &kept.down);
        let across = bind(middle.1, &kept.across);
        let rows = lower - upper;
        run(encoder, &self.down, &down, middle.0, [0, upper, between[0], rows]);
        run(encoder, &self.across, &across, &kept.sampled.view, [left, upper, right - left, rows]);
        kept.sampled.area = sampling.area();
    }

    /// The texture between the passes, at least this large: as a target, and as a source.
    fn middle<'a>(
        middle: &'a mut Option<Middle>,
        device: &wgpu::Device,
        [width, height]: [u32; 2],
    ) -> (&'a wgpu::TextureView, &'a wgpu::TextureView) {
        let old = middle.as_ref().map_or([0; 2], |middle| middle.size);
        if old[0] < width || old[1] < height {
            *middle = None;
        }
        let middle = middle.get_or_insert_with(|| {
            let size = [width.next_multiple_of(STEP).max(old[0]), height.next_multiple_of(STEP).max(old[1])];
            let texture = texture(device, "between", [size[0], size[1], 1], wgpu::TextureFormat::R32Float);
            let target = texture.create_view(&wgpu::TextureViewDescriptor::default());
            Middle { size, target, source: layers(&texture) }
        });
        (&middle.target, &middle.source)
    }
}

/// The texture between the passes.
struct Middle {
    size: [u32; 2],
    target: wgpu::TextureView,
    source: wgpu::TextureView,
}

/// Runs a pass over a part of its target.
fn run(
    encoder: &mut wgpu::CommandEncoder,
    pipeline: &wgpu::RenderPipeline,
    bind: &wgpu::BindGroup,
    target: &wgpu::TextureView,
    [x, y, width, height]: [u32; 4],
) {
    let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
        label: Some("resample"),
        color_attachments: &[Some(wgpu::RenderPassColorAttachment {
            view: target,
            depth_slice: None,
            resolve_target: None,
            ops: wgpu::Operations { load: wgpu::LoadOp::Clear(wgpu::Color::TRANSPARENT), store: wgpu::StoreOp::Store },
        })],
        ..wgpu::RenderPassDescriptor::default()
    });
    pass.set_pipeline(pipeline);
    pass.set_bind_group(0, bind, &[]);
    pass.set_scissor_rect(x, y, width, height);
    pass.draw(0..3, 0..1);
}
