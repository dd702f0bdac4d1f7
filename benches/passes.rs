//! Signed passes beside the bare RSA-2048 operation that each of them needs (goal 3), and whether memory stays flat.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use openssl::pkey::PKey;
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Rsa;
use stampd::pure::domain::Serial;
use stampd::pure::passes::apple::Sheet;
use stampd::pure::passes::sign::Pen;
use stampd::pure::passes::{Face, Image, strip};

use crate::slices::{Slice, alternate, print_row};
use crate::support::passes::{Office, samples, updates};
use crate::{Limit, Options, Verdict};

/// Passes between the two looks at memory; a short run makes fewer.
const PASSES: usize = 100_000;
const PASSES_QUICK: usize = 5_000;

/// Passes before the first look: pictures drawn, allocator warm.
const PASSES_WARM: usize = 1_000;

/// A worker as delivery has it: designs made ready, a pen at hand, pictures of each state drawn once.
struct Bakery {
    office: Office,
    pen: Pen,
    cards: Vec<(Sheet, Face)>,
    pictures: BTreeMap<String, Vec<Image>>,
    archive: Vec<u8>,
    made: u64,
    bytes: u64,
}

impl Bakery {
    fn open() -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("stampd-bench-passes-{}", std::process::id()));
        let office = Office::make(&folder);
        let _gone_already = std::fs::remove_dir_all(&folder);
        let cards = samples().into_iter().map(|sample| (Sheet::new(sample.design), sample.face)).collect();
        let pen = Pen::new(office.signer())?;
        Ok(Self { office, pen, cards, pictures: BTreeMap::new(), archive: Vec::new(), made: 0, bytes: 0 })
    }

    /// One pass of the next card, which is another one each time: serial, codes and standing.
    fn bake(&mut self) -> anyhow::Result<()> {
        self.made += 1;
        let kinds = self.cards.len();
        let (sheet, face) = &mut self.cards[self.made as usize % kinds];
        face.serial = Serial::from_random(self.made.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        face.balance = (self.made % 900) as i64;
        if let Some(way) = &mut face.next_reward {
            way.done = self.made as i64 % way.of;
        }
        face.codes.barcode = Some(format!("LC1{:037}", self.made));
        let design = sheet.design();
        let state = format!("{}/{}", design.name, sheet.pictures().state(design, face));
        let pictures = match self.pictures.get(&state) {
            Some(pictures) => pictures.clone(),
            None => {
                let mut drawn = strip::fixed(design)?;
                drawn.extend(strip::render(design, face)?);
                self.pictures.insert(state, drawn.clone());
                drawn
            }
        };
        let draft = sheet.draft(&self.office.kind.issuer, Some(&updates()), face, pictures)?;
        let signature = self.pen.sign(draft.manifest(), &self.office.now)?;
        draft.pack(&signature, &mut self.archive);
        self.bytes += self.archive.len() as u64;
        Ok(())
    }
}

/// Goal 3.
pub fn run(options: &Options) -> anyhow::Result<Vec<Verdict>> {
    let key = PKey::from_rsa(Rsa::generate(2048)?)?;
    let context = RefCell::new(PkeyCtx::new(&key)?);
    context.borrow_mut().sign_init()?;
    context.borrow_mut().set_signature_md(openssl::md::Md::sha256())?;
    let mut signature = Vec::new();
    let mut floor = |length: Duration| {
        Slice::of_repeated(length, || {
            signature.clear();
            context.borrow_mut().sign_to_vec(&[7; 32], &mut signature)?;
            Ok(())
        })
    };
    let mut bakery = Bakery::open()?;
    for _ in 0..PASSES_WARM {
        bakery.bake()?;
    }
    let mut product = |length: Duration| Slice::of_repeated(length, || bakery.bake());
    let [floor, product] = alternate(options.plan(), [&mut floor, &mut product])?;
    print_row("one bare RSA-2048 signature (floor)", &floor, None);
    print_row("one signed pass, of every programme in turn", &product, Some(&floor));
    let rate = |slice: &Slice| slice.acts_per_cpu_second();
    println!(
        "  per second of processor time: {:.0} bare signatures, {:.0} signed passes of {} KB",
        floor.median(rate),
        product.median(rate),
        bakery.bytes / bakery.made / 1024
    );
    let before = resident_kib();
    for _ in 0..if options.quick { PASSES_QUICK } else { PASSES } {
        bakery.bake()?;
    }
    let after = resident_kib();
    println!("  resident memory {before} KiB before and {after} KiB after the passes that followed");
    Ok(vec![
        Verdict {
            what: "goal 3: signed passes per CPU second over bare RSA-2048",
            ratio: product.ratio(&floor, rate),
            limit: Limit::AtLeast(0.7),
        },
        Verdict {
            what: "goal 3: resident memory after many passes over before",
            ratio: after as f64 / before.max(1) as f64,
            limit: Limit::AtMost(1.1),
        },
    ])
}

/// Resident memory of this process (proc(5), statm's second field, in pages of 4 KiB).
fn resident_kib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).map_or(0, |pages| pages * 4)
}
