/* SPDX-License-Identifier: Apache-2.0 */
/* "toolpost schema check" and "toolpost schema validate". */
#include "base/file.h"
#include "cli/schema_file.h"

/* Findings on standard error, as "toolpost check" writes them. */
static void
findings_print(const struct cli *c, const struct diags *d)
{
	struct buf out;

	if (c->json)
		return;
	buf_init(&out);
	diags_print(d, &out);
	(void)file_write_all(2, out.ptr, out.len); /* nobody left to tell */
	buf_finish(&out);
}

static int
check_report(const struct cli *c, const struct diags *d)
{
	size_t files = c->words.len;
	struct buf out;
	int rc;

	findings_print(c, d);
	buf_init(&out);
	if (c->json) {
		buf_printf(&out,
		    "{\"files\":%zu,\"errors\":%zu,\"findings\":", files,
		    d->errors);
		diags_print_json(d, &out);
		BUF_LIT(&out, "}\n");
	} else if (c->quiet == 0) {
		buf_printf(&out, "checked %zu schema%s: %zu error%s\n", files,
		    files == 1 ? "" : "s", d->errors,
		    d->errors == 1 ? "" : "s");
	}
	rc = cli_print(c, buf_view(&out));
	buf_finish(&out);
	if (rc != CLI_DONE || d->errors == 0)
		return rc;
	if (c->json)
		return cli_failf(c, CLI_CONFIG, "%zu error%s", d->errors,
		    d->errors == 1 ? "" : "s");
	return CLI_CONFIG;
}

int
cli_schema_check(struct cli *c)
{
	struct diags diags;
	int rc;

	diags_init(&diags);
	for (size_t i = 0; i < c->words.len; i++) {
		struct cli_schema_files fs;

		cli_schema_files_init(&fs, c, &diags);
		schema_destroy(cli_schema_read(
		    &fs, c->words.items[i], c->format_assertion));
		cli_schema_files_finish(&fs);
	}
	rc = check_report(c, &diags);
	diags_finish(&diags);
	return rc;
}

static void
faults_json(const struct schema_report *r, struct buf *out)
{
	buf_char(out, '[');
	for (size_t i = 0; i < r->len; i++) {
		const struct schema_fault *f = &r->faults[i];

		BUF_LIT(out, "{\"pointer\":");
		buf_json(out, f->pointer);
		BUF_LIT(out, ",\"keyword\":");
		buf_json(out, str_of(f->keyword));
		BUF_LIT(out, ",\"message\":");
		buf_json(out, f->message);
		buf_char(out, '}');
		if (i + 1 < r->len)
			buf_char(out, ',');
	}
	BUF_LIT(out, "]\n");
}

static int
verdict_print(
    const struct cli *c, bool valid, const struct schema_report *report)
{
	struct buf text, out;
	int rc;

	buf_init(&text);
	buf_init(&out);
	if (c->json) {
		faults_json(report, &out);
	} else if (!valid) {
		schema_report_print(report, &text);
		cli_text(&out, buf_view(&text), cli_is_terminal(1));
		buf_char(&out, '\n');
	} else if (c->quiet == 0) {
		BUF_LIT(&out, "valid\n");
	}
	rc = cli_print(c, buf_view(&out));
	buf_finish(&out);
	buf_finish(&text);
	return rc != CLI_DONE || valid ? rc : CLI_TOOL;
}

/* What is wrong before there is a verdict. */
static int
fail_unread(const struct cli *c, enum cli_exit status, const struct diags *d)
{
	struct buf text;
	struct err err;
	struct str line;

	if (!c->json) {
		findings_print(c, d);
		return (int)status;
	}
	buf_init(&text);
	diags_print(d, &text);
	line = str_split(buf_view(&text), '\n', &(struct str){ NULL, 0 });
	(void)err_set(&err, ERR_CONFIG, "%.*s", STR_FMT(line));
	buf_finish(&text);
	return cli_fail(c, status, &err);
}

int
cli_schema_validate(struct cli *c)
{
	struct cli_schema_files fs, instances;
	struct cli_json_file *instance = NULL;
	struct schema_report report;
	struct schema *s;
	struct diags diags;
	int rc;

	diags_init(&diags);
	schema_report_init(&report);
	cli_schema_files_init(&fs, c, &diags);
	cli_schema_files_init(&instances, c, &diags);
	s = cli_schema_read(&fs, c->words.items[0], c->format_assertion);
	if (s != NULL)
		instance = cli_json_file_read(&instances, c->words.items[1]);
	if (s == NULL)
		rc = fail_unread(c, CLI_CONFIG, &diags);
	else if (instance == NULL)
		rc = fail_unread(c, CLI_USAGE, &diags);
	else
		rc = verdict_print(c,
		    schema_validate(s, instance->doc.nodes, &report), &report);
	schema_destroy(s);
	cli_schema_files_finish(&instances);
	cli_schema_files_finish(&fs);
	schema_report_finish(&report);
	diags_finish(&diags);
	return rc;
}
