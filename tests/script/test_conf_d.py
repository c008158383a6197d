# SPDX-License-Identifier: Apache-2.0
"""The commented defaults of conf.d: each setting that is there, each default
that is meant, and every file valid with its comment signs taken away."""

import os
import re
import shutil
import subprocess

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
CONF_D = os.path.join(ROOT, "conf.d")
FILES = sorted(f for f in os.listdir(CONF_D) if f.endswith(".yaml"))
BIN = os.environ.get("TOOLPOST_BIN",
                     os.path.join(ROOT, "build", "release", "toolpost"))

# Defaults that the tables leave to the code that reads them.
IMPLIED = {"http.listen": '["127.0.0.1:7423"]'}


def lines_of(name):
    with open(os.path.join(CONF_D, name), encoding="utf-8") as f:
        return f.read().splitlines()


def uncommented(name):
    """One sign less on each setting; two signs are prose."""
    return "".join(
        line[1:] + "\n" for line in lines_of(name)
        if line.startswith("#") and not line.startswith("##"))


def check(path):
    return subprocess.run([BIN, "check", str(path)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60)


def settings(text):
    """Dotted keys and the text of their values."""
    found, group = {}, ""
    for line in text.splitlines():
        key, _, value = line.strip().partition(": ")
        if line.endswith(":"):
            group = line[:-1] + "."
            continue
        found[(group if line.startswith(" ") else "") + key] = value
    return found


def tables():
    """Key and default of every setting, from the tables themselves."""
    with open(os.path.join(ROOT, "core", "server", "config.c"),
              encoding="utf-8") as f:
        source = f.read()
    items, maps = {}, {}
    for name, body in re.findall(
            r"settings_item (\w+)\[\] = \{(.*?)\n\};", source, re.S):
        for entry in re.findall(r"\{ (\.key = \".*?) \}", body, re.S):
            fields = dict(re.findall(r"\.(\w+) = (\"[^\"]*\"|[^,]+)", entry))
            items.setdefault(name, {})[fields["key"].strip('"')] = fields
    for key, fields in items["server_settings"].items():
        if fields["type"] == "SETTINGS_MAP":
            maps[key + "."] = items[fields["items"].strip()]
        elif fields["type"] != "SETTINGS_NODE":
            maps.setdefault("", {})[key] = fields
    maps["plugins."] = items["server_plugin_settings"]
    wanted = {}
    for prefix, group in maps.items():
        for key, fields in group.items():
            lists = ("SETTINGS_STRS", "SETTINGS_NODE")  # a node: icons
            none = "[]" if fields["type"] in lists else '""'
            default = fields.get("fallback", "").strip('"') or none
            wanted[prefix + key] = IMPLIED.get(prefix + key, default)
    return wanted


def test_every_setting_is_there_with_its_default():
    found = {}
    for name in FILES:
        found.update(settings(uncommented(name)))
    assert found == tables()


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_prose_and_commented_settings_alone(name):
    for line in lines_of(name):
        assert line == "" or line.startswith("#"), line
        assert len(line) <= 80, line


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_valid_as_it_stands(name, tmp_path):
    path = tmp_path / name
    shutil.copy(os.path.join(CONF_D, name), path)
    path.chmod(0o644)
    r = check(path)
    assert (r.returncode, r.stderr) == (0, b"")


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_valid_without_its_signs(name, tmp_path):
    path = tmp_path / name
    path.write_text(uncommented(name))
    path.chmod(0o644)
    r = check(path)
    assert (r.returncode, r.stderr) == (0, b"")


def test_all_of_them_are_read_beside_the_main_file(tmp_path):
    conf_d = tmp_path / "conf.d"
    conf_d.mkdir()
    main = tmp_path / "toolpost.yaml"
    main.write_text("")
    main.chmod(0o644)
    for name in FILES:
        (conf_d / name).write_text(uncommented(name))
        (conf_d / name).chmod(0o644)
    assert check(main).returncode == 0
    for name in FILES:
        (conf_d / name).write_text(uncommented(name) + "wrong: 1\n")
        r = check(main)
        assert r.returncode == 6
        assert b"conf.d/" + name.encode() + b":" in r.stderr
        assert b'unknown key "wrong"' in r.stderr
        (conf_d / name).write_text(uncommented(name))
