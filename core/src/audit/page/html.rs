//! Pieces of HTML: paragraphs, tables, pictures inside the page.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::export::page::escape;

/// A paragraph.
#[must_use]
pub fn paragraph(words: &str) -> String {
    format!("<p>{}</p>\n", escape(words))
}

/// A table; columns of numbers stand at the right.
#[must_use]
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let numeric: Vec<bool> = (0..head.len())
        .map(|column| rows.iter().all(|row| row.get(column).is_some_and(|cell| !cell.starts_with(char::is_alphabetic))))
        .collect();
    let class = |column: usize| if numeric[column] { " class=\"n\"" } else { "" };
    let head: String =
        head.iter().enumerate().map(|(at, words)| format!("<th{}>{}</th>", class(at), escape(words))).collect();
    let row = |cells: &Vec<String>| {
        let cells: String = cells
            .iter()
            .take(numeric.len())
            .enumerate()
            .map(|(at, words)| format!("<td{}>{}</td>", class(at), escape(words)))
            .collect();
        format!("<tr>{cells}</tr>\n")
    };
    let body: String = rows.iter().map(row).collect();
    format!("<div class=\"wide\"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table></div>\n")
}

/// A PNG inside the page.
#[must_use]
pub fn picture(png: &[u8], words: &str) -> String {
    format!("<img alt=\"{}\" src=\"data:image/png;base64,{}\">", escape(words), STANDARD.encode(png))
}

/// Something that is folded until a reader asks for it.
#[must_use]
pub fn folded(title: &str, content: &str) -> String {
    format!("<details><summary>{}</summary>\n{content}</details>\n", escape(title))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_cannot_leave_their_place() {
        let table = table(&["name", "n"], &[vec!["<b>".into(), "1.5".into()], vec!["c".into(), "-".into()]]);
        assert!(table.contains("<td>&lt;b&gt;</td><td class=\"n\">1.5</td>") && !table.contains("<b>"));
        assert!(picture(&[1, 2, 3], "a").contains("base64,AQID\""));
    }
}
