/* SPDX-License-Identifier: Apache-2.0 */
/* What the configuration says of the server itself, checked as what plugins
 * say of their entries is. */
#include "data/uri.h"
#include "plugin/manifest.h"
#include "server/config.h"

static int
text_check(const struct yaml_node *map, const char *key, size_t max,
    const char *file, struct diags *diags)
{
	const struct yaml_node *n = yaml_get(map, str_of(key));

	if (n == NULL || n->type != YAML_SCALAR || n->text.len <= max)
		return 0;
	return diags_add(diags, DIAG_ERROR, "TP1003", file, n->at, "shorten it",
	    "server.%s: %zu bytes, at most %zu are sent to clients", key,
	    n->text.len, max);
}

static int
website_check(
    const struct yaml_node *map, const char *file, struct diags *diags)
{
	const struct yaml_node *n = yaml_get(map, S("websiteUrl"));
	struct str scheme;

	if (n == NULL || n->type != YAML_SCALAR || n->text.len == 0)
		return 0;
	scheme = uri_scheme(n->text);
	if (uri_is_valid(n->text) && n->text.len <= PLUGIN_URI_MAX
	    && (str_equal_nocase(scheme, S("https"))
		|| str_equal_nocase(scheme, S("http"))))
		return 0;
	return diags_add(diags, DIAG_ERROR, "TP1003", file, n->at,
	    "for example https://example.com/weather",
	    "server.websiteUrl: not an http or https address");
}

int
server_identity_check(struct server_config *c, const struct yaml_node *map,
    const char *file, struct diags *diags)
{
	const struct yaml_node *icons = yaml_get(map, S("icons"));
	int rc = text_check(map, "title", PLUGIN_LABEL_MAX, file, diags);

	if (text_check(map, "description", PLUGIN_TEXT_MAX, file, diags) < 0)
		rc = ERR_CONFIG;
	if (website_check(map, file, diags) < 0)
		rc = ERR_CONFIG;
	if (icons != NULL
	    && plugin_icons_read(icons, "server.icons", file, &c->arena, diags,
		   &c->identity.icons_json)
		< 0)
		rc = ERR_CONFIG;
	return rc;
}
