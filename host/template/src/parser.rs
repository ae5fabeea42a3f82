//! Builds the tree of a template from its tokens, with the checks and the messages of Go's parser.
//!
//! Functions are looked up here, once, so that executing never compares names. Variables are checked for being declared.

mod pipeline;

use std::collections::HashMap;
use std::sync::Arc;

use crate::ast::{Branch, Node, Nodes, Source, TemplateCall, TemplateSet, Tree};
use crate::error::TemplateError;
use crate::functions::Dialect;
use crate::lexer::{self, Keyword, Token, TokenKind};

/// How deep control structures and parentheses may nest; nobody writes more, and the parser and the evaluator recurse.
pub const MAX_NESTING: usize = 100;
/// How long a template's text may be, in bytes; far more than any notification can hold.
pub const MAX_TEXT_BYTES: usize = 1 << 20;

/// Parses `text` as the template `name`; the set holds it and all that it defines.
pub(crate) fn parse(name: &str, text: &str, dialect: Dialect) -> Result<TemplateSet, TemplateError> {
    let source = Arc::new(Source { name: name.to_owned(), text: text.to_owned() });
    let too_long = text.len() > MAX_TEXT_BYTES;
    let tokens = if too_long { Vec::new() } else { lexer::tokens(&source.text) };
    let mut parser = Parser {
        source: Arc::clone(&source),
        dialect,
        tokens: &tokens,
        next: 0,
        variables: vec!["$".into()],
        range_depth: 0,
        nesting: 0,
        defined: HashMap::new(),
    };
    if too_long {
        return Err(parser.error(format!("template is longer than {MAX_TEXT_BYTES} bytes")));
    }
    parser.main()?;
    Ok(TemplateSet { templates: parser.defined })
}

type Result<T, E = TemplateError> = std::result::Result<T, E>;

struct Parser<'a> {
    source: Arc<Source>,
    dialect: Dialect,
    /// Ends in `End` or `Error`.
    tokens: &'a [Token<'a>],
    next: usize,
    variables: Vec<Arc<str>>,
    range_depth: usize,
    nesting: usize,
    defined: HashMap<Arc<str>, Arc<Tree>>,
}

/// What ends a list of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ListEnd {
    End,
    Else,
}

/// A node, or the word that ends the list it would stand in.
enum Item {
    Node(Option<Node>),
    Ends(ListEnd),
}

impl<'a> Parser<'a> {
    fn error(&self, reason: impl Into<String>) -> TemplateError {
        let position = self.tokens.get(self.next.saturating_sub(1)).map_or(0, |token| token.position);
        let line = 1 + self.source.text.as_bytes()[..position].iter().filter(|&&byte| byte == b'\n').count();
        TemplateError::Parse { name: self.source.name.clone(), line, reason: reason.into() }
    }

    /// The next token; stays at the last one.
    fn peek(&self) -> &'a Token<'a> {
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn advance(&mut self) -> &'a Token<'a> {
        let token = self.peek();
        self.next += 1;
        token
    }

    fn skip_space(&mut self) {
        while self.peek().kind == TokenKind::Space {
            self.next += 1;
        }
    }

    fn peek_non_space(&mut self) -> &'a Token<'a> {
        self.skip_space();
        self.peek()
    }

    fn advance_non_space(&mut self) -> &'a Token<'a> {
        self.skip_space();
        self.advance()
    }

    fn expect(&mut self, kind: &TokenKind, context: &str) -> Result<&'a Token<'a>> {
        let token = self.advance_non_space();
        if token.kind == *kind { Ok(token) } else { Err(self.unexpected(token, context)) }
    }

    fn unexpected(&self, token: &Token<'_>, context: &str) -> TemplateError {
        match &token.kind {
            TokenKind::Error(message) => self.error(message.clone()),
            TokenKind::End => self.error("unexpected EOF"),
            TokenKind::Keyword(_) => self.error(format!("unexpected <{}> in {context}", token.text)),
            _ => self.error(format!("unexpected {:?} in {context}", token.text)),
        }
    }

    fn main(&mut self) -> Result<()> {
        let mut root = Nodes::new();
        loop {
            if self.peek().kind == TokenKind::End {
                break;
            }
            if self.definition_ahead() {
                self.definition()?;
                continue;
            }
            match self.text_or_action()? {
                Item::Node(node) => root.extend(node),
                Item::Ends(end) => {
                    let word = if end == ListEnd::End { "end" } else { "else" };
                    return Err(self.error(format!("unexpected {{{{{word}}}}}")));
                }
            }
        }
        let name: Arc<str> = self.source.name.as_str().into();
        self.add(name, root)
    }

    /// Whether `{{ define` comes next; takes these tokens.
    fn definition_ahead(&mut self) -> bool {
        let start = self.next;
        if self.peek().kind == TokenKind::LeftDelim {
            self.advance();
            if self.advance_non_space().kind == TokenKind::Keyword(Keyword::Define) {
                return true;
            }
        }
        self.next = start;
        false
    }

    fn definition(&mut self) -> Result<()> {
        let name = self.template_name("define clause")?;
        self.expect(&TokenKind::RightDelim, "define clause")?;
        let variables = std::mem::replace(&mut self.variables, vec!["$".into()]);
        let (body, end) = self.list()?;
        if end == ListEnd::Else {
            return Err(self.error("unexpected {{else}} in define clause"));
        }
        self.variables = variables;
        self.add(name, body)
    }

    fn template_name(&mut self, context: &str) -> Result<Arc<str>> {
        let token = self.advance_non_space();
        match token.kind {
            TokenKind::String | TokenKind::RawString => Ok(self.unquote(token)?.into()),
            _ => Err(self.unexpected(token, context)),
        }
    }

    fn add(&mut self, name: Arc<str>, root: Nodes) -> Result<()> {
        let tree = Tree { name: Arc::clone(&name), source: Arc::clone(&self.source), root };
        match self.defined.get(&name) {
            Some(old) if !old.is_empty() => {
                if !tree.is_empty() {
                    return Err(self.error(format!("template: multiple definition of template {name:?}")));
                }
            }
            _ => drop(self.defined.insert(name, Arc::new(tree))),
        }
        Ok(())
    }

    /// Nodes up to the `{{ end }}` or `{{ else }}` that closes them.
    fn list(&mut self) -> Result<(Nodes, ListEnd)> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(self.error(format!("nested deeper than {MAX_NESTING} levels")));
        }
        let mut nodes = Nodes::new();
        loop {
            if self.peek_non_space().kind == TokenKind::End {
                self.advance();
                return Err(self.error("unexpected EOF"));
            }
            match self.text_or_action()? {
                Item::Node(node) => nodes.extend(node),
                Item::Ends(end) => {
                    self.nesting -= 1;
                    return Ok((nodes, end));
                }
            }
        }
    }

    fn text_or_action(&mut self) -> Result<Item> {
        let token = self.advance_non_space();
        match &token.kind {
            TokenKind::Text => Ok(Item::Node(Some(Node::Text { text: token.text.to_owned() }))),
            TokenKind::LeftDelim => self.action(),
            _ => Err(self.unexpected(token, "input")),
        }
    }

    fn action(&mut self) -> Result<Item> {
        let token = self.advance_non_space();
        let TokenKind::Keyword(keyword) = token.kind else {
            self.next -= 1;
            let pipe = self.pipeline("command", &TokenKind::RightDelim)?;
            return Ok(Item::Node(Some(Node::Action(pipe))));
        };
        let node = match keyword {
            Keyword::If => Node::If(self.branch("if")?),
            Keyword::With => Node::With(self.branch("with")?),
            Keyword::Range => Node::Range(self.branch("range")?),
            Keyword::Template => self.template_call()?,
            Keyword::Block => self.block()?,
            Keyword::Break => self.loop_control("break", Node::Break)?,
            Keyword::Continue => self.loop_control("continue", Node::Continue)?,
            Keyword::End => {
                self.expect(&TokenKind::RightDelim, "end")?;
                return Ok(Item::Ends(ListEnd::End));
            }
            Keyword::Else => return self.otherwise(),
            Keyword::Define => return Err(self.unexpected(token, "command")),
            Keyword::Nil => {
                self.next -= 1;
                Node::Action(self.pipeline("command", &TokenKind::RightDelim)?)
            }
        };
        Ok(Item::Node(Some(node)))
    }

    /// After `{{ else`: leaves an `if` or `with` that follows to the branch.
    fn otherwise(&mut self) -> Result<Item> {
        let next = self.peek_non_space();
        if !matches!(next.kind, TokenKind::Keyword(Keyword::If | Keyword::With)) {
            self.expect(&TokenKind::RightDelim, "else")?;
        }
        Ok(Item::Ends(ListEnd::Else))
    }

    fn branch(&mut self, context: &str) -> Result<Branch> {
        let declared = self.variables.len();
        let branch = self.branch_body(context)?;
        self.variables.truncate(declared);
        Ok(branch)
    }

    fn branch_body(&mut self, context: &str) -> Result<Branch> {
        let pipe = self.pipeline(context, &TokenKind::RightDelim)?;
        let loops = usize::from(context == "range");
        self.range_depth += loops;
        let (body, end) = self.list()?;
        self.range_depth -= loops;
        let otherwise = match end {
            ListEnd::End => Nodes::new(),
            ListEnd::Else => self.else_body(context)?,
        };
        Ok(Branch { pipe, body, otherwise })
    }

    /// After `{{ else` or `{{ else }}` of a branch.
    fn else_body(&mut self, context: &str) -> Result<Nodes> {
        let next = self.peek();
        let chained = match next.kind {
            TokenKind::Keyword(Keyword::If) if context == "if" => Node::If(self.else_branch("if")?),
            TokenKind::Keyword(Keyword::With) if context == "with" => Node::With(self.else_branch("with")?),
            TokenKind::Keyword(_) => return Err(self.unexpected(next, "else")),
            _ => {
                let (body, end) = self.list()?;
                if end == ListEnd::Else {
                    return Err(self.error("expected end; found {{else}}"));
                }
                return Ok(body);
            }
        };
        Ok(vec![chained])
    }

    /// `{{ else if … }}`: shares the `{{ end }}` of the first branch.
    fn else_branch(&mut self, context: &str) -> Result<Branch> {
        self.nesting += 1;
        self.advance();
        let branch = self.branch(context)?;
        self.nesting -= 1;
        Ok(branch)
    }

    fn template_call(&mut self) -> Result<Node> {
        let position = self.peek_non_space().position;
        let name = self.template_name("template clause")?;
        let data = if self.peek_non_space().kind == TokenKind::RightDelim {
            self.advance();
            None
        } else {
            Some(self.pipeline("template clause", &TokenKind::RightDelim)?)
        };
        Ok(Node::Template(TemplateCall { position, name, data }))
    }

    fn block(&mut self) -> Result<Node> {
        let position = self.peek_non_space().position;
        let name = self.template_name("block clause")?;
        let data = Some(self.pipeline("block clause", &TokenKind::RightDelim)?);
        let variables = std::mem::replace(&mut self.variables, vec!["$".into()]);
        let range_depth = std::mem::take(&mut self.range_depth);
        let (body, end) = self.list()?;
        if end == ListEnd::Else {
            return Err(self.error("unexpected {{else}} in block clause"));
        }
        self.variables = variables;
        self.range_depth = range_depth;
        self.add(Arc::clone(&name), body)?;
        Ok(Node::Template(TemplateCall { position, name, data }))
    }

    fn loop_control(&mut self, word: &str, node: Node) -> Result<Node> {
        let token = self.advance_non_space();
        if token.kind != TokenKind::RightDelim {
            return Err(self.unexpected(token, &format!("{{{{{word}}}}}")));
        }
        if self.range_depth == 0 {
            return Err(self.error(format!("{{{{{word}}}}} outside {{{{range}}}}")));
        }
        Ok(node)
    }
}
