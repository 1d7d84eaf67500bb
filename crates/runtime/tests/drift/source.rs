//! The methods that the sources name.

use std::collections::BTreeSet;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Every string of the sources below `folder` that is `known` as a method or has the form of one. Comments and
/// tests are left out.
pub(crate) fn methods(folder: &Path, known: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let mut texts = BTreeSet::new();
    read(folder, &mut texts);
    texts
        .into_iter()
        .filter(|text| known(text) || has_the_form(text))
        .collect()
}

fn read(folder: &Path, out: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if name == "tests" {
            continue;
        }
        if path.is_dir() {
            read(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let tokens: TokenStream = text
                .parse()
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            strings(tokens, out);
        }
    }
}

/// The strings among tokens, without those of attributes (comments are such) and of `#[cfg(test)]` modules.
fn strings(tokens: TokenStream, out: &mut BTreeSet<String>) {
    let mut in_test = false;
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(sign) if sign.as_char() == '#' => {
                if matches!(tokens.peek(), Some(TokenTree::Punct(sign)) if sign.as_char() == '!') {
                    tokens.next();
                }
                if let Some(TokenTree::Group(attribute)) = tokens.peek()
                    && attribute.delimiter() == Delimiter::Bracket
                {
                    in_test |= attribute.stream().to_string().replace(' ', "") == "cfg(test)";
                    tokens.next();
                }
            }
            TokenTree::Group(group) => {
                let is_body = group.delimiter() == Delimiter::Brace;
                let is_test = is_body && std::mem::take(&mut in_test);
                if !is_test {
                    strings(group.stream(), out);
                }
            }
            TokenTree::Punct(sign) if sign.as_char() == ';' => in_test = false,
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                if let Some(text) = text
                    .strip_prefix('"')
                    .and_then(|text| text.strip_suffix('"'))
                {
                    out.insert(text.to_owned());
                }
            }
            _ => {}
        }
    }
}

/// Words between slashes, and the first one begins small: `thread/turns/list`.
fn has_the_form(text: &str) -> bool {
    let is_word =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
    text.contains('/')
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.split('/').all(is_word)
}

#[test]
fn strings_are_found_and_comments_and_tests_are_not() {
    let source = r##"
        //! Calls "a/comment".
        /// As "a/doc" says.
        #[serde(rename = "an/attribute")]
        fn f() { call("thread/start", json!({"x": ["b/nested"]})); let c = '"'; raw(r#"no"#); }
        #[cfg(test)]
        mod tests { fn g() { call("a/test"); } }
        const LAST: &str = "z/last";
    "##;
    let mut found = BTreeSet::new();
    strings(source.parse().unwrap(), &mut found);
    assert_eq!(
        Vec::from_iter(found),
        ["b/nested", "thread/start", "x", "z/last"]
    );
    for (text, wanted) in [
        ("thread/start", true),
        ("Library/x", false),
        ("/a/b", false),
        ("a/", false),
        ("a b/c", false),
    ] {
        assert_eq!(has_the_form(text), wanted, "for {text}");
    }
}
