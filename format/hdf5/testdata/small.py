"""Writes the small files of this folder, which tests damage and fuzzers start from."""
import os

import h5py
import numpy as np

here = os.path.dirname(os.path.abspath(__file__))

with h5py.File(os.path.join(here, "new.h5"), "w", libver="latest") as f:
    kw = {"fletcher32": True}
    x = np.arange(24, dtype="f4").reshape(6, 4)
    f.create_dataset("fixed", data=x, chunks=(2, 4), compression="gzip", shuffle=True, **kw)
    f.create_dataset("grows", data=x, chunks=(2, 4), maxshape=(None, 4), **kw)
    f.create_dataset("tree", data=x, chunks=(4, 3), maxshape=(None, None), **kw)
    f.create_dataset("single", data=x, chunks=(6, 4), **kw)
    f.create_dataset("bool", data=x > 5, chunks=(6, 4), **kw)
    g = f.create_group("dense")
    for i in range(9):
        g["link%d" % i] = h5py.SoftLink("/fixed")
        g.attrs["attr%d" % i] = np.float32(i)

with h5py.File(os.path.join(here, "old.h5"), "w") as f:
    f["model/dense/kernel:0"] = x
    f.create_dataset("chunks", data=x, chunks=(4, 3), compression="gzip")
    f["texts"] = np.array(["a", "bc"], dtype=h5py.string_dtype())
    f.attrs["names"] = np.array([b"model", b"chunks"])
    f.attrs["config"] = '{"class_name": "Sequential"}'
    f["soft"] = h5py.SoftLink("/model/dense")

with h5py.File(os.path.join(here, "refused.h5"), "w", libver="latest") as f:
    f["links/external"] = h5py.ExternalLink("/etc/other.h5", "/secret")
    f["links/circle"] = h5py.SoftLink("/links/circle2")
    f["links/circle2"] = h5py.SoftLink("/links/circle")
    f["links/dangling"] = h5py.SoftLink("/nowhere")
    space, plist = h5py.h5s.create_simple((4,)), h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_external(b"../secret.bin", 0, 16)
    h5py.h5d.create(f.id, b"outside", h5py.h5t.IEEE_F32LE, space, plist)
    v = h5py.VirtualLayout((4,), "f4")
    v[:] = h5py.VirtualSource("parts.h5", "data", (4,))
    f.create_virtual_dataset("virtual", v)
    f["compound"] = np.zeros(2, [("a", "f4"), ("b", "i4")])
    f.create_dataset("lzf", data=np.zeros(64, "f4"), compression="lzf")
    f.create_dataset("reference", data=f["compound"].ref, dtype=h5py.ref_dtype)
    f.create_dataset("sequence", (1,), h5py.vlen_dtype("f4"))
    f.create_dataset("unwritten", (1 << 40,), "f4")
    f.create_dataset("holes", (1 << 40,), "f4", chunks=(1024,))
    f["text"] = "hello"
    f["number"] = 1.5
    f.attrs["compound"] = np.zeros((), [("a", "f4")])
    f.attrs["text"] = "hello"
    f["group/dataset"] = 2
