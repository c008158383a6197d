/* SPDX-License-Identifier: Apache-2.0 */
/* JSON-RPC 2.0: one parsed value read as a request, a notification or a
 * response; and the frames of answers.  Ids are echoed byte for byte. */
#ifndef RPC_MESSAGE_H
#define RPC_MESSAGE_H

#include <stdbool.h>

#include "base/buf.h"
#include "data/json.h"

/* The codes that core sends.  -32000 to -32019 are never used (ERR-03), save
 * -32002 where a stateful revision wants it. */
enum rpc_code {
	RPC_PARSE_ERROR = -32700,
	RPC_INVALID_REQUEST = -32600,
	RPC_METHOD_NOT_FOUND = -32601,
	RPC_INVALID_PARAMS = -32602,
	RPC_INTERNAL_ERROR = -32603,
	RPC_RESOURCE_NOT_FOUND = -32002,
	RPC_HEADER_MISMATCH = -32020,
	RPC_MISSING_CAPABILITY = -32021,
	RPC_UNSUPPORTED_VERSION = -32022,
	RPC_LINKS_REQUIRED = -32042 /* 2025-11-25 alone */
};

#define RPC_ID_MAX 1024 /* bytes of an id as sent */
#define RPC_METHOD_MAX 256

enum rpc_kind { RPC_INVALID, RPC_REQUEST, RPC_NOTIFICATION, RPC_RESPONSE };

struct rpc_message {
	enum rpc_kind kind;
	const struct json_node *id; /* NULL where none could be read */
	struct str method;
	const struct json_node *params; /* an object, or NULL */
	const struct json_node *result; /* of a response, or NULL */
	const struct json_node *error;
	const char *fault; /* RPC_INVALID: why, static */
};

/* [any] Reads an object; anything else is RPC_INVALID.  The id is kept even
 * when the rest is wrong, so that the error can carry it (ERR-05). */
void rpc_message_read(const struct json_node *root, struct rpc_message *m);
/* [any] String or integer, of bounded length (MSG-02). */
bool rpc_id_is_valid(const struct json_node *id);
/* [any] Same type and value (MSG-03): "1" is not 1. */
bool rpc_id_equal(struct str raw, const struct json_node *id);

/* [any] {"jsonrpc":"2.0","id":ID,"result": - the caller appends the value and
 * a closing brace. */
void rpc_write_result(struct buf *out, struct str id);
/* [any] A whole error response; id.len 0: without id (MSG-05).  data is JSON
 * text or empty. */
void rpc_write_error(struct buf *out, struct str id, int code,
    struct str message, struct str data);
/* [any] {"jsonrpc":"2.0","id":"ID","method":"METHOD" - the caller appends
 * params and a closing brace.  id and method need no escapes. */
void rpc_write_request(struct buf *out, struct str id, struct str method);
/* [any] {"jsonrpc":"2.0","method":METHOD,"params": - as for results. */
void rpc_write_notification(struct buf *out, struct str method);

#endif
