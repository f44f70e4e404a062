//! Reads HTML as a reader does: the words of each block and the rows of each table, with markup and
//! what is only for handling left out.
#![expect(unreachable_pub, reason = "shared by several test files")]

use html5gum::emitters::default::DefaultEmitter;
use html5gum::{StartTag, Token, Tokenizer};

/// Elements without an end tag.
const VOID: [&str; 5] = ["br", "img", "input", "link", "meta"];
/// Elements whose words are a block of their own.
const BLOCKS: [&str; 10] =
    ["p", "h1", "h2", "h3", "li", "th", "td", "caption", "pre", "figcaption"];
/// Elements that are not part of what is said.
const HANDLING: [&str; 4] = ["head", "nav", "script", "style"];

/// What is in a document.
#[derive(Debug, Default)]
pub struct Read {
    /// The words of each block, in order; of a picture, those that stand for it.
    pub blocks: Vec<String>,
    /// The cells of each row of each table.
    pub rows: Vec<Vec<String>>,
    /// The text of each script that holds data.
    pub data: Vec<String>,
    /// What is wrong with the document itself.
    pub mistakes: Vec<String>,
}

/// An element that is open.
struct Open {
    name: String,
    /// Whether its words count.
    counts: bool,
    /// A block's words so far.
    words: Option<String>,
    /// Whether it is a script with data.
    data: bool,
}

/// Reads a whole document or a part of one.
pub fn read(html: &str) -> Read {
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let mut reader = Reader { read: Read::default(), open: Vec::new() };
    for Ok(token) in Tokenizer::new_with_emitter(html, emitter) {
        match token {
            Token::StartTag(tag) => reader.start(&tag),
            Token::EndTag(tag) => reader.end(&text(&tag.name)),
            Token::String(words) => reader.words(&text(&words)),
            Token::Error(error) => reader.read.mistakes.push(format!("{:?}", error.value)),
            Token::Comment(_) | Token::Doctype(_) => {}
        }
    }
    let unclosed = reader.open.iter().map(|open| format!("<{}> is not closed", open.name));
    let mut read = reader.read;
    read.mistakes.extend(unclosed);
    read
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the document is UTF-8")
}

struct Reader {
    read: Read,
    open: Vec<Open>,
}

impl Reader {
    fn start(&mut self, tag: &StartTag<()>) {
        let name = text(&tag.name);
        let attribute = |name: &str| tag.attributes.get(name.as_bytes()).map(|value| text(value));
        self.words(" ");
        if name == "img" {
            self.words(&attribute("alt").unwrap_or_default());
        }
        if VOID.contains(&name.as_str()) {
            return;
        }
        let class = attribute("class").unwrap_or_default();
        let handling = HANDLING.contains(&name.as_str())
            || class == "skip"
            // Of a chart, what stands for it counts.
            || (self.open.last().is_some_and(|open| open.name == "figure") && name != "figcaption");
        let counts = self.open.last().is_none_or(|open| open.counts) && !handling;
        if name == "tr" && counts {
            self.read.rows.push(Vec::new());
        }
        let words = (counts && BLOCKS.contains(&name.as_str())).then(String::new);
        let data = name == "script" && attribute("type").is_some();
        if data {
            self.read.data.push(String::new());
        }
        self.open.push(Open { name, counts, words, data });
    }

    fn end(&mut self, name: &str) {
        self.words(" ");
        match self.open.pop() {
            Some(open) if open.name == name => {
                let Some(words) = open.words else { return };
                let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
                if matches!(name, "th" | "td")
                    && let Some(row) = self.read.rows.last_mut()
                {
                    row.push(words.clone());
                }
                if !words.is_empty() {
                    self.read.blocks.push(words);
                }
            }
            Some(open) => self.read.mistakes.push(format!("</{name}> ends <{}>", open.name)),
            None => self.read.mistakes.push(format!("</{name}> ends nothing")),
        }
    }

    fn words(&mut self, words: &str) {
        let Some(innermost) = self.open.last() else { return };
        if innermost.data
            && let Some(data) = self.read.data.last_mut()
        {
            data.push_str(words);
        } else if innermost.counts
            && let Some(block) = self.open.iter_mut().rev().find_map(|open| open.words.as_mut())
        {
            block.push_str(words);
        }
    }
}
