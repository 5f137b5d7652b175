//! The audit's examples: films on which the closest feature fires, for and against the column.

use egui::{Align, Color32, Rect, RichText, ScrollArea, Sense, TextStyle, TextureOptions, Ui, pos2, vec2};
use fluoro_core::audit::{ColumnAudit, EXAMPLE_SIDE};

use crate::window::app::App;
use crate::window::tokens::Look;
use crate::window::widgets::{number, states, text};

/// Shows the films, each group in a row.
pub fn show(app: &mut App, ui: &mut Ui, look: &Look, column: &ColumnAudit, version: usize) {
    if column.examples.is_empty() {
        states::empty(ui, look, "No film of the store could be shown for this column.", None);
        return;
    }
    let ctx = ui.ctx().clone();
    let pictures = app.audit.pictures.of(version, || {
        let side = EXAMPLE_SIDE as usize;
        let load = |rgba: &Vec<u8>| {
            let image = egui::ColorImage::from_rgba_premultiplied([side, side], rgba);
            ctx.load_texture("audit example", image, TextureOptions::LINEAR)
        };
        column.examples.iter().map(|example| example.picture.as_ref().map(load)).collect()
    });
    let title = look.size.small + look.size.gap;
    let side = (ui.available_height() / 2.0 - 2.0 * title - look.size.pad).max(look.size.thumbnail).floor();
    let small = TextStyle::Small.resolve(ui.style());
    ScrollArea::both().id_salt("audit films").auto_shrink([false, false]).show(ui, |ui| {
        ui.spacing_mut().item_spacing = vec2(look.size.gap, 0.0);
        for (shows, words) in
            [(true, "of the group that is asked for"), (false, "of the others, on which it fires all the same")]
        {
            ui.label(RichText::new(words).small().color(look.colour.secondary));
            ui.horizontal(|ui| {
                for (example, texture) in
                    column.examples.iter().zip(pictures.iter()).filter(|(it, _)| it.shows == shows)
                {
                    let (rect, response) = ui.allocate_exact_size(vec2(side, side + title), Sense::hover());
                    let picture = Rect::from_min_size(rect.min, vec2(side, side));
                    ui.painter().rect_filled(picture, 0.0, look.colour.light_box);
                    match texture {
                        Some(texture) => {
                            let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
                            ui.painter().image(texture.id(), picture, uv, Color32::WHITE);
                        }
                        None => {
                            text::put(ui, picture, Align::Center, "not readable", small.clone(), look.colour.secondary)
                        }
                    }
                    let below = rect.with_min_y(picture.bottom());
                    text::put(
                        ui,
                        below,
                        Align::Min,
                        &number::short(example.value),
                        small.clone(),
                        look.colour.secondary,
                    );
                    response.on_hover_text(
                        "Activation of the feature that follows the column most closely; where it fires is lit.",
                    );
                }
            });
        }
    });
}
