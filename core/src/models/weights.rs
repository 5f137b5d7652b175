//! Named tensors of a module: out to be saved, in to be loaded, with every mismatch named.
//!
//! A tensor's name is its path of field names, `encoder` modules keep burn's layout (a linear weight is `[in, out]`).

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::prelude::*;
use burn::tensor::TensorData;

/// Tensors by name.
pub type Weights = BTreeMap<String, TensorData>;

/// Every float parameter of `module` by path.
pub fn collect<M: Module>(module: &M) -> Weights {
    let mut collector = Collector { path: Path::default(), weights: Weights::new() };
    module.visit(&mut collector);
    collector.weights
}

/// `module` with its parameters replaced by those of the same path in `weights`, which are taken out of it; what is
/// left in `weights` afterwards was not used. Parameter ids become the position in the module, so that an optimiser's
/// saved state fits again after a restart.
///
/// # Errors
/// One line for each tensor that is missing or has another shape.
pub fn apply<M: Module>(module: M, weights: &mut Weights, device: &Device) -> Result<M, String> {
    let mut applier = Applier { path: Path::default(), weights, device, next_id: 1, problems: Vec::new() };
    let module = module.map(&mut applier);
    if applier.problems.is_empty() { Ok(module) } else { Err(applier.problems.join("; ")) }
}

/// A copy of `module` on `device`, without the autodiff graph that a training step may have left on its parameters.
///
/// # Errors
/// When a tensor cannot be read back.
pub fn copied_to<M: Module>(module: &M, device: &Device) -> Result<M, String> {
    apply(module.clone(), &mut collect(module), device)
}

/// Number of float parameters.
pub fn parameter_count<M: Module>(module: &M) -> usize {
    collect(module).values().map(|data| data.shape().num_elements()).sum()
}

#[derive(Default)]
struct Path(Vec<String>);

impl Path {
    fn name(&self) -> String {
        self.0.join(".")
    }
}

struct Collector {
    path: Path,
    weights: Weights,
}

impl ModuleVisitor for Collector {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.weights.insert(self.path.name(), param.val().into_data());
    }

    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.0.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.0.pop();
    }
}

struct Applier<'a> {
    path: Path,
    weights: &'a mut Weights,
    device: &'a Device,
    next_id: u64,
    problems: Vec<String>,
}

impl ModuleMapper for Applier<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.name();
        let id = ParamId::from(self.next_id);
        self.next_id += 1;
        let expected = param.lazy_shape();
        match self.weights.remove(&name) {
            None => self.problems.push(format!("tensor \"{name}\" is missing")),
            Some(data) if data.shape().as_slice() != expected.as_slice() => self.problems.push(format!(
                "tensor \"{name}\" has shape {:?}, the model needs {:?}",
                data.shape().as_slice(),
                expected.as_slice()
            )),
            Some(data) => {
                let tensor = Tensor::from_data(data, self.device);
                return Param::initialized(id, if self.device.is_autodiff() { tensor.require_grad() } else { tensor });
            }
        }
        param
    }

    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.0.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.0.pop();
    }
}
