//! Search of features by a region of the film, in the window.

use egui::vec2;

use super::features::rows;
use super::*;
use crate::window::command::Command;

fn drag(window: &mut Harness<'_, App>, from: egui::Pos2, by: egui::Vec2) {
    window.drag_at(from);
    window.step();
    window.hover_at(from + by);
    window.step();
    window.drop_at(from + by);
    window.run_steps(2);
}

#[test]
fn a_rectangle_on_the_film_lists_the_features_tied_to_it() {
    let mut window = window(Vec::new());
    let all = rows(&window);
    press(&mut window, Modifiers::COMMAND, Key::K);
    type_text(&mut window, "features by region");
    press(&mut window, Modifiers::NONE, Key::Enter);
    assert!(window.state().region.is_drawing);
    window.get_by_label_contains("Drag a rectangle on the film");
    let pane = window.get_by_label("viewport: original").rect();
    drag(&mut window, pane.center(), vec2(60.0, 80.0));
    settle(&mut window);
    let app = window.state();
    assert_eq!(app.light_box.kept.window, None, "the drag is the rectangle's");
    let found = app.region.job.value.clone().expect("features");
    let [_, _, width, height] = found.rectangle;
    assert!((height / width - 80.0 / 60.0).abs() < 0.02, "{:?}", found.rectangle);
    assert!(found.features.len() > 5 && found.tokens.is_some_and(|[inside, all]| inside > 0 && all == 49));
    let tied: Vec<usize> = found.features.iter().take(5).map(|tied| tied.index).collect();
    assert_eq!(rows(&window)[..5], tied);
    window.get_by_label_contains("features tied to the region");
    // A search within them.
    window.state_mut().features.search = format!("#{}", tied[2]);
    window.run_steps(2);
    assert_eq!(rows(&window), [tied[2]]);
    window.state_mut().features.search = "no such label".to_owned();
    window.run_steps(2);
    window.get_by_label_contains("No feature of the list is tied");
    window.check_accessibility();
    window.state_mut().features.search.clear();
    // A click is no rectangle.
    window.state_mut().region.drawn = Some([[5.0, 5.0], [5.5, 5.0]]);
    window.state_mut().search_region();
    window.run_steps(2);
    assert!(window.state().region.job.value.is_none() && window.state().region.drawn.is_none());

    // What is cancelled says so and can be asked for again; another film has no region.
    drag(&mut window, pane.center(), vec2(-50.0, 40.0));
    settle(&mut window);
    window.state_mut().region.is_cancelled = true;
    window.state_mut().region.job.value = None;
    window.run_steps(2);
    window.get_by_label("Try again").click();
    window.run_steps(2);
    settle(&mut window);
    assert!(window.state().region.job.value.is_some() && !window.state().region.is_cancelled);
    window.state_mut().run(Command::NextFilm);
    settle(&mut window);
    assert!(window.state().region.drawn.is_none() && window.state().region.is_drawing);
    window.get_by_label("Done").click();
    window.run_steps(2);
    assert!(!window.state().region.is_open());
    assert_eq!(rows(&window).len(), all.len());
    window.state_mut().run(Command::Brush);
    window.state_mut().run(Command::SearchRegion);
    assert!(window.state().brush.feature.is_none() && window.state().region.is_drawing, "one tool in the hand");
}
