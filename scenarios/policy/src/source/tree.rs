//! Text to a tree of values with positions. Built on the parser's events and not on its own tree,
//! which drops one of two equal keys, resolves aliases and recurses. Knows no key by name.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use super::{Mistakes, Wrong};

/// The largest file that is read. A scenario is a few KiB; the limit bounds what a mistaken path
/// costs, and a larger file is a mistake of its own.
pub const MAX_BYTES: usize = 1 << 20;

/// The deepest nesting that is read. The deepest key of any file read here is seven levels down.
pub const MAX_DEPTH: usize = 32;

/// A place in a file; both count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl Position {
    /// The beginning of a file.
    pub const START: Self = Self { line: 1, column: 1 };

    fn of(marker: &Marker) -> Self {
        Self { line: marker.line().max(1), column: marker.col() + 1 }
    }
}

/// One document of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// 1 for the file's first.
    pub number: usize,
    /// What it holds; nothing but comments is a null.
    pub root: Node,
}

/// A value and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it begins.
    pub at: Position,
    /// What it is.
    pub value: Value,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A single value.
    Scalar(Scalar),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in the order written, equal keys included.
    Map(Vec<Entry>),
    /// Something that is not accepted and has been reported already.
    Refused,
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// As written, without quotes.
    pub key: String,
    /// Where the key begins.
    pub key_at: Position,
    /// The value.
    pub value: Node,
}

/// A single value as written and as understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Scalar {
    /// As written, without quotes.
    pub text: String,
    /// By the core schema of YAML 1.2.
    pub kind: ScalarKind,
}

/// The type of a single value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ScalarKind {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// Anything else, and all that is quoted.
    Text,
}

/// The text of a file, or the mistake of its first byte that is not UTF-8.
pub fn utf8<'b>(bytes: &'b [u8], mistakes: &mut Mistakes) -> Option<&'b str> {
    if bytes.len() > MAX_BYTES {
        too_large(mistakes);
        return None;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) => {
            let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            let byte = bytes[error.valid_up_to()];
            let message = format!("expected text in UTF-8, found the byte 0x{byte:02x}");
            let help = Some("save the file as UTF-8".to_owned());
            mistakes.push(Position { line, column }, "", Wrong::Syntax(message), help);
            None
        }
    }
}

fn too_large(mistakes: &mut Mistakes) {
    let message = format!("expected a file of at most {MAX_BYTES} bytes, found a larger one");
    mistakes.push(Position::START, "", Wrong::Syntax(message), None);
}

/// The documents of a text. `None` when it can not be taken apart, in which case a mistake says
/// where and why; anchors, aliases and tags are mistakes too but leave the rest readable.
pub fn documents(text: &str, mistakes: &mut Mistakes) -> Option<Vec<Document>> {
    if text.len() > MAX_BYTES {
        too_large(mistakes);
        return None;
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parser = Parser::new_from_str(text);
    let mut builder = Builder { mistakes, open: Vec::new(), documents: Vec::new() };
    while let Some(event) = parser.next_event() {
        match event {
            Ok((event, span)) => builder.take(event, Position::of(&span.start))?,
            Err(error) => {
                let at = Position::of(error.marker());
                // The parser reads ahead, so its own limit can be met before the one here.
                if error.info().contains("recursion limit") {
                    builder.too_deep(at);
                    return None;
                }
                let message = format!("not valid YAML: {}", error.info());
                builder.mistakes.push(at, "", Wrong::Syntax(message), None);
                return None;
            }
        }
    }
    Some(builder.documents)
}

/// A collection that has begun and not ended.
enum Open {
    List { at: Position, items: Vec<Node> },
    Map { at: Position, entries: Vec<Entry>, key: Option<Key> },
}

/// A key that waits for its value; without a text it was refused, and its value goes with it.
struct Key {
    text: Option<String>,
    at: Position,
}

struct Builder<'m> {
    mistakes: &'m mut Mistakes,
    open: Vec<Open>,
    documents: Vec<Document>,
}

impl Builder<'_> {
    /// `None` stops the reading.
    fn take(&mut self, event: Event<'_>, at: Position) -> Option<()> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let accepted = self.plain_yaml(anchor, tag.is_some(), at);
                let value = if accepted {
                    Value::Scalar(scalar(text.into_owned(), style))
                } else {
                    Value::Refused
                };
                self.place(Node { at, value });
            }
            Event::Alias(_) => {
                self.refuse("aliases are not accepted", at);
                self.place(Node { at, value: Value::Refused });
            }
            Event::SequenceStart(anchor, tag) => {
                self.plain_yaml(anchor, tag.is_some(), at);
                self.begin(Open::List { at, items: Vec::new() }, at)?;
            }
            Event::MappingStart(anchor, tag) => {
                self.plain_yaml(anchor, tag.is_some(), at);
                self.begin(Open::Map { at, entries: Vec::new(), key: None }, at)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let node = match self.open.pop().expect("the parser ends what it began") {
                    Open::List { at, items } => Node { at, value: Value::List(items) },
                    Open::Map { at, entries, .. } => Node { at, value: Value::Map(entries) },
                };
                self.place(node);
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
        }
        Some(())
    }

    fn begin(&mut self, collection: Open, at: Position) -> Option<()> {
        if self.open.len() == MAX_DEPTH {
            self.too_deep(at);
            return None;
        }
        self.open.push(collection);
        Some(())
    }

    fn too_deep(&mut self, at: Position) {
        let message = format!("nested deeper than {MAX_DEPTH} levels");
        self.mistakes.push(at, "", Wrong::Syntax(message), None);
    }

    /// A value read in one place and meant in another makes a file say what it does not show;
    /// and a few nested aliases expand to any size.
    fn plain_yaml(&mut self, anchor: usize, tagged: bool, at: Position) -> bool {
        if anchor > 0 {
            self.refuse("anchors are not accepted", at);
        }
        if tagged {
            self.refuse("tags are not accepted", at);
        }
        // An anchor without its aliases changes nothing; a tag changes what a value is.
        !tagged
    }

    fn refuse(&mut self, message: &str, at: Position) {
        let help = Some("write the value out where it is meant".to_owned());
        self.mistakes.push(at, "", Wrong::Syntax(message.to_owned()), help);
    }

    fn place(&mut self, node: Node) {
        match self.open.last_mut() {
            None => {
                let number = self.documents.len() + 1;
                self.documents.push(Document { number, root: node });
            }
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, .. }) => match key.take() {
                Some(Key { text: Some(text), at }) => {
                    entries.push(Entry { key: text, key_at: at, value: node });
                }
                Some(Key { text: None, .. }) => {}
                None => *key = Some(key_of(node, self.mistakes)),
            },
        }
    }
}

fn key_of(node: Node, mistakes: &mut Mistakes) -> Key {
    let found = match node.value {
        Value::Scalar(Scalar { kind: ScalarKind::Null, .. }) => "nothing",
        Value::Scalar(scalar) => {
            return Key { text: Some(scalar.text), at: node.at };
        }
        Value::List(_) => "a list",
        Value::Map(_) => "a mapping",
        Value::Refused => {
            return Key { text: None, at: node.at };
        }
    };
    let wrong = Wrong::Expected { expected: "a key".to_owned(), found: found.to_owned() };
    mistakes.push(node.at, "", wrong, None);
    Key { text: None, at: node.at }
}

fn scalar(text: String, style: ScalarStyle) -> Scalar {
    let resolved = saphyr::Scalar::parse_from_cow_and_metadata(text.as_str().into(), style, None);
    let kind = match resolved {
        Some(saphyr::Scalar::Null) => ScalarKind::Null,
        Some(saphyr::Scalar::Boolean(value)) => ScalarKind::Boolean(value),
        Some(saphyr::Scalar::Integer(value)) => ScalarKind::Integer(value),
        Some(saphyr::Scalar::FloatingPoint(value)) => ScalarKind::Float(value.into_inner()),
        Some(saphyr::Scalar::String(_)) | None => ScalarKind::Text,
    };
    Scalar { text, kind }
}
