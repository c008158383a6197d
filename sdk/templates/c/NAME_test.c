#include <toolpost/test.h>

int
main(int argc, char **argv)
{
	struct tp_test_host host;
	struct tp_test_result *r;

	if (tp_test_open(&host, argc > 1 ? argv[1] : "./@NAME@.so") < 0)
		return 1;
	TP_TEST(tp_test_load(&host, NULL, NULL) == TP_OK);

	r = tp_test_call(&host, "@NAME@", "{\"name\": \"Ada\"}");
	TP_TEST(r->status == TP_OK);
	TP_TEST_IS(tp_test_text(r), "Hello, Ada!");
	tp_test_free(r);

	tp_test_close(&host);
	return tp_test_end();
}
