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
