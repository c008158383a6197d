/* SPDX-License-Identifier: Apache-2.0 */
/* A server that is wrong in everything: what comes is changed on its way to
 * the client.  With SPOIL=1 each check of features.mjs must fail. */
export const spoiling = process.env.SPOIL === "1";

function spoilResult(result) {
	const spoilt = structuredClone(result);

	for (const block of [...spoilt.content ?? [], ...spoilt.contents ?? []])
		for (const key of ["text", "data", "blob"])
			if (block[key] !== undefined)
				block[key] = "c3BvaWx0";
	for (const message of spoilt.messages ?? [])
		message.content = { type: "text", text: "spoilt" };
	if (spoilt.completion)
		spoilt.completion.values = ["spoilt"];
	if (spoilt.structuredContent)
		spoilt.structuredContent = { sum: "spoilt" };
	if (spoilt.isError)
		spoilt.isError = false;
	for (const entry of [...spoilt.tools ?? [], ...spoilt.prompts ?? []])
		entry.name = "spoilt";
	if (spoilt.status)
		spoilt.status = "completed";
	if (spoilt.tasks)
		spoilt.tasks = [];
	delete spoilt.nextCursor;
	return spoilt;
}

/* What the client gets instead; undefined: nothing. */
function spoil(message) {
	if (message.method?.startsWith("notifications/")
		&& !message.method.includes("acknowledged"))
		return undefined;
	if (message.result)
		return { ...message, result: spoilResult(message.result) };
	if (message.error)
		return { ...message, error: { ...message.error, code: -1 } };
	return message;
}

/* Stands before a connected client's own reader of messages; sees tells of
 * each that is let through. */
export function watch(transport, sees) {
	const inner = transport.onmessage;

	transport.onmessage = (message, extra) => {
		const passed = spoiling ? spoil(message) : message;
		if (passed === undefined)
			return;
		sees?.(passed);
		inner(passed, extra);
	};
}
