/* SPDX-License-Identifier: Apache-2.0 */
/* "toolpost check": one plugin looked at from the outside. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "plugin/codes.h"
#include "plugin/loader.h"
#include "plugin/manager.h"
#include "plugin/manifest.h"
#include "plugin/rehearse.h"
#include "plugin/report.h"

static int
refuse(const struct plugin_manifest *m, struct diags *diags, const char *code,
    const char *line)
{
	struct plugin_sentence said;

	plugin_sentence_split(&said, line);
	return diags_add(diags, DIAG_ERROR, code, m->path, m->module_at,
	    said.hint[0] != '\0' ? said.hint : NULL, "module: %.*s: %s",
	    STR_FMT(m->module), said.text);
}

/* Absolute: the loader takes no other. */
static char *
module_path(const struct plugin_manifest *m)
{
	char *full = realpath(m->path, NULL);
	const char *slash = full != NULL ? strrchr(full, '/') : NULL;
	size_t dir = slash != NULL ? (size_t)(slash - full) + 1 : 0;
	size_t size = dir + m->module.len + 1;
	char *path = dir > 0 ? malloc(size) : NULL;

	if (path != NULL)
		(void)snprintf(path, size, "%.*s%.*s", (int)dir, full,
		    STR_FMT(m->module)); /* it fits */
	free(full);
	return path;
}

static int
bytes_check(
    const struct plugin_manifest *m, struct str bytes, struct diags *diags)
{
	unsigned char digest[CRYPTO_SHA256_LEN];
	char found[2 * CRYPTO_SHA256_LEN + 1];
	struct plugin_elf elf;
	struct err err;
	int rc;

	if (m->pinned
	    && (crypto_sha256(bytes, digest) < 0
		|| memcmp(digest, m->sha256, sizeof digest) != 0)) {
		crypto_hex(digest, sizeof digest, found);
		return diags_add(diags, DIAG_ERROR, TP_MODULE_HASH, m->path,
		    m->sha256_at,
		    "write that here if the module is the right one",
		    "sha256: %.*s has %s", STR_FMT(m->module), found);
	}
	rc = plugin_loader_check(bytes, &elf, &err);
	if (rc == ERR_VERSION)
		return refuse(m, diags, TP_MODULE_ABI, err.text);
	return rc < 0 ? refuse(m, diags, TP_MODULE_ELF, err.text) : 0;
}

static int
module_check(
    const struct plugin_manifest *m, struct str exe, struct diags *diags)
{
	char *path = module_path(m);
	struct buf bytes;
	struct err err;
	size_t skip;
	int rc;

	if (path == NULL)
		return refuse(m, diags, TP_MODULE_FILE, "not found");
	buf_init(&bytes);
	rc = file_read_trusted(&bytes, path, PLUGIN_FILE_MAX, &err);
	skip = strlen(path) + 2;
	if (rc == ERR_NOTFOUND)
		rc = refuse(m, diags, TP_MODULE_FILE,
		    "no such file (hint: the module lies beside the "
		    "manifest)");
	else if (rc < 0)
		rc = refuse(m, diags, TP_MODULE_FILE,
		    strncmp(err.text, path, skip - 2) == 0
			    && strlen(err.text) > skip
			? err.text + skip
			: err.text);
	else
		rc = bytes_check(m, buf_view(&bytes), diags);
	buf_finish(&bytes);
	if (rc == 0)
		rc = plugin_rehearse(m, exe, path, diags);
	free(path);
	return rc;
}

int
plugin_check(
    const char *manifest_path, struct str rehearse_exe, struct diags *diags)
{
	struct plugin_manifest *m =
	    plugin_manifest_load(manifest_path, NULL, diags);
	int rc = m != NULL ? 0 : ERR_CONFIG;

	if (rc == 0 && rehearse_exe.len > 0)
		rc = module_check(m, rehearse_exe, diags);
	plugin_manifest_destroy(m);
	return rc;
}
