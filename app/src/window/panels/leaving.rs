//! The question before the film's own pixels leave: what looks like burned-in words is outlined on the film, to be painted
//! over or kept; a DICOM object asks whose name it may carry.

use egui::{Color32, Frame, Id, Modal, Rect, RichText, Sense, Stroke, TextureOptions, Ui, WidgetInfo, pos2, vec2};

use crate::window::app::{App, Cover};
use crate::window::dialogs::Purpose;
use crate::window::icons;
use crate::window::light_box::rgb;
use crate::window::state::exports::{Choice, Leaving};
use crate::window::state::gallery;
use crate::window::tokens::Look;
use crate::window::widgets::states;

/// The film's share of the dialog's width.
const PICTURE: f32 = 0.56;

/// What was answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Wait,
    Cancel,
    GoOn,
}

/// Asks, and says what comes after.
pub fn show(app: &mut App, ui: &mut Ui, what: Leaving) -> Cover {
    let look = app.look;
    if app.find_words().is_none() {
        return Cover::Nothing;
    }
    let mut choice = app.exports.choice.clone().unwrap_or_default();
    let frame = Frame::popup(ui.style()).inner_margin(2.0 * look.size.pad);
    let modal = Modal::new(Id::unique("leaving")).backdrop_color(look.colour.backdrop).frame(frame);
    let modal = modal.show(ui.ctx(), |ui| {
        ui.set_width(look.size.dialog_width);
        ui.heading(heading(what));
        ui.add_space(look.size.pad);
        ui.horizontal_top(|ui| {
            let side = (look.size.dialog_width * PICTURE).floor();
            picture(app, ui, &look, &mut choice, side);
            ui.add_space(look.size.pad);
            ui.vertical(|ui| words(ui, &look, what, &mut choice)).inner
        })
        .inner
    });
    app.exports.choice = Some(choice);
    match modal.inner {
        Answer::GoOn => {
            // A dialog of the system opens over the window, not over this question.
            app.cover = Cover::Nothing;
            app.go_on(what);
            Cover::Nothing
        }
        Answer::Wait if !modal.should_close() => Cover::Leaving(what),
        _ => Cover::Nothing,
    }
}

fn heading(what: Leaving) -> &'static str {
    match what {
        Leaving::File(Purpose::ExportDicom) => "Before the DICOM object is written",
        Leaving::Clipboard => "Before the picture is copied",
        Leaving::File(_) => "Before the file is written",
    }
}

/// The film with what was found; a click paints a place over, or keeps it.
fn picture(app: &App, ui: &mut Ui, look: &Look, choice: &mut Choice, side: f32) {
    let (rect, _) = ui.allocate_exact_size(vec2(side, side), Sense::hover());
    ui.painter().rect_filled(rect, 0.0, look.colour.light_box);
    let Some(film) = &app.film else { return };
    let pixels = (side * ui.pixels_per_point()).round().max(1.0) as usize;
    let id = Id::unique(("leaving", film.version, pixels));
    let known = ui.data(|data| data.get_temp::<egui::TextureHandle>(id));
    let texture = known.unwrap_or_else(|| {
        let drawn = gallery::draw(&film.view.radiograph, pixels, rgb(look.colour.light_box));
        let image = egui::ColorImage::from_rgba_premultiplied([pixels, pixels], &drawn);
        let texture = ui.ctx().load_texture("leaving", image, TextureOptions::LINEAR);
        ui.data_mut(|data| data.insert_temp(id, texture.clone()));
        texture
    });
    let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    ui.painter().image(texture.id(), rect, uv, Color32::WHITE);
    let [width, height] = film.size().map(|length| length as f32);
    let scale = (side / width).min(side / height);
    let corner = rect.center() - vec2(width, height) * scale / 2.0;
    for (index, find) in choice.finds.iter_mut().enumerate() {
        let at = corner + vec2(find.place.x as f32, find.place.y as f32) * scale;
        let area = Rect::from_min_size(at, vec2(find.place.width as f32, find.place.height as f32) * scale);
        let response = ui.interact(area.expand(look.size.gap), Id::unique(("find", index)), Sense::click());
        let name = format!("burned-in place {}", index + 1);
        response.widget_info(|| WidgetInfo::selected(egui::Role::CheckBox, true, find.is_painted, &name));
        if find.is_painted {
            ui.painter().rect_filled(area, 0.0, look.colour.light_box);
        }
        let ink = if find.is_painted { look.colour.accent } else { look.colour.warning };
        for (width, ink) in [(2.0 * look.size.outline, look.colour.halo), (look.size.outline, ink)] {
            ui.painter().rect_stroke(area.expand(1.0), 0.0, Stroke::new(width, ink), egui::StrokeKind::Outside);
        }
        let hint =
            if find.is_painted { "Painted over in what leaves. Click to keep it." } else { "Click to paint it over." };
        if response.on_hover_text(hint).clicked() {
            find.is_painted = !find.is_painted;
        }
    }
}

fn words(ui: &mut Ui, look: &Look, what: Leaving, choice: &mut Choice) -> Answer {
    let (count, painted) = (choice.finds.len(), choice.painted().len());
    let found = match (count, choice.says) {
        (0, Some(true)) => "The file says that words are burned into this film. None were found by looking.".to_owned(),
        (0, _) => "No burned-in words were found. Very faint, dark or central ones can be missed: look for yourself."
            .to_owned(),
        (1, _) => "One place looks like burned-in words or a marker. It may name somebody.".to_owned(),
        _ => format!("{count} places look like burned-in words or markers. They may name somebody."),
    };
    if choice.has_words() {
        ui.label(RichText::new(format!("{}  Burned-in words", icons::WARNING)).color(look.colour.warning));
    }
    ui.label(found);
    if count > 0 {
        ui.label(RichText::new("Click a place to paint over that one only.").color(look.colour.secondary));
    }
    if what == Leaving::File(Purpose::ExportDicom) {
        ui.add_space(look.size.pad);
        ui.checkbox(&mut choice.keeps_patient, "Copy patient and study").on_hover_text(
            "Name, number, birth date and study of the patient, and a reference to this film, so that an archive files the \
             object with it.",
        );
        let told = if choice.keeps_patient {
            "The object names the patient."
        } else {
            "The object names nobody: new identifiers, no dates."
        };
        ui.label(RichText::new(told).small().color(look.colour.secondary));
    }
    ui.add_space(look.size.pad);
    ui.label(RichText::new("What a model made is marked as not for diagnosis.").small().color(look.colour.secondary));
    ui.add_space(2.0 * look.size.pad);
    let mut answer = Answer::Wait;
    ui.horizontal_wrapped(|ui| {
        if count > 0 && states::primary(ui, look, "Paint over all").clicked() {
            choice.paint_all(true);
            answer = Answer::GoOn;
        }
        let rest = match (count, painted) {
            (0, _) => "Go on".to_owned(),
            (_, 0) => "Keep them".to_owned(),
            _ => format!("Paint over {painted} of {count}"),
        };
        let go_on = if count == 0 { states::primary(ui, look, &rest) } else { ui.button(rest) };
        if go_on.clicked() {
            answer = Answer::GoOn;
        }
        if ui.button("Cancel").clicked() {
            answer = Answer::Cancel;
        }
    });
    answer
}
