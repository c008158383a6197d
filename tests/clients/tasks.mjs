/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks of revision 2025-11-25, by the SDK's experimental interface. */
import { CallToolResultSchema }
	from "@modelcontextprotocol/sdk/types.js";
import { text } from "./cases.mjs";
import { check, must } from "./checks.mjs";
import { withPeer } from "./features.mjs";

const shown = (value) => JSON.stringify(value)?.slice(0, 300);

/* All that a call as a task says, to its end. */
async function follow(peer, name, args, seen) {
	const said = [];
	const stream = peer.client.experimental.tasks.callToolStream(
		{ name, arguments: args }, CallToolResultSchema,
		{ task: { ttl: 60000 } });

	for await (const message of stream) {
		said.push(message);
		await seen?.(message);
	}
	must(said[0].type === "taskCreated", shown(said));
	return said;
}

async function ends(kit) {
	await withPeer(kit, {}, async (peer) => {
		const said = await follow(peer, "slow_compute",
			{ seconds: 0.3, label: "lathe" });
		must(said.at(-1).type === "result" && text(said.at(-1).result)
			=== "lathe: done after 0.3 s", shown(said));
		must(said.some((m) => m.type === "taskStatus"
			&& m.task.status === "completed"), shown(said));
	});
}

async function fails(kit) {
	await withPeer(kit, {}, async (peer) => {
		const said = await follow(peer, "failing_job", {});
		must(said.at(-1).type === "error" && said.some((m) =>
			m.type === "taskStatus" && m.task.status === "failed"),
		shown(said));
	});
}

async function asks(kit) {
	await withPeer(kit, { elicitation: { form: {} } }, async (peer) => {
		const asked = [];
		peer.answer("elicitation/create", ({ params }) => {
			asked.push(params.message);
			return { action: "decline" };
		});
		const said = await follow(peer, "confirm_delete",
			{ filename: "old.txt" });
		must(asked.length === 1 && asked[0] === "Delete this file?",
			shown(asked));
		must(said.at(-1).type === "result"
			&& /kept/.test(text(said.at(-1).result)), shown(said));
	});
}

async function stops(kit) {
	await withPeer(kit, {}, async (peer) => {
		const { tasks } = peer.client.experimental;
		const said = await follow(peer, "slow_compute", { seconds: 3600 },
			async ({ type, task }) => {
				if (type === "taskCreated")
					await tasks.cancelTask(task.taskId);
			});
		must(said.at(-1).type === "error"
			&& said.at(-2).task.status === "cancelled", shown(said));
	});
}

/* Without a principal only who knows a task's id, which nobody guesses, can
 * ask for it: another session is not told of it. */
async function areOnesOwn(kit) {
	await withPeer(kit, {}, (peer) => withPeer(kit, {}, async (other) => {
		const mine = peer.client.experimental.tasks;
		const theirs = other.client.experimental.tasks;
		await follow(peer, "slow_compute", { seconds: 3600 },
			async ({ type, task }) => {
				if (type !== "taskCreated")
					return;
				const seen = await mine.listTasks();
				must(seen.tasks.length === 1
					&& seen.tasks[0].taskId === task.taskId,
				shown(seen));
				const hidden = await theirs.listTasks();
				must(hidden.tasks.length === 0, shown(hidden));
				await mine.cancelTask(task.taskId);
			});
	}));
}

export async function runTasks(kit) {
	for (const [name, body] of [
		["a task goes to its end", ends],
		["a task that fails", fails],
		["a task that asks the user", asks],
		["a task that is cancelled", stops],
		["a task is listed for its own client alone", areOnesOwn]])
		await check(name, () => body(kit));
}
