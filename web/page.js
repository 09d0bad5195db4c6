// web/page.js -- the page: what it shows is what the program says, one start of it for each act.
//
// Reading order: small things; the pack; the worker; Ask; Follow; Edit; Train; charts; See; the
// start. SPDX-License-Identifier: MIT
"use strict";

// ---------------------------------------------------------------------------------------------
// Small things

const $ = (id) => document.getElementById(id);
function make(tag, props = {}, ...children) {
  const e = Object.assign(document.createElement(tag), props);
  e.append(...children);
  return e;
}
function trouble(text) {
  $("trouble").textContent = text;
  $("trouble").hidden = !text;
  if (text) $("status").textContent = "";
}
const bytes_of = (text) => new TextEncoder().encode(text);
const text_of = (bytes) => new TextDecoder().decode(bytes);
const rows = (tsv) => tsv.split("\n").slice(1).filter(Boolean).map((l) => l.split("\t"));
const complaint = (done) => done.err.trim().replace(/^cai: /gm, "") || `status ${done.status}`;

// ---------------------------------------------------------------------------------------------
// The pack: everything that the page carries, by name

let files, about;

async function unpack() {
  const inside = $("cai-pack");
  let stream;
  if (inside) {
    const raw = atob(inside.textContent), bytes = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
    inside.remove();
    stream = new Blob([bytes]).stream();
  } else {
    const answer = await fetch("cai.pack");
    if (!answer.ok) throw new Error(`cai.pack: ${answer.status} ${answer.statusText}`);
    stream = answer.body;
  }
  const all = await new Response(stream.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
  const n = new DataView(all).getUint32(0, true);
  let at = 4 + n;
  const found = new Map();
  for (const [name, size] of JSON.parse(text_of(new Uint8Array(all, 4, n)))) {
    found.set(name, new Uint8Array(all, at, size));
    at += size;
  }
  return found;
}

// The smallest module with a 128-bit vector in it.
const VECTORS = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10,
  10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11);
function what_is_missing() {
  if (typeof WebAssembly !== "object") return "WebAssembly";
  if (!WebAssembly.validate(VECTORS)) return "WebAssembly's 128-bit vectors";
  if (typeof DecompressionStream !== "function") return "DecompressionStream";
  if (typeof Worker !== "function") return "workers";
  return "";
}

// ---------------------------------------------------------------------------------------------
// The worker: run(job) starts the program and promises its end

let worker_url, modules;

function new_worker(folders) {
  const w = new Worker(worker_url), waiting = new Map();
  let number = 0;
  w.onmessage = (event) => {
    const { id, done, said, file, bytes } = event.data, job = waiting.get(id);
    if (!job) return;
    if (said !== undefined) job.said(said);
    if (file !== undefined) job.file(file, bytes);
    if (done) waiting.delete(id), job.resolve(done);
  };
  w.onerror = (e) => {
    e.preventDefault();
    trouble(`The program's worker could not go on (${e.message || "no reason given"}): reload.`);
    for (const job of waiting.values()) job.resolve({ status: 72, out: "", err: "", files: [] });
    waiting.clear();
  };
  const load = [...files].filter(([name]) => folders.some((f) => name.startsWith(f)));
  const ready = new Promise((resolve) => waiting.set(0, { resolve }));
  w.postMessage({ load, ...modules });
  return {
    ready,
    run: (job, said = () => {}, file = () => {}) => new Promise((resolve) => {
      const id = ++number;
      waiting.set(id, { resolve, said, file });
      w.postMessage({ ...job, id });
    }),
    put: (list) => w.postMessage({ put: list }),
    end: () => w.terminate(),
  };
}
let asker;

// Threads share memory, which a browser grants a page whose server isolates it by two headers.
const MOST_THREADS = 8;
const threads_wanted = () => self.crossOriginIsolated
  ? Math.min(MOST_THREADS, navigator.hardwareConcurrency || 1) : 1;
function show_threads(n) {
  $("threads").textContent = n > 1 ? `The program works on ${n} threads.`
    : "The program works on one thread.";
}

// ---------------------------------------------------------------------------------------------
// Ask

const MODELS = [
  { name: "base", out: "run", title: "Pretrained" },
  { name: "helpful", out: "run", title: "Helpful-only" },
  { name: "sl_cai", out: "run", title: "SL-CAI" },
  { name: "rl_cai", out: "run", title: "RL-CAI" },
  { name: "sl_cai", out: "mine", title: "Your SL-CAI" },
  { name: "rl_cai", out: "mine", title: "Your RL-CAI" },
];
const here = () => MODELS.filter((m) => files.has(`${m.out}/${m.name}.bin`));
let draws = 1, asking = false;

function show_models() {
  for (const m of here()) {
    if (m.box) continue;
    m.turns = [];
    m.talk = make("div");
    m.talk.setAttribute("aria-live", "polite");
    m.box = make("article", { className: "model" }, make("h3", { textContent: m.title }), m.talk);
    m.box.dataset.model = `${m.out}/${m.name}`;
    $("models").append(m.box);
  }
}

function show_talk(m, waiting) {
  m.talk.replaceChildren(...m.turns.map((t) => make("p", {
    className: t.role === "user" ? "asked" : "answer", textContent: t.content,
  })));
  if (waiting) m.talk.append(make("p", { className: "answer", textContent: "..." }));
  else if (m.talk.lastChild) m.talk.lastChild.classList.add("now");
}

async function answer(m) {
  const ask = JSON.stringify({ prompt: m.turns }) + "\n";
  const done = await asker.run({
    args: ["sample", m.name, "--in", "ask.jsonl", "--out", m.out, "--seed", String(draws),
      "--temperature", $("greedy").checked ? "0" : "1"],
    put: [["ask.jsonl", bytes_of(ask)]],
  });
  const said = done.status === 0 ? JSON.parse(done.out).completion.trim() : complaint(done);
  m.turns.push({ role: "assistant", content: said });
  show_talk(m);
}

async function ask_all(request) {
  if (asking) return;
  asking = true;
  $("models").setAttribute("aria-busy", "true");
  const models = here();
  for (const m of models) m.turns.push({ role: "user", content: request }), show_talk(m, true);
  for (const m of models) await answer(m);
  const words = await asker.run({
    args: ["generate", "rl_cai", "--out", "run", "--max-new", "1", "--prompt", request],
  });
  $("unknown").textContent = words.err.trim().replace(/^cai: /gm, "");
  $("models").removeAttribute("aria-busy");
  asking = false;
}

function forget() {
  if (asking) return;
  for (const m of here()) m.turns = [], show_talk(m);
  $("unknown").textContent = "";
}

function begin_ask() {
  show_models();
  for (const [id, list] of [["harm-ideas", about.harm], ["fine-ideas", about.fine]])
    for (const text of list) {
      const b = make("button", { type: "button", className: "idea", textContent: text });
      b.onclick = () => { $("request").value = text; forget(); ask_all(text); };
      $(id).append(b, " ");
    }
  $("ask-form").onsubmit = (e) => {
    e.preventDefault();
    const request = $("request").value.trim();
    if (request) ask_all(request);
  };
  $("redraw").onclick = async () => {
    if (asking || !here()[0].turns.length) return;
    const request = here()[0].turns.filter((t) => t.role === "user").pop().content;
    draws++;
    for (const m of here()) m.turns.splice(-2);
    ask_all(request);
  };
  $("forget").onclick = forget;
}

// ---------------------------------------------------------------------------------------------
// Follow: the program's own page of a trace; every command on it becomes a button

// The lines of equations.c behind a number whose name in the verifier is another.
const BEHIND = {
  label: "p_both_orders", slope_A: "pm_loss", slope_B: "pm_loss", preference: "sigmoid",
  score_counted: "reward_penalised", ratio: "ratio_of", free_term: "ppo_clip_loss",
  held_term: "ppo_clip_loss", score_margin: "elo_of_score", loss_mean: "ppo_clip_loss",
  loss_total: "ppo_clip_loss", gae_step: "gae", gae_return: "gae", whiten_mean: "whiten",
  whiten_deviation: "whiten", whitened: "whiten",
};

async function show_number(command, shown) {
  const words = command.split(" ").slice(1);
  const done = await asker.run({ program: "verify", args: words });
  const name = about.equations[words[1]] ? words[1] : BEHIND[words[1]];
  const source = about.equations[name];
  $("number-title").textContent = `${words[0]} ${words[1]}: ${shown}`;
  $("number-text").textContent = (done.out || done.err).trim();
  $("number-where").textContent = source ? `${source.file}, line ${source.line}` : "";
  $("number-source").textContent = source ? source.text : "";
  $("number-source").hidden = !source;
  $("number").showModal();
}

function number_button(shown, command) {
  const b = make("button", { type: "button", className: "n", textContent: shown });
  b.title = "formula, values, source";
  b.onclick = () => show_number(command, shown);
  return b;
}

// Columns of advantages and of the KL, coloured by their size: blue is more, red is less.
function colour_columns(table) {
  const heads = [...table.rows[0].cells].map((c) => c.textContent);
  heads.forEach((head, k) => {
    if (!/^E4 k1$|^E6 A$|^E6 whitened$/.test(head)) return;
    const cells = [...table.rows].slice(1).map((r) => r.cells[k]).filter(Boolean);
    const most = Math.max(1e-9, ...cells.map((c) => Math.abs(Number(c.textContent))));
    for (const c of cells) {
      const x = Number(c.textContent) / most;
      const share = Math.round(Math.abs(x) * 28);
      if (c.firstChild.style) c.firstChild.style.color = "var(--ink)";
      c.style.background = `color-mix(in srgb, var(${x < 0 ? "--red" : "--blue"}) ${share}%, var(--box))`;
    }
  });
}

const STEPS = [[/^1 draft/, "draft"], [/^2 step (\d)/, "revision $1"], [/^3/, "SL-CAI"],
  [/^4/, "AI feedback"], [/^5/, "preference model"], [/^6 one/, "a PPO step"],
  [/^6 a second/, "a second"], [/^7/, "RL-CAI"]];

function show_trace(html) {
  const body = new DOMParser().parseFromString(html, "text/html").body;
  const cards = [];
  for (const e of [...body.children]) {
    if (e.tagName === "H1") continue;
    if (e.tagName === "H2") cards.push(make("section", { className: "card" }));
    if (cards.length) cards[cards.length - 1].append(document.adoptNode(e));
  }
  for (const card of cards) {
    card.querySelectorAll("div.t").forEach((div, i) => {
      div.tabIndex = 0;
      div.setAttribute("role", "region");
      div.setAttribute("aria-label", `table ${i + 1} of ${card.firstChild.textContent}`);
    });
    for (const td of card.querySelectorAll("td[title]")) {
      const b = number_button(td.textContent, td.title);
      td.removeAttribute("title");
      td.replaceChildren(b);
    }
    for (const code of card.querySelectorAll("dd code")) {
      const dd = code.parentNode, command = code.textContent;
      code.remove();
      dd.replaceChildren(number_button(dd.textContent.trim(), command));
    }
    for (const table of card.querySelectorAll("table")) colour_columns(table);
  }
  $("trace").replaceChildren(...cards);
  $("figure").replaceChildren(...cards.map((card, i) => {
    card.id = `step-${i}`;
    const title = card.firstChild.textContent, step = STEPS.find(([re]) => re.test(title));
    const label = step ? title.match(step[0])[0].replace(step[0], step[1]) : title;
    return make("li", {}, make("a", { href: `#step-${i}`, textContent: label }));
  }));
}

async function follow() {
  const mine = $("follow-mine").checked;
  $("trace").replaceChildren(make("p", { textContent: "The program computes ..." }));
  $("figure").replaceChildren();
  const done = await asker.run({
    args: ["trace", $("followed").value.trim(), "--out", "run", "--html", "trace.html",
      ...(mine ? ["--constitution", "mine.txt"] : [])],
    put: mine ? [["mine.txt", bytes_of($("constitution").value)]] : [],
    want: ["trace.html"],
  });
  if (done.status === 0) show_trace(text_of(done.files[0][1]));
  else $("trace").replaceChildren(make("p", { className: "trouble", textContent: complaint(done) }));
}

// ---------------------------------------------------------------------------------------------
// Edit

// What the program has to say about a constitution: it reads it, and revises one answer of one
// token by it.
async function check() {
  const done = await asker.run({
    args: ["revise", "--critic", "helpful", "--in", "one.jsonl", "--out", "run", "--revisions", "1",
      "--max-new", "1", "--constitution", "mine.txt"],
    put: [["mine.txt", bytes_of($("constitution").value)],
      ["one.jsonl", bytes_of('{"prompt": "Hello."}\n')]],
  });
  const warnings = done.err.split("\n").filter((l) => l && !/: the run has /.test(l)).join("\n");
  const n = ($("constitution").value.match(/^\[/gm) || []).length;
  $("verdict").className = done.status === 0 && !warnings ? "good" : "bad";
  $("verdict").textContent = done.status === 0
    ? warnings.replace(/^cai: /gm, "") || `The program reads ${n} principles.` : complaint(done);
  return done.status === 0;
}

const list = (pairs) => make("dl", {}, ...pairs.flatMap(([t, d]) => [
  make("dt", { textContent: t }), make("dd", { textContent: d })]));

async function revised(request, constitution) {
  const put = [["mine.txt", bytes_of(constitution)],
    ["one.jsonl", bytes_of(JSON.stringify({ prompt: request }) + "\n")]];
  const args = ["--out", "run", "--constitution", "mine.txt"];
  const done = await asker.run({
    args: ["revise", "--critic", "helpful", "--in", "one.jsonl", ...args], put });
  if (done.status !== 0) return make("p", { className: "trouble", textContent: complaint(done) });
  const steps = done.out.trim().split("\n").map((l) => JSON.parse(l));
  const box = make("div", {}, list([["draft", steps[0].response.trim()]]));
  for (const s of steps)
    box.append(make("h3", { textContent: `Step ${s.step}: ${s.principle}` }),
      list([["critique", s.critique.trim()], ["revision", s.revision.trim()]]));
  const last = steps[steps.length - 1];
  const pair = { prompt: last.prompt, a: steps[0].response, b: last.revision };
  if (pair.a === pair.b) box.append(make("p", { textContent:
    "The last revision is the draft, word for word: there are no two answers to judge." }));
  else {
    const judged = await asker.run({
      args: ["judge", "helpful", "--in", "pair.jsonl", ...args],
      put: [["pair.jsonl", bytes_of(JSON.stringify(pair) + "\n")]],
    });
    if (judged.status === 0) {
      const j = JSON.parse(judged.out.split("\n")[0]);
      box.append(make("h3", { textContent: "Judged: draft against last revision" }), list([
        ["principle", j.principle || ""], ["thought", (j.chain || "").trim()],
        ["chosen", j.chosen.trim()], ["label", `P = ${j.p_chosen}`]]));
    } else box.append(make("p", { className: "trouble", textContent: complaint(judged) }));
  }
  box.dataset.first = steps[0].revision.trim();
  box.dataset.revision = last.revision.trim();
  return box;
}

async function ask_again() {
  const request = $("again-request").value.trim(), mine = $("constitution").value;
  if (!request) return;
  $("again").replaceChildren(make("p", { textContent: "The program computes ..." }));
  if (!(await check())) {
    $("again").replaceChildren(make("p", { className: "trouble",
      textContent: "The program cannot read this constitution: see above." }));
    return;
  }
  const shipped = text_of(files.get("data/constitution.txt"));
  const a = await revised(request, mine), b = await revised(request, shipped);
  a.id = "by-mine", b.id = "by-shipped";
  $("again").replaceChildren(make("div", { className: "two" },
    make("section", { className: "card" }, make("h2", { textContent: "By yours" }), a),
    make("section", { className: "card" }, make("h2", { textContent: "By the shipped one" }), b)));
}

function begin_edit() {
  let timer;
  const edited = () => {
    clearTimeout(timer);
    timer = setTimeout(check, 300);
    store.put("constitution", $("constitution").value);
  };
  $("constitution").value = text_of(files.get("data/constitution.txt"));
  $("constitution").oninput = edited;
  $("which").onchange = () => {
    $("constitution").value = text_of(files.get($("which").value));
    edited();
  };
  $("own-file").onchange = async () => {
    const file = $("own-file").files[0];
    if (file) $("constitution").value = await file.text(), edited();
  };
  $("again-form").onsubmit = (e) => { e.preventDefault(); ask_again(); };
}

// ---------------------------------------------------------------------------------------------
// The browser's storage: what a training has finished outlives the tab

const store = {
  open: () => new Promise((resolve) => {
    try {
      const ask = indexedDB.open("cai", 1);
      ask.onupgradeneeded = () => ask.result.createObjectStore("kept");
      ask.onsuccess = () => { store.base = ask.result; resolve(true); };
      ask.onerror = ask.onblocked = () => resolve(false);
    } catch { resolve(false); }
  }),
  act: (mode, f) => new Promise((resolve) => {
    if (!store.base) return resolve(undefined);
    const t = store.base.transaction("kept", mode), ask = f(t.objectStore("kept"));
    t.oncomplete = () => resolve(ask.result);
    t.onerror = t.onabort = () => {
      $("train-status").textContent = "The browser's storage is full or closed: this training "
        + "is lost if the tab is closed.";
      resolve(undefined);
    };
  }),
  put: (name, value) => store.act("readwrite", (s) => s.put(value, name)),
  remove: (name) => store.act("readwrite", (s) => s.delete(name)),
  get: (name) => store.act("readonly", (s) => s.get(name)),
  names: () => store.act("readonly", (s) => s.getAllKeys()),
};

// ---------------------------------------------------------------------------------------------
// Train: `cai run --out mine`, which goes on wherever it was stopped

const STAGES = ["data", "tokenizer", "pretrain", "helpful", "revise", "sl", "feedback", "pm", "rl"];
const KEPT = ["data", "tokenizer", "pretrain", "helpful"];  // of the shipped run
const training = { worker: null, plan: null, curves: {}, paused: "", done: {}, measuring: false };

// The shipped run's stages before revise, as the beginning of one's own.
function shipped_beginning() {
  const begin = new Map();
  const keep = /^run\/(data\/.*|metrics\/(data|tokenizer|pretrain|helpful)\.tsv|(tokenizer|base|helpful|helpful_pm)\.bin|helpful_pm\.head|town\.txt|kernels\.txt)$/;
  for (const [name, bytes] of files)
    if (keep.test(name)) begin.set(name.replace("run/", "mine/"), bytes);
  const records = text_of(files.get("run/files.txt")).split("\n")
    .filter((l) => KEPT.includes(l.split(" ")[0]) && !/reserved/.test(l) || /^run \w+ town/.test(l));
  begin.set("mine/files.txt", bytes_of(records.join("\n") + "\n"));
  return begin;
}

function flags_of_plan(plan) {
  const flags = text_of(files.get("run/flags.txt")).split("\n").filter(Boolean)
    .map((l) => l.split(/ (.*)/)).filter(([k]) => !/^(constitution|town)$/.test(k));
  const own = { revisions: plan.revisions, "rl-iters": plan.iterations, seed: plan.seed };
  return flags.flatMap(([k, v]) => ["--" + k, String(k in own ? own[k] : v)]);
}

function show_stages() {
  $("stages").replaceChildren(...STAGES.map((s) => {
    const t = training.done[s] || {};
    const bar = make("progress", { max: 1, value: t.share || 0 });
    bar.setAttribute("aria-label", `stage ${s}`);
    return make("li", {}, make("span", { textContent: s }), bar, ` ${t.text || ""}`);
  }));
}

let unfinished = "";
function hear(said) {
  const lines = (unfinished + said).split(/[\r\n]+/);
  unfinished = lines.pop();
  for (const raw of lines.concat(/\x1b\[K$/.test(unfinished) ? [unfinished] : [])) {
    const line = raw.replace(/\x1b\[K/g, "").trim();
    const step = /^\[\d+\/\d+\] (\w+)\s+(\d+)\/(\d+)\s+(.*?) ([-\d.naif]+)\s+(\d+) s, (\d+) s left/.exec(line);
    const end = /^\[\d+\/\d+\] (\w+)\s+(done in|finished before|yours|goes on)(.*)/.exec(line);
    if (step) {
      const [, stage, i, n, metric, value, , left] = step;
      training.done[stage] = { share: i / n, text: `${i} of ${n}, ${metric} ${value}, ${left} s left` };
      const c = (training.curves[`${stage}: ${metric.replace(stage + " ", "")}`] ||= new Map());
      c.set(Number(i), Number(value));
      training.step = `${stage} ${i}`;
    } else if (end) {
      if (end[2] !== "goes on")
        training.done[end[1]] = { share: 1, text: end[2] === "done in" ? end[2] + end[3].split(":")[0]
          : end[2] };
      $("log").textContent += line + "\n";
    } else if (line) $("log").textContent += line + "\n";
  }
  show_stages();
  show_curves();
}

// RL's figures stand in the state that the program saves, and in metrics/rl.tsv at the end.
const RL_NAMES = { "objective/kl": "rl: KL to SL-CAI, nats", length: "rl: tokens of an answer" };
function read_metrics(name, bytes) {
  if (!bytes || !/rl.*\.state$|metrics\/rl\.tsv$/.test(name)) return;
  const text = new TextDecoder("latin1").decode(name.endsWith(".state") ? bytes.subarray(0, 1 << 18)
    : bytes);
  for (const m of text.matchAll(/rl\t(\d+)\t(objective\/kl|length)\t\d+\t([-\d.e]+)\t/g))
    (training.curves[RL_NAMES[m[2]]] ||= new Map()).set(Number(m[1]), Number(m[3]));
}

// The model in a state: after a header of 56 bytes its weights lie as in the model's file, which
// ends in the tables of the rotation. The header's six count is that of the steps done.
function model_of_state(state, like) {
  const [dim, , , heads, , , context] = new Int32Array(like.slice(0, 28).buffer);
  const model = like.slice(), end = model.length - 4 * context * dim / heads;
  model.set(state.subarray(56, 56 + end - 28), 28);
  return model;
}
const steps_of_state = (state) => Number(new DataView(state.buffer, state.byteOffset).getBigUint64(40, true));

// While SL and RL train, the worker that asks answers held-out requests with the state that was
// saved last, and rates them: one state at a time, whichever is newest when it is free.
const LIVE = 48;                                           // requests of mischief, and of what is fine
async function measure(stage, state) {
  const { plan } = training;
  if (training.measuring || !plan) return;
  training.measuring = true;
  const first = (name) => text_of(files.get(`run/data/${name}.jsonl`)).split("\n").slice(0, LIVE).join("\n") + "\n";
  asker.put([["live.bin", model_of_state(state, files.get("run/helpful.bin"))],
    ["live.jsonl", bytes_of(first("eval_redteam") + first("eval_helpful"))]]);
  const said = await asker.run({ args: ["sample", "./live", "--out", "run", "--in", "live.jsonl"] });
  asker.put([["answers.jsonl", bytes_of(said.out)]]);
  const rated = await asker.run({ args: ["eval", "answers.jsonl", "--out", "run", "--tsv", "live.tsv"],
    want: ["live.tsv"] });
  training.measuring = false;
  if (said.status || rated.status || training.plan !== plan) return;
  const share = {};
  for (const [, figure, , value] of rows(text_of(rated.files[0][1]))) share[figure] = 100 * value;
  ((plan.live ||= {})[stage] ||= []).push([steps_of_state(state), share.harmful, share.helpful]);
  store.put("plan", plan);
  show_curves();
}

function show_curves() {
  const live = Object.entries((training.plan || {}).live || {}).map(([stage, points]) =>
    chart(`${stage}: answers to ${LIVE} held-out requests of each kind, percent`, [
      { name: "harmful, of mischief", points: points.map(([x, harmful]) => [x, harmful]) },
      { name: "helpful, of what is fine", points: points.map(([x, , helpful]) => [x, helpful]) },
    ], "step", "", { y: [0, 100] }));
  const charts = Object.entries(training.curves).filter(([, c]) => c.size > 1)
    .map(([name, c]) => chart(name, [{ name, points: [...c] }], "step", ""));
  $("curves").replaceChildren(...live, ...charts);
}

function keep(name, bytes) {
  if (bytes) files.set(name, bytes);
  else files.delete(name);
  if (bytes) store.put(name, bytes);
  else store.remove(name);
  if (/\.(bin|head|txt)$/.test(name)) asker.put([[name, bytes]]);
  read_metrics(name, bytes);
  const live = bytes && /^mine\/(sl|rl)[^/]*\.state$/.exec(name);
  if (live) measure(live[1], bytes);
  if (/(sl|rl)_cai\.bin$/.test(name)) show_models(), show_downloads();
}

function buttons() {
  const { worker, plan } = training;
  $("begin").disabled = !!plan;
  $("pause").disabled = !worker;
  $("goon").disabled = !plan || !!worker || plan.finished;
  $("discard").disabled = !plan;
}

async function work() {
  const { plan } = training;
  training.paused = "";
  const folder = [...files].filter(([name]) => name.startsWith("mine/"));
  training.worker = new_worker(["data/"]);
  training.worker.put([...folder, ["data/constitution.txt", bytes_of(plan.constitution)]]);
  buttons();
  $("train-status").textContent = "Training ...";
  const begun = performance.now(), before = plan.seconds || 0;
  const tick = setInterval(() => {
    plan.seconds = before + (performance.now() - begun) / 1000;
  }, 1000);
  training.tick = tick;
  const done = await training.worker.run({
    live: true,
    args: ["run", "--out", "mine", "--to", "rl", "--save-every", "2", ...flags_of_plan(plan)],
  }, hear, keep);
  clearInterval(tick);
  plan.seconds = before + (performance.now() - begun) / 1000;
  if (done.status !== 0) {
    training.worker.end();
    training.worker = null;
    $("train-status").textContent = complaint(done).split(/[\r\n]+/).filter((l) => !/^\[/.test(l)).pop();
    buttons();
    return;
  }
  $("train-status").textContent = `Trained in ${Math.round(plan.seconds)} s. Measuring ...`;
  const worth = await training.worker.run({
    args: ["eval", "helpful", "sl_cai", "rl_cai", "--out", "mine", "--tsv", "worth.tsv"],
    want: ["worth.tsv"],
  });
  plan.finished = true;
  plan.worth = worth.status === 0 ? text_of(worth.files[0][1]) : "";
  store.put("plan", plan);
  training.worker.end();
  training.worker = null;
  finished();
}

function finished() {
  const { plan } = training, share = {};
  for (const [model, figure, , value] of rows(plan.worth || ""))
    (share[model] ||= {})[figure] = `${(100 * value).toFixed(1)}`;
  const head = ["model", "harmful", "refused well", "helpful", "over-refusal"];
  const table = make("table", {}, make("tr", {}, ...head.map((h) => make("th", { textContent: h }))),
    ...Object.entries(share).map(([m, f]) => make("tr", {}, make("td", { textContent: m }),
      ...["harmful", "refused_well", "helpful", "over_refusal"].map((k) =>
        make("td", { textContent: f[k] })))));
  $("worth").replaceChildren(make("h3", { textContent: "What they are worth, percent of held-out "
    + "prompts" }), make("div", { className: "t" }, table));
  $("train-status").textContent = `Finished: ${Math.round(plan.seconds)} s of training. Ask shows `
    + "your models beside the shipped ones.";
  buttons();
  show_downloads();
  show_models();
}

function pause(why) {
  if (!training.worker) return;
  training.worker.end();
  clearInterval(training.tick);
  training.worker = null;
  training.paused = why;
  store.put("plan", training.plan);
  $("train-status").textContent = `Paused at ${training.step || "the start"} (${why}). Go on takes `
    + "it up from the last saved step; the bytes at the end are the same.";
  buttons();
}

async function discard() {
  if (training.worker) training.worker.end();
  clearInterval(training.tick);
  training.worker = training.plan = null;
  training.curves = {}, training.done = {}, training.step = "";
  for (const name of [...files.keys()].filter((n) => n.startsWith("mine/"))) {
    files.delete(name);
    asker.put([[name, null]]);
  }
  for (const name of (await store.names()) || [])
    if (name.startsWith("mine/") || name === "plan") await store.remove(name);
  for (const m of MODELS) if (m.out === "mine" && m.box) m.box.remove(), delete m.box;
  for (const id of ["curves", "worth", "downloads"]) $(id).replaceChildren();
  $("log").textContent = "";
  $("train-status").textContent = "Nothing trained yet.";
  show_stages();
  buttons();
}

async function begin_training() {
  $("begin").disabled = true;
  if (!(await check())) {
    $("begin").disabled = false;
    $("train-status").textContent = `The constitution: ${$("verdict").textContent}`;
    return;
  }
  const whole = (id) => {
    const e = $(id), x = Math.round(Number(e.value));
    return e.value = Math.min(Number(e.max), Math.max(Number(e.min), Number.isFinite(x) ? x : 1));
  };
  training.plan = { constitution: $("constitution").value, revisions: whole("revisions"),
    iterations: whole("iterations"), seed: whole("seed"), seconds: 0,
    nothing: $("from-nothing").checked };
  if (!training.plan.nothing)
    for (const [name, bytes] of shipped_beginning()) {
      files.set(name, bytes);
      if (!/^mine\/(data|base|helpful|tokenizer)/.test(name)) store.put(name, bytes);
    }
  store.put("plan", training.plan);
  asker.put([...files].filter(([n]) => /^mine\/.*\.(bin|txt)$/.test(n)));
  work();
}

function show_downloads() {
  const take = ["mine/sl_cai.bin", "mine/rl_cai.bin", "mine/pm.bin", "mine/tokenizer.bin",
    "mine/metrics.tsv"].filter((n) => files.has(n));
  $("downloads").replaceChildren(...(take.some((n) => /_cai/.test(n)) ? ["Download: "] : []),
    ...(take.some((n) => /_cai/.test(n)) ? take : []).flatMap((name) => {
      const b = make("button", { type: "button", textContent: name.replace("mine/", "") });
      b.onclick = () => {
        const a = make("a", { download: b.textContent,
          href: URL.createObjectURL(new Blob([files.get(name)])) });
        a.click();
        setTimeout(() => URL.revokeObjectURL(a.href), 10000);
      };
      return [b, " "];
    }));
}

async function take_up() {
  const kept = await store.open();
  if (!kept) $("train-status").textContent = "This browser keeps nothing for this page: a training "
    + "is lost when the tab is closed.";
  const text = await store.get("constitution");
  if (typeof text === "string") $("constitution").value = text;
  const plan = await store.get("plan");
  if (!plan) return;
  if (!plan.nothing) for (const [name, bytes] of shipped_beginning()) files.set(name, bytes);
  for (const name of await store.names())
    if (name.startsWith("mine/")) {
      const bytes = await store.get(name);
      files.set(name, bytes);
      read_metrics(name, bytes);
    }
  training.plan = plan;
  asker.put([...files].filter(([n]) => /^mine\/.*\.(bin|txt|head)$/.test(n)));
  if (plan.finished) finished();
  else $("train-status").textContent = "A training was stopped here: Go on takes it up from its "
    + "last saved step.";
  show_downloads();
  show_curves();
  buttons();
}

function begin_train() {
  show_stages();
  $("begin").onclick = begin_training;
  $("pause").onclick = () => pause("by you");
  $("goon").onclick = work;
  $("discard").onclick = discard;
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && training.worker && $("pause-hidden").checked) pause("the tab is hidden");
    else if (!document.hidden && training.paused === "the tab is hidden") work();
  });
  buttons();
}

// ---------------------------------------------------------------------------------------------
// Charts: plain SVG; the numbers stand in a table below each

const COLOURS = ["var(--blue)", "var(--red)", "var(--green)", "var(--gold)"];
function svg(tag, attributes, text) {
  const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  if (text !== undefined) e.textContent = text;
  return e;
}
const short = (x) => String(Number(Math.abs(x) >= 100 ? x.toFixed(0) : x.toPrecision(3)));

// series: {name, points: [[x, y]], dots, labels}; lines, or dots with labels.
function chart(title, series, xname, yname, range = {}) {
  const W = 420, H = 250, L = 58, R = 14, T = 14, B = 40;
  const all = series.flatMap((s) => s.points).filter((p) => p.every(Number.isFinite));
  const span = (k, given) => {
    let lo = Math.min(...all.map((p) => p[k])), hi = Math.max(...all.map((p) => p[k]));
    if (given) return given;
    if (series[0].dots) [lo, hi] = [lo - 0.12 * (hi - lo), hi + 0.12 * (hi - lo)];
    return hi > lo ? [lo, hi] : [lo - 1, hi + 1];
  };
  const [x0, x1] = span(0, range.x), [y0, y1] = span(1, range.y);
  const X = (x) => L + (x - x0) / (x1 - x0) * (W - L - R);
  const Y = (y) => H - B - (y - y0) / (y1 - y0) * (H - T - B);
  const picture = svg("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": title });
  picture.append(svg("path", { class: "axis", d: `M${L},${T}V${H - B}H${W - R}` }));
  for (const t of [0, 0.5, 1]) {
    const x = x0 + t * (x1 - x0), y = y0 + t * (y1 - y0);
    picture.append(svg("text", { x: X(x), y: H - B + 15, "text-anchor": t === 1 ? "end" : "middle" },
      short(x)), svg("text", { x: L - 5, y: Y(y) + 4, "text-anchor": "end" }, short(y)));
  }
  picture.append(svg("text", { x: (L + W - R) / 2, y: H - 6, "text-anchor": "middle" }, xname));
  if (yname) picture.append(svg("text", { x: L + 5, y: T + 8 }, yname));
  if (range.diagonal)
    picture.append(svg("path", { class: "axis", "stroke-dasharray": "4", d: `M${X(0)},${Y(0)}L${X(1)},${Y(1)}` }));
  series.forEach((s, k) => {
    const stroke = COLOURS[k % COLOURS.length];
    if (!s.dots)
      picture.append(svg("path", { fill: "none", stroke, "stroke-width": 2,
        d: s.points.map(([x, y], i) => `${i ? "L" : "M"}${X(x).toFixed(1)},${Y(y).toFixed(1)}`).join("") }));
    if (s.dots || s.points.length < 15)
      s.points.forEach(([x, y], i) => {
        picture.append(svg("circle", { cx: X(x), cy: Y(y), r: 4, fill: stroke }));
        if (s.labels) picture.append(svg("text", { x: X(x) + (X(x) > W - 90 ? -8 : 8), y: Y(y) + (i % 2 ? 18 : -7),
          "text-anchor": X(x) > W - 90 ? "end" : "start" }, s.labels[i]));
      });
  });
  const table = make("table", {}, ...series.flatMap((s) => s.points.map(([x, y], i) => make("tr", {},
    make("td", { textContent: s.labels ? s.labels[i] : s.name }), make("td", { textContent: short(x) }),
    make("td", { textContent: short(y) })))));
  const scroll = make("div", { className: "t", tabIndex: 0 }, table);
  scroll.setAttribute("role", "region"), scroll.setAttribute("aria-label", `numbers: ${title}`);
  return make("figure", {}, make("figcaption", { textContent: title }), picture,
    make("div", { className: "key" }, ...(series.length > 1 ? series : []).map((s, k) => {
      const i = make("i");
      i.style.background = COLOURS[k % COLOURS.length];
      return make("span", {}, i, s.name);
    })), make("details", {}, make("summary", { textContent: "numbers" }), scroll));
}

// ---------------------------------------------------------------------------------------------
// See

function begin_see() {
  const all = rows(text_of(files.get("run/metrics.tsv")));
  const of = (stage, metric) => all.filter((r) => r[0] === stage && r[2] === metric)
    .map((r) => [Number(r[1]), Number(r[4])]);
  const one = (metric) => (of("eval", metric)[0] || [0, NaN])[1];
  const models = [["base", "pretrained"], ["helpful", "helpful-only"], ["sl_cai", "SL-CAI"],
    ["rl_cai", "RL-CAI"]];
  const drafts = (figure) => [0, 1, 2, 3, 4].map((k) => [k, 100 * one(`draft_${k}/${figure}`)])
    .filter((p) => Number.isFinite(p[1]));
  $("figures").replaceChildren(
    chart("Helpful and harmless, Elo (figure 2)", [{ name: "models", dots: true,
      points: models.map(([m]) => [one(`${m}/elo_helpful`), one(`${m}/elo_harmless`)]),
      labels: models.map((m) => m[1]) }], "helpful, Elo", "harmless, Elo"),
    chart("Training drafts by the number of revisions, percent (figure 5)", [
      { name: "harmful", points: drafts("harmful") },
      { name: "refused well", points: drafts("refused_well") },
      { name: "broken", points: drafts("broken") }], "revisions", "", { y: [0, 100] }),
    chart("The same drafts as preference models score them (figure 5)", ["pm", "helpful_pm"]
      .map((pm) => ({ name: pm === "pm" ? "hybrid PM: help and harm" : "PM of helpfulness alone",
        points: rows(text_of(files.get(`run/score_${pm}.tsv`)))
          .map(([step, , , score]) => [Number(step), Number(score)]) })), "revisions", "score"),
    chart("The judge on its own pairs: how often the first is better, by its probability",
      [{ name: "judge", dots: true, points: about.calibration.map((b) => [b.p, b.right]),
        labels: about.calibration.map((b) => `n = ${b.n}`) }],
      "P(first is better)", "share", { x: [0, 1], y: [0, 1.08], diagonal: true }),
    chart("Preference model: loss, and the floor of soft labels", [
      { name: "loss", points: of("pm", "loss") },
      { name: "floor", points: of("pm", "loss_floor") }], "step", "nats"),
    chart("RL: score of the sampled answers", [
      { name: "score", points: of("rl", "objective/scores") }], "iteration", ""),
    chart("RL: KL to SL-CAI, nats an answer", [
      { name: "KL", points: of("rl", "objective/kl") }], "iteration", ""),
    chart("SL: loss", [{ name: "loss", points: of("sl", "loss") }], "step", "nats"));
  $("summary").textContent = text_of(files.get("run/summary.txt"));
}

// ---------------------------------------------------------------------------------------------
// The start

function open_tab(name) {
  for (const tab of document.querySelectorAll("[role=tab]")) {
    const mine = tab.id === "tab-" + name;
    tab.setAttribute("aria-selected", mine);
    tab.tabIndex = mine ? 0 : -1;
    $(tab.getAttribute("aria-controls")).hidden = !mine;
  }
}

function begin_tabs() {
  const tabs = [...document.querySelectorAll("[role=tab]")];
  tabs.forEach((tab, i) => {
    tab.onclick = () => open_tab(tab.id.slice(4));
    tab.onkeydown = (e) => {
      const to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: tabs.length - 1 }[e.key];
      if (to === undefined) return;
      const next = tabs[(to + tabs.length) % tabs.length];
      e.preventDefault(), next.click(), next.focus();
    };
  });
  open_tab("ask");
}

async function begin() {
  const missing = what_is_missing();
  if (missing)
    return trouble(`This browser lacks ${missing}. Chrome 91, Firefox 113, Safari 16.4 and newer `
      + "have it: please open the page in one of them.");
  files = await unpack();
  about = JSON.parse(text_of(files.get("about.json")));
  modules = { cai: await WebAssembly.compile(files.get("cai.wasm")),
    verify: await WebAssembly.compile(files.get("verify.wasm")), threads: threads_wanted() };
  if (modules.threads > 1)
    modules.cai_threads = await WebAssembly.compile(files.get("cai-threads.wasm"));
  const inside = $("cai-worker");
  worker_url = inside
    ? URL.createObjectURL(new Blob([inside.textContent.replace(/<\\\/script/g, "</script")],
      { type: "text/javascript" })) : "worker.js";
  asker = new_worker(["run/", "data/"]);
  begin_tabs(), begin_ask(), begin_edit(), begin_train(), begin_see();
  $("follow-form").onsubmit = (e) => { e.preventDefault(); follow(); };
  await take_up();
  show_threads((await asker.ready).threads);
  $("status").textContent = "";
  document.body.dataset.ready = "1";
}

begin().catch((e) => trouble(`The page could not begin: ${e.message}. `
  + (/fetch/i.test(e.message) ? "Opened from a disk, use cai.html, which needs no server."
    : "Reload it, or close other tabs if memory is short.")));
