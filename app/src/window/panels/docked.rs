//! The parts of the window in their places, and the bars and grips that move them.

use egui::{
    CursorIcon, Id, Rect, Response, Sense, Stroke, TextStyle, Ui, UiBuilder, WidgetInfo, WidgetText, pos2, vec2,
};
use egui_tiles::{Behavior, Container, ResizeState, SimplificationOptions, TabState, Tabs, TileId, Tiles, UiResponse};

use super::{
    attribution, audit, features, findings, frame, gallery, log, missing, notice, performance, report, shift, study,
};
use crate::window::app::{App, Tab};
use crate::window::command::Command;
use crate::window::dock::{Dock, Part};
use crate::window::tokens::Look;
use crate::window::{icons, light_box};

/// Least width and height of a part that a hand makes smaller.
const LEAST: f32 = 96.0;
/// Share of the height that the findings take at most of what they are offered.
const FINDINGS_SHARE: f32 = 0.46;

/// Shows every part that is open.
pub fn show(app: &mut App, ui: &mut Ui) {
    let (look, rect) = (app.look, ui.available_rect_before_wrap());
    let is_narrow = ui.available_width() < look.size.narrow_below;
    let is_tall = match app.layout.tab {
        Tab::Gallery => app.store.open.is_some() && !app.store.is_hidden,
        Tab::Audit => app.audit.job.value.is_some(),
        _ => false,
    };
    let has_findings =
        app.manifest().and_then(|manifest| manifest.classifier.as_ref()).is_some_and(|part| !part.labels.is_empty());
    let mut dock = std::mem::replace(&mut app.dock, Dock::empty());
    dock.obey(&app.layout, has_findings);
    dock.share(rect, &look.size, is_narrow, is_tall);
    app.light_box.attribution = dock.is_shown(Part::Attribution);
    app.light_box.report = dock.is_shown(Part::Report);
    let folding = dock.folding();
    let column = dock.tile(Part::Findings).filter(|_| !dock.findings_are_sized());
    let column = column.and_then(|tile| column_height(&dock, tile));
    let with_bar =
        Part::ALL.into_iter().filter(|part| part.tab().is_some()).filter_map(|part| dock.tile(part)).collect();
    let foldable = folding.and_then(|tabs| dock.tree.tiles.get_container(tabs)).map(Container::children_vec);
    let foldable = foldable.unwrap_or_default();
    let folded = dock.folded;
    let mut hand = Hand { app, look, folded, folding, column, with_bar, foldable, found: Found::default() };
    dock.tree.ui(&mut hand, ui);
    let Found { clicked, closed, fold, resized, findings_height } = hand.found;
    // A button on a panel may have opened another one.
    dock.obey(&app.layout, has_findings);
    if resized {
        dock.keep_sizes();
    }
    if let Some(height) = findings_height {
        dock.findings_height = height;
    }
    if fold {
        dock.folded = !dock.folded;
    }
    if let Some(part) = closed {
        dock.close(part);
    }
    if let Some((part, was_front)) = clicked
        && dock.tile(part).and_then(|tile| dock.tree.tiles.parent_of(tile)) == folding
    {
        // A click on the tab in front folds the tabs; on any other, it brings that one up.
        dock.folded = was_front && !dock.folded;
    }
    dock.report(&mut app.layout);
    app.dock = dock;
}

/// Height of the column that a part shares with others.
fn column_height(dock: &Dock, tile: TileId) -> Option<f32> {
    let tabs = dock.tree.tiles.parent_of(tile)?;
    let column = dock.tree.tiles.parent_of(tabs)?;
    dock.tree.tiles.rect(column).map(|rect| rect.height())
}

/// What a hand did in this frame.
#[derive(Default)]
struct Found {
    /// A tab, and whether it was in front.
    clicked: Option<(Part, bool)>,
    closed: Option<Part>,
    fold: bool,
    resized: bool,
    findings_height: Option<f32>,
}

struct Hand<'a> {
    app: &'a mut App,
    look: Look,
    folded: bool,
    folding: Option<TileId>,
    /// Height of the column that the findings stand in, unless a hand gave them theirs.
    column: Option<f32>,
    /// Parts that have a bar even when they stand alone: their tools are in it.
    with_bar: Vec<TileId>,
    /// Parts in the tabs that fold.
    foldable: Vec<TileId>,
    found: Found,
}

impl Hand<'_> {
    fn content(&mut self, ui: &mut Ui, part: Part) {
        let (look, app) = (self.look, &mut *self.app);
        match part {
            Part::LightBox => {
                ui.painter().rect_filled(ui.max_rect(), 0.0, look.colour.light_box);
                missing::show(app, ui);
                notice::show(app, ui);
                light_box::show(app, ui);
            }
            Part::Study => filled(ui, &look, look.size.gap, |ui| study::show(app, ui)),
            Part::Features => filled(ui, &look, look.size.gap, |ui| features::show(app, ui)),
            Part::Findings => self.findings(ui),
            Part::Shift => filled(ui, &look, look.size.gap, |ui| shift::show(app, ui)),
            Part::Gallery => filled(ui, &look, look.size.gap, |ui| gallery::show(app, ui)),
            Part::Report => filled(ui, &look, look.size.gap, |ui| report::show(app, ui)),
            Part::Attribution => filled(ui, &look, look.size.gap, |ui| attribution::show(app, ui)),
            Part::Audit => filled(ui, &look, look.size.gap, |ui| audit::show(app, ui)),
            Part::Performance => filled(ui, &look, look.size.gap, |ui| performance::show(app, ui)),
            Part::Log => filled(ui, &look, look.size.gap, |ui| log::show(app, ui)),
        }
    }

    /// The findings take a share of the height that they are offered; the part is as high as they are.
    fn findings(&mut self, ui: &mut Ui) {
        let look = self.look;
        ui.painter().rect_filled(ui.max_rect(), 0.0, look.colour.panel);
        let inner = ui.max_rect().shrink2(vec2(look.size.pad, look.size.gap));
        let heads = look.size.row + look.size.small + look.size.pad + 2.0 * look.size.gap;
        let needed = self.column.unwrap_or((inner.height() - heads).max(0.0) / FINDINGS_SHARE + heads);
        let offered = inner.with_max_y(inner.top() + needed);
        let app = &mut *self.app;
        let shown = ui.scope_builder(UiBuilder::new().max_rect(offered), |ui| {
            ui.set_clip_rect(ui.clip_rect().intersect(inner.expand(look.size.gap)));
            findings::show(app, ui);
            ui.min_rect().height()
        });
        self.found.findings_height = Some(shown.inner + look.size.gap);
    }
}

/// A part on panel ground.
fn filled(ui: &mut Ui, look: &Look, y: f32, content: impl FnOnce(&mut Ui)) {
    let whole = ui.max_rect();
    frame(look, look.size.pad, y).show(ui, |ui| {
        // The ground reaches to the edge, however little is on it.
        ui.set_min_size(whole.size() - 2.0 * vec2(look.size.pad, y));
        content(ui);
    });
}

impl Behavior<Part> for Hand<'_> {
    fn pane_ui(&mut self, ui: &mut Ui, _tile: TileId, part: &mut Part) -> UiResponse {
        let whole = ui.max_rect();
        ui.set_clip_rect(ui.clip_rect().intersect(whole));
        self.content(ui, *part);
        // Parts with a bar are moved by their tab.
        if part.tab().is_none() && grip(ui, &self.look, whole, *part, &mut self.found.closed) {
            return UiResponse::DragStarted;
        }
        UiResponse::None
    }

    fn tab_title_for_pane(&mut self, part: &Part) -> WidgetText {
        part.name().into()
    }

    fn tab_ui(&mut self, tiles: &mut Tiles<Part>, ui: &mut Ui, id: Id, tile: TileId, state: &TabState) -> Response {
        let look = self.look;
        let part = match tiles.get(tile) {
            Some(egui_tiles::Tile::Pane(part)) => Some(*part),
            _ => None,
        };
        let name = part.map_or("Parts", Part::name);
        let is_folded = self.folded && self.foldable.contains(&tile);
        let on = state.active && !is_folded;
        let ink = if on { look.colour.accent } else { look.colour.secondary };
        let galley = ui.painter().layout_no_wrap(name.to_owned(), TextStyle::Button.resolve(ui.style()), ink);
        let size = vec2(galley.size().x + 2.0 * look.size.pad, ui.available_height());
        let (_, rect) = ui.allocate_space(size);
        let response = ui.interact(rect, id, Sense::click_and_drag());
        response.widget_info(|| WidgetInfo::selected(egui::Role::Button, true, on, name));
        let box_ = Rect::from_center_size(rect.center(), vec2(rect.width(), look.size.row));
        let fill = if on { Some(look.colour.accent_soft) } else { response.hovered().then_some(look.colour.raised) };
        if let Some(fill) = fill.filter(|_| !state.is_being_dragged) {
            ui.painter().rect_filled(box_, look.size.radius, fill);
        }
        if response.has_focus() {
            let line = Stroke::new(look.size.focus, look.colour.accent);
            ui.painter().rect_stroke(box_, look.size.radius, line, egui::StrokeKind::Inside);
        }
        let at = pos2(rect.left() + look.size.pad, rect.center().y - galley.size().y / 2.0);
        ui.painter().galley(at, galley, ink);
        let Some(part) = part else { return response };
        if response.clicked() {
            self.found.clicked = Some((part, state.active));
        }
        if response.middle_clicked() {
            self.found.closed = Some(part);
        }
        response.context_menu(|ui| self.menu(ui, part));
        let Some(command) = part.command() else { return response };
        let keys = command.keys_text(ui.ctx()).map(|keys| format!(" ({keys})")).unwrap_or_default();
        response.on_hover_text(format!("{}{keys}\nDrag it to another place.", command.hint()))
    }

    fn top_bar_right_ui(&mut self, tiles: &Tiles<Part>, ui: &mut Ui, tile: TileId, tabs: &Tabs, _scroll: &mut f32) {
        let front = tabs.active.and_then(|active| match tiles.get(active) {
            Some(egui_tiles::Tile::Pane(part)) => Some(*part),
            _ => None,
        });
        ui.add_space(self.look.size.pad);
        let foldable = self.folding == Some(tile);
        if foldable {
            let icon = if self.folded { icons::CARET_UP } else { icons::CARET_DOWN };
            let fold = ui.add(egui::Button::new(icon).frame_when_inactive(false)).on_hover_text("Fold or unfold");
            if fold.accessible_name("fold the panel below the films").clicked() {
                self.found.fold = true;
            }
        }
        if foldable && self.folded {
            return;
        }
        match front {
            Some(Part::Gallery) => gallery::tools(self.app, ui),
            Some(Part::Audit) => audit::tools(self.app, ui),
            Some(Part::Report) => report::tools(self.app, ui),
            Some(Part::Log) => log::tools(self.app, ui),
            _ => {}
        }
    }

    fn tab_bar_left_ui(&mut self, _tiles: &Tiles<Part>, ui: &mut Ui, _tile: TileId, _tabs: &Tabs) {
        ui.add_space(self.look.size.gap);
    }

    fn is_tab_bar_visible(&self, _tile: TileId, tabs: &Tabs) -> bool {
        tabs.children.len() > 1 || tabs.children.iter().any(|child| self.with_bar.contains(child))
    }

    fn tab_bar_height(&self, _style: &egui::Style) -> f32 {
        self.look.size.tab_bar
    }

    fn gap_width(&self, _style: &egui::Style) -> f32 {
        self.look.size.stroke
    }

    fn min_size(&self) -> f32 {
        LEAST
    }

    fn tab_bar_color(&self, _visuals: &egui::Visuals) -> egui::Color32 {
        self.look.colour.panel
    }

    fn tab_bar_hline_stroke(&self, _visuals: &egui::Visuals) -> Stroke {
        Stroke::new(self.look.size.stroke, self.look.colour.line)
    }

    fn resize_stroke(&self, _style: &egui::Style, state: ResizeState) -> Stroke {
        let colour = match state {
            ResizeState::Idle => self.look.colour.line,
            ResizeState::Hovering | ResizeState::Dragging => self.look.colour.accent,
        };
        Stroke::new(self.look.size.stroke, colour)
    }

    fn drag_preview_stroke(&self, _visuals: &egui::Visuals) -> Stroke {
        Stroke::new(self.look.size.focus, self.look.colour.accent)
    }

    fn drag_preview_color(&self, _visuals: &egui::Visuals) -> egui::Color32 {
        self.look.colour.accent.gamma_multiply(0.2)
    }

    fn simplification_options(&self) -> SimplificationOptions {
        SimplificationOptions { all_panes_must_have_tabs: true, ..SimplificationOptions::default() }
    }

    fn cycle_tabs_with_keyboard(&self) -> bool {
        false
    }

    fn on_edit(&mut self, action: egui_tiles::EditAction) {
        self.found.resized |= action == egui_tiles::EditAction::TileResized;
    }
}

impl Hand<'_> {
    fn menu(&mut self, ui: &mut Ui, part: Part) {
        if ui.button(format!("Close {}", part.name())).clicked() {
            self.found.closed = Some(part);
            ui.close();
        }
        if ui.button(Command::ResetLayout.text()).clicked() {
            self.app.wants_usual_layout = true;
            ui.close();
        }
    }
}

/// The handle of a part without a bar: a short line at its upper edge that shows under the pointer. True when a drag
/// started.
fn grip(ui: &mut Ui, look: &Look, whole: Rect, part: Part, closed: &mut Option<Part>) -> bool {
    let rect = Rect::from_center_size(
        pos2(whole.center().x, whole.top() + look.size.gap / 2.0),
        vec2(2.0 * look.size.row, look.size.gap),
    );
    let response = ui.interact(rect, Id::unique(("grip", part.name())), Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, true, format!("move the panel {}", part.name())));
    let response = response.on_hover_cursor(CursorIcon::Grab);
    if response.hovered() || response.dragged() || response.has_focus() {
        ui.painter().rect_filled(rect, look.size.radius, look.colour.accent);
    }
    if part != Part::LightBox {
        response.context_menu(|ui| {
            if ui.button(format!("Close {}", part.name())).clicked() {
                *closed = Some(part);
                ui.close();
            }
        });
    }
    let started = response.drag_started();
    response.on_hover_text(format!("{}: drag it to another place", part.name()));
    started
}
