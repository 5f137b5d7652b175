//! Where the parameters live while they learn: in memory, or on a device.

use super::adam::{self, Moments};
use super::options::DictionaryOptions;
use super::parameters::{Gradients, Parameters};
use super::pass::{self, Batch, Pass};
use super::tensors::DeviceLearner;
use crate::error::Result;
use burn::prelude::*;

/// What trains.
#[derive(Clone, Debug)]
pub enum Compute {
    /// The processor, with sparse products wherever few features are active.
    Processor,
    /// A device's dense products, in pieces of bounded size.
    Device(Device),
}

/// Parameters that learn.
pub(super) enum Learner {
    Processor(Box<HostLearner>),
    Device(Box<DeviceLearner>),
}

/// Parameters in memory.
pub(super) struct HostLearner {
    parameters: Parameters,
    moments: Moments,
    gradients: Gradients,
}

impl Learner {
    /// Learns from here on.
    pub fn new(compute: &Compute, parameters: Parameters, moments: Moments) -> Self {
        match compute {
            Compute::Processor => {
                let gradients = Gradients::zeros(&parameters);
                Self::Processor(Box::new(HostLearner { parameters, moments, gradients }))
            }
            Compute::Device(device) => Self::Device(Box::new(DeviceLearner::new(&parameters, &moments, device))),
        }
    }

    /// One step on a batch at a learning rate.
    ///
    /// # Errors
    /// When the loss or a gradient is no finite number, or the device fails.
    pub fn step(&mut self, options: &DictionaryOptions, batch: &Batch<'_>, rate: f64, step: usize) -> Result<Pass> {
        let finite = |pass: &Pass| if pass.loss.is_finite() { Ok(()) } else { Err(adam::diverged(step)) };
        match self {
            Self::Processor(host) => {
                let HostLearner { parameters, moments, gradients } = host.as_mut();
                let pass = pass::run(options, parameters, batch, gradients)?;
                finite(&pass)?;
                adam::step(options, parameters, moments, gradients, rate, step)?;
                Ok(pass)
            }
            Self::Device(device) => {
                let (pass, gradients) = device.pass(options, batch)?;
                finite(&pass)?;
                device.advance(options, gradients, rate, step)?;
                Ok(pass)
            }
        }
    }

    /// Shows the parameters and moments.
    ///
    /// # Errors
    /// What `look` says, and when the device fails.
    pub fn look<R>(&self, look: impl FnOnce(&Parameters, &Moments) -> Result<R>) -> Result<R> {
        match self {
            Self::Processor(host) => look(&host.parameters, &host.moments),
            Self::Device(device) => {
                let (parameters, moments) = device.read()?;
                look(&parameters, &moments)
            }
        }
    }

    /// Lets the parameters and moments be changed.
    ///
    /// # Errors
    /// When the device fails.
    pub fn change(&mut self, change: impl FnOnce(&mut Parameters, &mut Moments)) -> Result<()> {
        match self {
            Self::Processor(host) => change(&mut host.parameters, &mut host.moments),
            Self::Device(device) => {
                let (mut parameters, mut moments) = device.read()?;
                change(&mut parameters, &mut moments);
                **device = DeviceLearner::new(&parameters, &moments, device.device());
            }
        }
        Ok(())
    }

    /// The parameters, and nothing else any more.
    ///
    /// # Errors
    /// When the device fails.
    pub fn finish(self) -> Result<Parameters> {
        match self {
            Self::Processor(host) => Ok(host.parameters),
            Self::Device(device) => Ok(device.read()?.0),
        }
    }
}
