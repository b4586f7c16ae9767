package svg

// A Key is one entry of a Legend: how a line looks and what it is.
type Key struct {
	Pen  Pen
	Text string
}

// Legend draws the keys in one row that ends at p.
func (c *Canvas) Legend(p Point, keys ...Key) {
	const size, sample, gap = 12, 22, 18
	width := 0.0
	for i, k := range keys {
		width += sample + 6 + TextWidth(k.Text, size)
		if i > 0 {
			width += gap
		}
	}
	x := p.X - width
	for _, k := range keys {
		c.Line(Point{x, p.Y - 4}, Point{x + sample, p.Y - 4}, k.Pen)
		c.Text(Point{x + sample + 6, p.Y}, k.Text, Font{Size: size, Color: Soft})
		x += sample + 6 + TextWidth(k.Text, size) + gap
	}
}
