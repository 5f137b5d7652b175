//! Rules that end a search, on curves that are known.

use super::*;

fn find(preset: Preset, curve: impl Fn(f32) -> f32) -> Found {
    search(preset, |lambdas| Ok(lambdas.iter().map(|&l| Seen { score: curve(l), share: 0.0, change: 0.0 }).collect()))
        .expect("curve never fails")
}

#[test]
fn steep_curve_stops_on_the_fine_steps() {
    let found = find(Preset::Paper, |l| (0.6 + 0.1 * l).clamp(0.0, 1.0));
    assert_eq!((found.low, found.stopped.low), (-6.0, StopRule::Drop));
    assert_eq!((found.high, found.stopped.high), (1.0, StopRule::Rise));
    let found = find(Preset::Repo, |l| 0.6 + 0.01 * l);
    assert_eq!((found.low, found.stopped), (-20.0, Stopped { low: StopRule::Drop, high: StopRule::Fixed }));
}

#[test]
fn shallow_curve_goes_on_in_tens_and_ends_at_the_bound() {
    let found = find(Preset::Paper, |l| 0.5 + 1e-5 * l);
    assert_eq!((found.low, found.stopped.low), (-1000.0, StopRule::Bound));
    assert_eq!((found.high, found.stopped.high), (1000.0, StopRule::Bound));
}

#[test]
fn a_curve_that_turns_back_stops_where_it_turned() {
    let found = find(Preset::Paper, |l| 0.4 + 0.001 * (l + 20.0).abs());
    assert_eq!((found.low, found.stopped.low), (-30.0, StopRule::Rise));
    let found = find(Preset::Paper, |l| 0.4 - 0.0001 * (l - 5.0).abs());
    assert_eq!((found.high, found.stopped.high), (6.0, StopRule::Drop));
}

#[test]
fn the_package_walks_its_published_lambdas() {
    let seen = std::cell::RefCell::new(Vec::new());
    let found = search(Preset::Package, |lambdas| {
        seen.borrow_mut().extend_from_slice(lambdas);
        Ok(lambdas.iter().map(|&l| Seen { score: 0.9 + 1e-5 * l, share: 0.0, change: 0.0 }).collect())
    })
    .expect("curve never fails");
    let seen = seen.into_inner();
    assert_eq!(seen[1..10], [0.0, -10.0, -21.0, -34.0, -48.0, -63.0, -80.0, -98.0, -118.0]);
    assert!(found.low <= -3000.0 && found.stopped.low == StopRule::Bound && found.high == 0.0);
    let by_picture = search(Preset::Package, |lambdas| {
        Ok(lambdas.iter().map(|&l| Seen { score: 0.9 + 1e-5 * l, share: -l / 1000.0, change: 0.0 }).collect())
    })
    .expect("curve never fails");
    assert_eq!((by_picture.low, by_picture.stopped.low), (-63.0, StopRule::Pixels));
    let floor = find(Preset::Package, |l| (0.5 + 0.01 * l).max(0.0));
    assert_eq!((floor.low, floor.stopped.low), (-48.0, StopRule::Floor));
}

/// Recorded searches of the latentshift package and of the two loops of gifsplanation (`tests/parity`).
#[test]
fn searches_end_where_the_programs_end() {
    #[derive(serde::Deserialize)]
    struct Reference {
        shift: Vec<Case>,
    }
    #[derive(serde::Deserialize)]
    struct Case {
        preset: String,
        left: Side,
        right: Option<Side>,
    }
    #[derive(serde::Deserialize)]
    struct Side {
        rule: String,
        lambdas: Vec<f32>,
        scores: Vec<f32>,
        pixels: Option<Vec<f32>>,
    }
    let text = include_str!("../../../../tests/parity/shift_reference.json");
    let reference: Reference = serde_json::from_str(text).expect("the reference is readable");
    let package = Rules { drop: 0.8, bound: 3000.0, grows: true, floor: Some(0.05), pixels: Some(0.05) };
    for case in &reference.shift {
        let loose = Rules { drop: 0.5, bound: 1000.0, ..Rules::default() };
        let left = match case.preset.as_str() {
            "paper" => loose,
            "repo" => Rules { drop: 0.15, ..loose },
            "unhindered" => Rules { drop: 0.4, bound: 300.0, pixels: Some(1e6), ..package },
            _ => package,
        };
        let sides = [(-1.0, left, Some(&case.left)), (1.0, Rules { drop: 0.05, ..loose }, case.right.as_ref())];
        for (sign, rules, side) in sides.into_iter().filter_map(|(sign, rules, side)| Some((sign, rules, side?))) {
            // Beyond the record nothing may be decided.
            let seen = |lambda: f32| match side.lambdas.iter().position(|&l| l == lambda) {
                Some(at) => Seen {
                    score: side.scores[at],
                    share: side.pixels.as_ref().map_or(0.0, |pixels| pixels[at]),
                    change: 0.0,
                },
                None => Seen { score: f32::NAN, share: f32::NAN, change: f32::NAN },
            };
            let mut see = |lambdas: &[f32]| Ok(lambdas.iter().map(|&l| seen(l)).collect());
            let (end, rule) = rules.walk(sign, side.scores[0], &mut see).expect("found");
            assert_eq!(Some(&end), side.lambdas.last(), "{}", case.preset);
            let expected = match (side.rule.as_str(), sign < 0.0) {
                ("turn", true) | ("rise", false) => StopRule::Rise,
                ("turn", false) | ("drop", _) => StopRule::Drop,
                ("low", _) => StopRule::Floor,
                ("pixels", _) => StopRule::Pixels,
                _ => StopRule::Bound,
            };
            assert_eq!(rule, expected, "{}", case.preset);
        }
    }
}

#[test]
fn no_lambda_is_negative_zero() {
    for preset in Preset::ALL {
        let seen = std::cell::RefCell::new(Vec::new());
        let found = search(preset, |lambdas| {
            seen.borrow_mut().extend_from_slice(lambdas);
            let score = |l: f32| (0.6 + 0.1 * l).clamp(0.0, 1.0);
            Ok(lambdas.iter().map(|&l| Seen { score: score(l), share: 0.0, change: 0.0 }).collect())
        })
        .expect("curve never fails");
        let all = seen.into_inner().into_iter().chain(sweep(preset, found.low, found.high));
        assert!(all.into_iter().all(|l| l.to_bits() != (-0.0_f32).to_bits()), "{preset}");
    }
}

#[test]
fn our_own_search_says_which_rule_ended_each_side() {
    let seen = |score: f32, l: f32| Seen { score, share: 0.0, change: l.abs() * 0.004 };
    let own = |curve: &dyn Fn(f32) -> f32| {
        search(Preset::Fluoro, |lambdas| Ok(lambdas.iter().map(|&l| seen(curve(l), l)).collect())).expect("found")
    };
    let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
    let found = own(&|l| sigmoid(2.0 * l));
    assert_eq!(found.stopped, Stopped { low: StopRule::Floor, high: StopRule::Rise });
    assert!((-1.9..=-1.4).contains(&found.low) && (1.4..=1.9).contains(&found.high), "{found:?}");
    // Too weak to get anywhere before the picture has changed too much.
    let found = own(&|l| 0.5 + 0.03 * l);
    assert_eq!(found.stopped, Stopped { low: StopRule::Pixels, high: StopRule::Pixels });
    assert!(found.low < -4.0 && found.low > -8.0, "{found:?}");
    // Turns back at -1: the end lies there, not where it was noticed.
    let found = own(&|l| 0.5 + 0.1 * (l + 1.0).abs());
    assert_eq!((found.low, found.stopped.low), (-1.0, StopRule::Rise));
    // Stops without turning back.
    let found = own(&|l| 0.5 + 0.05 * l.clamp(-1.0, 1.0));
    assert_eq!((found.low, found.high), (-1.0, 1.0));
    assert_eq!(found.stopped, Stopped { low: StopRule::Rise, high: StopRule::Drop });
    // Flat at first, as above an operating point, then steep.
    let found = own(&|l| if l > -1.5 { 0.505 + 0.002 * l } else { 0.502 + 0.3 * (l + 1.5) }.max(0.0));
    assert!(found.stopped.low == StopRule::Floor && found.low < -2.9 && found.low > -3.6, "{found:?}");
    // At its limit downwards for a long way.
    let found = own(&|l| sigmoid(8.0 + 2.5 * l));
    assert!(found.stopped.low == StopRule::Floor && found.low < -4.0 && found.low > -5.0, "{found:?}");
    // At its limit upwards: still a step that shows something.
    let found = own(&|l| sigmoid(20.0 + 2.0 * l));
    assert_eq!((found.high, found.stopped.high), (1.0, StopRule::Rise));
}

#[test]
fn sweep_lengths_follow_numpy() {
    for (range, expected) in [(10.0, 11), (100.0, 11), (3.0, 14), (2.0, 15)] {
        assert_eq!(paper_sweep(-range, 0.0).len(), expected, "range {range}");
    }
    let sweep = paper_sweep(-40.0, 10.0);
    assert_eq!((sweep[0], sweep[10]), (-40.0, 10.0));
    let sweep = repo_sweep(-840.0, 0.0);
    assert_eq!((sweep.len(), sweep[0], sweep[9]), (10, -840.0, -84.0));
    assert_eq!(even_sweep(-118.0, 0.0, 10).len(), 10);
}

#[test]
fn our_own_frames_hold_the_unshifted_film() {
    for (low, high) in [(-2.0, 1.0), (-32.0, 0.25), (-0.25, 32.0)] {
        let sweep = through_zero(low, high, 13);
        assert_eq!((sweep.len(), sweep[0], sweep[12]), (13, low, high));
        assert!(sweep.contains(&0.0) && sweep.windows(2).all(|w| w[0] < w[1]), "{sweep:?}");
    }
    assert_eq!(through_zero(1.0, 2.0, 3), [1.0, 1.5, 2.0]);
}
