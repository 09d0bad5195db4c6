// tests/others/tokenizers.mjs FOLDER/tokenizer.json TEXTS -- ids of texts by @huggingface/tokenizers, which is not ours.
// TEXTS: JSON lines {"text", "ids"}, ids as cai encodes the text. Prints "N equal, N different" and the first differences.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
const { Tokenizer } = await import(process.env.OTHERS + "/node_modules/@huggingface/tokenizers/dist/tokenizers.mjs");
const [path, texts] = process.argv.slice(2);
const config = JSON.parse(readFileSync(join(dirname(path), "tokenizer_config.json"), "utf8"));
const tokenizer = new Tokenizer(JSON.parse(readFileSync(path, "utf8")), config);
let equal = 0, different = 0;
for (const line of readFileSync(texts, "utf8").split("\n").filter((s) => s)) {
    const { text, ids } = JSON.parse(line);
    const theirs = tokenizer.encode(text).ids;
    const back = tokenizer.decode(theirs.slice(1));
    if (theirs.join() === ids.join() && back === text) equal++;
    else if (different++ < 3) console.log(JSON.stringify({ text, ours: ids, theirs, back }));
}
console.log(`${equal} equal, ${different} different`);
