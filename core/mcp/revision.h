/* SPDX-License-Identifier: Apache-2.0 */
/* The dated revisions of the protocol, and what each of them knows. */
#ifndef MCP_REVISION_H
#define MCP_REVISION_H

#include <stdbool.h>

#include "base/str.h"
#include "registry/entry.h"

/* Also the registry's dialects, in this order. */
enum mcp_revision {
	MCP_2024_11_05,
	MCP_2025_03_26,
	MCP_2025_06_18,
	MCP_2025_11_25,
	MCP_2026_07_28,
	MCP_REVISIONS
};

#define MCP_NEWEST_STATEFUL MCP_2025_11_25

struct str mcp_revision_name(enum mcp_revision r);
/* -1: not one of ours. */
int mcp_revision_find(struct str name);
static inline bool
mcp_revision_is_stateless(enum mcp_revision r)
{
	return r >= MCP_2026_07_28;
}
/* A date at or after the first stateless revision, known or not (ERA-05). */
bool mcp_version_is_modern(struct str name);

#endif
