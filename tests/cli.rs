//! The commands over the daemon's Unix socket and, when none runs, on the ledger itself: what they print, as text and as
//! JSON, and their exit codes.

use std::process::Output;

use serde_json::Value;

use crate::support::http::Ask;
use crate::support::shop::{By, Shop, Start};

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs a command that must end well, and returns what it printed.
#[track_caller]
fn run(shop: &Shop, arguments: &[&str]) -> String {
    let output = shop.cli(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}{}", out(&output), err(&output));
    out(&output)
}

#[track_caller]
fn run_json(shop: &Shop, arguments: &[&str]) -> Value {
    let said = run(shop, &[arguments, &["--json"]].concat());
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// One message, on standard error, and that exit code.
#[track_caller]
fn fails(shop: &Shop, arguments: &[&str], code: i32, part: &str) {
    let output = shop.cli(arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}{}", out(&output), err(&output));
    assert!(err(&output).contains(part), "{arguments:?}: {}", err(&output));
    assert_eq!(out(&output), "", "{arguments:?}");
}

#[test]
fn commands_do_the_same_with_and_without_a_daemon() {
    let mut shop = Shop::closed();
    for daemon in [false, true] {
        if daemon {
            shop.start(Start::Run);
        }
        println!("with a daemon: {daemon}");
        let made = run_json(&shop, &["customer", "add", "--first-name", "Ann", "--card", "cafe10", "--card", "points"]);
        let cards = made["cards"].as_array().expect("cards");
        let programmes: Vec<&str> = cards.iter().filter_map(|card| card["programme"].as_str()).collect();
        assert_eq!((programmes, &made["customer"]["first_name"]), (vec!["cafe10", "points"], &Value::from("Ann")));
        let serial = cards[0]["serial"].as_str().expect("a serial");
        let grouped = format!("{} {} {}", &serial[..4], &serial[4..8], &serial[8..]).to_lowercase();
        assert_eq!(run_json(&shop, &["card", "show", &grouped]), cards[0]);
        let text = run(&shop, &["card", "show", serial]);
        assert!(text.starts_with(&grouped.to_uppercase()) && text.contains("cafe10"), "{text}");
        let id = made["customer"]["id"].as_str().expect("an id");
        let shown: Value = serde_json::from_str(&run(&shop, &["customer", "show", id])).expect("JSON");
        assert_eq!(shown["cards"].as_array().map(Vec::len), Some(2));
        let issued = run_json(&shop, &["card", "issue", id, "cashback3"]);
        assert_eq!(
            (&issued["programme"], &issued["customer_id"]),
            (&Value::from("cashback3"), &made["customer"]["id"])
        );
        let verified = run_json(&shop, &["ledger", "verify"]);
        assert_eq!((&verified["faults"], verified["cards"].as_i64() > Some(100)), (&serde_json::json!([]), true));
        assert!(run(&shop, &["ledger", "verify"]).contains("the chain is whole"));

        fails(&shop, &["card", "show", "000000000000"], 1, "unknown_card");
        fails(&shop, &["card", "show", "short"], 1, "stampd: ");
        fails(&shop, &["customer", "show", "nobody"], 1, "unknown_customer");
        fails(&shop, &["card", "issue", id, "tea"], 1, "/programme");
        fails(&shop, &["customer", "add", "--email", "ann"], 1, "/email");
        fails(&shop, &["token", "create", "--name", "x", "--role", "till"], 1, "/till");
        fails(&shop, &["token", "create", "--name", "x", "--role", "king"], 1, "/role");
        fails(&shop, &["card"], 2, "Usage");
        fails(&shop, &["customer", "add", "--age", "7"], 2, "--age");
    }
    shop.verify();
}

#[test]
fn a_token_is_printed_once_and_works_at_once() {
    let mut shop = Shop::closed();
    let before = run(&shop, &["token", "create", "--name", "Door", "--role", "till", "--till", "till-1"]);
    shop.start(Start::Run);
    let during = run_json(&shop, &["token", "create", "--name", "Mara", "--role", "manager"]);
    let during = during["token"].as_str().expect("a token").to_owned();
    let presents = |token: &str| shop.scan("hello").token(token.trim()).send().status;
    assert_eq!((presents(&before), presents(&during), presents("neither")), (409, 409, 401));
    // Only its hash is kept: the disk does not hold it.
    for name in ["ledger.db", "ledger.db-wal"] {
        let bytes = std::fs::read(shop.dir.join(name)).expect("a file of the ledger");
        for token in [&before, &during] {
            let token = token.trim().as_bytes();
            assert!(!bytes.windows(token.len()).any(|window| window == token), "{name} holds a token");
        }
    }
    let other = Ask::new(shop.address, "GET", "/v1/staff").token(&shop.token(By::Admin)).send();
    assert!(other.expect(200).to_string().contains("Mara"));
}

#[test]
fn help_names_every_command_with_an_example() {
    let shop = Shop::empty();
    let output = shop.command(&["--help"]).output().expect("the program starts");
    let help = out(&output);
    for name in ["run", "demo", "phone", "doctor", "card", "customer", "token", "ledger"] {
        assert!(help.contains(&format!("  {name} ")), "{help}");
        let output = shop.command(&[name, "--help"]).output().expect("the program starts");
        assert_eq!(output.status.code(), Some(0));
        assert!(out(&output).contains("Example"), "{name} has no example:\n{}", out(&output));
    }
    let output = shop.command(&[]).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(2), "{}", err(&output));
    let output = shop.command(&["--version"]).output().expect("the program starts");
    assert!(out(&output).starts_with("stampd "), "{}", out(&output));
}

#[test]
fn a_design_is_previewed_by_name_and_by_folder_and_a_wrong_one_is_told() {
    let shop = Shop::closed();
    let dir = std::env::temp_dir().join(format!("stampd-preview-{}", std::process::id()));
    let to = dir.display().to_string();
    let told = run_json(&shop, &["pass", "preview", "points", "--dir", &to, "--goal", "80"]);
    let files: Vec<&str> = told["files"].as_array().expect("files").iter().filter_map(Value::as_str).collect();
    assert_eq!(files.len(), 12, "{told}");
    assert_eq!(told["advice"], Value::from(Vec::<Value>::new()));
    for file in files {
        let png = std::fs::read(file).expect("written");
        assert!(png.starts_with(b"\x89PNG"), "{file}");
    }
    let mine = dir.join("mine");
    std::fs::create_dir_all(&mine).expect("made");
    let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("passes/cashback");
    for file in ["design.toml", "strip.svg", "icon.svg"] {
        std::fs::copy(shipped.join(file), mine.join(file)).expect("copied");
    }
    let text = std::fs::read_to_string(mine.join("design.toml")).expect("read");
    std::fs::write(mine.join("design.toml"), text.replace("label = \"#b4bdf2\"", "label = \"#3a4384\""))
        .expect("written");
    let mine = mine.display().to_string();
    let said = run(&shop, &["pass", "preview", &mine, "--dir", &to]);
    assert!(said.contains("mine-ready-de-back.png") && said.contains("note: colours.label"), "{said}");
    std::fs::remove_file(dir.join("mine/strip.svg")).expect("removed");
    fails(&shop, &["pass", "preview", &mine, "--dir", &to], 1, "strip.svg: there is no such file");
    fails(&shop, &["pass", "preview", "none"], 1, "one of those that ship: stamps, spend, points, cashback");
    let _gone_already = std::fs::remove_dir_all(&dir);
}
