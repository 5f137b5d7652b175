//! The head of a group of features: fold, name, a slider that scales them all, and a menu. In: the group. Out: at most one
//! wish.

use egui::{Align, Popup, Sense, TextStyle, Ui, WidgetInfo, vec2};

use super::feature_row::{Wish, places};
use crate::window::icons;
use crate::window::state::features::{FeatureSettings, Grouping, ShownGroup, Typing};
use crate::window::tokens::Look;
use crate::window::widgets::slider::{Extras, Slider};
use crate::window::widgets::{number, text};

/// The slider's end: members up to this many times their own activation.
const REACH: f32 = 2.0;

/// Everything that a head shows.
pub struct GroupRow<'a> {
    /// Its place among the groups.
    pub place: usize,
    /// The group.
    pub group: &'a ShownGroup,
    /// The factor that all members have; none where they differ, or none of them fires.
    pub factor: Option<f32>,
    /// A member is edited.
    pub edited: bool,
    /// Groups, for the menu.
    pub settings: &'a FeatureSettings,
}

/// Shows the head.
pub fn show(row: &GroupRow<'_>, ui: &mut Ui, look: &Look, typing: &mut Option<Typing>) -> Option<Wish> {
    let (colour, size, group) = (&look.colour, &look.size, row.group);
    let (rect, hover) = ui.allocate_exact_size(vec2(ui.available_width(), size.row), Sense::hover());
    ui.painter().rect_filled(rect.with_max_x(rect.right() - size.gap), 0.0, colour.raised);
    let [fold, name, track, value_place, count] = places(rect.with_max_x(rect.right() - size.pad), look);
    let id = egui::Id::unique(("group", &group.name));
    let mut wish = None;

    let head = ui.interact(fold.union(name), id.with("fold"), Sense::click());
    head.widget_info(|| {
        let name = format!("fold group {}", group.name);
        WidgetInfo::selected(egui::Role::Button, true, group.is_folded, name)
    });
    let (body, small) = (TextStyle::Body.resolve(ui.style()), TextStyle::Small.resolve(ui.style()));
    let caret = if group.is_folded { icons::CARET_RIGHT } else { icons::CARET_DOWN };
    text::put(ui, fold, Align::Max, caret, body.clone(), colour.secondary);
    let ink = if head.hovered() || head.has_focus() || row.edited { colour.accent } else { colour.text };
    text::put(ui, name, Align::Min, &group.name, body, ink);
    if head.clicked() {
        wish = Some(Wish::Fold(group.name.clone()));
    }
    Popup::context_menu(&head).show(|ui| {
        if let Some(asked) = menu(row, ui, typing) {
            wish = Some(asked);
            ui.close();
        }
    });

    if group.firing > 0 {
        let own = row.factor.unwrap_or(1.0);
        let spoken = format!("group {}", group.name);
        let slider = Slider { label: &spoken, range: [0.0, REACH], origin: 1.0, seen: None };
        let mut factor = own;
        let extras = Extras { wheel: true, ..Extras::default() };
        let response = slider.show_with(ui, look, track, id.with("slider"), &mut factor, extras);
        if response.double_clicked() && row.edited {
            wish = Some(Wish::Scale(row.place, group.members.clone(), 1.0));
        } else if factor != own {
            wish = Some(Wish::Scale(row.place, group.members.clone(), factor));
        }
        let words = match row.factor {
            Some(factor) => format!("×{}", number::short(factor)),
            None => "mixed".to_owned(),
        };
        text::put(
            ui,
            value_place,
            Align::Max,
            &words,
            small.clone(),
            if row.edited { colour.accent } else { colour.secondary },
        );
    }
    text::put(ui, count, Align::Max, &format!("{}/{}", group.firing, group.members.len()), small, colour.secondary);
    hover.on_hover_text(format!(
        "{}: {} features, {} of them fire on this film. The slider multiplies the activations of those that fire.\n\
         Right click for its menu.",
        group.name,
        group.members.len(),
        group.firing
    ));
    wish
}

fn menu(row: &GroupRow<'_>, ui: &mut Ui, typing: &mut Option<Typing>) -> Option<Wish> {
    let (name, members) = (&row.group.name, &row.group.members);
    let mut wish = None;
    for (words, asked) in [
        ("Set all to zero", Wish::Scale(row.place, members.clone(), 0.0)),
        ("Reset all", Wish::Reset(members.clone())),
        ("Hide all", Wish::Hide(members.clone(), true)),
        ("Show all again", Wish::Hide(members.clone(), false)),
    ] {
        if ui.button(words).clicked() {
            wish = Some(asked);
        }
    }
    ui.separator();
    if row.settings.grouping == Grouping::Own {
        if ui.button("Rename…").clicked() {
            *typing = Some(Typing::Rename(name.clone(), name.clone()));
            ui.close();
        }
        if ui.button("Delete the group").on_hover_text("Its features stay").clicked() {
            wish = Some(Wish::Leave(name.clone(), members.clone()));
        }
    } else if ui.button("Keep as an own group").clicked() {
        wish = Some(Wish::Join(name.clone(), members.clone()));
    }
    wish
}
