// SPDX-License-Identifier: Apache-2.0
// Disagreements with ajv 8 that are its own: the specification, word for word
// (reference.mjs), says what we say, and the schema has what ajv is known to
// get wrong.  Anything else has to be looked at.
import { Reference } from "./reference.mjs";

// Schemas below s, s itself included, and whatever else is an object.
function* objects(s) {
	if (s === null || typeof s !== "object")
		return;
	yield s;
	for (const child of Object.values(s))
		yield* objects(child);
}

const has = (s, test) => [...objects(s)].some(test);
const namesEmpty = (list) => Array.isArray(list) && list.includes("");

const KNOWN = [
	{
		// {"required": [""]} accepts {}
		why: 'the empty name is never missed ("required" and the like)',
		test: (s) => has(s, (o) => namesEmpty(o.required)
			|| Object.values(o.dependentRequired ?? {}).some(namesEmpty)
			|| Object.values(o.dependencies ?? {}).some(namesEmpty)),
	},
	{
		// {"contains": true, "prefixItems": [false]} accepts []
		why: '"contains" in an empty array takes a verdict of before',
		test: (s, v) => has(s, (o) => "contains" in o)
			&& has(v, (o) => Array.isArray(o) && o.length === 0),
	},
	{
		// {"contains": true, "unevaluatedItems": false} refuses [1];
		// {"anyOf": [true, {"contains": false}], "unevaluatedItems":
		// false} accepts it
		why: 'what "unevaluated.." looks at is lost, or left from a branch '
			+ "that failed",
		test: (s) => has(s, (o) => "unevaluatedItems" in o
			|| "unevaluatedProperties" in o),
	},
];

function patterns(s) {
	if (s === null || typeof s !== "object")
		return [];
	return [...Object.keys(s.patternProperties ?? {}),
		...(typeof s.pattern === "string" ? [s.pattern] : []),
		...Object.values(s).flatMap(patterns)];
}

function isPattern(p) {
	try {
		return Boolean(new RegExp(p, "u"));
	} catch {
		return false;
	}
}

function refusal(c, theirs, ours) {
	if (ours.includes("wrong regular expression")
		&& !patterns(JSON.parse(c.schemaText)).every(isPattern))
		return "a wrong pattern where nothing leads is not compiled";
	return null;
}

// Text: the value, or null when the schema itself was judged.
export function explain(c, text, theirs, ours) {
	if (text === null)
		return refusal(c, theirs, ours);
	const schema = JSON.parse(c.schemaText);
	const value = JSON.parse(text);
	const right = new Reference(schema, c.draft).valid(value) ? "1" : "0";
	if (right !== ours)
		return null;
	if (theirs === "X")
		return "a TypeError is thrown";
	return KNOWN.find((k) => k.test(schema, value))?.why ?? null;
}
