//! Many shifts on one page, for a browser: a gallery as the Gifsplanation website has one.
//!
//! Enter what is to be said of each shift and where its pictures lie beside the page; leaves one HTML file that needs no
//! network, no script and nothing but those pictures. Nothing is read or written here; write the page with
//! [`atomic`](super::atomic). What a film is called is the caller's choice: a page is made to be passed on.

use super::moving::{short_number, two_digits};
use super::{COMMENT, MARK, SOFTWARE};
use crate::render::colour;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// One shift on a page. Paths are relative to the page, with `/` between folders.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PageEntry {
    /// The film's name.
    pub film: String,
    /// What the shift makes more or less of, and what is predicted.
    pub target: String,
    /// What the numbers are.
    pub quantity: Quantity,
    /// Prediction (0 to 1) at lambda 0, or the film's own activation.
    pub prediction: f32,
    /// Lowest and highest prediction over the shift.
    pub range: [f32; 2],
    /// Lambda of each frame.
    pub lambdas: Vec<f32>,
    /// What ended the search below and above lambda 0, in words; empty where nothing did.
    pub stopped: [String; 2],
    /// What is odd about the shift.
    pub notes: Vec<String>,
    /// The moving picture, a GIF or an animated PNG.
    pub animation: String,
    /// The shift on one sheet.
    pub sheet: Option<String>,
    /// What stands for the moving picture when it is stopped, and for readers who want nothing to move.
    pub still: Option<String>,
}

/// What a shift's numbers are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quantity {
    /// A score between 0 and 1.
    #[default]
    Prediction,
    /// A feature's activation.
    Activation,
}

impl Quantity {
    fn name(self) -> &'static str {
        match self {
            Self::Prediction => "Prediction",
            Self::Activation => "Activation",
        }
    }
}

/// The page, whole. Same entries, same page.
#[must_use]
pub fn page(title: &str, entries: &[PageEntry]) -> String {
    let title = escape(title);
    let tokens = tokens();
    let films = entries.iter().map(|e| e.film.as_str()).collect::<BTreeSet<_>>().len();
    let count = format!("{} of {}", several(entries.len(), "shift"), several(films, "film"));
    let stop = if entries.iter().any(|e| e.still.is_some()) {
        "<p><label><input type=\"checkbox\" id=\"stop\"> Stop every picture</label></p>\n"
    } else {
        ""
    };
    let cards: String = entries.iter().map(card).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"generator\" content=\"{SOFTWARE}\">\n<meta name=\"description\" content=\"{COMMENT}\">\n\
         <title>{title}</title>\n<style>\n:root {{ {tokens} }}\n{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<h1>{title}</h1>\n\
         <p>{count}. Each moves a film towards less and more of one finding; λ is how far, and 0, or a feature's own \
         activation, is the film as the model gives it back. <strong>Every moving picture is made by a model and not for diagnosis.</strong></p>\n\
         {stop}</header>\n<main>\n{cards}</main>\n<footer>Made with {SOFTWARE}</footer>\n</body>\n</html>\n"
    )
}

/// One shift: its picture, what it is, its numbers, its files.
fn card(entry: &PageEntry) -> String {
    let (film, target) = (escape(&entry.film), escape(&entry.target));
    let animation = address(&entry.animation);
    let (kind, stop, mut pictures, mut links) = match &entry.still {
        Some(still) => {
            let still = address(still);
            let picture = format!(
                "<img class=\"still\" src=\"{still}\" alt=\"{film}: one frame of the shift of {target}; {MARK}\" \
                 loading=\"lazy\">\n"
            );
            let stop = format!(
                "<label><input type=\"checkbox\" class=\"stop\" aria-label=\"stop {film}, {target}\"> stop</label> "
            );
            (" class=\"stoppable\"", stop, picture, format!(" <a href=\"{still}\">still</a>"))
        }
        None => ("", String::new(), String::new(), String::new()),
    };
    let _ = writeln!(
        pictures,
        "<img class=\"moving\" src=\"{animation}\" alt=\"{film}, from less to more {target}; {MARK}\" \
         loading=\"lazy\">"
    );
    if let Some(sheet) = &entry.sheet {
        let _ = write!(links, " <a href=\"{}\">sheet</a>", address(sheet));
    }
    let [low, high] = entry.range.map(two_digits);
    let prediction = two_digits(entry.prediction);
    let facts: String = facts(entry).iter().map(|(k, v)| format!("<dt>{k}</dt><dd>{v}</dd>\n")).collect();
    format!(
        "<article{kind}>\n<h2>{target}</h2>\n<p class=\"film\">{film}</p>\n<figure>\n{pictures}\
         <figcaption class=\"mark\">{MARK}</figcaption>\n</figure>\n\
         <div class=\"track\" role=\"img\" aria-label=\"Prediction {prediction}, from {low} to {high} over the shift\">\
         {}</div>\n<dl>\n{facts}</dl>\n<p class=\"files\">{stop}<a href=\"{animation}\">animation</a>{links}</p>\n\
         </article>\n",
        track(entry)
    )
}

/// The parts of the prediction's bar that have a place: the range, and a tick for lambda 0.
fn track(entry: &PageEntry) -> String {
    let [low, high] = entry.range;
    let full = match entry.quantity {
        Quantity::Prediction => 1.0,
        Quantity::Activation => high.max(entry.prediction).max(f32::MIN_POSITIVE),
    };
    let percent = |v: f32| (v / full).clamp(0.0, 1.0) * 100.0;
    let mut parts = String::new();
    if low.is_finite() && high.is_finite() {
        let (from, to) = (percent(low.min(high)), percent(low.max(high)));
        let _ = write!(parts, "<span class=\"range\" style=\"left:{from:.1}%;width:{:.1}%\"></span>", to - from);
    }
    if entry.prediction.is_finite() {
        let _ = write!(parts, "<span class=\"tick\" style=\"left:{:.1}%\"></span>", percent(entry.prediction));
    }
    parts
}

/// Numbers in words, as HTML.
fn facts(entry: &PageEntry) -> Vec<(&'static str, String)> {
    let [low, high] = entry.range.map(two_digits);
    let mut facts =
        vec![(entry.quantity.name(), two_digits(entry.prediction)), ("Over the shift", format!("{low} to {high}"))];
    let (least, most) =
        (entry.lambdas.iter().copied().reduce(f32::min), entry.lambdas.iter().copied().reduce(f32::max));
    if let (Some(least), Some(most)) = (least, most) {
        let frames = several(entry.lambdas.len(), "frame");
        facts.push(("λ", format!("{} to {}, {frames}", short_number(least), short_number(most))));
    }
    let ends = ["below", "above"].into_iter().zip(&entry.stopped).filter(|(_, word)| !word.is_empty());
    let ends: Vec<String> = ends.map(|(end, word)| format!("{end}: {}", escape(word))).collect();
    if !ends.is_empty() {
        facts.push(("Stopped", ends.join("; ")));
    }
    if !entry.notes.is_empty() {
        facts.push(("Note", entry.notes.iter().map(|note| escape(note)).collect::<Vec<_>>().join("; ")));
    }
    facts
}

/// "1 film", "2 films".
fn several(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Text for HTML, inside elements and inside quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

/// A relative path as an address (RFC 3986, 2.1 and 4.2). Whatever the path says, the address names no host and no scheme.
fn address(path: &str) -> String {
    let mut out = String::from("./");
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The colours of the dark theme, as the style below names them.
fn tokens() -> String {
    const PANEL: colour::Rgb = [0x13, 0x16, 0x1B];
    const WARNING: colour::Rgb = [0xE8, 0xB0, 0x4A];
    let named = [
        ("background", colour::BACKGROUND),
        ("panel", PANEL),
        ("line", colour::LINE),
        ("text", colour::TEXT),
        ("secondary", colour::SECONDARY),
        ("accent", colour::ACCENT),
        ("warning", WARNING),
    ];
    named.map(|(name, [r, g, b])| format!("--{name}: #{r:02x}{g:02x}{b:02x};")).join(" ")
}

/// Steps of 4 pixels, three sizes of text; a checked box, or a reader who wants nothing to move, shows stills.
const STYLE: &str = "\
* { box-sizing: border-box; margin: 0; }
html { color-scheme: dark; background: var(--background); color: var(--text); }
body { max-width: 1600px; margin: 0 auto; padding: 24px; font: 13px/20px Inter, system-ui, sans-serif; }
h1 { font-size: 20px; line-height: 28px; font-weight: 600; }
header { max-width: 720px; margin-bottom: 24px; color: var(--secondary); }
header > * + * { margin-top: 8px; }
h1, header strong { color: var(--text); }
main { display: grid; gap: 16px; align-items: start; }
main { grid-template-columns: repeat(auto-fill, minmax(min(100%, 400px), 1fr)); }
article { padding: 16px; background: var(--panel); border: 1px solid var(--line); border-radius: 4px; }
h2 { font-size: 15px; line-height: 20px; font-weight: 600; }
h1, h2, .film, dd { overflow-wrap: anywhere; }
.film { color: var(--secondary); }
figure { margin: 12px 0; background: var(--background); }
figure img { display: block; width: 100%; height: auto; min-height: 64px; color: var(--secondary); }
.mark { padding: 4px 8px; color: var(--warning); font-size: 11px; line-height: 16px; }
.track { position: relative; height: 4px; background: var(--line); }
.track span { position: absolute; top: 0; bottom: 0; }
.range { min-width: 1px; background: var(--accent); }
.tick { width: 2px; margin: -3px 0 -3px -1px; background: var(--text); }
dl { display: grid; grid-template-columns: auto 1fr; gap: 0 16px; margin: 8px 0; font-variant-numeric: tabular-nums; }
dt, footer { color: var(--secondary); }
dd { text-align: right; }
.files { display: flex; flex-wrap: wrap; gap: 12px; }
a { color: var(--accent); }
label { cursor: pointer; }
input { accent-color: var(--accent); vertical-align: -2px; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
footer { margin-top: 24px; font-size: 11px; }
.still, body:has(#stop:checked) .stoppable .moving, article:has(.stop:checked) .moving { display: none; }
body:has(#stop:checked) .still, article:has(.stop:checked) .still { display: block; }
@media (prefers-reduced-motion: reduce) {
  .stoppable .moving, header label, .files label { display: none; }
  .still { display: block; }
}
";

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(film: &str) -> PageEntry {
        PageEntry {
            film: film.into(),
            quantity: Quantity::Prediction,
            notes: vec!["a <note>".into()],
            target: "Cardiomegaly".into(),
            prediction: 0.42,
            range: [0.1, 0.9],
            lambdas: vec![-80.0, -30.0, 0.0, 12.5],
            stopped: ["drop".into(), String::new()],
            animation: format!("{film}/shift.png"),
            sheet: Some("a sheet.png".into()),
            still: Some("still.png".into()),
        }
    }

    #[test]
    fn every_entry_is_there_with_its_numbers_and_its_mark() {
        let entries: Vec<PageEntry> = (0..3).map(|i| entry(&format!("film-{i}"))).collect();
        let html = page("Shifts", &entries);
        assert_eq!(html.matches("<article").count(), 3);
        assert_eq!(html.matches(&format!("\"mark\">{MARK}")).count(), 3);
        for film in ["film-0", "film-1", "film-2"] {
            assert!(html.contains(&format!("<p class=\"film\">{film}</p>")));
            assert!(html.contains(&format!("src=\"./{film}/shift.png\"")));
        }
        assert!(html.contains("3 shifts of 3 films.") && html.contains("href=\"./a%20sheet.png\""));
        for fact in ["<dd>0.42", "<dd>0.10 to 0.90", "<dd>−80 to 12, 4 frames", "<dd>below: drop<"] {
            assert!(html.contains(fact), "{fact}");
        }
        assert!(html.contains("style=\"left:10.0%;width:80.0%\"") && html.contains("style=\"left:42.0%\""));
        assert_eq!(html.matches("<img ").count(), html.matches(" alt=\"").count());
        assert_eq!(html, page("Shifts", &entries));
    }

    #[test]
    fn nothing_leads_to_a_host_or_runs() {
        let mut odd = entry("http://example.org/<script>alert('x')</script>\"&");
        odd.target = "\" onerror=\"x".into();
        odd.animation = "javascript:alert(1)".into();
        odd.sheet = Some("//example.org/é?a=b#c".into());
        odd.still = Some("https://example.org/a\"b".into());
        odd.stopped[1] = "<b>".into();
        let html = page("<i>\"&'", &[odd]);
        assert!(html.contains("<title>&lt;i&gt;&quot;&amp;&#39;</title>"));
        assert!(html.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;</p>"));
        assert!(!html.contains("<script") && !html.contains("\" onerror") && !html.contains("<b>"));
        let addresses: Vec<&str> = html.split("src=\"").chain(html.split("href=\"")).collect();
        let links = addresses.iter().filter(|rest| !rest.starts_with("<!doctype"));
        assert!(links.clone().count() == 5 && links.into_iter().all(|rest| rest.starts_with("./")));
        assert!(
            html.contains("\"./javascript%3Aalert%281%29\"") && html.contains("\".///example.org/%C3%A9%3Fa%3Db%23c\"")
        );
        assert!(!html.contains("url(") && !html.contains("@import"));
    }

    #[test]
    fn what_is_missing_is_left_out() {
        let bare = PageEntry {
            prediction: f32::NAN,
            range: [f32::NAN; 2],
            lambdas: Vec::new(),
            stopped: Default::default(),
            sheet: None,
            still: None,
            ..entry("a")
        };
        let html = page("x", &[bare]);
        assert!(html.contains("1 shift of 1 film.") && html.contains("<dd>–</dd>"));
        for part in ["checkbox", "class=\"still\"", ">sheet<", "class=\"range\"", "class=\"tick\"", "<dt>λ", "Stopped"]
        {
            assert!(!html.contains(part), "{part}");
        }
        assert!(page("x", &[]).contains("0 shifts of 0 films."));
    }
}
