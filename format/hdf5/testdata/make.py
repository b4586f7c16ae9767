"""Writes HDF5 files of many kinds into the folder named by the argument."""
import os
import sys

import h5py
import numpy as np

folder = sys.argv[1]
rng = np.random.default_rng(1)


def new(name, **kw):
    return h5py.File(os.path.join(folder, name + ".h5"), "w", **kw)


def types(f):
    for t in "i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 >i2 >i4 >i8 >u4 >f2 >f4 >f8".split():
        f["n" + t.replace(">", "be")] = (rng.standard_normal((3, 5)) * 50).astype(t)
    f["bool"] = rng.random((4, 3)) < 0.5
    f["scalar"] = np.float32(3.5)
    f["empty"] = np.zeros((0, 3), "f4")
    f["vlen"] = np.array(["a", "", "größer", "x" * 5000], dtype=h5py.string_dtype())
    f["fixed"] = np.array([b"one", b"", b"three"])
    f["one text"] = "hello"
    f.create_dataset("compact", data=np.arange(20, dtype="i4"), dtype="i4")
    f.create_dataset("filled", shape=(4, 4), dtype="f4", fillvalue=2.5)
    f.create_dataset("never", shape=(4, 4), dtype="f8")
    f.create_dataset("enum", data=np.array([0, 2, 1], "i1"), dtype=h5py.enum_dtype({"A": 0, "B": 1, "C": 2}, basetype="i1"))


def attrs(f, many):
    f.attrs["text"] = "größer"
    f.attrs["bytes"] = np.bytes_(b"fixed")
    f.attrs["one"] = ["only"]
    f.attrs["list"] = np.array([b"kernel:0", b"bias:0"])
    f.attrs["names"] = np.array(["a", "bb", ""], dtype=h5py.string_dtype())
    f.attrs["none"] = np.array([])
    f.attrs["number"] = 7
    f.attrs["floats"] = np.array([[1.5, 2], [3, 4]], "f4")
    f.attrs["flag"] = True
    f.attrs["null"] = h5py.Empty("f4")
    f.attrs["long"] = "y" * 30000
    f.attrs["config"] = "z" * 200000
    for i in range(many):
        f.attrs["attr%04d" % i] = i
    if many > 100:
        f.attrs["huge"] = np.arange(5000.0)


def chunks(f):
    kinds = {"plain": {}, "gzip": {"compression": "gzip"}, "shuffle": {"shuffle": True}, "sum": {"fletcher32": True},
             "all": {"compression": "gzip", "shuffle": True, "fletcher32": True}}
    shapes = [((10,), (3,)), ((7, 9), (2, 9)), ((7, 9), (7, 2)), ((7, 9), (3, 4)), ((5, 6, 7), (2, 6, 7)), ((5, 6, 7), (2, 3, 7)),
              ((5, 6, 7), (5, 2, 3)), ((4, 4), (4, 4)), ((1, 1), (1, 1)), ((600, 3), (1, 2))]
    for kind, kw in kinds.items():
        for i, (shape, chunk) in enumerate(shapes):
            data = (rng.standard_normal(shape) * 9).round().astype("f4")
            f.create_dataset("%s/%d" % (kind, i), data=data, chunks=chunk, **kw)
            for j in range(len(shape)):
                most = list(shape)
                most[j] = None
                f.create_dataset("%s/%d grows %d" % (kind, i, j), data=data, chunks=chunk, maxshape=most, **kw)
            f.create_dataset("%s/%d limit" % (kind, i), data=data, chunks=chunk, maxshape=[2 * n for n in shape], **kw)
            f.create_dataset("%s/%d grows" % (kind, i), data=data, chunks=chunk, maxshape=[None] * len(shape), **kw)
        d = f.create_dataset("%s/some" % kind, shape=(40, 50), dtype="i2", chunks=(7, 8), fillvalue=-3, **kw)
        d[8:20, 9:30] = np.arange(12 * 21).reshape(12, 21)
        if kind not in ("plain", "all"):
            continue
        d = f.create_dataset("%s/long" % kind, shape=(1500,), dtype="u1", chunks=(1,), maxshape=(None,), **kw)
        d[:] = np.arange(1500) % 251
        d = f.create_dataset("%s/paged" % kind, shape=(1500,), dtype="u1", chunks=(1,), **kw)
        d[1100:1200] = 5
    # Pages of an extensible array's data blocks come late.
    d = f.create_dataset("late", shape=(140000,), dtype="u1", chunks=(1,), maxshape=(None,))
    d[139900:] = 7
    d[:5] = 3
    space = h5py.h5s.create_simple((6, 5))
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((4, 2))
    plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    d = h5py.h5d.create(f.id, b"early", h5py.h5t.IEEE_F32LE, space, plist)
    d.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(30, dtype="f4"))
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    d = h5py.h5d.create(f.id, b"in the header", h5py.h5t.IEEE_F32LE, space, plist)
    d.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(30, dtype="f4"))


def groups(f, n):
    for i in range(n):
        f["layers/layer_%d" % i] = np.float32(i)
    f["a/b/c/d/e"] = np.arange(3)
    f.create_group("bare")
    f["again"] = f["a/b"]
    f["soft"] = h5py.SoftLink("/a/b/c")
    f["relative"] = h5py.SoftLink("a/b")
    f["type"] = np.dtype("f4")
    f.create_dataset("of named type", data=np.arange(3, dtype="f4"), dtype=f["type"])
    f["bare"].attrs.create("typed", np.arange(2, dtype="f4"), dtype=f["type"])


for name, kw in {"old": {}, "new": {"libver": "latest"}, "v108": {"libver": ("v108", "v108")}, "order": {"track_order": True}, "user": {"userblock_size": 1024}}.items():
    for part, make in {"types": types, "chunks": chunks, "groups": lambda f: groups(f, 30), "many": lambda f: groups(f, 300),
                       "attrs": lambda f: attrs(f, 3), "dense": lambda f: attrs(f, 300)}.items():
        if part == "dense" and name in ("old", "user", "order"):
            make = lambda f: attrs(f, 40)
        if name in ("v108", "order", "user") and part in ("chunks", "many"):
            continue
        with new("%s-%s" % (name, part), **kw) as f:
            make(f)
