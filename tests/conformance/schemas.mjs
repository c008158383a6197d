// SPDX-License-Identifier: Apache-2.0
// The JSON Schemas of the protocol's revisions.
//
// The public conformance suite carries schema.json of four revisions inside
// its program, as object literals; nothing else that can be installed carries
// them. The first revision is not among them: what it lacks of the second
// stands in 2024-11-05.json, in our own words, as does the tasks extension.
import {readFileSync} from "node:fs";

const SUITE = new URL("./node_modules/conformance-0.2/dist/index.js",
	import.meta.url);
const FIRST = new URL("./2024-11-05.json", import.meta.url);
const TASKS = new URL("./2026-07-28-tasks.json", import.meta.url);
const TABLE = /\{"2025-03-26":([\w$]+),"2025-06-18":([\w$]+),"2025-11-25":([\w$]+),[^{}]*?:([\w$]+)\}/;
const REVISIONS = ["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"];

// The source text of the object literal that begins at `from`.
function literal(source, from) {
	let depth = 0, quote = "";
	for (let i = from; i < source.length; i++) {
		const c = source[i];
		if (quote) {
			if (c === "\\")
				i++;
			else if (c === quote)
				quote = "";
		} else if ("`\"'".includes(c)) {
			quote = c;
		} else if ("{[(".includes(c)) {
			depth++;
		} else if ("}])".includes(c) && --depth === 0) {
			return source.slice(from, i + 1);
		}
	}
	throw new Error("an object that does not end");
}

function definitions(schema) {
	return schema.$defs ?? schema.definitions;
}

// Bounds of a number are numbers: two revisions have "integer", an erratum
// that the suite corrects in the same way.
function corrected(schema) {
	for (const name of ["minimum", "maximum", "default"]) {
		const member =
			definitions(schema).NumberSchema?.properties?.[name];
		if (member?.type === "integer")
			member.type = "number";
	}
	return schema;
}

function first(second) {
	const less = JSON.parse(readFileSync(FIRST, "utf8"));
	const schema = structuredClone(second);
	for (const name of less.definitions) {
		if (!(name in schema.definitions))
			throw new Error(`${name}: not a definition`);
		delete schema.definitions[name];
	}
	for (const [name, path] of less.members) {
		let at = schema.definitions[name];
		for (const step of path.slice(0, -1))
			at = at[step];
		if (!(path.at(-1) in at))
			throw new Error(`${name}: no ${path.join("/")}`);
		delete at[path.at(-1)];
	}
	// A choice of what is gone is no choice.
	const gone = less.definitions.map((name) => `#/definitions/${name}`);
	const prune = (value) => {
		if (Array.isArray(value?.anyOf))
			value.anyOf = value.anyOf.filter(
				(one) => !gone.includes(one.$ref));
		if (value !== null && typeof value === "object")
			Object.values(value).forEach(prune);
	};
	prune(schema);
	return schema;
}

function withTasks(schema) {
	const more = JSON.parse(readFileSync(TASKS, "utf8")).$defs;
	for (const name of Object.keys(more))
		if (name in schema.$defs)
			throw new Error(`${name}: defined already`);
	Object.assign(schema.$defs, more);
	schema.$defs.ServerNotification.anyOf.push(
		{$ref: "#/$defs/TaskNotification"});
	return schema;
}

export function load() {
	const source = readFileSync(SUITE, "utf8");
	const table = TABLE.exec(source);
	if (table === null)
		throw new Error("the suite carries no table of schemas");
	const schemas = {};
	REVISIONS.forEach((revision, i) => {
		const begin = `${table[i + 1]}={$schema:`;
		const at = source.indexOf(begin);
		if (at < 0)
			throw new Error(`${revision}: no schema`);
		const text = literal(source, at + begin.indexOf("{"));
		schemas[revision] = corrected((0, eval)(`(${text})`));
	});
	withTasks(schemas["2026-07-28"]);
	schemas["2024-11-05"] = first(schemas["2025-03-26"]);
	return schemas;
}

export {definitions};
