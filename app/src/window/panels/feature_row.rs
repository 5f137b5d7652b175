//! One feature as a row: pin, name, slider, number to type, quantile, and a menu. In: everything that the row shows. Out:
//! at most one wish.

use egui::{Align, Key, Popup, Rect, RichText, Sense, TextEdit, TextStyle, Ui, WidgetInfo, pos2, vec2};
use fluoro_core::bundle::manifest::Feature;
use fluoro_core::engine::edit::parse_setting;

use crate::window::app::{App, Tab};
use crate::window::icons;
use crate::window::state::edits::Handle;
use crate::window::state::features::{FeatureList, Typing};
use crate::window::tokens::Look;
use crate::window::widgets::slider::{Extras, Slider};
use crate::window::widgets::{number, text};

/// What a row, or a group's head, asks for.
pub enum Wish {
    /// A feature's activation.
    Set(usize, f32),
    /// A factor for the own activations of a group's features.
    Scale(usize, Vec<usize>, f32),
    /// Their edits are taken away.
    Reset(Vec<usize>),
    /// The feature stays on top, or no longer.
    Pin(usize),
    /// The feature is chosen; whether it joins those that are; whether all between join too.
    Choose(usize, bool, bool),
    /// Features are not listed, or are again.
    Hide(Vec<usize>, bool),
    /// Features join a group.
    Join(String, Vec<usize>),
    /// Features leave a group.
    Leave(String, Vec<usize>),
    /// A group is folded or unfolded.
    Fold(String),
    /// The brush is taken for a feature, or put away.
    Brush(Option<usize>),
    /// The feature's edit applies everywhere.
    Everywhere(usize),
    /// The feature's page in the open store.
    Page(usize),
}

/// Carries a wish out.
pub fn grant(app: &mut App, wish: Wish) {
    match wish {
        Wish::Set(index, value) => {
            app.features.anchor = Some(index);
            app.set_feature(index, value);
        }
        Wish::Scale(group, features, factor) => app.scale_features(Handle::Group(group), &features, factor),
        Wish::Reset(features) => app.reset_features(&features),
        Wish::Pin(index) => {
            if !app.features.pins.remove(&index) {
                app.features.pins.insert(index);
            }
        }
        Wish::Choose(index, is_added, reaches) => app.features.choose(index, is_added, reaches),
        Wish::Hide(features, true) => app.features.hidden.extend(features),
        Wish::Hide(features, false) => app.features.hidden.retain(|index| !features.contains(index)),
        Wish::Join(name, features) => app.features.group(&name, features),
        Wish::Leave(name, features) => app.features.ungroup(&name, &features),
        Wish::Fold(name) => app.features.toggle_fold(&name),
        Wish::Brush(feature) => app.take_brush(feature),
        Wish::Everywhere(index) => app.clear_region(index),
        Wish::Page(index) => {
            app.store.show_feature(index as u32);
            (app.layout.bottom, app.layout.tab) = (true, Tab::Gallery);
        }
    }
}

/// Everything that a row shows.
pub struct Row<'a> {
    /// Of its slider; a feature in two groups has two rows.
    pub id: egui::Id,
    /// Feature.
    pub index: usize,
    /// What is known of it.
    pub about: Option<&'a Feature>,
    /// The film's own activation.
    pub own: f32,
    /// The activation asked for.
    pub value: f32,
    /// Largest activation ever seen.
    pub seen: Option<f32>,
    /// Where the activation asked for lies in the dataset.
    pub quantile: Option<f32>,
    /// Marks below the slider.
    pub ticks: Vec<f32>,
    /// It stays on top.
    pub is_pinned: bool,
    /// It is listed only because hidden ones are.
    pub is_hidden: bool,
    /// It is chosen.
    pub is_chosen: bool,
    /// Cells that its edit is kept to.
    pub region: Option<usize>,
    /// The brush paints it.
    pub is_brushed: bool,
    /// The latent has positions, so that an edit can be kept to a region.
    pub has_positions: bool,
    /// Groups and what is chosen, for the menu.
    pub list: &'a FeatureList,
}

/// Places of a row's columns: number or pin, name, slider, value, quantile.
pub fn places(rect: Rect, look: &Look) -> [Rect; 5] {
    let gap = look.size.gap;
    let (index, number) = (look.size.row + gap, look.size.row * 1.75);
    let rest = rect.width() - index - 2.0 * number - 4.0 * gap;
    let mut x = rect.left();
    [index, rest * 0.57, rest * 0.43, number, number].map(|width| {
        let place = Rect::from_min_max(pos2(x, rect.top()), pos2(x + width, rect.bottom()));
        x += width + gap;
        place
    })
}

/// Reads a number as it is typed: an activation, or relative to the film's own as `x0.5`, `+2`, `-2`.
pub fn typed(text: &str, own: f32) -> Option<f32> {
    let text = text.trim().replace(',', ".").replace('−', "-").replace('×', "x");
    let (_, setting) = parse_setting(&format!("value={text}")).ok()?;
    Some(setting.resolve(own)).filter(|value| value.is_finite())
}

impl Row<'_> {
    /// Shows the row.
    pub fn show(&self, ui: &mut Ui, look: &Look, typing: &mut Option<Typing>) -> Option<Wish> {
        let (colour, size) = (&look.colour, &look.size);
        let (rect, hover) = ui.allocate_exact_size(vec2(ui.available_width(), size.row), Sense::hover());
        let [pin, name, track, value_place, quantile] = places(rect.with_max_x(rect.right() - size.pad), look);
        if self.is_chosen {
            ui.painter().rect_filled(rect.with_max_x(rect.right() - size.gap), 0.0, colour.accent_soft);
        }
        let mut wish = self.name(ui, look, name, typing);
        if self.pin(ui, look, pin) {
            wish = Some(Wish::Pin(self.index));
        }
        let label = self.about.and_then(|about| about.label.as_deref());
        let spoken = format!("feature {} {}", self.index, label.unwrap_or_default());
        let top = (2.0 * self.own).max(self.seen.unwrap_or(0.0));
        let top = if top > 0.0 { top } else { 1.0 };
        let slider = Slider { label: spoken.trim_end(), range: [0.0, top], origin: self.own, seen: self.seen };
        let (mut value, extras) = (self.value, Extras { ticks: &self.ticks, wheel: true });
        let response = slider.show_with(ui, look, track, self.id, &mut value, extras);
        if response.double_clicked() {
            value = self.own;
        }
        if response.has_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
            *typing = Some(Typing::Value(self.index, String::new()));
        }
        if let Some(set) = self.number(ui, look, value_place, typing) {
            value = set;
        }
        let share = self.quantile.map_or_else(|| "–".to_owned(), number::percent);
        text::put(ui, quantile, Align::Max, &share, TextStyle::Small.resolve(ui.style()), colour.secondary);
        hover.on_hover_ui(|ui| self.about(ui, look));
        if value != self.value { Some(Wish::Set(self.index, value)) } else { wish }
    }

    /// The name: a click chooses, a second button opens the menu.
    fn name(&self, ui: &mut Ui, look: &Look, rect: Rect, typing: &mut Option<Typing>) -> Option<Wish> {
        let colour = &look.colour;
        let response = ui.interact(rect, self.id.with("name"), Sense::click());
        response.widget_info(|| {
            let name = format!("choose feature {}", self.index);
            WidgetInfo::selected(egui::Role::Button, ui.is_enabled(), self.is_chosen, name)
        });
        let label = self.about.and_then(|about| about.label.as_deref());
        let ink = match (self.value != self.own, label) {
            _ if self.is_hidden => colour.disabled,
            (true, _) => colour.accent,
            (false, Some(_)) => colour.text,
            (false, None) => colour.secondary,
        };
        let body = TextStyle::Body.resolve(ui.style());
        let mut words = rect;
        if self.region.is_some() || self.is_brushed {
            words.max.x -= look.size.row;
            let ink = if self.is_brushed { colour.accent } else { colour.secondary };
            text::put(ui, rect, Align::Max, icons::REGION, body.clone(), ink);
        }
        text::put(ui, words, Align::Min, label.unwrap_or("no label"), body, ink);
        if response.has_focus() {
            let line = egui::Stroke::new(look.size.focus, colour.accent);
            ui.painter().rect_stroke(rect, look.size.radius, line, egui::StrokeKind::Inside);
        }
        let mut wish = None;
        if response.clicked() {
            let modifiers = ui.input(|input| input.modifiers);
            wish = Some(Wish::Choose(self.index, modifiers.command, modifiers.shift));
        }
        Popup::context_menu(&response).show(|ui| {
            if let Some(asked) = self.menu(ui, typing) {
                wish = Some(asked);
                ui.close();
            }
        });
        wish
    }

    fn menu(&self, ui: &mut Ui, typing: &mut Option<Typing>) -> Option<Wish> {
        let chosen = self.list.acted_on(self.index);
        let several = if chosen.len() > 1 { format!(" {} features", chosen.len()) } else { String::new() };
        let mut wish = None;
        let mut item = |ui: &mut Ui, words: &str, asked: Wish| {
            if ui.button(words).clicked() {
                wish = Some(asked);
            }
        };
        item(ui, if self.is_pinned { "Unpin" } else { "Pin" }, Wish::Pin(self.index));
        let words = if self.is_hidden { "Show again" } else { "Hide" };
        item(ui, &format!("{words}{several}"), Wish::Hide(chosen.clone(), !self.is_hidden));
        item(ui, "Page in the gallery", Wish::Page(self.index));
        ui.separator();
        if self.has_positions {
            let brush = if self.is_brushed { None } else { Some(self.index) };
            item(ui, if self.is_brushed { "Put the brush away" } else { "Edit under a brush" }, Wish::Brush(brush));
        } else {
            let button = ui.add_enabled(false, egui::Button::new("Edit under a brush"));
            button.on_disabled_hover_text("The latent of this bundle has no positions.");
        }
        if self.region.is_some() {
            item(ui, "Edit everywhere", Wish::Everywhere(self.index));
        }
        item(ui, &format!("Reset{several}"), Wish::Reset(chosen.clone()));
        ui.separator();
        if ui.button(format!("New group of{}…", if several.is_empty() { " this feature" } else { &several })).clicked()
        {
            *typing = Some(Typing::NewGroup(chosen.clone(), String::new()));
            ui.close();
        }
        for group in &self.list.groups {
            if chosen.iter().all(|index| group.members.contains(index)) {
                item(ui, &format!("Take out of \"{}\"", group.name), Wish::Leave(group.name.clone(), chosen.clone()));
            } else {
                item(ui, &format!("Put into \"{}\"", group.name), Wish::Join(group.name.clone(), chosen.clone()));
            }
        }
        wish
    }

    /// The number; a click lets it be typed. Returns what was typed.
    fn number(&self, ui: &mut Ui, look: &Look, rect: Rect, typing: &mut Option<Typing>) -> Option<f32> {
        let colour = &look.colour;
        let id = self.id.with("number");
        if let Some(Typing::Value(index, words)) = typing
            && *index == self.index
        {
            let is_good = words.is_empty() || typed(words, self.own).is_some();
            let ink = if is_good { colour.text } else { colour.error };
            let wide = rect.with_min_x(rect.left() - look.size.row).shrink2(vec2(0.0, look.size.stroke));
            let hint = number::short(self.value);
            let field = TextEdit::singleline(words).id(id).text_color(ink).hint_text(hint).font(TextStyle::Small);
            let response = ui.put(wide, field.margin(vec2(look.size.gap, look.size.stroke)));
            let response = response.accessible_name(format!("activation of feature {}", self.index));
            response.clone().on_hover_text("A number, or relative to the film's own: x0.5, +2, -2. Enter sets it.");
            if !ui.memory(|memory| memory.had_focus_last_frame(id)) && !response.has_focus() && !response.lost_focus() {
                response.request_focus();
            }
            let (enter, escape) = ui.input(|input| (input.key_pressed(Key::Enter), input.key_pressed(Key::Escape)));
            let value = typed(words, self.own);
            if response.lost_focus() || escape {
                // What makes no number stays to be mended, unless it was given up.
                if !enter || value.is_some() || words.is_empty() {
                    *typing = None;
                } else {
                    response.request_focus();
                }
                return value.filter(|_| !escape);
            }
            return None;
        }
        let response = ui.interact(rect, id.with("read"), Sense::click());
        response.widget_info(|| {
            WidgetInfo::labeled(
                egui::Role::Button,
                ui.is_enabled(),
                format!("type activation of feature {}", self.index),
            )
        });
        let unseen = self.seen.is_some_and(|seen| self.value > seen);
        let ink = match (unseen, self.value != self.own) {
            _ if response.hovered() || response.has_focus() => colour.accent,
            (true, _) => colour.warning,
            (_, true) => colour.accent,
            _ => colour.text,
        };
        text::put(ui, rect, Align::Max, &number::short(self.value), TextStyle::Small.resolve(ui.style()), ink);
        if response.on_hover_text("Click to type a number").clicked() {
            *typing = Some(Typing::Value(self.index, String::new()));
        }
        None
    }

    /// The feature's number; under the hand, or when it is pinned, a pin.
    fn pin(&self, ui: &mut Ui, look: &Look, rect: Rect) -> bool {
        let response = ui.interact(rect, self.id.with("pin"), Sense::click());
        response.widget_info(|| {
            let name = format!("pin feature {}", self.index);
            WidgetInfo::selected(egui::Role::Button, ui.is_enabled(), self.is_pinned, name)
        });
        if self.is_pinned || response.hovered() || response.has_focus() {
            let ink = if self.is_pinned { look.colour.accent } else { look.colour.text };
            text::put(ui, rect, Align::Max, icons::PIN, TextStyle::Body.resolve(ui.style()), ink);
        } else {
            let small = TextStyle::Small.resolve(ui.style());
            text::put(ui, rect, Align::Max, &self.index.to_string(), small, look.colour.secondary);
        }
        response.on_hover_text(format!("Feature {}; click to keep it on top", self.index)).clicked()
    }

    fn about(&self, ui: &mut Ui, look: &Look) {
        let Some(about) = self.about else { return };
        let mut lines = vec![format!("Feature {}: {} on this film", self.index, number::short(self.own))];
        match &about.label {
            Some(label) => lines.push(format!(
                "Named \"{label}\" because it goes with that column of the training data: correlation {} there, {} on held-out films.",
                number::short(about.correlation),
                number::short(about.held_out_correlation)
            )),
            None => lines.push("No column of the training data goes with it.".to_owned()),
        }
        lines.push(format!("Fires on {} of the training films.", number::percent(about.firing_rate)));
        if let Some(cells) = self.region {
            lines.push(format!("Its edit is kept to {cells} cells of the latent."));
        }
        for line in lines {
            ui.label(line);
        }
        if let Some(seen) = self.seen {
            ui.label(format!("Largest activation ever seen: {}.", number::short(seen)));
            if self.value > seen {
                let words = "This value was never seen on a training film; the picture may be no chest at all.";
                ui.label(RichText::new(words).color(look.colour.warning));
            }
        }
        if self.value != self.own {
            ui.label("Double click on the slider takes the change back.");
        }
        ui.label("Right click on the name for groups, hiding and the brush.");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_typed_as_on_the_command_line() {
        for (text, value) in
            [("2.5", 2.5), (" 2,5 ", 2.5), ("x0.5", 2.0), ("×2", 8.0), ("+1", 5.0), ("−1", 3.0), ("-9", 0.0)]
        {
            assert_eq!(typed(text, 4.0), Some(value), "{text}");
        }
        for text in ["", "abc", "1e99", "x", "nan"] {
            assert_eq!(typed(text, 4.0), None, "{text}");
        }
    }
}
