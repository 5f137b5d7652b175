//! Search of features by an example region: on phantoms with a factor at a known place its features come first, and not for
//! a region elsewhere; by tokens, and by occlusion.

use std::path::Path;

use fluoro_core::bundle::BundleSource;
use fluoro_core::device::ComputeDevice;
use fluoro_core::engine::{Engine, Progress, RegionFeatures, RegionMethod, TiedFeature};
use fluoro_core::radiograph::Radiograph;
use fluoro_tests::{fluoro_in, names_in};
use serde_json::Value;

/// Films of [`draw`].
const FILMS: usize = 10;

/// Draws phantoms that all have a factor, upright and of one site.
fn draw(home: &Path, factor: &str) {
    let words = format!("phantom -o {factor} --count {FILMS} --seed 31 --truth -p {factor}=1 -p site=0 -p inversion=0");
    let said = fluoro_in(home, words.split(' '));
    assert_eq!(said.code, 0, "{said:?}");
}

/// The smallest rectangle around a factor's mask on a film, `[x, y, width, height]`, and the film's sides.
fn mask(home: &Path, factor: &str, film: &str) -> ([f64; 4], [f64; 2]) {
    let path = home.join(format!("{factor}/truth/{film}/{factor}.mask.png"));
    let mask = image::open(path).expect("a mask").to_luma8();
    let marked: Vec<(u32, u32)> =
        mask.enumerate_pixels().filter(|(_, _, p)| p[0] > 0).map(|(x, y, _)| (x, y)).collect();
    let span = |of: &dyn Fn(&(u32, u32)) -> u32| {
        let (low, high) = (marked.iter().map(of).min().expect("marked"), marked.iter().map(of).max().expect("marked"));
        (f64::from(low), f64::from(high - low + 1))
    };
    let ((x, width), (y, height)) = (span(&|p| p.0), span(&|p| p.1));
    ([x, y, width, height], [mask.width(), mask.height()].map(f64::from))
}

fn phantom_engine() -> Engine {
    Engine::open(&BundleSource::Embedded("phantom".into()), ComputeDevice::cpu()).expect("it is embedded")
}

/// For the factor's own region, and for the region opposite: on how many films a feature of `label` is among the first five,
/// and how many of all first ten are.
fn found(home: &Path, factor: &str, label: &str, occlusion: bool) -> [[usize; 2]; 2] {
    let engine = phantom_engine();
    let features = &engine.manifest().sae.as_ref().expect("an SAE").features;
    let has = |found: &RegionFeatures| {
        let is_own =
            |tied: &&TiedFeature| features[tied.index].label.as_deref().is_some_and(|name| name.starts_with(label));
        let own = |count: usize| found.features.iter().take(count).filter(is_own).count();
        [usize::from(own(5) > 0), own(10)]
    };
    let mut counts = [[0; 2]; 2];
    for film in names_in(&home.join(factor).join("images")) {
        let radiograph = Radiograph::open(&home.join(factor).join("images").join(&film)).expect("a film");
        let analysis = engine.analyze(&radiograph).expect("an analysis");
        let ([x, y, width, height], [across, down]) = mask(home, factor, film.trim_end_matches(".png"));
        let opposite = [across - x - width, down - y - height, width, height];
        for (count, rectangle) in counts.iter_mut().zip([[x, y, width, height], opposite]) {
            let progress = Progress::silent();
            let found = if occlusion {
                engine.features_by_occlusion(&radiograph, &analysis, rectangle, &progress)
            } else {
                engine.features_of_region(&radiograph, &analysis, rectangle, &progress)
            };
            let found = found.expect("a search");
            let method = if occlusion { RegionMethod::Occlusion } else { RegionMethod::Tokens };
            assert_eq!(found.method, method);
            assert!(found.features.windows(2).all(|pair| pair[0].score >= pair[1].score));
            assert!(found.features.iter().all(|tied| tied.score > 0.0 && tied.with > tied.without));
            count.iter_mut().zip(has(&found)).for_each(|(sum, own)| *sum += own);
        }
    }
    println!("{factor}, {}: {counts:?} of {FILMS}", if occlusion { "occlusion" } else { "tokens" });
    counts
}

#[test]
fn features_of_a_sticker_come_first_at_the_sticker_and_not_elsewhere() {
    let home = tempfile::tempdir().expect("a folder");
    draw(home.path(), "portable");
    let [here, there] = found(home.path(), "portable", "PORTABLE marker", false);
    assert!(here[0] == FILMS && there[0] <= 1 && here[1] > 8 * there[1], "{here:?} and {there:?}");
    let [here, there] = found(home.path(), "portable", "PORTABLE marker", true);
    assert!(here[0] >= 9 && there[0] <= 1 && here[1] > 8 * there[1], "{here:?} and {there:?}");
}

#[test]
fn features_of_a_pacemaker_fall_when_it_is_greyed_out() {
    let home = tempfile::tempdir().expect("a folder");
    draw(home.path(), "pacemaker");
    // Its leads reach far, and tokens far from it tell it too, so only taking it away finds its features.
    let [here, there] = found(home.path(), "pacemaker", "Pacemaker", true);
    assert!(here[0] >= 9 && there[0] < here[0] && 2 * here[1] > 3 * there[1], "{here:?} and {there:?}");
}

#[test]
fn the_command_lists_them_beside_what_it_always_says() {
    let home = tempfile::tempdir().expect("a folder");
    draw(home.path(), "portable");
    let film = "portable/images/00000001_000.png";
    let ([x, y, width, height], _) = mask(home.path(), "portable", "00000001_000");
    let region = format!("{x},{y},{width},{height}");
    let run = |more: &[&str]| fluoro_in(home.path(), ["analyze", film, "--bundle", "phantom"].iter().chain(more));
    let said = run(&["--region", &region, "--features", "7", "--json"]).json();
    let read = &said["films"][0];
    assert!(read["predictions"].is_array() && read["sae"].is_object() && read["reconstruction"].is_object());
    assert_eq!(read["features"].as_array().map(Vec::len), Some(7));
    assert_eq!(read["region"]["rectangle"], serde_json::json!([x, y, width, height]));
    assert_eq!((&read["region"]["method"], &read["region"]["tokens"][1]), (&Value::from("tokens"), &Value::from(196)));
    let listed = read["region"]["features"].as_array().expect("features");
    assert!(listed.len() == 7 && read["region"]["tied"].as_u64() > Some(7), "{read}");
    assert!(listed[0]["score"].as_f64() >= listed[1]["score"].as_f64() && listed[0]["with"].as_f64() > Some(0.0));
    let words = run(&["--region", &region]);
    assert!(words.out.contains("inside") && words.out.contains("PORTABLE"), "{words:?}");
    assert!(run(&["--json"]).json()["films"][0]["region"].is_null());
    for (bad, why) in
        [("500,500,10,10", "sees nothing"), ("0,0,0,5", "nothing in the region"), ("0,0,9999,9999", "outside")]
    {
        let refused = run(&["--region", bad]);
        assert!(refused.complaint().contains(why), "{refused:?}");
    }
    assert_eq!(run(&["--region", "1,2,3"]).code, 2);
    let refused = fluoro_in(home.path(), ["analyze", "portable/images", "--region", &region]);
    assert!(refused.complaint().contains("--region is for one film"), "{refused:?}");
}
