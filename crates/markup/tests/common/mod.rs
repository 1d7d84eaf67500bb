//! What must hold for every block of HTML, checked with a real HTML tokenizer.

use html5gum::{Token, Tokenizer};

const TAGS: &[&str] = &[
    "p",
    "h3",
    "h4",
    "h5",
    "h6",
    "ul",
    "ol",
    "li",
    "blockquote",
    "div",
    "pre",
    "code",
    "samp",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "em",
    "strong",
    "del",
    "a",
    "span",
    "br",
    "hr",
];
const VOID: &[&str] = &["br", "hr"];

fn allowed(tag: &str, name: &str, value: &str) -> bool {
    match (tag, name) {
        (_, "class") => value
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b == b'-' || b == b' '),
        ("a", "href") => {
            ["http://", "https://", "mailto:"].iter().any(|scheme| {
                value
                    .get(..scheme.len())
                    .is_some_and(|v| v.eq_ignore_ascii_case(scheme))
            }) && value.bytes().all(|b| b.is_ascii_graphic())
        }
        ("a", "target") => value == "_blank",
        ("a", "rel") => value == "noreferrer noopener",
        ("a" | "span", "title") | ("div", "data-language") | ("span", "aria-label") => true,
        ("span", "role") => value == "img",
        ("ol", "start") => value.bytes().all(|b| b.is_ascii_digit()),
        ("td", "colspan") => value == "4",
        ("span", "style") => value.split(';').all(|part| {
            part.split_once(":#").is_some_and(|(property, colour)| {
                ["color", "background-color"].contains(&property)
                    && colour.len() == 6
                    && colour.bytes().all(|b| b.is_ascii_hexdigit())
            })
        }),
        _ => false,
    }
}

/// Characters that no block may carry.
fn hidden(c: char) -> bool {
    matches!(c,
        '\0'..='\u{8}' | '\u{B}'..='\u{1F}' | '\u{7F}'..='\u{9F}'
        | '\u{61C}' | '\u{200B}' | '\u{200C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{E000}'..='\u{F8FF}' | '\u{E0000}'..='\u{10FFFF}')
}

/// Panics unless `html` is well-formed on its own and made of what this crate may write. Returns its text.
pub(crate) fn check(html: &str) -> String {
    assert!(!html.contains(hidden), "a hidden character in {html:?}");
    let mut open = Vec::new();
    let mut text = String::new();
    for token in Tokenizer::new(html) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => {
                let name = String::from_utf8(tag.name.0.clone()).unwrap();
                assert!(TAGS.contains(&name.as_str()), "<{name}> in {html:?}");
                for (attribute, value) in &tag.attributes {
                    let attribute = String::from_utf8(attribute.0.clone()).unwrap();
                    let value = String::from_utf8(value.0.clone()).unwrap();
                    assert!(
                        allowed(&name, &attribute, &value),
                        "{attribute}={value:?} in {html:?}"
                    );
                }
                if !VOID.contains(&name.as_str()) {
                    open.push(name);
                }
            }
            Token::EndTag(tag) => {
                let name = String::from_utf8(tag.name.0.clone()).unwrap();
                assert_eq!(open.pop(), Some(name), "in {html:?}");
            }
            Token::String(part) => text.push_str(std::str::from_utf8(&part.0).unwrap()),
            other => panic!("{other:?} in {html:?}"),
        }
    }
    assert!(open.is_empty(), "{open:?} left open in {html:?}");
    text
}

/// Cuts a text at the given places, which wrap round.
pub(crate) fn cut<'t>(text: &'t str, sizes: &[usize]) -> Vec<&'t str> {
    let mut parts = Vec::new();
    let mut rest = text;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let end = rest
            .char_indices()
            .map(|(at, _)| at)
            .nth((*size).max(1))
            .unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        parts.push(part);
        rest = after;
    }
    parts
}

/// Inputs that once broke, or might break, some renderer.
pub(crate) fn nasty() -> Vec<String> {
    let mut texts: Vec<String> = [
        "<script>alert(1)</script>",
        "a <img src=x onerror=alert(1)> b",
        "<svg/onload=alert(1)>\n\n<!-- open\n\ncomment",
        "[a](javascript:alert(1)) [b](JaVaScRiPt:alert(1)) [c](&#106;avascript:alert(1)) [d](java\nscript:x)",
        "[a](data:text/html,<script>1</script>) [b](vbscript:x) [c](file:///etc/passwd) [d](//evil.test)",
        "[a](https://a.test/\"onmouseover=\"x) [b](<https://a.test/ ' onclick=x>)",
        "![a\" onload=\"x](https://a.test/x.png) ![](javascript:x) ![[n](https://a.test)](https://b.test)",
        "[![badge](https://a.test/i.svg)](https://b.test) [a [b](https://a.test) c](https://b.test)",
        "<https://a.test/\u{202E}x> <javascript:alert(1)> <a@b.test> https://a.test/<script>",
        "[https://good.test](https://evil.test) [good.com](https://good.com@evil.test) [x](mailto:a@b.test)",
        "[a]: javascript:x\n\n[a] [b]\n\n[b]: https://b.test 'x'\n",
        "```rust\" onload=\"x\nfn a() {}\n```\n",
        "~~~~\n~~~\n```\n~~~~\n",
        "```\nopen",
        "   ```js\n   let a;\n     b\n  ```  \nafter",
        "- a\n\n  ```py\n  x = 1\n\n  y\n  ```\n- b\n",
        "> ```\n> a\nb\n\n    indented\n\tcode\n",
        "| a | b |\n|---|:-:|\n| <b> | `|` |\n| x |\n\ntext",
        "a\n-\nb\n=\nc\n- \n1. x\n2) y\n***\n",
        "a\r\rb\r\n```\rx\r```\ry\r",
        "*a **b _c ~~d~~ ~e~ `f [g ![h <i &j; \\",
        "&#x202E; &#0; &#x200B; &lt;script&gt; &NotEqualTilde;",
        "\u{FEFF}# a\u{200B}b\n\0\u{1b}[31m",
        "- [x] done\n- [ ] not\n  1. [x] nested\n7. seven",
        "- a\n* b\n+ c\n\n\n- d\n\n e\n",
        "text ~/a:~/b and ~x~ and ~~y~~",
        "<div>\n\n*text*\n\n</div>\n<pre>\n\n\n```\n</pre>\n",
        "\u{1b}[31mred\u{1b}[0m\rover\u{8}\u{8}\u{1b}[K\u{1b}]0;title\u{7}\u{1b}]8;;javascript:x\u{1b}\\link",
        "\u{1b}[38;2;1;2;3;48;5;200;7mx\u{1b}[38:2::9:9:9m\u{1b}[999999999C\u{1b}[38;5my\u{1b}[",
        "\u{1b}P$q\u{1b}\\\u{9b}31m\u{1b}[?25l\u{1b}[2J\u{1b}[10A\u{1b}Mend",
        "@@ -1 +1 @@\n-<b>\n+\u{202E}\n\\ No newline at end of file\n\n\nMoved to: <x>",
        "@@\n@@ -0,0 +1 @@\n+\n",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.extend([
        ">".repeat(2_000),
        "- ".repeat(1_000),
        "[".repeat(5_000),
        "![".repeat(3_000) + "a",
        "[a](".repeat(2_000),
        "*a ".repeat(3_000),
        "**a*_".repeat(2_000),
        "`".repeat(3_000) + "a",
        (1..200).map(|n| "`".repeat(n) + " ").collect(),
        "<a ".repeat(3_000),
        "<!--".repeat(2_000),
        "|".repeat(2_000) + "\n" + &"|-".repeat(2_000),
        "\\".repeat(4_001),
        "&".repeat(4_000),
        "a\u{300}".repeat(3_000),
        "```\n".repeat(301),
        format!("```js\n{}\n```", "a(".repeat(3_000)),
        format!("```rust\n{}```\n", "/*\n".repeat(300)),
        format!("```html\n{}\n```\n", "<script>\"".repeat(80)),
        "x".repeat(20_000),
        "word *em* ".repeat(3_000),
        "- item `code`\n".repeat(1_500),
        "\u{1b}[".repeat(2_000),
        "\u{1b}]".repeat(2_000),
        "\t\r\u{8}".repeat(2_000),
    ]);
    texts
}
