//! Turns design tokens into egui's style and fonts. In: [`Tokens`]. Out: a context that looks like Fluoro.

use std::sync::Arc;

use egui::{Color32, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Margin, Stroke, TextStyle, Theme};

use super::tokens::{Look, Tokens};

const REGULAR: &[u8] = include_bytes!("../../../assets/fonts/Inter-Regular.ttf");
const SEMIBOLD: &[u8] = include_bytes!("../../../assets/fonts/Inter-SemiBold.ttf");
const ICONS: &[u8] = include_bytes!("../../../assets/fonts/Icons.ttf");

const SEMIBOLD_FAMILY: &str = "semibold";

/// The family of headings and of numbers that matter.
pub fn semibold() -> FontFamily {
    FontFamily::Name(SEMIBOLD_FAMILY.into())
}

/// Sets fonts and both themes' styles.
pub fn apply(ctx: &egui::Context, tokens: &Tokens) {
    ctx.set_fonts(fonts());
    for theme in [Theme::Dark, Theme::Light] {
        let look = tokens.look(theme);
        ctx.style_mut_of(theme, |style| set(style, &look, theme));
    }
    // Ctrl + wheel zooms films, not the interface; Ctrl and plus or minus still does that.
    ctx.options_mut(|options| options.zoom_with_keyboard = true);
}

fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::empty();
    for (name, bytes) in [("regular", REGULAR), ("semibold", SEMIBOLD), ("icons", ICONS)] {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
    }
    let chain = |first: &str| vec![first.to_owned(), "icons".to_owned()];
    fonts.families.insert(FontFamily::Proportional, chain("regular"));
    // Inter's digits are of one width, so it serves for columns of numbers too.
    fonts.families.insert(FontFamily::Monospace, chain("regular"));
    fonts.families.insert(semibold(), chain("semibold"));
    fonts
}

fn set(style: &mut egui::Style, look: &Look, theme: Theme) {
    let Look { colour, size } = *look;
    style.text_styles = [
        (TextStyle::Heading, FontId::new(size.heading, semibold())),
        (TextStyle::Body, FontId::new(size.body, FontFamily::Proportional)),
        (TextStyle::Button, FontId::new(size.body, FontFamily::Proportional)),
        (TextStyle::Monospace, FontId::new(size.body, FontFamily::Monospace)),
        (TextStyle::Small, FontId::new(size.small, FontFamily::Proportional)),
    ]
    .into();
    // One animation: the film.
    style.animation_time = 0.0;
    style.scroll_animation = egui::style::ScrollAnimation::none();
    style.interaction.selectable_labels = false;
    style.interaction.tooltip_delay = 0.35;
    style.compact_menu_style = true;

    let spacing = &mut style.spacing;
    spacing.item_spacing = egui::vec2(size.gap, size.gap);
    spacing.button_padding = egui::vec2(size.pad, size.gap / 2.0);
    spacing.interact_size.y = size.row;
    spacing.window_margin = Margin::same(size.pad as i8);
    spacing.menu_margin = Margin::same(size.gap as i8);
    spacing.icon_width = size.body + 1.0;
    spacing.icon_width_inner = size.pad;
    spacing.scroll = egui::style::ScrollStyle::thin();
    spacing.scroll.bar_width = size.pad;
    spacing.tooltip_width = size.toast_width;

    let visuals = &mut style.visuals;
    *visuals = egui::Visuals { dark_mode: theme == Theme::Dark, ..visuals.clone() };
    visuals.override_text_color = None;
    visuals.weak_text_color = Some(colour.secondary);
    visuals.panel_fill = colour.panel;
    visuals.window_fill = colour.raised;
    visuals.window_stroke = Stroke::new(size.stroke, colour.line);
    visuals.extreme_bg_color = colour.light_box;
    visuals.text_edit_bg_color = Some(colour.raised);
    visuals.faint_bg_color = colour.raised;
    visuals.code_bg_color = colour.raised;
    visuals.hyperlink_color = colour.accent;
    visuals.warn_fg_color = colour.warning;
    visuals.error_fg_color = colour.error;
    visuals.selection.bg_fill = colour.accent_soft;
    visuals.selection.stroke = Stroke::new(size.stroke, colour.accent);
    visuals.text_cursor.stroke = Stroke::new(size.focus, colour.accent);
    visuals.window_corner_radius = CornerRadius::same(size.radius as u8);
    visuals.menu_corner_radius = CornerRadius::same(size.radius as u8);
    visuals.window_shadow = egui::Shadow::NONE;
    visuals.popup_shadow = egui::Shadow::NONE;
    visuals.slider_trailing_fill = true;
    visuals.striped = false;

    let widgets = &mut visuals.widgets;
    for (state, fill, line, ink) in [
        (&mut widgets.noninteractive, colour.panel, colour.line, colour.text),
        (&mut widgets.inactive, colour.raised, colour.line, colour.text),
        (&mut widgets.hovered, colour.line, colour.secondary, colour.text),
        (&mut widgets.active, colour.accent_soft, colour.accent, colour.text),
        (&mut widgets.open, colour.raised, colour.accent, colour.text),
    ] {
        state.bg_fill = fill;
        state.weak_bg_fill = fill;
        state.bg_stroke = Stroke::new(size.stroke, line);
        state.fg_stroke = Stroke::new(size.stroke, ink);
        state.corner_radius = CornerRadius::same(size.radius as u8);
        state.expansion = 0.0;
    }
    visuals.widgets.active.bg_stroke = Stroke::new(size.focus, colour.accent);
}

/// The colour between two, `t` from 0 to 1.
pub fn mix(a: Color32, b: Color32, t: f32) -> Color32 {
    a.lerp_to_gamma(b, t)
}
