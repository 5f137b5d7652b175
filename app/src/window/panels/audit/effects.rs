//! The audit's plot: what each removal does to each prediction, with its interval, against random directions.

use egui::{Align, Rect, RichText, ScrollArea, Sense, Stroke, TextStyle, Ui, pos2, vec2};
use fluoro_core::audit::{ColumnAudit, Judged};

use crate::window::tokens::Look;
use crate::window::widgets::{states, text};

/// Widths of the names and of the numbers, as shares.
const NAMES: f32 = 0.4;
const NUMBERS: f32 = 0.33;
/// Deviations of the random directions that the band reaches to either side.
const BAND: f64 = 2.0;
/// Rows at most: the largest effects.
const MOST: usize = 60;

/// Shows the plot, the largest effects first.
pub fn show(ui: &mut Ui, look: &Look, column: &ColumnAudit) {
    let mut rows: Vec<&Judged> = column.judgements.iter().filter(|judged| judged.judgement.effect.is_some()).collect();
    if rows.is_empty() {
        let why = column.not_done.iter().map(|part| format!("{}: {}", part.part, part.reason)).collect::<Vec<_>>();
        states::empty(ui, look, &format!("What removals do was not measured. {}", why.join(" ")), None);
        return;
    }
    let size = |judged: &Judged| judged.judgement.effect.map_or(0.0, |effect| effect.value.abs());
    rows.sort_by(|a, b| b.judgement.used.cmp(&a.judgement.used).then(size(b).total_cmp(&size(a))));
    rows.truncate(MOST);
    let span = rows.iter().fold([0.0_f64, 0.0], |[low, high], judged| {
        let effect = judged.judgement.effect.map_or([0.0; 2], |effect| [effect.low, effect.high]);
        let band = band(judged).unwrap_or([0.0; 2]);
        [low.min(effect[0]).min(band[0]), high.max(effect[1]).max(band[1])]
    });
    let words = "change of the logit on films that show it, less that on others; band: random directions; bright: counts as used";
    ui.add(egui::Label::new(RichText::new(words).small().color(look.colour.secondary)).wrap());
    ui.spacing_mut().item_spacing.y = 0.0;
    ScrollArea::vertical().id_salt("audit effects").auto_shrink([false, false]).show_rows(
        ui,
        look.size.row,
        rows.len(),
        |ui, shown| {
            for judged in &rows[shown] {
                row(ui, look, judged, span);
            }
        },
    );
}

/// Where random directions of the same length lie.
fn band(judged: &Judged) -> Option<[f64; 2]> {
    let place = judged.judgement.among_directions?;
    Some([place.mean - BAND * place.deviation, place.mean + BAND * place.deviation])
}

fn row(ui: &mut Ui, look: &Look, judged: &Judged, [low, high]: [f64; 2]) {
    let Some(effect) = &judged.judgement.effect else { return };
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width() - look.size.pad, look.size.row), Sense::hover());
    let names = rect.with_max_x(rect.left() + NAMES * rect.width());
    let numbers = rect.with_min_x(rect.right() - NUMBERS * rect.width());
    let plot = Rect::from_min_max(
        pos2(names.right() + look.size.pad, rect.top()),
        pos2(numbers.left() - look.size.pad, rect.bottom()),
    );
    let x = |value: f64| {
        let share = (value - low) / (high - low).max(f64::MIN_POSITIVE);
        egui::lerp(plot.x_range(), share.clamp(0.0, 1.0) as f32)
    };
    let ink = if judged.judgement.used { look.colour.accent } else { look.colour.secondary };
    let small = TextStyle::Small.resolve(ui.style());
    let name = format!("{}: {}", judged.label, judged.edit);
    text::put(ui, names, Align::Min, &name, small.clone(), if judged.judgement.used { look.colour.text } else { ink });
    let painter = ui.painter();
    if let Some([from, to]) = band(judged) {
        let shade = Rect::from_x_y_ranges(x(from)..=x(to), plot.shrink2(vec2(0.0, look.size.gap)).y_range());
        painter.rect_filled(shade, 0.0, look.colour.line);
    }
    painter.vline(x(0.0), plot.y_range(), Stroke::new(look.size.stroke, look.colour.disabled));
    painter.hline(x(effect.low)..=x(effect.high), plot.center().y, Stroke::new(look.size.tick, ink));
    painter.circle_filled(pos2(x(effect.value), plot.center().y), look.size.gap, ink);
    let figures = format!("{:.2} ({:.2} to {:.2})", effect.value, effect.low, effect.high);
    text::put(ui, numbers, Align::Max, &figures, small, if judged.judgement.used { look.colour.text } else { ink });
    let unmet = &judged.judgement.unmet;
    let why = if unmet.is_empty() {
        "It counts as used.".to_owned()
    } else {
        format!("Not counted as used; it lacks: {}.", unmet.join(", "))
    };
    response.on_hover_text(format!("Taking {} away, prediction of {}. {why}", judged.edit, judged.label));
}
