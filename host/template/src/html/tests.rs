use super::*;

fn rendered(parts: &[(&str, Value)]) -> String {
    let mut writer = HtmlWriter::new();
    for (literal, value) in parts {
        writer.literal(literal);
        writer.value(value, Escaped::No).unwrap();
    }
    writer.into_text()
}

#[test]
fn values_are_escaped_for_where_they_stand() {
    let evil = || Value::text("<b a=\"1\">'");
    assert_eq!(rendered(&[("<p>", evil())]), "<p>&lt;b a=&#34;1&#34;&gt;&#39;");
    assert_eq!(rendered(&[("<p title=\"", Value::text("a\"b"))]), "<p title=\"a&#34;b");
    assert_eq!(rendered(&[("<p title=", Value::text("a b"))]), "<p title=a&#32;b");
    assert_eq!(
        rendered(&[("<script>let x = ", Value::text("</script>"))]),
        "<script>let x = \"\\u003c/script\\u003e\""
    );
    assert_eq!(rendered(&[("<script>f('", Value::text("it's"))]), "<script>f('it\\u0027s");
    assert_eq!(
        rendered(&[("<p style=\"color:", Value::text("red;x:expression(1)"))]),
        "<p style=\"color:ZgotmplZ"
    );
}

#[test]
fn addresses_lose_scripts_and_keep_their_form() {
    assert_eq!(rendered(&[("<a href=\"", Value::text("javascript:alert(1)"))]), "<a href=\"#ZgotmplZ");
    assert_eq!(
        rendered(&[("<a href=\"", Value::text("http://x/a b?c=d&e=f"))]),
        "<a href=\"http://x/a%20b?c=d&amp;e=f"
    );
    assert_eq!(rendered(&[("<a href=\"/x?y=", Value::text("a&b c"))]), "<a href=\"/x?y=a%26b%20c");
}

#[test]
fn stray_brackets_are_text_and_comments_vanish() {
    assert_eq!(rendered(&[("a < b <!-- c --> <", Value::int(3))]), "a &lt; b  &lt;3");
}

#[test]
fn safe_html_stays() {
    assert_eq!(rendered(&[("<p>", Value::Safe("<b>".into(), Markup::Html))]), "<p><b>");
}

#[test]
fn styles_keep_what_neither_ends_nor_begins_anything() {
    let in_style = |text| rendered(&[("<p style=\"width:", Value::text(text))]);
    assert_eq!(in_style("a=1, b: 2\n"), "<p style=\"width:a=1, b: 2\n");
    assert_eq!(in_style("1;color:red"), "<p style=\"width:ZgotmplZ");
    assert_eq!(in_style("a--b"), "<p style=\"width:ZgotmplZ");
}

#[test]
fn scripts_escape_braces_in_template_literals_only() {
    assert_eq!(rendered(&[("<script>f('", Value::text("${a}\u{c}"))]), "<script>f('${a}\\f");
    assert_eq!(rendered(&[("<script>f(`", Value::text("${a}"))]), "<script>f(`\\u0024\\u007ba\\u007d");
}

#[test]
fn html_at_the_end_of_a_pipeline_escapes_after_the_address() {
    let mut writer = HtmlWriter::new();
    writer.literal("<img src=\"");
    writer.value(&Value::text("a &lt;b&gt; &amp;c"), Escaped::Html).unwrap();
    assert_eq!(writer.into_text(), "<img src=\"a%20%3cb%3e%20&amp;c");
}
