//! Rust's tokens, as far as our rules ask: identifiers, signs, strings and comments, each with its line.
//!
//! A rule that looked at raw text would find `unwrap` in comments and SQL in documentation.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Identifier or keyword.
    Word,
    /// One sign, or `::`.
    Sign,
    /// The content of a string literal of any form.
    Text,
    /// A comment with its slashes, doc comments included.
    Comment,
    /// Numbers, characters and lifetimes: no rule asks for them.
    Other,
}

/// A token.
#[derive(Clone, Debug)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// As it is written; of a string the content.
    pub text: String,
    /// Line in the file, from 1.
    pub line: usize,
}

impl Token {
    /// Whether it is this word or sign.
    pub fn is(&self, text: &str) -> bool {
        matches!(self.kind, Kind::Word | Kind::Sign) && self.text == text
    }
}

/// The tokens of `source`, comments among them.
pub fn tokens(source: &str) -> Vec<Token> {
    let mut lexer = Lexer { chars: source.chars().collect(), at: 0, line: 1 };
    std::iter::from_fn(|| lexer.next_token()).collect()
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> char {
        self.chars.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn take(&mut self) -> char {
        let taken = self.peek(0);
        self.at += 1;
        self.line += usize::from(taken == '\n');
        taken
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let mut text = String::new();
        while self.at < self.chars.len() && wanted(self.peek(0)) {
            text.push(self.take());
        }
        text
    }

    fn next_token(&mut self) -> Option<Token> {
        self.take_while(char::is_whitespace);
        if self.at >= self.chars.len() {
            return None;
        }
        let line = self.line;
        let (kind, text) = self.token_here();
        Some(Token { kind, text, line })
    }

    fn token_here(&mut self) -> (Kind, String) {
        let is_word = |sign: char| sign.is_alphanumeric() || sign == '_';
        match (self.peek(0), self.peek(1)) {
            ('/', '/') => (Kind::Comment, self.take_while(|sign| sign != '\n')),
            ('/', '*') => (Kind::Comment, self.block_comment()),
            ('"', _) => (Kind::Text, self.string(0, true)),
            ('\'', _) => (Kind::Other, self.character_or_lifetime()),
            (':', ':') => {
                self.at += 2;
                (Kind::Sign, "::".to_owned())
            }
            (digit, _) if digit.is_ascii_digit() => (Kind::Other, self.take_while(is_word)),
            (first, _) if is_word(first) => self.word_or_prefixed_string(),
            _ => (Kind::Sign, self.take().to_string()),
        }
    }

    fn block_comment(&mut self) -> String {
        let (mut text, mut depth) = (String::new(), 0);
        while self.at < self.chars.len() {
            match (self.peek(0), self.peek(1)) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth -= 1,
                _ => {
                    text.push(self.take());
                    continue;
                }
            }
            text.push(self.take());
            text.push(self.take());
            if depth == 0 {
                break;
            }
        }
        text
    }

    /// A word, or a string that begins with letters: `r"…"`, `r#"…"#`, `b"…"`, `br#"…"#`, `c"…"`; `r#word` is a word.
    fn word_or_prefixed_string(&mut self) -> (Kind, String) {
        let word = self.take_while(|sign| sign.is_alphanumeric() || sign == '_');
        let prefix = matches!(word.as_str(), "r" | "b" | "br" | "c" | "cr");
        let hashes = (0..).take_while(|ahead| self.peek(*ahead) == '#').count();
        if prefix && self.peek(hashes) == '"' {
            self.at += hashes;
            return (Kind::Text, self.string(hashes, !word.contains('r')));
        }
        if word == "b" && self.peek(0) == '\'' {
            return (Kind::Other, self.character_or_lifetime());
        }
        (Kind::Word, word)
    }

    /// From the opening quote on; ends at a quote with `hashes` of `#` after it.
    fn string(&mut self, hashes: usize, escapes: bool) -> String {
        self.take();
        let mut text = String::new();
        while self.at < self.chars.len() {
            match self.take() {
                '\\' if escapes => {
                    text.push('\\');
                    text.push(self.take());
                }
                '"' if (0..hashes).all(|ahead| self.peek(ahead) == '#') => {
                    self.at += hashes;
                    break;
                }
                other => text.push(other),
            }
        }
        text
    }

    fn character_or_lifetime(&mut self) -> String {
        let mut text = self.take().to_string();
        if self.peek(0) != '\\' && self.peek(1) != '\'' {
            return text + &self.take_while(|sign| sign.is_alphanumeric() || sign == '_');
        }
        if self.peek(0) == '\\' {
            text.push(self.take());
        }
        text.push(self.take());
        text + &self.take_while(|sign| sign != '\'') + &self.take().to_string()
    }
}

#[test]
fn strings_comments_and_lifetimes_are_told_apart() {
    let source = r####"let a: &'a str = "x // \" y"; // note
        let b = r#"raw " unwrap()"#; let c = b'\''; let d = '"'; /* outer /* inner */ end */ let r#type = 'x';
        e.unwrap();"####;
    let found = tokens(source);
    let of =
        |kind| found.iter().filter(|token| token.kind == kind).map(|token| token.text.as_str()).collect::<Vec<_>>();
    assert_eq!(of(Kind::Text), ["x // \\\" y", "raw \" unwrap()"]);
    assert_eq!(of(Kind::Comment), ["// note", "/* outer /* inner */ end */"]);
    assert!(of(Kind::Word).ends_with(&["e", "unwrap"]), "{:?}", of(Kind::Word));
    assert_eq!(found.iter().find(|token| token.is("unwrap")).map(|token| token.line), Some(3));
}
