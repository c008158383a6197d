/* SPDX-License-Identifier: Apache-2.0 */
/* The MCP Inspector's command line, which prints a result as JSON.
 *   inspector.mjs URL COMMAND [ARGUMENT ...]
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { about, check, finish, must } from "./checks.mjs";
import { cases, toolNames } from "./cases.mjs";

const [url, command, ...args] = process.argv.slice(2);
const run = promisify(execFile);
const main = join(dirname(createRequire(import.meta.url)
	.resolve("@modelcontextprotocol/inspector/package.json")),
	"clients/launcher/build/index.js");

/* The Inspector would take the server's flags for its own, so they go by a
 * file; and it starts servers with an environment of its own. */
const file = join(mkdtempSync(join(tmpdir(), "inspector-")), "mcp.json");
writeFileSync(file, JSON.stringify({ mcpServers: { tested: {
	type: "stdio", command, args,
	env: { FILES_ROOT: process.env.FILES_ROOT ?? "" } } } }));

/* Runs the Inspector; its standard output is one JSON value.  It walks the
 * pages of a list before a call; one that another client has changed meanwhile
 * is walked again, as the server says. */
async function inspect(target, more, walks = 5) {
	const { stdout } = await run(process.execPath,
		[main, "--cli", ...target, ...more],
		{ timeout: 20000, maxBuffer: 1 << 24 })
		.catch((error) => {
			/* A tool that fails makes the Inspector exit with an error
			 * after it has printed the result. */
			if (error.stdout?.trimStart().startsWith("{"))
				return error;
			if (walks > 1 && error.stderr?.includes("begin again without"))
				return { stdout: null };
			throw error;
		});
	return stdout === null ? inspect(target, more, walks - 1)
		: JSON.parse(stdout);
}

function argument([name, value]) {
	return ["--tool-arg", `${name}=${value}`];
}

/* Control characters do not survive as words of a command line. */
function plain(c) {
	return !/[\n"\\]/.test(Object.values(c.args).join(""));
}

/* The process starts anew for each check, so several run at once. */
const AT_ONCE = 3;
const jobs = [];

function later(kind, name, body) {
	jobs.push(() => check(`${kind}: ${name}`, body));
}

function plan(kind, target) {
	later(kind, "list the tools", async () => {
		const { tools } = await inspect(target, ["--method", "tools/list"]);
		for (const name of toolNames)
			must(tools.some((t) => t.name === name), `${name} is missing`);
	});
	for (const c of cases.filter(plain)) {
		later(kind, `${c.tool} ${JSON.stringify(c.args)}`, async () =>
			c.expect(await inspect(target, ["--method", "tools/call",
				"--tool-name", c.tool,
				...Object.entries(c.args).flatMap(argument)])));
	}
}

/* With the fixtures of the conformance suite. */
function planMore(kind, target) {
	const ask = (...words) => inspect(target, ["--method", ...words]);

	later(kind, "list the prompts", async () => {
		const { prompts } = await ask("prompts/list");
		must(prompts.some((p) => p.name === "test_simple_prompt"),
			JSON.stringify(prompts));
	});
	later(kind, "get a prompt", async () => {
		const got = await ask("prompts/get", "--prompt-name",
			"test_prompt_with_arguments",
			"--prompt-args", "arg1=one", "arg2=two");
		must(got.messages[0].content.text
			=== "Prompt with arguments: arg1='one', arg2='two'",
		JSON.stringify(got));
	});
	later(kind, "list the resources", async () => {
		const { resources } = await ask("resources/list");
		must(resources.some((r) => r.uri === "test://static-text"),
			JSON.stringify(resources));
	});
	later(kind, "list the templates", async () => {
		const { resourceTemplates } = await ask("resources/templates/list");
		must(resourceTemplates.some((t) =>
			t.uriTemplate === "test://template/{id}/data"),
		JSON.stringify(resourceTemplates));
	});
	later(kind, "read a resource", async () => {
		const got = await ask("resources/read", "--uri",
			"test://template/7/data");
		must(JSON.parse(got.contents[0].text).id === "7",
			JSON.stringify(got));
	});
}

for (const era of ["legacy", "modern", "auto"]) {
	const kinds = [
		[`HTTP, ${era}`, ["--transport", "http", "--server-url", url]],
		[`stdio, ${era}`, ["--config", file, "--server", "tested"]],
	];

	for (const [kind, target] of kinds) {
		target.push("--protocol-era", era);
		plan(kind, target);
		if (process.env.FIXTURE_MANIFEST)
			planMore(kind, target);
	}
}
about("Inspector");
await Promise.all(Array.from({ length: AT_ONCE }, async () => {
	for (let job = jobs.shift(); job; job = jobs.shift())
		await job();
}));
rmSync(dirname(file), { recursive: true });
finish();
