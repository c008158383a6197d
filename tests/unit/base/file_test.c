/* SPDX-License-Identifier: Apache-2.0 */
/* Files: what is refused, and that a replacement is whole. */
#include "base/file.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "unit/unit.h"

static char folder[64]; /* empty: not made yet */
static char path[256];
static struct err err;

/* A fresh folder, and the path of one name in it. */
static const char *
at(const char *name)
{
	if (folder[0] == '\0') {
		(void)snprintf(
		    folder, sizeof folder, "%s", "/tmp/toolpost-file-XXXXXX");
		ck_assert_ptr_nonnull(mkdtemp(folder));
	}
	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static void
remove_all(const char *const *names)
{
	for (; *names != NULL; names++)
		(void)remove(at(*names));
	ck_assert_int_eq(rmdir(folder), 0);
	folder[0] = '\0';
}

START_TEST(read_appends_the_content)
{
	struct buf b;

	buf_init(&b);
	BUF_LIT(&b, ">");
	ck_assert_int_eq(file_replace(at("f"), S("a\0b"), 0640, &err), 0);
	ck_assert_int_eq(file_read_trusted(&b, path, 3, &err), 0);
	ck_assert(str_equal(buf_view(&b), S(">a\0b")));
	ck_assert_int_eq(file_read_trusted(&b, path, 2, &err), ERR_LIMIT);
	ck_assert_uint_eq(b.len, 4);
	buf_finish(&b);
	remove_all((const char *const[]){ "f", NULL });
}
END_TEST

START_TEST(a_long_file_is_read_whole)
{
	static char big[100000];
	struct buf b;

	memset(big, 'b', sizeof big);
	buf_init(&b);
	ck_assert_int_eq(
	    file_replace(at("f"), (struct str){ big, sizeof big }, 0600, &err),
	    0);
	ck_assert_int_eq(file_read_trusted(&b, path, sizeof big, &err), 0);
	ck_assert_uint_eq(b.len, sizeof big);
	buf_finish(&b);
	remove_all((const char *const[]){ "f", NULL });
}
END_TEST

START_TEST(a_secret_is_for_its_owner_alone)
{
	struct buf b;

	buf_init(&b);
	ck_assert_int_eq(file_replace(at("f"), S("abc"), 0600, &err), 0);
	ck_assert_int_eq(file_read_secret(&b, path, 3, &err), 0);
	ck_assert(str_equal(buf_view(&b), S("abc")));
	ck_assert_int_eq(file_read_secret(&b, path, 2, &err), ERR_LIMIT);
	ck_assert_int_eq(chmod(path, 0400), 0);
	ck_assert_int_eq(file_read_secret(&b, path, 3, &err), 0);
	ck_assert_int_eq(chmod(path, 0640), 0);
	ck_assert_int_eq(file_read_secret(&b, path, 3, &err), ERR_DENIED);
	ck_assert_ptr_nonnull(strstr(err.text, "chmod 600"));
	ck_assert_int_eq(chmod(path, 0604), 0);
	ck_assert_int_eq(file_read_secret(&b, path, 3, &err), ERR_DENIED);
	ck_assert_int_eq(chmod(path, 0620), 0);
	ck_assert_int_eq(file_read_secret(&b, path, 3, &err), ERR_DENIED);
	ck_assert_ptr_nonnull(strstr(err.text, "others may write it"));
	buf_finish(&b);
	remove_all((const char *const[]){ "f", NULL });
}
END_TEST

START_TEST(what_lies_below_a_folder_is_read_and_nothing_else)
{
	static const char *const not_paths[] = { "", "/f", "d//f", "./f", "..",
		"d/../f", "d/" };
	struct buf b;

	buf_init(&b);
	ck_assert_int_eq(mkdir(at("d"), 0700), 0);
	ck_assert_int_eq(file_replace(at("d/f"), S("in"), 0600, &err), 0);
	ck_assert_int_eq(file_read_beneath(&b, folder, "d/f", 2, &err), 0);
	ck_assert(str_equal(buf_view(&b), S("in")));
	ck_assert_int_eq(
	    file_read_beneath(&b, folder, "d/f", 1, &err), ERR_LIMIT);
	ck_assert_int_eq(
	    file_read_beneath(&b, folder, "d/g", 9, &err), ERR_NOTFOUND);
	ck_assert_int_eq(
	    file_read_beneath(&b, folder, "e/f", 9, &err), ERR_NOTFOUND);
	for (size_t i = 0; i < sizeof not_paths / sizeof not_paths[0]; i++)
		ck_assert_int_eq(
		    file_read_beneath(&b, folder, not_paths[i], 9, &err),
		    ERR_DENIED);
	ck_assert_int_eq(symlink("d", at("l")), 0);
	ck_assert_int_eq(
	    file_read_beneath(&b, folder, "l/f", 9, &err), ERR_DENIED);
	ck_assert_int_eq(symlink("f", at("d/l")), 0);
	ck_assert_int_eq(
	    file_read_beneath(&b, folder, "d/l", 9, &err), ERR_DENIED);
	ck_assert_int_eq(
	    file_read_beneath(&b, folder, "d", 9, &err), ERR_DENIED);
	ck_assert_uint_eq(b.len, 2);
	buf_finish(&b);
	remove_all((const char *const[]){ "d/l", "d/f", "d", "l", NULL });
}
END_TEST

START_TEST(a_missing_file_is_not_found)
{
	ck_assert_int_eq(file_open_trusted(at("none"), 10, &err), ERR_NOTFOUND);
	ck_assert_ptr_nonnull(strstr(err.text, "none: No such file"));
	remove_all((const char *const[]){ NULL });
}
END_TEST

START_TEST(links_folders_and_pipes_are_refused)
{
	char target[256];

	ck_assert_int_eq(file_replace(at("f"), S("x"), 0600, &err), 0);
	(void)snprintf(target, sizeof target, "%s", path);
	ck_assert_int_eq(symlink(target, at("link")), 0);
	ck_assert_int_eq(file_open_trusted(path, 10, &err), ERR_DENIED);
	ck_assert_ptr_nonnull(strstr(err.text, "symbolic link"));
	ck_assert_int_eq(mkfifo(at("fifo"), 0600), 0);
	ck_assert_int_eq(file_open_trusted(path, 10, &err), ERR_DENIED);
	ck_assert_int_eq(mkdir(at("dir"), 0700), 0);
	ck_assert_int_eq(file_open_trusted(path, 10, &err), ERR_DENIED);
	ck_assert_ptr_nonnull(strstr(err.text, "not a regular file"));
	remove_all((const char *const[]){ "f", "link", "fifo", "dir", NULL });
}
END_TEST

START_TEST(files_that_others_may_write_are_refused)
{
	ck_assert_int_eq(file_replace(at("f"), S("x"), 0664, &err), 0);
	ck_assert_int_eq(file_open_trusted(path, 10, &err), ERR_DENIED);
	ck_assert_ptr_nonnull(strstr(err.text, "chmod go-w"));
	ck_assert_int_eq(chmod(path, 0602), 0);
	ck_assert_int_eq(file_open_trusted(path, 10, &err), ERR_DENIED);
	remove_all((const char *const[]){ "f", NULL });
}
END_TEST

START_TEST(files_of_others_are_refused)
{
	ck_assert_int_eq(file_replace(at("f"), S("x"), 0644, &err), 0);
	/* Only root can make a file of somebody else. */
	if (chown(path, 12345, (gid_t)-1) == 0) {
		ck_assert_int_eq(file_open_trusted(path, 10, &err), ERR_DENIED);
		ck_assert_ptr_nonnull(strstr(err.text, "12345"));
	}
	remove_all((const char *const[]){ "f", NULL });
}
END_TEST

START_TEST(replace_sets_the_mode_and_leaves_no_traces)
{
	struct stat st;

	ck_assert_int_eq(file_replace(at("f"), S("old"), 0644, &err), 0);
	ck_assert_int_eq(file_replace(at("f"), S("newer"), 0600, &err), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(st.st_size, 5);
	/* rmdir in remove_all fails if a temporary name is left. */
	remove_all((const char *const[]){ "f", NULL });
}
END_TEST

START_TEST(replace_that_fails_leaves_no_traces)
{
	ck_assert_int_eq(mkdir(at("f"), 0700), 0);
	ck_assert_int_eq(file_replace(at("f"), S("x"), 0600, &err), ERR_IO);
	ck_assert_int_eq(file_replace(at("no/f"), S("x"), 0600, &err), ERR_IO);
	remove_all((const char *const[]){ "f", NULL });
}
END_TEST

START_TEST(mkdirs_makes_each_part)
{
	struct stat st;

	ck_assert_int_eq(file_mkdirs(at("a//b/c"), 0700, &err), 0);
	ck_assert_int_eq(file_mkdirs(at("a/b/c"), 0700, &err), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert(S_ISDIR(st.st_mode));
	ck_assert_int_eq(file_replace(at("a/f"), S(""), 0600, &err), 0);
	ck_assert_int_eq(file_mkdirs(at("a/f/g"), 0700, &err), ERR_IO);
	ck_assert_ptr_nonnull(strstr(err.text, "Not a directory"));
	ck_assert_int_eq(file_mkdirs("", 0700, &err), ERR_LIMIT);
	remove_all((const char *const[]){ "a/f", "a/b/c", "a/b", "a", NULL });
}
END_TEST

START_TEST(paths_too_long_are_refused)
{
	static char endless[5000];

	memset(endless, 'a', sizeof endless - 1);
	ck_assert_int_eq(file_replace(endless, S(""), 0600, &err), ERR_LIMIT);
	ck_assert_int_eq(file_mkdirs(endless, 0700, &err), ERR_LIMIT);
}
END_TEST

START_TEST(write_all_reports_a_closed_descriptor)
{
	ck_assert_int_eq(file_write_all(-1, "x", 1), ERR_IO);
	ck_assert_int_eq(file_write_all(-1, "", 0), 0);
}
END_TEST

UNIT_MAIN("base/file", read_appends_the_content, a_long_file_is_read_whole,
    what_lies_below_a_folder_is_read_and_nothing_else,
    a_secret_is_for_its_owner_alone, a_missing_file_is_not_found,
    links_folders_and_pipes_are_refused,
    files_that_others_may_write_are_refused, files_of_others_are_refused,
    replace_sets_the_mode_and_leaves_no_traces,
    replace_that_fails_leaves_no_traces, mkdirs_makes_each_part,
    paths_too_long_are_refused, write_all_reports_a_closed_descriptor)
