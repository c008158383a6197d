/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_RESULT_H
#define CLI_RESULT_H

#include "cli/cli_priv.h"
#include "data/json.h"

/* [any] Prints the result of a tool, a resource or a prompt: for people, or
 * as it came by --json.  Returns an enum cli_exit: CLI_TOOL for isError. */
int cli_result_print(const struct cli *c, const struct json_node *result);

#endif
