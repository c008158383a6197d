/* SPDX-License-Identifier: Apache-2.0 */
/* Reading schemas and values, finding what they refer to, and saying where an
 * error is. */
#include "cli/schema_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/json_place.h"
#include "data/uri.h"
#include "plugin/codes.h"
#include "plugin/report.h"

void
cli_schema_files_init(
    struct cli_schema_files *fs, struct cli *c, struct diags *diags)
{
	*fs = (struct cli_schema_files){ .c = c, .diags = diags };
}

void
cli_schema_files_finish(struct cli_schema_files *fs)
{
	for (struct cli_json_file *f = fs->files; f != NULL; f = f->next) {
		buf_finish(&f->text);
		buf_finish(&f->json);
		json_doc_finish(&f->doc);
	}
	fs->files = NULL;
}

/* Always returns NULL. */
__attribute__((format(printf, 4, 5))) static void *
refuse(struct cli_schema_files *fs, const char *path, struct diag_at at,
    const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args); /* may be cut */
	va_end(args);
	(void)diags_add(fs->diags, DIAG_ERROR, TP_SCHEMA, path, at, NULL, "%s",
	    text); /* the count of errors says it */
	return NULL;
}

/* 0 or an errno. */
static int
fd_read(int fd, struct buf *out)
{
	while (out->len < CLI_JSON_FILE_MAX) {
		ssize_t n;

		if (buf_reserve(out, 65536) < 0)
			return ENOMEM;
		n = read(fd, out->ptr + out->len, 65536);
		if (n < 0 && errno != EINTR)
			return errno;
		if (n == 0)
			return 0;
		if (n > 0)
			out->len += (size_t)n;
	}
	return EFBIG;
}

static int
path_read(const char *path, struct buf *out)
{
	int fd, problem;

	if (strcmp(path, "-") == 0)
		return fd_read(STDIN_FILENO, out);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	problem = fd_read(fd, out);
	(void)close(fd); /* it was only read */
	return problem;
}

/* By name; without one that says it, by the first character. */
static bool
is_json(const char *path, struct str text)
{
	struct str name = str_of(path);

	if (str_ends(name, S(".yaml")) || str_ends(name, S(".yml")))
		return false;
	if (str_ends(name, S(".json")))
		return true;
	while (text.len > 0 && text.ptr[0] != '\0'
	    && strchr(" \t\r\n", text.ptr[0]) != NULL)
		text = str_sub(text, 1, text.len);
	return text.len > 0 && text.ptr[0] != '\0'
	    && strchr("{[\"", text.ptr[0]) != NULL;
}

static int
text_parse(struct cli_schema_files *fs, struct cli_json_file *f)
{
	struct str text = buf_view(&f->text);
	struct buf why;

	if (!is_json(f->path, text)) {
		f->yaml = yaml_parse(&fs->c->arena, text, f->path, fs->diags);
		if (f->yaml == NULL)
			return ERR_SYNTAX;
		if (yaml_to_json(f->yaml, &f->json) < 0)
			return ERR_NOMEM;
		text = buf_view(&f->json);
	}
	if (json_parse(&f->doc, text, JSON_PROTOCOL) == 0)
		return 0;
	buf_init(&why);
	json_fault_text(&f->doc, text, &why);
	(void)refuse(fs, f->path,
	    f->yaml != NULL ? f->yaml->at : json_place(text, f->doc.fault_at),
	    "%.*s", STR_FMT(buf_view(&why)));
	buf_finish(&why);
	return ERR_SYNTAX;
}

struct cli_json_file *
cli_json_file_read(struct cli_schema_files *fs, const char *path)
{
	struct cli_json_file *f = arena_zalloc(&fs->c->arena, sizeof *f);
	size_t before = fs->diags->errors;
	int problem;

	if (f == NULL)
		return refuse(fs, path, (struct diag_at){ 0, 0 }, "no memory");
	f->path = path;
	buf_init(&f->text);
	buf_init(&f->json);
	json_doc_init(&f->doc);
	f->next = fs->files;
	fs->files = f;
	problem = path_read(path, &f->text);
	if (problem != 0)
		return refuse(fs, path, (struct diag_at){ 0, 0 }, "%s",
		    strerror(problem));
	if (text_parse(fs, f) == 0)
		return f;
	if (fs->diags->errors == before)
		return refuse(fs, path, (struct diag_at){ 0, 0 }, "no memory");
	return NULL;
}

static struct diag_at
at_of_pointer(const struct cli_json_file *f, struct str pointer)
{
	const struct json_node *n;

	if (f->yaml != NULL)
		return yaml_at_pointer(f->yaml, pointer)->at;
	n = json_at_pointer(f->doc.nodes, pointer);
	return json_place(buf_view(&f->text), (size_t)(n->raw - f->text.ptr));
}

/* file:// and an absolute path, in the arena; empty without memory. */
static struct str
uri_of_path(struct cli *c, const char *path)
{
	struct str uri;
	struct buf b;

	buf_init(&b);
	BUF_LIT(&b, "file://");
	for (const char *p = path; *p != '\0'; p++)
		if (*p == '/' || uri_is_unreserved((unsigned char)*p))
			buf_char(&b, *p);
		else
			buf_printf(&b, "%%%02X", (unsigned char)*p);
	uri = b.failed ? STR_NONE : arena_dup(&c->arena, buf_view(&b));
	buf_finish(&b);
	return uri;
}

/* The opposite of what uri_of_path() did behind "file://"; NULL: not a path. */
static const char *
path_of_uri(struct cli *c, struct str uri)
{
	struct str path;
	struct buf b;

	buf_init(&b);
	for (size_t i = 0; i < uri.len; i++) {
		int high = -1, low = -1;

		if (uri.ptr[i] == '%' && i + 2 < uri.len) {
			high = uri_hex((unsigned char)uri.ptr[i + 1]);
			low = uri_hex((unsigned char)uri.ptr[i + 2]);
		}
		if (high >= 0 && low >= 0 && high + low > 0) {
			buf_char(&b, (char)(high * 16 + low));
			i += 2;
		} else {
			buf_char(&b, uri.ptr[i]);
		}
	}
	path = b.failed ? STR_NONE : arena_dup(&c->arena, buf_view(&b));
	buf_finish(&b);
	return path.ptr;
}

static struct str
folder_of(struct str uri)
{
	size_t end = uri.len;

	while (end > 0 && uri.ptr[end - 1] != '/')
		end--;
	return str_sub(uri, 0, end);
}

/* What a reference reaches: a file in the folder of the schema or below, named
 * by its place or beside the schema's own $id. */
static int
document_find(void *arg, struct str uri, struct str *json, struct err *err)
{
	struct cli_schema_files *fs = arg;
	struct cli_json_file *f;
	const char *path;
	struct str rest;

	if (fs->id_folder.len > 0 && str_starts(uri, fs->id_folder))
		rest = str_sub(uri, fs->id_folder.len, uri.len);
	else if (str_starts(uri, fs->folder))
		rest = str_sub(uri, fs->folder.len, uri.len);
	else if (str_starts(uri, S("file:")))
		return err_set(err, ERR_DENIED,
		    "only files in the folder of the schema, and below, are "
		    "read");
	else
		return ERR_NOTFOUND;
	path = path_of_uri(fs->c, rest);
	if (path == NULL || strstr(path, "..") != NULL)
		return err_set(err, ERR_DENIED, "not a path");
	path = cli_format(fs->c, "%s%s",
	    path_of_uri(fs->c, str_sub(fs->folder, 7, fs->folder.len)), path);
	if (path == NULL || access(path, R_OK) < 0)
		return err_set(err, ERR_IO, "%s: %s", path != NULL ? path : "",
		    strerror(errno));
	f = cli_json_file_read(fs, path);
	if (f == NULL)
		return err_set(err, ERR_SYNTAX, "%s cannot be read", path);
	f->uri = arena_dup(&fs->c->arena, uri);
	*json = f->yaml != NULL ? buf_view(&f->json) : buf_view(&f->text);
	return 0;
}

/* The file that the compiler's pointer begins with; leaves the pointer. */
static const struct cli_json_file *
file_of_pointer(const struct cli_schema_files *fs,
    const struct cli_json_file *first, struct str *pointer)
{
	size_t hash = str_find(*pointer, '#');
	struct str uri = str_sub(*pointer, 0, hash);

	if (pointer->len == 0 || pointer->ptr[0] == '/')
		return first;
	for (const struct cli_json_file *f = fs->files; f != NULL; f = f->next)
		if (f->uri.len > 0 && str_equal(f->uri, uri)) {
			*pointer = str_sub(*pointer, hash + 1, pointer->len);
			return f;
		}
	return NULL;
}

/* The compiler puts its guess into the sentence; here it is the hint. */
static void
split_guess(struct plugin_sentence *said)
{
	char *guess = strstr(said->text, ", did you mean ");

	if (guess == NULL || said->hint[0] != '\0')
		return;
	(void)snprintf(
	    said->hint, sizeof said->hint, "%s", guess + 2); /* it fits */
	*guess = '\0';
}

static void
report_compile(struct cli_schema_files *fs, const struct cli_json_file *first,
    struct str pointer, const struct err *err)
{
	struct str place = pointer;
	const struct cli_json_file *f = file_of_pointer(fs, first, &place);
	struct plugin_sentence said;
	size_t skip = 0;

	/* The line begins with the pointer that the compiler knows. */
	if (f != NULL && str_starts(str_of(err->text), pointer))
		skip = pointer.len;
	if (f != NULL && strncmp(err->text + skip, "/: ", 3) == 0)
		skip++;
	if (f != NULL && strncmp(err->text + skip, ": ", 2) == 0)
		skip += 2;
	plugin_sentence_split(&said, err->text + skip);
	split_guess(&said);
	(void)diags_add(fs->diags, DIAG_ERROR, TP_SCHEMA,
	    f != NULL ? f->path : first->path,
	    f != NULL ? at_of_pointer(f, place) : (struct diag_at){ 0, 0 },
	    said.hint[0] != '\0' ? said.hint : NULL, "%.*s%s%s",
	    f != NULL ? (int)place.len : 0, place.ptr,
	    f != NULL && place.len > 0 ? ": " : "",
	    said.text); /* the count of errors says it */
}

/* A relative reference is seen from the file, so its place must be known. */
static int
folder_set(struct cli_schema_files *fs, struct cli_json_file *f)
{
	char *full = realpath(f->path, NULL);
	struct str id = json_str(json_get(f->doc.nodes, S("$id")));

	if (full == NULL && strcmp(f->path, "-") != 0)
		return ERR_IO;
	f->uri = full != NULL ? uri_of_path(fs->c, full) : STR_NONE;
	free(full);
	fs->folder = folder_of(f->uri);
	fs->id_folder = uri_is_valid(id) ? folder_of(id) : STR_NONE;
	if (fs->folder.len == 0) /* read from standard input */
		fs->folder = S("file:///dev/stdin/");
	return 0;
}

struct schema *
cli_schema_read(
    struct cli_schema_files *fs, const char *path, bool assert_format)
{
	struct cli_json_file *f = cli_json_file_read(fs, path);
	struct schema_options o = { .assert_format = assert_format,
		.find = document_find,
		.find_arg = fs };
	struct err err = { 0, "" };
	struct buf pointer;
	struct schema *s;

	if (f == NULL)
		return NULL;
	if (folder_set(fs, f) < 0)
		return refuse(
		    fs, path, (struct diag_at){ 0, 0 }, "%s", strerror(errno));
	o.base_uri = f->uri;
	buf_init(&pointer);
	s = schema_compile(
	    f->yaml != NULL ? buf_view(&f->json) : buf_view(&f->text), &o,
	    &pointer, &err);
	if (s == NULL)
		report_compile(fs, f, buf_view(&pointer), &err);
	buf_finish(&pointer);
	return s;
}
