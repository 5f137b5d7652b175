//! Which commands can run now, which are on, and running them.

use fluoro_core::display::{ColourMap, Turn};
use fluoro_core::engine::Edit;

use super::Command;
use crate::window::app::{App, Cover, Source, Tab};
use crate::window::dialogs::Purpose;
use crate::window::dock::Part;
use crate::window::light_box::{Arrangement, LeftHand, OverlayStyle, Preset};
use crate::window::panels::palette::Palette;
use crate::window::state::edits::Handle;
use crate::window::state::exports::Leaving;

impl App {
    /// Whether a command would do something now.
    pub fn can(&self, command: Command) -> bool {
        let shift = self.shift.job.value.is_some();
        match command {
            Command::OpenFilms
            | Command::OpenFolder
            | Command::OpenBundle
            | Command::OpenStore
            | Command::WatchTraining
            | Command::OpenSession => self.host.dialogs && self.dialogs.is_free(),
            Command::OpenGallery => self.manifest().is_some_and(|manifest| !manifest.gallery.is_empty()),
            Command::OpenProposal => {
                self.model.pending.is_none() && self.notice().is_some_and(|notice| notice.proposal().is_some())
            }
            Command::CloseNotice => self.notice().is_some(),
            Command::SaveSession => {
                self.may_save() && (self.session.file.is_some() || self.host.dialogs && self.dialogs.is_free())
            }
            Command::SaveSessionAs => self.may_save() && self.host.dialogs && self.dialogs.is_free(),
            Command::RestoreSession => self.session.keeper.left.is_some() && !self.session.is_opening(),
            Command::DropLeftSession => self.session.keeper.left.is_some(),
            Command::LocateFilm | Command::LocateFolder => {
                let is_free = self.host.dialogs && self.dialogs.is_free() && !self.session.is_locating();
                !self.session.missing.is_empty() && is_free
            }
            Command::ForgetRecent => !self.recent.paths().is_empty(),
            Command::NextFilm => self.study.current + 1 < self.study.films.len(),
            Command::PreviousFilm => self.study.current > 0,
            Command::Undo => self.undo_words().is_some(),
            Command::Redo => self.redo_words().is_some(),
            Command::ResetEdits => !self.edit().is_empty(),
            Command::ApplyEditToAll => !self.edit().is_empty() && self.can_edit(),
            Command::ImportEdit => self.host.dialogs && self.dialogs.is_free(),
            Command::OnlyFiring => self.manifest().is_some_and(|manifest| manifest.sae.is_some()),
            Command::Brush => {
                let has_positions = self.manifest().is_some_and(|manifest| manifest.latent.grid.is_some());
                let has_features = self.analysis().is_some_and(|analysis| !analysis.activations.is_empty());
                self.brush.feature.is_some() || has_positions && has_features
            }
            Command::SearchRegion => {
                let has_features = self.analysis().is_some_and(|analysis| !analysis.activations.is_empty());
                self.region.is_open() || has_features
            }
            Command::ComputeShift => self.analysis().is_some() && self.shift.job.working.is_none(),
            Command::ComputeAttribution => {
                self.analysis().is_some() && self.study.pending.is_none() && !self.attribution.is_working()
            }
            Command::Cancel => {
                self.shift.job.working.is_some()
                    || self.attribution.is_working()
                    || self.report.job.working.is_some()
                    || self.region.job.working.is_some()
                    || self.audit.job.working.is_some()
                    || self.export.working.is_some()
            }
            Command::PlayPause | Command::NextFrame | Command::PreviousFrame => shift,
            Command::ExportPicture => {
                let is_made = self.pictures.made.is_some() && self.pictures.is_read();
                self.may_export() && self.source == Source::Edit && is_made
            }
            Command::ExportGif | Command::ExportSheet | Command::ExportFrames => self.may_export() && shift,
            Command::ComputeAudit => self.store.open.is_some() && self.store.is_own && self.audit.job.working.is_none(),
            Command::OpenMetadata => self.host.dialogs && self.dialogs.is_free() && self.store.open.is_some(),
            Command::ExportAudit => self.may_export() && self.audit.job.value.is_some(),
            Command::ExportReport => self.may_export() && self.report.job.value.is_some(),
            Command::ExportFeatureSheet => self.may_export() && self.store.shown_page().is_some(),
            Command::CopyFeatureLink => self.store.open.is_some(),
            Command::AboutBundle => self.model.view.is_some(),
            Command::PresetOwn
            | Command::PresetRange
            | Command::PresetPercentiles
            | Command::PresetDense
            | Command::PresetLungs => self.film.is_some(),
            Command::ToggleWipe | Command::ChangeOnFilm => self.reconstruction().is_some(),
            Command::ExportDicom => {
                let is_edited = self.pictures.made.is_some() && self.pictures.is_read();
                let is_made = if self.source == Source::Shift { shift } else { is_edited };
                self.may_export() && is_made && self.reconstruction().is_some() && !self.writing.is_busy()
            }
            Command::ExportFilm | Command::SaveView => {
                self.may_export() && self.film.is_some() && !self.writing.is_busy() && self.pictures.is_read()
            }
            Command::CopyPicture => self.film.is_some() && self.pictures.is_read(),
            Command::TogglePrior => self.film.is_some() && self.study.films.len() > 1,
            Command::LinkPrior => self.shows_prior(),
            Command::AllTags => self.study.film().is_some(),
            _ => true,
        }
    }

    fn may_save(&self) -> bool {
        !self.study.films.is_empty() && !self.session.is_busy()
    }

    /// What a menu calls a command now; for undo and redo, what they would change.
    pub fn words_of(&self, command: Command) -> String {
        let what = match command {
            Command::Undo => self.undo_words(),
            Command::Redo => self.redo_words(),
            _ => None,
        };
        what.map_or_else(|| command.text().to_owned(), |what| format!("{} {what}", command.text()))
    }

    fn may_export(&self) -> bool {
        self.host.dialogs && self.dialogs.is_free() && self.export.working.is_none()
    }

    /// Whether a command that switches something is on.
    pub fn is_on(&self, command: Command) -> Option<bool> {
        match command {
            Command::ToggleOverlay => Some(self.light_box.has_overlay()),
            Command::Invert => Some(self.light_box.kept.invert),
            Command::OnlyFiring => Some(self.features.only_firing),
            Command::Brush => Some(self.brush.feature.is_some()),
            Command::SearchRegion => Some(self.region.is_open()),
            Command::ToggleStudy => Some(self.layout.study),
            Command::ToggleFeatures => Some(self.layout.features),
            Command::ShowShift => Some(self.dock.is_shown(Part::Shift)),
            Command::ShowAttribution => Some(self.dock.is_shown(Part::Attribution)),
            Command::ShowGallery => Some(self.dock.is_shown(Part::Gallery)),
            Command::ShowAudit => Some(self.dock.is_shown(Part::Audit)),
            Command::ShowReport => Some(self.dock.is_shown(Part::Report)),
            Command::ShowPerformance => Some(self.dock.is_shown(Part::Performance)),
            Command::ShowLog => Some(self.dock.is_shown(Part::Log)),
            Command::TogglePrivacy => Some(self.privacy),
            Command::DragWindow => Some(self.light_box.left == LeftHand::Window),
            Command::DragPan => Some(self.light_box.left == LeftHand::Pan),
            Command::DragMeasure => Some(self.light_box.left == LeftHand::Measure),
            Command::LinkWindows => Some(self.light_box.kept.linked),
            Command::ToggleWipe => Some(self.light_box.kept.wipe.on),
            Command::ChangeOnFilm => Some(self.shows_change_on_film()),
            Command::TogglePrior => Some(self.shows_prior()),
            Command::LinkPrior => Some(self.prior.as_ref().is_some_and(|prior| prior.is_linked)),
            Command::ArrangeFour => Some(self.light_box.kept.arrangement == Arrangement::Four),
            Command::ArrangeTwo => Some(self.light_box.kept.arrangement == Arrangement::Two),
            Command::ArrangeOne => Some(self.light_box.kept.arrangement == Arrangement::One),
            _ => None,
        }
    }

    /// Does it.
    pub fn run(&mut self, command: Command) {
        if !self.can(command) {
            return;
        }
        match command {
            Command::OpenFilms => self.ask(Purpose::OpenFilms),
            Command::OpenFolder => self.ask(Purpose::OpenFolder),
            Command::OpenBundle => self.ask(Purpose::OpenBundle),
            Command::OpenStore => self.ask(Purpose::OpenStore),
            Command::OpenSamples => self.open_samples(),
            Command::OpenGallery => self.open_gallery(),
            Command::OpenProposal => self.open_proposal(),
            Command::CloseNotice => self.close_notice(),
            Command::ForgetRecent => self.recent.clear(),
            Command::Quit => self.ctx.send_viewport_cmd(egui::ViewportCommand::Close),
            Command::NextFilm => self.step_film(1),
            Command::PreviousFilm => self.step_film(-1),
            Command::Undo => self.undo_step(),
            Command::Redo => self.redo_step(),
            Command::OpenSession => self.ask(Purpose::OpenSession),
            Command::SaveSession => self.save_session(),
            Command::SaveSessionAs => self.ask(Purpose::SaveSession),
            Command::RestoreSession => self.restore_left_session(),
            Command::DropLeftSession => self.session.keeper.forget_left(),
            Command::LocateFilm => self.ask(Purpose::LocateFilm),
            Command::LocateFolder => self.ask(Purpose::LocateFolder),
            Command::ShowLog => self.show_tab(Tab::Log),
            Command::ResetLayout => self.wants_usual_layout = true,
            Command::Settings => self.cover = Cover::Settings,
            Command::ResetEdits => self.change_edit(Handle::Single, |edit| *edit = Edit::default()),
            Command::ArrangeFour => self.light_box.kept.arrangement = Arrangement::Four,
            Command::ArrangeTwo => self.light_box.kept.arrangement = Arrangement::Two,
            Command::ArrangeOne => self.light_box.kept.arrangement = Arrangement::One,
            Command::ToggleOverlay => self.light_box.toggle_overlay(),
            Command::Invert => self.light_box.kept.invert = !self.light_box.kept.invert,
            Command::ResetView => self.light_box.reset_all(),
            Command::ToggleStudy => self.layout.study = !self.layout.study,
            Command::ToggleFeatures => self.layout.features = !self.layout.features,
            Command::ShowShift => self.show_tab(Tab::Shift),
            Command::ShowAttribution => self.show_tab(Tab::Attribution),
            Command::ShowGallery => self.show_tab(Tab::Gallery),
            Command::ShowReport => self.show_tab(Tab::Report),
            Command::ShowAudit => self.show_tab(Tab::Audit),
            Command::ShowPerformance => self.show_tab(Tab::Performance),
            Command::SearchFeatures => {
                self.layout.features = true;
                self.features.wants_focus = true;
            }
            Command::RememberedEdits => {
                self.layout.features |= !self.named_edits.is_open;
                self.named_edits.is_open = !self.named_edits.is_open;
                self.named_edits.wants_focus = self.named_edits.is_open;
            }
            Command::ApplyEditToAll => {
                if let Some(edit) = self.relative_edit() {
                    self.apply_to_all(&edit);
                }
            }
            Command::ImportEdit => self.ask(Purpose::ImportEdit),
            Command::OnlyFiring => self.features.only_firing = !self.features.only_firing,
            Command::Brush => {
                let feature = if self.brush.feature.is_some() { None } else { self.brush_candidate() };
                self.layout.features |= feature.is_some();
                self.take_brush(feature);
            }
            Command::SearchRegion if self.region.is_open() => self.leave_region(),
            Command::SearchRegion => self.draw_region(),
            Command::ComputeShift => {
                (self.layout.bottom, self.layout.tab) = (true, Tab::Shift);
                self.compute_shift();
            }
            Command::ComputeAttribution => {
                (self.layout.bottom, self.layout.tab) = (true, Tab::Attribution);
                self.compute_attribution();
            }
            Command::Cancel => self.cancel(),
            Command::PlayPause => {
                self.source = Source::Shift;
                self.shift.playing = !self.shift.playing;
            }
            Command::NextFrame => self.step_frame(1.0),
            Command::PreviousFrame => self.step_frame(-1.0),
            Command::ExportPicture => self.leave(Leaving::File(Purpose::ExportPicture)),
            Command::ExportGif => self.leave(Leaving::File(Purpose::ExportGif)),
            Command::ExportSheet => self.leave(Leaving::File(Purpose::ExportSheet)),
            Command::ExportFrames => self.leave(Leaving::File(Purpose::ExportFrames)),
            Command::ExportReport => self.ask(Purpose::ExportReport),
            Command::ExportAudit => self.ask(Purpose::ExportAudit),
            Command::OpenMetadata => self.ask(Purpose::OpenMetadata),
            Command::WatchTraining => self.ask(Purpose::WatchTraining),
            Command::ComputeAudit => {
                (self.layout.bottom, self.layout.tab) = (true, Tab::Audit);
                self.compute_audit();
            }
            Command::ExportDicom => self.leave(Leaving::File(Purpose::ExportDicom)),
            Command::ExportFilm => self.leave(Leaving::File(Purpose::ExportFilm)),
            Command::SaveView => self.leave(Leaving::File(Purpose::SaveView)),
            Command::CopyPicture => self.leave(Leaving::Clipboard),
            Command::TogglePrior => self.toggle_prior(),
            Command::LinkPrior => self.toggle_link(),
            Command::AllTags => self.show_tags(),
            Command::ExportFeatureSheet => self.ask(Purpose::ExportFeatureSheet),
            Command::CopyFeatureLink => self.copy_feature_link(),
            Command::TogglePrivacy => self.privacy = !self.privacy,
            Command::SwitchTheme => self.set_theme(match self.ctx.theme() {
                egui::Theme::Dark => egui::Theme::Light,
                egui::Theme::Light => egui::Theme::Dark,
            }),
            Command::Palette => self.cover = Cover::Palette(Palette::default()),
            Command::Keys => self.cover = Cover::Keys,
            Command::AboutBundle => self.cover = Cover::Bundle,
            Command::About => self.cover = Cover::About,
            Command::PresetOwn => self.preset(Preset::Own),
            Command::PresetRange => self.preset(Preset::Range),
            Command::PresetPercentiles => self.preset(Preset::Percentiles),
            Command::PresetDense => self.preset(Preset::Dense),
            Command::PresetLungs => self.preset(Preset::Lungs),
            Command::FlipHorizontal => self.turn(Turn::flipped_horizontally),
            Command::FlipVertical => self.turn(Turn::flipped_vertically),
            Command::RotateRight => self.turn(|turn| turn.rotated(1)),
            Command::RotateLeft => self.turn(|turn| turn.rotated(-1)),
            Command::OpacityUp => self.light_box.change_opacity(1.0),
            Command::OpacityDown => self.light_box.change_opacity(-1.0),
            Command::DragWindow => self.light_box.left = LeftHand::Window,
            Command::DragPan => self.light_box.left = LeftHand::Pan,
            Command::DragMeasure => self.light_box.left = LeftHand::Measure,
            Command::LinkWindows => self.light_box.toggle_link(),
            Command::ToggleWipe => self.light_box.toggle_wipe(),
            Command::ChangeOnFilm => self.light_box.kept.on_film = Some(!self.shows_change_on_film()),
            Command::NextOverlayStyle => {
                self.light_box.kept.overlay.style = next(&OverlayStyle::ALL, self.light_box.kept.overlay.style);
            }
            Command::NextColours => {
                self.light_box.kept.colours = next(&ColourMap::ALL, self.light_box.kept.colours);
            }
        }
    }

    fn preset(&mut self, preset: Preset) {
        if let Some(film) = &self.film {
            let window = preset.window(&film.view.radiograph);
            self.light_box.set_window_here(Some(window).filter(|_| preset != Preset::Own));
        }
    }

    fn turn(&mut self, change: impl FnOnce(Turn) -> Turn) {
        self.light_box.kept.turn = change(self.light_box.kept.turn);
    }

    fn show_tab(&mut self, tab: Tab) {
        let part = Part::of_tab(tab);
        if self.dock.is_shown(part) {
            self.dock.hide(part);
            self.dock.report(&mut self.layout);
        } else {
            self.dock.show(part);
            (self.layout.bottom, self.layout.tab) = (true, tab);
        }
    }

    fn step_frame(&mut self, by: f32) {
        self.source = Source::Shift;
        let frame = self.shift.frame() as f32;
        self.shift.go_to(frame + by);
    }
}

/// The one after, and after the last the first.
fn next<T: Copy + PartialEq>(all: &[T], now: T) -> T {
    let place = all.iter().position(|one| *one == now).map_or(0, |place| place + 1);
    all.get(place).or(all.first()).copied().unwrap_or(now)
}
