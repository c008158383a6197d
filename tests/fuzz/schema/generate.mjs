// SPDX-License-Identifier: Apache-2.0
// Random schemas and values out of a small world, so that they often meet.
// The same seed gives the same cases.

export function random(seed) {
	let a = seed >>> 0;
	return function next() { // mulberry32
		a = (a + 0x6d2b79f5) >>> 0;
		let t = Math.imul(a ^ (a >>> 15), a | 1);
		t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	};
}

const NAMES = ["a", "b", "c", "ab", "\u00e9", "", "a/b", "x~y", "1"];
const TEXTS = ["", "a", "b", "ab", "abc", "aa", "a b", "1", "12", "\u00e9",
	"\u{1f600}", "a\n", "A", "e\u0301", "_", "\u2028"];
const NUMBERS = [0, 1, 2, 3, 4, 10, -1, -2, 0.5, 1.5, -0.5, 2.25, 1e3,
	4294967296, 9007199254740991];
const PATTERNS = ["^a", "b$", "^[a-c]*$", "^.$", "\\d", "^\\S+$", "a(?=b)",
	"[^a]", "^(a|b)+$", "\\w", "\\u00e9", "^$", "^a{2}$", "\\bb", ".",
	"^\\p{L}+$", "[\\s\\S]", "^\\D*$", "(a)\\1", "^[\\w-]+$", "\\u{1f600}",
	"(?<!a)b", "^[^]$", "\\cJ"];
const TYPES = ["null", "boolean", "integer", "number", "string", "array",
	"object"];
const BROKEN = [["minLength", -1], ["type", "strin"], ["required", "a"],
	["required", ["a", "a"]], ["pattern", "("], ["maximum", "1"],
	["properties", []], ["allOf", []], ["enum", 1], ["multipleOf", 0],
	["uniqueItems", 1], ["items", 3], ["minItems", 1.5], ["type", []],
	["dependentRequired", { a: "b" }], ["pattern", "[b-a]"], ["not", null],
	["type", ["string", "string"]], ["pattern", "a**"], ["$ref", 7],
	["patternProperties", { "[": true }], ["maxLength", 2.0]];

// Old metaschemas ask for it.
function distinct(values) {
	const texts = values.map((v) => JSON.stringify(sorted(v)));
	return values.filter((v, i) => texts.indexOf(texts[i]) === i);
}

function sorted(v) {
	if (Array.isArray(v))
		return v.map(sorted);
	if (v === null || typeof v !== "object")
		return v;
	return Object.keys(v).sort().map((k) => [k, sorted(v[k])]);
}

export class Generator {
	constructor(seed, draft) {
		this.next = random(seed);
		this.draft = draft; // 7 or 2020
	}

	below(n) {
		return Math.floor(this.next() * n);
	}

	pick(list) {
		return list[this.below(list.length)];
	}

	chance(p) {
		return this.next() < p;
	}

	some(max, make) {
		return Array.from({ length: this.below(max + 1) }, () => make());
	}

	map(max, make) {
		const o = {};
		for (const name of this.some(max, () => this.pick(NAMES)))
			o[name] = make();
		return o;
	}

	value(depth) {
		switch (this.below(depth > 0 ? 9 : 5)) {
		case 0: return null;
		case 1: return this.chance(0.5);
		case 2: return this.pick(NUMBERS);
		case 3: return this.below(4);
		case 4: return this.pick(TEXTS);
		case 5:
		case 6: return this.some(4, () => this.value(depth - 1));
		default: return this.map(4, () => this.value(depth - 1));
		}
	}

	list(depth, least = 1) {
		return Array.from({ length: least + this.below(3) },
			() => this.schema(depth));
	}

	names(max) {
		return [...new Set(this.some(max, () => this.pick(NAMES)))];
	}

	// In-place references lead to later definitions only: no loops.
	ref(inside) {
		const first = inside ? 0 : this.definition + 1;
		const n = this.definitions - first;
		const at = this.draft === 7 ? "definitions" : "$defs";
		return n > 0 ? { $ref: `#/${at}/d${first + this.below(n)}` }
			: this.leaf();
	}

	leaf() {
		return this.chance(0.2) ? this.chance(0.7)
			: this.keywords(1 + this.below(2), 0);
	}

	// A schema for a part of the value.
	part(depth) {
		if (this.chance(0.12))
			return this.ref(true);
		return depth > 0 ? this.schema(depth) : this.leaf();
	}

	schema(depth) {
		if (depth <= 0)
			return this.leaf();
		if (this.chance(0.06))
			return this.chance(0.6);
		if (this.chance(0.06))
			return this.ref(false);
		return this.keywords(1 + this.below(4), depth - 1);
	}

	keywords(n, depth) {
		const s = {};
		while (n-- > 0)
			this.keyword(s, depth);
		return s;
	}

	keyword(s, depth) {
		const both = [
			() => { s.type = this.chance(0.7) ? this.pick(TYPES)
				: [...new Set([this.pick(TYPES), this.pick(TYPES)])]; },
			() => { s.const = this.value(2); },
			() => { s.enum = distinct([this.value(1), this.value(2),
				this.value(0)]); },
			() => { s.maximum = this.pick(NUMBERS); },
			() => { s.minimum = this.pick(NUMBERS); },
			() => { s.exclusiveMaximum = this.pick(NUMBERS); },
			() => { s.exclusiveMinimum = this.pick(NUMBERS); },
			() => { s.multipleOf = this.pick([1, 2, 3, 0.5, 0.25]); },
			() => { s.maxLength = this.below(4); },
			() => { s.minLength = this.below(4); },
			() => { s.pattern = this.pick(PATTERNS); },
			() => { s.maxItems = this.below(4); },
			() => { s.minItems = this.below(4); },
			() => { s.uniqueItems = this.chance(0.9); },
			() => { s.maxProperties = this.below(4); },
			() => { s.minProperties = this.below(4); },
			() => { s.required = this.names(3); },
		];
		const deep = [
			() => { s.items = this.part(depth); },
			() => { s.contains = this.part(depth); },
			() => { s.properties = this.map(4, () => this.part(depth)); },
			() => { s.properties = this.map(4, () => this.part(depth)); },
			() => { s.patternProperties = { [this.pick(PATTERNS)]:
				this.part(depth) }; },
			() => { s.additionalProperties = this.part(depth); },
			() => { s.propertyNames = this.leaf(); },
			() => { s.allOf = this.list(depth); },
			() => { s.anyOf = this.list(depth); },
			() => { s.oneOf = this.list(depth); },
			() => { s.not = this.schema(depth); },
			() => { s.if = this.schema(depth);
				if (this.chance(0.8)) s.then = this.schema(depth);
				if (this.chance(0.8)) s.else = this.schema(depth); },
		];
		const late = [
			() => { s.prefixItems = this.list(depth); },
			() => { s.minContains = this.below(3); s.contains ??= this.leaf(); },
			() => { s.maxContains = this.below(3); s.contains ??= this.leaf(); },
			() => { s.unevaluatedItems = this.part(depth); },
			() => { s.unevaluatedProperties = this.part(depth); },
			() => { s.unevaluatedProperties = false; },
			() => { s.unevaluatedItems = false; },
			() => { s.dependentRequired = this.map(2, () => this.names(2)); },
			() => { s.dependentSchemas = this.map(2, () => this.schema(depth)); },
		];
		const early = [
			() => { s.items = this.list(depth); },
			() => { s.additionalItems = this.part(depth); },
			() => { s.dependencies = this.map(2, () => this.chance(0.5)
				? this.names(2) : this.schema(depth)); },
		];
		const more = this.draft === 7 ? early : late;
		if (this.chance(0.003)) {
			const [name, value] = this.pick(BROKEN);
			s[name] = value;
		} else if (depth <= 0 || this.chance(0.45)) {
			this.pick(both)();
		} else {
			this.pick(this.chance(0.35) ? more : deep)();
		}
	}

	root() {
		this.definitions = this.below(4);
		const defs = {};
		for (this.definition = 0; this.definition < this.definitions;
			this.definition++)
			defs[`d${this.definition}`] = this.schema(2);
		this.definition = -1;
		let s = this.schema(4);
		if (typeof s === "boolean")
			s = this.keywords(3, 3);
		if (this.draft === 7) {
			s.$schema = "http://json-schema.org/draft-07/schema#";
			if ("$ref" in s)
				s = { $schema: s.$schema, allOf: [{ $ref: s.$ref }] };
		}
		if (this.definitions > 0)
			s[this.draft === 7 ? "definitions" : "$defs"] = defs;
		return s;
	}

	// JSON text; the same number is written in several ways.
	text(v) {
		if (typeof v === "number" && Number.isSafeInteger(v)
			&& this.chance(0.2))
			return this.pick([`${v}.0`, `${v}e0`, v === 0 ? "0E-1" : `${v}0E-1`]);
		if (Array.isArray(v))
			return `[${v.map((e) => this.text(e)).join(",")}]`;
		if (v !== null && typeof v === "object")
			return `{${Object.entries(v).map(([k, e]) =>
				`${JSON.stringify(k)}:${this.text(e)}`).join(",")}}`;
		return JSON.stringify(v);
	}
}
