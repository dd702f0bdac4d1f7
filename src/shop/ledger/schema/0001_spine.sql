-- The spine: events and their entries, the cards that they move, and what must commit together with them.
-- Times are milliseconds since 1970-01-01 UTC unless a name says otherwise; ids are 16 bytes (UUIDv7), serials 60-bit
-- integers. Free text and personal data live in tables of their own (person, event_text), so that erasing them leaves
-- the chain whole.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row for each event of this device, in the order of the chain. `body` is the canonical CBOR that `hash` covers. That
-- (incarnation, seq) is unique is the chain's to prove: an index for it would be one page more in every commit.
CREATE TABLE event (
    position    INTEGER PRIMARY KEY,
    incarnation INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    event_id    BLOB NOT NULL UNIQUE,
    kind        TEXT NOT NULL,
    hlc         INTEGER NOT NULL,
    card        INTEGER,
    customer    BLOB,
    visit       BLOB,
    hash        BLOB NOT NULL,
    body        BLOB NOT NULL
) STRICT;
-- With the kind in it a card's taps are counted without looking at their events.
CREATE INDEX event_card ON event (card, position, kind) WHERE card IS NOT NULL;
CREATE INDEX event_customer ON event (customer, position) WHERE customer IS NOT NULL;

-- Where the entries of a card stand: the entry itself is in its event's body.
CREATE TABLE entry (
    card     INTEGER NOT NULL,
    position INTEGER NOT NULL REFERENCES event (position),
    place    INTEGER NOT NULL,
    entry_id BLOB NOT NULL UNIQUE,
    kind     TEXT NOT NULL,
    units    INTEGER NOT NULL,
    PRIMARY KEY (card, position, place)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER event_no_update BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'events are never updated: post a correction'); END;
CREATE TRIGGER event_no_delete BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'events are never deleted: post a correction'); END;
CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry
BEGIN SELECT RAISE(ABORT, 'entries are never updated: post a correction'); END;
CREATE TRIGGER entry_no_delete BEFORE DELETE ON entry
BEGIN SELECT RAISE(ABORT, 'entries are never deleted: post a correction'); END;

-- What a person typed with an event; the event holds SHA-256(salt || text).
CREATE TABLE event_text (
    position INTEGER PRIMARY KEY REFERENCES event (position),
    salt     BLOB NOT NULL,
    text     TEXT NOT NULL
) STRICT;

CREATE TABLE customer (
    id          BLOB PRIMARY KEY,
    created_ms  INTEGER NOT NULL,
    changed_ms  INTEGER NOT NULL,
    referrer    BLOB,
    revision    INTEGER NOT NULL,
    -- Removed from the books of people: what was told is erased, the row stays for the cards that were deleted before.
    removed_ms  INTEGER,
    -- By what customers are listed: sums over their cards, and the last visit to any. 0 where there was none.
    ltv_minor     INTEGER NOT NULL DEFAULT 0,
    balance       INTEGER NOT NULL DEFAULT 0,
    last_visit_ms INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX customer_joined ON customer (created_ms, id) WHERE removed_ms IS NULL;
CREATE INDEX customer_ltv ON customer (ltv_minor, id) WHERE removed_ms IS NULL;
CREATE INDEX customer_balance ON customer (balance, id) WHERE removed_ms IS NULL;
CREATE INDEX customer_visit ON customer (last_visit_ms, id) WHERE removed_ms IS NULL;
CREATE INDEX customer_referrer ON customer (referrer) WHERE referrer IS NOT NULL;

-- Personal data, all of it optional; erased without touching the books.
CREATE TABLE person (
    customer        BLOB PRIMARY KEY REFERENCES customer (id),
    first_name      TEXT,
    last_name       TEXT,
    email           TEXT,
    email_verified  INTEGER NOT NULL DEFAULT 0,
    phone           TEXT,
    birth_date      TEXT,
    birth_known     TEXT,
    language        TEXT,
    telegram_id     TEXT,
    groups          TEXT NOT NULL DEFAULT '[]',
    custom          TEXT NOT NULL DEFAULT '{}',
    utm             TEXT NOT NULL DEFAULT '{}',
    consents        TEXT NOT NULL DEFAULT '{}',
    -- Family name and given name as they are sorted.
    name_key        TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE INDEX person_name ON person (name_key, customer);
CREATE INDEX person_phone ON person (phone) WHERE phone IS NOT NULL;
CREATE INDEX person_email ON person (email) WHERE email IS NOT NULL;

-- A card and its standing: the fold of its entries, kept so that a tap need not fold again. `ledger verify` compares.
CREATE TABLE card (
    serial      INTEGER PRIMARY KEY,
    customer    BLOB NOT NULL REFERENCES customer (id),
    programme   TEXT NOT NULL,
    issued_ms   INTEGER NOT NULL,
    deleted     INTEGER NOT NULL DEFAULT 0,
    blocked     INTEGER NOT NULL DEFAULT 0,
    expires_on  TEXT,
    link        BLOB NOT NULL UNIQUE,
    standing    BLOB NOT NULL,
    -- Rule time at which something of the card lapses or ripens next; null where nothing does.
    due_ms      INTEGER,
    revision    INTEGER NOT NULL,
    -- What lists ask for: figures of the standing. A posting only marks the card (`listed` = 0, one page more in its
    -- commit); the figures follow in a transaction of their own, at the latest before a list is read.
    listed        INTEGER NOT NULL DEFAULT 0,
    tier          TEXT,
    visit_band    INTEGER NOT NULL DEFAULT 0,
    last_visit_ms INTEGER NOT NULL DEFAULT 0,
    ltv_minor     INTEGER NOT NULL DEFAULT 0,
    balance       INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX card_unlisted ON card (serial) WHERE listed = 0;
CREATE INDEX card_tier ON card (tier, customer) WHERE tier IS NOT NULL AND deleted = 0;
CREATE INDEX card_segment ON card (visit_band, last_visit_ms, customer) WHERE visit_band > 0 AND deleted = 0;
CREATE INDEX card_customer ON card (customer, programme);
CREATE INDEX card_due ON card (due_ms) WHERE due_ms IS NOT NULL;

-- One row for each medium of a card: `id` is the LC1 credential id (12 bytes) or the keyed hash of a chip (32 bytes).
CREATE TABLE credential (
    id          BLOB PRIMARY KEY,
    card        INTEGER NOT NULL REFERENCES card (serial),
    medium      TEXT NOT NULL,
    kid         INTEGER,
    -- The chip to which the text of a tag is bound: the keyed hash of its UID.
    chip        BLOB,
    created_ms  INTEGER NOT NULL,
    revoked_ms  INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX credential_card ON credential (card);

-- The rules of each programme, version by version, as text: awards are explained and reversed by the version they name.
CREATE TABLE programme_version (
    programme TEXT NOT NULL,
    version   INTEGER NOT NULL,
    sha256    BLOB NOT NULL,
    source    TEXT NOT NULL,
    since_ms  INTEGER NOT NULL,
    PRIMARY KEY (programme, version)
) STRICT, WITHOUT ROWID;

-- The last counted visit of each card, for `repeat_s`: measured by time since boot, so that it outlives a restart. `live` is
-- the live event that told it, which outlives `repeat_s` and `hold_s`: a copy here would be a page more in every commit.
CREATE TABLE recent_visit (
    card     INTEGER PRIMARY KEY,
    visit    BLOB NOT NULL,
    till     TEXT NOT NULL,
    grade    TEXT NOT NULL,
    suspect  INTEGER NOT NULL,
    boot_id  BLOB NOT NULL,
    boot_ns  INTEGER NOT NULL,
    at_ms    INTEGER NOT NULL,
    live     INTEGER NOT NULL
) STRICT;

-- The card now presented at a till; the newest wins, a sale uses it up.
CREATE TABLE presented (
    till     TEXT PRIMARY KEY,
    card     INTEGER NOT NULL,
    visit    BLOB NOT NULL,
    boot_id  BLOB NOT NULL,
    boot_ns  INTEGER NOT NULL,
    grade    TEXT NOT NULL,
    suspect  INTEGER NOT NULL,
    live     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Sales by our number; `txn_id` is the till's, which may repeat after 35 days. `boot_*` is when it began to wait or was
-- opened, by time since boot. `answer` is what its number answers again.
CREATE TABLE sale (
    sale_id   BLOB PRIMARY KEY,
    txn_id    TEXT NOT NULL,
    till      TEXT NOT NULL,
    state     TEXT NOT NULL,
    card      INTEGER,
    event_id  BLOB,
    body_hash BLOB NOT NULL,
    request   TEXT NOT NULL,
    answer    TEXT NOT NULL,
    boot_id   BLOB NOT NULL,
    boot_ns   INTEGER NOT NULL,
    made_ms   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sale_txn ON sale (txn_id, made_ms);
-- Asked at every tap and every tick: one index for each word, as SQLite takes no other for `state = 'open'`.
CREATE INDEX sale_waiting ON sale (till, made_ms) WHERE state = 'waiting';
CREATE INDEX sale_open ON sale (made_ms) WHERE state = 'open';

-- Proofs that were used once (SHA-256 of a cryptogram): a second one is a replay, also after a restart. Old ones are found
-- without an index by age: each new proof looks at its neighbours, and proofs fall evenly.
CREATE TABLE used_proof (
    proof    BLOB PRIMARY KEY,
    used_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The highest counter that each chip (the keyed hash of its UID) showed: a proof with no higher one is old.
CREATE TABLE chip_counter (
    chip    BLOB PRIMARY KEY,
    counter INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The card that waits at a till for the next medium shown there, by time since boot.
CREATE TABLE binding (
    till    TEXT PRIMARY KEY,
    card    INTEGER NOT NULL REFERENCES card (serial),
    boot_id BLOB NOT NULL,
    boot_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- First answers of requests, by token and key.
CREATE TABLE idempotency (
    token     BLOB NOT NULL,
    key       TEXT NOT NULL,
    body_hash BLOB NOT NULL,
    status    INTEGER NOT NULL,
    answer    BLOB NOT NULL,
    made_ms   INTEGER NOT NULL,
    PRIMARY KEY (token, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_age ON idempotency (made_ms);

-- Work that follows a posting and may run twice: at most one waiting row for each topic and card.
CREATE TABLE outbox (
    topic           TEXT NOT NULL,
    card            INTEGER NOT NULL,
    revision        INTEGER NOT NULL,
    made_ms         INTEGER NOT NULL,
    next_attempt_ms INTEGER NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (topic, card)
) STRICT, WITHOUT ROWID;

-- The live events of the last 24 hours, so that a listener that was away resumes. The newest row always stays, so that
-- no id comes twice.
CREATE TABLE live (
    id      INTEGER PRIMARY KEY,
    at_ms   INTEGER NOT NULL,
    name    TEXT NOT NULL,
    till    TEXT,
    data    TEXT NOT NULL
) STRICT;

CREATE TABLE api_token (
    id          BLOB PRIMARY KEY,
    name        TEXT NOT NULL,
    role        TEXT NOT NULL,
    till        TEXT,
    secret_hash BLOB NOT NULL UNIQUE,
    created_ms  INTEGER NOT NULL,
    revoked_ms  INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE staff (
    id          BLOB PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    role        TEXT NOT NULL,
    pin_hash    TEXT NOT NULL,
    created_ms  INTEGER NOT NULL,
    left_ms     INTEGER
) STRICT, WITHOUT ROWID;
