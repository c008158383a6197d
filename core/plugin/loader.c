/* SPDX-License-Identifier: Apache-2.0 */
/* libltdl, tamed. */
#include "plugin/loader.h"

#include <assert.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ltdl.h>

#include "base/check.h"
#include "base/file.h"
#include "plugin/manager.h"
#include "plugin/pointers.h"

#define DESC_SIZE_MIN \
	(offsetof(struct tp_plugin_desc, entries_len) + sizeof(size_t))
#define DESC_SIZE_MAX ((size_t)64 * 1024)

/* libltdl's state is the process's, so its guard is too. */
static pthread_mutex_t ltdl_lock =
    PTHREAD_MUTEX_INITIALIZER; /* leaf; guards
				* libltdl and the two below */
static bool ltdl_ready;
static char ltdl_reason[ERR_TEXT_MAX];
static atomic_uint numbers;

unsigned
plugin_loader_number(void)
{
	return atomic_fetch_add_explicit(&numbers, 1,
		   memory_order_relaxed /* only uniqueness counts */)
	    + 1;
}

static lt_module
now_open(lt_user_data data, const char *path, lt_dladvise advise)
{
	void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	const char *reason;

	(void)data;
	(void)advise;
	if (object != NULL)
		return object;
	reason = dlerror();
	(void)snprintf(ltdl_reason, sizeof ltdl_reason, "%s",
	    reason != NULL ? reason : "no reason given"); /* may be cut */
	return NULL;
}

static int
now_close(lt_user_data data, lt_module module)
{
	(void)data;
	return dlclose(module);
}

static void *
now_find(lt_user_data data, lt_module module, const char *symbol)
{
	(void)data;
	return dlsym(module, symbol);
}

/* With the lock. */
static int
ltdl_start(struct err *err)
{
	static const lt_dlvtable loader = {
		.name = "toolpost_now",
		.sym_prefix = NULL,
		.module_open = now_open,
		.module_close = now_close,
		.find_sym = now_find,
		.priority = LT_DLLOADER_PREPEND,
	};

	if (ltdl_ready)
		return 0;
	if (lt_dlinit() != 0)
		return err_set(err, ERR_INTERNAL, "libltdl does not start");
	/* Without the removal a refusal of ours falls through to the lazy
	 * loader, whose first missing symbol ends the process. */
	if (lt_dlloader_add(&loader) != 0)
		return err_set(err, ERR_INTERNAL, "libltdl takes no loader");
	free(lt_dlloader_remove("lt_dlopen")); /* it has been let go of */
	if (lt_dlloader_find("lt_dlopen") != NULL)
		return err_set(err, ERR_INTERNAL,
		    "libltdl does not give up its own loader");
	ltdl_ready = true;
	return 0;
}

/* "PATH: undefined symbol: NAME" and friends, said for people. */
static int
open_refused(const char *path, struct err *err)
{
	static const char missing[] = "undefined symbol: ";
	const char *text = ltdl_reason;
	const char *symbol = strstr(text, missing);

	if (symbol != NULL)
		return err_set(err, ERR_NOTFOUND,
		    "undefined symbol %s (hint: link with the library that "
		    "has it; plugin builds use -Wl,-z,defs)",
		    symbol + sizeof missing - 1);
	if (strncmp(text, path, strlen(path)) == 0
	    && strncmp(text + strlen(path), ": ", 2) == 0)
		text += strlen(path) + 2;
	if (strstr(text, "static TLS") != NULL)
		return err_set(err, ERR_LIMIT,
		    "%s (hint: compile with -ftls-model=global-dynamic, or "
		    "restart)",
		    text);
	if (strstr(text, "failed to map segment") != NULL)
		return err_set(err, ERR_IO,
		    "%s (hint: the folder of private copies must not be "
		    "mounted noexec)",
		    text);
	return err_set(err, ERR_SYNTAX, "%s", text);
}

static int
object_open(void **object, void **symbol, const char *path, struct err *err)
{
	lt_dlhandle handle = NULL;
	int rc;

	/* Never by a search. */
	CHECK(path[0] == '/' || strncmp(path, "./", 2) == 0);
	CHECK(pthread_mutex_lock(&ltdl_lock) == 0);
	ltdl_reason[0] = '\0';
	rc = ltdl_start(err);
	if (rc == 0) {
		handle = lt_dlopen(path);
		if (handle == NULL && ltdl_reason[0] == '\0')
			(void)snprintf(ltdl_reason, sizeof ltdl_reason, "%s",
			    lt_dlerror()); /* may be cut */
		if (handle == NULL)
			rc = open_refused(path, err);
	}
	*object = handle;
	*symbol = handle != NULL ? lt_dlsym(handle, TP_PLUGIN_SYMBOL) : NULL;
	CHECK(pthread_mutex_unlock(&ltdl_lock) == 0);
	return rc;
}

void
plugin_loader_close(struct plugin_module *m)
{
	if (m->handle == NULL)
		return;
	CHECK(pthread_mutex_lock(&ltdl_lock) == 0);
	(void)lt_dlclose(m->handle); /* it may stay mapped: GNU_UNIQUE, TLS */
	CHECK(pthread_mutex_unlock(&ltdl_lock) == 0);
	m->handle = NULL;
}

int
plugin_abi_check(const struct tp_abi *abi, struct err *err)
{
	char range[32] = "1.0";

	if (TP_ABI_MINOR > 0)
		(void)snprintf(range, sizeof range, "1.0 to 1.%d",
		    TP_ABI_MINOR); /* it fits */
	if (abi->magic != TP_ABI_MAGIC)
		return err_set(err, ERR_VERSION,
		    "its descriptor begins with 0x%08x, this host looks for "
		    "0x%08x (hint: declare the plugin with TP_PLUGIN)",
		    abi->magic, TP_ABI_MAGIC);
	if (abi->major != TP_ABI_MAJOR)
		return err_set(err, ERR_VERSION,
		    "was built for ABI %u.%u, this host offers %s (hint: "
		    "install toolpost %s %u.%u, or rebuild with `toolpost "
		    "plugin build`)",
		    abi->major, abi->minor, range,
		    abi->major > TP_ABI_MAJOR ? ">=" : "with ABI", abi->major,
		    abi->minor);
	if (abi->pointer_bits != 8 * sizeof(void *))
		return err_set(err, ERR_VERSION,
		    "was built for %u-bit pointers, this host has %zu-bit "
		    "pointers (hint: rebuild with `toolpost plugin build`)",
		    abi->pointer_bits, 8 * sizeof(void *));
	if (abi->desc_size < DESC_SIZE_MIN || abi->desc_size > DESC_SIZE_MAX
	    || abi->entry_size < sizeof(struct tp_entry))
		return err_set(err, ERR_VERSION,
		    "its descriptor has %u bytes and entries of %u, this host "
		    "reads %zu and %zu (hint: rebuild with `toolpost plugin "
		    "build`)",
		    abi->desc_size, abi->entry_size,
		    sizeof(struct tp_plugin_desc), sizeof(struct tp_entry));
	return 0;
}

static bool
text_is_sane(const char *text)
{
	size_t len;

	if (text == NULL)
		return false;
	len = strnlen(text, PLUGIN_NAME_MAX + 1);
	return len > 0 && len <= PLUGIN_NAME_MAX
	    && str_is_utf8((struct str){ text, len });
}

static int
entries_check(const struct plugin_module *m, struct err *err)
{
	const struct tp_plugin_desc *d = &m->desc;

	if (d->entries_len > PLUGIN_ENTRIES_MAX
	    || (d->entries_len > 0 && d->entries == NULL))
		return err_set(err, ERR_VERSION,
		    "its descriptor has %zu entries", d->entries_len);
	for (size_t i = 0; i < d->entries_len; i++) {
		const struct tp_entry *e = plugin_module_entry(m, i);

		if (!text_is_sane(e->name))
			return err_set(err, ERR_VERSION,
			    "entry %zu of its descriptor has no name", i);
		if (e->kind < TP_KIND_TOOL || e->kind > TP_KIND_PROMPT)
			return err_set(err, ERR_VERSION,
			    "entry \"%s\" is of kind %u, which this host does "
			    "not know (hint: install a newer toolpost)",
			    e->name, e->kind);
		if (e->call == NULL)
			return err_set(err, ERR_VERSION,
			    "entry \"%s\" has no function (hint: write it "
			    "behind the name, TP_TOOL(\"%s\", FUNCTION))",
			    e->name, e->name);
	}
	return 0;
}

static int
descriptor_check(const struct plugin_module *m, struct err *err)
{
	const struct tp_plugin_desc *d = &m->desc;

	if (!text_is_sane(d->name) || !text_is_sane(d->version))
		return err_set(err, ERR_VERSION,
		    "its descriptor has no name or no version");
	if (d->offers_len > PLUGIN_OFFERS_MAX
	    || (d->offers_len > 0 && d->offers == NULL))
		return err_set(err, ERR_VERSION,
		    "its descriptor has %zu offers", d->offers_len);
	for (size_t i = 0; i < d->offers_len; i++)
		if (!text_is_sane(d->offers[i].id))
			return err_set(err, ERR_VERSION,
			    "offer %zu of its descriptor has no id", i);
	return entries_check(m, err);
}

static int
descriptor_read(struct plugin_module *m, const void *symbol,
    const struct plugin_elf *elf, struct err *err)
{
	struct tp_abi abi;
	size_t size;
	int rc;

	if (symbol == NULL)
		return err_set(err, ERR_NOTFOUND,
		    "has no symbol " TP_PLUGIN_SYMBOL
		    " (hint: end the source with TP_PLUGIN(..))");
	if (elf->has_symbols && elf->descriptor_size < sizeof abi)
		return err_set(err, ERR_VERSION,
		    TP_PLUGIN_SYMBOL " has only %zu bytes (hint: declare the "
				     "plugin with TP_PLUGIN)",
		    elf->descriptor_size);
	memcpy(&abi, symbol, sizeof abi);
	rc = plugin_abi_check(&abi, err);
	if (rc < 0)
		return rc;
	if (elf->has_symbols && elf->descriptor_size < abi.desc_size)
		return err_set(err, ERR_VERSION,
		    "its descriptor claims %u bytes and has %zu (hint: declare "
		    "the plugin with TP_PLUGIN)",
		    abi.desc_size, elf->descriptor_size);
	size = abi.desc_size < sizeof m->desc ? abi.desc_size : sizeof m->desc;
	memset(&m->desc, 0, sizeof m->desc);
	memcpy(&m->desc, symbol, size);
	rc = plugin_pointers_check(m, symbol, err);
	return rc < 0 ? rc : descriptor_check(m, err);
}

static_assert(sizeof(struct tp_abi) == PLUGIN_ELF_HEAD, "never moves");

int
plugin_loader_check(struct str file, struct plugin_elf *elf, struct err *err)
{
	struct tp_abi abi;
	int rc = plugin_elf_check(file, elf, err);

	if (rc < 0 || !elf->has_head)
		return rc;
	memcpy(&abi, elf->head, sizeof abi);
	return plugin_abi_check(&abi, err);
}

static int
file_check(const char *path, struct plugin_elf *elf, struct err *err)
{
	struct buf file;
	int rc;

	buf_init(&file);
	rc = file_read_trusted(&file, path, PLUGIN_FILE_MAX, err);
	if (rc == 0)
		rc = plugin_loader_check(buf_view(&file), elf, err);
	buf_finish(&file);
	return rc;
}

int
plugin_loader_open(struct plugin_module *m, const char *path, struct err *err)
{
	struct plugin_elf elf = { .has_symbols = false };
	void *symbol;
	int rc;

	memset(m, 0, sizeof *m);
	rc = file_check(path, &elf, err);
	if (rc < 0)
		return rc;
	rc = object_open(&m->handle, &symbol, path, err);
	if (rc == 0)
		rc = descriptor_read(m, symbol, &elf, err);
	if (rc < 0)
		plugin_loader_close(m);
	return rc;
}

const struct tp_entry *
plugin_module_entry(const struct plugin_module *m, size_t i)
{
	const char *first = (const char *)m->desc.entries;

	CHECK(i < m->desc.entries_len);
	/* A newer plugin may have longer entries: the stride is its own. */
	return (const struct tp_entry *)(const void *)(first
	    + i * m->desc.abi.entry_size);
}

void
plugin_module_describe(const struct plugin_module *m, struct buf *out)
{
	const struct tp_plugin_desc *d = &m->desc;

	buf_printf(out,
	    "{\"abi\":{\"major\":%u,\"minor\":%u},\"name\":", d->abi.major,
	    d->abi.minor);
	buf_json(out, str_of(d->name));
	BUF_LIT(out, ",\"version\":");
	buf_json(out, str_of(d->version));
	BUF_LIT(out, ",\"build\":");
	buf_json(out, text_is_sane(d->build) ? str_of(d->build) : STR_NONE);
	buf_printf(out, ",\"flags\":%u,\"save\":%s,\"entries\":[", d->flags,
	    d->save != NULL ? "true" : "false");
	for (size_t i = 0; i < d->entries_len; i++) {
		const struct tp_entry *e = plugin_module_entry(m, i);

		buf_printf(
		    out, "%s{\"kind\":%u,\"name\":", i > 0 ? "," : "", e->kind);
		buf_json(out, str_of(e->name));
		buf_char(out, '}');
	}
	BUF_LIT(out, "],\"offers\":[");
	for (size_t i = 0; i < d->offers_len; i++) {
		if (i > 0)
			buf_char(out, ',');
		buf_json(out, str_of(d->offers[i].id));
	}
	BUF_LIT(out, "]}");
}
