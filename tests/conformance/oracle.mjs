// SPDX-License-Identifier: Apache-2.0
// Answers, a line a question, whether a value is what a revision defines.
//
// First it writes a line with what each revision defines. Then a question is
// [revision, definition, value], and its answer a list of [pointer, message].
// With a folder as argument it writes the schemas there and ends.
import {createInterface} from "node:readline";
import {writeFileSync} from "node:fs";
import {createRequire} from "node:module";
import {definitions, load} from "./schemas.mjs";

const require = createRequire(import.meta.url);
const Ajv = require("ajv").default;
const Ajv2020 = require("ajv/dist/2020").default;
const formats = require("ajv-formats").default;

const schemas = load();
const compiled = new Map();

function members(schema, name) {
	const refs = definitions(schema)[name]?.anyOf ?? [];
	return refs.map((one) => one.$ref.split("/").at(-1));
}

// Each method with its definition, those that a server sends, and the
// errors that have a code of their own.
function describe(schema) {
	const all = definitions(schema);
	const about = {
		definitions: Object.keys(all), methods: {}, errors: {},
		sent: {
			requests: members(schema, "ServerRequest"),
			notifications: members(schema, "ServerNotification"),
		},
	};
	for (const [name, one] of Object.entries(all)) {
		const method = one.properties?.method?.const;
		if (method !== undefined && /(Request|[a-z]Notification)$/.test(name) &&
				!/^(Client|Server)(Request|Notification)$/.test(name))
			about.methods[method] = name;
		for (const part of one.properties?.error?.allOf ?? [])
			if (part.properties?.code?.const !== undefined)
				about.errors[part.properties.code.const] = name;
		const code = one.properties?.code?.const;
		if (code !== undefined && name.endsWith("Error"))
			about.errors[code] ??= name;
	}
	return about;
}

function engine(revision) {
	const schema = schemas[revision];
	const options = {strict: false, allErrors: true};
	const ajv = schema.$schema.includes("2020-12") ?
		new Ajv2020(options) : new Ajv(options);
	formats(ajv);
	ajv.addFormat("byte", /^[A-Za-z0-9+/]*={0,2}$/);
	ajv.addSchema({...schema, $id: "mcp:schema"});
	return ajv;
}

function validator(revision, name) {
	const key = `${revision} ${name}`;
	let found = compiled.get(key);
	if (found === undefined) {
		let ajv = compiled.get(revision);
		if (ajv === undefined)
			compiled.set(revision, ajv = engine(revision));
		const where = "$defs" in schemas[revision] ?
			"$defs" : "definitions";
		found = ajv.compile({$ref: `mcp:schema#/${where}/${name}`});
		compiled.set(key, found);
	}
	return found;
}

function answer([revision, name, value]) {
	const check = validator(revision, name);
	if (check(value))
		return [];
	return check.errors.slice(0, 12).map((e) => [
		e.instancePath,
		`${e.message}${e.params?.allowedValue !== undefined ?
			` (${JSON.stringify(e.params.allowedValue)})` : ""}`]);
}

if (process.argv.length > 2) {
	for (const [revision, schema] of Object.entries(schemas))
		writeFileSync(`${process.argv[2]}/${revision}.json`,
			JSON.stringify(schema, null, "\t"));
} else {
	const about = {};
	for (const [revision, schema] of Object.entries(schemas))
		about[revision] = describe(schema);
	process.stdout.write(JSON.stringify(about) + "\n");
	createInterface({input: process.stdin, crlfDelay: Infinity})
		.on("line", (line) => process.stdout.write(
			JSON.stringify(answer(JSON.parse(line))) + "\n"));
}
