//! What common inputs come out as.

use countersign_markup::{Markdown, Output};

fn markdown(text: &str) -> Vec<String> {
    let mut markdown = Markdown::new();
    markdown.append(text);
    markdown.finish();
    markdown.blocks().to_vec()
}

fn output(text: &str) -> String {
    let mut output = Output::new();
    output.append(text);
    let html = output.blocks().concat();
    html.replace("<pre class=\"output\"><samp>", "")
        .replace("</samp></pre>", "")
}

fn anchor(address: &str, text: &str) -> String {
    format!(
        "<a href=\"{address}\" target=\"_blank\" rel=\"noreferrer noopener\" title=\"{address}\">{text}</a>"
    )
}

#[test]
fn markdown_becomes_blocks() {
    for (text, blocks) in [
        (
            "# A\n## B\n#### C\n",
            vec!["<h3>A</h3>", "<h4>B</h4>", "<h6>C</h6>"],
        ),
        ("a\nb  \nc", vec!["<p>a\nb<br>c</p>"]),
        (
            "*a* **b** ~~c~~ ~d~ `e`",
            vec!["<p><em>a</em> <strong>b</strong> <del>c</del> ~d~ <code>e</code></p>"],
        ),
        ("in ~/a:~/b", vec!["<p>in ~/a:~/b</p>"]),
        (
            "- a\n- b\n\n3. c\n",
            vec![
                "<ul><li>a</li><li>b</li></ul>",
                "<ol start=\"3\"><li>c</li></ol>",
            ],
        ),
        (
            "> a\n\n---",
            vec!["<blockquote><p>a</p></blockquote>", "<hr>"],
        ),
        ("<b>x</b>", vec!["<p>&lt;b&gt;x&lt;/b&gt;</p>"]),
        (
            "<div>\n*x*\n</div>",
            vec!["<p class=\"raw\">&lt;div&gt;\n*x*\n&lt;/div&gt;</p>"],
        ),
        (
            "- [x] a",
            vec![
                "<ul><li><span class=\"task\" role=\"img\" aria-label=\"Done\">☑</span> a</li></ul>",
            ],
        ),
        (
            "|a|b|\n|-|-:|\n|1|2|\n",
            vec![
                "<div class=\"table\"><table><thead><tr><th>a</th><th class=\"right\">b</th></tr></thead>\
                 <tbody><tr><td>1</td><td class=\"right\">2</td></tr></tbody></table></div>",
            ],
        ),
        (
            "~~~text a\n<b>\n~~~",
            vec![
                "<div class=\"code\" data-language=\"text\"><pre><code>&lt;b&gt;\n</code></pre></div>",
            ],
        ),
        (
            "- a\n  ```rs\n  let\n  ```",
            vec![
                "<ul><li>a<div class=\"code\" data-language=\"rs\"><pre><code>\
                 <span class=\"hl-keyword\">let</span>\n</code></pre></div></li></ul>",
            ],
        ),
        (
            "    a\n      b",
            vec!["<div class=\"code\" data-language=\"\"><pre><code>a\n  b</code></pre></div>"],
        ),
        ("a\u{202E}b &#x202E;", vec!["<p>a⟨U+202E⟩b ⟨U+202E⟩</p>"]),
        (
            "a\r\nb\r\n\r\n```\r\nc\r\n```",
            vec![
                "<p>a\nb</p>",
                "<div class=\"code\" data-language=\"\"><pre><code>c\n</code></pre></div>",
            ],
        ),
    ] {
        assert_eq!(markdown(text), blocks, "{text:?}");
    }
}

#[test]
fn links_show_where_they_lead() {
    let a = "https://a.test/";
    for (text, html) in [
        ("[x](https://a.test/)", anchor(a, "x")),
        ("see https://a.test/.", format!("see {}.", anchor(a, a))),
        ("<https://a.test/>", anchor(a, a)),
        ("<b@a.test>", anchor("mailto:b@a.test", "b@a.test")),
        ("[x]\n\n[x]: https://a.test/", anchor(a, "x")),
        ("`https://a.test/`", format!("<code>{a}</code>")),
        ("[](https://a.test/)", anchor(a, a)),
        ("[https://a.test/b](https://a.test/)", anchor(a, "https://a.test/b")),
        (
            "[https://b.test](https://a.test/)",
            anchor(a, "https://b.test") + " <span class=\"target\">(https://a.test/)</span>",
        ),
        (
            "[good.com](https://a.test/)",
            anchor(a, "good.com") + " <span class=\"target\">(https://a.test/)</span>",
        ),
        ("[x](src/a.rs)", "<span class=\"target\" title=\"src/a.rs\">x</span>".to_owned()),
        ("[x](javascript:a)", "<span class=\"target\" title=\"javascript:a\">x</span>".to_owned()),
        ("![x](https://a.test/)", anchor(a, "x").replace("<a", "<a class=\"image\"")),
        ("[![x](https://b.test/)](https://a.test/)", anchor(a, "x")),
        (
            "[x](<https://a.test/\"é 'b>)",
            "<a href=\"https://a.test/%22%C3%A9%20%27b\" target=\"_blank\" rel=\"noreferrer noopener\" \
             title=\"https://a.test/&quot;é &#39;b\">x</a>"
                .to_owned(),
        ),
    ] {
        assert_eq!(markdown(text)[0], format!("<p>{html}</p>"), "{text:?}");
    }
}

#[test]
fn output_stands_as_in_a_terminal() {
    for (text, html) in [
        ("a <b>\r\nc\n", "a &lt;b&gt;\nc\n"),
        ("10 %\r20 %\r100", "100%"),
        ("10 %\r\u{1b}[K20", "20"),
        ("abc\u{8}\u{8}X", "aXc"),
        ("abc\u{1b}[2K\rx", "x"),
        ("abc\u{1b}[1Gx\u{1b}[2Cy", "xbcy"),
        ("a\u{1b}[3Cb", "a   b"),
        (
            "\u{1b}[31mred\u{1b}[0m no",
            "<span class=\"a-red\">red</span> no",
        ),
        (
            "\u{1b}[1;92;44mx",
            "<span class=\"a-bold a-bright-green a-on-blue\">x</span>",
        ),
        (
            "\u{1b}[7;31mx",
            "<span class=\"a-inverse a-on-red\">x</span>",
        ),
        ("\u{1b}[31;41mx", "<span class=\"a-red\">x</span>"),
        (
            "\u{1b}[38;5;208mx",
            "<span style=\"color:#ff8700\">x</span>",
        ),
        ("\u{1b}[38;5;9mx", "<span class=\"a-bright-red\">x</span>"),
        (
            "\u{1b}[38:2::1:2:3;1mx",
            "<span class=\"a-bold\" style=\"color:#010203\">x</span>",
        ),
        (
            "\u{1b}[48;2;1;2;3;38;5;250mx",
            "<span style=\"color:#bcbcbc;background-color:#010203\">x</span>",
        ),
        ("\u{1b}[38;2;1;2mx\u{1b}[38;5;999my", "xy"),
        ("\u{1b}[8mshown", "shown"),
        (
            "\u{1b}]0;title\u{7}a\u{1b}]8;;https://x\u{1b}\\b\u{1b}[?25l\u{1b}[2J\u{1b}(Bc",
            "abc",
        ),
        ("a\u{202E}\u{7}b\u{A0}c", "a⟨U+202E⟩b\u{A0}c"),
        ("\n\na", "\n\na"),
    ] {
        assert_eq!(output(text), html, "{text:?}");
        let mut split = Output::new();
        for c in text.chars() {
            split.append(c.encode_utf8(&mut [0; 4]));
        }
        let mut whole = Output::new();
        whole.append(text);
        assert_eq!(split.blocks(), whole.blocks(), "{text:?}");
    }
}

#[test]
fn output_is_cut_into_blocks() {
    let mut output = Output::new();
    for line in 0..200 {
        let changed = output.append(&format!("line {line}\n"));
        assert_eq!(changed, line / 64);
    }
    assert_eq!(output.blocks().len(), 4);
    output.replace(&"x".repeat(10_000));
    assert_eq!(output.blocks().concat().matches('\n').count(), 2);
}

#[test]
fn machines_go_from_thread_to_thread() {
    fn can<T: Send + 'static>() {}
    can::<Markdown>();
    can::<Output>();
}
