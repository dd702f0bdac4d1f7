//! History: a card's rows with their label, change and balance after, what followed from each (rewards unlocked, level
//! changed), and why each number is what it is.

mod causes;

use std::collections::BTreeSet;

use super::earn::level_of;
use super::fold;
use super::rules::{Rulebook, Rules};
use super::sales::Trace;
use super::standing::Standing;
use crate::pure::domain::entry::{Award, AwardSource, BonusKind, CouponStep, Direction};
use crate::pure::domain::explanation::{AwardTerms, Explanation, LimitAsked, LimitSpan};
use crate::pure::domain::reason::RemoveReason;
use crate::pure::domain::{EntryId, EntryKind, EventId, Fact, FactKey, Moment, Posting, SaleId, TillId};

/// What a row says, in the words of PROFILE.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the words say it; `name` lists them")]
pub enum Label {
    StampsAdded,
    PointsAdded,
    StampsRemoved,
    PointsRemoved,
    PurchaseRecorded,
    RefundOfAmountSpent,
    StampsRedeemed,
    PointsRedeemed,
    PointsReinstated,
    PointsExpired,
    PointsMatured,
    PointsPending,
    BonusFirst,
    BonusBirthday,
    BonusReferral,
    BonusCampaign,
    RewardRedeemable,
    RewardRedeemed,
    RewardAdded,
    RewardRemoved,
    RewardReinstated,
    RewardExpired,
    CampaignJoined,
    CampaignDisjoined,
    CouponAssigned,
    CouponClaimed,
    CouponUsed,
    CouponVoided,
    TierChanged,
    TransferredIn,
    TransferredOut,
    MergedIn,
    MergedOut,
    OpeningBalance,
    SaleReserved,
    ReservationReturned,
    Voided,
}

impl Label {
    /// The key of the label.
    pub fn name(self) -> &'static str {
        use Label::*;
        match self {
            StampsAdded => "stamps_added",
            PointsAdded => "points_added",
            StampsRemoved => "stamps_removed",
            PointsRemoved => "points_removed",
            PurchaseRecorded => "purchase_recorded",
            RefundOfAmountSpent => "refund_of_amount_spent",
            StampsRedeemed => "stamps_redeemed",
            PointsRedeemed => "points_redeemed",
            PointsReinstated => "points_reinstated",
            PointsExpired => "points_expired",
            PointsMatured => "points_matured",
            PointsPending => "points_pending",
            BonusFirst => "bonus_first",
            BonusBirthday => "bonus_birthday",
            BonusReferral => "bonus_referral",
            BonusCampaign => "bonus_campaign",
            RewardRedeemable => "reward_redeemable",
            RewardRedeemed => "reward_redeemed",
            RewardAdded => "reward_added",
            RewardRemoved => "reward_removed",
            RewardReinstated => "reward_reinstated",
            RewardExpired => "reward_expired",
            CampaignJoined => "campaign_joined",
            CampaignDisjoined => "campaign_disjoined",
            CouponAssigned => "coupon_assigned",
            CouponClaimed => "coupon_claimed",
            CouponUsed => "coupon_used",
            CouponVoided => "coupon_voided",
            TierChanged => "tier_changed",
            TransferredIn => "transferred_in",
            TransferredOut => "transferred_out",
            MergedIn => "merged_in",
            MergedOut => "merged_out",
            OpeningBalance => "opening_balance",
            SaleReserved => "sale_reserved",
            ReservationReturned => "reservation_returned",
            Voided => "voided",
        }
    }
}

/// Where a row came from (PROFILE.md S5.32).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A tap or scan.
    Tap,
    /// A till's sale, refund or redemption on a bill.
    Pos,
    /// By hand.
    Manual,
    /// A bonus or campaign.
    Campaign,
    /// The daemon, when a day had come.
    Job,
    /// Follows from the entry before it.
    Derived,
}

impl Source {
    /// The word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Source::Tap => "tap",
            Source::Pos => "pos",
            Source::Manual => "manual",
            Source::Campaign => "campaign",
            Source::Job => "job",
            Source::Derived => "derived",
        }
    }
}

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryRow {
    /// Its place in the order of the fold. Several rows of one entry share it, and stand in order.
    pub key: FactKey,
    /// The event.
    pub event: EventId,
    /// The entry.
    pub entry: EntryId,
    /// The entry's kind; `None` for what is derived and no entry.
    pub kind: Option<EntryKind>,
    /// When, by rule time.
    pub at: Moment,
    /// At which till.
    pub till: Option<TillId>,
    /// The till's number of the sale.
    pub txn_id: Option<String>,
    /// Our number of the sale.
    pub sale: Option<SaleId>,
    /// What it says.
    pub label: Label,
    /// Where it came from.
    pub source: Source,
    /// Change of the balance, signed.
    pub change: i64,
    /// Balance after the entry and all that followed from it.
    pub balance: i64,
    /// Change of pending units, signed.
    pub pending_change: i64,
    /// Change of rewards available, signed.
    pub rewards_change: i64,
    /// Rewards available after it.
    pub rewards_available: i64,
    /// The amount, signed, minor units.
    pub amount_minor: Option<i64>,
    /// When what was awarded lapses: the first moment after its last day.
    pub expires_ms: Option<i64>,
    /// A level left and the one reached, or a reward's, campaign's or coupon's name.
    pub names: Vec<String>,
    /// Left out of the books by a void.
    pub voided: bool,
    /// Why each number is what it is.
    pub explanation: Explanation,
}

/// All rows of a card, oldest first, from all its facts.
pub fn history(book: &Rulebook, facts: &[Fact]) -> Vec<HistoryRow> {
    let facts = fold::sorted(facts);
    let mut trace = fold::trace_begin(&facts, &BTreeSet::new());
    let mut standing = Standing::default();
    facts.into_iter().flat_map(|fact| rows_of(book, &mut standing, &mut trace, true, fact)).collect()
}

/// The rows of `facts` that come after `standing`, in order: what an answer shows of the event just posted.
pub fn rows(book: &Rulebook, standing: &Standing, facts: &[Fact]) -> Vec<HistoryRow> {
    let (mut standing, mut trace) = (standing.clone(), Trace::default());
    facts.iter().flat_map(|fact| rows_of(book, &mut standing, &mut trace, false, fact)).collect()
}

fn rows_of(book: &Rulebook, standing: &mut Standing, trace: &mut Trace, whole: bool, fact: &Fact) -> Vec<HistoryRow> {
    let rules = book.at(fact.rule());
    let mut rows = Vec::new();
    for job in fold::jobs_again(standing, trace, fact) {
        let before = standing.clone();
        fold::step_job(rules, standing, trace, &job);
        let builder = Builder { rules, before: &before, after: standing, fact: &job, trace, voided: false };
        // It moves the balance as a posted one does, and stands before the fact by which it was found.
        let again = builder.entry_rows().into_iter().map(|row| HistoryRow {
            event: fact.event,
            source: Source::Derived,
            ..row
        });
        rows.extend(again.chain(builder.derived_rows()));
    }
    let before = standing.clone();
    let voided = fold::left_out(trace, fact);
    if whole {
        fold::step(rules, standing, Some(trace), fact);
    } else {
        *trace = fold::step_blind(rules, standing, fact);
    }
    let builder = Builder { rules, before: &before, after: standing, fact, trace, voided };
    rows.extend(left_campaigns(&builder));
    rows.extend(builder.entry_rows());
    rows.extend(builder.derived_rows());
    rows
}

struct Builder<'a> {
    rules: &'a Rules,
    before: &'a Standing,
    after: &'a Standing,
    fact: &'a Fact,
    trace: &'a Trace,
    voided: bool,
}

impl Builder<'_> {
    fn row(&self, label: Label, source: Source) -> HistoryRow {
        let fact = self.fact;
        HistoryRow {
            key: fact.key,
            event: fact.event,
            entry: fact.entry.id,
            kind: Some(fact.entry.posting.kind()),
            at: fact.at.clone(),
            till: fact.till.clone(),
            txn_id: fact.txn_id.clone(),
            sale: fact.sale,
            label,
            source,
            change: 0,
            balance: self.after.balance(),
            pending_change: 0,
            rewards_change: 0,
            rewards_available: self.after.rewards_available(),
            amount_minor: None,
            expires_ms: None,
            names: Vec::new(),
            voided: self.voided,
            explanation: Explanation { rule: Some(fact.rule()), ..Explanation::default() },
        }
    }

    /// What the entry itself moved: unlocks are shown as rows of their own, so their stamps are added back.
    fn entry_rows(&self) -> Vec<HistoryRow> {
        let change = self.after.balance().saturating_sub(self.before.balance()).saturating_add(self.trace.consumed);
        let pending_change = self.after.pending_units().saturating_sub(self.before.pending_units());
        let rewards_change = self.after.rewards_available() - self.before.rewards_available() - self.trace.unlocked;
        let (label, source) = self.label(change);
        let mut row = self.row(label, source);
        row.explanation = self.explanation();
        (row.amount_minor, row.expires_ms, row.names) = self.particulars();
        let split = matches!(&self.fact.entry.posting, Posting::Refund(_)) && self.rules.kind.is_stamps();
        if split && change != 0 {
            // A spend card's refund is two rows: the amount, and the stamps that it had brought (S4.44, S4.45).
            let removed = HistoryRow { change, label: Label::StampsRedeemed, amount_minor: None, ..row.clone() };
            return vec![HistoryRow { balance: row.balance.saturating_sub(change), ..row }, removed];
        }
        vec![HistoryRow { change, pending_change, rewards_change, ..row }]
    }

    fn repaid(&self) -> i64 {
        let fell = |before: i64, after: i64| before.saturating_sub(after).max(0);
        let points = if self.rules.kind.is_stamps() { 0 } else { fell(self.before.overdraft, self.after.overdraft) };
        fell(self.before.debt, self.after.debt) + fell(self.before.owed, self.after.owed) + points
    }

    fn label(&self, change: i64) -> (Label, Source) {
        let stamps = self.rules.kind.is_stamps();
        let added = if stamps { Label::StampsAdded } else { Label::PointsAdded };
        match &self.fact.entry.posting {
            Posting::Award(award) => {
                let source = match award.source {
                    AwardSource::Tap => Source::Tap,
                    AwardSource::Stamps => Source::Manual,
                    AwardSource::Purchase | AwardSource::Sale => Source::Pos,
                };
                let label = match award.matures_ms {
                    Some(_) => Label::PointsPending,
                    None if award.units == 0 => Label::PurchaseRecorded,
                    None => added,
                };
                (label, source)
            }
            Posting::Bonus(bonus) => (bonus_label(&bonus.kind), Source::Campaign),
            Posting::Adjust(adjust) => {
                let removed = if stamps { Label::StampsRemoved } else { Label::PointsRemoved };
                (if adjust.value < 0 { removed } else { added }, Source::Manual)
            }
            Posting::RemoveVisits { .. } => (Label::StampsRedeemed, Source::Manual),
            Posting::Refund(refund) => {
                (Label::RefundOfAmountSpent, if refund.typed { Source::Manual } else { Source::Pos })
            }
            Posting::Redeem(redemption) if redemption.rewards > 0 => (Label::RewardRedeemed, Source::Pos),
            Posting::Redeem(_) => (Label::PointsRedeemed, Source::Pos),
            Posting::Reinstate(back) if back.rewards.is_empty() => (Label::PointsReinstated, Source::Pos),
            Posting::Reinstate(_) => (Label::RewardReinstated, Source::Pos),
            Posting::RewardAdd { .. } => (Label::RewardAdded, Source::Manual),
            Posting::RewardRemove { why, .. } => (
                match why {
                    RemoveReason::Redeem => Label::RewardRedeemed,
                    RemoveReason::Correction => Label::RewardRemoved,
                    RemoveReason::Expired => Label::RewardExpired,
                },
                Source::Manual,
            ),
            Posting::Hold { .. } => (Label::SaleReserved, Source::Pos),
            Posting::Release { .. } => (Label::ReservationReturned, Source::Pos),
            Posting::Expire { .. } if change == 0 && stamps => (Label::RewardExpired, Source::Job),
            Posting::Expire { .. } => (Label::PointsExpired, Source::Job),
            Posting::Mature { .. } => (Label::PointsMatured, Source::Job),
            Posting::Transfer(moved) if moved.direction == Direction::In => (Label::TransferredIn, Source::Manual),
            Posting::Transfer(_) => (Label::TransferredOut, Source::Manual),
            Posting::Merge(moved) if moved.direction == Direction::In => (Label::MergedIn, Source::Manual),
            Posting::Merge(_) => (Label::MergedOut, Source::Manual),
            Posting::Opening(_) => (Label::OpeningBalance, Source::Manual),
            Posting::Coupon { step, .. } => (
                match step {
                    CouponStep::Assigned(_) => Label::CouponAssigned,
                    CouponStep::Claimed => Label::CouponClaimed,
                    CouponStep::Used => Label::CouponUsed,
                    CouponStep::Voided => Label::CouponVoided,
                },
                Source::Manual,
            ),
            Posting::Void { .. } => (Label::Voided, Source::Manual),
        }
    }

    /// Amount, expiry and names of the row.
    fn particulars(&self) -> (Option<i64>, Option<i64>, Vec<String>) {
        match &self.fact.entry.posting {
            Posting::Award(award) => {
                let paid = matches!(award.source, AwardSource::Purchase | AwardSource::Sale);
                (paid.then_some(award.amount_minor), award.expires_ms, Vec::new())
            }
            Posting::Bonus(bonus) => (None, bonus.expires_ms, bonus_name(&bonus.kind).into_iter().collect()),
            Posting::Adjust(adjust) => {
                (adjust.purchase_minor, adjust.expires_ms, vec![adjust.reason.name().to_owned()])
            }
            Posting::Refund(refund) => (Some(-refund.amount_minor), None, Vec::new()),
            Posting::Redeem(taken) => (Some(-taken.discount_minor), None, taken.reward.iter().cloned().collect()),
            Posting::RewardAdd { amount_minor, .. } => (Some(*amount_minor), None, Vec::new()),
            Posting::RewardRemove { amount_minor, why, .. } => (Some(*amount_minor), None, vec![why.name().to_owned()]),
            Posting::Coupon { step: CouponStep::Assigned(terms), .. } => {
                (terms.value_minor, terms.valid_until_ms, vec![terms.name.clone()])
            }
            Posting::Transfer(moved) | Posting::Merge(moved) => (None, None, vec![moved.other.to_string()]),
            _ => (None, None, Vec::new()),
        }
    }

    fn explanation(&self) -> Explanation {
        let posting = &self.fact.entry.posting;
        let mut why = Explanation {
            rule: Some(self.fact.rule()),
            cause: causes::cause_of(posting),
            other: causes::other_of(posting),
            inputs: causes::inputs_of(posting),
            campaigns: causes::campaigns_of(posting),
            taken: self.trace.taken.clone(),
            repaid: self.repaid(),
            shortfall: self.after.counters.shortfall.saturating_sub(self.before.counters.shortfall),
            ..Explanation::default()
        };
        if let Posting::Award(award) = posting {
            let Award { units, earning_minor, .. } = *award;
            why.award = Some(AwardTerms { terms: award.terms.clone(), units, earning_minor });
            (why.tier, why.campaigns) = (award.tier.clone(), award.campaigns.clone());
            let limits = &self.rules.limits;
            let asked = [
                (LimitSpan::Transaction, award.before_in_transaction, limits.per_transaction),
                (LimitSpan::Day, award.before_in_day, limits.per_day),
            ];
            let asked = asked.into_iter();
            why.limits = asked.filter_map(|(span, used, most)| Some(LimitAsked { span, used, most: most? })).collect();
        }
        why
    }

    /// A merge or opening brings totals along, which no unlock made.
    fn moves_totals(&self) -> bool {
        matches!(self.fact.entry.posting, Posting::Merge(_) | Posting::Opening(_))
    }

    /// Rewards unlocked, levels changed, campaigns joined: rows of the timeline, no entries.
    fn derived_rows(&self) -> Vec<HistoryRow> {
        let mut rows = Vec::new();
        let derived = |label, names| HistoryRow { kind: None, names, ..self.row(label, Source::Derived) };
        let by_hand = matches!(self.fact.entry.posting, Posting::RewardAdd { .. });
        let earned = self.after.counters.rewards_earned > self.before.counters.rewards_earned;
        if self.trace.consumed > 0 || self.trace.unlocked > 0 || (earned && !by_hand && !self.moves_totals()) {
            let unlocked =
                self.after.rewards.iter().filter(|lot| {
                    lot.by == self.fact.event && !self.before.rewards.iter().any(|before| before == *lot)
                });
            let expires_ms = unlocked.clone().map(|lot| lot.expires_ms).min().filter(|ends_ms| *ends_ms != i64::MAX);
            let names = unlocked.map(|lot| lot.name.clone()).collect();
            rows.push(HistoryRow {
                change: -self.trace.consumed,
                rewards_change: self.trace.unlocked,
                expires_ms,
                ..derived(Label::RewardRedeemable, names)
            });
        }
        let level = |standing: &Standing| level_of(self.rules, standing, None);
        let (from, to) = (level(self.before), level(self.after));
        if let (Some(from), Some(to)) = (from, to)
            && from != to
        {
            let names = [from, to].map(|place| self.rules.levels[place].name.clone());
            rows.push(derived(Label::TierChanged, names.to_vec()));
        }
        let known = |name: &str| self.before.campaigns.iter().any(|joined| joined.name == name);
        let joined = self.after.campaigns.iter().filter(|joined| !known(&joined.name));
        rows.extend(joined.map(|joined| derived(Label::CampaignJoined, vec![joined.name.clone()])));
        rows
    }
}

/// Campaigns that ended between the entry before and this one.
fn left_campaigns(builder: &Builder) -> Vec<HistoryRow> {
    let now_ms = builder.fact.at.ms;
    let last_ms = builder.before.last_activity_ms.unwrap_or(i64::MIN);
    let ended = builder.before.campaigns.iter().filter_map(|joined| {
        let ends_ms = joined.ends_ms.filter(|ends_ms| last_ms < *ends_ms && *ends_ms <= now_ms)?;
        let row = builder.row(Label::CampaignDisjoined, Source::Derived);
        let at = Moment { ms: ends_ms, zone: builder.fact.at.zone.clone() };
        let (balance, rewards_available) = (builder.before.balance(), builder.before.rewards_available());
        Some(HistoryRow { kind: None, at, names: vec![joined.name.clone()], balance, rewards_available, ..row })
    });
    ended.collect()
}

fn bonus_label(kind: &BonusKind) -> Label {
    match kind {
        BonusKind::First => Label::BonusFirst,
        BonusKind::Birthday => Label::BonusBirthday,
        BonusKind::Referrer { .. } | BonusKind::Friend { .. } => Label::BonusReferral,
        BonusKind::Campaign { .. } => Label::BonusCampaign,
    }
}

fn bonus_name(kind: &BonusKind) -> Option<String> {
    match kind {
        BonusKind::Campaign { name } => Some(name.clone()),
        BonusKind::Referrer { friend: other } | BonusKind::Friend { referrer: other } => Some(other.to_string()),
        BonusKind::First | BonusKind::Birthday => None,
    }
}
