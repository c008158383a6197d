#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What `toolpost plugin new` writes builds and passes its test unchanged: by
# make, by CMake, and by one plain command; from the source tree, and with the
# SDK installed somewhere.
#
#	template.sh SOURCE_DIR BUILD_DIR [CC]
set -eu
top=$1
build=$2
cc=${3:-cc}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
name=my-tool_2
cd "$tmp"
mkdir $name
for f in "$top"/sdk/templates/c/*; do
	to=$(basename "$f" | sed "s/NAME/$name/")
	sed "s/@NAME@/$name/g" "$f" >"$name/$to"
done
if grep -r '@' $name; then
	echo "FAILED: a placeholder was left"
	exit 1
fi

# The promise to authors: at most twelve lines for the first tool.
lines=$(grep -c . $name/$name.c)
if [ "$lines" -gt 12 ]; then
	echo "FAILED: $name.c has $lines lines"
	exit 1
fi

cp -r $name by-make
(cd by-make && make -s CC="$cc" TOOLPOST_MAKEFILE="$top/sdk/plugin.mk" \
	CFLAGS="-std=c11 -Wall -Wextra -Wpedantic -Werror" test &&
	make -s CC="$cc" TOOLPOST_MAKEFILE="$top/sdk/plugin.mk" \
		DESTDIR="$tmp/root" PLUGINDIR=/plugins install)
[ "$(ls "$tmp/root/plugins/$name" | tr '\n' ' ')" = "$name.so $name.yaml " ]
echo "ok: make"

cp -r $name by-hand
(cd by-hand && $cc -shared -fPIC -fvisibility=hidden -Wl,-z,defs,-z,now \
	-I"$top/sdk/include" -o $name.so $name.c &&
	$cc -I"$top/sdk/include" -pthread -o t ${name}_test.c -ldl &&
	./t ./$name.so)
echo "ok: one command"

cp -r $name by-cmake
cmake -S by-cmake -B build -DCMAKE_C_COMPILER="$cc" \
	-Dtoolpost_DIR="$top/sdk/cmake" >log 2>&1 || { cat log; exit 1; }
cmake --build build >log 2>&1 || { cat log; exit 1; }
(cd build && ctest -Q --output-on-failure)
[ -f "build/$name/$name.so" ] && [ -f "build/$name/$name.yaml" ]
echo "ok: cmake"

cmake --install "$build/sdk" --prefix "$tmp/sdk" >log 2>&1 || { cat log; exit 1; }
cp -r $name installed
(cd installed && cmake -S . -B build -DCMAKE_C_COMPILER="$cc" \
	-DCMAKE_PREFIX_PATH="$tmp/sdk" && cmake --build build) >log 2>&1 ||
	{ cat log; exit 1; }
(cd installed/build && ctest -Q --output-on-failure)
echo "ok: cmake, installed"
if command -v pkg-config >/dev/null; then
	export PKG_CONFIG_PATH="$tmp/sdk/share/pkgconfig"
	(cd installed && make -s CC="$cc" test)
	echo "ok: make, installed"
fi
