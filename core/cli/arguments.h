/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of a call, from words of the command line. */
#ifndef CLI_ARGUMENTS_H
#define CLI_ARGUMENTS_H

#include "base/buf.h"
#include "cli/client.h"
#include "cli/cli_priv.h"
#include "data/json.h"

/* [any] Appends one JSON object: that of base (JSON text; empty: none), with
 * each "name=value" typed by the schema (NULL: all strings) and each
 * "name:=json" as it stands.  ERR_PARAMS with one line. */
int cli_arguments(const struct cli_strs *words, struct str base,
    const struct json_node *schema, struct buf *out, struct err *err);
/* [any] XHD-06: the fields that repeat arguments; at most max.  The strings
 * are in arena, or in args. */
size_t cli_param_headers(const struct json_node *schema,
    const struct json_node *args, struct arena *arena, struct http_header *out,
    size_t max);

#endif
