//! Output as HTML: follows the markup that a template writes, and escapes each value for the place where it lands.
//!
//! Go's `html/template` decides this when it parses; here the writer decides when it writes, from the same rules: text,
//! attributes, addresses, scripts and styles each have their own escaping. Inside scripts only strings and plain values
//! are told apart; comments of HTML are dropped, as in Go.

mod escape;

use crate::ast::{Branch, ExprKind, Node, Pipe, TemplateSet, Tree};
use crate::error::{Location, TemplateError};
use crate::value::{Markup, Value};

/// Where in the markup the writer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    Comment,
    TagName,
    /// Between attributes.
    Tag,
    AttributeName,
    /// After `=`.
    BeforeValue,
    Attribute {
        /// None without quotes.
        quote: Option<char>,
        kind: Kind,
    },
    /// In an element whose content is no markup.
    Raw(Kind),
}

/// What kind of text stands in an attribute or a raw element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Url,
    Style,
    /// The quote of the string that is open in the script.
    Script(Option<char>),
}

/// What a template has already escaped a value for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Escaped {
    /// Nothing.
    No,
    /// Text of HTML, by `html`.
    Html,
    /// The query of an address, by `urlquery`.
    Query,
}

/// Writes literal text as it is and values escaped.
#[derive(Debug)]
pub(crate) struct HtmlWriter {
    out: String,
    state: State,
    /// Name of the element whose tag is or was last open, in lower case.
    element: String,
    /// Name of the attribute under way, in lower case.
    attribute: String,
    /// Where the attribute's value begins in the output.
    value_start: usize,
    /// The last character was a backslash, inside a script's string.
    escaped: bool,
}

impl HtmlWriter {
    pub(crate) const fn new() -> Self {
        Self {
            out: String::new(),
            state: State::Text,
            element: String::new(),
            attribute: String::new(),
            value_start: 0,
            escaped: false,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.out.len()
    }

    pub(crate) fn into_text(self) -> String {
        self.out
    }

    /// Writes text of the template itself.
    pub(crate) fn literal(&mut self, text: &str) {
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            rest = match self.state {
                State::Text => self.in_text(rest),
                State::Comment => match rest.find("-->") {
                    Some(at) => {
                        self.state = State::Text;
                        &rest[at + 3..]
                    }
                    None => "",
                },
                State::Raw(kind) => self.in_raw(rest, kind),
                State::TagName | State::Tag | State::AttributeName | State::BeforeValue => {
                    self.in_tag(c, rest)
                }
                State::Attribute { quote, kind } => self.in_attribute(c, rest, quote, kind),
            };
        }
    }

    fn in_text<'t>(&mut self, rest: &'t str) -> &'t str {
        let at = rest.find('<').unwrap_or(rest.len());
        self.out.push_str(&rest[..at]);
        let Some(tag) = rest[at..].strip_prefix('<') else {
            return "";
        };
        if let Some(comment) = tag.strip_prefix("!--") {
            self.state = State::Comment;
            return comment;
        }
        let name = tag.strip_prefix('/').unwrap_or(tag);
        if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            self.out.push('<');
            self.state = State::TagName;
            self.element.clear();
        } else {
            self.out.push_str(if tag.starts_with('!') { "<" } else { "&lt;" });
        }
        tag
    }

    fn in_tag<'t>(&mut self, c: char, rest: &'t str) -> &'t str {
        let after = &rest[c.len_utf8()..];
        let opens_value = self.state == State::BeforeValue && !c.is_whitespace() && c != '>';
        if opens_value {
            let quote = Some(c).filter(|c| matches!(c, '"' | '\''));
            self.state = State::Attribute { quote, kind: self.attribute_kind() };
            let rest = if quote.is_some() { after } else { rest };
            self.out.extend(quote);
            self.value_start = self.out.len();
            return rest;
        }
        self.out.push(c);
        match (self.state, c) {
            (_, '>') => self.close_tag(),
            (State::TagName, c) if c.is_whitespace() => self.state = State::Tag,
            (State::TagName, c) => self.element.extend(c.to_lowercase()),
            (State::Tag | State::AttributeName, '=') => self.state = State::BeforeValue,
            (State::Tag, c) if !c.is_whitespace() && c != '/' => {
                self.state = State::AttributeName;
                self.attribute = c.to_lowercase().collect();
            }
            (State::AttributeName, c) if c.is_whitespace() => self.state = State::Tag,
            (State::AttributeName, c) => self.attribute.extend(c.to_lowercase()),
            _ => {}
        }
        after
    }

    fn attribute_kind(&self) -> Kind {
        let name = self.attribute.strip_prefix("data-").unwrap_or(&self.attribute);
        match name {
            "action" | "background" | "cite" | "data" | "formaction" | "href" | "longdesc" | "manifest"
            | "ping" | "poster" | "src" | "usemap" | "xlink:href" | "srcset" => Kind::Url,
            "style" => Kind::Style,
            name if name.starts_with("on") => Kind::Script(None),
            _ => Kind::Plain,
        }
    }

    fn close_tag(&mut self) {
        self.state = match self.element.as_str() {
            "script" => State::Raw(Kind::Script(None)),
            "style" => State::Raw(Kind::Style),
            "textarea" | "title" => State::Raw(Kind::Plain),
            _ => State::Text,
        };
    }

    /// Inside an element that only its own end tag closes.
    fn in_raw<'t>(&mut self, rest: &'t str, kind: Kind) -> &'t str {
        let closing = format!("</{}", self.element);
        let end = rest.char_indices().find(|&(at, _)| {
            rest.get(at..at + closing.len()).is_some_and(|t| t.eq_ignore_ascii_case(&closing))
        });
        let length = end.map_or(rest.len(), |(at, _)| at);
        if let Kind::Script(quote) = kind {
            let quote = self.follow_script(&rest[..length], quote);
            self.state = State::Raw(Kind::Script(quote));
        }
        self.out.push_str(&rest[..length]);
        if end.is_some() {
            self.state = State::Text;
        }
        &rest[length..]
    }

    /// The quote that is open after some script.
    fn follow_script(&mut self, script: &str, quote: Option<char>) -> Option<char> {
        script.chars().fold(quote, |quote, c| {
            if std::mem::take(&mut self.escaped) {
                return quote;
            }
            match (quote, c) {
                (Some(_), '\\') => {
                    self.escaped = true;
                    quote
                }
                (Some(open), c) if c == open => None,
                (None, '"' | '\'' | '`') => Some(c),
                _ => quote,
            }
        })
    }

    fn in_attribute<'t>(&mut self, c: char, rest: &'t str, quote: Option<char>, kind: Kind) -> &'t str {
        let after = &rest[c.len_utf8()..];
        let closes = quote.map_or_else(|| c.is_whitespace() || c == '>', |quote| c == quote);
        self.out.push(c);
        if closes && c == '>' {
            self.close_tag();
        } else if closes {
            self.state = State::Tag;
        } else if let Kind::Script(open) = kind {
            let open = self.follow_script(&rest[..c.len_utf8()], open);
            self.state = State::Attribute { quote, kind: Kind::Script(open) };
        }
        after
    }

    /// Writes a value of the data.
    pub(crate) fn value(&mut self, value: &Value, done: Escaped) -> Result<(), String> {
        if self.state == State::BeforeValue {
            self.state = State::Attribute { quote: None, kind: self.attribute_kind() };
            self.value_start = self.out.len();
        }
        let text = escape::text_of(value)?;
        let escaped = match self.state {
            State::Comment => String::new(),
            State::Text if markup_of(value) == Some(Markup::Html) => text,
            State::Text | State::Raw(Kind::Plain | Kind::Url) if done == Escaped::Html => text,
            State::Text | State::Raw(Kind::Plain | Kind::Url) => escape::text(&text),
            State::Raw(Kind::Script(quote)) => escape::script(value, &text, quote)?,
            State::Raw(Kind::Style) => escape::style(&text),
            State::TagName | State::Tag | State::AttributeName | State::BeforeValue => escape::name(&text),
            State::Attribute { quote, kind } => {
                // As Go, which escapes for the attribute where `html` stands at the end: after what comes before that.
                let is_early = done == Escaped::Html && quote.is_some() && kind != Kind::Plain;
                let text = if is_early { escape::before_html(&text) } else { text };
                let inner = self.attribute_value(value, text, kind, done)?;
                if quote.is_none() { escape::unquoted(&inner) } else { inner }
            }
        };
        self.out.push_str(&escaped);
        Ok(())
    }

    /// A value for an attribute in quotes.
    fn attribute_value(
        &self,
        value: &Value,
        text: String,
        kind: Kind,
        done: Escaped,
    ) -> Result<String, String> {
        let markup = markup_of(value);
        let inner = match kind {
            Kind::Url => {
                let before = &self.out[self.value_start..];
                let in_query = done == Escaped::Query && before.contains(['?', '#']);
                if in_query { text } else { escape::url(&text, markup == Some(Markup::Url), before) }
            }
            Kind::Script(open) => escape::script(value, &text, open)?,
            Kind::Style => escape::style(&text),
            Kind::Plain if done == Escaped::Html => return Ok(text),
            Kind::Plain if markup == Some(Markup::Html) => escape::without_tags(&text),
            Kind::Plain => text,
        };
        Ok(escape::text(&inner))
    }
}

fn markup_of(value: &Value) -> Option<Markup> {
    match value.indirect() {
        Value::Safe(_, markup) => Some(*markup),
        _ => None,
    }
}

/// What `html/template` refuses before it sees any data: calls of templates that do not exist, and escaping functions
/// that are not last in their pipeline.
pub(crate) fn check(set: &TemplateSet, name: &str) -> Result<(), TemplateError> {
    let mut seen: Vec<&str> = Vec::new();
    let mut waiting: Vec<&Tree> = set.templates.get(name).map(|tree| &**tree).into_iter().collect();
    while let Some(tree) = waiting.pop() {
        if seen.contains(&&*tree.name) {
            continue;
        }
        seen.push(&tree.name);
        Checker { set, tree, waiting: &mut waiting }.nodes(&tree.root)?;
    }
    Ok(())
}

struct Checker<'c, 's> {
    set: &'s TemplateSet,
    tree: &'s Tree,
    waiting: &'c mut Vec<&'s Tree>,
}

impl<'s> Checker<'_, 's> {
    fn nodes(&mut self, nodes: &'s [Node]) -> Result<(), TemplateError> {
        nodes.iter().try_for_each(|node| self.node(node))
    }

    fn node(&mut self, node: &'s Node) -> Result<(), TemplateError> {
        match node {
            Node::Text { .. } | Node::Break | Node::Continue => Ok(()),
            Node::Action(pipe) => self.action(pipe),
            Node::If(branch) | Node::Range(branch) | Node::With(branch) => {
                let Branch { body, otherwise, .. } = branch;
                self.nodes(body)?;
                self.nodes(otherwise)
            }
            Node::Template(call) => match self.set.templates.get(&call.name) {
                Some(tree) => {
                    self.waiting.push(tree);
                    Ok(())
                }
                None => Err(self.error(call.position, format!("no such template {:?}", call.name))),
            },
        }
    }

    fn action(&self, pipe: &Pipe) -> Result<(), TemplateError> {
        if !pipe.variables.is_empty() {
            return Ok(());
        }
        let but_last = pipe.commands.split_last().map_or(&[][..], |(_, before)| before);
        for command in but_last {
            if let ExprKind::Function(function) = &command.words[0].kind
                && matches!(function.name, "html" | "urlquery")
            {
                let reason = format!("predefined escaper {:?} disallowed in template", function.name);
                return Err(self.error(pipe.position, reason));
            }
        }
        Ok(())
    }

    fn error(&self, position: usize, reason: String) -> TemplateError {
        let source = &self.tree.source;
        TemplateError::Html { at: Location::find(&source.name, &source.text, position), reason }
    }
}

#[cfg(test)]
mod tests;
