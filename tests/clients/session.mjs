/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of a connected client, whatever its generation. */
import { cases, toolNames } from "./cases.mjs";
import { check, must } from "./checks.mjs";

async function allTools(client) {
	const tools = [];
	let cursor;

	do {
		const page = await client.listTools(cursor ? { cursor } : undefined);
		tools.push(...page.tools);
		cursor = page.nextCursor;
	} while (cursor);
	return tools;
}

/* Lists the tools and calls each of them as the cases say. */
export async function runCases(client) {
	const tools = await check("list the tools", () => allTools(client)) ?? [];

	for (const name of toolNames) {
		await check(`${name} is listed`, async () => {
			const tool = tools.find((t) => t.name === name);
			must(tool, `only ${tools.map((t) => t.name).join(", ")}`);
			must(tool.description, "no description");
			must(tool.inputSchema?.type === "object", "no inputSchema");
		});
	}
	for (const c of cases) {
		await check(`${c.tool} ${JSON.stringify(c.args)}`, async () =>
			c.expect(await client.callTool(
				{ name: c.tool, arguments: c.args })));
	}
	await check("64 calls at once", async () => {
		const numbers = [...Array(64).keys()].map(String);
		const results = await Promise.all(numbers.map((message) =>
			client.callTool({ name: "echo", arguments: { message } })));
		results.forEach((r, i) => must(
			r.content[0].text === numbers[i], `answer ${i} is mixed up`));
	});
	await check("an unknown tool is an error", async () => {
		const answer = await client.callTool({ name: "no_such_tool" })
			.catch((error) => error);
		must(answer instanceof Error, JSON.stringify(answer));
		must(answer.code === -32602, `code ${answer.code}`);
	});
}
