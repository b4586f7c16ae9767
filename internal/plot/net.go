package plot

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/nadir-ml/nadir/internal/svg"
)

// Net is the drawing of a network: a box a layer, arrows from what each takes
// its input from, downwards.
type Net struct {
	Title string
	// Nodes stand in an order in which each comes after its inputs.
	Nodes []NetNode
}

// A NetNode is an input or a layer.
type NetNode struct {
	Name, Kind string
	Note       string // such as the number of parameters
	Shape      string // of its output, for one sample
	Role       Role
	// Inputs names nodes before it; a layer without any takes the node before.
	Inputs []string
}

// A Role is what a box is coloured by.
type Role uint8

// The roles.
const (
	Plain      Role = iota
	Input           // of the network
	Weights         // has weights that are initialized at random
	Statistics      // scales and shifts, or has statistics
)

// MaxNodes is the largest number of nodes that a Net is drawn for.
const MaxNodes = 2000

// Lengths in pixels.
const (
	netHeader = 64
	boxHeight = 44
	boxLeast  = 120
	boxMost   = 280
	rankGap   = 36
	boxGap    = 28
	lineGap   = 16 // between lines that pass a row of boxes
	portGap   = 22 // between lines that end at one box
	netMargin = 24
	boldSize  = 13 * 1.1 // for estimates: bold letters of 13 are as wide
)

// SVG writes the picture.
func (n Net) SVG(w io.Writer) error {
	if len(n.Nodes) == 0 || len(n.Nodes) > MaxNodes {
		return fmt.Errorf("plot: a net of %d nodes cannot be drawn (1 to %d can)", len(n.Nodes), MaxNodes)
	}
	l, err := n.layout()
	if err != nil {
		return err
	}
	left, right := math.Inf(1), math.Inf(-1)
	for _, rank := range l.ranks {
		for _, s := range rank {
			left, right = math.Min(left, s.x-s.width/2), math.Max(right, s.x+s.width/2)
		}
	}
	width := math.Max(460, right-left+2*netMargin)
	height := netHeader + float64(len(l.ranks))*(boxHeight+rankGap) - rankGap + netMargin
	l.shift = (width - (left + right)) / 2
	l.canvas = svg.New(width, height, n.Title)
	l.canvas.Text(svg.Point{X: 20, Y: 28}, svg.Cut(n.Title, 16, width-40), svg.Font{Size: 16, Bold: true})
	l.legend(n)
	for _, e := range l.edges {
		l.edge(e)
	}
	for i, node := range n.Nodes {
		l.box(node, l.spots[i])
	}
	_, err = l.canvas.WriteTo(w)
	return err
}

// A spot is a place in a row: a box, or where an arrow passes.
type spot struct {
	rank, order int
	x, width    float64
	up, down    []*spot
}

func (s *spot) box() bool { return s.width >= boxLeast }

// A netLayout places the nodes in rows, so that every arrow points downwards,
// and within the rows so that few of them cross (Sugiyama, Tagawa and Toda,
// "Methods for Visual Understanding of Hierarchical System Structures", 1981).
type netLayout struct {
	canvas *svg.Canvas
	shift  float64
	width  float64 // of a box
	spots  []*spot // of the nodes
	ranks  [][]*spot
	edges  [][]*spot // from a node to another, with all spots between
}

func (n Net) layout() (*netLayout, error) {
	parents, err := n.parents()
	if err != nil {
		return nil, err
	}
	l := &netLayout{width: boxLeast}
	for _, node := range n.Nodes {
		l.width = math.Max(l.width, svg.TextWidth(node.Name, boldSize)+svg.TextWidth(node.Shape, 11)+40)
		l.width = math.Max(l.width, svg.TextWidth(node.Kind, 11)+svg.TextWidth(node.Note, 11)+40)
	}
	l.width = math.Min(l.width, boxMost)
	rank := make([]int, len(n.Nodes))
	for i, ps := range parents {
		for _, p := range ps {
			rank[i] = max(rank[i], rank[p]+1)
		}
	}
	// An input stands right above the first that takes it.
	for p, none := range parents {
		first := len(n.Nodes)
		for i, ps := range parents {
			if slices.Contains(ps, p) {
				first = min(first, rank[i])
			}
		}
		if len(none) == 0 && first < len(n.Nodes) {
			rank[p] = first - 1
		}
	}
	l.ranks = make([][]*spot, slices.Max(rank)+1)
	add := func(rank int, width float64) *spot {
		s := &spot{rank: rank, width: width, order: len(l.ranks[rank])}
		l.ranks[rank] = append(l.ranks[rank], s)
		return s
	}
	for i := range n.Nodes {
		l.spots = append(l.spots, add(rank[i], l.width))
	}
	for i, ps := range parents {
		for _, p := range ps {
			path := []*spot{l.spots[p]}
			for r := rank[p] + 1; r < rank[i]; r++ {
				path = append(path, add(r, 0))
			}
			path = append(path, l.spots[i])
			for k := range path[1:] {
				path[k].down = append(path[k].down, path[k+1])
				path[k+1].up = append(path[k+1].up, path[k])
			}
			l.edges = append(l.edges, path)
		}
	}
	l.sort()
	l.place()
	return l, nil
}

// parents finds the numbers of every node's inputs.
func (n Net) parents() ([][]int, error) {
	at := map[string]int{}
	out := make([][]int, len(n.Nodes))
	for i, node := range n.Nodes {
		if len(node.Inputs) == 0 && node.Role != Input && i > 0 {
			out[i] = []int{i - 1}
		}
		for _, name := range node.Inputs {
			p, ok := at[name]
			if !ok {
				return nil, fmt.Errorf("plot: %q takes %q, which no node before it is called", node.Name, name)
			}
			if !slices.Contains(out[i], p) {
				out[i] = append(out[i], p)
			}
		}
		at[node.Name] = i
	}
	return out, nil
}

// sort orders the rows by the mean place of what their spots are tied to, down
// and up again.
func (l *netLayout) sort() {
	const sweeps = 8
	for k := range sweeps {
		for i := range l.ranks {
			r, ties := l.ranks[i], func(s *spot) []*spot { return s.up }
			if k%2 == 1 {
				r, ties = l.ranks[len(l.ranks)-1-i], func(s *spot) []*spot { return s.down }
			}
			mean := map[*spot]float64{}
			for _, s := range r {
				mean[s] = float64(s.order)
				if ts := ties(s); len(ts) > 0 {
					mean[s] = 0
					for _, t := range ts {
						mean[s] += float64(t.order) / float64(len(ts))
					}
				}
			}
			slices.SortStableFunc(r, func(a, b *spot) int { return cmp.Compare(mean[a], mean[b]) })
			for order, s := range r {
				s.order = order
			}
		}
	}
}

// place moves every spot towards the mean of its neighbours above and below,
// as far as the order and the room between the spots of a row allow.
func (l *netLayout) place() {
	for _, r := range l.ranks {
		for i, s := range r {
			if i > 0 {
				s.x = r[i-1].x + apart(r[i-1], s)
			}
		}
		middle := r[len(r)-1].x / 2
		for _, s := range r {
			s.x -= middle
		}
	}
	const sweeps = 300
	for k := range sweeps {
		for i := range l.ranks {
			r := l.ranks[i]
			if k%2 == 1 {
				r = l.ranks[len(l.ranks)-1-i]
			}
			want := make([]float64, len(r))
			for j, s := range r {
				total := 0.0
				for _, t := range s.up {
					w := pull(t, s)
					want[j], total = want[j]+w*t.x, total+w
				}
				for _, t := range s.down {
					w := pull(s, t)
					want[j], total = want[j]+w*t.x, total+w
				}
				if want[j] /= total; total == 0 {
					want[j] = s.x
				}
			}
			settle(r, want)
		}
	}
	// What is nearly straight is made straight where there is room.
	for _, r := range l.ranks {
		for i, s := range r {
			if len(s.up) != 1 || pull(s.up[0], s) == 1 || math.Abs(s.up[0].x-s.x) > boxGap {
				continue
			}
			x := s.up[0].x
			if (i == 0 || x-r[i-1].x >= apart(r[i-1], s)) && (i == len(r)-1 || r[i+1].x-x >= apart(s, r[i+1])) {
				s.x = x
			}
		}
	}
}

// pull is the weight of a line from a down to b: one that has both ends for
// itself is to be straight.
func pull(a, b *spot) float64 {
	if len(a.down) == 1 && len(b.up) == 1 {
		return 40
	}
	return 1
}

// apart is the least distance of two neighbours in a row.
func apart(a, b *spot) float64 {
	gap := float64(lineGap)
	if a.box() || b.box() {
		gap = boxGap
	}
	return a.width/2 + gap + b.width/2
}

// settle gives the row the places closest to those wanted, in least squares,
// that keep its spots apart: neighbours that collide are pooled and share a
// mean (isotonic regression).
func settle(r []*spot, want []float64) {
	type pool struct {
		sum float64
		n   int
	}
	mean := func(p pool) float64 { return p.sum / float64(p.n) }
	offset := make([]float64, len(r))
	var pools []pool
	for i := range r {
		if i > 0 {
			offset[i] = offset[i-1] + apart(r[i-1], r[i])
		}
		p := pool{want[i] - offset[i], 1}
		for len(pools) > 0 && mean(pools[len(pools)-1]) > mean(p) {
			last := pools[len(pools)-1]
			p = pool{p.sum + last.sum, p.n + last.n}
			pools = pools[:len(pools)-1]
		}
		pools = append(pools, p)
	}
	i := 0
	for _, p := range pools {
		for range p.n {
			r[i].x = mean(p) + offset[i]
			i++
		}
	}
}

func (l *netLayout) top(s *spot) float64 { return netHeader + float64(s.rank)*(boxHeight+rankGap) }

// port is where the line to or from t meets the box s: lines stand side by
// side in the order of their other ends.
func port(s, t *spot, ends []*spot, width float64) float64 {
	if len(ends) < 2 {
		return s.x
	}
	before := 0
	for _, e := range ends {
		if e.x < t.x || e.x == t.x && e.order < t.order {
			before++
		}
	}
	gap := math.Min(portGap, (width-20)/float64(len(ends)-1))
	return s.x + (float64(before)-float64(len(ends)-1)/2)*gap
}

func (l *netLayout) edge(path []*spot) {
	const stub, head = 12, 8 // a line leaves and arrives upright
	var line []svg.Point
	add := func(x, y float64) { line = append(line, svg.Point{X: x + l.shift, Y: y}) }
	first, last := path[0], path[len(path)-1]
	x := port(first, path[1], first.down, l.width)
	add(x, l.top(first)+boxHeight)
	add(x, l.top(first)+boxHeight+stub/2)
	for _, s := range path[1 : len(path)-1] {
		add(s.x, l.top(s)-stub)
		add(s.x, l.top(s)+boxHeight+stub/2)
	}
	x = port(last, path[len(path)-2], last.up, l.width)
	add(x, l.top(last)-stub)
	add(x, l.top(last)-head)
	l.canvas.Polyline(line, svg.Pen{Color: svg.Soft, Width: 1.4})
	x, y := x+l.shift, l.top(last)
	l.canvas.Polygon([]svg.Point{{X: x, Y: y}, {X: x - head/2, Y: y - head}, {X: x + head/2, Y: y - head}}, svg.Soft)
}

func (r Role) color() svg.Color {
	switch r {
	case Input:
		return svg.Green
	case Weights:
		return svg.Blue
	case Statistics:
		return svg.Orange
	}
	return svg.Soft
}

func (l *netLayout) box(n NetNode, s *spot) {
	x, y := s.x+l.shift-l.width/2, l.top(s)
	c := n.Role.color()
	l.canvas.Rect(x, y, l.width, boxHeight, svg.White.Mix(c, 0.12), svg.Pen{Color: c, Width: 1.2})
	text := func(y, size float64, left, right string, f svg.Font) {
		room := l.width - 28 - svg.TextWidth(right, 11)
		l.canvas.Text(svg.Point{X: x + 10, Y: y}, svg.Cut(left, size, room), f)
		l.canvas.Text(svg.Point{X: x + l.width - 10, Y: y}, right, svg.Font{Size: 11, Anchor: svg.Right})
	}
	text(y+18, boldSize, n.Name, svg.Cut(n.Shape, 11, l.width/2), svg.Font{Size: 13, Bold: true})
	text(y+35, 11, n.Kind, svg.Cut(n.Note, 11, l.width/2), svg.Font{Size: 11, Color: svg.Soft})
}

func (l *netLayout) legend(n Net) {
	var keys []svg.Key
	for _, k := range []struct {
		role Role
		text string
	}{{Weights, "weights"}, {Statistics, "scale, shift, statistics"}, {Plain, "no parameters"}} {
		if slices.ContainsFunc(n.Nodes, func(node NetNode) bool { return node.Role == k.role }) {
			keys = append(keys, svg.Key{Pen: svg.Pen{Color: k.role.color(), Width: 5}, Text: k.text})
		}
	}
	width := 20.0
	for _, k := range keys {
		width += 46 + svg.TextWidth(k.Text, 12)
	}
	l.canvas.Legend(svg.Point{X: width - 18, Y: 50}, keys...)
}
