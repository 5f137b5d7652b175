//! Values that protocol 0 of pickle writes as a line of text.

use std::borrow::Cow;

use super::node::Node;

/// The value of a line after INT (`I`), LONG (`L`), FLOAT (`F`), STRING (`S`) or UNICODE (`V`).
pub(super) fn value(opcode: u8, line: &[u8]) -> Option<Node<'_>> {
    let line = std::str::from_utf8(line).ok()?;
    Some(match opcode {
        b'I' if line == "00" || line == "01" => Node::Bool(line == "01"),
        b'I' | b'L' => Node::Int(line.trim().trim_end_matches('L').parse().ok()?),
        b'F' => Node::Float(line.trim().parse().ok()?),
        b'S' => {
            let quote = line.chars().next().filter(|first| matches!(first, '\'' | '"'))?;
            let inner = line.strip_prefix(quote)?.strip_suffix(quote)?;
            Node::Text(unescaped(inner)?)
        }
        _ => Node::Text(unescaped(line)?),
    })
}

/// Text without its escapes; `None` for an escape that Python's `repr` does not write.
fn unescaped(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('\\') {
        return Some(Cow::Borrowed(text));
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            plain.push(char);
            continue;
        }
        let digits = match chars.next()? {
            'n' => {
                plain.push('\n');
                continue;
            }
            'r' => {
                plain.push('\r');
                continue;
            }
            't' => {
                plain.push('\t');
                continue;
            }
            itself @ ('\\' | '\'' | '"') => {
                plain.push(itself);
                continue;
            }
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => return None,
        };
        let mut code = 0;
        for _ in 0..digits {
            code = code * 16 + chars.next()?.to_digit(16)?;
        }
        plain.push(char::from_u32(code)?);
    }
    Some(Cow::Owned(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_values() {
        assert!(matches!(value(b'I', b"01"), Some(Node::Bool(true))));
        assert!(matches!(value(b'L', b"-12L"), Some(Node::Int(-12))));
        assert!(matches!(value(b'F', b"0.5"), Some(Node::Float(0.5))));
        let text = |opcode, line| {
            if let Some(Node::Text(text)) = value(opcode, line) { text.into_owned() } else { "?".into() }
        };
        assert_eq!(text(b'S', br"'a\'b\x41\n'"), "a'bA\n");
        assert_eq!(text(b'V', br"caf\u00e9"), "caf\u{e9}");
        assert_eq!(text(b'S', b"'"), "?");
        assert_eq!(text(b'V', br"\U99999999"), "?");
    }
}
