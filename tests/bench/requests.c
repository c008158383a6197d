/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and answers as performance comparisons fix them, byte for byte. */
#include "requests.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define CALL_HEAD \
	"{\"jsonrpc\":\"2.0\",\"id\":1000001,\"method\":\"tools/call\"," \
	"\"params\":{\"name\":\"echo\",\"arguments\":" \
	"{\"message\":\"hello world\"}"
#define META \
	",\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":" \
	"\"2026-07-28\",\"io.modelcontextprotocol/clientInfo\":" \
	"{\"name\":\"lg\",\"version\":\"1\"}," \
	"\"io.modelcontextprotocol/clientCapabilities\":{}}"
#define BODY_W1 CALL_HEAD "}}"
#define BODY_W2 CALL_HEAD META "}}"
#define BODY_INITIALIZE \
	"{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":" \
	"{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{}," \
	"\"clientInfo\":{\"name\":\"lg\",\"version\":\"1\"}}}"
#define BODY_INITIALIZED \
	"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}"
#define ANSWER_CONTENT \
	"\"content\":[{\"type\":\"text\",\"text\":\"hello world\"}]"
#define ANSWER_W1 \
	"{\"jsonrpc\":\"2.0\",\"id\":1000001,\"result\":{" ANSWER_CONTENT "}}"
#define ANSWER_W2 \
	"{\"jsonrpc\":\"2.0\",\"id\":1000001,\"result\":" \
	"{\"resultType\":\"complete\"," ANSWER_CONTENT \
	",\"_meta\":{\"io.modelcontextprotocol/serverInfo\":" \
	"{\"name\":\"limit\",\"version\":\"1\"}}}}"

static_assert(sizeof BODY_W1 - 1 == REQUESTS_BODY_W1, "W1 is 115 bytes");
static_assert(sizeof BODY_W2 - 1 == REQUESTS_BODY_W2, "W2 is 293 bytes");
static_assert(sizeof ANSWER_W1 - 1 == 90, "the least answer is 90 bytes");

/* Headers come in the order of the specification of the workloads. */
static void
put_http(struct request *r, const char *host, const char *path,
    const char *headers, const char *body)
{
	int n = snprintf(r->bytes, sizeof r->bytes,
	    "POST %s HTTP/1.1\r\n"
	    "Host: %s\r\n"
	    "Accept: application/json, text/event-stream\r\n"
	    "Content-Type: application/json\r\n"
	    "%s"
	    "Content-Length: %zu\r\n\r\n%s",
	    path, host, headers, strlen(body), body);

	assert(n > 0 && (size_t)n < sizeof r->bytes);
	r->len = (size_t)n;
	r->id_at = r->len - strlen(body) + REQUESTS_ID_AT;
}

static void
put_text(struct request *r, const char *text)
{
	r->len = strlen(text);
	r->id_at = REQUESTS_ID_AT;
	memcpy(r->bytes, text, r->len);
}

void
requests_http(struct request *r, enum requests_workload w, const char *host,
    const char *path, const char *session)
{
	char headers[512];

	if (w == REQUESTS_W2) {
		put_http(r, host, path,
		    "MCP-Protocol-Version: 2026-07-28\r\n"
		    "Mcp-Method: tools/call\r\n"
		    "Mcp-Name: echo\r\n",
		    BODY_W2);
		return;
	}
	snprintf(headers, sizeof headers,
	    "MCP-Protocol-Version: 2025-11-25\r\n"
	    "Mcp-Session-Id: %s\r\n",
	    session);
	put_http(r, host, path, headers, BODY_W1);
}

void
requests_initialize(struct request *r, const char *host, const char *path)
{
	put_http(r, host, path, "", BODY_INITIALIZE);
}

void
requests_initialized(
    struct request *r, const char *host, const char *path, const char *session)
{
	char headers[512];

	snprintf(headers, sizeof headers,
	    "MCP-Protocol-Version: 2025-11-25\r\n"
	    "Mcp-Session-Id: %s\r\n",
	    session);
	put_http(r, host, path, headers, BODY_INITIALIZED);
}

void
requests_line(struct request *r)
{
	put_text(r, BODY_W1 "\n");
}

void
requests_line_initialize(struct request *r)
{
	put_text(r, BODY_INITIALIZE "\n");
}

void
requests_line_initialized(struct request *r)
{
	put_text(r, BODY_INITIALIZED "\n");
}

void
requests_reply(struct request *r, enum requests_workload w)
{
	const char *body = w == REQUESTS_W2 ? ANSWER_W2 : ANSWER_W1;
	int n = snprintf(r->bytes, sizeof r->bytes,
	    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\n\r\n%s",
	    strlen(body), body);

	assert(n > 0 && (size_t)n < sizeof r->bytes);
	r->len = (size_t)n;
	r->id_at = r->len - strlen(body) + REQUESTS_ID_AT;
}

void
requests_reply_line(struct request *r)
{
	put_text(r, ANSWER_W1 "\n");
}

void
requests_id_put(char *at, uint32_t id)
{
	int i;

	for (i = 6; i >= 0; i--) {
		at[i] = (char)('0' + id % 10);
		id /= 10;
	}
}
