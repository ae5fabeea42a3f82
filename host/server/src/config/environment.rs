//! `${VAR}`, `${VAR:-default}` and `${file:path}` in configuration files.
//!
//! Works on the text before it is YAML, line by line, so that places in later errors stay true. Comment lines are left
//! alone, and so is everything that is no name, such as the `${1}` of a replacement; `$${` stands for `${`.

use bellwether_model::yaml::YamlError;

use super::secrets::Replaced;

/// Where values come from: the process environment and files, or made-up ones in tests.
pub trait Values {
    /// Value of an environment variable.
    fn variable(&self, name: &str) -> Option<String>;
    /// Contents of a file without its final newline, or why it cannot be read.
    fn file(&self, path: &str) -> Result<String, String>;
}

/// Replaces all references in a file's text, and tells what was replaced. `file` is only for messages.
pub fn expand(file: &str, text: &str, values: &dyn Values) -> Result<(String, Vec<Replaced>), YamlError> {
    let mut expanded = String::with_capacity(text.len());
    let mut replaced = Vec::new();
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if line.trim_start().starts_with('#') {
            expanded.push_str(line);
            continue;
        }
        let line =
            expand_line(line, values, &mut replaced).map_err(|problem| problem.at(file, text, index))?;
        expanded.push_str(&line);
    }
    Ok((expanded, replaced))
}

struct Problem {
    column: usize,
    message: String,
    hint: String,
}

impl Problem {
    fn at(self, file: &str, text: &str, line_index: usize) -> YamlError {
        YamlError {
            line: line_index as u64 + 1,
            column: self.column as u64 + 1,
            excerpt: text.lines().nth(line_index).map(str::to_owned),
            hint: Some(self.hint),
            ..YamlError::of_file(file, self.message)
        }
    }
}

fn expand_line(line: &str, values: &dyn Values, replaced: &mut Vec<Replaced>) -> Result<String, Problem> {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("${") {
        let (before, reference) = rest.split_at(at);
        if let Some(kept) = before.strip_suffix('$') {
            out.push_str(kept);
            out.push_str("${");
            rest = &reference[2..];
            continue;
        }
        out.push_str(before);
        let column = line.len() - reference.len();
        let Some(end) = reference.find('}') else {
            out.push_str(reference);
            return Ok(out);
        };
        let inner = &reference[2..end];
        match lookup(inner, values) {
            Some(Ok(value)) => {
                out.push_str(&value);
                replaced.push(Replaced { reference: reference[..=end].to_owned(), value });
            }
            Some(Err((message, hint))) => {
                return Err(Problem { column, message, hint });
            }
            None => out.push_str(&reference[..=end]),
        }
        rest = &reference[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

/// None: this is no reference of ours.
fn lookup(inner: &str, values: &dyn Values) -> Option<Result<String, (String, String)>> {
    if let Some(path) = inner.strip_prefix("file:") {
        let read = values.file(path);
        return Some(read.map_err(|cause| {
            (format!("cannot read {path}: {cause}"), "create the file or correct its path".to_owned())
        }));
    }
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    if !bellwether_model::labels::is_classic_label_name(name) {
        return None;
    }
    let value = values.variable(name).filter(|value| !value.is_empty() || default.is_none());
    Some(value.or_else(|| default.map(str::to_owned)).ok_or_else(|| {
        let hint = format!("export {name}=… before the start, or write ${{{name}:-default}}");
        (format!("environment variable {name} is not set"), hint)
    }))
}

/// The environment of this process; files are relative to a folder.
#[derive(Debug)]
pub struct ProcessValues<'a> {
    /// The folder of the configuration file.
    pub folder: &'a std::path::Path,
}

impl Values for ProcessValues<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, path: &str) -> Result<String, String> {
        let contents = std::fs::read_to_string(self.folder.join(path)).map_err(|error| error.to_string())?;
        Ok(contents.trim_end_matches(['\n', '\r']).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Values for Fixed {
        fn variable(&self, name: &str) -> Option<String> {
            (name == "URL").then(|| "https://hooks.example/x".to_owned())
        }
        fn file(&self, path: &str) -> Result<String, String> {
            if path == "pw" { Ok("s3cret".to_owned()) } else { Err("no such file".to_owned()) }
        }
    }

    #[test]
    fn replaces_variables_defaults_and_files() {
        let text = "a: ${URL}\nb: ${NONE:-x}${URL:-y}\nc: '${file:pw}'\n";
        let (expanded, replaced) = expand("c.yml", text, &Fixed).unwrap();
        assert_eq!(replaced[0].reference, "${URL}");
        assert_eq!(expanded, "a: https://hooks.example/x\nb: xhttps://hooks.example/x\nc: 's3cret'\n");
    }

    #[test]
    fn leaves_comments_escapes_and_capture_groups_alone() {
        let text = "# ${NONE}\nr: ${1}-$$ $${URL} {{ $value }}\n";
        assert_eq!(expand("c.yml", text, &Fixed).unwrap().0, "# ${NONE}\nr: ${1}-$$ ${URL} {{ $value }}\n");
    }

    #[test]
    fn unset_variable_is_named_with_its_place() {
        let error = expand("c.yml", "a: 1\nb: x ${SLACK}\n", &Fixed).unwrap_err();
        assert_eq!((error.line, error.column), (2, 6));
        assert!(error.message.contains("SLACK is not set"), "{error}");
        assert!(expand("c.yml", "a: ${file:nope}\n", &Fixed).unwrap_err().message.contains("nope"));
    }
}
