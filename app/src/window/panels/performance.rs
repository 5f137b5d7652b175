//! The Performance panel: which device computes, and how long things took.

use egui::{Align, Rect, RichText, Sense, TextStyle, Ui, pos2, vec2};

use crate::window::app::{App, DrawnBy};
use crate::window::state::performance::Times;
use crate::window::tokens::Look;
use crate::window::widgets::{number, text};

/// Columns: name, last, middle, slowest of twenty, history.
const COLUMNS: [f32; 5] = [0.34, 0.12, 0.12, 0.12, 0.30];

/// Shows the panel.
pub fn show(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    let device = match &app.model.view {
        Some(view) => format!("computes: {}{}", view.device, if view.is_gpu { ", GPU" } else { "" }),
        None => "computes: nothing yet".to_owned(),
    };
    let drawn = match app.host.drawn_by {
        DrawnBy::Adapter => "window drawn by the graphics driver",
        DrawnBy::Raster => "window drawn by the program itself",
    };
    ui.horizontal(|ui| {
        ui.label(device);
        ui.add_space(look.size.pad);
        ui.label(RichText::new(drawn).color(look.colour.secondary));
    });
    egui::ScrollArea::vertical().id_salt("times").auto_shrink([false, false]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        ui.set_max_width(ui.available_width().min(1.5 * look.size.dialog_width));
        row(ui, &look, ["stage", "last", "median", "95 %"].map(str::to_owned), None);
        let performance = &app.performance;
        for (name, times) in [
            ("slider to picture", &performance.slider),
            ("of that, the model", &performance.model),
            ("film to features and scores", &performance.analysis),
            ("click to film", &performance.open),
            ("light box (window, zoom, overlay)", &performance.light_box),
            ("one frame of the window", &performance.window),
        ] {
            let time = |share: Option<f32>| share.map_or_else(|| "–".to_owned(), number::milliseconds);
            let numbers = [time(times.last()), time(times.quantile(0.5)), time(times.quantile(0.95))];
            let [last, median, slow] = numbers;
            row(ui, &look, [name.to_owned(), last, median, slow], Some(times));
        }
    });
}

fn row(ui: &mut Ui, look: &Look, words: [String; 4], times: Option<&Times>) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), look.size.row - look.size.gap), Sense::hover());
    let mut x = rect.left();
    let places = COLUMNS.map(|share| {
        let place =
            Rect::from_min_max(pos2(x, rect.top()), pos2(x + rect.width() * share - look.size.pad, rect.bottom()));
        x += rect.width() * share;
        place
    });
    let font = if times.is_some() { TextStyle::Body } else { TextStyle::Small }.resolve(ui.style());
    for (i, (place, words)) in places.iter().zip(&words).enumerate() {
        let (align, ink) = match (i, times) {
            (0, Some(_)) => (Align::Min, look.colour.text),
            (0, None) => (Align::Min, look.colour.secondary),
            (_, Some(_)) => (Align::Max, look.colour.text),
            (_, None) => (Align::Max, look.colour.secondary),
        };
        text::put(ui, *place, align, words, font.clone(), ink);
    }
    let (Some(times), [.., history]) = (times, places) else { return };
    let most = times.quantile(1.0).unwrap_or(0.0).max(f32::MIN_POSITIVE);
    let step = history.width() / times.len().max(1) as f32;
    let width = step.min(look.size.gap) - 1.0;
    for (i, time) in times.iter().enumerate() {
        let height = (history.height() - look.size.gap) * time / most;
        let left = history.left() + i as f32 * step.min(look.size.gap);
        let bar =
            Rect::from_min_max(pos2(left, history.bottom() - height), pos2(left + width.max(1.0), history.bottom()));
        ui.painter().rect_filled(bar, 0.0, look.colour.disabled);
    }
}
