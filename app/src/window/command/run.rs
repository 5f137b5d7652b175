//! Which commands can run now, which are on, and running them.

use fluoro_core::engine::Edit;

use super::Command;
use crate::window::app::{App, Cover, Source, Tab};
use crate::window::dialogs::Purpose;
use crate::window::light_box::Arrangement;
use crate::window::panels::palette::Palette;
use crate::window::state::edits::{Handle, History};

impl App {
    /// Whether a command would do something now.
    pub fn can(&self, command: Command) -> bool {
        let shift = self.shift.job.value.is_some();
        let history = self.study.history();
        match command {
            Command::OpenFilms | Command::OpenFolder | Command::OpenBundle | Command::OpenStore => {
                self.host.dialogs && self.dialogs.is_free()
            }
            Command::OpenGallery => self.manifest().is_some_and(|manifest| !manifest.gallery.is_empty()),
            Command::OpenProposal => {
                self.model.pending.is_none() && self.notice().is_some_and(|notice| notice.proposal().is_some())
            }
            Command::CloseNotice => self.notice().is_some(),
            Command::ForgetRecent => !self.recent.paths().is_empty(),
            Command::NextFilm => self.study.current + 1 < self.study.films.len(),
            Command::PreviousFilm => self.study.current > 0,
            Command::Undo => history.is_some_and(History::can_undo),
            Command::Redo => history.is_some_and(History::can_redo),
            Command::ResetEdits => !self.edit().is_empty(),
            Command::ComputeShift => self.analysis().is_some() && self.shift.job.working.is_none(),
            Command::ComputeAttribution => {
                self.analysis().is_some() && self.study.pending.is_none() && !self.attribution.is_working()
            }
            Command::Cancel => {
                self.shift.job.working.is_some()
                    || self.attribution.is_working()
                    || self.report.job.working.is_some()
                    || self.audit.job.working.is_some()
                    || self.export.working.is_some()
            }
            Command::PlayPause | Command::NextFrame | Command::PreviousFrame => shift,
            Command::ExportPicture => self.may_export() && self.source == Source::Edit && self.pictures.made.is_some(),
            Command::ExportGif | Command::ExportSheet | Command::ExportFrames => self.may_export() && shift,
            Command::ComputeAudit => self.store.open.is_some() && self.store.is_own && self.audit.job.working.is_none(),
            Command::OpenMetadata => self.host.dialogs && self.dialogs.is_free() && self.store.open.is_some(),
            Command::ExportAudit => self.may_export() && self.audit.job.value.is_some(),
            Command::ExportReport => self.may_export() && self.report.job.value.is_some(),
            Command::ExportFeatureSheet => self.may_export() && self.store.shown_page().is_some(),
            Command::CopyFeatureLink => self.store.open.is_some(),
            Command::AboutBundle => self.model.view.is_some(),
            _ => true,
        }
    }

    fn may_export(&self) -> bool {
        self.host.dialogs && self.dialogs.is_free() && self.export.working.is_none()
    }

    /// Whether a command that switches something is on.
    pub fn is_on(&self, command: Command) -> Option<bool> {
        match command {
            Command::ToggleOverlay => Some(self.light_box.has_overlay()),
            Command::Invert => Some(self.light_box.invert),
            Command::ToggleStudy => Some(self.layout.study),
            Command::ToggleFeatures => Some(self.layout.features),
            Command::ShowShift => Some(self.layout.bottom && self.layout.tab == Tab::Shift),
            Command::ShowAttribution => Some(self.layout.bottom && self.layout.tab == Tab::Attribution),
            Command::ShowGallery => Some(self.layout.bottom && self.layout.tab == Tab::Gallery),
            Command::ShowAudit => Some(self.layout.bottom && self.layout.tab == Tab::Audit),
            Command::ShowReport => Some(self.layout.bottom && self.layout.tab == Tab::Report),
            Command::ShowPerformance => Some(self.layout.bottom && self.layout.tab == Tab::Performance),
            Command::TogglePrivacy => Some(self.privacy),
            Command::ArrangeFour => Some(self.light_box.arrangement == Arrangement::Four),
            Command::ArrangeTwo => Some(self.light_box.arrangement == Arrangement::Two),
            Command::ArrangeOne => Some(self.light_box.arrangement == Arrangement::One),
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
            Command::Undo => self.undo(),
            Command::Redo => self.redo(),
            Command::ResetEdits => self.change_edit(Handle::Single, |edit| *edit = Edit::default()),
            Command::ArrangeFour => self.light_box.arrangement = Arrangement::Four,
            Command::ArrangeTwo => self.light_box.arrangement = Arrangement::Two,
            Command::ArrangeOne => self.light_box.arrangement = Arrangement::One,
            Command::ToggleOverlay => self.light_box.toggle_overlay(),
            Command::Invert => self.light_box.invert = !self.light_box.invert,
            Command::ResetView => self.light_box.reset(),
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
            Command::ExportPicture => self.ask(Purpose::ExportPicture),
            Command::ExportGif => self.ask(Purpose::ExportGif),
            Command::ExportSheet => self.ask(Purpose::ExportSheet),
            Command::ExportFrames => self.ask(Purpose::ExportFrames),
            Command::ExportReport => self.ask(Purpose::ExportReport),
            Command::ExportAudit => self.ask(Purpose::ExportAudit),
            Command::OpenMetadata => self.ask(Purpose::OpenMetadata),
            Command::ComputeAudit => {
                (self.layout.bottom, self.layout.tab) = (true, Tab::Audit);
                self.compute_audit();
            }
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
        }
    }

    fn show_tab(&mut self, tab: Tab) {
        let shown = self.layout.bottom && self.layout.tab == tab;
        (self.layout.bottom, self.layout.tab) = (!shown, tab);
    }

    fn step_frame(&mut self, by: f32) {
        self.source = Source::Shift;
        let frame = self.shift.frame() as f32;
        self.shift.go_to(frame + by);
    }
}
