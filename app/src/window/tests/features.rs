//! Features, findings, remembered edits and the brush in the window.

use std::sync::Arc;

use fluoro_core::bundle::manifest::Feature;
use fluoro_core::bundle::{FeatureStatistics, QUANTILES};

use super::*;
use crate::window::command::Command;
use crate::window::state::features::{Column, Grouping};
use crate::window::state::findings::FindingSort;
use crate::window::state::named_edits::NamedEdits;

fn strongest(window: &Harness<'_, App>) -> (usize, f32) {
    let activations = &window.state().analysis().expect("an analysis").activations;
    let index = (0..activations.len()).max_by(|&a, &b| activations[a].total_cmp(&activations[b])).expect("features");
    (index, activations[index])
}

/// Features in the order of their rows on screen.
pub(super) fn rows(window: &Harness<'_, App>) -> Vec<usize> {
    let mut found: Vec<(f32, usize)> = window
        .get_all_by_role(Role::Button)
        .filter_map(|node| {
            let label = node.accesskit_node().label()?;
            Some((node.rect().top(), label.strip_prefix("choose feature ")?.parse().ok()?))
        })
        .collect();
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    found.into_iter().map(|(_, index)| index).collect()
}

fn slider_rect(window: &Harness<'_, App>, name: &str) -> egui::Rect {
    let found = window
        .get_all_by_role(Role::Slider)
        .find(|node| node.accesskit_node().label().is_some_and(|l| l == name || l.starts_with(&format!("{name} "))));
    found.expect("the slider is on screen").rect()
}

#[test]
fn a_click_on_a_head_sorts_and_words_search() {
    let mut window = window(Vec::new());
    let activations = window.state().analysis().expect("an analysis").activations.clone();
    let first = rows(&window);
    assert!(first.len() > 5 && first.is_sorted_by(|&a, &b| activations[a] >= activations[b]), "{first:?}");
    window.get_by_label("sort by index").click();
    window.run_steps(2);
    assert_eq!(rows(&window)[..3], [0, 1, 2]);
    window.get_by_label("sort by index").click();
    window.run_steps(2);
    assert_eq!(rows(&window)[0], activations.len() - 1, "again, the other way");
    window.get_by_label("sort by label").click();
    window.run_steps(2);
    window.get_by_label("sort by activation").click_modifiers(Modifiers::SHIFT);
    window.run_steps(2);
    let sort: Vec<Column> = window.state().features.sort.iter().map(|key| key.column).collect();
    assert_eq!(sort, [Column::Label, Column::Activation], "with Shift it decides among equals");

    press(&mut window, Modifiers::COMMAND, Key::F);
    type_text(&mut window, "a>0 q>50%");
    let listed = window.state().features.listed();
    assert!(!listed.is_empty() && listed.iter().all(|&index| activations[index] > 0.0), "{listed:?}");
    window.state_mut().features.search.clear();
    window.get_by_label("Only firing features").click();
    window.run_steps(2);
    let firing = activations.iter().filter(|&&a| a > 0.0).count();
    assert_eq!(window.state().features.listed().len(), firing);
}

#[test]
fn features_are_chosen_grouped_scaled_and_hidden() {
    let mut window = window(Vec::new());
    let activations = window.state().analysis().expect("an analysis").activations.clone();
    let top: Vec<usize> = rows(&window)[..3].to_vec();
    window.get_by_label(&format!("choose feature {}", top[0])).click();
    window.run_steps(2);
    window.get_by_label(&format!("choose feature {}", top[2])).click_modifiers(Modifiers::SHIFT);
    window.run_steps(2);
    assert_eq!(window.state().features.chosen, top.iter().copied().collect());
    window.get_by_label("list options").click();
    window.run_steps(2);
    window.get_by_label_contains("New group of the 3 chosen").click();
    window.run_steps(3);
    assert!(window.get_by_label("name of the group").is_focused());
    type_text(&mut window, "devices");
    window.check_accessibility();
    press(&mut window, Modifiers::NONE, Key::Enter);
    let app = window.state();
    assert_eq!((app.features.grouping, app.features.groups.len()), (Grouping::Own, 1));
    assert_eq!(app.features.groups[0].members, top.iter().copied().collect());

    window.get_by_role_and_label(Role::Slider, "group devices").set_value_accesskit(0.5);
    window.run_steps(2);
    settle(&mut window);
    for &index in &top {
        assert_eq!(window.state().edit().features[&index], activations[index] * 0.5);
    }
    let made = window.state().pictures.made.clone().expect("a picture of them together");
    assert_eq!(made.edit, window.state().edit());
    press(&mut window, Modifiers::COMMAND, Key::Z);
    assert!(window.state().edit().is_empty(), "one step takes all of them back");

    window.get_by_label("fold group devices").click();
    window.run_steps(2);
    assert!(!rows(&window).contains(&top[0]), "a folded group's features are not listed twice");
    window.get_by_label("fold group devices").click();
    window.run_steps(2);
    window.get_by_label(&format!("choose feature {}", top[1])).click_secondary();
    window.run_steps(2);
    window.get_by_label("Hide").click();
    window.run_steps(2);
    assert!(!rows(&window).contains(&top[1]) && window.state().features.hidden.contains(&top[1]));
    window.state_mut().features.shows_hidden = true;
    window.run_steps(2);
    assert!(rows(&window).contains(&top[1]));
    window.state_mut().features.grouping = Grouping::Labels;
    window.run_steps(2);
    window.check_accessibility();
}

#[test]
fn a_slider_takes_numbers_keys_and_the_wheel() {
    let mut window = window(Vec::new());
    let (index, own) = strongest(&window);
    let value = |window: &Harness<'_, App>| window.state().edit().features.get(&index).copied();
    window.get_by_label(&format!("type activation of feature {index}")).click();
    window.run_steps(3);
    let field = format!("activation of feature {index}");
    assert!(window.get_by_label(&field).is_focused());
    type_text(&mut window, "x0.5");
    press(&mut window, Modifiers::NONE, Key::Enter);
    assert_eq!((value(&window), window.query_by_label(&field).is_none()), (Some(own * 0.5), true));
    // Beyond the slider's end, and it stays there.
    window.get_by_label(&format!("type activation of feature {index}")).click();
    window.run_steps(3);
    type_text(&mut window, "1000");
    press(&mut window, Modifiers::NONE, Key::Enter);
    window.run_steps(3);
    assert_eq!(value(&window), Some(1000.0));
    window.state_mut().set_feature(index, own);
    settle(&mut window);

    let rect = slider_rect(&window, &format!("feature {index}"));
    let node = |window: &Harness<'_, App>| {
        let name = format!("feature {index}");
        let found = window.get_all_by_role(Role::Slider).find(|node| {
            node.accesskit_node().label().is_some_and(|l| l == name || l.starts_with(&format!("{name} ")))
        });
        found.expect("the slider").focus();
    };
    node(&window);
    window.run_steps(2);
    press(&mut window, Modifiers::NONE, Key::PageUp);
    let paged = value(&window).expect("PageUp moves the slider, not the study");
    assert!(paged > own && window.state().study.current == 0);
    press(&mut window, Modifiers::NONE, Key::PageDown);
    press(&mut window, Modifiers::NONE, Key::ArrowLeft);
    assert!(value(&window).expect("moved") < own);
    press(&mut window, Modifiers::NONE, Key::Delete);
    assert_eq!(value(&window), None);
    settle(&mut window);

    window.hover_at(rect.center());
    window.run_steps(4);
    let before = window.state().features.listed().len();
    window.event(Event::MouseWheel {
        unit: egui::MouseWheelUnit::Point,
        delta: egui::vec2(0.0, 100.0),
        phase: egui::TouchPhase::Move,
        source: egui::MouseWheelSource::Unknown,
        modifiers: Modifiers::NONE,
    });
    window.run_steps(4);
    assert!(value(&window).is_some_and(|turned| turned > own), "{:?}", value(&window));
    assert_eq!(slider_rect(&window, &format!("feature {index}")), rect, "the list holds still");
    assert_eq!(window.state().features.listed().len(), before);
    // Twice in one place: back to the film's own.
    let at = rect.left_center() + egui::vec2(20.0, 0.0);
    let button = |pressed| Event::PointerButton {
        pos: at,
        button: egui::PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    window.input_mut().events.extend([Event::PointerMoved(at), button(true), button(false)]);
    window.step();
    window.input_mut().predicted_dt = 0.01;
    window.input_mut().events.extend([button(true), button(false)]);
    window.step();
    window.run_steps(2);
    settle(&mut window);
    assert_eq!(value(&window), None, "a double click resets");
}

#[test]
fn a_remembered_edit_works_on_other_films_and_on_the_command_line() {
    let folder = tempfile::tempdir().expect("folder");
    let mut window = window(Vec::new());
    window.state_mut().named_edits = NamedEdits::at(folder.path().join("edits.ron"));
    let (index, _) = strongest(&window);
    window.state_mut().set_feature(index, 0.0);
    window.state_mut().set_finding(0, -8.0);
    settle(&mut window);
    press(&mut window, Modifiers::COMMAND, Key::E);
    window.run_steps(2);
    assert!(window.get_by_label("name of this edit").is_focused());
    type_text(&mut window, "no pacemaker");
    press(&mut window, Modifiers::NONE, Key::Enter);
    window.get_by_label("apply no pacemaker");
    window.check_accessibility();
    press(&mut window, Modifiers::NONE, Key::Escape);
    assert!(!window.state().named_edits.is_open);
    assert_eq!(NamedEdits::at(folder.path().join("edits.ron")).list().len(), 1, "it is on disk");

    window.state_mut().run(Command::NextFilm);
    settle(&mut window);
    window.state_mut().apply_named("no pacemaker");
    settle(&mut window);
    let own = window.state().analysis().expect("an analysis").activations[index];
    let edit = window.state().edit();
    assert_eq!(edit.findings.get(&0), Some(&-8.0));
    assert_eq!(edit.features.get(&index).copied(), (own > 0.0).then_some(0.0), "what was set to zero is zero here too");
    assert_eq!(window.state().pictures.made.as_ref().expect("a picture").edit, edit);
    press(&mut window, Modifiers::COMMAND, Key::Z);
    assert!(window.state().edit().is_empty(), "one step takes it back");

    let recipe = folder.path().join("no pacemaker.recipe.ron");
    window.state_mut().named_edits.exporting = Some("no pacemaker".into());
    window.state_mut().export_edit(&recipe);
    assert!(recipe.exists());
    window.state_mut().forget_edit("no pacemaker");
    assert!(window.state().named_edits.list().is_empty());
    window.state_mut().import_edit(&recipe);
    assert_eq!(window.state().named_edits.list()[0].name, "no pacemaker");
    window.state_mut().rename_edit("no pacemaker", "none");

    let edit = window.state().named_edits.get("none").cloned().expect("the edit");
    window.state_mut().apply_to_all(&edit);
    settle(&mut window);
    assert!(!window.state().edit().is_empty());
    window.state_mut().show_film(3);
    settle(&mut window);
    assert_eq!(window.state().edit().findings.get(&0), Some(&-8.0), "a film that was opened later has it too");
    assert!(window.state().pictures.made.is_some());
    press(&mut window, Modifiers::COMMAND, Key::Z);
    assert!(window.state().edit().is_empty());
    window.state_mut().show_film(1);
    settle(&mut window);
    window.state_mut().show_film(3);
    settle(&mut window);
    assert!(window.state().edit().is_empty(), "it is applied once");
}

#[test]
fn the_brush_keeps_an_edit_to_what_was_painted() {
    let mut window = window(Vec::new());
    let (index, own) = strongest(&window);
    window.get_by_label(&format!("choose feature {index}")).click();
    window.run_steps(2);
    press(&mut window, Modifiers::NONE, Key::E);
    assert_eq!(window.state().brush.feature, Some(index));
    window.state_mut().brush.radius = 0.25;
    window.state_mut().set_feature(index, own * 3.0);
    settle(&mut window);
    let everywhere = window.state().pictures.made.clone().expect("a picture").frame;
    let own_window = window.state().light_box.kept.window;

    let rect = window.get_by_label("viewport: reconstruction").rect();
    window.drag_at(rect.center());
    window.step();
    window.hover_at(rect.center() + egui::vec2(12.0, 0.0));
    window.step();
    window.drop_at(rect.center() + egui::vec2(12.0, 0.0));
    window.run_steps(2);
    settle(&mut window);
    let region = window.state().edit().regions.get(&index).cloned().expect("a region");
    assert!(region.contains(24) && region.len() < 4, "the middle of 7 x 7 cells: {region:?}");
    assert_eq!(window.state().light_box.kept.window, own_window, "the brush has the left button");
    let painted = window.state().pictures.made.clone().expect("a picture");
    assert_eq!(painted.edit.regions[&index], region);
    let before = window.state().reconstruction().expect("a reconstruction").0.clone();
    let moved =
        |frame: &fluoro_core::engine::Frame, x: usize, y: usize| (frame.pixels.get(x, y) - before.get(x, y)).abs();
    let corner: f32 =
        (0..32).flat_map(|x| (0..32).map(move |y| (x, y))).map(|(x, y)| moved(&painted.frame, x, y)).sum();
    let corner_everywhere: f32 =
        (0..32).flat_map(|x| (0..32).map(move |y| (x, y))).map(|(x, y)| moved(&everywhere, x, y)).sum();
    assert!(corner < 0.02 * corner_everywhere.max(1.0) || corner < 32.0, "{corner} of {corner_everywhere}");
    window.check_accessibility();

    press(&mut window, Modifiers::COMMAND, Key::Z);
    settle(&mut window);
    assert!(window.state().edit().regions.is_empty(), "a stroke is one step of undo");
    assert_eq!(window.state().pictures.made.as_ref().expect("a picture").frame, everywhere);
    window.get_by_label("Done").click();
    window.run_steps(2);
    assert_eq!(window.state().brush.feature, None);
}

#[test]
fn findings_are_sorted_searched_and_shown_as_the_network_gives_them() {
    let mut window = window(Vec::new());
    window.state_mut().set_finding(2, 20.0);
    settle(&mut window);
    window.get_by_label("sort findings by change").click();
    window.run_steps(2);
    assert_eq!(window.state().findings.sort, FindingSort::Change);
    let labels = window.state().labels();
    let change = |window: &Harness<'_, App>, label: usize| {
        (window.state().scores_after()[label] - window.state().scores_before()[label]).abs()
    };
    let mut places: Vec<(f32, usize)> = (0..labels.len())
        .filter_map(|label| {
            let node = window.query_by_role_and_label(Role::Slider, &labels[label])?;
            Some((node.rect().top(), label))
        })
        .collect();
    places.sort_by(|a, b| a.0.total_cmp(&b.0));
    let changes: Vec<f32> = places.iter().map(|(_, label)| change(&window, *label)).collect();
    assert!(changes.len() > 3 && changes[0] > 0.0 && changes.is_sorted_by(|a, b| a >= b), "{changes:?}");
    window.get_by_label("search findings").focus();
    window.run_steps(2);
    type_text(&mut window, "edema");
    assert!(window.query_by_role_and_label(Role::Slider, "Edema").is_some());
    assert!(window.query_by_role_and_label(Role::Slider, "Mass").is_none());
    window.get_by_label("findings options").click();
    window.run_steps(2);
    window.get_by_label("scores as the network gives them").click();
    window.run_steps(2);
    assert!(window.state().findings.raw);
    window.check_accessibility();
}

/// Fifty thousand made-up features on a real film.
fn many(window: &mut Harness<'_, App>, count: usize) {
    let app = window.state_mut();
    let noise = |index: usize| (index.wrapping_mul(2_654_435_761) % 10_007) as f32 / 10_007.0;
    let words = ["heart", "lung", "device", "line", "view", "marker", "rib", "base"];
    let feature = |index: usize| Feature {
        label: (!index.is_multiple_of(5))
            .then(|| format!("{} {} {}", words[index % 8], words[(index / 8) % 8], index % 997)),
        firing_rate: noise(index),
        ..Feature::default()
    };
    app.named = Arc::new((0..count).map(feature).collect());
    app.features.forget_features();
    let table = |index: usize| (0..QUANTILES).map(move |step| step as f32 * noise(index + 7) * 0.2);
    let quantiles = (0..count).flat_map(table).collect();
    if let Some(view) = &mut app.model.view {
        view.statistics = Arc::new(FeatureStatistics { quantiles, typical_maps: Vec::new() });
    }
    let film = app.film.as_mut().expect("a film");
    let mut analysis = (**film.view.analysis.as_ref().expect("an analysis")).clone();
    analysis.activations = (0..count).map(|index| (noise(index) * 4.0 - 3.0).max(0.0)).collect();
    film.view.analysis = Some(Arc::new(analysis));
    film.version += 1;
}

#[test]
fn fifty_thousand_features_scroll_sort_and_search_beside_the_frame() {
    const COUNT: usize = 50_000;
    let mut window = window(Vec::new());
    many(&mut window, COUNT);
    settle(&mut window);
    assert_eq!(window.state().features.listed().len(), COUNT);
    let mut frames = Vec::new();
    let mut frame = |window: &mut Harness<'_, App>| {
        window.step();
        frames.push(window.state().performance.window.last().expect("a time"));
    };
    let at = window.get_by_label("sort by label").rect().center() + egui::vec2(0.0, 200.0);
    window.hover_at(at);
    window.run_steps(4);
    let first = rows(&window);
    for _ in 0..60 {
        window.event(Event::MouseWheel {
            unit: egui::MouseWheelUnit::Point,
            delta: egui::vec2(0.0, -2000.0),
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Unknown,
            modifiers: Modifiers::NONE,
        });
        frame(&mut window);
    }
    assert_ne!(rows(&window), first, "it scrolled");
    assert!(rows(&window).len() < 60, "only rows that are seen are laid out");
    let mut times = Vec::new();
    for search in ["h", "he", "heart d", "a>0.5", "q>90%", ""] {
        window.state_mut().features.search = search.to_owned();
        while {
            frame(&mut window);
            window.state().features.is_busy()
        } {
            std::thread::sleep(Duration::from_millis(1));
        }
        times.push((search, window.state().features.last_time.expect("a time").0));
    }
    for column in Column::ALL {
        window.state_mut().features.sort_by(column, false);
        while {
            frame(&mut window);
            window.state().features.is_busy()
        } {
            std::thread::sleep(Duration::from_millis(1));
        }
        times.push((column.name(), window.state().features.last_time.expect("a time").0));
    }
    window.state_mut().features.grouping = Grouping::Labels;
    while {
        frame(&mut window);
        window.state().features.is_busy()
    } {
        std::thread::sleep(Duration::from_millis(1));
    }
    times.push(("groups by label", window.state().features.last_time.expect("a time").0));
    frames.sort_by(f32::total_cmp);
    let share = |share: f32| frames[((frames.len() - 1) as f32 * share) as usize];
    println!(
        "50,000 features: frame p50 {:.2} ms, p95 {:.2} ms, longest {:.2} ms",
        share(0.5),
        share(0.95),
        share(1.0)
    );
    println!("lists made beside the frame, ms: {times:?}");
    assert!(share(0.95) < 33.0, "a frame takes {} ms", share(0.95));
}
