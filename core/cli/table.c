/* SPDX-License-Identifier: Apache-2.0 */
/* Cells in columns. */
#include "base/check.h"
#include "cli/cli_priv.h"

#define GAP 2
#define COLUMNS_MAX 16

/* Columns a terminal needs for it: one a character is near enough here. */
static size_t
width_of(struct str s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
	return n;
}

static struct str
cut(struct str s, size_t columns)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (((unsigned char)s.ptr[i] & 0xc0) != 0x80 && columns-- == 0)
			break;
	return str_sub(s, 0, i);
}

static void
row_print(const struct str *row, const size_t *widths, size_t columns,
    size_t total, struct buf *out)
{
	size_t from = out->len, used = 0;

	for (size_t i = 0; i < columns; i++) {
		struct str cell = row[i];

		if (widths[i] == 0 && i + 1 < columns)
			continue;
		if (i + 1 == columns)
			cell = cut(cell, total > used ? total - used : 0);
		buf_str(out, cell);
		for (size_t n = width_of(cell);
		     i + 1 < columns && n < widths[i] + GAP; n++)
			buf_char(out, ' ');
		used += widths[i] + GAP;
	}
	while (out->len > from && out->ptr[out->len - 1] == ' ')
		out->len--;
	buf_char(out, '\n');
}

void
cli_table(const struct str *cells, size_t rows, size_t columns, struct buf *out)
{
	size_t widths[COLUMNS_MAX] = { 0 }, total = cli_width();

	CHECK(columns <= COLUMNS_MAX);
	if (total == 0) { /* for programs */
		for (size_t r = 1; r < rows; r++)
			for (size_t i = 0; i < columns; i++) {
				buf_str(out, cells[r * columns + i]);
				buf_char(out, i + 1 < columns ? '\t' : '\n');
			}
		return;
	}
	for (size_t r = 0; r < rows; r++)
		for (size_t i = 0; i < columns; i++) {
			size_t n = width_of(cells[r * columns + i]);

			widths[i] = n > widths[i] ? n : widths[i];
		}
	for (size_t r = 0; r < rows; r++)
		row_print(cells + r * columns, widths, columns, total, out);
}
