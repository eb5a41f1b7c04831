"""Finds the aws command line and boto3, or fetches them once into a folder, and prints the folder of their programs.

    find.py FOLDER

They come from PyPI, pinned and checked. Progress goes to stderr. Python 3.10 or later.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def say(text):
    print(text, file=sys.stderr, flush=True)


def fetch(place):
    say(f"fetching the aws command line and boto3 into {place} ...")
    venv.create(place, with_pip=True)
    pip = [place / "bin/python", "-I", "-m", "pip", "install", "--require-hashes", "--no-input", "--retries", "2"]
    quiet = ["--disable-pip-version-check", "--progress-bar", "off", "--timeout", "10", "-r", REQUIREMENTS]
    # Our stdout is the result, and pip's is progress.
    subprocess.run([*pip, *quiet], check=True, stdout=sys.stderr)


def main():
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    made_from = f"{REQUIREMENTS.read_text()}{sys.version}{sys.executable}"
    place = folder / f"clients-{hashlib.sha256(made_from.encode()).hexdigest()[:12]}"
    # Written last: without it an interrupted installation would be taken for a whole one.
    complete = place / "complete"
    with (folder / "clients.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            shutil.rmtree(place, ignore_errors=True)
            try:
                fetch(place)
            except (OSError, subprocess.CalledProcessError) as error:
                say(f"the aws command line and boto3 can't be had; are PyPI and its files out of reach? {error}")
                return 1
            complete.touch()
    print(place / "bin")
    return 0


sys.exit(main())
