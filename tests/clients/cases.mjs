/* SPDX-License-Identifier: Apache-2.0 */
/* What every public client calls, and what must come back. The files that
 * are read stand in the folder that FILES_ROOT names. */
import { must } from "./checks.mjs";

/* The folder that the server may show; it holds one file. */
export const root = process.env.FILES_ROOT;
export const NOTE = "The lathe turns, the post stands.";

/* All text of a result in one string. */
export function text(result) {
	return (result.content ?? [])
		.filter((block) => block.type === "text")
		.map((block) => block.text)
		.join("\n");
}

function says(pattern) {
	return (result) => {
		must(!result.isError, `isError: ${text(result)}`);
		must(pattern.test(text(result)),
			`${JSON.stringify(result)} does not match ${pattern}`);
	};
}

function fails() {
	return (result) =>
		must(result.isError === true, `no isError: ${JSON.stringify(result)}`);
}

export const cases = [
	{ tool: "hello", args: { name: "Ada" }, expect: says(/^Hello, Ada!$/) },
	{ tool: "echo", args: { message: "hello world" },
		expect: says(/^hello world$/) },
	{ tool: "echo", args: { message: "Grüße, 世界 \u{1f600} \"\\\n" },
		expect: says(/^Grüße, 世界 \u{1f600} "\\\n$/u) },
	{ tool: "echo", args: {}, expect: fails() },
	{ tool: "time_now", args: { timezone: "Europe/Berlin" },
		expect: says(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/) },
	{ tool: "time_now", args: { timezone: "Mars/Olympus" },
		expect: fails() },
	{ tool: "time_convert",
		args: { time: "2026-07-28T12:00", from: "Europe/Berlin",
			to: "Asia/Tokyo" },
		expect: says(/2026-07-28T19:00/) },
	{ tool: "files_list", args: { path: root }, expect: says(/note\.txt/) },
	{ tool: "files_read", args: { path: `${root}/note.txt` },
		expect: says(/The lathe turns, the post stands\./) },
	{ tool: "files_search", args: { query: "lathe" },
		expect: says(/note\.txt/) },
	{ tool: "files_read", args: { path: `${root}/../../etc/passwd` },
		expect: fails() },
];

export const toolNames = [...new Set(cases.map((c) => c.tool))];
