//! Prometheus' escaping of label names that a path cannot hold: `U__a_2e_b__c` for `a.b_c`.

/// Most hexadecimal digits of a character.
const MAX_DIGITS: usize = 6;

/// The name that was escaped. One that is not escaped, or not the way it has to be, is taken as it is.
pub(super) fn unescape_label_name(name: &str) -> String {
    let unescaped = name.strip_prefix("U__").and_then(unescape);
    unescaped.unwrap_or_else(|| name.to_owned())
}

/// `__` is an underscore, digits between underscores the character with that number.
fn unescape(escaped: &str) -> Option<String> {
    let mut name = String::new();
    let mut rest = escaped;
    while let Some(at) = rest.find('_') {
        name.push_str(&rest[..at]);
        let (code, after) = rest[at + 1..].split_once('_')?;
        if code.is_empty() {
            name.push('_');
        } else {
            name.push(character(code)?);
        }
        rest = after;
    }
    Some(name + rest)
}

fn character(code: &str) -> Option<char> {
    let is_code = code.len() <= MAX_DIGITS && code.bytes().all(|byte| byte.is_ascii_hexdigit());
    u32::from_str_radix(code, 16).ok().filter(|_| is_code).and_then(char::from_u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_names_come_back() {
        assert_eq!(unescape_label_name("U__my_2e_label__x"), "my.label_x");
        assert_eq!(unescape_label_name("U__"), "");
        assert_eq!(unescape_label_name("plain__name"), "plain__name");
    }

    #[test]
    fn faulty_escapes_keep_the_name() {
        for name in ["U__a_", "U__a_zz_", "U__a_2e", "U__a_1234567_", "U__a_d800_", "U__a_+1_"] {
            assert_eq!(unescape_label_name(name), name);
        }
    }
}
