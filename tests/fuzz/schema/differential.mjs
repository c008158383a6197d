// SPDX-License-Identifier: Apache-2.0
// node differential.mjs ORACLE COUNT SEED
// Random schemas and values, judged by ajv and by us.  Disagreements are
// printed; those that known.mjs explains are only counted.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

import Ajv2020 from "ajv/dist/2020.js";
import Ajv7 from "ajv";

import { Generator } from "./generate.mjs";
import { explain } from "./known.mjs";

const VALUES = 5;
const SHOWN = 20;
const IN_FLIGHT = 64; // lines: less than a pipe holds
const [oracle, count, seed] = [process.argv[2], Number(process.argv[3]),
	Number(process.argv[4])];

function engine(draft) {
	const options = { strict: false, validateFormats: false, logger: false,
		addUsedSchema: false, ownProperties: true };
	return draft === 7 ? new Ajv7.default(options)
		: new Ajv2020.default(options);
}

function judge(ajv, schema, values) {
	let validate;
	try {
		validate = ajv.compile(schema);
	} catch (e) {
		return `E${e.message}`;
	} finally {
		ajv.removeSchema(schema);
	}
	return values.map((v) => {
		try {
			return validate(v) ? "1" : "0";
		} catch {
			return "X";
		}
	}).join("");
}

class Ours {
	constructor(path) {
		this.child = spawn(path, [], { stdio: ["pipe", "pipe", "inherit"] });
		this.lines = createInterface({ input: this.child.stdout })[
			Symbol.asyncIterator]();
		this.ended = new Promise((done) => this.child.on("exit", done));
	}

	send(line) {
		this.child.stdin.write(`${line}\n`);
	}

	async answer() {
		const { value, done } = await this.lines.next();
		if (done)
			throw new Error("the oracle ended");
		return value;
	}

	async end() {
		this.child.stdin.end();
		const code = await this.ended;
		if (code !== 0)
			throw new Error(`the oracle ended with ${code}`);
	}
}

function makeCase(number) {
	const draft = number % 4 === 3 ? 7 : 2020;
	const g = new Generator(seed * 1000003 + number, draft);
	const schema = g.root();
	const values = Array.from({ length: VALUES }, () => g.value(3));
	const schemaText = g.text(schema);
	const texts = values.map((v) => g.text(v));
	return { number, draft, schemaText, texts,
		line: `{"schema":${schemaText},"instances":[${texts.join(",")}]}` };
}

const tally = { cases: 0, verdicts: 0, valid: 0, refused: 0, known: {},
	bad: 0 };

function disagree(c, text, theirs, ours, why) {
	const known = explain(c, text, theirs, ours);
	if (known) {
		tally.known[known] = (tally.known[known] ?? 0) + 1;
		return;
	}
	if (tally.bad++ < SHOWN)
		console.log(`case ${seed}/${c.number} (${c.draft}): ${why}\n`
			+ `  schema ${c.schemaText}\n`
			+ (text === null ? "" : `  value  ${text}\n`)
			+ `  ajv ${theirs}, toolpost ${ours}`);
}

function compare(c, theirs, ours) {
	tally.cases++;
	if (theirs[0] === "E" || ours[0] === "E") {
		tally.refused++;
		if (theirs[0] !== ours[0])
			disagree(c, null, theirs, ours, "one refuses the schema");
		return;
	}
	for (let i = 0; i < VALUES; i++) {
		tally.verdicts++;
		tally.valid += theirs[i] === "1";
		if (theirs[i] !== ours[i])
			disagree(c, c.texts[i], theirs[i], ours[i], "verdicts differ");
	}
}

// What we are sent lacks a keyword: it must be noticed, or a run without
// disagreements means nothing.
async function provePower() {
	const ours = new Ours(oracle);
	const ajv = engine(2020);
	let noticed = 0;
	for (let n = 0; n < 400; n++) {
		const c = makeCase(4 * n);
		const theirs = judge(ajv, JSON.parse(c.schemaText),
			c.texts.map((t) => JSON.parse(t)));
		ours.send(c.line.replaceAll('"type":', '"tipe":'));
		noticed += (await ours.answer()) !== theirs;
	}
	await ours.end();
	if (noticed < 20)
		throw new Error(`only ${noticed} of 400 crippled cases were noticed`);
}

async function main() {
	await provePower();
	const ours = new Ours(oracle);
	let engines = { 7: engine(7), 2020: engine(2020) };
	const waiting = [];
	const settle = async () => {
		const [c, theirs] = waiting.shift();
		compare(c, theirs, await ours.answer());
	};
	for (let n = 0; n < count; n++) {
		if (n % 1000 === 999) // ajv keeps some of each schema
			engines = { 7: engine(7), 2020: engine(2020) };
		const c = makeCase(n);
		ours.send(c.line);
		waiting.push([c, judge(engines[c.draft], JSON.parse(c.schemaText),
			c.texts.map((t) => JSON.parse(t)))]);
		if (waiting.length >= IN_FLIGHT)
			await settle();
	}
	while (waiting.length > 0)
		await settle();
	await ours.end();
	console.log(`${tally.cases} schemas, ${tally.refused} refused, `
		+ `${tally.verdicts} verdicts, `
		+ `${Math.round(100 * tally.valid / tally.verdicts)} % valid, `
		+ `seed ${seed}`);
	for (const [why, n] of Object.entries(tally.known))
		console.log(`${n} known: ${why}`);
	console.log(`${tally.cases - tally.bad} passed, ${tally.bad} failed`);
	process.exit(tally.bad > 0 ? 1 : 0);
}

await main();
