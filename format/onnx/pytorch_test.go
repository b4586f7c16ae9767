package onnx

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/tensor"
)

// exported are nets that PyTorch exports, with any number of samples, and what it computes
// of its inputs. Recurrent ones begin with zeros that the graph makes as many of as there are
// samples, with states that are given, or with such as are learned.
const exported = `
import json, sys, warnings, torch
import torch.nn as nn, torch.nn.functional as F
warnings.filterwarnings("ignore")
torch.manual_seed(0)
class Over(nn.Module):
    def __init__(s, m, width=0, states=False):
        super().__init__(); s.m = m; s.out = nn.Linear(width, 3) if width else None; s.states = states
    def forward(s, x, *st):
        y, h = s.m(x, st if len(st) > 1 else st[0]) if st else s.m(x)
        if s.states: return (y,) + (h if isinstance(h, tuple) else (h,))
        return s.out(y[:, -1]) if s.out else y
class Block(nn.Module):
    def __init__(s, d=8, h=2):
        super().__init__(); s.q = nn.Linear(d, d); s.k = nn.Linear(d, d); s.v = nn.Linear(d, d); s.o = nn.Linear(d, d); s.n = nn.LayerNorm(d); s.h = h
        s.a = nn.Linear(d, 16); s.b = nn.Linear(16, d); s.n2 = nn.LayerNorm(d)
    def forward(s, x):
        B, T, D = x.shape
        q, k, v = [f(x).view(B, T, s.h, D // s.h).transpose(1, 2) for f in (s.q, s.k, s.v)]
        y = (torch.softmax(q @ k.transpose(-2, -1) / (D // s.h) ** 0.5, -1) @ v).transpose(1, 2).reshape(B, T, D)
        x = s.n(x + s.o(y))
        return s.n2(x + s.b(F.gelu(s.a(x))))
class Words(nn.Module):
    def __init__(s): super().__init__(); s.e = nn.Embedding(11, 6); s.b = Block(6, 2); s.o = nn.Linear(6, 3)
    def forward(s, x): return s.o(s.b(s.e(x)).mean(1))
class Learned(nn.Module):
    def __init__(s): super().__init__(); s.m = nn.LSTM(3, 4, batch_first=True); s.h = nn.Parameter(torch.randn(1, 1, 4)); s.c = nn.Parameter(torch.randn(1, 1, 4)); s.o = nn.Linear(4, 2)
    def forward(s, x):
        n = x.shape[0]
        return s.o(s.m(x, (s.h.expand(1, n, 4).contiguous(), s.c.expand(1, n, 4).contiguous()))[0][:, -1])
class Frames(nn.Module):
    def __init__(s): super().__init__(); s.c = nn.Conv2d(2, 3, 3); s.m = nn.LSTM(48, 5, batch_first=True); s.o = nn.Linear(5, 2)
    def forward(s, x):
        B, T, C, H, W = x.shape
        y = F.relu(s.c(x.reshape(-1, C, H, W))).flatten(1)
        return s.o(s.m(y.reshape(-1, T, 48))[0][:, -1])
class Around(nn.Module):
    def __init__(s): super().__init__(); s.r = nn.ReflectionPad2d((1, 2, 0, 1)); s.e = nn.ReplicationPad2d(1); s.c = nn.Conv2d(2, 3, 3); s.t = nn.Conv2d(3, 2, 3, padding=1, padding_mode="reflect")
    def forward(s, x): return torch.clamp(s.t(s.e(s.c(s.r(x)))), min=-0.2)
class Volume(nn.Module):
    def __init__(s): super().__init__(); s.c = nn.Conv3d(2, 3, 2); s.t = nn.ConvTranspose3d(3, 2, 3, stride=2, padding=1, output_padding=1)
    def forward(s, x): return s.t(F.relu(s.c(x))).clamp(max=0.3)
class Cells(nn.Module):
    def __init__(s): super().__init__(); s.cell = nn.LSTMCell(3, 4); s.o = nn.Linear(4, 2)
    def forward(s, x):
        h = torch.zeros(x.shape[0], 4); c = torch.zeros(x.shape[0], 4)
        for t in range(x.shape[1]): h, c = s.cell(x[:, t], (h, c))
        return s.o(h)
class Packed(nn.Module):
    def __init__(s, r, n): super().__init__(); s.r = r; s.o = nn.Linear(n, 2)
    def forward(s, x, n):
        y, h = s.r(torch.nn.utils.rnn.pack_padded_sequence(x, n, batch_first=True))
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])
        return s.o(y), (h[0] if isinstance(h, tuple) else h).transpose(0, 1)
class Bare(nn.Module):
    def __init__(s, f, **parts):
        super().__init__(); s.f = f
        for name, p in parts.items(): setattr(s, name, p)
    def forward(s, *x): return s.f(s, *x)
class Mine(nn.Module):
    def __init__(s, m): super().__init__(); s.m = m
    def forward(s, x): return s.m(x, x, x, need_weights=False)[0]
def P(*shape): return nn.Parameter(torch.randn(shape))
rows, seq, heads, several = torch.randn(3, 4), torch.randn(3, 5, 4), dict(batch_first=True), lambda: nn.MultiheadAttention(4, 2, batch_first=True)
picture = torch.randn(2, 2, 5, 6)
x, state = torch.randn(3, 5, 3), lambda n: torch.randn(n, 3, 4)
one = dict(batch_first=True)
nets = {
  "lstm": (Over(nn.LSTM(3, 4, **one), 4), [x]), "lstm, steps first": (Over(nn.LSTM(3, 4)), [x.transpose(0, 1).contiguous()]), "two lstms both ways": (Over(nn.LSTM(3, 4, num_layers=2, bidirectional=True, **one), 8), [x]),
  "two grus": (Over(nn.GRU(3, 4, num_layers=2, **one), 4), [x]), "rnn": (Over(nn.RNN(3, 4, nonlinearity="relu", **one), 4), [x]),
  "lstm, states": (Over(nn.LSTM(3, 4, **one), states=True), [x, state(1), state(1)]), "two lstms, states": (Over(nn.LSTM(3, 4, num_layers=2, **one), states=True), [x, state(2), state(2)]),
  "lstm both ways, states": (Over(nn.LSTM(3, 4, bidirectional=True, **one), states=True), [x, state(2), state(2)]), "gru, states": (Over(nn.GRU(3, 4, **one), states=True), [x, state(1)]),
  "packed lstm": (Packed(nn.LSTM(3, 4, bidirectional=True, num_layers=2, **one), 8), [x, torch.tensor([5, 3, 1])]), "packed gru": (Packed(nn.GRU(3, 4, **one), 4), [x, torch.tensor([4, 3, 3])]),
  "learned state": (Learned(), [x]), "cells": (Cells(), [x]), "attention": (Block(), [torch.randn(2, 5, 8)]), "words": (Words(), [torch.randint(0, 11, (2, 5))]),
  "one number": (Bare(lambda s, x: s.l(x) * s.scale + s.shift, l=nn.Linear(4, 4), scale=P(1), shift=P()), [rows]),
  "numbers of the program": (Bare(lambda s, x: s.l((x - torch.tensor([1., 2, 3, 4])) / torch.tensor([2., 3, 4, 5])) * 2.5 + 1.5, l=nn.Linear(4, 4)), [rows]),
  "scaled branch": (Bare(lambda s, x: x + s.g * s.l(x) - s.b, l=nn.Linear(4, 4), g=P(4), b=P(1, 1)), [seq]),
  "places": (Bare(lambda s, x: s.l(x + s.pos) + s.e(torch.arange(5)), l=nn.Linear(4, 4), pos=P(1, 5, 4), e=nn.Embedding(5, 4)), [seq]),
  "class token": (Bare(lambda s, x: s.l(torch.cat([s.cls.expand(x.shape[0], -1, -1), s.l(x), s.end.expand(x.shape[0], -1, -1)], 1)), l=nn.Linear(4, 4), cls=P(1, 1, 4), end=P(1, 7, 4)), [seq]),
  "root mean square": (Bare(lambda s, x: x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * s.w, w=P(4)), [seq]),
  "own normalization": (Bare(lambda s, x: s.a * (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + 1e-6) + s.b, a=P(4), b=P(4)), [seq]),
  "matrices": (Bare(lambda s, x: s.left @ (x @ s.right) + s.b, left=P(7, 5), right=P(4, 6), b=P(6)), [seq]),
  "gates": (Bare(lambda s, x: s.l(x) * torch.sigmoid(s.g) / F.softplus(s.h), l=nn.Linear(4, 4), g=P(4), h=P(4)), [rows]),
  "channels": (Bare(lambda s, x: s.c(x) * s.g + s.b, c=nn.Conv2d(2, 3, 3), g=P(1, 3, 1, 1), b=P(3, 1, 1)), [torch.randn(2, 2, 5, 6)]),
  "twice": (Bare(lambda s, x, y: s.l(torch.tanh(s.l(x))) - s.l(y), l=nn.Linear(4, 4)), [rows, rows + 1]),
  "several heads": (Mine(several()), [seq]), "several heads, and weights": (several(), [seq, seq + 1, seq - 1]), "several heads, across": (Bare(lambda s, x, y: s.m(x, y, y)[0], m=several()), [seq, torch.randn(3, 7, 4)]),
  "several heads, steps first": (Mine(nn.MultiheadAttention(4, 2)), [seq.transpose(0, 1).contiguous()]),
  "encoder": (nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, **heads), 2), [seq]), "encoder, norm first": (nn.TransformerEncoderLayer(4, 2, 8, norm_first=True, activation="gelu", **heads), [seq]),
  "decoder": (nn.TransformerDecoderLayer(4, 2, 8, **heads), [seq, torch.randn(3, 7, 4)]), "transformer": (nn.Transformer(4, 2, 1, 1, 8, **heads), [seq, torch.randn(3, 6, 4)]),
  "fixed: encoder of one": (nn.TransformerEncoderLayer(4, 2, 8, **heads), [seq[:1]]), "fixed: encoder of three": (nn.TransformerEncoderLayer(4, 2, 8, **heads), [seq]),
  "fixed: heads of one": (Mine(several()), [seq[:1]]), "fixed: as many samples as heads": (Mine(several()), [seq[:2]]), "fixed: as many samples as steps": (Mine(several()), [seq[:, :3].contiguous()]),
  "shuffled pixels": (Bare(lambda s, x: F.pixel_unshuffle(s.d(F.pixel_shuffle(s.c(x), 2)), 2), c=nn.Conv2d(2, 8, 3), d=nn.Conv2d(2, 3, 1)), [picture]),
  "groups": (Bare(lambda s, x: s.g(s.i(s.c(x))), c=nn.Conv2d(2, 6, 3), i=nn.InstanceNorm2d(6, affine=True), g=nn.GroupNorm(3, 6)), [picture]),
  "groups of steps": (Bare(lambda s, x: s.g(x.transpose(1, 2)).transpose(1, 2), g=nn.GroupNorm(2, 4)), [seq]), "plain instances": (Bare(lambda s, x: s.i(s.c(x)), c=nn.Conv2d(2, 3, 3), i=nn.InstanceNorm2d(3)), [picture]),
  "unit length": (Bare(lambda s, x: F.normalize(s.l(x), dim=-1), l=nn.Linear(4, 4)), [rows]), "cosines": (Bare(lambda s, x, y: F.cosine_similarity(s.l(x), y, dim=-1), l=nn.Linear(4, 4)), [seq, seq + 1]),
  "sines": (Bare(lambda s, x: s.m(torch.sin(30 * s.l(x))), l=nn.Linear(4, 4), m=nn.Linear(4, 2)), [rows]), "logarithms": (Bare(lambda s, x: torch.logsumexp(s.l(x), -1, keepdim=True) + torch.log(x.abs() + 1).sum(-1, keepdim=True), l=nn.Linear(4, 4)), [seq]),
  "chosen": (Bare(lambda s, x, y: torch.where(s.l(x) > y, x, s.token), l=nn.Linear(4, 4), token=P(4)), [seq, seq.flip(0)]), "filled": (Bare(lambda s, x: s.l(x).masked_fill(x < 0, -1e4).softmax(-1), l=nn.Linear(4, 4)), [seq]),
  "causal": (Bare(lambda s, x: torch.softmax((s.q(x) @ s.k(x).transpose(1, 2)).masked_fill(torch.tril(torch.ones(5, 5)) == 0, float("-inf")), -1) @ x, q=nn.Linear(4, 4), k=nn.Linear(4, 4)), [seq]),
  "causal, triangle of the graph": (Bare(lambda s, x: torch.softmax((s.q(x) @ x.transpose(1, 2)).masked_fill(torch.triu(torch.ones(x.shape[1], x.shape[1]), 1).bool(), -1e9), -1) @ x, q=nn.Linear(4, 4)), [seq]),
  "mask given": (Bare(lambda s, x, m: torch.softmax((s.q(x) @ x.transpose(1, 2)).masked_fill(m[:, None, :] == 0, -1e9), -1) @ x, q=nn.Linear(4, 4)), [seq, torch.tensor([[1, 1, 1, 0, 0], [1] * 5, [1, 0, 0, 0, 0]])]),
  "rolled": (Bare(lambda s, x: torch.roll(s.c(x), (1, -2), (2, 3)), c=nn.Conv2d(2, 3, 3)), [picture]), "class": (Bare(lambda s, x: s.c(x).argmax(1, keepdim=True), c=nn.Conv2d(2, 4, 3)), [picture]),
  "einsum": (Bare(lambda s, x, y: torch.einsum("bid,bjd->bij", s.l(x), y), l=nn.Linear(4, 4)), [seq, seq + 1]), "einsum of heads": (Bare(lambda s, x: torch.einsum("bihd,bjhd->bhij", s.l(x).view(-1, 5, 2, 2), x.view(-1, 5, 2, 2)), l=nn.Linear(4, 4)), [seq]),
  "einsum of weights": (Bare(lambda s, x: torch.einsum("btd,dhk->bhtk", x, s.w), w=P(4, 2, 3)), [seq]),
  "generalized mean": (Bare(lambda s, x: F.avg_pool2d(s.c(x).clamp(min=1e-6).pow(s.p), (3, 4)).pow(1.0 / s.p), c=nn.Conv2d(2, 3, 3), p=nn.Parameter(torch.ones(1) * 3)), [picture]),
  "summed up": (Bare(lambda s, x: torch.cumsum(s.l(x), 1), l=nn.Linear(4, 4)), [seq]), "squeezed": (Bare(lambda s, x: x * torch.sigmoid(s.a(F.adaptive_avg_pool2d(x, 1))), a=nn.Conv2d(2, 2, 1)), [picture]),
  "convnext": (Bare(lambda s, x: x + (s.g * s.b(F.gelu(s.a(s.n(s.d(x).permute(0, 2, 3, 1)))))).permute(0, 3, 1, 2), d=nn.Conv2d(2, 2, 3, padding=1, groups=2), n=nn.LayerNorm(2), a=nn.Linear(2, 8), b=nn.Linear(8, 2), g=P(2)), [picture]),
  "corners": (Bare(lambda s, x: F.interpolate(s.c(x), scale_factor=2, mode="bilinear", align_corners=True), c=nn.Conv2d(2, 3, 3)), [picture]),
  "frames": (Frames(), [torch.randn(2, 3, 2, 6, 6)]), "around": (Around(), [torch.randn(2, 2, 5, 6)]), "volume": (Volume(), [torch.randn(2, 2, 4, 5, 4)]),
}
index = []
for i, (name, (m, ins)) in enumerate(nets.items()):
    m.eval()
    with torch.no_grad():
        for p in m.parameters(): # what is equal is one tensor in the file
            if p.dim() == 1: p += 0.1 * torch.rand(p.shape)
        for p, q in ((p, q) for a in m.modules() if isinstance(a, nn.ModuleList) for b in a[1:] for p in b.parameters() for q in [torch.rand(p.shape)]): p += 0.1 * q
    with torch.no_grad(): outs = m(*ins)
    outs = outs if isinstance(outs, tuple) else (outs,)
    axis = lambda k: 1 if "steps first" in name or "states" in name and k > 0 else 0
    a, b = ["in%d" % k for k in range(len(ins))], ["out%d" % k for k in range(len(outs))]
    axes = {n: {axis(k): "batch"} for list in (a, b) for k, n in enumerate(list)}
    if "fixed" in name: axes = None
    torch.onnx.export(m, tuple(ins), "%s/%d.onnx" % (sys.argv[1], i), opset_version=14, input_names=a, output_names=b, dynamic_axes=axes)
    index.append({"Name": name, "Learned": sum(p.numel() for p in m.parameters()), "In": [{"Shape": list(t.shape), "Int": t.dtype == torch.int64, "Data": t.flatten().tolist()} for t in ins], "Out": [{"Shape": list(t.shape), "Data": t.flatten().tolist()} for t in outs]})
json.dump(index, open(sys.argv[1] + "/index.json", "w"))
`

// recurrent are nets with two biases where ours has one.
var recurrent = map[string]bool{"lstm": true, "lstm, steps first": true, "two lstms both ways": true, "lstm, states": true, "two lstms, states": true, "lstm both ways, states": true, "rnn": true,
	"two grus": true, "gru, states": true, "learned state": true, "packed lstm": true, "packed gru": true, "cells": true, "frames": true}

// TestPyTorch reads what PyTorch exports and holds it to what that computes.
func TestPyTorch(t *testing.T) {
	t.Parallel()
	const interpreter = "/usr/bin/python3"
	if err := exec.Command(interpreter, "-c", "import torch, onnx").Run(); err != nil {
		t.Skip("torch is not installed: apt-get install python3-torch python3-onnx")
	}
	dir := t.TempDir()
	if out, err := exec.Command(interpreter, "-c", exported, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	type array struct {
		Shape []int
		Int   bool
		Data  []float64
	}
	var index []struct {
		Name    string
		Learned int
		In, Out []array
	}
	raw, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err == nil {
		err = json.Unmarshal(raw, &index)
	}
	if err != nil {
		t.Fatal(err)
	}
	// as has an array in an order of axes.
	as := func(a array, perm []int) *tensor.Tensor {
		x := tensor.New(tensor.Float32, a.Shape...)
		for i, v := range a.Data {
			x.SetFlat(i, v)
		}
		if a.Int {
			x = x.Convert(tensor.Int32)
		}
		x, err := format.Permute(perm...)([]*tensor.Tensor{x})
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	for i, e := range index {
		t.Run(e.Name, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join(dir, fmt.Sprint(i, ".onnx")))
			if err != nil {
				t.Fatal(err)
			}
			m, err := parseModel(raw)
			if err != nil {
				t.Fatal(err)
			}
			f := &format.File{}
			c, b, err := blueprint(m, f, "", format.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if c.whole {
				_, _, err := blueprintOf(m, f, "", format.Options{}, false)
				t.Fatalf("it is taken for a graph of one sample: %v", err)
			}
			f.Blueprint = func(format.Options) (*format.Blueprint, error) { return b, nil }
			net, _, err := f.Import(format.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if _, learned := net.Params.Count(); learned != e.Learned && !recurrent[e.Name] {
				t.Errorf("it learns %d numbers, want %d", learned, e.Learned)
			}
			var xs []*tensor.Tensor
			for _, field := range net.Data.Inputs {
				for k, in := range m.graph.inputs {
					if c.inputName[in.name] == field.Name {
						xs = append(xs, as(e.In[k], c.orders[field.Name]))
					}
				}
			}
			for k, y := range predicted(t, net, xs) {
				want := as(e.Out[k], c.orders["output:"+m.graph.outputs[k].name])
				if !y.Shape().Equal(want.Shape()) {
					t.Fatalf("output %d has shape %v, want %v", k, y.Shape(), want.Shape())
				}
				for j := range want.Len() {
					if !(math.Abs(y.Flat(j)-want.Flat(j)) <= 2e-6) {
						t.Fatalf("output %d: element %d is %v, want %v", k, j, y.Flat(j), want.Flat(j))
					}
				}
			}
		})
	}
}
