//! Keys of every kind that people export, made by the `openssl` command, and signatures verified by it.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use jiff::tz::TimeZone;

use super::*;
use crate::pure::domain::{BootId, ClockTrust, Now};

const TYPE: &str = "pass.com.example.test";
const TEAM: &str = "A1B2C3D4E5";

/// Extensions like those of Apple's certificates (wallets/apple.md section 2).
const EXTENSIONS: &str = "
[wwdr]
basicConstraints=critical,CA:true,pathlen:0
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
1.2.840.113635.100.6.2.1=DER:0500
[leaf]
basicConstraints=critical,CA:false
keyUsage=critical,digitalSignature
extendedKeyUsage=clientAuth,1.2.840.113635.100.4.14
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
1.2.840.113635.100.6.1.16=ASN1:UTF8String:pass.com.example.test
[other]
extendedKeyUsage=clientAuth
";

/// A folder with root, intermediate and leaf, made once for all tests of this process.
struct Pki {
    folder: PathBuf,
}

static PKI: LazyLock<Pki> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("stampd-sign-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("ext.cnf"), EXTENSIONS).expect("written");
    let pki = Pki { folder };
    let wwdr = "/CN=Test Worldwide Developer Relations/OU=G4/O=Test/C=US";
    let leaf = format!("/UID={TYPE}/CN=Pass Type ID: {TYPE}/OU={TEAM}/O=Test/C=US");
    for (root, wwdr_name) in [("root", "wwdr"), ("root2", "wwdr2")] {
        pki.run(&[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "3650",
            "-subj",
            "/CN=Test Root",
            "-keyout",
            &format!("{root}.key"),
            "-out",
            &format!("{root}.pem"),
        ]);
        pki.issue(wwdr_name, wwdr, root, "wwdr", "rsa:2048");
    }
    pki.issue("leaf", &leaf, "wwdr", "leaf", "rsa:2048");
    pki.issue("brief", "/CN=Brief WWDR/OU=G9/O=Test/C=US", "root", "wwdr", "rsa:2048");
    pki.issue("brief-leaf", &leaf, "brief", "leaf", "rsa:2048");
    pki.issue("weak", &leaf, "wwdr", "leaf", "rsa:1024");
    pki.issue("other", &leaf, "wwdr", "other", "rsa:2048");
    pki.issue("nameless", &format!("/CN=Pass Type ID: {TYPE}/OU={TEAM}"), "wwdr", "leaf", "rsa:2048");
    pki
});

impl Pki {
    fn run(&self, arguments: &[&str]) -> Vec<u8> {
        self.try_run(arguments).unwrap_or_else(|error| panic!("openssl {arguments:?}: {error}"))
    }

    fn try_run(&self, arguments: &[&str]) -> Result<Vec<u8>, String> {
        let output = Command::new("openssl").args(arguments).current_dir(&self.folder).stdin(Stdio::null()).output();
        let output = output.expect("apt-get install openssl (make test does it)");
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    fn issue(&self, name: &str, subject: &str, issuer: &str, section: &str, key: &str) {
        // The authority outlives its leaves, but for the brief one.
        let days = match (name, section) {
            ("brief", _) => "30",
            (_, "wwdr") => "3650",
            _ => "397",
        };
        let file = |ending: &str| format!("{name}.{ending}");
        let (issuer_pem, issuer_key) = (format!("{issuer}.pem"), format!("{issuer}.key"));
        self.run(&[
            "req",
            "-new",
            "-newkey",
            key,
            "-nodes",
            "-subj",
            subject,
            "-keyout",
            &file("key"),
            "-out",
            &file("csr"),
        ]);
        self.run(&[
            "x509",
            "-req",
            "-in",
            &file("csr"),
            "-CA",
            &issuer_pem,
            "-CAkey",
            &issuer_key,
            "-CAcreateserial",
            "-days",
            days,
            "-extfile",
            "ext.cnf",
            "-extensions",
            section,
            "-out",
            &file("pem"),
        ]);
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// A .p12 of the leaf with these options; the file's name must be its own, as tests run side by side.
    fn p12(&self, name: &str, password: &str, options: &[&str]) -> Result<Vec<u8>, String> {
        let pass = format!("pass:{password}");
        let common = ["pkcs12", "-export", "-in", "leaf.pem", "-inkey", "leaf.key", "-out", name, "-passout", &pass];
        self.try_run(&[&common[..], options].concat())?;
        Ok(self.read(name))
    }

    fn signer(&self) -> Signer {
        let identity = self.identity("leaf");
        Signer::new(identity, &self.read("wwdr.pem")).expect("a signer")
    }

    fn identity(&self, name: &str) -> Identity {
        let key = PKey::private_key_from_pem(&self.read(&format!("{name}.key"))).expect("a key");
        let leaf = X509::from_pem(&self.read(&format!("{name}.pem"))).expect("a certificate");
        Identity::of(vec![key], vec![leaf]).expect("a pair")
    }
}

fn at(seconds: i64, trust: ClockTrust) -> Now {
    Now { wall_ms: seconds * 1_000, zone: TimeZone::UTC, boot_id: BootId([0; 16]), boot_ns: 0, trust }
}

fn type_of(identity: Result<Identity, KeyError>) -> Result<String, KeyError> {
    identity.map(|identity| identity.facts().expect("a pass certificate").pass_type_id)
}

/// The table of wallets/apple.md section 6: name, what makes it, and whether it opens.
#[test]
fn every_kind_of_p12_opens_or_says_why_not() {
    const RC2_40: &[&str] = &["-legacy", "-certpbe", "PBE-SHA1-RC2-40", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1"];
    const RC2_128: &[&str] =
        &["-legacy", "-certpbe", "PBE-SHA1-RC2-128", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1"];
    let ok: Result<&str, &str> = Ok(TYPE);
    let kinds: [(&str, &[&str], Result<&str, &str>); 10] = [
        ("rc2-40", RC2_40, ok),
        ("3des-sha1", &["-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1"], ok),
        ("3des-sha256", &["-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha256"], ok),
        ("aes-sha1", &["-macalg", "sha1"], ok),
        ("aes-sha256", &[], ok),
        ("chain", &["-certfile", "wwdr.pem"], ok),
        ("open-certs", &["-certpbe", "NONE"], ok),
        (
            "rc2-128",
            RC2_128,
            Err("PBE-SHA1-RC2-128 (1.2.840.113549.1.12.1.5); convert it with 'openssl pkcs12 -legacy"),
        ),
        ("nomac", &["-nomac"], Err("no integrity check")),
        ("keyless", &["-nokeys"], Err("no private key that matches one of its 1 certificates")),
    ];
    for (name, options, expected) in kinds {
        for password in ["secret", "", "Paßwort"] {
            // Without a check and without a password OpenSSL opens it; that the key matches is check enough.
            if name == "nomac" && password.is_empty() {
                continue;
            }
            let made = PKI.p12(&format!("{name}-{}.p12", password.len()), password, options);
            let file = match made {
                Ok(file) => file,
                // Where the legacy provider is a package of its own, RC2 is tried by the test below.
                Err(_) if options.first() == Some(&"-legacy") => continue,
                Err(error) => panic!("{name}: {error}"),
            };
            match (type_of(Identity::open(&file, password)), expected) {
                (Ok(pass_type), Ok(expected)) => assert_eq!(pass_type, expected, "{name}"),
                (Err(error), Err(says)) => assert!(error.to_string().contains(says), "{name}: {error}"),
                (got, _) => panic!("{name} with password {password:?}: {got:?}"),
            }
            if name != "nomac" {
                assert_eq!(type_of(Identity::open(&file, "wrong")), Err(KeyError::WrongPassword), "{name}");
            }
        }
    }
}

/// As an old Keychain exports it, without a legacy provider: RC2-40 certificates, 3DES key, SHA-1.
#[test]
fn an_old_keychain_file_opens_by_itself() {
    let key = PKI.run(&["pkcs8", "-topk8", "-nocrypt", "-in", "leaf.key", "-outform", "DER"]);
    let der = |name: &str| PKI.run(&["x509", "-in", name, "-outform", "DER"]);
    let (leaf, wwdr) = (der("leaf.pem"), der("wwdr.pem"));
    let old = ::p12::PFX::new(&leaf, &key, Some(&wwdr), "secret", "Pass Type ID").expect("made").to_der();
    let identity = Identity::open(&old, "secret").expect("opened");
    assert_eq!(identity.others.len(), 1);
    // The intermediate inside is enough.
    assert_eq!(Signer::new(identity, &[]).expect("a signer").facts().team_id, TEAM);
    for wrong in ["", "Secret", "secret\0"] {
        assert_eq!(type_of(Identity::open(&old, wrong)), Err(KeyError::WrongPassword), "{wrong:?}");
    }
    let foreign = ::p12::PFX::new(&wwdr, &key, None, "secret", "of another").expect("made").to_der();
    assert_eq!(type_of(Identity::open(&foreign, "secret")), Err(KeyError::NoMatchingKey { certificates: 1 }));
}

#[test]
fn what_is_no_key_file_says_so_and_never_panics() {
    let file = PKI.p12("whole.p12", "secret", &[]).expect("made");
    for cut in (0..file.len()).step_by(7) {
        assert!(Identity::open(&file[..cut], "secret").is_err(), "cut at {cut}");
    }
    for at in (0..file.len()).step_by(11) {
        let mut changed = file.clone();
        changed[at] ^= 0x41;
        let _ = Identity::open(&changed, "secret");
    }
    assert_eq!(type_of(Identity::open(b"nonsense", "")), Err(KeyError::NotPkcs12));
    let twice = [PKI.read("leaf.key"), PKI.read("weak.key")].concat();
    std::fs::write(PKI.folder.join("open.pem"), [&twice[..], &PKI.read("leaf.pem")].concat()).expect("written");
    assert_eq!(type_of(Identity::open(&PKI.read("open.pem"), "")), Err(KeyError::NotGuarded));
}

#[test]
fn of_several_certificates_the_one_of_the_key_is_the_leaf() {
    let all = [PKI.read("wwdr.pem"), PKI.read("other.pem"), PKI.read("leaf.pem"), PKI.read("root.pem")].concat();
    let certificates = X509::stack_from_pem(&all).expect("certificates");
    let key = || PKey::private_key_from_pem(&PKI.read("leaf.key")).expect("a key");
    let identity = Identity::of(vec![key()], certificates.clone()).expect("a pair");
    assert_eq!(identity.leaf.to_der().ok(), X509::from_pem(&PKI.read("leaf.pem")).and_then(|leaf| leaf.to_der()).ok());
    assert_eq!(type_of(Identity::of(vec![key(), key()], certificates.clone())), Err(KeyError::SeveralKeys(2)));
    assert_eq!(type_of(Identity::of(Vec::new(), certificates)), Err(KeyError::NoMatchingKey { certificates: 4 }));
}

#[test]
fn the_guarded_form_opens_with_its_key_only() {
    let pem = PKI.identity("leaf").guarded("a random key").expect("written");
    assert!(pem.starts_with(b"-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    assert_eq!(type_of(Identity::open(&pem, "a random key")), Ok(TYPE.to_owned()));
    assert_eq!(type_of(Identity::open(&pem, "another")), Err(KeyError::WrongPassword));
    assert_eq!(type_of(Identity::open(&pem, "")), Err(KeyError::WrongPassword));
}

#[test]
fn certificates_that_sign_no_passes_are_refused() {
    let wwdr = PKI.read("wwdr.pem");
    let refused =
        |name: &str, wwdr: &[u8]| Signer::new(PKI.identity(name), wwdr).map(|_| ()).expect_err(name).to_string();
    for (name, says) in [("weak", "2048 bits"), ("other", "not made for signing passes"), ("nameless", "has no UID")] {
        let error = refused(name, &wwdr);
        assert!(error.contains(says) && error.contains("; "), "{error}");
    }
    // The wrong WWDR, even of the same name, is the most common failure in the field.
    let error = refused("leaf", &PKI.read("wwdr2.pem"));
    assert!(error.contains("issued by 'Test Worldwide Developer Relations, OU=G4'"), "{error}");
    assert!(
        error.contains(
            "none of the intermediates in wwdr ('Test Worldwide Developer Relations, OU=G4' (the name fits, its key does not))"
        ),
        "{error}"
    );
    let alone = refused("leaf", &[]);
    assert!(alone.contains("issued by 'Test Worldwide") && alone.contains("no intermediate is given"), "{alone}");
    assert!(refused("leaf", b"nonsense").contains("PEM"));
    let both = [PKI.read("wwdr2.pem"), wwdr].concat();
    assert_eq!(
        Signer::new(PKI.identity("leaf"), &both).expect("one of them").intermediate(),
        "Test Worldwide Developer Relations, OU=G4"
    );
}

/// The chain that lies in an export is enough, unless the configuration names another: then that one counts, right or not.
#[test]
fn the_intermediate_of_the_key_file_is_taken_where_none_is_configured() {
    let open = |name: &str, options: &[&str]| {
        Identity::open(&PKI.p12(name, "secret", options).expect("made"), "secret").expect("opened")
    };
    let now = at(PKI.signer().facts().from_s + 60, ClockTrust::Trusted);
    let wwdr = PKI.read("wwdr.pem");
    let bundle = [PKI.read("root.pem"), PKI.read("wwdr2.pem"), wwdr.clone()].concat();
    std::fs::write(PKI.folder.join("bundle.pem"), bundle).expect("written");
    for (name, inside) in [("inside", "wwdr.pem"), ("whole-chain", "bundle.pem")] {
        let signer = Signer::new(open(&format!("{name}.p12"), &["-certfile", inside]), &[]).expect("a signer");
        assert_eq!(signer.intermediate_der().ok(), X509::from_pem(&wwdr).and_then(|one| one.to_der()).ok(), "{name}");
        signer.self_test(&now).expect("its chain holds");
    }
    // The guarded form keeps what the .p12 held.
    let guarded = open("to-guard.p12", &["-certfile", "wwdr.pem"]).guarded("a key").expect("written");
    Signer::new(Identity::open(&guarded, "a key").expect("opened"), &[])
        .expect("a signer")
        .self_test(&now)
        .expect("holds");

    let refused = |name: &str, options: &[&str], wwdr: &[u8]| {
        Signer::new(open(name, options), wwdr).map(|_| ()).expect_err(name).to_string()
    };
    let issuer = "issued by 'Test Worldwide Developer Relations, OU=G4'";
    let said = refused("bare.p12", &[], &[]);
    assert!(said.contains(issuer) && said.contains("no intermediate is given"), "{said}");
    let said = refused("foreign.p12", &["-certfile", "root.pem"], &[]);
    assert!(
        said.contains(issuer) && said.contains("none of the intermediates in the key file ('Test Root')"),
        "{said}"
    );
    // A file that is configured is not passed over in silence.
    let said = refused("both.p12", &["-certfile", "wwdr.pem"], &PKI.read("root.pem"));
    assert!(said.contains(issuer) && said.contains("none of the intermediates in wwdr ('Test Root')"), "{said}");
}

#[test]
fn an_intermediate_that_is_over_is_told_by_its_name() {
    let signer = Signer::new(PKI.identity("brief-leaf"), &PKI.read("brief.pem")).expect("a signer");
    let ends_s = signer.until_s();
    let early_days = (signer.facts().until_s - ends_s) / 86_400;
    assert!((366..=367).contains(&early_days), "{early_days} days before the certificate");
    let name = "Brief WWDR, OU=G9".to_owned();
    assert_eq!(signer.may_sign(&at(ends_s, ClockTrust::Trusted)), Ok(()));
    let refused = signer.may_sign(&at(ends_s + 1, ClockTrust::Trusted));
    assert_eq!(refused, Err(SignError::IntermediateExpired { name, until_s: ends_s }));
}

#[test]
fn a_configuration_that_differs_is_told_with_both_values() {
    let signer = PKI.signer();
    assert_eq!(signer.agrees_with(TYPE, TEAM), Ok(()));
    for (pass_type, team, says) in [
        (
            "pass.com.example.other",
            TEAM,
            "pass_type_id is 'pass.com.example.other' in the configuration and 'pass.com.example.test' in",
        ),
        (TYPE, "ZZZZZZZZZZ", "team_id is 'ZZZZZZZZZZ' in the configuration and 'A1B2C3D4E5' in the certificate"),
    ] {
        let error = signer.agrees_with(pass_type, team).expect_err("differs").to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn nothing_is_signed_outside_of_its_time() {
    let signer = PKI.signer();
    let (from_s, until_s) = (signer.facts().from_s, signer.facts().until_s);
    let sign = |seconds, trust| signer.sign(b"{}", &at(seconds, trust)).map(|bytes| bytes.len() > 1_000);
    assert_eq!(sign(from_s, ClockTrust::Trusted), Ok(true));
    assert_eq!(sign(until_s, ClockTrust::Trusted), Ok(true));
    assert_eq!(sign(from_s - 1, ClockTrust::Trusted), Err(SignError::NotYetValid { from_s }));
    assert_eq!(sign(until_s + 1, ClockTrust::Trusted), Err(SignError::Expired { until_s }));
    assert_eq!(sign(from_s, ClockTrust::Untrusted), Err(SignError::ClockUntrusted));
    assert_eq!(signer.facts().days_left(until_s * 1_000), 0);
    assert_eq!(signer.facts().days_left((until_s + 1) * 1_000), -1);
}

/// The signature as strangers judge it: whole, by the chain, and each of its parts.
#[test]
fn openssl_verifies_the_signature_and_its_attributes() {
    let signer = PKI.signer();
    let now = at(signer.facts().from_s + 60, ClockTrust::Trusted);
    let manifest = b"{\"pass.json\":\"00\"}\r\n";
    signer.self_test(&now).expect("its own test");
    let signature = signer.sign(manifest, &now).expect("signed");
    let mut pen = Pen::new(std::sync::Arc::new(PKI.signer())).expect("a pen");
    for _ in 0..2 {
        assert_eq!(pen.sign(manifest, &now).as_ref(), Ok(&signature), "the same again and again");
    }
    let untrusted = Now { trust: ClockTrust::Untrusted, ..now.clone() };
    assert_eq!(pen.sign(manifest, &untrusted), Err(SignError::ClockUntrusted));
    std::fs::write(PKI.folder.join("signature"), &signature).expect("written");
    std::fs::write(PKI.folder.join("manifest.json"), manifest).expect("written");
    let verify = [
        "cms",
        "-verify",
        "-binary",
        "-inform",
        "DER",
        "-in",
        "signature",
        "-content",
        "manifest.json",
        "-CAfile",
        "root.pem",
        "-purpose",
        "any",
        "-out",
        "seen",
    ];
    PKI.run(&verify);
    assert_eq!(PKI.read("seen"), manifest);
    // Its first writing is OpenSSL's as well: read and written anew it is the same.
    PKI.run(&["cms", "-cmsout", "-inform", "DER", "-in", "signature", "-outform", "DER", "-out", "again"]);
    assert_eq!(PKI.read("again"), signature, "DER has one form only");
    let text = String::from_utf8_lossy(&PKI.run(&[
        "cms",
        "-cmsout",
        "-print",
        "-noout",
        "-inform",
        "DER",
        "-in",
        "signature",
    ]))
    .into_owned();
    let order: Vec<_> = ["contentType", "signingTime", "messageDigest"]
        .iter()
        .map(|name| text.find(&format!("object: {name}")))
        .collect();
    assert!(order.is_sorted() && order.iter().all(Option::is_some), "{text}");
    assert!(text.contains("algorithm: sha256 "), "{text}");
    std::fs::write(PKI.folder.join("manifest.json"), b"{\"pass.json\":\"01\"}\r\n").expect("written");
    assert!(PKI.try_run(&verify).is_err(), "another manifest");
}
