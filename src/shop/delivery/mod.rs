//! Delivery: what follows a posting and may take its time. For now that is making passes: a posting leaves an outbox row,
//! the worker (`worker`) draws, skips what did not change, signs and keeps; a request for a pass that is not kept makes
//! it at once. Handing passes to the wallets' servers comes later.
//!
//! What is kept of a pass (`shelf`) is its signature and the hashes of what it was made of: face, design and artwork give
//! the same bytes again, so that pictures lie on the disk once and not once for each card.
//!
//! **Invariants:** an outbox row goes only after its pass is kept, so that a crash between posting and signing loses
//! nothing · nothing is signed by a clock that is not trusted or outside the certificate's time; the rows stay and taps go
//! on · no work of this module runs on an async thread or in the ledger's transaction.
//!
//! All functions block: call them from a thread that may.

mod fault;
mod material;
mod pens;
mod shelf;
mod status;
mod strips;
mod worker;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use openssl::sha::sha256;
use serde_json::Value;

use crate::base::clock::Clock;
use crate::pure::domain::{Now, Serial};
use crate::pure::passes::apple::{PassType, Sheet};
use crate::pure::passes::bundle::Draft;
use crate::pure::passes::jwt::{LinkTerms, SaveKind, SaveLink};
use crate::pure::passes::sign::Signer;
use crate::pure::passes::{Design, Face, google};
use crate::shop::ledger::{LedgerError, WriteError};
use crate::shop::till::Till;

pub use fault::PassFault;
pub use material::{GoogleDesk, Material};
pub use status::{Hold, Status};
pub use worker::{TOPIC, Worker};

use pens::Pens;
use shelf::{Kept, Shelf};
use status::Board;
use strips::Strips;
use worker::Bell;

/// Locks among which the cards are divided, so that two threads do not make one pass twice.
const STRIPES: usize = 32;

/// The passes of a shop. Cheap to clone.
#[derive(Clone)]
pub struct Passes {
    inner: Arc<Inner>,
}

struct Inner {
    till: Till,
    clock: Clock,
    material: RwLock<Arc<Material>>,
    shelf: Shelf,
    strips: Strips,
    pens: Pens,
    turns: [Mutex<()>; STRIPES],
    bell: Bell,
    board: Board,
}

/// A signed pass as a phone gets it.
#[derive(Clone, Debug)]
pub struct Pass {
    /// The `.pkpass`.
    pub bytes: Vec<u8>,
    /// Names these bytes: equal tags are equal bytes.
    pub tag: String,
    /// When these bytes came to be, seconds since 1970-01-01 UTC; later than every earlier pass of the card.
    pub modified_unix_s: i64,
}

/// What Google keeps of a card.
#[derive(Clone, Debug)]
pub struct GooglePass {
    /// The loyalty class.
    pub class: Value,
    /// The loyalty object.
    pub object: Value,
    /// The link that saves the card; none where no service account is configured.
    pub save: Option<SaveLink>,
}

/// What making a pass came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is kept as it is: nothing was drawn.
    Kept,
    /// It was drawn and shows what it showed: nothing was signed.
    Same,
    /// It is signed and kept.
    Signed,
}

/// What is made of what.
struct Plan<'m> {
    face: Face,
    sheet: &'m Sheet,
    kind: &'m PassType,
    signer: &'m Arc<Signer>,
    key: [u8; 32],
}

/// A pass that is kept, and what it was made of where that was drawn.
struct Ready {
    kept: Kept,
    draft: Option<Draft>,
    outcome: Outcome,
}

impl Passes {
    /// The passes of the shop of `till`, kept below `cache`, a folder that may be deleted at any time.
    pub fn new(till: Till, clock: Clock, material: Material, cache: &Path) -> Self {
        Self {
            inner: Arc::new(Inner {
                till,
                clock,
                material: RwLock::new(Arc::new(material)),
                shelf: Shelf::new(&cache.join("passes")),
                strips: Strips::default(),
                pens: Pens::default(),
                turns: std::array::from_fn(|_| Mutex::default()),
                bell: Bell::default(),
                board: Board::default(),
            }),
        }
    }

    /// Starts the worker's thread. It ends by [`Worker::stop`].
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(&self) -> std::io::Result<Worker> {
        Worker::start(self.clone())
    }

    /// Something was posted: the worker looks at the outbox.
    pub fn poke(&self) {
        self.inner.bell.ring(worker::Ring::Posted);
    }

    /// Takes over designs, certificates and issuers from the next pass on. Every card's pass is looked at in the
    /// background, and what changed is made anew.
    pub fn material_set(&self, material: Material) {
        *self.inner.material.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(material);
        self.inner.pens.clear();
        self.inner.bell.ring(worker::Ring::Renewed);
    }

    /// Designs, certificates and issuers as they are now.
    pub fn material(&self) -> Arc<Material> {
        self.inner.material.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How delivery stands.
    pub fn status(&self) -> Status {
        self.inner.board.status()
    }

    /// The pass of a card as it is now, from what is kept, else made at once.
    ///
    /// # Errors
    /// No such card; nothing configured to sign it; nothing may be signed now.
    pub fn pass(&self, serial: Serial, now: &Now) -> Result<Pass, PassFault> {
        let material = self.material();
        let plan = self.plan(&material, serial, now)?;
        let Ready { mut kept, draft, .. } = self.ready(&plan, now)?;
        let draft = match draft {
            Some(draft) => draft,
            None => self.draw(&plan)?,
        };
        if kept.manifest != sha256(draft.manifest()) {
            // Made by another version of this program from the same facts: what is kept signs other bytes.
            kept = self.sign(&plan, &draft, Some(&kept), now)?;
        }
        let mut bytes = Vec::new();
        draft.pack(&kept.signature, &mut bytes);
        Ok(Pass { bytes, tag: kept.tag(), modified_unix_s: kept.modified_unix_s })
    }

    /// Makes the pass of a card where the one that is kept shows something else.
    ///
    /// # Errors
    /// As [`Passes::pass`].
    pub fn refresh(&self, serial: Serial, now: &Now) -> Result<Outcome, PassFault> {
        let material = self.material();
        let plan = self.plan(&material, serial, now)?;
        let outcome = self.ready(&plan, now)?.outcome;
        self.inner.board.made(outcome);
        Ok(outcome)
    }

    /// What Google Wallet keeps of a card, with a link of the kind that is asked for, else of the best that is short enough.
    ///
    /// # Errors
    /// No such card; no issuer configured; the clock is not trusted, so that no link can be dated.
    pub fn google(&self, serial: Serial, ask: Option<SaveKind>, now: &Now) -> Result<GooglePass, PassFault> {
        let material = self.material();
        let desk = material.google.as_ref().ok_or(PassFault::NoIssuer)?;
        self.rotating_ensure(serial, now)?;
        let face = self.face(serial, now)?;
        let design = design_of(&material, &face)?;
        let save = match &desk.account {
            None => None,
            Some(_) if now.trust == crate::pure::domain::ClockTrust::Untrusted => {
                return Err(PassFault::Sign(crate::pure::passes::sign::SignError::ClockUntrusted));
            }
            Some(account) => {
                let terms = LinkTerms { issued_unix_s: now.wall_ms.div_euclid(1_000), origins: desk.origins.clone() };
                let link = account.save_link(&terms, &desk.issuer, design, &face, ask);
                Some(link.map_err(|error| PassFault::Crypto(error.to_string()))?)
            }
        };
        let (class, object) = (google::class(&desk.issuer, design, &face), google::object(&desk.issuer, design, &face));
        Ok(GooglePass { class, object, save })
    }

    /// A card that was issued before the shop had a key for rotating barcodes gets its credential before its object is made.
    /// That is a posting, so the ledger's writer makes it; every later object only reads.
    fn rotating_ensure(&self, serial: Serial, now: &Now) -> Result<(), PassFault> {
        let storage = |error: LedgerError| PassFault::Till(error.into());
        let till = self.inner.till.clone();
        if !till.ledger().read(|reads| till.rotating_missing(reads, serial)).map_err(storage)? {
            return Ok(());
        }
        let (desk, now) = (till.clone(), now.clone());
        let made = till.ledger().write_wait(move |txn| desk.rotating_in_txn(txn, &now, serial).map(drop));
        made.map_err(|error| match error {
            WriteError::Work(error) => PassFault::Till(error),
            WriteError::Storage(error) => storage(error),
        })
    }

    fn face(&self, serial: Serial, now: &Now) -> Result<Face, PassFault> {
        let till = &self.inner.till;
        let mut fault = None;
        let seen = till.ledger().read(|reads| match till.card_face(reads, serial, now) {
            Ok(face) => Ok(face),
            Err(error) => {
                fault = Some(error);
                Ok(None)
            }
        });
        match (seen, fault) {
            (_, Some(error)) => Err(PassFault::Till(error)),
            (Ok(Some(face)), None) => Ok(face),
            (Ok(None), None) => Err(PassFault::UnknownCard),
            (Err(error), None) => Err(PassFault::Till(error.into())),
        }
    }

    fn plan<'m>(&self, material: &'m Material, serial: Serial, now: &Now) -> Result<Plan<'m>, PassFault> {
        let face = self.face(serial, now)?;
        let programme = || face.programme.to_string();
        let kind = PassType::of(&material.types, &face.programme);
        let kind = kind.ok_or_else(|| PassFault::NoPassType { programme: programme() })?;
        let signer = kind.signer.as_ref();
        let signer =
            signer.ok_or_else(|| PassFault::NoCertificate { pass_type_id: kind.issuer.pass_type_id.clone() })?;
        let sheet = material.sheet(&face).ok_or_else(|| PassFault::NoDesign { programme: programme() })?;
        let key = material.key(sheet.design(), kind, &face);
        Ok(Plan { face, sheet, kind, signer, key })
    }

    /// What is kept if it is still right, else a new one.
    fn ready(&self, plan: &Plan<'_>, now: &Now) -> Result<Ready, PassFault> {
        let serial = plan.face.serial;
        let turn = &self.inner.turns[serial.bits() as usize % STRIPES];
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.inner.shelf.read(serial);
        if let Some(kept) = before.as_ref().filter(|kept| kept.key == plan.key) {
            return Ok(Ready { kept: kept.clone(), draft: None, outcome: Outcome::Kept });
        }
        let draft = self.draw(plan)?;
        let same = before
            .as_ref()
            .filter(|kept| kept.manifest == sha256(draft.manifest()) && kept.certificate == plan.signer.facts().sha256);
        if let Some(kept) = same {
            let kept = Kept { key: plan.key, ..kept.clone() };
            self.inner.shelf.put(serial, &kept)?;
            return Ok(Ready { kept, draft: Some(draft), outcome: Outcome::Same });
        }
        let kept = self.sign(plan, &draft, before.as_ref(), now)?;
        Ok(Ready { kept, draft: Some(draft), outcome: Outcome::Signed })
    }

    fn draw(&self, plan: &Plan<'_>) -> Result<Draft, PassFault> {
        let images = self.inner.strips.images(plan.sheet, &plan.face)?;
        // No address for updates yet: the service that phones ask comes later.
        Ok(plan.sheet.draft(&plan.kind.issuer, None, &plan.face, images)?)
    }

    fn sign(&self, plan: &Plan<'_>, draft: &Draft, before: Option<&Kept>, now: &Now) -> Result<Kept, PassFault> {
        let mut pen = self.inner.pens.take(plan.signer)?;
        let signature = pen.sign(draft.manifest(), now)?;
        self.inner.pens.put(pen, || self.material());
        let now_s = now.wall_ms.div_euclid(1_000);
        let kept = Kept {
            key: plan.key,
            manifest: sha256(draft.manifest()),
            certificate: plan.signer.facts().sha256.clone(),
            // Of one second's resolution: a second change within it must still be seen (wallets/apple.md section 4).
            modified_unix_s: before.map_or(now_s, |before| now_s.max(before.modified_unix_s + 1)),
            signature,
        };
        self.inner.shelf.put(plan.face.serial, &kept)?;
        Ok(kept)
    }
}

fn design_of<'m>(material: &'m Material, face: &Face) -> Result<&'m Design, PassFault> {
    let design = material.designs.for_card(face.programme.as_str(), face.kind);
    design.ok_or_else(|| PassFault::NoDesign { programme: face.programme.to_string() })
}
