"""NVIDIA's run-time compiler, which needs no GPU, from its wheel."""

import ctypes
from pathlib import Path

import pytest


class Compiler:
    """What compiles a kernel's text with the headers it includes."""

    def __init__(self, headers):
        nvidia = pytest.importorskip("nvidia", reason="needs the extra cuda-compile")
        found = [p for f in nvidia.__path__ for p in Path(f).rglob("libnvrtc.so.*")]
        if not found:
            pytest.skip("needs the extra cuda-compile")
        self._library = ctypes.CDLL(str(found[0]))
        self._headers = headers

    def compiled(self, text, told, kind):
        """The kernel's PTX or CUBIN, or a failure with the compiler's words."""
        many = ctypes.c_char_p * len(self._headers)
        texts = many(*(h.read_bytes() for h in self._headers))
        names = many(*(h.name.encode() for h in self._headers))
        program = ctypes.c_void_p()
        create = self._library.nvrtcCreateProgram
        count = len(self._headers)
        assert create(ctypes.byref(program), text.encode(), b"k.cu", count, texts, names) == 0
        flags = [flag.encode() for flag in told]
        status = self._library.nvrtcCompileProgram(
            program, len(flags), (ctypes.c_char_p * len(flags))(*flags)
        )
        assert status == 0, self._got(program, "ProgramLog").decode()
        return self._got(program, kind)

    def _got(self, program, what):
        size = ctypes.c_size_t()
        getattr(self._library, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
        text = ctypes.create_string_buffer(size.value)
        assert getattr(self._library, f"nvrtcGet{what}")(program, text) == 0
        return text.raw
