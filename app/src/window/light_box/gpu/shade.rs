//! What a viewport's samples look like: window, colours, overlay, turn, wipe. In: sampled planes. Out: pixels on the
//! window.

use std::collections::HashMap;

use eframe::wgpu;
use fluoro_core::display::{ColourMap, Turn};

use super::samples::Sampled;
use super::{Drawing, Gpu, module, pipeline, texture, texture_entry, uniform_entry, write};

const SOURCE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../shaders/light_box.wgsl"));
/// Bytes of the numbers: as many fours as `Look` has in the shader.
const LOOK_BYTES: u64 = 14 * 16;

/// The last step of every picture.
pub struct Shade {
    layout: wgpu::BindGroupLayout,
    pipeline: wgpu::RenderPipeline,
    /// The colour tables in use.
    tables: HashMap<ColourMap, wgpu::TextureView>,
    /// Stands for a picture that there is none of.
    nothing: wgpu::TextureView,
    slots: HashMap<usize, (wgpu::Buffer, wgpu::BindGroup)>,
    /// The target takes linear light.
    is_linear: bool,
}

impl Shade {
    /// Compiles it for a target.
    pub fn new(device: &wgpu::Device, format: wgpu::TextureFormat) -> Self {
        let flat = wgpu::TextureViewDimension::D2;
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("light box"),
            entries: &[
                texture_entry(0, flat),
                texture_entry(1, flat),
                texture_entry(2, flat),
                texture_entry(3, flat),
                uniform_entry(4),
            ],
        });
        let module = module(device, "light_box.wgsl", SOURCE);
        let nothing = texture(device, "nothing", [1, 1, 1], wgpu::TextureFormat::R32Float);
        Self {
            pipeline: pipeline(device, &module, &layout, "show", format),
            layout,
            tables: HashMap::new(),
            nothing: nothing.create_view(&wgpu::TextureViewDescriptor::default()),
            slots: HashMap::new(),
            is_linear: format.is_srgb(),
        }
    }

    /// Gets a slot ready: film, change and map.
    pub fn prepare(&mut self, gpu: Gpu<'_>, drawing: &Drawing, samples: [Option<Sampled>; 3]) {
        let content = &drawing.content;
        let table = self.tables.entry(content.colours).or_insert_with(|| table(gpu, content.colours));
        let numbers =
            numbers(drawing, samples.each_ref().map(|s| s.as_ref().map_or([0; 4], |s| s.area)), self.is_linear);
        let buffer = match self.slots.remove(&drawing.slot) {
            Some((buffer, _)) => buffer,
            None => gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("look"),
                size: LOOK_BYTES,
                usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            }),
        };
        gpu.queue.write_buffer(&buffer, 0, &numbers);
        let [film, change, map] = samples.each_ref().map(|s| s.as_ref().map_or(&self.nothing, |s| &s.view));
        let views = [film, change, map, &*table].into_iter().enumerate();
        let views = views.map(|(i, view)| (i as u32, wgpu::BindingResource::TextureView(view)));
        let entries: Vec<wgpu::BindGroupEntry<'_>> = views
            .chain([(4, buffer.as_entire_binding())])
            .map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource })
            .collect();
        let bind = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("light box"),
            layout: &self.layout,
            entries: &entries,
        });
        self.slots.insert(drawing.slot, (buffer, bind));
    }

    /// Paints a slot that is ready.
    pub fn paint(&self, pass: &mut wgpu::RenderPass<'_>, slot: usize) {
        if let Some((_, bind)) = self.slots.get(&slot) {
            pass.set_pipeline(&self.pipeline);
            pass.set_bind_group(0, bind, &[]);
            pass.draw(0..3, 0..1);
        }
    }
}

fn table(gpu: Gpu<'_>, colours: ColourMap) -> wgpu::TextureView {
    let texture = texture(gpu.device, "colours", [256, 1, 1], wgpu::TextureFormat::Rgba8Unorm);
    let bytes: Vec<u8> = colours.table().iter().flat_map(|[r, g, b]| [*r, *g, *b, 255]).collect();
    write(gpu.queue, &texture, [0; 3], [256, 1], &bytes);
    texture.create_view(&wgpu::TextureViewDescriptor::default())
}

/// The numbers of `Look`, in the shader's order.
fn numbers(drawing: &Drawing, areas: [[usize; 4]; 3], is_linear: bool) -> Vec<u8> {
    let (content, turn) = (&drawing.content, drawing.transform.turn);
    let [width, height] = drawing.size.map(|v| v as i32);
    let upright = turn.upright([width, height]);
    let columns = drawing.columns.map(|v| v as i32);
    let mut bytes = Vec::with_capacity(LOOK_BYTES as usize);
    let mut whole = |four: [i32; 4]| bytes.extend(four.iter().flat_map(|v| v.to_le_bytes()));
    whole([drawing.place[0], drawing.place[1], width, height]);
    whole([upright[0], upright[1], columns[0], columns[1]]);
    whole(back(turn));
    for area in areas {
        whole(area.map(|v| v as i32));
    }
    let look = content.overlay.as_ref().map(|heat| heat.look);
    let outline = look.and_then(|look| look.outline);
    let gain = content.change.as_ref().map_or(0.0, |(_, gain)| *gain);
    let ramp = content.window.ramp();
    let (first, second) = ramp.unwrap_or((content.window.center, content.window.width.max(f32::MIN_POSITIVE)));
    let modes = [ramp.is_none(), content.invert, outline.is_some(), is_linear].map(i32::from);
    let float = |four: [f32; 4]| four.map(f32::to_bits).map(u32::cast_signed);
    let rgb = |[r, g, b]: [u8; 3]| float([f32::from(r), f32::from(g), f32::from(b), 0.0]);
    whole(float([first, second, gain, outline.map_or(0.0, |outline| outline.width)]));
    whole(modes);
    let look = look.unwrap_or_default();
    whole(float([look.limit, look.threshold, look.opacity, 0.0]));
    whole(rgb(look.added));
    whole(rgb(look.removed));
    whole(rgb(outline.map_or([0; 3], |outline| outline.line)));
    whole(rgb(outline.map_or([0; 3], |outline| outline.halo)));
    whole(rgb(drawing.background));
    bytes
}

/// The matrix from steps on the screen to steps on the upright picture: the inverse of a turn is its transpose.
fn back(turn: Turn) -> [i32; 4] {
    let [[a, b], [c, d]] = turn.rows();
    [a, c, b, d].map(i32::from)
}
