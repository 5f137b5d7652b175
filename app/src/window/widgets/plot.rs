//! A plain line plot, painted by hand: scores over a shift's frames.

use egui::{Align2, Color32, FontId, Painter, Pos2, Rect, Shape, Stroke, TextStyle, Ui, pos2};

use super::{bar::OPERATING_POINT, number};
use crate::window::tokens::Look;

/// One curve.
pub struct Line<'a> {
    /// Values at each x.
    pub values: &'a [f32],
    /// Colour.
    pub colour: Color32,
    /// Thickness.
    pub width: f32,
}

/// What a plot shows.
pub struct Plot<'a> {
    /// Ascending places on the x axis.
    pub x: &'a [f32],
    /// Curves, the last on top.
    pub lines: Vec<Line<'a>>,
    /// Lowest and highest y.
    pub y: [f32; 2],
    /// What x is.
    pub x_name: &'a str,
    /// Whether y is a score, with an operating point.
    pub is_score: bool,
    /// Whether x counts something: it has no digits behind the point.
    pub is_count: bool,
    /// The x that is on the light box.
    pub at: f32,
}

impl Plot<'_> {
    /// Paints the plot in `rect`; returns the area of the curves, for hands that scrub on it.
    pub fn paint(&self, ui: &Ui, look: &Look, rect: Rect) -> Rect {
        let (colour, size) = (&look.colour, &look.size);
        let font = TextStyle::Small.resolve(ui.style());
        let left = 3.0 * size.body;
        let area = Rect::from_min_max(
            rect.min + egui::vec2(left, size.gap),
            rect.max - egui::vec2(size.pad, size.small + 2.0 * size.gap),
        );
        let painter = ui.painter_at(rect);
        let faint = Stroke::new(size.stroke, colour.line);
        painter.rect_stroke(area, 0.0, faint, egui::StrokeKind::Inside);
        let (Some(&first), Some(&last)) = (self.x.first(), self.x.last()) else { return area };
        let place = |x: f32, y: f32| {
            let span = if last > first { (x - first) / (last - first) } else { 0.5 };
            let rise = (y - self.y[0]) / (self.y[1] - self.y[0]).max(f32::MIN_POSITIVE);
            pos2(
                egui::lerp(area.x_range(), span.clamp(0.0, 1.0)),
                egui::lerp(area.bottom()..=area.top(), rise.clamp(0.0, 1.0)),
            )
        };
        if self.is_score {
            let y = place(first, OPERATING_POINT).y;
            painter.extend(Shape::dashed_line(
                &[pos2(area.left(), y), pos2(area.right(), y)],
                Stroke::new(size.stroke, colour.warning.gamma_multiply(0.7)),
                size.gap,
                size.gap,
            ));
        }
        for line in &self.lines {
            let known = self.x.iter().zip(line.values).filter(|(_, y)| y.is_finite());
            let points: Vec<Pos2> = known.map(|(&x, &y)| place(x, y)).collect();
            painter.add(Shape::line(points, Stroke::new(line.width, line.colour)));
        }
        let now = place(self.at, self.y[0]).x;
        painter.vline(now, area.y_range(), Stroke::new(size.stroke, colour.text));
        if let Some(top) = self.lines.last() {
            let nearest =
                self.x.iter().zip(top.values).min_by(|a, b| (a.0 - self.at).abs().total_cmp(&(b.0 - self.at).abs()));
            if let Some((&x, &y)) = nearest.filter(|(_, y)| y.is_finite()) {
                painter.circle_filled(place(x, y), size.handle - 2.0, top.colour);
            }
        }
        self.labels(&painter, look, rect, area, &font, [first, last]);
        area
    }

    fn x_words(&self, x: f32) -> String {
        if self.is_count { format!("{x:.0}") } else { number::short(x) }
    }

    fn labels(&self, painter: &Painter, look: &Look, rect: Rect, area: Rect, font: &FontId, [first, last]: [f32; 2]) {
        let (colour, size) = (&look.colour, &look.size);
        let text = |at: Pos2, anchor: Align2, words: String, ink: Color32| {
            painter.text(at, anchor, words, font.clone(), ink);
        };
        let gap = size.gap;
        let mut ticks = vec![(self.y[0], Align2::RIGHT_BOTTOM), (self.y[1], Align2::RIGHT_TOP)];
        if self.is_score {
            ticks.push((OPERATING_POINT, Align2::RIGHT_CENTER));
        }
        for (value, anchor) in ticks {
            let rise = (value - self.y[0]) / (self.y[1] - self.y[0]).max(f32::MIN_POSITIVE);
            let at = pos2(area.left() - gap, egui::lerp(area.bottom()..=area.top(), rise));
            text(at, anchor, number::plain(value), colour.secondary);
        }
        let below = area.bottom() + gap;
        text(pos2(area.left(), below), Align2::LEFT_TOP, self.x_words(first), colour.secondary);
        text(pos2(area.right(), below), Align2::RIGHT_TOP, self.x_words(last), colour.secondary);
        let middle = format!("{} {}", self.x_name, self.x_words(self.at));
        text(pos2(rect.center().x, below), Align2::CENTER_TOP, middle, colour.text);
    }
}
