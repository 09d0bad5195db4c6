// web/build.mjs -- puts the page together: node web/build.mjs RUN WASM SHIM TO
//
// RUN: a finished run's folder. WASM: where the modules lie. SHIM: the folder of
// @bjorn3/browser_wasi_shim. TO gets index.html with its files, and cai.html, all of them in one.
// SPDX-License-Identifier: MIT
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import zlib from "node:zlib";

const [run, wasm, shim, to] = process.argv.slice(2);
const here = path.dirname(new URL(import.meta.url).pathname);
const top = path.dirname(here);
const say = (text) => { console.error("web: " + text); process.exit(1); };
const text = (file) => fs.readFileSync(file, "utf8");

// ---- What the page carries: the program, its data, the run

const RUN_FILES = ["tokenizer.bin", "base.bin", "helpful.bin", "helpful_pm.bin",
  "helpful_pm.head", "sl_cai.bin", "pm.bin", "pm.head", "rl_cai.bin", "town.txt",
  "constitution.txt", "flags.txt", "files.txt", "kernels.txt", "metrics.tsv", "summary.txt",
  "revisions.jsonl"];
const DATA = ["data/town.txt", "data/constitution.txt", "data/controls/inverted.txt",
  "data/controls/theft_only.txt"];

// The functions of equations.c, and of train.c the one that whitens: where each begins, its text.
function functions(file, found) {
  const lines = text(path.join(top, file)).split("\n");
  lines.forEach((line, i) => {
    const name = /^(?:static )?(?:inline )?(?:double|void|int) (\w+)\(/.exec(line);
    if (!name) return;
    let end = i;
    while (!/}$/.test(lines[end]) || (end > i && lines[end] !== "}")) end++;
    found[name[1]] = { file, line: i + 1, text: lines.slice(i, end + 1).join("\n") };
  });
  return found;
}

// How often an answer is better that the judge calls so with probability p, in ten bins.
function calibration(file) {
  if (!fs.existsSync(file)) return [];
  const bins = Array.from({ length: 10 }, () => ({ n: 0, p: 0, right: 0 }));
  for (const line of text(file).split("\n").filter(Boolean)) {
    const j = JSON.parse(line);
    if (j.judge !== "chain" || j.set !== "own_pairs" || j.better === "none") continue;
    const p = (1 + j.p_ab - j.p_ba) / 2, b = bins[Math.min(9, Math.floor(p * 10))];
    b.n++, b.p += p, b.right += j.better === "a";
  }
  return bins.filter((b) => b.n).map((b) => ({ n: b.n, p: b.p / b.n, right: b.right / b.n }));
}

function first(name, n) {
  const lines = text(path.join(run, "data", name + ".jsonl")).split("\n").slice(0, 60);
  const turns = lines.filter(Boolean).map((l) => JSON.parse(l).prompt.split("\n\nHuman: "));
  return turns.filter((t) => t.length === 2).slice(0, n)
    .map((t) => t[1].replace("\n\nAssistant:", ""));
}

if (!fs.existsSync(path.join(run, "rl_cai.bin")) || !fs.existsSync(path.join(run, "summary.txt")))
  say(`${run}: no finished run; make run first, or name another by RUN=`);

const files = new Map();
for (const f of RUN_FILES) files.set("run/" + f, fs.readFileSync(path.join(run, f)));
for (const folder of ["data", "metrics"])
  for (const f of fs.readdirSync(path.join(run, folder)).sort())
    if (!/^reserved/.test(f) && f !== "eval.tsv")
      files.set(`run/${folder}/${f}`, fs.readFileSync(path.join(run, folder, f)));
for (const pm of ["pm", "helpful_pm"]) {                    // figure 5, as cai score has it
  const table = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "cai-web-")), "score.tsv");
  execFileSync(path.join(top, "cai"), ["score", pm, "--in", path.join(run, "revisions.jsonl"),
    "--out", run, "--tsv", table], { maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "inherit"] });
  files.set(`run/score_${pm}.tsv`, fs.readFileSync(table));
  fs.rmSync(path.dirname(table), { recursive: true });
}
for (const f of DATA) files.set(f, fs.readFileSync(path.join(top, f)));
files.set("cai.wasm", fs.readFileSync(path.join(wasm, "cai.wasm")));
files.set("cai-threads.wasm", fs.readFileSync(path.join(wasm, "cai-threads.wasm")));
files.set("verify.wasm", fs.readFileSync(path.join(wasm, "verify.wasm")));
const about = {
  equations: { whiten: functions("train.c", {}).whiten, ...functions("equations.c", {}) },
  calibration: calibration(path.join(run, "judged.jsonl")),
  harm: first("eval_redteam", 4),
  fine: [...first("eval_contrast", 2), ...first("eval_helpful", 2)],
};
files.set("about.json", Buffer.from(JSON.stringify(about)));

// The pack: the length of a list in four bytes, the list (names and sizes) as JSON, the files.
const list = Buffer.from(JSON.stringify([...files].map(([name, data]) => [name, data.length])));
const size = Buffer.alloc(4);
size.writeUInt32LE(list.length);
const pack = zlib.gzipSync(Buffer.concat([size, list, ...files.values()]), { level: 9 });

// ---- The worker: the library's modules end to end, as one script

function joined() {
  let out = "";
  for (const name of ["debug", "wasi_defs", "fd", "fs_mem", "wasi"]) {
    const source = text(path.join(shim, "dist", name + ".js"));
    const own = [...source.matchAll(/export (?:class|const|let|function) (\w+)/g)].map((m) => m[1]);
    for (const m of source.matchAll(/export\s*\{([^}]*)\}/g))
      own.push(...m[1].split(",").map((x) => x.trim()).filter((x) => !/ as default$/.test(x)));
    const body = source
      .replace(/import\s*\*\s*as (\w+)\s*from\s*"[^"]*";?/g, "const $1=M.wasi_defs;")
      .replace(/import\s*\{([^}]*)\}\s*from\s*"\.\/(\w+)\.js";?/g, "const{$1}=M.$2;")
      .replace(/export\s*\{[^}]*\};?/g, "")
      .replace(/export default (\w+);?/g, "")
      .replace(/export (class|const|let|function)/g, "$1")
      .replace(/\/\/# sourceMappingURL.*/g, "");
    if (name === "wasi" && !own.includes("WASI")) own.push("WASI");
    out += `M.${name}=(()=>{${body}\nreturn{${[...new Set(own)].join(",")}}})();\n`;
  }
  const licence = text(path.join(shim, "LICENSE-MIT")).trim().replace(/^/gm, "// ");
  return `// @bjorn3/browser_wasi_shim, by its authors under this licence:\n${licence}\nconst M={};\n${out}`;
}
const worker = joined() + text(path.join(here, "threads.js")) + text(path.join(here, "worker.js"));

// ---- The folder, and the one file

const html = text(path.join(here, "index.html"));
const css = text(path.join(here, "page.css")), page = text(path.join(here, "page.js"));
const harmless = (script) => script.replace(/<\/script/g, "<\\/script");
fs.mkdirSync(to, { recursive: true });
fs.writeFileSync(path.join(to, "index.html"), html);
fs.writeFileSync(path.join(to, "page.css"), css);
fs.writeFileSync(path.join(to, "page.js"), page);
fs.writeFileSync(path.join(to, "worker.js"), worker);
fs.writeFileSync(path.join(to, "cai.pack"), pack);
const one = html
  .replace('<link rel="stylesheet" href="page.css">', () => `<style>\n${css}</style>`)
  .replace('<script src="page.js"></script>', () =>
    `<script type="text/plain" id="cai-pack">${pack.toString("base64")}</script>\n` +
    `<script type="text/plain" id="cai-worker">${harmless(worker)}</script>\n` +
    `<script>\n${harmless(page)}</script>`);
fs.writeFileSync(path.join(to, "cai.html"), one);
const mb = (n) => (n / 1e6).toFixed(1) + " MB";
console.log(`${to}/: index.html and its files, ${mb(pack.length)}; cai.html, ${mb(one.length)}`);
