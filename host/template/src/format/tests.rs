//! Expected texts were printed by Go 1.26's `fmt`.

use std::sync::Arc;

use super::*;
use crate::value::{ANY_MAP, Map, STRING_LIST};

fn f(format: &str, args: &[Value]) -> String {
    sprintf(format, args).unwrap()
}

#[test]
fn numbers() {
    let cases: [(&str, Value, &str); 20] = [
        ("%d|", Value::int(42), "42|"),
        ("%05d|", Value::int(-42), "-0042|"),
        ("%-5d|", Value::int(42), "42   |"),
        ("%+d|", Value::int(42), "+42|"),
        ("%x|", Value::int(255), "ff|"),
        ("%#x|", Value::int(255), "0xff|"),
        ("%08.3f|", Value::Float(-3.2468), "-003.247|"),
        ("%6.1f|", Value::Float(2.0), "   2.0|"),
        ("%e|", Value::Float(1234.5), "1.234500e+03|"),
        ("%G|", Value::Float(1e-7), "1E-07|"),
        ("%v|", Value::Float(1e21), "1e+21|"),
        ("%v|", Value::Float(f64::INFINITY), "+Inf|"),
        ("%6.2f|", Value::Float(f64::NAN), "   NaN|"),
        ("%+.1f|", Value::Float(1.0), "+1.0|"),
        ("%#v|", Value::Float(1.0), "1|"),
        ("%#g|", Value::Float(1.0), "1.00000|"),
        ("%c|", Value::int(97), "a|"),
        ("%q|", Value::int(97), "'a'|"),
        ("%U|", Value::int(233), "U+00E9|"),
        ("%b|", Value::Float(1.0), "4503599627370496p-52|"),
    ];
    for (format, value, text) in cases {
        assert_eq!(f(format, &[value]), text, "{format}");
    }
}

#[test]
fn texts() {
    let text = || [Value::text("héllo")];
    assert_eq!(f("%10s|%-7s|%.2s|", &[text(), text(), text()].concat()), "     héllo|héllo  |hé|");
    assert_eq!(
        f("%q %x % X", &[text(), text(), text()].concat()),
        "\"héllo\" 68c3a96c6c6f 68 C3 A9 6C 6C 6F"
    );
    assert_eq!(f("%#q", &text()), "`héllo`");
}

#[test]
fn mistakes_are_marked() {
    assert_eq!(f("%d", &[Value::text("x")]), "%!d(string=x)");
    assert_eq!(f("%d", &[Value::Float(2.5)]), "%!d(float64=2.5)");
    assert_eq!(f("%d", &[]), "%!d(MISSING)");
    assert_eq!(f("x", &[Value::int(1), Value::Nil]), "x%!(EXTRA int=1, <nil>)");
    assert_eq!(f("%", &[]), "%!(NOVERB)");
    assert_eq!(f("%[3]d", &[Value::int(1)]), "%!d(BADINDEX)");
    assert_eq!(f("%*d", &[Value::text("a"), Value::int(1)]), "%!(BADWIDTH)1");
    assert_eq!(f("%s", &[Value::Nil]), "%!s(<nil>)");
    assert_eq!(f("%!", &[Value::int(1)]), "%!!(int=1)");
}

#[test]
fn composites() {
    let list = Value::list(&STRING_LIST, vec![Value::text("a"), Value::text("b")]);
    let map = Value::Map(Map::new(&ANY_MAP, vec![("k".into(), Value::int(1)), ("a".into(), Value::Nil)]));
    assert_eq!(
        f("%v %q %#v", &[list.clone(), list.clone(), list]),
        "[a b] [\"a\" \"b\"] []string{\"a\", \"b\"}"
    );
    assert_eq!(f("%v", std::slice::from_ref(&map)), "map[a:<nil> k:1]");
    assert_eq!(
        f("%s", &[map]),
        "map[%!s(string=a):<nil> %!s(string=k):%!s(int=1)]"
            .replace("%!s(string=a)", "a")
            .replace("%!s(string=k)", "k")
    );
    assert_eq!(f("%v", &[Value::list(&STRING_LIST, Vec::new())]), "[]");
}

#[test]
fn argument_indexes_and_stars() {
    let args = [Value::int(1), Value::text("b")];
    assert_eq!(f("%[2]v %[1]v", &args), "b 1");
    assert_eq!(f("%*d|%-*d|", &[Value::int(4), Value::int(7), Value::int(3), Value::int(8)]), "   7|8  |");
    assert_eq!(f("%.*f", &[Value::int(1), Value::Float(2.25)]), "2.2");
}

#[test]
fn print_parts_operands_unless_one_is_a_text() {
    let args = [Value::int(1), Value::int(2), Value::text("a"), Value::int(3)];
    assert_eq!(sprint(&args).unwrap(), "1 2a3");
    assert_eq!(sprintln(&args).unwrap(), "1 2 a 3\n");
}

#[test]
fn endless_texts_are_an_error() {
    assert!(sprintf("%1000000d", &[Value::int(1)]).is_err());
    assert!(sprintf("%.70000f", &[Value::Float(0.1)]).is_ok());
}

#[test]
fn rare_verbs_and_flags() {
    let list = Value::list(&STRING_LIST, vec![Value::text("a")]);
    assert_eq!(f("%w", std::slice::from_ref(&list)), "%!w([]string=[a])");
    assert_eq!(f("%#w", &[Value::text("a")]), "%!w(string=\"a\")");
    assert_eq!(f("%#O %O %#.3O", &[Value::int(8), Value::int(8), Value::int(8)]), "0o010 0o10 0o010");
    let inside = Value::list(&STRING_LIST, vec![Value::Pointer(Arc::new(list))]);
    assert_eq!(f("%E", &[inside]), "[%!E(*[]string=&[a])]");
}
