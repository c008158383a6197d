/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/revision.h"

#include <assert.h>

static_assert((int)MCP_REVISIONS == REGISTRY_DIALECTS,
    "an entry is described once per revision");

static const struct str names[MCP_REVISIONS] = {
	STR("2024-11-05"),
	STR("2025-03-26"),
	STR("2025-06-18"),
	STR("2025-11-25"),
	STR("2026-07-28"),
};

struct str
mcp_revision_name(enum mcp_revision r)
{
	return names[r];
}

int
mcp_revision_find(struct str name)
{
	int i;

	for (i = 0; i < MCP_REVISIONS; i++)
		if (str_equal(names[i], name))
			return i;
	return -1;
}

bool
mcp_version_is_modern(struct str name)
{
	size_t i;

	if (name.len != 10)
		return false;
	for (i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		if (i == 4 || i == 7 ? c != '-' : c < '0' || c > '9')
			return false;
	}
	return str_compare(name, names[MCP_2026_07_28]) >= 0;
}
