//! `stampd cert import`: turns a .p12 as people export it into the guarded form, whose key is encrypted under a random one
//! that lies apart (wallets/apple.md section 6).

use std::io::{BufRead, IsTerminal, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;
use zeroize::Zeroizing;

use super::{Context, given, terminal};
use crate::base::clock::{self, Clock, Trust};
use crate::base::config::{Config, Secret, SecretError};
use crate::pure::passes::sign::{Facts, Identity, Signer};
use crate::pure::text::{printable, shown};

/// What is done with certificates.
#[derive(Debug, Subcommand)]
pub enum CertCommand {
    /// Turns a .p12 into the guarded form: certificate and encrypted key in one file, the key that opens it in another.
    #[command(after_help = "Examples:\n  stampd cert import pass.p12\n  \
                            stampd cert import renewed.p12 --out keys/pass.pem --key keys/pass.key --replace")]
    Import(ImportArgs),
}

/// An import.
#[derive(Args, Debug)]
pub struct ImportArgs {
    /// The .p12 as exported from Keychain Access or made by OpenSSL.
    file: PathBuf,
    /// Its password is in this file; without it the password is asked for, or read from standard input.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Where the guarded form goes; by default FILE with the ending .pem.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Where the key goes that opens it; one that is there is used again. By default the guarded form with the ending .key.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Replaces a guarded form that is there: for a renewed certificate.
    #[arg(long)]
    replace: bool,
}

/// Runs `cert`.
pub fn run(context: &Context, command: CertCommand) -> Result<()> {
    let CertCommand::Import(args) = command;
    let out = args.out.clone().unwrap_or_else(|| args.file.with_extension("pem"));
    let key_file = args.key.clone().unwrap_or_else(|| out.with_extension("key"));
    if out == args.file || key_file == out {
        bail!("{} would be overwritten; name another file with --out or --key", out.display());
    }
    if out.exists() && !args.replace {
        bail!("{} is there already; name another file with --out, or say --replace", out.display());
    }
    let bytes = Zeroizing::new(given::read(&args.file, given::KEY_BYTES_MAX)?);
    let password = password(&args)?;
    let told = || format!("cannot open {}", args.file.display());
    let identity = Identity::open(&bytes, &password).with_context(told)?;
    let facts = identity.facts().with_context(told)?;
    let key = key_of(&key_file)?;
    let pem = identity.guarded(&key).with_context(told)?;
    write_private(&out, &pem)?;
    // What was written must open again before the owner removes the .p12.
    let written = Secret::in_file(&out).read()?;
    let again = Identity::open(written.expose(), &key).with_context(|| format!("{} does not open", out.display()))?;
    let now_s = Clock::new(TimeZone::UTC, Trust::Always)?.wall_ms().div_euclid(1_000);
    let late = out_of_time(&facts, now_s)?;
    if let Some(late) = &late {
        mention!("warning: {late}");
    }
    let mut advice = advice(context, again, &facts);
    advice.splice(0..0, late);
    report(context, &out, &key_file, &facts, advice)
}

/// What an owner hears of a certificate that signs nothing now.
fn out_of_time(facts: &Facts, now_s: i64) -> Result<Option<String>> {
    let day = |second| Timestamp::from_second(second).map(|at| at.strftime("%Y-%m-%d").to_string());
    Ok(if now_s > facts.until_s {
        let ended = day(facts.until_s)?;
        Some(format!("the certificate ended on {ended} and signs nothing; renew it under the same pass type id"))
    } else if now_s < facts.from_s {
        let begins = day(facts.from_s)?;
        Some(format!("the certificate is valid from {begins} on and signs nothing before; look at the clock"))
    } else {
        None
    })
}

/// The password: from the file, else from the terminal without echo, else a line of standard input.
fn password(args: &ImportArgs) -> Result<Zeroizing<String>> {
    if let Some(file) = &args.password_file {
        return match Secret::in_file(file).read_text() {
            // An export may have no password.
            Err(SecretError::Empty { .. }) => Ok(Zeroizing::default()),
            read => Ok(read?),
        };
    }
    let mut line = Zeroizing::new(String::new());
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        stdin.lock().read_line(&mut line)?;
    } else {
        terminal::aside_raw(&format!("Password of {}: ", printable(&args.file.to_string_lossy())));
        echo(false);
        let read = stdin.lock().read_line(&mut line);
        echo(true);
        terminal::aside_raw("\n");
        read?;
    }
    Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()))
}

/// Whether the terminal shows what is typed; one that cannot be told shows it.
fn echo(on: bool) {
    let _ = Command::new("stty").arg(if on { "echo" } else { "-echo" }).stdin(Stdio::inherit()).status();
}

/// The key that guards: the one in the file, or 32 fresh random bytes written there.
fn key_of(file: &Path) -> Result<Zeroizing<String>> {
    if file.exists() {
        return Ok(Secret::in_file(file).read_text()?);
    }
    let random = Zeroizing::new(clock::random_bytes::<32>());
    let key: Zeroizing<String> = Zeroizing::new(random.iter().map(|byte| format!("{byte:02x}")).collect());
    write_private(file, key.as_bytes())?;
    Ok(key)
}

/// Writes a file that only its owner may read, aside and renamed; it belongs to whoever owns its folder, so that root can
/// import for the daemon's user.
fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let aside = path.with_added_extension("new");
    let write = || -> std::io::Result<()> {
        let owner = std::fs::metadata(folder)?;
        let _nothing_there = std::fs::remove_file(&aside);
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        let made = file.metadata()?;
        if (made.uid(), made.gid()) != (owner.uid(), owner.gid()) {
            std::os::unix::fs::fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
        }
        std::fs::rename(&aside, path)?;
        std::fs::File::open(folder)?.sync_all()
    };
    write().with_context(|| format!("cannot write {}; give a folder that you own with --out", path.display()))
}

/// What the configuration has to say about it.
fn advice(context: &Context, identity: Identity, facts: &Facts) -> Vec<String> {
    let config = Config::load(&context.config).ok();
    let apple =
        config.as_ref().and_then(|config| config.apple.iter().find(|one| one.pass_type_id == facts.pass_type_id));
    let mut advice = Vec::new();
    if let (Some(config), None) = (&config, apple) {
        advice.push(format!(
            "{} has no [[apple]] table of this pass type yet: put pass_type_id = {:?} and team_id = {:?} above the two \
             lines, under [[apple]]",
            config.file.display(),
            facts.pass_type_id,
            facts.team_id
        ));
    }
    let wwdr = apple.and_then(|apple| given::read(apple.wwdr.as_ref()?, given::KEY_BYTES_MAX).ok()).unwrap_or_default();
    let judged = Signer::new(identity, &wwdr).and_then(|signer| match apple {
        Some(apple) => signer.agrees_with(&apple.pass_type_id, &apple.team_id),
        None => Ok(()),
    });
    advice.extend(judged.err().map(|error| error.to_string()));
    advice
}

fn report(context: &Context, out: &Path, key: &Path, facts: &Facts, advice: Vec<String>) -> Result<()> {
    let out = std::path::absolute(out)?;
    let key = std::path::absolute(key)?;
    let until = Timestamp::from_second(facts.until_s).map(|until| until.strftime("%Y-%m-%d").to_string())?;
    if context.json {
        let told = json!({
            "certificate": out, "key": key, "pass_type_id": facts.pass_type_id, "team_id": facts.team_id,
            "issuer": facts.issuer, "valid_until": until, "sha256": facts.sha256, "advice": advice
        });
        say!("{}", serde_json::to_string_pretty(&told)?);
        return Ok(());
    }
    let (pass_type, team) = (shown(&facts.pass_type_id), shown(&facts.team_id));
    say!("{pass_type}, team {team}, issued by {}, valid until {until}", facts.issuer);
    say!("written: {} (its key is encrypted), {} (opens it)\n", out.display(), key.display());
    say!("In the configuration:\n  certificate = {:?}\n  password = {:?}\n", out.display(), key.display());
    say!(
        "Better: let systemd keep what opens it, bound to this machine, and remove {key} and the .p12:\n  \
         systemd-creds encrypt --name=stampd.pass {key} /etc/credstore.encrypted/stampd.pass\n  \
         systemctl edit stampd    # [Service] LoadCredentialEncrypted=stampd.pass\n  \
         password = {{ credential = \"stampd.pass\" }}",
        key = key.display()
    );
    for line in advice {
        say!("\nnote: {line}");
    }
    Ok(())
}
