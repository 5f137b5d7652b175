//! The bar at the bottom: what is going on, and what Fluoro is not for.

use egui::{Align, Button, Layout, Rect, RichText, Ui, pos2};

use crate::window::app::App;
use crate::window::command::Command;
use crate::window::state::job::Step;
use crate::window::widgets::states;

/// Shows the bar.
pub fn show(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    let whole = ui.max_rect();
    ui.horizontal(|ui| {
        let (words, step, cancel) = status(app);
        ui.label(RichText::new(words).small().color(look.colour.secondary));
        if cancel && ui.add(Button::new(RichText::new("Cancel").small()).small()).clicked() {
            app.run(Command::Cancel);
        }
        if let Some(step) = step {
            // A thin line along the upper edge of the bar.
            let line = Rect::from_min_max(
                pos2(whole.left() - look.size.pad, whole.top() - look.size.gap),
                pos2(whole.right() + look.size.pad, whole.top()),
            );
            states::progress_line(ui, &look, line, step.share());
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let notice = RichText::new("not for diagnosis").small().color(look.colour.warning);
            ui.label(notice).on_hover_text(
                "Fluoro shows what a model has learned. Its scores are not calibrated, and its counterfactuals are made \
                 by a model.",
            );
        });
    });
}

/// What is going on in words, how far, and whether it can be cancelled.
fn status(app: &App) -> (String, Option<Step>, bool) {
    let plain = |stage: &str| Step { stage: stage.to_owned(), ..Step::default() };
    if app.dead.is_some() {
        return ("the engine stopped; restart Fluoro".to_owned(), None, false);
    }
    if app.model.pending.is_some() {
        return ("opening the bundle".to_owned(), Some(plain("")), false);
    }
    if app.study.searching.is_some() {
        return ("looking for films".to_owned(), Some(plain("")), false);
    }
    if app.study.pending.is_some() {
        let name = app.study.film().map(|film| film.name.clone()).unwrap_or_default();
        return (format!("reading {name}"), Some(plain("")), false);
    }
    if let Some((_, step)) = &app.export.working {
        return (format!("export: {}", step.stage), Some(step.clone()), true);
    }
    if let Some((_, step)) = &app.shift.job.working {
        return (format!("shift: {}", step.stage), Some(step.clone()), true);
    }
    if app.writing.is_busy() {
        return ("writing".to_owned(), Some(plain("")), false);
    }
    if !app.dialogs.is_free() {
        return ("choose in the dialog".to_owned(), None, false);
    }
    if app.pictures.is_old() {
        return ("the model is drawing".to_owned(), None, false);
    }
    let words = match app.study.film() {
        Some(film) if film.problem.is_some() => "this film has a problem; see the light box".to_owned(),
        Some(_) => "ready: drag a slider, play a shift, or press ? for keys".to_owned(),
        None => "open films to begin".to_owned(),
    };
    (words, None, false)
}
