//! The table of everything that a film's file says, over the window: a search field, a row for each element, the switch
//! that hides what identifies somebody.

use egui::{
    Align, Frame, Id, Modal, Rect, RichText, ScrollArea, Sense, TextEdit, TextStyle, Ui, WidgetInfo, pos2, vec2,
};

use crate::window::app::{App, Cover};
use crate::window::command::Command;
use crate::window::icons;
use crate::window::state::job::Step;
use crate::window::state::tags::{HIDDEN, Tags};
use crate::window::tokens::Look;
use crate::window::widgets::{states, text};

/// Shares of the width: tag, keyword, type; the value has the rest.
const COLUMNS: [f32; 3] = [0.15, 0.33, 0.06];
/// Share of the window's height.
const HEIGHT: f32 = 0.7;

/// Shows the table, and says what comes after.
pub fn show(app: &mut App, ui: &mut Ui, mut state: Tags) -> Cover {
    let look = app.look;
    let frame = Frame::popup(ui.style()).inner_margin(2.0 * look.size.pad);
    let modal = Modal::new(Id::unique("tags")).backdrop_color(look.colour.backdrop).frame(frame).show(ui.ctx(), |ui| {
        ui.set_width(look.size.dialog_width);
        let height = (ui.ctx().content_rect().height() * HEIGHT).floor();
        ui.horizontal(|ui| {
            ui.heading("All tags");
            ui.label(RichText::new(&state.name).color(look.colour.secondary));
        });
        ui.horizontal(|ui| {
            let field = TextEdit::singleline(&mut state.search).desired_width(look.size.reading_width);
            ui.add(field.hint_text("search tag, keyword or value")).accessible_name("search tags");
            privacy(app, ui);
        });
        ui.add_space(look.size.gap);
        ui.allocate_ui(vec2(ui.available_width(), height), |ui| {
            ui.set_min_height(height);
            table(app, ui, &look, &state);
        });
        ui.button("Close").clicked()
    });
    if modal.inner || modal.should_close() { Cover::Nothing } else { Cover::Tags(state) }
}

fn privacy(app: &mut App, ui: &mut Ui) {
    let icon = if app.privacy { icons::LOCKED } else { icons::UNLOCKED };
    let words = if app.privacy { "names are hidden" } else { "names are shown" };
    let hint = "Hides what identifies somebody: the Basic Confidentiality Profile of DICOM PS3.15 Annex E, with sex, age, \
                size and weight kept.";
    if ui.selectable_label(app.privacy, format!("{icon}  {words}")).on_hover_text(hint).clicked() {
        app.run(Command::TogglePrivacy);
    }
}

fn table(app: &App, ui: &mut Ui, look: &Look, state: &Tags) {
    let rows = match state.rows() {
        None => {
            let step = Step { stage: "reading the file".to_owned(), ..Step::default() };
            states::working(ui, look, &step, false);
            return;
        }
        Some(Err(problem)) => {
            states::failed(ui, look, problem, None);
            return;
        }
        Some(Ok(rows)) => rows,
    };
    if rows.is_empty() {
        states::empty(ui, look, "This file says nothing besides its pixels.", None);
        return;
    }
    let found = state.found(rows, app.privacy);
    if found.is_empty() {
        states::empty(ui, look, "No tag, keyword or value has these letters. Hidden values are not searched.", None);
        return;
    }
    let count = if found.len() == rows.len() {
        format!("{} rows", rows.len())
    } else {
        format!("{} of {} rows", found.len(), rows.len())
    };
    ui.label(RichText::new(count).small().color(look.colour.secondary));
    ui.spacing_mut().item_spacing.y = 0.0;
    let area = ScrollArea::vertical().id_salt("tag rows").auto_shrink([false, false]);
    area.show_rows(ui, look.size.row, found.len(), |ui, range| {
        for index in range {
            let Some((row, value)) = found.get(index) else { continue };
            let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), look.size.row), Sense::hover());
            let response = ui.interact(rect, Id::unique(("tag", index)), Sense::click());
            let name = format!("{} {}: {value}", row.tag, row.keyword);
            response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, true, &name));
            if index % 2 == 1 || response.hovered() {
                ui.painter().rect_filled(rect, 0.0, look.colour.raised);
            }
            let small = TextStyle::Small.resolve(ui.style());
            let body = TextStyle::Body.resolve(ui.style());
            let mut left = rect.left() + look.size.gap + row.depth as f32 * look.size.pad;
            let mut start = rect.left() + look.size.gap;
            let cells = [
                (row.tag.as_str(), look.colour.secondary, &small),
                (if row.keyword.is_empty() { "private" } else { &row.keyword }, look.colour.text, &body),
                (row.kind.as_str(), look.colour.secondary, &small),
            ];
            for ((words, ink, font), share) in cells.into_iter().zip(COLUMNS) {
                let end = start + share * rect.width();
                put(ui, rect, left, end - look.size.gap, words, font, ink);
                (start, left) = (end, end);
            }
            let is_hidden = *value == HIDDEN;
            let ink = if is_hidden { look.colour.disabled } else { look.colour.text };
            put(ui, rect, left, rect.right() - look.size.gap, value, &body, ink);
            let hint = if is_hidden { "Hidden by the privacy switch" } else { "Click to copy the value" };
            if response.on_hover_text(format!("{value}\n{hint}")).clicked() && !is_hidden {
                ui.ctx().copy_text((*value).to_owned());
            }
        }
    });
}

fn put(ui: &Ui, row: Rect, left: f32, right: f32, words: &str, font: &egui::FontId, ink: egui::Color32) {
    let cell = Rect::from_min_max(pos2(left, row.top()), pos2(right.max(left), row.bottom()));
    text::put(ui, cell, Align::Min, words, font.clone(), ink);
}
