// tests/others/llama.mjs FILE.gguf CASES -- ids, greedy text and log-probabilities by llama.cpp (node-llama-cpp).
// CASES: JSON lines {"prompt", "ids", "greedy", "completion_ids", "logprobs"} as cai has them; greedy: at most 16 tokens.
// Prints how many ids and greedy continuations are equal, and the largest difference of a log-probability.
import { readFileSync } from "node:fs";
const { getLlama, LlamaLogLevel } = await import(process.env.OTHERS + "/node_modules/node-llama-cpp/dist/index.js");
const [path, cases] = process.argv.slice(2);
const llama = await getLlama({ gpu: false, build: "never", progressLogs: false, logLevel: LlamaLogLevel.error, maxThreads: 1 });
const model = await llama.loadModel({ modelPath: path, useMmap: false });
const context = await model.createContext({ contextSize: model.trainContextSize, sequences: 1, threads: 1, flashAttention: false,
    experimentalKvCacheKeyType: "F32", experimentalKvCacheValueType: "F32" });
const sequence = context.getSequence();
let n = 0, ids = 0, greedy = 0, far = 0, compared = 0;
for (const line of readFileSync(cases, "utf8").split("\n").filter((s) => s)) {
    const one = JSON.parse(line);
    const theirs = [model.tokens.bos, ...model.tokenize(one.prompt, false)].map(Number);
    n++;
    if (theirs.join() === one.ids.join()) ids++;
    else console.log(JSON.stringify({ prompt: one.prompt, ours: one.ids, theirs }));
    await sequence.clearHistory();
    const next = [];
    for await (const token of sequence.evaluate(one.ids, { temperature: 0 })) {
        if (token === model.tokens.eos || next.push(token) >= 16) break;
    }
    const text = one.prompt + model.detokenize(next, false, one.ids);
    if (text === one.greedy) greedy++;
    else console.log(JSON.stringify({ greedy: one.greedy, theirs: text }));
    if (!one.completion_ids) continue;
    await sequence.clearHistory();
    const all = [...one.ids, ...one.completion_ids];
    const out = await sequence.controlledEvaluate(
        all.map((token) => [token, { generateNext: { probabilities: true, options: { temperature: 1, minP: 0, topK: 0, topP: 1 } } }]));
    one.completion_ids.forEach((token, i) => {
        const p = out[one.ids.length - 1 + i].next.probabilities.get(token);
        far = Math.max(far, Math.abs(Math.log(p) - one.logprobs[i]));
        compared++;
    });
}
console.log(`${n} prompts, ${ids} ids equal, ${greedy} greedy equal, ${compared} log-probabilities, farthest ${far.toExponential(1)}`);
process.exit(0);
