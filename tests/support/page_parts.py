"""What the tests of pages put into them, the attacks among it."""

import base64
import itertools

import toy_notebooks
from nbformat.v4 import new_output

PNG = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
        "0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
    )
).decode()
EVIL = "<script>alert('x')</script>"
NUMBERS = itertools.count()


def record(**more):
    known = {
        "packages": {"numpy": "2.4.0"},
        "code": {"commit": "abc", "changed": True},
        "seed": 7,
        "backend": "numpy",
        "device": "CPU",
        "processor": "P",
        "cores": 2,
        "memory_gib": 4.0,
        "platform": "Linux",
        "python": "3.11",
        "data": {"file": {"path": "a.csv", "bytes": 1234, "sha256": "ff"}},
    }
    return {
        "name": "own/own",
        "title": "The title",
        "state": "done",
        "run": "default-1",
        "identity": "i",
        "command": "workbench run own.ipynb",
        "claims": [],
        "timings": {"start": "2026-01-02T03:04:05", "seconds": 1.0},
        "provenance": known,
        **more,
    }


def shown(*bundles, source="1"):
    """A code cell with these outputs."""
    cell = toy_notebooks.code(source, f"cell-{next(NUMBERS)}")
    cell.outputs = [new_output("display_data", b) for b in bundles]
    return cell


ATTACKS = [
    EVIL,
    "<img src=x onerror=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<meta http-equiv=refresh content='0;url=https://e.example'>",
    "<svg><script>alert(1)</script></svg>",
    "<svg onload=alert(1)>",
    "<style>body { display: none }</style>",
    "<link rel=stylesheet href=https://e.example/a.css>",
    "<p style='position:fixed;top:0;background:url(https://e.example)'>x</p>",
    "<form action=https://e.example><input name=a></form>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></table></math>",
    "<base href=https://e.example>",
    "<img src='https://e.example/a.png' srcset='https://e.example/b.png 2x'>",
    "<object data=https://e.example></object><embed src=https://e.example>",
    "<div onclick=alert(1) class=figure>x</div>",
    "<video src=https://e.example autoplay></video>",
    "<a href='vbscript:x' ping='https://e.example'>x</a>",
    "<details ontoggle=alert(1) open>x</details>",
]
