//! The light box's pictures on the window's own graphics device. In: a viewport's [`Content`] and view. Out: its pixels,
//! painted between egui's own shapes.
//!
//! Planes are uploaded once ([`planes`]), sampled at the screen's pixels when the view changes ([`samples`]), and shown
//! with window, colours and overlay in every frame ([`shade`]): dragging the window costs one read a pixel. Everything
//! lives among the callback resources of egui's renderer and goes with its device. The reference is
//! [`fluoro_core::display`].

mod planes;
mod samples;
mod shade;
#[cfg(test)]
mod tests;

use eframe::egui_wgpu::{Callback, CallbackResources, CallbackTrait, RenderState, ScreenDescriptor};
use eframe::wgpu;
use egui::PaintCallbackInfo;
use fluoro_core::display::ViewTransform;

use super::sheet::Content;
use planes::Planes;
use samples::Samples;
use shade::Shade;

/// One viewport's picture in one frame of the window.
#[derive(Clone)]
pub struct Drawing {
    /// Which place it is painted in; no two of a frame share one.
    pub slot: usize,
    /// The window's frame.
    pub frame: u64,
    /// What it shows.
    pub content: Content,
    /// Which part, how large, how turned.
    pub transform: ViewTransform,
    /// Left and top on the screen, in physical pixels.
    pub place: [i32; 2],
    /// Width and height in physical pixels.
    pub size: [usize; 2],
    /// First column that is drawn, and the one after the last.
    pub columns: [usize; 2],
    /// Colour beyond the film.
    pub background: [u8; 3],
}

/// Everything on the graphics device.
pub struct Shaders {
    planes: Planes,
    samples: Samples,
    shade: Shade,
    frame: Option<u64>,
}

impl Shaders {
    /// Compiles the shaders for a target of this format. Planes with a side above `largest_side` are kept in tiles.
    pub fn new(device: &wgpu::Device, format: wgpu::TextureFormat, largest_side: u32) -> Self {
        Self {
            planes: Planes::new(largest_side),
            samples: Samples::new(device),
            shade: Shade::new(device, format),
            frame: None,
        }
    }

    /// Brings everything that a picture needs onto the device. Returns whether a part of a large film is still to come:
    /// until then a smaller copy of it is shown.
    pub fn prepare(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        encoder: &mut wgpu::CommandEncoder,
        drawing: &Drawing,
    ) -> bool {
        if self.frame != Some(drawing.frame) {
            self.frame = Some(drawing.frame);
            self.planes.next_frame();
            self.samples.next_frame();
        }
        let gpu = Gpu { device, queue };
        let size = drawing.transform.turn.upright(drawing.size);
        let mut waits = false;
        let mut sample = |sheet: &super::sheet::Sheet| {
            let (picture, more) = self.samples.of(gpu, encoder, &mut self.planes, sheet, &drawing.transform, size);
            waits |= more;
            picture
        };
        let content = &drawing.content;
        let film = sample(&content.film);
        let change = content.change.as_ref().map(|(sheet, _)| sample(sheet));
        let map = content.overlay.as_ref().map(|heat| sample(&heat.map));
        self.shade.prepare(gpu, drawing, [Some(film), change, map]);
        waits
    }

    /// Paints what was prepared for a slot.
    pub fn paint(&self, pass: &mut wgpu::RenderPass<'_>, slot: usize) {
        self.shade.paint(pass, slot);
    }
}

/// A device and its queue.
#[derive(Clone, Copy)]
struct Gpu<'a> {
    device: &'a wgpu::Device,
    queue: &'a wgpu::Queue,
}

/// Puts the shaders among the renderer's resources; says whether this device can draw with them.
pub fn install(state: &RenderState) -> bool {
    let float = state.adapter.get_texture_format_features(wgpu::TextureFormat::R32Float);
    if !float.allowed_usages.contains(wgpu::TextureUsages::RENDER_ATTACHMENT) {
        return false;
    }
    let largest_side = state.device.limits().max_texture_dimension_2d;
    let shaders = Shaders::new(&state.device, state.target_format, largest_side);
    state.renderer.write().callback_resources.insert(shaders);
    true
}

/// A drawing as a shape among egui's.
pub fn shape(ctx: &egui::Context, rect: egui::Rect, drawing: Drawing) -> egui::Shape {
    let callback = Painting { drawing, ctx: ctx.clone() };
    egui::Shape::Callback(Callback::new_paint_callback(rect, callback))
}

struct Painting {
    drawing: Drawing,
    ctx: egui::Context,
}

impl CallbackTrait for Painting {
    fn prepare(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        _screen: &ScreenDescriptor,
        encoder: &mut wgpu::CommandEncoder,
        resources: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        let shaders = resources.get_mut::<Shaders>();
        if shaders.is_some_and(|shaders| shaders.prepare(device, queue, encoder, &self.drawing)) {
            self.ctx.request_repaint();
        }
        Vec::new()
    }

    fn paint(&self, _info: PaintCallbackInfo, pass: &mut wgpu::RenderPass<'static>, resources: &CallbackResources) {
        if let Some(shaders) = resources.get::<Shaders>() {
            shaders.paint(pass, self.drawing.slot);
        }
    }
}

/// A shader of the folder `shaders/`.
fn module(device: &wgpu::Device, name: &str, source: &'static str) -> wgpu::ShaderModule {
    device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(name),
        source: wgpu::ShaderSource::Wgsl(source.into()),
    })
}

/// A texture that a fragment shader reads pixel by pixel.
fn texture_entry(binding: u32, view_dimension: wgpu::TextureViewDimension) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::FRAGMENT,
        ty: wgpu::BindingType::Texture {
            multisampled: false,
            sample_type: wgpu::TextureSampleType::Float { filterable: false },
            view_dimension,
        },
        count: None,
    }
}

/// Numbers that a fragment shader reads.
fn uniform_entry(binding: u32) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::FRAGMENT,
        ty: wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Uniform,
            has_dynamic_offset: false,
            min_binding_size: None,
        },
        count: None,
    }
}

/// A pipeline that runs a fragment shader for every pixel of its target.
fn pipeline(
    device: &wgpu::Device,
    module: &wgpu::ShaderModule,
    layout: &wgpu::BindGroupLayout,
    entry: &str,
    format: wgpu::TextureFormat,
) -> wgpu::RenderPipeline {
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some(entry),
        bind_group_layouts: &[Some(layout)],
        immediate_size: 0,
    });
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some(entry),
        layout: Some(&layout),
        vertex: wgpu::VertexState {
            module,
            entry_point: Some("whole"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            buffers: &[],
        },
        primitive: wgpu::PrimitiveState::default(),
        depth_stencil: None,
        multisample: wgpu::MultisampleState::default(),
        fragment: Some(wgpu::FragmentState {
            module,
            entry_point: Some(entry),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            targets: &[Some(format.into())],
        }),
        multiview_mask: None,
        cache: None,
    })
}

/// A texture for numbers.
fn texture(device: &wgpu::Device, name: &str, size: [u32; 3], format: wgpu::TextureFormat) -> wgpu::Texture {
    let [width, height, layers] = size;
    device.create_texture(&wgpu::TextureDescriptor {
        label: Some(name),
        size: wgpu::Extent3d { width, height, depth_or_array_layers: layers },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage: wgpu::TextureUsages::TEXTURE_BINDING
            | wgpu::TextureUsages::COPY_DST
            | wgpu::TextureUsages::RENDER_ATTACHMENT,
        view_formats: &[],
    })
}

/// Writes a part of a texture; `bytes` holds it row by row.
fn write(queue: &wgpu::Queue, texture: &wgpu::Texture, origin: [u32; 3], size: [u32; 2], bytes: &[u8]) {
    let [x, y, z] = origin;
    let rows = size[1].max(1);
    queue.write_texture(
        wgpu::TexelCopyTextureInfo {
            texture,
            mip_level: 0,
            origin: wgpu::Origin3d { x, y, z },
            aspect: wgpu::TextureAspect::All,
        },
        bytes,
        wgpu::TexelCopyBufferLayout {
            offset: 0,
            bytes_per_row: Some(bytes.len() as u32 / rows),
            rows_per_image: Some(rows),
        },
        wgpu::Extent3d { width: size[0], height: size[1], depth_or_array_layers: 1 },
    );
}

/// The view of all layers of a texture.
fn layers(texture: &wgpu::Texture) -> wgpu::TextureView {
    texture.create_view(&wgpu::TextureViewDescriptor {
        dimension: Some(wgpu::TextureViewDimension::D2Array),
        ..wgpu::TextureViewDescriptor::default()
    })
}
