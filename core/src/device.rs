//! Which device computes: a real GPU through wgpu, or the CPU through burn-flex. Chosen once, at start.

use std::sync::Arc;

use burn::prelude::*;
use burn::tensor::wgpu::wgpu;
use serde::{Deserialize, Serialize};

pub use burn::tensor::wgpu::WgpuSetup;

mod picture;

pub(crate) use picture::PictureMaker;
pub use picture::{DeviceFrame, DevicePicture};

use crate::error::{Error, Result};

/// What the user asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeviceChoice {
    /// A real GPU when there is one, otherwise the CPU.
    #[default]
    Auto,
    /// A real GPU, or an error.
    Gpu,
    /// The CPU.
    Cpu,
}

impl std::str::FromStr for DeviceChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(Self::Auto),
            "gpu" => Ok(Self::Gpu),
            "cpu" => Ok(Self::Cpu),
            _ => Err(Error::unknown("device", text, ["auto", "gpu", "cpu"])),
        }
    }
}

/// An opened compute device.
#[derive(Clone, Debug)]
pub struct ComputeDevice {
    device: Device,
    name: String,
    is_gpu: bool,
    /// Where the window draws with the same device.
    pictures: Option<Arc<PictureMaker>>,
}

impl ComputeDevice {
    /// The CPU: burn-flex on all cores.
    #[must_use]
    pub fn cpu() -> Self {
        let threads = rayon::current_num_threads();
        Self { device: Device::flex(), name: format!("CPU, {threads} threads"), is_gpu: false, pictures: None }
    }

    /// Opens the device for `choice`, with a warning in words when the CPU had to take over from a GPU.
    ///
    /// # Errors
    /// When a GPU was demanded and none can be used.
    pub fn open(choice: DeviceChoice) -> Result<(Self, Option<String>)> {
        match choice {
            DeviceChoice::Cpu => Ok((Self::cpu(), None)),
            DeviceChoice::Gpu => Ok((Self::gpu()?, None)),
            DeviceChoice::Auto if real_adapter().is_none() => Ok((Self::cpu(), None)),
            DeviceChoice::Auto => Ok(match Self::gpu() {
                Ok(device) => (device, None),
                Err(error) => (Self::cpu(), Some(format!("{error}; computing on the CPU instead"))),
            }),
        }
    }

    /// Takes over a wgpu device that the window already opened, so that both share memory and one queue.
    ///
    /// # Errors
    /// When burn cannot use it.
    pub fn adopt(setup: WgpuSetup) -> Result<Self> {
        let name = setup.adapter.get_info().name;
        let pictures = PictureMaker::new(&setup.adapter, &setup.device, &setup.queue).map(Arc::new);
        let device = Device::wgpu_options()
            .setup(setup)
            .init()
            .map_err(|e| Error::Device { device: name.clone(), reason: e.to_string() })?;
        Ok(Self { device, name, is_gpu: true, pictures })
    }

    /// wgpu on any adapter: a real GPU, or a software one (lavapipe) where there is none. On software far slower than
    /// [`Self::cpu`], so it is never chosen for work; tests compare the two backends with it.
    ///
    /// # Errors
    /// When there is no adapter at all.
    pub fn any_wgpu() -> Result<Self> {
        if real_adapter().is_some() {
            return Self::gpu();
        }
        let device = Device::wgpu_options()
            .device_kind(DeviceKind::Cpu)
            .init()
            .map_err(|e| Error::Device { device: "software Vulkan".into(), reason: e.to_string() })?;
        Ok(Self { device, name: "software Vulkan".into(), is_gpu: true, pictures: None })
    }

    fn gpu() -> Result<Self> {
        let Some(info) = real_adapter() else {
            return Err(Error::Device {
                device: "GPU".into(),
                reason: "no hardware GPU with a Vulkan, Metal or DirectX 12 driver was found; use --device cpu".into(),
            });
        };
        let kind = match info.device_type {
            wgpu::DeviceType::IntegratedGpu => DeviceKind::IntegratedGpu(0),
            wgpu::DeviceType::VirtualGpu => DeviceKind::VirtualGpu(0),
            _ => DeviceKind::DiscreteGpu(0),
        };
        let device = Device::wgpu_options()
            .device_kind(kind)
            .init()
            .map_err(|e| Error::Device { device: info.name.clone(), reason: e.to_string() })?;
        Ok(Self { device, name: info.name, is_gpu: true, pictures: None })
    }

    /// burn's handle, for tensors and models.
    #[must_use]
    pub fn tensor_device(&self) -> &Device {
        &self.device
    }

    /// What to show: the adapter's name, or the CPU and its threads.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What makes textures of the window out of tensors; none where the window draws with a device of its own.
    pub(crate) fn pictures(&self) -> Option<&PictureMaker> {
        self.pictures.as_deref()
    }

    /// Whether wgpu computes.
    #[must_use]
    pub fn is_gpu(&self) -> bool {
        self.is_gpu
    }
}

/// Whether a wgpu adapter is hardware that is worth computing on: never a software rasteriser.
#[must_use]
pub fn is_real_gpu(info: &wgpu::AdapterInfo) -> bool {
    matches!(
        info.device_type,
        wgpu::DeviceType::DiscreteGpu | wgpu::DeviceType::IntegratedGpu | wgpu::DeviceType::VirtualGpu
    )
}

/// Device files of GPUs on Linux: kernel drivers, NVIDIA's own, WSL's, Mali's and Adreno's.
const GPU_FILES: [&str; 5] = ["/dev/dri", "/dev/nvidiactl", "/dev/dxg", "/dev/mali0", "/dev/kgsl-3d0"];

fn real_adapter() -> Option<wgpu::AdapterInfo> {
    // Without such a file there are software drivers at most, and loading those takes time and prints complaints where
    // there is no desktop session.
    if cfg!(target_os = "linux") && !GPU_FILES.iter().any(|file| std::path::Path::new(file).exists()) {
        return None;
    }
    // Without OpenGL: burn cannot use it, and asking for it prints complaints where there is no desktop session.
    let descriptor = wgpu::InstanceDescriptor {
        backends: wgpu::Backends::PRIMARY,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    };
    let instance = wgpu::Instance::new(descriptor);
    let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
    let mut infos: Vec<_> = adapters.iter().map(wgpu::Adapter::get_info).filter(is_real_gpu).collect();
    infos.sort_by_key(|info| match info.device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        _ => 2,
    });
    infos.into_iter().next()
}
