// SPDX-License-Identifier: Apache-2.0
// The keywords of generate.mjs, word for word as the specification says them,
// slow and short: it decides who is wrong when two engines disagree.

const isObject = (v) => v !== null && typeof v === "object"
	&& !Array.isArray(v);

function same(a, b) {
	if (Array.isArray(a) && Array.isArray(b))
		return a.length === b.length && a.every((e, i) => same(e, b[i]));
	if (isObject(a) && isObject(b))
		return Object.keys(a).length === Object.keys(b).length
			&& Object.keys(a).every((k) =>
				Object.hasOwn(b, k) && same(a[k], b[k]));
	return a === b;
}

function isType(v, type) {
	switch (type) {
	case "null": return v === null;
	case "array": return Array.isArray(v);
	case "object": return isObject(v);
	case "integer": return Number.isInteger(v);
	default: return typeof v === type;
	}
}

const length = (text) => [...text].length;
const NOTHING = { ok: true, items: new Set(), names: new Set() };

// What is evaluated counts only where the schema is satisfied.
export class Reference {
	constructor(root, draft) {
		this.root = root;
		this.draft = draft;
	}

	valid(v) {
		return this.check(this.root, v).ok;
	}

	resolve(ref) {
		return ref.slice(2).split("/").reduce((at, k) => at[k], this.root);
	}

	check(s, v) {
		if (s === true)
			return NOTHING;
		if (s === false)
			return { ...NOTHING, ok: false };
		const r = { ok: true, items: new Set(), names: new Set() };
		if (this.draft === 7 && "$ref" in s)
			return this.check(this.resolve(s.$ref), v);
		this.assertions(s, v, r);
		this.inPlace(s, v, r);
		if (Array.isArray(v))
			this.array(s, v, r);
		if (isObject(v))
			this.object(s, v, r);
		if (!r.ok)
			return { ok: false, items: new Set(), names: new Set() };
		return r;
	}

	assertions(s, v, r) {
		const fail = (bad) => { if (bad) r.ok = false; };
		if ("type" in s)
			fail(![s.type].flat().some((t) => isType(v, t)));
		if ("const" in s)
			fail(!same(s.const, v));
		if ("enum" in s)
			fail(!s.enum.some((e) => same(e, v)));
		if (typeof v === "number") {
			fail(v > s.maximum);
			fail(v < s.minimum);
			fail(v >= s.exclusiveMaximum);
			fail(v <= s.exclusiveMinimum);
			fail("multipleOf" in s && v % s.multipleOf !== 0);
		}
		if (typeof v === "string") {
			fail(length(v) > s.maxLength);
			fail(length(v) < s.minLength);
			fail("pattern" in s && !new RegExp(s.pattern, "u").test(v));
		}
		if (Array.isArray(v)) {
			fail(v.length > s.maxItems);
			fail(v.length < s.minItems);
			fail(s.uniqueItems && v.some((e, i) =>
				v.some((f, j) => i < j && same(e, f))));
		}
		if (isObject(v)) {
			const n = Object.keys(v).length;
			fail(n > s.maxProperties);
			fail(n < s.minProperties);
			fail((s.required ?? []).some((k) => !Object.hasOwn(v, k)));
		}
	}

	merge(r, part) {
		part.items.forEach((i) => r.items.add(i));
		part.names.forEach((k) => r.names.add(k));
		return part.ok;
	}

	inPlace(s, v, r) {
		const run = (x) => this.merge(r, this.check(x, v));
		if ("$ref" in s)
			r.ok = run(this.resolve(s.$ref)) && r.ok;
		if ("allOf" in s)
			r.ok = s.allOf.map(run).every((ok) => ok) && r.ok;
		if ("anyOf" in s)
			r.ok = s.anyOf.map(run).some((ok) => ok) && r.ok;
		if ("oneOf" in s)
			r.ok = s.oneOf.map(run).filter((ok) => ok).length === 1 && r.ok;
		if ("not" in s)
			r.ok = !this.check(s.not, v).ok && r.ok;
		if ("if" in s)
			r.ok = run(run(s.if) ? s.then ?? true : s.else ?? true) && r.ok;
		const dependent = { ...s.dependencies, ...s.dependentRequired,
			...s.dependentSchemas };
		for (const [k, d] of Object.entries(isObject(v) ? dependent : {}))
			if (Object.hasOwn(v, k) && !(Array.isArray(d)
				? d.every((n) => Object.hasOwn(v, n)) : run(d)))
				r.ok = false;
		if (isObject(v) && s.dependentRequired && s.dependentSchemas)
			for (const [k, d] of Object.entries(s.dependentRequired))
				if (Object.hasOwn(v, k)
					&& !d.every((n) => Object.hasOwn(v, n)))
					r.ok = false;
	}

	array(s, v, r) {
		const each = (from, schema) => v.forEach((e, i) => {
			if (i < from)
				return;
			r.ok = this.check(schema, e).ok && r.ok;
			r.items.add(i);
		});
		const old = this.draft === 7 && Array.isArray(s.items);
		const prefix = (old ? s.items : s.prefixItems) ?? [];
		const rest = old ? s.additionalItems : s.items;
		prefix.slice(0, v.length).forEach((p, i) => {
			r.ok = this.check(p, v[i]).ok && r.ok;
			r.items.add(i);
		});
		if (rest !== undefined)
			each(prefix.length, rest);
		if ("contains" in s) {
			const found = v.map((e) => this.check(s.contains, e).ok);
			const n = found.filter((ok) => ok).length;
			found.forEach((ok, i) => ok && r.items.add(i));
			if (n < (s.minContains ?? 1) || n > (s.maxContains ?? n))
				r.ok = false;
		}
		if ("unevaluatedItems" in s)
			v.forEach((e, i) => {
				if (r.items.has(i))
					return;
				r.ok = this.check(s.unevaluatedItems, e).ok && r.ok;
				r.items.add(i);
			});
	}

	object(s, v, r) {
		const one = (k, schema) => {
			r.ok = this.check(schema, v[k]).ok && r.ok;
			r.names.add(k);
		};
		for (const k of Object.keys(v)) {
			let plain = true;
			if (Object.hasOwn(s.properties ?? {}, k)) {
				one(k, s.properties[k]);
				plain = false;
			}
			for (const [p, schema] of Object.entries(
				s.patternProperties ?? {}))
				if (new RegExp(p, "u").test(k)) {
					one(k, schema);
					plain = false;
				}
			if (plain && "additionalProperties" in s)
				one(k, s.additionalProperties);
			if ("propertyNames" in s)
				r.ok = this.check(s.propertyNames, k).ok && r.ok;
		}
		if ("unevaluatedProperties" in s)
			for (const k of Object.keys(v))
				if (!r.names.has(k))
					one(k, s.unevaluatedProperties);
	}
}
