/* SPDX-License-Identifier: Apache-2.0 */
/* Counts what held and what did not, and closes with one line of both. */

let passed = 0;
let failed = 0;
let scope = "";

/* Names what the following checks are about. */
export function about(text) {
	scope = text;
}

function told(error) {
	const text = error?.stack ?? String(error);
	return text.split("\n").slice(0, 4).join("\n    ");
}

/* Long for any check.  Against a server that says nothing it would be reached
 * again and again, and may be shorter there. */
const LATE_MS = Number(process.env.CHECK_LATE_MS ?? 20000);

/* Runs one check: it failed when it throws or takes longer. */
export async function check(name, body) {
	const where = scope;
	let timer;
	const late = new Promise((_, reject) => {
		timer = setTimeout(() => reject(
			new Error(`no end in ${LATE_MS / 1000} s`)), LATE_MS);
	});
	try {
		const value = await Promise.race([body(), late]);
		passed++;
		console.log(`ok    ${where}: ${name}`);
		return value;
	} catch (error) {
		failed++;
		console.log(`FAIL  ${where}: ${name}\n    ${told(error)}`);
		return undefined;
	} finally {
		clearTimeout(timer);
	}
}

export function must(condition, message) {
	if (!condition)
		throw new Error(message);
}

/* Prints the closing line and ends the process. */
export function finish() {
	console.log(`${passed} passed, ${failed} failed`);
	process.exit(failed > 0 || passed === 0 ? 1 : 0);
}
