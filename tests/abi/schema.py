#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The manifests we ship are valid by the schema we ship for editors."""
import json
import sys

try:
    import jsonschema
    import yaml
except ImportError as e:
    print("SKIP schema:", e)
    sys.exit(77)

with open(sys.argv[1], encoding="utf-8") as f:
    schema = json.load(f)
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
failed = False
for path in sys.argv[2:]:
    with open(path, encoding="utf-8") as f:
        manifest = yaml.safe_load(f.read().replace("@NAME@", "sample"))
    for error in validator.iter_errors(manifest):
        print(f"{path}: {error.json_path}: {error.message}")
        failed = True
    # Power: a key that does not exist is found.
    manifest["descripton"] = "x"
    if validator.is_valid(manifest):
        print(f"{path}: an unknown key passed")
        failed = True
sys.exit(failed)
