/* SPDX-License-Identifier: Apache-2.0 */
/* A tree in a temporary folder: root/ may be read, outside/ may not. */
#include <toolpost/test.h>

#include <fcntl.h>
#include <dirent.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#define CANARY "the canary sings"
#define RACE_OPENS 10000
#define MISSING "no such file below the roots"

static char base[PATH_MAX - 512];

static const char *
at(const char *rel)
{
	static char path[4][PATH_MAX];
	static unsigned turn;
	char *p = path[turn++ % 4];

	(void)snprintf(p, PATH_MAX, "%s/%s", base, rel);
	return p;
}

static void
put(const char *rel, const char *data, size_t len)
{
	int fd = open(at(rel), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	TP_TEST(fd >= 0 && write(fd, data, len) == (ssize_t)len);
	(void)close(fd);
}

static void
put_text(const char *rel, const char *text)
{
	put(rel, text, strlen(text));
}

static void
tree_make(void)
{
	const char *tmp = getenv("TMPDIR");
	const char *const folders[] = { "root", "root/sub", "root/sub/deep",
		"root/swap_in", "outside" };
	size_t i;

	(void)snprintf(base, sizeof base, "%s/files_test.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(base) == NULL)
		exit(1);
	for (i = 0; i < sizeof folders / sizeof folders[0]; i++)
		TP_TEST(mkdir(at(folders[i]), 0700) == 0);
	put_text("root/a.txt", "one\ntwo needle\nthree\n");
	put_text("root/sub/b.md", "needle at the start");
	put_text("root/sub/deep/c.c", "no such thing");
	put_text("root/g\xc3\xbcn und #100%.txt", "umlaut");
	put_text("root/%2e%2e", "dots");
	put("root/bin.png", "\x89PNG\0needle", 11);
	put_text("root/swap_in/f", "inside");
	put_text("outside/f", CANARY);
	put_text("outside/secret.txt", CANARY);
	TP_TEST(symlink("../outside/secret.txt", at("root/link.txt")) == 0);
	TP_TEST(symlink("../outside", at("root/linkdir")) == 0);
	TP_TEST(symlink("a.txt", at("root/inner")) == 0);
	TP_TEST(mkfifo(at("root/fifo"), 0600) == 0);
}

static void
tree_remove(const char *folder)
{
	DIR *d = opendir(folder);
	const struct dirent *e;
	char path[PATH_MAX];

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (snprintf(path, sizeof path, "%s/%s", folder, e->d_name)
		    >= (int)sizeof path)
			continue;
		if (unlink(path) < 0)
			tree_remove(path);
	}
	if (d != NULL)
		(void)closedir(d);
	(void)rmdir(folder);
}

static void
host_start(struct tp_test_host *h, const char *so)
{
	char config[PATH_MAX + 64];

	if (tp_test_open(h, so) < 0)
		exit(1);
	(void)snprintf(
	    config, sizeof config, "{\"roots\": [\"%s\"]}", at("root"));
	TP_TEST(tp_test_load(h, config, NULL) == TP_OK);
}

/* args with one string, quoted as JSON. */
static const char *
arg(const char *key, const char *value)
{
	static char text[8 * PATH_MAX];
	size_t len;

	len = (size_t)snprintf(text, sizeof text, "{\"%s\": \"", key);
	for (; *value != '\0' && len < sizeof text - 8; value++) {
		if ((unsigned char)*value < 0x20 || *value == '"'
		    || *value == '\\')
			len += (size_t)snprintf(text + len, sizeof text - len,
			    "\\u%04x", (unsigned char)*value);
		else
			text[len++] = *value;
	}
	(void)snprintf(text + len, sizeof text - len, "\"}");
	return text;
}

static struct tp_test_result *
read_path(struct tp_test_host *h, const char *path)
{
	return tp_test_call(h, "files_read", arg("path", path));
}

static struct tp_test_result *
read_uri(struct tp_test_host *h, const char *path)
{
	char uri[4 * PATH_MAX];

	(void)snprintf(uri, sizeof uri, "file://%s", path);
	return tp_test_read(h, "file:///{+path}", uri, NULL);
}

static void
without_roots_every_call_says_what_to_set(const char *so)
{
	struct tp_test_host h;
	struct tp_test_result *c;
	const char *const tools[] = { "files_list", "files_read",
		"files_search" };
	size_t i;

	if (tp_test_open(&h, so) < 0)
		exit(1);
	TP_TEST(tp_test_load(&h, NULL, NULL) == TP_OK);
	for (i = 0; i < 3; i++) {
		c = tp_test_call(&h, tools[i],
		    "{\"path\": \"/etc/passwd\", \"query\": \"root\"}");
		TP_TEST(c->status == TP_EFAIL);
		TP_TEST(c->message != NULL
		    && strstr(c->message, "plugins.files.config.roots"));
		tp_test_free(c);
	}
	c = read_uri(&h, "/etc/passwd");
	TP_TEST(c->status == TP_EFAIL && c->content.len == 0);
	tp_test_free(c);
	tp_test_unload(&h);

	TP_TEST(tp_test_load(&h, "{\"roots\": [\"relative\"]}", NULL)
	    == TP_EPARAMS);
	TP_TEST(tp_test_load(&h, "{\"roots\": [\"/does/not/exist\"]}", NULL)
	    == TP_EPARAMS);
	TP_TEST(strstr(h.logs.last->text, "/does/not/exist") != NULL);
	tp_test_close(&h);
}

static void
list_shows_files_and_folders_and_no_links(struct tp_test_host *h)
{
	struct tp_test_result *c = tp_test_call(h, "files_list", NULL);

	TP_TEST_IS(tp_test_found(c, "/entries/0/path"), at("root"));
	tp_test_free(c);
	c = tp_test_call(h, "files_list", arg("path", at("root")));
	TP_TEST(c->status == TP_OK);
	TP_TEST_IS(tp_test_found(c, "/entries/0/name"), "%2e%2e");
	TP_TEST_IS(tp_test_found(c, "/entries/1/name"), "a.txt");
	TP_TEST_IS(tp_test_found(c, "/entries/1/type"), "file");
	TP_TEST(tp_test_found_num(c, "/entries/1/size") > 20);
	TP_TEST_IS(tp_test_found(c, "/entries/4/type"), "folder");
	TP_TEST(strstr(tp_test_text(c), "link") == NULL);
	TP_TEST(strstr(tp_test_text(c), "fifo") == NULL);
	TP_TEST(strstr(tp_test_text(c), "inner") == NULL);
	TP_TEST(strstr(tp_test_text(c), "g%C3%BCn%20und%20%23100%25.txt"));
	tp_test_free(c);
	c = tp_test_call(h, "files_list", arg("path", "sub/"));
	TP_TEST_IS(tp_test_found(c, "/entries/0/name"), "b.md");
	tp_test_free(c);
	c = tp_test_call(h, "files_list", arg("path", "a.txt"));
	TP_TEST(c->status == TP_ENOTFOUND);
	tp_test_free(c);
	c = tp_test_call(h, "files://roots", NULL);
	TP_TEST(c->status == TP_OK && strstr(tp_test_text(c), at("root")));
	tp_test_free(c);
}

static void
read_gives_text_and_binary_and_parts(struct tp_test_host *h)
{
	struct tp_test_result *c = read_path(h, at("root/a.txt"));

	TP_TEST(c->status == TP_OK && c->content.len == 1);
	TP_TEST_IS(tp_test_text(c), "one\ntwo needle\nthree\n");
	tp_test_free(c);
	c = read_path(h, "bin.png");
	TP_TEST(c->content.first->number == TP_EMBED
	    && c->content.first->flags == TP_BINARY
	    && c->content.first->len == 11);
	TP_TEST_IS(c->content.first->mime, "image/png");
	tp_test_free(c);
	c = tp_test_call(h, "files_read",
	    "{\"path\": \"a.txt\", \"offset\": 4, \"limit\": 3}");
	TP_TEST_IS(tp_test_text(c), "two");
	TP_TEST_IS(
	    tp_test_text_at(c, 1), "[bytes 4 to 7 of 21; go on with offset 7]");
	tp_test_free(c);
	c = tp_test_call(
	    h, "files_read", "{\"path\": \"a.txt\", \"offset\": 100}");
	TP_TEST(c->status == TP_OK);
	TP_TEST_IS(tp_test_text(c), "");
	tp_test_free(c);
	c = tp_test_call(
	    h, "files_read", "{\"path\": \"a.txt\", \"limit\": 1048577}");
	TP_TEST(c->status == TP_EPARAMS);
	tp_test_free(c);
	c = read_path(h, "sub");
	TP_TEST_IS(c->message, "path is a folder: use files_list");
	tp_test_free(c);
}

static void
a_part_never_splits_a_character(struct tp_test_host *h)
{
	struct tp_test_result *c;

	put_text("root/utf8.txt",
	    "a\xe2\x82\xac"
	    "b\xe2\x82\xac");
	c = tp_test_call(
	    h, "files_read", "{\"path\": \"utf8.txt\", \"limit\": 3}");
	TP_TEST_IS(tp_test_text(c), "a");
	TP_TEST_IS(
	    tp_test_text_at(c, 1), "[bytes 0 to 1 of 8; go on with offset 1]");
	tp_test_free(c);
	c = tp_test_call(
	    h, "files_read", "{\"path\": \"utf8.txt\", \"offset\": 2}");
	TP_TEST_IS(tp_test_text(c), "b\xe2\x82\xac");
	tp_test_free(c);
}

static void
resources_are_whole_files_and_folders(struct tp_test_host *h)
{
	struct tp_test_result *c = read_uri(h, at("root/a.txt"));

	TP_TEST_IS(tp_test_text(c), "one\ntwo needle\nthree\n");
	TP_TEST_IS(c->content.first->mime, "text/plain");
	tp_test_free(c);
	c = read_uri(h, at("root/g%C3%BCn%20und%20%23100%25.txt"));
	TP_TEST_IS(tp_test_text(c), "umlaut");
	tp_test_free(c);
	c = read_uri(h, at("root/sub/"));
	TP_TEST_IS(c->content.first->mime, "application/json");
	TP_TEST(strstr(tp_test_text(c), "\"b.md\"") != NULL);
	tp_test_free(c);
	/* Decoded once: this is the name of a file, not a way up. */
	c = read_uri(h, at("root/%252e%252e"));
	TP_TEST_IS(tp_test_text(c), "dots");
	tp_test_free(c);

	put_text("root/large", "x");
	TP_TEST(truncate(at("root/large"), (4 << 20) + 1) == 0);
	c = read_uri(h, at("root/large"));
	TP_TEST(c->status == TP_EFAIL && strstr(c->message, "4194304"));
	tp_test_free(c);
	TP_TEST(unlink(at("root/large")) == 0);
}

static void
search_finds_lines_and_keeps_its_bounds(struct tp_test_host *h)
{
	struct tp_test_result *c;
	char name[64];
	int i;

	c = tp_test_call(h, "files_search", arg("query", "needle"));
	TP_TEST(c->status == TP_OK);
	TP_TEST_IS(tp_test_found(c, "/matches/0/text"), "two needle");
	TP_TEST(tp_test_found_num(c, "/matches/0/line") < 2.5);
	TP_TEST_IS(tp_test_found(c, "/matches/1/path"), at("root/sub/b.md"));
	TP_TEST(tp_test_find(c->structured.root, "/matches/2") == NULL);
	TP_TEST(strstr(tp_test_text(c), "\"truncated\":false") != NULL);
	tp_test_free(c);

	c = tp_test_call(h, "files_search", arg("query", CANARY));
	TP_TEST(tp_test_find(c->structured.root, "/matches/0") == NULL);
	tp_test_free(c);

	for (i = 0; i < 150; i++) {
		(void)snprintf(name, sizeof name, "root/sub/m%03d", i);
		put_text(name, "many\n");
	}
	c = tp_test_call(h, "files_search", arg("query", "many"));
	TP_TEST(tp_test_find(c->structured.root, "/matches/99") != NULL);
	TP_TEST(tp_test_find(c->structured.root, "/matches/100") == NULL);
	TP_TEST(strstr(tp_test_text(c), "\"truncated\":true") != NULL);
	tp_test_free(c);
	for (i = 0; i < 150; i++) {
		(void)snprintf(name, sizeof name, "root/sub/m%03d", i);
		TP_TEST(unlink(at(name)) == 0);
	}

	c = tp_test_new(h, "files_search", arg("query", "needle"));
	tp_test_cancel(c);
	TP_TEST(tp_test_run(c) == TP_ECANCELLED);
	tp_test_free(c);
	c = tp_test_call(h, "files_search", arg("query", "a\nb"));
	TP_TEST(c->status == TP_EPARAMS);
	tp_test_free(c);
}

/* Missing, forbidden and outside are one answer, and never the canary. */
static void
must_be_missing(struct tp_test_result *c, const char *path)
{
	const struct tp_test_note *n;
	int ok = c->status == TP_ENOTFOUND && c->message != NULL
	    && strcmp(c->message, MISSING) == 0 && c->content.len == 0;

	if (!TP_TEST(ok))
		(void)fprintf(stderr, "\tpath: %s -> %d %s\n", path, c->status,
		    c->message != NULL ? c->message : "");
	for (n = c->content.first; n != NULL; n = n->next)
		TP_TEST(strstr(n->text, CANARY) == NULL);
	tp_test_free(c);
}

/* RSRC-10: 300 spellings and more: ways up x separators x targets x prefixes.
 */
static void
no_spelling_leaves_the_root(struct tp_test_host *h)
{
	static const char *const ups[] = { "..", "%2e%2e", "%2E.", ".%2e",
		"%252e%252e", "..%00", "..%2f..", "\xc0\xae\xc0\xae",
		"\xef\xbc\x8e\xef\xbc\x8e", "...", "..;", "..\\..", "..%5c..",
		".. ", "%c0%ae%c0%ae", "%u002e%u002e" };
	static const char *const joins[] = { "/", "//", "/./", "\\", "%2f",
		"%5c" };
	static const char *const targets[] = { "outside/secret.txt",
		"outside/./secret.txt", "outside//secret.txt" };
	char path[PATH_MAX];
	size_t i, j, k, tried = 0;

	for (i = 0; i < sizeof ups / sizeof ups[0]; i++)
		for (j = 0; j < sizeof joins / sizeof joins[0]; j++)
			for (k = 0; k < 3; k++) {
				(void)snprintf(path, sizeof path,
				    "%s/root%s%s%s%s", base, joins[j], ups[i],
				    joins[j], targets[k]);
				must_be_missing(read_uri(h, path), path);
				/* A tool's path is no URI; bytes that are not
				 * UTF-8 never reach a tool. */
				if (!tp_test_utf8(tp_cstr(path)))
					continue;
				must_be_missing(read_path(h, path), path);
				tried++;
			}
	TP_TEST(tried >= 270);
}

static void
other_names_of_the_outside_are_missing(struct tp_test_host *h)
{
	static const char *const names[] = { "outside/secret.txt",
		"root/link.txt", "root/linkdir/secret.txt", "root/linkdir",
		"root/inner", "root/fifo", "root/none", "root/a.txt/",
		"root/a.txt/x", "rootx", "root/../outside/secret.txt",
		"root/sub/../../outside/secret.txt", "root/sub/../a.txt",
		"root/.", "root/./a.txt", "root//a.txt", "root/\x01",
		"root/a.txt\n", "root/\x7f", "root/\xc2\x85",
		"root/sub/deep/../../../outside/f" };
	static const char *const absolute[] = { "/etc/passwd",
		"/proc/self/root/etc/passwd", "/proc/self/cwd", "/", "//",
		"/../etc/passwd", "..", ".", "../outside/secret.txt",
		"link.txt", "~/x", "sub/../a.txt" };
	char name[PATH_MAX];
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++) {
		must_be_missing(read_path(h, at(names[i])), names[i]);
		must_be_missing(read_uri(h, at(names[i])), names[i]);
		must_be_missing(
		    tp_test_call(h, "files_search",
			"{\"query\": \"x\", \"path\": \"../outside\"}"),
		    names[i]);
	}
	for (i = 0; i < sizeof absolute / sizeof absolute[0]; i++)
		must_be_missing(read_path(h, absolute[i]), absolute[i]);
	must_be_missing(tp_test_read(h, "file:///{+path}",
			    "file://localhost/etc/passwd", NULL),
	    "localhost");
	must_be_missing(
	    tp_test_read(h, "file:///{+path}", "http://x/y", NULL), "http");
	(void)snprintf(name, sizeof name, "%s?x", at("root/a.txt"));
	must_be_missing(read_uri(h, name), name);
	memset(name, 'a', 300);
	name[300] = '\0';
	must_be_missing(read_path(h, name), "300 bytes");
}

struct swapper {
	char paths[3][PATH_MAX];
	atomic_int stop;
};

/* root/swap is now a folder, now a link that leads outside. */
static void *
swap_forever(void *arg)
{
	struct swapper *s = arg;

	while (!atomic_load(&s->stop)) {
		(void)renameat2(AT_FDCWD, s->paths[0], AT_FDCWD, s->paths[1],
		    RENAME_EXCHANGE);
		sched_yield();
	}
	return NULL;
}

/* The same by name, without the plugin: this does leak. */
static int
plain_open_leaks(const char *path)
{
	char text[64] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof text - 1) < 0)
		text[0] = '\0';
	(void)close(fd);
	return strcmp(text, CANARY) == 0;
}

static void
a_link_that_is_swapped_in_leaks_nothing(struct tp_test_host *h)
{
	struct swapper s;
	pthread_t thread;
	int i, good = 0, missing = 0, leaks = 0, power = 0;

	memset(&s, 0, sizeof s);
	(void)snprintf(s.paths[0], PATH_MAX, "%s", at("root/swap_in"));
	(void)snprintf(s.paths[1], PATH_MAX, "%s", at("root/linkdir"));
	(void)snprintf(s.paths[2], PATH_MAX, "%s", at("root/swap_in/f"));
	TP_TEST(pthread_create(&thread, NULL, swap_forever, &s) == 0);
	/* Until each of the three was seen: then the race was one. */
	for (i = 0; i < RACE_OPENS || !good || !missing || !power; i++) {
		struct tp_test_result *c =
		    i % 2 ? read_path(h, s.paths[2]) : read_uri(h, s.paths[2]);
		const char *text = tp_test_text(c);

		if (text != NULL && strcmp(text, "inside") == 0)
			good++;
		else if (c->status == TP_ENOTFOUND && text == NULL)
			missing++;
		else
			leaks++;
		tp_test_free(c);
		power += plain_open_leaks(s.paths[2]);
	}
	atomic_store(&s.stop, 1);
	(void)pthread_join(thread, NULL);
	(void)printf("race: %d opens: %d inside, %d missing, %d leaked "
		     "(opened by name: %d leaked)\n",
	    i, good, missing, leaks, power);
	TP_TEST(leaks == 0);
}

static void
memory_that_is_out_fails_one_call(struct tp_test_host *h)
{
	unsigned n;
	int rc;

	for (n = 1; n < 200; n++) {
		struct tp_test_result *c;

		c = tp_test_new(h, n % 2 ? "files_list" : "files_search",
		    "{\"path\": \"sub\", \"query\": \"needle\"}");
		c->fail_alloc = n / 2 + 1;
		rc = tp_test_run(c);
		TP_TEST(rc == TP_OK || rc == TP_ENOMEM);
		tp_test_free(c);
	}
}

int
main(int argc, char **argv)
{
	struct tp_test_host host;

	if (argc < 2)
		return 1;
	tree_make();
	without_roots_every_call_says_what_to_set(argv[1]);
	host_start(&host, argv[1]);
	list_shows_files_and_folders_and_no_links(&host);
	read_gives_text_and_binary_and_parts(&host);
	a_part_never_splits_a_character(&host);
	resources_are_whole_files_and_folders(&host);
	search_finds_lines_and_keeps_its_bounds(&host);
	no_spelling_leaves_the_root(&host);
	other_names_of_the_outside_are_missing(&host);
	memory_that_is_out_fails_one_call(&host);
	a_link_that_is_swapped_in_leaks_nothing(&host);
	tp_test_close(&host);
	tree_remove(base);
	return tp_test_end();
}
