/* SPDX-License-Identifier: Apache-2.0 */
/* Stands between a client and the server and cuts the connections. */
import { connect, createServer } from "node:net";

export async function makeProxy(target) {
	const { hostname, port } = new URL(target);
	const pairs = new Set();
	const proxy = { refusing: false, refused: 0 };

	const server = createServer((near) => {
		if (proxy.refusing) {
			proxy.refused++;
			near.destroy();
			proxy.onrefused?.();
			return;
		}
		const far = connect(Number(port), hostname);
		const pair = [near, far];
		pairs.add(pair);
		for (const [from, to] of [[near, far], [far, near]]) {
			from.setNoDelay(true);
			from.on("data", (bytes) => to.write(bytes));
			from.on("end", () => to.end());
			from.on("error", () => to.destroy());
			from.on("close", () => {
				to.destroy();
				pairs.delete(pair);
			});
		}
	});
	await new Promise((done) => server.listen(0, "127.0.0.1", done));
	const url = new URL(target);
	url.port = String(server.address().port);
	return Object.assign(proxy, {
		url: url.href,
		/* Both sides of every connection see it break. */
		cut() {
			for (const pair of pairs)
				for (const socket of pair)
					socket.resetAndDestroy();
		},
		/* Waits until the client was turned away once more. */
		untilRefused() {
			return new Promise((done) => {
				proxy.onrefused = done;
			});
		},
		close() {
			proxy.cut();
			server.close();
		},
	});
}
