//! `fluoro gallery`: a feature's contact sheet.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use fluoro_core::bundle::{BundleFiles, BundleSource, Manifest, load};
use fluoro_core::export::atomic;
use fluoro_core::gallery::Gallery;
use fluoro_core::label::Labels;
use fluoro_core::store::{FeaturePage, Store};
use fluoro_core::{Error, Result};
use serde::Serialize;

use super::failure::Failure;
use super::{Global, output};

/// Columns and neighbours that are printed in words.
const PRINTED: usize = 5;

/// Which feature of which store.
#[derive(Args)]
pub struct GalleryArgs {
    /// An activation store
    store: PathBuf,
    /// The feature: its index, or its label
    #[arg(short, long, value_name = "FEATURE")]
    feature: String,
    /// The sheet
    #[arg(short, long, value_name = "OUT.png")]
    output: PathBuf,
    /// Where the films are, if they were moved since they were encoded
    #[arg(long, value_name = "DIR")]
    films: Option<PathBuf>,
}

#[derive(Serialize)]
struct Report {
    store: String,
    label: Option<String>,
    #[serde(flatten)]
    page: FeaturePage,
    outputs: Vec<String>,
}

/// Draws the sheet.
///
/// # Errors
/// When the store, the feature or the bundle cannot be used, or the sheet cannot be written.
pub fn run(args: &GalleryArgs, global: &Global) -> Result<(), Failure> {
    output::check_png(&args.output)?;
    let store = Store::open(&args.store)?;
    let labels = Labels::of_store(&store)?;
    let source = maker(&store, global, "to see where features fire")?;
    let manifest = source.map(|source| load::manifest(&BundleFiles::open(&source)?)).transpose()?;
    let feature = find(&args.feature, &store, labels.as_ref(), manifest.as_ref())?;
    let label = labels.as_ref().and_then(|labels| labels.of(feature)).map(|label| label.text.clone()).or_else(|| {
        let known = manifest.as_ref()?.sae.as_ref()?.features.get(feature as usize)?;
        known.label.clone()
    });
    let page = FeaturePage::read(&store, feature)?;
    let gallery = Gallery::new(&store, manifest.as_ref(), args.films.as_deref())?;
    let sheet = gallery.sheet(&page, label.as_deref())?;
    if !sheet.top.is_empty() && sheet.top.iter().all(|film| film.picture.is_none()) {
        let folder = gallery.films.display();
        output::warn(&format!("the films are not readable in {folder}; name their folder with --films"));
    }
    let png = sheet.png()?;
    atomic::write_atomic(&args.output, |out| out.write_all(&png))?;
    let report = Report { store: output::shown(&args.store), label, page, outputs: vec![output::shown(&args.output)] };
    output::answer(global, &report, &words(&report, &store))
}

/// The bundle that made the store: the one that was named, else the built-in one of its name; none, with a warning that says
/// what it is needed for, where neither can be.
pub fn maker(store: &Store, global: &Global, needed_for: &str) -> Result<Option<BundleSource>> {
    if global.bundle.is_some() {
        return global.source().map(Some);
    }
    let name = &store.info().bundle;
    let source = BundleSource::parse(name).ok();
    if source.is_none() {
        output::warn(&format!(
            "the store was made by the bundle \"{name}\"; name its folder with --bundle {needed_for}"
        ));
    }
    Ok(source)
}

/// The feature of an index or a label.
pub fn find(text: &str, store: &Store, labels: Option<&Labels>, manifest: Option<&Manifest>) -> Result<u32> {
    let count = store.info().features;
    if let Ok(index) = text.parse::<u32>() {
        let reason = || Error::Invalid(format!("there is no feature {index}; the store has {count}, from 0"));
        return if index < count { Ok(index) } else { Err(reason()) };
    }
    let own = labels.into_iter().flat_map(Labels::iter).map(|label| (label.feature, label.text.clone()));
    let features = manifest.and_then(|manifest| manifest.sae.as_ref()).map(|sae| &sae.features[..]);
    let of_bundle = features.unwrap_or_default().iter().enumerate();
    let of_bundle = of_bundle.filter_map(|(index, feature)| Some((index as u32, feature.label.clone()?)));
    let known: Vec<(u32, String)> = own.chain(of_bundle).collect();
    let same = known.iter().find(|(_, name)| name.eq_ignore_ascii_case(text)).map(|(index, _)| *index);
    same.ok_or_else(|| Error::unknown("feature", text, known.iter().map(|(_, name)| name.as_str())))
}

fn words(report: &Report, store: &Store) -> String {
    let of = &report.page.statistics;
    let label = report.label.as_ref().map_or_else(String::new, |label| format!(", {label}"));
    let mut text = format!(
        "feature {}{label}: fires on {} of {} films ({:.1} %), strongest {:.3}\n",
        of.feature,
        of.films,
        store.films_len(),
        100.0 * of.firing_rate,
        of.max
    );
    let mut profile: Vec<_> = report.page.profile.iter().collect();
    profile.sort_by(|a, b| (b.top.share - b.base.share).abs().total_cmp(&(a.top.share - a.base.share).abs()));
    // Writing to a string cannot fail.
    for column in profile.into_iter().take(PRINTED) {
        let (top, base) = (column.top, column.base);
        let _ = writeln!(
            text,
            "  {:<24} {:>3.0} % of the strongest films ({:.0} to {:.0}), {:.0} % of all",
            column.column,
            100.0 * top.share,
            100.0 * top.low,
            100.0 * top.high,
            100.0 * base.share
        );
    }
    for other in report.page.neighbours.iter().take(PRINTED) {
        let _ = writeln!(text, "  fires with {:<6} cosine {:.2}", other.feature, other.cosine);
    }
    text + &output::written(&report.outputs)
}
