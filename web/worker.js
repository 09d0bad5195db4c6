// web/worker.js -- runs the program: a command line, a folder of files in memory, what it prints.
//
// The page sends {load} once, then {run}. Every command is a new start of the program; its files
// stay. Each file that it finishes is sent to the page at once, so a closed tab loses no stage.
// SPDX-License-Identifier: MIT
"use strict";
const { WASI } = M.wasi, { File, Directory, PreopenDirectory, OpenFile, ConsoleStdout } = M.fs_mem;

let root = new Map();
const modules = {};
let team = null;  // of web/threads.js

// The library's file grows by a new array at every write: a model would be copied 2000 times.
OpenFile.prototype.fd_write = function (bytes) {
  const end = Number(this.file_pos) + bytes.byteLength;
  let data = this.file.data;
  if (end > data.length) {
    if (end > data.buffer.byteLength) {
      const more = new Uint8Array(Math.max(end, 2 * data.length, 4096));
      more.set(data);
      data = more;
    }
    data = new Uint8Array(data.buffer, 0, end);
    this.file.data = data;
  }
  data.set(bytes, Number(this.file_pos));
  this.file_pos = BigInt(end);
  return { ret: 0, nwritten: bytes.byteLength };
};

// The library's folder says that it grants no right; access() would find nothing readable.
const RIGHTS = (1n << 29n) - 1n;
PreopenDirectory.prototype.fd_fdstat_get = function () {
  const fdstat = new M.wasi_defs.Fdstat(M.wasi_defs.FILETYPE_DIRECTORY, 0);
  fdstat.fs_rights_base = fdstat.fs_rights_inherited = RIGHTS;
  return { ret: 0, fdstat };
};

function folder_of(parts) {
  let at = root;
  for (const part of parts) {
    if (!at.has(part)) at.set(part, new Directory(new Map()));
    at = at.get(part).contents;
  }
  return at;
}

function put(name, bytes) {
  const parts = name.split("/"), file = parts.pop();
  folder_of(parts).set(file, new File(bytes));
}

function get(name) {
  const parts = name.split("/"), file = parts.pop();
  const found = folder_of(parts).get(file);
  return found && found.data ? found.data.slice() : null;
}

// One start of a program. Returns its exit status and what it printed.
function start(job) {
  const out = [], err = [];
  const keep = (list, live) => (bytes) => {
    list.push(bytes.slice());
    if (live) postMessage({ id: job.id, said: new TextDecoder().decode(bytes) });
  };
  const input = new OpenFile(new File(new TextEncoder().encode(job.input || "")));
  const wasi = new WASI(["./cai", ...job.args], job.live ? ["TERM=xterm"] : [], [
    input, new ConsoleStdout(keep(out)), new ConsoleStdout(keep(err, job.live)),
    new PreopenDirectory(".", root),
  ], { debug: false });
  // The program finishes a file by giving it its name.
  const rename = wasi.wasiImport.path_rename;
  wasi.wasiImport.path_rename = (...a) => {
    const ret = rename(...a);
    const memory = new Uint8Array(wasi.inst.exports.memory.buffer);
    const name = new TextDecoder().decode(memory.slice(a[4], a[4] + a[5]));
    if (ret === 0 && job.live) postMessage({ id: job.id, file: name, bytes: get(name) });
    return ret;
  };
  const unlink = wasi.wasiImport.path_unlink_file;
  wasi.wasiImport.path_unlink_file = (...a) => {
    const ret = unlink(...a);
    const memory = new Uint8Array(wasi.inst.exports.memory.buffer);
    const name = new TextDecoder().decode(memory.slice(a[1], a[1] + a[2]));
    if (ret === 0 && job.live) postMessage({ id: job.id, file: name, bytes: null });
    return ret;
  };
  const begun = performance.now();
  const threaded = team && !job.program;
  const instance = threaded ? team_instance(team, wasi.wasiImport)
    : new WebAssembly.Instance(modules[job.program || "cai"], {
      wasi_snapshot_preview1: wasi.wasiImport,
    });
  let status;
  try {
    status = wasi.start(instance);
  } catch (e) {
    status = 70;
    err.push(new TextEncoder().encode(
      `the tab stopped the program (${e.message}); it may be out of memory: close other tabs\n`));
  }
  if (threaded) err.push(team_rests(team, instance));
  const text = (list) => {
    const decode = new TextDecoder();
    return list.map((b) => decode.decode(b, { stream: true })).join("") + decode.decode();
  };
  return { status, out: text(out), err: text(err), seconds: (performance.now() - begun) / 1000 };
}

async function act(job) {
  try {
    if (job.load) {
      modules.cai = job.cai, modules.verify = job.verify;
      for (const [name, bytes] of job.load) put(name, bytes);
      if (job.threads > 1) team = await gather(job.cai_threads, job.threads);
      postMessage({ id: 0, done: { threads: team ? team.threads : 1 } });
    }
    for (const [name, bytes] of job.put || []) {
      if (bytes) put(name, bytes);
      else {
        const parts = name.split("/"), file = parts.pop();
        folder_of(parts).delete(file);
      }
    }
    if (!job.args) return;
    const done = start(job);
    done.files = (job.want || []).map((name) => [name, get(name)]);
    postMessage({ id: job.id, done });
  } catch (e) {
    postMessage({ id: job.load ? 0 : job.id, done: { status: 71, out: "", err: String(e), seconds: 0, files: [] } });
  }
}

// One after the other: the first, {load}, waits until the helpers are there.
let before = Promise.resolve();
onmessage = (event) => {
  if (event.data.helper) help(event.data.helper);
  else before = before.then(() => act(event.data));
};
