//! Habits in the sources: reasons, lengths, forbidden words.

use regex::Regex;

use super::lexer::Kind;
use super::source::{Finding, SourceFile};

/// The most lines of a function without a reason.
const FUNCTION_LINES_MAX: usize = 70;
/// The most lines of a file without a reason.
const FILE_LINES_MAX: usize = 700;

/// `::now(` outside the clock, tests apart.
pub fn clock_readings(files: &[SourceFile]) -> Vec<Finding> {
    in_shipped_code(files, |file, at| {
        let reads = file.at(at) == "now" && at > 0 && file.at(at - 1) == "::" && file.at(at + 1) == "(";
        let outside = !file.path.starts_with("src/base/clock");
        (reads && outside).then(|| "only base::clock reads the time; take a `Now` as an argument".to_owned())
    })
}

/// `.unwrap()` and `.expect(…)` without a reason on the line above them or above their statement.
pub fn unreasoned_unwraps(files: &[SourceFile]) -> Vec<Finding> {
    in_shipped_code(files, |file, at| {
        let word = file.at(at);
        let unwraps =
            ["unwrap", "expect"].contains(&word) && at > 0 && file.at(at - 1) == "." && file.at(at + 1) == "(";
        if !unwraps {
            return None;
        }
        let starts_after = |token: &str| ["{", "}", ";"].contains(&token);
        let statement = (0..at).rev().find(|before| starts_after(file.at(*before))).map_or(0, |before| before + 1);
        let reasoned = [at, statement].iter().any(|index| file.has_reason_on(file.code[*index].token.line - 1));
        (!reasoned).then(|| format!("`{word}` without a comment on the line above that says why it cannot fail"))
    })
}

/// Prints outside `main.rs`, `bin/` and the one place of `cli/` that knows of closed pipes and foreign text; exits outside
/// all of them.
pub fn prints(files: &[SourceFile]) -> Vec<Finding> {
    in_shipped_code(files, |file, at| {
        let prints = ["print", "println", "eprint", "eprintln"].contains(&file.at(at)) && file.at(at + 1) == "!";
        let exits = ["exit", "abort"].contains(&file.at(at)) && at > 1 && file.at(at - 2) == "process";
        let home = ["src/main.rs", "src/cli/", "src/cli.rs", "src/bin/"].iter().any(|home| file.path.starts_with(home));
        let stray = prints && file.path.starts_with("src/cli/") && !file.path.starts_with("src/cli/terminal");
        if stray {
            return Some(format!("`{}` outside cli/terminal; use `say!` or `mention!`", file.at(at)));
        }
        // The ledger writer's panic ends the process (STYLE.md section 9).
        let last_resort = exits && file.at(at) == "abort" && file.path.starts_with("src/shop/ledger/");
        ((prints || exits) && !home && !last_resort).then(|| format!("`{}` outside main, cli and bin", file.at(at)))
    })
}

/// SQL in string literals outside the two stores.
pub fn stray_sql(files: &[SourceFile]) -> Vec<Finding> {
    let sql = Regex::new(
        r"(?s)\bSELECT\s.*\sFROM\s|\bINSERT\s+(OR\s+\w+\s+)?INTO\s|\bUPDATE\s.*\sSET\s|\bDELETE\s+FROM\s|^\s*(select\s[\w*,\s]+\sfrom\s|insert\s+into\s|update\s+\w+\s+set\s|delete\s+from\s)",
    )
    .expect("a regular expression");
    let at_home = |file: &SourceFile| {
        ["src/shop/ledger/", "src/hub/store"].iter().any(|home| file.path.starts_with(home)) || !file.is_shipped()
    };
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| !at_home(file)) {
        for code in file.code.iter().filter(|code| code.token.kind == Kind::Text) {
            if sql.is_match(&format!("{} ", code.token.text)) {
                findings.push(file.finding(code.token.line, "SQL outside shop/ledger and hub/store"));
            }
        }
    }
    findings
}

/// Words that may stand nowhere, and those that may not stand in tests.
pub fn forbidden_words(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        for (at, code) in file.code.iter().enumerate() {
            let word = file.at(at);
            let attribute = at > 1 && file.at(at - 1) == "[" && file.at(at - 2) == "#";
            let says = match word {
                "unsafe" => "unsafe code",
                "todo" | "unimplemented" | "dbg" if file.at(at + 1) == "!" => "unfinished work",
                "ignore" if attribute => "an ignored test is no test",
                "should_panic" if attribute => "a test that wants a panic: test the value instead",
                "sleep" | "sleep_until" if code.in_test && is_a_sleep(file, at) => {
                    "a test that sleeps: observe what it waits for"
                }
                _ => continue,
            };
            findings.push(file.finding(code.token.line, format!("`{word}`: {says}")));
        }
    }
    findings
}

/// `thread::sleep`, `time::sleep`, or the same imported by name.
fn is_a_sleep(file: &SourceFile, at: usize) -> bool {
    let by_path = at > 1 && file.at(at - 1) == "::" && ["thread", "time"].contains(&file.at(at - 2));
    let method_or_definition = at > 0 && [".", "fn"].contains(&file.at(at - 1));
    by_path || (file.at(at + 1) == "(" && !method_or_definition && at > 0 && file.at(at - 1) != "::")
}

/// Files that do not begin with what they are for.
pub fn missing_purposes(files: &[SourceFile]) -> Vec<Finding> {
    let missing =
        |file: &&SourceFile| !file.text.lines().next().is_some_and(|line| line.len() > 8 && line.starts_with("//! "));
    files.iter().filter(missing).map(|file| file.finding(1, "begin with `//!` and what the file is for")).collect()
}

/// Functions and files that are too long without a line `// Long: …` above them, or near the top of the file.
pub fn lengths(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        let lines = file.text.lines().count();
        let excused =
            file.text.lines().take(20).any(|line| line.starts_with("// Long: ") || line.starts_with("//! Long: "));
        if lines > FILE_LINES_MAX && !excused {
            findings.push(file.finding(1, format!("{lines} lines: split it, or say why in a line `//! Long: …`")));
        }
        for (name, first, last) in functions(file) {
            let length = last - first + 1;
            if length > FUNCTION_LINES_MAX && !has_long_reason(file, first) {
                let says = format!("{name} has {length} lines: split it, or say why in a line `// Long: …` above it");
                findings.push(file.finding(first, says));
            }
        }
    }
    findings
}

/// A line `// Long: …` among the comments and attributes directly above.
fn has_long_reason(file: &SourceFile, first: usize) -> bool {
    let above: Vec<&str> = file.text.lines().take(first - 1).collect();
    let belongs = |line: &&&str| ["//", "#[", "#!["].iter().any(|start| line.trim_start().starts_with(start));
    above.iter().rev().take_while(belongs).any(|line| line.trim_start().starts_with("// Long: "))
}

/// Name, first and last line of each function with a body.
fn functions(file: &SourceFile) -> Vec<(String, usize, usize)> {
    let mut found = Vec::new();
    for at in (0..file.code.len()).filter(|at| file.at(*at) == "fn" && file.code[*at].token.kind == Kind::Word) {
        let (mut brackets, mut braces) = (0, 0);
        for end in at..file.code.len() {
            match file.at(end) {
                "(" | "[" => brackets += 1,
                ")" | "]" => brackets -= 1,
                // A declaration without a body, or a type such as `fn(u8)`.
                ";" | "," | "=" if braces == 0 && brackets <= 0 => break,
                "{" => braces += 1,
                "}" => braces -= 1,
                _ => continue,
            }
            if braces == 0 && file.at(end) == "}" {
                let line = |index: usize| file.code[index].token.line;
                found.push((file.at(at + 1).to_owned(), line(at), line(end)));
                break;
            }
        }
    }
    found
}

/// Files of `tests/` that `tests/main.rs` does not list. `own` are the files with a `[[test]]` of their own.
pub fn unlisted_tests(files: &[SourceFile], own: &[&str]) -> Vec<Finding> {
    let Some(main) = files.iter().find(|file| file.path == "tests/main.rs") else {
        return vec![Finding { place: "tests/main.rs".to_owned(), says: "is missing".to_owned() }];
    };
    let listed = |name: &str| {
        (0..main.code.len()).any(|at| main.at(at) == "mod" && main.at(at + 1) == name && main.at(at + 2) == ";")
    };
    let beside = |file: &&SourceFile| {
        let name = file.path.strip_prefix("tests/").unwrap_or("");
        !name.is_empty() && !own.contains(&file.path.as_str()) && (!name.contains('/') || name.ends_with("/mod.rs"))
    };
    let name_of = |file: &SourceFile| {
        let name = file.path.strip_prefix("tests/").unwrap_or(&file.path);
        name.trim_end_matches("/mod.rs").trim_end_matches(".rs").to_owned()
    };
    let unlisted = files.iter().filter(beside).filter(|file| !listed(&name_of(file)));
    unlisted.map(|file| file.finding(1, format!("add `mod {};` to tests/main.rs", name_of(file)))).collect()
}

/// Runs `rule` at each token of shipped code that is no test.
fn in_shipped_code(files: &[SourceFile], rule: impl Fn(&SourceFile, usize) -> Option<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.is_shipped()) {
        for (at, code) in
            file.code.iter().enumerate().filter(|(_, code)| !code.in_test && code.token.kind == Kind::Word)
        {
            if let Some(says) = rule(file, at) {
                findings.push(file.finding(code.token.line, says));
            }
        }
    }
    findings
}

#[cfg(test)]
mod self_tests {
    use super::*;

    type Rule = fn(&[SourceFile]) -> Vec<Finding>;

    fn count(rule: Rule, path: &str, text: &str) -> usize {
        rule(&[SourceFile::new(path, text)]).len()
    }

    const SHIPPED: &str = "src/shop/till/mod.rs";

    #[test]
    fn the_clock_is_read_in_one_place() {
        for text in
            ["fn f() { Instant::now(); }", "fn f() { std::time::SystemTime::now(); }", "fn f() { Zoned::now(); }"]
        {
            assert_eq!(count(clock_readings, SHIPPED, text), 1, "{text}");
            assert_eq!(count(clock_readings, "src/base/clock.rs", text), 0);
            assert_eq!(count(clock_readings, SHIPPED, &format!("#[test] {text}")), 0);
        }
        assert_eq!(count(clock_readings, SHIPPED, "fn f() { clock.now(); } // Instant::now()"), 0);
    }

    #[test]
    fn an_unwrap_needs_its_reason() {
        for text in
            ["fn f() { x.unwrap(); }", "fn f() {\n    x\n        .expect(\"y\");\n}", "// short\nfn f() { x.unwrap() }"]
        {
            assert_eq!(count(unreasoned_unwraps, SHIPPED, text), 1, "{text}");
        }
        for text in [
            "fn f() {\n    // The list is never empty: tills come first.\n    x.unwrap();\n}",
            "fn f() {\n    // The list is never empty: tills come first.\n    let y = x\n        .z()\n        .expect(\"t\");\n}",
            "fn f() { x.unwrap_or(1); expect(2); \".unwrap()\"; }",
            "#[cfg(test)] mod tests { fn f() { x.unwrap(); } }",
        ] {
            assert_eq!(count(unreasoned_unwraps, SHIPPED, text), 0, "{text}");
        }
    }

    #[test]
    fn printing_and_exiting_are_for_the_command_line() {
        for text in ["fn f() { println!(\"x\"); }", "fn f() { std::process::exit(1); }", "fn f() { eprint!(\"x\"); }"] {
            assert_eq!(count(prints, SHIPPED, text), 1, "{text}");
            assert_eq!(count(prints, "src/cli/terminal.rs", text) + count(prints, "src/main.rs", text), 0);
            assert_eq!(count(prints, "src/cli/run.rs", text), usize::from(text.contains("print")), "{text}");
        }
    }

    #[test]
    fn sql_lives_in_the_stores() {
        for text in
            ["\"SELECT a FROM b\"", "\"insert into x values (1)\"", "r#\"UPDATE a\n SET b = 1\"#", "\"DELETE FROM x\""]
        {
            let text = format!("fn f() {{ run({text}); }}");
            assert_eq!(count(stray_sql, SHIPPED, &text), 1, "{text}");
            assert_eq!(count(stray_sql, "src/shop/ledger/post.rs", &text), 0);
            assert_eq!(count(stray_sql, "src/hub/store/mod.rs", &text), 0);
        }
        for text in ["\"Select a card from the list.\"", "\"update the pass\"", "1 // SELECT a FROM b"] {
            assert_eq!(count(stray_sql, SHIPPED, &format!("fn f() {{ {text}\n }}")), 0, "{text}");
        }
    }

    #[test]
    fn forbidden_words_are_found() {
        for text in
            ["fn f() { unsafe { x } }", "fn f() { todo!() }", "#[ignore]\nfn f() {}", "#[should_panic]\nfn f() {}"]
        {
            assert_eq!(count(forbidden_words, SHIPPED, text), 1, "{text}");
        }
        for text in ["std::thread::sleep(x)", "tokio::time::sleep(x)", "sleep(x)", "thread::sleep(x)"] {
            assert_eq!(count(forbidden_words, "tests/x.rs", &format!("fn f() {{ {text}; }}")), 1, "{text}");
            assert_eq!(count(forbidden_words, SHIPPED, &format!("#[test] fn f() {{ {text}; }}")), 1, "{text}");
            assert_eq!(count(forbidden_words, SHIPPED, &format!("fn f() {{ {text}; }}")), 0, "{text}");
        }
        assert_eq!(count(forbidden_words, SHIPPED, "fn f() { ignore(x); } // unsafe todo!()"), 0);
    }

    #[test]
    fn purposes_and_lengths() {
        assert_eq!(count(missing_purposes, SHIPPED, "use x;"), 1);
        assert_eq!(count(missing_purposes, SHIPPED, "//!\nuse x;"), 1);
        assert_eq!(count(missing_purposes, SHIPPED, "//! Posts what a token earned.\nuse x;"), 0);
        let long = |above: &str, lines: usize| format!("{above}fn f() {{\n{}}}\n", "x;\n".repeat(lines - 2));
        assert_eq!(count(lengths, SHIPPED, &long("", 71)), 1);
        assert_eq!(count(lengths, SHIPPED, &long("", 70)), 0);
        assert_eq!(count(lengths, SHIPPED, &long("/// Doc.\n// Long: one table of states.\n#[inline]\n", 71)), 0);
        assert_eq!(count(lengths, SHIPPED, &"// x\n".repeat(701)), 1);
        assert_eq!(count(lengths, SHIPPED, &("//! x\n//! Long: one table.\n".to_owned() + &"// x\n".repeat(701))), 0);
        let two = format!("struct S {{ f: fn(u8), }}\ntrait T {{ fn g(&self); }}\n{}", long("", 30));
        assert_eq!(functions(&SourceFile::new(SHIPPED, &two)).len(), 1);
    }

    #[test]
    fn every_test_file_is_listed() {
        let file = SourceFile::new;
        let files = [
            file("tests/main.rs", "mod support; mod listed; // mod other;"),
            file("tests/listed.rs", ""),
            file("tests/other.rs", ""),
            file("tests/tidy.rs", ""),
            file("tests/support/mod.rs", ""),
            file("tests/support/pcscd.rs", ""),
        ];
        let found = unlisted_tests(&files, &["tests/main.rs", "tests/tidy.rs"]);
        assert_eq!(found.iter().map(|finding| finding.place.as_str()).collect::<Vec<_>>(), ["tests/other.rs:1"]);
        assert_eq!(unlisted_tests(&[], &[]).len(), 1, "no main.rs");
    }
}
