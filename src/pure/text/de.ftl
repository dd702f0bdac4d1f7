### Deutsch. Zeilen (alles außer `-advice`, `row-`, `vas-`, `smart-` und `remedy-`) haben mit gewöhnlichen Werten höchstens 60 Zeichen.

# Dauern, ganze Einheiten.
duration-s = { $count } s
duration-min = { $count } min
duration-h = { $count } h
duration-days = { $count ->
    [one] { $count } Tag
   *[other] { $count } Tage
}

# Mengen in der Einheit eines Programms. $count wählt die Form, $shown wird gelesen.
amount-stamps = { $count ->
    [one] { $shown } Stempel
   *[other] { $shown } Stempel
}
amount-points = { $count ->
    [one] { $shown } Punkt
   *[other] { $shown } Punkte
}

# Was ein Tap bewirkt hat.
outcome-plain = { $amount }.
outcome-to-go = { $amount }, noch { $to_next }
outcome-ready = { $amount }. { $reward } bereit.
outcome-ready-several = { $amount }. { $ready } × { $reward } bereit.
outcome-reward-unnamed = Prämie
outcome-bound = gehört jetzt zur Karte
outcome-already-counted = schon gezählt { $at }

# Ablehnungen (DESIGN.md, Abschnitt 7), mit Zahlen, wo es `-figure` gibt und die Ablehnung sie trägt.
refusal-unknown_token = Diese Karte ist hier nicht bekannt.
refusal-replayed = Dieser Tap wurde schon benutzt. Bitte neu auflegen.
refusal-stale_token = Der Pass zeigt eine falsche Zeit. Barcode scannen.
refusal-several_cards = Mehrere Karten haben diese Nummer. Eine wählen.
refusal-card_deleted = Diese Karte wurde gelöscht.
refusal-card_blocked = Diese Karte ist gesperrt.
refusal-card_expired = Diese Karte ist abgelaufen.
refusal-programme_paused = Das Programm ruht gerade.
refusal-foreign_ledger = Ein anderes System führt dieses Guthaben.
refusal-grade_too_low = Reicht als Nachweis nicht. Bitte den Pass am Handy.
refusal-too_soon = Zu kurz nach dem letzten Mal.
refusal-too_soon-figure = Zu früh. Wieder in { $wait }.
refusal-daily_limit = Das Tageslimit ist erreicht.
refusal-daily_limit-figure = { $allowed ->
    [0] Das Tageslimit ist erreicht.
   *[other] Über dem Tageslimit. Heute noch höchstens { $allowed }.
}
refusal-per_transaction_limit = Mehr, als ein Einkauf geben darf.
refusal-per_transaction_limit-figure = { $allowed ->
    [0] Mehr, als ein Einkauf geben darf.
   *[other] Mehr, als ein Einkauf geben darf. Höchstens { $allowed }.
}
refusal-amount_mismatch = Die Beträge stimmen nicht überein.
refusal-txn_reuse = Diese Belegnummer gehört zu einem anderen Verkauf.
refusal-reward_expired = Die Prämie ist verfallen.
refusal-no_reward = Noch keine Prämie bereit.
refusal-insufficient_balance = Das Guthaben reicht nicht.
refusal-insufficient_balance-figure = Das Guthaben reicht nicht. Höchstens { $max }.
refusal-redeem_cap = Mehr, als dieser Bon zulässt.
refusal-redeem_cap-figure = Mehr, als dieser Bon zulässt. Höchstens { $max }.
refusal-refund_exceeds = Mehr, als noch zu erstatten ist.
refusal-refund_exceeds-figure = Mehr, als noch zu erstatten ist. Höchstens { $max }.
refusal-offline_redeem = Ohne Verbindung zur Zentrale nicht einlösbar.
refusal-dependent_redeemed = Was es eingebracht hat, ist schon eingelöst.
refusal-void_window_passed = Zu spät für ein Storno an dieser Kasse.
refusal-already_voided = Schon storniert.
refusal-needs_manager = Das muss die Leitung freigeben.

# Der Code eines Artikels wurde gescannt.
outcome-goods = Code einer Ware. Bitte die Kundenkarte scannen.

# Unter dem Bon: links ein Wort, rechts von 42 Spalten die Zahl.
receipt-redeemed = Eingelöst
receipt-earned = Gesammelt
receipt-balance = Guthaben
receipt-rewards-ready = Prämien bereit

# Warum eine Zeile im Verlauf einer Karte ihre Zahlen hat: Teile eines Satzes für das Personal.
row-nothing = nichts gesammelt: die Karte war abgelaufen oder der Bon zu klein
row-visit = { $given } für den Besuch
row-rate-down = { $amount } × { $num }/{ $den } in kleinsten Einheiten, abgerundet: { $given }
row-rate-half-up = { $amount } × { $num }/{ $den } in kleinsten Einheiten, kaufmännisch gerundet: { $given }
row-steps = eins je volle { $step } von { $amount }: { $given }
row-total = Summe { $before } auf { $after }, eins je volle { $step }: { $given }
row-cause-first-earn = zum ersten Sammeln mit dieser Karte
row-cause-birthday = zum Geburtstag, noch einmal so viel
row-cause-referrer = ein Freund hat zum ersten Mal gesammelt
row-cause-friend = erstes Sammeln nach einer Empfehlung
row-cause-campaign = durch eine Aktion
row-cause-returned = zurück von einem zurückgegebenen Bon, gültig mindestens bis zum Ende des 7. Tages danach
row-cause-ripened = die Wartezeit ist vorbei
row-cause-day-over = der letzte Tag ist vorbei
row-cause-idle = so lange nichts geschehen, wie die Regeln erlauben
row-cause-set-aside = für einen offenen Verkauf zurückgelegt
row-cause-came-back = was der offene Verkauf zurückgelegt hatte, ist wieder frei
row-cause-left-out = die stornierte Buchung zählt, als hätte es sie nie gegeben; was ihr folgte, ist neu gerechnet
row-cause-opened = aus einem anderen System mitgebracht
row-cause-transfer-in = Guthaben und Prämien von Karte { $other }
row-cause-transfer-out = Guthaben und Prämien an Karte { $other }
row-cause-merge-in = alles von Karte { $other }, die mit dieser vereint wurde
row-cause-merge-out = alles an Karte { $other }, mit der diese vereint wurde
row-cause-coupon-step = ein Schritt des Gutscheins, der kein Guthaben bewegt
row-input-units = Menge { $value }
row-input-value = Korrektur { $value }
row-input-due = fällig { $value }
row-input-rewards = Prämien { $value }
row-input-visits = Besuche { $value }
row-input-amount = Betrag { $value }
row-input-purchase = Einkauf { $value }
row-input-left-before = vorher übrig { $value }
row-input-bill = Bon { $value }
row-input-discount = Nachlass { $value }
row-tier = auf Stufe { $tier }
row-campaigns = mit { $names }
row-limit-transaction = je Einkauf vorher { $used } von { $most } verbraucht
row-limit-day = am Tag vorher { $used } von { $most } verbraucht
row-and = { $first } und { $second }
row-lots = nimmt { $lots } von dem, was zuerst verfällt
row-rewards = nimmt { $count } der Prämien, die zuerst verfallen
row-repaid = { $amount } zur Tilgung dessen, was offen war
row-shortfall = nicht vorhanden und abgeschrieben: { $amount }
row-plain = gebucht wie angegeben
row-by-rules = { $told } (Regeln Version { $version }).

# Ein Pass, dessen Uhr außerhalb des Fensters liegt, während unserer zu trauen ist (apple-vas.md, Abschnitt 9).
stale-phone-ahead = Handy-Uhr geht { $wait } vor. Barcode scannen.
stale-phone-behind = Handy-Uhr geht { $wait } nach. Barcode scannen.

# Ein Chip, dessen Zähler hinter dem zuletzt gesehenen liegt: vielleicht die Kopie eines älteren Taps.
stale-counter = Älterer Tap dieses Chips. Den Chip selbst neu auflegen.

# Taps ohne Karte: eine Zeile für den Bildschirm, und was das Personal tun kann.
tap-no_pass = Kein Pass und keine Karte von uns.
tap-no_pass-advice = Kein Pass und keine Karte von uns. Bei einem Handy den Gast bitten, den Pass in der Wallet zu öffnen oder hinzuzufügen, oder den Barcode auf dem Pass scannen.
tap-unlock_phone = Bitte Handy entsperren oder bestätigen, neu auflegen.
tap-unlock_phone-advice = Den Gast bitten, auf das Handy zu sehen, es zu entsperren oder dort zu bestätigen und neu aufzulegen, oder den Barcode auf dem Pass scannen.
tap-choose_pass = Bitte den Pass wählen und neu auflegen.
tap-choose_pass-advice = Den Gast bitten, den Pass auf dem Bildschirm zu wählen und das Handy neu aufzulegen, oder den Barcode auf dem Pass scannen.
tap-hold_still = Etwas länger auflegen.
tap-hold_still-advice = Nicht bis zum Ende gelesen. Etwas länger auflegen, oder den Barcode auf dem Pass scannen.
tap-foreign_key = Dieser Pass gehört nicht zu diesem Laden.
tap-foreign_key-advice = Der Pass wurde mit einem Schlüssel ausgestellt, den dieser Laden nicht hat. Den Barcode auf dem Pass scannen und der Leitung Bescheid geben.
tap-clock_suspect = Die Uhr der Kasse ist nicht gestellt. Barcode scannen.
tap-clock_suspect-advice = Der Uhr dieser Kasse ist gerade nicht zu trauen, deshalb werden Handys nicht angenommen. Den Barcode auf dem Pass scannen und die Netzzeit prüfen.
tap-chip_error = Nicht verstanden. Nochmal, oder Barcode scannen.
tap-chip_error-advice = Was aufgelegt wurde und der Leser haben sich nicht verstanden. Nochmal versuchen, oder den Barcode auf dem Pass scannen.

# Nicht gebucht, was auch immer die Regeln sagen.
unbooked-disk_full = Nichts gebucht: Der Speicher ist voll. Besuch notieren und der Leitung Bescheid geben.
unbooked-storage_fault = Nichts gebucht: Der Speicher ist gestört. Besuch notieren und der Leitung Bescheid geben.

# Statuswörter von Apple VAS für das Personal (apple-vas.md, Abschnitt 7).
vas-reader-error = Fehler am Leser. Nochmal versuchen, oder den Barcode auf dem Pass scannen.
vas-no-vas = Dieses Gerät bietet keinen Pass über Funk. Den Barcode auf dem Pass scannen.
vas-try-again = Nochmal versuchen, oder den Barcode auf dem Pass scannen.

# Statuswörter von Google Smart Tap für das Personal (google-smart-tap.md, Abschnitt 10); die übrigen teilen die Sätze oben.
smart-unlock = Den Gast bitten, das Handy zu entsperren und neu aufzulegen, oder den Barcode auf dem Pass scannen.
smart-see-phone = Den Gast bitten, auf dem Handy zu tun, was es verlangt, und es neu aufzulegen, oder den Barcode auf dem Pass scannen.

# Die Seiten der Konsole. Beschriftungen stehen allein auf Knöpfen, Lampen und Bändern.
label-counter = Theke
label-login-lead = Name und PIN öffnen die Theke.
label-name = Name
label-pin = PIN
label-login = Anmelden
label-logout = Abmelden
label-login-wrong = Name oder PIN stimmt nicht. Bitte nochmal.
label-login-foreign = Von einer anderen Seite gesendet. Bitte hier anmelden.
label-login-fault = Das Buch antwortet nicht. Bitte nochmal.
label-ready = Bereit
label-ready-hint = Handy an den Leser halten oder Karte scannen.
label-last-taps = Letzte Taps
label-no-taps = Noch keine.
label-awarded = Gutgeschrieben
label-presented = Karte gezeigt
label-already-counted = Derselbe Besuch
label-refused = Abgelehnt
label-to-next = bis zur nächsten Prämie
label-rewards-ready = Prämien bereit
label-lapses = Verfällt am
label-tier = Stufe
label-card = Karte
label-clock-suspect = Uhr nicht gestellt: Prämien nur durch das Personal
label-already-counted-advice = Es kam nichts dazu. Für einen zweiten Besuch kurz warten und neu auflegen.
label-done = Erledigt
label-readers = Leser
label-no-reader = Kein Leser ist angeschlossen.
label-no-service = Der Kartendienst antwortet nicht.
label-connection = Verbindung
label-lamp-good = in Ordnung
label-lamp-check = prüfen
label-live = verbunden
label-away = getrennt, neuer Versuch läuft
label-sound = Ton
label-till = Kasse
label-all-tills = Alle Kassen
label-no-script = Ohne JavaScript geht es nicht; bitte einschalten.

login-locked = Zu viele falsche PINs. Wieder in { $wait }.

reader-ready = bereit
reader-lift_first = wegnehmen, was darauf liegt
reader-mute = der Chip antwortet nicht
reader-held = von anderem Programm belegt
reader-stuck = antwortet nicht
reader-no_service = Dienst ist weg
reader-gone = nicht angesteckt
reader-no_rights = darf nicht geöffnet werden
reader-wrong_kind = ist ein anderes Gerät

# Was bei einem Leser oder Scanner zu tun ist.
reader-lift_first-advice = seit dem Start liegt etwas auf dem Leser: wegnehmen, dann arbeiten die Leser wie gewohnt
reader-mute-advice = der Chip auf dem Leser antwortet nicht: abheben und flach auflegen, oder einen anderen nehmen
reader-held-advice = ein anderes Programm belegt den Leser: beenden (Browser, Schlüsselverwaltung, opensc)
reader-stuck-advice = der Leser antwortet nicht: Handy abheben; wenn es so bleibt, den Leser abstecken
reader-no_service-advice = der Kartendienst ist weg; siehe seine eigene Zeile
reader-gone-advice = der Leser wurde abgesteckt: wieder anstecken
scanner-gone-advice = der Scanner ist nicht da: anstecken, er wird dann sofort benutzt
scanner-no_rights-advice = der Dienst darf den Scanner nicht öffnen: 'stampd doctor' nennt die Regel oder Gruppe
scanner-held-advice = ein anderes Programm belegt den Scanner: beenden, oder ein anderes Gerät nennen
scanner-wrong_kind-advice = das Gerät ist von anderer Art: `kind` oder `device` in [[scanner]] berichtigen

# Was das Personal bei einem abgelehnten Tap tun kann.
remedy-unknown_token = Den Barcode auf dem Pass scannen oder den Gast nach Namen suchen.
remedy-replayed = Ein Pass zeigt jedes Mal einen neuen Code: das Handy abheben und neu auflegen.
remedy-stale_token = Den Gast bitten, die Uhrzeit am Handy automatisch zu stellen. Der Barcode geht sofort.
remedy-card_deleted = Auf Wunsch eine neue Karte ausstellen.
remedy-card_blocked = Der Inhaber oder die Zentrale kann sie freigeben.
remedy-card_expired = Die Leitung kann das Datum der Karte verlängern.
remedy-programme_paused = Der Inhaber schaltet es in der Datei des Programms wieder ein.
remedy-foreign_ledger = In dem System buchen, das dieses Guthaben führt.
remedy-grade_too_low = Ein fotografierter Code oder eine Nummer genügt hier nicht. Das Handy an den Leser halten.
remedy-too_soon = Es kam nichts dazu. Nach dieser Zeit kann die Karte wieder sammeln.
remedy-daily_limit = Es kam nichts dazu. Morgen kann die Karte wieder sammeln.

# Wörter auf einer Wallet-Karte. Das Telefon hat Platz für 9 Zeichen (15 bei -id und -name, 20 bei -link).
wallet-stamps = Stempel
wallet-points = Punkte
wallet-cashback = Guthaben
wallet-rewards = Prämien
wallet-to-go = Es fehlen
wallet-rate = Cashback
wallet-level = Stufe
wallet-card-id = Karte
wallet-member-name = Mitglied
wallet-card-link = Meine Karte
wallet-invite-link = Freunde einladen
wallet-programme = Programm
wallet-shop = Laden
wallet-code = Code zeigen
