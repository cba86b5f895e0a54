"""Writes the NumPy fixtures of the storage tests beside this file.

Made with Python 3.11 and numpy 2.4; the values are fixed, so any version that writes the same formats gives
arrays with the same elements. Run it again only to add fixtures: python3 make.py
"""

import os

import numpy as np
from numpy.lib import format as npy

here = os.path.dirname(os.path.abspath(__file__))


def path(name):
    return os.path.join(here, name)


grid = np.arange(6).reshape(2, 3) - 2
for code in ["<f2", "<f4", "<f8", ">f4", ">f8", "|i1", "<i2", ">i2", "<i4", "<i8", ">i8"]:
    name = code.replace("<", "le_").replace(">", "be_").replace("|", "")
    np.save(path(f"{name}.npy"), grid.astype(code))
np.save(path("u1.npy"), np.array([0, 127, 255], "u1"))
np.save(path("u2.npy"), np.array([0, 65535], "<u2"))
np.save(path("be_u4.npy"), np.array([0, 4294967295], ">u4"))
np.save(path("u8.npy"), np.array([0, 2**63 - 1], "<u8"))
np.save(path("u8_large.npy"), np.array([0, 2**63], "<u8"))
np.save(path("bool.npy"), np.array([True, False, True]))
np.save(path("complex.npy"), np.array([1 + 2j, -3.5j], ">c16"))
np.save(path("fortran.npy"), np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)))
np.save(path("scalar.npy"), np.float64(2.5))
np.save(path("empty.npy"), np.zeros((0, 3)))
np.save(path("object.npy"), np.array([{"a": 1}], dtype=object), allow_pickle=True)
np.save(path("structured.npy"), np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]))
np.save(path("text.npy"), np.array(["a", "bc"]))
for version in [(2, 0), (3, 0)]:
    with open(path(f"version{version[0]}.npy"), "wb") as file:
        npy.write_array(file, np.array([1.5, -2.5]), version=version)
np.savez(path("stored.npz"), first=np.array([1.0, 2.0]), second=np.arange(4).reshape(2, 2))
np.savez_compressed(path("deflated.npz"), ramp=np.arange(1000.0), b=np.array([True]))

# Needs safetensors (made with 0.8.0); skipped where it is not installed.
try:
    from safetensors.numpy import save_file
except ImportError:
    save_file = None
if save_file:
    save_file(
        {
            "weight": np.arange(6, dtype="f4").reshape(2, 3),
            "bias": np.array([0.5, -0.5], "f8"),
            "mask": np.array([True, False]),
            "é": np.array(7, "i8"),
        },
        path("reference.safetensors"),
        metadata={"format": "np", "note": 'a "quoted" line\n'},
    )
