//! The command palette: every command, film and built-in bundle by name.

use egui::{
    Align, Align2, Area, Frame, Id, Key, Modifiers, Order, Rect, RichText, ScrollArea, Sense, Stroke, TextEdit,
    TextStyle, Ui, WidgetInfo, vec2,
};

use fluoro_core::bundle::BundleSource;

use crate::window::app::{App, Cover};
use crate::window::command::Command;
use crate::window::icons;
use crate::window::tokens::Look;
use crate::window::widgets::text;
use crate::window::wishes::built_in;

/// What was typed and which entry is chosen.
#[derive(Default)]
pub struct Palette {
    typed: String,
    chosen: usize,
    opened: bool,
}

#[derive(Clone)]
enum Entry {
    Command(Command),
    Film(usize, String),
    Bundle(&'static str),
}

/// Shows the palette over the window.
pub fn show(app: &mut App, ui: &mut Ui, mut palette: Palette) -> Cover {
    let look = app.look;
    let entries = entries(app, &palette.typed);
    let (mut run, mut close) = (None, false);
    // The click that opened the palette lies beside it.
    let was_open = palette.opened;
    ui.input_mut(|input| {
        let last = entries.len().saturating_sub(1);
        if input.consume_key(Modifiers::NONE, Key::ArrowDown) {
            palette.chosen = (palette.chosen + 1).min(last);
        }
        if input.consume_key(Modifiers::NONE, Key::ArrowUp) {
            palette.chosen = palette.chosen.saturating_sub(1);
        }
        if input.consume_key(Modifiers::NONE, Key::Enter) {
            run = entries.get(palette.chosen).cloned();
        }
        close = input.consume_key(Modifiers::NONE, Key::Escape);
    });
    let offset = vec2(0.0, look.size.top_bar + look.size.row);
    let area =
        Area::new(Id::unique("palette")).order(Order::Foreground).anchor(Align2::CENTER_TOP, offset).fade_in(false);
    let shown = area.show(ui.ctx(), |ui| {
        let frame = Frame::new()
            .fill(look.colour.raised)
            .stroke(Stroke::new(look.size.stroke, look.colour.accent))
            .corner_radius(look.size.radius)
            .inner_margin(look.size.pad);
        frame.show(ui, |ui| {
            ui.set_width(look.size.palette_width);
            let field = TextEdit::singleline(&mut palette.typed)
                .desired_width(f32::INFINITY)
                .hint_text("type a command, a film or a bundle");
            let field = ui.add(field).accessible_name("command palette");
            if !palette.opened {
                field.request_focus();
                palette.opened = true;
            }
            if field.changed() {
                palette.chosen = 0;
            }
            ui.add_space(look.size.gap);
            if entries.is_empty() {
                ui.label(RichText::new("No command, film or bundle has these letters.").color(look.colour.secondary));
            }
            let height = look.size.palette_rows as f32 * (look.size.row + look.size.gap);
            ScrollArea::vertical().max_height(height).auto_shrink([false, true]).show(ui, |ui| {
                for (i, entry) in entries.iter().enumerate() {
                    let response = row(app, ui, &look, entry, i == palette.chosen);
                    if i == palette.chosen && !ui.clip_rect().contains_rect(response.rect) {
                        response.scroll_to_me(None);
                    }
                    if response.clicked() {
                        run = Some(entry.clone());
                    }
                }
            });
        });
    });
    close |= shown.response.clicked_elsewhere() && was_open;
    match run {
        Some(Entry::Command(command)) => {
            app.cover = Cover::Nothing;
            app.run(command);
            std::mem::take(&mut app.cover)
        }
        Some(Entry::Film(index, _)) => {
            app.show_film(index);
            Cover::Nothing
        }
        Some(Entry::Bundle(name)) => {
            app.open_bundle(BundleSource::Embedded(name.to_owned()));
            Cover::Nothing
        }
        None if close => Cover::Nothing,
        None => Cover::Palette(palette),
    }
}

fn entries(app: &App, typed: &str) -> Vec<Entry> {
    let commands =
        Command::all().filter(|command| *command != Command::Palette && app.can(*command)).map(Entry::Command);
    let films = app.study.films.iter().enumerate().map(|(index, film)| Entry::Film(index, film.name.clone()));
    let bundles = built_in(app).filter(|(_, is_open)| !is_open).map(|(name, _)| Entry::Bundle(name));
    let mut found: Vec<(usize, Entry)> = commands
        .chain(films)
        .chain(bundles)
        .filter_map(|entry| rank(&name(&entry), typed).map(|rank| (rank, entry)))
        .collect();
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, entry)| entry).collect()
}

fn name(entry: &Entry) -> String {
    match entry {
        Entry::Command(command) => command.text().to_owned(),
        Entry::Film(_, name) => format!("Film: {name}"),
        Entry::Bundle(name) => format!("Bundle: {name}"),
    }
}

/// How well a name fits what was typed: 0 is best, none is not at all. Letters in order are enough.
fn rank(name: &str, typed: &str) -> Option<usize> {
    let (name, typed) = (name.to_lowercase(), typed.trim().to_lowercase());
    if let Some(at) = name.find(&typed) {
        return Some(usize::from(at > 0 && !name[..at].ends_with(' ')));
    }
    let mut letters = name.chars();
    typed.chars().filter(|c| !c.is_whitespace()).all(|c| letters.any(|n| n == c)).then_some(2)
}

fn row(app: &App, ui: &mut Ui, look: &Look, entry: &Entry, is_chosen: bool) -> egui::Response {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), look.size.row), Sense::click());
    let words = name(entry);
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, true, &words));
    if is_chosen || response.hovered() {
        ui.painter().rect_filled(rect, look.size.radius, look.colour.accent_soft);
    }
    let inner = rect.shrink2(vec2(look.size.pad, 0.0));
    let on = matches!(entry, Entry::Command(command) if app.is_on(*command) == Some(true));
    let ink = if on { look.colour.accent } else { look.colour.text };
    let body = TextStyle::Body.resolve(ui.style());
    text::put(ui, inner, Align::Min, &words, body, ink);
    let right = match entry {
        Entry::Command(command) => command.keys_text(ui.ctx()).unwrap_or_default(),
        Entry::Film(index, _) => format!("{}  {}", icons::FILM, index + 1),
        Entry::Bundle(_) => "built in".to_owned(),
    };
    let place = Rect::from_min_max(inner.center_top(), inner.max);
    text::put(ui, place, Align::Max, &right, TextStyle::Small.resolve(ui.style()), look.colour.secondary);
    response
}

#[cfg(test)]
mod tests {
    use super::rank;

    #[test]
    fn the_start_of_a_word_wins_and_letters_in_order_are_enough() {
        assert_eq!(rank("Export GIF…", "gif"), Some(0));
        assert_eq!(rank("Export GIF…", "port"), Some(1));
        assert_eq!(rank("Export GIF…", "egf"), Some(2));
        assert_eq!(rank("Export GIF…", "fg"), None);
        assert_eq!(rank("Export GIF…", ""), Some(0));
    }
}
