//! Our rules as code (STYLE.md sections 3 and 4), checked by reading the sources.
//!
//! Each rule is a function from files to findings and has a self-test beside it that shows it can find something. The
//! tests here play the rules on the real sources.

#[path = "tidy/habits.rs"]
mod habits;
#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/lexer.rs"]
mod lexer;
#[path = "tidy/source.rs"]
mod source;

use std::path::Path;
use std::process::Command;

use source::{Finding, SourceFile, read_folder};

/// Crates that would be a second TLS or crypto stack beside OpenSSL (DEPENDENCIES.md rule 1).
const BANNED_CRATES: [&str; 4] = ["ring", "rustls", "aws-lc", "rsa"];

/// Types alone, without cryptography: reqwest names certificates by them with every TLS stack.
const HARMLESS_CRATES: [&str; 1] = ["rustls-pki-types"];

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn manifest() -> String {
    std::fs::read_to_string(top().join("Cargo.toml")).expect("a readable Cargo.toml")
}

fn sources() -> Vec<SourceFile> {
    let files: Vec<SourceFile> =
        ["src", "tests", "benches"].iter().flat_map(|folder| read_folder(top(), folder)).collect();
    assert!(files.iter().any(|file| file.path == "src/lib.rs"), "the sources were not found");
    files
}

fn none_found(findings: Vec<Finding>) {
    let lines: Vec<String> = findings.iter().map(|finding| format!("{}: {}", finding.place, finding.says)).collect();
    assert!(lines.is_empty(), "{} findings:\n{}\n", lines.len(), lines.join("\n"));
}

#[test]
fn modules_import_only_what_the_table_allows() {
    none_found(imports::our_imports(&sources()));
}

#[test]
fn foreign_crates_are_named_only_at_home() {
    none_found(imports::foreign_crates(&sources(), &manifest()));
}

#[test]
fn pure_does_no_io_and_knows_no_clock_thread_or_lock() {
    none_found(imports::impurities(&sources()));
}

#[test]
fn only_the_clock_reads_time() {
    none_found(habits::clock_readings(&sources()));
}

#[test]
fn every_unwrap_says_why_it_cannot_fail() {
    none_found(habits::unreasoned_unwraps(&sources()));
}

#[test]
fn only_the_command_line_prints_and_exits() {
    none_found(habits::prints(&sources()));
}

#[test]
fn sql_stands_in_the_stores_only() {
    none_found(habits::stray_sql(&sources()));
}

#[test]
fn no_unsafe_no_unfinished_work_no_ignored_or_sleeping_test() {
    none_found(habits::forbidden_words(&sources()));
    assert!(manifest().contains("unsafe_code = \"forbid\""), "Cargo.toml forbids unsafe code");
}

#[test]
fn every_file_says_what_it_is_for() {
    none_found(habits::missing_purposes(&sources()));
}

#[test]
fn files_and_functions_stay_short() {
    none_found(habits::lengths(&sources()));
}

#[test]
fn every_test_file_is_listed() {
    none_found(habits::unlisted_tests(&sources(), &["tests/main.rs", "tests/tidy.rs"]));
}

#[test]
fn the_shipped_tree_has_one_crypto_stack() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--all-features", "-e", "normal", "--prefix", "none", "-f", "{p}"])
        .current_dir(top())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8_lossy(&output.stdout);
    assert!(tree.lines().any(|line| line.starts_with("openssl ")), "this is not our tree:\n{tree}");
    let banned = banned_in(&tree);
    assert!(banned.is_empty(), "the shipped tree must not hold {banned:?}; see `cargo tree -i NAME -e normal`");
}

/// The banned crates among the lines `name vVERSION …` of a tree.
fn banned_in(tree: &str) -> Vec<&str> {
    let names = tree.lines().filter_map(|line| line.split_whitespace().next());
    let is_banned =
        |name: &&str| BANNED_CRATES.iter().any(|banned| name == banned || (banned.len() > 4 && name.contains(banned)));
    names.filter(is_banned).filter(|name| !HARMLESS_CRATES.contains(name)).collect()
}

#[test]
fn banned_crates_are_recognised() {
    let tree = "stampd v0.1.0 (x)\nstring v1\nring v0.17.14\nhyper-rustls v0.27.0\naws-lc-rs v1\naws-lc-sys v0.3\nrsa v0.9\nparsa v1\n\
                rustls-pki-types v1\n";
    assert_eq!(banned_in(tree), ["ring", "hyper-rustls", "aws-lc-rs", "aws-lc-sys", "rsa"]);
}
