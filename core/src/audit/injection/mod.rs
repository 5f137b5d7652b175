//! Injection: what a model makes of a marker that was not there before.
//!
//! In: real films, and [`Marker`]s in words. Out: the films with the marker drawn onto their own pixels, what a model's
//! predictions and features do about it ([`respond`], [`sweep()`]), how well an edit undoes it ([`recovery()`]), and the films
//! with a marker taken away again ([`inpaint()`]). Every effect stands beside that of a control on the same pixels: words of the
//! same length, font and brightness that mean nothing, and a plain bar. Knows models only through [`Reader`].

mod control;
mod draw;
mod glyphs;
mod inpaint;
mod marker;
mod measure;
mod reading;
mod recovery;
mod response;
mod statistics;
mod sweep;
mod system;

pub use control::Control;
pub use draw::{Drawn, PixelBox};
pub use inpaint::{Texture, inpaint, without_boxes};
pub use marker::{Lettering, Marker, Shade, Spot, Text};
pub use measure::BrokenFilm;
pub use reading::{EngineReader, Reader, Reading, TokenPlaces};
pub use recovery::{Ablation, LabelChange, Predict, Recovery, RecoveryRequest, recovery};
pub use response::{Contrast, FeatureResponse, Flipped, InjectionReport, LabelResponse, MarkerResponse, respond};
pub(crate) use statistics::{count as patient_count, mean_by_patient, numbered};
pub use sweep::{Effect, Place, PlaceLabel, PlaceResponse, PositionSweep, Quantity, SweepRequest, sweep};
