### English. Lines (everything but `-advice`, `row-`, `vas-`, `smart-` and `remedy-`) have at most 60 characters when filled with ordinary values.

# Durations, whole units.
duration-s = { $count } s
duration-min = { $count } min
duration-h = { $count } h
duration-days = { $count ->
    [one] { $count } day
   *[other] { $count } days
}

# Amounts of a programme's unit. $count chooses the form, $shown is what is read.
amount-stamps = { $count ->
    [one] { $shown } stamp
   *[other] { $shown } stamps
}
amount-points = { $count ->
    [one] { $shown } point
   *[other] { $shown } points
}

# What a tap did.
outcome-plain = { $amount }.
outcome-to-go = { $amount }, { $to_next } to go
outcome-ready = { $amount }. { $reward } ready.
outcome-ready-several = { $amount }. { $ready } × { $reward } ready.
outcome-reward-unnamed = Reward
outcome-bound = belongs to the card now
outcome-already-counted = already counted { $at }

# Refusals (DESIGN.md section 7), with figures where `-figure` exists and the refusal carries them.
refusal-unknown_token = This card is not known here.
refusal-replayed = This tap was used before. Hold the phone again.
refusal-stale_token = The pass shows the wrong time. Scan the barcode.
refusal-several_cards = Several cards have this number. Choose one.
refusal-card_deleted = This card was deleted.
refusal-card_blocked = This card is blocked.
refusal-card_expired = This card has expired.
refusal-programme_paused = The programme is paused.
refusal-foreign_ledger = Another system keeps this balance.
refusal-grade_too_low = Not enough proof. Ask for the pass on the phone.
refusal-too_soon = Too soon after the last one.
refusal-too_soon-figure = Too soon. Again in { $wait }.
refusal-daily_limit = The day's limit is reached.
refusal-daily_limit-figure = { $allowed ->
    [0] The day's limit is reached.
   *[other] Over the day's limit. At most { $allowed } more today.
}
refusal-per_transaction_limit = More than one purchase may give.
refusal-per_transaction_limit-figure = { $allowed ->
    [0] More than one purchase may give.
   *[other] More than one purchase may give. At most { $allowed }.
}
refusal-amount_mismatch = The amounts do not agree.
refusal-txn_reuse = This receipt number was used for another sale.
refusal-reward_expired = The reward has expired.
refusal-no_reward = No reward is ready yet.
refusal-insufficient_balance = The balance is too low.
refusal-insufficient_balance-figure = The balance is too low. At most { $max }.
refusal-redeem_cap = More than this bill may take.
refusal-redeem_cap-figure = More than this bill may take. At most { $max }.
refusal-refund_exceeds = More than is left to refund.
refusal-refund_exceeds-figure = More than is left to refund. At most { $max }.
refusal-offline_redeem = Not redeemable while head office is unreachable.
refusal-dependent_redeemed = What it earned is already redeemed.
refusal-void_window_passed = Too late to void at this till.
refusal-already_voided = Already voided.
refusal-needs_manager = A manager has to approve this.

# The code of an article was scanned.
outcome-goods = That code is on goods. Scan the customer's card.

# Under the bill: a word at the left, its number at the right of 42 columns.
receipt-redeemed = Redeemed
receipt-earned = Earned
receipt-balance = Balance
receipt-rewards-ready = Rewards ready

# Why a row of a card's history has its numbers: parts of one sentence for the staff.
row-nothing = nothing was earned: the card was past its date or the bill too small
row-visit = { $given } for the visit
row-rate-down = { $amount } × { $num }/{ $den } in the smallest units, rounded down: { $given }
row-rate-half-up = { $amount } × { $num }/{ $den } in the smallest units, rounded half-up: { $given }
row-steps = one for each full { $step } of { $amount }: { $given }
row-total = total { $before } to { $after }, one for each full { $step }: { $given }
row-cause-first-earn = for the first earn of this card
row-cause-birthday = for the birthday, as much as the base
row-cause-referrer = a friend earned for the first time
row-cause-friend = first earn of a friend who came by a link
row-cause-campaign = by a campaign
row-cause-returned = back from a returned bill, valid to the end of the 7th day after the return at least
row-cause-ripened = the waiting time is over
row-cause-day-over = the last day is over
row-cause-idle = nothing happened for as long as the rules allow
row-cause-set-aside = set aside for an open sale
row-cause-came-back = what the open sale had set aside is free again
row-cause-left-out = the voided posting is left out as if it had never been; what followed from it is reckoned anew
row-cause-opened = brought along from another system
row-cause-transfer-in = balance and rewards of card { $other }
row-cause-transfer-out = balance and rewards to card { $other }
row-cause-merge-in = everything of card { $other }, joined with this one
row-cause-merge-out = everything to card { $other }, with which this one was joined
row-cause-coupon-step = a step of the coupon, which moves no balance
row-input-units = units { $value }
row-input-value = value { $value }
row-input-due = due { $value }
row-input-rewards = rewards { $value }
row-input-visits = visits { $value }
row-input-amount = amount { $value }
row-input-purchase = purchase { $value }
row-input-left-before = left before { $value }
row-input-bill = bill { $value }
row-input-discount = discount { $value }
row-tier = at level { $tier }
row-campaigns = with { $names }
row-limit-transaction = per transaction { $used } of { $most } used before
row-limit-day = per day { $used } of { $most } used before
row-and = { $first } and { $second }
row-lots = took { $lots } from the lots that end first
row-rewards = took { $count } of the rewards that end first
row-repaid = { $amount } repaid what was owed
row-shortfall = not there and written off: { $amount }
row-plain = posted as it is told
row-by-rules = { $told } (rules version { $version }).

# A pass whose clock lies outside the window, ours being trusted (apple-vas.md section 9).
stale-phone-ahead = Phone's clock is { $wait } fast. Scan the barcode.
stale-phone-behind = Phone's clock is { $wait } slow. Scan the barcode.

# A chip whose counter lies behind the one that was last seen: a copy of an older tap, perhaps.
stale-counter = An older tap of this chip. Hold the chip itself again.

# Taps that read no card: a line for the screen, and what the staff can do.
tap-no_pass = No pass or card of ours.
tap-no_pass-advice = No pass or card of ours. With a phone, ask the customer to open the pass in the wallet or to add it, or scan the barcode on the pass.
tap-unlock_phone = Please unlock or confirm on the phone, and hold it again.
tap-unlock_phone-advice = Ask the customer to see the phone, to unlock it or to confirm there, and to hold it again, or scan the barcode on the pass.
tap-choose_pass = Please choose the pass and hold the phone again.
tap-choose_pass-advice = Ask the customer to choose the pass on the screen and to hold the phone again, or scan the barcode on the pass.
tap-hold_still = Hold it a little longer.
tap-hold_still-advice = It could not be read to its end. Hold it a little longer, or scan the barcode on the pass.
tap-foreign_key = This pass was not issued for this shop.
tap-foreign_key-advice = The pass was issued with a key that this shop does not have. Scan the barcode on the pass and tell the owner.
tap-clock_suspect = The till's clock is not set. Scan the barcode.
tap-clock_suspect-advice = The clock of this till cannot be trusted at the moment, so phones are not accepted. Scan the barcode on the pass and check the network time.
tap-chip_error = Not understood. Try again or scan the barcode.
tap-chip_error-advice = What was held there and the reader did not understand each other. Try again, or scan the barcode on the pass.

# Taps that could not be booked, whatever the rules say.
unbooked-disk_full = Nothing was booked: the disk is full. Note the visit on paper and tell the owner.
unbooked-storage_fault = Nothing was booked: the storage failed. Note the visit on paper and tell the owner.

# Status words of Apple VAS for the staff (apple-vas.md section 7).
vas-reader-error = Reader error. Try again, or scan the barcode on the pass.
vas-no-vas = This device offers no pass over the air. Scan the barcode on the pass.
vas-try-again = Try again, or scan the barcode on the pass.

# Status words of Google Smart Tap for the staff (google-smart-tap.md section 10); the others share the sentences above.
smart-unlock = Ask the customer to unlock the phone and to hold it again, or scan the barcode on the pass.
smart-see-phone = Ask the customer to look at the phone, to do what it asks and to hold it again, or scan the barcode on the pass.

# The console's pages. Labels stand alone on buttons, lamps and bands.
label-counter = Counter
label-login-lead = Your name and PIN open the counter.
label-name = Name
label-pin = PIN
label-login = Log in
label-logout = Log out
label-login-wrong = Name or PIN is wrong. Please try again.
label-login-foreign = Sent from another page. Please log in here.
label-login-fault = The ledger does not answer. Please try again.
label-ready = Ready
label-ready-hint = Hold a phone to the reader, or scan a card.
label-last-taps = Last taps
label-no-taps = None yet.
label-awarded = Awarded
label-presented = Card shown
label-already-counted = Same visit
label-refused = Refused
label-to-next = to the next reward
label-rewards-ready = Rewards ready
label-lapses = Lapses on
label-tier = Level
label-card = Card
label-clock-suspect = Clock not set: rewards only with staff
label-already-counted-advice = Nothing was added. For a second visit, wait a moment and tap again.
label-done = Done
label-readers = Readers
label-no-reader = No reader is connected.
label-no-service = The smart card service does not answer.
label-connection = Connection
label-lamp-good = in order
label-lamp-check = check
label-live = connected
label-away = lost, trying again
label-sound = Sound
label-till = Till
label-all-tills = All tills
label-no-script = This page needs JavaScript; switch it on in the browser.

login-locked = Too many wrong PINs. Again in { $wait }.

reader-ready = ready
reader-lift_first = lift what lies on it
reader-mute = the chip does not answer
reader-held = in use by another program
reader-stuck = does not answer
reader-no_service = service is away
reader-gone = not plugged in
reader-no_rights = may not be opened
reader-wrong_kind = is another device

# What is to be done about a reader, or a scanner.
reader-lift_first-advice = something lies on the reader since it was started: take it away, then readers work as usual
reader-mute-advice = the chip on the reader does not answer: lift it and hold it flat, or use another
reader-held-advice = another program uses the reader alone: close it (browser, key manager, opensc)
reader-stuck-advice = the reader does not answer: lift the phone; if it stays so, unplug the reader
reader-no_service-advice = the smart card service is away; see its own line
reader-gone-advice = the reader was unplugged: plug it in again
scanner-gone-advice = the scanner is not there: plug it in, it is used from then on
scanner-no_rights-advice = the daemon may not open the scanner: 'stampd doctor' names the rule or group
scanner-held-advice = another program uses the scanner alone: close it, or name another device
scanner-wrong_kind-advice = the device is of another kind: correct `kind` or `device` in [[scanner]]

# What the staff can do about a refused tap.
remedy-unknown_token = Scan the barcode on the pass, or look the customer up by name.
remedy-replayed = A pass gives a fresh code each time: lift the phone and hold it again.
remedy-stale_token = Ask the customer to set the phone's time to automatic. The barcode works at once.
remedy-card_deleted = Issue a new card if the customer wants one.
remedy-card_blocked = The owner or head office can unblock it.
remedy-card_expired = A manager can extend the card's date.
remedy-programme_paused = The owner switches it on again in the programme's file.
remedy-foreign_ledger = Book it in the system that keeps this balance.
remedy-grade_too_low = A photographed code or a number is not enough here. Hold the phone to the reader.
remedy-too_soon = Nothing was added. The card can earn again after this time.
remedy-daily_limit = Nothing was added. The card can earn again tomorrow.

# Words on a wallet card. The phone has room for 9 characters (15 for -id and -name, 20 for -link).
wallet-stamps = Stamps
wallet-points = Points
wallet-cashback = Credit
wallet-rewards = Rewards
wallet-to-go = To go
wallet-rate = Cashback
wallet-level = Level
wallet-card-id = Card
wallet-member-name = Member
wallet-card-link = My card
wallet-invite-link = Invite a friend
wallet-programme = Programme
wallet-shop = Shop
wallet-code = Show the code
