// SPDX-License-Identifier: Apache-2.0
// node ajv.mjs MILLISECONDS: for each line {"schema":..,"instances":[..]} what
// a validation costs in ajv, compiled: as ../../fuzz/schema_oracle.c answers.
import { createInterface } from "node:readline";

import Ajv2020 from "ajv/dist/2020.js";
import Ajv7 from "ajv";

const ns = Number(process.argv[2]) * 1e6;
const LOOK_AT_CLOCK = 64; // validations between two looks
const WARM_S = 0.05;

// Of all threads: the compiler and the collector of V8 work for us too.
function cpu() {
	const { user, system } = process.cpuUsage();
	return (user + system) * 1e3;
}

let sink = 0;

function time(run, values, limit) {
	const begin = cpu();
	let passed = 0;
	let n = 0;
	while (passed < limit) {
		for (let k = 0; k < LOOK_AT_CLOCK; k++)
			for (const v of values)
				sink += run(v) ? 1 : 0;
		n += LOOK_AT_CLOCK * values.length;
		passed = cpu() - begin;
	}
	return passed / n;
}

function answer(line) {
	const { schema, instances } = JSON.parse(line);
	const options = { strict: false, validateFormats: false, logger: false };
	const old = /draft-07/.test(schema.$schema);
	const ajv = old ? new Ajv7.default(options) : new Ajv2020.default(options);
	const validate = ajv.compile(schema);
	const texts = instances.map((v) => JSON.stringify(v));
	const parse = (text) => validate(JSON.parse(text));
	time(validate, instances, WARM_S * 1e9);
	const plain = time(validate, instances, ns);
	time(parse, texts, WARM_S * 1e9);
	return `${plain.toFixed(1)} ${time(parse, texts, ns).toFixed(1)}`;
}

for await (const line of createInterface({ input: process.stdin })) {
	let text;
	try {
		text = answer(line);
	} catch (e) {
		text = `E${e.message.replaceAll("\n", " ")}`;
	}
	process.stdout.write(`${text}\n`);
}
