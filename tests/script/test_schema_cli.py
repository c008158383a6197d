# SPDX-License-Identifier: Apache-2.0
"""toolpost schema check and toolpost schema validate."""

import json
import os
import subprocess

import pytest

import mcp_wire as w

DONE, USAGE, INVALID, CONFIG = 0, 1, 5, 6

WEATHER = """\
type: object
required: [place]
additionalProperties: false
properties:
  place: {$ref: "sub/place.json#/$defs/place"}
  days: {type: integer, minimum: 1, maximum: 7}
  when: {type: string, format: date}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sub").mkdir()
    write(tmp_path, "weather.yaml", WEATHER)
    write(tmp_path, "sub/place.json",
          '{"$defs": {"place": {"type": "string", "minLength": 1}}}')
    return tmp_path


def write(folder, name, text):
    with open(os.path.join(str(folder), name), "w") as f:
        f.write(text)


def schema(folder, *words, stdin=None):
    return subprocess.run([w.BIN, "schema"] + list(words), cwd=str(folder),
                          input=stdin, capture_output=True, text=True,
                          timeout=w.DEADLINE * 2)


def validate(folder, value, *flags):
    text = value if isinstance(value, str) else json.dumps(value)
    return schema(folder, "validate", "weather.yaml", "-", *flags, stdin=text)


def test_a_good_schema_and_what_it_refers_to_are_accepted(folder):
    done = schema(folder, "check", "weather.yaml", "sub/place.json")
    assert (done.returncode, done.stdout) == (
        DONE, "checked 2 schemas: 0 errors\n")


@pytest.mark.parametrize("name, text, line", [
    ("a.json", '{\n "properties": {\n  "a": {"type": "strin"}\n }\n}\n',
     'a.json:3:17: error: /properties/a/type: "strin" is not a JSON Schema '
     'type (hint: did you mean "string"?)'),
    ("a.yaml", "properties:\n  é: {}\n  b: 1\n",
     "a.yaml:3:6: error: /properties/b: must be a schema: an object or a "
     "boolean"),
    ("a.json", '{"é":\n [1,}', "a.json:2:5: error: not valid JSON: unexpected"
     " '}' at byte 11"),
    ("a.yaml", "a: &x 1\n", "a.yaml:1:4: error: a: anchors"),
    ("a.yaml", "items:\n  $ref: none.json\n",
     'a.yaml:2:9: error: /items/$ref: cannot resolve "none.json": '),
    ("a.yaml", "$schema: http://json-schema.org/draft-04/schema#\n",
     "a.yaml:1:10: error: /$schema: unsupported dialect"),
])
def test_an_error_has_its_place(folder, name, text, line):
    write(folder, name, text)
    done = schema(folder, "check", name)
    assert done.returncode == CONFIG
    assert done.stderr.startswith(line), done.stderr
    assert done.stdout == "checked 1 schema: 1 error\n"


def test_an_error_in_a_file_referred_to_is_shown_there(folder):
    write(folder, "a.yaml", "items:\n  $ref: sub/b.json\n")
    write(folder, "sub/b.json", '{"items":\n  {"minimum": "3"}}')
    done = schema(folder, "check", "a.yaml")
    assert done.returncode == CONFIG
    assert "/sub/b.json:2:15: error: /items/minimum: " in done.stderr


@pytest.mark.parametrize("reference", [
    "../outside.json", "file:///etc/hostname", "sub/%2e%2e/%2e%2e/x.json"])
def test_no_file_outside_the_folder_is_read(folder, reference):
    write(folder, "sub/a.json", json.dumps({"items": {"$ref": reference}}))
    write(folder, "outside.json", "{}")
    done = schema(folder, "check", "sub/a.json")
    assert done.returncode == CONFIG
    assert "cannot resolve" in done.stderr
    assert "no such file" not in done.stderr.lower()


def test_nothing_is_fetched(folder):
    write(folder, "a.json", '{"$ref": "https://example.com/a.json"}')
    done = schema(folder, "check", "a.json")
    assert done.returncode == CONFIG
    assert "nothing is fetched" in done.stderr


def test_files_beside_the_schemas_own_id_are_found(folder):
    write(folder, "a.json", json.dumps({
        "$id": "https://example.com/s/a.json",
        "$ref": "sub/place.json#/$defs/place"}))
    done = schema(folder, "validate", "a.json", "-", stdin='"Oslo"')
    assert (done.returncode, done.stdout) == (DONE, "valid\n")


def test_findings_as_json(folder):
    write(folder, "a.json", '{"type": 1}')
    done = schema(folder, "check", "--json", "a.json", "weather.yaml")
    assert done.returncode == CONFIG
    answer = json.loads(done.stdout)
    assert (answer["files"], answer["errors"]) == (2, 1)
    finding = answer["findings"][0]
    assert (finding["file"], finding["line"], finding["column"]) == (
        "a.json", 1, 10)
    assert json.loads(done.stderr)["error"]["code"] == "config_invalid"


def test_a_valid_value(folder):
    done = validate(folder, {"place": "Oslo", "days": 3})
    assert (done.returncode, done.stdout, done.stderr) == (
        DONE, "valid\n", "")
    assert validate(folder, {"place": "Oslo"}, "-q").stdout == ""


def test_an_instance_may_be_yaml(folder):
    write(folder, "value.yaml", "place: Oslo\ndays: 9\n")
    done = schema(folder, "validate", "weather.yaml", "value.yaml")
    assert done.returncode == INVALID
    assert done.stdout == "/days: must be <= 7 (maximum), found 9\n"


def test_each_fault_has_a_line(folder):
    done = validate(folder, {"place": "", "dayz": 3})
    assert done.returncode == INVALID
    assert done.stdout.splitlines() == [
        "/place: must have at least 1 character (minLength), found 0",
        '/dayz: unknown property (additionalProperties), did you mean '
        '"days"?']
    assert done.stderr == ""


def test_faults_as_json(folder):
    done = validate(folder, {"place": "", "dayz": 3}, "--json")
    assert done.returncode == INVALID
    faults = json.loads(done.stdout)
    assert [(f["pointer"], f["keyword"]) for f in faults] == [
        ("/place", "minLength"), ("/dayz", "additionalProperties")]
    assert all(f["message"] for f in faults)
    valid = validate(folder, {"place": "Oslo"}, "--json")
    assert (valid.returncode, json.loads(valid.stdout)) == (DONE, [])


def test_formats_are_asserted_on_request(folder):
    value = {"place": "Oslo", "when": "2026-02-30"}
    assert validate(folder, value).returncode == DONE
    done = validate(folder, value, "--format-assertion")
    assert done.returncode == INVALID
    assert "/when: must have the format date" in done.stdout


def test_the_dialect_is_read_from_the_schema(folder):
    write(folder, "a.json", json.dumps({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "items": [{"type": "string"}]}))
    done = schema(folder, "validate", "a.json", "-", stdin="[1]")
    assert done.returncode == INVALID
    write(folder, "a.json", '{"items": [{"type": "string"}]}')
    done = schema(folder, "validate", "a.json", "-", stdin="[1]")
    assert done.returncode == CONFIG  # 2020-12 has prefixItems for this


def test_a_broken_schema_is_no_verdict(folder):
    write(folder, "a.json", '{"type": 1}')
    done = schema(folder, "validate", "a.json", "-", stdin="1")
    assert (done.returncode, done.stdout) == (CONFIG, "")
    assert done.stderr.startswith("a.json:1:10: error: /type: ")


def test_a_broken_instance_is_no_verdict(folder):
    done = validate(folder, "[")
    assert (done.returncode, done.stdout) == (USAGE, "")
    assert done.stderr.startswith("-:1:2: error: "), done.stderr
    done = schema(folder, "validate", "weather.yaml", "none.json")
    assert done.returncode == USAGE
    assert done.stderr.startswith("none.json: error: "), done.stderr


def test_a_value_that_costs_too_much_ends_with_a_message(folder):
    write(folder, "a.json", json.dumps({
        "pattern": "^(a+)+$"}))
    done = schema(folder, "validate", "a.json", "-",
                  stdin=json.dumps("a" * 60 + "!"))
    assert done.returncode == INVALID
    assert done.stdout.count("\n") == 1 and len(done.stdout) > 10


def test_help_names_both_verbs(folder):
    done = schema(folder, "validate")
    assert done.returncode == USAGE
    assert "SCHEMA" in done.stderr
