//! Who may import whom: the table of our modules and the homes of other people's crates.
//!
//! A module that is born later has its row already. One that has none is a finding: write down what it may see first.

use super::lexer::Kind;
use super::source::{Finding, SourceFile};

/// Module, and the modules of ours that its shipped code may name. Its own inside is always allowed; the longest row counts.
pub const IMPORTS: &[(&str, &[&str])] = &[
    ("", &[]),
    ("main", &["daemon", "cli"]),
    ("bin", &["pure", "base", "hub", "daemon", "cli"]),
    ("pure", &[]),
    ("pure::domain", &[]),
    ("pure::apdu", &[]),
    ("pure::tap", &["pure::apdu", "pure::domain"]),
    ("pure::resolve", &["pure::domain"]),
    ("pure::program", &["pure::domain"]),
    ("pure::plan", &["pure::domain"]),
    ("pure::text", &["pure::domain"]),
    ("pure::wire", &["pure::domain"]),
    ("pure::passes", &["pure::domain", "pure::text"]),
    ("base", &[]),
    ("base::clock", &["pure::domain"]),
    ("base::config", &["pure::domain", "pure::program", "pure::passes"]),
    ("base::pin", &[]),
    ("base::priority", &[]),
    ("base::transport", &["pure::domain", "base::clock"]),
    ("base::public", &["pure::domain", "pure::wire", "pure::passes", "pure::text", "base::clock"]),
    ("shop", &[]),
    ("shop::ledger", &["pure::domain", "pure::wire"]),
    ("shop::till", &["pure", "shop::ledger"]),
    ("shop::reader", &["pure::tap", "pure::apdu", "pure::domain", "pure::text", "base::clock"]),
    // The face of a card is a use case of till.
    ("shop::delivery", &["pure", "base::transport", "base::clock", "base::priority", "shop::ledger", "shop::till"]),
    ("shop::sync", &["pure", "base::transport", "base::clock", "shop::ledger"]),
    ("hub", &["pure", "base"]),
    ("faces", &[]),
    // The doors that all faces stand behind: listeners, callers, faults. The faces themselves do not see each other.
    ("faces::door", &["pure", "base", "shop::till", "shop::ledger", "shop::delivery"]),
    ("faces::lan", &["pure", "base", "shop::till", "shop::ledger", "shop::delivery", "faces::door"]),
    ("faces::console", &["pure", "base", "shop::till", "shop::ledger", "faces::door"]),
    ("faces::exchange", &["pure", "base", "shop::till", "shop::ledger", "faces::door"]),
    ("tools", &[]),
    // Its own bytes on purpose: neither apdu nor tap, so that one mistake is not made twice.
    ("tools::phone", &["pure::domain", "base::clock"]),
    (
        "tools::demo",
        &[
            "pure::domain",
            "pure::passes",
            "pure::wire",
            "base::config",
            "base::clock",
            "base::pin",
            // It makes a history by commands of the rules.
            "pure::program",
            "shop::ledger",
            "shop::till",
            "tools::phone",
        ],
    ),
    ("daemon", &["pure", "base", "shop", "faces", "tools"]),
    ("cli", &["pure", "base", "shop", "faces", "tools", "daemon"]),
];

/// Where another people's crate may be named by shipped code.
pub enum Home {
    /// It is a value or a derive: anywhere.
    Everywhere,
    /// Anywhere but in `pure`.
    Shells,
    /// In these modules.
    Only(&'static [&'static str]),
}

use Home::{Everywhere, Only, Shells};

/// The homes of the crates of `[dependencies]`; one without a row is a finding.
pub const HOMES: &[(&str, Home)] = &[
    // The wiring and the demo fail with a sentence for whoever started them; modules have errors of their own.
    ("anyhow", Only(&["main", "bin", "cli", "daemon", "tools::demo"])),
    ("argon2", Shells),
    ("askama", Only(&["faces::console", "base::public", "hub"])),
    ("axum", Only(&["base::public", "faces", "hub"])),
    ("axum_extra", Only(&["base::public", "faces", "hub"])),
    ("axum_server", Only(&["base::public", "faces", "hub", "daemon"])),
    ("backon", Only(&["base::transport", "shop::delivery", "shop::sync"])),
    ("clap", Only(&["main", "bin", "cli"])),
    ("clap_complete", Only(&["cli"])),
    ("clap_mangen", Only(&["cli"])),
    ("comfy_table", Only(&["cli"])),
    ("csv", Only(&["faces::exchange"])),
    ("deadpool_postgres", Only(&["hub::store"])),
    ("evdev", Only(&["shop::reader::scanner"])),
    ("flate2", Only(&["pure::tap", "pure::passes::bundle", "tools::phone"])),
    ("fluent_bundle", Only(&["pure::text"])),
    ("getrandom", Only(&["base::clock"])),
    ("governor", Only(&["base::public", "faces", "hub"])),
    ("indicatif", Only(&["cli"])),
    ("jiff", Everywhere),
    ("lettre", Only(&["base::transport"])),
    ("mdns_sd", Only(&["faces::lan"])),
    ("metrics", Shells),
    ("metrics_exporter_prometheus", Only(&["daemon", "hub"])),
    (
        "openssl",
        Only(&[
            "pure::tap",
            "pure::passes",
            "pure::wire",
            "base::public",
            "base::transport",
            "shop::ledger",
            "shop::delivery",
            "faces::lan",
            "faces::door",
            "tools::phone",
            "tools::demo",
            "daemon",
            "hub",
        ]),
    ),
    ("p12", Only(&["pure::passes::sign"])),
    ("pcsc", Only(&["shop::reader::pcsc"])),
    ("phonenumber", Shells),
    ("postgres_openssl", Only(&["hub::store"])),
    ("qrcode", Only(&["pure::passes::preview", "base::public", "faces", "cli", "hub"])),
    ("regex", Shells),
    ("reqwest", Only(&["base::transport", "shop::sync", "cli"])),
    ("resvg", Only(&["pure::passes::strip"])),
    ("rusqlite", Only(&["shop::ledger"])),
    ("rust_xlsxwriter", Only(&["faces::exchange"])),
    ("rustix", Shells),
    ("rxing", Only(&["pure::passes", "faces"])),
    ("sd_notify", Only(&["daemon", "hub"])),
    ("serde", Only(&["pure::wire", "pure::passes", "base", "faces", "hub", "tools", "cli"])),
    (
        "serde_json",
        Only(&["pure::wire", "pure::passes", "base", "shop::delivery", "shop::sync", "faces", "hub", "tools", "cli"]),
    ),
    ("serde_path_to_error", Only(&["base::config", "faces", "hub"])),
    ("serial2_tokio", Only(&["shop::reader::scanner"])),
    ("standardwebhooks", Only(&["hub"])),
    ("thiserror", Everywhere),
    ("tokio", Shells),
    ("tokio_postgres", Only(&["hub::store"])),
    ("tokio_stream", Shells),
    ("tokio_util", Shells),
    ("toml", Only(&["base::config"])),
    ("tower", Only(&["base::public", "faces", "hub"])),
    ("tower_http", Only(&["base::public", "faces", "hub"])),
    ("tracing", Shells),
    ("tracing_journald", Only(&["daemon", "cli", "hub"])),
    ("tracing_subscriber", Only(&["daemon", "cli", "hub"])),
    ("unic_langid", Only(&["pure::text"])),
    // Its derives stand beside serde's on the shapes of wire, so that routes and document cannot drift apart.
    ("utoipa", Only(&["pure::wire", "base::public", "faces", "hub"])),
    ("utoipa_axum", Only(&["base::public", "faces", "hub"])),
    ("uuid", Everywhere),
    ("zeroize", Everywhere),
    ("zip", Only(&["pure::passes::bundle"])),
    ("zstd", Only(&["base::transport", "shop::ledger", "shop::sync", "hub", "cli"])),
];

/// What `pure` may not name of the standard library: I/O, clocks, threads, locks.
const IMPURE_STD: &[&str] = &[
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::os",
    "std::path",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::sync::Condvar",
    "std::sync::Mutex",
    "std::sync::RwLock",
    "std::sync::atomic",
    "std::sync::mpsc",
];

/// A path that a file names, in full from the root of the crate, `std` or another crate.
struct Named {
    path: Vec<String>,
    line: usize,
    in_test: bool,
    module: Vec<String>,
}

impl Named {
    fn text(&self) -> String {
        self.path.join("::")
    }
}

/// Findings against [`IMPORTS`].
pub fn our_imports(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.is_shipped()) {
        let own = file.code.first().map_or(Vec::new(), |code| code.module.clone());
        let Some(area) = area_of(&own) else {
            let says = format!("module {} has no row in the import table (tests/tidy/imports.rs)", own.join("::"));
            findings.push(file.finding(1, says));
            continue;
        };
        for named in named_paths(file).into_iter().filter(|named| named.path[0] == "crate") {
            let target = &named.path[1..];
            if target.is_empty() || may_import(area, target, named.in_test) {
                continue;
            }
            let says = format!("{} may not import {} (STYLE.md section 3)", own.join("::"), named.text());
            findings.push(file.finding(named.line, says));
        }
    }
    findings
}

/// The row of a module: the longest whose path begins it. A module below a bare wing has none.
fn area_of(module: &[String]) -> Option<(&'static str, &'static [&'static str])> {
    let fits = |row: &&(&'static str, &'static [&'static str])| begins(module, row.0);
    let row = IMPORTS.iter().filter(fits).max_by_key(|row| row.0.len())?;
    let bare = ["", "pure", "base", "shop", "faces", "tools"].contains(&row.0);
    (!bare || module.join("::") == row.0).then_some(*row)
}

fn may_import(area: (&str, &[&str]), target: &[String], in_test: bool) -> bool {
    let allowed = begins(target, area.0) && !area.0.is_empty() || area.1.iter().any(|row| begins(target, row));
    // A test may prepare with what lies below or beside it, never with what lies above.
    let wing = target.first().map_or("", String::as_str);
    let own_wing = area.0.split("::").next().unwrap_or("");
    let below = wing_number(wing) < wing_number(own_wing) || wing == own_wing;
    allowed || (in_test && below)
}

fn wing_number(wing: &str) -> u8 {
    match wing {
        "pure" => 1,
        "base" => 2,
        "shop" | "hub" => 3,
        "faces" | "tools" => 4,
        _ => 5,
    }
}

fn begins(path: &[String], prefix: &str) -> bool {
    prefix.is_empty() || prefix.split("::").enumerate().all(|(at, part)| path.get(at).is_some_and(|name| name == part))
}

/// Findings against [`HOMES`]; `manifest` is Cargo.toml.
pub fn foreign_crates(files: &[SourceFile], manifest: &str) -> Vec<Finding> {
    let known = |name: &str| HOMES.iter().find(|(home, _)| *home == name);
    let mut findings: Vec<Finding> = dependencies(manifest)
        .into_iter()
        .filter(|name| known(name).is_none())
        .map(|name| Finding {
            place: "Cargo.toml".to_owned(),
            says: format!("{name} has no home in tests/tidy/imports.rs: say where it may be named"),
        })
        .collect();
    for file in files.iter().filter(|file| file.is_shipped()) {
        for named in named_paths(file).into_iter().filter(|named| !named.in_test) {
            let Some((name, home)) = known(&named.path[0]) else { continue };
            // A module of the file's own by that name hides the crate.
            if (1..file.code.len()).any(|at| file.at(at) == *name && file.at(at - 1) == "mod") {
                continue;
            }
            let at_home = match home {
                Everywhere => true,
                Shells => named.module.first().is_some_and(|wing| wing != "pure"),
                Only(modules) => modules.iter().any(|module| begins(&named.module, module)),
            };
            if !at_home {
                findings
                    .push(file.finding(named.line, format!("{name} is named outside its home (STYLE.md section 3)")));
            }
        }
    }
    findings
}

/// The crates of `[dependencies]` as the source names them.
fn dependencies(manifest: &str) -> Vec<String> {
    let section = manifest.split("\n[dependencies]\n").nth(1).unwrap_or("");
    let lines = section.lines().take_while(|line| !line.starts_with('['));
    lines.filter_map(|line| Some(line.split_once('=')?.0.trim().replace('-', "_"))).collect()
}

/// Findings in `pure`: I/O, clocks, threads, locks, `async`.
pub fn impurities(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.path.starts_with("src/pure/")) {
        for named in named_paths(file).into_iter().filter(|named| !named.in_test) {
            if IMPURE_STD.iter().any(|impure| begins(&named.path, impure)) {
                findings.push(file.finding(named.line, format!("{} in pure: hand the value in instead", named.text())));
            }
        }
        let words = file.code.iter().filter(|code| !code.in_test && code.token.kind == Kind::Word);
        for code in words.filter(|code| ["async", "await"].contains(&code.token.text.as_str())) {
            findings.push(file.finding(code.token.line, format!("`{}` in pure", code.token.text)));
        }
    }
    findings
}

/// All paths that a file names, groups of `use` taken apart, `super` and `self` resolved.
fn named_paths(file: &SourceFile) -> Vec<Named> {
    let mut found = Vec::new();
    for (at, code) in file.code.iter().enumerate() {
        let continues = at > 0 && file.at(at - 1) == "::";
        let begins_use = at > 0 && file.at(at - 1) == "use";
        if code.token.kind != Kind::Word || continues || (file.at(at + 1) != "::" && !begins_use) {
            continue;
        }
        let mut paths = Vec::new();
        walk_tree(file, at, &mut Vec::new(), &mut paths);
        for (path, line) in paths {
            let path = resolved(path, &code.module);
            found.push(Named { path, line, in_test: code.in_test, module: code.module.clone() });
        }
    }
    found
}

/// Reads one tree (`a::b`, `a::{b, c::*}`) from `at`; returns the index after it.
fn walk_tree(file: &SourceFile, mut at: usize, prefix: &mut Vec<String>, out: &mut Vec<(Vec<String>, usize)>) -> usize {
    let depth = prefix.len();
    let line = file.code[at].token.line;
    loop {
        prefix.push(file.at(at).to_owned());
        at += 1;
        if file.at(at) != "::" {
            break;
        }
        at += 1;
        if file.at(at) == "{" {
            at += 1;
            while at < file.code.len() && file.at(at) != "}" {
                at = if file.at(at) == "," { at + 1 } else { walk_tree(file, at, prefix, out) };
            }
            prefix.truncate(depth);
            return at + 1;
        }
        let word = file.code.get(at).is_some_and(|code| code.token.kind == Kind::Word);
        if !word && file.at(at) != "*" {
            break;
        }
    }
    out.push((prefix.clone(), line));
    prefix.truncate(depth);
    while file.at(at) == "as" {
        at += 2;
    }
    at
}

/// With `super`, `self` and our own crate's name turned into a path from the root.
fn resolved(path: Vec<String>, module: &[String]) -> Vec<String> {
    let mut from_root = match path[0].as_str() {
        "super" | "self" => module.to_vec(),
        "stampd" => Vec::new(),
        _ => return path,
    };
    let mut rest = path.as_slice();
    while let [first, after @ ..] = rest {
        match first.as_str() {
            "super" => drop(from_root.pop()),
            "self" | "stampd" => {}
            _ => break,
        }
        rest = after;
    }
    from_root.extend_from_slice(rest);
    from_root.insert(0, "crate".to_owned());
    from_root
}

#[cfg(test)]
mod self_tests {
    use super::*;

    fn ours(path: &str, text: &str) -> usize {
        our_imports(&[SourceFile::new(path, text)]).len()
    }

    #[test]
    fn an_import_against_the_table_is_found_in_every_form() {
        let domain = "src/pure/domain/time.rs";
        for text in [
            "use crate::base::clock::Clock;",
            "use crate::{base::clock::Clock};",
            "use crate::pure::{domain::Now, tap::Step};",
            "use super::super::tap;",
            "use super::super::{tap::Step as S, domain::Now};",
            "fn f() { crate::shop::ledger::open(); }",
            "type T = Vec<crate::pure::wire::Shape>;",
            "mod inner { use super::super::super::tap::Step; }",
        ] {
            assert_eq!(ours(domain, text), 1, "{text}");
        }
        for text in ["use super::ids::Serial;", "use crate::pure::domain::{Now, ids::*};", "use std::fs;", "self.x();"]
        {
            assert_eq!(ours(domain, text), 0, "{text}");
        }
    }

    #[test]
    fn the_wings_hold() {
        for (path, target) in [
            ("src/shop/till/mod.rs", "hub::store"),
            ("src/hub/mod.rs", "shop::ledger"),
            ("src/faces/lan/mod.rs", "faces::console"),
            ("src/faces/lan/mod.rs", "shop::reader"),
            ("src/tools/phone/mod.rs", "pure::apdu"),
            ("src/shop/reader/mod.rs", "shop::ledger"),
            ("src/shop/ledger/mod.rs", "pure::program"),
            ("src/cli/run.rs", "hub"),
            ("src/base/config/mod.rs", "base::clock"),
            ("src/base/transport/mod.rs", "pure::wire"),
            ("src/main.rs", "shop::ledger"),
        ] {
            assert_eq!(ours(path, &format!("use crate::{target}::X;")), 1, "{path} {target}");
        }
        for (path, target) in [
            ("src/shop/till/mod.rs", "pure::program"),
            ("src/daemon.rs", "shop::reader"),
            ("src/shop/sync/mod.rs", "base::transport"),
            ("src/hub/store/mod.rs", "base::public"),
            ("src/base/config/programme.rs", "pure::program"),
        ] {
            assert_eq!(ours(path, &format!("use crate::{target}::X;")), 0, "{path} {target}");
        }
        assert_eq!(ours("src/main.rs", "use stampd::hub::X;"), 1, "the library by its name");
        assert_eq!(ours("src/pure/newborn/mod.rs", "fn f() {}"), 1, "no row");
        assert_eq!(ours("src/newborn.rs", "fn f() {}"), 1, "no row");
    }

    #[test]
    fn tests_may_look_down_and_never_up() {
        let test = |target: &str| format!("#[cfg(test)] mod tests {{ use crate::{target}::X; }}");
        assert_eq!(ours("src/shop/ledger/mod.rs", &test("pure::program")), 0);
        assert_eq!(ours("src/shop/ledger/mod.rs", &test("faces::lan")), 1);
        assert_eq!(ours("src/shop/ledger/mod.rs", &test("hub")), 1);
        assert_eq!(ours("src/pure/tap/mod.rs", &test("base::clock")), 1);
    }

    #[test]
    fn foreign_crates_stay_at_home() {
        let foreign = |path: &str, text: &str| foreign_crates(&[SourceFile::new(path, text)], "").len();
        assert_eq!(foreign("src/shop/till/mod.rs", "use rusqlite::Connection;"), 1);
        assert_eq!(foreign("src/shop/ledger/post.rs", "use rusqlite::{Connection, params};"), 0);
        assert_eq!(foreign("src/pure/tap/mod.rs", "fn f() { tracing::info!(\"x\"); }"), 1);
        assert_eq!(foreign("src/shop/reader/mod.rs", "fn f() { tracing::info!(\"x\"); }"), 0);
        assert_eq!(foreign("src/pure/resolve/mod.rs", "use openssl;"), 1);
        assert_eq!(foreign("src/pure/tap/mod.rs", "#[cfg(test)] mod tests { use serde_json::Value; }"), 0);
        assert_eq!(foreign("src/shop/reader/mod.rs", "use super::pcsc::Context; // not the crate"), 0);
        assert_eq!(foreign("src/shop/reader/mod.rs", "mod pcsc; pub use pcsc::Monitor;"), 0, "its own module");
        assert_eq!(foreign("src/shop/reader/mod.rs", "pub use pcsc::Context;"), 1);
        let manifest = "[package]\n[dependencies]\njiff = \"1\"\nnew-crate = { version = \"1\" }\n[lints]\nx = 1\n";
        assert_eq!(foreign_crates(&[], manifest).len(), 1);
    }

    #[test]
    fn pure_is_kept_pure() {
        let impure = |text: &str| impurities(&[SourceFile::new("src/pure/tap/mod.rs", text)]).len();
        for text in
            ["use std::fs::File;", "use std::{fmt, path::Path};", "async fn f() {}", "fn f(x: std::sync::Mutex<u8>) {}"]
        {
            assert_eq!(impure(text), 1, "{text}");
        }
        assert_eq!(impure("use std::{fmt, time::Duration}; use std::sync::Arc;"), 0);
        assert_eq!(impure("#[cfg(test)] mod tests { use std::fs; }"), 0);
    }
}
