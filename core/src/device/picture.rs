//! Pictures that stay on the graphics device: the tensor that the decoder made becomes a texture of the window without
//! being read back. In: tensors of a device that the window shares with the engine. Out: [`DevicePicture`]s, which the
//! window owns; the engine's own memory is free again at once, because one queue orders the copy before whatever comes.

use burn::backend::Wgpu;
use burn::cubecl::wgpu::{AutoCompiler, WgpuServer};
use burn::prelude::*;
use burn::tensor::DType;
use burn::tensor::wgpu::wgpu;

use crate::error::{Error, Result};

const SOURCE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../shaders/tensor_picture.wgsl"));
const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::R32Float;
/// Bytes of the shader's numbers.
const NUMBERS: u64 = 16;

/// One grey picture on the device, `R32Float`, one pixel for each sample.
#[derive(Clone, Debug, PartialEq)]
pub struct DevicePicture {
    /// The texture; it can be bound and copied.
    pub texture: wgpu::Texture,
}

impl DevicePicture {
    /// Width and height in samples.
    #[must_use]
    pub fn size(&self) -> [usize; 2] {
        [self.texture.width() as usize, self.texture.height() as usize]
    }
}

/// What an edit shows before anything of it is read back.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceFrame {
    /// The counterfactual, grey levels of the bundle's range.
    pub picture: DevicePicture,
    /// Counterfactual minus reconstruction, in the same grey levels.
    pub change: DevicePicture,
}

/// Makes pictures out of tensors.
#[derive(Debug)]
pub(crate) struct PictureMaker {
    device: wgpu::Device,
    queue: wgpu::Queue,
    layout: wgpu::BindGroupLayout,
    pipeline: wgpu::RenderPipeline,
}

impl PictureMaker {
    /// Compiles the shader; none where the adapter cannot draw into textures of floats, or cannot read buffers while it
    /// draws.
    pub fn new(adapter: &wgpu::Adapter, device: &wgpu::Device, queue: &wgpu::Queue) -> Option<Self> {
        let draws = adapter.get_texture_format_features(FORMAT).allowed_usages;
        let reads = adapter.get_downlevel_capabilities().flags;
        if !draws.contains(wgpu::TextureUsages::RENDER_ATTACHMENT)
            || !reads.contains(wgpu::DownlevelFlags::FRAGMENT_STORAGE)
        {
            return None;
        }
        let entry = |binding: u32, ty: wgpu::BufferBindingType| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::FRAGMENT,
            ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
            count: None,
        };
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("tensor picture"),
            entries: &[
                entry(0, wgpu::BufferBindingType::Storage { read_only: true }),
                entry(1, wgpu::BufferBindingType::Uniform),
            ],
        });
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("tensor_picture.wgsl"),
            source: wgpu::ShaderSource::Wgsl(SOURCE.into()),
        });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("tensor picture"),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some("tensor picture"),
            layout: Some(&pipeline_layout),
            vertex: wgpu::VertexState {
                module: &module,
                entry_point: Some("whole"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                buffers: &[],
            },
            fragment: Some(wgpu::FragmentState {
                module: &module,
                entry_point: Some("sample"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                targets: &[Some(wgpu::ColorTargetState {
                    format: FORMAT,
                    blend: None,
                    write_mask: wgpu::ColorWrites::ALL,
                })],
            }),
            primitive: wgpu::PrimitiveState::default(),
            depth_stencil: None,
            multisample: wgpu::MultisampleState::default(),
            multiview_mask: None,
            cache: None,
        });
        Some(Self { device: device.clone(), queue: queue.clone(), layout, pipeline })
    }

    /// The first picture of a batch `[b, c, h, w]`, its first channel. `nothing` stands for samples that are no numbers.
    ///
    /// # Errors
    /// When the tensor lies on another device, is not of `f32`, or the device fails.
    pub fn picture(&self, tensor: Tensor<4>, nothing: f32) -> Result<DevicePicture> {
        let failure = |reason: String| Error::Device { device: "graphics device".into(), reason };
        let [_, _, height, width] = tensor.dims();
        let tensor = tensor.slice([0..1, 0..1, 0..height, 0..width]);
        let cube = tensor.try_into_primitive::<Wgpu>().map_err(|e| failure(format!("{e:?}")))?;
        if cube.dtype != DType::F32 || !cube.is_contiguous() {
            return Err(failure(format!("a tensor of {:?} is no picture as it lies there", cube.dtype)));
        }
        // This hands over all work before it, in order; it does not wait for it.
        let resource = cube.client.get_resource::<WgpuServer<AutoCompiler>>(cube.handle.clone());
        let managed = resource.map_err(|e| failure(e.to_string()))?;
        let samples = managed.resource();
        let numbers = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("tensor picture"),
            size: NUMBERS,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut bytes = [0; NUMBERS as usize];
        bytes[..4].copy_from_slice(&(width as u32).to_le_bytes());
        bytes[4..8].copy_from_slice(&nothing.to_le_bytes());
        self.queue.write_buffer(&numbers, 0, &bytes);
        let texture = self.device.create_texture(&wgpu::TextureDescriptor {
            label: Some("tensor picture"),
            size: wgpu::Extent3d { width: width as u32, height: height as u32, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: FORMAT,
            usage: wgpu::TextureUsages::TEXTURE_BINDING
                | wgpu::TextureUsages::RENDER_ATTACHMENT
                | wgpu::TextureUsages::COPY_SRC,
            view_formats: &[],
        });
        let bind = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("tensor picture"),
            layout: &self.layout,
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: samples.as_wgpu_bind_resource() },
                wgpu::BindGroupEntry { binding: 1, resource: numbers.as_entire_binding() },
            ],
        });
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
                label: Some("tensor picture"),
                color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                    view: &view,
                    depth_slice: None,
                    resolve_target: None,
                    ops: wgpu::Operations {
                        load: wgpu::LoadOp::Clear(wgpu::Color::BLACK),
                        store: wgpu::StoreOp::Store,
                    },
                })],
                ..wgpu::RenderPassDescriptor::default()
            });
            pass.set_pipeline(&self.pipeline);
            pass.set_bind_group(0, &bind, &[]);
            pass.draw(0..3, 0..1);
        }
        self.queue.submit([encoder.finish()]);
        // Only now may the engine use the memory for something else: its next work comes after this on the same queue.
        drop(managed);
        Ok(DevicePicture { texture })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{ComputeDevice, WgpuSetup};

    /// A device as the window opens it: on whatever adapter there is, software in CI.
    fn shared() -> (ComputeDevice, WgpuSetup) {
        let descriptor = wgpu::InstanceDescriptor {
            backends: wgpu::Backends::PRIMARY,
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        };
        let instance = wgpu::Instance::new(descriptor);
        let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
        let adapter = adapters.into_iter().next().expect("an adapter; install mesa-vulkan-drivers for a software one");
        let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
            required_features: adapter.features()
                - wgpu::Features::MAPPABLE_PRIMARY_BUFFERS
                - wgpu::Features::all_experimental_mask(),
            required_limits: adapter.limits(),
            ..wgpu::DeviceDescriptor::default()
        }))
        .expect("a device");
        let backend = adapter.get_info().backend;
        let setup = WgpuSetup { instance, adapter, device, queue, backend };
        (ComputeDevice::adopt(setup.clone()).expect("burn takes it over"), setup)
    }

    fn read(setup: &WgpuSetup, picture: &DevicePicture) -> Vec<f32> {
        let [width, height] = picture.size().map(|v| v as u32);
        let row = (width * 4).next_multiple_of(256);
        let buffer = setup.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: u64::from(row * height),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = setup.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(row), rows_per_image: None };
        let info = wgpu::TexelCopyBufferInfo { buffer: &buffer, layout };
        encoder.copy_texture_to_buffer(picture.texture.as_image_copy(), info, picture.texture.size());
        setup.queue.submit([encoder.finish()]);
        buffer.slice(..).map_async(wgpu::MapMode::Read, |result| result.expect("mapped"));
        setup.device.poll(wgpu::PollType::wait_indefinitely()).expect("the device answers");
        let bytes = buffer.slice(..).get_mapped_range().expect("bytes").to_vec();
        let lines = bytes.chunks_exact(row as usize).flat_map(|line| &line[..width as usize * 4]).copied();
        let bytes: Vec<u8> = lines.collect();
        bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
    }

    #[test]
    fn a_texture_holds_the_tensors_own_numbers() {
        let (device, setup) = shared();
        let maker = device.pictures().expect("textures of floats");
        let (width, height) = (37, 23);
        let mut numbers: Vec<f32> = (0..width * height * 2).map(|i| (i as f32 * 0.37).sin() * 1024.0).collect();
        let tensor = |numbers: &[f32]| {
            let data = TensorData::new(numbers.to_vec(), [2, 1, height, width]);
            Tensor::<4>::from_data(data, device.tensor_device())
        };
        // Computed on the device, so that the work is still on its way when the texture is asked for.
        let made = maker.picture(tensor(&numbers) * 0.5 + 3.0, 0.0).expect("a picture");
        assert_eq!(made.size(), [width, height]);
        let wanted: Vec<f32> = (tensor(&numbers) * 0.5 + 3.0)
            .into_data()
            .try_into_vec::<f32>()
            .expect("numbers")
            .into_iter()
            .take(width * height)
            .collect();
        assert_eq!(read(&setup, &made), wanted);

        // The second of a batch lies behind an offset that the device can bind: 64 x 64 numbers are 16 KiB.
        let square: Vec<f32> = (0..2 * 64 * 64).map(|i| (i as f32).sqrt()).collect();
        let batch = Tensor::<4>::from_data(TensorData::new(square.clone(), [2, 1, 64, 64]), device.tensor_device());
        let second = batch.slice([1..2, 0..1, 0..64, 0..64]);
        let made = maker.picture(second, 0.0).expect("a picture");
        assert_eq!(read(&setup, &made), square[64 * 64..]);
        // A batch of one is bound as it lies there.
        let data = TensorData::new(square[..64 * 64].to_vec(), [1, 1, 64, 64]);
        let one = Tensor::<4>::from_data(data, device.tensor_device()) * 2.0;
        let doubled: Vec<f32> = square[..64 * 64].iter().map(|v| v * 2.0).collect();
        assert_eq!(read(&setup, &maker.picture(one, 0.0).expect("a picture")), doubled);

        (numbers[0], numbers[1], numbers[2]) = (f32::NAN, f32::INFINITY, f32::NEG_INFINITY);
        let made = read(&setup, &maker.picture(tensor(&numbers), -7.0).expect("a picture"));
        assert_eq!(made[..3], [-7.0; 3]);
        assert_eq!(made[3..], numbers[3..width * height]);

        // What the engine computes next may use the same memory: the picture stays.
        let kept = maker.picture(tensor(&numbers), -7.0).expect("a picture");
        for _ in 0..20 {
            let _other = (tensor(&numbers) * 0.0).into_data();
        }
        assert_eq!(read(&setup, &kept), made);

        let elsewhere = Tensor::<4>::zeros([1, 1, 2, 2], ComputeDevice::cpu().tensor_device());
        assert!(maker.picture(elsewhere, 0.0).is_err(), "a tensor of the CPU is not on the graphics device");
    }
}
