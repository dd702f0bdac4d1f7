// The counter: listens to the shop's event stream, shows the card that was just presented and what came of it, and the
// last taps. Every word comes from the page; whatever comes from the books is put in as text, never as markup.
'use strict';
const at = id => document.getElementById(id);
const page = document.body.dataset;
const language = document.documentElement.lang;
const signs = {awarded: '✓', presented: '●', already_counted: '!', refused: '✕'};
const CLEAR_MS = 8000;       // a green band stays this long
const NEWS_MS = 60000;       // a tap that reaches us later than this is told in the list alone
const LISTED = 5, STAMPS_DRAWN = 30;
let taps = [], shown = null; // the last ones as {id, tap}, newest first; the one in the band
let clearing = 0, ahead_ms = 0;

const told = (list, code) => at(list).querySelector(`[data-code="${CSS.escape(code || '')}"]`)?.textContent || '';
const lasting = tap => tap.outcome === 'refused' || tap.outcome === 'already_counted';
const clock = tap => (tap.at || '').slice(11, 16);  // the shop's own time: the stamp carries its offset
const grouped = serial => serial.replace(/(.{4})(?=.)/g, '$1 ');
const who = tap => tap.customer_name || (tap.card ? `${page.card} ${grouped(tap.card.serial)}` : page[tap.outcome]);

const element = (name, textContent = '', className = '') => Object.assign(document.createElement(name), {textContent, className});
const figure = (amount, scale) => new Intl.NumberFormat(language, {minimumFractionDigits: scale}).format(amount / 10 ** scale);

// The card: stamps as a grid, everything else as a bar to the next reward.
function drawCard(card, fresh) {
  at('serial').textContent = `${card.programme} · ${grouped(card.serial)}`;
  const total = card.balance + (card.to_next_reward ?? 0);
  const drawn = card.kind === 'stamps' && card.scale === 0 && total > 0 && total <= STAMPS_DRAWN;
  at('stamps').hidden = !drawn;
  at('points').hidden = drawn;
  const reached = figure(Math.max(card.balance, 0), card.scale), of = figure(total, card.scale);
  if (drawn) {
    const columns = total <= 6 ? total : Math.ceil(total / Math.ceil(total / 6));
    at('stamps').style.setProperty('--columns', columns);
    at('stamps').setAttribute('aria-label', `${reached} / ${of}`);
    at('stamps').replaceChildren(...Array.from({length: total}, (_, index) => {
      const filled = index < card.balance, goal = index === total - 1;
      const classes = [filled ? 'filled' : 'empty', goal && 'goal', filled && index >= card.balance - fresh && 'fresh'];
      return element('i', filled || goal ? '★' : String(index + 1), classes.filter(Boolean).join(' '));
    }));
  } else {
    const goal = card.to_next_reward !== null;
    at('bar').hidden = !goal;
    at('bar').max = Math.max(total, 1);
    at('bar').value = Math.max(card.balance, 0);
    at('bar').setAttribute('aria-label', `${reached} / ${of}`);
    at('balance').textContent = goal ? `${figure(card.balance, card.scale)} / ${of}` : figure(card.balance, card.scale);
    at('missing').textContent = goal ? `${figure(card.to_next_reward, card.scale)} ${page.next}` : '';
  }
  const chips = [];
  if (card.rewards_available > 0) chips.push(element('li', `★ ${page.ready}: ${card.rewards_available}`, 'prize'));
  if (drawn && card.to_next_reward > 0) chips.push(element('li', `${card.to_next_reward} ${page.next}`));
  if (card.tier) chips.push(element('li', `${page.tier} ${card.tier}`));
  const day = card.next_expiry && new Date(card.next_expiry.at.slice(0, 10) + 'T12:00').toLocaleDateString(language);
  if (day) chips.push(element('li', `${page.lapses} ${day}: ${figure(card.next_expiry.amount, card.scale)}`));
  at('chips').replaceChildren(...chips);
}

function show(tap) {
  if (shown && lasting(shown) && !(tap.card && shown.card?.serial === tap.card.serial)) hold(shown);
  shown = tap;
  clearTimeout(clearing);
  at('idle').hidden = true;
  at('shown').hidden = false;
  at('band').dataset.outcome = tap.outcome;
  at('sign').textContent = signs[tap.outcome] || '●';
  at('word').textContent = page[tap.outcome] || tap.outcome;
  at('time').textContent = clock(tap);
  at('verdict').textContent = tap.text;
  at('said').textContent = `${page[tap.outcome]}. ${tap.card ? who(tap) + ': ' : ''}${tap.text}`;
  const note = tap.clock_suspect ? page.clock : told('remedies', tap.outcome === 'already_counted' ? tap.outcome : tap.code);
  at('remedy').textContent = note;
  at('remedy').hidden = !note;
  at('done').hidden = !lasting(tap);
  at('card').hidden = !tap.card;
  if (tap.card) {
    at('name').textContent = who(tap);
    const earned = tap.entries.reduce((sum, entry) => sum + Math.max(entry.units, 0), 0);
    drawCard(tap.card, tap.outcome === 'awarded' ? earned : 0);
  }
  if (!lasting(tap)) clearing = setTimeout(clear, CLEAR_MS);
  sound(tap.outcome);
}

function clear() {
  shown = null;
  at('shown').hidden = true;
  at('idle').hidden = false;
}

// What nobody touched yet makes room for the next customer, and stays in sight all the same.
function hold(tap) {
  at('held').hidden = false;
  at('held').dataset.outcome = tap.outcome;
  at('held').querySelector('.sign').textContent = signs[tap.outcome];
  at('held-text').textContent = `${clock(tap)} ${tap.card ? who(tap) + ': ' : ''}${tap.text}`;
}

function list() {
  at('none').hidden = taps.length > 0;
  at('recent').replaceChildren(...taps.map(({tap}) => {
    const row = element('li'), words = element('div');
    row.dataset.outcome = tap.outcome;
    words.append(element('b', who(tap)), element('span', tap.text, 'text'));
    row.append(element('span', signs[tap.outcome], 'sign'), words, element('time', clock(tap)));
    return row;
  }));
}

function take(id, tap, age_ms) {
  if ((page.till && tap.till !== page.till) || taps.some(one => one.id === id && one.tap.visit === tap.visit)) return;
  const newest = taps.every(one => one.id <= id);  // a tap that could not be kept has the id of the event before it
  taps = [{id, tap}, ...taps].sort((one, other) => other.id - one.id).slice(0, LISTED);
  list();
  if (newest && age_ms < NEWS_MS) show(tap);
}

function lamp(id, outcome, word, lines) {
  page[id] = outcome;
  at(`lamp-${id}`).dataset.outcome = outcome;
  at(`lamp-${id}`).querySelector('.sign').textContent = signs[outcome];
  at(`lamp-${id}`).querySelector('.spoken').textContent = `: ${word}`;
  at(`told-${id}`).replaceChildren(...lines.map(line => element('li', line)));
}

async function ask(path) {
  const answer = await fetch(path, {cache: 'no-store'});
  if (answer.status === 401) location.reload();  // the session is over: the page becomes the login page
  return answer.ok ? answer.json() : null;
}

async function readers() {
  const known = await ask('/v1/readers').catch(() => null);
  if (!known) return;
  const down = known.service !== 'ok', none = !down && known.readers.length === 0;
  const outcome = down ? 'refused' : none || known.readers.some(one => one.remedy) ? 'already_counted' : 'awarded';
  const lines = known.readers.map(one => `${one.name}: ${told('states', one.state) || one.state}`);
  if (down) lines.unshift(page.no_service, ...(known.remedy ? [known.remedy] : []));
  if (none) lines.unshift(page.no_reader);
  lamp('readers', outcome, outcome === 'awarded' ? page.good : page.check, lines);
}

// The taps before this page was opened: the newest is shown if it is as fresh as its band would be.
async function recent() {
  const known = await ask(`/console/recent?till=${encodeURIComponent(page.till)}`).catch(() => null);
  for (const {id, age_ms, tap} of (known?.taps || []).reverse()) take(id, tap, age_ms < CLEAR_MS ? 0 : Infinity);
}

function listen() {
  const source = new EventSource('/v1/events');
  const on = (name, heard) => source.addEventListener(name, heard);
  on('hello', event => {
    ahead_ms = Date.parse(JSON.parse(event.data).now) - Date.now();
    lamp('stream', 'awarded', page.live, [page.live]);
    recent().then(readers);
  });
  const age_ms = tap => Date.now() + ahead_ms - Date.parse(tap.at);
  const tapped = ({data, lastEventId}, tap = JSON.parse(data)) => take(Number(lastEventId), tap, age_ms(tap));
  ['tap.presented', 'tap.refused'].forEach(name => on(name, tapped));
  ['reader.up', 'reader.down'].forEach(name => on(name, readers));
  on('card.updated', async event => {
    const {serial, revision} = JSON.parse(event.data);
    if (shown?.card?.serial !== serial || shown.card.revision >= revision) return;
    const card = await ask(`/v1/cards/${serial}`).catch(() => null);
    if (card && shown?.card?.serial === serial) drawCard(shown.card = card, 0);
  });
  source.onerror = () => {
    lamp('stream', 'refused', page.away, [page.away]);
    // The browser tries again by itself unless the answer was a refusal: then we ask why, and try again as well.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => { recent(); listen(); }, 3000);
  };
}

// The readers' own grammar: short is shown, double is awarded, long and low is refused.
let audio = null, loud = localStorage.getItem('sound') !== 'off';
function sound(outcome) {
  if (!loud) return;
  audio ??= new AudioContext();
  const notes = {awarded: [[880, 0, .09], [1320, .13, .14]], presented: [[880, 0, .09]], already_counted: [[440, 0, .2]]};
  for (const [pitch, begin, length] of notes[outcome] || [[196, 0, .5]]) {
    const tone = new OscillatorNode(audio, {frequency: pitch}), gain = new GainNode(audio, {gain: .12});
    tone.connect(gain).connect(audio.destination);
    tone.start(audio.currentTime + begin);
    tone.stop(audio.currentTime + begin + length);
  }
}

function louder(now) {
  loud = now;
  localStorage.setItem('sound', loud ? 'on' : 'off');
  at('sound').setAttribute('aria-pressed', loud);
}

louder(loud);
at('sound').onclick = () => { louder(!loud); sound('presented'); };
at('shown').onclick = clear;
at('held-done').onclick = () => { at('held').hidden = true; };
onkeydown = ({key}) => { if (key === 'Escape' && !document.querySelector(':popover-open')) shown ? clear() : at('held-done').click(); };
setInterval(() => { if (!document.hidden) readers(); }, 30000);
listen();
