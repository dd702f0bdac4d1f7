//! One source file with what the rules ask of it: its module, its tokens, which of them are test code.

use std::path::Path;

use super::lexer::{Kind, Token, tokens};

/// A source file.
pub struct SourceFile {
    /// Path from the top of the package, with `/`.
    pub path: String,
    /// The whole text.
    pub text: String,
    /// Its tokens without comments.
    pub code: Vec<CodeToken>,
    /// Its comments.
    pub comments: Vec<Token>,
}

/// A token that is no comment, with where it stands.
pub struct CodeToken {
    /// The token.
    pub token: Token,
    /// Whether it belongs to tests.
    pub in_test: bool,
    /// The module: the file's, and inline ones below it.
    pub module: Vec<String>,
}

/// What a rule found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// File and line.
    pub place: String,
    /// What is wrong, and what to do.
    pub says: String,
}

/// An opened brace.
struct Brace {
    in_test: bool,
    is_module: bool,
}

impl SourceFile {
    /// A file from its path and text.
    pub fn new(path: &str, text: &str) -> Self {
        let (comments, code): (Vec<_>, Vec<_>) =
            tokens(text).into_iter().partition(|token| token.kind == Kind::Comment);
        let mut marker = Marker {
            module: module_of(path),
            braces: Vec::new(),
            depth: 0,
            pending: None,
            all_test: is_test_file(path),
        };
        let in_order: Vec<(bool, Vec<String>)> = (0..code.len()).map(|at| marker.step(&code, at)).collect();
        let code = code.into_iter().zip(in_order);
        let code = code.map(|(token, (in_test, module))| CodeToken { token, in_test, module }).collect();
        Self { path: path.to_owned(), text: text.to_owned(), code, comments }
    }

    /// A finding at a line.
    pub fn finding(&self, line: usize, says: impl Into<String>) -> Finding {
        Finding { place: format!("{}:{line}", self.path), says: says.into() }
    }

    /// Whether the file belongs to the shipped program.
    pub fn is_shipped(&self) -> bool {
        self.path.starts_with("src/")
    }

    /// Whether a comment (no doc comment) stands on this line.
    pub fn has_reason_on(&self, line: usize) -> bool {
        let reason = |text: &str| text.starts_with("// ") && text.len() > 10;
        self.comments.iter().any(|comment| comment.line == line && reason(&comment.text))
    }

    /// The token at an index, an empty one beyond the end.
    pub fn at(&self, index: usize) -> &str {
        self.code.get(index).filter(|code| code.token.kind != Kind::Text).map_or("", |code| &code.token.text)
    }
}

/// Walks the tokens once and tells for each whether it is test code and in which module it stands.
struct Marker {
    module: Vec<String>,
    braces: Vec<Brace>,
    /// Open parentheses and brackets.
    depth: usize,
    /// A test attribute was read at this depth and its item has not begun.
    pending: Option<usize>,
    all_test: bool,
}

impl Marker {
    fn step(&mut self, code: &[Token], at: usize) -> (bool, Vec<String>) {
        let token = &code[at];
        if token.is("#") && is_test_attribute(&code[at..]) {
            self.pending = Some(self.depth);
        }
        let in_test = self.all_test || self.pending.is_some() || self.braces.iter().any(|brace| brace.in_test);
        let module = self.module.clone();
        match token.text.as_str() {
            _ if token.kind != Kind::Sign => {}
            "(" | "[" => self.depth += 1,
            ")" | "]" => self.depth = self.depth.saturating_sub(1),
            "{" => {
                let is_module = at >= 2 && code[at - 2].is("mod") && code[at - 1].kind == Kind::Word;
                if is_module {
                    self.module.push(code[at - 1].text.clone());
                }
                self.braces.push(Brace { in_test: self.pending.take().is_some(), is_module });
            }
            "}" => {
                let closed = usize::from(self.braces.pop().is_some_and(|brace| brace.is_module));
                self.module.truncate(self.module.len() - closed);
            }
            ";" if self.pending == Some(self.depth) => self.pending = None,
            _ => {}
        }
        (in_test, module)
    }
}

/// `#[test]`, `#[tokio::test…]`, `#[cfg(test)]`, `#[cfg(all(test, …))]`.
fn is_test_attribute(code: &[Token]) -> bool {
    if !code.get(1).is_some_and(|token| token.is("[")) {
        return false;
    }
    let mut depth = 0;
    let mut inside = code[1..].iter().take_while(|token| {
        depth += i32::from(token.is("[")) - i32::from(token.is("]"));
        depth > 0
    });
    let words: Vec<&str> = inside.by_ref().filter(|token| token.kind == Kind::Word).map(|token| &*token.text).collect();
    match words.as_slice() {
        ["cfg", rest @ ..] => rest.contains(&"test") && !rest.contains(&"not"),
        words => words.contains(&"test"),
    }
}

fn is_test_file(path: &str) -> bool {
    let in_src = path.strip_prefix("src/");
    in_src.is_none_or(|path| {
        path.split('/').any(|part| part == "tests" || part == "tests.rs" || part.ends_with("_tests.rs"))
    })
}

/// `src/pure/tap/mod.rs` is `pure::tap`, `src/lib.rs` the root.
fn module_of(path: &str) -> Vec<String> {
    let inner = path.strip_prefix("src/").unwrap_or(path).trim_end_matches(".rs");
    let mut parts: Vec<String> = inner.split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| last == "mod" || (parts.len() == 1 && last == "lib")) {
        parts.pop();
    }
    parts
}

/// The `.rs` files below a folder of the package, in order of path.
pub fn read_folder(top: &Path, folder: &str) -> Vec<SourceFile> {
    let mut files = Vec::new();
    let mut folders = vec![top.join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.expect("a readable folder").path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("a readable source");
                let relative = path.strip_prefix(top).expect("below the top").to_string_lossy().into_owned();
                files.push(SourceFile::new(&relative, &text));
            }
        }
    }
    files.sort_by(|one, two| one.path.cmp(&two.path));
    files
}

#[test]
fn test_code_and_modules_are_known() {
    let text = "fn a() { one; }\n#[cfg(test)]\nmod tests { fn b([x; 3]: T) { two; } }\nfn c() { three; }\n\
                #[test]\nfn d(x: [u8; 3]) { four; }\n#[cfg(not(test))]\nfn e() { five; }\n#[cfg(test)]\nmod f;\nfn g() { six; }";
    let file = SourceFile::new("src/pure/tap/mod.rs", text);
    let of = |word: &str| file.code.iter().find(|code| code.token.is(word)).expect("there");
    for (word, in_test) in
        [("one", false), ("two", true), ("three", false), ("four", true), ("five", false), ("six", false)]
    {
        assert_eq!(of(word).in_test, in_test, "{word}");
    }
    assert_eq!(of("two").module, ["pure", "tap", "tests"]);
    assert_eq!(of("three").module, ["pure", "tap"]);
    assert!(SourceFile::new("src/base/config/tests.rs", "x").code[0].in_test);
    assert_eq!(module_of("src/lib.rs"), Vec::<String>::new());
    assert_eq!(module_of("src/base/clock.rs"), ["base", "clock"]);
}
