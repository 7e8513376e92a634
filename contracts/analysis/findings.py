"""Runs slither and compares what it finds with `accepted.toml`.

`python3 findings.py COMPILED`, in the folder `contracts`, where COMPILED is the folder in which forge
left its artefacts and `build-info`. Fails on a finding that nobody accepted, and on an accepted
one that is gone, so that the file stays a list of what is there. A finding is known by its
detector and by the function or variable that it is about; one that is there twice is listed twice.
"""

import collections
import json
import pathlib
import subprocess
import sys
import tempfile
import tomllib

HERE = pathlib.Path(__file__).parent


def place(element):
    """`Contract.function(types)` or `Contract.function(types).variable`."""
    fields = element.get("type_specific_fields", {})
    name = fields.get("signature", element["name"])
    parent = fields.get("parent")
    if parent and parent["type"] in ("contract", "function"):
        return f"{place(parent)}.{name}"
    return name


def found(compiled):
    """What slither finds, each as detector and place, and its description."""
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.json"
        # Its exit status says whether there are findings; whether it worked is in the report.
        run = subprocess.run(
            [sys.executable, "-m", "slither", ".", "--ignore-compile"]
            + ["--foundry-out-directory", compiled, "--json", str(report)]
            # Matters of style, and of gas, which is measured.
            + ["--exclude-dependencies", "--exclude-informational", "--exclude-optimization"],
            capture_output=True,
            text=True,
        )
        if not report.exists():
            sys.exit(f"slither did not run:\n{run.stdout}{run.stderr}")
        report = json.loads(report.read_text())
    if not report["success"]:
        sys.exit(f"slither failed: {report['error']}")
    if "contracts with" not in run.stderr:
        sys.exit(f"slither does not say how many contracts it read:\n{run.stderr}")
    print(run.stderr.strip().splitlines()[-1])
    return [
        (finding["check"], place(finding["elements"][0]), finding["description"])
        for finding in report["results"].get("detectors", [])
    ]


def accepted():
    """What is accepted, each as detector and place."""
    groups = tomllib.loads((HERE / "accepted.toml").read_text())["accepted"]
    for group in groups:
        if not group["reason"].strip():
            sys.exit(f"accepted.toml: no reason for {group['detector']}")
        for where in group["where"]:
            yield group["detector"], where


def main(compiled):
    findings = found(compiled)
    there = collections.Counter((detector, where) for detector, where, _ in findings)
    known = collections.Counter(accepted())
    for detector, where, description in findings:
        if there[detector, where] > known[detector, where]:
            print(f"\nnew: {detector}: {where}\n{description.strip()}")
    for (detector, where), count in (known - there).items():
        print(f"\ngone, to be taken out of accepted.toml: {detector}: {where} ({count})")
    if there != known:
        sys.exit(1)
    print(f"{there.total()} findings, all of them accepted")


if __name__ == "__main__":
    main(sys.argv[1])
