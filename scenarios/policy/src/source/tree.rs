//! Text to a tree of values with positions. Built on the parser's events and not on its own tree,
//! which drops one of two equal keys, resolves aliases and recurses. Knows no key by name.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use super::{Mistakes, Wrong};

/// The largest file that is read. A scenario is a few KiB; the limit bounds what a mistaken path
/// costs, and a larger file is a mistake of its own.
pub const MAX_BYTES: usize = 1 << 20;

/// The deepest nesting that is read. The deepest key of any file read here is seven levels down.
pub const MAX_DEPTH: usize = 32;

/// What a text may cost its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest text.
    pub bytes: usize,
    /// The deepest nesting.
    pub depth: usize,
    /// How many values aliases may stand for in one document; 0 refuses anchors and aliases.
    pub alias_values: usize,
    /// How many values one document may have, those not counted that were handed over before.
    pub values: usize,
}

impl Limits {
    /// For files that say what they mean in one place: scenarios and their policies.
    pub const PLAIN: Self =
        Self { bytes: MAX_BYTES, depth: MAX_DEPTH, alias_values: 0, values: MAX_BYTES };
    /// For manifests of all kinds, as a cluster's dump or another tool writes them. An object of a
    /// cluster has at most 1.5 MiB; a value takes up to 200 bytes of memory, however short it is.
    pub const MANIFESTS: Self =
        Self { bytes: 64 << 20, depth: 64, alias_values: 10_000, values: 500_000 };
}

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
    /// Where it ends.
    pub until: Position,
    /// What it is.
    pub value: Value,
}

impl Node {
    /// The members of a mapping; none of anything else.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a sequence; none of anything else.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// A member of a mapping. Of equal keys the last counts, as it does for Kubernetes' readers.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Self> {
        self.entries().iter().rev().find(|entry| entry.key == name).map(|entry| &entry.value)
    }

    /// A value below this one, by a path of keys such as `metadata.name`.
    #[must_use]
    pub fn path(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |node, name| node.member(name))
    }

    /// A single value that is text, or is nothing else.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(Scalar { text, kind: ScalarKind::Text }) => Some(text),
            _ => None,
        }
    }

    /// `true` or `false`.
    #[must_use]
    pub fn boolean(&self) -> Option<bool> {
        match self.value {
            Value::Scalar(Scalar { kind: ScalarKind::Boolean(value), .. }) => Some(value),
            _ => None,
        }
    }

    /// Whether nothing is written.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(Scalar { kind: ScalarKind::Null, .. }))
    }

    fn values(&self) -> usize {
        let below = match &self.value {
            Value::List(items) => items.iter().map(Self::values).sum(),
            Value::Map(entries) => entries.iter().map(|entry| entry.value.values()).sum(),
            Value::Scalar(_) | Value::Refused => 0,
        };
        1 + below
    }
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
        too_large(MAX_BYTES, mistakes);
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

fn too_large(limit: usize, mistakes: &mut Mistakes) {
    let message = format!("expected a file of at most {limit} bytes, found a larger one");
    mistakes.push(Position::START, "", Wrong::Syntax(message), None);
}

/// The documents of a text. `None` when it can not be taken apart, in which case a mistake says
/// where and why; anchors, aliases and tags are mistakes too but leave the rest readable.
pub fn documents(text: &str, mistakes: &mut Mistakes) -> Option<Vec<Document>> {
    documents_within(Limits::PLAIN, text, mistakes)
}

/// The same within other limits.
pub fn documents_within(
    limits: Limits,
    text: &str,
    mistakes: &mut Mistakes,
) -> Option<Vec<Document>> {
    let mut documents = Vec::new();
    let mut take = |piece| match piece {
        Piece::Whole(document) | Piece::Item(document) => documents.push(document),
    };
    Builder::new(limits, false, mistakes, &mut take).read(text)?;
    Some(documents)
}

/// What is handed over while a text is still being taken apart.
#[derive(Debug)]
pub enum Piece {
    /// One of a document's `items`, as a cluster's dump has them: thousands in one document, which
    /// need not be there all at once. What the document is may be known only later.
    Item(Document),
    /// A document, its `items` left out when they were handed over before.
    Whole(Document),
}

/// Hands over each document, and before it each of its `items`, as soon as it is read. `None` when
/// the text can not be taken apart to its end; pieces may have been handed over by then.
pub fn each_piece(
    limits: Limits,
    text: &str,
    mistakes: &mut Mistakes,
    take: &mut dyn FnMut(Piece),
) -> Option<()> {
    Builder::new(limits, true, mistakes, take).read(text)
}

/// A collection that has begun and not ended.
enum Open {
    List { at: Position, anchor: usize, items: Vec<Node> },
    Map { at: Position, anchor: usize, entries: Vec<Entry>, key: Option<Key> },
}

/// A key that waits for its value; without a text it was refused, and its value goes with it.
struct Key {
    text: Option<String>,
    at: Position,
}

struct Builder<'m> {
    limits: Limits,
    /// Whether `items` are handed over one by one.
    items_apart: bool,
    /// What each anchor of the document stands for, where aliases are accepted.
    anchored: HashMap<usize, Node>,
    /// How many values aliases stand for in the document so far.
    alias_values: usize,
    /// How many values the document has so far, keys and ends of collections counted as well.
    values: usize,
    /// The same before the item that is being read.
    values_before_item: usize,
    mistakes: &'m mut Mistakes,
    open: Vec<Open>,
    /// How many documents have ended.
    documents: usize,
    hand_over: &'m mut dyn FnMut(Piece),
}

impl<'m> Builder<'m> {
    fn new(
        limits: Limits,
        items_apart: bool,
        mistakes: &'m mut Mistakes,
        hand_over: &'m mut dyn FnMut(Piece),
    ) -> Self {
        Self {
            limits,
            items_apart,
            anchored: HashMap::new(),
            alias_values: 0,
            values: 0,
            values_before_item: 0,
            mistakes,
            open: Vec::new(),
            documents: 0,
            hand_over,
        }
    }

    fn read(mut self, text: &str) -> Option<()> {
        if text.len() > self.limits.bytes {
            too_large(self.limits.bytes, self.mistakes);
            return None;
        }
        let mut parser = Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
        while let Some(event) = parser.next_event() {
            match event {
                Ok((event, span)) => {
                    let (at, until) = (Position::of(&span.start), Position::of(&span.end));
                    self.take(event, at, until)?;
                }
                Err(error) => {
                    let at = Position::of(error.marker());
                    // The parser reads ahead, so its own limit can be met before the one here.
                    if error.info().contains("recursion limit") {
                        self.too_deep(at);
                        return None;
                    }
                    let message = format!("not valid YAML: {}", error.info());
                    self.mistakes.push(at, "", Wrong::Syntax(message), None);
                    return None;
                }
            }
        }
        Some(())
    }

    /// `None` stops the reading.
    fn take(&mut self, event: Event<'_>, at: Position, until: Position) -> Option<()> {
        if self.items_apart && self.in_items() {
            self.values_before_item = self.values;
        }
        self.values += 1;
        if self.values > self.limits.values {
            let message = format!("a document of more than {} values", self.limits.values);
            self.mistakes.push(at, "", Wrong::Syntax(message), None);
            return None;
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let accepted = self.plain_yaml(anchor, tag.is_some(), at);
                let value = if accepted {
                    Value::Scalar(scalar(text.into_owned(), style))
                } else {
                    Value::Refused
                };
                self.place_anchored(anchor, Node { at, until, value });
            }
            Event::Alias(anchor) => {
                let value = self.meant_by(anchor, at)?;
                self.place(Node { at, until, value });
            }
            Event::SequenceStart(anchor, tag) => {
                self.plain_yaml(anchor, tag.is_some(), at);
                self.begin(Open::List { at, anchor, items: Vec::new() }, at)?;
            }
            Event::MappingStart(anchor, tag) => {
                self.plain_yaml(anchor, tag.is_some(), at);
                self.begin(Open::Map { at, anchor, entries: Vec::new(), key: None }, at)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let (anchor, node) = match self.open.pop().expect("the parser ends what it began") {
                    // Most collections have one member, and room for four.
                    Open::List { at, anchor, mut items } => {
                        items.shrink_to_fit();
                        (anchor, Node { at, until, value: Value::List(items) })
                    }
                    Open::Map { at, anchor, entries, .. } => {
                        let mut entries = merged(entries);
                        entries.shrink_to_fit();
                        (anchor, Node { at, until, value: Value::Map(entries) })
                    }
                };
                self.place_anchored(anchor, node);
            }
            Event::DocumentStart(_) => {
                self.anchored.clear();
                self.alias_values = 0;
                self.values = 0;
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Some(())
    }

    /// What an alias stands for. `None` when aliases stand for more than is accepted.
    fn meant_by(&mut self, anchor: usize, at: Position) -> Option<Value> {
        if self.limits.alias_values == 0 {
            self.refuse("aliases are not accepted", at);
            return Some(Value::Refused);
        }
        let Some(node) = self.anchored.get(&anchor) else {
            self.refuse("an alias must not be part of what it stands for", at);
            return Some(Value::Refused);
        };
        self.alias_values += node.values();
        if self.alias_values > self.limits.alias_values {
            let limit = self.limits.alias_values;
            let message = format!("aliases stand for more than {limit} values");
            self.mistakes.push(at, "", Wrong::Syntax(message), None);
            return None;
        }
        Some(node.value.clone())
    }

    fn place_anchored(&mut self, anchor: usize, node: Node) {
        // Where an anchored value is that large, no alias of it would be accepted.
        if anchor > 0 && self.limits.alias_values > 0 && node.values() <= self.limits.alias_values {
            self.anchored.insert(anchor, node.clone());
        }
        self.place(node);
    }

    fn begin(&mut self, collection: Open, at: Position) -> Option<()> {
        if self.open.len() == self.limits.depth {
            self.too_deep(at);
            return None;
        }
        self.open.push(collection);
        Some(())
    }

    fn too_deep(&mut self, at: Position) {
        let message = format!("nested deeper than {} levels", self.limits.depth);
        self.mistakes.push(at, "", Wrong::Syntax(message), None);
    }

    /// A value read in one place and meant in another makes a file say what it does not show;
    /// and a few nested aliases expand to any size.
    fn plain_yaml(&mut self, anchor: usize, tagged: bool, at: Position) -> bool {
        if anchor > 0 && self.limits.alias_values == 0 {
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

    /// Whether what comes next is an item of the document's own `items`.
    fn in_items(&self) -> bool {
        let [Open::Map { key: Some(key), .. }, Open::List { .. }] = self.open.as_slice() else {
            return false;
        };
        key.text.as_deref() == Some("items")
    }

    fn place(&mut self, node: Node) {
        let number = self.documents + 1;
        if self.items_apart && self.in_items() {
            self.values = self.values_before_item;
            (self.hand_over)(Piece::Item(Document { number, root: node }));
            return;
        }
        match self.open.last_mut() {
            None => {
                self.documents = number;
                (self.hand_over)(Piece::Whole(Document { number, root: node }));
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

/// The members with those that `<<` names put in where they are not written out.
fn merged(mut entries: Vec<Entry>) -> Vec<Entry> {
    if !entries.iter().any(|entry| entry.key == "<<") {
        return entries;
    }
    let merges: Vec<Node> =
        entries.extract_if(.., |entry| entry.key == "<<").map(|entry| entry.value).collect();
    for from in merges {
        let maps = if from.items().is_empty() { std::slice::from_ref(&from) } else { from.items() };
        let members: Vec<Entry> =
            maps.iter().flat_map(|map| map.entries().iter().cloned()).collect();
        for member in members {
            if !entries.iter().any(|entry| entry.key == member.key) {
                entries.push(member);
            }
        }
    }
    entries
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

fn scalar(mut text: String, style: ScalarStyle) -> Scalar {
    text.shrink_to_fit();
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
