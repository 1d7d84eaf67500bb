//! Syntax highlighting, line by line, into a handful of token classes.
//!
//! syntect knows hundreds of scopes; a theme of ours knows nine colours. Writing one flat `<span>` a
//! token, with one class, instead of syntect's nested scope classes keeps the HTML and the DOM several
//! times smaller and lets any line stand alone, which diffs and split blocks need.
//!
//! Text that is too long to be worth it stays plain: very long lines, and what follows after a block
//! has used up its allowance.

use std::sync::OnceLock;

use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxReference, SyntaxSet};

use crate::text::{Spaces, push_escaped};

/// Lines longer than this, in bytes, are not highlighted.
pub(crate) const LONGEST_LINE: usize = 1_000;
/// After so many bytes one highlighter leaves the rest plain.
const ALLOWANCE: usize = 200 * 1024;

static SYNTAXES: OnceLock<SyntaxSet> = OnceLock::new();

fn syntaxes() -> &'static SyntaxSet {
    SYNTAXES.get_or_init(two_face::syntax::extra_newlines)
}

/// Loads the syntax definitions now instead of on the first code that is shown. Any thread may call
/// this, any number of times; `examples/cost.rs` prints what it costs.
pub fn load_syntaxes() {
    syntaxes();
    rules();
}

/// What kind of token a scope means, by prefix; the first rule that fits decides.
const RULES: &[(&str, Option<&str>)] = &[
    ("comment", Some("comment")),
    ("meta.interpolation", None),
    ("meta.template.expression", None),
    ("constant", Some("number")),
    ("string", Some("string")),
    ("keyword.operator", Some("operator")),
    ("keyword", Some("keyword")),
    ("storage", Some("keyword")),
    ("variable.language", Some("keyword")),
    ("variable.function", Some("function")),
    ("entity.name.function", Some("function")),
    ("entity.name.macro", Some("function")),
    ("support.function", Some("function")),
    ("support.macro", Some("function")),
    ("entity.name.tag", Some("keyword")),
    ("entity.name.section", Some("keyword")),
    ("entity.name.namespace", None),
    ("entity.name.constant", Some("number")),
    ("entity.name", Some("type")),
    ("entity.other.inherited-class", Some("type")),
    ("entity.other.attribute-name", Some("type")),
    ("support.constant", Some("number")),
    ("support.type", Some("type")),
    ("support.class", Some("type")),
    ("markup.inserted", Some("inserted")),
    ("markup.deleted", Some("deleted")),
    ("markup.raw", Some("string")),
    ("markup.heading", Some("keyword")),
];

fn rules() -> &'static [(Scope, Option<&'static str>)] {
    static SCOPES: OnceLock<Vec<(Scope, Option<&'static str>)>> = OnceLock::new();
    SCOPES.get_or_init(|| {
        RULES
            .iter()
            .filter_map(|&(scope, token)| Some((Scope::new(scope).ok()?, token)))
            .collect()
    })
}

/// The token that a stack of scopes means: the innermost scope that a rule knows.
fn token(stack: &ScopeStack) -> Option<&'static str> {
    stack.as_slice().iter().rev().find_map(|scope| {
        rules()
            .iter()
            .find(|(prefix, _)| prefix.is_prefix_of(*scope))
            .map(|&(_, token)| token)
    })?
}

/// Highlights consecutive lines of one text. A clone continues from the same point.
#[derive(Debug, Clone)]
pub(crate) struct Highlighter {
    state: Option<(ParseState, ScopeStack)>,
    allowance: usize,
}

impl Highlighter {
    /// Leaves everything plain.
    pub(crate) fn off() -> Self {
        Self {
            state: None,
            allowance: 0,
        }
    }

    /// For the language of a code fence, such as "rust" or "py".
    pub(crate) fn for_language(language: &str) -> Self {
        let name = match language.to_ascii_lowercase().as_str() {
            "" | "text" | "txt" | "plain" | "plaintext" | "output" => return Self::off(),
            "shell" | "console" | "shell-session" | "zsh" => "bash".to_owned(),
            "jsonc" | "json5" | "jsonl" => "json".to_owned(),
            "node" | "cjs" | "mjs" => "js".to_owned(),
            "cts" | "mts" => "ts".to_owned(),
            "jsx" => "tsx".to_owned(),
            "csharp" => "cs".to_owned(),
            "patch" => "diff".to_owned(),
            "docker" => "dockerfile".to_owned(),
            other => other.to_owned(),
        };
        Self::of(syntaxes().find_syntax_by_token(&name))
    }

    /// For a file, by its name or extension.
    pub(crate) fn for_path(path: &str) -> Self {
        let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
        let by_name = syntaxes().find_syntax_by_extension(name);
        Self::of(by_name.or_else(|| {
            let (_, extension) = name.rsplit_once('.')?;
            syntaxes().find_syntax_by_extension(extension)
        }))
    }

    fn of(syntax: Option<&SyntaxReference>) -> Self {
        Self {
            state: syntax.map(|syntax| (ParseState::new(syntax), ScopeStack::new())),
            allowance: ALLOWANCE,
        }
    }

    /// Appends one line, given without its line break, as HTML.
    pub(crate) fn line(&mut self, line: &str, spaces: Spaces, out: &mut String) {
        if line.len() > LONGEST_LINE {
            return push_escaped(out, line, spaces);
        }
        let begin = out.len();
        match self.allowance.checked_sub(line.len()) {
            Some(left) => self.allowance = left,
            None => self.state = None,
        }
        if self.state.is_some() && self.tokens(line, spaces, out).is_none() {
            self.state = None;
            out.truncate(begin);
        } else if self.state.is_some() {
            return;
        }
        push_escaped(out, line, spaces);
    }

    /// `None` when the syntax definition does not hold up on this line.
    fn tokens(&mut self, line: &str, spaces: Spaces, out: &mut String) -> Option<()> {
        let (parse, scopes) = self.state.as_mut()?;
        let operations = parse.parse_line(&format!("{line}\n"), syntaxes()).ok()?;
        let mut from = 0;
        let mut open = None;
        for (at, operation) in &operations {
            let at = (*at).min(line.len());
            if at > from {
                span(out, &mut open, token(scopes), line.get(from..at)?, spaces);
                from = at;
            }
            scopes.apply(operation).ok()?;
        }
        span(out, &mut open, token(scopes), line.get(from..)?, spaces);
        if open.is_some() {
            out.push_str("</span>");
        }
        Some(())
    }
}

/// Appends text of a token, in the span that is open when it is of the same kind.
fn span(
    out: &mut String,
    open: &mut Option<&'static str>,
    token: Option<&'static str>,
    text: &str,
    spaces: Spaces,
) {
    if text.is_empty() {
        return;
    }
    // Blanks have no colour: they stay in whatever span is open.
    if *open != token && !text.bytes().all(|b| b == b' ' || b == b'\t') {
        if open.is_some() {
            out.push_str("</span>");
        }
        if let Some(token) = token {
            out.push_str("<span class=\"hl-");
            out.push_str(token);
            out.push_str("\">");
        }
        *open = token;
    }
    push_escaped(out, text, spaces);
}

/// What closes a piece of code.
pub(crate) const CODE_END: &str = "</code></pre></div>";

/// Opens a piece of code: the first of its text, or one that continues it.
pub(crate) fn code_start(language: &str, continued: bool) -> String {
    let mut html = String::from("<div class=\"code");
    if continued {
        html.push_str(" continued");
    }
    html.push_str("\" data-language=\"");
    push_escaped(&mut html, language, Spaces::Shown);
    html.push_str("\"><pre><code>");
    html
}

/// The language in the info string of a fence: its first word.
pub(crate) fn language(info: &str) -> String {
    info.split(|c: char| c.is_whitespace() || matches!(c, ',' | '{'))
        .find(|word| !word.is_empty())
        .unwrap_or_default()
        .chars()
        .take(40)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn highlighted(language: &str, lines: &[&str]) -> String {
        let mut highlighter = Highlighter::for_language(language);
        let mut out = String::new();
        for line in lines {
            highlighter.line(line, Spaces::Kept, &mut out);
            out.push('\n');
        }
        out
    }

    #[test]
    fn every_rule_is_a_scope() {
        assert_eq!(rules().len(), RULES.len());
    }

    #[test]
    fn languages_agents_write_are_known() {
        let mut unknown = Vec::new();
        for language in [
            "rust",
            "rs",
            "python",
            "py",
            "js",
            "javascript",
            "ts",
            "typescript",
            "tsx",
            "jsx",
            "json",
            "jsonc",
            "toml",
            "yaml",
            "yml",
            "bash",
            "sh",
            "shell",
            "zsh",
            "console",
            "html",
            "css",
            "scss",
            "sql",
            "go",
            "java",
            "c",
            "cpp",
            "c++",
            "csharp",
            "cs",
            "ruby",
            "rb",
            "php",
            "swift",
            "kotlin",
            "dockerfile",
            "makefile",
            "diff",
            "patch",
            "xml",
            "markdown",
            "md",
            "lua",
            "svelte",
            "vue",
            "nix",
            "zig",
            "elixir",
            "haskell",
            "proto",
            "graphql",
            "terraform",
        ] {
            if Highlighter::for_language(language).state.is_none() {
                unknown.push(language);
            }
        }
        assert!(unknown.is_empty(), "{unknown:?}");
        for path in [
            "src/main.rs",
            "/a/Makefile",
            "a\\b.ts",
            "Dockerfile",
            "Cargo.toml",
            "x.svelte",
            "Cargo.lock",
        ] {
            assert!(Highlighter::for_path(path).state.is_some(), "{path}");
        }
        for language in ["", "text", "nosuchlanguage"] {
            assert!(
                Highlighter::for_language(language).state.is_none(),
                "{language}"
            );
        }
    }

    #[test]
    fn tokens_become_flat_spans() {
        assert_eq!(
            highlighted("rust", &["fn main() { // <b>", "    let x = \"a&b\"; }"]),
            "<span class=\"hl-keyword\">fn </span><span class=\"hl-function\">main</span>() { \
             <span class=\"hl-comment\">// &lt;b&gt;</span>\n    <span class=\"hl-keyword\">let</span> x \
             <span class=\"hl-operator\">= </span><span class=\"hl-string\">&quot;a&amp;b&quot;</span>; }\n"
        );
    }

    #[test]
    fn state_goes_across_lines() {
        let html = highlighted("rust", &["/* one", "two */ 3"]);
        assert!(
            html.contains(
                "<span class=\"hl-comment\">two */ </span><span class=\"hl-number\">3</span>"
            ),
            "{html}"
        );
    }

    #[test]
    fn long_lines_stay_plain() {
        let line = format!("let a = \"{}\";", "x".repeat(LONGEST_LINE));
        assert!(!highlighted("rust", &[&line]).contains("<span"));
    }

    #[test]
    fn an_info_string_names_its_language() {
        for (info, expected) in [
            ("rust,ignore", "rust"),
            ("  python title=x", "python"),
            ("", ""),
            ("{.js}", ".js}"),
        ] {
            assert_eq!(language(info), expected);
        }
    }
}
