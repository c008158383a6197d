#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The SDK in every dialect it promises: each header alone, the layout, and the
# plugins.  Then the built plugins: they need nothing from a host.
#
#	matrix.sh SOURCE_DIR PLUGIN.so...
set -eu
top=$1
shift
inc="-I$top/sdk/include"
warn="-Wall -Wextra -Wpedantic -Wshadow -Werror $inc"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0
count=0

compile() { # what, file, compiler and flags...
	what=$1 file=$2
	shift 2
	count=$((count + 1))
	if ! "$@" $warn -fsyntax-only "$file" 2>"$tmp/err"; then
		echo "FAILED: $what: $*"
		cat "$tmp/err"
		failed=1
	fi
}

headers=$(cd "$top/sdk/include" && find toolpost -name '*.h' | sort)
for h in $headers; do
	echo "#include <$h>" >"$tmp/$(echo "$h" | tr / _).c"
done
sed 's/@NAME@/sample/g' "$top/sdk/templates/c/NAME.c" >"$tmp/sample.c"
sed 's/@NAME@/sample/g' "$top/sdk/templates/c/NAME_test.c" >"$tmp/sample_test.c"

for cc in gcc clang; do
	if ! command -v $cc >/dev/null; then
		echo "skipped: no $cc"
		continue
	fi
	for std in c11 c17 c2x; do
		for f in "$tmp"/*.c "$top"/tests/abi/*.c \
		    "$top/plugins/hello/hello.c"; do
			compile "$std" "$f" $cc -std=$std
		done
		# These name the interfaces of the kernel and of glibc they use.
		for f in "$top"/plugins/*/*.c; do
			compile "$std" "$f" $cc -std=$std -D_GNU_SOURCE
		done
	done
done

for cxx in g++ clang++; do
	if ! command -v $cxx >/dev/null; then
		echo "skipped: no $cxx"
		continue
	fi
	for std in c++11 c++17 c++20; do
		for f in "$tmp"/*.c "$top"/tests/abi/*.c \
		    "$top/plugins/hello/hello.c" \
		    "$top/plugins/hello/hello_test.c"; do
			compile "$std" "$f" $cxx -std=$std -x c++
		done
	done
done

for so in "$@"; do
	count=$((count + 1))
	if nm -D -u "$so" | grep -E ' (tp_|toolpost|call_|plugin_|registry_)'; then
		echo "FAILED: $so needs a symbol of the host"
		failed=1
	fi
	# AddressSanitizer and gcov add symbols of their own.
	exported=$(nm -D --defined-only "$so" |
		grep -cvE ' [wW] | __odr_asan| __gcov_| mangle_path$')
	if [ "$exported" != 1 ]; then
		echo "FAILED: $so exports more than its descriptor:"
		nm -D --defined-only "$so"
		failed=1
	fi
done

[ $failed = 0 ] && echo "ok: $count compilations and modules"
exit $failed
