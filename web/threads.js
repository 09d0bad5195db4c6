// web/threads.js -- threads: workers with the program, its memory, and nothing else.
//
// Only a page that the server isolates (docs/web.md) may share memory; any other has one thread,
// and nothing of this file is called. The helpers are made once. Each waits for a routine of the
// program, runs it, and waits again; none of this needs an event, so the program need not end for
// it. The memory is one for all starts: a browser gives back shared memory late.
// SPDX-License-Identifier: MIT
"use strict";

const PAGE = 65536, FIRST = 33554432 / PAGE, MOST = 1073741824 / PAGE;  // as the Makefile links

// What workers tell each other, in 32-bit words: how many bytes helpers printed; five words for
// each helper (at work or not, and what start was called with); at SAID what they printed.
const RESTS = 0, WORKS = 1, SAID = 256, SAY_MOST = 8192;
const words_of = (number) => 1 + 5 * number;

function same_memory(imports, memory, cai) {
  return { wasi_snapshot_preview1: imports, env: { memory }, cai };
}

// The program's memory is not the module's own, so the library does not find it by itself.
const with_memory = (instance, memory) => ({ exports: { ...instance.exports, memory } });
const call = (instance, f, x) => instance.exports.__indirect_function_table.get(f)(x);

// ---- A helper: never returns

function help({ module, memory, control, number }) {
  const word = words_of(number), said = new Uint8Array(control.buffer, 4 * SAID);
  const say = (bytes) => {
    const at = Atomics.add(control, 0, bytes.length);
    if (at + bytes.length <= SAY_MOST) said.set(bytes, at);
  };
  postMessage("ready");
  for (;;) {
    Atomics.wait(control, word, RESTS);
    const nothing = new OpenFile(new File([])), out = new ConsoleStdout(say);
    const wasi = new WASI([], [], [nothing, out, out]);
    const instance = new WebAssembly.Instance(module, same_memory(wasi.wasiImport, memory,
      { threads: () => 1, start: () => 1 }));
    wasi.inst = with_memory(instance, memory);
    const [run, over, routine, top] = control.subarray(word + 1, word + 5);
    instance.exports.__stack_pointer.value = top;
    try {
      call(instance, run, routine);
    } catch (e) {
      if (e.code === undefined) say(new TextEncoder().encode(`a thread stopped: ${e.message}\n`));
      call(instance, over, e.code === undefined ? 70 : e.code);
    }
    Atomics.store(control, word, RESTS);
    Atomics.notify(control, word);
  }
}

// ---- The worker that runs the program

// A team of so many threads, the caller among them; null where they cannot be had.
async function gather(module, threads) {
  const helpers = [];
  try {
    const memory = new WebAssembly.Memory({ initial: FIRST, maximum: MOST, shared: true });
    const control = new Int32Array(new SharedArrayBuffer(4 * SAID + SAY_MOST));
    for (let number = 0; number < threads - 1; number++) {
      helpers.push(new Worker(location.href));
      helpers[number].postMessage({ helper: { module, memory, control, number } });
    }
    await Promise.all(helpers.map((h) => new Promise((resolve, reject) => {
      h.onmessage = resolve;
      h.onerror = (e) => { e.preventDefault(); reject(e); };
    })));
    return { module, memory, control, threads };
  } catch {
    for (const h of helpers) h.terminate();
    return null;
  }
}

// An instance of the program whose pthread_create wakes a helper.
function team_instance({ module, memory, control, threads }, imports) {
  new Uint8Array(memory.buffer).fill(0);
  const start = (...how) => {
    for (let number = 0; number < threads - 1; number++) {
      const word = words_of(number);
      if (Atomics.load(control, word) !== RESTS) continue;
      control.set(how, word + 1);
      Atomics.store(control, word, WORKS);
      Atomics.notify(control, word);
      return 0;
    }
    return M.wasi_defs.ERRNO_AGAIN;
  };
  const instance = new WebAssembly.Instance(module, same_memory(imports, memory,
    { threads: () => threads, start }));
  return with_memory(instance, memory);
}

// The program has ended: waits until every helper rests; returns what they printed.
function team_rests({ control, threads }, instance) {
  const over = control[words_of(0) + 2];
  if (over) call(instance, over, 0);
  for (let number = 0; number < threads - 1; number++)
    Atomics.wait(control, words_of(number), WORKS);
  control.fill(0, words_of(0), SAID);
  const n = Math.min(SAY_MOST, Atomics.exchange(control, 0, 0));
  return new Uint8Array(control.buffer, 4 * SAID, n).slice();
}
